package namespace

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/tree"
)

// typeCounts holds a number for each storage type, by hdfs.StorageType.
type typeCounts [8]int64

var noTypeQuota = typeCounts{-1, -1, -1, -1, -1, -1, -1, -1}

// quota is a directory's limits, -1 none, and what it uses now, itself and what only snapshots show included.
type quota struct {
	ns, space         int64
	types             typeCounts
	usedNS, usedSpace int64
	usedTypes         typeCounts
}

// usage is an amount, or a change of one, of what quotas limit.
type usage struct {
	ns, space int64
	types     typeCounts
}

func (u *usage) add(o usage, sign int64) {
	u.ns += sign * o.ns
	u.space += sign * o.space
	for i := range u.types {
		u.types[i] += sign * o.types[i]
	}
}

func (u usage) neg() usage { var r usage; r.add(u, -1); return r }

func (q *quota) set() bool {
	if q.ns >= 0 || q.space >= 0 {
		return true
	}
	return q.types != noTypeQuota
}

// charge adds an amount to the use of a directory and its ancestors.
func (n *Namespace) charge(dir uint32, u usage) {
	for s := dir; s != 0; s = n.tree.Inode(s).Parent {
		if n.tree.Inode(s).Mode&tree.FlagMore == 0 {
			continue
		}
		if f := n.more[s]; f.quota != nil {
			n.mutMore(s).quota.count(u)
		}
	}
}

func (q *quota) count(u usage) {
	q.usedNS += u.ns
	q.usedSpace += u.space
	for i := range q.usedTypes {
		q.usedTypes[i] += u.types[i]
	}
}

func violates(limit, used, delta int64) bool { return limit >= 0 && delta > 0 && used > limit-delta }

// verifyQuota asks whether a directory and its ancestors below stop have room for an amount.
func (n *Namespace) verifyQuota(dir uint32, u usage, stop uint32) error {
	for s := dir; s != 0 && s != stop; s = n.tree.Inode(s).Parent {
		if n.tree.Inode(s).Mode&tree.FlagMore == 0 {
			continue
		}
		q := n.more[s].quota
		if q == nil {
			continue
		}
		if violates(q.ns, q.usedNS, u.ns) {
			return fail(hdfs.NSQuotaExceeded, "The NameSpace quota (directories and files) of directory %s is exceeded: quota=%d file count=%d",
				n.pathOf(s), q.ns, q.usedNS+u.ns)
		}
		if violates(q.space, q.usedSpace, u.space) {
			return fail(hdfs.DSQuotaExceeded, "The DiskSpace quota of %s is exceeded: quota = %d B = %s but diskspace consumed = %d B = %s",
				n.pathOf(s), q.space, sizeText(q.space), q.usedSpace+u.space, sizeText(q.usedSpace+u.space))
		}
		for t := range q.types {
			if violates(q.types[t], q.usedTypes[t], u.types[t]) {
				return fail(hdfs.QuotaByTypeExceeded, "Quota by storage type : %v on path : %s is exceeded. quota = %s but space consumed = %s",
					hdfs.StorageType(t), n.pathOf(s), sizeText(q.types[t]), sizeText(q.usedTypes[t]+u.types[t]))
			}
		}
	}
	return nil
}

// sizeText is TraditionalBinaryPrefix.long2String(n, "B", 2): two decimals, none when it divides evenly.
func sizeText(v int64) string {
	if v < 1024 && v > -1024 {
		return fmt.Sprintf("%d B", v)
	}
	shift, unit := 0, 0
	for m := v / 1024; m != 0 && unit < 6; m /= 1024 {
		shift, unit = shift+10, unit+1
	}
	if v&(1<<shift-1) == 0 {
		return fmt.Sprintf("%d %cB", v>>shift, " KMGTPE"[unit])
	}
	return fmt.Sprintf("%.2f %cB", float64(v)/float64(int64(1)<<shift), " KMGTPE"[unit])
}

// ---- storage policies ----

type policy struct {
	id                                       uint8
	name                                     string
	types, createFallback, replicateFallback []hdfs.StorageType
	copyOnCreate                             bool
}

