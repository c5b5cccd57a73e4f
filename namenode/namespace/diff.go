package namespace

import (
	"slices"
	"sort"
	"strings"

	"github.com/lodehq/lode/internal/hdfs"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// diffEntry is one thing that differs, paths relative to the directory.
type diffEntry struct {
	label  string // M, +, -, R
	path   string
	target string
	slot   uint32
	dir    uint32 // the directory that it left or came into; of M itself
	into   uint32 // R: the directory that it came into
}

// place is where an inode was or is.
type place struct {
	path string
	dir  uint32
}

// differ compares a directory's subtree at two times; 0 is now.
type differ struct {
	n        *Namespace
	from, to int64
	gone     map[uint32]place // left their directory
	come     map[uint32]place
	out      []diffEntry
}

// GetSnapshotDiffReport tells what changed below a directory between two of its snapshots; an empty name means now. After each
// directory that changed come the children that came and then those that left, as in Apache's report.
func (n *Namespace) GetSnapshotDiffReport(c Caller, req *hdfspb.GetSnapshotDiffReportRequestProto) (*hdfspb.GetSnapshotDiffReportResponseProto, error) {
	root, entries, forward, err := n.snapshotDiff(&c, req.GetSnapshotRoot(), req.GetFromSnapshot(), req.GetToSnapshot())
	if err != nil {
		return nil, err
	}
	from, to := req.GetFromSnapshot(), req.GetToSnapshot()
	out := &hdfspb.SnapshotDiffReportProto{SnapshotRoot: &root, FromSnapshot: &from, ToSnapshot: &to}
	put := func(e *diffEntry) {
		p := &hdfspb.SnapshotDiffReportEntryProto{Fullpath: []byte(e.path), ModificationLabel: &e.label}
		if e.label == "R" {
			p.TargetPath = []byte(e.target)
		}
		if !forward {
			p.Fullpath, p.TargetPath, p.ModificationLabel = backward(e)
		}
		out.DiffReportEntries = append(out.DiffReportEntries, p)
	}
	came, left := map[uint32][]*diffEntry{}, map[uint32][]*diffEntry{}
	for i := range entries {
		switch e := &entries[i]; e.label {
		case "+":
			came[e.dir] = append(came[e.dir], e)
		case "-", "R":
			left[e.dir] = append(left[e.dir], e)
		}
	}
	for i := range entries {
		if e := &entries[i]; e.label == "M" {
			put(e)
			for _, x := range append(came[e.slot], left[e.slot]...) {
				put(x)
			}
		}
	}
	return &hdfspb.GetSnapshotDiffReportResponseProto{DiffReport: out}, nil
}

// GetSnapshotDiffReportListing is the same in the form that newer clients put together themselves, in one answer.
func (n *Namespace) GetSnapshotDiffReportListing(c Caller, req *hdfspb.GetSnapshotDiffReportListingRequestProto) (*hdfspb.GetSnapshotDiffReportListingResponseProto, error) {
	_, entries, earlier, err := n.snapshotDiff(&c, req.GetSnapshotRoot(), req.GetFromSnapshot(), req.GetToSnapshot())
	if err != nil {
		return nil, err
	}
	index := int32(-1)
	out := &hdfspb.SnapshotDiffReportListingProto{IsFromEarlier: &earlier, Cursor: &hdfspb.SnapshotDiffReportCursorProto{StartPath: []byte{}, Index: &index}}
	entry := func(path string, dir, slot uint32, ref bool) *hdfspb.SnapshotDiffReportListingEntryProto {
		d, f := uint64(n.tree.Inode(dir).ID), uint64(n.tree.Inode(slot).ID)
		return &hdfspb.SnapshotDiffReportListingEntryProto{Fullpath: []byte(path), DirId: &d, FileId: &f, IsReference: &ref}
	}
	for i := range entries {
		switch e := &entries[i]; e.label {
		case "M": // a directory is marked as a reference, so that the client looks for its children
			out.ModifiedEntries = append(out.ModifiedEntries, entry(e.path, e.slot, e.slot, n.tree.Inode(e.slot).IsDir()))
		case "+":
			out.CreatedEntries = append(out.CreatedEntries, entry(e.path, e.dir, e.slot, false))
		case "-":
			out.DeletedEntries = append(out.DeletedEntries, entry(e.path, e.dir, e.slot, false))
		case "R":
			out.CreatedEntries = append(out.CreatedEntries, entry(e.target, e.into, e.slot, true))
			gone := entry(e.path, e.dir, e.slot, true)
			gone.TargetPath = []byte(e.target)
			out.DeletedEntries = append(out.DeletedEntries, gone)
		}
	}
	return &hdfspb.GetSnapshotDiffReportListingResponseProto{DiffReport: out}, nil
}

// backward is an entry as seen from the later time.
func backward(e *diffEntry) (path, target []byte, label *string) {
	l := e.label
	switch e.label {
	case "+":
		l = "-"
	case "-":
		l = "+"
	case "R":
		return []byte(e.target), []byte(e.path), &l
	}
	return []byte(e.path), nil, &l
}

// snapshotDiff compares the earlier of two times with the later; forward tells that from is the earlier.
func (n *Namespace) snapshotDiff(c *Caller, src, from, to string) (root string, entries []diffEntry, forward bool, err error) {
	p, err := n.resolve(c, src, opRead)
	if err != nil {
		return "", nil, false, err
	}
	if _, err := n.dirAt(p.last(), p.path); err != nil {
		return "", nil, false, err
	}
	top := p.last()
	for top != 0 && n.snapDirs[top] == nil {
		top = n.tree.Inode(top).Parent
	}
	if top == 0 || p.readOnly() {
		return "", nil, false, fail(hdfs.SnapshotException, "Directory is not a snapshottable directory: %s", p.path)
	}
	ids := [2]int64{}
	for i, name := range []string{from, to} {
		if name == "" {
			continue
		}
		s := n.snapshotNamed(n.snapDirs[top], name)
		if s == nil {
			return "", nil, false, fail(hdfs.SnapshotException, "Cannot find the snapshot of directory %s with name %s", n.pathOf(top), name)
		}
		ids[i] = s.id
		sp := *p
		sp.snap = s.id
		if err := n.check(c, &sp, checks{sub: actRead}); err != nil {
			return "", nil, false, err
		}
	}
	if ids[0] == ids[1] {
		return p.path, nil, true, nil
	}
	forward = ids[0] != 0 && (ids[1] == 0 || ids[0] < ids[1])
	if !forward {
		ids[0], ids[1] = ids[1], ids[0]
	}
	d := &differ{n: n, from: ids[0], to: ids[1], gone: map[uint32]place{}, come: map[uint32]place{}}
	d.compare(p.last(), "")
	d.pair()
	return p.path, d.out, forward, nil
}

func rel(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// compare adds what differs at and below an inode that both times show.
func (d *differ) compare(slot uint32, path string) {
	n := d.n
	a, b := n.attrAt(slot, d.from), n.attrAt(slot, d.to)
	ha, hb := n.historyAt(slot, d.from), n.historyAt(slot, d.to)
	changed := ha != hb && (a.Perm() != b.Perm() || a.Owner != b.Owner || a.Repl != b.Repl || a.MTime != b.MTime && path != "" || // taking a snapshot changes the top's time

		!slices.Equal(n.aclAt(slot, d.from), n.aclAt(slot, d.to)) || !sameXAttrs(n.xattrsAt(slot, d.from), n.xattrsAt(slot, d.to)))
	if !a.IsDir() {
		if changed || ha != hb && n.lengthAt(slot, d.from) != n.lengthAt(slot, d.to) {
			d.out = append(d.out, diffEntry{label: "M", path: path, slot: slot})
		}
		return
	}
	was, is := n.childrenAt(slot, d.from), n.childrenAt(slot, d.to)
	in := make(map[uint32]bool, len(is))
	for _, c := range is {
		in[c] = true
	}
	old := make(map[uint32]bool, len(was))
	var both []uint32
	for _, c := range was {
		old[c] = true
		nameWas, nameIs := string(n.nameAt(c, d.from)), string(n.nameAt(c, d.to))
		if !in[c] || nameWas != nameIs {
			d.gone[c] = place{rel(path, nameWas), slot}
			changed = true
		} else {
			both = append(both, c)
		}
	}
	for _, c := range is {
		if _, left := d.gone[c]; !old[c] || left {
			d.come[c] = place{rel(path, string(n.nameAt(c, d.to))), slot}
			changed = true
		}
	}
	if changed {
		d.out = append(d.out, diffEntry{label: "M", path: path, slot: slot})
	}
	for _, c := range both {
		d.compare(c, rel(path, string(n.nameAt(c, d.from))))
	}
}

// pair turns what left in one place and came in another into renames, and the rest into deletions and creations.
func (d *differ) pair() {
	for len(d.gone)+len(d.come) > 0 {
		gone, come := d.gone, d.come
		d.gone, d.come = map[uint32]place{}, map[uint32]place{}
		for _, slot := range sortedSlots(gone) {
			target, ok := come[slot]
			if !ok {
				d.out = append(d.out, diffEntry{label: "-", path: gone[slot].path, slot: slot, dir: gone[slot].dir})
				continue
			}
			delete(come, slot)
			d.out = append(d.out, diffEntry{label: "R", path: gone[slot].path, target: target.path, slot: slot, dir: gone[slot].dir, into: target.dir})
			d.compare(slot, gone[slot].path)
		}
		for _, slot := range sortedSlots(come) {
			d.out = append(d.out, diffEntry{label: "+", path: come[slot].path, slot: slot, dir: come[slot].dir})
		}
	}
	sort.SliceStable(d.out, func(i, j int) bool { // the shallow first
		a, b := d.out[i].path, d.out[j].path
		if x, y := depth(a), depth(b); x != y {
			return x < y
		}
		return a < b
	})
}

func depth(path string) int {
	if path == "" {
		return 0
	}
	return 1 + strings.Count(path, "/")
}

func sortedSlots(m map[uint32]place) []uint32 {
	l := make([]uint32, 0, len(m))
	for s := range m {
		l = append(l, s)
	}
	sort.Slice(l, func(i, j int) bool { return m[l[i]].path < m[l[j]].path })
	return l
}

func sameXAttrs(a, b []xattr) bool {
	return slices.EqualFunc(a, b, func(x, y xattr) bool { return x.ns == y.ns && x.name == y.name && string(x.value) == string(y.value) })
}
