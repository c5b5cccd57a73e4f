package task

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/shuffle"
	"github.com/lodehq/lode/mapreduce/sortmerge"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

const (
	parallelHosts  = 5   // Hadoop's mapreduce.reduce.shuffle.parallelcopies
	mapsPerRequest = 200 // segments asked for in one request
	fetchTries     = 3
)

// lostError says that map outputs are gone: their maps must run again; this attempt has done nothing wrong.
type lostError struct{ attempts []string }

func (e *lostError) Error() string {
	return fmt.Sprintf("%d map outputs could not be fetched (first %s): their map tasks run again", len(e.attempts), e.attempts[0])
}

// fetcher brings a reduce task's segments to where they can be merged: opened in place when they lie on this machine, in
// memory while the budget lasts, on disk otherwise.
type fetcher struct {
	a       *attempt
	dir     string
	mu      sync.Mutex // guards what follows; no I/O under it
	budget  int64
	sources map[int32]sortmerge.Source // by number of the map, so that equal keys come in the order of the maps
	closers []io.Closer
	records int64
	bytes   int64
	lost    []string
	runs    int
}

func newFetcher(a *attempt) *fetcher {
	return &fetcher{a: a, dir: filepath.Join(a.env.JobDir, "work", a.spec.AttemptId, "shuffle"), budget: a.sortMemory(), sources: map[int32]sortmerge.Source{}}
}

func (f *fetcher) fetch() ([]sortmerge.Source, error) {
	byHost := map[string][]*batchpb.MapOutput{}
	fetched := int64(0)
	for _, in := range f.a.spec.Inputs {
		f.bytes += in.Length
		if in.Length == 0 {
			continue
		}
		fetched++
		if ok, err := f.openLocal(in); err != nil {
			return nil, err
		} else if !ok {
			byHost[in.Address] = append(byHost[in.Address], in)
		}
	}
	var g errgroup.Group
	g.SetLimit(parallelHosts)
	for address, list := range byHost {
		for len(list) > 0 {
			n := min(len(list), mapsPerRequest)
			part := list[:n]
			list = list[n:]
			g.Go(func() error { return f.fetchFrom(address, part) })
		}
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if len(f.lost) > 0 {
		f.a.result.LostMaps = f.lost
		return nil, &lostError{f.lost}
	}
	f.a.count(mapreduce.ShuffledMaps, fetched)
	f.a.count(mapreduce.MergedMapOutputs, fetched)
	f.a.count(mapreduce.ReduceShuffleBytes, f.bytes)
	return f.ordered()
}

// openLocal opens a segment on this machine. That the path exists proves it: it holds the worker's random id.
func (f *fetcher) openLocal(in *batchpb.MapOutput) (bool, error) {
	if in.Path == "" {
		return false, nil
	}
	index, err := sortmerge.ReadIndex(in.Path)
	if err != nil || int(f.a.spec.Index) >= len(index) {
		return false, nil
	}
	seg := index[f.a.spec.Index]
	s, err := sortmerge.OpenSegment(in.Path, seg)
	if err != nil {
		return false, nil
	}
	f.add(in.Map, s.From(in.AttemptId, in.RawLength), s)
	f.records += seg.Records
	return true, nil
}

func (f *fetcher) add(number int32, s sortmerge.Source, c io.Closer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sources[number] = s
	f.closers = append(f.closers, c)
}

// fetchFrom gets segments of one worker; what still fails after some tries counts as lost.
func (f *fetcher) fetchFrom(address string, list []*batchpb.MapOutput) error {
	for try := 0; len(list) > 0; try++ {
		q := shuffle.Request{Address: address, Job: f.a.spec.Job.Id, Reduce: int(f.a.spec.Index), Token: f.a.spec.Token}
		for _, in := range list {
			q.Attempts = append(q.Attempts, in.AttemptId)
		}
		done := map[int]bool{}
		missing, err := shuffle.Fetch(f.a.ctx, f.a.env.HTTP, q, func(i int, frame shuffle.Frame, r io.Reader) error {
			if err := f.keep(list[i], frame, r); err != nil {
				return err
			}
			done[i] = true
			return nil
		})
		if f.a.ctx.Err() != nil {
			return context.Cause(f.a.ctx)
		}
		var disk *diskError
		if errors.As(err, &disk) {
			return err
		}
		gone := map[string]bool{}
		for _, m := range missing {
			gone[m] = true
		}
		var left []*batchpb.MapOutput
		for i, in := range list {
			if !done[i] && !gone[in.AttemptId] {
				left = append(left, in)
			}
		}
		list = left
		if err != nil {
			f.a.count(mapreduce.FailedShuffle, 1)
			fmt.Fprintf(f.a.log, "fetch from %s: %v\n", address, err)
		}
		if try+1 == fetchTries || err == nil {
			for _, in := range list {
				missing = append(missing, in.AttemptId)
			}
			list = nil
		}
		f.mu.Lock()
		f.lost = append(f.lost, missing...)
		f.mu.Unlock()
	}
	return nil
}

type diskError struct{ err error }

func (e *diskError) Error() string { return "write fetched map output: " + e.err.Error() }
func (e *diskError) Unwrap() error { return e.err }

// keep stores a segment in memory or on disk.
func (f *fetcher) keep(in *batchpb.MapOutput, frame shuffle.Frame, r io.Reader) error {
	f.mu.Lock()
	inMemory := frame.Length <= f.budget/4
	if inMemory {
		f.budget -= frame.Length
	}
	f.mu.Unlock()
	if inMemory {
		b := make([]byte, frame.Length)
		if _, err := io.ReadFull(r, b); err != nil {
			return err
		}
		s := sortmerge.NewSegmentReader(bytes.NewReader(b), nil, frame.Length)
		f.add(in.Map, s.From(in.AttemptId, in.RawLength), s)
		return nil
	}
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return &diskError{err}
	}
	name := filepath.Join(f.dir, fmt.Sprintf("map_%d_%d", in.Map, rand.Uint32()))
	file, err := os.Create(name)
	if err != nil {
		return &diskError{err}
	}
	_, err = io.Copy(file, r)
	if err = errors.Join(err, file.Close()); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		return &diskError{err}
	}
	s, err := sortmerge.OpenSegment(name, sortmerge.Segment{Length: frame.Length})
	if err != nil {
		return &diskError{err}
	}
	f.add(in.Map, s.From(in.AttemptId, in.RawLength), s)
	return nil
}

