//go:build cgo && duckdb_arrow

package query

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/lodehq/lode/table/datafile/schemas"
)

// tableFunctions are those that make rows out of their arguments and nothing else.
var tableFunctions = set("range", "generate_series", "unnest", "json_each", "json_tree", "repeat", "repeat_row", "generate_subscripts", "regexp_split_to_table", "string_split", "pg_timezone_names", "icu_calendar_names")

// scalarRefused look outside, or at the process and its other users.
var scalarRefused = set("getenv", "current_setting", "getvariable", "write_log", "parse_duckdb_log_message", "nextval", "currval", "sleep", "sleep_ms", "in_search_path",
	"pg_read_file", "pg_ls_dir", "lo_import", "lo_export", "set_config", "txid_current", "stats", "which_secret", "current_query", "current_connection_id", "read_file")

// catalogs are the databases that a table may be named in.
var catalogs = set("", databaseName, "system", "memory", "temp")

// fileNames are what the engine would take for a file when no table has that name.
var fileSuffixes = []string{".parquet", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".gz", ".zst", ".db", ".duckdb", ".txt", ".arrow", ".feather", ".xlsx", ".avro", ".blob"}

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// gate decides whether a statement may reach the engine. It parses, it never prepares or runs.
type gate struct {
	parse *sql.Stmt
	views map[string][]string // the tables behind each view of ours
}

func newGate(ctx context.Context, db *sql.DB) (*gate, error) {
	stmt, err := db.PrepareContext(ctx, "select json_serialize_sql($1::varchar, skip_null := true, skip_empty := true, skip_default := true)::varchar")
	if err != nil {
		return nil, fmt.Errorf("prepare the gate: %w", err)
	}
	g := &gate{parse: stmt, views: map[string][]string{}}
	for _, v := range schemas.Views() {
		if g.views[v.Name], err = g.check(ctx, v.SQL); err != nil {
			return nil, fmt.Errorf("view %s: %w", v.Name, err)
		}
	}
	return g, nil
}

// check answers the tables that a statement reads, as namespace.table, if it is one statement that only reads tables, and an *Error otherwise.
func (g *gate) check(ctx context.Context, statement string) (tables []string, err error) {
	if strings.TrimSpace(statement) == "" {
		return nil, &Error{Code: CodeSyntax, Message: "the statement is empty"}
	}
	if strings.IndexByte(statement, 0) >= 0 {
		return nil, &Error{Code: CodeSyntax, Message: "the statement holds a zero byte"}
	}
	var text string
	if err := g.parse.QueryRowContext(ctx, explained.ReplaceAllLiteralString(statement, "")).Scan(&text); err != nil {
		return nil, AsError(ctx, err)
	}
	w := walker{named: map[string]bool{}}
	if err := w.judge([]byte(text)); err != nil {
		return nil, err
	}
	for name := range w.named {
		if behind, ok := g.views[strings.ToLower(name)]; ok {
			tables = append(tables, behind...)
		} else {
			tables = append(tables, name)
		}
	}
	return tables, nil
}

// explained is what may stand before a query: what follows it has to pass the gate by itself, so that even EXPLAIN ANALYZE, which runs it, only reads.
var explained = regexp.MustCompile(`(?i)^\s*explain\s+(?:analyze\s+)?(?:\(\s*format\s+[a-z]+\s*\)\s*)?`)

// walker goes through a syntax tree.
type walker struct {
	named map[string]bool // the tables, as namespace.table; what has no namespace is none of ours
}

type parsed struct {
	Error      bool              `json:"error"`
	ErrorType  string            `json:"error_type"`
	Message    string            `json:"error_message"`
	Statements []json.RawMessage `json:"statements"`
}

// judge reads what the parser said.
func (w walker) judge(text []byte) error {
	var p parsed
	if err := json.Unmarshal(text, &p); err != nil {
		return &Error{Code: CodeInternal, Message: "the parser's answer cannot be read: " + err.Error()}
	}
	if p.Error {
		switch {
		case strings.Contains(p.Message, "Only SELECT"):
			return refused("this statement")
		case p.ErrorType == "parser" || p.ErrorType == "syntax":
			return &Error{Code: CodeSyntax, Message: p.Message}
		}
		return &Error{Code: CodeNotSupported, Message: "this form of statement is not supported here: " + p.Message}
	}
	switch len(p.Statements) {
	case 0:
		return &Error{Code: CodeSyntax, Message: "the statement is empty"}
	case 1:
	default:
		return &Error{Code: CodeSyntax, Message: "one statement at a time, please"}
	}
	var tree any
	if err := json.Unmarshal(p.Statements[0], &tree); err != nil {
		return &Error{Code: CodeInternal, Message: "the parser's tree cannot be read: " + err.Error()}
	}
	return w.walk(tree)
}

func (w walker) walk(node any) error {
	switch n := node.(type) {
	case []any:
		for _, child := range n {
			if err := w.walk(child); err != nil {
				return err
			}
		}
	case map[string]any:
		if err := w.judgeNode(n); err != nil {
			return err
		}
		for _, child := range n {
			if err := w.walk(child); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w walker) judgeNode(n map[string]any) error {
	kind, _ := n["type"].(string)
	switch kind {
	case "TABLE_FUNCTION":
		f, _ := n["function"].(map[string]any)
		name, _ := f["function_name"].(string)
		if !tableFunctions[strings.ToLower(name)] {
			return refused("the table function " + name)
		}
	case "BASE_TABLE", "SHOW_REF":
		return w.judgeTable(n)
	}
	if name, ok := n["function_name"].(string); ok && scalarRefused[strings.ToLower(name)] {
		return refused("the function " + name)
	}
	return nil
}

func (w walker) judgeTable(n map[string]any) error {
	name, _ := n["table_name"].(string)
	catalog, _ := n["catalog_name"].(string)
	low := strings.ToLower(name)
	if !catalogs[strings.ToLower(catalog)] {
		return refused("the database " + catalog)
	}
	if strings.ContainsAny(name, "/\\*?:") {
		return refused("the path " + name)
	}
	for _, suffix := range fileSuffixes {
		if strings.HasSuffix(low, suffix) {
			return refused("the file " + name)
		}
	}
	for _, prefix := range []string{"duckdb_", "pragma_", "sqlite_"} {
		if strings.HasPrefix(low, prefix) {
			return refused("the table " + name)
		}
	}
	if schema, _ := n["schema_name"].(string); schema != "" && schema != "main" && schema != "information_schema" && !strings.HasPrefix(schema, "pg") {
		w.named[schema+"."+name] = true
	}
	return nil
}
