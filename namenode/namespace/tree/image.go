package tree

import (
	"errors"
	"fmt"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/slab"
)

// Image is a tree as it was at one moment: the slabs' pages. From Freeze it does not change while the tree does.
type Image struct {
	Inodes [][]Inode
	Blocks [][]Block
	Names  [][]byte
	Runs   [][]uint32
	Big    map[uint32][]uint64 // large directories: their leaves, run << 16 | entries
	NumIn  uint32
	NumBl  uint32
	Root   uint32
}

// Freeze hands out the tree as it is now. Thaw must follow before the next Freeze.
func (t *Tree) Freeze() *Image {
	im := &Image{Names: t.names.Share(), Runs: t.runs.Share(), Root: t.root, Big: make(map[uint32][]uint64, len(t.big))}
	im.Inodes, im.NumIn = t.inodes.Share()
	im.Blocks, im.NumBl = t.blocks.Share()
	for slot, d := range t.big {
		l := make([]uint64, len(d.leaves))
		for i, x := range d.leaves {
			l[i] = uint64(x.run)<<16 | uint64(x.n)
		}
		im.Big[slot] = l
	}
	return im
}

// Thaw says that the last frozen image is no longer read.
func (t *Tree) Thaw() {
	t.inodes.Unshare()
	t.blocks.Unshare()
	t.names.Unshare()
	t.runs.Unshare()
}

// ErrImage is wrapped by what Load finds wrong with an image.
var ErrImage = errors.New("the image is damaged")

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrImage, fmt.Sprintf(format, args...))
}

// Limits are the sizes of what inodes refer to outside the tree.
type Limits struct{ Owners, Sizes int }

// Load makes a tree of an image, checking every reference: a damaged image is an error, never a panic. It takes over the pages of
// inodes and blocks; names and runs are laid out anew, without gaps.
func Load(im *Image, lim Limits) (*Tree, error) {
	if int64(im.NumIn) > int64(len(im.Inodes))*slab.PageRecords || int64(im.NumBl) > int64(len(im.Blocks))*slab.PageRecords || im.NumIn < 2 {
		return nil, bad("%d inodes, %d blocks in %d and %d pages", im.NumIn, im.NumBl, len(im.Inodes), len(im.Blocks))
	}
	t := &Tree{big: map[uint32]*bigDir{}, root: im.Root}
	t.inodes.Load(im.Inodes, im.NumIn, func(i *Inode) bool { return i.ID == 0 })
	t.blocks.Load(im.Blocks, max(im.NumBl, 1), func(b *Block) bool { return b.ID == 0 })
	if im.NumBl == 0 {
		t.blocks = slab.Records[Block]{}
	}
	if im.Root == 0 || im.Root >= im.NumIn || t.inodes.At(im.Root).ID != hdfs.RootINodeID || !t.inodes.At(im.Root).IsDir() {
		return nil, bad("the root is not where it should be")
	}
	l := loader{t: t, im: im, lim: lim, child: make(bitset, im.NumIn/64+1), block: make(bitset, im.NumBl/64+1)}
	if err := l.records(); err != nil {
		return nil, err
	}
	if err := l.directories(); err != nil {
		return nil, err
	}
	return t, l.index()
}

type bitset []uint64

func (b bitset) set(i uint32) (was bool) {
	m := uint64(1) << (i & 63)
	was = b[i>>6]&m != 0
	b[i>>6] |= m
	return was
}

func (b bitset) has(i uint32) bool { return b[i>>6]&(1<<(i&63)) != 0 }

type loader struct {
	t     *Tree
	im    *Image
	lim   Limits
	child bitset // inodes that a directory lists
	block bitset // blocks that a ring holds
	dirs  []uint32
}

// records checks each inode by itself, brings its name over and follows its ring of blocks.
func (l *loader) records() error {
	t, im := l.t, l.im
	for slot := uint32(1); slot < im.NumIn; slot++ {
		in := t.inodes.At(slot)
		if in.ID == 0 {
			continue
		}
		if in.ID < hdfs.RootINodeID || in.Parent >= im.NumIn || int(in.Owner) >= l.lim.Owners || !slab.ValidName(im.Names, in.Name) {
			return bad("inode %d refers outside", in.ID)
		}
		at, err := t.names.Add(slab.NameIn(im.Names, in.Name))
		if err != nil {
			return fmt.Errorf("inode %d: %w", in.ID, err)
		}
		t.inodes.Mut(slot).Name = at
		if in.IsDir() {
			t.dirs++
			l.dirs = append(l.dirs, slot)
			continue
		}
		if int(in.B) >= l.lim.Sizes || in.A >= im.NumBl && in.A != 0 {
			return bad("file %d refers outside", in.ID)
		}
		if in.A == 0 {
			continue
		}
		for at := in.A; ; {
			b := t.blocks.At(at)
			if b.ID == 0 || b.Next == 0 || b.Next >= im.NumBl || l.block.set(at) {
				return bad("the blocks of file %d are not a ring", in.ID)
			}
			if at = b.Next; at == in.A {
				break
			}
		}
	}
	return nil
}

