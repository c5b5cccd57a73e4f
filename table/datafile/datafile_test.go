package datafile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/lodehq/lode/table/datafile"
	"github.com/lodehq/lode/table/datafile/schemas"
)

func everyType() *datafile.Table {
	t := &datafile.Table{Name: "test.all", RowGroup: 500}
	for i, typ := range []datafile.Type{datafile.String, datafile.Long, datafile.Int, datafile.Double, datafile.Boolean, datafile.Timestamp, datafile.Date, datafile.Decimal38, datafile.Fixed32, datafile.Binary, datafile.String} {
		t.Schema.Fields = append(t.Schema.Fields, datafile.Field{ID: i + 1, Name: fmt.Sprintf("z%02d", 20-i), Type: typ, Dict: i == 10})
	}
	return t
}

func fill(b *datafile.Batch, r *rand.Rand, rows int) {
	for range rows {
		for c := range b.Columns {
			col := &b.Columns[c]
			if r.IntN(5) == 0 {
				col.AppendNull()
				continue
			}
			switch col.Type {
			case datafile.String:
				col.AppendString(fmt.Sprintf("value %d", r.IntN(50)))
			case datafile.Double:
				col.AppendFloat(r.NormFloat64())
			case datafile.Boolean:
				col.AppendBool(r.IntN(2) == 0)
			case datafile.Int, datafile.Date:
				col.AppendInt(int64(int32(r.Uint32())))
			case datafile.Decimal38:
				col.AppendDecimal(int64(r.Uint64())>>4, r.Uint64())
			case datafile.Fixed32, datafile.Binary:
				v := make([]byte, 32)
				for i := range v {
					v[i] = byte(r.Uint32())
				}
				col.AppendBytes(v)
			default:
				col.AppendInt(int64(r.Uint64()))
			}
		}
	}
}

func rowsOf(b *datafile.Batch) []string {
	var out []string
	for i := range b.Len() {
		line := ""
		for c := range b.Columns {
			line += b.Columns[c].FormatValue(i) + "|"
		}
		out = append(out, line)
	}
	return out
}

func readAll(t *testing.T, file []byte, s *datafile.Schema, o datafile.ReadOptions) []string {
	t.Helper()
	r, err := datafile.OpenReader(bytes.NewReader(file), int64(len(file)), s, o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []string
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rowsOf(b)...)
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	table := everyType()
	b := datafile.NewBatch(&table.Schema)
	fill(b, rand.New(rand.NewPCG(1, 2)), 1733)
	var file bytes.Buffer
	w, err := datafile.NewWriter(&file, table, "here")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	d, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if d.RecordCount != 1733 || d.FileSizeBytes != int64(file.Len()) || len(d.SplitOffsets) != 4 {
		t.Fatalf("descriptor %+v of a file of %d bytes", d, file.Len())
	}
	want := rowsOf(b)
	if got := readAll(t, file.Bytes(), &table.Schema, datafile.ReadOptions{Batch: 77}); !reflect.DeepEqual(got, want) {
		t.Fatalf("read %d rows, want %d", len(got), len(want))
	}
	one, err := table.Schema.Project([]string{"z17", "z20"})
	if err != nil {
		t.Fatal(err)
	}
	got := readAll(t, file.Bytes(), one, datafile.ReadOptions{})
	for i := range got {
		if w := b.Columns[3].FormatValue(i) + "|" + b.Columns[0].FormatValue(i) + "|"; got[i] != w {
			t.Fatalf("projected row %d: %s, want %s", i, got[i], w)
		}
	}
	for _, column := range []string{"z10", "z20"} {
		c := table.Schema.Index(column)
		var only []string
		for i := range want {
			if v := b.Columns[c].FormatValue(i); v == "value 7" || v == "value 9" {
				only = append(only, want[i])
			}
		}
		got := readAll(t, file.Bytes(), &table.Schema, datafile.ReadOptions{Batch: 100, Only: &datafile.In{Column: column, Values: []string{"value 7", "value 9"}}})
		if !reflect.DeepEqual(got, only) {
			t.Fatalf("condition on %s: %d rows, want %d", column, len(got), len(only))
		}
	}
	for i := range b.Columns {
		nulls := int64(0)
		for n := range b.Len() {
			if b.Columns[i].IsNull(n) {
				nulls++
			}
		}
		if d.NullValueCounts[i+1] != nulls || d.ValueCounts[i+1] != 1733 {
			t.Errorf("column %d: %d nulls of %d, want %d", i+1, d.NullValueCounts[i+1], d.ValueCounts[i+1], nulls)
		}
	}
}

