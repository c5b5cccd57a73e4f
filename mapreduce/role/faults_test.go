package role_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/client/hdfstest"
	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/role"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// The test binary is every process of the batch platform: task process, worker, scheduler. Storage runs in the test's own process.
func TestMain(m *testing.M) {
	registry := func() (*mapreduce.Registry, error) { return mapreduce.NewRegistry(faulty()) }
	if code, is := role.TaskProcess(registry); is {
		os.Exit(code)
	}
	if r := os.Getenv("LODE_TEST_ROLE"); r != "" {
		if err := runRole(r, registry); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// runRole is the life of a scheduler or worker process: it prints its address and ends with its standard input.
func runRole(name string, registry func() (*mapreduce.Registry, error)) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var pairs map[string]string
	if err := json.Unmarshal([]byte(os.Getenv("LODE_TEST_CONF")), &pairs); err != nil {
		return err
	}
	_ = os.Unsetenv("LODE_TEST_ROLE") // task processes are started with their own cookie
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	var running io.Closer
	switch name {
	case "scheduler":
		r, err := registry()
		if err != nil {
			return err
		}
		s, err := role.StartScheduler(ctx, conf.New(pairs), role.SchedulerOptions{Registry: r, Logger: logger})
		if err != nil {
			return err
		}
		running = s
		fmt.Println(s.Address)
	case "worker":
		w, err := role.StartWorker(ctx, conf.New(pairs), role.WorkerOptions{Host: "127.0.0.1", Logger: logger})
		if err != nil {
			return err
		}
		running = w
		fmt.Println(w.Address())
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	return running.Close()
}

// platform is a scheduler and workers as processes, on a storage cluster in this one.
type platform struct {
	t         *testing.T
	storage   *hdfstest.Cluster
	conf      map[string]string
	scheduler *process
	workers   []*process
	address   string
	batch     batchpb.BatchClient
}

type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	first string // line of its output
	log   bytes.Buffer
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait() // says that it was killed
}

const workers = 2

func newPlatform(t *testing.T, storage *hdfstest.Cluster) *platform {
	t.Helper()
	p := &platform{t: t, storage: storage, conf: map[string]string{"fs.defaultFS": storage.FS(), "lode.scheduler.address": "127.0.0.1:0",
		"lode.scheduler.history-address": "127.0.0.1:0", "lode.scheduler.submission-address": "127.0.0.1:0", "lode.scheduler.dir": "/scheduler" + t.Name(),
		"dfs.replication": "2", "lode.worker.slots": "2", "lode.worker.memory": "512m"}}
	p.startScheduler()
	for range workers {
		p.startWorker()
	}
	conn, err := grpc.NewClient("passthrough:///"+p.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	p.batch = batchpb.NewBatchClient(conn)
	t.Cleanup(func() {
		_ = conn.Close()
		for _, one := range append(p.workers, p.scheduler) {
			_ = one.stdin.Close()
			_ = one.cmd.Wait()
			if t.Failed() {
				t.Logf("%s:\n%s", one.cmd.Args[1], one.log.String())
			}
		}
	})
	p.await("both workers", func() bool {
		info, err := p.batch.Cluster(context.Background(), &batchpb.ClusterRequest{})
		return err == nil && len(info.Workers) == workers
	})
	return p
}

func (p *platform) start(name string, pairs map[string]string) *process {
	p.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	text, err := json.Marshal(pairs)
	if err != nil {
		p.t.Fatal(err)
	}
	one := &process{cmd: exec.Command(exe, name)}
	one.cmd.Env = append(os.Environ(), "HADOOP_USER_NAME=hdfs", "LODE_TEST_ROLE="+name, "LODE_TEST_CONF="+string(text))
	one.cmd.Stderr = &one.log
	if one.stdin, err = one.cmd.StdinPipe(); err != nil {
		p.t.Fatal(err)
	}
	out, err := one.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := one.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	if one.first, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		_ = one.cmd.Wait()
		p.t.Fatalf("%s did not start: %s", name, one.log.String())
	}
	one.first = strings.TrimSpace(one.first)
	return one
}

func (p *platform) startScheduler() {
	p.t.Helper()
	p.scheduler = p.start("scheduler", p.conf)
	p.address = p.scheduler.first
	p.conf["lode.scheduler.address"] = p.address // the next one comes back there
}

func (p *platform) startWorker() {
	p.t.Helper()
	pairs := map[string]string{"lode.worker.dir": p.t.TempDir()}
	for k, v := range p.conf {
		pairs[k] = v
	}
	p.workers = append(p.workers, p.start("worker", pairs))
}

// killWorker kills the worker with that process id and puts another in its place.
func (p *platform) killWorker(pid int) {
	p.t.Helper()
	for i, w := range p.workers {
		if w.cmd.Process.Pid == pid {
			w.kill(p.t)
			p.startWorker()
			p.workers[i] = p.workers[workers]
			p.workers = p.workers[:workers]
			return
		}
	}
	p.t.Fatalf("no worker has the process id %d", pid)
}

// await waits until cond holds.
func (p *platform) await(what string, cond func() bool) {
	p.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !cond() {
		if time.Now().After(deadline) {
			p.t.Fatalf("waited a minute for %s", what)
		}
		time.Sleep(2 * time.Millisecond) // between two looks
	}
}

const inputLines = 6000

// input makes text, and what counting its words must give.
func input() (text []byte, want string) {
	r := rand.New(rand.NewPCG(7, 8))
	count := map[string]int{}
	var b bytes.Buffer
	for range inputLines {
		for i := range 3 {
			w := fmt.Sprint("w", r.IntN(700))
			count[w]++
			b.WriteString(w)
			b.WriteByte("  \n"[i])
		}
	}
	var lines []string
	for w, n := range count {
		lines = append(lines, fmt.Sprintf("%s\t%d\n", w, n))
	}
	sort.Strings(lines)
	return b.Bytes(), strings.Join(lines, "")
}

// submit starts the job with a fault and returns its id and the gate's directory.
func (p *platform) submit(fault string, more map[string]string) (id, gate string) {
	p.t.Helper()
	gate = p.t.TempDir()
	c := map[string]string{"gate.dir": gate, "fault.at": fault, "mapreduce.job.maps": "6", "mapreduce.job.reduces": "3", "mapreduce.job.ubertask.enable": "false"}
	for k, v := range more {
		c[k] = v
	}
	r, err := p.batch.Submit(context.Background(), &batchpb.SubmitRequest{Job: &batchpb.JobSpec{Program: "faulty", Args: []string{"/in", "/out" + p.t.Name()}, Conf: c, User: "tester"}})
	if err != nil {
		p.t.Fatal(err)
	}
	return r.Id, gate
}

// reached waits until an attempt stands at the gate, and gives its process and its worker's.
func (p *platform) reached(gate string) (task, worker int) {
	p.t.Helper()
	p.await("an attempt at the gate", func() bool {
		b, err := os.ReadFile(filepath.Join(gate, "reached"))
		if err != nil {
			return false
		}
		_, err = fmt.Sscan(string(b), &task, &worker)
		return err == nil
	})
	return task, worker
}

func (p *platform) open(gate string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(gate, "go"), nil, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// job waits for the job's end, over restarts of the scheduler.
func (p *platform) job(id string) *batchpb.Job {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	version := int64(0)
	for {
		j, err := p.batch.Get(ctx, &batchpb.GetRequest{Id: id, Tasks: true, WaitVersion: version})
		if status.Code(err) == codes.Unavailable && ctx.Err() == nil {
			version = 0
			time.Sleep(10 * time.Millisecond) // until it is back
			continue
		}
		if err != nil {
			p.t.Fatal(err)
		}
		if j.FinishedMs > 0 {
			return j
		}
		version = j.Version
	}
}

// succeeds waits for the job's end and checks all that must hold, whatever has happened: the answer, the files, the counters.
func (p *platform) succeeds(id string) *batchpb.Job {
	p.t.Helper()
	j := p.job(id)
	if j.State != "SUCCEEDED" {
		p.t.Fatalf("%s: %s", j.State, j.Diagnostics)
	}
	ctx := context.Background()
	dir := "/out" + p.t.Name()
	list, err := p.storage.Client().ReadDir(ctx, dir)
	if err != nil {
		p.t.Fatal(err)
	}
	var lines, names []string
	for _, f := range list {
		names = append(names, f.Name())
		if f.IsDir() {
			continue
		}
		b, err := p.storage.Client().ReadFile(ctx, dir+"/"+f.Name())
		if err != nil {
			p.t.Fatal(err)
		}
		lines = append(lines, strings.SplitAfter(string(b), "\n")...)
	}
	sort.Strings(lines)
	_, want := input()
	if got := strings.Join(lines, ""); got != want {
		p.t.Errorf("the answer is wrong (%d bytes, %d expected)", len(got), len(want))
	}
	if got := strings.Join(names, " "); got != "_SUCCESS part-r-00000 part-r-00001 part-r-00002" {
		p.t.Errorf("files: %s", got)
	}
	groups := int64(strings.Count(want, "\n"))
	for name, want := range map[string]int64{mapreduce.MapInputRecords: inputLines, mapreduce.MapOutputRecords: 3 * inputLines, mapreduce.ReduceInputRecords: 3 * inputLines,
		mapreduce.ReduceInputGroups: groups, mapreduce.ReduceOutputRecords: groups} {
		if got := counter(j, name); got != want {
			p.t.Errorf("counter %s is %d, not %d", name, got, want)
		}
	}
	return j
}

func counter(j *batchpb.Job, name string) (n int64) {
	for _, v := range j.Counters {
		if v.Name == name {
			n += v.Value
		}
	}
	return n
}

// attempts lists the errors of attempts that did not succeed.
func attemptErrors(j *batchpb.Job) string {
	var all []string
	for _, t := range j.Tasks {
		for _, a := range t.Attempts {
			if a.Error != "" {
				all = append(all, a.Error)
			}
		}
	}
	return strings.Join(all, "; ")
}

func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	storage := hdfstest.New(t, hdfstest.Options{Datanodes: 3, Conf: map[string]string{"dfs.replication": "2"}})
	text, _ := input()
	w, err := storage.Client().Create(context.Background(), "/in/words", client.CreateOptions{CreateParent: true, Replication: 2})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(text)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	run := func(name string, f func(t *testing.T, p *platform)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, newPlatform(t, storage))
		})
	}
	for _, place := range []string{atMap, atReduce, beforeCommit, afterCommit} {
		run("task process killed/"+place, func(_ *testing.T, p *platform) {
			id, gate := p.submit(place, nil)
			pid, _ := p.reached(gate)
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				p.t.Fatal(err)
			}
			p.open(gate)
			p.succeeds(id)
		})
		run("worker killed/"+place, func(_ *testing.T, p *platform) {
			id, gate := p.submit(place, nil)
			_, pid := p.reached(gate)
			p.killWorker(pid)
			p.open(gate)
			p.succeeds(id)
		})
		run("scheduler killed/"+place, func(_ *testing.T, p *platform) {
			id, gate := p.submit(place, nil)
			p.reached(gate)
			p.scheduler.kill(p.t)
			p.startScheduler()
			p.open(gate)
			p.succeeds(id)
		})
		run("scheduler and worker killed/"+place, func(_ *testing.T, p *platform) {
			id, gate := p.submit(place, nil)
			_, pid := p.reached(gate)
			p.scheduler.kill(p.t)
			p.killWorker(pid)
			p.startScheduler()
			p.open(gate)
			p.succeeds(id)
		})
	}
	run("worker killed/shuffle", killedInShuffle)
	run("task hangs", func(t *testing.T, p *platform) {
		id, _ := p.submit(hangs, map[string]string{"mapreduce.task.timeout": "1500", "mapreduce.map.speculative": "false"})
		if j := p.succeeds(id); !strings.Contains(attemptErrors(j), "no sign of life") {
			t.Errorf("attempts said: %s", attemptErrors(j))
		}
	})
	run("task eats memory", func(t *testing.T, p *platform) {
		id, _ := p.submit(eatsMemory, map[string]string{"mapreduce.map.speculative": "false"})
		if j := p.succeeds(id); !strings.Contains(attemptErrors(j), "memory") {
			t.Errorf("attempts said: %s", attemptErrors(j))
		}
	})
	run("task floods stderr", func(t *testing.T, p *platform) {
		id, _ := p.submit(floodsStderr, map[string]string{"mapreduce.task.userlog.limit.kb": "1024", "mapreduce.map.speculative": "false"})
		p.succeeds(id)
		r, err := p.batch.Logs(context.Background(), &batchpb.LogsRequest{Id: id, Kind: "stderr", Limit: 1 << 30})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range r.Logs {
			if len(l.Text) > 4<<20 {
				t.Errorf("%d bytes of log were kept", len(l.Text))
			}
		}
	})
	run("disk full in spill", func(t *testing.T, p *platform) {
		id, _ := p.submit(diskFull, map[string]string{"mapreduce.map.speculative": "false"})
		if j := p.succeeds(id); !strings.Contains(attemptErrors(j), "write map output") {
			t.Errorf("attempts said: %s", attemptErrors(j))
		}
	})
	run("task ends with status 0", func(t *testing.T, p *platform) {
		id, _ := p.submit(endsEarly, map[string]string{"mapreduce.map.speculative": "false"})
		if j := p.succeeds(id); !strings.Contains(attemptErrors(j), "exit status 0") {
			t.Errorf("attempts said: %s", attemptErrors(j))
		}
	})
	run("map output is damaged", func(t *testing.T, p *platform) {
		id, _ := p.submit(corruptsOutput, nil)
		p.succeeds(id)
	})
	run("datanode killed", func(t *testing.T, p *platform) {
		id, gate := p.submit(atMap, nil)
		p.reached(gate)
		storage.KillDatanode(0)
		p.open(gate)
		p.succeeds(id)
	})
}

// killedInShuffle kills a worker the moment its last map has ended: the reduce tasks want its output.
func killedInShuffle(t *testing.T, p *platform) {
	id, gate := p.submit(atMap, map[string]string{"mapreduce.map.speculative": "false"})
	_, pid := p.reached(gate)
	p.open(gate)
	version := int64(0)
	for {
		j, err := p.batch.Get(context.Background(), &batchpb.GetRequest{Id: id, WaitVersion: version})
		if err != nil {
			t.Fatal(err)
		}
		if j.FinishedMs > 0 {
			break // the machine was faster than the test
		}
		if j.MapsDone == j.MapsTotal && j.MapsTotal > 0 {
			p.killWorker(pid)
			break
		}
		version = j.Version
	}
	p.succeeds(id)
}
