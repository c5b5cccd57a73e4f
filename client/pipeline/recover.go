package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/client/block"
	"github.com/lodehq/lode/internal/hdfs"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// maxRebuilds is how many pipelines in a row may break without an acknowledgement (DataStreamer, 5).
const maxRebuilds = 5

// recover goes on after a fault: with a new block when nothing of this one was acknowledged, else with a new pipeline.
func (s *Stream) recover(f *fault) error {
	s.mu.Lock()
	retained, any, flushed := s.retain, s.anyAck, s.flushed
	s.mu.Unlock()
	if !s.append && (retained || !any) && !(flushed && any) {
		return s.retryBlock(f)
	}
	s.hangUp()
	ending := s.endingNow()
	s.requeue()
	if !s.dropNode(f) {
		return s.allBad(f.err)
	}
	stage := hdfspb.OpWriteBlockProto_PIPELINE_SETUP_STREAMING_RECOVERY
	if ending {
		stage = hdfspb.OpWriteBlockProto_PIPELINE_CLOSE_RECOVERY
	}
	before := s.ackedSeq()
	if s.tries == 0 || s.rebuiltAt != before {
		s.tries, s.rebuiltAt = 0, before
	}
	if s.tries++; s.tries > maxRebuilds {
		return s.wrap(fmt.Sprintf("the pipeline broke %d times in a row, at last", maxRebuilds), f.err)
	}
	s.cfg.Logger.Warn("a pipeline is rebuilt", "path", s.cfg.Path, "block", block.Name(s.block), "left", len(s.located.nodes), "error", f.err)
	if f.restarting && len(s.located.nodes) == 1 {
		return s.awaitRestart(stage)
	}
	return s.rebuild(stage)
}

func (s *Stream) ackedSeq() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.acked
}

// endingNow says whether only the block's last packet is not acknowledged, and was sent.
func (s *Stream) endingNow() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sent) == 1 && s.sent[0].last
}

// dropNode takes the bad datanode out of the pipeline, and says whether one is left. A single datanode that restarts stays.
func (s *Stream) dropNode(f *fault) bool {
	l := &s.located
	if f.restarting && len(l.nodes) == 1 {
		return true
	}
	i := max(f.index, 0)
	if i >= len(l.nodes) {
		return len(l.nodes) > 0
	}
	s.bad = append(s.bad, l.nodes[i])
	l.nodes = slices.Delete(slices.Clone(l.nodes), i, i+1)
	if i < len(l.types) {
		l.types = slices.Delete(slices.Clone(l.types), i, i+1)
	}
	if i < len(l.ids) {
		l.ids = slices.Delete(slices.Clone(l.ids), i, i+1)
	}
	return len(l.nodes) > 0
}

func (s *Stream) allBad(err error) error {
	return s.wrap("all datanodes of the pipeline of "+block.Name(s.block)+" are bad", err)
}

