package fsimage

import (
	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace"
	"github.com/lodehq/lode/namenode/namespace/acl"
	fsimagepb "github.com/lodehq/lode/proto/hadoop/fsimage"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// The numbers of XAttrProto's namespaces that matter here.
const (
	xattrSystem = uint8(hdfspb.XAttrProto_SYSTEM)
	xattrRaw    = uint8(hdfspb.XAttrProto_RAW)
)

// Attributes in which Apache keeps what is not an attribute to users.
const (
	policyXAttr = "hsm.block.storage.policy.id"      // system: one byte
	ecXAttr     = "hdfs.erasurecoding.policy"        // system
	zoneXAttr   = "hdfs.crypto.encryption.zone"      // raw
	cryptXAttr  = "hdfs.crypto.file.encryption.info" // raw
)

// permission is a fixed64: 24 bits of user, 24 of group, 16 of mode.
func (p *parser) permission(v uint64, a *namespace.Attr) error {
	if v == p.lastPerm && p.lastUser != "" {
		a.User, a.Group, a.Perm = p.lastUser, p.lastGroup, uint16(v)&0o1777
		return nil
	}
	user, err := p.table.get(tableUsers, uint32(v>>40)&0xffffff)
	if err != nil {
		return err
	}
	group, err := p.table.get(tableGroups, uint32(v>>16)&0xffffff)
	if err != nil {
		return err
	}
	p.lastPerm, p.lastUser, p.lastGroup = v, user, group
	a.User, a.Group, a.Perm = user, group, uint16(v)&0o1777
	return nil
}

// acls reads entries of 32 bits: 3 of permission, 2 of type, 1 of scope, 24 of name.
func (p *parser) acls(f *fsimagepb.INodeSection_AclFeatureProto) ([]acl.Entry, error) {
	var out []acl.Entry
	for _, v := range f.GetEntries() {
		e := acl.Entry{Perm: acl.Perm(v & 7), Type: acl.Type(v >> 3 & 3), Scope: acl.Scope(v >> 5 & 1)}
		table := uint32(tableUsers)
		if e.Type == acl.Group {
			table = tableGroups
		}
		var err error
		if e.Name, err = p.table.get(table, v>>6&0xffffff); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// xattrs reads extended attributes, and takes out what is kept elsewhere here.
func (p *parser) xattrs(f *fsimagepb.INodeSection_XAttrFeatureProto, a *namespace.Attr) error {
	for _, x := range f.GetXAttrs() {
		v := x.GetName() // 2 bits of namespace, 24 of name, 1 more of namespace, 5 reserved
		name, err := p.table.get(tableXAttrs, v>>6&0xffffff)
		if err != nil {
			return err
		}
		ns := uint8(v>>30&3 | v>>5&1<<2)
		switch {
		case ns == xattrSystem && name == policyXAttr && len(x.Value) == 1:
			a.Policy = x.Value[0] & 15
			continue
		case ns == xattrSystem && name == ecXAttr:
			p.warn("erasure coding policies of directories are left out: new files there are replicated")
			continue
		case ns == xattrRaw && (name == zoneXAttr || name == cryptXAttr):
			return bad("it is in an encryption zone, which Lode does not have; copy the zone's files out of it and delete it, then import")
		}
		a.XAttrs = append(a.XAttrs, namespace.XAttr{Namespace: ns, Name: name, Value: x.Value})
	}
	return nil
}

func (p *parser) file(f *fsimagepb.INodeSection_INodeFile, a *namespace.Attr) (err error) {
	if f.GetBlockType() == hdfspb.BlockTypeProto_STRIPED {
		return bad("it is erasure coded, which Lode does not have; copy it to a replicated directory (hadoop distcp), delete it, then import")
	}
	if f.GetReplication() == 0 || f.GetReplication() > 0xfff || f.GetStoragePolicyID() > 15 {
		return bad("its replication is %d, its storage policy %d", f.GetReplication(), f.GetStoragePolicyID())
	}
	a.MTime, a.ATime = int64(f.GetModificationTime()), int64(f.GetAccessTime())
	a.Replication, a.Policy = uint16(f.GetReplication()), uint8(f.GetStoragePolicyID())
	if a.ACL, err = p.acls(f.Acl); err != nil {
		return err
	}
	policy := a.Policy
	if err := p.xattrs(f.XAttrs, a); err != nil {
		return err
	}
	a.Policy = policy
	return p.permission(f.GetPermission(), a)
}

func (p *parser) dir(d *fsimagepb.INodeSection_INodeDirectory, a *namespace.Attr) (err error) {
	a.MTime = int64(d.GetModificationTime())
	if a.ACL, err = p.acls(d.Acl); err != nil {
		return err
	}
	if err := p.xattrs(d.XAttrs, a); err != nil {
		return err
	}
	return p.permission(d.GetPermission(), a)
}

func dirQuota(d *fsimagepb.INodeSection_INodeDirectory) *namespace.Quota {
	q := &namespace.Quota{Names: -1, Space: -1}
	if d.NsQuota != nil {
		q.Names = int64(d.GetNsQuota())
	}
	if d.DsQuota != nil {
		q.Space = int64(d.GetDsQuota())
	}
	set := q.Names >= 0 || q.Space >= 0
	for i := range q.Types {
		q.Types[i] = -1
	}
	for _, t := range d.GetTypeQuotas().GetQuotas() {
		if k := storageType(t.GetStorageType()); int(k) < len(q.Types) {
			q.Types[k], set = int64(t.GetQuota()), true
		}
	}
	if !set {
		return nil
	}
	return q
}

func blocksIn(dst []hdfs.Block, list []*hdfspb.BlockProto) ([]hdfs.Block, error) {
	for _, b := range list {
		v, err := blockIn(b)
		if err != nil {
			return nil, err
		}
		dst = append(dst, v)
	}
	return dst, nil
}

func blockIn(b *hdfspb.BlockProto) (hdfs.Block, error) {
	if b.GetNumBytes() >= 1<<47 || b.GetGenStamp() >= 1<<40 || b.GetBlockId() == 0 {
		return hdfs.Block{}, bad("block %d has generation stamp %d and %d bytes", int64(b.GetBlockId()), b.GetGenStamp(), b.GetNumBytes())
	}
	return hdfs.Block{ID: hdfs.BlockID(b.GetBlockId()), GenStamp: hdfs.GenStamp(b.GetGenStamp()), NumBytes: int64(b.GetNumBytes())}, nil
}
