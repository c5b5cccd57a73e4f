package namespace

import (
	"fmt"

	commonpb "github.com/lodehq/lode/proto/hadoop/common"
	datanodepb "github.com/lodehq/lode/proto/hadoop/datanode"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
	"google.golang.org/protobuf/proto"
)

func marshal(m proto.Message) []byte {
	b, err := proto.MarshalOptions{AllowPartial: true, Deterministic: true}.Marshal(m)
	if err != nil {
		return nil // only strings that are not UTF-8 fail, and those do not come out of the wire's decoder
	}
	return b
}

func unmarshal(b []byte, m proto.Message) error { return proto.Unmarshal(b, m) }

// method is one kind of command.
type method struct {
	number   journalpb.Method
	request  func() proto.Message
	response func() proto.Message
}

func kind[Q, A any, PQ interface {
	*Q
	proto.Message
}, PA interface {
	*A
	proto.Message
}](number journalpb.Method) method {
	return method{number, func() proto.Message { return PQ(new(Q)) }, func() proto.Message { return PA(new(A)) }}
}

// methodByNumber is the table of commands.
func methodByNumber(m journalpb.Method) (method, bool) {
	switch m {
	case journalpb.Method_CREATE:
		return kind[hdfspb.CreateRequestProto, hdfspb.CreateResponseProto](m), true
	case journalpb.Method_APPEND:
		return kind[hdfspb.AppendRequestProto, hdfspb.AppendResponseProto](m), true
	case journalpb.Method_ADD_BLOCK:
		return kind[hdfspb.AddBlockRequestProto, hdfspb.AddBlockResponseProto](m), true
	case journalpb.Method_ABANDON_BLOCK:
		return kind[hdfspb.AbandonBlockRequestProto, hdfspb.AbandonBlockResponseProto](m), true
	case journalpb.Method_COMPLETE:
		return kind[hdfspb.CompleteRequestProto, hdfspb.CompleteResponseProto](m), true
	case journalpb.Method_FSYNC:
		return kind[hdfspb.FsyncRequestProto, hdfspb.FsyncResponseProto](m), true
	case journalpb.Method_UPDATE_BLOCK_FOR_PIPELINE:
		return kind[hdfspb.UpdateBlockForPipelineRequestProto, hdfspb.UpdateBlockForPipelineResponseProto](m), true
	case journalpb.Method_UPDATE_PIPELINE:
		return kind[hdfspb.UpdatePipelineRequestProto, hdfspb.UpdatePipelineResponseProto](m), true
	case journalpb.Method_RECOVER_LEASE:
		return kind[hdfspb.RecoverLeaseRequestProto, hdfspb.RecoverLeaseResponseProto](m), true
	case journalpb.Method_CONCAT:
		return kind[hdfspb.ConcatRequestProto, hdfspb.ConcatResponseProto](m), true
	case journalpb.Method_TRUNCATE:
		return kind[hdfspb.TruncateRequestProto, hdfspb.TruncateResponseProto](m), true
	case journalpb.Method_SET_REPLICATION:
		return kind[hdfspb.SetReplicationRequestProto, hdfspb.SetReplicationResponseProto](m), true
	case journalpb.Method_RENAME:
		return kind[hdfspb.RenameRequestProto, hdfspb.RenameResponseProto](m), true
	case journalpb.Method_RENAME2:
		return kind[hdfspb.Rename2RequestProto, hdfspb.Rename2ResponseProto](m), true
	case journalpb.Method_DELETE:
		return kind[hdfspb.DeleteRequestProto, hdfspb.DeleteResponseProto](m), true
	case journalpb.Method_MKDIRS:
		return kind[hdfspb.MkdirsRequestProto, hdfspb.MkdirsResponseProto](m), true
	case journalpb.Method_SET_PERMISSION:
		return kind[hdfspb.SetPermissionRequestProto, hdfspb.SetPermissionResponseProto](m), true
	case journalpb.Method_SET_OWNER:
		return kind[hdfspb.SetOwnerRequestProto, hdfspb.SetOwnerResponseProto](m), true
	case journalpb.Method_SET_TIMES:
		return kind[hdfspb.SetTimesRequestProto, hdfspb.SetTimesResponseProto](m), true
	case journalpb.Method_SET_QUOTA:
		return kind[hdfspb.SetQuotaRequestProto, hdfspb.SetQuotaResponseProto](m), true
	case journalpb.Method_SET_STORAGE_POLICY:
		return kind[hdfspb.SetStoragePolicyRequestProto, hdfspb.SetStoragePolicyResponseProto](m), true
	case journalpb.Method_UNSET_STORAGE_POLICY:
		return kind[hdfspb.UnsetStoragePolicyRequestProto, hdfspb.UnsetStoragePolicyResponseProto](m), true
	case journalpb.Method_SATISFY_STORAGE_POLICY:
		return kind[hdfspb.SatisfyStoragePolicyRequestProto, hdfspb.SatisfyStoragePolicyResponseProto](m), true
	case journalpb.Method_ENABLE_ERASURE_CODING_POLICY:
		return kind[hdfspb.EnableErasureCodingPolicyRequestProto, hdfspb.EnableErasureCodingPolicyResponseProto](m), true
	case journalpb.Method_DISABLE_ERASURE_CODING_POLICY:
		return kind[hdfspb.DisableErasureCodingPolicyRequestProto, hdfspb.DisableErasureCodingPolicyResponseProto](m), true
	case journalpb.Method_MODIFY_ACL_ENTRIES:
		return kind[hdfspb.ModifyAclEntriesRequestProto, hdfspb.ModifyAclEntriesResponseProto](m), true
	case journalpb.Method_REMOVE_ACL_ENTRIES:
		return kind[hdfspb.RemoveAclEntriesRequestProto, hdfspb.RemoveAclEntriesResponseProto](m), true
	case journalpb.Method_REMOVE_DEFAULT_ACL:
		return kind[hdfspb.RemoveDefaultAclRequestProto, hdfspb.RemoveDefaultAclResponseProto](m), true
	case journalpb.Method_REMOVE_ACL:
		return kind[hdfspb.RemoveAclRequestProto, hdfspb.RemoveAclResponseProto](m), true
	case journalpb.Method_SET_ACL:
		return kind[hdfspb.SetAclRequestProto, hdfspb.SetAclResponseProto](m), true
	case journalpb.Method_SET_XATTR:
		return kind[hdfspb.SetXAttrRequestProto, hdfspb.SetXAttrResponseProto](m), true
	case journalpb.Method_REMOVE_XATTR:
		return kind[hdfspb.RemoveXAttrRequestProto, hdfspb.RemoveXAttrResponseProto](m), true
	case journalpb.Method_ALLOW_SNAPSHOT:
		return kind[hdfspb.AllowSnapshotRequestProto, hdfspb.AllowSnapshotResponseProto](m), true
	case journalpb.Method_DISALLOW_SNAPSHOT:
		return kind[hdfspb.DisallowSnapshotRequestProto, hdfspb.DisallowSnapshotResponseProto](m), true
	case journalpb.Method_CREATE_SNAPSHOT:
		return kind[hdfspb.CreateSnapshotRequestProto, hdfspb.CreateSnapshotResponseProto](m), true
	case journalpb.Method_DELETE_SNAPSHOT:
		return kind[hdfspb.DeleteSnapshotRequestProto, hdfspb.DeleteSnapshotResponseProto](m), true
	case journalpb.Method_RENAME_SNAPSHOT:
		return kind[hdfspb.RenameSnapshotRequestProto, hdfspb.RenameSnapshotResponseProto](m), true
	case journalpb.Method_CREATE_SYMLINK:
		return kind[hdfspb.CreateSymlinkRequestProto, hdfspb.CreateSymlinkResponseProto](m), true
	case journalpb.Method_COMMIT_BLOCK_SYNCHRONIZATION:
		return kind[datanodepb.CommitBlockSynchronizationRequestProto, datanodepb.CommitBlockSynchronizationResponseProto](m), true
	case journalpb.Method_GET_DELEGATION_TOKEN:
		return kind[commonpb.GetDelegationTokenRequestProto, commonpb.GetDelegationTokenResponseProto](m), true
	case journalpb.Method_RENEW_DELEGATION_TOKEN:
		return kind[commonpb.RenewDelegationTokenRequestProto, commonpb.RenewDelegationTokenResponseProto](m), true
	case journalpb.Method_CANCEL_DELEGATION_TOKEN:
		return kind[commonpb.CancelDelegationTokenRequestProto, commonpb.CancelDelegationTokenResponseProto](m), true
	case journalpb.Method_FORMAT:
		return kind[journalpb.Format, journalpb.FormatResponse](m), true
	case journalpb.Method_RELEASE_LEASE:
		return kind[journalpb.ReleaseLease, journalpb.ReleaseLeaseResponse](m), true
	case journalpb.Method_TOUCH_ACCESS_TIME:
		return kind[journalpb.TouchAccessTime, journalpb.TouchAccessTimeResponse](m), true
	case journalpb.Method_COMMIT_JOB:
		return kind[journalpb.CommitJob, journalpb.CommitJobResponse](m), true
	case journalpb.Method_PURGE_TRASH:
		return kind[journalpb.PurgeTrash, journalpb.PurgeTrashResponse](m), true
	case journalpb.Method_ADD_MASTER_KEY:
		return kind[journalpb.AddMasterKey, journalpb.AddMasterKeyResponse](m), true
	case journalpb.Method_EXPIRE:
		return kind[journalpb.Expire, journalpb.ExpireResponse](m), true
	case journalpb.Method_RESTART:
		return kind[journalpb.Restart, journalpb.RestartResponse](m), true
	}
	return method{}, false
}

