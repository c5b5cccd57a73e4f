package namespace

import (
	"strconv"
	"strings"
	"unsafe"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/tree"
)

const (
	dotSnapshot  = ".snapshot"
	reservedDir  = "/.reserved"
	reservedRaw  = "/.reserved/raw"
	reservedIDs  = "/.reserved/.inodes"
	maxPathLen   = 8000
	maxPathDepth = 1000
)

// inodePath is a path taken apart and looked up: for each component the slot of its inode, 0 where there is none.
// In a path through .snapshot both ".snapshot" and the snapshot's name stand for the directory.
type inodePath struct {
	path  string   // normal form: no double and no trailing slash
	comps []string // comps[0] is the root's empty name
	slots []uint32
	snap  int64  // the snapshot that the path goes through, 0: the live tree
	isDot bool   // the path ends in .snapshot itself
	raw   bool   // came through /.reserved/raw
	named string // name of the snapshot gone through

	cbuf [12]string
	sbuf [12]uint32
}

func (p *inodePath) last() uint32   { return p.slots[len(p.slots)-1] }
func (p *inodePath) parent() uint32 { return p.at(len(p.slots) - 2) }
func (p *inodePath) name() string   { return p.comps[len(p.comps)-1] }
func (p *inodePath) isRoot() bool   { return len(p.comps) == 1 }
func (p *inodePath) readOnly() bool { return p.snap != 0 || p.isDot }

func (p *inodePath) at(i int) uint32 {
	if i < 0 {
		return 0
	}
	return p.slots[i]
}

// existing is the number of leading components that exist.
func (p *inodePath) existing() int {
	for i, s := range p.slots {
		if s == 0 {
			return i
		}
	}
	return len(p.slots)
}

// upTo is the path of component i.
func (p *inodePath) upTo(i int) string {
	if i <= 0 {
		return "/"
	}
	return strings.Join(p.comps[:i+1], "/")
}

func (p *inodePath) parentPath() string { return p.upTo(len(p.comps) - 2) }

// bytesOf is a string's bytes, for reading only.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

type pathOp uint8

const (
	opRead pathOp = iota
	opWrite
	opCreate
)

// validName is DFSUtil.isValidName.
func validName(src string) bool {
	if !strings.HasPrefix(src, "/") {
		return false
	}
	elems := strings.Split(src, "/")
	for len(elems) > 1 && elems[len(elems)-1] == "" {
		elems = elems[:len(elems)-1]
	}
	for i, e := range elems {
		switch {
		case e == ".." && len(elems) > 4 && elems[1] == ".reserved" && elems[2] == ".inodes":
		case e == "." || e == ".." || strings.Contains(e, ":"):
			return false
		case e == "" && i != 0 && i != len(elems)-1:
			return false
		}
	}
	return true
}

func checkPathLength(src, op string) error {
	if len(src) > maxPathLen || strings.Count(src, "/") > maxPathDepth {
		return ioFail("%s: Pathname too long.  Limit %d characters, %d levels.", op, maxPathLen, maxPathDepth)
	}
	return nil
}

// split fills in path and comps.
func (p *inodePath) split(src string) error {
	if src == "" || src[0] != '/' {
		return fail(hdfs.AssertionError, "Absolute path required, but got '%s'", src)
	}
	p.comps = append(p.cbuf[:0], "")
	clean := len(src) == 1 || src[len(src)-1] != '/'
	for i := 1; i < len(src); {
		j := strings.IndexByte(src[i:], '/')
		if j < 0 {
			j = len(src) - i
		}
		if j > 0 {
			p.comps = append(p.comps, src[i:i+j])
		} else {
			clean = false
		}
		i += j + 1
	}
	p.path = src
	if !clean {
		p.path = p.upTo(len(p.comps) - 1)
	}
	return nil
}

// locate looks a path up in the tree without any check.
func (n *Namespace) locate(src string) (*inodePath, error) {
	p := &inodePath{}
	if err := p.split(src); err != nil {
		return nil, err
	}
	if len(p.comps) > 2 && p.comps[1] == ".reserved" {
		if err := n.resolveReserved(p); err != nil {
			return nil, err
		}
	}
	if len(p.comps) <= len(p.sbuf) {
		p.slots = p.sbuf[:len(p.comps)]
	} else {
		p.slots = make([]uint32, len(p.comps))
	}
	cur := n.tree.Root()
	p.slots[0] = cur
	for i := 1; i < len(p.comps); i++ {
		if !n.tree.Inode(cur).IsDir() {
			break
		}
		name := p.comps[i]
		if name == dotSnapshot && p.snap == 0 {
			if d := n.snapDirs[cur]; d != nil {
				p.slots[i] = cur
				if i == len(p.comps)-1 {
					p.isDot = true
					break
				}
				s := n.snapshotNamed(d, p.comps[i+1])
				if s == nil {
					p.isDot = false
					p.snap = -1 // inside .snapshot, but of no snapshot
					break
				}
				p.snap, p.named = s.id, s.name
				i++
				p.slots[i] = cur
				continue
			}
		}
		if p.snap == 0 {
			cur = n.tree.Lookup(cur, bytesOf(name))
		} else {
			cur = n.childAt(cur, bytesOf(name), p.snap)
		}
		if cur == 0 {
			break
		}
		p.slots[i] = cur
	}
	return p, nil
}

