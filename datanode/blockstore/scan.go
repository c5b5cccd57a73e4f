package blockstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/lodehq/lode/internal/hdfs"
)

// ScanOptions of the volume scanner.
type ScanOptions struct {
	Period    time.Duration // one round over all replicas takes at least this long
	Bandwidth int64         // bytes a second
	Corrupt   func(b hdfs.Block, storageID string)
}

// ScanBytes verifies finalized replicas, round after round, until ctx ends. It goes through them by id.
func (s *Store) ScanBytes(ctx context.Context, o ScanOptions) {
	for ctx.Err() == nil {
		began := s.cfg.Now()
		for _, id := range s.finalizedIDs() {
			n, err := s.Verify(ctx, id)
			if errors.Is(err, ErrCorrupt) {
				if r, ok := s.Get(id); ok {
					s.log.Warn("volume scanner found damage", "block", r.Block.String(), "error", err)
					o.Corrupt(r.Block, r.StorageID)
				}
			}
			if !pauseFor(ctx, time.Duration(float64(n)/float64(max(1, o.Bandwidth))*float64(time.Second))) {
				return
			}
		}
		if !pauseFor(ctx, max(time.Minute, o.Period-s.cfg.Now().Sub(began))) {
			return
		}
	}
}

func pauseFor(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Store) finalizedIDs() []hdfs.BlockID {
	s.mu.RLock()
	defer s.mu.RUnlock()
	ids := make([]hdfs.BlockID, 0, len(s.table))
	for id, e := range s.table {
		if e.state == hdfs.ReplicaFinalized {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Verify reads a whole replica and checks it; n is how many bytes that were.
func (s *Store) Verify(ctx context.Context, id hdfs.BlockID) (n int64, err error) {
	r, err := s.Open(ctx, hdfs.Block{ID: id}, 0, -1)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	bpc := int64(r.Sum.BytesPerChecksum)
	buf := make([]byte, max(1, (256<<10)/bpc)*bpc)
	sums := make([]byte, r.Sum.SumsLen(int64(len(buf))))
	for off := int64(0); off < r.Length && ctx.Err() == nil; off += int64(len(buf)) {
		part := buf[:min(int64(len(buf)), r.Length-off)]
		if _, err := r.ReadAt(part, sums, off); err != nil {
			return off, err
		}
	}
	return r.Length, ctx.Err()
}

// Differences between disk and table, after they have been put right in the table.
type Differences struct {
	Gone    []Replica // in the table, not on the disk
	Found   []Replica // on the disk, not in the table
	Damaged []Replica // files that do not fit together: no meta file, another length
}

// Reconcile compares the finalized replicas on disk with the table (Apache's DirectoryScanner). Replicas that change meanwhile are
// looked at again under their lock before anything is concluded.
func (s *Store) Reconcile(ctx context.Context) (Differences, error) {
	var d Differences
	var errs []error
	for _, v := range s.volumes {
		if v.failed.Load() || ctx.Err() != nil {
			continue
		}
		disk, err := s.scanFinalized(v)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for id, f := range disk {
			e, _, ok := s.lookup(id)
			if !ok || int(e.vol) == v.index && e.state == hdfs.ReplicaFinalized && (e.n != f.size || e.gs != f.gs || !f.data || !f.meta) {
				s.recheck(v, id, &d)
			}
		}
		for _, id := range s.finalizedIDs() {
			if _, ok := disk[id]; !ok {
				if e, _, ok := s.lookup(id); ok && int(e.vol) == v.index {
					s.recheck(v, id, &d)
				}
			}
		}
	}
	return d, errors.Join(errs...)
}

// recheck looks at one replica with its stripe held and mends the table.
func (s *Store) recheck(v *volume, id hdfs.BlockID, d *Differences) {
	lock := s.stripe(id)
	lock.Lock()
	defer lock.Unlock()
	dir := foundFiles{}
	if err := s.scanDir(v.dirFor(id, inFinalized), dir); err != nil {
		return
	}
	f := dir[id]
	e, a, ok := s.lookup(id)
	switch {
	case a != nil || ok && (e.state != hdfs.ReplicaFinalized || int(e.vol) != v.index):
		return // in work
	case !ok && f.data && f.meta && !s.remover.has(id):
		e = entry{gs: f.gs, n: f.size, metaBytes: uint32(f.metaLen), vol: uint16(v.index), state: hdfs.ReplicaFinalized, at: inFinalized}
		s.add(v, id, e)
		d.Found = append(d.Found, Replica{Block: e.block(id), State: e.state, StorageID: v.storageID, Visible: e.n})
	case !ok:
		return // half of a pair, or a deletion under way
	case !f.data:
		s.mu.Lock()
		delete(s.table, id)
		s.mu.Unlock()
		v.used.Add(-e.n - int64(e.metaBytes))
		v.blocks.Add(-1)
		d.Gone = append(d.Gone, Replica{Block: e.block(id), State: e.state, StorageID: v.storageID})
	case !f.meta || f.gs != e.gs || f.size != e.n:
		v.used.Add(f.size - e.n)
		e.n = f.size
		s.put(id, e, nil)
		d.Damaged = append(d.Damaged, Replica{Block: e.block(id), State: e.state, StorageID: v.storageID, Visible: e.n})
	}
}
