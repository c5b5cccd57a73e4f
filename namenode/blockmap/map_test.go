package blockmap

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/blockmap/report"
)

// file writes a complete block onto exactly these datanodes.
func (s *sim) file(repl int, on ...int) *simBlock {
	s.next++
	s.gs++
	f := &simBlock{b: hdfs.Block{ID: s.next, GenStamp: s.gs, NumBytes: 1000}, repl: repl}
	s.files[f.b.ID] = f
	s.ids = append(s.ids, f.b.ID)
	s.m.BlockAdded(hdfs.Block{ID: f.b.ID, GenStamp: f.b.GenStamp}, 1, uint16(repl), hdfs.PolicyHot, false)
	for _, i := range on {
		s.nodes[i].replicas[f.b.ID] = simReplica{b: f.b}
		s.report(i, f.b, Received)
	}
	s.m.BlockChanged(f.b, true)
	return f
}

func (s *sim) report(i int, b hdfs.Block, st ReceivedStatus) {
	s.t.Helper()
	n := s.nodes[i]
	if err := s.m.IncrementalReport(s.now, n.id.UUID, n.storage(), []ReceivedDeleted{{Block: b, Status: st}}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sim) ref(i int) StorageRef {
	return StorageRef{s.nodes[i].id.UUID, s.nodes[i].storage().UUID}
}

func (s *sim) counts(f *simBlock) Replicas {
	s.t.Helper()
	c, ok := s.m.Replicas(f.b.ID)
	if !ok {
		s.t.Fatalf("%s is unknown", f.b)
	}
	return c
}

func quick() Config {
	c := TrainingConfig()
	c.HealDelay = 0
	return c
}

func TestDeathByApachesFormula(t *testing.T) {
	c := DefaultConfig()
	s := newSim(t, 1, c, 4, 1)
	f := s.file(3, 0, 1, 2)
	s.nodes[0].up = false
	s.run(31)
	if d := s.m.Datanode("dn-0"); !d.Stale || !d.Alive {
		t.Fatalf("after 31 s of silence: stale %v, alive %v", d.Stale, d.Alive)
	}
	s.run(630 - 31)
	if d := s.m.Datanode("dn-0"); !d.Alive {
		t.Fatal("dead before 630 s")
	}
	s.run(2)
	if d := s.m.Datanode("dn-0"); d.Alive {
		t.Fatal("alive after 631 s")
	}
	s.run(20)
	if c := s.counts(f); c.Live != 3 || s.good(f.b.ID) != 3 {
		t.Fatalf("not healed: %+v", c)
	}
	if n := len(s.m.Datanodes(NodesDead)); n != 1 {
		t.Fatalf("%d dead", n)
	}
}

func TestStalledNamenodeKillsNobody(t *testing.T) {
	s := newSim(t, 1, quick(), 3, 1)
	s.run(2)
	s.now += 3_600_000 // the process was suspended
	s.m.Tick(s.now)
	if n := len(s.m.Datanodes(NodesLive)); n != 3 {
		t.Fatalf("%d alive after a stall", n)
	}
	s.run(1)
	for _, n := range s.nodes {
		n.up = false
	}
	s.run(12)
	if n := len(s.m.Datanodes(NodesLive)); n != 0 {
		t.Fatalf("%d alive after real silence", n)
	}
}

func TestSafeMode(t *testing.T) {
	cfg := DefaultConfig()
	cfg.SafeModeMinDatanodes = 2
	s := &sim{t: t, m: New(cfg, Options{Now: 1}), now: 1}
	for i := range 1000 {
		s.m.BlockAdded(hdfs.Block{ID: hdfs.BlockID(i + 1), GenStamp: 1001, NumBytes: 5}, 1, 3, 0, true)
	}
	s.m.NoteGenStamp(1001)
	s.m.SetActive(1, true)
	if st := s.m.SafeMode(); !st.On || st.BlocksTotal != 1000 || st.BlocksNeeded != 999 {
		t.Fatalf("%+v", st)
	}
	register := func(i, from, to int, extra ...report.Replica) {
		id := DatanodeID{UUID: fmt.Sprint("n", i), IP: fmt.Sprint("10.0.0.", i), XferPort: 1}
		if _, err := s.m.Register(s.now, Registration{DatanodeID: id}); err != nil {
			t.Fatal(err)
		}
		var buf []byte
		n := to - from + len(extra)
		for b := from; b < to; b++ {
			buf = report.Append(buf, report.Replica{Block: hdfs.Block{ID: hdfs.BlockID(b + 1), GenStamp: 1001, NumBytes: 5}})
		}
		for _, x := range extra {
			buf = report.Append(buf, x)
		}
		if _, err := s.m.BlockReport(s.now, id.UUID, StorageStats{UUID: "s" + id.UUID}, report.Buffers{Count: uint64(n), Chunks: [][]byte{buf}}); err != nil {
			t.Fatal(err)
		}
	}
	register(1, 0, 998)
	if r := s.m.SafeModeReason(); !strings.HasPrefix(r, "The reported blocks 998 needs additional 1 blocks to reach the threshold 0.9990 of total blocks 1000.\nThe number of live datanodes 1 needs an additional 1 live datanodes to reach the minimum number 2.") {
		t.Fatal(r)
	}
	register(2, 990, 1000)
	st := s.m.SafeMode()
	if !st.On || st.LeavesAt != s.now+30_000 || !strings.Contains(s.m.SafeModeReason(), "In safe mode extension. Safe mode will be turned off automatically in 30 seconds.") {
		t.Fatalf("%+v %s", st, s.m.SafeModeReason())
	}
	s.m.checkInvariants(t)
	s.m.Tick(s.now + 29_999)
	if !s.m.SafeMode().On || s.m.Stats().LowRedundancy != 0 {
		t.Fatal("the extension was cut short, or blocks were queued within it")
	}
	s.m.Tick(s.now + 30_000)
	if s.m.SafeMode().On || s.m.Stats().LowRedundancy != 1000 {
		t.Fatalf("%+v", s.m.Stats())
	}
	s.m.EnterSafeMode()
	if r := s.m.SafeModeReason(); !strings.HasPrefix(r, "It was turned on manually.") {
		t.Fatal(r)
	}
	if !s.m.LeaveSafeMode(s.now, false) || s.m.SafeMode().On {
		t.Fatal("did not leave")
	}
}

func TestBlocksFromTheFuture(t *testing.T) {
	s := &sim{m: New(TrainingConfig(), Options{Now: 1})}
	s.m.BlockAdded(hdfs.Block{ID: 1, GenStamp: 1001, NumBytes: 5}, 1, 1, 0, true)
	s.m.NoteGenStamp(1001)
	s.m.SetActive(1, true)
	_, _ = s.m.Register(1, Registration{DatanodeID: DatanodeID{UUID: "a", IP: "1.1.1.1"}})
	buf := report.Append(nil, report.Replica{Block: hdfs.Block{ID: 1, GenStamp: 1001, NumBytes: 5}})
	buf = report.Append(buf, report.Replica{Block: hdfs.Block{ID: 2, GenStamp: 1777, NumBytes: 70}})
	_, _ = s.m.BlockReport(1, "a", StorageStats{UUID: "s"}, report.Buffers{Count: 2, Chunks: [][]byte{buf}})
	s.m.Tick(10)
	if st := s.m.SafeMode(); !st.On || st.BytesInFuture != 70 {
		t.Fatalf("%+v", st)
	}
	if s.m.Stats().PendingDeletion != 0 {
		t.Fatal("a replica from the future was ordered deleted")
	}
	if s.m.LeaveSafeMode(10, false) || !s.m.LeaveSafeMode(10, true) || s.m.SafeMode().On {
		t.Fatal("leave needs force, and force must do")
	}
}

// A restarted namenode on the training profile leaves safe mode at once, but does not copy what is merely not reported yet.
func TestHealDelay(t *testing.T) {
	cfg := TrainingConfig()
	s := newSim(t, 1, cfg, 3, 1)
	f := s.file(3, 0, 1, 2)
	old := s.m
	s.m = New(cfg, Options{Now: s.now})
	b, _ := old.Block(f.b.ID)
	s.m.BlockAdded(b, 1, 3, hdfs.PolicyHot, true)
	s.m.SetActive(s.now, true)
	s.nodes[0].known = false
	s.nodes[1].up, s.nodes[1].known = false, false
	s.nodes[2].up, s.nodes[2].known = false, false
	s.run(2)
	if s.m.SafeMode().On {
		t.Fatal("still in safe mode with the block reported once")
	}
	s.run(1)
	if st := s.m.Stats(); st.LowRedundancy != 0 || st.PendingReconstruction != 0 {
		t.Fatalf("heals too early: %+v", st)
	}
	s.nodes[1].up = true
	s.run(6)
	if st := s.m.Stats(); st.LowRedundancy != 1 {
		t.Fatalf("does not heal: %+v", st)
	}
	s.nodes[2].up = true
	s.run(10)
	s.checkWhole()
}

func TestStaleContentIsNotTrimmed(t *testing.T) {
	s := newSim(t, 1, quick(), 4, 1)
	f := s.file(3, 0, 1, 2)
	s.m.SetActive(s.now, false)
	s.m.SetActive(s.now, true)
	s.nodes[3].replicas[f.b.ID] = simReplica{b: f.b}
	s.report(3, f.b, Received)
	// Before the failover the old leader may have had a replica deleted that we still count: nothing may go until all have reported.
	for range 3 {
		s.now += 1000
		s.m.Tick(s.now)
	}
	if c := s.counts(f); c.Live != 4 || c.Excess != 0 || s.m.Stats().Postponed != 1 {
		t.Fatalf("%+v, postponed %d", c, s.m.Stats().Postponed)
	}
	s.run(6) // all are told to register again, and report
	s.checkWhole()
}

func TestRottenOnStaleContentStays(t *testing.T) {
	s := newSim(t, 1, quick(), 4, 1)
	f := s.file(1, 0, 1)
	s.m.BlockReplication(f.b.ID, 2, 0)
	f.repl = 2
	s.m.SetActive(s.now, false)
	s.m.SetActive(s.now, true)
	s.m.MarkCorrupt(s.now, []BadBlock{{Block: f.b, Datanode: "dn-0"}})
	s.m.BlockReplication(f.b.ID, 1, 0)
	f.repl = 1
	for range 3 {
		s.now += 1000
		s.m.Tick(s.now)
	}
	if c := s.counts(f); c.Corrupt != 1 {
		t.Fatalf("the bad replica went while the good one is on a storage that has not been reported: %+v", c)
	}
	s.nodes[0].replicas[f.b.ID] = simReplica{b: f.b, bad: true}
	s.run(6)
	if c := s.counts(f); c.Corrupt != 0 || c.Live != 1 {
		t.Fatalf("%+v", c)
	}
}

// With as many datanodes as replicas, a bad replica has to go first so that a good one can take its place.
func TestRottenMakesRoom(t *testing.T) {
	s := newSim(t, 1, quick(), 3, 1)
	f := s.file(3, 0, 1, 2)
	s.m.MarkCorrupt(s.now, []BadBlock{{Block: f.b, Datanode: "dn-1"}})
	if l, _ := s.m.Located(f.b.ID); len(l.Locations) != 2 || l.Corrupt {
		t.Fatalf("readers are sent to %d replicas", len(l.Locations))
	}
	s.nodes[1].replicas[f.b.ID] = simReplica{b: f.b, bad: true}
	s.run(15)
	s.checkWhole()
}

func TestOnlyRottenReplicasAreShown(t *testing.T) {
	s := newSim(t, 1, quick(), 3, 1)
	f := s.file(2, 0, 1)
	s.m.MarkCorrupt(s.now, []BadBlock{{Block: f.b, Datanode: "dn-0"}, {Block: f.b, Datanode: "dn-1"}, {Block: f.b, Datanode: "dn-2"}})
	l, _ := s.m.Located(f.b.ID)
	if !l.Corrupt || len(l.Locations) != 2 {
		t.Fatalf("%+v", l)
	}
	s.run(5)
	if c := s.counts(f); c.Corrupt != 2 {
		t.Fatalf("the last replicas, bad as they are, were dropped: %+v", c)
	}
	if ids := s.m.CorruptBlocks(0, 10); !slices.Equal(ids, []hdfs.BlockID{f.b.ID}) {
		t.Fatal(ids)
	}
	st := s.m.BlockStatus(f.b.ID)
	if !st.Missing || !st.Corrupt || st.CorruptReason[0] != "CORRUPTION_REPORTED" {
		t.Fatalf("%+v", st)
	}
}

func TestReportsJudged(t *testing.T) {
	for _, c := range []struct {
		name   string
		bend   func(*hdfs.Block)
		state  hdfs.ReplicaState
		counts func(Replicas) bool
		why    string
	}{
		{"good", func(*hdfs.Block) {}, hdfs.ReplicaFinalized, func(c Replicas) bool { return c.Live == 2 }, ""},
		{"older generation stamp", func(b *hdfs.Block) { b.GenStamp-- }, hdfs.ReplicaFinalized, func(c Replicas) bool { return c.Live == 1 && c.Corrupt == 1 }, "GENSTAMP_MISMATCH"},
		{"newer generation stamp", func(b *hdfs.Block) { b.GenStamp++ }, hdfs.ReplicaFinalized, func(c Replicas) bool { return c.Live == 1 && c.Corrupt == 1 }, "GENSTAMP_MISMATCH"},
		{"shorter", func(b *hdfs.Block) { b.NumBytes-- }, hdfs.ReplicaFinalized, func(c Replicas) bool { return c.Live == 1 && c.Corrupt == 1 }, "SIZE_MISMATCH"},
		{"late RBW", func(*hdfs.Block) {}, hdfs.ReplicaRBW, func(c Replicas) bool { return c.Live == 1 && c.Corrupt == 0 }, ""},
		{"RBW of an older pipeline", func(b *hdfs.Block) { b.GenStamp-- }, hdfs.ReplicaRBW, func(c Replicas) bool { return c.Live == 1 && c.Corrupt == 1 }, "GENSTAMP_MISMATCH"},
		{"RWR", func(*hdfs.Block) {}, hdfs.ReplicaRWR, func(c Replicas) bool { return c.Live == 1 && c.Corrupt == 1 }, "INVALID_STATE"},
		{"temporary", func(*hdfs.Block) {}, hdfs.ReplicaTemporary, func(c Replicas) bool { return c.Live == 1 && c.Corrupt == 0 }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSim(t, 1, quick(), 3, 1)
			s.m.safe.healing = false // look at the judgement alone
			f := s.file(3, 0)
			b := f.b
			c.bend(&b)
			buf := report.Append(nil, report.Replica{Block: b, State: c.state})
			if _, err := s.m.BlockReport(s.now, "dn-1", s.nodes[1].storage(), report.Buffers{Count: 1, Chunks: [][]byte{buf}}); err != nil {
				t.Fatal(err)
			}
			if got := s.counts(f); !c.counts(got) {
				t.Fatalf("%+v", got)
			}
			if st := s.m.BlockStatus(f.b.ID); c.why != "" && st.CorruptReason[1] != c.why {
				t.Fatalf("%q, want %q", st.CorruptReason, c.why)
			}
		})
	}
}

