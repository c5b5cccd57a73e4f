package transfer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	pb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Version is the version of the data transfer protocol.
const Version = 28

type opcode byte

const (
	opWriteBlock         opcode = 80
	opReadBlock          opcode = 81
	opReplaceBlock       opcode = 83
	opCopyBlock          opcode = 84
	opBlockChecksum      opcode = 85
	opTransferBlock      opcode = 86
	opRequestFDs         opcode = 87
	opReleaseFDs         opcode = 88
	opRequestShm         opcode = 89
	opBlockGroupChecksum opcode = 90
)

const (
	// maxMessage bounds an operation's message: it holds a few datanodes and tokens.
	maxMessage = 1 << 20
	// maxPacket is the largest packet taken (dfs.data.transfer.max.packet.size).
	maxPacket = 16 << 20
	// maxHeader bounds a packet header; it is 27 bytes in fact.
	maxHeader = 1024
)

var errFraming = errors.New("malformed data transfer message")

// stream reads a connection through a buffer whose unread part can be handed on.
type stream struct {
	conn    net.Conn
	buf     []byte
	r, w    int
	timeout time.Duration
}

// fill reads once, making room for at least need unread bytes in the buffer.
func (s *stream) fill(need int) error {
	if need > len(s.buf) {
		bigger := make([]byte, max(need, 2*len(s.buf)))
		s.w = copy(bigger, s.buf[s.r:s.w])
		s.r, s.buf = 0, bigger
	} else if s.r == s.w {
		s.r, s.w = 0, 0
	} else if s.r+need > len(s.buf) {
		s.w = copy(s.buf, s.buf[s.r:s.w])
		s.r = 0
	}
	if s.timeout > 0 {
		if err := s.conn.SetReadDeadline(time.Now().Add(s.timeout)); err != nil {
			return err
		}
	}
	n, err := s.conn.Read(s.buf[s.w:])
	s.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// peek answers the next n bytes without taking them.
func (s *stream) peek(n int) ([]byte, error) {
	for s.w-s.r < n {
		had := s.w - s.r
		if err := s.fill(n); err != nil {
			if err == io.EOF && had > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return s.buf[s.r : s.r+n], nil
}

func (s *stream) take(n int) ([]byte, error) {
	b, err := s.peek(n)
	if err == nil {
		s.r += n
	}
	return b, err
}

// adopt gives the stream another buffer, keeping what is unread.
func (s *stream) adopt(buf []byte) []byte {
	old := s.buf
	if s.w-s.r > len(buf) {
		return buf
	}
	s.w = copy(buf, s.buf[s.r:s.w])
	s.r, s.buf = 0, buf
	return old
}

// message reads a varint-delimited message.
func (s *stream) message(m proto.Message) error {
	var n uint64
	for i := 0; ; i++ {
		if i == 5 {
			return fmt.Errorf("message length: %w", errFraming)
		}
		b, err := s.take(1)
		if err != nil {
			return err
		}
		n |= uint64(b[0]&0x7f) << (7 * i)
		if b[0] < 0x80 {
			break
		}
	}
	if n > maxMessage {
		return fmt.Errorf("message of %d bytes, %d are allowed: %w", n, maxMessage, errFraming)
	}
	b, err := s.take(int(n))
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	if err := proto.Unmarshal(b, m); err != nil {
		return fmt.Errorf("%w: %w", errFraming, err)
	}
	return nil
}

// appendMessage appends a varint-delimited message.
func appendMessage(b []byte, m proto.Message) []byte {
	b = protowire.AppendVarint(b, uint64(proto.Size(m)))
	b, err := proto.MarshalOptions{}.MarshalAppend(b, m)
	if err != nil {
		// Only a message with a required field unset comes here: a fault of this package.
		panic(fmt.Sprintf("transfer: marshal %T: %v", m, err))
	}
	return b
}

// appendOp appends an operation.
func appendOp(b []byte, op opcode, m proto.Message) []byte {
	b = binary.BigEndian.AppendUint16(b, Version)
	return appendMessage(append(b, byte(op)), m)
}

// packetHeader is PacketHeaderProto with the length before it.
type packetHeader struct {
	offset  int64
	seqno   int64
	dataLen int
	last    bool
	sync    bool
}

// heartbeatSeqno marks a packet that only says that its sender lives.
const heartbeatSeqno = -1

// packetPrefix is PLEN, HLEN and a header without syncBlock.
const packetPrefix = 4 + 2 + 25

// put writes PLEN, HLEN and the header into b, which has packetPrefix bytes.
func (h packetHeader) put(b []byte, sumsLen int) {
	binary.BigEndian.PutUint32(b, uint32(4+sumsLen+h.dataLen))
	binary.BigEndian.PutUint16(b[4:], 25)
	b[6] = 1<<3 | 1
	binary.LittleEndian.PutUint64(b[7:], uint64(h.offset))
	b[15] = 2<<3 | 1
	binary.LittleEndian.PutUint64(b[16:], uint64(h.seqno))
	b[24] = 3 << 3
	b[25] = 0
	if h.last {
		b[25] = 1
	}
	b[26] = 4<<3 | 5
	binary.LittleEndian.PutUint32(b[27:], uint32(h.dataLen))
}

func parsePacketHeader(b []byte) (packetHeader, error) {
	if (len(b) == 25 || len(b) == 27 && b[25] == 5<<3) && b[0] == 1<<3|1 && b[9] == 2<<3|1 && b[18] == 3<<3 && b[20] == 4<<3|5 {
		return packetHeader{
			offset:  int64(binary.LittleEndian.Uint64(b[1:])),
			seqno:   int64(binary.LittleEndian.Uint64(b[10:])),
			last:    b[19] != 0,
			dataLen: int(int32(binary.LittleEndian.Uint32(b[21:]))),
			sync:    len(b) == 27 && b[26] != 0,
		}, nil
	}
	var m pb.PacketHeaderProto
	if err := proto.Unmarshal(b, &m); err != nil {
		return packetHeader{}, fmt.Errorf("packet header: %w: %w", errFraming, err)
	}
	return packetHeader{m.GetOffsetInBlock(), m.GetSeqno(), int(m.GetDataLen()), m.GetLastPacketInBlock(), m.GetSyncBlock()}, nil
}

// packet is one packet in the stream's buffer: valid until the next read.
type packet struct {
	packetHeader
	raw, sums, data []byte
}

// parsePacket takes a packet from the beginning of b. n is its length; when b holds only part of it, n is how many bytes are
// needed to go on and ok is false.
func parsePacket(b []byte) (p packet, n int, ok bool, err error) {
	if len(b) < 6 {
		return p, 6, false, nil
	}
	plen, hlen := int(int32(binary.BigEndian.Uint32(b))), int(binary.BigEndian.Uint16(b[4:]))
	if plen < 4 || plen > maxPacket || hlen > maxHeader || hlen == 0 {
		return p, 0, false, fmt.Errorf("packet of %d bytes with a header of %d: %w", plen, hlen, errFraming)
	}
	n = 2 + hlen + plen
	if len(b) < n {
		return p, n, false, nil
	}
	if p.packetHeader, err = parsePacketHeader(b[6 : 6+hlen]); err != nil {
		return p, 0, false, err
	}
	body := b[6+hlen : n]
	if p.dataLen < 0 || p.dataLen > len(body) || p.offset < 0 {
		return p, 0, false, fmt.Errorf("packet at %d with %d bytes of data in %d: %w", p.offset, p.dataLen, len(body), errFraming)
	}
	cut := len(body) - p.dataLen
	p.raw, p.sums, p.data = b[:n], body[:cut], body[cut:]
	return p, n, true, nil
}

// appendAck appends a delimited PipelineAckProto with the same statuses as flags.
func appendAck(b []byte, seqno int64, replies []pb.Status, downstreamNanos uint64) []byte {
	var m [64]byte
	out := m[:0]
	out = protowire.AppendTag(out, 1, protowire.VarintType)
	out = protowire.AppendVarint(out, protowire.EncodeZigZag(seqno))
	for _, r := range replies {
		out = protowire.AppendTag(out, 2, protowire.VarintType)
		out = protowire.AppendVarint(out, uint64(r))
	}
	if downstreamNanos != 0 {
		out = protowire.AppendTag(out, 3, protowire.VarintType)
		out = protowire.AppendVarint(out, downstreamNanos)
	}
	out = protowire.AppendTag(out, 4, protowire.BytesType)
	out = protowire.AppendVarint(out, uint64(len(replies)))
	for _, r := range replies {
		out = append(out, byte(r))
	}
	b = protowire.AppendVarint(b, uint64(len(out)))
	return append(b, out...)
}

// response makes a BlockOpResponseProto. firstBadLink is always there: colinmarc's client waits for five bytes, and Java sets it.
func response(status pb.Status, badLink, message string) *pb.BlockOpResponseProto {
	r := &pb.BlockOpResponseProto{Status: &status, FirstBadLink: &badLink}
	if message != "" {
		r.Message = &message
	}
	return r
}
