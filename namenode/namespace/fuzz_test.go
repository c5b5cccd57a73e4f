package namespace_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/lodehq/lode/namenode/namespace"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
	"google.golang.org/protobuf/proto"
)

// FuzzDecodeCommand feeds a namespace with whatever decodes as a command: no entry may make it panic or forget its own rules.
func FuzzDecodeCommand(f *testing.F) {
	for _, req := range []proto.Message{createReq("/a/b", "w"), &hdfspb.RenameRequestProto{Src: proto.String("/a"), Dst: proto.String("/b")},
		&hdfspb.DeleteRequestProto{Src: proto.String("/a"), Recursive: proto.Bool(true)}, &hdfspb.AllowSnapshotRequestProto{SnapshotRoot: proto.String("/")},
		&hdfspb.TruncateRequestProto{Src: proto.String("/f"), NewLength: proto.Uint64(3), ClientName: proto.String("w")}, format()} {
		b, err := namespace.EncodeCommand(root(t0), req)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, req, err := namespace.DecodeCommand(b)
		if err != nil {
			return
		}
		n := namespace.New(namespace.Options{}, nil)
		writeFileQuiet(n)
		first, err1 := n.Apply(h, req)
		m := namespace.New(namespace.Options{}, nil)
		writeFileQuiet(m)
		second, err2 := m.Apply(h, req)
		if (err1 == nil) != (err2 == nil) || err1 != nil && err1.Error() != err2.Error() || err1 == nil && !proto.Equal(first, second) {
			t.Fatalf("not deterministic: %v %v and %v %v", first, err1, second, err2)
		}
		var img bytes.Buffer
		if err := n.WriteImage(&img); err != nil {
			t.Fatal(err)
		}
		if r, err := namespace.ReadImage(namespace.Options{}, nil, &img); err != nil {
			t.Fatalf("the image after %T cannot be read: %v", req, err)
		} else if r.Stats() != n.Stats() {
			t.Fatalf("%+v became %+v", n.Stats(), r.Stats())
		}
	})
}

func writeFileQuiet(n *namespace.Namespace) {
	n.Apply(root(t0), format())
	n.Apply(root(t0), createReq("/f", "w"))
	r, err := n.Apply(root(t0), &hdfspb.AddBlockRequestProto{Src: proto.String("/f"), ClientName: proto.String("w")})
	if err != nil {
		return
	}
	b := r.(*hdfspb.AddBlockResponseProto).Block.B
	b.NumBytes = proto.Uint64(10)
	n.Apply(root(t0), &hdfspb.CompleteRequestProto{Src: proto.String("/f"), ClientName: proto.String("w"), Last: b})
	n.Apply(root(t0), &hdfspb.MkdirsRequestProto{Src: proto.String("/a/b"), Masked: perm(0o755), CreateParent: proto.Bool(true)})
}

// FuzzReadImage changes bytes of an image and mends the checksums: the reader must refuse it or make a namespace that works.
func FuzzReadImage(f *testing.F) {
	n := namespace.New(namespace.Options{}, nil)
	writeFileQuiet(n)
	n.Apply(root(t0), createReq("/open", "w"))
	n.Apply(root(t0), &hdfspb.AllowSnapshotRequestProto{SnapshotRoot: proto.String("/a")})
	n.Apply(root(t0), &hdfspb.CreateSnapshotRequestProto{SnapshotRoot: proto.String("/a"), SnapshotName: proto.String("s")})
	n.Apply(root(t0), &hdfspb.DeleteRequestProto{Src: proto.String("/a/b"), Recursive: proto.Bool(true)})
	var img bytes.Buffer
	if err := n.WriteImage(&img); err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(0), []byte{})
	f.Add(uint32(20), []byte{1, 2, 3})
	f.Add(uint32(1100), []byte{0xff})
	f.Fuzz(func(t *testing.T, at uint32, change []byte) {
		b := bytes.Clone(img.Bytes())
		if len(change) > 64 {
			return
		}
		copy(b[int(at)%len(b):], change)
		mend(b)
		m, err := namespace.ReadImage(namespace.Options{}, nil, bytes.NewReader(b))
		if err != nil {
			return
		}
		// It must stand being used.
		m.GetListing(root(t0).Caller(), &hdfspb.GetListingRequestProto{Src: proto.String("/"), StartAfter: []byte{}, NeedLocation: proto.Bool(true)})
		m.GetContentSummary(root(t0).Caller(), &hdfspb.GetContentSummaryRequestProto{Path: proto.String("/")})
		m.Apply(root(t0), createReq("/a/n", "w"))
		m.Apply(root(t0), &hdfspb.DeleteRequestProto{Src: proto.String("/f"), Recursive: proto.Bool(true)})
	})
}

