package blockmap

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/blockmap/placement"
	"github.com/lodehq/lode/namenode/blockmap/table"
	"github.com/lodehq/lode/namenode/blockmap/topology"
)

// Located is what a reader is told: the good replicas; all replicas if none is good (BlockManager.createLocatedBlock); for a block
// under construction the pipeline and what has been reported besides. ok is false for an unknown block.
func (m *Map) Located(id hdfs.BlockID) (l LocatedBlock, ok bool) {
	r := m.blocks.Find(id)
	if r == 0 {
		return l, false
	}
	l.Block = m.blocks.Block(r)
	if o := m.open[id]; o != nil {
		l.Locations = m.openLocations(l.Block, o)
		return l, true
	}
	l.Complete = true
	var buf [8]table.Replica
	var bad []Location
	for _, x := range m.replicas(r, buf[:0]) {
		s := m.storages[x.Storage]
		if !s.node.alive || s.node.admin == AdminInMaintenance && s.node.Stale {
			continue
		}
		p := m.location(x.Storage)
		p.Corrupt, p.Excess = x.Flags&table.Corrupt != 0, x.Flags&table.Excess != 0
		if p.Corrupt {
			bad = append(bad, p)
		} else {
			l.Locations = append(l.Locations, p)
		}
	}
	if len(l.Locations) == 0 && len(bad) > 0 {
		l.Corrupt, l.Locations = true, bad
	}
	return l, true
}

func (m *Map) openLocations(b hdfs.Block, o *openBlock) []Location {
	var out []Location
	for _, x := range o.replicas {
		s := m.storages[x.storage]
		if s == nil || !s.node.alive || x.bad || !x.expected && x.gs < b.GenStamp {
			continue
		}
		p := m.location(x.storage)
		p.State = x.state
		out = append(out, p)
	}
	return out
}

// Locations are the places of Located.
func (m *Map) Locations(id hdfs.BlockID) []Location {
	l, _ := m.Located(id)
	return l.Locations
}

// SortByDistance puts the nearest replicas first: the reader's own machine, its rack, the rest; equally near ones in a new order
// each time; datanodes that are stale or leaving at the end (DatanodeManager.sortLocatedBlocks). The slice is sorted in place.
func (m *Map) SortByDistance(reader string, locs []Location) {
	if len(locs) < 2 {
		return
	}
	rack := ""
	for _, n := range m.named(reader) {
		if n.alive {
			rack = n.Rack
			break
		}
	}
	if rack == "" && reader != "" && m.resolve != nil {
		rack = m.rack(reader, reader)
	}
	rng := rand.New(rand.NewPCG(m.shuffle.Add(1), uint64(len(m.nodes))))
	rng.Shuffle(len(locs), func(i, j int) { locs[i], locs[j] = locs[j], locs[i] })
	weight := func(l Location) int {
		d := l.Datanode
		w := 0
		switch {
		case d.Admin == AdminDecommissioned || d.Admin == AdminInMaintenance:
			w = 300
		case d.Admin == AdminEnteringMaintenance:
			w = 200
		case d.Stale && m.cfg.AvoidStaleRead:
			w = 100
		}
		switch {
		case reader == "":
		case d.IP == reader || strings.EqualFold(d.Hostname, reader):
		case rack != "":
			w += topology.Distance(rack, d.Location)
		default:
			w += 2
		}
		return w
	}
	slices.SortStableFunc(locs, func(a, b Location) int { return weight(a) - weight(b) })
}

// ChooseTargets chooses the pipeline of a new block. Fewer than asked come back when there are no more; the error says that there
// is not even one, or fewer than the minimum (NotEnough makes Apache's sentence of it).
func (m *Map) ChooseTargets(q TargetRequest) ([]Location, error) { return m.choose(q, true) }

// AdditionalTargets chooses datanodes to join a pipeline (getAdditionalDatanode). What is there already counts for the racks.
func (m *Map) AdditionalTargets(q TargetRequest) ([]Location, error) { return m.choose(q, false) }

func (m *Map) choose(q TargetRequest, newBlock bool) ([]Location, error) {
	r := placement.Request{Count: q.Count, BlockSize: q.BlockSize, Policy: m.suite.Get(q.Policy), NewBlock: newBlock, NoLocal: q.NoLocalWrite}
	if !q.IgnoreLocal && q.Writer != "" {
		if n := m.nodeByHost(q.Writer); n != nil {
			r.Writer = &n.Node
		} else if m.resolve != nil {
			r.WriterRack = m.rack(q.Writer, q.Writer)
		}
	}
	excluded := map[int]bool{}
	for _, uuid := range q.Excluded {
		if n := m.byUUID[uuid]; n != nil {
			excluded[n.Num] = true
		}
	}
	for _, ref := range q.Chosen {
		if s := m.resolveRef(ref); s != nil {
			r.Existing = append(r.Existing, placement.Choice{Node: &s.node.Node, Storage: &s.Storage})
			excluded[s.node.Num] = true
		}
	}
	r.Excluded = func(p *placement.Node) bool { return excluded[p.Num] }
	for _, f := range q.Favored {
		if n := m.nodeByHost(f); n != nil {
			r.Favored = append(r.Favored, &n.Node)
		} else if host, _, ok := strings.Cut(f, ":"); ok {
			if n := m.nodeByHost(host); n != nil {
				r.Favored = append(r.Favored, &n.Node)
			}
		}
	}
	var out []Location
	for _, c := range m.cluster.Choose(m.rng, m.options(), r) {
		out = append(out, m.location(c.Storage.Num))
	}
	want := 1
	if newBlock {
		want = min(m.cfg.MinReplication, q.Count)
	}
	if len(out) < want {
		return out, hdfs.Errorf(hdfs.IOException, "%s", m.NotEnough("the block", len(out), want, len(excluded)))
	}
	return out, nil
}

// NotEnough is what Apache says when a block finds too few datanodes (BlockManager.chooseTarget4NewBlock).
func (m *Map) NotEnough(path string, found, wanted, excluded int) string {
	return fmt.Sprintf("File %s could only be written to %d of the %d minReplication nodes. There are %d datanode(s) running and %s node(s) are excluded in this operation.",
		path, found, wanted, m.cluster.Nodes(), count(excluded))
}

func count(n int) string {
	if n == 0 {
		return "no"
	}
	return fmt.Sprint(n)
}