// resolveReserved turns /.reserved/raw/x into /x and /.reserved/.inodes/N/x into the path of inode N and x.
func (n *Namespace) resolveReserved(p *inodePath) error {
	switch p.comps[2] {
	case "raw":
		if len(p.comps) == 3 {
			return p.resplit("/", true)
		}
		return p.resplit("/"+strings.Join(p.comps[3:], "/"), true)
	case ".inodes":
		if len(p.comps) < 4 {
			return nil
		}
		id, err := strconv.ParseInt(p.comps[3], 10, 64)
		if err != nil {
			return notFound("Invalid inode path: %s", p.path)
		}
		slot := n.tree.ByID(hdfs.INodeID(id))
		if slot == 0 || !n.live(slot) {
			return notFound("File for given inode path does not exist: %s", p.path)
		}
		base, rest := n.pathOf(slot), p.comps[4:]
		if len(rest) > 0 && rest[0] == ".." {
			base, rest = n.pathOf(max(n.tree.Inode(slot).Parent, n.tree.Root())), rest[1:]
		}
		if len(rest) > 0 {
			base = strings.TrimSuffix(base, "/") + "/" + strings.Join(rest, "/")
		}
		return p.resplit(base, false)
	}
	return nil
}

func (p *inodePath) resplit(path string, raw bool) error {
	p.raw = raw
	return p.split(path)
}

// pathOf is the full path of an inode of the live tree.
func (n *Namespace) pathOf(slot uint32) string {
	if slot == n.tree.Root() {
		return "/"
	}
	var slots [64]uint32
	list := slots[:0]
	size := 0
	for s := slot; s != n.tree.Root() && s != 0; s = n.tree.Inode(s).Parent {
		list = append(list, s)
		size += len(n.tree.Name(s)) + 1
	}
	b := make([]byte, 0, size)
	for i := len(list) - 1; i >= 0; i-- {
		b = append(b, '/')
		b = append(b, n.tree.Name(list[i])...)
	}
	return string(b)
}

// live tells whether an inode is in the live tree: one that only snapshots show is not.
func (n *Namespace) live(slot uint32) bool {
	if len(n.snaps) == 0 {
		return true
	}
	for s := slot; s != n.tree.Root(); s = n.tree.Inode(s).Parent {
		if f := n.feat(s); f != nil && f.detached {
			return false
		}
	}
	return true
}

// resolve looks a path up as FSDirectory.resolvePath does: the ancestors must be directories that the caller may pass, and only
// reads may go into a snapshot.
func (n *Namespace) resolve(c *Caller, src string, op pathOp) (*inodePath, error) {
	if op == opCreate && !validName(src) {
		return nil, invalidPath("Invalid file name: " + src)
	}
	p, err := n.locate(src)
	if err != nil {
		return nil, err
	}
	if p.raw && c != nil && !n.opt.DisablePermissions && !c.Superuser {
		return nil, needSuperuser(c, "")
	}
	if err := n.checkTraverse(c, p); err != nil {
		if e := err.(*hdfs.Exception); e.Class == hdfs.ParentNotDirectory && op != opCreate {
			return nil, fail(hdfs.AccessControl, "%s", e.Message)
		}
		return nil, err
	}
	if op != opRead && (p.readOnly()) {
		return nil, fail(hdfs.SnapshotAccess, "Modification on a read-only snapshot is disallowed")
	}
	return p, nil
}

// resolveID is resolve for a call that names its file by number as well; 0 means that it does not.
func (n *Namespace) resolveID(c *Caller, src string, id uint64) (*inodePath, error) {
	if id == 0 {
		return n.resolve(c, src, opWrite)
	}
	p := &inodePath{path: src}
	slot := n.tree.ByID(hdfs.INodeID(id))
	if slot == 0 || !n.live(slot) {
		p.comps, p.slots = []string{src}, []uint32{0}
		return p, nil
	}
	p.comps, p.slots = append(p.cbuf[:0], ""), append(p.sbuf[:0], slot)
	return p, nil
}

// pathFor is the path for messages of a file found by resolveID.
func (n *Namespace) pathFor(p *inodePath) string {
	if s := p.last(); s != 0 && len(p.comps) == 1 && s != n.tree.Root() {
		return n.pathOf(s)
	}
	return p.path
}

// fileAt is INodeFile.valueOf.
func (n *Namespace) fileAt(p *inodePath) (uint32, error) {
	slot := p.last()
	if slot == 0 {
		return 0, notFound("File does not exist: %s", p.path)
	}
	if n.tree.Inode(slot).IsDir() {
		return 0, notFound("Path is not a file: %s", p.path)
	}
	return slot, nil
}

// dirAt is INodeDirectory.valueOf.
func (n *Namespace) dirAt(slot uint32, path string) (*tree.Inode, error) {
	if slot == 0 {
		return nil, notFound("Directory does not exist: %s", path)
	}
	in := n.tree.Inode(slot)
	if !in.IsDir() {
		return nil, fail(hdfs.PathIsNotDirectory, "`%s': Is not a directory", path)
	}
	return in, nil
}

// exactReserved tells /.reserved and its two children, raw and .inodes, from other paths.
func exactReserved(src string) bool { return strings.TrimRight(src, "/") == reservedDir }

func isReserved(src string) bool {
	return src == reservedDir || strings.HasPrefix(src, reservedDir+"/")
}
