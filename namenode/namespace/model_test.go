package namespace

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math/rand"
	"sort"
	"strings"
	"testing"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/tree"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
	"google.golang.org/protobuf/proto"
)

// twin is a namespace as one would write it without caring for memory: nodes with maps, snapshots as deep copies.
type twin struct {
	root  *node
	snaps map[string]*node // "<path of directory> <name>"
}

type node struct {
	dir    bool
	kids   map[string]*node
	perm   uint32
	length int64
	xattr  string

	snapOK bool
}

func newDir(perm uint32) *node { return &node{dir: true, kids: map[string]*node{}, perm: perm} }

func (x *node) copy() *node {
	c := *x
	c.kids = map[string]*node{}
	for k, v := range x.kids {
		c.kids[k] = v.copy()
	}
	return &c
}

func (t *twin) find(path string) *node {
	x := t.root
	for _, p := range strings.Split(path, "/")[1:] {
		if p == "" {
			continue
		}
		if x == nil || !x.dir {
			return nil
		}
		x = x.kids[p]
	}
	return x
}

func parentOf(path string) (string, string) {
	i := strings.LastIndexByte(path, '/')
	if i == 0 {
		return "/", path[1:]
	}
	return path[:i], path[i+1:]
}

func (x *node) dump(path string, out *[]string) {
	kind := "-"
	if x.dir {
		kind = "d"
	}
	*out = append(*out, fmt.Sprintf("%s %s %o %d %s", path, kind, x.perm, x.length, x.xattr))
	var names []string
	for k := range x.kids {
		names = append(names, k)
	}
	sort.Slice(names, func(i, j int) bool { return tree.Compare([]byte(names[i]), []byte(names[j])) < 0 })
	for _, k := range names {
		x.kids[k].dump(strings.TrimSuffix(path, "/")+"/"+k, out)
	}
}

// dump is the same of the real one, through its reads.
func dumpReal(t *testing.T, n *Namespace, path, as string, out *[]string) {
	t.Helper()
	c := Caller{User: "hdfs", Superuser: true}
	st, err := n.GetFileInfo(c, &hdfspb.GetFileInfoRequestProto{Src: &path})
	if err != nil || st.Fs == nil {
		t.Fatalf("%s: %v %v", path, st, err)
	}
	kind := "-"
	if st.Fs.GetFileType() == hdfspb.HdfsFileStatusProto_IS_DIR {
		kind = "d"
	}
	xs, err := n.GetXAttrs(c, &hdfspb.GetXAttrsRequestProto{Src: &path})
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	x := ""
	for _, a := range xs.XAttrs {
		x += string(a.Value)
	}
	*out = append(*out, fmt.Sprintf("%s %s %o %d %s", as, kind, st.Fs.Permission.GetPerm(), st.Fs.GetLength(), x))
	if kind == "-" {
		lb, _, err := n.GetBlockLocations(c, &hdfspb.GetBlockLocationsRequestProto{Src: &path, Offset: proto.Uint64(0), Length: proto.Uint64(1 << 40)}, 0)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		var sum uint64
		for _, b := range lb.Locations.Blocks {
			if b.GetOffset() != sum {
				t.Fatalf("%s: block at %d after %d", path, b.GetOffset(), sum)
			}
			sum += b.B.GetNumBytes()
		}
		if !st.Fs.GetLocations().GetUnderConstruction() && sum != st.Fs.GetLength() {
			t.Fatalf("%s: blocks of %d bytes, length %d", path, sum, st.Fs.GetLength())
		}
		return
	}
	after := []byte{}
	for {
		l, err := n.GetListing(c, &hdfspb.GetListingRequestProto{Src: &path, StartAfter: after, NeedLocation: proto.Bool(false)})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range l.DirList.PartialListing {
			dumpReal(t, n, join(path, string(e.Path)), join(as, string(e.Path)), out)
			after = e.Path
		}
		if l.DirList.GetRemainingEntries() == 0 {
			return
		}
	}
}

// sinkTwin counts the blocks that the namespace says it has.
type sinkTwin struct {
	blocks map[hdfs.BlockID]int64
	t      testing.TB
}

