//go:build cgo && duckdb_arrow

package query

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// encoder writes batches in one of the formats of the contract. Close writes what belongs at the end; it does not close the writer below.
type encoder interface {
	Write(arrow.RecordBatch) error
	Close() error
}

// formats are by media type, in order of preference.
var formats = []struct {
	media string
	open  func(io.Writer, *arrow.Schema) (encoder, error)
}{
	{"application/x-ndjson", func(w io.Writer, s *arrow.Schema) (encoder, error) { return newText(w, s, jsonForm{}), nil }},
	{"text/csv", func(w io.Writer, s *arrow.Schema) (encoder, error) { return newText(w, s, csvForm{}), nil }},
	{"application/vnd.apache.arrow.stream", func(w io.Writer, s *arrow.Schema) (encoder, error) {
		return ipc.NewWriter(w, ipc.WithSchema(s)), nil
	}},
	{"application/vnd.apache.parquet", func(w io.Writer, s *arrow.Schema) (encoder, error) { return newParquetWriter(w, s) }},
}

// newParquetWriter writes one Parquet file; a row group is held in memory.
func newParquetWriter(w io.Writer, schema *arrow.Schema) (*parquetWriter, error) {
	props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd), parquet.WithMaxRowGroupLength(122_880))
	out, err := pqarrow.NewFileWriter(schema, struct{ io.Writer }{w}, props, pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		return nil, fmt.Errorf("write parquet: %w", err)
	}
	return &parquetWriter{out}, nil
}

type parquetWriter struct{ out *pqarrow.FileWriter }

func (p *parquetWriter) Write(b arrow.RecordBatch) error { return p.out.WriteBuffered(b) }
func (p *parquetWriter) Close() error                    { return p.out.Close() }

// form is how a text format writes rows.
type form interface {
	header(dst []byte, names []string) []byte
	open(dst []byte) []byte
	// field begins column i.
	field(dst []byte, i int, name string) []byte
	null(dst []byte) []byte
	text(dst []byte, s string) []byte
	bare(dst []byte, s string) []byte // numbers, true, false: never quoted
	time(dst []byte, t time.Time, layout timeLayout) []byte
	end(dst []byte) []byte
	nested(dst []byte, json string) []byte
}

type timeLayout int

const (
	layoutTimestamp timeLayout = iota
	layoutZoned
	layoutDate
	layoutTime
)

type textWriter struct {
	w     *bufio.Writer
	form  form
	names []string
	row   []byte
}

func newText(w io.Writer, schema *arrow.Schema, f form) *textWriter {
	t := &textWriter{w: bufio.NewWriterSize(w, 64<<10), form: f}
	for _, field := range schema.Fields() {
		t.names = append(t.names, field.Name)
	}
	t.row = f.header(nil, t.names)
	_, _ = t.w.Write(t.row) // an error stays in the buffer and comes back with the next write
	return t
}

func (t *textWriter) Write(batch arrow.RecordBatch) error {
	columns := make([]column, batch.NumCols())
	for i := range columns {
		columns[i] = columnOf(batch.Column(i))
	}
	for r := range int(batch.NumRows()) {
		row := t.form.open(t.row[:0])
		for i, c := range columns {
			row = t.form.field(row, i, t.names[i])
			row = c(row, t.form, r)
		}
		t.row = t.form.end(row)
		if _, err := t.w.Write(t.row); err != nil {
			return err
		}
	}
	return nil
}

func (t *textWriter) Close() error { return t.w.Flush() }

// column appends the value of a row.
type column func(dst []byte, f form, row int) []byte

func columnOf(a arrow.Array) column {
	value := valueOf(a)
	return func(dst []byte, f form, row int) []byte {
		if a.IsNull(row) {
			return f.null(dst)
		}
		return value(dst, f, row)
	}
}

func integer[T int8 | int16 | int32 | int64](values []T) column {
	return func(dst []byte, f form, row int) []byte { return strconv.AppendInt(dst, int64(values[row]), 10) }
}

