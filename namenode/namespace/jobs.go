package namespace

import (
	"maps"
	"slices"
	"strings"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/tree"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
)

// commitJob makes the output of a job appear: all moves, deletes and the marker, or nothing. Everything is checked first; no
// step of the second half can fail for a reason that the first half has not asked for.
func (n *Namespace) commitJob(h *Header, c *Caller, req *journalpb.CommitJob) (*journalpb.CommitJobResponse, error) {
	taken := map[string]bool{}
	var sources []string
	for _, m := range req.Moves {
		sp, err := n.resolve(c, m.GetSrc(), opWrite)
		if err != nil {
			return nil, err
		}
		dp, err := n.resolve(c, m.GetDst(), opCreate)
		if err != nil {
			return nil, err
		}
		if err := n.checkMove(c, sp, dp, req.GetOverwrite()); err != nil {
			return nil, err
		}
		if taken[dp.path] {
			return nil, fail(hdfs.FileAlreadyExists, "two moves of one commit go to %s", dp.path)
		}
		taken[dp.path] = true
		for _, s := range sources {
			if s == sp.path || hasDirPrefix(sp.path, s) || hasDirPrefix(s, sp.path) {
				return nil, ioFail("moves of one commit overlap: %s and %s", s, sp.path)
			}
		}
		sources = append(sources, sp.path)
	}
	dests := slices.Sorted(maps.Keys(taken))
	for _, d := range dests {
		for _, e := range dests {
			if hasDirPrefix(e, d) {
				return nil, ioFail("destinations of one commit overlap: %s and %s", d, e)
			}
		}
	}
	for _, d := range req.Deletes {
		p, err := n.resolve(c, d, opWrite)
		if err != nil {
			return nil, err
		}
		if p.last() == 0 {
			continue
		}
		if p.isRoot() {
			return nil, ioFail("a commit may not delete the root")
		}
		if err := n.check(c, p, checks{parent: actWrite, sub: actAll, ignoreEmpty: true}); err != nil {
			return nil, err
		}
		if err := n.noSnapshotsBelow(p.last()); err != nil {
			return nil, err
		}
		for _, t := range dests {
			if t == p.path || hasDirPrefix(t, p.path) {
				return nil, ioFail("a commit may not delete %s, where it moves %s", p.path, t)
			}
		}
	}
	if marker := req.GetMarker(); marker != "" {
		if err := n.checkMarker(c, marker, taken, req); err != nil {
			return nil, err
		}
	}
	for _, m := range req.Moves {
		if err := n.doMove(h, m.GetSrc(), m.GetDst()); err != nil {
			return nil, err
		}
	}
	for _, d := range req.Deletes {
		if p, err := n.locate(d); err == nil && p.last() != 0 && !p.isRoot() {
			n.eventUnlink(p.path)
			n.remove(p.last())
		}
	}
	if marker := req.GetMarker(); marker != "" {
		if err := n.makeMarker(h, marker); err != nil {
			return nil, err
		}
	}
	return &journalpb.CommitJobResponse{}, nil
}

func (n *Namespace) checkMove(c *Caller, sp, dp *inodePath, overwrite bool) error {
	if err := n.checkRename(c, sp, dp); err != nil {
		return err
	}
	if sp.last() == 0 {
		return notFound("rename source %s is not found.", sp.path)
	}
	if sp.isRoot() || dp.isRoot() {
		return ioFail("a commit may not move the root")
	}
	if sp.path == dp.path {
		return fail(hdfs.FileAlreadyExists, "The source %s and destination %s are the same", sp.path, dp.path)
	}
	if err := n.validateDestination(sp, dp); err != nil {
		return err
	}
	if err := n.noSnapshotsBelow(sp.last()); err != nil {
		return err
	}
	if dst := dp.last(); dst != 0 {
		if n.tree.Inode(dst).IsDir() || n.tree.Inode(sp.last()).IsDir() || !overwrite {
			return fail(hdfs.FileAlreadyExists, "rename destination %s already exists", dp.path)
		}
	} else if err := n.verifyNew(dp); err != nil {
		return err
	}
	first := dp.existing()
	if first == len(dp.comps) {
		first--
	}
	return n.verifyQuota(dp.slots[first-1], n.usageOf(sp.last(), n.policyOf(dp.slots[first-1])), n.commonAncestor(sp.parent(), dp.slots[first-1]))
}

