package blockstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/vfs"
)

// Reader reads a stable prefix of a replica, checked. Its methods may be called concurrently.
type Reader struct {
	Sum    Checksum
	Length int64 // bytes that can be read

	data, meta vfs.File
	// lastCRC is the checksum of the partial chunk at the end, which a writer may be replacing in the meta file meanwhile.
	lastCRC uint32
	hasLast bool
}

// readWait is how long a reader waits for bytes that the namenode has announced and the writer has not brought yet.
const readWait = 3 * time.Second

// Open opens the replica of b for reading bytes [off, off+n); n < 0 means to the end. A replica with an older generation stamp than
// b's is refused. For a replica being written Open waits a moment until the bytes are there.
func (s *Store) Open(ctx context.Context, b hdfs.Block, off, n int64) (*Reader, error) {
	if _, a, ok := s.lookup(b.ID); ok && a != nil && n > 0 {
		wctx, cancel := context.WithTimeout(ctx, readWait)
		a.waitFor(wctx, off+n)
		cancel()
	}
	lock := s.stripe(b.ID)
	lock.Lock()
	defer lock.Unlock()
	e, a, ok := s.lookup(b.ID)
	switch {
	case !ok:
		return nil, hdfs.Errorf(hdfs.ReplicaNotFound, "Replica not found for %s. The block may have been removed recently by the balancer or by intentionally reducing the replication factor. This condition is usually harmless. To be certain, please check the preceding datanode log messages for signs of a more serious issue.", b)
	case e.gs < b.GenStamp:
		return nil, hdfs.Errorf(hdfs.ReplicaNotFound, "Replica generation stamp < block generation stamp, block=%s, replica=%s", b, e.block(b.ID))
	case e.state == hdfs.ReplicaTemporary:
		return nil, hdfs.Errorf(hdfs.ReplicaNotFound, "Replica of %s is a copy in progress", b)
	}
	v := s.volumes[e.vol]
	r := &Reader{Length: e.n}
	if a != nil {
		r.Length, r.lastCRC = a.snapshot()
	}
	var err error
	if r.data, err = s.fs.Open(v.dataPath(b.ID, e.at)); err != nil {
		return nil, s.openFailed(b, err)
	}
	if r.meta, err = s.fs.Open(v.metaPath(b.ID, e.gs, e.at)); err != nil {
		r.data.Close()
		return nil, s.openFailed(b, err)
	}
	if r.Sum, err = readMetaHeader(r.meta); err == nil && r.Length%int64(r.Sum.BytesPerChecksum) != 0 && r.Sum.Size() > 0 {
		r.hasLast = true
		if a == nil {
			var c [4]byte
			if _, err = r.meta.ReadAt(c[:], r.Sum.metaOffset(r.Length-1)); err == nil {
				r.lastCRC = binary.BigEndian.Uint32(c[:])
			} else {
				err = fmt.Errorf("meta file of %s has no checksum for byte %d: %w: %w", b, r.Length-1, ErrCorrupt, err)
			}
		}
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	if off < 0 || off > r.Length || n > 0 && off+n > r.Length {
		r.Close()
		return nil, fmt.Errorf("Offset %d and length %d don't match block %s ( blockLen %d )", off, n, b, r.Length)
	}
	return r, nil
}

func (s *Store) openFailed(b hdfs.Block, err error) error {
	return hdfs.Errorf(hdfs.FileNotFound, "open replica of %s: %v", b, err)
}

// Close closes the files.
func (r *Reader) Close() {
	r.data.Close()
	r.meta.Close()
}

// Files are the open data and meta files, for handing them to another process. The Reader stays their owner.
func (r *Reader) Files() (data, meta vfs.File) { return r.data, r.meta }

// SumsAt reads the checksums of the chunks in [off, off+n) into sums and answers how many bytes they are; off is at a chunk boundary.
func (r *Reader) SumsAt(sums []byte, off, n int64) (int, error) {
	want := r.Sum.SumsLen(n)
	if want == 0 {
		return 0, nil
	}
	if m, err := r.meta.ReadAt(sums[:want], r.Sum.metaOffset(off)); m < want {
		if !(r.hasLast && off+n == r.Length && m >= want-4) {
			return 0, fmt.Errorf("meta file ends at checksum byte %d of %d: %w: %w", m, want, ErrCorrupt, err)
		}
	}
	if r.hasLast && off+n == r.Length {
		binary.BigEndian.PutUint32(sums[want-4:], r.lastCRC)
	}
	return want, nil
}

// ReadAt fills data and the matching sums from byte off on and checks them. off is at a chunk boundary; data ends at one or at
// Length. On damage it answers a *ChecksumError with the offset in the block.
func (r *Reader) ReadAt(data, sums []byte, off int64) (sumsLen int, err error) {
	if off%int64(r.Sum.BytesPerChecksum) != 0 || off+int64(len(data)) > r.Length {
		return 0, fmt.Errorf("read of %d bytes at %d is not on chunk boundaries or beyond %d", len(data), off, r.Length)
	}
	n, err := r.data.ReadAt(data, off)
	if n < len(data) {
		if err == io.EOF || err == nil {
			return 0, fmt.Errorf("data file ends at byte %d, the replica has %d: %w", off+int64(n), r.Length, ErrCorrupt)
		}
		return 0, err
	}
	if sumsLen, err = r.SumsAt(sums, off, int64(len(data))); err != nil {
		return 0, err
	}
	if err := r.Sum.Verify(data, sums[:sumsLen]); err != nil {
		if ce, ok := err.(*ChecksumError); ok {
			ce.Offset += off
		}
		return 0, err
	}
	return sumsLen, nil
}
