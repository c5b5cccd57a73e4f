package datafile

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/compress/snappy"
	"github.com/parquet-go/parquet-go/compress/uncompressed"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// Writer turns batches into one Parquet file. It is not safe for concurrent use. Memory: one row group, encoded.
type Writer struct {
	table  *Table
	path   string
	out    *countingWriter
	pq     *parquet.Writer
	rows   int64
	inRG   int
	values []parquet.Value
	sorted sortCheck
	err    error
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// dictionaryLimit is the size at which a column chunk gives up its dictionary.
const dictionaryLimit = 1 << 20

// NewWriter starts a file of the table on w. The path is only noted in the Descriptor. The caller closes w after Close.
func NewWriter(w io.Writer, table *Table, path string) (*Writer, error) {
	schema, err := parquetSchema(&table.Schema)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", table.Name, err)
	}
	iceberg, err := icebergSchemaKey(&table.Schema)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", table.Name, err)
	}
	var blooms []parquet.BloomFilterColumn
	for _, f := range table.Schema.Fields {
		if f.Bloom {
			blooms = append(blooms, parquet.SplitBlockFilter(10, f.Name))
		}
	}
	codec, err := codecOf(table)
	if err != nil {
		return nil, err
	}
	out := &countingWriter{w: w}
	pq := parquet.NewWriter(out, schema,
		parquet.Compression(codec),
		parquet.DataPageStatistics(false), // of pages the column index says the same, for readers that skip pages
		parquet.DictionaryMaxBytes(dictionaryLimit),
		parquet.CreatedBy("lode", "1", ""),
		parquet.KeyValueMetadata("iceberg.schema", iceberg),
		parquet.BloomFilters(blooms...),
	)
	return &Writer{table: table, path: path, out: out, pq: pq, sorted: newSortCheck(table)}, nil
}

// KeyCodec is Iceberg's table property for the compression of data files: zstd (default), snappy or uncompressed.
const KeyCodec = "write.parquet.compression-codec"

func codecOf(t *Table) (compress.Codec, error) {
	switch c := t.Properties[KeyCodec]; c {
	case "", "zstd":
		return &zstd.Codec{Level: zstd.SpeedFastest}, nil
	case "snappy":
		return &snappy.Codec{}, nil
	case "uncompressed":
		return &uncompressed.Codec{}, nil
	default:
		return nil, fmt.Errorf("%s: %s is %q; allowed: zstd, snappy, uncompressed", t.Name, KeyCodec, c)
	}
}

// Rows is the number of rows written so far.
func (w *Writer) Rows() int64 { return w.rows }

// Write adds the rows of a batch, in order. The batch may be reused when it returns.
func (w *Writer) Write(b *Batch) error { return w.WriteRange(b, 0, b.Len()) }

// WriteRange adds the rows from..to-1 of a batch.
func (w *Writer) WriteRange(b *Batch, from, to int) error {
	if w.err != nil {
		return w.err
	}
	for i := range b.Columns {
		if b.Columns[i].Len() != b.Len() {
			return w.fail(fmt.Errorf("write %s: row %d is half filled (column %s)", w.path, b.Len(), b.Schema.Fields[i].Name))
		}
	}
	if len(b.Columns) != len(w.table.Schema.Fields) {
		return w.fail(fmt.Errorf("write %s: batch has %d columns, table %s has %d", w.path, len(b.Columns), w.table.Name, len(w.table.Schema.Fields)))
	}
	limit := w.table.RowGroup
	if limit <= 0 {
		limit = DefaultRowGroup
	}
	w.sorted.add(b, from, to)
	for from < to {
		n := min(to-from, limit-w.inRG)
		if err := w.writeColumns(b, from, from+n); err != nil {
			return w.fail(err)
		}
		from += n
		w.rows += int64(n)
		if w.inRG += n; w.inRG >= limit {
			if err := w.flush(); err != nil {
				return w.fail(err)
			}
		}
	}
	return nil
}

