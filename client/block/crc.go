package block

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"

	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Checksum is how chunks are checked: CRC32C, CRC32, or nothing.
type Checksum struct {
	Type  hdfspb.ChecksumTypeProto
	Chunk int // bytes under one CRC
	table *crc32.Table
}

// NewChecksum makes one from what the wire says. Chunks from 1 byte to 16 MiB are taken.
func NewChecksum(t hdfspb.ChecksumTypeProto, chunk int) (Checksum, error) {
	c := Checksum{Type: t, Chunk: chunk}
	if chunk <= 0 || chunk > MaxPacket {
		return c, fmt.Errorf("a checksum for every %d bytes is out of range", chunk)
	}
	switch t {
	case hdfspb.ChecksumTypeProto_CHECKSUM_CRC32C:
		c.table = crc32.MakeTable(crc32.Castagnoli)
	case hdfspb.ChecksumTypeProto_CHECKSUM_CRC32:
		c.table = crc32.IEEETable
	case hdfspb.ChecksumTypeProto_CHECKSUM_NULL:
	default:
		return c, fmt.Errorf("checksum type %d is unknown", t)
	}
	return c, nil
}

// ParseChecksumType reads dfs.checksum.type.
func ParseChecksumType(s string) (hdfspb.ChecksumTypeProto, error) {
	t, ok := hdfspb.ChecksumTypeProto_value["CHECKSUM_"+strings.ToUpper(strings.TrimSpace(s))]
	if !ok {
		return 0, fmt.Errorf("dfs.checksum.type = %q is not one of CRC32C, CRC32, NULL", s)
	}
	return hdfspb.ChecksumTypeProto(t), nil
}

// Size is the bytes of one CRC, 0 when nothing is checked.
func (c Checksum) Size() int {
	if c.table == nil {
		return 0
	}
	return 4
}

// Len is the bytes of the CRCs of n bytes of data that begin at a chunk's boundary.
func (c Checksum) Len(n int) int { return (n + c.Chunk - 1) / c.Chunk * c.Size() }

// Put writes the CRCs of data into sums. first is the length of the first chunk, which may be shorter than the others.
func (c Checksum) Put(sums, data []byte, first int) {
	if c.table == nil {
		return
	}
	for len(data) > 0 {
		n := min(first, len(data))
		binary.BigEndian.PutUint32(sums, crc32.Update(0, c.table, data[:n]))
		sums, data, first = sums[4:], data[n:], c.Chunk
	}
}

// Verify compares the CRCs of data, which begins at a chunk's boundary, and answers the position in data of the first chunk
// that does not match, or -1.
func (c Checksum) Verify(sums, data []byte) int {
	if c.table == nil {
		return -1
	}
	for i := 0; i < len(data); i += c.Chunk {
		end := min(i+c.Chunk, len(data))
		if crc32.Update(0, c.table, data[i:end]) != binary.BigEndian.Uint32(sums) {
			return i
		}
		sums = sums[4:]
	}
	return -1
}

// ChecksumError says that bytes of a replica are not those that were written.
type ChecksumError struct {
	Block  string
	Node   string
	Offset int64 // of the first bad chunk in the block
}

func (e *ChecksumError) Error() string {
	return fmt.Sprintf("checksum error: %s on datanode %s at byte %d", e.Block, e.Node, e.Offset)
}
