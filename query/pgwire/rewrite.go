//go:build cgo && duckdb_arrow

package pgwire

import (
	"regexp"
	"strconv"
	"strings"
)

// replacements put PostgreSQL's words into the engine's. They see neither quoted text nor comments.
var replacements = []struct {
	rx *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`(?i)\boperator\s*\(\s*(?:pg_catalog\.)?([~!=<>*+/-]+)\s*\)`), "$1"},
	{regexp.MustCompile(`(?i)\bcollate\s+(?:pg_catalog\.)?(?:default|"default"|"C"|c)\b`), ""},
	{regexp.MustCompile(`(?i)\bcollate\s+(?:pg_catalog\.)?\z`), ""}, // the name is in quotes, and comes next
	{regexp.MustCompile(`(?i)::\s*(?:pg_catalog\.)?(?:regclass|regtype|regproc|regprocedure|regnamespace|regrole|regoper)\b(?:\[\])?(::\s*(?:pg_catalog\.)?(?:oid|int8|text))?`), "::varchar"},
	{regexp.MustCompile(`(?i)::\s*(?:pg_catalog\.)?(?:name|"char"|bpchar|information_schema\.sql_identifier|information_schema\.character_data)\b`), "::varchar"},
	{regexp.MustCompile(`(?i)::\s*(?:pg_catalog\.)?oid\b`), "::bigint"},
	{regexp.MustCompile(`(?i)\bas\s+(?:pg_catalog\.)?(?:oid|regclass)\s*\)`), "as varchar)"},
	{regexp.MustCompile(`(?i)::\s*pg_catalog\.(\w+)`), "::$1"},
	{regexp.MustCompile(`(?i)\b(?:pg_catalog\.)?(pg_(?:` + relations + `))\b(\s*\()?`), ""}, // filled in by relation
	{regexp.MustCompile(`(?i)\bpg_catalog\.(\w+\s*\()`), "$1"},
	{regexp.MustCompile(`(?i)\binformation_schema\._pg_expandarray\s*\(`), "_pg_expandarray("},
	{regexp.MustCompile(`(?i)\bversion\s*\(\s*\)`), "pg_version()"},
	{regexp.MustCompile(`(?i)\bcurrent_setting\s*\(`), "pg_setting("},
	{regexp.MustCompile(`(?i)\bcurrent_schemas\s*\(`), "pg_schemas("},
	{regexp.MustCompile(`(?i)\bcurrent_(?:user|role)\b(?:\s*\(\s*\))?`), "'lode'"},
	{regexp.MustCompile(`(?i)\bsession_user\b`), "'lode'"},
	{regexp.MustCompile(`(?i)\bcurrent_catalog\b`), "current_database()"},
	{regexp.MustCompile(`(?i)\bset_config\s*\(`), "pg_set_config("},
	{regexp.MustCompile(`(?i)\bwith\s+ordinality\b`), ""},
	{regexp.MustCompile(`(?i)\bjsonb?_build_object\s*\(`), "json_object("},
	{regexp.MustCompile(`\bprattrs\[s\]`), "prattrs[s.generate_series]"}, // psql's \d: the engine takes s for a row
}

// relations of pg_catalog that catalog.go offers, without pg_.
const relations = `class|namespace|attribute|type|proc|database|roles|user|description|constraint|index|attrdef|inherits|policy|statistic_ext|publication|publication_rel|publication_namespace|trigger|foreign_table|foreign_server|` +
	`extension|collation|am|settings|tables|views|matviews|enum|range|language|tablespace|stat_activity|auth_members|shdescription|rewrite|sequence|depend|authid|partitioned_table|statistic|opclass|operator|cast|db_role_setting|event_trigger|timezone_names`

var (
	rxParameter = regexp.MustCompile(`\$(\d+)`)
	rxRelation  = replacements[8].rx
)

// rewrite turns a query into the engine's words; parameters of known types are cast, so that the engine knows them too.
func rewrite(query string, types []uint32) string {
	query = strings.ReplaceAll(query, "pol.polroles = '{0}'", "false") // psql's \d, whose array literal has no meaning in the engine
	return scan(query, func(code string) string {
		for i, r := range replacements {
			if i == 8 {
				code = rxRelation.ReplaceAllStringFunc(code, relation)
				continue
			}
			if strings.Contains(r.to, "$") {
				code = r.rx.ReplaceAllString(code, r.to)
			} else {
				code = r.rx.ReplaceAllLiteralString(code, r.to)
			}
		}
		return rxParameter.ReplaceAllStringFunc(code, func(p string) string {
			n, err := strconv.Atoi(p[1:])
			if err != nil || n < 1 || n > len(types) {
				return p
			}
			if t := engineType(types[n-1]); t != "" {
				return "CAST(" + p + " AS " + t + ")"
			}
			return p
		})
	}, same)
}

// relation points at our catalogue, but leaves functions of the same name alone.
func relation(match string) string {
	if strings.HasSuffix(match, "(") {
		return strings.TrimPrefix(strings.TrimPrefix(match, "pg_catalog."), "PG_CATALOG.")
	}
	name := strings.ToLower(match)
	return "pgc." + strings.TrimPrefix(name, "pg_catalog.")
}
