// Package tableio makes Iceberg tables inputs and outputs of jobs. Tasks read and write Parquet themselves, through table/datafile;
// what needs Iceberg's metadata (which files a table has, one snapshot of the new ones) is asked of a short lode-gold process,
// in the stage's setup and commit task.
//
// Rows travel as *datafile.Batch: a mapper whose input is a table is called once a batch (Context.Row), and Context.EmitRow takes
// batches. Counters count rows.
package tableio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/table/datafile"
)

const defaultWarehouse = "/lode/warehouse"

// Output makes an OutputFormat of a table. The stage's commit makes one snapshot of all its tasks' files, created with the
// definition if the table is absent; running the commit again changes nothing (lode.commit-id).
func Output(t *datafile.Table, mode datafile.Mode, filter *datafile.Filter) mapreduce.OutputFormat {
	return &output{table: t, mode: mode, filter: filter}
}

// Input makes an InputFormat of columns of a table (nil: all), one split a data file. The filter prunes files; rows it does not match
// may appear, unless it compares a text column by = or in. A table that does not exist has no splits.
func Input(table string, columns []string, filter *datafile.Filter) mapreduce.InputFormat {
	return &input{table: table, columns: columns, filter: filter}
}

type output struct {
	table  *datafile.Table
	mode   datafile.Mode
	filter *datafile.Filter
}

// Check implements mapreduce.OutputFormat: tables may exist. It makes sure that the commit will find lode-gold.
func (o *output) Check(context.Context, mapreduce.OutputEnv) error {
	_, err := findGold()
	return err
}

func (o *output) Open(ctx context.Context, env mapreduce.OutputEnv) (mapreduce.TaskOutput, error) {
	w := &taskOutput{ctx: ctx, fs: env.FS}
	namespace, name, _ := strings.Cut(o.table.Name, ".")
	dir := path.Join(env.Conf.String(defaultWarehouse, "lode.warehouse.dir"), namespace, name)
	create := func(ctx context.Context, relative string) (io.WriteCloser, string, error) {
		p := uri(env.FS, dir+"/"+relative)
		f, err := env.FS.Create(ctx, p, true)
		if err != nil {
			return nil, "", err
		}
		w.paths = append(w.paths, p)
		c := &countingFile{WriteCloser: f, n: &w.bytes}
		return c, p, nil
	}
	w.w = datafile.NewTableWriter(o.table, create, strings.TrimPrefix(env.Attempt, "attempt_"))
	w.w.Limit = int(env.Conf.Int(32<<20, "lode.table.write.buffer"))
	return w, nil
}

func uri(fsys mapreduce.FS, p string) string {
	if d, ok := fsys.(interface{ Default() string }); ok && !strings.Contains(p, "://") {
		return d.Default() + p
	}
	return p
}

type countingFile struct {
	io.WriteCloser
	n *int64
}

func (c *countingFile) Write(p []byte) (int, error) {
	n, err := c.WriteCloser.Write(p)
	*c.n += int64(n)
	return n, err
}

// Abort passes on that the file is not wanted.
func (c *countingFile) Abort() error {
	if a, ok := c.WriteCloser.(interface{ Abort() error }); ok {
		return a.Abort()
	}
	return c.Close()
}

// taskOutput is the output of one attempt.
type taskOutput struct {
	ctx   context.Context
	fs    mapreduce.FS
	w     *datafile.TableWriter
	paths []string
	bytes int64
}

// Write takes one encoded row (datafile.AppendRow) as the value.
func (t *taskOutput) Write(_, value []byte) error { return t.w.WriteEncoded(t.ctx, value) }

// WriteRow takes a *datafile.Batch.
func (t *taskOutput) WriteRow(row any) error {
	b, ok := row.(*datafile.Batch)
	if !ok {
		return fmt.Errorf("a table takes rows as *datafile.Batch, not %T", row)
	}
	return t.w.Write(t.ctx, b)
}

func (t *taskOutput) Bytes() int64 { return t.bytes }

func (t *taskOutput) Close() ([]byte, error) {
	files, err := t.w.Close(t.ctx)
	if err != nil {
		return nil, errors.Join(err, t.remove())
	}
	if len(files) == 0 {
		return nil, nil
	}
	return datafile.EncodeDescriptors(files)
}

