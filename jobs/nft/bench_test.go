package nft_test

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/lodehq/lode/jobs/chain/block"
	"github.com/lodehq/lode/jobs/chain/bronze"
	"github.com/lodehq/lode/jobs/nft/ledger"
	"github.com/lodehq/lode/jobs/nft/market"
	"github.com/lodehq/lode/jobs/nft/silver"
)

// BenchmarkRawToRows is what the mapper of nft-gold does with a line, without reading and writing: JSON to bronze and silver rows.
func BenchmarkRawToRows(b *testing.B) {
	names, err := filepath.Glob("../chain/testdata/mainnet_blocks/1400000*.json.gz")
	if err != nil || len(names) == 0 {
		b.Fatal("no bundled blocks", err)
	}
	var raws [][]byte
	size := 0
	for _, name := range names {
		fd, err := os.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		z, err := gzip.NewReader(fd)
		if err != nil {
			b.Fatal(err)
		}
		raw, err := io.ReadAll(z)
		fd.Close()
		if err != nil {
			b.Fatal(err)
		}
		raws = append(raws, raw)
		size += len(raw)
	}
	b.SetBytes(int64(size))
	low, mid, reg := bronze.NewRows("ethereum", 1), silver.NewRows(), market.NewRegistry()
	var blk block.Block
	for b.Loop() {
		for _, raw := range raws {
			if err := blk.Parse(raw); err != nil {
				b.Fatal(err)
			}
			low.Reset()
			mid.Reset()
			low.Add(&blk, "f")
			txs, err := ledger.FromBlock(&blk, "ethereum", 1)
			if err != nil {
				b.Fatal(err)
			}
			mid.Block(reg, txs)
		}
	}
}
