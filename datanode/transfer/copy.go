package transfer

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/datanode/blockstore"
	"github.com/lodehq/lode/internal/hdfs"
	pb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Targets of a copy, parallel lists.
type Targets struct {
	Nodes    []*pb.DatanodeInfoProto
	Types    []pb.StorageTypeProto
	Storages []string
}

// Copy sends a replica of this datanode to others: replication as the namenode ordered it (client is ""), or one more link for a
// client's pipeline. It answers when the bytes are sent and, for a client, acknowledged.
func (s *Server) Copy(ctx context.Context, b hdfs.Block, to Targets, stage pb.OpWriteBlockProto_BlockConstructionStage, client string) error {
	if len(to.Nodes) == 0 {
		return fmt.Errorf("copy %s: no targets", b)
	}
	s.xmits.Add(1)
	defer s.xmits.Add(-1)
	r, err := s.store.Open(ctx, b, 0, b.NumBytes)
	if err != nil {
		s.noteReadError(b, err)
		return fmt.Errorf("copy %s: %w", b, err)
	}
	defer r.Close()
	c, err := s.dial(ctx, to.Nodes[0])
	if err != nil {
		return fmt.Errorf("copy %s: %w", b, err)
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	op := &pb.OpWriteBlockProto{
		Header:  &pb.ClientOperationHeaderProto{BaseHeader: header(s.extended(b), nil), ClientName: &client},
		Targets: to.Nodes[1:], Source: s.cfg.Self(), Stage: &stage, PipelineSize: proto.Uint32(0),
		MinBytesRcvd: proto.Uint64(0), MaxBytesRcvd: proto.Uint64(0), LatestGenerationStamp: proto.Uint64(0),
		RequestedChecksum: checksumProto(r.Sum),
	}
	if len(to.Types) > 0 {
		op.StorageType, op.TargetStorageTypes = to.Types[0].Enum(), to.Types[1:]
	}
	if len(to.Storages) > 0 {
		op.StorageId, op.TargetStorageIds = &to.Storages[0], to.Storages[1:]
	}
	if err := s.write(c, appendOp(nil, opWriteBlock, op)); err != nil {
		return fmt.Errorf("copy %s: %w", b, err)
	}
	d := sender{s: s, c: c, r: r, block: b, throttle: s.transfer}
	if err := d.run(0, b.NumBytes); err != nil {
		return fmt.Errorf("copy %s: %w", b, err)
	}
	in := &stream{conn: c, buf: make([]byte, 4096), timeout: s.cfg.SocketTimeout}
	if client == "" {
		// The receiver of a replication answers nothing and hangs up when it has stored the replica.
		_, _ = in.take(1)
		return nil
	}
	var ack pb.DNTransferAckProto
	if err := in.message(&ack); err != nil {
		return fmt.Errorf("copy %s: acknowledgement: %w", b, err)
	}
	if ack.GetStatus() != pb.Status_SUCCESS {
		return fmt.Errorf("copy %s: the target answered %s", b, ack.GetStatus())
	}
	return nil
}

// transferBlock serves TRANSFER_BLOCK: a client wants another link in its pipeline, with what this replica has.
func (s *Server) transferBlock(c net.Conn, m *pb.OpTransferBlockProto) (bool, error) {
	b, err := s.local(m.GetHeader().GetBaseHeader().GetBlock())
	if err != nil {
		return false, s.refuse(c, pb.Status_ERROR, err)
	}
	rep, ok := s.store.Get(b.ID)
	var stage pb.OpWriteBlockProto_BlockConstructionStage
	switch {
	case !ok:
		err = hdfs.Errorf(hdfs.ReplicaNotFound, "Replica not found for %s", b)
	case rep.GenStamp < b.GenStamp:
		err = fmt.Errorf("replica %s is older than %s", rep.Block, b)
	case rep.State == hdfs.ReplicaRBW:
		stage = pb.OpWriteBlockProto_TRANSFER_RBW
	case rep.State == hdfs.ReplicaFinalized:
		stage = pb.OpWriteBlockProto_TRANSFER_FINALIZED
	default:
		err = fmt.Errorf("replica %s in state %s cannot be transferred", rep.Block, rep.State)
	}
	if err == nil && len(m.GetTargets()) > 0 {
		rep.NumBytes = rep.Visible
		err = s.Copy(s.ctx, rep.Block, Targets{m.GetTargets(), m.GetTargetStorageTypes(), m.GetTargetStorageIds()}, stage, m.GetHeader().GetClientName())
	}
	if err != nil {
		return false, s.refuse(c, pb.Status_ERROR, err)
	}
	return false, s.send(c, response(pb.Status_SUCCESS, "", ""))
}

// errBusy is answered when the balancer asks for more at a time than allowed.
var errBusy = errors.New("too many balancer transfers at a time (dfs.datanode.balance.max.concurrent.moves)")

func (s *Server) enterMove() bool {
	select {
	case s.moves <- struct{}{}:
		return true
	default:
		return false
	}
}

// copyBlock serves COPY_BLOCK: another datanode takes a replica over for the balancer.
func (s *Server) copyBlock(c net.Conn, m *pb.OpCopyBlockProto) (bool, error) {
	b, err := s.local(m.GetHeader().GetBlock())
	if err != nil {
		return false, s.refuse(c, pb.Status_ERROR, err)
	}
	if !s.enterMove() {
		return false, s.refuse(c, pb.Status_ERROR, errBusy)
	}
	defer func() { <-s.moves }()
	r, err := s.store.Open(s.ctx, b, 0, -1)
	if err != nil {
		s.noteReadError(b, err)
		return false, s.refuse(c, pb.Status_ERROR, err)
	}
	defer r.Close()
	d := sender{s: s, c: c, r: r, block: b, greet: true, throttle: s.balance}
	return false, d.run(0, r.Length)
}

// replaceBlock serves REPLACE_BLOCK: fetch a replica from another datanode and tell the namenode which one it may delete.
func (s *Server) replaceBlock(c net.Conn, m *pb.OpReplaceBlockProto) (bool, error) {
	b, err := s.local(m.GetHeader().GetBlock())
	if err != nil {
		return false, s.refuse(c, pb.Status_ERROR, err)
	}
	if !s.enterMove() {
		return false, s.refuse(c, pb.Status_ERROR, errBusy)
	}
	defer func() { <-s.moves }()
	done := make(chan error, 1)
	go func() { done <- s.fetch(b, m) }()
	tick := time.NewTicker(s.cfg.SocketTimeout / 2)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if serr := s.send(c, response(pb.Status_IN_PROGRESS, "", "")); serr != nil {
				s.log.Debug("balancer is gone", "error", serr)
			}
			continue
		case err = <-done:
		}
		break
	}
	if err != nil {
		return false, s.refuse(c, pb.Status_ERROR, fmt.Errorf("replace %s: %w", b, err))
	}
	return false, s.send(c, response(pb.Status_SUCCESS, "", ""))
}

