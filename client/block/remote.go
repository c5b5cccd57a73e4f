package block

import (
	"context"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"

	commonpb "github.com/lodehq/lode/proto/hadoop/common"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Request names a replica and the bytes wanted of it.
type Request struct {
	Block  *hdfspb.ExtendedBlockProto
	Token  *commonpb.TokenProto
	Node   *hdfspb.DatanodeInfoProto
	Offset int64 // in the block
	Length int64
}

func (r Request) header(clientName string) *hdfspb.ClientOperationHeaderProto {
	return &hdfspb.ClientOperationHeaderProto{
		BaseHeader: &hdfspb.BaseHeaderProto{Block: r.Block, Token: r.Token},
		ClientName: proto.String(clientName),
	}
}

// Name is the block's name as Hadoop prints it.
func Name(b *hdfspb.ExtendedBlockProto) string {
	return fmt.Sprintf("%s:blk_%d_%d", b.GetPoolId(), int64(b.GetBlockId()), b.GetGenerationStamp())
}

// Remote reads a range of one replica over a connection, in order, every chunk verified. It is not safe for concurrent use.
type Remote struct {
	net  *Network
	conn *Conn
	req  Request
	sum  Checksum

	pos    int64 // in the block, of the next byte to hand out
	end    int64 // in the block, where the request ends
	next   int64 // in the block, where the next packet's data begins
	seqno  int64
	buf    []byte // data of the current packet
	rest   []byte // what of buf is not handed out yet
	sums   []byte
	head   []byte
	broken error
}

// OpenRemote asks a datanode for a range of a replica. The context covers the request, not what is read later.
func (n *Network) OpenRemote(ctx context.Context, req Request) (*Remote, error) {
	op := &hdfspb.OpReadBlockProto{
		Header:        req.header(n.o.ClientName),
		Offset:        proto.Uint64(uint64(req.Offset)),
		Len:           proto.Uint64(uint64(req.Length)),
		SendChecksums: proto.Bool(true),
	}
	conn, resp, err := n.exchange(ctx, req.Node.GetId(), OpReadBlock, op, "read of "+Name(req.Block))
	if err != nil {
		return nil, err
	}
	r := &Remote{net: n, conn: conn, req: req, pos: req.Offset, end: req.Offset + req.Length, head: make([]byte, 64)}
	info := resp.GetReadOpChecksumInfo()
	if r.sum, err = NewChecksum(info.GetChecksum().GetType(), int(info.GetChecksum().GetBytesPerChecksum())); err == nil {
		r.next = int64(info.GetChunkOffset())
		if info == nil || r.next < 0 || r.next > req.Offset || r.next+int64(r.sum.Chunk) <= req.Offset {
			err = fmt.Errorf("chunk offset %d does not fit the offset %d", r.next, req.Offset)
		}
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("read of %s: answer of datanode %s: %w", Name(req.Block), conn.Node, err)
	}
	return r, nil
}

// Pos is the position in the block of the next byte.
func (r *Remote) Pos() int64 { return r.pos }

// Buffered is how many bytes are here already.
func (r *Remote) Buffered() int { return len(r.rest) }

// Read hands out verified bytes, and io.EOF at the end of the range. It may use all of p as scratch.
func (r *Remote) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n := 0
	for n < len(p) && r.pos < r.end {
		if len(r.rest) > 0 {
			m := copy(p[n:], r.rest)
			r.rest = r.rest[m:]
			r.pos += int64(m)
			n += m
			continue
		}
		m, err := r.packet(p[n:])
		if err != nil {
			r.broken = err
			if n > 0 {
				return n, nil
			}
			return 0, err
		}
		r.pos += int64(m)
		n += m
	}
	if n == 0 {
		if r.broken != nil {
			return 0, r.broken
		}
		return 0, io.EOF
	}
	return n, nil
}

