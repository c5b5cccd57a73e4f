package evm

import (
	"bytes"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestAppendDecimalIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 20000 {
		var w Word
		for i := r.IntN(33); i < 32; i++ {
			w[i] = byte(r.Uint32())
		}
		want := new(big.Int).SetBytes(w[:]).String()
		if got := Decimal(w[:]); got != want {
			t.Fatalf("%x: got %s want %s", w, got, want)
		}
		q, err := AppendQuantity(nil, AppendHex(nil, w[:]))
		if err != nil || string(q) != want {
			t.Fatalf("%x: quantity %s (%v) want %s", w, q, err, want)
		}
		if q, err = AppendQuantity(nil, []byte(want)); err != nil || string(q) != want {
			t.Fatalf("%s: quantity %s (%v)", want, q, err)
		}
	}
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil)
	if got := Decimal(ten.Bytes()); got != ten.String() {
		t.Fatalf("10^38: %s", got)
	}
}

func FuzzQuantity(f *testing.F) {
	for _, s := range []string{"0x", "0x0", "0xAb", "12", "", "-1", "1e18", "0x1" + string(bytes.Repeat([]byte("0"), 64)), "00012"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := AppendQuantity(nil, b)
		if err != nil {
			return
		}
		want, ok := new(big.Int).SetString(string(q), 10)
		if !ok || want.String() != string(q) {
			t.Fatalf("%q gives %q", b, q)
		}
	})
}

func BenchmarkAppendDecimal(b *testing.B) {
	w := MustWord("0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff")
	var dst []byte
	for b.Loop() {
		dst = AppendDecimal(dst[:0], w[:])
	}
}

// TestLowerAgreesWithTheSlowWay: every byte at every place of a word of eight.
func TestLowerAgreesWithTheSlowWay(t *testing.T) {
	for at := range 19 {
		for c := range 256 {
			text := []byte("0x0123456789abcdef0")
			if at < 2 {
				continue
			}
			text[at] = byte(c)
			want := strings.ContainsRune("0123456789abcdefABCDEF", rune(c))
			lower := bytes.ToLower(bytes.Clone(text))
			if got := Lower(text); got != want || want && !bytes.Equal(text, lower) {
				t.Fatalf("byte %#x at %d: %v, %s", c, at, got, text)
			}
		}
	}
}
