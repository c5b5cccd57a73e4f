//go:build cgo && duckdb_arrow

// Lode-gold holds the roles that need Iceberg and DuckDB: table commits, the catalog, the query service, ingestion. `lode` starts it; people type `lode table …`, `lode query …`.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/table"
	"github.com/lodehq/lode/table/storage"
)

// version is set by the linker.
var version = "dev"

// Exit codes, as everywhere in Lode.
const (
	exitFailed = 1
	exitUsage  = 2
)

// usageError is a wrong command line.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := app(os.Stdin, os.Stdout, os.Stderr).RunContext(ctx, os.Args)
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "lode:", err)
	var u usageError
	if errors.As(err, &u) || strings.Contains(err.Error(), "flag provided but not defined") || strings.Contains(err.Error(), "Required flag") {
		os.Exit(exitUsage)
	}
	os.Exit(exitFailed)
}

func app(stdin io.Reader, stdout, stderr io.Writer) *cli.App {
	a := &cli.App{
		Name: "lode-gold", HelpName: "lode", Usage: "tables, queries and ingestion of Lode", Version: version,
		Reader: stdin, Writer: stdout, ErrWriter: stderr, HideHelpCommand: true,
		DisableSliceFlagSeparator: true, // values of -D and names of files may hold commas
		// Exit codes are given in one place, main.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   func(_ *cli.Context, err error, _ bool) error { return usageError{err} },
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("no command %q; lode-gold --help lists them", c.Args().First())
			}
			return cli.ShowAppHelp(c)
		},
		Commands: []*cli.Command{tableCommand(), queryCommand(), catalogCommand(), serveCommand(), ingestCommand()},
	}
	for _, c := range a.Commands {
		usageErrors(c)
	}
	return a
}

func usageErrors(c *cli.Command) {
	c.OnUsageError = func(_ *cli.Context, err error, _ bool) error { return usageError{err} }
	for _, s := range c.Subcommands {
		usageErrors(s)
	}
}

// commonFlags say where the file system is.
func commonFlags(more ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "fs", Usage: "file system `URI`: hdfs://host:port, or file:///dir for a directory of this machine (default: fs.defaultFS)", EnvVars: []string{"LODE_FS"}},
		&cli.StringFlag{Name: "warehouse", Usage: "`DIR` of the tables in the file system (default: lode.warehouse.dir)"},
		&cli.StringFlag{Name: "config", Usage: "Hadoop configuration `DIR`", EnvVars: []string{"HADOOP_CONF_DIR"}},
		&cli.StringSliceFlag{Name: "D", Usage: "configuration `KEY=VALUE`"},
		&cli.StringFlag{Name: "log-level", Value: "warn", Usage: "debug, info, warn or error"},
	}, more...)
}

// setup is what every command begins with.
type setup struct {
	conf *conf.Conf
	log  *slog.Logger
	fs   storage.FS
	cat  *table.Catalog
	done func() error
}

func prepare(c *cli.Context) (*setup, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.String("log-level"))); err != nil {
		return nil, usagef("--log-level %s: debug, info, warn or error", c.String("log-level"))
	}
	s := &setup{log: slog.New(slog.NewTextHandler(c.App.ErrWriter, &slog.HandlerOptions{Level: level}))}
	var err error
	s.conf, err = conf.Load(conf.LoadOptions{Dir: c.String("config"), Environ: os.Environ(), Defines: c.StringSlice("D"), Warn: func(text string) { s.log.Warn(text) }})
	if err != nil {
		return nil, usageError{err}
	}
	if token := os.Getenv("LODE_TOKEN"); token != "" && !s.conf.Explicit("lode.token") {
		s.conf = s.conf.With("lode.token", token)
	}
	uri := c.String("fs")
	if uri == "" {
		uri = s.conf.String("fs.defaultFS")
	}
	if s.fs, s.done, err = openFS(uri, s.conf); err != nil {
		return nil, err
	}
	warehouse := c.String("warehouse")
	if warehouse == "" {
		warehouse = s.conf.String("lode.warehouse.dir")
	}
	if warehouse, err = storage.Name(s.fs, warehouse); err != nil {
		return nil, usagef("--warehouse: %w", err)
	}
	s.cat = table.NewCatalog(s.fs, warehouse, s.log)
	return s, nil
}

// with runs f between prepare and the end of the file system's client.
func with(f func(*cli.Context, *setup) error) cli.ActionFunc {
	return func(c *cli.Context) (err error) {
		s, err := prepare(c)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.done()) }()
		return f(c, s)
	}
}
