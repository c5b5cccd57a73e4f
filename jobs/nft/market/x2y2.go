package market

import (
	"fmt"

	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
)

func x2y2(r *Registry) {
	r.on("x2y2", "v1", "0x3cbb63f144840e5b1b0a38a7c19211d2e89de4d7c5faf8b2d3c1776c302d1d33", 2, evInventory, "0x74312363e45dcaba76c59ec49a7aa8a65a67eed3")
}

// x2y2Wallet gets X2Y2's own fee.
var x2y2Wallet = evm.MustAddress("0xd823c605807cc5e6bd6fc0d7e4eea50d3e2d66cd")

// What EvInventory tells has happened (detail.op); the rest are bids, refunds and cancellations.
const (
	opSell    = 1
	opBuy     = 2
	opAuction = 5
)

// evInventory(indexed itemHash, maker, taker, orderSalt, settleSalt, intent, delegateType, deadline, currency, bytes dataMask, (uint256 price, bytes data) item, detail), where detail is
// (op, orderIdx, itemIdx, price, itemHash, executionDelegate, bytes dataReplacement, bidIncentivePct, aucMinIncrementPct, aucIncDurationSecs, (uint256 percentage, address to)[] fees).
func evInventory(c *ctx) (*Sale, error) {
	b := c.body
	maker, taker := b.Address(0), b.Address(32)
	delegate := b.Small(160, 1<<16)
	cur := currency(b.Address(224))
	mask := b.Bytes(b.Offset(0, 256))
	item, detail := b.Offset(0, 288), b.Offset(0, 320)
	data := b.Bytes(b.Offset(item, item+32))
	op := b.Small(detail, 255)
	price := b.Int(detail + 96)
	replacement := b.Bytes(b.Offset(detail, detail+192))
	fees, n := b.Array(b.Offset(detail, detail+320), 2)
	if b.Err() != nil {
		return nil, b.Err()
	}
	var s *Sale
	switch op {
	case opSell:
		s = c.sale(Buy)
		s.Seller, s.Buyer = maker, taker
	case opBuy:
		s = c.sale(OfferAccepted)
		s.Seller, s.Buyer = taker, maker
	case opAuction:
		s = c.sale(AuctionSettled)
		s.Seller, s.Buyer = maker, taker
	default:
		return nil, nil
	}
	s.OrderHash, s.HasOrderHash = c.log.Topics[1], true
	var rates []uint64
	for i := range n {
		rates = append(rates, b.Small(fees+64*i, 1e6))
	}
	if op == opAuction {
		price = c.x2y2Hammer(price, rates)
	}
	s.Price, s.Currency = price, cur
	var err error
	if s.Items, err = x2y2Items(c, delegate, unmask(data, mask, replacement)); err != nil {
		return nil, err
	}
	for i := range n {
		to := b.Address(fees + 64*i + 32)
		kind := Royalty
		if to == x2y2Wallet {
			kind = Platform
		}
		s.addFee(to, bps(&price, rates[i], 1e6), kind)
	}
	if op == opAuction {
		// Anybody may end an auction: the event names who did, the token goes to who bid most.
		at := c.nearest(func(t *ledger.Transfer) bool {
			return t.Contract == s.Items[0].Contract && t.TokenID.Eq(&s.Items[0].TokenID) && !t.To.IsZero()
		})
		if at >= 0 {
			s.Buyer = c.tx.Transfers[at].To
		}
	}
	return s, nil
}

var topicProfit = evm.MustWord("0xe2c49856b032c255ae7e325d18109bc4e22a2804e2e49a017ec0f59f19cd447b")

// x2y2Hammer is the price that an auction ended at. The event's own price is whatever the settlement said; what the seller got is in EvProfit(itemHash, currency, to, amount), and is
// the price less its fees.
func (c *ctx) x2y2Hammer(stated uint256.Int, rates []uint64) uint256.Int {
	net := func(price *uint256.Int) (v uint256.Int) {
		v = *price
		for _, r := range rates {
			v.Sub(&v, bps(price, r, 1e6))
		}
		return v
	}
	for i := c.at - 1; i >= 0; i-- {
		l := &c.tx.Logs[i]
		if l.Address != c.log.Address || l.NTopics != 1 || l.Topics[0] != topicProfit || len(l.Data) != 128 || evm.Word(l.Data[:32]) != c.log.Topics[1] {
			continue
		}
		var got uint256.Int
		got.SetBytes32(l.Data[96:])
		if n := net(&stated); n.Eq(&got) {
			return stated
		}
		kept := uint64(1e6)
		for _, r := range rates {
			if r > kept {
				return stated
			}
			kept -= r
		}
		if kept == 0 {
			return stated
		}
		guess, over := new(uint256.Int).MulDivOverflow(&got, uint256.NewInt(1e6), uint256.NewInt(kept))
		if over {
			return stated
		}
		for range len(rates) + 2 { // floors make the guess a few wei too low
			if n := net(guess); !n.Lt(&got) {
				return *guess
			}
			guess.AddUint64(guess, 1)
		}
		return *guess
	}
	return stated
}

// unmask puts the taker's bytes where the maker's order leaves them open: which token of a collection is sold into an offer.
func unmask(data, mask, replacement []byte) []byte {
	if len(mask) != len(data) || len(replacement) != len(data) {
		return data
	}
	out := append([]byte{}, data...)
	for i := range out {
		if mask[i] != 0 {
			out[i] = replacement[i]
		}
	}
	return out
}

// x2y2Items reads an array of (token, id) or, for ERC-1155 (delegate type 2), (token, id, amount).
func x2y2Items(c *ctx, delegate uint64, data []byte) ([]Item, error) {
	b := ledger.NewBody(data)
	words, standard := 2, ledger.ERC721
	if delegate == 2 {
		words, standard = 3, ledger.ERC1155
	}
	first, n := b.Array(b.Offset(0, 0), words)
	var out []Item
	for i := range n {
		p := first + 32*words*i
		var amount *uint256.Int
		if words == 3 {
			v := b.Int(p + 64)
			amount = &v
		}
		out = append(out, c.item(b.Address(p), b.Int(p+32), amount, standard))
	}
	if b.Err() != nil {
		return nil, b.Err()
	}
	if n == 0 {
		return nil, fmt.Errorf("%w: no tokens in the item", ledger.ErrBody)
	}
	return out, nil
}
