package queue

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lodehq/lode/internal/hdfs"
)

func TestLevel(t *testing.T) {
	for _, c := range []struct{ live, leaving, wanted, want int }{
		{3, 0, 3, Badly}, {2, 0, 3, Low}, {1, 0, 3, Highest}, {1, 2, 3, Highest}, {0, 1, 3, Highest},
		{0, 0, 3, Corrupt}, {2, 0, 10, VeryLow}, {3, 0, 10, VeryLow}, {4, 0, 10, Low}, {1, 0, 2, Highest},
	} {
		if got := Level(c.live, c.leaving, c.wanted); got != c.want {
			t.Errorf("Level(%d, %d, %d) = %d, want %d", c.live, c.leaving, c.wanted, got, c.want)
		}
	}
}

func TestFIFOAgainstSlice(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var q FIFO[int]
	var model []int
	for range 100_000 {
		k := rng.IntN(200)
		switch rng.IntN(5) {
		case 0, 1:
			if q.Add(k) != !slices.Contains(model, k) {
				t.Fatal("Add")
			}
			if !slices.Contains(model, k) {
				model = append(model, k)
			}
		case 2, 3:
			i := slices.Index(model, k)
			if q.Remove(k) != (i >= 0) {
				t.Fatal("Remove")
			}
			if i >= 0 {
				model = slices.Delete(model, i, i+1)
			}
		case 4:
			n := min(rng.IntN(3), len(model))
			if got := q.Take(n); !slices.Equal(got, model[:n]) {
				t.Fatalf("Take(%d) = %v, want %v", n, got, model[:n])
			}
			model = slices.Delete(model, 0, n)
		}
		if q.Len() != len(model) || q.Has(k) != slices.Contains(model, k) {
			t.Fatal("Len or Has")
		}
	}
	if !slices.Equal(q.Keys(-1), model) {
		t.Fatal("order")
	}
}

func TestChooseTakesTurns(t *testing.T) {
	var l LowRedundancy
	for i := range hdfs.BlockID(4) {
		l.Set(i, Low)
	}
	l.Set(9, Corrupt)
	l.Set(8, Highest)
	if got := l.Choose(3); !slices.Equal(got, []hdfs.BlockID{8, 0, 1}) {
		t.Fatal(got)
	}
	l.Remove(8)
	if got := l.Choose(10); !slices.Equal(got, []hdfs.BlockID{2, 3, 0, 1}) {
		t.Fatal(got)
	}
}

func TestPending(t *testing.T) {
	var p Pending
	p.Add(1, 100, 7)
	p.Add(2, 200, 7, 8)
	p.Add(1, 300, 9)
	if got := p.Expired(250); !slices.Equal(got, []hdfs.BlockID{2}) {
		t.Fatal(got)
	}
	if p.Done(1, func(s uint32) bool { return s == 8 }) || !p.Done(1, func(s uint32) bool { return s == 7 }) {
		t.Fatal("Done")
	}
	if !slices.Equal(p.Targets(1), []uint32{9}) || p.Len() != 1 {
		t.Fatal(p.Targets(1))
	}
	p.Done(1, func(uint32) bool { return true })
	if p.Len() != 0 {
		t.Fatal("left over")
	}
}
