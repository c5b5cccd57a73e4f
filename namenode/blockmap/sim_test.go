package blockmap

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/blockmap/report"
)

// sim is a cluster without wires: datanodes are maps of replicas that follow orders, reports and heartbeats are calls. Everything that happens comes from one seed.
type sim struct {
	t     *testing.T
	rng   *rand.Rand
	m     *Map
	now   int64
	nodes []*simNode
	files map[hdfs.BlockID]*simBlock // what the namespace wants
	ids   []hdfs.BlockID
	next  hdfs.BlockID
	gs    hdfs.GenStamp
	late  bool // reports may be late or lost
}

type simBlock struct {
	b      hdfs.Block
	repl   int
	open   bool
	rotted int // copies that the simulation has spoiled or wiped
}

type simReplica struct {
	b     hdfs.Block
	state hdfs.ReplicaState
	bad   bool
}

type simNode struct {
	id       DatanodeID
	rack     string
	up       bool
	known    bool // registered
	replicas map[hdfs.BlockID]simReplica
	news     []ReceivedDeleted // to be reported
	orders   []Command         // to be done
	free     int64
}

func (n *simNode) storage() StorageStats {
	return StorageStats{UUID: "s-" + n.id.UUID, Type: hdfs.StorageDisk, Capacity: 1 << 40, Remaining: n.free}
}

func newSim(t *testing.T, seed uint64, cfg Config, nodes, racks int) *sim {
	s := &sim{t: t, rng: rand.New(rand.NewPCG(seed, 99)), now: 1_000_000, files: map[hdfs.BlockID]*simBlock{}, next: hdfs.FirstBlockID, gs: hdfs.FirstGenStamp}
	where := map[string]string{}
	s.m = New(cfg, Options{Seed: seed, Now: s.now, Resolve: func(ip, _ string) string { return where[ip] }})
	for i := range nodes {
		n := &simNode{id: DatanodeID{UUID: fmt.Sprintf("dn-%d", i), IP: fmt.Sprintf("10.0.0.%d", i), Hostname: fmt.Sprintf("host%d", i), XferPort: 9866},
			replicas: map[hdfs.BlockID]simReplica{}, up: true, free: 1 << 39, rack: fmt.Sprintf("/r%d", i%racks)}
		where[n.id.IP] = n.rack
		s.nodes = append(s.nodes, n)
	}
	s.m.SetActive(s.now, true)
	s.beat()
	return s
}

// beat has every datanode that is up do its round: register, heartbeat, full report after registration, orders, news.
func (s *sim) beat() {
	for _, n := range s.nodes {
		if !n.up {
			continue
		}
		if !n.known {
			if _, err := s.m.Register(s.now, Registration{DatanodeID: n.id}); err != nil {
				s.t.Fatal(err)
			}
			n.known = true
			s.heartbeat(n)
			s.fullReport(n)
			continue
		}
		if s.late && s.rng.IntN(4) == 0 {
			continue
		}
		s.heartbeat(n)
		s.obey(n)
		if !s.late || s.rng.IntN(3) > 0 {
			s.tell(n)
		}
	}
}

func (s *sim) heartbeat(n *simNode) {
	reply, err := s.m.Heartbeat(s.now, Heartbeat{UUID: n.id.UUID, Storages: []StorageStats{n.storage()}})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range reply.Commands {
		if _, ok := c.(RegisterAgain); ok {
			n.known = false
			n.news = nil
			return
		}
		if d, ok := c.(Invalidate); ok {
			s.judgeDeletions(n, d)
		}
	}
	n.orders = append(n.orders, reply.Commands...)
}

