package geth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/lodehq/lode/table/storage"
)

// A landed file is zstd frames of lines, and at the end a skippable frame that every decoder passes over: the index of the blocks inside. So
// what is landed is known from names, and for lists with holes from the last bytes, without unpacking anything.

// entry is a block in an index.
type entry struct {
	Number uint64 `json:"n"`
	Hash   string `json:"h"`
	Parent string `json:"p"`
}

const (
	million      = 1_000_000
	skippable    = 0x184D2A5E // a magic number that zstd reserves for data that is not compressed
	maxIndex     = 64 << 20
	landing      = "_landing-"
	staleLanding = time.Hour
)

func directory(base, chain string) string { return base + "/" + chain + "/raw" }

func group(number uint64) string {
	return "block=" + fmt.Sprintf("%09d", number/million*million)
}

var fileName = regexp.MustCompile(`^part-(\d+)-(\d+)-(\d+)-([0-9a-f]{8})\.ndjson\.zst$`)

// landed is what the directory holds.
type landed struct {
	fs    storage.FS
	files []landedFile // by first block
	index map[string][]entry
}

type landedFile struct {
	name               string
	first, last, count uint64
}

// list reads the names. Files that were never finished are removed when they are old.
func list(ctx context.Context, fsys storage.FS, dir string) (*landed, error) {
	l := &landed{fs: fsys, index: map[string][]entry{}}
	groups, err := fsys.ReadDir(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list landed blocks: %w", err)
	}
	for _, g := range groups {
		if !g.IsDir() || !strings.HasPrefix(g.Name(), "block=") {
			continue
		}
		infos, err := fsys.ReadDir(ctx, dir+"/"+g.Name())
		if err != nil {
			return nil, fmt.Errorf("list landed blocks: %w", err)
		}
		for _, info := range infos {
			name := dir + "/" + g.Name() + "/" + info.Name()
			if strings.HasPrefix(info.Name(), landing) && time.Since(info.ModTime()) > staleLanding {
				if err := fsys.Remove(ctx, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return nil, fmt.Errorf("remove what a dead ingester left: %w", err)
				}
			}
			if m := fileName.FindStringSubmatch(info.Name()); m != nil {
				f := landedFile{name: name}
				f.first, _ = strconv.ParseUint(m[1], 10, 64)
				f.last, _ = strconv.ParseUint(m[2], 10, 64)
				f.count, _ = strconv.ParseUint(m[3], 10, 64)
				l.files = append(l.files, f)
			}
		}
	}
	sort.Slice(l.files, func(i, j int) bool { return l.files[i].first < l.files[j].first })
	return l, nil
}

// entries reads the index of a file, once.
func (l *landed) entries(ctx context.Context, f landedFile) ([]entry, error) {
	if e, ok := l.index[f.name]; ok {
		return e, nil
	}
	e, err := readIndex(ctx, l.fs, f.name)
	if err == nil {
		l.index[f.name] = e
	}
	return e, err
}

// find answers the entry of a landed block; ok is false when it is not landed.
func (l *landed) find(ctx context.Context, number uint64) (e entry, ok bool, err error) {
	for _, f := range l.files {
		if number < f.first || number > f.last {
			continue
		}
		entries, err := l.entries(ctx, f)
		if err != nil {
			return e, false, err
		}
		i := sort.Search(len(entries), func(i int) bool { return entries[i].Number >= number })
		if i < len(entries) && entries[i].Number == number {
			return entries[i], true, nil
		}
	}
	return e, false, nil
}

// missing takes the landed blocks out of a sorted list.
func (l *landed) missing(ctx context.Context, wanted []uint64) ([]uint64, error) {
	have := map[uint64]bool{}
	for _, f := range l.files {
		if len(wanted) == 0 || f.last < wanted[0] || f.first > wanted[len(wanted)-1] {
			continue
		}
		if f.count == f.last-f.first+1 {
			for n := max(f.first, wanted[0]); n <= min(f.last, wanted[len(wanted)-1]); n++ {
				have[n] = true
			}
			continue
		}
		entries, err := l.entries(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			have[e.Number] = true
		}
	}
	var out []uint64
	for _, n := range wanted {
		if !have[n] {
			out = append(out, n)
		}
	}
	return out, nil
}

func readIndex(ctx context.Context, fsys storage.FS, name string) ([]entry, error) {
	f, err := fsys.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	e, err := parseIndex(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("index of %s: %w", name, err)
	}
	return e, nil
}

// parseIndex reads the skippable frame at the end: magic, length, JSON, length of the JSON again.
func parseIndex(r io.ReaderAt, size int64) ([]entry, error) {
	tail := make([]byte, 8)
	if size < 20 {
		return nil, errors.New("the file is too short")
	}
	if _, err := r.ReadAt(tail, size-8); err != nil && err != io.EOF {
		return nil, err
	}
	n := int64(binary.LittleEndian.Uint64(tail))
	if n < 2 || n > maxIndex || n > size-16 {
		return nil, errors.New("the file does not end with an index")
	}
	frame := make([]byte, n+8)
	if _, err := r.ReadAt(frame, size-8-n-8); err != nil && err != io.EOF {
		return nil, err
	}
	if binary.LittleEndian.Uint32(frame) != skippable || int64(binary.LittleEndian.Uint32(frame[4:])) != n+8 {
		return nil, errors.New("the file does not end with an index")
	}
	var entries []entry
	if err := json.Unmarshal(frame[8:], &entries); err != nil {
		return nil, err
	}
	for i := 1; i < len(entries); i++ {
		if entries[i].Number <= entries[i-1].Number {
			return nil, errors.New("the index is not in order")
		}
	}
	return entries, nil
}

