package datanode

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/hrpc"
	pb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// handleIPC installs the protocols of the IPC port. Methods of features that are switched off answer as an Apache datanode does on
// which they are.
func (s *Server) handleIPC() {
	s.ipc.Handle(hrpc.ClientDatanodeProtocol, hrpc.Methods(map[string]hrpc.Method{
		"getReplicaVisibleLength":      hrpc.Inline(s.getReplicaVisibleLength),
		"refreshNamenodes":             hrpc.Unary(s.refreshNamenodes),
		"deleteBlockPool":              hrpc.Unary(s.deleteBlockPool),
		"getBlockLocalPathInfo":        hrpc.Unary(s.getBlockLocalPathInfo),
		"shutdownDatanode":             hrpc.Unary(s.shutdownDatanode),
		"evictWriters":                 hrpc.Unary(s.evictWriters),
		"getDatanodeInfo":              hrpc.Unary(s.getDatanodeInfo),
		"getVolumeReport":              hrpc.Unary(s.getVolumeReport),
		"getReconfigurationStatus":     hrpc.Unary(s.getReconfigurationStatus),
		"startReconfiguration":         hrpc.Unary(s.startReconfiguration),
		"listReconfigurableProperties": hrpc.Unary(s.listReconfigurableProperties),
		"triggerBlockReport":           hrpc.Unary(s.triggerBlockReport),
		"getBalancerBandwidth":         hrpc.Unary(s.getBalancerBandwidth),
		"submitDiskBalancerPlan":       hrpc.Unary(s.submitDiskBalancerPlan),
		"cancelDiskBalancerPlan":       hrpc.Unary(s.cancelDiskBalancerPlan),
		"queryDiskBalancerPlan":        hrpc.Unary(s.queryDiskBalancerPlan),
		"getDiskBalancerSetting":       hrpc.Unary(s.getDiskBalancerSetting),
	}))
	s.ipc.Handle(hrpc.InterDatanodeProtocol, hrpc.Methods(map[string]hrpc.Method{
		"initReplicaRecovery":        hrpc.Unary(s.initReplicaRecovery),
		"updateReplicaUnderRecovery": hrpc.Unary(s.updateReplicaUnderRecovery),
	}))
	s.ipc.Handle(hrpc.Reconfiguration, hrpc.Methods(map[string]hrpc.Method{
		"getReconfigurationStatus":     hrpc.Unary(s.getReconfigurationStatus),
		"startReconfiguration":         hrpc.Unary(s.startReconfiguration),
		"listReconfigurableProperties": hrpc.Unary(s.listReconfigurableProperties),
	}))
}

func (s *Server) getReplicaVisibleLength(_ context.Context, _ *hrpc.Call, r *pb.GetReplicaVisibleLengthRequestProto) (*pb.GetReplicaVisibleLengthResponseProto, error) {
	b := extendedBlock(r.GetBlock())
	rep, ok := s.store.Get(b.ID)
	switch {
	case !ok || rep.State == hdfs.ReplicaTemporary:
		return nil, hdfs.Errorf(hdfs.ReplicaNotFound, "Replica not found for %s:%s", s.Pool(), b)
	case rep.GenStamp < b.GenStamp:
		return nil, hdfs.Errorf(hdfs.IOException, "replica.getGenerationStamp() < block.getGenerationStamp(), block=%s, replica=%s", b, rep.Block)
	}
	return &pb.GetReplicaVisibleLengthResponseProto{Length: proto.Uint64(uint64(rep.Visible))}, nil
}

func (s *Server) refreshNamenodes(context.Context, *hrpc.Call, *pb.RefreshNamenodesRequestProto) (*pb.RefreshNamenodesResponseProto, error) {
	// The addresses come with the configuration of the process and are those in use.
	return nil, nil
}

