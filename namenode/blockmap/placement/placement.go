// Package placement chooses datanodes and storages for new replicas by the rules of BlockPlacementPolicyDefault: the first replica on the writer's
// own datanode, the second on another rack, the third on the rack of the second, the rest anywhere, with a limit for each rack. A datanode
// must be in service, not much busier than the average, and have a storage of a wanted type with room.
//
// When a demand cannot be met it is given up in this order: avoid stale datanodes, avoid busy ones (Apache keeps this one and
// stores fewer copies; a copy on a busy datanode is better than none), the policy's storage types (its fallback is taken).
package placement

import (
	"math/rand/v2"
	"slices"
	"sort"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/blockmap/policy"
	"github.com/lodehq/lode/namenode/blockmap/topology"
)

// Storage is what placement has to know of a volume.
type Storage struct {
	Num       uint32
	Type      hdfs.StorageType
	Usable    bool // neither failed nor read-only
	Remaining int64
}

// Node is what placement has to know of a datanode.
type Node struct {
	Num       int // small, unique
	Rack      string
	InService bool
	Stale     bool
	Xceivers  int
	Storages  []*Storage
	Scheduled [8]int // blocks on their way here, by storage type
}

// Cluster is the datanodes that are alive. Rack lists keep the order in which datanodes came.
type Cluster struct {
	nodes     []*Node
	racks     map[string][]*Node
	names     []string // of racks, sorted
	everRacks map[string]bool
}

// Add puts a datanode that has come alive into its rack.
func (c *Cluster) Add(n *Node) {
	if c.racks == nil {
		c.racks, c.everRacks = map[string][]*Node{}, map[string]bool{}
	}
	c.nodes = append(c.nodes, n)
	if len(c.racks[n.Rack]) == 0 {
		i, _ := slices.BinarySearch(c.names, n.Rack)
		c.names = slices.Insert(c.names, i, n.Rack)
	}
	c.racks[n.Rack] = append(c.racks[n.Rack], n)
	c.everRacks[n.Rack] = true
}

// Remove takes a datanode out. Its rack must not have changed since Add.
func (c *Cluster) Remove(n *Node) {
	if i := slices.Index(c.nodes, n); i >= 0 {
		c.nodes = slices.Delete(c.nodes, i, i+1)
		rack := c.racks[n.Rack]
		rack = slices.Delete(rack, slices.Index(rack, n), slices.Index(rack, n)+1)
		if c.racks[n.Rack] = rack; len(rack) == 0 {
			delete(c.racks, n.Rack)
			i, _ := slices.BinarySearch(c.names, n.Rack)
			c.names = slices.Delete(c.names, i, i+1)
		}
	}
}

// Racks is the number of racks with living datanodes, Nodes that of the datanodes.
func (c *Cluster) Racks() int { return len(c.names) }

// Nodes is the number of living datanodes.
func (c *Cluster) Nodes() int { return len(c.nodes) }

// MultiRack says whether the cluster has ever had more than one rack: only then does a lack of racks matter (NetworkTopology.hasClusterEverBeenMultiRack).
func (c *Cluster) MultiRack() bool { return len(c.everRacks) > 1 }

// Options are the settings of the choice.
type Options struct {
	ConsiderLoad bool
	LoadFactor   float64
	AvoidStale   bool
	Average      float64 // xceivers of the datanodes in service
}

// Choice is a place for a replica.
type Choice struct {
	Node    *Node
	Storage *Storage
}

// Request is one question.
type Request struct {
	Count      int
	Writer     *Node  // the datanode on the writer's machine, nil if there is none
	WriterRack string // if there is none, its rack, "" = unknown
	Existing   []Choice
	Excluded   func(*Node) bool // nil excludes none
	Favored    []*Node
	BlockSize  int64
	Policy     policy.Policy
	NewBlock   bool // a block that is being written; otherwise a lost replica is replaced
	NoLocal    bool
}

