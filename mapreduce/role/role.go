// Package role starts the batch platform's processes from a configuration: what cmd/lode and a cluster in one process need.
package role

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/internal/trust"
	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/files"
	"github.com/lodehq/lode/mapreduce/rest"
	"github.com/lodehq/lode/mapreduce/scheduler"
	"github.com/lodehq/lode/mapreduce/scheduler/plan"
	"github.com/lodehq/lode/mapreduce/taskproc"
	"github.com/lodehq/lode/mapreduce/worker"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// SchedulerOptions is what a scheduler needs beside the configuration.
type SchedulerOptions struct {
	Registry *mapreduce.Registry
	Version  string
	Logger   *slog.Logger
	Page     http.Handler // for GET / on the web port; nil redirects to the jobs as JSON
}

// Scheduler is a running scheduler with its ports.
type Scheduler struct {
	*scheduler.Server
	Address     string // host:port of gRPC, of the ResourceManager-like REST and of the page
	History     string
	Submissions string
	fs          io.Closer
	servers     []*http.Server
	wg          sync.WaitGroup
}

// StartScheduler starts a scheduler at lode.scheduler.address (gRPC, REST and page on one port), .history-address and .submission-address.
func StartScheduler(ctx context.Context, c *conf.Conf, o SchedulerOptions) (*Scheduler, error) {
	fsys, err := files.Open(c)
	if err != nil {
		return nil, fmt.Errorf("scheduler: %w", err)
	}
	p, err := trust.Parse(c.Strings("lode.trusted.networks"), c.String("lode.token"))
	for _, key := range []string{"lode.scheduler.address", "lode.scheduler.submission-address", "lode.scheduler.history-address"} {
		if err == nil {
			err = p.MayServe("scheduler: "+key, c.String(key))
		}
	}
	if err != nil {
		return nil, errors.Join(err, fsys.Close())
	}
	srv, err := scheduler.Start(ctx, scheduler.Config{Listen: c.String("lode.scheduler.address"), FS: fsys, DefaultFS: fsys.Default(), Dir: c.String("lode.scheduler.dir"),
		Token: p.Token, Trust: p, Registry: o.Registry, Version: o.Version, Logger: o.Logger, Plan: plan.Config{Fair: c.String("lode.scheduler.policy") == "fair"}})
	if err != nil {
		return nil, errors.Join(err, fsys.Close())
	}
	s := &Scheduler{Server: srv, Address: srv.Address(), fs: fsys}
	api := rest.New(srv, rest.Options{Version: o.Version, Page: o.Page, FS: fsys, Conf: c.String})
	srv.SetHTTP(p.HTTP(trust.SameOrigin(api.ResourceManager())))
	for _, l := range []struct {
		key     string
		handler http.Handler
		address *string
	}{{"lode.scheduler.history-address", p.HTTP(trust.SameOrigin(api.History())), &s.History},
		{"lode.scheduler.submission-address", p.HTTP(trust.SameOrigin(api.Submissions())), &s.Submissions}} {
		if err := s.listen(c.String(l.key), l.key, l.handler, l.address); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

func (s *Scheduler) listen(address, key string, h http.Handler, bound *string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("scheduler: %s %s: %w (choose another port with -D %s=HOST:PORT)", key, address, err, key)
	}
	*bound = l.Addr().String()
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	s.servers = append(s.servers, srv)
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		_ = srv.Serve(l)
	}()
	return nil
}

// Close stops the scheduler; its jobs continue when one starts again.
func (s *Scheduler) Close() error {
	var err error
	for _, srv := range s.servers {
		err = errors.Join(err, srv.Close())
	}
	s.wg.Wait()
	return errors.Join(err, s.Server.Close(), s.fs.Close())
}

// WorkerOptions is what a worker needs beside the configuration.
type WorkerOptions struct {
	Scheduler string // host:port; "" is lode.scheduler.address
	Exe       string // binary of task processes for built-in jobs; "" is this one
	Host      string // "" is dfs.datanode.hostname, then the machine's name
	Logger    *slog.Logger
}

// Worker is a running worker.
type Worker struct {
	*worker.Server
	fs io.Closer
}

// StartWorker starts a worker below lode.worker.dir, with its map outputs at lode.worker.shuffle-address.
func StartWorker(ctx context.Context, c *conf.Conf, o WorkerOptions) (*Worker, error) {
	fsys, err := files.Open(c)
	if err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	if o.Scheduler == "" {
		o.Scheduler = c.String("lode.scheduler.address")
	}
	if o.Exe == "" {
		if o.Exe, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	if o.Host == "" {
		o.Host = c.String("dfs.datanode.hostname")
	}
	if o.Host == "" {
		if o.Host, err = os.Hostname(); err != nil {
			return nil, err
		}
	}
	dir, err := filepath.Abs(c.String("lode.worker.dir"))
	if err != nil {
		return nil, err
	}
	p, err := trust.Parse(c.Strings("lode.trusted.networks"), c.String("lode.token"))
	if err == nil {
		err = p.MayServe("worker: lode.worker.shuffle-address", c.String("lode.worker.shuffle-address"))
	}
	if err != nil {
		return nil, errors.Join(err, fsys.Close())
	}
	cfg := worker.Config{Trust: p, Scheduler: o.Scheduler, Token: c.String("lode.token"), Dir: dir, Host: o.Host, Listen: c.String("lode.worker.shuffle-address"),
		Slots: c.Int("lode.worker.slots"), MemoryMB: c.Bytes("lode.worker.memory") >> 20, Logger: o.Logger}
	pairs := map[string]string{}
	for _, kv := range c.Pairs() {
		if kv[0] != "lode.token" { // tasks are users' code
			pairs[kv[0]] = kv[1]
		}
	}
	cfg.Resources()
	cfg.Launcher = &worker.ProcessLauncher{Exe: o.Exe, FS: fsys, Cache: filepath.Join(dir, "bin"), Conf: pairs, MemoryMB: cfg.MemoryMB / int64(cfg.Slots)}
	s, err := worker.Start(ctx, cfg)
	if err != nil {
		return nil, errors.Join(err, fsys.Close())
	}
	return &Worker{s, fsys}, nil
}

// Close kills the worker's tasks and stops it.
func (w *Worker) Close() error { return errors.Join(w.Server.Close(), w.fs.Close()) }

// TaskProcess turns this process into a task process if a worker started it so: call it first thing in main. registry is only
// asked for then.
func TaskProcess(registry func() (*mapreduce.Registry, error)) (code int, is bool) {
	if !taskproc.Is() {
		return 0, false
	}
	r, err := registry()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return taskproc.Main(taskproc.Options{Build: BuildFrom(r), OpenFS: func(pairs map[string]string) (mapreduce.FS, error) {
		return files.Open(conf.New(pairs))
	}}), true
}

// BuildFrom builds jobs of a registry from their specification.
func BuildFrom(r *mapreduce.Registry) func(spec *batchpb.JobSpec) (*mapreduce.Job, error) {
	return func(spec *batchpb.JobSpec) (*mapreduce.Job, error) {
		j, err := r.BuildJob(&mapreduce.Invocation{Program: spec.Program, Args: spec.Args, Conf: mapreduce.NewConf(spec.Conf)})
		if err == nil && spec.Name != "" {
			j.Name = spec.Name
		}
		return j, err
	}
}
