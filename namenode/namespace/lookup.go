package namespace

import (
	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/tree"
)

// FileRef is what others need to know of a file.
type FileRef struct {
	ID                hdfs.INodeID
	Path              string
	Length, BlockSize int64
	Replication       uint16
	Policy            uint8
	UnderConstruction bool
	Holder            string // of the lease
	ClientMachine     string
}

func (n *Namespace) ref(slot uint32) FileRef {
	in := n.tree.Inode(slot)
	r := FileRef{ID: in.ID, Path: n.pathOf(slot), Length: n.tree.Length(slot), BlockSize: n.blockSizeOf(in), Replication: in.Replication(),
		Policy: n.policyOf(slot), UnderConstruction: in.IsOpen()}
	if o := n.open[slot]; o != nil {
		r.Holder, r.ClientMachine = o.holder, o.machine
	}
	return r
}

// FileByID answers a file of the live tree.
func (n *Namespace) FileByID(id hdfs.INodeID) (FileRef, bool) {
	slot := n.tree.ByID(id)
	if slot == 0 || n.tree.Inode(slot).IsDir() || !n.live(slot) {
		return FileRef{}, false
	}
	return n.ref(slot), true
}

// PathOf answers the path of an inode of the live tree.
func (n *Namespace) PathOf(id hdfs.INodeID) (string, bool) {
	slot := n.tree.ByID(id)
	if slot == 0 || !n.live(slot) {
		return "", false
	}
	return n.pathOf(slot), true
}

// FileByPath answers a file and its blocks.
func (n *Namespace) FileByPath(c Caller, path string) (FileRef, []hdfs.Block, error) {
	p, err := n.resolve(&c, path, opRead)
	if err != nil {
		return FileRef{}, nil, err
	}
	slot, err := n.fileAt(p)
	if err != nil {
		return FileRef{}, nil, err
	}
	var list []hdfs.Block
	for _, at := range n.blocksAt(slot, p.snap) {
		list = append(list, n.tree.Block(at).Value())
	}
	return n.ref(slot), list, nil
}

// OwnerOfOpenBlock answers the file whose last block this is, while it is being written or recovered.
func (n *Namespace) OwnerOfOpenBlock(id hdfs.BlockID) (hdfs.INodeID, bool) {
	slot, ok := n.byBlock[id]
	if !ok {
		return 0, false
	}
	return n.tree.Inode(slot).ID, true
}

// WalkEntry is one inode that Walk comes by.
type WalkEntry struct {
	FileRef
	IsDir    bool
	Children int
	Blocks   []hdfs.Block
}

// Walk goes over a subtree, a directory before what it holds, until fn says false. It asks no permissions.
func (n *Namespace) Walk(root string, fn func(WalkEntry) bool) error {
	p, err := n.locate(root)
	if err != nil {
		return err
	}
	if p.last() == 0 {
		return notFound("File does not exist: %s", p.path)
	}
	n.walk(p.last(), p.path, fn)
	return nil
}

func (n *Namespace) walk(slot uint32, path string, fn func(WalkEntry) bool) bool {
	in := n.tree.Inode(slot)
	if !in.IsDir() {
		e := WalkEntry{FileRef: n.ref(slot)}
		n.tree.EachBlock(slot, func(_ uint32, b *tree.Block) bool { e.Blocks = append(e.Blocks, b.Value()); return true })
		return fn(e)
	}
	if !fn(WalkEntry{FileRef: FileRef{ID: in.ID, Path: path}, IsDir: true, Children: n.tree.NumChildren(slot)}) {
		return false
	}
	more := true
	n.tree.Children(slot, nil, func(c uint32) bool {
		more = n.walk(c, join(path, string(n.tree.Name(c))), fn)
		return more
	})
	return more
}

// Blocks calls fn for every block, those included that only snapshots show, until it says false.
func (n *Namespace) Blocks(fn func(b hdfs.Block, file hdfs.INodeID, replication uint16, policy uint8, complete bool) bool) {
	more := true
	n.tree.Slots(func(slot uint32, in *tree.Inode) bool {
		if in.IsDir() {
			return true
		}
		f := n.feat(slot)
		if in.A == 0 && (f == nil || len(f.history) == 0) {
			return true
		}
		pol := n.policyOf(slot)
		tell := func(at uint32) bool {
			b := n.tree.Block(at)
			more = fn(b.Value(), in.ID, in.Replication(), pol, b.State() == tree.Complete)
			return more
		}
		if !in.IsOpen() && (f == nil || len(f.history) == 0) {
			n.tree.EachBlock(slot, func(at uint32, _ *tree.Block) bool { return tell(at) })
			return more
		}
		for _, at := range n.keptBlocks(slot) {
			if !tell(at) {
				return false
			}
		}
		return more
	})
}
