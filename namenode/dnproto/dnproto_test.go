package dnproto

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/namenode/blockmap/report"
	"github.com/lodehq/lode/proto/hadoop/datanode"
	"github.com/lodehq/lode/proto/hadoop/hdfs"
	"github.com/lodehq/lode/proto/hadoop/namenode"
)

// fake is a namenode without a namespace.
type fake struct {
	mu     sync.RWMutex
	m      *blockmap.Map
	now    int64
	active bool
	young  bool // has not read its journal
	sync   *datanodepb.CommitBlockSynchronizationRequestProto
}

func newFake() *fake {
	c := blockmap.TrainingConfig()
	c.HealDelay = 0
	f := &fake{m: blockmap.New(c, blockmap.Options{Seed: 1, Now: 1000}), now: 1000, active: true}
	f.m.SetActive(1000, true)
	return f
}

func (f *fake) View(g func(*blockmap.Map))   { f.mu.RLock(); defer f.mu.RUnlock(); g(f.m) }
func (f *fake) Update(g func(*blockmap.Map)) { f.mu.Lock(); defer f.mu.Unlock(); g(f.m) }
func (f *fake) Now() int64                   { return f.now }
func (f *fake) HAState() (bool, int64)       { return f.active, 77 }
func (f *fake) CheckpointTxID() int64        { return 70 }
func (f *fake) Cluster() Cluster {
	if f.young {
		return Cluster{}
	}
	return Cluster{ClusterID: "CID-1", BlockPoolID: "BP-1", NamespaceID: 42, CTime: 0, SoftwareVersion: "3.4.3", BuildVersion: "x"}
}

func (f *fake) CommitBlockSynchronization(_ context.Context, _ *hrpc.Call, req *datanodepb.CommitBlockSynchronizationRequestProto) error {
	f.sync = req
	return nil
}

func (f *fake) CheckSuperuser(c *hrpc.Call) error {
	if c.User != "hdfs" {
		return hdfs.Errorf(hdfs.AccessControl, "Access denied for user %s. Superuser privilege is required", c.User)
	}
	return nil
}

type client struct {
	t        *testing.T
	handlers map[string]hrpc.Handler
	ip, user string
}

func (c client) call(protocol, method string, req, resp proto.Message) error {
	c.t.Helper()
	b, err := proto.Marshal(req)
	if err != nil {
		c.t.Fatal(err)
	}
	out, err := c.handlers[protocol].ServeRPC(context.Background(), &hrpc.Call{Protocol: protocol, Method: method, RemoteIP: netip.MustParseAddr(c.ip), User: c.user}, b)
	if err != nil {
		return err
	}
	wire, err := proto.Marshal(out) // refuses what lacks a required field
	if err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
	if resp == nil {
		return nil
	}
	return proto.Unmarshal(wire, resp)
}

func (c client) must(protocol, method string, req, resp proto.Message) {
	c.t.Helper()
	if err := c.call(protocol, method, req, resp); err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
}

func registration(i int) *datanodepb.DatanodeRegistrationProto {
	layout := int32(DatanodeLayoutVersion)
	return &datanodepb.DatanodeRegistrationProto{
		DatanodeID: &hdfspb.DatanodeIDProto{IpAddr: proto.String("0.0.0.0"), HostName: proto.String("host"), DatanodeUuid: proto.String(string(rune('a' + i))),
			XferPort: proto.Uint32(9866 + uint32(i)), InfoPort: proto.Uint32(9864), IpcPort: proto.Uint32(9867)},
		StorageInfo: &hdfspb.StorageInfoProto{LayoutVersion: proto.Uint32(uint32(layout)), NamespceID: proto.Uint32(42), ClusterID: proto.String("CID-1"), CTime: proto.Uint64(0)},
		Keys: &hdfspb.ExportedBlockKeysProto{IsBlockTokenEnabled: proto.Bool(false), KeyUpdateInterval: proto.Uint64(0), TokenLifeTime: proto.Uint64(0),
			CurrentKey: &hdfspb.BlockKeyProto{KeyId: proto.Uint32(0), ExpiryDate: proto.Uint64(0)}},
		SoftwareVersion: proto.String("3.4.3"),
	}
}

