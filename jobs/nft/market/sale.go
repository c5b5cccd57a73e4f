package market

import (
	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
)

// Check is how far a sale is confirmed by the flow of assets.
type Check string

const (
	FlowOK    Check = "flow_ok"
	Unchecked Check = "unchecked"
	Mismatch  Check = "mismatch"
	Mirror    Check = "mirror"
	Zero      Check = "zero"
)

// Trade categories.
const (
	Buy            = "Buy"
	OfferAccepted  = "Offer Accepted"
	AuctionSettled = "Auction Settled"
	PrivateSale    = "Private Sale"
	Swap           = "Swap"
)

// Fee kinds.
const (
	Platform = "platform"
	Royalty  = "royalty"
)

// Item is a token and how much of it.
type Item struct {
	Contract evm.Address
	TokenID  uint256.Int
	Amount   uint256.Int
	Standard ledger.Standard
}

// Fee is a part of the price that somebody other than the seller got.
type Fee struct {
	Recipient evm.Address
	Amount    uint256.Int
	Kind      string
}

// Sale is one sale event.
type Sale struct {
	Log              *ledger.Log
	Project, Version string
	Category         string
	OrderHash        evm.Word
	HasOrderHash     bool
	Items            []Item
	Seller, Buyer    evm.Address
	Price            uint256.Int
	Currency         evm.Address // zero: native
	Fees             []Fee
	Check            Check

	// feesUnknown: the event does not say the fees; they are taken from the flow.
	feesUnknown bool
	// NeedsBid: a CryptoPunks bid was accepted, whose amount is in an earlier PunkBidEntered; Price holds what the seller asked at least.
	NeedsBid bool
}

// addFee adds to the fee of that kind of a recipient; zero amounts are no fee.
func (s *Sale) addFee(to evm.Address, amount *uint256.Int, kind string) {
	if amount.IsZero() {
		return
	}
	for i := range s.Fees {
		if s.Fees[i].Recipient == to && s.Fees[i].Kind == kind {
			s.Fees[i].Amount.Add(&s.Fees[i].Amount, amount)
			return
		}
	}
	s.Fees = append(s.Fees, Fee{Recipient: to, Amount: *amount, Kind: kind})
}

// FeeSum is what does not go to the seller.
func (s *Sale) FeeSum() (sum uint256.Int) {
	for i := range s.Fees {
		sum.Add(&sum, &s.Fees[i].Amount)
	}
	return sum
}

// FeesOf is the sum of fees of one kind.
func (s *Sale) FeesOf(kind string) (sum uint256.Int) {
	for i := range s.Fees {
		if s.Fees[i].Kind == kind {
			sum.Add(&sum, &s.Fees[i].Amount)
		}
	}
	return sum
}

// bps is floor(price × rate / base).
func bps(price *uint256.Int, rate, base uint64) *uint256.Int {
	v, _ := new(uint256.Int).MulDivOverflow(price, uint256.NewInt(rate), uint256.NewInt(base))
	return v
}

// native is the currency address of what some marketplaces call 0xeeee…ee.
var nativeAlias = evm.MustAddress("0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee")

func currency(a evm.Address) evm.Address {
	if a == nativeAlias {
		return evm.Address{}
	}
	return a
}

// ctx is what a decoder sees: the transaction, and its event's place in it.
type ctx struct {
	tx  *ledger.Tx
	at  int // position in tx.Logs
	log *ledger.Log
	e   *entry
	// used marks transfers that an earlier sale of the transaction took as its items.
	used []bool
	body *ledger.Body
	// since is the log index of the marketplace's event before this one in the transaction, -1 when there is none.
	since int64
	// nth counts the events of this contract and topic before this one in the transaction.
	nth int
}

func (c *ctx) sale(category string) *Sale {
	return &Sale{Log: c.log, Project: c.e.project, Version: c.e.version, Category: category}
}

// standard finds the standard of a token from the transfers of the transaction.
func (c *ctx) standard(contract evm.Address, fallback ledger.Standard) ledger.Standard {
	for i := range c.tx.Transfers {
		if c.tx.Transfers[i].Contract == contract {
			return c.tx.Transfers[i].Standard
		}
	}
	return fallback
}

func (c *ctx) item(contract evm.Address, id uint256.Int, amount *uint256.Int, fallback ledger.Standard) Item {
	it := Item{Contract: contract, TokenID: id, Standard: c.standard(contract, fallback)}
	if amount == nil || amount.IsZero() {
		it.Amount.SetOne()
	} else {
		it.Amount = *amount
	}
	return it
}

func itemOf(t *ledger.Transfer) Item {
	return Item{Contract: t.Contract, TokenID: t.TokenID, Amount: t.Amount, Standard: t.Standard}
}

// window gives the positions of the transfers between the event before and this one that keep accepts and no other sale took.
func (c *ctx) window(keep func(*ledger.Transfer) bool) []int {
	var out []int
	for i := range c.tx.Transfers {
		t := &c.tx.Transfers[i]
		if !c.used[i] && t.LogIndex > c.since && t.LogIndex < c.log.Index && keep(t) {
			out = append(out, i)
		}
	}
	return out
}

// take makes items of transfers and marks them as used.
func (c *ctx) take(at []int) []Item {
	var out []Item
	for _, i := range at {
		c.used[i] = true
		out = append(out, itemOf(&c.tx.Transfers[i]))
	}
	return out
}

// nearest finds the transfer of a token closest to the event that keep accepts and no other sale took; -1 when there is none.
func (c *ctx) nearest(keep func(*ledger.Transfer) bool) int {
	best, dist := -1, int64(1<<62)
	for i := range c.tx.Transfers {
		t := &c.tx.Transfers[i]
		d := t.LogIndex - c.log.Index
		if d < 0 {
			d = -d
		}
		if !c.used[i] && d < dist && keep(t) {
			best, dist = i, d
		}
	}
	return best
}

// tokenPayments gives the ERC-20 payments of the currency between the event before and this one.
func (c *ctx) tokenPayments(currency evm.Address) []*ledger.Payment {
	var out []*ledger.Payment
	for i := range c.tx.Tokens {
		p := &c.tx.Tokens[i]
		if p.Currency == currency && !p.Wrap && p.LogIndex > c.since && p.LogIndex < c.log.Index {
			out = append(out, p)
		}
	}
	return out
}

// payee finds who got exactly this amount of the currency in the transaction, the marketplace itself when nobody did. It is for events that state the amount of a fee and
// not its recipient.
func (c *ctx) payee(amount *uint256.Int, cur, not evm.Address) evm.Address {
	if cur.IsZero() {
		for i := range c.tx.Native {
			if p := &c.tx.Native[i]; p.Amount.Eq(amount) && p.To != not && p.To != c.log.Address && p.From == c.log.Address {
				return p.To
			}
		}
	}
	for i := range c.tx.Tokens {
		if p := &c.tx.Tokens[i]; (p.Currency == cur || cur.IsZero()) && !p.Wrap && p.Amount.Eq(amount) && p.To != not && p.To != c.log.Address {
			return p.To
		}
	}
	return c.log.Address
}

// paidIn guesses the currency of a sale whose event does not name it: the ERC-20 that the buyer gave in the window, else native.
func (c *ctx) paidIn(buyer, seller evm.Address) evm.Address {
	for i := range c.tx.Tokens {
		p := &c.tx.Tokens[i]
		if p.LogIndex > c.since && p.LogIndex <= c.log.Index && !p.Wrap && !p.Amount.IsZero() && (p.From == buyer || p.To == seller) {
			return p.Currency
		}
	}
	return evm.Address{}
}
