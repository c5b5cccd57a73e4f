package slab

import "math/bits"

const (
	wordShift = 12
	// PageWords is the number of words in a page.
	PageWords = 1 << wordShift
	wordMask  = PageWords - 1
	// MaxRun is the longest run.
	MaxRun  = 512
	classes = 10 // runs of 1, 2, 4 … 512 words
)

// Words is a table of runs of 32-bit words. A run has room for a power of two of them; who holds the reference knows how long
// it is.
type Words struct {
	pages [][]uint32
	next  [classes]uint32 // where the open page of each class goes on; 0 none
	free  [classes][]uint32
	live  int64
	cow
}

// Class is the size class of a run of n words, 1 to MaxRun.
func Class(n int) int { return bits.Len32(uint32(n - 1)) }

// Alloc gives a run of 1<<class words; their content is arbitrary.
func (w *Words) Alloc(class int) uint32 {
	w.live += 1 << class
	if f := w.free[class]; len(f) > 0 {
		w.free[class] = f[:len(f)-1]
		return f[len(f)-1]
	}
	at := w.next[class]
	if at&wordMask == 0 {
		if len(w.pages) == 0 { // page 0 only keeps reference 0 from being used
			w.pages = append(w.pages, make([]uint32, PageWords))
			w.grow()
		}
		at = uint32(len(w.pages)) << wordShift
		w.pages = append(w.pages, make([]uint32, PageWords))
		w.grow()
	}
	w.next[class] = at + 1<<class
	return at
}

// Free takes back a run.
func (w *Words) Free(at uint32, class int) {
	w.live -= 1 << class
	w.free[class] = append(w.free[class], at)
}

// At is the run for reading, n words of it.
func (w *Words) At(at uint32, n int) []uint32 {
	o := at & wordMask
	return w.pages[at>>wordShift][o : int(o)+n]
}

// Mut is the run for writing.
func (w *Words) Mut(at uint32, n int) []uint32 {
	p := int(at >> wordShift)
	if !w.ours(p) {
		w.pages[p] = append(make([]uint32, 0, PageWords), w.pages[p]...)
		w.take(p)
	}
	o := at & wordMask
	return w.pages[p][o : int(o)+n]
}

// Bytes is the memory held.
func (w *Words) Bytes() int64 {
	b := int64(len(w.pages)) * (PageWords*4 + 24)
	for i := range w.free {
		b += int64(cap(w.free[i])) * 4
	}
	return b
}

// Share hands out the pages as they are now.
func (w *Words) Share() [][]uint32 {
	w.share()
	return append([][]uint32(nil), w.pages...)
}

// Unshare says that the list from Share is no longer read.
func (w *Words) Unshare() { w.unshare() }
