package namespace

import (
	"slices"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/tree"
	datanodepb "github.com/lodehq/lode/proto/hadoop/datanode"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

func (n *Namespace) append(h *Header, c *Caller, req *hdfspb.AppendRequestProto) (*hdfspb.AppendResponseProto, error) {
	p, err := n.resolve(c, req.GetSrc(), opWrite)
	if err != nil {
		return nil, err
	}
	slot := p.last()
	if slot != 0 && n.tree.Inode(slot).IsDir() {
		return nil, fail(hdfs.FileAlreadyExists, "Cannot append to directory %s; already exists as a directory.", p.path)
	}
	if err := n.check(c, p, checks{access: actWrite}); err != nil {
		return nil, err
	}
	if slot == 0 {
		return nil, notFound("Failed to append to non-existent file %s for client %s", p.path, h.ClientMachine)
	}
	if n.setPolicy(slot) == hdfs.PolicyLazyPersist {
		return nil, fail(hdfs.UnsupportedOperation, "Cannot append to lazy persist file %s", p.path)
	}
	if err := n.recoverLease(h, opAppendFile, slot, p.path, req.GetClientName()); err != nil {
		return nil, err
	}
	in := n.tree.Inode(slot)
	last := n.tree.LastBlock(slot)
	resp := &hdfspb.AppendResponseProto{}
	newBlock := req.GetFlag()&hdfs.CreateFlagNewBlock != 0
	reopen := last != 0 && !newBlock && n.tree.Block(last).Length() != n.blockSizeOf(in)
	var more usage
	if reopen {
		more = spaceFor(n.blockSizeOf(in)-n.tree.Block(last).Length(), in.Replication(), n.policyOf(slot))
		if more.space > 0 { // an odd block may be longer than the block size
			if err := n.verifyQuota(in.Parent, more, 0); err != nil {
				return nil, err
			}
		}
	}
	n.touch(slot)
	if reopen {
		b := n.tree.MutBlock(last)
		resp.Block = n.located(b.Value(), n.tree.Length(slot)-b.Length())
		b.Set(b.GenStamp(), b.Length(), tree.Writing)
		n.byBlock[b.ID] = slot
		n.charge(in.Parent, more)
		n.sink.BlockChanged(b.Value(), false)
	} else if newBlock && last != 0 {
		resp.Block = n.located(n.tree.Block(last).Value(), 0)
	}
	n.openFor(slot, req.GetClientName(), h.ClientMachine)
	resp.Stat = n.status(slot, 0, nil)
	n.eventAppend(slot, p.path, newBlock)
	return resp, nil
}

func (n *Namespace) truncate(h *Header, c *Caller, req *hdfspb.TruncateRequestProto) (*hdfspb.TruncateResponseProto, error) {
	want := int64(req.GetNewLength())
	if want < 0 {
		return nil, fail(hdfs.IllegalArgument, "Cannot truncate to a negative file size: %d.", want)
	}
	p, err := n.resolve(c, req.GetSrc(), opWrite)
	if err != nil {
		return nil, err
	}
	if err := n.check(c, p, checks{access: actWrite}); err != nil {
		return nil, err
	}
	slot, err := n.fileAt(p)
	if err != nil {
		return nil, err
	}
	if n.setPolicy(slot) == hdfs.PolicyLazyPersist {
		return nil, fail(hdfs.UnsupportedOperation, "Cannot truncate lazy persist file %s", p.path)
	}
	done := false
	resp := &hdfspb.TruncateResponseProto{Result: &done}
	last := n.tree.LastBlock(slot)
	if o := n.open[slot]; o != nil && o.rec != nil && o.rec.truncate {
		if want == n.tree.Length(slot)-n.tree.Block(last).Length()+o.rec.length {
			return resp, nil // the same again
		}
	}
	if err := n.recoverLease(h, opTruncateFile, slot, p.path, req.GetClientName()); err != nil {
		return nil, err
	}
	have := n.tree.Length(slot)
	if have == want {
		done = true
		return resp, nil
	}
	if have < want {
		return nil, fail(hdfs.IllegalArgument, "Cannot truncate to a larger file size. Current size: %d, truncate size: %d.", have, want)
	}
	n.touch(slot)
	var pos int64
	list := n.tree.BlockList(slot)
	keep := 0
	for keep < len(list) && pos < want {
		pos += n.tree.Block(list[keep]).Length()
		keep++
	}
	gone := append([]uint32(nil), list[keep:]...)
	n.tree.SetBlocks(slot, list[:keep])
	n.forgetBlocks(slot, gone)
	n.tree.Mut(slot).MTime = n.now
	n.eventTruncate(slot, p.path, want)
	if pos == want {
		done = true
		return resp, nil
	}
	n.cutLast(h, slot, req.GetClientName(), pos-want)
	return resp, nil
}

// cutLast starts the recovery that cuts the last block of a file: in place, or by copying if a snapshot shows the block.
func (n *Namespace) cutLast(h *Header, slot uint32, client string, by int64) {
	in := n.tree.Inode(slot)
	old := n.tree.LastBlock(slot)
	length := n.tree.Block(old).Length()
	pol := n.policyOf(slot)
	n.openFor(slot, client, h.ClientMachine)
	rec := recovery{truncate: true, length: length - by, started: n.now}
	if f := n.feat(slot); f != nil && f.shows(old) {
		list := n.tree.BlockList(slot)
		n.lastBlock++
		rec.id = n.nextGenStamp()
		at := n.tree.NewBlock(n.lastBlock, rec.id, length, tree.Recovering)
		list[len(list)-1] = at
		n.tree.SetBlocks(slot, list)
		rec.source = old
		n.charge(in.Parent, spaceFor(n.blockSizeOf(in), in.Replication(), pol))
		n.sink.BlockAdded(n.tree.Block(at).Value(), in.ID, in.Replication(), pol, false)
	} else {
		rec.id = n.nextGenStamp()
		b := n.tree.MutBlock(old)
		n.charge(in.Parent, spaceFor(n.blockSizeOf(in)-length, in.Replication(), pol))
		b.Set(b.GenStamp(), length, tree.Recovering)
		n.sink.BlockChanged(b.Value(), false)
	}
	n.startRecovery(slot, rec)
}

// commitBlockSynchronization ends a block recovery: FSNamesystem.commitBlockSynchronization.
func (n *Namespace) commitBlockSynchronization(req *datanodepb.CommitBlockSynchronizationRequestProto) (*datanodepb.CommitBlockSynchronizationResponseProto, error) {
	resp := &datanodepb.CommitBlockSynchronizationResponseProto{}
	slot, ok := n.recovered(req.Block)
	if !ok {
		if req.GetDeleteBlock() || n.knownBlock(req.Block) {
			return resp, nil
		}
		return nil, ioFail("Block (=%s) not found", extendedText(req.Block))
	}
	o := n.open[slot]
	last := n.tree.LastBlock(slot)
	b := n.tree.Block(last)
	newGS, length := hdfs.GenStamp(req.GetNewGenStamp()), int64(req.GetNewLength())
	if o.rec == nil {
		return nil, ioFail("The recovery id %d does not match current recovery id 0 for block %s", newGS, extendedText(req.Block))
	}
	if o.rec.id != newGS {
		return nil, ioFail("The recovery id %d does not match current recovery id %d for block %s", newGS, o.rec.id, extendedText(req.Block))
	}
	if length < 0 || length > 1<<47 {
		return nil, ioFail("Block recovery of %s reports length %d", extendedText(req.Block), length)
	}
	n.touch(slot)
	if req.GetDeleteBlock() {
		n.dropLast(slot)
	} else {
		n.endRecovery(slot)
		if req.GetCloseFile() {
			n.commit(slot, newGS, length)
		} else {
			m := n.tree.MutBlock(last)
			m.Set(newGS, length, tree.Writing)
			n.byBlock[b.ID] = slot
			n.sink.BlockChanged(m.Value(), false)
		}
	}
	if req.GetCloseFile() {
		n.finish(slot)
	}
	return resp, nil
}

// endRecovery forgets the recovery of a file's last block, and the block that it copied if nothing else shows that.
func (n *Namespace) endRecovery(slot uint32) {
	var u usage
	n.dropRecovery(slot, n.policyOf(slot), &u)
	n.charge(n.tree.Inode(slot).Parent, u.neg())
}

// dropRecovery is endRecovery that adds up what it frees.
func (n *Namespace) dropRecovery(slot uint32, inherited uint8, u *usage) {
	o := n.open[slot]
	if o == nil || o.rec == nil {
		return
	}
	source := o.rec.source
	c := *o
	c.rec = nil
	n.open[slot] = &c
	if source == 0 || slices.Contains(n.keptBlocks(slot), source) {
		return
	}
	b := n.tree.Block(source)
	u.add(spaceFor(b.Length(), n.tree.Inode(slot).Replication(), inherited), 1)
	n.sink.BlockRemoved(b.ID)
	n.tree.FreeBlock(source)
}

// keptBlocks is every block that a file holds, once: its own, those that only its histories show, and the one that a
// copy-on-truncate under way reads, which no snapshot may show any more.
func (n *Namespace) keptBlocks(slot uint32) []uint32 {
	list := n.tree.BlockList(slot)
	own := len(list)
	if f := n.feat(slot); f != nil {
		for i := range f.history {
			list = append(list, f.history[i].blocks...)
		}
	}
	if o := n.open[slot]; o != nil && o.rec != nil && o.rec.source != 0 {
		list = append(list, o.rec.source)
	}
	if len(list) == own {
		return list
	}
	seen := make(map[uint32]bool, len(list))
	return slices.DeleteFunc(list, func(at uint32) bool {
		was := seen[at]
		seen[at] = true
		return was
	})
}

// recovered is the open file that a block being recovered belongs to; in copy-on-truncate datanodes name either block.
func (n *Namespace) recovered(e *hdfspb.ExtendedBlockProto) (uint32, bool) {
	id := hdfs.BlockID(e.GetBlockId())
	if slot, ok := n.byBlock[id]; ok {
		return slot, true
	}
	for slot, o := range n.open {
		if o.rec != nil && o.rec.source != 0 && n.tree.Block(o.rec.source).ID == id {
			return slot, true
		}
	}
	return 0, false
}

// knownBlock tells that a block was handed out: a datanode that asks twice about one that is complete by now is told nothing.
func (n *Namespace) knownBlock(e *hdfspb.ExtendedBlockProto) bool {
	id := hdfs.BlockID(e.GetBlockId())
	return id > hdfs.FirstBlockID && id <= n.lastBlock
}

func (n *Namespace) concat(c *Caller, req *hdfspb.ConcatRequestProto) (*hdfspb.ConcatResponseProto, error) {
	if req.GetTrg() == "" {
		return nil, fail(hdfs.IllegalArgumentJava, "Target file name is null")
	}
	if len(req.Srcs) == 0 {
		return nil, fail(hdfs.IllegalArgumentJava, "No sources given")
	}
	t, err := n.resolve(c, req.GetTrg(), opWrite)
	if err != nil {
		return nil, err
	}
	if err := n.check(c, t, checks{access: actWrite}); err != nil {
		return nil, err
	}
	target, err := n.fileAt(t)
	if err != nil {
		return nil, err
	}
	if n.tree.Inode(target).IsOpen() {
		return nil, fail(hdfs.IllegalArgument, "concat: target file %s is under construction", t.path)
	}
	bs := n.blockSizeOf(n.tree.Inode(target))
	seen := map[uint32]bool{}
	var srcs []uint32
	for _, src := range req.Srcs {
		p, err := n.resolve(c, src, opWrite)
		if err != nil {
			return nil, err
		}
		if err := n.check(c, p, checks{access: actRead, parent: actWrite}); err != nil {
			return nil, err
		}
		slot, err := n.fileAt(p)
		if err != nil {
			return nil, err
		}
		in := n.tree.Inode(slot)
		switch {
		case n.covering(slot) != 0 || n.feat(slot) != nil && len(n.feat(slot).history) > 0:
			return nil, fail(hdfs.SnapshotException, "Concat: the source file %s is in snapshot", src)
		case slot == target:
			return nil, fail(hdfs.IllegalArgument, "concat: the src file %s is the same with the target file %s", src, t.path)
		case in.IsOpen() || n.tree.LastBlock(slot) == 0:
			return nil, fail(hdfs.IllegalArgument, "concat: source file %s is invalid or empty or underConstruction", src)
		case n.blockSizeOf(in) > bs:
			return nil, fail(hdfs.IllegalArgument, "concat: source file %s has preferred block size %d which is greater than the target file's preferred block size %d",
				src, n.blockSizeOf(in), bs)
		case seen[slot]:
			return nil, fail(hdfs.IllegalArgument, "concat: at least two of the source files are the same")
		}
		seen[slot] = true
		srcs = append(srcs, slot)
	}
	delta := usage{}
	tin := n.tree.Inode(target)
	var frees, takes []usage
	for _, s := range srcs {
		frees = append(frees, n.fullUsage(s))
		takes = append(takes, spaceFor(n.tree.Length(s), tin.Replication(), n.policyOf(target)))
		delta.add(takes[len(takes)-1], 1)
		delta.add(frees[len(frees)-1], -1)
	}
	if err := n.verifyQuota(tin.Parent, delta, 0); err != nil {
		return nil, err
	}
	n.touch(target)
	list := n.tree.BlockList(target)
	for _, s := range srcs {
		list = append(list, n.tree.BlockList(s)...)
	}
	n.tree.SetBlocks(target, list)
	pol := n.policyOf(target)
	for i, s := range srcs {
		sin := n.tree.Mut(s)
		dir := sin.Parent
		sin.A = 0 // its blocks are the target's now
		n.charge(dir, frees[i].neg())
		n.charge(tin.Parent, takes[i])
		n.unlink(s)
		n.freeSlot(s)
		n.tree.Mut(dir).MTime = max(n.tree.Inode(dir).MTime, n.now)
	}
	id := n.tree.Inode(target).ID
	n.tree.EachBlock(target, func(_ uint32, b *tree.Block) bool {
		n.sink.BlockAdded(b.Value(), id, tin.Replication(), pol, true)
		return true
	})
	n.tree.Mut(target).MTime = n.now
	return &hdfspb.ConcatResponseProto{}, nil
}
