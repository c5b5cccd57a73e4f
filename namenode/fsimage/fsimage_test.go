package fsimage

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/vfs"
	"github.com/lodehq/lode/namenode/journal"
	"github.com/lodehq/lode/namenode/namespace"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
)

var rewrite = flag.Bool("rewrite", false, "write what testdata should hold")

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// apache copies the directory of an Apache 3.4 namenode: ACLs, attributes, quotas, a policy, two snapshots with renames across them.
func apache(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "current"), os.DirFS("testdata/apache")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func importTo(t *testing.T, from, to string) (Imported, error) {
	t.Helper()
	return Import(context.Background(), ImportConfig{FS: vfs.OS(), From: from, Dir: to, Logger: quiet()})
}

// TestImport imports Apache's directory and reads back what the new one holds.
func TestImport(t *testing.T) {
	to := filepath.Join(t.TempDir(), "name")
	got, err := importTo(t, apache(t), to)
	if err != nil {
		t.Fatal(err)
	}
	if got.Files != 9 || got.Directories != 10 || got.Snapshots != 2 || got.Transaction != 97 {
		t.Fatalf("%+v", got)
	}
	id, err := journal.LoadIdentity(vfs.OS(), to)
	if err != nil || !id.Begun || id.BlockPoolID != "BP-1164812711-127.0.0.1-1795624880847" || id.ClusterID != "CID-668203ed-0535-4c55-858a-eb2dd65db7c5" {
		t.Fatalf("%+v %v", id, err)
	}
	n, err := Load(to, namespace.Options{}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	text := everything(t, n)
	if *rewrite {
		if err := os.WriteFile("testdata/apache.txt", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/apache.txt")
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("it holds (run with -rewrite to accept)\n%s", difference(string(want), text))
	}
	if _, err := importTo(t, apache(t), to); err == nil || !strings.Contains(err.Error(), "already") {
		t.Fatalf("a second import into the same directory: %v", err)
	}
}

// TestJournalGoesOn opens the journal of an imported directory, writes to it, and reads both back.
func TestJournalGoesOn(t *testing.T) {
	to := filepath.Join(t.TempDir(), "name")
	if _, err := importTo(t, apache(t), to); err != nil {
		t.Fatal(err)
	}
	m := &replay{n: namespace.New(namespace.Options{}, nil)}
	leads := make(chan bool, 4)
	j, err := journal.Open(journal.Config{Dir: to, Machine: m, Logger: quiet(), MustExist: true, OnLeader: func(l bool) { leads <- l }})
	if err != nil {
		t.Fatal(err)
	}
	<-leads
	cmd, err := namespace.EncodeCommand(namespace.Header{TimeMS: 1, User: "root", Superuser: true}, &hdfspb.MkdirsRequestProto{Src: proto.String("/new"),
		Masked: &hdfspb.FsPermissionProto{Perm: proto.Uint32(0o755)}, CreateParent: proto.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	j.Propose(journal.Proposal{Data: cmd})
	if err := j.Barrier(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	n, err := Load(to, namespace.Options{}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	if text := everything(t, n); !strings.Contains(text, "/new d") || !strings.Contains(text, "/a/b/f5m") {
		t.Fatalf("it holds\n%s", text)
	}
}

// TestRefused changes the directory so that an import must not be done.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(dir string) error
		want   string
	}{
		"changes after the image": {func(dir string) error {
			edits := append([]byte{0xff, 0xff, 0xff, 0xbd, 0, 0, 0, 0}, operation(opStartSegment, 98)...)
			edits = append(edits, operation(3, 99)...)
			return os.WriteFile(filepath.Join(dir, "edits_inprogress_0000000000000000098"), append(edits, operation(3, 100)...), 0o600)
		}, "2 changes came after the newest image, which ends with transaction 97, and Lode does not read Apache's edit logs: start Apache's namenode and run: hdfs dfsadmin -safemode enter && hdfs dfsadmin -saveNamespace"},
		"edits elsewhere": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "seen_txid"), []byte("500\n"), 0o600)
		}, ""},
		"journal nodes": {func(dir string) error {
			_ = os.WriteFile(filepath.Join(dir, "seen_txid"), []byte("500\n"), 0o600)
			return os.Remove(filepath.Join(dir, "edits_inprogress_0000000000000000098"))
		}, "transactions up to 499 were seen"},
		"a flipped bit": {func(dir string) error {
			name := filepath.Join(dir, "fsimage_0000000000000000097")
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			b[len(b)/2] ^= 1
			return os.WriteFile(name, b, 0o600)
		}, "it is damaged; use another of Apache's name directories"},
		"no image":   {func(dir string) error { return os.Remove(filepath.Join(dir, "fsimage_0000000000000000097.md5")) }, "holds no fsimage_N"},
		"no VERSION": {func(dir string) error { return os.Remove(filepath.Join(dir, "VERSION")) }, "holds no VERSION"},
		"another cluster's VERSION": {func(dir string) error {
			b, err := os.ReadFile(filepath.Join(dir, "VERSION"))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, "VERSION"), bytes.Replace(b, []byte("namespaceID=2"), []byte("namespaceID=1"), 1), 0o600)
		}, "its namespace id is"},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := apache(t), filepath.Join(t.TempDir(), "name")
			if err := c.change(filepath.Join(from, "current")); err != nil {
				t.Fatal(err)
			}
			_, err := importTo(t, from, to)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if _, err := journal.LoadIdentity(vfs.OS(), to); err == nil {
				t.Fatal("the directory has an identity")
			}
		})
	}
}

