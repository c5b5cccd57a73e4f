package namespace

import (
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/tree"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

func (n *Namespace) allowSnapshot(c *Caller, req *hdfspb.AllowSnapshotRequestProto) (*hdfspb.AllowSnapshotResponseProto, error) {
	if err := n.checkSuperuser(c, "allowSnapshot"); err != nil {
		return nil, err
	}
	p, err := n.resolve(c, req.GetSnapshotRoot(), opWrite)
	if err != nil {
		return nil, err
	}
	if _, err := n.dirAt(p.last(), p.path); err != nil {
		return nil, err
	}
	slot := p.last()
	if n.snapDirs[slot] == nil {
		for _, dir := range n.snapDirList() {
			if n.below(dir, slot) {
				return nil, fail(hdfs.SnapshotException, "Nested snapshottable directories not allowed: path=%s, the subdirectory %s is already a snapshottable directory.",
					p.path, n.pathOf(dir))
			}
			if n.below(slot, dir) {
				return nil, fail(hdfs.SnapshotException, "Nested snapshottable directories not allowed: path=%s, the ancestor %s is already a snapshottable directory.",
					p.path, n.pathOf(dir))
			}
		}
		n.snapDirs[slot] = &snapshottable{}
	}
	return &hdfspb.AllowSnapshotResponseProto{}, nil
}

// snapDirList is the snapshottable directories by number, so that every node answers alike.
func (n *Namespace) snapDirList() []uint32 {
	l := make([]uint32, 0, len(n.snapDirs))
	for dir := range n.snapDirs {
		l = append(l, dir)
	}
	slices.SortFunc(l, func(a, b uint32) int { return int(n.tree.Inode(a).ID - n.tree.Inode(b).ID) })
	return l
}

// below tells whether an inode is strictly below a directory.
func (n *Namespace) below(slot, dir uint32) bool {
	for s := n.tree.Inode(slot).Parent; s != 0; s = n.tree.Inode(s).Parent {
		if s == dir {
			return true
		}
	}
	return false
}

func (n *Namespace) disallowSnapshot(c *Caller, req *hdfspb.DisallowSnapshotRequestProto) (*hdfspb.DisallowSnapshotResponseProto, error) {
	if err := n.checkSuperuser(c, "disallowSnapshot"); err != nil {
		return nil, err
	}
	p, err := n.resolve(c, req.GetSnapshotRoot(), opWrite)
	if err != nil {
		return nil, err
	}
	if _, err := n.dirAt(p.last(), p.path); err != nil {
		return nil, err
	}
	if d := n.snapDirs[p.last()]; d != nil {
		if len(d.list) > 0 {
			return nil, fail(hdfs.SnapshotException, "The directory %s has snapshot(s). Please redo the operation after removing all the snapshots.", p.path)
		}
		delete(n.snapDirs, p.last())
	}
	return &hdfspb.DisallowSnapshotResponseProto{}, nil
}

// snapshotRoot is the snapshottable directory that a call of its owner names.
func (n *Namespace) snapshotRoot(c *Caller, src string) (*inodePath, *snapshottable, error) {
	p, err := n.resolve(c, src, opWrite)
	if err != nil {
		return nil, nil, err
	}
	if err := n.check(c, p, checks{owner: true}); err != nil {
		return nil, nil, err
	}
	if _, err := n.dirAt(p.last(), p.path); err != nil {
		return nil, nil, err
	}
	d := n.snapDirs[p.last()]
	if d == nil {
		return nil, nil, fail(hdfs.SnapshotException, "Directory is not a snapshottable directory: %s", p.path)
	}
	return p, d, nil
}

func (n *Namespace) checkSnapshotName(name, path string) error {
	if name == "." || name == ".." || strings.ContainsAny(name, ":/") {
		return invalidPath("Invalid snapshot name: " + name)
	}
	return n.verifyName(name, path, 2)
}

func (n *Namespace) createSnapshot(c *Caller, req *hdfspb.CreateSnapshotRequestProto) (*hdfspb.CreateSnapshotResponseProto, error) {
	p, d, err := n.snapshotRoot(c, req.GetSnapshotRoot())
	if err != nil {
		return nil, err
	}
	name := req.GetSnapshotName()
	if name == "" {
		name = time.UnixMilli(n.now).UTC().Format("s20060102-150405.000")
	}
	if err := n.checkSnapshotName(name, p.path); err != nil {
		return nil, err
	}
	if len(d.list) >= n.opt.SnapshotLimit {
		return nil, fail(hdfs.SnapshotException, "Failed to add snapshot: there are already %d snapshot(s) and the max snapshot limit is %d", len(d.list), n.opt.SnapshotLimit)
	}
	if n.snapshotNamed(d, name) != nil {
		return nil, fail(hdfs.SnapshotException, "Failed to add snapshot: there is already a snapshot with the same name \"%s\".", name)
	}
	n.lastSnapshot++
	s := &snapshot{id: n.lastSnapshot, root: p.last(), name: name, ctime: n.now, top: n.lastInode}
	n.touch(s.root) // for the snapshot before; the new one shows the new time
	n.tree.Mut(s.root).MTime = n.now
	n.snaps[s.id] = s
	d.list = append(d.list, s.id)
	path := join(p.path, dotSnapshot) + "/" + name
	return &hdfspb.CreateSnapshotResponseProto{SnapshotPath: &path}, nil
}

func (n *Namespace) renameSnapshot(c *Caller, req *hdfspb.RenameSnapshotRequestProto) (*hdfspb.RenameSnapshotResponseProto, error) {
	p, d, err := n.snapshotRoot(c, req.GetSnapshotRoot())
	if err != nil {
		return nil, err
	}
	from, to := req.GetSnapshotOldName(), req.GetSnapshotNewName()
	if err := n.checkSnapshotName(to, p.path); err != nil {
		return nil, err
	}
	s := n.snapshotNamed(d, from)
	if s == nil {
		return nil, fail(hdfs.SnapshotException, "The snapshot %s does not exist for directory %s", from, p.path)
	}
	if from == to {
		return &hdfspb.RenameSnapshotResponseProto{}, nil
	}
	if n.snapshotNamed(d, to) != nil {
		return nil, fail(hdfs.SnapshotException, "The snapshot %s already exists for directory %s", to, p.path)
	}
	c2 := *s
	c2.name = to
	n.snaps[s.id] = &c2
	return &hdfspb.RenameSnapshotResponseProto{}, nil
}

func (n *Namespace) deleteSnapshot(c *Caller, req *hdfspb.DeleteSnapshotRequestProto) (*hdfspb.DeleteSnapshotResponseProto, error) {
	p, d, err := n.snapshotRoot(c, req.GetSnapshotRoot())
	if err != nil {
		return nil, err
	}
	s := n.snapshotNamed(d, req.GetSnapshotName())
	if s == nil {
		return nil, fail(hdfs.SnapshotException, "Cannot delete snapshot %s from path %s: the snapshot does not exist.", req.GetSnapshotName(), p.path)
	}
	d.list = slices.DeleteFunc(d.list, func(id int64) bool { return id == s.id })
	delete(n.snaps, s.id)
	n.mergeHistories(s)
	n.tree.Mut(s.root).MTime = n.now
	return &hdfspb.DeleteSnapshotResponseProto{}, nil
}

// heir is the snapshot that a history of a deleted one goes on to serve: the latest one after prev and before gone that may show
// the inode. 0: none.
func (n *Namespace) heir(slot uint32, gone *snapshot, prev int64) *snapshot {
	var best *snapshot
	moved := n.moved(slot)
	id := n.tree.Inode(slot).ID
	for _, s := range n.snaps {
		if s.id < gone.id && s.id > prev && id <= s.top && (s.root == gone.root || moved) && (best == nil || s.id > best.id) {
			best = s
		}
	}
	return best
}

// moved tells that an inode or one above it was renamed while a snapshot showed it, so that snapshots of other directories may too.
func (n *Namespace) moved(slot uint32) bool {
	for s := slot; s != 0; s = n.tree.Inode(s).Parent {
		if f := n.feat(s); f != nil && (f.pin != 0 || f.detached) {
			return true
		}
	}
	return false
}

// mergeHistories gives the histories of a deleted snapshot to the one before it, and frees what no snapshot shows any more.
func (n *Namespace) mergeHistories(gone *snapshot) {
	var slots []uint32
	for slot, f := range n.more {
		if f.pin == gone.id || slices.ContainsFunc(f.history, func(h history) bool { return h.snap == gone.id }) {
			slots = append(slots, slot)
		}
	}
	slices.Sort(slots)
	for _, slot := range slots {
		if n.more[slot] == nil || n.tree.Inode(slot).ID == 0 {
			continue // freed on the way
		}
		n.mergeHistory(slot, gone)
	}
	for _, slot := range slots {
		if f := n.more[slot]; f != nil && n.tree.Inode(slot).ID != 0 {
			if f.pin == gone.id {
				n.mutMore(slot).pin = n.latestBefore(gone.id)
			}
			n.dropIfEmpty(slot)
		}
	}
}

func (n *Namespace) latestBefore(id int64) (best int64) {
	for _, s := range n.snaps {
		if s.id < id {
			best = max(best, s.id)
		}
	}
	return best
}

func (n *Namespace) mergeHistory(slot uint32, gone *snapshot) {
	f := n.mutMore(slot)
	i := slices.IndexFunc(f.history, func(h history) bool { return h.snap == gone.id })
	if i < 0 {
		return
	}
	h := f.history[i]
	var prev int64
	if i > 0 {
		prev = f.history[i-1].snap
	}
	if heir := n.heir(slot, gone, prev); heir != nil {
		h.snap = heir.id
		// What came after the heir and went before the deleted snapshot ended is shown by none.
		var keep []uint32
		var drop []uint32
		for _, c := range h.removed {
			if n.tree.Inode(c).ID > heir.top {
				drop = append(drop, c)
			} else {
				keep = append(keep, c)
			}
		}
		h.removed = keep
		f.history[i] = h
		n.letGo(slot, drop)
		for _, c := range keep {
			n.cutBack(c, heir.id)
		}
		return
	}
	f.history = slices.Delete(f.history, i, i+1)
	if i == 0 {
		n.letGo(slot, h.removed)
	} else {
		older := &f.history[i-1]
		var drop []uint32
		for _, c := range h.removed {
			if k := slices.Index(older.added, c); k >= 0 {
				older.added = slices.Delete(older.added, k, k+1)
				drop = append(drop, c)
				continue
			}
			older.removed = append(older.removed, c)
			if s := n.snaps[older.snap]; s != nil {
				n.cutBack(c, s.id)
			}
		}
		for _, c := range h.added {
			if !slices.Contains(older.added, c) {
				older.added = append(older.added, c)
			}
		}
		if older.name == "" {
			older.name = h.name
		}
		n.letGo(slot, drop)
	}
	if !n.tree.ValidSlot(slot) {
		return
	}
	n.elsewhere(slot, func(_ uint8, u *usage) { n.pruneBlocks(slot, h.blocks, n.policyOf(slot), u) })
}

// letGo releases what a history of a directory listed as removed. What another history holds on counts for this directory no more
// if none of its own does.
func (n *Namespace) letGo(dir uint32, list []uint32) {
	for _, c := range list {
		if !n.tree.ValidSlot(c) {
			continue // gone with one before
		}
		if !n.tree.ValidSlot(dir) {
			n.release(c, 0, 0, nil) // the directory is gone with one before, so it counts elsewhere
			continue
		}
		above := n.tree.Inode(dir).Parent
		var u usage
		n.release(c, dir, n.policyOf(dir), &u)
		at := dir
		if !n.tree.ValidSlot(at) {
			if at = above; !n.tree.ValidSlot(at) {
				at = n.tree.Root()
			}
		} else if n.tree.ValidSlot(c) && n.tree.Inode(c).Parent == dir && n.feat(c) != nil && n.feat(c).detached && !slices.Contains(n.shownOnly(dir), c) {
			n.orphan(c, n.policyOf(dir), &u)
		}
		n.charge(at, u.neg())
	}
}

// cutBack trims a detached inode to what a snapshot shows of it.
func (n *Namespace) cutBack(slot uint32, snap int64) {
	if f := n.feat(slot); f != nil && f.detached {
		n.elsewhere(slot, func(policy uint8, u *usage) { n.trim(slot, snap, policy, u) })
	}
}

// pruneBlocks frees blocks of a dropped history that neither the file nor another history has.
func (n *Namespace) pruneBlocks(slot uint32, list []uint32, inherited uint8, u *usage) {
	if len(list) == 0 || n.tree.Inode(slot).ID == 0 {
		return
	}
	now := n.tree.BlockList(slot)
	f := n.feat(slot)
	in := n.tree.Inode(slot)
	for _, at := range list {
		if slices.Contains(now, at) || f != nil && f.shows(at) || n.isSource(slot, at) {
			continue
		}
		u.add(spaceFor(n.tree.Block(at).Length(), in.Replication(), inherited), 1)
		n.sink.BlockRemoved(n.tree.Block(at).ID)
		n.tree.FreeBlock(at)
	}
}

func (n *Namespace) isSource(slot, at uint32) bool {
	o := n.open[slot]
	return o != nil && o.rec != nil && o.rec.source == at
}

func (n *Namespace) listSnapshots(root uint32, after []byte) *hdfspb.DirectoryListingProto {
	d := n.snapDirs[root]
	ids := slices.Clone(d.list)
	sort.Slice(ids, func(i, j int) bool {
		return tree.Compare(bytesOf(n.snaps[ids[i]].name), bytesOf(n.snaps[ids[j]].name)) < 0
	})
	out := &hdfspb.DirectoryListingProto{}
	left := uint32(0)
	for _, id := range ids {
		s := n.snaps[id]
		if len(after) > 0 && tree.Compare(bytesOf(s.name), after) <= 0 {
			continue
		}
		if len(out.PartialListing) >= n.opt.ListLimit {
			left++
			continue
		}
		out.PartialListing = append(out.PartialListing, n.status(root, id, []byte(s.name)))
	}
	out.RemainingEntries = &left
	return out
}

// GetSnapshottableDirListing lists the snapshottable directories that the caller owns, all to the superuser.
func (n *Namespace) GetSnapshottableDirListing(c Caller, _ *hdfspb.GetSnapshottableDirListingRequestProto) (*hdfspb.GetSnapshottableDirListingResponseProto, error) {
	out := &hdfspb.SnapshottableDirectoryListingProto{}
	for dir, d := range n.snapDirs {
		in := n.tree.Inode(dir)
		if !c.Superuser && !n.opt.DisablePermissions && n.userOf(in) != c.User {
			continue
		}
		limit, have := uint32(n.opt.SnapshotLimit), uint32(len(d.list))
		parent := ""
		if in.Parent != 0 {
			parent = n.pathOf(in.Parent)
		}
		name := slices.Clone(n.tree.Name(dir))
		out.SnapshottableDirListing = append(out.SnapshottableDirListing, &hdfspb.SnapshottableDirectoryStatusProto{
			DirStatus: n.status(dir, 0, name), SnapshotQuota: &limit, SnapshotNumber: &have, ParentFullpath: []byte(parent)})
	}
	if len(out.SnapshottableDirListing) == 0 {
		return &hdfspb.GetSnapshottableDirListingResponseProto{}, nil
	}
	l := out.SnapshottableDirListing
	full := func(s *hdfspb.SnapshottableDirectoryStatusProto) string {
		return string(s.ParentFullpath) + "/" + string(s.DirStatus.Path)
	}
	sort.Slice(l, func(i, j int) bool { return full(l[i]) < full(l[j]) })
	return &hdfspb.GetSnapshottableDirListingResponseProto{SnapshottableDirList: out}, nil
}

// GetSnapshotListing lists the snapshots of a directory.
func (n *Namespace) GetSnapshotListing(c Caller, req *hdfspb.GetSnapshotListingRequestProto) (*hdfspb.GetSnapshotListingResponseProto, error) {
	p, err := n.resolve(&c, req.GetSnapshotRoot(), opRead)
	if err != nil {
		return nil, err
	}
	if err := n.check(&c, p, checks{access: actRead}); err != nil {
		return nil, err
	}
	if _, err := n.dirAt(p.last(), p.path); err != nil {
		return nil, err
	}
	d := n.snapDirs[p.last()]
	if d == nil {
		return nil, fail(hdfs.SnapshotException, "Directory is not a snapshottable directory: %s", p.path)
	}
	out := &hdfspb.SnapshotListingProto{}
	for _, id := range d.list {
		s := n.snaps[id]
		sid := uint32(id)
		out.SnapshotListing = append(out.SnapshotListing, &hdfspb.SnapshotStatusProto{DirStatus: n.status(p.last(), id, []byte(s.name)), SnapshotID: &sid,
			ParentFullpath: []byte(join(p.path, dotSnapshot)), IsDeleted: new(bool)})
	}
	return &hdfspb.GetSnapshotListingResponseProto{SnapshotList: out}, nil
}
