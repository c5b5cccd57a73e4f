package report

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/lodehq/lode/internal/hdfs"
)

func collect(t *testing.T, each func(func(Replica)) error) []Replica {
	t.Helper()
	var out []Replica
	if err := each(func(r Replica) { out = append(out, r) }); err != nil {
		t.Fatal(err)
	}
	return out
}

var sample = []Replica{
	{hdfs.Block{ID: 1073741825, GenStamp: 1001, NumBytes: 134217728}, hdfs.ReplicaFinalized},
	{hdfs.Block{ID: -7, GenStamp: 12, NumBytes: 0}, hdfs.ReplicaFinalized},
	{hdfs.Block{ID: 1073741830, GenStamp: 1<<40 + 3, NumBytes: 1<<47 + 1}, hdfs.ReplicaRBW},
	{hdfs.Block{ID: 1073741831, GenStamp: 1007, NumBytes: 300}, hdfs.ReplicaRWR},
}

// The bytes were worked out by hand from BlockListAsLongs.Builder: zig-zag id, then plain varints.
func TestBuffersBytes(t *testing.T) {
	got := Append(nil, Replica{hdfs.Block{ID: -1, GenStamp: 1001, NumBytes: 300}, hdfs.ReplicaRBW})
	if want := []byte{0x01, 0xac, 0x02, 0xe9, 0x07, 0x01}; !bytes.Equal(got, want) {
		t.Fatalf("% x, want % x", got, want)
	}
}

func TestBuffersCutAnywhere(t *testing.T) {
	var all []byte
	for _, r := range sample {
		all = Append(all, r)
	}
	for cut := 1; cut <= len(all); cut++ {
		var chunks [][]byte
		for rest := all; len(rest) > 0; {
			n := min(cut, len(rest))
			chunks, rest = append(chunks, rest[:n]), rest[n:]
		}
		got := collect(t, Buffers{Count: uint64(len(sample)), Chunks: chunks}.Each)
		if !slices.Equal(got, sample) {
			t.Fatalf("cut every %d bytes: %v", cut, got)
		}
	}
	if err := (Buffers{Count: 5, Chunks: [][]byte{all}}).Each(func(Replica) {}); err == nil {
		t.Fatal("five replicas read where there are four")
	}
}

func TestLongs(t *testing.T) {
	m := ^uint64(0)
	l := Longs{2, 2,
		1073741825, 134217728, 1001, ^uint64(6), 0, 12,
		m, m, m,
		1073741830, 1<<47 + 1, 1<<40 + 3, 1, 1073741831, 300, 1007, 2}
	if got := collect(t, l.Each); !slices.Equal(got, sample) {
		t.Fatal(got)
	}
	if got := collect(t, (Longs{0, 0, m, m, m}).Each); len(got) != 0 {
		t.Fatal(got)
	}
	for n := 1; n < len(l); n++ {
		if err := l[:n].Each(func(Replica) {}); err == nil {
			t.Fatalf("%d longs of %d were accepted", n, len(l))
		}
	}
}

func FuzzBuffers(f *testing.F) {
	var all []byte
	for _, r := range sample {
		all = Append(all, r)
	}
	f.Add(uint64(4), all, 3)
	f.Fuzz(func(t *testing.T, n uint64, data []byte, cut int) {
		chunks := [][]byte{data}
		if cut > 0 && cut < len(data) {
			chunks = [][]byte{data[:cut], data[cut:]}
		}
		count := 0
		b := Buffers{Count: n, Chunks: chunks}
		if err := b.Each(func(Replica) { count++ }); err == nil && uint64(count) != n {
			t.Fatalf("%d of %d replicas without an error", count, n)
		}
		if count > len(data)/4 {
			t.Fatalf("%d replicas out of %d bytes", count, len(data))
		}
	})
}

func FuzzLongs(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		l := make(Longs, len(data)/8)
		for i := range l {
			l[i] = binary.BigEndian.Uint64(data[8*i:])
		}
		count := 0
		if err := l.Each(func(Replica) { count++ }); err == nil && len(l) > 0 && uint64(count) != l[0]+l[1] {
			t.Fatalf("%d replicas, header %d %d", count, l[0], l[1])
		}
	})
}
