package table

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/iceberg-go"
	icecat "github.com/apache/iceberg-go/catalog"
	icetable "github.com/apache/iceberg-go/table"

	"github.com/lodehq/lode/table/datafile"
	"github.com/lodehq/lode/table/storage"
)

func newCatalog(t testing.TB) *Catalog {
	t.Helper()
	local, err := storage.NewLocal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return NewCatalog(local, "", nil)
}

// sales is a small partitioned table with ids that do not start at one, as a table has that lost its first column.
func sales() *datafile.Table {
	return &datafile.Table{
		Name: "silver.sales", Doc: "What was sold.",
		Schema: datafile.Schema{Fields: []datafile.Field{
			{ID: 3, Name: "blockchain", Type: datafile.String, Required: true, Doc: "ethereum, palm"},
			{ID: 5, Name: "block_month", Type: datafile.Date, Required: true},
			{ID: 9, Name: "block_number", Type: datafile.Long, Required: true},
			{ID: 10, Name: "price_raw", Type: datafile.String},
		}},
		Partition: datafile.PartitionSpec{Fields: []datafile.PartitionField{
			{SourceID: 3, FieldID: 1000, Name: "blockchain", Transform: "identity"},
			{SourceID: 5, FieldID: 1001, Name: "block_month", Transform: "identity"},
		}},
	}
}

func fakeFile(n int, chain, month string, rows int64) datafile.Descriptor {
	return datafile.Descriptor{
		Path: fmt.Sprintf("/lode/warehouse/silver/sales/data/f%d.parquet", n), Format: "parquet", RecordCount: rows, FileSizeBytes: 1000 + rows,
		Partition:   []datafile.PartitionValue{{Name: "blockchain", FieldID: 1000, Type: datafile.String, Value: chain}, {Name: "block_month", FieldID: 1001, Type: datafile.Date, Value: month}},
		ValueCounts: map[int]int64{3: rows, 5: rows, 9: rows, 10: rows}, NullValueCounts: map[int]int64{10: 0},
		LowerBounds: map[int][]byte{9: le64(int64(n) * 100)}, UpperBounds: map[int][]byte{9: le64(int64(n)*100 + 99)},
	}
}

func le64(v int64) []byte {
	b := make([]byte, 8)
	for i := range b {
		b[i] = byte(v >> (8 * i))
	}
	return b
}

func manifest(id string, mode datafile.Mode, files ...datafile.Descriptor) *datafile.Manifest {
	return &datafile.Manifest{Table: "silver.sales", Mode: mode, CommitID: id, Files: files, Create: sales(), Properties: map[string]string{"lode.job-id": "job-1"}}
}

func planned(t testing.TB, c *Catalog, filter ...datafile.Predicate) []string {
	t.Helper()
	p, err := c.PlanFiles(context.Background(), PlanRequest{Table: "silver.sales", Filter: &datafile.Filter{And: filter}, NoBlocks: true})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range p.Files {
		out = append(out, strings.TrimSuffix(f.Path[strings.LastIndexByte(f.Path, '/')+1:], ".parquet"))
	}
	return out
}

