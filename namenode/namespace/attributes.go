package namespace

import (
	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/acl"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
)

// must is the slot of a path that has to exist.
func (n *Namespace) must(p *inodePath) (uint32, error) {
	if p.last() == 0 {
		return 0, notFound("Directory/File does not exist %s", p.path)
	}
	return p.last(), nil
}

// mustFind is must with the words of FSDirectory.resolveLastINode.
func (n *Namespace) mustFind(p *inodePath) (uint32, error) {
	if p.last() == 0 {
		return 0, notFound("cannot find %s", p.path)
	}
	return p.last(), nil
}

func (n *Namespace) setPermission(c *Caller, req *hdfspb.SetPermissionRequestProto) (*hdfspb.SetPermissionResponseProto, error) {
	if exactReserved(req.GetSrc()) {
		return nil, invalidPath(req.GetSrc())
	}
	p, err := n.resolve(c, req.GetSrc(), opWrite)
	if err != nil {
		return nil, err
	}
	if err := n.check(c, p, checks{owner: true}); err != nil {
		return nil, err
	}
	slot, err := n.must(p)
	if err != nil {
		return nil, err
	}
	n.touch(slot)
	n.tree.Mut(slot).SetPerm(uint16(req.Permission.GetPerm()))
	n.eventMetadata(slot, p.path, hdfspb.MetadataUpdateType_META_TYPE_PERMS)
	return &hdfspb.SetPermissionResponseProto{}, nil
}

func (n *Namespace) setOwner(c *Caller, req *hdfspb.SetOwnerRequestProto) (*hdfspb.SetOwnerResponseProto, error) {
	if exactReserved(req.GetSrc()) {
		return nil, invalidPath(req.GetSrc())
	}
	p, err := n.resolve(c, req.GetSrc(), opWrite)
	if err != nil {
		return nil, err
	}
	if err := n.check(c, p, checks{owner: true}); err != nil {
		return nil, err
	}
	user, group := req.GetUsername(), req.GetGroupname()
	if !c.Superuser && !n.opt.DisablePermissions {
		if user != "" && user != c.User {
			return nil, fail(hdfs.AccessControl, "User %s is not a super user (non-super user cannot change owner).", c.User)
		}
		if group != "" && !c.in(group) {
			return nil, fail(hdfs.AccessControl, "User %s does not belong to %s", c.User, group)
		}
	}
	slot, err := n.must(p)
	if err != nil {
		return nil, err
	}
	in := n.tree.Inode(slot)
	if req.Username == nil || user == "" {
		user = n.userOf(in)
	}
	if req.Groupname == nil || group == "" {
		group = n.groupOf(in)
	}
	n.touch(slot)
	n.tree.Mut(slot).Owner = n.owner(user, group)
	n.eventMetadata(slot, p.path, hdfspb.MetadataUpdateType_META_TYPE_OWNER)
	return &hdfspb.SetOwnerResponseProto{}, nil
}

func (n *Namespace) setTimes(c *Caller, req *hdfspb.SetTimesRequestProto) (*hdfspb.SetTimesResponseProto, error) {
	mtime, atime := int64(req.GetMtime()), int64(req.GetAtime())
	if n.opt.AccessTimePrecision < 0 && atime != -1 {
		return nil, ioFail("Access time for hdfs is not configured.  Please set dfs.namenode.accesstime.precision configuration parameter.")
	}
	p, err := n.resolve(c, req.GetSrc(), opWrite)
	if err != nil {
		return nil, err
	}
	if err := n.check(c, p, checks{access: actWrite}); err != nil {
		return nil, err
	}
	slot := p.last()
	if slot == 0 {
		return nil, notFound("File/Directory %s does not exist.", p.path)
	}
	n.touch(slot)
	in := n.tree.Mut(slot)
	if mtime != -1 {
		in.MTime = mtime
	}
	if atime != -1 {
		in.ATime = atime
	}
	n.eventMetadata(slot, p.path, hdfspb.MetadataUpdateType_META_TYPE_TIMES)
	return &hdfspb.SetTimesResponseProto{}, nil
}

func (n *Namespace) touchAccessTime(req *journalpb.TouchAccessTime) (*journalpb.TouchAccessTimeResponse, error) {
	if slot := n.tree.ByID(hdfs.INodeID(req.GetFileId())); slot != 0 && n.tree.Inode(slot).ATime < req.GetAtimeMs() {
		n.touch(slot)
		n.tree.Mut(slot).ATime = req.GetAtimeMs()
	}
	return &journalpb.TouchAccessTimeResponse{}, nil
}