func (s *Server) fetch(b hdfs.Block, m *pb.OpReplaceBlockProto) error {
	from, err := s.dial(s.ctx, m.GetSource())
	if err != nil {
		return err
	}
	defer from.Close()
	stop := context.AfterFunc(s.ctx, func() { from.Close() })
	defer stop()
	if err := s.write(from, appendOp(nil, opCopyBlock, &pb.OpCopyBlockProto{Header: header(s.extended(b), m.GetHeader().GetToken())})); err != nil {
		return err
	}
	in := &stream{conn: from, buf: make([]byte, 4096), timeout: s.cfg.SocketTimeout}
	var answer pb.BlockOpResponseProto
	if err := in.message(&answer); err != nil {
		return err
	}
	if answer.GetStatus() != pb.Status_SUCCESS {
		return fmt.Errorf("%s answered %s: %s", xferAddr(m.GetSource()), answer.GetStatus(), answer.GetMessage())
	}
	sum := checksumOf(answer.GetReadOpChecksumInfo().GetChecksum())
	w, err := s.store.Create(s.ctx, b, blockstore.CreateOptions{
		Temporary: true, StorageType: hdfs.StorageType(m.GetStorageType()), StorageID: m.GetStorageId(), Checksum: sum, Reserve: b.NumBytes,
	})
	if err != nil {
		return err
	}
	defer w.Close()
	r := &receiver{s: s, in: in, up: from, w: w, sum: sum, source: m.GetSource(), throttle: s.balance, deleteHint: m.GetDelHint()}
	w.OnInterrupt(r.abort)
	return r.run()
}

