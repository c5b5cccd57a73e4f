package gold

import (
	"encoding/binary"
	"fmt"
	"math"
	"sort"

	"github.com/lodehq/lode/table/datafile"
	"github.com/lodehq/lode/table/datafile/schemas"
)

// PricesTable is the name of silver.prices_usd_minute as a key of a job's outputs.
const PricesTable = "prices_usd_minute"

// PriceTables are those that Prices fills.
func PriceTables() map[string]*datafile.Table {
	return map[string]*datafile.Table{PricesTable: schemas.PricesMinute()}
}

// priceKey begins the key of price facts, which no chain's name does.
const priceKey = 1

// IsPriceKey tells whether a group holds prices instead of a collection's facts.
func IsPriceKey(key []byte) bool { return len(key) > 0 && key[0] == priceKey }

// EmitPrice sends what an ether was worth at a time (seconds).
func EmitPrice(chain string, time int64, usd float64, emit Emit) error {
	v := binary.BigEndian.AppendUint64(nil, uint64(time))
	return emit(append([]byte{priceKey}, chain...), binary.BigEndian.AppendUint64(v, math.Float64bits(usd)))
}

// fillMinutes is how long a price stands in for minutes without one.
const fillMinutes = 60

// Prices gathers what an ether of one chain was worth over time.
type Prices struct {
	chain string
	seen  map[int64]observation // by minute
}

type observation struct {
	time int64
	usd  float64
}

// Begin starts with another chain.
func (p *Prices) Begin(key []byte) {
	p.chain, p.seen = string(key[1:]), map[int64]observation{}
}

// Add takes a fact; the last one of a minute counts.
func (p *Prices) Add(value []byte) error {
	if len(value) != 16 {
		return fmt.Errorf("a price's fact has %d bytes", len(value))
	}
	o := observation{int64(binary.BigEndian.Uint64(value)), math.Float64frombits(binary.BigEndian.Uint64(value[8:]))}
	minute := o.time - o.time%60
	if old, ok := p.seen[minute]; !ok || o.time > old.time || o.time == old.time && o.usd > old.usd {
		p.seen[minute] = o
	}
	return nil
}

// Finish writes a row for each minute and currency, filled forward at most an hour and never over a gap longer than that.
func (p *Prices) Finish(out *Rows) {
	b := out.Batch(PricesTable)
	minutes := make([]int64, 0, len(p.seen))
	for m := range p.seen {
		minutes = append(minutes, m)
	}
	sort.Slice(minutes, func(i, j int) bool { return minutes[i] < minutes[j] })
	for _, c := range []struct{ address, symbol string }{{Zero, "ETH"}, {"0x0000000000a39bb272e79075ade125fd351887ac", "BETH"}, {"0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2", "WETH"}} {
		for i, m := range minutes {
			end := m + fillMinutes*60
			if i+1 < len(minutes) {
				end = min(end, minutes[i+1]-60)
			}
			for at := m; at <= end; at += 60 {
				b.Str(p.chain).Str(c.address).Str(c.symbol).Long(18).Time(at).Float(p.seen[m].usd).Time(m)
			}
		}
	}
}
