package plan

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// script drives a plan and writes down what it decides.
type script struct {
	t   *testing.T
	p   *Plan
	now int64
	on  map[string]string // attempt → worker
	run map[string]*batchpb.TaskSpec
}

func newScript(t *testing.T, cfg Config, workers ...string) *script {
	s := &script{t: t, p: NewPlan(cfg), now: 1000, on: map[string]string{}, run: map[string]*batchpb.TaskSpec{}}
	for _, w := range workers {
		s.worker(w, 2)
	}
	return s
}

func (s *script) worker(name string, slots int32) {
	s.p.Register(s.now, &batchpb.Register{Worker: &batchpb.Worker{Id: name, Host: "host-" + name, Slots: slots, MemoryMb: 100}})
}

// step assigns and returns the decisions as text, in order.
func (s *script) step() string {
	s.p.Assign(s.now)
	var out []string
	for _, c := range s.p.Commands() {
		switch {
		case c.Record != nil && c.Record.Commit:
			s.p.Recorded(c.Record.Job, c.Record.Stage)
			if more := s.step(); more != "" {
				out = append(out, more)
			}
		case c.Run != nil:
			name := strings.TrimPrefix(c.Run.AttemptId, "attempt_")
			s.on[name], s.run[name] = c.Worker, c.Run
			out = append(out, "run "+name+" on "+c.Worker)
		case c.Kill != "":
			out = append(out, "kill "+strings.TrimPrefix(c.Kill, "attempt_"))
		case c.Ended != "":
			out = append(out, "ended "+c.Ended+" "+s.p.Job(c.Ended, false).State)
		}
	}
	return strings.Join(out, "; ")
}

func (s *script) expect(want string) {
	s.t.Helper()
	if got := s.step(); got != want {
		s.t.Fatalf("decided\n  %s\nwant\n  %s", strings.ReplaceAll(got, "; ", "\n  "), strings.ReplaceAll(want, "; ", "\n  "))
	}
}

func (s *script) submit(job, queue string, priority int32) {
	s.p.Submit(s.now, &batchpb.JobSpec{Id: job, Program: job, Queue: queue, Priority: priority}, "")
}

func (s *script) result(attempt, state string, change func(r *batchpb.TaskResult)) {
	s.t.Helper()
	spec := s.run[attempt]
	if spec == nil {
		s.t.Fatalf("attempt %s was never launched", attempt)
	}
	r := &batchpb.TaskResult{AttemptId: spec.AttemptId, State: state, Spec: spec, Segments: make([]int64, 9), RawSegments: make([]int64, 9)}
	if change != nil {
		change(r)
	}
	s.p.Result(s.now, s.on[attempt], r)
}

func (s *script) ok(attempts ...string) {
	s.t.Helper()
	for _, a := range attempts {
		s.result(a, Succeeded, nil)
	}
}

// setup answers a setup attempt with maps on the given hosts ("" is nowhere).
func (s *script) setup(attempt string, reduces int32, hosts ...string) {
	s.t.Helper()
	s.result(attempt, Succeeded, func(r *batchpb.TaskResult) {
		r.Setup = &batchpb.SetupResult{Stages: 1, Reduces: reduces}
		for i, h := range hosts {
			b, err := json.Marshal(map[string]any{"path": fmt.Sprint("f", i), "length": 10, "hosts": strings.Fields(h)})
			if err != nil {
				s.t.Fatal(err)
			}
			r.Setup.Splits = append(r.Setup.Splits, b)
		}
	})
}

func TestLifeOfAJob(t *testing.T) {
	s := newScript(t, Config{}, "a")
	s.submit("job_1_0001", "default", 0)
	s.expect("run 1_0001_s_000000_0 on a")
	s.setup("1_0001_s_000000_0", 1, "", "")
	s.expect("run 1_0001_m_000000_0 on a; run 1_0001_m_000001_0 on a")
	s.ok("1_0001_m_000001_0")
	s.expect("")
	s.ok("1_0001_m_000000_0")
	s.expect("run 1_0001_r_000000_0 on a")
	if in := s.run["1_0001_r_000000_0"].Inputs; len(in) != 2 || in[1].AttemptId != "attempt_1_0001_m_000001_0" {
		t.Errorf("inputs %v", in)
	}
	s.ok("1_0001_r_000000_0")
	s.expect("run 1_0001_c_000000_0 on a")
	s.ok("1_0001_c_000000_0")
	s.expect("ended job_1_0001 SUCCEEDED")
}

