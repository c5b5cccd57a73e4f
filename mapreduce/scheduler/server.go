package scheduler

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/lodehq/lode/internal/trust"
	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/scheduler/plan"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// Config says how a scheduler runs.
type Config struct {
	Listen    string // default 127.0.0.1:8088
	FS        mapreduce.FS
	DefaultFS string       // its URI, told to clients
	Dir       string       // default /lode/batch
	Token     string       // required of clients and workers when it is set
	Trust     trust.Policy // who is heard beyond loopback when there is no token
	Plan      plan.Config
	Registry  *mapreduce.Registry // programs of this binary: submissions of others are refused at once; nil checks nothing
	HTTP      http.Handler        // REST and pages for everything that is not gRPC; may be set later with SetHTTP
	Version   string
	Logger    *slog.Logger
	Now       func() time.Time
}

// Server is a running scheduler.
type Server struct {
	cfg      Config
	store    store
	started  time.Time
	listener net.Listener
	http     *http.Server
	grpc     *grpc.Server
	ctx      context.Context
	cancel   context.CancelCauseFunc
	wg       sync.WaitGroup

	mu      sync.Mutex // guards the plan and what follows; no I/O under it
	plan    *plan.Plan
	streams map[string]chan *batchpb.ToWorker // by worker id
	tokens  map[string]string                 // by job
	number  int
	seen    map[string]string // submission id → job
	changed chan struct{}     // closed and replaced when anything changed
	saves   []func(context.Context) error
	wake    chan struct{} // there are saves
	handler http.Handler
	jobHist map[string]*batchpb.Job // of jobs that have ended in this process
}

// Start reads what an earlier scheduler left and serves.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:8088"
	}
	if cfg.Dir == "" {
		cfg.Dir = "/lode/batch"
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.FS == nil {
		return nil, errors.New("scheduler: no file system")
	}
	if err := cfg.policy().MayServe("scheduler: lode.scheduler.address", cfg.Listen); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, store: store{cfg.FS, cfg.Dir}, started: cfg.Now(), plan: plan.NewPlan(cfg.Plan), streams: map[string]chan *batchpb.ToWorker{},
		tokens: map[string]string{}, seen: map[string]string{}, changed: make(chan struct{}), wake: make(chan struct{}, 1), handler: cfg.HTTP, jobHist: map[string]*batchpb.Job{}}
	var err error
	if s.listener, err = net.Listen("tcp", cfg.Listen); err != nil {
		return nil, fmt.Errorf("scheduler port %s: %w (is another scheduler running? choose another port)", cfg.Listen, err)
	}
	if cfg.Token == "" {
		s.listener = cfg.Trust.Listener(s.listener, cfg.Logger)
	}
	if err := s.restore(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("scheduler: read unfinished jobs from %s: %w", cfg.Dir, err), s.listener.Close())
	}
	s.ctx, s.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	s.grpc = grpc.NewServer(grpc.MaxRecvMsgSize(256<<20), grpc.MaxSendMsgSize(256<<20), grpc.UnaryInterceptor(s.authUnary), grpc.StreamInterceptor(s.authStream))
	batchpb.RegisterBatchServer(s.grpc, &service{s: s})
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s.http = &http.Server{Handler: http.HandlerFunc(s.serve), Protocols: protocols, ReadHeaderTimeout: 10 * time.Second}
	s.wg.Add(3)
	go func() {
		defer s.wg.Done()
		_ = s.http.Serve(s.listener)
	}()
	go func() {
		defer s.wg.Done()
		s.tickLoop()
	}()
	go func() {
		defer s.wg.Done()
		s.saveLoop()
	}()
	return s, nil
}

// policy is who may speak: Token is the one that counts.
func (cfg Config) policy() trust.Policy {
	return trust.Policy{Networks: cfg.Trust.Networks, Token: cfg.Token}
}

