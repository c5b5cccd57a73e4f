package worker

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/task"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// InProcess runs attempts as goroutines of the worker: for tests, where dozens of workers live in one process.
type InProcess struct {
	Build func(spec *batchpb.JobSpec) (*mapreduce.Job, error)
	FS    mapreduce.FS
	// Before is called before every attempt; an error fails the attempt. For fault injection; may be nil.
	Before func(ctx context.Context, spec *batchpb.TaskSpec) error
}

// Launch implements Launcher.
func (l *InProcess) Launch(_ context.Context, _ *batchpb.JobSpec, dirs Dirs) (Process, error) {
	return &goroutineProcess{l, dirs}, nil
}

type goroutineProcess struct {
	l    *InProcess
	dirs Dirs
}

func (g *goroutineProcess) Run(ctx context.Context, spec *batchpb.TaskSpec, report func(*batchpb.TaskStatus)) (*batchpb.TaskResult, error) {
	if g.l.Before != nil {
		if err := g.l.Before(ctx, spec); err != nil {
			return nil, err
		}
	}
	env := &task.Env{Build: g.l.Build, FS: g.l.FS, JobDir: g.dirs.Job, LogDir: g.dirs.Logs, HTTP: http.DefaultClient, Now: time.Now, Report: report,
		Logger: slog.New(slog.DiscardHandler)}
	return task.Run(ctx, env, spec), nil
}

func (g *goroutineProcess) Close() {}
