package rpc

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/namenode/dnproto"
	"github.com/lodehq/lode/namenode/namespace"
	"github.com/lodehq/lode/namenode/state"
	"github.com/lodehq/lode/proto/hadoop/hdfs"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
)

const (
	// allWait is how long an answer is held until the whole pipeline of a block is reported when enough of it is already:
	// an append right after a close then finds all replicas.
	allWait = 3 * time.Second
	// enoughWait is how long an answer is held until the minimum of replicas is reported.
	enoughWait = 10 * time.Second
)

// reported says whether the pipelines of all blocks are reported: enough of them, and all of them.
func (s *Service) reported(blocks []hdfs.Block) (enough, all bool) {
	enough, all = true, true
	if len(blocks) == 0 {
		return
	}
	s.state.View(func(_ *namespace.Namespace, bm *blockmap.Map) {
		for _, b := range blocks {
			enough = enough && bm.EnoughReplicas(b)
			all = all && enough && bm.AllReplicas(b)
		}
	})
	return enough, all
}

// awaitReplicas waits until the blocks' pipelines are reported, and says whether enough of them are.
func (s *Service) awaitReplicas(ctx context.Context, blocks []hdfs.Block, wantAll bool) bool {
	changed := make(chan struct{}, 1)
	var stops []func()
	s.state.Update(func(_ *namespace.Namespace, bm *blockmap.Map) {
		for _, b := range blocks {
			stops = append(stops, bm.Watch(b.ID, func() {
				select {
				case changed <- struct{}{}:
				default:
				}
			}))
		}
	})
	defer s.state.Update(func(*namespace.Namespace, *blockmap.Map) {
		for _, stop := range stops {
			stop()
		}
	})
	all, enough := time.NewTimer(allWait), time.NewTimer(enoughWait)
	defer all.Stop()
	defer enough.Stop()
	patient := wantAll
	for {
		isEnough, isAll := s.reported(blocks)
		if isAll || isEnough && !patient {
			return true
		}
		select {
		case <-changed:
		case <-all.C:
			patient = false
		case <-enough.C:
			return isEnough
		case <-ctx.Done():
			return isEnough
		}
	}
}

// addBlock gives a file its next block. The one before it must have enough replicas: the answer waits for that.
func (s *Service) addBlock(ctx context.Context, c *hrpc.Call, req *hdfspb.AddBlockRequestProto, reply func(*hdfspb.AddBlockResponseProto, error)) {
	if err := s.writable("Cannot add block to ", req.GetSrc()); err != nil {
		reply(nil, err)
		return
	}
	who := s.caller(c)
	var plan namespace.AddBlockPlan
	var err error
	s.state.View(func(ns *namespace.Namespace, _ *blockmap.Map) { plan, err = ns.PrepareAddBlock(who, req) })
	switch {
	case err != nil:
		reply(nil, err)
		return
	case plan.Retry != nil:
		s.fill(c, plan.Retry)
		reply(&hdfspb.AddBlockResponseProto{Block: plan.Retry}, nil)
		return
	case plan.Previous == nil:
		s.placeBlock(c, req, c.Request, plan, reply)
		return
	}
	previous := []hdfs.Block{*plan.Previous}
	if enough, _ := s.reported(previous); enough {
		s.placeBlock(c, req, c.Request, plan, reply)
		return
	}
	call := *c
	call.Request = nil
	go func() {
		if !s.awaitReplicas(ctx, previous, false) {
			reply(nil, hdfs.Errorf(hdfs.NotReplicatedYet, "Not replicated yet: %s", req.GetSrc()))
			return
		}
		s.placeBlock(&call, req, nil, plan, reply)
	}()
}

