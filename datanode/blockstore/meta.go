package blockstore

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/lodehq/lode/internal/hdfs"
)

// metaHeaderLen is the header of a meta file: int16 version 1, checksum type, int32 bytes per checksum (BlockMetadataHeader).
const metaHeaderLen = 7

const metaVersion = 1

func encodeMetaHeader(c Checksum) []byte {
	b := make([]byte, 0, metaHeaderLen)
	b = binary.BigEndian.AppendUint16(b, metaVersion)
	b = append(b, byte(c.Type))
	return binary.BigEndian.AppendUint32(b, uint32(c.BytesPerChecksum))
}

func decodeMetaHeader(b []byte) (Checksum, error) {
	if len(b) < metaHeaderLen {
		return Checksum{}, fmt.Errorf("meta file has %d bytes, its header needs %d: %w", len(b), metaHeaderLen, ErrCorrupt)
	}
	c := Checksum{ChecksumType(b[2]), int(int32(binary.BigEndian.Uint32(b[3:])))}
	if v := binary.BigEndian.Uint16(b); v != metaVersion || !c.Valid() {
		return Checksum{}, fmt.Errorf("meta file header: version %d, checksum type %d, %d bytes per checksum: %w", v, b[2], c.BytesPerChecksum, ErrCorrupt)
	}
	return c, nil
}

// metaOffset is where the checksum of the chunk that holds byte off lies in the meta file.
func (c Checksum) metaOffset(off int64) int64 {
	return metaHeaderLen + off/int64(c.BytesPerChecksum)*int64(c.Size())
}

func metaName(id hdfs.BlockID, gs hdfs.GenStamp) string {
	return "blk_" + strconv.FormatInt(int64(id), 10) + "_" + strconv.FormatInt(int64(gs), 10) + ".meta"
}

func dataName(id hdfs.BlockID) string { return "blk_" + strconv.FormatInt(int64(id), 10) }

// parseName reads blk_<id> or blk_<id>_<gs>.meta.
func parseName(name string) (id hdfs.BlockID, gs hdfs.GenStamp, meta, ok bool) {
	rest, ok := strings.CutPrefix(name, "blk_")
	if !ok {
		return 0, 0, false, false
	}
	rest, meta = strings.CutSuffix(rest, ".meta")
	if meta {
		i := strings.LastIndexByte(rest, '_')
		if i < 1 {
			return 0, 0, false, false
		}
		n, err := strconv.ParseInt(rest[i+1:], 10, 64)
		if err != nil {
			return 0, 0, false, false
		}
		gs, rest = hdfs.GenStamp(n), rest[:i]
	}
	n, err := strconv.ParseInt(rest, 10, 64)
	if err != nil {
		return 0, 0, false, false
	}
	return hdfs.BlockID(n), gs, meta, true
}
