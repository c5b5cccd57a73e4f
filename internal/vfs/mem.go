package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// MemFS is a file system in memory that knows what a crash would leave.
type MemFS struct {
	mu       sync.Mutex // guards everything below, and all nodes
	root     *memNode
	pending  []nameOp // operations on names that no SyncDir has made durable, in order
	locks    map[string]bool
	capacity int64
	used     int64
}

type memNode struct {
	dir      bool
	perm     fs.FileMode
	mtime    time.Time
	children map[string]*memNode // what programs see
	durable  map[string]*memNode // what a crash surely leaves
	data     []byte
	synced   []byte
}

// nameOp is one atomic change of names: all edits or none survive.
type nameOp []nameEdit

type nameEdit struct {
	dir  *memNode
	name string
	node *memNode // nil removes
}

// Mem makes an empty file system in memory of 1 TiB.
func Mem() *MemFS {
	return &MemFS{root: newDir(), locks: map[string]bool{}, capacity: 1 << 40}
}

func newDir() *memNode {
	return &memNode{dir: true, perm: 0o755 | fs.ModeDir, children: map[string]*memNode{}, durable: map[string]*memNode{}}
}

// SetCapacity changes the size; writes beyond it fail with ENOSPC.
func (m *MemFS) SetCapacity(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacity = n
}

// Corrupt flips the bits of mask in the byte at off, as a bad disk would, synced copy included.
func (m *MemFS) Corrupt(name string, off int64, mask byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find("corrupt", name)
	if err != nil {
		return err
	}
	if off >= int64(len(n.data)) {
		return pathErr("corrupt", name, fs.ErrInvalid)
	}
	n.data = slices.Clone(n.data)
	n.data[off] ^= mask
	if off < int64(len(n.synced)) {
		n.synced = slices.Clone(n.synced)
		n.synced[off] ^= mask
	}
	return nil
}

// CrashClone is a copy of the file system as found after a power loss now. rng chooses what unsynced things survive; the same
// rng state and history give the same result. The locks are gone.
func (m *MemFS) CrashClone(rng *rand.Rand) *MemFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	survive := 0
	if len(m.pending) > 0 {
		survive = rng.IntN(len(m.pending) + 1)
	}
	return m.copyWith(survive, func(n *memNode) []byte { return crashData(n.synced, n.data, rng) })
}

// Clone is a copy of the file system as programs see it now: what a process that was killed (kill -9) leaves behind.
func (m *MemFS) Clone() *MemFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.copyWith(len(m.pending), func(n *memNode) []byte { return slices.Clone(n.data) })
}

// copyWith copies what is durable, the first survive pending operations on names, and the content that data answers.
func (m *MemFS) copyWith(survive int, data func(*memNode) []byte) *MemFS {
	names := map[*memNode]map[string]*memNode{}
	at := func(d *memNode) map[string]*memNode {
		if names[d] == nil {
			names[d] = map[string]*memNode{}
			for k, v := range d.durable {
				names[d][k] = v
			}
		}
		return names[d]
	}
	for _, op := range m.pending[:survive] {
		for _, e := range op {
			apply(at(e.dir), e)
		}
	}
	out := Mem()
	out.capacity = m.capacity
	copied := map[*memNode]*memNode{}
	var clone func(n *memNode) *memNode
	clone = func(n *memNode) *memNode {
		if c := copied[n]; c != nil {
			return c
		}
		c := &memNode{dir: n.dir, perm: n.perm, mtime: n.mtime}
		copied[n] = c
		if !n.dir {
			c.data = data(n)
			c.synced = slices.Clone(c.data)
			out.used += int64(len(c.data))
			return c
		}
		c.children, c.durable = map[string]*memNode{}, map[string]*memNode{}
		kids := at(n)
		keys := make([]string, 0, len(kids))
		for k := range kids {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			child := clone(kids[k])
			c.children[k], c.durable[k] = child, child
		}
		return c
	}
	out.root = clone(m.root)
	return out
}

