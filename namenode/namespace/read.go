package namespace

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/tree"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
)

// GetFileInfo answers without a status if there is nothing at the path.
func (n *Namespace) GetFileInfo(c Caller, req *hdfspb.GetFileInfoRequestProto) (*hdfspb.GetFileInfoResponseProto, error) {
	st, err := n.fileInfo(&c, req.GetSrc(), false)
	return &hdfspb.GetFileInfoResponseProto{Fs: st}, err
}

// GetFileLinkInfo is GetFileInfo, there being no symlinks.
func (n *Namespace) GetFileLinkInfo(c Caller, req *hdfspb.GetFileLinkInfoRequestProto) (*hdfspb.GetFileLinkInfoResponseProto, error) {
	st, err := n.fileInfo(&c, req.GetSrc(), false)
	return &hdfspb.GetFileLinkInfoResponseProto{Fs: st}, err
}

// GetLocatedFileInfo is GetFileInfo with the blocks.
func (n *Namespace) GetLocatedFileInfo(c Caller, req *hdfspb.GetLocatedFileInfoRequestProto) (*hdfspb.GetLocatedFileInfoResponseProto, error) {
	st, err := n.fileInfo(&c, req.GetSrc(), true)
	return &hdfspb.GetLocatedFileInfoResponseProto{Fs: st}, err
}

func (n *Namespace) fileInfo(c *Caller, src string, blocks bool) (*hdfspb.HdfsFileStatusProto, error) {
	if isReserved(src) {
		switch strings.TrimRight(src, "/") {
		case reservedDir:
			return bareDirStatus("", 0o1770, 2), nil
		case reservedIDs:
			return bareDirStatus("", 0o1770, 0), nil
		}
	}
	p, err := n.resolve(c, src, opRead)
	if err != nil {
		if c.Superuser && hdfs.ClassOf(err) == hdfs.AccessControl {
			return nil, nil // an ancestor is a file: what contracts expect a superuser to be told
		}
		return nil, err
	}
	if p.isDot {
		return bareDirStatus("", 0o777, 0), nil
	}
	slot := p.last()
	if slot == 0 {
		return nil, nil
	}
	st := n.status(slot, p.snap, nil)
	if blocks && !n.tree.Inode(slot).IsDir() {
		st.Locations = n.locatedBlocks(slot, p.snap, 0, 1<<62)
	}
	return st, nil
}

// GetListing answers without a list if there is nothing at the path.
func (n *Namespace) GetListing(c Caller, req *hdfspb.GetListingRequestProto) (*hdfspb.GetListingResponseProto, error) {
	l, err := n.listing(&c, req.GetSrc(), req.GetStartAfter(), req.GetNeedLocation())
	return &hdfspb.GetListingResponseProto{DirList: l}, err
}

func (n *Namespace) listing(c *Caller, src string, after []byte, blocks bool) (*hdfspb.DirectoryListingProto, error) {
	if isReserved(src) {
		switch strings.TrimRight(src, "/") {
		case reservedDir:
			return &hdfspb.DirectoryListingProto{RemainingEntries: new(uint32), PartialListing: []*hdfspb.HdfsFileStatusProto{
				bareDirStatus(".inodes", 0o770, 0), bareDirStatus("raw", 0o770, 0)}}, nil
		case reservedIDs:
			return &hdfspb.DirectoryListingProto{RemainingEntries: new(uint32)}, nil
		}
	}
	p, err := n.resolve(c, src, opRead)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(after, []byte(reservedIDs+"/")) {
		if after, err = n.startAfterID(string(after)); err != nil {
			return nil, err
		}
	}
	slot := p.last()
	if slot != 0 && n.tree.Inode(slot).IsDir() {
		if err := n.check(c, p, checks{access: actRead | actExec}); err != nil {
			return nil, err
		}
	}
	if p.isDot {
		return n.listSnapshots(slot, after), nil
	}
	if slot == 0 {
		return nil, nil
	}
	if !n.tree.Inode(slot).IsDir() {
		st := n.status(slot, p.snap, nil)
		if blocks {
			st.Locations = n.locatedBlocks(slot, p.snap, 0, 1<<62)
		}
		return &hdfspb.DirectoryListingProto{RemainingEntries: new(uint32), PartialListing: []*hdfspb.HdfsFileStatusProto{st}}, nil
	}
	return n.listDir(slot, p.snap, after, blocks, n.opt.ListLimit), nil
}