// packet reads one packet: straight into p when all of it is wanted and fits (then it answers how many bytes are p's), else
// into the buffer.
func (r *Remote) packet(p []byte) (int, error) {
	if r.broken != nil {
		return 0, r.broken
	}
	h, err := r.readHeader()
	if err != nil {
		return 0, err
	}
	if h.Last || h.DataLen == 0 {
		return 0, fmt.Errorf("read of %s: datanode %s ended at byte %d of %d: %w", Name(r.req.Block), r.conn.Node, r.next, r.end, io.ErrUnexpectedEOF)
	}
	skip := int(r.pos - h.Offset)
	direct := skip == 0 && h.DataLen <= len(p)
	data := p
	if !direct {
		if cap(r.buf) < h.DataLen {
			r.buf = make([]byte, h.DataLen)
		}
		data = r.buf[:cap(r.buf)]
	}
	data = data[:h.DataLen]
	if _, err := io.ReadFull(r.conn.R, data); err != nil {
		return 0, r.fault(unexpected(err))
	}
	if at := r.sum.Verify(r.sums, data); at >= 0 {
		return 0, &ChecksumError{Block: Name(r.req.Block), Node: r.conn.Node, Offset: h.Offset + int64(at)}
	}
	if skip > len(data) {
		return 0, fmt.Errorf("read of %s: datanode %s sent bytes %d to %d, byte %d was asked for", Name(r.req.Block), r.conn.Node, h.Offset, r.next, r.pos)
	}
	wanted := min(int64(len(data)-skip), r.end-r.pos)
	if direct {
		return int(wanted), nil
	}
	r.rest = data[skip : skip+int(wanted)]
	return 0, nil
}

// readHeader reads a packet up to its data and checks that it is the one that has to follow.
func (r *Remote) readHeader() (Header, error) {
	h, sumLen, err := readPacketHeader(r.conn.R, r.head)
	if err != nil {
		return h, r.fault(unexpected(err))
	}
	switch {
	case h.Seqno != r.seqno:
		err = fmt.Errorf("packet %d where %d has to follow", h.Seqno, r.seqno)
	case h.Offset != r.next:
		err = fmt.Errorf("packet at byte %d where %d has to follow", h.Offset, r.next)
	case sumLen != r.sum.Len(h.DataLen):
		err = fmt.Errorf("packet of %d bytes with %d of checksums", h.DataLen, sumLen)
	case h.Last && h.DataLen != 0:
		err = fmt.Errorf("last packet with %d bytes", h.DataLen)
	}
	if err != nil {
		return h, r.fault(err)
	}
	r.seqno++
	r.next += int64(h.DataLen)
	if cap(r.sums) < sumLen {
		r.sums = make([]byte, sumLen)
	}
	r.sums = r.sums[:sumLen]
	if _, err := io.ReadFull(r.conn.R, r.sums); err != nil {
		return h, r.fault(unexpected(err))
	}
	return h, nil
}

func (r *Remote) fault(err error) error {
	return fmt.Errorf("read of %s from datanode %s: %w", Name(r.req.Block), r.conn.Node, err)
}

// Skip moves forward by n bytes, reading them; it is meant for short ways.
func (r *Remote) Skip(n int64) error {
	scratch := make([]byte, min(n, 64<<10))
	for n > 0 {
		m, err := r.Read(scratch[:min(n, int64(len(scratch)))])
		if err != nil {
			return err
		}
		n -= int64(m)
	}
	return nil
}

// Interrupt makes a Read that is under way, and all later ones, fail. It may be called from another goroutine.
func (r *Remote) Interrupt() { r.conn.Conn.Close() }

// Close lets go of the connection: into the network's store when the range was read to its end, else by closing it.
func (r *Remote) Close() error {
	if r.conn == nil {
		return nil
	}
	conn := r.conn
	r.conn = nil
	if r.broken == nil {
		r.broken = io.ErrClosedPipe
		if r.pos == r.end && r.finish(conn) {
			r.net.give(conn)
			return nil
		}
	}
	return conn.Close()
}

// finish reads the empty last packet and tells the datanode that all is well, so that it waits for another request.
func (r *Remote) finish(conn *Conn) bool {
	h, sumLen, err := readPacketHeader(conn.R, r.head)
	if err != nil || !h.Last || h.DataLen != 0 || sumLen != 0 || conn.R.Buffered() != 0 {
		return false
	}
	status := hdfspb.Status_CHECKSUM_OK
	if r.sum.table == nil {
		status = hdfspb.Status_SUCCESS
	}
	b, err := AppendDelimited(make([]byte, 0, 8), &hdfspb.ClientReadStatusProto{Status: status.Enum()})
	if err != nil {
		return false
	}
	_, err = conn.Write(b)
	return err == nil
}