func (s *Server) deleteBlockPool(_ context.Context, _ *hrpc.Call, r *pb.DeleteBlockPoolRequestProto) (*pb.DeleteBlockPoolResponseProto, error) {
	if r.GetBlockPool() == s.Pool() {
		return nil, hdfs.Errorf(hdfs.IOException, "The block pool is still running. First do a refreshNamenodes to shutdown the block pool service")
	}
	if r.GetBlockPool() == "" || filepath.Base(r.GetBlockPool()) != r.GetBlockPool() {
		return nil, hdfs.Errorf(hdfs.IllegalArgumentJava, "%q is no block pool id", r.GetBlockPool())
	}
	for _, v := range s.store.Volumes() {
		dir := filepath.Join(v.Dir, "current", r.GetBlockPool())
		blocks, err := s.cfg.FS.ReadDir(filepath.Join(dir, "current", "finalized"))
		if err != nil {
			continue
		}
		if len(blocks) > 0 && !r.GetForce() {
			return nil, hdfs.Errorf(hdfs.IOException, "Cannot delete block pool, it contains some block files. Use force to delete all block files")
		}
		if err := s.cfg.FS.RemoveAll(dir); err != nil {
			return nil, fmt.Errorf("delete block pool %s: %w", r.GetBlockPool(), err)
		}
	}
	return nil, nil
}

func (s *Server) getBlockLocalPathInfo(context.Context, *hrpc.Call, *pb.GetBlockLocalPathInfoRequestProto) (*pb.GetBlockLocalPathInfoResponseProto, error) {
	return nil, hdfs.Errorf(hdfs.AccessControl, "Can't continue with getBlockLocalPathInfo() authorization. The user is not configured in dfs.block.local-path-access.user")
}

func (s *Server) shutdownDatanode(_ context.Context, _ *hrpc.Call, r *pb.ShutdownDatanodeRequestProto) (*pb.ShutdownDatanodeResponseProto, error) {
	cause := errClosed
	if r.GetForUpgrade() {
		cause = errRestarting
	}
	go s.stop(cause) // the answer goes out first; stopping waits for this call
	return nil, nil
}

func (s *Server) evictWriters(context.Context, *hrpc.Call, *pb.EvictWritersRequestProto) (*pb.EvictWritersResponseProto, error) {
	s.store.EvictWriters()
	return nil, nil
}

func (s *Server) getDatanodeInfo(context.Context, *hrpc.Call, *pb.GetDatanodeInfoRequestProto) (*pb.GetDatanodeInfoResponseProto, error) {
	return &pb.GetDatanodeInfoResponseProto{LocalInfo: &pb.DatanodeLocalInfoProto{
		SoftwareVersion: proto.String(softwareVersion), ConfigVersion: proto.String("core-" + softwareVersion + ",hdfs-1"),
		Uptime: proto.Uint64(uint64(s.cfg.Now().Sub(s.started).Seconds())),
	}}, nil
}

func (s *Server) getVolumeReport(context.Context, *hrpc.Call, *pb.GetVolumeReportRequestProto) (*pb.GetVolumeReportResponseProto, error) {
	resp := &pb.GetVolumeReportResponseProto{}
	for _, v := range s.store.Volumes() {
		if v.Failed {
			continue
		}
		resp.VolumeInfo = append(resp.VolumeInfo, &pb.DatanodeVolumeInfoProto{
			Path: proto.String(v.Dir), StorageType: pb.StorageTypeProto(v.Type).Enum(), UsedSpace: proto.Uint64(uint64(v.Used)),
			FreeSpace: proto.Uint64(uint64(v.Remaining)), ReservedSpace: proto.Uint64(uint64(v.Reserved)),
			ReservedSpaceForReplicas: proto.Uint64(uint64(v.ReservedReplicas)), NumBlocks: proto.Uint64(uint64(v.Blocks)),
		})
	}
	return resp, nil
}

func (s *Server) getReconfigurationStatus(context.Context, *hrpc.Call, *pb.GetReconfigurationStatusRequestProto) (*pb.GetReconfigurationStatusResponseProto, error) {
	return &pb.GetReconfigurationStatusResponseProto{StartTime: proto.Int64(0)}, nil
}

func (s *Server) startReconfiguration(context.Context, *hrpc.Call, *pb.StartReconfigurationRequestProto) (*pb.StartReconfigurationResponseProto, error) {
	return nil, hdfs.Errorf(hdfs.IOException, "No property of this datanode can be changed while it runs: change the configuration and restart it")
}

