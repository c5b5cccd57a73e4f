package fsimage

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace"
	fsimagepb "github.com/lodehq/lode/proto/hadoop/fsimage"
)

// FuzzRead reads damaged images: an error or a namespace that can be written and read, never a panic, and no more memory than the
// input can ask for.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/apache/fsimage_*[0-9]")
	if err != nil || len(files) == 0 {
		f.Fatal("no image", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		n, _, err := Read(bytes.NewReader(b), int64(len(b)), Cluster{"C", "BP", 2016103290, 1}, namespace.Options{EventBuffer: -1}, nil)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20+2000*uint64(len(b)) {
			t.Fatalf("%d bytes allocated for %d", got, len(b))
		}
		if err != nil {
			return
		}
		var own bytes.Buffer
		if err := n.WriteImage(&own); err != nil {
			t.Fatalf("own image: %v", err)
		}
		if _, err := namespace.ReadImage(namespace.Options{EventBuffer: -1}, nil, &own); err != nil {
			t.Fatalf("own image read: %v", err)
		}
		if err := Write(&own, n); err != nil {
			t.Fatalf("written again: %v", err)
		}
	})
}

func FuzzEdits(f *testing.F) {
	f.Add(append([]byte{0xff, 0xff, 0xff, 0xbd, 0, 0, 0, 0}, append(operation(opStartSegment, 98), operation(3, 99)...)...))
	b, err := os.ReadFile("testdata/apache/edits_inprogress_0000000000000000098")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, err := changesAfter(bytes.NewReader(b), 97); err == nil && n > len(b)/17+1 {
			t.Fatalf("%d changes in %d bytes", n, len(b))
		}
	})
}

// FuzzPlainFile compares the short way of reading a file with the long one.
func FuzzPlainFile(f *testing.F) {
	n := generate(f, 3)
	var b bytes.Buffer
	if err := Write(&b, n); err != nil {
		f.Fatal(err)
	}
	im, err := openImage(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		f.Fatal(err)
	}
	s, err := im.section("INODE")
	if err != nil {
		f.Fatal(err)
	}
	for {
		m, err := s.bytes()
		if err != nil {
			break
		}
		f.Add(bytes.Clone(m))
	}
	table := &stringTable{byID: map[uint32]string{1: "root", 2: "supergroup"}}
	f.Fuzz(func(t *testing.T, b []byte) {
		short, long := &parser{table: table, live: map[hdfs.INodeID]bool{}}, &parser{table: table, live: map[hdfs.INodeID]bool{}}
		var x, y namespace.Node
		if !short.plainFile(b, &x) {
			return
		}
		var m fsimagepb.INodeSection_INode
		if err := proto.Unmarshal(b, &m); err != nil {
			t.Fatalf("the short way reads what is malformed: %v", err)
		}
		if err := long.inode(&m, &y); err != nil {
			t.Fatalf("the short way reads what is refused: %v", err)
		}
		if a, b := fmt.Sprintf("%+v", x), fmt.Sprintf("%+v", y); a != b {
			t.Fatalf("%s\n%s", a, b)
		}
	})
}
