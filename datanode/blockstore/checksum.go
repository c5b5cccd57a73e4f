package blockstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// ChecksumType is the kind of checksum of a meta file (DataChecksum.Type's numbers, which are also the wire's).
type ChecksumType uint8

// The checksum types of Apache 3.4.
const (
	ChecksumNull   ChecksumType = 0
	ChecksumCRC32  ChecksumType = 1
	ChecksumCRC32C ChecksumType = 2
)

// MaxBytesPerChecksum bounds the chunk size accepted from the wire or from a meta file.
const MaxBytesPerChecksum = 4 << 20

// Checksum says how chunks are checked.
type Checksum struct {
	Type             ChecksumType
	BytesPerChecksum int
}

// DefaultChecksum is what HDFS clients use unless told otherwise.
var DefaultChecksum = Checksum{ChecksumCRC32C, 512}

// Valid tells whether both parts are in range.
func (c Checksum) Valid() bool {
	return c.Type <= ChecksumCRC32C && c.BytesPerChecksum > 0 && c.BytesPerChecksum <= MaxBytesPerChecksum
}

// Size is the size of one checksum in bytes: 4, or 0 for ChecksumNull.
func (c Checksum) Size() int {
	if c.Type == ChecksumNull {
		return 0
	}
	return 4
}

// Chunks is the number of chunks that n bytes make.
func (c Checksum) Chunks(n int64) int64 {
	bpc := int64(c.BytesPerChecksum)
	return (n + bpc - 1) / bpc
}

// SumsLen is the number of checksum bytes for n bytes that start at a chunk boundary.
func (c Checksum) SumsLen(n int64) int { return int(c.Chunks(n)) * c.Size() }

func (c Checksum) table() *crc32.Table {
	if c.Type == ChecksumCRC32C {
		return castagnoli
	}
	return crc32.IEEETable
}

// castagnoli is crc32's own table, which stands for the processor's instruction.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Update continues crc over p.
func (c Checksum) Update(crc uint32, p []byte) uint32 { return crc32.Update(crc, c.table(), p) }

// Sum appends the checksums of data, which starts at a chunk boundary, to dst.
func (c Checksum) Sum(dst, data []byte) []byte {
	if c.Size() == 0 {
		return dst
	}
	tab := c.table()
	for len(data) > 0 {
		n := min(c.BytesPerChecksum, len(data))
		dst = binary.BigEndian.AppendUint32(dst, crc32.Checksum(data[:n], tab))
		data = data[n:]
	}
	return dst
}

// Verify checks data, which starts at a chunk boundary, against sums. The error is a *ChecksumError whose Offset counts from the
// start of data.
func (c Checksum) Verify(data, sums []byte) error {
	if c.Size() == 0 {
		return nil
	}
	if len(sums) < c.SumsLen(int64(len(data))) {
		return fmt.Errorf("%d bytes need %d bytes of checksums, got %d: %w", len(data), c.SumsLen(int64(len(data))), len(sums), ErrCorrupt)
	}
	tab := c.table()
	for off := 0; off < len(data); off += c.BytesPerChecksum {
		n := min(c.BytesPerChecksum, len(data)-off)
		want := binary.BigEndian.Uint32(sums)
		if got := crc32.Checksum(data[off:off+n], tab); got != want {
			return &ChecksumError{Offset: int64(off), Want: want, Got: got}
		}
		sums = sums[4:]
	}
	return nil
}

// ErrCorrupt is what every error about damaged data or meta files wraps.
var ErrCorrupt = errors.New("replica is corrupt")

// ChecksumError is a chunk whose bytes do not have its checksum.
type ChecksumError struct {
	Offset    int64
	Want, Got uint32
}

func (e *ChecksumError) Error() string {
	return fmt.Sprintf("checksum of the chunk at byte %d is %08x, expected %08x", e.Offset, e.Got, e.Want)
}

// Is makes errors.Is(err, ErrCorrupt) true.
func (e *ChecksumError) Is(target error) bool { return target == ErrCorrupt }
