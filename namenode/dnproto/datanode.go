package dnproto

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/namenode/blockmap/report"
	"github.com/lodehq/lode/proto/hadoop/datanode"
	"github.com/lodehq/lode/proto/hadoop/hdfs"
)

func (h *handler) versionRequest(context.Context, *hrpc.Call, *hdfspb.VersionRequestProto) (*hdfspb.VersionResponseProto, error) {
	if h.state.Cluster().ClusterID == "" {
		return nil, starting()
	}
	return &hdfspb.VersionResponseProto{Info: h.namespaceInfo()}, nil
}

// starting is the answer while the cluster's identity is not known yet, before the journal has been read: datanodes try again.
func starting() error {
	return hdfs.Errorf(hdfs.Retriable, "NameNode still not started")
}

// namespaceInfo introduces us. Capability 1 asks for packed block reports (NamespaceInfo.Capability.STORAGE_BLOCK_REPORT_BUFFERS).
func (h *handler) namespaceInfo() *hdfspb.NamespaceInfoProto {
	c := h.state.Cluster()
	state := hdfspb.NNHAStatusHeartbeatProto_STANDBY
	if active, _ := h.state.HAState(); active {
		state = hdfspb.NNHAStatusHeartbeatProto_ACTIVE
	}
	return &hdfspb.NamespaceInfoProto{
		BuildVersion: proto.String(c.BuildVersion), Unused: proto.Uint32(0), BlockPoolID: proto.String(c.BlockPoolID),
		StorageInfo: storageInfo(c), SoftwareVersion: proto.String(c.SoftwareVersion), Capabilities: proto.Uint64(1), State: state.Enum(),
	}
}

func storageInfo(c Cluster) *hdfspb.StorageInfoProto {
	layout := int32(LayoutVersion)
	return &hdfspb.StorageInfoProto{LayoutVersion: proto.Uint32(uint32(layout)), NamespceID: proto.Uint32(c.NamespaceID),
		ClusterID: proto.String(c.ClusterID), CTime: proto.Uint64(c.CTime)}
}

// registerDatanode follows NameNodeRpcServer.registerDatanode and DatanodeManager.registerDatanode: the datanode's address is the one that it
// is seen under, its host name the one that it gives itself.
func (h *handler) registerDatanode(_ context.Context, call *hrpc.Call, req *datanodepb.RegisterDatanodeRequestProto) (*datanodepb.RegisterDatanodeResponseProto, error) {
	reg := req.GetRegistration()
	if !atLeast(reg.GetSoftwareVersion(), h.opts.MinDatanodeVersion) {
		return nil, hdfs.Errorf(hdfs.IncorrectVersion, "The reported DataNode version is too low to communicate with this NameNode. "+
			"DataNode version: '%s' Minimum DataNode version: '%s'", reg.GetSoftwareVersion(), h.opts.MinDatanodeVersion)
	}
	if err := h.checkCluster(reg); err != nil {
		return nil, err
	}
	id := datanodeID(reg.GetDatanodeID())
	if ip := call.RemoteIP.Unmap(); ip.IsValid() {
		if h.opts.Named != nil && !ip.IsLoopback() && !h.opts.Named(ip) {
			return nil, hdfs.Errorf(hdfs.DisallowedDatanode, "Datanode denied communication with namenode because hostname cannot be resolved (ip=%s, hostname=%s): %s",
				ip, ip, describe(id))
		}
		id.IP = ip.String()
	}
	var err error
	h.state.Update(func(m *blockmap.Map) {
		_, err = m.Register(h.state.Now(), blockmap.Registration{DatanodeID: id, SoftwareVersion: reg.GetSoftwareVersion()})
	})
	if err != nil {
		h.log.Warn("datanode refused", "datanode", describe(id), "error", err)
		return nil, err
	}
	h.log.Info("datanode registered", "datanode", describe(id), "version", reg.GetSoftwareVersion())
	c := h.state.Cluster()
	return &datanodepb.RegisterDatanodeResponseProto{Registration: &datanodepb.DatanodeRegistrationProto{
		DatanodeID: idProto(id), StorageInfo: storageInfo(c), Keys: h.keys(), SoftwareVersion: proto.String(c.SoftwareVersion),
	}}, nil
}

func describe(id blockmap.DatanodeID) string {
	return fmt.Sprintf("DatanodeRegistration(%s:%d, datanodeUuid=%s, infoPort=%d, infoSecurePort=%d, ipcPort=%d)",
		id.IP, id.XferPort, id.UUID, id.InfoPort, id.InfoSecurePort, id.IPCPort)
}

