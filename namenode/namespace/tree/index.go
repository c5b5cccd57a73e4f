package tree

import (
	"math/bits"

	"github.com/lodehq/lode/internal/hdfs"
)

// idIndex finds the slot of an inode by its id: open addressing in many small tables, so that growing one is short work.
// A table holds slots only; the id is compared in the inode itself.
type idIndex struct {
	shards [indexShards]indexShard
}

const indexShards = 4096

type indexShard struct {
	tab []uint32
	n   uint32
}

func hashID(id hdfs.INodeID) uint64 {
	h := uint64(id) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}

func (s *indexShard) start(h uint64) uint32 {
	hi, _ := bits.Mul64(h<<12, uint64(len(s.tab)))
	return uint32(hi)
}

func (x *idIndex) shard(h uint64) *indexShard { return &x.shards[h>>52] }

func (x *idIndex) get(t *Tree, id hdfs.INodeID) uint32 {
	h := hashID(id)
	s := x.shard(h)
	if len(s.tab) == 0 {
		return 0
	}
	for i := s.start(h); ; {
		slot := s.tab[i]
		if slot == 0 || t.inodes.At(slot).ID == id {
			return slot
		}
		if i++; int(i) == len(s.tab) {
			i = 0
		}
	}
}

func (x *idIndex) put(t *Tree, id hdfs.INodeID, slot uint32) {
	h := hashID(id)
	s := x.shard(h)
	if int(s.n+1)*6 > len(s.tab)*5 {
		old := s.tab
		s.tab = make([]uint32, max(4, len(old)*3/2))
		for _, o := range old {
			if o != 0 {
				s.insert(hashID(t.inodes.At(o).ID), o)
			}
		}
	}
	s.insert(h, slot)
	s.n++
}

func (s *indexShard) insert(h uint64, slot uint32) {
	i := s.start(h)
	for s.tab[i] != 0 {
		if i++; int(i) == len(s.tab) {
			i = 0
		}
	}
	s.tab[i] = slot
}

// remove must be called while the inode still has its id.
func (x *idIndex) remove(t *Tree, id hdfs.INodeID) {
	h := hashID(id)
	s := x.shard(h)
	n := uint32(len(s.tab))
	i := s.start(h)
	for t.inodes.At(s.tab[i]).ID != id {
		if i++; i == n {
			i = 0
		}
	}
	// Close the gap: move back whatever probed over it.
	for j := i; ; {
		if j++; j == n {
			j = 0
		}
		o := s.tab[j]
		if o == 0 {
			break
		}
		home := s.start(hashID(t.inodes.At(o).ID))
		if (j+n-home)%n >= (j+n-i)%n {
			s.tab[i] = o
			i = j
		}
	}
	s.tab[i] = 0
	s.n--
}

func (x *idIndex) bytes() int64 {
	var b int64 = indexShards * 32
	for i := range x.shards {
		b += int64(cap(x.shards[i].tab)) * 4
	}
	return b
}
