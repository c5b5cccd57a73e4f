package namespace

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"sync"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/tree"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
	"google.golang.org/protobuf/proto"
)

// internalHolder is who holds the lease of a file whose writer is gone while its last block is recovered.
const internalHolder = "HDFS_NameNode"

// maxStarted bounds the recoveries kept for TakeRecoveries.
const maxStarted = 1 << 14

// openFile is what is known of a file that is being written. It is never changed in place while a View reads it: see mutOpen.
type openFile struct {
	holder  string
	machine string
	rec     *recovery
}

// recovery is a block recovery under way on the last block of a file. Never changed in place.
type recovery struct {
	id       hdfs.GenStamp // the generation stamp that the block will have
	source   uint32        // copy-on-truncate: the block that is read; else 0
	truncate bool
	length   int64 // the length that a truncate leaves
	started  int64 // ms
}

// holder is a lease: the files that a client writes.
type holder struct {
	files map[uint32]struct{}
}

// BlockRecovery is a recovery that datanodes have to carry out.
type BlockRecovery struct {
	Block      hdfs.Block // as it is now, old generation stamp
	File       hdfs.INodeID
	RecoveryID hdfs.GenStamp
	NewBlock   *hdfs.Block // copy-on-truncate: what Block is to be copied to
	Truncate   bool
	NewLength  int64 // with Truncate
}

// openFor makes a file one that is being written.
func (n *Namespace) openFor(slot uint32, name, machine string) {
	n.tree.Mut(slot).Mode |= tree.FlagOpen
	n.open[slot] = &openFile{holder: name, machine: machine}
	n.lease(name).files[slot] = struct{}{}
}

func (n *Namespace) lease(name string) *holder {
	l := n.holders[name]
	if l == nil {
		l = &holder{files: map[uint32]struct{}{}}
		n.holders[name] = l
		n.RenewLease(name, n.now)
	}
	return l
}

// close ends the writing of a file without looking at its blocks.
func (n *Namespace) close(slot uint32) {
	o := n.open[slot]
	if o == nil {
		return
	}
	n.tree.Mut(slot).Mode &^= tree.FlagOpen
	delete(n.open, slot)
	if last := n.tree.LastBlock(slot); last != 0 {
		delete(n.byBlock, n.tree.Block(last).ID)
	}
	n.leave(o.holder, slot)
}

func (n *Namespace) leave(name string, slot uint32) {
	if l := n.holders[name]; l != nil {
		delete(l.files, slot)
		if len(l.files) == 0 {
			delete(n.holders, name)
			n.renewals.forget(name)
		}
	}
}

// reassign hands a file's lease to another holder.
func (n *Namespace) reassign(slot uint32, to string) {
	o := *n.open[slot]
	if o.holder == to {
		return
	}
	n.leave(o.holder, slot)
	o.holder = to
	n.open[slot] = &o
	n.lease(to).files[slot] = struct{}{}
}

func (n *Namespace) leaseText(src string, id uint64, name string) string {
	text := fmt.Sprintf("Holder %s does not have any open files.", name)
	if l := n.holders[name]; l != nil {
		text = fmt.Sprintf("[Lease.  Holder: %s, pending creates: %d]", name, len(l.files))
	}
	return fmt.Sprintf("%s (inode %d) %s", src, id, text)
}

// checkLease is FSNamesystem.checkLease: the path must be a file that name writes.
func (n *Namespace) checkLease(p *inodePath, name string, id uint64) (uint32, error) {
	slot := p.last()
	if slot == 0 {
		return 0, notFound("File does not exist: %s", n.leaseText(p.path, id, name))
	}
	in := n.tree.Inode(slot)
	if in.IsDir() {
		return 0, fail(hdfs.LeaseExpired, "INode is not a regular file: %s", n.leaseText(n.pathFor(p), id, name))
	}
	if !in.IsOpen() {
		return 0, fail(hdfs.LeaseExpired, "File is not open for writing: %s", n.leaseText(n.pathFor(p), id, name))
	}
	if o := n.open[slot]; o.holder != name {
		return 0, fail(hdfs.LeaseExpired, "Client (=%s) is not the lease owner (=%s: %s", name, o.holder, n.leaseText(n.pathFor(p), id, name))
	}
	return slot, nil
}

// leaseOp names the call in messages of lease recovery (FSNamesystem.RecoverLeaseOp).
type leaseOp string

const (
	opCreateFile   leaseOp = "CREATE_FILE"
	opAppendFile   leaseOp = "APPEND_FILE"
	opTruncateFile leaseOp = "TRUNCATE_FILE"
)

