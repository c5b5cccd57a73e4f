package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/format"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// Env is what an attempt runs in.
type Env struct {
	Build  func(spec *batchpb.JobSpec) (*mapreduce.Job, error)
	FS     mapreduce.FS
	JobDir string // on this machine, shared by the attempts of the job: map outputs, side files, working directories
	LogDir string // one directory an attempt below it
	HTTP   *http.Client
	Report func(*batchpb.TaskStatus) // called about once a second; may be nil
	Logger *slog.Logger
	// Defaults are settings of the cluster that jobs may see (lode.warehouse.dir); the job's own are stronger. May be nil.
	Defaults *mapreduce.Conf
	Now      func() time.Time
}

// states of a result
const (
	Succeeded = "SUCCEEDED"
	Failed    = "FAILED"
	Killed    = "KILLED"
)

// attempt is a running attempt.
type attempt struct {
	env      *Env
	ctx      context.Context
	spec     *batchpb.TaskSpec
	job      *mapreduce.Job
	stage    *mapreduce.Stage
	conf     *mapreduce.Conf
	counters *mapreduce.Counters
	workDir  string
	log      *lazyLog
	stderr   *lazyLog
	meter    *meter
	result   *batchpb.TaskResult
}

// Run runs an attempt to its end. It never panics and always answers.
func Run(ctx context.Context, env *Env, spec *batchpb.TaskSpec) *batchpb.TaskResult {
	light := &batchpb.TaskSpec{AttemptId: spec.AttemptId, TaskId: spec.TaskId, Kind: spec.Kind, Stage: spec.Stage, Index: spec.Index, Attempt: spec.Attempt,
		Offset: spec.Offset, Job: &batchpb.JobSpec{Id: spec.Job.Id}}
	a := &attempt{env: env, ctx: ctx, spec: spec, counters: mapreduce.NewCounters(),
		result: &batchpb.TaskResult{AttemptId: spec.AttemptId, State: Succeeded, Spec: light, StartedMs: env.Now().UnixMilli()}}
	before := cpuTime()
	err := a.guarded()
	a.count(mapreduce.CPUMilliseconds, (cpuTime() - before).Milliseconds())
	a.result.FinishedMs = env.Now().UnixMilli()
	a.result.Counters = CountersToProto(a.counters.Snapshot())
	switch {
	case err == nil:
	case ctx.Err() != nil:
		a.result.State, a.result.Error = Killed, "killed: "+context.Cause(ctx).Error()
	default:
		a.result.State, a.result.Error, a.result.Permanent = Failed, err.Error(), permanent(err)
	}
	return a.result
}

// permanent tells whether another attempt would end in the same way: what the user typed is wrong.
func permanent(err error) bool {
	var usage *mapreduce.UsageError
	var path *format.PathError
	var exists *format.ExistsError
	var inner *permanentError
	return errors.As(err, &inner) || errors.As(err, &usage) || errors.As(err, &path) || errors.As(err, &exists)
}

// permanentError carries the verdict of a task run inside another.
type permanentError struct{ message string }

func (e *permanentError) Error() string { return e.message }

func (a *attempt) guarded() (err error) {
	defer func() {
		if p := recover(); p != nil {
			stack := debug.Stack()
			if a.log != nil {
				fmt.Fprintf(a.log, "panic: %v\n%s", p, stack)
			}
			err = fmt.Errorf("panic in the job's code: %v (the stack is in the attempt's log)", p)
		}
		err = errors.Join(err, a.close(err))
	}()
	if err := a.open(); err != nil {
		return err
	}
	switch a.spec.Kind {
	case batchpb.TaskSpec_MAP:
		return a.runMap()
	case batchpb.TaskSpec_REDUCE:
		return a.runReduce()
	case batchpb.TaskSpec_SETUP:
		return a.runSetup()
	case batchpb.TaskSpec_COMMIT:
		return a.runCommit()
	case batchpb.TaskSpec_ABORT:
		return a.runAbort()
	}
	return fmt.Errorf("task kind %v is not known to this binary", a.spec.Kind)
}

