package plan

import (
	"encoding/json"
	"fmt"
	"slices"

	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// Submit adds a job. The token is what its shuffle servers will want to see.
func (p *Plan) Submit(now int64, spec *batchpb.JobSpec, token string) {
	if p.jobs[spec.Id] != nil {
		return
	}
	j := &job{spec: spec, name: spec.Name, state: New, stages: 1, failures: map[string]int{}, token: token}
	if j.name == "" {
		j.name = spec.Program
	}
	p.jobs[spec.Id] = j
	p.order = append(p.order, j)
	p.beginStage(j)
	p.touch(j)
}

// Restore adds a job that was running before the scheduler restarted, with what the journal knows of its stages, in order. Its tasks
// wait a moment for workers to come back with what they have finished.
func (p *Plan) Restore(now int64, spec *batchpb.JobSpec, token string, records []*Record) {
	p.Submit(now, spec, token)
	j := p.jobs[spec.Id]
	j.waitUntil = now + p.cfg.GraceMS
	for _, r := range records {
		if ended(j.state) {
			break
		}
		if j.stage+1 == r.Stage && j.phase == phaseCommit && !r.Tasks { // the next stage was planned: this one was committed
			j.current[0].state = Succeeded
			p.stageDone(now, j)
		}
		switch {
		case r.Stage != j.stage:
		case !r.Tasks && j.phase == phaseSetup:
			p.result(now, "", r.Result)
		case r.Tasks && (j.phase == phaseMap || j.phase == phaseReduce):
			p.rememberTasks(now, j, r.Result.Setup.GetTasks())
		}
	}
	for _, t := range j.current {
		t.held = false // the record is there, or there was nothing to record
	}
}

// rememberTasks takes the answers of a stage's map and reduce tasks from the journal.
func (p *Plan) rememberTasks(now int64, j *job, results []*batchpb.TaskResult) {
	for _, r := range results {
		list := j.maps
		if r.Spec.GetKind() == batchpb.TaskSpec_REDUCE {
			list = j.reduceTask
		}
		if i := int(r.Spec.GetIndex()); i < len(list) && list[i].winner == nil {
			t := list[i]
			t.state, t.next = Succeeded, int(r.Spec.Attempt)+1
			t.winner = &attempt{task: t, id: r.AttemptId, number: int(r.Spec.Attempt), state: Succeeded, started: r.StartedMs, finished: r.FinishedMs, progress: 1, result: r}
			t.attempts = append(t.attempts, t.winner)
		}
	}
	if allDone(j.maps) && allDone(j.reduceTask) {
		p.beginCommit(j)
	}
}

// Recorded says that the record that a stage's commit waits for is written.
func (p *Plan) Recorded(id string, stage int) {
	if j := p.jobs[id]; j != nil && j.stage == stage && j.phase == phaseCommit {
		j.current[0].held = false
	}
}

func (p *Plan) beginStage(j *job) {
	j.phase, j.maps, j.reduceTask, j.prepared = phaseSetup, nil, nil, nil
	t := &taskState{job: j, kind: batchpb.TaskSpec_SETUP, stage: j.stage, index: j.stage, state: Pending, phase: phaseSetup}
	j.tasks = append(j.tasks, t)
	j.current = []*taskState{t}
}

// Register adds a worker or takes it back. running and finished are what it holds of earlier jobs; jobs that are over, or not
// known, are dropped on it.
func (p *Plan) Register(now int64, r *batchpb.Register) {
	id := r.Worker.Id
	w := p.workers[id]
	if w == nil {
		w = &worker{running: map[string]*attempt{}}
		p.workers[id] = w
	}
	w.info, w.lastSeen, w.lost = r.Worker, now, false
	w.info.State = Running
	for _, jobID := range r.Jobs {
		if j := p.jobs[jobID]; j == nil || ended(j.state) {
			p.emit(Command{Worker: id, Drop: jobID})
		}
	}
	has := map[string]bool{}
	for _, spec := range r.Running {
		has[spec.AttemptId] = true
		if a := p.adopt(now, id, spec); a == nil || a.state != Running {
			p.emit(Command{Worker: id, Kill: spec.AttemptId})
		}
	}
	for _, res := range r.Finished {
		has[res.AttemptId] = true
		p.result(now, id, res)
	}
	for _, a := range sortedAttempts(w.running) {
		if !has[a.id] { // launched, but the worker never heard of it or forgot it
			p.attemptGone(now, a, "the worker came back without it")
		}
	}
}

func sortedAttempts(m map[string]*attempt) []*attempt {
	out := make([]*attempt, 0, len(m))
	for _, a := range m {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b *attempt) int {
		if a.id < b.id {
			return -1
		}
		return 1
	})
	return out
}

