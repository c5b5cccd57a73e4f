package protocol

import (
	"context"

	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Calls for ACLs, extended attributes, quotas, storage policies and snapshots.

// ModifyAclEntries calls modifyAclEntries.
func (n *Namenode) ModifyAclEntries(ctx context.Context, req *hdfspb.ModifyAclEntriesRequestProto) (*hdfspb.ModifyAclEntriesResponseProto, error) {
	return call(ctx, n.rpc, "modifyAclEntries", req, new(hdfspb.ModifyAclEntriesResponseProto))
}

// RemoveAclEntries calls removeAclEntries.
func (n *Namenode) RemoveAclEntries(ctx context.Context, req *hdfspb.RemoveAclEntriesRequestProto) (*hdfspb.RemoveAclEntriesResponseProto, error) {
	return call(ctx, n.rpc, "removeAclEntries", req, new(hdfspb.RemoveAclEntriesResponseProto))
}

// RemoveDefaultAcl calls removeDefaultAcl.
func (n *Namenode) RemoveDefaultAcl(ctx context.Context, req *hdfspb.RemoveDefaultAclRequestProto) (*hdfspb.RemoveDefaultAclResponseProto, error) {
	return call(ctx, n.rpc, "removeDefaultAcl", req, new(hdfspb.RemoveDefaultAclResponseProto))
}

// RemoveAcl calls removeAcl.
func (n *Namenode) RemoveAcl(ctx context.Context, req *hdfspb.RemoveAclRequestProto) (*hdfspb.RemoveAclResponseProto, error) {
	return call(ctx, n.rpc, "removeAcl", req, new(hdfspb.RemoveAclResponseProto))
}

// SetAcl calls setAcl.
func (n *Namenode) SetAcl(ctx context.Context, req *hdfspb.SetAclRequestProto) (*hdfspb.SetAclResponseProto, error) {
	return call(ctx, n.rpc, "setAcl", req, new(hdfspb.SetAclResponseProto))
}

// GetAclStatus calls getAclStatus.
func (n *Namenode) GetAclStatus(ctx context.Context, req *hdfspb.GetAclStatusRequestProto) (*hdfspb.GetAclStatusResponseProto, error) {
	return call(ctx, n.rpc, "getAclStatus", req, new(hdfspb.GetAclStatusResponseProto))
}

// SetXAttr calls setXAttr.
func (n *Namenode) SetXAttr(ctx context.Context, req *hdfspb.SetXAttrRequestProto) (*hdfspb.SetXAttrResponseProto, error) {
	return call(ctx, n.rpc, "setXAttr", req, new(hdfspb.SetXAttrResponseProto))
}

// GetXAttrs calls getXAttrs.
func (n *Namenode) GetXAttrs(ctx context.Context, req *hdfspb.GetXAttrsRequestProto) (*hdfspb.GetXAttrsResponseProto, error) {
	return call(ctx, n.rpc, "getXAttrs", req, new(hdfspb.GetXAttrsResponseProto))
}

// ListXAttrs calls listXAttrs.
func (n *Namenode) ListXAttrs(ctx context.Context, req *hdfspb.ListXAttrsRequestProto) (*hdfspb.ListXAttrsResponseProto, error) {
	return call(ctx, n.rpc, "listXAttrs", req, new(hdfspb.ListXAttrsResponseProto))
}

// RemoveXAttr calls removeXAttr.
func (n *Namenode) RemoveXAttr(ctx context.Context, req *hdfspb.RemoveXAttrRequestProto) (*hdfspb.RemoveXAttrResponseProto, error) {
	return call(ctx, n.rpc, "removeXAttr", req, new(hdfspb.RemoveXAttrResponseProto))
}

// SetQuota calls setQuota.
func (n *Namenode) SetQuota(ctx context.Context, req *hdfspb.SetQuotaRequestProto) (*hdfspb.SetQuotaResponseProto, error) {
	return call(ctx, n.rpc, "setQuota", req, new(hdfspb.SetQuotaResponseProto))
}

// SetStoragePolicy calls setStoragePolicy.
func (n *Namenode) SetStoragePolicy(ctx context.Context, req *hdfspb.SetStoragePolicyRequestProto) (*hdfspb.SetStoragePolicyResponseProto, error) {
	return call(ctx, n.rpc, "setStoragePolicy", req, new(hdfspb.SetStoragePolicyResponseProto))
}

// UnsetStoragePolicy calls unsetStoragePolicy.
func (n *Namenode) UnsetStoragePolicy(ctx context.Context, req *hdfspb.UnsetStoragePolicyRequestProto) (*hdfspb.UnsetStoragePolicyResponseProto, error) {
	return call(ctx, n.rpc, "unsetStoragePolicy", req, new(hdfspb.UnsetStoragePolicyResponseProto))
}

// GetStoragePolicy calls getStoragePolicy.
func (n *Namenode) GetStoragePolicy(ctx context.Context, req *hdfspb.GetStoragePolicyRequestProto) (*hdfspb.GetStoragePolicyResponseProto, error) {
	return call(ctx, n.rpc, "getStoragePolicy", req, new(hdfspb.GetStoragePolicyResponseProto))
}

// GetStoragePolicies calls getStoragePolicies.
func (n *Namenode) GetStoragePolicies(ctx context.Context, req *hdfspb.GetStoragePoliciesRequestProto) (*hdfspb.GetStoragePoliciesResponseProto, error) {
	return call(ctx, n.rpc, "getStoragePolicies", req, new(hdfspb.GetStoragePoliciesResponseProto))
}

// SatisfyStoragePolicy calls satisfyStoragePolicy.
func (n *Namenode) SatisfyStoragePolicy(ctx context.Context, req *hdfspb.SatisfyStoragePolicyRequestProto) (*hdfspb.SatisfyStoragePolicyResponseProto, error) {
	return call(ctx, n.rpc, "satisfyStoragePolicy", req, new(hdfspb.SatisfyStoragePolicyResponseProto))
}

// CreateSnapshot calls createSnapshot.
func (n *Namenode) CreateSnapshot(ctx context.Context, req *hdfspb.CreateSnapshotRequestProto) (*hdfspb.CreateSnapshotResponseProto, error) {
	return call(ctx, n.rpc, "createSnapshot", req, new(hdfspb.CreateSnapshotResponseProto))
}

// RenameSnapshot calls renameSnapshot.
func (n *Namenode) RenameSnapshot(ctx context.Context, req *hdfspb.RenameSnapshotRequestProto) (*hdfspb.RenameSnapshotResponseProto, error) {
	return call(ctx, n.rpc, "renameSnapshot", req, new(hdfspb.RenameSnapshotResponseProto))
}

// DeleteSnapshot calls deleteSnapshot.
func (n *Namenode) DeleteSnapshot(ctx context.Context, req *hdfspb.DeleteSnapshotRequestProto) (*hdfspb.DeleteSnapshotResponseProto, error) {
	return call(ctx, n.rpc, "deleteSnapshot", req, new(hdfspb.DeleteSnapshotResponseProto))
}

// AllowSnapshot calls allowSnapshot.
func (n *Namenode) AllowSnapshot(ctx context.Context, req *hdfspb.AllowSnapshotRequestProto) (*hdfspb.AllowSnapshotResponseProto, error) {
	return call(ctx, n.rpc, "allowSnapshot", req, new(hdfspb.AllowSnapshotResponseProto))
}

// DisallowSnapshot calls disallowSnapshot.
func (n *Namenode) DisallowSnapshot(ctx context.Context, req *hdfspb.DisallowSnapshotRequestProto) (*hdfspb.DisallowSnapshotResponseProto, error) {
	return call(ctx, n.rpc, "disallowSnapshot", req, new(hdfspb.DisallowSnapshotResponseProto))
}

// GetSnapshottableDirListing calls getSnapshottableDirListing.
func (n *Namenode) GetSnapshottableDirListing(ctx context.Context, req *hdfspb.GetSnapshottableDirListingRequestProto) (*hdfspb.GetSnapshottableDirListingResponseProto, error) {
	return call(ctx, n.rpc, "getSnapshottableDirListing", req, new(hdfspb.GetSnapshottableDirListingResponseProto))
}

// GetSnapshotListing calls getSnapshotListing.
func (n *Namenode) GetSnapshotListing(ctx context.Context, req *hdfspb.GetSnapshotListingRequestProto) (*hdfspb.GetSnapshotListingResponseProto, error) {
	return call(ctx, n.rpc, "getSnapshotListing", req, new(hdfspb.GetSnapshotListingResponseProto))
}

// GetSnapshotDiffReport calls getSnapshotDiffReport.
func (n *Namenode) GetSnapshotDiffReport(ctx context.Context, req *hdfspb.GetSnapshotDiffReportRequestProto) (*hdfspb.GetSnapshotDiffReportResponseProto, error) {
	return call(ctx, n.rpc, "getSnapshotDiffReport", req, new(hdfspb.GetSnapshotDiffReportResponseProto))
}

// GetSnapshotDiffReportListing calls getSnapshotDiffReportListing.
func (n *Namenode) GetSnapshotDiffReportListing(ctx context.Context, req *hdfspb.GetSnapshotDiffReportListingRequestProto) (*hdfspb.GetSnapshotDiffReportListingResponseProto, error) {
	return call(ctx, n.rpc, "getSnapshotDiffReportListing", req, new(hdfspb.GetSnapshotDiffReportListingResponseProto))
}
