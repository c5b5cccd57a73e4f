package blockmap

import (
	"fmt"

	"github.com/lodehq/lode/namenode/blockmap/table"
)

// safeMode is BlockManagerSafeMode: at start no block is copied or deleted until nearly all blocks have been reported, and for
// a while longer. Manual safe mode is the operator's and independent of it.
type safeMode struct {
	startup   bool // in start-up safe mode
	manual    bool
	reached   int64 // when the thresholds were met, 0 = not yet
	blocks    int   // complete blocks with enough replicas; counted in start-up only
	future    int64 // bytes of unknown replicas with generation stamps that were never given out
	left      int64 // when start-up safe mode ended
	healing   bool  // queues are filled and work is ordered
	wantsHeal bool
}

// safeCounted says whether a block counts as safe now; safeRecount corrects the counter after a change.
func (m *Map) safeCounted(r table.Ref) bool {
	if !m.safe.startup || m.blocks.State(r) != table.Complete {
		return false
	}
	var buf [8]table.Replica
	good := 0
	for _, x := range m.replicas(r, buf[:0]) {
		if x.Flags&table.Corrupt == 0 {
			good++
		}
	}
	return good >= min(m.cfg.safeReplication(), max(1, m.blocks.Replication(r)))
}

func (m *Map) safeRecount(r table.Ref, before bool) {
	if !m.safe.startup {
		return
	}
	if after := m.safeCounted(r); after && !before {
		m.safe.blocks++
	} else if before && !after {
		m.safe.blocks--
	}
}

// thresholdBlocks is how many blocks must have been reported: Apache's number, but never none where there is one.
func (m *Map) thresholdBlocks() int {
	if m.cfg.SafeModeThreshold <= 0 {
		return 0
	}
	return max(int(float64(m.files)*m.cfg.SafeModeThreshold), min(1, m.files))
}

func (m *Map) thresholdsMet() bool {
	return m.safe.blocks >= m.thresholdBlocks() && m.cluster.Nodes() >= m.cfg.SafeModeMinDatanodes
}

// checkSafeMode moves start-up safe mode forward, and starts healing when its time has come.
func (m *Map) checkSafeMode() {
	if m.safe.startup && m.active && m.thresholdsMet() && m.safe.future == 0 {
		if m.safe.reached == 0 {
			m.safe.reached = max(m.now, 1)
		}
		if m.files == 0 || m.now >= m.safe.reached+m.cfg.SafeModeExtension {
			m.leaveStartup()
		}
	} else if m.safe.startup && !m.thresholdsMet() && m.safe.reached != 0 {
		m.safe.reached = 0 // blocks were lost during the extension
	}
	if m.safe.wantsHeal && m.active && m.now >= m.safe.left+m.cfg.HealDelay {
		m.startHealing(m.now)
	}
}

func (m *Map) leaveStartup() {
	m.safe.startup, m.safe.reached = false, 0
	m.safe.left, m.safe.wantsHeal = m.now, true
	if m.files == 0 {
		m.safe.left = m.now - m.cfg.HealDelay // nothing to wait for
	}
}

// startHealing fills the queues (BlockManager.initializeReplQueues).
func (m *Map) startHealing(int64) {
	m.safe.healing, m.safe.wantsHeal = true, false
	m.reviewAll()
}

// EnterSafeMode is `dfsadmin -safemode enter`.
func (m *Map) EnterSafeMode() { m.safe.manual = true }

// LeaveSafeMode is `dfsadmin -safemode leave`, with force `forceExit`. It reports false, and stays, when there are blocks from the future and force is
// not given.
func (m *Map) LeaveSafeMode(now int64, force bool) bool {
	m.advance(now)
	if m.safe.startup {
		if m.safe.future > 0 && !force {
			return false
		}
		m.safe.future = 0
		m.leaveStartup()
		m.checkSafeMode()
	}
	m.safe.manual = false
	return true
}

// SafeMode says where start-up stands.
func (m *Map) SafeMode() SafeModeStatus {
	s := SafeModeStatus{
		On: m.safe.startup || m.safe.manual, Manual: m.safe.manual,
		Datanodes: m.cluster.Nodes(), DatanodesNeeded: m.cfg.SafeModeMinDatanodes, BytesInFuture: m.safe.future,
	}
	if !s.On {
		return s
	}
	s.BlocksTotal = m.files
	if m.safe.startup {
		s.BlocksSafe, s.BlocksNeeded = m.safe.blocks, m.thresholdBlocks()
		s.ThresholdReached = m.thresholdsMet()
		if m.safe.reached != 0 {
			s.LeavesAt = m.safe.reached + m.cfg.SafeModeExtension
		}
	}
	return s
}

// SafeModeReason is Apache's explanation (BlockManagerSafeMode.getSafeModeTip), for the SafeModeException and the web page.
func (m *Map) SafeModeReason() string {
	s := m.SafeMode()
	switch {
	case !s.On:
		return ""
	case !m.safe.startup:
		return "It was turned on manually. Use \"hdfs dfsadmin -safemode leave\" to turn safe mode off."
	}
	var tip string
	if s.BlocksSafe < s.BlocksNeeded {
		tip = fmt.Sprintf("The reported blocks %d needs additional %d blocks to reach the threshold %.4f of total blocks %d.\n",
			s.BlocksSafe, s.BlocksNeeded-s.BlocksSafe, m.cfg.SafeModeThreshold, s.BlocksTotal)
	} else {
		tip = fmt.Sprintf("The reported blocks %d has reached the threshold %.4f of total blocks %d. ",
			s.BlocksSafe, m.cfg.SafeModeThreshold, s.BlocksTotal)
	}
	if s.Datanodes < s.DatanodesNeeded {
		tip += fmt.Sprintf("The number of live datanodes %d needs an additional %d live datanodes to reach the minimum number %d.\n",
			s.Datanodes, s.DatanodesNeeded-s.Datanodes, s.DatanodesNeeded)
	} else {
		tip += fmt.Sprintf("The number of live datanodes %d has reached the minimum number %d. ", s.Datanodes, s.DatanodesNeeded)
	}
	if s.BytesInFuture > 0 {
		return tip + "Name node detected blocks with generation stamps in future. This means that Name node metadata is inconsistent. " +
			"This can happen if Name node metadata files have been manually replaced. Exiting safe mode will cause loss of " +
			fmt.Sprintf("%d byte(s). Please restart name node with right metadata or use \"hdfs dfsadmin -safemode forceExit\" ", s.BytesInFuture) +
			"if you are certain that the NameNode was started with the correct FsImage and edit logs."
	}
	if s.LeavesAt != 0 {
		return tip + fmt.Sprintf("In safe mode extension. Safe mode will be turned off automatically in %d seconds.", max(0, s.LeavesAt-m.now)/1000)
	}
	return tip + "Safe mode will be turned off automatically once the thresholds have been reached."
}
