package dnproto

import (
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/proto/hadoop/common"
	"github.com/lodehq/lode/proto/hadoop/datanode"
	"github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Block reads a block from the wire.
func Block(p *hdfspb.BlockProto) hdfs.Block {
	return hdfs.Block{ID: hdfs.BlockID(p.GetBlockId()), GenStamp: hdfs.GenStamp(p.GetGenStamp()), NumBytes: int64(p.GetNumBytes())}
}

// ExtendedBlock reads a block with a pool id from the wire.
func ExtendedBlock(p *hdfspb.ExtendedBlockProto) hdfs.Block {
	return hdfs.Block{ID: hdfs.BlockID(p.GetBlockId()), GenStamp: hdfs.GenStamp(p.GetGenerationStamp()), NumBytes: int64(p.GetNumBytes())}
}

// BlockProto and ExtendedBlockProto write a block.
func BlockProto(b hdfs.Block) *hdfspb.BlockProto {
	return &hdfspb.BlockProto{BlockId: proto.Uint64(uint64(b.ID)), GenStamp: proto.Uint64(uint64(b.GenStamp)), NumBytes: proto.Uint64(uint64(b.NumBytes))}
}

// ExtendedBlockProto writes a block with its pool id.
func ExtendedBlockProto(pool string, b hdfs.Block) *hdfspb.ExtendedBlockProto {
	return &hdfspb.ExtendedBlockProto{PoolId: proto.String(pool), BlockId: proto.Uint64(uint64(b.ID)),
		GenerationStamp: proto.Uint64(uint64(b.GenStamp)), NumBytes: proto.Uint64(uint64(b.NumBytes))}
}

// BadBlocks reads the argument of reportBadBlocks, of datanodes and clients alike.
func BadBlocks(list []*hdfspb.LocatedBlockProto) []blockmap.BadBlock {
	var bad []blockmap.BadBlock
	for _, lb := range list {
		for i, d := range lb.GetLocs() {
			b := blockmap.BadBlock{Block: ExtendedBlock(lb.GetB()), Datanode: d.GetId().GetDatanodeUuid()}
			if ids := lb.GetStorageIDs(); i < len(ids) {
				b.Storage = ids[i]
			}
			bad = append(bad, b)
		}
	}
	return bad
}

func datanodeID(p *hdfspb.DatanodeIDProto) blockmap.DatanodeID {
	return blockmap.DatanodeID{UUID: p.GetDatanodeUuid(), IP: p.GetIpAddr(), Hostname: p.GetHostName(), XferPort: p.GetXferPort(),
		InfoPort: p.GetInfoPort(), InfoSecurePort: p.GetInfoSecurePort(), IPCPort: p.GetIpcPort()}
}

func idProto(d blockmap.DatanodeID) *hdfspb.DatanodeIDProto {
	return &hdfspb.DatanodeIDProto{IpAddr: proto.String(d.IP), HostName: proto.String(d.Hostname), DatanodeUuid: proto.String(d.UUID),
		XferPort: proto.Uint32(d.XferPort), InfoPort: proto.Uint32(d.InfoPort), IpcPort: proto.Uint32(d.IPCPort), InfoSecurePort: proto.Uint32(d.InfoSecurePort)}
}

// DatanodeInfo writes a datanode.
func DatanodeInfo(d *blockmap.DatanodeInfo) *hdfspb.DatanodeInfoProto {
	p := &hdfspb.DatanodeInfoProto{
		Id: idProto(d.DatanodeID), Capacity: u64(d.Capacity), DfsUsed: u64(d.DFSUsed), NonDfsUsed: u64(d.NonDFSUsed), Remaining: u64(d.Remaining),
		BlockPoolUsed: u64(d.BlockPoolUsed), CacheCapacity: u64(d.CacheCapacity), CacheUsed: u64(d.CacheUsed), LastUpdate: u64(d.LastUpdate),
		LastUpdateMonotonic: u64(d.LastUpdate), LastBlockReportTime: u64(d.LastBlockReport), LastBlockReportMonotonic: u64(d.LastBlockReport),
		XceiverCount: proto.Uint32(uint32(d.Xceivers)), Location: proto.String(d.Location), NumBlocks: proto.Uint32(uint32(d.NumBlocks)),
		AdminState: hdfspb.DatanodeInfoProto_AdminState(d.Admin).Enum(),
	}
	if d.UpgradeDomain != "" {
		p.UpgradeDomain = proto.String(d.UpgradeDomain)
	}
	return p
}

func u64(n int64) *uint64 { return proto.Uint64(uint64(max(0, n))) }

// StorageReports writes the storages of a datanode (getDatanodeStorageReport).
func StorageReports(d *blockmap.DatanodeInfo) *hdfspb.DatanodeStorageReportProto {
	p := &hdfspb.DatanodeStorageReportProto{DatanodeInfo: DatanodeInfo(d)}
	for _, s := range d.Storages {
		state := hdfspb.DatanodeStorageProto_NORMAL
		if s.ReadOnly {
			state = hdfspb.DatanodeStorageProto_READ_ONLY_SHARED
		}
		r := &hdfspb.StorageReportProto{StorageUuid: proto.String(s.UUID), Failed: proto.Bool(s.Failed), Capacity: u64(s.Capacity), DfsUsed: u64(s.DFSUsed),
			Remaining: u64(s.Remaining), BlockPoolUsed: u64(s.BlockPoolUsed), NonDfsUsed: u64(s.NonDFSUsed),
			Storage: &hdfspb.DatanodeStorageProto{StorageUuid: proto.String(s.UUID), State: state.Enum(), StorageType: storageType(s.Type)}}
		if s.Mount != "" {
			r.Mount = proto.String(s.Mount)
		}
		p.StorageReports = append(p.StorageReports, r)
	}
	return p
}

func storageType(t hdfs.StorageType) *hdfspb.StorageTypeProto {
	return hdfspb.StorageTypeProto(t).Enum()
}

// Wire writes locations. It remembers the message of each datanode until the datanode changes, since every block of a
// listing names the same few. The zero value is ready; it is safe for concurrent use. Messages that it gives out must not be changed.
type Wire struct {
	mu    sync.RWMutex // guards nodes; nothing else happens under it
	nodes map[string]known
}

type known struct {
	info *blockmap.DatanodeInfo
	msg  *hdfspb.DatanodeInfoProto
}

// Datanode writes a datanode.
func (w *Wire) Datanode(d *blockmap.DatanodeInfo) *hdfspb.DatanodeInfoProto {
	w.mu.RLock()
	k := w.nodes[d.UUID]
	w.mu.RUnlock()
	if k.info == d {
		return k.msg
	}
	k = known{d, DatanodeInfo(d)}
	w.mu.Lock()
	if w.nodes == nil || len(w.nodes) > 100_000 {
		w.nodes = map[string]known{}
	}
	w.nodes[d.UUID] = k
	w.mu.Unlock()
	return k.msg
}

// LocatedBlock writes a block with its locations, as getBlockLocations, addBlock and recovery commands do: the lists parallel to
// the locations are always there, and so is a token, an empty one.
func (w *Wire) LocatedBlock(pool string, offset int64, b blockmap.LocatedBlock) *hdfspb.LocatedBlockProto {
	p := &hdfspb.LocatedBlockProto{B: ExtendedBlockProto(pool, b.Block), Offset: proto.Uint64(uint64(offset)), Corrupt: proto.Bool(b.Corrupt), BlockToken: emptyToken()}
	for _, l := range b.Locations {
		p.Locs = append(p.Locs, w.Datanode(l.Datanode))
		p.StorageTypes = append(p.StorageTypes, hdfspb.StorageTypeProto(l.StorageType))
		p.StorageIDs = append(p.StorageIDs, l.StorageID)
		p.IsCached = append(p.IsCached, false)
	}
	return p
}

// emptyToken is what stands where a block token is required and tokens are off.
func emptyToken() *commonpb.TokenProto {
	return &commonpb.TokenProto{Identifier: []byte{}, Password: []byte{}, Kind: proto.String(""), Service: proto.String("")}
}

// command writes an order to a datanode.
func command(pool string, c blockmap.Command) *datanodepb.DatanodeCommandProto {
	p := new(datanodepb.DatanodeCommandProto)
	switch c := c.(type) {
	case blockmap.RegisterAgain:
		p.CmdType, p.RegisterCmd = datanodepb.DatanodeCommandProto_RegisterCommand.Enum(), &datanodepb.RegisterCommandProto{}
	case blockmap.SetBandwidth:
		p.CmdType = datanodepb.DatanodeCommandProto_BalancerBandwidthCommand.Enum()
		p.BalancerCmd = &datanodepb.BalancerBandwidthCommandProto{Bandwidth: u64(c.BytesPerSecond)}
	case blockmap.Shutdown:
		p.CmdType = datanodepb.DatanodeCommandProto_BlockCommand.Enum()
		p.BlkCmd = &datanodepb.BlockCommandProto{Action: datanodepb.BlockCommandProto_SHUTDOWN.Enum(), BlockPoolId: proto.String(pool)}
	case blockmap.Invalidate:
		p.CmdType = datanodepb.DatanodeCommandProto_BlockCommand.Enum()
		p.BlkCmd = &datanodepb.BlockCommandProto{Action: datanodepb.BlockCommandProto_INVALIDATE.Enum(), BlockPoolId: proto.String(pool)}
		for _, b := range c.Blocks {
			// Java indexes the lists of targets by block in every block command.
			p.BlkCmd.Blocks = append(p.BlkCmd.Blocks, BlockProto(b))
			p.BlkCmd.Targets = append(p.BlkCmd.Targets, &hdfspb.DatanodeInfosProto{})
			p.BlkCmd.TargetStorageUuids = append(p.BlkCmd.TargetStorageUuids, &hdfspb.StorageUuidsProto{})
			p.BlkCmd.TargetStorageTypes = append(p.BlkCmd.TargetStorageTypes, &hdfspb.StorageTypesProto{})
		}
	case blockmap.Transfer:
		p.CmdType, p.BlkCmd = datanodepb.DatanodeCommandProto_BlockCommand.Enum(), transfer(pool, c)
	case blockmap.Recover:
		p.CmdType = datanodepb.DatanodeCommandProto_BlockRecoveryCommand.Enum()
		p.RecoveryCmd = recovering(pool, c)
	default:
		p.CmdType = datanodepb.DatanodeCommandProto_NullDatanodeCommand.Enum()
	}
	return p
}

func transfer(pool string, c blockmap.Transfer) *datanodepb.BlockCommandProto {
	p := &datanodepb.BlockCommandProto{Action: datanodepb.BlockCommandProto_TRANSFER.Enum(), BlockPoolId: proto.String(pool)}
	for _, t := range c.Tasks {
		nodes, uuids, types := &hdfspb.DatanodeInfosProto{}, &hdfspb.StorageUuidsProto{}, &hdfspb.StorageTypesProto{}
		for _, l := range t.Targets {
			nodes.Datanodes = append(nodes.Datanodes, DatanodeInfo(l.Datanode))
			uuids.StorageUuids = append(uuids.StorageUuids, l.StorageID)
			types.StorageTypes = append(types.StorageTypes, hdfspb.StorageTypeProto(l.StorageType))
		}
		p.Blocks = append(p.Blocks, BlockProto(t.Block))
		p.Targets = append(p.Targets, nodes)
		p.TargetStorageUuids = append(p.TargetStorageUuids, uuids)
		p.TargetStorageTypes = append(p.TargetStorageTypes, types)
	}
	return p
}

// recovering writes a block recovery command; the offset of a recovering block is not known, -1 (RecoveringBlock).
func recovering(pool string, c blockmap.Recover) *datanodepb.BlockRecoveryCommandProto {
	p := new(datanodepb.BlockRecoveryCommandProto)
	w := new(Wire)
	for _, t := range c.Tasks {
		r := &hdfspb.RecoveringBlockProto{NewGenStamp: proto.Uint64(uint64(t.NewGenStamp)),
			Block: w.LocatedBlock(pool, -1, blockmap.LocatedBlock{Block: t.Block, Locations: t.Locations})}
		if t.Truncate != nil {
			r.TruncateBlock = BlockProto(*t.Truncate)
		}
		p.Blocks = append(p.Blocks, r)
	}
	return p
}
