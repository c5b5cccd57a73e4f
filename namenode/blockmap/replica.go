package blockmap

import (
	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/blockmap/queue"
	"github.com/lodehq/lode/namenode/blockmap/table"
)

// current says whether a replica word is still true: its storage has not been reported without it, and has not died, since.
func (m *Map) current(x table.Replica) bool {
	s := m.storages[x.Storage]
	return s != nil && x.Flags&table.Epoch == s.epoch
}

// replicas appends the current replicas of a block to buf.
func (m *Map) replicas(r table.Ref, buf []table.Replica) []table.Replica {
	all := m.blocks.Replicas(r, buf)
	kept := all[:len(buf)]
	for _, x := range all[len(buf):] {
		if m.current(x) {
			kept = append(kept, x)
		}
	}
	return kept
}

// count judges the replicas of a block (BlockManager.countNodes).
func (m *Map) count(r table.Ref) Replicas {
	var buf [8]table.Replica
	var c Replicas
	for _, x := range m.replicas(r, buf[:0]) {
		s := m.storages[x.Storage]
		n := s.node
		switch {
		case x.Flags&table.Corrupt != 0:
			c.Corrupt++
		case n.admin == AdminInMaintenance:
			c.InMaintenance++
		case !n.alive:
		case x.Flags&table.Excess != 0:
			c.Excess++
		case n.admin == AdminDecommissioning:
			c.Decommissioning++
		case n.admin == AdminDecommissioned:
			c.Decommissioned++
		case n.admin == AdminEnteringMaintenance:
			c.EnteringMaint++
		default:
			c.Live++
			if s.stale {
				c.StaleStorage++
			}
			if n.Stale {
				c.StaleNodes++
			}
		}
	}
	return c
}

// usable is the number of replicas that can be read, wherever they are.
func (c Replicas) usable() int {
	return c.Live + c.Decommissioning + c.Decommissioned + c.EnteringMaint + c.InMaintenance + c.Excess
}

// wanted is how many live replicas a block shall have. Those in maintenance are expected back and need not be replaced, but
// for a minimum (BlockManager.getExpectedLiveRedundancyNum).
func (m *Map) wanted(r table.Ref, c Replicas) int {
	n := m.blocks.Replication(r)
	if away := c.EnteringMaint + c.InMaintenance; away > 0 {
		return max(min(n, m.cfg.MaintenanceMinReplication), n-away)
	}
	return n
}

// racksMissing is on how many more racks the live replicas should be (BlockPlacementPolicyDefault.verifyBlockPlacement).
func (m *Map) racksMissing(r table.Ref) int {
	if !m.cluster.MultiRack() || m.blocks.Replication(r) < 2 || m.cluster.Racks() < 2 {
		return 0
	}
	var buf [8]table.Replica
	first := ""
	for _, x := range m.replicas(r, buf[:0]) {
		n := m.storages[x.Storage].node
		if x.Flags&(table.Corrupt|table.Excess) != 0 || !n.alive && n.admin != AdminInMaintenance ||
			n.admin == AdminDecommissioned || n.admin == AdminDecommissioning {
			continue
		}
		if first == "" {
			first = n.Rack
		} else if n.Rack != first {
			return 0
		}
	}
	if first == "" {
		return 0 // no replica at all: another matter
	}
	return 1
}

// review looks at a complete block after anything about it has changed, and puts it on the lists where it belongs. It may be called at any
// time. hint is the datanode whose replica should go first if there are too many.
func (m *Map) review(r table.Ref, hint *node) {
	id := m.blocks.ID(r)
	if !m.safe.healing || m.blocks.State(r) != table.Complete {
		m.unqueue(r)
		return
	}
	c := m.count(r)
	want := m.wanted(r, c)
	if c.Live < want && c.Excess > 0 {
		m.pardon(r, want-c.Live)
		c = m.count(r)
	}
	m.enqueue(r, c, want)
	if c.Live > want {
		m.trim(r, want, hint)
	}
	if c.Corrupt > 0 && (c.Live >= want || c.Live >= m.cfg.MinReplication && c.Live+c.Corrupt > m.blocks.Replication(r)) {
		m.dropCorrupt(r, c.Corrupt)
	}
	if c.Live <= want && m.postponed.Len() > 0 && c.Corrupt == 0 {
		m.postponed.Remove(id)
	}
}

