package httpd

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/http/pprof"
	"net/netip"
	"net/url"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/internal/reach"
	"github.com/lodehq/lode/internal/trust"
	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/namenode/namespace"
)

// Config says what the web port serves.
type Config struct {
	// View calls back under the namenode's read lock.
	View       func(func(ns *namespace.Namespace, m *blockmap.Map))
	Now        func() int64 // unix ms
	Started    int64        // unix ms
	Version    string       // of Hadoop, as dashboards and clients compare it
	Build      string       // of Lode
	Address    string       // HOST:PORT of the RPC server
	RPC        func() hrpc.Stats
	TxID       func() int64
	Active     func() bool
	NameDirs   []string
	Conf       *conf.Conf
	Gatherer   prometheus.Gatherer
	WebHDFS    http.Handler
	Pages      http.Handler
	Image      http.Handler // /imagetransfer; nil is 404
	LogLevel   *slog.LevelVar
	Trust      trust.Policy
	Reach      reach.Rules // where callers reach datanodes
	Superuser  func(user string) bool
	StaticUser string
	// Upstream is the base URL of another role (scheduler, history, query, catalog), "" when it is not known.
	Upstream func(role string) string
}

// New makes the handler of the web port.
func New(cfg Config) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/webhdfs/v1/", cfg.WebHDFS)
	mux.Handle("/webhdfs/v1", cfg.WebHDFS)
	mux.Handle("/webhdfs/", http.NotFoundHandler())
	mux.Handle("/jmx", jmx{cfg: cfg})
	mux.Handle("/conf", confPage{cfg.Conf})
	mux.Handle("/fsck", fsck{cfg})
	mux.Handle("/logLevel", logLevel{cfg})
	mux.HandleFunc("/isActive", func(w http.ResponseWriter, _ *http.Request) {
		if !cfg.Active() {
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
	})
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	if cfg.Gatherer != nil {
		prom := promhttp.HandlerFor(cfg.Gatherer, promhttp.HandlerOpts{})
		mux.Handle("/prom", prom)
		mux.Handle("/metrics", prom)
	}
	if cfg.Image != nil {
		mux.Handle("/imagetransfer", cfg.Image)
	}
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	for _, role := range []string{"scheduler", "history", "query", "catalog", "submissions"} {
		mux.Handle("/"+role+"/", gateway(role, cfg.Upstream))
	}
	for _, old := range []string{"/dfshealth.html", "/explorer.html", "/dfshealth.jsp"} { // Apache's pages, where bookmarks point
		mux.Handle(old, http.RedirectHandler("/", http.StatusFound))
	}
	mux.Handle("/", readOnly(cfg.Pages))
	return cfg.Trust.HTTP(trust.SameOrigin(mux))
}

// readOnly serves what can be read and nothing else.
func readOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, r.Method+" is not supported here", http.StatusMethodNotAllowed)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// gateway passes a request on to another role's web port, without the role's prefix. A token that the browser keeps as a cookie
// goes along in the form that is understood there.
func gateway(role string, upstream func(string) string) http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			target, err := url.Parse(upstream(role))
			if err != nil {
				return
			}
			r.SetURL(target)
			r.Out.URL.Path = strings.TrimPrefix(r.In.URL.Path, "/"+role)
			r.Out.URL.RawPath = strings.TrimPrefix(r.In.URL.RawPath, "/"+role)
			r.SetXForwarded()
			r.Out.Header.Del("Origin") // it names this port, as it should; the other role would take it for a stranger's
			if c, err := r.In.Cookie(trust.Cookie); err == nil && r.In.Header.Get("Authorization") == "" {
				r.Out.Header.Set("Authorization", "Bearer "+c.Value)
			}
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, fmt.Sprintf("the %s does not answer: %v", role, err), http.StatusBadGateway)
		},
		FlushInterval: -1,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if upstream == nil || upstream(role) == "" {
			http.Error(w, fmt.Sprintf("no %s is known to this namenode; start one with: lode %s", role, role), http.StatusBadGateway)
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

// callerOf is who asks, by user.name, else the static user.
func callerOf(cfg Config, r *http.Request) (user string, from netip.Addr) {
	if user = r.URL.Query().Get("user.name"); user == "" {
		if user, _, _ = strings.Cut(r.URL.Query().Get("ugi"), ","); user == "" {
			user = cfg.StaticUser
		}
	}
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		from = ap.Addr().Unmap()
	}
	return user, from
}
