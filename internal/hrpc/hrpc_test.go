package hrpc

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	colinmarc "github.com/colinmarc/hdfs/v2"
	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	commonpb "github.com/lodehq/lode/proto/hadoop/common"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// serve starts a Server with a little ClientProtocol.
func serve(t testing.TB, o Options, table map[string]Method) (*Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(o)
	s.Handle(ClientProtocol, Methods(table))
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s, l.Addr().String()
}

func status(path string) *hdfspb.HdfsFileStatusProto {
	return &hdfspb.HdfsFileStatusProto{
		FileType: hdfspb.HdfsFileStatusProto_IS_FILE.Enum(), Path: []byte(path), Length: proto.Uint64(42),
		Permission: &hdfspb.FsPermissionProto{Perm: proto.Uint32(0o644)}, Owner: proto.String("alice"), Group: proto.String("staff"),
		ModificationTime: proto.Uint64(1), AccessTime: proto.Uint64(2), FileId: proto.Uint64(16386),
	}
}

func getFileInfo(_ context.Context, c *Call, req *hdfspb.GetFileInfoRequestProto) (*hdfspb.GetFileInfoResponseProto, error) {
	switch req.GetSrc() {
	case "/none", "/none/d":
		return nil, nil
	case "/forbidden":
		return nil, hdfs.Errorf(hdfs.AccessControl, "Permission denied: user=%s", c.User)
	case "/wrapped":
		return nil, fmt.Errorf("while looking: %w", hdfs.Errorf(hdfs.FileNotFound, "gone"))
	case "/plain":
		return nil, errors.New("plain")
	case "/panic":
		panic("boom")
	}
	st := status("")
	if req.GetSrc() == "/dir" {
		st.FileType = hdfspb.HdfsFileStatusProto_IS_DIR.Enum()
	}
	return &hdfspb.GetFileInfoResponseProto{Fs: st}, nil
}

func table() map[string]Method {
	return map[string]Method{
		"getFileInfo": Inline(getFileInfo),
		"getListing": Unary(func(_ context.Context, c *Call, req *hdfspb.GetListingRequestProto) (*hdfspb.GetListingResponseProto, error) {
			list := &hdfspb.DirectoryListingProto{RemainingEntries: proto.Uint32(0)}
			for i := range 300 {
				list.PartialListing = append(list.PartialListing, status(fmt.Sprintf("file-%04d", i)))
			}
			return &hdfspb.GetListingResponseProto{DirList: list}, nil
		}),
		"mkdirs": Async(func(_ context.Context, c *Call, req *hdfspb.MkdirsRequestProto, reply func(*hdfspb.MkdirsResponseProto, error)) {
			go reply(&hdfspb.MkdirsResponseProto{Result: proto.Bool(len(c.ClientID) == 16)}, nil)
		}),
		"renewLease": Inline(func(context.Context, *Call, *hdfspb.RenewLeaseRequestProto) (*hdfspb.RenewLeaseResponseProto, error) {
			return nil, nil
		}),
	}
}

func hello(auth byte) []byte { return []byte{'h', 'r', 'p', 'c', 9, 0, auth} }

var testClientID = []byte("0123456789abcdef")

func introduction(user string) []byte {
	return appendRequest(nil, testClientID, callConnectionContext, -1, "", "", &commonpb.IpcConnectionContextProto{
		UserInfo: &commonpb.UserInformationProto{EffectiveUser: &user}})
}

func statRequest(id int32, path string) []byte {
	return appendRequest(nil, testClientID, id, 0, ClientProtocol, "getFileInfo", &hdfspb.GetFileInfoRequestProto{Src: &path})
}

func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// answerTo reads one frame and decodes its header.
func answerTo(t testing.TB, r io.Reader) (*commonpb.RpcResponseHeaderProto, []byte) {
	t.Helper()
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		t.Fatalf("read answer: %v", err)
	}
	b := make([]byte, binary.BigEndian.Uint32(head[:]))
	if _, err := io.ReadFull(r, b); err != nil {
		t.Fatalf("read answer: %v", err)
	}
	h, rest, err := delimited(b)
	if err != nil {
		t.Fatal(err)
	}
	var header commonpb.RpcResponseHeaderProto
	if err := proto.Unmarshal(h, &header); err != nil {
		t.Fatal(err)
	}
	return &header, rest
}

