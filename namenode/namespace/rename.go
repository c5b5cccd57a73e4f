package namespace

import (
	"strings"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/tree"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// renameOld is the rename without options: it moves into an existing directory and answers false for most failures.
func (n *Namespace) renameOld(c *Caller, req *hdfspb.RenameRequestProto) (*hdfspb.RenameResponseProto, error) {
	src, dst := req.GetSrc(), req.GetDst()
	if err := checkPathLength(dst, "rename"); err != nil {
		return nil, err
	}
	if !validName(dst) {
		return nil, ioFail("Invalid name: %s", dst)
	}
	sp, err := n.resolve(c, src, opWrite)
	if err != nil {
		return nil, err
	}
	dp, err := n.resolve(c, dst, opWrite)
	if err != nil {
		return nil, err
	}
	if s := dp.last(); s != 0 && n.tree.Inode(s).IsDir() && !sp.isRoot() {
		if dp, err = n.resolve(c, join(dp.path, sp.name()), opWrite); err != nil {
			return nil, err
		}
	}
	ok := false
	resp := &hdfspb.RenameResponseProto{Result: &ok}
	if err := n.checkRename(c, sp, dp); err != nil {
		return nil, err
	}
	if sp.last() == 0 || sp.isRoot() {
		return resp, nil
	}
	if err := n.noSnapshotsBelow(sp.last()); err != nil {
		return nil, err
	}
	if dp.path == sp.path {
		ok = true
		return resp, nil
	}
	if n.validateDestination(sp, dp) != nil || dp.last() != 0 || dp.parent() == 0 || !n.tree.Inode(dp.parent()).IsDir() {
		return resp, nil
	}
	if err := n.verifyMove(sp, dp); err != nil {
		return nil, err
	}
	ok = true
	return resp, n.move(sp, dp)
}

func (n *Namespace) checkRename(c *Caller, sp, dp *inodePath) error {
	if err := n.check(c, sp, checks{parent: actWrite}); err != nil {
		return err
	}
	return n.check(c, dp, checks{ancestor: actWrite})
}

func (n *Namespace) validateDestination(sp, dp *inodePath) error {
	if strings.HasPrefix(dp.path, sp.path) && len(dp.path) > len(sp.path) && dp.path[len(sp.path)] == '/' {
		return ioFail("Rename destination %s is a directory or file under source %s", dp.path, sp.path)
	}
	if exactReserved(sp.path) || exactReserved(dp.path) {
		return invalidPath("Cannot rename to or from /.reserved")
	}
	return nil
}

func (n *Namespace) rename2(c *Caller, req *hdfspb.Rename2RequestProto) (*hdfspb.Rename2ResponseProto, error) {
	if err := checkPathLength(req.GetDst(), "rename"); err != nil {
		return nil, err
	}
	if !validName(req.GetDst()) {
		return nil, invalidPath("Invalid name: " + req.GetDst())
	}
	sp, err := n.resolve(c, req.GetSrc(), opWrite)
	if err != nil {
		return nil, err
	}
	dp, err := n.resolve(c, req.GetDst(), opWrite)
	if err != nil {
		return nil, err
	}
	if err := n.checkRename(c, sp, dp); err != nil {
		return nil, err
	}
	// To the trash the client needs what a delete needs: write access below the source too (FSDirRenameOp, HDFS-13830 family).
	if req.GetMoveToTrash() {
		if err := n.check(c, sp, checks{parent: actWrite, sub: actAll, ignoreEmpty: true}); err != nil {
			return nil, err
		}
	}
	return &hdfspb.Rename2ResponseProto{}, n.renameTo(sp, dp, req.GetOverwriteDest())
}

// renameTo is rename with POSIX meaning, permissions checked.
func (n *Namespace) renameTo(sp, dp *inodePath, overwrite bool) error {
	src, dst := sp.last(), dp.last()
	if src == 0 {
		return notFound("rename source %s is not found.", sp.path)
	}
	if sp.isRoot() {
		return ioFail("rename source cannot be the root")
	}
	if err := n.noSnapshotsBelow(src); err != nil {
		return err
	}
	if sp.path == dp.path {
		return fail(hdfs.FileAlreadyExists, "The source %s and destination %s are the same", sp.path, dp.path)
	}
	if err := n.validateDestination(sp, dp); err != nil {
		return err
	}
	if dp.isRoot() {
		return ioFail("rename destination cannot be the root")
	}
	if dst != 0 {
		if n.tree.Inode(dst).IsDir() != n.tree.Inode(src).IsDir() {
			return ioFail("Source %s and destination %s must both be directories", sp.path, dp.path)
		}
		if !overwrite {
			return fail(hdfs.FileAlreadyExists, "rename destination %s already exists", dp.path)
		}
		if n.tree.NumChildren(dst) > 0 && n.tree.Inode(dst).IsDir() {
			return ioFail("rename destination directory is not empty: %s", dp.path)
		}
		if err := n.noSnapshotsBelow(dst); err != nil {
			return err
		}
	}
	if dp.parent() == 0 {
		return notFound("rename destination parent %s not found.", dp.path)
	}
	if !n.tree.Inode(dp.parent()).IsDir() {
		return fail(hdfs.ParentNotDirectory, "rename destination parent %s is a file.", dp.path)
	}
	if err := n.verifyMove(sp, dp); err != nil {
		return err
	}
	if dst != 0 {
		n.remove(dst)
	}
	return n.move(sp, dp)
}

// verifyMove asks the limits and quotas whether source may be put at destination, in place of what is there.
func (n *Namespace) verifyMove(sp, dp *inodePath) error {
	if err := n.verifyName(dp.name(), dp.parentPath(), len(dp.comps)-1); err != nil {
		return err
	}
	from, to := sp.parent(), dp.parent()
	if from == to {
		return nil
	}
	if err := n.verifyItems(to, dp.parentPath()); err != nil {
		return err
	}
	common := n.commonAncestor(from, to)
	if !n.quotaBelow(to, common) {
		return nil
	}
	u := n.usageOf(sp.last(), n.policyOf(to))
	if dst := dp.last(); dst != 0 {
		u.add(n.fullUsage(dst), -1)
	}
	return n.verifyQuota(to, u, common)
}

func (n *Namespace) commonAncestor(a, b uint32) uint32 {
	above := map[uint32]bool{}
	for ; a != 0; a = n.tree.Inode(a).Parent {
		above[a] = true
	}
	for ; b != 0; b = n.tree.Inode(b).Parent {
		if above[b] {
			return b
		}
	}
	return n.tree.Root()
}

// quotaBelow tells whether a directory or an ancestor of it below stop counts its use.
func (n *Namespace) quotaBelow(dir, stop uint32) bool {
	for s := dir; s != 0 && s != stop; s = n.tree.Inode(s).Parent {
		if f := n.feat(s); f != nil && f.quota != nil {
			return true
		}
	}
	return false
}

// move carries out a rename whose destination is free.
func (n *Namespace) move(sp, dp *inodePath) error {
	slot, from, to := sp.last(), sp.parent(), dp.parent()
	common := n.commonAncestor(from, to)
	policyMoves := from != to && n.policyOf(from) != n.policyOf(to)
	counted := policyMoves || from != to && (n.quotaBelow(from, common) || n.quotaBelow(to, common))
	var was usage
	if counted {
		was = n.fullUsage(slot)
	}
	oldName := sp.name()
	latest := n.covering(slot)
	if h := n.touch(slot); h != nil && h.name == "" {
		h.name = oldName
	}
	n.unlink(slot)
	if oldName != dp.name() {
		if err := n.tree.SetName(slot, bytesOf(dp.name())); err != nil {
			n.link(from, slot)
			return ioFail("%v", err)
		}
	}
	if latest != 0 && from != to {
		f := n.mutMore(slot)
		f.pin = max(f.pin, latest)
	}
	n.link(to, slot)
	for _, d := range [2]uint32{from, to} {
		if m := n.tree.Mut(d); m.MTime < n.now {
			m.MTime = n.now
		}
	}
	if counted {
		n.charge(from, was.neg())
		n.charge(to, n.fullUsage(slot))
	}
	if policyMoves {
		n.recount(slot)
		n.tellPolicy(slot)
	}
	n.eventRename(sp.path, dp.path)
	return nil
}

// tellPolicy tells the block map which policy holds now for the blocks at and below an inode.
func (n *Namespace) tellPolicy(slot uint32) {
	in := n.tree.Inode(slot)
	if in.IsDir() {
		for _, c := range n.tree.ChildList(slot) {
			n.tellPolicy(c)
		}
		return
	}
	pol := n.policyOf(slot)
	n.tree.EachBlock(slot, func(_ uint32, b *tree.Block) bool {
		n.sink.BlockReplication(b.ID, in.Replication(), pol)
		return true
	})
}
