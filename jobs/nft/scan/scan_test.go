package scan

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lodehq/lode/table/datafile"
)

type buffer struct{ bytes.Buffer }

func (*buffer) Close() error { return nil }

// logs makes a file of logs: an ERC-20, an ERC-721, a single, a batch of two and a broken batch, again and again.
func logs(t testing.TB, rows int) []byte {
	t.Helper()
	table := &datafile.Table{Name: "logs", Schema: *input()}
	for i := range table.Schema.Fields {
		table.Schema.Fields[i].ID = i + 1
		table.Schema.Fields[i].Dict = i > 2 && i < 8
	}
	w := func(n int) string { return fmt.Sprintf("%064x", n) }
	b := datafile.NewBatch(&table.Schema)
	for i := range rows {
		b.Long(int64(i)).Str("0x" + w(i)).Long(1).Str("0x" + w(7)[24:])
		a, z := "0x"+w(1000+i%50), "0x"+w(2000+i%70)
		switch i % 6 {
		case 0:
			b.Str(transfer).Str(a).Str(z).Null().Str("0x" + w(i))
		case 1:
			b.Str(transfer).Str(a).Str(z).Str("0x" + w(i)).Str("0x")
		case 2:
			b.Str(single).Str(a).Str(a).Str(z).Str("0x" + w(i) + w(5))
		case 3:
			b.Str(batch).Str(a).Str(a).Str(z).Str("0x" + w(64) + w(160) + w(2) + w(i) + w(i+1) + w(2) + w(8) + w(9))
		case 4:
			b.Str(batch).Str(a).Str(a).Str(z).Str("0x" + w(64) + w(1<<30) + w(2) + w(i))
		default:
			b.Str("0x" + w(99)).Null().Null().Null().Str("0x" + strings.Repeat("ab", 100))
		}
	}
	var out bytes.Buffer
	pw, err := datafile.NewWriter(&out, table, "logs")
	if err != nil {
		t.Fatal(err)
	}
	if err := pw.Write(b); err != nil {
		t.Fatal(err)
	}
	if _, err := pw.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestTransfersComeOutExactly(t *testing.T) {
	raw := logs(t, 600)
	out := &buffer{}
	n, err := Run(context.Background(), []File{{"logs", bytes.NewReader(raw), int64(len(raw))}}, 1, "", func(int) (io.WriteCloser, error) { return out, nil })
	if err != nil {
		t.Fatal(err)
	}
	if want := (Counts{Logs: 600, Transfers: 500, Misfits: 100}); n != want {
		t.Fatalf("%+v, want %+v", n, want)
	}
	s := Table().Schema
	r, err := datafile.OpenReader(bytes.NewReader(out.Bytes()), int64(out.Len()), &s, datafile.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range 5 {
		line := ""
		for c := range b.Columns {
			if v := b.Columns[c].FormatValue(i); c != 1 {
				line += " " + strings.TrimLeft(strings.TrimPrefix(v, "0x"), "0")
			}
		}
		got = append(got, line)
	}
	want := []string{"  1 7 erc20 3e8 7d0 null ", " 1 1 7 erc721 3e9 7d1 1 1", " 2 1 7 erc1155 3ea 7d2 2 5", " 3 1 7 erc1155 3eb 7d3 3 8", " 3 1 7 erc1155 3eb 7d3 4 9"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func FuzzArrays(f *testing.F) {
	f.Add([]byte("0x"))
	f.Add([]byte("0x" + strings.Repeat("0", 640)))
	f.Fuzz(func(t *testing.T, data []byte) {
		ids, amounts, ok := arrays(data)
		if ok && (len(ids) != len(amounts) || len(ids)%64 != 0) {
			t.Fatal("arrays of different length")
		}
	})
}

// BenchmarkScan reads the files of LODE_SCAN_LOGS (a directory of Parquet logs) or a small made one, and writes transfers.
func BenchmarkScan(b *testing.B) {
	var files []File
	if dir := os.Getenv("LODE_SCAN_LOGS"); dir != "" {
		names, _ := filepath.Glob(dir + "/*.parquet")
		for _, n := range names {
			raw, err := os.ReadFile(n)
			if err != nil {
				b.Fatal(err)
			}
			files = append(files, File{n, bytes.NewReader(raw), int64(len(raw))})
		}
	} else {
		raw := logs(b, 60_000)
		files = append(files, File{"logs", bytes.NewReader(raw), int64(len(raw))})
	}
	total := int64(0)
	for b.Loop() {
		n, err := Run(context.Background(), files, 2, "", func(int) (io.WriteCloser, error) { return &buffer{}, nil })
		if err != nil {
			b.Fatal(err)
		}
		total += n.Logs
	}
	b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "logs/s")
}

// BenchmarkDecode is the decoding alone: matching logs in memory to columns.
func BenchmarkDecode(b *testing.B) {
	raw := logs(b, 60_000)
	r, err := datafile.OpenReader(bytes.NewReader(raw), int64(len(raw)), input(), datafile.ReadOptions{Batch: 60_000, Only: &datafile.In{Column: "topic0", Values: []string{transfer, single, batch}}})
	if err != nil {
		b.Fatal(err)
	}
	in, err := r.Next()
	if err != nil {
		b.Fatal(err)
	}
	s := Table().Schema
	out := datafile.NewBatch(&s)
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		Decode(in, out)
	}
	b.ReportMetric(float64(in.Len())*float64(b.N)/b.Elapsed().Seconds(), "logs/s")
}
