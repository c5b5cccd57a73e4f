package webhdfs

import (
	"encoding/json"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// getOperations are the operations of HTTP GET (GetOpParam.Op).
func getOperations() map[string]operation {
	return map[string]operation{
		"OPEN": open, "GETFILESTATUS": getFileStatus, "LISTSTATUS": listStatus, "LISTSTATUS_BATCH": listStatusBatch,
		"GETFILELINKSTATUS": getFileLinkStatus, "GETCONTENTSUMMARY": getContentSummary, "GETQUOTAUSAGE": getQuotaUsage,
		"GETFILECHECKSUM": getFileChecksum, "GETHOMEDIRECTORY": getHomeDirectory, "GETTRASHROOT": getTrashRoot, "GETTRASHROOTS": getTrashRoots,
		"GETDELEGATIONTOKEN": getDelegationToken, "GETDELEGATIONTOKENS": getDelegationToken, "GETACLSTATUS": getAclStatus, "GETXATTRS": getXAttrs,
		"LISTXATTRS": listXAttrs, "CHECKACCESS": checkAccess, "GETALLSTORAGEPOLICY": getAllStoragePolicy, "GETSTORAGEPOLICY": getStoragePolicy,
		"GET_BLOCK_LOCATIONS": getBlockLocations, "GETFILEBLOCKLOCATIONS": getFileBlockLocations, "GETSERVERDEFAULTS": getServerDefaults,
		"GETSNAPSHOTDIFF": getSnapshotDiff, "GETSNAPSHOTTABLEDIRECTORYLIST": getSnapshottableDirectoryList, "GETSNAPSHOTLIST": getSnapshotList,
		"GETSTATUS": getStatus, "GETLINKTARGET": getLinkTarget, "GETECPOLICY": getECPolicy, "GETECPOLICIES": getECPolicies, "GETECCODECS": getECCodecs,
	}
}

func getFileStatus(r *request) (any, error) {
	st, err := r.status("getFileInfo")
	if err != nil {
		return nil, err
	}
	if st == nil {
		if st, err = r.h.creating.await(r); err != nil {
			return nil, err
		}
	}
	if st == nil {
		return nil, hdfs.Errorf(hdfs.FileNotFound, "File does not exist: %s", r.path)
	}
	return map[string]any{"FileStatus": fileStatus(st, "")}, nil
}

func getFileLinkStatus(r *request) (any, error) {
	st, err := r.status("getFileLinkInfo")
	if err != nil {
		return nil, err
	}
	if st == nil {
		return nil, hdfs.Errorf(hdfs.FileNotFound, "File does not exist: %s", r.path)
	}
	return map[string]any{"FileStatus": fileStatus(st, "")}, nil
}

func (r *request) page(after []byte) (*hdfspb.DirectoryListingProto, error) {
	resp, err := call[*hdfspb.GetListingResponseProto](r, "getListing", &hdfspb.GetListingRequestProto{Src: &r.path, StartAfter: after, NeedLocation: proto.Bool(false)})
	if err != nil {
		return nil, err
	}
	if resp.DirList == nil {
		return nil, hdfs.Errorf(hdfs.FileNotFound, "File %s does not exist.", r.path)
	}
	return resp.DirList, nil
}

func listStatus(r *request) (any, error) {
	all := []*hdfspb.HdfsFileStatusProto{}
	for after := []byte{}; ; {
		page, err := r.page(after)
		if err != nil {
			return nil, err
		}
		all = append(all, page.GetPartialListing()...)
		if page.GetRemainingEntries() == 0 || len(page.GetPartialListing()) == 0 {
			return fileStatuses(all), nil
		}
		after = all[len(all)-1].GetPath()
	}
}

func listStatusBatch(r *request) (any, error) {
	page, err := r.page([]byte(r.get("startafter")))
	if err != nil {
		return nil, err
	}
	return map[string]any{"DirectoryListing": map[string]any{
		"partialListing": fileStatuses(page.GetPartialListing()), "remainingEntries": page.GetRemainingEntries(),
	}}, nil
}

func getContentSummary(r *request) (any, error) {
	resp, err := call[*hdfspb.GetContentSummaryResponseProto](r, "getContentSummary", &hdfspb.GetContentSummaryRequestProto{Path: &r.path})
	return contentSummary(resp.GetSummary()), err
}

func getQuotaUsage(r *request) (any, error) {
	resp, err := call[*hdfspb.GetQuotaUsageResponseProto](r, "getQuotaUsage", &hdfspb.GetQuotaUsageRequestProto{Path: &r.path})
	return quotaUsage(resp.GetUsage()), err
}

// getFileChecksum needs the datanodes of every block: one of them computes it.
func getFileChecksum(r *request) (any, error) {
	blocks, err := r.blocks(0, 1)
	if err != nil {
		return nil, err
	}
	for _, b := range blocks.GetBlocks() {
		if len(b.GetLocs()) > 0 {
			return r.toDatanode(b.GetLocs()[0], nil), nil
		}
	}
	return r.anyDatanode(nil)
}

func getHomeDirectory(r *request) (any, error) {
	return map[string]string{"Path": "/user/" + r.call.User}, nil
}

func getTrashRoot(r *request) (any, error) {
	return map[string]string{"Path": "/user/" + r.call.User + "/.Trash"}, nil
}

func getTrashRoots(r *request) (any, error) {
	root := *r
	root.path = "/user/" + r.call.User + "/.Trash"
	st, err := root.status("getFileInfo")
	if err != nil || st == nil {
		return map[string]any{"Paths": []any{}}, err
	}
	return map[string]any{"Paths": []any{fileStatus(st, root.path)}}, nil
}

// getDelegationToken: without security there is none.
func getDelegationToken(*request) (any, error) { return map[string]any{"Token": nil}, nil }

func getAclStatus(r *request) (any, error) {
	resp, err := call[*hdfspb.GetAclStatusResponseProto](r, "getAclStatus", &hdfspb.GetAclStatusRequestProto{Src: &r.path})
	if err != nil {
		return nil, err
	}
	a, entries := resp.GetResult(), []string{}
	for _, e := range a.GetEntries() {
		entries = append(entries, aclEntry(e))
	}
	perm := octal(a.GetPermission().GetPerm() & 0o777)
	return map[string]any{"AclStatus": map[string]any{
		"entries": entries, "group": a.GetGroup(), "owner": a.GetOwner(), "permission": perm, "stickyBit": a.GetSticky(),
	}}, nil
}

func getXAttrs(r *request) (any, error) {
	encoding, err := r.required("encoding")
	if err != nil {
		return nil, err
	}
	if !slices.Contains([]string{"text", "hex", "base64"}, encoding) {
		return nil, badParam("encoding", `No enum constant org.apache.hadoop.fs.XAttrCodec.%s`, encoding)
	}
	req := &hdfspb.GetXAttrsRequestProto{Src: &r.path}
	for _, name := range r.args["xattr.name"] {
		if name == "" {
			continue
		}
		x, err := xattrName(name)
		if err != nil {
			return nil, err
		}
		req.XAttrs = append(req.XAttrs, x)
	}
	resp, err := call[*hdfspb.GetXAttrsResponseProto](r, "getXAttrs", req)
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, x := range resp.GetXAttrs() {
		list = append(list, map[string]string{"name": xattrFullName(x), "value": encodeXattr(x.GetValue(), encoding)})
	}
	return map[string]any{"XAttrs": list}, nil
}

func listXAttrs(r *request) (any, error) {
	resp, err := call[*hdfspb.ListXAttrsResponseProto](r, "listXAttrs", &hdfspb.ListXAttrsRequestProto{Src: &r.path})
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, x := range resp.GetXAttrs() {
		names = append(names, xattrFullName(x))
	}
	text, err := json.Marshal(names)
	return map[string]string{"XAttrNames": string(text)}, err
}

func checkAccess(r *request) (any, error) {
	text := r.get("fsaction")
	a, ok := action(text)
	if !ok && text != "" {
		return nil, badParam("fsaction", `Invalid value: "%s" does not belong to the domain [r-][w-][x-]`, text)
	}
	_, err := call[*hdfspb.CheckAccessResponseProto](r, "checkAccess", &hdfspb.CheckAccessRequestProto{Path: &r.path, Mode: a.Enum()})
	return empty{}, err
}

func getAllStoragePolicy(r *request) (any, error) {
	resp, err := call[*hdfspb.GetStoragePoliciesResponseProto](r, "getStoragePolicies", &hdfspb.GetStoragePoliciesRequestProto{})
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, p := range resp.GetPolicies() {
		list = append(list, storagePolicy(p))
	}
	return map[string]any{"BlockStoragePolicies": map[string]any{"BlockStoragePolicy": list}}, nil
}

func getStoragePolicy(r *request) (any, error) {
	resp, err := call[*hdfspb.GetStoragePolicyResponseProto](r, "getStoragePolicy", &hdfspb.GetStoragePolicyRequestProto{Path: &r.path})
	return map[string]any{"BlockStoragePolicy": storagePolicy(resp.GetStoragePolicy())}, err
}

func (r *request) blockRange() (offset, length uint64, err error) {
	o, err := r.long("offset", 0, 0)
	if err != nil {
		return 0, 0, err
	}
	n, err := r.long("length", 1<<62, 0)
	return uint64(o), uint64(n), err
}

func getFileBlockLocations(r *request) (any, error) {
	offset, length, err := r.blockRange()
	if err != nil {
		return nil, err
	}
	blocks, err := r.blocks(offset, length)
	return blockLocations(blocks.GetBlocks()), err
}

// getBlockLocations is the private operation of Apache's own client: LocatedBlocks as it is.
func getBlockLocations(r *request) (any, error) {
	offset, length, err := r.blockRange()
	if err != nil {
		return nil, err
	}
	blocks, err := r.blocks(offset, length)
	if err != nil {
		return nil, err
	}
	return map[string]any{"LocatedBlocks": locatedBlocks(blocks)}, nil
}

func getServerDefaults(r *request) (any, error) {
	resp, err := call[*hdfspb.GetServerDefaultsResponseProto](r, "getServerDefaults", &hdfspb.GetServerDefaultsRequestProto{})
	if err != nil {
		return nil, err
	}
	d := resp.GetServerDefaults()
	return map[string]any{"FsServerDefaults": map[string]any{
		"blockSize": d.GetBlockSize(), "bytesPerChecksum": d.GetBytesPerChecksum(), "writePacketSize": d.GetWritePacketSize(),
		"replication": d.GetReplication(), "fileBufferSize": d.GetFileBufferSize(), "encryptDataTransfer": d.GetEncryptDataTransfer(),
		"trashInterval": d.GetTrashInterval(), "checksumType": int(d.GetChecksumType()), "keyProviderUri": d.GetKeyProviderUri(),
		"defaultStoragePolicyId": d.GetPolicyId(),
	}}, nil
}

func getStatus(r *request) (any, error) {
	resp, err := call[*hdfspb.GetFsStatsResponseProto](r, "getFsStats", &hdfspb.GetFsStatusRequestProto{})
	return map[string]any{"FsStatus": map[string]any{"used": resp.GetUsed(), "remaining": resp.GetRemaining(), "capacity": resp.GetCapacity()}}, err
}

func getLinkTarget(r *request) (any, error) {
	resp, err := call[*hdfspb.GetLinkTargetResponseProto](r, "getLinkTarget", &hdfspb.GetLinkTargetRequestProto{Path: &r.path})
	return map[string]string{"Path": resp.GetTargetPath()}, err
}

func getECPolicy(r *request) (any, error) {
	resp, err := call[*hdfspb.GetErasureCodingPolicyResponseProto](r, "getErasureCodingPolicy", &hdfspb.GetErasureCodingPolicyRequestProto{Src: &r.path})
	if err != nil || resp.GetEcPolicy() == nil {
		return nil, err
	}
	return map[string]any{"name": resp.GetEcPolicy().GetName()}, nil
}

func getECCodecs(r *request) (any, error) {
	resp, err := call[*hdfspb.GetErasureCodingCodecsResponseProto](r, "getErasureCodingCodecs", &hdfspb.GetErasureCodingCodecsRequestProto{})
	codecs := map[string]string{}
	for _, c := range resp.GetCodec() {
		codecs[c.GetCodec()] = c.GetCoders()
	}
	return map[string]any{"ErasureCodingCodecs": codecs}, err
}
