package fsshell

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/lodehq/lode/client/shell/fsys"
)

func changing() []*command {
	return []*command{
		{
			name: "chmod", usage: "[-R] <MODE[,MODE]... | OCTALMODE> PATH...", min: 2, max: -1, options: []string{"R"}, loose: true,
			about: []string{
				"Changes permissions: octal (three or four digits), or like u+rwx,g=r,o-x, where X is x for directories and for what has",
				"an x already, and t is the sticky bit. -R: of all below as well.",
			},
			setup: setupChmod,
		},
		{
			name: "chown", usage: "[-R] [OWNER][:[GROUP]] PATH...", min: 2, max: -1, options: []string{"R"}, loose: true,
			about: []string{"Changes owner, group or both. -R: of all below as well."},
			setup: func(r *run) error { return setupChown(r, chownPattern) },
		},
		{
			name: "chgrp", usage: "[-R] GROUP PATH...", min: 2, max: -1, options: []string{"R"}, loose: true,
			about: []string{"Changes the group. -R: of all below as well."},
			setup: func(r *run) error { return setupChown(r, chgrpPattern) },
		},
	}
}

// clause is one part of a symbolic mode.
type clause struct {
	who  uint32 // mask of the bits that it is about
	op   byte
	bits uint32 // r w x in each class
	x    bool   // X: x if a directory or executable already
	t    bool   // sticky
}

// parseMode reads a mode of chmod and answers how it changes permissions.
func parseMode(s string) (func(old uint32, dir bool) uint32, bool) {
	if n, err := strconv.ParseUint(s, 8, 16); err == nil && len(s) <= 4 && n <= 0o1777 {
		return func(old uint32, _ bool) uint32 {
			if len(s) < 4 && n&0o1000 == 0 {
				return uint32(n)
			}
			return uint32(n)
		}, true
	}
	var clauses []clause
	for part := range strings.SplitSeq(s, ",") {
		i := strings.IndexAny(part, "+-=")
		if i < 0 {
			return nil, false
		}
		who := uint32(0)
		for _, c := range part[:i] {
			switch c {
			case 'u':
				who |= 0o700
			case 'g':
				who |= 0o070
			case 'o':
				who |= 0o007
			case 'a':
				who |= 0o777
			default:
				return nil, false
			}
		}
		if who == 0 {
			who = 0o777
		}
		c := clause{who: who, op: part[i]}
		for _, p := range part[i+1:] {
			switch p {
			case 'r':
				c.bits |= 0o444
			case 'w':
				c.bits |= 0o222
			case 'x':
				c.bits |= 0o111
			case 'X':
				c.x = true
			case 't':
				c.t = true
			default:
				return nil, false
			}
		}
		clauses = append(clauses, c)
	}
	return func(old uint32, dir bool) uint32 {
		p := old
		for _, c := range clauses {
			bits := c.bits
			if c.x && (dir || old&0o111 != 0) {
				bits |= 0o111
			}
			bits &= c.who
			switch c.op {
			case '+':
				p |= bits
			case '-':
				p &^= bits
			case '=':
				p = p&^c.who | bits
			}
			if c.t {
				if c.op == '-' {
					p &^= 0o1000
				} else {
					p |= 0o1000
				}
			}
		}
		return p
	}, true
}

func setupChmod(r *run) error {
	change, ok := parseMode(r.args[0])
	if !ok {
		return usagef("chmod : mode '%s' does not match the expected pattern.", r.args[0])
	}
	r.args = r.args[1:]
	r.recursive = r.opts["R"]
	r.do = func(i *fsys.Item) error {
		p := change(i.Stat.Perm, i.IsDir())
		if p == i.Stat.Perm {
			return nil
		}
		return i.FS.SetPerm(r.ctx, i.Path, p)
	}
	return nil
}

// What owners and groups may look like (FsShellPermissions.allowedChars).
var (
	chownPattern = regexp.MustCompile(`^\s*([-_./@a-zA-Z0-9]+)?([:]([-_./@a-zA-Z0-9]*))?\s*$`)
	chgrpPattern = regexp.MustCompile(`^\s*()()([-_./@a-zA-Z0-9]+)\s*$`)
)

func setupChown(r *run, pattern *regexp.Regexp) error {
	m := pattern.FindStringSubmatch(r.args[0])
	if m == nil {
		if pattern == chgrpPattern {
			return usagef("'%s' does not match expected pattern for group", r.args[0])
		}
		return usagef("'%s' does not match expected pattern for [owner][:group].", r.args[0])
	}
	owner, group := strings.TrimSpace(m[1]), strings.TrimSpace(m[3])
	if owner == "" && group == "" {
		return usagef("'%s' does not specify owner or group.", r.args[0])
	}
	r.args = r.args[1:]
	r.recursive = r.opts["R"]
	r.do = func(i *fsys.Item) error {
		o, g := owner, group
		if o == i.Stat.Owner {
			o = ""
		}
		if g == i.Stat.Group {
			g = ""
		}
		if o == "" && g == "" {
			return nil
		}
		return i.FS.SetOwner(r.ctx, i.Path, o, g)
	}
	return nil
}
