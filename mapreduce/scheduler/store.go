package scheduler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/scheduler/plan"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// store is what the scheduler keeps in the file system.
type store struct {
	fs  mapreduce.FS
	dir string
}

func (s *store) write(ctx context.Context, name string, b []byte) error {
	w, err := s.fs.Create(ctx, s.dir+"/"+name, true)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = w.Write(b)
	if err = errors.Join(err, w.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func (s *store) read(ctx context.Context, name string) ([]byte, error) {
	f, err := s.fs.Open(ctx, s.dir+"/"+name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

func (s *store) list(ctx context.Context, name string) ([]string, error) {
	infos, err := s.fs.List(ctx, s.dir+"/"+name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []string
	for _, i := range infos {
		out = append(out, i.Name)
	}
	return out, err
}

func (s *store) submitted(ctx context.Context, spec *batchpb.JobSpec, token string) error {
	b, err := protojson.Marshal(spec)
	if err != nil {
		return err
	}
	if err := s.write(ctx, "jobs/"+spec.Id+"/token", []byte(token)); err != nil {
		return err
	}
	return s.write(ctx, "jobs/"+spec.Id+"/job.json", b) // last: it makes the job exist
}

func (s *store) record(ctx context.Context, r *plan.Record) error {
	b, err := proto.Marshal(r.Result)
	if err != nil {
		return err
	}
	return s.write(ctx, "jobs/"+r.Job+"/"+recordName(r.Stage, r.Tasks), b)
}

// recordName sorts a stage's records in the order in which they are written.
func recordName(stage int, tasks bool) string {
	if tasks {
		return fmt.Sprintf("stage-%04d-tasks.pb", stage)
	}
	return fmt.Sprintf("stage-%04d-setup.pb", stage)
}

// records reads what is known of a job's stages. A half-written record counts as none.
func (s *store) records(ctx context.Context, job string) ([]*plan.Record, error) {
	names, err := s.list(ctx, "jobs/"+job)
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	var out []*plan.Record
	for _, n := range names {
		stage, what, ok := strings.Cut(strings.TrimPrefix(n, "stage-"), "-")
		number, err := strconv.Atoi(stage)
		if !ok || err != nil || !strings.HasPrefix(n, "stage-") {
			continue
		}
		b, err := s.read(ctx, "jobs/"+job+"/"+n)
		if err != nil {
			return nil, err
		}
		r := &plan.Record{Job: job, Stage: number, Tasks: what == "tasks.pb", Result: &batchpb.TaskResult{}}
		if proto.Unmarshal(b, r.Result) == nil && r.Result.Setup != nil {
			out = append(out, r)
		}
	}
	return out, nil
}

func (s *store) ended(ctx context.Context, j *batchpb.Job) error {
	b, err := protojson.Marshal(j)
	if err != nil {
		return err
	}
	if err := s.write(ctx, "history/"+j.Spec.Id+".json", b); err != nil {
		return err
	}
	return s.fs.Remove(ctx, s.dir+"/jobs/"+j.Spec.Id, true)
}

func (s *store) history(ctx context.Context, id string) (*batchpb.Job, error) {
	b, err := s.read(ctx, "history/"+path.Base(id)+".json")
	if err != nil {
		return nil, err
	}
	var j batchpb.Job
	return &j, protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(b, &j)
}

// historyIDs lists the jobs in the history, newest first.
func (s *store) historyIDs(ctx context.Context) ([]string, error) {
	names, err := s.list(ctx, "history")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, n := range names {
		if id, ok := strings.CutSuffix(n, ".json"); ok {
			out = append(out, id)
		}
	}
	sort.Strings(out)
	slices.Reverse(out)
	return out, nil
}

type savedJob struct {
	spec    *batchpb.JobSpec
	token   string
	records []*plan.Record
}

// unfinished reads the jobs that were running when the scheduler stopped.
func (s *store) unfinished(ctx context.Context) ([]savedJob, error) {
	ids, err := s.list(ctx, "jobs")
	if err != nil {
		return nil, err
	}
	var out []savedJob
	for _, id := range ids {
		b, err := s.read(ctx, "jobs/"+id+"/job.json")
		if errors.Is(err, fs.ErrNotExist) { // never acknowledged
			if err := s.fs.Remove(ctx, s.dir+"/jobs/"+id, true); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		j := savedJob{spec: &batchpb.JobSpec{}}
		if err := protojson.Unmarshal(b, j.spec); err != nil {
			return nil, fmt.Errorf("read job %s: %w", id, err)
		}
		token, err := s.read(ctx, "jobs/"+id+"/token")
		if err != nil {
			return nil, err
		}
		j.token = string(token)
		if j.records, err = s.records(ctx, id); err != nil {
			return nil, err
		}
		out = append(out, j)
	}
	return out, nil
}
