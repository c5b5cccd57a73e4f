package namenode

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/namenode/dnproto"
	"github.com/lodehq/lode/namenode/journal"
	"github.com/lodehq/lode/namenode/namespace"
	"github.com/lodehq/lode/namenode/rpc"
	"github.com/lodehq/lode/namenode/state"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
)

// SoftwareVersion is what a namenode passes for to datanodes and clients that compare versions.
const SoftwareVersion = "3.4.3"

// Server is a running namenode.
type Server struct {
	cfg      Config
	identity atomic.Pointer[journal.Identity]
	state    *state.State
	journal  *journal.Journal
	users    *users
	racks    *racks
	rpc      *hrpc.Server
	handlers map[string]hrpc.Handler
	started  time.Time

	rpcListener, httpListener net.Listener
	http                      *http.Server

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	tick   chan struct{} // wakes the block map's ticker
	ready  chan struct{} // closed when state and journal know each other
	led    chan struct{} // closed when this namenode leads for the first time
	once   sync.Once

	reconfig reconfiguration
}

// Start starts a namenode, and formats its directory when it is empty. It returns when clients can be served; ctx bounds only that.
func Start(ctx context.Context, cfg Config) (_ *Server, err error) {
	cfg.withDefaults()
	s := &Server{cfg: cfg, started: time.UnixMilli(cfg.Now()), tick: make(chan struct{}, 1), ready: make(chan struct{}), led: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	// The ports first: a port that is taken should be told before a journal is opened.
	if s.rpcListener, err = listen(ctx, cfg.RPCAddress, cfg.PortPatience); err != nil {
		return nil, fmt.Errorf("namenode cannot listen on dfs.namenode.rpc-address: %w", err)
	}
	if cfg.HTTP != nil && cfg.HTTPAddress != "" {
		if s.httpListener, err = listen(ctx, cfg.HTTPAddress, cfg.PortPatience); err != nil {
			return nil, fmt.Errorf("namenode cannot listen on dfs.namenode.http-address: %w", err)
		}
	}
	if s.users, err = newUsers(cfg); err != nil {
		return nil, err
	}
	if s.racks, err = newRacks(cfg); err != nil {
		return nil, err
	}
	if err = s.openJournal(); err != nil {
		return nil, err
	}
	if err = s.RefreshNodes(); err != nil {
		return nil, err
	}
	s.background(s.runTicks, s.runLeases, s.runTrash, s.runExpiry)
	if len(cfg.Peers) <= 1 {
		select {
		case <-s.led:
		case <-ctx.Done():
			return nil, fmt.Errorf("namenode did not begin to lead: %w", ctx.Err())
		}
	}
	s.serve()
	return s, nil
}

// listen takes a port. One that is taken is tried again for a while: a process that was killed while the disk worked for it keeps
// its ports until the disk is done.
func listen(ctx context.Context, address string, patience time.Duration) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	for end := time.Now().Add(patience); errors.Is(err, syscall.EADDRINUSE) && time.Now().Before(end); {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, err
		}
		l, err = net.Listen("tcp", address)
	}
	return l, err
}

// openJournal finds out which cluster this is and opens its journal.
func (s *Server) openJournal() error {
	cfg := s.cfg
	fresh, err := journal.IsFresh(cfg.FS, cfg.Dir)
	if err != nil {
		return err
	}
	if fresh {
		id := journal.NewIdentity(cfg.ClusterID, hostOf(s.rpcListener.Addr()), time.UnixMilli(cfg.Now()))
		if err := journal.StoreIdentity(cfg.FS, cfg.Dir, id); err != nil {
			return err
		}
		cfg.Logger.Info("new cluster", "dir", cfg.Dir, "cluster", id.ClusterID, "pool", id.BlockPoolID)
	}
	id, err := journal.LoadIdentity(cfg.FS, cfg.Dir)
	if err != nil {
		return err
	}
	s.identity.Store(&id)
	s.state = state.New(state.Config{Namespace: cfg.Namespace, BlockMap: cfg.BlockMap,
		Map: blockmap.Options{Seed: uint64(cfg.Now()), Resolve: s.racks.resolve}, Now: cfg.Now, Logger: cfg.Logger})
	begin := time.Now()
	s.journal, err = journal.Open(journal.Config{Dir: cfg.Dir, ID: cfg.ID, Peers: cfg.Peers, Bind: cfg.RaftAddress, Machine: s.state,
		Logger: cfg.Logger, OnLeader: s.lead, ImageEvery: cfg.ImageEvery, ImagePeriod: cfg.ImagePeriod, MustExist: id.Begun})
	if err != nil {
		return err
	}
	s.state.Use(s.journal)
	close(s.ready)
	cfg.Logger.Debug("journal opened", "took", time.Since(begin))
	return nil
}

// lead is told by the journal that this namenode begins or ceases to lead. A new cluster gets its name in the journal first.
func (s *Server) lead(leads bool) {
	select {
	case <-s.ready:
	case <-s.ctx.Done():
		return
	}
	if !leads {
		s.state.Lead(false)
		s.cfg.Logger.Info("another namenode leads now")
		return
	}
	if s.cluster().GetClusterId() == "" {
		id := s.identity.Load()
		format := &journalpb.Format{ClusterId: &id.ClusterID, BlockPoolId: &id.BlockPoolID, NamespaceId: proto.Uint32(uint32(id.NamespaceID)), CtimeMs: &id.CTime}
		if _, err := s.state.Do(s.ctx, s.state.Self(), format); err != nil {
			s.cfg.Logger.Error("cannot begin to lead", "err", err)
			return
		}
	}
	if err := s.adoptIdentity(); err != nil {
		s.cfg.Logger.Error("cannot keep the cluster's identity", "err", err)
		return
	}
	s.state.Lead(true)
	s.once.Do(func() { close(s.led) })
}

