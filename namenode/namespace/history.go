package namespace

import (
	"slices"
	"sort"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/tree"
)

// history is what an inode was for the snapshots after the previous history's up to and including snap: a copy of its record,
// and for a directory which children have come and gone since, for a file which blocks it had.
type history struct {
	snap    int64
	rec     tree.Inode
	acl     []aclEntry
	xattrs  []xattr
	name    string // its name then, if it was renamed since
	added   []uint32
	removed []uint32
	blocks  []uint32
	length  int64
}

type snapshot struct {
	id    int64
	root  uint32
	name  string
	ctime int64
	top   hdfs.INodeID // inodes with greater ids came later
}

type snapshottable struct {
	list []int64 // ids of its snapshots, oldest first
}

func (n *Namespace) snapshotNamed(d *snapshottable, name string) *snapshot {
	for _, id := range d.list {
		if s := n.snaps[id]; s.name == name {
			return s
		}
	}
	return nil
}

// covering is the latest snapshot that shows an inode as it is now, 0 if none does.
func (n *Namespace) covering(slot uint32) int64 {
	if len(n.snaps) == 0 {
		return 0
	}
	id := n.tree.Inode(slot).ID
	var latest int64
	for s := slot; s != 0; s = n.tree.Inode(s).Parent {
		if f := n.feat(s); f != nil {
			latest = max(latest, f.pin)
		}
		if d := n.snapDirs[s]; d != nil && len(d.list) > 0 {
			latest = max(latest, d.list[len(d.list)-1])
		}
	}
	if s := n.snaps[latest]; s == nil || id > s.top {
		return 0
	}
	return latest
}

// touch must come before any change of an inode: it keeps what the inode was, if a snapshot shows it and nothing is kept yet.
// It answers the history that changes of children are to be noted in, nil if there is none.
func (n *Namespace) touch(slot uint32) *history {
	if len(n.snaps) == 0 {
		return nil
	}
	latest := n.covering(slot)
	if latest == 0 {
		return nil
	}
	f := n.mutMore(slot)
	if k := len(f.history); k > 0 && f.history[k-1].snap >= latest {
		return &f.history[k-1]
	}
	in := n.tree.Inode(slot)
	h := history{snap: latest, rec: *in, acl: f.acl, xattrs: f.xattrs}
	if !in.IsDir() {
		h.blocks, h.length = n.tree.BlockList(slot), n.tree.Length(slot)
	}
	f.history = append(f.history, h)
	return &f.history[len(f.history)-1]
}

// at is the history that tells what an inode was in a snapshot, nil if it has not changed since.
func (n *Namespace) historyAt(slot uint32, snap int64) *history {
	if snap <= 0 {
		return nil
	}
	f := n.feat(slot)
	if f == nil {
		return nil
	}
	i := sort.Search(len(f.history), func(i int) bool { return f.history[i].snap >= snap })
	if i == len(f.history) {
		return nil
	}
	return &f.history[i]
}

// attrAt is an inode's record as of a snapshot, 0 for now. Its A and B are only good for now.
func (n *Namespace) attrAt(slot uint32, snap int64) *tree.Inode {
	if h := n.historyAt(slot, snap); h != nil {
		return &h.rec
	}
	return n.tree.Inode(slot)
}

func (n *Namespace) aclAt(slot uint32, snap int64) []aclEntry {
	if h := n.historyAt(slot, snap); h != nil {
		return h.acl
	}
	if f := n.feat(slot); f != nil {
		return f.acl
	}
	return nil
}

func (n *Namespace) xattrsAt(slot uint32, snap int64) []xattr {
	if h := n.historyAt(slot, snap); h != nil {
		return h.xattrs
	}
	if f := n.feat(slot); f != nil {
		return f.xattrs
	}
	return nil
}

// nameAt is an inode's name as of a snapshot.
func (n *Namespace) nameAt(slot uint32, snap int64) []byte {
	if snap > 0 {
		if f := n.feat(slot); f != nil {
			for i := range f.history {
				if f.history[i].snap >= snap && f.history[i].name != "" {
					return bytesOf(f.history[i].name)
				}
			}
		}
	}
	return n.tree.Name(slot)
}

// lengthAt is a file's length as of a snapshot.
func (n *Namespace) lengthAt(slot uint32, snap int64) int64 {
	if h := n.historyAt(slot, snap); h != nil {
		return h.length
	}
	return n.tree.Length(slot)
}

// blocksAt is a file's blocks as of a snapshot.
func (n *Namespace) blocksAt(slot uint32, snap int64) []uint32 {
	if h := n.historyAt(slot, snap); h != nil {
		return h.blocks
	}
	return n.tree.BlockList(slot)
}

// childrenAt is a directory's children as of a snapshot in the order of their names then.
func (n *Namespace) childrenAt(dir uint32, snap int64) []uint32 {
	f := n.feat(dir)
	if snap <= 0 || f == nil || len(f.history) == 0 {
		return n.tree.ChildList(dir)
	}
	list := n.tree.ChildList(dir)
	for i := len(f.history) - 1; i >= 0 && f.history[i].snap >= snap; i-- {
		h := &f.history[i]
		if len(h.added) > 0 {
			gone := make(map[uint32]bool, len(h.added))
			for _, a := range h.added {
				gone[a] = true
			}
			list = slices.DeleteFunc(list, func(s uint32) bool { return gone[s] })
		}
		list = append(list, h.removed...)
	}
	sort.Slice(list, func(i, j int) bool {
		return tree.Compare(n.nameAt(list[i], snap), n.nameAt(list[j], snap)) < 0
	})
	return list
}

// childAt is the child of a name as of a snapshot.
func (n *Namespace) childAt(dir uint32, name []byte, snap int64) uint32 {
	f := n.feat(dir)
	if f == nil || len(f.history) == 0 {
		c := n.tree.Lookup(dir, name)
		if c != 0 && !n.hadName(c, snap, name) {
			return 0
		}
		return c
	}
	for _, c := range n.childrenAt(dir, snap) {
		if string(n.nameAt(c, snap)) == string(name) {
			return c
		}
	}
	return 0
}

func (n *Namespace) hadName(slot uint32, snap int64, name []byte) bool {
	return string(n.nameAt(slot, snap)) == string(name)
}

// link puts an inode into a directory, noting it for snapshots.
func (n *Namespace) link(dir, child uint32) {
	if h := n.touch(dir); h != nil {
		h.added = append(h.added, child)
	}
	n.tree.Link(dir, child)
}

// unlink takes an inode out of its directory and tells whether a snapshot still shows it there.
func (n *Namespace) unlink(child uint32) (held bool) {
	dir := n.tree.Inode(child).Parent
	if h := n.touch(dir); h != nil {
		if i := slices.Index(h.added, child); i >= 0 {
			h.added = slices.Delete(h.added, i, i+1)
		} else {
			h.removed = append(h.removed, child)
			n.mutMore(child).holds++
			held = true
		}
	}
	n.tree.Unlink(child)
	return held
}
