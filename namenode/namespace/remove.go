package namespace

import (
	"slices"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/tree"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

func (n *Namespace) delete(c *Caller, req *hdfspb.DeleteRequestProto) (*hdfspb.DeleteResponseProto, error) {
	src := req.GetSrc()
	if exactReserved(src) {
		return nil, invalidPath(src)
	}
	p, err := n.resolve(c, src, opWrite)
	if err != nil {
		return nil, err
	}
	ok := false
	resp := &hdfspb.DeleteResponseProto{Result: &ok}
	slot := p.last()
	if slot != 0 && !req.GetRecursive() && n.tree.Inode(slot).IsDir() && n.tree.NumChildren(slot) > 0 {
		return nil, fail(hdfs.PathIsNotEmptyDirectory, "`%s is non empty': Directory is not empty", p.path)
	}
	if err := n.check(c, p, checks{parent: actWrite, sub: actAll, ignoreEmpty: true}); err != nil {
		return nil, err
	}
	if slot == 0 || p.isRoot() {
		return resp, nil
	}
	if err := n.noSnapshotsBelow(slot); err != nil {
		return nil, err
	}
	ok = true
	n.eventUnlink(p.path)
	n.remove(slot)
	return resp, nil
}

// noSnapshotsBelow fails if a directory or one below it has snapshots: it may be neither deleted nor moved (FSDirSnapshotOp.checkSnapshot).
func (n *Namespace) noSnapshotsBelow(slot uint32) error {
	if len(n.snaps) == 0 {
		return nil
	}
	for _, dir := range n.snapDirList() {
		if len(n.snapDirs[dir].list) == 0 {
			continue
		}
		for s := dir; s != 0; s = n.tree.Inode(s).Parent {
			if s == slot {
				return fail(hdfs.SnapshotException, "The directory %s cannot be deleted since %s is snapshottable and already has snapshots",
					n.pathOf(slot), n.pathOf(dir))
			}
		}
	}
	return nil
}

// remove takes an inode and what is below it out of the live tree. What a snapshot shows stays, detached.
func (n *Namespace) remove(slot uint32) {
	dir := n.tree.Inode(slot).Parent
	latest := n.covering(slot)
	n.forgetSnapshottable(slot)
	held := n.unlink(slot)
	if d := n.tree.Mut(dir); d.MTime < n.now {
		d.MTime = n.now
	}
	var u usage
	if held || n.holds(slot) {
		n.mutMore(slot).detached = true
		n.trim(slot, latest, n.policyOf(dir), &u)
		if !held {
			n.orphan(slot, n.policyOf(dir), &u)
		}
	} else {
		n.destroy(slot, n.policyOf(dir), &u)
	}
	n.charge(dir, u.neg())
}

func (n *Namespace) holds(slot uint32) bool {
	f := n.feat(slot)
	return f != nil && f.holds > 0
}

// forgetSnapshottable drops the mark of snapshottable directories (without snapshots) at and below slot.
func (n *Namespace) forgetSnapshottable(slot uint32) {
	for dir := range n.snapDirs {
		for s := dir; s != 0; s = n.tree.Inode(s).Parent {
			if s == slot {
				delete(n.snapDirs, dir)
				break
			}
		}
	}
}

// destroy frees an unlinked inode and what is below it, and adds up what that frees. What other snapshots hold is detached instead.
func (n *Namespace) destroy(slot uint32, inherited uint8, u *usage) {
	in := n.tree.Inode(slot)
	if p := in.Policy(); p != 0 {
		inherited = p
	}
	u.ns++
	if in.IsDir() {
		for _, child := range n.tree.ChildList(slot) {
			n.dropChild(child, inherited, u)
		}
	} else {
		n.dropRecovery(slot, inherited, u)
		n.close(slot)
		n.freeBlocks(slot, inherited, u)
	}
	if f := n.feat(slot); f != nil {
		for _, h := range f.history {
			for _, c := range h.removed {
				n.release(c, slot, inherited, u)
				if x := n.tree.Inode(c); x.ID != 0 && x.Parent == slot { // another history holds it on
					n.orphan(c, inherited, u)
				}
			}
		}
	}
	n.freeSlot(slot)
}

// dropChild is destroy for a child whose directory goes too.
func (n *Namespace) dropChild(child uint32, inherited uint8, u *usage) {
	if n.holds(child) {
		n.orphan(child, inherited, u)
		return
	}
	n.destroy(child, inherited, u)
}

// orphan hands a detached inode, which a history elsewhere holds, from its directory to the root: it counts there only.
func (n *Namespace) orphan(slot uint32, inherited uint8, u *usage) {
	n.mutMore(slot).detached = true
	u.add(n.usageOf(slot, inherited), 1)
	root := n.tree.Root()
	n.tree.Mut(slot).Parent = root
	n.charge(root, n.usageOf(slot, n.policyOf(root)))
	if inherited != n.policyOf(root) {
		n.recount(slot)
	}
}

// recount counts again by storage type what directories with quotas at and below an inode use, after the policy above them changed.
func (n *Namespace) recount(slot uint32) {
	for dir, f := range n.more {
		if f.quota != nil && (dir == slot || n.below(dir, slot)) {
			n.mutMore(dir).quota.usedTypes = n.fullUsage(dir).types
		}
	}
}

// freeSlot forgets an inode and its features.
func (n *Namespace) freeSlot(slot uint32) {
	if n.open[slot] != nil {
		n.close(slot)
	}
	n.tree.FreeInode(slot)
	delete(n.more, slot)
}

// freeBlocks forgets all blocks of a file, those of its histories too.
func (n *Namespace) freeBlocks(slot uint32, inherited uint8, u *usage) {
	in := n.tree.Inode(slot)
	list := n.keptBlocks(slot)
	n.tree.SetBlocks(slot, nil)
	for _, at := range list {
		b := n.tree.Block(at)
		u.add(spaceFor(n.blockSpace(slot, b), in.Replication(), inherited), 1)
		delete(n.byBlock, b.ID)
		n.sink.BlockRemoved(b.ID)
		n.tree.FreeBlock(at)
	}
}

// release says that a history of a directory holds an inode no more; the last one frees it if it is detached. What that frees is
// added up in u if the inode counts for that directory, and taken off where it counts if not.
func (n *Namespace) release(slot, holder uint32, inherited uint8, u *usage) {
	f := n.mutMore(slot)
	if f.holds--; f.holds > 0 {
		return
	}
	if !f.detached {
		n.dropIfEmpty(slot)
		return
	}
	if n.tree.Inode(slot).Parent == holder {
		n.destroy(slot, inherited, u)
		return
	}
	n.elsewhere(slot, func(policy uint8, u *usage) { n.destroy(slot, policy, u) })
}

// elsewhere does what frees something at or below an inode, and takes that off where the inode counts.
func (n *Namespace) elsewhere(slot uint32, free func(policy uint8, u *usage)) {
	dir := n.tree.Inode(slot).Parent
	var u usage
	free(n.policyOf(dir), &u)
	if !n.tree.ValidSlot(dir) { // it went with what it held
		dir = n.tree.Root()
	}
	n.charge(dir, u.neg())
}

// trim goes over a subtree that only snapshots up to latest still show: what came later is freed, open files are closed.
func (n *Namespace) trim(slot uint32, latest int64, inherited uint8, u *usage) {
	in := n.tree.Inode(slot)
	if p := in.Policy(); p != 0 {
		inherited = p
	}
	if !in.IsDir() {
		n.freeze(slot, latest, inherited, u)
		return
	}
	s := n.snaps[latest]
	before := *u
	for _, c := range n.tree.ChildList(slot) {
		if s != nil && n.tree.Inode(c).ID > s.top {
			n.tree.Unlink(c)
			n.forgetAdded(slot, c)
			n.dropChild(c, inherited, u)
			continue
		}
		n.trim(c, latest, inherited, u)
	}
	if f := n.feat(slot); f != nil && f.quota != nil { // the caller takes it off from above slot on
		freed := *u
		freed.add(before, -1)
		n.mutMore(slot).quota.count(freed.neg())
	}
}

// forgetAdded takes a child that is about to be freed out of its directory's histories.
func (n *Namespace) forgetAdded(dir, child uint32) {
	f := n.feat(dir)
	if f == nil || len(f.history) == 0 {
		return
	}
	f = n.mutMore(dir)
	for i := range f.history {
		h := &f.history[i]
		if k := slices.Index(h.added, child); k >= 0 {
			h.added = slices.Delete(h.added, k, k+1)
		}
	}
}

// freeze ends the writing of a file that only snapshots show, and frees the blocks that they do not.
func (n *Namespace) freeze(slot uint32, latest int64, inherited uint8, u *usage) {
	if n.tree.Inode(slot).IsOpen() {
		n.dropRecovery(slot, inherited, u)
		n.close(slot)
		if last := n.tree.LastBlock(slot); last != 0 {
			b := n.tree.MutBlock(last)
			in := n.tree.Inode(slot)
			if b.State() != tree.Complete {
				u.add(spaceFor(n.blockSizeOf(in)-b.Length(), in.Replication(), inherited), 1)
				b.Set(b.GenStamp(), b.Length(), tree.Complete)
				delete(n.byBlock, b.ID)
				n.sink.BlockChanged(b.Value(), true)
			}
		}
	}
	f := n.feat(slot)
	if f == nil || len(f.history) == 0 || f.history[len(f.history)-1].snap < latest {
		return
	}
	in := n.tree.Inode(slot)
	list := n.tree.BlockList(slot)
	n.tree.SetBlocks(slot, nil)
	for _, at := range list {
		if !f.shows(at) {
			u.add(spaceFor(n.tree.Block(at).Length(), in.Replication(), inherited), 1)
			n.sink.BlockRemoved(n.tree.Block(at).ID)
			n.tree.FreeBlock(at)
		}
	}
}
