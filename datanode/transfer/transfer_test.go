package transfer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/datanode/blockstore"
	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/vfs"
	pb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

const testPool = "BP-1-127.0.0.1-1"

// node is a datanode's data port without its namenode.
type node struct {
	t     testing.TB
	srv   *Server
	store *blockstore.Store
	mem   *vfs.MemFS
	self  *pb.DatanodeInfoProto

	mu       sync.Mutex
	received []hdfs.Block
	corrupt  []hdfs.Block
	disk     int
}

func (n *node) Receiving(hdfs.Block, string) {}
func (n *node) Received(b hdfs.Block, _, _ string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.received = append(n.received, b)
}
func (n *node) Corrupt(b hdfs.Block, _ string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.corrupt = append(n.corrupt, b)
}
func (n *node) CorruptRemote(hdfs.Block, *pb.DatanodeInfoProto) {}
func (n *node) DiskError(error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.disk++
}

func newNode(t testing.TB, fsys vfs.FS, dir string, set ...func(*Config)) *node {
	t.Helper()
	n := &node{t: t}
	if fsys == nil {
		n.mem = vfs.Mem()
		fsys = n.mem
	}
	var err error
	n.store, err = blockstore.Open(blockstore.Config{FS: fsys, Volumes: []blockstore.VolumeConfig{{Dir: dir}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.store.Attach(blockstore.Namespace{BlockPoolID: testPool, ClusterID: "CID", NamespaceID: 1}); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().(*net.TCPAddr)
	n.self = &pb.DatanodeInfoProto{Id: &pb.DatanodeIDProto{
		IpAddr: proto.String("127.0.0.1"), HostName: proto.String("localhost"), DatanodeUuid: proto.String(n.store.UUID()),
		XferPort: proto.Uint32(uint32(addr.Port)), InfoPort: proto.Uint32(0), IpcPort: proto.Uint32(0),
	}}
	cfg := Config{Store: n.store, Events: n, Self: func() *pb.DatanodeInfoProto { return n.self }, SocketTimeout: 10 * time.Second}
	for _, f := range set {
		f(&cfg)
	}
	n.srv = NewServer(cfg)
	done := make(chan error, 1)
	go func() { done <- n.srv.Serve(l) }()
	t.Cleanup(func() {
		n.srv.Close(false)
		if err := <-done; err != nil {
			t.Error(err)
		}
		n.store.Close()
	})
	return n
}

func nodes(t testing.TB, n int) []*node {
	out := make([]*node, n)
	for i := range out {
		out[i] = newNode(t, nil, "/v")
	}
	return out
}

func infos(ns []*node) []*pb.DatanodeInfoProto {
	var out []*pb.DatanodeInfoProto
	for _, n := range ns {
		out = append(out, n.self)
	}
	return out
}

func ext(b hdfs.Block) *pb.ExtendedBlockProto {
	return &pb.ExtendedBlockProto{PoolId: proto.String(testPool), BlockId: proto.Uint64(uint64(b.ID)), GenerationStamp: proto.Uint64(uint64(b.GenStamp)), NumBytes: proto.Uint64(uint64(b.NumBytes))}
}

func pattern(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// pipeline is a client that writes one block.
type pipeline struct {
	t     testing.TB
	c     net.Conn
	in    *stream
	seqno int64
}

func openPipeline(t testing.TB, ns []*node, b hdfs.Block, stage pb.OpWriteBlockProto_BlockConstructionStage, newGS hdfs.GenStamp, minBytes, maxBytes int64) (*pipeline, *pb.BlockOpResponseProto) {
	t.Helper()
	p, resp, err := tryPipeline(t, infos(ns), b, stage, newGS, minBytes, maxBytes)
	if err != nil {
		t.Fatal(err)
	}
	return p, resp
}

func tryPipeline(t testing.TB, ns []*pb.DatanodeInfoProto, b hdfs.Block, stage pb.OpWriteBlockProto_BlockConstructionStage, newGS hdfs.GenStamp, minBytes, maxBytes int64) (*pipeline, *pb.BlockOpResponseProto, error) {
	c, err := net.Dial("tcp", xferAddr(ns[0]))
	if err != nil {
		return nil, nil, err
	}
	t.Cleanup(func() { c.Close() })
	op := &pb.OpWriteBlockProto{
		Header:  &pb.ClientOperationHeaderProto{BaseHeader: header(ext(b), nil), ClientName: proto.String("test")},
		Targets: ns[1:], Stage: &stage, PipelineSize: proto.Uint32(uint32(len(ns))), MinBytesRcvd: proto.Uint64(uint64(minBytes)),
		MaxBytesRcvd: proto.Uint64(uint64(maxBytes)), LatestGenerationStamp: proto.Uint64(uint64(newGS)), RequestedChecksum: checksumProto(blockstore.DefaultChecksum),
	}
	if _, err := c.Write(appendOp(nil, opWriteBlock, op)); err != nil {
		return nil, nil, err
	}
	p := &pipeline{t: t, c: c, in: &stream{conn: c, buf: make([]byte, 4096), timeout: 10 * time.Second}}
	var resp pb.BlockOpResponseProto
	if err := p.in.message(&resp); err != nil {
		return nil, nil, err
	}
	return p, &resp, nil
}

func rawPacket(h packetHeader, sums, data []byte) []byte {
	h.dataLen = len(data)
	b := make([]byte, packetPrefix)
	h.put(b, len(sums))
	return append(append(b, sums...), data...)
}

func (p *pipeline) send(off int64, data []byte, last bool) {
	p.t.Helper()
	h := packetHeader{offset: off, seqno: p.seqno, last: last}
	p.seqno++
	if _, err := p.c.Write(rawPacket(h, blockstore.DefaultChecksum.Sum(nil, data), data)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pipeline) ack(want int64) *pb.PipelineAckProto {
	p.t.Helper()
	var a pb.PipelineAckProto
	if err := p.in.message(&a); err != nil {
		p.t.Fatalf("ack %d: %v", want, err)
	}
	if a.GetSeqno() != want {
		p.t.Fatalf("ack %d, expected %d", a.GetSeqno(), want)
	}
	return &a
}

func good(a *pb.PipelineAckProto, n int) error {
	if len(a.GetReply()) != n || len(a.GetFlag()) != n {
		return fmt.Errorf("%d replies, %d flags, expected %d", len(a.GetReply()), len(a.GetFlag()), n)
	}
	for i, r := range a.GetReply() {
		if r != pb.Status_SUCCESS {
			return fmt.Errorf("reply %d is %s", i, r)
		}
	}
	return nil
}

func readBack(n *node, b hdfs.Block, off, length int64) ([]byte, error) {
	c, err := net.Dial("tcp", xferAddr(n.self))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return readOn(c, b, off, length)
}

// readOn reads as a client does, checking what clients check.
func readOn(c net.Conn, b hdfs.Block, off, length int64) ([]byte, error) {
	op := &pb.OpReadBlockProto{
		Header: &pb.ClientOperationHeaderProto{BaseHeader: header(ext(b), nil), ClientName: proto.String("test")},
		Offset: proto.Uint64(uint64(off)), Len: proto.Uint64(uint64(length)),
	}
	if _, err := c.Write(appendOp(nil, opReadBlock, op)); err != nil {
		return nil, err
	}
	in := &stream{conn: c, buf: make([]byte, 4096), timeout: 10 * time.Second}
	var resp pb.BlockOpResponseProto
	if err := in.message(&resp); err != nil {
		return nil, err
	}
	if resp.GetStatus() != pb.Status_SUCCESS {
		return nil, fmt.Errorf("%s: %s", resp.GetStatus(), resp.GetMessage())
	}
	sum := checksumOf(resp.GetReadOpChecksumInfo().GetChecksum())
	start := int64(resp.GetReadOpChecksumInfo().GetChunkOffset())
	if start > off || start <= off-int64(sum.BytesPerChecksum) {
		return nil, fmt.Errorf("chunk offset %d for offset %d", start, off)
	}
	var out []byte
	for seq := int64(0); ; seq++ {
		var p packet
		for {
			var n int
			var ok bool
			var err error
			if p, n, ok, err = parsePacket(in.buf[in.r:in.w]); err != nil {
				return nil, err
			} else if ok {
				in.r += n
				break
			}
			if err := in.fill(n); err != nil {
				return nil, err
			}
		}
		if p.seqno != seq || p.offset != start+int64(len(out)) || p.last != (p.dataLen == 0) {
			return nil, fmt.Errorf("packet %+v, expected seqno %d at %d", p.packetHeader, seq, start+int64(len(out)))
		}
		if p.last {
			break
		}
		if err := sum.Verify(p.data, p.sums); err != nil {
			return nil, err
		}
		out = append(out, p.data...)
	}
	st := appendMessage(nil, &pb.ClientReadStatusProto{Status: pb.Status_CHECKSUM_OK.Enum()})
	if _, err := c.Write(st); err != nil {
		return nil, err
	}
	out = out[min(off-start, int64(len(out))):]
	return out[:min(int64(len(out)), length)], nil
}

func writeWhole(t testing.TB, ns []*node, b hdfs.Block, data []byte) {
	t.Helper()
	p, resp := openPipeline(t, ns, b, pb.OpWriteBlockProto_PIPELINE_SETUP_CREATE, 0, 0, 0)
	if resp.GetStatus() != pb.Status_SUCCESS || resp.FirstBadLink == nil {
		t.Fatalf("%v", resp)
	}
	off := 0
	for off < len(data) {
		n := min(64512, len(data)-off)
		p.send(int64(off), data[off:off+n], false)
		off += n
	}
	p.send(int64(off), nil, true)
	for i := range p.seqno {
		if err := good(p.ack(i), len(ns)); err != nil {
			t.Fatal(err)
		}
	}
}

const create = pb.OpWriteBlockProto_PIPELINE_SETUP_CREATE

func TestPipelineOfThree(t *testing.T) {
	ns := nodes(t, 3)
	data := pattern(1_000_000)
	b := hdfs.Block{ID: 1, GenStamp: 1001}
	writeWhole(t, ns, b, data)
	for i, n := range ns {
		if len(n.received) != 1 || n.received[0].NumBytes != int64(len(data)) {
			t.Fatalf("datanode %d reported %v before the last acknowledgement", i, n.received)
		}
		for _, r := range [][2]int64{{0, 1_000_000}, {0, 1}, {511, 2}, {999_999, 1}, {65_000, 300_000}, {512, 512}, {1_000_000, 0}} {
			got, err := readBack(n, b, r[0], r[1])
			if err != nil || !bytes.Equal(got, data[r[0]:r[0]+r[1]]) {
				t.Fatalf("datanode %d: read %v: %v", i, r, err)
			}
		}
	}
	if _, err := readBack(ns[0], b, 0, 1_000_001); err == nil {
		t.Fatal("read beyond the end")
	}
}

func TestConnectionIsUsedAgain(t *testing.T) {
	ns := nodes(t, 1)
	data := pattern(100_000)
	b := hdfs.Block{ID: 1, GenStamp: 1001}
	writeWhole(t, ns, b, data)
	c, err := net.Dial("tcp", xferAddr(ns[0].self))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range int64(5) {
		if got, err := readOn(c, b, i*1000, 4096); err != nil || !bytes.Equal(got, data[i*1000:i*1000+4096]) {
			t.Fatalf("read %d on one connection: %v", i, err)
		}
	}
}

func TestShortestAnswerHasFiveBytes(t *testing.T) {
	if n := len(appendMessage(nil, response(pb.Status_SUCCESS, "", ""))); n != 5 {
		t.Fatalf("%d bytes; colinmarc's client waits for five", n)
	}
	if n := len(appendAck(nil, -1, []pb.Status{pb.Status_SUCCESS}, 0)); n < 5 {
		t.Fatalf("heartbeat acknowledgement of %d bytes", n)
	}
}

func TestHeartbeatsAndSyncAreAcknowledgedInOrder(t *testing.T) {
	ns := nodes(t, 2)
	b := hdfs.Block{ID: 1, GenStamp: 1001}
	p, _ := openPipeline(t, ns, b, create, 0, 0, 0)
	data := pattern(700)
	raw := rawPacket(packetHeader{offset: 0, seqno: heartbeatSeqno}, nil, nil)
	raw = append(raw, rawPacket(packetHeader{offset: 0, seqno: 0}, blockstore.DefaultChecksum.Sum(nil, data), data)...)
	if _, err := p.c.Write(raw); err != nil {
		t.Fatal(err)
	}
	p.ack(heartbeatSeqno)
	if err := good(p.ack(0), 2); err != nil {
		t.Fatal(err)
	}
	m := &pb.PacketHeaderProto{OffsetInBlock: proto.Int64(700), Seqno: proto.Int64(1), LastPacketInBlock: proto.Bool(false), DataLen: proto.Int32(0), SyncBlock: proto.Bool(true)}
	h, _ := proto.Marshal(m)
	raw = binary.BigEndian.AppendUint32(nil, 4)
	raw = binary.BigEndian.AppendUint16(raw, uint16(len(h)))
	if _, err := p.c.Write(append(raw, h...)); err != nil {
		t.Fatal(err)
	}
	p.ack(1)
	for i, n := range ns {
		// What hsync acknowledged is there after a power loss.
		c := n.mem.CrashClone(rand.New(rand.NewPCG(uint64(i), 0)))
		s, err := blockstore.Open(blockstore.Config{FS: c, Volumes: []blockstore.VolumeConfig{{Dir: "/v"}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Attach(blockstore.Namespace{BlockPoolID: testPool, ClusterID: "CID", NamespaceID: 1}); err != nil {
			t.Fatal(err)
		}
		if r, ok := s.Get(1); !ok || r.NumBytes != 700 {
			t.Fatalf("datanode %d after a power loss: %+v", i, r)
		}
	}
	// A reader sees what was flushed while the writer goes on.
	got, err := readBack(ns[1], b, 0, 700)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%v", err)
	}
}

func TestBadChecksumMarksTheRightLink(t *testing.T) {
	ns := nodes(t, 2)
	p, _ := openPipeline(t, ns, hdfs.Block{ID: 1, GenStamp: 1001}, create, 0, 0, 0)
	data := pattern(512)
	if _, err := p.c.Write(rawPacket(packetHeader{}, []byte{1, 2, 3, 4}, data)); err != nil {
		t.Fatal(err)
	}
	// The first datanode, which forwarded damaged bytes, goes down itself instead of blaming the next.
	var a pb.PipelineAckProto
	if err := p.in.message(&a); err == nil {
		t.Fatalf("acknowledged: %v", &a)
	}
	p, _ = openPipeline(t, ns[1:], hdfs.Block{ID: 2, GenStamp: 1001}, create, 0, 0, 0)
	if _, err := p.c.Write(rawPacket(packetHeader{}, []byte{1, 2, 3, 4}, data)); err != nil {
		t.Fatal(err)
	}
	if a := p.ack(0); a.GetReply()[0] != pb.Status_ERROR_CHECKSUM {
		t.Fatalf("%v", a)
	}
}

func TestDeadDownstreamIsNamed(t *testing.T) {
	ns := nodes(t, 2)
	dead := proto.Clone(ns[1].self).(*pb.DatanodeInfoProto)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead.Id.XferPort = proto.Uint32(uint32(l.Addr().(*net.TCPAddr).Port))
	l.Close()
	_, resp, err := tryPipeline(t, []*pb.DatanodeInfoProto{ns[0].self, ns[1].self, dead}, hdfs.Block{ID: 1, GenStamp: 1001}, create, 0, 0, 0)
	if err != nil || resp.GetStatus() != pb.Status_ERROR || resp.GetFirstBadLink() != xferAddr(dead) {
		t.Fatalf("%v %v", resp, err)
	}
	// A datanode that refuses names itself.
	b := hdfs.Block{ID: 2, GenStamp: 1001}
	writeWhole(t, ns[1:], b, pattern(10))
	_, resp, err = tryPipeline(t, infos(ns), b, create, 0, 0, 0)
	if err != nil || resp.GetStatus() != pb.Status_ERROR || resp.GetFirstBadLink() != xferAddr(ns[1].self) {
		t.Fatalf("%v %v", resp, err)
	}
}

func TestDownstreamDiesAndPipelineIsRebuilt(t *testing.T) {
	ns := nodes(t, 4)
	data := pattern(200_000)
	b := hdfs.Block{ID: 1, GenStamp: 1001}
	p, _ := openPipeline(t, ns[:3], b, create, 0, 0, 0)
	p.send(0, data[:60_000], false)
	if err := good(p.ack(0), 3); err != nil {
		t.Fatal(err)
	}
	ns[1].srv.Close(false)
	p.send(59_904, data[59_904:120_000], false)
	a := p.ack(1)
	if a.GetReply()[0] != pb.Status_SUCCESS || len(a.GetReply()) < 2 || a.GetReply()[1] != pb.Status_ERROR {
		t.Fatalf("%v", a)
	}
	p.c.Close()

	// As Java goes on: one more datanode gets what is there, then the pipeline is made again under a new stamp.
	c, err := net.Dial("tcp", xferAddr(ns[0].self))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(appendOp(nil, opTransferBlock, &pb.OpTransferBlockProto{
		Header:  &pb.ClientOperationHeaderProto{BaseHeader: header(ext(b), nil), ClientName: proto.String("test")},
		Targets: []*pb.DatanodeInfoProto{ns[3].self}, TargetStorageTypes: []pb.StorageTypeProto{pb.StorageTypeProto_DISK},
	})); err != nil {
		t.Fatal(err)
	}
	in := &stream{conn: c, buf: make([]byte, 4096), timeout: 10 * time.Second}
	var resp pb.BlockOpResponseProto
	if err := in.message(&resp); err != nil || resp.GetStatus() != pb.Status_SUCCESS {
		t.Fatalf("TRANSFER_BLOCK: %v %v", &resp, err)
	}
	if r, ok := ns[3].store.Get(1); !ok || r.State != hdfs.ReplicaRBW || r.NumBytes < 60_000 {
		t.Fatalf("%+v", r)
	}
	again := []*node{ns[0], ns[3], ns[2]}
	p, r2 := openPipeline(t, again, b, pb.OpWriteBlockProto_PIPELINE_SETUP_STREAMING_RECOVERY, 1002, 60_000, 120_000)
	if r2.GetStatus() != pb.Status_SUCCESS {
		t.Fatalf("%v", r2)
	}
	p.send(59_904, data[59_904:120_000], false)
	p.send(119_808, data[119_808:], false)
	p.send(200_000, nil, true)
	for i := range int64(3) {
		if err := good(p.ack(i), 3); err != nil {
			t.Fatal(err)
		}
	}
	for i, n := range again {
		got, err := readBack(n, hdfs.Block{ID: 1, GenStamp: 1002}, 0, 200_000)
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("datanode %d: %v", i, err)
		}
	}
}

func TestAppendAndCloseRecovery(t *testing.T) {
	ns := nodes(t, 2)
	data := pattern(5000)
	b := hdfs.Block{ID: 1, GenStamp: 1001}
	writeWhole(t, ns, b, data[:700])
	// colinmarc appends under the same stamp, from the middle of a chunk.
	p, resp := openPipeline(t, ns, hdfs.Block{ID: 1, GenStamp: 1001, NumBytes: 700}, pb.OpWriteBlockProto_PIPELINE_SETUP_APPEND, 1001, 700, 700)
	if resp.GetStatus() != pb.Status_SUCCESS {
		t.Fatalf("%v", resp)
	}
	p.send(700, data[700:1024], false)
	p.send(1024, data[1024:5000], false)
	p.send(5000, nil, true)
	for i := range int64(3) {
		if err := good(p.ack(i), 2); err != nil {
			t.Fatal(err)
		}
	}
	_, resp = openPipeline(t, ns, hdfs.Block{ID: 1, GenStamp: 1001, NumBytes: 5000}, pb.OpWriteBlockProto_PIPELINE_CLOSE_RECOVERY, 1007, 5000, 5000)
	if resp.GetStatus() != pb.Status_SUCCESS {
		t.Fatalf("%v", resp)
	}
	for i, n := range ns {
		got, err := readBack(n, hdfs.Block{ID: 1, GenStamp: 1007}, 0, 5000)
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("datanode %d: %v", i, err)
		}
	}
}

func TestCorruptReplicaIsReportedAndNothingLeaves(t *testing.T) {
	ns := nodes(t, 1)
	data := pattern(300_000)
	b := hdfs.Block{ID: 1, GenStamp: 1001}
	writeWhole(t, ns, b, data)
	path := "/v/current/" + testPool + "/current/finalized/subdir0/subdir0/blk_1"
	if err := ns[0].mem.Corrupt(path, 200_000, 0x40); err != nil {
		t.Fatal(err)
	}
	got, err := readBack(ns[0], b, 0, 300_000)
	if err == nil {
		t.Fatalf("read %d bytes of a corrupt replica", len(got))
	}
	if err := ns[0].mem.Corrupt(path, 100, 0x40); err != nil {
		t.Fatal(err)
	}
	if _, err := readBack(ns[0], b, 0, 10); err == nil || !bytes.Contains([]byte(err.Error()), []byte("ERROR_CHECKSUM")) {
		t.Fatalf("first packet: %v", err)
	}
	ns[0].mu.Lock()
	defer ns[0].mu.Unlock()
	if len(ns[0].corrupt) != 2 || ns[0].corrupt[0].ID != 1 {
		t.Fatalf("reported: %v", ns[0].corrupt)
	}
}

func TestReplicationBalancingAndChecksum(t *testing.T) {
	ns := nodes(t, 3)
	data := pattern(150_000)
	b := hdfs.Block{ID: 1, GenStamp: 1001, NumBytes: 150_000}
	writeWhole(t, ns[:1], b, data)
	err := ns[0].srv.Copy(context.Background(), b, Targets{Nodes: []*pb.DatanodeInfoProto{ns[1].self}}, create, "")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := readBack(ns[1], b, 0, 150_000); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("copy: %v", err)
	}
	c, err := net.Dial("tcp", xferAddr(ns[2].self))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write(appendOp(nil, opReplaceBlock, &pb.OpReplaceBlockProto{
		Header: header(ext(b), nil), DelHint: proto.String(ns[0].store.UUID()), Source: ns[0].self,
	}))
	in := &stream{conn: c, buf: make([]byte, 4096), timeout: 10 * time.Second}
	var resp pb.BlockOpResponseProto
	if err := in.message(&resp); err != nil || resp.GetStatus() != pb.Status_SUCCESS {
		t.Fatalf("REPLACE_BLOCK: %v %v", &resp, err)
	}
	if got, err := readBack(ns[2], b, 0, 150_000); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("moved: %v", err)
	}
	sums := map[string]bool{}
	for _, n := range ns {
		d, err := n.srv.digest(b, nil)
		if err != nil || len(d.GetBlockChecksum()) != 16 {
			t.Fatalf("%v %v", d, err)
		}
		sums[string(d.GetBlockChecksum())] = true
		part, err := n.srv.digest(hdfs.Block{ID: 1, GenStamp: 1001, NumBytes: 1000}, nil)
		if err != nil || sums[string(part.GetBlockChecksum())] {
			t.Fatalf("partial: %v %v", part, err)
		}
		whole, err := n.srv.digest(b, &pb.BlockChecksumOptionsProto{BlockChecksumType: pb.BlockChecksumTypeProto_COMPOSITE_CRC.Enum()})
		if err != nil || binary.BigEndian.Uint32(whole.GetBlockChecksum()) != blockstore.DefaultChecksum.Update(0, data) {
			t.Fatalf("composite: %v %v", whole, err)
		}
	}
	if len(sums) != 1 {
		t.Fatal("three replicas have different digests")
	}
}

func TestRestartIsAnnouncedToWriters(t *testing.T) {
	ns := nodes(t, 1)
	p, _ := openPipeline(t, ns, hdfs.Block{ID: 1, GenStamp: 1001}, create, 0, 0, 0)
	p.send(0, pattern(10), false)
	p.ack(0)
	ns[0].srv.Close(true)
	if a := p.ack(oobSeqno); a.GetReply()[0] != pb.Status_OOB_RESTART {
		t.Fatalf("%v", a)
	}
}

func TestTooManyConnections(t *testing.T) {
	n := newNode(t, nil, "/v", func(c *Config) { c.MaxXceivers = 1 })
	writeWhole(t, []*node{n}, hdfs.Block{ID: 1, GenStamp: 1001}, pattern(10))
	hold, err := net.Dial("tcp", xferAddr(n.self))
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	deadline := time.Now().Add(10 * time.Second)
	for n.srv.Xceivers() != 1 && time.Now().Before(deadline) {
		c, err := net.Dial("tcp", xferAddr(n.self))
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	if _, err := readBack(n, hdfs.Block{ID: 1, GenStamp: 1001}, 0, 10); err == nil {
		t.Fatal("served beyond the limit")
	}
}

func TestMalformedBytesCloseOnlyTheirConnection(t *testing.T) {
	n := newNode(t, nil, "/v")
	for _, junk := range [][]byte{{0, 28, 99}, {0, 27, 81}, {0, 28, 81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0, 28, 80, 4, 1, 2, 3, 4}, []byte("GET / HTTP/1.1\r\n\r\n")} {
		c, err := net.Dial("tcp", xferAddr(n.self))
		if err != nil {
			t.Fatal(err)
		}
		c.Write(junk)
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.ReadAll(c); err != nil && !errors.Is(err, net.ErrClosed) && !isReset(err) {
			t.Fatalf("%q: %v", junk, err)
		}
		c.Close()
	}
	writeWhole(t, []*node{n}, hdfs.Block{ID: 1, GenStamp: 1001}, pattern(10))
}

func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

func FuzzPacket(f *testing.F) {
	data := pattern(600)
	f.Add(rawPacket(packetHeader{offset: 512, seqno: 3}, blockstore.DefaultChecksum.Sum(nil, data), data))
	f.Add(rawPacket(packetHeader{last: true}, nil, nil))
	f.Add([]byte{0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, n, ok, err := parsePacket(b)
		if err != nil {
			return
		}
		if !ok && (n <= len(b) || n > maxPacket+maxHeader+2+4) {
			t.Fatalf("needs %d of %d", n, len(b))
		}
		if ok && (len(p.data) != p.dataLen || len(p.raw) != n || n > len(b)) {
			t.Fatalf("%+v of %d", p.packetHeader, n)
		}
	})
}

// FuzzConnection throws bytes at a whole connection.
func FuzzConnection(f *testing.F) {
	op := &pb.OpReadBlockProto{
		Header: &pb.ClientOperationHeaderProto{BaseHeader: header(ext(hdfs.Block{ID: 1, GenStamp: 1}), nil), ClientName: proto.String("x")},
		Offset: proto.Uint64(0), Len: proto.Uint64(5),
	}
	f.Add(appendOp(nil, opReadBlock, op))
	f.Add([]byte{0, 28, 89, 2, 10, 0})
	f.Add([]byte{0, 28, 80, 0xff, 0xff, 0x7f})
	n := newNode(f, nil, "/v")
	f.Fuzz(func(t *testing.T, b []byte) {
		a, c := net.Pipe()
		done := make(chan struct{})
		go func() { defer close(done); n.srv.ServeConn(c); c.Close() }()
		go io.Copy(io.Discard, a)
		a.SetWriteDeadline(time.Now().Add(time.Second))
		a.Write(b)
		a.Close()
		<-done
	})
}