// policies is Apache's suite, in the order in which it lists them.
func policies() []policy {
	const (
		disk, ssd, arch, ram, prov, nv = hdfs.StorageDisk, hdfs.StorageSSD, hdfs.StorageArchive, hdfs.StorageRAMDisk, hdfs.StorageProvided, hdfs.StorageNVDIMM
	)
	l := func(t ...hdfs.StorageType) []hdfs.StorageType { return t }
	return []policy{
		{hdfs.PolicyProvided, "PROVIDED", l(prov, disk), l(prov, disk), l(prov, disk), false},
		{hdfs.PolicyCold, "COLD", l(arch), nil, nil, false},
		{hdfs.PolicyWarm, "WARM", l(disk, arch), l(disk, arch), l(disk, arch), false},
		{hdfs.PolicyHot, "HOT", l(disk), nil, l(arch), false},
		{hdfs.PolicyOneSSD, "ONE_SSD", l(ssd, disk), l(ssd, disk), l(ssd, disk), false},
		{hdfs.PolicyAllSSD, "ALL_SSD", l(ssd), l(disk), l(disk), false},
		{hdfs.PolicyAllNVDIMM, "ALL_NVDIMM", l(nv), l(disk), l(disk), false},
		{hdfs.PolicyLazyPersist, "LAZY_PERSIST", l(ram, disk), l(disk), l(disk), true},
	}
}

func policyNamed(name string) (policy, bool) {
	for _, p := range policies() {
		if strings.EqualFold(p.name, name) {
			return p, true
		}
	}
	return policy{}, false
}

func policyByID(id uint8) policy {
	for _, p := range policies() {
		if p.id == id {
			return p
		}
	}
	return policies()[3]
}

// setPolicy is the storage policy set on an inode or the nearest ancestor that has one, 0 if none has.
func (n *Namespace) setPolicy(slot uint32) uint8 {
	for s := slot; s != 0; s = n.tree.Inode(s).Parent {
		if p := n.tree.Inode(s).Policy(); p != 0 {
			return p
		}
	}
	return hdfs.PolicyUnspecified
}

// policyOf is the storage policy that placement goes by.
func (n *Namespace) policyOf(slot uint32) uint8 {
	if p := n.setPolicy(slot); p != 0 {
		return p
	}
	return hdfs.PolicyHot
}

// spaceFor is the use of bytes of one block with that many replicas under a policy.
func spaceFor(bytes int64, replication uint16, policyID uint8) usage {
	u := usage{space: bytes * int64(replication)}
	if policyID == hdfs.PolicyHot {
		u.types[hdfs.StorageDisk] = u.space
		return u
	}
	types := policyByID(policyID).types
	for i := 0; i < int(replication); i++ {
		t := types[min(i, len(types)-1)]
		if t != hdfs.StorageRAMDisk {
			u.types[t] += bytes
		}
	}
	return u
}

// blockSpace is what a block counts for: its whole block size while it is not complete.
func (n *Namespace) blockSpace(file uint32, b *tree.Block) int64 {
	if b.State() == tree.Complete {
		return b.Length()
	}
	return n.blockSizeOf(n.tree.Inode(file))
}

// usageOf is what an inode and what is below it use, what only snapshots show included. inherited is the policy that it would inherit.
func (n *Namespace) usageOf(slot uint32, inherited uint8) usage {
	in := n.tree.Inode(slot)
	if p := in.Policy(); p != 0 {
		inherited = p
	}
	u := usage{ns: 1}
	if in.IsDir() {
		n.tree.Children(slot, nil, func(c uint32) bool { u.add(n.usageOf(c, inherited), 1); return true })
		for _, c := range n.shownOnly(slot) {
			u.add(n.usageOf(c, inherited), 1)
		}
		return u
	}
	var bytes int64
	if n.feat(slot) == nil && !in.IsOpen() {
		bytes = n.tree.Length(slot)
	} else {
		for _, at := range n.keptBlocks(slot) {
			bytes += n.blockSpace(slot, n.tree.Block(at))
		}
	}
	u.add(spaceFor(bytes, in.Replication(), inherited), 1)
	return u
}

// shownOnly is the inodes that count for a directory although only its snapshots show them.
func (n *Namespace) shownOnly(dir uint32) (out []uint32) {
	f := n.feat(dir)
	if f == nil {
		return nil
	}
	for i := range f.history {
		for _, c := range f.history[i].removed {
			if g := n.feat(c); g.detached && n.tree.Inode(c).Parent == dir && !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return out
}

// fullUsage is what an inode and what is below it use where it is now.
func (n *Namespace) fullUsage(slot uint32) usage {
	return n.usageOf(slot, n.policyOf(max(n.tree.Inode(slot).Parent, n.tree.Root())))
}
