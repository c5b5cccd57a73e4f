package rest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/task"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// History serves port 19888. Jobs appear when they have ended.
func (a *API) History() http.Handler {
	const jobs = "/ws/v1/history/mapreduce/jobs"
	m := http.NewServeMux()
	for _, p := range []string{"/ws/v1/history", "/ws/v1/history/{$}", "/ws/v1/history/info"} {
		m.HandleFunc("GET "+p, a.historyInfo)
	}
	m.HandleFunc("GET "+jobs, a.historyJobs)
	m.HandleFunc("GET "+jobs+"/{id}", a.historyJob)
	m.HandleFunc("GET "+jobs+"/{id}/jobattempts", a.historyAttempts)
	m.HandleFunc("GET "+jobs+"/{id}/counters", a.historyCounters)
	m.HandleFunc("GET "+jobs+"/{id}/conf", a.historyConf)
	m.HandleFunc("GET "+jobs+"/{id}/tasks", a.historyTasks)
	m.HandleFunc("GET "+jobs+"/{id}/tasks/{task}", a.historyTask)
	m.HandleFunc("GET "+jobs+"/{id}/tasks/{task}/counters", a.historyTaskCounters)
	m.HandleFunc("GET "+jobs+"/{id}/tasks/{task}/attempts", a.historyTaskAttempts)
	m.HandleFunc("GET "+jobs+"/{id}/tasks/{task}/attempts/{attempt}", a.historyTaskAttempt)
	m.HandleFunc("GET "+jobs+"/{id}/tasks/{task}/attempts/{attempt}/counters", a.historyAttemptCounters)
	m.Handle("GET /", http.RedirectHandler(jobs, http.StatusFound))
	return m
}

func (a *API) historyInfo(w http.ResponseWriter, _ *http.Request) {
	built := hadoopVersion + " from Lode " + a.o.Version
	writeJSON(w, http.StatusOK, map[string]any{"historyInfo": map[string]any{"startedOn": a.b.Started().UnixMilli(), "hadoopVersion": hadoopVersion,
		"hadoopBuildVersion": built, "hadoopVersionBuiltOn": ""}})
}

func (a *API) historyJobs(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit := -1
	if v := q.Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			remoteException(w, http.StatusBadRequest, badRequestClass, `java.lang.NumberFormatException: For input string: "`+v+`"`)
			return
		}
		if n <= 0 {
			remoteException(w, http.StatusBadRequest, badRequestClass, "java.lang.Exception: limit value must be greater then 0")
			return
		}
		limit = n
	}
	jobs, err := a.b.Jobs(r.Context())
	if err != nil {
		a.failed(w, err, "")
		return
	}
	var list []any
	for _, j := range jobs {
		if j.FinishedMs == 0 || differs(q.Get("state"), j.State) || differs(q.Get("user"), j.Spec.User) || differs(q.Get("queue"), j.Spec.Queue) ||
			!within(q.Get("startedTimeBegin"), q.Get("startedTimeEnd"), j.StartedMs) || !within(q.Get("finishedTimeBegin"), q.Get("finishedTimeEnd"), j.FinishedMs) {
			continue
		}
		if limit >= 0 && len(list) == limit {
			break
		}
		list = append(list, jobView(j))
	}
	if len(list) == 0 {
		writeJSON(w, http.StatusOK, map[string]any{"jobs": map[string]any{}})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"jobs": map[string]any{"job": list}})
}

func jobView(j *batchpb.Job) map[string]any {
	return map[string]any{"submitTime": j.Spec.SubmittedMs, "startTime": j.StartedMs, "finishTime": j.FinishedMs, "id": j.Spec.Id, "name": j.Name, "queue": j.Spec.Queue,
		"user": j.Spec.User, "state": j.State, "mapsTotal": j.MapsTotal, "mapsCompleted": j.MapsDone, "reducesTotal": j.ReducesTotal, "reducesCompleted": j.ReducesDone,
		"elapsedTime": j.FinishedMs - j.StartedMs}
}

func (a *API) findJob(w http.ResponseWriter, r *http.Request) *batchpb.Job {
	text := r.PathValue("id")
	id, err := jobIDOf(text)
	if err != nil || !strings.HasPrefix(text, "job_") {
		remoteException(w, http.StatusNotFound, notFoundClass, "java.lang.Exception: JobId string : "+text+" is not properly formed")
		return nil
	}
	j, err := a.b.Job(r.Context(), id.String(), true, 0)
	if err != nil || j.FinishedMs == 0 {
		remoteException(w, http.StatusNotFound, notFoundClass, "java.lang.Exception: job, "+text+", is not found")
		return nil
	}
	return j
}

func mean(sum, n int64) int64 {
	if n == 0 {
		return 0
	}
	return sum / n
}

