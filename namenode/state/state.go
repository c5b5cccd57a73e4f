package state

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/namenode/journal"
	"github.com/lodehq/lode/namenode/namespace"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
)

// Config of a State.
type Config struct {
	Namespace namespace.Options
	BlockMap  blockmap.Config
	Map       blockmap.Options
	Now       func() int64 // milliseconds since 1970; the system's clock when nil
	Logger    *slog.Logger
}

// State is the namespace and the block map of one namenode.
type State struct {
	cfg Config
	log *slog.Logger
	jl  *journal.Journal

	mu sync.RWMutex // guards ns and bm; no I/O under it
	ns *namespace.Namespace
	bm *blockmap.Map

	active   atomic.Bool // leads, and may answer
	safeMode atomic.Bool // of the block map, as of the last change
	applied  atomic.Int64
	work     []finished                     // of Apply alone
	stalled  map[hdfs.BlockID]hdfs.GenStamp // recoveries that found no datanode; under mu
}

// Command is a change of the namespace on its way.
type Command struct {
	Header  namespace.Header
	Request proto.Message
	Method  journalpb.Method
	Raw     []byte // Request as it came over the wire, if at hand; valid until Submit returns
	// Locked is called under the write lock when the command was applied without error, with its answer, which it may complete.
	Locked func(ns *namespace.Namespace, bm *blockmap.Map, resp proto.Message)
	// Done is called once, without the lock.
	Done func(resp proto.Message, err error)
}

type finished struct {
	cmd  *Command
	resp proto.Message
	err  error
}

