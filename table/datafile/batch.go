package datafile

import (
	"encoding/binary"
	"math"
	"strconv"
	"time"
)

// Column holds the values of one field of a Batch. Which of the slices is used depends on the type: Ints for long, int, timestamp, date
// and boolean (0 or 1), Floats for double, Data with Offsets for string, binary, fixed and decimal. A null has a place in every slice.
type Column struct {
	Type    Type
	Nulls   []bool // one a row
	Ints    []int64
	Floats  []float64
	Offsets []uint32 // one more than rows: value i is Data[Offsets[i]:Offsets[i+1]]
	Data    []byte
}

func (c *Column) reset() {
	c.Nulls, c.Ints, c.Floats, c.Data = c.Nulls[:0], c.Ints[:0], c.Floats[:0], c.Data[:0]
	if c.Type.isBytes() {
		c.Offsets = append(c.Offsets[:0], 0)
	}
}

// Len is the number of values.
func (c *Column) Len() int { return len(c.Nulls) }

// IsNull tells whether value i is null.
func (c *Column) IsNull(i int) bool { return c.Nulls[i] }

// Bytes gives value i of a string, binary, fixed or decimal column; valid until the batch changes.
func (c *Column) Bytes(i int) []byte { return c.Data[c.Offsets[i]:c.Offsets[i+1]] }

// Text gives value i of a string column, "" for null.
func (c *Column) Text(i int) string { return string(c.Bytes(i)) }

// Int gives value i of an integer, time or boolean column.
func (c *Column) Int(i int) int64 { return c.Ints[i] }

// Bool gives value i of a boolean column.
func (c *Column) Bool(i int) bool { return c.Ints[i] != 0 }

// Float gives value i of a double column.
func (c *Column) Float(i int) float64 { return c.Floats[i] }

// AppendNull adds a null.
func (c *Column) AppendNull() {
	c.Nulls = append(c.Nulls, true)
	switch {
	case c.Type.isBytes():
		c.Offsets = append(c.Offsets, uint32(len(c.Data)))
	case c.Type == Double:
		c.Floats = append(c.Floats, 0)
	default:
		c.Ints = append(c.Ints, 0)
	}
}

// AppendBytes adds a value to a string, binary, fixed or decimal column.
func (c *Column) AppendBytes(v []byte) {
	c.Data = append(c.Data, v...)
	c.endBytes()
}

// AppendString adds a value to a string column.
func (c *Column) AppendString(v string) {
	c.Data = append(c.Data, v...)
	c.endBytes()
}

// EndBytes closes a value whose bytes were appended to Data: the way to build a value in place.
func (c *Column) EndBytes() { c.endBytes() }

func (c *Column) endBytes() {
	c.Nulls = append(c.Nulls, false)
	c.Offsets = append(c.Offsets, uint32(len(c.Data)))
}

const hexDigits = "0123456789abcdef"

// AppendHex adds bytes as `0x` + lower-case hex to a string column, the form of addresses, hashes and calldata in every table.
func (c *Column) AppendHex(v []byte) {
	c.Data = append(c.Data, '0', 'x')
	for _, b := range v {
		c.Data = append(c.Data, hexDigits[b>>4], hexDigits[b&15])
	}
	c.endBytes()
}

// AppendInt adds a value to an integer, timestamp or date column.
func (c *Column) AppendInt(v int64) {
	c.Nulls = append(c.Nulls, false)
	c.Ints = append(c.Ints, v)
}

// AppendBool adds a value to a boolean column.
func (c *Column) AppendBool(v bool) {
	n := int64(0)
	if v {
		n = 1
	}
	c.AppendInt(n)
}

// AppendFloat adds a value to a double column.
func (c *Column) AppendFloat(v float64) {
	c.Nulls = append(c.Nulls, false)
	c.Floats = append(c.Floats, v)
}

// AppendDecimal adds a whole number to a decimal column.
func (c *Column) AppendDecimal(hi int64, lo uint64) {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(hi))
	binary.BigEndian.PutUint64(b[8:], lo)
	c.AppendBytes(b[:])
}

// Decimal gives value i of a decimal column as a 128-bit two's complement number.
func (c *Column) Decimal(i int) (hi int64, lo uint64) {
	b := c.Bytes(i)
	if len(b) != 16 {
		return 0, 0
	}
	return int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint64(b[8:])
}

// Batch is a set of rows of one schema, column by column. It is not safe for concurrent use.
type Batch struct {
	Schema  *Schema
	Columns []Column
	cursor  int
}