func (a *API) historyJob(w http.ResponseWriter, r *http.Request) {
	j := a.findJob(w, r)
	if j == nil {
		return
	}
	v := jobView(j)
	var maps, reduces, mapTime, shuffle, merge, reduce int64
	for _, t := range j.Tasks {
		for _, at := range t.Attempts {
			if at.Id != t.Successful {
				continue
			}
			if t.Kind == "MAP" {
				maps++
				mapTime += at.FinishedMs - at.StartedMs
			} else if t.Kind == "REDUCE" {
				reduces++
				s, m := shuffleTimes(at)
				shuffle += s - at.StartedMs
				merge += m - s
				reduce += at.FinishedMs - m
			}
		}
	}
	for k, x := range map[string]any{"uberized": j.Uber, "diagnostics": j.Diagnostics, "avgMapTime": mean(mapTime, maps), "avgReduceTime": mean(reduce, reduces),
		"avgShuffleTime": mean(shuffle, reduces), "avgMergeTime": mean(merge, reduces), "failedReduceAttempts": j.FailedReduces, "killedReduceAttempts": j.KilledReduces,
		"successfulReduceAttempts": reduces, "failedMapAttempts": j.FailedMaps, "killedMapAttempts": j.KilledMaps, "successfulMapAttempts": maps} {
		v[k] = x
	}
	writeJSON(w, http.StatusOK, map[string]any{"job": v})
}

func shuffleTimes(at *batchpb.Attempt) (shuffle, merge int64) {
	shuffle, merge = at.ShuffleFinishedMs, at.MergeFinishedMs
	if shuffle == 0 {
		shuffle = at.StartedMs
	}
	return shuffle, max(merge, shuffle)
}

func (a *API) historyAttempts(w http.ResponseWriter, r *http.Request) {
	j := a.findJob(w, r)
	if j == nil {
		return
	}
	number := strings.TrimPrefix(j.Spec.Id, "job_")
	writeJSON(w, http.StatusOK, map[string]any{"jobAttempts": map[string]any{"jobAttempt": []any{map[string]any{"nodeId": host(r), "nodeHttpAddress": host(r), "startTime": j.StartedMs,
		"id": 1, "containerId": "container_" + number + "_01_000001", "logsLink": "http://" + host(r) + "/api/jobs/" + j.Spec.Id + "/logs"}}}})
}

func (a *API) historyCounters(w http.ResponseWriter, r *http.Request) {
	j := a.findJob(w, r)
	if j == nil {
		return
	}
	all, maps, reduces := task.CountersFromProto(j.Counters), task.CountersFromProto(j.MapCounters), task.CountersFromProto(j.ReduceCounters)
	var groups []any
	for _, g := range all.Groups() {
		var list []any
		for _, c := range g.Counters {
			id := mapreduce.CounterID{Group: g.Name, Name: c.Name}
			list = append(list, map[string]any{"name": c.Name, "mapCounterValue": maps[id], "reduceCounterValue": reduces[id], "totalCounterValue": c.Value})
		}
		groups = append(groups, map[string]any{"counterGroupName": g.Name, "counter": list})
	}
	writeJSON(w, http.StatusOK, map[string]any{"jobCounters": map[string]any{"id": j.Spec.Id, "counterGroup": groups}})
}

func (a *API) historyConf(w http.ResponseWriter, r *http.Request) {
	j := a.findJob(w, r)
	if j == nil {
		return
	}
	j = public(j)
	pairs := mapreduce.NewConf(j.Spec.Conf)
	pairs.Set("mapreduce.job.name", j.Name)
	pairs.Set("mapreduce.job.user.name", j.Spec.User)
	var list []any
	for _, k := range pairs.Keys() {
		list = append(list, map[string]any{"name": k, "value": pairs.String("", k), "source": []string{"programmatically"}})
	}
	writeJSON(w, http.StatusOK, map[string]any{"conf": map[string]any{"path": j.Spec.Id + "/job.json", "property": list}})
}

func taskTimes(t *batchpb.Task) (start, finish int64) {
	for _, at := range t.Attempts {
		if start == 0 || at.StartedMs < start {
			start = at.StartedMs
		}
		finish = max(finish, at.FinishedMs)
	}
	return start, finish
}

func taskView(t *batchpb.Task) map[string]any {
	start, finish := taskTimes(t)
	p := 0.0
	if t.State == "SUCCEEDED" {
		p = 100
	}
	return map[string]any{"startTime": start, "finishTime": finish, "elapsedTime": max(0, finish-start), "progress": p, "id": t.Id, "state": t.State, "type": t.Kind,
		"successfulAttempt": t.Successful}
}

