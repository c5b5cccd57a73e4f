package slab

import "errors"

const (
	nameShift = 16
	// PageBytes is the number of bytes in a page of names.
	PageBytes = 1 << nameShift
	nameMask  = PageBytes - 1
	// MaxName is the longest name.
	MaxName = 65535 / 4
)

// ErrFull is returned when 4 GiB of names are held: references are 32 bits.
var ErrFull = errors.New("4 GiB of names are held, which is the most: delete or shorten names")

// Names is a table of short byte strings. Names up to 254 bytes carry one byte of length; longer ones three.
type Names struct {
	pages [][]byte
	at    uint32
	free  map[int][]uint32 // by length
	live  int64
	cow
}

func nameRoom(n int) int {
	if n < 255 {
		return n + 1
	}
	return n + 3
}

// Add stores a copy of b and gives its reference. A name never crosses a page.
func (s *Names) Add(b []byte) (uint32, error) {
	room := nameRoom(len(b))
	if len(b) > MaxName {
		return 0, ErrFull
	}
	s.live += int64(room)
	if f := s.free[len(b)]; len(f) > 0 {
		at := f[len(f)-1]
		s.free[len(b)] = f[:len(f)-1]
		s.put(at, b)
		return at, nil
	}
	if len(s.pages) == 0 {
		s.pages = append(s.pages, make([]byte, PageBytes))
		s.grow()
		s.at = 1
	}
	if int(s.at&nameMask)+room > PageBytes || s.at&nameMask == 0 {
		if len(s.pages) >= 1<<16 {
			s.live -= int64(room)
			return 0, ErrFull
		}
		s.at = uint32(len(s.pages)) << nameShift
		s.pages = append(s.pages, make([]byte, PageBytes))
		s.grow()
	}
	at := s.at
	s.put(at, b)
	s.at += uint32(room)
	return at, nil
}

func (s *Names) put(at uint32, b []byte) {
	p := int(at >> nameShift)
	if !s.ours(p) {
		s.pages[p] = append(make([]byte, 0, PageBytes), s.pages[p]...)
		s.take(p)
	}
	dst := s.pages[p][at&nameMask:]
	if len(b) < 255 {
		dst[0] = byte(len(b))
		copy(dst[1:], b)
		return
	}
	dst[0], dst[1], dst[2] = 255, byte(len(b)), byte(len(b)>>8)
	copy(dst[3:], b)
}

// At is the name. The bytes are the table's own: not to be written, not to be kept over a change.
func (s *Names) At(at uint32) []byte { return NameIn(s.pages, at) }

// NameIn reads a name from a list of pages.
func NameIn(pages [][]byte, at uint32) []byte {
	p := pages[at>>nameShift]
	o := int(at & nameMask)
	n := int(p[o])
	if n < 255 {
		return p[o+1 : o+1+n : o+1+n]
	}
	n = int(p[o+1]) | int(p[o+2])<<8
	return p[o+3 : o+3+n : o+3+n]
}

// ValidName tells whether a reference read from outside points at a whole name.
func ValidName(pages [][]byte, at uint32) bool {
	if int(at>>nameShift) >= len(pages) {
		return false
	}
	p := pages[at>>nameShift]
	o := int(at & nameMask)
	if o >= len(p) {
		return false
	}
	if n := int(p[o]); n < 255 {
		return o+1+n <= len(p)
	}
	return o+3 <= len(p) && o+3+(int(p[o+1])|int(p[o+2])<<8) <= len(p)
}

// Free takes back a name.
func (s *Names) Free(at uint32) {
	n := len(s.At(at))
	if s.free == nil {
		s.free = map[int][]uint32{}
	}
	s.live -= int64(nameRoom(n))
	s.free[n] = append(s.free[n], at)
}

// Bytes is the memory held.
func (s *Names) Bytes() int64 {
	b := int64(len(s.pages)) * (PageBytes + 24)
	for _, f := range s.free {
		b += int64(cap(f)) * 4
	}
	return b
}

// Share hands out the pages as they are now.
func (s *Names) Share() [][]byte {
	s.share()
	return append([][]byte(nil), s.pages...)
}

// Unshare says that the list from Share is no longer read.
func (s *Names) Unshare() { s.unshare() }
