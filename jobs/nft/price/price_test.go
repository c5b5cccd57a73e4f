package price

import (
	"compress/gzip"
	"encoding/csv"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/lodehq/lode/jobs/chain/block"
	"github.com/lodehq/lode/jobs/nft/ledger"
)

func TestBlocksSayWhatAnEtherIsWorth(t *testing.T) {
	f, err := os.Open("../testdata/eth_usd_onchain.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := map[int64]map[string]float64{}
	for _, r := range rows[1:] {
		n, _ := strconv.ParseInt(r[0], 10, 64)
		if want[n] == nil {
			want[n] = map[string]float64{}
		}
		want[n][r[3]], _ = strconv.ParseFloat(r[4], 64)
	}
	files, _ := filepath.Glob("../../chain/testdata/mainnet_blocks/*.json.gz")
	if len(files) == 0 {
		t.Fatal("no bundled blocks")
	}
	seen := 0
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
		txs, err := ledger.FromBlock(&b, "ethereum", 1)
		if err != nil {
			t.Fatal(err)
		}
		var o Observer
		for _, tx := range txs {
			for i := range tx.Logs {
				o.See(&tx.Logs[i])
			}
		}
		got, ok := o.USD()
		order := []string{"univ3_usdc_weth_005", "univ3_weth_usdt_005", "univ3_usdc_weth_030", "univ3_weth_usdt_030", "univ2_usdc_weth", "univ2_weth_usdt"}
		for _, source := range order {
			w, there := want[b.Number][source]
			if !there {
				continue
			}
			seen++
			if !ok || math.Abs(got-w) > 1e-3 {
				t.Errorf("block %d: %v (%v), want %v from %s", b.Number, got, ok, w, source)
			}
			break
		}
	}
	if seen < 70 {
		t.Errorf("only %d blocks compared", seen)
	}
}
