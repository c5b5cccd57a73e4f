package blockmap

import (
	"slices"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/blockmap/table"
)

// openBlock is what is kept of a block under construction (BlockUnderConstructionFeature). The table's words of such a block are the
// finalized replicas with its generation stamp; everything else that is known is here.
type openBlock struct {
	replicas  []openReplica // the expected pipeline first, in its order, then what was reported besides
	primary   *node         // of the running recovery
	recovery  hdfs.GenStamp
	scheduled bool // counted in Node.Scheduled
}

// openReplica is one replica of a block under construction. The expected ones that no datanode has reported yet have reported == false.
type openReplica struct {
	storage  uint32
	gs       hdfs.GenStamp
	length   int64
	state    hdfs.ReplicaState
	expected bool
	reported bool
	bad      bool   // reported corrupt
	tried    bool   // has been primary of a recovery
	round    uint32 // storage.round when it was reported
}

func (o *openBlock) find(storage uint32) *openReplica {
	for i := range o.replicas {
		if o.replicas[i].storage == storage {
			return &o.replicas[i]
		}
	}
	return nil
}

// unschedule takes the block out of the counts of what is on its way to the datanodes.
func (o *openBlock) unschedule(m *Map) {
	if !o.scheduled {
		return
	}
	o.scheduled = false
	for _, x := range o.replicas {
		if x.expected && !(x.reported && x.state == hdfs.ReplicaFinalized) {
			m.scheduled(x.storage, -1)
		}
	}
}

func (m *Map) scheduled(s uint32, by int) {
	if st := m.storages[s]; st != nil {
		c := &st.node.Scheduled[st.Type&7]
		*c = max(0, *c+by)
	}
}

// SetExpected says which storages form the pipeline of a block from now on: after addBlock, append and updatePipeline. References to
// unknown datanodes or storages are left out; an empty storage id means the datanode's first.
func (m *Map) SetExpected(b hdfs.Block, refs []StorageRef) {
	r := m.blocks.Find(b.ID)
	o := m.open[b.ID]
	if r == 0 || o == nil {
		return
	}
	o.unschedule(m)
	old := o.replicas
	o.replicas = nil
	for _, ref := range refs {
		s := m.resolveRef(ref)
		if s == nil {
			continue
		}
		x := openReplica{storage: s.Num, gs: b.GenStamp, length: b.NumBytes, state: hdfs.ReplicaRBW}
		if i := slices.IndexFunc(old, func(y openReplica) bool { return y.storage == s.Num && y.reported && y.gs >= b.GenStamp }); i >= 0 {
			x = old[i]
		}
		x.expected = true
		o.replicas = append(o.replicas, x)
		if !(x.reported && x.state == hdfs.ReplicaFinalized) {
			m.scheduled(s.Num, +1)
		}
	}
	o.scheduled = true
	// What others have reported with this generation stamp, or a newer one, counts too.
	for _, y := range old {
		if y.reported && y.gs >= b.GenStamp && o.find(y.storage) == nil {
			y.expected = false
			o.replicas = append(o.replicas, y)
		}
	}
	m.wake(b.ID)
}

func (m *Map) resolveRef(ref StorageRef) *storage {
	n := m.byUUID[ref.Datanode]
	if n == nil || len(n.storages) == 0 {
		return nil
	}
	if ref.Storage == "" {
		return n.storages[0]
	}
	return n.storage(ref.Storage)
}

// reopen makes a complete block one under construction (append, truncate, recovery): its replicas are the expected pipeline.
func (m *Map) reopen(r table.Ref) {
	b := m.blocks.Block(r)
	before := m.safeCounted(r)
	o := &openBlock{}
	var buf [8]table.Replica
	for _, x := range m.replicas(r, buf[:0]) {
		if x.Flags&table.Corrupt == 0 && m.storages[x.Storage].node.alive {
			o.replicas = append(o.replicas, openReplica{storage: x.Storage, gs: b.GenStamp, length: b.NumBytes,
				state: hdfs.ReplicaFinalized, expected: true, reported: true, round: m.storages[x.Storage].round})
		}
	}
	m.open[b.ID] = o
	m.unqueue(r)
	m.pending.Remove(b.ID)
	m.blocks.SetState(r, table.UnderConstruction)
	m.files--
	m.safeRecount(r, before)
	// Replicas that were to be deleted as too many are part of the pipeline again if that is still possible.
	m.pardon(r, len(o.replicas))
}