func storageProto(i int) *hdfspb.DatanodeStorageProto {
	return &hdfspb.DatanodeStorageProto{StorageUuid: proto.String("DS-" + string(rune('a'+i))), StorageType: hdfspb.StorageTypeProto_DISK.Enum()}
}

func beat(i int) *datanodepb.HeartbeatRequestProto {
	return &datanodepb.HeartbeatRequestProto{Registration: registration(i), XceiverCount: proto.Uint32(1), RequestFullBlockReportLease: proto.Bool(true),
		Reports: []*hdfspb.StorageReportProto{{StorageUuid: proto.String("DS-" + string(rune('a'+i))), Storage: storageProto(i), Capacity: proto.Uint64(1 << 40),
			DfsUsed: proto.Uint64(5), Remaining: proto.Uint64(1 << 39), BlockPoolUsed: proto.Uint64(5)}}}
}

func TestDatanodeJoins(t *testing.T) {
	f := newFake()
	c := client{t, Handlers(f, Options{}), "10.1.1.1", "hdfs"}
	const dn = hrpc.DatanodeProtocol
	var v hdfspb.VersionResponseProto
	c.must(dn, "versionRequest", &hdfspb.VersionRequestProto{}, &v)
	if i := v.GetInfo(); int32(i.GetStorageInfo().GetLayoutVersion()) != -67 || i.GetCapabilities() != 1 || i.GetBlockPoolID() != "BP-1" || i.GetState() != hdfspb.NNHAStatusHeartbeatProto_ACTIVE {
		t.Fatalf("%v", i)
	}
	// Unknown: told to register.
	var hb datanodepb.HeartbeatResponseProto
	c.must(dn, "sendHeartbeat", beat(0), &hb)
	if len(hb.GetCmds()) != 1 || hb.GetCmds()[0].GetCmdType() != datanodepb.DatanodeCommandProto_RegisterCommand {
		t.Fatalf("%v", hb.GetCmds())
	}
	var reg datanodepb.RegisterDatanodeResponseProto
	for i := range 3 {
		c.must(dn, "registerDatanode", &datanodepb.RegisterDatanodeRequestProto{Registration: registration(i)}, &reg)
		if ip := reg.GetRegistration().GetDatanodeID().GetIpAddr(); ip != "10.1.1.1" {
			t.Fatalf("registered under %s, not the address it is seen under", ip)
		}
		c.must(dn, "sendHeartbeat", beat(i), &hb)
		if hb.GetFullBlockReportLeaseId() == 0 || hb.GetHaStatus().GetTxid() != 77 || len(hb.GetCmds()) != 0 {
			t.Fatalf("%v", &hb)
		}
		buf := report.Append(nil, report.Replica{Block: hdfs.Block{ID: 9, GenStamp: 1001, NumBytes: 3}})
		var br datanodepb.BlockReportResponseProto
		c.must(dn, "blockReport", &datanodepb.BlockReportRequestProto{Registration: registration(i), BlockPoolId: proto.String("BP-1"),
			Reports: []*datanodepb.StorageBlockReportProto{{Storage: storageProto(i), NumberOfBlocks: proto.Uint64(1), BlocksBuffers: [][]byte{buf}}},
			Context: &datanodepb.BlockReportContextProto{TotalRpcs: proto.Int32(1), CurRpc: proto.Int32(0), Id: proto.Int64(5), LeaseId: proto.Uint64(hb.GetFullBlockReportLeaseId())}}, &br)
		if br.GetCmd().GetFinalizeCmd().GetBlockPoolId() != "BP-1" {
			t.Fatalf("%v", &br)
		}
	}
	// Nobody owns block 9: each is told to delete it.
	f.m.Tick(2000)
	c.must(dn, "sendHeartbeat", beat(1), &hb)
	if b := hb.GetCmds()[0].GetBlkCmd(); b.GetAction() != datanodepb.BlockCommandProto_INVALIDATE || b.GetBlocks()[0].GetBlockId() != 9 || int64(b.GetBlocks()[0].GetNumBytes()) != blockmap.NoAck {
		t.Fatalf("%v", hb.GetCmds())
	}
	// A block with one of two copies: one datanode is told to send it to another.
	f.m.BlockAdded(hdfs.Block{ID: 10, GenStamp: 1002}, 1, 2, 0, false)
	c.must(dn, "blockReceivedAndDeleted", &datanodepb.BlockReceivedAndDeletedRequestProto{Registration: registration(0), BlockPoolId: proto.String("BP-1"),
		Blocks: []*datanodepb.StorageReceivedDeletedBlocksProto{{StorageUuid: proto.String("DS-a"), Storage: storageProto(0), Blocks: []*datanodepb.ReceivedDeletedBlockInfoProto{
			{Block: BlockProto(hdfs.Block{ID: 10, GenStamp: 1002, NumBytes: 6}), Status: datanodepb.ReceivedDeletedBlockInfoProto_RECEIVED.Enum()}}}}}, nil)
	f.m.BlockChanged(hdfs.Block{ID: 10, GenStamp: 1002, NumBytes: 6}, true)
	f.m.Tick(3000)
	c.must(dn, "sendHeartbeat", beat(0), &hb)
	var cmd *datanodepb.BlockCommandProto
	for _, x := range hb.GetCmds() {
		if x.GetBlkCmd().GetAction() == datanodepb.BlockCommandProto_TRANSFER {
			cmd = x.GetBlkCmd()
		}
	}
	if cmd == nil || len(cmd.GetTargets()) != 1 || cmd.GetTargets()[0].GetDatanodes()[0].GetId().GetIpAddr() != "10.1.1.1" || !strings.HasPrefix(cmd.GetTargetStorageUuids()[0].GetStorageUuids()[0], "DS-") {
		t.Fatalf("%v", hb.GetCmds())
	}
	// Recovery of an open block.
	f.m.BlockAdded(hdfs.Block{ID: 11, GenStamp: 1003}, 1, 1, 0, false)
	f.m.SetExpected(hdfs.Block{ID: 11, GenStamp: 1003}, []blockmap.StorageRef{{Datanode: "a", Storage: "DS-a"}})
	if _, err := f.m.StartRecovery(hdfs.Block{ID: 11, GenStamp: 1003}, 1004, nil); err != nil {
		t.Fatal(err)
	}
	c.must(dn, "sendHeartbeat", beat(0), &hb)
	if r := hb.GetCmds()[0].GetRecoveryCmd().GetBlocks()[0]; r.GetNewGenStamp() != 1004 || r.GetBlock().GetB().GetPoolId() != "BP-1" || len(r.GetBlock().GetLocs()) != 1 {
		t.Fatalf("%v", hb.GetCmds())
	}
	c.must(hrpc.DatanodeLifelineProtocol, "sendLifeline", beat(0), nil)
	c.must(dn, "cacheReport", &datanodepb.CacheReportRequestProto{Registration: registration(0), BlockPoolId: proto.String("BP-1")}, nil)
	c.must(dn, "commitBlockSynchronization", &datanodepb.CommitBlockSynchronizationRequestProto{Block: ExtendedBlockProto("BP-1", hdfs.Block{ID: 11}),
		NewGenStamp: proto.Uint64(1004), NewLength: proto.Uint64(1), CloseFile: proto.Bool(true), DeleteBlock: proto.Bool(false)}, nil)
	if f.sync.GetNewGenStamp() != 1004 {
		t.Fatal("not forwarded")
	}
	c.must(dn, "errorReport", &datanodepb.ErrorReportRequestProto{Registartion: registration(0), ErrorCode: proto.Uint32(3), Msg: proto.String("all disks")}, nil)
	if f.m.Datanode("a").Alive {
		t.Fatal("a datanode that has lost its disks counts as alive")
	}
}

