package format

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/lodehq/lode/mapreduce"
)

// Fixed reads records of Record bytes without ends, whose first Key bytes are the key (TeraSort's rows: 100 and 10).
type Fixed struct {
	Paths       []string
	Record, Key int
}

// Splits implements mapreduce.InputFormat.
func (t Fixed) Splits(ctx context.Context, env mapreduce.InputEnv) ([]mapreduce.Split, error) {
	files, err := Expand(ctx, env.FS, t.Paths, recursive(env.Conf))
	if err != nil {
		return nil, err
	}
	return fileSplits(ctx, env, files, func(p string) bool { return compression(p) == "" })
}

// Open implements mapreduce.InputFormat: the records that begin in the split.
func (t Fixed) Open(ctx context.Context, s mapreduce.Split, env mapreduce.InputEnv) (mapreduce.RecordReader, error) {
	f, err := env.FS.Open(ctx, s.Path)
	if err != nil {
		return nil, fmt.Errorf("open input: %w", err)
	}
	n := int64(t.Record)
	first := (s.Start + n - 1) / n
	last := (s.Start + s.Length + n - 1) / n
	if _, err := f.Seek(first*n, io.SeekStart); err != nil {
		return nil, errors.Join(fmt.Errorf("open input %s: %w", s.Path, err), f.Close())
	}
	return &fixedReader{f: f, in: bufio.NewReaderSize(f, 1<<20), rec: make([]byte, t.Record), key: t.Key, left: last - first, total: last - first, path: s.Path}, nil
}

type fixedReader struct {
	f           mapreduce.File
	in          *bufio.Reader
	rec         []byte
	key         int
	left, total int64
	path        string
}

func (r *fixedReader) Next() (key, value []byte, err error) {
	if r.left == 0 {
		return nil, nil, io.EOF
	}
	if _, err := io.ReadFull(r.in, r.rec); err != nil {
		return nil, nil, fmt.Errorf("%s is no file of %d-byte records: %w", r.path, len(r.rec), unexpected(err))
	}
	r.left--
	return r.rec[:r.key], r.rec[r.key:], nil
}

func (r *fixedReader) Progress() float64 {
	if r.total == 0 {
		return 1
	}
	return float64(r.total-r.left) / float64(r.total)
}
func (r *fixedReader) Bytes() int64 { return (r.total - r.left) * int64(len(r.rec)) }
func (r *fixedReader) Close() error { return r.f.Close() }

// Range gives numbers instead of files: Tasks splits of [0, Total). The key is the number, Int64-coded; there is no value.
type Range struct {
	Total int64
	Tasks int
}

// Splits implements mapreduce.InputFormat.
func (t Range) Splits(context.Context, mapreduce.InputEnv) ([]mapreduce.Split, error) {
	n := int64(max(t.Tasks, 1))
	var out []mapreduce.Split
	for i := range n {
		from, to := t.Total*i/n, t.Total*(i+1)/n
		out = append(out, mapreduce.Split{Start: from, Length: to - from})
	}
	return out, nil
}

// Open implements mapreduce.InputFormat.
func (t Range) Open(_ context.Context, s mapreduce.Split, _ mapreduce.InputEnv) (mapreduce.RecordReader, error) {
	return &rangeReader{at: s.Start, start: s.Start, end: s.Start + s.Length}, nil
}

type rangeReader struct {
	at, start, end int64
	key            []byte
}

func (r *rangeReader) Next() (key, value []byte, err error) {
	if r.at == r.end {
		return nil, nil, io.EOF
	}
	r.key = mapreduce.AppendInt64(r.key[:0], r.at)
	r.at++
	return r.key, nil, nil
}

func (r *rangeReader) Progress() float64 {
	if r.end == r.start {
		return 1
	}
	return float64(r.at-r.start) / float64(r.end-r.start)
}
func (r *rangeReader) Close() error { return nil }
