package pipeline

import (
	"bufio"
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/client/block"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

func nodes(n int) []*hdfspb.DatanodeInfoProto {
	out := make([]*hdfspb.DatanodeInfoProto, n)
	for i := range out {
		out[i] = &hdfspb.DatanodeInfoProto{Id: &hdfspb.DatanodeIDProto{IpAddr: proto.String("10.0.0.1"), XferPort: proto.Uint32(uint32(i + 1))}}
	}
	return out
}

func TestRefusal(t *testing.T) {
	ok, bad, oob := hdfspb.Status_SUCCESS, hdfspb.Status_ERROR_CHECKSUM, hdfspb.Status_OOB_RESTART
	for _, c := range []struct {
		reply      []hdfspb.Status
		index      int
		restarting bool
	}{
		{[]hdfspb.Status{ok, ok, ok}, -2, false},
		{[]hdfspb.Status{ok, bad, ok}, 1, false},
		{[]hdfspb.Status{bad, bad}, 1, false}, // the farthest is the cause
		{[]hdfspb.Status{oob}, 0, true},
		{[]hdfspb.Status{ok, ok, ok, bad}, -1, false}, // more than there are
	} {
		f := refusal(&hdfspb.PipelineAckProto{Seqno: proto.Int64(1), Reply: c.reply}, nodes(3))
		switch {
		case c.index == -2 && f == nil:
		case f == nil || f.index != c.index || f.restarting != c.restarting:
			t.Errorf("%v: %+v", c.reply, f)
		}
	}
}

func TestBadIndex(t *testing.T) {
	for link, want := range map[string]int{"10.0.0.1:2": 1, "10.0.0.9:2": 0, "": -1} {
		if got := badIndex(nodes(3), &block.StatusError{FirstBad: link}); got != want {
			t.Errorf("%q: %d, want %d", link, got, want)
		}
	}
}

func TestReplacePolicy(t *testing.T) {
	for _, c := range []struct {
		policy         string
		left, replicas int
		promised, want bool
	}{
		{"DEFAULT", 2, 3, false, false}, {"DEFAULT", 2, 3, true, true}, {"DEFAULT", 1, 3, false, true}, {"DEFAULT", 1, 2, true, false},
		{"ALWAYS", 1, 2, false, true}, {"NEVER", 1, 3, true, false}, {"DEFAULT", 3, 3, true, false}, {"ALWAYS", 0, 3, false, false},
	} {
		if got := (Replace{Enable: true, Policy: c.policy}).wants(c.left, c.replicas, c.promised); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// TestPacketTail checks where a partial chunk begins, which is sent again after a flush.
func TestPacketTail(t *testing.T) {
	for _, c := range []struct{ first, n, want int }{
		{512, 0, 0}, {512, 100, 0}, {512, 512, 512}, {512, 513, 512}, {512, 1500, 1024}, {12, 5, 0}, {12, 12, 12},
	} {
		if got := (&packet{first: c.first, n: c.n}).tail(512); got != c.want {
			t.Errorf("first %d, %d bytes: %d, want %d", c.first, c.n, got, c.want)
		}
	}
}

func FuzzAck(f *testing.F) {
	good, err := block.AppendDelimited(nil, &hdfspb.PipelineAckProto{Seqno: proto.Int64(3), Reply: []hdfspb.Status{0, 0, 1}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{2, 8, 1})
	f.Fuzz(func(t *testing.T, in []byte) {
		ack := new(hdfspb.PipelineAckProto)
		if block.ReadDelimited(bufio.NewReader(bytes.NewReader(in)), ack) == nil {
			if f := refusal(ack, nodes(3)); f != nil && f.index >= 3 {
				t.Fatalf("datanode %d of 3 is bad", f.index)
			}
		}
	})
}
