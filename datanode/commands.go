package datanode

import (
	"context"
	"errors"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/datanode/transfer"
	"github.com/lodehq/lode/internal/hdfs"
	dnpb "github.com/lodehq/lode/proto/hadoop/datanode"
	pb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// runCommands carries out what the namenode ordered. Copies and recoveries run beside; deletions are quick.
func (a *actor) runCommands() {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		c, ok := a.commands.get(a.s.ctx)
		if !ok {
			return
		}
		if !a.isActive() {
			continue // a standby's view may be old
		}
		a.obey(&wg, c)
	}
}

func (a *actor) obey(wg *sync.WaitGroup, c *dnpb.DatanodeCommandProto) {
	s := a.s
	switch c.GetCmdType() {
	case dnpb.DatanodeCommandProto_BlockCommand:
		cmd := c.GetBlkCmd()
		switch cmd.GetAction() {
		case dnpb.BlockCommandProto_TRANSFER:
			a.copies(wg, cmd)
		case dnpb.BlockCommandProto_INVALIDATE:
			blocks := make([]hdfs.Block, len(cmd.GetBlocks()))
			for i, b := range cmd.GetBlocks() {
				blocks[i] = block(b)
			}
			if err := s.store.Invalidate(s.ctx, blocks); err != nil {
				a.log.Info("delete replicas", "error", err)
			}
		case dnpb.BlockCommandProto_SHUTDOWN:
			s.stop(errors.New("the namenode ordered this datanode to shut down"))
		}
	case dnpb.DatanodeCommandProto_BlockRecoveryCommand:
		for _, b := range c.GetRecoveryCmd().GetBlocks() {
			wg.Go(func() {
				if err := s.recoverBlock(a, b); err != nil && s.ctx.Err() == nil {
					a.log.Warn("block recovery", "block", b.GetBlock().GetB().GetBlockId(), "error", err)
				}
			})
		}
	case dnpb.DatanodeCommandProto_BalancerBandwidthCommand:
		if bw := int64(c.GetBalancerCmd().GetBandwidth()); bw > 0 {
			s.xfer.Balance().SetRate(bw)
		}
	case dnpb.DatanodeCommandProto_FinalizeCommand, dnpb.DatanodeCommandProto_KeyUpdateCommand, dnpb.DatanodeCommandProto_NullDatanodeCommand:
		// No upgrade is ever under way here, and no block tokens are used.
	default:
		a.log.Warn("command of the namenode is not supported", "command", c.GetCmdType().String())
	}
}

func block(b *pb.BlockProto) hdfs.Block {
	return hdfs.Block{ID: hdfs.BlockID(b.GetBlockId()), GenStamp: hdfs.GenStamp(b.GetGenStamp()), NumBytes: int64(b.GetNumBytes())}
}

// copies sends replicas to other datanodes.
func (a *actor) copies(wg *sync.WaitGroup, cmd *dnpb.BlockCommandProto) {
	s := a.s
	for i, pbBlock := range cmd.GetBlocks() {
		if i >= len(cmd.GetTargets()) {
			break
		}
		b := block(pbBlock)
		to := transfer.Targets{Nodes: cmd.GetTargets()[i].GetDatanodes()}
		if i < len(cmd.GetTargetStorageTypes()) {
			to.Types = cmd.GetTargetStorageTypes()[i].GetStorageTypes()
		}
		if i < len(cmd.GetTargetStorageUuids()) {
			to.Storages = cmd.GetTargetStorageUuids()[i].GetStorageUuids()
		}
		rep, ok := s.store.Get(b.ID)
		if !ok || rep.State != hdfs.ReplicaFinalized || rep.NumBytes < b.NumBytes {
			a.log.Warn("ordered to copy a replica that is not here whole", "block", b.String(), "found", ok, "length", rep.NumBytes)
			if ok && rep.State == hdfs.ReplicaFinalized {
				events{s}.Corrupt(b, rep.StorageID)
			} else {
				a.later("errorReport", &dnpb.ErrorReportRequestProto{
					Registartion: s.registration(), ErrorCode: proto.Uint32(uint32(dnpb.ErrorReportRequestProto_INVALID_BLOCK)),
					Msg: proto.String("Can't send invalid block " + b.String()),
				}, &dnpb.ErrorReportResponseProto{})
			}
			continue
		}
		b.NumBytes = rep.NumBytes
		wg.Go(func() {
			if err := s.xfer.Copy(s.ctx, b, to, pb.OpWriteBlockProto_PIPELINE_SETUP_CREATE, ""); err != nil && !errors.Is(err, context.Canceled) {
				a.log.Info("copy replica", "error", err)
			}
		})
	}
}
