package blockstore

import (
	"context"
	"fmt"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/vfs"
)

// CreateOptions of a new replica.
type CreateOptions struct {
	Temporary   bool // a copy by a datanode
	StorageType hdfs.StorageType
	StorageID   string
	Checksum    Checksum
	Reserve     int64         // bytes expected, for choosing a volume with room
	NewStamp    hdfs.GenStamp // replaces a replica with an older stamp: pipeline recovery before the first byte; 0 if none
}

// Create makes a new replica, RBW or TEMPORARY.
func (s *Store) Create(ctx context.Context, b hdfs.Block, o CreateOptions) (*Writer, error) {
	if !o.Checksum.Valid() {
		return nil, fmt.Errorf("create %s: checksum type %d with %d bytes per checksum is not supported", b, o.Checksum.Type, o.Checksum.BytesPerChecksum)
	}
	if err := s.makeRoom(ctx, b, o); err != nil {
		return nil, err
	}
	lock := s.stripe(b.ID)
	lock.Lock()
	defer lock.Unlock()
	if e, _, ok := s.lookup(b.ID); ok {
		return nil, exists(e.block(b.ID), e.state)
	}
	if o.NewStamp != 0 {
		b.GenStamp = o.NewStamp
	}
	v, err := s.chooseVolume(o.StorageType, o.StorageID, o.Reserve)
	if err != nil {
		return nil, err
	}
	at, state := inRBW, hdfs.ReplicaRBW
	if o.Temporary {
		at, state = inTmp, hdfs.ReplicaTemporary
	}
	w := s.newWriter(v, newActive(0, 0), b, o.Checksum, o.Temporary)
	w.a.reserved = o.Reserve
	if err := w.createFiles(at); err != nil {
		return nil, w.failed(err)
	}
	v.pending.Add(o.Reserve)
	v.used.Add(metaHeaderLen)
	v.blocks.Add(1)
	s.put(b.ID, entry{gs: b.GenStamp, vol: uint16(v.index), state: state, at: at}, w.a)
	return w, nil
}

func exists(b hdfs.Block, state hdfs.ReplicaState) error {
	return hdfs.Errorf(hdfs.ReplicaExists, "Block %s already exists in state %s and thus cannot be created.", b, state)
}

// makeRoom removes an older replica that the new one is allowed to replace: a TEMPORARY copy gives way to any newer stamp, an RBW
// replica to a client that starts its pipeline again (FsDatasetImpl.createRbw, createTemporary).
func (s *Store) makeRoom(ctx context.Context, b hdfs.Block, o CreateOptions) error {
	e, _, ok := s.lookup(b.ID)
	if !ok {
		return nil
	}
	stamp := max(b.GenStamp, o.NewStamp)
	replace := e.gs < stamp && (o.Temporary && (e.state == hdfs.ReplicaTemporary || e.state == hdfs.ReplicaRBW) ||
		!o.Temporary && o.NewStamp != 0 && e.state != hdfs.ReplicaFinalized || e.state == hdfs.ReplicaTemporary)
	if !replace {
		return exists(e.block(b.ID), e.state)
	}
	if err := s.lockQuiet(ctx, b.ID); err != nil {
		return err
	}
	defer s.stripe(b.ID).Unlock()
	e, a, ok := s.lookup(b.ID)
	if !ok || e.gs >= stamp {
		return nil
	}
	s.dropReserve(e, a)
	s.mu.Lock()
	delete(s.table, b.ID)
	delete(s.active, b.ID)
	s.mu.Unlock()
	return s.unlink(s.volumes[e.vol], b.ID, e)
}

func (s *Store) dropReserve(e entry, a *active) {
	if a == nil {
		return
	}
	a.mu.Lock()
	back := a.reserved
	a.reserved = 0
	a.mu.Unlock()
	s.volumes[e.vol].pending.Add(-back)
}

