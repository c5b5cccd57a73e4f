package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lodehq/lode/internal/bench"
	"github.com/lodehq/lode/internal/cluster"
	"github.com/lodehq/lode/internal/demo"
)

func toolCommands() []*cli.Command {
	return []*cli.Command{demoCommand(), benchCommand(), confCommand(), healthCommand()}
}

func demoCommand() *cli.Command {
	return &cli.Command{
		Name: "demo", Usage: "a cluster, real Ethereum blocks, every pipeline, answers checked",
		Flags: append(localFlags(),
			&cli.BoolFlag{Name: "once", Usage: "stop by itself, exit code 1 if an answer is wrong"},
			&cli.StringFlag{Name: "dir", Usage: "keep the cluster in `DIRECTORY` instead of a temporary one"},
			&cli.BoolFlag{Name: "processes", Usage: "one process a role instead of one for all"},
			&cli.StringFlag{Name: "kill", Usage: "end `INSTANCE` (datanode1, …) with SIGKILL while the main job runs; implies --processes"},
			&cli.StringFlag{Name: "blocks", Usage: "`FOLDER` of recorded blocks"},
			&cli.StringFlag{Name: "sales", Usage: "`CSV` of the sales that are expected"}),
		Action: func(c *cli.Context) error {
			exe, err := os.Executable()
			if err != nil {
				return err
			}
			cfg, err := loadConf(c, localDefines(c))
			if err != nil {
				return err
			}
			log := newLogger(cfg)
			if !cfg.Explicit("lode.log.level") {
				logLevel.Set(8) // errors only: the demonstration itself says what happens
			}
			o := demo.Options{Exe: exe, Blocks: c.String("blocks"), Sales: c.String("sales"), Out: os.Stdout, Wait: !c.Bool("once")}
			o.Start = func(ctx context.Context) (cluster.Ready, func() error, error) {
				s, err := cluster.StartStandalone(ctx, cluster.StandaloneOptions{
					Dir: c.String("dir"), Conf: cfg, Datanodes: c.Int("datanodes"), Workers: c.Int("workers"), Query: true,
					Programs: programs(), Version: version, Logger: log, LogLevel: logLevel,
				})
				if err != nil {
					return cluster.Ready{}, nil, err
				}
				return s.Ready, s.Close, s.Ready.Write(c.String("ready-file"))
			}
			if victim := c.String("kill"); c.Bool("processes") || victim != "" {
				p, clean, err := demoProcesses(c, exe)
				if err != nil {
					return err
				}
				o.Start = func(ctx context.Context) (cluster.Ready, func() error, error) {
					defines, err := clusterDefines(c)
					if err != nil {
						return cluster.Ready{}, nil, err
					}
					stop := func() error { return errors.Join(p.Stop(context.WithoutCancel(ctx), nil, false), clean()) }
					ready, err := p.Start(ctx, cluster.StartOptions{Datanodes: c.Int("datanodes"), Workers: c.Int("workers"), Defines: defines, Query: true})
					if err != nil {
						return ready, nil, errors.Join(err, stop())
					}
					return ready, stop, ready.Write(c.String("ready-file"))
				}
				if victim != "" {
					o.Kill = func(ctx context.Context) error { return p.Stop(ctx, []string{victim}, true) }
				}
			}
			return demo.Run(c.Context, o)
		},
	}
}

// demoProcesses is a cluster of processes in --dir, or in a temporary directory that clean removes.
func demoProcesses(c *cli.Context, exe string) (p *cluster.Processes, clean func() error, err error) {
	p, clean = &cluster.Processes{Exe: exe, Dir: c.String("dir")}, func() error { return nil }
	if p.Dir == "" {
		if p.Dir, err = os.MkdirTemp("", "lode-"); err != nil {
			return nil, nil, err
		}
		clean = func() error { return os.RemoveAll(p.Dir) }
	}
	p.Dir, err = filepath.Abs(p.Dir)
	return p, clean, err
}

func benchCommand() *cli.Command {
	return &cli.Command{
		Name: "bench", Usage: "measure storage, metadata and batch on a cluster of its own", ArgsUsage: "[" + strings.Join(bench.Suites, " | ") + " …]",
		Flags: []cli.Flag{
			&cli.Int64Flag{Name: "size", Value: 1024, Usage: "`MiB` of the large file"},
			&cli.Int64Flag{Name: "batch", Value: 500, Usage: "`MB` of the batch jobs' input"},
			&cli.StringFlag{Name: "dir", Usage: "put the cluster into `DIRECTORY` instead of a temporary one"},
			&cli.StringFlag{Name: "markdown", Usage: "write the tables into `FILE`"},
			&cli.BoolFlag{Name: "json", Usage: "print the report as JSON"},
		},
		Action: func(c *cli.Context) error {
			exe, err := os.Executable()
			if err != nil {
				return err
			}
			if c.Int64("size") < 1 || c.Int64("batch") < 1 {
				return &exitError{exitUsage, fmt.Errorf("--size and --batch take at least 1")}
			}
			return bench.Run(c.Context, bench.Options{
				Exe: exe, Suites: c.Args().Slice(), Size: c.Int64("size") << 20, Batch: c.Int64("batch") * 1_000_000, Dir: c.String("dir"),
				Markdown: c.String("markdown"), JSON: c.Bool("json"), Out: os.Stdout, Progress: os.Stderr,
			})
		},
	}
}
