package market

import (
	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
)

// etherLike currencies are worth one ether each and are exchanged for each other inside a transaction.
func etherLike(a evm.Address) bool { return a.IsZero() || a == ledger.WETH || a == ledger.BlurPool }

// EtherLike tells whether an amount of the currency is an amount of ether.
func EtherLike(a evm.Address) bool { return etherLike(a) }

// money is a currency, or all that are like ether together.
func money(a evm.Address) evm.Address {
	if etherLike(a) {
		return evm.Address{}
	}
	return a
}

// net is what an account gained of a currency in the transaction: in minus out, as two sums. With wide, all that is like ether counts, wrapping included; else
// the one currency.
func net(tx *ledger.Tx, who, cur evm.Address, wide bool) (in, out uint256.Int) {
	add := func(ps []ledger.Payment) {
		for i := range ps {
			p := &ps[i]
			if p.From == p.To || !wide && (p.Wrap || p.Currency != cur) || wide && money(p.Currency) != money(cur) {
				continue
			}
			if p.To == who {
				in.Add(&in, &p.Amount)
			}
			if p.From == who {
				out.Add(&out, &p.Amount)
			}
		}
	}
	add(tx.Tokens)
	add(tx.Native)
	return in, out
}

// check compares what each seller gained with price minus fees, over all sales of the transaction together, and fills the fees that no event says.
func check(tx *ledger.Tx, sales []*Sale) {
	for _, s := range sales {
		if s.feesUnknown && s.Check == "" && !s.Price.IsZero() {
			feesFromFlow(tx, sales, s)
		}
	}
	for _, s := range sales {
		switch {
		case s.Check == Mirror || s.Check == Unchecked:
		case s.Price.IsZero():
			s.Check = Zero
		case !tx.HasTraces && etherLike(s.Currency):
			s.Check = Unchecked
		case ledger.IsPunks(s.Log.Address) || s.NeedsBid: // money waits in the contract
			s.Check = contractCheck(tx, sales, s)
		default:
			s.Check = flowCheck(tx, sales, s)
		}
	}
}

// contractCheck confirms a sale whose price stays in the contract until the seller fetches it.
func contractCheck(tx *ledger.Tx, sales []*Sale, s *Sale) Check {
	if s.NeedsBid {
		return Unchecked
	}
	var all uint256.Int
	for _, o := range sales {
		if o.Log.Address == s.Log.Address && !o.NeedsBid && o.Category == Buy {
			all.Add(&all, &o.Price)
		}
	}
	in, _ := net(tx, s.Log.Address, evm.Address{}, false)
	switch {
	case s.Category == OfferAccepted: // the bid's money came when it was placed, or in this transaction
		return Unchecked
	case in.Lt(&all):
		return Mismatch
	}
	return FlowOK
}

// flowCheck looks at the currency of the sale alone, then at all that is like ether together: a seller may unwrap what it got, or pass it on, in the same transaction. What
// the seller bought in the transaction may have been paid in another of these currencies, so it is counted or not.
func flowCheck(tx *ledger.Tx, sales []*Sale, s *Sale) Check {
	for _, wide := range []bool{false, true} {
		for _, bought := range []bool{true, false} {
			if (!wide || etherLike(s.Currency)) && flowAgrees(tx, sales, s, wide, bought) {
				return FlowOK
			}
		}
	}
	if s.Seller == blendContract && passedOn(tx, s) {
		return FlowOK
	}
	return Mismatch
}

// passedOn tells whether a seller that keeps nothing for itself (Blend sells for a borrower and pays its lender) got the price less the fees.
func passedOn(tx *ledger.Tx, s *Sale) bool {
	got, _ := net(tx, s.Seller, s.Currency, true)
	fees := s.FeeSum()
	return got.Eq(new(uint256.Int).Sub(&s.Price, &fees))
}

// flowAgrees allows for the rounding of shares: 6 in 100,000 of the price.
func flowAgrees(tx *ledger.Tx, sales []*Sale, s *Sale, wide, bought bool) bool {
	gained, spent := net(tx, s.Seller, s.Currency, wide)
	// What all sales of the transaction say that this account got and paid.
	var got, volume uint256.Int
	for _, o := range sales {
		if o.Check == Mirror || !wide && o.Currency != s.Currency || wide && money(o.Currency) != money(s.Currency) {
			continue
		}
		if o.Seller == s.Seller {
			fees := o.FeeSum()
			got.Add(&got, &o.Price)
			got.Sub(&got, &fees)
			volume.Add(&volume, &o.Price)
		}
		if bought && o.Buyer == s.Seller {
			gained.Add(&gained, &o.Price)
		}
	}
	got.Add(&got, &spent)
	var diff uint256.Int
	if gained.Lt(&got) {
		diff.Sub(&got, &gained)
	} else {
		diff.Sub(&gained, &got)
	}
	limit := bps(&volume, 6, 100_000)
	return !diff.Gt(limit) || !diff.GtUint64(16)
}

// feesFromFlow takes as fees what the seller did not get of the price. It needs a transaction in which the seller has one sale in the currency; the
// recipients are those whom the marketplace or the buyer paid amounts that make up the difference, else the marketplace's contract stands for them.
func feesFromFlow(tx *ledger.Tx, sales []*Sale, s *Sale) {
	cur := money(s.Currency)
	if !tx.HasTraces && cur.IsZero() {
		return
	}
	for _, o := range sales {
		if o != s && (o.Seller == s.Seller || o.Buyer == s.Seller) && money(o.Currency) == cur {
			return
		}
	}
	in, out := net(tx, s.Seller, s.Currency, true)
	if in.Lt(&out) {
		return
	}
	in.Sub(&in, &out)
	if !in.Lt(&s.Price) || in.IsZero() {
		return
	}
	var rest uint256.Int
	rest.Sub(&s.Price, &in)
	var legs []Fee
	var sum uint256.Int
	collect := func(ps []ledger.Payment) {
		for i := range ps {
			p := &ps[i]
			if money(p.Currency) == cur && !p.Wrap && (p.From == s.Log.Address || p.From == s.Buyer || p.From == s.Seller) && p.To != s.Seller && p.To != s.Buyer && p.To != s.Log.Address && !p.Amount.Gt(&rest) {
				legs = append(legs, Fee{Recipient: p.To, Amount: p.Amount, Kind: feeKindFlow(p.To)})
				sum.Add(&sum, &p.Amount)
			}
		}
	}
	collect(tx.Tokens)
	if cur.IsZero() {
		collect(tx.Native)
	}
	if !sum.Eq(&rest) {
		for i := range legs {
			if legs[i].Amount.Eq(&rest) {
				s.addFee(legs[i].Recipient, &rest, legs[i].Kind)
				return
			}
		}
		s.addFee(s.Log.Address, &rest, Platform)
		return
	}
	for i := range legs {
		s.addFee(legs[i].Recipient, &legs[i].Amount, legs[i].Kind)
	}
}

func feeKindFlow(to evm.Address) string {
	if openSeaWallets[to] {
		return Platform
	}
	return Royalty
}