func (s *Store) newWriter(v *volume, a *active, b hdfs.Block, sum Checksum, temp bool) *Writer {
	w := &Writer{s: s, v: v, a: a, block: b, sum: sum, temp: temp, done: make(chan struct{})}
	a.mu.Lock()
	a.owner = w
	a.mu.Unlock()
	return w
}

func (w *Writer) createFiles(at place) (err error) {
	dataPath, metaPath := w.v.dataPath(w.block.ID, at), w.v.metaPath(w.block.ID, w.block.GenStamp, at)
	const flags = vfs.ReadWrite | vfs.Create | vfs.Truncate
	if w.data, err = w.s.fs.OpenFile(dataPath, flags, 0o644); err != nil {
		return err
	}
	if w.meta, err = w.s.fs.OpenFile(metaPath, flags, 0o644); err == nil {
		_, err = w.meta.WriteAt(encodeMetaHeader(w.sum), 0)
	}
	if err != nil {
		w.data.Close()
		_ = w.s.fs.Remove(dataPath)
		if w.meta != nil {
			w.meta.Close()
			_ = w.s.fs.Remove(metaPath)
		}
	}
	return err
}

// openFiles opens the pair for writing at its end.
func (w *Writer) openFiles(at place) (err error) {
	if w.data, err = w.s.fs.OpenFile(w.v.dataPath(w.block.ID, at), vfs.ReadWrite, 0); err != nil {
		return err
	}
	if w.meta, err = w.s.fs.OpenFile(w.v.metaPath(w.block.ID, w.block.GenStamp, at), vfs.ReadWrite, 0); err != nil {
		w.data.Close()
		return err
	}
	if w.sum, err = readMetaHeader(w.meta); err != nil {
		w.data.Close()
		w.meta.Close()
	}
	return err
}

func readMetaHeader(f vfs.File) (Checksum, error) {
	var h [metaHeaderLen]byte
	n, err := f.ReadAt(h[:], 0)
	if n < metaHeaderLen && err != nil && n > 0 {
		err = nil
	}
	if err != nil && n == 0 {
		return Checksum{}, fmt.Errorf("read meta header of %s: %w: %w", f.Name(), ErrCorrupt, err)
	}
	return decodeMetaHeader(h[:n])
}

// Append reopens a finalized replica of exactly n bytes under a stamp that is not older than its own (FsDatasetImpl.append).
func (s *Store) Append(ctx context.Context, b hdfs.Block, newStamp hdfs.GenStamp, n int64) (*Writer, error) {
	lock := s.stripe(b.ID)
	lock.Lock()
	defer lock.Unlock()
	return s.appendLocked(b, newStamp, n, false)
}

func (s *Store) appendLocked(b hdfs.Block, newStamp hdfs.GenStamp, n int64, recovering bool) (*Writer, error) {
	e, _, ok := s.lookup(b.ID)
	switch {
	case !ok:
		return nil, notFound(b)
	case e.state != hdfs.ReplicaFinalized:
		return nil, hdfs.Errorf(hdfs.ReplicaNotFound, "Cannot append to an unfinalized replica %s", b)
	case e.gs != b.GenStamp && !recovering:
		return nil, hdfs.Errorf(hdfs.ReplicaNotFound, "Cannot append to a replica with unexpected generation stamp %s", e.block(b.ID))
	case newStamp < b.GenStamp:
		return nil, fmt.Errorf("The new generation stamp %d should be greater than the replica %s's generation stamp", newStamp, b)
	case e.n != n:
		return nil, fmt.Errorf("Corrupted replica %s with a length of %d expected length is %d", e.block(b.ID), e.n, n)
	}
	v := s.volumes[e.vol]
	reserve := max(0, b.NumBytes-n)
	if s.available(v) < reserve {
		return nil, hdfs.Errorf(hdfs.DiskOutOfSpace, "Insufficient space for appending to %s", e.block(b.ID))
	}
	if e.gs == b.GenStamp && !s.metaExists(v, b.ID, e) {
		return nil, hdfs.Errorf(hdfs.ReplicaNotFound, "meta file of %s is missing", e.block(b.ID))
	}
	if err := s.moveToRBW(v, b.ID, &e, newStamp); err != nil {
		return nil, err
	}
	w := s.newWriter(v, newActive(n, 0), hdfs.Block{ID: b.ID, GenStamp: newStamp}, Checksum{}, false)
	if err := w.openFiles(inRBW); err != nil {
		return nil, w.failed(err)
	}
	if err := w.loadPartial(n); err != nil {
		w.data.Close()
		w.meta.Close()
		e.state = hdfs.ReplicaRWR
		s.put(b.ID, e, nil)
		return nil, w.failed(err)
	}
	w.a.reserved = reserve
	v.pending.Add(reserve)
	s.put(b.ID, e, w.a)
	return w, nil
}

