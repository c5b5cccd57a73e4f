package mapreduce

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// Codec turns values of T into bytes and back. The codecs of this package that are not JSON preserve order: comparing the
// bytes compares the values.
type Codec[T any] struct {
	Append func(dst []byte, v T) []byte
	Decode func(b []byte) (T, error)
}

// String is the identity codec of strings.
func String() Codec[string] {
	return Codec[string]{
		func(dst []byte, v string) []byte { return append(dst, v...) },
		func(b []byte) (string, error) { return string(b), nil },
	}
}

// Bytes is the identity codec; Decode aliases its argument.
func Bytes() Codec[[]byte] {
	return Codec[[]byte]{
		func(dst, v []byte) []byte { return append(dst, v...) },
		func(b []byte) ([]byte, error) { return b, nil },
	}
}

// Int64 codes in 8 big-endian bytes with the sign bit flipped.
func Int64() Codec[int64] { return Codec[int64]{AppendInt64, DecodeInt64} }

// Float64 codes in 8 bytes in the order of the numbers (negative ones included; NaN sorts last).
func Float64() Codec[float64] {
	return Codec[float64]{
		func(dst []byte, v float64) []byte {
			u := math.Float64bits(v)
			if u>>63 == 1 {
				u = ^u
			} else {
				u |= 1 << 63
			}
			return binary.BigEndian.AppendUint64(dst, u)
		},
		func(b []byte) (float64, error) {
			if len(b) != 8 {
				return 0, fmt.Errorf("decode float64: %d bytes, 8 needed", len(b))
			}
			u := binary.BigEndian.Uint64(b)
			if u>>63 == 1 {
				u &^= 1 << 63
			} else {
				u = ^u
			}
			return math.Float64frombits(u), nil
		},
	}
}

// JSON codes any type as JSON. It does not preserve order.
func JSON[T any]() Codec[T] {
	return Codec[T]{
		func(dst []byte, v T) []byte {
			b, err := json.Marshal(v)
			if err != nil { // only for types JSON cannot hold, a mistake in the job's source
				panic(fmt.Sprintf("mapreduce.JSON: %v", err))
			}
			return append(dst, b...)
		},
		func(b []byte) (T, error) {
			var v T
			err := json.Unmarshal(b, &v)
			return v, err
		},
	}
}

// AppendInt64 appends v in 8 order-preserving bytes.
func AppendInt64(dst []byte, v int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(v)^(1<<63))
}

// DecodeInt64 is the inverse of AppendInt64.
func DecodeInt64(b []byte) (int64, error) {
	if len(b) != 8 {
		return 0, fmt.Errorf("decode int64: %d bytes, 8 needed (values of a job with a known operation must be coded with Int64)", len(b))
	}
	return int64(binary.BigEndian.Uint64(b) ^ (1 << 63)), nil
}

// AppendTerminated appends v so that it can be followed by more of a composite key: 0 is escaped as 0 0xff and the part ends
// with 0 1. The order of the parts is kept.
func AppendTerminated(dst, v []byte) []byte {
	for _, c := range v {
		if c == 0 {
			dst = append(dst, 0, 0xff)
		} else {
			dst = append(dst, c)
		}
	}
	return append(dst, 0, 1)
}

// CutTerminated takes a part written by AppendTerminated off b.
func CutTerminated(b []byte) (part, rest []byte, err error) {
	for i := 0; i+1 < len(b); i++ {
		if b[i] != 0 {
			part = append(part, b[i])
			continue
		}
		if b[i+1] == 1 {
			return part, b[i+2:], nil
		}
		part = append(part, 0)
		i++
	}
	return nil, nil, fmt.Errorf("composite key: part without end")
}

// Descending inverts the bytes appended since from, so that they sort the other way round. Use with codes of fixed length
// or with AppendTerminated.
func Descending(b []byte, from int) {
	for i := from; i < len(b); i++ {
		b[i] = ^b[i]
	}
}

// FormatInt64 prints an Int64-coded value as decimal text; for TextOutput's ValueText.
func FormatInt64(dst, coded []byte) ([]byte, error) {
	v, err := DecodeInt64(coded)
	if err != nil {
		return dst, err
	}
	return strconv.AppendInt(dst, v, 10), nil
}
