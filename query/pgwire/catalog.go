//go:build cgo && duckdb_arrow

package pgwire

import (
	"fmt"
	"strings"
)

// catalogue makes the relations and functions of PostgreSQL that drivers ask for. They live in a schema of their own, because the engine's pg_catalog lacks
// columns that drivers need, and rewrite points queries at them.
func catalogue() []string {
	oid := func(expr string) string { return "(hash(" + expr + ") % 2000000000 + 16384)::bigint" }
	typeOID := `CASE WHEN data_type LIKE 'DECIMAL%' THEN 1700 WHEN data_type LIKE '%[]' OR data_type LIKE 'STRUCT%' OR data_type LIKE 'MAP%' THEN 25 ELSE
		CASE data_type WHEN 'BOOLEAN' THEN 16 WHEN 'BLOB' THEN 17 WHEN 'BIGINT' THEN 20 WHEN 'UINTEGER' THEN 20 WHEN 'SMALLINT' THEN 21 WHEN 'TINYINT' THEN 21 WHEN 'INTEGER' THEN 23 WHEN 'FLOAT' THEN 700 WHEN 'DOUBLE' THEN 701
		WHEN 'DATE' THEN 1082 WHEN 'TIMESTAMP' THEN 1114 WHEN 'TIMESTAMP WITH TIME ZONE' THEN 1184 WHEN 'HUGEINT' THEN 1700 WHEN 'UBIGINT' THEN 1700 ELSE 25 END END::bigint`
	relationsOf := `(SELECT schema_name, table_name, 'r' AS kind, comment FROM duckdb_tables() WHERE database_name = 'lode' UNION ALL SELECT schema_name, view_name, 'v', comment FROM duckdb_views() WHERE database_name = 'lode' AND NOT internal)`
	out := []string{
		"CREATE SCHEMA IF NOT EXISTS pgc",
		`CREATE OR REPLACE VIEW pgc.pg_namespace AS SELECT ` + oid("schema_name") + ` AS oid, schema_name AS nspname, 10::bigint AS nspowner, NULL::varchar[] AS nspacl FROM
			(SELECT schema_name FROM duckdb_schemas() WHERE database_name = 'lode' AND schema_name NOT IN ('pgc', 'main', 'pg_catalog', 'information_schema') UNION ALL SELECT unnest(['pg_catalog', 'information_schema', 'public']))`,
		`CREATE OR REPLACE VIEW pgc.pg_class AS SELECT ` + oid("schema_name || '.' || table_name") + ` AS oid, table_name AS relname, ` + oid("schema_name") + ` AS relnamespace, 0::bigint AS reltype, 0::bigint AS reloftype, 10::bigint AS relowner, 2::bigint AS relam,
			0::bigint AS relfilenode, 0::bigint AS reltablespace, 1::int AS relpages, -1::real AS reltuples, 0 AS relallvisible, 0::bigint AS reltoastrelid, false AS relhasindex, false AS relisshared, 'p' AS relpersistence, kind AS relkind,
			(SELECT count(*) FROM duckdb_columns() c WHERE c.database_name = 'lode' AND c.schema_name = r.schema_name AND c.table_name = r.table_name)::smallint AS relnatts, 0::smallint AS relchecks, false AS relhasrules, false AS relhastriggers,
			false AS relhassubclass, false AS relrowsecurity, false AS relforcerowsecurity, true AS relispopulated, 'd' AS relreplident, false AS relispartition, false AS relhasoids, 0::bigint AS relrewrite, NULL::varchar[] AS relacl, NULL::varchar[] AS reloptions,
			NULL::varchar AS relpartbound, comment FROM ` + relationsOf + ` r WHERE schema_name NOT IN ('pgc', 'main')`,
		`CREATE OR REPLACE VIEW pgc.pg_attribute AS SELECT ` + oid("schema_name || '.' || table_name") + ` AS attrelid, column_name AS attname, ` + typeOID + ` AS atttypid, -1 AS attstattarget, -1::smallint AS attlen, column_index::smallint AS attnum, 0 AS attndims,
			-1 AS attcacheoff, -1 AS atttypmod, false AS attbyval, 'p' AS attstorage, 'i' AS attalign, NOT is_nullable AS attnotnull, false AS atthasdef, false AS atthasmissing, '' AS attidentity, '' AS attgenerated, false AS attisdropped,
			true AS attislocal, 0 AS attinhcount, 0::bigint AS attcollation, '' AS attcompression, NULL::varchar[] AS attacl, NULL::varchar[] AS attoptions, NULL::varchar[] AS attfdwoptions, comment FROM duckdb_columns() WHERE database_name = 'lode' AND schema_name NOT IN ('pgc', 'main')`,
		`CREATE OR REPLACE VIEW pgc.pg_type AS SELECT oid::bigint AS oid, typname, ` + oid("'pg_catalog'") + ` AS typnamespace, 10::bigint AS typowner, typlen::smallint AS typlen, typlen > 0 AS typbyval, 'b' AS typtype, typcategory, false AS typispreferred, true AS typisdefined,
			',' AS typdelim, 0::bigint AS typrelid, 0::bigint AS typelem, 0::bigint AS typarray, typname || 'in' AS typinput, typname || 'out' AS typoutput, typname || 'recv' AS typreceive, false AS typnotnull, 0::bigint AS typbasetype, -1 AS typtypmod, 0 AS typndims,
			0::bigint AS typcollation, NULL::varchar AS typdefault, NULL::varchar[] AS typacl FROM (VALUES (16, 'bool', 1, 'B'), (17, 'bytea', -1, 'U'), (18, 'char', 1, 'Z'), (19, 'name', 64, 'S'), (20, 'int8', 8, 'N'), (21, 'int2', 2, 'N'), (23, 'int4', 4, 'N'),
			(25, 'text', -1, 'S'), (26, 'oid', 4, 'N'), (114, 'json', -1, 'U'), (700, 'float4', 4, 'N'), (701, 'float8', 8, 'N'), (1042, 'bpchar', -1, 'S'), (1043, 'varchar', -1, 'S'), (1082, 'date', 4, 'D'), (1083, 'time', 8, 'D'), (1114, 'timestamp', 8, 'D'),
			(1184, 'timestamptz', 8, 'D'), (1186, 'interval', 16, 'T'), (1700, 'numeric', -1, 'N'), (2950, 'uuid', 16, 'U'), (3802, 'jsonb', -1, 'U')) t(oid, typname, typlen, typcategory)`,
		`CREATE OR REPLACE VIEW pgc.pg_database AS SELECT 5::bigint AS oid, 'lode' AS datname, 10::bigint AS datdba, 6 AS encoding, 'c' AS datlocprovider, false AS datistemplate, true AS datallowconn, -1 AS datconnlimit, 'C' AS datcollate, 'C' AS datctype, NULL::varchar AS daticulocale,
			NULL::varchar AS datcollversion, NULL::varchar[] AS datacl, 0::bigint AS dattablespace`,
		`CREATE OR REPLACE VIEW pgc.pg_roles AS SELECT 10::bigint AS oid, 'lode' AS rolname, false AS rolsuper, true AS rolinherit, false AS rolcreaterole, false AS rolcreatedb, true AS rolcanlogin, false AS rolreplication, false AS rolbypassrls, -1 AS rolconnlimit, NULL::varchar AS rolpassword,
			NULL::timestamp AS rolvaliduntil, NULL::varchar[] AS rolconfig`,
		`CREATE OR REPLACE VIEW pgc.pg_authid AS SELECT * FROM pgc.pg_roles`,
		`CREATE OR REPLACE VIEW pgc.pg_user AS SELECT 'lode' AS usename, 10::bigint AS usesysid, false AS usecreatedb, false AS usesuper, false AS userepl, false AS usebypassrls, NULL::varchar AS passwd, NULL::timestamp AS valuntil, NULL::varchar[] AS useconfig`,
		`CREATE OR REPLACE VIEW pgc.pg_description AS SELECT oid AS objoid, 'pg_class' AS classoid, 0 AS objsubid, comment AS description FROM pgc.pg_class WHERE comment IS NOT NULL
			UNION ALL SELECT attrelid, 'pg_class', attnum, comment FROM pgc.pg_attribute WHERE comment IS NOT NULL`,
		`CREATE OR REPLACE VIEW pgc.pg_am AS SELECT 2::bigint AS oid, 'heap' AS amname, 't' AS amtype`,
		`CREATE OR REPLACE VIEW pgc.pg_tables AS SELECT n.nspname AS schemaname, c.relname AS tablename, 'lode' AS tableowner, NULL::varchar AS tablespace, false AS hasindexes, false AS hasrules, false AS hastriggers, false AS rowsecurity FROM pgc.pg_class c JOIN pgc.pg_namespace n ON n.oid = c.relnamespace WHERE relkind = 'r'`,
		`CREATE OR REPLACE VIEW pgc.pg_views AS SELECT n.nspname AS schemaname, c.relname AS viewname, 'lode' AS viewowner, '' AS definition FROM pgc.pg_class c JOIN pgc.pg_namespace n ON n.oid = c.relnamespace WHERE relkind = 'v'`,
		`CREATE OR REPLACE VIEW pgc.pg_settings AS SELECT name, setting, NULL::varchar AS unit, '' AS category, '' AS short_desc, 'user' AS context, 'string' AS vartype, 'default' AS source FROM (VALUES ` + settingsRows() + `) t(name, setting)`,
		`CREATE OR REPLACE VIEW pgc.pg_tablespace AS SELECT 1663::bigint AS oid, 'pg_default' AS spcname, 10::bigint AS spcowner, NULL::varchar[] AS spcacl, NULL::varchar[] AS spcoptions`,
		`CREATE OR REPLACE VIEW pgc.pg_language AS SELECT 12::bigint AS oid, 'internal' AS lanname`,
	}
	for name, columns := range empty {
		var list []string
		for _, c := range strings.Fields(columns) {
			column, typ, _ := strings.Cut(c, ":")
			if typ == "" {
				typ = "varchar"
			}
			list = append(list, fmt.Sprintf("NULL::%s AS %s", typ, column))
		}
		out = append(out, "CREATE OR REPLACE VIEW pgc.pg_"+name+" AS SELECT "+strings.Join(list, ", ")+" WHERE false")
	}
	for _, m := range macros {
		out = append(out, "CREATE OR REPLACE MACRO "+m)
	}
	return out
}