// judgeDeletions is the heart of the oracle: at the moment when the namenode orders a replica of a living block deleted, enough good copies must
// be left on datanodes that are believed alive, and at least one truly good copy on some disk.
func (s *sim) judgeDeletions(n *simNode, d Invalidate) {
	for _, b := range d.Blocks {
		f := s.files[b.ID]
		r, have := n.replicas[b.ID]
		if f == nil || !have || r.b.GenStamp != b.GenStamp || r.bad || r.b != f.b || f.open {
			continue
		}
		good := 0
		for _, x := range s.nodes {
			if y, ok := x.replicas[b.ID]; ok && x != n && y.b == f.b && !y.bad && !x.doomedBy(b.ID) {
				good++
			}
		}
		c, _ := s.m.Replicas(b.ID)
		if c.Live < f.repl && !(c.Excess == 0 && c.Live >= 1) {
			s.t.Fatalf("at %d: a good replica of %s on %s is ordered deleted while %+v are left of %d", s.now, b, n.id.UUID, c, f.repl)
		}
		if good == 0 {
			s.t.Fatalf("at %d: the last good replica of %s, on %s, is ordered deleted; namenode counts %+v", s.now, b, n.id.UUID, c)
		}
	}
}

func (n *simNode) doomedBy(id hdfs.BlockID) bool {
	for _, c := range n.orders {
		if d, ok := c.(Invalidate); ok && slices.ContainsFunc(d.Blocks, func(b hdfs.Block) bool { return b.ID == id }) {
			return true
		}
	}
	return false
}

func (s *sim) obey(n *simNode) {
	orders := n.orders
	n.orders = nil
	for _, c := range orders {
		switch c := c.(type) {
		case Invalidate:
			for _, b := range c.Blocks {
				if r, ok := n.replicas[b.ID]; ok && r.b.GenStamp == b.GenStamp {
					delete(n.replicas, b.ID)
					if b.NumBytes != NoAck {
						n.news = append(n.news, ReceivedDeleted{Block: r.b, Status: Deleted})
					}
				}
			}
		case Transfer:
			for _, t := range c.Tasks {
				r, ok := n.replicas[t.Block.ID]
				if !ok || r.b.GenStamp != t.Block.GenStamp || r.state != hdfs.ReplicaFinalized {
					continue
				}
				if r.bad {
					// The copy's reader sees the wrong checksum and reports the source.
					s.m.MarkCorrupt(s.now, []BadBlock{{Block: r.b, Datanode: n.id.UUID}})
					continue
				}
				for _, l := range t.Targets {
					to := s.byUUID(l.Datanode.UUID)
					if _, has := to.replicas[t.Block.ID]; !to.up || has || s.late && s.rng.IntN(5) == 0 {
						continue
					}
					to.replicas[t.Block.ID] = simReplica{b: r.b}
					to.news = append(to.news, ReceivedDeleted{Block: r.b, Status: Received})
				}
			}
		case Recover:
			for _, t := range c.Tasks {
				s.recover(t)
			}
		}
	}
}

// recover does what a primary does: the shortest of the best replicas wins.
func (s *sim) recover(t RecoverTask) {
	f := s.files[t.Block.ID]
	if f == nil || !f.open {
		return
	}
	length := int64(-1)
	var on []*simNode
	for _, l := range t.Locations {
		n := s.byUUID(l.Datanode.UUID)
		if r, ok := n.replicas[t.Block.ID]; ok && n.up && r.b.GenStamp >= t.Block.GenStamp && !r.bad {
			if length < 0 || r.b.NumBytes < length {
				length = r.b.NumBytes
			}
			on = append(on, n)
		}
	}
	if len(on) == 0 {
		return
	}
	f.b = hdfs.Block{ID: t.Block.ID, GenStamp: t.NewGenStamp, NumBytes: length}
	f.open = false
	var refs []StorageRef
	for _, n := range on {
		n.replicas[f.b.ID] = simReplica{b: f.b}
		n.news = append(n.news, ReceivedDeleted{Block: f.b, Status: Received})
		refs = append(refs, StorageRef{n.id.UUID, "s-" + n.id.UUID})
	}
	s.m.BlockChanged(f.b, true)
	s.m.Synchronized(f.b, refs)
}

func (s *sim) byUUID(uuid string) *simNode {
	return s.nodes[slices.IndexFunc(s.nodes, func(n *simNode) bool { return n.id.UUID == uuid })]
}

func (s *sim) tell(n *simNode) {
	if len(n.news) > 0 {
		list := n.news
		n.news = nil
		if err := s.m.IncrementalReport(s.now, n.id.UUID, n.storage(), list); err != nil {
			n.known = false
		}
	}
}