func TestRefusals(t *testing.T) {
	f := newFake()
	named := func(netip.Addr) bool { return false }
	c := client{t, Handlers(f, Options{Named: named, MinDatanodeVersion: "3.0.0-alpha1"}), "10.1.1.1", "hdfs"}
	const dn = hrpc.DatanodeProtocol
	for _, x := range []struct {
		name, class string
		bend        func(*datanodepb.DatanodeRegistrationProto)
	}{
		{"no host name", hdfs.DisallowedDatanode, func(*datanodepb.DatanodeRegistrationProto) {}},
		{"too old", hdfs.IncorrectVersion, func(r *datanodepb.DatanodeRegistrationProto) { r.SoftwareVersion = proto.String("2.10.1") }},
		{"no version", hdfs.IncorrectVersion, func(r *datanodepb.DatanodeRegistrationProto) { r.SoftwareVersion = proto.String("nonsense") }},
		{"another cluster", hdfs.UnregisteredNode, func(r *datanodepb.DatanodeRegistrationProto) { r.StorageInfo.ClusterID = proto.String("CID-2") }},
	} {
		r := registration(0)
		x.bend(r)
		err := c.call(dn, "registerDatanode", &datanodepb.RegisterDatanodeRequestProto{Registration: r}, nil)
		if hdfs.ClassOf(err) != x.class || err == nil {
			t.Errorf("%s: %v", x.name, err)
		}
	}
	f.young = true
	for method, req := range map[string]proto.Message{"versionRequest": &hdfspb.VersionRequestProto{}, "sendHeartbeat": beat(0),
		"registerDatanode": &datanodepb.RegisterDatanodeRequestProto{Registration: registration(0)}} {
		if err := c.call(dn, method, req, nil); hdfs.ClassOf(err) != hdfs.Retriable {
			t.Errorf("%s of a namenode that does not know its cluster yet: %v", method, err)
		}
	}
	f.young = false
	if err := c.call(dn, "format", &hdfspb.VersionRequestProto{}, nil); hdfs.ClassOf(err) != hdfs.RPCNoSuchMethod {
		t.Error(err)
	}
	// An incremental report of an unknown datanode is swallowed; a full one is answered with "register".
	c.must(dn, "blockReceivedAndDeleted", &datanodepb.BlockReceivedAndDeletedRequestProto{Registration: registration(0), BlockPoolId: proto.String("BP-1"),
		Blocks: []*datanodepb.StorageReceivedDeletedBlocksProto{{StorageUuid: proto.String("s")}}}, nil)
	var br datanodepb.BlockReportResponseProto
	c.must(dn, "blockReport", &datanodepb.BlockReportRequestProto{Registration: registration(0), BlockPoolId: proto.String("BP-1"),
		Reports: []*datanodepb.StorageBlockReportProto{{Storage: storageProto(0)}}}, &br)
	if br.GetCmd().GetCmdType() != datanodepb.DatanodeCommandProto_RegisterCommand {
		t.Errorf("%v", &br)
	}
}

