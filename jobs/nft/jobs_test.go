package nft_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/lodehq/lode/jobs/chain"
	"github.com/lodehq/lode/jobs/nft"
	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/localfs"
	"github.com/lodehq/lode/mapreduce/task"
	"github.com/lodehq/lode/table/datafile"
	"github.com/lodehq/lode/table/datafile/schemas"
)

// fileTables keeps tables as Parquet files and one manifest each, without a catalogue: enough to run jobs in a test.
type fileTables struct{}

type tableOutput struct {
	table *datafile.Table
	mode  datafile.Mode
}

func (fileTables) output(t *datafile.Table, mode datafile.Mode, _ *datafile.Filter) mapreduce.OutputFormat {
	return &tableOutput{t, mode}
}

func (o *tableOutput) Check(context.Context, mapreduce.OutputEnv) error { return nil }

type tableTask struct {
	w   *datafile.TableWriter
	ctx context.Context
}

func (o *tableOutput) Open(ctx context.Context, env mapreduce.OutputEnv) (mapreduce.TaskOutput, error) {
	create := func(ctx context.Context, rel string) (io.WriteCloser, string, error) {
		p := "/warehouse/" + o.table.Name + "/" + rel
		w, err := env.FS.Create(ctx, p, true)
		return w, p, err
	}
	return &tableTask{datafile.NewTableWriter(o.table, create, env.Attempt), ctx}, nil
}

func (t *tableTask) Write(_, value []byte) error { return t.w.WriteEncoded(t.ctx, value) }
func (t *tableTask) WriteRow(row any) error      { return t.w.Write(t.ctx, row.(*datafile.Batch)) }
func (t *tableTask) Abort() error                { return t.w.Abort() }
func (t *tableTask) Close() ([]byte, error) {
	ds, err := t.w.Close(t.ctx)
	if err != nil {
		return nil, err
	}
	return datafile.EncodeDescriptors(ds)
}

