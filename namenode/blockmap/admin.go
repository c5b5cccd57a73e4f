package blockmap

import (
	"slices"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/blockmap/table"
)

// Hosts is what dfs.hosts and dfs.hosts.exclude (or dfs.hosts as JSON) say. A datanode is named by address or host name, with or without its
// transfer port. An empty include list admits everybody.
type Hosts struct {
	Include, Exclude []string
	Maintenance      map[string]int64 // until when, 0 = until the operator says so
	UpgradeDomain    map[string]string
}

func (h Hosts) includes(n *node) bool {
	return len(h.Include) == 0 || slices.ContainsFunc(h.Include, n.is)
}

func (h Hosts) excludes(n *node) bool { return slices.ContainsFunc(h.Exclude, n.is) }

func (h Hosts) maintenance(n *node, now int64) bool {
	for name, until := range h.Maintenance {
		if n.is(name) && (until <= 0 || now < until) {
			return true
		}
	}
	return false
}

func (h Hosts) domain(n *node) string {
	for _, name := range []string{n.id.IP, n.id.Hostname, n.xferAddr(), n.xferName()} {
		if d := h.UpgradeDomain[name]; d != "" {
			return d
		}
	}
	return ""
}

// leaving is where the departure of a datanode stands (LeavingServiceStatus).
type leaving struct {
	low, only, open int            // blocks without enough copies elsewhere, without any, and those under construction among the former
	waits           []hdfs.BlockID // the complete ones among them
}

// SetHosts takes new host lists (refreshNodes) and starts or ends decommissions and maintenance.
func (m *Map) SetHosts(now int64, h Hosts) {
	m.advance(now)
	m.hosts = h
	for _, n := range m.nodes {
		if n.gone {
			continue
		}
		n.barred = !h.includes(n)
		m.applyHosts(n)
		n.refresh(m)
	}
}

// applyHosts brings the admin state of a datanode in line with the lists.
func (m *Map) applyHosts(n *node) {
	switch {
	case m.hosts.excludes(n):
		if n.admin == AdminDecommissioning || n.admin == AdminDecommissioned {
			break
		}
		if n.alive {
			m.setAdmin(n, AdminDecommissioning)
		} else {
			m.setAdmin(n, AdminDecommissioned)
		}
	case m.hosts.maintenance(n, m.now):
		if n.admin == AdminEnteringMaintenance || n.admin == AdminInMaintenance {
			break
		}
		if n.alive {
			m.setAdmin(n, AdminEnteringMaintenance)
		} else {
			m.setAdmin(n, AdminInMaintenance)
		}
	case n.admin != AdminNormal:
		m.setAdmin(n, AdminNormal)
	}
	n.InService = n.admin == AdminNormal
}

func (m *Map) setAdmin(n *node, s AdminState) {
	was := n.admin
	n.admin, n.InService = s, s == AdminNormal
	if s == AdminDecommissioning || s == AdminEnteringMaintenance {
		n.adminStarted = m.now
	}
	n.leaving = leaving{}
	if was == AdminInMaintenance && s != AdminInMaintenance && !n.alive {
		// What was kept while the datanode was away is lost now.
		for _, x := range n.storages {
			m.forgetReplicas(x)
		}
		m.startSweep()
	} else if n.blocks() > 0 {
		m.reviewNode(n)
	}
	n.refresh(m)
}

// checkAdmin moves decommissions and maintenance forward (DatanodeAdminDefaultMonitor).
func (m *Map) checkAdmin() {
	tracked := 0
	for _, n := range m.nodes {
		if n.gone {
			continue
		}
		if (n.admin == AdminInMaintenance || n.admin == AdminEnteringMaintenance) && !m.hosts.maintenance(n, m.now) {
			m.applyHosts(n) // the time is over
			n.refresh(m)
		}
		if n.admin != AdminDecommissioning && n.admin != AdminEnteringMaintenance {
			continue
		}
		if tracked++; m.cfg.MaxTrackedNodes > 0 && tracked > m.cfg.MaxTrackedNodes {
			return
		}
		if !m.mayLeave(n) {
			n.refresh(m)
			continue
		}
		if n.admin == AdminDecommissioning {
			m.setAdmin(n, AdminDecommissioned)
		} else {
			m.setAdmin(n, AdminInMaintenance)
		}
	}
}

// mayLeave says whether every block of a datanode has enough copies elsewhere. Blocks that did not last time are looked at first; only when
// none is left the whole table is.
func (m *Map) mayLeave(n *node) bool {
	if !n.alive {
		return m.low.Len() == m.low.Count(4) && m.pending.Len() == 0
	}
	if !n.beaten {
		return false
	}
	for _, s := range n.storages {
		if s.reports == 0 && !s.stats.Failed {
			return false // what it has is not known yet
		}
	}
	n.leaving.open = m.openWithout(n)
	var still []hdfs.BlockID
	only := 0
	check := func(r table.Ref) {
		if c := m.count(r); !m.sufficient(r, c) {
			still = append(still, m.blocks.ID(r))
			if c.Live == 0 {
				only++
			}
			if _, ok := m.low.Level(m.blocks.ID(r)); !ok && len(m.pending.Targets(m.blocks.ID(r))) == 0 {
				m.review(r, nil)
			}
		}
	}
	for _, id := range n.leaving.waits {
		if r := m.blocks.Find(id); r != 0 && m.goodOn(r, n) {
			check(r)
		}
	}
	if len(still) == 0 {
		for at := table.Ref(0); ; {
			at = m.blocks.Walk(at, 1<<16, func(r table.Ref) {
				if m.blocks.State(r) == table.Complete && m.goodOn(r, n) {
					check(r)
				}
			})
			if at == 0 {
				break
			}
		}
	}
	n.leaving.waits, n.leaving.only = still, only
	n.leaving.low = len(still) + n.leaving.open
	return n.leaving.low == 0
}

// goodOn says whether a datanode has a good replica of the block.
func (m *Map) goodOn(r table.Ref, n *node) bool {
	var buf [8]table.Replica
	for _, x := range m.blocks.Replicas(r, buf[:0]) {
		if m.storages[x.Storage].node == n && m.current(x) && x.Flags&table.Corrupt == 0 {
			return true
		}
	}
	return false
}

// sufficient says whether a complete block can do without the datanodes that are leaving (DatanodeAdminManager.isSufficient).
func (m *Map) sufficient(r table.Ref, c Replicas) bool {
	want := m.wanted(r, c)
	if c.Live >= want && m.racksMissing(r) == 0 {
		return true
	}
	if c.EnteringMaint > 0 && c.Decommissioning == 0 && c.Live >= min(m.cfg.MaintenanceMinReplication, m.blocks.Replication(r)) {
		return true
	}
	return c.Live >= min(want, m.cfg.Replication) && c.Live >= m.cfg.MinReplication
}

// openWithout counts the blocks under construction that would fall below their minimum without the datanode (HDFS-17658: Apache's monitor
// does not look at them and so can lose what is being written).
func (m *Map) openWithout(n *node) int {
	low := 0
	for id, o := range m.open {
		here, others := false, 0
		gs := m.blocks.Block(m.blocks.Find(id)).GenStamp
		for _, x := range o.replicas {
			y := m.nodeOf(x.storage)
			switch {
			case y == nil || x.bad:
			case y == n:
				here = here || x.reported || x.expected
			case y.alive && y.InService && x.reported && x.gs >= gs:
				others++
			}
		}
		if here && others < m.cfg.MinReplication {
			low++
		}
	}
	return low
}
