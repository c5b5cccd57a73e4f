package datanode

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

func TestPeers(t *testing.T) {
	id := func(uuid, ip string, port uint32) *pb.DatanodeIDProto {
		return &pb.DatanodeIDProto{DatanodeUuid: &uuid, IpAddr: &ip, HostName: &ip, XferPort: &port, InfoPort: proto.Uint32(0), IpcPort: proto.Uint32(0)}
	}
	now := time.Unix(1000, 0)
	asked, registered := 0, []*pb.DatanodeInfoProto{{Id: id("one", "172.28.0.11", 9866)}, {Id: id("two", "172.28.0.12", 9866)}}
	var down error
	p := &peers{now: func() time.Time { return now }, log: slog.New(slog.DiscardHandler), asking: make(chan struct{}, 1),
		known: map[string]*pb.DatanodeIDProto{}, aliases: map[place]time.Time{}}
	p.asking <- struct{}{}
	p.ask = func(context.Context) ([]*pb.DatanodeInfoProto, error) { asked++; return registered, down }
	expect := func(what string, given *pb.DatanodeIDProto, ip string, port uint32, asks int) {
		t.Helper()
		got := p.where(t.Context(), given)
		if got.GetIpAddr() != ip || got.GetXferPort() != port || asked != asks {
			t.Errorf("%s: %s:%d after asking %d times, expected %s:%d after %d", what, got.GetIpAddr(), got.GetXferPort(), asked, ip, port, asks)
		}
	}
	expect("the first", id("one", "172.28.0.11", 9866), "172.28.0.11", 9866, 1)
	expect("known now", id("two", "172.28.0.12", 9866), "172.28.0.12", 9866, 1)
	expect("an address of a client's network", id("two", "127.0.0.1", 19866), "172.28.0.12", 9866, 2)
	expect("the same again", id("two", "127.0.0.1", 19866), "172.28.0.12", 9866, 2)
	registered[1] = &pb.DatanodeInfoProto{Id: id("two", "172.28.0.42", 9866)}
	expect("it moved", id("two", "172.28.0.42", 9866), "172.28.0.42", 9866, 3)
	now = now.Add(aliasAge)
	expect("an old alias", id("two", "127.0.0.1", 19866), "172.28.0.42", 9866, 4)
	expect("nobody knows it", id("three", "172.28.0.13", 9866), "172.28.0.13", 9866, 5)

	down = errors.New("down")
	expect("a namenode that is down", id("three", "172.28.0.13", 9866), "172.28.0.13", 9866, 6)
	expect("is not asked each time", id("three", "172.28.0.13", 9866), "172.28.0.13", 9866, 6)
	expect("what was known holds", id("one", "127.0.0.1", 9866), "172.28.0.11", 9866, 6)
	down, now = nil, now.Add(askAgain)
	expect("asked again later", id("one", "127.0.0.1", 9866), "172.28.0.11", 9866, 7)
}
