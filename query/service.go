//go:build cgo && duckdb_arrow

package query

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"github.com/lodehq/lode/internal/trust"
	"github.com/lodehq/lode/table"
)

// Config of a query service. Zero values are the defaults of the comments.
type Config struct {
	Catalog  *table.Catalog
	Listen   string // HTTP; "" is none, port 0 any
	CacheDir string // local files; required. A directory serves one process at a time.

	CacheBytes int64         // 20 GiB
	Memory     string        // of the engine: "1GB"
	Threads    int           // number of processors
	Slots      int           // statements that run at once: number of processors, at least 2
	Timeout    time.Duration // of one statement: 5 minutes
	Poll       time.Duration // between looks for new snapshots: 1 s
	Logger     *slog.Logger
	// Trust says who may ask without the cluster's token, over every protocol. The zero value trusts this machine only.
	Trust trust.Policy
}

// Service is a running query service.
type Service struct {
	cfg     Config
	log     *slog.Logger
	engine  *engine
	refresh *refresher
	fresh   *freshness
	http    *http.Server
	addr    net.Addr
	stop    context.CancelFunc
	wg      sync.WaitGroup
}

// Start loads the tables and serves. It returns when statements are answered.
func Start(ctx context.Context, cfg Config) (*Service, error) {
	if cfg.CacheDir == "" {
		return nil, errors.New("the query service needs a directory for its cache (--cache-dir)")
	}
	cfg = withDefaults(cfg)
	dir, err := filepath.Abs(cfg.CacheDir)
	if err != nil {
		return nil, err
	}
	temp := filepath.Join(dir, "temp")
	if err := errors.Join(os.RemoveAll(temp), os.MkdirAll(temp, 0o755)); err != nil {
		return nil, fmt.Errorf("cache directory: %w", err)
	}
	cache, err := newFileCache(cfg.Catalog.FS(), filepath.Join(dir, "files"), cfg.CacheBytes)
	if err != nil {
		return nil, err
	}
	eng, err := openEngine(ctx, engineConfig{Memory: cfg.Memory, Threads: cfg.Threads, Slots: cfg.Slots, Timeout: cfg.Timeout, TempDir: temp, Read: cache.dir})
	if err != nil {
		return nil, err
	}
	s := &Service{cfg: cfg, log: cfg.Logger, engine: eng, refresh: &refresher{
		catalog: cfg.Catalog, db: eng.db, cache: cache, log: cfg.Logger, shown: map[string]*shown{}, names: map[string]string{},
		memNamespaces: set("gold"), memTable: 16 << 20, memTotal: 128 << 20,
	}}
	// A table that cannot be read does not keep the others from being served.
	if _, err := s.refresh.refresh(ctx); err != nil {
		s.log.Error("some tables cannot be shown yet", "error", err)
		if len(s.refresh.shown) == 0 {
			_ = eng.close()
			return nil, fmt.Errorf("load tables: %w", err)
		}
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.fresh = newFreshness(run, s.refresh, cfg.Logger)
	if cfg.Listen != "" {
		if err := s.listen(run, cfg.Listen); err != nil {
			stop()
			_ = eng.close()
			return nil, err
		}
	}
	s.wg.Go(func() { s.poll(run) })
	return s, nil
}

func withDefaults(cfg Config) Config {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.CacheBytes == 0 {
		cfg.CacheBytes = 20 << 30
	}
	if cfg.Memory == "" {
		cfg.Memory = "1GB"
	}
	if cfg.Threads == 0 {
		cfg.Threads = runtime.GOMAXPROCS(0)
	}
	if cfg.Slots == 0 {
		cfg.Slots = max(2, cfg.Threads)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Minute
	}
	if cfg.Poll == 0 {
		cfg.Poll = time.Second
	}
	return cfg
}

// Guard makes the port of another protocol hear trusted networks only while there is no token that others could give.
func (s *Service) Guard(l net.Listener) net.Listener {
	if s.cfg.Trust.Token != "" {
		return l
	}
	return s.cfg.Trust.Listener(l, s.log)
}

func (s *Service) listen(run context.Context, addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("query service: %w (another process may hold the port; --listen takes another, port 0 any)", err)
	}
	s.addr = l.Addr()
	s.http = &http.Server{Handler: s.cfg.Trust.HTTP(s.Handler()), ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), BaseContext: func(net.Listener) context.Context { return run }}
	s.wg.Go(func() {
		if err := s.http.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("query service stopped serving", "error", err)
		}
	})
	return nil
}

func (s *Service) poll(ctx context.Context) {
	ticker := time.NewTicker(s.cfg.Poll)
	defer ticker.Stop()
	lastTrim := time.Now()
	failing := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		_, err := s.refresh.refresh(ctx)
		if ctx.Err() != nil {
			return
		}
		// The same trouble is told once, and its end.
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != failing {
			if text != "" {
				s.log.Error("tables cannot be refreshed", "error", err)
			} else {
				s.log.Info("tables are refreshed again")
			}
			failing = text
		}
		if time.Since(lastTrim) > time.Minute {
			lastTrim = time.Now()
			if err := s.refresh.cache.trim(s.refresh.filesInUse()); err != nil {
				s.log.Warn("file cache", "error", err)
			}
		}
	}
}

// Addr is where HTTP is served.
func (s *Service) Addr() string {
	if s.addr == nil {
		return ""
	}
	return s.addr.String()
}

// Trust is who may ask without the cluster's token: the protocols beside HTTP ask for it.
func (s *Service) Trust() trust.Policy { return s.cfg.Trust }

// Refresh looks for new snapshots now; afterwards they are visible.
func (s *Service) Refresh(ctx context.Context) (bool, error) { return s.refresh.refresh(ctx) }

// Query passes a statement through the gate and runs it. Errors are *Error. The caller closes the result.
func (s *Service) Query(ctx context.Context, statement string, params []any) (*Result, error) {
	if err := s.admit(ctx, statement); err != nil {
		return nil, err
	}
	return s.engine.run(ctx, statement, params)
}

// admit passes a statement through the gate and waits until the tables that it names are shown as they are now.
func (s *Service) admit(ctx context.Context, statement string) error {
	tables, err := s.engine.gate.check(ctx, statement)
	if err != nil {
		return err
	}
	if err := s.fresh.await(ctx, tables); err != nil {
		return AsError(ctx, err)
	}
	return nil
}

// Describe passes a statement through the gate and tells what it would answer, without running it. Errors are *Error.
func (s *Service) Describe(ctx context.Context, statement string) ([]Column, []duckdb.Type, error) {
	if err := s.admit(ctx, statement); err != nil {
		return nil, nil, err
	}
	return s.engine.describe(ctx, statement)
}

// Define runs statements of our own in the engine: the views and macros of a protocol. They do not pass the gate; never hand in what a client wrote.
func (s *Service) Define(ctx context.Context, statements ...string) error {
	for _, text := range statements {
		if _, err := s.engine.db.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("%.80s…: %w", text, err)
		}
	}
	return nil
}

// Close stops serving, ends what runs, and waits.
func (s *Service) Close() error {
	var err error
	if s.http != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		if e := s.http.Shutdown(ctx); e != nil {
			err = s.http.Close()
		}
		cancel()
	}
	s.stop()
	s.wg.Wait()
	s.fresh.wg.Wait()
	return errors.Join(err, s.engine.close())
}
