//go:build cgo && duckdb_arrow

package query

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	duckdb "github.com/duckdb/duckdb-go/v2"
)

// databaseName is what clients see as the database.
const databaseName = "lode"

// engine is one DuckDB instance, locked down, with a gate in front and a bound on how much runs at once.
type engine struct {
	db      *sql.DB
	gate    *gate
	slots   chan struct{}
	timeout time.Duration
}

type engineConfig struct {
	Memory  string // DuckDB's notation: "1GB"
	Threads int
	Slots   int           // statements that run at once; the rest wait
	Timeout time.Duration // of one statement
	TempDir string
	Read    string // the only directory that SQL inside views may read
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
func ident(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// openEngine starts DuckDB and locks it. The order of the settings matters: each is possible only before the next.
func openEngine(ctx context.Context, cfg engineConfig) (*engine, error) {
	ready := false
	connector, err := duckdb.NewConnector("", func(conn driver.ExecerContext) error {
		if !ready {
			return nil
		}
		_, err := conn.ExecContext(ctx, "USE "+databaseName, nil)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("start the query engine: %w", err)
	}
	db := sql.OpenDB(connector)
	settings := []string{
		"SET allowed_directories=[" + quote(cfg.Read) + "]",
		"SET temp_directory=" + quote(cfg.TempDir),
		"SET max_temp_directory_size='20GB'",
		"SET memory_limit=" + quote(cfg.Memory),
		fmt.Sprintf("SET threads=%d", cfg.Threads),
		"SET GLOBAL TimeZone='UTC'",
		"SET autoinstall_known_extensions=false",
		"SET autoload_known_extensions=false",
		"SET allow_community_extensions=false",
		"SET parquet_metadata_cache=true",
		"SET enable_object_cache=true",
		"SET python_enable_replacements=false",
		"SET enable_progress_bar=false",
		"ATTACH ':memory:' AS " + databaseName,
		"SET enable_external_access=false",
		"SET lock_configuration=true",
	}
	for _, s := range settings {
		if _, err := db.ExecContext(ctx, s); err != nil && !strings.Contains(err.Error(), "unrecognized configuration parameter") {
			db.Close()
			return nil, fmt.Errorf("set up the query engine: %s: %w", s, err)
		}
	}
	// Connections made so far do not know the database; those from here on do.
	ready = true
	db.SetMaxIdleConns(0)
	db.SetMaxIdleConns(cfg.Slots + 4)
	db.SetMaxOpenConns(0)
	g, err := newGate(ctx, db)
	if err != nil {
		db.Close()
		return nil, err
	}
	return &engine{db: db, gate: g, slots: make(chan struct{}, cfg.Slots), timeout: cfg.Timeout}, nil
}

func (e *engine) close() error { return e.db.Close() }

// Result is the rows of a statement. Close it; it holds a connection and the memory of the rows.
type Result struct {
	array.RecordReader
	ctx    context.Context
	cancel context.CancelFunc
	done   func()
}

// Err is the error that ended the rows, as an *Error.
func (r *Result) Err() error {
	if err := r.RecordReader.Err(); err != nil {
		return AsError(r.ctx, err)
	}
	return nil
}

// Close ends the statement.
func (r *Result) Close() {
	r.cancel()
	r.Release()
	r.done()
}

// run is for statements that the gate has seen, or that are ours.
func (e *engine) run(ctx context.Context, statement string, args []any) (*Result, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	select {
	case e.slots <- struct{}{}:
	case <-ctx.Done():
		defer cancel()
		return nil, AsError(ctx, ctx.Err())
	}
	// The slot is for the work, not for the reading: when the engine answers, the rows are all there.
	defer func() { <-e.slots }()
	conn, err := e.db.Conn(ctx)
	if err != nil {
		defer cancel()
		return nil, AsError(ctx, err)
	}
	var rows array.RecordReader
	err = conn.Raw(func(raw any) error {
		a, err := duckdb.NewArrowFromConn(raw.(driver.Conn))
		if err != nil {
			return err
		}
		rows, err = a.QueryContext(ctx, statement, args...)
		return err
	})
	if err != nil {
		answer := AsError(ctx, err)
		cancel()
		_ = conn.Close()
		return nil, answer
	}
	return &Result{RecordReader: rows, ctx: ctx, cancel: cancel, done: func() { _ = conn.Close() }}, nil
}

// Column of an answer, before there is one.
type Column struct {
	Name string
	Type duckdb.Type
}

// describe prepares a statement that the gate has seen, to learn the columns of its answer and the types of its parameters.
func (e *engine) describe(ctx context.Context, statement string) (columns []Column, parameters []duckdb.Type, err error) {
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return nil, nil, AsError(ctx, err)
	}
	defer conn.Close()
	err = conn.Raw(func(raw any) error {
		prepared, err := raw.(driver.ConnPrepareContext).PrepareContext(ctx, statement)
		if err != nil {
			return err
		}
		defer prepared.Close()
		s, ok := prepared.(*duckdb.Stmt)
		if !ok {
			return errors.New("not a statement of this engine")
		}
		for i := range s.NumInput() {
			t, err := s.ParamType(i + 1)
			if err != nil {
				t = duckdb.TYPE_INVALID // not known before a value is there
			}
			parameters = append(parameters, t)
		}
		n, err := s.ColumnCount()
		if err != nil {
			return err
		}
		for i := range n {
			name, err := s.ColumnName(i)
			if err != nil {
				return err
			}
			t, err := s.ColumnType(i)
			if err != nil {
				t = duckdb.TYPE_INVALID
			}
			columns = append(columns, Column{name, t})
		}
		return nil
	})
	if err != nil {
		return nil, nil, AsError(ctx, err)
	}
	return columns, parameters, nil
}