// MethodOf is the number of a request's command.
func MethodOf(req proto.Message) (journalpb.Method, bool) {
	switch req.(type) {
	case *hdfspb.CreateRequestProto:
		return journalpb.Method_CREATE, true
	case *hdfspb.AppendRequestProto:
		return journalpb.Method_APPEND, true
	case *hdfspb.AddBlockRequestProto:
		return journalpb.Method_ADD_BLOCK, true
	case *hdfspb.AbandonBlockRequestProto:
		return journalpb.Method_ABANDON_BLOCK, true
	case *hdfspb.CompleteRequestProto:
		return journalpb.Method_COMPLETE, true
	case *hdfspb.FsyncRequestProto:
		return journalpb.Method_FSYNC, true
	case *hdfspb.UpdateBlockForPipelineRequestProto:
		return journalpb.Method_UPDATE_BLOCK_FOR_PIPELINE, true
	case *hdfspb.UpdatePipelineRequestProto:
		return journalpb.Method_UPDATE_PIPELINE, true
	case *hdfspb.RecoverLeaseRequestProto:
		return journalpb.Method_RECOVER_LEASE, true
	case *hdfspb.ConcatRequestProto:
		return journalpb.Method_CONCAT, true
	case *hdfspb.TruncateRequestProto:
		return journalpb.Method_TRUNCATE, true
	case *hdfspb.SetReplicationRequestProto:
		return journalpb.Method_SET_REPLICATION, true
	case *hdfspb.RenameRequestProto:
		return journalpb.Method_RENAME, true
	case *hdfspb.Rename2RequestProto:
		return journalpb.Method_RENAME2, true
	case *hdfspb.DeleteRequestProto:
		return journalpb.Method_DELETE, true
	case *hdfspb.MkdirsRequestProto:
		return journalpb.Method_MKDIRS, true
	case *hdfspb.SetPermissionRequestProto:
		return journalpb.Method_SET_PERMISSION, true
	case *hdfspb.SetOwnerRequestProto:
		return journalpb.Method_SET_OWNER, true
	case *hdfspb.SetTimesRequestProto:
		return journalpb.Method_SET_TIMES, true
	case *hdfspb.SetQuotaRequestProto:
		return journalpb.Method_SET_QUOTA, true
	case *hdfspb.SetStoragePolicyRequestProto:
		return journalpb.Method_SET_STORAGE_POLICY, true
	case *hdfspb.UnsetStoragePolicyRequestProto:
		return journalpb.Method_UNSET_STORAGE_POLICY, true
	case *hdfspb.SatisfyStoragePolicyRequestProto:
		return journalpb.Method_SATISFY_STORAGE_POLICY, true
	case *hdfspb.EnableErasureCodingPolicyRequestProto:
		return journalpb.Method_ENABLE_ERASURE_CODING_POLICY, true
	case *hdfspb.DisableErasureCodingPolicyRequestProto:
		return journalpb.Method_DISABLE_ERASURE_CODING_POLICY, true
	case *hdfspb.ModifyAclEntriesRequestProto:
		return journalpb.Method_MODIFY_ACL_ENTRIES, true
	case *hdfspb.RemoveAclEntriesRequestProto:
		return journalpb.Method_REMOVE_ACL_ENTRIES, true
	case *hdfspb.RemoveDefaultAclRequestProto:
		return journalpb.Method_REMOVE_DEFAULT_ACL, true
	case *hdfspb.RemoveAclRequestProto:
		return journalpb.Method_REMOVE_ACL, true
	case *hdfspb.SetAclRequestProto:
		return journalpb.Method_SET_ACL, true
	case *hdfspb.SetXAttrRequestProto:
		return journalpb.Method_SET_XATTR, true
	case *hdfspb.RemoveXAttrRequestProto:
		return journalpb.Method_REMOVE_XATTR, true
	case *hdfspb.AllowSnapshotRequestProto:
		return journalpb.Method_ALLOW_SNAPSHOT, true
	case *hdfspb.DisallowSnapshotRequestProto:
		return journalpb.Method_DISALLOW_SNAPSHOT, true
	case *hdfspb.CreateSnapshotRequestProto:
		return journalpb.Method_CREATE_SNAPSHOT, true
	case *hdfspb.DeleteSnapshotRequestProto:
		return journalpb.Method_DELETE_SNAPSHOT, true
	case *hdfspb.RenameSnapshotRequestProto:
		return journalpb.Method_RENAME_SNAPSHOT, true
	case *hdfspb.CreateSymlinkRequestProto:
		return journalpb.Method_CREATE_SYMLINK, true
	case *datanodepb.CommitBlockSynchronizationRequestProto:
		return journalpb.Method_COMMIT_BLOCK_SYNCHRONIZATION, true
	case *commonpb.GetDelegationTokenRequestProto:
		return journalpb.Method_GET_DELEGATION_TOKEN, true
	case *commonpb.RenewDelegationTokenRequestProto:
		return journalpb.Method_RENEW_DELEGATION_TOKEN, true
	case *commonpb.CancelDelegationTokenRequestProto:
		return journalpb.Method_CANCEL_DELEGATION_TOKEN, true
	case *journalpb.Format:
		return journalpb.Method_FORMAT, true
	case *journalpb.ReleaseLease:
		return journalpb.Method_RELEASE_LEASE, true
	case *journalpb.TouchAccessTime:
		return journalpb.Method_TOUCH_ACCESS_TIME, true
	case *journalpb.CommitJob:
		return journalpb.Method_COMMIT_JOB, true
	case *journalpb.PurgeTrash:
		return journalpb.Method_PURGE_TRASH, true
	case *journalpb.AddMasterKey:
		return journalpb.Method_ADD_MASTER_KEY, true
	case *journalpb.Expire:
		return journalpb.Method_EXPIRE, true
	case *journalpb.Restart:
		return journalpb.Method_RESTART, true
	}
	return journalpb.Method_UNKNOWN, false
}

