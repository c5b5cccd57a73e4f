// Package report reads the two forms in which a datanode lists the replicas of a storage in a full block report
// (BlockListAsLongs): a flat list of longs, and the newer packed varints in buffers that may be cut anywhere. Both decoders
// visit the replicas in place, without a copy of the report.
package report

import (
	"encoding/binary"
	"fmt"

	"github.com/lodehq/lode/internal/hdfs"
)

// Replica is one entry of a report.
type Replica struct {
	Block hdfs.Block
	State hdfs.ReplicaState
}

const (
	lengthMask = 1<<48 - 1 // the upper bits are reserved (BlockListAsLongs.NUM_BYTES_MASK)
	stateMask  = 15
)

// Longs is the old form: two counts, three longs for each finalized replica, three longs of -1, four longs for each of the others.
type Longs []uint64

// Len is the number of replicas that the header announces, as far as the list can hold them.
func (l Longs) Len() int {
	if len(l) < 2 {
		return 0
	}
	return int(min(l[0], uint64(len(l)))) + int(min(l[1], uint64(len(l))))
}

// Each visits the replicas. An error means that the list is malformed; what was visited before it is well formed.
func (l Longs) Each(f func(Replica)) error {
	if len(l) == 0 {
		return nil
	}
	if len(l) < 2 {
		return fmt.Errorf("block report: %d longs hold no header", len(l))
	}
	finalized, open, rest := l[0], l[1], []uint64(l[2:])
	if finalized > uint64(len(rest))/3 {
		return fmt.Errorf("block report: %d finalized replicas announced, %d longs follow", finalized, len(rest))
	}
	for ; finalized > 0; finalized-- {
		f(Replica{Block: block(rest), State: hdfs.ReplicaFinalized})
		rest = rest[3:]
	}
	if len(rest) == 0 && open == 0 {
		return nil
	}
	const minus1 = ^uint64(0)
	if len(rest) < 3 || rest[0] != minus1 || rest[1] != minus1 || rest[2] != minus1 {
		return fmt.Errorf("block report: no delimiter after the finalized replicas")
	}
	rest = rest[3:]
	if open > uint64(len(rest))/4 {
		return fmt.Errorf("block report: %d open replicas announced, %d longs follow", open, len(rest))
	}
	for ; open > 0; open-- {
		if rest[3] > uint64(hdfs.ReplicaTemporary) {
			return fmt.Errorf("block report: replica state %d of block %d is unknown", rest[3], int64(rest[0]))
		}
		f(Replica{Block: block(rest), State: hdfs.ReplicaState(rest[3])})
		rest = rest[4:]
	}
	return nil
}

func block(l []uint64) hdfs.Block {
	return hdfs.Block{ID: hdfs.BlockID(l[0]), NumBytes: int64(l[1] & lengthMask), GenStamp: hdfs.GenStamp(l[2])}
}

// Buffers is the newer form: Count replicas of four varints each (zig-zag id, length, generation stamp, state) in chunks. A
// varint may be cut by the end of a chunk.
type Buffers struct {
	Count  uint64
	Chunks [][]byte
}

// Len is the number of replicas announced, as far as the buffers can hold them.
func (b Buffers) Len() int {
	n := 0
	for _, c := range b.Chunks {
		n += len(c)
	}
	return int(min(b.Count, uint64(n/4)))
}

// Each visits the replicas, as Longs.Each does.
func (b Buffers) Each(f func(Replica)) error {
	r := reader{chunks: b.Chunks}
	for i := uint64(0); i < b.Count; i++ {
		id, ok := r.varint()
		length, ok2 := r.varint()
		gs, ok3 := r.varint()
		state, ok4 := r.varint()
		if !ok || !ok2 || !ok3 || !ok4 {
			return fmt.Errorf("block report: the buffers end or are malformed in replica %d of %d", i+1, b.Count)
		}
		if state &= stateMask; state > uint64(hdfs.ReplicaTemporary) {
			return fmt.Errorf("block report: replica state %d of replica %d is unknown", state, i+1)
		}
		f(Replica{
			Block: hdfs.Block{ID: hdfs.BlockID(id>>1) ^ -hdfs.BlockID(id&1), NumBytes: int64(length & lengthMask), GenStamp: hdfs.GenStamp(gs)},
			State: hdfs.ReplicaState(state),
		})
	}
	return nil
}

type reader struct {
	cur    []byte
	chunks [][]byte
}

func (r *reader) varint() (uint64, bool) {
	if v, n := binary.Uvarint(r.cur); n > 0 {
		r.cur = r.cur[n:]
		return v, true
	} else if n < 0 {
		return 0, false
	}
	// The varint crosses into the next chunk: byte by byte.
	var v uint64
	for shift := 0; shift < 70; shift += 7 {
		for len(r.cur) == 0 {
			if len(r.chunks) == 0 {
				return 0, false
			}
			r.cur, r.chunks = r.chunks[0], r.chunks[1:]
		}
		c := r.cur[0]
		r.cur = r.cur[1:]
		if shift == 63 && c > 1 {
			return 0, false
		}
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return v, true
		}
	}
	return 0, false
}

// Append adds a replica in the newer form to buf: what a datanode of ours sends, and what tests feed.
func Append(buf []byte, r Replica) []byte {
	id := int64(r.Block.ID)
	buf = binary.AppendUvarint(buf, uint64(id<<1)^uint64(id>>63))
	buf = binary.AppendUvarint(buf, uint64(r.Block.NumBytes))
	buf = binary.AppendUvarint(buf, uint64(r.Block.GenStamp))
	return binary.AppendUvarint(buf, uint64(r.State))
}
