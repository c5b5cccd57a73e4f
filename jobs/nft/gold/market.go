package gold

import (
	"encoding/json"
	"fmt"
	"math"
	"sort"

	"github.com/holiman/uint256"
)

// MarketFact is a sold item as the market as a whole needs it. It travels as JSON.
type MarketFact struct {
	Chain    string   `json:"c"`
	ChainID  int64    `json:"i"`
	Project  string   `json:"p"`
	Contract string   `json:"k"`
	Sale     string   `json:"s"` // tx#log
	Time     int64    `json:"t"`
	Items    int64    `json:"n"`
	Buyer    string   `json:"b"`
	Seller   string   `json:"a"`
	Wei      string   `json:"w"` // in currencies like ether, else 0
	Eth      *float64 `json:"e,omitempty"`
	USD      *float64 `json:"u,omitempty"`
	Platform *float64 `json:"f,omitempty"` // dollars
	Royalty  *float64 `json:"r,omitempty"`
	Wash     bool     `json:"x,omitempty"`
}

// Day is the key under which facts of a market meet.
func (f *MarketFact) Day() string { return fmt.Sprintf("%s\x00%d", f.Chain, period(f.Time, false)) }

// Encode gives the fact as one line of JSON.
func (f *MarketFact) Encode() ([]byte, error) { return json.Marshal(f) }

// DecodeMarketFact reads it.
func DecodeMarketFact(b []byte) (*MarketFact, error) {
	var f MarketFact
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("a market's fact: %w", err)
	}
	return &f, nil
}

func (c *Collection) fact(t *Trade) *MarketFact {
	f := &MarketFact{Chain: c.chain, ChainID: c.chainID, Project: t.Project, Contract: c.contract, Sale: t.saleID(), Time: t.Time, Items: t.Items, Buyer: t.Buyer, Seller: t.Seller, Wei: "0", Wash: t.Wash()}
	if t.EtherLike {
		f.Wei = t.Raw.Dec()
	}
	if v := t.Eth; t.HasEth {
		f.Eth = &v
	}
	if v := t.USD; t.HasUSD {
		f.USD = &v
		raw := t.Raw.Float64()
		p, r := v*(t.PlatformRaw.Float64()/raw), v*(t.RoyaltyRaw.Float64()/raw)
		f.Platform, f.Royalty = &p, &r
	}
	return f
}

// Market gathers the sales of one chain and day.
type Market struct{ facts []*MarketFact }

// Begin starts with another day.
func (m *Market) Begin() { m.facts = m.facts[:0] }

// Add takes a fact.
func (m *Market) Add(f *MarketFact) { m.facts = append(m.facts, f) }

// Finish writes the day, its hours and the shares.
func (m *Market) Finish(out *Rows) error {
	if len(m.facts) == 0 {
		return nil
	}
	sort.SliceStable(m.facts, func(i, j int) bool {
		a, b := m.facts[i], m.facts[j]
		if a.Time != b.Time {
			return a.Time < b.Time
		}
		return a.Sale < b.Sale
	})
	days := map[string]*group{}
	for _, f := range m.facts {
		if days[f.Project] == nil {
			days[f.Project] = newGroup()
		}
		if err := days[f.Project].add(f); err != nil {
			return err
		}
	}
	first := m.facts[0]
	start := period(first.Time, false)
	total, priced := 0.0, false
	for _, p := range sortedKeys(days) {
		g := days[p]
		out.marketRow(MarketDaily, first, p, start, false, g)
		if g.hasEth {
			total, priced = total+g.eth, true
		}
	}
	for _, p := range sortedKeys(days) {
		g := days[p]
		out.Batch(Share).Str(first.Chain).Long(first.ChainID).Long(start/86400).Str(p).FloatOrNull(g.eth, g.hasEth).FloatOrNull(g.eth/total, g.hasEth && priced && total > 0).Long(int64(len(g.per)))
	}
	type hour struct {
		project string
		start   int64
	}
	hours := map[hour]*group{}
	var order []hour
	for _, f := range m.facts {
		h := hour{f.Project, period(f.Time, true)}
		if hours[h] == nil {
			hours[h] = newGroup()
			order = append(order, h)
		}
		if err := hours[h].add(f); err != nil {
			return err
		}
	}
	for _, h := range order {
		out.marketRow(MarketHourly, first, h.project, h.start, true, hours[h])
	}
	return nil
}

// group is a marketplace in a period.
type group struct {
	per             map[string]*saleSum
	items           int64
	wei             uint256.Int
	eth, usd        float64
	hasEth, hasUSD  bool
	buyers, sellers map[string]bool
	platform        float64
	royalty         float64
	hasFees         bool
	wash            float64
}

