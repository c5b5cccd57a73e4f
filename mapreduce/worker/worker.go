package worker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lodehq/lode/internal/trust"
	"github.com/lodehq/lode/mapreduce/shuffle"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// Config says how a worker runs.
type Config struct {
	Scheduler string       // host:port
	Token     string       // of the cluster; "" when the scheduler wants none
	Trust     trust.Policy // who is heard beyond loopback when there is no token
	Dir       string       // for everything local
	Host      string       // name that block locations use for this machine
	Rack      string
	Listen    string // shuffle and logs; port 0 is any
	Slots     int    // 0: number of processors
	MemoryMB  int64  // 0: 70 % of the machine's
	Launcher  Launcher
	Logger    *slog.Logger
	Heartbeat time.Duration // 0: 1 s
}

// Resources fills in what the machine has where nothing is configured.
func (c *Config) Resources() {
	if c.Slots <= 0 {
		c.Slots = runtime.NumCPU()
	}
	if c.MemoryMB <= 0 {
		c.MemoryMB = machineMemoryMB() * 7 / 10
	}
}

// Server is a running worker.
type Server struct {
	cfg      Config
	id       string
	home     string
	started  time.Time
	listener net.Listener
	http     *http.Server
	cancel   context.CancelCauseFunc
	ctx      context.Context
	wg       sync.WaitGroup

	mu       sync.Mutex // guards what follows; no I/O under it
	jobs     map[string]*jobState
	attempts map[string]*running
	outbox   chan *batchpb.FromWorker // of the current stream; nil when there is none
}

type jobState struct {
	token    string
	idle     []Process
	finished map[string]*batchpb.TaskResult
	dropped  bool
}

type running struct {
	spec   *batchpb.TaskSpec
	cancel context.CancelCauseFunc
}

// Start starts a worker. It returns when the shuffle port is open; the stream to the scheduler comes up, and comes back, by itself.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	cfg.Resources()
	if cfg.Heartbeat <= 0 {
		cfg.Heartbeat = time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.Launcher == nil {
		return nil, errors.New("worker: no launcher")
	}
	id, err := newID()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, id: id, home: filepath.Join(cfg.Dir, id), started: time.Now(), jobs: map[string]*jobState{}, attempts: map[string]*running{}}
	if err := s.cleanOld(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(s.home, "jobs"), 0o755); err != nil {
		return nil, fmt.Errorf("worker directory: %w", err)
	}
	if s.listener, err = net.Listen("tcp", cfg.Listen); err != nil {
		return nil, fmt.Errorf("worker port for map output %s: %w (another worker may be running; choose another port)", cfg.Listen, err)
	}
	if cfg.Token == "" {
		s.listener = cfg.Trust.Listener(s.listener, cfg.Logger)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /mapOutput", &shuffle.Server{File: s.outputFile, Allowed: s.allowed})
	mux.HandleFunc("GET /logs/{job}/{attempt}/{kind}", s.serveLog)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	s.ctx, s.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	s.wg.Add(2)
	go func() {
		defer s.wg.Done()
		_ = s.http.Serve(s.listener)
	}()
	go func() {
		defer s.wg.Done()
		s.keepStream()
	}()
	return s, nil
}

func newID() (string, error) {
	var b [6]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	return "worker-" + hex.EncodeToString(b[:]), nil
}

// cleanOld removes the intermediate data of earlier workers in the directory, and logs older than a week.
func (s *Server) cleanOld() error {
	old, err := filepath.Glob(filepath.Join(s.cfg.Dir, "worker-*"))
	if err != nil {
		return err
	}
	for _, dir := range old {
		if err := os.RemoveAll(filepath.Join(dir, "jobs")); err != nil {
			return fmt.Errorf("remove what an earlier worker left: %w", err)
		}
		if st, err := os.Stat(filepath.Join(dir, "logs")); err == nil && time.Since(st.ModTime()) < 7*24*time.Hour {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove what an earlier worker left: %w", err)
		}
	}
	return nil
}

// ID names the worker.
func (s *Server) ID() string { return s.id }

// Address is where others reach the shuffle and log server. A worker that listens everywhere is reached by its name.
func (s *Server) Address() string {
	at, ok := s.listener.Addr().(*net.TCPAddr)
	if !ok || !at.IP.IsUnspecified() {
		return s.listener.Addr().String()
	}
	return net.JoinHostPort(s.cfg.Host, strconv.Itoa(at.Port))
}

// Close kills what runs and stops. The directory stays for the logs.
func (s *Server) Close() error {
	s.cancel(errors.New("the worker stops"))
	err := s.http.Close()
	s.wg.Wait()
	s.mu.Lock()
	jobs := s.jobs
	s.jobs = map[string]*jobState{}
	s.mu.Unlock()
	for _, j := range jobs {
		for _, p := range j.idle {
			p.Close()
		}
	}
	return errors.Join(err, os.RemoveAll(filepath.Join(s.home, "jobs")))
}

func (s *Server) outputFile(job, attempt string) (string, bool) {
	if !safeName(job) || !safeName(attempt) {
		return "", false
	}
	return filepath.Join(s.home, "jobs", job, "out", attempt, "file.out"), true
}

func safeName(name string) bool {
	return name != "" && filepath.IsLocal(name) && !strings.ContainsAny(name, "/\\")
}

func (s *Server) allowed(job, token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.jobs[job]
	return j != nil && j.token == token
}

func (s *Server) serveLog(w http.ResponseWriter, r *http.Request) {
	if s.cfg.Token != "" && strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") != s.cfg.Token {
		http.Error(w, "token of the cluster needed", http.StatusForbidden)
		return
	}
	job, attempt, kind := r.PathValue("job"), r.PathValue("attempt"), r.PathValue("kind")
	if !safeName(job) || !safeName(attempt) || !safeName(kind) {
		http.NotFound(w, r)
		return
	}
	http.ServeFile(w, r, filepath.Join(s.home, "logs", job, attempt, kind))
}

// protections says what holds tasks in bounds on this machine, for the pages.
func protections() []string {
	return []string{"process groups", "core dumps off", "cleaned environment", "soft memory limit", "guard of memory and logs", "private working directory"}
}

func machineMemoryMB() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err == nil {
		var kb int64
		if _, err := fmt.Sscanf(string(b), "MemTotal: %d kB", &kb); err == nil {
			return kb / 1024
		}
	}
	return 2048
}
