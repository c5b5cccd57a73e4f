package fsimage

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/lodehq/lode/internal/vfs"
)

// The two operations of an edit log that change nothing (FSEditLogOpCodes).
const (
	opEndSegment   = 23
	opStartSegment = 24
	opNone         = 0xff // what a log is filled up with
)

// SaveFirst is told when there are transactions after the newest image.
const SaveFirst = "start Apache's namenode and run: hdfs dfsadmin -safemode enter && hdfs dfsadmin -saveNamespace; stop it, then import again"

// changesAfter counts the transactions after an image in an edit log, those that change nothing aside.
func changesAfter(r io.Reader, image uint64) (int, error) {
	br := bufio.NewReaderSize(r, 1<<16)
	var head [8]byte // layout version, number of layout flags
	if _, err := io.ReadFull(br, head[:]); err != nil {
		return 0, nil // begun and empty
	}
	changes := 0
	for {
		var op [13]byte // code, length from here to the checksum, transaction
		if _, err := io.ReadFull(br, op[:1]); err != nil || op[0] == opNone {
			return changes, nil
		}
		if _, err := io.ReadFull(br, op[1:]); err != nil {
			return changes, nil // torn: it was never answered
		}
		length := binary.BigEndian.Uint32(op[1:])
		if length < 12 || length > 64<<20 {
			return changes, bad("an edit log has an operation of %d bytes", length)
		}
		if _, err := br.Discard(int(length) - 12 + 4); err != nil {
			return changes, nil
		}
		if binary.BigEndian.Uint64(op[5:]) > image && op[0] != opEndSegment && op[0] != opStartSegment {
			changes++
		}
	}
}

// checkEdits refuses a directory that holds changes after its image.
func checkEdits(fsys vfs.FS, dir string, image uint64) error {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return err
	}
	changes, follows := 0, false
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), "edits_")
		if !ok || strings.HasSuffix(rest, ".md5") || strings.Contains(rest, ".") {
			continue
		}
		rest, inProgress := strings.CutPrefix(rest, "inprogress_")
		first, last, _ := strings.Cut(rest, "-")
		from, err := strconv.ParseUint(first, 10, 64)
		if err != nil {
			continue
		}
		if to, err := strconv.ParseUint(last, 10, 64); !inProgress && (err != nil || to <= image) {
			continue
		}
		follows = follows || from == image+1
		f, err := fsys.Open(path.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		n, err := changesAfter(f, image)
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("%s: %w", e.Name(), err)
		}
		changes += n
	}
	if changes > 0 {
		return fmt.Errorf("%d changes came after the newest image, which ends with transaction %d, and Lode does not read Apache's edit logs: %s", changes, image, SaveFirst)
	}
	b, err := vfs.ReadFile(fsys, path.Join(dir, "seen_txid"), 64)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if seen, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64); err == nil && seen > image+1 && !follows {
		return fmt.Errorf("transactions up to %d were seen, and the newest image ends with %d (the edit logs are elsewhere, perhaps on journal nodes): %s", seen-1, image, SaveFirst)
	}
	return nil
}
