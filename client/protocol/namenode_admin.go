package protocol

import (
	"context"

	commonpb "github.com/lodehq/lode/proto/hadoop/common"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Calls of administrators: reports, safe mode, images, upgrades, tokens, caches, erasure coding, encryption zones.

// GetFsStats calls getFsStats.
func (n *Namenode) GetFsStats(ctx context.Context, req *hdfspb.GetFsStatusRequestProto) (*hdfspb.GetFsStatsResponseProto, error) {
	return call(ctx, n.rpc, "getFsStats", req, new(hdfspb.GetFsStatsResponseProto))
}

// GetFsReplicatedBlockStats calls getFsReplicatedBlockStats.
func (n *Namenode) GetFsReplicatedBlockStats(ctx context.Context, req *hdfspb.GetFsReplicatedBlockStatsRequestProto) (*hdfspb.GetFsReplicatedBlockStatsResponseProto, error) {
	return call(ctx, n.rpc, "getFsReplicatedBlockStats", req, new(hdfspb.GetFsReplicatedBlockStatsResponseProto))
}

// GetFsECBlockGroupStats calls getFsECBlockGroupStats.
func (n *Namenode) GetFsECBlockGroupStats(ctx context.Context, req *hdfspb.GetFsECBlockGroupStatsRequestProto) (*hdfspb.GetFsECBlockGroupStatsResponseProto, error) {
	return call(ctx, n.rpc, "getFsECBlockGroupStats", req, new(hdfspb.GetFsECBlockGroupStatsResponseProto))
}

// GetDatanodeReport calls getDatanodeReport.
func (n *Namenode) GetDatanodeReport(ctx context.Context, req *hdfspb.GetDatanodeReportRequestProto) (*hdfspb.GetDatanodeReportResponseProto, error) {
	return call(ctx, n.rpc, "getDatanodeReport", req, new(hdfspb.GetDatanodeReportResponseProto))
}

// GetDatanodeStorageReport calls getDatanodeStorageReport.
func (n *Namenode) GetDatanodeStorageReport(ctx context.Context, req *hdfspb.GetDatanodeStorageReportRequestProto) (*hdfspb.GetDatanodeStorageReportResponseProto, error) {
	return call(ctx, n.rpc, "getDatanodeStorageReport", req, new(hdfspb.GetDatanodeStorageReportResponseProto))
}

// SetSafeMode calls setSafeMode.
func (n *Namenode) SetSafeMode(ctx context.Context, req *hdfspb.SetSafeModeRequestProto) (*hdfspb.SetSafeModeResponseProto, error) {
	return call(ctx, n.rpc, "setSafeMode", req, new(hdfspb.SetSafeModeResponseProto))
}

// SaveNamespace calls saveNamespace.
func (n *Namenode) SaveNamespace(ctx context.Context, req *hdfspb.SaveNamespaceRequestProto) (*hdfspb.SaveNamespaceResponseProto, error) {
	return call(ctx, n.rpc, "saveNamespace", req, new(hdfspb.SaveNamespaceResponseProto))
}

// RollEdits calls rollEdits.
func (n *Namenode) RollEdits(ctx context.Context, req *hdfspb.RollEditsRequestProto) (*hdfspb.RollEditsResponseProto, error) {
	return call(ctx, n.rpc, "rollEdits", req, new(hdfspb.RollEditsResponseProto))
}

// RestoreFailedStorage calls restoreFailedStorage.
func (n *Namenode) RestoreFailedStorage(ctx context.Context, req *hdfspb.RestoreFailedStorageRequestProto) (*hdfspb.RestoreFailedStorageResponseProto, error) {
	return call(ctx, n.rpc, "restoreFailedStorage", req, new(hdfspb.RestoreFailedStorageResponseProto))
}

// RefreshNodes calls refreshNodes.
func (n *Namenode) RefreshNodes(ctx context.Context, req *hdfspb.RefreshNodesRequestProto) (*hdfspb.RefreshNodesResponseProto, error) {
	return call(ctx, n.rpc, "refreshNodes", req, new(hdfspb.RefreshNodesResponseProto))
}

// FinalizeUpgrade calls finalizeUpgrade.
func (n *Namenode) FinalizeUpgrade(ctx context.Context, req *hdfspb.FinalizeUpgradeRequestProto) (*hdfspb.FinalizeUpgradeResponseProto, error) {
	return call(ctx, n.rpc, "finalizeUpgrade", req, new(hdfspb.FinalizeUpgradeResponseProto))
}

// UpgradeStatus calls upgradeStatus.
func (n *Namenode) UpgradeStatus(ctx context.Context, req *hdfspb.UpgradeStatusRequestProto) (*hdfspb.UpgradeStatusResponseProto, error) {
	return call(ctx, n.rpc, "upgradeStatus", req, new(hdfspb.UpgradeStatusResponseProto))
}

// RollingUpgrade calls rollingUpgrade.
func (n *Namenode) RollingUpgrade(ctx context.Context, req *hdfspb.RollingUpgradeRequestProto) (*hdfspb.RollingUpgradeResponseProto, error) {
	return call(ctx, n.rpc, "rollingUpgrade", req, new(hdfspb.RollingUpgradeResponseProto))
}

// MetaSave calls metaSave.
func (n *Namenode) MetaSave(ctx context.Context, req *hdfspb.MetaSaveRequestProto) (*hdfspb.MetaSaveResponseProto, error) {
	return call(ctx, n.rpc, "metaSave", req, new(hdfspb.MetaSaveResponseProto))
}

// AddCacheDirective calls addCacheDirective.
func (n *Namenode) AddCacheDirective(ctx context.Context, req *hdfspb.AddCacheDirectiveRequestProto) (*hdfspb.AddCacheDirectiveResponseProto, error) {
	return call(ctx, n.rpc, "addCacheDirective", req, new(hdfspb.AddCacheDirectiveResponseProto))
}

// ModifyCacheDirective calls modifyCacheDirective.
func (n *Namenode) ModifyCacheDirective(ctx context.Context, req *hdfspb.ModifyCacheDirectiveRequestProto) (*hdfspb.ModifyCacheDirectiveResponseProto, error) {
	return call(ctx, n.rpc, "modifyCacheDirective", req, new(hdfspb.ModifyCacheDirectiveResponseProto))
}

// RemoveCacheDirective calls removeCacheDirective.
func (n *Namenode) RemoveCacheDirective(ctx context.Context, req *hdfspb.RemoveCacheDirectiveRequestProto) (*hdfspb.RemoveCacheDirectiveResponseProto, error) {
	return call(ctx, n.rpc, "removeCacheDirective", req, new(hdfspb.RemoveCacheDirectiveResponseProto))
}

// ListCacheDirectives calls listCacheDirectives.
func (n *Namenode) ListCacheDirectives(ctx context.Context, req *hdfspb.ListCacheDirectivesRequestProto) (*hdfspb.ListCacheDirectivesResponseProto, error) {
	return call(ctx, n.rpc, "listCacheDirectives", req, new(hdfspb.ListCacheDirectivesResponseProto))
}

// AddCachePool calls addCachePool.
func (n *Namenode) AddCachePool(ctx context.Context, req *hdfspb.AddCachePoolRequestProto) (*hdfspb.AddCachePoolResponseProto, error) {
	return call(ctx, n.rpc, "addCachePool", req, new(hdfspb.AddCachePoolResponseProto))
}

// ModifyCachePool calls modifyCachePool.
func (n *Namenode) ModifyCachePool(ctx context.Context, req *hdfspb.ModifyCachePoolRequestProto) (*hdfspb.ModifyCachePoolResponseProto, error) {
	return call(ctx, n.rpc, "modifyCachePool", req, new(hdfspb.ModifyCachePoolResponseProto))
}

// RemoveCachePool calls removeCachePool.
func (n *Namenode) RemoveCachePool(ctx context.Context, req *hdfspb.RemoveCachePoolRequestProto) (*hdfspb.RemoveCachePoolResponseProto, error) {
	return call(ctx, n.rpc, "removeCachePool", req, new(hdfspb.RemoveCachePoolResponseProto))
}

// ListCachePools calls listCachePools.
func (n *Namenode) ListCachePools(ctx context.Context, req *hdfspb.ListCachePoolsRequestProto) (*hdfspb.ListCachePoolsResponseProto, error) {
	return call(ctx, n.rpc, "listCachePools", req, new(hdfspb.ListCachePoolsResponseProto))
}

// GetDelegationToken calls getDelegationToken.
func (n *Namenode) GetDelegationToken(ctx context.Context, req *commonpb.GetDelegationTokenRequestProto) (*commonpb.GetDelegationTokenResponseProto, error) {
	return call(ctx, n.rpc, "getDelegationToken", req, new(commonpb.GetDelegationTokenResponseProto))
}

// RenewDelegationToken calls renewDelegationToken.
func (n *Namenode) RenewDelegationToken(ctx context.Context, req *commonpb.RenewDelegationTokenRequestProto) (*commonpb.RenewDelegationTokenResponseProto, error) {
	return call(ctx, n.rpc, "renewDelegationToken", req, new(commonpb.RenewDelegationTokenResponseProto))
}

// CancelDelegationToken calls cancelDelegationToken.
func (n *Namenode) CancelDelegationToken(ctx context.Context, req *commonpb.CancelDelegationTokenRequestProto) (*commonpb.CancelDelegationTokenResponseProto, error) {
	return call(ctx, n.rpc, "cancelDelegationToken", req, new(commonpb.CancelDelegationTokenResponseProto))
}

// SetBalancerBandwidth calls setBalancerBandwidth.
func (n *Namenode) SetBalancerBandwidth(ctx context.Context, req *hdfspb.SetBalancerBandwidthRequestProto) (*hdfspb.SetBalancerBandwidthResponseProto, error) {
	return call(ctx, n.rpc, "setBalancerBandwidth", req, new(hdfspb.SetBalancerBandwidthResponseProto))
}

// CreateEncryptionZone calls createEncryptionZone.
func (n *Namenode) CreateEncryptionZone(ctx context.Context, req *hdfspb.CreateEncryptionZoneRequestProto) (*hdfspb.CreateEncryptionZoneResponseProto, error) {
	return call(ctx, n.rpc, "createEncryptionZone", req, new(hdfspb.CreateEncryptionZoneResponseProto))
}

// ListEncryptionZones calls listEncryptionZones.
func (n *Namenode) ListEncryptionZones(ctx context.Context, req *hdfspb.ListEncryptionZonesRequestProto) (*hdfspb.ListEncryptionZonesResponseProto, error) {
	return call(ctx, n.rpc, "listEncryptionZones", req, new(hdfspb.ListEncryptionZonesResponseProto))
}

// ReencryptEncryptionZone calls reencryptEncryptionZone.
func (n *Namenode) ReencryptEncryptionZone(ctx context.Context, req *hdfspb.ReencryptEncryptionZoneRequestProto) (*hdfspb.ReencryptEncryptionZoneResponseProto, error) {
	return call(ctx, n.rpc, "reencryptEncryptionZone", req, new(hdfspb.ReencryptEncryptionZoneResponseProto))
}

// ListReencryptionStatus calls listReencryptionStatus.
func (n *Namenode) ListReencryptionStatus(ctx context.Context, req *hdfspb.ListReencryptionStatusRequestProto) (*hdfspb.ListReencryptionStatusResponseProto, error) {
	return call(ctx, n.rpc, "listReencryptionStatus", req, new(hdfspb.ListReencryptionStatusResponseProto))
}

// GetEZForPath calls getEZForPath.
func (n *Namenode) GetEZForPath(ctx context.Context, req *hdfspb.GetEZForPathRequestProto) (*hdfspb.GetEZForPathResponseProto, error) {
	return call(ctx, n.rpc, "getEZForPath", req, new(hdfspb.GetEZForPathResponseProto))
}

// SetErasureCodingPolicy calls setErasureCodingPolicy.
func (n *Namenode) SetErasureCodingPolicy(ctx context.Context, req *hdfspb.SetErasureCodingPolicyRequestProto) (*hdfspb.SetErasureCodingPolicyResponseProto, error) {
	return call(ctx, n.rpc, "setErasureCodingPolicy", req, new(hdfspb.SetErasureCodingPolicyResponseProto))
}

// UnsetErasureCodingPolicy calls unsetErasureCodingPolicy.
func (n *Namenode) UnsetErasureCodingPolicy(ctx context.Context, req *hdfspb.UnsetErasureCodingPolicyRequestProto) (*hdfspb.UnsetErasureCodingPolicyResponseProto, error) {
	return call(ctx, n.rpc, "unsetErasureCodingPolicy", req, new(hdfspb.UnsetErasureCodingPolicyResponseProto))
}

// GetECTopologyResultForPolicies calls getECTopologyResultForPolicies.
func (n *Namenode) GetECTopologyResultForPolicies(ctx context.Context, req *hdfspb.GetECTopologyResultForPoliciesRequestProto) (*hdfspb.GetECTopologyResultForPoliciesResponseProto, error) {
	return call(ctx, n.rpc, "getECTopologyResultForPolicies", req, new(hdfspb.GetECTopologyResultForPoliciesResponseProto))
}

// GetErasureCodingPolicies calls getErasureCodingPolicies.
func (n *Namenode) GetErasureCodingPolicies(ctx context.Context, req *hdfspb.GetErasureCodingPoliciesRequestProto) (*hdfspb.GetErasureCodingPoliciesResponseProto, error) {
	return call(ctx, n.rpc, "getErasureCodingPolicies", req, new(hdfspb.GetErasureCodingPoliciesResponseProto))
}

// AddErasureCodingPolicies calls addErasureCodingPolicies.
func (n *Namenode) AddErasureCodingPolicies(ctx context.Context, req *hdfspb.AddErasureCodingPoliciesRequestProto) (*hdfspb.AddErasureCodingPoliciesResponseProto, error) {
	return call(ctx, n.rpc, "addErasureCodingPolicies", req, new(hdfspb.AddErasureCodingPoliciesResponseProto))
}

// RemoveErasureCodingPolicy calls removeErasureCodingPolicy.
func (n *Namenode) RemoveErasureCodingPolicy(ctx context.Context, req *hdfspb.RemoveErasureCodingPolicyRequestProto) (*hdfspb.RemoveErasureCodingPolicyResponseProto, error) {
	return call(ctx, n.rpc, "removeErasureCodingPolicy", req, new(hdfspb.RemoveErasureCodingPolicyResponseProto))
}

// EnableErasureCodingPolicy calls enableErasureCodingPolicy.
func (n *Namenode) EnableErasureCodingPolicy(ctx context.Context, req *hdfspb.EnableErasureCodingPolicyRequestProto) (*hdfspb.EnableErasureCodingPolicyResponseProto, error) {
	return call(ctx, n.rpc, "enableErasureCodingPolicy", req, new(hdfspb.EnableErasureCodingPolicyResponseProto))
}

// DisableErasureCodingPolicy calls disableErasureCodingPolicy.
func (n *Namenode) DisableErasureCodingPolicy(ctx context.Context, req *hdfspb.DisableErasureCodingPolicyRequestProto) (*hdfspb.DisableErasureCodingPolicyResponseProto, error) {
	return call(ctx, n.rpc, "disableErasureCodingPolicy", req, new(hdfspb.DisableErasureCodingPolicyResponseProto))
}

// GetErasureCodingPolicy calls getErasureCodingPolicy.
func (n *Namenode) GetErasureCodingPolicy(ctx context.Context, req *hdfspb.GetErasureCodingPolicyRequestProto) (*hdfspb.GetErasureCodingPolicyResponseProto, error) {
	return call(ctx, n.rpc, "getErasureCodingPolicy", req, new(hdfspb.GetErasureCodingPolicyResponseProto))
}

// GetErasureCodingCodecs calls getErasureCodingCodecs.
func (n *Namenode) GetErasureCodingCodecs(ctx context.Context, req *hdfspb.GetErasureCodingCodecsRequestProto) (*hdfspb.GetErasureCodingCodecsResponseProto, error) {
	return call(ctx, n.rpc, "getErasureCodingCodecs", req, new(hdfspb.GetErasureCodingCodecsResponseProto))
}

// GetSlowDatanodeReport calls getSlowDatanodeReport.
func (n *Namenode) GetSlowDatanodeReport(ctx context.Context, req *hdfspb.GetSlowDatanodeReportRequestProto) (*hdfspb.GetSlowDatanodeReportResponseProto, error) {
	return call(ctx, n.rpc, "getSlowDatanodeReport", req, new(hdfspb.GetSlowDatanodeReportResponseProto))
}
