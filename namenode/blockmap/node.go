package blockmap

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/blockmap/placement"
	"github.com/lodehq/lode/namenode/blockmap/queue"
	"github.com/lodehq/lode/namenode/blockmap/table"
)

// node is one datanode (DatanodeDescriptor). placement.Node is the part that the choice of targets looks at.
type node struct {
	placement.Node
	id      DatanodeID
	version string
	info    *DatanodeInfo // what readers get; replaced, never changed

	alive  bool // registered and heard of lately
	gone   bool // replaced by another uuid at the same address
	barred bool // not in the include list

	storages               []*storage
	lastUpdate             int64
	lastReport             int64
	beaten                 bool // has sent a heartbeat since it registered
	heartbeatSinceFailover bool
	xmits                  int
	failedVolumes          int
	failures               VolumeFailures
	cacheCapacity          int64
	cacheUsed              int64
	scheduledBefore        [8]int // of the interval before this one; see roll

	admin        AdminState
	adminStarted int64
	leaving      leaving

	transfers []transfer
	recover   []recovery
	doomed    queue.FIFO[hdfs.Block] // to delete; NumBytes is 0
	granted   bool                   // may take deletions with its next heartbeat
	again     bool                   // is to register again, for the sake of a full report
	bandwidth bool                   // has not been told the balancer's bandwidth
}

// storage is one volume of a datanode (DatanodeStorageInfo).
type storage struct {
	placement.Storage
	node       *node
	stats      StorageStats
	stale      bool        // not reported since registration or failover
	blocks     int         // replicas in the table, those that a sweep has yet to remove included
	round      uint32      // counts deaths and full reports
	epoch      table.Flags // round's lowest bit as a flag, 0 or table.Epoch: a replica whose flag differs is not there any more
	reports    int
	lastReport int64
}

type transfer struct {
	block   hdfs.BlockID
	targets []uint32
}

func (n *node) xferAddr() string { return hostPort(n.id.IP, n.id.XferPort) }
func (n *node) xferName() string { return hostPort(n.id.Hostname, n.id.XferPort) }

// hostPort joins an address or name and a port; one with colons gets brackets.
func hostPort(host string, port uint32) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(int(port))
}

// Register takes a datanode in, or back (DatanodeManager.registerDatanode). The caller has set IP to the address that the
// datanode is seen under, and checked versions.
func (m *Map) Register(now int64, r Registration) (*DatanodeInfo, error) {
	m.advance(now)
	if r.UUID == "" {
		return nil, hdfs.Errorf(hdfs.IOException, "a datanode at %s:%d registers without a uuid", r.IP, r.XferPort)
	}
	probe := &node{id: r.DatanodeID}
	if !m.hosts.includes(probe) {
		return nil, disallowed(probe)
	}
	if old := m.nodeAt(r.IP, r.XferPort); old != nil && old.id.UUID != r.UUID {
		// Another datanode had this address: its disks were wiped or it moved.
		m.bury(old)
		old.gone = true
		delete(m.byUUID, old.id.UUID)
	}
	n := m.byUUID[r.UUID]
	if n == nil {
		n = &node{Node: placement.Node{Num: len(m.nodes)}}
		m.nodes = append(m.nodes, n)
		m.byUUID[r.UUID] = n
	}
	racks := m.cluster.Racks()
	if n.alive {
		m.cluster.Remove(&n.Node)
	}
	moved := n.id != r.DatanodeID
	n.id, n.version = r.DatanodeID, r.SoftwareVersion
	n.Rack = m.rack(r.IP, r.Hostname)
	n.alive, n.barred, n.beaten, n.Stale, n.again = true, false, false, false, false
	n.lastUpdate = m.now
	if moved {
		m.index()
	}
	n.bandwidth = m.bandwidth > 0
	m.cluster.Add(&n.Node)
	for _, s := range n.storages {
		s.reports = 0
	}
	m.leases.forget(n)
	m.applyHosts(n)
	n.refresh(m)
	if racks < 2 && m.cluster.Racks() > 1 {
		// What was as well placed as one rack allows is not on two (BlockManager.processMisReplicatedBlocks).
		m.reviewAll()
	}
	m.checkSafeMode()
	return n.info, nil
}

func disallowed(n *node) error {
	return hdfs.Errorf(hdfs.DisallowedDatanode, "Datanode denied communication with namenode because the host is not in the include-list: %s",
		"DatanodeRegistration("+n.xferAddr()+", datanodeUuid="+n.id.UUID+")")
}

func (m *Map) nodeAt(ip string, port uint32) *node {
	for _, n := range m.nodes {
		if !n.gone && n.id.IP == ip && n.id.XferPort == port {
			return n
		}
	}
	return nil
}

// bury declares a datanode dead: its replicas do not count any more, what it was to do is given to others.
func (m *Map) bury(n *node) {
	if !n.alive {
		return
	}
	n.alive = false
	m.cluster.Remove(&n.Node)
	m.leases.forget(n)
	orphans := n.transfers
	n.transfers, n.recover, n.granted = nil, nil, false
	n.doomed = queue.FIFO[hdfs.Block]{}
	n.Scheduled, n.scheduledBefore = [8]int{}, [8]int{}
	for _, t := range orphans {
		m.pending.Done(t.block, func(s uint32) bool { return slices.Contains(t.targets, s) })
		if r := m.blocks.Find(t.block); r != 0 {
			m.review(r, nil)
		}
	}
	m.forgetPendingOn(func(s uint32) bool { return m.nodeOf(s) == n })
	if n.admin != AdminInMaintenance {
		for _, s := range n.storages {
			m.forgetReplicas(s)
		}
		m.startSweep()
	} else {
		m.reviewNode(n)
	}
	n.refresh(m)
	m.wakeAll()
}

