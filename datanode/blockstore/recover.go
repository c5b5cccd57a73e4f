package blockstore

import (
	"context"
	"fmt"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/vfs"
)

// InitRecovery begins block recovery under the stamp recovery: the writer is stopped, the replica is RUR, and the answer is the
// replica as it was (FsDatasetImpl.initReplicaRecovery). ok is false when there is none.
func (s *Store) InitRecovery(ctx context.Context, b hdfs.Block, recovery hdfs.GenStamp) (r Replica, ok bool, err error) {
	if _, _, ok := s.lookup(b.ID); !ok {
		return Replica{}, false, nil
	}
	if err := s.lockQuiet(ctx, b.ID); err != nil {
		return Replica{}, false, err
	}
	defer s.stripe(b.ID).Unlock()
	e, a, ok := s.lookup(b.ID)
	if !ok {
		return Replica{}, false, nil
	}
	if a != nil {
		e.n, _ = a.lengths()
	}
	have := e.block(b.ID)
	switch {
	case e.gs < b.GenStamp:
		return Replica{}, false, fmt.Errorf("replica.getGenerationStamp() < block.getGenerationStamp(), block=%s, replica=%s", b, have)
	case e.gs >= recovery:
		return Replica{}, false, fmt.Errorf("THIS IS NOT SUPPOSED TO HAPPEN: replica.getGenerationStamp() >= recoveryId = %d, block=%s, replica=%s", recovery, b, have)
	case e.state == hdfs.ReplicaRUR && a.recovery >= recovery:
		return Replica{}, false, hdfs.Errorf(hdfs.RecoveryInProgress, "rur.getRecoveryID() >= recoveryId = %d, block=%s, rur=%s", recovery, b, have)
	}
	if e.state != hdfs.ReplicaRUR {
		fresh := newActive(e.n, 0)
		fresh.before = e.state
		if a != nil {
			s.dropReserve(e, a)
			fresh.lastCRC = a.lastCRC
		} else if fresh, err = s.activeFromDisk(b.ID, e, nil); err != nil {
			return Replica{}, false, fmt.Errorf("begin recovery of %s: %w", have, err)
		} else {
			fresh.before = e.state
		}
		a = fresh
		e.state = hdfs.ReplicaRUR
	}
	a.mu.Lock()
	a.recovery = recovery
	before := a.before
	a.mu.Unlock()
	s.put(b.ID, e, a)
	return Replica{Block: have, State: before, StorageID: s.volumes[e.vol].storageID, Visible: e.n}, true, nil
}

// UpdateRecovery ends it: the replica gets the stamp recovery and n bytes and is finalized. With another id than b's (truncate of a
// block that a snapshot still needs) the first n bytes become a replica of newID, and b's own stays as it is.
func (s *Store) UpdateRecovery(ctx context.Context, b hdfs.Block, recovery hdfs.GenStamp, newID hdfs.BlockID, n int64) (Replica, error) {
	if newID == 0 {
		newID = b.ID
	}
	lock := s.stripe(b.ID)
	lock.Lock()
	defer lock.Unlock()
	e, a, ok := s.lookup(b.ID)
	if a != nil {
		e.n, _ = a.lengths()
	}
	switch {
	case !ok:
		return Replica{}, notFound(b)
	case e.state != hdfs.ReplicaRUR:
		return Replica{}, fmt.Errorf("replica.getState() != RUR, replica=%s in state %s", e.block(b.ID), e.state)
	case a.recovery != recovery:
		return Replica{}, fmt.Errorf("rur.getRecoveryID() != recoveryId = %d, block=%s, recovery id of the replica is %d", recovery, b, a.recovery)
	case n > e.n:
		return Replica{}, fmt.Errorf("rur.getNumBytes() < newlength = %d, rur=%s", n, e.block(b.ID))
	case e.n != b.NumBytes && b.NumBytes != 0:
		return Replica{}, fmt.Errorf("THIS IS NOT SUPPOSED TO HAPPEN: replica.getNumBytes() != block.getNumBytes(), block=%s, replica=%s", b, e.block(b.ID))
	}
	v := s.volumes[e.vol]
	if newID != b.ID {
		return s.copyTruncated(v, b.ID, e, a, newID, recovery, n)
	}
	var err error
	if n < e.n && e.at == inFinalized {
		// A crash in the middle of cutting must find an unfinished replica, whose length is checked at the start.
		err = s.moveToRBW(v, b.ID, &e, recovery)
	} else {
		err = s.bump(v, b.ID, &e, recovery)
	}
	if err == nil {
		e.state = hdfs.ReplicaRUR
		s.put(b.ID, e, a)
		if n < e.n {
			err = s.truncateFiles(v, b.ID, &e, n)
		}
	}
	if err == nil && e.at != inFinalized {
		err = s.finalize(v, b.ID, &e, true)
	}
	if err != nil {
		return Replica{}, err
	}
	e.state = hdfs.ReplicaFinalized
	s.put(b.ID, e, nil)
	r, _ := s.Get(b.ID)
	return r, nil
}

// copyTruncated makes a finalized replica of newID from the first n bytes, checking them on the way. The source keeps its files and
// gets back the state it had.
func (s *Store) copyTruncated(v *volume, id hdfs.BlockID, e entry, a *active, newID hdfs.BlockID, stamp hdfs.GenStamp, n int64) (Replica, error) {
	src := &Reader{Length: e.n}
	var err error
	if src.data, err = s.fs.Open(v.dataPath(id, e.at)); err != nil {
		return Replica{}, err
	}
	defer src.data.Close()
	if src.meta, err = s.fs.OpenFile(v.metaPath(id, e.gs, e.at), vfs.ReadOnly, 0); err != nil {
		return Replica{}, err
	}
	defer src.meta.Close()
	if src.Sum, err = readMetaHeader(src.meta); err != nil {
		return Replica{}, err
	}
	w := s.newWriter(v, newActive(0, 0), hdfs.Block{ID: newID, GenStamp: stamp}, src.Sum, false)
	if err := w.createFiles(inRBW); err != nil {
		return Replica{}, w.failed(err)
	}
	v.used.Add(metaHeaderLen)
	v.blocks.Add(1)
	s.put(newID, entry{gs: stamp, vol: uint16(v.index), state: hdfs.ReplicaRBW, at: inRBW}, w.a)
	bpc := int64(src.Sum.BytesPerChecksum)
	buf := make([]byte, max(1, (1<<20)/bpc)*bpc)
	sums := make([]byte, src.Sum.SumsLen(int64(len(buf))))
	for off := int64(0); off < n && err == nil; off += int64(len(buf)) {
		part := buf[:min(int64(len(buf)), e.n-off)]
		if _, err = src.ReadAt(part, sums, off); err == nil {
			err = w.Write(off, part[:min(int64(len(part)), n-off)], nil)
		}
	}
	if err == nil {
		err = w.Sync()
	}
	ne, _, _ := s.lookup(newID)
	ne.n, _ = w.a.lengths()
	w.release()
	if err == nil {
		err = s.finalize(v, newID, &ne, true)
	}
	if err != nil {
		s.forget(newID, w.a)
		_ = s.unlink(v, newID, ne)
		return Replica{}, fmt.Errorf("copy the first %d bytes of %s: %w", n, e.block(id), err)
	}
	e.state = a.before
	if e.state == hdfs.ReplicaFinalized || e.state == hdfs.ReplicaRWR {
		s.put(id, e, nil)
	} else {
		s.put(id, e, a)
	}
	r, _ := s.Get(newID)
	return r, nil
}