func (s *sim) fullReport(n *simNode) {
	s.tell(n)
	var ids []hdfs.BlockID
	for id := range n.replicas {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var buf []byte
	for _, id := range ids {
		buf = report.Append(buf, report.Replica{Block: n.replicas[id].b, State: n.replicas[id].state})
	}
	if _, err := s.m.BlockReport(s.now, n.id.UUID, n.storage(), report.Buffers{Count: uint64(len(ids)), Chunks: [][]byte{buf}}); err != nil {
		n.known = false
	}
	// The datanode's scanner: a rotten copy whose deletion got lost is found again.
	for _, id := range ids {
		if r := n.replicas[id]; r.bad {
			s.m.MarkCorrupt(s.now, []BadBlock{{Block: r.b, Datanode: n.id.UUID}})
		}
	}
}

// create writes a block through a pipeline; some of its datanodes may fail meanwhile. It is closed, or left open.
func (s *sim) create(repl int, leaveOpen bool) *simBlock {
	targets, err := s.m.ChooseTargets(TargetRequest{Count: repl, BlockSize: 1 << 20})
	if err != nil {
		return nil
	}
	s.next++
	s.gs++
	f := &simBlock{b: hdfs.Block{ID: s.next, GenStamp: s.gs}, repl: repl, open: true}
	s.files[f.b.ID] = f
	s.ids = append(s.ids, f.b.ID)
	s.m.BlockAdded(f.b, 1, uint16(repl), hdfs.PolicyHot, false)
	var refs []StorageRef
	for _, l := range targets {
		refs = append(refs, l.Ref())
	}
	s.m.SetExpected(f.b, refs)
	length := s.rng.Int64N(1<<20) + 1
	live := 0
	for _, l := range targets {
		n := s.byUUID(l.Datanode.UUID)
		if !n.up {
			continue
		}
		live++
		b := f.b
		b.NumBytes = length
		if leaveOpen {
			n.replicas[b.ID] = simReplica{b: b, state: hdfs.ReplicaRBW}
			n.news = append(n.news, ReceivedDeleted{Block: b, Status: Receiving})
		} else {
			n.replicas[b.ID] = simReplica{b: b}
			n.news = append(n.news, ReceivedDeleted{Block: b, Status: Received})
		}
	}
	if live == 0 {
		s.remove(f.b.ID)
		return nil
	}
	if !leaveOpen {
		for _, l := range targets {
			if n := s.byUUID(l.Datanode.UUID); n.up {
				s.tell(n)
			}
		}
		f.b.NumBytes = length
		if !s.m.EnoughReplicas(f.b) {
			// Nobody who is registered has told: the writer would wait; here it gives up.
			s.remove(f.b.ID)
			return nil
		}
		f.open = false
		s.m.BlockChanged(f.b, true)
	}
	return f
}

func (s *sim) remove(id hdfs.BlockID) {
	delete(s.files, id)
	s.ids = slices.DeleteFunc(s.ids, func(x hdfs.BlockID) bool { return x == id })
	s.m.BlockRemoved(id)
}

// run lets time pass in steps of a second.
func (s *sim) run(seconds int) {
	for range seconds {
		s.now += 1000
		s.beat()
		for s.m.Tick(s.now) {
		}
	}
}

// good counts the true copies of a block on datanodes that are up.
func (s *sim) good(id hdfs.BlockID) int {
	n := 0
	for _, x := range s.nodes {
		if r, ok := x.replicas[id]; ok && x.up && r.b == s.files[id].b && !r.bad && r.state == hdfs.ReplicaFinalized {
			n++
		}
	}
	return n
}

// checkWhole asserts that after faults have ended everything is as wished, on the disks and in the map.
func (s *sim) checkWhole() {
	s.t.Helper()
	for _, id := range s.ids {
		f := s.files[id]
		if f.open {
			continue
		}
		c, _ := s.m.Replicas(id)
		good := s.good(id)
		if good == 0 {
			if f.rotted < f.repl && f.rotted < 1 {
				s.t.Fatalf("%s is lost, though only %d copies were spoiled", f.b, f.rotted)
			}
			continue
		}
		if good != f.repl || c.Live != f.repl || c.Excess+c.Corrupt > 0 {
			s.t.Fatalf("%s: %d good copies on disks, namenode counts %+v, wanted %d", f.b, good, c, f.repl)
		}
	}
	for _, n := range s.nodes {
		for id, r := range n.replicas {
			if f := s.files[id]; n.up && f == nil {
				s.t.Fatalf("%s keeps %s, which nobody owns", n.id.UUID, r.b)
			}
		}
	}
	if st := s.m.Stats(); st.Excess != 0 || st.PendingReconstruction != 0 || st.LowRedundancy != 0 || st.PendingDeletion != 0 {
		s.t.Fatalf("work is left over: %+v", st)
	}
}

// TestSimulation lets datanodes die, return, report late, lose disks and rot, while files come and go, and then checks that all is whole again.
func TestSimulation(t *testing.T) {
	seeds := 150
	if testing.Short() {
		seeds = 20
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			cfg := TrainingConfig()
			cfg.HealDelay = 0
			cfg.SweepSlice = []int{1 << 20, 7}[seed%2]
			s := newSim(t, seed, cfg, 7, 1+int(seed%3))
			s.late = true
			for range 300 {
				s.fault()
				s.run(1)
			}
			s.heal()
			s.run(200)
			s.checkWhole()
			s.m.checkInvariants(t)
		})
	}
}

