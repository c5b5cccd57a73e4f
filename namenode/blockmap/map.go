package blockmap

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/blockmap/placement"
	"github.com/lodehq/lode/namenode/blockmap/policy"
	"github.com/lodehq/lode/namenode/blockmap/queue"
	"github.com/lodehq/lode/namenode/blockmap/table"
	"github.com/lodehq/lode/namenode/blockmap/topology"
)

// Options are what a Map needs from outside.
type Options struct {
	Seed uint64
	Now  int64 // when the namenode started, milliseconds
	// Resolve gives the rack of a machine, "" for the default rack. It is called under the lock, once for each registration and for
	// writers that are no datanodes: it must answer from memory (a table, or a cache of the topology script's answers).
	Resolve func(ip, host string) string
}

// Map is the state. See the package comment for what may be called when.
type Map struct {
	cfg     Config
	resolve func(ip, host string) string
	rng     *rand.Rand
	shuffle atomic.Uint64 // seeds the order of equally near replicas: readers share the lock
	now     int64         // the latest time given
	active  bool
	maxGS   hdfs.GenStamp // 0 = not told
	suite   *policy.Suite

	blocks  table.Table
	open    map[hdfs.BlockID]*openBlock
	files   int // complete blocks
	watch   map[hdfs.BlockID][]*watcher
	delayed map[hdfs.BlockID][]message // reports that wait for the journal
	held    int

	nodes    []*node // by number, in the order of first registration
	byUUID   map[string]*node
	byName   map[string][]*node // by address and host name, plain and with the transfer port, in lower case
	storages []*storage         // by number; 0 and freed ones are nil
	freed    []uint32
	cluster  placement.Cluster
	hosts    Hosts

	low        queue.LowRedundancy
	missingOne int // blocks with replication 1 in the lowest queue
	pending    queue.Pending
	postponed  queue.FIFO[hdfs.BlockID]
	corrupt    map[hdfs.BlockID][]corruptReplica
	excess     int

	safe      safeMode
	leases    leases
	sweeps    sweeps
	ticked    int64
	worked    int64
	adminAt   int64
	rolled    int64
	started   int64
	bandwidth int64
	slow      slowness
}

// New makes an empty map: in start-up safe mode if the configuration has one, and inactive.
func New(cfg Config, opts Options) *Map {
	m := &Map{
		cfg: cfg, resolve: opts.Resolve, rng: rand.New(rand.NewPCG(opts.Seed, 0x10de)), now: opts.Now, started: opts.Now,
		suite: policy.NewSuite(), open: map[hdfs.BlockID]*openBlock{}, watch: map[hdfs.BlockID][]*watcher{},
		delayed: map[hdfs.BlockID][]message{}, byUUID: map[string]*node{}, byName: map[string][]*node{}, storages: make([]*storage, 1),
		corrupt: map[hdfs.BlockID][]corruptReplica{},
	}
	m.safe.startup = cfg.SafeModeThreshold > 0 || cfg.SafeModeMinDatanodes > 0
	m.leases.init(cfg)
	return m
}

// Active says whether this namenode leads.
func (m *Map) Active() bool { return m.active }

// SetActive says whether this namenode leads. When it begins to, what datanodes reported before their blocks were known is looked at
// again, and no replica is trimmed until its storage has been reported to the new leader (DatanodeManager.markAllDatanodesStale). So
// that this does not take until the next full report is due, every datanode is told to register again, which makes it report at once.
func (m *Map) SetActive(now int64, active bool) {
	m.advance(now)
	if m.active == active {
		return
	}
	m.active = active
	for _, n := range m.nodes {
		n.transfers, n.recover = nil, nil
		n.doomed = queue.FIFO[hdfs.Block]{}
	}
	if !active {
		m.forgetExcess()
		m.pending, m.low = queue.Pending{}, queue.LowRedundancy{}
		m.postponed, m.missingOne = queue.FIFO[hdfs.BlockID]{}, 0
		m.safe.healing = false
		return
	}
	for _, s := range m.storages {
		if s != nil {
			s.stale = true
			s.node.heartbeatSinceFailover = false
			s.node.again = s.node.alive
		}
	}
	m.replayAll()
	m.checkSafeMode()
	if !m.safe.startup && !m.safe.healing {
		m.startHealing(now)
	}
}

// NoteGenStamp says which generation stamp is the highest that the namespace has given out, once it is loaded. Replicas beyond it, of blocks that
// are not known, are not deleted when they are reported in start-up safe mode, and keep it from ending: the namenode seems to have lost metadata (BlockManagerSafeMode.checkBlocksWithFutureGS).
func (m *Map) NoteGenStamp(gs hdfs.GenStamp) { m.maxGS = max(m.maxGS, gs) }