// recoverLease is FSNamesystem.recoverLeaseInternal: it succeeds when nobody writes the file (any more).
func (n *Namespace) recoverLease(h *Header, op leaseOp, slot uint32, src, name string) error {
	if !n.tree.Inode(slot).IsOpen() {
		return nil
	}
	o := n.open[slot]
	because := func(class, format string, args ...any) error {
		return fail(class, "Failed to %s %s for %s on %s because %s", op, src, name, h.ClientMachine, fmt.Sprintf(format, args...))
	}
	if o.holder == name {
		return because(hdfs.AlreadyBeingCreated, "%s is already the current lease holder.", name)
	}
	if h.SoftExpired {
		if closed := n.releaseLease(slot, ""); closed {
			return nil
		}
		return because(hdfs.RecoveryInProgress, "lease recovery is in progress. Try again later.")
	}
	if last := n.tree.LastBlock(slot); last != 0 && n.tree.Block(last).State() == tree.Recovering {
		return because(hdfs.RecoveryInProgress, "another recovery is in progress by %s on %s", o.holder, o.machine)
	}
	return because(hdfs.AlreadyBeingCreated, "this file lease is currently owned by %s on %s", o.holder, o.machine)
}

// releaseLease is FSNamesystem.internalReleaseLease: close the file at once if its last block is complete, else start the
// recovery of that block, on behalf of another holder if one is given.
func (n *Namespace) releaseLease(slot uint32, to string) (closed bool) {
	last := n.tree.LastBlock(slot)
	if last == 0 || n.tree.Block(last).State() == tree.Complete {
		n.finish(slot)
		return true
	}
	o := n.open[slot]
	if o.rec != nil && n.now-o.rec.started < n.opt.RecoveryTimeout.Milliseconds() {
		return false // one is under way
	}
	if to != "" {
		n.reassign(slot, to)
	}
	rec := recovery{started: n.now}
	if o.rec != nil {
		rec = *o.rec
		rec.started = n.now
	}
	rec.id = n.nextGenStamp()
	n.startRecovery(slot, rec)
	return false
}

// startRecovery marks the last block of a file and tells the leader.
func (n *Namespace) startRecovery(slot uint32, rec recovery) {
	o := *n.open[slot]
	o.rec = &rec
	n.open[slot] = &o
	b := n.tree.MutBlock(n.tree.LastBlock(slot))
	gs := b.GenStamp()
	if rec.source != 0 {
		gs = rec.id
	}
	b.Set(gs, b.Length(), tree.Recovering)
	n.byBlock[b.ID] = slot
	if len(n.started) >= maxStarted { // a follower, which nobody asks; Recoveries knows them all
		n.started = n.started[len(n.started)/2:]
	}
	n.started = append(n.started, n.recoveryOf(slot))
}

func (n *Namespace) recoveryOf(slot uint32) BlockRecovery {
	rec := n.open[slot].rec
	b := n.tree.Block(n.tree.LastBlock(slot)).Value()
	r := BlockRecovery{Block: b, File: n.tree.Inode(slot).ID, RecoveryID: rec.id, Truncate: rec.truncate, NewLength: rec.length}
	if rec.source != 0 {
		r.NewBlock = &b
		r.Block = n.tree.Block(rec.source).Value()
	}
	return r
}

// TakeRecoveries answers the recoveries that Apply has started since it was last asked.
func (n *Namespace) TakeRecoveries() []BlockRecovery {
	s := n.started
	n.started = nil
	return s
}

// Recoveries answers all recoveries under way, by file.
func (n *Namespace) Recoveries() []BlockRecovery {
	var out []BlockRecovery
	for slot, o := range n.open {
		if o.rec != nil {
			out = append(out, n.recoveryOf(slot))
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].File < out[j].File })
	return out
}

// finish closes a file whose blocks are all complete: FSNamesystem.finalizeINodeFileUnderConstruction.
func (n *Namespace) finish(slot uint32) {
	n.touch(slot)
	n.close(slot)
	n.tree.Mut(slot).MTime = n.now
	n.eventClose(slot)
}

func (n *Namespace) recoverLeaseCall(h *Header, c *Caller, req *hdfspb.RecoverLeaseRequestProto) (*hdfspb.RecoverLeaseResponseProto, error) {
	p, err := n.resolve(c, req.GetSrc(), opWrite)
	if err != nil {
		return nil, err
	}
	slot, err := n.fileAt(p)
	if err != nil {
		return nil, err
	}
	closed := true
	if n.tree.Inode(slot).IsOpen() {
		if err := n.check(c, p, checks{access: actWrite}); err != nil {
			return nil, err
		}
		closed = n.releaseLease(slot, req.GetClientName())
	}
	return &hdfspb.RecoverLeaseResponseProto{Result: &closed}, nil
}

func (n *Namespace) releaseLeaseCall(req *journalpb.ReleaseLease) (*journalpb.ReleaseLeaseResponse, error) {
	closed := true
	slot := n.tree.ByID(hdfs.INodeID(req.GetFileId()))
	if o := n.open[slot]; slot != 0 && o != nil && (req.GetHolder() == "" || o.holder == req.GetHolder()) {
		closed = n.releaseLease(slot, internalHolder)
	}
	return &journalpb.ReleaseLeaseResponse{Closed: &closed}, nil
}

