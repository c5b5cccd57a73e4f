package fsimage

import (
	"fmt"
	"io"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace"
	fsimagepb "github.com/lodehq/lode/proto/hadoop/fsimage"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
)

// Cluster is the identity that an image's directory says.
type Cluster struct {
	ClusterID, BlockPoolID string
	NamespaceID            uint32
	CTime                  int64
}

// Summary says what was read.
type Summary struct {
	Files, Directories, Blocks int64
	Snapshots, OpenFiles       int
	Transaction                uint64
	Warnings                   []string
}

// parser reads one image into a builder.
type parser struct {
	im    *image
	b     *namespace.Builder
	table *stringTable
	sum   Summary

	lastPerm            uint64 // the permission read last: neighbours have the same
	lastUser, lastGroup string

	snaps   map[uint32]namespace.Attr // snapshot roots, by Apache's id
	refs    []reference
	writers []namespace.Writer
	open    []hdfs.INodeID
	live    map[hdfs.INodeID]bool // files under construction that have a path
	renames []rename
}

// reference is an inode that was renamed after a snapshot, as a directory lists it.
type reference struct {
	id   hdfs.INodeID
	name []byte // of WithName: under which the snapshot shows it
	dst  bool   // DstReference: where it is now
}

type rename struct {
	id   hdfs.INodeID
	snap int64
	name []byte
}

func (p *parser) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if len(p.sum.Warnings) < 100 && !slices.Contains(p.sum.Warnings, text) {
		p.sum.Warnings = append(p.sum.Warnings, text)
	}
}

// Read makes a namespace of an fsimage.
func Read(r io.ReaderAt, size int64, c Cluster, opt namespace.Options, sink hdfs.BlockSink) (*namespace.Namespace, Summary, error) {
	im, err := openImage(r, size)
	if err != nil {
		return nil, Summary{}, err
	}
	p := &parser{im: im, b: namespace.NewBuilder(opt, sink), snaps: map[uint32]namespace.Attr{}, live: map[hdfs.INodeID]bool{}}
	if p.table, err = im.strings(); err != nil {
		return nil, p.sum, err
	}
	for _, step := range []func() error{
		func() error { return p.head(c) }, p.construction, p.inodes, p.references, p.directories, p.leases, p.snapshots, p.diffs, p.secrets, p.rest,
	} {
		if err := step(); err != nil {
			return nil, p.sum, err
		}
	}
	n, err := p.b.Finish()
	return n, p.sum, err
}

// apacheSnapshot turns a snapshot's id into ours: Apache counts from 0, which here is "now".
func apacheSnapshot(id uint32) int64 { return int64(id) + 1 }

func (p *parser) head(c Cluster) error {
	s, err := p.im.section("NS_INFO")
	if err != nil {
		return err
	}
	defer s.close()
	var ns fsimagepb.NameSystemSection
	if err := s.must(&ns); err != nil {
		return err
	}
	if ns.GetRollingUpgradeStartTime() != 0 {
		return bad("a rolling upgrade is under way; finish it in Apache first with: hdfs dfsadmin -rollingUpgrade finalize; then: hdfs dfsadmin -saveNamespace")
	}
	if ns.GetNamespaceId() != c.NamespaceID {
		return bad("its namespace id is %d, and VERSION beside it says %d", ns.GetNamespaceId(), c.NamespaceID)
	}
	p.sum.Transaction = ns.GetTransactionId()
	var inodes fsimagepb.INodeSection
	u, err := p.im.section("INODE")
	if err != nil {
		return err
	}
	defer u.close()
	if err := u.must(&inodes); err != nil {
		return err
	}
	var snaps fsimagepb.SnapshotSection
	t, err := p.im.section("SNAPSHOT")
	if err != nil {
		return err
	}
	defer t.close()
	if err := t.next(&snaps); err != nil && err != io.EOF {
		return err
	}
	id, blockPool, cluster, ctime := c.NamespaceID, c.BlockPoolID, c.ClusterID, c.CTime
	return p.b.Cluster(&journalpb.Format{ClusterId: &cluster, BlockPoolId: &blockPool, NamespaceId: &id, CtimeMs: &ctime}, namespace.Counters{
		Inode: hdfs.INodeID(inodes.GetLastInodeId()), Block: hdfs.BlockID(ns.GetLastAllocatedBlockId()), GenStamp: hdfs.GenStamp(ns.GetGenstampV2()),
		Snapshot: int64(snaps.GetSnapshotCounter()), Applied: ns.GetTransactionId(),
	})
}

func (p *parser) construction() error {
	var m fsimagepb.FilesUnderConstructionSection_FileUnderConstructionEntry
	return p.im.each("FILES_UNDERCONSTRUCTION", nil, &m, func() error {
		p.live[hdfs.INodeID(m.GetInodeId())] = true
		return nil
	})
}

