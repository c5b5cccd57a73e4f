package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/lodehq/lode/internal/cluster"
)

// progressTo is stderr on a terminal, and nothing in a pipe.
func progressTo() io.Writer {
	if term.IsTerminal(int(os.Stderr.Fd())) {
		return os.Stderr
	}
	return io.Discard
}

func dirFlag() cli.Flag {
	return &cli.StringFlag{Name: "dir", Usage: "the cluster's `DIRECTORY`: data, logs, state", Required: true}
}

func localFlags() []cli.Flag {
	return append(confFlags(),
		&cli.IntFlag{Name: "datanodes", Value: 3, Usage: "how many datanodes"},
		&cli.IntFlag{Name: "workers", Value: 2, Usage: "how many workers; 0 leaves batch out"},
		&cli.BoolFlag{Name: "any-ports", Usage: "take free ports instead of the well-known ones"},
		&cli.StringFlag{Name: "ready-file", Usage: "write `FILE` (JSON: addresses and processes) when everything serves"},
		&cli.BoolFlag{Name: "no-query", Usage: "leave out lode-gold: no tables, no SQL"},
	)
}

// localDefines are the settings of a cluster on this machine: the training profile, weaker than everything that the user says.
func localDefines(c *cli.Context) map[string]string {
	base := cluster.Training()
	if c.Bool("any-ports") {
		for k, v := range cluster.AnyPorts() {
			base[k] = v
		}
	}
	return base
}

func clusterCommands() []*cli.Command {
	return []*cli.Command{
		{
			Name: "standalone", Usage: "storage and batch in one process, lode-gold as its child, loopback only, until Ctrl-C",
			Flags: append(localFlags(), &cli.StringFlag{Name: "dir", Usage: "the cluster's `DIRECTORY`; a temporary one that is removed at the end when left out"}),
			Action: func(c *cli.Context) error {
				if c.NArg() > 0 {
					return &exitError{exitUsage, errUnexpected("standalone")}
				}
				base := localDefines(c)
				base["lode.log.level"] = "warn" // the terminal is for where to look
				cfg, err := loadConf(c, base)
				if err != nil {
					return err
				}
				s, err := cluster.StartStandalone(c.Context, cluster.StandaloneOptions{
					Dir: c.String("dir"), Conf: cfg, Datanodes: c.Int("datanodes"), Workers: c.Int("workers"), Query: !c.Bool("no-query"),
					Programs: programs(), Version: version, Logger: newLogger(cfg), LogLevel: logLevel,
				})
				if err != nil {
					return err
				}
				if err := s.Ready.Write(c.String("ready-file")); err != nil {
					return closing(s, err)
				}
				printReady(os.Stdout, s.Ready)
				select {
				case <-c.Context.Done():
					return closing(s, nil)
				case err := <-s.Failed():
					return closing(s, err)
				}
			},
		},
		{
			Name: "cluster", Usage: "one process per role on this machine",
			Subcommands: []*cli.Command{
				{
					Name: "start", Usage: "start a cluster, or bring back what is down",
					Flags: append(localFlags(), dirFlag(), &cli.IntFlag{Name: "namenodes", Value: 1, Usage: "how many namenodes; one is supported so far"}),
					Action: func(c *cli.Context) error {
						if c.Int("namenodes") != 1 {
							return &exitError{exitUsage, fmt.Errorf("--namenodes %d: one namenode is supported so far", c.Int("namenodes"))}
						}
						defines, err := clusterDefines(c)
						if err != nil {
							return err
						}
						p, err := processes(c)
						if err != nil {
							return err
						}
						ready, err := p.Start(c.Context, cluster.StartOptions{Namenodes: 1, Datanodes: c.Int("datanodes"), Workers: c.Int("workers"), Defines: defines, Query: !c.Bool("no-query")})
						if err != nil {
							return err
						}
						if err := ready.Write(c.String("ready-file")); err != nil {
							return err
						}
						printReady(os.Stdout, ready)
						return nil
					},
				},
				{
					Name: "stop", Usage: "stop a cluster, or the named instances of it", ArgsUsage: "[INSTANCE ...]",
					Description: "An instance is a role and a number: namenode0, datanode1, scheduler, worker0, query.",
					Flags:       []cli.Flag{dirFlag(), &cli.BoolFlag{Name: "kill", Usage: "SIGKILL: no time to say good-bye"}},
					Action: func(c *cli.Context) error {
						p, err := processes(c)
						if err != nil {
							return err
						}
						return p.Stop(c.Context, c.Args().Slice(), c.Bool("kill"))
					},
				},
				{
					Name: "status", Usage: "what runs", Flags: []cli.Flag{dirFlag(), &cli.BoolFlag{Name: "json", Usage: "as JSON"}},
					Action: func(c *cli.Context) error {
						p, err := processes(c)
						if err != nil {
							return err
						}
						list, err := p.Status()
						if err != nil {
							return err
						}
						if c.Bool("json") {
							return json.NewEncoder(os.Stdout).Encode(list)
						}
						return printStatus(os.Stdout, list)
					},
				},
			},
		},
	}
}

// clusterDefines are the -D settings with which the instances of a cluster are started: all that differs from the defaults.
func clusterDefines(c *cli.Context) (map[string]string, error) {
	cfg, err := loadConf(c, localDefines(c))
	if err != nil {
		return nil, err
	}
	defines := map[string]string{}
	for _, kv := range cfg.Pairs() {
		if kv[0] != "fs.defaultFS" { // the namenode's own address, known when it serves
			defines[kv[0]] = kv[1]
		}
	}
	return defines, nil
}

func processes(c *cli.Context) (*cluster.Processes, error) {
	dir, err := filepath.Abs(c.String("dir"))
	if err != nil {
		return nil, err
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return &cluster.Processes{Dir: dir, Exe: exe, Log: progressTo()}, nil
}

func printStatus(out io.Writer, list []cluster.InstanceStatus) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "INSTANCE\tSTATE\tPID\tADDRESS")
	down := 0
	for _, s := range list {
		state := "running"
		if !s.Alive {
			state, down = "down", down+1
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", s.Name, state, s.PID, mainAddress(s.Ready))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if down > 0 {
		return &exitError{exitFailed, fmt.Errorf("%d of %d instances are down; lode cluster start brings them back", down, len(list))}
	}
	return nil
}

func mainAddress(r cluster.Ready) string {
	for _, a := range []string{r.FS, r.Scheduler, r.Query} {
		if a != "" {
			return a
		}
	}
	if len(r.Datanodes) > 0 {
		return r.Datanodes[0]
	}
	return ""
}

// printReady says where to look.
func printReady(out io.Writer, r cluster.Ready) {
	for _, l := range [][2]string{
		{"pages, WebHDFS", r.HTTP}, {"file system", r.FS}, {"scheduler", r.Scheduler}, {"job history", r.History}, {"submissions", r.Submissions},
		{"SQL over HTTP", r.Query}, {"SQL, PostgreSQL", r.PG}, {"SQL, Flight", r.Flight}, {"Iceberg catalog", r.Catalog},
	} {
		if l[1] != "" {
			fmt.Fprintf(out, "%-16s %s\n", l[0], l[1])
		}
	}
}
