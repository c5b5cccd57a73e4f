package transfer

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodehq/lode/datanode/blockstore"
	pb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// receiveBuffer holds several packets of 64 KiB, so that one read, one write downstream and one wake-up carry them together.
const receiveBuffer = 512 << 10

// ackQueue is how many packets may wait for their acknowledgement from downstream; Java sends at most 80 ahead.
const ackQueue = 1024

// oobSeqno marks an acknowledgement that belongs to no packet (PipelineAck.UNKOWN_SEQNO).
const oobSeqno = -2

// receiver takes the packets of one block.
type receiver struct {
	s     *Server
	in    *stream
	up    net.Conn
	w     *blockstore.Writer
	stage pb.OpWriteBlockProto_BlockConstructionStage
	sum   blockstore.Checksum // of the packets

	isClient, isTransfer bool
	answers              bool // connect-ack and packet acks go upstream
	translate            bool // the meta file has another kind of checksum
	source               *pb.DatanodeInfoProto
	throttle             *Throttle
	deleteHint           string

	mirror     net.Conn
	down       *stream
	mirrorDown atomic.Bool

	acks   chan pendingAck
	ackErr error // of the responder, after it ended

	upMu sync.Mutex // writes upstream: acks and out-of-band messages
	out  []byte
}

// pendingAck is a packet that was written here.
type pendingAck struct {
	seqno, end int64
	last       bool
}

var errBadPacket = errors.New("packet has a bad checksum")

// abort unblocks every read and write; another operation takes the replica over.
func (r *receiver) abort() {
	r.up.Close()
	if r.mirror != nil {
		r.mirror.Close()
	}
}

// run receives until the last packet was acknowledged.
func (r *receiver) run() error {
	buf, ok := r.s.recvBufs.Get().(*[]byte)
	if !ok {
		b := make([]byte, receiveBuffer)
		buf = &b
	}
	small := r.in.adopt(*buf)
	defer func() {
		if len(r.in.buf) == receiveBuffer {
			r.s.recvBufs.Put(buf)
		}
		r.in.buf, r.in.r, r.in.w = small, 0, 0
	}()
	if !r.answers || r.mirror == nil {
		return r.receive()
	}
	r.acks = make(chan pendingAck, ackQueue)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if r.ackErr = r.respond(); r.ackErr != nil {
			r.abort()
			for range r.acks {
			}
		}
	}()
	err := r.receive()
	if err != nil {
		r.mirror.Close()
	}
	close(r.acks)
	<-done
	if r.ackErr != nil {
		return r.ackErr
	}
	return err
}

// receive takes packets until the last.
func (r *receiver) receive() error {
	var batch []packet
	for {
		batch = batch[:0]
		at, need := r.in.r, 0
		for {
			p, n, ok, err := parsePacket(r.in.buf[at:r.in.w])
			if err != nil {
				return err
			}
			if !ok {
				need = n
				break
			}
			batch = append(batch, p)
			at += n
			if p.last {
				break
			}
		}
		if len(batch) == 0 {
			if err := r.in.fill(need); err != nil {
				return err
			}
			continue
		}
		raw := r.in.buf[r.in.r:at]
		r.in.r = at
		last, err := r.process(batch, raw)
		if err != nil || last {
			return err
		}
	}
}

// process forwards, checks, writes and acknowledges packets that arrived together.
func (r *receiver) process(batch []packet, raw []byte) (last bool, err error) {
	if r.mirror != nil && !r.mirrorDown.Load() {
		if err := r.s.write(r.mirror, raw); err != nil {
			r.mirrorFailed(err)
		}
	}
	for i := range batch {
		p := &batch[i]
		if err := r.store(p); err != nil {
			r.flush()
			return false, err
		}
		a := pendingAck{p.seqno, p.offset + int64(p.dataLen), p.last}
		last = p.last
		switch {
		case r.acks != nil:
			r.acks <- a
		case r.answers:
			if err := r.acknowledge(a, selfOnly, 0); err != nil {
				return false, err
			}
		case last:
			if err := r.finish(); err != nil {
				return false, err
			}
		}
	}
	return last, r.flush()
}

var selfOnly = []pb.Status{pb.Status_SUCCESS}

func (r *receiver) mirrorFailed(err error) {
	if !r.mirrorDown.Swap(true) {
		r.s.log.Info("datanode downstream lost", "block", r.w.Block().String(), "peer", r.mirror.RemoteAddr(), "error", err)
	}
}

// store checks and writes one packet.
func (r *receiver) store(p *packet) error {
	if p.dataLen > 0 {
		if want := r.sum.SumsLen(int64(p.dataLen)); len(p.sums) != want && len(p.sums) != 0 {
			return fmt.Errorf("packet of %d bytes has %d bytes of checksums, expected %d: %w", p.dataLen, len(p.sums), want, errFraming)
		}
		// The links in the middle leave checking to the last one: its answer travels through all.
		if r.mirror == nil || !r.isClient || r.translate {
			if err := r.check(p); err != nil {
				return err
			}
		}
		sums := p.sums
		if r.translate {
			sums = nil
		}
		if err := r.throttle.Wait(r.s.ctx, p.dataLen); err != nil {
			return err
		}
		if err := r.w.Write(p.offset, p.data, sums); err != nil {
			r.s.cfg.Events.DiskError(err)
			return err
		}
		r.s.stats.BytesWritten.Add(int64(p.dataLen))
	}
	if p.sync {
		if err := r.w.Sync(); err != nil {
			r.s.cfg.Events.DiskError(err)
			return err
		}
	}
	return nil
}

