package dnproto

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/proto/hadoop/hdfs"
	"github.com/lodehq/lode/proto/hadoop/namenode"
)

// The balancer and mover live on versionRequest, getBlockKeys, getBlocks and isUpgradeFinalized. Checkpointing namenodes and
// fetchers of edit logs are refused: the namenodes of a Lode cluster keep each other up to date by themselves.

func (h *handler) getBlocks(_ context.Context, call *hrpc.Call, req *namenodepb.GetBlocksRequestProto) (*namenodepb.GetBlocksResponseProto, error) {
	if err := h.state.CheckSuperuser(call); err != nil {
		return nil, err
	}
	if int64(req.GetSize()) <= 0 {
		return nil, hdfs.Errorf(hdfs.IllegalArgumentJava, "Unexpected not positive size: %d", int64(req.GetSize()))
	}
	var only *hdfs.StorageType
	if req.StorageType != nil {
		t := hdfs.StorageType(req.GetStorageType())
		only = &t
	}
	var list []blockmap.BlockOnNode
	var err error
	h.state.Update(func(m *blockmap.Map) {
		list, err = m.BlocksOnNode(req.GetDatanode().GetDatanodeUuid(), int64(req.GetSize()), int64(req.GetMinBlockSize()), only)
	})
	if err != nil {
		return nil, err
	}
	out := new(hdfspb.BlocksWithLocationsProto)
	for _, b := range list {
		e := &hdfspb.BlockWithLocationsProto{Block: BlockProto(b.Block)}
		for _, l := range b.Locations {
			e.DatanodeUuids = append(e.DatanodeUuids, l.Datanode.UUID)
			e.StorageUuids = append(e.StorageUuids, l.StorageID)
			e.StorageTypes = append(e.StorageTypes, hdfspb.StorageTypeProto(l.StorageType))
		}
		out.Blocks = append(out.Blocks, e)
	}
	return &namenodepb.GetBlocksResponseProto{Blocks: out}, nil
}

func (h *handler) getBlockKeys(_ context.Context, call *hrpc.Call, _ *namenodepb.GetBlockKeysRequestProto) (*namenodepb.GetBlockKeysResponseProto, error) {
	if err := h.state.CheckSuperuser(call); err != nil {
		return nil, err
	}
	keys := noBlockKeys()
	if h.opts.Keys != nil {
		keys = h.opts.Keys()
	}
	return &namenodepb.GetBlockKeysResponseProto{Keys: keys}, nil
}

// noBlockKeys says that block tokens are off (ExportedBlockKeys.DUMMY_KEYS): Apache's balancer breaks down when the answer says nothing.
func noBlockKeys() *hdfspb.ExportedBlockKeysProto {
	none := &hdfspb.BlockKeyProto{KeyId: proto.Uint32(0), ExpiryDate: proto.Uint64(0), KeyBytes: []byte{}}
	return &hdfspb.ExportedBlockKeysProto{IsBlockTokenEnabled: proto.Bool(false), KeyUpdateInterval: proto.Uint64(0), TokenLifeTime: proto.Uint64(0), CurrentKey: none}
}

func (h *handler) getTransactionID(_ context.Context, call *hrpc.Call, _ *namenodepb.GetTransactionIdRequestProto) (*namenodepb.GetTransactionIdResponseProto, error) {
	if err := h.state.CheckSuperuser(call); err != nil {
		return nil, err
	}
	_, txid := h.state.HAState()
	return &namenodepb.GetTransactionIdResponseProto{TxId: proto.Uint64(uint64(txid))}, nil
}

func (h *handler) getMostRecentCheckpointTxID(_ context.Context, call *hrpc.Call, _ *namenodepb.GetMostRecentCheckpointTxIdRequestProto) (*namenodepb.GetMostRecentCheckpointTxIdResponseProto, error) {
	if err := h.state.CheckSuperuser(call); err != nil {
		return nil, err
	}
	return &namenodepb.GetMostRecentCheckpointTxIdResponseProto{TxId: proto.Uint64(uint64(h.state.CheckpointTxID()))}, nil
}

