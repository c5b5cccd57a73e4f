package hrpc

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/lodehq/lode/internal/hdfs"
)

// budget is memory that connections share for large requests.
type budget struct {
	mu    sync.Mutex // guards what follows
	free  int64
	waits []*waiter
}

type waiter struct {
	n     int64
	ready chan struct{}
}

// take waits for n bytes, first come first served.
func (b *budget) take(n int64, timeout time.Duration, done <-chan struct{}) bool {
	b.mu.Lock()
	if len(b.waits) == 0 && b.free >= n {
		b.free -= n
		b.mu.Unlock()
		return true
	}
	w := &waiter{n: n, ready: make(chan struct{})}
	b.waits = append(b.waits, w)
	b.mu.Unlock()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-w.ready:
		return true
	case <-timer.C:
	case <-done:
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, o := range b.waits {
		if o == w {
			b.waits = append(b.waits[:i], b.waits[i+1:]...)
			b.wake()
			return false
		}
	}
	return true // granted while the timer fired
}

func (b *budget) give(n int64) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	b.free += n
	b.wake()
	b.mu.Unlock()
}

func (b *budget) wake() {
	for len(b.waits) > 0 && b.free >= b.waits[0].n {
		b.free -= b.waits[0].n
		close(b.waits[0].ready)
		b.waits = b.waits[1:]
	}
}

// isTemporary is true of accept errors that pass by themselves: no free descriptor, no memory, a peer that is gone already.
func isTemporary(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (s *Server) panicked(m *methodEntry, r any) error {
	s.log.Error("a call ended in a panic", "protocol", m.protocol, "method", m.name, "panic", r, "stack", string(debug.Stack()))
	return &hdfs.Exception{Class: hdfs.IOException, Message: fmt.Sprintf("internal error in %s: %v", m.name, r)}
}
