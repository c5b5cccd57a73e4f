package transfer

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/vfs"
	pb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// TestShortCircuit gets the files of a replica over a UNIX socket and reads them.
func TestShortCircuit(t *testing.T) {
	n := newNode(t, vfs.OS(), t.TempDir())
	data := pattern(5000)
	b := hdfs.Block{ID: 1, GenStamp: 1001}
	writeWhole(t, []*node{n}, b, data)
	dir, err := os.MkdirTemp("", "sc") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- n.srv.Serve(l) }()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	uc := c.(*net.UnixConn)

	// Shared memory is refused in the way that makes clients go on without.
	c.Write(appendOp(nil, opRequestShm, &pb.ShortCircuitShmRequestProto{ClientName: proto.String("test")}))
	in := &stream{conn: c, buf: make([]byte, 4096), timeout: 10 * time.Second}
	var shm pb.ShortCircuitShmResponseProto
	if err := in.message(&shm); err != nil || shm.GetStatus() != pb.Status_ERROR_UNSUPPORTED {
		t.Fatalf("%v %v", &shm, err)
	}

	c.Write(appendOp(nil, opRequestFDs, &pb.OpRequestShortCircuitAccessProto{
		Header: header(ext(b), nil), MaxVersion: proto.Uint32(1), SupportsReceiptVerification: proto.Bool(true),
	}))
	// A read that takes more than the answer would lose the descriptors, which travel with the byte after it.
	one := make([]byte, 1)
	if _, err := io.ReadFull(c, one); err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, one[0])
	var resp pb.BlockOpResponseProto
	if _, err := io.ReadFull(c, raw); err != nil || proto.Unmarshal(raw, &resp) != nil || resp.GetStatus() != pb.Status_SUCCESS || resp.GetShortCircuitAccessVersion() != 1 {
		t.Fatalf("%v %v", &resp, err)
	}
	buf, oob := make([]byte, 1), make([]byte, 64)
	m, on, _, _, err := uc.ReadMsgUnix(buf, oob)
	if err != nil || m != 1 || buf[0] != 1 {
		t.Fatalf("%d %v %v", m, buf, err)
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:on])
	if err != nil || len(msgs) != 1 {
		t.Fatal(msgs, err)
	}
	fds, err := unix.ParseUnixRights(&msgs[0])
	if err != nil || len(fds) != 2 {
		t.Fatal(fds, err)
	}
	c.Write([]byte{0})
	df, mf := os.NewFile(uintptr(fds[0]), "data"), os.NewFile(uintptr(fds[1]), "meta")
	defer df.Close()
	defer mf.Close()
	got := make([]byte, 5000)
	if _, err := df.ReadAt(got, 0); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("data: %v", err)
	}
	if st, err := mf.Stat(); err != nil || st.Size() != 7+10*4 {
		t.Fatalf("meta: %v %v", st, err)
	}
	// The connection carries another request.
	if got, err := readOn(c, b, 0, 100); err != nil || !bytes.Equal(got, data[:100]) {
		t.Fatalf("%v", err)
	}
	c.Close()

	tc, err := net.Dial("tcp", xferAddr(n.self))
	if err != nil {
		t.Fatal(err)
	}
	defer tc.Close()
	tc.Write(appendOp(nil, opRequestFDs, &pb.OpRequestShortCircuitAccessProto{Header: header(ext(b), nil), MaxVersion: proto.Uint32(1)}))
	in = &stream{conn: tc, buf: make([]byte, 4096), timeout: 10 * time.Second}
	if err := in.message(&resp); err != nil || resp.GetStatus() == pb.Status_SUCCESS {
		t.Fatalf("descriptors over TCP: %v %v", &resp, err)
	}
	n.srv.Close(false)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
