package namespace

import (
	"math"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/tree"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
)

// Header is what a command carries beside the request.
type Header struct {
	TimeMS        int64 // the leader's clock, ms since 1970
	User          string
	Groups        []string
	Superuser     bool
	ClientID      []byte // with CallID the key of the retry cache; not 16 bytes long: not cached
	CallID        int32
	ClientMachine string
	SoftExpired   bool // the leader found the lease of the file in question past its soft limit (see SoftExpired)
}

// Caller is who reads.
type Caller struct {
	User      string
	Groups    []string
	Superuser bool
}

// Caller is who sent the command.
func (h Header) Caller() Caller { return Caller{h.User, h.Groups, h.Superuser} }

// Namespace is the state. See the package's words for what may be called when.
type Namespace struct {
	opt  Options
	sink hdfs.BlockSink
	tree *tree.Tree

	format       *journalpb.Format
	applied      uint64
	lastInode    hdfs.INodeID
	lastBlock    hdfs.BlockID
	genStamp     hdfs.GenStamp
	lastSnapshot int64

	users  interner
	groups interner
	owners pairs
	sizes  pairs

	more     map[uint32]*features // what few inodes have, by slot
	viewing  bool                 // a View reads features: those older than epoch are copied before a change
	epoch    uint32
	open     map[uint32]*openFile      // files being written, by slot
	holders  map[string]*holder        // leases
	byBlock  map[hdfs.BlockID]uint32   // last blocks of open files that are not complete, to the file's slot
	started  []BlockRecovery           // recoveries that Apply started, until they are taken
	snaps    map[int64]*snapshot       // by id
	snapDirs map[uint32]*snapshottable // by slot
	retries  retryCache
	tokens   tokenState
	events   eventLog
	renewals renewals

	ecEnabled uint32 // bit i-1: the built-in erasure coding policy i is enabled

	now int64 // the time of the command being applied
}

// features is what an inode has beyond its record.
type features struct {
	epoch    uint32
	acl      []aclEntry // sorted; access entries beyond the mode, then default entries. Never changed in place
	xattrs   []xattr    // never changed in place
	quota    *quota
	history  []history // by snapshot, oldest first
	pin      int64     // the latest snapshot that covered it when it was renamed away
	holds    uint32    // histories of directories that list it as removed
	detached bool      // not in the live tree: only snapshots show it
}

func (f *features) empty() bool {
	return len(f.acl) == 0 && len(f.xattrs) == 0 && f.quota == nil && len(f.history) == 0 && f.pin == 0 && f.holds == 0 && !f.detached
}

// New gives the namespace of a new cluster: "/" alone. sink may be nil.
func New(opt Options, sink hdfs.BlockSink) *Namespace {
	n := blank(opt, sink)
	n.tree = tree.New()
	n.lastInode, n.lastBlock, n.genStamp = hdfs.RootINodeID, hdfs.FirstBlockID, hdfs.FirstGenStamp
	root := n.tree.Mut(n.tree.Root())
	root.Owner = n.owner(n.opt.FSOwner, n.opt.SuperGroup)
	n.mutMore(n.tree.Root()).quota = &quota{ns: math.MaxInt64, space: -1, types: noTypeQuota, usedNS: 1}
	return n
}

func blank(opt Options, sink hdfs.BlockSink) *Namespace {
	if sink == nil {
		sink = noSink{}
	}
	n := &Namespace{
		opt: opt.withDefaults(), sink: sink, format: &journalpb.Format{},
		more: map[uint32]*features{}, open: map[uint32]*openFile{}, holders: map[string]*holder{},
		byBlock: map[hdfs.BlockID]uint32{}, snaps: map[int64]*snapshot{}, snapDirs: map[uint32]*snapshottable{},
	}
	n.retries.init(n.opt.RetryCacheSize, n.opt.RetryCacheExpiry.Milliseconds())
	n.tokens.init()
	n.events.init(n.opt.EventBuffer)
	n.renewals.at = map[string]int64{}
	return n
}

type noSink struct{}

func (noSink) BlockAdded(hdfs.Block, hdfs.INodeID, uint16, uint8, bool) {}
func (noSink) BlockChanged(hdfs.Block, bool)                            {}
func (noSink) BlockReplication(hdfs.BlockID, uint16, uint8)             {}
func (noSink) BlockRemoved(hdfs.BlockID)                                {}

