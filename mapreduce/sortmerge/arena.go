package sortmerge

const chunkSize = 1 << 20

// arena stores byte strings in big chunks. Positions are a chunk number and an offset, so that entries hold no pointers.
type arena struct {
	chunks [][]byte
	used   int64 // bytes given out
	next   int   // chunk being filled; chunks after it are empty and kept for reuse
}

// alloc returns room for n bytes and its position.
func (a *arena) alloc(n int) (room []byte, chunk, off uint32) {
	a.used += int64(n)
	for a.next < len(a.chunks) {
		c := a.chunks[a.next]
		if cap(c)-len(c) >= n {
			off = uint32(len(c))
			c = c[:len(c)+n]
			a.chunks[a.next] = c
			return c[off:], uint32(a.next), off
		}
		a.next++
	}
	c := make([]byte, n, max(chunkSize, n))
	a.chunks = append(a.chunks, c)
	a.next = len(a.chunks) - 1
	return c, uint32(a.next), 0
}

func (a *arena) at(chunk, off, n uint32) []byte { return a.chunks[chunk][off : off+n : off+n] }

// reset empties the arena; chunks of the usual size are kept.
func (a *arena) reset() {
	kept := a.chunks[:0]
	a.used = 0
	for _, c := range a.chunks {
		if cap(c) == chunkSize {
			kept = append(kept, c[:0])
		}
	}
	clear(a.chunks[len(kept):])
	a.chunks = kept
	a.next = 0
}
