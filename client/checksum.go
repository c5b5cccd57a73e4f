package client

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/lodehq/lode/client/block"
	"github.com/lodehq/lode/internal/hdfs"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// FileChecksum is Hadoop's checksum of a file, made by datanodes without moving the file. Two files with equal bytes have
// equal MD5-of-MD5 checksums only if chunk and block sizes agree; composite CRCs are equal always.
type FileChecksum struct {
	Algorithm string // such as MD5-of-0MD5-of-512CRC32C or COMPOSITE-CRC32C
	Bytes     []byte // as Hadoop prints and compares them
}

func (f FileChecksum) String() string { return f.Algorithm + "\t" + hex.EncodeToString(f.Bytes) }

// Checksum asks for the checksum of the first length bytes of a file, of all for 0. The kind is dfs.checksum.combine.mode:
// MD5MD5CRC, or COMPOSITE_CRC.
func (c *Client) Checksum(ctx context.Context, name string, length int64) (FileChecksum, error) {
	p := c.abs(name)
	limit := length
	if limit <= 0 {
		limit = 1<<63 - 1
	}
	lbs, err := c.blockLocations(ctx, p, 0, limit)
	if err != nil {
		return FileChecksum{}, pathError("checksum", p, err)
	}
	if lbs.GetEcPolicy() != nil && lbs.GetEcPolicy().GetName() != "REPLICATION" {
		return FileChecksum{}, pathError("checksum", p, ErrErasureCoded)
	}
	if lbs.GetUnderConstruction() {
		return FileChecksum{}, pathError("checksum", p, hdfs.Errorf(hdfs.IOException, "Fail to get checksum, since file %s is under construction.", p))
	}
	m := &combiner{composite: c.set.checksumCombine == "COMPOSITE_CRC", left: min(limit, int64(lbs.GetFileLength()))}
	for _, lb := range lbs.GetBlocks() {
		if m.left <= 0 {
			break
		}
		if err := c.addBlockSum(ctx, m, lb); err != nil {
			return FileChecksum{}, pathError("checksum", p, err)
		}
	}
	return m.sum(), nil
}

func (c *Client) addBlockSum(ctx context.Context, m *combiner, lb *hdfspb.LocatedBlockProto) error {
	b := lb.GetB()
	size := int64(b.GetNumBytes())
	if size > m.left {
		n := uint64(m.left)
		b = &hdfspb.ExtendedBlockProto{PoolId: b.PoolId, BlockId: b.BlockId, GenerationStamp: b.GenerationStamp, NumBytes: &n}
		size = m.left
	}
	kind := hdfspb.BlockChecksumTypeProto_MD5CRC
	if m.composite {
		kind = hdfspb.BlockChecksumTypeProto_COMPOSITE_CRC
	}
	var errs []error
	for _, d := range lb.GetLocs() {
		s, err := c.datanode.BlockChecksum(ctx, block.Request{Block: b, Token: lb.GetBlockToken(), Node: d}, kind)
		if err == nil {
			return m.add(s, size)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		errs = append(errs, err)
	}
	return fmt.Errorf("no datanode gave the checksum of %s: %w", block.Name(b), errors.Join(errs...))
}

// combiner puts the checksums of blocks together (FileChecksumHelper, CrcComposer).
type combiner struct {
	composite bool
	left      int64
	blocks    int
	first     block.Sum
	mixed     bool // blocks have different CRC types
	md5s      []byte
	crc       uint32
}

func (m *combiner) add(s block.Sum, size int64) error {
	if m.blocks == 0 {
		m.first = s
	} else {
		if s.BytesPerCRC != m.first.BytesPerCRC {
			return fmt.Errorf("Byte-per-checksum not matched: bpc=%d but bytesPerCRC=%d", s.BytesPerCRC, m.first.BytesPerCRC)
		}
		m.mixed = m.mixed || s.Type != m.first.Type
	}
	if m.blocks == 1 { // more than one block: the count of the first is that of all
		m.first.CRCsPerBlock = max(m.first.CRCsPerBlock, s.CRCsPerBlock)
	}
	m.blocks++
	m.left -= size
	if !m.composite {
		m.md5s = append(m.md5s, s.Bytes...)
		return nil
	}
	if m.mixed {
		return fmt.Errorf("the blocks have CRCs of different types, which cannot be composed")
	}
	crc := binary.BigEndian.Uint32(s.Bytes)
	if m.blocks == 1 {
		m.crc = crc
	} else {
		m.crc = crcCombine(m.crc, crc, size, polynomial(s.Type))
	}
	return nil
}

func (m *combiner) sum() FileChecksum {
	kind := "CRC32C"
	switch {
	case m.mixed:
		kind = "MIXED"
	case m.first.Type == hdfspb.ChecksumTypeProto_CHECKSUM_CRC32 || m.blocks == 0:
		kind = "CRC32"
	}
	if m.composite {
		if m.blocks == 0 {
			kind = "CRC32C"
		}
		return FileChecksum{Algorithm: "COMPOSITE-" + kind, Bytes: binary.BigEndian.AppendUint32(nil, m.crc)}
	}
	// Hadoop hashes its whole buffer, whose size is a power of two of at least 32 bytes (DataOutputBuffer.getData).
	size := 32
	for size < len(m.md5s) {
		size *= 2
	}
	padded := make([]byte, size)
	copy(padded, m.md5s)
	digest := md5.Sum(padded)
	crcs, bpc := int64(0), 0
	if m.blocks > 0 {
		bpc = m.first.BytesPerCRC
	}
	if m.blocks > 1 {
		crcs = m.first.CRCsPerBlock
	}
	out := binary.BigEndian.AppendUint32(nil, uint32(bpc))
	out = binary.BigEndian.AppendUint64(out, uint64(crcs))
	out = append(out, digest[:]...)
	return FileChecksum{Algorithm: fmt.Sprintf("MD5-of-%dMD5-of-%d%s", crcs, bpc, kind), Bytes: out}
}

// Polynomials in reflected form.
const (
	polyCRC32  = 0xEDB88320
	polyCRC32C = 0x82F63B78
)

func polynomial(t hdfspb.ChecksumTypeProto) uint32 {
	if t == hdfspb.ChecksumTypeProto_CHECKSUM_CRC32 {
		return polyCRC32
	}
	return polyCRC32C
}

// crcCombine is the CRC of A followed by B, given both and B's length: A's is multiplied by x^(8·length) modulo the
// polynomial.
func crcCombine(a, b uint32, length int64, poly uint32) uint32 {
	factor, square := uint32(1)<<31, uint32(1)<<23 // x^0 and x^8
	for n := uint64(length); n > 0; n >>= 1 {
		if n&1 != 0 {
			factor = mulMod(factor, square, poly)
		}
		square = mulMod(square, square, poly)
	}
	return mulMod(a, factor, poly) ^ b
}

// mulMod multiplies two polynomials in reflected form modulo poly.
func mulMod(a, b, poly uint32) uint32 {
	var p uint32
	for bit := uint32(1) << 31; bit != 0; bit >>= 1 {
		if a&bit != 0 {
			p ^= b
		}
		if b&1 != 0 {
			b = b>>1 ^ poly
		} else {
			b >>= 1
		}
	}
	return p
}