// awaitRestart rebuilds with a datanode that said it would be back.
func (s *Stream) awaitRestart(stage hdfspb.OpWriteBlockProto_BlockConstructionStage) error {
	limit := time.Now().Add(s.cfg.RestartWait)
	nodes := s.located
	for {
		err := s.rebuild(stage)
		if err == nil || s.ctx.Err() != nil || time.Now().After(limit) {
			return err
		}
		s.located = nodes
		if err := sleep(s.ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
}

// rebuild opens a pipeline for a block that exists, under a new generation stamp, and tells the namenode who is in it.
func (s *Stream) rebuild(stage hdfspb.OpWriteBlockProto_BlockConstructionStage) error {
	isAppend := stage == hdfspb.OpWriteBlockProto_PIPELINE_SETUP_APPEND
	for {
		if !isAppend {
			if err := s.replace(); err != nil {
				return err
			}
		}
		resp, err := s.cfg.Namenode.UpdateBlockForPipeline(s.ctx, &hdfspb.UpdateBlockForPipelineRequestProto{
			Block: s.block, ClientName: proto.String(s.cfg.ClientName),
		})
		if err != nil {
			return s.wrap("new generation stamp", err)
		}
		stamp := resp.GetBlock().GetB().GetGenerationStamp()
		s.located.token = resp.GetBlock().GetBlockToken()
		conn, err := s.request(stage, stamp, s.bytesSent())
		index := 0
		if err == nil {
			stop := context.AfterFunc(s.ctx, func() { conn.Close() })
			err = block.ReadPipelineAnswer(conn, s.block)
			stop()
			if err != nil {
				conn.Close()
				index = max(badIndex(s.located.nodes, err), 0)
			}
		}
		if err != nil {
			if s.ctx.Err() != nil {
				return s.ctx.Err()
			}
			s.cfg.Logger.Warn("a datanode cannot join the new pipeline", "path", s.cfg.Path, "block", block.Name(s.block),
				"datanode", nodeName(s.located.nodes, index), "error", err)
			if !s.dropNode(&fault{index: index, err: err}) {
				return s.allBad(err)
			}
			if isAppend {
				stage = hdfspb.OpWriteBlockProto_PIPELINE_SETUP_APPEND_RECOVERY
				isAppend = false
			}
			continue
		}
		if err := s.adopt(stamp); err != nil {
			conn.Close()
			return err
		}
		if stage == hdfspb.OpWriteBlockProto_PIPELINE_CLOSE_RECOVERY {
			conn.Close()
			return s.closed()
		}
		s.listenOn(conn, false)
		return nil
	}
}

// adopt tells the namenode about the new pipeline; from then on the old generation stamp is past.
func (s *Stream) adopt(stamp uint64) error {
	next := proto.CloneOf(s.block)
	next.GenerationStamp = proto.Uint64(stamp)
	ids := make([]*hdfspb.DatanodeIDProto, len(s.located.nodes))
	for i, n := range s.located.nodes {
		ids[i] = n.GetId()
	}
	_, err := s.cfg.Namenode.UpdatePipeline(s.ctx, &hdfspb.UpdatePipelineRequestProto{
		ClientName: proto.String(s.cfg.ClientName), OldBlock: s.block, NewBlock: next, NewNodes: ids, StorageIDs: s.located.ids,
	})
	if err != nil {
		return s.wrap("new pipeline", err)
	}
	s.block = next
	return nil
}

// closed counts the last packet as acknowledged: the datanodes have finalised their replicas when the pipeline was rebuilt.
func (s *Stream) closed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 || !s.queue[0].last {
		return errors.New("the end of the block is not next")
	}
	p := s.queue[0]
	s.queue = s.queue[1:]
	s.acked = max(s.acked, p.seqno)
	s.release(p)
	s.finished = true
	s.changed.Broadcast()
	return nil
}

// bytesSent is how far a datanode of the pipeline may have come.
func (s *Stream) bytesSent() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := int64(s.block.GetNumBytes())
	for _, p := range s.queue {
		if p.last {
			break
		}
		most = max(most, p.end())
	}
	return most
}

// replace adds a datanode to the pipeline when the policy asks for it, and has what the block has so far copied to it.
func (s *Stream) replace() error {
	s.mu.Lock()
	promised := s.flushed
	s.mu.Unlock()
	n, want := len(s.located.nodes), s.cfg.Replication
	if !s.cfg.Replace.wants(n, want, s.append || promised) {
		return nil
	}
	err := s.addNode()
	if err == nil || s.ctx.Err() != nil {
		return err
	}
	if s.cfg.Replace.BestEffort || (s.cfg.Replace.Min > 0 && n >= s.cfg.Replace.Min) {
		s.cfg.Logger.Warn("a bad datanode could not be replaced, going on with those that are left", "path", s.cfg.Path, "left", n, "error", err)
		return nil
	}
	return s.wrap("replace a bad datanode (see dfs.client.block.write.replace-datanode-on-failure.policy)", err)
}

