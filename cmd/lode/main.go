// Command lode is the one command: it picks a role or a tool, and acts as hdfs, hadoop, mapred or yarn when it is called by
// that name. Nothing heavy happens at its start: a shell command and a task process pay for it each time.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/lodehq/lode/internal/conf"
)

// version is set by the linker.
var version = "dev"

// Exit codes, the one table of them. Tools that imitate Hadoop's return Hadoop's.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// exitError is an error with the exit code that it ends the process with; text may be empty when all is said already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// ExitCode makes it a cli.ExitCoder.
func (e *exitError) ExitCode() int { return e.code }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string) int {
	if code, ok := taskProcess(ctx); ok {
		return code
	}
	switch name := strings.TrimSuffix(filepath.Base(args[0]), ".exe"); name {
	case "hdfs", "hadoop", "mapred", "yarn":
		return asHadoop(ctx, name, args[1:])
	}
	if len(args) > 1 && shellCommands[args[1]] {
		return shellMain(ctx, args[1:])
	}
	app := newApp()
	return exitCode(app.RunContext(ctx, flagsFirst(app, args)), os.Stderr)
}

func exitCode(err error, stderr io.Writer) int {
	if err == nil {
		return exitOK
	}
	text, code := err.Error(), exitFailed
	var coded cli.ExitCoder
	var invalid *conf.InvalidError
	switch {
	case errors.As(err, &coded):
		code = coded.ExitCode()
	case errors.As(err, &invalid), isUsage(err):
		code = exitUsage
	}
	if text != "" {
		fmt.Fprintf(stderr, "lode: %s\n", strings.TrimPrefix(text, "lode: "))
	}
	return code
}

// isUsage recognises what package flag says about a command line that it cannot read.
func isUsage(err error) bool {
	for _, p := range []string{"flag provided but not defined", "flag needs an argument", "invalid value", "Required flag", "Required flags", "invalid boolean value"} {
		if strings.HasPrefix(err.Error(), p) {
			return true
		}
	}
	return false
}

func newApp() *cli.App {
	app := &cli.App{
		Name:                   "lode",
		Usage:                  "HDFS-compatible storage, MapReduce and SQL over Iceberg tables",
		Version:                version,
		UseShortOptionHandling: false,
		// The values of -D have commas of their own.
		DisableSliceFlagSeparator: true,
		Suggest:                   true,
		HideHelpCommand:           false,
		ExitErrHandler:            func(*cli.Context, error) {}, // run turns errors into exit codes
		CommandNotFound: func(c *cli.Context, name string) {
			fmt.Fprintf(os.Stderr, "lode: no command %q; lode help lists them\n", name)
		},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return &exitError{exitUsage, fmt.Errorf("no command %q; lode help lists them", c.Args().First())}
			}
			return cli.ShowAppHelp(c)
		},
		Description: "Storage:  standalone, cluster, namenode, datanode, dfs, dfsadmin, fsck, haadmin\n" +
			"Batch:    job, streaming, workflow, scheduler, worker\n" +
			"Tables:   ingest, table, sql, query, catalog\n" +
			"Try it:   demo, bench\n\n" +
			"Exit codes: 0 done, 1 failed, 2 the command line or the configuration is wrong.",
	}
	app.OnUsageError = func(_ *cli.Context, err error, _ bool) error { return &exitError{exitUsage, err} }
	for _, group := range [][]*cli.Command{clusterCommands(), roleCommands(), storageCommands(), batchCommands(), goldCommands(), toolCommands()} {
		for _, c := range group {
			if c.OnUsageError == nil {
				c.OnUsageError = app.OnUsageError
			}
			for _, s := range c.Subcommands {
				if s.OnUsageError == nil {
					s.OnUsageError = app.OnUsageError
				}
			}
			app.Commands = append(app.Commands, c)
		}
	}
	return app
}
