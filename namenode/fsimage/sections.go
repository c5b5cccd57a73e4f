package fsimage

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	fsimagepb "github.com/lodehq/lode/proto/hadoop/fsimage"
)

const (
	magic = "HDFSIMG1"
	// LayoutVersion is Apache 3.4's.
	LayoutVersion = -67
	// oldestLayout is the first with extended attributes, truncate and storage policies as 3.x has them.
	oldestLayout = -60
	diskVersion  = 1
	maxSummary   = 1 << 20
	maxMessage   = 1 << 29 // a directory of the most children, or a file of the most blocks
)

// ErrImage is wrapped by what is wrong with an fsimage.
var ErrImage = errors.New("not a readable fsimage")

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrImage, fmt.Sprintf(format, args...))
}

// image is an open fsimage.
type image struct {
	r       io.ReaderAt
	size    int64
	summary fsimagepb.FileSummary
}

func openImage(r io.ReaderAt, size int64) (*image, error) {
	im := &image{r: r, size: size}
	head, tail := make([]byte, len(magic)), make([]byte, 4)
	if size < int64(len(magic)+4) {
		return nil, bad("it has %d bytes", size)
	}
	if _, err := r.ReadAt(head, 0); err != nil {
		return nil, err
	}
	if string(head) != magic {
		return nil, bad("it begins with %q and not with %s: only the protobuf form is read, which Hadoop writes since 2.4", head, magic)
	}
	if _, err := r.ReadAt(tail, size-4); err != nil {
		return nil, err
	}
	n := int64(binary.BigEndian.Uint32(tail))
	if n < 1 || n > maxSummary || n > size-int64(len(magic)+4) {
		return nil, bad("its summary has %d bytes: the file was not written whole", n)
	}
	b := make([]byte, n)
	if _, err := r.ReadAt(b, size-4-n); err != nil {
		return nil, err
	}
	body, k := protowire.ConsumeBytes(b)
	if k < 0 {
		return nil, bad("its summary is malformed")
	}
	if err := proto.Unmarshal(body, &im.summary); err != nil {
		return nil, bad("its summary: %v", err)
	}
	if v := im.summary.GetOndiskVersion(); v != diskVersion {
		return nil, bad("its form is number %d, and this version reads %d", v, diskVersion)
	}
	if v := int32(im.summary.GetLayoutVersion()); v < LayoutVersion || v > oldestLayout {
		return nil, bad("its layout version is %d, and this version reads %d to %d", v, oldestLayout, LayoutVersion)
	}
	for _, s := range im.summary.Sections {
		if s.GetOffset() > uint64(size) || s.GetLength() > uint64(size)-s.GetOffset() {
			return nil, bad("section %s lies outside the file", s.GetName())
		}
	}
	return im, nil
}

// stream is the messages of a section.
type stream struct {
	name  string
	r     *bufio.Reader
	buf   []byte
	big   bytes.Buffer
	close func()
}

// section opens a section; one that is not there is empty.
func (im *image) section(name string) (*stream, error) {
	var r io.Reader = bytes.NewReader(nil)
	done := func() {}
	for _, s := range im.summary.Sections {
		if s.GetName() != name {
			continue
		}
		var err error
		if r, done, err = im.decompress(io.NewSectionReader(im.r, int64(s.GetOffset()), int64(s.GetLength()))); err != nil {
			return nil, fmt.Errorf("open section %s: %w", name, err)
		}
		break
	}
	return &stream{name: name, r: bufio.NewReaderSize(r, 1<<18), close: done}, nil
}

func (im *image) decompress(r io.Reader) (io.Reader, func(), error) {
	none := func() {}
	switch codec := im.summary.GetCodec(); codec {
	case "":
		return r, none, nil
	case "org.apache.hadoop.io.compress.DefaultCodec", "org.apache.hadoop.io.compress.DeflateCodec":
		z, err := zlib.NewReader(r)
		return z, none, err
	case "org.apache.hadoop.io.compress.GzipCodec":
		z, err := gzip.NewReader(r)
		return z, none, err
	case "org.apache.hadoop.io.compress.BZip2Codec":
		return bzip2.NewReader(r), none, nil
	case "org.apache.hadoop.io.compress.ZStandardCodec":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	default:
		return nil, nil, bad("it is compressed with %s, which is not read here; set dfs.image.compress to false in Apache's hdfs-site.xml and run: hdfs dfsadmin -saveNamespace", codec)
	}
}

// bytes is the next message's, good until the next call; io.EOF when there is none.
func (s *stream) bytes() ([]byte, error) {
	n, err := binary.ReadUvarint(s.r)
	if err == io.EOF {
		return nil, io.EOF
	}
	if err != nil {
		return nil, s.fault(err)
	}
	if n > maxMessage {
		return nil, bad("section %s has a message of %d bytes", s.name, n)
	}
	if n <= uint64(s.r.Size()) {
		if uint64(cap(s.buf)) < n {
			s.buf = make([]byte, n, s.r.Size())
		}
		s.buf = s.buf[:n]
		if _, err := io.ReadFull(s.r, s.buf); err != nil {
			return nil, s.fault(err)
		}
		return s.buf, nil
	}
	s.big.Reset() // grows as bytes come
	if _, err := io.CopyN(&s.big, s.r, int64(n)); err != nil {
		return nil, s.fault(err)
	}
	return s.big.Bytes(), nil
}

func (s *stream) fault(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return bad("section %s ends in the midst of a message", s.name)
	}
	return fmt.Errorf("section %s: %w", s.name, err)
}

// next reads the next message; io.EOF when there is none.
func (s *stream) next(m proto.Message) error {
	b, err := s.bytes()
	if err != nil {
		return err
	}
	if err := proto.Unmarshal(b, m); err != nil {
		return bad("section %s: %v", s.name, err)
	}
	return nil
}

// must is next where a message has to be.
func (s *stream) must(m proto.Message) error {
	err := s.next(m)
	if err == io.EOF {
		return bad("section %s ends before its last message", s.name)
	}
	return err
}

// each reads the section's head, unless nil, and then calls fn after reading each message into m.
func (im *image) each(name string, head, m proto.Message, fn func() error) error {
	s, err := im.section(name)
	if err != nil {
		return err
	}
	defer s.close()
	if head != nil {
		if err := s.next(head); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
	for {
		if err := s.next(m); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := fn(); err != nil {
			return err
		}
	}
}

// strings is the table of names. With mask bits, users, groups and attributes have tables of their own, told apart by upper bits.
type stringTable struct {
	byID map[uint32]string
	bits uint32
}

// The tables, in the order of Apache's SerialNumberManager.
const (
	tableUsers  = 1
	tableGroups = 2
	tableXAttrs = 3
)

func (t *stringTable) get(table, id uint32) (string, error) {
	if id == 0 {
		return "", nil
	}
	if t.bits > 0 && t.bits < 32 {
		id |= table << (32 - t.bits)
	}
	s, ok := t.byID[id]
	if !ok {
		return "", bad("string %d is missing", id)
	}
	return s, nil
}

func (im *image) strings() (*stringTable, error) {
	t := &stringTable{byID: map[uint32]string{}}
	var head fsimagepb.StringTableSection
	var e fsimagepb.StringTableSection_Entry
	err := im.each("STRING_TABLE", &head, &e, func() error {
		t.byID[e.GetId()] = e.GetStr()
		return nil
	})
	t.bits = head.GetMaskBits()
	return t, err
}

func asInt64(v uint64) (int64, error) {
	if v > math.MaxInt64 {
		return 0, bad("number %d is too large", v)
	}
	return int64(v), nil
}