// enqueue puts a block into the queue for its state, or takes it out.
func (m *Map) enqueue(r table.Ref, c Replicas, want int) {
	id := m.blocks.ID(r)
	coming := len(m.pending.Targets(id))
	leaving := c.Decommissioning + c.Decommissioned + c.EnteringMaint + c.InMaintenance
	switch {
	case c.Live+coming < want:
		m.setLevel(r, queue.Level(c.Live, leaving, want))
	case c.Live >= want && coming == 0 && m.racksMissing(r) > 0:
		m.setLevel(r, queue.Badly)
	default:
		m.unqueue(r)
	}
}

func (m *Map) setLevel(r table.Ref, level int) {
	m.unqueueIfNot(r, level)
	id := m.blocks.ID(r)
	if was, ok := m.low.Level(id); ok && was == level {
		return
	}
	m.low.Set(id, level)
	if level == queue.Corrupt && m.blocks.Replication(r) == 1 {
		m.missingOne++
	}
}

func (m *Map) unqueueIfNot(r table.Ref, level int) {
	if was, ok := m.low.Level(m.blocks.ID(r)); ok && was != level {
		m.unqueue(r)
	}
}

func (m *Map) unqueue(r table.Ref) {
	id := m.blocks.ID(r)
	if was, ok := m.low.Level(id); ok {
		if was == queue.Corrupt && m.blocks.Replication(r) == 1 {
			m.missingOne--
		}
		m.low.Remove(id)
	}
}

// addReplica records a good replica on a storage. A replica on another storage of the same datanode has moved from there.
func (m *Map) addReplica(r table.Ref, s *storage) {
	before := m.safeCounted(r)
	var buf [8]table.Replica
	for _, x := range m.blocks.Replicas(r, buf[:0]) {
		if x.Storage == s.Num {
			if !m.current(x) {
				m.blocks.SetFlags(r, s.Num, table.Epoch, s.epoch != 0)
				m.clearFlags(r, x)
			}
			m.safeRecount(r, before)
			return
		}
		if m.storages[x.Storage] != nil && m.storages[x.Storage].node == s.node {
			m.unlink(r, x)
		}
	}
	m.blocks.Add(r, table.Replica{Storage: s.Num, Flags: s.epoch})
	s.blocks++
	m.safeRecount(r, before)
}

// removeReplica forgets the replica on a storage, whatever it was.
func (m *Map) removeReplica(r table.Ref, storage uint32) bool {
	x, ok := m.blocks.Replica(r, storage)
	if !ok {
		return false
	}
	before := m.safeCounted(r)
	m.unlink(r, x)
	m.safeRecount(r, before)
	return true
}

func (m *Map) unlink(r table.Ref, x table.Replica) {
	m.clearFlags(r, x)
	m.blocks.Remove(r, x.Storage)
	m.storages[x.Storage].blocks--
}

// clearFlags makes a replica an ordinary one.
func (m *Map) clearFlags(r table.Ref, x table.Replica) {
	if x.Flags&table.Excess != 0 {
		m.excess--
		m.blocks.SetFlags(r, x.Storage, table.Excess, false)
	}
	if x.Flags&table.Corrupt != 0 {
		m.blocks.SetFlags(r, x.Storage, table.Corrupt, false)
		m.forgetCorrupt(m.blocks.ID(r), x.Storage)
	}
}

// Replicas counts the replicas of a block. ok is false if the block is unknown.
func (m *Map) Replicas(id hdfs.BlockID) (c Replicas, ok bool) {
	r := m.blocks.Find(id)
	if r == 0 {
		return c, false
	}
	return m.count(r), true
}
