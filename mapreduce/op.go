package mapreduce

import "bytes"

// Op is an associative operation on 64-bit integers that the engine knows: it aggregates in a hash table while the mapper
// runs, without a call of user code per record. Values must be coded with Int64 (AppendInt64, Context.EmitInt).
type Op struct {
	Name string
	kind opKind
}

type opKind uint8

const (
	opSum opKind = iota
	opMin
	opMax
)

// The known operations. Count is Sum: emit 1.
func Sum() *Op { return &Op{"sum", opSum} }

// Min keeps the smallest value.
func Min() *Op { return &Op{"min", opMin} }

// Max keeps the largest value.
func Max() *Op { return &Op{"max", opMax} }

// Fold combines two values.
func (o *Op) Fold(a, b int64) int64 {
	switch o.kind {
	case opMin:
		return min(a, b)
	case opMax:
		return max(a, b)
	}
	return a + b
}

// Reducer is the operation as an ordinary reducer (and combiner).
func (o *Op) Reducer() Reducer {
	var buf [8]byte
	return reduceFunc(func(c *Context, key []byte, vs *Values) error {
		var acc int64
		for first := true; vs.Next(); first = false {
			v, err := DecodeInt64(vs.Value())
			if err != nil {
				return err
			}
			if first {
				acc = v
			} else {
				acc = o.Fold(acc, v)
			}
		}
		if err := vs.Err(); err != nil {
			return err
		}
		return c.Emit(key, AppendInt64(buf[:0], acc))
	})
}

// Partitioner says which of n reduce tasks gets a record.
type Partitioner interface {
	Partition(key, value []byte, n int) int
}

// PartitionFunc is a Partitioner made of a function.
type PartitionFunc func(key, value []byte, n int) int

// Partition calls f.
func (f PartitionFunc) Partition(key, value []byte, n int) int { return f(key, value, n) }

// HashPartitioner spreads keys by the upper bits of a fixed 64-bit hash: the same in every process, for ever.
type HashPartitioner struct{}

// Partition implements Partitioner.
func (HashPartitioner) Partition(key, _ []byte, n int) int { return PartitionOfHash(Hash64(key), n) }

// PartitionOfHash maps a Hash64 to one of n partitions. It uses the upper half; hash tables use the lower.
func PartitionOfHash(h uint64, n int) int { return int((h >> 32) * uint64(n) >> 32) }

// JavaHashPartitioner is Hadoop's HashPartitioner over Text keys: (hash & MAX_INT) % n with WritableComparator.hashBytes.
type JavaHashPartitioner struct{}

// Partition implements Partitioner.
func (JavaHashPartitioner) Partition(key, _ []byte, n int) int {
	return int(JavaHashBytes(key)&0x7fffffff) % n
}

// JavaHashBytes is WritableComparator.hashBytes.
func JavaHashBytes(b []byte) int32 {
	h := int32(1)
	for _, c := range b {
		h = 31*h + int32(int8(c))
	}
	return h
}

// TotalOrder partitions by sorted cut points: keys below cuts[0] go to task 0, and so on. len(cuts) is n-1 or less.
type TotalOrder struct {
	Cuts    [][]byte
	Compare func(a, b []byte) int // nil: bytes.Compare
}

// Partition implements Partitioner.
func (t *TotalOrder) Partition(key, _ []byte, n int) int {
	compare := t.Compare
	if compare == nil {
		compare = bytes.Compare
	}
	lo, hi := 0, len(t.Cuts)
	for lo < hi {
		mid := (lo + hi) / 2
		if compare(t.Cuts[mid], key) <= 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return min(lo, n-1)
}