func TestUnownedReplicaIsDeleted(t *testing.T) {
	s := newSim(t, 1, quick(), 2, 1)
	s.gs = 2000
	s.m.NoteGenStamp(2000)
	n := s.nodes[0]
	n.replicas[77] = simReplica{b: hdfs.Block{ID: 77, GenStamp: 1500, NumBytes: 3}}
	s.fullReport(n)
	s.run(3)
	if len(n.replicas) != 0 {
		t.Fatal("still there")
	}
}

func TestMalformedReportChangesNothing(t *testing.T) {
	s := newSim(t, 1, quick(), 3, 1)
	f := s.file(3, 0, 1, 2)
	_, err := s.m.BlockReport(s.now, "dn-0", s.nodes[0].storage(), report.Buffers{Count: 3, Chunks: [][]byte{{1, 2}}})
	if err == nil || s.counts(f).Live != 3 {
		t.Fatalf("%v, %+v", err, s.counts(f))
	}
	if _, err := s.m.BlockReport(s.now, "nobody", StorageStats{}, report.Longs{}); !errors.Is(err, ErrUnregistered) {
		t.Fatal(err)
	}
}

func TestPipeline(t *testing.T) {
	s := newSim(t, 1, quick(), 4, 1)
	b := hdfs.Block{ID: 5, GenStamp: 1010}
	s.m.BlockAdded(b, 1, 3, 0, false)
	s.m.SetExpected(b, []StorageRef{s.ref(0), s.ref(1), s.ref(2)})
	if l := s.m.Locations(5); len(l) != 3 || l[0].Datanode.UUID != "dn-0" {
		t.Fatalf("the expected pipeline is not shown: %v", l)
	}
	done := hdfs.Block{ID: 5, GenStamp: 1010, NumBytes: 99}
	woken := 0
	stop := s.m.Watch(5, func() { woken++ })
	s.report(0, b, Receiving)
	if s.m.EnoughReplicas(done) || woken != 0 {
		t.Fatal("a replica being written counts as finalized")
	}
	s.report(0, done, Received)
	if !s.m.EnoughReplicas(done) || s.m.AllReplicas(done) || woken != 1 {
		t.Fatalf("enough %v, all %v, woken %d", s.m.EnoughReplicas(done), s.m.AllReplicas(done), woken)
	}
	if s.m.EnoughReplicas(hdfs.Block{ID: 5, GenStamp: 1010, NumBytes: 98}) || s.m.EnoughReplicas(hdfs.Block{ID: 5, GenStamp: 1011, NumBytes: 99}) {
		t.Fatal("another length or generation stamp is enough")
	}
	s.report(1, done, Received)
	s.nodes[2].up = false // the third dies in mid-write: all that live is all
	s.run(20)
	if !s.m.AllReplicas(done) {
		t.Fatal("waits for a dead datanode")
	}
	stop()
	woken = 0
	s.m.BlockChanged(done, true)
	if c, _ := s.m.Replicas(5); c.Live != 2 || woken != 0 {
		t.Fatalf("%+v, woken %d after stop", c, woken)
	}
}

