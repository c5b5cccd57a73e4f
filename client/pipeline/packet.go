package pipeline

import (
	"github.com/lodehq/lode/client/block"
)

// packet is a run of bytes of one block, with room before them for checksums and header, so that it is sent in one write.
type packet struct {
	buf    []byte
	base   int   // of the data in buf
	n      int   // bytes of data
	max    int   // most bytes of data
	first  int   // bytes until the first chunk boundary; the chunk size when the packet begins at one
	kept   int   // bytes at its beginning that were sent before (a partial chunk after a Flush)
	offset int64 // of the data in the block
	seqno  int64
	last   bool
	sync   bool
	wire   []byte
}

func (p *packet) data() []byte { return p.buf[p.base : p.base+p.n] }

// room is where the next bytes go.
func (p *packet) room() []byte { return p.buf[p.base+p.n : p.base+p.max] }

// end is the position in the block after the packet.
func (p *packet) end() int64 { return p.offset + int64(p.n) }

// encode computes checksums and header.
func (p *packet) encode(sum block.Checksum) {
	sums := sumLen(sum, p.first, p.n)
	at := p.base - sums
	sum.Put(p.buf[at:p.base], p.data(), p.first)
	start := block.PutPacketHeader(p.buf, at, block.Header{
		Offset: p.offset, Seqno: p.seqno, DataLen: p.n, Last: p.last, Sync: p.sync,
	}, sums)
	p.wire = p.buf[start : p.base+p.n]
}

// sumLen is the length of the CRCs of n bytes whose first chunk has first bytes.
func sumLen(sum block.Checksum, first, n int) int {
	switch {
	case n == 0:
		return 0
	case n <= first:
		return sum.Size()
	}
	return sum.Size() + sum.Len(n-first)
}

// tail is where the partial chunk at the end of the packet begins; n when there is none.
func (p *packet) tail(chunk int) int {
	if p.n < p.first {
		return 0
	}
	return p.first + (p.n-p.first)/chunk*chunk
}

// heartbeat is what an idle writer sends.
func heartbeat() []byte {
	b := make([]byte, block.HeaderReserve)
	return b[block.PutPacketHeader(b, len(b), block.Header{Seqno: block.SeqHeartbeat}, 0):]
}

// pool keeps the buffers of one stream's packets.
type pool struct {
	free [][]byte
	size int
	base int
}

func newPool(packetSize int, sum block.Checksum) *pool {
	base := block.HeaderReserve + sum.Len(packetSize) + sum.Size()
	return &pool{size: base + packetSize, base: base}
}

func (l *pool) get() []byte {
	if n := len(l.free); n > 0 {
		b := l.free[n-1]
		l.free = l.free[:n-1]
		return b
	}
	return make([]byte, l.size)
}

func (l *pool) put(b []byte) {
	if len(b) == l.size && len(l.free) < 128 {
		l.free = append(l.free, b)
	}
}
