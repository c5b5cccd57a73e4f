package journal

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"

	"github.com/lodehq/lode/internal/vfs"
)

// Entry is one committed command.
type Entry struct {
	Data  []byte // valid during Apply
	Value any    // the proposer's, when the command was proposed by this process; else nil
}

// StateMachine is what the journal drives. Its methods are called one at a time.
type StateMachine interface {
	// Apply applies committed commands in order. It cannot fail: a command that is refused is refused on every node.
	Apply(batch []Entry)
	// Image is a consistent view of the state. It must be quick; the view is written while Apply goes on.
	Image() (Image, error)
	// Restore replaces the state by what an Image wrote.
	Restore(r io.Reader) error
}

// Image is a view of the state that Apply does not disturb.
type Image interface {
	WriteTo(w io.Writer) (int64, error)
	Close()
}

// Proposal is one command on its way into the log. Data belongs to the journal from Propose on. Fail, unless nil, is called
// once, from any goroutine, when the command will not be applied with Value on this node: the caller cannot know whether it
// will be applied at all.
type Proposal struct {
	Data  []byte
	Value any
	Fail  func(error)
}

// Peer is one voter.
type Peer struct {
	ID, Address string
}

// Config of a Journal.
type Config struct {
	Dir     string // of this journal alone
	ID      string // of this voter, "0" when empty
	Peers   []Peer // all voters, this one included; empty or one when the namenode is alone
	Bind    string // where the other voters reach this one, when there are others
	Machine StateMachine
	Logger  *slog.Logger
	// MustExist refuses an empty directory: this node had a journal once (Identity.Begun).
	MustExist bool
	// OnLeader is called with true when this node may accept proposals and has applied everything before, and with false when
	// no longer. Calls do not overlap; proposals may be made from within.
	OnLeader func(leader bool)
	// ImageEvery is the number of commands after which an image is written (dfs.namenode.checkpoint.txns, 1,000,000), and
	// ImagePeriod the time after which one is written if there was any command (dfs.namenode.checkpoint.period, 1 h).
	ImageEvery  int64
	ImagePeriod time.Duration
}

// ErrNotLeader fails proposals on a node that does not lead, or that lost the lead before the command was applied.
var ErrNotLeader = errors.New("this namenode is not the leader")

// ErrClosed fails proposals on a closed journal.
var ErrClosed = errors.New("journal is closed")

const (
	maxBatchBytes    = 4 << 20
	maxBatchCommands = 8192
	// depth is how many batches are under way: one is written while the one before is applied.
	depth = 2
)

// Journal is an open journal.
type Journal struct {
	cfg     Config
	log     *slog.Logger
	raft    *raft.Raft
	wal     *wal.WAL
	closers []io.Closer // after raft and wal, last first
	session uint64

	mu      sync.Mutex // guards what follows; no I/O under it
	queue   []Proposal
	spare   []Proposal
	flying  map[uint64][]Proposal
	closed  bool
	wake    chan struct{} // holds a token when the queue is not empty
	slots   chan struct{} // depth tokens
	stop    chan struct{}
	wg      sync.WaitGroup
	leading atomic.Bool
	failed  chan error // holds the first failure to write

	commands  atomic.Int64 // applied since the start
	sinceLast atomic.Int64 // applied since the last image
	lastImage atomic.Int64 // unix ms of the last image of this process
}

// Open opens the journal in cfg.Dir, or starts an empty one there, restores the last image, and takes part in elections. The
// commands after the image are applied when a leader is known.
func Open(cfg Config) (*Journal, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.ID == "" {
		cfg.ID = "0"
	}
	if cfg.ImageEvery <= 0 {
		cfg.ImageEvery = 1_000_000
	}
	if cfg.ImagePeriod <= 0 {
		cfg.ImagePeriod = time.Hour
	}
	j := &Journal{cfg: cfg, log: cfg.Logger, flying: map[uint64][]Proposal{}, wake: make(chan struct{}, 1),
		slots: make(chan struct{}, depth), stop: make(chan struct{}), failed: make(chan error, 1)}
	var seed [8]byte
	rand.Read(seed[:])
	j.session = binary.BigEndian.Uint64(seed[:])
	j.lastImage.Store(time.Now().UnixMilli())
	if err := j.openRaft(); err != nil {
		return nil, err
	}
	j.wg.Add(2)
	go j.propose()
	go j.writeImages()
	return j, nil
}

