package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/files"
	"github.com/lodehq/lode/mapreduce/worker"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

const submitUsage = `usage: lode job submit [options] PROGRAM [-D key=value …] [-files a,b#name] [-archives x.zip#dir] ARGUMENTS…

PROGRAM is a built-in program (lode job programs lists them), a static Go binary made with mapreduce/run, or a .go file or package
directory, which is built first. A binary with several programs takes the program's name as its first argument.

  --wait        wait for the end, show progress and counters; exit code 1 if the job fails (default on a terminal)
  --no-wait     print the job's id and return
  --json        print the answer as JSON
  --local       run the job in this process, without a cluster; paths are those of the configured file system
  --queue Q     queue (default: default)
  --priority N  larger runs first
  --name NAME   shown instead of the program's own name`

// late takes the options that people also type after the program: lode job submit nft-gold --wait. "--" ends them.
func (s *submission) late(args []string) []string {
	var rest []string
	for i, a := range args {
		switch {
		case a == "--":
			return append(rest, args[i+1:]...)
		case i == 0: // the program
			rest = append(rest, a)
		case a == "--wait":
			s.wait = true
		case a == "--no-wait":
			s.noWait = true
		default:
			rest = append(rest, a)
		}
	}
	return rest
}

type submission struct {
	wait, noWait, json bool
	local, help        bool
	queue, name        string
	priority           int
	generic            generic
	program            string
	args               []string
}

func parseSubmit(args []string) (*submission, error) {
	s := &submission{}
	for len(args) > 0 {
		a := args[0]
		if g, rest, err := parseGeneric(args); err != nil {
			return nil, err
		} else if len(rest) < len(args) {
			s.merge(g)
			args = rest
			continue
		}
		if !strings.HasPrefix(a, "-") || a == "-" {
			break
		}
		name, value, has := strings.Cut(strings.TrimLeft(a, "-"), "=")
		args = args[1:]
		take := func() (string, error) {
			if has {
				return value, nil
			}
			if len(args) == 0 {
				return "", usagef("option --%s needs a value\n%s", name, submitUsage)
			}
			v := args[0]
			args = args[1:]
			return v, nil
		}
		var err error
		switch name {
		case "wait":
			s.wait = true
		case "no-wait", "nowait":
			s.noWait = true
		case "json":
			s.json = true
		case "local":
			s.local = true
		case "queue":
			s.queue, err = take()
		case "name":
			s.name, err = take()
		case "priority":
			var v string
			if v, err = take(); err == nil {
				if s.priority, err = strconv.Atoi(v); err != nil {
					err = usagef("--priority %s: a whole number is needed", v)
				}
			}
		case "help", "h":
			s.help = true
			return s, nil
		default:
			return nil, usagef("unknown option %s\n%s", a, submitUsage)
		}
		if err != nil {
			return nil, err
		}
	}
	args = s.late(args)
	if len(args) == 0 {
		return nil, usagef("no program given\n%s", submitUsage)
	}
	s.program = args[0]
	g, rest, err := parseGeneric(args[1:])
	if err != nil {
		return nil, err
	}
	s.merge(g)
	s.args = rest
	return s, nil
}

func (s *submission) merge(g generic) {
	s.generic.defines = append(s.generic.defines, g.defines...)
	s.generic.files = append(s.generic.files, g.files...)
	s.generic.archives = append(s.generic.archives, g.archives...)
}

// submit runs `lode job submit`.
func (o *Options) submit(ctx context.Context, args []string) error {
	sub, err := parseSubmit(args)
	if err != nil {
		return err
	}
	if sub.help {
		_, err := fmt.Fprintln(o.Stdout, submitUsage)
		return err
	}
	if sub.local {
		return o.local(ctx, sub)
	}
	return o.run(ctx, sub)
}