type saleSum struct {
	eth      float64
	hasEth   bool
	unpriced bool
}

func newGroup() *group {
	return &group{per: map[string]*saleSum{}, buyers: map[string]bool{}, sellers: map[string]bool{}}
}

func (g *group) add(f *MarketFact) error {
	s := g.per[f.Sale]
	if s == nil {
		s = &saleSum{}
		g.per[f.Sale] = s
	}
	g.items = addCapped(g.items, f.Items)
	var wei uint256.Int
	if err := wei.SetFromDecimal(f.Wei); err != nil {
		return fmt.Errorf("a market's fact: wei %.80q: %w", f.Wei, err)
	}
	g.wei.Add(&g.wei, &wei)
	g.buyers[f.Buyer], g.sellers[f.Seller] = true, true
	if f.Eth != nil {
		s.eth, s.hasEth = s.eth+*f.Eth, true
		g.eth, g.hasEth = g.eth+*f.Eth, true
		if f.Wash {
			g.wash += *f.Eth
		}
	}
	if f.USD == nil {
		s.unpriced = true
	} else {
		g.usd, g.hasUSD = g.usd+*f.USD, true
	}
	if f.Platform != nil && f.Royalty != nil {
		g.platform, g.royalty, g.hasFees = g.platform+*f.Platform, g.royalty+*f.Royalty, true
	}
	return nil
}

func (r *Rows) marketRow(table string, first *MarketFact, project string, start int64, hourly bool, g *group) {
	unpriced := int64(0)
	var prices []float64
	for _, s := range g.per {
		if s.unpriced {
			unpriced++
		}
		if s.hasEth {
			prices = append(prices, s.eth)
		}
	}
	people := map[string]bool{}
	for w := range g.buyers {
		people[w] = true
	}
	for w := range g.sellers {
		people[w] = true
	}
	sort.Float64s(prices)
	sum := 0.0
	for _, p := range prices {
		sum += p
	}
	median, ok := percentile(prices, 0.5)
	b := r.Batch(table)
	b.Str(first.Chain).Long(first.ChainID).Str(project)
	putPeriod(b, start, hourly)
	b.Long(int64(len(g.per))).Long(g.items).Str(g.wei.Dec()).FloatOrNull(g.eth, g.hasEth).FloatOrNull(g.usd, g.hasUSD).Long(unpriced).Long(int64(len(g.buyers))).Long(int64(len(g.sellers))).Long(int64(len(people)))
	b.FloatOrNull(sum/float64(len(prices)), ok).FloatOrNull(median, ok).FloatOrNull(g.platform, g.hasFees).FloatOrNull(g.royalty, g.hasFees).FloatOrNull(g.wash, g.hasEth).FloatOrNull(g.wash/g.eth, g.hasEth && g.eth > 0)
}

// Top ranks the collections of one chain over windows that end at the newest sale.
type Top struct {
	chain  string
	newest int64
	volume map[string]map[int64]float64 // collection, time
}

// Begin starts with another chain.
func (t *Top) Begin(chain string) { *t = Top{chain: chain, volume: map[string]map[int64]float64{}} }

// Add takes what a collection sold at a time.
func (t *Top) Add(contract string, time int64, eth float64) {
	if t.volume[contract] == nil {
		t.volume[contract] = map[int64]float64{}
	}
	t.volume[contract][time] += eth
	t.newest = max(t.newest, time)
}

// topRows bounds how many collections a window lists.
const topRows = 1000

// Finish writes the ranks.
func (t *Top) Finish(out *Rows) {
	b := out.Batch(TopTable)
	for _, w := range []struct {
		name    string
		seconds int64
	}{{"1h", 3600}, {"24h", 86400}, {"7d", 7 * 86400}, {"30d", 30 * 86400}, {"all", math.MaxInt64}} {
		type entry struct {
			contract    string
			now, before float64
		}
		var list []entry
		for _, c := range sortedKeys(t.volume) {
			e := entry{contract: c}
			times := make([]int64, 0, len(t.volume[c]))
			for at := range t.volume[c] {
				times = append(times, at)
			}
			sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
			for _, at := range times {
				switch age := t.newest - at; {
				case age < w.seconds:
					e.now += t.volume[c][at]
				case w.seconds < math.MaxInt64 && age < 2*w.seconds:
					e.before += t.volume[c][at]
				}
			}
			if e.now > 0 {
				list = append(list, e)
			}
		}
		sort.SliceStable(list, func(i, j int) bool { return list[i].now > list[j].now })
		for i, e := range list[:min(len(list), topRows)] {
			b.Str(t.chain).Str(w.name).Long(int64(i+1)).StrOrNull(e.contract).Float(e.now).FloatOrNull(100*(e.now-e.before)/e.before, e.before > 0)
		}
	}
}
