package datafile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// CreateFile opens a new file for a task. The relative path ("data/blockchain=ethereum/block_month=2022-01-01/part-….parquet") is
// below the table's directory; the answer is the path that the Descriptor shall hold. A writer that also has Abort() error is told when
// the file is not wanted.
type CreateFile func(ctx context.Context, relative string) (io.WriteCloser, string, error)

// TableWriter routes the rows of one task to one file for each partition. Rows wait in memory until a row group is full, are sorted by
// the table's order, and go to the file. It is not safe for concurrent use.
//
// Memory: about one row group for each partition that has rows, limited by Limit: above it the largest ones are written out.
type TableWriter struct {
	table     *Table
	create    CreateFile
	name      string
	partition []int
	sort      []int
	open      map[string]*part
	order     []*part
	key       []byte
	buffered  int
	closed    []Descriptor

	// Limit is the number of buffered bytes above which full batches are written early; 0 means 192 MiB.
	Limit int
	// FileRows is the number of rows after which a partition's file is closed and another one begun; 0 means 4 million.
	FileRows int64
}

type part struct {
	batch  *Batch
	values []PartitionValue
	dir    string
	files  int
	out    io.WriteCloser
	w      *Writer
	size   int
}

// NewTableWriter makes a writer whose files are called part-<name>-<n>.parquet; name must be unique to the task attempt.
func NewTableWriter(table *Table, create CreateFile, name string) *TableWriter {
	return &TableWriter{table: table, create: create, name: name, partition: table.PartitionColumns(), sort: table.SortColumns(), open: map[string]*part{}}
}

