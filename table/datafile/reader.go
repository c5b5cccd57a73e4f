package datafile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// ReadOptions narrows what a Reader yields.
type ReadOptions struct {
	// Batch is the number of rows of a batch; 0 means 8192.
	Batch int
	// Only keeps the rows whose column has one of the values; the other columns are not even copied for the rest. The column
	// need not be part of the projection.
	Only *In
	// Range, when set, keeps the row groups whose statistics of the column can hold values in the range.
	Range *Range
}

// In is a condition on a text column.
type In struct {
	Column string
	Values []string
}

// Range is a condition on a long column, both ends included; rows outside may still appear.
type Range struct {
	Column   string
	Min, Max int64
}

// Reader yields the rows of one Parquet file as batches, reading only the columns of its schema. It is not safe for concurrent use.
type Reader struct {
	file    *parquet.File
	schema  *Schema
	opts    ReadOptions
	source  []int // Parquet column of each field, -1 when the file has none
	onlyCol int
	set     [][]byte
	group   int
	cols    []*columnReader
	only    *columnReader
	left    int64
	batch   *Batch
	mask    []bool
}

// OpenReader reads the footer of a Parquet file. Columns are found by Iceberg field id, by name in files without ids; a
// column that the file does not have reads as null.
func OpenReader(r io.ReaderAt, size int64, schema *Schema, opts ReadOptions) (*Reader, error) {
	f, err := parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("open Parquet file: %w", err)
	}
	if opts.Batch <= 0 {
		opts.Batch = 8192
	}
	rd := &Reader{file: f, schema: schema, opts: opts, onlyCol: -1, batch: NewBatch(schema)}
	leaves := f.Root().Columns()
	// By field id first; by name where the table's or the file's column has no id.
	find := func(id int, name string) (int, error) {
		for _, by := range []bool{true, false} {
			for _, c := range leaves {
				if by && id > 0 && c.ID() == id || !by && (id <= 0 || c.ID() <= 0) && c.Name() == name {
					if !c.Leaf() || c.Repeated() {
						return 0, fmt.Errorf("column %s of the file is nested; only flat columns can be read", name)
					}
					return int(c.Index()), nil
				}
			}
		}
		return -1, nil
	}
	for _, fd := range schema.Fields {
		at, err := find(fd.ID, fd.Name)
		if err != nil {
			return nil, err
		}
		rd.source = append(rd.source, at)
	}
	if opts.Only != nil {
		for _, c := range leaves {
			if c.Name() == opts.Only.Column {
				rd.onlyCol = int(c.Index())
			}
		}
		if rd.onlyCol < 0 {
			return nil, fmt.Errorf("column %q of the condition is not in the file", opts.Only.Column)
		}
		for _, v := range opts.Only.Values {
			rd.set = append(rd.set, []byte(v))
		}
	}
	return rd, nil
}

// SchemaOf gives a schema for a Parquet file that Lode did not write (by name, ids from 1), flat columns only.
func SchemaOf(r io.ReaderAt, size int64) (*Schema, error) {
	f, err := parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("open Parquet file: %w", err)
	}
	s := &Schema{}
	for i, c := range f.Root().Columns() {
		if !c.Leaf() || c.Repeated() {
			continue
		}
		fd := Field{ID: i + 1, Name: c.Name(), Required: c.Required()}
		logical := ""
		if lt := c.Type().LogicalType(); lt != nil && lt.Value != nil {
			switch lt.Value.(type) {
			case *format.DateType:
				logical = "date"
			case *format.TimestampType:
				logical = "timestamp"
			case *format.StringType:
				logical = "string"
			}
		}
		switch c.Type().Kind() {
		case parquet.Boolean:
			fd.Type = Boolean
		case parquet.Int32:
			fd.Type = Int
			if logical == "date" {
				fd.Type = Date
			}
		case parquet.Int64:
			fd.Type = Long
			if logical == "timestamp" {
				fd.Type = Timestamp
			}
		case parquet.Double:
			fd.Type = Double
		case parquet.ByteArray:
			fd.Type = Binary
			if logical == "string" {
				fd.Type = String
			}
		default:
			continue
		}
		s.Fields = append(s.Fields, fd)
	}
	return s, nil
}

