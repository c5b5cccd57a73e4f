package blockmap

import (
	"math"

	"github.com/lodehq/lode/internal/hdfs"
)

// NoAck as the length of a block to delete tells the datanode that it need not report the deletion (BlockCommand.NO_ACK).
const NoAck = math.MaxInt64

// Heartbeat takes the state of a datanode and answers with what it shall do (DatanodeManager.handleHeartbeat). The error is
// hdfs.DisallowedDatanode when the datanode was taken off the include list.
func (m *Map) Heartbeat(now int64, h Heartbeat) (HeartbeatReply, error) {
	m.advance(now)
	n := m.byUUID[h.UUID]
	if n != nil && n.barred {
		m.bury(n)
		return HeartbeatReply{}, disallowed(n)
	}
	if n == nil || !n.alive {
		return HeartbeatReply{Commands: []Command{RegisterAgain{}}}, nil
	}
	m.beat(n, h)
	if n.again {
		n.again = false
		return HeartbeatReply{Commands: []Command{RegisterAgain{}}}, nil
	}
	var reply HeartbeatReply
	if h.WantsReportLease {
		reply.LeaseID = m.leases.request(m.now, n, m.rng)
	}
	m.slow.note(m, n, h)
	reply.Slow = m.slow.isSlow(m, n)
	reply.Commands = m.orders(n)
	return reply, nil
}

// Lifeline is a heartbeat that only says "alive". It is ignored from datanodes that are not registered.
func (m *Map) Lifeline(now int64, h Heartbeat) error {
	m.advance(now)
	n := m.byUUID[h.UUID]
	if n != nil && n.barred {
		return disallowed(n)
	}
	if n != nil && n.alive {
		m.beat(n, h)
	}
	return nil
}

// beat updates a datanode from a heartbeat (DatanodeDescriptor.updateHeartbeatState).
func (m *Map) beat(n *node, h Heartbeat) {
	n.lastUpdate, n.Stale = m.now, false
	n.Xceivers, n.xmits = h.Xceivers, h.Xmits
	n.failedVolumes, n.failures = h.FailedVolumes, h.VolumeFailures
	n.cacheCapacity, n.cacheUsed = h.CacheCapacity, h.CacheUsed
	swept := false
	seen := make(map[string]bool, len(h.Storages))
	for _, stats := range h.Storages {
		seen[stats.UUID] = true
		s, err := m.need(n, stats)
		if err != nil {
			continue // one that is not believed does not silence the others
		}
		was := s.stats.Failed
		s.use(stats)
		if stats.Failed && !was {
			m.forgetReplicas(s)
			swept = true
		}
	}
	if len(h.Storages) > 0 {
		// A storage that the datanode no longer names has failed or was taken away (DatanodeDescriptor.updateFailedStorage, pruneStorageMap).
		for i := len(n.storages) - 1; i >= 0; i-- {
			s := n.storages[i]
			if seen[s.stats.UUID] {
				continue
			}
			if s.blocks == 0 {
				m.dropStorage(s)
			} else if !s.stats.Failed {
				s.stats.Failed, s.Usable = true, false
				m.forgetReplicas(s)
				swept = true
			}
		}
	}
	if swept {
		m.startSweep()
	}
	n.beaten, n.heartbeatSinceFailover = true, true
	n.refresh(m)
}

// orders collects the commands for a datanode, recovery first and alone, as Apache does.
func (m *Map) orders(n *node) []Command {
	if !m.active {
		return nil
	}
	var cmds []Command
	if !m.SafeMode().On {
		if tasks := m.recoveries(n); len(tasks) > 0 {
			return []Command{Recover{Tasks: tasks}}
		}
		streams := m.cfg.MaxStreams
		if n.admin == AdminDecommissioning || n.admin == AdminEnteringMaintenance {
			streams = m.cfg.MaxStreamsHard
		}
		if tasks := m.takeTransfers(n, streams-n.xmits); len(tasks) > 0 {
			cmds = append(cmds, Transfer{Tasks: tasks})
		}
		if n.granted && m.now >= m.started+m.cfg.DeletionDelay {
			n.granted = false
			if blocks := m.takeDoomed(n); len(blocks) > 0 {
				cmds = append(cmds, Invalidate{Blocks: blocks})
			}
		}
	}
	if n.bandwidth {
		n.bandwidth = false
		cmds = append(cmds, SetBandwidth{BytesPerSecond: m.bandwidth})
	}
	return cmds
}

// takeTransfers hands out up to max of the copies that the datanode is to make. A copy whose block or target went away is dropped.
func (m *Map) takeTransfers(n *node, max int) []TransferTask {
	var tasks []TransferTask
	for len(n.transfers) > 0 && len(tasks) < max {
		t := n.transfers[0]
		n.transfers = n.transfers[1:]
		r := m.blocks.Find(t.block)
		if r == 0 {
			continue
		}
		task := TransferTask{Block: m.blocks.Block(r)}
		for _, s := range t.targets {
			if x := m.nodeOf(s); x != nil && x.alive {
				task.Targets = append(task.Targets, m.location(s))
			}
		}
		if len(task.Targets) > 0 {
			tasks = append(tasks, task)
		}
	}
	return tasks
}

func (m *Map) takeDoomed(n *node) []hdfs.Block {
	blocks := n.doomed.Take(m.cfg.invalidateLimit())
	for i := range blocks {
		if r := m.blocks.Find(blocks[i].ID); r == 0 {
			blocks[i].NumBytes = NoAck
		} else {
			blocks[i].NumBytes = m.blocks.Block(r).NumBytes
		}
	}
	return blocks
}

// doom puts a replica on the list of those that a datanode shall delete.
func (m *Map) doom(n *node, b hdfs.Block) {
	if n.alive {
		n.doomed.Add(hdfs.Block{ID: b.ID, GenStamp: b.GenStamp})
	}
}

func (n *node) isDoomed(b hdfs.Block) bool {
	return n.doomed.Has(hdfs.Block{ID: b.ID, GenStamp: b.GenStamp})
}

// SetBalancerBandwidth tells every datanode with its next heartbeat how many bytes a second balancing may use.
func (m *Map) SetBalancerBandwidth(bytesPerSecond int64) {
	m.bandwidth = bytesPerSecond
	for _, n := range m.nodes {
		n.bandwidth = true
	}
}

func (m *Map) location(s uint32) Location {
	st := m.storages[s]
	return Location{Datanode: st.node.info, StorageID: st.stats.UUID, StorageType: st.Type}
}
