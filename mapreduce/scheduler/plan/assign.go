package plan

import (
	"slices"
	"sort"
	"strings"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/task"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// Localities of a map attempt, with YARN's words.
const (
	nodeLocal = "node-local"
	rackLocal = "rack-local"
	offSwitch = "off-switch"
)

// Assign fills the free slots and adds the launches to the commands.
func (p *Plan) Assign(now int64) {
	for p.freeSlots() > 0 {
		launched := false
		for _, j := range p.jobOrder() {
			if now < j.waitUntil {
				continue
			}
			if p.assignJob(now, j) {
				launched = true
				break // the order may have changed
			}
		}
		if !launched {
			return
		}
	}
}

func (p *Plan) freeSlots() (n int) {
	for _, w := range p.workers {
		n += max(0, w.free())
	}
	return n
}

// jobOrder lists the jobs that want slots: by priority and age, or, with fair sharing, queue by queue with the smallest share
// of its weight first, and within a queue the job with the fewest running attempts.
func (p *Plan) jobOrder() []*job {
	var list []*job
	running, perQueue := map[*job]int{}, map[string]int{}
	for _, w := range p.workers {
		for _, a := range w.running {
			running[a.task.job]++
			perQueue[a.task.job.spec.Queue]++
		}
	}
	for _, j := range p.order {
		if !ended(j.state) {
			list = append(list, j)
		}
	}
	share := func(j *job) float64 {
		return float64(perQueue[j.spec.Queue]) / float64(max(1, p.cfg.Weights[j.spec.Queue]))
	}
	sort.SliceStable(list, func(a, b int) bool {
		x, y := list[a], list[b]
		if p.cfg.Fair {
			if sx, sy := share(x), share(y); sx != sy && x.spec.Queue != y.spec.Queue {
				return sx < sy
			}
		}
		if x.spec.Priority != y.spec.Priority {
			return x.spec.Priority > y.spec.Priority
		}
		return p.cfg.Fair && running[x] < running[y]
	})
	return list
}

// busy tells whether an attempt of the job still runs: what it writes while it is being killed must not come after the clean-up.
func (j *job) busy() bool {
	for _, t := range j.tasks {
		for _, a := range t.attempts {
			if a.state == Running && t.kind != batchpb.TaskSpec_ABORT {
				return true
			}
		}
	}
	return false
}

// assignJob launches tasks of one job: with first in, first out as many as fit, with fair sharing one.
func (p *Plan) assignJob(now int64, j *job) bool {
	var pending []*taskState
	for _, t := range j.current {
		if t.state == Pending && !t.held && !(t.kind == batchpb.TaskSpec_ABORT && j.busy()) {
			pending = append(pending, t)
		}
	}
	workers := p.usable(j)
	if len(pending) == 0 {
		return p.speculate(now, j, workers)
	}
	sort.SliceStable(pending, func(a, b int) bool { return pending[a].length > pending[b].length })
	launched := false
	limit := len(pending)
	if p.cfg.Fair {
		limit = 1
	}
	for len(pending) > 0 && limit > 0 {
		t, w, locality := p.match(pending, workers)
		if t == nil {
			break
		}
		p.launch(now, t, w, locality, false)
		pending = slices.DeleteFunc(pending, func(x *taskState) bool { return x == t })
		launched = true
		limit--
	}
	return launched
}

// usable lists the workers a job may use: those with free slots on which it has not failed too often, unless that is every one.
func (p *Plan) usable(j *job) []*worker {
	good := 0
	for _, w := range p.workers {
		if !w.lost && j.failures[w.info.Id] < p.cfg.MaxWorkerFailures {
			good++
		}
	}
	var out []*worker
	for _, w := range p.sortedWorkers() {
		if w.free() > 0 && (good == 0 || j.failures[w.info.Id] < p.cfg.MaxWorkerFailures) {
			out = append(out, w)
		}
	}
	return out
}

// match picks a task and a worker for it. Global greedy (Yahoo 2009): the worker for which the fewest local tasks are left chooses
// first, so that workers rich in local work do not eat what others need; tasks without a local worker go to the emptiest one.
func (p *Plan) match(pending []*taskState, workers []*worker) (*taskState, *worker, string) {
	var best *worker
	var bestTask *taskState
	bestCount := 0
	for _, w := range workers {
		if w.free() <= 0 {
			continue
		}
		count := 0
		var first *taskState
		for _, t := range pending {
			if w.holds(t.hosts) && p.fits(t, w) {
				if count++; first == nil {
					first = t
				}
			}
		}
		if first == nil {
			continue
		}
		if best == nil || w.free()*bestCount > best.free()*count || (w.free()*bestCount == best.free()*count && w.free() > best.free()) {
			best, bestTask, bestCount = w, first, count
		}
	}
	if best != nil {
		return bestTask, best, nodeLocal
	}
	for _, t := range pending {
		var emptiest *worker
		for _, w := range workers {
			if w.free() > 0 && p.fits(t, w) && (emptiest == nil || w.free() > emptiest.free()) {
				emptiest = w
			}
		}
		if emptiest != nil {
			return t, emptiest, offSwitch
		}
	}
	return nil, nil, ""
}

// holds tells whether one of the hosts is the worker's: by its name, or by the address of its map output server.
func (w *worker) holds(hosts []string) bool {
	address := w.info.Address[:max(0, strings.LastIndexByte(w.info.Address, ':'))]
	for _, h := range hosts {
		if h == w.info.Host || (address != "" && h == address) {
			return true
		}
	}
	return false
}

// fits tells whether a worker may run a task: not where another attempt of it runs.
func (p *Plan) fits(t *taskState, w *worker) bool {
	for _, a := range t.attempts {
		if a.worker == w.info.Id && a.state == Running {
			return false
		}
	}
	return true
}

func (p *Plan) launch(now int64, t *taskState, w *worker, locality string, speculative bool) {
	j := t.job
	letter := kindLetter(t.kind)
	a := &attempt{task: t, number: t.next, id: mapreduce.AttemptID(j.spec.Id, letter, t.index+t.base, t.next), worker: w.info.Id, host: w.info.Host, address: w.info.Address,
		state: Running, started: now, lastBeat: now, speculative: speculative}
	t.next++
	t.state = Running
	t.attempts = append(t.attempts, a)
	w.running[a.id] = a
	j.begin(now)
	spec := &batchpb.TaskSpec{AttemptId: a.id, TaskId: taskID(t), Kind: t.kind, Stage: int32(t.stage), Index: int32(t.index), Attempt: int32(a.number), Job: j.spec,
		Split: t.split, Prepared: j.prepared, Slots: int32(p.totalSlots()), NoUber: j.noUber || a.number >= 3, MemoryMb: w.info.MemoryMb / max(1, int64(w.info.Slots)),
		Offset: int32(j.offset), Token: j.token}
	switch t.kind {
	case batchpb.TaskSpec_MAP:
		a.locality = locality
		j.counts.launchedMaps++
		switch locality {
		case nodeLocal:
			j.counts.localMaps++
		case rackLocal:
			j.counts.rackMaps++
		default:
			j.counts.otherMaps++
		}
	case batchpb.TaskSpec_REDUCE:
		j.counts.launchedReduces++
		for i, m := range j.maps {
			r := m.winner.result
			in := &batchpb.MapOutput{Map: int32(i), AttemptId: m.winner.id, Address: m.winner.address, Path: r.OutputPath}
			if t.index < len(r.Segments) {
				in.Length, in.RawLength = r.Segments[t.index], r.RawSegments[t.index]
			}
			spec.Inputs = append(spec.Inputs, in)
		}
	case batchpb.TaskSpec_COMMIT:
		spec.Payloads = task.Payloads(winners(j.maps), winners(j.reduceTask))
	}
	p.emit(Command{Worker: w.info.Id, Run: spec})
	p.touch(j)
}

func winners(tasks []*taskState) []*batchpb.TaskResult {
	out := make([]*batchpb.TaskResult, 0, len(tasks))
	for _, t := range tasks {
		if t.winner != nil {
			out = append(out, t.winner.result)
		}
	}
	return out
}

func (p *Plan) totalSlots() (n int) {
	for _, w := range p.workers {
		if !w.lost {
			n += int(w.info.Slots)
		}
	}
	return n
}

func kindLetter(k batchpb.TaskSpec_Kind) byte {
	switch k {
	case batchpb.TaskSpec_MAP:
		return 'm'
	case batchpb.TaskSpec_REDUCE:
		return 'r'
	case batchpb.TaskSpec_SETUP:
		return 's'
	case batchpb.TaskSpec_COMMIT:
		return 'c'
	}
	return 'a'
}

func taskID(t *taskState) string {
	return mapreduce.TaskID(t.job.spec.Id, kindLetter(t.kind), t.index+t.base)
}

// speculate starts a second attempt of the slowest task of a phase that has nothing else to launch: one that has run twice as long
// as the finished ones did on average, on another worker.
func (p *Plan) speculate(now int64, j *job, workers []*worker) bool {
	if j.phase != phaseMap && j.phase != phaseReduce {
		return false
	}
	key := "mapreduce." + j.phase + ".speculative"
	if j.spec.Conf[key] == "false" {
		return false
	}
	var sum, done int64
	for _, t := range j.current {
		if t.winner != nil {
			sum += t.winner.finished - t.winner.started
			done++
		}
	}
	if done == 0 || done*2 < int64(len(j.current)) {
		return false
	}
	limit := max(p.cfg.SpeculateAfterMS, 2*sum/done)
	var slowest *attempt
	for _, t := range j.current {
		if t.state == Running && t.live() == 1 {
			for _, a := range t.attempts {
				if a.state == Running && now-a.started > limit && (slowest == nil || a.progress < slowest.progress) {
					slowest = a
				}
			}
		}
	}
	if slowest == nil {
		return false
	}
	for _, w := range workers {
		if w.free() > 0 && p.fits(slowest.task, w) {
			p.launch(now, slowest.task, w, offSwitch, true)
			return true
		}
	}
	return false
}
