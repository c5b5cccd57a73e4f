package namespace

import (
	"errors"

	"github.com/lodehq/lode/internal/hdfs"
	commonpb "github.com/lodehq/lode/proto/hadoop/common"
	datanodepb "github.com/lodehq/lode/proto/hadoop/datanode"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
	"google.golang.org/protobuf/proto"
)

// Apply carries out one command. The answer is Hadoop's response message for the request; the error is always an *hdfs.Exception.
func (n *Namespace) Apply(h Header, req proto.Message) (proto.Message, error) {
	n.applied++
	n.now = h.TimeMS
	m, ok := MethodOf(req)
	if !ok {
		return nil, fail(hdfs.UnsupportedOperation, "%T is not a command of the journal", req)
	}
	var key retryKey
	keep := false
	if cached(m) {
		if key, keep = keyOf(h.ClientID, h.CallID); keep {
			if e := n.retries.find(key, n.now); e != nil && e.method == uint8(m) {
				return n.replay(e)
			}
		}
	}
	resp, err := n.dispatch(&h, req)
	if err != nil {
		var x *hdfs.Exception
		if !errors.As(err, &x) {
			x = ioFail("%v", err)
		}
		resp, err = nil, x
	}
	if keep {
		n.remember(key, m, resp, err)
	}
	return resp, err
}

// answer forgets the typed response of a failure.
func answer[R proto.Message](r R, err error) (proto.Message, error) {
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (n *Namespace) dispatch(h *Header, req proto.Message) (proto.Message, error) {
	caller := h.Caller()
	c := &caller
	switch r := req.(type) {
	case *hdfspb.CreateRequestProto:
		return answer(n.create(h, c, r))
	case *hdfspb.AddBlockRequestProto:
		return answer(n.addBlock(c, r))
	case *hdfspb.CompleteRequestProto:
		return answer(n.complete(c, r))
	case *hdfspb.MkdirsRequestProto:
		return answer(n.mkdirs(h, c, r))
	case *hdfspb.DeleteRequestProto:
		return answer(n.delete(c, r))
	case *hdfspb.RenameRequestProto:
		return answer(n.renameOld(c, r))
	case *hdfspb.Rename2RequestProto:
		return answer(n.rename2(c, r))
	case *hdfspb.AppendRequestProto:
		return answer(n.append(h, c, r))
	case *hdfspb.AbandonBlockRequestProto:
		return answer(n.abandonBlock(c, r))
	case *hdfspb.FsyncRequestProto:
		return answer(n.fsync(c, r))
	case *hdfspb.UpdateBlockForPipelineRequestProto:
		return answer(n.updateBlockForPipeline(r))
	case *hdfspb.UpdatePipelineRequestProto:
		return answer(n.updatePipeline(r))
	case *hdfspb.RecoverLeaseRequestProto:
		return answer(n.recoverLeaseCall(h, c, r))
	case *hdfspb.ConcatRequestProto:
		return answer(n.concat(c, r))
	case *hdfspb.TruncateRequestProto:
		return answer(n.truncate(h, c, r))
	case *hdfspb.SetReplicationRequestProto:
		return answer(n.setReplication(c, r))
	case *hdfspb.SetPermissionRequestProto:
		return answer(n.setPermission(c, r))
	case *hdfspb.SetOwnerRequestProto:
		return answer(n.setOwner(c, r))
	case *hdfspb.SetTimesRequestProto:
		return answer(n.setTimes(c, r))
	case *hdfspb.SetQuotaRequestProto:
		return answer(n.setQuota(c, r))
	case *hdfspb.SetStoragePolicyRequestProto:
		return answer(n.setStoragePolicy(c, r))
	case *hdfspb.UnsetStoragePolicyRequestProto:
		return answer(n.unsetStoragePolicy(c, r))
	case *hdfspb.SatisfyStoragePolicyRequestProto:
		return nil, fail(hdfs.UnsupportedOperation, "Cannot request to satisfy storage policy when storage policy satisfier feature has been disabled by admin. Seek for an admin help to enable it or use Mover tool.")
	case *hdfspb.EnableErasureCodingPolicyRequestProto:
		return answer(n.enableECPolicy(c, r))
	case *hdfspb.DisableErasureCodingPolicyRequestProto:
		return answer(n.disableECPolicy(c, r))
	case *hdfspb.ModifyAclEntriesRequestProto:
		return answer(n.modifyAclEntries(c, r))
	case *hdfspb.RemoveAclEntriesRequestProto:
		return answer(n.removeAclEntries(c, r))
	case *hdfspb.RemoveDefaultAclRequestProto:
		return answer(n.removeDefaultAcl(c, r))
	case *hdfspb.RemoveAclRequestProto:
		return answer(n.removeAcl(c, r))
	case *hdfspb.SetAclRequestProto:
		return answer(n.setAcl(c, r))
	case *hdfspb.SetXAttrRequestProto:
		return answer(n.setXAttr(c, r))
	case *hdfspb.RemoveXAttrRequestProto:
		return answer(n.removeXAttr(c, r))
	case *hdfspb.AllowSnapshotRequestProto:
		return answer(n.allowSnapshot(c, r))
	case *hdfspb.DisallowSnapshotRequestProto:
		return answer(n.disallowSnapshot(c, r))
	case *hdfspb.CreateSnapshotRequestProto:
		return answer(n.createSnapshot(c, r))
	case *hdfspb.DeleteSnapshotRequestProto:
		return answer(n.deleteSnapshot(c, r))
	case *hdfspb.RenameSnapshotRequestProto:
		return answer(n.renameSnapshot(c, r))
	case *hdfspb.CreateSymlinkRequestProto:
		return answer(n.createSymlink())
	case *datanodepb.CommitBlockSynchronizationRequestProto:
		return answer(n.commitBlockSynchronization(r))
	case *commonpb.GetDelegationTokenRequestProto:
		return answer(n.getDelegationToken(h, r))
	case *commonpb.RenewDelegationTokenRequestProto:
		return answer(n.renewDelegationToken(h, r))
	case *commonpb.CancelDelegationTokenRequestProto:
		return answer(n.cancelDelegationToken(h, r))
	case *journalpb.Format:
		return answer(n.formatCluster(r))
	case *journalpb.ReleaseLease:
		return answer(n.releaseLeaseCall(r))
	case *journalpb.TouchAccessTime:
		return answer(n.touchAccessTime(r))
	case *journalpb.CommitJob:
		return answer(n.commitJob(h, c, r))
	case *journalpb.PurgeTrash:
		return answer(n.purgeTrash(r))
	case *journalpb.AddMasterKey:
		return answer(n.addMasterKey(r))
	case *journalpb.Expire:
		n.retries.expire(n.now)
		n.tokens.expire(n.now)
		return &journalpb.ExpireResponse{}, nil
	case *journalpb.Restart:
		return &journalpb.RestartResponse{}, nil
	}
	return nil, fail(hdfs.UnsupportedOperation, "%T is not a command of the journal", req)
}

func (n *Namespace) formatCluster(req *journalpb.Format) (*journalpb.FormatResponse, error) {
	if n.format.GetClusterId() != "" {
		return nil, ioFail("The cluster is formatted already, as %s. Remove the data directory to begin a new one.", n.format.GetClusterId())
	}
	n.format = proto.Clone(req).(*journalpb.Format)
	return &journalpb.FormatResponse{}, nil
}
