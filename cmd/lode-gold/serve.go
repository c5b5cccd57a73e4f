//go:build cgo && duckdb_arrow

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/internal/trust"
	"github.com/lodehq/lode/query"
	"github.com/lodehq/lode/query/flight"
	"github.com/lodehq/lode/query/pgwire"
	"github.com/lodehq/lode/table"
	"github.com/lodehq/lode/table/rest"
)

func serviceFlags(more ...cli.Flag) []cli.Flag {
	return commonFlags(append([]cli.Flag{
		&cli.StringFlag{Name: "ready-file", Usage: "write one JSON object with the addresses to `FILE` when everything serves"},
		&cli.BoolFlag{Name: "watch-parent", Usage: "end when standard input ends or the parent process dies"},
	}, more...)...)
}

func queryFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "cache-dir", Usage: "`DIR` for copies of data files (default: lode.query.dir)"},
		&cli.StringFlag{Name: "memory", Usage: "limit of the engine, `SIZE` (default: lode.query.memory-limit)"},
		&cli.IntFlag{Name: "threads", Usage: "of the engine (default: processors)"},
		&cli.DurationFlag{Name: "timeout", Value: 5 * time.Minute, Usage: "of one statement"},
		&cli.DurationFlag{Name: "poll", Value: time.Second, Usage: "between looks for new snapshots"},
	}
}

func queryCommand() *cli.Command {
	return &cli.Command{Name: "query", Usage: "the SQL service", Flags: serviceFlags(append(queryFlags(),
		&cli.StringFlag{Name: "listen", Usage: "HTTP `ADDRESS`, port 0 is any (default: lode.query.http-address)"}, pgFlag, flightFlag,
	)...), Action: with(func(c *cli.Context, s *setup) error {
		return serve(c, s, addresses{query: pick(c.String("listen"), s.conf.String("lode.query.http-address")), pg: optional(c, "pg-listen", s.conf.String("lode.query.pg-address")), flight: optional(c, "flight-listen", s.conf.String("lode.query.flight-address"))})
	})}
}

func catalogCommand() *cli.Command {
	return &cli.Command{Name: "catalog", Usage: "the Iceberg REST catalog", Flags: serviceFlags(
		&cli.StringFlag{Name: "listen", Usage: "HTTP `ADDRESS`, port 0 is any (default: lode.catalog.address)"},
	), Action: with(func(c *cli.Context, s *setup) error {
		return serve(c, s, addresses{catalog: pick(c.String("listen"), s.conf.String("lode.catalog.address"))})
	})}
}

func serveCommand() *cli.Command {
	return &cli.Command{Name: "serve", Usage: "SQL service and catalog in one process", Flags: serviceFlags(append(queryFlags(),
		&cli.StringFlag{Name: "query-listen", Usage: "HTTP `ADDRESS` (default: lode.query.http-address)"}, pgFlag, flightFlag,
		&cli.StringFlag{Name: "catalog-listen", Usage: "HTTP `ADDRESS` (default: lode.catalog.address)"},
	)...), Action: with(func(c *cli.Context, s *setup) error {
		return serve(c, s, addresses{query: pick(c.String("query-listen"), s.conf.String("lode.query.http-address")), pg: optional(c, "pg-listen", s.conf.String("lode.query.pg-address")), flight: optional(c, "flight-listen", s.conf.String("lode.query.flight-address")), catalog: pick(c.String("catalog-listen"), s.conf.String("lode.catalog.address"))})
	})}
}

var flightFlag = &cli.StringFlag{Name: "flight-listen", Usage: "Flight SQL `ADDRESS`, none for no such endpoint (default: lode.query.flight-address)"}

// optional is the address of an endpoint that may be left out: "none", or an empty flag.
func optional(c *cli.Context, flag, otherwise string) string {
	at := otherwise
	if c.IsSet(flag) {
		at = c.String(flag)
	}
	if at == "none" {
		return ""
	}
	return at
}

var pgFlag = &cli.StringFlag{Name: "pg-listen", Usage: "PostgreSQL `ADDRESS`, none for no such endpoint (default: lode.query.pg-address)"}

// memory is a size in the engine's notation. Hadoop's "2g" is understood too.
func memory(flag string, cf *conf.Conf) string {
	if strings.HasSuffix(strings.ToUpper(flag), "B") {
		return flag
	}
	if flag != "" {
		cf = cf.With("lode.query.memory-limit", flag)
	}
	return fmt.Sprintf("%dB", cf.Bytes("lode.query.memory-limit"))
}

