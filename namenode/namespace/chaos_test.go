package namespace

import (
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/lodehq/lode/namenode/namespace/tree"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
	"google.golang.org/protobuf/proto"
)

// TestChaos does what the model cannot follow: files left open across renames, deletions and snapshots, recoveries, quotas,
// policies, replication, concat. It has no twin; it expects that replay and image agree with the live state, that use is counted
// right, and that nothing is left when all is deleted.
func TestChaos(t *testing.T) {
	seeds := 40
	if testing.Short() {
		seeds = 8
	}
	for seed := range seeds {
		r := newRig(t, int64(seed)+1000)
		last := map[string]*hdfspb.ExtendedBlockProto{}
		for i := range 500 {
			r.chaos(last)
			if i%50 == 49 {
				r.checkUseOpen()
				r.checkQuotas()
				m := r.image()
				if a, b := r.everything(r.n), r.everything(m); a != b {
					r.fail("seed %d: the image differs:\n%s\nlive:\n%s", seed, b, a)
				}
			}
		}
		r.replayAgrees()
		r.clear()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func (r *rig) chaos(last map[string]*hdfspb.ExtendedBlockProto) {
	p, q := r.path(), r.path()
	w := fmt.Sprint("w", r.rng.Intn(3))
	bytes := uint64(r.rng.Intn(1 << 20))
	switch r.rng.Intn(20) {
	case 0, 1:
		r.apply(&hdfspb.MkdirsRequestProto{Src: &p, Masked: perm16(0o755), CreateParent: proto.Bool(true)})
	case 2, 3, 4:
		r.apply(&hdfspb.CreateRequestProto{Src: &p, Masked: perm16(0o644), ClientName: &w, CreateFlag: proto.Uint32(uint32(1 + 2*r.rng.Intn(2))), CreateParent: proto.Bool(true),
			Replication: proto.Uint32(uint32(1 + r.rng.Intn(3))), BlockSize: proto.Uint64(1 << 20)})
	case 5, 6, 7:
		var prev *hdfspb.ExtendedBlockProto
		if b := last[p]; b != nil && r.rng.Intn(4) > 0 {
			prev = proto.Clone(b).(*hdfspb.ExtendedBlockProto)
			prev.NumBytes = &bytes
		}
		resp, err := r.apply(&hdfspb.AddBlockRequestProto{Src: &p, ClientName: &w, Previous: prev})
		if err == nil {
			last[p] = resp.(*hdfspb.AddBlockResponseProto).Block.B
		}
	case 8, 9:
		var prev *hdfspb.ExtendedBlockProto
		if b := last[p]; b != nil {
			prev = proto.Clone(b).(*hdfspb.ExtendedBlockProto)
			prev.NumBytes = &bytes
		}
		r.apply(&hdfspb.CompleteRequestProto{Src: &p, ClientName: &w, Last: prev})
	case 10:
		r.apply(&hdfspb.DeleteRequestProto{Src: &p, Recursive: proto.Bool(true)})
	case 11:
		if r.rng.Intn(2) == 0 {
			r.apply(&hdfspb.RenameRequestProto{Src: &p, Dst: &q})
		} else {
			r.apply(&hdfspb.Rename2RequestProto{Src: &p, Dst: &q, OverwriteDest: proto.Bool(true)})
		}
		last[q] = last[p]
	case 12:
		if resp, err := r.apply(&hdfspb.AppendRequestProto{Src: &p, ClientName: &w}); err == nil {
			if b := resp.(*hdfspb.AppendResponseProto).Block; b != nil {
				last[p] = b.B
			}
		}
	case 13:
		r.apply(&hdfspb.TruncateRequestProto{Src: &p, NewLength: proto.Uint64(bytes / 2), ClientName: &w})
	case 14:
		r.apply(&hdfspb.RecoverLeaseRequestProto{Src: &p, ClientName: &w})
		for _, rec := range r.n.Recoveries() {
			if r.rng.Intn(2) == 0 {
				continue
			}
			length := int64(bytes)
			if rec.Truncate {
				length = rec.NewLength
			}
			req := commitSync(r.n, rec, length)
			req.DeleteBlock = proto.Bool(!rec.Truncate && r.rng.Intn(3) == 0)
			req.CloseFile = proto.Bool(r.rng.Intn(4) > 0)
			r.apply(req)
		}
		r.n.TakeRecoveries()
	case 15:
		switch r.rng.Intn(5) {
		case 0:
			r.apply(&hdfspb.SetReplicationRequestProto{Src: &p, Replication: proto.Uint32(uint32(1 + r.rng.Intn(4)))})
		case 1:
			names := []string{"HOT", "COLD", "WARM", "ALL_SSD"}
			r.apply(&hdfspb.SetStoragePolicyRequestProto{Src: &p, PolicyName: &names[r.rng.Intn(4)]})
		case 2:
			r.apply(&hdfspb.UnsetStoragePolicyRequestProto{Src: &p})
		case 3:
			r.apply(&hdfspb.ConcatRequestProto{Trg: &p, Srcs: []string{q}})
		case 4:
			if b := last[p]; b != nil {
				r.apply(&hdfspb.AbandonBlockRequestProto{Src: &p, Holder: &w, B: b})
			}
		}
	case 16:
		ns, space := uint64(r.rng.Intn(6)), uint64(r.rng.Intn(8<<20))
		if r.rng.Intn(2) == 0 {
			ns, space = 1<<64-1, 1<<64-1
		}
		r.apply(&hdfspb.SetQuotaRequestProto{Path: &p, NamespaceQuota: &ns, StoragespaceQuota: &space})
	case 17:
		r.apply(&hdfspb.AllowSnapshotRequestProto{SnapshotRoot: &p})
		name := fmt.Sprint("s", r.rng.Intn(3))
		r.apply(&hdfspb.CreateSnapshotRequestProto{SnapshotRoot: &p, SnapshotName: &name})
	case 18:
		r.dropAny()
	case 19:
		if b := last[p]; b != nil {
			resp, err := r.apply(&hdfspb.UpdateBlockForPipelineRequestProto{Block: b, ClientName: &w})
			if err == nil && r.rng.Intn(2) == 0 {
				nb := proto.Clone(resp.(*hdfspb.UpdateBlockForPipelineResponseProto).Block.B).(*hdfspb.ExtendedBlockProto)
				nb.NumBytes = &bytes
				if _, err := r.apply(&hdfspb.UpdatePipelineRequestProto{ClientName: &w, OldBlock: b, NewBlock: nb}); err == nil {
					last[p] = nb
				}
			}
			r.apply(&hdfspb.FsyncRequestProto{Src: &p, Client: &w, LastBlockLength: proto.Int64(int64(bytes))})
		}
	}
}

// dropAny deletes some snapshot.
func (r *rig) dropAny() bool {
	ids := make([]int64, 0, len(r.n.snaps))
	for id := range r.n.snaps {
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return false
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	s := r.n.snaps[ids[r.rng.Intn(len(ids))]]
	dir, name := r.n.pathOf(s.root), s.name
	if _, err := r.apply(&hdfspb.DeleteSnapshotRequestProto{SnapshotRoot: &dir, SnapshotName: &name}); err != nil {
		r.fail("deleteSnapshot %s %s: %v", dir, name, err)
	}
	return true
}

// everything is the live tree and all snapshots as text.
func (r *rig) everything(n *Namespace) string {
	var out []string
	dumpReal(r.t, n, "/", "/", &out)
	for _, dir := range n.snapDirList() {
		for _, id := range n.snapDirs[dir].list {
			p := join(n.pathOf(dir), dotSnapshot) + "/" + n.snaps[id].name
			dumpReal(r.t, n, p, p, &out)
		}
	}
	out = append(out, fmt.Sprintf("%+v", n.Stats()))
	return strings.Join(out, "\n")
}

// checkUseOpen compares what the root counts with what there is, open blocks at their whole size.
func (r *rig) checkUseOpen() {
	f := r.n.more[r.n.tree.Root()]
	if got, want := f.quota.usedNS, r.n.tree.Files()+r.n.tree.Dirs(); got != want {
		r.fail("the root counts %d inodes of %d", got, want)
	}
	var space int64
	for _, b := range r.n.allBlocks() {
		space += b
	}
	if f.quota.usedSpace != space {
		r.fail("the root counts %d bytes of %d", f.quota.usedSpace, space)
	}
}

// checkQuotas does the same for every directory with a quota: all whose way up leads through it count for it.
func (r *rig) checkQuotas() {
	n := r.n
	want := map[uint32]*usage{}
	n.tree.Slots(func(slot uint32, in *tree.Inode) bool {
		u := usage{ns: 1}
		if !in.IsDir() {
			for _, at := range n.keptBlocks(slot) {
				u.add(spaceFor(n.blockSpace(slot, n.tree.Block(at)), in.Replication(), n.policyOf(slot)), 1)
			}
		}
		for s := slot; s != 0; s = n.tree.Inode(s).Parent {
			if want[s] == nil {
				want[s] = &usage{}
			}
			want[s].add(u, 1)
		}
		return true
	})
	for slot, f := range n.more {
		if q := f.quota; q != nil {
			if got := (usage{q.usedNS, q.usedSpace, q.usedTypes}); got != *want[slot] {
				r.fail("%s counts %+v of %+v", n.pathOf(slot), got, *want[slot])
			}
		}
	}
}

func (n *Namespace) allBlocks() (out []int64) {
	for slot := uint32(1); n.tree.ValidSlot(slot) || slot < 10000; slot++ {
		if !n.tree.ValidSlot(slot) || n.tree.Inode(slot).IsDir() {
			continue
		}
		seen := map[uint32]bool{}
		list := n.tree.BlockList(slot)
		if f := n.feat(slot); f != nil {
			for _, h := range f.history {
				list = append(list, h.blocks...)
			}
		}
		if o := n.open[slot]; o != nil && o.rec != nil && o.rec.source != 0 {
			list = append(list, o.rec.source)
		}
		for _, at := range list {
			if !seen[at] {
				seen[at] = true
				out = append(out, n.blockSpace(slot, n.tree.Block(at))*int64(n.tree.Inode(slot).Replication()))
			}
		}
	}
	return out
}

func (r *rig) replayAgrees() {
	m := New(modelOptions(), nil)
	for i, b := range r.journal {
		h, req, err := DecodeCommand(b)
		if err != nil {
			r.t.Fatal(err)
		}
		resp, err := m.Apply(h, req)
		if got := answerText(resp, err); got != r.answers[i] {
			r.fail("replay of entry %d: %q and not %q", i, got, r.answers[i])
		}
	}
	if a, b := r.everything(r.n), r.everything(m); a != b {
		r.fail("the replay differs:\n%s\nlive:\n%s", b, a)
	}
}

// clear deletes all snapshots and files and expects that nothing is left.
func (r *rig) clear() {
	for r.dropAny() {
	}
	for _, c := range r.n.tree.ChildList(r.n.tree.Root()) {
		p := r.n.pathOf(c)
		if _, err := r.apply(&hdfspb.DeleteRequestProto{Src: &p, Recursive: proto.Bool(true)}); err != nil {
			r.fail("delete %s: %v", p, err)
		}
	}
	s := r.n.Stats()
	if s.Files != 0 || s.Directories != 1 || s.Blocks != 0 || s.OpenFiles != 0 || s.Leases != 0 || len(r.sink.blocks) != 0 || len(r.n.more) != 1 || len(r.n.byBlock) != 0 {
		r.fail("left over: %+v, blocks %v, %d features, %v", s, r.sink.blocks, len(r.n.more), r.n.byBlock)
	}
	r.checkUseOpen()
}
