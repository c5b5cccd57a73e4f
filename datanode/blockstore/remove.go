package blockstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/lodehq/lode/internal/hdfs"
)

// remover deletes files in the background, one goroutine for each volume, so that a slow disk delays only its own.
type remover struct {
	mu     sync.Mutex
	cond   *sync.Cond
	queues [][]removal           // by volume
	doomed map[hdfs.BlockID]bool // forgotten, files still there
	closed bool
	wg     sync.WaitGroup
}

type removal struct {
	id hdfs.BlockID
	e  entry
}

func (r *remover) start(s *Store) {
	r.cond = sync.NewCond(&r.mu)
	r.queues = make([][]removal, len(s.volumes))
	r.doomed = map[hdfs.BlockID]bool{}
	for i := range s.volumes {
		r.wg.Go(func() { r.run(s, i) })
	}
}

func (r *remover) run(s *Store, i int) {
	for {
		r.mu.Lock()
		for len(r.queues[i]) == 0 && !r.closed {
			r.cond.Wait()
		}
		batch := r.queues[i]
		r.queues[i] = nil
		r.mu.Unlock()
		if batch == nil {
			return
		}
		v := s.volumes[i]
		for _, m := range batch {
			err := s.unlink(v, m.id, m.e)
			r.mu.Lock()
			delete(r.doomed, m.id)
			r.mu.Unlock()
			if err != nil {
				s.log.Error("delete replica", "block", m.e.block(m.id), "error", err)
				continue
			}
			if s.cfg.Deleted != nil {
				s.cfg.Deleted(m.e.block(m.id), v.storageID)
			}
		}
	}
}

func (r *remover) add(vol int, m removal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queues[vol] = append(r.queues[vol], m)
	r.doomed[m.id] = true
	r.cond.Broadcast()
}

func (r *remover) has(id hdfs.BlockID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.doomed[id]
}

func (r *remover) stop() {
	if r.cond == nil {
		return
	}
	r.mu.Lock()
	r.closed = true
	r.cond.Broadcast()
	r.mu.Unlock()
	r.wg.Wait()
}

// unlink removes both files of a replica; one that is gone already is no error.
func (s *Store) unlink(v *volume, id hdfs.BlockID, e entry) error {
	if st, err := s.fs.Stat(v.metaPath(id, e.gs, e.at)); err == nil && e.metaBytes == 0 {
		e.metaBytes = uint32(st.Size())
	}
	err := s.fs.Remove(v.dataPath(id, e.at))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if merr := s.fs.Remove(v.metaPath(id, e.gs, e.at)); err == nil && !errors.Is(merr, fs.ErrNotExist) {
		err = merr
	}
	v.used.Add(-e.n - int64(e.metaBytes))
	v.blocks.Add(-1)
	return err
}

// Invalidate forgets the replicas at once and deletes their files in the background; Config.Deleted is told when they are gone.
// A replica with a newer stamp than asked for stays. A writer of it is interrupted and waited for.
func (s *Store) Invalidate(ctx context.Context, blocks []hdfs.Block) error {
	var errs []error
	for _, b := range blocks {
		if err := s.invalidate(ctx, b); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (s *Store) invalidate(ctx context.Context, b hdfs.Block) error {
	if _, _, ok := s.lookup(b.ID); !ok {
		return fmt.Errorf("delete %s: no such replica", b)
	}
	wctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := s.lockQuiet(wctx, b.ID); err != nil {
		return err
	}
	defer s.stripe(b.ID).Unlock()
	e, a, ok := s.lookup(b.ID)
	if !ok {
		return nil
	}
	if e.gs != b.GenStamp && b.GenStamp != 0 {
		return fmt.Errorf("delete %s: the replica has generation stamp %d", b, e.gs)
	}
	if a != nil {
		e.n, _ = a.lengths()
		s.dropReserve(e, a)
	}
	s.remover.add(int(e.vol), removal{b.ID, e})
	s.mu.Lock()
	delete(s.table, b.ID)
	delete(s.active, b.ID)
	s.mu.Unlock()
	return nil
}
