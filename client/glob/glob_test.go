package glob

import (
	"slices"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "a", true}, {"a*c", "abbc", true}, {"a*c", "abcd", false}, {"a?c", "abc", true}, {"a?c", "ac", false},
		{"[a-c]x", "bx", true}, {"[^a-c]x", "bx", false}, {"[!a]x", "bx", true}, {"{a,bc}d", "bcd", true}, {"{a,b*}", "bzz", true},
		{`a\*`, "a*", true}, {`a\*`, "ab", false}, {"a.b", "axb", false}, {"[.]x*", ".xy", true}, {"*.{txt,csv}", "a.csv", true},
		{"(a)+?", "(a)+b", true}, {"é*", "école", true},
	} {
		p, err := Compile(c.pattern)
		if err != nil {
			t.Fatal(c.pattern, err)
		}
		if got := p.Match(c.name); got != c.want {
			t.Errorf("%q matches %q: %v", c.pattern, c.name, got)
		}
	}
	for _, bad := range []string{"[a", "{a", `a\`} {
		if _, err := Compile(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestExpand(t *testing.T) {
	for _, c := range []struct {
		pattern string
		want    []string
	}{
		{"/a/{b,c}", []string{"/a/{b,c}"}},
		{"/{a/b,c/d}/e", []string{"/a/b/e", "/c/d/e"}},
		{"{a/b,c{d,e/f}}", []string{"a/b", "c{d,e/f}"}},
		{`/\{a/b`, []string{`/\{a/b`}},
	} {
		got, err := Expand(c.pattern)
		if c.pattern == "{a/b,c{d,e/f}}" {
			c.want = []string{"a/b", "cd", "ce/f"}
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, %v; want %q", c.pattern, got, err, c.want)
		}
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("/a/{b,c/d}/[e-g]*?", "h")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 100 {
			return
		}
		all, err := Expand(pattern)
		if err != nil {
			return
		}
		for _, p := range all {
			if m, err := Compile(p); err == nil {
				m.Match(name)
			}
		}
	})
}