// The rest of a pipeline that has not reported at the close is expected, not missing.
func TestCloseDoesNotHealWhatIsOnItsWay(t *testing.T) {
	s := newSim(t, 1, quick(), 5, 1)
	b := hdfs.Block{ID: 5, GenStamp: 1010}
	s.m.BlockAdded(b, 1, 3, 0, false)
	s.m.SetExpected(b, []StorageRef{s.ref(0), s.ref(1), s.ref(2)})
	b.NumBytes = 7
	s.report(0, b, Received)
	s.m.BlockChanged(b, true)
	if st := s.m.Stats(); st.LowRedundancy != 0 || st.PendingReconstruction != 1 {
		t.Fatalf("%+v", st)
	}
	s.report(1, b, Received)
	s.report(2, b, Received)
	if st := s.m.Stats(); st.PendingReconstruction != 0 || st.Scheduled != 0 {
		t.Fatalf("%+v", st)
	}
}

func TestPipelineRecovery(t *testing.T) {
	s := newSim(t, 1, quick(), 4, 1)
	old := hdfs.Block{ID: 5, GenStamp: 1010}
	s.m.BlockAdded(old, 1, 3, 0, false)
	s.m.SetExpected(old, []StorageRef{s.ref(0), s.ref(1), s.ref(2)})
	left := hdfs.Block{ID: 5, GenStamp: 1010, NumBytes: 40}
	s.report(2, left, Received) // finalized under the old stamp, then cut off
	b := hdfs.Block{ID: 5, GenStamp: 1011, NumBytes: 80}
	s.report(0, b, Received) // overtakes updatePipeline
	s.m.BlockChanged(hdfs.Block{ID: 5, GenStamp: 1011}, false)
	s.m.SetExpected(b, []StorageRef{s.ref(0), s.ref(1)})
	if !s.m.EnoughReplicas(b) || s.m.AllReplicas(b) {
		t.Fatal("what was reported with the new stamp before the update is forgotten")
	}
	s.report(1, b, Received)
	s.m.BlockChanged(b, true)
	if c, _ := s.m.Replicas(5); c.Live != 2 || c.Corrupt != 0 {
		t.Fatalf("%+v", c)
	}
	// The third tells of its old replica again: it is deleted, since it can never be read.
	s.report(2, left, Received)
	if d := s.m.Stats(); d.PendingDeletion != 1 {
		t.Fatalf("%+v", d)
	}
	s.m.checkInvariants(t)
}