func (n *Namespace) checkMarker(c *Caller, marker string, taken map[string]bool, req *journalpb.CommitJob) error {
	p, err := n.resolve(c, marker, opCreate)
	if err != nil {
		return err
	}
	if taken[p.path] {
		return fail(hdfs.FileAlreadyExists, "the marker %s is also the destination of a move", p.path)
	}
	for _, m := range req.Moves {
		if p.path == m.GetSrc() || hasDirPrefix(p.path, m.GetSrc()) {
			return ioFail("the marker %s is below the source %s of a move", p.path, m.GetSrc())
		}
	}
	for _, d := range req.Deletes {
		if hasDirPrefix(p.path, strings.TrimRight(d, "/")) {
			return ioFail("the marker %s is below %s, which the commit deletes", p.path, d)
		}
	}
	if p.last() != 0 {
		if n.tree.Inode(p.last()).IsDir() {
			return fail(hdfs.FileAlreadyExists, "%s already exists as a directory", p.path)
		}
		return n.check(c, p, checks{access: actWrite})
	}
	if err := n.check(c, p, checks{ancestor: actWrite}); err != nil {
		return err
	}
	return n.verifyNew(p)
}

func (n *Namespace) doMove(h *Header, src, dst string) error {
	sp, err := n.locate(src)
	if err != nil {
		return err
	}
	dp, err := n.locate(dst)
	if err != nil {
		return err
	}
	if dp.last() != 0 {
		n.remove(dp.last())
	}
	if err := n.makeParents(dp, h.User, modes{0o755, -1}, true); err != nil {
		return err
	}
	return n.move(sp, dp)
}

func (n *Namespace) makeMarker(h *Header, marker string) error {
	p, err := n.locate(marker)
	if err != nil {
		return err
	}
	if p.last() != 0 {
		n.remove(p.last())
	}
	m := modes{0o644, -1}
	if err := n.makeParents(p, h.User, m, true); err != nil {
		return err
	}
	in := tree.Inode{ATime: n.now, B: n.sizes.of(uint64(n.opt.DefaultBlockSize))}
	in.SetReplication(uint16(n.opt.DefaultReplication))
	slot, err := n.addInode(p.parent(), p.name(), h.User, m, in)
	if err != nil {
		return err
	}
	n.eventCreate(slot, p.path, true)
	n.eventClose(slot)
	return nil
}

// TrashRoot is a user's trash.
type TrashRoot struct {
	Path        string
	HasCurrent  bool
	Checkpoints []string // other names in it, sorted
}

// TrashRoots lists the .Trash of every home directory, for the leader's emptier.
func (n *Namespace) TrashRoots() []TrashRoot {
	p, err := n.locate("/user")
	if err != nil || p.last() == 0 || !n.tree.Inode(p.last()).IsDir() {
		return nil
	}
	var out []TrashRoot
	n.tree.Children(p.last(), nil, func(home uint32) bool {
		if !n.tree.Inode(home).IsDir() {
			return true
		}
		t := n.tree.Lookup(home, []byte(".Trash"))
		if t == 0 || !n.tree.Inode(t).IsDir() {
			return true
		}
		r := TrashRoot{Path: n.pathOf(t)}
		n.tree.Children(t, nil, func(c uint32) bool {
			if name := string(n.tree.Name(c)); name == "Current" {
				r.HasCurrent = true
			} else {
				r.Checkpoints = append(r.Checkpoints, name)
			}
			return true
		})
		slices.Sort(r.Checkpoints)
		out = append(out, r)
		return true
	})
	return out
}

// purgeTrash carries out the emptier's decision on one trash.
func (n *Namespace) purgeTrash(req *journalpb.PurgeTrash) (*journalpb.PurgeTrashResponse, error) {
	p, err := n.locate(req.GetTrashRoot())
	if err != nil {
		return nil, err
	}
	resp := &journalpb.PurgeTrashResponse{}
	if p.last() == 0 || !n.tree.Inode(p.last()).IsDir() || p.readOnly() || p.isRoot() {
		return resp, nil
	}
	for _, name := range req.Expired {
		if slot := n.tree.Lookup(p.last(), []byte(name)); slot != 0 && n.noSnapshotsBelow(slot) == nil {
			n.eventUnlink(join(p.path, name))
			n.remove(slot)
		}
	}
	name := req.GetCheckpoint()
	current := n.tree.Lookup(p.last(), []byte("Current"))
	if name == "" || current == 0 || strings.Contains(name, "/") || n.noSnapshotsBelow(current) != nil {
		return resp, nil
	}
	base := name
	for i := 1; n.tree.Lookup(p.last(), []byte(name)) != 0; i++ {
		name = base + "-" + itoa(i) // TrashPolicyDefault does the same within one minute
	}
	sp, err := n.locate(join(p.path, "Current"))
	if err != nil {
		return nil, err
	}
	dp, err := n.locate(join(p.path, name))
	if err != nil {
		return nil, err
	}
	return resp, n.move(sp, dp)
}