func operation(code byte, txid byte) []byte {
	return []byte{code, 0, 0, 0, 14, 0, 0, 0, 0, 0, 0, 0, txid, 7, 7, 1, 2, 3, 4}
}

// TestRoundTrip makes namespaces by random commands, writes and reads them, and expects to find the same in all snapshots.
func TestRoundTrip(t *testing.T) {
	seeds := int64(40)
	if testing.Short() {
		seeds = 8
	}
	for seed := range seeds {
		n := random(t, seed, 300)
		var b bytes.Buffer
		if err := Write(&b, n); err != nil {
			t.Fatal(err)
		}
		c := n.Cluster()
		m, sum, err := Read(bytes.NewReader(b.Bytes()), int64(b.Len()), Cluster{c.GetClusterId(), c.GetBlockPoolId(), c.GetNamespaceId(), c.GetCtimeMs()}, options(), nil)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if s := n.Stats(); sum.Files != s.Files || sum.Directories != s.Directories || sum.OpenFiles != s.OpenFiles || sum.Snapshots != s.Snapshots {
			t.Fatalf("seed %d: read %+v of %+v", seed, sum, s)
		}
		if want, got := everything(t, n), everything(t, m); want != got {
			t.Fatalf("seed %d: %s", seed, difference(want, got))
		}
	}
}

func TestServe(t *testing.T) {
	n := random(t, 3, 200)
	var own bytes.Buffer
	if err := n.WriteImage(&own); err != nil {
		t.Fatal(err)
	}
	active := true
	h := NewHandler(HandlerConfig{Image: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(own.Bytes())), nil }, FS: vfs.OS(), Spool: t.TempDir(), Namespace: options(),
		Active: func() bool { return active }, Logger: quiet()})
	get := func(query string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/imagetransfer?"+query, nil))
		return w
	}
	w := get("getimage=1&txid=latest")
	if w.Code != 200 || w.Header().Get("Content-Length") != fmt.Sprint(w.Body.Len()) || w.Header().Get("X-Image-Edits-Name") == "" || w.Header().Get("X-MD5-Digest") == "" {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	c := n.Cluster()
	m, _, err := Read(bytes.NewReader(w.Body.Bytes()), int64(w.Body.Len()), Cluster{c.GetClusterId(), c.GetBlockPoolId(), c.GetNamespaceId(), c.GetCtimeMs()}, options(), nil)
	if err != nil || everything(t, m) != everything(t, n) {
		t.Fatalf("what was sent differs: %v", err)
	}
	if w := get("getedit=1"); w.Code != http.StatusBadRequest {
		t.Fatalf("edits: %d", w.Code)
	}
	if w := get("getimage=1&txid=3"); w.Code != http.StatusNotFound {
		t.Fatalf("an old image: %d", w.Code)
	}
	active = false
	if w := get("getimage=1&txid=latest"); w.Code != http.StatusServiceUnavailable {
		t.Fatalf("a follower: %d", w.Code)
	}
}

func options() namespace.Options {
	return namespace.Options{MinBlockSize: 16, EventBuffer: -1, ListLimit: 1 << 20}
}