// listDir lists up to limit children; with blocks it ends sooner, when about as many replicas have been named.
func (n *Namespace) listDir(dir uint32, snap int64, after []byte, blocks bool, limit int) *hdfspb.DirectoryListingProto {
	out := &hdfspb.DirectoryListingProto{}
	budget := n.opt.ListLimit
	add := func(child uint32) bool {
		if len(out.PartialListing) >= limit || blocks && budget <= 0 {
			return false
		}
		st := n.status(child, snap, bytes.Clone(n.nameAt(child, snap)))
		if blocks && !n.tree.Inode(child).IsDir() {
			st.Locations = n.locatedBlocks(child, snap, 0, 1<<62)
			budget -= len(st.Locations.Blocks) * int(st.GetBlockReplication())
		}
		out.PartialListing = append(out.PartialListing, st)
		return true
	}
	var left uint32
	if snap == 0 {
		out.PartialListing = make([]*hdfspb.HdfsFileStatusProto, 0, min(n.tree.NumChildren(dir), limit))
		n.tree.Children(dir, after, add)
		total := n.tree.NumChildren(dir)
		if len(after) > 0 && total > 0 {
			total = n.tree.CountAfter(dir, after)
		}
		left = uint32(total - len(out.PartialListing))
	} else {
		list := n.childrenAt(dir, snap)
		for len(after) > 0 && len(list) > 0 && tree.Compare(n.nameAt(list[0], snap), after) <= 0 {
			list = list[1:]
		}
		for _, child := range list {
			if !add(child) {
				break
			}
		}
		left = uint32(len(list) - len(out.PartialListing))
	}
	out.RemainingEntries = &left
	return out
}

// startAfterID turns /.reserved/.inodes/N into the name of inode N.
func (n *Namespace) startAfterID(after string) ([]byte, error) {
	id, err := strconv.ParseInt(strings.TrimPrefix(after, reservedIDs+"/"), 10, 64)
	if err == nil {
		if slot := n.tree.ByID(hdfs.INodeID(id)); slot != 0 {
			return bytes.Clone(n.tree.Name(slot)), nil
		}
	}
	return nil, fail(hdfs.StartAfterNotFound, "Can't find startAfter %s", after)
}