func TestPeerProtocol(t *testing.T) {
	f := newFake()
	c := client{t, Handlers(f, Options{}), "10.1.1.1", "hdfs"}
	const nn = hrpc.NamenodeProtocol
	if err := (client{t, c.handlers, c.ip, "eve"}).call(nn, "getBlocks", &namenodepb.GetBlocksRequestProto{Datanode: registration(0).DatanodeID, Size: proto.Uint64(1)}, nil); hdfs.ClassOf(err) != hdfs.AccessControl {
		t.Fatal(err)
	}
	c.must(hrpc.DatanodeProtocol, "registerDatanode", &datanodepb.RegisterDatanodeRequestProto{Registration: registration(0)}, nil)
	c.must(hrpc.DatanodeProtocol, "sendHeartbeat", beat(0), nil)
	f.m.BlockAdded(hdfs.Block{ID: 10, GenStamp: 1002, NumBytes: 20 << 20}, 1, 1, 0, true)
	c.must(hrpc.DatanodeProtocol, "blockReport", &datanodepb.BlockReportRequestProto{Registration: registration(0), BlockPoolId: proto.String("BP-1"),
		Reports: []*datanodepb.StorageBlockReportProto{{Storage: storageProto(0), Blocks: []uint64{1, 0, 10, 20 << 20, 1002, 1<<64 - 1, 1<<64 - 1, 1<<64 - 1}}}}, nil)
	var blocks namenodepb.GetBlocksResponseProto
	c.must(nn, "getBlocks", &namenodepb.GetBlocksRequestProto{Datanode: registration(0).DatanodeID, Size: proto.Uint64(1 << 30)}, &blocks)
	if b := blocks.GetBlocks().GetBlocks(); len(b) != 1 || b[0].GetStorageUuids()[0] != "DS-a" {
		t.Fatalf("%v", &blocks)
	}
	var keys namenodepb.GetBlockKeysResponseProto
	c.must(nn, "getBlockKeys", &namenodepb.GetBlockKeysRequestProto{}, &keys)
	if k := keys.Keys; k == nil || k.GetIsBlockTokenEnabled() || k.CurrentKey == nil {
		t.Fatalf("without block tokens the keys are those that say so, got %v", k)
	}
	var fin namenodepb.IsUpgradeFinalizedResponseProto
	c.must(nn, "isUpgradeFinalized", &namenodepb.IsUpgradeFinalizedRequestProto{}, &fin)
	var tx namenodepb.GetTransactionIdResponseProto
	c.must(nn, "getTransactionId", &namenodepb.GetTransactionIdRequestProto{}, &tx)
	if !fin.GetIsUpgradeFinalized() || tx.GetTxId() != 77 {
		t.Fatal(&fin, &tx)
	}
	c.must(nn, "getNextSPSPath", &namenodepb.GetNextSPSPathRequestProto{}, nil)
	for method, req := range map[string]proto.Message{
		"rollEditLog": &namenodepb.RollEditLogRequestProto{}, "getEditLogManifest": &namenodepb.GetEditLogManifestRequestProto{SinceTxId: proto.Uint64(1)},
	} {
		if err := c.call(nn, method, req, nil); hdfs.ClassOf(err) != hdfs.UnsupportedOperation {
			t.Errorf("%s: %v", method, err)
		}
	}
}

