package format

import (
	"context"

	"github.com/lodehq/lode/mapreduce"
)

// Null is the output of jobs that write nothing (Hadoop's NullOutputFormat).
type Null struct{}

// Check implements mapreduce.OutputFormat.
func (Null) Check(context.Context, mapreduce.OutputEnv) error { return nil }

// Open implements mapreduce.OutputFormat.
func (Null) Open(context.Context, mapreduce.OutputEnv) (mapreduce.TaskOutput, error) {
	return nullOutput{}, nil
}

// Commit implements mapreduce.OutputFormat.
func (Null) Commit(context.Context, mapreduce.OutputEnv, [][]byte) error { return nil }

// Abort implements mapreduce.OutputFormat.
func (Null) Abort(context.Context, mapreduce.OutputEnv) error { return nil }

type nullOutput struct{}

func (nullOutput) Write(_, _ []byte) error { return nil }
func (nullOutput) Close() ([]byte, error)  { return nil, nil }
func (nullOutput) Abort() error            { return nil }
