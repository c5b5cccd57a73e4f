package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	walfs "github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"

	"github.com/lodehq/lode/internal/vfs"
)

// finishRotation makes good what a crash or a full disk broke off while a segment of the log was sealed. raft-wal v0.4.0 opens such
// a log and then refuses every entry ("segment is sealed"), in two cases:
//
//   - The segment is sealed on disk (index frame, commit frame), but the metadata does not yet name the segment that follows. The
//     note is written here, as the rotation would have.
//   - Only a part of the last batch with its index frame reached the disk. The batch was never acknowledged: raft-wal drops its
//     entries, and here goes the index frame, which made it take the segment for sealed.
func finishRotation(dir string, meta types.MetaStore, segmentSize int) error {
	state, err := meta.Load(dir)
	if err != nil || len(state.Segments) == 0 {
		return err
	}
	tail := &state.Segments[len(state.Segments)-1]
	if !tail.SealTime.IsZero() {
		return nil
	}
	w, err := segment.NewFiler(dir, walfs.New()).RecoverTail(*tail)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // raft-wal makes it
	}
	if err != nil {
		return fmt.Errorf("the journal's last segment: %w", err)
	}
	sealed, index, err := w.Sealed()
	last := w.LastIndex()
	if err = errors.Join(err, w.Close()); err != nil || !sealed {
		return err
	}
	name := filepath.Join(dir, segment.FileName(*tail))
	if whole, err := indexIsWhole(name, index, last-tail.BaseIndex+1); err != nil {
		return fmt.Errorf("the journal's last segment %s: %w", name, err)
	} else if !whole {
		return cut(name, int64(index)-frameHeader)
	}
	tail.SealTime, tail.IndexStart, tail.MaxIndex = time.Now(), index, last
	state.Segments = append(state.Segments, types.SegmentInfo{
		ID: state.NextSegmentID, BaseIndex: last + 1, MinIndex: last + 1, SizeLimit: uint32(segmentSize), Codec: tail.Codec, CreateTime: tail.SealTime,
	})
	state.NextSegmentID++
	if err := meta.CommitState(state); err != nil {
		return fmt.Errorf("note the journal's sealed segment: %w", err)
	}
	return nil
}

// raft-wal's frames (segment/format.go): a header of 8 bytes, type and length; contents padded to 8 bytes.
const (
	frameHeader = 8
	indexFrame  = 2
	commitFrame = 3
)

// indexIsWhole tells whether the index at an offset lists that many entries and the commit frame of its batch follows. raft-wal has
// checked the sum of the last commit already: if it were wrong, there would be fewer entries.
func indexIsWhole(name string, index, entries uint64) (bool, error) {
	f, err := vfs.OS().Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	header := func(at int64) ([]byte, error) {
		b := make([]byte, frameHeader)
		if _, err := f.ReadAt(b, at); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return b, nil
	}
	h, err := header(int64(index) - frameHeader)
	if err != nil {
		return false, err
	}
	size := uint64(binary.LittleEndian.Uint32(h[4:]))
	if h[0] != indexFrame || size != 4*entries {
		return false, nil
	}
	h, err = header(int64(index + (size+7)/8*8))
	return err == nil && h[0] == commitFrame, err
}

func cut(name string, size int64) error {
	f, err := vfs.OS().OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(size), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("cut off the journal's last batch, which was not acknowledged: %w", err)
	}
	return nil
}