func TestRecovery(t *testing.T) {
	s := newSim(t, 1, quick(), 3, 1)
	b := hdfs.Block{ID: 5, GenStamp: 1010}
	s.m.BlockAdded(b, 1, 3, 0, false)
	if _, err := s.m.StartRecovery(b, 1011, nil); err == nil {
		t.Fatal("recovery without any replica")
	}
	s.m.SetExpected(b, []StorageRef{s.ref(0), s.ref(1), s.ref(2)})
	first, err := s.m.StartRecovery(b, 1011, nil)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := s.m.StartRecovery(b, 1012, &hdfs.Block{ID: 5, GenStamp: 1012, NumBytes: 3})
	if again.UUID == first.UUID {
		t.Fatal("the same primary is asked twice in a row")
	}
	reply, _ := s.m.Heartbeat(s.now, Heartbeat{UUID: first.UUID, Storages: []StorageStats{s.byUUID(first.UUID).storage()}})
	if len(reply.Commands) != 0 {
		t.Fatalf("the first order was not taken back: %v", reply.Commands)
	}
	reply, _ = s.m.Heartbeat(s.now, Heartbeat{UUID: again.UUID, Storages: []StorageStats{s.byUUID(again.UUID).storage()}})
	if len(reply.Commands) != 1 {
		t.Fatalf("%v", reply.Commands)
	}
	task := reply.Commands[0].(Recover).Tasks[0]
	if task.NewGenStamp != 1012 || len(task.Locations) != 3 || task.Truncate.NumBytes != 3 || task.Block.GenStamp != 1010 {
		t.Fatalf("%+v", task)
	}
	end := hdfs.Block{ID: 5, GenStamp: 1012, NumBytes: 3}
	s.m.BlockChanged(end, true)
	s.m.Synchronized(end, []StorageRef{s.ref(0), s.ref(2)})
	if c, _ := s.m.Replicas(5); c.Live != 2 {
		t.Fatalf("%+v", c)
	}
	s.m.checkInvariants(t)
}

