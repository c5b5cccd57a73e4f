package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// ResourceManager serves port 8088.
func (a *API) ResourceManager() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /ws/v1/cluster", a.clusterInfo)
	m.HandleFunc("GET /ws/v1/cluster/{$}", a.clusterInfo)
	m.HandleFunc("GET /ws/v1/cluster/info", a.clusterInfo)
	m.HandleFunc("GET /ws/v1/cluster/metrics", a.metrics)
	m.HandleFunc("GET /ws/v1/cluster/scheduler", a.schedulerInfo)
	m.HandleFunc("GET /ws/v1/cluster/apps", a.apps)
	m.HandleFunc("GET /ws/v1/cluster/apps/{id}", a.app)
	m.HandleFunc("GET /ws/v1/cluster/apps/{id}/appattempts", a.appAttempts)
	m.HandleFunc("GET /ws/v1/cluster/apps/{id}/state", a.appState)
	m.HandleFunc("PUT /ws/v1/cluster/apps/{id}/state", a.setAppState)
	m.HandleFunc("GET /ws/v1/cluster/appstatistics", a.appStatistics)
	m.HandleFunc("POST /ws/v1/cluster/apps/new-application", a.newApplication)
	m.HandleFunc("GET /ws/v1/cluster/nodes", a.nodes)
	m.HandleFunc("GET /ws/v1/cluster/nodes/{id}", a.node)
	m.HandleFunc("GET /api/jobs", a.ownJobs)
	m.HandleFunc("GET /api/jobs/{id}", a.ownJob)
	m.HandleFunc("GET /api/jobs/{id}/logs", a.ownLogs)
	m.HandleFunc("POST /api/jobs/{id}/kill", a.ownKill)
	m.HandleFunc("GET /api/workers", a.ownWorkers)
	page := a.o.Page
	if page == nil {
		page = http.RedirectHandler("/api/jobs", http.StatusFound)
	}
	m.Handle("GET /", page)
	return m
}

func (a *API) clusterInfo(w http.ResponseWriter, _ *http.Request) {
	built := fmt.Sprintf("%s from Lode %s", hadoopVersion, a.o.Version)
	writeJSON(w, http.StatusOK, map[string]any{"clusterInfo": map[string]any{
		"id": a.b.Started().UnixMilli(), "startedOn": a.b.Started().UnixMilli(), "state": "STARTED", "haState": "ACTIVE", "rmStateStoreName": "lode",
		"resourceManagerVersion": hadoopVersion, "resourceManagerBuildVersion": built, "resourceManagerVersionBuiltOn": "", "hadoopVersion": hadoopVersion,
		"hadoopBuildVersion": built, "hadoopVersionBuiltOn": "", "haZooKeeperConnectionState": "Could not find leader elector. Verify both HA and automatic failover are enabled.",
	}})
}

type totals struct {
	slots, used, nodes, lost int
	mb, usedMB               int64
}

func (a *API) totals() (t totals) {
	for _, w := range a.b.Workers() {
		if w.State == "LOST" {
			t.lost++
			continue
		}
		t.nodes++
		t.slots += int(w.Slots)
		t.used += len(w.Running)
		t.mb += w.MemoryMb
		t.usedMB += usedMB(w)
	}
	return t
}

func usedMB(w *batchpb.Worker) int64 {
	return w.MemoryMb / max(1, int64(w.Slots)) * int64(len(w.Running))
}