func (s *sinkTwin) BlockAdded(b hdfs.Block, _ hdfs.INodeID, _ uint16, _ uint8, _ bool) {
	s.blocks[b.ID] = b.NumBytes
}
func (s *sinkTwin) BlockChanged(b hdfs.Block, _ bool) {
	if _, ok := s.blocks[b.ID]; !ok {
		s.t.Errorf("block %v changed, which was not added", b)
	}
	s.blocks[b.ID] = b.NumBytes
}
func (s *sinkTwin) BlockReplication(id hdfs.BlockID, _ uint16, _ uint8) {
	if _, ok := s.blocks[id]; !ok {
		s.t.Errorf("replication of block %d, which was not added", id)
	}
}
func (s *sinkTwin) BlockRemoved(id hdfs.BlockID) {
	if _, ok := s.blocks[id]; !ok {
		s.t.Errorf("block %d removed twice", id)
	}
	delete(s.blocks, id)
}

// rig runs both, and keeps the journal.
type rig struct {
	t       *testing.T
	n       *Namespace
	sink    *sinkTwin
	twin    *twin
	rng     *rand.Rand
	now     int64
	journal [][]byte
	answers []string
	log     []string
	seed    int64
}

func newRig(t *testing.T, seed int64) *rig {
	r := &rig{t: t, seed: seed, rng: rand.New(rand.NewSource(seed)), now: 1_700_000_000_000, twin: &twin{root: newDir(0o755), snaps: map[string]*node{}}}
	r.sink = &sinkTwin{map[hdfs.BlockID]int64{}, t}
	r.n = New(modelOptions(), r.sink)
	r.apply(&journalpb.Format{ClusterId: proto.String("C"), BlockPoolId: proto.String("BP"), NamespaceId: proto.Uint32(1), CtimeMs: proto.Int64(1)})
	return r
}

func modelOptions() Options { return Options{ListLimit: 3, EventBuffer: -1} }

func (r *rig) apply(req proto.Message) (proto.Message, error) {
	r.now += 1000
	h := Header{TimeMS: r.now, User: "hdfs", Superuser: true, ClientID: bytes.Repeat([]byte{7}, 16), CallID: int32(len(r.journal)), ClientMachine: "m"}
	b, err := EncodeCommand(h, req)
	if err != nil {
		r.t.Fatal(err)
	}
	r.journal = append(r.journal, b)
	resp, err := r.n.Apply(h, req)
	r.answers = append(r.answers, answerText(resp, err))
	r.log = append(r.log, fmt.Sprintf("%T %v -> %s", req, req, r.answers[len(r.answers)-1]))
	return resp, err
}

func answerText(resp proto.Message, err error) string {
	if err != nil {
		return hdfs.ClassOf(err) + ": " + err.Error()
	}
	b := marshal(resp)
	if len(b) > 40 {
		return fmt.Sprintf("%d bytes %x", len(b), crc32.ChecksumIEEE(b))
	}
	return fmt.Sprintf("%q", b)
}

func (r *rig) path() string {
	names := []string{"a", "b", "c", "é"}
	p := ""
	for i := 0; i <= r.rng.Intn(3); i++ {
		p += "/" + names[r.rng.Intn(len(names))]
	}
	return p
}

