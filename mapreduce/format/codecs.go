package format

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// compression names the codec of a file name, "" for none.
func compression(name string) string {
	switch ext := path.Ext(name); ext {
	case ".gz", ".bz2", ".zst", ".snappy", ".lz4", ".s2", ".deflate":
		return ext
	}
	return ""
}

// Decompress wraps r by the suffix of name; without a known suffix it returns r as it is.
func Decompress(name string, r io.Reader) (io.ReadCloser, error) {
	switch compression(name) {
	case ".gz":
		return gzip.NewReader(bufio.NewReaderSize(r, 128<<10)) // members follow each other in one stream
	case ".bz2":
		return io.NopCloser(bzip2.NewReader(bufio.NewReaderSize(r, 128<<10))), nil
	case ".deflate":
		return zlib.NewReader(bufio.NewReaderSize(r, 128<<10))
	case ".zst":
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(1<<30))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case ".s2":
		return io.NopCloser(s2.NewReader(r)), nil
	case ".snappy":
		b := bufio.NewReaderSize(r, 128<<10)
		if head, _ := b.Peek(10); bytes.HasPrefix(head, []byte("\xff\x06\x00\x00sNaPpY")) {
			return io.NopCloser(snappy.NewReader(b)), nil
		}
		return io.NopCloser(&hadoopBlocks{r: b, decode: func(dst, src []byte) (int, error) {
			out, err := snappy.Decode(dst, src)
			return len(out), err
		}}), nil
	case ".lz4":
		b := bufio.NewReaderSize(r, 128<<10)
		if head, _ := b.Peek(4); bytes.Equal(head, []byte{4, 0x22, 0x4d, 0x18}) {
			return io.NopCloser(lz4.NewReader(b)), nil
		}
		return io.NopCloser(&hadoopBlocks{r: b, decode: func(dst, src []byte) (int, error) { return lz4.UncompressBlock(src, dst) }}), nil
	}
	return io.NopCloser(r), nil
}

// hadoopBlocks reads what Hadoop's BlockCompressorStream writes (SnappyCodec, Lz4Codec): raw length of a block, then chunks
// of stored length and bytes until the raw length is reached.
type hadoopBlocks struct {
	r      io.Reader
	decode func(dst, src []byte) (int, error)
	left   int // raw bytes of the current block that are still to come
	chunk  []byte
	out    []byte
	pos    int
}

func (h *hadoopBlocks) Read(p []byte) (int, error) {
	for h.pos == len(h.out) {
		if err := h.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, h.out[h.pos:])
	h.pos += n
	return n, nil
}

func (h *hadoopBlocks) next() error {
	const largest = 64 << 20
	var b [4]byte
	for h.left == 0 {
		if _, err := io.ReadFull(h.r, b[:]); err != nil {
			return err
		}
		if h.left = int(binary.BigEndian.Uint32(b[:])); h.left > largest {
			return fmt.Errorf("compressed block announces %d bytes", h.left)
		}
	}
	if _, err := io.ReadFull(h.r, b[:]); err != nil {
		return unexpected(err)
	}
	n := int(binary.BigEndian.Uint32(b[:]))
	if n > largest {
		return fmt.Errorf("compressed chunk announces %d bytes", n)
	}
	if cap(h.chunk) < n {
		h.chunk = make([]byte, n)
	}
	h.chunk = h.chunk[:n]
	if _, err := io.ReadFull(h.r, h.chunk); err != nil {
		return unexpected(err)
	}
	if cap(h.out) < h.left {
		h.out = make([]byte, h.left)
	}
	m, err := h.decode(h.out[:h.left], h.chunk)
	if err != nil {
		return fmt.Errorf("decompress: %w", err)
	}
	h.out, h.pos = h.out[:m], 0
	h.left -= m
	return nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// OutputSuffix turns Hadoop's codec class (or a plain name such as gzip or zstd) into a file suffix.
func OutputSuffix(codec string) (string, error) {
	name := strings.ToLower(codec)
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		name = name[i+1:]
	}
	switch strings.TrimSuffix(name, "codec") {
	case "gzip", "gz":
		return ".gz", nil
	case "bzip2", "bz2":
		return ".bz2", nil
	case "default", "deflate":
		return ".deflate", nil
	case "zstandard", "zstd", "zst":
		return ".zst", nil
	case "snappy":
		return ".snappy", nil
	case "lz4":
		return ".lz4", nil
	case "s2":
		return ".s2", nil
	}
	return "", fmt.Errorf("compression codec %s is not known: Gzip, BZip2, Default, ZStandard, Snappy, Lz4 and S2 are", codec)
}

// Compress wraps w by the suffix of name. Closing the result ends the stream and leaves w open.
func Compress(name string, w io.Writer) (io.WriteCloser, error) {
	switch compression(name) {
	case ".gz":
		return gzip.NewWriter(w), nil
	case ".deflate":
		return zlib.NewWriter(w), nil
	case ".zst":
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	case ".s2":
		return s2.NewWriter(w, s2.WriterConcurrency(1)), nil
	case ".bz2":
		return newBzip2Writer(w), nil
	case ".snappy":
		return &hadoopBlockWriter{w: w, encode: func(src []byte) ([]byte, error) { return snappy.Encode(nil, src), nil }}, nil
	case ".lz4":
		return &hadoopBlockWriter{w: w, encode: encodeLZ4}, nil
	}
	return nopWriteCloser{w}, nil
}

func encodeLZ4(src []byte) ([]byte, error) {
	dst := make([]byte, lz4.CompressBlockBound(len(src)))
	var c lz4.Compressor
	n, err := c.CompressBlock(src, dst)
	return dst[:n], err
}

type nopWriteCloser struct{ io.Writer }

func (nopWriteCloser) Close() error { return nil }

// hadoopBlockWriter is the inverse of hadoopBlocks, one chunk a block.
type hadoopBlockWriter struct {
	w      io.Writer
	encode func([]byte) ([]byte, error)
	buf    []byte
}

const hadoopBlockSize = 128 << 10

func (h *hadoopBlockWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		m := min(len(p), hadoopBlockSize-len(h.buf))
		h.buf = append(h.buf, p[:m]...)
		p = p[m:]
		if len(h.buf) == hadoopBlockSize {
			if err := h.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func (h *hadoopBlockWriter) flush() error {
	if len(h.buf) == 0 {
		return nil
	}
	packed, err := h.encode(h.buf)
	if err != nil {
		return err
	}
	out := binary.BigEndian.AppendUint32(nil, uint32(len(h.buf)))
	out = binary.BigEndian.AppendUint32(out, uint32(len(packed)))
	h.buf = h.buf[:0]
	_, err = h.w.Write(append(out, packed...))
	return err
}

func (h *hadoopBlockWriter) Close() error { return h.flush() }
