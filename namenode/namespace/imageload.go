package namespace

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sort"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/slab"
	"github.com/lodehq/lode/namenode/namespace/tree"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
)

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", tree.ErrImage, fmt.Sprintf(format, args...))
}

// fromImage puts a namespace together, checking all that refers to something else.
func fromImage(opt Options, sink hdfs.BlockSink, im *tree.Image, s *journalpb.ImageState) (*Namespace, error) {
	n := blank(opt, sink)
	im.Root, im.NumIn, im.NumBl = s.GetRoot(), s.GetInodes(), s.GetBlocks()
	for _, d := range s.Directories {
		im.Big[d.GetSlot()] = d.Leaves
	}
	for _, u := range s.Users {
		n.users.of(u)
	}
	for _, g := range s.Groups {
		n.groups.of(g)
	}
	for _, o := range s.Owners {
		if o>>32 >= uint64(len(n.users.list)) || o&0xffffffff >= uint64(len(n.groups.list)) {
			return nil, damaged("an owner is unknown")
		}
		n.owners.of(o)
	}
	for _, b := range s.BlockSizes {
		n.sizes.of(b)
	}
	if len(n.users.list) != len(s.Users) || len(n.groups.list) != len(s.Groups) || len(n.owners.list) != len(s.Owners) || len(n.sizes.list) != len(s.BlockSizes) {
		return nil, damaged("interned values are there twice")
	}
	var err error
	if n.tree, err = tree.Load(im, tree.Limits{Owners: len(n.owners.list), Sizes: len(n.sizes.list)}); err != nil {
		return nil, err
	}
	n.format, n.applied = s.Format, s.GetApplied()
	n.lastInode, n.lastBlock = hdfs.INodeID(s.GetLastInodeId()), hdfs.BlockID(s.GetLastBlockId())
	n.genStamp, n.lastSnapshot = hdfs.GenStamp(s.GetGenStamp()), s.GetLastSnapshotId()
	for _, step := range []func(*journalpb.ImageState) error{n.loadSnapshots, n.loadFeatures, n.loadLeases, n.loadRest} {
		if err := step(s); err != nil {
			return nil, err
		}
	}
	n.Blocks(func(b hdfs.Block, file hdfs.INodeID, replication uint16, policy uint8, complete bool) bool {
		n.sink.BlockAdded(b, file, replication, policy, complete)
		return true
	})
	return n, nil
}

func (n *Namespace) loadSnapshots(s *journalpb.ImageState) error {
	for _, slot := range s.Snapshottables {
		if !n.tree.ValidSlot(slot) || !n.tree.Inode(slot).IsDir() {
			return damaged("a snapshottable directory is missing")
		}
		n.snapDirs[slot] = &snapshottable{}
	}
	for _, x := range s.Snapshots {
		d := n.snapDirs[x.GetRoot()]
		if d == nil || n.snaps[x.GetId()] != nil || x.GetId() <= 0 || x.GetId() > n.lastSnapshot {
			return damaged("snapshot %d has no directory", x.GetId())
		}
		n.snaps[x.GetId()] = &snapshot{id: x.GetId(), root: x.GetRoot(), name: x.GetName(), ctime: x.GetCtimeMs(), top: hdfs.INodeID(x.GetLastInodeId())}
		d.list = append(d.list, x.GetId())
	}
	for _, d := range n.snapDirs {
		slices.Sort(d.list)
	}
	return nil
}

func (n *Namespace) loadFeatures(s *journalpb.ImageState) error {
	for _, x := range s.Features {
		slot := x.GetSlot()
		if !n.tree.ValidSlot(slot) || n.tree.Inode(slot).Mode&tree.FlagMore == 0 || n.more[slot] != nil {
			return damaged("features of slot %d have no inode", slot)
		}
		list, err := entriesIn(x.Acl)
		if err != nil {
			return damaged("%v", err)
		}
		if len(list) == 0 {
			list = nil
		}
		f := &features{acl: list, xattrs: xattrsIn(x.Xattrs), pin: x.GetPin(), holds: x.GetHolds(), detached: x.GetDetached()}
		if q := x.Quota; q != nil {
			f.quota = &quota{ns: q.GetNamespaceQuota(), space: q.GetSpaceQuota(), usedNS: q.GetNamespaceUsed(), usedSpace: q.GetSpaceUsed()}
			copy(f.quota.types[:], q.TypeQuotas)
			copy(f.quota.usedTypes[:], q.TypeUsed)
		}
		for _, hx := range x.History {
			h, err := n.loadHistory(hx)
			if err != nil {
				return err
			}
			f.history = append(f.history, h)
		}
		if !sort.SliceIsSorted(f.history, func(i, j int) bool { return f.history[i].snap < f.history[j].snap }) {
			return damaged("histories of slot %d are not in order", slot)
		}
		n.more[slot] = f
	}
	var err error
	n.tree.Slots(func(slot uint32, in *tree.Inode) bool {
		if in.Mode&tree.FlagMore != 0 && n.more[slot] == nil {
			err = damaged("inode %d has lost its features", in.ID)
		}
		return err == nil
	})
	return err
}

