package format

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/lodehq/lode/mapreduce"
)

// SequenceFiles of Hadoop, version 6: "SEQ" 6, class names, flags, codec, metadata, a 16-byte sync mark, then records.

const (
	seqSyncEvery = 100 << 10
	textClass    = "org.apache.hadoop.io.Text"
)

// SequenceText reads SequenceFiles with keys and values as text, as SequenceFileAsTextInputFormat does. Text, BytesWritable,
// IntWritable, LongWritable and NullWritable are known; a file is one split.
type SequenceText struct{ Paths []string }

// Splits implements mapreduce.InputFormat.
func (t SequenceText) Splits(ctx context.Context, env mapreduce.InputEnv) ([]mapreduce.Split, error) {
	files, err := Expand(ctx, env.FS, t.Paths, recursive(env.Conf))
	if err != nil {
		return nil, err
	}
	return fileSplits(ctx, env, files, func(string) bool { return false })
}

// Open implements mapreduce.InputFormat.
func (t SequenceText) Open(ctx context.Context, s mapreduce.Split, env mapreduce.InputEnv) (mapreduce.RecordReader, error) {
	f, err := env.FS.Open(ctx, s.Path)
	if err != nil {
		return nil, fmt.Errorf("open input: %w", err)
	}
	count := &countingReader{r: f}
	r, err := NewSequenceReader(count)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", s.Path, err), f.Close())
	}
	return &sequenceText{SequenceReader: r, file: f, count: count, length: s.Length}, nil
}

type sequenceText struct {
	*SequenceReader
	file   mapreduce.File
	count  *countingReader
	length int64
}

func (s *sequenceText) Next() (key, value []byte, err error) {
	k, v, err := s.SequenceReader.Next()
	if err != nil {
		return nil, nil, err
	}
	if key, err = writableText(s.KeyClass, k); err != nil {
		return nil, nil, err
	}
	value, err = writableText(s.ValueClass, v)
	return key, value, err
}

func (s *sequenceText) Progress() float64 {
	if s.length == 0 {
		return 1
	}
	return min(1, float64(s.count.n)/float64(s.length))
}
func (s *sequenceText) Bytes() int64 { return s.count.n }
func (s *sequenceText) Close() error { return s.file.Close() }

// writableText prints a serialized Writable as its toString does.
func writableText(class string, b []byte) ([]byte, error) {
	switch class {
	case textClass:
		r := bytes.NewReader(b)
		n, err := readVLong(r)
		if err != nil || n < 0 || n > int64(r.Len()) {
			return nil, errors.New("sequence file: damaged Text")
		}
		at := len(b) - r.Len()
		return b[at : at+int(n)], nil
	case "org.apache.hadoop.io.BytesWritable":
		if len(b) < 4 {
			return nil, errors.New("sequence file: damaged BytesWritable")
		}
		var out []byte
		for i, c := range b[4:] {
			if i > 0 {
				out = append(out, ' ')
			}
			out = fmt.Appendf(out, "%02x", c)
		}
		return out, nil
	case "org.apache.hadoop.io.LongWritable":
		if len(b) == 8 {
			return fmt.Append(nil, int64(binary.BigEndian.Uint64(b))), nil
		}
	case "org.apache.hadoop.io.IntWritable":
		if len(b) == 4 {
			return fmt.Append(nil, int32(binary.BigEndian.Uint32(b))), nil
		}
	case "org.apache.hadoop.io.NullWritable":
		return []byte("(null)"), nil
	}
	return nil, fmt.Errorf("sequence file: records of class %s cannot be read as text", class)
}

// SequenceReader reads the raw records of a SequenceFile: serialized keys and values.
type SequenceReader struct {
	KeyClass, ValueClass string
	r                    io.Reader
	sync                 [16]byte
	suffix               string // codec, by its file suffix; "" for none
	block                bool
	blockKeys            [][]byte
	blockValues          [][]byte
}

const seqLargest = 1 << 30