func (a *API) metrics(w http.ResponseWriter, r *http.Request) {
	jobs, err := a.b.Jobs(r.Context())
	if err != nil {
		a.failed(w, err, "")
		return
	}
	n := map[string]int{}
	for _, j := range jobs {
		n[j.State]++
	}
	t := a.totals()
	writeJSON(w, http.StatusOK, map[string]any{"clusterMetrics": map[string]any{
		"appsSubmitted": len(jobs), "appsCompleted": n["SUCCEEDED"], "appsPending": n["NEW"], "appsRunning": n["RUNNING"], "appsFailed": n["FAILED"], "appsKilled": n["KILLED"],
		"reservedMB": 0, "availableMB": t.mb - t.usedMB, "allocatedMB": t.usedMB, "totalMB": t.mb, "pendingMB": 0, "reservedVirtualCores": 0,
		"availableVirtualCores": t.slots - t.used, "allocatedVirtualCores": t.used, "totalVirtualCores": t.slots, "pendingVirtualCores": 0,
		"containersAllocated": t.used, "containersReserved": 0, "containersPending": 0, "totalNodes": t.nodes + t.lost, "activeNodes": t.nodes, "lostNodes": t.lost,
		"unhealthyNodes": 0, "decommissioningNodes": 0, "decommissionedNodes": 0, "rebootedNodes": 0, "shutdownNodes": 0,
	}})
}

func (a *API) schedulerInfo(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"scheduler": map[string]any{"schedulerInfo": map[string]any{
		"type": "fifoScheduler", "capacity": 1.0, "usedCapacity": 0.0, "qstate": "RUNNING", "minQueueMemoryCapacity": 0, "maxQueueMemoryCapacity": a.totals().mb,
		"numNodes": a.totals().nodes, "usedNodeCapacity": 0, "availNodeCapacity": 0, "totalNodeCapacity": 0, "numContainers": a.totals().used,
	}}})
}

func host(r *http.Request) string { return r.Host }

func (a *API) appView(r *http.Request, j *batchpb.Job) map[string]any {
	id, err := jobIDOf(j.Spec.Id)
	if err != nil {
		return nil
	}
	state, final := yarnState(j)
	elapsed := int64(0)
	end := j.FinishedMs
	if end == 0 {
		end = time.Now().UnixMilli()
	}
	if j.StartedMs > 0 {
		elapsed = end - j.StartedMs
	}
	running := int(j.MapsRunning + j.ReducesRunning)
	perSlot := int64(1024)
	allocated, containers := int64(-1), -1
	if j.FinishedMs == 0 {
		allocated, containers = int64(running)*perSlot, running
	}
	return map[string]any{
		"id": id.Application(), "user": j.Spec.User, "name": j.Name, "queue": j.Spec.Queue, "state": state, "finalStatus": final, "progress": progress(j),
		"trackingUI": map[bool]string{true: "History", false: "ApplicationMaster"}[j.FinishedMs > 0], "trackingUrl": "http://" + host(r) + "/api/jobs/" + j.Spec.Id,
		"diagnostics": j.Diagnostics, "clusterId": a.b.Started().UnixMilli(), "applicationType": "MAPREDUCE", "applicationTags": strings.Join(j.Spec.Tags, ","),
		"priority": j.Spec.Priority, "startedTime": j.Spec.SubmittedMs, "launchTime": j.StartedMs, "finishedTime": j.FinishedMs, "elapsedTime": elapsed,
		"amContainerLogs": "http://" + host(r) + "/api/jobs/" + j.Spec.Id + "/logs", "amHostHttpAddress": host(r), "allocatedMB": allocated, "allocatedVCores": containers,
		"runningContainers": containers, "reservedMB": -1, "reservedVCores": -1, "memorySeconds": millisOf(j) * perSlot / 1000, "vcoreSeconds": millisOf(j) / 1000,
		"queueUsagePercentage": 0.0, "clusterUsagePercentage": 0.0, "preemptedResourceMB": 0, "preemptedResourceVCores": 0, "numNonAMContainerPreempted": 0,
		"numAMContainerPreempted": 0, "logAggregationStatus": "SUCCEEDED", "unmanagedApplication": false, "amNodeLabelExpression": "", "masterNodeId": "",
	}
}

func millisOf(j *batchpb.Job) (n int64) {
	for _, c := range j.Counters {
		if c.Name == "MILLIS_MAPS" || c.Name == "MILLIS_REDUCES" {
			n += c.Value
		}
	}
	return n
}