// blockChecksum serves BLOCK_CHECKSUM: the MD5 of the checksums, or the CRC of the whole.
func (s *Server) blockChecksum(c net.Conn, m *pb.OpBlockChecksumProto) (bool, error) {
	b, err := s.local(m.GetHeader().GetBlock())
	if err != nil {
		return false, s.refuse(c, pb.Status_ERROR, err)
	}
	resp, err := s.digest(b, m.GetBlockChecksumOptions())
	if err != nil {
		s.noteReadError(b, err)
		return false, s.refuse(c, pb.Status_ERROR, fmt.Errorf("checksum of %s: %w", b, err))
	}
	answer := response(pb.Status_SUCCESS, "", "")
	answer.ChecksumResponse = resp
	return false, s.send(c, answer)
}

func (s *Server) digest(b hdfs.Block, o *pb.BlockChecksumOptionsProto) (*pb.OpBlockChecksumResponseProto, error) {
	r, err := s.store.Open(s.ctx, b, 0, b.NumBytes)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	n := r.Length
	if b.NumBytes > 0 {
		n = min(n, b.NumBytes)
	}
	sum := r.Sum
	if sum.Size() == 0 {
		return nil, errors.New("the replica has no checksums")
	}
	resp := &pb.OpBlockChecksumResponseProto{
		BytesPerCrc: proto.Uint32(uint32(sum.BytesPerChecksum)), CrcPerBlock: proto.Uint64(uint64(sum.Chunks(r.Length))),
		CrcType: pb.ChecksumTypeProto(sum.Type).Enum(), BlockChecksumOptions: &pb.BlockChecksumOptionsProto{BlockChecksumType: o.GetBlockChecksumType().Enum()},
	}
	bpc := int64(sum.BytesPerChecksum)
	step := max(1, (1<<20)/bpc) * bpc
	sums := make([]byte, sum.SumsLen(step))
	if o.GetBlockChecksumType() == pb.BlockChecksumTypeProto_COMPOSITE_CRC {
		data := make([]byte, step)
		crc := uint32(0)
		for off := int64(0); off < n; off += step {
			part := data[:min(step, r.Length-off)]
			if _, err := r.ReadAt(part, sums, off); err != nil {
				return nil, err
			}
			crc = sum.Update(crc, part[:min(int64(len(part)), n-off)])
		}
		resp.BlockChecksum = binary.BigEndian.AppendUint32(nil, crc)
		return resp, nil
	}
	h := md5.New()
	whole := n - n%bpc
	if n == r.Length {
		whole = n
	}
	for off := int64(0); off < whole; off += step {
		m, err := r.SumsAt(sums, off, min(step, whole-off))
		if err != nil {
			return nil, err
		}
		h.Write(sums[:m])
	}
	if whole < n {
		chunk := make([]byte, min(bpc, r.Length-whole))
		if _, err := r.ReadAt(chunk, sums, whole); err != nil {
			return nil, err
		}
		h.Write(sum.Sum(nil, chunk[:n-whole]))
	}
	resp.BlockChecksum = h.Sum(nil)
	return resp, nil
}