// checkCluster refuses datanodes of another cluster (NameNodeRpcServer.verifyRequest).
func (h *handler) checkCluster(reg *datanodepb.DatanodeRegistrationProto) error {
	c, si := h.state.Cluster(), reg.GetStorageInfo()
	if c.ClusterID == "" {
		return starting()
	}
	want := registrationID(c.NamespaceID, c.ClusterID, c.CTime)
	if got := registrationID(si.GetNamespceID(), si.GetClusterID(), si.GetCTime()); got != want {
		h.log.Warn("datanode of another cluster", "datanode", describe(datanodeID(reg.GetDatanodeID())), "has", got, "expected", want)
		return hdfs.Errorf(hdfs.UnregisteredNode, "Unregistered server: %s: its registration id is %s, this namenode's is %s: its data belongs to another cluster",
			describe(datanodeID(reg.GetDatanodeID())), got, want)
	}
	return nil
}

func registrationID(ns uint32, cluster string, ctime uint64) string {
	return fmt.Sprintf("NS-%d-%s-%d", ns, cluster, ctime)
}

// keys are the block token keys, or Apache's empty ones (ExportedBlockKeys.DUMMY_KEYS).
func (h *handler) keys() *hdfspb.ExportedBlockKeysProto {
	if h.opts.Keys != nil {
		return h.opts.Keys()
	}
	return &hdfspb.ExportedBlockKeysProto{
		IsBlockTokenEnabled: proto.Bool(false), KeyUpdateInterval: proto.Uint64(0), TokenLifeTime: proto.Uint64(0),
		CurrentKey: &hdfspb.BlockKeyProto{KeyId: proto.Uint32(0), ExpiryDate: proto.Uint64(0)},
	}
}

func heartbeat(req *datanodepb.HeartbeatRequestProto) blockmap.Heartbeat {
	hb := blockmap.Heartbeat{
		UUID: req.GetRegistration().GetDatanodeID().GetDatanodeUuid(), Xmits: int(req.GetXmitsInProgress()), Xceivers: int(req.GetXceiverCount()),
		FailedVolumes: int(req.GetFailedVolumes()), CacheCapacity: int64(req.GetCacheCapacity()), CacheUsed: int64(req.GetCacheUsed()),
		WantsReportLease: req.GetRequestFullBlockReportLease(),
	}
	if v := req.GetVolumeFailureSummary(); v != nil {
		hb.VolumeFailures = blockmap.VolumeFailures{Locations: v.GetFailedStorageLocations(), LastFailure: int64(v.GetLastVolumeFailureDate()),
			CapacityLost: int64(v.GetEstimatedCapacityLostTotal())}
	}
	for _, r := range req.GetReports() {
		s := storage(r.GetStorage(), r.GetStorageUuid()) //nolint:staticcheck // what datanodes before Hadoop 2.4 send
		s.Failed, s.Mount = r.GetFailed(), r.GetMount()
		s.Capacity, s.DFSUsed, s.Remaining, s.BlockPoolUsed = int64(r.GetCapacity()), int64(r.GetDfsUsed()), int64(r.GetRemaining()), int64(r.GetBlockPoolUsed())
		if s.NonDFSUsed = int64(r.GetNonDfsUsed()); r.NonDfsUsed == nil {
			s.NonDFSUsed = max(0, s.Capacity-s.DFSUsed-s.Remaining)
		}
		hb.Storages = append(hb.Storages, s)
	}
	for _, p := range req.GetSlowPeers() {
		hb.SlowPeers = append(hb.SlowPeers, blockmap.SlowPeer{Peer: p.GetDataNodeId(), Latency: p.GetAggregateLatency(), Median: p.GetMedian(),
			MAD: p.GetMad(), UpperBound: p.GetUpperLimitLatency()})
	}
	for _, d := range req.GetSlowDisks() {
		hb.SlowDisks = append(hb.SlowDisks, blockmap.SlowDisk{Path: d.GetBasePath(), MetadataLatency: d.GetMeanMetadataOpLatency(),
			ReadLatency: d.GetMeanReadIoLatency(), WriteLatency: d.GetMeanWriteIoLatency()})
	}
	return hb
}

