package rest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/lodehq/lode/mapreduce/files"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// drivers maps Spark's submission ids to jobs. They are made of the job's id, so that a restart loses nothing but the order.
type drivers struct {
	mu    sync.Mutex // guards what follows; no I/O under it
	ids   map[string]string
	count int
}

// sparkVersion is the server version that clients are told: the newest whose answers these are.
const sparkVersion = "4.0.1"

const submissionHint = " Please submit requests through http://[host]:[port]/v1/submissions/..."

// Submissions serves port 6066. Bodies always are JSON: Spark's client cannot read anything else.
func (a *API) Submissions() http.Handler { return http.HandlerFunc(a.submissions) }

func (a *API) submissions(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if parts[0] == "" {
		a.sparkError(w, http.StatusBadRequest, "Missing protocol version."+submissionHint)
		return
	}
	if parts[0] != "v1" {
		a.sparkVersionError(w, parts[0])
		return
	}
	if len(parts) < 2 {
		a.sparkError(w, http.StatusBadRequest, "Missing the /submissions prefix."+submissionHint)
		return
	}
	if parts[1] != "submissions" {
		a.sparkVersionError(w, parts[0])
		return
	}
	action, id := "", ""
	if len(parts) > 2 {
		action = parts[2]
	}
	if len(parts) > 3 {
		id = parts[3]
	}
	verbs := map[string]string{"create": http.MethodPost, "kill": http.MethodPost, "killall": http.MethodPost, "clear": http.MethodPost, "status": http.MethodGet, "readyz": http.MethodGet}
	verb, ok := verbs[action]
	switch {
	case !ok:
		a.sparkError(w, http.StatusBadRequest, "Missing an action: please specify one of /create, /kill, /killall, /clear, /status, or /readyz."+submissionHint)
		return
	case r.Method != verb:
		a.sparkError(w, http.StatusMethodNotAllowed, "HTTP method "+r.Method+" is not supported by this URL: use "+verb)
		return
	}
	if action != "readyz" && action != "status" && !a.sparkAllowed(w, r) {
		return
	}
	switch action {
	case "create":
		a.create(w, r)
	case "kill":
		a.killDriver(w, r, id)
	case "status":
		a.driverStatus(w, r, id)
	case "killall":
		a.killAll(w, r)
	case "clear":
		a.spark(w, map[string]any{"action": "ClearResponse", "message": "", "success": true})
	case "readyz":
		a.spark(w, map[string]any{"action": "ReadyzResponse", "message": "", "success": true})
	}
}

func (a *API) spark(w http.ResponseWriter, body map[string]any) {
	body["serverSparkVersion"] = sparkVersion
	a.sparkWrite(w, http.StatusOK, body)
}

// sparkWrite prints as Jackson does for Spark: keys in order, `"key" : value`.
func (a *API) sparkWrite(w http.ResponseWriter, status int, body map[string]any) {
	b, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	text := strings.ReplaceAll(string(b), "\": ", "\" : ")
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func (a *API) sparkError(w http.ResponseWriter, status int, message string) {
	a.sparkWrite(w, status, map[string]any{"action": "ErrorResponse", "message": message, "serverSparkVersion": sparkVersion})
}

func (a *API) sparkVersionError(w http.ResponseWriter, version string) {
	a.sparkWrite(w, 468, map[string]any{"action": "ErrorResponse", "message": "Unknown protocol version '" + version + "'." + submissionHint, "serverSparkVersion": sparkVersion,
		"highestProtocolVersion": "v1"})
}

func (a *API) sparkAllowed(w http.ResponseWriter, r *http.Request) bool {
	if t := a.b.Token(); t != "" && strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") != t {
		a.sparkError(w, http.StatusForbidden, "A token is needed: Authorization: Bearer …")
		return false
	}
	return true
}

type createRequest struct {
	Action               string            `json:"action"`
	AppArgs              []string          `json:"appArgs"`
	AppResource          *string           `json:"appResource"`
	ClientSparkVersion   *string           `json:"clientSparkVersion"`
	EnvironmentVariables map[string]string `json:"environmentVariables"`
	MainClass            *string           `json:"mainClass"`
	Message              string            `json:"message"`
	SparkProperties      map[string]any    `json:"sparkProperties"`
}