// step does one random thing to both and compares the answers.
func (r *rig) step() {
	p, q := r.path(), r.path()
	x := r.twin.find(p)
	dir, name := parentOf(p)
	up := r.twin.find(dir)
	bad := func(err error, want bool, what string) {
		if (err == nil) != want {
			r.fail("%s %s %s: error %v, the twin says %v", what, p, q, err, want)
		}
	}
	switch r.rng.Intn(14) {
	case 0, 1:
		_, err := r.apply(&hdfspb.MkdirsRequestProto{Src: &p, Masked: perm16(0o755), CreateParent: proto.Bool(false)})
		ok := x != nil && x.dir || x == nil && up != nil && up.dir
		bad(err, ok, "mkdirs")
		if ok && x == nil {
			up.kids[name] = newDir(0o755)
		}
	case 2, 3, 4:
		r.write(p, x, up, name, int64(r.rng.Intn(3))<<20+int64(r.rng.Intn(2)*100))
	case 5:
		resp, err := r.apply(&hdfspb.DeleteRequestProto{Src: &p, Recursive: proto.Bool(true)})
		blocked := x != nil && r.hasSnapsBelow(p)
		if blocked {
			bad(err, false, "delete")
			return
		}
		if err == nil && resp.(*hdfspb.DeleteResponseProto).GetResult() != (x != nil) {
			r.fail("delete %s: %v", p, resp)
		}
		if x != nil {
			delete(up.kids, name)
		}
	case 6, 7:
		r.rename(p, q, x, up, name)
	case 8:
		if x != nil {
			pm := uint32(0o700 + r.rng.Intn(8))
			_, err := r.apply(&hdfspb.SetPermissionRequestProto{Src: &p, Permission: &hdfspb.FsPermissionProto{Perm: &pm}})
			bad(err, true, "chmod")
			x.perm = pm
		}
	case 9:
		if x != nil {
			v := fmt.Sprint("v", r.rng.Intn(5))
			ns := hdfspb.XAttrProto_USER
			_, err := r.apply(&hdfspb.SetXAttrRequestProto{Src: &p, XAttr: &hdfspb.XAttrProto{Namespace: &ns, Name: proto.String("k"), Value: []byte(v)}, Flag: proto.Uint32(3)})
			bad(err, true, "setXAttr")
			x.xattr = v
		}
	case 10:
		if x != nil && !x.dir {
			r.grow(p, x)
		}
	case 11:
		if x != nil && !x.dir && x.length > 0 {
			r.cut(p, x)
		}
	case 12:
		if x != nil && x.dir {
			r.snapshot(p, x)
		}
	case 13:
		r.dropSnapshot()
	}
}

func perm16(p uint32) *hdfspb.FsPermissionProto { return &hdfspb.FsPermissionProto{Perm: &p} }

func (r *rig) fail(format string, args ...any) {
	r.t.Helper()
	from := max(0, len(r.log)-25)
	r.t.Fatalf("seed %d: "+format+"\n%s", append(append([]any{r.seed}, args...), strings.Join(r.log[from:], "\n"))...)
}

func (r *rig) write(p string, x, up *node, name string, length int64) {
	_, err := r.apply(&hdfspb.CreateRequestProto{Src: &p, Masked: perm16(0o644), ClientName: proto.String("w"), CreateFlag: proto.Uint32(3), CreateParent: proto.Bool(false),
		Replication: proto.Uint32(2), BlockSize: proto.Uint64(1 << 20)})
	ok := up != nil && up.dir && (x == nil || !x.dir)
	if (err == nil) != ok {
		r.fail("create %s: %v, the twin says %v", p, err, ok)
	}
	if !ok {
		return
	}
	up.kids[name] = &node{perm: 0o644, length: length}
	r.blocks(p, nil, length)
}

// blocks writes length more bytes to an open file whose last block is given, if it is not full.
func (r *rig) blocks(p string, last *hdfspb.ExtendedBlockProto, length int64) {
	if last != nil {
		take := min(length, 1<<20-int64(last.GetNumBytes()))
		last.NumBytes = proto.Uint64(last.GetNumBytes() + uint64(take))
		length -= take
	}
	for length > 0 {
		resp, err := r.apply(&hdfspb.AddBlockRequestProto{Src: &p, ClientName: proto.String("w"), Previous: last})
		if err != nil {
			r.fail("addBlock: %v", err)
		}
		last = proto.Clone(resp.(*hdfspb.AddBlockResponseProto).Block.B).(*hdfspb.ExtendedBlockProto)
		take := min(length, 1<<20)
		last.NumBytes = proto.Uint64(uint64(take))
		length -= take
	}
	if _, err := r.apply(&hdfspb.CompleteRequestProto{Src: &p, ClientName: proto.String("w"), Last: last}); err != nil {
		r.fail("complete: %v", err)
	}
}

