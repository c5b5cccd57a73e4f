package blockmap

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/blockmap/report"
)

// twin is the naive model: what each datanode has last said of each block, and what the namespace wants, in plain maps. It judges a block from
// scratch by the rules of the reference, each time it is asked.
type twin struct {
	blocks map[hdfs.BlockID]twinBlock
	said   []map[hdfs.BlockID]simReplica // by datanode
	rotten []map[hdfs.BlockID]bool
	alive  []bool
}

type twinBlock struct {
	b    hdfs.Block
	open bool
}

// judge lists the datanodes with good and with bad replicas of a block.
func (w *twin) judge(id hdfs.BlockID) (good, bad []int) {
	f := w.blocks[id]
	for i, said := range w.said {
		r, ok := said[id]
		if !ok || !w.alive[i] {
			continue
		}
		switch {
		case f.open:
			if r.state == hdfs.ReplicaFinalized && r.b.GenStamp == f.b.GenStamp && !w.rotten[i][id] {
				good = append(good, i)
			}
		case r.state == hdfs.ReplicaRBW && r.b.GenStamp == f.b.GenStamp:
		case r.b != f.b || r.state != hdfs.ReplicaFinalized || w.rotten[i][id]:
			bad = append(bad, i)
		default:
			good = append(good, i)
		}
	}
	return good, bad
}

// TestAgainstTwin feeds the same random reports, deaths and changes of files to the map, with healing off, and to the twin.
func TestAgainstTwin(t *testing.T) {
	const nodes, ids = 5, 12
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 5))
		s := newSim(t, seed, DefaultConfig(), nodes, 1)
		s.m.safe.healing = false
		s.m.cfg.SweepSlice = []int{1 << 20, 3}[seed%2]
		w := &twin{blocks: map[hdfs.BlockID]twinBlock{}}
		for range nodes {
			w.said, w.rotten, w.alive = append(w.said, map[hdfs.BlockID]simReplica{}), append(w.rotten, map[hdfs.BlockID]bool{}), append(w.alive, true)
		}
		gs := hdfs.GenStamp(2000)
		for step := range 1500 {
			id := hdfs.BlockID(rng.IntN(ids) + 1)
			i := rng.IntN(nodes)
			f, known := w.blocks[id]
			n := s.nodes[i]
			what := ""
			switch op := rng.IntN(24); {
			case op < 3 && !known:
				gs++
				f = twinBlock{b: hdfs.Block{ID: id, GenStamp: gs}, open: true}
				w.blocks[id] = f
				s.m.BlockAdded(f.b, 1, 3, 0, false)
				what = "add"
			case op < 10 && known && w.alive[i]:
				r := simReplica{b: f.b}
				if f.open {
					r.b.NumBytes = 10
				}
				switch rng.IntN(8) {
				case 0:
					r.b.GenStamp--
				case 1:
					r.b.NumBytes++
				}
				if old, ok := w.said[i][id]; ok && (old.b.GenStamp > r.b.GenStamp || w.rotten[i][id]) {
					continue // datanodes do not go back, and do not heal
				}
				w.said[i][id] = r
				s.report(i, r.b, Received)
				what = fmt.Sprint("received ", r.b, " len ", r.b.NumBytes)
			case op < 12 && known && w.alive[i]:
				if r, ok := w.said[i][id]; ok {
					delete(w.said[i], id)
					delete(w.rotten[i], id)
					s.report(i, r.b, Deleted)
					what = "deleted"
				}
			case op < 14 && known && f.open:
				f = twinBlock{b: hdfs.Block{ID: id, GenStamp: f.b.GenStamp, NumBytes: 10}}
				w.blocks[id] = f
				s.m.BlockChanged(f.b, true)
				what = "complete"
			case op == 14 && known && f.open:
				gs++
				f.b.GenStamp = gs
				w.blocks[id] = f
				s.m.BlockChanged(f.b, false)
				what = "new stamp"
			case op == 15 && known:
				delete(w.blocks, id)
				s.m.BlockRemoved(id)
				for j := range w.said {
					delete(w.said[j], id)
					delete(w.rotten[j], id)
					s.m.nodes[j].doomed.Take(s.m.nodes[j].doomed.Len())
				}
				what = "remove"
			case op == 16 && known && !f.open && w.alive[i]:
				if _, ok := w.said[i][id]; ok {
					w.rotten[i][id] = true
					s.m.MarkCorrupt(s.now, []BadBlock{{Block: f.b, Datanode: n.id.UUID}})
					what = "rotten"
				}
			case op == 17 && w.alive[i]:
				w.alive[i] = false
				w.said[i], w.rotten[i] = map[hdfs.BlockID]simReplica{}, map[hdfs.BlockID]bool{}
				s.m.RemoveDatanode(s.now, n.id.UUID)
				what = "dead"
			case op < 20 && !w.alive[i]:
				w.alive[i] = true
				if _, err := s.m.Register(s.now, Registration{DatanodeID: n.id}); err != nil {
					t.Fatal(err)
				}
				what = "back"
			case op < 23 && w.alive[i]:
				// A full report: some replicas are gone, some come that were never told of.
				var list []hdfs.BlockID
				for b := range w.blocks {
					list = append(list, b)
				}
				slices.Sort(list)
				var buf []byte
				count := uint64(0)
				for _, b := range list {
					r, ok := w.said[i][b]
					switch {
					case ok && rng.IntN(6) == 0:
						delete(w.said[i], b)
						delete(w.rotten[i], b)
						continue
					case !ok && !w.blocks[b].open && rng.IntN(4) == 0:
						r = simReplica{b: w.blocks[b].b}
						w.said[i][b] = r
					case !ok:
						continue
					}
					buf = report.Append(buf, report.Replica{Block: r.b, State: r.state})
					count++
				}
				if _, err := s.m.BlockReport(s.now, n.id.UUID, n.storage(), report.Buffers{Count: count, Chunks: [][]byte{buf}}); err != nil {
					t.Fatal(err)
				}
				what = "full report"
			}
			if what == "" {
				continue
			}
			for b := range w.blocks {
				good, bad := w.judge(b)
				c, ok := s.m.Replicas(b)
				if !ok || c.Live != len(good) || c.Corrupt != len(bad) {
					t.Fatalf("seed %d step %d (%s %d on %d): block %v open %v: map counts %+v, twin good on %v, bad on %v", seed, step, what, id, i, w.blocks[b].b, w.blocks[b].open, c, good, bad)
				}
				if want, got := len(good) >= 1, s.m.EnoughReplicas(w.blocks[b].b); !w.blocks[b].open && want != got {
					t.Fatalf("seed %d step %d: enough is %v", seed, step, got)
				}
			}
		}
		s.m.checkInvariants(t)
	}
}
