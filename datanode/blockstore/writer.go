package blockstore

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/vfs"
)

// Writer owns a replica that grows. Write, Sync and Finalize are called by one goroutine; SetAcked may be called by another.
type Writer struct {
	s     *Store
	v     *volume
	a     *active
	block hdfs.Block // id and stamp; the length is in a
	sum   Checksum
	data  vfs.File
	meta  vfs.File
	temp  bool

	sums   []byte // scratch
	synced bool   // the names have been synced since the replica was made or moved
	safe   int64  // bytes that a power loss may not take: what was there at the last Sync or at the opening

	mu      sync.Mutex // guards what follows
	onStop  func()
	stopped bool
	done    chan struct{}
	closed  bool
}

// Block is the replica's id and stamp with the bytes on disk.
func (w *Writer) Block() hdfs.Block {
	b := w.block
	b.NumBytes, _ = w.a.lengths()
	return b
}

// StorageID names the volume.
func (w *Writer) StorageID() string { return w.v.storageID }

// StorageType is the volume's medium.
func (w *Writer) StorageType() hdfs.StorageType { return w.v.kind }

// Checksum is the one of the meta file, which for an old replica may differ from what a client sends.
func (w *Writer) Checksum() Checksum { return w.sum }

// OnInterrupt sets what unblocks the owner when another operation takes the replica over; it is called at once if that has
// happened already.
func (w *Writer) OnInterrupt(f func()) {
	w.mu.Lock()
	w.onStop = f
	stopped := w.stopped
	w.mu.Unlock()
	if stopped {
		f()
	}
}

func (w *Writer) interrupt() {
	w.mu.Lock()
	w.stopped = true
	f := w.onStop
	w.mu.Unlock()
	if f != nil {
		f()
	}
}

// SetAcked raises the visible length.
func (w *Writer) SetAcked(n int64) {
	w.a.mu.Lock()
	w.a.acked = max(w.a.acked, n)
	w.a.mu.Unlock()
}

// Write stores one packet: data begins at byte off of the block. sums are its checksums by chunk when off is at a chunk boundary
// (a last short chunk included), or one checksum over data when it is not, or empty to have them computed. What is on disk
// already is skipped: after a failure clients send some bytes again. Both conventions for a chunk that was sent in parts are
// taken: sent again from its boundary with a checksum over all of it (Apache), or from its middle with a checksum over the new
// bytes alone (colinmarc).
func (w *Writer) Write(off int64, data, sums []byte) error {
	have, lastCRC := w.a.snapshot()
	end := off + int64(len(data))
	bpc := int64(w.sum.BytesPerChecksum)
	aligned := off%bpc == 0
	switch {
	case len(data) == 0 || end <= have:
		return nil
	case off > have:
		return fmt.Errorf("write %s: packet at byte %d, only %d are there", w.block, off, have)
	case !aligned && len(sums) > 0 && int64(len(data)) > bpc:
		return fmt.Errorf("write %s: a partial chunk must be sent in an individual packet (%d bytes at %d, chunk of %d)", w.block, len(data), off, bpc)
	}
	fresh := data[have-off:]
	inChunk := have % bpc
	firstChunk := have - inChunk
	var out []byte
	if csz := w.sum.Size(); csz > 0 {
		if aligned && len(sums) > 0 {
			skip := 0
			if firstChunk > off {
				skip = int((firstChunk - off) / bpc)
			}
			if firstChunk >= off {
				out = sums[skip*csz:]
			}
		}
		if out == nil {
			out = w.continueSums(inChunk, lastCRC, fresh)
		}
		lastCRC = 0
		if end%bpc != 0 {
			lastCRC = binary.BigEndian.Uint32(out[len(out)-csz:])
		}
	}
	if _, err := w.data.WriteAt(fresh, have); err != nil {
		return w.failed(err)
	}
	if w.safe > firstChunk && len(out) > 0 {
		// The checksum of a chunk with synced bytes is about to be replaced. If the disk had the new checksum and not the bytes that
		// it covers, the synced bytes could not be told from damage: the bytes go first.
		if err := w.data.Sync(); err != nil {
			return w.failed(err)
		}
	}
	if len(out) > 0 {
		if _, err := w.meta.WriteAt(out, w.sum.metaOffset(firstChunk)); err != nil {
			return w.failed(err)
		}
	}
	w.account(int64(len(fresh)), have, end)
	w.a.advance(end, lastCRC)
	return nil
}

