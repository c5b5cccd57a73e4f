//go:build cgo && duckdb_arrow

package query

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lodehq/lode/table"
	"github.com/lodehq/lode/table/datafile"
	"github.com/lodehq/lode/table/storage"
)

// stubborn is a file system that can be made to fail or to hang.
type stubborn struct {
	storage.FS
	fail  atomic.Bool
	hang  atomic.Pointer[chan struct{}]
	stats atomic.Int64
}

func (s *stubborn) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	s.stats.Add(1)
	if s.fail.Load() {
		return nil, errors.New("no namenode")
	}
	if c := s.hang.Load(); c != nil {
		<-*c
	}
	return s.FS.Stat(ctx, name)
}

func startStubborn(t *testing.T) (*fixture, *stubborn) {
	t.Helper()
	local, err := storage.NewLocal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &stubborn{FS: local}
	return startOn(t, s), s
}

// The poll of these tests is an hour away: what they see, they see because the statement looked.
func TestReadsWhatWasCommittedBefore(t *testing.T) {
	f := start(t)
	for i := range 5 {
		fill(t, f.catalog, fmt.Sprint("later", i), 1000*(i+1), 1000)
		f.want(t, "select count(*) as n from silver.facts", "text/csv", fmt.Sprintf("n\n%d\n", 1000*(i+2)))
	}
	fill(t, f.catalog, "case", 6000, 1000)
	f.want(t, `with x as (select * from Silver.FACTS) select count(*) as n from x`, "text/csv", "n\n7000\n")
	fill(t, f.catalog, "deep", 7000, 1000)
	f.want(t, `select (select count(*) from lode.silver.facts where id >= 7000) as n`, "text/csv", "n\n1000\n")
}

func TestReadsATableMadeBefore(t *testing.T) {
	f := start(t)
	f.fails(t, "select * from gold.made_later", 400, CodeUnknownTable)
	f.want(t, "select count(*) as n from gold.market_kpi_daily", "text/csv", "n\n0\n") // of the contract, not there yet
	def := facts()
	def.Name = "gold.made_later"
	if _, err := f.catalog.Commit(t.Context(), &datafile.Manifest{Table: def.Name, Mode: datafile.Append, CommitID: "x", Create: def}); err != nil {
		t.Fatal(err)
	}
	f.want(t, "select count(id) as n from gold.made_later", "text/csv", "n\n0\n")
}

func TestViewsLookBehind(t *testing.T) {
	f := start(t)
	tables, err := f.engine.gate.check(t.Context(), "select * from etl.logs")
	if err != nil || len(tables) != 1 || tables[0] != "bronze.ethereum_logs" {
		t.Errorf("got %v %v", tables, err)
	}
}

func TestLooksAreShared(t *testing.T) {
	f, s := startStubborn(t)
	gateway := make(chan struct{})
	s.hang.Store(&gateway)
	before := s.stats.Load()
	join := func() *look {
		f.fresh.mu.Lock()
		defer f.fresh.mu.Unlock()
		return f.fresh.join("silver.facts")
	}
	first := join()
	for s.stats.Load() == before { // until it looks
		time.Sleep(time.Millisecond)
	}
	second := join()
	if first == second {
		t.Error("a look that began earlier is no answer for who came later")
	}
	for range 50 {
		if join() != second {
			t.Error("those who wait share a look")
		}
	}
	close(gateway)
	<-second.done
	if n := s.stats.Load() - before; n != 2 {
		t.Errorf("%d looks", n)
	}
}

func TestAnswersWithoutTheFileSystem(t *testing.T) {
	f, s := startStubborn(t)
	s.fail.Store(true)
	f.want(t, "select count(*) as n from silver.facts", "text/csv", "n\n1000\n")
	gateway := make(chan struct{})
	s.hang.Store(&gateway)
	s.fail.Store(false)
	f.want(t, "select count(*) as n from silver.facts", "text/csv", "n\n1000\n") // hangs, and is not waited for
	close(gateway)
	s.hang.Store(nil)
	fill(t, f.catalog, "back", 1000, 1000)
	for f.fresh.blind.Load() { // the look that hung ends, or the next one
		if err := f.fresh.await(t.Context(), []string{"silver.facts"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	f.want(t, "select count(*) as n from silver.facts", "text/csv", "n\n2000\n")
}

func TestExplain(t *testing.T) {
	f := start(t)
	for _, q := range []string{"explain select * from silver.facts", "EXPLAIN ANALYZE select count(*) from silver.facts", "explain (format json) select 1"} {
		if code, body := f.post(t, q, "text/csv"); code != 200 || len(body) < 50 {
			t.Errorf("%s: %d %s", q, code, body)
		}
	}
	for _, q := range []string{"explain delete from silver.facts", "explain analyze insert into silver.facts select * from silver.facts", "explain analyze copy (select 1) to '/tmp/x'", "explain select * from read_csv('/etc/passwd')"} {
		f.fails(t, q, 403, CodeRefused)
	}
	f.fails(t, "explain explain select 1", 403, CodeRefused)
	f.fails(t, "explain select 1; drop table silver.facts", 403, CodeRefused)
}

func startOn(t testing.TB, fsys storage.FS) *fixture {
	t.Helper()
	c := table.NewCatalog(fsys, "", nil)
	fill(t, c, "a", 0, 1000)
	s, err := Start(t.Context(), Config{Catalog: c, Listen: "127.0.0.1:0", CacheDir: t.TempDir(), Memory: "512MB", Threads: 2, Poll: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &fixture{s, c, "http://" + s.Addr()}
}