func TestVersions(t *testing.T) {
	for _, c := range []struct {
		v, min string
		ok     bool
	}{
		{"3.4.3", "2.1.0-beta", true}, {"2.1.0-beta", "2.1.0-beta", true}, {"2.1.0", "2.1.0-beta", true}, {"2.1.0-alpha", "2.1.0-beta", false},
		{"2.0.9", "2.1.0-beta", false}, {"3.4", "3.4.0", true}, {"10.0.0", "3.4.0", true}, {"3.5.0-SNAPSHOT", "3.4.3", true}, {"", "2.1.0", false},
	} {
		if atLeast(c.v, c.min) != c.ok {
			t.Errorf("atLeast(%q, %q)", c.v, c.min)
		}
	}
}

func TestWireCaches(t *testing.T) {
	w := new(Wire)
	d := &blockmap.DatanodeInfo{DatanodeID: blockmap.DatanodeID{UUID: "a", IP: "1.2.3.4"}}
	if first, second := w.Datanode(d), w.Datanode(d); first != second {
		t.Fatal("made twice")
	}
	e := *d
	e.Remaining = 7
	if w.Datanode(&e).GetRemaining() != 7 {
		t.Fatal("an old message for a new state")
	}
	lb := w.LocatedBlock("BP", 5, blockmap.LocatedBlock{Block: hdfs.Block{ID: 1, GenStamp: 2, NumBytes: 3}, Locations: []blockmap.Location{{Datanode: d, StorageID: "s", StorageType: hdfs.StorageSSD}}})
	if _, err := proto.Marshal(lb); err != nil || len(lb.GetStorageIDs()) != 1 || lb.GetStorageTypes()[0] != hdfspb.StorageTypeProto_SSD {
		t.Fatal(err, lb)
	}
}

func blockFor(id int64) hdfs.Block {
	return hdfs.Block{ID: hdfs.BlockID(id), GenStamp: 1001, NumBytes: 3}
}