// feat is the features of an inode for reading, nil if it has none.
func (n *Namespace) feat(slot uint32) *features {
	if n.tree.Inode(slot).Mode&tree.FlagMore == 0 {
		return nil
	}
	return n.more[slot]
}

// mutMore is the features of an inode for writing, made if it has none.
func (n *Namespace) mutMore(slot uint32) *features {
	f := n.more[slot]
	if f == nil {
		f = &features{epoch: n.epoch}
		n.more[slot] = f
		n.tree.Mut(slot).Mode |= tree.FlagMore
		return f
	}
	if n.viewing && f.epoch != n.epoch {
		c := *f
		c.epoch = n.epoch
		c.history = append([]history(nil), f.history...)
		for i := range c.history {
			c.history[i].added = append([]uint32(nil), c.history[i].added...)
			c.history[i].removed = append([]uint32(nil), c.history[i].removed...)
		}
		if f.quota != nil {
			q := *f.quota
			c.quota = &q
		}
		f = &c
		n.more[slot] = f
	}
	return f
}

// dropIfEmpty forgets features that say nothing.
func (n *Namespace) dropIfEmpty(slot uint32) {
	if f := n.more[slot]; f != nil && f.empty() {
		delete(n.more, slot)
		n.tree.Mut(slot).Mode &^= tree.FlagMore
	}
}

// interner gives strings numbers.
type interner struct {
	list []string
	ix   map[string]uint32
}

func (t *interner) of(s string) uint32 {
	if i, ok := t.ix[s]; ok {
		return i
	}
	if t.ix == nil {
		t.ix = map[string]uint32{}
	}
	i := uint32(len(t.list))
	t.list = append(t.list, s)
	t.ix[s] = i
	return i
}

// pairs gives 64-bit values 32-bit numbers.
type pairs struct {
	list []uint64
	ix   map[uint64]uint32
}

func (t *pairs) of(v uint64) uint32 {
	if i, ok := t.ix[v]; ok {
		return i
	}
	if t.ix == nil {
		t.ix = map[uint64]uint32{}
	}
	i := uint32(len(t.list))
	t.list = append(t.list, v)
	t.ix[v] = i
	return i
}

func (n *Namespace) owner(user, group string) uint32 {
	return n.owners.of(uint64(n.users.of(user))<<32 | uint64(n.groups.of(group)))
}

func (n *Namespace) userOf(in *tree.Inode) string {
	return n.users.list[n.owners.list[in.Owner]>>32]
}

func (n *Namespace) groupOf(in *tree.Inode) string {
	return n.groups.list[uint32(n.owners.list[in.Owner])]
}

func (n *Namespace) blockSizeOf(in *tree.Inode) int64 { return int64(n.sizes.list[in.B]) }

func (n *Namespace) nextGenStamp() hdfs.GenStamp { n.genStamp++; return n.genStamp }

// Stats counts what the namespace holds; files and directories include those that only snapshots show.
type Stats struct {
	Files, Directories, Blocks   int64
	Snapshots, SnapshottableDirs int
	OpenFiles, Leases            int
	Applied                      uint64
	LastInode                    hdfs.INodeID
	LastBlock                    hdfs.BlockID
	GenStamp                     hdfs.GenStamp
}

// Stats counts what the namespace holds.
func (n *Namespace) Stats() Stats {
	return Stats{
		Files: n.tree.Files(), Directories: n.tree.Dirs(), Blocks: n.tree.Blocks(),
		Snapshots: len(n.snaps), SnapshottableDirs: len(n.snapDirs),
		OpenFiles: len(n.open), Leases: len(n.holders), Applied: n.applied,
		LastInode: n.lastInode, LastBlock: n.lastBlock, GenStamp: n.genStamp,
	}
}

// Cluster names the cluster; the ids are empty before the first entry of the journal.
func (n *Namespace) Cluster() *journalpb.Format { return n.format }

// MemoryBytes is about what the tables hold, without the block map.
func (n *Namespace) MemoryBytes() int64 {
	return n.tree.Bytes() + int64(len(n.more))*240 + int64(len(n.open))*160 + n.retries.bytes()
}
