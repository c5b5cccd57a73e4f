package namespace

import (
	"slices"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/acl"
	"github.com/lodehq/lode/namenode/namespace/tree"
)

type aclEntry = acl.Entry

// action is a set of accesses in the bits of a permission. noAction asks for nothing.
type action uint8

const (
	noAction  action = 0
	actExec   action = 1
	actWrite  action = 2
	actRead   action = 4
	actAll    action = 7
	actWriteX action = 3
)

// String is the name in Java's FsAction.
func (a action) String() string {
	return [8]string{"NONE", "EXECUTE", "WRITE", "WRITE_EXECUTE", "READ", "READ_EXECUTE", "READ_WRITE", "ALL"}[a&7]
}

// permString is FsPermission.toString, with the sticky bit.
func permString(p uint16) string {
	const rwx = "rwxrwxrwx"
	b := []byte(rwx)
	for i := range b {
		if p&(1<<(8-i)) == 0 {
			b[i] = '-'
		}
	}
	if p&0o1000 != 0 {
		if p&1 != 0 {
			b[8] = 't'
		} else {
			b[8] = 'T'
		}
	}
	return string(b)
}

func needSuperuser(c *Caller, op string) *hdfs.Exception {
	if op != "" {
		op = " for operation " + op
	}
	return fail(hdfs.AccessControl, "Access denied for user %s. Superuser privilege is required%s", c.User, op)
}

func (n *Namespace) checkSuperuser(c *Caller, op string) error {
	if n.opt.DisablePermissions || c.Superuser {
		return nil
	}
	return needSuperuser(c, op)
}

// checks is what a call needs of the inodes on its path (FSPermissionChecker.checkPermission).
type checks struct {
	owner       bool // the caller must own the last
	ancestor    action
	parent      action
	access      action
	sub         action // on every directory below the last
	ignoreEmpty bool   // but not on empty ones
}

func (n *Namespace) check(c *Caller, p *inodePath, want checks) error {
	if n.opt.DisablePermissions || c.Superuser {
		return nil
	}
	lastIdx := len(p.slots) - 1
	if err := n.checkTraverse(c, p); err != nil {
		return err
	}
	last := p.slots[lastIdx]
	if want.parent&actWrite != 0 && lastIdx > 0 && last != 0 {
		if err := n.checkSticky(c, p, lastIdx-1); err != nil {
			return err
		}
	}
	if want.ancestor != 0 && lastIdx > 0 {
		i := lastIdx - 1
		for i > 0 && p.slots[i] == 0 {
			i--
		}
		if err := n.checkOne(c, p, i, want.ancestor); err != nil {
			return err
		}
	}
	if want.parent != 0 && lastIdx > 0 {
		if err := n.checkOne(c, p, lastIdx-1, want.parent); err != nil {
			return err
		}
	}
	if want.access != 0 {
		if err := n.checkOne(c, p, lastIdx, want.access); err != nil {
			return err
		}
	}
	if want.sub != 0 && last != 0 {
		if err := n.checkSub(c, last, p.snap, p.path, want); err != nil {
			return err
		}
	}
	if want.owner && last != 0 {
		if c.User != n.userOf(n.attrAt(last, p.snap)) {
			return fail(hdfs.AccessControl, "Permission denied. user=%s is not the owner of inode=%s", c.User, p.path)
		}
	}
	return nil
}

// checkTraverse asks that every existing ancestor is a directory that the caller may pass. A nil caller is only asked the first.
func (n *Namespace) checkTraverse(c *Caller, p *inodePath) error {
	for i := 0; i < len(p.slots)-1 && p.slots[i] != 0; i++ {
		if !n.tree.Inode(p.slots[i]).IsDir() {
			return fail(hdfs.ParentNotDirectory, "%s (is not a directory)", p.upTo(i))
		}
		if c == nil || n.opt.DisablePermissions || c.Superuser {
			continue
		}
		if err := n.checkOne(c, p, i, actExec); err != nil {
			return err
		}
	}
	return nil
}

func (n *Namespace) checkOne(c *Caller, p *inodePath, i int, want action) error {
	slot := p.slots[i]
	if slot == 0 || n.permits(c, slot, p.snap, want) {
		return nil
	}
	return n.denied(c, n.attrAt(slot, p.snap), p.upTo(i), want)
}