// NewSequenceReader reads the header.
func NewSequenceReader(r io.Reader) (*SequenceReader, error) {
	s := &SequenceReader{r: r}
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || string(head[:3]) != "SEQ" {
		return nil, errors.New("not a sequence file")
	}
	if head[3] != 6 {
		return nil, fmt.Errorf("sequence file of version %d: 6 is known", head[3])
	}
	var err error
	if s.KeyClass, err = s.text(); err == nil {
		s.ValueClass, err = s.text()
	}
	if err != nil {
		return nil, err
	}
	var flags [2]byte
	if _, err := io.ReadFull(r, flags[:]); err != nil {
		return nil, unexpected(err)
	}
	s.block = flags[1] != 0
	if flags[0] != 0 {
		codec, err := s.text()
		if err != nil {
			return nil, err
		}
		if s.suffix, err = OutputSuffix(codec); err != nil {
			return nil, err
		}
	}
	n, err := s.int32()
	if err != nil {
		return nil, err
	}
	for range 2 * min(n, 10000) {
		if _, err := s.text(); err != nil {
			return nil, err
		}
	}
	_, err = io.ReadFull(r, s.sync[:])
	return s, unexpected(err)
}

func (s *SequenceReader) int32() (int32, error) {
	var b [4]byte
	_, err := io.ReadFull(s.r, b[:])
	return int32(binary.BigEndian.Uint32(b[:])), unexpected(err)
}

type byteReader struct{ r io.Reader }

func (b byteReader) ReadByte() (byte, error) {
	var c [1]byte
	_, err := io.ReadFull(b.r, c[:])
	return c[0], err
}

func (s *SequenceReader) text() (string, error) {
	n, err := readVLong(byteReader{s.r})
	if err != nil || n < 0 || n > 1<<20 {
		return "", errors.New("sequence file: damaged header")
	}
	b := make([]byte, n)
	_, err = io.ReadFull(s.r, b)
	return string(b), unexpected(err)
}

func (s *SequenceReader) read(n int) ([]byte, error) {
	if n < 0 || n > seqLargest {
		return nil, fmt.Errorf("sequence file: %d bytes announced", n)
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, s.r, int64(n)); err != nil {
		return nil, unexpected(err)
	}
	return b.Bytes(), nil
}

func (s *SequenceReader) readSync() error {
	var mark [16]byte
	if _, err := io.ReadFull(s.r, mark[:]); err != nil {
		return unexpected(err)
	}
	if mark != s.sync {
		return errors.New("sequence file: sync mark damaged")
	}
	return nil
}

func (s *SequenceReader) unpack(b []byte) ([]byte, error) {
	if s.suffix == "" {
		return b, nil
	}
	d, err := Decompress("x"+s.suffix, bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	out, err := io.ReadAll(io.LimitReader(d, seqLargest))
	return out, err
}

// Next reads a record; io.EOF at the end.
func (s *SequenceReader) Next() (key, value []byte, err error) {
	if s.block {
		return s.nextFromBlock()
	}
	for {
		var b [4]byte
		if _, err := io.ReadFull(s.r, b[:]); err != nil {
			return nil, nil, err // io.EOF between records is the end
		}
		n := int32(binary.BigEndian.Uint32(b[:]))
		if n == -1 {
			if err := s.readSync(); err != nil {
				return nil, nil, err
			}
			continue
		}
		kl, err := s.int32()
		if err != nil {
			return nil, nil, err
		}
		rec, err := s.read(int(n))
		if err != nil {
			return nil, nil, err
		}
		if kl < 0 || kl > n {
			return nil, nil, errors.New("sequence file: damaged record")
		}
		value, err = s.unpack(rec[kl:])
		return rec[:kl], value, err
	}
}

func (s *SequenceReader) nextFromBlock() (key, value []byte, err error) {
	for len(s.blockKeys) == 0 {
		var b [4]byte
		if _, err := io.ReadFull(s.r, b[:]); err != nil {
			return nil, nil, err
		}
		if err := s.readSync(); err != nil {
			return nil, nil, err
		}
		n, err := readVLong(byteReader{s.r})
		if err != nil || n < 0 || n > seqLargest {
			return nil, nil, errors.New("sequence file: damaged block")
		}
		var parts [4][]byte
		for i := range parts {
			size, err := readVLong(byteReader{s.r})
			if err != nil || size < 0 || size > seqLargest {
				return nil, nil, errors.New("sequence file: damaged block")
			}
			packed, err := s.read(int(size))
			if err != nil {
				return nil, nil, err
			}
			if parts[i], err = s.unpack(packed); err != nil {
				return nil, nil, err
			}
		}
		if s.blockKeys, err = cutBlock(parts[0], parts[1], int(n)); err != nil {
			return nil, nil, err
		}
		if s.blockValues, err = cutBlock(parts[2], parts[3], int(n)); err != nil {
			return nil, nil, err
		}
	}
	key, value = s.blockKeys[0], s.blockValues[0]
	s.blockKeys, s.blockValues = s.blockKeys[1:], s.blockValues[1:]
	return key, value, nil
}

func cutBlock(lengths, data []byte, n int) ([][]byte, error) {
	r := bytes.NewReader(lengths)
	var out [][]byte
	for range n {
		l, err := readVLong(r)
		if err != nil || l < 0 || l > int64(len(data)) {
			return nil, errors.New("sequence file: damaged block")
		}
		out = append(out, data[:l])
		data = data[l:]
	}
	return out, nil
}

// readVLong reads Hadoop's variable-length integer (WritableUtils.readVLong).
func readVLong(r io.ByteReader) (int64, error) {
	first, err := r.ReadByte()
	if err != nil {
		return 0, err
	}
	b := int8(first)
	if b >= -112 {
		return int64(b), nil
	}
	n := int(-113 - int(b) + 1)
	negative := b < -120
	if negative {
		n = -121 - int(b) + 1
	}
	var v int64
	for range n {
		c, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		v = v<<8 | int64(c)
	}
	if negative {
		return ^v, nil
	}
	return v, nil
}

// appendVLong is WritableUtils.writeVLong.
func appendVLong(dst []byte, v int64) []byte {
	if v >= -112 && v <= 127 {
		return append(dst, byte(v))
	}
	tag := -112
	if v < 0 {
		v = ^v
		tag = -120
	}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(v))
	n := 8
	for n > 1 && b[8-n] == 0 {
		n--
	}
	return append(append(dst, byte(int8(tag-n))), b[8-n:]...)
}

