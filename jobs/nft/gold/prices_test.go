package gold

import "testing"

func TestPricesFillAnHourAndNoMore(t *testing.T) {
	p, out := &Prices{}, NewRows(PriceTables())
	var key []byte
	put := func(time int64, usd float64) {
		err := EmitPrice("ethereum", time, usd, func(k, v []byte) error {
			if key == nil {
				key = k
				p.Begin(k)
			}
			return p.Add(v)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	put(600, 10)
	put(659, 11)
	put(601, 12)
	put(780, 20)
	p.Finish(out)
	if !IsPriceKey(key) {
		t.Fatal("the key is not known as one of prices")
	}
	b := out.Batch(PricesTable)
	if want := 3 * (3 + 61); b.Len() != want {
		t.Fatalf("%d rows, want %d: two minutes after the first, an hour after the last", b.Len(), want)
	}
	price, from := b.Schema.Index("price_usd"), b.Schema.Index("filled_from")
	if b.Columns[price].Float(0) != 11 || b.Columns[price].Float(2) != 11 || b.Columns[price].Float(3) != 20 || b.Columns[from].Int(2) != 600e6 {
		t.Error("the last price of a minute must stand until the next one")
	}
	if err := p.Add([]byte("short")); err == nil {
		t.Error("a fact of 5 bytes is accepted")
	}
}
