package namespace

import (
	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/tree"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

func (n *Namespace) blockIn(e *hdfspb.ExtendedBlockProto) hdfs.Block {
	return hdfs.Block{ID: hdfs.BlockID(e.GetBlockId()), GenStamp: hdfs.GenStamp(e.GetGenerationStamp()), NumBytes: int64(e.GetNumBytes())}
}

// extendedText is ExtendedBlock.toString.
func extendedText(e *hdfspb.ExtendedBlockProto) string {
	if e == nil {
		return "null"
	}
	b := hdfs.Block{ID: hdfs.BlockID(e.GetBlockId()), GenStamp: hdfs.GenStamp(e.GetGenerationStamp())}
	return e.GetPoolId() + ":" + b.String()
}

func (n *Namespace) checkPool(e *hdfspb.ExtendedBlockProto) error {
	if e != nil && e.GetPoolId() != n.format.GetBlockPoolId() {
		return ioFail("Unexpected BlockPoolId %s - expected %s", e.GetPoolId(), n.format.GetBlockPoolId())
	}
	return nil
}

// addState is what analyzeFileState finds out before a block is added.
type addState struct {
	slot  uint32
	path  string
	retry uint32 // the block that an earlier, unanswered call added
}

// analyze is FSDirWriteFileOp.analyzeFileState.
func (n *Namespace) analyze(c *Caller, req *hdfspb.AddBlockRequestProto) (addState, error) {
	p, err := n.resolveID(c, req.GetSrc(), req.GetFileId())
	if err != nil {
		return addState{}, err
	}
	prev := req.Previous
	if err := n.checkPool(prev); err != nil {
		return addState{}, err
	}
	slot, err := n.checkLease(p, req.GetClientName(), req.GetFileId())
	if err != nil {
		return addState{}, err
	}
	s := addState{slot: slot, path: n.pathFor(p)}
	last := n.tree.LastBlock(slot)
	if n.sameBlock(prev, last) {
		return s, nil
	}
	lastText := "null"
	if last != 0 {
		b := n.tree.Block(last)
		lastText = b.Value().String()
		if prev == nil && b.Length() >= n.blockSizeOf(n.tree.Inode(slot)) && b.State() == tree.Complete {
			return s, nil // appending to a file whose last block is full
		}
		if n.sameBlock(prev, n.penultimate(slot)) {
			if b.Length() != 0 {
				return s, ioFail("Request looked like a retry to allocate block %s but it already contains %d bytes", lastText, b.Length())
			}
			s.retry = last
			return s, nil
		}
	}
	return s, ioFail("Cannot allocate block in %s: passed 'previous' block %s does not match actual last block in file %s", s.path, extendedText(prev), lastText)
}

// sameBlock tells whether a client's block is the one in a slot by id and generation stamp; none equals none.
func (n *Namespace) sameBlock(e *hdfspb.ExtendedBlockProto, at uint32) bool {
	if e == nil || at == 0 {
		return e == nil && at == 0
	}
	b := n.tree.Block(at)
	return uint64(b.ID) == e.GetBlockId() && uint64(b.GenStamp()) == e.GetGenerationStamp()
}

func (n *Namespace) penultimate(slot uint32) uint32 {
	last := n.tree.LastBlock(slot)
	if last == 0 || n.tree.FirstBlock(slot) == last {
		return 0
	}
	for at := n.tree.FirstBlock(slot); ; at = n.tree.Block(at).Next {
		if n.tree.Block(at).Next == last {
			return at
		}
	}
}

// AddBlockPlan is what the leader needs to choose datanodes for a block.
type AddBlockPlan struct {
	Retry         *hdfspb.LocatedBlockProto // an earlier call added this block already: answer it and propose nothing
	Previous      *hdfs.Block               // wait until enough replicas of it are reported
	File          hdfs.INodeID
	Path          string
	Replication   uint16
	BlockSize     int64
	Policy        uint8
	ClientMachine string
}

func (n *Namespace) plan(slot uint32, path string) AddBlockPlan {
	in := n.tree.Inode(slot)
	return AddBlockPlan{File: in.ID, Path: path, Replication: in.Replication(), BlockSize: n.blockSizeOf(in), Policy: n.policyOf(slot),
		ClientMachine: n.open[slot].machine}
}

// PrepareAddBlock checks an addBlock before it is proposed.
func (n *Namespace) PrepareAddBlock(c Caller, req *hdfspb.AddBlockRequestProto) (AddBlockPlan, error) {
	s, err := n.analyze(&c, req)
	if err != nil {
		return AddBlockPlan{}, err
	}
	plan := n.plan(s.slot, s.path)
	if s.retry != 0 {
		plan.Retry = n.located(n.tree.Block(s.retry).Value(), n.tree.Length(s.slot))
		return plan, nil
	}
	if err := n.checkBlockCount(s.slot); err != nil {
		return AddBlockPlan{}, err
	}
	if last := n.tree.LastBlock(s.slot); last != 0 && req.Previous != nil {
		b := n.blockIn(req.Previous)
		plan.Previous = &b
	}
	return plan, nil
}

// PrepareAdditionalDatanode checks a getAdditionalDatanode; nothing is proposed for it.
func (n *Namespace) PrepareAdditionalDatanode(c Caller, req *hdfspb.GetAdditionalDatanodeRequestProto) (AddBlockPlan, error) {
	if err := n.checkPool(req.Blk); err != nil {
		return AddBlockPlan{}, err
	}
	p, err := n.resolveID(&c, req.GetSrc(), req.GetFileId())
	if err != nil {
		return AddBlockPlan{}, err
	}
	slot, err := n.checkLease(p, req.GetClientName(), req.GetFileId())
	if err != nil {
		return AddBlockPlan{}, err
	}
	return n.plan(slot, n.pathFor(p)), nil
}

func (n *Namespace) checkBlockCount(slot uint32) error {
	if have := n.tree.NumBlocks(slot); have >= n.opt.MaxBlocksPerFile {
		return ioFail("File has reached the limit on maximum number of blocks (dfs.namenode.fs-limits.max-blocks-per-file): %d >= %d",
			have, n.opt.MaxBlocksPerFile)
	}
	return nil
}

// checkCommit asks whether the last block of a file may be completed as the client says.
func (n *Namespace) checkCommit(slot uint32, e *hdfspb.ExtendedBlockProto) error {
	last := n.tree.LastBlock(slot)
	if last == 0 || e == nil {
		return nil
	}
	b := n.tree.Block(last)
	if b.State() == tree.Complete {
		return nil
	}
	v := n.blockIn(e)
	if v.ID != b.ID {
		return ioFail("Trying to commit inconsistent block: id = %d, expected id = %d", v.ID, b.ID)
	}
	if v.GenStamp != b.GenStamp() {
		return ioFail("Commit block with mismatching GS. NN has %s, client submits %s", b.Value(), v)
	}
	if b.State() == tree.Recovering {
		return ioFail("Cannot complete block %s: it is under recovery", b.Value())
	}
	if v.NumBytes < b.Length() || v.NumBytes > 1<<47 {
		return ioFail("Commit block with length %d of %s, of which %d bytes are known", v.NumBytes, b.Value(), b.Length())
	}
	return nil
}

// commit completes the last block of a file at a length; checkCommit has been asked.
func (n *Namespace) commit(slot uint32, gs hdfs.GenStamp, length int64) {
	last := n.tree.LastBlock(slot)
	if last == 0 || n.tree.Block(last).State() == tree.Complete {
		return
	}
	b := n.tree.MutBlock(last)
	in := n.tree.Inode(slot)
	b.Set(gs, length, tree.Complete)
	delete(n.byBlock, b.ID)
	n.charge(in.Parent, spaceFor(length-n.blockSizeOf(in), in.Replication(), n.policyOf(slot)))
	n.sink.BlockChanged(b.Value(), true)
}

// addNewBlock gives a file a new last block and charges a whole one.
func (n *Namespace) addNewBlock(slot uint32) uint32 {
	in := n.tree.Inode(slot)
	n.lastBlock++
	at := n.tree.NewBlock(n.lastBlock, n.nextGenStamp(), 0, tree.Writing)
	n.tree.AppendBlock(slot, at)
	n.byBlock[n.lastBlock] = slot
	pol := n.policyOf(slot)
	n.charge(in.Parent, spaceFor(n.blockSizeOf(in), in.Replication(), pol))
	n.sink.BlockAdded(n.tree.Block(at).Value(), in.ID, in.Replication(), pol, false)
	return at
}

func (n *Namespace) addBlock(c *Caller, req *hdfspb.AddBlockRequestProto) (*hdfspb.AddBlockResponseProto, error) {
	s, err := n.analyze(c, req)
	if err != nil {
		return nil, err
	}
	if s.retry != 0 {
		return &hdfspb.AddBlockResponseProto{Block: n.located(n.tree.Block(s.retry).Value(), n.tree.Length(s.slot))}, nil
	}
	if err := n.checkBlockCount(s.slot); err != nil {
		return nil, err
	}
	if err := n.checkCommit(s.slot, req.Previous); err != nil {
		return nil, err
	}
	in := n.tree.Inode(s.slot)
	more := spaceFor(n.blockSizeOf(in), in.Replication(), n.policyOf(s.slot))
	if last := n.tree.LastBlock(s.slot); last != 0 && n.tree.Block(last).State() != tree.Complete && req.Previous != nil {
		more.add(spaceFor(int64(req.Previous.GetNumBytes())-n.blockSizeOf(in), in.Replication(), n.policyOf(s.slot)), 1)
	}
	if err := n.verifyQuota(in.Parent, more, 0); err != nil {
		return nil, err
	}
	n.touch(s.slot)
	if req.Previous != nil {
		v := n.blockIn(req.Previous)
		n.commit(s.slot, v.GenStamp, v.NumBytes)
	}
	offset := n.tree.Length(s.slot)
	at := n.addNewBlock(s.slot)
	return &hdfspb.AddBlockResponseProto{Block: n.located(n.tree.Block(at).Value(), offset)}, nil
}

// CompletePlan is what the leader waits for before it proposes a complete.
type CompletePlan struct {
	Done bool         // closed already: answer true, propose nothing
	Wait []hdfs.Block // enough replicas of each; else answer false
	File hdfs.INodeID
}

// PrepareComplete checks a complete before it is proposed.
func (n *Namespace) PrepareComplete(c Caller, req *hdfspb.CompleteRequestProto) (CompletePlan, error) {
	slot, done, err := n.checkComplete(&c, req)
	if err != nil || done {
		return CompletePlan{Done: done}, err
	}
	plan := CompletePlan{File: n.tree.Inode(slot).ID}
	if last := n.tree.LastBlock(slot); last != 0 && n.tree.Block(last).State() != tree.Complete {
		plan.Wait = append(plan.Wait, n.blockIn(req.Last))
	}
	return plan, nil
}

func (n *Namespace) checkComplete(c *Caller, req *hdfspb.CompleteRequestProto) (slot uint32, done bool, err error) {
	if err := n.checkPool(req.Last); err != nil {
		return 0, false, err
	}
	p, err := n.resolveID(c, req.GetSrc(), req.GetFileId())
	if err != nil {
		return 0, false, err
	}
	slot, err = n.checkLease(p, req.GetClientName(), req.GetFileId())
	if err != nil {
		// A client that missed the answer asks again.
		if s := p.last(); s != 0 && !n.tree.Inode(s).IsDir() && !n.tree.Inode(s).IsOpen() && n.sameBlock(req.Last, n.tree.LastBlock(s)) {
			return s, true, nil
		}
		return 0, false, err
	}
	last := n.tree.LastBlock(slot)
	if last != 0 && req.Last == nil && n.tree.Block(last).State() != tree.Complete {
		return 0, false, ioFail("Cannot complete %s: its last block %s is being written and the call names none", n.pathFor(p), n.tree.Block(last).Value())
	}
	return slot, false, n.checkCommit(slot, req.Last)
}

func (n *Namespace) complete(c *Caller, req *hdfspb.CompleteRequestProto) (*hdfspb.CompleteResponseProto, error) {
	slot, done, err := n.checkComplete(c, req)
	if err != nil {
		return nil, err
	}
	ok := true
	if !done {
		n.touch(slot)
		if req.Last != nil {
			v := n.blockIn(req.Last)
			n.commit(slot, v.GenStamp, v.NumBytes)
		}
		n.finish(slot)
	}
	return &hdfspb.CompleteResponseProto{Result: &ok}, nil
}

func (n *Namespace) abandonBlock(c *Caller, req *hdfspb.AbandonBlockRequestProto) (*hdfspb.AbandonBlockResponseProto, error) {
	p, err := n.resolveID(c, req.GetSrc(), req.GetFileId())
	if err != nil {
		return nil, err
	}
	slot, err := n.checkLease(p, req.GetHolder(), req.GetFileId())
	if err != nil {
		return nil, err
	}
	last := n.tree.LastBlock(slot)
	if last != 0 && uint64(n.tree.Block(last).ID) == req.B.GetBlockId() && n.tree.Block(last).State() != tree.Complete {
		n.touch(slot)
		n.dropLast(slot)
	}
	return &hdfspb.AbandonBlockResponseProto{}, nil
}

// dropLast takes the last block away from a file, with its recovery, and forgets it unless a snapshot shows it.
func (n *Namespace) dropLast(slot uint32) {
	n.endRecovery(slot)
	list := n.tree.BlockList(slot)
	at := list[len(list)-1]
	delete(n.byBlock, n.tree.Block(at).ID)
	n.tree.SetBlocks(slot, list[:len(list)-1])
	n.forgetBlocks(slot, []uint32{at})
}

// forgetBlocks frees blocks that a file no longer has and takes them off what quotas count, but those that its histories show.
func (n *Namespace) forgetBlocks(slot uint32, list []uint32) {
	f := n.feat(slot)
	in := n.tree.Inode(slot)
	pol := n.policyOf(slot)
	for _, at := range list {
		b := n.tree.Block(at)
		if f == nil || !f.shows(at) {
			n.charge(in.Parent, spaceFor(-n.blockSpace(slot, b), in.Replication(), pol))
			n.sink.BlockRemoved(b.ID)
			n.tree.FreeBlock(at)
			continue
		}
		if b.State() != tree.Complete { // only snapshots show it now: it will not grow
			n.charge(in.Parent, spaceFor(b.Length()-n.blockSizeOf(in), in.Replication(), pol))
			n.tree.MutBlock(at).Set(b.GenStamp(), b.Length(), tree.Complete)
			n.sink.BlockChanged(n.tree.Block(at).Value(), true)
		}
	}
}

func (f *features) shows(block uint32) bool {
	for i := range f.history {
		for _, b := range f.history[i].blocks {
			if b == block {
				return true
			}
		}
	}
	return false
}

func (n *Namespace) fsync(c *Caller, req *hdfspb.FsyncRequestProto) (*hdfspb.FsyncResponseProto, error) {
	p, err := n.resolveID(c, req.GetSrc(), req.GetFileId())
	if err != nil {
		return nil, err
	}
	slot, err := n.checkLease(p, req.GetClient(), req.GetFileId())
	if err != nil {
		return nil, err
	}
	if l := req.GetLastBlockLength(); l > 0 && l < 1<<47 {
		// Only ever longer: what one reader has seen, the next one sees too.
		if last := n.tree.LastBlock(slot); last != 0 && n.tree.Block(last).State() == tree.Writing && l > n.tree.Block(last).Length() {
			n.touch(slot)
			b := n.tree.MutBlock(last)
			b.Set(b.GenStamp(), l, tree.Writing)
			n.sink.BlockChanged(b.Value(), false)
		}
	}
	return &hdfspb.FsyncResponseProto{}, nil
}

// checkWriting is FSNamesystem.checkUCBlock: the block is the last of a file that name writes.
func (n *Namespace) checkWriting(e *hdfspb.ExtendedBlockProto, name string) (uint32, error) {
	if err := n.checkPool(e); err != nil {
		return 0, err
	}
	slot, ok := n.byBlock[hdfs.BlockID(e.GetBlockId())]
	if !ok {
		return 0, ioFail("%s does not exist or is not under construction, so it cannot be given a new generation stamp", extendedText(e))
	}
	b := n.tree.Block(n.tree.LastBlock(slot))
	if b.State() == tree.Recovering {
		return 0, ioFail("Unexpected BlockUCState: %s is UNDER_RECOVERY but not UNDER_CONSTRUCTION", extendedText(e))
	}
	if n.open[slot].holder != name {
		return 0, fail(hdfs.LeaseExpired, "Lease mismatch: %s is accessed by a non lease holder %s", extendedText(e), name)
	}
	return slot, nil
}

// updateBlockForPipeline hands out a generation stamp; the block keeps its own until updatePipeline (colinmarc's client never
// calls that, and names the old stamp in complete).
func (n *Namespace) updateBlockForPipeline(req *hdfspb.UpdateBlockForPipelineRequestProto) (*hdfspb.UpdateBlockForPipelineResponseProto, error) {
	if _, err := n.checkWriting(req.Block, req.GetClientName()); err != nil {
		return nil, err
	}
	b := n.blockIn(req.Block)
	b.GenStamp = n.nextGenStamp()
	return &hdfspb.UpdateBlockForPipelineResponseProto{Block: n.located(b, 0)}, nil
}

func (n *Namespace) updatePipeline(req *hdfspb.UpdatePipelineRequestProto) (*hdfspb.UpdatePipelineResponseProto, error) {
	if err := n.checkPool(req.NewBlock); err != nil {
		return nil, err
	}
	slot, err := n.checkWriting(req.OldBlock, req.GetClientName())
	if err != nil {
		return nil, err
	}
	old := n.tree.Block(n.tree.LastBlock(slot)).Value()
	v := n.blockIn(req.NewBlock)
	if v.ID != old.ID {
		return nil, ioFail("Update %s but the new block %s is another", old, v)
	}
	if v.GenStamp <= old.GenStamp || v.NumBytes < old.NumBytes {
		return nil, ioFail("Update %s (size=%d) to a smaller size block %s (size=%d)", old, old.NumBytes, v, v.NumBytes)
	}
	if v.GenStamp > n.genStamp || v.NumBytes > 1<<47 {
		return nil, ioFail("Update %s to %s: that generation stamp was never handed out", old, v)
	}
	n.touch(slot)
	b := n.tree.MutBlock(n.tree.LastBlock(slot))
	b.Set(v.GenStamp, v.NumBytes, tree.Writing)
	n.sink.BlockChanged(b.Value(), false)
	return &hdfspb.UpdatePipelineResponseProto{}, nil
}