func (s *Store) metaExists(v *volume, id hdfs.BlockID, e entry) bool {
	_, err := s.fs.Stat(v.metaPath(id, e.gs, e.at))
	return err == nil
}

// loadPartial reads the partial chunk before byte n, checks it and keeps its checksum to go on from.
func (w *Writer) loadPartial(n int64) error {
	w.safe = n
	part := n % int64(w.sum.BytesPerChecksum)
	if part == 0 || w.sum.Size() == 0 {
		return nil
	}
	buf := make([]byte, part)
	if _, err := w.data.ReadAt(buf, n-part); err != nil {
		return err
	}
	var stored [4]byte
	if _, err := w.meta.ReadAt(stored[:], w.sum.metaOffset(n-part)); err != nil {
		return err
	}
	if err := w.sum.Verify(buf, stored[:]); err != nil {
		return err
	}
	w.a.lastCRC = w.sum.Update(0, buf)
	return nil
}

// RecoverAppend takes over a failed append: the replica is finalized or RBW with exactly n bytes.
func (s *Store) RecoverAppend(ctx context.Context, b hdfs.Block, newStamp hdfs.GenStamp, n int64) (*Writer, error) {
	e, err := s.recoverCheck(ctx, b, newStamp, n)
	if err != nil {
		return nil, err
	}
	defer s.stripe(b.ID).Unlock()
	if e.state == hdfs.ReplicaFinalized {
		return s.appendLocked(b, newStamp, n, true)
	}
	return s.reopen(b, e, newStamp)
}

// RecoverClose takes over a failed close: the replica gets the new stamp and is finalized.
func (s *Store) RecoverClose(ctx context.Context, b hdfs.Block, newStamp hdfs.GenStamp, n int64) (Replica, error) {
	e, err := s.recoverCheck(ctx, b, newStamp, n)
	if err != nil {
		return Replica{}, err
	}
	defer s.stripe(b.ID).Unlock()
	_, a, _ := s.lookup(b.ID)
	v := s.volumes[e.vol]
	if err := s.bump(v, b.ID, &e, newStamp); err != nil {
		return Replica{}, err
	}
	s.put(b.ID, e, a)
	if e.state != hdfs.ReplicaFinalized {
		s.dropReserve(e, a)
		if err := s.finalize(v, b.ID, &e, false); err != nil {
			return Replica{}, err
		}
	}
	r, _ := s.Get(b.ID)
	return r, nil
}

