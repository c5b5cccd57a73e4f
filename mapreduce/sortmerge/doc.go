// Package sortmerge is the data path of a job between map and reduce: it collects what a mapper emits, sorts and combines it,
// spills it when memory is full, and merges sorted runs.
//
// # How data moves
//
// A Collector copies records into an arena of big chunks and keeps one pointer-free entry a record, so that the garbage collector
// has nothing to scan. With a known operation (mapreduce.Op) it aggregates in a hash table instead, and gives that up when
// the first rows show that it does not pay. When the memory limit is reached, the entries are sorted (radix sort on
// an 8-byte prefix behind the keys' common prefix, full comparison only inside runs of equal prefixes), combined and written
// as one run. At the end all runs are merged into one spill file with an Index: partition → byte range.
//
// # The file
//
// A partition's range (a segment) is a row of blocks of about 256 KiB: raw length, stored length, CRC32C of what is stored,
// then the records, S2-compressed unless that does not help. A record is two varints (key and value length), key, value,
// and never crosses a block. Segments are sent as they are, and verified by whoever reads them.
//
// # Merge
//
// Merger walks k segments with a loser tree that keeps 8 bytes of every head's key beside it. Groups cuts its records into groups.
package sortmerge
