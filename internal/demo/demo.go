package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/internal/cluster"
	"github.com/lodehq/lode/internal/conf"
)

// Options of a demonstration.
type Options struct {
	Exe    string // the lode binary
	Blocks string // the folder of recorded blocks; "" looks where Lode is installed
	Sales  string // the CSV of expected sales; "" looks beside, and is skipped in words when it is not there
	Out    io.Writer
	Start  func(ctx context.Context) (cluster.Ready, func() error, error) // a cluster with everything
	Kill   func(ctx context.Context) error                                // breaks something while the job runs; nil breaks nothing
	Wait   bool                                                           // stay up until ctx ends
}

type demo struct {
	o       Options
	ready   cluster.Ready
	client  *client.Client
	work    string
	began   time.Time
	env     []string
	wrong   []string
	skipped []string
}

// Run shows everything. The error says which answers were wrong.
func Run(ctx context.Context, o Options) (err error) {
	d := &demo{o: o, began: time.Now()}
	if d.o.Blocks == "" {
		if d.o.Blocks, err = find("mainnet_blocks", "jobs/chain/testdata/mainnet_blocks"); err != nil {
			return err
		}
	}
	if d.work, err = os.MkdirTemp("", "lode-demo-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(d.work)) }()
	d.title("A cluster: one namenode, three datanodes, one scheduler, two workers, tables and SQL")
	ready, stop, err := o.Start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	d.ready = ready
	if d.client, err = client.FromConf(conf.New(map[string]string{"fs.defaultFS": ready.FS})); err != nil {
		return err
	}
	defer d.client.Close()
	d.env = append(os.Environ(), "LODE_FS="+ready.FS, "LODE_HTTP="+ready.HTTP, "LODE_SCHEDULER="+ready.Scheduler, "LODE_QUERY="+ready.Query,
		"LODE_HISTORY="+ready.History, "LODE_SUBMISSIONS="+ready.Submissions, "LODE_CATALOG="+ready.Catalog, "LODE_PG="+ready.PG)
	d.note("ready in %.1f s: %s", time.Since(d.began).Seconds(), ready.FS)

	for _, step := range []func(context.Context) error{d.files, d.chain, d.wordCount, d.interactions, d.answers} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return d.finish(ctx)
}

func (d *demo) finish(ctx context.Context) error {
	d.title("Where to look")
	for _, l := range [][2]string{
		{"files, datanodes, jobs, SQL", d.ready.HTTP}, {"file system", d.ready.FS + "   (hdfs dfs -ls " + d.ready.FS + "/)"}, {"jobs", d.ready.Scheduler},
		{"SQL over HTTP", d.ready.Query}, {"SQL, PostgreSQL", d.ready.PG}, {"SQL, Flight", d.ready.Flight}, {"Iceberg REST catalog", d.ready.Catalog},
	} {
		if l[1] != "" {
			fmt.Fprintf(d.o.Out, "  %-28s %s\n", l[0], l[1])
		}
	}
	for _, s := range d.skipped {
		fmt.Fprintf(d.o.Out, "  skipped: %s\n", s)
	}
	took := time.Since(d.began).Seconds()
	if len(d.wrong) > 0 {
		return fmt.Errorf("%d answers are wrong after %.1f s:\n  %s", len(d.wrong), took, strings.Join(d.wrong, "\n  "))
	}
	fmt.Fprintf(d.o.Out, "\nEvery answer is right. Done in %.1f s.\n", took)
	if d.o.Wait {
		fmt.Fprintln(d.o.Out, "The cluster stays up for looking around; Ctrl-C ends it and removes its data.")
		<-ctx.Done()
	}
	return nil
}

func (d *demo) title(text string) { fmt.Fprintf(d.o.Out, "\n== %s\n", text) }

func (d *demo) note(format string, args ...any) {
	fmt.Fprintf(d.o.Out, "   %s\n", fmt.Sprintf(format, args...))
}

// right says that an answer was checked, or keeps it as wrong.
func (d *demo) right(ok bool, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if ok {
		d.note("checked: %s", text)
		return
	}
	d.note("WRONG: %s", text)
	d.wrong = append(d.wrong, text)
}

// lode types a command of lode and returns what it prints.
func (d *demo) lode(ctx context.Context, args ...string) (string, error) {
	return d.run(ctx, "lode "+quote(args), d.o.Exe, args...)
}

func (d *demo) run(ctx context.Context, shown, exe string, args ...string) (string, error) {
	fmt.Fprintf(d.o.Out, " $ %s\n", shown)
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Env, cmd.Dir = d.env, d.work
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w\n%s%s", shown, err, lastLines(out.String(), 10), lastLines(errs.String(), 20))
	}
	if took := time.Since(began); took > 300*time.Millisecond {
		d.note("%.1f s", took.Seconds())
	}
	return out.String(), nil
}

func quote(args []string) string {
	out := make([]string, len(args))
	for i, a := range args {
		if a == "" || strings.ContainsAny(a, " \t\n'\"$*?;|&<>()") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		out[i] = a
	}
	return strings.Join(out, " ")
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func indent(text string) string {
	return "     " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n     ") + "\n"
}

// find looks for what Lode brings along: where it is installed, in the repository around the binary, in the working directory.
func find(installed, inRepository string) (string, error) {
	var tried []string
	candidates := []string{filepath.Join("/usr/share/lode", installed), inRepository}
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		candidates = append(candidates, filepath.Join(filepath.Dir(exe), "..", inRepository), filepath.Join(filepath.Dir(exe), "..", "share", "lode", installed))
	}
	for _, c := range candidates {
		if _, err := os.Stat(c); err == nil {
			return filepath.Abs(c)
		}
		tried = append(tried, c)
	}
	return "", fmt.Errorf("%s is not here; looked in %s; name it with a flag", installed, strings.Join(tried, ", "))
}
