package protocol

import (
	"context"

	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Calls that look files up.

// GetBlockLocations calls getBlockLocations.
func (n *Namenode) GetBlockLocations(ctx context.Context, req *hdfspb.GetBlockLocationsRequestProto) (*hdfspb.GetBlockLocationsResponseProto, error) {
	return call(ctx, n.rpc, "getBlockLocations", req, new(hdfspb.GetBlockLocationsResponseProto))
}

// GetServerDefaults calls getServerDefaults.
func (n *Namenode) GetServerDefaults(ctx context.Context, req *hdfspb.GetServerDefaultsRequestProto) (*hdfspb.GetServerDefaultsResponseProto, error) {
	return call(ctx, n.rpc, "getServerDefaults", req, new(hdfspb.GetServerDefaultsResponseProto))
}

// GetListing calls getListing.
func (n *Namenode) GetListing(ctx context.Context, req *hdfspb.GetListingRequestProto) (*hdfspb.GetListingResponseProto, error) {
	return call(ctx, n.rpc, "getListing", req, new(hdfspb.GetListingResponseProto))
}

// GetBatchedListing calls getBatchedListing.
func (n *Namenode) GetBatchedListing(ctx context.Context, req *hdfspb.GetBatchedListingRequestProto) (*hdfspb.GetBatchedListingResponseProto, error) {
	return call(ctx, n.rpc, "getBatchedListing", req, new(hdfspb.GetBatchedListingResponseProto))
}

// GetFileInfo calls getFileInfo.
func (n *Namenode) GetFileInfo(ctx context.Context, req *hdfspb.GetFileInfoRequestProto) (*hdfspb.GetFileInfoResponseProto, error) {
	return call(ctx, n.rpc, "getFileInfo", req, new(hdfspb.GetFileInfoResponseProto))
}

// GetLocatedFileInfo calls getLocatedFileInfo.
func (n *Namenode) GetLocatedFileInfo(ctx context.Context, req *hdfspb.GetLocatedFileInfoRequestProto) (*hdfspb.GetLocatedFileInfoResponseProto, error) {
	return call(ctx, n.rpc, "getLocatedFileInfo", req, new(hdfspb.GetLocatedFileInfoResponseProto))
}

// GetFileLinkInfo calls getFileLinkInfo.
func (n *Namenode) GetFileLinkInfo(ctx context.Context, req *hdfspb.GetFileLinkInfoRequestProto) (*hdfspb.GetFileLinkInfoResponseProto, error) {
	return call(ctx, n.rpc, "getFileLinkInfo", req, new(hdfspb.GetFileLinkInfoResponseProto))
}

// GetLinkTarget calls getLinkTarget.
func (n *Namenode) GetLinkTarget(ctx context.Context, req *hdfspb.GetLinkTargetRequestProto) (*hdfspb.GetLinkTargetResponseProto, error) {
	return call(ctx, n.rpc, "getLinkTarget", req, new(hdfspb.GetLinkTargetResponseProto))
}

// GetContentSummary calls getContentSummary.
func (n *Namenode) GetContentSummary(ctx context.Context, req *hdfspb.GetContentSummaryRequestProto) (*hdfspb.GetContentSummaryResponseProto, error) {
	return call(ctx, n.rpc, "getContentSummary", req, new(hdfspb.GetContentSummaryResponseProto))
}

// GetQuotaUsage calls getQuotaUsage.
func (n *Namenode) GetQuotaUsage(ctx context.Context, req *hdfspb.GetQuotaUsageRequestProto) (*hdfspb.GetQuotaUsageResponseProto, error) {
	return call(ctx, n.rpc, "getQuotaUsage", req, new(hdfspb.GetQuotaUsageResponseProto))
}

// GetPreferredBlockSize calls getPreferredBlockSize.
func (n *Namenode) GetPreferredBlockSize(ctx context.Context, req *hdfspb.GetPreferredBlockSizeRequestProto) (*hdfspb.GetPreferredBlockSizeResponseProto, error) {
	return call(ctx, n.rpc, "getPreferredBlockSize", req, new(hdfspb.GetPreferredBlockSizeResponseProto))
}

// CheckAccess calls checkAccess.
func (n *Namenode) CheckAccess(ctx context.Context, req *hdfspb.CheckAccessRequestProto) (*hdfspb.CheckAccessResponseProto, error) {
	return call(ctx, n.rpc, "checkAccess", req, new(hdfspb.CheckAccessResponseProto))
}

// Msync calls msync.
func (n *Namenode) Msync(ctx context.Context, req *hdfspb.MsyncRequestProto) (*hdfspb.MsyncResponseProto, error) {
	return call(ctx, n.rpc, "msync", req, new(hdfspb.MsyncResponseProto))
}

// GetHAServiceState calls getHAServiceState.
func (n *Namenode) GetHAServiceState(ctx context.Context, req *hdfspb.HAServiceStateRequestProto) (*hdfspb.HAServiceStateResponseProto, error) {
	return call(ctx, n.rpc, "getHAServiceState", req, new(hdfspb.HAServiceStateResponseProto))
}

// GetEnclosingRoot calls getEnclosingRoot.
func (n *Namenode) GetEnclosingRoot(ctx context.Context, req *hdfspb.GetEnclosingRootRequestProto) (*hdfspb.GetEnclosingRootResponseProto, error) {
	return call(ctx, n.rpc, "getEnclosingRoot", req, new(hdfspb.GetEnclosingRootResponseProto))
}

// GetDataEncryptionKey calls getDataEncryptionKey.
func (n *Namenode) GetDataEncryptionKey(ctx context.Context, req *hdfspb.GetDataEncryptionKeyRequestProto) (*hdfspb.GetDataEncryptionKeyResponseProto, error) {
	return call(ctx, n.rpc, "getDataEncryptionKey", req, new(hdfspb.GetDataEncryptionKeyResponseProto))
}

// ListOpenFiles calls listOpenFiles.
func (n *Namenode) ListOpenFiles(ctx context.Context, req *hdfspb.ListOpenFilesRequestProto) (*hdfspb.ListOpenFilesResponseProto, error) {
	return call(ctx, n.rpc, "listOpenFiles", req, new(hdfspb.ListOpenFilesResponseProto))
}

// ListCorruptFileBlocks calls listCorruptFileBlocks.
func (n *Namenode) ListCorruptFileBlocks(ctx context.Context, req *hdfspb.ListCorruptFileBlocksRequestProto) (*hdfspb.ListCorruptFileBlocksResponseProto, error) {
	return call(ctx, n.rpc, "listCorruptFileBlocks", req, new(hdfspb.ListCorruptFileBlocksResponseProto))
}

// GetCurrentEditLogTxid calls getCurrentEditLogTxid.
func (n *Namenode) GetCurrentEditLogTxid(ctx context.Context, req *hdfspb.GetCurrentEditLogTxidRequestProto) (*hdfspb.GetCurrentEditLogTxidResponseProto, error) {
	return call(ctx, n.rpc, "getCurrentEditLogTxid", req, new(hdfspb.GetCurrentEditLogTxidResponseProto))
}

// GetEditsFromTxid calls getEditsFromTxid.
func (n *Namenode) GetEditsFromTxid(ctx context.Context, req *hdfspb.GetEditsFromTxidRequestProto) (*hdfspb.GetEditsFromTxidResponseProto, error) {
	return call(ctx, n.rpc, "getEditsFromTxid", req, new(hdfspb.GetEditsFromTxidResponseProto))
}
