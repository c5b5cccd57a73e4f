package market

import (
	"fmt"

	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
)

func looksrare(r *Registry) {
	const v1, v2 = "0x59728544b08ab483533076417fbbb2fd0b17ce3a", "0x0000000000e655fae4d56241588680f86e3b2377"
	r.on("looksrare", "v1", "0x95fb6205e23ff6bda16a2d1dba56b9ad7c783f67c96fa149785052f47696f2be", 4, looksBid, v1)
	r.on("looksrare", "v1", "0x68cd251d4d267c6e2034ff0088b990352b97b2002c0476587d0c4da889c11330", 4, looksAsk, v1)
	r.on("looksrare", "v2", "0x3ee3de4684413690dee6fff1a0a4f92916a1b97d1c5a83cdf24671844306b2e3", 1, looks2Bid, v2)
	r.on("looksrare", "v2", "0x9aaa45d6db2ef74ead0751ea9113263d1dec1b50cea05f0ca2002cb8063564a4", 1, looks2Ask, v2)
}

var topicRoyaltyPayment = evm.MustWord("0x27c4f0403323142b599832f26acd21c74a9e5b809f2215726e244a4ac588cd7d")

// looksBid: TakerBid, the taker buys from the maker's ask.
func looksBid(c *ctx) (*Sale, error) { return looks1(c, Buy) }

// looksAsk: TakerAsk, the taker sells into the maker's bid (and is paid).
func looksAsk(c *ctx) (*Sale, error) { return looks1(c, OfferAccepted) }

// looks1 reads (bytes32 orderHash, uint256 nonce, indexed taker, indexed maker, indexed strategy, address currency, address collection, uint256 tokenId, uint256 amount,
// uint256 price). Fees are not in it: the royalty has its own event just before, the protocol's part shows in the payments.
func looks1(c *ctx, category string) (*Sale, error) {
	b := c.body
	s := c.sale(category)
	s.OrderHash, s.HasOrderHash = b.Word(0), true
	taker, maker := c.log.Topics[1].Address(), c.log.Topics[2].Address()
	if s.Buyer, s.Seller = taker, maker; category == OfferAccepted {
		s.Buyer, s.Seller = maker, taker
	}
	amount := b.Int(160)
	s.Currency, s.Price = currency(b.Address(64)), b.Int(192)
	s.Items = []Item{c.item(b.Address(96), b.Int(128), &amount, ledger.ERC721)}

	royal := map[evm.Address]bool{}
	for i := c.at - 1; i >= 0 && c.tx.Logs[i].Index > c.since; i-- {
		l := &c.tx.Logs[i]
		if l.Address == c.log.Address && l.NTopics == 4 && l.Topics[0] == topicRoyaltyPayment && len(l.Data) == 64 && l.Topics[1].Address() == s.Items[0].Contract && *l.Topics[2].Int() == s.Items[0].TokenID {
			to := l.Topics[3].Address()
			royal[to] = true
			s.addFee(to, new(uint256.Int).SetBytes32(l.Data[32:]), Royalty)
		}
	}
	if sum := s.FeeSum(); sum.Gt(&s.Price) {
		return nil, fmt.Errorf("%w: royalties of %s are more than the price", ledger.ErrBody, sum.Dec())
	}
	// The price leaves the buyer, or the exchange that wrapped the buyer's ETH, in parts, the last of them just before the event: those that add up to the price are it. What the
	// buyer paid for something else before is not.
	var sum uint256.Int
	var others []*ledger.Payment
	payments := c.tokenPayments(s.Currency)
	for i := len(payments) - 1; i >= 0 && sum.Lt(&s.Price); i-- {
		p := payments[i]
		if p.From != s.Buyer && p.From != c.log.Address || p.To == c.log.Address {
			continue
		}
		sum.Add(&sum, &p.Amount)
		if p.To != s.Seller && !royal[p.To] {
			others = append(others, p)
		}
	}
	if !sum.Eq(&s.Price) {
		s.feesUnknown = len(s.Fees) == 0
		return s, nil
	}
	for i := len(others) - 1; i >= 0; i-- {
		s.addFee(others[i].To, &others[i].Amount, Platform)
	}
	return s, nil
}

func looks2Bid(c *ctx) (*Sale, error) { return looks2(c, Buy) }
func looks2Ask(c *ctx) (*Sale, error) { return looks2(c, OfferAccepted) }

// looks2 reads ((bytes32 orderHash, uint256 nonce, bool), user, user, uint256 strategy, address currency, address collection, uint256[] ids, uint256[] amounts, address[2]
// feeRecipients, uint256[3] feeAmounts). The amounts are the seller's, the creator's and the protocol's part; recipients are the seller and the creator.
func looks2(c *ctx, category string) (*Sale, error) {
	b := c.body
	s := c.sale(category)
	s.OrderHash, s.HasOrderHash = b.Word(0), true
	first, second := b.Address(96), b.Address(128)
	s.Currency = currency(b.Address(192))
	collection := b.Address(224)
	ids, n := b.Array(b.Offset(0, 256), 1)
	amounts, m := b.Array(b.Offset(0, 288), 1)
	sellerTo, creator := b.Address(320), b.Address(352)
	net, royalty, protocol := b.Int(384), b.Int(416), b.Int(448)
	if b.Err() != nil {
		return nil, b.Err()
	}
	if n != m || n == 0 {
		return nil, fmt.Errorf("%w: %d tokens and %d amounts", ledger.ErrBody, n, m)
	}
	for i := range n {
		a := b.Int(amounts + 32*i)
		s.Items = append(s.Items, c.item(collection, b.Int(ids+32*i), &a, ledger.ERC721))
	}
	if category == Buy { // bid user, who gets the token; the seller is who is paid
		s.Buyer, s.Seller = second, sellerTo
	} else { // ask user, bid user
		s.Seller, s.Buyer = first, second
	}
	s.Price.Add(&net, &royalty)
	s.Price.Add(&s.Price, &protocol)
	if !royalty.IsZero() {
		s.addFee(creator, &royalty, Royalty)
	}
	if !protocol.IsZero() {
		s.addFee(c.payee(&protocol, s.Currency, s.Seller), &protocol, Platform)
	}
	return s, nil
}
