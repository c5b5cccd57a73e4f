package slab

import (
	"bytes"
	"errors"
	"testing"
)

func TestNames(t *testing.T) {
	var s Names
	var refs []uint32
	for i := range 3000 {
		at, err := s.Add(bytes.Repeat([]byte{byte(i)}, i%400))
		if err != nil || at == 0 {
			t.Fatal(at, err)
		}
		refs = append(refs, at)
	}
	for i, at := range refs {
		if !bytes.Equal(s.At(at), bytes.Repeat([]byte{byte(i)}, i%400)) || !ValidName(s.pages, at) {
			t.Fatalf("name %d", i)
		}
	}
	before := s.Bytes()
	for i, at := range refs {
		s.Free(at)
		if again, err := s.Add(bytes.Repeat([]byte{1}, i%400)); err != nil || len(s.At(again)) != i%400 {
			t.Fatal(again, err)
		}
	}
	if len(s.pages)*PageBytes > int(before) {
		t.Fatal("freed room is not used again")
	}
	if _, err := s.Add(make([]byte, MaxName+1)); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
}

// TestShared checks that what Share hands out stays as it was.
func TestShared(t *testing.T) {
	var r Records[[2]uint64]
	for i := range 3 * PageRecords {
		r.Mut(r.Alloc())[0] = uint64(i)
	}
	pages, n := r.Share()
	for i := uint32(1); i < n; i += 2 {
		r.Mut(i)[0] = 99
	}
	r.Free(1)
	for i := uint32(1); i < n; i++ {
		if got := pages[i>>recordShift][i&recordMask][0]; got != uint64(i-1) {
			t.Fatalf("record %d of the shared list is %d", i, got)
		}
	}
	if r.At(3)[0] != 99 {
		t.Fatal("the table has not changed")
	}
	r.Unshare()
	if r.Alloc() != 1 {
		t.Fatal("the freed record is not used again")
	}
	var w Words
	a := w.Alloc(Class(5))
	copy(w.Mut(a, 5), []uint32{1, 2, 3, 4, 5})
	shared := w.Share()
	w.Mut(a, 5)[0] = 9
	if RunIn(shared, a, 5)[0] != 1 || w.At(a, 5)[0] != 9 || !ValidRun(shared, a, 5) || ValidRun(shared, 0, 1) {
		t.Fatal("runs")
	}
}
