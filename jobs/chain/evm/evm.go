// Package evm holds the small values that every decoder of chain data needs: addresses, 32-byte words, hexadecimal text
// in the mixed forms that nodes and files use, and uint256 as decimal digits. Nothing here allocates unless it returns a new string.
package evm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"strconv"

	"github.com/holiman/uint256"
)

// Address is an account.
type Address [20]byte

// Word is 32 bytes: a hash, a topic, a slot of ABI data.
type Word [32]byte

// Zero is the zero address: the native currency, the source of mints.
var zero Address

// IsZero tells whether the address is 0x0.
func (a Address) IsZero() bool { return a == zero }

// Hex is 0x + 40 lower-case digits.
func (a Address) Hex() string { return string(AppendHex(make([]byte, 0, 42), a[:])) }

// Hex is 0x + 64 lower-case digits.
func (w Word) Hex() string { return string(AppendHex(make([]byte, 0, 66), w[:])) }

// Int is the word as an unsigned number.
func (w *Word) Int() *uint256.Int { return new(uint256.Int).SetBytes32(w[:]) }

// Address is the low 20 bytes.
func (w *Word) Address() Address { return Address(w[12:]) }

// IsAddress tells whether the upper 12 bytes are zero, as ABI demands of an address.
func (w *Word) IsAddress() bool {
	return binary.BigEndian.Uint64(w[:]) == 0 && binary.BigEndian.Uint32(w[8:]) == 0
}

// MustAddress is for constants of the program: it panics on anything but 0x + 40 digits.
func MustAddress(s string) Address {
	var a Address
	if !DecodeFixed(a[:], []byte(s)) {
		panic("bad address constant " + s)
	}
	return a
}

// MustWord is for constants of the program: it panics on anything but 0x + 64 digits.
func MustWord(s string) Word {
	var w Word
	if !DecodeFixed(w[:], []byte(s)) {
		panic("bad word constant " + s)
	}
	return w
}

const digits = "0123456789abcdef"

// AppendHex appends 0x + lower-case hex.
func AppendHex(dst, b []byte) []byte {
	dst = append(dst, '0', 'x')
	for _, c := range b {
		dst = append(dst, digits[c>>4], digits[c&15])
	}
	return dst
}

// nibbles maps a hex digit to its value, anything else to 0xff.
var nibbles = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i := range 10 {
		t['0'+i] = byte(i)
	}
	for i := range 6 {
		t['a'+i], t['A'+i] = byte(10+i), byte(10+i)
	}
	return t
}()

// has0x tells whether text begins with 0x or 0X.
func has0x(s []byte) bool { return len(s) >= 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') }

// DecodeFixed fills dst from 0x + exactly 2·len(dst) digits (the prefix may be missing).
func DecodeFixed(dst, text []byte) bool {
	if has0x(text) {
		text = text[2:]
	}
	if len(text) != 2*len(dst) {
		return false
	}
	bad := byte(0)
	for i := range dst {
		h, l := nibbles[text[2*i]], nibbles[text[2*i+1]]
		bad |= (h | l) & 0xf0
		dst[i] = h<<4 | l&15
	}
	return bad == 0
}

// ErrHex is wrapped by errors about text that is not hexadecimal.
var ErrHex = errors.New("not hexadecimal")

// AppendDecoded appends the bytes of 0x + an even number of digits.
func AppendDecoded(dst, text []byte) ([]byte, error) {
	if has0x(text) {
		text = text[2:]
	}
	if len(text)%2 != 0 {
		return dst, fmt.Errorf("%w: odd number of digits", ErrHex)
	}
	bad := byte(0)
	for i := 0; i < len(text); i += 2 {
		h, l := nibbles[text[i]], nibbles[text[i+1]]
		bad |= (h | l) & 0xf0
		dst = append(dst, h<<4|l&15)
	}
	if bad != 0 {
		return dst, fmt.Errorf("%w: a character is not a digit", ErrHex)
	}
	return dst, nil
}

// Lower turns the digits of hex text to lower case in place, and tells whether it is 0x + hex.
func Lower(text []byte) bool {
	if !has0x(text) {
		return false
	}
	if text[1] == 'X' {
		text[1] = 'x'
	}
	digits := text[2:]
	for len(digits) >= 8 && lowerHex8(binary.LittleEndian.Uint64(digits)) {
		digits = digits[8:]
	}
	bad := byte(0)
	for i, c := range digits {
		if c >= 'A' && c <= 'F' {
			digits[i] = c | 0x20
		}
		bad |= nibbles[c] & 0xf0
	}
	return bad == 0
}

// lowerHex8 tells whether eight bytes are all of 0-9 and a-f. Each byte is compared in its own lane: adding to a byte below 0x80 sets its top bit exactly when the byte is at
// least so much, and never carries into the next.
func lowerHex8(w uint64) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	digit := (w + (0x80-'0')*ones) &^ (w + (0x80-'9'-1)*ones)
	letter := (w + (0x80-'a')*ones) &^ (w + (0x80-'f'-1)*ones)
	return w&tops == 0 && (digit|letter)&tops == tops
}