func (p *parser) inodes() error {
	s, err := p.im.section("INODE")
	if err != nil {
		return err
	}
	defer s.close()
	var head fsimagepb.INodeSection
	if err := s.must(&head); err != nil {
		return err
	}
	var m fsimagepb.INodeSection_INode
	var x namespace.Node
	for {
		b, err := s.bytes()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if p.plainFile(b, &x) {
			p.sum.Files++
			p.sum.Blocks += int64(len(x.Blocks))
		} else if err = proto.Unmarshal(b, &m); err != nil {
			return bad("section INODE: %v", err)
		} else {
			err = p.inode(&m, &x)
		}
		if err == nil {
			err = p.b.Add(&x)
		}
		if err != nil {
			return fmt.Errorf("inode %d %.100q: %w", x.ID, x.Name, err)
		}
	}
}

func (p *parser) inode(m *fsimagepb.INodeSection_INode, x *namespace.Node) (err error) {
	*x = namespace.Node{ID: hdfs.INodeID(m.GetId()), Name: m.GetName(), Blocks: x.Blocks[:0]}
	switch {
	case m.GetType() == fsimagepb.INodeSection_INode_FILE && m.File != nil:
		f := m.File
		if err := p.file(f, &x.Attr); err != nil {
			return err
		}
		if x.BlockSize, err = asInt64(f.GetPreferredBlockSize()); err != nil {
			return err
		}
		if x.Blocks, err = blocksIn(x.Blocks, f.Blocks); err != nil {
			return err
		}
		if f.FileUC != nil && p.live[x.ID] {
			w := namespace.Writer{Client: f.FileUC.GetClientName(), Machine: f.FileUC.GetClientMachine()}
			x.Writer = &w
			p.open, p.writers = append(p.open, x.ID), append(p.writers, w)
			p.sum.OpenFiles++
		}
		p.sum.Files++
		p.sum.Blocks += int64(len(x.Blocks))
		return nil
	case m.GetType() == fsimagepb.INodeSection_INode_DIRECTORY && m.Directory != nil:
		x.Dir = true
		x.Quota = dirQuota(m.Directory)
		p.sum.Directories++
		return p.dir(m.Directory, &x.Attr)
	case m.GetType() == fsimagepb.INodeSection_INode_SYMLINK:
		return bad("it is a symbolic link to %.100q, which Lode does not have (Apache has them switched off); delete it, then import", m.GetSymlink().GetTarget())
	}
	return bad("it is neither a file nor a directory")
}

func (p *parser) references() error {
	var m fsimagepb.INodeReferenceSection_INodeReference
	return p.im.each("INODE_REFERENCE", nil, &m, func() error {
		p.refs = append(p.refs, reference{id: hdfs.INodeID(m.GetReferredId()), name: slices.Clone(m.GetName()), dst: m.DstSnapshotId != nil})
		return nil
	})
}

func (p *parser) ref(i uint32) (reference, error) {
	if int64(i) >= int64(len(p.refs)) {
		return reference{}, bad("reference %d of %d is missing", i, len(p.refs))
	}
	return p.refs[i], nil
}

