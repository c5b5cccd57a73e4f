package scheduler_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lodehq/lode/jobs/training"
	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/localfs"
	"github.com/lodehq/lode/mapreduce/scheduler"
	"github.com/lodehq/lode/mapreduce/scheduler/plan"
	"github.com/lodehq/lode/mapreduce/worker"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// cluster is a scheduler and workers in this process, on a directory.
type cluster struct {
	t         *testing.T
	root      string
	fs        localfs.FS
	registry  *mapreduce.Registry
	scheduler *scheduler.Server
	workers   []*worker.Server
	before    func(ctx context.Context, w int, spec *batchpb.TaskSpec) error
}

func newCluster(t *testing.T, workers int, before func(ctx context.Context, w int, spec *batchpb.TaskSpec) error) *cluster {
	t.Helper()
	c := &cluster{t: t, root: t.TempDir(), before: before}
	c.fs = localfs.FS{Root: c.root}
	var err error
	if c.registry, err = mapreduce.NewRegistry(training.Programs()...); err != nil {
		t.Fatal(err)
	}
	c.startScheduler("127.0.0.1:0")
	for range workers {
		c.startWorker()
	}
	t.Cleanup(func() {
		for _, w := range c.workers {
			_ = w.Close()
		}
		_ = c.scheduler.Close()
	})
	return c
}

func (c *cluster) startScheduler(listen string) {
	c.t.Helper()
	var err error
	c.scheduler, err = scheduler.Start(context.Background(), scheduler.Config{Listen: listen, FS: c.fs, Registry: c.registry,
		Plan: plan.Config{WorkerTimeoutMS: 3100, GraceMS: 1500, SpeculateAfterMS: 300}})
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) startWorker() {
	c.t.Helper()
	n := len(c.workers)
	l := &worker.InProcess{FS: c.fs, Build: func(spec *batchpb.JobSpec) (*mapreduce.Job, error) {
		return c.registry.BuildJob(&mapreduce.Invocation{Program: spec.Program, Args: spec.Args, Conf: mapreduce.NewConf(spec.Conf)})
	}}
	if c.before != nil {
		l.Before = func(ctx context.Context, spec *batchpb.TaskSpec) error { return c.before(ctx, n, spec) }
	}
	w, err := worker.Start(context.Background(), worker.Config{Scheduler: c.scheduler.Address(), Dir: c.t.TempDir(), Host: fmt.Sprint("host", n), Slots: 2, MemoryMB: 256, Launcher: l})
	if err != nil {
		c.t.Fatal(err)
	}
	c.workers = append(c.workers, w)
}

func (c *cluster) write(name string, data []byte) {
	c.t.Helper()
	full := filepath.Join(c.root, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(full, data, 0o644); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) submit(conf map[string]string, program string, args ...string) string {
	c.t.Helper()
	id, err := c.scheduler.Submit(context.Background(), &batchpb.JobSpec{Program: program, Args: args, Conf: conf, User: "tester"})
	if err != nil {
		c.t.Fatal(err)
	}
	return id
}

// wait waits for the job's end, or until cond is true.
func (c *cluster) wait(id string, cond func(*batchpb.Job) bool) *batchpb.Job {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	version := int64(0)
	for {
		j, err := c.scheduler.Job(ctx, id, true, version)
		if err != nil {
			c.t.Fatal(err)
		}
		if j.FinishedMs > 0 || (cond != nil && cond(j)) {
			return j
		}
		version = j.Version
	}
}

func (c *cluster) succeed(id string) *batchpb.Job {
	c.t.Helper()
	j := c.wait(id, nil)
	if j.State != plan.Succeeded {
		c.t.Fatalf("job %s: %s: %s", id, j.State, j.Diagnostics)
	}
	return j
}

func (c *cluster) output(dir string) string {
	c.t.Helper()
	if _, err := os.Stat(filepath.Join(c.root, dir, "_SUCCESS")); err != nil {
		c.t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(c.root, dir, "_temporary")); err == nil {
		c.t.Error("_temporary was left behind")
	}
	names, err := filepath.Glob(filepath.Join(c.root, dir, "part-*"))
	if err != nil {
		c.t.Fatal(err)
	}
	var lines []string
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			c.t.Fatal(err)
		}
		lines = append(lines, strings.SplitAfter(string(b), "\n")...)
	}
	sort.Strings(lines)
	return strings.Join(lines, "")
}

func counter(j *batchpb.Job, name string) int64 {
	for _, v := range j.Counters {
		if v.Name == name {
			return v.Value
		}
	}
	return 0
}

// words makes text, and what counting its words must give.
func words(n int) (text []byte, want string) {
	r := rand.New(rand.NewPCG(5, 6))
	count := map[string]int{}
	var b bytes.Buffer
	for i := range n {
		w := fmt.Sprint("w", r.IntN(500))
		count[w]++
		b.WriteString(w)
		b.WriteByte(" \n"[i&1])
	}
	var lines []string
	for w, n := range count {
		lines = append(lines, fmt.Sprintf("%s\t%d\n", w, n))
	}
	sort.Strings(lines)
	return b.Bytes(), strings.Join(lines, "")
}