func TestBoundsHoldEveryValue(t *testing.T) {
	table := &datafile.Table{Name: "test.bounds", RowGroup: 3}
	table.Schema.Fields = []datafile.Field{{ID: 7, Name: "n", Type: datafile.Long}, {ID: 8, Name: "s", Type: datafile.String}, {ID: 9, Name: "d", Type: datafile.Decimal38}}
	b := datafile.NewBatch(&table.Schema)
	b.Long(-5).Str("0xaaaaaaaaaaaaaaaaaaaa").Decimal(300)
	b.Long(7).Str("0xaaaaaaaaaaaaaaaaaaab").Decimal(1)
	b.Null().Str("~~~~~~~~~~~~~~~~~~~~").Decimal(127)
	b.Long(1).Str("").Decimal128(-1, ^uint64(0))
	var file bytes.Buffer
	w, _ := datafile.NewWriter(&file, table, "here")
	if err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	d, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, got, want []byte) {
		t.Helper()
		if !bytes.Equal(got, want) {
			t.Errorf("%s: % x, want % x", what, got, want)
		}
	}
	check("lower n", d.LowerBounds[7], []byte{0xfb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	check("upper n", d.UpperBounds[7], []byte{7, 0, 0, 0, 0, 0, 0, 0})
	check("lower s", d.LowerBounds[8], []byte{})
	check("upper s (cannot be rounded up)", d.UpperBounds[8], nil)
	check("lower d", d.LowerBounds[9], []byte{0xff})
	check("upper d", d.UpperBounds[9], []byte{1, 44})
}

func TestRowTravelsAsBytes(t *testing.T) {
	table := everyType()
	b := datafile.NewBatch(&table.Schema)
	fill(b, rand.New(rand.NewPCG(3, 4)), 200)
	back := datafile.NewBatch(&table.Schema)
	for i := range b.Len() {
		row := datafile.AppendRow(nil, b, i)
		if err := back.AppendEncoded(row); err != nil {
			t.Fatal(err)
		}
		if err := back.AppendEncoded(row[:len(row)-1]); !errors.Is(err, datafile.ErrRow) {
			t.Fatalf("a row cut short gives %v", err)
		}
	}
	if !reflect.DeepEqual(rowsOf(back), rowsOf(b)) {
		t.Fatal("rows differ")
	}
}

func FuzzAppendEncoded(f *testing.F) {
	table := everyType()
	b := datafile.NewBatch(&table.Schema)
	fill(b, rand.New(rand.NewPCG(5, 6)), 3)
	f.Add(datafile.AppendRow(nil, b, 0))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, row []byte) {
		b := datafile.NewBatch(&table.Schema)
		err := b.AppendEncoded(row)
		if n := b.Len(); (err == nil) != (n == 1) {
			t.Fatalf("%d rows, error %v", n, err)
		}
		for c := range b.Columns {
			if b.Columns[c].Len() != b.Len() {
				t.Fatal("columns of different length")
			}
		}
	})
}

type memFile struct {
	bytes.Buffer
	closed bool
}

func (m *memFile) Close() error { m.closed = true; return nil }