// Rows is the number of rows of the file.
func (r *Reader) Rows() int64 { return r.file.NumRows() }

// Next gives the next rows; io.EOF when there are no more. The batch is reused by the next call.
func (r *Reader) Next() (*Batch, error) {
	for {
		if r.left == 0 {
			if err := r.nextGroup(); err != nil {
				return nil, err
			}
			continue
		}
		n := int(min(r.left, int64(r.opts.Batch)))
		r.left -= int64(n)
		r.batch.Reset()
		mask, keep, err := r.selectRows(n)
		if err != nil {
			return nil, err
		}
		for i, c := range r.cols {
			dst := &r.batch.Columns[i]
			switch {
			case c == nil:
				for range keep {
					dst.AppendNull()
				}
			case keep == 0:
				err = c.skip(n)
			default:
				err = c.read(dst, n, mask)
			}
			if err != nil {
				return nil, fmt.Errorf("read column %s: %w", r.schema.Fields[i].Name, err)
			}
		}
		if keep > 0 {
			return r.batch, nil
		}
	}
}

// selectRows evaluates the condition on the next n rows. A nil mask keeps all.
func (r *Reader) selectRows(n int) ([]bool, int, error) {
	if r.only == nil {
		return nil, n, nil
	}
	if cap(r.mask) < n {
		r.mask = make([]bool, r.opts.Batch)
	}
	mask := r.mask[:n]
	keep, err := r.only.match(mask, r.set)
	if err != nil {
		return nil, 0, fmt.Errorf("read column %s: %w", r.opts.Only.Column, err)
	}
	if keep == n {
		return nil, n, nil
	}
	return mask, keep, nil
}

func (r *Reader) nextGroup() error {
	r.closeGroup()
	groups := r.file.RowGroups()
	for ; r.group < len(groups); r.group++ {
		if r.opts.Range == nil || r.mayHold(r.group) {
			break
		}
	}
	if r.group >= len(groups) {
		return io.EOF
	}
	g := groups[r.group]
	r.group++
	chunks := g.ColumnChunks()
	r.cols = r.cols[:0]
	for _, at := range r.source {
		if at < 0 {
			r.cols = append(r.cols, nil)
			continue
		}
		r.cols = append(r.cols, &columnReader{pages: chunks[at].Pages()})
	}
	if r.onlyCol >= 0 {
		r.only = &columnReader{pages: chunks[r.onlyCol].Pages()}
	}
	r.left = g.NumRows()
	return nil
}

func (r *Reader) mayHold(group int) bool {
	for n, c := range r.file.Root().Columns() {
		if c.Name() != r.opts.Range.Column {
			continue
		}
		st := r.file.Metadata().RowGroups[group].Columns[n].MetaData.Statistics
		if len(st.MinValue) != 8 || len(st.MaxValue) != 8 {
			return true
		}
		return intLE(st.MinValue) <= r.opts.Range.Max && intLE(st.MaxValue) >= r.opts.Range.Min
	}
	return true
}

func (r *Reader) closeGroup() {
	for _, c := range r.cols {
		if c != nil {
			c.close()
		}
	}
	r.cols = r.cols[:0]
	if r.only != nil {
		r.only.close()
		r.only = nil
	}
}

// Close frees the pages that are held.
func (r *Reader) Close() error {
	r.closeGroup()
	r.left, r.group = 0, len(r.file.RowGroups())
	return nil
}

var errShort = errors.New("column chunk ends before its row group")

func intLE(b []byte) int64 {
	switch len(b) {
	case 1:
		return int64(b[0])
	case 4:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	case 8:
		return int64(binary.LittleEndian.Uint64(b))
	}
	return 0
}

func floatLE(b []byte) float64 {
	if len(b) != 8 {
		return 0
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}
