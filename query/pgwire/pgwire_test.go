//go:build cgo && duckdb_arrow

package pgwire

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lodehq/lode/query"
	"github.com/lodehq/lode/table"
	"github.com/lodehq/lode/table/storage"
)

func connect(t *testing.T) *pgx.Conn {
	t.Helper()
	local, err := storage.NewLocal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	q, err := query.Start(t.Context(), query.Config{Catalog: table.NewCatalog(local, "", nil), CacheDir: t.TempDir(), Memory: "256MB", Threads: 2, Poll: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Start(t.Context(), q, "127.0.0.1:0", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	c, err := pgx.Connect(t.Context(), "postgres://lode@"+s.Addr()+"/lode?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		if err := errors.Join(c.Close(ctx), s.Close(), q.Close()); err != nil {
			t.Error(err)
		}
	})
	return c
}

func one[T any](t *testing.T, c *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := c.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Errorf("%s: %v", sql, err)
	}
	return v
}

func state(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestSession(t *testing.T) {
	c := connect(t)
	if got := one[int64](t, c, "select $1::bigint + 1", 41); got != 42 {
		t.Error(got)
	}
	if got := one[string](t, c, "select $1::text || 'b'", "a';"); got != "a';b" {
		t.Error(got)
	}
	if got := one[time.Time](t, c, "select timestamp '2022-01-13 22:59:55'"); got.Format(time.DateTime) != "2022-01-13 22:59:55" {
		t.Error(got)
	}
	if got := one[string](t, c, "show server_version"); got != serverVersion {
		t.Error(got)
	}
	if got := one[int](t, c, "select count(*)::int from pg_catalog.pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'gold' and relname = 'market_kpi_daily'"); got != 1 {
		t.Error(got)
	}
	if got := one[string](t, c, "select current_setting('server_version_num')"); got != "150000" {
		t.Error(got)
	}
	for sql, code := range map[string]string{
		"selec 1": "42601", "select * from gold.no_such_table": "42P01", "select nope from gold.market_kpi_daily": "42703", "insert into gold.market_kpi_daily (project) values ('x')": "42501", "set enable_external_access = true": "42501",
		"select * from read_csv('/etc/passwd')": "42501", "select 1; drop view gold.market_kpi_daily": "42501", "copy (select 1) to '/tmp/x'": "42501", "prepare p as delete from gold.market_kpi_daily": "42501", "declare c cursor for select * from glob('/*')": "42501",
		"reset memory_limit": "42501", "show nonsense; delete from gold.market_kpi_daily": "42501",
	} {
		if _, err := c.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); state(err) != code {
			t.Errorf("%s: %v, want %s", sql, err, code)
		}
	}
	for _, sql := range []string{"begin", "set application_name to 'x'", "prepare p (bigint) as select $1 + 1", "set session characteristics as transaction read only", "select 1; select 2", "-- nothing", "declare c cursor for select * from range(5000)"} {
		if _, err := c.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	var v int64
	if err := c.QueryRow(t.Context(), "execute p(41)", pgx.QueryExecModeSimpleProtocol).Scan(&v); err != nil || v != 42 {
		t.Errorf("%d %v", v, err)
	}
	total := 0
	for _, want := range []int{3000, 2000, 0} {
		rows, err := c.Query(t.Context(), "fetch forward 3000 from c", pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for rows.Next() {
			n++
		}
		if rows.Err() != nil || n != want {
			t.Errorf("%d rows, want %d: %v", n, want, rows.Err())
		}
		total += n
	}
	if total != 5000 {
		t.Error(total)
	}
}

func TestCancel(t *testing.T) {
	c := connect(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := c.Exec(ctx, "select count(*) from generate_series(1, 1000000) as a(x), generate_series(1, 1000000) as b(y) where (x * y) % 7 = 3")
	if err == nil || time.Since(start) > 5*time.Second {
		t.Fatalf("%v after %s", err, time.Since(start))
	}
}

func TestRewriteLeavesTextAlone(t *testing.T) {
	for in, want := range map[string]string{
		"select 'x::regclass; $1' as \"pg_class\" from t -- version()": "select 'x::regclass; $1' as \"pg_class\" from t -- version()",
		"select c.oid::pg_catalog.regclass from pg_catalog.pg_class c": "select c.oid::varchar from pgc.pg_class c",
		"select version(), pg_catalog.format_type(1, 2)":               "select pg_version(), format_type(1, 2)",
		"a OPERATOR(pg_catalog.~) '^(x)$' COLLATE pg_catalog.default":  "a ~ '^(x)$' ",
		"select pg_my_class, silver.pg_classes from x where id = $1":   "select pg_my_class, silver.pg_classes from x where id = CAST($1 AS BIGINT)",
	} {
		if got := rewrite(in, []uint32{20}); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
	if got := splitStatements("a; 'b;c' -- ;\n; /* ; */ ;"); len(got) != 2 || !strings.Contains(got[1], "b;c") {
		t.Errorf("%q", got)
	}
}

func FuzzLook(f *testing.F) {
	for _, s := range []string{"begin", "set a to b", "declare c cursor for select 1", "fetch 1 from c", "select 'a", "/* x", "execute p(1, '(,)')", "\"", "prepare x (int) as select $1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		st := look(s)
		_ = rewrite(st.query, []uint32{20, 25})
		_ = bound(s, "int", "1, (2, 3)")
		if joined := scan(s, same, same); joined != s {
			t.Fatalf("scan changed %q to %q", s, joined)
		}
	})
}