var createFields = map[string]bool{"action": true, "appArgs": true, "appResource": true, "clientSparkVersion": true, "environmentVariables": true, "mainClass": true,
	"message": true, "sparkProperties": true}

func (a *API) create(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	if err != nil {
		a.sparkError(w, http.StatusBadRequest, "Malformed request: "+err.Error())
		return
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		a.sparkError(w, http.StatusBadRequest, "Malformed request: com.fasterxml.jackson.core.JsonParseException: "+err.Error())
		return
	}
	var req createRequest
	_ = json.Unmarshal(raw["action"], &req.Action)
	switch {
	case req.Action == "":
		a.sparkError(w, http.StatusBadRequest, "Malformed request: org.apache.spark.deploy.rest.SubmitRestMissingFieldException: Action field not found in JSON:\n"+string(body))
		return
	case req.Action != "CreateSubmissionRequest":
		a.sparkError(w, http.StatusBadRequest, "Received message of unexpected type "+req.Action+".")
		return
	}
	if err := json.Unmarshal(body, &req); err != nil {
		a.sparkError(w, http.StatusBadRequest, "Malformed request: com.fasterxml.jackson.databind.exc.MismatchedInputException: "+err.Error())
		return
	}
	if problem := checkCreate(&req); problem != "" {
		a.sparkError(w, http.StatusBadRequest, "Malformed request: org.apache.spark.deploy.rest.SubmitRestProtocolException: Validation of message CreateSubmissionRequest failed!\n\tat "+problem)
		return
	}
	var unknown []string
	for k := range raw {
		if !createFields[k] {
			unknown = append(unknown, k)
		}
	}
	spec, err := a.jobOf(r.Context(), &req)
	if err != nil {
		a.sparkError(w, http.StatusBadRequest, err.Error())
		return
	}
	answer := map[string]any{"action": "CreateSubmissionResponse"}
	if len(unknown) > 0 {
		answer["unknownFields"] = unknown
	}
	jobID, err := a.b.Submit(r.Context(), spec)
	if err != nil {
		answer["success"], answer["message"] = false, "Exception from the cluster: "+err.Error()
		a.spark(w, answer)
		return
	}
	a.drivers.mu.Lock()
	a.drivers.count++
	id := fmt.Sprintf("driver-%s-%04d", time.Now().Format("20060102150405"), a.drivers.count)
	a.drivers.ids[id] = jobID
	a.drivers.mu.Unlock()
	answer["success"], answer["submissionId"], answer["message"] = true, id, "Driver successfully submitted as "+id
	a.spark(w, answer)
}

func checkCreate(r *createRequest) string {
	empty := func(s *string) bool { return s == nil || *s == "" }
	missing := func(name string) string {
		return "org.apache.spark.deploy.rest.SubmitRestMissingFieldException: '" + name + "' is missing in message CreateSubmissionRequest."
	}
	switch {
	case empty(r.ClientSparkVersion):
		return missing("clientSparkVersion")
	case r.SparkProperties == nil:
		return "No Spark properties set!"
	case r.AppResource == nil:
		return missing("appResource")
	}
	for key, v := range r.SparkProperties {
		text := fmt.Sprint(v)
		switch key {
		case "spark.driver.supervise":
			if l := strings.ToLower(text); l != "true" && l != "false" {
				return fmt.Sprintf("Property '%s' expected boolean value: actual was '%s'.", key, text)
			}
		case "spark.driver.cores", "spark.cores.max":
			var n float64
			if _, err := fmt.Sscan(text, &n); err != nil {
				return fmt.Sprintf("Property '%s' expected numeric value: actual was '%s'.", key, text)
			}
		case "spark.driver.memory", "spark.executor.memory":
			if !isMemory(text) {
				return fmt.Sprintf("Property '%s' expected memory value: actual was '%s'.", key, text)
			}
		}
	}
	if empty(r.MainClass) {
		return "Main class is missing."
	}
	return ""
}