func mustCommit(t testing.TB, c *Catalog, m *datafile.Manifest) CommitResult {
	t.Helper()
	res, err := c.Commit(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func same(t testing.TB, got []string, want string) {
	t.Helper()
	if strings.Join(got, " ") != want {
		t.Fatalf("got %q, want %q", strings.Join(got, " "), want)
	}
}

func TestCommitCreatesOnceAndPlansBack(t *testing.T) {
	c := newCatalog(t)
	first := mustCommit(t, c, manifest("a", datafile.Append, fakeFile(1, "ethereum", "2022-01-01", 10), fakeFile(2, "palm", "2022-02-01", 20)))
	if !first.Created || first.Already || first.Records != 30 || first.Snapshot == 0 {
		t.Fatalf("first commit: %+v", first)
	}
	again := mustCommit(t, c, manifest("a", datafile.Append, fakeFile(1, "ethereum", "2022-01-01", 10), fakeFile(2, "palm", "2022-02-01", 20)))
	if !again.Already || again.Snapshot != first.Snapshot {
		t.Fatalf("the same commit again: %+v", again)
	}
	same(t, planned(t, c), "f1 f2")
	same(t, planned(t, c, datafile.Predicate{Column: "blockchain", Op: "=", Value: "palm"}), "f2")
	same(t, planned(t, c, datafile.Predicate{Column: "block_month", Op: "<", Value: "2022-02-01"}), "f1")
	same(t, planned(t, c, datafile.Predicate{Column: "block_number", Op: ">=", Value: 200}), "f2")
	p, err := c.PlanFiles(context.Background(), PlanRequest{Table: "silver.sales", NoBlocks: true})
	if err != nil {
		t.Fatal(err)
	}
	if p.Snapshot != first.Snapshot || p.Schema.Fields[2].ID != 9 || p.Schema.Fields[2].Type != datafile.Long || p.Schema.Fields[0].Doc != "ethereum, palm" {
		t.Fatalf("plan: %+v %+v", p, p.Schema)
	}
	f := p.Files[1]
	if f.RecordCount != 20 || f.Partition[1].Value != "2022-02-01" || string(f.LowerBounds[9]) != string(le64(200)) {
		t.Fatalf("descriptor came back as %+v", f)
	}
	tbl, err := c.LoadTable(context.Background(), icetable.Identifier{"silver", "sales"})
	if err != nil {
		t.Fatal(err)
	}
	if s := tbl.CurrentSnapshot(); s.Summary.Properties["lode.job-id"] != "job-1" || tbl.Metadata().Version() != 2 || tbl.Properties()["comment"] != "What was sold." {
		t.Fatalf("snapshot %v, properties %v", s, tbl.Properties())
	}
}

func TestOverwriteModes(t *testing.T) {
	c := newCatalog(t)
	mustCommit(t, c, manifest("a", datafile.Append, fakeFile(1, "ethereum", "2022-01-01", 1), fakeFile(2, "ethereum", "2022-02-01", 1), fakeFile(3, "palm", "2022-01-01", 1)))
	res := mustCommit(t, c, manifest("b", datafile.OverwritePartitions, fakeFile(4, "ethereum", "2022-01-01", 1)))
	if res.Replaced != 1 {
		t.Fatalf("%+v", res)
	}
	same(t, planned(t, c), "f2 f3 f4")
	mustCommit(t, c, &datafile.Manifest{Table: "silver.sales", Mode: datafile.OverwriteRange, CommitID: "c", Files: []datafile.Descriptor{fakeFile(5, "palm", "2022-01-01", 1)},
		Filter: &datafile.Filter{And: []datafile.Predicate{{Column: "block_number", Op: ">=", Value: 300}, {Column: "block_number", Op: "<", Value: 400}}}})
	same(t, planned(t, c), "f2 f4 f5")
	mustCommit(t, c, manifest("d", datafile.Overwrite, fakeFile(6, "palm", "2022-01-01", 1)))
	same(t, planned(t, c), "f6")
	mustCommit(t, c, manifest("e", datafile.Overwrite))
	same(t, planned(t, c), "")
	tbl, err := c.LoadTable(context.Background(), icetable.Identifier{"silver", "sales"})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(tbl.Metadata().Snapshots()); n != 5 {
		t.Fatalf("%d snapshots for 5 commits", n)
	}
}

// Writers in catalogs of their own (as processes are) append at once, and every commit is sent twice at the same time.
func TestConcurrentCommitsLoseNothing(t *testing.T) {
	c := newCatalog(t)
	const writers, each = 4, 5
	var wg sync.WaitGroup
	var made atomic.Int32
	for w := range writers {
		for range 2 {
			mine := NewCatalog(c.FS(), "", nil)
			wg.Go(func() {
				for k := range each {
					n := w*each + k + 1
					res, err := mine.Commit(context.Background(), manifest("commit-"+strconv.Itoa(n), datafile.Append, fakeFile(n, "ethereum", "2022-01-01", 1)))
					if err != nil {
						t.Error(err)
					} else if !res.Already {
						made.Add(1)
					}
				}
			})
		}
	}
	wg.Wait()
	if made.Load() != writers*each {
		t.Errorf("%d commits were made, want %d", made.Load(), writers*each)
	}
	if got := planned(t, c); len(got) != writers*each {
		t.Errorf("%d files: %v", len(got), got)
	}
}

// flaky makes the answer of a rename an error: before it happened or after.
type flaky struct {
	storage.FS
	lose   func() bool // true: do it, then report a failure
	refuse func() bool // true: do not do it
}

var errNetwork = errors.New("connection reset by peer")

func (f *flaky) RenameNoReplace(ctx context.Context, a, b string) error {
	if f.refuse != nil && f.refuse() {
		return errNetwork
	}
	err := f.FS.RenameNoReplace(ctx, a, b)
	if err == nil && f.lose != nil && f.lose() {
		return errNetwork
	}
	return err
}

func TestLostAnswerOfRenameIsSettled(t *testing.T) {
	c := newCatalog(t)
	lossy := NewCatalog(&flaky{FS: c.FS(), lose: func() bool { return true }}, "", nil)
	mustCommit(t, lossy, manifest("a", datafile.Append, fakeFile(1, "ethereum", "2022-01-01", 1)))
	mustCommit(t, lossy, manifest("b", datafile.Append, fakeFile(2, "ethereum", "2022-01-01", 1)))
	same(t, planned(t, c), "f1 f2")
}

func TestCrashBetweenFilesAndCommit(t *testing.T) {
	c := newCatalog(t)
	mustCommit(t, c, manifest("a", datafile.Append, fakeFile(1, "ethereum", "2022-01-01", 1)))
	dying := NewCatalog(&flaky{FS: c.FS(), refuse: func() bool { return true }}, "", nil)
	if _, err := dying.Commit(context.Background(), manifest("b", datafile.Append, fakeFile(2, "ethereum", "2022-01-01", 1))); !errors.Is(err, errNetwork) {
		t.Fatalf("want the network's error, got %v", err)
	}
	same(t, planned(t, c), "f1")
	if res := mustCommit(t, c, manifest("b", datafile.Append, fakeFile(2, "ethereum", "2022-01-01", 1))); res.Already {
		t.Fatal("the commit that failed counts as made")
	}
	same(t, planned(t, c), "f1 f2")
	var left []string
	err := storage.Walk(context.Background(), c.FS(), c.Dir(), func(name string, _ fs.FileInfo) error {
		if strings.HasSuffix(name, ".tmp") {
			left = append(left, name)
		}
		return nil
	})
	if err != nil || len(left) > 0 {
		t.Fatalf("left behind: %v %v", left, err)
	}
}

func TestStaleRequirementIsCommitFailed(t *testing.T) {
	c := newCatalog(t)
	mustCommit(t, c, manifest("a", datafile.Append, fakeFile(1, "ethereum", "2022-01-01", 1)))
	old := int64(1)
	_, _, err := c.CommitTable(context.Background(), icetable.Identifier{"silver", "sales"}, []icetable.Requirement{icetable.AssertRefSnapshotID("main", &old)},
		[]icetable.Update{icetable.NewSetPropertiesUpdate(iceberg.Properties{"x": "y"})})
	if !errors.Is(err, icetable.ErrCommitFailed) {
		t.Fatalf("%v does not wrap ErrCommitFailed: nothing would retry it", err)
	}
}

func TestEvolveAddsColumnsAndRefusesOthers(t *testing.T) {
	c := newCatalog(t)
	mustCommit(t, c, manifest("a", datafile.Append, fakeFile(1, "ethereum", "2022-01-01", 1)))
	m := manifest("b", datafile.Append, fakeFile(2, "ethereum", "2022-01-01", 1))
	m.Create.Schema.Fields = append(m.Create.Schema.Fields, datafile.Field{ID: 42, Name: "note", Type: datafile.String})
	mustCommit(t, c, m)
	tbl, err := c.LoadTable(context.Background(), icetable.Identifier{"silver", "sales"})
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := tbl.Schema().FindFieldByID(42); !ok || f.Name != "note" {
		t.Fatalf("schema %v", tbl.Schema())
	}
	m = manifest("c", datafile.Append, fakeFile(3, "ethereum", "2022-01-01", 1))
	m.Create.Schema.Fields[3].Type = datafile.Long
	if _, err := c.Commit(context.Background(), m); err == nil {
		t.Fatal("a column changed its type")
	}
}

func TestRenameDropAndOldName(t *testing.T) {
	ctx := context.Background()
	c := newCatalog(t)
	mustCommit(t, c, manifest("a", datafile.Append, fakeFile(1, "ethereum", "2022-01-01", 1)))
	from, to := icetable.Identifier{"silver", "sales"}, icetable.Identifier{"silver", "sold"}
	if err := c.RenameTable(ctx, from, to); err != nil {
		t.Fatal(err)
	}
	if _, err := c.LoadTable(ctx, from); !errors.Is(err, icecat.ErrNoSuchTable) {
		t.Fatalf("old name: %v", err)
	}
	names, err := c.Tables(ctx, "silver")
	if err != nil {
		t.Fatal(err)
	}
	same(t, names, "sold")
	mustCommit(t, c, manifest("b", datafile.Append, fakeFile(2, "ethereum", "2022-01-01", 1)))
	same(t, planned(t, c), "f2")
	if err := c.DropTable(ctx, from, true); err != nil {
		t.Fatal(err)
	}
	sold, err := c.LoadTable(ctx, to)
	if err != nil || sold.CurrentSnapshot() == nil {
		t.Fatalf("renamed table after its old name was dropped: %v", err)
	}
	if err := c.RenameTable(ctx, to, from); err != nil {
		t.Fatal(err)
	}
	same(t, planned(t, c), "f1")
}

// Data that iceberg-go writes and reads goes through descriptor and manifest unharmed.
func TestRowsSurviveTheRoundTrip(t *testing.T) {
	ctx := context.Background()
	c := newCatalog(t)
	mustCommit(t, c, manifest("a", datafile.Append))
	tbl, err := c.LoadTable(ctx, icetable.Identifier{"silver", "sales"})
	if err != nil {
		t.Fatal(err)
	}
	var files []datafile.Descriptor
	for f, err := range icetable.WriteRecords(ctx, tbl, arrowSchema(t, tbl), records(t, tbl, 100)) {
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, descriptor(tbl.Metadata(), f))
	}
	if len(files) != 2 {
		t.Fatalf("%d files for 2 partitions", len(files))
	}
	mustCommit(t, c, manifest("b", datafile.Append, files...))
	if tbl, err = c.LoadTable(ctx, tbl.Identifier()); err != nil {
		t.Fatal(err)
	}
	got, err := tbl.Scan(icetable.WithRowFilter(iceberg.EqualTo(iceberg.Reference("blockchain"), "palm"))).ToArrowTable(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got.NumRows() != 50 {
		t.Fatalf("%d rows of palm, want 50", got.NumRows())
	}
}

func arrowSchema(t testing.TB, tbl *icetable.Table) *arrow.Schema {
	s, err := icetable.SchemaToArrowSchema(tbl.Schema(), nil, true, false)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func records(t testing.TB, tbl *icetable.Table, n int) func(func(arrow.RecordBatch, error) bool) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrowSchema(t, tbl))
	for i := range n {
		b.Field(0).(*array.StringBuilder).Append([]string{"ethereum", "palm"}[i%2])
		b.Field(1).(*array.Date32Builder).Append(arrow.Date32(18993))
		b.Field(2).(*array.Int64Builder).Append(int64(i))
		b.Field(3).(*array.StringBuilder).Append(strconv.Itoa(i))
	}
	return func(yield func(arrow.RecordBatch, error) bool) { yield(b.NewRecordBatch(), nil) }
}