var yarnStates = []string{"NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED", "RUNNING", "FINISHED", "FAILED", "KILLED"}

func (a *API) apps(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	var states []string
	for _, list := range q["states"] {
		for _, s := range strings.Split(list, ",") {
			s = strings.ToUpper(strings.TrimSpace(s))
			if !slices.Contains(yarnStates, s) {
				remoteException(w, http.StatusBadRequest, badRequestClass, "java.lang.Exception: Invalid application-state "+s+" specified. It should be one of "+strings.Join(yarnStates, ","))
				return
			}
			states = append(states, s)
		}
	}
	limit := -1
	if v := q.Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n <= 0 {
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
	for _, j := range slices.Backward(jobs) {
		state, final := yarnState(j)
		if (len(states) > 0 && !slices.Contains(states, state)) || differs(q.Get("finalStatus"), final) || differs(q.Get("user"), j.Spec.User) ||
			differs(q.Get("queue"), j.Spec.Queue) || !within(q.Get("startedTimeBegin"), q.Get("startedTimeEnd"), j.StartedMs) ||
			!within(q.Get("finishedTimeBegin"), q.Get("finishedTimeEnd"), j.FinishedMs) {
			continue
		}
		if limit >= 0 && len(list) == limit {
			break
		}
		list = append(list, a.appView(r, j))
	}
	if len(list) == 0 {
		writeJSON(w, http.StatusOK, map[string]any{"apps": map[string]any{}})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"apps": map[string]any{"app": list}})
}

func differs(want, got string) bool { return want != "" && !strings.EqualFold(want, got) }

func within(from, to string, t int64) bool {
	lo, err1 := strconv.ParseInt(from, 10, 64)
	hi, err2 := strconv.ParseInt(to, 10, 64)
	return (err1 != nil || t >= lo) && (err2 != nil || t <= hi)
}

// findApp finds the job of an application id, or answers the error.
func (a *API) findApp(w http.ResponseWriter, r *http.Request, tasks bool) *batchpb.Job {
	id, err := jobIDOf(r.PathValue("id"))
	if err != nil {
		remoteException(w, http.StatusBadRequest, badRequestClass, "java.lang.IllegalArgumentException: Invalid ApplicationId prefix: "+r.PathValue("id")+". The valid ApplicationId should start with prefix application")
		return nil
	}
	j, err := a.b.Job(r.Context(), id.String(), tasks, 0)
	if err != nil {
		a.failed(w, err, r.PathValue("id"))
		return nil
	}
	return j
}

func (a *API) app(w http.ResponseWriter, r *http.Request) {
	if j := a.findApp(w, r, false); j != nil {
		writeJSON(w, http.StatusOK, map[string]any{"app": a.appView(r, j)})
	}
}

func (a *API) appAttempts(w http.ResponseWriter, r *http.Request) {
	j := a.findApp(w, r, false)
	if j == nil {
		return
	}
	id, _ := jobIDOf(j.Spec.Id)
	number := strings.TrimPrefix(id.Application(), "application_")
	writeJSON(w, http.StatusOK, map[string]any{"appAttempts": map[string]any{"appAttempt": []any{map[string]any{
		"id": 1, "startTime": j.StartedMs, "finishedTime": j.FinishedMs, "containerId": "container_" + number + "_01_000001", "nodeHttpAddress": host(r), "nodeId": host(r),
		"logsLink": "http://" + host(r) + "/api/jobs/" + j.Spec.Id + "/logs", "blacklistedNodes": "", "nodesBlacklistedBySystem": "", "appAttemptId": "appattempt_" + number + "_000001",
	}}}})
}

func (a *API) appState(w http.ResponseWriter, r *http.Request) {
	if j := a.findApp(w, r, false); j != nil {
		state, _ := yarnState(j)
		writeJSON(w, http.StatusOK, map[string]any{"state": state})
	}
}

