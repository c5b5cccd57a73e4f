package blockstore

import (
	"fmt"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/vfs"
)

// The commit points: moves of a pair of files between directories and stamps. The meta file always moves first. A crash between the
// two renames leaves data and meta in different directories; load puts the pair together (see load.go).

// Finalize ends writing: the replica is complete and immutable. The answer is what the namenode is told.
func (w *Writer) Finalize() (Replica, error) {
	s := w.s
	s.stripe(w.block.ID).Lock()
	defer s.stripe(w.block.ID).Unlock()
	e, a, ok := s.lookup(w.block.ID)
	if !ok || a != w.a {
		return Replica{}, fmt.Errorf("finalize %s: the replica was taken over by another operation", w.block)
	}
	if s.cfg.SyncOnClose {
		if err := w.Sync(); err != nil {
			return Replica{}, err
		}
	}
	e.n, _ = w.a.lengths()
	if err := s.finalize(w.v, w.block.ID, &e, w.synced); err != nil {
		return Replica{}, err
	}
	w.release()
	w.unreserve()
	r, _ := s.Get(w.block.ID)
	return r, nil
}

// finalize moves the pair to its finalized directory. durable syncs the names, so that synced bytes are found under the new ones.
func (s *Store) finalize(v *volume, id hdfs.BlockID, e *entry, durable bool) error {
	from := *e
	dst := v.dirFor(id, inFinalized)
	if err := s.ensureDir(v, dst); err != nil {
		return fmt.Errorf("finalize %s: %w", e.block(id), err)
	}
	if err := s.movePair(v, id, &from, inFinalized, e.gs); err != nil {
		return fmt.Errorf("finalize %s: %w", e.block(id), err)
	}
	if durable {
		for _, d := range []string{dst, v.dirFor(id, e.at)} {
			if err := s.fs.SyncDir(d); err != nil {
				return fmt.Errorf("finalize %s: %w", e.block(id), err)
			}
		}
	}
	from.state, from.n = hdfs.ReplicaFinalized, e.n
	if st, err := s.fs.Stat(v.metaPath(id, from.gs, inFinalized)); err == nil {
		from.metaBytes = uint32(st.Size())
	}
	*e = from
	s.put(id, *e, nil)
	return nil
}

// movePair renames meta, then data.
func (s *Store) movePair(v *volume, id hdfs.BlockID, e *entry, to place, stamp hdfs.GenStamp) error {
	if err := s.fs.Rename(v.metaPath(id, e.gs, e.at), v.metaPath(id, stamp, to)); err != nil {
		return err
	}
	if e.at != to {
		if err := s.fs.Rename(v.dataPath(id, e.at), v.dataPath(id, to)); err != nil {
			if back := s.fs.Rename(v.metaPath(id, stamp, to), v.metaPath(id, e.gs, e.at)); back != nil {
				return fmt.Errorf("%w (and back: %w)", err, back)
			}
			return err
		}
	}
	e.at, e.gs = to, stamp
	return nil
}

// bump gives the replica a new stamp where it lies.
func (s *Store) bump(v *volume, id hdfs.BlockID, e *entry, stamp hdfs.GenStamp) error {
	if stamp == e.gs {
		return nil
	}
	old := *e
	if err := s.movePair(v, id, e, e.at, stamp); err != nil {
		return fmt.Errorf("new generation stamp %d for %s: %w", stamp, old.block(id), err)
	}
	return nil
}

// moveToRBW reopens a finalized replica for writing.
func (s *Store) moveToRBW(v *volume, id hdfs.BlockID, e *entry, stamp hdfs.GenStamp) error {
	old := *e
	if err := s.movePair(v, id, e, inRBW, stamp); err != nil {
		return fmt.Errorf("reopen %s: %w", old.block(id), err)
	}
	e.state = hdfs.ReplicaRBW
	return nil
}

