// Package table is the slab of blocks: one record of 40 bytes a block, three replicas in place, no pointers, found by block id
// through an index of about 6 bytes a block. The garbage collector sees one pointer per 4,096 blocks.
//
// A record is named by its Ref, a small integer that stays the same while the block exists. Records are visited in the order of
// their Refs, which a sweep over all blocks uses. A replica is the small number of a storage (given out by the block map) and flags.
// Replicas beyond the third live in chunks of a second slab.
package table

import (
	"math/bits"

	"github.com/lodehq/lode/internal/hdfs"
)

// Ref names a record. 0 is none.
type Ref uint32

// State of a block.
type State uint8

// The states.
const (
	Complete          State = 0
	UnderConstruction State = 1
	free              State = 3
)

// Flags of a replica.
type Flags uint8

// The flags.
const (
	Corrupt Flags = 1 << 0 // known to be bad
	Excess  Flags = 1 << 1 // ordered deleted because there are too many
	Epoch   Flags = 1 << 2 // toggles with each full report of its storage
)

// Replica is one entry of a block: the number of its storage (1 to MaxStorage) and flags.
type Replica struct {
	Storage uint32
	Flags   Flags
}

// MaxStorage is the highest storage number, MaxLen the greatest length and generation stamp that a record can hold.
const (
	MaxStorage = 1<<24 - 1
	MaxLen     = 1<<48 - 1
)

const (
	linkBit   = 1 << 31
	flagShift = 24
	pageBits  = 12
	pageSize  = 1 << pageBits
)

type words [3]uint32

type record struct {
	id                   int64
	gsLo, lenLo, inodeLo uint32
	gsHi, lenHi, inodeHi uint16
	meta                 uint16 // replication 10 bits | policy 4 bits | state 2 bits
	r                    words
}

// Table holds blocks. The zero value is empty and ready.
type Table struct {
	pages []*[pageSize]record
	next  uint32 // records ever used, record 0 is never used
	free  uint32 // head of the free list, linked through inodeLo
	count int
	index index
	over  overflow
}

// Len is the number of blocks.
func (t *Table) Len() int { return t.count }

func (t *Table) rec(r Ref) *record { return &t.pages[r>>pageBits][r&(pageSize-1)] }

// Find gives the record of a block, 0 if there is none.
func (t *Table) Find(id hdfs.BlockID) Ref { return t.index.find(t, int64(id)) }

// Insert adds a block that is not there yet. Generation stamp, length and inode are cut to 48 bits.
func (t *Table) Insert(b hdfs.Block, inode hdfs.INodeID, replication uint16, policy uint8, s State) Ref {
	var r Ref
	if t.free != 0 {
		r = Ref(t.free)
		t.free = t.rec(r).inodeLo
	} else {
		if t.next == 0 {
			t.next = 1
		}
		r = Ref(t.next)
		t.next++
		if int(r>>pageBits) >= len(t.pages) {
			t.pages = append(t.pages, new([pageSize]record))
			if len(t.pages) == 1 {
				t.pages[0][0].meta = uint16(free)
			}
		}
	}
	*t.rec(r) = record{id: int64(b.ID)}
	t.SetGenStamp(r, b.GenStamp)
	t.SetNumBytes(r, b.NumBytes)
	t.SetINode(r, inode)
	t.SetReplication(r, replication)
	t.SetPolicy(r, policy)
	t.SetState(r, s)
	t.index.insert(t, r)
	t.count++
	return r
}

// Delete forgets a block and its replicas. The Ref may be given to another block afterwards.
func (t *Table) Delete(r Ref) {
	t.index.remove(t, r)
	rec := t.rec(r)
	t.over.release(rec.r[2])
	*rec = record{meta: uint16(free), inodeLo: t.free}
	t.free = uint32(r)
	t.count--
}

// Walk visits the blocks with Refs in [from, from+n) and returns where to go on, 0 at the end. f may change or delete the
// visited block, and add blocks.
func (t *Table) Walk(from Ref, n int, f func(Ref)) Ref {
	if from == 0 {
		from = 1
	}
	end := uint64(from) + uint64(n)
	for r := uint64(from); r < end; r++ {
		if r >= uint64(t.next) {
			return 0
		}
		if State(t.rec(Ref(r)).meta&3) != free {
			f(Ref(r))
		}
	}
	if end >= uint64(t.next) {
		return 0
	}
	return Ref(end)
}

// Span is one more than the highest Ref in use: what a full Walk covers.
func (t *Table) Span() int { return int(t.next) }

// ID is the block's id.
func (t *Table) ID(r Ref) hdfs.BlockID { return hdfs.BlockID(t.rec(r).id) }

