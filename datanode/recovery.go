package datanode

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/hrpc"
	dnpb "github.com/lodehq/lode/proto/hadoop/datanode"
	pb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// participant is a replica in a block recovery.
type participant struct {
	id     *pb.DatanodeIDProto
	client *hrpc.Client // nil for this datanode
	block  hdfs.Block   // as it is there
	state  hdfs.ReplicaState
}

// recoverBlock brings the replicas of a block whose writer is gone to one length and stamp, and tells the namenode
// (BlockRecoveryWorker): all datanodes stop writing and say what they have; the best state decides the length; those that can take
// it do; the namenode gets their list.
func (s *Server) recoverBlock(a *actor, rb *pb.RecoveringBlockProto) error {
	located := rb.GetBlock()
	b := extendedBlock(located.GetB())
	stamp := hdfs.GenStamp(rb.GetNewGenStamp())
	parts, err := s.survey(b, stamp, located.GetLocs(), rb)
	defer func() {
		for _, p := range parts {
			if p.client != nil {
				p.client.Close()
			}
		}
	}()
	if err != nil {
		return err
	}
	req := &dnpb.CommitBlockSynchronizationRequestProto{
		Block: located.GetB(), NewGenStamp: rb.NewGenStamp, NewLength: proto.Uint64(0), CloseFile: proto.Bool(true), DeleteBlock: proto.Bool(false),
	}
	if len(parts) == 0 {
		// Nobody has a byte of it.
		req.DeleteBlock = proto.Bool(true)
		return s.commitSync(a, req)
	}
	chosen, length, err := agree(parts)
	if err != nil {
		return err
	}
	newID := b.ID
	if t := rb.GetTruncateBlock(); t != nil {
		newID = hdfs.BlockID(t.GetBlockId())
		if want := int64(t.GetNumBytes()); want <= length {
			length = want
		} else {
			return fmt.Errorf("truncate %s to %d bytes: its replicas have %d", b, want, length)
		}
	}
	var errs []error
	for _, p := range chosen {
		storage, err := s.updateAt(p, stamp, newID, length)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		req.NewTaragets = append(req.NewTaragets, p.id)
		req.NewTargetStorages = append(req.NewTargetStorages, storage)
	}
	if len(req.NewTaragets) == 0 {
		return fmt.Errorf("recover %s: every datanode failed: %w", b, errors.Join(errs...))
	}
	req.NewLength = proto.Uint64(uint64(length))
	return s.commitSync(a, req)
}

func (s *Server) commitSync(a *actor, req *dnpb.CommitBlockSynchronizationRequestProto) error {
	if err := a.client.Call(s.ctx, "commitBlockSynchronization", req, &dnpb.CommitBlockSynchronizationResponseProto{}); err != nil {
		return fmt.Errorf("commitBlockSynchronization: %w", err)
	}
	return nil
}

func extendedBlock(b *pb.ExtendedBlockProto) hdfs.Block {
	return hdfs.Block{ID: hdfs.BlockID(b.GetBlockId()), GenStamp: hdfs.GenStamp(b.GetGenerationStamp()), NumBytes: int64(b.GetNumBytes())}
}

// survey begins recovery at every datanode and answers the replicas that may take part. Those without bytes are left out: if nobody
// has any, the block goes.
func (s *Server) survey(b hdfs.Block, stamp hdfs.GenStamp, locs []*pb.DatanodeInfoProto, rb *pb.RecoveringBlockProto) ([]participant, error) {
	var parts []participant
	var errs []error
	candidates := 0
	for _, loc := range locs {
		p := participant{id: loc.GetId()}
		found, err := s.initAt(&p, b, stamp, rb)
		switch {
		case hdfs.ClassOf(err) == hdfs.RecoveryInProgress:
			return parts, fmt.Errorf("a newer recovery of %s is under way: %w", b, err)
		case err != nil:
			errs = append(errs, fmt.Errorf("datanode %s: %w", loc.GetId().GetHostName(), err))
			s.log.Info("begin block recovery", "block", b.String(), "peer", loc.GetId().GetIpAddr(), "error", err)
		case found && p.block.GenStamp >= b.GenStamp && p.block.NumBytes > 0:
			candidates++
			if p.state <= hdfs.ReplicaRWR {
				parts = append(parts, p)
				continue
			}
		}
		if p.client != nil {
			p.client.Close()
		}
	}
	if len(errs) > 0 && len(errs) == len(locs) {
		return parts, fmt.Errorf("recover %s: all datanodes failed: %w", b, errors.Join(errs...))
	}
	if candidates > 0 && len(parts) == 0 {
		return parts, fmt.Errorf("recover %s: %d replicas, none in state RWR or better", b, candidates)
	}
	return parts, nil
}

