package silver

import (
	"math/rand/v2"
	"testing"

	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
	"github.com/lodehq/lode/jobs/nft/market"
)

// TestSharesSumToThePrice: whatever the amounts of a bundle, no wei is lost, and equal units differ by at most one.
func TestSharesSumToThePrice(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	for range 3000 {
		rows := NewRows()
		tx := &ledger.Tx{Block: ledger.Block{Chain: "ethereum", ChainID: 1}}
		s := &market.Sale{Log: &ledger.Log{}, Project: "x", Version: "v", Category: market.Buy, Check: market.FlowOK, Seller: evm.Address{1}, Buyer: evm.Address{2}}
		for i := range s.Price {
			s.Price[i] = r.Uint64() >> r.IntN(65)
		}
		if r.IntN(3) == 0 {
			s.Price = *uint256.NewInt(r.Uint64N(10))
		}
		big := r.IntN(10) == 0
		for range 1 + r.IntN(9) {
			it := market.Item{TokenID: *uint256.NewInt(r.Uint64()), Amount: *uint256.NewInt(1 + r.Uint64N(4))}
			if big {
				it.Amount = uint256.Int{r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()}
			}
			s.Items = append(s.Items, it)
		}
		s.Fees = []market.Fee{{Recipient: evm.Address{3}, Amount: *new(uint256.Int).Div(&s.Price, uint256.NewInt(40)), Kind: market.Platform}}
		rows.Add(tx, []*market.Sale{s}, 3000, true)
		b := rows.Batch(Trades)
		if b.Len() != len(s.Items) {
			t.Fatalf("%d rows of %d items", b.Len(), len(s.Items))
		}
		price, fee := b.Schema.Index("price_raw"), b.Schema.Index("platform_fee_raw")
		var sum, fees, units uint256.Int
		for i := range s.Items {
			sum.Add(&sum, uint256.MustFromDecimal(b.Columns[price].Text(i)))
			fees.Add(&fees, uint256.MustFromDecimal(b.Columns[fee].Text(i)))
			units.Add(&units, &s.Items[i].Amount)
		}
		if !sum.Eq(&s.Price) || !fees.Eq(&s.Fees[0].Amount) {
			t.Fatalf("shares sum to %s and %s, want %s and %s", sum.Dec(), fees.Dec(), s.Price.Dec(), s.Fees[0].Amount.Dec())
		}
		if big {
			continue
		}
		each := new(uint256.Int).Div(&s.Price, &units)
		for i := range s.Items {
			low := new(uint256.Int).Mul(each, &s.Items[i].Amount)
			high := new(uint256.Int).Add(low, &s.Items[i].Amount)
			if got := uint256.MustFromDecimal(b.Columns[price].Text(i)); got.Lt(low) || got.Gt(high) {
				t.Fatalf("an item of %s units has %s, want %s to %s", s.Items[i].Amount.Dec(), got.Dec(), low.Dec(), high.Dec())
			}
		}
	}
}
