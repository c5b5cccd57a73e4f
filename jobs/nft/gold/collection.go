package gold

import (
	"fmt"
	"slices"
	"sort"

	"github.com/holiman/uint256"

	"github.com/lodehq/lode/table/datafile"
)

// Collection gathers the facts of one collection. Memory: its facts. It is reused by Begin.
type Collection struct {
	read     *reader
	chain    string
	contract string
	chainID  int64
	trades   []Trade
	moves    []Move
	mints    []Move
	orders   []Order
}

// NewCollection makes an empty one.
func NewCollection() *Collection { return &Collection{read: newReader()} }

// Begin starts with another collection.
func (c *Collection) Begin(key []byte) {
	c.chain, c.contract = SplitKey(key)
	c.chainID = 0
	c.trades, c.moves, c.mints = c.trades[:0], c.moves[:0], c.mints[:0]
	c.orders = c.orders[:0]
	clear(c.read.texts)
}

// Add takes one fact.
func (c *Collection) Add(value []byte) error {
	if len(value) == 0 {
		return fmt.Errorf("a fact of collection %s is empty", c.contract)
	}
	switch value[0] {
	case tradeFact:
		t, err := c.read.trade(value[1:])
		if err != nil {
			return err
		}
		c.chainID = t.ChainID
		c.trades = append(c.trades, t)
	case transferFact, mintFact:
		m, err := c.read.move(value[1:], value[0] == mintFact)
		if err != nil {
			return err
		}
		c.chainID = m.ChainID
		if value[0] == mintFact {
			c.mints = append(c.mints, m)
		} else {
			c.moves = append(c.moves, m)
		}
	case orderFact:
		o, err := c.read.order(value[1:])
		if err != nil {
			return err
		}
		c.chainID = o.ChainID
		c.orders = append(c.orders, o)
	default:
		return fmt.Errorf("a fact of collection %s is of unknown kind %q", c.contract, value[0])
	}
	return nil
}

// Finish writes all that is known of the collection and sends on what concerns the market.
func (c *Collection) Finish(out *Rows, send func(*MarketFact) error) error {
	slices.SortFunc(c.trades, func(a, b Trade) int { return order3(a.Block, b.Block, a.Log, b.Log, a.Sub, b.Sub) })
	byOrder := func(a, b Move) int { return order3(a.Block, b.Block, a.Log, b.Log, a.Batch, b.Batch) }
	slices.SortFunc(c.moves, byOrder)
	slices.SortFunc(c.mints, byOrder)
	slices.SortFunc(c.orders, func(a, b Order) int { return order3(a.Block, b.Block, a.Log, b.Log, 0, 0) })
	c.washTrades(out.Batch(WashTrades))
	var sales []*Trade
	for i := range c.trades {
		if c.trades[i].Sale() {
			sales = append(sales, &c.trades[i])
		}
	}
	for _, s := range sales {
		if err := send(c.fact(s)); err != nil {
			return err
		}
	}
	own := c.ownership(out.Batch(Owners))
	floor := c.periods(out.Batch(CollectionDaily), sales, false, own)
	c.periods(out.Batch(CollectionHourly), sales, true, own)
	c.tokenSales(out.Batch(TokenSales), sales, own)
	if c.contract == "" {
		return nil
	}
	c.holders(out.Batch(Holders), own)
	c.mintPerformance(out.Batch(Mints), sales)
	c.wallets(out, sales, own, floor)
	c.describe(out.Batch(Collections), own)
	return nil
}

func order3(a1, b1, a2, b2, a3, b3 int64) int {
	for _, p := range [][2]int64{{a1, b1}, {a2, b2}, {a3, b3}} {
		if p[0] != p[1] {
			if p[0] < p[1] {
				return -1
			}
			return 1
		}
	}
	return 0
}

// washTrades marks trades by the filters that this history can answer. Trades of unknown tokens match nothing but the first.
func (c *Collection) washTrades(b *datafile.Batch) {
	type pair struct{ token, buyer, seller string }
	type side struct {
		token, who string
		buys       bool
	}
	pairs, often := map[pair]bool{}, map[side]int{}
	for i := range c.trades {
		t := &c.trades[i]
		if t.Mirror || !t.HasToken {
			continue
		}
		if t.Buyer != t.Seller {
			pairs[pair{t.Token, t.Buyer, t.Seller}] = true
		}
		if t.Standard == "erc721" {
			often[side{t.Token, t.Buyer, true}]++
			often[side{t.Token, t.Seller, false}]++
		}
	}
	for i := range c.trades {
		t := &c.trades[i]
		if t.Mirror {
			continue
		}
		t.wash[0] = t.Buyer == t.Seller
		if t.HasToken {
			t.wash[1] = pairs[pair{t.Token, t.Seller, t.Buyer}]
			for _, who := range []string{t.Buyer, t.Seller} {
				t.wash[2] = t.wash[2] || often[side{t.Token, who, true}] >= 3 || often[side{t.Token, who, false}] >= 3
			}
		}
		b.Str(c.chain).Long(c.chainID).Str(t.Tx).Long(t.Log).Long(t.Sub).Bool(t.wash[0]).Bool(t.wash[1]).Bool(t.wash[2]).Null().Bool(t.Flash).Bool(t.Wash()).Long(t.Block).Str(t.BlockHash)
	}
}

