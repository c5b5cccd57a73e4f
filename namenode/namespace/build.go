package namespace

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/tree"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
)

// ErrBuild is wrapped by what a Builder refuses.
var ErrBuild = errors.New("the parts make no namespace")

func unbuildable(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBuild, fmt.Sprintf(format, args...))
}

// Builder makes a namespace of parts that were kept in another form (an image of Apache's). Add every inode, then Link the
// children of every directory, then Open, Snapshots and Histories; Finish checks what hangs together and counts what quotas count.
type Builder struct {
	n      *Namespace
	linked []bool // by slot: has a place in a directory
	dirPol bool   // some directory has a storage policy
	last   uint32 // the child linked last, in dir
	dir    uint32
}

// NewBuilder starts with "/" alone.
func NewBuilder(opt Options, sink hdfs.BlockSink) *Builder {
	return &Builder{n: New(opt, sink)}
}

// Counters are where numbers go on from.
type Counters struct {
	Inode    hdfs.INodeID
	Block    hdfs.BlockID
	GenStamp hdfs.GenStamp
	Snapshot int64 // the greatest id of a snapshot
	Applied  uint64
}

// Cluster names the cluster and says where numbers go on from.
func (b *Builder) Cluster(f *journalpb.Format, c Counters) error {
	if f.GetClusterId() == "" || f.GetBlockPoolId() == "" {
		return unbuildable("the cluster has no name")
	}
	n := b.n
	n.format = f
	n.lastInode, n.lastBlock = max(n.lastInode, c.Inode), max(n.lastBlock, c.Block)
	n.genStamp, n.lastSnapshot, n.applied = max(n.genStamp, c.GenStamp), c.Snapshot, c.Applied
	return nil
}

func (b *Builder) record(x *Attr, dir bool) tree.Inode {
	in := tree.Inode{MTime: x.MTime, ATime: x.ATime, Owner: b.n.owner(x.User, x.Group)}
	if dir {
		in.Mode = tree.FlagDir
	}
	in.SetPerm(x.Perm)
	in.SetReplication(x.Replication)
	in.SetPolicy(x.Policy)
	return in
}

func xattrsOf(l []XAttr) (out []xattr) {
	for _, x := range l {
		out = append(out, xattr{hdfspb.XAttrProto_XAttrNamespaceProto(x.Namespace), x.Name, x.Value})
	}
	return out
}

// Add stores an inode that has no place yet; the root is changed to what is given. Nothing of x is kept.
func (b *Builder) Add(x *Node) error {
	n := b.n
	if x.ID < hdfs.RootINodeID || len(x.Name) > n.opt.MaxComponentLength && len(x.Name) > 8000 {
		return unbuildable("inode %d %.100q has an impossible number or name", x.ID, x.Name)
	}
	in := b.record(&x.Attr, x.Dir)
	in.ID = x.ID
	n.lastInode = max(n.lastInode, x.ID)
	slot := n.tree.ByID(x.ID)
	switch {
	case x.ID == hdfs.RootINodeID:
		if !x.Dir {
			return unbuildable("the root is a file")
		}
		r := n.tree.Mut(slot)
		r.MTime, r.ATime, r.Owner, r.Repl = in.MTime, in.ATime, in.Owner, in.Repl
		r.SetPerm(in.Perm())
	case slot != 0:
		return unbuildable("inode %d is there twice", x.ID)
	default:
		if !x.Dir {
			if x.BlockSize < 0 || x.Replication > 0xfff {
				return unbuildable("file %d has replication %d, block size %d", x.ID, x.Replication, x.BlockSize)
			}
			in.B = n.sizes.of(uint64(x.BlockSize))
		}
		var err error
		if slot, err = n.tree.NewInode(in, x.Name); err != nil {
			return unbuildable("inode %d %.100q: %v", x.ID, x.Name, err)
		}
	}
	b.dirPol = b.dirPol || x.Dir && x.Policy != 0
	for i, v := range x.Blocks {
		state := uint8(tree.Complete)
		if i == len(x.Blocks)-1 && x.Writer != nil {
			state = tree.Writing
		}
		at, err := b.block(v, state)
		if err != nil {
			return fmt.Errorf("file %d: %w", x.ID, err)
		}
		n.tree.AppendBlock(slot, at)
	}
	if len(x.ACL) > 0 || len(x.XAttrs) > 0 || x.Quota != nil {
		f := n.mutMore(slot)
		f.acl, f.xattrs = slices.Clone(x.ACL), xattrsOf(x.XAttrs)
		if q := x.Quota; q != nil && x.Dir {
			f.quota = &quota{ns: q.Names, space: q.Space, types: typeCounts(q.Types)}
		}
		n.dropIfEmpty(slot)
	}
	return nil
}

