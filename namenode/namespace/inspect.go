package namespace

import (
	"cmp"
	"slices"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/acl"
	"github.com/lodehq/lode/namenode/namespace/tree"
)

// Attr is what an inode is like, now or in a snapshot.
type Attr struct {
	User, Group  string
	Perm         uint16 // with the sticky bit, 01000
	MTime, ATime int64  // ms since 1970
	Replication  uint16 // of files
	Policy       uint8  // set on this very inode; 0 none
	ACL          []acl.Entry
	XAttrs       []XAttr
}

// XAttr is an extended attribute; Namespace is the wire's number.
type XAttr struct {
	Namespace uint8
	Name      string
	Value     []byte
}

// Quota is the limits of a directory, -1 none.
type Quota struct {
	Names, Space int64
	Types        [8]int64 // by hdfs.StorageType
}

// Writer is who writes an open file.
type Writer struct{ Client, Machine string }

// Node is an inode whole.
type Node struct {
	ID   hdfs.INodeID
	Name []byte // valid until the namespace changes
	Dir  bool
	Attr
	BlockSize int64 // of files
	Blocks    []hdfs.Block
	Writer    *Writer // of open files
	Quota     *Quota
}

// Past is what an inode was for the snapshots up to one.
type Past struct {
	Snapshot int64
	Attr     *Attr  // nil when built: as it was later
	Name     []byte // then; not read when built
	// Files.
	Length    int64
	BlockSize int64        // not read when built
	Blocks    []hdfs.Block // nil when built: as later
	// Directories: the names that came and the inodes that went between this snapshot and the next history.
	Created  [][]byte
	Removed  []Gone
	Children int // that the snapshot shows; not read when built
}

// Gone is an inode that left a directory.
type Gone struct {
	ID      hdfs.INodeID
	Name    []byte // then
	Renamed bool   // it was renamed, and is or was elsewhere later; else it was deleted
}

// Snapshot is one snapshot.
type Snapshot struct {
	ID    int64
	Dir   hdfs.INodeID
	Name  string
	CTime int64 // ms since 1970
	Root  Attr  // of the directory then; not read when built
}

// Token is a delegation token without its password.
type Token struct {
	Owner, Renewer, RealUser string
	Issued, Max, Expiry      int64 // ms since 1970
	Sequence, KeyID          int32
}

func (n *Namespace) attr(in *tree.Inode, list []aclEntry, xs []xattr) Attr {
	a := Attr{User: n.userOf(in), Group: n.groupOf(in), Perm: in.Perm(), MTime: in.MTime, ATime: in.ATime, Policy: in.Policy(), ACL: list}
	if !in.IsDir() {
		a.Replication = in.Replication()
	}
	for _, x := range xs {
		a.XAttrs = append(a.XAttrs, XAttr{uint8(x.ns), x.name, x.value})
	}
	return a
}

// EachNode calls fn for every inode, those that only snapshots show included. The node is good until fn returns.
func (n *Namespace) EachNode(fn func(x *Node) bool) {
	var x Node
	n.tree.Slots(func(slot uint32, in *tree.Inode) bool {
		blocks := x.Blocks[:0]
		x = Node{ID: in.ID, Name: n.tree.Name(slot), Dir: in.IsDir()}
		var q *quota
		if f := n.feat(slot); f != nil {
			x.Attr, q = n.attr(in, f.acl, f.xattrs), f.quota
		} else {
			x.Attr = n.attr(in, nil, nil)
		}
		if q != nil && (q.set() || slot == n.tree.Root()) {
			x.Quota = &Quota{q.ns, q.space, q.types}
		}
		if !x.Dir {
			x.BlockSize = n.blockSizeOf(in)
			n.tree.EachBlock(slot, func(_ uint32, b *tree.Block) bool { blocks = append(blocks, b.Value()); return true })
			if o := n.open[slot]; o != nil {
				x.Writer = &Writer{o.holder, o.machine}
			}
		}
		x.Blocks = blocks
		return fn(&x)
	})
}

// EachDirectory calls fn for every directory that has children, with their ids in order. The list is good until fn returns.
func (n *Namespace) EachDirectory(fn func(dir hdfs.INodeID, children []hdfs.INodeID) bool) {
	var list []hdfs.INodeID
	n.tree.Slots(func(slot uint32, in *tree.Inode) bool {
		if !in.IsDir() || in.B == 0 {
			return true
		}
		list = list[:0]
		n.tree.Children(slot, nil, func(c uint32) bool { list = append(list, n.tree.Inode(c).ID); return true })
		return fn(in.ID, list)
	})
}

