package protocol

import (
	"context"

	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Datanode is ClientDatanodeProtocol, on a datanode's IPC port (9867).
type Datanode struct{ rpc Caller }

// NewDatanode speaks it over rpc.
func NewDatanode(rpc Caller) *Datanode { return &Datanode{rpc: rpc} }

// GetReplicaVisibleLength calls getReplicaVisibleLength.
func (p *Datanode) GetReplicaVisibleLength(ctx context.Context, req *hdfspb.GetReplicaVisibleLengthRequestProto) (*hdfspb.GetReplicaVisibleLengthResponseProto, error) {
	return call(ctx, p.rpc, "getReplicaVisibleLength", req, new(hdfspb.GetReplicaVisibleLengthResponseProto))
}

// RefreshNamenodes calls refreshNamenodes.
func (p *Datanode) RefreshNamenodes(ctx context.Context, req *hdfspb.RefreshNamenodesRequestProto) (*hdfspb.RefreshNamenodesResponseProto, error) {
	return call(ctx, p.rpc, "refreshNamenodes", req, new(hdfspb.RefreshNamenodesResponseProto))
}

// DeleteBlockPool calls deleteBlockPool.
func (p *Datanode) DeleteBlockPool(ctx context.Context, req *hdfspb.DeleteBlockPoolRequestProto) (*hdfspb.DeleteBlockPoolResponseProto, error) {
	return call(ctx, p.rpc, "deleteBlockPool", req, new(hdfspb.DeleteBlockPoolResponseProto))
}

// GetBlockLocalPathInfo calls getBlockLocalPathInfo.
func (p *Datanode) GetBlockLocalPathInfo(ctx context.Context, req *hdfspb.GetBlockLocalPathInfoRequestProto) (*hdfspb.GetBlockLocalPathInfoResponseProto, error) {
	return call(ctx, p.rpc, "getBlockLocalPathInfo", req, new(hdfspb.GetBlockLocalPathInfoResponseProto))
}

// ShutdownDatanode calls shutdownDatanode.
func (p *Datanode) ShutdownDatanode(ctx context.Context, req *hdfspb.ShutdownDatanodeRequestProto) (*hdfspb.ShutdownDatanodeResponseProto, error) {
	return call(ctx, p.rpc, "shutdownDatanode", req, new(hdfspb.ShutdownDatanodeResponseProto))
}

// EvictWriters calls evictWriters.
func (p *Datanode) EvictWriters(ctx context.Context, req *hdfspb.EvictWritersRequestProto) (*hdfspb.EvictWritersResponseProto, error) {
	return call(ctx, p.rpc, "evictWriters", req, new(hdfspb.EvictWritersResponseProto))
}

// GetDatanodeInfo calls getDatanodeInfo.
func (p *Datanode) GetDatanodeInfo(ctx context.Context, req *hdfspb.GetDatanodeInfoRequestProto) (*hdfspb.GetDatanodeInfoResponseProto, error) {
	return call(ctx, p.rpc, "getDatanodeInfo", req, new(hdfspb.GetDatanodeInfoResponseProto))
}

// GetVolumeReport calls getVolumeReport.
func (p *Datanode) GetVolumeReport(ctx context.Context, req *hdfspb.GetVolumeReportRequestProto) (*hdfspb.GetVolumeReportResponseProto, error) {
	return call(ctx, p.rpc, "getVolumeReport", req, new(hdfspb.GetVolumeReportResponseProto))
}

// GetReconfigurationStatus calls getReconfigurationStatus.
func (p *Datanode) GetReconfigurationStatus(ctx context.Context, req *hdfspb.GetReconfigurationStatusRequestProto) (*hdfspb.GetReconfigurationStatusResponseProto, error) {
	return call(ctx, p.rpc, "getReconfigurationStatus", req, new(hdfspb.GetReconfigurationStatusResponseProto))
}

// StartReconfiguration calls startReconfiguration.
func (p *Datanode) StartReconfiguration(ctx context.Context, req *hdfspb.StartReconfigurationRequestProto) (*hdfspb.StartReconfigurationResponseProto, error) {
	return call(ctx, p.rpc, "startReconfiguration", req, new(hdfspb.StartReconfigurationResponseProto))
}

// ListReconfigurableProperties calls listReconfigurableProperties.
func (p *Datanode) ListReconfigurableProperties(ctx context.Context, req *hdfspb.ListReconfigurablePropertiesRequestProto) (*hdfspb.ListReconfigurablePropertiesResponseProto, error) {
	return call(ctx, p.rpc, "listReconfigurableProperties", req, new(hdfspb.ListReconfigurablePropertiesResponseProto))
}

// TriggerBlockReport calls triggerBlockReport.
func (p *Datanode) TriggerBlockReport(ctx context.Context, req *hdfspb.TriggerBlockReportRequestProto) (*hdfspb.TriggerBlockReportResponseProto, error) {
	return call(ctx, p.rpc, "triggerBlockReport", req, new(hdfspb.TriggerBlockReportResponseProto))
}

// GetBalancerBandwidth calls getBalancerBandwidth.
func (p *Datanode) GetBalancerBandwidth(ctx context.Context, req *hdfspb.GetBalancerBandwidthRequestProto) (*hdfspb.GetBalancerBandwidthResponseProto, error) {
	return call(ctx, p.rpc, "getBalancerBandwidth", req, new(hdfspb.GetBalancerBandwidthResponseProto))
}

// SubmitDiskBalancerPlan calls submitDiskBalancerPlan.
func (p *Datanode) SubmitDiskBalancerPlan(ctx context.Context, req *hdfspb.SubmitDiskBalancerPlanRequestProto) (*hdfspb.SubmitDiskBalancerPlanResponseProto, error) {
	return call(ctx, p.rpc, "submitDiskBalancerPlan", req, new(hdfspb.SubmitDiskBalancerPlanResponseProto))
}

// CancelDiskBalancerPlan calls cancelDiskBalancerPlan.
func (p *Datanode) CancelDiskBalancerPlan(ctx context.Context, req *hdfspb.CancelPlanRequestProto) (*hdfspb.CancelPlanResponseProto, error) {
	return call(ctx, p.rpc, "cancelDiskBalancerPlan", req, new(hdfspb.CancelPlanResponseProto))
}

// QueryDiskBalancerPlan calls queryDiskBalancerPlan.
func (p *Datanode) QueryDiskBalancerPlan(ctx context.Context, req *hdfspb.QueryPlanStatusRequestProto) (*hdfspb.QueryPlanStatusResponseProto, error) {
	return call(ctx, p.rpc, "queryDiskBalancerPlan", req, new(hdfspb.QueryPlanStatusResponseProto))
}

// GetDiskBalancerSetting calls getDiskBalancerSetting.
func (p *Datanode) GetDiskBalancerSetting(ctx context.Context, req *hdfspb.DiskBalancerSettingRequestProto) (*hdfspb.DiskBalancerSettingResponseProto, error) {
	return call(ctx, p.rpc, "getDiskBalancerSetting", req, new(hdfspb.DiskBalancerSettingResponseProto))
}
