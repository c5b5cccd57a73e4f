package hrpc

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
)

// Options of a Server. The zero value serves with the defaults given here.
type Options struct {
	Logger *slog.Logger // slog.Default() when nil
	// MaxFrame is the longest request or answer in bytes (ipc.maximum.data.length), 128 MiB.
	MaxFrame int
	// MaxPending bounds the bytes of requests beyond the first 64 KiB that all connections hold together, 256 MiB.
	// A connection that gets none of it within PeerTimeout is closed.
	MaxPending int64
	// MaxInFlight is how many calls of one connection may be unanswered before it is no longer read, 4096.
	MaxInFlight int
	// PeerTimeout is how long a peer may be silent within a handshake or a frame, or not take an answer, 60 s.
	PeerTimeout time.Duration
	// IdleTimeout closes a connection without calls, 30 min (clients close theirs after 10 s).
	IdleTimeout time.Duration
	// Authorize says whether realUser may speak for user from that address (proxy users); nil refuses nobody.
	Authorize func(user, realUser string, from netip.Addr) error
	// StateID is put into the header of every answer when it is not nil and not 0 (observer reads).
	StateID func() int64
}

// Server serves Hadoop RPC on any number of listeners.
type Server struct {
	opts      Options
	log       *slog.Logger
	protocols map[string]*protocolEntry
	pending   budget
	started   time.Time

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup // connections, and calls on goroutines of their own

	mu        sync.Mutex // guards what follows; no I/O under it
	closed    bool
	listeners map[*net.Listener]struct{} // by pointer: a listener need not be comparable
	conns     map[*conn]struct{}

	open   atomic.Int64
	frames atomic.Int64
	in     atomic.Int64
	out    atomic.Int64
}

type protocolEntry struct {
	name    string
	handler Handler
	mu      sync.RWMutex // guards methods of a handler that is no table
	methods map[string]*methodEntry
}

type methodEntry struct {
	name     string
	protocol string
	method   Method
	table    bool // method is set

	calls, errors, nanos atomic.Int64
}

// NewServer makes a Server without protocols; Handle adds them.
func NewServer(o Options) *Server {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	setDefault(&o.MaxFrame, 128<<20)
	setDefault(&o.MaxPending, 256<<20)
	setDefault(&o.MaxInFlight, 4096)
	setDefault(&o.PeerTimeout, time.Minute)
	setDefault(&o.IdleTimeout, 30*time.Minute)
	s := &Server{opts: o, log: o.Logger, protocols: map[string]*protocolEntry{}, started: time.Now(),
		listeners: map[*net.Listener]struct{}{}, conns: map[*conn]struct{}{}}
	s.pending.free = max(o.MaxPending, int64(o.MaxFrame)+4)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

func setDefault[T int | int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Handle serves a protocol. It must be called before Serve.
func (s *Server) Handle(protocolName string, h Handler) {
	p := &protocolEntry{name: protocolName, handler: h, methods: map[string]*methodEntry{}}
	if t, ok := h.(methodTable); ok {
		for name, m := range t {
			p.methods[name] = &methodEntry{name: name, protocol: protocolName, method: m, table: true}
		}
	}
	s.protocols[protocolName] = p
}

// maxMethods bounds what a handler that is no table may make the server remember of method names.
const maxMethods = 1024

// find resolves a call's protocol and method.
func (s *Server) find(protocol, method []byte) (*protocolEntry, *methodEntry, error) {
	p, ok := s.protocols[string(protocol)]
	if !ok {
		return nil, nil, hdfs.Errorf(hdfs.RPCNoSuchProtocol, "Unknown protocol: %.256s", protocol)
	}
	if _, ok := p.handler.(methodTable); ok {
		if m, ok := p.methods[string(method)]; ok {
			return p, m, nil
		}
		return nil, nil, noSuchMethod(string(method[:min(len(method), 256)]), p.name)
	}
	p.mu.RLock()
	m, ok := p.methods[string(method)]
	p.mu.RUnlock()
	if ok {
		return p, m, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	m = &methodEntry{name: string(method), protocol: p.name}
	if len(p.methods) < maxMethods {
		p.methods[m.name] = m
	}
	return p, m, nil
}

// Serve accepts connections until the listener or the server is closed. After Close it returns nil.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		l.Close()
		return nil
	}
	s.listeners[&l] = struct{}{}
	s.mu.Unlock()
	for {
		nc, err := l.Accept()
		if err != nil {
			s.mu.Lock()
			closed := s.closed
			delete(s.listeners, &l)
			s.mu.Unlock()
			if closed {
				return nil
			}
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() || isTemporary(err) {
				s.log.Warn("accept failed; trying again", "err", err)
				s.mu.Lock()
				s.listeners[&l] = struct{}{}
				s.mu.Unlock()
				select {
				case <-time.After(50 * time.Millisecond):
					continue
				case <-s.ctx.Done():
					return nil
				}
			}
			return err
		}
		s.accept(nc)
	}
}

func (s *Server) accept(nc net.Conn) {
	c := newConn(s, nc)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		nc.Close()
		return
	}
	s.conns[c] = struct{}{}
	s.wg.Add(1)
	s.mu.Unlock()
	s.open.Add(1)
	go func() {
		defer s.wg.Done()
		c.run()
		s.open.Add(-1)
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
}

// Close stops listening, hangs up on everybody, cancels the context of running calls and waits for them.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for l := range s.listeners {
		(*l).Close()
	}
	for c := range s.conns {
		c.nc.Close()
	}
	s.mu.Unlock()
	s.cancel()
	s.wg.Wait()
	return nil
}

// MethodStats are the figures of one method since the server's start. Nanos is the time from a call's decoding to its answer.
type MethodStats struct {
	Protocol, Method     string
	Calls, Errors, Nanos int64
}

// Stats are a server's figures since its start.
type Stats struct {
	OpenConnections          int64
	Calls                    int64
	ReceivedBytes, SentBytes int64
	Methods                  []MethodStats // those that were called, by protocol and name
}

// Stats reads the server's counters.
func (s *Server) Stats() Stats {
	st := Stats{OpenConnections: s.open.Load(), Calls: s.frames.Load(), ReceivedBytes: s.in.Load(), SentBytes: s.out.Load()}
	for _, p := range s.protocols {
		p.mu.RLock()
		for _, m := range p.methods {
			if n := m.calls.Load(); n > 0 {
				st.Methods = append(st.Methods, MethodStats{p.name, m.name, n, m.errors.Load(), m.nanos.Load()})
			}
		}
		p.mu.RUnlock()
	}
	sort.Slice(st.Methods, func(i, j int) bool {
		a, b := st.Methods[i], st.Methods[j]
		if a.Protocol != b.Protocol {
			return a.Protocol < b.Protocol
		}
		return a.Method < b.Method
	})
	return st
}

// serveOne runs a call that may wait and returns its answer; a panic becomes an error of this call alone.
func (s *Server) serveOne(ctx context.Context, p *protocolEntry, m *methodEntry, call *Call, req proto.Message, raw []byte) (msg proto.Message, err error) {
	defer func() {
		if r := recover(); r != nil {
			msg, err = nil, s.panicked(m, r)
		}
	}()
	if m.table {
		return m.method.serve(ctx, call, req)
	}
	return p.handler.ServeRPC(ctx, call, raw)
}