func encodeIndex(entries []entry) ([]byte, error) {
	data, err := json.Marshal(entries)
	if err != nil {
		return nil, err
	}
	out := binary.LittleEndian.AppendUint32(nil, skippable)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(data)+8))
	return binary.LittleEndian.AppendUint64(append(out, data...), uint64(len(data))), nil
}

// lander writes blocks into files, in order.
type lander struct {
	fs          storage.FS
	dir, chain  string
	chainID     uint64
	source      string
	replication int
	fileBytes   int64
	now         func() time.Time

	group   string
	tmp     string
	w       storage.FileWriter
	z       *zstd.Encoder
	bytes   int64
	entries []entry
	files   int
}

// line is the form of a landed block.
func (l *lander) line(b *raw) []byte {
	var out bytes.Buffer
	out.Grow(len(b.block) + len(b.receipts) + len(b.traces) + 256)
	chain, _ := json.Marshal(l.chain)
	source, _ := json.Marshal(l.source)
	traces := b.traces
	if traces == nil {
		traces = json.RawMessage("null")
	}
	fmt.Fprintf(&out, `{"chain":%s,"chain_id":%d,"number":%d,"block":`, chain, l.chainID, b.number)
	out.Write(b.block)
	out.WriteString(`,"receipts":`)
	out.Write(b.receipts)
	out.WriteString(`,"traces":`)
	out.Write(traces)
	fmt.Fprintf(&out, `,"source":%s,"fetched_at":"%s"}`+"\n", source, l.now().UTC().Format(time.RFC3339Nano))
	return out.Bytes()
}

// add writes a block, and finishes the file when it is full or the block belongs to another directory.
func (l *lander) add(ctx context.Context, b *raw) error {
	return l.addLine(ctx, entry{b.number, b.hash, b.parent}, l.line(b))
}

func (l *lander) addLine(ctx context.Context, e entry, line []byte) error {
	if l.w != nil && (l.bytes >= l.fileBytes || l.group != group(e.Number)) {
		if err := l.finish(ctx); err != nil {
			return err
		}
	}
	if l.w == nil {
		if err := l.open(ctx, e.Number); err != nil {
			return err
		}
	}
	if _, err := l.z.Write(line); err != nil {
		return fmt.Errorf("land block %d: %w", e.Number, err)
	}
	l.bytes += int64(len(line))
	l.entries = append(l.entries, e)
	return nil
}

func (l *lander) open(ctx context.Context, number uint64) error {
	l.group = group(number)
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", l.source, number, l.now().UnixNano()))
	l.tmp = l.dir + "/" + l.group + "/" + landing + hex.EncodeToString(sum[:8])
	w, err := l.fs.Create(ctx, l.tmp, storage.CreateOptions{Replication: l.replication})
	if err != nil {
		return fmt.Errorf("land block %d: %w", number, err)
	}
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return errors.Join(err, w.Abort())
	}
	l.w, l.z, l.bytes, l.entries = w, z, 0, nil
	return nil
}

// finish makes the open file final: this is the commit of its blocks.
func (l *lander) finish(ctx context.Context) error {
	if l.w == nil {
		return nil
	}
	w := l.w
	l.w = nil
	index, err := encodeIndex(l.entries)
	if err == nil {
		err = l.z.Close()
	}
	if err == nil {
		_, err = w.Write(index)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("land blocks: %w", err), w.Abort())
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("land blocks: %w", err)
	}
	first, last := l.entries[0].Number, l.entries[len(l.entries)-1].Number
	h := sha256.New()
	for _, e := range l.entries {
		h.Write([]byte(e.Hash)) // never fails
	}
	final := fmt.Sprintf("%s/%s/part-%09d-%09d-%d-%s.ndjson.zst", l.dir, l.group, first, last, len(l.entries), hex.EncodeToString(h.Sum(nil)[:4]))
	err = l.fs.RenameNoReplace(ctx, l.tmp, final)
	if err != nil {
		// The same blocks with the same hashes are there already, or the answer was lost after the rename: both are a landing.
		check := context.WithoutCancel(ctx)
		if _, e := l.fs.Stat(check, final); e == nil {
			err = l.fs.Remove(check, l.tmp)
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
		}
	}
	if err != nil {
		return fmt.Errorf("land %s: %w", path.Base(final), err)
	}
	l.files++
	return nil
}

// abandon removes an unfinished file.
func (l *lander) abandon() error {
	if l.w == nil {
		return nil
	}
	w := l.w
	l.w = nil
	return w.Abort()
}
