package task

import (
	"math"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lodehq/lode/mapreduce"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// meter reports an attempt's progress once a second while it runs.
type meter struct {
	env      *Env
	attempt  string
	progress atomic.Uint64
	records  atomic.Int64
	phase    atomic.Pointer[string]
	context  atomic.Pointer[mapreduce.Context]
	quit     chan struct{}
	done     chan struct{}
}

func startMeter(env *Env, attempt string) *meter {
	m := &meter{env: env, attempt: attempt, quit: make(chan struct{}), done: make(chan struct{})}
	if env.Report == nil {
		close(m.done)
		return m
	}
	go m.loop()
	return m
}

func (m *meter) loop() {
	defer close(m.done)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-m.quit:
			return
		case <-tick.C:
			m.env.Report(m.status())
		}
	}
}

func (m *meter) status() *batchpb.TaskStatus {
	s := &batchpb.TaskStatus{AttemptId: m.attempt, Progress: math.Float64frombits(m.progress.Load()), Beats: m.records.Load()}
	if p := m.phase.Load(); p != nil {
		s.Phase = *p
	}
	if c := m.context.Load(); c != nil {
		s.Status = c.Status()
		s.Beats += c.Beats()
	}
	return s
}

// record notes progress; it is cheap enough to be called for every record.
func (m *meter) record(n int64, progress func() float64) {
	if n&255 == 0 || n < 256 {
		m.records.Store(n)
		m.progress.Store(math.Float64bits(progress()))
	}
}

func (m *meter) enter(phase string) { m.phase.Store(&phase) }

func (m *meter) stop() {
	select {
	case <-m.quit:
	default:
		close(m.quit)
	}
	<-m.done
}

// cpuTime is what this process and the children it waited for have used.
func cpuTime() time.Duration {
	var total time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			total += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return total
}
