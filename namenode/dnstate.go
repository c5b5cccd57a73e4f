package namenode

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/namenode/dnproto"
	"github.com/lodehq/lode/namenode/namespace"
	"github.com/lodehq/lode/namenode/state"
	datanodepb "github.com/lodehq/lode/proto/hadoop/datanode"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
)

// datanodeState is the namenode as the datanodes' protocols see it.
type datanodeState struct{ s *Server }

var _ dnproto.State = datanodeState{}

func (d datanodeState) View(f func(m *blockmap.Map)) {
	d.s.state.View(func(_ *namespace.Namespace, bm *blockmap.Map) { f(bm) })
}

func (d datanodeState) Update(f func(m *blockmap.Map)) {
	d.s.state.Update(func(_ *namespace.Namespace, bm *blockmap.Map) { f(bm) })
}

func (d datanodeState) Now() int64 { return d.s.state.Now() }

func (d datanodeState) Cluster() dnproto.Cluster {
	id := d.s.identity.Load()
	return dnproto.Cluster{ClusterID: id.ClusterID, BlockPoolID: id.BlockPoolID, NamespaceID: uint32(id.NamespaceID), CTime: uint64(id.CTime),
		SoftwareVersion: SoftwareVersion, BuildVersion: SoftwareVersion}
}

func (d datanodeState) HAState() (active bool, txid int64) {
	return d.s.state.Active(), d.s.txid()
}

func (d datanodeState) CheckpointTxID() int64 {
	return max(0, d.s.txid()-d.s.journal.Stats().CommandsSinceImage)
}

// TxID is the number of the last change that was applied.
func (s *Server) TxID() int64 { return s.txid() }

func (s *Server) txid() (id int64) {
	s.state.View(func(ns *namespace.Namespace, _ *blockmap.Map) { id = int64(ns.Stats().Applied) })
	return id
}

func (d datanodeState) CheckSuperuser(call *hrpc.Call) error {
	if d.s.cfg.Namespace.DisablePermissions || d.s.users.Caller(call.User).Superuser {
		return nil
	}
	return hdfs.Errorf(hdfs.AccessControl, "Access denied for user %s. Superuser privilege is required", call.User)
}

// CommitBlockSynchronization ends a block recovery: it is journaled, and the datanodes that took part hold the block.
func (d datanodeState) CommitBlockSynchronization(ctx context.Context, call *hrpc.Call, req *datanodepb.CommitBlockSynchronizationRequestProto) error {
	if d.s.state.InSafeMode() {
		return hdfs.Errorf(hdfs.SafeMode, "Cannot commitBlockSynchronization while in safe mode. Name node is in safe mode.")
	}
	block := hdfs.Block{ID: hdfs.BlockID(req.GetBlock().GetBlockId()), GenStamp: hdfs.GenStamp(req.GetNewGenStamp()), NumBytes: int64(req.GetNewLength())}
	done := make(chan error, 1)
	h := d.s.state.Self()
	h.ClientID, h.CallID = nil, -1
	d.s.state.Submit(&state.Command{Header: h, Request: req, Method: journalpb.Method_COMMIT_BLOCK_SYNCHRONIZATION,
		Locked: func(_ *namespace.Namespace, bm *blockmap.Map, _ proto.Message) {
			if req.GetDeleteBlock() {
				return
			}
			refs := make([]blockmap.StorageRef, len(req.GetNewTaragets()))
			for i, t := range req.GetNewTaragets() {
				refs[i].Datanode = t.GetDatanodeUuid()
				if ids := req.GetNewTargetStorages(); i < len(ids) {
					refs[i].Storage = ids[i]
				}
			}
			bm.Synchronized(block, refs)
		},
		Done: func(_ proto.Message, err error) { done <- err }})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
