package task

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/lodehq/lode/mapreduce"
	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

// A stage is run inside its setup task when it is no bigger than this (Hadoop's ubertask limits, but on by default).
const (
	uberMaxMaps    = 9
	uberMaxReduces = 9
	uberMaxBytes   = 16 << 20
)

func (a *attempt) runSetup() error {
	for name, out := range a.outputs() {
		if err := out.Check(a.ctx, a.outputEnv(name)); err != nil {
			return err
		}
	}
	setup := &batchpb.SetupResult{JobName: a.job.Name, Stages: int32(len(a.job.Stages)), Reduces: int32(a.stage.Reduces)}
	a.result.Setup = setup
	if a.stage.Prepare != nil {
		a.meter.enter("prepare")
		var err error
		if setup.Prepared, err = a.stage.Prepare(a.ctx, mapreduce.PrepareEnv{FS: a.env.FS, Conf: a.conf}); err != nil {
			return err
		}
	}
	a.meter.enter("splits")
	var total int64
	for i, in := range a.stage.Inputs {
		splits, err := in.Format.Splits(a.ctx, a.inputEnv())
		if err != nil {
			return err
		}
		for _, s := range splits {
			s.Input = i
			total += s.Length
			b, err := json.Marshal(s)
			if err != nil {
				return fmt.Errorf("write split: %w", err)
			}
			setup.Splits = append(setup.Splits, b)
		}
	}
	if a.spec.NoUber || !a.conf.Bool(true, "mapreduce.job.ubertask.enable") ||
		len(setup.Splits) > int(a.conf.Int(uberMaxMaps, "mapreduce.job.ubertask.maxmaps")) ||
		a.stage.Reduces > int(a.conf.Int(uberMaxReduces, "mapreduce.job.ubertask.maxreduces")) ||
		total > a.conf.Int(uberMaxBytes, "mapreduce.job.ubertask.maxbytes") {
		return nil
	}
	return a.runUber()
}

// runUber runs all map and reduce tasks of the stage in this process. The commit is a task of its own, once their answers are safe.
func (a *attempt) runUber() error {
	setup := a.result.Setup
	setup.Uber = true
	maps := make([]*batchpb.TaskResult, len(setup.Splits))
	err := a.parallel(len(maps), func(i int) error {
		spec := a.child(batchpb.TaskSpec_MAP, 'm', i)
		spec.Split = setup.Splits[i]
		maps[i] = Run(a.ctx, a.env, spec)
		return resultError(maps[i])
	})
	setup.Tasks = appendResults(setup.Tasks, maps)
	if err != nil {
		return errors.Join(err, a.runAbort())
	}
	reduces := make([]*batchpb.TaskResult, a.stage.Reduces)
	err = a.parallel(len(reduces), func(r int) error {
		spec := a.child(batchpb.TaskSpec_REDUCE, 'r', r)
		for i, m := range maps {
			spec.Inputs = append(spec.Inputs, &batchpb.MapOutput{Map: int32(i), AttemptId: m.AttemptId, Path: m.OutputPath, Length: m.Segments[r], RawLength: m.RawSegments[r]})
		}
		reduces[r] = Run(a.ctx, a.env, spec)
		return resultError(reduces[r])
	})
	setup.Tasks = appendResults(setup.Tasks, reduces)
	if err != nil {
		return errors.Join(err, a.runAbort())
	}
	return nil
}

// Payloads gathers what the tasks' attempts want to publish, by output.
func Payloads(phases ...[]*batchpb.TaskResult) []*batchpb.OutputPayloads {
	byName := map[string]*batchpb.OutputPayloads{}
	var out []*batchpb.OutputPayloads
	for _, phase := range phases {
		for _, r := range phase {
			for name, p := range r.GetPayloads() {
				o := byName[name]
				if o == nil {
					o = &batchpb.OutputPayloads{Output: name}
					byName[name] = o
					out = append(out, o)
				}
				o.Payloads = append(o.Payloads, p)
			}
		}
	}
	return out
}

func appendResults(list, more []*batchpb.TaskResult) []*batchpb.TaskResult {
	for _, r := range more {
		if r != nil {
			list = append(list, r)
		}
	}
	return list
}

func resultError(r *batchpb.TaskResult) error {
	if r.State == Succeeded {
		return nil
	}
	if r.Permanent {
		return &permanentError{r.Error}
	}
	return fmt.Errorf("%s: %s", r.AttemptId, r.Error)
}

func (a *attempt) child(kind batchpb.TaskSpec_Kind, letter byte, i int) *batchpb.TaskSpec {
	n := i
	if kind == batchpb.TaskSpec_MAP || kind == batchpb.TaskSpec_REDUCE {
		n += int(a.spec.Offset)
	}
	return &batchpb.TaskSpec{AttemptId: mapreduce.AttemptID(a.spec.Job.Id, letter, n, int(a.spec.Attempt)), TaskId: mapreduce.TaskID(a.spec.Job.Id, letter, n),
		Kind: kind, Stage: a.spec.Stage, Index: int32(i), Attempt: a.spec.Attempt, Job: a.spec.Job, Prepared: a.result.Setup.Prepared, Slots: a.spec.Slots,
		MemoryMb: a.spec.MemoryMb, Offset: a.spec.Offset}
}

const (
	uberParallel    = 2
	parallelCommits = 4 // side outputs that are published at the same time
)

func (a *attempt) parallel(n int, f func(i int) error) error {
	var g errgroup.Group
	g.SetLimit(uberParallel)
	for i := range n {
		g.Go(func() error { return f(i) })
	}
	return g.Wait()
}

func (a *attempt) runCommit() error {
	byName := map[string][][]byte{}
	for _, p := range a.spec.Payloads {
		byName[p.Output] = p.Payloads
	}
	var g errgroup.Group
	g.SetLimit(parallelCommits)
	joint := map[reflect.Type][]mapreduce.JointOutput{}
	for name, out := range a.outputs() {
		if name == "" {
			continue
		}
		if _, ok := out.(mapreduce.JointCommitter); ok {
			t := reflect.TypeOf(out)
			joint[t] = append(joint[t], mapreduce.JointOutput{Format: out, Env: a.outputEnv(name), Payloads: byName[name]})
			continue
		}
		g.Go(func() error { return out.Commit(a.ctx, a.outputEnv(name), byName[name]) })
	}
	for _, outputs := range joint {
		slices.SortFunc(outputs, func(x, y mapreduce.JointOutput) int { return strings.Compare(x.Env.Name, y.Env.Name) })
		g.Go(func() error { return outputs[0].Format.(mapreduce.JointCommitter).CommitJointly(a.ctx, outputs) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if a.stage.Output != nil { // the main output last: its _SUCCESS says that all is there
		if err := a.stage.Output.Commit(a.ctx, a.outputEnv(""), byName[""]); err != nil {
			return err
		}
	}
	if int(a.spec.Stage) == len(a.job.Stages)-1 {
		return a.cleanup()
	}
	return nil
}

func (a *attempt) cleanup() error {
	var err error
	for _, p := range a.job.Cleanup {
		err = errors.Join(err, a.env.FS.Remove(a.ctx, p, true))
	}
	return err
}

func (a *attempt) runAbort() error {
	var err error
	for name, out := range a.outputs() {
		err = errors.Join(err, out.Abort(a.ctx, a.outputEnv(name)))
	}
	return errors.Join(err, a.cleanup())
}
