package namenode

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/namenode/blockmap/report"
	"github.com/lodehq/lode/namenode/dnproto"
	"github.com/lodehq/lode/namenode/namespace"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// addDatanodes makes datanodes of which the block map has heard everything, and which hold nothing.
func addDatanodes(t *testing.T, s *Server, n int) {
	t.Helper()
	for i := range n {
		uuid := fmt.Sprintf("dn-%d", i)
		st := blockmap.StorageStats{UUID: "st-" + uuid, Type: hdfs.StorageDisk, Capacity: 1 << 40, Remaining: 1 << 40}
		s.State().Update(func(_ *namespace.Namespace, bm *blockmap.Map) {
			now := s.State().Now()
			_, err := bm.Register(now, blockmap.Registration{DatanodeID: blockmap.DatanodeID{UUID: uuid, IP: "127.0.0.1", Hostname: "localhost", XferPort: uint32(10000 + i)}, SoftwareVersion: "3.4.3"})
			if err == nil {
				_, err = bm.Heartbeat(now, blockmap.Heartbeat{UUID: uuid, Storages: []blockmap.StorageStats{st}})
			}
			if err == nil {
				_, err = bm.BlockReport(now, uuid, st, report.Buffers{})
			}
			if err != nil {
				t.Fatal(err)
			}
			bm.Tick(now)
		})
	}
}

// received reports a finalized replica from the i-th location of a block.
func received(t *testing.T, s *Server, lb *hdfspb.LocatedBlockProto, i int, b hdfs.Block) {
	t.Helper()
	s.State().Update(func(_ *namespace.Namespace, bm *blockmap.Map) {
		st := blockmap.StorageStats{UUID: lb.StorageIDs[i], Type: hdfs.StorageDisk}
		if err := bm.IncrementalReport(s.State().Now(), lb.Locs[i].GetId().GetDatanodeUuid(), st, []blockmap.ReceivedDeleted{{Block: b, Status: blockmap.Received}}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCompleteWaitsForThePipeline(t *testing.T) {
	s := start(t, testConfig(t.TempDir()))
	addDatanodes(t, s, 4)
	c := hrpc.NewClient(hrpc.ClientOptions{Addresses: []string{s.Addr()}, Protocol: hrpc.ClientProtocol, User: "hdfs"})
	defer c.Close()
	create := &hdfspb.CreateRequestProto{Src: proto.String("/f"), Masked: &hdfspb.FsPermissionProto{Perm: proto.Uint32(0o644)}, ClientName: proto.String("me"),
		CreateFlag: proto.Uint32(1), CreateParent: proto.Bool(true), Replication: proto.Uint32(3), BlockSize: proto.Uint64(1 << 20)}
	if err := c.Call(t.Context(), "create", create, &hdfspb.CreateResponseProto{}); err != nil {
		t.Fatal(err)
	}
	var added hdfspb.AddBlockResponseProto
	if err := c.Call(t.Context(), "addBlock", &hdfspb.AddBlockRequestProto{Src: proto.String("/f"), ClientName: proto.String("me")}, &added); err != nil {
		t.Fatal(err)
	}
	lb := added.GetBlock()
	if len(lb.GetLocs()) != 3 || len(lb.GetStorageIDs()) != 3 || lb.GetB().GetPoolId() != s.Identity().BlockPoolID {
		t.Fatalf("%v", lb)
	}
	b := dnproto.ExtendedBlock(lb.GetB())
	b.NumBytes = 1 << 20
	type answered struct {
		ok  bool
		err error
	}
	finish := func(last hdfs.Block) <-chan answered {
		done := make(chan answered, 1)
		go func() {
			var resp hdfspb.CompleteResponseProto
			err := c.Call(t.Context(), "complete", &hdfspb.CompleteRequestProto{Src: proto.String("/f"), ClientName: proto.String("me"),
				Last: dnproto.ExtendedBlockProto(s.Identity().BlockPoolID, last)}, &resp)
			done <- answered{resp.GetResult(), err}
		}()
		return done
	}
	done := finish(b)
	for i := range 3 {
		select {
		case a := <-done:
			t.Fatalf("complete answered %+v with %d of 3 replicas reported", a, i)
		case <-time.After(20 * time.Millisecond):
		}
		received(t, s, lb, i, b)
	}
	select {
	case a := <-done:
		if a.err != nil || !a.ok {
			t.Fatalf("%+v", a)
		}
	case <-time.After(allowed):
		t.Fatal("complete does not answer though all replicas are reported")
	}
	var located hdfspb.GetBlockLocationsResponseProto
	if err := c.Call(t.Context(), "getBlockLocations", &hdfspb.GetBlockLocationsRequestProto{Src: proto.String("/f"), Offset: proto.Uint64(0), Length: proto.Uint64(1 << 30)}, &located); err != nil {
		t.Fatal(err)
	}
	if l := located.GetLocations(); l.GetFileLength() != 1<<20 || len(l.GetBlocks()) != 1 || len(l.GetBlocks()[0].GetLocs()) != 3 || l.GetUnderConstruction() {
		t.Fatalf("%v", l)
	}
	// An append finds all of them.
	var appended hdfspb.AppendResponseProto
	if err := c.Call(t.Context(), "append", &hdfspb.AppendRequestProto{Src: proto.String("/f"), ClientName: proto.String("you"), Flag: proto.Uint32(hdfs.CreateFlagAppend)}, &appended); err != nil {
		t.Fatal(err)
	}
}

// allowed is how long an answer may take that nothing holds back.
const allowed = 2 * time.Second

func TestNoDatanodesIsSaidInApachesWords(t *testing.T) {
	s := start(t, testConfig(t.TempDir()))
	c := hrpc.NewClient(hrpc.ClientOptions{Addresses: []string{s.Addr()}, Protocol: hrpc.ClientProtocol, User: "hdfs"})
	defer c.Close()
	create := &hdfspb.CreateRequestProto{Src: proto.String("/f"), Masked: &hdfspb.FsPermissionProto{Perm: proto.Uint32(0o644)}, ClientName: proto.String("me"),
		CreateFlag: proto.Uint32(1), CreateParent: proto.Bool(true), Replication: proto.Uint32(3), BlockSize: proto.Uint64(1 << 20)}
	if err := c.Call(t.Context(), "create", create, &hdfspb.CreateResponseProto{}); err != nil {
		t.Fatal(err)
	}
	err := c.Call(t.Context(), "addBlock", &hdfspb.AddBlockRequestProto{Src: proto.String("/f"), ClientName: proto.String("me")}, &hdfspb.AddBlockResponseProto{})
	if want := "File /f could only be written to 0 of the 1 minReplication nodes. There are 0 datanode(s) running"; err == nil || len(err.Error()) < len(want) || err.Error()[:len(want)] != want {
		t.Error(err)
	}
}
