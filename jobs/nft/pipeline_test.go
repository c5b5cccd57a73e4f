package nft_test

import (
	"compress/gzip"
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"testing"
	"time"

	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/block"
	"github.com/lodehq/lode/jobs/chain/bronze"
	"github.com/lodehq/lode/jobs/nft/gold"
	"github.com/lodehq/lode/jobs/nft/ledger"
	"github.com/lodehq/lode/jobs/nft/market"
	"github.com/lodehq/lode/jobs/nft/silver"
	"github.com/lodehq/lode/table/datafile"
)

// tables of the bundled blocks, decoded in this process without any engine.
type tables map[string]*datafile.Batch

func decodeAll(t testing.TB) tables {
	t.Helper()
	files, err := filepath.Glob("../chain/testdata/mainnet_blocks/*.json.gz")
	if err != nil || len(files) != 100 {
		t.Fatalf("%d bundled blocks, want 100 (%v)", len(files), err)
	}
	low, mid := bronze.NewRows("ethereum", 1), silver.NewRows()
	reg := market.NewRegistry()
	for _, name := range files {
		fd, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(fd)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(z)
		fd.Close()
		if err != nil {
			t.Fatal(err)
		}
		var b block.Block
		if err := b.Parse(raw); err != nil {
			t.Fatal(err)
		}
		low.Add(&b, name)
		txs, err := ledger.FromBlock(&b, "ethereum", 1)
		if err != nil {
			t.Fatal(err)
		}
		mid.Block(reg, txs)
	}
	out := tables{}
	_ = low.Each(func(name string, b *datafile.Batch) error { out["bronze_"+name] = b; return nil })
	_ = mid.Each(func(name string, b *datafile.Batch) error { out[name] = b; return nil })

	groups := map[string][][]byte{}
	emit := func(k, v []byte) error {
		groups[string(k)] = append(groups[string(k)], append([]byte{}, v...))
		return nil
	}
	var e gold.Emitter
	for _, err := range []error{e.Trades(out[silver.Trades], emit), e.Transfers(out[silver.Transfers], emit), e.Mints(out[silver.Mints], emit), e.Orders(out[silver.Orders], emit)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var keys []string
	for k := range groups {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	rows, last := gold.NewRows(gold.CollectionTables()), gold.NewRows(gold.MarketTables())
	days := map[string][]*gold.MarketFact{}
	var top gold.Top
	top.Begin("ethereum")
	c := gold.NewCollection()
	for _, k := range keys {
		c.Begin([]byte(k))
		for _, v := range groups[k] {
			if err := c.Add(v); err != nil {
				t.Fatal(err)
			}
		}
		err := c.Finish(rows, func(f *gold.MarketFact) error {
			b, err := f.Encode()
			if err != nil {
				return err
			}
			if f, err = gold.DecodeMarketFact(b); err != nil {
				return err
			}
			days[f.Day()] = append(days[f.Day()], f)
			if f.Eth != nil {
				top.Add(f.Contract, f.Time, *f.Eth)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, facts := range days {
		var m gold.Market
		m.Begin()
		for _, f := range facts {
			m.Add(f)
		}
		if err := m.Finish(last); err != nil {
			t.Fatal(err)
		}
	}
	top.Finish(last)
	for _, r := range []*gold.Rows{rows, last} {
		for name := range gold.CollectionTables() {
			if b := r.Batch(name); b != nil {
				out[name] = b
			}
		}
		for name := range gold.MarketTables() {
			if b := r.Batch(name); b != nil {
				out[name] = b
			}
		}
	}
	return out
}

// TestExport writes the tables as CSV and Parquet into a directory for comparison with other tools; it is skipped without one.
func TestExport(t *testing.T) {
	dir := os.Getenv("LODE_NFT_EXPORT")
	if dir == "" {
		t.Skip("LODE_NFT_EXPORT names no directory")
	}
	for name, b := range decodeAll(t) {
		f, err := os.Create(filepath.Join(dir, name+".parquet"))
		if err != nil {
			t.Fatal(err)
		}
		w, err := datafile.NewWriter(f, &datafile.Table{Name: name, Schema: *b.Schema}, name)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Close(); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
}

func column(b *datafile.Batch, name string) *datafile.Column { return &b.Columns[b.Schema.Index(name)] }

// TestMarketAgreesWithTheOracle recomputes sales, items, volume and people by day from the oracle, not from our own rows.
func TestMarketAgreesWithTheOracle(t *testing.T) {
	f, err := os.Open("testdata/oracle_sales.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	ix := map[string]int{}
	for i, k := range all[0] {
		ix[k] = i
	}
	type cell struct {
		sales  int64
		volume uint256.Int
		people map[string]bool
		blind  bool
	}
	want := map[string]*cell{}
	for _, r := range all[1:] {
		if kind := r[ix["flow_check"]]; len(kind) > 5 && (kind[:6] == "mirror" || kind[:4] == "zero") {
			continue
		}
		sec, _ := strconv.ParseInt(r[ix["block_time"]], 10, 64)
		key := r[ix["project"]] + " " + time.Unix(sec, 0).UTC().Format("2006-01-02")
		if want[key] == nil {
			want[key] = &cell{people: map[string]bool{}}
		}
		c := want[key]
		c.sales++
		c.people[r[ix["buyer"]]], c.people[r[ix["seller"]]] = true, true
		c.blind = c.blind || r[ix["seller"]] == ""
		switch r[ix["currency_contract"]] {
		case "0x0000000000000000000000000000000000000000", "0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee", "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2", "0x0000000000a39bb272e79075ade125fd351887ac":
			c.volume.Add(&c.volume, uint256.MustFromDecimal(r[ix["price_raw"]]))
		}
	}
	b := decodeAll(t)[gold.MarketDaily]
	found := 0
	for i := range b.Len() {
		key := column(b, "project").Text(i) + " " + column(b, "block_date").FormatValue(i)
		w := want[key]
		if w == nil {
			continue // a marketplace that the oracle does not cover
		}
		found++
		if got := column(b, "sales").Int(i); got != w.sales {
			t.Errorf("%s: %d sales, want %d", key, got, w.sales)
		}
		if got := column(b, "volume_raw_eth").Text(i); got != w.volume.Dec() {
			t.Errorf("%s: volume %s, want %s", key, got, w.volume.Dec())
		}
		if got := column(b, "active_wallets").Int(i); !w.blind && got != int64(len(w.people)) {
			t.Errorf("%s: %d active wallets, want %d", key, got, len(w.people))
		}
	}
	if found != len(want) {
		t.Errorf("%d days of marketplaces found, want %d", found, len(want))
	}
}
