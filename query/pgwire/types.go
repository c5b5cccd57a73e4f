//go:build cgo && duckdb_arrow

package pgwire

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	duckdb "github.com/duckdb/duckdb-go/v2"
	"github.com/jackc/pgx/v5/pgtype"
)

// oid is PostgreSQL's type for a type of the engine; what has none there is text.
func oid(t duckdb.Type) uint32 {
	switch t {
	case duckdb.TYPE_BOOLEAN:
		return pgtype.BoolOID
	case duckdb.TYPE_TINYINT, duckdb.TYPE_UTINYINT, duckdb.TYPE_SMALLINT:
		return pgtype.Int2OID
	case duckdb.TYPE_USMALLINT, duckdb.TYPE_INTEGER:
		return pgtype.Int4OID
	case duckdb.TYPE_UINTEGER, duckdb.TYPE_BIGINT:
		return pgtype.Int8OID
	case duckdb.TYPE_UBIGINT, duckdb.TYPE_HUGEINT, duckdb.TYPE_UHUGEINT, duckdb.TYPE_DECIMAL:
		return pgtype.NumericOID
	case duckdb.TYPE_FLOAT:
		return pgtype.Float4OID
	case duckdb.TYPE_DOUBLE:
		return pgtype.Float8OID
	case duckdb.TYPE_DATE:
		return pgtype.DateOID
	case duckdb.TYPE_TIMESTAMP, duckdb.TYPE_TIMESTAMP_S, duckdb.TYPE_TIMESTAMP_MS, duckdb.TYPE_TIMESTAMP_NS:
		return pgtype.TimestampOID
	case duckdb.TYPE_TIMESTAMP_TZ:
		return pgtype.TimestamptzOID
	case duckdb.TYPE_BLOB:
		return pgtype.ByteaOID
	}
	return pgtype.TextOID
}

// engineType is what a parameter of a PostgreSQL type is cast to; "" leaves it to the engine.
func engineType(oid uint32) string {
	switch oid {
	case pgtype.BoolOID:
		return "BOOLEAN"
	case pgtype.Int2OID:
		return "SMALLINT"
	case pgtype.Int4OID:
		return "INTEGER"
	case pgtype.Int8OID:
		return "BIGINT"
	case pgtype.Float4OID, pgtype.Float8OID:
		return "DOUBLE"
	case pgtype.NumericOID:
		return "DECIMAL(38,10)"
	case pgtype.DateOID:
		return "DATE"
	case pgtype.TimestampOID:
		return "TIMESTAMP"
	case pgtype.TimestamptzOID:
		return "TIMESTAMPTZ"
	}
	return ""
}

// cell answers the value of a column in a row as the type map encodes it.
type cell func(row int) any

func cellOf(a arrow.Array, as uint32) cell {
	value := valueOf(a)
	if as == pgtype.TextOID {
		if s, ok := a.(*array.String); ok {
			value = func(row int) any { return s.Value(row) }
		} else {
			inner := value
			value = func(row int) any { return text(a, row, inner) }
		}
	}
	return func(row int) any {
		if a.IsNull(row) {
			return nil
		}
		return value(row)
	}
}

func text(a arrow.Array, row int, inner cell) string {
	switch v := inner(row).(type) {
	case string:
		return v
	case []byte:
		return `\x` + hex.EncodeToString(v)
	case time.Time:
		return v.Format("2006-01-02 15:04:05.999999")
	case pgtype.Numeric:
		if b, err := v.MarshalJSON(); err == nil {
			return string(b)
		}
	case nil:
		return ""
	default:
		return fmt.Sprint(v)
	}
	return a.ValueStr(row)
}

func valueOf(a arrow.Array) cell {
	switch a := a.(type) {
	case *array.Boolean:
		return func(row int) any { return a.Value(row) }
	case *array.Int8:
		return func(row int) any { return int64(a.Value(row)) }
	case *array.Int16:
		return func(row int) any { return int64(a.Value(row)) }
	case *array.Int32:
		return func(row int) any { return int64(a.Value(row)) }
	case *array.Int64:
		return func(row int) any { return a.Value(row) }
	case *array.Uint8:
		return func(row int) any { return int64(a.Value(row)) }
	case *array.Uint16:
		return func(row int) any { return int64(a.Value(row)) }
	case *array.Uint32:
		return func(row int) any { return int64(a.Value(row)) }
	case *array.Uint64:
		return func(row int) any { return pgtype.Numeric{Int: new(big.Int).SetUint64(a.Value(row)), Valid: true} }
	case *array.Float32:
		return func(row int) any { return float64(a.Value(row)) }
	case *array.Float64:
		return func(row int) any { return a.Value(row) }
	case *array.String:
		return func(row int) any { return a.Value(row) }
	case *array.Binary:
		return func(row int) any { return a.Value(row) }
	case *array.Date32:
		return func(row int) any { return a.Value(row).ToTime() }
	case *array.Timestamp:
		unit := a.DataType().(*arrow.TimestampType).Unit
		return func(row int) any { return a.Value(row).ToTime(unit) }
	case *array.Decimal128:
		scale := a.DataType().(*arrow.Decimal128Type).Scale
		return func(row int) any { return pgtype.Numeric{Int: a.Value(row).BigInt(), Exp: -scale, Valid: true} }
	case *array.Null:
		return func(int) any { return nil }
	}
	return func(row int) any { return strings.TrimSpace(a.ValueStr(row)) }
}
