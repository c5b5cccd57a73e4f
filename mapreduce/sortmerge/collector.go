package sortmerge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/lodehq/lode/mapreduce"
)

// Config says how map output is collected.
type Config struct {
	Partitions   int
	Partitioner  mapreduce.Partitioner // nil: HashPartitioner
	Compare      func(a, b []byte) int // nil: bytes.Compare
	Group        func(a, b []byte) int // groups of the combiner; nil: Compare
	Op           *mapreduce.Op         // known combine operation, or nil
	Combine      CombineFunc           // user's combiner, or nil
	TiesReversed bool
	Plain        bool  // do not compress
	MemoryLimit  int64 // bytes of arena and entries before a run is written; at least 1 MiB
	Dir          string
	Name         string // of the spill file in Dir
	Counters     *mapreduce.Counters
}

// CombineFunc applies a combiner to the groups of one partition; emit takes its output, in order.
type CombineFunc func(groups *Groups, emit func(key, value []byte) error) error

type entry struct {
	chunk, off, klen, vlen, part uint32
}

// Collector takes what a mapper emits. It is used from one goroutine.
type Collector struct {
	cfg      Config
	hashed   bool // partition by Hash64
	arena    arena
	entries  []entry
	items    []item
	spare    []item
	common   []byte // prefix that all keys in the arena share
	started  bool
	table    *opTable
	rows     int64 // rows since the table was started, for the decision to give it up
	decided  bool
	runs     []run
	outRecs  int64
	outBytes int64
	spilled  int64
	combIn   int64
	combOut  int64
	valueBuf [8]byte
}

type run struct {
	file  string
	index Index
}

// NewCollector checks cfg and makes a Collector.
func NewCollector(cfg Config) (*Collector, error) {
	if cfg.Partitions < 1 {
		return nil, fmt.Errorf("collect map output for %d partitions", cfg.Partitions)
	}
	if cfg.Counters == nil {
		cfg.Counters = mapreduce.NewCounters()
	}
	cfg.MemoryLimit = max(cfg.MemoryLimit, 1<<20)
	c := &Collector{cfg: cfg}
	if cfg.Partitioner == nil {
		c.cfg.Partitioner = mapreduce.HashPartitioner{}
	}
	_, c.hashed = c.cfg.Partitioner.(mapreduce.HashPartitioner)
	if cfg.Op != nil {
		c.table = newOpTable(cfg.Op, &c.arena)
	}
	return c, nil
}

// Collect copies a record.
func (c *Collector) Collect(key, value []byte) error {
	if c.table != nil {
		v, err := mapreduce.DecodeInt64(value)
		if err != nil {
			return err
		}
		return c.CollectInt(key, v)
	}
	c.outRecs++
	c.outBytes += int64(len(key) + len(value))
	return c.put(key, value)
}

// CollectInt takes a record with an Int64-coded value.
func (c *Collector) CollectInt(key []byte, v int64) error {
	if c.table == nil {
		return c.Collect(key, mapreduce.AppendInt64(c.valueBuf[:0], v))
	}
	c.outRecs++
	c.outBytes += int64(len(key) + 8)
	c.rows++
	if len(key) > MaxRecord-8 {
		return fmt.Errorf("key of %d bytes: the shuffle carries at most %d", len(key), MaxRecord-8)
	}
	c.table.add(key, v)
	if c.rows&0xfff == 0 {
		if !c.decided && c.rows >= 1<<16 {
			c.decided = true
			if int64(len(c.table.entries)) > c.rows*8/10 {
				return c.abandonTable()
			}
		}
		if c.arena.used+c.table.bytes() > c.cfg.MemoryLimit {
			return c.spill()
		}
	}
	return nil
}

// abandonTable turns the table's content into ordinary entries: nearly every key was new, so hashing only costs.
func (c *Collector) abandonTable() error {
	t := c.table
	c.table = nil
	kept := t.entries
	old := c.arena
	c.arena = arena{}
	for i := range kept {
		e := &kept[i]
		if err := c.put(old.at(e.chunk, e.off, e.klen), mapreduce.AppendInt64(c.valueBuf[:0], e.acc)); err != nil {
			return err
		}
	}
	c.combIn += c.rows
	c.combOut += int64(len(kept))
	return nil
}

