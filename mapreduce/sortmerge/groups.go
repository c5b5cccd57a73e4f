package sortmerge

import (
	"bytes"
	"io"

	"github.com/lodehq/lode/mapreduce"
)

// Groups cuts a sorted Source into groups of equal keys. It implements mapreduce.GroupSource.
type Groups struct {
	src     Source
	equal   func(a, b []byte) bool
	key     []byte // of the current group
	state   groupState
	err     error
	records int64
}

type groupState uint8

const (
	beforeFirst groupState = iota // nothing read
	atHead                        // src stands on a record that NextInGroup has not given out
	inGroup                       // src stands on a record that was given out
	atNextHead                    // src stands on the first record of the next group
	ended
)

// NewGroups groups by compare; nil means equal bytes.
func NewGroups(src Source, compare func(a, b []byte) int) *Groups {
	equal := bytes.Equal
	if compare != nil {
		equal = func(a, b []byte) bool { return compare(a, b) == 0 }
	}
	return &Groups{src: src, equal: equal}
}

// NextGroup skips the rest of the current group and moves to the next; false at the end or on an error (see Err).
func (g *Groups) NextGroup() bool {
	switch g.state {
	case beforeFirst:
		g.read(atHead)
	case atHead, inGroup:
		for g.state == atHead || g.state == inGroup {
			g.NextInGroup()
		}
		fallthrough
	case atNextHead:
		if g.state == atNextHead {
			g.state = atHead
		}
	}
	if g.state != atHead {
		return false
	}
	g.key = append(g.key[:0], g.src.Key()...)
	return true
}

func (g *Groups) read(next groupState) {
	if err := g.src.Next(); err != nil {
		g.state = ended
		if err != io.EOF {
			g.err = err
		}
		return
	}
	g.records++
	g.state = next
}

// NextInGroup moves to the next record of the current group.
func (g *Groups) NextInGroup() (key, value []byte, ok bool) {
	switch g.state {
	case atHead:
		g.state = inGroup
		return g.src.Key(), g.src.Value(), true
	case inGroup:
		g.read(inGroup)
		if g.state == ended {
			return nil, nil, false
		}
		if k := g.src.Key(); g.equal(k, g.key) {
			return k, g.src.Value(), true
		}
		g.state = atNextHead
	}
	return nil, nil, false
}

// Key is the key of the group's first record.
func (g *Groups) Key() []byte { return g.key }

// Records counts the records read so far.
func (g *Groups) Records() int64 { return g.records }

// Err is the error that ended the groups early.
func (g *Groups) Err() error { return g.err }

// FoldOp reduces every group with a known operation; it returns how many records came in and went out.
func FoldOp(g *Groups, op *mapreduce.Op, add func(k, v []byte) error) (in, out int64, err error) {
	var buf [8]byte
	for g.NextGroup() {
		_, v, _ := g.NextInGroup()
		acc, err := mapreduce.DecodeInt64(v)
		if err != nil {
			return g.records, out, err
		}
		for {
			_, v, ok := g.NextInGroup()
			if !ok {
				break
			}
			n, err := mapreduce.DecodeInt64(v)
			if err != nil {
				return g.records, out, err
			}
			acc = op.Fold(acc, n)
		}
		if g.err != nil {
			break
		}
		if err := add(g.key, mapreduce.AppendInt64(buf[:0], acc)); err != nil {
			return g.records, out, err
		}
		out++
	}
	return g.records, out, g.err
}