func (n *Namespace) denied(c *Caller, in *tree.Inode, path string, want action) error {
	kind := '-'
	if in.IsDir() {
		kind = 'd'
	}
	return fail(hdfs.AccessControl, "Permission denied: user=%s, access=%v, inode=\"%s\":%s:%s:%c%s",
		c.User, want, path, n.userOf(in), n.groupOf(in), kind, permString(in.Perm()))
}

func (c *Caller) in(group string) bool { return slices.Contains(c.Groups, group) }

// permits is FSPermissionChecker.hasPermission.
func (n *Namespace) permits(c *Caller, slot uint32, snap int64, want action) bool {
	in := n.attrAt(slot, snap)
	mode := in.Perm()
	if in.Mode&tree.FlagMore != 0 {
		if list := n.aclAt(slot, snap); len(list) > 0 && list[0].Scope == acl.Access {
			return n.aclPermits(c, in, list, want)
		}
	}
	var have action
	switch {
	case c.User == n.userOf(in):
		have = action(mode >> 6)
	case c.in(n.groupOf(in)):
		have = action(mode >> 3)
	default:
		have = action(mode)
	}
	return have&want == want
}

// aclPermits is FSPermissionChecker.hasAclPermission.
func (n *Namespace) aclPermits(c *Caller, in *tree.Inode, list []aclEntry, want action) bool {
	mode := in.Perm()
	mask := action(mode >> 3 & 7)
	if c.User == n.userOf(in) {
		return action(mode>>6)&want == want
	}
	matched := false
	for _, e := range list {
		if e.Scope == acl.Default {
			break
		}
		have := action(e.Perm)&mask&want == want
		if e.Type == acl.User && e.Name == c.User {
			return have
		}
		if e.Type == acl.Group {
			g := e.Name
			if g == "" {
				g = n.groupOf(in)
			}
			if c.in(g) {
				if have {
					return true
				}
				matched = true
			}
		}
	}
	return !matched && action(mode)&want == want
}

func (n *Namespace) checkSticky(c *Caller, p *inodePath, parentIdx int) error {
	parent, in := n.attrAt(p.slots[parentIdx], p.snap), n.attrAt(p.slots[parentIdx+1], p.snap)
	if !n.stickyForbids(c, parent, in) {
		return nil
	}
	return n.stickyDenied(c, p.upTo(parentIdx+1), in, p.upTo(parentIdx), parent)
}

func (n *Namespace) stickyForbids(c *Caller, parent, in *tree.Inode) bool {
	return parent.Perm()&0o1000 != 0 && n.userOf(parent) != c.User && n.userOf(in) != c.User
}

func (n *Namespace) stickyDenied(c *Caller, path string, in *tree.Inode, parentPath string, parent *tree.Inode) error {
	kind := func(i *tree.Inode) string {
		if i.IsDir() {
			return "d"
		}
		return "-"
	}
	return fail(hdfs.AccessControl, "Permission denied by sticky bit: user=%s, path=\"%s\":%s:%s:%s%s, parent=\"%s\":%s:%s:%s%s", c.User,
		path, n.userOf(in), n.groupOf(in), kind(in), permString(in.Perm()),
		parentPath, n.userOf(parent), n.groupOf(parent), kind(parent), permString(parent.Perm()))
}

// checkSub asks for an access on a directory and all directories below it.
func (n *Namespace) checkSub(c *Caller, dir uint32, snap int64, path string, want checks) error {
	if !n.tree.Inode(dir).IsDir() {
		return nil
	}
	kids := n.childrenAt(dir, snap)
	in := n.attrAt(dir, snap)
	if len(kids) > 0 || !want.ignoreEmpty {
		if !n.permits(c, dir, snap, want.sub) {
			return n.denied(c, in, path, want.sub)
		}
		if in.Perm()&0o1000 != 0 {
			for _, k := range kids {
				if ka := n.attrAt(k, snap); n.stickyForbids(c, in, ka) {
					return n.stickyDenied(c, join(path, string(n.nameAt(k, snap))), ka, path, in)
				}
			}
		}
	}
	for _, k := range kids {
		if n.tree.Inode(k).IsDir() {
			if err := n.checkSub(c, k, snap, join(path, string(n.nameAt(k, snap))), want); err != nil {
				return err
			}
		}
	}
	return nil
}

func join(dir, name string) string {
	if dir == "/" {
		return "/" + name
	}
	return dir + "/" + name
}
