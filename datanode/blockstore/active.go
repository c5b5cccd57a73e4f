package blockstore

import (
	"context"
	"sync"

	"github.com/lodehq/lode/internal/hdfs"
)

// active is what is known in memory about a replica that is not simply finalized: its growing length, who writes it, who
// recovers it.
type active struct {
	mu       sync.Mutex // guards what follows; no disk work under it
	onDisk   int64      // bytes in the data file whose checksums are known
	acked    int64      // bytes that every datanode downstream has, too: the visible length
	lastCRC  uint32     // checksum of the partial chunk at the end of onDisk
	reserved int64
	moved    chan struct{} // closed when onDisk grows or the writer goes
	owner    *Writer

	recovery hdfs.GenStamp     // RUR: the stamp of the recovery in progress
	before   hdfs.ReplicaState // RUR: the state that the replica had
}

func newActive(n int64, crc uint32) *active {
	return &active{onDisk: n, acked: n, lastCRC: crc, moved: make(chan struct{})}
}

func (a *active) lengths() (onDisk, acked int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.onDisk, a.acked
}

func (a *active) snapshot() (onDisk int64, crc uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.onDisk, a.lastCRC
}

func (a *active) advance(onDisk int64, crc uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.onDisk, a.lastCRC = onDisk, crc
	a.wake()
}

func (a *active) wake() {
	close(a.moved)
	a.moved = make(chan struct{})
}

// waitFor waits until n bytes are on disk, the writer is gone or ctx ends.
func (a *active) waitFor(ctx context.Context, n int64) {
	for {
		a.mu.Lock()
		moved, done := a.moved, a.onDisk >= n || a.owner == nil
		a.mu.Unlock()
		if done {
			return
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return
		}
	}
}

// evict interrupts the writer and waits until it has let go. The stripe must not be held: the writer needs it to finish.
func (a *active) evict(ctx context.Context) error {
	a.mu.Lock()
	w := a.owner
	a.mu.Unlock()
	if w == nil {
		return nil
	}
	w.interrupt()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return hdfs.Errorf(hdfs.IOException, "writer of %s did not stop: %v", w.block, ctx.Err())
	}
}

// EvictWriters interrupts every writer (dfsadmin -evictWriters) without waiting.
func (s *Store) EvictWriters() {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, a := range s.active {
		a.mu.Lock()
		if a.owner != nil {
			a.owner.interrupt()
		}
		a.mu.Unlock()
	}
}

// lockQuiet takes the stripe of id with no writer at work on it. The caller unlocks.
func (s *Store) lockQuiet(ctx context.Context, id hdfs.BlockID) error {
	for {
		if _, a, ok := s.lookup(id); ok && a != nil {
			if err := a.evict(ctx); err != nil {
				return err
			}
		}
		s.stripe(id).Lock()
		_, a, ok := s.lookup(id)
		if !ok || a == nil {
			return nil
		}
		a.mu.Lock()
		quiet := a.owner == nil
		a.mu.Unlock()
		if quiet {
			return nil
		}
		s.stripe(id).Unlock()
	}
}