func TestGoldenFrames(t *testing.T) {
	_, address := serve(t, Options{}, table())
	c := dial(t, address)
	c.Write(bytes.Join([][]byte{hello(authNone), introduction("alice"), statRequest(5, "/none")}, nil))
	// Written out once by hand: length, header (call 5, SUCCESS, version 9, client id, retry 0), empty message.
	want, _ := hex.DecodeString("0000001c" + "1a" + "0805" + "1000" + "1809" + "3a10" + hex.EncodeToString(testClientID) + "4000" + "00")
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("answer\n got %x\nwant %x", got, want)
	}
}

func TestErrorsKeepTheirClass(t *testing.T) {
	_, address := serve(t, Options{Logger: slog.New(slog.DiscardHandler)}, table())
	c := dial(t, address)
	c.Write(append(hello(authNone), introduction("alice")...))
	for _, tc := range []struct{ path, class, text string }{
		{"/forbidden", hdfs.AccessControl, "Permission denied: user=alice"},
		{"/wrapped", hdfs.FileNotFound, "gone"},
		{"/plain", hdfs.IOException, "plain"},
		{"/panic", hdfs.IOException, "internal error in getFileInfo: boom"},
	} {
		c.Write(statRequest(1, tc.path))
		h, rest := answerTo(t, c)
		if h.GetExceptionClassName() != tc.class || h.GetErrorMsg() != tc.text || h.GetStatus() != commonpb.RpcResponseHeaderProto_ERROR ||
			h.GetErrorDetail() != commonpb.RpcResponseHeaderProto_ERROR_APPLICATION || len(rest) > 0 {
			t.Errorf("%s: %v, and %d bytes", tc.path, h, len(rest))
		}
	}
	c.Write(appendRequest(nil, testClientID, 1, 0, ClientProtocol, "noSuchMethod", &hdfspb.GetFileInfoRequestProto{}))
	if h, _ := answerTo(t, c); h.GetErrorDetail() != commonpb.RpcResponseHeaderProto_ERROR_NO_SUCH_METHOD || h.GetExceptionClassName() != hdfs.RPCNoSuchMethod {
		t.Error(h)
	}
	c.Write(appendRequest(nil, testClientID, 1, 0, "no.such.Protocol", "getFileInfo", &hdfspb.GetFileInfoRequestProto{}))
	if h, _ := answerTo(t, c); h.GetErrorDetail() != commonpb.RpcResponseHeaderProto_ERROR_NO_SUCH_PROTOCOL || h.GetExceptionClassName() != hdfs.RPCNoSuchProtocol {
		t.Error(h)
	}
	c.Write(appendRequest(nil, testClientID, 1, 0, ClientProtocol, "getFileInfo", &hdfspb.GetFileInfoRequestProto{}))
	if h, _ := answerTo(t, c); h.GetStatus() != commonpb.RpcResponseHeaderProto_ERROR || h.GetExceptionClassName() != hdfs.RPCServerException {
		t.Error(h)
	}
	c.Write(statRequest(7, "/")) // the connection lives
	if h, rest := answerTo(t, c); h.GetCallId() != 7 || h.GetStatus() != commonpb.RpcResponseHeaderProto_SUCCESS || len(rest) == 0 {
		t.Error(h)
	}
}

