// Package queue holds the waiting lists of the block manager: blocks with too few replicas in five levels, copies that were ordered, and replicas to
// delete. All are sets with an order of their own, so that the same history gives the same order.
package queue

import "github.com/lodehq/lode/internal/hdfs"

// The levels of low redundancy, most urgent first (LowRedundancyBlocks).
const (
	Highest = 0 // one copy left, or none but on a datanode that leaves
	VeryLow = 1 // less than a third of the wanted copies
	Low     = 2
	Badly   = 3 // enough copies, on too few racks
	Corrupt = 4 // no good copy: nothing can be done but wait
	Levels  = 5
)

// Level says where a block belongs. leaving is the number of good copies on datanodes that decommission or enter maintenance.
func Level(live, leaving, wanted int) int {
	switch {
	case live >= wanted:
		return Badly
	case live == 0 && leaving > 0:
		return Highest
	case live == 0:
		return Corrupt
	case live == 1:
		return Highest
	case live*3 < wanted:
		return VeryLow
	}
	return Low
}

// FIFO is a set of keys in the order in which they were added.
type FIFO[K comparable] struct {
	at    map[K]int // position in order, plus base
	order []entry[K]
	base  int
	peak  int
}

type entry[K comparable] struct {
	key  K
	live bool
}

// Len is the number of keys.
func (q *FIFO[K]) Len() int { return len(q.at) }

// Has says whether the key is in the set.
func (q *FIFO[K]) Has(k K) bool { _, ok := q.at[k]; return ok }

// Add puts the key at the end unless it is there already, and says whether it was added.
func (q *FIFO[K]) Add(k K) bool {
	if q.Has(k) {
		return false
	}
	if q.at == nil {
		q.at = map[K]int{}
	}
	q.at[k] = q.base + len(q.order)
	q.order = append(q.order, entry[K]{k, true})
	q.peak = max(q.peak, len(q.at))
	return true
}

// Remove takes the key out and says whether it was there.
func (q *FIFO[K]) Remove(k K) bool {
	at, ok := q.at[k]
	if !ok {
		return false
	}
	delete(q.at, k)
	q.order[at-q.base].live = false
	if len(q.order) > 32 && len(q.at) < len(q.order)/2 {
		q.compact()
	} else if len(q.at) == 0 {
		q.base += len(q.order)
		q.order = q.order[:0]
	}
	if len(q.at) == 0 && q.peak > roomy {
		*q = FIFO[K]{} // a great wave has passed: give the memory back
	}
	return true
}

// roomy is how many entries a set may have had before its memory is given back when it is empty.
const roomy = 4096

func (q *FIFO[K]) compact() {
	kept := make([]entry[K], 0, len(q.at)+8)
	q.base += len(q.order)
	for _, e := range q.order {
		if e.live {
			q.at[e.key] = q.base + len(kept)
			kept = append(kept, e)
		}
	}
	q.order = kept
}

// First is the oldest key.
func (q *FIFO[K]) First() (k K, ok bool) {
	for _, e := range q.order {
		if e.live {
			return e.key, true
		}
	}
	return k, false
}

// Take removes and returns up to n of the oldest keys.
func (q *FIFO[K]) Take(n int) []K {
	out := q.Keys(n)
	for _, k := range out {
		q.Remove(k)
	}
	return out
}

// Keys returns up to n of the oldest keys; all if n is negative.
func (q *FIFO[K]) Keys(n int) []K {
	if n < 0 || n > len(q.at) {
		n = len(q.at)
	}
	out := make([]K, 0, n)
	for _, e := range q.order {
		if len(out) == n {
			break
		}
		if e.live {
			out = append(out, e.key)
		}
	}
	return out
}

// LowRedundancy is the five queues.
type LowRedundancy struct {
	level  map[hdfs.BlockID]uint8
	peak   int
	queues [Levels]FIFO[hdfs.BlockID]
}