// GetBatchedListing lists several directories in one answer of at most ListLimit entries.
func (n *Namespace) GetBatchedListing(c Caller, req *hdfspb.GetBatchedListingRequestProto) (*hdfspb.GetBatchedListingResponseProto, error) {
	const most = 1000 // dfs.batched.ls.limit is 100 directories of a call on the client's side; this bounds the server's
	if len(req.Paths) > most {
		return nil, fail(hdfs.IllegalArgumentJava, "Too many source paths (%d > %d)", len(req.Paths), most)
	}
	start := 0
	var after []byte
	if len(req.StartAfter) > 0 {
		var key hdfspb.BatchedListingKeyProto
		if err := unmarshal(req.StartAfter, &key); err != nil {
			return nil, ioFail("Can't parse startAfter of getBatchedListing")
		}
		start, after = int(key.GetPathIndex()), key.GetStartAfter()
		if start < 0 || start >= len(req.Paths) {
			return nil, ioFail("path index %d of startAfter is not one of %d paths", start, len(req.Paths))
		}
	}
	out := &hdfspb.GetBatchedListingResponseProto{HasMore: new(bool), StartAfter: []byte{}}
	room := n.opt.ListLimit
	for i := start; i < len(req.Paths); i++ {
		idx := uint32(i)
		b := &hdfspb.BatchedDirectoryListingProto{ParentIdx: &idx}
		l, err := n.listing(&c, req.Paths[i], after, req.GetNeedLocation())
		if err == nil && l == nil {
			err = notFound("Path %s does not exist", req.Paths[i])
		}
		if err != nil {
			class, msg := hdfs.ClassOf(err), err.Error()
			b.Exception = &hdfspb.RemoteExceptionProto{ClassName: &class, Message: &msg}
			out.Listings = append(out.Listings, b)
			after = nil
			continue
		}
		left := l.GetRemainingEntries()
		if len(l.PartialListing) > room {
			left += uint32(len(l.PartialListing) - room)
			l.PartialListing = l.PartialListing[:room]
		}
		room -= len(l.PartialListing)
		b.PartialListing = l.PartialListing
		out.Listings = append(out.Listings, b)
		if left == 0 && (room > 0 || i == len(req.Paths)-1) {
			after = nil
			continue
		}
		next := &hdfspb.BatchedListingKeyProto{Checksum: []byte{}}
		if left > 0 {
			next.PathIndex, next.StartAfter = &idx, l.PartialListing[len(l.PartialListing)-1].Path
		} else {
			idx++
			next.PathIndex, next.StartAfter = &idx, []byte{}
		}
		more := true
		out.HasMore = &more
		out.StartAfter = marshal(next)
		return out, nil
	}
	return out, nil
}

// GetBlockLocations answers the blocks of a range. touch, if not nil, is what the leader should propose: the access time is older
// than the precision allows.
func (n *Namespace) GetBlockLocations(c Caller, req *hdfspb.GetBlockLocationsRequestProto, nowMS int64) (resp *hdfspb.GetBlockLocationsResponseProto, touch *journalpb.TouchAccessTime, err error) {
	src, offset, length := req.GetSrc(), int64(req.GetOffset()), int64(req.GetLength())
	if offset < 0 {
		return nil, nil, fail(hdfs.IllegalArgument, "Negative offset is not supported. File: %s", src)
	}
	if length < 0 {
		return nil, nil, fail(hdfs.IllegalArgument, "Negative length is not supported. File: %s", src)
	}
	p, err := n.resolve(&c, src, opRead)
	if err != nil {
		return nil, nil, err
	}
	slot, err := n.fileAt(p)
	if err != nil {
		return nil, nil, err
	}
	if err := n.checkUnreadable(&c, slot, p.snap); err != nil {
		return nil, nil, err
	}
	if err := n.check(&c, p, checks{access: actRead}); err != nil {
		return nil, nil, err
	}
	in := n.tree.Inode(slot)
	if prec := n.opt.AccessTimePrecision.Milliseconds(); p.snap == 0 && prec > 0 && nowMS > in.ATime+prec {
		id := uint64(in.ID)
		touch = &journalpb.TouchAccessTime{FileId: &id, AtimeMs: &nowMS}
	}
	return &hdfspb.GetBlockLocationsResponseProto{Locations: n.locatedBlocks(slot, p.snap, offset, length)}, touch, nil
}

// IsFileClosed tells that nobody writes a file.
func (n *Namespace) IsFileClosed(c Caller, req *hdfspb.IsFileClosedRequestProto) (*hdfspb.IsFileClosedResponseProto, error) {
	p, err := n.resolve(&c, req.GetSrc(), opRead)
	if err != nil {
		return nil, err
	}
	slot, err := n.fileAt(p)
	if err != nil {
		return nil, err
	}
	closed := !n.tree.Inode(slot).IsOpen()
	return &hdfspb.IsFileClosedResponseProto{Result: &closed}, nil
}