func (m *Map) forgetPendingOn(is func(uint32) bool) {
	for _, id := range m.pending.With(is) {
		m.pending.Done(id, is)
		if r := m.blocks.Find(id); r != 0 {
			m.review(r, nil)
		}
	}
}

func (m *Map) nodeOf(s uint32) *node {
	if int(s) < len(m.storages) && m.storages[s] != nil {
		return m.storages[s].node
	}
	return nil
}

// storage finds a storage of the datanode by its uuid, nil if it is new.
func (n *node) storage(uuid string) *storage {
	for _, s := range n.storages {
		if s.stats.UUID == uuid {
			return s
		}
	}
	return nil
}

// maxStorages bounds what one datanode can make the namenode keep.
const maxStorages = 1024

// need finds a storage of the datanode, or makes it known.
func (m *Map) need(n *node, stats StorageStats) (*storage, error) {
	if s := n.storage(stats.UUID); s != nil {
		return s, nil
	}
	if len(n.storages) >= maxStorages || len(m.storages) > table.MaxStorage {
		return nil, hdfs.Errorf(hdfs.IOException, "datanode %s names more than %d storages", n.xferAddr(), maxStorages)
	}
	s := m.addStorage(n, stats)
	n.refresh(m)
	return s, nil
}

func (m *Map) addStorage(n *node, stats StorageStats) *storage {
	var num uint32
	if k := len(m.freed); k > 0 {
		num, m.freed = m.freed[k-1], m.freed[:k-1]
	} else {
		num = uint32(len(m.storages))
		m.storages = append(m.storages, nil)
	}
	if stats.Type == 0 {
		stats.Type = hdfs.StorageDisk
	}
	s := &storage{node: n, stats: stats, stale: true}
	s.Num = num
	s.use(stats)
	m.storages[num] = s
	n.storages = append(n.storages, s)
	n.Storages = append(n.Storages, &s.Storage)
	return s
}

func (s *storage) use(stats StorageStats) {
	if stats.Type == 0 {
		stats.Type = s.stats.Type
	}
	s.stats = stats
	s.Type, s.Remaining = stats.Type, stats.Remaining
	s.Usable = !stats.Failed && !stats.ReadOnly
}

// dropStorage forgets a storage that has no replicas in the table.
func (m *Map) dropStorage(s *storage) {
	n := s.node
	i := slices.Index(n.storages, s)
	n.storages = slices.Delete(n.storages, i, i+1)
	n.Storages = slices.Delete(n.Storages, i, i+1)
	is := func(x uint32) bool { return x == s.Num }
	m.forgetPendingOn(is)
	for id := range m.open {
		o := m.open[id]
		o.replicas = slices.DeleteFunc(o.replicas, func(x openReplica) bool { return x.storage == s.Num })
	}
	for _, other := range m.nodes {
		for i := range other.transfers {
			other.transfers[i].targets = slices.DeleteFunc(other.transfers[i].targets, is)
		}
	}
	m.storages[s.Num] = nil
	m.freed = append(m.freed, s.Num)
}

func (n *node) blocks() int {
	sum := 0
	for _, s := range n.storages {
		sum += s.blocks
	}
	return sum
}

// describe makes a fresh snapshot, refresh makes it the one that readers get.
func (n *node) describe(m *Map) *DatanodeInfo {
	d := &DatanodeInfo{
		DatanodeID: n.id, Location: n.Rack, Admin: n.admin, Alive: n.alive, Stale: n.Stale || !n.alive, Excluded: m.hosts.excludes(n),
		SoftwareVersion: n.version, UpgradeDomain: m.hosts.domain(n), CacheCapacity: n.cacheCapacity, CacheUsed: n.cacheUsed,
		Xceivers: n.Xceivers, Xmits: n.xmits, FailedVolumes: n.failedVolumes, VolumeFailures: n.failures,
		LastUpdate: n.lastUpdate, LastBlockReport: n.lastReport, NumBlocks: n.blocks(),
		LowBlocks: n.leaving.low, OnlyHereBlocks: n.leaving.only, LowOpenBlocks: n.leaving.open, AdminStarted: n.adminStarted,
	}
	for _, s := range n.storages {
		d.Storages = append(d.Storages, StorageInfo{StorageStats: s.stats, Stale: s.stale, NumBlocks: s.blocks, LastReport: s.lastReport})
		if s.stats.Failed {
			continue
		}
		d.Capacity += s.stats.Capacity
		d.DFSUsed += s.stats.DFSUsed
		d.NonDFSUsed += s.stats.NonDFSUsed
		d.Remaining += s.stats.Remaining
		d.BlockPoolUsed += s.stats.BlockPoolUsed
	}
	return d
}

func (n *node) refresh(m *Map) { n.info = n.describe(m) }

// RemoveDatanode declares a datanode dead that says of itself that it cannot go on. It may register again.
func (m *Map) RemoveDatanode(now int64, uuid string) {
	m.advance(now)
	if n := m.byUUID[uuid]; n != nil {
		m.bury(n)
	}
}
