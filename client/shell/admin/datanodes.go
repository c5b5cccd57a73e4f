package admin

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/client/protocol"
	"github.com/lodehq/lode/client/shell/fsshell"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// datanodeCommands are dfsadmin's commands that ask one datanode, by its IPC address.
func datanodeCommands() []command {
	return []command{
		{"refreshNamenodes", "datanode_host:ipc_port", "Has a datanode look again for its namenodes.", 1, 1, refreshNamenodes},
		{"getVolumeReport", "datanode_host:ipc_port", "Prints a datanode's volumes.", 1, 1, volumeReport},
		{"deleteBlockPool", "datanode_host:ipc_port blockpoolId [force]", "Deletes a block pool of a datanode, with force even when it has blocks.", 2, 3, deleteBlockPool},
		{"getBalancerBandwidth", "<datanode_host:ipc_port>", "Prints what a datanode may spend on balancing.", 1, 1, getBandwidth},
		{"shutdownDatanode", "<datanode_host:ipc_port> [upgrade]", "Stops a datanode; with upgrade clients are told to wait for it.", 1, 2, shutdownDatanode},
		{"evictWriters", "<datanode_host:ipc_port>", "Ends all writes through a datanode.", 1, 1, evictWriters},
		{"getDatanodeInfo", "<datanode_host:ipc_port>", "Prints how long a datanode is up, and its version.", 1, 1, datanodeInfo},
		{"triggerBlockReport", "[-incremental] <datanode_host:ipc_port> [-namenode <namenode_host:ipc_port>]", "Has a datanode report its blocks.", 1, 4, triggerBlockReport},
	}
}

func (s *session) dn(address string) (*protocol.Datanode, error) {
	c, err := s.nn()
	if err != nil {
		return nil, err
	}
	return c.Datanode(address)
}

func refreshNamenodes(s *session, args []string) error {
	d, err := s.dn(args[0])
	if err == nil {
		_, err = d.RefreshNamenodes(s.ctx, &hdfspb.RefreshNamenodesRequestProto{})
	}
	return err
}

func volumeReport(s *session, args []string) error {
	d, err := s.dn(args[0])
	if err != nil {
		return err
	}
	resp, err := d.GetVolumeReport(s.ctx, &hdfspb.GetVolumeReportRequestProto{})
	if err != nil {
		return err
	}
	s.printf("Active Volumes : %d\n", len(resp.GetVolumeInfo()))
	for _, v := range resp.GetVolumeInfo() {
		kb := func(n uint64) string { return bytesDesc(int64(n)) }
		s.printf("\nVolume: %s\nStorageType: %s\nUsed Space : %s\nFree Space : %s\nReserved Space : %s\nReserved Space For Replicas : %s\nBlocks : %d\n",
			v.GetPath(), v.GetStorageType(), kb(v.GetUsedSpace()), kb(v.GetFreeSpace()), kb(v.GetReservedSpace()), kb(v.GetReservedSpaceForReplicas()), v.GetNumBlocks())
	}
	return nil
}

func deleteBlockPool(s *session, args []string) error {
	d, err := s.dn(args[0])
	if err == nil {
		force := len(args) == 3 && args[2] == "force"
		_, err = d.DeleteBlockPool(s.ctx, &hdfspb.DeleteBlockPoolRequestProto{BlockPool: proto.String(args[1]), Force: proto.Bool(force)})
	}
	return err
}

// unreachable says that a datanode did not answer.
func (s *session) unreachable(name string, err error) error {
	s.out.Flush()
	fmt.Fprintf(s.Stderr, "%s: Datanode unreachable. %s\n", name, fsshell.Message(err))
	return exit(255)
}

func getBandwidth(s *session, args []string) error {
	d, err := s.dn(args[0])
	if err != nil {
		return err
	}
	resp, err := d.GetBalancerBandwidth(s.ctx, &hdfspb.GetBalancerBandwidthRequestProto{})
	if err != nil {
		return s.unreachable("getBalancerBandwidth", err)
	}
	s.printf("Balancer bandwidth is %d bytes per second.\n", resp.GetBandwidth())
	return nil
}

func shutdownDatanode(s *session, args []string) error {
	d, err := s.dn(args[0])
	if err != nil {
		return err
	}
	forUpgrade := len(args) == 2
	if forUpgrade && !strings.EqualFold(args[1], "upgrade") {
		return usage("Usage: hdfs dfsadmin [-shutdownDatanode <datanode_host:ipc_port> [upgrade]]")
	}
	if _, err := d.ShutdownDatanode(s.ctx, &hdfspb.ShutdownDatanodeRequestProto{ForUpgrade: proto.Bool(forUpgrade)}); err != nil {
		return err
	}
	s.printf("Submitted a shutdown request to datanode %s\n", args[0])
	return nil
}

func evictWriters(s *session, args []string) error {
	d, err := s.dn(args[0])
	if err == nil {
		_, err = d.EvictWriters(s.ctx, &hdfspb.EvictWritersRequestProto{})
	}
	if err == nil {
		s.printf("Requested writer eviction to datanode %s\n", args[0])
	}
	return err
}

func datanodeInfo(s *session, args []string) error {
	d, err := s.dn(args[0])
	if err != nil {
		return err
	}
	resp, err := d.GetDatanodeInfo(s.ctx, &hdfspb.GetDatanodeInfoRequestProto{})
	if err != nil {
		return s.unreachable("getDatanodeInfo", err)
	}
	i := resp.GetLocalInfo()
	s.printf("Uptime: %d, Software version: %s, Config version: %s\n", i.GetUptime(), i.GetSoftwareVersion(), i.GetConfigVersion())
	return nil
}

func triggerBlockReport(s *session, args []string) error {
	req := &hdfspb.TriggerBlockReportRequestProto{Incremental: proto.Bool(false)}
	address := ""
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "-incremental":
			req.Incremental = proto.Bool(true)
		case args[i] == "-namenode" && i+1 < len(args):
			i++
			req.NnAddress = proto.String(args[i])
		case address == "":
			address = args[i]
		default:
			return usage("Usage: hdfs dfsadmin [-triggerBlockReport [-incremental] <datanode_host:ipc_port> [-namenode <namenode_host:ipc_port>]]")
		}
	}
	d, err := s.dn(address)
	if err != nil {
		return err
	}
	if _, err := d.TriggerBlockReport(s.ctx, req); err != nil {
		return err
	}
	what, to := "a full", "all namenodes."
	if req.GetIncremental() {
		what = "an incremental"
	}
	if req.NnAddress != nil {
		to = "namenode " + req.GetNnAddress() + "."
	}
	s.printf("Triggering %s block report on %s to %s\n", what, address, to)
	return nil
}