// placeBlock chooses datanodes and journals the block.
func (s *Service) placeBlock(c *hrpc.Call, req *hdfspb.AddBlockRequestProto, raw []byte, plan namespace.AddBlockPlan, reply func(*hdfspb.AddBlockResponseProto, error)) {
	q := blockmap.TargetRequest{Count: int(plan.Replication), Writer: plan.ClientMachine, BlockSize: plan.BlockSize, Policy: plan.Policy, Favored: req.GetFavoredNodes()}
	for _, d := range req.GetExcludeNodes() {
		q.Excluded = append(q.Excluded, d.GetId().GetDatanodeUuid())
	}
	for _, f := range req.GetFlags() {
		switch f {
		case hdfspb.AddBlockFlagProto_NO_LOCAL_WRITE:
			q.NoLocalWrite = true
		case hdfspb.AddBlockFlagProto_IGNORE_CLIENT_LOCALITY:
			q.IgnoreLocal = true
		}
	}
	var targets []blockmap.Location
	var err error
	s.state.Update(func(_ *namespace.Namespace, bm *blockmap.Map) {
		if targets, err = bm.ChooseTargets(q); err != nil {
			err = hdfs.Errorf(hdfs.IOException, "%s", bm.NotEnough(plan.Path, len(targets), 1, len(q.Excluded)))
		}
	})
	if err != nil {
		reply(nil, err)
		return
	}
	refs := make([]blockmap.StorageRef, len(targets))
	for i, t := range targets {
		refs[i] = t.Ref()
	}
	s.state.Submit(&state.Command{Header: s.header(c), Request: req, Method: journalpb.Method_ADD_BLOCK, Raw: raw,
		Locked: func(_ *namespace.Namespace, bm *blockmap.Map, resp proto.Message) {
			bm.SetExpected(dnproto.ExtendedBlock(resp.(*hdfspb.AddBlockResponseProto).GetBlock().GetB()), refs)
		},
		Done: func(resp proto.Message, err error) {
			if err != nil {
				reply(nil, err)
				return
			}
			r := resp.(*hdfspb.AddBlockResponseProto)
			s.place(c, r.GetBlock(), targets)
			reply(r, nil)
		}})
}

// complete closes a file. The answer waits until the pipeline of its last block is reported.
func (s *Service) complete(ctx context.Context, c *hrpc.Call, req *hdfspb.CompleteRequestProto, reply func(*hdfspb.CompleteResponseProto, error)) {
	if err := s.writable("Cannot complete file ", req.GetSrc()); err != nil {
		reply(nil, err)
		return
	}
	who := s.caller(c)
	var plan namespace.CompletePlan
	var err error
	s.state.View(func(ns *namespace.Namespace, _ *blockmap.Map) { plan, err = ns.PrepareComplete(who, req) })
	if err != nil {
		reply(nil, err)
		return
	}
	if plan.Done {
		reply(&hdfspb.CompleteResponseProto{Result: proto.Bool(true)}, nil)
		return
	}
	if _, all := s.reported(plan.Wait); all {
		s.submit(c, journalpb.Method_COMPLETE, req, nil, answer[hdfspb.CompleteResponseProto](reply))
		return
	}
	call := *c
	call.Request = nil
	go func() {
		if !s.awaitReplicas(ctx, plan.Wait, true) {
			reply(&hdfspb.CompleteResponseProto{Result: proto.Bool(false)}, nil)
			return
		}
		s.submit(&call, journalpb.Method_COMPLETE, req, nil, answer[hdfspb.CompleteResponseProto](reply))
	}()
}

// appended fills in where the last block of a file opened for append is.
func (s *Service) appended(c *hrpc.Call, _ *namespace.Namespace, bm *blockmap.Map, resp *hdfspb.AppendResponseProto) {
	if lb := resp.GetBlock(); lb != nil {
		s.fillFrom(bm, c, lb)
	}
}

// updateBlockForPipeline gives a writer a new generation stamp for its block; the block changes with updatePipeline.
func (s *Service) updateBlockForPipeline(_ context.Context, c *hrpc.Call, req *hdfspb.UpdateBlockForPipelineRequestProto, reply func(*hdfspb.UpdateBlockForPipelineResponseProto, error)) {
	if err := s.writable("Cannot get a new GS for block ", dnproto.ExtendedBlock(req.GetBlock()).String()); err != nil {
		reply(nil, err)
		return
	}
	s.submit(c, journalpb.Method_UPDATE_BLOCK_FOR_PIPELINE, req, func(_ *namespace.Namespace, bm *blockmap.Map, resp proto.Message) {
		s.fillFrom(bm, c, resp.(*hdfspb.UpdateBlockForPipelineResponseProto).GetBlock())
	}, answer[hdfspb.UpdateBlockForPipelineResponseProto](reply))
}

