package fsshell

import (
	"strings"

	"github.com/lodehq/lode/client/glob"
	"github.com/lodehq/lode/client/shell/fsys"
)

func finding() []*command {
	return []*command{{
		name: "find", usage: "<path> ... <expression> ...", max: -1, loose: true, pre: findPre,
		about: []string{
			"Prints the paths below that an expression is true of; without a path, of the working directory. Expressions:",
			"  -name PATTERN, -iname PATTERN  the last element matches, exactly or in any case",
			"  -print, -print0                print the path and a line end, or a zero byte; -print is the default",
			"  EXPR -a EXPR, EXPR -and EXPR, EXPR EXPR  both",
		},
		setup: setupFind,
	}}
}

// test is one part of an expression: true goes on to the next.
type test func(r *run, i *fsys.Item) bool

// findPre splits the line where the expression begins.
func findPre(args []string) ([]string, map[string]string, error) {
	for n, a := range args {
		if strings.HasPrefix(a, "-") && a != "-" {
			return args[:n], map[string]string{"expr": strings.Join(args[n:], "\x00")}, nil
		}
	}
	return args, nil, nil
}

func setupFind(r *run) error {
	tests, err := parseFind(r.vals["expr"])
	if err != nil {
		return err
	}
	if len(r.args) == 0 {
		r.args = []string{"."}
	}
	r.recursive = true
	r.before = func(_ *fsys.Item, items []*fsys.Item) { r.sort(items) }
	r.do = func(i *fsys.Item) error {
		for _, t := range tests {
			if !t(r, i) {
				break
			}
		}
		return nil
	}
	return nil
}

func parseFind(expr string) ([]test, error) {
	var tests []test
	acted := false
	var words []string
	if expr != "" {
		words = strings.Split(expr, "\x00")
	}
	for n := 0; n < len(words); n++ {
		switch w := words[n]; w {
		case "-name", "-iname":
			n++
			if n == len(words) {
				return nil, usagef("Not enough arguments: expected 1 but got 0")
			}
			t, err := nameTest(words[n], w == "-iname")
			if err != nil {
				return nil, err
			}
			tests = append(tests, t)
		case "-print", "-print0":
			acted = true
			end := "\n"
			if w == "-print0" {
				end = "\x00"
			}
			tests = append(tests, printTest(end))
		case "-a", "-and":
			if n == 0 || n == len(words)-1 {
				return nil, &ioError{"Illegal expression: " + w + " needs something on both sides"}
			}
		default:
			return nil, &ioError{"Unexpected argument: " + w}
		}
	}
	if !acted {
		tests = append(tests, printTest("\n"))
	}
	return tests, nil
}

func nameTest(pattern string, fold bool) (test, error) {
	if fold {
		pattern = strings.ToLower(pattern)
	}
	p, err := glob.Compile(pattern)
	if err != nil {
		return nil, &ioError{err.Error()}
	}
	return func(_ *run, i *fsys.Item) bool {
		name := i.Name()
		if fold {
			name = strings.ToLower(name)
		}
		return p.Match(name)
	}, nil
}

func printTest(end string) test {
	return func(r *run, i *fsys.Item) bool {
		r.printf("%s%s", i, end)
		return true
	}
}
