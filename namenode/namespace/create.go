package namespace

import (
	"strings"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/acl"
	"github.com/lodehq/lode/namenode/namespace/tree"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// modes are a requested permission with and without the client's umask; unmasked is -1 from clients that do not send it.
type modes struct {
	masked   uint16
	unmasked int32
}

func modesOf(masked, unmasked *hdfspb.FsPermissionProto) modes {
	m := modes{uint16(masked.GetPerm()) & tree.PermMask, -1}
	if unmasked != nil {
		m.unmasked = int32(unmasked.GetPerm()) & tree.PermMask
	}
	return m
}

// implicit are the modes of a parent that is made on the way: the owner may write and pass.
func (m modes) implicit() modes {
	m.masked |= 0o300
	if m.unmasked >= 0 {
		m.unmasked |= 0o300
	}
	return m
}

// verifyNew asks the limits and the name quota whether the missing components of a path may be made.
func (n *Namespace) verifyNew(p *inodePath) error {
	first := p.existing()
	for i := first; i < len(p.comps); i++ {
		if err := n.verifyName(p.comps[i], p.upTo(i-1), i); err != nil {
			return err
		}
	}
	parent := p.slots[first-1]
	if err := n.verifyItems(parent, p.upTo(first-1)); err != nil {
		return err
	}
	return n.verifyQuota(parent, usage{ns: int64(len(p.comps) - first)}, 0)
}

func (n *Namespace) verifyName(name, parentPath string, depth int) error {
	if depth == 1 && name == ".reserved" {
		return fail(hdfs.IllegalArgument, "File name \"%s\" is reserved and cannot be created. If this is during upgrade change the name of the "+
			"existing file or directory to another name before upgrading to the new release.", name)
	}
	if name == dotSnapshot {
		return fail(hdfs.IllegalArgument, "\"%s\" is a reserved name.", dotSnapshot)
	}
	if len(name) > n.opt.MaxComponentLength {
		return fail(hdfs.PathComponentTooLong, "The maximum path component name limit of %s in directory %s is exceeded: limit=%d length=%d",
			name, parentPath, n.opt.MaxComponentLength, len(name))
	}
	return nil
}

func (n *Namespace) verifyItems(dir uint32, path string) error {
	if have := n.tree.NumChildren(dir); have >= n.opt.MaxDirectoryItems {
		return fail(hdfs.MaxDirectoryItems, "The directory item limit of %s is exceeded: limit=%d items=%d", path, n.opt.MaxDirectoryItems, have)
	}
	return nil
}

// verifyParent is FSDirectory.verifyParentDir.
func (n *Namespace) verifyParent(p *inodePath) error {
	if len(p.comps) <= 2 {
		return nil
	}
	if p.parent() == 0 {
		return notFound("Parent directory doesn't exist: %s", p.parentPath())
	}
	if !n.tree.Inode(p.parent()).IsDir() {
		return fail(hdfs.ParentNotDirectory, "Parent path is not a directory: %s", p.parentPath())
	}
	return nil
}

// addInode makes an inode in a directory. The group is the directory's; default ACL entries of the directory are inherited.
func (n *Namespace) addInode(dir uint32, name string, user string, m modes, in tree.Inode) (uint32, error) {
	n.lastInode++
	in.ID, in.MTime = n.lastInode, n.now
	parent := n.tree.Inode(dir)
	in.Owner = n.owner(user, n.groupOf(parent))
	var kept []aclEntry
	perm := m.masked
	if f := n.feat(dir); f != nil && len(f.acl) > 0 && !n.opt.DisableACLs {
		want := m.masked
		if m.unmasked >= 0 && !n.opt.NoPosixInheritance {
			want = uint16(m.unmasked)
		}
		if p, k, ok := acl.Inherit(f.acl, want, in.IsDir()); ok {
			perm, kept = p, k
		}
	}
	in.SetPerm(perm)
	slot, err := n.tree.NewInode(in, bytesOf(name))
	if err != nil {
		return 0, ioFail("%v", err)
	}
	if len(kept) > 0 {
		n.mutMore(slot).acl = kept
	}
	n.link(dir, slot)
	if d := n.tree.Mut(dir); d.MTime < n.now {
		d.MTime = n.now
	}
	n.charge(dir, usage{ns: 1})
	return slot, nil
}

// makeParents makes the missing parents of a path. With inherit they take the permission of the nearest existing directory.
func (n *Namespace) makeParents(p *inodePath, user string, m modes, inherit bool) error {
	first := p.existing()
	if first >= len(p.comps)-1 {
		return nil
	}
	if inherit {
		m = modes{n.tree.Inode(p.slots[first-1]).Perm(), -1}
	}
	m = m.implicit()
	for i := first; i < len(p.comps)-1; i++ {
		slot, err := n.addInode(p.slots[i-1], p.comps[i], user, m, tree.Inode{Mode: tree.FlagDir})
		if err != nil {
			return err
		}
		p.slots[i] = slot
		n.eventCreate(slot, p.upTo(i), false)
	}
	return nil
}

func (n *Namespace) mkdirs(h *Header, c *Caller, req *hdfspb.MkdirsRequestProto) (*hdfspb.MkdirsResponseProto, error) {
	src := req.GetSrc()
	if err := checkPathLength(src, "mkdirs"); err != nil {
		return nil, err
	}
	p, err := n.resolve(c, src, opCreate)
	if err != nil {
		return nil, err
	}
	ok := true
	resp := &hdfspb.MkdirsResponseProto{Result: &ok}
	if last := p.last(); last != 0 {
		if !n.tree.Inode(last).IsDir() {
			return nil, fail(hdfs.FileAlreadyExists, "Path is not a directory: %s", p.path)
		}
		return resp, nil
	}
	if err := n.check(c, p, checks{ancestor: actWrite}); err != nil {
		return nil, err
	}
	if !req.GetCreateParent() {
		if err := n.verifyParent(p); err != nil {
			return nil, err
		}
	}
	if err := n.verifyNew(p); err != nil {
		return nil, err
	}
	return resp, n.makeDir(p, h.User, modesOf(req.Masked, req.Unmasked))
}

// makeDir makes a directory and its missing parents; the path has been verified.
func (n *Namespace) makeDir(p *inodePath, user string, m modes) error {
	if err := n.makeParents(p, user, m, false); err != nil {
		return err
	}
	slot, err := n.addInode(p.parent(), p.name(), user, m, tree.Inode{Mode: tree.FlagDir})
	if err != nil {
		return err
	}
	p.slots[len(p.slots)-1] = slot
	n.eventCreate(slot, p.path, false)
	return nil
}

func (n *Namespace) verifyReplication(src string, replication uint32, client string) error {
	problem := ""
	if int(replication) > n.opt.MaxReplication {
		problem = " exceeds maximum of " + itoa(n.opt.MaxReplication)
	} else if int(replication) < n.opt.MinReplication {
		problem = " is less than the required minimum of " + itoa(n.opt.MinReplication)
	}
	if problem == "" {
		return nil
	}
	tail := ""
	if client != "" {
		tail = ", clientName=" + client
	}
	return ioFail("Requested replication factor of %d%s for %s%s", replication, problem, src, tail)
}

func (n *Namespace) create(h *Header, c *Caller, req *hdfspb.CreateRequestProto) (*hdfspb.CreateResponseProto, error) {
	src, flag := req.GetSrc(), req.GetCreateFlag()
	if err := checkPathLength(src, "create"); err != nil {
		return nil, err
	}
	if !validName(src) || isReserved(src) && !strings.HasPrefix(src, reservedRaw+"/") && !strings.HasPrefix(src, reservedIDs+"/") {
		return nil, invalidPath(src)
	}
	if ec := req.GetEcPolicyName(); ec != "" {
		if flag&hdfs.CreateFlagShouldReplicate != 0 {
			return nil, fail(hdfs.IllegalArgument, "SHOULD_REPLICATE flag and ecPolicyName are exclusive parameters. Set both is not allowed!")
		}
		return nil, n.NoECPolicy(ec)
	}
	if err := n.verifyReplication(src, req.GetReplication(), h.ClientMachine); err != nil {
		return nil, err
	}
	size := int64(req.GetBlockSize())
	if size < n.opt.MinBlockSize {
		return nil, ioFail("Specified block size %d is less than configured minimum value dfs.namenode.fs-limits.min-block-size=%d", size, n.opt.MinBlockSize)
	}
	if size > 1<<47 {
		return nil, ioFail("Specified block size %d is more than %d", size, int64(1)<<47)
	}
	p, err := n.resolve(c, src, opCreate)
	if err != nil {
		return nil, err
	}
	if err := n.check(c, p, checks{ancestor: actWrite}); err != nil {
		return nil, err
	}
	var pol uint8
	if name := req.GetStoragePolicy(); name != "" {
		q, ok := policyNamed(name)
		if !ok {
			return nil, fail(hdfs.IllegalArgument, "Cannot find a block policy with the name %s", name)
		}
		pol = q.id
	}
	if flag&hdfs.CreateFlagLazyPersist != 0 {
		pol = hdfs.PolicyLazyPersist
	}
	overwrite := flag&hdfs.CreateFlagOverwrite != 0
	if old := p.last(); old != 0 {
		if n.tree.Inode(old).IsDir() {
			return nil, fail(hdfs.FileAlreadyExists, "%s already exists as a directory", p.path)
		}
		if !overwrite {
			if err := n.recoverLease(h, opCreateFile, old, p.path, req.GetClientName()); err != nil {
				return nil, err
			}
			return nil, fail(hdfs.FileAlreadyExists, "%s for client %s already exists", p.path, h.ClientMachine)
		}
		if err := n.check(c, p, checks{access: actWrite}); err != nil {
			return nil, err
		}
		if n.covering(old) != 0 { // it goes on to count
			if err := n.verifyQuota(p.parent(), usage{ns: 1}, 0); err != nil {
				return nil, err
			}
		}
		n.remove(old)
		p.slots[len(p.slots)-1] = 0
	} else {
		if !req.GetCreateParent() {
			if err := n.verifyParent(p); err != nil {
				return nil, err
			}
		}
		if flag&hdfs.CreateFlagCreate == 0 {
			return nil, notFound("Can't overwrite non-existent %s", src)
		}
		if err := n.verifyNew(p); err != nil {
			return nil, err
		}
	}
	m := modesOf(req.Masked, req.Unmasked)
	if err := n.makeParents(p, h.User, m, true); err != nil {
		return nil, err
	}
	in := tree.Inode{Mode: tree.FlagOpen, ATime: n.now, B: n.sizes.of(uint64(size))}
	in.SetReplication(uint16(req.GetReplication()))
	in.SetPolicy(pol)
	slot, err := n.addInode(p.parent(), p.name(), h.User, m, in)
	if err != nil {
		return nil, err
	}
	p.slots[len(p.slots)-1] = slot
	n.openFor(slot, req.GetClientName(), h.ClientMachine)
	n.eventCreate(slot, p.path, overwrite)
	return &hdfspb.CreateResponseProto{Fs: n.status(slot, 0, nil)}, nil
}
