//go:build cgo && duckdb_arrow

package pgwire

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lodehq/lode/internal/trust"
	"github.com/lodehq/lode/query"
	"github.com/lodehq/lode/table"
	"github.com/lodehq/lode/table/storage"
)

// outside is an address of this machine that is not loopback: whoever comes through it looks like another machine.
func outside(t *testing.T) string {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			return n.IP.String()
		}
	}
	t.Skip("this machine has no address but loopback")
	return ""
}

func TestStrangersNeedTheToken(t *testing.T) {
	host := outside(t)
	local, err := storage.NewLocal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	q, err := query.Start(t.Context(), query.Config{Catalog: table.NewCatalog(local, "", nil), Listen: host + ":0", CacheDir: t.TempDir(), Memory: "256MB", Threads: 2, Poll: time.Hour, Trust: trust.Policy{Token: "s3cret"}})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	s, err := Start(t.Context(), q, host+":0", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for password, want := range map[string]bool{"s3cret": true, "wrong": false, "": false} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		conn, err := pgx.Connect(ctx, "postgres://me:"+password+"@"+s.Addr()+"/lode?sslmode=disable")
		if (err == nil) != want {
			t.Errorf("PostgreSQL, password %q: %v", password, err)
		}
		if err == nil {
			var n int
			if err := conn.QueryRow(ctx, "select 1").Scan(&n); err != nil || n != 1 {
				t.Errorf("%d %v", n, err)
			}
			_ = conn.Close(ctx)
		}
		cancel()
		req, _ := http.NewRequestWithContext(t.Context(), "POST", "http://"+q.Addr()+"/v1/query", strings.NewReader("select 1 as one"))
		if password != "" {
			req.Header.Set("Authorization", "Bearer "+password)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if (resp.StatusCode == 200) != want {
			t.Errorf("HTTP, token %q: %s", password, resp.Status)
		}
	}
}