// directories brings the children over, checks that each is listed once, in order and by its parent, and that no directory is below
// itself.
func (l *loader) directories() error {
	t, im := l.t, l.im
	for _, dir := range l.dirs {
		in := t.inodes.Mut(dir)
		n, big := int(in.B), in.Mode&FlagBig != 0
		var leaves []uint64
		switch {
		case big:
			leaves = im.Big[dir]
		case n > smallDir:
			return bad("directory %d has a run of %d", in.ID, n)
		case n > 0:
			leaves = []uint64{uint64(in.A)<<16 | uint64(n)}
		}
		var last []byte
		total := 0
		for _, x := range leaves {
			at, k := uint32(x>>16), int(x&0xffff)
			if x>>48 != 0 || !slab.ValidRun(im.Runs, at, k) {
				return bad("directory %d refers outside", in.ID)
			}
			run := slab.RunIn(im.Runs, at, k)
			total += k
			for _, c := range run {
				if c == 0 || c >= im.NumIn || c == im.Root || t.inodes.At(c).ID == 0 || t.inodes.At(c).Parent != dir || l.child.set(c) {
					return bad("directory %d lists an inode that is not its child", in.ID)
				}
				name := t.names.At(t.inodes.At(c).Name)
				if len(name) == 0 || last != nil && Compare(last, name) >= 0 {
					return bad("the children of directory %d are not in order", in.ID)
				}
				last = name
			}
			if big {
				to := t.runs.Alloc(slab.Class(leafMax))
				copy(t.runs.Mut(to, k), run)
				if t.big[dir] == nil {
					t.big[dir] = &bigDir{}
				}
				t.big[dir].leaves = append(t.big[dir].leaves, leaf{to, uint32(k)})
			} else {
				to := t.runs.Alloc(slab.Class(k))
				copy(t.runs.Mut(to, k), run)
				in.A = to
			}
		}
		if total != n || big && n == 0 {
			return bad("directory %d says %d children and lists %d", in.ID, n, total)
		}
		if n == 0 {
			in.A = 0
		}
	}
	return l.depths()
}

// depths follows every directory up to one that is known to end.
func (l *loader) depths() error {
	ends := make(bitset, l.im.NumIn/64+1)
	ends.set(0)
	seen := make(bitset, l.im.NumIn/64+1)
	var path []uint32
	for _, dir := range l.dirs {
		path = path[:0]
		for s := dir; !ends.has(s); s = l.t.inodes.At(s).Parent {
			in := l.t.inodes.At(s)
			if in.ID == 0 || !in.IsDir() || seen.set(s) {
				return bad("directory %d has no way to the root", l.t.inodes.At(dir).ID)
			}
			path = append(path, s)
		}
		for _, s := range path {
			ends.set(s)
		}
	}
	for slot := uint32(1); slot < l.im.NumIn; slot++ {
		if in := l.t.inodes.At(slot); in.ID != 0 && in.Parent != 0 && !l.t.inodes.At(in.Parent).IsDir() {
			return bad("the parent of inode %d is not a directory", in.ID)
		}
	}
	if l.t.inodes.At(l.im.Root).Parent != 0 {
		return bad("the root has a parent")
	}
	return nil
}

// index builds the index by id with tables of the right size at once.
func (l *loader) index() error {
	t := l.t
	var count [indexShards]uint32
	t.Slots(func(_ uint32, in *Inode) bool { count[hashID(in.ID)>>52]++; return true })
	for i, c := range count {
		if c > 0 {
			t.index.shards[i].tab = make([]uint32, c+c/3+1)
			t.index.shards[i].n = c
		}
	}
	var err error
	t.Slots(func(slot uint32, in *Inode) bool {
		h := hashID(in.ID)
		s := t.index.shard(h)
		i := s.start(h)
		for s.tab[i] != 0 {
			if t.inodes.At(s.tab[i]).ID == in.ID {
				err = bad("inode %d is there twice", in.ID)
				return false
			}
			if i++; int(i) == len(s.tab) {
				i = 0
			}
		}
		s.tab[i] = slot
		return true
	})
	return err
}

// Listed tells whether a loaded inode is in its directory's list; the others are detached. For Load's caller.
func (t *Tree) Listed(slot uint32) bool {
	in := t.inodes.At(slot)
	return slot == t.root || in.Parent != 0 && t.Lookup(in.Parent, t.Name(slot)) == slot
}

// ValidSlot tells whether a slot from outside holds an inode; ValidBlock the same of blocks.
func (t *Tree) ValidSlot(slot uint32) bool {
	return slot > 0 && slot < t.inodes.Len() && t.inodes.At(slot).ID != 0
}

// ValidBlock tells whether a reference from outside holds a block.
func (t *Tree) ValidBlock(at uint32) bool {
	return at > 0 && at < t.blocks.Len() && t.blocks.At(at).ID != 0
}
