package worker

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

const (
	guardEvery    = 500 * time.Millisecond
	memoryGrace   = 4        // a task may exceed its memory by a quarter before it is killed
	defaultLogMax = 64 << 20 // bytes of one log of an attempt
	maxChildren   = 1000
)

// guard watches a task process until it ends: memory of the process and its descendants, and the size of its logs. Go's own soft
// limit is not enough, because users' children and live memory do not heed it.
type guard struct {
	pid      int
	logs     string // directory of the job's logs
	memory   int64  // bytes; 0 is no limit
	logMax   int64
	pageSize int64
}

func newGuard(pid int, job *batchpb.JobSpec, logs string, memoryMB int64) *guard {
	for _, key := range []string{"mapreduce.map.memory.mb", "mapreduce.reduce.memory.mb"} {
		if n, err := strconv.ParseInt(job.GetConf()[key], 10, 64); err == nil && memoryMB > 0 {
			memoryMB = max(memoryMB, n)
		}
	}
	g := &guard{pid: pid, logs: logs, memory: memoryMB << 20, logMax: defaultLogMax, pageSize: int64(os.Getpagesize())}
	g.memory += g.memory / memoryGrace
	if kb, err := strconv.ParseInt(job.GetConf()["mapreduce.task.userlog.limit.kb"], 10, 64); err == nil && kb > 0 {
		g.logMax = kb << 10
	}
	return g
}

// watch returns why the process had to be killed, or "" when it has ended by itself.
func (g *guard) watch(exited <-chan struct{}) string {
	t := time.NewTicker(guardEvery)
	defer t.Stop()
	for {
		select {
		case <-exited:
			return ""
		case <-t.C:
		}
		g.trimLogs()
		if g.memory <= 0 {
			continue
		}
		if used := g.used(g.pid, maxChildren); used > g.memory {
			_ = syscall.Kill(-g.pid, syscall.SIGKILL)
			return fmt.Sprintf("killed: the task used %d MB of memory, the limit is %d MB (raise lode.worker.memory, lower lode.worker.slots, or ask for more with -D mapreduce.map.memory.mb)",
				used>>20, g.memory>>20)
		}
	}
}

// used adds the resident memory of a process and of at most n descendants.
func (g *guard) used(pid, n int) int64 {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	b, err := os.ReadFile(filepath.Join(dir, "statm"))
	if err != nil {
		return 0 // it has just ended
	}
	var total, resident, shared int64
	if _, err := fmt.Sscan(string(b), &total, &resident, &shared); err != nil {
		return 0
	}
	sum := (resident - shared) * g.pageSize
	threads, err := filepath.Glob(filepath.Join(dir, "task", "*", "children"))
	if err != nil {
		return sum
	}
	for _, t := range threads {
		children, err := os.ReadFile(t)
		if err != nil {
			continue
		}
		for _, f := range bytes.Fields(children) {
			if child, err := strconv.Atoi(string(f)); err == nil && n > 0 {
				n--
				sum += g.used(child, n)
			}
		}
	}
	return sum
}

// trimLogs begins a log anew that has grown beyond the limit: its writers append, so they go on at its new end.
func (g *guard) trimLogs() {
	files, err := filepath.Glob(filepath.Join(g.logs, "*", "*"))
	if err != nil {
		return
	}
	for _, name := range append(files, filepath.Join(g.logs, "process.log")) {
		st, err := os.Stat(name)
		if err != nil || st.Size() <= g.logMax || !st.Mode().IsRegular() {
			continue
		}
		f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			continue
		}
		if f.Truncate(0) == nil {
			_, _ = fmt.Fprintf(f, "[%d bytes were here: the log passed its limit of %d KB and begins anew]\n", st.Size(), g.logMax>>10)
		}
		_ = f.Close()
	}
}