// GetPreferredBlockSize is the block size a file was created with.
func (n *Namespace) GetPreferredBlockSize(c Caller, req *hdfspb.GetPreferredBlockSizeRequestProto) (*hdfspb.GetPreferredBlockSizeResponseProto, error) {
	p, err := n.resolve(&c, req.GetFilename(), opRead)
	if err != nil {
		return nil, err
	}
	slot, err := n.fileAt(p)
	if err != nil {
		return nil, err
	}
	size := uint64(n.blockSizeOf(n.tree.Inode(slot)))
	return &hdfspb.GetPreferredBlockSizeResponseProto{Bsize: &size}, nil
}

// CheckAccess fails unless the caller may do all of what it asks for.
func (n *Namespace) CheckAccess(c Caller, req *hdfspb.CheckAccessRequestProto) (*hdfspb.CheckAccessResponseProto, error) {
	p, err := n.resolve(&c, req.GetPath(), opRead)
	if err != nil {
		return nil, err
	}
	if p.last() == 0 {
		return nil, notFound("Path not found: %s", p.path)
	}
	return &hdfspb.CheckAccessResponseProto{}, n.check(&c, p, checks{access: action(req.GetMode())})
}

// GetLinkTarget fails: there are no symlinks.
func (n *Namespace) GetLinkTarget(c Caller, req *hdfspb.GetLinkTargetRequestProto) (*hdfspb.GetLinkTargetResponseProto, error) {
	p, err := n.resolve(&c, req.GetPath(), opRead)
	if err != nil {
		return nil, err
	}
	if p.last() == 0 {
		return nil, notFound("File does not exist: %s", p.path)
	}
	return nil, ioFail("Path %s is not a symbolic link", p.path)
}

// GetEnclosingRoot is "/": there are no encryption zones.
func (n *Namespace) GetEnclosingRoot(c Caller, req *hdfspb.GetEnclosingRootRequestProto) (*hdfspb.GetEnclosingRootResponseProto, error) {
	if _, err := n.resolve(&c, req.GetFilename(), opRead); err != nil {
		return nil, err
	}
	root := "/"
	return &hdfspb.GetEnclosingRootResponseProto{EnclosingRootPath: &root}, nil
}

// GetStoragePolicies lists the policies.
func (n *Namespace) GetStoragePolicies(Caller, *hdfspb.GetStoragePoliciesRequestProto) (*hdfspb.GetStoragePoliciesResponseProto, error) {
	out := &hdfspb.GetStoragePoliciesResponseProto{}
	for _, p := range policies() {
		out.Policies = append(out.Policies, p.proto())
	}
	return out, nil
}

// GetStoragePolicy is the policy in force at a path.
func (n *Namespace) GetStoragePolicy(c Caller, req *hdfspb.GetStoragePolicyRequestProto) (*hdfspb.GetStoragePolicyResponseProto, error) {
	p, err := n.resolve(&c, req.GetPath(), opRead)
	if err != nil {
		return nil, err
	}
	if err := n.check(&c, p, checks{access: actRead}); err != nil {
		return nil, err
	}
	if p.last() == 0 {
		return nil, notFound("File/Directory does not exist: %s", p.path)
	}
	return &hdfspb.GetStoragePolicyResponseProto{StoragePolicy: policyByID(n.policyOf(p.last())).proto()}, nil
}

func (p policy) proto() *hdfspb.BlockStoragePolicyProto {
	id, name := uint32(p.id), p.name
	conv := func(l []hdfs.StorageType) *hdfspb.StorageTypesProto {
		out := &hdfspb.StorageTypesProto{}
		for _, t := range l {
			out.StorageTypes = append(out.StorageTypes, hdfspb.StorageTypeProto(t))
		}
		return out
	}
	return &hdfspb.BlockStoragePolicyProto{PolicyId: &id, Name: &name, CreationPolicy: conv(p.types),
		CreationFallbackPolicy: conv(p.createFallback), ReplicationFallbackPolicy: conv(p.replicateFallback)}
}
