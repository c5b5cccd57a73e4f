package fsimage

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/vfs"
	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/namenode/journal"
	"github.com/lodehq/lode/namenode/namespace"
	"github.com/lodehq/lode/namenode/state"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
)

// generate is a namespace of so many files with one block each, 1,000 to a directory, names like file123.
func generate(tb testing.TB, files int) *namespace.Namespace {
	tb.Helper()
	b := namespace.NewBuilder(options(), nil)
	f := &journalpb.Format{ClusterId: new(string), BlockPoolId: new(string), NamespaceId: new(uint32), CtimeMs: new(int64)}
	*f.ClusterId, *f.BlockPoolId, *f.NamespaceId, *f.CtimeMs = "CID-b", "BP-1-127.0.0.1-1", 1, 1
	must := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	must(b.Cluster(f, namespace.Counters{Block: hdfs.FirstBlockID + hdfs.BlockID(files), GenStamp: 1001, Applied: 7}))
	attr := namespace.Attr{User: "root", Group: "supergroup", Perm: 0o755, MTime: 1_700_000_000_000}
	id, dir := hdfs.RootINodeID, hdfs.RootINodeID
	var x namespace.Node
	for i := range files {
		if i%1000 == 0 {
			id++
			dir = id
			must(b.Add(&namespace.Node{ID: id, Name: fmt.Appendf(nil, "d%05d", i/1000), Dir: true, Attr: attr}))
			must(b.Link(hdfs.RootINodeID, dir))
		}
		id++
		x = namespace.Node{ID: id, Name: fmt.Appendf(x.Name[:0], "file%08d", i), Attr: attr, BlockSize: 128 << 20,
			Blocks: append(x.Blocks[:0], hdfs.Block{ID: hdfs.FirstBlockID + 1 + hdfs.BlockID(i), GenStamp: 1001, NumBytes: 1024})}
		x.Replication = 3
		must(b.Add(&x))
		must(b.Link(dir, id))
	}
	n, err := b.Finish()
	must(err)
	return n
}

// TestScale imports an fsimage of LODE_SCALE files, starts a namenode's state from it, and prints times and memory.
func TestScale(t *testing.T) {
	files, err := strconv.Atoi(os.Getenv("LODE_SCALE"))
	if err != nil {
		t.Skip("LODE_SCALE=1000000 go test -run TestScale -v ./namenode/fsimage")
	}
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "name")
	if dir := os.Getenv("LODE_SCALE_FROM"); dir != "" {
		from = dir
	} else {
		writeApache(t, from, files)
	}
	runtime.GC()
	var used stopwatch
	used.start()
	got, err := importTo(t, from, to)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("import of %d files: %v, %v of processor, %.0f files a second", got.Files, got.Took.Round(time.Millisecond), used.cpu(), float64(got.Files)/got.Took.Seconds())
	debug.FreeOSMemory()
	base := resident(t)
	used.start()
	begin := time.Now()
	s := state.New(state.Config{Namespace: options(), BlockMap: blockmap.DefaultConfig(), Logger: quiet()})
	leads := make(chan bool, 8)
	j, err := journal.Open(journal.Config{Dir: to, Machine: s, Logger: quiet(), MustExist: true, OnLeader: func(l bool) { leads <- l }})
	if err != nil {
		t.Fatal(err)
	}
	s.Use(j)
	<-leads
	t.Logf("start with namespace and block map until it leads: %v, %v of processor", time.Since(begin).Round(time.Millisecond), used.cpu())
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("memory for each file with one block, block map without replicas included: %d bytes resident, %d of heap in all", (resident(t)-base)/int64(files), int64(m.HeapAlloc)/int64(files))
	var st namespace.Stats
	s.View(func(n *namespace.Namespace, _ *blockmap.Map) { st = n.Stats() })
	if st.Files != got.Files || st.Blocks != got.Blocks {
		t.Fatalf("%+v", st)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// writeApache makes a directory as Apache's namenode leaves it.
func writeApache(t *testing.T, dir string, files int) {
	t.Helper()
	n := generate(t, files)
	name := filepath.Join(dir, fmt.Sprintf("fsimage_%019d", n.Stats().Applied))
	begin := time.Now()
	size, _, err := Export(context.Background(), vfs.OS(), n, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("export of %d files: %v, %d bytes", files, time.Since(begin).Round(time.Millisecond), size)
	id := journal.Identity{ClusterID: "CID-b", BlockPoolID: "BP-1-127.0.0.1-1", NamespaceID: 1, CTime: 1}
	if err := journal.StoreIdentity(vfs.OS(), dir, id); err != nil {
		t.Fatal(err)
	}
}

// stopwatch measures this process's processor time.
type stopwatch struct{ at time.Duration }

func (c *stopwatch) start() { c.at = processTime() }

func (c *stopwatch) cpu() time.Duration { return (processTime() - c.at).Round(time.Millisecond) }

func processTime() time.Duration {
	b, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, _ := strconv.Atoi(f[11])
	sys, _ := strconv.Atoi(f[12])
	return time.Duration(user+sys) * 10 * time.Millisecond
}

// resident is this process's memory in bytes after giving back what is free.
func resident(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("no /proc")
	}
	for _, line := range strings.Split(string(b), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

func BenchmarkRead(b *testing.B) {
	const files = 100_000
	var image bytes.Buffer
	if err := Write(&image, generate(b, files)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(image.Len()))
	b.ResetTimer()
	for range b.N {
		if _, _, err := Read(bytes.NewReader(image.Bytes()), int64(image.Len()), Cluster{"CID-b", "BP-1-127.0.0.1-1", 1, 1}, options(), nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/files, "ns/file")
}

func BenchmarkWrite(b *testing.B) {
	const files = 100_000
	n := generate(b, files)
	b.ResetTimer()
	for range b.N {
		if err := Write(io.Discard, n); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/files, "ns/file")
}