// Write takes the rows of a batch; the batch may be reused when it returns.
func (t *TableWriter) Write(ctx context.Context, b *Batch) error {
	if len(b.Columns) != len(t.table.Schema.Fields) {
		return fmt.Errorf("write table %s: batch has %d columns, the table has %d", t.table.Name, len(b.Columns), len(t.table.Schema.Fields))
	}
	for i := range b.Columns {
		if b.Columns[i].Len() != b.Len() {
			return fmt.Errorf("write table %s: row %d is half filled (column %s)", t.table.Name, b.Len(), b.Schema.Fields[i].Name)
		}
	}
	for i := range b.Len() {
		p := t.route(b, i)
		before := p.size
		p.batch.AppendFrom(b, i)
		p.size += rowSize(b, i)
		t.buffered += p.size - before
		if err := t.afterRow(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// WriteEncoded takes one row that AppendRow made.
func (t *TableWriter) WriteEncoded(ctx context.Context, row []byte) error {
	b := NewBatch(&t.table.Schema)
	if err := b.AppendEncoded(row); err != nil {
		return fmt.Errorf("write table %s: %w", t.table.Name, err)
	}
	return t.Write(ctx, b)
}

func rowSize(b *Batch, i int) int {
	n := 0
	for c := range b.Columns {
		if n += 16; b.Columns[c].Type.isBytes() {
			n += len(b.Columns[c].Bytes(i))
		}
	}
	return n
}

func (t *TableWriter) rowGroup() int {
	if t.table.RowGroup > 0 {
		return t.table.RowGroup
	}
	return DefaultRowGroup
}

func (t *TableWriter) afterRow(ctx context.Context, p *part) error {
	if p.batch.Len() >= t.rowGroup() {
		return t.flush(ctx, p)
	}
	limit := t.Limit
	if limit == 0 {
		limit = 192 << 20
	}
	for t.buffered > limit {
		big := slices.MaxFunc(t.order, func(a, b *part) int { return a.size - b.size })
		if err := t.flush(ctx, big); err != nil {
			return err
		}
	}
	return nil
}

// route finds the partition of row i.
func (t *TableWriter) route(b *Batch, i int) *part {
	t.key = t.key[:0]
	for _, c := range t.partition {
		col := &b.Columns[c]
		if col.Nulls[i] {
			t.key = append(t.key, 0, 0)
			continue
		}
		t.key = append(append(t.key, 0, 1), col.partitionKey(i)...)
	}
	if p := t.open[string(t.key)]; p != nil {
		return p
	}
	p := &part{batch: NewBatch(&t.table.Schema)}
	var dir strings.Builder
	dir.WriteString("data")
	for n, c := range t.partition {
		pf, f, col := t.table.Partition.Fields[n], t.table.Schema.Fields[c], &b.Columns[c]
		pv := PartitionValue{Name: pf.Name, FieldID: pf.FieldID, Type: f.Type}
		switch {
		case col.Nulls[i]:
		case f.Type == Long || f.Type == Int:
			pv.Value = col.Ints[i]
		case f.Type == Boolean:
			pv.Value = col.Ints[i] != 0
		default:
			pv.Value = col.FormatValue(i)
		}
		p.values = append(p.values, pv)
		fmt.Fprintf(&dir, "/%s=%s", pf.Name, safeName(col.FormatValue(i)))
	}
	p.dir = dir.String()
	t.open[string(t.key)] = p
	t.order = append(t.order, p)
	return p
}

func (c *Column) partitionKey(i int) []byte {
	if c.Type.isBytes() {
		return c.Bytes(i)
	}
	return []byte(c.FormatValue(i))
}

// safeName keeps a partition value usable as a directory name.
func safeName(v string) string {
	return strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r == ':' || r == '%' || r == '?' || r == '#' || r < 0x20 || r == 0x7f {
			return '_'
		}
		return r
	}, v)
}

// flush sorts what a partition has buffered and writes it as a row group.
func (t *TableWriter) flush(ctx context.Context, p *part) error {
	if p.batch.Len() == 0 {
		return nil
	}
	if p.w == nil {
		out, path, err := t.create(ctx, fmt.Sprintf("%s/part-%s-%d.parquet", p.dir, t.name, p.files))
		if err != nil {
			return fmt.Errorf("write table %s: create file: %w", t.table.Name, err)
		}
		p.files++
		w, err := NewWriter(out, t.table, path)
		if err != nil {
			return errors.Join(err, discard(out))
		}
		p.out, p.w = out, w
	}
	b := p.batch
	if len(t.sort) > 0 && !t.isSorted(b) {
		b = t.sorted(b)
	}
	if err := p.w.Write(b); err != nil {
		return err
	}
	if p.w.inRG > 0 {
		if err := p.w.flush(); err != nil {
			return err
		}
	}
	p.batch.Reset()
	t.buffered -= p.size
	p.size = 0
	limit := t.FileRows
	if limit == 0 {
		limit = 4_000_000
	}
	if p.w.rows >= limit {
		return t.finish(p)
	}
	return nil
}

func (t *TableWriter) isSorted(b *Batch) bool {
	for i := 1; i < b.Len(); i++ {
		if t.compare(b, i-1, i) > 0 {
			return false
		}
	}
	return true
}

func (t *TableWriter) compare(b *Batch, i, j int) int {
	for _, n := range t.sort {
		if c := compareColumn(&b.Columns[n], i, &b.Columns[n], j); c != 0 {
			return c
		}
	}
	return 0
}

func (t *TableWriter) sorted(b *Batch) *Batch {
	index := make([]int, b.Len())
	for i := range index {
		index[i] = i
	}
	slices.SortStableFunc(index, func(i, j int) int { return t.compare(b, i, j) })
	out := NewBatch(b.Schema)
	for _, i := range index {
		out.AppendFrom(b, i)
	}
	return out
}

func (t *TableWriter) finish(p *part) error {
	if p.w == nil {
		return nil
	}
	d, err := p.w.Close()
	if err != nil {
		return err
	}
	if err := p.out.Close(); err != nil {
		return fmt.Errorf("close %s: %w", d.Path, err)
	}
	d.Partition = p.values
	t.closed = append(t.closed, d)
	p.w, p.out = nil, nil
	return nil
}

// Close writes what is buffered, closes every file and describes them.
func (t *TableWriter) Close(ctx context.Context) ([]Descriptor, error) {
	for _, p := range t.order {
		if err := t.flush(ctx, p); err != nil {
			return nil, errors.Join(err, t.Abort())
		}
		if err := t.finish(p); err != nil {
			return nil, errors.Join(err, t.Abort())
		}
	}
	return t.closed, nil
}

// Abort gives up the files that are open. Files that were finished stay; nothing names them.
func (t *TableWriter) Abort() error {
	var errs []error
	for _, p := range t.order {
		if p.out != nil {
			errs = append(errs, discard(p.out))
			p.out, p.w = nil, nil
		}
	}
	return errors.Join(errs...)
}

func discard(out io.WriteCloser) error {
	if a, ok := out.(interface{ Abort() error }); ok {
		return a.Abort()
	}
	return out.Close()
}
