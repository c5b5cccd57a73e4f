package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/client/webdata"
	"github.com/lodehq/lode/datanode"
	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/internal/trust"
	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/role"
)

// Role is a running role: where it answers, and how it ends.
type Role struct {
	Ready  Ready
	close  func() error
	failed <-chan error

	upstreams *upstreams // of a namenode
}

// Failed gets the reason when the role ends by itself; it never does for roles that cannot.
func (r *Role) Failed() <-chan error { return r.failed }

// Close stops the role.
func (r *Role) Close() error { return r.close() }

// Options are what every role is started with beside its configuration.
type Options struct {
	Name     string // of the instance, in the ready file
	Programs *mapreduce.Registry
	Version  string
	Logger   *slog.Logger
	LogLevel *slog.LevelVar
}

// pids is this process under the instance's name.
func (o Options) pids() map[string]int {
	if o.Name == "" {
		return nil
	}
	return map[string]int{o.Name: os.Getpid()}
}

func policy(c *conf.Conf) (trust.Policy, error) {
	return trust.Parse(c.Strings("lode.trusted.networks"), c.String("lode.token"))
}

// me is the user that the servers run as: the superuser of a new cluster.
func me() string {
	if u := os.Getenv("HADOOP_USER_NAME"); u != "" {
		return u
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "hdfs"
}

// reportPatience is how long the start of a datanode waits for a namenode to know it: a datanode may well be started before
// its namenode.
const reportPatience = 10 * time.Second

// StartDatanode starts a datanode of the cluster that fs.defaultFS names, and waits a while until its namenode gives it blocks.
func StartDatanode(ctx context.Context, c *conf.Conf, o Options) (*Role, error) {
	cfg, err := datanode.FromConf(c, nil)
	if err != nil {
		return nil, err
	}
	p, err := policy(c)
	if err != nil {
		return nil, err
	}
	metrics := prometheus.NewRegistry()
	cfg.User, cfg.Log, cfg.Metrics = me(), o.Logger.With("role", orName(o.Name, "datanode")), metrics
	data := webdata.New(webdata.Config{Client: client.Options{Addresses: cfg.Namenodes, Conf: c, Logger: cfg.Log}, StaticUser: c.String("hadoop.http.staticuser.user")})
	cfg.Listen = func(network, address string) (net.Listener, error) {
		l, err := net.Listen(network, address)
		if err != nil {
			return nil, err
		}
		return p.Listener(l, cfg.Log), nil
	}
	if p.Token != "" {
		cfg.ListenHTTP = net.Listen // p.HTTP asks for the token
	}
	s, err := datanode.Start(ctx, cfg)
	if err != nil {
		return nil, errors.Join(explainListen(err, "dfs.datanode.address, dfs.datanode.http.address, dfs.datanode.ipc.address"), data.Close())
	}
	s.SetHTTP(p.HTTP(datanodePages(s, data, metrics, o.Version)))
	wait, cancel := context.WithTimeout(ctx, reportPatience)
	defer cancel()
	if err := s.Ready(wait); err != nil {
		if !errors.Is(err, context.DeadlineExceeded) {
			return nil, errors.Join(err, s.Close(), data.Close())
		}
		cfg.Log.Warn("no namenode has answered so far; this datanode serves as soon as one does", "namenodes", cfg.Namenodes)
	}
	return &Role{
		Ready: Ready{Datanodes: []string{s.DataAddr().String(), s.HTTPAddr().String(), s.IPCAddr().String()}, PIDs: o.pids()},
		close: func() error { return errors.Join(s.Close(), data.Close()) },
	}, nil
}

func orName(name, role string) string {
	if name == "" {
		return role
	}
	return name
}

func datanodePages(s *datanode.Server, data http.Handler, metrics *prometheus.Registry, version string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/webhdfs/v1/", data)
	prom := promhttp.HandlerFor(metrics, promhttp.HandlerOpts{})
	mux.Handle("/prom", prom)
	mux.Handle("/metrics", prom)
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.Handle("/jmx", datanodeJMX{s, version, time.Now().UnixMilli()})
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { datanodePage(w, s, version) })
	return mux
}

