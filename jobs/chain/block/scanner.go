package block

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrJSON is wrapped by every error about the form of the input.
var ErrJSON = errors.New("block JSON")

// maxDepth bounds the nesting of values that are passed over (calls nest to 1,024, each level is an object in an array).
const maxDepth = 4096

// scanner walks JSON text once, without building a tree.
type scanner struct {
	b     []byte
	i     int
	depth int
}

type kind byte

const (
	null   kind = 'z'
	text   kind = 's'
	number kind = 'n'
	yes    kind = 't'
	no     kind = 'f'
	nested kind = '{' // an object or array, passed over; its text is the raw JSON
)

func (s *scanner) errorf(format string, args ...any) error {
	return fmt.Errorf("%w: at byte %d: %s", ErrJSON, s.i, fmt.Sprintf(format, args...))
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\n', '\t', '\r':
			s.i++
		default:
			return
		}
	}
}

func (s *scanner) peek() byte {
	s.space()
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

// object calls f with each key; f must consume the value.
func (s *scanner) object(f func(key []byte) error) error {
	if s.peek() != '{' {
		return s.errorf("an object is expected")
	}
	if s.depth++; s.depth > maxDepth {
		return s.errorf("nested too deeply")
	}
	s.i++
	for first := true; ; first = false {
		switch c := s.peek(); {
		case c == '}':
			s.i++
			s.depth--
			return nil
		case !first && c == ',':
			s.i++
			s.space()
		case !first:
			return s.errorf("a comma or } is expected")
		}
		key, err := s.str()
		if err != nil {
			return err
		}
		if s.peek() != ':' {
			return s.errorf("a colon is expected after key %.40q", key)
		}
		s.i++
		if err := f(key); err != nil {
			return err
		}
	}
}

// array calls f for each element; f must consume it.
func (s *scanner) array(f func() error) error {
	if s.peek() != '[' {
		return s.errorf("an array is expected")
	}
	if s.depth++; s.depth > maxDepth {
		return s.errorf("nested too deeply")
	}
	s.i++
	for first := true; ; first = false {
		switch c := s.peek(); {
		case c == ']':
			s.i++
			s.depth--
			return nil
		case !first && c == ',':
			s.i++
		case !first:
			return s.errorf("a comma or ] is expected")
		}
		if err := f(); err != nil {
			return err
		}
	}
}

// str reads a string.
func (s *scanner) str() ([]byte, error) {
	if s.peek() != '"' {
		return nil, s.errorf("a string is expected")
	}
	start := s.i + 1
	n := bytes.IndexByte(s.b[start:], '"')
	if n < 0 {
		return nil, s.errorf("a string does not end")
	}
	seg := s.b[start : start+n]
	if bytes.IndexByte(seg, '\\') < 0 {
		s.i = start + n + 1
		return seg, nil
	}
	for i := start; i < len(s.b); i++ {
		switch s.b[i] {
		case '\\':
			i++
		case '"':
			var v string
			if err := json.Unmarshal(s.b[s.i:i+1], &v); err != nil {
				return nil, s.errorf("a string is malformed")
			}
			s.i = i + 1
			return []byte(v), nil
		}
	}
	return nil, s.errorf("a string does not end")
}

// value reads any value; objects and arrays are passed over.
func (s *scanner) value() (kind, []byte, error) {
	switch c := s.peek(); c {
	case '"':
		v, err := s.str()
		return text, v, err
	case '{', '[':
		start := s.i
		err := s.skip()
		return nested, s.b[start:s.i], err
	case 'n':
		return null, nil, s.literal("null")
	case 't':
		return yes, nil, s.literal("true")
	case 'f':
		return no, nil, s.literal("false")
	default:
		start := s.i
		for s.i < len(s.b) {
			c := s.b[s.i]
			if c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E' {
				s.i++
				continue
			}
			break
		}
		if s.i == start {
			return 0, nil, s.errorf("a value is expected")
		}
		return number, s.b[start:s.i], nil
	}
}

func (s *scanner) literal(word string) error {
	if len(s.b)-s.i < len(word) || string(s.b[s.i:s.i+len(word)]) != word {
		return s.errorf("%s is expected", word)
	}
	s.i += len(word)
	return nil
}

// skip passes over one value.
func (s *scanner) skip() error {
	switch s.peek() {
	case '{':
		return s.object(func([]byte) error { return s.skip() })
	case '[':
		return s.array(s.skip)
	}
	_, _, err := s.value()
	return err
}

// end makes sure that nothing follows.
func (s *scanner) end() error {
	if s.peek() != 0 || s.i < len(s.b) {
		return s.errorf("text after the end of the block")
	}
	return nil
}