func settingsRows() string {
	var rows []string
	for _, m := range []map[string]string{settable, fixed} {
		for k, v := range m {
			rows = append(rows, "('"+k+"', '"+strings.ReplaceAll(v, "'", "''")+"')")
		}
	}
	return strings.Join(rows, ", ")
}

// empty are relations that exist and hold nothing here: columns, with a type where it is not text.
var empty = map[string]string{
	"proc":                  "oid:bigint proname pronamespace:bigint proowner:bigint prolang:bigint prokind proretset:boolean prorettype:bigint proargtypes:bigint[] proallargtypes:bigint[] proargmodes:varchar[] proargnames:varchar[] provariadic:bigint prosecdef:boolean provolatile proparallel prosrc pronargs:smallint proisstrict:boolean proleakproof:boolean proacl:varchar[] proargdefaults",
	"constraint":            "oid:bigint conname connamespace:bigint contype condeferrable:boolean condeferred:boolean convalidated:boolean conrelid:bigint contypid:bigint conindid:bigint conparentid:bigint confrelid:bigint confupdtype confdeltype confmatchtype conislocal:boolean coninhcount:int connoinherit:boolean conkey:smallint[] confkey:smallint[] conpfeqop:bigint[] conexclop:bigint[] conbin consrc",
	"index":                 "indexrelid:bigint indrelid:bigint indnatts:smallint indnkeyatts:smallint indisunique:boolean indnullsnotdistinct:boolean indisprimary:boolean indisexclusion:boolean indimmediate:boolean indisclustered:boolean indisvalid:boolean indcheckxmin:boolean indisready:boolean indislive:boolean indisreplident:boolean indkey:smallint[] indcollation:bigint[] indclass:bigint[] indoption:smallint[] indexprs indpred",
	"attrdef":               "oid:bigint adrelid:bigint adnum:smallint adbin adsrc",
	"inherits":              "inhrelid:bigint inhparent:bigint inhseqno:int inhdetachpending:boolean",
	"policy":                "oid:bigint polname polrelid:bigint polcmd polpermissive:boolean polroles:bigint[] polqual polwithcheck",
	"statistic_ext":         "oid:bigint stxrelid:bigint stxname stxnamespace:bigint stxowner:bigint stxstattarget:int stxkeys:smallint[] stxkind:varchar[]",
	"statistic":             "starelid:bigint staattnum:smallint",
	"publication":           "oid:bigint pubname pubowner:bigint puballtables:boolean",
	"publication_rel":       "oid:bigint prpubid:bigint prrelid:bigint prqual prattrs:smallint[]",
	"publication_namespace": "oid:bigint pnpubid:bigint pnnspid:bigint",
	"trigger":               "oid:bigint tgrelid:bigint tgparentid:bigint tgname tgfoid:bigint tgtype:smallint tgenabled tgisinternal:boolean tgconstraint:bigint tgdeferrable:boolean",
	"foreign_table":         "ftrelid:bigint ftserver:bigint ftoptions:varchar[]",
	"foreign_server":        "oid:bigint srvname srvowner:bigint srvfdw:bigint srvoptions:varchar[]",
	"extension":             "oid:bigint extname extowner:bigint extnamespace:bigint extrelocatable:boolean extversion",
	"collation":             "oid:bigint collname collnamespace:bigint collencoding:int collcollate",
	"matviews":              "schemaname matviewname matviewowner definition",
	"enum":                  "oid:bigint enumtypid:bigint enumsortorder:real enumlabel",
	"range":                 "rngtypid:bigint rngsubtype:bigint rngmultitypid:bigint",
	"stat_activity":         "datid:bigint datname pid:int usename application_name state query query_start:timestamp",
	"auth_members":          "roleid:bigint member:bigint grantor:bigint admin_option:boolean",
	"shdescription":         "objoid:bigint classoid description",
	"rewrite":               "oid:bigint rulename ev_class:bigint ev_type ev_enabled is_instead:boolean",
	"sequence":              "seqrelid:bigint seqtypid:bigint seqstart:bigint seqincrement:bigint seqmax:bigint seqmin:bigint seqcache:bigint seqcycle:boolean",
	"depend":                "classid objid:bigint objsubid:int refclassid refobjid:bigint refobjsubid:int deptype",
	"partitioned_table":     "partrelid:bigint partstrat partnatts:smallint partdefid:bigint partattrs:smallint[]",
	"opclass":               "oid:bigint opcmethod:bigint opcname opcnamespace:bigint opcdefault:boolean opcintype:bigint",
	"operator":              "oid:bigint oprname oprnamespace:bigint",
	"cast":                  "oid:bigint castsource:bigint casttarget:bigint castfunc:bigint castcontext",
	"db_role_setting":       "setdatabase:bigint setrole:bigint setconfig:varchar[]",
	"event_trigger":         "oid:bigint evtname",
	"timezone_names":        "name abbrev utc_offset:interval is_dst:boolean",
}

