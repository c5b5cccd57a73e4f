package datafile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
)

// ErrRow is wrapped by every error about the bytes of an encoded row.
var ErrRow = errors.New("encoded row does not fit the table")

// AppendRow appends row i of the batch as bytes: a bitmap of nulls, then the values that are not null (zigzag varints, 8-byte
// doubles, length-prefixed bytes). The bytes hold no schema; the reader knows the table.
func AppendRow(dst []byte, b *Batch, i int) []byte {
	at := len(dst)
	for n := 0; n < len(b.Columns); n += 8 {
		dst = append(dst, 0)
	}
	for n := range b.Columns {
		c := &b.Columns[n]
		switch {
		case c.Nulls[i]:
			dst[at+n/8] |= 1 << (n % 8)
		case c.Type.isBytes():
			v := c.Bytes(i)
			dst = binary.AppendUvarint(dst, uint64(len(v)))
			dst = append(dst, v...)
		case c.Type == Double:
			dst = binary.BigEndian.AppendUint64(dst, math.Float64bits(c.Floats[i]))
		default:
			dst = binary.AppendVarint(dst, c.Ints[i])
		}
	}
	return dst
}

// AppendEncoded adds one row that AppendRow made from a batch of the same schema. On an error the batch is unchanged.
func (b *Batch) AppendEncoded(row []byte) error {
	n := b.Len()
	if err := b.appendEncoded(row); err != nil {
		b.truncate(n)
		return err
	}
	return nil
}

func (b *Batch) appendEncoded(row []byte) error {
	bits := (len(b.Columns) + 7) / 8
	if len(row) < bits {
		return fmt.Errorf("%w: %d bytes are shorter than its map of nulls", ErrRow, len(row))
	}
	p := row[bits:]
	for n := range b.Columns {
		c := &b.Columns[n]
		switch {
		case row[n/8]&(1<<(n%8)) != 0:
			c.AppendNull()
		case c.Type.isBytes():
			size, k := binary.Uvarint(p)
			if k <= 0 || size > uint64(len(p)-k) {
				return fmt.Errorf("%w: column %s is cut off", ErrRow, b.Schema.Fields[n].Name)
			}
			c.AppendBytes(p[k : k+int(size)])
			p = p[k+int(size):]
		case c.Type == Double:
			if len(p) < 8 {
				return fmt.Errorf("%w: column %s is cut off", ErrRow, b.Schema.Fields[n].Name)
			}
			c.AppendFloat(math.Float64frombits(binary.BigEndian.Uint64(p)))
			p = p[8:]
		default:
			v, k := binary.Varint(p)
			if k <= 0 {
				return fmt.Errorf("%w: column %s is cut off", ErrRow, b.Schema.Fields[n].Name)
			}
			c.AppendInt(v)
			p = p[k:]
		}
	}
	if len(p) != 0 {
		return fmt.Errorf("%w: %d bytes too many", ErrRow, len(p))
	}
	return nil
}

// truncate keeps the first n rows.
func (b *Batch) truncate(n int) {
	for i := range b.Columns {
		c := &b.Columns[i]
		if c.Len() <= n {
			continue
		}
		c.Nulls = c.Nulls[:n]
		switch {
		case c.Type.isBytes():
			c.Offsets = c.Offsets[:n+1]
			c.Data = c.Data[:c.Offsets[n]]
		case c.Type == Double:
			c.Floats = c.Floats[:n]
		default:
			c.Ints = c.Ints[:n]
		}
	}
	b.cursor = 0
}

// AppendFrom copies row i of another batch of the same schema.
func (b *Batch) AppendFrom(src *Batch, i int) {
	for n := range b.Columns {
		d, s := &b.Columns[n], &src.Columns[n]
		switch {
		case s.Nulls[i]:
			d.AppendNull()
		case s.Type.isBytes():
			d.AppendBytes(s.Bytes(i))
		case s.Type == Double:
			d.AppendFloat(s.Floats[i])
		default:
			d.AppendInt(s.Ints[i])
		}
	}
}

// compare orders rows i of a and j of b by one column, nulls first.
func compareColumn(a *Column, i int, b *Column, j int) int {
	switch {
	case a.Nulls[i] || b.Nulls[j]:
		if a.Nulls[i] == b.Nulls[j] {
			return 0
		}
		if a.Nulls[i] {
			return -1
		}
		return 1
	case a.Type == Decimal38:
		ah, al := a.Decimal(i)
		bh, bl := b.Decimal(j)
		if ah != bh {
			return less(ah < bh)
		}
		if al != bl {
			return less(al < bl)
		}
		return 0
	case a.Type.isBytes():
		return bytes.Compare(a.Bytes(i), b.Bytes(j))
	case a.Type == Double:
		if a.Floats[i] == b.Floats[j] {
			return 0
		}
		return less(a.Floats[i] < b.Floats[j])
	}
	if a.Ints[i] == b.Ints[j] {
		return 0
	}
	return less(a.Ints[i] < b.Ints[j])
}

func less(is bool) int {
	if is {
		return -1
	}
	return 1
}

func formatInt128(hi int64, lo uint64) string {
	v := new(big.Int).Lsh(big.NewInt(hi), 64)
	return v.Add(v, new(big.Int).SetUint64(lo)).String()
}