func (r *rig) grow(p string, x *node) {
	resp, err := r.apply(&hdfspb.AppendRequestProto{Src: &p, ClientName: proto.String("w")})
	if err != nil {
		r.fail("append %s: %v", p, err)
	}
	by := int64(r.rng.Intn(1 << 20))
	var last *hdfspb.ExtendedBlockProto
	if b := resp.(*hdfspb.AppendResponseProto).Block; b != nil {
		last = b.B
	} else if by == 0 {
		by = 1
	}
	x.length += by
	r.blocks(p, last, by)
}

func (r *rig) cut(p string, x *node) {
	to := r.rng.Int63n(x.length)
	if r.rng.Intn(2) == 0 {
		to = to >> 20 << 20
	}
	resp, err := r.apply(&hdfspb.TruncateRequestProto{Src: &p, NewLength: proto.Uint64(uint64(to)), ClientName: proto.String("w")})
	if err != nil {
		r.fail("truncate %s: %v", p, err)
	}
	x.length = to
	rec := r.n.TakeRecoveries()
	if resp.(*hdfspb.TruncateResponseProto).GetResult() {
		if len(rec) != 0 {
			r.fail("truncate %s at a block's end started %v", p, rec)
		}
		return
	}
	if len(rec) != 1 || !rec[0].Truncate {
		r.fail("truncate %s: recoveries %v", p, rec)
	}
	if _, err := r.apply(commitSync(r.n, rec[0], rec[0].NewLength)); err != nil {
		r.fail("commitBlockSynchronization: %v", err)
	}
}

func (r *rig) hasSnapsBelow(p string) bool {
	for k := range r.twin.snaps {
		d, _, _ := strings.Cut(k, " ")
		if d == p || strings.HasPrefix(d, p+"/") {
			return true
		}
	}
	return false
}

func (r *rig) rename(p, q string, x, up *node, name string) {
	y := r.twin.find(q)
	qdir, qname := parentOf(q)
	qup := r.twin.find(qdir)
	_, err := r.apply(&hdfspb.Rename2RequestProto{Src: &p, Dst: &q, OverwriteDest: proto.Bool(true)})
	ok := x != nil && p != q && !strings.HasPrefix(q, p+"/") && qup != nil && qup.dir && !r.hasSnapsBelow(p) &&
		(y == nil || y.dir == x.dir && len(y.kids) == 0 && !r.hasSnapsBelow(q))
	if (err == nil) != ok {
		r.fail("rename %s %s: %v, the twin says %v", p, q, err, ok)
	}
	if ok {
		delete(up.kids, name)
		qup.kids[qname] = x
	}
}

func (r *rig) snapshot(p string, x *node) {
	allowed := !x.snapOK
	for s, d := p, 0; s != "/" && allowed; d++ { // no snapshottable directory above or below
		if y := r.twin.find(s); y != nil && y.snapOK {
			allowed = false
		}
		s, _ = parentOf(s)
	}
	if allowed {
		allowed = !anySnapOK(x)
	}
	_, err := r.apply(&hdfspb.AllowSnapshotRequestProto{SnapshotRoot: &p})
	if (err == nil) != (allowed || x.snapOK) {
		r.fail("allowSnapshot %s: %v, the twin says %v", p, err, allowed)
	}
	if err != nil {
		return
	}
	x.snapOK = true
	name := fmt.Sprint("s", r.rng.Intn(4))
	key := p + " " + name
	_, err = r.apply(&hdfspb.CreateSnapshotRequestProto{SnapshotRoot: &p, SnapshotName: &name})
	if (err == nil) != (r.twin.snaps[key] == nil) {
		r.fail("createSnapshot %s: %v", key, err)
	}
	if err == nil {
		r.twin.snaps[key] = x.copy()
	}
}

func anySnapOK(x *node) bool {
	for _, k := range x.kids {
		if k.snapOK || anySnapOK(k) {
			return true
		}
	}
	return false
}

func (r *rig) dropSnapshot() {
	var keys []string
	for k := range r.twin.snaps {
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return
	}
	sort.Strings(keys)
	k := keys[r.rng.Intn(len(keys))]
	dir, name, _ := strings.Cut(k, " ")
	if _, err := r.apply(&hdfspb.DeleteSnapshotRequestProto{SnapshotRoot: &dir, SnapshotName: &name}); err != nil {
		r.fail("deleteSnapshot %s: %v", k, err)
	}
	delete(r.twin.snaps, k)
}