// NewBatch makes an empty batch.
func NewBatch(s *Schema) *Batch {
	b := &Batch{Schema: s, Columns: make([]Column, len(s.Fields))}
	for i := range b.Columns {
		b.Columns[i].Type = s.Fields[i].Type
	}
	b.Reset()
	return b
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.cursor = 0
	for i := range b.Columns {
		b.Columns[i].reset()
	}
}

// Len is the number of whole rows.
func (b *Batch) Len() int {
	if len(b.Columns) == 0 {
		return 0
	}
	return b.Columns[len(b.Columns)-1].Len()
}

// Size is about the memory of the values in bytes.
func (b *Batch) Size() int {
	n := 0
	for i := range b.Columns {
		c := &b.Columns[i]
		n += len(c.Nulls) + 8*len(c.Ints) + 8*len(c.Floats) + 4*len(c.Offsets) + len(c.Data)
	}
	return n
}

// The methods below fill a row from left to right: each one sets the next column. Giving a column a value of another kind than its
// type, or leaving a row half filled, is a mistake of the program and shows as a panic or an error of Writer.Write.

func (b *Batch) next() *Column {
	c := &b.Columns[b.cursor]
	if b.cursor++; b.cursor == len(b.Columns) {
		b.cursor = 0
	}
	return c
}

// Skip passes over columns that were set directly.
func (b *Batch) Skip(columns int) *Batch {
	b.cursor = (b.cursor + columns) % len(b.Columns)
	return b
}

// Null sets the next column to null.
func (b *Batch) Null() *Batch { b.next().AppendNull(); return b }

// Str sets the next column to a text.
func (b *Batch) Str(v string) *Batch { b.next().AppendString(v); return b }

// StrOrNull sets the next column to a text, null when it is empty.
func (b *Batch) StrOrNull(v string) *Batch {
	if v == "" {
		return b.Null()
	}
	return b.Str(v)
}

// Raw sets the next column to bytes as they are.
func (b *Batch) Raw(v []byte) *Batch { b.next().AppendBytes(v); return b }

// Hex sets the next column to 0x + hex.
func (b *Batch) Hex(v []byte) *Batch { b.next().AppendHex(v); return b }

// Long sets the next column (long, int, timestamp, date).
func (b *Batch) Long(v int64) *Batch { b.next().AppendInt(v); return b }

// Bool sets the next column.
func (b *Batch) Bool(v bool) *Batch { b.next().AppendBool(v); return b }

// Float sets the next column.
func (b *Batch) Float(v float64) *Batch { b.next().AppendFloat(v); return b }

// FloatOrNull sets the next column, null when ok is false or the value is not a number.
func (b *Batch) FloatOrNull(v float64, ok bool) *Batch {
	if !ok || math.IsNaN(v) || math.IsInf(v, 0) {
		return b.Null()
	}
	return b.Float(v)
}

// Decimal sets the next decimal column to a non-negative number.
func (b *Batch) Decimal(v uint64) *Batch { b.next().AppendDecimal(0, v); return b }

// Decimal128 sets the next decimal column.
func (b *Batch) Decimal128(hi int64, lo uint64) *Batch { b.next().AppendDecimal(hi, lo); return b }

// Time sets the next timestamp column from seconds since 1970.
func (b *Batch) Time(unixSeconds int64) *Batch { b.next().AppendInt(unixSeconds * 1e6); return b }

// DayOf is the day number (date value) of a time in seconds since 1970.
func DayOf(unixSeconds int64) int64 {
	d := unixSeconds / 86400
	if unixSeconds%86400 < 0 {
		d--
	}
	return d
}

// MonthOf is the day number of the first day of the month of a time in seconds since 1970.
func MonthOf(unixSeconds int64) int64 {
	t := time.Unix(unixSeconds, 0).UTC()
	return DayOf(time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC).Unix())
}

// FormatDate gives a date value as 2006-01-02.
func FormatDate(day int64) string { return time.Unix(day*86400, 0).UTC().Format("2006-01-02") }

// FormatValue gives value i of a column as text for people and partition paths; "null" for null.
func (c *Column) FormatValue(i int) string {
	switch {
	case c.Nulls[i]:
		return "null"
	case c.Type == Date:
		return FormatDate(c.Ints[i])
	case c.Type == Timestamp:
		return time.UnixMicro(c.Ints[i]).UTC().Format("2006-01-02 15:04:05.999999")
	case c.Type == Boolean:
		return strconv.FormatBool(c.Ints[i] != 0)
	case c.Type == Double:
		return strconv.FormatFloat(c.Floats[i], 'g', -1, 64)
	case c.Type.isInt():
		return strconv.FormatInt(c.Ints[i], 10)
	case c.Type == Decimal38:
		return formatInt128(c.Decimal(i))
	}
	return string(c.Bytes(i))
}
