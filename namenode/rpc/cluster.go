package rpc

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/namenode/dnproto"
	"github.com/lodehq/lode/namenode/namespace"
	"github.com/lodehq/lode/proto/hadoop/common"
	"github.com/lodehq/lode/proto/hadoop/hdfs"
)

func u64(n int64) *uint64 { return proto.Uint64(uint64(max(n, 0))) }

func (s *Service) stats() (st blockmap.Stats) {
	s.state.View(func(_ *namespace.Namespace, bm *blockmap.Map) { st = bm.Stats() })
	return st
}

func (s *Service) getServerDefaults(context.Context, *hrpc.Call, *hdfspb.GetServerDefaultsRequestProto) (*hdfspb.GetServerDefaultsResponseProto, error) {
	if err := s.readable(); err != nil {
		return nil, err
	}
	return &hdfspb.GetServerDefaultsResponseProto{ServerDefaults: s.cfg.Defaults}, nil
}

func (s *Service) getFsStats(context.Context, *hrpc.Call, *hdfspb.GetFsStatusRequestProto) (*hdfspb.GetFsStatsResponseProto, error) {
	if err := s.readable(); err != nil {
		return nil, err
	}
	st := s.stats()
	return &hdfspb.GetFsStatsResponseProto{Capacity: u64(st.Capacity), Used: u64(st.Used), Remaining: u64(st.Remaining),
		UnderReplicated: u64(int64(st.LowRedundancy)), CorruptBlocks: u64(int64(st.Corrupt)), MissingBlocks: u64(int64(st.Missing)),
		MissingReplOneBlocks: u64(int64(st.MissingOne)), BlocksInFuture: u64(st.BytesInFuture), PendingDeletionBlocks: u64(int64(st.PendingDeletion))}, nil
}

func (s *Service) getFsReplicatedBlockStats(context.Context, *hrpc.Call, *hdfspb.GetFsReplicatedBlockStatsRequestProto) (*hdfspb.GetFsReplicatedBlockStatsResponseProto, error) {
	if err := s.readable(); err != nil {
		return nil, err
	}
	st := s.stats()
	return &hdfspb.GetFsReplicatedBlockStatsResponseProto{LowRedundancy: u64(int64(st.LowRedundancy)), CorruptBlocks: u64(int64(st.Corrupt)),
		MissingBlocks: u64(int64(st.Missing)), MissingReplOneBlocks: u64(int64(st.MissingOne)), BlocksInFuture: u64(st.BytesInFuture),
		PendingDeletionBlocks: u64(int64(st.PendingDeletion)), HighestPrioLowRedundancyBlocks: u64(int64(st.HighestPriority))}, nil
}

func (s *Service) getFsECBlockGroupStats(context.Context, *hrpc.Call, *hdfspb.GetFsECBlockGroupStatsRequestProto) (*hdfspb.GetFsECBlockGroupStatsResponseProto, error) {
	return &hdfspb.GetFsECBlockGroupStatsResponseProto{LowRedundancy: u64(0), CorruptBlocks: u64(0), MissingBlocks: u64(0),
		BlocksInFuture: u64(0), PendingDeletionBlocks: u64(0), HighestPrioLowRedundancyBlocks: u64(0)}, s.readable()
}

func (s *Service) datanodes(c *hrpc.Call, kind hdfspb.DatanodeReportTypeProto) (list []*blockmap.DatanodeInfo, err error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	if err := s.readable(); err != nil {
		return nil, err
	}
	s.state.View(func(_ *namespace.Namespace, bm *blockmap.Map) { list = bm.Datanodes(blockmap.NodeKind(kind)) })
	return list, nil
}

func (s *Service) getDatanodeReport(_ context.Context, c *hrpc.Call, req *hdfspb.GetDatanodeReportRequestProto) (*hdfspb.GetDatanodeReportResponseProto, error) {
	list, err := s.datanodes(c, req.GetType())
	if err != nil {
		return nil, err
	}
	resp := &hdfspb.GetDatanodeReportResponseProto{}
	for _, d := range list {
		resp.Di = append(resp.Di, s.named(c, dnproto.DatanodeInfo(d)))
	}
	return resp, nil
}