func TestAppendKeepsReplicas(t *testing.T) {
	s := newSim(t, 1, quick(), 3, 1)
	f := s.file(3, 0, 1, 2)
	s.m.BlockChanged(f.b, false)
	if l := s.m.Locations(f.b.ID); len(l) != 3 {
		t.Fatalf("an appended block has %d locations", len(l))
	}
	// A client that appends without a new stamp and closes at once (colinmarc).
	if !s.m.EnoughReplicas(f.b) {
		t.Fatal("finalized replicas are forgotten")
	}
	grown := f.b
	grown.NumBytes += 10
	s.report(0, f.b, Receiving)
	s.report(0, grown, Received)
	s.report(1, grown, Received)
	s.report(2, grown, Received)
	s.m.BlockChanged(grown, true)
	if c := s.counts(f); c.Live != 3 || c.Corrupt != 0 {
		t.Fatalf("%+v", c)
	}
	s.m.checkInvariants(t)
}

func TestFollowerHoldsReports(t *testing.T) {
	s := newSim(t, 1, quick(), 2, 1)
	s.m.SetActive(s.now, false)
	b := hdfs.Block{ID: 9, GenStamp: 1001, NumBytes: 4}
	s.report(0, b, Received)
	s.report(1, hdfs.Block{ID: 10, GenStamp: 1002, NumBytes: 4}, Received)
	s.m.BlockAdded(hdfs.Block{ID: 9, GenStamp: 1001}, 1, 1, 0, false)
	s.m.BlockChanged(b, true)
	if c, _ := s.m.Replicas(9); c.Live != 1 {
		t.Fatalf("what was reported before the journal is lost: %+v", c)
	}
	if s.m.Stats().PendingDeletion != 0 {
		t.Fatal("a follower orders deletions")
	}
	s.m.SetActive(s.now, true)
	if s.m.Stats().PendingDeletion != 1 {
		t.Fatal("the leader keeps what nobody owns")
	}
}

