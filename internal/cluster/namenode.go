package cluster

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/client/webdata"
	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/internal/vfs"
	"github.com/lodehq/lode/namenode"
	"github.com/lodehq/lode/namenode/fsimage"
	"github.com/lodehq/lode/namenode/httpd"
	"github.com/lodehq/lode/namenode/webhdfs"
	"github.com/lodehq/lode/web"
)

// upstreams are the base URLs of the other roles' web ports, for the gateway.
type upstreams struct {
	ready atomic.Pointer[Ready]
	dir   string // of a cluster of processes: each role writes there where it answers
}

func (u *upstreams) of(role string) string {
	r := u.ready.Load()
	if u.dir != "" {
		instance := "scheduler"
		if role == "query" || role == "catalog" {
			instance = "query"
		}
		if own, err := ReadReady(filepath.Join(u.dir, instance, "ready.json")); err == nil { // not there: the role has not been started, the configured address has to do
			r = &own
		}
	}
	if r == nil {
		return ""
	}
	return map[string]string{"scheduler": r.Scheduler, "history": r.History, "submissions": r.Submissions, "query": r.Query, "catalog": r.Catalog}[role]
}

// StartNamenode starts a namenode with its web port.
func StartNamenode(ctx context.Context, c *conf.Conf, o Options) (*Role, error) {
	log := o.Logger.With("role", orName(o.Name, "namenode"))
	cfg, err := namenode.FromConf(c, log)
	if err != nil {
		return nil, err
	}
	p, err := policy(c)
	if err != nil {
		return nil, err
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	up := &upstreams{dir: c.String("lode.cluster.dir")}
	up.ready.Store(&Ready{
		Scheduler: "http://" + c.String("lode.scheduler.address"), History: "http://" + c.String("lode.scheduler.history-address"),
		Submissions: "http://" + c.String("lode.scheduler.submission-address"), Query: "http://" + c.String("lode.query.http-address"), Catalog: "http://" + c.String("lode.catalog.address"),
	})
	cfg.User = me()
	cfg.Accept = func(a net.Addr) error {
		if from, err := netip.ParseAddrPort(a.String()); err == nil && !p.Trusts(from.Addr()) {
			return errRefused
		}
		return nil
	}
	var data *webdata.Handler
	cfg.HTTP = func(s *namenode.Server) http.Handler {
		static := c.String("hadoop.http.staticuser.user")
		data = webdata.New(webdata.Config{Client: client.Options{Addresses: []string{s.Addr()}, Conf: c, Logger: log}, StaticUser: static})
		rest := webhdfs.New(webhdfs.Config{
			Protocol: s.Handler(hrpc.ClientProtocol), RPCAddress: s.Addr(), Superuser: s.User(), StaticUser: static,
			Proxy: c.Bool("lode.namenode.webhdfs.proxy"), Data: data, Logger: log,
		})
		image := fsimage.NewHandler(fsimage.HandlerConfig{Image: s.LatestImage, FS: vfs.OS(), Spool: cfg.Dir, Namespace: cfg.Namespace, Active: s.State().Active, Logger: log})
		h := httpd.New(httpd.Config{
			View: s.State().View, Now: s.State().Now, Started: s.Started().UnixMilli(), Version: namenode.SoftwareVersion, Address: s.Addr(), RPC: s.RPCStats, TxID: s.TxID,
			Active: s.State().Active, NameDirs: []string{cfg.Dir}, Conf: c, Gatherer: metrics, WebHDFS: rest, Image: image, Pages: web.Handler(), LogLevel: o.LogLevel, Trust: p, Reach: cfg.Reach,
			Superuser: func(user string) bool { return s.Caller(user).Superuser }, StaticUser: static, Upstream: up.of, Build: o.Version,
		})
		metrics.MustRegister(httpd.NewCollector(s.State().View, s.RPCStats))
		return h
	}
	s, err := namenode.Start(ctx, cfg)
	if err != nil {
		return nil, explainListen(err, "dfs.namenode.rpc-address, dfs.namenode.http-address")
	}
	return &Role{
		Ready: Ready{FS: "hdfs://" + s.Addr(), HTTP: "http://" + s.HTTPAddr(), PIDs: o.pids()},
		close: func() error {
			err := s.Close()
			if data != nil {
				if e := data.Close(); err == nil {
					err = e
				}
			}
			return err
		},
		failed:    s.Failed(),
		upstreams: up,
	}, nil
}

var errRefused = hdfs.Errorf(hdfs.AccessControl, "the address is in none of lode.trusted.networks")

// setUpstreams tells a namenode's gateway where the other roles are.
func setUpstreams(r *Role, ready Ready) {
	if r.upstreams != nil {
		r.upstreams.ready.Store(&ready)
	}
}
