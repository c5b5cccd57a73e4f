package scheduler

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"runtime"
	"sort"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/mapreduce"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// service translates gRPC.
type service struct {
	batchpb.UnimplementedBatchServer
	s *Server
}

func (s *Server) authorized(ctx context.Context) error {
	if s.cfg.Token == "" {
		return nil
	}
	md, _ := metadata.FromIncomingContext(ctx)
	for _, v := range md.Get("authorization") {
		if subtle.ConstantTimeCompare([]byte(v), []byte("Bearer "+s.cfg.Token)) == 1 {
			return nil
		}
	}
	return status.Error(codes.Unauthenticated, "the scheduler wants a token: set LODE_TOKEN or -D lode.token=…")
}

func (s *Server) authUnary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if err := s.authorized(ctx); err != nil {
		return nil, err
	}
	return next(ctx, req)
}

func (s *Server) authStream(srv any, st grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if err := s.authorized(st.Context()); err != nil {
		return err
	}
	return next(srv, st)
}

// Submit accepts a job: it is in the file system before the answer goes out.
func (v *service) Submit(ctx context.Context, r *batchpb.SubmitRequest) (*batchpb.SubmitResponse, error) {
	id, err := v.s.Submit(ctx, r.Job)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	return &batchpb.SubmitResponse{Id: id}, nil
}

// Submit accepts a job and returns its id. The same submission id again returns the same job.
func (s *Server) Submit(ctx context.Context, in *batchpb.JobSpec) (string, error) {
	if in == nil || in.Program == "" {
		return "", errors.New("a submission needs the name of a program")
	}
	if in.Binary == "" && s.cfg.Registry != nil {
		conf := mapreduce.NewConf(in.Conf)
		if _, err := s.cfg.Registry.BuildJob(&mapreduce.Invocation{Program: in.Program, Args: in.Args, Conf: conf}); err != nil {
			return "", err
		}
	}
	token, err := randomToken()
	if err != nil {
		return "", err
	}
	spec := proto.Clone(in).(*batchpb.JobSpec)
	if spec.Queue == "" {
		spec.Queue = "default"
	}
	s.mu.Lock()
	if spec.SubmissionId != "" {
		if id := s.seen[spec.SubmissionId]; id != "" {
			s.mu.Unlock()
			return id, nil
		}
	}
	s.number++
	spec.Id = mapreduce.JobID{Cluster: s.started.UnixMilli(), Number: s.number}.String()
	spec.SubmittedMs = s.now()
	if spec.SubmissionId != "" {
		s.seen[spec.SubmissionId] = spec.Id
	}
	s.mu.Unlock()
	if err := s.store.submitted(ctx, spec, token); err != nil {
		s.mu.Lock()
		delete(s.seen, spec.SubmissionId)
		s.mu.Unlock()
		return "", fmt.Errorf("the job could not be written to the file system, it was not accepted: %w", err)
	}
	s.act(func(now int64) {
		s.tokens[spec.Id] = token
		s.plan.Submit(now, spec, token)
	})
	return spec.Id, nil
}

// List answers the jobs in memory and, behind them, nothing: the history has its own command.
func (v *service) List(ctx context.Context, r *batchpb.ListRequest) (*batchpb.ListResponse, error) {
	jobs, err := v.s.Jobs(ctx)
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	out := &batchpb.ListResponse{}
	for _, j := range jobs {
		if len(r.States) == 0 || contains(r.States, j.State) {
			out.Jobs = append(out.Jobs, j)
		}
	}
	return out, nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if strings.EqualFold(x, s) {
			return true
		}
	}
	return false
}

const historyListed = 200

// Jobs lists the jobs of this scheduler and the newest of the history, by id.
func (s *Server) Jobs(ctx context.Context) ([]*batchpb.Job, error) {
	s.mu.Lock()
	jobs := s.plan.Jobs()
	s.mu.Unlock()
	have := map[string]bool{}
	for _, j := range jobs {
		have[j.Spec.Id] = true
	}
	ids, err := s.store.historyIDs(ctx)
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		if i == historyListed {
			break
		}
		if have[id] {
			continue
		}
		j, err := s.store.history(ctx, id)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		j.Tasks = nil
		jobs = append(jobs, j)
	}
	sort.SliceStable(jobs, func(a, b int) bool { return jobs[a].Spec.Id < jobs[b].Spec.Id })
	return jobs, nil
}

