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

// opEntry is one key. x and y are the ends of the key as HashParts reads them: the whole key up to wholeKey bytes, so that most
// look-ups touch one slot and one entry and nothing else.
type opEntry struct {
	x, y       uint64
	acc        int64
	hash       uint64
	chunk, off uint32
	klen       uint32
}

const wholeKey = 16

func newOpTable(op *mapreduce.Op, a *arena) *opTable {
	const n = 1 << 12
	return &opTable{op: op, sum: op.Name == "sum", slots: make([]opSlot, n), mask: n - 1, arena: a}
}

func (t *opTable) add(key []byte, v int64) {
	h, x, y := mapreduce.HashParts(key)
	tag := uint32(h >> 32)
	for i := h & t.mask; ; i = (i + 1) & t.mask {
		s := t.slots[i&uint64(len(t.slots)-1)]
		if s.index == 0 {
			t.insert(i, opEntry{x: x, y: y, acc: v, hash: h, klen: uint32(len(key))}, key)
			return
		}
		if s.tag != tag {
			continue
		}
		e := &t.entries[s.index-1]
		if e.x == x && e.y == y && int(e.klen) == len(key) && (len(key) <= wholeKey || bytes.Equal(t.arena.at(e.chunk, e.off, e.klen), key)) {
			if t.sum {
				e.acc += v
			} else {
				e.acc = t.op.Fold(e.acc, v)
			}
			return
		}
	}
}

func (t *opTable) insert(slot uint64, e opEntry, key []byte) {
	room, chunk, off := t.arena.alloc(len(key))
	copy(room, key)
	e.chunk, e.off = chunk, off
	t.entries = append(t.entries, e)
	t.slots[slot] = opSlot{uint32(e.hash >> 32), uint32(len(t.entries))}
	if uint64(len(t.entries))*10 > uint64(len(t.slots))*6 {
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

func (t *opTable) bytes() int64 { return int64(cap(t.slots))*8 + int64(cap(t.entries))*48 }

func (t *opTable) reset() {
	clear(t.slots)
	t.entries = t.entries[:0]
}
