//go:build cgo && duckdb_arrow

package pgwire

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"
	"github.com/jackc/pgx/v5/pgtype"
	wire "github.com/jeroenrinzema/psql-wire"

	"github.com/lodehq/lode/query"
)

// parse prepares what a client sent.
func (s *Server) parse(ctx context.Context, q wire.Query) (wire.PreparedStatements, error) {
	c := s.session(ctx)
	if c == nil {
		return nil, failCode(query.CodeInternal, "the session is gone")
	}
	texts := []string{q.Query}
	if q.SimpleQuery {
		texts = splitStatements(q.Query)
	}
	if len(texts) > 1 {
		// All of a text or nothing of it: what is refused in it is refused before anything of it runs.
		var first error
		for _, text := range texts {
			if st := look(text); st.kind == kindQuery {
				_, _, err := s.service.Describe(ctx, rewrite(st.query, nil))
				if err != nil && (first == nil || query.AsError(ctx, err).Code == query.CodeRefused) {
					first = err
				}
			}
		}
		if first != nil {
			return nil, fail(ctx, first)
		}
	}
	var out wire.PreparedStatements
	for _, text := range texts {
		p, err := s.prepare(ctx, c, look(text), q.ParameterOIDs)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	if len(out) == 0 {
		out = append(out, tagged(""))
	}
	return out, nil
}

// tagged answers a word and no rows.
func tagged(tag string) *wire.PreparedStatement {
	return wire.NewStatement(func(_ context.Context, w wire.DataWriter, _ []wire.Parameter) error { return w.Complete(tag) })
}

func (s *Server) prepare(ctx context.Context, c *session, st statement, oids []uint32) (*wire.PreparedStatement, error) {
	switch st.kind {
	case kindEmpty:
		return tagged(""), nil
	case kindTag:
		return wire.NewStatement(func(_ context.Context, w wire.DataWriter, _ []wire.Parameter) error {
			if st.tx != 0 {
				c.tx = st.tx
			}
			if st.tx == 'I' || st.tag == "DISCARD ALL" {
				c.closeCursors()
			}
			return w.Complete(st.tag)
		}), nil
	case kindSet:
		return wire.NewStatement(func(_ context.Context, w wire.DataWriter, _ []wire.Parameter) error {
			c.settings[st.name] = st.value
			return w.Complete("SET")
		}), nil
	case kindReset:
		return wire.NewStatement(func(_ context.Context, w wire.DataWriter, _ []wire.Parameter) error {
			delete(c.settings, st.name)
			return w.Complete("RESET")
		}), nil
	case kindShow:
		return wire.NewStatement(func(_ context.Context, w wire.DataWriter, _ []wire.Parameter) error {
			if err := w.Row([]any{c.setting(st.name)}); err != nil {
				return err
			}
			return w.Complete("SHOW")
		}, wire.WithColumns(wire.Columns{{Name: st.name, Oid: pgtype.TextOID, Width: -1}})), nil
	case kindPrepare:
		return wire.NewStatement(func(ctx context.Context, w wire.DataWriter, _ []wire.Parameter) error {
			if _, _, err := s.service.Describe(ctx, rewrite(bound(st.query, st.value, ""), nil)); err != nil {
				return fail(ctx, err)
			}
			c.prepared[st.name] = prepared{st.query, st.value}
			return w.Complete("PREPARE")
		}), nil
	case kindForget:
		return wire.NewStatement(func(_ context.Context, w wire.DataWriter, _ []wire.Parameter) error {
			delete(c.prepared, st.name)
			if st.name == "all" {
				clear(c.prepared)
			}
			return w.Complete("DEALLOCATE")
		}), nil
	case kindExecute:
		p, ok := c.prepared[st.name]
		if !ok {
			return nil, failCode("26000", "prepared statement %q does not exist", st.name)
		}
		return s.prepareQuery(ctx, c, bound(p.query, p.types, st.value), nil)
	case kindDeclare:
		return s.declare(ctx, c, st)
	case kindFetch:
		return c.fetch(st)
	case kindClose:
		return wire.NewStatement(func(_ context.Context, w wire.DataWriter, _ []wire.Parameter) error {
			if cur := c.cursors[st.name]; cur != nil {
				cur.close()
				delete(c.cursors, st.name)
			} else if st.name == "all" {
				c.closeCursors()
			}
			return w.Complete("CLOSE CURSOR")
		}), nil
	}
	return s.prepareQuery(ctx, c, st.query, oids)
}

func (c *session) setting(name string) string {
	if v, ok := c.settings[name]; ok {
		return v
	}
	if v, ok := settable[name]; ok {
		return v
	}
	return fixed[name]
}

func (c *session) closeCursors() {
	for name, cur := range c.cursors {
		cur.close()
		delete(c.cursors, name)
	}
}

// bound puts the arguments of EXECUTE into a prepared query, each cast to its declared type. Without arguments the parameters stay.
func bound(text, types, args string) string {
	var casts, values []string
	if strings.TrimSpace(types) != "" {
		casts = splitList(types)
	}
	if strings.TrimSpace(args) != "" {
		values = splitList(args)
	}
	return scan(text, func(code string) string {
		return rxParameter.ReplaceAllStringFunc(code, func(p string) string {
			n, err := strconv.Atoi(p[1:])
			if err != nil || n < 1 {
				return p
			}
			v := p
			if n <= len(values) {
				v = "(" + values[n-1] + ")"
			}
			if n <= len(casts) {
				v = "CAST(" + v + " AS " + casts[n-1] + ")"
			}
			return v
		})
	}, same)
}

// splitList cuts at commas outside of quotes and parentheses.
func splitList(text string) []string {
	depth := 0
	marked := scan(text, func(code string) string {
		return strings.Map(func(r rune) rune {
			switch r {
			case '(', '[':
				depth++
			case ')', ']':
				depth--
			case ',':
				if depth == 0 {
					return 0
				}
			}
			return r
		}, code)
	}, same)
	return strings.Split(marked, "\x00")
}

// prepareQuery describes a query to the client and runs it when it is executed.
func (s *Server) prepareQuery(ctx context.Context, c *session, text string, oids []uint32) (*wire.PreparedStatement, error) {
	sql := rewrite(text, oids)
	columns, parameters, err := s.service.Describe(ctx, sql)
	if err != nil {
		return nil, fail(ctx, err)
	}
	if len(parameters) > 0 && len(columns) == 1 && columns[0].Type == duckdb.TYPE_INVALID {
		// The engine wants to see values before it says what it would answer: any text will do.
		sample := scan(sql, func(code string) string { return rxParameter.ReplaceAllLiteralString(code, "CAST(NULL AS VARCHAR)") }, same)
		if guessed, _, err := s.service.Describe(ctx, sample); err == nil {
			columns = guessed
		}
	}
	defined := make(wire.Columns, len(columns))
	for i, col := range columns {
		defined[i] = wire.Column{Name: col.Name, Oid: oid(col.Type), Width: width(oid(col.Type))}
	}
	types := make([]uint32, len(parameters))
	for i := range types {
		if i < len(oids) && oids[i] != 0 {
			types[i] = oids[i]
		} else {
			types[i] = oid(parameters[i])
		}
	}
	run := func(ctx context.Context, w wire.DataWriter, params []wire.Parameter) error {
		values, err := valuesOf(params, types)
		if err != nil {
			return err
		}
		ctx, end := c.running(ctx)
		defer end()
		res, err := s.service.Query(ctx, sql, values)
		if err != nil {
			return fail(ctx, err)
		}
		defer res.Close()
		for res.Next() {
			rows, err := rowsOf(res, defined)
			if err != nil {
				return err
			}
			if err := wire.WriteRows(w, rows); err != nil {
				return err
			}
		}
		if err := res.Err(); err != nil {
			return fail(ctx, err)
		}
		return w.Complete(fmt.Sprintf("SELECT %d", w.Written()))
	}
	return wire.NewStatement(run, wire.WithColumns(defined), wire.WithParameters(types)), nil
}

func width(oid uint32) int16 {
	switch oid {
	case pgtype.BoolOID:
		return 1
	case pgtype.Int2OID:
		return 2
	case pgtype.Int4OID, pgtype.Float4OID, pgtype.DateOID:
		return 4
	case pgtype.Int8OID, pgtype.Float8OID, pgtype.TimestampOID, pgtype.TimestamptzOID:
		return 8
	}
	return -1
}

// rowsOf turns the current batch into rows.
func rowsOf(res *query.Result, columns wire.Columns) ([][]any, error) {
	batch := res.RecordBatch()
	if int(batch.NumCols()) != len(columns) {
		return nil, failCode(query.CodeInternal, "the answer has %d columns, %d were announced", batch.NumCols(), len(columns))
	}
	cells := make([]cell, len(columns))
	for i := range cells {
		cells[i] = cellOf(batch.Column(i), columns[i].Oid)
	}
	n := int(batch.NumRows())
	flat := make([]any, n*len(columns))
	rows := make([][]any, n)
	for r := range n {
		row := flat[r*len(columns) : (r+1)*len(columns)]
		for i, f := range cells {
			row[i] = f(r)
		}
		rows[r] = row
	}
	return rows, nil
}

// valuesOf decodes parameters. Text stays text, the engine casts it; binary values are decoded by their type.
func valuesOf(params []wire.Parameter, types []uint32) ([]any, error) {
	out := make([]any, len(params))
	for i, p := range params {
		if p.Value() == nil {
			continue
		}
		t := uint32(pgtype.TextOID)
		if i < len(types) {
			t = types[i]
		}
		if p.Format() == wire.TextFormat {
			out[i] = string(p.Value())
			continue
		}
		v, err := p.Scan(t)
		if err != nil {
			return nil, failCode(query.CodeParameters, "parameter %d cannot be read: %v", i+1, err)
		}
		switch v := v.(type) {
		case int16:
			out[i] = int64(v)
		case int32:
			out[i] = int64(v)
		case float32:
			out[i] = float64(v)
		case pgtype.Numeric:
			b, err := v.MarshalJSON()
			if err != nil {
				return nil, failCode(query.CodeParameters, "parameter %d cannot be read: %v", i+1, err)
			}
			out[i] = string(b)
		default:
			out[i] = v
		}
	}
	return out, nil
}