// adopt finds the attempt a worker speaks of, or makes it if the task exists: after a restart the plan has forgotten attempts.
func (p *Plan) adopt(now int64, workerID string, spec *batchpb.TaskSpec) *attempt {
	j := p.jobs[spec.GetJob().GetId()]
	if j == nil || ended(j.state) {
		return nil
	}
	for _, t := range j.tasks {
		if t.kind != spec.Kind || t.stage != int(spec.Stage) || (t.index != int(spec.Index)) {
			continue
		}
		for _, a := range t.attempts {
			if a.id == spec.AttemptId {
				return a
			}
		}
		if t.state == Succeeded || workerID == "" {
			return nil
		}
		w := p.workers[workerID]
		a := &attempt{task: t, id: spec.AttemptId, number: int(spec.Attempt), worker: workerID, host: w.info.Host, address: w.info.Address,
			state: Running, started: now, lastBeat: now}
		t.attempts = append(t.attempts, a)
		t.next = max(t.next, a.number+1)
		t.state = Running
		w.running[a.id] = a
		j.begin(now)
		return a
	}
	return nil
}

func (j *job) begin(now int64) {
	if j.state == New {
		j.state, j.started = Running, now
	}
}

// Heartbeat notes that a worker lives.
func (p *Plan) Heartbeat(now int64, workerID string) {
	if w := p.workers[workerID]; w != nil {
		w.lastSeen = now
	}
}

// brokenStreamMS is how long a worker whose stream broke has to come back.
const brokenStreamMS = 3000

// StreamBroken notes that a worker's connection ended: it counts as lost soon unless it comes back.
func (p *Plan) StreamBroken(now int64, workerID string) {
	if w := p.workers[workerID]; w != nil {
		w.lastSeen = min(w.lastSeen, now-p.cfg.WorkerTimeoutMS+brokenStreamMS)
	}
}

// Status takes an attempt's progress.
func (p *Plan) Status(now int64, workerID string, s *batchpb.TaskStatus) {
	w := p.workers[workerID]
	if w == nil {
		return
	}
	w.lastSeen = now
	a := w.running[s.AttemptId]
	if a == nil {
		return
	}
	if s.Beats != a.beats || s.Progress != a.progress || s.Status != a.status {
		a.lastBeat = now
	}
	a.beats, a.progress, a.status = s.Beats, s.Progress, s.Status
	p.touch(a.task.job)
}

// Result takes an attempt's end.
func (p *Plan) Result(now int64, workerID string, r *batchpb.TaskResult) {
	if w := p.workers[workerID]; w != nil {
		w.lastSeen = now
	}
	p.result(now, workerID, r)
}

func (p *Plan) result(now int64, workerID string, r *batchpb.TaskResult) {
	var a *attempt
	if workerID == "" { // remembered from the journal
		a = p.remembered(now, r)
	} else {
		spec := r.Spec
		if spec == nil {
			return
		}
		a = p.adopt(now, workerID, spec)
	}
	if a == nil || a.state != Running {
		return
	}
	if w := p.workers[a.worker]; w != nil {
		delete(w.running, a.id)
	}
	t, j := a.task, a.task.job
	a.finished, a.result, a.errorText = now, r, r.Error
	p.touch(j)
	if ended(j.state) {
		a.state = r.State
		return
	}
	switch {
	case len(r.LostMaps) > 0 && t.kind == batchpb.TaskSpec_REDUCE:
		a.state = Killed
		t.state = Pending
		for _, id := range r.LostMaps {
			if n := p.loseMapOutput(j, id); n > maxLost {
				p.failJob(now, j, Failed, fmt.Sprintf("the output of %s was lost %d times; last error (attempt %s on %s): %s", id, n, a.id, a.host, r.Error))
				return
			}
		}
	case r.State == Succeeded && t.state != Succeeded:
		a.state = Succeeded
		p.taskDone(now, a)
	case r.State == Succeeded:
		a.state = Killed // the other attempt was first
		j.killed(t)
	case r.State == Failed:
		a.state = Failed
		p.attemptFailed(now, a, r.Permanent)
	default:
		a.state = Killed
		j.killed(t)
		p.repend(t)
	}
}

