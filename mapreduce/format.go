package mapreduce

import (
	"context"
	"encoding/json"
)

// Split is the input of one map task. It is JSON through and through: it travels from the setup task over the scheduler to
// the task process.
type Split struct {
	Input  int             `json:"input"`           // which of Stage.Inputs
	Path   string          `json:"path,omitempty"`  // shown to users; "" when the split is not a piece of a file
	Start  int64           `json:"start,omitempty"` // first byte
	Length int64           `json:"length"`          // bytes: what balances and sorts the tasks, largest first
	Hosts  []string        `json:"hosts,omitempty"` // where the bytes are, best first; may be empty
	Extra  json.RawMessage `json:"extra,omitempty"` // whatever else the InputFormat needs
}

// InputEnv is what an InputFormat may use.
type InputEnv struct {
	FS      FS
	Conf    *Conf
	Workers int // how many task slots the cluster has: a hint for the number of splits
}

// InputFormat finds the splits of an input and opens them.
type InputFormat interface {
	// Splits runs once a stage, in the setup task.
	Splits(ctx context.Context, env InputEnv) ([]Split, error)
	// Open runs in the map task.
	Open(ctx context.Context, split Split, env InputEnv) (RecordReader, error)
}

// RecordReader reads the records of a split.
type RecordReader interface {
	// Next returns io.EOF after the last record. key and value are valid until the next call.
	Next() (key, value []byte, err error)
	// Progress is between 0 and 1.
	Progress() float64
	Close() error
}

// RowReader is implemented by readers of tables: Row is the current record as a typed value (see Context.Row).
type RowReader interface{ Row() any }

// OutputEnv is what an OutputFormat may use. Dir is where a file-based format puts the attempt's files:
// <output>/_temporary/<job>/<attempt>. It is made on first use, and removed if the attempt fails.
type OutputEnv struct {
	FS       FS
	Conf     *Conf
	Job      string // job id
	Stage    int
	Task     int    // number of the task in its phase
	Map      bool   // map-only output: part-m-00000 against part-r-00000
	Attempt  string // attempt id
	Name     string // side output's name, "" for the main output
	Counters *Counters
}

// OutputFormat writes records and publishes them.
type OutputFormat interface {
	// Check runs in the setup task, before anything else; it refuses an output that exists.
	Check(ctx context.Context, env OutputEnv) error
	// Open begins the output of one task attempt.
	Open(ctx context.Context, env OutputEnv) (TaskOutput, error)
	// Commit publishes what the winning attempts wrote: payloads holds what their TaskOutput.Close returned, in the order of the
	// tasks; attempts that wrote nothing have an empty payload. It runs in the job's commit task, after every task of the stage,
	// and can be run again after a crash: it must be idempotent.
	Commit(ctx context.Context, env OutputEnv, payloads [][]byte) error
	// Abort removes what attempts left; called when the job fails or is killed.
	Abort(ctx context.Context, env OutputEnv) error
}

// JointCommitter is implemented by OutputFormats for which publishing several outputs together costs less than one after another. The side outputs of
// a stage that have the same Go type are given to one of them.
type JointCommitter interface {
	OutputFormat
	// CommitJointly does what Commit of each does. All are tried, whatever happens to one.
	CommitJointly(ctx context.Context, outputs []JointOutput) error
}

// JointOutput is what Commit of one of them would be given.
type JointOutput struct {
	Format   OutputFormat
	Env      OutputEnv
	Payloads [][]byte
}

// TaskOutput is the writer of one attempt.
type TaskOutput interface {
	Write(key, value []byte) error
	// Close ends the output and returns the payload for Commit (file names, descriptors); nothing is visible to readers yet.
	Close() (payload []byte, err error)
	// Abort removes the attempt's files.
	Abort() error
}

// RowWriter is implemented by the TaskOutputs of tables: it takes the typed rows given to Context.EmitRow.
type RowWriter interface{ WriteRow(row any) error }

// ByteCounter is implemented by RecordReaders and TaskOutputs that know how many bytes of their files they used.
type ByteCounter interface{ Bytes() int64 }

// RecordCounter is implemented by RecordReaders whose records are batches of rows: counters then count the rows.
type RecordCounter interface{ Records() int64 }