func (r *rig) compare(n *Namespace) {
	r.t.Helper()
	var want, got []string
	r.twin.root.dump("/", &want)
	dumpReal(r.t, n, "/", "/", &got)
	if a, b := strings.Join(want, "\n"), strings.Join(got, "\n"); a != b {
		r.fail("the live tree differs: want\n%s\ngot\n%s", a, b)
	}
	for k, x := range r.twin.snaps {
		want, got = nil, nil
		dir, name, _ := strings.Cut(k, " ")
		p := dir + "/.snapshot/" + name
		x.dump(p, &want)
		dumpReal(r.t, n, p, p, &got)
		if a, b := strings.Join(want, "\n"), strings.Join(got, "\n"); a != b {
			r.fail("snapshot %s differs: want\n%s\ngot\n%s", k, a, b)
		}
	}
}

// image takes the state through an image.
func (r *rig) image() *Namespace {
	var b bytes.Buffer
	if err := r.n.WriteImage(&b); err != nil {
		r.t.Fatal(err)
	}
	sink := &sinkTwin{map[hdfs.BlockID]int64{}, r.t}
	m, err := ReadImage(modelOptions(), sink, &b)
	if err != nil {
		r.fail("read image: %v", err)
	}
	if fmt.Sprint(sink.blocks) != fmt.Sprint(r.sink.blocks) {
		r.fail("blocks of the image %v, of the live %v", sink.blocks, r.sink.blocks)
	}
	return m
}

// usage is what the root has counted, against what there is.
func (r *rig) checkUse() {
	f := r.n.more[r.n.tree.Root()]
	if got, want := f.quota.usedNS, r.n.tree.Files()+r.n.tree.Dirs(); got != want {
		r.fail("the root counts %d inodes of %d", got, want)
	}
	var space int64
	r.n.Blocks(func(b hdfs.Block, _ hdfs.INodeID, repl uint16, _ uint8, _ bool) bool {
		space += b.NumBytes * int64(repl)
		return true
	})
	if f.quota.usedSpace != space {
		r.fail("the root counts %d bytes of %d", f.quota.usedSpace, space)
	}
}

func TestModel(t *testing.T) {
	seeds, steps := 60, 400
	if testing.Short() {
		seeds = 10
	}
	for seed := 0; seed < seeds; seed++ {
		r := newRig(t, int64(seed))
		for i := 0; i < steps; i++ {
			r.step()
			if i%20 == 19 {
				r.compare(r.n)
			}
			if i%100 == 99 {
				r.checkUse()
				r.compare(r.image())
			}
		}
		r.replay()
		r.empty()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// replay applies the journal to a fresh namespace and expects the same answers and state.
func (r *rig) replay() {
	m := New(modelOptions(), nil)
	for i, b := range r.journal {
		h, req, err := DecodeCommand(b)
		if err != nil {
			r.t.Fatal(err)
		}
		resp, err := m.Apply(h, req)
		if got := answerText(resp, err); got != r.answers[i] {
			r.fail("replay of entry %d: %q and not %q", i, got, r.answers[i])
		}
	}
	if m.Stats() != r.n.Stats() {
		r.fail("replay: %+v and not %+v", m.Stats(), r.n.Stats())
	}
	r.compare(m)
}

// empty deletes all and expects that nothing is left.
func (r *rig) empty() {
	for len(r.twin.snaps) > 0 {
		r.dropSnapshot()
		r.compare(r.n)
	}
	for name := range r.twin.root.kids {
		p := "/" + name
		if _, err := r.apply(&hdfspb.DeleteRequestProto{Src: &p, Recursive: proto.Bool(true)}); err != nil {
			r.fail("delete %s: %v", p, err)
		}
	}
	if s := r.n.Stats(); s.Files != 0 || s.Directories != 1 || s.Blocks != 0 || s.OpenFiles != 0 || len(r.sink.blocks) != 0 || len(r.n.more) != 1 {
		r.fail("left over: %+v, %d blocks, %d features", s, len(r.sink.blocks), len(r.n.more))
	}
	r.checkUse()
}