func (p *Plan) remembered(now int64, r *batchpb.TaskResult) *attempt {
	j := p.jobs[r.Spec.GetJob().GetId()]
	if j == nil || len(j.current) != 1 || j.current[0].kind != batchpb.TaskSpec_SETUP {
		return nil
	}
	t := j.current[0]
	a := &attempt{task: t, id: r.AttemptId, state: Running, started: r.StartedMs}
	t.attempts = append(t.attempts, a)
	t.next = 1
	j.begin(now)
	return a
}

// repend puts a task without running attempts back into the queue.
func (p *Plan) repend(t *taskState) {
	if t.state == Running && t.live() == 0 {
		t.state = Pending
	}
}

func (j *job) killed(t *taskState) {
	switch t.kind {
	case batchpb.TaskSpec_MAP:
		j.counts.killedMaps++
	case batchpb.TaskSpec_REDUCE:
		j.counts.killedReduces++
	}
}

func (p *Plan) attemptFailed(now int64, a *attempt, permanent bool) {
	t, j := a.task, a.task.job
	switch t.kind {
	case batchpb.TaskSpec_MAP:
		j.counts.failedMaps++
	case batchpb.TaskSpec_REDUCE:
		j.counts.failedReduces++
	}
	if t.state == Succeeded {
		return
	}
	t.failed++
	j.failures[a.worker]++
	if t.phase == phaseAbort {
		p.endJob(now, j, j.ending)
		return
	}
	if permanent || t.failed >= p.maxAttempts(j, t) {
		t.state = Failed
		text := fmt.Sprintf("Task %s failed %d times; last error (attempt %s on %s): %s", taskID(t), t.failed, a.id, a.host, a.errorText)
		if permanent {
			text = a.errorText
		}
		p.failJob(now, j, Failed, text)
		return
	}
	p.repend(t)
}

func (p *Plan) maxAttempts(j *job, t *taskState) int {
	key := "mapreduce.map.maxattempts"
	if t.kind == batchpb.TaskSpec_REDUCE {
		key = "mapreduce.reduce.maxattempts"
	}
	n := 0
	if v := j.spec.Conf[key]; v != "" {
		_, _ = fmt.Sscan(v, &n) // refused at submission when it is no number
	}
	if n > 0 {
		return n
	}
	return p.cfg.MaxAttempts
}

// taskDone is the success of a task's first attempt.
func (p *Plan) taskDone(now int64, a *attempt) {
	t, j := a.task, a.task.job
	t.state, t.winner = Succeeded, a
	a.progress = 1
	for _, other := range t.attempts {
		if other != a && other.state == Running {
			p.kill(other)
		}
	}
	switch t.phase {
	case phaseSetup:
		p.setupDone(now, j, a)
	case phaseMap:
		if allDone(j.maps) {
			p.mapsDone(j)
		}
	case phaseReduce:
		if allDone(j.reduceTask) && allDone(j.maps) { // a map whose output was lost runs again, for its side outputs and counters
			p.beginCommit(j)
		}
	case phaseCommit:
		p.stageDone(now, j)
	case phaseAbort:
		p.endJob(now, j, j.ending)
	}
}

func allDone(tasks []*taskState) bool {
	for _, t := range tasks {
		if t.state != Succeeded {
			return false
		}
	}
	return true
}

type splitView struct {
	Path   string   `json:"path"`
	Length int64    `json:"length"`
	Hosts  []string `json:"hosts"`
}