// Get describes a job, from the plan or the history.
func (v *service) Get(ctx context.Context, r *batchpb.GetRequest) (*batchpb.Job, error) {
	j, err := v.s.Job(ctx, r.Id, r.Tasks, r.WaitVersion)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, status.Errorf(codes.NotFound, "there is no job %s (`lode job list` shows what there is)", r.Id)
	}
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return j, nil
}

const (
	longestGet = 5 * time.Second
	gatherNews = 50 * time.Millisecond // a job of a thousand tasks changes a thousand times: its watchers need not see each
)

// Job describes a job. With wait > 0 it waits until the job's version is larger, some seconds at most. Unknown ids give
// fs.ErrNotExist.
func (s *Server) Job(ctx context.Context, id string, tasks bool, wait int64) (*batchpb.Job, error) {
	if jid, err := mapreduce.ParseJobID(id); err == nil {
		id = jid.String()
	}
	deadline := time.NewTimer(longestGet)
	defer deadline.Stop()
	var gather <-chan time.Time // runs once there is news
	for {
		s.mu.Lock()
		version, over, known := s.plan.Version(id)
		if news := version > wait || over; known && (wait == 0 || over || (news && wait < 0)) {
			defer s.mu.Unlock()
			return s.plan.Job(id, tasks), nil
		} else if news && known && gather == nil {
			gather = time.After(gatherNews)
		}
		changed := s.changed
		s.mu.Unlock()
		if !known {
			return s.store.history(ctx, id)
		}
		select {
		case <-changed:
		case <-gather:
			wait = -1
		case <-deadline.C:
			wait = 0
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.ctx.Done():
			return nil, context.Cause(s.ctx)
		}
	}
}

// Kill ends a job.
func (v *service) Kill(ctx context.Context, r *batchpb.KillRequest) (*batchpb.KillResponse, error) {
	state, running, err := v.s.Kill(ctx, r.Id, r.By)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, status.Errorf(codes.NotFound, "there is no job %s", r.Id)
	}
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return &batchpb.KillResponse{State: state, WasRunning: running}, nil
}

// Kill ends a job on someone's wish.
func (s *Server) Kill(ctx context.Context, id, by string) (state string, running bool, err error) {
	if jid, err := mapreduce.ParseJobID(id); err == nil {
		id = jid.String()
	}
	known := false
	s.act(func(now int64) {
		state, running, known = s.plan.Kill(now, id, "killed by "+by)
	})
	if known {
		return state, running, nil
	}
	j, err := s.store.history(ctx, id)
	if err != nil {
		return "", false, err
	}
	return j.State, false, nil
}

// Workers describes the workers.
func (s *Server) Workers() []*batchpb.Worker {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.plan.Workers()
}

// Started is when this scheduler began.
func (s *Server) Started() time.Time { return s.started }

// Version is what was configured.
func (s *Server) Version() string { return s.cfg.Version }

// Token is what clients need; "" when none is.
func (s *Server) Token() string { return s.cfg.Token }

// Cluster tells a client what it needs to prepare a submission.
func (v *service) Cluster(context.Context, *batchpb.ClusterRequest) (*batchpb.ClusterInfo, error) {
	s := v.s
	workers := s.Workers()
	info := &batchpb.ClusterInfo{StartedMs: s.started.UnixMilli(), Workers: workers, Os: runtime.GOOS, Arch: runtime.GOARCH, Version: s.cfg.Version, Staging: s.cfg.Dir,
		DefaultFs: s.cfg.DefaultFS}
	for _, w := range workers {
		if w.State == "RUNNING" {
			info.Slots += w.Slots
		}
	}
	return info, nil
}

// Logs fetches attempt logs from the workers that hold them.
func (v *service) Logs(ctx context.Context, r *batchpb.LogsRequest) (*batchpb.LogsResponse, error) {
	logs, err := v.s.Logs(ctx, r.Id, r.Attempt, r.Kind, r.Limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, status.Errorf(codes.NotFound, "there is no job %s", r.Id)
	}
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return &batchpb.LogsResponse{Logs: logs}, nil
}

const logLimit = 64 << 10

