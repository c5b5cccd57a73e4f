package sortmerge

import (
	"bytes"

	"github.com/lodehq/lode/mapreduce"
)

// opTable aggregates Int64 values by key: open addressing with linear probing, keys in the arena, no pointers.
type opTable struct {
	op      *mapreduce.Op
	sum     bool
	slots   []opSlot
	mask    uint64
	entries []opEntry
	arena   *arena
}

type opSlot struct {
	tag   uint32 // upper bits of the hash
	index uint32 // entry + 1; 0 is free
}

type opEntry struct {
	hash       uint64
	acc        int64
	chunk, off uint32
	klen       uint32
}

func newOpTable(op *mapreduce.Op, a *arena) *opTable {
	const n = 1 << 12
	return &opTable{op: op, sum: op.Name == "sum", slots: make([]opSlot, n), mask: n - 1, arena: a}
}

func (t *opTable) add(key []byte, v int64) {
	h := mapreduce.Hash64(key)
	tag := uint32(h >> 32)
	for i := h & t.mask; ; i = (i + 1) & t.mask {
		s := t.slots[i]
		if s.index == 0 {
			t.insert(i, h, tag, key, v)
			return
		}
		if s.tag == tag {
			e := &t.entries[s.index-1]
			if int(e.klen) == len(key) && bytes.Equal(t.arena.at(e.chunk, e.off, e.klen), key) {
				if t.sum {
					e.acc += v
				} else {
					e.acc = t.op.Fold(e.acc, v)
				}
				return
			}
		}
	}
}

func (t *opTable) insert(slot, h uint64, tag uint32, key []byte, v int64) {
	room, chunk, off := t.arena.alloc(len(key))
	copy(room, key)
	t.entries = append(t.entries, opEntry{h, v, chunk, off, uint32(len(key))})
	t.slots[slot] = opSlot{tag, uint32(len(t.entries))}
	if uint64(len(t.entries))*10 > uint64(len(t.slots))*7 {
		t.grow()
	}
}

func (t *opTable) grow() {
	t.slots = make([]opSlot, 2*len(t.slots))
	t.mask = uint64(len(t.slots) - 1)
	for n := range t.entries {
		h := t.entries[n].hash
		i := h & t.mask
		for t.slots[i].index != 0 {
			i = (i + 1) & t.mask
		}
		t.slots[i] = opSlot{uint32(h >> 32), uint32(n + 1)}
	}
}

func (t *opTable) bytes() int64 { return int64(cap(t.slots))*8 + int64(cap(t.entries))*32 }

func (t *opTable) reset() {
	clear(t.slots)
	t.entries = t.entries[:0]
}