func (p *Plan) setupDone(now int64, j *job, a *attempt) {
	s := a.result.Setup
	if s == nil {
		p.failJob(now, j, Failed, "the setup task answered nothing")
		return
	}
	p.emit(Command{Record: &Record{Job: j.spec.Id, Stage: j.stage, Commit: s.Uber, Result: a.result}})
	if s.JobName != "" && j.spec.Name == "" {
		j.name = s.JobName
	}
	j.stages, j.reduces, j.prepared = max(1, int(s.Stages)), int(s.Reduces), s.Prepared
	j.uber = s.Uber && (j.uber || j.stage == 0)
	for i, b := range s.Splits {
		var v splitView
		if err := json.Unmarshal(b, &v); err != nil {
			p.failJob(now, j, Failed, fmt.Sprintf("split %d cannot be read: %v", i, err))
			return
		}
		j.maps = append(j.maps, &taskState{job: j, kind: batchpb.TaskSpec_MAP, stage: j.stage, index: i, base: j.offset, split: b, hosts: v.Hosts, length: v.Length, path: v.Path,
			state: Pending, phase: phaseMap})
	}
	for i := range j.reduces {
		j.reduceTask = append(j.reduceTask, &taskState{job: j, kind: batchpb.TaskSpec_REDUCE, stage: j.stage, index: i, base: j.offset, state: Pending, phase: phaseReduce})
	}
	j.tasks = append(append(j.tasks, j.maps...), j.reduceTask...)
	if s.Uber {
		p.uberDone(j, a)
		return
	}
	j.phase, j.current = phaseMap, j.maps
	if len(j.maps) == 0 {
		p.mapsDone(j)
	}
}

// uberDone records the tasks that the setup attempt ran itself.
func (p *Plan) uberDone(j *job, a *attempt) {
	for _, r := range a.result.Setup.Tasks {
		list := j.maps
		if r.Spec.Kind == batchpb.TaskSpec_REDUCE {
			list = j.reduceTask
			j.counts.launchedReduces++
		} else {
			j.counts.launchedMaps++
			j.counts.otherMaps++
		}
		if i := int(r.Spec.Index); i < len(list) {
			t := list[i]
			t.state, t.next = Succeeded, 1
			t.winner = &attempt{task: t, id: r.AttemptId, worker: a.worker, host: a.host, address: a.address, state: Succeeded, started: r.StartedMs, finished: r.FinishedMs,
				progress: 1, result: r}
			t.attempts = append(t.attempts, t.winner)
		}
	}
	p.commitTask(j)
}

func (p *Plan) mapsDone(j *job) {
	if j.phase == phaseCommit || j.phase == phaseAbort {
		return
	}
	if j.reduces == 0 {
		p.beginCommit(j)
		return
	}
	j.phase, j.current = phaseReduce, j.reduceTask
	if allDone(j.reduceTask) {
		p.beginCommit(j)
	}
}

// beginCommit records the answers of the stage's tasks, for a commit must be repeated with the same files whatever happens: it may
// have taken place when its attempt, a worker or the scheduler dies.
func (p *Plan) beginCommit(j *job) {
	all := append(winners(j.maps), winners(j.reduceTask)...)
	p.emit(Command{Record: &Record{Job: j.spec.Id, Stage: j.stage, Tasks: true, Commit: true, Result: &batchpb.TaskResult{
		Spec: &batchpb.TaskSpec{Stage: int32(j.stage), Job: &batchpb.JobSpec{Id: j.spec.Id}}, Setup: &batchpb.SetupResult{Tasks: all}}}})
	p.commitTask(j)
}

func (p *Plan) commitTask(j *job) {
	t := &taskState{job: j, kind: batchpb.TaskSpec_COMMIT, stage: j.stage, index: j.stage, state: Pending, phase: phaseCommit, held: true}
	j.tasks = append(j.tasks, t)
	j.phase, j.current = phaseCommit, []*taskState{t}
}

func (p *Plan) stageDone(now int64, j *job) {
	j.offset += max(len(j.maps), len(j.reduceTask))
	if j.stage+1 < j.stages {
		j.stage++
		p.beginStage(j)
		return
	}
	p.endJob(now, j, Succeeded)
}

// failJob kills what runs and has the job's leavings removed; the job ends after that.
func (p *Plan) failJob(now int64, j *job, state, why string) {
	if ended(j.state) || j.phase == phaseAbort {
		return
	}
	j.diag, j.ending = why, state
	for _, t := range j.tasks {
		for _, a := range t.attempts {
			if a.state == Running {
				p.kill(a)
			}
		}
		if t.state == Pending || t.state == Running {
			t.state = Killed
		}
	}
	if j.phase == phaseSetup { // nothing was written, or the setup task has removed it
		p.endJob(now, j, state)
		return
	}
	t := &taskState{job: j, kind: batchpb.TaskSpec_ABORT, stage: j.stage, index: j.stage, state: Pending, phase: phaseAbort}
	j.tasks = append(j.tasks, t)
	j.phase, j.current = phaseAbort, []*taskState{t}
}