// crashData mixes the synced and the current content, sector by sector.
func crashData(synced, cur []byte, rng *rand.Rand) []byte {
	const sector = 512
	if string(synced) == string(cur) {
		return slices.Clone(cur)
	}
	size := len(synced)
	switch d := len(cur) - len(synced); {
	case d > 0:
		size += rng.IntN(d + 1)
	case d < 0 && rng.IntN(2) == 0:
		size = len(cur)
	}
	out := make([]byte, size)
	for off := 0; off < size; off += sector {
		end := min(off+sector, size)
		src := synced
		if rng.IntN(2) == 0 {
			src = cur
		}
		if off < len(src) {
			copy(out[off:end], src[off:])
		}
	}
	return out
}

func apply(names map[string]*memNode, e nameEdit) {
	if e.node == nil {
		delete(names, e.name)
		return
	}
	names[e.name] = e.node
}

// do changes names now and remembers the change until a SyncDir. m.mu is held.
func (m *MemFS) do(op nameOp) {
	now := time.Now()
	for _, e := range op {
		apply(e.dir.children, e)
		e.dir.mtime = now
	}
	m.pending = append(m.pending, op)
}

func clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

func dirOf(name string) string {
	if d := path.Dir(name); d != "" {
		return d
	}
	return "."
}

func pathErr(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

func (m *MemFS) find(op, name string) (*memNode, error) {
	n := m.root
	p := clean(name)
	if p == "" {
		return n, nil
	}
	for part := range strings.SplitSeq(p, "/") {
		if !n.dir {
			return nil, pathErr(op, name, syscall.ENOTDIR)
		}
		if n = n.children[part]; n == nil {
			return nil, pathErr(op, name, fs.ErrNotExist)
		}
	}
	return n, nil
}

func (m *MemFS) parent(op, name string) (*memNode, string, error) {
	p := clean(name)
	d, err := m.find(op, path.Dir("/"+p))
	if err != nil {
		return nil, "", err
	}
	if !d.dir {
		return nil, "", pathErr(op, name, syscall.ENOTDIR)
	}
	return d, path.Base("/" + p), nil
}

// Open implements FS.
func (m *MemFS) Open(name string) (File, error) { return m.OpenFile(name, os.O_RDONLY, 0) }

// Create implements FS.
func (m *MemFS) Create(name string) (File, error) {
	return m.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

// OpenFile implements FS.
func (m *MemFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base, err := m.parent("open", name)
	if err != nil {
		return nil, err
	}
	n := d.children[base]
	if clean(name) == "" {
		n = m.root
	}
	switch {
	case n == nil && flag&os.O_CREATE == 0:
		return nil, pathErr("open", name, fs.ErrNotExist)
	case n == nil:
		n = &memNode{perm: perm.Perm(), mtime: time.Now()}
		m.do(nameOp{{d, base, n}})
	case flag&os.O_CREATE != 0 && flag&os.O_EXCL != 0:
		return nil, pathErr("open", name, fs.ErrExist)
	case n.dir && flag&(os.O_WRONLY|os.O_RDWR) != 0:
		return nil, pathErr("open", name, syscall.EISDIR)
	}
	if flag&os.O_TRUNC != 0 && !n.dir {
		m.used -= int64(len(n.data))
		n.data = nil
	}
	return &memFile{fs: m, n: n, name: name, flag: flag}, nil
}

// Rename implements FS.
func (m *MemFS) Rename(oldName, newName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	od, ob, err := m.parent("rename", oldName)
	if err != nil {
		return err
	}
	nd, nb, err := m.parent("rename", newName)
	if err != nil {
		return err
	}
	n := od.children[ob]
	if n == nil {
		return pathErr("rename", oldName, fs.ErrNotExist)
	}
	if t := nd.children[nb]; t != nil && t.dir && (len(t.children) > 0 || !n.dir) {
		return pathErr("rename", newName, fs.ErrExist)
	}
	if od == nd && ob == nb {
		return nil
	}
	m.do(nameOp{{od, ob, nil}, {nd, nb, n}})
	return nil
}

// Link implements FS.
func (m *MemFS) Link(oldName, newName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find("link", oldName)
	if err != nil {
		return err
	}
	d, b, err := m.parent("link", newName)
	if err != nil {
		return err
	}
	if d.children[b] != nil {
		return pathErr("link", newName, fs.ErrExist)
	}
	m.do(nameOp{{d, b, n}})
	return nil
}

// Remove implements FS.
func (m *MemFS) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, b, err := m.parent("remove", name)
	if err != nil {
		return err
	}
	n := d.children[b]
	if n == nil {
		return pathErr("remove", name, fs.ErrNotExist)
	}
	if n.dir && len(n.children) > 0 {
		return pathErr("remove", name, syscall.ENOTEMPTY)
	}
	m.used -= int64(len(n.data))
	m.do(nameOp{{d, b, nil}})
	return nil
}

// RemoveAll implements FS.
func (m *MemFS) RemoveAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, b, err := m.parent("remove", name)
	if err != nil || d.children[b] == nil {
		return nil
	}
	m.used -= d.children[b].size()
	m.do(nameOp{{d, b, nil}})
	return nil
}

