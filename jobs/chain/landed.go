package chain

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lodehq/lode/jobs/chain/block"
	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/format"
)

// landed reads landed blocks, a line a block, each height of a chain once.
//
// The same block may lie in two files (an import run twice, a file copied by hand), and after a reorganisation two blocks of one height may. The one that was recorded last
// counts: by the time of its file, then by name, then by place in the file. Which lines these are is found when the splits are made: the ingester's files
// say in their names and in an index at their end what is inside, so that nothing is unpacked; files of others are read once for it. A split carries the positions of
// the lines that it passes over.
type landed struct {
	text  format.Text
	chain string // of blocks that do not say
}

// passed is what a split passes over: lines by number, or by their offset.
type passed struct {
	Lines   []int64 `json:"lines,omitempty"`
	Offsets []int64 `json:"offsets,omitempty"`
}

// piece is a file with what it holds.
type piece struct {
	mapreduce.FileInfo
	chain       string
	first, last int64 // heights, from the name
	named       bool
	blocks      []heightAt
	byOffset    bool
}

type heightAt struct {
	chain  string
	number int64
	at     int64 // line or offset
}

// Splits implements mapreduce.InputFormat.
func (l landed) Splits(ctx context.Context, env mapreduce.InputEnv) ([]mapreduce.Split, error) {
	splits, err := l.text.Splits(ctx, env)
	if err != nil {
		return nil, err
	}
	drop, err := l.repeated(ctx, env, splits)
	if err != nil {
		return nil, err
	}
	for i := range splits {
		if d := drop[splits[i].Path]; d != nil {
			if splits[i].Extra, err = json.Marshal(d); err != nil {
				return nil, err
			}
		}
	}
	return splits, nil
}

// repeated finds the lines whose height another line has, which counts instead.
func (l landed) repeated(ctx context.Context, env mapreduce.InputEnv, splits []mapreduce.Split) (map[string]*passed, error) {
	files, err := l.files(ctx, env, splits)
	if err != nil {
		return nil, err
	}
	for f := range overlapping(files) {
		if err := f.look(ctx, env.FS); err != nil {
			return nil, fmt.Errorf("which blocks %s holds: %w", f.Path, err)
		}
	}
	type height struct {
		chain  string
		number int64
	}
	type place struct {
		file *piece
		at   int64
	}
	last := map[height]place{}
	drop := map[string]*passed{}
	for _, f := range files { // in the order in which they were recorded
		for _, b := range f.blocks {
			h := height{b.chain, b.number}
			if p, ok := last[h]; ok {
				p.file.pass(drop, p.at)
			}
			last[h] = place{f, b.at}
		}
	}
	for _, d := range drop {
		slices.Sort(d.Lines)
		slices.Sort(d.Offsets)
	}
	return drop, nil
}

func (f *piece) pass(drop map[string]*passed, at int64) {
	d := drop[f.Path]
	if d == nil {
		d = &passed{}
		drop[f.Path] = d
	}
	if f.byOffset {
		d.Offsets = append(d.Offsets, at)
	} else {
		d.Lines = append(d.Lines, at)
	}
}

// files gives the files of splits in the order in which they were recorded.
func (l landed) files(ctx context.Context, env mapreduce.InputEnv, splits []mapreduce.Split) ([]*piece, error) {
	var out []*piece
	seen := map[string]bool{}
	for _, s := range splits {
		if seen[s.Path] || s.Length == 0 {
			continue
		}
		seen[s.Path] = true
		info, err := env.FS.Stat(ctx, s.Path)
		if err != nil {
			return nil, fmt.Errorf("landed blocks: %w", err)
		}
		p := &piece{FileInfo: info, chain: l.chain, last: math.MaxInt64}
		p.Path = s.Path
		if dir, _, ok := strings.Cut(s.Path, "/raw/"); ok {
			p.chain = path.Base(dir)
		}
		if m := landedName.FindStringSubmatch(path.Base(s.Path)); m != nil {
			p.named = true
			p.first, _ = strconv.ParseInt(m[1], 10, 64)
			p.last, _ = strconv.ParseInt(m[2], 10, 64)
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *piece) int { return cmp.Or(a.ModTime.Compare(b.ModTime), strings.Compare(a.Path, b.Path)) })
	return out, nil
}

