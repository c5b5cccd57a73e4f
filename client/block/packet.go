package block

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Limits of a packet (PacketReceiver.MAX_PACKET_SIZE is 16 MiB; a header has five small fields).
const (
	MaxPacket     = 16 << 20
	maxHeader     = 1 << 10
	HeaderReserve = 6 + 27 // most that the lengths and a header of ours take
)

// SeqHeartbeat is the number of a packet that only says that the writer lives.
const SeqHeartbeat = -1

// Header is a packet's header.
type Header struct {
	Offset  int64 // of the data in the block, in bytes
	Seqno   int64
	DataLen int
	Last    bool // the end of the block; it has no data
	Sync    bool // the data is to be on disk before the acknowledgement
}

// encodedLen is the length of the header's message. The fields have fixed widths, so it does not depend on the numbers.
func (h Header) encodedLen() int {
	n := 9 + 9 + 2 + 5
	if h.Sync {
		n += 2
	}
	return n
}

// PutPacketHeader writes PLEN, HLEN and header so that they end at b[end], where the checksums begin, and returns where they
// begin. It needs HeaderReserve bytes before end.
func PutPacketHeader(b []byte, end int, h Header, checksumLen int) int {
	n := h.encodedLen()
	start := end - n - 6
	p := b[start:end]
	binary.BigEndian.PutUint32(p, uint32(4+checksumLen+h.DataLen))
	binary.BigEndian.PutUint16(p[4:], uint16(n))
	p = p[6:]
	p[0] = 1<<3 | byte(protowire.Fixed64Type)
	binary.LittleEndian.PutUint64(p[1:], uint64(h.Offset))
	p[9] = 2<<3 | byte(protowire.Fixed64Type)
	binary.LittleEndian.PutUint64(p[10:], uint64(h.Seqno))
	p[18] = 3<<3 | byte(protowire.VarintType)
	p[19] = boolByte(h.Last)
	p[20] = 4<<3 | byte(protowire.Fixed32Type)
	binary.LittleEndian.PutUint32(p[21:], uint32(h.DataLen))
	if h.Sync {
		p[25] = 5<<3 | byte(protowire.VarintType)
		p[26] = 1
	}
	return start
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

var errHeader = errors.New("malformed packet header")

// parseHeader decodes PacketHeaderProto without its allocations.
func parseHeader(b []byte) (Header, error) {
	var h Header
	var seen uint
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return h, errHeader
		}
		b = b[n:]
		switch {
		case (num == 1 || num == 2) && typ == protowire.Fixed64Type:
			v, n := protowire.ConsumeFixed64(b)
			if n < 0 {
				return h, errHeader
			}
			b = b[n:]
			if num == 1 {
				h.Offset = int64(v)
			} else {
				h.Seqno = int64(v)
			}
		case (num == 3 || num == 5) && typ == protowire.VarintType:
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				return h, errHeader
			}
			b = b[n:]
			if num == 3 {
				h.Last = v != 0
			} else {
				h.Sync = v != 0
			}
		case num == 4 && typ == protowire.Fixed32Type:
			v, n := protowire.ConsumeFixed32(b)
			if n < 0 || v > math.MaxInt32 {
				return h, errHeader
			}
			b = b[n:]
			h.DataLen = int(v)
		default:
			n := protowire.ConsumeFieldValue(num, typ, b)
			if n < 0 {
				return h, errHeader
			}
			b = b[n:]
			continue
		}
		seen |= 1 << num
	}
	if seen&0b11110 != 0b11110 || h.Offset < 0 {
		return h, errHeader
	}
	return h, nil
}

// readPacketHeader reads lengths and header of the next packet, and answers the length of its checksums as well.
func readPacketHeader(r io.Reader, scratch []byte) (h Header, checksumLen int, err error) {
	if _, err := io.ReadFull(r, scratch[:6]); err != nil {
		return h, 0, err
	}
	plen := int64(int32(binary.BigEndian.Uint32(scratch)))
	hlen := int(binary.BigEndian.Uint16(scratch[4:]))
	if plen < 4 || plen > MaxPacket || hlen > maxHeader || hlen > len(scratch) {
		return h, 0, fmt.Errorf("packet of %d bytes with a header of %d: this is not the data transfer protocol", plen, hlen)
	}
	if _, err := io.ReadFull(r, scratch[:hlen]); err != nil {
		return h, 0, unexpected(err)
	}
	if h, err = parseHeader(scratch[:hlen]); err != nil {
		return h, 0, err
	}
	checksumLen = int(plen) - 4 - h.DataLen
	if checksumLen < 0 {
		return h, 0, fmt.Errorf("packet of %d bytes announces %d bytes of data", plen, h.DataLen)
	}
	return h, checksumLen, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
