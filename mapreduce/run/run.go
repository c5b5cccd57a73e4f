// Package run is the main function of a user's job binary:
//
//	func main() { run.Main(wordCount, topMovies) }
//
// The same binary submits (`./job submit wordcount in out`), runs without a cluster (`./job local wordcount in out`), lists what it
// holds (`./job programs`), and is the task process when a worker starts it.
package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	urfave "github.com/urfave/cli/v2"

	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/cli"
	"github.com/lodehq/lode/mapreduce/files"
	"github.com/lodehq/lode/mapreduce/role"
	"github.com/lodehq/lode/mapreduce/task"
)

// Main runs the binary and exits.
func Main(programs ...mapreduce.Program) {
	os.Exit(Run(programs...))
}

// Run is Main without the exit.
func Run(programs ...mapreduce.Program) int {
	registry := func() (*mapreduce.Registry, error) { return mapreduce.NewRegistry(programs...) }
	if code, is := role.TaskProcess(registry); is {
		return code
	}
	r, err := registry()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	app := &urfave.App{Name: os.Args[0], Usage: "a batch job for Lode", ExitErrHandler: func(*urfave.Context, error) {}}
	app.Commands = cli.Commands(cli.Options{Registry: r, Own: true})[0].Subcommands
	app.Commands = slices.DeleteFunc(app.Commands, func(c *urfave.Command) bool { return c.Name == "local" }) // files of this machine instead of HDFS
	app.Commands = append(app.Commands, &urfave.Command{Name: "local", Usage: "run a program in this process, without a cluster", ArgsUsage: "PROGRAM ARGUMENTS…", SkipFlagParsing: true,
		Action: func(x *urfave.Context) error { return Local(x.Context, r, x.Args().Slice()) }})
	err = app.RunContext(ctx, os.Args)
	var coded urfave.ExitCoder
	switch {
	case err == nil:
		return 0
	case errors.As(err, &coded):
		if err.Error() != "" {
			fmt.Fprintln(os.Stderr, err)
		}
		return coded.ExitCode()
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// Local runs a program in this process: arguments as of `job submit`. Paths without scheme are files of this machine.
func Local(ctx context.Context, r *mapreduce.Registry, args []string) error {
	program, pairs, rest, err := cli.ParseLocal(args)
	if err != nil {
		return err
	}
	if _, ok := pairs["fs.defaultFS"]; !ok {
		pairs["fs.defaultFS"] = "file:///"
	}
	fsys, err := files.Open(conf.New(pairs))
	if err != nil {
		return err
	}
	defer fsys.Close()
	c := mapreduce.NewConf(pairs)
	job, err := r.BuildJob(&mapreduce.Invocation{Program: program, Args: rest, Conf: c})
	if err != nil {
		return err
	}
	res, err := task.Local(ctx, job, task.LocalOptions{FS: fsys, Conf: c})
	if err != nil {
		return err
	}
	cli.PrintCounters(os.Stderr, res.Counters)
	fmt.Fprintf(os.Stderr, "one process, %v\n", res.Elapsed)
	return nil
}
