package sortmerge

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/lodehq/lode/mapreduce"
)

type kv struct{ k, v string }

func collectAll(t testing.TB, cfg Config, in []kv) [][]kv {
	t.Helper()
	cfg.Dir, cfg.Name = t.TempDir(), "map_0.out"
	c, err := NewCollector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range in {
		if err := c.Collect([]byte(r.k), []byte(r.v)); err != nil {
			t.Fatal(err)
		}
	}
	file, index, err := c.Finish()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadIndex(file)
	if err != nil || len(again) != len(index) {
		t.Fatalf("index: %v, %d segments", err, len(again))
	}
	if left, _ := filepath.Glob(filepath.Join(cfg.Dir, "*.spill*")); len(left) > 0 {
		t.Fatalf("runs left: %v", left)
	}
	out := make([][]kv, cfg.Partitions)
	for p := range out {
		s, err := OpenSegment(file, index[p])
		if err != nil {
			t.Fatal(err)
		}
		for {
			err := s.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			out[p] = append(out[p], kv{string(s.Key()), string(s.Value())})
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func randomRecords(n int, seed uint64) []kv {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]kv, n)
	for i := range out {
		k := make([]byte, r.IntN(14))
		for j := range k {
			k[j] = "ab\x00\xff"[r.IntN(4)]
		}
		out[i] = kv{"common-prefix-" + string(k), fmt.Sprint(i)}
	}
	return out
}

// Whatever the memory, the output is the stable sort of the input.
func TestCollectorSortsStably(t *testing.T) {
	in := randomRecords(40000, 7)
	want := append([]kv(nil), in...)
	sort.SliceStable(want, func(i, j int) bool { return want[i].k < want[j].k })
	for _, limit := range []int64{1 << 20, 64 << 20} {
		for _, parts := range []int{1, 3, 300} {
			out := collectAll(t, Config{Partitions: parts, MemoryLimit: limit}, in)
			per := make([][]kv, parts)
			for _, r := range want {
				p := mapreduce.HashPartitioner{}.Partition([]byte(r.k), nil, parts)
				per[p] = append(per[p], r)
			}
			for p := range per {
				if fmt.Sprint(per[p]) != fmt.Sprint(out[p]) {
					t.Fatalf("limit %d, %d parts: partition %d differs", limit, parts, p)
				}
			}
		}
	}
}

func TestCollectorComparatorAndTies(t *testing.T) {
	in := []kv{{"b", "1"}, {"a", "2"}, {"b", "3"}, {"c", "4"}}
	out := collectAll(t, Config{Partitions: 1, Compare: func(a, b []byte) int { return bytes.Compare(b, a) }}, in)
	if got := fmt.Sprint(out[0]); got != "[{c 4} {b 1} {b 3} {a 2}]" {
		t.Error(got)
	}
	out = collectAll(t, Config{Partitions: 1, TiesReversed: true}, in)
	if got := fmt.Sprint(out[0]); got != "[{a 2} {b 3} {b 1} {c 4}]" {
		t.Error(got)
	}
}

func TestCollectorOp(t *testing.T) {
	for _, distinct := range []int{50, 90000} { // the second one makes the table give up, and spill
		counters := mapreduce.NewCounters()
		c, err := NewCollector(Config{Partitions: 4, Op: mapreduce.Sum(), MemoryLimit: 1 << 20, Dir: t.TempDir(), Name: "m", Counters: counters})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]int64{}
		for i := range 100000 {
			k := fmt.Sprint("key", i*7919%distinct)
			want[k] += int64(i)
			if err := c.CollectInt([]byte(k), int64(i)); err != nil {
				t.Fatal(err)
			}
		}
		file, index, err := c.Finish()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int64{}
		for p, seg := range index {
			s, err := OpenSegment(file, seg)
			if err != nil {
				t.Fatal(err)
			}
			last := ""
			for s.Next() == nil {
				k := string(s.Key())
				if k <= last || (mapreduce.HashPartitioner{}).Partition(s.Key(), nil, 4) != p {
					t.Fatalf("key %q after %q in partition %d", k, last, p)
				}
				last = k
				if got[k], err = mapreduce.DecodeInt64(s.Value()); err != nil {
					t.Fatal(err)
				}
			}
			s.Close()
		}
		if len(got) != len(want) {
			t.Fatalf("%d keys, want %d", len(got), len(want))
		}
		for k, n := range want {
			if got[k] != n {
				t.Fatalf("%s: %d, want %d", k, got[k], n)
			}
		}
		v := counters.Snapshot()
		if n := v[mapreduce.CounterID{Group: mapreduce.GroupFramework, Name: mapreduce.MapOutputRecords}]; n != 100000 {
			t.Errorf("map output records %d", n)
		}
	}
}

