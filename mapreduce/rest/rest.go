// Package rest speaks the REST that people's tools know: YARN's ResourceManager (port 8088), the MapReduce history server (19888) and
// Spark's standalone submission server (6066). It translates; all it knows comes from the scheduler.
package rest

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/lodehq/lode/mapreduce"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// Backend is the scheduler.
type Backend interface {
	Jobs(ctx context.Context) ([]*batchpb.Job, error)
	Job(ctx context.Context, id string, tasks bool, wait int64) (*batchpb.Job, error)
	Kill(ctx context.Context, id, by string) (state string, running bool, err error)
	Submit(ctx context.Context, spec *batchpb.JobSpec) (string, error)
	Logs(ctx context.Context, id, attempt, kind string, limit int64) ([]*batchpb.AttemptLog, error)
	Workers() []*batchpb.Worker
	Started() time.Time
	Token() string
}

// Options are what the answers need beside the scheduler.
type Options struct {
	Version string
	Page    http.Handler // for GET / on the ResourceManager's port
	FS      mapreduce.FS // where submitted binaries are
	Conf    func(key string) string
}

// API makes the handlers.
type API struct {
	b       Backend
	o       Options
	drivers drivers
}

// New makes an API.
func New(b Backend, o Options) *API {
	if o.Version == "" {
		o.Version = "dev"
	}
	a := &API{b: b, o: o}
	a.drivers.ids = map[string]string{}
	return a
}

// hadoopVersion is the version whose answers these are.
const hadoopVersion = "3.4.3"

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// remoteException is Hadoop's error body.
func remoteException(w http.ResponseWriter, status int, class, message string) {
	short := class[strings.LastIndexByte(class, '.')+1:]
	writeJSON(w, status, map[string]any{"RemoteException": map[string]any{"exception": short, "message": message, "javaClassName": class}})
}

const (
	notFoundClass   = "org.apache.hadoop.yarn.webapp.NotFoundException"
	badRequestClass = "org.apache.hadoop.yarn.webapp.BadRequestException"
)

func (a *API) failed(w http.ResponseWriter, err error, id string) {
	if errors.Is(err, fs.ErrNotExist) {
		remoteException(w, http.StatusNotFound, notFoundClass, "java.lang.Exception: app with id: "+id+" not found")
		return
	}
	remoteException(w, http.StatusServiceUnavailable, "java.io.IOException", err.Error())
}

// allowed checks the cluster's token on requests that change something.
func (a *API) allowed(w http.ResponseWriter, r *http.Request) bool {
	t := a.b.Token()
	if t == "" || strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") == t || r.URL.Query().Get("token") == t {
		return true
	}
	remoteException(w, http.StatusUnauthorized, "org.apache.hadoop.security.authentication.client.AuthenticationException", "a token is needed: Authorization: Bearer …")
	return false
}

func jobIDOf(text string) (mapreduce.JobID, error) { return mapreduce.ParseJobID(text) }

// yarnState turns our states into YARN's state and final status.
func yarnState(j *batchpb.Job) (state, final string) {
	switch j.State {
	case "NEW":
		return "ACCEPTED", "UNDEFINED"
	case "RUNNING":
		return "RUNNING", "UNDEFINED"
	case "SUCCEEDED":
		return "FINISHED", "SUCCEEDED"
	case "KILLED":
		return "KILLED", "KILLED"
	}
	return "FINISHED", "FAILED"
}

// progress is between 0 and 100.
func progress(j *batchpb.Job) float64 {
	switch {
	case j.FinishedMs > 0:
		return 100
	case j.ReducesTotal == 0:
		return 100 * j.MapProgress
	}
	return 100 * (j.MapProgress*2 + j.ReduceProgress) / 3
}
