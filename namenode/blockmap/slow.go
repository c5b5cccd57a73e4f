package blockmap

import (
	"cmp"
	"slices"
)

// slowValidity is how long a complaint about a slow peer counts (three times dfs.datanode.outliers.report.interval).
const slowValidity = 90 * 60 * 1000

// slowness keeps what datanodes say about slow peers (SlowPeerTracker) and disks, in the order in which complaints first came.
type slowness struct {
	peers []complaint
	disks []DiskComplaint
}

type complaint struct {
	about, by *node
	at        int64
	peer      SlowPeer
}

// DiskComplaint is a datanode's last word on a slow disk of its own.
type DiskComplaint struct {
	Datanode *DatanodeInfo
	Disk     SlowDisk
	At       int64
}

func (w *slowness) note(m *Map, by *node, h Heartbeat) {
	for _, p := range h.SlowPeers {
		about := m.peer(p.Peer)
		if about == nil {
			continue
		}
		c := complaint{about, by, m.now, p}
		if i := slices.IndexFunc(w.peers, func(x complaint) bool { return x.about == about && x.by == by }); i >= 0 {
			w.peers[i] = c
		} else {
			w.peers = append(w.peers, c)
		}
	}
	for _, d := range h.SlowDisks {
		c := DiskComplaint{by.info, d, m.now}
		if i := slices.IndexFunc(w.disks, func(x DiskComplaint) bool { return x.Datanode.UUID == by.id.UUID && x.Disk.Path == d.Path }); i >= 0 {
			w.disks[i] = c
		} else {
			w.disks = append(w.disks, c)
		}
	}
}

// peer finds the datanode that a complaint names, by uuid or an address of its own.
func (m *Map) peer(name string) *node {
	if n := m.byUUID[name]; n != nil {
		return n
	}
	for _, n := range m.nodes {
		if n.gone {
			continue
		}
		for _, port := range []uint32{n.id.InfoPort, n.id.InfoSecurePort, n.id.XferPort} {
			if name == hostPort(n.id.IP, port) {
				return n
			}
		}
	}
	return nil
}

func (w *slowness) expire(m *Map) {
	w.peers = slices.DeleteFunc(w.peers, func(c complaint) bool { return m.now-c.at > slowValidity || !c.by.alive || !c.about.alive })
	w.disks = slices.DeleteFunc(w.disks, func(c DiskComplaint) bool { return m.now-c.At > slowValidity })
}

func (w *slowness) isSlow(m *Map, n *node) bool {
	if len(w.peers) == 0 {
		return false
	}
	return slices.ContainsFunc(m.SlowNodes(), func(s SlowNode) bool { return s.Datanode.UUID == n.id.UUID })
}

// SlowNodes lists the datanodes about which most others complain, at most Config.MaxSlowNodes.
func (m *Map) SlowNodes() []SlowNode {
	var out []SlowNode
	for _, c := range m.slow.peers {
		i := slices.IndexFunc(out, func(s SlowNode) bool { return s.Datanode.UUID == c.about.id.UUID })
		if i < 0 {
			out = append(out, SlowNode{Datanode: c.about.info})
			i = len(out) - 1
		}
		out[i].Reports++
		out[i].Latency = max(out[i].Latency, c.peer.Latency)
		out[i].Median = c.peer.Median
	}
	slices.SortStableFunc(out, func(a, b SlowNode) int { return cmp.Compare(b.Reports, a.Reports) })
	return out[:min(len(out), m.cfg.MaxSlowNodes)]
}

// SlowDisks lists the disks that their own datanodes find slow.
func (m *Map) SlowDisks() []DiskComplaint { return slices.Clone(m.slow.disks) }