func (w *Writer) flush() error {
	w.inRG = 0
	if err := w.pq.Flush(); err != nil {
		return fmt.Errorf("write %s: flush row group: %w", w.path, err)
	}
	return nil
}

func (w *Writer) fail(err error) error {
	w.err = err
	return err
}

// writeChunk is how many values are handed to a column at once.
const writeChunk = 1024

func (w *Writer) writeColumns(b *Batch, from, to int) error {
	for n, cw := range w.pq.ColumnWriters() {
		c := &b.Columns[n]
		def := 1
		if w.table.Schema.Fields[n].Required {
			def = 0
		}
		for i := from; i < to; {
			end := min(to, i+writeChunk)
			vs := w.values[:0]
			for ; i < end; i++ {
				if c.Nulls[i] {
					if def == 0 {
						return fmt.Errorf("write %s: column %s is required and row %d has null", w.path, w.table.Schema.Fields[n].Name, w.rows+int64(i-from))
					}
					vs = append(vs, parquet.Value{}.Level(0, 0, n))
					continue
				}
				vs = append(vs, columnValue(c, i).Level(0, def, n))
			}
			w.values = vs
			if _, err := cw.WriteRowValues(vs); err != nil {
				return fmt.Errorf("write %s: column %s: %w", w.path, w.table.Schema.Fields[n].Name, err)
			}
		}
	}
	return nil
}

func columnValue(c *Column, i int) parquet.Value {
	switch c.Type {
	case String, Binary:
		return parquet.ByteArrayValue(c.Bytes(i))
	case Fixed32, Decimal38:
		return parquet.FixedLenByteArrayValue(c.Bytes(i))
	case Double:
		return parquet.DoubleValue(c.Floats[i])
	case Boolean:
		return parquet.BooleanValue(c.Ints[i] != 0)
	case Int, Date:
		return parquet.Int32Value(int32(c.Ints[i]))
	}
	return parquet.Int64Value(c.Ints[i])
}

// Close ends the file and describes it. The file must not be named anywhere before.
func (w *Writer) Close() (Descriptor, error) {
	if w.err != nil {
		return Descriptor{}, w.err
	}
	if err := w.pq.Close(); err != nil {
		return Descriptor{}, w.fail(fmt.Errorf("finish %s: %w", w.path, err))
	}
	d := Descriptor{Path: w.path, Format: "parquet", RecordCount: w.rows, FileSizeBytes: w.out.n, SpecID: w.table.Partition.ID}
	if w.table.Sort.ID != 0 && w.sorted.ok() {
		d.SortOrderID = w.table.Sort.ID
	}
	describe(&d, &w.table.Schema, w.pq.File().Metadata())
	w.err = fmt.Errorf("write %s: file is closed", w.path)
	return d, nil
}

// sortCheck watches whether rows come in the table's sort order, so that only truly sorted files claim it.
type sortCheck struct {
	columns []int
	last    *Batch
	broken  bool
}

func newSortCheck(t *Table) sortCheck {
	return sortCheck{columns: t.SortColumns(), last: NewBatch(&t.Schema)}
}

func (s *sortCheck) add(b *Batch, from, to int) {
	if s.broken || len(s.columns) == 0 || from >= to {
		return
	}
	if s.last.Len() > 0 && s.compare(s.last, 0, b, from) > 0 {
		s.broken = true
		return
	}
	for i := from + 1; i < to; i++ {
		if s.compare(b, i-1, b, i) > 0 {
			s.broken = true
			return
		}
	}
	s.last.Reset()
	s.last.AppendFrom(b, to-1)
}

func (s *sortCheck) compare(a *Batch, i int, b *Batch, j int) int {
	for _, n := range s.columns {
		if c := compareColumn(&a.Columns[n], i, &b.Columns[n], j); c != 0 {
			return c
		}
	}
	return 0
}

func (s *sortCheck) ok() bool { return !s.broken }
