package client

import (
	"hash/crc32"
	"testing"
)

func TestCrcCombine(t *testing.T) {
	data := make([]byte, 10_000)
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	for _, at := range []int{0, 1, 511, 512, 5000, 9999, 10_000} {
		a, b := data[:at], data[at:]
		if got, want := crcCombine(crc32.Checksum(a, castagnoli), crc32.Checksum(b, castagnoli), int64(len(b)), polyCRC32C), crc32.Checksum(data, castagnoli); got != want {
			t.Errorf("CRC32C at %d: %x, want %x", at, got, want)
		}
		if got, want := crcCombine(crc32.ChecksumIEEE(a), crc32.ChecksumIEEE(b), int64(len(b)), polyCRC32), crc32.ChecksumIEEE(data); got != want {
			t.Errorf("CRC32 at %d: %x, want %x", at, got, want)
		}
	}
}

func TestUmask(t *testing.T) {
	for s, want := range map[string]uint32{"022": 0o022, "0": 0, "077": 0o077, "u=rwx,g=rx,o=": 0o027, "a=rwx": 0, "bad": 0o022} {
		if got := uint32(parseUmask(s)); got != want {
			t.Errorf("%q: %o, want %o", s, got, want)
		}
	}
}