func visible(j *batchpb.Job) []*batchpb.Task {
	return slices.DeleteFunc(slices.Clone(j.Tasks), func(t *batchpb.Task) bool { return t.Kind != "MAP" && t.Kind != "REDUCE" })
}

func (a *API) historyTasks(w http.ResponseWriter, r *http.Request) {
	j := a.findJob(w, r)
	if j == nil {
		return
	}
	kind := map[string]string{"m": "MAP", "r": "REDUCE", "": ""}
	want, ok := kind[r.URL.Query().Get("type")]
	if !ok {
		remoteException(w, http.StatusBadRequest, badRequestClass, "java.lang.Exception: tasktype must be either m or r")
		return
	}
	list := []any{}
	for _, t := range visible(j) {
		if want == "" || t.Kind == want {
			list = append(list, taskView(t))
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"tasks": map[string]any{"task": list}})
}

func (a *API) findTask(w http.ResponseWriter, r *http.Request) *batchpb.Task {
	j := a.findJob(w, r)
	if j == nil {
		return nil
	}
	for _, t := range visible(j) {
		if t.Id == r.PathValue("task") {
			return t
		}
	}
	remoteException(w, http.StatusNotFound, notFoundClass, "java.lang.Exception: task not found with id "+r.PathValue("task"))
	return nil
}

func (a *API) historyTask(w http.ResponseWriter, r *http.Request) {
	if t := a.findTask(w, r); t != nil {
		writeJSON(w, http.StatusOK, map[string]any{"task": taskView(t)})
	}
}

func counterGroups(list []*batchpb.CounterValue) []any {
	groups := []any{}
	for _, g := range task.CountersFromProto(list).Groups() {
		var inner []any
		for _, c := range g.Counters {
			inner = append(inner, map[string]any{"name": c.Name, "value": c.Value})
		}
		groups = append(groups, map[string]any{"counterGroupName": g.Name, "counter": inner})
	}
	return groups
}

func (a *API) historyTaskCounters(w http.ResponseWriter, r *http.Request) {
	t := a.findTask(w, r)
	if t == nil {
		return
	}
	groups := []any{}
	for _, at := range t.Attempts {
		if at.Id == t.Successful {
			groups = counterGroups(at.Counters)
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"jobTaskCounters": map[string]any{"id": t.Id, "taskCounterGroup": groups}})
}

func attemptView(t *batchpb.Task, at *batchpb.Attempt) map[string]any {
	finish := at.FinishedMs
	if finish == 0 {
		finish = time.Now().UnixMilli()
	}
	v := map[string]any{"startTime": at.StartedMs, "finishTime": at.FinishedMs, "elapsedTime": finish - at.StartedMs, "progress": 100 * at.Progress, "id": at.Id,
		"rack": "/default-rack", "state": at.State, "status": at.Status, "nodeHttpAddress": at.Host, "diagnostics": at.Error, "type": t.Kind, "assignedContainerId": at.Worker}
	if t.Kind == "REDUCE" {
		s, m := shuffleTimes(at)
		v["shuffleFinishTime"], v["mergeFinishTime"] = s, m
		v["elapsedShuffleTime"], v["elapsedMergeTime"], v["elapsedReduceTime"] = s-at.StartedMs, m-s, max(0, finish-m)
	}
	return v
}

func (a *API) historyTaskAttempts(w http.ResponseWriter, r *http.Request) {
	t := a.findTask(w, r)
	if t == nil {
		return
	}
	list := []any{}
	for _, at := range t.Attempts {
		list = append(list, attemptView(t, at))
	}
	writeJSON(w, http.StatusOK, map[string]any{"taskAttempts": map[string]any{"taskAttempt": list}})
}

func (a *API) findAttempt(w http.ResponseWriter, r *http.Request) (*batchpb.Task, *batchpb.Attempt) {
	t := a.findTask(w, r)
	if t == nil {
		return nil, nil
	}
	for _, at := range t.Attempts {
		if at.Id == r.PathValue("attempt") {
			return t, at
		}
	}
	remoteException(w, http.StatusNotFound, notFoundClass, "java.lang.Exception: Error getting info on task attempt id "+r.PathValue("attempt"))
	return nil, nil
}

func (a *API) historyTaskAttempt(w http.ResponseWriter, r *http.Request) {
	if t, at := a.findAttempt(w, r); at != nil {
		writeJSON(w, http.StatusOK, map[string]any{"taskAttempt": attemptView(t, at)})
	}
}

func (a *API) historyAttemptCounters(w http.ResponseWriter, r *http.Request) {
	if _, at := a.findAttempt(w, r); at != nil {
		writeJSON(w, http.StatusOK, map[string]any{"jobTaskAttemptCounters": map[string]any{"id": at.Id, "taskAttemptCounterGroup": counterGroups(at.Counters)}})
	}
}