// Logs fetches the logs of a job's attempts: of one, or with attempt "" of all; kind is stdout, stderr, syslog, or "" for all that are
// not empty. The last limit bytes of each are given.
func (s *Server) Logs(ctx context.Context, id, attempt, kind string, limit int64) ([]*batchpb.AttemptLog, error) {
	j, err := s.Job(ctx, id, true, 0)
	if err != nil {
		return nil, err
	}
	address := map[string]string{}
	for _, w := range s.Workers() {
		address[w.Id] = w.Address
	}
	if limit <= 0 {
		limit = logLimit
	}
	kinds := []string{"syslog", "stderr", "stdout"}
	if kind != "" {
		kinds = []string{kind}
	}
	var out []*batchpb.AttemptLog
	for _, t := range j.Tasks {
		for _, a := range t.Attempts {
			if attempt != "" && a.Id != attempt {
				continue
			}
			for _, k := range kinds {
				l := &batchpb.AttemptLog{Attempt: a.Id, Worker: a.Worker, Kind: k}
				l.Text, err = s.fetchLog(ctx, address[a.Worker], j.Spec.Id, a.Id, k, limit)
				if err != nil {
					l.Error = err.Error()
				}
				if len(l.Text) > 0 || (l.Error != "" && kind != "") {
					out = append(out, l)
				}
			}
		}
	}
	return out, nil
}

func (s *Server) fetchLog(ctx context.Context, address, job, attempt, kind string, limit int64) ([]byte, error) {
	if address == "" {
		return nil, errors.New("the worker that ran it is gone")
	}
	u := "http://" + address + "/logs/" + url.PathEscape(job) + "/" + url.PathEscape(attempt) + "/" + url.PathEscape(kind)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+s.cfg.Token)
	req.Header.Set("Range", fmt.Sprintf("bytes=-%d", limit))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK, http.StatusPartialContent:
		return io.ReadAll(io.LimitReader(resp.Body, limit))
	case http.StatusRequestedRangeNotSatisfiable, http.StatusNotFound: // empty, or none of that kind
		return nil, nil
	}
	return nil, fmt.Errorf("worker answered %s", resp.Status)
}

// Work holds a worker's stream.
func (v *service) Work(st grpc.BidiStreamingServer[batchpb.FromWorker, batchpb.ToWorker]) error {
	s := v.s
	first, err := st.Recv()
	if err != nil {
		return err
	}
	register := first.GetRegister()
	if register == nil || register.Worker.GetId() == "" {
		return status.Error(codes.InvalidArgument, "a worker registers first")
	}
	id := register.Worker.Id
	out := make(chan *batchpb.ToWorker, 4096)
	s.act(func(now int64) {
		if old := s.streams[id]; old != nil {
			close(old)
		}
		s.streams[id] = out
		s.plan.Register(now, register)
	})
	s.cfg.Logger.Info("scheduler: worker registered", "worker", id, "host", register.Worker.Host, "address", register.Worker.Address, "slots", register.Worker.Slots)
	defer func() {
		s.mu.Lock()
		if s.streams[id] == out {
			close(out)
			delete(s.streams, id)
			s.plan.StreamBroken(s.now(), id)
		}
		s.mu.Unlock()
	}()
	received := make(chan error, 1)
	go func() { received <- s.receive(st, id) }() // ends with the stream, which ends when this function returns
	for {
		select {
		case m, ok := <-out:
			if !ok {
				return status.Error(codes.Aborted, "the worker registered again, or did not read")
			}
			if err := st.Send(m); err != nil {
				return err
			}
		case err := <-received:
			return err
		case <-s.ctx.Done():
			return status.Error(codes.Unavailable, "the scheduler stops")
		}
	}
}

func (s *Server) receive(st grpc.BidiStreamingServer[batchpb.FromWorker, batchpb.ToWorker], id string) error {
	for {
		m, err := st.Recv()
		if err != nil {
			return err
		}
		switch w := m.What.(type) {
		case *batchpb.FromWorker_Heartbeat:
			s.mu.Lock()
			s.plan.Heartbeat(s.now(), id)
			s.mu.Unlock()
		case *batchpb.FromWorker_Status:
			s.act(func(now int64) { s.plan.Status(now, id, w.Status) })
		case *batchpb.FromWorker_Result:
			s.act(func(now int64) { s.plan.Result(now, id, w.Result) })
		}
	}
}
