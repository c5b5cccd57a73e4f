package webhdfs

import (
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// putOperations are the operations of HTTP PUT (PutOpParam.Op).
func putOperations() map[string]operation {
	return map[string]operation{
		"CREATE": create, "MKDIRS": mkdirs, "CREATESYMLINK": createSymlink, "RENAME": rename, "SETREPLICATION": setReplication,
		"SETOWNER": setOwner, "SETPERMISSION": setPermission, "SETTIMES": setTimes, "MODIFYACLENTRIES": modifyACLEntries,
		"REMOVEACLENTRIES": removeACLEntries, "REMOVEDEFAULTACL": removeDefaultACL, "REMOVEACL": removeACL, "SETACL": setACL,
		"SETXATTR": setXAttr, "REMOVEXATTR": removeXAttr, "ALLOWSNAPSHOT": allowSnapshot, "DISALLOWSNAPSHOT": disallowSnapshot,
		"CREATESNAPSHOT": createSnapshot, "RENAMESNAPSHOT": renameSnapshot, "SETSTORAGEPOLICY": setStoragePolicy,
		"SATISFYSTORAGEPOLICY": satisfyStoragePolicy, "SETQUOTA": setQuota, "SETQUOTABYSTORAGETYPE": setQuotaByStorageType,
		"RENEWDELEGATIONTOKEN": noTokens, "CANCELDELEGATIONTOKEN": noTokens,
		"ENABLEECPOLICY": enableECPolicy, "DISABLEECPOLICY": disableECPolicy, "SETECPOLICY": setECPolicy,
	}
}

func postOperations() map[string]operation {
	return map[string]operation{"APPEND": atLastBlock, "CONCAT": concat, "TRUNCATE": truncate, "UNSETSTORAGEPOLICY": unsetStoragePolicy, "UNSETECPOLICY": unsetECPolicy}
}

func deleteOperations() map[string]operation {
	return map[string]operation{"DELETE": remove, "DELETESNAPSHOT": deleteSnapshot}
}

func octal(n uint32) string { return strconv.FormatUint(uint64(n), 8) }

func perm(n uint32) *hdfspb.FsPermissionProto { return &hdfspb.FsPermissionProto{Perm: &n} }

func result(ok bool, err error) (any, error) { return map[string]bool{"boolean": ok}, err }

func mkdirs(r *request) (any, error) {
	mode, given, err := r.permission("permission")
	if err != nil {
		return nil, err
	}
	if !given {
		mode = 0o755
	}
	req := &hdfspb.MkdirsRequestProto{Src: &r.path, Masked: perm(mode), CreateParent: proto.Bool(true)}
	if un, ok, err := r.permission("unmaskedpermission"); err != nil {
		return nil, err
	} else if ok {
		req.Unmasked = perm(un)
	}
	resp, err := call[*hdfspb.MkdirsResponseProto](r, "mkdirs", req)
	return result(resp.GetResult(), err)
}

func createSymlink(r *request) (any, error) {
	target, err := r.required("destination")
	if err != nil {
		return nil, err
	}
	parents, err := r.boolean("createparent", true)
	if err != nil {
		return nil, err
	}
	_, err = call[*hdfspb.CreateSymlinkResponseProto](r, "createSymlink", &hdfspb.CreateSymlinkRequestProto{Target: &target, Link: &r.path, DirPerm: perm(0o755), CreateParent: &parents})
	return empty{}, err
}

func rename(r *request) (any, error) {
	dst, err := r.absolute("destination")
	if err != nil {
		return nil, err
	}
	options := strings.ToUpper(r.get("renameoptions"))
	if options == "" {
		resp, err := call[*hdfspb.RenameResponseProto](r, "rename", &hdfspb.RenameRequestProto{Src: &r.path, Dst: &dst})
		return result(resp.GetResult(), err)
	}
	overwrite, trash := false, false
	for _, o := range strings.Split(options, ",") {
		switch o {
		case "OVERWRITE":
			overwrite = true
		case "TO_TRASH":
			trash = true
		case "NONE":
		default:
			return nil, badParam("renameoptions", "No enum constant org.apache.hadoop.fs.Options.Rename.%s", o)
		}
	}
	_, err = call[*hdfspb.Rename2ResponseProto](r, "rename2", &hdfspb.Rename2RequestProto{Src: &r.path, Dst: &dst, OverwriteDest: &overwrite, MoveToTrash: &trash})
	return empty{}, err
}

func setReplication(r *request) (any, error) {
	n, err := r.integer("replication", 0, 1, 1<<15-1, "short")
	if err != nil {
		return nil, err
	}
	if n == 0 {
		n = 3
		if d, err := call[*hdfspb.GetServerDefaultsResponseProto](r, "getServerDefaults", &hdfspb.GetServerDefaultsRequestProto{}); err == nil {
			n = int64(d.GetServerDefaults().GetReplication())
		}
	}
	resp, err := call[*hdfspb.SetReplicationResponseProto](r, "setReplication", &hdfspb.SetReplicationRequestProto{Src: &r.path, Replication: proto.Uint32(uint32(n))})
	return result(resp.GetResult(), err)
}

func setOwner(r *request) (any, error) {
	req := &hdfspb.SetOwnerRequestProto{Src: &r.path}
	if v := r.get("owner"); v != "" {
		req.Username = &v
	}
	if v := r.get("group"); v != "" {
		req.Groupname = &v
	}
	if req.Username == nil && req.Groupname == nil {
		return nil, hdfs.Errorf(hdfs.IllegalArgumentJava, "Both owner and group are empty.")
	}
	_, err := call[*hdfspb.SetOwnerResponseProto](r, "setOwner", req)
	return empty{}, err
}

func setPermission(r *request) (any, error) {
	mode, given, err := r.permission("permission")
	if err != nil {
		return nil, err
	}
	if !given {
		mode = 0o755
	}
	_, err = call[*hdfspb.SetPermissionResponseProto](r, "setPermission", &hdfspb.SetPermissionRequestProto{Src: &r.path, Permission: perm(mode)})
	return empty{}, err
}

func setTimes(r *request) (any, error) {
	m, err := r.long("modificationtime", -1, -1)
	if err != nil {
		return nil, err
	}
	a, err := r.long("accesstime", -1, -1)
	if err != nil {
		return nil, err
	}
	_, err = call[*hdfspb.SetTimesResponseProto](r, "setTimes", &hdfspb.SetTimesRequestProto{Src: &r.path, Mtime: proto.Uint64(uint64(m)), Atime: proto.Uint64(uint64(a))})
	return empty{}, err
}

func (r *request) aclSpec(withPermission bool) ([]*hdfspb.AclEntryProto, error) {
	text, err := r.required("aclspec")
	if err != nil {
		return nil, err
	}
	return aclSpec(text, withPermission)
}

func modifyACLEntries(r *request) (any, error) {
	spec, err := r.aclSpec(true)
	if err != nil {
		return nil, err
	}
	_, err = call[*hdfspb.ModifyAclEntriesResponseProto](r, "modifyAclEntries", &hdfspb.ModifyAclEntriesRequestProto{Src: &r.path, AclSpec: spec})
	return empty{}, err
}

func removeACLEntries(r *request) (any, error) {
	spec, err := r.aclSpec(false)
	if err != nil {
		return nil, err
	}
	_, err = call[*hdfspb.RemoveAclEntriesResponseProto](r, "removeAclEntries", &hdfspb.RemoveAclEntriesRequestProto{Src: &r.path, AclSpec: spec})
	return empty{}, err
}

func removeDefaultACL(r *request) (any, error) {
	_, err := call[*hdfspb.RemoveDefaultAclResponseProto](r, "removeDefaultAcl", &hdfspb.RemoveDefaultAclRequestProto{Src: &r.path})
	return empty{}, err
}

func removeACL(r *request) (any, error) {
	_, err := call[*hdfspb.RemoveAclResponseProto](r, "removeAcl", &hdfspb.RemoveAclRequestProto{Src: &r.path})
	return empty{}, err
}

func setACL(r *request) (any, error) {
	spec, err := r.aclSpec(true)
	if err != nil {
		return nil, err
	}
	_, err = call[*hdfspb.SetAclResponseProto](r, "setAcl", &hdfspb.SetAclRequestProto{Src: &r.path, AclSpec: spec})
	return empty{}, err
}

func setXAttr(r *request) (any, error) {
	name, err := r.required("xattr.name")
	if err != nil {
		return nil, err
	}
	x, err := xattrName(name)
	if err != nil {
		return nil, err
	}
	if x.Value, err = xattrValue(r.get("xattr.value")); err != nil {
		return nil, err
	}
	flag := uint32(0)
	for _, f := range strings.Split(strings.ToUpper(r.get("flag")), ",") {
		switch f {
		case "CREATE":
			flag |= uint32(hdfspb.XAttrSetFlagProto_XATTR_CREATE)
		case "REPLACE":
			flag |= uint32(hdfspb.XAttrSetFlagProto_XATTR_REPLACE)
		case "":
		default:
			return nil, badParam("flag", "No enum constant org.apache.hadoop.fs.XAttrSetFlag.%s", f)
		}
	}
	_, err = call[*hdfspb.SetXAttrResponseProto](r, "setXAttr", &hdfspb.SetXAttrRequestProto{Src: &r.path, XAttr: x, Flag: &flag})
	return empty{}, err
}

func removeXAttr(r *request) (any, error) {
	name, err := r.required("xattr.name")
	if err != nil {
		return nil, err
	}
	x, err := xattrName(name)
	if err != nil {
		return nil, err
	}
	_, err = call[*hdfspb.RemoveXAttrResponseProto](r, "removeXAttr", &hdfspb.RemoveXAttrRequestProto{Src: &r.path, XAttr: x})
	return empty{}, err
}

func setStoragePolicy(r *request) (any, error) {
	name, err := r.required("storagepolicy")
	if err != nil {
		return nil, err
	}
	_, err = call[*hdfspb.SetStoragePolicyResponseProto](r, "setStoragePolicy", &hdfspb.SetStoragePolicyRequestProto{Src: &r.path, PolicyName: &name})
	return empty{}, err
}

func unsetStoragePolicy(r *request) (any, error) {
	_, err := call[*hdfspb.UnsetStoragePolicyResponseProto](r, "unsetStoragePolicy", &hdfspb.UnsetStoragePolicyRequestProto{Src: &r.path})
	return empty{}, err
}

func satisfyStoragePolicy(r *request) (any, error) {
	_, err := call[*hdfspb.SatisfyStoragePolicyResponseProto](r, "satisfyStoragePolicy", &hdfspb.SatisfyStoragePolicyRequestProto{Src: &r.path})
	return empty{}, err
}

// quotaUnset is HdfsConstants.QUOTA_DONT_SET.
const quotaUnset = 1<<63 - 1

func setQuota(r *request) (any, error) {
	ns, err := r.long("namespacequota", quotaUnset, -1)
	if err != nil {
		return nil, err
	}
	ds, err := r.long("storagespacequota", quotaUnset, -1)
	if err != nil {
		return nil, err
	}
	_, err = call[*hdfspb.SetQuotaResponseProto](r, "setQuota", &hdfspb.SetQuotaRequestProto{Path: &r.path, NamespaceQuota: proto.Uint64(uint64(ns)), StoragespaceQuota: proto.Uint64(uint64(ds))})
	return empty{}, err
}

func setQuotaByStorageType(r *request) (any, error) {
	ds, err := r.long("storagespacequota", quotaUnset, -1)
	if err != nil {
		return nil, err
	}
	name, err := r.required("storagetype")
	if err != nil {
		return nil, err
	}
	t, ok := hdfspb.StorageTypeProto_value[strings.ToUpper(name)]
	if !ok {
		return nil, badParam("storagetype", "No enum constant org.apache.hadoop.fs.StorageType.%s", name)
	}
	_, err = call[*hdfspb.SetQuotaResponseProto](r, "setQuota", &hdfspb.SetQuotaRequestProto{Path: &r.path, NamespaceQuota: proto.Uint64(quotaUnset),
		StoragespaceQuota: proto.Uint64(uint64(ds)), StorageType: hdfspb.StorageTypeProto(t).Enum()})
	return empty{}, err
}

func concat(r *request) (any, error) {
	text, err := r.required("sources")
	if err != nil {
		return nil, err
	}
	_, err = call[*hdfspb.ConcatResponseProto](r, "concat", &hdfspb.ConcatRequestProto{Trg: &r.path, Srcs: strings.Split(text, ",")})
	return empty{}, err
}

func truncate(r *request) (any, error) {
	if _, err := r.required("newlength"); err != nil {
		return nil, err
	}
	n, err := r.long("newlength", 0, 0)
	if err != nil {
		return nil, err
	}
	// Each call is a client of its own: the lease of a truncation that needs recovery passes to the namenode.
	client := "DFSClient_" + strconv.FormatInt(time.Now().UnixNano(), 36)
	resp, err := call[*hdfspb.TruncateResponseProto](r, "truncate", &hdfspb.TruncateRequestProto{Src: &r.path, NewLength: proto.Uint64(uint64(n)), ClientName: &client})
	return result(resp.GetResult(), err)
}

func remove(r *request) (any, error) {
	recursive, err := r.boolean("recursive", false)
	if err != nil {
		return nil, err
	}
	resp, err := call[*hdfspb.DeleteResponseProto](r, "delete", &hdfspb.DeleteRequestProto{Src: &r.path, Recursive: &recursive})
	return result(resp.GetResult(), err)
}

// noTokens answers what is switched off here, as Apache does when it is switched off there.
func noTokens(*request) (any, error) {
	return nil, hdfs.Errorf(hdfs.IOException, "Delegation tokens are issued only with security on.")
}
