package blockmap

// Tick does what is due: notices stale and dead datanodes, moves safe mode forward, orders copies and deletions, and looks after
// decommissions. Call it about every Config.RedundancyInterval. more says that a sweep over a large table has been cut and wants
// another Tick soon.
func (m *Map) Tick(now int64) (more bool) {
	m.advance(now)
	gap := m.now - m.ticked
	first := m.ticked == 0
	m.ticked = m.now
	// If the namenode itself stood still nobody's heartbeat could come in: nobody is declared dead for it (HeartbeatManager.shouldAbortHeartbeatCheck).
	stalled := !first && gap > max(10_000, 5*m.cfg.HeartbeatInterval)
	m.checkHeartbeats(stalled || first)
	m.leases.expire(m.now)
	m.slow.expire(m)
	m.checkSafeMode()
	more = m.stepSweep()
	if m.now-m.rolled >= 600_000 {
		m.rolled = m.now
		m.roll()
	}
	if !m.active || !m.safe.healing {
		return more
	}
	if m.now-m.worked >= m.cfg.RedundancyInterval || m.worked == 0 {
		m.worked = m.now
		m.timeoutPending()
		m.rescanPostponed()
		m.orderCopies()
		m.grantDeletions()
	}
	if m.now-m.adminAt >= m.cfg.AdminInterval || m.adminAt == 0 {
		m.adminAt = m.now
		m.checkAdmin()
	}
	return more
}

// checkHeartbeats declares datanodes stale and dead (HeartbeatManager.heartbeatCheck).
func (m *Map) checkHeartbeats(spare bool) {
	for _, n := range m.nodes {
		if !n.alive {
			continue
		}
		silent := m.now - n.lastUpdate
		if !spare && silent > m.cfg.expireInterval() {
			m.bury(n)
			continue
		}
		if stale := silent > m.cfg.staleInterval(); stale != n.Stale {
			n.Stale = stale
			n.refresh(m)
		}
	}
}

// roll forgets what was scheduled to a datanode more than ten minutes ago and never came (DatanodeDescriptor.rollBlocksScheduled), and the
// storages of datanodes that others have replaced.
func (m *Map) roll() {
	for _, n := range m.nodes {
		for i := len(n.storages) - 1; n.gone && i >= 0; i-- {
			if n.storages[i].blocks == 0 {
				m.dropStorage(n.storages[i])
			}
		}
		for t := range n.Scheduled {
			n.Scheduled[t] = max(0, n.Scheduled[t]-n.scheduledBefore[t])
		}
		n.scheduledBefore = n.Scheduled
	}
}