// TestHangUps sends what ends a connection, and wants the words before the end.
func TestHangUps(t *testing.T) {
	_, address := serve(t, Options{}, table())
	start := append(hello(authNone), introduction("alice")...)
	frame := func(b ...byte) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...) }
	edit := func(old, new string) []byte {
		b, _ := hex.DecodeString(strings.Replace(hex.EncodeToString(statRequest(1, "/")), old, new, 1))
		return b
	}
	for name, tc := range map[string]struct {
		send []byte
		want string
	}{
		"http":                 {[]byte("GET / HTTP/1.1\r\n\r\n"), "HTTP/1.1 404"},
		"magic":                {[]byte("XXXX\x09\x00\x00"), hdfs.RPCVersionMismatch},
		"version 10":           {[]byte("hrpc\x0a\x00\x00"), hdfs.RPCVersionMismatch},
		"version 8":            {[]byte("hrpc\x08\x00"), "\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x29" + hdfs.RPCVersionMismatch},
		"version 200":          {[]byte("hrpc\xc8\x00"), ""},
		"auth":                 {hello(0x55), "authentication"},
		"no context":           {append(hello(authNone), statRequest(1, "/")...), "context not found"},
		"two contexts":         {append(bytes.Clone(start), introduction("bob")...), "already processed"},
		"SASL unasked":         {append(bytes.Clone(start), appendRequest(nil, nil, callSASL, -1, "", "", &commonpb.RpcSaslProto{State: commonpb.RpcSaslProto_NEGOTIATE.Enum()})...), "not requested"},
		"bad call id":          {append(bytes.Clone(start), appendRequest(nil, nil, -5, -1, "", "", &commonpb.RpcSaslProto{State: commonpb.RpcSaslProto_NEGOTIATE.Enum()})...), "out of band call #-5"},
		"kind":                 {append(bytes.Clone(start), edit("08021000", "08011000")...), "RPC kind"},
		"op":                   {append(bytes.Clone(start), edit("08021000", "08021001")...), "RPC operation"},
		"long frame":           {append(bytes.Clone(start), 0x7f, 0xff, 0xff, 0xff), "ipc.maximum.data.length"},
		"negative frame":       {append(bytes.Clone(start), 0xff, 0xff, 0xff, 0xff), "ipc.maximum.data.length"},
		"delimiter past frame": {append(bytes.Clone(start), frame(0x50, 1, 2)...), "request header"},
		"endless varint":       {append(bytes.Clone(start), frame(bytes.Repeat([]byte{0xff}, 60)...)...), "request header"},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, address)
			c.Write(tc.send)
			got, err := io.ReadAll(c)
			if err != nil {
				t.Fatalf("after %q: %v", got, err)
			}
			if !strings.Contains(string(got), tc.want) || tc.want == "" && len(got) > 0 {
				t.Fatalf("got %q, want %q in it", got, tc.want)
			}
		})
	}
}

func TestPingAndByteByByte(t *testing.T) {
	_, address := serve(t, Options{}, table())
	c := dial(t, address)
	ping := appendRequest(nil, testClientID, callPing, -1, "", "", &hdfspb.GetFileInfoRequestProto{})
	ping = ping[:len(ping)-1] // a ping is a header and nothing else
	binary.BigEndian.PutUint32(ping, uint32(len(ping)-4))
	for _, b := range bytes.Join([][]byte{hello(authNone), introduction("a/host@REALM"), ping, statRequest(3, "/forbidden")}, nil) {
		c.Write([]byte{b})
	}
	if h, _ := answerTo(t, c); h.GetCallId() != 3 || h.GetErrorMsg() != "Permission denied: user=a" {
		t.Fatal(h)
	}
}

func TestTokenClientIsToldToGoOn(t *testing.T) {
	_, address := serve(t, Options{}, table())
	c := dial(t, address)
	negotiate := appendRequest(nil, nil, callSASL, -1, "", "", &commonpb.RpcSaslProto{State: commonpb.RpcSaslProto_NEGOTIATE.Enum()})
	c.Write(append(hello(authSASL), negotiate...))
	h, rest := answerTo(t, c)
	var msg commonpb.RpcSaslProto
	if body, _, err := delimited(rest); err != nil || proto.Unmarshal(body, &msg) != nil {
		t.Fatal(err)
	}
	if int32(h.GetCallId()) != callSASL || msg.GetState() != commonpb.RpcSaslProto_SUCCESS {
		t.Fatal(h, &msg)
	}
	c.Write(append(introduction("spark"), statRequest(1, "/forbidden")...))
	if h, _ := answerTo(t, c); h.GetErrorMsg() != "Permission denied: user=spark" {
		t.Fatal(h)
	}
}