// random is a namespace after random commands.
func random(t *testing.T, seed int64, steps int) *namespace.Namespace {
	t.Helper()
	n := namespace.New(options(), nil)
	rng := rand.New(rand.NewSource(seed))
	now := int64(1_700_000_000_000)
	do := func(req proto.Message) (proto.Message, error) {
		now += 1000
		return n.Apply(namespace.Header{TimeMS: now, User: "hdfs", Superuser: true, CallID: -1, ClientMachine: "m"}, req)
	}
	if _, err := do(&journalpb.Format{ClusterId: proto.String("C"), BlockPoolId: proto.String("BP"), NamespaceId: proto.Uint32(1), CtimeMs: proto.Int64(1)}); err != nil {
		t.Fatal(err)
	}
	names := []string{"a", "b", "c", "é"}
	path := func() (p string) {
		for i := 0; i <= rng.Intn(3); i++ {
			p += "/" + names[rng.Intn(len(names))]
		}
		return p
	}
	perm := func(p uint32) *hdfspb.FsPermissionProto { return &hdfspb.FsPermissionProto{Perm: &p} }
	for range steps {
		p, q := path(), path()
		switch rng.Intn(16) {
		case 0, 1, 2:
			do(&hdfspb.MkdirsRequestProto{Src: &p, Masked: perm(0o755), CreateParent: proto.Bool(true)})
		case 3, 4, 5:
			if _, err := do(&hdfspb.CreateRequestProto{Src: &p, Masked: perm(0o640), ClientName: proto.String("w"), CreateFlag: proto.Uint32(3), CreateParent: proto.Bool(true), Replication: proto.Uint32(uint32(1 + rng.Intn(3))), BlockSize: proto.Uint64(100)}); err != nil {
				continue
			}
			var last *hdfspb.ExtendedBlockProto
			for range rng.Intn(3) {
				r, err := do(&hdfspb.AddBlockRequestProto{Src: &p, ClientName: proto.String("w"), Previous: last})
				if err != nil {
					t.Fatal(err)
				}
				last = r.(*hdfspb.AddBlockResponseProto).Block.B
				last.NumBytes = proto.Uint64(100)
			}
			if rng.Intn(5) > 0 {
				do(&hdfspb.CompleteRequestProto{Src: &p, ClientName: proto.String("w"), Last: last})
			}
		case 6:
			do(&hdfspb.DeleteRequestProto{Src: &p, Recursive: proto.Bool(true)})
		case 7, 8:
			do(&hdfspb.Rename2RequestProto{Src: &p, Dst: &q, OverwriteDest: proto.Bool(true)})
		case 9:
			do(&hdfspb.SetPermissionRequestProto{Src: &p, Permission: perm(uint32(0o1700 + rng.Intn(8)))})
			do(&hdfspb.SetOwnerRequestProto{Src: &q, Username: proto.String(fmt.Sprint("u", rng.Intn(4))), Groupname: proto.String("g")})
		case 10:
			ns := hdfspb.XAttrProto_XAttrNamespaceProto(rng.Intn(2))
			do(&hdfspb.SetXAttrRequestProto{Src: &p, XAttr: &hdfspb.XAttrProto{Namespace: &ns, Name: proto.String("k"), Value: []byte{byte(rng.Intn(5))}}, Flag: proto.Uint32(3)})
		case 11:
			act, typ, scope := hdfspb.AclEntryProto_READ, hdfspb.AclEntryProto_USER, hdfspb.AclEntryProto_ACCESS
			do(&hdfspb.ModifyAclEntriesRequestProto{Src: &p, AclSpec: []*hdfspb.AclEntryProto{{Type: &typ, Scope: &scope, Permissions: &act, Name: proto.String("bob")}}})
		case 12:
			do(&hdfspb.SetStoragePolicyRequestProto{Src: &p, PolicyName: proto.String([]string{"COLD", "HOT", "ALL_SSD"}[rng.Intn(3)])})
			do(&hdfspb.SetQuotaRequestProto{Path: &q, NamespaceQuota: proto.Uint64(100), StoragespaceQuota: proto.Uint64(1 << 40)})
		case 13:
			do(&hdfspb.AllowSnapshotRequestProto{SnapshotRoot: &p})
			do(&hdfspb.CreateSnapshotRequestProto{SnapshotRoot: &p, SnapshotName: proto.String(fmt.Sprint("s", rng.Intn(3)))})
		case 14:
			if list := n.Snapshots(); len(list) > 0 {
				s := list[rng.Intn(len(list))]
				dir, _ := n.PathOf(s.Dir)
				do(&hdfspb.DeleteSnapshotRequestProto{SnapshotRoot: &dir, SnapshotName: &s.Name})
			}
		case 15:
			do(&hdfspb.TruncateRequestProto{Src: &p, NewLength: proto.Uint64(100), ClientName: proto.String("w")})
		}
	}
	return n
}

