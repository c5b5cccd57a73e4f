package market

import (
	"bytes"
	"fmt"

	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
)

const (
	topicWyvernMatched = "0xc4109843e0b7d514e4c093114b863f8e7d8d9a458c372cd51bfe526b588006c9"
	wyvernV2           = "0x7be8076f4ea4a4ad08075c2508e481d6c946d12b"
	wyvernV23          = "0x7f268357a8c2552623316e2562d90e642bb538e5"
)

// atomicMatch is the selector of atomicMatch_(address[14],uint256[18],uint8[8],bytes,bytes,bytes,bytes,bytes,bytes,uint8[2],bytes32[5]).
var atomicMatch = [4]byte{0xab, 0x83, 0x4b, 0xab}

func wyvern(r *Registry) {
	r.on("opensea_wyvern", "v2", topicWyvernMatched, 4, wyvernMatched, wyvernV2)
	r.on("opensea_wyvern", "v2.3", topicWyvernMatched, 4, wyvernMatched, wyvernV23)
}

// wyvernOrder is what matters of the two orders in atomicMatch_'s calldata.
type wyvernOrder struct {
	buyer, seller, currency        evm.Address
	buyFeeRecipient, sellRecipient evm.Address
	sellTarget                     evm.Address
	sellMakerFee, buyTakerFee      uint64 // basis points, taken from the seller's part when the side is the maker
	sellSplit, buySplit            bool
	sellCall                       []byte
}

// wyvernMatched(bytes32 buyHash, bytes32 sellHash, indexed maker, indexed taker, uint256 price, indexed metadata).
//
// The event does not say who sells, in which currency, or what: the orders in the calldata do. Without them (no traces and not called directly) the transfers tell.
func wyvernMatched(c *ctx) (*Sale, error) {
	b := c.body
	buyHash, sellHash := b.Word(0), b.Word(32)
	price := b.Int(64)
	if b.Err() != nil {
		return nil, b.Err()
	}
	maker, taker := c.log.Topics[1].Address(), c.log.Topics[2].Address()
	s := c.sale(Buy)
	s.Price, s.OrderHash, s.HasOrderHash = price, sellHash, true
	o := c.wyvernOrder()
	if o != nil && !(o.seller == maker && o.buyer == taker || o.seller == taker && o.buyer == maker) {
		o = nil // calldata of another match
	}
	if o == nil {
		c.wyvernFromFlow(s, maker, taker)
		if s.Category == OfferAccepted {
			s.OrderHash = buyHash
		}
		return s, nil
	}
	s.Seller, s.Buyer, s.Currency = o.seller, o.buyer, currency(o.currency)
	if o.sellRecipient.IsZero() { // the buyer's order was the maker's
		s.Category, s.OrderHash = OfferAccepted, buyHash
		if o.buySplit {
			c.wyvernFee(s, o.buyFeeRecipient, o.buyTakerFee)
		}
	} else if o.sellSplit {
		c.wyvernFee(s, o.sellRecipient, o.sellMakerFee)
	}
	if s.Items, s.Buyer = c.wyvernItems(s.Seller, s.Buyer); len(s.Items) == 0 {
		s.Items = o.called(s.Seller)
	}
	return s, nil
}

// openSeaShare is OpenSea's own part of Wyvern's single fee: 2.5 %; what is above it is for the creator, through the same recipient.
const openSeaShare = 250

func (c *ctx) wyvernFee(s *Sale, to evm.Address, rate uint64) {
	all := bps(&s.Price, rate, 10000)
	if rate <= openSeaShare || !openSeaWallets[to] {
		s.addFee(to, all, Platform)
		return
	}
	own := bps(&s.Price, openSeaShare, 10000)
	s.addFee(to, own, Platform)
	s.addFee(to, new(uint256.Int).Sub(all, own), Royalty)
}

// wyvernItems are the NFTs that the seller gave since the exchange's event before this one, and who got them: an aggregator's order may send the token straight to
// its user.
func (c *ctx) wyvernItems(seller, buyer evm.Address) ([]Item, evm.Address) {
	for _, keep := range []func(*ledger.Transfer) bool{
		func(t *ledger.Transfer) bool { return t.From == seller },
		func(t *ledger.Transfer) bool { return t.To == buyer && t.From.IsZero() }, // minted when it is sold
		func(t *ledger.Transfer) bool { return t.To == buyer },
	} {
		if at := c.window(keep); len(at) > 0 {
			return c.take(at), c.tx.Transfers[at[0]].To
		}
	}
	return nil, buyer
}