func (a *API) setAppState(w http.ResponseWriter, r *http.Request) {
	j := a.findApp(w, r, false)
	if j == nil || !a.allowed(w, r) {
		return
	}
	var body struct{ State string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.State != "KILLED" {
		remoteException(w, http.StatusBadRequest, badRequestClass, "java.lang.Exception: Only 'KILLED' is allowed as a target state.")
		return
	}
	user := r.URL.Query().Get("user.name")
	if user == "" {
		user = "REST"
	}
	if _, _, err := a.b.Kill(r.Context(), j.Spec.Id, user); err != nil {
		a.failed(w, err, j.Spec.Id)
		return
	}
	state, _ := yarnState(j)
	if j, err := a.b.Job(r.Context(), j.Spec.Id, false, 0); err == nil && j.FinishedMs > 0 {
		state, _ = yarnState(j)
		writeJSON(w, http.StatusOK, map[string]any{"state": state})
		return
	}
	w.Header().Set("Location", "http://"+host(r)+r.URL.Path)
	writeJSON(w, http.StatusAccepted, map[string]any{"state": state})
}

func (a *API) appStatistics(w http.ResponseWriter, r *http.Request) {
	jobs, err := a.b.Jobs(r.Context())
	if err != nil {
		a.failed(w, err, "")
		return
	}
	n := map[string]int{}
	for _, j := range jobs {
		s, _ := yarnState(j)
		n[s]++
	}
	var items []any
	for _, s := range yarnStates {
		items = append(items, map[string]any{"state": s, "type": "*", "count": n[s]})
	}
	writeJSON(w, http.StatusOK, map[string]any{"appStatInfo": map[string]any{"statItem": items}})
}

func (a *API) newApplication(w http.ResponseWriter, r *http.Request) {
	if !a.allowed(w, r) {
		return
	}
	t := a.totals()
	writeJSON(w, http.StatusOK, map[string]any{"application-id": fmt.Sprintf("application_%d_%04d", a.b.Started().UnixMilli(), time.Now().UnixMilli()%10000+10000),
		"maximum-resource-capability": map[string]any{"memory": t.mb, "vCores": t.slots, "resourceInformations": map[string]any{"resourceInformation": []any{}}}})
}

func (a *API) nodeView(w *batchpb.Worker) map[string]any {
	state := map[string]string{"RUNNING": "RUNNING", "LOST": "LOST"}[w.State]
	used := usedMB(w)
	return map[string]any{"rack": rackOf(w), "state": state, "id": w.Address, "nodeHostName": w.Host, "nodeHTTPAddress": w.Address, "lastHealthUpdate": w.LastSeenMs,
		"version": hadoopVersion, "healthReport": "", "numContainers": len(w.Running), "usedMemoryMB": used, "availMemoryMB": w.MemoryMb - used,
		"usedVirtualCores": len(w.Running), "availableVirtualCores": int(w.Slots) - len(w.Running), "numRunningOpportContainers": 0, "numQueuedContainers": 0}
}

func rackOf(w *batchpb.Worker) string {
	if w.Rack == "" {
		return "/default-rack"
	}
	return w.Rack
}

func (a *API) nodes(w http.ResponseWriter, _ *http.Request) {
	var list []any
	for _, n := range a.b.Workers() {
		list = append(list, a.nodeView(n))
	}
	if len(list) == 0 {
		writeJSON(w, http.StatusOK, map[string]any{"nodes": map[string]any{}})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"nodes": map[string]any{"node": list}})
}

func (a *API) node(w http.ResponseWriter, r *http.Request) {
	for _, n := range a.b.Workers() {
		if n.Address == r.PathValue("id") || n.Id == r.PathValue("id") {
			writeJSON(w, http.StatusOK, map[string]any{"node": a.nodeView(n)})
			return
		}
	}
	remoteException(w, http.StatusNotFound, notFoundClass, "java.lang.Exception: nodeId, "+r.PathValue("id")+", is not found")
}
