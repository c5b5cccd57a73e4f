//go:build cgo && duckdb_arrow

package pgwire

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	wire "github.com/jeroenrinzema/psql-wire"
	"github.com/jeroenrinzema/psql-wire/codes"
	pgerrors "github.com/jeroenrinzema/psql-wire/errors"
	"github.com/jeroenrinzema/psql-wire/pkg/types"

	"github.com/lodehq/lode/query"
)

// Server is a running PostgreSQL endpoint.
type Server struct {
	service *query.Service
	log     *slog.Logger
	wire    *wire.Server
	addr    net.Addr
	done    chan error

	mu       sync.Mutex // guards sessions
	sessions map[string]*session
	nextPID  int32
}

// session is one client's. The library calls one function of it at a time, but for cancel.
type session struct {
	pid, secret int32
	tx          byte
	settings    map[string]string
	prepared    map[string]prepared
	cursors     map[string]*cursor

	mu     sync.Mutex // guards cancel
	cancel context.CancelFunc
}

type prepared struct {
	query string
	types string
}

// Start serves on addr; port 0 is any. It makes PostgreSQL's catalogue in the service first.
func Start(ctx context.Context, service *query.Service, addr string, log *slog.Logger) (*Server, error) {
	if err := service.Define(ctx, catalogue()...); err != nil {
		return nil, fmt.Errorf("PostgreSQL's catalogue: %w", err)
	}
	s := &Server{service: service, log: log, sessions: map[string]*session{}, done: make(chan error, 1)}
	var err error
	s.wire, err = wire.NewServer(s.parse,
		wire.Version(serverVersion), wire.Logger(slog.New(slog.DiscardHandler)),
		wire.GlobalParameters(wire.Parameters{"client_encoding": "UTF8", "server_encoding": "UTF8", "DateStyle": "ISO, MDY", "integer_datetimes": "on", "TimeZone": "UTC", "standard_conforming_strings": "on", "is_superuser": "off", "IntervalStyle": "postgres", "server_version": serverVersion}),
		wire.BackendKeyData(s.greet), wire.CancelRequest(s.cancelRequest), wire.CloseConn(s.forget), wire.TxStatus(s.txStatus),
		wire.SessionAuthStrategy(authenticate(service.Trust())), wire.WithShutdownTimeout(2*time.Second), wire.MessageBufferSize(1<<20))
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL endpoint: %w", err)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL endpoint: %w (another process may hold the port; port 0 takes any)", err)
	}
	s.addr = l.Addr()
	go func() { s.done <- s.wire.Serve(service.Guard(l)) }()
	return s, nil
}

// Addr is host:port.
func (s *Server) Addr() string { return s.addr.String() }

// Close stops the running queries, waits for the clients and ends.
func (s *Server) Close() error {
	s.mu.Lock()
	for _, c := range s.sessions {
		c.stop()
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = s.wire.Shutdown(ctx) // clients that stay are cut off
	select {
	case <-s.done:
	case <-ctx.Done():
	}
	return nil
}

// greet begins a session; the address of the client is its name until the end, because the library calls this before it has a session.
func (s *Server) greet(ctx context.Context) (int32, int32) {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nextPID++
	c := &session{pid: s.nextPID, secret: int32(binary.LittleEndian.Uint32(random[:])), tx: 'I', settings: map[string]string{}, prepared: map[string]prepared{}, cursors: map[string]*cursor{}}
	s.sessions[wire.RemoteAddress(ctx).String()] = c
	return c.pid, c.secret
}

func (s *Server) session(ctx context.Context) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[wire.RemoteAddress(ctx).String()]
}

func (s *Server) forget(ctx context.Context) error {
	s.mu.Lock()
	key := wire.RemoteAddress(ctx).String()
	c := s.sessions[key]
	delete(s.sessions, key)
	s.mu.Unlock()
	if c != nil {
		c.stop()
		for _, cur := range c.cursors {
			cur.close()
		}
	}
	return nil
}

func (s *Server) txStatus(ctx context.Context) types.ServerStatus {
	if c := s.session(ctx); c != nil && c.tx == 'T' {
		return types.ServerTransactionBlock
	}
	return types.ServerIdle
}

func (s *Server) cancelRequest(_ context.Context, pid, secret int32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.sessions {
		if c.pid == pid && c.secret == secret {
			c.stop()
		}
	}
	return nil
}

// running makes a context that a cancel request ends; call end when the statement is over.
func (c *session) running(ctx context.Context) (inner context.Context, end func()) {
	inner, cancel := context.WithCancel(ctx)
	c.mu.Lock()
	c.cancel = cancel
	c.mu.Unlock()
	return inner, func() {
		c.mu.Lock()
		c.cancel = nil
		c.mu.Unlock()
		cancel()
	}
}

func (c *session) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		c.cancel()
	}
}

// fail turns an error into PostgreSQL's.
func fail(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, wire.ErrSuspendedHandlerClosed) {
		return err
	}
	e := query.AsError(ctx, err)
	return pgerrors.WithSeverity(pgerrors.WithCode(errors.New(e.Message), codes.Code(e.Code)), pgerrors.LevelError)
}

func failCode(code, format string, args ...any) error {
	return pgerrors.WithSeverity(pgerrors.WithCode(fmt.Errorf(format, args...), codes.Code(code)), pgerrors.LevelError)
}
