package blockmap

import (
	"slices"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/blockmap/table"
)

// trim orders replicas deleted until `want` live ones are left (BlockManager.processExtraRedundancyBlock). While one of the live
// replicas is on a storage with stale content the block is put off: that replica may be gone.
func (m *Map) trim(r table.Ref, want int, hint *node) {
	var buf [8]table.Replica
	var live []*storage
	for _, x := range m.replicas(r, buf[:0]) {
		s := m.storages[x.Storage]
		if x.Flags&(table.Corrupt|table.Excess) != 0 || !s.node.alive || !s.node.InService {
			continue
		}
		if s.stale {
			m.postponed.Add(m.blocks.ID(r))
			return
		}
		live = append(live, s)
	}
	// The wanted number that counts maintenance is for healing; what is away may come back, so that nothing is trimmed below the full number.
	want = max(want, m.blocks.Replication(r))
	if len(live) <= want {
		return
	}
	pol := m.suite.Get(m.blocks.Policy(r))
	types := make([]hdfs.StorageType, len(live))
	for i, s := range live {
		types[i] = s.Type
	}
	excess := pol.Excess(want, types)
	for len(live) > want {
		s := m.victim(live, excess, hint)
		if s == nil {
			return
		}
		hint = nil
		live = slices.Delete(live, slices.Index(live, s), slices.Index(live, s)+1)
		if i := slices.Index(excess, s.Type); i >= 0 {
			excess = slices.Delete(excess, i, i+1)
		}
		m.blocks.SetFlags(r, s.Num, table.Excess, true)
		m.excess++
		m.doom(s.node, m.blocks.Block(r))
	}
}

// victim chooses a replica to delete (BlockPlacementPolicyDefault.chooseReplicasToDelete): the hinted one if its rack can spare it, else from a
// rack that has more than one, on a datanode that has long been silent or else has the least room.
func (m *Map) victim(live []*storage, excess []hdfs.StorageType, hint *node) *storage {
	racks := map[string]int{}
	for _, s := range live {
		racks[s.node.Rack]++
	}
	spare := func(s *storage) bool {
		// With one replica each on several racks any may go, as long as two racks remain.
		return racks[s.node.Rack] > 1 || len(racks) > 2 || len(racks) == len(live) && len(racks) > 2 || !m.cluster.MultiRack()
	}
	if hint != nil {
		for _, s := range live {
			if s.node == hint && slices.Contains(excess, s.Type) && spare(s) {
				return s
			}
		}
	}
	pick := func(from []*storage) *storage {
		var oldest, fullest *storage
		limit := m.now - m.cfg.HeartbeatInterval*m.cfg.HeartbeatTolerance
		for _, s := range from {
			if len(excess) > 0 && !slices.Contains(excess, s.Type) {
				continue
			}
			if s.node.lastUpdate < limit && (oldest == nil || s.node.lastUpdate < oldest.node.lastUpdate) {
				oldest = s
			}
			if fullest == nil || s.node.freeSpace() < fullest.node.freeSpace() {
				fullest = s
			}
		}
		if oldest != nil {
			return oldest
		}
		return fullest
	}
	var crowded, single []*storage
	for _, s := range live {
		if racks[s.node.Rack] > 1 {
			crowded = append(crowded, s)
		} else {
			single = append(single, s)
		}
	}
	if s := pick(crowded); s != nil {
		return s
	}
	return pick(single)
}

func (n *node) freeSpace() (sum int64) {
	for _, s := range n.storages {
		sum += s.Remaining
	}
	return sum
}

// pardon takes back up to n orders to delete excess replicas that no datanode has been given yet: they are needed again.
func (m *Map) pardon(r table.Ref, n int) {
	var buf [8]table.Replica
	b := m.blocks.Block(r)
	for _, x := range m.replicas(r, buf[:0]) {
		if n > 0 && x.Flags&table.Excess != 0 && x.Flags&table.Corrupt == 0 {
			if m.storages[x.Storage].node.doomed.Remove(hdfs.Block{ID: b.ID, GenStamp: b.GenStamp}) {
				m.blocks.SetFlags(r, x.Storage, table.Excess, false)
				m.excess--
				n--
			}
		}
	}
}

// rescanPostponed looks again at blocks whose excess or corrupt replicas could not be judged (rescanPostponedMisreplicatedBlocks).
func (m *Map) rescanPostponed() {
	for _, id := range m.postponed.Take(min(m.postponed.Len(), 10_000)) {
		if r := m.blocks.Find(id); r != 0 {
			m.review(r, nil)
		}
	}
}

// forgetExcess takes back every order to delete excess replicas: whoever leads next decides anew.
func (m *Map) forgetExcess() {
	for at := table.Ref(0); m.excess > 0; {
		at = m.blocks.Walk(at, 1<<16, func(r table.Ref) {
			var buf [8]table.Replica
			for _, x := range m.blocks.Replicas(r, buf[:0]) {
				if x.Flags&table.Excess != 0 {
					m.blocks.SetFlags(r, x.Storage, table.Excess, false)
					m.excess--
				}
			}
		})
		if at == 0 {
			return
		}
	}
}