// restamp gives a block a new generation stamp. Finalized replicas with the old one do not count any more; those that have been
// reported with the new one do.
func (m *Map) restamp(r table.Ref, was hdfs.Block, gs hdfs.GenStamp) {
	before := m.safeCounted(r)
	o := m.open[was.ID]
	var buf [8]table.Replica
	for _, x := range m.blocks.Replicas(r, buf[:0]) {
		if x.Flags&table.Corrupt != 0 && m.current(x) {
			continue
		}
		m.unlink(r, x)
	}
	m.blocks.SetGenStamp(r, gs)
	m.safeRecount(r, before)
	if o == nil {
		return
	}
	for _, x := range o.replicas {
		if s := m.storages[x.storage]; s != nil && x.reported && !x.bad && x.gs == gs && x.state == hdfs.ReplicaFinalized {
			m.addReplica(r, s)
		}
	}
}

// close makes a block complete: finalized replicas of the right generation stamp and length count, others of those are
// corrupt, and the rest of the pipeline is expected to report soon.
func (m *Map) close(r table.Ref) {
	b := m.blocks.Block(r)
	before := m.safeCounted(r)
	o := m.open[b.ID]
	delete(m.open, b.ID)
	m.blocks.SetState(r, table.Complete)
	m.files++
	m.safeRecount(r, before)
	if o == nil {
		return
	}
	o.unschedule(m)
	for _, x := range o.replicas {
		s := m.storages[x.storage]
		switch {
		case s == nil || !s.node.alive:
			m.removeReplica(r, x.storage)
		case x.bad:
			m.setCorrupt(r, s, x.gs, reasonReported)
		case x.reported && x.state == hdfs.ReplicaFinalized && x.gs != b.GenStamp:
			m.setCorrupt(r, s, x.gs, reasonGenStamp)
		case x.reported && x.state == hdfs.ReplicaFinalized && x.length != b.NumBytes:
			m.setCorrupt(r, s, x.gs, reasonLength)
		case x.reported && x.state == hdfs.ReplicaFinalized:
			m.addReplica(r, s)
		case x.expected && x.gs == b.GenStamp && m.active:
			m.pending.Add(b.ID, m.now, x.storage)
			m.scheduled(x.storage, +1)
		}
	}
}

// reportOpen takes a datanode's report of a replica of a block under construction.
func (m *Map) reportOpen(r table.Ref, s *storage, b hdfs.Block, state hdfs.ReplicaState) {
	o := m.open[b.ID]
	stored := m.blocks.Block(r)
	x := o.find(s.Num)
	if x == nil {
		// The same datanode may hold it on another storage than the one that was asked for.
		for i := range o.replicas {
			if m.nodeOf(o.replicas[i].storage) == s.node {
				x = &o.replicas[i]
				if o.scheduled && x.expected && !x.reported {
					m.scheduled(x.storage, -1)
					m.scheduled(s.Num, +1)
				}
				m.removeReplica(r, x.storage)
				x.storage = s.Num
			}
		}
	}
	if x == nil {
		if b.GenStamp < stored.GenStamp && state != hdfs.ReplicaFinalized {
			return // left behind by an earlier pipeline
		}
		o.replicas = append(o.replicas, openReplica{storage: s.Num})
		x = &o.replicas[len(o.replicas)-1]
	} else if x.round = s.round; x.reported && (b.GenStamp < x.gs || b.GenStamp == x.gs && x.state == hdfs.ReplicaFinalized && state == hdfs.ReplicaRBW && b.NumBytes <= x.length) {
		return // an older report came late
	}
	if o.scheduled && x.expected && state == hdfs.ReplicaFinalized && !(x.reported && x.state == hdfs.ReplicaFinalized) {
		m.scheduled(s.Num, -1)
	}
	x.gs, x.length, x.state, x.reported, x.round = b.GenStamp, b.NumBytes, state, true, s.round
	if state == hdfs.ReplicaFinalized && b.GenStamp == stored.GenStamp && !x.bad {
		m.addReplica(r, s)
	} else {
		m.removeReplica(r, s.Num)
	}
	if state == hdfs.ReplicaFinalized {
		m.wake(b.ID)
	}
}

