package mapreduce

import (
	"sort"
	"sync"
	"sync/atomic"
)

// Hadoop's counter groups (class names) that the engine fills.
const (
	GroupFramework  = "org.apache.hadoop.mapreduce.TaskCounter"
	GroupJob        = "org.apache.hadoop.mapreduce.JobCounter"
	GroupFileSystem = "org.apache.hadoop.mapreduce.FileSystemCounter"
	GroupShuffle    = "Shuffle Errors"
	GroupInput      = "org.apache.hadoop.mapreduce.lib.input.FileInputFormatCounter"
	GroupOutput     = "org.apache.hadoop.mapreduce.lib.output.FileOutputFormatCounter"
)

// Names in GroupFramework, in Hadoop's order (TaskCounter).
const (
	MapInputRecords       = "MAP_INPUT_RECORDS"
	MapOutputRecords      = "MAP_OUTPUT_RECORDS"
	MapOutputBytes        = "MAP_OUTPUT_BYTES"
	MapOutputMaterialized = "MAP_OUTPUT_MATERIALIZED_BYTES"
	SplitRawBytes         = "SPLIT_RAW_BYTES"
	CombineInputRecords   = "COMBINE_INPUT_RECORDS"
	CombineOutputRecords  = "COMBINE_OUTPUT_RECORDS"
	ReduceInputGroups     = "REDUCE_INPUT_GROUPS"
	ReduceShuffleBytes    = "REDUCE_SHUFFLE_BYTES"
	ReduceInputRecords    = "REDUCE_INPUT_RECORDS"
	ReduceOutputRecords   = "REDUCE_OUTPUT_RECORDS"
	SpilledRecords        = "SPILLED_RECORDS"
	ShuffledMaps          = "SHUFFLED_MAPS"
	FailedShuffle         = "FAILED_SHUFFLE"
	MergedMapOutputs      = "MERGED_MAP_OUTPUTS"
	CPUMilliseconds       = "CPU_MILLISECONDS"
	PhysicalMemoryBytes   = "PHYSICAL_MEMORY_BYTES"
)

// Counter is one number; safe for concurrent use.
type Counter struct{ v atomic.Int64 }

// Add adds n.
func (c *Counter) Add(n int64) { c.v.Add(n) }

// Value is the current number.
func (c *Counter) Value() int64 { return c.v.Load() }

// Counters is a set of counters by group and name; safe for concurrent use.
type Counters struct {
	mu sync.Mutex // guards m; no I/O under it
	m  map[CounterID]*Counter
}

// CounterID names a counter.
type CounterID struct{ Group, Name string }

// NewCounters makes an empty set.
func NewCounters() *Counters { return &Counters{m: map[CounterID]*Counter{}} }

// Get returns a counter, made at zero if absent. Keep the pointer in hot loops.
func (c *Counters) Get(group, name string) *Counter {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := CounterID{group, name}
	n := c.m[id]
	if n == nil {
		n = &Counter{}
		c.m[id] = n
	}
	return n
}

// Snapshot copies the numbers.
func (c *Counters) Snapshot() CounterValues {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(CounterValues, len(c.m))
	for id, n := range c.m {
		out[id] = n.Value()
	}
	return out
}

// CounterValues is a snapshot of counters.
type CounterValues map[CounterID]int64

// Add adds other to v.
func (v CounterValues) Add(other CounterValues) {
	for id, n := range other {
		v[id] += n
	}
}

// CounterGroup is a group for display.
type CounterGroup struct {
	Name, Title string
	Counters    []NamedCounter
}

// NamedCounter is a counter for display.
type NamedCounter struct {
	Name, Title string
	Value       int64
}

// Groups sorts the counters as Hadoop's client prints them: file system, job, framework, shuffle errors, others by name, then
// input and output formats.
func (v CounterValues) Groups() []CounterGroup {
	byName := map[string]*CounterGroup{}
	for id, n := range v {
		g := byName[id.Group]
		if g == nil {
			g = &CounterGroup{Name: id.Group, Title: groupTitle(id.Group)}
			byName[id.Group] = g
		}
		g.Counters = append(g.Counters, NamedCounter{id.Name, counterTitle(id.Group, id.Name), n})
	}
	out := make([]CounterGroup, 0, len(byName))
	for _, g := range byName {
		sort.Slice(g.Counters, func(i, j int) bool {
			ri, rj := counterRank(g.Name, g.Counters[i].Name), counterRank(g.Name, g.Counters[j].Name)
			if ri != rj {
				return ri < rj
			}
			return g.Counters[i].Name < g.Counters[j].Name
		})
		out = append(out, *g)
	}
	sort.Slice(out, func(i, j int) bool {
		if ri, rj := groupRank(out[i].Name), groupRank(out[j].Name); ri != rj {
			return ri < rj
		}
		return out[i].Name < out[j].Name
	})
	return out
}