// ErrNumber is wrapped by errors about text that is not an unsigned whole number.
var ErrNumber = errors.New("not an unsigned whole number")

// ParseUint reads a quantity of up to 64 bits: 0x hex or decimal digits.
func ParseUint(text []byte) (uint64, error) {
	if has0x(text) {
		h := text[2:]
		for len(h) > 1 && h[0] == '0' {
			h = h[1:]
		}
		if len(h) > 16 {
			return 0, fmt.Errorf("%w of 64 bits: %.80q", ErrNumber, text)
		}
		v := uint64(0)
		for _, c := range h {
			n := nibbles[c]
			if n > 15 {
				return 0, fmt.Errorf("%w: %.80q", ErrNumber, text)
			}
			v = v<<4 | uint64(n)
		}
		return v, nil
	}
	if len(text) == 0 {
		return 0, fmt.Errorf("%w: empty", ErrNumber)
	}
	v := uint64(0)
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("%w: %.80q", ErrNumber, text)
		}
		hi, lo := bits.Mul64(v, 10)
		lo, carry := bits.Add64(lo, uint64(c-'0'), 0)
		if hi != 0 || carry != 0 {
			return 0, fmt.Errorf("%w of 64 bits: %.80q", ErrNumber, text)
		}
		v = lo
	}
	return v, nil
}

// AppendQuantity appends a quantity of up to 256 bits (0x hex or decimal digits) as decimal digits without leading zeros.
func AppendQuantity(dst, text []byte) ([]byte, error) {
	if v, err := ParseUint(text); err == nil {
		return strconv.AppendUint(dst, v, 10), nil
	}
	if !has0x(text) {
		for len(text) > 1 && text[0] == '0' {
			text = text[1:]
		}
		for _, c := range text {
			if c < '0' || c > '9' {
				return dst, fmt.Errorf("%w: %.80q", ErrNumber, text)
			}
		}
		if len(text) == 0 || len(text) > 78 {
			return dst, fmt.Errorf("%w of 256 bits: %.80q", ErrNumber, text)
		}
		return append(dst, text...), nil
	}
	h := text[2:]
	for len(h) > 0 && h[0] == '0' {
		h = h[1:]
	}
	if len(h) > 64 {
		return dst, fmt.Errorf("%w of 256 bits: %.80q", ErrNumber, text)
	}
	var w Word
	for i := range h {
		n := nibbles[h[len(h)-1-i]]
		if n > 15 {
			return dst, fmt.Errorf("%w: %.80q", ErrNumber, text)
		}
		w[31-i/2] |= n << (4 * (i % 2))
	}
	return AppendDecimal(dst, w[:]), nil
}

// AppendDecimal appends a big-endian number of up to 32 bytes as decimal digits.
func AppendDecimal(dst, be []byte) []byte {
	var l [4]uint64
	for i, n := len(be), 0; i > 0 && n < 4; n++ {
		from := max(0, i-8)
		v := uint64(0)
		for _, c := range be[from:i] {
			v = v<<8 | uint64(c)
		}
		l[n], i = v, from
	}
	if l[1]|l[2]|l[3] == 0 {
		return strconv.AppendUint(dst, l[0], 10)
	}
	// Divide by 10^19, the largest power of ten in 64 bits, until nothing is left: at most five times.
	const big = 10_000_000_000_000_000_000
	var parts [5]uint64
	n := 0
	for l[0]|l[1]|l[2]|l[3] != 0 {
		r := uint64(0)
		for i := 3; i >= 0; i-- {
			l[i], r = bits.Div64(r, l[i], big)
		}
		parts[n] = r
		n++
	}
	dst = strconv.AppendUint(dst, parts[n-1], 10)
	for n--; n > 0; n-- {
		v, at := parts[n-1], len(dst)
		dst = append(dst, "0000000000000000000"...)
		for i := 18; v > 0; i-- {
			dst[at+i] = byte('0' + v%10)
			v /= 10
		}
	}
	return dst
}

// Decimal is AppendDecimal as a string.
func Decimal(be []byte) string { return string(AppendDecimal(nil, be)) }
