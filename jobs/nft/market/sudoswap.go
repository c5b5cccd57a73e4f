package market

import (
	"fmt"
	"strings"

	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
)

// Sudoswap's pools have an address each. The first version's events carry nothing: tokens are those that moved to or from the pool before the event, the price is in the
// calls (or, for pools of an ERC-20, in its transfers). The second version's events carry the amount.
func sudoswap(r *Registry) {
	r.on("sudoswap", "v1", "0x3614eb567740a0ee3897c0e2b11ad6a5720d2e4438f9c8accf6c95c24af3a470", 1, sudoIn)
	r.on("sudoswap", "v1", "0xbc479dfc6cb9c1a9d880f987ee4b30fa43dd7f06aec121db685b67d587c93c93", 1, sudoOut)
	r.on("sudoswap", "v2", "0x7a0e7e58d91fd23a96b0008604db1b2d1cee4aae434e3aad9a20fdd7c0995f89", 1, sudo2In)
	r.on("sudoswap", "v2", "0xa13c46268c53408442d94eb370f2e476cb7f0fbe027ae5bad73ce13d4469c8b9", 1, sudo2Out)
	r.on("sudoswap", "v2", "0xb5003a9efa49611ae8d01e9f1d66b3e5fe2c76bb2293b7b1702d56bb4459458a", 1, sudo2In)
	r.on("sudoswap", "v2", "0xf506468975082788421e0cfe591d415faf7921176896acdaa707638f22549e58", 1, sudo2Out)
	r.on("sudoswap", "v2", "0x58e7e2e8d4c949c019e4fe5f6e2a8f10e4e078a8747730386e9a230da8c969f0", 1, sudo2In)
	r.on("sudoswap", "v2", "0xd9c2402e1a067734ae78dab98f06d5b28e8a2d2c6370ec0e6ff8cc2749d050f1", 1, sudo2Out)
	r.on("sudoswap", "v2", "0xc4e3006a9a327c0234c4a84a59a55cee1be8958c331846a50406c074892457c9", 1, sudo2In)
	r.on("sudoswap", "v2", "0x515956a82aeb50dd86f3e1f1be05566bc6ed4c43a659be9677fce1a2b185b49d", 1, sudo2Out)
}

// sudoFactory gets the protocol's fee of the first version.
var sudoFactory = evm.MustAddress("0xb16c1342e617a5b6e4b631eb114483fdb289c0a4")

// Selectors of a pool's swaps.
var sudoSwaps = map[[4]byte]bool{
	sel("swapTokenForAnyNFTs"): true, sel("swapTokenForSpecificNFTs"): true, sel("swapNFTsForToken"): true,
}

// sel gives the known selectors of the pools' functions by name.
func sel(name string) [4]byte {
	switch name {
	case "swapTokenForAnyNFTs":
		return [4]byte{0x28, 0xb8, 0xae, 0xe1}
	case "swapTokenForSpecificNFTs":
		return [4]byte{0x6d, 0x8b, 0x99, 0xf7}
	}
	return [4]byte{0xb1, 0xd3, 0xf1, 0xc1}
}

// sudoIn: somebody sells tokens into the pool.
func sudoIn(c *ctx) (*Sale, error) { return sudo1(c, false) }

// sudoOut: somebody buys tokens out of the pool.
func sudoOut(c *ctx) (*Sale, error) { return sudo1(c, true) }

func sudo2In(c *ctx) (*Sale, error)  { return sudo2(c, false) }
func sudo2Out(c *ctx) (*Sale, error) { return sudo2(c, true) }