func (s *sim) fault() {
	up := 0
	for _, n := range s.nodes {
		if n.up {
			up++
		}
	}
	n := s.nodes[s.rng.IntN(len(s.nodes))]
	switch s.rng.IntN(16) {
	case 0, 1, 2, 3:
		s.create(1+s.rng.IntN(4), false)
	case 4:
		if f := s.create(3, true); f != nil && s.rng.IntN(2) == 0 {
			s.gs++
			_, _ = s.m.StartRecovery(f.b, s.gs, nil)
		}
	case 5:
		if len(s.ids) > 0 {
			s.remove(s.ids[s.rng.IntN(len(s.ids))])
		}
	case 6:
		if len(s.ids) > 0 {
			f := s.files[s.ids[s.rng.IntN(len(s.ids))]]
			f.repl = 1 + s.rng.IntN(4)
			s.m.BlockReplication(f.b.ID, uint16(f.repl), hdfs.PolicyHot)
		}
	case 7, 8:
		if n.up && up > 4 {
			n.up = false
			n.orders = nil
		}
	case 9, 10, 11:
		if !n.up {
			n.up, n.known = true, false
			n.news = nil // the full report tells all
			for id, r := range n.replicas {
				if r.state == hdfs.ReplicaRBW {
					r.state = hdfs.ReplicaRWR
					n.replicas[id] = r
				}
			}
		}
	case 12:
		// A copy rots; a reader notices at once. Never the last good one.
		for _, id := range s.ids {
			if r, ok := n.replicas[id]; ok && n.up && !s.files[id].open && s.good(id) > 2 && !r.bad {
				r.bad = true
				n.replicas[id] = r
				s.files[id].rotted++
				s.m.MarkCorrupt(s.now, []BadBlock{{Block: r.b, Datanode: n.id.UUID}})
				break
			}
		}
	case 13:
		if n.up && n.known {
			s.fullReport(n)
		}
	case 14:
		if s.rng.IntN(5) == 0 {
			s.m.SetActive(s.now, false)
			s.m.SetActive(s.now, true)
		}
	case 15:
		n.news = nil // an incremental report is lost: the next full one repairs it
		if n.known {
			n.known = !n.up
			if n.up {
				s.fullReport(n)
				n.known = true
			}
		}
	}
}

// heal ends all faults.
func (s *sim) heal() {
	s.late = false
	for _, n := range s.nodes {
		if !n.up {
			n.up, n.known, n.news = true, false, nil
		}
	}
	s.run(3)
	for _, n := range s.nodes {
		s.fullReport(n)
	}
	for _, id := range slices.Clone(s.ids) {
		if s.files[id].open {
			s.remove(id)
		}
	}
	for _, n := range s.nodes {
		s.fullReport(n)
	}
}