// overlapping gives the files that need a look inside: those that share heights with another by their names, and those whose names say nothing.
func overlapping(files []*piece) map[*piece]bool {
	out := map[*piece]bool{}
	sorted := slices.Clone(files)
	slices.SortFunc(sorted, func(a, b *piece) int { return cmp.Or(strings.Compare(a.chain, b.chain), cmp.Compare(a.first, b.first)) })
	var far *piece // of this chain, the one that reaches farthest so far
	for _, f := range sorted {
		if far != nil && far.chain != f.chain {
			far = nil
		}
		if !f.named {
			out[f] = true
		}
		if far != nil && f.first <= far.last {
			out[f], out[far] = true, true // any third one there overlaps far as well
		}
		if far == nil || f.last > far.last {
			far = f
		}
	}
	return out
}

// look finds the blocks inside, by the index when there is one.
func (f *piece) look(ctx context.Context, fsys mapreduce.FS) error {
	file, err := fsys.Open(ctx, f.Path)
	if err != nil {
		return err
	}
	defer file.Close()
	if f.named {
		if numbers, err := readIndex(file, f.Size); err == nil {
			for i, n := range numbers {
				f.blocks = append(f.blocks, heightAt{f.chain, n, int64(i)})
			}
			return nil
		}
	}
	f.byOffset = true
	lines, err := format.Text{}.Open(ctx, mapreduce.Split{Path: f.Path, Length: f.Size}, mapreduce.InputEnv{FS: fsys, Conf: mapreduce.NewConf(nil)})
	if err != nil {
		return err
	}
	defer lines.Close()
	for {
		key, line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		at, err := mapreduce.DecodeInt64(key)
		if err != nil {
			return err
		}
		chain, number, _, err := block.Head(line)
		if err != nil {
			continue // the mapper puts it into quarantine
		}
		if chain == "" {
			chain = f.chain
		}
		f.blocks = append(f.blocks, heightAt{chain, number, at})
	}
}

// Open implements mapreduce.InputFormat.
func (l landed) Open(ctx context.Context, s mapreduce.Split, env mapreduce.InputEnv) (mapreduce.RecordReader, error) {
	r, err := l.text.Open(ctx, s, env)
	if err != nil || len(s.Extra) == 0 {
		return r, err
	}
	var d passed
	if err := json.Unmarshal(s.Extra, &d); err != nil {
		return nil, errors.Join(fmt.Errorf("the split of %s: %w", s.Path, err), r.Close())
	}
	return &landedReader{RecordReader: r, drop: d}, nil
}

// landedReader passes over some lines.
type landedReader struct {
	mapreduce.RecordReader
	drop passed
	line int64
}

// Next implements mapreduce.RecordReader.
func (r *landedReader) Next() (key, value []byte, err error) {
	for {
		key, value, err = r.RecordReader.Next()
		if err != nil {
			return key, value, err
		}
		n := r.line
		r.line++
		if _, is := slices.BinarySearch(r.drop.Lines, n); is {
			continue
		}
		if len(r.drop.Offsets) > 0 {
			at, err := mapreduce.DecodeInt64(key)
			if err != nil {
				return nil, nil, err
			}
			if _, is := slices.BinarySearch(r.drop.Offsets, at); is {
				continue
			}
		}
		return key, value, nil
	}
}

// Bytes implements mapreduce.ByteCounter.
func (r *landedReader) Bytes() int64 {
	if b, ok := r.RecordReader.(mapreduce.ByteCounter); ok {
		return b.Bytes()
	}
	return 0
}