func (b *Builder) block(v hdfs.Block, state uint8) (uint32, error) {
	if v.ID == 0 || v.GenStamp >= 1<<40 || v.NumBytes < 0 || v.NumBytes >= 1<<47 {
		return 0, unbuildable("block %v has impossible numbers", v)
	}
	return b.n.tree.NewBlock(v.ID, v.GenStamp, v.NumBytes, state), nil
}

func (b *Builder) slot(id hdfs.INodeID) (uint32, error) {
	if s := b.n.tree.ByID(id); s != 0 {
		return s, nil
	}
	return 0, unbuildable("inode %d is missing", id)
}

// Link gives an inode its place in a directory. It is quickest in the order of names.
func (b *Builder) Link(dir, child hdfs.INodeID) error {
	n := b.n
	d, err := b.slot(dir)
	if err != nil {
		return err
	}
	c, err := b.slot(child)
	if err != nil {
		return err
	}
	if int(c) >= len(b.linked) {
		b.linked = append(b.linked, make([]bool, int(c)+1-len(b.linked)+len(b.linked)/2)...)
	}
	name := n.tree.Name(c)
	switch {
	case !n.tree.Inode(d).IsDir():
		return unbuildable("inode %d has children and is no directory", dir)
	case b.linked[c] || c == n.tree.Root():
		return unbuildable("inode %d has two places", child)
	case len(name) == 0:
		return unbuildable("inode %d has no name", child)
	case b.dir == d && tree.Compare(n.tree.Name(b.last), name) < 0:
	case n.tree.Lookup(d, name) != 0:
		return unbuildable("directory %d has two children %.100q", dir, name)
	}
	b.linked[c] = true
	if b.dir != d || tree.Compare(n.tree.Name(b.last), name) < 0 {
		b.dir, b.last = d, c
	}
	n.tree.Link(d, c)
	return nil
}

func (b *Builder) isLinked(slot uint32) bool { return int(slot) < len(b.linked) && b.linked[slot] }

// Open marks a file as being written; the last of its blocks was added as not complete.
func (b *Builder) Open(file hdfs.INodeID, w Writer) error {
	slot, err := b.slot(file)
	if err != nil {
		return err
	}
	n := b.n
	if n.tree.Inode(slot).IsDir() || n.open[slot] != nil {
		return unbuildable("file %d is no file or open twice", file)
	}
	n.openFor(slot, w.Client, w.Machine)
	if last := n.tree.LastBlock(slot); last != 0 && n.tree.Block(last).State() != tree.Complete {
		n.byBlock[n.tree.Block(last).ID] = slot
	}
	return nil
}

// Snapshottable marks a directory.
func (b *Builder) Snapshottable(dir hdfs.INodeID) error {
	slot, err := b.slot(dir)
	if err != nil {
		return err
	}
	if !b.n.tree.Inode(slot).IsDir() {
		return unbuildable("inode %d is snapshottable and no directory", dir)
	}
	b.n.snapDirs[slot] = &snapshottable{}
	return nil
}

// Snapshot adds a snapshot of a snapshottable directory, in the order of ids.
func (b *Builder) Snapshot(x Snapshot) error {
	n := b.n
	slot, err := b.slot(x.Dir)
	if err != nil {
		return err
	}
	d := n.snapDirs[slot]
	if d == nil || n.snaps[x.ID] != nil || x.ID <= 0 || len(d.list) > 0 && d.list[len(d.list)-1] > x.ID {
		return unbuildable("snapshot %d %q has no directory or not its turn", x.ID, x.Name)
	}
	n.snaps[x.ID] = &snapshot{id: x.ID, root: slot, name: x.Name, ctime: x.CTime}
	n.lastSnapshot = max(n.lastSnapshot, x.ID)
	d.list = append(d.list, x.ID)
	return nil
}

