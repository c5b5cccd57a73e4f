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
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		return reading{}, err
	}
	r := reading{at: time.Now(), client: time.Duration(ru.Utime.Nano() + ru.Stime.Nano())}
	for _, pid := range m.pids {
		d, err := processTime(pid)
		if err != nil {
			return r, fmt.Errorf("processor time of server %d: %w", pid, err)
		}
		r.servers += d
	}
	return r, nil
}

// measure runs f and fills in what it cost.
func (m meter) measure(name, unit string, f func() (amount float64, err error)) (Result, error) {
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

// processTime is fields 14 and 15 of /proc/PID/stat, in ticks of 10 ms (USER_HZ is 100 on every Linux).
func processTime(pid int) (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0, fmt.Errorf("stat of process %d is cut", pid)
	}
	u, err := strconv.ParseInt(f[11], 10, 64)
	if err != nil {
		return 0, err
	}
	s, err := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(u+s) * 10 * time.Millisecond, err
}
