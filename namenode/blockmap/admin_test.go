package blockmap

import (
	"fmt"
	"testing"

	"github.com/lodehq/lode/internal/hdfs"
)

func TestDecommission(t *testing.T) {
	s := newSim(t, 1, quick(), 5, 1)
	var files []*simBlock
	for range 30 {
		files = append(files, s.file(3, 0, 1, 2))
	}
	only := s.file(1, 0)
	s.m.SetHosts(s.now, Hosts{Exclude: []string{"host0"}})
	d := s.m.Datanode("dn-0")
	if d.Admin != AdminDecommissioning {
		t.Fatal(d.Admin)
	}
	s.m.Tick(s.now + 1000)
	if d = s.m.Datanode("dn-0"); d.LowBlocks != 31 || d.OnlyHereBlocks != 1 {
		t.Fatalf("waits for %d blocks, %d of them only there", d.LowBlocks, d.OnlyHereBlocks)
	}
	for i := range 60 {
		s.run(1)
		if s.m.Datanode("dn-0").Admin == AdminDecommissioned {
			for _, f := range append(files, only) {
				if s.counts(f).Live < f.repl {
					t.Fatalf("decommissioned after %d s while %s has %+v", i, f.b, s.counts(f))
				}
			}
			break
		}
	}
	if a := s.m.Datanode("dn-0").Admin; a != AdminDecommissioned {
		t.Fatal(a)
	}
	s.nodes[0].up = false
	s.nodes[0].replicas = map[hdfs.BlockID]simReplica{}
	s.run(20)
	s.checkWhole()
	// Recommissioned with its old replicas: the surplus goes.
	s.m.SetHosts(s.now, Hosts{})
	s.nodes[0].up, s.nodes[0].known = true, false
	for _, f := range files {
		s.nodes[0].replicas[f.b.ID] = simReplica{b: f.b}
	}
	s.run(20)
	s.checkWhole()
}

// HDFS-17658: what is being written must not lose its only copy either.
func TestDecommissionWaitsForOpenBlocks(t *testing.T) {
	s := newSim(t, 1, quick(), 3, 1)
	b := hdfs.Block{ID: 5, GenStamp: 1010}
	s.m.BlockAdded(b, 1, 1, 0, false)
	s.m.SetExpected(b, []StorageRef{s.ref(0)})
	s.report(0, b, Receiving)
	s.m.SetHosts(s.now, Hosts{Exclude: []string{"10.0.0.0:9866"}})
	s.run(20)
	if d := s.m.Datanode("dn-0"); d.Admin != AdminDecommissioning || d.LowOpenBlocks != 1 {
		t.Fatalf("%v, %d open blocks", d.Admin, d.LowOpenBlocks)
	}
	b.NumBytes = 9
	s.nodes[0].replicas[5] = simReplica{b: b}
	s.report(0, b, Received)
	s.m.BlockChanged(b, true)
	s.files[5] = &simBlock{b: b, repl: 1}
	s.ids = append(s.ids, 5)
	s.run(20)
	if d := s.m.Datanode("dn-0"); d.Admin != AdminDecommissioned {
		t.Fatalf("%v", d.Admin)
	}
	if c, _ := s.m.Replicas(5); c.Live != 1 || c.Decommissioned != 1 {
		t.Fatalf("%+v", c)
	}
}

func TestMaintenance(t *testing.T) {
	s := newSim(t, 1, quick(), 4, 1)
	f, only := s.file(3, 0, 1, 2), s.file(1, 0)
	until := s.now + 100_000
	s.m.SetHosts(s.now, Hosts{Maintenance: map[string]int64{"host0": until}})
	s.run(15)
	if d := s.m.Datanode("dn-0"); d.Admin != AdminInMaintenance {
		t.Fatal(d.Admin)
	}
	if c := s.counts(only); c.Live != 1 || c.InMaintenance != 1 {
		t.Fatalf("the only copy was not doubled first: %+v", c)
	}
	if c := s.counts(f); c.Live != 2 || c.InMaintenance != 1 {
		t.Fatalf("two copies are enough for the time: %+v", c)
	}
	s.nodes[0].up = false
	s.run(30)
	if c := s.counts(f); c.Live != 2 || c.InMaintenance != 1 {
		t.Fatalf("a datanode in maintenance may be silent: %+v", c)
	}
	if l := s.m.Locations(f.b.ID); len(l) != 2 {
		t.Fatalf("readers are sent to a machine that is off: %d", len(l))
	}
	s.run(100)
	if s.m.Datanode("dn-0").Admin != AdminNormal {
		t.Fatal("the time is over")
	}
	if c := s.counts(f); c.Live != 3 || c.InMaintenance != 0 {
		t.Fatalf("it never came back: %+v", c)
	}
	s.nodes[0].up, s.nodes[0].known = true, false
	s.run(20)
	s.checkWhole()
}

