package namespace

import (
	"math"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/tree"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

const (
	quotaDontSet = math.MaxInt64
	quotaReset   = -1
)

func (n *Namespace) setQuota(c *Caller, req *hdfspb.SetQuotaRequestProto) (*hdfspb.SetQuotaResponseProto, error) {
	ns, space := int64(req.GetNamespaceQuota()), int64(req.GetStoragespaceQuota())
	if !n.opt.AllowOwnerQuota {
		if err := n.checkSuperuser(c, quotaOp(ns, space)); err != nil {
			return nil, err
		}
	}
	p, err := n.resolve(c, req.GetPath(), opWrite)
	if err != nil {
		return nil, err
	}
	if n.opt.AllowOwnerQuota {
		if err := n.check(c, p, checks{owner: true}); err != nil {
			return nil, err
		}
	}
	if ns < 0 && ns != quotaReset || space < 0 && space != quotaReset {
		return nil, fail(hdfs.IllegalArgumentJava, "Illegal value for nsQuota or ssQuota : %d and %d", ns, space)
	}
	if req.StorageType != nil && ns != quotaDontSet {
		return nil, fail(hdfs.UnsupportedOperation, "Failed to set quota by storage type because either dfs.quota.by.storage.type.enabled is false or nsQuota value is illegally set %d", ns)
	}
	slot := p.last()
	in, err := n.dirAt(slot, p.path)
	if err != nil {
		return nil, err
	}
	if p.isRoot() && ns == quotaReset {
		return nil, fail(hdfs.IllegalArgumentJava, "Cannot clear namespace quota on root.")
	}
	had := n.feat(slot) != nil && n.feat(slot).quota != nil
	if !had && req.StorageType == nil && (ns == quotaDontSet || ns == quotaReset) && (space == quotaDontSet || space == quotaReset) {
		return &hdfspb.SetQuotaResponseProto{}, nil
	}
	n.touch(slot)
	f := n.mutMore(slot)
	if f.quota == nil {
		f.quota = &quota{ns: -1, space: -1, types: noTypeQuota}
		u := n.usageOf(slot, n.policyOf(max(in.Parent, n.tree.Root())))
		f.quota.usedNS, f.quota.usedSpace, f.quota.usedTypes = u.ns, u.space, u.types
	}
	q := f.quota
	if t := req.StorageType; t != nil {
		if int(*t) >= len(q.types) || *t < 1 {
			return nil, fail(hdfs.IllegalArgumentJava, "Unknown storage type %d", int32(*t))
		}
		if space != quotaDontSet {
			q.types[*t] = space
		}
	} else {
		if ns != quotaDontSet {
			q.ns = ns
		}
		if space != quotaDontSet {
			q.space = space
		}
	}
	if !q.set() && !p.isRoot() {
		f.quota = nil
		n.dropIfEmpty(slot)
	}
	return &hdfspb.SetQuotaResponseProto{}, nil
}

// quotaOp is the name of the operation in Apache's messages.
func quotaOp(ns, space int64) string {
	switch {
	case ns == quotaReset && space == quotaDontSet:
		return "clearQuota"
	case ns == quotaDontSet && space == quotaReset:
		return "clearSpaceQuota"
	case space == quotaDontSet:
		return "setQuota"
	}
	return "setSpaceQuota"
}

// counts is a content summary in the making; the second of each pair is what only snapshots show.
type counts struct {
	length, files, dirs, space [2]int64
	types                      typeCounts
}

func (n *Namespace) count(slot uint32, snap int64, kind int, inherited uint8, k *counts) {
	in := n.attrAt(slot, snap)
	if p := in.Policy(); p != 0 {
		inherited = p
	}
	if !in.IsDir() {
		k.files[kind]++
		length := n.lengthAt(slot, snap)
		k.length[kind] += length
		space := length
		if snap == 0 {
			if last := n.tree.LastBlock(slot); last != 0 && n.tree.Block(last).State() != tree.Complete {
				b := n.tree.Block(last)
				space += n.blockSpace(slot, b) - b.Length()
			}
		}
		u := spaceFor(space, in.Replication(), inherited)
		k.space[kind] += u.space
		for i := range u.types {
			k.types[i] += u.types[i]
		}
		return
	}
	k.dirs[kind]++
	if snap != 0 {
		for _, c := range n.childrenAt(slot, snap) {
			n.count(c, snap, kind, inherited, k)
		}
	} else {
		n.tree.Children(slot, nil, func(c uint32) bool { n.count(c, 0, kind, inherited, k); return true })
	}
	f := n.feat(slot)
	if f == nil || kind == 0 && snap != 0 {
		return
	}
	for i := range f.history {
		h := &f.history[i]
		if snap != 0 && h.snap >= snap {
			break // already among the children
		}
		for _, c := range h.removed {
			if g := n.feat(c); g != nil && g.detached {
				n.count(c, h.snap, 1, inherited, k)
			}
		}
	}
}

func (n *Namespace) summaryOf(c *Caller, path string) (*inodePath, counts, error) {
	var k counts
	p, err := n.resolve(c, path, opRead)
	if err != nil {
		return nil, k, err
	}
	slot := p.last()
	if slot == 0 {
		return nil, k, notFound("File does not exist: %s", p.path)
	}
	if err := n.check(c, p, checks{sub: actRead | actExec}); err != nil {
		return nil, k, err
	}
	n.count(slot, p.snap, 0, n.policyOf(max(n.tree.Inode(slot).Parent, n.tree.Root())), &k)
	return p, k, nil
}

func (n *Namespace) quotaOf(slot uint32) quota {
	if f := n.feat(slot); f != nil && f.quota != nil {
		return *f.quota
	}
	return quota{ns: -1, space: -1, types: noTypeQuota}
}

func typeInfos(q *quota, used typeCounts) *hdfspb.StorageTypeQuotaInfosProto {
	if q.types == noTypeQuota {
		return nil
	}
	out := &hdfspb.StorageTypeQuotaInfosProto{}
	for _, t := range []hdfs.StorageType{hdfs.StorageSSD, hdfs.StorageDisk, hdfs.StorageArchive, hdfs.StorageProvided, hdfs.StorageNVDIMM} {
		typ, limit, have := hdfspb.StorageTypeProto(t), uint64(q.types[t]), uint64(used[t])
		out.TypeQuotaInfo = append(out.TypeQuotaInfo, &hdfspb.StorageTypeQuotaInfoProto{Type: &typ, Quota: &limit, Consumed: &have})
	}
	return out
}

// GetContentSummary adds up a subtree, what only snapshots show included and told apart.
func (n *Namespace) GetContentSummary(c Caller, req *hdfspb.GetContentSummaryRequestProto) (*hdfspb.GetContentSummaryResponseProto, error) {
	p, k, err := n.summaryOf(&c, req.GetPath())
	if err != nil {
		return nil, err
	}
	q := n.quotaOf(p.last())
	u := func(v int64) *uint64 { x := uint64(v); return &x }
	return &hdfspb.GetContentSummaryResponseProto{Summary: &hdfspb.ContentSummaryProto{
		Length: u(k.length[0] + k.length[1]), FileCount: u(k.files[0] + k.files[1]), DirectoryCount: u(k.dirs[0] + k.dirs[1]),
		SpaceConsumed: u(k.space[0] + k.space[1]), Quota: u(q.ns), SpaceQuota: u(q.space), TypeQuotaInfos: typeInfos(&q, k.types),
		SnapshotLength: u(k.length[1]), SnapshotFileCount: u(k.files[1]), SnapshotDirectoryCount: u(k.dirs[1]), SnapshotSpaceConsumed: u(k.space[1]),
		ErasureCodingPolicy: new(string),
	}}, nil
}

// GetQuotaUsage answers from what a directory with a quota has counted, else adds up.
func (n *Namespace) GetQuotaUsage(c Caller, req *hdfspb.GetQuotaUsageRequestProto) (*hdfspb.GetQuotaUsageResponseProto, error) {
	p, err := n.resolve(&c, req.GetPath(), opRead)
	if err != nil {
		return nil, err
	}
	slot := p.last()
	if slot == 0 {
		return nil, notFound("File/Directory does not exist: %s", p.path)
	}
	q := n.quotaOf(slot)
	if !q.set() || p.snap != 0 {
		_, k, err := n.summaryOf(&c, req.GetPath())
		if err != nil {
			return nil, err
		}
		q.usedNS = k.files[0] + k.files[1] + k.dirs[0] + k.dirs[1]
		q.usedSpace, q.usedTypes = k.space[0]+k.space[1], k.types
	} else if err := n.check(&c, p, checks{sub: actRead | actExec}); err != nil {
		return nil, err
	}
	u := func(v int64) *uint64 { x := uint64(v); return &x }
	return &hdfspb.GetQuotaUsageResponseProto{Usage: &hdfspb.QuotaUsageProto{FileAndDirectoryCount: u(q.usedNS), Quota: u(q.ns),
		SpaceConsumed: u(q.usedSpace), SpaceQuota: u(q.space), TypeQuotaInfos: typeInfos(&q, q.usedTypes)}}, nil
}