// recoverCheck stops the writer and checks a replica for pipeline recovery (FsDatasetImpl.recoverCheck). It answers with the stripe
// held when err is nil.
func (s *Store) recoverCheck(ctx context.Context, b hdfs.Block, newStamp hdfs.GenStamp, n int64) (entry, error) {
	if err := s.lockQuiet(ctx, b.ID); err != nil {
		return entry{}, err
	}
	e, a, ok := s.lookup(b.ID)
	if a != nil {
		e.n, _ = a.lengths()
	}
	var err error
	switch {
	case !ok:
		err = notFound(b)
	case e.state != hdfs.ReplicaFinalized && e.state != hdfs.ReplicaRBW:
		err = hdfs.Errorf(hdfs.ReplicaNotFound, "Cannot recover append/close to a replica that's not FINALIZED and not RBW as it's in state %s: %s", e.state, b)
	case e.gs < b.GenStamp || e.gs > newStamp:
		err = hdfs.Errorf(hdfs.ReplicaNotFound, "Cannot append to a replica with unexpected generation stamp %s. Expected GS range is [%d, %d].", e.block(b.ID), b.GenStamp, newStamp)
	case e.state == hdfs.ReplicaFinalized && e.n != n, e.state == hdfs.ReplicaRBW && e.n < n:
		err = fmt.Errorf("Corrupted replica %s with a length of %d expected length is %d", e.block(b.ID), e.n, n)
	}
	if err == nil && e.state == hdfs.ReplicaRBW && e.n > n {
		err = s.truncateFiles(s.volumes[e.vol], b.ID, &e, n)
		if err == nil {
			a, err = s.activeFromDisk(b.ID, e, a)
		}
		if err == nil {
			s.put(b.ID, e, a)
		}
	}
	if err != nil {
		s.stripe(b.ID).Unlock()
		return entry{}, err
	}
	return e, nil
}

// RecoverRBW takes over an RBW replica for the rest of a pipeline. The client says that minBytes were acknowledged to it and
// maxBytes sent. What this datanode has not acknowledged itself is cut off: datanodes in the middle of a pipeline do not check
// bytes, and the client sends those again.
func (s *Store) RecoverRBW(ctx context.Context, b hdfs.Block, newStamp hdfs.GenStamp, minBytes, maxBytes int64) (*Writer, error) {
	if err := s.lockQuiet(ctx, b.ID); err != nil {
		return nil, err
	}
	defer s.stripe(b.ID).Unlock()
	e, a, ok := s.lookup(b.ID)
	var acked int64
	if a != nil {
		e.n, acked = a.lengths()
		acked = min(acked, e.n)
	}
	switch {
	case !ok:
		return nil, notFound(b)
	case e.state == hdfs.ReplicaTemporary || e.state == hdfs.ReplicaFinalized || e.state == hdfs.ReplicaRUR || e.state == hdfs.ReplicaRWR:
		return nil, hdfs.Errorf(hdfs.ReplicaNotFound, "Cannot recover a non-RBW replica %s in state %s", e.block(b.ID), e.state)
	case e.gs < b.GenStamp || e.gs > newStamp:
		return nil, hdfs.Errorf(hdfs.ReplicaNotFound, "Cannot append to a replica with unexpected generation stamp %s. Expected GS range is [%d, %d].", e.block(b.ID), b.GenStamp, newStamp)
	case acked < minBytes || e.n > maxBytes:
		return nil, hdfs.Errorf(hdfs.ReplicaNotFound, "Unmatched length replica %s: BytesAcked = %d, BytesRcvd = %d are not in the range of [%d, %d].", e.block(b.ID), acked, e.n, minBytes, maxBytes)
	}
	if e.n > acked {
		if err := s.truncateFiles(s.volumes[e.vol], b.ID, &e, acked); err != nil {
			return nil, err
		}
	}
	return s.reopen(b, e, newStamp)
}

// reopen bumps an RBW replica and answers a writer at its end.
func (s *Store) reopen(b hdfs.Block, e entry, newStamp hdfs.GenStamp) (*Writer, error) {
	v := s.volumes[e.vol]
	_, old, _ := s.lookup(b.ID)
	if err := s.bump(v, b.ID, &e, newStamp); err != nil {
		return nil, err
	}
	w := s.newWriter(v, newActive(e.n, 0), hdfs.Block{ID: b.ID, GenStamp: newStamp}, Checksum{}, false)
	if old != nil {
		old.mu.Lock()
		w.a.reserved, old.reserved = old.reserved, 0
		old.mu.Unlock()
	}
	if err := w.openFiles(e.at); err != nil {
		return nil, w.failed(err)
	}
	if err := w.loadPartial(e.n); err != nil {
		w.data.Close()
		w.meta.Close()
		return nil, w.failed(err)
	}
	s.put(b.ID, e, w.a)
	return w, nil
}
