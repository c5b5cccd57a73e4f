package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// meter reads the clock and the processor time of this process and of the servers.
type meter struct {
	pids []int
}

type reading struct {
	at              time.Time
	client, servers time.Duration
}

func (m meter) read() (reading, error) {
	r := reading{at: time.Now()}
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} { // children are the commands that submit jobs
		var ru syscall.Rusage
		if err := syscall.Getrusage(who, &ru); err != nil {
			return r, err
		}
		r.client += time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
	}
	for _, pid := range m.pids {
		d, err := processTime(pid)
		if err != nil {
			return r, fmt.Errorf("processor time of server %d: %w", pid, err)
		}
		r.servers += d
	}
	return r, nil
}

// measure runs f and fills in what it cost. What earlier steps have left to be written goes to the disk first.
func (m meter) measure(name, unit string, f func() (amount float64, err error)) (Result, error) {
	syscall.Sync()
	a, err := m.read()
	if err != nil {
		return Result{}, err
	}
	amount, err := f()
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", name, err)
	}
	b, err := m.read()
	if err != nil {
		return Result{}, err
	}
	wall := b.at.Sub(a.at).Seconds()
	res := Result{Name: name, Unit: unit, Wall: wall, Client: (b.client - a.client).Seconds(), Servers: (b.servers - a.servers).Seconds(), Value: wall}
	if unit != "s" {
		res.Value = amount / wall
	}
	return res, nil
}

// processTime is fields 14 to 17 of /proc/PID/stat, its ended children included (tasks are children of their worker), in ticks of
// 10 ms (USER_HZ is 100 on every Linux).
func processTime(pid int) (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	f := strings.Fields(rest)
	if len(f) < 15 {
		return 0, fmt.Errorf("stat of process %d is cut", pid)
	}
	var ticks int64
	for _, text := range f[11:15] {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}