// New makes an empty state.
func New(cfg Config) *State {
	if cfg.Now == nil {
		cfg.Now = func() int64 { return time.Now().UnixMilli() }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	cfg.Map.Now = cfg.Now()
	s := &State{cfg: cfg, log: cfg.Logger, bm: blockmap.New(cfg.BlockMap, cfg.Map)}
	s.ns = namespace.New(cfg.Namespace, s.bm)
	s.safeMode.Store(s.bm.SafeMode().On)
	return s
}

// Use gives the state its journal; before, Submit must not be called.
func (s *State) Use(j *journal.Journal) { s.jl = j }

// Now is the time in milliseconds since 1970.
func (s *State) Now() int64 { return s.cfg.Now() }

// Active says whether this namenode leads and has applied everything before.
func (s *State) Active() bool { return s.active.Load() }

// InSafeMode says whether the block map is in safe mode.
func (s *State) InSafeMode() bool { return s.safeMode.Load() }

// View runs f under the read lock.
func (s *State) View(f func(ns *namespace.Namespace, bm *blockmap.Map)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	f(s.ns, s.bm)
}

// Update runs f under the write lock. f may change the block map, and not the namespace.
func (s *State) Update(f func(ns *namespace.Namespace, bm *blockmap.Map)) {
	s.mu.Lock()
	defer s.unlock()
	f(s.ns, s.bm)
}

func (s *State) unlock() {
	s.safeMode.Store(s.bm.SafeMode().On)
	s.mu.Unlock()
}

// Submit journals a command. It does not wait.
func (s *State) Submit(cmd *Command) {
	if !s.active.Load() {
		cmd.Done(nil, Standby())
		return
	}
	s.propose(cmd)
}

func (s *State) propose(cmd *Command) {
	var data []byte
	var err error
	if cmd.Raw != nil {
		data, err = namespace.EncodeRaw(cmd.Header, cmd.Method, cmd.Raw)
	} else {
		data, err = namespace.EncodeCommand(cmd.Header, cmd.Request)
	}
	if err != nil {
		cmd.Done(nil, hdfs.Errorf(hdfs.IOException, "cannot journal the request: %v", err))
		return
	}
	cmd.Raw = nil
	s.jl.Propose(journal.Proposal{Data: data, Value: cmd, Fail: func(err error) { cmd.Done(nil, refusal(err)) }})
}

// Do journals a command of the namenode's own and waits for it. It works before the namenode is active, if the journal leads.
func (s *State) Do(ctx context.Context, h namespace.Header, req proto.Message) (proto.Message, error) {
	m, ok := namespace.MethodOf(req)
	if !ok {
		return nil, fmt.Errorf("%T is no command", req)
	}
	type answer struct {
		resp proto.Message
		err  error
	}
	done := make(chan answer, 1)
	s.propose(&Command{Header: h, Request: req, Method: m, Done: func(resp proto.Message, err error) { done <- answer{resp, err} }})
	select {
	case a := <-done:
		return a.resp, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Self is the header of a command that the namenode makes for itself.
func (s *State) Self() namespace.Header {
	return namespace.Header{TimeMS: s.Now(), User: s.cfg.Namespace.FSOwner, Superuser: true, CallID: -1}
}

// Standby is the answer of a namenode that does not lead.
func Standby() error {
	return hdfs.Errorf(hdfs.Standby, "Operation category WRITE is not supported in state standby. Visit https://s.apache.org/sbnn-error")
}

// refusal turns a journal's error into what a client understands.
func refusal(err error) error {
	switch {
	case errors.Is(err, journal.ErrNotLeader):
		return Standby()
	case errors.Is(err, journal.ErrClosed):
		return hdfs.Errorf(hdfs.Standby, "the namenode is stopping")
	}
	return hdfs.Errorf(hdfs.IOException, "%v", err)
}

// slice is how many commands are applied under one hold of the lock.
const slice = 64

// Apply applies committed commands (journal.StateMachine).
func (s *State) Apply(batch []journal.Entry) {
	for len(batch) > 0 {
		n := min(len(batch), slice)
		s.applySlice(batch[:n])
		batch = batch[n:]
		for i := range s.work {
			f := &s.work[i]
			f.cmd.Done(f.resp, f.err)
		}
		clear(s.work)
		s.work = s.work[:0]
	}
}

func (s *State) applySlice(batch []journal.Entry) {
	s.mu.Lock()
	defer s.unlock()
	for _, e := range batch {
		cmd, live := e.Value.(*Command)
		if !live {
			h, req, err := namespace.DecodeCommand(e.Data)
			if err != nil {
				panic(fmt.Sprintf("journal holds a command that this version cannot read: %v", err))
			}
			_, _ = s.ns.Apply(h, req)
			continue
		}
		resp, err := s.ns.Apply(cmd.Header, cmd.Request)
		if err == nil && cmd.Locked != nil {
			cmd.Locked(s.ns, s.bm, resp)
		}
		s.work = append(s.work, finished{cmd, resp, err})
	}
	s.applied.Add(int64(len(batch)))
	recoveries := s.ns.TakeRecoveries()
	if s.bm.Active() {
		s.recover(recoveries)
	}
}

// RetryRecoveries orders again the block recoveries that found no datanode: right after a restart none has registered yet.
func (s *State) RetryRecoveries() {
	s.mu.Lock()
	defer s.unlock()
	if len(s.stalled) == 0 || !s.bm.Active() {
		return
	}
	var again []namespace.BlockRecovery
	for _, r := range s.ns.Recoveries() {
		if s.stalled[r.Block.ID] == r.RecoveryID {
			again = append(again, r)
		}
	}
	s.stalled = nil
	s.recover(again)
}

// recover orders block recoveries. The caller holds the lock.
func (s *State) recover(list []namespace.BlockRecovery) {
	for _, r := range list {
		var truncate *hdfs.Block
		if r.Truncate {
			b := hdfs.Block{ID: r.Block.ID, GenStamp: r.RecoveryID, NumBytes: r.NewLength}
			if r.NewBlock != nil {
				b.ID, b.GenStamp = r.NewBlock.ID, r.NewBlock.GenStamp
			}
			truncate = &b
		}
		if _, err := s.bm.StartRecovery(r.Block, r.RecoveryID, truncate); err != nil {
			s.log.Debug("block recovery waits for a datanode", "block", r.Block, "err", err)
			if s.stalled == nil {
				s.stalled = map[hdfs.BlockID]hdfs.GenStamp{}
			}
			s.stalled[r.Block.ID] = r.RecoveryID
		}
	}
}

// Lead is told by the journal that this namenode begins or ceases to lead.
func (s *State) Lead(leads bool) {
	now := s.Now()
	s.mu.Lock()
	defer s.unlock()
	if leads {
		s.ns.RenewAllLeases(now)
		s.bm.NoteGenStamp(hdfs.GenStamp(s.ns.Stats().GenStamp))
		s.bm.SetActive(now, true)
		s.bm.Tick(now)
		s.recover(s.ns.Recoveries())
	} else {
		s.bm.SetActive(now, false)
	}
	s.active.Store(leads)
}

// Image is a view of the namespace for the journal.
func (s *State) Image() (journal.Image, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return view{s.ns.View(), s}, nil
}

// view gives the namespace back under the lock under which Apply changes it.
type view struct {
	*namespace.View
	s *State
}

// Close lets go of the view.
func (v view) Close() {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	v.View.Close()
}

// Restore replaces the namespace by an image. The datanodes' reports start over.
func (s *State) Restore(r io.Reader) error {
	cfg := s.cfg.Map
	cfg.Now = s.Now()
	bm := blockmap.New(s.cfg.BlockMap, cfg)
	ns, err := namespace.ReadImage(s.cfg.Namespace, bm, r)
	if err != nil {
		return fmt.Errorf("read the namespace's image: %w", err)
	}
	s.mu.Lock()
	defer s.unlock()
	s.ns, s.bm = ns, bm
	return nil
}