// Choose finds up to r.Count places, in the order of a pipeline that starts near the writer. Fewer come back when no more can be had.
func (c *Cluster) Choose(rng *rand.Rand, o Options, r Request) []Choice {
	existing := 0
	for _, e := range r.Existing {
		if slices.Contains(c.nodes, e.Node) {
			existing++
		}
	}
	// A datanode holds at most one replica (BlockPlacementPolicyDefault.getMaxNodesPerRack).
	count := min(r.Count, len(c.nodes)-existing)
	if count <= 0 {
		return nil
	}
	total := count + existing
	perRack := total
	if racks := len(c.names); racks > 1 && total > 1 {
		perRack = (total-1)/racks + 2
		if perRack == total {
			perRack--
		}
	}
	if r.NoLocal && r.Writer != nil {
		found := (&chooser{c: c, r: r, rng: rng, o: o, perRack: perRack, avoid: r.Writer}).run(count)
		if len(found) == count {
			return found
		}
	}
	return (&chooser{c: c, r: r, rng: rng, o: o, perRack: perRack}).run(count)
}

type chooser struct {
	c       *Cluster
	r       Request
	rng     *rand.Rand
	o       Options
	perRack int
	avoid   *Node
	taken   []Choice // existing ones first
	types   []hdfs.StorageType
	missing []hdfs.StorageType // types found unavailable
	scratch []*Node
}

// run relaxes the demands one by one until there are enough places.
func (x *chooser) run(count int) []Choice {
	x.taken = slices.Clone(x.r.Existing)
	before := len(x.taken)
	want := before + count
	x.o.AvoidStale = x.o.AvoidStale && x.r.NewBlock
	x.plan(want)
	x.favored()
	x.fill(want)
	if len(x.taken) < want && x.o.AvoidStale {
		x.o.AvoidStale = false
		x.plan(want)
		x.fill(want)
	}
	if len(x.taken) < want && x.o.ConsiderLoad {
		x.o.ConsiderLoad = false
		x.plan(want)
		x.fill(want)
	}
	for len(x.taken) < want && len(x.types) > 0 {
		// What is left of the plan could be placed nowhere: these types are unavailable, the policy says what to take instead.
		known := len(x.missing)
		for _, t := range x.types {
			if !slices.Contains(x.missing, t) {
				x.missing = append(x.missing, t)
			}
		}
		if len(x.missing) == known {
			break
		}
		x.plan(want)
		x.fill(want)
	}
	found := x.taken[before:]
	x.sort(found)
	return found
}

// plan lists the storage types of the replicas that are still to be placed.
func (x *chooser) plan(want int) {
	chosen := make([]hdfs.StorageType, 0, len(x.taken))
	for _, t := range x.taken {
		if t.Storage != nil {
			chosen = append(chosen, t.Storage.Type)
		}
	}
	x.types = x.r.Policy.Choose(want, chosen, x.missing, x.r.NewBlock)
}

func (x *chooser) favored() {
	for _, n := range x.r.Favored {
		if len(x.types) > 0 {
			x.try(n)
		}
	}
}

// fill follows chooseTargetInOrder.
func (x *chooser) fill(want int) {
	need := func() int { return min(want-len(x.taken), len(x.types)) }
	writer := x.r.Writer
	if writer == nil && !x.r.NewBlock && len(x.taken) > 0 {
		writer = x.taken[0].Node
	}
	if len(x.taken) == 0 && need() > 0 {
		x.local(writer)
	}
	if len(x.taken) == 1 && need() > 0 {
		x.remote(1, x.taken[0].Node)
	}
	if len(x.taken) == 2 && need() > 0 {
		a, b := x.taken[0].Node, x.taken[1].Node
		switch {
		case sameRack(a, b):
			x.remote(1, a)
		case x.r.NewBlock || writer == nil:
			x.rack(b)
		default:
			x.rack(writer)
		}
	}
	if need() > 0 {
		x.random(x.c.nodes, need(), nil)
	}
}

func sameRack(a, b *Node) bool { return a != nil && b != nil && a.Rack == b.Rack }