func TestHundredMegabyteRecord(t *testing.T) {
	big := strings.Repeat("0123456789", 10_000_000)
	out := collectAll(t, Config{Partitions: 1, MemoryLimit: 1 << 20}, []kv{{"b", "x"}, {"a", big}, {"c", "y"}})
	if len(out[0]) != 3 || out[0][0].v != big || out[0][2].v != "y" {
		t.Error("the big record did not survive")
	}
}

func TestCorruptBlockIsFound(t *testing.T) {
	dir := t.TempDir()
	c, err := NewCollector(Config{Partitions: 1, Dir: dir, Name: "m"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		if err := c.Collect(fmt.Append(nil, i), []byte("value")); err != nil {
			t.Fatal(err)
		}
	}
	file, index, err := c.Finish()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 5, 9, 100, len(b) - 1} {
		bad := bytes.Clone(b)
		bad[at] ^= 0x40
		s := NewSegmentReader(bytes.NewReader(bad), nil, index[0].Length)
		for err = nil; err == nil; {
			err = s.Next()
		}
		if err == io.EOF {
			t.Errorf("flipped bit at %d not found", at)
		}
	}
}

func FuzzSegmentReader(f *testing.F) {
	var b bytes.Buffer
	w := &segmentWriter{w: &b}
	if err := w.add([]byte("key"), bytes.Repeat([]byte("v"), 100)); err != nil {
		f.Fatal(err)
	}
	if err := w.flush(); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(Index{{1, 2, 3, 4}}.Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		s := NewSegmentReader(bytes.NewReader(data), nil, int64(len(data)))
		for n := 0; n < 1000 && s.Next() == nil; n++ {
			_, _ = s.Key(), s.Value()
		}
		_, _ = DecodeIndex(data)
	})
}

func BenchmarkCollect100B(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	rec := make([]byte, 100*200000)
	for i := range rec {
		rec[i] = byte(32 + r.IntN(95))
	}
	b.SetBytes(int64(len(rec)))
	for b.Loop() {
		c, err := NewCollector(Config{Partitions: 4, MemoryLimit: 256 << 20, Dir: b.TempDir(), Name: "m"})
		if err != nil {
			b.Fatal(err)
		}
		for i := 0; i < len(rec); i += 100 {
			if err := c.Collect(rec[i:i+10], rec[i+10:i+100]); err != nil {
				b.Fatal(err)
			}
		}
		if _, _, err := c.Finish(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCountWords(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	z := rand.NewZipf(r, 1.1, 1, 200000)
	words := make([][]byte, 1<<20)
	n := 0
	for i := range words {
		words[i] = fmt.Append(nil, "w", z.Uint64()*7919)
		n += len(words[i]) + 1
	}
	b.SetBytes(int64(n))
	for b.Loop() {
		c, err := NewCollector(Config{Partitions: 4, Op: mapreduce.Sum(), MemoryLimit: 256 << 20, Dir: b.TempDir(), Name: "m"})
		if err != nil {
			b.Fatal(err)
		}
		for _, w := range words {
			if err := c.CollectInt(w, 1); err != nil {
				b.Fatal(err)
			}
		}
		if _, _, err := c.Finish(); err != nil {
			b.Fatal(err)
		}
	}
}
