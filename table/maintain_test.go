package table

import (
	"context"
	"strconv"
	"testing"
	"time"

	icetable "github.com/apache/iceberg-go/table"

	"github.com/lodehq/lode/table/datafile"
	"github.com/lodehq/lode/table/storage"
)

// grow appends n rows as real files.
func grow(t testing.TB, c *Catalog, name string, n int) *icetable.Table {
	t.Helper()
	ctx := context.Background()
	tbl, err := c.loadNamed(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	m := &datafile.Manifest{Table: name, Mode: datafile.Append, CommitID: "grow-" + name + strconv.Itoa(len(tbl.Metadata().Snapshots()))}
	for f, err := range icetable.WriteRecords(ctx, tbl, arrowSchema(t, tbl), records(t, tbl, n)) {
		if err != nil {
			t.Fatal(err)
		}
		m.Files = append(m.Files, descriptor(tbl.Metadata(), f))
	}
	mustCommit(t, c, m)
	if tbl, err = c.loadNamed(ctx, name); err != nil {
		t.Fatal(err)
	}
	return tbl
}

func rows(t testing.TB, c *Catalog, name string) int64 {
	t.Helper()
	tbl, err := c.loadNamed(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tbl.Scan().ToArrowTable(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return got.NumRows()
}

func TestOptimizeExpireOrphans(t *testing.T) {
	ctx := context.Background()
	c := newCatalog(t)
	mustCommit(t, c, manifest("create", datafile.Append))
	for range 4 {
		grow(t, c, "silver.sales", 100)
	}
	res, err := c.Optimize(ctx, "silver.sales", OptimizeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if res.FilesRemoved != 8 || res.FilesAdded != 2 || rows(t, c, "silver.sales") != 400 {
		t.Fatalf("%+v, %d rows", res, rows(t, c, "silver.sales"))
	}
	if again, err := c.Optimize(ctx, "silver.sales", OptimizeOptions{}); err != nil || again.Snapshot != 0 {
		t.Fatalf("nothing to do, but %+v %v", again, err)
	}
	if err := storage.WriteFile(ctx, c.FS(), "/lode/warehouse/silver/sales/data/lost.parquet", []byte("x"), storage.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if young, err := c.Orphans(ctx, "silver.sales", time.Hour, true); err != nil || len(young) != 0 {
		t.Fatalf("young files are nobody's orphans: %v %v", young, err)
	}
	orphans, err := c.Orphans(ctx, "silver.sales", 0, true)
	if err != nil || len(orphans) != 1 {
		t.Fatalf("%v %v", orphans, err)
	}
	exp, err := c.Expire(ctx, "silver.sales", 0, 1)
	if err != nil || exp.Kept != 1 || exp.Expired != 4 {
		t.Fatalf("%+v %v", exp, err)
	}
	if n := rows(t, c, "silver.sales"); n != 400 {
		t.Fatalf("%d rows after expiry", n)
	}
	p, err := c.PlanFiles(ctx, PlanRequest{Table: "silver.sales"})
	if err != nil || len(p.Files) != 2 || len(p.Files[0].Blocks) != 1 {
		t.Fatalf("%+v %v", p, err)
	}
}

func TestClone(t *testing.T) {
	ctx := context.Background()
	c := newCatalog(t)
	mustCommit(t, c, manifest("create", datafile.Append))
	grow(t, c, "silver.sales", 100)
	grow(t, c, "silver.sales", 100)
	if _, err := c.Clone(ctx, "silver.sales", "pr42.sales"); err != nil {
		t.Fatal(err)
	}
	grow(t, c, "pr42.sales", 10)
	grow(t, c, "silver.sales", 1000)
	if a, b := rows(t, c, "silver.sales"), rows(t, c, "pr42.sales"); a != 1200 || b != 210 {
		t.Fatalf("source %d rows, clone %d", a, b)
	}
	source, _ := c.loadNamed(ctx, "silver.sales")
	clone, _ := c.loadNamed(ctx, "pr42.sales")
	if source.Metadata().TableUUID() == clone.Metadata().TableUUID() {
		t.Fatal("source and clone have one uuid")
	}
	// The source is rewritten and expires everything: what the clone shares must stay.
	mustCommit(t, c, manifest("over", datafile.Overwrite))
	if _, err := c.Expire(ctx, "silver.sales", 0, 1); err != nil {
		t.Fatal(err)
	}
	if n := rows(t, c, "pr42.sales"); n != 210 {
		t.Fatalf("clone has %d rows after the source expired", n)
	}
	if _, err := c.Expire(ctx, "pr42.sales", 0, 1); err == nil {
		t.Fatal("a clone may not delete shared files")
	}
	if err := c.DropTable(ctx, source.Identifier(), true); err == nil {
		t.Fatal("a table with a clone was purged")
	}
	if err := c.DropTable(ctx, clone.Identifier(), true); err != nil {
		t.Fatal(err)
	}
	if err := c.DropTable(ctx, source.Identifier(), true); err != nil {
		t.Fatal(err)
	}
}

func TestDescribeAndSnapshots(t *testing.T) {
	ctx := context.Background()
	c := newCatalog(t)
	mustCommit(t, c, manifest("create", datafile.Append))
	grow(t, c, "silver.sales", 100)
	d, err := c.Describe(ctx, "silver.sales")
	if err != nil || d.Records != "100" || d.Files != "2" || len(d.Columns) != 4 || d.Partition[1] != "block_month" || d.Comment == "" {
		t.Fatalf("%+v %v", d, err)
	}
	s, err := c.Snapshots(ctx, "silver.sales")
	if err != nil || len(s) != 1 || s[0].Operation != "append" || s[0].Refs[0] != "main" {
		t.Fatalf("%+v %v", s, err)
	}
	names, err := c.List(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	same(t, names, "silver.sales")
}
