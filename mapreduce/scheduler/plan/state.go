package plan

import (
	"sort"

	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// Config holds the rules' numbers; zero values get Hadoop's defaults.
type Config struct {
	MaxAttempts       int   // of a task: 4
	MaxWorkerFailures int   // of a job on one worker: 3
	TaskTimeoutMS     int64 // without a sign of life: 600,000
	WorkerTimeoutMS   int64 // without a heartbeat: 10,000
	SpeculateAfterMS  int64 // an attempt younger than this is not suspected: 5,000
	Fair              bool  // fair sharing between queues and jobs; else first in, first out within priority
	Weights           map[string]int
	GraceMS           int64 // after a restart, how long to wait for workers to come back with their results: 3,000
}

func (c *Config) defaults() {
	set := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	set64 := func(p *int64, v int64) {
		if *p == 0 {
			*p = v
		}
	}
	set(&c.MaxAttempts, 4)
	set(&c.MaxWorkerFailures, 3)
	set64(&c.TaskTimeoutMS, 600_000)
	set64(&c.WorkerTimeoutMS, 10_000)
	set64(&c.SpeculateAfterMS, 5_000)
	set64(&c.GraceMS, 3_000)
}

// States of jobs, tasks and attempts.
const (
	New       = "NEW"
	Pending   = "PENDING"
	Running   = "RUNNING"
	Succeeded = "SUCCEEDED"
	Failed    = "FAILED"
	Killed    = "KILLED"
	Lost      = "LOST"
)

// Phases of a stage.
const (
	phaseSetup  = "setup"
	phaseMap    = "map"
	phaseReduce = "reduce"
	phaseCommit = "commit"
	phaseAbort  = "abort"
)

// Plan is the whole state. It is not safe for concurrent use.
type Plan struct {
	cfg     Config
	jobs    map[string]*job
	order   []*job // by submission
	workers map[string]*worker
	cmds    []Command
	version int64
}

// Command is a decision for the service to carry out.
type Command struct {
	Worker string            // for Run, Kill and Drop
	Run    *batchpb.TaskSpec // start an attempt
	Kill   string            // kill an attempt
	Drop   string            // forget a job's intermediate data
	Ended  string            // this job has ended: write its history
	Record *Record           // to be written to the journal
}

// Record is what a scheduler that starts again must know of a stage. Result is the setup task's answer, or, with Tasks, a holder
// of the answers of all map and reduce tasks (Result.Setup.Tasks).
type Record struct {
	Job    string
	Stage  int
	Tasks  bool
	Commit bool // the commit task waits for the record: call Plan.Recorded when it is written
	Result *batchpb.TaskResult
}

type worker struct {
	info     *batchpb.Worker
	running  map[string]*attempt
	lastSeen int64
	lost     bool
}

func (w *worker) free() int {
	if w.lost {
		return 0
	}
	return int(w.info.Slots) - len(w.running)
}

type job struct {
	spec       *batchpb.JobSpec
	name       string
	state      string
	stage      int
	stages     int
	phase      string
	reduces    int
	prepared   []byte
	tasks      []*taskState // all stages
	current    []*taskState // tasks of the running phase
	maps       []*taskState // of the running stage
	reduceTask []*taskState
	counts     counts
	offset     int // number of map and reduce tasks of earlier stages
	started    int64
	finished   int64
	diag       string
	ending     string // what the job becomes after its abort task
	uber       bool
	noUber     bool
	version    int64
	failures   map[string]int // failed attempts by worker
	waitUntil  int64          // after a restart
	token      string
}

type counts struct{ failedMaps, killedMaps, failedReduces, killedReduces, launchedMaps, launchedReduces, localMaps, rackMaps, otherMaps int32 }

type taskState struct {
	job      *job
	kind     batchpb.TaskSpec_Kind
	stage    int
	index    int
	base     int // tasks of earlier stages: index+base is the number in the id
	split    []byte
	hosts    []string
	length   int64
	path     string
	state    string
	attempts []*attempt
	failed   int
	next     int // number of the next attempt
	winner   *attempt
	phase    string
	lost     int  // how often its output was reported as lost
	held     bool // a commit task that waits for the journal
}

type attempt struct {
	task        *taskState
	id          string
	number      int
	worker      string
	host        string
	address     string
	state       string
	started     int64
	finished    int64
	lastBeat    int64
	beats       int64
	progress    float64
	status      string
	result      *batchpb.TaskResult
	errorText   string
	locality    string
	speculative bool
	killing     bool
}

// NewPlan makes an empty plan.
func NewPlan(cfg Config) *Plan {
	cfg.defaults()
	return &Plan{cfg: cfg, jobs: map[string]*job{}, workers: map[string]*worker{}}
}

// Commands returns and clears the decisions since the last call.
func (p *Plan) Commands() []Command {
	out := p.cmds
	p.cmds = nil
	return out
}

func (p *Plan) emit(c Command) { p.cmds = append(p.cmds, c) }

func (p *Plan) touch(j *job) {
	p.version++
	j.version = p.version
}

func (t *taskState) live() (n int) {
	for _, a := range t.attempts {
		if a.state == Running {
			n++
		}
	}
	return n
}

func (p *Plan) sortedWorkers() []*worker {
	out := make([]*worker, 0, len(p.workers))
	for _, w := range p.workers {
		out = append(out, w)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].info.Id < out[j].info.Id })
	return out
}

func ended(state string) bool { return state == Succeeded || state == Failed || state == Killed }
