package placement

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/blockmap/policy"
)

func cluster(racks, perRack int) (*Cluster, []*Node) {
	c := new(Cluster)
	var all []*Node
	for r := range racks {
		for range perRack {
			n := &Node{Num: len(all), Rack: fmt.Sprintf("/r%d", r), InService: true,
				Storages: []*Storage{{Num: uint32(len(all) + 1), Type: hdfs.StorageDisk, Usable: true, Remaining: 1 << 30}}}
			all = append(all, n)
			c.Add(n)
		}
	}
	return c, all
}

var hot = policy.NewSuite().Get(hdfs.PolicyHot)

func rng(seed int) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 0)) }

func TestThreeReplicas(t *testing.T) {
	c, all := cluster(3, 4)
	for seed := range 200 {
		w := all[seed%len(all)]
		got := c.Choose(rng(seed), Options{}, Request{Count: 3, Writer: w, BlockSize: 1 << 20, Policy: hot, NewBlock: true})
		if len(got) != 3 || got[0].Node != w {
			t.Fatalf("seed %d: %d chosen, first not the writer's", seed, len(got))
		}
		if got[1].Node.Rack == w.Rack || got[2].Node.Rack != got[1].Node.Rack || got[1].Node == got[2].Node {
			t.Fatalf("seed %d: racks %s %s %s", seed, w.Rack, got[1].Node.Rack, got[2].Node.Rack)
		}
	}
}

func TestRackLimit(t *testing.T) {
	c, _ := cluster(3, 5)
	for seed := range 100 {
		got := c.Choose(rng(seed), Options{}, Request{Count: 7, BlockSize: 1, Policy: hot, NewBlock: true})
		per := map[string]int{}
		for _, g := range got {
			per[g.Node.Rack]++
		}
		for r, n := range per {
			if n > (7-1)/3+2 {
				t.Fatalf("seed %d: %d on %s", seed, n, r)
			}
		}
		if len(got) != 7 {
			t.Fatalf("seed %d: %d of 7", seed, len(got))
		}
	}
}

