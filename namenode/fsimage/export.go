package fsimage

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace"
	"github.com/lodehq/lode/namenode/namespace/acl"
	fsimagepb "github.com/lodehq/lode/proto/hadoop/fsimage"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// writer writes the sections of an image one after another.
type writer struct {
	w       *bufio.Writer
	n       *namespace.Namespace
	at      int64
	err     error
	buf     []byte
	summary fsimagepb.FileSummary
	names   map[string]uint32
	list    []string
	refs    []*fsimagepb.INodeReferenceSection_INodeReference
}

// Write writes a namespace as an fsimage. The namespace must not change meanwhile.
func Write(w io.Writer, n *namespace.Namespace) error {
	e := &writer{w: bufio.NewWriterSize(w, 1<<20), n: n, names: map[string]uint32{}}
	layout := int32(LayoutVersion)
	e.summary.OndiskVersion, e.summary.LayoutVersion = proto.Uint32(diskVersion), proto.Uint32(uint32(layout))
	e.raw([]byte(magic))
	e.section("NS_INFO", e.head)
	e.section("INODE", e.inodes)
	e.section("INODE_DIR", e.directories)
	e.section("FILES_UNDERCONSTRUCTION", e.construction)
	e.section("SNAPSHOT", e.snapshots)
	e.section("SNAPSHOT_DIFF", e.diffs)
	e.section("INODE_REFERENCE", e.references)
	e.section("SECRET_MANAGER", e.secrets)
	e.section("CACHE_MANAGER", func() {
		e.message(&fsimagepb.CacheManagerSection{NextDirectiveId: proto.Uint64(1), NumPools: proto.Uint32(0), NumDirectives: proto.Uint32(0)})
	})
	e.section("STRING_TABLE", e.strings)
	start := e.at
	e.message(&e.summary)
	e.raw(binary.BigEndian.AppendUint32(nil, uint32(e.at-start)))
	if e.err == nil {
		e.err = e.w.Flush()
	}
	if e.err != nil {
		return fmt.Errorf("write the fsimage: %w", e.err)
	}
	return nil
}

func (e *writer) raw(b []byte) {
	if e.err == nil {
		var n int
		n, e.err = e.w.Write(b)
		e.at += int64(n)
	}
}

func (e *writer) message(m proto.Message) {
	if e.err != nil {
		return
	}
	o := proto.MarshalOptions{}
	e.buf = protowire.AppendVarint(e.buf[:0], uint64(o.Size(m)))
	if e.buf, e.err = o.MarshalAppend(e.buf, m); e.err == nil {
		e.raw(e.buf)
	}
}

func (e *writer) section(name string, write func()) {
	start := uint64(e.at)
	write()
	length := uint64(e.at) - start
	e.summary.Sections = append(e.summary.Sections, &fsimagepb.FileSummary_Section{Name: &name, Length: &length, Offset: &start})
}

// name is the number of a string, made if it has none.
func (e *writer) name(s string) uint32 {
	if s == "" {
		return 0
	}
	id, ok := e.names[s]
	if !ok {
		e.list = append(e.list, s)
		id = uint32(len(e.list))
		e.names[s] = id
		if id >= 1<<24 && e.err == nil {
			e.err = fmt.Errorf("more than %d names of users, groups and attributes", 1<<24-1)
		}
	}
	return id
}

func (e *writer) strings() {
	e.message(&fsimagepb.StringTableSection{NumEntry: proto.Uint32(uint32(len(e.list))), MaskBits: proto.Uint32(0)})
	for i, s := range e.list {
		e.message(&fsimagepb.StringTableSection_Entry{Id: proto.Uint32(uint32(i + 1)), Str: proto.String(s)})
	}
}

func (e *writer) head() {
	s, c := e.n.Stats(), e.n.Cluster()
	e.message(&fsimagepb.NameSystemSection{
		NamespaceId: proto.Uint32(c.GetNamespaceId()), GenstampV1: proto.Uint64(1000), GenstampV2: proto.Uint64(uint64(s.GenStamp)), GenstampV1Limit: proto.Uint64(0),
		LastAllocatedBlockId: proto.Uint64(uint64(s.LastBlock)), TransactionId: proto.Uint64(s.Applied),
	})
}

func (e *writer) permission(a *namespace.Attr) *uint64 {
	v := uint64(e.name(a.User))<<40 | uint64(e.name(a.Group))<<16 | uint64(a.Perm)
	return &v
}

func (e *writer) acl(list []acl.Entry) *fsimagepb.INodeSection_AclFeatureProto {
	if len(list) == 0 {
		return nil
	}
	f := &fsimagepb.INodeSection_AclFeatureProto{}
	for _, x := range list {
		f.Entries = append(f.Entries, uint32(x.Perm)|uint32(x.Type)<<3|uint32(x.Scope)<<5|e.name(x.Name)<<6)
	}
	return f
}

