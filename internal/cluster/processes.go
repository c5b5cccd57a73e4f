package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Instance is one role process of a cluster as cluster.json keeps it.
type Instance struct {
	Name    string            `json:"name"` // role and number: datanode1
	Role    string            `json:"role"`
	Defines map[string]string `json:"defines"` // its own -D settings: directories and the ports that it got
	PID     int               `json:"pid,omitempty"`
	Started int64             `json:"started,omitempty"` // the process's start time in clock ticks since boot: tells a reused pid apart
}

// State is cluster.json.
type State struct {
	Defines   map[string]string `json:"defines"` // settings of every instance
	Instances []*Instance       `json:"instances"`
}

// Processes is a cluster with one process an instance, in a directory.
type Processes struct {
	Dir string    // absolute
	Exe string    // the lode binary
	Log io.Writer // progress, a line a step; nil is silence
}

// StartOptions says what `lode cluster start` was asked for. Zero counts keep what the directory has.
type StartOptions struct {
	Namenodes, Datanodes, Workers int
	Defines                       map[string]string
	Query                         bool
	Timeout                       time.Duration // for one instance to serve; 0 is 60 s
}

func (p *Processes) stateFile() string { return filepath.Join(p.Dir, "cluster.json") }

func (p *Processes) say(format string, args ...any) {
	if p.Log != nil {
		fmt.Fprintf(p.Log, format+"\n", args...)
	}
}

// lock keeps two commands from changing one cluster at once.
func (p *Processes) lock() (func(), error) {
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(p.Dir, "cluster.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: another lode cluster command is at work there", p.Dir), f.Close())
	}
	return func() { f.Close() }, nil
}

// Start brings up what is down and returns where everything answers. It is safe to repeat.
func (p *Processes) Start(ctx context.Context, o StartOptions) (Ready, error) {
	unlock, err := p.lock()
	if err != nil {
		return Ready{}, err
	}
	defer unlock()
	st, err := p.load()
	if err != nil {
		return Ready{}, err
	}
	st.plan(p.Dir, o)
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	var all Ready
	for _, in := range st.Instances {
		ready, err := p.ensure(ctx, st, in, all, o.Timeout)
		if err != nil {
			return all, errors.Join(err, p.save(st))
		}
		if in.Role == "datanode" {
			ready.Datanodes = ready.Datanodes[:1] // its own file has the web and IPC addresses too
		}
		all.merge(ready)
		if err := p.save(st); err != nil {
			return all, err
		}
	}
	return all, nil
}

// plan adds the instances that are asked for and not there yet, in the order in which they start.
func (st *State) plan(dir string, o StartOptions) {
	if st.Defines == nil {
		st.Defines = map[string]string{}
	}
	for k, v := range o.Defines {
		st.Defines[k] = v
	}
	want := map[string]int{"namenode": max(o.Namenodes, 1), "datanode": o.Datanodes, "worker": o.Workers}
	if o.Workers > 0 {
		want["scheduler"] = 1
	}
	if o.Query {
		want["query"] = 1
	}
	order := []string{"namenode", "datanode", "scheduler", "worker", "query"}
	for _, role := range order {
		for i := range want[role] {
			name := role + strconv.Itoa(i)
			if role == "scheduler" || role == "query" {
				name = role
			}
			if !slices.ContainsFunc(st.Instances, func(in *Instance) bool { return in.Name == name }) {
				st.Instances = append(st.Instances, &Instance{Name: name, Role: role, Defines: firstDefines(dir, role, name, i)})
			}
		}
	}
	slices.SortStableFunc(st.Instances, func(a, b *Instance) int {
		return slices.Index(order, a.Role) - slices.Index(order, b.Role)
	})
}

func firstDefines(dir, role, name string, i int) map[string]string {
	d := map[string]string{}
	data := filepath.Join(dir, name, "data")
	switch role {
	case "namenode":
		d["dfs.namenode.name.dir"] = data
	case "datanode":
		d["dfs.datanode.data.dir"] = data
		if i > 0 { // the well-known ports are the first one's
			d["dfs.datanode.address"], d["dfs.datanode.http.address"], d["dfs.datanode.ipc.address"] = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
		}
	case "worker":
		d["lode.worker.dir"] = data
	case "query":
		d["lode.query.dir"] = data
	}
	return d
}