// Block is the block's id, generation stamp and length.
func (t *Table) Block(r Ref) hdfs.Block {
	x := t.rec(r)
	return hdfs.Block{
		ID:       hdfs.BlockID(x.id),
		GenStamp: hdfs.GenStamp(uint64(x.gsHi)<<32 | uint64(x.gsLo)),
		NumBytes: int64(uint64(x.lenHi)<<32 | uint64(x.lenLo)),
	}
}

// INode is the file that owns the block.
func (t *Table) INode(r Ref) hdfs.INodeID {
	x := t.rec(r)
	return hdfs.INodeID(uint64(x.inodeHi)<<32 | uint64(x.inodeLo))
}

// Replication is how many copies are wanted, 0 to 1023.
func (t *Table) Replication(r Ref) int { return int(t.rec(r).meta >> 6) }

// Policy is the storage policy's id, 0 to 15.
func (t *Table) Policy(r Ref) uint8 { return uint8(t.rec(r).meta>>2) & 15 }

// State is the block's state.
func (t *Table) State(r Ref) State { return State(t.rec(r).meta & 3) }

// SetGenStamp changes the generation stamp.
func (t *Table) SetGenStamp(r Ref, gs hdfs.GenStamp) {
	x := t.rec(r)
	x.gsLo, x.gsHi = uint32(gs), uint16(gs>>32)
}

// SetNumBytes changes the length.
func (t *Table) SetNumBytes(r Ref, n int64) {
	x := t.rec(r)
	x.lenLo, x.lenHi = uint32(n), uint16(n>>32)
}

// SetINode changes the owner.
func (t *Table) SetINode(r Ref, i hdfs.INodeID) {
	x := t.rec(r)
	x.inodeLo, x.inodeHi = uint32(i), uint16(i>>32)
}

// SetReplication changes how many copies are wanted.
func (t *Table) SetReplication(r Ref, n uint16) {
	x := t.rec(r)
	x.meta = x.meta&63 | min(n, 1023)<<6
}

// SetPolicy changes the storage policy.
func (t *Table) SetPolicy(r Ref, p uint8) {
	x := t.rec(r)
	x.meta = x.meta&^(15<<2) | uint16(p&15)<<2
}

// SetState changes the state.
func (t *Table) SetState(r Ref, s State) {
	x := t.rec(r)
	x.meta = x.meta&^3 | uint16(s&3)
}

// index maps block ids to Refs: shards that grow on their own (so that no growth is a long pause), open addressing with linear
// probing, filled to between 64 and 80 percent.
type index struct{ shards [256]shard }

type shard struct {
	slots []uint32
	used  int
}

func hash(id int64) uint64 {
	h := uint64(id) * 0x9E3779B97F4A7C15
	h ^= h >> 32
	return h * 0xD6E8FEB86659FD93
}

func (s *shard) home(h uint64) int {
	hi, _ := bits.Mul64(h<<8, uint64(len(s.slots)))
	return int(hi)
}

func (x *index) find(t *Table, id int64) Ref {
	h := hash(id)
	s := &x.shards[h>>56]
	if s.used == 0 {
		return 0
	}
	for i := s.home(h); ; {
		r := Ref(s.slots[i])
		if r == 0 || t.rec(r).id == id {
			return r
		}
		if i++; i == len(s.slots) {
			i = 0
		}
	}
}

func (x *index) insert(t *Table, r Ref) {
	h := hash(t.rec(r).id)
	s := &x.shards[h>>56]
	if (s.used+1)*5 > len(s.slots)*4 {
		old := s.slots
		s.slots = make([]uint32, max(8, len(old)+len(old)/4+1))
		for _, o := range old {
			if o != 0 {
				s.put(hash(t.rec(Ref(o)).id), o)
			}
		}
	}
	s.put(h, uint32(r))
	s.used++
}

func (s *shard) put(h uint64, r uint32) {
	i := s.home(h)
	for s.slots[i] != 0 {
		if i++; i == len(s.slots) {
			i = 0
		}
	}
	s.slots[i] = r
}

func (x *index) remove(t *Table, r Ref) {
	h := hash(t.rec(r).id)
	s := &x.shards[h>>56]
	n := len(s.slots)
	i := s.home(h)
	for s.slots[i] != uint32(r) {
		if i++; i == n {
			i = 0
		}
	}
	// Close the gap: move back every entry of the run that may stand at the hole.
	for j := i; ; {
		if j++; j == n {
			j = 0
		}
		o := s.slots[j]
		if o == 0 {
			break
		}
		home := s.home(hash(t.rec(Ref(o)).id))
		if (j-home+n)%n >= (j-i+n)%n {
			s.slots[i], i = o, j
		}
	}
	s.slots[i] = 0
	s.used--
}