// many makes a job of eight maps and three reduces instead of one in the setup task.
var many = map[string]string{"mapreduce.job.maps": "8", "mapreduce.job.reduces": "3", "mapreduce.job.ubertask.enable": "false"}

func TestSmallJobRunsInOneTask(t *testing.T) {
	c := newCluster(t, 1, nil)
	text, want := words(1000)
	c.write("in/a", text)
	j := c.succeed(c.submit(nil, "wordcount", "/in", "/out"))
	if !j.Uber || c.output("out") != want || counter(j, mapreduce.MapOutputRecords) != 1000 {
		t.Errorf("uber %v, %d records", j.Uber, counter(j, mapreduce.MapOutputRecords))
	}
}

func TestClusterJob(t *testing.T) {
	c := newCluster(t, 2, nil)
	text, want := words(20000)
	c.write("in/a", text)
	j := c.succeed(c.submit(many, "wordcount", "/in", "/out"))
	if c.output("out") != want {
		t.Error("wrong counts")
	}
	if j.Uber || j.MapsTotal != 8 || j.MapsDone != 8 || j.ReducesDone != 3 || counter(j, mapreduce.MapOutputRecords) != 20000 || counter(j, mapreduce.MapInputRecords) != 10000 {
		t.Errorf("%v", j)
	}
}

func TestEmptyInput(t *testing.T) {
	c := newCluster(t, 1, nil)
	c.write("in/_hidden", nil)
	for _, conf := range []map[string]string{nil, many} {
		out := fmt.Sprint("out", len(conf))
		c.succeed(c.submit(conf, "wordcount", "/in", "/"+out))
		if got := c.output(out); got != "" {
			t.Errorf("%q", got)
		}
	}
}

func TestFailedAttemptsAreRepeated(t *testing.T) {
	var failures atomic.Int32
	c := newCluster(t, 2, func(_ context.Context, _ int, spec *batchpb.TaskSpec) error {
		if spec.Kind == batchpb.TaskSpec_MAP && spec.Index%2 == 0 && spec.Attempt < 2 {
			failures.Add(1)
			return errors.New("the disk is on fire")
		}
		if spec.Kind == batchpb.TaskSpec_REDUCE && spec.Attempt == 0 {
			return errors.New("no luck")
		}
		return nil
	})
	text, want := words(5000)
	c.write("in/a", text)
	j := c.succeed(c.submit(many, "wordcount", "/in", "/out"))
	if c.output("out") != want || counter(j, mapreduce.MapOutputRecords) != 5000 {
		t.Error("wrong counts")
	}
	if failures.Load() != 8 || j.FailedMaps != 8 || j.FailedReduces != 3 {
		t.Errorf("%d failures, %d failed maps, %d failed reduces", failures.Load(), j.FailedMaps, j.FailedReduces)
	}
}

func TestFourFailuresFailTheJob(t *testing.T) {
	c := newCluster(t, 2, func(_ context.Context, _ int, spec *batchpb.TaskSpec) error {
		if spec.Kind == batchpb.TaskSpec_REDUCE && spec.Index == 1 {
			return errors.New("always broken")
		}
		return nil
	})
	text, _ := words(1000)
	c.write("in/a", text)
	j := c.wait(c.submit(many, "wordcount", "/in", "/out"), nil)
	if j.State != plan.Failed || !strings.Contains(j.Diagnostics, "failed 4 times") || !strings.Contains(j.Diagnostics, "always broken") {
		t.Errorf("%s: %s", j.State, j.Diagnostics)
	}
	if _, err := os.Stat(filepath.Join(c.root, "out")); err == nil {
		t.Error("a failed job left output")
	}
}

func TestMistakesAreNotRepeated(t *testing.T) {
	c := newCluster(t, 1, nil)
	c.write("out/keep", nil)
	c.write("in/a", []byte("x"))
	j := c.wait(c.submit(nil, "wordcount", "/in", "/out"), nil)
	if j.State != plan.Failed || j.Diagnostics != "Output directory /out already exists" {
		t.Errorf("%s: %s", j.State, j.Diagnostics)
	}
	j = c.wait(c.submit(nil, "wordcount", "/nothing", "/out2"), nil)
	if j.State != plan.Failed || j.Diagnostics != "Input path does not exist: /nothing" {
		t.Errorf("%s: %s", j.State, j.Diagnostics)
	}
	if _, err := c.scheduler.Submit(context.Background(), &batchpb.JobSpec{Program: "nonsense"}); err == nil || !strings.Contains(err.Error(), "no program") {
		t.Errorf("unknown program: %v", err)
	}
}

