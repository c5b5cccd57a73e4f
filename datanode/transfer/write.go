package transfer

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/datanode/blockstore"
	"github.com/lodehq/lode/internal/hdfs"
	pb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// writeBlock serves WRITE_BLOCK: one link of a pipeline (isClient), of a copy made for a client's pipeline (isTransfer), or of a
// replication (no client name).
func (s *Server) writeBlock(c net.Conn, in *stream, m *pb.OpWriteBlockProto) (again bool, err error) {
	stage := m.GetStage()
	r := &receiver{
		s: s, in: in, up: c, stage: stage,
		isTransfer: stage == pb.OpWriteBlockProto_TRANSFER_RBW || stage == pb.OpWriteBlockProto_TRANSFER_FINALIZED,
		isClient:   m.GetHeader().GetClientName() != "",
		source:     m.GetSource(),
		sum:        checksumOf(m.GetRequestedChecksum()),
	}
	r.answers = r.isClient && !r.isTransfer
	refuse := func(err error) error {
		if !r.answers {
			return err
		}
		return errors.Join(err, s.send(c, response(pb.Status_ERROR, xferAddr(s.cfg.Self()), err.Error())))
	}
	b, err := s.local(m.GetHeader().GetBaseHeader().GetBlock())
	if err != nil {
		return false, refuse(err)
	}
	if !r.sum.Valid() {
		return false, refuse(fmt.Errorf("write %s: checksum type %d with %d bytes per checksum is not supported", b, r.sum.Type, r.sum.BytesPerChecksum))
	}
	s.writers.Add(1)
	defer s.writers.Add(-1)

	closing := stage == pb.OpWriteBlockProto_PIPELINE_CLOSE_RECOVERY
	var closed blockstore.Replica
	if closing {
		closed, err = s.store.RecoverClose(s.ctx, b, hdfs.GenStamp(m.GetLatestGenerationStamp()), int64(m.GetMinBytesRcvd()))
	} else {
		r.w, err = s.openForWrite(b, m, r)
	}
	if err != nil {
		return false, refuse(err)
	}
	if r.w != nil {
		defer r.w.Close()
	}
	if err := r.connect(m); err != nil {
		return false, err
	}
	if r.mirror != nil {
		defer r.mirror.Close()
	}
	if closing {
		s.cfg.Events.Received(closed.Block, closed.StorageID, "")
		return false, nil
	}
	if r.w.Checksum() != r.sum {
		r.translate = true
	}
	r.w.OnInterrupt(r.abort)
	if !s.enlist(r) {
		return false, net.ErrClosed
	}
	defer s.delist(r)
	if err := r.run(); err != nil {
		if errors.Is(err, errBadPacket) {
			r.drain()
		}
		return false, fmt.Errorf("receive %s: %w", r.w.Block(), err)
	}
	s.stats.BlocksWritten.Add(1)
	if r.isTransfer {
		return false, s.send(c, response(pb.Status_SUCCESS, "", ""))
	}
	return false, nil
}

// drain reads what still comes, for a moment: hanging up on unread bytes would take the last acknowledgement away from the peer.
func (r *receiver) drain() {
	if t, ok := r.up.(*net.TCPConn); ok {
		t.CloseWrite()
	}
	r.up.SetReadDeadline(time.Now().Add(3 * time.Second))
	_, _ = io.Copy(io.Discard, r.up)
}

func (s *Server) enlist(r *receiver) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.pipelines[r] = struct{}{}
	return true
}

func (s *Server) delist(r *receiver) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pipelines, r)
}