// wants is ReplaceDatanodeOnFailure.satisfy.
func (r Replace) wants(left, replication int, promised bool) bool {
	if !r.Enable || r.Policy == "NEVER" || left == 0 || left >= replication {
		return false
	}
	if r.Policy == "ALWAYS" {
		return true
	}
	return replication >= 3 && (left <= replication/2 || promised)
}

// addNode asks for one more datanode, has the block copied to it by a neighbour and puts it into the pipeline.
func (s *Stream) addNode() error {
	exclude := slices.Clone(s.bad)
	var last error
	for range 3 {
		l := s.located
		resp, err := s.cfg.Namenode.GetAdditionalDatanode(s.ctx, &hdfspb.GetAdditionalDatanodeRequestProto{
			Src: proto.String(s.cfg.Path), FileId: proto.Uint64(s.cfg.FileID), Blk: s.block, Existings: l.nodes,
			ExistingStorageUuids: l.ids, Excludes: exclude, NumAdditionalNodes: proto.Uint32(1),
			ClientName: proto.String(s.cfg.ClientName),
		})
		if err != nil {
			return err
		}
		lb := resp.GetBlock()
		at := added(l.nodes, lb.GetLocs())
		if at < 0 {
			return fmt.Errorf("no more good datanodes being available to try: of %d datanodes the namenode knows no other", len(l.nodes))
		}
		from := at - 1
		if at == 0 {
			from = 1
		}
		toType, toID := hdfspb.StorageTypeProto_DISK, ""
		if at < len(lb.GetStorageTypes()) {
			toType = lb.GetStorageTypes()[at]
		}
		if at < len(lb.GetStorageIDs()) {
			toID = lb.GetStorageIDs()[at]
		}
		last = s.cfg.Network.TransferBlock(s.ctx, s.block, lb.GetBlockToken(), lb.GetLocs()[from], lb.GetLocs()[at], toType, toID)
		if last == nil {
			s.located = located{lb.GetLocs(), lb.GetStorageTypes(), lb.GetStorageIDs(), lb.GetBlockToken()}
			return nil
		}
		s.cfg.Logger.Warn("a replacement did not get the block", "path", s.cfg.Path, "datanode", nodeName(lb.GetLocs(), at), "error", last)
		exclude = append(exclude, lb.GetLocs()[at])
		if err := s.ctx.Err(); err != nil {
			return err
		}
	}
	return last
}

// added finds the datanode of next that is not in old.
func added(old, next []*hdfspb.DatanodeInfoProto) int {
	for i, n := range next {
		if !slices.ContainsFunc(old, func(o *hdfspb.DatanodeInfoProto) bool {
			return o.GetId().GetDatanodeUuid() == n.GetId().GetDatanodeUuid()
		}) {
			return i
		}
	}
	return -1
}

func isNotReplicatedYet(err error) bool {
	var e *hdfs.Exception
	return errors.As(err, &e) && e.Class == hdfs.NotReplicatedYet
}

// isNoTarget says whether the namenode found no datanode for a block (BlockManager.chooseTarget4NewBlock has no class of its
// own for that).
func isNoTarget(err error) bool {
	var e *hdfs.Exception
	return errors.As(err, &e) && e.Class == hdfs.IOException && strings.Contains(e.Message, "could only be written to")
}

// patiently calls f again while it says so, with growing pauses, up to a limit.
func patiently(ctx context.Context, limit time.Duration, f func() (again bool, err error)) error {
	pause, until := 4*time.Millisecond, time.Now().Add(limit)
	for {
		again, err := f()
		if !again || time.Now().After(until) {
			return err
		}
		if serr := sleep(ctx, pause); serr != nil {
			return errors.Join(serr, err)
		}
		pause = min(2*pause, 400*time.Millisecond)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