func (p *Plan) endJob(now int64, j *job, state string) {
	j.state, j.finished, j.phase, j.current = state, now, "", nil
	if j.started == 0 {
		j.started = now
	}
	p.touch(j)
	for _, w := range p.sortedWorkers() {
		if !w.lost {
			p.emit(Command{Worker: w.info.Id, Drop: j.spec.Id})
		}
	}
	p.emit(Command{Ended: j.spec.Id})
}

// Kill ends a job on someone's wish. It returns the state and whether the job was still running.
func (p *Plan) Kill(now int64, id, why string) (state string, running, known bool) {
	j := p.jobs[id]
	if j == nil {
		return "", false, false
	}
	if ended(j.state) {
		return j.state, false, true
	}
	p.failJob(now, j, Killed, why)
	p.touch(j)
	return Killed, true, true
}

func (p *Plan) kill(a *attempt) {
	if !a.killing {
		a.killing = true
		p.emit(Command{Worker: a.worker, Kill: a.id})
	}
}

// WorkerLost takes a worker as gone: its attempts are repeated, and so are finished maps whose output is still needed.
func (p *Plan) WorkerLost(now int64, id string) {
	w := p.workers[id]
	if w == nil || w.lost {
		return
	}
	w.lost = true
	w.info.State = Lost
	for _, a := range sortedAttempts(w.running) {
		p.attemptGone(now, a, "its worker was lost")
	}
	for _, j := range p.order {
		if ended(j.state) || (j.phase != phaseMap && j.phase != phaseReduce) || j.reduces == 0 {
			continue
		}
		for _, t := range j.maps {
			if t.winner != nil && t.winner.worker == id {
				p.loseMapOutput(j, t.winner.id)
			}
		}
	}
}

func (p *Plan) attemptGone(now int64, a *attempt, why string) {
	if a.state != Running {
		return
	}
	a.state, a.finished, a.errorText = Killed, now, why
	if w := p.workers[a.worker]; w != nil {
		delete(w.running, a.id)
	}
	a.task.job.killed(a.task)
	p.repend(a.task)
	p.touch(a.task.job)
}

// maxLost bounds how often a map's output may be lost before the job fails: a disk that damages all that is written to it.
const maxLost = 10

// loseMapOutput makes a finished map run again; reduces that wait to be launched wait for it. It tells how often that has happened.
func (p *Plan) loseMapOutput(j *job, attemptID string) int {
	for _, t := range j.maps {
		if t.winner != nil && t.winner.id == attemptID && t.stage == j.stage {
			t.winner.state = Killed
			t.winner.errorText = "its output was lost"
			t.winner, t.state = nil, Pending
			j.counts.killedMaps++
			if j.phase == phaseReduce {
				j.phase, j.current = phaseMap, j.maps
			}
			p.touch(j)
			t.lost++
			return t.lost
		}
	}
	return 0
}

// Tick looks for workers and attempts that have been silent too long.
func (p *Plan) Tick(now int64) {
	for _, w := range p.sortedWorkers() {
		if !w.lost && now-w.lastSeen > p.cfg.WorkerTimeoutMS {
			p.WorkerLost(now, w.info.Id)
		}
	}
	for _, j := range p.order {
		if ended(j.state) {
			continue
		}
		timeout := p.cfg.TaskTimeoutMS
		if v, ok := j.spec.Conf["mapreduce.task.timeout"]; ok {
			_, _ = fmt.Sscan(v, &timeout)
		}
		for _, t := range j.current {
			for _, a := range t.attempts {
				if a.state == Running && timeout > 0 && now-a.lastBeat > timeout {
					p.kill(a)
					a.state, a.finished = Failed, now
					a.errorText = fmt.Sprintf("no sign of life for %d seconds (mapreduce.task.timeout)", timeout/1000)
					if w := p.workers[a.worker]; w != nil {
						delete(w.running, a.id)
					}
					p.attemptFailed(now, a, false)
				}
			}
		}
	}
}