func TestFailedStorage(t *testing.T) {
	s := newSim(t, 1, quick(), 4, 1)
	f := s.file(3, 0, 1, 2)
	n := s.nodes[0]
	st := n.storage()
	st.Failed = true
	if _, err := s.m.Heartbeat(s.now, Heartbeat{UUID: n.id.UUID, Storages: []StorageStats{st, {UUID: "other", Remaining: 1 << 40}}}); err != nil {
		t.Fatal(err)
	}
	if c := s.counts(f); c.Live != 2 {
		t.Fatalf("%+v", c)
	}
	// The block is found on another volume of the same datanode: that one counts, once.
	if err := s.m.IncrementalReport(s.now, n.id.UUID, StorageStats{UUID: "other"}, []ReceivedDeleted{{Block: f.b, Status: Received}}); err != nil {
		t.Fatal(err)
	}
	if c := s.counts(f); c.Live != 3 {
		t.Fatalf("%+v", c)
	}
	s.m.checkInvariants(t)
	// The failed one is no longer named: forgotten.
	if _, err := s.m.Heartbeat(s.now, Heartbeat{UUID: n.id.UUID, Storages: []StorageStats{{UUID: "other", Remaining: 1 << 40}}}); err != nil {
		t.Fatal(err)
	}
	if d := s.m.Datanode(n.id.UUID); len(d.Storages) != 1 {
		t.Fatalf("%+v", d.Storages)
	}
}