func (c *Collector) put(key, value []byte) error {
	n := len(key) + len(value)
	if n > MaxRecord {
		return fmt.Errorf("record of %d bytes: the shuffle carries at most %d", n, MaxRecord)
	}
	part := 0
	if c.cfg.Partitions > 1 {
		if part = c.cfg.Partitioner.Partition(key, value, c.cfg.Partitions); part < 0 || part >= c.cfg.Partitions {
			return fmt.Errorf("partitioner answered %d, there are %d reduce tasks", part, c.cfg.Partitions)
		}
	}
	room, chunk, off := c.arena.alloc(n)
	copy(room, key)
	copy(room[len(key):], value)
	c.entries = append(c.entries, entry{chunk, off, uint32(len(key)), uint32(len(value)), uint32(part)})
	if !c.started {
		c.started, c.common = true, append(c.common[:0], key...)
	} else if !bytes.HasPrefix(key, c.common) {
		c.common = c.common[:commonLen(c.common, key)]
	}
	if c.arena.used+int64(len(c.entries))*52 > c.cfg.MemoryLimit {
		return c.spill()
	}
	return nil
}

func commonLen(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// sorted is the sorted content of the arena.
type sorted struct {
	c     *Collector
	items []item
	ints  []opEntry // when the content is a table
	buf   [8]byte
}

func (s *sorted) key(i int) []byte {
	n := s.items[i].index
	if s.ints != nil {
		e := &s.ints[n]
		return s.c.arena.at(e.chunk, e.off, e.klen)
	}
	e := &s.c.entries[n]
	return s.c.arena.at(e.chunk, e.off, e.klen)
}

func (s *sorted) value(i int) []byte {
	n := s.items[i].index
	if s.ints != nil {
		return mapreduce.AppendInt64(s.buf[:0], s.ints[n].acc)
	}
	e := &s.c.entries[n]
	return s.c.arena.at(e.chunk, e.off+e.klen, e.vlen)
}

func (c *Collector) sort() *sorted {
	s := &sorted{c: c}
	n := len(c.entries)
	if c.table != nil {
		s.ints = c.table.entries
		n = len(s.ints)
		c.common = c.common[:0]
		for i := range s.ints {
			key := c.arena.at(s.ints[i].chunk, s.ints[i].off, s.ints[i].klen)
			if i == 0 {
				c.common = append(c.common, key...)
			} else if !bytes.HasPrefix(key, c.common) {
				c.common = c.common[:commonLen(c.common, key)]
			}
		}
	}
	if cap(c.items) < n {
		c.items, c.spare = make([]item, n), make([]item, n)
	}
	s.items = c.items[:n]
	skip := len(c.common)
	if c.cfg.Compare != nil {
		skip = -1
	}
	for i := range n {
		j := i
		if c.cfg.TiesReversed {
			j = n - 1 - i
		}
		it := item{index: uint32(j)}
		var key []byte
		if s.ints != nil {
			e := &s.ints[j]
			key = c.arena.at(e.chunk, e.off, e.klen)
			if c.cfg.Partitions > 1 {
				if c.hashed {
					it.part = uint32(mapreduce.PartitionOfHash(e.hash, c.cfg.Partitions))
				} else {
					it.part = uint32(c.cfg.Partitioner.Partition(key, mapreduce.AppendInt64(c.valueBuf[:0], e.acc), c.cfg.Partitions))
				}
			}
		} else {
			e := &c.entries[j]
			key = c.arena.at(e.chunk, e.off, e.klen)
			it.part = e.part
		}
		if skip >= 0 {
			it.prefix = prefixOf(key[skip:])
		}
		s.items[i] = it
	}
	s.items = radixSort(s.items, c.spare[:n], c.cfg.Partitions)
	compare := c.cfg.Compare
	if compare == nil {
		compare = bytes.Compare
	}
	s.fixRuns(compare)
	return s
}

// fixRuns orders items of equal partition and prefix by their full keys.
func (s *sorted) fixRuns(compare func(a, b []byte) int) {
	keyOf := func(it item) []byte {
		if s.ints != nil {
			e := &s.ints[it.index]
			return s.c.arena.at(e.chunk, e.off, e.klen)
		}
		e := &s.c.entries[it.index]
		return s.c.arena.at(e.chunk, e.off, e.klen)
	}
	items := s.items
	for i := 0; i < len(items); {
		j := i + 1
		inOrder := true
		for j < len(items) && items[j].prefix == items[i].prefix && items[j].part == items[i].part {
			inOrder = inOrder && compare(keyOf(items[j-1]), keyOf(items[j])) <= 0
			j++
		}
		if !inOrder {
			slices.SortStableFunc(items[i:j], func(a, b item) int { return compare(keyOf(a), keyOf(b)) })
		}
		i = j
	}
}

func (c *Collector) empty() bool {
	return len(c.entries) == 0 && (c.table == nil || len(c.table.entries) == 0)
}

// spill writes the memory's content as a run and empties the memory.
func (c *Collector) spill() error {
	if c.empty() {
		return nil
	}
	file := filepath.Join(c.cfg.Dir, fmt.Sprintf("%s.spill%d", c.cfg.Name, len(c.runs)))
	index, err := c.writeSorted(file)
	if err != nil {
		return fmt.Errorf("spill map output: %w", err)
	}
	c.runs = append(c.runs, run{file, index})
	return nil
}

func (c *Collector) writeSorted(file string) (Index, error) {
	s := c.sort()
	if c.table != nil {
		c.combIn += c.rows
		c.combOut += int64(len(s.items))
	}
	at := 0
	index, n, err := writeFile(file, c.cfg.Partitions, c.cfg.Plain, func(part int, add func(k, v []byte) error) error {
		from := at
		for at < len(s.items) && int(s.items[at].part) == part {
			at++
		}
		if c.cfg.Combine == nil || from == at {
			for i := from; i < at; i++ {
				if err := add(s.key(i), s.value(i)); err != nil {
					return err
				}
			}
			return nil
		}
		c.combIn += int64(at - from)
		return c.cfg.Combine(NewGroups(&memorySource{s: s, i: from - 1, end: at}, c.compareGroup()), func(k, v []byte) error {
			c.combOut++
			return add(k, v)
		})
	})
	c.spilled += n
	c.entries = c.entries[:0]
	c.arena.reset()
	c.started = false
	c.rows = 0
	if c.table != nil {
		c.table.reset()
	}
	return index, err
}

func (c *Collector) compareGroup() func(a, b []byte) int {
	if c.cfg.Group != nil {
		return c.cfg.Group
	}
	return c.cfg.Compare
}

// memorySource is the Source of a sorted partition in memory.
type memorySource struct {
	s      *sorted
	i, end int
}

func (m *memorySource) Next() error {
	if m.i+1 >= m.end {
		return io.EOF
	}
	m.i++
	return nil
}
func (m *memorySource) Key() []byte   { return m.s.key(m.i) }
func (m *memorySource) Value() []byte { return m.s.value(m.i) }

// Finish writes the spill file Dir/Name and its index, and removes the runs.
func (c *Collector) Finish() (file string, index Index, err error) {
	file = filepath.Join(c.cfg.Dir, c.cfg.Name)
	if len(c.runs) == 0 {
		index, err = c.writeSorted(file)
	} else {
		if err = c.spill(); err == nil {
			index, err = c.mergeRuns(file)
		}
	}
	if err != nil {
		return "", nil, fmt.Errorf("write map output: %w", err)
	}
	if err := os.WriteFile(file+".index", index.Encode(), 0o600); err != nil {
		return "", nil, fmt.Errorf("write map output index: %w", err)
	}
	c.count(index)
	c.arena, c.entries, c.items, c.spare, c.table = arena{}, nil, nil, nil, nil
	return file, index, nil
}

func (c *Collector) mergeRuns(file string) (Index, error) {
	index, n, err := writeFile(file, c.cfg.Partitions, c.cfg.Plain, func(part int, add func(k, v []byte) error) (err error) {
		var sources []Source
		defer func() {
			for _, s := range sources {
				err = errors.Join(err, s.(*SegmentReader).Close())
			}
		}()
		for _, r := range c.runs {
			if r.index[part].Length == 0 {
				continue
			}
			s, err := OpenSegment(r.file, r.index[part])
			if err != nil {
				return err
			}
			sources = append(sources, s)
		}
		m, err := NewMerger(sources, c.cfg.Compare)
		if err != nil {
			return err
		}
		switch {
		case c.cfg.Op != nil:
			in, out, err := FoldOp(NewGroups(m, c.cfg.Compare), c.cfg.Op, add)
			c.combIn += in
			c.combOut += out
			return err
		case c.cfg.Combine != nil && len(c.runs) >= 3: // Hadoop's mapreduce.map.combine.minspills
			g := NewGroups(m, c.compareGroup())
			err := c.cfg.Combine(g, func(k, v []byte) error {
				c.combOut++
				return add(k, v)
			})
			c.combIn += g.Records()
			return err
		}
		return copyAll(m, add)
	})
	for _, r := range c.runs {
		err = errors.Join(err, os.Remove(r.file))
	}
	c.spilled += n
	return index, err
}

func (c *Collector) count(index Index) {
	n := c.cfg.Counters
	add := func(name string, v int64) { n.Get(mapreduce.GroupFramework, name).Add(v) }
	add(mapreduce.MapOutputRecords, c.outRecs)
	add(mapreduce.MapOutputBytes, c.outBytes)
	add(mapreduce.SpilledRecords, c.spilled)
	var size int64
	for _, s := range index {
		size += s.Length
	}
	add(mapreduce.MapOutputMaterialized, size)
	if c.cfg.Op != nil || c.cfg.Combine != nil {
		add(mapreduce.CombineInputRecords, c.combIn)
		add(mapreduce.CombineOutputRecords, c.combOut)
	}
	n.Get(mapreduce.GroupFileSystem, "FILE_BYTES_WRITTEN").Add(size)
}