// ---- renewal: volatile, the leader's own ----

// renewals remembers when each lease was last renewed. mu guards it and nothing slow happens under it, so that RenewLease may be
// called while others read the namespace.
type renewals struct {
	mu sync.Mutex
	at map[string]int64
}

func (r *renewals) forget(name string) {
	r.mu.Lock()
	delete(r.at, name)
	r.mu.Unlock()
}

// RenewLease notes that a client is alive. Clients without a lease are not remembered. It may run beside reads.
func (n *Namespace) RenewLease(client string, nowMS int64) {
	if n.holders[client] == nil {
		return
	}
	n.renewals.mu.Lock()
	n.renewals.at[client] = max(nowMS, n.renewals.at[client])
	n.renewals.mu.Unlock()
}

// RenewAllLeases is for a leader that takes office: it knows of no renewal, so every lease counts from now.
func (n *Namespace) RenewAllLeases(nowMS int64) {
	n.renewals.mu.Lock()
	defer n.renewals.mu.Unlock()
	for name := range n.holders {
		n.renewals.at[name] = nowMS
	}
}

func (n *Namespace) renewed(name string) int64 {
	n.renewals.mu.Lock()
	defer n.renewals.mu.Unlock()
	return n.renewals.at[name]
}

// SoftExpired tells whether the lease of the file that a create, append, truncate or recoverLease is about has passed its soft
// limit. The leader puts the answer into Header.SoftExpired.
func (n *Namespace) SoftExpired(req proto.Message, nowMS int64) bool {
	var src string
	switch r := req.(type) {
	case *hdfspb.CreateRequestProto:
		src = r.GetSrc()
	case *hdfspb.AppendRequestProto:
		src = r.GetSrc()
	case *hdfspb.TruncateRequestProto:
		src = r.GetSrc()
	case *hdfspb.RecoverLeaseRequestProto:
		src = r.GetSrc()
	default:
		return false
	}
	if len(n.open) == 0 {
		return false
	}
	p, err := n.locate(src)
	if err != nil || p.last() == 0 {
		return false
	}
	o := n.open[p.last()]
	return o != nil && nowMS-n.renewed(o.holder) > n.opt.SoftLimit.Milliseconds()
}

// ExpiredLeases answers up to max files to release: their lease has passed its hard limit, or their block recovery has not come
// back for too long. The leader proposes each.
func (n *Namespace) ExpiredLeases(nowMS int64, max int) []*journalpb.ReleaseLease {
	var out []*journalpb.ReleaseLease
	names := make([]string, 0, len(n.holders))
	for name := range n.holders {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		hard := nowMS-n.renewed(name) > n.opt.HardLimit.Milliseconds()
		files := make([]uint32, 0, len(n.holders[name].files))
		for slot := range n.holders[name].files {
			files = append(files, slot)
		}
		slices.Sort(files)
		for _, slot := range files {
			if len(out) >= max {
				return out
			}
			rec := n.open[slot].rec
			stuck := rec != nil && nowMS-rec.started > n.opt.RecoveryTimeout.Milliseconds()
			if stuck || rec == nil && (hard || name == internalHolder) {
				holder, id := name, uint64(n.tree.Inode(slot).ID)
				out = append(out, &journalpb.ReleaseLease{Holder: &holder, FileId: &id})
			}
		}
	}
	return out
}

// ListOpenFiles lists the files being written by number, after the one given.
func (n *Namespace) ListOpenFiles(c Caller, req *hdfspb.ListOpenFilesRequestProto) (*hdfspb.ListOpenFilesResponseProto, error) {
	if err := n.checkSuperuser(&c, "listOpenFiles"); err != nil {
		return nil, err
	}
	const batch = 1000 // dfs.namenode.list.openfiles.num.responses
	type entry struct {
		id   hdfs.INodeID
		slot uint32
	}
	var list []entry
	for slot := range n.open {
		if id := n.tree.Inode(slot).ID; int64(id) > req.GetId() {
			list = append(list, entry{id, slot})
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].id < list[j].id })
	more := false
	out := &hdfspb.ListOpenFilesResponseProto{HasMore: &more, Types: req.Types}
	prefix := req.GetPath()
	for _, e := range list {
		path := n.pathOf(e.slot)
		if prefix != "" && prefix != "/" && path != prefix && !hasDirPrefix(path, prefix) {
			continue
		}
		if len(out.Entries) == batch {
			more = true
			break
		}
		o, id := n.open[e.slot], int64(e.id)
		out.Entries = append(out.Entries, &hdfspb.OpenFilesBatchResponseProto{Id: &id, Path: &path, ClientName: &o.holder, ClientMachine: &o.machine})
	}
	return out, nil
}

func hasDirPrefix(path, dir string) bool {
	return len(path) > len(dir) && path[:len(dir)] == dir && (path[len(dir)] == '/' || dir[len(dir)-1] == '/')
}

func itoa(i int) string { return strconv.Itoa(i) }