func (s *Server) restore(ctx context.Context) error {
	jobs, err := s.store.unfinished(ctx)
	if err != nil {
		return err
	}
	now := s.now()
	for _, j := range jobs {
		s.plan.Restore(now, j.spec, j.token, j.records)
		s.tokens[j.spec.Id] = j.token
		if j.spec.SubmissionId != "" {
			s.seen[j.spec.SubmissionId] = j.spec.Id
		}
	}
	s.plan.Commands() // nothing to do for them yet: no worker is there
	return nil
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
		s.grpc.ServeHTTP(w, r)
		return
	}
	s.mu.Lock()
	h := s.handler
	s.mu.Unlock()
	if h == nil {
		http.NotFound(w, r)
		return
	}
	h.ServeHTTP(w, r)
}

// SetHTTP sets what answers requests that are not gRPC.
func (s *Server) SetHTTP(h http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handler = h
}

// Address is host:port of everything.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Close stops serving; running jobs go on when a scheduler starts again on the same directory.
func (s *Server) Close() error {
	s.cancel(errors.New("the scheduler stops"))
	s.grpc.Stop()
	err := s.http.Close()
	s.wg.Wait()
	return err
}

func (s *Server) now() int64 { return s.cfg.Now().UnixMilli() }

const tickEvery = 500 * time.Millisecond

func (s *Server) tickLoop() {
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-t.C:
			s.act(func(now int64) { s.plan.Tick(now) })
		}
	}
}

// act changes the plan, assigns what can be assigned, and carries out the decisions.
func (s *Server) act(change func(now int64)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	change(now)
	for {
		s.plan.Assign(now)
		cmds := s.plan.Commands()
		if len(cmds) == 0 {
			break
		}
		for _, c := range cmds {
			s.carryOut(c)
		}
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Server) carryOut(c plan.Command) {
	var m *batchpb.ToWorker
	switch {
	case c.Run != nil:
		m = &batchpb.ToWorker{What: &batchpb.ToWorker_Run{Run: c.Run}}
	case c.Kill != "":
		m = &batchpb.ToWorker{What: &batchpb.ToWorker_Kill{Kill: c.Kill}}
	case c.Drop != "":
		m = &batchpb.ToWorker{What: &batchpb.ToWorker_Drop{Drop: c.Drop}}
	case c.Record != nil:
		r := c.Record
		s.save(func(ctx context.Context) error {
			err := s.store.record(ctx, r)
			if r.Commit { // without the journal only a restart in mid-commit would need the record
				s.act(func(int64) { s.plan.Recorded(r.Job, r.Stage) })
			}
			return err
		})
		return
	case c.Ended != "":
		j := s.plan.Job(c.Ended, true)
		s.save(func(ctx context.Context) error { return s.store.ended(ctx, j) })
		s.jobHist[c.Ended] = j
		delete(s.tokens, c.Ended)
		s.forgetOld()
		return
	}
	out := s.streams[c.Worker]
	if out == nil {
		return // the worker will say what it holds when it is back
	}
	select {
	case out <- m:
	default: // a worker that does not read: its stream is closed, it will be back or lost
		close(out)
		delete(s.streams, c.Worker)
	}
}

const keepInMemory = 500

// forgetOld lets go of ended jobs beyond the last few hundred; the history has them.
func (s *Server) forgetOld() {
	jobs := s.plan.Jobs()
	for _, j := range jobs {
		if len(s.jobHist) <= keepInMemory {
			return
		}
		if _, ok := s.jobHist[j.Spec.Id]; ok {
			s.plan.Forget(j.Spec.Id)
			delete(s.jobHist, j.Spec.Id)
		}
	}
}

// save queues a write to the file system; writes happen in order.
func (s *Server) save(f func(context.Context) error) {
	s.saves = append(s.saves, f)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Server) saveLoop() {
	for {
		select {
		case <-s.wake:
			s.drainSaves(s.ctx)
		case <-s.ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), 5*time.Second)
			s.drainSaves(ctx)
			cancel()
			return
		}
	}
}

func (s *Server) drainSaves(ctx context.Context) {
	for {
		s.mu.Lock()
		if len(s.saves) == 0 {
			s.mu.Unlock()
			return
		}
		f := s.saves[0]
		s.saves = s.saves[1:]
		s.mu.Unlock()
		if err := f(ctx); err != nil {
			s.cfg.Logger.Error("scheduler: the journal could not be written; a restart now would repeat work", "err", err)
		}
	}
}

func randomToken() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	return hex.EncodeToString(b[:]), nil
}
