package rpc

import (
	"net/netip"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/proto/hadoop/hdfs"
)

// reach gives a datanode under an address that the caller can reach. A datanode that registered over loopback is on the
// namenode's machine: loopback means another machine to a caller from elsewhere, who is given the address by which it reached
// the namenode. d is not changed.
func reach(c *hrpc.Call, d *hdfspb.DatanodeInfoProto) *hdfspb.DatanodeInfoProto {
	if !c.RemoteIP.IsValid() || c.RemoteIP.IsLoopback() || !c.LocalIP.IsValid() || c.LocalIP.IsLoopback() {
		return d
	}
	if ip, err := netip.ParseAddr(d.GetId().GetIpAddr()); err != nil || !ip.IsLoopback() {
		return d
	}
	id := proto.Clone(d.GetId()).(*hdfspb.DatanodeIDProto)
	here := c.LocalIP.String()
	if name := id.GetHostName(); name == id.GetIpAddr() || name == "localhost" {
		id.HostName = &here
	}
	id.IpAddr = &here
	out := proto.Clone(d).(*hdfspb.DatanodeInfoProto)
	out.Id = id
	return out
}