func (s *Service) getDatanodeStorageReport(_ context.Context, c *hrpc.Call, req *hdfspb.GetDatanodeStorageReportRequestProto) (*hdfspb.GetDatanodeStorageReportResponseProto, error) {
	list, err := s.datanodes(c, req.GetType())
	if err != nil {
		return nil, err
	}
	resp := &hdfspb.GetDatanodeStorageReportResponseProto{}
	for _, d := range list {
		r := dnproto.StorageReports(d)
		r.DatanodeInfo = s.named(c, r.DatanodeInfo)
		resp.DatanodeStorageReports = append(resp.DatanodeStorageReports, r)
	}
	return resp, nil
}

func (s *Service) getSlowDatanodeReport(_ context.Context, c *hrpc.Call, _ *hdfspb.GetSlowDatanodeReportRequestProto) (*hdfspb.GetSlowDatanodeReportResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	resp := &hdfspb.GetSlowDatanodeReportResponseProto{}
	s.state.View(func(_ *namespace.Namespace, bm *blockmap.Map) {
		for _, n := range bm.SlowNodes() {
			resp.DatanodeInfoProto = append(resp.DatanodeInfoProto, s.named(c, dnproto.DatanodeInfo(n.Datanode)))
		}
	})
	return resp, s.readable()
}

func (s *Service) setSafeMode(_ context.Context, c *hrpc.Call, req *hdfspb.SetSafeModeRequestProto) (*hdfspb.SetSafeModeResponseProto, error) {
	action := req.GetAction()
	if action != hdfspb.SafeModeActionProto_SAFEMODE_GET {
		if err := s.superuser(c); err != nil {
			return nil, err
		}
	}
	if action != hdfspb.SafeModeActionProto_SAFEMODE_GET || req.GetChecked() {
		if err := s.readable(); err != nil {
			return nil, err
		}
	}
	now := s.state.Now()
	switch action {
	case hdfspb.SafeModeActionProto_SAFEMODE_ENTER:
		s.state.Update(func(_ *namespace.Namespace, bm *blockmap.Map) { bm.EnterSafeMode() })
	case hdfspb.SafeModeActionProto_SAFEMODE_LEAVE:
		s.state.Update(func(_ *namespace.Namespace, bm *blockmap.Map) { bm.LeaveSafeMode(now, false) })
	case hdfspb.SafeModeActionProto_SAFEMODE_FORCE_EXIT:
		s.state.Update(func(_ *namespace.Namespace, bm *blockmap.Map) { bm.LeaveSafeMode(now, true) })
	}
	return &hdfspb.SetSafeModeResponseProto{Result: proto.Bool(s.state.InSafeMode())}, nil
}

func (s *Service) saveNamespace(_ context.Context, c *hrpc.Call, _ *hdfspb.SaveNamespaceRequestProto) (*hdfspb.SaveNamespaceResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	if !s.state.InSafeMode() {
		return nil, hdfs.Errorf(hdfs.IOException, "Safe mode should be turned ON in order to create namespace image.")
	}
	if err := s.cfg.Admin.WriteImage(); err != nil {
		return nil, err
	}
	return &hdfspb.SaveNamespaceResponseProto{Saved: proto.Bool(true)}, nil
}

func (s *Service) rollEdits(_ context.Context, c *hrpc.Call, _ *hdfspb.RollEditsRequestProto) (*hdfspb.RollEditsResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	if err := s.writable("Log not rolled", ""); err != nil {
		return nil, err
	}
	id, err := s.cfg.Admin.RollLog()
	return &hdfspb.RollEditsResponseProto{NewSegmentTxId: u64(id)}, err
}

// restoreFailedStorage has nothing to do: there is one journal directory, and the namenode stops when it fails.
func (s *Service) restoreFailedStorage(_ context.Context, c *hrpc.Call, _ *hdfspb.RestoreFailedStorageRequestProto) (*hdfspb.RestoreFailedStorageResponseProto, error) {
	return &hdfspb.RestoreFailedStorageResponseProto{Result: proto.Bool(false)}, s.superuser(c)
}

func (s *Service) refreshNodes(_ context.Context, c *hrpc.Call, _ *hdfspb.RefreshNodesRequestProto) (*hdfspb.RefreshNodesResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	return nil, s.cfg.Admin.RefreshNodes()
}