// openForWrite opens the replica as the stage asks (BlockReceiver's constructor).
func (s *Server) openForWrite(b hdfs.Block, m *pb.OpWriteBlockProto, r *receiver) (*blockstore.Writer, error) {
	stamp := hdfs.GenStamp(m.GetLatestGenerationStamp())
	minBytes, maxBytes := int64(m.GetMinBytesRcvd()), int64(m.GetMaxBytesRcvd())
	var kind hdfs.StorageType
	if m.StorageType != nil {
		kind = hdfs.StorageType(m.GetStorageType())
	}
	o := blockstore.CreateOptions{StorageType: kind, StorageID: m.GetStorageId(), Checksum: r.sum, Reserve: b.NumBytes}
	if !r.isClient || r.isTransfer {
		o.Temporary = true
		return s.store.Create(s.ctx, b, o)
	}
	var w *blockstore.Writer
	var err error
	switch m.GetStage() {
	case pb.OpWriteBlockProto_PIPELINE_SETUP_CREATE:
		if stamp != b.GenStamp {
			o.NewStamp = stamp
		}
		w, err = s.store.Create(s.ctx, b, o)
	case pb.OpWriteBlockProto_PIPELINE_SETUP_STREAMING_RECOVERY:
		w, err = s.store.RecoverRBW(s.ctx, b, stamp, minBytes, maxBytes)
	case pb.OpWriteBlockProto_PIPELINE_SETUP_APPEND:
		w, err = s.store.Append(s.ctx, b, stamp, minBytes)
	case pb.OpWriteBlockProto_PIPELINE_SETUP_APPEND_RECOVERY:
		w, err = s.store.RecoverAppend(s.ctx, b, stamp, minBytes)
	default:
		return nil, fmt.Errorf("Unsupported stage %s while receiving block %s", m.GetStage(), b)
	}
	if err != nil {
		return nil, err
	}
	s.cfg.Events.Receiving(w.Block(), w.StorageID())
	return w, nil
}

// connect opens the connection to the next datanode, and answers upstream how the whole rest of the pipeline stands.
func (r *receiver) connect(m *pb.OpWriteBlockProto) error {
	s := r.s
	if len(m.GetTargets()) == 0 {
		if r.answers {
			return s.send(r.up, response(pb.Status_SUCCESS, "", ""))
		}
		return nil
	}
	next := m.GetTargets()[0]
	answer, err := r.dialMirror(next, m)
	if err != nil {
		s.log.Info("next datanode of the pipeline", "peer", xferAddr(next), "error", err)
		if r.mirror != nil {
			r.mirror.Close()
			r.mirror = nil
		}
		if !r.answers {
			return nil // a copy: what arrives here is kept
		}
		answer = response(pb.Status_ERROR, xferAddr(next), err.Error())
	}
	if !r.answers {
		return nil
	}
	if err := s.send(r.up, answer); err != nil {
		return err
	}
	if answer.GetStatus() != pb.Status_SUCCESS {
		return fmt.Errorf("pipeline not made: %s at %s %s", answer.GetStatus(), answer.GetFirstBadLink(), answer.GetMessage())
	}
	return nil
}

func (r *receiver) dialMirror(next *pb.DatanodeInfoProto, m *pb.OpWriteBlockProto) (*pb.BlockOpResponseProto, error) {
	s := r.s
	c, err := s.dial(s.ctx, next)
	if err != nil {
		return nil, err
	}
	r.mirror = c
	op := proto.Clone(m).(*pb.OpWriteBlockProto)
	op.Targets = op.Targets[1:]
	op.StorageType, op.TargetStorageTypes = shift(op.TargetStorageTypes, len(op.Targets))
	op.StorageId = nil
	if len(op.TargetStorageIds) > len(op.Targets) {
		op.TargetStorageIds = op.TargetStorageIds[len(op.TargetStorageIds)-len(op.Targets)-1:]
		op.StorageId = proto.String(op.TargetStorageIds[0])
		op.TargetStorageIds = op.TargetStorageIds[1:]
	}
	if len(op.TargetPinnings) > 0 {
		op.Pinning, op.TargetPinnings = proto.Bool(op.TargetPinnings[0]), op.TargetPinnings[1:]
	}
	if err := s.write(c, appendOp(nil, opWriteBlock, op)); err != nil {
		return nil, err
	}
	r.down = &stream{conn: c, buf: make([]byte, 4096), timeout: s.cfg.SocketTimeout + 5*time.Second*time.Duration(len(m.GetTargets()))}
	if !r.answers {
		return nil, nil
	}
	var answer pb.BlockOpResponseProto
	if err := r.down.message(&answer); err != nil {
		return nil, err
	}
	if answer.FirstBadLink == nil {
		answer.FirstBadLink = proto.String("")
	}
	return &answer, nil
}

// shift takes the storage type of the next datanode off the list. Some clients list the types of all datanodes, some only of
// those downstream: what counts is the end of the list.
func shift(types []pb.StorageTypeProto, rest int) (*pb.StorageTypeProto, []pb.StorageTypeProto) {
	if len(types) <= rest {
		return nil, types
	}
	types = types[len(types)-rest-1:]
	return types[0].Enum(), types[1:]
}