// ownership is who holds what at the end of the history, and how the number of holders and tokens went.
type ownership struct {
	holder map[string]string                  // of tokens that exist once
	held   map[string]map[string]*uint256.Int // of ERC-1155: token, wallet, balance
	count  map[string]int64                   // tokens by wallet, at the end
	steps  []step                             // after each block that changed something
	once   bool                               // tokens exist once
	std    string
	supply int64
}

type step struct {
	time            int64
	holders, supply int64
}

// ownership replays the transfers. Balances that began before this history are not known: what an account gives without having got it here leaves it at zero.
func (c *Collection) ownership(b *datafile.Batch) *ownership {
	o := &ownership{holder: map[string]string{}, held: map[string]map[string]*uint256.Int{}, count: map[string]int64{}, once: true}
	type span struct {
		owner string
		since int64
	}
	spans := map[string]span{}
	since := map[[2]string]int64{} // ERC-1155: (token, wallet) → block of the last change
	holders := int64(0)
	give := func(who string, n int64) {
		if nobody(who) {
			return
		}
		before := o.count[who]
		after := max(0, before+n)
		if before == 0 && after > 0 {
			holders++
		}
		if before > 0 && after == 0 {
			holders--
			delete(o.count, who)
			return
		}
		if after > 0 {
			o.count[who] = after
		}
	}
	row := func(token, owner, balance string, from int64, to int64, open bool) {
		b.Str(c.chain).Long(c.chainID).Str(c.contract).Str(token).Str(owner).Str(balance).Long(from)
		if open {
			b.Null()
		} else {
			b.Long(to)
		}
	}
	for i := range c.moves {
		m := &c.moves[i]
		o.std = m.Standard
		if m.Mint {
			o.supply += units(&m.Amount)
		}
		if m.Burn {
			o.supply = max(0, o.supply-units(&m.Amount))
		}
		if m.Standard == "erc1155" {
			o.once = false
			for _, x := range []struct {
				who string
				in  bool
			}{{m.From, false}, {m.To, true}} {
				if nobody(x.who) || m.Amount.IsZero() {
					continue
				}
				wallets := o.held[m.Token]
				if wallets == nil {
					wallets = map[string]*uint256.Int{}
					o.held[m.Token] = wallets
				}
				bal, key := wallets[x.who], [2]string{m.Token, x.who}
				if bal == nil {
					bal = new(uint256.Int)
					wallets[x.who] = bal
				}
				if !bal.IsZero() && since[key] != m.Block {
					row(m.Token, x.who, bal.Dec(), since[key], m.Block, false)
				}
				before := units(bal)
				switch {
				case x.in:
					if _, over := bal.AddOverflow(bal, &m.Amount); over {
						bal.SetAllOne()
					}
				case bal.Lt(&m.Amount):
					bal.Clear()
				default:
					bal.Sub(bal, &m.Amount)
				}
				give(x.who, units(bal)-before)
				since[key] = m.Block
			}
		} else {
			was, had := spans[m.Token]
			if had && !nobody(was.owner) {
				if was.since != m.Block {
					row(m.Token, was.owner, "1", was.since, m.Block, false)
				}
				give(was.owner, -1)
			}
			give(m.To, 1)
			spans[m.Token] = span{m.To, m.Block}
			o.holder[m.Token] = m.To
		}
		if n := len(o.steps); n > 0 && o.steps[n-1].time == m.Time {
			o.steps[n-1] = step{m.Time, holders, o.supply}
		} else {
			o.steps = append(o.steps, step{m.Time, holders, o.supply})
		}
	}
	tokens := sortedKeys(spans)
	for _, token := range tokens {
		if s := spans[token]; !nobody(s.owner) {
			row(token, s.owner, "1", s.since, 0, true)
		}
	}
	for _, token := range sortedKeys(o.held) {
		for _, who := range sortedKeys(o.held[token]) {
			if bal := o.held[token][who]; !bal.IsZero() {
				row(token, who, bal.Dec(), since[[2]string{token, who}], 0, true)
			}
		}
	}
	return o
}

// at gives holders and supply at a time (seconds, before it).
func (o *ownership) at(before int64) (holders, supply int64) {
	n := sort.Search(len(o.steps), func(i int) bool { return o.steps[i].time >= before })
	if n == 0 {
		return 0, 0
	}
	return o.steps[n-1].holders, o.steps[n-1].supply
}

// units is an amount as an int64, the largest one when it is above.
func units(v *uint256.Int) int64 {
	if v.LtUint64(1 << 62) {
		return int64(v.Uint64())
	}
	return 1 << 62
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