// macros are functions of PostgreSQL.
var macros = []string{
	"pg_version() AS 'PostgreSQL " + serverVersion + " (Lode, DuckDB ' || version() || ')'",
	"pg_setting(wanted) AS (SELECT any_value(setting) FROM pgc.pg_settings s WHERE s.name = lower(wanted)), (wanted, missing_ok) AS (SELECT any_value(setting) FROM pgc.pg_settings s WHERE s.name = lower(wanted))",
	"pg_set_config(wanted, given, is_local) AS given",
	"pg_schemas(implicit) AS ['public']",
	"quote_ident(s) AS CASE WHEN regexp_full_match(s::varchar, '[a-z_][a-z0-9_]*') THEN s::varchar ELSE '\"' || replace(s::varchar, '\"', '\"\"') || '\"' END",
	"quote_literal(s) AS '''' || replace(s::varchar, '''', '''''') || ''''",
	"format_type(t, m) AS CASE t WHEN 16 THEN 'boolean' WHEN 17 THEN 'bytea' WHEN 20 THEN 'bigint' WHEN 21 THEN 'smallint' WHEN 23 THEN 'integer' WHEN 25 THEN 'text' WHEN 700 THEN 'real' WHEN 701 THEN 'double precision' WHEN 1043 THEN 'character varying' WHEN 1082 THEN 'date' WHEN 1114 THEN 'timestamp without time zone' WHEN 1184 THEN 'timestamp with time zone' WHEN 1700 THEN 'numeric' ELSE 'text' END",
	"pg_get_expr(e, r) AS NULL::varchar, (e, r, p) AS NULL::varchar",
	"pg_get_userbyid(i) AS 'lode'",
	"pg_table_is_visible(o) AS true",
	"pg_type_is_visible(o) AS true",
	"pg_function_is_visible(o) AS true",
	"pg_statistics_obj_is_visible(o) AS true",
	"pg_relation_is_publishable(o) AS false",
	"pg_get_partkeydef(o) AS NULL::varchar",
	"pg_get_viewdef(o) AS NULL::varchar, (o, p) AS NULL::varchar",
	"pg_get_indexdef(o) AS NULL::varchar, (o, c, p) AS NULL::varchar",
	"pg_get_constraintdef(o) AS NULL::varchar, (o, p) AS NULL::varchar",
	"pg_get_triggerdef(o) AS NULL::varchar, (o, p) AS NULL::varchar",
	"pg_get_ruledef(o) AS NULL::varchar, (o, p) AS NULL::varchar",
	"pg_get_statisticsobjdef_columns(o) AS NULL::varchar",
	"pg_get_function_result(o) AS NULL::varchar",
	"pg_get_function_arguments(o) AS NULL::varchar",
	"pg_get_function_identity_arguments(o) AS NULL::varchar",
	"pg_get_serial_sequence(t, c) AS NULL::varchar",
	"pg_get_keywords() AS ''",
	"pg_encoding_to_char(e) AS 'UTF8'",
	"pg_tablespace_location(o) AS ''",
	"pg_relation_size(o) AS 0::bigint",
	"pg_total_relation_size(o) AS 0::bigint",
	"pg_table_size(o) AS 0::bigint",
	"pg_database_size(o) AS 0::bigint",
	"pg_size_pretty(n) AS n::varchar || ' bytes'",
	"pg_backend_pid() AS 1",
	"pg_is_in_recovery() AS false",
	"pg_my_temp_schema() AS 0",
	"pg_is_other_temp_schema(o) AS false",
	"pg_advisory_unlock_all() AS NULL",
	"pg_postmaster_start_time() AS TIMESTAMP '2000-01-01'",
	"pg_stat_get_numscans(o) AS 0",
	"txid_current() AS 1",
	"obj_description(o) AS (SELECT any_value(description) FROM pgc.pg_description d WHERE d.objoid = o AND d.objsubid = 0), (o, c) AS (SELECT any_value(description) FROM pgc.pg_description d WHERE d.objoid = o AND d.objsubid = 0)",
	"col_description(o, n) AS (SELECT any_value(description) FROM pgc.pg_description d WHERE d.objoid = o AND d.objsubid = n)",
	"shobj_description(o, c) AS NULL::varchar",
	"has_table_privilege(t, p) AS lower(p) LIKE '%select%', (u, t, p) AS lower(p) LIKE '%select%'",
	"has_schema_privilege(s, p) AS lower(p) LIKE '%usage%', (u, s, p) AS lower(p) LIKE '%usage%'",
	"has_database_privilege(d, p) AS lower(p) LIKE '%connect%', (u, d, p) AS lower(p) LIKE '%connect%'",
	"has_column_privilege(t, c, p) AS lower(p) LIKE '%select%', (u, t, c, p) AS lower(p) LIKE '%select%'",
	"has_any_column_privilege(t, p) AS lower(p) LIKE '%select%'",
	"has_function_privilege(f, p) AS true",
	"array_lower(a, d) AS 1",
	"array_upper(a, d) AS len(a)",
	"array_to_string(a, s) AS list_aggregate(a, 'string_agg', s), (a, s, n) AS list_aggregate(a, 'string_agg', s)",
	"to_regtype(n) AS NULL::bigint",
	"_pg_expandarray(a) AS unnest([{'x': 0, 'n': 0}])",
	"inet_server_addr() AS '127.0.0.1'",
	"inet_server_port() AS 5433",
	"inet_client_addr() AS '127.0.0.1'",
	"to_regclass(n) AS NULL::bigint",
	"acldefault(k, o) AS NULL::varchar",
	"aclexplode(a) AS NULL::varchar",
	"pg_collation_for(x) AS NULL::varchar",
	"pg_char_to_encoding(x) AS 6",
}