// ConvertToRBW turns a whole TEMPORARY copy into an RBW replica that a client will go on writing (TRANSFER_RBW).
func (w *Writer) ConvertToRBW(visible int64) (Replica, error) {
	s := w.s
	s.stripe(w.block.ID).Lock()
	defer s.stripe(w.block.ID).Unlock()
	e, a, ok := s.lookup(w.block.ID)
	if !ok || a != w.a || !w.temp {
		return Replica{}, fmt.Errorf("convert %s to RBW: the replica was taken over by another operation", w.block)
	}
	n, _ := w.a.lengths()
	if n < visible {
		return Replica{}, fmt.Errorf("convert %s to RBW: %d bytes, %d are visible", w.block, n, visible)
	}
	e.n = n
	if err := s.movePair(w.v, w.block.ID, &e, inRBW, e.gs); err != nil {
		return Replica{}, fmt.Errorf("convert %s to RBW: %w", w.block, err)
	}
	e.state = hdfs.ReplicaRBW
	w.temp = false
	w.SetAcked(visible)
	s.put(w.block.ID, e, w.a)
	w.release()
	r, _ := s.Get(w.block.ID)
	return r, nil
}

// truncateFiles cuts data and checksums to n bytes and recomputes the last one.
func (s *Store) truncateFiles(v *volume, id hdfs.BlockID, e *entry, n int64) error {
	fail := func(err error) error { return fmt.Errorf("cut %s to %d bytes: %w", e.block(id), n, err) }
	meta, err := s.fs.OpenFile(v.metaPath(id, e.gs, e.at), vfs.ReadWrite, 0)
	if err != nil {
		return fail(err)
	}
	defer meta.Close()
	data, err := s.fs.OpenFile(v.dataPath(id, e.at), vfs.ReadWrite, 0)
	if err != nil {
		return fail(err)
	}
	defer data.Close()
	sum, err := readMetaHeader(meta)
	if err != nil {
		return fail(err)
	}
	var last []byte
	if part := n % int64(sum.BytesPerChecksum); part != 0 {
		// The chunk is checked as it was before its tail is cut off, so that damage does not get a good checksum.
		chunk := make([]byte, min(int64(sum.BytesPerChecksum), e.n-(n-part)))
		if _, err := data.ReadAt(chunk, n-part); err != nil {
			return fail(err)
		}
		stored := make([]byte, sum.Size())
		if _, err := meta.ReadAt(stored, sum.metaOffset(n-part)); err != nil {
			return fail(err)
		}
		if err := sum.Verify(chunk, stored); err != nil {
			return fail(err)
		}
		last = sum.Sum(nil, chunk[:part])
	}
	// The new last checksum goes first and to the disk: whatever a crash leaves after that, load finds n bytes that it covers.
	if len(last) > 0 {
		if _, err := meta.WriteAt(last, sum.metaOffset(n-1)); err != nil {
			return fail(err)
		}
	}
	if err := meta.Truncate(metaHeaderLen + int64(sum.SumsLen(n))); err != nil {
		return fail(err)
	}
	if err := meta.Sync(); err != nil {
		return fail(err)
	}
	if err := data.Truncate(n); err != nil {
		return fail(err)
	}
	if err := data.Sync(); err != nil {
		return fail(err)
	}
	v.used.Add(n - e.n + int64(sum.SumsLen(n)-sum.SumsLen(e.n)))
	e.n = n
	e.metaBytes = uint32(metaHeaderLen + sum.SumsLen(n))
	return nil
}

// activeFromDisk makes the memory of an unfinished replica afresh after its files have changed, keeping the reservation.
func (s *Store) activeFromDisk(id hdfs.BlockID, e entry, old *active) (*active, error) {
	v := s.volumes[e.vol]
	w := &Writer{s: s, v: v, a: newActive(e.n, 0), block: e.block(id)}
	if err := w.openFiles(e.at); err != nil {
		return nil, err
	}
	defer w.data.Close()
	defer w.meta.Close()
	if err := w.loadPartial(e.n); err != nil {
		return nil, err
	}
	if old != nil {
		old.mu.Lock()
		w.a.reserved, old.reserved = old.reserved, 0
		w.a.before, w.a.recovery = old.before, old.recovery
		old.mu.Unlock()
	}
	return w.a, nil
}
