package rpc

import (
	"net/netip"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/internal/reach"
	"github.com/lodehq/lode/proto/hadoop/hdfs"
)

func TestReach(t *testing.T) {
	a := netip.MustParseAddr
	dn := func(ip, host string) *hdfspb.DatanodeInfoProto {
		return &hdfspb.DatanodeInfoProto{Id: &hdfspb.DatanodeIDProto{IpAddr: &ip, HostName: &host, DatanodeUuid: proto.String("u"),
			XferPort: proto.Uint32(1), InfoPort: proto.Uint32(2), IpcPort: proto.Uint32(3)}}
	}
	for _, tc := range []struct {
		name             string
		remote, local    netip.Addr
		ip, host         string
		wantIP, wantHost string
	}{
		{"a client on this machine", a("127.0.0.1"), a("127.0.0.1"), "127.0.0.1", "localhost", "127.0.0.1", "localhost"},
		{"a client from elsewhere", a("10.0.0.9"), a("10.0.0.1"), "127.0.0.1", "localhost", "10.0.0.1", "10.0.0.1"},
		{"a datanode with a name of its own", a("10.0.0.9"), a("10.0.0.1"), "127.0.0.1", "dn1", "10.0.0.1", "dn1"},
		{"a datanode elsewhere", a("10.0.0.9"), a("10.0.0.1"), "10.0.0.2", "dn2", "10.0.0.2", "dn2"},
		{"a call in this process", netip.Addr{}, netip.Addr{}, "127.0.0.1", "localhost", "127.0.0.1", "localhost"},
	} {
		in := dn(tc.ip, tc.host)
		got := (&Service{}).reach(&hrpc.Call{RemoteIP: tc.remote, LocalIP: tc.local}, in)
		if got.Id.GetIpAddr() != tc.wantIP || got.Id.GetHostName() != tc.wantHost {
			t.Errorf("%s: %v", tc.name, got.Id)
		}
		if in.Id.GetIpAddr() != tc.ip {
			t.Errorf("%s: the shared message was changed", tc.name)
		}
	}
}

func TestReachByRules(t *testing.T) {
	rules, err := reach.Parse("172.28.0.1 dn1=127.0.0.1:19866:19864:19867")
	if err != nil {
		t.Fatal(err)
	}
	s := &Service{cfg: Config{Reach: rules}}
	in := &hdfspb.DatanodeInfoProto{Id: &hdfspb.DatanodeIDProto{IpAddr: proto.String("172.28.0.11"), HostName: proto.String("dn1"), DatanodeUuid: proto.String("u"),
		XferPort: proto.Uint32(9866), InfoPort: proto.Uint32(9864), IpcPort: proto.Uint32(9867)}}
	host := &hrpc.Call{RemoteIP: netip.MustParseAddr("172.28.0.1"), LocalIP: netip.MustParseAddr("172.28.0.2")}
	id := s.reach(host, in).GetId()
	if id.GetIpAddr() != "127.0.0.1" || id.GetHostName() != "127.0.0.1" || id.GetXferPort() != 19866 || id.GetInfoPort() != 19864 || id.GetIpcPort() != 19867 || id.GetDatanodeUuid() != "u" {
		t.Errorf("for the host: %v", id)
	}
	if id := s.named(host, in).GetId(); id.GetIpAddr() != "127.0.0.1" || id.GetHostName() != "dn1" {
		t.Errorf("in a report: %v", id)
	}
	if in.GetId().GetIpAddr() != "172.28.0.11" {
		t.Error("the shared message was changed")
	}
	if got := s.reach(&hrpc.Call{RemoteIP: netip.MustParseAddr("172.28.0.12")}, in); got != in {
		t.Errorf("a peer: %v", got)
	}
}
