package datafile

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
)

// columnReader walks the pages of one column chunk. Values are copied from the decoded page into a Column without passing through
// parquet.Value; a dictionary page is read through its indexes.
type columnReader struct {
	pages parquet.Pages
	page  parquet.Page
	at    int // next row in page
	dense int // next value among those that are not null
	rows  int
	defs  []byte // empty when no value can be null

	kind    encoding.Kind
	ints64  []int64
	ints32  []int32
	floats  []float64
	bools   []byte
	data    []byte
	offsets []uint32
	width   int
	index   []int32 // into the dictionary, nil without one
	hits    []int8  // of the dictionary entries: 0 not asked yet, 1 in the set, -1 not
	hitDict parquet.Dictionary
}

func (c *columnReader) close() {
	c.release()
	if c.pages != nil {
		c.pages.Close()
		c.pages = nil
	}
}

func (c *columnReader) release() {
	if c.page != nil {
		parquet.Release(c.page)
		c.page = nil
	}
}

// fill makes sure that the current page has rows left.
func (c *columnReader) fill() error {
	for c.page == nil || c.at >= c.rows {
		c.release()
		p, err := c.pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return errShort
		}
		if err != nil {
			return err
		}
		if err := c.open(p); err != nil {
			return err
		}
	}
	return nil
}

func (c *columnReader) open(p parquet.Page) error {
	c.page, c.at, c.dense, c.rows = p, 0, 0, int(p.NumRows())
	c.defs = p.DefinitionLevels()
	if p.NumNulls() == 0 {
		c.defs = nil
	}
	c.index = nil
	values := p.Data()
	if d := p.Dictionary(); d != nil {
		c.index = values.Int32()
		values = d.Page().Data()
		if d != c.hitDict {
			c.hitDict, c.hits = d, nil
		}
	}
	c.kind = values.Kind()
	switch c.kind {
	case encoding.Int64:
		c.ints64 = values.Int64()
	case encoding.Int32:
		c.ints32 = values.Int32()
	case encoding.Double:
		c.floats = values.Double()
	case encoding.Boolean:
		c.bools = values.Boolean()
	case encoding.ByteArray:
		c.data, c.offsets = values.ByteArray()
	case encoding.FixedLenByteArray:
		c.data, c.width = values.FixedLenByteArray()
	default:
		return fmt.Errorf("values of kind %s are not supported", c.kind)
	}
	return nil
}

// null tells whether the current row is null, and moves to the next row.
func (c *columnReader) step() (value int, null bool) {
	i := c.at
	c.at++
	if c.defs != nil && c.defs[i] == 0 {
		return 0, true
	}
	v := c.dense
	c.dense++
	if c.index != nil {
		v = int(c.index[v])
	}
	return v, false
}

func (c *columnReader) bytesAt(v int) []byte {
	if c.kind == encoding.FixedLenByteArray {
		return c.data[v*c.width : (v+1)*c.width]
	}
	return c.data[c.offsets[v]:c.offsets[v+1]]
}

// read appends the next n rows, those of the mask when there is one.
func (c *columnReader) read(dst *Column, n int, mask []bool) error {
	for done := 0; done < n; {
		if err := c.fill(); err != nil {
			return err
		}
		k := min(n-done, c.rows-c.at)
		var m []bool
		if mask != nil {
			m = mask[done : done+k]
		}
		if err := c.copyRows(dst, k, m); err != nil {
			return err
		}
		done += k
	}
	return nil
}

func (c *columnReader) copyRows(dst *Column, k int, mask []bool) error {
	if dst.Type.isBytes() != (c.kind == encoding.ByteArray || c.kind == encoding.FixedLenByteArray) || (dst.Type == Double) != (c.kind == encoding.Double) {
		return fmt.Errorf("file holds %s, table says %s", c.kind, dst.Type)
	}
	if mask == nil && c.defs == nil && c.index == nil && c.kind == encoding.Int64 {
		dst.Ints = append(dst.Ints, c.ints64[c.dense:c.dense+k]...)
		dst.Nulls = append(dst.Nulls, make([]bool, k)...)
		c.at, c.dense = c.at+k, c.dense+k
		return nil
	}
	for i := range k {
		v, null := c.step()
		if mask != nil && !mask[i] {
			continue
		}
		if null {
			dst.AppendNull()
			continue
		}
		switch c.kind {
		case encoding.Int64:
			dst.AppendInt(c.ints64[v])
		case encoding.Int32:
			dst.AppendInt(int64(c.ints32[v]))
		case encoding.Double:
			dst.AppendFloat(c.floats[v])
		case encoding.Boolean:
			dst.AppendBool(c.bools[v/8]&(1<<(v%8)) != 0)
		default:
			dst.AppendBytes(c.bytesAt(v))
		}
	}
	return nil
}

// skip passes over n rows.
func (c *columnReader) skip(n int) error {
	for n > 0 {
		if err := c.fill(); err != nil {
			return err
		}
		k := min(n, c.rows-c.at)
		for range k {
			c.step()
		}
		n -= k
	}
	return nil
}

// match sets the mask of the next rows to whether the value is in the set, asking once for each dictionary entry.
func (c *columnReader) match(mask []bool, set [][]byte) (int, error) {
	keep := 0
	for i := range mask {
		if err := c.fill(); err != nil {
			return 0, err
		}
		v, null := c.step()
		mask[i] = !null && c.hit(v, set)
		if mask[i] {
			keep++
		}
	}
	return keep, nil
}

// in is a linear search: conditions have a handful of values, and most of them differ early.
func in(v []byte, set [][]byte) bool {
	for _, s := range set {
		if bytes.Equal(v, s) {
			return true
		}
	}
	return false
}

func (c *columnReader) hit(v int, set [][]byte) bool {
	if c.index == nil {
		return in(c.bytesAt(v), set)
	}
	if c.hits == nil {
		c.hits = make([]int8, len(c.offsets))
	}
	if c.hits[v] == 0 {
		c.hits[v] = -1
		if in(c.bytesAt(v), set) {
			c.hits[v] = 1
		}
	}
	return c.hits[v] > 0
}