// forgetOpen takes back what a storage has reported of blocks under construction before its present round: it died, or its full report
// has left them out. The pipeline stays what it is.
func (m *Map) forgetOpen(s *storage) {
	for _, o := range m.open {
		o.replicas = slices.DeleteFunc(o.replicas, func(x openReplica) bool {
			return x.storage == s.Num && x.round != s.round && !x.expected
		})
		if x := o.find(s.Num); x != nil && x.reported && x.round != s.round {
			if o.scheduled && x.state == hdfs.ReplicaFinalized {
				m.scheduled(s.Num, +1)
			}
			x.reported, x.state = false, hdfs.ReplicaRBW
		}
	}
}

// openCorrupt notes a bad replica of a block under construction; what happens to it is decided when the block is closed.
func (m *Map) openCorrupt(r table.Ref, n *node, b BadBlock) {
	o := m.open[b.Block.ID]
	for i := range o.replicas {
		if m.nodeOf(o.replicas[i].storage) == n {
			o.replicas[i].bad = true
			m.removeReplica(r, o.replicas[i].storage)
		}
	}
}

// finalized counts the replicas that datanodes have reported finalized with exactly this generation stamp and length, on living datanodes.
func (m *Map) finalized(b hdfs.Block) (found, expected int) {
	r := m.blocks.Find(b.ID)
	if r == 0 {
		return 0, 0
	}
	o := m.open[b.ID]
	if o == nil {
		stored := m.blocks.Block(r)
		c := m.count(r)
		if stored != b {
			return 0, c.usable() + len(m.pending.Targets(b.ID))
		}
		return c.usable(), c.usable() + len(m.pending.Targets(b.ID))
	}
	for _, x := range o.replicas {
		if n := m.nodeOf(x.storage); n == nil || !n.alive || x.bad {
			continue
		}
		ok := x.reported && x.state == hdfs.ReplicaFinalized && x.gs == b.GenStamp && x.length == b.NumBytes
		if ok {
			found++
		}
		if ok || x.expected {
			expected++
		}
	}
	return found, expected
}

// EnoughReplicas says whether the block may be completed: at least dfs.namenode.replication.min datanodes have reported it
// finalized with this generation stamp and length.
func (m *Map) EnoughReplicas(b hdfs.Block) bool {
	found, _ := m.finalized(b)
	return found >= m.cfg.MinReplication
}

// AllReplicas says whether all living datanodes of the pipeline have reported the block finalized: what an answer to complete or
// addBlock is worth waiting a moment for.
func (m *Map) AllReplicas(b hdfs.Block) bool {
	found, expected := m.finalized(b)
	return found >= m.cfg.MinReplication && found >= expected
}

type watcher struct{ f func() }

// Watch has f called, under the lock that the caller of the changing method holds, whenever a replica of the block is received, a datanode
// dies, or the block changes or goes away. f must not call the Map and must not block. stop, which wants the write lock, ends it; after the block
// went away there is nothing left to stop.
func (m *Map) Watch(id hdfs.BlockID, f func()) (stop func()) {
	w := &watcher{f}
	m.watch[id] = append(m.watch[id], w)
	return func() {
		list := slices.DeleteFunc(m.watch[id], func(x *watcher) bool { return x == w })
		if len(list) == 0 {
			delete(m.watch, id)
		} else {
			m.watch[id] = list
		}
	}
}

func (m *Map) wake(id hdfs.BlockID) {
	for _, w := range m.watch[id] {
		w.f()
	}
}

func (m *Map) wakeAll() {
	for id := range m.watch {
		m.wake(id)
	}
}