func (a *attempt) open() error {
	logDir := filepath.Join(a.env.LogDir, a.spec.AttemptId)
	a.log, a.stderr = &lazyLog{dir: logDir, name: "syslog"}, &lazyLog{dir: logDir, name: "stderr"}
	var err error
	if a.job, err = a.env.Build(a.spec.Job); err != nil {
		return err
	}
	if int(a.spec.Stage) >= len(a.job.Stages) {
		return fmt.Errorf("stage %d of a job with %d stages: is this the binary the job was submitted with?", a.spec.Stage, len(a.job.Stages))
	}
	a.stage = a.job.Stages[a.spec.Stage]
	a.conf = a.env.Defaults.With(mapreduce.NewConf(a.spec.Job.Conf)).With(a.stage.Conf)
	if a.spec.Kind == batchpb.TaskSpec_MAP || a.spec.Kind == batchpb.TaskSpec_REDUCE {
		a.workDir = filepath.Join(a.env.JobDir, "work", a.spec.AttemptId)
		if err := os.MkdirAll(a.workDir, 0o755); err != nil {
			return fmt.Errorf("make working directory: %w", err)
		}
		if err := a.localize(); err != nil {
			return err
		}
	}
	a.meter = startMeter(a.env, a.spec.AttemptId)
	return nil
}

func (a *attempt) close(failure error) error {
	if a.meter != nil {
		a.meter.stop()
	}
	if failure != nil && a.log != nil {
		fmt.Fprintf(a.log, "%s attempt failed: %v\n", a.env.Now().Format(time.RFC3339), failure)
	}
	var err error
	for _, f := range []*lazyLog{a.log, a.stderr} {
		if f != nil {
			err = errors.Join(err, f.close())
		}
	}
	if a.workDir != "" {
		err = errors.Join(err, removeContents(a.workDir))
	}
	return err
}

func (a *attempt) count(name string, n int64) {
	a.counters.Get(mapreduce.GroupFramework, name).Add(n)
}

func (a *attempt) info() mapreduce.TaskInfo {
	return mapreduce.TaskInfo{Job: a.spec.Job.Id, Task: a.spec.TaskId, Attempt: a.spec.AttemptId, Stage: int(a.spec.Stage), Index: int(a.spec.Index),
		Map: a.spec.Kind == batchpb.TaskSpec_MAP, Reduces: a.stage.Reduces, User: a.spec.Job.User, WorkDir: a.workDir}
}

func (a *attempt) inputEnv() mapreduce.InputEnv {
	return mapreduce.InputEnv{FS: a.env.FS, Conf: a.conf, Workers: int(a.spec.Slots)}
}

func (a *attempt) outputEnv(name string) mapreduce.OutputEnv {
	return mapreduce.OutputEnv{FS: a.env.FS, Conf: a.conf, Job: a.spec.Job.Id, Stage: int(a.spec.Stage), Task: int(a.spec.Index),
		Map: a.stage.Reduces == 0 || (a.spec.Kind == batchpb.TaskSpec_MAP), Attempt: a.spec.AttemptId, Name: name, Counters: a.counters}
}

// outputNames lists the stage's outputs, the main one ("") first.
func (a *attempt) outputs() map[string]mapreduce.OutputFormat {
	all := map[string]mapreduce.OutputFormat{}
	for name, f := range a.stage.Outputs {
		all[name] = f
	}
	if a.stage.Output != nil {
		all[""] = a.stage.Output
	}
	return all
}

func (a *attempt) sortMemory() int64 {
	memory := a.spec.MemoryMb << 20
	if memory <= 0 {
		memory = 512 << 20
	}
	if mb := a.conf.Int(0, "mapreduce.task.io.sort.mb", "io.sort.mb"); mb > 0 {
		return mb << 20
	}
	return memory * 4 / 10
}

// CountersToProto and CountersFromProto convert.
func CountersToProto(v mapreduce.CounterValues) []*batchpb.CounterValue {
	out := make([]*batchpb.CounterValue, 0, len(v))
	for id, n := range v {
		out = append(out, &batchpb.CounterValue{Group: id.Group, Name: id.Name, Value: n})
	}
	return out
}

// CountersFromProto is the inverse of CountersToProto.
func CountersFromProto(list []*batchpb.CounterValue) mapreduce.CounterValues {
	out := mapreduce.CounterValues{}
	for _, c := range list {
		out[mapreduce.CounterID{Group: c.Group, Name: c.Name}] += c.Value
	}
	return out
}