// Histories tells what an inode was in snapshots, latest first. All inodes must be in their places.
func (b *Builder) Histories(id hdfs.INodeID, past []Past) error {
	slot, err := b.slot(id)
	if err != nil {
		return err
	}
	n := b.n
	f := n.mutMore(slot)
	if len(f.history) > 0 {
		return unbuildable("inode %d has two histories", id)
	}
	in := n.tree.Inode(slot)
	later := history{rec: *in, acl: f.acl, xattrs: f.xattrs}
	if !in.IsDir() {
		later.blocks, later.length = n.tree.BlockList(slot), n.tree.Length(slot)
	}
	byID := map[hdfs.BlockID]uint32{}
	for _, at := range later.blocks {
		byID[n.tree.Block(at).ID] = at
	}
	gone := map[string]uint32{} // children that a later history lists as removed, by their name then
	for i := range past {
		p := &past[i]
		if n.snaps[p.Snapshot] == nil || i > 0 && past[i-1].Snapshot <= p.Snapshot {
			return unbuildable("history %d of inode %d is of no snapshot or out of order", p.Snapshot, id)
		}
		h := history{snap: p.Snapshot, rec: later.rec, acl: later.acl, xattrs: later.xattrs, blocks: later.blocks, length: later.length}
		if p.Attr != nil {
			rec := b.record(p.Attr, in.IsDir())
			rec.ID, rec.Parent, rec.Name, rec.B = in.ID, in.Parent, in.Name, in.B
			rec.Mode |= in.Mode & tree.FlagMore
			h.rec, h.acl, h.xattrs = rec, slices.Clone(p.Attr.ACL), xattrsOf(p.Attr.XAttrs)
		}
		if in.IsDir() {
			err = b.children(slot, &h, p, gone)
		} else {
			err = b.contents(&h, p, byID)
		}
		if err != nil {
			return fmt.Errorf("history %d of inode %d: %w", p.Snapshot, id, err)
		}
		later = h
		f.history = append(f.history, h)
	}
	slices.Reverse(f.history)
	n.dropIfEmpty(slot)
	return nil
}

// children finds the inodes that a history says have come and gone.
func (b *Builder) children(dir uint32, h *history, p *Past, gone map[string]uint32) error {
	n := b.n
	for _, name := range p.Created {
		c := gone[string(name)]
		if c == 0 {
			c = n.tree.Lookup(dir, name)
		}
		if c == 0 {
			return unbuildable("the created child %.100q is missing", name)
		}
		h.added = append(h.added, c)
	}
	for _, g := range p.Removed {
		c, err := b.slot(g.ID)
		if err != nil {
			return err
		}
		if c == n.tree.Root() || c == dir {
			return unbuildable("it lists the directory itself")
		}
		h.removed = append(h.removed, c)
		f := n.mutMore(c)
		f.holds++
		name := g.Name
		if g.Renamed {
			f.pin = max(f.pin, h.snap)
		} else {
			name = n.tree.Name(c)
			if !b.isLinked(c) {
				n.tree.Mut(c).Parent = dir
			}
		}
		gone[string(name)] = c
	}
	return nil
}

// contents finds the blocks that a file had, and adds those that only this history has.
func (b *Builder) contents(h *history, p *Past, byID map[hdfs.BlockID]uint32) error {
	if p.Blocks != nil {
		h.blocks = nil
		for _, v := range p.Blocks {
			at := byID[v.ID]
			if at == 0 {
				var err error
				if at, err = b.block(v, tree.Complete); err != nil {
					return err
				}
				byID[v.ID] = at
			}
			h.blocks = append(h.blocks, at)
		}
	}
	var sum int64
	for i, at := range h.blocks { // what lies beyond the length came later
		if sum >= p.Length {
			h.blocks = h.blocks[:i:i]
			break
		}
		sum += b.n.tree.Block(at).Length()
	}
	h.length = p.Length
	return nil
}

// Rename tells under which name a directory's history lists an inode that was renamed after a snapshot. All histories must be there.
func (b *Builder) Rename(id hdfs.INodeID, snap int64, name []byte) error {
	slot, err := b.slot(id)
	if err != nil {
		return err
	}
	n := b.n
	f := n.mutMore(slot)
	i, found := slices.BinarySearchFunc(f.history, snap, func(h history, s int64) int { return int(h.snap - s) })
	if !found {
		h := history{snap: snap, rec: *n.attrAt(slot, snap), acl: n.aclAt(slot, snap), xattrs: n.xattrsAt(slot, snap)}
		if !h.rec.IsDir() {
			h.blocks, h.length = n.blocksAt(slot, snap), n.lengthAt(slot, snap)
		}
		f.history = slices.Insert(f.history, i, h)
	}
	f.history[i].name = string(name)
	return nil
}

