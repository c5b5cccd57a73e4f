package datanode

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/datanode/blockstore"
	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/internal/vfs"
	commonpb "github.com/lodehq/lode/proto/hadoop/common"
	dnpb "github.com/lodehq/lode/proto/hadoop/datanode"
	pb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

const testPool = "BP-1-127.0.0.1-1"

// namenode is as much of one as datanodes see.
type namenode struct {
	t    *testing.T
	addr string
	srv  *hrpc.Server
	done chan error

	mu       sync.Mutex
	changed  chan struct{} // closed at every call
	commands map[string][]*dnpb.DatanodeCommandProto
	regs     map[string]int
	full     map[string]int // replicas in the last full report of a datanode, -1 before one
	news     []*dnpb.ReceivedDeletedBlockInfoProto
	bad      []*pb.LocatedBlockProto
	synced   []*dnpb.CommitBlockSynchronizationRequestProto
	failed   uint32
	buffers  uint64
}

func newNamenode(t *testing.T) *namenode {
	n := &namenode{t: t, addr: "127.0.0.1:0", changed: make(chan struct{}), commands: map[string][]*dnpb.DatanodeCommandProto{}, regs: map[string]int{}, full: map[string]int{}, buffers: reportBuffers}
	n.start()
	t.Cleanup(n.stop)
	return n
}

func (n *namenode) start() {
	l, err := net.Listen("tcp", n.addr)
	if err != nil {
		n.t.Fatal(err)
	}
	n.addr = l.Addr().String()
	n.srv = hrpc.NewServer(hrpc.Options{})
	n.srv.Handle(hrpc.DatanodeProtocol, hrpc.Methods(map[string]hrpc.Method{
		"versionRequest": hrpc.Unary(func(context.Context, *hrpc.Call, *pb.VersionRequestProto) (*pb.VersionResponseProto, error) {
			return &pb.VersionResponseProto{Info: &pb.NamespaceInfoProto{
				BuildVersion: proto.String(""), Unused: proto.Uint32(0), BlockPoolID: proto.String(testPool), SoftwareVersion: proto.String("3.4.3"), Capabilities: &n.buffers,
				StorageInfo: &pb.StorageInfoProto{LayoutVersion: proto.Uint32(67), NamespceID: proto.Uint32(7), ClusterID: proto.String("CID-1"), CTime: proto.Uint64(0)},
			}}, nil
		}),
		"registerDatanode": hrpc.Unary(func(_ context.Context, _ *hrpc.Call, r *dnpb.RegisterDatanodeRequestProto) (*dnpb.RegisterDatanodeResponseProto, error) {
			n.note(func() {
				n.regs[r.GetRegistration().GetDatanodeID().GetDatanodeUuid()]++
				n.full[r.GetRegistration().GetDatanodeID().GetDatanodeUuid()] = -1
			})
			return &dnpb.RegisterDatanodeResponseProto{Registration: r.GetRegistration()}, nil
		}),
		"sendHeartbeat": hrpc.Unary(func(_ context.Context, _ *hrpc.Call, r *dnpb.HeartbeatRequestProto) (*dnpb.HeartbeatResponseProto, error) {
			resp := &dnpb.HeartbeatResponseProto{HaStatus: &pb.NNHAStatusHeartbeatProto{State: pb.NNHAStatusHeartbeatProto_ACTIVE.Enum(), Txid: proto.Uint64(1)}}
			n.note(func() {
				id := r.GetRegistration().GetDatanodeID().GetDatanodeUuid()
				resp.Cmds, n.commands[id] = n.commands[id], nil
				n.failed = max(n.failed, r.GetFailedVolumes())
				if r.GetRequestFullBlockReportLease() {
					resp.FullBlockReportLeaseId = proto.Uint64(9)
				}
			})
			return resp, nil
		}),
		"blockReport": hrpc.Unary(func(_ context.Context, _ *hrpc.Call, r *dnpb.BlockReportRequestProto) (*dnpb.BlockReportResponseProto, error) {
			if r.GetContext().GetLeaseId() != 9 {
				return nil, errors.New("no lease")
			}
			n.note(func() {
				total := 0
				for _, s := range r.GetReports() {
					total += int(s.GetNumberOfBlocks())
				}
				n.full[r.GetRegistration().GetDatanodeID().GetDatanodeUuid()] = total
			})
			return nil, nil
		}),
		"blockReceivedAndDeleted": hrpc.Unary(func(_ context.Context, _ *hrpc.Call, r *dnpb.BlockReceivedAndDeletedRequestProto) (*dnpb.BlockReceivedAndDeletedResponseProto, error) {
			n.note(func() {
				for _, s := range r.GetBlocks() {
					n.news = append(n.news, s.GetBlocks()...)
				}
			})
			return nil, nil
		}),
		"reportBadBlocks": hrpc.Unary(func(_ context.Context, _ *hrpc.Call, r *dnpb.ReportBadBlocksRequestProto) (*dnpb.ReportBadBlocksResponseProto, error) {
			n.note(func() { n.bad = append(n.bad, r.GetBlocks()...) })
			return nil, nil
		}),
		"commitBlockSynchronization": hrpc.Unary(func(_ context.Context, _ *hrpc.Call, r *dnpb.CommitBlockSynchronizationRequestProto) (*dnpb.CommitBlockSynchronizationResponseProto, error) {
			n.note(func() { n.synced = append(n.synced, r) })
			return nil, nil
		}),
		"errorReport": hrpc.Unary(func(context.Context, *hrpc.Call, *dnpb.ErrorReportRequestProto) (*dnpb.ErrorReportResponseProto, error) {
			return nil, nil
		}),
	}))
	n.done = make(chan error, 1)
	go func() { n.done <- n.srv.Serve(l) }()
}

