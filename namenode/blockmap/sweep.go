package blockmap

import (
	"github.com/lodehq/lode/namenode/blockmap/table"
)

// sweeps are passes over the table: to remove replicas that are not there any more (purge), or to look at every block again
// (review). One pass serves all that was asked before it began.
type sweeps struct {
	purge, review bool      // wanted by the next pass
	running       bool      // the present pass
	doPurge       bool      // what it does
	doReview      bool      //
	at            table.Ref // where it stands
}

// forgetReplicas makes every replica on a storage count as gone. startSweep must follow.
func (m *Map) forgetReplicas(s *storage) {
	m.nextRound(s)
	s.stale = true
	m.forgetOpen(s)
	if s.blocks > 0 {
		m.sweeps.purge = true
	}
}

// nextRound makes every replica on a storage count as gone until it is reported again. The flag in the table has two values, so that
// no sweep may be under way that needs the other one.
func (m *Map) nextRound(s *storage) {
	m.drainSweeps()
	s.round++
	s.epoch ^= table.Epoch
}

// reviewAll has every block looked at again.
func (m *Map) reviewAll() {
	m.sweeps.review = true
	m.startSweep()
}

// startSweep runs what is wanted at once if the table is small; otherwise Tick does it in slices.
func (m *Map) startSweep() {
	if m.blocks.Span() <= m.cfg.SweepSlice {
		m.drainSweeps()
	}
}

func (m *Map) drainSweeps() {
	for m.stepSweep() {
	}
}

// stepSweep does one slice and says whether there is more to do.
func (m *Map) stepSweep() bool {
	w := &m.sweeps
	if !w.running {
		if !w.purge && !w.review {
			return false
		}
		w.running, w.doPurge, w.doReview, w.at = true, w.purge, w.review, 0
		w.purge, w.review = false, false
	}
	w.at = m.blocks.Walk(w.at, max(m.cfg.SweepSlice, 1), m.sweepBlock)
	if w.at == 0 {
		w.running = false
	}
	return w.running || w.purge || w.review
}

func (m *Map) sweepBlock(r table.Ref) {
	changed := m.sweeps.doReview
	if m.sweeps.doPurge {
		var buf [8]table.Replica
		for _, x := range m.blocks.Replicas(r, buf[:0]) {
			if !m.current(x) {
				m.unlink(r, x)
				changed = true
			}
		}
	}
	if changed {
		m.review(r, nil)
	}
}

// reviewNode looks again at every block that has a replica on a datanode, at once.
func (m *Map) reviewNode(n *node) {
	for at := table.Ref(0); ; {
		at = m.blocks.Walk(at, 1<<16, func(r table.Ref) {
			if m.on(r, n) {
				m.review(r, nil)
			}
		})
		if at == 0 {
			return
		}
	}
}

// on says whether the datanode has a replica of the block.
func (m *Map) on(r table.Ref, n *node) bool {
	var buf [8]table.Replica
	for _, x := range m.blocks.Replicas(r, buf[:0]) {
		if m.storages[x.Storage].node == n && m.current(x) {
			return true
		}
	}
	return false
}
