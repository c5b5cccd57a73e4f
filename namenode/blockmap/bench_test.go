package blockmap

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/blockmap/report"
)

// full makes a map of n complete blocks, three replicas each, over ten datanodes.
func full(tb testing.TB, n int) *Map {
	m := New(DefaultConfig(), Options{Now: 1})
	for i := range n {
		m.BlockAdded(block(i), hdfs.INodeID(i), 3, hdfs.PolicyHot, true)
	}
	m.SetActive(1, true)
	for i := range 10 {
		id := DatanodeID{UUID: fmt.Sprint("dn", i), IP: fmt.Sprint("10.0.0.", i), XferPort: 9866}
		if _, err := m.Register(1, Registration{DatanodeID: id}); err != nil {
			tb.Fatal(err)
		}
	}
	for i := range 10 {
		if _, err := m.BlockReport(1, fmt.Sprint("dn", i), StorageStats{UUID: fmt.Sprint("s", i)}, listed(n, i)); err != nil {
			tb.Fatal(err)
		}
	}
	m.LeaveSafeMode(1, true)
	m.Tick(1)
	return m
}

func block(i int) hdfs.Block {
	return hdfs.Block{ID: hdfs.FirstBlockID + hdfs.BlockID(i) + 1, GenStamp: hdfs.GenStamp(1001 + i), NumBytes: 128 << 20}
}

// listed is the full report of datanode d: blocks i with i%10 in d, d+1, d+2.
func listed(n, d int) report.Buffers {
	var buf []byte
	count := uint64(0)
	for i := range n {
		if (i-d+20)%10 < 3 {
			buf = report.Append(buf, report.Replica{Block: block(i)})
			count++
		}
	}
	return report.Buffers{Count: count, Chunks: [][]byte{buf}}
}

// BenchmarkMemory prints the heap of a block with three replicas: table, index and replicas, datanodes included.
func BenchmarkMemory(b *testing.B) {
	const n = 1_000_000
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		m := full(b, n)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/block")
		runtime.KeepAlive(m)
	}
}

// BenchmarkFullReport takes the report of 1 M blocks, of which nothing has changed.
func BenchmarkFullReport(b *testing.B) {
	const n = 1_000_000
	m := New(DefaultConfig(), Options{Now: 1})
	_, _ = m.Register(1, Registration{DatanodeID: DatanodeID{UUID: "a"}})
	var buf []byte
	for i := range n {
		m.BlockAdded(block(i), 1, 1, hdfs.PolicyHot, true)
		buf = report.Append(buf, report.Replica{Block: block(i)})
	}
	m.SetActive(1, true)
	rep := report.Buffers{Count: n, Chunks: [][]byte{buf}}
	for b.Loop() {
		if _, err := m.BlockReport(1, "a", StorageStats{UUID: "s"}, rep); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/block")
}

// BenchmarkWriteBlock is what one block of three replicas costs in all: addBlock, targets, three reports, complete.
func BenchmarkWriteBlock(b *testing.B) {
	s := newSim(nil, 1, DefaultConfig(), 10, 2)
	i := 0
	for b.Loop() {
		targets, err := s.m.ChooseTargets(TargetRequest{Count: 3, BlockSize: 128 << 20, Writer: "10.0.0.1"})
		if err != nil {
			b.Fatal(err)
		}
		x := block(i)
		i++
		open := x
		open.NumBytes = 0
		s.m.BlockAdded(open, 1, 3, hdfs.PolicyHot, false)
		refs := make([]StorageRef, 0, 3)
		for _, l := range targets {
			refs = append(refs, l.Ref())
		}
		s.m.SetExpected(open, refs)
		for _, l := range targets {
			_ = s.m.IncrementalReport(s.now, l.Datanode.UUID, StorageStats{UUID: l.StorageID}, []ReceivedDeleted{{Block: x, Status: Received}})
		}
		if !s.m.AllReplicas(x) {
			b.Fatal("not there")
		}
		s.m.BlockChanged(x, true)
	}
}

// BenchmarkIncremental is one entry of an incremental report: a replica received for a block that has two.
func BenchmarkIncremental(b *testing.B) {
	const n = 1 << 18
	m := full(b, n)
	st := StorageStats{UUID: "s5"}
	i := 0
	for b.Loop() {
		i = (i*1103515245 + 12345) & (n - 1)
		x := []ReceivedDeleted{{Block: block(i), Status: Received}}
		_ = m.IncrementalReport(1, "dn5", st, x)
		x[0].Status = Deleted
		_ = m.IncrementalReport(1, "dn5", st, x)
	}
}

func BenchmarkLocated(b *testing.B) {
	const n = 1 << 18
	m := full(b, n)
	i := 0
	for b.Loop() {
		i = (i*1103515245 + 12345) & (n - 1)
		l, _ := m.Located(block(i).ID)
		m.SortByDistance("10.0.0.4", l.Locations)
	}
}

// BenchmarkDeath is the death of one of ten datanodes with 300,000 replicas on it.
func BenchmarkDeath(b *testing.B) {
	m := full(b, 1_000_000)
	for b.Loop() {
		m.RemoveDatanode(2, "dn3")
		m.drainSweeps()
		b.StopTimer()
		_, _ = m.Register(2, Registration{DatanodeID: DatanodeID{UUID: "dn3", IP: "10.0.0.3", XferPort: 9866}})
		_, _ = m.BlockReport(2, "dn3", StorageStats{UUID: "s3"}, listed(1_000_000, 3))
		b.StartTimer()
	}
}

func BenchmarkTick(b *testing.B) {
	m := full(b, 1<<18)
	now := int64(1)
	for b.Loop() {
		now += 3000
		m.Tick(now)
	}
}