// continueSums computes the checksums from the chunk that has inChunk bytes with checksum crc.
func (w *Writer) continueSums(inChunk int64, crc uint32, fresh []byte) []byte {
	out := w.sums[:0]
	if inChunk > 0 {
		n := min(int64(w.sum.BytesPerChecksum)-inChunk, int64(len(fresh)))
		out = binary.BigEndian.AppendUint32(out, w.sum.Update(crc, fresh[:n]))
		fresh = fresh[n:]
	}
	w.sums = w.sum.Sum(out, fresh)
	return w.sums
}

func (w *Writer) account(n, from, to int64) {
	metaGrown := int64(w.sum.SumsLen(to) - w.sum.SumsLen(from))
	w.v.used.Add(n + metaGrown)
	w.a.mu.Lock()
	back := min(w.a.reserved, n)
	w.a.reserved -= back
	w.a.mu.Unlock()
	w.v.pending.Add(-back)
}

func (w *Writer) failed(err error) error {
	return fmt.Errorf("write %s on %s: %w", w.block, w.v.dir, err)
}

// Sync makes all bytes written so far, their checksums and the replica's names durable.
func (w *Writer) Sync() error {
	if err := w.data.Sync(); err != nil {
		return w.failed(err)
	}
	if err := w.meta.Sync(); err != nil {
		return w.failed(err)
	}
	w.safe, _ = w.a.lengths()
	if w.synced {
		return nil
	}
	at := inRBW
	if w.temp {
		at = inTmp
	}
	if err := w.s.fs.SyncDir(w.v.dirFor(w.block.ID, at)); err != nil {
		return w.failed(err)
	}
	w.synced = true
	return nil
}

// release ends ownership; files are closed. The stripe is held.
func (w *Writer) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	w.closed = true
	w.data.Close()
	w.meta.Close()
	w.a.mu.Lock()
	w.a.owner = nil
	w.a.wake()
	w.a.mu.Unlock()
	close(w.done)
}

func (w *Writer) unreserve() {
	w.a.mu.Lock()
	back := w.a.reserved
	w.a.reserved = 0
	w.a.mu.Unlock()
	w.v.pending.Add(-back)
}

// Close ends writing without finalizing. A TEMPORARY replica is removed; an RBW replica stays, for its client or a block recovery
// to go on with. Close after Finalize or ConvertToRBW does nothing.
func (w *Writer) Close() {
	w.s.stripe(w.block.ID).Lock()
	defer w.s.stripe(w.block.ID).Unlock()
	w.mu.Lock()
	closed := w.closed
	w.mu.Unlock()
	if closed {
		return
	}
	w.release()
	if !w.temp {
		w.s.refresh(w.block.ID, w.a)
		return
	}
	w.unreserve()
	w.s.forget(w.block.ID, w.a)
	n, _ := w.a.lengths()
	_ = w.s.fs.Remove(w.v.dataPath(w.block.ID, inTmp))
	w.s.fs.Remove(w.v.metaPath(w.block.ID, w.block.GenStamp, inTmp))
	w.v.used.Add(-n - metaHeaderLen - int64(w.sum.SumsLen(n)))
}

// refresh copies the length of a into the table.
func (s *Store) refresh(id hdfs.BlockID, a *active) {
	n, _ := a.lengths()
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.table[id]; ok && s.active[id] == a {
		e.n = n
		s.table[id] = e
	}
}

// forget removes the replica from the table if a is still its state.
func (s *Store) forget(id hdfs.BlockID, a *active) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active[id] == a {
		delete(s.table, id)
		delete(s.active, id)
	}
}