func (c *ctx) wyvernFromFlow(s *Sale, maker, taker evm.Address) {
	s.feesUnknown = true
	s.Seller, s.Buyer = maker, taker
	back := c.window(func(t *ledger.Transfer) bool { return t.From == taker && t.To == maker })
	forth := c.window(func(t *ledger.Transfer) bool { return t.From == maker && t.To == taker })
	if len(back) > 0 && len(forth) == 0 {
		s.Category, s.Seller, s.Buyer = OfferAccepted, taker, maker
	}
	s.Items, s.Buyer = c.wyvernItems(s.Seller, s.Buyer)
	s.Currency = c.paidIn(s.Buyer, s.Seller)
}

// wyvernOrder finds the calldata of this match: the n-th successful atomicMatch_ on the exchange.
func (c *ctx) wyvernOrder() *wyvernOrder {
	n := c.nth
	for i := range c.tx.Calls {
		call := &c.tx.Calls[i]
		if call.To != c.log.Address || !call.OK || call.Kind != ledger.Call {
			continue
		}
		if sel, ok := call.Selector(); !ok || sel != atomicMatch {
			continue
		}
		if n--; n < 0 {
			o, err := parseAtomicMatch(call.Input)
			if err != nil {
				return nil
			}
			return o
		}
	}
	if !c.tx.HasTraces && c.tx.To == c.log.Address {
		if o, err := parseAtomicMatch(c.tx.Input); err == nil {
			return o
		}
	}
	return nil
}

func parseAtomicMatch(input []byte) (*wyvernOrder, error) {
	data, err := evm.AppendDecoded(nil, input)
	if err != nil {
		return nil, fmt.Errorf("%w: calldata: %w", ledger.ErrBody, err)
	}
	if len(data) < 4 || !bytes.Equal(data[:4], atomicMatch[:]) {
		return nil, fmt.Errorf("%w: calldata is not atomicMatch_", ledger.ErrBody)
	}
	b := ledger.NewBody(data[4:])
	addr := func(i int) evm.Address { return b.Address(32 * i) }
	num := func(i int) uint64 {
		v := b.Int(32 * (14 + i))
		if !v.IsUint64() {
			return 0
		}
		return v.Uint64()
	}
	o := &wyvernOrder{
		buyer: addr(1), buyFeeRecipient: addr(3), currency: addr(6), seller: addr(8), sellRecipient: addr(10), sellTarget: addr(11),
		buyTakerFee: num(1), sellMakerFee: num(9), buySplit: b.Small(32*32, 255) == 1, sellSplit: b.Small(32*36, 255) == 1,
	}
	// Heads: 14 addresses, 18 numbers, 8 small numbers, then six offsets: calldataBuy, calldataSell, …
	o.sellCall = b.Bytes(b.Offset(0, 32*41))
	return o, b.Err()
}

// called reads the sold token from the seller's calldata, for tokens that log no transfer that is understood.
func (o *wyvernOrder) called(seller evm.Address) []Item {
	if len(o.sellCall) < 4 {
		return nil
	}
	b := ledger.NewBody(o.sellCall[4:])
	it := Item{Contract: o.sellTarget, Standard: ledger.Legacy, Amount: *uint256.NewInt(1)}
	switch [4]byte(o.sellCall[:4]) {
	case [4]byte{0x23, 0xb8, 0x72, 0xdd}, [4]byte{0x42, 0x84, 0x2e, 0x0e}: // (safe)transferFrom(from, to, id)
		if b.Address(0) != seller {
			return nil
		}
		it.TokenID = b.Int(64)
	case [4]byte{0xa9, 0x05, 0x9c, 0xbb}: // transfer(to, id)
		it.TokenID = b.Int(32)
	case [4]byte{0xf2, 0x42, 0x43, 0x2a}: // safeTransferFrom(from, to, id, amount, data)
		it.TokenID, it.Amount, it.Standard = b.Int(64), b.Int(96), ledger.ERC1155
	default:
		return nil
	}
	if b.Err() != nil {
		return nil
	}
	return []Item{it}
}
