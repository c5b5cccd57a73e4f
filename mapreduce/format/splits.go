package format

import (
	"context"
	"fmt"
	"strings"

	"github.com/lodehq/lode/mapreduce"
)

// splitSlop is FileInputFormat.SPLIT_SLOP: the last split may be 10 % longer than the others.
const splitSlop = 1.1

// smallestOwnSplit is how far a block is cut below its size when the cluster has more slots than the input has blocks.
const smallestOwnSplit = 16 << 20

// fileSplits cuts files. Size of a split: mapreduce.job.maps asks for a number of splits (Hadoop's old API); split.minsize and
// split.maxsize bound it; else a split is a block, or less when that keeps all slots of the cluster busy.
func fileSplits(ctx context.Context, env mapreduce.InputEnv, files []mapreduce.FileInfo, splittable func(path string) bool) ([]mapreduce.Split, error) {
	var total int64
	for _, f := range files {
		total += f.Size
	}
	lo := max(1, env.Conf.Int(1, "mapreduce.input.fileinputformat.split.minsize", "mapred.min.split.size"))
	hi := env.Conf.Int(1<<62, "mapreduce.input.fileinputformat.split.maxsize", "mapred.max.split.size")
	goal := hi
	if maps := env.Conf.Int(0, "mapreduce.job.maps", "mapred.map.tasks"); maps > 0 {
		goal = max(1, total/maps)
	} else if hi == 1<<62 && env.Workers > 0 {
		goal = max(smallestOwnSplit, (total+int64(env.Workers)-1)/int64(env.Workers))
	}
	var out []mapreduce.Split
	for _, f := range files {
		if f.Size == 0 {
			out = append(out, mapreduce.Split{Path: f.Path})
			continue
		}
		where, err := env.FS.Locations(ctx, f.Path, 0, f.Size)
		if err != nil {
			return nil, fmt.Errorf("find the blocks of %s: %w", f.Path, err)
		}
		if !splittable(f.Path) {
			out = append(out, mapreduce.Split{Path: f.Path, Length: f.Size, Hosts: hostsAt(where, 0)})
			continue
		}
		block := f.BlockSize
		if block <= 0 {
			block = 128 << 20
		}
		size := max(lo, min(goal, hi, block))
		at := int64(0)
		for float64(f.Size-at)/float64(size) > splitSlop {
			out = append(out, mapreduce.Split{Path: f.Path, Start: at, Length: size, Hosts: hostsAt(where, at)})
			at += size
		}
		if at < f.Size {
			out = append(out, mapreduce.Split{Path: f.Path, Start: at, Length: f.Size - at, Hosts: hostsAt(where, at)})
		}
	}
	return out, nil
}

func hostsAt(where []mapreduce.Location, offset int64) []string {
	for _, l := range where {
		if offset >= l.Offset && offset < l.Offset+l.Length {
			return l.Hosts
		}
	}
	return nil
}

// recursive reads Hadoop's key for nested input directories.
func recursive(conf *mapreduce.Conf) bool {
	return conf.Bool(false, "mapreduce.input.fileinputformat.input.dir.recursive", "mapred.input.dir.recursive")
}

// SplitPaths cuts Hadoop's comma-separated list of paths; commas inside braces belong to the glob.
func SplitPaths(list string) []string {
	var out []string
	depth, start := 0, 0
	for i := 0; i < len(list); i++ {
		switch list[i] {
		case '{':
			depth++
		case '}':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, list[start:i])
				start = i + 1
			}
		}
	}
	out = append(out, list[start:])
	kept := out[:0]
	for _, p := range out {
		if p = strings.TrimSpace(p); p != "" {
			kept = append(kept, p)
		}
	}
	return kept
}
