package sortmerge

import (
	"encoding/binary"
	"slices"
)

// item is what is sorted: 8 bytes of the key behind the common prefix, the partition, and where the entry is.
type item struct {
	prefix uint64
	part   uint32
	index  uint32
}

// prefixOf reads up to 8 bytes of b, big-endian, padded with zeros.
func prefixOf(b []byte) uint64 {
	if len(b) >= 8 {
		return binary.BigEndian.Uint64(b)
	}
	var p uint64
	for i, c := range b {
		p |= uint64(c) << (56 - 8*i)
	}
	return p
}

// radixSort sorts stably by partition, then prefix: least significant byte first, bytes that are the same everywhere skipped.
// It returns the sorted items, which are in items or in spare (of the same length).
func radixSort(items, spare []item, parts int) []item {
	if len(items) < 256 {
		slices.SortStableFunc(items, func(a, b item) int {
			switch {
			case a.part != b.part:
				return int(a.part) - int(b.part)
			case a.prefix < b.prefix:
				return -1
			case a.prefix > b.prefix:
				return 1
			}
			return 0
		})
		return items
	}
	var counts [12][256]uint32
	for i := range items {
		p, q := items[i].prefix, items[i].part
		counts[0][byte(p)]++
		counts[1][byte(p>>8)]++
		counts[2][byte(p>>16)]++
		counts[3][byte(p>>24)]++
		counts[4][byte(p>>32)]++
		counts[5][byte(p>>40)]++
		counts[6][byte(p>>48)]++
		counts[7][byte(p>>56)]++
		counts[8][byte(q)]++
		if parts > 256 {
			counts[9][byte(q>>8)]++
			counts[10][byte(q>>16)]++
		}
	}
	digits := 9
	if parts > 256 {
		digits = 11
	}
	for d := range digits {
		count := &counts[d]
		var first byte
		if d < 8 {
			first = byte(items[0].prefix >> (8 * d))
		} else {
			first = byte(items[0].part >> (8 * (d - 8)))
		}
		if count[first] == uint32(len(items)) {
			continue
		}
		var at [256]uint32
		sum := uint32(0)
		for v, n := range count {
			at[v] = sum
			sum += n
		}
		if d < 8 {
			shift := 8 * d
			for i := range items {
				v := byte(items[i].prefix >> shift)
				spare[at[v]] = items[i]
				at[v]++
			}
		} else {
			shift := 8 * (d - 8)
			for i := range items {
				v := byte(items[i].part >> shift)
				spare[at[v]] = items[i]
				at[v]++
			}
		}
		items, spare = spare, items
	}
	return items
}
