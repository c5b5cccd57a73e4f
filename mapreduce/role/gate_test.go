package role_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/format"
)

// The test's job counts words and misbehaves where its settings say: gate.dir is a directory of this machine where attempts leave
// their process id and wait for leave to go on, fault.at the place, one of the constants below. Only attempt 0 of task 0 misbehaves.
const (
	atMap          = "map"
	atReduce       = "reduce"
	beforeCommit   = "before-commit"
	afterCommit    = "after-commit"
	hangs          = "hangs"
	eatsMemory     = "eats-memory"
	floodsStderr   = "floods-stderr"
	diskFull       = "disk-full"
	endsEarly      = "ends-early" // exit status 0 in the middle of the attempt
	corruptsOutput = "corrupts-output"
)

func faulty() mapreduce.Program {
	return mapreduce.Program{Name: "faulty", Build: func(inv *mapreduce.Invocation) (*mapreduce.Job, error) {
		args, err := inv.NArgs(2, "<in> <out>")
		if err != nil {
			return nil, err
		}
		f := fault{dir: inv.Conf.String("", "gate.dir"), at: inv.Conf.String("", "fault.at")}
		out := format.NewTextOutput(args[1])
		return mapreduce.SingleStage("faulty", &mapreduce.Stage{
			Inputs:  []mapreduce.Input{{Format: format.Text{Paths: []string{args[0]}}, Mapper: func() mapreduce.Mapper { return &faultyMapper{fault: f} }}},
			Reducer: func() mapreduce.Reducer { return &faultyReducer{fault: f} },
			Reduces: inv.Conf.Reduces(3), Output: &faultyOutput{out, f}}), nil
	}}
}

type fault struct{ dir, at string }

// gate tells the test who has come to the place and waits until it may go on. Only the first to come waits.
func (f fault) gate(ctx context.Context, place string) error {
	if f.at != place {
		return nil
	}
	name := filepath.Join(f.dir, "reached")
	file, err := os.OpenFile(name+".part", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, "%d %d", os.Getpid(), os.Getppid())
	if err := errors.Join(err, file.Close(), os.Rename(file.Name(), name)); err != nil {
		return err
	}
	if err := os.WriteFile(file.Name(), nil, 0o600); err != nil { // nobody waits a second time
		return err
	}
	for {
		if _, err := os.Stat(filepath.Join(f.dir, "go")); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

type faultyMapper struct {
	fault fault
	n     int
}

func (m *faultyMapper) Map(c *mapreduce.Context, _, line []byte) error {
	if m.n++; m.n == 100 {
		if err := m.misbehave(c); err != nil {
			return err
		}
	}
	for _, w := range bytes.Fields(line) {
		if err := c.Emit(w, []byte("1")); err != nil {
			return err
		}
	}
	return nil
}

func (m *faultyMapper) misbehave(c *mapreduce.Context) error {
	if err := m.fault.gate(c.Context(), atMap); err != nil {
		return err
	}
	if info := c.Info(); info.Index != 0 || !strings.HasSuffix(info.Attempt, "_0") {
		return nil
	}
	switch m.fault.at {
	case hangs:
		select {} // deaf to being killed politely
	case eatsMemory:
		var kept [][]byte
		for {
			kept = append(kept, bytes.Repeat([]byte{1}, 8<<20))
			if len(kept) > 1<<12 {
				return errors.New("nobody stopped it at 32 GB")
			}
		}
	case floodsStderr:
		for range 48 << 10 {
			if _, err := c.Stderr().Write(bytes.Repeat([]byte("noise "), 200)); err != nil {
				return err
			}
		}
	case diskFull:
		return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 2 << 10, Max: 2 << 10})
	case endsEarly:
		os.Exit(0)
	}
	return nil
}

// Finish damages the output of another attempt: it is still there when the reduce tasks come for it.
func (m *faultyMapper) Finish(c *mapreduce.Context) error {
	if m.fault.at != corruptsOutput || c.Info().Index == 0 {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(c.Info().WorkDir)), "out", "*_m_000000_0", "file.out"))
	if err != nil || len(files) == 0 {
		return err
	}
	f, err := os.OpenFile(files[0], os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte("damaged"), 40)
	return errors.Join(err, f.Close())
}

type faultyReducer struct{ fault fault }

func (r *faultyReducer) Reduce(c *mapreduce.Context, key []byte, values *mapreduce.Values) error {
	if err := r.fault.gate(c.Context(), atReduce); err != nil {
		return err
	}
	n := 0
	for values.Next() {
		n++
	}
	if err := values.Err(); err != nil {
		return err
	}
	return c.Emit(key, []byte(strconv.Itoa(n)))
}

type faultyOutput struct {
	mapreduce.OutputFormat
	fault fault
}

func (o *faultyOutput) Commit(ctx context.Context, env mapreduce.OutputEnv, payloads [][]byte) error {
	if err := o.fault.gate(ctx, beforeCommit); err != nil {
		return err
	}
	if err := o.OutputFormat.Commit(ctx, env, payloads); err != nil {
		return err
	}
	return o.fault.gate(ctx, afterCommit)
}