// Set puts the block into a level, or moves it there.
func (l *LowRedundancy) Set(id hdfs.BlockID, level int) {
	if old, ok := l.level[id]; ok {
		if int(old) == level {
			return
		}
		l.queues[old].Remove(id)
	}
	if l.level == nil {
		l.level = map[hdfs.BlockID]uint8{}
	}
	l.level[id] = uint8(level)
	l.peak = max(l.peak, len(l.level))
	l.queues[level].Add(id)
}

// Remove takes the block out.
func (l *LowRedundancy) Remove(id hdfs.BlockID) {
	if old, ok := l.level[id]; ok {
		delete(l.level, id)
		l.queues[old].Remove(id)
		if len(l.level) == 0 && l.peak > roomy {
			l.level, l.peak = nil, 0
		}
	}
}

// Level is the block's level, if it is queued.
func (l *LowRedundancy) Level(id hdfs.BlockID) (int, bool) {
	v, ok := l.level[id]
	return int(v), ok
}

// Len is the number of blocks in all levels, Count in one.
func (l *LowRedundancy) Len() int            { return len(l.level) }
func (l *LowRedundancy) Count(level int) int { return l.queues[level].Len() }

// Choose takes up to n blocks to look at, urgent levels first, those with no good copy never. What is looked at goes behind the others of its
// level, so that a block that cannot be helped does not stand in the way.
func (l *LowRedundancy) Choose(n int) []hdfs.BlockID {
	var out []hdfs.BlockID
	for level := range Corrupt {
		q := &l.queues[level]
		for _, id := range q.Take(min(n-len(out), q.Len())) {
			q.Add(id)
			out = append(out, id)
		}
	}
	return out
}

// List gives up to n blocks of a level, all if n is negative.
func (l *LowRedundancy) List(level, n int) []hdfs.BlockID { return l.queues[level].Keys(n) }

// Pending remembers copies that were ordered and not yet reported (PendingReconstructionBlocks).
type Pending struct {
	blocks map[hdfs.BlockID]*pending
	order  FIFO[hdfs.BlockID] // by the time of the last order
}

type pending struct {
	since   int64
	targets []uint32 // storages
}

// Len is the number of blocks that wait for a copy.
func (p *Pending) Len() int { return len(p.blocks) }

// Targets are the storages on which copies of the block are expected.
func (p *Pending) Targets(id hdfs.BlockID) []uint32 {
	if x := p.blocks[id]; x != nil {
		return x.targets
	}
	return nil
}

// Add remembers an order.
func (p *Pending) Add(id hdfs.BlockID, now int64, targets ...uint32) {
	x := p.blocks[id]
	if x == nil {
		if p.blocks == nil {
			p.blocks = map[hdfs.BlockID]*pending{}
		}
		x = &pending{}
		p.blocks[id] = x
	}
	x.since = now
	x.targets = append(x.targets, targets...)
	p.order.Remove(id)
	p.order.Add(id)
}

// Done forgets the orders for the block whose target satisfies is, and says whether there was one.
func (p *Pending) Done(id hdfs.BlockID, is func(storage uint32) bool) bool {
	x := p.blocks[id]
	if x == nil {
		return false
	}
	kept, found := x.targets[:0], false
	for _, t := range x.targets {
		if is(t) {
			found = true
		} else {
			kept = append(kept, t)
		}
	}
	if x.targets = kept; len(kept) == 0 {
		p.Remove(id)
	}
	return found
}

// Remove forgets all orders for the block.
func (p *Pending) Remove(id hdfs.BlockID) {
	delete(p.blocks, id)
	p.order.Remove(id)
}

// Expired takes out the blocks whose last order is older than `before`.
func (p *Pending) Expired(before int64) []hdfs.BlockID {
	var out []hdfs.BlockID
	for {
		id, ok := p.order.First()
		if !ok || p.blocks[id].since >= before {
			return out
		}
		p.Remove(id)
		out = append(out, id)
	}
}

// With lists the blocks that expect a copy on a storage that satisfies is, oldest order first.
func (p *Pending) With(is func(storage uint32) bool) []hdfs.BlockID {
	var out []hdfs.BlockID
	for _, id := range p.order.Keys(-1) {
		for _, t := range p.blocks[id].targets {
			if is(t) {
				out = append(out, id)
				break
			}
		}
	}
	return out
}