func isMemory(s string) bool {
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	switch strings.ToLower(s[digits:]) {
	case "", "b", "k", "kb", "m", "mb", "g", "gb", "t", "tb", "p", "pb":
		return digits > 0
	}
	return false
}

// jobOf turns a submission into a job: appResource is `builtin:` or a static Go binary in the file system, mainClass the program in it.
func (a *API) jobOf(ctx context.Context, r *createRequest) (*batchpb.JobSpec, error) {
	resource := *r.AppResource
	if strings.HasSuffix(resource, ".jar") {
		return nil, fmt.Errorf("%s is Java bytecode and Lode runs no JVM: appResource is builtin: for a built-in job, or a static Go binary", resource)
	}
	spec := &batchpb.JobSpec{Program: *r.MainClass, Args: r.AppArgs, User: files.User(), Conf: map[string]string{}}
	for k, v := range r.SparkProperties {
		spec.Conf[k] = fmt.Sprint(v)
	}
	if name, ok := spec.Conf["spark.app.name"]; ok {
		spec.Name = name
	}
	if strings.HasPrefix(resource, "builtin:") || resource == "" {
		return spec, nil
	}
	spec.Binary = resource
	var err error
	if spec.BinarySha256, err = a.digest(ctx, resource); err != nil {
		return nil, fmt.Errorf("appResource %s: %w", resource, err)
	}
	return spec, nil
}

// digest reads a binary in the file system: workers check what they get against it.
func (a *API) digest(ctx context.Context, path string) (string, error) {
	f, err := a.o.FS.Open(ctx, path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (a *API) driverJob(id string) string {
	a.drivers.mu.Lock()
	defer a.drivers.mu.Unlock()
	return a.drivers.ids[id]
}

func (a *API) killDriver(w http.ResponseWriter, r *http.Request, id string) {
	if id == "" {
		a.sparkError(w, http.StatusBadRequest, "Submission ID is missing in kill request.")
		return
	}
	answer := map[string]any{"action": "KillSubmissionResponse", "submissionId": id, "success": true, "message": "Kill request for " + id + " submitted"}
	job := a.driverJob(id)
	running := false
	if job != "" {
		var err error
		if _, running, err = a.b.Kill(r.Context(), job, "the submission API"); err != nil {
			running = false
		}
	}
	if !running {
		answer["success"], answer["message"] = false, "Driver "+id+" has already finished or does not exist"
	}
	a.spark(w, answer)
}

func (a *API) killAll(w http.ResponseWriter, r *http.Request) {
	a.drivers.mu.Lock()
	var jobs []string
	for _, j := range a.drivers.ids {
		jobs = append(jobs, j)
	}
	a.drivers.mu.Unlock()
	for _, j := range jobs {
		_, _, _ = a.b.Kill(r.Context(), j, "the submission API") // those that have ended need no kill
	}
	a.spark(w, map[string]any{"action": "KillAllSubmissionResponse", "message": "Kill request for all drivers submitted", "success": true})
}

func (a *API) driverStatus(w http.ResponseWriter, r *http.Request, id string) {
	if id == "" {
		a.sparkError(w, http.StatusBadRequest, "Submission ID is missing in status request.")
		return
	}
	answer := map[string]any{"action": "SubmissionStatusResponse", "submissionId": id, "success": false}
	if job := a.driverJob(id); job != "" {
		if j, err := a.b.Job(r.Context(), job, true, 0); err == nil {
			answer["success"] = true
			answer["driverState"] = map[string]string{"NEW": "SUBMITTED", "RUNNING": "RUNNING", "SUCCEEDED": "FINISHED", "FAILED": "FAILED", "KILLED": "KILLED"}[j.State]
			for _, t := range j.Tasks {
				for _, at := range t.Attempts {
					answer["workerId"] = at.Worker
					for _, wk := range a.b.Workers() {
						if wk.Id == at.Worker {
							answer["workerHostPort"] = wk.Address
						}
					}
				}
			}
		}
	}
	a.spark(w, answer)
}
