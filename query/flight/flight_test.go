//go:build cgo && duckdb_arrow

package flight

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/lodehq/lode/query"
	"github.com/lodehq/lode/table"
	"github.com/lodehq/lode/table/storage"
)

func TestStatements(t *testing.T) {
	local, err := storage.NewLocal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	q, err := query.Start(t.Context(), query.Config{Catalog: table.NewCatalog(local, "", nil), CacheDir: t.TempDir(), Memory: "256MB", Threads: 2, Poll: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	s, err := Start(q, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := flightsql.NewClient(s.Addr(), nil, nil, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	rows := func(sql string) (n int64) {
		info, err := c.Execute(context.Background(), sql)
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.DoGet(context.Background(), info.Endpoint[0].Ticket)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Release()
		for r.Next() {
			n += r.RecordBatch().NumRows()
		}
		if r.Err() != nil {
			t.Fatal(r.Err())
		}
		return n
	}
	if n := rows("select * from range(100000)"); n != 100000 {
		t.Errorf("%d rows", n)
	}
	for sql, state := range map[string]string{"selec": "[42601]", "delete from gold.market_kpi_daily": "[42501]", "select * from read_text('/etc/passwd')": "[42501]", "select * from gold.nope": "[42P01]"} {
		if _, err := c.Execute(context.Background(), sql); err == nil || !strings.Contains(err.Error(), state) {
			t.Errorf("%s: %v", sql, err)
		}
		if _, err := c.Prepare(context.Background(), sql); err == nil || !strings.Contains(err.Error(), state) {
			t.Errorf("prepare %s: %v", sql, err)
		}
	}
}
