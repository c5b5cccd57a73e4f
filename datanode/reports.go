package datanode

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/datanode/blockstore"
	"github.com/lodehq/lode/internal/hdfs"
	dnpb "github.com/lodehq/lode/proto/hadoop/datanode"
)

// incremental gathers what one namenode has not been told yet. Only the last news of a block counts.
type incremental struct {
	mu    sync.Mutex // guards what follows
	byID  map[string]map[hdfs.BlockID]*dnpb.ReceivedDeletedBlockInfoProto
	ready chan struct{}
}

func newIncremental() *incremental {
	return &incremental{byID: map[string]map[hdfs.BlockID]*dnpb.ReceivedDeletedBlockInfoProto{}, ready: make(chan struct{}, 1)}
}

// add notes news. A received replica is reported at once, since a client may be waiting for it; the rest rides along or waits for the
// next heartbeat.
func (p *incremental) add(storageID string, id hdfs.BlockID, info *dnpb.ReceivedDeletedBlockInfoProto) {
	p.mu.Lock()
	m := p.byID[storageID]
	if m == nil {
		m = map[hdfs.BlockID]*dnpb.ReceivedDeletedBlockInfoProto{}
		p.byID[storageID] = m
	}
	m[id] = info
	p.mu.Unlock()
	if info.GetStatus() == dnpb.ReceivedDeletedBlockInfoProto_RECEIVED {
		poke(p.ready)
	}
}

func (p *incremental) take() map[string]map[hdfs.BlockID]*dnpb.ReceivedDeletedBlockInfoProto {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.byID
	p.byID = map[string]map[hdfs.BlockID]*dnpb.ReceivedDeletedBlockInfoProto{}
	return m
}

// giveBack puts news back that could not be sent, unless there is newer.
func (p *incremental) giveBack(old map[string]map[hdfs.BlockID]*dnpb.ReceivedDeletedBlockInfoProto) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for st, m := range old {
		if p.byID[st] == nil {
			p.byID[st] = m
			continue
		}
		for id, info := range m {
			if p.byID[st][id] == nil {
				p.byID[st][id] = info
			}
		}
	}
}

// clear forgets everything: a full report follows.
func (p *incremental) clear() { p.take() }

// runIncremental sends incremental reports, one at a time: what happens while one is under way goes with the next.
func (a *actor) runIncremental() {
	s := a.s
	t := time.NewTicker(s.cfg.Heartbeat)
	defer t.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-a.incremental.ready:
		case <-t.C:
		}
		if err := a.sendIncremental(); err != nil && s.ctx.Err() == nil {
			a.log.Info("incremental block report, trying again", "error", err)
			a.pause(min(s.cfg.Retry, 200*time.Millisecond))
			poke(a.incremental.ready)
		}
	}
}

func (a *actor) sendIncremental() error {
	select {
	case <-a.s.attached:
	default:
		return nil
	}
	news := a.incremental.take()
	req := &dnpb.BlockReceivedAndDeletedRequestProto{Registration: a.s.registration(), BlockPoolId: proto.String(a.s.Pool())}
	for _, v := range a.s.store.Volumes() {
		m := news[v.StorageID]
		if len(m) == 0 {
			continue
		}
		r := &dnpb.StorageReceivedDeletedBlocksProto{StorageUuid: proto.String(v.StorageID), Storage: storage(v)}
		for _, info := range m {
			r.Blocks = append(r.Blocks, info)
		}
		req.Blocks = append(req.Blocks, r)
	}
	if len(req.Blocks) == 0 {
		return nil
	}
	err := a.client.Call(a.s.ctx, "blockReceivedAndDeleted", req, &dnpb.BlockReceivedAndDeletedResponseProto{})
	if err != nil {
		if hdfs.ClassOf(err) == hdfs.UnregisteredNode {
			a.hurry() // the heartbeat brings the command to register
		}
		a.incremental.giveBack(news)
	}
	return err
}

