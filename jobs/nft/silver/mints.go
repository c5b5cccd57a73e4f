package silver

import (
	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
	"github.com/lodehq/lode/jobs/nft/market"
)

// mints writes the tokens that came into being with what each recipient paid for one of them: all it gave in the transaction, less what it paid for sales, divided by the
// tokens it got. Null when the money cannot be followed (no traces and not the sender).
func (w *writer) mints(sales []*market.Sale) {
	type paid struct {
		units, amount uint256.Int
		currency      evm.Address
		known         bool
	}
	by := map[evm.Address]*paid{}
	for i := range w.tx.Transfers {
		t := &w.tx.Transfers[i]
		if !t.IsMint() {
			continue
		}
		p := by[t.To]
		if p == nil {
			p = &paid{}
			p.amount, p.currency, p.known = w.spent(t.To, sales)
			by[t.To] = p
		}
		p.units.Add(&p.units, &t.Amount)
	}
	if len(by) == 0 {
		return
	}
	b := w.batches[Mints]
	for i := range w.tx.Transfers {
		t := &w.tx.Transfers[i]
		if !t.IsMint() {
			continue
		}
		w.transfer(b, t)
		p := by[t.To]
		if !p.known || p.units.IsZero() {
			b.Null().Null().Null().Null()
			continue
		}
		one := new(uint256.Int).Div(&p.amount, &p.units)
		w.dec(b, one)
		w.addr(b, p.currency)
		_, eth, usd, _, e, u := w.value(p.currency, one)
		b.FloatOrNull(eth, e).FloatOrNull(usd, u)
	}
}

// spent is what an account gave in the transaction, net, in the native currency or else in one ERC-20.
func (w *writer) spent(who evm.Address, sales []*market.Sale) (amount uint256.Int, cur evm.Address, known bool) {
	var bought uint256.Int
	for _, s := range sales {
		if s.Buyer == who && market.EtherLike(s.Currency) && s.Check != market.Mirror {
			bought.Add(&bought, &s.Price)
		}
	}
	switch {
	case w.tx.HasTraces:
		amount = netOut(w.tx.Native, who, evm.Address{})
	case w.tx.From == who:
		amount = w.tx.Value
	default:
		return amount, cur, false
	}
	if amount.Gt(&bought) {
		amount.Sub(&amount, &bought)
		return amount, cur, true
	}
	for i := range w.tx.Tokens {
		if p := &w.tx.Tokens[i]; p.From == who && !p.Wrap {
			out := netOut(w.tx.Tokens, who, p.Currency)
			if market.EtherLike(p.Currency) && !out.Gt(&bought) {
				continue
			}
			return out, p.Currency, true
		}
	}
	amount.Clear()
	return amount, cur, true
}

func netOut(ps []ledger.Payment, who, cur evm.Address) uint256.Int {
	var in, out uint256.Int
	for i := range ps {
		p := &ps[i]
		if p.Currency != cur || p.Wrap || p.From == p.To {
			continue
		}
		if p.From == who {
			out.Add(&out, &p.Amount)
		}
		if p.To == who {
			in.Add(&in, &p.Amount)
		}
	}
	if out.Lt(&in) {
		return uint256.Int{}
	}
	out.Sub(&out, &in)
	return out
}
