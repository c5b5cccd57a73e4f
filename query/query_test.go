//go:build cgo && duckdb_arrow

package query

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/iceberg-go"
	icetable "github.com/apache/iceberg-go/table"

	"github.com/lodehq/lode/table"
	"github.com/lodehq/lode/table/datafile"
	"github.com/lodehq/lode/table/storage"
)

type fixture struct {
	*Service
	catalog *table.Catalog
	url     string
}

func start(t testing.TB) *fixture {
	t.Helper()
	local, err := storage.NewLocal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, local)
}

func facts() *datafile.Table {
	return &datafile.Table{Name: "silver.facts", Doc: "For tests.", Schema: datafile.Schema{Fields: []datafile.Field{
		{ID: 7, Name: "id", Type: datafile.Long, Doc: "from zero"}, {ID: 2, Name: "amount_raw", Type: datafile.String}, {ID: 3, Name: "at", Type: datafile.Timestamp},
		{ID: 4, Name: "day", Type: datafile.Date}, {ID: 5, Name: "price", Type: datafile.Double}, {ID: 6, Name: "ok", Type: datafile.Boolean},
	}}}
}

// fill appends n rows from base on to silver.facts with iceberg-go's own writer.
func fill(t testing.TB, c *table.Catalog, id string, base, n int) {
	t.Helper()
	ctx := context.Background()
	if _, err := c.Commit(ctx, &datafile.Manifest{Table: "silver.facts", Mode: datafile.Append, CommitID: id + "-create", Create: facts()}); err != nil {
		t.Fatal(err)
	}
	tbl, err := c.LoadTable(ctx, icetable.Identifier{"silver", "facts"})
	if err != nil {
		t.Fatal(err)
	}
	schema, err := icetable.SchemaToArrowSchema(tbl.Schema(), nil, true, false)
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i := base; i < base+n; i++ {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		b.Field(1).(*array.StringBuilder).Append("1157920892373161954235709850086879078532699846656405640394575840079131296399" + strconv.Itoa(10+i%90))
		b.Field(2).(*array.TimestampBuilder).Append(arrow.Timestamp(1642114795000000 + int64(i)))
		b.Field(3).(*array.Date32Builder).Append(19005)
		if i%2 == 0 {
			b.Field(4).(*array.Float64Builder).AppendNull()
		} else {
			b.Field(4).(*array.Float64Builder).Append(0.5 * float64(i))
		}
		b.Field(5).(*array.BooleanBuilder).Append(i%2 == 0)
	}
	rdr, err := array.NewRecordReader(schema, []arrow.RecordBatch{b.NewRecordBatch()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tbl.Append(ctx, rdr, nil); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) post(t testing.TB, sql, accept string, params ...any) (int, string) {
	t.Helper()
	body, kind := []byte(sql), "text/plain"
	if params != nil {
		body, _ = json.Marshal(map[string]any{"sql": sql, "params": params})
		kind = "application/json"
	}
	req, _ := http.NewRequestWithContext(context.Background(), "POST", f.url+"/v1/query", bytes.NewReader(body))
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Accept", accept)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(out)
}

func (f *fixture) want(t testing.TB, sql, accept, want string, params ...any) {
	t.Helper()
	if code, got := f.post(t, sql, accept, params...); code != 200 || got != want {
		t.Errorf("%s\n got %d %q\nwant %q", sql, code, got, want)
	}
}

func (f *fixture) fails(t testing.TB, sql string, status int, state string) {
	t.Helper()
	code, got := f.post(t, sql, "")
	var e struct{ Error Error }
	_ = json.Unmarshal([]byte(got), &e)
	if code != status || e.Error.Code != state || e.Error.Message == "" {
		t.Errorf("%s\n got %d %s\nwant %d %s", sql, code, got, status, state)
	}
}

func TestHTTP(t *testing.T) {
	f := start(t)
	t.Run("values", func(t *testing.T) {
		f.want(t, `select 1 as a, null as b, 'x`+"\n"+`y,"z"' as c, true as d, timestamp '2022-01-13 22:59:55' as e, 9007199254740993 as f`, "",
			`{"a":1,"b":null,"c":"x\ny,\"z\"","d":true,"e":"2022-01-13T22:59:55Z","f":9007199254740993}`+"\n")
		f.want(t, `select null as b, '' as s, 'x`+"\n"+`y,"z"' as c, true as d, timestamp '2022-01-13 22:59:55' as e`, "text/csv",
			"b,s,c,d,e\n,\"\",\"x\ny,\"\"z\"\"\",true,2022-01-13 22:59:55\n")
		f.want(t, "select sum(id) as s, 12345678901234567890.5::decimal(38,1) as d, [1,null] as l, {'a': 'x'} as st, '\\xAB'::blob as b, 1e300::double as g, -0.25 as h from silver.facts", "",
			`{"s":499500,"d":12345678901234567890.5,"l":[1,null],"st":{"a":"x"},"b":"0xab","g":1e+300,"h":-0.25}`+"\n")
	})
	t.Run("table", func(t *testing.T) {
		f.want(t, "select count(*) as n, max(id) as m, count(price) as p from silver.facts", "text/csv", "n,m,p\n1000,999,500\n")
		f.want(t, "select * from silver.facts where id = 1", "", `{"id":1,"amount_raw":"115792089237316195423570985008687907853269984665640564039457584007913129639911","at":"2022-01-13T22:59:55.000001Z","day":"2022-01-13","price":0.5,"ok":false}`+"\n")
		f.want(t, "select count(*) as n from silver.nft_sales", "", `{"n":0}`+"\n")
		f.want(t, "select count(*) as n from etl.logs", "", `{"n":0}`+"\n")
		f.want(t, "select id from silver.facts where id = ? and day = ?", "", `{"id":5}`+"\n", 5, "2022-01-13")
		f.want(t, "select id from silver.facts where id = $1 and amount_raw like $2", "", `{"id":5}`+"\n", 5, "1%")
		f.want(t, "describe silver.facts", "text/csv", "column_name,column_type,null,key,default,extra\nid,BIGINT,YES,,,\namount_raw,VARCHAR,YES,,,\nat,TIMESTAMP,YES,,,\nday,DATE,YES,,,\nprice,DOUBLE,YES,,,\nok,BOOLEAN,YES,,,\n")
	})
	t.Run("binary formats", func(t *testing.T) {
		_, body := f.post(t, "select * from silver.facts", "application/vnd.apache.arrow.stream")
		r, err := ipc.NewReader(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		n := int64(0)
		for r.Next() {
			n += r.RecordBatch().NumRows()
		}
		_, body = f.post(t, "select * from silver.facts", "application/vnd.apache.parquet")
		p, err := file.NewParquetReader(bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		if n != 1000 || p.NumRows() != 1000 {
			t.Fatalf("%d rows of arrow, %d of parquet", n, p.NumRows())
		}
	})
	t.Run("errors", func(t *testing.T) {
		for sql, code := range map[string]string{
			"selec 1": "42601", "": "42601", "select 1; select 2": "42601", "select * from gold.no_such_table": "42P01", "select * from nowhere.x": "42P01", "select nonsense from silver.facts": "42703",
			"select cast('abc' as integer)": "22P02", "select no_such_function(1)": "42883", "select f.nonsense from silver.facts f": "42703",
		} {
			f.fails(t, sql, 400, code)
		}
	})
	t.Run("refused", func(t *testing.T) {
		for _, sql := range refusedStatements {
			f.fails(t, sql, 403, "42501")
		}
		f.want(t, "select count(*) as n from silver.facts", "", `{"n":1000}`+"\n")
	})
	t.Run("cancel", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		req, _ := http.NewRequestWithContext(ctx, "POST", f.url+"/v1/query", strings.NewReader(endless))
		done := make(chan error, 1)
		go func() { _, err := http.DefaultClient.Do(req); done <- err }()
		waitFor(t, func() bool { return len(f.engine.slots) == 1 })
		cancel()
		<-done
		waitFor(t, func() bool { return len(f.engine.slots) == 0 })
	})
}

const endless = "select count(*) from generate_series(1, 1000000) as a(x), generate_series(1, 1000000) as b(y) where (x * y) % 7 = 3"

func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen in 10 s")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

var refusedStatements = []string{
	"insert into silver.facts (id) values (1)", "update silver.facts set id = 0", "delete from silver.facts", "drop view silver.facts", "create table silver.evil (x int)", "create view silver.evil as select 1",
	"alter table silver.facts add column x int", "truncate silver.facts", "with x as (select 1) insert into silver.facts (id) select 1 from x", "select 1; delete from silver.facts",
	"copy silver.facts to '/tmp/lode-evil.csv'", "copy (select 1) to '/tmp/lode-evil.csv'", "select * from read_csv('/etc/passwd')", "select * from read_text('/etc/passwd')", "select * from read_blob('/proc/self/environ')",
	"select * from read_parquet('/tmp/*.parquet')", "select * from read_json('/etc/hostname')", "select * from '/etc/passwd'", "select * from glob('/etc/*')", "attach '/tmp/lode-evil.db' as e", "install httpfs", "load httpfs",
	"set enable_external_access = true", "pragma database_list", "call duckdb_settings()", "explain analyze delete from silver.facts", "export database '/tmp/lode-evil'", "select getenv('HOME')", "import database '/tmp'",
	"checkpoint", "vacuum", "set lock_configuration = false", "copy silver.facts from '/etc/passwd'", "reset memory_limit", "use memory", "begin", "create macro f() as 1", "detach lode", "prepare p as select 1", "create table zz (x int); select 1",
	`select * from (select * from "read_csv"('/etc/passwd')) x`, "select/**/*/**/from read_text('/etc/passwd')", "with a as materialized (select * from read_csv_auto('/etc/passwd')) select * from a",
	"select (select count(*) from read_text('/etc/hostname'))", "select * from sniff_csv('/etc/passwd')", "select * from parquet_metadata('/tmp/x.parquet')", "from '/etc/passwd'", "describe select * from read_csv('/etc/passwd')",
	"select * from query('select * from read_text(''/etc/passwd'')')", "select * from query_table('/etc/passwd')", "select * from duckdb_settings()", "select * from duckdb_views", "select * from pragma_database_list", "describe '/etc/passwd'",
	"summarize '/tmp/x.parquet'", "select current_setting('temp_directory')", "select * from \"x.csv\"", "select * from range(1) where exists (from glob('/*'))", "values ((select content from read_text('/etc/passwd')))",
	"select 1 order by (select count(*) from glob('/*'))", "select * from silver.facts limit (select count(*) from glob('/*'))", "select [x for x in (select list(file) from glob('/*'))]",
}

func TestRefresh(t *testing.T) {
	f := start(t)
	ctx := context.Background()
	if changed, err := f.Refresh(ctx); err != nil || changed {
		t.Fatalf("nothing moved: changed %v, %v", changed, err)
	}
	fill(t, f.catalog, "b", 1000, 500)
	if changed, err := f.Refresh(ctx); err != nil || !changed {
		t.Fatalf("changed %v, %v", changed, err)
	}
	f.want(t, "select count(*) as n, count(distinct id) as d from silver.facts", "", `{"n":1500,"d":1500}`+"\n")
	tbl, err := f.catalog.LoadTable(ctx, icetable.Identifier{"silver", "facts"})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("schema evolution", func(t *testing.T) {
		tx := tbl.NewTransaction()
		if err := tx.UpdateSchema(true, false).RenameColumn([]string{"price"}, "price_eth").AddColumn([]string{"note"}, iceberg.PrimitiveTypes.String, "", false, nil).Commit(); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		mustRefresh(t, f)
		f.want(t, "select price_eth, note from silver.facts where id = 3", "", `{"price_eth":1.5,"note":null}`+"\n")
	})
	t.Run("row-level deletes", func(t *testing.T) {
		tbl, err := f.catalog.LoadTable(ctx, tbl.Identifier())
		if err != nil {
			t.Fatal(err)
		}
		tx := tbl.NewTransaction()
		if err := tx.SetProperties(iceberg.Properties{"write.delete.mode": "merge-on-read"}); err != nil {
			t.Fatal(err)
		}
		if tbl, err = tx.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := tbl.Delete(ctx, iceberg.LessThan(iceberg.Reference("id"), int64(100)), nil); err != nil {
			t.Fatal(err)
		}
		mustRefresh(t, f)
		f.want(t, "select count(*) as n, min(id) as m, count(price_eth) as p from silver.facts", "", `{"n":1400,"m":100,"p":700}`+"\n")
	})
	t.Run("drop", func(t *testing.T) {
		if err := f.catalog.DropTable(ctx, tbl.Identifier(), false); err != nil {
			t.Fatal(err)
		}
		mustRefresh(t, f)
		f.fails(t, "select * from silver.facts", 400, "42P01")
	})
}

func mustRefresh(t testing.TB, f *fixture) {
	t.Helper()
	if _, err := f.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// Two tables change in one refresh; no query may see one new and the other old.
func TestOneQueryOneSetOfSnapshots(t *testing.T) {
	f := start(t)
	ctx := context.Background()
	def := facts()
	def.Name = "gold.facts"
	put := func(n int) {
		for _, name := range []string{"silver.facts", "gold.facts"} {
			d := *def
			d.Name = name
			if _, err := f.catalog.Commit(ctx, &datafile.Manifest{Table: name, Mode: datafile.Append, CommitID: fmt.Sprint(name, n), Create: &d}); err != nil {
				t.Fatal(err)
			}
		}
		tbl, err := f.catalog.LoadTable(ctx, icetable.Identifier{"silver", "facts"})
		if err != nil {
			t.Fatal(err)
		}
		p, err := f.catalog.PlanFiles(ctx, table.PlanRequest{Table: "silver.facts"})
		if err != nil {
			t.Fatal(err)
		}
		_ = tbl
		m := &datafile.Manifest{Table: "gold.facts", Mode: datafile.Overwrite, CommitID: fmt.Sprint("copy", n)}
		for _, pf := range p.Files {
			m.Files = append(m.Files, pf.Descriptor)
		}
		if _, err := f.catalog.Commit(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	put(0)
	mustRefresh(t, f)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var commits atomic.Int64 // odd while one table is ahead of the other: then a statement may see that
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				began := commits.Load()
				_, got := f.post(t, "select (select count(*) from silver.facts) - (select count(*) from gold.facts) as diff", "")
				if began%2 == 0 && commits.Load() == began && got != `{"diff":0}`+"\n" {
					t.Error(got)
					return
				}
			}
		})
	}
	for n := 1; n <= 5; n++ {
		commits.Add(1)
		fill(t, f.catalog, strconv.Itoa(n), n*10000, 10)
		put(n)
		commits.Add(1)
		mustRefresh(t, f)
	}
	close(stop)
	wg.Wait()
	f.want(t, "select count(*) as n from gold.facts", "", `{"n":1050}`+"\n")
}

func TestCacheSurvivesAHalfCopy(t *testing.T) {
	local, err := storage.NewLocal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := storage.WriteFile(t.Context(), local, "/x", []byte("hello"), storage.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	c, err := newFileCache(local, t.TempDir(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.get(t.Context(), "/x", 7); err == nil {
		t.Fatal("a file of another size was taken")
	}
	path, err := c.get(t.Context(), local.Prefix()+"/x", 5)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "hello" {
		t.Fatalf("%q", got)
	}
	now := time.Now()
	c.now = func() time.Time { return now.Add(time.Hour) }
	if err := c.trim(map[string]bool{path: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal("a file in use was removed")
	}
	c.now = func() time.Time { return now.Add(2 * time.Hour) }
	if err := c.trim(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Fatal("an idle file beyond the limit was kept")
	}
}
