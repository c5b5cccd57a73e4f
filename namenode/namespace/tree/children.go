package tree

import "github.com/lodehq/lode/namenode/namespace/slab"

// A directory of up to smallDir children keeps their slots in one sorted run. A larger one is a list of leaves, sorted runs of
// up to leafMax slots each; the list is short enough to be moved when a leaf splits (20,000 leaves for 10 million children).
const (
	smallDir = 256
	leafMax  = slab.MaxRun
)

type leaf struct {
	run uint32
	n   uint32
}

type bigDir struct {
	leaves []leaf
}

// Compare orders names as Hadoop does: byte by byte as signed numbers.
func Compare(a, b []byte) int {
	n := min(len(a), len(b))
	for i := 0; i < n; i++ {
		if a[i] != b[i] {
			return int(int8(a[i])) - int(int8(b[i]))
		}
	}
	return len(a) - len(b)
}

// searchRun finds where name is or would be.
func (t *Tree) searchRun(run []uint32, name []byte) (int, bool) {
	lo, hi := 0, len(run)
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		c := Compare(t.names.At(t.inodes.At(run[m]).Name), name)
		if c == 0 {
			return m, true
		}
		if c < 0 {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo, false
}

// leafOf is the index of the leaf that has or would have name.
func (t *Tree) leafOf(d *bigDir, name []byte) int {
	lo, hi := 0, len(d.leaves)-1
	for lo < hi {
		m := int(uint(lo+hi+1) >> 1)
		first := t.runs.At(d.leaves[m].run, 1)[0]
		if Compare(t.names.At(t.inodes.At(first).Name), name) <= 0 {
			lo = m
		} else {
			hi = m - 1
		}
	}
	return lo
}

// Lookup is the child of that name, 0 if there is none.
func (t *Tree) Lookup(dir uint32, name []byte) uint32 {
	in := t.inodes.At(dir)
	if in.B == 0 {
		return 0
	}
	var run []uint32
	if in.Mode&FlagBig == 0 {
		run = t.runs.At(in.A, int(in.B))
	} else {
		d := t.big[dir]
		l := d.leaves[t.leafOf(d, name)]
		run = t.runs.At(l.run, int(l.n))
	}
	if i, ok := t.searchRun(run, name); ok {
		return run[i]
	}
	return 0
}

// NumChildren counts the children of a directory.
func (t *Tree) NumChildren(dir uint32) int { return int(t.inodes.At(dir).B) }

// Link gives an inode its place in a directory. The name must be free there.
func (t *Tree) Link(dir, child uint32) {
	t.inodes.Mut(child).Parent = dir
	name := t.Name(child)
	in := t.inodes.Mut(dir)
	n := int(in.B)
	in.B++
	if in.Mode&FlagBig != 0 {
		t.linkBig(t.big[dir], name, child)
		return
	}
	if n == 0 {
		in.A = t.runs.Alloc(0)
		t.runs.Mut(in.A, 1)[0] = child
		return
	}
	if n == smallDir {
		in.Mode |= FlagBig
		run := t.runs.Alloc(slab.Class(leafMax))
		copy(t.runs.Mut(run, n), t.runs.At(in.A, n))
		t.runs.Free(in.A, slab.Class(n))
		in.A = 0
		d := &bigDir{leaves: []leaf{{run, uint32(n)}}}
		t.big[dir] = d
		t.linkBig(d, name, child)
		return
	}
	at, _ := t.searchRun(t.runs.At(in.A, n), name)
	if class := slab.Class(n + 1); class != slab.Class(n) {
		run := t.runs.Alloc(class)
		copy(t.runs.Mut(run, n), t.runs.At(in.A, n))
		t.runs.Free(in.A, slab.Class(n))
		in.A = run
	}
	run := t.runs.Mut(in.A, n+1)
	copy(run[at+1:], run[at:n])
	run[at] = child
}

func (t *Tree) linkBig(d *bigDir, name []byte, child uint32) {
	k := t.leafOf(d, name)
	l := &d.leaves[k]
	at, _ := t.searchRun(t.runs.At(l.run, int(l.n)), name)
	if l.n == leafMax {
		half := int(leafMax / 2)
		if k == len(d.leaves)-1 && at == leafMax {
			half = leafMax // ascending names fill their leaves
		}
		right := leaf{t.runs.Alloc(slab.Class(leafMax)), uint32(leafMax - half)}
		copy(t.runs.Mut(right.run, leafMax), t.runs.At(l.run, leafMax)[half:])
		l.n = uint32(half)
		d.leaves = append(d.leaves, leaf{})
		copy(d.leaves[k+2:], d.leaves[k+1:])
		d.leaves[k+1] = right
		if at > half || half == leafMax {
			k, at = k+1, at-half
		}
		l = &d.leaves[k]
	}
	run := t.runs.Mut(l.run, int(l.n)+1)
	copy(run[at+1:], run[at:l.n])
	run[at] = child
	l.n++
}

// Unlink takes an inode out of its directory; it keeps its parent's slot.
func (t *Tree) Unlink(child uint32) {
	dir := t.inodes.At(child).Parent
	name := t.Name(child)
	in := t.inodes.Mut(dir)
	n := int(in.B)
	in.B--
	if in.Mode&FlagBig != 0 {
		t.unlinkBig(dir, in, name)
		return
	}
	at, _ := t.searchRun(t.runs.At(in.A, n), name)
	run := t.runs.Mut(in.A, n)
	copy(run[at:], run[at+1:])
	if n == 1 {
		t.runs.Free(in.A, 0)
		in.A = 0
		return
	}
	if class := slab.Class(n - 1); class != slab.Class(n) {
		smaller := t.runs.Alloc(class)
		copy(t.runs.Mut(smaller, n-1), run[:n-1])
		t.runs.Free(in.A, slab.Class(n))
		in.A = smaller
	}
}

func (t *Tree) unlinkBig(dir uint32, in *Inode, name []byte) {
	d := t.big[dir]
	k := t.leafOf(d, name)
	l := &d.leaves[k]
	at, _ := t.searchRun(t.runs.At(l.run, int(l.n)), name)
	run := t.runs.Mut(l.run, int(l.n))
	copy(run[at:], run[at+1:])
	if l.n--; l.n == 0 {
		t.runs.Free(l.run, slab.Class(leafMax))
		d.leaves = append(d.leaves[:k], d.leaves[k+1:]...)
	} else if k+1 < len(d.leaves) && l.n+d.leaves[k+1].n <= leafMax/2 {
		next := d.leaves[k+1]
		copy(t.runs.Mut(l.run, leafMax)[l.n:], t.runs.At(next.run, int(next.n)))
		l.n += next.n
		t.runs.Free(next.run, slab.Class(leafMax))
		d.leaves = append(d.leaves[:k+1], d.leaves[k+2:]...)
	}
	if in.B > smallDir/2 {
		return
	}
	in.Mode &^= FlagBig
	delete(t.big, dir)
	in.A = t.runs.Alloc(slab.Class(int(in.B)))
	to := t.runs.Mut(in.A, int(in.B))
	for _, l := range d.leaves {
		to = to[copy(to, t.runs.At(l.run, int(l.n))):]
		t.runs.Free(l.run, slab.Class(leafMax))
	}
}

// dropChildren frees the runs of a directory.
func (t *Tree) dropChildren(dir uint32) {
	in := t.inodes.Mut(dir)
	if in.Mode&FlagBig != 0 {
		for _, l := range t.big[dir].leaves {
			t.runs.Free(l.run, slab.Class(leafMax))
		}
		delete(t.big, dir)
	} else if in.B != 0 {
		t.runs.Free(in.A, slab.Class(int(in.B)))
	}
	in.A, in.B = 0, 0
	in.Mode &^= FlagBig
}

// ClearChildren empties a directory; its children keep their parent's slot.
func (t *Tree) ClearChildren(dir uint32) { t.dropChildren(dir) }

// Children calls fn for the children after a name in order, all if it is empty, until fn says false. The directory must not
// change meanwhile.
func (t *Tree) Children(dir uint32, after []byte, fn func(child uint32) bool) {
	in := t.inodes.At(dir)
	if in.B == 0 {
		return
	}
	if in.Mode&FlagBig == 0 {
		t.eachFrom(t.runs.At(in.A, int(in.B)), after, fn)
		return
	}
	d := t.big[dir]
	k := 0
	if len(after) > 0 {
		k = t.leafOf(d, after)
	}
	for ; k < len(d.leaves); k++ {
		if !t.eachFrom(t.runs.At(d.leaves[k].run, int(d.leaves[k].n)), after, fn) {
			return
		}
	}
}

func (t *Tree) eachFrom(run []uint32, after []byte, fn func(child uint32) bool) bool {
	i := 0
	if len(after) > 0 {
		at, found := t.searchRun(run, after)
		if i = at; found {
			i++
		}
	}
	for _, c := range run[i:] {
		if !fn(c) {
			return false
		}
	}
	return true
}

// ChildList is the slots of all children in order.
func (t *Tree) ChildList(dir uint32) []uint32 {
	l := make([]uint32, 0, t.NumChildren(dir))
	t.Children(dir, nil, func(c uint32) bool { l = append(l, c); return true })
	return l
}

// CountAfter is how many children come after a name.
func (t *Tree) CountAfter(dir uint32, after []byte) int {
	n := 0
	in := t.inodes.At(dir)
	if in.B == 0 {
		return 0
	}
	count := func(run []uint32) {
		at, found := t.searchRun(run, after)
		if found {
			at++
		}
		n += len(run) - at
	}
	if in.Mode&FlagBig == 0 {
		count(t.runs.At(in.A, int(in.B)))
		return n
	}
	d := t.big[dir]
	k := t.leafOf(d, after)
	count(t.runs.At(d.leaves[k].run, int(d.leaves[k].n)))
	for _, l := range d.leaves[k+1:] {
		n += int(l.n)
	}
	return n
}
