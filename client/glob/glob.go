// Package glob is Hadoop's pattern language for paths (GlobExpander, GlobPattern): * any run of characters, ? one, [a-c] and
// [^a-c] a set, {x,y} alternatives, \ takes the next character as it is. No wildcard matches a slash, but alternatives may
// hold one: Expand turns such a pattern into several before it is split into elements.
package glob

import (
	"fmt"
	"regexp"
	"strings"
)

// Expand resolves braces that hold a slash (GlobExpander.expand).
func Expand(pattern string) ([]string, error) {
	todo, done := []string{pattern}, []string(nil)
	for len(todo) > 0 {
		p := todo[0]
		todo = todo[1:]
		open, close, err := braces(p)
		if err != nil {
			return nil, err
		}
		if open < 0 {
			done = append(done, p)
			continue
		}
		for _, alt := range alternatives(p[open+1 : close]) {
			todo = append(todo, p[:open]+alt+p[close+1:])
		}
		if len(todo) > 10000 {
			return nil, fmt.Errorf("the pattern %q has too many alternatives", pattern)
		}
	}
	return done, nil
}

// braces finds the leftmost outermost group that holds a slash.
func braces(p string) (open, close int, err error) {
	depth, start, slash := 0, -1, false
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
			if i >= len(p) {
				return 0, 0, fmt.Errorf("Illegal file pattern: An escaped character does not present for glob %s at %d", p, i)
			}
		case '{':
			if depth++; depth == 1 {
				start, slash = i, false
			}
		case '}':
			if depth > 0 {
				if depth--; depth == 0 && slash {
					return start, i, nil
				}
			}
		case '/':
			slash = slash || depth > 0
		}
	}
	if depth > 0 {
		return 0, 0, fmt.Errorf("Illegal file pattern: Expecting set closure character or end of range, or }, for glob %s", p)
	}
	return -1, -1, nil
}

// alternatives splits at commas that are not inside an inner group.
func alternatives(s string) []string {
	var out []string
	depth, from := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '{':
			depth++
		case '}':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, s[from:i])
				from = i + 1
			}
		}
	}
	return append(out, s[from:])
}

// Pattern matches one path element.
type Pattern struct {
	literal string
	re      *regexp.Regexp
}

// Literal is what the pattern stands for when it has no wildcard.
func (p *Pattern) Literal() (string, bool) { return p.literal, p.re == nil }

// Match says whether a name matches.
func (p *Pattern) Match(name string) bool {
	if p.re == nil {
		return name == p.literal
	}
	return p.re.MatchString(name)
}

// Compile reads a pattern for one path element.
func Compile(pattern string) (*Pattern, error) {
	var re, lit strings.Builder
	re.WriteString(`(?s)\A`)
	set, curly, wild := 0, 0, false
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c == '\\':
			if i++; i >= len(pattern) {
				return nil, fmt.Errorf("Illegal file pattern: Missing escaped character in %s", pattern)
			}
			re.WriteString(regexp.QuoteMeta(string(pattern[i])))
			lit.WriteByte(pattern[i])
			continue
		case set > 0:
			switch {
			case c == ']' && i > set:
				set = 0
				re.WriteByte(']')
			case i == set && (c == '^' || c == '!'):
				re.WriteByte('^')
			case strings.IndexByte(`[]^&~`, c) >= 0:
				re.WriteString(`\` + string(c))
			default:
				re.WriteByte(c)
			}
			continue
		case c == '*':
			re.WriteString(`[^/]*`)
			wild = true
			continue
		case c == '?':
			re.WriteString(`[^/]`)
			wild = true
			continue
		case c == '{':
			curly++
			wild = true
			re.WriteString(`(?:`)
			continue
		case c == '}' && curly > 0:
			curly--
			re.WriteByte(')')
			continue
		case c == ',' && curly > 0:
			re.WriteByte('|')
			continue
		case c == '[':
			set = i + 1
			wild = true
			re.WriteByte('[')
			continue
		}
		if c < 0x80 {
			re.WriteString(regexp.QuoteMeta(string(c)))
		} else {
			re.WriteByte(c)
		}
		lit.WriteByte(c)
	}
	if set > 0 {
		return nil, fmt.Errorf("Unclosed character class near index %d\n%s", len(pattern), pattern)
	}
	if curly > 0 {
		return nil, fmt.Errorf("Unclosed group near index %d\n%s", len(pattern), pattern)
	}
	if !wild {
		return &Pattern{literal: lit.String()}, nil
	}
	re.WriteString(`\z`)
	r, err := regexp.Compile(re.String())
	if err != nil {
		return nil, fmt.Errorf("Illegal file pattern: %s: %w", pattern, err)
	}
	return &Pattern{re: r}, nil
}