func (n *memNode) size() int64 {
	total := int64(len(n.data))
	for _, c := range n.children {
		total += c.size()
	}
	return total
}

// MkdirAll implements FS.
func (m *MemFS) MkdirAll(name string, perm fs.FileMode) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.root
	p := clean(name)
	if p == "" {
		return nil
	}
	for part := range strings.SplitSeq(p, "/") {
		if !n.dir {
			return pathErr("mkdir", name, syscall.ENOTDIR)
		}
		c := n.children[part]
		if c == nil {
			c = newDir()
			c.perm, c.mtime = perm.Perm()|fs.ModeDir, time.Now()
			m.do(nameOp{{n, part, c}})
		}
		n = c
	}
	if !n.dir {
		return pathErr("mkdir", name, syscall.ENOTDIR)
	}
	return nil
}

// ReadDir implements FS.
func (m *MemFS) ReadDir(name string) ([]fs.DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find("readdir", name)
	if err != nil {
		return nil, err
	}
	if !n.dir {
		return nil, pathErr("readdir", name, syscall.ENOTDIR)
	}
	out := make([]fs.DirEntry, 0, len(n.children))
	for k, c := range n.children {
		out = append(out, fs.FileInfoToDirEntry(c.info(k)))
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out, nil
}

// Stat implements FS.
func (m *MemFS) Stat(name string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find("stat", name)
	if err != nil {
		return nil, err
	}
	return n.info(path.Base(name)), nil
}

// SyncDir implements FS: what was done in that directory is durable, and whatever earlier it rests on.
func (m *MemFS) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, err := m.find("sync", name)
	if err != nil {
		return err
	}
	if !d.dir {
		return pathErr("sync", name, syscall.ENOTDIR)
	}
	touched := map[*memNode]bool{d: true}
	keep := make([]bool, len(m.pending))
	for i := len(m.pending) - 1; i >= 0; i-- {
		hit := slices.ContainsFunc(m.pending[i], func(e nameEdit) bool { return touched[e.dir] })
		if keep[i] = !hit; hit {
			for _, e := range m.pending[i] {
				touched[e.dir] = true
			}
		}
	}
	var rest []nameOp
	for i, op := range m.pending {
		if keep[i] {
			rest = append(rest, op)
			continue
		}
		for _, e := range op {
			apply(e.dir.durable, e)
		}
	}
	m.pending = rest
	return nil
}

// Statfs implements FS.
func (m *MemFS) Statfs(name string) (Space, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.find("statfs", name); err != nil {
		return Space{}, err
	}
	return Space{Total: m.capacity, Free: max(0, m.capacity-m.used)}, nil
}

// Lock implements FS.
func (m *MemFS) Lock(name string) (io.Closer, error) {
	f, err := m.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	f.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	p := clean(name)
	if m.locks[p] {
		return nil, fmt.Errorf("lock %s: another process uses %s: %w", name, path.Dir(name), syscall.EAGAIN)
	}
	m.locks[p] = true
	return memLock{m, p}, nil
}

type memLock struct {
	m *MemFS
	p string
}

func (l memLock) Close() error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	delete(l.m.locks, l.p)
	return nil
}
