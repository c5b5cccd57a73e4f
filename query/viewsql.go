//go:build cgo && duckdb_arrow

package query

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/iceberg-go"
	icetable "github.com/apache/iceberg-go/table"
)

// field is a column of a view.
type field struct {
	id            int
	name, sqlType string
	doc           string
}

type tableComment struct {
	doc    string
	fields []field
}

func dotted(name string) string {
	ns, t, _ := strings.Cut(name, ".")
	return ident(ns) + "." + ident(t)
}

func fieldsOf(schema *iceberg.Schema) []field {
	var out []field
	for _, f := range schema.Fields() {
		out = append(out, field{id: f.ID, name: f.Name, sqlType: sqlType(f.Type), doc: f.Doc})
	}
	return out
}

func comments(t *icetable.Table) tableComment {
	return tableComment{doc: t.Properties()["comment"], fields: fieldsOf(t.Schema())}
}

// sqlType is DuckDB's name of an Iceberg type.
func sqlType(t iceberg.Type) string {
	switch t := t.(type) {
	case iceberg.BooleanType:
		return "BOOLEAN"
	case iceberg.Int32Type:
		return "INTEGER"
	case iceberg.Int64Type:
		return "BIGINT"
	case iceberg.Float32Type:
		return "FLOAT"
	case iceberg.Float64Type:
		return "DOUBLE"
	case iceberg.DateType:
		return "DATE"
	case iceberg.TimeType:
		return "TIME"
	case iceberg.TimestampType:
		return "TIMESTAMP"
	case iceberg.TimestampTzType:
		return "TIMESTAMP WITH TIME ZONE"
	case iceberg.UUIDType:
		return "UUID"
	case iceberg.BinaryType, iceberg.FixedType:
		return "BLOB"
	case iceberg.DecimalType:
		return fmt.Sprintf("DECIMAL(%d,%d)", t.Precision(), t.Scale())
	case *iceberg.ListType:
		return sqlType(t.Element) + "[]"
	case *iceberg.MapType:
		return "MAP(" + sqlType(t.KeyType) + ", " + sqlType(t.ValueType) + ")"
	case *iceberg.StructType:
		var parts []string
		for _, f := range t.FieldList {
			parts = append(parts, ident(f.Name)+" "+sqlType(f.Type))
		}
		return "STRUCT(" + strings.Join(parts, ", ") + ")"
	}
	return "VARCHAR"
}

// emptySelect has the columns and no rows.
func emptySelect(fields []field) string {
	var parts []string
	for _, f := range fields {
		parts = append(parts, "CAST(NULL AS "+f.sqlType+") AS "+ident(f.name))
	}
	return "SELECT " + strings.Join(parts, ", ") + " WHERE false"
}

// parquetSelect reads files by Iceberg field id: columns that were renamed or added later come out right. Nested types are resolved by name instead, which is what
// the engine's map of ids can do.
func parquetSelect(schema *iceberg.Schema, files []string) (string, error) {
	var list, entries, columns []string
	for _, f := range files {
		list = append(list, quote(f))
	}
	nested := false
	for _, f := range schema.Fields() {
		switch f.Type.(type) {
		case *iceberg.ListType, *iceberg.MapType, *iceberg.StructType:
			nested = true
		}
		entries = append(entries, fmt.Sprintf("%d: {name: %s, type: %s, default_value: NULL}", f.ID, quote(f.Name), quote(sqlType(f.Type))))
		columns = append(columns, ident(f.Name))
	}
	if len(columns) == 0 {
		return "", fmt.Errorf("the table has no columns")
	}
	from := "read_parquet([" + strings.Join(list, ", ") + "], hive_partitioning = false"
	if nested {
		from += ", union_by_name = true)"
	} else {
		from += ", schema = MAP {" + strings.Join(entries, ", ") + "})"
	}
	return "SELECT " + strings.Join(columns, ", ") + " FROM " + from, nil
}

// viewSQL creates a view, or a table in memory, with its descriptions.
func viewSQL(name, query string, inMemory bool, c tableComment) []string {
	kind := "VIEW"
	if inMemory {
		kind = "TABLE"
	}
	out := []string{"CREATE " + kind + " " + dotted(name) + " AS " + query}
	if c.doc != "" {
		out = append(out, "COMMENT ON "+kind+" "+dotted(name)+" IS "+quote(c.doc))
	}
	for _, f := range c.fields {
		if f.doc != "" {
			out = append(out, "COMMENT ON COLUMN "+dotted(name)+"."+ident(f.name)+" IS "+quote(f.doc))
		}
	}
	return out
}

// withFieldIDs marks the columns of an Arrow schema with their Iceberg ids, as Parquet writers want them.
func withFieldIDs(schema *arrow.Schema, ice *iceberg.Schema) *arrow.Schema {
	fields := make([]arrow.Field, schema.NumFields())
	for i, f := range schema.Fields() {
		if col, ok := ice.FindFieldByName(f.Name); ok {
			f.Metadata = arrow.NewMetadata([]string{"PARQUET:field_id"}, []string{strconv.Itoa(col.ID)})
		}
		fields[i] = f
	}
	return arrow.NewSchema(fields, nil)
}