func (o *tableOutput) Commit(ctx context.Context, env mapreduce.OutputEnv, payloads [][]byte) error {
	m := &datafile.Manifest{Table: o.table.Name, Mode: datafile.Append, CommitID: env.Job, Create: o.table}
	if f, err := env.FS.Open(ctx, "/manifests/"+o.table.Name); err == nil && o.mode == datafile.Append {
		old, err := datafile.DecodeManifest(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		m.Files = old.Files
	}
	for _, p := range payloads {
		ds, err := datafile.DecodeDescriptors(p)
		if err != nil {
			return err
		}
		m.Files = append(m.Files, ds...)
	}
	w, err := env.FS.Create(ctx, "/manifests/"+o.table.Name, true)
	if err != nil {
		return err
	}
	return errors.Join(m.Encode(w), w.Close())
}

func (o *tableOutput) Abort(context.Context, mapreduce.OutputEnv) error { return nil }

type tableInput struct {
	table   string
	columns []string
}

func (fileTables) input(table string, columns []string, _ *datafile.Filter) mapreduce.InputFormat {
	return &tableInput{table, columns}
}

func (in *tableInput) Splits(ctx context.Context, env mapreduce.InputEnv) ([]mapreduce.Split, error) {
	f, err := env.FS.Open(ctx, "/manifests/"+in.table)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := datafile.DecodeManifest(f)
	if err != nil {
		return nil, err
	}
	files, err := json.Marshal(m.Files)
	if err != nil {
		return nil, err
	}
	return []mapreduce.Split{{Path: in.table, Length: 1, Extra: files}}, nil // one task for all: small tables
}

type tableReader struct {
	ctx   context.Context
	fs    mapreduce.FS
	files []datafile.Descriptor
	s     *datafile.Schema
	r     *datafile.Reader
	open  mapreduce.File
	b     *datafile.Batch
}

func (in *tableInput) Open(ctx context.Context, split mapreduce.Split, env mapreduce.InputEnv) (mapreduce.RecordReader, error) {
	ds, err := datafile.DecodeDescriptors(split.Extra)
	if err != nil {
		return nil, err
	}
	s, err := schemas.Lookup(in.table).Schema.Project(in.columns)
	return &tableReader{ctx: ctx, fs: env.FS, files: ds, s: s}, err
}

func (r *tableReader) Next() ([]byte, []byte, error) {
	for {
		if r.r != nil {
			b, err := r.r.Next()
			if err == nil {
				r.b = b
				return nil, nil, nil
			}
			if !errors.Is(err, io.EOF) {
				return nil, nil, err
			}
			r.r.Close()
			r.open.Close()
			r.r = nil
		}
		if len(r.files) == 0 {
			return nil, nil, io.EOF
		}
		f, err := r.fs.Open(r.ctx, r.files[0].Path)
		if err != nil {
			return nil, nil, err
		}
		r.open = f
		if r.r, err = datafile.OpenReader(f, r.files[0].FileSizeBytes, r.s, datafile.ReadOptions{}); err != nil {
			return nil, nil, err
		}
		r.files = r.files[1:]
	}
}

func (r *tableReader) Row() any          { return r.b }
func (r *tableReader) Progress() float64 { return 0 }
func (r *tableReader) Close() error      { return nil }

// rowSet gives the rows of a table as sorted lines, without the columns of lineage.
func rowSet(b *datafile.Batch) []string {
	var out []string
	for i := range b.Len() {
		var line strings.Builder
		for c, f := range b.Schema.Fields {
			if f.Name == "ingest_file" || f.Name == "ingest_time" {
				continue
			}
			line.WriteString(b.Columns[c].FormatValue(i))
			line.WriteByte('|')
		}
		out = append(out, line.String())
	}
	sort.Strings(out)
	return out
}

func readTable(t *testing.T, fsys mapreduce.FS, name string) []string {
	t.Helper()
	in := &tableInput{table: name}
	splits, err := in.Splits(context.Background(), mapreduce.InputEnv{FS: fsys})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	r, err := in.Open(context.Background(), splits[0], mapreduce.InputEnv{FS: fsys})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for {
		_, _, err := r.Next()
		if errors.Is(err, io.EOF) {
			sort.Strings(out)
			return out
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out = append(out, rowSet(r.(mapreduce.RowReader).Row().(*datafile.Batch))...)
	}
}

// land writes the bundled blocks as lines of compressed files, with one line that is no block. Some blocks are there twice, and one has a sibling that was recorded before it.
func land(t *testing.T, root string) {
	t.Helper()
	dir := filepath.Join(root, "data/chain/ethereum/raw/block=000000000")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob("../chain/testdata/mainnet_blocks/*.json.gz")
	var orphan bytes.Buffer
	for part := range 3 {
		var file bytes.Buffer
		z := gzip.NewWriter(&file)
		if part == 1 {
			fmt.Fprintln(z, `{"number": 1, this is no block`)
		}
		for i, name := range names {
			if i%3 != part {
				continue
			}
			fd, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			zr, err := gzip.NewReader(fd)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := io.ReadAll(zr)
			fd.Close()
			if err != nil {
				t.Fatal(err)
			}
			var line bytes.Buffer
			if err := json.Compact(&line, raw); err != nil {
				t.Fatal(err)
			}
			line.WriteByte('\n')
			if i == 30 { // another block of that height, with another hash
				z := gzip.NewWriter(&orphan)
				at := bytes.Index(line.Bytes(), []byte(`"hash":"0x`))
				other := bytes.Clone(line.Bytes())
				copy(other[at+10:], "000000000000")
				if _, err := z.Write(other); err != nil {
					t.Fatal(err)
				}
				if err := z.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := z.Write(line.Bytes()); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, fmt.Sprintf("part-%d.ndjson.gz", part))
		if err := os.WriteFile(name, file.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		if part == 0 {
			again := filepath.Join(dir, "again.ndjson.gz")
			if err := os.WriteFile(again, append(file.Bytes(), orphan.Bytes()...), 0o644); err != nil {
				t.Fatal(err)
			}
			before := time.Now().Add(-time.Hour)
			if err := os.Chtimes(again, before, before); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestJobsMakeTheTables(t *testing.T) {
	if testing.Short() {
		t.Skip("decodes 100 blocks twice")
	}
	want := decodeAll(t)
	tables := chain.Tables{Output: fileTables{}.output, Input: fileTables{}.input}
	registry, err := mapreduce.NewRegistry(append(chain.Programs(tables), nft.Programs(tables)...)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range [][]string{{"nft-gold"}, {"chain-bronze", "chain-bronze", "nft-silver", "nft-figures"}} {
		root := t.TempDir()
		land(t, root)
		fsys := localfs.FS{Root: root}
		for _, name := range way {
			conf := mapreduce.NewConf(nil)
			if name == "chain-bronze" { // appended to twice: every row is there twice
				conf.Set(chain.KeyMode, "append")
			}
			p, ok := registry.Lookup(name)
			if !ok {
				t.Fatalf("no program %s", name)
			}
			job, err := p.Build(&mapreduce.Invocation{Program: name, Conf: conf})
			if err != nil {
				t.Fatal(err)
			}
			if err := job.Check(); err != nil {
				t.Fatal(err)
			}
			if _, err := task.Local(context.Background(), job, task.LocalOptions{FS: fsys, Conf: conf, Dir: t.TempDir()}); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if way[0] == "nft-gold" {
			if n := len(readTable(t, fsys, "silver.prices_usd_minute")); n < 3*61*20 {
				t.Errorf("%d prices of minutes", n)
			}
		}
		for name, b := range want {
			full := ""
			for _, s := range schemas.All("ethereum") {
				if s.Name == "silver."+name || s.Name == "gold."+name || s.Name == "bronze."+strings.TrimPrefix(name, "bronze_") || s.Name == "bronze.ethereum_"+strings.TrimPrefix(name, "bronze_") {
					full = s.Name
				}
			}
			if way[0] == "chain-bronze" && strings.HasPrefix(full, "bronze.") {
				continue
			}
			rows := rowSet(b)
			got := readTable(t, fsys, full)
			if name == "decode_quarantine" { // the line that is no block
				if len(got) != len(rows)+1 && way[0] == "nft-gold" {
					t.Errorf("%v: %s has %d rows, want %d", way, full, len(got), len(rows)+1)
				}
				continue
			}
			if len(got) != len(rows) {
				t.Errorf("%v: %s has %d rows, want %d", way, full, len(got), len(rows))
				continue
			}
			for i := range got {
				if got[i] != rows[i] {
					t.Errorf("%v: %s row %d is %.300s, want %.300s", way, full, i, got[i], rows[i])
					break
				}
			}
		}
	}
}
