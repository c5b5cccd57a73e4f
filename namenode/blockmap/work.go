package blockmap

import (
	"math"
	"slices"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/blockmap/placement"
	"github.com/lodehq/lode/namenode/blockmap/queue"
	"github.com/lodehq/lode/namenode/blockmap/table"
)

// timeoutPending gives up on copies that were ordered long ago, so that they are ordered again.
func (m *Map) timeoutPending() {
	for _, id := range m.pending.Expired(m.now - m.cfg.PendingTimeout) {
		if r := m.blocks.Find(id); r != 0 {
			m.review(r, nil)
		}
	}
}

// orderCopies takes blocks from the queues and gives datanodes copies to make (BlockManager.computeBlockReconstructionWork).
func (m *Map) orderCopies() {
	if m.low.Len() == 0 {
		return
	}
	o := m.options()
	for _, id := range m.low.Choose(max(1, m.cluster.Nodes()*m.cfg.WorkMultiplier)) {
		if r := m.blocks.Find(id); r != 0 {
			m.orderCopy(r, o)
		}
	}
}

// orderCopy chooses a source and targets for one block (scheduleReconstruction, validateReconstructionWork).
func (m *Map) orderCopy(r table.Ref, o placement.Options) {
	id := m.blocks.ID(r)
	level, ok := m.low.Level(id)
	if !ok {
		return
	}
	c := m.count(r)
	want := m.wanted(r, c)
	coming := m.pending.Targets(id)
	need := want - c.Live - len(coming)
	if need <= 0 {
		if len(coming) > 0 || m.racksMissing(r) == 0 {
			m.enqueue(r, c, want)
			return
		}
		need = 1 // enough copies, on too few racks
	}
	source := m.source(r, level)
	if source == nil {
		return
	}
	targets := m.copyTargets(r, source, need, o)
	if len(targets) == 0 {
		if c.Corrupt > 0 && c.Live >= max(1, m.cfg.MinReplication) {
			// Every datanode has a replica, good or bad: a bad one goes, so that a good one can take its place.
			m.dropCorrupt(r, 1)
		}
		return
	}
	if need == 1 && c.Live >= want && slices.ContainsFunc(targets, func(t placement.Choice) bool { return t.Node.Rack == source.Rack }) {
		return // would not help the racks
	}
	t := transfer{block: id}
	for _, x := range targets {
		t.targets = append(t.targets, x.Storage.Num)
		m.scheduled(x.Storage.Num, +1)
	}
	source.transfers = append(source.transfers, t)
	m.pending.Add(id, m.now, t.targets...)
	m.enqueue(r, c, want)
}

// source chooses the datanode that makes a copy (BlockManager.chooseSourceDatanodes): any that has a good replica and is not
// busy with other copies, those that leave rather than others, since nobody reads from them.
func (m *Map) source(r table.Ref, level int) *node {
	var buf [8]table.Replica
	var best []*node
	rank := -1
	for _, x := range m.replicas(r, buf[:0]) {
		n := m.storages[x.Storage].node
		if x.Flags&table.Corrupt != 0 || !n.alive || m.storages[x.Storage].stats.Failed || n.admin == AdminInMaintenance {
			continue
		}
		limit := m.cfg.MaxStreams
		leaves := n.admin == AdminDecommissioning || n.admin == AdminEnteringMaintenance
		if level == queue.Highest || leaves {
			limit = m.cfg.MaxStreamsHard
		}
		if len(n.transfers) >= limit {
			continue
		}
		k := 2
		switch {
		case n.Stale:
			k = 0
		case n.admin == AdminDecommissioned || x.Flags&table.Excess != 0:
			k = 1
		case leaves:
			k = 3
		}
		if k > rank {
			rank, best = k, best[:0]
		}
		if k == rank {
			best = append(best, n)
		}
	}
	if len(best) == 0 {
		return nil
	}
	return best[m.rng.IntN(len(best))]
}

// copyTargets asks placement where the missing copies shall go.
func (m *Map) copyTargets(r table.Ref, source *node, need int, o placement.Options) []placement.Choice {
	b := m.blocks.Block(r)
	var buf [8]table.Replica
	var existing []placement.Choice
	used := map[int]bool{}
	for _, x := range m.replicas(r, buf[:0]) {
		s := m.storages[x.Storage]
		used[s.node.Num] = true
		if x.Flags&(table.Corrupt|table.Excess) == 0 && s.node.alive && s.node.InService {
			existing = append(existing, placement.Choice{Node: &s.node.Node, Storage: &s.Storage})
		}
	}
	for _, t := range m.pending.Targets(b.ID) {
		if n := m.nodeOf(t); n != nil && n.alive && !used[n.Num] {
			used[n.Num] = true
			existing = append(existing, placement.Choice{Node: &n.Node, Storage: &m.storages[t].Storage})
		}
	}
	return m.cluster.Choose(m.rng, o, placement.Request{
		Count: need, Writer: &source.Node, Existing: existing, BlockSize: b.NumBytes, Policy: m.suite.Get(m.blocks.Policy(r)),
		Excluded: func(p *placement.Node) bool { return used[p.Num] || m.nodes[p.Num].isDoomed(b) },
	})
}

// grantDeletions lets a part of the datanodes that have something to delete take it with their next heartbeat
// (BlockManager.computeInvalidateWork).
func (m *Map) grantDeletions() {
	if m.SafeMode().On {
		return
	}
	var waiting []*node
	for _, n := range m.nodes {
		if n.alive && n.doomed.Len() > 0 {
			waiting = append(waiting, n)
		}
	}
	m.rng.Shuffle(len(waiting), func(i, j int) { waiting[i], waiting[j] = waiting[j], waiting[i] })
	n := int(math.Ceil(float64(m.cluster.Nodes()) * m.cfg.InvalidateRatio))
	for _, x := range waiting[:min(n, len(waiting))] {
		x.granted = true
	}
}

// LowRedundancyBlocks lists up to limit blocks of a queue level, in its order; all if limit is negative.
func (m *Map) LowRedundancyBlocks(level, limit int) []hdfs.BlockID {
	if level < 0 || level >= queue.Levels {
		return nil
	}
	return m.low.List(level, limit)
}