// Secrets are the keys that sign delegation tokens, and the tokens.
func (b *Builder) Secrets(keys []*journalpb.AddMasterKey, current, sequence int32, tokens []Token) {
	n := b.n
	for _, k := range keys {
		n.tokens.keys[k.GetKeyId()] = k
	}
	n.tokens.current, n.tokens.sequence = current, sequence
	for _, t := range tokens {
		key := n.tokens.keys[t.KeyID]
		if key == nil {
			continue // nobody can verify it
		}
		x := &token{id: tokenIdentifier(t.Owner, t.Renewer, t.RealUser, t.Issued, t.Max, t.Sequence, t.KeyID), sequence: t.Sequence, renew: t.Expiry, max: t.Max,
			owner: t.Owner, renewer: t.Renewer}
		x.password = sign(key.Key, x.id)
		n.tokens.tokens[t.Sequence] = x
	}
}

// Finish checks the whole and answers the namespace.
func (b *Builder) Finish() (*Namespace, error) {
	n := b.n
	if n.format.GetClusterId() == "" {
		return nil, unbuildable("the cluster has no name")
	}
	if err := b.detach(); err != nil {
		return nil, err
	}
	if err := b.depths(); err != nil {
		return nil, err
	}
	b.tops()
	b.count()
	n.Blocks(func(v hdfs.Block, file hdfs.INodeID, replication uint16, policy uint8, complete bool) bool {
		n.sink.BlockAdded(v, file, replication, policy, complete)
		return true
	})
	return n, nil
}

// detach marks what only snapshots show.
func (b *Builder) detach() (err error) {
	n := b.n
	n.tree.Slots(func(slot uint32, in *tree.Inode) bool {
		if b.isLinked(slot) || slot == n.tree.Root() {
			return true
		}
		if !n.holds(slot) {
			err = unbuildable("inode %d %.100q is in no directory", in.ID, n.tree.Name(slot))
			return false
		}
		n.mutMore(slot).detached = true
		if in.Parent == 0 {
			n.tree.Mut(slot).Parent = n.tree.Root()
		}
		return true
	})
	return err
}

// depths follows every inode up to the root.
func (b *Builder) depths() (err error) {
	n := b.n
	ends := map[uint32]bool{0: true}
	n.tree.Slots(func(slot uint32, in *tree.Inode) bool {
		if !in.IsDir() {
			return true
		}
		var path []uint32
		for s := slot; !ends[s]; s = n.tree.Inode(s).Parent {
			if path = append(path, s); len(path) > 1<<16 {
				err = unbuildable("directory %d has no way to the root", in.ID)
				return false
			}
		}
		for _, s := range path {
			ends[s] = true
		}
		return true
	})
	return err
}

// tops finds the greatest inode that each snapshot shows: those that are greater came later.
func (b *Builder) tops() {
	n := b.n
	for _, s := range n.snaps {
		seen := map[uint32]bool{}
		todo := []uint32{s.root}
		for len(todo) > 0 {
			slot := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			if seen[slot] {
				continue
			}
			seen[slot] = true
			in := n.tree.Inode(slot)
			s.top = max(s.top, in.ID)
			if in.IsDir() {
				todo = append(todo, n.childrenAt(slot, s.id)...)
			}
		}
	}
}

// count adds up what quotas count.
func (b *Builder) count() {
	n := b.n
	root := n.tree.Root()
	if r := n.mutMore(root); r.quota == nil {
		r.quota = &quota{ns: math.MaxInt64, space: -1, types: noTypeQuota}
	}
	quotas := 0
	for _, f := range n.more {
		if f.quota != nil {
			f.quota.usedNS, f.quota.usedSpace, f.quota.usedTypes = 0, 0, typeCounts{}
			quotas++
		}
	}
	var all usage
	n.tree.Slots(func(slot uint32, in *tree.Inode) bool {
		u := usage{ns: 1}
		if !in.IsDir() {
			policy := in.Policy()
			if policy == 0 {
				policy = hdfs.PolicyHot
				if b.dirPol {
					policy = n.policyOf(slot)
				}
			}
			var bytes int64
			if n.feat(slot) == nil && !in.IsOpen() {
				bytes = n.tree.Length(slot)
			} else {
				for _, at := range n.keptBlocks(slot) {
					bytes += n.blockSpace(slot, n.tree.Block(at))
				}
			}
			u.add(spaceFor(bytes, in.Replication(), policy), 1)
		}
		if quotas == 1 {
			all.add(u, 1)
		} else {
			n.charge(slot, u)
		}
		return true
	})
	if quotas == 1 {
		n.charge(root, all)
	}
}
