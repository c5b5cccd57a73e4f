package sortmerge

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// Segment is one partition's range in a spill file.
type Segment struct {
	Offset, Length int64 // bytes in the file
	RawLength      int64 // bytes of records before compression
	Records        int64
}

// Index lists the segments of a spill file, one a partition.
type Index []Segment

const indexMagic = "LODESPL1"

// Encode is the index file's form: magic, count, segments, CRC32C.
func (x Index) Encode() []byte {
	b := append([]byte(indexMagic), 0, 0, 0, 0)
	binary.BigEndian.PutUint32(b[8:], uint32(len(x)))
	for _, s := range x {
		for _, n := range []int64{s.Offset, s.Length, s.RawLength, s.Records} {
			b = binary.BigEndian.AppendUint64(b, uint64(n))
		}
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// DecodeIndex is the inverse of Encode.
func DecodeIndex(b []byte) (Index, error) {
	if len(b) < 16 || string(b[:8]) != indexMagic {
		return nil, fmt.Errorf("%w: not a spill index", ErrCorrupt)
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	n := int(binary.BigEndian.Uint32(b[8:]))
	if crc32.Checksum(body, castagnoli) != sum || len(body) != 12+32*n {
		return nil, fmt.Errorf("%w: spill index damaged", ErrCorrupt)
	}
	x := make(Index, n)
	for i := range x {
		f := func(j int) int64 { return int64(binary.BigEndian.Uint64(body[12+32*i+8*j:])) }
		x[i] = Segment{f(0), f(1), f(2), f(3)}
		if x[i].Offset < 0 || x[i].Length < 0 {
			return nil, fmt.Errorf("%w: spill index has a negative range", ErrCorrupt)
		}
	}
	return x, nil
}

// ReadIndex reads the index beside a spill file.
func ReadIndex(file string) (Index, error) {
	b, err := os.ReadFile(file + ".index")
	if err != nil {
		return nil, err
	}
	return DecodeIndex(b)
}

// OpenSegment opens one partition of a spill file on this machine.
func OpenSegment(file string, s Segment) (*SegmentReader, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	return NewSegmentReader(io.NewSectionReader(f, s.Offset, s.Length), f, s.Length), nil
}