// everything is what a superuser can read of a namespace, snapshots too.
func everything(t *testing.T, n *namespace.Namespace) string {
	t.Helper()
	var out strings.Builder
	dump(t, n, "/", &out)
	for _, s := range n.Snapshots() {
		dir, _ := n.PathOf(s.Dir)
		fmt.Fprintf(&out, "snapshot %d of %s: %s, %d\n", s.ID, dir, s.Name, s.CTime)
		dump(t, n, strings.TrimSuffix(dir, "/")+"/.snapshot/"+s.Name, &out)
	}
	for _, id := range n.SnapshottableDirs() {
		fmt.Fprintf(&out, "snapshottable %d\n", id)
	}
	for _, f := range n.OpenFiles() {
		fmt.Fprintf(&out, "open %s by %s on %s\n", f.Path, f.Holder, f.ClientMachine)
	}
	s := n.Stats()
	fmt.Fprintf(&out, "%+v\n", s)
	return out.String()
}

func dump(t *testing.T, n *namespace.Namespace, path string, out *strings.Builder) {
	t.Helper()
	c := namespace.Caller{User: "hdfs", Superuser: true}
	r, err := n.GetFileInfo(c, &hdfspb.GetFileInfoRequestProto{Src: &path})
	if err != nil || r.Fs == nil {
		t.Fatalf("%s: %v %v", path, r, err)
	}
	st := r.Fs
	kind := "-"
	if st.GetFileType() == hdfspb.HdfsFileStatusProto_IS_DIR {
		kind = "d"
	}
	fmt.Fprintf(out, "%s %s %d %o %s:%s %d bytes, %d of %d, policy %d, %d %d, flags %d", path, kind, st.GetFileId(), st.Permission.GetPerm(), st.GetOwner(), st.GetGroup(), st.GetLength(),
		st.GetBlockReplication(), st.GetBlocksize(), st.GetStoragePolicy(), st.GetModificationTime(), st.GetAccessTime(), st.GetFlags())
	a, err := n.GetAclStatus(c, &hdfspb.GetAclStatusRequestProto{Src: &path})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range a.Result.Entries {
		fmt.Fprintf(out, " %v:%v:%s:%d", e.GetScope(), e.GetType(), e.GetName(), e.GetPermissions())
	}
	x, err := n.GetXAttrs(c, &hdfspb.GetXAttrsRequestProto{Src: &path})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range x.XAttrs {
		fmt.Fprintf(out, " %v.%s=%x", e.GetNamespace(), e.GetName(), e.Value)
	}
	if kind == "-" {
		_, blocks, err := n.FileByPath(c, path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(out, " %v\n", blocks)
		return
	}
	q, err := n.GetQuotaUsage(c, &hdfspb.GetQuotaUsageRequestProto{Path: &path})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(out, " quota %d %d, uses %d %d", int64(q.Usage.GetQuota()), int64(q.Usage.GetSpaceQuota()), q.Usage.GetFileAndDirectoryCount(), q.Usage.GetSpaceConsumed())
	for _, u := range q.Usage.GetTypeQuotaInfos().GetTypeQuotaInfo() {
		fmt.Fprintf(out, " %v %d %d", u.GetType(), int64(u.GetQuota()), u.GetConsumed())
	}
	out.WriteByte('\n')
	l, err := n.GetListing(c, &hdfspb.GetListingRequestProto{Src: &path, StartAfter: []byte{}, NeedLocation: proto.Bool(false)})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range l.DirList.PartialListing {
		dump(t, n, strings.TrimSuffix(path, "/")+"/"+string(e.Path), out)
	}
}

func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		a, b := "", ""
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, a, b)
		}
	}
	return ""
}
