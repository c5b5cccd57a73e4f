// Package slab holds tables that grow with the data and that the garbage collector need not look into: records of one
// fixed size, runs of 32-bit words, and short strings, all addressed by 32-bit references in place of pointers.
//
// Every table is a list of pages. Share hands out the list as it is now; from then on the first write to a page copies it, so
// the list that was handed out never changes while the table goes on (page-wise copy-on-write). Unshare ends that. One list is
// out at a time. Reference 0 is never given away and means "none".
//
// Nothing here locks; one writer, and readers only while it does not write, but for lists from Share, which may be read at any time.
package slab
