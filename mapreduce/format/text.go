package format

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/lodehq/lode/mapreduce"
)

// Text reads lines. The key is the line's offset (Int64-coded, or decimal text with KeyText), the value the line without its end.
// Files with a compression suffix are read whole by one task.
type Text struct {
	Paths   []string
	KeyText bool
}

// Splits implements mapreduce.InputFormat.
func (t Text) Splits(ctx context.Context, env mapreduce.InputEnv) ([]mapreduce.Split, error) {
	files, err := Expand(ctx, env.FS, t.Paths, recursive(env.Conf))
	if err != nil {
		return nil, err
	}
	return fileSplits(ctx, env, files, func(p string) bool { return compression(p) == "" })
}

// Open implements mapreduce.InputFormat.
func (t Text) Open(ctx context.Context, s mapreduce.Split, env mapreduce.InputEnv) (mapreduce.RecordReader, error) {
	return openLines(ctx, s, env, t.KeyText)
}

// textReader reads the lines of a split: those that begin in (start, end], and the one at 0. It therefore reads past its end.
type textReader struct {
	file    mapreduce.File
	decoder io.Closer
	count   *countingReader
	lines   *lineReader
	pos     int64 // offset of the next line
	start   int64
	end     int64 // -1: until the end of the stream
	length  int64
	keyText bool
	key     []byte
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func openLines(ctx context.Context, s mapreduce.Split, env mapreduce.InputEnv, keyText bool) (*textReader, error) {
	f, err := env.FS.Open(ctx, s.Path)
	if err != nil {
		return nil, fmt.Errorf("open input: %w", err)
	}
	t := &textReader{file: f, start: s.Start, pos: s.Start, end: s.Start + s.Length, length: s.Length, keyText: keyText}
	if s.Start > 0 {
		if _, err := f.Seek(s.Start, io.SeekStart); err != nil {
			return nil, errors.Join(fmt.Errorf("open input %s: %w", s.Path, err), f.Close())
		}
	}
	t.count = &countingReader{r: f}
	var in io.Reader = t.count
	if compression(s.Path) != "" {
		d, err := Decompress(s.Path, t.count)
		if err != nil {
			if errors.Is(err, io.EOF) { // an empty file is an empty input, whatever its suffix
				t.lines = newLineReader(bytes.NewReader(nil))
				t.end = -1
				return t, nil
			}
			return nil, errors.Join(fmt.Errorf("open input %s: %w", s.Path, err), f.Close())
		}
		t.decoder, in, t.end = d, d, -1
	}
	t.lines = newLineReader(in)
	if s.Start > 0 {
		_, n, err := t.lines.next()
		if err != nil && err != io.EOF {
			return nil, errors.Join(err, f.Close())
		}
		t.pos += n
	}
	return t, nil
}

func (t *textReader) Next() (key, value []byte, err error) {
	if t.end >= 0 && t.pos > t.end || t.end == 0 {
		return nil, nil, io.EOF
	}
	line, n, err := t.lines.next()
	if err != nil {
		return nil, nil, err
	}
	at := t.pos
	t.pos += n
	if at == 0 {
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	if t.keyText {
		t.key = strconv.AppendInt(t.key[:0], at, 10)
	} else {
		t.key = mapreduce.AppendInt64(t.key[:0], at)
	}
	return t.key, line, nil
}

// Progress implements mapreduce.RecordReader.
func (t *textReader) Progress() float64 {
	if t.length <= 0 {
		return 1
	}
	return min(1, float64(t.count.n)/float64(t.length))
}

// Bytes implements mapreduce.ByteCounter.
func (t *textReader) Bytes() int64 {
	if t.end >= 0 {
		return t.pos - t.start
	}
	return t.count.n
}

func (t *textReader) Close() error {
	if t.decoder != nil {
		return errors.Join(t.decoder.Close(), t.file.Close())
	}
	return t.file.Close()
}

// KeyValueText reads lines `key<separator>value`; a line without separator is all key.
type KeyValueText struct {
	Paths     []string
	Separator byte // 0: TAB
}

// Splits implements mapreduce.InputFormat.
func (t KeyValueText) Splits(ctx context.Context, env mapreduce.InputEnv) ([]mapreduce.Split, error) {
	return Text{Paths: t.Paths}.Splits(ctx, env)
}

// Open implements mapreduce.InputFormat.
func (t KeyValueText) Open(ctx context.Context, s mapreduce.Split, env mapreduce.InputEnv) (mapreduce.RecordReader, error) {
	r, err := openLines(ctx, s, env, false)
	if err != nil {
		return nil, err
	}
	sep := t.Separator
	if sep == 0 {
		sep = '\t'
	}
	return &keyValueReader{r, sep}, nil
}

type keyValueReader struct {
	*textReader
	sep byte
}

func (k *keyValueReader) Next() (key, value []byte, err error) {
	_, line, err := k.textReader.Next()
	if err != nil {
		return nil, nil, err
	}
	if i := bytes.IndexByte(line, k.sep); i >= 0 {
		return line[:i], line[i+1:], nil
	}
	return line, nil, nil
}

// NLine gives every task N lines (mapreduce.input.lineinputformat.linespermap, 1 by default).
type NLine struct {
	Paths   []string
	KeyText bool
}

// Splits implements mapreduce.InputFormat; it reads the files.
func (t NLine) Splits(ctx context.Context, env mapreduce.InputEnv) ([]mapreduce.Split, error) {
	files, err := Expand(ctx, env.FS, t.Paths, recursive(env.Conf))
	if err != nil {
		return nil, err
	}
	n := max(1, env.Conf.Int(1, "mapreduce.input.lineinputformat.linespermap"))
	var out []mapreduce.Split
	for _, f := range files {
		splits, err := nlineSplits(ctx, env, f, n)
		if err != nil {
			return nil, err
		}
		out = append(out, splits...)
	}
	return out, nil
}

func nlineSplits(ctx context.Context, env mapreduce.InputEnv, f mapreduce.FileInfo, perSplit int64) (out []mapreduce.Split, err error) {
	r, err := openLines(ctx, mapreduce.Split{Path: f.Path, Length: f.Size}, env, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	from, lines := int64(0), int64(0)
	add := func() {
		if lines > 0 {
			out = append(out, mapreduce.Split{Path: f.Path, Start: from, Length: r.pos - from})
		}
		from, lines = r.pos, 0
	}
	for {
		_, _, err := r.Next()
		if err == io.EOF {
			add()
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if lines++; lines == perSplit {
			add()
		}
	}
}

// Open implements mapreduce.InputFormat: exactly the lines of the split, which begins at a line.
func (t NLine) Open(ctx context.Context, s mapreduce.Split, env mapreduce.InputEnv) (mapreduce.RecordReader, error) {
	start, length := s.Start, s.Length
	s.Start, s.Length = 0, 0
	r, err := openLines(ctx, s, env, t.KeyText)
	if err != nil {
		return nil, err
	}
	if r.decoder == nil {
		if _, err := r.file.Seek(start, io.SeekStart); err != nil {
			return nil, errors.Join(err, r.Close())
		}
		r.start, r.pos = start, start
	} else {
		for r.pos < start {
			if _, _, err := r.Next(); err != nil {
				return nil, errors.Join(err, r.Close())
			}
		}
	}
	r.length = length
	r.end = start + length - 1 // a line that begins at the end belongs to the next split
	return r, nil
}

// WholeFile gives every file as one record: key is the path, value the (decompressed) content.
type WholeFile struct{ Paths []string }

// Splits implements mapreduce.InputFormat.
func (t WholeFile) Splits(ctx context.Context, env mapreduce.InputEnv) ([]mapreduce.Split, error) {
	files, err := Expand(ctx, env.FS, t.Paths, recursive(env.Conf))
	if err != nil {
		return nil, err
	}
	return fileSplits(ctx, env, files, func(string) bool { return false })
}

// Open implements mapreduce.InputFormat.
func (t WholeFile) Open(ctx context.Context, s mapreduce.Split, env mapreduce.InputEnv) (mapreduce.RecordReader, error) {
	f, err := env.FS.Open(ctx, s.Path)
	if err != nil {
		return nil, fmt.Errorf("open input: %w", err)
	}
	return &wholeReader{path: s.Path, file: f}, nil
}

type wholeReader struct {
	path string
	file mapreduce.File
	done bool
	size int64
}

func (w *wholeReader) Next() (key, value []byte, err error) {
	if w.done {
		return nil, nil, io.EOF
	}
	w.done = true
	d, err := Decompress(w.path, w.file)
	if err == io.EOF {
		return []byte(w.path), nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", w.path, err)
	}
	value, err = io.ReadAll(d)
	w.size = int64(len(value))
	if err := errors.Join(err, d.Close()); err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", w.path, err)
	}
	return []byte(w.path), value, nil
}

func (w *wholeReader) Progress() float64 {
	if w.done {
		return 1
	}
	return 0
}
func (w *wholeReader) Bytes() int64 { return w.size }
func (w *wholeReader) Close() error { return w.file.Close() }
