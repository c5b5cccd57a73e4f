package protocol

import (
	"context"

	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Calls that create, write, move and remove files.

// Create calls create.
func (n *Namenode) Create(ctx context.Context, req *hdfspb.CreateRequestProto) (*hdfspb.CreateResponseProto, error) {
	return call(ctx, n.rpc, "create", req, new(hdfspb.CreateResponseProto))
}

// Append calls append.
func (n *Namenode) Append(ctx context.Context, req *hdfspb.AppendRequestProto) (*hdfspb.AppendResponseProto, error) {
	return call(ctx, n.rpc, "append", req, new(hdfspb.AppendResponseProto))
}

// AddBlock calls addBlock.
func (n *Namenode) AddBlock(ctx context.Context, req *hdfspb.AddBlockRequestProto) (*hdfspb.AddBlockResponseProto, error) {
	return call(ctx, n.rpc, "addBlock", req, new(hdfspb.AddBlockResponseProto))
}

// AbandonBlock calls abandonBlock.
func (n *Namenode) AbandonBlock(ctx context.Context, req *hdfspb.AbandonBlockRequestProto) (*hdfspb.AbandonBlockResponseProto, error) {
	return call(ctx, n.rpc, "abandonBlock", req, new(hdfspb.AbandonBlockResponseProto))
}

// GetAdditionalDatanode calls getAdditionalDatanode.
func (n *Namenode) GetAdditionalDatanode(ctx context.Context, req *hdfspb.GetAdditionalDatanodeRequestProto) (*hdfspb.GetAdditionalDatanodeResponseProto, error) {
	return call(ctx, n.rpc, "getAdditionalDatanode", req, new(hdfspb.GetAdditionalDatanodeResponseProto))
}

// Complete calls complete.
func (n *Namenode) Complete(ctx context.Context, req *hdfspb.CompleteRequestProto) (*hdfspb.CompleteResponseProto, error) {
	return call(ctx, n.rpc, "complete", req, new(hdfspb.CompleteResponseProto))
}

// Fsync calls fsync.
func (n *Namenode) Fsync(ctx context.Context, req *hdfspb.FsyncRequestProto) (*hdfspb.FsyncResponseProto, error) {
	return call(ctx, n.rpc, "fsync", req, new(hdfspb.FsyncResponseProto))
}

// UpdateBlockForPipeline calls updateBlockForPipeline.
func (n *Namenode) UpdateBlockForPipeline(ctx context.Context, req *hdfspb.UpdateBlockForPipelineRequestProto) (*hdfspb.UpdateBlockForPipelineResponseProto, error) {
	return call(ctx, n.rpc, "updateBlockForPipeline", req, new(hdfspb.UpdateBlockForPipelineResponseProto))
}

// UpdatePipeline calls updatePipeline.
func (n *Namenode) UpdatePipeline(ctx context.Context, req *hdfspb.UpdatePipelineRequestProto) (*hdfspb.UpdatePipelineResponseProto, error) {
	return call(ctx, n.rpc, "updatePipeline", req, new(hdfspb.UpdatePipelineResponseProto))
}

// RenewLease calls renewLease.
func (n *Namenode) RenewLease(ctx context.Context, req *hdfspb.RenewLeaseRequestProto) (*hdfspb.RenewLeaseResponseProto, error) {
	return call(ctx, n.rpc, "renewLease", req, new(hdfspb.RenewLeaseResponseProto))
}

// RecoverLease calls recoverLease.
func (n *Namenode) RecoverLease(ctx context.Context, req *hdfspb.RecoverLeaseRequestProto) (*hdfspb.RecoverLeaseResponseProto, error) {
	return call(ctx, n.rpc, "recoverLease", req, new(hdfspb.RecoverLeaseResponseProto))
}

// IsFileClosed calls isFileClosed.
func (n *Namenode) IsFileClosed(ctx context.Context, req *hdfspb.IsFileClosedRequestProto) (*hdfspb.IsFileClosedResponseProto, error) {
	return call(ctx, n.rpc, "isFileClosed", req, new(hdfspb.IsFileClosedResponseProto))
}

// ReportBadBlocks calls reportBadBlocks.
func (n *Namenode) ReportBadBlocks(ctx context.Context, req *hdfspb.ReportBadBlocksRequestProto) (*hdfspb.ReportBadBlocksResponseProto, error) {
	return call(ctx, n.rpc, "reportBadBlocks", req, new(hdfspb.ReportBadBlocksResponseProto))
}

// Concat calls concat.
func (n *Namenode) Concat(ctx context.Context, req *hdfspb.ConcatRequestProto) (*hdfspb.ConcatResponseProto, error) {
	return call(ctx, n.rpc, "concat", req, new(hdfspb.ConcatResponseProto))
}

// Truncate calls truncate.
func (n *Namenode) Truncate(ctx context.Context, req *hdfspb.TruncateRequestProto) (*hdfspb.TruncateResponseProto, error) {
	return call(ctx, n.rpc, "truncate", req, new(hdfspb.TruncateResponseProto))
}

// Rename calls rename.
func (n *Namenode) Rename(ctx context.Context, req *hdfspb.RenameRequestProto) (*hdfspb.RenameResponseProto, error) {
	return call(ctx, n.rpc, "rename", req, new(hdfspb.RenameResponseProto))
}

// Rename2 calls rename2.
func (n *Namenode) Rename2(ctx context.Context, req *hdfspb.Rename2RequestProto) (*hdfspb.Rename2ResponseProto, error) {
	return call(ctx, n.rpc, "rename2", req, new(hdfspb.Rename2ResponseProto))
}

// Delete calls delete.
func (n *Namenode) Delete(ctx context.Context, req *hdfspb.DeleteRequestProto) (*hdfspb.DeleteResponseProto, error) {
	return call(ctx, n.rpc, "delete", req, new(hdfspb.DeleteResponseProto))
}

// Mkdirs calls mkdirs.
func (n *Namenode) Mkdirs(ctx context.Context, req *hdfspb.MkdirsRequestProto) (*hdfspb.MkdirsResponseProto, error) {
	return call(ctx, n.rpc, "mkdirs", req, new(hdfspb.MkdirsResponseProto))
}

// CreateSymlink calls createSymlink.
func (n *Namenode) CreateSymlink(ctx context.Context, req *hdfspb.CreateSymlinkRequestProto) (*hdfspb.CreateSymlinkResponseProto, error) {
	return call(ctx, n.rpc, "createSymlink", req, new(hdfspb.CreateSymlinkResponseProto))
}

// SetReplication calls setReplication.
func (n *Namenode) SetReplication(ctx context.Context, req *hdfspb.SetReplicationRequestProto) (*hdfspb.SetReplicationResponseProto, error) {
	return call(ctx, n.rpc, "setReplication", req, new(hdfspb.SetReplicationResponseProto))
}

// SetTimes calls setTimes.
func (n *Namenode) SetTimes(ctx context.Context, req *hdfspb.SetTimesRequestProto) (*hdfspb.SetTimesResponseProto, error) {
	return call(ctx, n.rpc, "setTimes", req, new(hdfspb.SetTimesResponseProto))
}

// SetPermission calls setPermission.
func (n *Namenode) SetPermission(ctx context.Context, req *hdfspb.SetPermissionRequestProto) (*hdfspb.SetPermissionResponseProto, error) {
	return call(ctx, n.rpc, "setPermission", req, new(hdfspb.SetPermissionResponseProto))
}

// SetOwner calls setOwner.
func (n *Namenode) SetOwner(ctx context.Context, req *hdfspb.SetOwnerRequestProto) (*hdfspb.SetOwnerResponseProto, error) {
	return call(ctx, n.rpc, "setOwner", req, new(hdfspb.SetOwnerResponseProto))
}
