package table

// overflow holds the replicas of blocks that have more than three: chunks of three words, of which the last may be a link to
// another chunk. Chunk 0 is never used; free chunks are linked through their first word.
type overflow struct {
	chunks []words
	free   uint32
}

func (o *overflow) alloc() uint32 {
	if o.free != 0 {
		c := o.free
		o.free = o.chunks[c][0]
		o.chunks[c] = words{}
		return c
	}
	if len(o.chunks) == 0 {
		o.chunks = make([]words, 1, 16)
	}
	o.chunks = append(o.chunks, words{})
	return uint32(len(o.chunks) - 1)
}

// release frees the chain that a word links to, if it is a link.
func (o *overflow) release(w uint32) {
	for w&linkBit != 0 {
		c := w &^ linkBit
		w = o.chunks[c][2]
		o.chunks[c] = words{o.free, 0, 0}
		o.free = c
	}
}

func pack(x Replica) uint32 { return x.Storage | uint32(x.Flags)<<flagShift }

func unpack(w uint32) Replica {
	return Replica{Storage: w & MaxStorage, Flags: Flags(w >> flagShift & 127)}
}

// locate finds the word of a storage's replica, nil if there is none. The pointer is good until the next Add.
func (t *Table) locate(r Ref, storage uint32) *uint32 {
	c := &t.rec(r).r
	for i := 0; i < len(c); i++ {
		w := c[i]
		if w&linkBit != 0 {
			c, i = &t.over.chunks[w&^linkBit], -1
			continue
		}
		if w == 0 {
			return nil
		}
		if w&MaxStorage == storage {
			return &c[i]
		}
	}
	return nil
}

// Replicas appends the block's replicas to buf, in the order in which they came.
func (t *Table) Replicas(r Ref, buf []Replica) []Replica {
	c := &t.rec(r).r
	for i := 0; i < len(c); i++ {
		w := c[i]
		if w&linkBit != 0 {
			c, i = &t.over.chunks[w&^linkBit], -1
			continue
		}
		if w == 0 {
			break
		}
		buf = append(buf, unpack(w))
	}
	return buf
}

// Replica finds the replica on a storage.
func (t *Table) Replica(r Ref, storage uint32) (Replica, bool) {
	if w := t.locate(r, storage); w != nil {
		return unpack(*w), true
	}
	return Replica{}, false
}

// Add records a replica on a storage that has none of this block yet.
func (t *Table) Add(r Ref, x Replica) {
	c := &t.rec(r).r
	for i := 0; i < len(c); i++ {
		w := c[i]
		if w&linkBit != 0 {
			c, i = &t.over.chunks[w&^linkBit], -1
			continue
		}
		if w == 0 {
			c[i] = pack(x)
			return
		}
		if i == len(c)-1 {
			// The chunk is full: its last word moves to a new one. alloc may move the slab, so the word is found again.
			n := t.over.alloc()
			last := t.locate(r, w&MaxStorage)
			t.over.chunks[n] = words{w, pack(x), 0}
			*last = linkBit | n
			return
		}
	}
}

// Remove forgets the replica on a storage and says whether there was one.
func (t *Table) Remove(r Ref, storage uint32) bool {
	if t.locate(r, storage) == nil {
		return false
	}
	rec := t.rec(r)
	var buf [16]Replica
	all := t.Replicas(r, buf[:0])
	t.over.release(rec.r[2])
	rec.r = words{}
	for _, x := range all {
		if x.Storage != storage {
			t.Add(r, x)
		}
	}
	return true
}

// SetFlags sets (on) or clears flags of the replica on a storage. It does nothing if there is no such replica.
func (t *Table) SetFlags(r Ref, storage uint32, f Flags, on bool) {
	if w := t.locate(r, storage); w != nil {
		if on {
			*w |= uint32(f) << flagShift
		} else {
			*w &^= uint32(f) << flagShift
		}
	}
}
