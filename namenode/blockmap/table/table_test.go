package table

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"github.com/lodehq/lode/internal/hdfs"
)

type twin struct {
	b      hdfs.Block
	inode  hdfs.INodeID
	repl   uint16
	policy uint8
	state  State
	rs     []Replica
}

func TestRecordSize(t *testing.T) {
	if n := unsafe.Sizeof(record{}); n != 40 {
		t.Fatalf("a record is %d bytes, the package promises 40", n)
	}
}

// TestAgainstMap drives the table and a map of plain structs with the same random calls.
func TestAgainstMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var tab Table
	model := map[hdfs.BlockID]*twin{}
	for step := range 200_000 {
		id := hdfs.BlockID(rng.Int64N(3000) - 200)
		m, r := model[id], tab.Find(id)
		if (m == nil) != (r == 0) {
			t.Fatalf("step %d: block %d: model %v, table %d", step, id, m, r)
		}
		if m == nil {
			if rng.IntN(3) > 0 {
				continue
			}
			n := &twin{b: hdfs.Block{ID: id, GenStamp: hdfs.GenStamp(rng.Int64N(1 << 47)), NumBytes: rng.Int64N(1 << 47)},
				inode: hdfs.INodeID(rng.Int64N(1 << 47)), repl: uint16(rng.IntN(1000)), policy: uint8(rng.IntN(16)), state: State(rng.IntN(2))}
			model[id] = n
			tab.Insert(n.b, n.inode, n.repl, n.policy, n.state)
			continue
		}
		s := uint32(rng.IntN(12) + 1)
		at := slices.IndexFunc(m.rs, func(x Replica) bool { return x.Storage == s })
		switch op := rng.IntN(20); {
		case op < 9:
			if at < 0 {
				x := Replica{Storage: s, Flags: Flags(rng.IntN(8))}
				m.rs = append(m.rs, x)
				tab.Add(r, x)
			}
		case op < 15:
			if tab.Remove(r, s) != (at >= 0) {
				t.Fatal("Remove disagrees")
			}
			if at >= 0 {
				m.rs = slices.Delete(m.rs, at, at+1)
			}
		case op < 17:
			on := rng.IntN(2) == 0
			tab.SetFlags(r, s, Corrupt, on)
			if at >= 0 && on {
				m.rs[at].Flags |= Corrupt
			} else if at >= 0 {
				m.rs[at].Flags &^= Corrupt
			}
		case op < 18:
			m.b.GenStamp, m.b.NumBytes = hdfs.GenStamp(rng.Int64N(1<<47)), rng.Int64N(1<<47)
			m.repl, m.policy, m.state = uint16(rng.IntN(1000)), uint8(rng.IntN(16)), State(rng.IntN(2))
			tab.SetGenStamp(r, m.b.GenStamp)
			tab.SetNumBytes(r, m.b.NumBytes)
			tab.SetReplication(r, m.repl)
			tab.SetPolicy(r, m.policy)
			tab.SetState(r, m.state)
		case op < 19:
			tab.Delete(r)
			delete(model, id)
			continue
		}
		if tab.Block(r) != m.b || tab.INode(r) != m.inode || tab.Replication(r) != int(m.repl) || tab.Policy(r) != m.policy || tab.State(r) != m.state {
			t.Fatalf("step %d: %v %d differs from %+v", step, tab.Block(r), tab.INode(r), m)
		}
		got := tab.Replicas(r, nil)
		if !slices.Equal(got, m.rs) {
			t.Fatalf("step %d: replicas %v, want %v", step, got, m.rs)
		}
	}
	seen := 0
	for at := Ref(0); ; {
		at = tab.Walk(at, 100, func(r Ref) {
			seen++
			if model[tab.ID(r)] == nil {
				t.Fatalf("walk met unknown block %d", tab.ID(r))
			}
		})
		if at == 0 {
			break
		}
	}
	if seen != len(model) || tab.Len() != len(model) {
		t.Fatalf("walk saw %d, table says %d, model has %d", seen, tab.Len(), len(model))
	}
}

func BenchmarkFind(b *testing.B) {
	var t Table
	const n = 1 << 20
	for i := range n {
		t.Insert(hdfs.Block{ID: hdfs.FirstBlockID + hdfs.BlockID(i), GenStamp: 1001, NumBytes: 1}, 1, 3, 0, Complete)
	}
	i := 0
	for b.Loop() {
		i = (i*1103515245 + 12345) & (n - 1)
		if t.Find(hdfs.FirstBlockID+hdfs.BlockID(i)) == 0 {
			b.Fatal("lost")
		}
	}
}

// BenchmarkMemory prints the heap bytes of a block with three replicas.
func BenchmarkMemory(b *testing.B) {
	const n = 1 << 20
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		t := new(Table)
		for i := range n {
			r := t.Insert(hdfs.Block{ID: hdfs.FirstBlockID + hdfs.BlockID(i), GenStamp: 1001, NumBytes: 1}, 1, 3, 0, Complete)
			for s := range uint32(3) {
				t.Add(r, Replica{Storage: s + 1})
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/block")
		runtime.KeepAlive(t)
	}
}