func storage(p *hdfspb.DatanodeStorageProto, uuid string) blockmap.StorageStats {
	if p == nil {
		return blockmap.StorageStats{UUID: uuid, Type: hdfs.StorageDisk}
	}
	return blockmap.StorageStats{UUID: p.GetStorageUuid(), Type: hdfs.StorageType(p.GetStorageType()),
		ReadOnly: p.GetState() == hdfspb.DatanodeStorageProto_READ_ONLY_SHARED}
}

func (h *handler) sendHeartbeat(_ context.Context, _ *hrpc.Call, req *datanodepb.HeartbeatRequestProto) (*datanodepb.HeartbeatResponseProto, error) {
	if err := h.checkCluster(req.GetRegistration()); err != nil {
		return nil, err
	}
	hb := heartbeat(req)
	var reply blockmap.HeartbeatReply
	var err error
	h.state.Update(func(m *blockmap.Map) { reply, err = m.Heartbeat(h.state.Now(), hb) })
	if err != nil {
		return nil, err
	}
	resp := &datanodepb.HeartbeatResponseProto{HaStatus: h.haStatus(), FullBlockReportLeaseId: proto.Uint64(reply.LeaseID), IsSlownode: proto.Bool(reply.Slow)}
	pool := h.state.Cluster().BlockPoolID
	for _, c := range reply.Commands {
		resp.Cmds = append(resp.Cmds, command(pool, c))
	}
	return resp, nil
}

func (h *handler) haStatus() *hdfspb.NNHAStatusHeartbeatProto {
	active, txid := h.state.HAState()
	st := hdfspb.NNHAStatusHeartbeatProto_STANDBY
	if active {
		st = hdfspb.NNHAStatusHeartbeatProto_ACTIVE
	}
	return &hdfspb.NNHAStatusHeartbeatProto{State: st.Enum(), Txid: proto.Uint64(uint64(txid))}
}

func (h *handler) sendLifeline(_ context.Context, _ *hrpc.Call, req *datanodepb.HeartbeatRequestProto) (*datanodepb.LifelineResponseProto, error) {
	if err := h.checkCluster(req.GetRegistration()); err != nil {
		return nil, err
	}
	hb := heartbeat(req)
	var err error
	h.state.Update(func(m *blockmap.Map) { err = m.Lifeline(h.state.Now(), hb) })
	return nil, err
}

// blockReport takes the lock once for each storage, and checks the lease before the first.
func (h *handler) blockReport(_ context.Context, _ *hrpc.Call, req *datanodepb.BlockReportRequestProto) (*datanodepb.BlockReportResponseProto, error) {
	if err := h.checkCluster(req.GetRegistration()); err != nil {
		return nil, err
	}
	uuid := req.GetRegistration().GetDatanodeID().GetDatanodeUuid()
	c := req.GetContext()
	rc := blockmap.ReportContext{TotalRPCs: int(c.GetTotalRpcs()), CurrentRPC: int(c.GetCurRpc()), ReportID: c.GetId(), LeaseID: c.GetLeaseId()}
	var err error
	h.state.Update(func(m *blockmap.Map) { err = m.CheckLease(h.state.Now(), uuid, rc) })
	noStale, blocks := false, 0
	for _, r := range req.GetReports() {
		if err != nil {
			break
		}
		var rep blockmap.StorageReport = report.Longs(r.GetBlocks())
		if r.NumberOfBlocks != nil {
			rep = report.Buffers{Count: r.GetNumberOfBlocks(), Chunks: r.GetBlocksBuffers()}
		}
		blocks += rep.Len()
		h.state.Update(func(m *blockmap.Map) {
			noStale, err = m.BlockReport(h.state.Now(), uuid, storage(r.GetStorage(), ""), rep)
		})
	}
	if errors.Is(err, blockmap.ErrUnregistered) {
		return &datanodepb.BlockReportResponseProto{Cmd: command("", blockmap.RegisterAgain{})}, nil
	}
	if err != nil {
		h.log.Warn("block report refused", "datanode", describe(datanodeID(req.GetRegistration().GetDatanodeID())), "error", err)
		return nil, err
	}
	h.state.Update(func(m *blockmap.Map) { m.ReportDone(uuid, rc) })
	h.log.Debug("block report", "datanode", uuid, "storages", len(req.GetReports()), "blocks", blocks)
	resp := new(datanodepb.BlockReportResponseProto)
	if active, _ := h.state.HAState(); active && noStale {
		resp.Cmd = &datanodepb.DatanodeCommandProto{CmdType: datanodepb.DatanodeCommandProto_FinalizeCommand.Enum(),
			FinalizeCmd: &datanodepb.FinalizeCommandProto{BlockPoolId: proto.String(h.state.Cluster().BlockPoolID)}}
	}
	return resp, nil
}