// mend puts right checksums on the frames of an image, as far as their lengths are still right.
func mend(b []byte) {
	t := crc32.MakeTable(crc32.Castagnoli)
	for at := 8; at+9 <= len(b); {
		n := int(binary.LittleEndian.Uint32(b[at+1:]))
		end := at + 5 + n
		if n < 0 || end+4 > len(b) {
			return
		}
		binary.LittleEndian.PutUint32(b[end:], crc32.Checksum(b[at:end], t))
		at = end + 4
	}
}

func TestImageRefusesDamage(t *testing.T) {
	n := namespace.New(namespace.Options{}, nil)
	writeFileQuiet(n)
	var img bytes.Buffer
	if err := n.WriteImage(&img); err != nil {
		t.Fatal(err)
	}
	good := img.Bytes()
	for at := 0; at < len(good); at += 997 {
		b := bytes.Clone(good)
		b[at] ^= 0x40
		if _, err := namespace.ReadImage(namespace.Options{}, nil, bytes.NewReader(b)); err == nil {
			t.Fatalf("a flipped bit at %d goes unseen", at)
		}
		if _, err := namespace.ReadImage(namespace.Options{}, nil, bytes.NewReader(good[:at])); err == nil {
			t.Fatalf("an image cut at %d is read", at)
		}
	}
}

// TestViewIsStill writes a view while the namespace changes, and expects the state of when it was taken.
func TestViewIsStill(t *testing.T) {
	n := namespace.New(namespace.Options{}, nil)
	writeFileQuiet(n)
	for i := range 3000 {
		writeFile(t, n, "/many/"+itoa(i), 5)
	}
	want := n.Stats()
	v := n.View()
	for i := range 3000 {
		src := "/many/" + itoa(i)
		n.Apply(root(t0+1), &hdfspb.DeleteRequestProto{Src: &src, Recursive: proto.Bool(true)})
		n.Apply(root(t0+1), createReq("/other/x"+itoa(i), "w"))
	}
	n.Apply(root(t0+1), &hdfspb.SetQuotaRequestProto{Path: proto.String("/"), NamespaceQuota: proto.Uint64(1 << 30), StoragespaceQuota: proto.Uint64(1<<63 - 1)})
	var img bytes.Buffer
	if _, err := v.WriteTo(&img); err != nil {
		t.Fatal(err)
	}
	v.Close()
	m, err := namespace.ReadImage(namespace.Options{}, nil, &img)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Stats(); got != want {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	u, err := m.GetQuotaUsage(root(t0).Caller(), &hdfspb.GetQuotaUsageRequestProto{Path: proto.String("/")})
	if err != nil || int64(u.Usage.GetFileAndDirectoryCount()) != want.Files+want.Directories || u.Usage.GetQuota() != 1<<63-1 {
		t.Fatalf("%v %v, want %d", u, err, want.Files+want.Directories)
	}
}

func itoa(i int) string {
	return string([]byte{byte('a' + i/676%26), byte('a' + i/26%26), byte('a' + i%26), byte('0' + i/17576)})
}
