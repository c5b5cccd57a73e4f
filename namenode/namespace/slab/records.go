package slab

const (
	recordShift = 10
	// PageRecords is the number of records in a page.
	PageRecords = 1 << recordShift
	recordMask  = PageRecords - 1
)

// cow keeps which pages a shared list still holds.
type cow struct {
	shared bool
	epoch  uint32
	of     []uint32 // epoch in which each page was last made ours
}

func (c *cow) share()          { c.shared, c.epoch = true, c.epoch+1 }
func (c *cow) unshare()        { c.shared = false }
func (c *cow) grow()           { c.of = append(c.of, c.epoch) }
func (c *cow) ours(p int) bool { return !c.shared || c.of[p] == c.epoch }
func (c *cow) take(p int)      { c.of[p] = c.epoch }

// Records is a table of fixed-size records without pointers.
type Records[T any] struct {
	pages [][]T
	n     uint32 // records ever given out, with the reserved first
	free  []uint32
	cow
}

// At is the record for reading. Writing through it breaks shared lists: use Mut.
func (r *Records[T]) At(i uint32) *T { return &r.pages[i>>recordShift][i&recordMask] }

// Mut is the record for writing, valid until the next Share.
func (r *Records[T]) Mut(i uint32) *T {
	p := int(i >> recordShift)
	if !r.ours(p) {
		r.copyPage(p)
	}
	return &r.pages[p][i&recordMask]
}

func (r *Records[T]) copyPage(p int) {
	r.pages[p] = append(make([]T, 0, PageRecords), r.pages[p]...)
	r.take(p)
}

// Alloc gives a zero record.
func (r *Records[T]) Alloc() uint32 {
	if k := len(r.free); k > 0 {
		i := r.free[k-1]
		r.free = r.free[:k-1]
		return i
	}
	if r.n == 0 {
		r.n = 1
	}
	if int(r.n>>recordShift) >= len(r.pages) {
		r.pages = append(r.pages, make([]T, PageRecords))
		r.grow()
	}
	r.n++
	return r.n - 1
}

// Free zeroes the record and takes it back.
func (r *Records[T]) Free(i uint32) {
	var zero T
	*r.Mut(i) = zero
	r.free = append(r.free, i)
}

// Len is the number of references ever given out, with the reserved one: every live reference is below it.
func (r *Records[T]) Len() uint32 { return r.n }

// Live is the number of records in use.
func (r *Records[T]) Live() int { return max(int(r.n)-1, 0) - len(r.free) }

// Bytes is the memory held, given the size of a record.
func (r *Records[T]) Bytes(size int) int64 {
	return int64(len(r.pages))*int64(PageRecords*size+24) + int64(cap(r.free))*4
}

// Share hands out the pages as they are now; the last one is partly filled up to n.
func (r *Records[T]) Share() (pages [][]T, n uint32) {
	r.share()
	return append([][]T(nil), r.pages...), r.n
}

// Unshare says that the list from Share is no longer read.
func (r *Records[T]) Unshare() { r.unshare() }

// Load takes over pages as read from an image. isFree tells the unused records.
func (r *Records[T]) Load(pages [][]T, n uint32, isFree func(*T) bool) {
	*r = Records[T]{pages: pages, n: n}
	r.of = make([]uint32, len(pages))
	for i := n; i > 1; i-- {
		if isFree(r.At(i - 1)) {
			r.free = append(r.free, i-1)
		}
	}
}
