package datafile

import (
	"fmt"
	"strconv"

	"github.com/parquet-go/parquet-go"
)

// orderedGroup is a Parquet group that keeps the order of the table's columns (parquet.Group alone sorts them by name).
type orderedGroup struct {
	parquet.Group
	order []parquet.Field
}

func (g orderedGroup) Fields() []parquet.Field { return g.order }

// parquetSchema gives the Parquet form of a schema, with Iceberg's field ids.
func parquetSchema(s *Schema) (*parquet.Schema, error) {
	group := parquet.Group{}
	for _, f := range s.Fields {
		var n parquet.Node
		switch f.Type {
		case String:
			n = parquet.String()
		case Long:
			n = parquet.Leaf(parquet.Int64Type)
		case Int:
			n = parquet.Leaf(parquet.Int32Type)
		case Double:
			n = parquet.Leaf(parquet.DoubleType)
		case Boolean:
			n = parquet.Leaf(parquet.BooleanType)
		case Timestamp:
			n = parquet.TimestampAdjusted(parquet.Microsecond, false)
		case Date:
			n = parquet.Date()
		case Decimal38:
			n = parquet.Decimal(0, 38, parquet.FixedLenByteArrayType(16))
		case Fixed32:
			n = parquet.Leaf(parquet.FixedLenByteArrayType(32))
		case Binary:
			n = parquet.Leaf(parquet.ByteArrayType)
		default:
			return nil, fmt.Errorf("column %s: type %s cannot be written to Parquet", f.Name, f.Type)
		}
		if f.Dict {
			n = parquet.Encoded(n, &parquet.RLEDictionary)
		}
		if !f.Required {
			n = parquet.Optional(n)
		}
		if _, twice := group[f.Name]; twice {
			return nil, fmt.Errorf("column %s appears twice in the table", f.Name)
		}
		group[f.Name] = parquet.FieldID(n, f.ID)
	}
	byName := map[string]parquet.Field{}
	for _, f := range group.Fields() {
		byName[f.Name()] = f
	}
	g := orderedGroup{Group: group}
	for _, f := range s.Fields {
		g.order = append(g.order, byName[f.Name])
	}
	return parquet.NewSchema("table", g), nil
}

// icebergSchemaJSON is the value of the footer key "iceberg.schema", which readers use when field ids are asked for.
func icebergSchemaKey(s *Schema) (string, error) {
	b, err := s.MarshalJSON()
	if err != nil {
		return "", fmt.Errorf("encode schema %s: %w", strconv.Itoa(s.ID), err)
	}
	return string(b), nil
}
