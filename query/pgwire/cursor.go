//go:build cgo && duckdb_arrow

package pgwire

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	wire "github.com/jeroenrinzema/psql-wire"

	"github.com/lodehq/lode/query"
)

// cursor is an open query of DECLARE … CURSOR.
type cursor struct {
	res     *query.Result
	cancel  context.CancelFunc
	columns wire.Columns
	rows    [][]any // of the current batch, not yet fetched
}

func (cur *cursor) close() {
	if cur.res != nil {
		cur.res.Close()
		cur.res = nil
	}
	cur.cancel()
}

// declare opens a cursor. Clients describe a cursor as a portal of its name before they fetch, so one is bound.
func (s *Server) declare(ctx context.Context, c *session, st statement) (*wire.PreparedStatement, error) {
	sql := rewrite(st.query, nil)
	columns, _, err := s.service.Describe(ctx, sql)
	if err != nil {
		return nil, fail(ctx, err)
	}
	defined := make(wire.Columns, len(columns))
	for i, col := range columns {
		defined[i] = wire.Column{Name: col.Name, Oid: oid(col.Type), Width: width(oid(col.Type))}
	}
	return wire.NewStatement(func(ctx context.Context, w wire.DataWriter, _ []wire.Parameter) error {
		if old := c.cursors[st.name]; old != nil {
			return failCode("42P03", "cursor %q already exists", st.name)
		}
		// A cursor lives longer than the statement that opens it.
		open, cancel := context.WithCancel(context.WithoutCancel(ctx))
		starting, end := c.running(ctx)
		stop := context.AfterFunc(starting, cancel)
		res, err := s.service.Query(open, sql, nil)
		stop()
		end()
		if err != nil {
			cancel()
			return fail(ctx, err)
		}
		c.cursors[st.name] = &cursor{res: res, cancel: cancel, columns: defined}
		if err := bindPortal(ctx, st.name, defined); err != nil {
			return err
		}
		return w.Complete("DECLARE CURSOR")
	}), nil
}

func bindPortal(ctx context.Context, name string, columns wire.Columns) error {
	session, ok := wire.GetSession(ctx)
	if !ok {
		return nil
	}
	const key = "\x00cursor"
	p := wire.NewStatement(func(context.Context, wire.DataWriter, []wire.Parameter) error { return nil }, wire.WithColumns(columns))
	if err := session.Statements.Set(ctx, key, p); err != nil {
		return err
	}
	bound, err := session.Statements.Get(ctx, key)
	if err != nil {
		return err
	}
	return session.Portals.Bind(ctx, name, bound, nil, nil)
}

// fetch prepares FETCH and MOVE.
func (c *session) fetch(st statement) (*wire.PreparedStatement, error) {
	cur := c.cursors[st.name]
	if cur == nil {
		return nil, failCode("34000", "cursor %q does not exist", st.name)
	}
	limit := 1
	count := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(st.value), "forward"))
	switch count {
	case "", "next":
	case "all":
		limit = -1
	default:
		n, err := strconv.Atoi(count)
		if err != nil {
			return nil, failCode(query.CodeSyntax, "FETCH %s: not a number", count)
		}
		limit = n
	}
	run := func(ctx context.Context, w wire.DataWriter, _ []wire.Parameter) error {
		n := 0
		for limit < 0 || n < limit {
			if len(cur.rows) == 0 {
				if cur.res == nil || !cur.res.Next() {
					break
				}
				var err error
				if cur.rows, err = rowsOf(cur.res, cur.columns); err != nil {
					return err
				}
				continue
			}
			k := len(cur.rows)
			if limit >= 0 {
				k = min(k, limit-n)
			}
			if st.tag == "FETCH" {
				if err := wire.WriteRows(w, cur.rows[:k]); err != nil {
					return err
				}
			}
			cur.rows = cur.rows[k:]
			n += k
		}
		if cur.res != nil {
			if err := cur.res.Err(); err != nil {
				return fail(ctx, err)
			}
		}
		return w.Complete(fmt.Sprintf("%s %d", st.tag, n))
	}
	if st.tag != "FETCH" {
		return wire.NewStatement(run), nil
	}
	return wire.NewStatement(run, wire.WithColumns(cur.columns)), nil
}