func (m *Map) raiseGenStamp(gs hdfs.GenStamp) {
	if m.maxGS > 0 {
		m.maxGS = max(m.maxGS, gs)
	}
}

func (m *Map) advance(now int64) { m.now = max(m.now, now) }

// rack finds where a machine stands.
func (m *Map) rack(ip, host string) string {
	if m.resolve == nil {
		return topology.DefaultRack
	}
	return topology.Clean(m.resolve(ip, host))
}

// Datanode finds a datanode by uuid, nil if it is unknown.
func (m *Map) Datanode(uuid string) *DatanodeInfo {
	if n := m.byUUID[uuid]; n != nil {
		return n.describe(m)
	}
	return nil
}

// DatanodeByHost finds a living datanode by IP address or host name, with or without a port.
func (m *Map) DatanodeByHost(host string) *DatanodeInfo {
	if n := m.nodeByHost(host); n != nil {
		return n.info
	}
	return nil
}

func (m *Map) nodeByHost(host string) *node {
	var found *node
	for _, n := range m.named(host) {
		// On one machine there may be several; each write takes another one, as Host2NodesMap does.
		if n.alive && (found == nil || n.Scheduled[hdfs.StorageDisk] < found.Scheduled[hdfs.StorageDisk]) {
			found = n
		}
	}
	return found
}

// named finds the datanodes, dead ones too, that a name means.
func (m *Map) named(host string) []*node {
	if host == "" {
		return nil
	}
	if list, ok := m.byName[host]; ok {
		return list
	}
	return m.byName[strings.ToLower(host)]
}

// index makes byName anew, after a datanode has registered under another address.
func (m *Map) index() {
	clear(m.byName)
	for _, n := range m.nodes {
		if n.gone {
			continue
		}
		var seen []string
		for _, name := range []string{n.id.IP, n.id.Hostname, n.xferAddr(), n.xferName()} {
			if name = strings.ToLower(name); name != "" && !slices.Contains(seen, name) {
				seen = append(seen, name)
				m.byName[name] = append(m.byName[name], n)
			}
		}
	}
}

// is says whether the name, an address or host with or without the transfer port, means this datanode.
func (n *node) is(name string) bool {
	if name == n.id.IP || strings.EqualFold(name, n.id.Hostname) {
		return true
	}
	return name == n.xferAddr() || strings.EqualFold(name, n.xferName())
}

// Datanodes lists datanodes, in the order of their first registration; hosts of the include list that never came count as dead.
func (m *Map) Datanodes(kind NodeKind) []*DatanodeInfo {
	var out []*DatanodeInfo
	for _, n := range m.nodes {
		if n.gone {
			continue
		}
		ok := false
		switch kind {
		case NodesAll:
			ok = true
		case NodesLive:
			ok = n.alive
		case NodesDead:
			ok = !n.alive
		case NodesDecommissioning:
			ok = n.alive && n.admin == AdminDecommissioning
		case NodesEnteringMaintenance:
			ok = n.alive && n.admin == AdminEnteringMaintenance
		case NodesInMaintenance:
			ok = n.admin == AdminInMaintenance
		}
		if ok {
			out = append(out, n.describe(m))
		}
	}
	if kind == NodesAll || kind == NodesDead {
		for _, h := range m.hosts.Include {
			if !slices.ContainsFunc(m.nodes, func(n *node) bool { return n.is(h) }) {
				out = append(out, &DatanodeInfo{DatanodeID: DatanodeID{IP: h, Hostname: h}, Location: topology.DefaultRack})
			}
		}
	}
	return out
}

// Racks is the number of racks with living datanodes.
func (m *Map) Racks() int { return m.cluster.Racks() }

// Len is the number of blocks.
func (m *Map) Len() int { return m.blocks.Len() }

// Block gives a block's generation stamp and length.
func (m *Map) Block(id hdfs.BlockID) (hdfs.Block, bool) {
	if r := m.blocks.Find(id); r != 0 {
		return m.blocks.Block(r), true
	}
	return hdfs.Block{}, false
}

func (m *Map) options() placement.Options {
	o := placement.Options{ConsiderLoad: m.cfg.ConsiderLoad, LoadFactor: m.cfg.LoadFactor}
	nodes, stale, xceivers := 0, 0, 0
	for _, n := range m.nodes {
		if n.alive && n.InService {
			nodes++
			xceivers += n.Xceivers
		}
		if n.alive && n.Stale {
			stale++
		}
	}
	if nodes > 0 {
		o.Average = float64(xceivers) / float64(nodes)
	}
	// With too many stale datanodes avoiding them would make hot spots (DatanodeManager.shouldAvoidStaleDataNodesForWrite).
	o.AvoidStale = m.cfg.AvoidStaleWrite && float64(stale) <= float64(m.cluster.Nodes())*m.cfg.StaleWriteRatio
	return o
}
