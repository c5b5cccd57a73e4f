package blockmap

import (
	"cmp"
	"slices"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/blockmap/queue"
	"github.com/lodehq/lode/namenode/blockmap/table"
)

// Stats sums up the cluster.
func (m *Map) Stats() Stats {
	s := Stats{
		Blocks: m.blocks.Len(), UnderConstruction: len(m.open),
		LowRedundancy: m.low.Len() - m.low.Count(queue.Corrupt), HighestPriority: m.low.Count(queue.Highest),
		Missing: m.low.Count(queue.Corrupt), MissingOne: m.missingOne,
		Corrupt: len(m.corrupt), PendingReconstruction: m.pending.Len(), Excess: m.excess, Postponed: m.postponed.Len(),
		BytesInFuture: m.safe.future, ReportLeases: len(m.leases.held),
	}
	types := map[hdfs.StorageType]*TypeStats{}
	for _, c := range m.corrupt {
		s.CorruptReplicas += len(c)
	}
	for _, n := range m.nodes {
		if n.gone {
			continue
		}
		s.countNode(n)
		s.PendingDeletion += n.doomed.Len()
		if !n.alive {
			continue
		}
		seen := map[hdfs.StorageType]bool{}
		for _, x := range n.storages {
			if x.stats.Failed {
				continue
			}
			t := types[x.Type]
			if t == nil {
				t = &TypeStats{Type: x.Type}
				types[x.Type] = t
			}
			if !seen[x.Type] {
				seen[x.Type] = true
				t.Nodes++
			}
			t.Capacity += x.stats.Capacity
			t.Used += x.stats.DFSUsed
			t.Remaining += x.stats.Remaining
			t.BlockPool += x.stats.BlockPoolUsed
		}
		for _, c := range n.Scheduled {
			s.Scheduled += c
		}
	}
	for _, t := range types {
		s.ByType = append(s.ByType, *t)
	}
	slices.SortFunc(s.ByType, func(a, b TypeStats) int { return cmp.Compare(a.Type, b.Type) })
	return s
}

func (s *Stats) countNode(n *node) {
	switch {
	case n.admin == AdminDecommissioned && n.alive:
		s.DecommissionedLive++
	case n.admin == AdminDecommissioned:
		s.DecommissionedDead++
	case n.admin == AdminInMaintenance && n.alive:
		s.InMaintenanceLive++
	case n.admin == AdminInMaintenance:
		s.InMaintenanceDead++
	case n.admin == AdminDecommissioning:
		s.Decommissioning++
	case n.admin == AdminEnteringMaintenance:
		s.EnteringMaintenance++
	}
	if !n.alive {
		s.Dead++
		return
	}
	s.Live++
	if n.Stale {
		s.Stale++
	}
	s.FailedVolumes += n.failedVolumes
	s.CapacityLost += n.failures.CapacityLost
	s.TotalXceivers += n.Xceivers
	if n.InService {
		s.InServiceXceivers += n.Xceivers
	}
	d := n.info
	s.Used += d.DFSUsed
	s.BlockPoolUsed += d.BlockPoolUsed
	s.CacheUsed += d.CacheUsed
	s.NonDFSUsed += d.NonDFSUsed
	if n.admin == AdminDecommissioned || n.admin == AdminDecommissioning {
		// A leaving datanode offers no room, only what it holds (DatanodeStats.add).
		s.Capacity += d.DFSUsed
		return
	}
	s.Capacity += d.Capacity
	s.Remaining += d.Remaining
	s.CacheCapacity += d.CacheCapacity
}

// BlockStatus is what fsck asks of a block.
func (m *Map) BlockStatus(id hdfs.BlockID) BlockStatus {
	r := m.blocks.Find(id)
	if r == 0 {
		return BlockStatus{Block: hdfs.Block{ID: id}}
	}
	st := BlockStatus{
		Block: m.blocks.Block(r), Known: true, File: m.blocks.INode(r), Complete: m.blocks.State(r) == table.Complete,
		Replication: m.blocks.Replication(r), Policy: m.blocks.Policy(r), Replicas: m.count(r), Pending: len(m.pending.Targets(id)),
	}
	if o := m.open[id]; o != nil {
		st.Locations = m.openLocations(st.Block, o)
		st.CorruptReason = make([]string, len(st.Locations))
		return st
	}
	why := map[uint32]string{}
	for _, c := range m.corrupt[id] {
		why[c.storage] = c.why.String()
	}
	var buf [8]table.Replica
	for _, x := range m.replicas(r, buf[:0]) {
		l := m.location(x.Storage)
		l.Corrupt, l.Excess = x.Flags&table.Corrupt != 0, x.Flags&table.Excess != 0
		st.Locations = append(st.Locations, l)
		st.CorruptReason = append(st.CorruptReason, why[x.Storage])
	}
	good := st.Replicas.usable()
	st.Missing = good == 0
	st.Corrupt = good == 0 && st.Replicas.Corrupt > 0
	st.RacksMissing = m.racksMissing(r)
	st.Misplaced = st.RacksMissing > 0
	return st
}

// BlocksOnNode gives the balancer complete blocks of a datanode that it may move, `bytes` of them together, beginning anywhere
// (BlockManager.getBlocksWithLocations).
func (m *Map) BlocksOnNode(uuid string, bytes, minSize int64, only *hdfs.StorageType) ([]BlockOnNode, error) {
	n := m.byUUID[uuid]
	if n == nil || !n.alive {
		return nil, hdfs.Errorf(hdfs.IllegalArgument, "Datanode %s not found.", uuid)
	}
	if n.blocks() == 0 {
		return nil, nil
	}
	var out []BlockOnNode
	span := m.blocks.Span()
	start := table.Ref(1 + m.rng.IntN(max(1, span-1)))
	take := func(r table.Ref) {
		if bytes <= 0 || m.blocks.State(r) != table.Complete {
			return
		}
		b := m.blocks.Block(r)
		if b.NumBytes < minSize {
			return
		}
		var buf [8]table.Replica
		var e BlockOnNode
		here := false
		for _, x := range m.replicas(r, buf[:0]) {
			s := m.storages[x.Storage]
			if x.Flags&(table.Corrupt|table.Excess) != 0 || !s.node.alive {
				continue
			}
			if s.node == n {
				if only != nil && s.Type != *only {
					return
				}
				here = true
			}
			e.Locations = append(e.Locations, m.location(x.Storage))
		}
		if here {
			e.Block = b
			out = append(out, e)
			bytes -= b.NumBytes
		}
	}
	for at := start; at != 0 && bytes > 0; {
		at = m.blocks.Walk(at, 4096, take)
	}
	for at := table.Ref(1); at != 0 && at < start && bytes > 0; {
		at = m.blocks.Walk(at, min(4096, int(start-at)), take)
	}
	return out, nil
}
