package blockstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/vfs"
)

// found is what a directory holds of one block.
type found struct {
	data    bool
	size    int64
	meta    bool
	gs      hdfs.GenStamp
	metaLen int64
}

type foundFiles map[hdfs.BlockID]found

// scanDir adds the block files of one directory.
func (s *Store) scanDir(dir string, into foundFiles) error {
	ents, err := s.fs.ReadDir(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	for _, ent := range ents {
		id, gs, meta, ok := parseName(ent.Name())
		if !ok || ent.IsDir() {
			continue
		}
		info, err := ent.Info()
		if err != nil {
			continue // removed meanwhile
		}
		f := into[id]
		if meta {
			if !f.meta || gs > f.gs {
				f.meta, f.gs, f.metaLen = true, gs, info.Size()
			}
		} else {
			f.data, f.size = true, info.Size()
		}
		into[id] = f
	}
	return nil
}

func (s *Store) scanFinalized(v *volume) (foundFiles, error) {
	out := foundFiles{}
	root := filepath.Join(v.currentDir(), "finalized")
	outer, err := s.fs.ReadDir(root)
	if err != nil {
		return nil, err
	}
	for _, a := range outer {
		if !a.IsDir() {
			continue
		}
		inner, err := s.fs.ReadDir(filepath.Join(root, a.Name()))
		if err != nil {
			return nil, err
		}
		for _, b := range inner {
			if !b.IsDir() {
				continue
			}
			dir := filepath.Join(root, a.Name(), b.Name())
			v.made.Store(dir, true)
			if err := s.scanDir(dir, out); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// load fills the table from a volume: finalized replicas as they are, RBW ones as RWR with the length that their checksums carry,
// TEMPORARY ones deleted. Pairs that a crash tore apart are joined first:
//
//	data in rbw, meta in finalized: Finalize was cut short; the meta file goes back and the replica is RWR.
//	data in finalized, meta in rbw: Append was cut short; the data file follows and the replica is RWR.
func (s *Store) load(v *volume) error {
	fail := func(err error) error { return fmt.Errorf("load replicas of %s: %w", v.dir, err) }
	// Apache trusts this list of replicas for five minutes after a shutdown; it is not ours to keep true.
	_ = s.fs.Remove(filepath.Join(v.currentDir(), "replicas"))
	if err := s.clearTmp(v); err != nil {
		return fail(err)
	}
	done, err := s.scanFinalized(v)
	if err != nil {
		return fail(err)
	}
	open := foundFiles{}
	if err := s.scanDir(v.dirFor(0, inRBW), open); err != nil {
		return fail(err)
	}
	for id, f := range open {
		d := done[id]
		switch {
		case f.data && !f.meta && d.meta && !d.data:
			if err := s.fs.Rename(v.metaPath(id, d.gs, inFinalized), v.metaPath(id, d.gs, inRBW)); err != nil {
				return fail(err)
			}
			f.meta, f.gs, f.metaLen = true, d.gs, d.metaLen
			delete(done, id)
		case !f.data && f.meta && d.data && !d.meta:
			if err := s.fs.Rename(v.dataPath(id, inFinalized), v.dataPath(id, inRBW)); err != nil {
				return fail(err)
			}
			f.data, f.size = true, d.size
			delete(done, id)
		}
		open[id] = f
	}
	for id, f := range done {
		if f.data {
			s.add(v, id, entry{gs: f.gs, n: f.size, metaBytes: uint32(f.metaLen), vol: uint16(v.index), state: hdfs.ReplicaFinalized, at: inFinalized})
		}
	}
	for id, f := range open {
		if !f.data || !f.meta {
			s.log.Warn("half of an unfinished replica is left alone", "block", dataName(id), "data", f.data, "meta", f.meta)
			continue
		}
		e := entry{gs: f.gs, n: f.size, metaBytes: uint32(f.metaLen), vol: uint16(v.index), state: hdfs.ReplicaRWR, at: inRBW}
		if err := s.repair(v, id, &e); err != nil {
			return fail(err)
		}
		s.add(v, id, e)
	}
	return nil
}

func (s *Store) clearTmp(v *volume) error {
	dir := v.dirFor(0, inTmp)
	ents, err := s.fs.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, ent := range ents {
		if err := s.fs.RemoveAll(filepath.Join(dir, ent.Name())); err != nil {
			return err
		}
	}
	return nil
}

// add puts a replica found on disk into the table; of two with one id the better one is kept.
func (s *Store) add(v *volume, id hdfs.BlockID, e entry) {
	v.used.Add(e.n + int64(e.metaBytes))
	v.blocks.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	old, dup := s.table[id]
	if dup && !better(e, old) {
		s.log.Warn("second replica of a block is ignored", "block", e.block(id), "dir", v.dir)
		return
	}
	s.table[id] = e
}

// better prefers the newer stamp, then the finalized, then the longer one.
func better(a, b entry) bool {
	if a.gs != b.gs {
		return a.gs > b.gs
	}
	if (a.state == hdfs.ReplicaFinalized) != (b.state == hdfs.ReplicaFinalized) {
		return a.state == hdfs.ReplicaFinalized
	}
	return a.n > b.n
}

// repair cuts an unfinished replica to the bytes that its checksums carry.
func (s *Store) repair(v *volume, id hdfs.BlockID, e *entry) error {
	data, err := s.fs.OpenFile(v.dataPath(id, e.at), vfs.ReadWrite, 0)
	if err != nil {
		return err
	}
	defer data.Close()
	meta, err := s.fs.OpenFile(v.metaPath(id, e.gs, e.at), vfs.ReadWrite, 0)
	if err != nil {
		return err
	}
	defer meta.Close()
	sum, err := readMetaHeader(meta)
	if errors.Is(err, ErrCorrupt) {
		// No header, hence no byte that could be trusted.
		e.n = 0
		return nil
	}
	if err != nil {
		return err
	}
	n, err := validPrefix(data, meta, sum, e.n)
	if err != nil {
		return err
	}
	if n < e.n {
		s.log.Warn("unfinished replica is cut to the bytes with good checksums", "block", e.block(id), "length", n)
		if err := data.Truncate(n); err != nil {
			return err
		}
	}
	e.n = n
	if want := metaHeaderLen + int64(sum.SumsLen(n)); int64(e.metaBytes) > want {
		if err := meta.Truncate(want); err != nil {
			return err
		}
		e.metaBytes = uint32(want)
	}
	return nil
}

// validPrefix is the length of the longest prefix of data whose chunks all have their checksums. The last chunk may have a checksum
// that covers only its first bytes: the data file is written before the meta file.
func validPrefix(data, meta io.ReaderAt, sum Checksum, size int64) (int64, error) {
	if sum.Size() == 0 {
		return size, nil
	}
	bpc := int64(sum.BytesPerChecksum)
	perRead := max(1, (1<<20)/bpc)
	buf := make([]byte, perRead*bpc)
	sums := make([]byte, perRead*4)
	for off := int64(0); off < size; off += perRead * bpc {
		n := min(perRead*bpc, size-off)
		if m, err := data.ReadAt(buf[:n], off); int64(m) < n && err != io.EOF {
			return 0, err
		}
		m, err := meta.ReadAt(sums[:sum.Chunks(n)*4], sum.metaOffset(off))
		if err != nil && err != io.EOF {
			return 0, err
		}
		for c := int64(0); c*bpc < n; c++ {
			if int64(m) < (c+1)*4 {
				return off + c*bpc, nil
			}
			chunk := buf[c*bpc : min((c+1)*bpc, n)]
			want := binary.BigEndian.Uint32(sums[c*4:])
			if sum.Update(0, chunk) != want {
				return off + c*bpc + coveredBytes(sum, chunk, want), nil
			}
		}
	}
	return size, nil
}

// coveredBytes is the length of the longest proper prefix of chunk with that checksum, 0 if none.
func coveredBytes(sum Checksum, chunk []byte, want uint32) int64 {
	var best int64
	crc := uint32(0)
	for i := range chunk {
		if crc = sum.Update(crc, chunk[i:i+1]); crc == want {
			best = int64(i + 1)
		}
	}
	return best
}