// sudoTokens sets items and parties from the tokens that moved between the pool and somebody since the pool's event before. Tokens sold into a pool may go straight to its
// owner, then the pool is not in the transfer.
func sudoTokens(c *ctx, out bool) (*Sale, error) {
	pool := c.log.Address
	at := c.window(func(t *ledger.Transfer) bool { return out && t.From == pool || !out && t.To == pool })
	if len(at) == 0 && !out {
		if n := c.nearest(func(t *ledger.Transfer) bool { return t.LogIndex < c.log.Index && t.LogIndex > c.since }); n >= 0 {
			from := c.tx.Transfers[n].From
			to := c.tx.Transfers[n].To
			at = c.window(func(t *ledger.Transfer) bool { return t.From == from && t.To == to })
		}
	}
	if len(at) == 0 {
		return nil, fmt.Errorf("%w: no token moved between the pool and anybody", ledger.ErrBody)
	}
	first := c.tx.Transfers[at[0]]
	s := c.sale(Buy)
	if s.Seller, s.Buyer = pool, first.To; !out {
		s.Category, s.Seller, s.Buyer = OfferAccepted, first.From, pool
	}
	s.Items = c.take(at)
	return s, nil
}

func sudo1(c *ctx, out bool) (*Sale, error) {
	if len(c.log.Data) != 0 {
		return nil, fmt.Errorf("%w: %d bytes", ledger.ErrBody, len(c.log.Data))
	}
	s, err := sudoTokens(c, out)
	if err != nil {
		return nil, err
	}
	pool := c.log.Address
	// An ERC-20 pool: the price is what the buyer gave, or what the pool gave, with the protocol's fee.
	var in, gone, protocol uint256.Int
	add := func(p *ledger.Payment) {
		switch {
		case p.From == pool && p.To == sudoFactory || p.To == sudoFactory:
			protocol.Add(&protocol, &p.Amount)
		case p.To == pool:
			in.Add(&in, &p.Amount)
		case p.From == pool:
			gone.Add(&gone, &p.Amount)
		}
	}
	tokens := false
	for i := range c.tx.Tokens {
		p := &c.tx.Tokens[i]
		if !p.Wrap && p.LogIndex > c.since && p.LogIndex < c.log.Index && (p.From == pool || p.To == pool) {
			tokens, s.Currency = true, p.Currency
			add(p)
		}
	}
	if !tokens {
		path, ok := c.sudoCall()
		if !ok {
			return nil, fmt.Errorf("%w: the price is in the traces only, and they are not there", ledger.ErrBody)
		}
		for i := range c.tx.Native {
			if p := &c.tx.Native[i]; (p.From == pool || p.To == pool) && (p.Path == path || path == "" || strings.HasPrefix(p.Path, path+",")) {
				add(p)
			}
		}
	}
	if out {
		if in.Lt(&gone) {
			return nil, fmt.Errorf("%w: the pool gave back more than it got", ledger.ErrBody)
		}
		s.Price.Sub(&in, &gone)
		if tokens {
			s.Price.Add(&s.Price, &protocol)
		}
	} else {
		s.Price.Add(&gone, &protocol)
	}
	if !protocol.IsZero() {
		s.addFee(sudoFactory, &protocol, Platform)
	}
	return s, nil
}

// sudoCall finds the path of the call that made this event: the n-th successful swap on the pool.
func (c *ctx) sudoCall() (string, bool) {
	n := c.nth
	for i := range c.tx.Calls {
		call := &c.tx.Calls[i]
		if call.To != c.log.Address || !call.OK || call.Kind != ledger.Call {
			continue
		}
		if s, ok := call.Selector(); !ok || !sudoSwaps[s] {
			continue
		}
		if n--; n < 0 {
			return call.Path, true
		}
	}
	return "", false
}

// sudo2 reads (uint256 amount, …): what the seller got or the buyer paid.
func sudo2(c *ctx, out bool) (*Sale, error) {
	price := c.body.Int(0)
	if c.body.Err() != nil {
		return nil, c.body.Err()
	}
	s, err := sudoTokens(c, out)
	if err != nil {
		return nil, err
	}
	s.Price = price
	for i := range c.tx.Tokens {
		if p := &c.tx.Tokens[i]; !p.Wrap && p.LogIndex > c.since && p.LogIndex < c.log.Index && (p.From == c.log.Address || p.To == c.log.Address) {
			s.Currency = p.Currency
		}
	}
	s.feesUnknown = out
	return s, nil
}