func (e *writer) xattrs(a *namespace.Attr, dir bool) *fsimagepb.INodeSection_XAttrFeatureProto {
	f := &fsimagepb.INodeSection_XAttrFeatureProto{}
	add := func(ns uint8, name string, value []byte) {
		v := uint32(ns&3)<<30 | e.name(name)<<6 | uint32(ns>>2&1)<<5
		f.XAttrs = append(f.XAttrs, &fsimagepb.INodeSection_XAttrCompactProto{Name: &v, Value: value})
	}
	for _, x := range a.XAttrs {
		add(x.Namespace, x.Name, x.Value)
	}
	if dir && a.Policy != 0 {
		add(xattrSystem, policyXAttr, []byte{a.Policy})
	}
	if len(f.XAttrs) == 0 {
		return nil
	}
	return f
}

func u64(v int64) *uint64 { u := uint64(v); return &u }

func (e *writer) file(a *namespace.Attr, blockSize int64) *fsimagepb.INodeSection_INodeFile {
	f := &fsimagepb.INodeSection_INodeFile{
		Replication: proto.Uint32(uint32(a.Replication)), ModificationTime: u64(a.MTime), AccessTime: u64(a.ATime), PreferredBlockSize: u64(blockSize),
		Permission: e.permission(a), Acl: e.acl(a.ACL), XAttrs: e.xattrs(a, false), StoragePolicyID: proto.Uint32(uint32(a.Policy)), BlockType: hdfspb.BlockTypeProto_CONTIGUOUS.Enum(),
	}
	return f
}

func (e *writer) dir(a *namespace.Attr, q *namespace.Quota) *fsimagepb.INodeSection_INodeDirectory {
	d := &fsimagepb.INodeSection_INodeDirectory{ModificationTime: u64(a.MTime), NsQuota: u64(-1), DsQuota: u64(-1), Permission: e.permission(a),
		Acl: e.acl(a.ACL), XAttrs: e.xattrs(a, true)}
	if q == nil {
		return d
	}
	d.NsQuota, d.DsQuota = u64(q.Names), u64(q.Space)
	for t, v := range q.Types {
		if v >= 0 && hdfs.StorageType(t) != 0 {
			if d.TypeQuotas == nil {
				d.TypeQuotas = &fsimagepb.INodeSection_QuotaByStorageTypeFeatureProto{}
			}
			d.TypeQuotas.Quotas = append(d.TypeQuotas.Quotas, &fsimagepb.INodeSection_QuotaByStorageTypeEntryProto{
				StorageType: hdfspb.StorageTypeProto(t).Enum(), Quota: u64(v)})
		}
	}
	return d
}

func blocksOut(dst []*hdfspb.BlockProto, list []hdfs.Block) []*hdfspb.BlockProto {
	for _, b := range list {
		dst = append(dst, &hdfspb.BlockProto{BlockId: proto.Uint64(uint64(b.ID)), GenStamp: proto.Uint64(uint64(b.GenStamp)), NumBytes: u64(b.NumBytes)})
	}
	return dst
}

func (e *writer) inodes() {
	s := e.n.Stats()
	e.message(&fsimagepb.INodeSection{LastInodeId: proto.Uint64(uint64(s.LastInode)), NumInodes: u64(s.Files + s.Directories)})
	e.n.EachNode(func(x *namespace.Node) bool {
		m := &fsimagepb.INodeSection_INode{Id: proto.Uint64(uint64(x.ID)), Name: x.Name}
		if x.Dir {
			m.Type = fsimagepb.INodeSection_INode_DIRECTORY.Enum()
			m.Directory = e.dir(&x.Attr, x.Quota)
		} else {
			m.Type = fsimagepb.INodeSection_INode_FILE.Enum()
			m.File = e.file(&x.Attr, x.BlockSize)
			m.File.Blocks = blocksOut(nil, x.Blocks)
			if x.Writer != nil {
				m.File.FileUC = &fsimagepb.INodeSection_FileUnderConstructionFeature{ClientName: &x.Writer.Client, ClientMachine: &x.Writer.Machine}
			}
		}
		e.message(m)
		return e.err == nil
	})
}

func (e *writer) directories() {
	renames := len(e.n.Snapshots()) > 0
	e.n.EachDirectory(func(dir hdfs.INodeID, children []hdfs.INodeID) bool {
		m := &fsimagepb.INodeDirectorySection_DirEntry{Parent: proto.Uint64(uint64(dir))}
		for _, c := range children {
			if renames {
				if since, ok := e.n.Renamed(c); ok {
					m.RefChildren = append(m.RefChildren, uint32(len(e.refs)))
					e.refs = append(e.refs, &fsimagepb.INodeReferenceSection_INodeReference{ReferredId: proto.Uint64(uint64(c)), DstSnapshotId: ourSnapshot(since)})
					continue
				}
			}
			m.Children = append(m.Children, uint64(c))
		}
		e.message(m)
		return e.err == nil
	})
}