func (n *Namespace) loadHistory(x *journalpb.History) (history, error) {
	h := history{snap: x.GetSnapshot(), xattrs: xattrsIn(x.Xattrs), name: x.GetName(), added: x.Added, removed: x.Removed, blocks: x.Blocks, length: x.GetLength()}
	if len(x.Record) != tree.InodeBytes {
		return h, damaged("a history has no record")
	}
	rec := make([]tree.Inode, 1)
	copy(slab.RecordBytes(rec), x.Record)
	h.rec = rec[0]
	if int(h.rec.Owner) >= len(n.owners.list) {
		return h, damaged("a history refers outside")
	}
	list, err := entriesIn(x.Acl)
	if err != nil {
		return h, damaged("%v", err)
	}
	if len(list) > 0 {
		h.acl = list
	}
	for _, c := range append(append([]uint32(nil), h.added...), h.removed...) {
		if !n.tree.ValidSlot(c) {
			return h, damaged("a history lists a missing inode")
		}
	}
	for _, b := range h.blocks {
		if !n.tree.ValidBlock(b) {
			return h, damaged("a history lists a missing block")
		}
	}
	return h, nil
}

func (n *Namespace) loadLeases(s *journalpb.ImageState) error {
	for _, l := range s.Leases {
		for _, f := range l.Files {
			slot := n.tree.ByID(hdfs.INodeID(f.GetFileId()))
			if slot == 0 || !n.tree.Inode(slot).IsOpen() || n.tree.Inode(slot).IsDir() || n.open[slot] != nil {
				return damaged("lease of %s on file %d, which is not open", l.GetHolder(), f.GetFileId())
			}
			n.openFor(slot, l.GetHolder(), f.GetClientMachine())
			if last := n.tree.LastBlock(slot); last != 0 && n.tree.Block(last).State() != tree.Complete {
				n.byBlock[n.tree.Block(last).ID] = slot
			}
		}
	}
	for _, r := range s.Recoveries {
		slot := n.tree.ByID(hdfs.INodeID(r.GetFileId()))
		if slot == 0 || n.open[slot] == nil || n.tree.LastBlock(slot) == 0 {
			return damaged("recovery of a block of file %d, which is not open", r.GetFileId())
		}
		rec := &recovery{id: hdfs.GenStamp(r.GetRecoveryId()), started: r.GetStartedMs()}
		if r.TruncateLength != nil {
			rec.truncate, rec.length = true, r.GetTruncateLength()
		}
		if r.TruncateBlockId != nil {
			if rec.source = uint32(r.GetTruncateBlockId()); !n.tree.ValidBlock(rec.source) {
				return damaged("recovery of file %d copies a missing block", r.GetFileId())
			}
		}
		n.open[slot].rec = rec
	}
	var err error
	n.tree.Slots(func(slot uint32, in *tree.Inode) bool {
		if in.IsOpen() && (in.IsDir() || n.open[slot] == nil) {
			err = damaged("inode %d is open without a lease", in.ID)
		}
		return err == nil
	})
	return err
}

func (n *Namespace) loadRest(s *journalpb.ImageState) error {
	n.ecEnabled = s.GetEnabledEcPolicies()
	for _, x := range s.Retries {
		k, ok := keyOf(x.ClientId, x.GetCallId())
		if _, known := methodByNumber(x.GetMethod()); !ok || !known {
			return damaged("an entry of the retry cache is malformed")
		}
		e := retryEntry{key: k, method: uint8(x.GetMethod()), expiry: x.GetExpiryMs()}
		switch {
		case x.ErrorClass != nil:
			e.more = &retryMore{failure: &hdfs.Exception{Class: x.GetErrorClass(), Message: x.GetErrorMessage()}}
		case x.GetMethod() == journalpb.Method_CREATE:
			if len(x.Response) == 8 {
				e.inode = hdfs.INodeID(binary.LittleEndian.Uint64(x.Response))
			}
		case len(x.Response) > 0:
			e.more = &retryMore{response: x.Response}
		}
		n.retries.put(e)
	}
	for _, k := range s.Keys {
		n.tokens.keys[k.GetKeyId()] = k
	}
	n.tokens.current, n.tokens.sequence = int32(s.GetLastKeyId()), s.GetTokenSequence()
	for _, t := range s.Tokens {
		n.tokens.tokens[t.GetSequence()] = &token{id: t.Identifier, sequence: t.GetSequence(), renew: t.GetRenewDateMs(), max: t.GetMaxDateMs(),
			owner: t.GetOwner(), renewer: t.GetRenewer(), password: t.Password}
	}
	return nil
}
