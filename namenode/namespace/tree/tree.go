package tree

import (
	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/slab"
)

// Tree is the memory of one namespace. The zero Tree is not usable: call New.
type Tree struct {
	inodes slab.Records[Inode]
	blocks slab.Records[Block]
	names  slab.Names
	runs   slab.Words
	big    map[uint32]*bigDir
	index  idIndex
	dirs   int64
	root   uint32
}

// New gives a tree that has only its root directory, without a name.
func New() *Tree {
	t := &Tree{big: map[uint32]*bigDir{}}
	at, _ := t.names.Add(nil)
	t.root = t.inodes.Alloc()
	*t.inodes.Mut(t.root) = Inode{ID: hdfs.RootINodeID, Mode: FlagDir | 0o755, Name: at}
	t.index.put(t, hdfs.RootINodeID, t.root)
	t.dirs = 1
	return t
}

// Root is the slot of "/".
func (t *Tree) Root() uint32 { return t.root }

// Inode is the inode for reading only.
func (t *Tree) Inode(slot uint32) *Inode { return t.inodes.At(slot) }

// Mut is the inode for writing.
func (t *Tree) Mut(slot uint32) *Inode { return t.inodes.Mut(slot) }

// Block is the block for reading only.
func (t *Tree) Block(at uint32) *Block { return t.blocks.At(at) }

// MutBlock is the block for writing.
func (t *Tree) MutBlock(at uint32) *Block { return t.blocks.Mut(at) }

// Name is the inode's name, the tree's own bytes: not to be written or kept.
func (t *Tree) Name(slot uint32) []byte { return t.names.At(t.inodes.At(slot).Name) }

// ByID is the slot of an inode, 0 if there is none.
func (t *Tree) ByID(id hdfs.INodeID) uint32 { return t.index.get(t, id) }

// Files, Dirs and Blocks count what is held, with what only snapshots still show.
func (t *Tree) Files() int64 { return int64(t.inodes.Live()) - t.dirs }

// Dirs counts directories.
func (t *Tree) Dirs() int64 { return t.dirs }

// Blocks counts blocks.
func (t *Tree) Blocks() int64 { return int64(t.blocks.Live()) }

// NewInode stores an inode under a name; it has no place in a directory yet.
func (t *Tree) NewInode(in Inode, name []byte) (uint32, error) {
	at, err := t.names.Add(name)
	if err != nil {
		return 0, err
	}
	in.Name = at
	slot := t.inodes.Alloc()
	*t.inodes.Mut(slot) = in
	t.index.put(t, in.ID, slot)
	if in.IsDir() {
		t.dirs++
	}
	return slot, nil
}

// SetName gives an inode another name. It must have no place in a directory while it changes.
func (t *Tree) SetName(slot uint32, name []byte) error {
	at, err := t.names.Add(name)
	if err != nil {
		return err
	}
	in := t.inodes.Mut(slot)
	t.names.Free(in.Name)
	in.Name = at
	return nil
}

// FreeInode forgets an inode that has no place in a directory, with its blocks' ring left to the caller.
func (t *Tree) FreeInode(slot uint32) {
	in := t.inodes.At(slot)
	t.index.remove(t, in.ID)
	t.names.Free(in.Name)
	if in.IsDir() {
		t.dropChildren(slot)
		t.dirs--
	}
	t.inodes.Free(slot)
}

// Bytes is the memory that the tree holds.
func (t *Tree) Bytes() int64 {
	b := t.inodes.Bytes(InodeBytes) + t.blocks.Bytes(BlockBytes) + t.names.Bytes() + t.runs.Bytes() + t.index.bytes()
	for _, d := range t.big {
		b += 64 + int64(cap(d.leaves))*8
	}
	return b
}

// ---- blocks ----

// FirstBlock is the first block of a file, 0 if it has none. Follow Block.Next until LastBlock.
func (t *Tree) FirstBlock(file uint32) uint32 {
	if last := t.inodes.At(file).A; last != 0 {
		return t.blocks.At(last).Next
	}
	return 0
}

// LastBlock is the last block of a file, 0 if it has none.
func (t *Tree) LastBlock(file uint32) uint32 { return t.inodes.At(file).A }

// EachBlock calls fn for the blocks of a file in order until it says false.
func (t *Tree) EachBlock(file uint32, fn func(at uint32, b *Block) bool) {
	last := t.inodes.At(file).A
	if last == 0 {
		return
	}
	for at := t.blocks.At(last).Next; ; {
		b := t.blocks.At(at)
		next := b.Next
		if !fn(at, b) || at == last {
			return
		}
		at = next
	}
}

// BlockList is the slots of a file's blocks in order.
func (t *Tree) BlockList(file uint32) []uint32 {
	var l []uint32
	t.EachBlock(file, func(at uint32, _ *Block) bool { l = append(l, at); return true })
	return l
}

// NumBlocks counts the blocks of a file.
func (t *Tree) NumBlocks(file uint32) (n int) {
	t.EachBlock(file, func(uint32, *Block) bool { n++; return true })
	return n
}

// Length adds up the lengths of a file's blocks.
func (t *Tree) Length(file uint32) int64 {
	last := t.inodes.At(file).A
	if last == 0 {
		return 0
	}
	var sum int64
	for at := t.blocks.At(last).Next; ; {
		b := t.blocks.At(at)
		sum += b.Length()
		if at == last {
			return sum
		}
		at = b.Next
	}
}

// NewBlock stores a block that belongs to no file yet.
func (t *Tree) NewBlock(id hdfs.BlockID, gs hdfs.GenStamp, length int64, state uint8) uint32 {
	at := t.blocks.Alloc()
	b := t.blocks.Mut(at)
	b.ID = id
	b.Set(gs, length, state)
	return at
}

// FreeBlock forgets a block.
func (t *Tree) FreeBlock(at uint32) { t.blocks.Free(at) }

// AppendBlock makes a block the last of a file.
func (t *Tree) AppendBlock(file, at uint32) {
	in := t.inodes.Mut(file)
	if in.A == 0 {
		t.blocks.Mut(at).Next = at
	} else {
		first := t.blocks.At(in.A).Next
		t.blocks.Mut(at).Next = first
		t.blocks.Mut(in.A).Next = at
	}
	in.A = at
}

// SetBlocks makes list the blocks of a file.
func (t *Tree) SetBlocks(file uint32, list []uint32) {
	in := t.inodes.Mut(file)
	if len(list) == 0 {
		in.A = 0
		return
	}
	for i, at := range list {
		t.blocks.Mut(at).Next = list[(i+1)%len(list)]
	}
	in.A = list[len(list)-1]
}

// AllBlocks calls fn for each block that some file's ring holds, until it says false.
func (t *Tree) AllBlocks(fn func(file uint32, at uint32, b *Block) bool) {
	for slot := uint32(1); slot < t.inodes.Len(); slot++ {
		in := t.inodes.At(slot)
		if in.ID == 0 || in.IsDir() || in.A == 0 {
			continue
		}
		more := true
		t.EachBlock(slot, func(at uint32, b *Block) bool { more = fn(slot, at, b); return more })
		if !more {
			return
		}
	}
}

// Slots calls fn for each inode.
func (t *Tree) Slots(fn func(slot uint32, in *Inode) bool) {
	for slot := uint32(1); slot < t.inodes.Len(); slot++ {
		if in := t.inodes.At(slot); in.ID != 0 && !fn(slot, in) {
			return
		}
	}
}