// updatePipeline makes the new generation stamp and the remaining datanodes the block's.
func (s *Service) updatePipeline(_ context.Context, c *hrpc.Call, req *hdfspb.UpdatePipelineRequestProto, reply func(*hdfspb.UpdatePipelineResponseProto, error)) {
	if err := s.writable("Pipeline not updated", ""); err != nil {
		reply(nil, err)
		return
	}
	s.submit(c, journalpb.Method_UPDATE_PIPELINE, req, func(_ *namespace.Namespace, bm *blockmap.Map, _ proto.Message) {
		refs := make([]blockmap.StorageRef, len(req.GetNewNodes()))
		for i, d := range req.GetNewNodes() {
			refs[i].Datanode = d.GetDatanodeUuid()
			if ids := req.GetStorageIDs(); i < len(ids) {
				refs[i].Storage = ids[i]
			}
		}
		bm.SetExpected(dnproto.ExtendedBlock(req.GetNewBlock()), refs)
	}, answer[hdfspb.UpdatePipelineResponseProto](reply))
}

// getAdditionalDatanode chooses datanodes to join a pipeline; the answer has the ones that are there, then the new ones.
func (s *Service) getAdditionalDatanode(_ context.Context, c *hrpc.Call, req *hdfspb.GetAdditionalDatanodeRequestProto) (*hdfspb.GetAdditionalDatanodeResponseProto, error) {
	b := dnproto.ExtendedBlock(req.GetBlk())
	if err := s.writable("Cannot add datanode; src="+req.GetSrc()+", blk=", b.String()); err != nil {
		return nil, err
	}
	who := s.caller(c)
	var targets []blockmap.Location
	var err error
	s.state.Update(func(ns *namespace.Namespace, bm *blockmap.Map) {
		var plan namespace.AddBlockPlan
		if plan, err = ns.PrepareAdditionalDatanode(who, req); err != nil {
			return
		}
		q := blockmap.TargetRequest{Count: int(req.GetNumAdditionalNodes()), Writer: plan.ClientMachine, BlockSize: plan.BlockSize, Policy: plan.Policy}
		for i, d := range req.GetExistings() {
			ref := blockmap.StorageRef{Datanode: d.GetId().GetDatanodeUuid()}
			if ids := req.GetExistingStorageUuids(); i < len(ids) {
				ref.Storage = ids[i]
			}
			q.Chosen = append(q.Chosen, ref)
		}
		for _, d := range req.GetExcludes() {
			q.Excluded = append(q.Excluded, d.GetId().GetDatanodeUuid())
		}
		targets, _ = bm.AdditionalTargets(q) // none: the client sees that the pipeline did not grow
	})
	if err != nil {
		return nil, err
	}
	lb := s.wire.LocatedBlock(s.cfg.BlockPool(), -1, blockmap.LocatedBlock{Block: b})
	s.place(c, lb, targets)
	for i := len(req.GetExistings()) - 1; i >= 0; i-- {
		lb.Locs = append([]*hdfspb.DatanodeInfoProto{req.Existings[i]}, lb.Locs...)
		storage, kind := "", hdfspb.StorageTypeProto_DISK
		if ids := req.GetExistingStorageUuids(); i < len(ids) {
			storage = ids[i]
		}
		lb.StorageIDs = append([]string{storage}, lb.StorageIDs...)
		lb.StorageTypes = append([]hdfspb.StorageTypeProto{kind}, lb.StorageTypes...)
		lb.IsCached = append(lb.IsCached, false)
	}
	return &hdfspb.GetAdditionalDatanodeResponseProto{Block: lb}, nil
}

func (s *Service) reportBadBlocks(_ context.Context, _ *hrpc.Call, req *hdfspb.ReportBadBlocksRequestProto) (*hdfspb.ReportBadBlocksResponseProto, error) {
	if err := s.readable(); err != nil {
		return nil, err
	}
	s.state.Update(func(_ *namespace.Namespace, bm *blockmap.Map) {
		bm.MarkCorrupt(s.state.Now(), dnproto.BadBlocks(req.GetBlocks()))
	})
	return nil, nil
}

func (s *Service) renewLease(_ context.Context, _ *hrpc.Call, req *hdfspb.RenewLeaseRequestProto) (*hdfspb.RenewLeaseResponseProto, error) {
	if err := s.readable(); err != nil {
		return nil, err
	}
	s.state.View(func(ns *namespace.Namespace, _ *blockmap.Map) { ns.RenewLease(req.GetClientName(), s.state.Now()) })
	return nil, nil
}
