package rest

import (
	"net/http"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// Our own JSON, for the pages: batchpb messages in protobuf's JSON form.

func writeProto(w http.ResponseWriter, m proto.Message) {
	b, err := protojson.MarshalOptions{EmitUnpopulated: true, UseProtoNames: true}.Marshal(m)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	_, _ = w.Write(b)
}

// public takes out of a job what only its owner should read.
func public(j *batchpb.Job) *batchpb.Job {
	c := proto.Clone(j).(*batchpb.Job)
	for k := range c.Spec.Conf {
		if low := strings.ToLower(k); strings.Contains(low, "token") || strings.Contains(low, "password") || strings.Contains(low, "secret") {
			c.Spec.Conf[k] = "…"
		}
	}
	return c
}

func (a *API) ownJobs(w http.ResponseWriter, r *http.Request) {
	jobs, err := a.b.Jobs(r.Context())
	if err != nil {
		a.failed(w, err, "")
		return
	}
	slices.Reverse(jobs)
	out := &batchpb.ListResponse{}
	for _, j := range jobs {
		out.Jobs = append(out.Jobs, public(j))
	}
	writeProto(w, out)
}

func (a *API) ownJob(w http.ResponseWriter, r *http.Request) {
	if j := a.findApp(w, r, true); j != nil {
		writeProto(w, public(j))
	}
}

func (a *API) ownLogs(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	logs, err := a.b.Logs(r.Context(), r.PathValue("id"), q.Get("attempt"), q.Get("kind"), 0)
	if err != nil {
		a.failed(w, err, r.PathValue("id"))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for _, l := range logs {
		_, _ = w.Write([]byte("==> " + l.Attempt + " " + l.Kind + " <==\n"))
		_, _ = w.Write(l.Text)
		_, _ = w.Write([]byte(l.Error + "\n"))
	}
}

func (a *API) ownKill(w http.ResponseWriter, r *http.Request) {
	if !a.allowed(w, r) {
		return
	}
	state, running, err := a.b.Kill(r.Context(), r.PathValue("id"), "the page")
	if err != nil {
		a.failed(w, err, r.PathValue("id"))
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"state": state, "wasRunning": running})
}

func (a *API) ownWorkers(w http.ResponseWriter, _ *http.Request) {
	writeProto(w, &batchpb.ClusterInfo{Workers: a.b.Workers(), StartedMs: a.b.Started().UnixMilli(), Version: a.o.Version})
}
