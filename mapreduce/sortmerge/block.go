package sortmerge

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/s2"
)

const (
	blockSize   = 256 << 10
	headerSize  = 12
	storedRaw   = 1 << 31 // flag in the stored length: the block is not compressed
	maxBlockLen = 1<<31 - 1
)

// MaxRecord is the largest record (key and value together) that the shuffle carries.
const MaxRecord = 1<<30 - 64

// ErrCorrupt is wrapped by every error that says a spill file or a fetched segment is not what was written.
var ErrCorrupt = errors.New("corrupt intermediate data")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// segmentWriter writes the blocks of one segment after the other.
type segmentWriter struct {
	w       io.Writer
	raw     []byte
	packed  []byte
	plain   bool  // do not compress
	written int64 // bytes of the current segment
	rawLen  int64
	records int64
}

func (s *segmentWriter) add(key, value []byte) error {
	if len(key)+len(value) > MaxRecord {
		return fmt.Errorf("record of %d bytes: the shuffle carries at most %d", len(key)+len(value), MaxRecord)
	}
	if len(s.raw) > 0 && len(s.raw)+len(key)+len(value)+10 > blockSize {
		if err := s.flush(); err != nil {
			return err
		}
	}
	s.raw = binary.AppendUvarint(s.raw, uint64(len(key)))
	s.raw = binary.AppendUvarint(s.raw, uint64(len(value)))
	s.raw = append(s.raw, key...)
	s.raw = append(s.raw, value...)
	s.records++
	return nil
}

func (s *segmentWriter) flush() error {
	if len(s.raw) == 0 {
		return nil
	}
	var header [headerSize]byte
	stored, flag := s.raw, uint32(storedRaw)
	if !s.plain {
		if n := s2.MaxEncodedLen(len(s.raw)); n > cap(s.packed) && n > 0 {
			s.packed = make([]byte, n)
		}
		packed := s2.Encode(s.packed[:cap(s.packed)], s.raw)
		if len(packed) < len(s.raw)-len(s.raw)/16 {
			stored, flag = packed, 0
		}
	}
	binary.BigEndian.PutUint32(header[0:], uint32(len(s.raw)))
	binary.BigEndian.PutUint32(header[4:], uint32(len(stored))|flag)
	binary.BigEndian.PutUint32(header[8:], crc32.Checksum(stored, castagnoli))
	if _, err := s.w.Write(header[:]); err != nil {
		return err
	}
	if _, err := s.w.Write(stored); err != nil {
		return err
	}
	s.written += headerSize + int64(len(stored))
	s.rawLen += int64(len(s.raw))
	if cap(s.raw) > 4*blockSize {
		s.raw, s.packed = nil, nil
	}
	s.raw = s.raw[:0]
	return nil
}

// end finishes the segment and returns its size.
func (s *segmentWriter) end(offset int64) (Segment, error) {
	if err := s.flush(); err != nil {
		return Segment{}, err
	}
	seg := Segment{Offset: offset, Length: s.written, RawLength: s.rawLen, Records: s.records}
	s.written, s.rawLen, s.records = 0, 0, 0
	return seg, nil
}

// SegmentReader reads the records of one segment. Its memory is about two blocks.
type SegmentReader struct {
	in     *bufio.Reader
	closer io.Closer
	stored []byte
	block  []byte
	pos    int
	key    []byte
	value  []byte
	raw    int64 // bytes of the blocks so far
	from   string
	expect int64
}

// SegmentError is an ErrCorrupt with the attempt that wrote the segment.
type SegmentError struct {
	From string
	Err  error
}

func (e *SegmentError) Error() string { return e.From + ": " + e.Err.Error() }
func (e *SegmentError) Unwrap() error { return e.Err }

// From names who wrote the segment, for its errors, and how long it is uncompressed: one that ends at an earlier block is corrupt.
func (s *SegmentReader) From(who string, rawLength int64) *SegmentReader {
	s.from, s.expect = who, rawLength
	return s
}

// NewSegmentReader reads a segment from r, which must end where the segment ends. closer may be nil.
func NewSegmentReader(r io.Reader, closer io.Closer, size int64) *SegmentReader {
	return &SegmentReader{in: bufio.NewReaderSize(r, int(min(max(size, 512), 64<<10))), closer: closer}
}

