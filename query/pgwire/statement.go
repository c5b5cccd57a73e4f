//go:build cgo && duckdb_arrow

package pgwire

import (
	"regexp"
	"strings"
)

// kind says who answers a statement.
type kind int

const (
	kindQuery   kind = iota // the service
	kindTag                 // here, with a word and no rows
	kindShow                // here, from the session's settings
	kindSet                 // here, into the session's settings
	kindReset               // here
	kindPrepare             // PREPARE name [(types)] AS query
	kindExecute             // EXECUTE name [(values)]
	kindForget              // DEALLOCATE [PREPARE] name | ALL
	kindDeclare             // DECLARE name CURSOR FOR query
	kindFetch               // FETCH [FORWARD] [n | ALL] [FROM] name
	kindClose               // CLOSE name | ALL
	kindEmpty
)

// statement is one that was looked at.
type statement struct {
	kind  kind
	tag   string // of kindTag: what is answered
	name  string // of a setting, prepared statement or cursor
	value string // of a setting; the arguments of EXECUTE; the types of PREPARE; the count of FETCH
	query string // the query inside
	tx    byte   // of kindTag: 'T' begins a transaction, 'I' ends it
}

const word = `("[^"]+"|[a-zA-Z_][\w.]*)`

var (
	rxSet      = regexp.MustCompile(`(?is)^set\s+(?:session\s+|local\s+)?` + word + `\s*(?:=|\s+to\s+|\s)\s*(.*)$`)
	rxSetOther = regexp.MustCompile(`(?is)^set\s+(?:session\s+characteristics\s+as\s+transaction|transaction|constraints|time\s+zone|session\s+authorization|names|role)\b`)
	rxZone     = regexp.MustCompile(`(?is)^set\s+(?:session\s+|local\s+)?time\s+zone\s+(.*)$`)
	rxShow     = regexp.MustCompile(`(?is)^show\s+(transaction\s+isolation\s+level|time\s+zone|all|` + word + `)\s*$`)
	rxPrepare  = regexp.MustCompile(`(?is)^prepare\s+` + word + `\s*(?:\(([^)]*)\))?\s*as\s+(.*)$`)
	rxExecute  = regexp.MustCompile(`(?is)^execute\s+` + word + `\s*(?:\((.*)\))?\s*$`)
	rxForget   = regexp.MustCompile(`(?is)^deallocate\s+(?:prepare\s+)?` + word + `\s*$`)
	rxDeclare  = regexp.MustCompile(`(?is)^declare\s+` + word + `\s+(?:binary\s+|insensitive\s+|asensitive\s+|no\s+scroll\s+|scroll\s+)*cursor\s+(?:with(?:out)?\s+hold\s+)?for\s+(.*)$`)
	rxFetch    = regexp.MustCompile(`(?is)^(?:fetch|move)\s+(?:(forward\s+all|forward\s+\d+|forward|next|all|\d+)\s+)?(?:from\s+|in\s+)?` + word + `\s*$`)
	rxClose    = regexp.MustCompile(`(?is)^close\s+` + word + `\s*$`)
)

// settable are the settings of a session that clients set and that change nothing here. The engine's own settings are never reached.
var settable = map[string]string{
	"application_name": "", "client_encoding": "UTF8", "client_min_messages": "notice", "datestyle": "ISO, MDY", "default_transaction_isolation": "read committed", "default_transaction_read_only": "on",
	"extra_float_digits": "1", "idle_in_transaction_session_timeout": "0", "intervalstyle": "postgres", "lock_timeout": "0", "row_security": "on", "search_path": `"$user", public`, "session_characteristics": "",
	"standard_conforming_strings": "on", "statement_timeout": "0", "timezone": "UTC", "transaction_isolation": "read committed", "transaction_read_only": "on", "bytea_output": "hex", "jit": "off", "work_mem": "4MB",
	"enable_seqscan": "on", "escape_string_warning": "on", "xmloption": "content", "synchronize_seqscans": "on", "geqo": "on", "plan_cache_mode": "auto", "default_transaction_deferrable": "off",
}

// fixed can be shown and not set.
var fixed = map[string]string{
	"server_version": serverVersion, "server_version_num": "150000", "server_encoding": "UTF8", "is_superuser": "off", "integer_datetimes": "on", "max_identifier_length": "63", "lc_collate": "C", "lc_ctype": "C",
	"in_hot_standby": "on", "max_connections": "100", "max_index_keys": "32", "block_size": "8192", "ssl": "off", "session_authorization": "lode", "role": "none",
}

const serverVersion = "15.0"

func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return strings.ReplaceAll(s[1:len(s)-1], string(s[0])+string(s[0]), string(s[0]))
	}
	return s
}

func lowerName(s string) string {
	if strings.HasPrefix(strings.TrimSpace(s), `"`) {
		return unquote(s)
	}
	return strings.ToLower(strings.TrimSpace(s))
}

