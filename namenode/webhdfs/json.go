package webhdfs

import (
	"strconv"
	"strings"

	"github.com/lodehq/lode/internal/hdfs"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// fileStatus is JsonUtil.toJsonMap(HdfsFileStatus).
func fileStatus(s *hdfspb.HdfsFileStatusProto, suffix string) map[string]any {
	m := map[string]any{
		"pathSuffix":       suffix,
		"type":             "FILE",
		"length":           s.GetLength(),
		"owner":            s.GetOwner(),
		"group":            s.GetGroup(),
		"permission":       strconv.FormatUint(uint64(s.GetPermission().GetPerm()&0o1777), 8),
		"accessTime":       s.GetAccessTime(),
		"modificationTime": s.GetModificationTime(),
		"blockSize":        s.GetBlocksize(),
		"replication":      s.GetBlockReplication(),
		"fileId":           s.GetFileId(),
		"childrenNum":      max(s.GetChildrenNum(), 0),
		"storagePolicy":    s.GetStoragePolicy(),
	}
	switch s.GetFileType() {
	case hdfspb.HdfsFileStatusProto_IS_DIR:
		m["type"] = "DIRECTORY"
	case hdfspb.HdfsFileStatusProto_IS_SYMLINK:
		m["type"], m["symlink"] = "SYMLINK", string(s.GetSymlink())
	}
	for bit, name := range map[hdfspb.HdfsFileStatusProto_Flags]string{
		hdfspb.HdfsFileStatusProto_HAS_ACL:          "aclBit",
		hdfspb.HdfsFileStatusProto_HAS_CRYPT:        "encBit",
		hdfspb.HdfsFileStatusProto_HAS_EC:           "ecBit",
		hdfspb.HdfsFileStatusProto_SNAPSHOT_ENABLED: "snapshotEnabled",
	} {
		if s.GetFlags()&uint32(bit) != 0 {
			m[name] = true
		}
	}
	return m
}

func fileStatuses(list []*hdfspb.HdfsFileStatusProto) map[string]any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = fileStatus(s, string(s.GetPath()))
	}
	return map[string]any{"FileStatuses": map[string]any{"FileStatus": out}}
}

// quota is Java's signed reading of an unset quota.
func quota(q uint64) int64 { return int64(q) }

func typeQuotas(infos *hdfspb.StorageTypeQuotaInfosProto) map[string]any {
	m := map[string]any{}
	for _, q := range infos.GetTypeQuotaInfo() {
		if quota(q.GetQuota()) >= 0 {
			m[q.GetType().String()] = map[string]any{"quota": quota(q.GetQuota()), "consumed": q.GetConsumed()}
		}
	}
	return m
}

func contentSummary(c *hdfspb.ContentSummaryProto) map[string]any {
	return map[string]any{"ContentSummary": map[string]any{
		"directoryCount": c.GetDirectoryCount(), "fileCount": c.GetFileCount(), "length": c.GetLength(), "ecPolicy": c.GetErasureCodingPolicy(),
		"quota": quota(c.GetQuota()), "spaceConsumed": c.GetSpaceConsumed(), "spaceQuota": quota(c.GetSpaceQuota()), "typeQuota": typeQuotas(c.GetTypeQuotaInfos()),
		"snapshotLength": c.GetSnapshotLength(), "snapshotFileCount": c.GetSnapshotFileCount(),
		"snapshotDirectoryCount": c.GetSnapshotDirectoryCount(), "snapshotSpaceConsumed": c.GetSnapshotSpaceConsumed(),
	}}
}

func quotaUsage(q *hdfspb.QuotaUsageProto) map[string]any {
	return map[string]any{"QuotaUsage": map[string]any{
		"fileAndDirectoryCount": q.GetFileAndDirectoryCount(), "quota": quota(q.GetQuota()), "spaceConsumed": q.GetSpaceConsumed(),
		"spaceQuota": quota(q.GetSpaceQuota()), "typeQuota": typeQuotas(q.GetTypeQuotaInfos()),
	}}
}

