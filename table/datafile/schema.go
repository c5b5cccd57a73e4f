package datafile

import (
	"encoding/json"
	"fmt"
)

// Type is the type of a field, one of Iceberg's primitive types that the tables of Lode use.
type Type uint8

const (
	String    Type = iota + 1 // UTF-8 text
	Long                      // 64-bit signed
	Int                       // 32-bit signed
	Double                    // IEEE 754
	Boolean                   //
	Timestamp                 // microseconds since 1970 UTC, without zone
	Date                      // days since 1970
	Decimal38                 // decimal(38,0), in memory and in Parquet 16 bytes big-endian two's complement
	Fixed32                   // 32 bytes, e.g. a uint256 big-endian (sorts as the number does)
	Binary                    // bytes
)

var typeNames = [...]string{String: "string", Long: "long", Int: "int", Double: "double", Boolean: "boolean", Timestamp: "timestamp",
	Date: "date", Decimal38: "decimal(38, 0)", Fixed32: "fixed[32]", Binary: "binary"}

// String is the Iceberg name of the type.
func (t Type) String() string {
	if int(t) < len(typeNames) && t > 0 {
		return typeNames[t]
	}
	return fmt.Sprintf("Type(%d)", uint8(t))
}

// MarshalText gives the Iceberg name.
func (t Type) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads the Iceberg name of a type that data files support.
func (t *Type) UnmarshalText(b []byte) error {
	s := string(b)
	for i, n := range typeNames {
		if n == s && n != "" {
			*t = Type(i)
			return nil
		}
	}
	switch s {
	case "decimal(38,0)":
		*t = Decimal38
	case "fixed[32]", "fixed(32)":
		*t = Fixed32
	case "timestamptz":
		*t = Timestamp
	default:
		return fmt.Errorf("type %q of a column is not supported in data files; supported: string, long, int, double, boolean, timestamp, date, decimal(38,0), fixed[32], binary", s)
	}
	return nil
}

// isBytes tells whether values live in Column.Data.
func (t Type) isBytes() bool { return t == String || t == Binary || t == Fixed32 || t == Decimal38 }

// isInt tells whether values live in Column.Ints.
func (t Type) isInt() bool {
	return t == Long || t == Int || t == Timestamp || t == Date || t == Boolean
}

// Field is one column. ID is the Iceberg field id, never reused for another meaning.
type Field struct {
	ID       int    `json:"id"`
	Name     string `json:"name"`
	Required bool   `json:"required"`
	Type     Type   `json:"type"`
	Doc      string `json:"doc,omitempty"`

	// Dict asks for dictionary encoding (few distinct values); a hint to the writer, not part of the schema's identity.
	Dict bool `json:"-"`
	// Bloom asks for a bloom filter (point lookups by hash or address).
	Bloom bool `json:"-"`
}

// Schema is an ordered list of fields. Its JSON is Iceberg's own schema JSON.
type Schema struct {
	ID     int
	Fields []Field
}

type schemaJSON struct {
	Type   string  `json:"type"`
	ID     int     `json:"schema-id"`
	Fields []Field `json:"fields"`
}

// MarshalJSON writes Iceberg's schema JSON.
func (s Schema) MarshalJSON() ([]byte, error) {
	return json.Marshal(schemaJSON{Type: "struct", ID: s.ID, Fields: s.Fields})
}

// UnmarshalJSON reads Iceberg's schema JSON, flat schemas only.
func (s *Schema) UnmarshalJSON(b []byte) error {
	var j schemaJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return fmt.Errorf("read table schema: %w", err)
	}
	s.ID, s.Fields = j.ID, j.Fields
	return nil
}

// Index gives the position of the named field, -1 when there is none.
func (s *Schema) Index(name string) int {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return i
		}
	}
	return -1
}

// Project gives the schema of the named columns in that order; all when names is empty.
func (s *Schema) Project(names []string) (*Schema, error) {
	if len(names) == 0 {
		return s, nil
	}
	out := &Schema{ID: s.ID}
	for _, n := range names {
		i := s.Index(n)
		if i < 0 {
			return nil, fmt.Errorf("column %q is not in the table; it has %s", n, s.names())
		}
		out.Fields = append(out.Fields, s.Fields[i])
	}
	return out, nil
}

func (s *Schema) names() string {
	out := ""
	for i, f := range s.Fields {
		if i > 0 {
			out += ", "
		}
		out += f.Name
	}
	return out
}

// PartitionField is one part of a partition spec. Transform is Iceberg's ("identity", "bucket[16]", …); data files of Lode use identity.
type PartitionField struct {
	SourceID  int    `json:"source-id"`
	FieldID   int    `json:"field-id"`
	Name      string `json:"name"`
	Transform string `json:"transform"`
}

// PartitionSpec says how rows are split over files. Its JSON is Iceberg's.
type PartitionSpec struct {
	ID     int              `json:"spec-id"`
	Fields []PartitionField `json:"fields"`
}

// SortField is one key of a sort order.
type SortField struct {
	SourceID  int    `json:"source-id"`
	Transform string `json:"transform"`
	Direction string `json:"direction"`
	NullOrder string `json:"null-order"`
}

// SortOrder says how rows are ordered inside a file. Its JSON is Iceberg's; order 0 is unsorted.
type SortOrder struct {
	ID     int         `json:"order-id"`
	Fields []SortField `json:"fields"`
}

// Table is the definition of a table: what to create when it is absent, and how to write it.
type Table struct {
	Name       string            `json:"name"` // "silver.nft_transfer"
	Doc        string            `json:"doc,omitempty"`
	Schema     Schema            `json:"schema"`
	Partition  PartitionSpec     `json:"partition-spec"`
	Sort       SortOrder         `json:"sort-order"`
	Properties map[string]string `json:"properties,omitempty"`

	// RowGroup is the number of rows of a row group; 0 means DefaultRowGroup.
	RowGroup int `json:"-"`
}

// DefaultRowGroup is the number of rows in a row group of bronze and silver files.
const DefaultRowGroup = 122_880

// PartitionColumns gives the positions in the schema of the identity partition columns, in the spec's order.
func (t *Table) PartitionColumns() []int {
	var out []int
	for _, p := range t.Partition.Fields {
		for i := range t.Schema.Fields {
			if t.Schema.Fields[i].ID == p.SourceID {
				out = append(out, i)
			}
		}
	}
	return out
}

// SortColumns gives the positions in the schema of the sort keys.
func (t *Table) SortColumns() []int {
	var out []int
	for _, k := range t.Sort.Fields {
		for i := range t.Schema.Fields {
			if t.Schema.Fields[i].ID == k.SourceID {
				out = append(out, i)
			}
		}
	}
	return out
}