func TestProxyUser(t *testing.T) {
	_, address := serve(t, Options{Authorize: func(user, realUser string, from netip.Addr) error {
		if realUser == "oozie" && from.IsLoopback() {
			return nil
		}
		return fmt.Errorf("User: %s is not allowed to impersonate %s", realUser, user)
	}}, table())
	for _, real := range []string{"oozie", "mallory"} {
		cl := NewClient(ClientOptions{Addresses: []string{address}, Protocol: ClientProtocol, User: "alice", RealUser: real})
		err := cl.Call(t.Context(), "getFileInfo", &hdfspb.GetFileInfoRequestProto{Src: proto.String("/")}, &hdfspb.GetFileInfoResponseProto{})
		var e *hdfs.Exception
		if real == "oozie" && err != nil || real != "oozie" && (!errors.As(err, &e) || e.Class != hdfs.AuthorizationException) {
			t.Errorf("%s: %v", real, err)
		}
		cl.Close()
	}
}

func TestColinmarcClient(t *testing.T) {
	_, address := serve(t, Options{}, table())
	c, err := colinmarc.NewClient(colinmarc.ClientOptions{Addresses: []string{address}, User: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if fi, err := c.Stat("/x"); err != nil || fi.Size() != 42 {
		t.Fatal(fi, err)
	}
	if _, err := c.Stat("/wrapped"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if _, err := c.Stat("/forbidden"); !errors.Is(err, fs.ErrPermission) {
		t.Fatal(err)
	}
	if err := c.MkdirAll("/none/d", 0o755); err != nil {
		t.Fatal(err)
	}
	if l, err := c.ReadDir("/dir"); err != nil || len(l) != 300 {
		t.Fatal(len(l), err)
	}
}

func TestPipelinedCallsAllAnswered(t *testing.T) {
	s, address := serve(t, Options{MaxInFlight: 16}, table())
	c := dial(t, address)
	const n = 5000
	go func() {
		b := append(hello(authNone), introduction("alice")...)
		for i := range int32(n) {
			if i%2 == 0 {
				b = append(b, statRequest(i, "/")...)
			} else {
				b = append(b, appendRequest(nil, testClientID, i, 0, ClientProtocol, "mkdirs", &hdfspb.MkdirsRequestProto{Src: proto.String("/d"), CreateParent: proto.Bool(true), Masked: &hdfspb.FsPermissionProto{Perm: proto.Uint32(0o755)}})...)
			}
		}
		c.Write(b)
	}()
	seen := map[uint32]bool{}
	for range n {
		h, _ := answerTo(t, c)
		if h.GetStatus() != commonpb.RpcResponseHeaderProto_SUCCESS {
			t.Fatal(h)
		}
		seen[h.GetCallId()] = true
	}
	if len(seen) != n {
		t.Fatalf("%d of %d calls answered", len(seen), n)
	}
	if st := s.Stats(); st.Calls != n || len(st.Methods) != 2 || st.Methods[0].Calls != n/2 || st.Methods[0].Nanos == 0 {
		t.Errorf("%+v", st)
	}
}

func TestAnnouncedMemoryIsNotTaken(t *testing.T) {
	_, address := serve(t, Options{}, table())
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const conns = 40
	var last net.Conn
	for range conns {
		last = dial(t, address)
		b := append(hello(authNone), introduction("alice")...)
		b = append(b, statRequest(1, "/")...)
		b = binary.BigEndian.AppendUint32(b, 100<<20)
		last.Write(append(b, bytes.Repeat([]byte{1}, 100)...))
		answerTo(t, last) // the server has read what we sent
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.TotalAlloc - before.TotalAlloc); grown > 32<<20 {
		t.Fatalf("%d MiB allocated for announcements", grown>>20)
	}
}

func TestLargeRequestsShareABudget(t *testing.T) {
	s, address := serve(t, Options{MaxFrame: 3<<20 - 4, MaxPending: 3 << 20, PeerTimeout: 10 * time.Second}, table())
	big := strings.Repeat("x", 2<<20)
	var wg sync.WaitGroup
	for range 4 { // each needs 2 MiB of 3: they take turns
		wg.Add(1)
		go func() {
			defer wg.Done()
			c := dial(t, address)
			c.Write(bytes.Join([][]byte{hello(authNone), introduction("alice"), statRequest(1, big)}, nil))
			answerTo(t, c)
			c.Close()
		}()
	}
	wg.Wait()
	// What connections hold is given back when they go.
	for deadline := time.Now().Add(5 * time.Second); s.Stats().OpenConnections > 0 && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	s.pending.mu.Lock()
	defer s.pending.mu.Unlock()
	if s.pending.free != 3<<20 {
		t.Fatalf("%d of %d bytes came back", s.pending.free, 3<<20)
	}
}

func TestClientThatNeverReads(t *testing.T) {
	_, address := serve(t, Options{PeerTimeout: 300 * time.Millisecond}, table())
	c := dial(t, address)
	c.(*net.TCPConn).SetReadBuffer(4096)
	c.Write(append(hello(authNone), introduction("alice")...))
	list := appendRequest(nil, testClientID, 1, 0, ClientProtocol, "getListing", &hdfspb.GetListingRequestProto{Src: proto.String("/"), StartAfter: []byte{}, NeedLocation: proto.Bool(false)})
	for { // until the server hangs up: it must, and a good client is served meanwhile
		if _, err := c.Write(list); err != nil {
			if errors.Is(err, errTimeout(err)) {
				t.Fatal("the server never hung up")
			}
			break
		}
	}
	good := dial(t, address)
	good.Write(bytes.Join([][]byte{hello(authNone), introduction("bob"), statRequest(1, "/")}, nil))
	answerTo(t, good)
}

func errTimeout(err error) error {
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		return err
	}
	return io.ErrNoProgress
}

func TestHalfAFrameTimesOut(t *testing.T) {
	_, address := serve(t, Options{PeerTimeout: 50 * time.Millisecond}, table())
	for _, b := range [][]byte{{}, []byte("hr"), hello(authNone)[:6], append(append(hello(authNone), introduction("a")...), 0, 0, 1)} {
		c := dial(t, address)
		c.Write(b)
		if _, err := io.ReadAll(c); err != nil {
			t.Errorf("%q: %v", b, err)
		}
	}
}

func FuzzServerFrame(f *testing.F) {
	f.Add(statRequest(1, "/")[4:])
	f.Add(introduction("alice")[4:])
	f.Add(appendRequest(nil, nil, callSASL, -1, "", "", &commonpb.RpcSaslProto{State: commonpb.RpcSaslProto_NEGOTIATE.Enum()})[4:])
	s := NewServer(Options{})
	s.Handle(ClientProtocol, Methods(map[string]Method{"getFileInfo": Inline(func(context.Context, *Call, *hdfspb.GetFileInfoRequestProto) (*hdfspb.GetFileInfoResponseProto, error) {
		return nil, nil
	})}))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, _ := net.Pipe()
		c := newConn(s, a)
		c.introduced = len(b)%2 == 0
		c.frame(b) // must not panic; what it answers stays in c.out
	})
}

func FuzzClientAnswer(f *testing.F) {
	b, _ := appendAnswer(nil, &answerHeader{callID: 1, clientID: testClientID}, &hdfspb.GetFileInfoResponseProto{Fs: status("x")}, 1<<20)
	f.Add(b[4:])
	f.Fuzz(func(t *testing.T, b []byte) {
		answerID(b)
		decodeAnswer(b, &hdfspb.GetFileInfoResponseProto{})
	})
}