func (s *Server) listReconfigurableProperties(context.Context, *hrpc.Call, *pb.ListReconfigurablePropertiesRequestProto) (*pb.ListReconfigurablePropertiesResponseProto, error) {
	return nil, nil
}

func (s *Server) triggerBlockReport(ctx context.Context, _ *hrpc.Call, r *pb.TriggerBlockReportRequestProto) (*pb.TriggerBlockReportResponseProto, error) {
	var errs []error
	for _, a := range s.actors {
		if n := r.GetNnAddress(); n != "" && n != a.addr {
			continue
		}
		if r.GetIncremental() {
			errs = append(errs, a.sendIncremental())
			continue
		}
		poke(a.fullNow)
	}
	return nil, errors.Join(errs...)
}

func (s *Server) getBalancerBandwidth(context.Context, *hrpc.Call, *pb.GetBalancerBandwidthRequestProto) (*pb.GetBalancerBandwidthResponseProto, error) {
	return &pb.GetBalancerBandwidthResponseProto{Bandwidth: proto.Uint64(uint64(s.xfer.Balance().Rate()))}, nil
}

// diskBalancerException is the class of Apache's answer where dfs.disk.balancer.enabled is false.
const diskBalancerException = "org.apache.hadoop.hdfs.server.diskbalancer.DiskBalancerException"

func diskBalancerOff() error {
	return hdfs.Errorf(diskBalancerException, "Disk Balancer is not enabled.")
}

func (s *Server) submitDiskBalancerPlan(context.Context, *hrpc.Call, *pb.SubmitDiskBalancerPlanRequestProto) (*pb.SubmitDiskBalancerPlanResponseProto, error) {
	return nil, diskBalancerOff()
}

func (s *Server) cancelDiskBalancerPlan(context.Context, *hrpc.Call, *pb.CancelPlanRequestProto) (*pb.CancelPlanResponseProto, error) {
	return nil, diskBalancerOff()
}

func (s *Server) queryDiskBalancerPlan(context.Context, *hrpc.Call, *pb.QueryPlanStatusRequestProto) (*pb.QueryPlanStatusResponseProto, error) {
	return nil, diskBalancerOff()
}

func (s *Server) getDiskBalancerSetting(context.Context, *hrpc.Call, *pb.DiskBalancerSettingRequestProto) (*pb.DiskBalancerSettingResponseProto, error) {
	return nil, diskBalancerOff()
}

func (s *Server) initReplicaRecovery(ctx context.Context, _ *hrpc.Call, r *pb.InitReplicaRecoveryRequestProto) (*pb.InitReplicaRecoveryResponseProto, error) {
	rep, ok, err := s.store.InitRecovery(ctx, extendedBlock(r.GetBlock().GetBlock().GetB()), hdfs.GenStamp(r.GetBlock().GetNewGenStamp()))
	if err != nil {
		return nil, err
	}
	if !ok {
		return &pb.InitReplicaRecoveryResponseProto{ReplicaFound: proto.Bool(false)}, nil
	}
	return &pb.InitReplicaRecoveryResponseProto{
		ReplicaFound: proto.Bool(true), State: pb.ReplicaStateProto(rep.State).Enum(),
		Block: &pb.BlockProto{BlockId: proto.Uint64(uint64(rep.ID)), GenStamp: proto.Uint64(uint64(rep.GenStamp)), NumBytes: proto.Uint64(uint64(rep.NumBytes))},
	}, nil
}

func (s *Server) updateReplicaUnderRecovery(ctx context.Context, _ *hrpc.Call, r *pb.UpdateReplicaUnderRecoveryRequestProto) (*pb.UpdateReplicaUnderRecoveryResponseProto, error) {
	storage, err := s.updateHere(ctx, extendedBlock(r.GetBlock()), hdfs.GenStamp(r.GetRecoveryId()), hdfs.BlockID(r.GetNewBlockId()), int64(r.GetNewLength()))
	if err != nil {
		return nil, err
	}
	return &pb.UpdateReplicaUnderRecoveryResponseProto{StorageUuid: &storage}, nil
}