// blockReceivedAndDeleted ignores datanodes that are not registered, as Apache does: an exception would make them shut down.
func (h *handler) blockReceivedAndDeleted(_ context.Context, _ *hrpc.Call, req *datanodepb.BlockReceivedAndDeletedRequestProto) (*datanodepb.BlockReceivedAndDeletedResponseProto, error) {
	if err := h.checkCluster(req.GetRegistration()); err != nil {
		return nil, err
	}
	uuid := req.GetRegistration().GetDatanodeID().GetDatanodeUuid()
	type part struct {
		st   blockmap.StorageStats
		list []blockmap.ReceivedDeleted
	}
	parts := make([]part, 0, len(req.GetBlocks()))
	for _, s := range req.GetBlocks() {
		p := part{st: storage(s.GetStorage(), s.GetStorageUuid())} //nolint:staticcheck // what datanodes before Hadoop 2.4 send
		for _, b := range s.GetBlocks() {
			p.list = append(p.list, blockmap.ReceivedDeleted{Block: Block(b.GetBlock()), Status: blockmap.ReceivedStatus(b.GetStatus()), DeleteHint: b.GetDeleteHint()})
		}
		parts = append(parts, p)
	}
	var err error
	h.state.Update(func(m *blockmap.Map) {
		for _, p := range parts {
			if err = m.IncrementalReport(h.state.Now(), uuid, p.st, p.list); err != nil {
				return
			}
		}
	})
	if errors.Is(err, blockmap.ErrUnregistered) {
		h.log.Debug("incremental report of an unregistered datanode", "datanode", uuid)
		err = nil
	}
	return nil, err
}

// cacheReport: nothing is cached, so that there is nothing to take note of.
func (h *handler) cacheReport(context.Context, *hrpc.Call, *datanodepb.CacheReportRequestProto) (*datanodepb.CacheReportResponseProto, error) {
	return nil, nil
}

func (h *handler) errorReport(_ context.Context, _ *hrpc.Call, req *datanodepb.ErrorReportRequestProto) (*datanodepb.ErrorReportResponseProto, error) {
	id := datanodeID(req.GetRegistartion().GetDatanodeID())
	code := datanodepb.ErrorReportRequestProto_ErrorCode(req.GetErrorCode())
	h.log.Warn("datanode reports an error", "datanode", describe(id), "code", code.String(), "message", req.GetMsg())
	if code == datanodepb.ErrorReportRequestProto_FATAL_DISK_ERROR {
		h.state.Update(func(m *blockmap.Map) { m.RemoveDatanode(h.state.Now(), id.UUID) })
	}
	return nil, nil
}

func (h *handler) reportBadBlocks(_ context.Context, _ *hrpc.Call, req *datanodepb.ReportBadBlocksRequestProto) (*datanodepb.ReportBadBlocksResponseProto, error) {
	bad := BadBlocks(req.GetBlocks())
	for _, b := range bad {
		h.log.Warn("corrupt replica reported", "block", b.Block.String(), "datanode", b.Datanode)
	}
	h.state.Update(func(m *blockmap.Map) { m.MarkCorrupt(h.state.Now(), bad) })
	return nil, nil
}

func (h *handler) commitBlockSynchronization(ctx context.Context, call *hrpc.Call, req *datanodepb.CommitBlockSynchronizationRequestProto) (*datanodepb.CommitBlockSynchronizationResponseProto, error) {
	return nil, h.state.CommitBlockSynchronization(ctx, call, req)
}

// atLeast compares versions of the form 3.4.3-SNAPSHOT by their numbers, and by the rest if those are equal: a version without a rest is the later one
// (VersionUtil.compareVersions).
func atLeast(version, minimum string) bool {
	a, ra := numbers(version)
	b, rb := numbers(minimum)
	for i := range max(len(a), len(b)) {
		x, y := 0, 0
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			return x > y
		}
	}
	return ra == "" || rb != "" && ra >= rb
}

func numbers(v string) (n []int, rest string) {
	v, rest, _ = strings.Cut(strings.TrimSpace(v), "-")
	for _, p := range strings.Split(v, ".") {
		x, err := strconv.Atoi(p)
		if err != nil {
			return n, v + rest
		}
		n = append(n, x)
	}
	return n, rest
}