func (t *taskOutput) Abort() error { return errors.Join(t.w.Abort(), t.remove()) }

func (t *taskOutput) remove() error {
	var err error
	ctx := context.WithoutCancel(t.ctx)
	for _, p := range t.paths {
		err = errors.Join(err, t.fs.Remove(ctx, p, false))
	}
	return err
}

// Commit makes the snapshot.
func (o *output) Commit(ctx context.Context, env mapreduce.OutputEnv, payloads [][]byte) error {
	return o.CommitJointly(ctx, []mapreduce.JointOutput{{Format: o, Env: env, Payloads: payloads}})
}

// CommitJointly implements mapreduce.JointCommitter: one process commits all tables.
func (o *output) CommitJointly(ctx context.Context, outputs []mapreduce.JointOutput) error {
	var body bytes.Buffer
	var names []string
	for _, j := range outputs {
		t, ok := j.Format.(*output)
		if !ok {
			return fmt.Errorf("commit tables: %T is none", j.Format)
		}
		m, err := t.manifest(j.Env, j.Payloads)
		if err != nil {
			return err
		}
		if err := m.Encode(&body); err != nil {
			return err
		}
		names = append(names, t.table.Name)
	}
	if _, err := gold(ctx, outputs[0].Env.FS, outputs[0].Env.Conf, &body, "commit", "--manifest", "-", "--json"); err != nil {
		return fmt.Errorf("commit %s: %w", strings.Join(names, ", "), err)
	}
	return nil
}

// manifest is what the attempts wrote to one table.
func (o *output) manifest(env mapreduce.OutputEnv, payloads [][]byte) (*datafile.Manifest, error) {
	m := &datafile.Manifest{Table: o.table.Name, Mode: o.mode, Filter: o.filter, Create: o.table, CommitID: fmt.Sprintf("%s-%d-%s", env.Job, env.Stage, o.table.Name),
		Properties: map[string]string{"lode.job-id": env.Job}, Files: []datafile.Descriptor{}}
	for _, p := range payloads {
		files, err := datafile.DecodeDescriptors(p)
		if err != nil {
			return nil, err
		}
		m.Files = append(m.Files, files...)
	}
	return m, nil
}

// Abort does nothing: no snapshot names the files of attempts, `lode table orphans` removes what killed ones left.
func (o *output) Abort(context.Context, mapreduce.OutputEnv) error { return nil }

// goldMissing is what users are told when there is no lode-gold.
const goldMissing = "tables need the program lode-gold beside lode or on PATH (make build makes both; LODE_GOLD names it)"

func findGold() (string, error) {
	if p := os.Getenv("LODE_GOLD"); p != "" {
		return p, nil
	}
	if exe, err := os.Executable(); err == nil {
		p := filepath.Join(filepath.Dir(exe), "lode-gold")
		if st, err := os.Stat(p); err == nil && !st.IsDir() {
			return p, nil
		}
	}
	p, err := exec.LookPath("lode-gold")
	if err != nil {
		return "", errors.New(goldMissing)
	}
	return p, nil
}