// agree chooses the replicas that take part and the length of all of them.
func agree(parts []participant) (chosen []participant, length int64, err error) {
	best := hdfs.ReplicaRWR
	length = -1
	for _, p := range parts {
		best = min(best, p.state)
		if p.state == hdfs.ReplicaFinalized {
			if length >= 0 && length != p.block.NumBytes {
				return nil, 0, fmt.Errorf("inconsistent size of finalized replicas of %s: %d and %d", p.block, length, p.block.NumBytes)
			}
			length = p.block.NumBytes
		}
	}
	if best == hdfs.ReplicaFinalized {
		for _, p := range parts {
			if p.state == hdfs.ReplicaFinalized || p.state == hdfs.ReplicaRBW && p.block.NumBytes == length {
				chosen = append(chosen, p)
			}
		}
		return chosen, length, nil
	}
	length = math.MaxInt64
	for _, p := range parts {
		if p.state == best {
			length = min(length, p.block.NumBytes)
			chosen = append(chosen, p)
		}
	}
	return chosen, length, nil
}

func (s *Server) initAt(p *participant, b hdfs.Block, stamp hdfs.GenStamp, rb *pb.RecoveringBlockProto) (found bool, err error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.RecoveryWindow)
	defer cancel()
	if p.id.GetDatanodeUuid() == s.store.UUID() {
		r, ok, err := s.store.InitRecovery(ctx, b, stamp)
		p.block, p.state = r.Block, r.State
		return ok, err
	}
	host := p.id.GetIpAddr()
	if s.cfg.UseHostname {
		host = p.id.GetHostName()
	}
	p.client = hrpc.NewClient(hrpc.ClientOptions{
		Addresses: []string{net.JoinHostPort(host, strconv.Itoa(int(p.id.GetIpcPort())))}, Protocol: hrpc.InterDatanodeProtocol,
		User: s.cfg.User, Dialer: s.cfg.Dial, Timeout: s.cfg.RecoveryWindow, ConnectTimeout: s.cfg.RecoveryWindow / 3, Attempts: 1, Logger: s.log,
	})
	var resp pb.InitReplicaRecoveryResponseProto
	if err := p.client.Call(ctx, "initReplicaRecovery", &pb.InitReplicaRecoveryRequestProto{Block: rb}, &resp); err != nil {
		return false, err
	}
	p.block, p.state = block(resp.GetBlock()), hdfs.ReplicaState(resp.GetState())
	return resp.GetReplicaFound(), nil
}

func (s *Server) updateAt(p participant, stamp hdfs.GenStamp, newID hdfs.BlockID, n int64) (storage string, err error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.RecoveryWindow)
	defer cancel()
	if p.client == nil {
		return s.updateHere(ctx, p.block, stamp, newID, n)
	}
	var resp pb.UpdateReplicaUnderRecoveryResponseProto
	err = p.client.Call(ctx, "updateReplicaUnderRecovery", &pb.UpdateReplicaUnderRecoveryRequestProto{
		Block: s.extended(p.block), RecoveryId: proto.Uint64(uint64(stamp)), NewLength: proto.Uint64(uint64(n)), NewBlockId: proto.Uint64(uint64(newID)),
	}, &resp)
	return resp.GetStorageUuid(), err
}

// updateHere ends recovery of our own replica and reports it: a standby namenode learns of it in no other way.
func (s *Server) updateHere(ctx context.Context, b hdfs.Block, stamp hdfs.GenStamp, newID hdfs.BlockID, n int64) (string, error) {
	r, err := s.store.UpdateRecovery(ctx, b, stamp, newID, n)
	if err != nil {
		return "", err
	}
	events{s}.Received(r.Block, r.StorageID, "")
	return r.StorageID, nil
}