func (p *Processes) ensure(ctx context.Context, st *State, in *Instance, sofar Ready, timeout time.Duration) (Ready, error) {
	dir := filepath.Join(p.Dir, in.Name)
	readyFile := filepath.Join(dir, "ready.json")
	if in.alive() {
		return ReadReady(readyFile)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Ready{}, err
	}
	if err := ignoreMissing(os.Remove(readyFile)); err != nil {
		return Ready{}, err
	}
	logFile := filepath.Join(dir, "log")
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return Ready{}, err
	}
	defer log.Close()
	args := []string{in.Role, "--ready-file", readyFile, "--name", in.Name}
	defines := map[string]string{}
	for _, m := range []map[string]string{st.Defines, in.Defines} {
		for k, v := range m {
			defines[k] = v
		}
	}
	if sofar.FS != "" {
		defines["fs.defaultFS"] = sofar.FS
	}
	if sofar.Scheduler != "" && in.Role == "worker" {
		defines["lode.scheduler.address"] = hostPort(sofar.Scheduler)
	}
	if in.Role == "namenode" {
		defines["lode.cluster.dir"] = p.Dir
	}
	for _, k := range sortedKeys(defines) {
		args = append(args, "-D", k+"="+defines[k])
	}
	cmd := exec.Command(p.Exe, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p.say("starting %s", in.Name)
	if err := cmd.Start(); err != nil {
		return Ready{}, fmt.Errorf("start %s: %w", in.Name, err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		ready, err := ReadReady(readyFile)
		if err == nil {
			in.PID, in.Started = cmd.Process.Pid, startTime(cmd.Process.Pid)
			in.keepPorts(ready)
			return ready, nil
		}
		select {
		case err := <-exited:
			return Ready{}, fmt.Errorf("%s did not start (%v); the end of %s says:\n%s", in.Name, err, logFile, tail(logFile, 12))
		case <-deadline.C:
			return Ready{}, errors.Join(fmt.Errorf("%s does not serve after %v; the end of %s says:\n%s", in.Name, timeout, logFile, tail(logFile, 12)), cmd.Process.Kill())
		case <-ctx.Done():
			return Ready{}, errors.Join(ctx.Err(), cmd.Process.Kill())
		case <-poll.C:
		}
	}
}

// keepPorts writes the ports that the instance got into its settings, so that it comes back on them.
func (in *Instance) keepPorts(r Ready) {
	host := hostPort
	set := func(key, addr string) {
		if addr != "" {
			in.Defines[key] = addr
		}
	}
	switch in.Role {
	case "namenode":
		set("dfs.namenode.rpc-address", host(r.FS))
		set("dfs.namenode.http-address", host(r.HTTP))
	case "datanode":
		for i, key := range []string{"dfs.datanode.address", "dfs.datanode.http.address", "dfs.datanode.ipc.address"} {
			if i < len(r.Datanodes) {
				set(key, r.Datanodes[i])
			}
		}
	case "scheduler":
		set("lode.scheduler.address", host(r.Scheduler))
		set("lode.scheduler.history-address", host(r.History))
		set("lode.scheduler.submission-address", host(r.Submissions))
	case "query":
		set("lode.query.http-address", host(r.Query))
		set("lode.query.pg-address", r.PG)
		set("lode.query.flight-address", host(r.Flight))
		set("lode.catalog.address", host(r.Catalog))
	}
}

// hostPort is what a URL names.
func hostPort(url string) string { _, h, _ := strings.Cut(url, "://"); return h }

// Stop ends the named instances, all when none is named, in the reverse order of their start. kill is SIGKILL.
func (p *Processes) Stop(ctx context.Context, names []string, kill bool) error {
	unlock, err := p.lock()
	if err != nil {
		return err
	}
	defer unlock()
	st, err := p.load()
	if err != nil {
		return err
	}
	if len(st.Instances) == 0 {
		return fmt.Errorf("%s holds no cluster: start one with lode cluster start --dir %s", p.Dir, p.Dir)
	}
	picked, err := st.pick(names)
	if err != nil {
		return err
	}
	slices.Reverse(picked)
	sig := syscall.SIGTERM
	if kill {
		sig = syscall.SIGKILL
	}
	for _, in := range picked {
		if !in.alive() {
			in.PID = 0
			continue
		}
		p.say("stopping %s", in.Name)
		if err := syscall.Kill(in.PID, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop %s: %w", in.Name, err)
		}
		if err := in.waitGone(ctx, 20*time.Second); err != nil {
			return err
		}
		in.PID = 0
	}
	return p.save(st)
}

func (st *State) pick(names []string) ([]*Instance, error) {
	if len(names) == 0 {
		return slices.Clone(st.Instances), nil
	}
	var out []*Instance
	for _, n := range names {
		i := slices.IndexFunc(st.Instances, func(in *Instance) bool { return in.Name == n || in.Name == n+"0" })
		if i < 0 {
			var have []string
			for _, in := range st.Instances {
				have = append(have, in.Name)
			}
			return nil, fmt.Errorf("no instance %s here; there are %s", n, strings.Join(have, ", "))
		}
		out = append(out, st.Instances[i])
	}
	return out, nil
}

func (in *Instance) waitGone(ctx context.Context, patience time.Duration) error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for in.alive() {
		select {
		case <-poll.C:
		case <-deadline.C:
			if err := syscall.Kill(in.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("%s (pid %d) did not stop within %v: %w", in.Name, in.PID, patience, err)
			}
			deadline.Reset(patience)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// InstanceStatus is one line of `lode cluster status`.
type InstanceStatus struct {
	Name  string `json:"name"`
	Alive bool   `json:"alive"`
	PID   int    `json:"pid,omitempty"`
	Ready Ready  `json:"ready"`
	Log   string `json:"log"`
}

// Status lists the instances.
func (p *Processes) Status() ([]InstanceStatus, error) {
	st, err := p.load()
	if err != nil {
		return nil, err
	}
	if len(st.Instances) == 0 {
		return nil, fmt.Errorf("%s holds no cluster: start one with lode cluster start --dir %s", p.Dir, p.Dir)
	}
	var out []InstanceStatus
	for _, in := range st.Instances {
		s := InstanceStatus{Name: in.Name, Alive: in.alive(), Log: filepath.Join(p.Dir, in.Name, "log")}
		if s.Alive {
			s.PID = in.PID
			if s.Ready, err = ReadReady(filepath.Join(p.Dir, in.Name, "ready.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
		out = append(out, s)
	}
	return out, nil
}

func (p *Processes) load() (*State, error) {
	st := &State{}
	err := readJSON(p.stateFile(), st)
	if errors.Is(err, fs.ErrNotExist) {
		return st, nil
	}
	return st, err
}

func (p *Processes) save(st *State) error { return writeJSON(p.stateFile(), st) }

// alive tells whether the process that was started still runs, and is not another one under its number.
func (in *Instance) alive() bool {
	if in.PID == 0 {
		return false
	}
	t := startTime(in.PID)
	return t != 0 && (in.Started == 0 || t == in.Started)
}

// startTime is field 22 of /proc/PID/stat; 0 when there is no such process or it is a zombie.
func startTime(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return 0
		}
		if _, procErr := os.Stat("/proc/self/stat"); procErr == nil {
			return 0
		}
		return 1 // no /proc here (darwin): the process exists, and that has to do
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	f := strings.Fields(rest)
	if len(f) < 20 || f[0] == "Z" || f[0] == "X" {
		return 0
	}
	n, _ := strconv.ParseInt(f[19], 10, 64)
	return n
}

func tail(file string, lines int) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return "  " + strings.Join(all[max(0, len(all)-lines):], "\n  ")
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
