package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/sortmerge"
)

func (a *attempt) runMap() (err error) {
	var split mapreduce.Split
	if err := json.Unmarshal(a.spec.Split, &split); err != nil {
		return fmt.Errorf("read split: %w", err)
	}
	if split.Input < 0 || split.Input >= len(a.stage.Inputs) {
		return fmt.Errorf("split belongs to input %d of %d", split.Input, len(a.stage.Inputs))
	}
	a.count(mapreduce.SplitRawBytes, int64(len(a.spec.Split)))
	outs := newOutputs(a)
	defer func() {
		if err != nil {
			err = errors.Join(err, outs.abort())
		}
	}()
	var collector *sortmerge.Collector
	var main mapreduce.Collector
	switch {
	case a.stage.Reduces > 0:
		if collector, err = a.newCollector(); err != nil {
			return err
		}
		main = collector
	case a.stage.Output != nil:
		if main, err = outs.main(mapreduce.MapOutputRecords); err != nil {
			return err
		}
	}
	if err := a.feedMapper(split, main, outs); err != nil {
		return err
	}
	if collector != nil {
		a.meter.enter("sort")
		file, index, err := collector.Finish()
		if err != nil {
			return err
		}
		a.result.OutputPath = file
		for _, s := range index {
			a.result.Segments = append(a.result.Segments, s.Length)
			a.result.RawSegments = append(a.result.RawSegments, s.RawLength)
		}
	}
	return outs.close()
}

func (a *attempt) newCollector() (*sortmerge.Collector, error) {
	dir := filepath.Join(a.env.JobDir, "out", a.spec.AttemptId)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make map output directory: %w", err)
	}
	cfg := sortmerge.Config{Partitions: a.stage.Reduces, Partitioner: a.stage.Partitioner, Compare: a.stage.Sort, Op: a.stage.Op,
		TiesReversed: a.stage.TiesReversed, MemoryLimit: a.sortMemory(), Dir: dir, Name: "file.out", Counters: a.counters}
	if a.stage.PartitionWith != nil {
		var err error
		if cfg.Partitioner, err = a.stage.PartitionWith(a.spec.Prepared); err != nil {
			return nil, fmt.Errorf("make the partitioner: %w", err)
		}
	}
	if a.stage.Combiner != nil {
		cfg.Op = nil
		cfg.Combine = func(groups *sortmerge.Groups, emit func(k, v []byte) error) error {
			c := a.newContext(collectFunc(emit), nil, mapreduce.Split{}, nil)
			return reduceGroups(c, a.stage.Combiner(), groups, nil)
		}
	}
	return sortmerge.NewCollector(cfg)
}

type collectFunc func(key, value []byte) error

func (f collectFunc) Collect(key, value []byte) error { return f(key, value) }

func (a *attempt) newContext(main mapreduce.Collector, outs *outputs, split mapreduce.Split, row func() any) *mapreduce.Context {
	o := mapreduce.ContextOptions{Context: a.ctx, Info: a.info(), Conf: a.conf, FS: a.env.FS, Counters: a.counters, Main: main, Split: split, Row: row,
		Prepared: a.spec.Prepared, Logger: slog.New(slog.NewTextHandler(a.log, nil)), Stderr: a.stderr}
	if outs != nil {
		o.Side = outs.side
	}
	return mapreduce.NewContext(o)
}

func (a *attempt) feedMapper(split mapreduce.Split, main mapreduce.Collector, outs *outputs) (err error) {
	in := a.stage.Inputs[split.Input]
	reader, err := in.Format.Open(a.ctx, split, a.inputEnv())
	if err != nil {
		return err
	}
	defer func() {
		if b, ok := reader.(mapreduce.ByteCounter); ok {
			n := b.Bytes()
			a.counters.Get(mapreduce.GroupInput, "BYTES_READ").Add(n)
			a.counters.Get(mapreduce.GroupFileSystem, fsScheme(split.Path)+"_BYTES_READ").Add(n)
		}
		err = errors.Join(err, reader.Close())
	}()
	var row func() any
	if r, ok := reader.(mapreduce.RowReader); ok {
		row = r.Row
	}
	mapper := mapreduce.IdentityMapper()
	if in.Mapper != nil {
		mapper = in.Mapper()
	}
	c := a.newContext(main, outs, split, row)
	a.meter.context.Store(c)
	a.meter.enter("map")
	counted := &countedReader{RecordReader: reader, ctx: a.ctx, meter: a.meter}
	defer func() {
		n := counted.n
		if r, ok := reader.(mapreduce.RecordCounter); ok {
			n = r.Records()
		}
		a.count(mapreduce.MapInputRecords, n)
	}()
	if s, ok := mapper.(mapreduce.Starter); ok {
		if err := s.Start(c); err != nil {
			return err
		}
	}
	if r, ok := mapper.(mapreduce.Runner); ok {
		err = r.Run(c, counted)
	} else {
		err = mapAll(c, mapper, counted)
	}
	if err != nil {
		if f, ok := mapper.(io.Closer); ok {
			err = errors.Join(err, f.Close())
		}
		return err
	}
	if f, ok := mapper.(mapreduce.Finisher); ok {
		return f.Finish(c)
	}
	return nil
}

func mapAll(c *mapreduce.Context, m mapreduce.Mapper, in *countedReader) error {
	for {
		k, v, err := in.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := m.Map(c, k, v); err != nil {
			return err
		}
	}
}

// countedReader counts records, and notices a kill.
type countedReader struct {
	mapreduce.RecordReader
	ctx   context.Context
	meter *meter
	n     int64
}

func (r *countedReader) Next() (key, value []byte, err error) {
	if r.n&1023 == 0 && r.ctx.Err() != nil {
		return nil, nil, context.Cause(r.ctx)
	}
	key, value, err = r.RecordReader.Next()
	if err == nil {
		r.n++
		r.meter.record(r.n, r.Progress)
	}
	return key, value, err
}

func fsScheme(path string) string {
	if strings.HasPrefix(path, "file:") {
		return "FILE"
	}
	return "HDFS"
}