// ordered lists the sources by map, after intermediate passes if there are more than can be merged in memory at once.
func (f *fetcher) ordered() ([]sortmerge.Source, error) {
	numbers := make([]int32, 0, len(f.sources))
	for n := range f.sources {
		numbers = append(numbers, n)
	}
	sort.Slice(numbers, func(i, j int) bool { return numbers[i] < numbers[j] })
	list := make([]sortmerge.Source, len(numbers))
	for i, n := range numbers {
		list[i] = f.sources[n]
	}
	fanIn := int(max(16, f.a.sortMemory()/(768<<10)))
	for len(list) > fanIn {
		var next []sortmerge.Source
		for len(list) > 0 {
			n := min(fanIn, len(list))
			s, err := f.mergePass(list[:n])
			if err != nil {
				return nil, err
			}
			next = append(next, s)
			list = list[n:]
		}
		list = next
	}
	return list, nil
}

func (f *fetcher) mergePass(list []sortmerge.Source) (sortmerge.Source, error) {
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return nil, err
	}
	m, err := sortmerge.NewMerger(list, f.a.stage.Sort)
	if err != nil {
		return nil, err
	}
	f.runs++
	name := filepath.Join(f.dir, fmt.Sprintf("pass_%d", f.runs))
	seg, err := sortmerge.WriteRun(name, m)
	if err != nil {
		return nil, err
	}
	f.a.count(mapreduce.SpilledRecords, seg.Records)
	s, err := sortmerge.OpenSegment(name, seg)
	if err != nil {
		return nil, err
	}
	f.closers = append(f.closers, s)
	return s, nil
}

func (f *fetcher) close() error {
	var err error
	for _, c := range f.closers {
		err = errors.Join(err, c.Close())
	}
	return errors.Join(err, os.RemoveAll(f.dir))
}