// SequenceOutput writes SequenceFiles of Text keys and values, uncompressed.
type SequenceOutput struct{ Files }

// Open implements mapreduce.OutputFormat.
func (o *SequenceOutput) Open(ctx context.Context, env mapreduce.OutputEnv) (mapreduce.TaskOutput, error) {
	name := o.FileName(env, "")
	f, err := CreateFile(ctx, env.FS, o.AttemptDir(env)+"/"+name)
	if err != nil {
		return nil, err
	}
	w := &sequenceWriter{o: o, ctx: ctx, env: env, name: name, file: f}
	w.sync = md5.Sum([]byte(env.Attempt + name)) // any 16 bytes that data will not hold
	head := append([]byte("SEQ\x06"), byte(len(textClass)))
	head = append(append(head, textClass...), byte(len(textClass)))
	head = append(append(head, textClass...), 0, 0, 0, 0, 0, 0)
	return w, w.put(append(head, w.sync[:]...))
}

type sequenceWriter struct {
	o         *SequenceOutput
	ctx       context.Context
	env       mapreduce.OutputEnv
	name      string
	file      *OutputFile
	sync      [16]byte
	buf       []byte
	sinceSync int
}

func (w *sequenceWriter) put(b []byte) error {
	w.sinceSync += len(b)
	_, err := w.file.Write(b)
	return err
}

func (w *sequenceWriter) Write(key, value []byte) error {
	if w.sinceSync >= seqSyncEvery {
		if err := w.put(append([]byte{0xff, 0xff, 0xff, 0xff}, w.sync[:]...)); err != nil {
			return err
		}
		w.sinceSync = 0
	}
	b := append(w.buf[:0], 0, 0, 0, 0, 0, 0, 0, 0)
	b = append(appendVLong(b, int64(len(key))), key...)
	kl := len(b) - 8
	b = append(appendVLong(b, int64(len(value))), value...)
	binary.BigEndian.PutUint32(b, uint32(len(b)-8))
	binary.BigEndian.PutUint32(b[4:], uint32(kl))
	w.buf = b
	return w.put(b)
}

func (w *sequenceWriter) Bytes() int64 { return w.file.Bytes() }

func (w *sequenceWriter) Close() ([]byte, error) {
	if err := w.file.Close(); err != nil {
		return nil, fmt.Errorf("close output %s: %w", w.name, err)
	}
	return w.o.Payload(w.env, w.name)
}

func (w *sequenceWriter) Abort() error {
	return errors.Join(w.file.count.w.Close(), w.env.FS.Remove(w.ctx, w.o.AttemptDir(w.env), true))
}
