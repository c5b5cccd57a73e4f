package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/types"
)

// stuckMeta is a metadata store whose disk is full from some commit on.
type stuckMeta struct {
	*metadb.BoltMetaDB
	left int
}

func (m *stuckMeta) CommitState(s types.PersistentState) error {
	if m.left--; m.left < 0 {
		return errors.New("no space left on device")
	}
	return m.BoltMetaDB.CommitState(s)
}

func TestJournalOpensAfterARotationThatBrokeOff(t *testing.T) {
	t.Run("the metadata was not written", func(t *testing.T) { rotationBreaksOff(t, nil) })
	for _, missing := range []int64{1, 8, 9, 20, 50, 300, 400} {
		t.Run(fmt.Sprintf("the last %d bytes were not written", missing), func(t *testing.T) {
			rotationBreaksOff(t, func(name string, end int64) error { return os.Truncate(name, end-missing) })
		})
		t.Run(fmt.Sprintf("the last %d bytes are zeros", missing), func(t *testing.T) {
			rotationBreaksOff(t, func(name string, end int64) error {
				return errors.Join(os.Truncate(name, end-missing), os.Truncate(name, 4096))
			})
		})
	}
}

// rotationBreaksOff fills a segment whose rotation cannot be noted, spoils its end, and goes on with it. end is where its last
// commit frame ends.
func rotationBreaksOff(t *testing.T, spoil func(name string, end int64) error) {
	const size = 4096
	dir, value := t.TempDir(), bytes.Repeat([]byte("x"), 300)
	open := func(meta types.MetaStore) *wal.WAL {
		w, err := wal.Open(dir, wal.WithMetaStore(meta), wal.WithSegmentSize(size), wal.WithLogger(hclog.NewNullLogger()))
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	store := func(w *wal.WAL, i uint64) error {
		return w.StoreLogs([]*raft.Log{{Index: i, Term: 1, Data: value}})
	}
	meta := &metadb.BoltMetaDB{}
	w := open(&stuckMeta{meta, 1})
	last := uint64(0)
	for store(w, last+1) == nil {
		last++
	}
	if last < 5 || last > 100 {
		t.Fatalf("the segment was full after %d entries", last)
	}
	if err := errors.Join(w.Close(), meta.Close()); err != nil {
		t.Fatal(err)
	}
	if spoil != nil {
		names, err := filepath.Glob(filepath.Join(dir, "*.wal"))
		if err != nil || len(names) != 1 {
			t.Fatal(names, err)
		}
		b, err := os.ReadFile(names[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := spoil(names[0], int64(len(bytes.TrimRight(b, "\x00")))); err != nil {
			t.Fatal(err)
		}
		last-- // the batch that sealed the segment is the one that is not whole
	}
	for range 2 { // the second time there is nothing to finish
		meta = &metadb.BoltMetaDB{}
		if err := finishRotation(dir, meta, size); err != nil {
			t.Fatal(err)
		}
		w = open(meta)
		for range 40 {
			last++
			if err := store(w, last); err != nil {
				t.Fatalf("entry %d: %v", last, err)
			}
		}
		for i := uint64(1); i <= last; i++ {
			var got raft.Log
			if err := w.GetLog(i, &got); err != nil || got.Index != i || !bytes.Equal(got.Data, value) {
				t.Fatalf("entry %d: %v", i, err)
			}
		}
		if err := errors.Join(w.Close(), meta.Close()); err != nil {
			t.Fatal(err)
		}
	}
}