// OpenFiles lists the files being written that are in the live tree, with their paths, by id.
func (n *Namespace) OpenFiles() (out []FileRef) {
	for slot := range n.open {
		if n.live(slot) {
			out = append(out, n.ref(slot))
		}
	}
	slices.SortFunc(out, func(a, b FileRef) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// SnapshottableDirs lists the directories that may have snapshots, by id.
func (n *Namespace) SnapshottableDirs() (out []hdfs.INodeID) {
	for _, slot := range n.snapDirList() {
		out = append(out, n.tree.Inode(slot).ID)
	}
	return out
}

// Snapshots lists all snapshots by id.
func (n *Namespace) Snapshots() (out []Snapshot) {
	for _, s := range n.snaps {
		out = append(out, Snapshot{ID: s.id, Dir: n.tree.Inode(s.root).ID, Name: s.name, CTime: s.ctime,
			Root: n.attr(n.attrAt(s.root, s.id), n.aclAt(s.root, s.id), n.xattrsAt(s.root, s.id))})
	}
	slices.SortFunc(out, func(a, b Snapshot) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// LastSnapshot is the greatest id that a snapshot ever had.
func (n *Namespace) LastSnapshot() int64 { return n.lastSnapshot }

// Renamed tells whether a snapshot shows a live inode at a place from which it was renamed away. since is the latest snapshot that was
// there of the directory that it is in now when it came, 0 if there was none.
func (n *Namespace) Renamed(id hdfs.INodeID) (since int64, renamed bool) {
	slot := n.tree.ByID(id)
	f := n.feat(slot)
	if f == nil || f.pin == 0 && !n.holds(slot) {
		return 0, false
	}
	if d := n.feat(n.tree.Inode(slot).Parent); d != nil {
		for i := range d.history {
			if slices.Contains(d.history[i].added, slot) {
				since = d.history[i].snap
			}
		}
	}
	return since, true
}

// EachHistory calls fn for every inode that changed since a snapshot, with what it was, latest first.
func (n *Namespace) EachHistory(fn func(id hdfs.INodeID, dir bool, past []Past) bool) {
	slots := make([]uint32, 0, len(n.more))
	for slot, f := range n.more {
		if len(f.history) > 0 {
			slots = append(slots, slot)
		}
	}
	slices.Sort(slots)
	for _, slot := range slots {
		f, in := n.more[slot], n.tree.Inode(slot)
		var past []Past
		for i := len(f.history) - 1; i >= 0; i-- {
			h := &f.history[i]
			a := n.attr(&h.rec, h.acl, h.xattrs)
			p := Past{Snapshot: h.snap, Attr: &a, Name: slices.Clone(n.nameAt(slot, h.snap)), Length: h.length}
			if !in.IsDir() {
				p.BlockSize = n.blockSizeOf(in)
			}
			for _, at := range h.blocks {
				p.Blocks = append(p.Blocks, n.tree.Block(at).Value())
			}
			if in.IsDir() {
				p.Children = len(n.childrenAt(slot, h.snap))
				for _, c := range h.added {
					p.Created = append(p.Created, slices.Clone(n.nameAfter(c, slot, f.history[i+1:])))
				}
				for _, c := range h.removed {
					p.Removed = append(p.Removed, Gone{n.tree.Inode(c).ID, slices.Clone(n.nameAt(c, h.snap)), n.wentOn(c, slot)})
				}
			}
			past = append(past, p)
		}
		if !fn(in.ID, in.IsDir(), past) {
			return
		}
	}
}

// nameAfter is the name under which a child came to a directory: the one that a later history lists it under, else its name now.
func (n *Namespace) nameAfter(child, dir uint32, later []history) []byte {
	for i := range later {
		if slices.Contains(later[i].removed, child) {
			return n.nameAt(child, later[i].snap)
		}
	}
	return n.tree.Name(child)
}

// wentOn tells that an inode that a history of dir lists as removed was not deleted there.
func (n *Namespace) wentOn(child, dir uint32) bool {
	f := n.feat(child)
	return !f.detached || f.holds > 1 || f.pin != 0 || n.tree.Inode(child).Parent != dir
}

// TokenNumbers are the ids of the last master key and of the last delegation token.
func (n *Namespace) TokenNumbers() (key, token int32) { return n.tokens.current, n.tokens.sequence }
