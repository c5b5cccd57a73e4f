package plan

import (
	"sort"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/task"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// Job describes a job; nil when there is none of that id.
func (p *Plan) Job(id string, withTasks bool) *batchpb.Job {
	j := p.jobs[id]
	if j == nil {
		return nil
	}
	return j.view(withTasks)
}

// Jobs describes all jobs in order of submission.
func (p *Plan) Jobs() []*batchpb.Job {
	out := make([]*batchpb.Job, 0, len(p.order))
	for _, j := range p.order {
		out = append(out, j.view(false))
	}
	return out
}

// Forget drops a job that has ended.
func (p *Plan) Forget(id string) {
	j := p.jobs[id]
	if j == nil || !ended(j.state) {
		return
	}
	delete(p.jobs, id)
	for i, x := range p.order {
		if x == j {
			p.order = append(p.order[:i], p.order[i+1:]...)
			break
		}
	}
}

// Workers describes the workers, by id.
func (p *Plan) Workers() []*batchpb.Worker {
	var out []*batchpb.Worker
	for _, w := range p.sortedWorkers() {
		v := &batchpb.Worker{Id: w.info.Id, Host: w.info.Host, Address: w.info.Address, Slots: w.info.Slots, MemoryMb: w.info.MemoryMb, State: w.info.State, Rack: w.info.Rack,
			LastSeenMs: w.lastSeen, Protections: w.info.Protections, StartedMs: w.info.StartedMs}
		for id := range w.running {
			v.Running = append(v.Running, id)
		}
		sort.Strings(v.Running)
		out = append(out, v)
	}
	return out
}

// AttemptWorkers tells where an attempt runs or ran: the worker's id and the address of its log server.
func (p *Plan) AttemptWorkers(jobID string) map[string]string {
	j := p.jobs[jobID]
	if j == nil {
		return nil
	}
	out := map[string]string{}
	for _, t := range j.tasks {
		for _, a := range t.attempts {
			out[a.id] = a.address
		}
	}
	return out
}

// Version tells how often a job has changed and whether it is over, without describing it.
func (p *Plan) Version(id string) (version int64, over, known bool) {
	j := p.jobs[id]
	if j == nil {
		return 0, false, false
	}
	return j.version, ended(j.state), true
}

func (j *job) view(withTasks bool) *batchpb.Job {
	v := &batchpb.Job{Spec: j.spec, Name: j.name, State: j.state, Version: j.version, StartedMs: j.started, FinishedMs: j.finished, Stage: int32(j.stage), Stages: int32(j.stages),
		Phase: j.phase, Uber: j.uber, Diagnostics: j.diag, FailedMaps: j.counts.failedMaps, KilledMaps: j.counts.killedMaps, FailedReduces: j.counts.failedReduces,
		KilledReduces: j.counts.killedReduces}
	maps, reduces := mapreduce.CounterValues{}, mapreduce.CounterValues{}
	var mapSum, reduceSum float64
	var mapMillis, reduceMillis int64
	for _, t := range j.tasks {
		progress := 0.0
		for _, a := range t.attempts {
			progress = max(progress, a.progress)
		}
		done, running := t.state == Succeeded, t.state == Running
		switch t.kind {
		case batchpb.TaskSpec_MAP:
			v.MapsTotal++
			mapSum += progress
			v.MapsDone += count(done)
			v.MapsRunning += count(running)
			addWinner(maps, t)
			mapMillis += millis(t)
		case batchpb.TaskSpec_REDUCE:
			v.ReducesTotal++
			reduceSum += progress
			v.ReducesDone += count(done)
			v.ReducesRunning += count(running)
			addWinner(reduces, t)
			reduceMillis += millis(t)
		}
		if withTasks {
			v.Tasks = append(v.Tasks, t.view())
		}
	}
	v.MapProgress, v.ReduceProgress = ratio(mapSum, v.MapsTotal, j.state), ratio(reduceSum, v.ReducesTotal, j.state)
	all := mapreduce.CounterValues{}
	all.Add(maps)
	all.Add(reduces)
	jobCounter := func(name string, n int64) {
		if n != 0 {
			all[mapreduce.CounterID{Group: mapreduce.GroupJob, Name: name}] = n
		}
	}
	c := j.counts
	jobCounter("NUM_FAILED_MAPS", int64(c.failedMaps))
	jobCounter("NUM_KILLED_MAPS", int64(c.killedMaps))
	jobCounter("NUM_FAILED_REDUCES", int64(c.failedReduces))
	jobCounter("NUM_KILLED_REDUCES", int64(c.killedReduces))
	jobCounter("TOTAL_LAUNCHED_MAPS", int64(c.launchedMaps))
	jobCounter("TOTAL_LAUNCHED_REDUCES", int64(c.launchedReduces))
	jobCounter("DATA_LOCAL_MAPS", int64(c.localMaps))
	jobCounter("RACK_LOCAL_MAPS", int64(c.rackMaps))
	jobCounter("OTHER_LOCAL_MAPS", int64(c.otherMaps))
	jobCounter("MILLIS_MAPS", mapMillis)
	jobCounter("MILLIS_REDUCES", reduceMillis)
	v.Counters, v.MapCounters, v.ReduceCounters = task.CountersToProto(all), task.CountersToProto(maps), task.CountersToProto(reduces)
	return v
}

func count(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

func ratio(sum float64, n int32, state string) float64 {
	switch {
	case state == Succeeded:
		return 1
	case n == 0:
		return 0
	}
	return sum / float64(n)
}

func addWinner(v mapreduce.CounterValues, t *taskState) {
	if t.winner != nil && t.winner.result != nil {
		v.Add(task.CountersFromProto(t.winner.result.Counters))
	}
}

func millis(t *taskState) (n int64) {
	for _, a := range t.attempts {
		if a.finished > a.started {
			n += a.finished - a.started
		}
	}
	return n
}

func (t *taskState) view() *batchpb.Task {
	v := &batchpb.Task{Id: taskID(t), Kind: t.kind.String(), State: t.state, Stage: int32(t.stage), Index: int32(t.index), Input: t.path}
	if t.winner != nil {
		v.Successful = t.winner.id
	}
	for _, a := range t.attempts {
		w := &batchpb.Attempt{Id: a.id, State: a.state, Worker: a.worker, Host: a.host, StartedMs: a.started, FinishedMs: a.finished, Progress: a.progress, Status: a.status,
			Error: a.errorText, Locality: a.locality, Speculative: a.speculative}
		if a.result != nil {
			w.Counters = a.result.Counters
			w.ShuffleFinishedMs, w.MergeFinishedMs = a.result.ShuffleFinishedMs, a.result.MergeFinishedMs
		}
		v.Attempts = append(v.Attempts, w)
	}
	return v
}
