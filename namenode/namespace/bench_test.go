package namespace_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/lodehq/lode/namenode/namespace"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
	"google.golang.org/protobuf/proto"
)

func filled(tb testing.TB, files, perDir int) *namespace.Namespace {
	n := namespace.New(namespace.Options{EventBuffer: -1, RetryCacheSize: -1}, nil)
	if _, err := n.Apply(root(t0), format()); err != nil {
		tb.Fatal(err)
	}
	for i := 0; i < files; i++ {
		writeFile(tb, n, fmt.Sprintf("/bench/d%06d/f%09d", i/perDir, i), 1<<20)
	}
	return n
}

func BenchmarkGetFileInfo(b *testing.B) {
	n := filled(b, 100_000, 1000)
	for _, c := range []namespace.Caller{root(t0).Caller(), {User: "u", Groups: []string{"a", "b"}}} {
		b.Run(c.User, func(b *testing.B) {
			reqs := make([]*hdfspb.GetFileInfoRequestProto, 4096)
			for i := range reqs {
				k := i * 24
				reqs[i] = &hdfspb.GetFileInfoRequestProto{Src: proto.String(fmt.Sprintf("/bench/d%06d/f%09d", k/1000, k))}
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i++ {
				if r, err := n.GetFileInfo(c, reqs[i&4095]); err != nil || r.Fs == nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCreate(b *testing.B) {
	n := namespace.New(namespace.Options{}, nil)
	h := root(t0)
	h.ClientID = make([]byte, 16)
	reqs := make([]*hdfspb.CreateRequestProto, b.N)
	for i := range reqs {
		reqs[i] = createReq(fmt.Sprintf("/bench/n%04d/f%09d", i/1000, i), "c1")
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		h.CallID = int32(i)
		if _, err := n.Apply(h, reqs[i]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRename(b *testing.B) {
	n := filled(b, 1000, 1000)
	x, y := "/bench/d000000/f000000500", "/bench/d000000/g"
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		if _, err := n.Apply(root(t0), &hdfspb.RenameRequestProto{Src: &x, Dst: &y}); err != nil {
			b.Fatal(err)
		}
		x, y = y, x
	}
}

func BenchmarkListing1000(b *testing.B) {
	n := filled(b, 1000, 1000)
	c := root(t0).Caller()
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		r, err := n.GetListing(c, &hdfspb.GetListingRequestProto{Src: proto.String("/bench/d000000"), StartAfter: []byte{}, NeedLocation: proto.Bool(false)})
		if err != nil || len(r.DirList.PartialListing) != 1000 {
			b.Fatal(err)
		}
	}
}

// BenchmarkMemory prints the bytes that a file of one block with a name of ten bytes costs, and how long its image takes.
func BenchmarkMemory(b *testing.B) {
	for i := 0; i < b.N; i++ {
		const files = 1_000_000
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		n := filled(b, files, 1000)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/files, "heapbytes/file")
		b.ReportMetric(float64(n.MemoryBytes())/files, "tablebytes/file")
		var buf bytes.Buffer
		start := time.Now()
		if err := n.WriteImage(&buf); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(buf.Len())/files, "imagebytes/file")
		b.ReportMetric(time.Since(start).Seconds()*1e9/files, "write-ns/file")
		start = time.Now()
		m, err := namespace.ReadImage(namespace.Options{}, nil, &buf)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(start).Seconds()*1e9/files, "read-ns/file")
		if m.Stats() != n.Stats() {
			b.Fatalf("%+v and %+v", m.Stats(), n.Stats())
		}
		start = time.Now()
		v := n.View()
		b.ReportMetric(float64(time.Since(start).Microseconds()), "view-µs")
		if _, err := v.WriteTo(io.Discard); err != nil {
			b.Fatal(err)
		}
		v.Close()
		runtime.KeepAlive(m)
	}
}