func unsigned[T uint8 | uint16 | uint32 | uint64](values []T) column {
	return func(dst []byte, f form, row int) []byte { return strconv.AppendUint(dst, uint64(values[row]), 10) }
}

func valueOf(a arrow.Array) column {
	switch a := a.(type) {
	case *array.Int8:
		return integer(a.Int8Values())
	case *array.Int16:
		return integer(a.Int16Values())
	case *array.Int32:
		return integer(a.Int32Values())
	case *array.Int64:
		return integer(a.Int64Values())
	case *array.Uint8:
		return unsigned(a.Uint8Values())
	case *array.Uint16:
		return unsigned(a.Uint16Values())
	case *array.Uint32:
		return unsigned(a.Uint32Values())
	case *array.Uint64:
		return unsigned(a.Uint64Values())
	case *array.Float64:
		return func(dst []byte, f form, row int) []byte { return appendFloat(dst, f, a.Value(row), 64) }
	case *array.Float32:
		return func(dst []byte, f form, row int) []byte { return appendFloat(dst, f, float64(a.Value(row)), 32) }
	case *array.Boolean:
		return func(dst []byte, f form, row int) []byte { return strconv.AppendBool(dst, a.Value(row)) }
	case *array.String:
		return func(dst []byte, f form, row int) []byte { return f.text(dst, a.Value(row)) }
	case *array.LargeString:
		return func(dst []byte, f form, row int) []byte { return f.text(dst, a.Value(row)) }
	case *array.StringView:
		return func(dst []byte, f form, row int) []byte { return f.text(dst, a.Value(row)) }
	case *array.Binary:
		return func(dst []byte, f form, row int) []byte { return f.text(dst, "0x"+hex.EncodeToString(a.Value(row))) }
	case *array.LargeBinary:
		return func(dst []byte, f form, row int) []byte { return f.text(dst, "0x"+hex.EncodeToString(a.Value(row))) }
	case *array.FixedSizeBinary:
		return func(dst []byte, f form, row int) []byte { return f.text(dst, "0x"+hex.EncodeToString(a.Value(row))) }
	case *array.Date32:
		return func(dst []byte, f form, row int) []byte { return f.time(dst, a.Value(row).ToTime(), layoutDate) }
	case *array.Timestamp:
		typ := a.DataType().(*arrow.TimestampType)
		layout := layoutTimestamp
		if typ.TimeZone != "" {
			layout = layoutZoned
		}
		return func(dst []byte, f form, row int) []byte { return f.time(dst, a.Value(row).ToTime(typ.Unit), layout) }
	case *array.Time64:
		unit := a.DataType().(*arrow.Time64Type).Unit
		return func(dst []byte, f form, row int) []byte { return f.time(dst, a.Value(row).ToTime(unit), layoutTime) }
	case *array.Decimal128:
		scale := a.DataType().(*arrow.Decimal128Type).Scale
		return func(dst []byte, f form, row int) []byte { return f.bare(dst, a.Value(row).ToString(scale)) }
	case *array.Dictionary:
		inner := valueOf(a.Dictionary())
		return func(dst []byte, f form, row int) []byte { return inner(dst, f, a.GetValueIndex(row)) }
	case *array.Null:
		return func(dst []byte, f form, row int) []byte { return f.null(dst) }
	case *array.List, *array.LargeList, *array.FixedSizeList, *array.Struct, *array.Map:
		return func(dst []byte, f form, row int) []byte { return f.nested(dst, nestedJSON(a, row)) }
	}
	return func(dst []byte, f form, row int) []byte { return f.text(dst, a.ValueStr(row)) }
}

// nestedJSON writes a value of a list, map or struct as JSON, its leaves as everywhere else.
func nestedJSON(a arrow.Array, row int) string {
	return string(appendNested(nil, a, row))
}