func pick(flag, otherwise string) string {
	if flag != "" {
		return flag
	}
	return otherwise
}

// addresses to listen on; "" is not at all.
type addresses struct{ query, pg, flight, catalog string }

// policy is who may speak at the addresses. An address beyond loopback at which nobody beyond loopback would be heard is refused.
func (at addresses) policy(c *conf.Conf) (trust.Policy, error) {
	p, err := trust.Parse(c.Strings("lode.trusted.networks"), c.String("lode.token"))
	if err != nil {
		return p, usageError{err}
	}
	for _, a := range []struct{ key, listen string }{{"lode.query.http-address", at.query}, {"lode.query.pg-address", at.pg}, {"lode.query.flight-address", at.flight}, {"lode.catalog.address", at.catalog}} {
		if a.listen == "" {
			continue
		}
		if err := p.MayServe(a.key, a.listen); err != nil {
			return p, usageError{err}
		}
	}
	return p, nil
}

// ready is the content of the ready file.
type ready struct {
	Query   string `json:"query,omitempty"`
	PG      string `json:"pg,omitempty"`
	Flight  string `json:"flight,omitempty"`
	Catalog string `json:"catalog,omitempty"`
	PID     int    `json:"pid"`
}

// serve runs services until a signal, or until the parent is gone.
func serve(c *cli.Context, s *setup, at addresses) (err error) {
	ctx, cancel := context.WithCancel(c.Context)
	defer cancel()
	if c.Bool("watch-parent") {
		go watchParent(ctx, c.App.Reader, cancel) // ends with the process: a read of standard input cannot be stopped
	}
	r := ready{PID: os.Getpid()}
	policy, err := at.policy(s.conf)
	if err != nil {
		return err
	}
	if err := s.cat.EnsureNamespaces(ctx, table.StandardNamespaces()...); err != nil {
		return err
	}
	if at.catalog != "" {
		stop, addr, err := serveCatalog(s, at.catalog, policy)
		if err != nil {
			return err
		}
		defer func() { stop() }()
		r.Catalog = "http://" + addr
	}
	if at.query != "" {
		// The engine's memory has its own limit; what Go needs beside it is little.
		debug.SetMemoryLimit(512 << 20)
		q, err := query.Start(ctx, query.Config{
			Catalog: s.cat, Listen: at.query, CacheDir: pick(c.String("cache-dir"), s.conf.String("lode.query.dir")), Memory: memory(c.String("memory"), s.conf),
			Threads: c.Int("threads"), Timeout: c.Duration("timeout"), Poll: c.Duration("poll"), Logger: s.log, Trust: policy,
		})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, q.Close()) }()
		r.Query = "http://" + q.Addr()
		if at.pg != "" {
			pg, err := pgwire.Start(ctx, q, at.pg, s.log)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, pg.Close()) }()
			r.PG = pg.Addr()
		}
		if at.flight != "" {
			f, err := flight.Start(q, at.flight)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, f.Close()) }()
			r.Flight = "grpc://" + f.Addr()
		}
	}
	if err := announce(c.String("ready-file"), r); err != nil {
		return err
	}
	fmt.Fprintf(c.App.ErrWriter, "lode: serving")
	for _, u := range []string{r.Query, r.PG, r.Flight, r.Catalog} {
		if u != "" {
			fmt.Fprintf(c.App.ErrWriter, " %s", u)
		}
	}
	fmt.Fprintln(c.App.ErrWriter)
	<-ctx.Done()
	return nil
}

func announce(file string, r ready) error {
	if file == "" {
		return nil
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".tmp", append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("ready file: %w", err)
	}
	return os.Rename(file+".tmp", file)
}

func serveCatalog(s *setup, addr string, policy trust.Policy) (stop func(), at string, err error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, "", fmt.Errorf("catalog: %w (another process may hold the port; port 0 takes any)", err)
	}
	srv := &http.Server{Handler: policy.HTTP(rest.NewHandler(s.cat, s.log)), ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := srv.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("catalog stopped serving", "error", err)
		}
	}()
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if srv.Shutdown(ctx) != nil {
			_ = srv.Close()
		}
		<-done
	}, l.Addr().String(), nil
}

// watchParent cancels when standard input ends, which is what happens to a pipe when its other end dies, or when the parent process changes.
func watchParent(ctx context.Context, stdin io.Reader, cancel context.CancelFunc) {
	parent := os.Getppid()
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		cancel()
	}()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if os.Getppid() != parent {
				cancel()
				return
			}
		}
	}
}
