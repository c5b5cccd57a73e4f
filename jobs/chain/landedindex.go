package chain

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"regexp"
)

// The ingester's names and index (package ingest/geth): part-<first>-<last>-<blocks>-<hash>.ndjson.zst, at the end a skippable zstd frame of JSON [{"n":height,…},…] in the order
// of the lines, followed by the length of the JSON.
var landedName = regexp.MustCompile(`^part-(\d{1,18})-(\d{1,18})-\d+-[0-9a-f]{8}\.ndjson\.zst$`)

const (
	indexMagic = 0x184D2A5E
	indexLimit = 64 << 20
)

var errNoIndex = errors.New("the file does not end with an index")

// readIndex gives the heights of the lines of a landed file.
func readIndex(r io.ReaderAt, size int64) ([]int64, error) {
	var tail [8]byte
	if size < 20 {
		return nil, errNoIndex
	}
	if _, err := r.ReadAt(tail[:], size-8); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(tail[:])
	if n < 2 || n > indexLimit || int64(n) > size-16 {
		return nil, errNoIndex
	}
	frame := make([]byte, n+8)
	if _, err := r.ReadAt(frame, size-8-int64(len(frame))); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if binary.LittleEndian.Uint32(frame) != indexMagic || uint64(binary.LittleEndian.Uint32(frame[4:])) != n+8 {
		return nil, errNoIndex
	}
	var entries []struct {
		Number int64 `json:"n"`
	}
	if err := json.Unmarshal(frame[8:], &entries); err != nil {
		return nil, errors.Join(errNoIndex, err)
	}
	out := make([]int64, len(entries))
	for i, e := range entries {
		out[i] = e.Number
	}
	return out, nil
}