// noSnapshot is Apache's Snapshot.CURRENT_STATE_ID.
const noSnapshot = 1<<31 - 2

// ourSnapshot turns a snapshot's id into Apache's.
func ourSnapshot(id int64) *uint32 {
	if id == 0 {
		return proto.Uint32(noSnapshot)
	}
	return proto.Uint32(uint32(id - 1))
}

func (e *writer) references() {
	for _, r := range e.refs {
		e.message(r)
	}
}

func (e *writer) construction() {
	for _, f := range e.n.OpenFiles() {
		e.message(&fsimagepb.FilesUnderConstructionSection_FileUnderConstructionEntry{InodeId: proto.Uint64(uint64(f.ID)), FullPath: proto.String(f.Path)})
	}
}

func (e *writer) snapshots() {
	list := e.n.Snapshots()
	m := &fsimagepb.SnapshotSection{SnapshotCounter: proto.Uint32(uint32(e.n.LastSnapshot())), NumSnapshots: proto.Uint32(uint32(len(list)))}
	for _, id := range e.n.SnapshottableDirs() {
		m.SnapshottableDir = append(m.SnapshottableDir, uint64(id))
	}
	e.message(m)
	for _, s := range list {
		root := s.Root
		root.MTime = s.CTime
		e.message(&fsimagepb.SnapshotSection_Snapshot{SnapshotId: ourSnapshot(s.ID), Root: &fsimagepb.INodeSection_INode{
			Type: fsimagepb.INodeSection_INode_DIRECTORY.Enum(), Id: proto.Uint64(uint64(s.Dir)), Name: []byte(s.Name), Directory: e.dir(&root, nil)}})
	}
}

func (e *writer) diffs() {
	roots := map[int64]hdfs.INodeID{}
	for _, s := range e.n.Snapshots() {
		roots[s.ID] = s.Dir
	}
	e.n.EachHistory(func(id hdfs.INodeID, dir bool, past []namespace.Past) bool {
		kind := fsimagepb.SnapshotDiffSection_DiffEntry_FILEDIFF
		if dir {
			kind = fsimagepb.SnapshotDiffSection_DiffEntry_DIRECTORYDIFF
		}
		e.message(&fsimagepb.SnapshotDiffSection_DiffEntry{Type: kind.Enum(), InodeId: proto.Uint64(uint64(id)), NumOfDiff: proto.Uint32(uint32(len(past)))})
		for i := range past {
			if p := &past[i]; dir {
				e.dirDiff(p, roots[p.Snapshot] == id)
			} else {
				e.message(&fsimagepb.SnapshotDiffSection_FileDiff{SnapshotId: ourSnapshot(p.Snapshot), FileSize: u64(p.Length), Name: p.Name, SnapshotCopy: e.file(p.Attr, p.BlockSize), Blocks: blocksOut(nil, p.Blocks)})
			}
		}
		return e.err == nil
	})
}

func (e *writer) dirDiff(p *namespace.Past, root bool) {
	m := &fsimagepb.SnapshotDiffSection_DirectoryDiff{SnapshotId: ourSnapshot(p.Snapshot), ChildrenSize: proto.Uint32(uint32(min(p.Children, math.MaxInt32))),
		IsSnapshotRoot: &root, CreatedListSize: proto.Uint32(uint32(len(p.Created)))}
	if !root {
		m.Name, m.SnapshotCopy = p.Name, e.dir(p.Attr, nil)
	}
	for _, g := range p.Removed {
		switch {
		case g.Renamed:
			i := uint32(len(e.refs))
			e.refs = append(e.refs, &fsimagepb.INodeReferenceSection_INodeReference{ReferredId: proto.Uint64(uint64(g.ID)), Name: g.Name, LastSnapshotId: ourSnapshot(p.Snapshot)})
			m.DeletedINodeRef = append(m.DeletedINodeRef, i)
		default:
			m.DeletedINode = append(m.DeletedINode, uint64(g.ID))
		}
	}
	e.message(m)
	for _, name := range p.Created {
		e.message(&fsimagepb.SnapshotDiffSection_CreatedListEntry{Name: name})
	}
}

// secrets writes the counters alone. Keys and tokens are not handed out: whoever reads an image could pass for their owners.
func (e *writer) secrets() {
	key, token := e.n.TokenNumbers()
	e.message(&fsimagepb.SecretManagerSection{CurrentId: proto.Uint32(uint32(key)), TokenSequenceNumber: proto.Uint32(uint32(token)), NumKeys: proto.Uint32(0), NumTokens: proto.Uint32(0)})
}