func (o *Options) run(ctx context.Context, sub *submission) error {
	c, err := o.LoadConf(sub.generic.defines)
	if err != nil {
		return err
	}
	s, err := connect(ctx, c)
	if err != nil {
		return err
	}
	defer s.close()
	spec := &batchpb.JobSpec{Program: sub.program, Args: sub.args, Conf: jobConf(c.Pairs(), sub.generic.pairs()), User: files.User(), Name: sub.name, Queue: sub.queue, Priority: int32(sub.priority)}
	if spec.Name == "" {
		spec.Name = spec.Conf["mapreduce.job.name"]
	}
	if spec.Queue == "" {
		spec.Queue = spec.Conf["mapreduce.job.queuename"]
	}
	id := make([]byte, 8)
	if _, err := rand.Read(id); err != nil {
		return err
	}
	spec.SubmissionId = hex.EncodeToString(id)
	cleanup, local, err := o.resolveProgram(ctx, spec)
	if err != nil {
		return err
	}
	defer cleanup()
	info, err := s.batch.Cluster(s.ctx, &batchpb.ClusterRequest{})
	if err != nil {
		return s.explain(err)
	}
	o.checkCluster(c, info)
	if err := s.stageAll(spec, sub.generic, local, info.Staging); err != nil {
		return err
	}
	resp, err := s.batch.Submit(s.ctx, &batchpb.SubmitRequest{Job: spec})
	if err != nil {
		return s.explain(err)
	}
	if sub.noWait || (!sub.wait && !newProgress(o.Stderr).terminal) {
		if sub.json {
			return json.NewEncoder(o.Stdout).Encode(map[string]string{"id": resp.Id})
		}
		fmt.Fprintln(o.Stdout, resp.Id)
		return nil
	}
	return o.follow(s, resp.Id, sub.json)
}

// checkCluster says at once what would only be seen as a job that never moves, or that reads other files than were meant.
func (o *Options) checkCluster(c *conf.Conf, info *batchpb.ClusterInfo) {
	if own := strings.TrimSuffix(c.String("fs.defaultFS"), "/"); c.Explicit("fs.defaultFS") && info.DefaultFs != "" && own != strings.TrimSuffix(info.DefaultFs, "/") {
		fmt.Fprintf(o.Stderr, "note: paths without scheme are read in the scheduler's file system %s, not in your %s; write hdfs://… to be exact\n", info.DefaultFs, own)
	}
	if info.Slots == 0 {
		fmt.Fprintln(o.Stderr, "note: no worker is connected to the scheduler, the job waits for one: start it with `lode worker` (`lode job workers` lists them)")
	}
}

// follow shows a job until it ends.
func (o *Options) follow(s *session, id string, asJSON bool) error {
	if !asJSON {
		fmt.Fprintf(o.Stderr, "%s mapreduce.Job: Running job: %s\n", stamp(), id)
	}
	var show *progress
	if !asJSON {
		show = newProgress(o.Stderr)
	}
	j, err := s.wait(id, show)
	if err != nil {
		return err
	}
	if asJSON {
		if err := printProto(o.Stdout, j); err != nil {
			return err
		}
	} else {
		report(o.Stderr, j)
	}
	if j.State != "SUCCEEDED" {
		return failedError{}
	}
	return nil
}

// jobConf is what a job takes along: what the user set for jobs, not the addresses of this client.
func jobConf(loaded [][2]string, defines map[string]string) map[string]string {
	out := map[string]string{}
	for _, kv := range loaded {
		if strings.HasPrefix(kv[0], "mapreduce.") || strings.HasPrefix(kv[0], "mapred.") || strings.HasPrefix(kv[0], "stream.") ||
			strings.HasPrefix(kv[0], "lode.warehouse.") || strings.HasPrefix(kv[0], "lode.raw.") || strings.HasPrefix(kv[0], "lode.tables.") {
			out[kv[0]] = kv[1]
		}
	}
	for k, v := range defines {
		if k != "lode.token" && !strings.HasPrefix(k, "lode.scheduler.") {
			out[k] = v
		}
	}
	return out
}

