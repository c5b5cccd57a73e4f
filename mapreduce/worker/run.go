package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/lodehq/lode/mapreduce/task"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

func (s *Server) dirs(job string) Dirs {
	return Dirs{Job: filepath.Join(s.home, "jobs", job), Logs: filepath.Join(s.home, "logs", job)}
}

// begin starts an attempt.
func (s *Server) begin(spec *batchpb.TaskSpec) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil || s.attempts[spec.AttemptId] != nil {
		return
	}
	j := s.jobs[spec.Job.Id]
	if j == nil {
		j = &jobState{finished: map[string]*batchpb.TaskResult{}}
		s.jobs[spec.Job.Id] = j
	}
	j.token = spec.Token
	ctx, cancel := context.WithCancelCause(s.ctx)
	s.attempts[spec.AttemptId] = &running{spec, cancel}
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		defer cancel(nil)
		s.finish(j, s.runAttempt(ctx, j, spec))
	}()
}

// runAttempt runs an attempt in an idle process of its job, or a new one.
func (s *Server) runAttempt(ctx context.Context, j *jobState, spec *batchpb.TaskSpec) *batchpb.TaskResult {
	fail := func(err error) *batchpb.TaskResult {
		r := &batchpb.TaskResult{AttemptId: spec.AttemptId, State: task.Failed, Error: err.Error(), Spec: spec}
		if ctx.Err() != nil {
			r.State, r.Error = task.Killed, context.Cause(ctx).Error()
		}
		return r
	}
	dirs := s.dirs(spec.Job.Id)
	if err := os.MkdirAll(dirs.Job, 0o755); err != nil {
		return fail(fmt.Errorf("make job directory: %w", err))
	}
	p := s.takeIdle(j)
	if p == nil {
		var err error
		if p, err = s.cfg.Launcher.Launch(ctx, spec.Job, dirs); err != nil {
			return fail(err)
		}
	}
	r, err := p.Run(ctx, spec, func(st *batchpb.TaskStatus) {
		s.send(&batchpb.FromWorker{What: &batchpb.FromWorker_Status{Status: st}})
	})
	if err != nil {
		p.Close()
		return fail(err)
	}
	s.mu.Lock()
	keep := !j.dropped && r.State == task.Succeeded && s.ctx.Err() == nil
	if keep {
		j.idle = append(j.idle, p)
	}
	s.mu.Unlock()
	if !keep {
		p.Close()
	}
	return r
}

func (s *Server) takeIdle(j *jobState) Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(j.idle) == 0 {
		return nil
	}
	p := j.idle[len(j.idle)-1]
	j.idle = j.idle[:len(j.idle)-1]
	return p
}

// finish reports an attempt and keeps the report until the job is dropped: a scheduler that restarts asks for it again.
func (s *Server) finish(j *jobState, r *batchpb.TaskResult) {
	if r.Spec != nil { // enough to place the report, not the whole job
		r.Spec = &batchpb.TaskSpec{AttemptId: r.Spec.AttemptId, TaskId: r.Spec.TaskId, Kind: r.Spec.Kind, Stage: r.Spec.Stage, Index: r.Spec.Index, Attempt: r.Spec.Attempt,
			Job: &batchpb.JobSpec{Id: r.Spec.Job.Id}}
	}
	s.mu.Lock()
	delete(s.attempts, r.AttemptId)
	if !j.dropped {
		j.finished[r.AttemptId] = r
	}
	s.mu.Unlock()
	s.send(&batchpb.FromWorker{What: &batchpb.FromWorker_Result{Result: r}})
}

func (s *Server) kill(attempt string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.attempts[attempt]; a != nil {
		a.cancel(errors.New("killed by the scheduler"))
	}
}

// drop forgets a job and removes its intermediate data, once its attempts are gone.
func (s *Server) drop(job string) {
	s.mu.Lock()
	j := s.jobs[job]
	delete(s.jobs, job)
	if j == nil {
		s.mu.Unlock()
		return
	}
	j.dropped = true
	idle := slices.Clone(j.idle)
	j.idle = nil
	for _, a := range s.attempts {
		if a.spec.Job.Id == job {
			a.cancel(errors.New("the job is over"))
		}
	}
	s.wg.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.wg.Done()
		for _, p := range idle {
			p.Close()
		}
		if err := os.RemoveAll(s.dirs(job).Job); err != nil {
			s.cfg.Logger.Warn("worker: remove intermediate data", "job", job, "err", err)
		}
	}()
}
