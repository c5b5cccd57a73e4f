package task

import (
	"errors"
	"io"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/sortmerge"
)

func (a *attempt) runReduce() (err error) {
	f := newFetcher(a)
	defer func() {
		var damaged *sortmerge.SegmentError
		if errors.As(err, &damaged) && errors.Is(err, sortmerge.ErrCorrupt) { // the map's fault, and the map's to repair
			a.result.LostMaps = []string{damaged.From}
		}
		err = errors.Join(err, f.close())
	}()
	a.meter.enter("shuffle")
	sources, err := f.fetch()
	if err != nil {
		return err
	}
	a.result.ShuffleFinishedMs = a.env.Now().UnixMilli()
	merger, err := sortmerge.NewMerger(sources, a.stage.Sort)
	if err != nil {
		return err
	}
	a.result.MergeFinishedMs = a.env.Now().UnixMilli()
	outs := newOutputs(a)
	defer func() {
		if err != nil {
			err = errors.Join(err, outs.abort())
		}
	}()
	var main mapreduce.Collector
	if a.stage.Output != nil {
		if main, err = outs.main(mapreduce.ReduceOutputRecords); err != nil {
			return err
		}
	}
	a.meter.enter("reduce")
	counted := &countedSource{Merger: merger, a: a, total: f.records}
	group := a.stage.Group
	if group == nil {
		group = a.stage.Sort
	}
	groups := sortmerge.NewGroups(counted, group)
	c := a.newContext(main, outs, mapreduce.Split{}, nil)
	a.meter.context.Store(c)
	if a.stage.Reducer == nil {
		var n int64
		_, n, err = sortmerge.FoldOp(groups, a.stage.Op, main.Collect)
		a.count(mapreduce.ReduceInputGroups, n)
	} else {
		err = reduceGroups(c, a.stage.Reducer(), groups, a.counters.Get(mapreduce.GroupFramework, mapreduce.ReduceInputGroups))
	}
	a.count(mapreduce.ReduceInputRecords, counted.n)
	a.count(mapreduce.ReduceOutputRecords, 0)
	a.count(mapreduce.ReduceInputGroups, 0)
	if err != nil {
		return err
	}
	return outs.close()
}

// reduceGroups calls a reducer for every group. groupsSeen may be nil.
func reduceGroups(c *mapreduce.Context, r mapreduce.Reducer, groups *sortmerge.Groups, groupsSeen *mapreduce.Counter) error {
	err := func() error {
		if s, ok := r.(mapreduce.Starter); ok {
			if err := s.Start(c); err != nil {
				return err
			}
		}
		for groups.NextGroup() {
			if groupsSeen != nil {
				groupsSeen.Add(1)
			}
			if err := r.Reduce(c, groups.Key(), mapreduce.NewValues(groups)); err != nil {
				return err
			}
		}
		return groups.Err()
	}()
	if err != nil {
		if f, ok := r.(io.Closer); ok {
			err = errors.Join(err, f.Close())
		}
		return err
	}
	if f, ok := r.(mapreduce.Finisher); ok {
		return f.Finish(c)
	}
	return nil
}

// countedSource counts records, and notices a kill.
type countedSource struct {
	*sortmerge.Merger
	a     *attempt
	n     int64
	total int64
}

func (s *countedSource) Next() error {
	if s.n&1023 == 0 && s.a.ctx.Err() != nil {
		return s.a.ctx.Err()
	}
	err := s.Merger.Next()
	if err == nil {
		s.n++
		s.a.meter.record(s.n, s.progress)
	}
	return err
}

func (s *countedSource) progress() float64 {
	if s.total <= 0 {
		return 0.5
	}
	return min(1, float64(s.n)/float64(s.total))
}
