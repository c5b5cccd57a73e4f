package blockmap

import (
	"slices"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/blockmap/report"
	"github.com/lodehq/lode/namenode/blockmap/table"
)

// StorageReport is the full list of the replicas of one storage, in either form of package report.
type StorageReport interface {
	Len() int
	Each(func(report.Replica)) error
}

// ErrUnregistered means that the datanode has to register first.
var ErrUnregistered = hdfs.Errorf(hdfs.UnregisteredNode, "the datanode is not registered")

// registered finds the datanode of a report.
func (m *Map) registered(uuid string) (*node, error) {
	if n := m.byUUID[uuid]; n != nil && n.alive {
		return n, nil
	}
	return nil, ErrUnregistered
}

// BlockReport takes the full report of one storage (BlockManager.processReport). noStale says that by now every storage of the datanode has
// been reported. A malformed report changes nothing.
func (m *Map) BlockReport(now int64, uuid string, st StorageStats, rep StorageReport) (noStale bool, err error) {
	m.advance(now)
	n, err := m.registered(uuid)
	if err != nil {
		return false, err
	}
	if err := rep.Each(func(report.Replica) {}); err != nil {
		return false, hdfs.Errorf(hdfs.IOException, "%s of storage %s of datanode %s", err, st.UUID, n.xferAddr())
	}
	s, err := m.need(n, st)
	if err != nil {
		return false, err
	}
	m.nextRound(s)
	seen := 0
	_ = rep.Each(func(x report.Replica) {
		if m.reported(s, x.Block, x.State, true, nil) {
			seen++
		}
	})
	m.forgetOpen(s)
	if seen < s.blocks {
		m.sweeps.purge = true
		m.startSweep()
	}
	s.reports++
	s.lastReport, n.lastReport = m.now, m.now
	if n.heartbeatSinceFailover || !m.active {
		s.stale = false
	}
	m.checkSafeMode()
	for _, x := range n.storages {
		if x.stale || x.reports == 0 {
			return false, nil
		}
	}
	return true, nil
}

// IncrementalReport takes what changed on one storage (BlockManager.processIncrementalBlockReport). It is ignored from datanodes that are
// not registered: they will report everything after they have registered again.
func (m *Map) IncrementalReport(now int64, uuid string, st StorageStats, list []ReceivedDeleted) error {
	m.advance(now)
	n, err := m.registered(uuid)
	if err != nil {
		return err
	}
	s, err := m.need(n, st)
	if err != nil {
		return err
	}
	for _, x := range list {
		switch x.Status {
		case Received:
			var hint *node
			if x.DeleteHint != "" {
				hint = m.byUUID[x.DeleteHint]
			}
			m.reported(s, x.Block, hdfs.ReplicaFinalized, false, hint)
		case Receiving:
			m.reported(s, x.Block, hdfs.ReplicaRBW, false, nil)
		case Deleted:
			m.deleted(s, x.Block)
		}
	}
	m.checkSafeMode()
	return nil
}

// deleted takes the news that a replica is gone.
func (m *Map) deleted(s *storage, b hdfs.Block) {
	s.node.doomed.Remove(hdfs.Block{ID: b.ID, GenStamp: b.GenStamp})
	r := m.blocks.Find(b.ID)
	if r == 0 {
		m.dropMessages(b.ID, s)
		return
	}
	if o := m.open[b.ID]; o != nil {
		for i, x := range o.replicas {
			if x.storage == s.Num && x.reported && x.gs == b.GenStamp {
				if x.expected {
					o.replicas[i] = openReplica{storage: s.Num, gs: x.gs, state: hdfs.ReplicaRBW, expected: true, bad: true}
				} else {
					o.replicas = append(o.replicas[:i:i], o.replicas[i+1:]...)
				}
				break
			}
		}
		m.removeReplica(r, s.Num)
		return
	}
	x, ok := m.blocks.Replica(r, s.Num)
	if !ok {
		return
	}
	if x.Flags&table.Corrupt == 0 && b.GenStamp != m.blocks.Block(r).GenStamp {
		return // an older replica of the block went, the present one is there
	}
	m.removeReplica(r, s.Num)
	m.review(r, nil)
}

