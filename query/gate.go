//go:build cgo && duckdb_arrow

package query

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
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
type gate struct{ parse *sql.Stmt }

func newGate(ctx context.Context, db *sql.DB) (*gate, error) {
	stmt, err := db.PrepareContext(ctx, "select json_serialize_sql($1::varchar, skip_null := true, skip_empty := true, skip_default := true)::varchar")
	if err != nil {
		return nil, fmt.Errorf("prepare the gate: %w", err)
	}
	return &gate{parse: stmt}, nil
}

// check answers nil for one statement that only reads tables, and an *Error otherwise.
func (g *gate) check(ctx context.Context, statement string) error {
	if strings.TrimSpace(statement) == "" {
		return &Error{Code: CodeSyntax, Message: "the statement is empty"}
	}
	if strings.IndexByte(statement, 0) >= 0 {
		return &Error{Code: CodeSyntax, Message: "the statement holds a zero byte"}
	}
	var text string
	if err := g.parse.QueryRowContext(ctx, statement).Scan(&text); err != nil {
		return AsError(ctx, err)
	}
	return judge([]byte(text))
}

type parsed struct {
	Error      bool              `json:"error"`
	ErrorType  string            `json:"error_type"`
	Message    string            `json:"error_message"`
	Statements []json.RawMessage `json:"statements"`
}

// judge reads what the parser said.
func judge(text []byte) error {
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
	return walk(tree)
}

func walk(node any) error {
	switch n := node.(type) {
	case []any:
		for _, child := range n {
			if err := walk(child); err != nil {
				return err
			}
		}
	case map[string]any:
		if err := judgeNode(n); err != nil {
			return err
		}
		for _, child := range n {
			if err := walk(child); err != nil {
				return err
			}
		}
	}
	return nil
}

func judgeNode(n map[string]any) error {
	kind, _ := n["type"].(string)
	switch kind {
	case "TABLE_FUNCTION":
		f, _ := n["function"].(map[string]any)
		name, _ := f["function_name"].(string)
		if !tableFunctions[strings.ToLower(name)] {
			return refused("the table function " + name)
		}
	case "BASE_TABLE", "SHOW_REF":
		return judgeTable(n)
	}
	if name, ok := n["function_name"].(string); ok && scalarRefused[strings.ToLower(name)] {
		return refused("the function " + name)
	}
	return nil
}

func judgeTable(n map[string]any) error {
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
	return nil
}
