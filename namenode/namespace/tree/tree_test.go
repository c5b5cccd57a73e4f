package tree

import (
	"bytes"
	"fmt"
	"math/rand"
	"sort"
	"testing"

	"github.com/lodehq/lode/internal/hdfs"
)

func add(t *testing.T, tr *Tree, id hdfs.INodeID, dir uint32, name string) uint32 {
	t.Helper()
	slot, err := tr.NewInode(Inode{ID: id}, []byte(name))
	if err != nil {
		t.Fatal(err)
	}
	tr.Link(dir, slot)
	return slot
}

// TestChildren puts children in and out of one directory at random, through every size of run, and compares with a sorted slice.
func TestChildren(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	tr := New()
	have := map[string]uint32{}
	next := hdfs.RootINodeID
	check := func() {
		var want []string
		for k := range have {
			want = append(want, k)
		}
		sort.Slice(want, func(i, j int) bool { return Compare([]byte(want[i]), []byte(want[j])) < 0 })
		var got []string
		tr.Children(tr.Root(), nil, func(c uint32) bool { got = append(got, string(tr.Name(c))); return true })
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%d children, want %d", len(got), len(want))
		}
		if len(want) > 0 {
			k := rng.Intn(len(want))
			if n := tr.CountAfter(tr.Root(), []byte(want[k])); n != len(want)-k-1 {
				t.Fatalf("%d after %q, want %d", n, want[k], len(want)-k-1)
			}
			var first string
			tr.Children(tr.Root(), []byte(want[k]), func(c uint32) bool { first = string(tr.Name(c)); return false })
			if k+1 < len(want) && first != want[k+1] {
				t.Fatalf("%q after %q, want %q", first, want[k], want[k+1])
			}
		}
	}
	grow := 9
	for i := range 12000 {
		if i == 6000 {
			grow = 2
		}
		name := fmt.Sprintf("%c%d", "a\xe9-Z\xc3"[rng.Intn(5)], rng.Intn(4000))
		slot := have[name]
		if got := tr.Lookup(tr.Root(), []byte(name)); got != slot {
			t.Fatalf("lookup of %q gives %d, want %d", name, got, slot)
		}
		switch {
		case slot == 0 && rng.Intn(10) < grow:
			next++
			have[name] = add(t, tr, next, tr.Root(), name)
		case slot != 0 && rng.Intn(10) >= grow:
			tr.Unlink(slot)
			tr.FreeInode(slot)
			delete(have, name)
		}
		if i%500 == 0 {
			check()
		}
	}
	check()
	for name, slot := range have {
		if tr.ByID(tr.Inode(slot).ID) != slot {
			t.Fatalf("the index has lost %q", name)
		}
		tr.Unlink(slot)
		tr.FreeInode(slot)
	}
	if tr.Files() != 0 || tr.NumChildren(tr.Root()) != 0 || len(tr.big) != 0 {
		t.Fatalf("left over: %d files", tr.Files())
	}
}

// TestAscending fills leaves when names come in order, as part files do.
func TestAscending(t *testing.T) {
	tr := New()
	for i := range 20 * leafMax {
		add(t, tr, hdfs.RootINodeID+1+hdfs.INodeID(i), tr.Root(), fmt.Sprintf("part-%06d", i))
	}
	if n := len(tr.big[tr.Root()].leaves); n > 22 {
		t.Fatalf("%d leaves for 20 leaves' worth of children", n)
	}
}

func TestBlocks(t *testing.T) {
	tr := New()
	f := add(t, tr, hdfs.RootINodeID+1, tr.Root(), "f")
	for i := range 5 {
		tr.AppendBlock(f, tr.NewBlock(hdfs.BlockID(i+1), hdfs.GenStamp(1<<40-1), 1<<47+int64(i), Writing))
	}
	if tr.NumBlocks(f) != 5 || tr.Length(f) != 5<<47+10 {
		t.Fatalf("%d blocks, %d bytes", tr.NumBlocks(f), tr.Length(f))
	}
	b := tr.Block(tr.LastBlock(f))
	if b.GenStamp() != 1<<40-1 || b.State() != Writing || b.ID != 5 {
		t.Fatalf("%+v", b.Value())
	}
	list := tr.BlockList(f)
	tr.SetBlocks(f, list[:2])
	if got := tr.BlockList(f); fmt.Sprint(got) != fmt.Sprint(list[:2]) {
		t.Fatalf("got %v", got)
	}
}

// TestFrozen changes a tree after a freeze and expects the pages of the image to be as they were.
func TestFrozen(t *testing.T) {
	tr := New()
	for i := range 3000 {
		add(t, tr, hdfs.RootINodeID+1+hdfs.INodeID(i), tr.Root(), fmt.Sprint("f", i))
	}
	im := tr.Freeze()
	before := bytes.Clone(im.Names[0])
	for i := range 3000 {
		s := tr.ByID(hdfs.RootINodeID + 1 + hdfs.INodeID(i))
		tr.Unlink(s)
		if i%2 == 0 {
			tr.FreeInode(s)
		} else if err := tr.SetName(s, []byte(fmt.Sprint("g", i))); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(before, im.Names[0]) {
		t.Fatal("the frozen names changed")
	}
	tr.Thaw()
	tr2, err := Load(im, Limits{Owners: 1, Sizes: 1})
	if err != nil || tr2.Files() != 3000 || tr2.Lookup(tr2.Root(), []byte("f2999")) == 0 {
		t.Fatalf("%v", err)
	}
}
