package slab

import "unsafe"

// RecordBytes is a page of records as bytes, in the layout of memory on a little-endian machine, for writing to or filling from an
// image. The two share memory.
func RecordBytes[T any](page []T) []byte {
	if len(page) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&page[0])), len(page)*int(unsafe.Sizeof(page[0])))
}

// ValidRun tells whether a run read from outside lies in one page.
func ValidRun(pages [][]uint32, at uint32, n int) bool {
	return n > 0 && n <= MaxRun && at != 0 && int(at>>wordShift) < len(pages) && int(at&wordMask)+n <= PageWords
}

// RunIn reads a run from a list of pages.
func RunIn(pages [][]uint32, at uint32, n int) []uint32 {
	o := int(at & wordMask)
	return pages[at>>wordShift][o : o+n]
}
