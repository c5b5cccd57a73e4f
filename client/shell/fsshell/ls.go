package fsshell

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/lodehq/lode/client/shell/fsys"
)

func listing() []*command {
	ls := &command{
		name: "ls", usage: "[-C] [-d] [-h] [-q] [-R] [-t] [-S] [-r] [-u] [-e] [<path> ...]", max: -1,
		options: []string{"C", "d", "h", "q", "R", "t", "S", "r", "u", "e"},
		about: []string{
			"Lists files and the entries of directories, by default of the home directory. A line has permissions, number of",
			"replicas (- for a directory), owner, group, size in bytes, modification time and path.",
			"  -C  print paths only",
			"  -d  list a directory itself, not its entries",
			"  -h  print sizes with a unit",
			"  -q  print ? for characters that cannot be printed",
			"  -R  list directories below as well",
			"  -t  sort by modification time, newest first",
			"  -S  sort by size, largest first",
			"  -r  reverse the order",
			"  -u  show and sort by access time instead",
			"  -e  show the erasure coding policy",
		},
		setup: setupLs,
	}
	lsr := *ls
	lsr.name, lsr.deprecated, lsr.about = "lsr", "ls -R", nil
	lsr.setup = func(r *run) error {
		r.opts["R"] = true
		return setupLs(r)
	}
	return []*command{ls, &lsr}
}

// columns are the widths of a listing; they grow, and never shrink, from directory to directory.
type columns struct{ repl, size, owner, group int }

func setupLs(r *run) error {
	if len(r.args) == 0 {
		r.args = []string{"."}
	}
	entries := !r.opts["d"]
	r.recursive = r.opts["R"] && entries
	w := columns{repl: 3, size: 10}
	r.argDo = func(i *fsys.Item) error {
		if entries && i.IsDir() {
			return r.descend(i)
		}
		return r.paths(nil, []*fsys.Item{i})
	}
	r.before = func(parent *fsys.Item, items []*fsys.Item) {
		if parent != nil && !r.recursive && len(items) > 0 && !r.opts["C"] {
			r.printf("Found %d items\n", len(items))
		}
		r.sort(items)
		for _, i := range items {
			w.repl = max(w.repl, len(strconv.Itoa(i.Stat.Replication)))
			w.size = max(w.size, len(strconv.FormatInt(i.Stat.Len, 10)))
			w.owner = max(w.owner, len(i.Stat.Owner))
			w.group = max(w.group, len(i.Stat.Group))
		}
	}
	r.do = func(i *fsys.Item) error {
		name := i.String()
		if r.opts["q"] {
			name = printable(name)
		}
		if r.opts["C"] {
			r.println(name)
			return nil
		}
		r.line(i.Stat, w, name)
		return nil
	}
	return nil
}

func (r *run) sort(items []*fsys.Item) {
	reverse := 1
	if r.opts["r"] {
		reverse = -1
	}
	slices.SortStableFunc(items, func(a, b *fsys.Item) int {
		switch {
		case r.opts["t"]:
			return reverse * r.stamp(b.Stat).Compare(r.stamp(a.Stat))
		case r.opts["S"]:
			return reverse * int(max(-1, min(1, b.Stat.Len-a.Stat.Len)))
		}
		return reverse * strings.Compare(a.Path, b.Path)
	})
}

func (r *run) stamp(s *fsys.Status) time.Time {
	if r.opts["u"] {
		return s.ATime
	}
	return s.MTime
}

func (r *run) line(s *fsys.Status, w columns, name string) {
	kind, repl, plus := "-", "-", " "
	switch {
	case s.Dir:
		kind = "d"
	case s.Link:
		kind = "l"
	}
	if !s.Dir {
		repl = strconv.Itoa(s.Replication)
	}
	if s.ACL {
		plus = "+"
	}
	r.printf("%s%s%s%*s %-*s %-*s ", kind, permString(s.Perm), plus, w.repl, repl, w.owner, s.Owner, w.group, s.Group)
	if r.opts["e"] {
		ec := "Replicated"
		if s.Dir {
			ec = ""
		}
		if s.EC != "" {
			ec = s.EC
		}
		r.printf("%-*s ", 10, ec)
	}
	r.printf("%*s %s %s\n", w.size, r.size(s.Len), r.stamp(s).Local().Format("2006-01-02 15:04"), name)
}

// size prints a number of bytes, with -h in units.
func (r *run) size(n int64) string {
	if r.opts["h"] {
		return human(n)
	}
	return strconv.FormatInt(n, 10)
}

// human prints a size in binary units with one decimal, none when it divides evenly
// (StringUtils.TraditionalBinaryPrefix.long2String).
func human(n int64) string {
	if n < 1024 && n > -1024 {
		return strconv.FormatInt(n, 10)
	}
	shift, unit := 0, 0
	for m := n / 1024; m != 0 && unit < 6; m /= 1024 {
		shift, unit = shift+10, unit+1
	}
	if n&(1<<shift-1) == 0 {
		return fmt.Sprintf("%d %c", n>>shift, " KMGTPE"[unit])
	}
	v := float64(n) / float64(int64(1)<<shift)
	if s := fmt.Sprintf("%.1f", v); s == "1024.0" && unit < 6 {
		return fmt.Sprintf("1.0 %c", " KMGTPE"[unit+1])
	}
	return fmt.Sprintf("%.1f %c", v, " KMGTPE"[unit])
}

func permString(p uint32) string {
	b := []byte("rwxrwxrwx")
	for i := range b {
		if p&(1<<(8-i)) == 0 {
			b[i] = '-'
		}
	}
	if p&0o1000 != 0 {
		b[8] = 'T'
		if p&1 != 0 {
			b[8] = 't'
		}
	}
	return string(b)
}

func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return '?'
	}, s)
}
