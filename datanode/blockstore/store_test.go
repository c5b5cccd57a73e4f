package blockstore

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/vfs"
)

var testNS = Namespace{BlockPoolID: "BP-1-127.0.0.1-1", ClusterID: "CID-1", NamespaceID: 7, CTime: 1}

func openStore(t *testing.T, fsys vfs.FS, dirs ...string) *Store {
	t.Helper()
	if len(dirs) == 0 {
		dirs = []string{"/v"}
	}
	cfg := Config{FS: fsys}
	for _, d := range dirs {
		cfg.Volumes = append(cfg.Volumes, VolumeConfig{Dir: d})
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Attach(testNS); err != nil {
		t.Fatal(err)
	}
	return s
}

// pattern is n bytes that differ from place to place.
func pattern(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func readAll(t *testing.T, s *Store, b hdfs.Block) []byte {
	t.Helper()
	out, err := tryRead(s, b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func tryRead(s *Store, b hdfs.Block) ([]byte, error) {
	r, err := s.Open(context.Background(), b, 0, -1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	out := make([]byte, r.Length)
	_, err = r.ReadAt(out, make([]byte, r.Sum.SumsLen(r.Length)), 0)
	return out, err
}

func put(t *testing.T, s *Store, b hdfs.Block, data []byte) Replica {
	t.Helper()
	w, err := s.Create(context.Background(), b, CreateOptions{Checksum: DefaultChecksum})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(0, data, nil); err != nil {
		t.Fatal(err)
	}
	r, err := w.Finalize()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestBothPartialChunkConventions writes the same bytes in the ways of the known clients, cut at every kind of place.
func TestBothPartialChunkConventions(t *testing.T) {
	data := pattern(5000)
	sum := DefaultChecksum
	for name, write := range map[string]func(w *Writer, from, to int) error{
		"from the chunk's boundary": func(w *Writer, from, to int) error { // Apache: overlap, sums over whole chunks
			start := from - from%512
			return w.Write(int64(start), data[start:to], sum.Sum(nil, data[start:to]))
		},
		"from the middle": func(w *Writer, from, to int) error { // colinmarc: up to the boundary, then whole chunks
			if rest := 512 - from%512; rest < 512 && to-from > rest {
				if err := w.Write(int64(from), data[from:from+rest], sum.Sum(nil, data[from:from+rest])); err != nil {
					return err
				}
				from += rest
			}
			return w.Write(int64(from), data[from:to], sum.Sum(nil, data[from:to]))
		},
		"again from the start": func(w *Writer, from, to int) error {
			return w.Write(0, data[:to], sum.Sum(nil, data[:to]))
		},
		"without sums": func(w *Writer, from, to int) error { return w.Write(int64(from), data[from:to], nil) },
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, vfs.Mem())
			b := hdfs.Block{ID: 1, GenStamp: 1001}
			w, err := s.Create(context.Background(), b, CreateOptions{Checksum: sum})
			if err != nil {
				t.Fatal(err)
			}
			at := 0
			for _, to := range []int{100, 101, 512, 1100, 1536, 1537, 3000, 5000} {
				if to-at > 512 && name == "from the middle" && at%512 != 0 {
					mid := at + 512 - at%512
					if err := write(w, at, mid); err != nil {
						t.Fatal(err)
					}
					at = mid
				}
				if err := write(w, at, to); err != nil {
					t.Fatalf("write [%d, %d): %v", at, to, err)
				}
				at = to
				if got := readAll(t, s, b); !bytes.Equal(got, data[:to]) {
					t.Fatalf("after %d bytes: read %d other bytes", to, len(got))
				}
			}
			if _, err := w.Finalize(); err != nil {
				t.Fatal(err)
			}
			if got := readAll(t, s, b); !bytes.Equal(got, data) {
				t.Fatal("finalized replica differs")
			}
			meta, err := vfs.ReadFile(s.fs, s.volumes[0].metaPath(1, 1001, inFinalized), 1<<20)
			if err != nil || !bytes.Equal(meta, sum.Sum(encodeMetaHeader(sum), data)) {
				t.Fatalf("meta file differs (%v)", err)
			}
		})
	}
}

func TestPacketBeyondEndOrAcrossChunksIsRefused(t *testing.T) {
	s := openStore(t, vfs.Mem())
	w, err := s.Create(context.Background(), hdfs.Block{ID: 1, GenStamp: 1001}, CreateOptions{Checksum: DefaultChecksum})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(1, pattern(10), nil); err == nil {
		t.Fatal("a gap was accepted")
	}
	if err := w.Write(0, pattern(100), nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(100, pattern(600), make([]byte, 8)); err == nil {
		t.Fatal("a partial chunk in a long packet was accepted")
	}
}

func TestRestartFindsEverything(t *testing.T) {
	m := vfs.Mem()
	s := openStore(t, m, "/a", "/b")
	uuid := s.UUID()
	data := pattern(3000)
	for id := hdfs.BlockID(1 << 30); id < 1<<30+20; id++ {
		put(t, s, hdfs.Block{ID: id, GenStamp: 1001}, data)
	}
	w, err := s.Create(context.Background(), hdfs.Block{ID: 5, GenStamp: 1002}, CreateOptions{Checksum: DefaultChecksum})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(0, data[:1300], nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(context.Background(), hdfs.Block{ID: 6, GenStamp: 1002}, CreateOptions{Checksum: DefaultChecksum, Temporary: true}); err != nil {
		t.Fatal(err)
	}
	used := s.Volumes()[0].Used + s.Volumes()[1].Used

	s2 := openStore(t, m.Clone(), "/a", "/b")
	if s2.UUID() != uuid {
		t.Fatal("another uuid")
	}
	n := 0
	for _, v := range s2.Volumes() {
		n += len(s2.Report(v.StorageID))
	}
	if n != 21 {
		t.Fatalf("%d replicas, expected 20 finalized and one RWR", n)
	}
	if got := s2.Volumes()[0].Used + s2.Volumes()[1].Used; got != used-metaHeaderLen {
		t.Fatalf("used %d, before %d", got, used)
	}
	r, ok := s2.Get(5)
	if !ok || r.State != hdfs.ReplicaRWR || r.NumBytes != 1300 {
		t.Fatalf("%+v", r)
	}
	if _, ok := s2.Get(6); ok {
		t.Fatal("a TEMPORARY replica came back")
	}
	if got := readAll(t, s2, hdfs.Block{ID: 1<<30 + 3, GenStamp: 1001}); !bytes.Equal(got, data) {
		t.Fatal("bytes differ")
	}
}

func TestPowerLossInPartialChunkKeepsCoveredBytes(t *testing.T) {
	m := vfs.Mem()
	s := openStore(t, m)
	data := pattern(1400)
	w, err := s.Create(context.Background(), hdfs.Block{ID: 5, GenStamp: 1002}, CreateOptions{Checksum: DefaultChecksum})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(0, data[:1100], nil); err != nil {
		t.Fatal(err)
	}
	meta, err := vfs.ReadFile(m, s.volumes[0].metaPath(5, 1002, inRBW), 100)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(1100, data[1100:1400], nil); err != nil {
		t.Fatal(err)
	}
	// The data reached the disk, the new checksum of the last chunk did not.
	c := m.Clone()
	f, _ := c.OpenFile(s.volumes[0].metaPath(5, 1002, inRBW), 2, 0)
	f.WriteAt(meta, 0)
	f.Close()
	if r, ok := openStore(t, c).Get(5); !ok || r.NumBytes != 1100 {
		t.Fatalf("%+v, expected 1100 bytes", r)
	}
}

func TestOldStampNeverServes(t *testing.T) {
	s := openStore(t, vfs.Mem())
	put(t, s, hdfs.Block{ID: 1, GenStamp: 1001}, pattern(10))
	if _, err := s.Open(context.Background(), hdfs.Block{ID: 1, GenStamp: 1002}, 0, -1); hdfs.ClassOf(err) != hdfs.ReplicaNotFound {
		t.Fatalf("read under a newer stamp: %v", err)
	}
	if err := s.Invalidate(context.Background(), []hdfs.Block{{ID: 1, GenStamp: 1000}}); err == nil {
		t.Fatal("deleted under an old stamp")
	}
	if _, err := s.Create(context.Background(), hdfs.Block{ID: 1, GenStamp: 1001}, CreateOptions{Checksum: DefaultChecksum}); hdfs.ClassOf(err) != hdfs.ReplicaExists {
		t.Fatalf("second create: %v", err)
	}
}

func TestCorruptionIsFoundBeforeBytesLeave(t *testing.T) {
	m := vfs.Mem()
	s := openStore(t, m)
	b := hdfs.Block{ID: 1, GenStamp: 1001}
	put(t, s, b, pattern(5000))
	if err := m.Corrupt(s.volumes[0].dataPath(1, inFinalized), 2000, 1); err != nil {
		t.Fatal(err)
	}
	_, err := tryRead(s, b)
	var ce *ChecksumError
	if !errors.As(err, &ce) || ce.Offset != 1536 || !errors.Is(err, ErrCorrupt) {
		t.Fatalf("%v", err)
	}
	if _, err := s.Verify(context.Background(), 1); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("scanner: %v", err)
	}
}

func TestReaderDuringAppendSeesItsPrefix(t *testing.T) {
	s := openStore(t, vfs.Mem())
	b := hdfs.Block{ID: 1, GenStamp: 1001}
	data := pattern(2000)
	put(t, s, b, data[:700])
	r, err := s.Open(context.Background(), b, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w, err := s.Append(context.Background(), b, 1002, 700)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(700, data[700:900], nil); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 700)
	if _, err := r.ReadAt(got, make([]byte, 8), 0); err != nil || !bytes.Equal(got, data[:700]) {
		t.Fatalf("reader from before the append: %v", err)
	}
	if got := readAll(t, s, hdfs.Block{ID: 1, GenStamp: 1002}); !bytes.Equal(got, data[:900]) {
		t.Fatal("reader after the append")
	}
}

func TestRecoveryStopsTheWriter(t *testing.T) {
	s := openStore(t, vfs.Mem())
	b := hdfs.Block{ID: 1, GenStamp: 1001}
	data := pattern(2000)
	w, err := s.Create(context.Background(), b, CreateOptions{Checksum: DefaultChecksum})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(0, data, nil); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	w.OnInterrupt(func() { close(stopped) })
	go func() { <-stopped; w.Close() }()
	r, ok, err := s.InitRecovery(context.Background(), b, 1005)
	if err != nil || !ok || r.State != hdfs.ReplicaRBW || r.NumBytes != 2000 {
		t.Fatalf("%+v %v %v", r, ok, err)
	}
	if _, err := w.Finalize(); err == nil {
		t.Fatal("the old writer finalized")
	}
	if _, _, err := s.InitRecovery(context.Background(), b, 1004); hdfs.ClassOf(err) != hdfs.RecoveryInProgress {
		t.Fatalf("an older recovery: %v", err)
	}
	got, err := s.UpdateRecovery(context.Background(), r.Block, 1005, 0, 1300)
	if err != nil || got.State != hdfs.ReplicaFinalized || got.NumBytes != 1300 || got.GenStamp != 1005 {
		t.Fatalf("%+v %v", got, err)
	}
	if back := readAll(t, s, hdfs.Block{ID: 1, GenStamp: 1005}); !bytes.Equal(back, data[:1300]) {
		t.Fatal("bytes differ")
	}
}

func TestCopyOnTruncate(t *testing.T) {
	s := openStore(t, vfs.Mem())
	b := hdfs.Block{ID: 1, GenStamp: 1001}
	data := pattern(2000)
	put(t, s, b, data)
	r, _, err := s.InitRecovery(context.Background(), b, 1005)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.UpdateRecovery(context.Background(), r.Block, 1005, 2, 777)
	if err != nil || got.ID != 2 || got.NumBytes != 777 {
		t.Fatalf("%+v %v", got, err)
	}
	if back := readAll(t, s, hdfs.Block{ID: 2, GenStamp: 1005}); !bytes.Equal(back, data[:777]) {
		t.Fatal("copy differs")
	}
	if back := readAll(t, s, b); !bytes.Equal(back, data) {
		t.Fatal("the original changed")
	}
}

func TestPipelineRecoveryCutsUnacknowledgedBytes(t *testing.T) {
	s := openStore(t, vfs.Mem())
	b := hdfs.Block{ID: 1, GenStamp: 1001}
	data := pattern(2000)
	w, err := s.Create(context.Background(), b, CreateOptions{Checksum: DefaultChecksum, Reserve: 4000})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(0, data, nil); err != nil {
		t.Fatal(err)
	}
	w.SetAcked(1000)
	w.Close()
	if _, err := s.RecoverRBW(context.Background(), b, 1002, 1500, 2000); hdfs.ClassOf(err) != hdfs.ReplicaNotFound {
		t.Fatalf("more acknowledged to the client than here: %v", err)
	}
	w, err = s.RecoverRBW(context.Background(), b, 1002, 900, 2000)
	if err != nil {
		t.Fatal(err)
	}
	if n := w.Block().NumBytes; n != 1000 {
		t.Fatalf("%d bytes, expected the 1000 acknowledged", n)
	}
	if err := w.Write(512, data[512:], DefaultChecksum.Sum(nil, data[512:])); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finalize(); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, s, hdfs.Block{ID: 1, GenStamp: 1002}); !bytes.Equal(got, data) {
		t.Fatal("bytes differ")
	}
	if p := s.volumes[0].pending.Load(); p != 0 {
		t.Fatalf("%d bytes stay reserved", p)
	}
}

func TestDeletionInBackground(t *testing.T) {
	m := vfs.Mem()
	deleted := make(chan hdfs.Block, 1)
	s, err := Open(Config{FS: m, Volumes: []VolumeConfig{{Dir: "/v"}}, Deleted: func(b hdfs.Block, _ string) { deleted <- b }})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Attach(testNS); err != nil {
		t.Fatal(err)
	}
	put(t, s, hdfs.Block{ID: 1, GenStamp: 1001}, pattern(5000))
	if err := s.Invalidate(context.Background(), []hdfs.Block{{ID: 1, GenStamp: 1001}}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-deleted:
	case <-time.After(10 * time.Second):
		t.Fatal("not deleted")
	}
	if _, err := m.Stat(s.volumes[0].dataPath(1, inFinalized)); err == nil {
		t.Fatal("the file is there")
	}
	if u := s.Volumes()[0].Used; u != 0 {
		t.Fatalf("%d bytes used after the last replica", u)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestVolumesAreChosenAndFail(t *testing.T) {
	m := vfs.Mem()
	broken := "/none"
	fsys := vfs.ErrorFS(m, func(op vfs.Op, name string) error {
		if strings.HasPrefix(name, broken) && op != vfs.OpStatfs {
			return syscall.EIO
		}
		return nil
	})
	s := openStore(t, fsys, "/a", "/b")
	for id := range hdfs.BlockID(10) {
		put(t, s, hdfs.Block{ID: id + 1, GenStamp: 1001}, pattern(100))
	}
	va, vb := s.Volumes()[0], s.Volumes()[1]
	if va.Blocks != 5 || vb.Blocks != 5 {
		t.Fatalf("%d and %d replicas", va.Blocks, vb.Blocks)
	}
	if f := s.CheckVolumes(); len(f) != 0 {
		t.Fatalf("healthy volumes failed: %v", f)
	}
	broken = "/b"
	if f := s.CheckVolumes(); len(f) != 1 || f[0] != "/b" {
		t.Fatalf("failed: %v", f)
	}
	if n := len(s.Report(va.StorageID)) + len(s.Report(vb.StorageID)); n != 5 {
		t.Fatalf("%d replicas after the failure", n)
	}
	if r := put(t, s, hdfs.Block{ID: 100, GenStamp: 1001}, pattern(100)); r.StorageID != va.StorageID {
		t.Fatal("written to the failed volume")
	}
	m.SetCapacity(1000)
	s.cfg.Now = func() time.Time { return time.Now().Add(time.Hour) } // the size of the disk is remembered for a second
	if _, err := s.Create(context.Background(), hdfs.Block{ID: 101, GenStamp: 1001}, CreateOptions{Checksum: DefaultChecksum, Reserve: 1 << 30}); hdfs.ClassOf(err) != hdfs.DiskOutOfSpace {
		t.Fatalf("create on a full disk: %v", err)
	}
}

func TestFullDiskInTheMiddle(t *testing.T) {
	m := vfs.Mem()
	s := openStore(t, m)
	w, err := s.Create(context.Background(), hdfs.Block{ID: 1, GenStamp: 1001}, CreateOptions{Checksum: DefaultChecksum})
	if err != nil {
		t.Fatal(err)
	}
	data := pattern(100_000)
	if err := w.Write(0, data[:50_000], nil); err != nil {
		t.Fatal(err)
	}
	m.SetCapacity(60_000)
	if err := w.Write(50_000, data[50_000:50_500], nil); err != nil {
		t.Fatal(err)
	}
	err = w.Write(50_500, data[50_500:50_688], nil)
	if err == nil {
		err = w.Write(50_688, data[50_688:], nil)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("%v", err)
	}
	w.Close()
	if got := readAll(t, s, hdfs.Block{ID: 1, GenStamp: 1001}); !bytes.Equal(got, data[:len(got)]) || len(got) < 50_500 {
		t.Fatalf("%d good bytes", len(got))
	}
	r, _ := openStore(t, m.Clone()).Get(1)
	if r.NumBytes < 50_500 {
		t.Fatalf("after a restart: %+v", r)
	}
}

func TestReconcile(t *testing.T) {
	m := vfs.Mem()
	s := openStore(t, m)
	for id := range hdfs.BlockID(4) {
		put(t, s, hdfs.Block{ID: id + 1, GenStamp: 1001}, pattern(1000))
	}
	v := s.volumes[0]
	m.Remove(v.dataPath(1, inFinalized))
	m.Remove(v.metaPath(2, 1001, inFinalized))
	m.Rename(v.dataPath(3, inFinalized), v.dataPath(9, inFinalized))
	m.Rename(v.metaPath(3, 1001, inFinalized), v.metaPath(9, 1001, inFinalized))
	d, err := s.Reconcile(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Gone) != 2 || len(d.Found) != 1 || d.Found[0].ID != 9 || len(d.Damaged) != 1 || d.Damaged[0].ID != 2 {
		t.Fatalf("%+v", d)
	}
}

func TestForeignAndSecondUse(t *testing.T) {
	m := vfs.Mem()
	s := openStore(t, m)
	if _, err := Open(Config{FS: m, Volumes: []VolumeConfig{{Dir: "/v"}}}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Fatalf("second use: %v", err)
	}
	s.Close()
	s2, err := Open(Config{FS: m, Volumes: []VolumeConfig{{Dir: "/v"}}})
	if err != nil {
		t.Fatal(err)
	}
	ns := testNS
	ns.ClusterID = "CID-2"
	if err := s2.Attach(ns); err == nil || !strings.Contains(err.Error(), "clusterID") {
		t.Fatalf("another cluster: %v", err)
	}
	s2.unlock()
	p, err := readProperties(m, "/v/current/VERSION")
	if err != nil {
		t.Fatal(err)
	}
	p["layoutVersion"] = "-56"
	if err := p.write(m, "/v/current/VERSION", time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{FS: m, Volumes: []VolumeConfig{{Dir: "/v"}}}); err == nil || !strings.Contains(err.Error(), "-56") {
		t.Fatalf("another layout: %v", err)
	}
	if filepath.Base(idDir(1<<30+1)) != "subdir0" {
		t.Fatal(idDir(1<<30 + 1))
	}
}

func FuzzMetaHeader(f *testing.F) {
	f.Add(encodeMetaHeader(DefaultChecksum))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := decodeMetaHeader(b); err == nil && !c.Valid() {
			t.Fatalf("%+v", c)
		}
	})
}

func FuzzBlockName(f *testing.F) {
	f.Add("blk_1073741825_1001.meta")
	f.Add("blk_-5")
	f.Fuzz(func(t *testing.T, name string) {
		id, gs, meta, ok := parseName(name)
		if ok && meta && strings.HasPrefix(name, "blk_1") && !strings.ContainsAny(name, "+") && metaName(id, gs) == name && len(name) > 100 {
			t.Fatal(name)
		}
	})
}