// resolveProgram decides what PROGRAM is. For a user's binary it returns the local file to stage; cleanup removes what was built.
func (o *Options) resolveProgram(ctx context.Context, spec *batchpb.JobSpec) (cleanup func(), local string, err error) {
	none := func() {}
	if o.Own {
		exe, err := os.Executable()
		return none, exe, err
	}
	if _, ok := o.Registry.Lookup(spec.Program); ok {
		inv := &mapreduce.Invocation{Program: spec.Program, Args: spec.Args, Conf: mapreduce.NewConf(spec.Conf)}
		if _, err := o.Registry.BuildJob(inv); err != nil {
			return none, "", usagef("%s", err.Error())
		}
		return none, "", nil
	}
	st, err := os.Stat(spec.Program)
	if err != nil {
		return none, "", usagef("no program %q: it is neither built in (`lode job programs` lists those) nor a file here", spec.Program)
	}
	local = spec.Program
	cleanup = none
	if st.IsDir() || strings.HasSuffix(local, ".go") {
		if local, cleanup, err = buildGo(ctx, spec.Program); err != nil {
			return none, "", err
		}
	}
	if err := worker.CheckBinary(local, runtime.GOARCH); err != nil {
		cleanup()
		return none, "", fmt.Errorf("%s: %w", spec.Program, err)
	}
	spec.Program = "" // the binary's only program, or the first argument
	names, err := programsOf(ctx, local)
	if err != nil {
		cleanup()
		return none, "", err
	}
	switch {
	case len(names) == 1:
		spec.Program = names[0]
		if len(spec.Args) > 0 && spec.Args[0] == names[0] {
			spec.Args = spec.Args[1:]
		}
	case len(spec.Args) > 0 && containsName(names, spec.Args[0]):
		spec.Program, spec.Args = spec.Args[0], spec.Args[1:]
	default:
		cleanup()
		return none, "", usagef("the binary holds several programs, name one of them first: %s", strings.Join(names, ", "))
	}
	return cleanup, local, nil
}

func containsName(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// programsOf asks a binary made with mapreduce/run for its programs.
func programsOf(ctx context.Context, binary string) ([]string, error) {
	abs, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, abs, "programs", "--json").Output()
	var list []struct{ Name string }
	if err == nil {
		err = json.Unmarshal(out, &list)
	}
	if err != nil || len(list) == 0 {
		return nil, fmt.Errorf("%s is not a job binary (main must call run.Main of mapreduce/run): %w", binary, errors.Join(err))
	}
	var names []string
	for _, p := range list {
		names = append(names, p.Name)
	}
	return names, nil
}

// buildGo builds a .go file or a package directory into a static binary.
func buildGo(ctx context.Context, source string) (string, func(), error) {
	dir, err := os.MkdirTemp("", "lode-build-")
	if err != nil {
		return "", nil, err
	}
	cleanup := func() { _ = os.RemoveAll(dir) }
	out := filepath.Join(dir, "job")
	at, target := filepath.Dir(source), "./"+filepath.Base(source)
	if st, err := os.Stat(source); err == nil && st.IsDir() {
		at, target = source, "."
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", out, target)
	cmd.Dir = at
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if text, err := cmd.CombinedOutput(); err != nil {
		cleanup()
		return "", nil, fmt.Errorf("build %s: %w\n%s", source, err, text)
	}
	return out, cleanup, nil
}

// stageAll puts the job's binary and side files where workers can read them.
func (s *session) stageAll(spec *batchpb.JobSpec, g generic, local, staging string) error {
	if local != "" {
		var err error
		if spec.Binary, spec.BinarySha256, err = s.stage(staging, local); err != nil {
			return err
		}
	}
	for _, list := range []struct {
		names   []string
		archive bool
	}{{g.files, false}, {g.archives, true}} {
		for _, n := range list.names {
			if n = strings.TrimSpace(n); n == "" {
				continue
			}
			f, err := s.sideFile(staging, n, list.archive)
			if err != nil {
				return err
			}
			spec.Files = append(spec.Files, f)
		}
	}
	return nil
}
