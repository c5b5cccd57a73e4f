package namespace_test

import (
	"testing"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace"
	datanodepb "github.com/lodehq/lode/proto/hadoop/datanode"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
	"google.golang.org/protobuf/proto"
)

const t0 = 1_700_000_000_000

func root(ms int64) namespace.Header {
	return namespace.Header{TimeMS: ms, User: "hdfs", Groups: []string{"supergroup"}, Superuser: true, CallID: -1, ClientMachine: "127.0.0.1"}
}

func format() *journalpb.Format {
	return &journalpb.Format{ClusterId: proto.String("CID-1"), BlockPoolId: proto.String("BP-1"), NamespaceId: proto.Uint32(7), CtimeMs: proto.Int64(t0)}
}

func perm(p uint32) *hdfspb.FsPermissionProto { return &hdfspb.FsPermissionProto{Perm: &p} }

func createReq(src, client string) *hdfspb.CreateRequestProto {
	return &hdfspb.CreateRequestProto{Src: &src, Masked: perm(0o644), ClientName: &client, CreateFlag: proto.Uint32(1), CreateParent: proto.Bool(true),
		Replication: proto.Uint32(3), BlockSize: proto.Uint64(1 << 20)}
}

// writeFile creates, adds one block and completes.
func writeFile(t testing.TB, n *namespace.Namespace, src string, length uint64) *hdfspb.ExtendedBlockProto {
	t.Helper()
	if _, err := n.Apply(root(t0), createReq(src, "c1")); err != nil {
		t.Fatal(err)
	}
	r, err := n.Apply(root(t0), &hdfspb.AddBlockRequestProto{Src: &src, ClientName: proto.String("c1")})
	if err != nil {
		t.Fatal(err)
	}
	b := r.(*hdfspb.AddBlockResponseProto).Block.B
	b.NumBytes = &length
	if _, err := n.Apply(root(t0), &hdfspb.CompleteRequestProto{Src: &src, ClientName: proto.String("c1"), Last: b}); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWriteAndRead(t *testing.T) {
	n := namespace.New(namespace.Options{}, nil)
	if _, err := n.Apply(root(t0), format()); err != nil {
		t.Fatal(err)
	}
	writeFile(t, n, "/a/b/f", 1000)
	r, err := n.GetFileInfo(root(t0).Caller(), &hdfspb.GetFileInfoRequestProto{Src: proto.String("/a/b/f")})
	if err != nil || r.Fs.GetLength() != 1000 || r.Fs.GetFileId() != 16388 {
		t.Fatalf("got %v, %v", r, err)
	}
	if _, err := proto.Marshal(r); err != nil {
		t.Fatal(err)
	}
	l, err := n.GetListing(root(t0).Caller(), &hdfspb.GetListingRequestProto{Src: proto.String("/a/b"), StartAfter: []byte{}, NeedLocation: proto.Bool(true)})
	if err != nil || len(l.DirList.PartialListing) != 1 || string(l.DirList.PartialListing[0].Path) != "f" {
		t.Fatalf("got %v, %v", l, err)
	}
	if _, err := proto.Marshal(l); err != nil {
		t.Fatal(err)
	}
	if s := n.Stats(); s.Files != 1 || s.Directories != 3 || s.Blocks != 1 || s.OpenFiles != 0 {
		t.Fatalf("%+v", s)
	}
	if _, err := n.Apply(root(t0), &hdfspb.DeleteRequestProto{Src: proto.String("/a"), Recursive: proto.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	if s := n.Stats(); s.Files != 0 || s.Directories != 1 || s.Blocks != 0 {
		t.Fatalf("%+v", s)
	}
	if _, err := n.Apply(root(t0), createReq("relative", "c")); hdfs.ClassOf(err) != hdfs.InvalidPath {
		t.Fatal(err)
	}
}

func syncReq(r namespace.BlockRecovery, length int64) *datanodepb.CommitBlockSynchronizationRequestProto {
	return &datanodepb.CommitBlockSynchronizationRequestProto{
		Block:       &hdfspb.ExtendedBlockProto{PoolId: proto.String("BP-1"), BlockId: proto.Uint64(uint64(r.Block.ID)), GenerationStamp: proto.Uint64(uint64(r.Block.GenStamp))},
		NewGenStamp: proto.Uint64(uint64(r.RecoveryID)), NewLength: proto.Uint64(uint64(length)), CloseFile: proto.Bool(true), DeleteBlock: proto.Bool(length == 0)}
}