func TestReplicaMovesBetweenVolumes(t *testing.T) {
	s := newSim(t, 1, quick(), 3, 1)
	n := s.nodes[0]
	two := []StorageStats{n.storage(), {UUID: "second", Type: hdfs.StorageSSD, Remaining: 1 << 40}}
	if _, err := s.m.Heartbeat(s.now, Heartbeat{UUID: n.id.UUID, Storages: two}); err != nil {
		t.Fatal(err)
	}
	f := s.file(2, 0, 1)
	if err := s.m.IncrementalReport(s.now, n.id.UUID, two[1], []ReceivedDeleted{{Block: f.b, Status: Received}}); err != nil {
		t.Fatal(err)
	}
	if c := s.counts(f); c.Live != 2 {
		t.Fatalf("%+v", c)
	}
	if l := s.m.Locations(f.b.ID); l[1].StorageID != "second" && l[0].StorageID != "second" {
		t.Fatalf("%+v", l)
	}
	// The disk balancer's deletion from the first volume, reported late, takes nothing away.
	s.report(0, f.b, Deleted)
	if c := s.counts(f); c.Live != 2 {
		t.Fatalf("%+v", c)
	}
	s.m.checkInvariants(t)
}

func TestLeases(t *testing.T) {
	cfg := quick()
	cfg.MaxReportLeases = 2
	s := newSim(t, 1, cfg, 3, 1)
	ask := func(i int) uint64 {
		r, _ := s.m.Heartbeat(s.now, Heartbeat{UUID: s.nodes[i].id.UUID, WantsReportLease: true})
		return r.LeaseID
	}
	a, b, c := ask(0), ask(1), ask(2)
	if a == 0 || b == 0 || c != 0 {
		t.Fatalf("leases %x %x %x", a, b, c)
	}
	check := func(i int, id uint64) error {
		return s.m.CheckLease(s.now, s.nodes[i].id.UUID, ReportContext{TotalRPCs: 1, LeaseID: id})
	}
	if check(0, a) != nil || check(0, b) == nil || check(2, 0) != nil {
		t.Fatal("leases are mixed up")
	}
	s.m.ReportDone(s.nodes[0].id.UUID, ReportContext{TotalRPCs: 1})
	if c = ask(2); c == 0 {
		t.Fatal("a returned lease is not given on")
	}
	s.now += cfg.ReportLeaseLength
	if err := check(1, b); hdfs.ClassOf(err) != hdfs.InvalidReportLease {
		t.Fatal(err)
	}
}

func TestExcessPrefersTheHintAndKeepsRacks(t *testing.T) {
	for seed := range uint64(20) {
		s := newSim(t, seed, quick(), 6, 2) // even ones on /r0, odd ones on /r1
		f := s.file(3, 0, 2, 1)
		s.nodes[4].replicas[f.b.ID] = simReplica{b: f.b}
		n := s.nodes[4]
		if err := s.m.IncrementalReport(s.now, n.id.UUID, n.storage(), []ReceivedDeleted{{Block: f.b, Status: Received, DeleteHint: "dn-2"}}); err != nil {
			t.Fatal(err)
		}
		s.run(4)
		if _, still := s.nodes[2].replicas[f.b.ID]; still {
			t.Fatal("the hinted replica stays")
		}
		// The only one on its rack is hinted: not it.
		s.nodes[2].replicas[f.b.ID] = simReplica{b: f.b}
		n = s.nodes[2]
		_ = s.m.IncrementalReport(s.now, n.id.UUID, n.storage(), []ReceivedDeleted{{Block: f.b, Status: Received, DeleteHint: "dn-1"}})
		s.run(4)
		if _, still := s.nodes[1].replicas[f.b.ID]; !still {
			t.Fatal("the last replica of a rack was taken")
		}
		s.checkWhole()
	}
}

func TestMisplacedIsSpread(t *testing.T) {
	s := newSim(t, 3, quick(), 6, 2)
	f := s.file(3, 0, 2, 4)
	if st := s.m.BlockStatus(f.b.ID); !st.Misplaced {
		t.Fatalf("%+v", st)
	}
	s.run(10)
	s.checkWhole()
	if st := s.m.BlockStatus(f.b.ID); st.Misplaced {
		t.Fatalf("still on one rack: %+v", st)
	}
}

// What was as well placed as the only rack allowed is spread when the other rack comes back.
func TestRackReturns(t *testing.T) {
	s := newSim(t, 3, quick(), 6, 2)
	for i := range 3 {
		s.nodes[2*i+1].up = false
	}
	s.run(15)
	f := s.file(3, 0, 2, 4)
	s.run(2)
	if st := s.m.BlockStatus(f.b.ID); st.Misplaced {
		t.Fatal("misplaced on the only rack there is")
	}
	for i := range 3 {
		s.nodes[2*i+1].up = true
	}
	s.run(10)
	s.checkWhole()
	if st := s.m.BlockStatus(f.b.ID); st.Misplaced {
		t.Fatal("not spread")
	}
}

