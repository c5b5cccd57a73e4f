package rpc

import (
	"net/netip"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/internal/reach"
	"github.com/lodehq/lode/proto/hadoop/hdfs"
)

// reach gives a datanode under an address that the caller can reach: the one of the operator's rules, else the registered one.
// A datanode that registered over loopback is on the namenode's machine: loopback means another machine to a caller from
// elsewhere, who is given the address by which it reached the namenode. d is not changed.
//
// Clients pass these addresses on to datanodes, which go by the uuid.
func (s *Service) reach(c *hrpc.Call, d *hdfspb.DatanodeInfoProto) *hdfspb.DatanodeInfoProto {
	if !c.RemoteIP.IsValid() {
		return d
	}
	old := d.GetId()
	if a, ok := s.cfg.Reach.For(c.RemoteIP, reach.Datanode{UUID: old.GetDatanodeUuid(), IP: old.GetIpAddr(), Hostname: old.GetHostName(),
		Xfer: old.GetXferPort(), Info: old.GetInfoPort(), IPC: old.GetIpcPort()}); ok {
		out := proto.Clone(d).(*hdfspb.DatanodeInfoProto)
		out.Id.IpAddr, out.Id.HostName = &a.Host, &a.Host // whichever of them the client connects to
		out.Id.XferPort, out.Id.InfoPort, out.Id.IpcPort = &a.Xfer, &a.Info, &a.IPC
		return out
	}
	if c.RemoteIP.IsLoopback() || !c.LocalIP.IsValid() || c.LocalIP.IsLoopback() {
		return d
	}
	if ip, err := netip.ParseAddr(old.GetIpAddr()); err != nil || !ip.IsLoopback() {
		return d
	}
	out, here := proto.Clone(d).(*hdfspb.DatanodeInfoProto), c.LocalIP.String()
	if name := old.GetHostName(); name == old.GetIpAddr() || name == "localhost" {
		out.Id.HostName = &here
	}
	out.Id.IpAddr = &here
	return out
}

// named is reach for reports that people read: the address and the ports are the caller's, the name stays the datanode's own.
func (s *Service) named(c *hrpc.Call, d *hdfspb.DatanodeInfoProto) *hdfspb.DatanodeInfoProto {
	out := s.reach(c, d)
	if out != d {
		out.Id.HostName = d.Id.HostName
	}
	return out
}