func (n *namenode) stop() {
	n.srv.Close()
	<-n.done
	n.done <- nil
}

func (n *namenode) note(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	close(n.changed)
	n.changed = make(chan struct{})
}

// until waits for a state of affairs.
func (n *namenode) until(what string, ok func() bool) {
	n.t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		n.mu.Lock()
		c := n.changed
		done := ok()
		n.mu.Unlock()
		if done {
			return
		}
		select {
		case <-c:
		case <-timeout:
			n.t.Fatalf("waited in vain for: %s", what)
		}
	}
}

func (n *namenode) order(s *Server, c *dnpb.DatanodeCommandProto) {
	n.note(func() { n.commands[s.UUID()] = append(n.commands[s.UUID()], c) })
}

func startDatanode(t *testing.T, n *namenode, set ...func(*Config)) *Server {
	t.Helper()
	cfg := Config{Namenodes: []string{n.addr}, DataDirs: []string{"/v"}, FS: vfs.Mem(), Heartbeat: 20 * time.Millisecond, Retry: 50 * time.Millisecond, ScanPeriod: -1, DirectoryScan: -1}
	for _, f := range set {
		f(&cfg)
	}
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func putReplica(t *testing.T, s *Server, b hdfs.Block, n int, finalize bool) {
	t.Helper()
	w, err := s.Store().Create(t.Context(), b, blockstore.CreateOptions{Checksum: blockstore.DefaultChecksum})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(0, make([]byte, n), nil); err != nil {
		t.Fatal(err)
	}
	if finalize {
		_, err = w.Finalize()
	}
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
}

func (n *namenode) has(status dnpb.ReceivedDeletedBlockInfoProto_BlockStatus, id hdfs.BlockID) func() bool {
	return func() bool {
		for _, i := range n.news {
			if i.GetStatus() == status && i.GetBlock().GetBlockId() == uint64(id) {
				return true
			}
		}
		return false
	}
}

func TestCopyAndDeleteAsOrdered(t *testing.T) {
	n := newNamenode(t)
	a, b := startDatanode(t, n), startDatanode(t, n)
	blk := hdfs.Block{ID: 5, GenStamp: 1001, NumBytes: 70_000}
	putReplica(t, a, blk, 70_000, true)
	pbBlock := &pb.BlockProto{BlockId: proto.Uint64(5), GenStamp: proto.Uint64(1001), NumBytes: proto.Uint64(70_000)}
	n.order(a, &dnpb.DatanodeCommandProto{CmdType: dnpb.DatanodeCommandProto_BlockCommand.Enum(), BlkCmd: &dnpb.BlockCommandProto{
		Action: dnpb.BlockCommandProto_TRANSFER.Enum(), BlockPoolId: proto.String(testPool), Blocks: []*pb.BlockProto{pbBlock},
		Targets: []*pb.DatanodeInfosProto{{Datanodes: []*pb.DatanodeInfoProto{b.Self()}}},
	}})
	n.until("the copy is reported", n.has(dnpb.ReceivedDeletedBlockInfoProto_RECEIVED, 5))
	if r, ok := b.Store().Get(5); !ok || r.NumBytes != 70_000 || r.State != hdfs.ReplicaFinalized {
		t.Fatalf("%+v", r)
	}
	n.order(a, &dnpb.DatanodeCommandProto{CmdType: dnpb.DatanodeCommandProto_BlockCommand.Enum(), BlkCmd: &dnpb.BlockCommandProto{
		Action: dnpb.BlockCommandProto_INVALIDATE.Enum(), BlockPoolId: proto.String(testPool), Blocks: []*pb.BlockProto{pbBlock},
	}})
	n.until("the deletion is reported", n.has(dnpb.ReceivedDeletedBlockInfoProto_DELETED, 5))
	if _, ok := a.Store().Get(5); ok {
		t.Fatal("still there")
	}
}

func TestBlockRecoveryTakesTheShortestOfTheBest(t *testing.T) {
	n := newNamenode(t)
	var nodes []*Server
	for i, size := range []int{3000, 2000, 5000} {
		s := startDatanode(t, n)
		nodes = append(nodes, s)
		if i == 2 {
			// A replica that was found after a restart counts less than those still being written.
			putReplica(t, s, hdfs.Block{ID: 7, GenStamp: 1001}, size, false)
			s.Close()
			nodes[2] = startDatanode(t, n, func(c *Config) { c.FS = s.cfg.FS })
			continue
		}
		putReplica(t, s, hdfs.Block{ID: 7, GenStamp: 1001}, size, false)
	}
	var locs []*pb.DatanodeInfoProto
	for _, s := range nodes {
		locs = append(locs, s.Self())
	}
	n.order(nodes[0], &dnpb.DatanodeCommandProto{CmdType: dnpb.DatanodeCommandProto_BlockRecoveryCommand.Enum(), RecoveryCmd: &dnpb.BlockRecoveryCommandProto{
		Blocks: []*pb.RecoveringBlockProto{{NewGenStamp: proto.Uint64(1009), Block: &pb.LocatedBlockProto{
			B: nodes[0].extended(hdfs.Block{ID: 7, GenStamp: 1001}), Offset: proto.Uint64(0), Locs: locs, Corrupt: proto.Bool(false),
			BlockToken: &commonpb.TokenProto{Identifier: []byte{}, Password: []byte{}, Kind: proto.String(""), Service: proto.String("")},
		}}},
	}})
	n.until("commitBlockSynchronization", func() bool { return len(n.synced) > 0 })
	c := n.synced[0]
	if c.GetNewLength() != 2000 || c.GetNewGenStamp() != 1009 || len(c.GetNewTaragets()) != 2 || len(c.GetNewTargetStorages()) != 2 || c.GetDeleteBlock() {
		t.Fatalf("%v", c)
	}
	for _, s := range nodes[:2] {
		if r, _ := s.Store().Get(7); r.State != hdfs.ReplicaFinalized || r.NumBytes != 2000 || r.GenStamp != 1009 {
			t.Fatalf("%+v", r)
		}
	}
}

func TestNamenodeComesBack(t *testing.T) {
	n := newNamenode(t)
	s := startDatanode(t, n)
	n.stop()
	putReplica(t, s, hdfs.Block{ID: 5, GenStamp: 1001}, 100, true)
	events{s}.Received(hdfs.Block{ID: 5, GenStamp: 1001, NumBytes: 100}, s.Volumes()[0].StorageID, "")
	n.start()
	n.until("what happened meanwhile is reported", n.has(dnpb.ReceivedDeletedBlockInfoProto_RECEIVED, 5))
	n.order(s, &dnpb.DatanodeCommandProto{CmdType: dnpb.DatanodeCommandProto_RegisterCommand.Enum(), RegisterCmd: &dnpb.RegisterCommandProto{}})
	n.until("registered again with a full report", func() bool { return n.regs[s.UUID()] == 2 && n.full[s.UUID()] == 1 })
}

func TestScannersReport(t *testing.T) {
	n := newNamenode(t)
	mem := vfs.Mem()
	s := startDatanode(t, n, func(c *Config) { c.FS = mem })
	putReplica(t, s, hdfs.Block{ID: 5, GenStamp: 1001}, 5000, true)
	putReplica(t, s, hdfs.Block{ID: 6, GenStamp: 1001}, 5000, true)
	dir := "/v/current/" + testPool + "/current/finalized/subdir0/subdir0/"
	if err := mem.Corrupt(dir+"blk_5", 4000, 1); err != nil {
		t.Fatal(err)
	}
	if err := mem.Remove(dir + "blk_6"); err != nil {
		t.Fatal(err)
	}
	s.CompareDirectories(t.Context())
	n.until("the lost replica is reported", n.has(dnpb.ReceivedDeletedBlockInfoProto_DELETED, 6))
	s.Close()
	s = startDatanode(t, n, func(c *Config) { c.FS, c.ScanPeriod, c.ScanBandwidth = mem, time.Hour, 1<<40 })
	n.until("the damaged replica is reported", func() bool { return len(n.bad) > 0 })
	if n.bad[0].GetB().GetBlockId() != 5 || n.bad[0].GetLocs()[0].GetId().GetDatanodeUuid() != s.UUID() || n.bad[0].GetStorageIDs()[0] != s.Volumes()[0].StorageID {
		t.Fatalf("%v", n.bad[0])
	}
}

func TestFailedVolumes(t *testing.T) {
	n := newNamenode(t)
	var broken atomic.Bool
	fsys := vfs.ErrorFS(vfs.Mem(), func(op vfs.Op, name string) error {
		if broken.Load() && strings.HasPrefix(name, "/w/") && op != vfs.OpStatfs {
			return syscall.EIO
		}
		return nil
	})
	s := startDatanode(t, n, func(c *Config) { c.FS, c.DataDirs, c.FailedTolerated = fsys, []string{"/v", "[SSD]/w"}, 1 })
	if v := s.Volumes(); v[1].Type != hdfs.StorageSSD {
		t.Fatalf("%+v", v)
	}
	broken.Store(true)
	events{s}.DiskError(&net.OpError{Op: "write", Err: syscall.EPIPE}) // a peer's trouble, not the disk's
	events{s}.DiskError(syscall.EIO)
	n.until("the failure is in a heartbeat", func() bool { return n.failed == 1 })
	if s.ctx.Err() != nil {
		t.Fatal("a tolerated failure ended the datanode")
	}
	broken.Store(false)
	s2 := startDatanode(t, n, func(c *Config) { c.FS, c.DataDirs = fsys, []string{"/x", "/w/y"} })
	broken.Store(true)
	events{s2}.DiskError(syscall.EIO)
	if err := s2.Wait(); err == nil || !strings.Contains(err.Error(), "failed.volumes.tolerated") {
		t.Fatalf("%v", err)
	}
}

func TestRefusedForGood(t *testing.T) {
	n := newNamenode(t)
	mem := vfs.Mem()
	s := startDatanode(t, n, func(c *Config) { c.FS = mem })
	s.Close()
	p := "/v/current/VERSION"
	b, err := vfs.ReadFile(mem, p, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if err := vfs.WriteFileAtomic(mem, p, []byte(strings.ReplaceAll(string(b), "CID-1", "CID-2")), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err = Start(t.Context(), Config{Namenodes: []string{n.addr}, DataDirs: []string{"/v"}, FS: mem})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(); err == nil || !strings.Contains(err.Error(), "clusterID") {
		t.Fatalf("%v", err)
	}
}

func TestIPC(t *testing.T) {
	n := newNamenode(t)
	s := startDatanode(t, n)
	putReplica(t, s, hdfs.Block{ID: 5, GenStamp: 1001}, 5000, true)
	c := hrpc.NewClient(hrpc.ClientOptions{Addresses: []string{s.IPCAddr().String()}, Protocol: hrpc.ClientDatanodeProtocol, User: "u"})
	defer c.Close()
	var length pb.GetReplicaVisibleLengthResponseProto
	if err := c.Call(t.Context(), "getReplicaVisibleLength", &pb.GetReplicaVisibleLengthRequestProto{Block: s.extended(hdfs.Block{ID: 5, GenStamp: 1001})}, &length); err != nil || length.GetLength() != 5000 {
		t.Fatalf("%v %v", &length, err)
	}
	err := c.Call(t.Context(), "getReplicaVisibleLength", &pb.GetReplicaVisibleLengthRequestProto{Block: s.extended(hdfs.Block{ID: 6, GenStamp: 1001})}, &length)
	if hdfs.ClassOf(err) != hdfs.ReplicaNotFound {
		t.Fatalf("%v", err)
	}
	var info pb.GetDatanodeInfoResponseProto
	if err := c.Call(t.Context(), "getDatanodeInfo", &pb.GetDatanodeInfoRequestProto{}, &info); err != nil || info.GetLocalInfo().GetSoftwareVersion() == "" {
		t.Fatalf("%v %v", &info, err)
	}
	if err := c.Call(t.Context(), "shutdownDatanode", &pb.ShutdownDatanodeRequestProto{ForUpgrade: proto.Bool(false)}, &pb.ShutdownDatanodeResponseProto{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(); err != nil {
		t.Fatalf("an ordered shutdown is no error: %v", err)
	}
}

func TestReportEncodings(t *testing.T) {
	rs := []blockstore.Replica{
		{Block: hdfs.Block{ID: -5, GenStamp: 1001, NumBytes: 300}, State: hdfs.ReplicaFinalized},
		{Block: hdfs.Block{ID: 1 << 31, GenStamp: 1002, NumBytes: 7}, State: hdfs.ReplicaRWR},
	}
	if got := encodeLongs(rs); len(got) != 2+3+3+4 || got[0] != 1 || got[1] != 1 || int64(got[2]) != -5 || got[len(got)-1] != 2 {
		t.Fatal(got)
	}
	b := encodeBuffers(rs)
	if len(b) != 1 || b[0][0] != 9 {
		t.Fatal(b)
	}
}