func TestBalancerAndBandwidth(t *testing.T) {
	s := newSim(t, 1, quick(), 3, 1)
	for range 50 {
		s.file(2, 0, 1)
	}
	list, err := s.m.BlocksOnNode("dn-0", 10_000, 100, nil)
	if err != nil || len(list) != 10 || len(list[0].Locations) != 2 {
		t.Fatalf("%d blocks, %v", len(list), err)
	}
	if list, _ = s.m.BlocksOnNode("dn-0", 1<<40, 100, nil); len(list) != 50 {
		t.Fatalf("%d of all blocks", len(list))
	}
	if list, _ = s.m.BlocksOnNode("dn-0", 1<<40, 2000, nil); len(list) != 0 {
		t.Fatal("small blocks are offered")
	}
	ssd := hdfs.StorageSSD
	if list, _ = s.m.BlocksOnNode("dn-0", 1<<40, 0, &ssd); len(list) != 0 {
		t.Fatal("disks pass for SSD")
	}
	if _, err = s.m.BlocksOnNode("nobody", 1, 1, nil); err == nil {
		t.Fatal("unknown datanode")
	}
	s.m.SetBalancerBandwidth(123)
	r, _ := s.m.Heartbeat(s.now, Heartbeat{UUID: "dn-1"})
	if len(r.Commands) != 1 || r.Commands[0] != (SetBandwidth{123}) {
		t.Fatalf("%v", r.Commands)
	}
	if r, _ = s.m.Heartbeat(s.now, Heartbeat{UUID: "dn-1"}); len(r.Commands) != 0 {
		t.Fatal("told twice")
	}
}

func TestSortByDistance(t *testing.T) {
	s := newSim(t, 1, quick(), 6, 3)
	f := s.file(4, 0, 1, 2, 3)
	firsts := map[string]bool{}
	for range 50 {
		l := s.m.Locations(f.b.ID)
		s.m.SortByDistance("10.0.0.3", l)
		if l[0].Datanode.UUID != "dn-3" || l[1].Datanode.UUID != "dn-0" {
			t.Fatalf("reader on dn-3 (/r0): %s %s", l[0].Datanode.UUID, l[1].Datanode.UUID)
		}
		s.m.SortByDistance("10.0.0.4", l) // /r1, without a replica
		if l[0].Datanode.UUID != "dn-1" {
			t.Fatalf("reader on dn-4 (/r1): %s", l[0].Datanode.UUID)
		}
		s.m.SortByDistance("", l)
		firsts[l[0].Datanode.UUID] = true
	}
	if len(firsts) < 3 {
		t.Fatalf("unknown readers all go to %v", firsts)
	}
}

func TestSlowNodes(t *testing.T) {
	s := newSim(t, 1, quick(), 4, 1)
	s.nodes[2].id.InfoPort = 0
	for _, i := range []int{0, 1} {
		_, _ = s.m.Heartbeat(s.now, Heartbeat{UUID: s.nodes[i].id.UUID, SlowPeers: []SlowPeer{{Peer: "10.0.0.2:9866", Latency: 9, Median: 1}}})
	}
	slow := s.m.SlowNodes()
	if len(slow) != 1 || slow[0].Datanode.UUID != "dn-2" || slow[0].Reports != 2 {
		t.Fatalf("%+v", slow)
	}
	r, _ := s.m.Heartbeat(s.now, Heartbeat{UUID: "dn-2"})
	if !r.Slow {
		t.Fatal("it is not told")
	}
}

// Same seed, same calls: same everything.
func TestDeterministic(t *testing.T) {
	trace := func() string {
		s := newSim(t, 42, quick(), 6, 2)
		s.late = true
		var b strings.Builder
		for range 100 {
			s.fault()
			s.run(1)
			fmt.Fprintf(&b, "%+v\n", s.m.Stats())
			for _, id := range s.ids {
				for _, l := range s.m.Locations(id) {
					b.WriteString(l.StorageID)
				}
			}
		}
		return b.String()
	}
	if first, second := trace(), trace(); first != second {
		t.Fatal("two runs of one seed differ")
	}
}