// reportBuffers is the capability bit of namenodes that take reports as packed varints (NamespaceInfo.Capability).
const reportBuffers = 1

// fullReport lists all replicas, by storage; in one message, or in one for each storage when they are many.
func (a *actor) fullReport(lease uint64) error {
	s := a.s
	// What is pending is part of the full report; told again afterwards it does no harm, told before it would be stale.
	if err := a.sendIncremental(); err != nil {
		return err
	}
	var reports []*dnpb.StorageBlockReportProto
	total := 0
	for _, v := range s.store.Volumes() {
		if v.Failed {
			continue
		}
		replicas := s.store.Report(v.StorageID)
		total += len(replicas)
		r := &dnpb.StorageBlockReportProto{Storage: storage(v)}
		if s.Namespace().GetCapabilities()&reportBuffers != 0 {
			r.NumberOfBlocks = proto.Uint64(uint64(len(replicas)))
			r.BlocksBuffers = encodeBuffers(replicas)
		} else {
			r.Blocks = encodeLongs(replicas)
		}
		reports = append(reports, r)
	}
	groups := [][]*dnpb.StorageBlockReportProto{reports}
	if total > s.cfg.ReportSplit {
		groups = groups[:0]
		for _, r := range reports {
			groups = append(groups, []*dnpb.StorageBlockReportProto{r})
		}
	}
	id := int64(rand.Uint64() >> 1)
	for i, g := range groups {
		var resp dnpb.BlockReportResponseProto
		err := a.client.Call(s.ctx, "blockReport", &dnpb.BlockReportRequestProto{
			Registration: s.registration(), BlockPoolId: proto.String(s.Pool()), Reports: g,
			Context: &dnpb.BlockReportContextProto{TotalRpcs: proto.Int32(int32(len(groups))), CurRpc: proto.Int32(int32(i)), Id: &id, LeaseId: &lease},
		}, &resp)
		if err != nil {
			return fmt.Errorf("block report: %w", err)
		}
		if c := resp.GetCmd(); c != nil {
			if c.GetCmdType() == dnpb.DatanodeCommandProto_RegisterCommand {
				return errGreetAgain
			}
			a.commands.put(c)
		}
	}
	a.log.Info("full block report sent", "replicas", total, "storages", len(reports))
	return nil
}

// bufferChunk is the size of the pieces that a report is cut into.
const bufferChunk = 64 << 10

// encodeBuffers packs replicas: zig-zag id, length, stamp, state (BlockListAsLongs.BufferDecoder).
func encodeBuffers(replicas []blockstore.Replica) [][]byte {
	var out [][]byte
	buf := make([]byte, 0, bufferChunk)
	for _, r := range replicas {
		if len(buf)+4*binary.MaxVarintLen64 > cap(buf) {
			out = append(out, buf)
			buf = make([]byte, 0, bufferChunk)
		}
		buf = binary.AppendVarint(buf, int64(r.ID))
		buf = binary.AppendUvarint(buf, uint64(r.NumBytes))
		buf = binary.AppendUvarint(buf, uint64(r.GenStamp))
		buf = binary.AppendUvarint(buf, uint64(r.State))
	}
	if len(buf) > 0 {
		out = append(out, buf)
	}
	return out
}

// encodeLongs is the old form: counts, finalized replicas, a delimiter, the others with their states.
func encodeLongs(replicas []blockstore.Replica) []uint64 {
	var done, open []uint64
	for _, r := range replicas {
		if r.State == hdfs.ReplicaFinalized {
			done = append(done, uint64(r.ID), uint64(r.NumBytes), uint64(r.GenStamp))
		} else {
			open = append(open, uint64(r.ID), uint64(r.NumBytes), uint64(r.GenStamp), uint64(r.State))
		}
	}
	out := []uint64{uint64(len(done) / 3), uint64(len(open) / 4)}
	out = append(out, done...)
	const minus = ^uint64(0)
	out = append(out, minus, minus, minus)
	return append(out, open...)
}