func (h *handler) peerVersionRequest(_ context.Context, call *hrpc.Call, _ *hdfspb.VersionRequestProto) (*hdfspb.VersionResponseProto, error) {
	if err := h.state.CheckSuperuser(call); err != nil {
		return nil, err
	}
	return &hdfspb.VersionResponseProto{Info: h.namespaceInfo()}, nil
}

func (h *handler) peerErrorReport(_ context.Context, call *hrpc.Call, req *namenodepb.ErrorReportRequestProto) (*namenodepb.ErrorReportResponseProto, error) {
	if err := h.state.CheckSuperuser(call); err != nil {
		return nil, err
	}
	h.log.Warn("error reported by a peer", "peer", req.GetRegistration().GetRpcAddress(), "code", req.GetErrorCode(), "message", req.GetMsg())
	return nil, nil
}

func (h *handler) isUpgradeFinalized(_ context.Context, call *hrpc.Call, _ *namenodepb.IsUpgradeFinalizedRequestProto) (*namenodepb.IsUpgradeFinalizedResponseProto, error) {
	if err := h.state.CheckSuperuser(call); err != nil {
		return nil, err
	}
	return &namenodepb.IsUpgradeFinalizedResponseProto{IsUpgradeFinalized: proto.Bool(true)}, nil
}

func (h *handler) isRollingUpgrade(_ context.Context, call *hrpc.Call, _ *namenodepb.IsRollingUpgradeRequestProto) (*namenodepb.IsRollingUpgradeResponseProto, error) {
	if err := h.state.CheckSuperuser(call); err != nil {
		return nil, err
	}
	return &namenodepb.IsRollingUpgradeResponseProto{IsRollingUpgrade: proto.Bool(false)}, nil
}

// getNextSPSPath: the storage policy satisfier is off, there is no next path.
func (h *handler) getNextSPSPath(_ context.Context, call *hrpc.Call, _ *namenodepb.GetNextSPSPathRequestProto) (*namenodepb.GetNextSPSPathResponseProto, error) {
	return nil, h.state.CheckSuperuser(call)
}

func (h *handler) refuse(call *hrpc.Call, what string) error {
	if err := h.state.CheckSuperuser(call); err != nil {
		return err
	}
	return hdfs.Errorf(hdfs.UnsupportedOperation, "%s is not supported: namenodes replicate their journal among themselves and need no checkpointing peer", what)
}

func (h *handler) rollEditLog(_ context.Context, call *hrpc.Call, _ *namenodepb.RollEditLogRequestProto) (*namenodepb.RollEditLogResponseProto, error) {
	return nil, h.refuse(call, "rollEditLog")
}

func (h *handler) registerSubordinate(_ context.Context, call *hrpc.Call, _ *namenodepb.RegisterRequestProto) (*namenodepb.RegisterResponseProto, error) {
	return nil, h.refuse(call, "registerSubordinateNamenode")
}

func (h *handler) startCheckpoint(_ context.Context, call *hrpc.Call, _ *namenodepb.StartCheckpointRequestProto) (*namenodepb.StartCheckpointResponseProto, error) {
	return nil, h.refuse(call, "startCheckpoint")
}

func (h *handler) endCheckpoint(_ context.Context, call *hrpc.Call, _ *namenodepb.EndCheckpointRequestProto) (*namenodepb.EndCheckpointResponseProto, error) {
	return nil, h.refuse(call, "endCheckpoint")
}

func (h *handler) getEditLogManifest(_ context.Context, call *hrpc.Call, _ *namenodepb.GetEditLogManifestRequestProto) (*namenodepb.GetEditLogManifestResponseProto, error) {
	return nil, h.refuse(call, "getEditLogManifest")
}