// A worker that dies after its maps are done takes their output with it: the maps run again elsewhere.
func TestWorkerDiesBeforeReduce(t *testing.T) {
	died := make(chan struct{})
	var once sync.Once
	c := newCluster(t, 2, func(ctx context.Context, w int, spec *batchpb.TaskSpec) error {
		if spec.Kind == batchpb.TaskSpec_REDUCE {
			once.Do(func() { close(died) })
			if w == 0 {
				<-ctx.Done()
				return ctx.Err()
			}
		}
		return nil
	})
	text, want := words(20000)
	c.write("in/a", text)
	id := c.submit(many, "wordcount", "/in", "/out")
	<-died
	if err := c.workers[0].Close(); err != nil {
		t.Fatal(err)
	}
	j := c.succeed(id)
	if c.output("out") != want || counter(j, mapreduce.MapOutputRecords) != 20000 {
		t.Error("wrong counts")
	}
}

// A scheduler that is stopped in the middle and started again continues the job with what the workers hold.
func TestSchedulerRestart(t *testing.T) {
	reached, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var mapRuns atomic.Int32
	c := newCluster(t, 2, func(ctx context.Context, _ int, spec *batchpb.TaskSpec) error {
		switch spec.Kind {
		case batchpb.TaskSpec_MAP:
			mapRuns.Add(1)
		case batchpb.TaskSpec_REDUCE:
			once.Do(func() { close(reached) })
			select {
			case <-goOn:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	text, want := words(20000)
	c.write("in/a", text)
	id := c.submit(many, "wordcount", "/in", "/out")
	<-reached
	address := c.scheduler.Address()
	if err := c.scheduler.Close(); err != nil {
		t.Fatal(err)
	}
	c.startScheduler(address)
	close(goOn)
	j := c.succeed(id)
	if c.output("out") != want || counter(j, mapreduce.MapOutputRecords) != 20000 {
		t.Error("wrong counts")
	}
	if mapRuns.Load() != 8 {
		t.Errorf("%d map attempts ran, 8 were enough", mapRuns.Load())
	}
	if err := c.scheduler.Close(); err != nil { // and the history survives
		t.Fatal(err)
	}
	c.startScheduler(address)
	if j, err := c.scheduler.Job(context.Background(), id, true, 0); err != nil || j.State != plan.Succeeded || len(j.Tasks) == 0 {
		t.Errorf("history: %v, %v", j.GetState(), err)
	}
}

func TestStragglerIsOvertaken(t *testing.T) {
	c := newCluster(t, 2, func(ctx context.Context, _ int, spec *batchpb.TaskSpec) error {
		if spec.Kind == batchpb.TaskSpec_MAP && spec.Index == 3 && spec.Attempt == 0 {
			<-ctx.Done() // until it is killed
			return ctx.Err()
		}
		return nil
	})
	text, want := words(5000)
	c.write("in/a", text)
	j := c.succeed(c.submit(many, "wordcount", "/in", "/out"))
	if c.output("out") != want || counter(j, mapreduce.MapOutputRecords) != 5000 {
		t.Error("wrong counts")
	}
}

func TestKill(t *testing.T) {
	started := make(chan struct{})
	var once sync.Once
	c := newCluster(t, 1, func(ctx context.Context, _ int, spec *batchpb.TaskSpec) error {
		if spec.Kind == batchpb.TaskSpec_MAP {
			once.Do(func() { close(started) })
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	})
	c.write("in/a", []byte("x"))
	id := c.submit(many, "wordcount", "/in", "/out")
	<-started
	if _, running, err := c.scheduler.Kill(context.Background(), id, "me"); err != nil || !running {
		t.Fatal(running, err)
	}
	if j := c.wait(id, nil); j.State != plan.Killed || j.Diagnostics != "killed by me" {
		t.Errorf("%s: %s", j.State, j.Diagnostics)
	}
	if _, err := os.Stat(filepath.Join(c.root, "out")); err == nil {
		t.Error("a killed job left output")
	}
}

func TestSameSubmissionTwice(t *testing.T) {
	c := newCluster(t, 1, nil)
	c.write("in/a", []byte("x"))
	spec := &batchpb.JobSpec{Program: "wordcount", Args: []string{"/in", "/out"}, SubmissionId: "abc"}
	a, err := c.scheduler.Submit(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.scheduler.Submit(context.Background(), spec)
	if err != nil || a != b {
		t.Errorf("%s, %s, %v", a, b, err)
	}
	c.succeed(a)
}

func TestTokenBeyondLoopback(t *testing.T) {
	_, err := scheduler.Start(context.Background(), scheduler.Config{Listen: "0.0.0.0:0", FS: localfs.FS{Root: t.TempDir()}})
	if err == nil || !strings.Contains(err.Error(), "token") {
		t.Errorf("%v", err)
	}
}
