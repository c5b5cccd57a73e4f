package dnproto

import (
	"context"
	"net/netip"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/proto/hadoop/datanode"
)

// FuzzDatanode sends any bytes to any method, from a datanode that has registered and from others. Nothing may panic.
func FuzzDatanode(f *testing.F) {
	methods := []string{"registerDatanode", "sendHeartbeat", "blockReport", "blockReceivedAndDeleted", "errorReport", "reportBadBlocks", "commitBlockSynchronization", "cacheReport"}
	seed := func(i int, m proto.Message) {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(i, b)
	}
	seed(0, &datanodepb.RegisterDatanodeRequestProto{Registration: registration(0)})
	seed(1, beat(0))
	seed(2, &datanodepb.BlockReportRequestProto{Registration: registration(0), BlockPoolId: proto.String("BP-1"),
		Reports: []*datanodepb.StorageBlockReportProto{{Storage: storageProto(0), NumberOfBlocks: proto.Uint64(1), BlocksBuffers: [][]byte{{2, 3, 4, 0}}}}})
	seed(3, &datanodepb.BlockReceivedAndDeletedRequestProto{Registration: registration(0), BlockPoolId: proto.String("BP-1"),
		Blocks: []*datanodepb.StorageReceivedDeletedBlocksProto{{StorageUuid: proto.String("DS-a"), Blocks: []*datanodepb.ReceivedDeletedBlockInfoProto{
			{Block: BlockProto(blockFor(5)), Status: datanodepb.ReceivedDeletedBlockInfoProto_RECEIVED.Enum(), DeleteHint: proto.String("b")}}}}})
	f.Fuzz(func(t *testing.T, method int, data []byte) {
		s := newFake()
		h := Handlers(s, Options{})
		c := client{t, h, "10.1.1.1", "hdfs"}
		for i := range 2 {
			c.must(hrpc.DatanodeProtocol, "registerDatanode", &datanodepb.RegisterDatanodeRequestProto{Registration: registration(i)}, nil)
			c.must(hrpc.DatanodeProtocol, "sendHeartbeat", beat(i), nil)
		}
		s.m.BlockAdded(blockFor(5), 1, 2, 0, true)
		s.m.BlockAdded(blockFor(6), 1, 2, 0, false)
		name := methods[uint(method)%uint(len(methods))]
		_, _ = h[hrpc.DatanodeProtocol].ServeRPC(context.Background(), &hrpc.Call{Method: name, RemoteIP: netip.MustParseAddr("10.1.1.2")}, data)
		for i := range int64(5) {
			s.now += 20_000
			s.m.Tick(1000 + i*1000)
		}
		c.must(hrpc.DatanodeProtocol, "sendHeartbeat", beat(0), nil)
	})
}