// reported takes one replica of a report. The result says whether the table has a replica of the block on the storage now.
func (m *Map) reported(s *storage, b hdfs.Block, state hdfs.ReplicaState, full bool, hint *node) bool {
	if state == hdfs.ReplicaTemporary {
		return false
	}
	n := s.node
	r := m.blocks.Find(b.ID)
	if !m.active && (r == 0 || b.GenStamp > m.blocks.Block(r).GenStamp) {
		m.hold(s, b, state)
		return false
	}
	if r == 0 {
		m.unknown(n, b, full)
		return false
	}
	x, recorded := m.blocks.Replica(r, s.Num)
	if recorded && !m.current(x) {
		// Recorded by an earlier report: still there. What flags say of it stays true.
		before := m.safeCounted(r)
		m.blocks.SetFlags(r, s.Num, table.Epoch, s.epoch != 0)
		m.safeRecount(r, before)
	}
	if n.isDoomed(b) && x.Flags&table.Excess == 0 {
		if recorded {
			m.removeReplica(r, s.Num)
		}
		return false
	}
	if m.blocks.State(r) == table.UnderConstruction {
		m.reportOpen(r, s, b, state)
	} else {
		m.reportComplete(r, s, b, state, full, hint)
	}
	_, recorded = m.blocks.Replica(r, s.Num)
	return recorded
}

// reportComplete takes a report about a complete block (BlockManager.checkReplicaCorrupt, addStoredBlock).
func (m *Map) reportComplete(r table.Ref, s *storage, b hdfs.Block, state hdfs.ReplicaState, full bool, hint *node) {
	stored := m.blocks.Block(r)
	x, recorded := m.blocks.Replica(r, s.Num)
	why, bad := reasonState, true
	switch state {
	case hdfs.ReplicaFinalized:
		switch {
		case b.GenStamp != stored.GenStamp:
			why = reasonGenStamp
		case b.NumBytes != stored.NumBytes:
			why = reasonLength
		default:
			bad = false
		}
	case hdfs.ReplicaRBW:
		if b.GenStamp != stored.GenStamp {
			why = reasonGenStamp
		} else {
			return // a report from before it was finalized, late
		}
	case hdfs.ReplicaRWR:
		if b.GenStamp != stored.GenStamp {
			why = reasonGenStamp
		}
	}
	if !bad && recorded && x.Flags&(table.Corrupt|table.Excess) == 0 && m.pending.Len() == 0 {
		return // known and good: nearly all of a full report
	}
	coming := m.pending.Done(b.ID, func(t uint32) bool { return m.nodeOf(t) == s.node })
	if coming {
		m.scheduled(s.Num, -1)
	}
	if bad {
		m.setCorrupt(r, s, b.GenStamp, why)
		return
	}
	if recorded && x.Flags&table.Corrupt != 0 {
		i := -1
		for j, c := range m.corrupt[b.ID] {
			if c.storage == s.Num {
				i = j
			}
		}
		if i >= 0 && m.corrupt[b.ID][i].why == reasonReported && full {
			return // a full report does not heal what a reader found rotten
		}
		before := m.safeCounted(r)
		m.clearFlags(r, x)
		m.safeRecount(r, before)
	}
	if full && x.Flags&table.Excess != 0 {
		m.doom(s.node, stored) // the order to delete it seems to have been lost
	}
	m.addReplica(r, s)
	m.review(r, hint)
	if !full {
		m.wake(b.ID)
	}
}

// unknown takes a replica of a block that no file owns: it is to be deleted, unless the namenode itself seems to have forgotten.
func (m *Map) unknown(n *node, b hdfs.Block, full bool) {
	if m.safe.startup && m.maxGS > 0 && b.GenStamp > m.maxGS {
		if full {
			m.safe.future += b.NumBytes
		}
		return
	}
	m.doom(n, b)
}

// message is a report that waits until the journal has caught up (PendingDataNodeMessages).
type message struct {
	storage uint32
	block   hdfs.Block
	state   hdfs.ReplicaState
}

// maxHeld bounds what is kept for the journal; beyond it the next full report will tell.
const maxHeld = 1 << 22

func (m *Map) hold(s *storage, b hdfs.Block, state hdfs.ReplicaState) {
	if m.held >= maxHeld {
		return
	}
	m.delayed[b.ID] = append(m.delayed[b.ID], message{s.Num, b, state})
	m.held++
}

func (m *Map) dropMessages(id hdfs.BlockID, s *storage) {
	list, ok := m.delayed[id]
	if !ok {
		return
	}
	var kept []message
	for _, x := range list {
		if x.storage != s.Num {
			kept = append(kept, x)
		}
	}
	m.held -= len(list) - len(kept)
	if m.delayed[id] = kept; len(kept) == 0 {
		delete(m.delayed, id)
	}
}

// replayAll looks at everything that was held: whoever begins to lead has the whole journal.
func (m *Map) replayAll() {
	ids := make([]hdfs.BlockID, 0, len(m.delayed))
	for id := range m.delayed {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		m.replay(id)
	}
}

// replay looks again at the reports about one block, after the block has changed.
func (m *Map) replay(id hdfs.BlockID) {
	list, ok := m.delayed[id]
	if !ok {
		return
	}
	delete(m.delayed, id)
	m.held -= len(list)
	for _, x := range list {
		if s := m.storages[x.storage]; s != nil && s.node.alive {
			m.reported(s, x.block, x.state, false, nil)
		}
	}
}