// gold runs `lode-gold table <args>` and returns what it prints.
func gold(ctx context.Context, fsys mapreduce.FS, conf *mapreduce.Conf, stdin io.Reader, command string, args ...string) ([]byte, error) {
	exe, err := findGold()
	if err != nil {
		return nil, err
	}
	full := []string{"table", command}
	if d, ok := fsys.(interface{ Default() string }); ok {
		def := d.Default()
		if def == "file://" {
			def = "file:///"
		}
		full = append(full, "--fs", def)
	}
	if w := conf.String("", "lode.warehouse.dir"); w != "" {
		full = append(full, "--warehouse", w)
	}
	cmd := exec.CommandContext(ctx, exe, append(full, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("lode-gold table %s: %w: %s", command, err, strings.TrimSpace(errs.String()))
	}
	return out.Bytes(), nil
}

type input struct {
	table   string
	columns []string
	filter  *datafile.Filter
}

type plannedFile struct {
	datafile.Descriptor
	Deletes []string `json:"deletes,omitempty"`
}

type plan struct {
	Exists bool             `json:"exists"`
	Schema *datafile.Schema `json:"schema"`
	Files  []plannedFile    `json:"files"`
}

type splitExtra struct {
	Size   int64            `json:"size"`
	Schema *datafile.Schema `json:"schema"`
}

// Splits implements mapreduce.InputFormat.
func (in *input) Splits(ctx context.Context, env mapreduce.InputEnv) ([]mapreduce.Split, error) {
	args := []string{"--table", in.table, "--json"}
	if len(in.columns) > 0 {
		args = append(args, "--columns", strings.Join(in.columns, ","))
	}
	if in.filter != nil {
		b, err := json.Marshal(in.filter)
		if err != nil {
			return nil, err
		}
		args = append(args, "--filter", string(b))
	}
	out, err := gold(ctx, env.FS, env.Conf, nil, "plan", args...)
	if err != nil {
		return nil, fmt.Errorf("plan input table %s: %w", in.table, err)
	}
	var p plan
	if err := json.Unmarshal(out, &p); err != nil {
		return nil, fmt.Errorf("plan input table %s: lode-gold answered what cannot be read: %w", in.table, err)
	}
	var splits []mapreduce.Split
	for _, f := range p.Files {
		if len(f.Deletes) > 0 {
			return nil, fmt.Errorf("input table %s has row-level deletes of another engine: run `lode table optimize %s` first", in.table, in.table)
		}
		schema := p.Schema
		if len(in.columns) > 0 {
			if schema, err = p.Schema.Project(in.columns); err != nil {
				return nil, fmt.Errorf("input table %s: %w", in.table, err)
			}
		}
		extra, err := json.Marshal(splitExtra{f.FileSizeBytes, schema})
		if err != nil {
			return nil, err
		}
		splits = append(splits, mapreduce.Split{Path: f.Path, Length: f.FileSizeBytes, Hosts: f.Hosts, Extra: extra})
	}
	return splits, nil
}

// Open implements mapreduce.InputFormat.
func (in *input) Open(ctx context.Context, split mapreduce.Split, env mapreduce.InputEnv) (mapreduce.RecordReader, error) {
	var x splitExtra
	if err := json.Unmarshal(split.Extra, &x); err != nil {
		return nil, fmt.Errorf("split of table %s: %w", in.table, err)
	}
	f, err := env.FS.Open(ctx, split.Path)
	if err != nil {
		return nil, fmt.Errorf("open data file: %w", err)
	}
	r, err := datafile.OpenReader(f, x.Size, x.Schema, datafile.ReadOptions{Only: in.only(x.Schema)})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", split.Path, err), f.Close())
	}
	return &reader{r: r, f: f, total: r.Rows(), size: x.Size}, nil
}

// only turns a filter of one text comparison into what the Parquet reader checks itself.
func (in *input) only(s *datafile.Schema) *datafile.In {
	if in.filter == nil || len(in.filter.And) != 1 {
		return nil
	}
	p := in.filter.And[0]
	i := s.Index(p.Column)
	if i < 0 || s.Fields[i].Type != datafile.String {
		return nil
	}
	switch v := p.Value.(type) {
	case string:
		if p.Op == "=" {
			return &datafile.In{Column: p.Column, Values: []string{v}}
		}
	case []string:
		if p.Op == "in" {
			return &datafile.In{Column: p.Column, Values: slices.Clone(v)}
		}
	}
	return nil
}

type reader struct {
	r     *datafile.Reader
	f     mapreduce.File
	batch *datafile.Batch
	rows  int64
	total int64
	size  int64
}

func (r *reader) Next() (key, value []byte, err error) {
	if r.batch, err = r.r.Next(); err != nil {
		return nil, nil, err
	}
	r.rows += int64(r.batch.Len())
	return nil, nil, nil
}

// Row implements mapreduce.RowReader.
func (r *reader) Row() any { return r.batch }

// Records implements mapreduce.RecordCounter.
func (r *reader) Records() int64 { return r.rows }

func (r *reader) Bytes() int64 { return r.size }

func (r *reader) Progress() float64 {
	if r.total == 0 {
		return 1
	}
	return min(1, float64(r.rows)/float64(r.total))
}

func (r *reader) Close() error { return errors.Join(r.r.Close(), r.f.Close()) }