// EncodeCommand makes a journal entry.
func EncodeCommand(h Header, req proto.Message) ([]byte, error) {
	m, ok := MethodOf(req)
	if !ok {
		return nil, fmt.Errorf("encode command: %T changes nothing and is not journaled", req)
	}
	b, err := proto.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("encode command %v: %w", m, err)
	}
	return EncodeRaw(h, m, b)
}

// EncodeRaw makes a journal entry of a request that is at hand in its wire form.
func EncodeRaw(h Header, m journalpb.Method, request []byte) ([]byte, error) {
	c := &journalpb.Command{Method: &m, Request: request, TimeMs: &h.TimeMS, User: &h.User, Groups: h.Groups, ClientId: h.ClientID}
	if h.Superuser {
		c.Superuser = &h.Superuser
	}
	if len(h.ClientID) > 0 {
		c.CallId = &h.CallID
	}
	if h.ClientMachine != "" {
		c.ClientMachine = &h.ClientMachine
	}
	if h.SoftExpired {
		c.SoftExpired = &h.SoftExpired
	}
	b, err := proto.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode command %v: %w", m, err)
	}
	return b, nil
}

// DecodeCommand reads a journal entry.
func DecodeCommand(b []byte) (Header, proto.Message, error) {
	var c journalpb.Command
	if err := proto.Unmarshal(b, &c); err != nil {
		return Header{}, nil, fmt.Errorf("decode journal entry: %w", err)
	}
	m, ok := methodByNumber(c.GetMethod())
	if !ok {
		return Header{}, nil, fmt.Errorf("decode journal entry: method %d is not known to this version; run the version that wrote the journal", c.GetMethod())
	}
	req := m.request()
	if err := proto.Unmarshal(c.Request, req); err != nil {
		return Header{}, nil, fmt.Errorf("decode journal entry of %v: %w", c.GetMethod(), err)
	}
	return Header{TimeMS: c.GetTimeMs(), User: c.GetUser(), Groups: c.Groups, Superuser: c.GetSuperuser(), ClientID: c.ClientId,
		CallID: c.GetCallId(), ClientMachine: c.GetClientMachine(), SoftExpired: c.GetSoftExpired()}, req, nil
}