func (j *Journal) openRaft() (err error) {
	logDir := filepath.Join(j.cfg.Dir, "log")
	if err := vfs.OS().MkdirAll(logDir, 0o700); err != nil {
		return fmt.Errorf("create the journal's directory: %w", err)
	}
	defer func() {
		if err != nil {
			_ = j.closeFiles()
		}
	}()
	lock, err := vfs.OS().Lock(filepath.Join(j.cfg.Dir, "in_use.lock"))
	if err != nil {
		return fmt.Errorf("another process uses %s: %w", j.cfg.Dir, err)
	}
	j.closers = append(j.closers, lock)
	hlog := newRaftLogger(j.log, len(j.cfg.Peers) <= 1)
	meta := &metadb.BoltMetaDB{} // the log does not close the one that it makes itself
	j.closers = append(j.closers, meta)
	if err := finishRotation(logDir, meta, wal.DefaultSegmentSize); err != nil {
		return fmt.Errorf("open the journal in %s: %w", logDir, err)
	}
	if j.wal, err = wal.Open(logDir, wal.WithLogger(hlog), wal.WithMetaStore(meta)); err != nil {
		return fmt.Errorf("open the journal in %s: %w", logDir, err)
	}
	j.closers = append(j.closers, j.wal)
	images, err := raft.NewFileSnapshotStoreWithLogger(j.cfg.Dir, 2, hlog)
	if err != nil {
		return fmt.Errorf("open the images in %s: %w", j.cfg.Dir, err)
	}
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(j.cfg.ID)
	c.Logger = hlog
	c.BatchApplyCh = true
	c.MaxAppendEntries = 256
	c.SnapshotThreshold = 1 << 62 // images are written when this package says so
	c.TrailingLogs = 1024
	c.NoLegacyTelemetry = true
	leads := make(chan bool, 16)
	c.NotifyCh = leads

	var transport raft.Transport
	peers := j.cfg.Peers
	if len(peers) <= 1 {
		// Alone there is nobody to wait for.
		c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = 20*time.Millisecond, 20*time.Millisecond, 20*time.Millisecond
		address, t := raft.NewInmemTransport(raft.ServerAddress("alone-" + j.cfg.ID))
		transport, peers = t, []Peer{{j.cfg.ID, string(address)}}
	} else {
		t, err := raft.NewTCPTransportWithLogger(j.cfg.Bind, nil, 3, 10*time.Second, hlog)
		if err != nil {
			return fmt.Errorf("listen for the other namenodes on %s: %w", j.cfg.Bind, err)
		}
		transport = t
		j.closers = append(j.closers, t)
	}
	fresh, err := raft.HasExistingState(j.wal, j.wal, images)
	if err != nil {
		return fmt.Errorf("read the journal in %s: %w", j.cfg.Dir, err)
	}
	if fresh = !fresh; fresh {
		if j.cfg.MustExist {
			return fmt.Errorf("the journal in %s is gone, but this cluster has one; restore the directory from another namenode or a backup", j.cfg.Dir)
		}
		var voters raft.Configuration
		for _, p := range peers {
			voters.Servers = append(voters.Servers, raft.Server{ID: raft.ServerID(p.ID), Address: raft.ServerAddress(p.Address)})
		}
		if err := raft.BootstrapCluster(c, j.wal, j.wal, images, transport, voters); err != nil {
			return fmt.Errorf("start an empty journal in %s: %w", j.cfg.Dir, err)
		}
	}
	if j.raft, err = raft.NewRaft(c, &machine{j: j}, j.wal, j.wal, images, transport); err != nil {
		return fmt.Errorf("recover the namespace from %s: %w", j.cfg.Dir, err)
	}
	j.wg.Add(1)
	go j.followLeadership(leads)
	return nil
}

// followLeadership turns raft's notices into OnLeader calls.
func (j *Journal) followLeadership(leads <-chan bool) {
	defer j.wg.Done()
	for {
		select {
		case <-j.stop:
			return
		case leads := <-leads:
			if leads {
				// Everything that was committed before must be in the state before anybody reads it.
				if err := j.raft.Barrier(0).Error(); err != nil {
					j.log.Warn("lost the lead before it began", "err", err)
					continue
				}
			}
			if leads == j.leading.Swap(leads) {
				continue
			}
			if j.cfg.OnLeader != nil {
				j.cfg.OnLeader(leads)
			}
		}
	}
}

// Leading says whether this node may accept proposals.
func (j *Journal) Leading() bool { return j.leading.Load() }

// Propose queues a command. It never waits; what the command does is seen in StateMachine.Apply.
func (j *Journal) Propose(p Proposal) {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		p.fail(ErrClosed)
		return
	}
	j.queue = append(j.queue, p)
	first := len(j.queue) == 1
	j.mu.Unlock()
	if first {
		select {
		case j.wake <- struct{}{}:
		default:
		}
	}
}

func (p *Proposal) fail(err error) {
	if p.Fail != nil {
		p.Fail(err)
	}
}

