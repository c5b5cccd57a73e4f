package market

import (
	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
)

func punks(r *Registry) {
	const bought = "0x58e5d5a525e3b40bc15abaa38b5882678db1ee68befd2f60bafe3a7fd06db9e3"
	r.on("cryptopunks", "v1", bought, 4, punkBought, "0xb47e3cd837ddf8e4c57f05d70ab865de6e193bbb", "0x6ba6f2207e343923ba692e5cae646fb0f566db8d")
}

var topicPunkBid = evm.MustWord("0x5b859394fabae0c1ba88baffe67e751ab5248d2e879028b8c8d6897b0519f56a")

// acceptBid is the selector of acceptBidForPunk(uint256 punkIndex, uint256 minPrice).
var acceptBid = [4]byte{0x23, 0x16, 0x5b, 0x75}

// punkBought(indexed punkIndex, uint256 value, indexed from, indexed to). An accepted bid logs the value 0 and the buyer 0x0: the buyer is in the Transfer before, the value in the
// bid, which an earlier transaction placed. Until it is known the least that the seller asked for stands in.
func punkBought(c *ctx) (*Sale, error) {
	s := c.sale(Buy)
	s.Price = c.body.Int(0)
	seller, buyer, accepted := c.tx.PunkParties(c.at)
	s.Seller, s.Buyer = seller, buyer
	id := *c.log.Topics[1].Int()
	s.Items = []Item{{Contract: c.log.Address, TokenID: id, Amount: *uint256.NewInt(1), Standard: ledger.Punks}}
	if !accepted || !s.Price.IsZero() {
		return s, nil
	}
	s.Category = OfferAccepted
	for i := c.at - 1; i >= 0; i-- {
		if l := &c.tx.Logs[i]; l.Address == c.log.Address && l.NTopics == 3 && l.Topics[0] == topicPunkBid && l.Topics[1] == c.log.Topics[1] && len(l.Data) == 32 {
			s.Price.SetBytes32(l.Data)
			return s, nil
		}
	}
	s.NeedsBid = true
	if least, ok := c.askedAtLeast(&id); ok {
		s.Price = least
	}
	// A seller that is a contract may fetch its money at once: then what the contract paid out is the bid, if it is not below what was asked.
	if paid, ok := c.punkPaidOut(seller); ok && !paid.Lt(&s.Price) {
		s.Price = paid
	}
	return s, nil
}

// punkPaidOut is what the punks' contract paid to the seller in a transaction with this one accepted bid.
func (c *ctx) punkPaidOut(seller evm.Address) (sum uint256.Int, ok bool) {
	for i := range c.tx.Logs {
		if l := &c.tx.Logs[i]; i != c.at && l.Address == c.log.Address && l.NTopics == 4 && l.Topics[0] == c.log.Topics[0] {
			return sum, false
		}
	}
	for i := range c.tx.Native {
		if p := &c.tx.Native[i]; p.From == c.log.Address && p.To == seller {
			sum.Add(&sum, &p.Amount)
		}
	}
	return sum, !sum.IsZero()
}

func (c *ctx) askedAtLeast(id *uint256.Int) (v uint256.Int, ok bool) {
	try := func(input []byte) bool {
		data, err := evm.AppendDecoded(nil, input)
		if err != nil || len(data) != 68 || [4]byte(data[:4]) != acceptBid {
			return false
		}
		b := ledger.NewBody(data[4:])
		if punk := b.Int(0); !punk.Eq(id) {
			return false
		}
		v, ok = b.Int(32), true
		return true
	}
	for i := range c.tx.Calls {
		if call := &c.tx.Calls[i]; call.To == c.log.Address && call.OK && try(call.Input) {
			return v, ok
		}
	}
	if c.tx.To == c.log.Address {
		try(c.tx.Input)
	}
	return v, ok
}