func (n *Namespace) setReplication(c *Caller, req *hdfspb.SetReplicationRequestProto) (*hdfspb.SetReplicationResponseProto, error) {
	if err := n.verifyReplication(req.GetSrc(), req.GetReplication(), ""); err != nil {
		return nil, err
	}
	p, err := n.resolve(c, req.GetSrc(), opWrite)
	if err != nil {
		return nil, err
	}
	if err := n.check(c, p, checks{access: actWrite}); err != nil {
		return nil, err
	}
	ok := false
	resp := &hdfspb.SetReplicationResponseProto{Result: &ok}
	slot := p.last()
	if slot == 0 || n.tree.Inode(slot).IsDir() {
		return resp, nil
	}
	in := n.tree.Inode(slot)
	pol := n.policyOf(slot)
	before := n.usageOf(slot, pol)
	repl := uint16(req.GetReplication())
	after := spaceFor(before.space/int64(max(in.Replication(), 1)), repl, pol)
	after.ns = before.ns
	after.add(before, -1)
	if err := n.verifyQuota(in.Parent, after, 0); err != nil {
		return nil, err
	}
	ok = true
	if repl == in.Replication() {
		return resp, nil
	}
	n.touch(slot)
	n.tree.Mut(slot).SetReplication(repl)
	n.charge(in.Parent, after)
	n.tellPolicy(slot)
	n.eventReplication(slot, p.path)
	return resp, nil
}

// changePolicy sets or, with 0, takes away the storage policy of an inode.
func (n *Namespace) changePolicy(c *Caller, src string, to uint8) error {
	p, err := n.resolve(c, src, opWrite)
	if err != nil {
		return err
	}
	if err := n.check(c, p, checks{access: actWrite}); err != nil {
		return err
	}
	slot := p.last()
	if slot == 0 {
		return notFound("File/Directory does not exist: %s", p.path)
	}
	in := n.tree.Inode(slot)
	if in.Policy() == to {
		return nil
	}
	before := n.fullUsage(slot)
	n.touch(slot)
	n.tree.Mut(slot).SetPolicy(to)
	after := n.fullUsage(slot)
	after.add(before, -1)
	n.charge(slot, after)
	n.recount(slot)
	if in.Parent != 0 {
		n.tellPolicy(slot)
	}
	return nil
}

func (n *Namespace) setStoragePolicy(c *Caller, req *hdfspb.SetStoragePolicyRequestProto) (*hdfspb.SetStoragePolicyResponseProto, error) {
	q, ok := policyNamed(req.GetPolicyName())
	if !ok {
		return nil, fail(hdfs.IllegalArgument, "Cannot find a block policy with the name %s", req.GetPolicyName())
	}
	if q.copyOnCreate {
		if p, err := n.locate(req.GetSrc()); err == nil && p.last() != 0 && !n.tree.Inode(p.last()).IsDir() {
			return nil, fail(hdfs.IllegalArgument, "Policy %s cannot be set after file creation.", q.name)
		}
	}
	if p, err := n.locate(req.GetSrc()); err == nil && p.last() != 0 {
		if in := n.tree.Inode(p.last()); !in.IsDir() && in.Policy() == hdfs.PolicyLazyPersist {
			return nil, fail(hdfs.IllegalArgument, "Existing policy LAZY_PERSIST cannot be changed after file creation.")
		}
	}
	return &hdfspb.SetStoragePolicyResponseProto{}, n.changePolicy(c, req.GetSrc(), q.id)
}

func (n *Namespace) unsetStoragePolicy(c *Caller, req *hdfspb.UnsetStoragePolicyRequestProto) (*hdfspb.UnsetStoragePolicyResponseProto, error) {
	return &hdfspb.UnsetStoragePolicyResponseProto{}, n.changePolicy(c, req.GetSrc(), hdfs.PolicyUnspecified)
}

func (n *Namespace) createSymlink() (*hdfspb.CreateSymlinkResponseProto, error) {
	return nil, fail(hdfs.UnsupportedOperation, "Symlinks not supported")
}

// ---- ACLs ----

func (n *Namespace) checkACLs() error {
	if n.opt.DisableACLs {
		return fail(hdfs.AclException, "The ACL operation has been rejected.  Support for ACLs has been disabled by setting dfs.namenode.acls.enabled to false.")
	}
	return nil
}

func entriesIn(list []*hdfspb.AclEntryProto) ([]aclEntry, error) {
	out := make([]aclEntry, 0, len(list))
	for _, e := range list {
		if e.GetScope() > 1 || e.GetType() > 3 || e.GetPermissions() > 7 {
			return nil, fail(hdfs.AclException, "Invalid ACL: unknown kind of entry.")
		}
		out = append(out, aclEntry{Scope: acl.Scope(e.GetScope()), Type: acl.Type(e.GetType()), Perm: acl.Perm(e.GetPermissions()), Name: e.GetName()})
	}
	return out, nil
}

func entriesOut(list []aclEntry) []*hdfspb.AclEntryProto {
	out := make([]*hdfspb.AclEntryProto, 0, len(list))
	for _, e := range list {
		t, s, p := hdfspb.AclEntryProto_AclEntryTypeProto(e.Type), hdfspb.AclEntryProto_AclEntryScopeProto(e.Scope), hdfspb.AclEntryProto_FsActionProto(e.Perm)
		x := &hdfspb.AclEntryProto{Type: &t, Scope: &s, Permissions: &p}
		if e.Name != "" {
			x.Name = &e.Name
		}
		out = append(out, x)
	}
	return out
}

