package blockmap

import (
	"slices"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/blockmap/table"
)

// reason says why a replica is corrupt (CorruptReplicasMap.Reason, whose names fsck prints).
type reason uint8

const (
	reasonReported reason = iota // by a reader or the datanode's scanner
	reasonGenStamp
	reasonLength
	reasonState
)

func (x reason) String() string {
	return [...]string{"CORRUPTION_REPORTED", "GENSTAMP_MISMATCH", "SIZE_MISMATCH", "INVALID_STATE"}[x]
}

// corruptReplica remembers a bad replica; the word in the table carries the flag.
type corruptReplica struct {
	storage uint32
	gs      hdfs.GenStamp // of the replica, to delete exactly it
	why     reason
}

// setCorrupt marks the replica of a block on a storage as bad.
func (m *Map) setCorrupt(r table.Ref, s *storage, gs hdfs.GenStamp, why reason) {
	m.addReplica(r, s)
	before := m.safeCounted(r)
	x, _ := m.blocks.Replica(r, s.Num)
	if x.Flags&table.Excess != 0 {
		m.clearFlags(r, table.Replica{Storage: s.Num, Flags: table.Excess})
	}
	id := m.blocks.ID(r)
	if x.Flags&table.Corrupt != 0 {
		list := m.corrupt[id]
		i := slices.IndexFunc(list, func(c corruptReplica) bool { return c.storage == s.Num })
		list[i].gs = gs
	} else {
		m.blocks.SetFlags(r, s.Num, table.Corrupt, true)
		m.corrupt[id] = append(m.corrupt[id], corruptReplica{s.Num, gs, why})
	}
	m.safeRecount(r, before)
	if m.blocks.State(r) == table.Complete {
		if why == reasonGenStamp && gs < m.blocks.Block(r).GenStamp && m.safe.healing {
			// Left behind by a pipeline recovery: useless as soon as the block has its minimum.
			if c := m.count(r); c.Live >= max(1, m.cfg.MinReplication) {
				m.dropCorrupt(r, 1)
			}
		}
		m.review(r, nil)
	}
}

func (m *Map) forgetCorrupt(id hdfs.BlockID, storage uint32) {
	list := slices.DeleteFunc(m.corrupt[id], func(c corruptReplica) bool { return c.storage == storage })
	if len(list) == 0 {
		delete(m.corrupt, id)
	} else {
		m.corrupt[id] = list
	}
}

// dropCorrupt orders up to n bad replicas deleted. The caller has seen that there are enough good ones; if one of those is on a stale
// storage the block is put off, unless as many good ones remain without it.
func (m *Map) dropCorrupt(r table.Ref, n int) {
	id := m.blocks.ID(r)
	if c := m.count(r); c.Live-c.StaleStorage < min(max(1, m.cfg.MinReplication), m.blocks.Replication(r)) {
		m.postponed.Add(id)
		return
	}
	for _, c := range slices.Clone(m.corrupt[id]) {
		if n == 0 {
			break
		}
		s := m.storages[c.storage]
		if s == nil || !s.node.alive {
			continue
		}
		m.doom(s.node, hdfs.Block{ID: id, GenStamp: c.gs})
		m.removeReplica(r, c.storage)
		n--
	}
}

// MarkCorrupt takes reports of bad replicas from readers and scanners (BlockManager.findAndMarkBlockAsCorrupt). Unknown blocks and
// replicas that are not recorded on that datanode are ignored.
func (m *Map) MarkCorrupt(now int64, bad []BadBlock) {
	m.advance(now)
	for _, b := range bad {
		r, n := m.blocks.Find(b.Block.ID), m.byUUID[b.Datanode]
		if r == 0 || n == nil {
			continue
		}
		if m.blocks.State(r) == table.UnderConstruction {
			m.openCorrupt(r, n, b)
			continue
		}
		var buf [8]table.Replica
		for _, x := range m.replicas(r, buf[:0]) {
			s := m.storages[x.Storage]
			if s.node == n {
				m.setCorrupt(r, s, b.Block.GenStamp, reasonReported)
				break
			}
		}
	}
}

// CorruptBlocks lists blocks without any good replica, in the order of their ids, after the given one.
func (m *Map) CorruptBlocks(after hdfs.BlockID, limit int) []hdfs.BlockID {
	var out []hdfs.BlockID
	for _, id := range m.low.List(4, -1) {
		if id > after {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out[:min(len(out), limit)]
}