func (p *parser) directories() error {
	var m fsimagepb.INodeDirectorySection_DirEntry
	return p.im.each("INODE_DIR", nil, &m, func() error {
		dir := hdfs.INodeID(m.GetParent())
		for _, c := range m.Children {
			if err := p.b.Link(dir, hdfs.INodeID(c)); err != nil {
				return err
			}
		}
		for _, i := range m.RefChildren {
			r, err := p.ref(i)
			if err == nil {
				err = p.b.Link(dir, r.id)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (p *parser) leases() error {
	for i, id := range p.open {
		if err := p.b.Open(id, p.writers[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) snapshots() error {
	var head fsimagepb.SnapshotSection
	var m fsimagepb.SnapshotSection_Snapshot
	var list []namespace.Snapshot
	err := p.im.each("SNAPSHOT", &head, &m, func() error {
		d := m.GetRoot().GetDirectory()
		if d == nil {
			return bad("snapshot %d has no root", m.GetSnapshotId())
		}
		var a namespace.Attr
		if err := p.dir(d, &a); err != nil {
			return fmt.Errorf("snapshot %d: %w", m.GetSnapshotId(), err)
		}
		p.snaps[m.GetSnapshotId()] = a
		list = append(list, namespace.Snapshot{ID: apacheSnapshot(m.GetSnapshotId()), Dir: hdfs.INodeID(m.Root.GetId()), Name: string(m.Root.GetName()), CTime: a.MTime})
		return nil
	})
	if err != nil {
		return err
	}
	for _, d := range head.SnapshottableDir {
		if err := p.b.Snapshottable(hdfs.INodeID(d)); err != nil {
			return err
		}
	}
	slices.SortFunc(list, func(a, b namespace.Snapshot) int { return int(a.ID - b.ID) })
	for _, s := range list {
		if err := p.b.Snapshot(s); err != nil {
			return err
		}
	}
	p.sum.Snapshots = len(list)
	return nil
}

// diffs reads what inodes were in snapshots.
func (p *parser) diffs() error {
	s, err := p.im.section("SNAPSHOT_DIFF")
	if err != nil {
		return err
	}
	defer s.close()
	for {
		var e fsimagepb.SnapshotDiffSection_DiffEntry
		if err := s.next(&e); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		id := hdfs.INodeID(e.GetInodeId())
		var past []namespace.Past
		for range e.GetNumOfDiff() {
			var x namespace.Past
			var err error
			if e.GetType() == fsimagepb.SnapshotDiffSection_DiffEntry_DIRECTORYDIFF {
				x, err = p.dirDiff(s, id)
			} else {
				x, err = p.fileDiff(s)
			}
			if err != nil {
				return fmt.Errorf("snapshots of inode %d: %w", id, err)
			}
			past = append(past, x)
		}
		if err := p.b.Histories(id, past); err != nil {
			return err
		}
	}
	for _, r := range p.renames {
		if err := p.b.Rename(r.id, r.snap, r.name); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) fileDiff(s *stream) (x namespace.Past, err error) {
	var m fsimagepb.SnapshotDiffSection_FileDiff
	if err := s.must(&m); err != nil {
		return x, err
	}
	x.Snapshot = apacheSnapshot(m.GetSnapshotId())
	if x.Length, err = asInt64(m.GetFileSize()); err != nil {
		return x, err
	}
	if m.SnapshotCopy != nil {
		x.Attr = &namespace.Attr{}
		if err := p.file(m.SnapshotCopy, x.Attr); err != nil {
			return x, err
		}
	}
	x.Blocks, err = blocksIn(nil, m.Blocks)
	return x, err
}

func (p *parser) dirDiff(s *stream, dir hdfs.INodeID) (x namespace.Past, err error) {
	var m fsimagepb.SnapshotDiffSection_DirectoryDiff
	if err := s.must(&m); err != nil {
		return x, err
	}
	x.Snapshot = apacheSnapshot(m.GetSnapshotId())
	if m.GetIsSnapshotRoot() {
		a, ok := p.snaps[m.GetSnapshotId()]
		if !ok {
			return x, bad("snapshot %d has no root", m.GetSnapshotId())
		}
		x.Attr = &a
	} else if m.SnapshotCopy != nil {
		x.Attr = &namespace.Attr{}
		if err := p.dir(m.SnapshotCopy, x.Attr); err != nil {
			return x, err
		}
	}
	for range m.GetCreatedListSize() {
		var c fsimagepb.SnapshotDiffSection_CreatedListEntry
		if err := s.must(&c); err != nil {
			return x, err
		}
		x.Created = append(x.Created, c.GetName())
	}
	for _, id := range m.DeletedINode {
		x.Removed = append(x.Removed, namespace.Gone{ID: hdfs.INodeID(id)})
	}
	for _, i := range m.DeletedINodeRef {
		r, err := p.ref(i)
		if err != nil {
			return x, err
		}
		g := namespace.Gone{ID: r.id}
		if !r.dst {
			g.Name, g.Renamed = r.name, true
			p.renames = append(p.renames, rename{r.id, x.Snapshot, r.name})
		}
		x.Removed = append(x.Removed, g)
	}
	return x, nil
}

func (p *parser) secrets() error {
	s, err := p.im.section("SECRET_MANAGER")
	if err != nil {
		return err
	}
	defer s.close()
	var m fsimagepb.SecretManagerSection
	if err := s.next(&m); err == io.EOF {
		return nil
	} else if err != nil {
		return err
	}
	var keys []*journalpb.AddMasterKey
	for range m.GetNumKeys() {
		var k fsimagepb.SecretManagerSection_DelegationKey
		if err := s.must(&k); err != nil {
			return err
		}
		if len(k.Key) > 0 {
			keys = append(keys, &journalpb.AddMasterKey{KeyId: proto.Int32(int32(k.GetId())), ExpiryMs: proto.Int64(int64(k.GetExpiryDate())), Key: k.Key})
		}
	}
	var tokens []namespace.Token
	for range m.GetNumTokens() {
		var t fsimagepb.SecretManagerSection_PersistToken
		if err := s.must(&t); err != nil {
			return err
		}
		tokens = append(tokens, namespace.Token{Owner: t.GetOwner(), Renewer: t.GetRenewer(), RealUser: t.GetRealUser(), Issued: int64(t.GetIssueDate()), Max: int64(t.GetMaxDate()),
			Expiry: int64(t.GetExpiryDate()), Sequence: int32(t.GetSequenceNumber()), KeyID: int32(t.GetMasterKeyId())})
	}
	p.b.Secrets(keys, int32(m.GetCurrentId()), int32(m.GetTokenSequenceNumber()), tokens)
	return nil
}

// rest warns of what is left out.
func (p *parser) rest() error {
	s, err := p.im.section("CACHE_MANAGER")
	if err != nil {
		return err
	}
	defer s.close()
	var c fsimagepb.CacheManagerSection
	if err := s.next(&c); err != nil && err != io.EOF {
		return err
	}
	if c.GetNumPools() > 0 || c.GetNumDirectives() > 0 {
		p.warn("%d cache pools and %d cache directives are left out: Lode has no central cache", c.GetNumPools(), c.GetNumDirectives())
	}
	return nil
}

func storageType(t hdfspb.StorageTypeProto) hdfs.StorageType { return hdfs.StorageType(t) }