func TestIncludeList(t *testing.T) {
	s := newSim(t, 1, quick(), 3, 1)
	s.m.SetHosts(s.now, Hosts{Include: []string{"10.0.0.0", "10.0.0.1", "never-seen"}})
	_, err := s.m.Heartbeat(s.now, Heartbeat{UUID: "dn-2"})
	if hdfs.ClassOf(err) != hdfs.DisallowedDatanode {
		t.Fatal(err)
	}
	if _, err = s.m.Register(s.now, Registration{DatanodeID: s.nodes[2].id}); hdfs.ClassOf(err) != hdfs.DisallowedDatanode {
		t.Fatal(err)
	}
	dead := s.m.Datanodes(NodesDead)
	if len(dead) != 2 || dead[1].Hostname != "never-seen" {
		t.Fatalf("%d dead", len(dead))
	}
}

// TestDecommissionSimulation takes datanodes out one by one under faults; at the moment when one is decommissioned it is wiped, and nothing may be lost.
func TestDecommissionSimulation(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := newSim(t, seed, quick(), 7, 1+int(seed%3))
			s.late = true
			for range 40 {
				s.fault()
				s.run(1)
			}
			s.heal()
			s.run(30)
			s.late = true
			for i := range 3 {
				out := s.nodes[i]
				var exclude []string
				for j := range i + 1 {
					exclude = append(exclude, s.nodes[j].id.Hostname)
				}
				s.m.SetHosts(s.now, Hosts{Exclude: exclude})
				for range 500 { // a copy that gets lost is ordered again after 30 s
					if s.rng.IntN(3) == 0 {
						s.create(1+s.rng.IntN(3), s.rng.IntN(3) == 0)
					}
					s.run(1)
					if s.m.Datanode(out.id.UUID).Admin == AdminDecommissioned {
						break
					}
					for _, id := range s.ids {
						// Open blocks are finished sooner or later, as their writers or the lease monitor do.
						if f := s.files[id]; f.open && s.rng.IntN(4) == 0 {
							s.gs++
							_, _ = s.m.StartRecovery(f.b, s.gs, nil)
						}
					}
				}
				if a := s.m.Datanode(out.id.UUID).Admin; a != AdminDecommissioned {
					n := s.m.byUUID[out.id.UUID]
					t.Fatalf("dn-%d is still %s: %d low, %d only there, %d open, waits for %v", i, a, n.leaving.low, n.leaving.only, n.leaving.open, n.leaving.waits)
				}
				for id := range out.replicas {
					f := s.files[id]
					if f == nil {
						continue
					}
					others := 0
					for _, n := range s.nodes {
						if r, ok := n.replicas[id]; ok && n != out && n.up && !r.bad && r.b.GenStamp >= f.b.GenStamp && s.m.Datanode(n.id.UUID).Admin == AdminNormal {
							others++
						}
					}
					if others == 0 && f.rotted == 0 {
						t.Fatalf("dn-%d is decommissioned with the only copy of %s (open %v)", i, f.b, f.open)
					}
				}
				out.up = false
				out.replicas = map[hdfs.BlockID]simReplica{}
			}
		})
	}
}

// TestMaintenanceSimulation puts one datanode after the other into maintenance under faults and switches it off: every block stays readable.
func TestMaintenanceSimulation(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := newSim(t, seed, quick(), 7, 1+int(seed%3))
			s.late = true
			for range 40 {
				s.fault()
				s.run(1)
			}
			s.heal()
			s.run(30)
			s.late = true
			for i := range 3 {
				out := s.nodes[i]
				s.m.SetHosts(s.now, Hosts{Maintenance: map[string]int64{out.id.Hostname: 0}})
				for range 500 {
					if s.rng.IntN(5) == 0 {
						s.create(1+s.rng.IntN(3), false)
					}
					s.run(1)
					if s.m.Datanode(out.id.UUID).Admin == AdminInMaintenance {
						break
					}
				}
				if a := s.m.Datanode(out.id.UUID).Admin; a != AdminInMaintenance {
					t.Fatalf("dn-%d is still %s", i, a)
				}
				out.up = false
				s.run(15)
				for _, id := range s.ids {
					if f := s.files[id]; !f.open && s.good(id) == 0 && f.rotted == 0 {
						t.Fatalf("%s cannot be read while dn-%d is off", f.b, i)
					}
				}
				out.up, out.known = true, false
				s.m.SetHosts(s.now, Hosts{})
				s.run(20)
			}
			s.heal()
			s.run(200)
			s.checkWhole()
			s.m.checkInvariants(t)
		})
	}
}
