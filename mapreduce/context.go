package mapreduce

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
)

// TaskInfo says which attempt this is.
type TaskInfo struct {
	Job, Task, Attempt string // ids in Hadoop's form
	Stage, Index       int    // Index is the number of the task within its phase
	Map                bool
	Reduces            int
	User               string
	WorkDir            string // the attempt's private directory on the worker, with the job's side files in it
}

// Collector takes emitted records.
type Collector interface {
	Collect(key, value []byte) error
}

// IntCollector is a Collector with a short way for Int64-coded values.
type IntCollector interface {
	Collector
	CollectInt(key []byte, v int64) error
}

// Context is what a mapper or reducer is given. It belongs to one attempt and is used from one goroutine, except Counter,
// SetStatus, Progress and Logger, which are safe from any.
type Context struct {
	ctx      context.Context
	info     TaskInfo
	conf     *Conf
	fs       FS
	counters *Counters
	main     Collector
	ints     IntCollector
	side     func(name string) (TaskOutput, error)
	split    Split
	row      func() any
	prepared []byte
	status   atomic.Pointer[string]
	progress atomic.Int64 // calls of Progress, a sign of life
	logger   *slog.Logger
	stderr   io.Writer
	scratch  [8]byte
}

// ContextOptions is how an engine makes a Context.
type ContextOptions struct {
	Context  context.Context
	Info     TaskInfo
	Conf     *Conf
	FS       FS
	Counters *Counters
	Main     Collector
	Side     func(name string) (TaskOutput, error)
	Split    Split
	Row      func() any
	Prepared []byte
	Logger   *slog.Logger
	Stderr   io.Writer
}

// NewContext is for engines and for tests of mappers.
func NewContext(o ContextOptions) *Context {
	c := &Context{ctx: o.Context, info: o.Info, conf: o.Conf, fs: o.FS, counters: o.Counters, main: o.Main, side: o.Side, split: o.Split,
		row: o.Row, prepared: o.Prepared, logger: o.Logger, stderr: o.Stderr}
	if c.ctx == nil {
		c.ctx = context.Background()
	}
	if c.counters == nil {
		c.counters = NewCounters()
	}
	if c.logger == nil {
		c.logger = slog.New(slog.DiscardHandler)
	}
	if c.stderr == nil {
		c.stderr = io.Discard
	}
	c.ints, _ = o.Main.(IntCollector)
	return c
}

// Context is cancelled when the attempt is killed.
func (c *Context) Context() context.Context { return c.ctx }

// Info says which attempt this is.
func (c *Context) Info() TaskInfo { return c.info }

// Conf holds the job's settings.
func (c *Context) Conf() *Conf { return c.conf }

// FS is the job's file system.
func (c *Context) FS() FS { return c.fs }

// Split is the input of a map task.
func (c *Context) Split() Split { return c.split }

// Row is the current input record as a typed value when the input is a table, else nil.
func (c *Context) Row() any {
	if c.row == nil {
		return nil
	}
	return c.row()
}

// Prepared is what Stage.Prepare returned.
func (c *Context) Prepared() []byte { return c.prepared }

// Logger writes to the attempt's log.
func (c *Context) Logger() *slog.Logger { return c.logger }

// Stderr is the attempt's error log, for programs started by a mapper. It is safe for concurrent use.
func (c *Context) Stderr() io.Writer { return c.stderr }

// Emit gives a record to the shuffle, or to Stage.Output in a reducer or a map-only stage. The bytes are copied.
func (c *Context) Emit(key, value []byte) error {
	if c.main == nil {
		return errors.New("this stage has no main output: use EmitTo or EmitRow")
	}
	return c.main.Collect(key, value)
}

// EmitInt emits an Int64-coded value: the fast way into a stage with an Op.
func (c *Context) EmitInt(key []byte, v int64) error {
	if c.ints != nil {
		return c.ints.CollectInt(key, v)
	}
	return c.Emit(key, AppendInt64(c.scratch[:0], v))
}

// EmitTo gives a record to the side output of that name.
func (c *Context) EmitTo(name string, key, value []byte) error {
	out, err := c.sideOutput(name)
	if err != nil {
		return err
	}
	return out.Write(key, value)
}

// EmitRow gives a typed row to a side output that takes rows (a table); with the name "" to the main output.
func (c *Context) EmitRow(name string, row any) error {
	if name == "" {
		if w, ok := c.main.(RowWriter); ok {
			return w.WriteRow(row)
		}
		return errors.New("the stage's main output takes no rows")
	}
	out, err := c.sideOutput(name)
	if err != nil {
		return err
	}
	w, ok := out.(RowWriter)
	if !ok {
		return fmt.Errorf("output %q takes no rows", name)
	}
	return w.WriteRow(row)
}

func (c *Context) sideOutput(name string) (TaskOutput, error) {
	if c.side == nil {
		return nil, fmt.Errorf("there is no output %q", name)
	}
	return c.side(name)
}

// Counter is a user counter. Keep the pointer in hot loops.
func (c *Context) Counter(group, name string) *Counter { return c.counters.Get(group, name) }

// SetStatus shows a line beside the attempt.
func (c *Context) SetStatus(s string) {
	c.status.Store(&s)
	c.Progress()
}

// Status is the last line given to SetStatus.
func (c *Context) Status() string {
	if s := c.status.Load(); s != nil {
		return *s
	}
	return ""
}

// Progress is a sign of life of a mapper that works long on one record; an attempt without any for ten minutes is killed.
func (c *Context) Progress() { c.progress.Add(1) }

// Beats counts the signs of life; for engines.
func (c *Context) Beats() int64 { return c.progress.Load() }