// Worker b has only one local block, a has them all: b must get its own before a takes it.
func TestGlobalGreedyLocality(t *testing.T) {
	s := newScript(t, Config{}, "a", "b")
	s.submit("job_1_0001", "default", 0)
	s.step()
	s.setup("1_0001_s_000000_0", 0, "host-a host-b", "host-a", "host-a")
	got := s.step()
	for _, want := range []string{"m_000000_0 on b", "m_000001_0 on a", "m_000002_0 on a"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
}

func TestWorkerThatFailsAJobIsAvoided(t *testing.T) {
	s := newScript(t, Config{MaxAttempts: 10}, "a", "b")
	s.submit("job_1_0001", "default", 0)
	s.step()
	s.setup("1_0001_s_000000_0", 0, "host-a")
	for n := range 3 {
		s.expect(fmt.Sprintf("run 1_0001_m_000000_%d on a", n)) // local, so it is tried there
		s.result(fmt.Sprintf("1_0001_m_000000_%d", n), Failed, nil)
	}
	s.expect("run 1_0001_m_000000_3 on b")
}

func TestLostWorkerRepeatsItsMaps(t *testing.T) {
	s := newScript(t, Config{}, "a", "b")
	s.submit("job_1_0001", "default", 0)
	s.step()
	s.setup("1_0001_s_000000_0", 1, "host-a", "host-b")
	s.step()
	s.ok("1_0001_m_000000_0", "1_0001_m_000001_0")
	s.step() // the reduce runs
	reduceOn := s.on["1_0001_r_000000_0"]
	other := map[string]string{"a": "b", "b": "a"}[reduceOn]
	s.p.WorkerLost(s.now, other)
	lost := map[string]string{"a": "m_000000", "b": "m_000001"}[other]
	s.expect("run 1_0001_" + lost + "_1 on " + reduceOn)
	s.result("1_0001_r_000000_0", Killed, func(r *batchpb.TaskResult) { r.LostMaps = []string{"attempt_1_0001_" + lost + "_0"} })
	s.expect("")
	s.ok("1_0001_" + lost + "_1")
	s.expect("run 1_0001_r_000000_1 on " + reduceOn)
	if j := s.p.Job("job_1_0001", false); j.FailedReduces != 0 {
		t.Errorf("the reduce was blamed: %v", j)
	}
}

func TestTwoAttemptsFinishTogether(t *testing.T) {
	s := newScript(t, Config{SpeculateAfterMS: 100}, "a", "b")
	s.submit("job_1_0001", "default", 0)
	s.step()
	s.setup("1_0001_s_000000_0", 0, "host-a", "host-b")
	s.step()
	s.now += 50
	s.ok("1_0001_m_000000_0")
	s.expect("")
	s.now += 200
	s.expect("run 1_0001_m_000001_1 on a")
	s.ok("1_0001_m_000001_1", "1_0001_m_000001_0")
	s.expect("kill 1_0001_m_000001_0; run 1_0001_c_000000_0 on a")
	if p := s.run["1_0001_c_000000_0"].Payloads; len(p) != 0 {
		t.Errorf("payloads %v", p)
	}
	s.ok("1_0001_c_000000_0")
	s.expect("ended job_1_0001 SUCCEEDED")
	if j := s.p.Job("job_1_0001", false); j.MapsDone != 2 || j.KilledMaps != 1 {
		t.Errorf("%v", j)
	}
}

func TestSilentAttemptIsKilled(t *testing.T) {
	s := newScript(t, Config{TaskTimeoutMS: 1000, WorkerTimeoutMS: 100_000}, "a")
	s.submit("job_1_0001", "default", 0)
	s.step()
	s.setup("1_0001_s_000000_0", 0, "")
	s.step()
	s.now += 900
	s.p.Status(s.now, "a", &batchpb.TaskStatus{AttemptId: "attempt_1_0001_m_000000_0", Beats: 7})
	s.now += 900
	s.p.Tick(s.now)
	s.expect("")
	s.now += 900
	s.p.Tick(s.now)
	s.expect("kill 1_0001_m_000000_0; run 1_0001_m_000000_1 on a")
}

func TestPriorityAndFairShares(t *testing.T) {
	s := newScript(t, Config{}, "a")
	s.submit("job_1_0001", "default", 0)
	s.submit("job_1_0002", "default", 0)
	s.submit("job_1_0003", "default", 5)
	s.expect("run 1_0003_s_000000_0 on a; run 1_0001_s_000000_0 on a")

	f := newScript(t, Config{Fair: true, Weights: map[string]int{"big": 3, "small": 1}}, "a", "b")
	f.submit("job_1_0001", "small", 0)
	f.submit("job_1_0002", "big", 0)
	f.step()
	f.setup("1_0001_s_000000_0", 0, "", "", "", "", "", "")
	f.setup("1_0002_s_000000_0", 0, "", "", "", "", "", "")
	got := f.step()
	if n := strings.Count(got, "run 1_0002_m"); n != 3 {
		t.Errorf("the queue of weight 3 got %d of 4 slots: %s", n, got)
	}
}

func TestFailedJobIsCleanedUp(t *testing.T) {
	s := newScript(t, Config{MaxAttempts: 1}, "a")
	s.submit("job_1_0001", "default", 0)
	s.step()
	s.setup("1_0001_s_000000_0", 0, "", "")
	s.step()
	s.result("1_0001_m_000000_0", Failed, func(r *batchpb.TaskResult) { r.Error = "boom" })
	s.expect("kill 1_0001_m_000001_0") // its last writes must not come after the clean-up
	s.result("1_0001_m_000001_0", Killed, nil)
	s.expect("run 1_0001_a_000000_0 on a")
	s.ok("1_0001_a_000000_0")
	s.expect("ended job_1_0001 FAILED")
	if d := s.p.Job("job_1_0001", false).Diagnostics; !strings.Contains(d, "boom") {
		t.Error(d)
	}
}

// A map whose output is lost while the last reduce task is running must run again before the commit: its side outputs and counters are
// part of the job.
func TestLostMapIsRepeatedBeforeCommit(t *testing.T) {
	s := newScript(t, Config{}, "a", "b")
	s.submit("job_1_0001", "default", 0)
	s.expect("run 1_0001_s_000000_0 on a")
	s.setup("1_0001_s_000000_0", 1, "host-a", "host-b")
	s.expect("run 1_0001_m_000000_0 on a; run 1_0001_m_000001_0 on b")
	s.ok("1_0001_m_000000_0", "1_0001_m_000001_0")
	s.expect("run 1_0001_r_000000_0 on a")
	s.p.WorkerLost(s.now, "b")
	s.expect("run 1_0001_m_000001_1 on a")
	s.ok("1_0001_r_000000_0")
	s.expect("")
	s.ok("1_0001_m_000001_1")
	s.expect("run 1_0001_c_000000_0 on a")
}
