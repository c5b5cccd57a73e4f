package blockmap

import (
	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/blockmap/table"
)

// recovery is an order to a primary datanode.
type recovery struct {
	block    hdfs.BlockID
	gs       hdfs.GenStamp
	truncate *hdfs.Block
}

// StartRecovery orders the recovery of a block under construction under the generation stamp newGS, which the namespace has journaled. The
// primary is the living datanode heard of last among those that have not been primary yet (BlockUnderConstructionFeature.initializeBlockRecovery);
// a second order replaces the first. truncate is the block that shall be left, nil for plain lease recovery. The error says that no living
// datanode is known to have a replica; the namespace may then drop a last block of length 0 or wait.
func (m *Map) StartRecovery(b hdfs.Block, newGS hdfs.GenStamp, truncate *hdfs.Block) (*DatanodeInfo, error) {
	r, o := m.blocks.Find(b.ID), m.open[b.ID]
	if r == 0 || o == nil {
		return nil, hdfs.Errorf(hdfs.IOException, "%s cannot be recovered: it is not under construction", b)
	}
	for _, again := range []bool{false, true} {
		var best *openReplica
		for i := range o.replicas {
			x := &o.replicas[i]
			n := m.nodeOf(x.storage)
			if n == nil || !n.alive || x.bad || x.tried && !again {
				continue
			}
			if again {
				x.tried = false
			}
			if best == nil || n.lastUpdate > m.nodeOf(best.storage).lastUpdate {
				best = x
			}
		}
		if best == nil {
			continue
		}
		if o.primary != nil {
			o.primary.recover = without(o.primary.recover, b.ID)
		}
		best.tried = true
		o.primary, o.recovery = m.nodeOf(best.storage), newGS
		o.primary.recover = append(o.primary.recover, recovery{b.ID, newGS, truncate})
		return o.primary.info, nil
	}
	return nil, hdfs.Errorf(hdfs.IOException, "%s has no replica on a living datanode: it cannot be recovered before one of its datanodes returns", b)
}

func without(list []recovery, id hdfs.BlockID) []recovery {
	var kept []recovery
	for _, x := range list {
		if x.block != id {
			kept = append(kept, x)
		}
	}
	return kept
}

// recoveries takes the recoveries that the datanode is to lead. Datanodes that are stale are left out of a recovery if
// two others are there (DatanodeManager.getBlockRecoveryCommand).
func (m *Map) recoveries(n *node) []RecoverTask {
	if len(n.recover) == 0 {
		return nil
	}
	var tasks []RecoverTask
	for _, x := range n.recover {
		r, o := m.blocks.Find(x.block), m.open[x.block]
		if r == 0 || o == nil || o.recovery != x.gs {
			continue
		}
		task := RecoverTask{Block: m.blocks.Block(r), NewGenStamp: x.gs, Truncate: x.truncate}
		var fresh []Location
		for _, y := range o.replicas {
			s := m.storages[y.storage]
			if s == nil || !s.node.alive || y.bad {
				continue
			}
			l := m.location(y.storage)
			l.State = y.state
			task.Locations = append(task.Locations, l)
			if !s.node.Stale {
				fresh = append(fresh, l)
			}
		}
		if len(fresh) > 1 {
			task.Locations = fresh
		}
		if len(task.Locations) > 0 {
			tasks = append(tasks, task)
		}
	}
	n.recover = nil
	return tasks
}

// Synchronized says, after commitBlockSynchronization was applied, that these storages hold the block with its present generation stamp
// and length. While the block stays under construction they are its pipeline.
func (m *Map) Synchronized(b hdfs.Block, refs []StorageRef) {
	r := m.blocks.Find(b.ID)
	if r == 0 {
		return
	}
	if m.blocks.State(r) == table.UnderConstruction {
		o := m.open[b.ID]
		o.primary, o.recovery = nil, 0
		m.SetExpected(b, refs)
		return
	}
	if stored := m.blocks.Block(r); stored.GenStamp != b.GenStamp || stored.NumBytes != b.NumBytes {
		return
	}
	for _, ref := range refs {
		s := m.resolveRef(ref)
		if s == nil || !s.node.alive {
			continue
		}
		m.pending.Done(b.ID, func(x uint32) bool { return x == s.Num })
		if x, ok := m.blocks.Replica(r, s.Num); ok && x.Flags&table.Corrupt != 0 {
			m.removeReplica(r, s.Num)
		}
		m.addReplica(r, s)
	}
	m.review(r, nil)
	m.wake(b.ID)
}