// Next moves to the next record; io.EOF after the last. Key and value are valid until the next call.
func (s *SegmentReader) Next() error {
	err := s.next()
	if err != nil && err != io.EOF && s.from != "" {
		return &SegmentError{s.from, err}
	}
	return err
}

func (s *SegmentReader) next() error {
	if s.pos == len(s.block) {
		if err := s.nextBlock(); err != nil {
			return err
		}
	}
	rest := s.block[s.pos:]
	kl, n := binary.Uvarint(rest)
	if n <= 0 {
		return fmt.Errorf("%w: bad key length", ErrCorrupt)
	}
	vl, m := binary.Uvarint(rest[n:])
	if m <= 0 {
		return fmt.Errorf("%w: bad value length", ErrCorrupt)
	}
	rest = rest[n+m:]
	if kl > uint64(len(rest)) || vl > uint64(len(rest))-kl {
		return fmt.Errorf("%w: a record of %d+%d bytes in %d bytes of block", ErrCorrupt, kl, vl, len(rest))
	}
	s.key, s.value = rest[:kl:kl], rest[kl:kl+vl:kl+vl]
	s.pos += n + m + int(kl+vl)
	return nil
}

// Key of the current record.
func (s *SegmentReader) Key() []byte { return s.key }

// Value of the current record.
func (s *SegmentReader) Value() []byte { return s.value }

func (s *SegmentReader) nextBlock() error {
	var header [headerSize]byte
	if _, err := io.ReadFull(s.in, header[:]); err != nil {
		if err == io.EOF && s.from != "" && s.raw != s.expect {
			return fmt.Errorf("%w: it ends after %d of %d bytes", ErrCorrupt, s.raw, s.expect)
		}
		if err == io.EOF {
			return io.EOF
		}
		return fmt.Errorf("%w: block header cut short: %v", ErrCorrupt, err)
	}
	rawLen := binary.BigEndian.Uint32(header[0:])
	stored := binary.BigEndian.Uint32(header[4:])
	sum := binary.BigEndian.Uint32(header[8:])
	plain := stored&storedRaw != 0
	stored &^= storedRaw
	if rawLen == 0 || rawLen > maxBlockLen || stored > rawLen || (plain && stored != rawLen) {
		return fmt.Errorf("%w: block of %d bytes stored in %d", ErrCorrupt, rawLen, stored)
	}
	var err error
	if s.stored, err = readN(s.in, s.stored[:0], int(stored)); err != nil {
		return fmt.Errorf("%w: block of %d bytes cut short: %v", ErrCorrupt, stored, err)
	}
	if got := crc32.Checksum(s.stored, castagnoli); got != sum {
		return fmt.Errorf("%w: checksum %08x, %08x was written", ErrCorrupt, got, sum)
	}
	s.pos = 0
	s.raw += int64(rawLen)
	if plain {
		s.block, s.stored = s.stored, s.block
		return nil
	}
	if n, err := s2.DecodedLen(s.stored); err != nil || n != int(rawLen) {
		return fmt.Errorf("%w: block does not decompress to %d bytes", ErrCorrupt, rawLen)
	}
	if cap(s.block) < int(rawLen) {
		s.block = make([]byte, rawLen)
	}
	if s.block, err = s2.Decode(s.block[:cap(s.block)], s.stored); err != nil {
		return fmt.Errorf("%w: %v", ErrCorrupt, err)
	}
	return nil
}

// readN reads n bytes, growing as they arrive: a bad length must not make us allocate gigabytes.
func readN(r io.Reader, buf []byte, n int) ([]byte, error) {
	for len(buf) < n {
		step := min(n-len(buf), 4<<20)
		if need := len(buf) + step; cap(buf) < need {
			grown := make([]byte, len(buf), max(need, min(2*cap(buf), n)))
			copy(grown, buf)
			buf = grown
		}
		m, err := io.ReadFull(r, buf[len(buf):len(buf)+step])
		buf = buf[:len(buf)+m]
		if err != nil {
			return buf, err
		}
	}
	return buf, nil
}

// Close closes what the segment is read from.
func (s *SegmentReader) Close() error {
	if s.closer == nil {
		return nil
	}
	return s.closer.Close()
}
