package gold

import "github.com/lodehq/lode/table/datafile"

// wallets writes what each account did and has in the collection. A token's cost is what was paid for it in the transaction that brought it: a sale of that token (also one that an
// aggregator made for its user) or a mint; a token that came as a gift has no known cost.
func (c *Collection) wallets(out *Rows, sales []*Trade, own *ownership, floor *float64) {
	type event struct{ tx, token string }
	sold := map[event]*Trade{}
	for _, s := range sales {
		sold[event{s.Tx, s.Token}] = s
	}
	minted := map[event]*Move{}
	for i := range c.mints {
		minted[event{c.mints[i].Tx, c.mints[i].Token}] = &c.mints[i]
	}
	activity := out.Batch(Activity)
	act := func(who string, time int64, kind, token string, eth float64, known bool, tx string) {
		if nobody(who) {
			return
		}
		activity.Str(c.chain).Str(who).Time(time).Str(kind).Str(c.contract).StrOrNull(token).FloatOrNull(eth, known).Str(tx)
	}
	for _, s := range sales {
		act(s.Buyer, s.Time, "buy", s.Token, s.Eth, s.HasEth, s.Tx)
		act(s.Seller, s.Time, "sell", s.Token, s.Eth, s.HasEth, s.Tx)
	}

	type lot struct {
		cost  float64
		known bool
	}
	lots := map[string]map[string]lot{} // wallet, token: what the token cost
	realised := map[string]*float64{}
	for i := range c.moves {
		m := &c.moves[i]
		key := event{m.Tx, m.Token}
		s, isSale := sold[key]
		mint := minted[key]
		switch {
		case m.Mint:
			eth, known := 0.0, false
			if mint != nil {
				eth, known = mint.Eth, mint.HasEth
			}
			act(m.To, m.Time, "mint", m.Token, eth, known, m.Tx)
		case m.Burn:
			act(m.From, m.Time, "burn", m.Token, 0, false, m.Tx)
		default:
			if !isSale || s.Seller != m.From {
				act(m.From, m.Time, "transfer_out", m.Token, 0, false, m.Tx)
			}
			if !isSale || s.Buyer != m.To {
				act(m.To, m.Time, "transfer_in", m.Token, 0, false, m.Tx)
			}
		}
		got := lot{}
		switch {
		case isSale:
			got = lot{s.Eth, s.HasEth}
		case m.Mint && mint != nil:
			got = lot{mint.Eth, mint.HasEth}
		}
		if had, ok := lots[m.From][m.Token]; ok {
			if isSale && s.Seller == m.From && had.known && s.HasEth {
				gain := s.netEth() - had.cost
				if realised[m.From] == nil {
					realised[m.From] = new(float64)
				}
				*realised[m.From] += gain
			}
			delete(lots[m.From], m.Token)
		}
		if !nobody(m.To) {
			if lots[m.To] == nil {
				lots[m.To] = map[string]lot{}
			}
			lots[m.To][m.Token] = got
		}
	}

	rate, rated := 0.0, false // dollars an ether, at the last priced sale
	for _, s := range sales {
		if s.HasEth && s.HasUSD && s.Eth > 0 {
			rate, rated = s.USD/s.Eth, true
		}
	}
	b := out.Batch(Portfolio)
	seen := map[string]bool{}
	for _, who := range sortedKeys(own.count) {
		seen[who] = true
		n := own.count[who]
		cost, known := 0.0, true
		for _, token := range sortedKeys(lots[who]) {
			l := lots[who][token]
			cost, known = cost+l.cost, known && l.known
		}
		known = known && own.once && int64(len(lots[who])) == n
		c.portfolioRow(b, who, n, cost, known, floor, rate, rated, realised[who])
	}
	for _, who := range sortedKeys(realised) { // those who sold all
		if !seen[who] {
			c.portfolioRow(b, who, 0, 0, true, floor, rate, rated, realised[who])
		}
	}
}

func (c *Collection) portfolioRow(b *datafile.Batch, who string, n int64, cost float64, known bool, floor *float64, rate float64, rated bool, realised *float64) {
	b.Str(c.chain).Str(who).Str(c.contract).Long(n).FloatOrNull(cost, known)
	value := 0.0
	if floor != nil {
		value = *floor * float64(n)
	}
	b.FloatOrNull(value, floor != nil).FloatOrNull(value*rate, floor != nil && rated)
	putFloat(b, realised)
	b.FloatOrNull(value-cost, floor != nil && known)
}

// netEth is what the seller keeps of the price.
func (t *Trade) netEth() float64 {
	fees := t.PlatformRaw.Float64() + t.RoyaltyRaw.Float64()
	raw := t.Raw.Float64()
	if raw == 0 {
		return 0
	}
	return t.Eth * (1 - fees/raw)
}
