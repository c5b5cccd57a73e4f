package namenode

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	colinmarc "github.com/colinmarc/hdfs/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/namenode/blockmap"
	commonpb "github.com/lodehq/lode/proto/hadoop/common"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
)

func testConfig(dir string) Config {
	return Config{Dir: dir, User: "hdfs", RPCAddress: "127.0.0.1:0", BlockMap: blockmap.TrainingConfig(), Logger: slog.New(slog.DiscardHandler),
		GroupMapping: "alice=staff;bob=staff,supergroup;carol=;hdfs="}
}

func start(t testing.TB, cfg Config) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s, err := Start(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func as(t testing.TB, s *Server, user string) *colinmarc.Client {
	t.Helper()
	c, err := colinmarc.NewClient(colinmarc.ClientOptions{Addresses: []string{s.Addr()}, User: user})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestForeignClientAndRestart(t *testing.T) {
	cfg := testConfig(t.TempDir())
	s := start(t, cfg)
	c := as(t, s, "hdfs")
	if err := c.MkdirAll("/a/b/c", 0o750); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateEmptyFile("/a/f"); err != nil {
		t.Fatal(err)
	}
	if err := c.Chown("/a/f", "alice", "staff"); err != nil {
		t.Fatal(err)
	}
	if _, err := as(t, s, "carol").ReadDir("/a/b/c"); !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
	if err := as(t, s, "bob").Chmod("/a/f", 0o600); err != nil {
		t.Error("a member of the supergroup is refused:", err)
	}
	if err := as(t, s, "alice").Mkdir("/mine", 0o755); !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
	before := s.Identity()
	if err := s.WriteImage(); err != nil {
		t.Fatal(err)
	}
	if err := c.Rename("/a/f", "/a/g"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = start(t, cfg)
	if s.Identity() != before || before.ClusterID == "" || !before.Begun {
		t.Errorf("identity was %+v, is %+v", before, s.Identity())
	}
	fi, err := as(t, s, "hdfs").Stat("/a/g")
	if err != nil {
		t.Fatal(err)
	}
	if st := fi.(*colinmarc.FileInfo); st.Owner() != "alice" || st.OwnerGroup() != "staff" || st.Mode().Perm() != 0o600 {
		t.Errorf("%s %s %v", st.Owner(), st.OwnerGroup(), st.Mode())
	}
}

// TestEveryMethodAnswers calls every method of every protocol that Apache's namenode has, with an empty request.
func TestEveryMethodAnswers(t *testing.T) {
	s := start(t, testConfig(t.TempDir()))
	total := 0
	for file, protocols := range map[string]map[string]string{
		"proto/hadoop/hdfs/ClientNamenodeProtocol.proto":               {"ClientNamenodeProtocol": hrpc.ClientProtocol},
		"proto/hadoop/hdfs/ReconfigurationProtocol.proto":              {"ReconfigurationProtocolService": hrpc.Reconfiguration},
		"proto/hadoop/common/HAServiceProtocol.proto":                  {"HAServiceProtocolService": hrpc.HAServiceProtocol},
		"proto/hadoop/common/RefreshUserMappingsProtocol.proto":        {"RefreshUserMappingsProtocolService": hrpc.RefreshUserMappings},
		"proto/hadoop/common/RefreshAuthorizationPolicyProtocol.proto": {"RefreshAuthorizationPolicyProtocolService": hrpc.RefreshAuthorizationPolicy},
		"proto/hadoop/common/RefreshCallQueueProtocol.proto":           {"RefreshCallQueueProtocolService": hrpc.RefreshCallQueue},
		"proto/hadoop/common/GenericRefreshProtocol.proto":             {"GenericRefreshProtocolService": hrpc.GenericRefresh},
		"proto/hadoop/common/GetUserMappingsProtocol.proto":            {"GetUserMappingsProtocolService": hrpc.GetUserMappings},
		"proto/hadoop/common/ProtocolInfo.proto":                       {"ProtocolInfoService": hrpc.ProtocolMetaInfo},
		"proto/hadoop/datanode/DatanodeProtocol.proto":                 {"DatanodeProtocolService": hrpc.DatanodeProtocol},
		"proto/hadoop/namenode/NamenodeProtocol.proto":                 {"NamenodeProtocolService": hrpc.NamenodeProtocol},
	} {
		fd, err := protoregistry.GlobalFiles.FindFileByPath(file)
		if err != nil {
			t.Fatal(err)
		}
		for service, protocol := range protocols {
			sd := fd.Services().ByName(protoreflect.Name(service))
			if sd == nil {
				t.Fatalf("%s has no service %s", file, service)
			}
			for i := range sd.Methods().Len() {
				name := string(sd.Methods().Get(i).Name())
				total++
				h := s.Handler(protocol)
				if h == nil {
					t.Fatalf("%s is not served", protocol)
				}
				for _, user := range []string{"hdfs", "carol"} {
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
					_, err := h.ServeRPC(ctx, &hrpc.Call{Protocol: protocol, Method: name, User: user, CallID: 1, RemoteIP: netip.MustParseAddr("127.0.0.1")}, nil)
					cancel()
					if c := hdfs.ClassOf(err); err != nil && (c == hdfs.RPCNoSuchMethod || errors.Is(err, context.DeadlineExceeded)) {
						t.Errorf("%s.%s: %v", protocol, name, err)
					}
				}
			}
		}
	}
	if total < 111+14+9+5 {
		t.Errorf("only %d methods", total)
	}
}

func call[Resp any, P interface {
	*Resp
	proto.Message
}](t *testing.T, s *Server, user, protocol, method string, req proto.Message) (P, error) {
	t.Helper()
	c := hrpc.NewClient(hrpc.ClientOptions{Addresses: []string{s.Addr()}, Protocol: protocol, User: user})
	defer c.Close()
	var resp P = new(Resp)
	err := c.Call(t.Context(), method, req, resp)
	return resp, err
}

func TestSafeModeRefusesChanges(t *testing.T) {
	s := start(t, testConfig(t.TempDir()))
	mkdir := &hdfspb.MkdirsRequestProto{Src: proto.String("/d"), CreateParent: proto.Bool(true), Masked: &hdfspb.FsPermissionProto{Perm: proto.Uint32(0o755)}}
	set := func(user string, a hdfspb.SafeModeActionProto) (bool, error) {
		r, err := call[hdfspb.SetSafeModeResponseProto](t, s, user, hrpc.ClientProtocol, "setSafeMode", &hdfspb.SetSafeModeRequestProto{Action: a.Enum()})
		return r.GetResult(), err
	}
	if _, err := set("carol", hdfspb.SafeModeActionProto_SAFEMODE_ENTER); hdfs.ClassOf(err) != hdfs.AccessControl {
		t.Error(err)
	}
	if on, err := set("hdfs", hdfspb.SafeModeActionProto_SAFEMODE_ENTER); err != nil || !on {
		t.Fatal(on, err)
	}
	_, err := call[hdfspb.MkdirsResponseProto](t, s, "hdfs", hrpc.ClientProtocol, "mkdirs", mkdir)
	if hdfs.ClassOf(err) != hdfs.SafeMode || !strings.HasPrefix(err.Error(), "Cannot create directory /d. Name node is in safe mode.\nIt was turned on manually.") {
		t.Error(err)
	}
	if _, err := call[hdfspb.SaveNamespaceResponseProto](t, s, "hdfs", hrpc.ClientProtocol, "saveNamespace", &hdfspb.SaveNamespaceRequestProto{}); err != nil {
		t.Error(err)
	}
	if on, err := set("hdfs", hdfspb.SafeModeActionProto_SAFEMODE_LEAVE); err != nil || on {
		t.Fatal(on, err)
	}
	if _, err := call[hdfspb.MkdirsResponseProto](t, s, "hdfs", hrpc.ClientProtocol, "mkdirs", mkdir); err != nil {
		t.Error(err)
	}
}

func TestOperatorsProtocols(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Conf = func() (*conf.Conf, error) {
		return conf.New(map[string]string{"hadoop.proxyuser.oozie.hosts": "127.0.0.0/8", "hadoop.proxyuser.oozie.groups": "staff"}), nil
	}
	s := start(t, cfg)
	groups, err := call[commonpb.GetGroupsForUserResponseProto](t, s, "carol", hrpc.GetUserMappings, "getGroupsForUser", &commonpb.GetGroupsForUserRequestProto{User: proto.String("bob")})
	if err != nil || strings.Join(groups.GetGroups(), ",") != "staff,supergroup" {
		t.Error(groups, err)
	}
	st, err := call[commonpb.GetServiceStatusResponseProto](t, s, "hdfs", hrpc.HAServiceProtocol, "getServiceStatus", &commonpb.GetServiceStatusRequestProto{})
	if err != nil || st.GetState() != commonpb.HAServiceStateProto_ACTIVE {
		t.Error(st, err)
	}
	local, remote := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.0.0.1")
	for _, tc := range []struct {
		user, real string
		from       netip.Addr
		want       string
	}{
		{"alice", "oozie", local, ""},
		{"carol", "oozie", local, "User: oozie is not allowed to impersonate carol"},
		{"alice", "oozie", remote, "Unauthorized connection for super-user: oozie from IP 10.0.0.1"},
		{"alice", "mallory", local, "User: mallory is not allowed to impersonate alice"},
	} {
		if err := s.users.Authorize(tc.user, tc.real, tc.from); fmt.Sprint(err) != tc.want && (err != nil || tc.want != "") {
			t.Errorf("%s for %s from %s: %v", tc.real, tc.user, tc.from, err)
		}
	}
	// A job's output appears whole: two files are moved and the marker is made in one command.
	c := as(t, s, "hdfs")
	for _, d := range []string{"/out", "/tmp/job"} {
		if err := c.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.CreateEmptyFile("/tmp/job/part-0"); err != nil {
		t.Fatal(err)
	}
	commit := &journalpb.CommitJob{Moves: []*journalpb.CommitJob_Move{{Src: proto.String("/tmp/job/part-0"), Dst: proto.String("/out/part-0")}},
		Deletes: []string{"/tmp/job"}, Marker: proto.String("/out/_SUCCESS")}
	if _, err := call[journalpb.CommitJobResponse](t, s, "hdfs", hrpc.NamenodeExtras, "commitJob", commit); err != nil {
		t.Fatal(err)
	}
	list, err := c.ReadDir("/out")
	if err != nil || len(list) != 2 {
		t.Error(list, err)
	}
	if _, err := c.Stat("/tmp/job"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestPortTakenIsSaidBeforeAnythingIsWritten(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := testConfig(t.TempDir())
	cfg.RPCAddress = l.Addr().String()
	_, err = Start(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "dfs.namenode.rpc-address") {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(cfg.Dir); len(entries) > 0 {
		t.Errorf("%v was written", entries)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	cfg := testConfig(t.TempDir())
	start(t, cfg)
	if _, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "another process uses") {
		t.Error(err)
	}
}

const childDir = "LODE_NAMENODE_TEST_DIR"

// TestMain lets the test binary be the namenode that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		s, err := Start(context.Background(), testConfig(dir))
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		fmt.Println(s.Addr())
		select {}
	}
	os.Exit(m.Run())
}

// TestKillLosesNoAcknowledgedChange kills the namenode while clients make directories, again and again.
func TestKillLosesNoAcknowledgedChange(t *testing.T) {
	dir := t.TempDir()
	rounds := 5
	if testing.Short() {
		rounds = 2
	}
	var mu sync.Mutex
	acked := map[string]bool{}
	for round := range rounds {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		sc := bufio.NewScanner(out)
		if !sc.Scan() || strings.HasPrefix(sc.Text(), "error") {
			t.Fatalf("round %d: the namenode does not start: %s", round, sc.Text())
		}
		c := hrpc.NewClient(hrpc.ClientOptions{Addresses: []string{sc.Text()}, Protocol: hrpc.ClientProtocol, User: "hdfs", Attempts: 1})
		var wg sync.WaitGroup
		enough := make(chan struct{})
		count := 0
		for g := range 16 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for i := 0; ; i++ {
					p := fmt.Sprintf("/r%d/g%d/d%d", round, g, i)
					var resp hdfspb.MkdirsResponseProto
					if err := c.Call(t.Context(), "mkdirs", &hdfspb.MkdirsRequestProto{Src: &p, CreateParent: proto.Bool(true), Masked: &hdfspb.FsPermissionProto{Perm: proto.Uint32(0o755)}}, &resp); err != nil {
						return
					}
					mu.Lock()
					acked[p] = true
					if count++; count == 300*(round+1) {
						close(enough)
					}
					mu.Unlock()
				}
			}()
		}
		<-enough
		cmd.Process.Kill()
		cmd.Wait()
		wg.Wait()
		c.Close()
	}
	c := as(t, start(t, testConfig(dir)), "hdfs")
	lost := 0
	for p := range acked {
		if _, err := c.Stat(p); err != nil {
			lost++
		}
	}
	if lost > 0 {
		t.Fatalf("%d of %d acknowledged directories are lost", lost, len(acked))
	}
}
