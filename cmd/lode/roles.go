package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/lodehq/lode/internal/cluster"
	"github.com/lodehq/lode/internal/conf"
)

// logLevel is the level of every logger of this process; /logLevel changes it.
var logLevel = new(slog.LevelVar)

func newLogger(c *conf.Conf) *slog.Logger {
	if err := logLevel.UnmarshalText([]byte(c.String("lode.log.level"))); err != nil {
		logLevel.Set(slog.LevelInfo)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: logLevel}))
}

// closing ends what was started, and keeps both errors.
func closing(s interface{ Close() error }, err error) error { return errors.Join(err, s.Close()) }

func roleCommands() []*cli.Command {
	type starter func(context.Context, *conf.Conf, cluster.Options) (*cluster.Role, error)
	role := func(name, usage string, start starter, sub ...*cli.Command) *cli.Command {
		return &cli.Command{
			Name: name, Usage: usage, Subcommands: sub,
			Flags: append(confFlags(), fsFlag(),
				&cli.StringFlag{Name: "ready-file", Usage: "write `FILE` (JSON: addresses and process) when it serves"},
				&cli.StringFlag{Name: "name", Usage: "the instance's `NAME` in the ready file", Value: name}),
			Action: func(c *cli.Context) error {
				if c.NArg() > 0 {
					return roleAction(c, name)
				}
				cfg, err := loadConf(c, nil)
				if err != nil {
					return err
				}
				r, err := start(c.Context, cfg, cluster.Options{Name: c.String("name"), Programs: programs(), Version: version, Logger: newLogger(cfg), LogLevel: logLevel})
				if err != nil {
					return err
				}
				if err := r.Ready.Write(c.String("ready-file")); err != nil {
					return closing(r, err)
				}
				select {
				case <-c.Context.Done():
					return closing(r, nil)
				case err := <-r.Failed():
					return closing(r, err)
				}
			},
		}
	}
	return []*cli.Command{
		role("namenode", "the namespace and the block map", cluster.StartNamenode, importCommand(), exportCommand()),
		role("datanode", "stores blocks", cluster.StartDatanode),
		role("scheduler", "plans jobs", cluster.StartScheduler),
		role("worker", "runs tasks", cluster.StartWorker),
		role("query", "tables and SQL: starts lode-gold and keeps it alive", cluster.StartQuery),
	}
}