func storagePolicy(p *hdfspb.BlockStoragePolicyProto) map[string]any {
	types := func(t *hdfspb.StorageTypesProto) []string {
		out := []string{}
		for _, s := range t.GetStorageTypes() {
			out = append(out, s.String())
		}
		return out
	}
	return map[string]any{
		"id": p.GetPolicyId(), "name": p.GetName(), "storageTypes": types(p.GetCreationPolicy()), "creationFallbacks": types(p.GetCreationFallbackPolicy()),
		"replicationFallbacks": types(p.GetReplicationFallbackPolicy()),
		"copyOnCreateFile":     p.GetPolicyId() == hdfs.PolicyLazyPersist,
	}
}

func blockLocations(blocks []*hdfspb.LocatedBlockProto) map[string]any {
	out := []any{}
	for _, b := range blocks {
		hosts, names, topology, types := []string{}, []string{}, []string{}, []string{}
		for i, d := range b.GetLocs() {
			name := d.GetId().GetIpAddr() + ":" + strconv.FormatUint(uint64(d.GetId().GetXferPort()), 10)
			hosts, names, topology = append(hosts, d.GetId().GetHostName()), append(names, name), append(topology, d.GetLocation()+"/"+name)
			if i < len(b.GetStorageTypes()) {
				types = append(types, b.GetStorageTypes()[i].String())
			}
		}
		out = append(out, map[string]any{
			"offset": b.GetOffset(), "length": b.GetB().GetNumBytes(), "corrupt": b.GetCorrupt(), "hosts": hosts, "names": names,
			"topologyPaths": topology, "cachedHosts": []string{}, "storageTypes": types,
		})
	}
	return map[string]any{"BlockLocations": map[string]any{"BlockLocation": out}}
}

var actionText = [8]string{"---", "--x", "-w-", "-wx", "r--", "r-x", "rw-", "rwx"}

// aclEntry is AclEntry.toStringStable.
func aclEntry(e *hdfspb.AclEntryProto) string {
	var b strings.Builder
	if e.GetScope() == hdfspb.AclEntryProto_DEFAULT {
		b.WriteString("default:")
	}
	b.WriteString(strings.ToLower(e.GetType().String()) + ":" + e.GetName() + ":" + actionText[e.GetPermissions()&7])
	return b.String()
}

const aclPattern = `^(default:)?(user|group|mask|other):[[A-Za-z_][A-Za-z0-9._-]]*:([rwx-]{3})?(,(default:)?(user|group|mask|other):[[A-Za-z_][A-Za-z0-9._-]]*:([rwx-]{3})?)*$`

// aclSpec reads user:alice:rwx,default:group::r-x (AclPermissionParam). Removing needs no permissions.
func aclSpec(text string, withPermission bool) ([]*hdfspb.AclEntryProto, error) {
	bad := badParam("aclspec", `Invalid value: "%s" does not belong to the domain %s`, text, aclPattern)
	var out []*hdfspb.AclEntryProto
	for _, part := range strings.Split(text, ",") {
		e := &hdfspb.AclEntryProto{Scope: hdfspb.AclEntryProto_ACCESS.Enum(), Permissions: hdfspb.AclEntryProto_NONE.Enum()}
		if rest, ok := strings.CutPrefix(part, "default:"); ok {
			part, e.Scope = rest, hdfspb.AclEntryProto_DEFAULT.Enum()
		}
		f := strings.Split(part, ":")
		if len(f) != 3 {
			return nil, bad
		}
		t, ok := hdfspb.AclEntryProto_AclEntryTypeProto_value[strings.ToUpper(f[0])]
		if !ok {
			return nil, bad
		}
		e.Type = hdfspb.AclEntryProto_AclEntryTypeProto(t).Enum()
		if f[1] != "" {
			e.Name = &f[1]
		}
		if f[2] != "" || withPermission {
			a, ok := action(f[2])
			if !ok {
				return nil, bad
			}
			e.Permissions = a.Enum()
		}
		out = append(out, e)
	}
	return out, nil
}

func action(text string) (hdfspb.AclEntryProto_FsActionProto, bool) {
	for i, a := range actionText {
		if a == text {
			return hdfspb.AclEntryProto_FsActionProto(i), true
		}
	}
	return 0, false
}