func appendNested(dst []byte, a arrow.Array, row int) []byte {
	if a.IsNull(row) {
		return append(dst, "null"...)
	}
	switch a := a.(type) {
	case *array.Struct:
		dst = append(dst, '{')
		for i, f := range a.DataType().(*arrow.StructType).Fields() {
			dst = jsonForm{}.field(dst, i, f.Name)
			dst = appendNested(dst, a.Field(i), row)
		}
		return append(dst, '}')
	case *array.Map:
		start, end := a.ValueOffsets(row)
		dst = append(dst, '{')
		for i := start; i < end; i++ {
			if i > start {
				dst = append(dst, ',')
			}
			dst = jsonForm{}.text(dst, a.Keys().ValueStr(int(i)))
			dst = append(dst, ':')
			dst = appendNested(dst, a.Items(), int(i))
		}
		return append(dst, '}')
	case array.ListLike:
		start, end := a.ValueOffsets(row)
		dst = append(dst, '[')
		for i := start; i < end; i++ {
			if i > start {
				dst = append(dst, ',')
			}
			dst = appendNested(dst, a.ListValues(), int(i))
		}
		return append(dst, ']')
	}
	return valueOf(a)(dst, jsonForm{}, row)
}

func appendFloat(dst []byte, f form, v float64, bits int) []byte {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return f.text(dst, map[bool]string{true: "NaN"}[math.IsNaN(v)]+map[bool]string{true: "Infinity"}[math.IsInf(v, 1)]+map[bool]string{true: "-Infinity"}[math.IsInf(v, -1)])
	}
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		return strconv.AppendFloat(dst, v, 'e', -1, bits)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, bits)
}

type jsonForm struct{}

func (jsonForm) header(dst []byte, _ []string) []byte { return dst }
func (jsonForm) open(dst []byte) []byte               { return append(dst, '{') }
func (jsonForm) null(dst []byte) []byte               { return append(dst, "null"...) }
func (jsonForm) bare(dst []byte, s string) []byte     { return append(dst, s...) }
func (jsonForm) nested(dst []byte, json string) []byte {
	return append(dst, json...)
}
func (jsonForm) end(dst []byte) []byte { return append(dst, '}', '\n') }
func (f jsonForm) field(dst []byte, i int, name string) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	return append(f.text(dst, name), ':')
}

func (jsonForm) time(dst []byte, t time.Time, layout timeLayout) []byte {
	dst = append(dst, '"')
	switch layout {
	case layoutDate:
		dst = t.AppendFormat(dst, "2006-01-02")
	case layoutTime:
		dst = t.AppendFormat(dst, "15:04:05.999999")
	default:
		dst = t.UTC().AppendFormat(dst, "2006-01-02T15:04:05.999999Z")
	}
	return append(dst, '"')
}

const hexDigits = "0123456789abcdef"

func (jsonForm) text(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[start:i]...), "\ufffd"...)
				i++
				start = i
				continue
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

type csvForm struct{}

func (f csvForm) header(dst []byte, names []string) []byte {
	for i, n := range names {
		dst = f.text(f.field(dst, i, n), n)
	}
	return f.end(dst)
}
func (csvForm) open(dst []byte) []byte           { return dst }
func (csvForm) null(dst []byte) []byte           { return dst }
func (csvForm) bare(dst []byte, s string) []byte { return append(dst, s...) }
func (f csvForm) nested(dst []byte, json string) []byte {
	return f.text(dst, json)
}
func (csvForm) end(dst []byte) []byte { return append(dst, '\n') }
func (csvForm) field(dst []byte, i int, _ string) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	return dst
}

func (csvForm) time(dst []byte, t time.Time, layout timeLayout) []byte {
	switch layout {
	case layoutDate:
		return t.AppendFormat(dst, "2006-01-02")
	case layoutTime:
		return t.AppendFormat(dst, "15:04:05.999999")
	case layoutZoned:
		return t.UTC().AppendFormat(dst, "2006-01-02 15:04:05.999999Z")
	}
	return t.UTC().AppendFormat(dst, "2006-01-02 15:04:05.999999")
}

func (csvForm) text(dst []byte, s string) []byte {
	needs := s == ""
	for i := 0; i < len(s) && !needs; i++ {
		switch s[i] {
		case '"', ',', '\n', '\r':
			needs = true
		}
	}
	if !needs {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	for i := range len(s) {
		if s[i] == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}