// look decides who answers a statement.
func look(text string) statement {
	trimmed := strings.TrimSuffix(strings.TrimSpace(stripComments(text)), ";")
	trimmed = strings.TrimSpace(trimmed)
	if trimmed == "" {
		return statement{kind: kindEmpty}
	}
	first, rest, _ := strings.Cut(trimmed, " ")
	first = strings.ToLower(strings.TrimSpace(strings.Split(first, "\n")[0]))
	multi := hasSemicolon(trimmed)
	switch {
	case multi:
		return statement{kind: kindQuery, query: text}
	case first == "begin" || first == "start":
		return statement{kind: kindTag, tag: "BEGIN", tx: 'T'}
	case first == "commit" || first == "end":
		return statement{kind: kindTag, tag: "COMMIT", tx: 'I'}
	case first == "rollback" && strings.Contains(strings.ToLower(rest), "to "):
		return statement{kind: kindTag, tag: "ROLLBACK"}
	case first == "rollback" || first == "abort":
		return statement{kind: kindTag, tag: "ROLLBACK", tx: 'I'}
	case first == "savepoint" || first == "release" || first == "listen" || first == "unlisten":
		return statement{kind: kindTag, tag: strings.ToUpper(first)}
	case first == "discard":
		return statement{kind: kindTag, tag: "DISCARD ALL"}
	case first == "set":
		return lookSet(trimmed)
	case first == "reset":
		if _, ok := settable[lowerName(rest)]; ok || lowerName(rest) == "all" {
			return statement{kind: kindReset, name: lowerName(rest)}
		}
	case first == "show":
		if m := rxShow.FindStringSubmatch(trimmed); m != nil {
			name := strings.Join(strings.Fields(lowerName(m[1])), "_")
			if name == "transaction_isolation_level" {
				name = "transaction_isolation"
			}
			if name == "time_zone" {
				name = "timezone"
			}
			if _, ok := settable[name]; ok || fixed[name] != "" {
				return statement{kind: kindShow, name: name}
			}
		}
	case first == "prepare":
		if m := rxPrepare.FindStringSubmatch(trimmed); m != nil {
			return statement{kind: kindPrepare, name: lowerName(m[1]), value: m[2], query: m[3]}
		}
	case first == "execute":
		if m := rxExecute.FindStringSubmatch(trimmed); m != nil {
			return statement{kind: kindExecute, name: lowerName(m[1]), value: m[2]}
		}
	case first == "deallocate":
		if m := rxForget.FindStringSubmatch(trimmed); m != nil {
			return statement{kind: kindForget, name: lowerName(m[1])}
		}
	case first == "declare":
		if m := rxDeclare.FindStringSubmatch(trimmed); m != nil {
			return statement{kind: kindDeclare, name: lowerName(m[1]), query: m[2]}
		}
	case first == "fetch" || first == "move":
		if m := rxFetch.FindStringSubmatch(trimmed); m != nil {
			return statement{kind: kindFetch, name: lowerName(m[2]), value: strings.ToLower(m[1]), tag: strings.ToUpper(first)}
		}
	case first == "close":
		if m := rxClose.FindStringSubmatch(trimmed); m != nil {
			return statement{kind: kindClose, name: lowerName(m[1])}
		}
	}
	return statement{kind: kindQuery, query: text}
}

func lookSet(trimmed string) statement {
	if m := rxZone.FindStringSubmatch(trimmed); m != nil {
		return statement{kind: kindSet, name: "timezone", value: unquote(m[1])}
	}
	if rxSetOther.MatchString(trimmed) {
		return statement{kind: kindTag, tag: "SET"}
	}
	if m := rxSet.FindStringSubmatch(trimmed); m != nil {
		if _, ok := settable[lowerName(m[1])]; ok {
			return statement{kind: kindSet, name: lowerName(m[1]), value: unquote(m[2])}
		}
	}
	return statement{kind: kindQuery, query: trimmed} // the gate refuses it
}

// scan calls f with each piece of a text that is neither in quotes nor in a comment, and keeps the rest as it is.
func scan(text string, code func(string) string, comment func(string) string) string {
	var out strings.Builder
	start := 0
	flush := func(end int) {
		if end > start {
			out.WriteString(code(text[start:end]))
		}
	}
	for i := 0; i < len(text); {
		var end int
		isComment := false
		switch c := text[i]; {
		case c == '\'' || c == '"':
			end = strings.IndexByte(text[i+1:], c)
			if end >= 0 {
				end += i + 2
			}
		case strings.HasPrefix(text[i:], "--"):
			isComment = true
			if end = strings.IndexByte(text[i:], '\n'); end >= 0 {
				end += i
			}
		case strings.HasPrefix(text[i:], "/*"):
			isComment = true
			if end = strings.Index(text[i+2:], "*/"); end >= 0 {
				end += i + 4
			}
		default:
			i++
			continue
		}
		flush(i)
		if end < 0 {
			end = len(text)
		}
		if isComment {
			out.WriteString(comment(text[i:end]))
		} else {
			out.WriteString(text[i:end])
		}
		i, start = end, end
	}
	flush(len(text))
	return out.String()
}

func same(s string) string { return s }

func stripComments(text string) string {
	return scan(text, same, func(string) string { return " " })
}

func hasSemicolon(text string) bool {
	found := false
	scan(text, func(s string) string { found = found || strings.Contains(s, ";"); return s }, same)
	return found
}

// splitStatements cuts a simple query at its semicolons.
func splitStatements(text string) []string {
	var out []string
	marked := scan(text, func(s string) string { return strings.ReplaceAll(s, ";", "\x00") }, same)
	for _, part := range strings.Split(marked, "\x00") {
		if strings.TrimSpace(stripComments(part)) != "" {
			out = append(out, part)
		}
	}
	return out
}
