package blockmap

import (
	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/blockmap/table"
)

var _ hdfs.BlockSink = (*Map)(nil)

// BlockAdded implements hdfs.BlockSink.
func (m *Map) BlockAdded(b hdfs.Block, file hdfs.INodeID, replication uint16, policy uint8, complete bool) {
	if r := m.blocks.Find(b.ID); r != 0 {
		// The block moved to another file (concat, truncate by copy): owner and wishes change, replicas stay.
		m.blocks.SetINode(r, file)
		m.BlockReplication(b.ID, replication, policy)
		m.BlockChanged(b, complete)
		return
	}
	state := table.UnderConstruction
	if complete {
		state = table.Complete
	}
	r := m.blocks.Insert(b, file, replication, policy, state)
	m.raiseGenStamp(b.GenStamp)
	if complete {
		m.files++
	} else {
		m.open[b.ID] = &openBlock{}
	}
	m.replay(b.ID)
	if complete && replication > 0 {
		m.review(r, nil)
	}
}

// BlockChanged implements hdfs.BlockSink.
func (m *Map) BlockChanged(b hdfs.Block, complete bool) {
	r := m.blocks.Find(b.ID)
	if r == 0 {
		return
	}
	was := m.blocks.Block(r)
	wasComplete := m.blocks.State(r) == table.Complete
	m.raiseGenStamp(b.GenStamp)
	if wasComplete && !complete {
		m.reopen(r)
	}
	if b.GenStamp != was.GenStamp {
		m.restamp(r, was, b.GenStamp)
	}
	m.blocks.SetNumBytes(r, b.NumBytes)
	if !wasComplete && complete {
		m.close(r)
	}
	m.replay(b.ID)
	if complete {
		m.review(r, nil)
	}
	m.wake(b.ID)
}

// BlockReplication implements hdfs.BlockSink.
func (m *Map) BlockReplication(id hdfs.BlockID, n uint16, policy uint8) {
	r := m.blocks.Find(id)
	if r == 0 {
		return
	}
	m.unqueue(r)
	m.blocks.SetReplication(r, n)
	m.blocks.SetPolicy(r, policy)
	m.review(r, nil)
}

// BlockRemoved implements hdfs.BlockSink: every replica that is known is ordered deleted.
func (m *Map) BlockRemoved(id hdfs.BlockID) {
	r := m.blocks.Find(id)
	if r == 0 {
		return
	}
	b := m.blocks.Block(r)
	m.unqueue(r)
	m.pending.Remove(id)
	m.postponed.Remove(id)
	before := m.safeCounted(r)
	gs := map[uint32]hdfs.GenStamp{}
	for _, c := range m.corrupt[id] {
		gs[c.storage] = c.gs
	}
	if o := m.open[id]; o != nil {
		for _, x := range o.replicas {
			if x.reported {
				gs[x.storage] = x.gs
				if n := m.nodeOf(x.storage); n != nil && m.active {
					m.doom(n, hdfs.Block{ID: id, GenStamp: x.gs})
				}
			}
		}
		o.unschedule(m)
		delete(m.open, id)
	}
	var buf [8]table.Replica
	for _, x := range m.blocks.Replicas(r, buf[:0]) {
		stamp := b.GenStamp
		if g, ok := gs[x.Storage]; ok {
			stamp = g
		}
		if m.current(x) && m.active {
			m.doom(m.storages[x.Storage].node, hdfs.Block{ID: id, GenStamp: stamp})
		}
		m.unlink(r, x)
	}
	if m.blocks.State(r) == table.Complete {
		m.files--
	}
	if before {
		m.safe.blocks--
	}
	m.blocks.Delete(r)
	m.held -= len(m.delayed[id])
	delete(m.delayed, id)
	m.wake(id)
	delete(m.watch, id)
}
