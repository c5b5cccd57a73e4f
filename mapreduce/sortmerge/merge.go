package sortmerge

import (
	"bytes"
	"io"
)

// Source is a sorted row of records. Next returns io.EOF after the last; key and value are valid until the next call.
type Source interface {
	Next() error
	Key() []byte
	Value() []byte
}

func endOK(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// Merger merges sorted sources into one. Equal keys come in the order of the sources, so the merge is stable.
type Merger struct {
	sources []Source
	prefix  []uint64 // first 8 bytes of each head's key, when the order is that of the bytes
	done    []bool
	tree    []int // tree[0] is the winner, tree[1:] the losers of the inner nodes
	compare func(a, b []byte) int
	started bool
}

// NewMerger positions every source on its first record. compare nil means the order of the bytes.
func NewMerger(sources []Source, compare func(a, b []byte) int) (*Merger, error) {
	n := len(sources)
	m := &Merger{sources: sources, prefix: make([]uint64, n), done: make([]bool, n), tree: make([]int, max(n, 1)), compare: compare}
	for i := range sources {
		if err := m.advance(i); err != nil {
			return nil, err
		}
	}
	m.build()
	return m, nil
}

func (m *Merger) advance(i int) error {
	switch err := m.sources[i].Next(); err {
	case nil:
		if m.compare == nil {
			m.prefix[i] = prefixOf(m.sources[i].Key())
		}
		return nil
	case io.EOF:
		m.done[i] = true
		m.prefix[i] = ^uint64(0)
		return nil
	default:
		return err
	}
}

// less tells whether source a's head comes before b's.
func (m *Merger) less(a, b int) bool {
	if m.prefix[a] != m.prefix[b] {
		return m.prefix[a] < m.prefix[b]
	}
	if m.done[a] || m.done[b] {
		if m.done[a] != m.done[b] {
			return m.done[b]
		}
		return a < b
	}
	var c int
	if m.compare == nil {
		c = bytes.Compare(m.sources[a].Key(), m.sources[b].Key())
	} else {
		c = m.compare(m.sources[a].Key(), m.sources[b].Key())
	}
	if c != 0 {
		return c < 0
	}
	return a < b
}

// build plays the first tournament: leaves are n..2n-1, the parent of x is x/2.
func (m *Merger) build() {
	n := len(m.sources)
	if n < 2 {
		return
	}
	winner := make([]int, 2*n)
	for i := range n {
		winner[n+i] = i
	}
	for x := n - 1; x >= 1; x-- {
		a, b := winner[2*x], winner[2*x+1]
		if m.less(b, a) {
			a, b = b, a
		}
		winner[x], m.tree[x] = a, b
	}
	m.tree[0] = winner[1]
}

// Next moves to the next record in order.
func (m *Merger) Next() error {
	n := len(m.sources)
	if n == 0 {
		return io.EOF
	}
	w := m.tree[0]
	if !m.started {
		m.started = true
	} else if !m.done[w] {
		if err := m.advance(w); err != nil {
			return err
		}
		for x := (n + w) / 2; x >= 1; x /= 2 {
			if m.less(m.tree[x], w) {
				m.tree[x], w = w, m.tree[x]
			}
		}
		m.tree[0] = w
	}
	if m.done[w] {
		return io.EOF
	}
	return nil
}

// Key of the current record.
func (m *Merger) Key() []byte { return m.sources[m.tree[0]].Key() }

// Value of the current record.
func (m *Merger) Value() []byte { return m.sources[m.tree[0]].Value() }
