package market

import (
	"fmt"

	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
)

const (
	blendAt       = "0x29469395eaf6f95920e59f858042f0e28d98a20b"
	topicLocked   = "0x7ffb5bd9cdc79a6f9bc6e00c82f43836e0afbb204d47972001f6e853764a8ef1"
	topicRepaid   = "0x2469cc9e12e74c63438d5b1117b318cd3a4cdaf9d659d9eac6d975d14d963254"
	lockedSeller  = 96
	lockedBytes   = 160
	beyondAllLogs = int64(1) << 62
)

var blendContract, blendLocked, blendRepaid = evm.MustAddress(blendAt), evm.MustWord(topicLocked), evm.MustWord(topicRepaid)

func blend(r *Registry) {
	r.on("blend", "v1", topicLocked, 1, buyLocked, blendAt)
}

// buyLocked(uint256 lienId, address collection, address buyer, address seller, uint256 tokenId): a token that secures a loan is sold. The event names no price. All of it is paid in
// Blur's pool: the fees before the event, after it the lender's debt and then the rest to the borrower, who sells. A buyer that borrows at once pays with the new
// lender's money.
//
// The seller's gain in the transaction is less than the price by the debt, so the flow of money proves nothing.
func buyLocked(c *ctx) (*Sale, error) {
	b := c.body
	collection, buyer, seller, id := b.Address(32), b.Address(64), b.Address(lockedSeller), b.Int(128)
	if b.Err() != nil {
		return nil, b.Err()
	}
	s := c.sale(Buy)
	s.Seller, s.Buyer, s.Currency, s.Check = seller, buyer, ledger.BlurPool, Unchecked
	s.Items = []Item{c.item(collection, id, nil, ledger.ERC721)}
	start, end := int64(-1), c.lockedEnd(c.at)
	for i := c.at - 1; i >= 0; i-- {
		if c.isLocked(i) {
			start = c.lockedEnd(i)
			break
		}
	}
	for i := range c.tx.Tokens {
		p := &c.tx.Tokens[i]
		if !poolPayment(p) || p.To == buyer || p.LogIndex <= start || p.LogIndex > end {
			continue
		}
		if p.LogIndex < c.log.Index {
			if p.From != buyer {
				continue
			}
			s.addFee(p.To, &p.Amount, Royalty)
		}
		s.Price.Add(&s.Price, &p.Amount)
	}
	if s.Price.IsZero() {
		return nil, fmt.Errorf("%w: nothing was paid in the pool for the token", ledger.ErrBody)
	}
	return s, nil
}

func poolPayment(p *ledger.Payment) bool {
	return p.Currency == ledger.BlurPool && !p.Wrap && !p.From.IsZero() && !p.To.IsZero()
}

func (c *ctx) isLocked(i int) bool {
	l := &c.tx.Logs[i]
	return l.Address == blendContract && l.NTopics == 1 && l.Topics[0] == blendLocked && len(l.Data) == lockedBytes
}

// lockedEnd is the log index of the last payment that belongs to the event at a position: the one to the seller, else the last before the contract's next event.
func (c *ctx) lockedEnd(at int) int64 {
	seller := ledger.NewBody(c.tx.Logs[at].Data).Address(lockedSeller)
	next := beyondAllLogs
	for i := at + 1; i < len(c.tx.Logs); i++ {
		if l := &c.tx.Logs[i]; l.Address == blendContract && (l.Topic0() == blendRepaid || l.Topic0() == blendLocked) {
			next = l.Index
			break
		}
	}
	for i := range c.tx.Tokens {
		if p := &c.tx.Tokens[i]; poolPayment(p) && p.To == seller && p.LogIndex > c.tx.Logs[at].Index && p.LogIndex < next {
			return p.LogIndex
		}
	}
	return next - 1
}