// changeACL gives an inode the list that change makes of its present one.
func (n *Namespace) changeACL(c *Caller, src string, change func(full []aclEntry) ([]aclEntry, error)) error {
	if err := n.checkACLs(); err != nil {
		return err
	}
	p, err := n.resolve(c, src, opWrite)
	if err != nil {
		return err
	}
	if err := n.check(c, p, checks{owner: true}); err != nil {
		return err
	}
	slot, err := n.must(p)
	if err != nil {
		return err
	}
	in := n.tree.Inode(slot)
	var kept []aclEntry
	if f := n.feat(slot); f != nil {
		kept = f.acl
	}
	full, err := change(acl.Full(in.Perm(), kept))
	if err != nil {
		return fail(hdfs.AclException, "%v Path: %s", err, p.path)
	}
	if !in.IsDir() {
		for _, e := range full {
			if e.Scope == acl.Default {
				return fail(hdfs.AclException, "Invalid ACL: only directories may have a default ACL. Path: %s Path: %s", p.path, p.path)
			}
		}
	}
	n.touch(slot)
	perm, kept := acl.Divide(in.Perm(), full)
	n.tree.Mut(slot).SetPerm(perm)
	if len(kept) > 0 || n.feat(slot) != nil {
		n.mutMore(slot).acl = kept
		n.dropIfEmpty(slot)
	}
	n.eventMetadata(slot, p.path, hdfspb.MetadataUpdateType_META_TYPE_ACLS)
	return nil
}

func (n *Namespace) modifyAclEntries(c *Caller, req *hdfspb.ModifyAclEntriesRequestProto) (*hdfspb.ModifyAclEntriesResponseProto, error) {
	spec, err := entriesIn(req.AclSpec)
	if err != nil {
		return nil, err
	}
	return &hdfspb.ModifyAclEntriesResponseProto{}, n.changeACL(c, req.GetSrc(), func(full []aclEntry) ([]aclEntry, error) { return acl.Merge(full, spec) })
}

func (n *Namespace) removeAclEntries(c *Caller, req *hdfspb.RemoveAclEntriesRequestProto) (*hdfspb.RemoveAclEntriesResponseProto, error) {
	spec, err := entriesIn(req.AclSpec)
	if err != nil {
		return nil, err
	}
	return &hdfspb.RemoveAclEntriesResponseProto{}, n.changeACL(c, req.GetSrc(), func(full []aclEntry) ([]aclEntry, error) { return acl.RemoveEntries(full, spec) })
}

func (n *Namespace) removeDefaultAcl(c *Caller, req *hdfspb.RemoveDefaultAclRequestProto) (*hdfspb.RemoveDefaultAclResponseProto, error) {
	return &hdfspb.RemoveDefaultAclResponseProto{}, n.changeACL(c, req.GetSrc(), acl.RemoveDefault)
}

func (n *Namespace) removeAcl(c *Caller, req *hdfspb.RemoveAclRequestProto) (*hdfspb.RemoveAclResponseProto, error) {
	return &hdfspb.RemoveAclResponseProto{}, n.changeACL(c, req.GetSrc(), func(full []aclEntry) ([]aclEntry, error) {
		// The owning group gets back what its entry says; the mask goes.
		var out []aclEntry
		for _, e := range full {
			if e.Scope == acl.Access && e.Name == "" && e.Type != acl.Mask {
				out = append(out, e)
			}
		}
		return out, nil
	})
}

func (n *Namespace) setAcl(c *Caller, req *hdfspb.SetAclRequestProto) (*hdfspb.SetAclResponseProto, error) {
	spec, err := entriesIn(req.AclSpec)
	if err != nil {
		return nil, err
	}
	return &hdfspb.SetAclResponseProto{}, n.changeACL(c, req.GetSrc(), func(full []aclEntry) ([]aclEntry, error) { return acl.Replace(full, spec) })
}

// GetAclStatus answers the entries beyond the permission bits.
func (n *Namespace) GetAclStatus(c Caller, req *hdfspb.GetAclStatusRequestProto) (*hdfspb.GetAclStatusResponseProto, error) {
	if err := n.checkACLs(); err != nil {
		return nil, err
	}
	p, err := n.resolve(&c, req.GetSrc(), opRead)
	if err != nil {
		return nil, err
	}
	if p.isDot {
		var none string
		perm := uint32(0o777)
		return &hdfspb.GetAclStatusResponseProto{Result: &hdfspb.AclStatusProto{Owner: &none, Group: &none, Sticky: new(bool), Permission: &hdfspb.FsPermissionProto{Perm: &perm}}}, nil
	}
	if err := n.check(&c, p, checks{}); err != nil {
		return nil, err
	}
	slot, err := n.mustFind(p)
	if err != nil {
		return nil, err
	}
	in := n.attrAt(slot, p.snap)
	user, group, perm := n.userOf(in), n.groupOf(in), uint32(in.Perm())
	sticky := perm&0o1000 != 0
	return &hdfspb.GetAclStatusResponseProto{Result: &hdfspb.AclStatusProto{Owner: &user, Group: &group, Sticky: &sticky,
		Entries: entriesOut(n.aclAt(slot, p.snap)), Permission: &hdfspb.FsPermissionProto{Perm: &perm}}}, nil
}
