package hrpc

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

func stat(ctx context.Context, c *Client, path string) error {
	return c.Call(ctx, "getFileInfo", &hdfspb.GetFileInfoRequestProto{Src: &path}, &hdfspb.GetFileInfoResponseProto{})
}

func TestClientSharesOneConnection(t *testing.T) {
	s, address := serve(t, Options{}, table())
	c := NewClient(ClientOptions{Addresses: []string{address}, Protocol: ClientProtocol, User: "alice"})
	defer c.Close()
	var wg sync.WaitGroup
	for range 32 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 50 {
				var resp hdfspb.MkdirsResponseProto
				err := c.Call(t.Context(), "mkdirs", &hdfspb.MkdirsRequestProto{Src: proto.String("/d"), CreateParent: proto.Bool(true), Masked: &hdfspb.FsPermissionProto{Perm: proto.Uint32(0o755)}}, &resp)
				if err != nil || !resp.GetResult() {
					t.Error(err, &resp)
				}
				if err := stat(t.Context(), c, "/wrapped"); hdfs.ClassOf(err) != hdfs.FileNotFound {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
	if n := s.Stats().OpenConnections; n != 1 {
		t.Errorf("%d connections", n)
	}
	if err := c.For("no.such").Call(t.Context(), "x", &hdfspb.GetFileInfoRequestProto{Src: proto.String("")}, &hdfspb.GetFileInfoResponseProto{}); hdfs.ClassOf(err) != hdfs.RPCNoSuchProtocol {
		t.Error(err)
	}
}

func TestClientReconnects(t *testing.T) {
	s, address := serve(t, Options{}, table())
	c := NewClient(ClientOptions{Addresses: []string{address}, Protocol: ClientProtocol, User: "alice"})
	defer c.Close()
	for range 3 {
		if err := stat(t.Context(), c, "/"); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		for conn := range s.conns {
			conn.nc.Close()
		}
		s.mu.Unlock()
	}
}

func TestClientFailsOver(t *testing.T) {
	var standbyCalls atomic.Int32
	_, standby := serve(t, Options{}, map[string]Method{
		"getFileInfo": Inline(func(context.Context, *Call, *hdfspb.GetFileInfoRequestProto) (*hdfspb.GetFileInfoResponseProto, error) {
			standbyCalls.Add(1)
			return nil, hdfs.Errorf(hdfs.Standby, "Operation category READ is not supported in state standby")
		})})
	_, active := serve(t, Options{}, table())
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	c := NewClient(ClientOptions{Addresses: []string{nobody.Addr().String(), standby, active}, Protocol: ClientProtocol, User: "alice"})
	defer c.Close()
	for range 5 {
		if err := stat(t.Context(), c, "/"); err != nil {
			t.Fatal(err)
		}
	}
	if n := standbyCalls.Load(); n != 1 {
		t.Errorf("the standby was called %d times", n)
	}
}

func TestClientDeadlines(t *testing.T) {
	release := make(chan struct{})
	_, address := serve(t, Options{}, map[string]Method{
		"getFileInfo": Unary(func(ctx context.Context, _ *Call, _ *hdfspb.GetFileInfoRequestProto) (*hdfspb.GetFileInfoResponseProto, error) {
			select {
			case <-release:
			case <-ctx.Done():
			}
			return nil, nil
		})})
	defer close(release)
	c := NewClient(ClientOptions{Addresses: []string{address}, Protocol: ClientProtocol, User: "alice"})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := stat(ctx, c, "/"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	done := make(chan error, 1)
	go func() { done <- stat(t.Context(), c, "/") }()
	for { // wait until the call is under way
		c.mu.Lock()
		cc := c.current
		c.mu.Unlock()
		cc.mu.Lock()
		n := len(cc.pending)
		cc.mu.Unlock()
		if n > 0 {
			break
		}
	}
	c.Close()
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestClientSaysWhomItCannotReach(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c := NewClient(ClientOptions{Addresses: []string{l.Addr().String()}, Protocol: ClientProtocol, Attempts: 1})
	if err := stat(t.Context(), c, "/"); err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Error(err)
	}
}

// BenchmarkSharedConnection is the cost of one cheap call when 64 callers share a connection, both sides in this process.
func BenchmarkSharedConnection(b *testing.B) {
	_, address := serve(b, Options{}, table())
	c := NewClient(ClientOptions{Addresses: []string{address}, Protocol: ClientProtocol, User: "alice"})
	defer c.Close()
	b.SetParallelism(64)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := stat(b.Context(), c, "/"); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkServerAlone feeds ready-made requests in bursts of 64 and reads answers by the buffer: nearly the server's cost alone.
func BenchmarkServerAlone(b *testing.B) {
	for _, method := range []string{"getFileInfo", "mkdirs"} {
		b.Run(method, func(b *testing.B) {
			_, address := serve(b, Options{}, table())
			nc := dial(b, address)
			nc.SetDeadline(time.Time{})
			nc.Write(append(hello(authNone), introduction("alice")...))
			const burst = 64
			var req []byte
			one := statRequest(1, "/a/b/c")
			if method == "mkdirs" {
				one = appendRequest(nil, testClientID, 1, 0, ClientProtocol, "mkdirs", &hdfspb.MkdirsRequestProto{Src: proto.String("/a/b/c"), CreateParent: proto.Bool(true), Masked: &hdfspb.FsPermissionProto{Perm: proto.Uint32(0o755)}})
			}
			for range burst {
				req = append(req, one...)
			}
			nc.Write(one)
			_, rest := answerTo(b, nc)
			buf := make([]byte, 1<<16)
			nc.Write(one)
			size, _ := nc.Read(buf)
			_ = rest
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N; done += burst {
				nc.Write(req)
				for got := 0; got < burst*size; {
					n, err := nc.Read(buf)
					if err != nil {
						b.Fatal(err)
					}
					got += n
				}
			}
		})
	}
}