func TestDemands(t *testing.T) {
	for _, c := range []struct {
		name string
		bend func([]*Node, *Options, *Request)
		want func([]*Node, []Choice) bool
	}{
		{"leaving nodes never", func(n []*Node, _ *Options, _ *Request) { n[0].InService = false }, func(n []*Node, g []Choice) bool { return len(g) == 2 && !has(g, n[0]) }},
		{"stale only when needed", func(n []*Node, o *Options, _ *Request) { o.AvoidStale = true; n[1].Stale = true }, func(n []*Node, g []Choice) bool { return len(g) == 3 && has(g, n[1]) }},
		{"stale avoided", func(n []*Node, o *Options, r *Request) { o.AvoidStale = true; n[1].Stale = true; r.Count = 2 }, func(n []*Node, g []Choice) bool { return len(g) == 2 && !has(g, n[1]) }},
		{"busy avoided", func(n []*Node, o *Options, r *Request) {
			*o = Options{ConsiderLoad: true, LoadFactor: 2, Average: 3}
			n[2].Xceivers = 7
			r.Count = 2
		}, func(n []*Node, g []Choice) bool { return len(g) == 2 && !has(g, n[2]) }},
		{"busy when needed", func(n []*Node, o *Options, _ *Request) {
			*o = Options{ConsiderLoad: true, LoadFactor: 2, Average: 3}
			n[2].Xceivers = 7
		}, func(n []*Node, g []Choice) bool { return len(g) == 3 }},
		{"no room", func(n []*Node, _ *Options, r *Request) { n[0].Storages[0].Remaining = 10 }, func(n []*Node, g []Choice) bool { return len(g) == 2 && !has(g, n[0]) }},
		{"no room for what is on its way", func(n []*Node, _ *Options, r *Request) {
			n[0].Storages[0].Remaining = 5 * r.BlockSize
			n[0].Scheduled[hdfs.StorageDisk] = 5
		}, func(n []*Node, g []Choice) bool { return len(g) == 2 && !has(g, n[0]) }},
		{"excluded", func(n []*Node, _ *Options, r *Request) { r.Excluded = func(x *Node) bool { return x == n[2] } }, func(n []*Node, g []Choice) bool { return len(g) == 2 && !has(g, n[2]) }},
		{"no local write", func(n []*Node, _ *Options, r *Request) { r.Writer, r.NoLocal, r.Count = n[0], true, 2 }, func(n []*Node, g []Choice) bool { return len(g) == 2 && !has(g, n[0]) }},
		{"no local write, no other", func(n []*Node, _ *Options, r *Request) { r.Writer, r.NoLocal = n[0], true }, func(n []*Node, g []Choice) bool { return len(g) == 3 }},
		{"existing not again", func(n []*Node, _ *Options, r *Request) {
			r.Existing, r.Count = []Choice{{n[0], n[0].Storages[0]}}, 5
		}, func(n []*Node, g []Choice) bool { return len(g) == 2 && !has(g, n[0]) }},
		{"favored", func(n []*Node, _ *Options, r *Request) { r.Favored, r.Count = n[1:2], 1 }, func(n []*Node, g []Choice) bool { return has(g, n[1]) }},
		{"ssd falls back to disk", func(n []*Node, _ *Options, r *Request) { r.Policy = policy.NewSuite().Get(hdfs.PolicyAllSSD) }, func(n []*Node, g []Choice) bool { return len(g) == 3 }},
		{"one ssd", func(n []*Node, _ *Options, r *Request) {
			r.Policy = policy.NewSuite().Get(hdfs.PolicyOneSSD)
			n[1].Storages = append(n[1].Storages, &Storage{Num: 9, Type: hdfs.StorageSSD, Usable: true, Remaining: 1 << 30})
			r.Writer = n[1]
		}, func(n []*Node, g []Choice) bool { return len(g) == 3 && g[0].Storage.Num == 9 }},
		{"hot has no fallback for new blocks", func(n []*Node, _ *Options, r *Request) { n[0].Storages[0].Type = hdfs.StorageArchive }, func(n []*Node, g []Choice) bool { return len(g) == 2 }},
		{"hot has one for lost replicas", func(n []*Node, _ *Options, r *Request) {
			n[0].Storages[0].Type = hdfs.StorageArchive
			r.NewBlock = false
		}, func(n []*Node, g []Choice) bool { return len(g) == 3 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range 20 {
				cl, n := cluster(1, 3)
				o, r := Options{}, Request{Count: 3, BlockSize: 1 << 20, Policy: hot, NewBlock: true}
				c.bend(n, &o, &r)
				got := cl.Choose(rng(seed), o, r)
				if !c.want(n, got) {
					t.Fatalf("seed %d: %d chosen: %v", seed, len(got), got)
				}
			}
		})
	}
}

func has(g []Choice, n *Node) bool {
	for _, x := range g {
		if x.Node == n {
			return true
		}
	}
	return false
}

func TestReplacementKeepsTwoRacks(t *testing.T) {
	c, n := cluster(2, 3)
	for seed := range 50 {
		got := c.Choose(rng(seed), Options{}, Request{Count: 1, Writer: n[0], BlockSize: 1, Policy: hot,
			Existing: []Choice{{n[0], n[0].Storages[0]}, {n[1], n[1].Storages[0]}}})
		if len(got) != 1 || got[0].Node.Rack != "/r1" {
			t.Fatalf("seed %d: %v", seed, got)
		}
	}
}

func BenchmarkChoose(b *testing.B) {
	c, all := cluster(10, 10)
	r := rng(1)
	for b.Loop() {
		c.Choose(r, Options{ConsiderLoad: true, LoadFactor: 2, Average: 1}, Request{Count: 3, Writer: all[5], BlockSize: 1 << 27, Policy: hot, NewBlock: true})
	}
}