func TestTableWriterSplitsByPartitionAndSorts(t *testing.T) {
	table := schemas.NFTBurns()
	table.RowGroup = 64
	files := map[string]*memFile{}
	create := func(_ context.Context, rel string) (io.WriteCloser, string, error) {
		files["/wh/"+rel] = &memFile{}
		return files["/wh/"+rel], "/wh/" + rel, nil
	}
	w := datafile.NewTableWriter(table, create, "a0")
	r := rand.New(rand.NewPCG(7, 8))
	b := datafile.NewBatch(&table.Schema)
	for i := range 100 {
		b.Str([]string{"ethereum", "palm"}[i%2]).Long(1).Long(int64(r.IntN(1000))).Time(1600000000).Long(18000).Long(18000).Str("0xb").Str("0xt").Long(int64(i)).Long(0).Str("erc721").Str("single").
			Str("0xc").Str("1").Str("1").Str("0xf").Str("0x0").Null().Str("0xe").Bool(false).Bool(true)
	}
	if err := w.Write(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	ds, err := w.Close(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(ds) != 2 {
		t.Fatalf("%d files, want one a chain", len(ds))
	}
	for _, d := range ds {
		f := files[d.Path]
		if f == nil || !f.closed || d.RecordCount != 50 || d.SortOrderID != 1 || len(d.Partition) != 1 {
			t.Fatalf("%+v", d)
		}
		s, _ := table.Schema.Project([]string{"blockchain", "block_number"})
		for _, row := range readAll(t, f.Bytes(), s, datafile.ReadOptions{}) {
			if row[:len(d.Partition[0].Value.(string))] != d.Partition[0].Value {
				t.Fatalf("row %s in partition %v", row, d.Partition)
			}
		}
	}
}

func TestPapersSurviveJSON(t *testing.T) {
	for _, table := range schemas.All("ethereum", "palm") {
		m := &datafile.Manifest{Table: table.Name, Mode: datafile.Append, CommitID: "job-1", Create: table,
			Files: []datafile.Descriptor{{Path: "p", Partition: []datafile.PartitionValue{{Name: "blockchain", FieldID: 1000, Type: datafile.String, Value: "ethereum"}}, LowerBounds: map[int][]byte{1: {0, 255}}}}}
		var b bytes.Buffer
		if err := m.Encode(&b); err != nil {
			t.Fatal(err)
		}
		back, err := datafile.DecodeManifest(&b)
		if err != nil {
			t.Fatalf("%s: %v", table.Name, err)
		}
		want, _ := json.Marshal(m)
		got, _ := json.Marshal(back)
		if !bytes.Equal(want, got) {
			t.Fatalf("%s: %s\nwant %s", table.Name, got, want)
		}
	}
	for _, bad := range []string{`{}`, `{"table":"a.b","mode":"replace","commit_id":"1"}`, `{"table":"a.b","mode":"append"}`, `{"table":"a.b","mode":"overwrite-range","commit_id":"1"}`, `[`} {
		if _, err := datafile.DecodeManifest(bytes.NewReader([]byte(bad))); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

func TestEveryTableCanBeWritten(t *testing.T) {
	for _, table := range schemas.All("ethereum") {
		b := datafile.NewBatch(&table.Schema)
		fill(b, rand.New(rand.NewPCG(9, 9)), 20)
		var file bytes.Buffer
		w, err := datafile.NewWriter(&file, table, table.Name)
		if err != nil {
			t.Fatalf("%s: %v", table.Name, err)
		}
		if err := w.Write(b); err != nil {
			t.Fatalf("%s: %v", table.Name, err)
		}
		if _, err := w.Close(); err != nil {
			t.Fatalf("%s: %v", table.Name, err)
		}
		if got := readAll(t, file.Bytes(), &table.Schema, datafile.ReadOptions{}); !reflect.DeepEqual(got, rowsOf(b)) {
			t.Fatalf("%s: rows differ", table.Name)
		}
		if schemas.Lookup(table.Name) == nil {
			t.Errorf("%s cannot be looked up", table.Name)
		}
	}
}
