package mapreduce

import (
	"context"
	"errors"
	"fmt"
)

// Program is a named job that can be submitted: built into a binary and looked up in a Registry.
type Program struct {
	Name        string // as typed after `lode job submit`
	Usage       string // arguments, for example "<in> <out>"
	Description string // one line
	// Build must be deterministic: it is called by the submitter (to find mistakes early) and again in every task process.
	// It may read Invocation only: no clock, no randomness, no file system.
	Build func(inv *Invocation) (*Job, error)
}

// Invocation is what the user typed.
type Invocation struct {
	Program string
	Args    []string
	Conf    *Conf
}

// UsageError says that the arguments do not fit the program.
type UsageError struct{ Program, Usage, Message string }

func (e *UsageError) Error() string {
	return fmt.Sprintf("%s: %s (usage: %s %s)", e.Program, e.Message, e.Program, e.Usage)
}

// NArgs returns the arguments when there are exactly n, else a UsageError.
func (inv *Invocation) NArgs(n int, usage string) ([]string, error) {
	if len(inv.Args) != n {
		return nil, &UsageError{inv.Program, usage, fmt.Sprintf("%d arguments needed, got %d", n, len(inv.Args))}
	}
	return inv.Args, nil
}

// Job is a list of stages, run in order. A later stage may read what an earlier one wrote.
type Job struct {
	Name   string
	Stages []*Stage
	// Cleanup lists paths (temporary directories between stages) removed when the job ends, however it ends.
	Cleanup []string
}

// SingleStage makes a Job of one stage.
func SingleStage(name string, s *Stage) *Job { return &Job{Name: name, Stages: []*Stage{s}} }

// Stage is one map phase and, unless Reduces is 0, one reduce phase.
type Stage struct {
	Name   string // shown beside the job's name when it has several stages
	Inputs []Input

	// Combine and Reduce by a known operation. With Op set Combiner and Reducer may be nil; values are then Int64-coded.
	Op *Op
	// Combiner may be applied to parts of a group in the map task; nil for none.
	Combiner func() Reducer
	Reducer  func() Reducer
	// Reduces is the number of reduce tasks; 0 makes a map-only stage whose Emit goes to Output.
	Reduces int

	// PartitionWith makes the partitioner from what Prepare returned (cut points of a total order); stronger than Partitioner.
	PartitionWith func(prepared []byte) (Partitioner, error)
	Partitioner   Partitioner           // nil: HashPartitioner
	Sort          func(a, b []byte) int // order of keys; nil: bytes.Compare
	Group         func(a, b []byte) int // which sorted neighbours form a group; nil: Sort
	// TiesReversed gives equal keys of one map task in reverse order of emission, which is what Apache's sort does to
	// small inputs; Hadoop Streaming sets it.
	TiesReversed bool

	Output  OutputFormat            // where Emit goes in a map-only stage or in the reducer; nil: no main output
	Outputs map[string]OutputFormat // side outputs, by the name given to EmitTo and EmitRow

	Conf *Conf // settings of this stage, over the job's; may be nil

	// Prepare runs once, in the stage's setup task, before splits are made (sampling for a total order, for example). What it
	// returns is given to every task of the stage as Context.Prepared.
	Prepare func(ctx context.Context, env PrepareEnv) ([]byte, error)
}

// PrepareEnv is what Stage.Prepare may use.
type PrepareEnv struct {
	FS   FS
	Conf *Conf
}

// Input is one source of a stage with the mapper for its records.
type Input struct {
	Format InputFormat
	Mapper func() Mapper // nil: identity
}

// Mapper is called for every record of a split. One value serves one attempt; it need not be safe for concurrent use.
// key and value are only valid during the call.
type Mapper interface {
	Map(c *Context, key, value []byte) error
}

// Reducer is called once for every group. key and values are only valid during the call.
type Reducer interface {
	Reduce(c *Context, key []byte, values *Values) error
}

// Starter is implemented by a Mapper or Reducer that wants a call before the first record.
type Starter interface{ Start(c *Context) error }

// Finisher is implemented by a Mapper or Reducer that wants a call after the last record; it may still emit.
type Finisher interface{ Finish(c *Context) error }

// Runner is implemented by a Mapper that wants to read its records itself (Hadoop's MapRunnable).
type Runner interface {
	Run(c *Context, in RecordReader) error
}

// MapFunc makes a Mapper factory of a function without state.
func MapFunc(f func(c *Context, key, value []byte) error) func() Mapper {
	return func() Mapper { return mapFunc(f) }
}

type mapFunc func(c *Context, key, value []byte) error

func (f mapFunc) Map(c *Context, key, value []byte) error { return f(c, key, value) }

// ReduceFunc makes a Reducer factory of a function without state.
func ReduceFunc(f func(c *Context, key []byte, values *Values) error) func() Reducer {
	return func() Reducer { return reduceFunc(f) }
}

type reduceFunc func(c *Context, key []byte, values *Values) error

func (f reduceFunc) Reduce(c *Context, key []byte, values *Values) error { return f(c, key, values) }

// IdentityMapper emits what it reads.
func IdentityMapper() Mapper {
	return mapFunc(func(c *Context, k, v []byte) error { return c.Emit(k, v) })
}

// IdentityReducer emits every value with its key.
func IdentityReducer() Reducer {
	return reduceFunc(func(c *Context, k []byte, vs *Values) error {
		for vs.Next() {
			if err := c.Emit(vs.Key(), vs.Value()); err != nil {
				return err
			}
		}
		return vs.Err()
	})
}

// Check reports what is wrong with a job before anything runs.
func (j *Job) Check() error {
	if len(j.Stages) == 0 {
		return fmt.Errorf("job %s has no stage", j.Name)
	}
	for i, s := range j.Stages {
		if err := s.check(); err != nil {
			return fmt.Errorf("job %s, stage %d: %w", j.Name, i, err)
		}
	}
	return nil
}

func (s *Stage) check() error {
	switch {
	case len(s.Inputs) == 0:
		return errors.New("no input")
	case s.Reduces < 0:
		return fmt.Errorf("%d reduce tasks", s.Reduces)
	case s.Reduces > 0 && s.Reducer == nil && s.Op == nil:
		return errors.New("reduce tasks but no reducer")
	case s.Output == nil && len(s.Outputs) == 0:
		return errors.New("no output")
	}
	for _, in := range s.Inputs {
		if in.Format == nil {
			return errors.New("an input without format")
		}
	}
	return nil
}