func (r *receiver) check(p *packet) error {
	if len(p.sums) == 0 {
		return nil
	}
	if err := r.sum.Verify(p.data, p.sums); err != nil {
		r.s.stats.ChecksumErrors.Add(1)
		if r.source != nil && r.source.GetId().GetDatanodeUuid() != "" {
			r.s.cfg.Events.CorruptRemote(r.w.Block(), r.source)
		}
		if r.answers && r.acks == nil {
			r.upMu.Lock()
			r.out = appendAck(r.out, p.seqno, []pb.Status{pb.Status_ERROR_CHECKSUM}, 0)
			r.upMu.Unlock()
		}
		return fmt.Errorf("packet at byte %d: %w: %w", p.offset, errBadPacket, err)
	}
	return nil
}

// acknowledge puts an acknowledgement in the buffer for upstream; the last one only after the replica is finalized.
func (r *receiver) acknowledge(a pendingAck, replies []pb.Status, nanos uint64) error {
	if a.seqno != heartbeatSeqno {
		r.w.SetAcked(a.end)
	}
	if a.last {
		if err := r.finish(); err != nil {
			return err
		}
	}
	r.upMu.Lock()
	r.out = appendAck(r.out, a.seqno, replies, nanos)
	r.upMu.Unlock()
	return nil
}

func (r *receiver) flush() error {
	r.upMu.Lock()
	defer r.upMu.Unlock()
	if len(r.out) == 0 {
		return nil
	}
	err := r.s.write(r.up, r.out)
	r.out = r.out[:0]
	return err
}

// finish completes the replica and tells the namenode.
func (r *receiver) finish() error {
	if r.stage == pb.OpWriteBlockProto_TRANSFER_RBW {
		_, err := r.w.ConvertToRBW(r.w.Block().NumBytes)
		return err
	}
	rep, err := r.w.Finalize()
	if err != nil {
		r.s.cfg.Events.DiskError(err)
		return err
	}
	if !r.isTransfer {
		r.s.cfg.Events.Received(rep.Block, rep.StorageID, r.deleteHint)
	}
	return nil
}

// respond joins the acknowledgements from downstream with our own, in order.
func (r *receiver) respond() error {
	replies := make([]pb.Status, 0, 8)
	for a := range r.acks {
		replies = append(replies[:0], pb.Status_SUCCESS)
		var nanos uint64
		if !r.mirrorDown.Load() {
			began := time.Now()
			ack, err := r.readAck(a.seqno)
			nanos = uint64(time.Since(began))
			if err != nil {
				r.mirrorFailed(err)
			} else {
				replies = append(replies, ack.GetReply()...)
			}
		}
		if r.mirrorDown.Load() && len(replies) == 1 {
			replies = append(replies, pb.Status_ERROR)
		}
		if replies[1] == pb.Status_ERROR_CHECKSUM {
			// The bytes were damaged before they reached downstream: by us or before us. Going down marks this link bad, not the next.
			return fmt.Errorf("the datanode downstream received damaged bytes: %w", errBadPacket)
		}
		if err := r.acknowledge(a, replies, nanos); err != nil {
			return err
		}
		if len(r.acks) > 0 && r.down.hasMessage() {
			continue
		}
		if err := r.flush(); err != nil {
			return err
		}
	}
	return r.flush()
}

// readAck reads the acknowledgement of a packet, passing on the out-of-band ones before it.
func (r *receiver) readAck(seqno int64) (*pb.PipelineAckProto, error) {
	for {
		ack := new(pb.PipelineAckProto)
		if err := r.down.message(ack); err != nil {
			return nil, err
		}
		if ack.GetSeqno() == oobSeqno {
			r.upMu.Lock()
			r.out = appendAck(r.out, oobSeqno, append([]pb.Status{pb.Status_SUCCESS}, ack.GetReply()...), 0)
			r.upMu.Unlock()
			if err := r.flush(); err != nil {
				return nil, err
			}
			continue
		}
		if ack.GetSeqno() != seqno {
			return nil, fmt.Errorf("acknowledgement of packet %d, expected %d: %w", ack.GetSeqno(), seqno, errFraming)
		}
		if len(ack.GetReply()) == 0 || len(ack.GetReply()) > 1024 {
			return nil, fmt.Errorf("acknowledgement with %d replies: %w", len(ack.GetReply()), errFraming)
		}
		return ack, nil
	}
}

// sendOOB tells upstream, outside the order of packets, what this datanode is about to do.
func (r *receiver) sendOOB(status pb.Status) {
	if !r.answers {
		return
	}
	r.upMu.Lock()
	r.out = appendAck(r.out, oobSeqno, []pb.Status{status}, 0)
	r.upMu.Unlock()
	if err := r.flush(); err != nil {
		r.s.log.Debug("out-of-band message", "error", err)
	}
}

// hasMessage tells whether a whole delimited message is in the buffer.
func (s *stream) hasMessage() bool {
	b := s.buf[s.r:s.w]
	return len(b) > 0 && b[0] < 0x80 && len(b) > int(b[0])
}
