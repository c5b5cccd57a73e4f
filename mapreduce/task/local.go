package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/lodehq/lode/mapreduce"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// LocalOptions says how Local runs a job.
type LocalOptions struct {
	FS   mapreduce.FS
	Conf *mapreduce.Conf
	Dir  string // for intermediate files; "" makes and removes a temporary one
	ID   string // job id; "" is job_0_0001
}

// LocalResult is what a job run by Local did.
type LocalResult struct {
	Counters mapreduce.CounterValues
	Tasks    []*batchpb.TaskResult
	Elapsed  time.Duration
}

// Local runs a job in this process, without scheduler and workers: the oracle of tests, and the "same job in one process" that
// the cluster's time is compared with. Attempts are not retried.
func Local(ctx context.Context, job *mapreduce.Job, o LocalOptions) (res *LocalResult, err error) {
	if err := job.Check(); err != nil {
		return nil, err
	}
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "lode-local-"); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.Dir)) }()
	}
	if o.ID == "" {
		o.ID = "job_0_0001"
	}
	const unlimited = "9000000000000000000"
	conf := mapreduce.NewConf(map[string]string{"mapreduce.job.ubertask.maxbytes": unlimited, "mapreduce.job.ubertask.maxmaps": "1000000000", "mapreduce.job.ubertask.maxreduces": "1000000000"})
	if o.Conf != nil {
		conf = conf.With(o.Conf)
	}
	env := &Env{Build: func(*batchpb.JobSpec) (*mapreduce.Job, error) { return job, nil }, FS: o.FS, JobDir: filepath.Join(o.Dir, "job"), LogDir: filepath.Join(o.Dir, "logs"),
		HTTP: http.DefaultClient, Logger: slog.New(slog.DiscardHandler), Now: time.Now}
	began := time.Now()
	res = &LocalResult{Counters: mapreduce.CounterValues{}}
	offset := 0
	for i := range job.Stages {
		spec := &batchpb.TaskSpec{AttemptId: mapreduce.AttemptID(o.ID, 's', i, 0), TaskId: mapreduce.TaskID(o.ID, 's', i), Kind: batchpb.TaskSpec_SETUP, Stage: int32(i),
			Job: &batchpb.JobSpec{Id: o.ID, Conf: conf.Map(), User: os.Getenv("USER"), Name: job.Name}, Offset: int32(offset), Slots: uberParallel}
		r := Run(ctx, env, spec)
		res.Elapsed = time.Since(began)
		if r.State != Succeeded {
			return res, fmt.Errorf("job %s: %s", job.Name, r.Error)
		}
		if !r.Setup.Uber {
			return res, fmt.Errorf("job %s: the settings of stage %d forbid to run it in one process (mapreduce.job.ubertask.…)", job.Name, i)
		}
		for _, t := range r.Setup.Tasks {
			res.Counters.Add(CountersFromProto(t.Counters))
		}
		res.Tasks = append(res.Tasks, r.Setup.Tasks...)
		spec = &batchpb.TaskSpec{AttemptId: mapreduce.AttemptID(o.ID, 'c', i, 0), TaskId: mapreduce.TaskID(o.ID, 'c', i), Kind: batchpb.TaskSpec_COMMIT, Stage: int32(i),
			Job: spec.Job, Payloads: Payloads(r.Setup.Tasks)}
		if c := Run(ctx, env, spec); c.State != Succeeded {
			return res, fmt.Errorf("job %s: %s", job.Name, c.Error)
		}
		res.Elapsed = time.Since(began)
		offset += len(r.Setup.Splits) + int(r.Setup.Reduces)
	}
	return res, nil
}
