package ledger

import (
	"errors"
	"fmt"

	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/evm"
)

// ErrBody is wrapped by every error about the body of an event.
var ErrBody = errors.New("event body does not fit")

// Body reads ABI-encoded data in place. The first mistake sticks; reads after it give zero values.
type Body struct {
	data []byte
	err  error
}

// NewBody reads data.
func NewBody(data []byte) *Body { return &Body{data: data} }

// Err is the first mistake, nil when everything fitted.
func (b *Body) Err() error { return b.err }

func (b *Body) fail(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf("%w: %s", ErrBody, fmt.Sprintf(format, args...))
	}
}

// Word reads 32 bytes at a byte position.
func (b *Body) Word(at int) (w evm.Word) {
	if b.err != nil {
		return w
	}
	if at < 0 || at > len(b.data)-32 {
		b.fail("%d bytes, a word is needed at %d", len(b.data), at)
		return w
	}
	return evm.Word(b.data[at : at+32])
}

// Int reads a uint256.
func (b *Body) Int(at int) (v uint256.Int) {
	w := b.Word(at)
	v.SetBytes32(w[:])
	return v
}

// Address reads an address; its upper bytes must be zero.
func (b *Body) Address(at int) evm.Address {
	w := b.Word(at)
	if b.err == nil && !w.IsAddress() {
		b.fail("the word at %d is no address", at)
	}
	return w.Address()
}

// Small reads a number of at most max.
func (b *Body) Small(at int, max uint64) uint64 {
	w := b.Word(at)
	v := w.Int()
	if b.err == nil && (!v.IsUint64() || v.Uint64() > max) {
		b.fail("the number at %d is above %d", at, max)
		return 0
	}
	return v.Uint64()
}

// Offset reads an offset relative to base and gives the position it points to.
func (b *Body) Offset(base, at int) int {
	v := b.Small(at, uint64(len(b.data)))
	if p := base + int(v); b.err != nil || p > len(b.data) {
		b.fail("the offset at %d points outside", at)
		return 0
	} else {
		return p
	}
}

// Array reads the length of an array at a position and checks that its elements of so many words are there. It gives the position of the first one.
func (b *Body) Array(at, words int) (first, n int) {
	v := b.Small(at, uint64(len(b.data)))
	n = int(v)
	first = at + 32
	if b.err == nil && n > (len(b.data)-first)/(32*words) {
		b.fail("the array at %d of %d elements does not end inside", at, n)
	}
	if b.err != nil {
		return 0, 0
	}
	return first, n
}

// Bytes reads a byte string at a position.
func (b *Body) Bytes(at int) []byte {
	n := int(b.Small(at, uint64(len(b.data))))
	if b.err == nil && n > len(b.data)-at-32 {
		b.fail("the bytes at %d do not end inside", at)
	}
	if b.err != nil {
		return nil
	}
	return b.data[at+32 : at+32+n]
}
