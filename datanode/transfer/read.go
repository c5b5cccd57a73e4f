package transfer

import (
	"errors"
	"fmt"
	"net"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/datanode/blockstore"
	"github.com/lodehq/lode/internal/hdfs"
	pb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// firstPacket is the data in the first packet of a read: a client that asks for little, or goes away, costs little.
const firstPacket = 64 << 10

// readBlock answers READ_BLOCK.
func (s *Server) readBlock(c net.Conn, in *stream, m *pb.OpReadBlockProto) (again bool, err error) {
	b, err := s.local(m.GetHeader().GetBaseHeader().GetBlock())
	if err != nil {
		return false, s.refuse(c, pb.Status_ERROR, err)
	}
	off, n := int64(m.GetOffset()), int64(m.GetLen())
	if n < 0 {
		n = -1 // the whole block
	}
	r, err := s.store.Open(s.ctx, b, off, n)
	if err != nil {
		s.noteReadError(b, err)
		return false, s.refuse(c, pb.Status_ERROR, fmt.Errorf("opReadBlock %s: %w", b, err))
	}
	defer r.Close()
	if n < 0 {
		n = r.Length - off
	}
	sender := sender{s: s, c: c, r: r, block: b, noSums: !m.GetSendChecksums(), greet: true}
	if err := sender.run(off, n); err != nil {
		return false, err
	}
	s.stats.BlocksRead.Add(1)
	// Java says how the read went and may use the connection again; others close it.
	var st pb.ClientReadStatusProto
	if err := in.message(&st); err != nil {
		return false, nil
	}
	return true, nil
}

func (s *Server) noteReadError(b hdfs.Block, err error) {
	if errors.Is(err, blockstore.ErrCorrupt) {
		s.stats.ChecksumErrors.Add(1)
		if rep, ok := s.store.Get(b.ID); ok {
			s.cfg.Events.Corrupt(rep.Block, rep.StorageID)
		}
		return
	}
	var he *hdfs.Exception
	if !errors.As(err, &he) {
		s.cfg.Events.DiskError(err)
	}
}

// sender writes bytes of a replica as packets.
type sender struct {
	s        *Server
	c        net.Conn
	r        *blockstore.Reader
	block    hdfs.Block
	noSums   bool
	greet    bool // an answer with the checksum's kind goes before the first packet
	throttle *Throttle
}

// run sends bytes [off, off+n), widened to whole chunks, and the empty last packet. Each packet is read and checked in the place
// from which it leaves.
func (d *sender) run(off, n int64) error {
	s, r := d.s, d.r
	bpc := int64(r.Sum.BytesPerChecksum)
	start := off - off%bpc
	end := min((off+n+bpc-1)/bpc*bpc, r.Length)
	if n == 0 {
		end = start
	}
	size := max(int64(s.cfg.ReadPacket)/bpc*bpc, bpc)
	first := min(max(firstPacket/bpc*bpc, bpc), size)

	wireSum := r.Sum
	if d.noSums {
		wireSum = blockstore.Checksum{Type: blockstore.ChecksumNull, BytesPerChecksum: r.Sum.BytesPerChecksum}
	}
	buf := s.getSendBuf(int(512 + packetPrefix*2 + int64(r.Sum.SumsLen(size)) + size))
	defer s.sendBufs.Put(buf)
	out := (*buf)[:0]
	if d.greet {
		resp := response(pb.Status_SUCCESS, "", "")
		resp.ReadOpChecksumInfo = &pb.ReadOpChecksumInfoProto{Checksum: checksumProto(wireSum), ChunkOffset: proto.Uint64(uint64(start))}
		out = appendMessage(out, resp)
	}
	seqno := int64(0)
	greeting := d.greet
	for at := start; at < end; seqno++ {
		length := min(size, end-at)
		if seqno == 0 {
			length = min(first, end-at)
		}
		sumsLen := wireSum.SumsLen(length)
		head := len(out)
		dataAt := head + packetPrefix + sumsLen
		out = out[:dataAt+int(length)]
		sums := out[head+packetPrefix : dataAt]
		if d.noSums {
			sums = make([]byte, r.Sum.SumsLen(length))
		}
		if _, err := r.ReadAt(out[dataAt:], sums, at); err != nil {
			s.noteReadError(d.block, err)
			err = fmt.Errorf("read %s: %w", d.block, err)
			if greeting {
				return s.refuse(d.c, pb.Status_ERROR_CHECKSUM, err)
			}
			return err
		}
		packetHeader{offset: at, seqno: seqno, dataLen: int(length)}.put(out[head:], sumsLen)
		at += length
		if at == end {
			out = d.appendLast(out, at, seqno+1)
		}
		if err := d.throttle.Wait(s.ctx, int(length)); err != nil {
			return err
		}
		if err := s.write(d.c, out); err != nil {
			return err
		}
		s.stats.BytesRead.Add(length)
		out, greeting = out[:0], false
	}
	if start == end {
		return s.write(d.c, d.appendLast(out, end, 0))
	}
	return nil
}

func (d *sender) appendLast(out []byte, at, seqno int64) []byte {
	head := len(out)
	out = out[:head+packetPrefix]
	packetHeader{offset: at, seqno: seqno, last: true}.put(out[head:], 0)
	return out
}

func (s *Server) getSendBuf(n int) *[]byte {
	if b, ok := s.sendBufs.Get().(*[]byte); ok && cap(*b) >= n {
		return b
	}
	b := make([]byte, 0, n)
	return &b
}