// propose gathers what waits into batches and hands them to raft.
func (j *Journal) propose() {
	defer j.wg.Done()
	var seq uint64
	for {
		select {
		case <-j.stop:
			return
		case <-j.wake:
		}
		for {
			select {
			case <-j.stop:
				return
			case j.slots <- struct{}{}:
			}
			seq++
			batch := j.take(seq)
			if batch == nil {
				<-j.slots
				break
			}
			if !j.leading.Load() {
				j.land(seq, ErrNotLeader)
				continue
			}
			future := j.raft.Apply(encodeBatch(batchID{j.session, seq}, batch), 0)
			j.wg.Add(1)
			go j.await(seq, future)
		}
	}
}

// await frees the batch's place when it was applied, or fails what is in it.
func (j *Journal) await(seq uint64, future raft.ApplyFuture) {
	defer j.wg.Done()
	err := future.Error()
	switch {
	case err == nil:
		<-j.slots
		return
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipLost), errors.Is(err, raft.ErrLeadershipTransferInProgress),
		errors.Is(err, raft.ErrAbortedByRestore):
		err = fmt.Errorf("%w: %w", ErrNotLeader, err)
	case errors.Is(err, raft.ErrRaftShutdown):
		err = ErrClosed
	default:
		err = fmt.Errorf("the journal in %s cannot be written: %w", j.cfg.Dir, err)
		j.log.Error("journal write failed", "err", err)
		select {
		case j.failed <- fmt.Errorf("%w; see to the disk and start the namenode again, nothing that was acknowledged is lost", err):
		default:
		}
	}
	j.land(seq, err)
}

// Failed gets the reason when the journal cannot be written any more. raft-wal does not go on after a write that failed: the process
// has to end, as Apache's namenode does when it cannot log its edits.
func (j *Journal) Failed() <-chan error { return j.failed }

// take moves the front of the queue into the air, under the batch's number.
func (j *Journal) take(seq uint64) []Proposal {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.queue) == 0 {
		return nil
	}
	n, size := 0, 0
	for n < len(j.queue) && n < maxBatchCommands && (n == 0 || size+len(j.queue[n].Data) <= maxBatchBytes) {
		size += len(j.queue[n].Data)
		n++
	}
	batch := j.queue
	if n == len(j.queue) {
		j.queue, j.spare = j.spare[:0], nil
	} else {
		batch = j.queue[:n:n]
		j.queue = append([]Proposal(nil), j.queue[n:]...)
	}
	j.flying[seq] = batch
	return batch
}

// arrive takes a batch out of the air; nil when it is not there (any more).
func (j *Journal) arrive(id batchID) []Proposal {
	if id.session != j.session {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	batch := j.flying[id.seq]
	delete(j.flying, id.seq)
	return batch
}

// recycle gives a batch's slice to the queue to come.
func (j *Journal) recycle(batch []Proposal) {
	if cap(batch) == 0 || cap(batch) > maxBatchCommands {
		return
	}
	clear(batch)
	j.mu.Lock()
	j.spare = batch[:0]
	j.mu.Unlock()
}

// land fails a batch and frees its place.
func (j *Journal) land(seq uint64, err error) {
	for _, p := range j.arrive(batchID{j.session, seq}) {
		p.fail(err)
	}
	<-j.slots
}

// Barrier waits until everything that was committed so far is applied.
func (j *Journal) Barrier(ctx context.Context) error {
	timeout := time.Minute
	if d, ok := ctx.Deadline(); ok {
		timeout = time.Until(d)
	}
	return j.raft.Barrier(timeout).Error()
}

// Stats are the journal's figures.
type Stats struct {
	Term, LastIndex, ImageIndex uint64
	Commands                    int64 // applied by this process
	CommandsSinceImage          int64
	LastImage                   time.Time // of this process, its start when there was none
	Leader                      string
}

// Stats reads the figures.
func (j *Journal) Stats() Stats {
	_, leader := j.raft.LeaderWithID()
	return Stats{Term: j.raft.CurrentTerm(), LastIndex: j.raft.LastIndex(), ImageIndex: parseUint(j.raft.Stats()["last_snapshot_index"]),
		Commands: j.commands.Load(), CommandsSinceImage: j.sinceLast.Load(), LastImage: time.UnixMilli(j.lastImage.Load()), Leader: string(leader)}
}

// Close stops taking part. Proposals that are not applied yet fail.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	queue := j.queue
	j.queue = nil
	j.mu.Unlock()
	for _, p := range queue {
		p.fail(ErrClosed)
	}
	err := j.raft.Shutdown().Error()
	close(j.stop)
	j.wg.Wait()
	j.mu.Lock()
	flying := j.flying
	j.flying = map[uint64][]Proposal{}
	j.mu.Unlock()
	for _, batch := range flying {
		for _, p := range batch {
			p.fail(ErrClosed)
		}
	}
	return errors.Join(err, j.closeFiles())
}

func (j *Journal) closeFiles() (err error) {
	for i := len(j.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, j.closers[i].Close())
	}
	return err
}