// StartScheduler starts the scheduler with its REST ports.
func StartScheduler(ctx context.Context, c *conf.Conf, o Options) (*Role, error) {
	s, err := role.StartScheduler(ctx, c, role.SchedulerOptions{Registry: o.Programs, Version: o.Version, Logger: o.Logger.With("role", "scheduler")})
	if err != nil {
		return nil, explainListen(err, "lode.scheduler.address")
	}
	return &Role{
		Ready: Ready{Scheduler: "http://" + s.Address, History: "http://" + s.History, Submissions: "http://" + s.Submissions, PIDs: o.pids()},
		close: s.Close,
	}, nil
}

// StartWorker starts a worker of the scheduler at lode.scheduler.address.
func StartWorker(ctx context.Context, c *conf.Conf, o Options) (*Role, error) {
	w, err := role.StartWorker(ctx, c, role.WorkerOptions{Logger: o.Logger.With("role", orName(o.Name, "worker")), Host: c.String("lode.worker.host")})
	if err != nil {
		return nil, err
	}
	return &Role{Ready: Ready{PIDs: o.pids()}, close: w.Close}, nil
}

// StartQuery starts lode-gold (tables, catalog, SQL) and keeps it alive.
func StartQuery(ctx context.Context, c *conf.Conf, o Options) (*Role, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	path, err := FindGold(exe)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(c.String("lode.query.dir"))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(dir, "lode-gold.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	args := func(query, pg, flight, catalog string) []string {
		return []string{
			"serve", "--fs", c.String("fs.defaultFS"), "--warehouse", c.String("lode.warehouse.dir"), "--cache-dir", filepath.Join(dir, "cache"),
			"--memory", c.String("lode.query.memory-limit"), "--query-listen", query, "--pg-listen", pg, "--flight-listen", flight, "--catalog-listen", catalog,
		}
	}
	g := &Gold{
		Path: path, ReadyFile: filepath.Join(dir, "lode-gold.json"), Output: log, Logger: o.Logger.With("role", "query"),
		Args: args(c.String("lode.query.http-address"), c.String("lode.query.pg-address"), c.String("lode.query.flight-address"), c.String("lode.catalog.address")),
		Env:  environment(c),
	}
	ctx, cancel := context.WithCancel(ctx)
	first, ended := make(chan Ready, 1), make(chan error, 1)
	go func() {
		ended <- g.Run(ctx, func(r Ready) []string {
			select {
			case first <- r:
			default:
			}
			host := func(url string) string { _, h, _ := strings.Cut(url, "://"); return h }
			return args(host(r.Query), r.PG, host(r.Flight), host(r.Catalog))
		})
	}()
	stop := func() error {
		cancel()
		return errors.Join(<-ended, log.Close())
	}
	select {
	case r := <-first:
		r.PIDs = o.pids()
		return &Role{Ready: r, close: stop}, nil
	case err := <-ended:
		cancel()
		return nil, errors.Join(fmt.Errorf("%w; the end of %s says:\n%s", err, log.Name(), tail(log.Name(), 12)), log.Close())
	case <-time.After(time.Minute):
		return nil, errors.Join(fmt.Errorf("lode-gold does not serve after a minute; the end of %s says:\n%s", log.Name(), tail(log.Name(), 12)), stop())
	}
}

// environment hands the settings of this process on to lode-gold: not as arguments, which everybody on the machine can read.
func environment(c *conf.Conf) []string {
	var env []string
	for _, kv := range c.Pairs() {
		if strings.Contains(kv[0], ".") {
			env = append(env, kv[0]+"="+kv[1])
		}
	}
	if t := c.String("lode.token"); t != "" {
		env = append(env, "LODE_TOKEN="+t)
	}
	return env
}

// explainListen adds to a taken port what to do about it.
func explainListen(err error, keys string) error {
	if err == nil || !strings.Contains(err.Error(), "address already in use") || strings.Contains(err.Error(), "-D ") {
		return err
	}
	return fmt.Errorf("%w: another process has that port; stop it, or choose other ports with -D for %s (HOST:0 is any free port)", err, keys)
}