// Upgrades of the layout are never half done here: images carry their version.
func (s *Service) finalizeUpgrade(_ context.Context, c *hrpc.Call, _ *hdfspb.FinalizeUpgradeRequestProto) (*hdfspb.FinalizeUpgradeResponseProto, error) {
	return nil, s.superuser(c)
}

func (s *Service) upgradeStatus(context.Context, *hrpc.Call, *hdfspb.UpgradeStatusRequestProto) (*hdfspb.UpgradeStatusResponseProto, error) {
	return &hdfspb.UpgradeStatusResponseProto{UpgradeFinalized: proto.Bool(true)}, s.readable()
}

// rollingUpgrade says that none is under way. A Lode namenode needs none: replace the binary and restart.
func (s *Service) rollingUpgrade(_ context.Context, c *hrpc.Call, req *hdfspb.RollingUpgradeRequestProto) (*hdfspb.RollingUpgradeResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	switch req.GetAction() {
	case hdfspb.RollingUpgradeActionProto_START:
		return nil, hdfs.Errorf(hdfs.IOException, "a rolling upgrade needs no preparation here: replace the binary of one namenode after the other and restart it")
	case hdfspb.RollingUpgradeActionProto_FINALIZE:
		return nil, hdfs.Errorf(hdfs.IOException, "Failed to finalize rolling upgrade since there is no rolling upgrade in progress.")
	}
	return &hdfspb.RollingUpgradeResponseProto{}, nil
}

func (s *Service) metaSave(_ context.Context, c *hrpc.Call, req *hdfspb.MetaSaveRequestProto) (*hdfspb.MetaSaveResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	return nil, s.cfg.Admin.MetaSave(req.GetFilename())
}

func (s *Service) setBalancerBandwidth(_ context.Context, c *hrpc.Call, req *hdfspb.SetBalancerBandwidthRequestProto) (*hdfspb.SetBalancerBandwidthResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	if req.GetBandwidth() < 0 {
		return nil, hdfs.Errorf(hdfs.IllegalArgumentJava, "Balancer bandwidth should be non-negative, in bytes a second")
	}
	s.state.Update(func(_ *namespace.Namespace, bm *blockmap.Map) { bm.SetBalancerBandwidth(req.GetBandwidth()) })
	return nil, nil
}

func (s *Service) getDataEncryptionKey(context.Context, *hrpc.Call, *hdfspb.GetDataEncryptionKeyRequestProto) (*hdfspb.GetDataEncryptionKeyResponseProto, error) {
	return nil, s.readable()
}

func (s *Service) getCurrentEditLogTxid(_ context.Context, c *hrpc.Call, req *hdfspb.GetCurrentEditLogTxidRequestProto) (resp *hdfspb.GetCurrentEditLogTxidResponseProto, err error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	return reader(s, (*namespace.Namespace).GetCurrentEditLogTxid)(nil, c, req)
}

func (s *Service) getEditsFromTxid(_ context.Context, c *hrpc.Call, req *hdfspb.GetEditsFromTxidRequestProto) (*hdfspb.GetEditsFromTxidResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	return reader(s, (*namespace.Namespace).GetEditsFromTxid)(nil, c, req)
}

func (s *Service) listOpenFiles(_ context.Context, c *hrpc.Call, req *hdfspb.ListOpenFilesRequestProto) (*hdfspb.ListOpenFilesResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	return reader(s, (*namespace.Namespace).ListOpenFiles)(nil, c, req)
}

// msync answers when what was committed before it can be read: on a leader, at once.
func (s *Service) msync(context.Context, *hrpc.Call, *hdfspb.MsyncRequestProto) (*hdfspb.MsyncResponseProto, error) {
	return nil, s.readable()
}

func (s *Service) getHAServiceState(context.Context, *hrpc.Call, *hdfspb.HAServiceStateRequestProto) (*hdfspb.HAServiceStateResponseProto, error) {
	st := commonpb.HAServiceStateProto_STANDBY
	if s.state.Active() {
		st = commonpb.HAServiceStateProto_ACTIVE
	}
	return &hdfspb.HAServiceStateResponseProto{State: st.Enum()}, nil
}