func (s *Server) cluster() (f *journalpb.Format) {
	s.state.View(func(ns *namespace.Namespace, _ *blockmap.Map) { f = ns.Cluster() })
	return f
}

// adoptIdentity writes into VERSION what the journal says the cluster is, once.
func (s *Server) adoptIdentity() error {
	old := s.identity.Load()
	f := s.cluster()
	if old.Begun || f.GetClusterId() == "" {
		return nil
	}
	id := journal.Identity{ClusterID: f.GetClusterId(), BlockPoolID: f.GetBlockPoolId(), NamespaceID: int32(f.GetNamespaceId()), CTime: f.GetCtimeMs(), Begun: true}
	if err := journal.StoreIdentity(s.cfg.FS, s.cfg.Dir, id); err != nil {
		return err
	}
	s.identity.Store(&id)
	return nil
}

// serve opens the doors.
func (s *Server) serve() {
	o := s.cfg.rpcOptions()
	o.Authorize = s.users.Authorize
	s.rpc = hrpc.NewServer(o)
	service := rpc.New(rpc.Config{State: s.state, Users: s.users, Admin: s, Defaults: s.cfg.Defaults, Host: hostOf(s.rpcListener.Addr()),
		HA: len(s.cfg.Peers) > 1, PermissionsOff: s.cfg.Namespace.DisablePermissions,
		BlockPool: func() string { return s.identity.Load().BlockPoolID }, Reach: s.cfg.Reach, Logger: s.cfg.Logger})
	s.handlers = service.Handlers()
	for name, h := range dnproto.Handlers(datanodeState{s}, dnproto.Options{Named: s.admit, Logger: s.cfg.Logger}) {
		s.handlers[name] = h
	}
	for name, h := range s.handlers {
		s.rpc.Handle(name, h)
	}
	listener := s.rpcListener
	if s.cfg.Accept != nil {
		listener = &choosy{listener, s.cfg.Accept}
	}
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		if err := s.rpc.Serve(listener); err != nil {
			s.cfg.Logger.Error("the RPC port failed", "err", err)
		}
	}()
	if s.httpListener == nil {
		return
	}
	s.http = &http.Server{Handler: s.cfg.HTTP(s), ReadHeaderTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		if err := s.http.Serve(s.httpListener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.cfg.Logger.Error("the web port failed", "err", err)
		}
	}()
}

// choosy hangs up on peers that are refused.
type choosy struct {
	net.Listener
	accept func(net.Addr) error
}

func (l *choosy) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || l.accept(c.RemoteAddr()) == nil {
			return c, err
		}
		c.Close()
	}
}

func (s *Server) background(fs ...func()) {
	for _, f := range fs {
		s.wg.Add(1)
		go func() {
			defer s.wg.Done()
			f()
		}()
	}
}

// Close stops the namenode. What was acknowledged is in the journal.
func (s *Server) Close() error {
	s.cancel()
	var err error
	if s.http != nil {
		err = errors.Join(err, s.http.Close())
	} else if s.httpListener != nil {
		err = errors.Join(err, s.httpListener.Close())
	}
	if s.rpc != nil {
		err = errors.Join(err, s.rpc.Close())
	} else if s.rpcListener != nil {
		err = errors.Join(err, s.rpcListener.Close())
	}
	if s.journal != nil {
		err = errors.Join(err, s.journal.Close())
	}
	s.wg.Wait()
	return err
}

// Failed gets the reason when the namenode cannot go on and has to be closed: its journal cannot be written.
func (s *Server) Failed() <-chan error { return s.journal.Failed() }

// Addr is where RPC is served, HTTPAddr the web port; "" when there is none.
func (s *Server) Addr() string { return s.rpcListener.Addr().String() }

// HTTPAddr is the address of the web port, "" when there is none.
func (s *Server) HTTPAddr() string {
	if s.httpListener == nil {
		return ""
	}
	return s.httpListener.Addr().String()
}

// Handler is the handler of a protocol, for callers in this process (WebHDFS).
func (s *Server) Handler(protocol string) hrpc.Handler { return s.handlers[protocol] }

// State is the state, for pages and metrics.
func (s *Server) State() *state.State { return s.state }

// JournalStats and RPCStats are figures for pages and metrics.
func (s *Server) JournalStats() journal.Stats { return s.journal.Stats() }

// RPCStats are the figures of the RPC server.
func (s *Server) RPCStats() hrpc.Stats { return s.rpc.Stats() }

// Identity says which cluster this is.
func (s *Server) Identity() journal.Identity { return *s.identity.Load() }

// Started is when the process began to serve.
func (s *Server) Started() time.Time { return s.started }

// User is the namenode's own user, Caller the groups of another.
func (s *Server) User() string { return s.cfg.User }

// Caller gives a user's groups and whether it is a superuser.
func (s *Server) Caller(name string) namespace.Caller { return s.users.Caller(name) }

func hostOf(a net.Addr) string {
	if t, ok := a.(*net.TCPAddr); ok {
		if t.IP.IsUnspecified() {
			return outbound()
		}
		return t.IP.String()
	}
	return ""
}

// outbound is an address of this machine that others may reach, 127.0.0.1 when there is none.
func outbound() string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return "127.0.0.1"
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && n.IP.To4() != nil {
			return n.IP.String()
		}
	}
	return "127.0.0.1"
}

// admit says whether a datanode's address has a name, if that is asked for. It also asks for the machine's rack while no lock is held.
func (s *Server) admit(a netip.Addr) bool {
	s.racks.learn(a.String())
	if !s.cfg.CheckNames {
		return true
	}
	names, err := net.LookupAddr(a.String())
	return err == nil && len(names) > 0
}