func (x *chooser) local(writer *Node) {
	if writer != nil && writer != x.avoid {
		if x.try(writer) {
			return
		}
	}
	rack := x.r.WriterRack
	if writer != nil {
		rack = writer.Rack
	}
	if x.random(x.c.racks[rack], 1, nil) == 0 {
		x.random(x.c.nodes, 1, nil)
	}
}

// rack takes one node of n's rack, else of the rack of another chosen one, else any.
func (x *chooser) rack(n *Node) {
	if n == nil {
		x.random(x.c.nodes, 1, nil)
		return
	}
	if x.random(x.c.racks[n.Rack], 1, nil) == 1 {
		return
	}
	for _, t := range x.taken {
		if t.Node != nil && t.Node != n && t.Node.Rack != n.Rack {
			if x.random(x.c.racks[t.Node.Rack], 1, nil) == 1 {
				return
			}
			break
		}
	}
	x.random(x.c.nodes, 1, nil)
}

// remote takes nodes outside n's rack, and what is lacking inside.
func (x *chooser) remote(count int, n *Node) {
	if n == nil {
		x.random(x.c.nodes, count, nil)
		return
	}
	got := 0
	if len(x.c.names) > 1 {
		got = x.random(x.c.nodes, count, &n.Rack)
	}
	if got < count {
		x.random(x.c.racks[n.Rack], count-got, nil)
	}
}

// random takes up to count good nodes of the list, each with the same chance, and returns how many it found.
func (x *chooser) random(list []*Node, count int, notRack *string) int {
	s := append(x.scratch[:0], list...)
	x.scratch = s
	got := 0
	for got < count && len(s) > 0 {
		i := x.rng.IntN(len(s))
		n := s[i]
		s[i] = s[len(s)-1]
		s = s[:len(s)-1]
		if notRack != nil && n.Rack == *notRack {
			continue
		}
		if x.try(n) {
			got++
		}
	}
	return got
}

// try takes the node if it is good (isGoodDatanode) and has room on a storage of a wanted type.
func (x *chooser) try(n *Node) bool {
	if n == x.avoid || !n.InService || x.r.Excluded != nil && x.r.Excluded(n) {
		return false
	}
	rack := 0
	for _, t := range x.taken {
		if t.Node == n {
			return false
		}
		if sameRack(t.Node, n) {
			rack++
		}
	}
	if rack >= x.perRack || x.o.AvoidStale && n.Stale {
		return false
	}
	if x.o.ConsiderLoad && float64(n.Xceivers) > x.o.LoadFactor*x.o.Average {
		return false
	}
	for i, t := range x.types {
		if slices.Contains(x.types[:i], t) {
			continue
		}
		if s := n.room(x.rng, t, x.r.BlockSize); s != nil {
			x.types = slices.Delete(x.types, i, i+1)
			x.taken = append(x.taken, Choice{n, s})
			return true
		}
	}
	return false
}

// room picks a storage of the type with room for a block of that size, what is on its way here counted (chooseStorage4Block).
func (n *Node) room(rng *rand.Rand, t hdfs.StorageType, size int64) *Storage {
	var remaining int64
	var good []*Storage
	for _, s := range n.Storages {
		if s.Type == t && s.Usable {
			remaining += max(s.Remaining, 0)
			if s.Remaining >= size {
				good = append(good, s)
			}
		}
	}
	if len(good) == 0 || remaining-int64(n.Scheduled[t&7])*size < size {
		return nil
	}
	return good[rng.IntN(len(good))]
}

// sort makes a pipeline: each next the nearest to the one before (getPipeline).
func (x *chooser) sort(found []Choice) {
	at, rack := x.r.Writer, x.r.WriterRack
	if at != nil {
		rack = at.Rack
	} else if rack == "" && len(found) > 0 {
		at, rack = found[0].Node, found[0].Node.Rack
	}
	for i := range found {
		rest := found[i:]
		sort.SliceStable(rest, func(a, b int) bool { return step(at, rack, rest[a].Node) < step(at, rack, rest[b].Node) })
		at, rack = rest[0].Node, rest[0].Node.Rack
	}
}

func step(from *Node, rack string, to *Node) int {
	if from == to {
		return 0
	}
	return topology.Distance(rack, to.Rack)
}
