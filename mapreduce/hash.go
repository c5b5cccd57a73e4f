package mapreduce

import (
	"encoding/binary"
	"math/bits"
)

// Hash64 is a fixed-seed 64-bit hash (the multiply-and-fold scheme of wyhash). Its values are part of the contract between
// workers: all processes of a job must agree on them, so it never changes.
func Hash64(b []byte) uint64 {
	h, _, _ := HashParts(b)
	return h
}

// HashParts is Hash64 together with what it read last: for keys of at most 16 bytes, x, y and the length are the whole key, so
// that a hash table can compare keys without looking at them.
func HashParts(b []byte) (h, x, y uint64) {
	const (
		m0 = 0xa0761d6478bd642f
		m1 = 0xe7037ed1a0b428db
		m2 = 0x8ebc6af09c88c6e3
	)
	n := len(b)
	h = uint64(n)*m2 ^ m0
	for len(b) > 16 {
		h = fold(binary.LittleEndian.Uint64(b)^m1, binary.LittleEndian.Uint64(b[8:])^h)
		b = b[16:]
	}
	switch {
	case len(b) >= 8:
		x = binary.LittleEndian.Uint64(b)
		y = binary.LittleEndian.Uint64(b[len(b)-8:])
	case len(b) >= 4:
		x = uint64(binary.LittleEndian.Uint32(b))
		y = uint64(binary.LittleEndian.Uint32(b[len(b)-4:]))
	case len(b) > 0:
		x = uint64(b[0])<<16 | uint64(b[len(b)>>1])<<8 | uint64(b[len(b)-1])
	}
	h = fold(x^m1, y^h)
	return fold(h^m2, uint64(n)^m1), x, y
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
