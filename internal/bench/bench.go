package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/internal/cluster"
	"github.com/lodehq/lode/internal/conf"
)

// Options of a run.
type Options struct {
	Exe      string   // the lode binary, which is started as servers and as a client of jobs
	Suites   []string // storage, metadata, small, batch; empty is all
	Size     int64    // bytes of the large file
	Batch    int64    // bytes of the batch jobs' input
	Dir      string   // where the cluster lives; "" is a temporary directory
	JSON     bool
	Markdown string // file to write the tables into, "" is none
	Out      io.Writer
	Progress io.Writer
}

// Suites are the names of what can be measured.
var Suites = []string{"storage", "metadata", "small", "batch"}

type bench struct {
	o      Options
	meter  meter
	client *client.Client
	dir    string
	ready  cluster.Ready
	report Report
}

func (b *bench) add(r Result) {
	b.report.Results = append(b.report.Results, r)
	fmt.Fprintln(b.o.Progress, r.Line())
}

func (b *bench) limitNamed(name string) float64 {
	for _, l := range b.report.Limits {
		if l.Name == name {
			return l.Value
		}
	}
	return 0
}

// Run starts a cluster of processes (one namenode, three datanodes, a scheduler and two workers), measures, and takes it away.
func Run(ctx context.Context, o Options) (err error) {
	if len(o.Suites) == 0 {
		o.Suites = Suites
	}
	for _, s := range o.Suites {
		if !slices.Contains(Suites, s) {
			return fmt.Errorf("no suite %s: there are %s", s, strings.Join(Suites, ", "))
		}
	}
	dir := o.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "lode-bench-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	b := &bench{o: o, dir: "/bench", report: Report{Machine: machine(time.Now())}}
	fmt.Fprintln(o.Progress, "measuring what the machine can do")
	if b.report.Limits, err = limits(dir); err != nil {
		return err
	}
	for _, l := range b.report.Limits {
		fmt.Fprintf(o.Progress, "%-44s %14s\n", l.Name, l.rate())
	}
	defines := cluster.Training()
	maps.Copy(defines, cluster.AnyPorts())
	p := &cluster.Processes{Dir: filepath.Join(dir, "cluster"), Exe: o.Exe, Log: o.Progress}
	workers := 0
	if slices.Contains(o.Suites, "batch") {
		workers = 2
	}
	if b.ready, err = p.Start(ctx, cluster.StartOptions{Datanodes: 3, Workers: workers, Defines: defines}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Stop(context.WithoutCancel(ctx), nil, false)) }()
	for _, pid := range b.ready.PIDs {
		b.meter.pids = append(b.meter.pids, pid)
	}
	if b.client, err = client.FromConf(conf.New(map[string]string{"fs.defaultFS": b.ready.FS})); err != nil {
		return err
	}
	defer b.client.Close()
	for _, s := range o.Suites {
		if err := b.suite(ctx, s); err != nil {
			return err
		}
	}
	return b.publish()
}

func (b *bench) suite(ctx context.Context, name string) error {
	switch name {
	case "storage":
		return b.storage(ctx, b.o.Size)
	case "metadata":
		return b.metadata(ctx, 4000)
	case "small":
		return b.smallFiles(ctx, 1000)
	}
	return b.batch(ctx, b.o.Batch)
}

func (b *bench) publish() error {
	if b.o.JSON {
		enc := json.NewEncoder(b.o.Out)
		enc.SetIndent("", "  ")
		if err := enc.Encode(b.report); err != nil {
			return err
		}
	}
	if b.o.Markdown == "" {
		return nil
	}
	var tables bytes.Buffer
	if err := b.report.Markdown(&tables); err != nil {
		return err
	}
	return replaceSection(b.o.Markdown, tables.Bytes())
}

const begin, end = "<!-- lode bench: begin -->\n", "<!-- lode bench: end -->\n"

// replaceSection puts the tables between the two marks of the page, and leaves what people wrote around them.
func replaceSection(file string, tables []byte) error {
	page, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		page = []byte("# Performance\n\n" + begin + end)
	} else if err != nil {
		return err
	}
	i, j := bytes.Index(page, []byte(begin)), bytes.Index(page, []byte(end))
	if i < 0 || j < i {
		return fmt.Errorf("%s has no place for the tables: it needs the lines %q and %q", file, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	out := slices.Concat(page[:i+len(begin)], tables, page[j:])
	return os.WriteFile(file, out, 0o644)
}

// lode runs the lode binary against the cluster and returns what it says.
func (b *bench) lode(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, b.o.Exe, args...)
	cmd.Env = append(os.Environ(), "LODE_FS="+b.ready.FS, "LODE_SCHEDULER="+b.ready.Scheduler)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("lode %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}
