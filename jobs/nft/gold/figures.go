package gold

import (
	"math"
	"sort"

	"github.com/holiman/uint256"

	"github.com/lodehq/lode/table/datafile"
)

// tally sums up sales of a group.
type tally struct {
	sales           map[string]bool
	items           int64
	wei             uint256.Int
	eth, usd        float64
	hasEth, hasUSD  bool
	buyers, sellers map[string]bool
}

func newTally() *tally {
	return &tally{sales: map[string]bool{}, buyers: map[string]bool{}, sellers: map[string]bool{}}
}

func (t *tally) add(s *Trade) {
	t.sales[s.saleID()] = true
	t.items = addCapped(t.items, s.Items)
	if s.EtherLike {
		t.wei.Add(&t.wei, &s.Raw)
	}
	if s.HasEth {
		t.eth, t.hasEth = t.eth+s.Eth, true
	}
	if s.HasUSD {
		t.usd, t.hasUSD = t.usd+s.USD, true
	}
	t.buyers[s.Buyer], t.sellers[s.Seller] = true, true
}

func addCapped(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// percentile is the value below which a share of the values lies, between the two nearest ones.
func percentile(vs []float64, p float64) (float64, bool) {
	if len(vs) == 0 {
		return 0, false
	}
	sorted := append([]float64{}, vs...)
	sort.Float64s(sorted)
	at := p * float64(len(sorted)-1)
	lo := int(at)
	if lo+1 >= len(sorted) {
		return sorted[lo], true
	}
	return sorted[lo] + (at-float64(lo))*(sorted[lo+1]-sorted[lo]), true
}

// period is the start of the day or hour of a time, in seconds.
func period(t int64, hourly bool) int64 {
	if hourly {
		return t - t%3600
	}
	return t - t%86400
}

func length(hourly bool) int64 {
	if hourly {
		return 3600
	}
	return 86400
}

func putPeriod(b *datafile.Batch, start int64, hourly bool) {
	if hourly {
		b.Time(start)
	} else {
		b.Long(datafile.DayOf(start))
	}
}

// periods writes the collection's figures by day or hour and gives the last known floor.
func (c *Collection) periods(b *datafile.Batch, sales []*Trade, hourly bool, own *ownership) *float64 {
	var last *float64
	book := c.newAsks()
	listing := book.known()
	for from := 0; from < len(sales); {
		start := period(sales[from].Time, hourly)
		to := from
		for to < len(sales) && period(sales[to].Time, hourly) == start {
			to++
		}
		t := newTally()
		var open, shut, low, high *float64
		var honest []float64
		for _, s := range sales[from:to] {
			t.add(s)
			if !s.one() {
				continue
			}
			v := s.Eth
			if open == nil {
				open = &v
			}
			shut = &v
			if low == nil || v < *low {
				low = &v
			}
			if high == nil || v > *high {
				high = &v
			}
			if !s.Wash() {
				honest = append(honest, v)
			}
		}
		from = to
		p5, ok := percentile(honest, 0.05)
		floor, hasFloor, source := p5, ok, "sale_p5"
		lowest, hasAsk, listed := book.at(start + length(hourly))
		if hasAsk {
			floor, hasFloor, source = lowest, true, "ask"
		}
		if hasFloor {
			v := floor
			last = &v
		}
		holders, supply := own.at(start + length(hourly))
		b.Str(c.chain).Long(c.chainID).StrOrNull(c.contract)
		putPeriod(b, start, hourly)
		b.Long(int64(len(t.sales))).Long(t.items).Str(t.wei.Dec()).FloatOrNull(t.eth, t.hasEth).FloatOrNull(t.usd, t.hasUSD).Long(int64(len(t.buyers))).Long(int64(len(t.sellers)))
		b.FloatOrNull(floor, hasFloor)
		if hasFloor {
			b.Str(source)
		} else {
			b.Null()
		}
		b.FloatOrNull(p5, ok)
		for _, v := range []*float64{low, high, open, shut} {
			putFloat(b, v)
		}
		b.Long(holders).Long(supply).FloatOrNull(floor*float64(supply), hasFloor && supply > 0)
		if listing {
			b.Long(listed)
		} else {
			b.Null()
		}
	}
	return last
}

func putFloat(b *datafile.Batch, v *float64) {
	if v == nil {
		b.Null()
		return
	}
	b.FloatOrNull(*v, true)
}

// tokenSales writes a row for each token that was sold.
func (c *Collection) tokenSales(b *datafile.Batch, sales []*Trade, own *ownership) {
	type history struct {
		ids       map[string]bool
		last, max *float64
		time      int64
		known     bool
	}
	tokens := map[string]*history{}
	for _, s := range sales {
		h := tokens[s.Token]
		if h == nil {
			h = &history{ids: map[string]bool{}, known: s.HasToken}
			tokens[s.Token] = h
		}
		h.ids[s.saleID()] = true
		h.time = s.Time
		if v := s.Eth; s.HasEth {
			h.last = &v
			if h.max == nil || v > *h.max {
				h.max = &v
			}
		}
	}
	for _, token := range sortedKeys(tokens) {
		h := tokens[token]
		b.Str(c.chain).StrOrNull(c.contract)
		if h.known {
			b.Str(token)
		} else {
			b.Null()
		}
		b.Long(int64(len(h.ids)))
		putFloat(b, h.last)
		b.Time(h.time)
		putFloat(b, h.max)
		b.StrOrNull(own.holder[token])
	}
}

// holders writes who has how many tokens, most first.
func (c *Collection) holders(b *datafile.Batch, own *ownership) {
	wallets := sortedKeys(own.count)
	sort.SliceStable(wallets, func(i, j int) bool { return own.count[wallets[i]] > own.count[wallets[j]] })
	all := int64(0)
	for _, n := range own.count {
		all = addCapped(all, n)
	}
	for i, w := range wallets {
		n := own.count[w]
		share := float64(n) / float64(all)
		b.Str(c.chain).Str(c.contract).Str(w).Long(n).Float(share).Long(int64(i + 1)).Bool(share >= 0.01 || i < 10 && n > 1)
	}
}

// mintPerformance compares what minters paid with what the tokens were sold for after.
func (c *Collection) mintPerformance(b *datafile.Batch, sales []*Trade) {
	if len(c.mints) == 0 {
		return
	}
	minters := map[string]bool{}
	n, priced, cost := int64(0), 0.0, 0.0
	for i := range c.mints {
		m := &c.mints[i]
		minters[m.To] = true
		n = addCapped(n, units(&m.Amount))
		if m.HasEth {
			k := float64(units(&m.Amount))
			priced, cost = priced+k, cost+m.Eth*k
		}
	}
	volume, sold := 0.0, 0.0
	for _, s := range sales {
		if s.HasEth && s.Items > 0 {
			volume, sold = volume+s.Eth, sold+float64(s.Items)
		}
	}
	b.Str(c.chain).Str(c.contract).Long(n).Long(int64(len(minters))).Time(c.mints[0].Time).FloatOrNull(cost, priced > 0).FloatOrNull(volume, sold > 0).FloatOrNull(volume/sold, sold > 0)
	b.FloatOrNull(volume/sold/(cost/priced), sold > 0 && cost > 0)
}

func (c *Collection) describe(b *datafile.Batch, own *ownership) {
	first, std := int64(0), own.std
	if len(c.moves) > 0 {
		first = c.moves[0].Block
	} else if len(c.trades) > 0 {
		first, std = c.trades[0].Block, c.trades[0].Standard
	} else if len(c.orders) > 0 {
		first = c.orders[0].Block
	}
	b.Str(c.chain).Long(c.chainID).Str(c.contract).Null().Null().StrOrNull(std).Null().Long(own.supply).Long(first).Str("chain")
}
