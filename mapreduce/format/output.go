package format

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/lodehq/lode/mapreduce"
)

// ExistsError is Hadoop's FileAlreadyExistsException.
type ExistsError struct{ Path string }

func (e *ExistsError) Error() string { return "Output directory " + e.Path + " already exists" }

// Is makes errors.Is(err, fs.ErrExist) true.
func (e *ExistsError) Is(target error) bool { return target == fs.ErrExist }

// Files is the part of an OutputFormat that every file-based one shares: where attempts write, how files are named, how they are
// published. Attempts write to <Path>/_temporary/<job>[-<output>]/<attempt>/; commit moves their files up and creates _SUCCESS.
type Files struct {
	Path     string
	OldNames bool // part-00000 (Hadoop's old API, streaming) instead of part-r-00000
	// Extend lets the output directory exist (a second output into the same directory).
	Extend bool
}

type filesPayload struct {
	Files []committedFile `json:"files"`
}

type committedFile struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Check implements mapreduce.OutputFormat.
func (f Files) Check(ctx context.Context, env mapreduce.OutputEnv) error {
	if f.Path == "" {
		return errors.New("no output directory given")
	}
	_, err := env.FS.Stat(ctx, f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || (err == nil && f.Extend):
		return nil
	case err == nil && f.begun(ctx, env):
		return nil
	case err == nil:
		return &ExistsError{f.Path}
	}
	return fmt.Errorf("look at output directory %s: %w", f.Path, err)
}

// begun tells whether the directory holds nothing but what an earlier attempt of this very job has left unfinished.
func (f Files) begun(ctx context.Context, env mapreduce.OutputEnv) bool {
	list, err := env.FS.List(ctx, f.Path)
	if err != nil || len(list) != 1 || list[0].Name != "_temporary" {
		return false
	}
	_, err = env.FS.Stat(ctx, f.temporary(env))
	return err == nil
}

func (f Files) temporary(env mapreduce.OutputEnv) string {
	dir := f.Path + "/_temporary/" + env.Job
	if env.Name != "" { // another output of the stage may share the directory
		dir += "-" + env.Name
	}
	return dir
}

// AttemptDir is where an attempt writes.
func (f Files) AttemptDir(env mapreduce.OutputEnv) string {
	return f.temporary(env) + "/" + env.Attempt
}

// FileName is part-r-00000, part-m-00000, part-00000 or <name>-r-00000, with suffix.
func (f Files) FileName(env mapreduce.OutputEnv, suffix string) string {
	name := env.Name
	if name == "" {
		name = "part"
	}
	kind := "-r-"
	if env.Map {
		kind = "-m-"
	}
	if f.OldNames {
		kind = "-"
	}
	return fmt.Sprintf("%s%s%05d%s", name, kind, env.Task, suffix)
}

// Payload describes an attempt's files by name for Commit.
func (f Files) Payload(env mapreduce.OutputEnv, names ...string) ([]byte, error) {
	var p filesPayload
	for _, n := range names {
		p.Files = append(p.Files, committedFile{f.AttemptDir(env) + "/" + n, f.Path + "/" + n})
	}
	return json.Marshal(p)
}

// Commit implements mapreduce.OutputFormat.
func (f Files) Commit(ctx context.Context, env mapreduce.OutputEnv, payloads [][]byte) error {
	var renames [][2]string
	for _, b := range payloads {
		if len(b) == 0 {
			continue
		}
		var p filesPayload
		if err := json.Unmarshal(b, &p); err != nil {
			return fmt.Errorf("commit %s: %w", f.Path, err)
		}
		for _, one := range p.Files {
			renames = append(renames, [2]string{one.From, one.To})
		}
	}
	if err := env.FS.Mkdirs(ctx, f.Path); err != nil {
		return fmt.Errorf("commit %s: %w", f.Path, err)
	}
	success := f.Path + "/_SUCCESS"
	if !env.Conf.Bool(true, "mapreduce.fileoutputcommitter.marksuccessfuljobs") {
		success = ""
	}
	if err := publish(ctx, env.FS, renames, success); err != nil {
		return fmt.Errorf("commit %s: %w", f.Path, err)
	}
	return f.removeTemporary(ctx, env)
}

func publish(ctx context.Context, fsys mapreduce.FS, renames [][2]string, success string) error {
	if c, ok := fsys.(mapreduce.Committer); ok {
		err := c.CommitJob(ctx, renames, success)
		if !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	for _, r := range renames {
		err := fsys.Rename(ctx, r[0], r[1])
		if err == nil {
			continue
		}
		if _, gone := fsys.Stat(ctx, r[0]); errors.Is(gone, fs.ErrNotExist) {
			if _, there := fsys.Stat(ctx, r[1]); there == nil {
				continue // done before a crash
			}
		}
		return err
	}
	if success == "" {
		return nil
	}
	w, err := fsys.Create(ctx, success, true)
	if err != nil {
		return err
	}
	return w.Close()
}

func (f Files) removeTemporary(ctx context.Context, env mapreduce.OutputEnv) error {
	if err := env.FS.Remove(ctx, f.temporary(env), true); err != nil {
		return err
	}
	left, err := env.FS.List(ctx, f.Path+"/_temporary")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || len(left) > 0 { // another output of the same stage may still be there
		return err
	}
	return env.FS.Remove(ctx, f.Path+"/_temporary", true)
}

// Abort implements mapreduce.OutputFormat: what attempts wrote goes, and the output directory with it when nothing else is in it.
func (f Files) Abort(ctx context.Context, env mapreduce.OutputEnv) error {
	if f.Path == "" {
		return nil
	}
	if err := f.removeTemporary(ctx, env); err != nil {
		return err
	}
	left, err := env.FS.List(ctx, f.Path)
	if err == nil && len(left) == 0 {
		return env.FS.Remove(ctx, f.Path, true)
	}
	return nil
}

// TextOutput writes `key<separator>value` lines.
type TextOutput struct {
	Files
	KeyText   func(dst, key []byte) ([]byte, error)   // prints a key; nil: as it is
	ValueText func(dst, value []byte) ([]byte, error) // prints a value (mapreduce.FormatInt64); nil: as it is
	KeyOnly   bool                                    // no separator, no value
	ValueOnly bool
	Raw       bool   // key and value one after the other, nothing between or behind them
	Separator string // "": mapreduce.output.textoutputformat.separator, or TAB
	Lazy      bool   // no file for an attempt that writes nothing
}

// NewTextOutput writes to a directory.
func NewTextOutput(dir string) *TextOutput { return &TextOutput{Files: Files{Path: dir}} }

// Open implements mapreduce.OutputFormat.
func (t *TextOutput) Open(ctx context.Context, env mapreduce.OutputEnv) (mapreduce.TaskOutput, error) {
	suffix, err := ConfSuffix(env.Conf)
	if err != nil {
		return nil, err
	}
	sep := t.Separator
	if sep == "" {
		sep = env.Conf.String("\t", "mapreduce.output.textoutputformat.separator", "mapred.textoutputformat.separator")
	}
	w := &textWriter{t: t, ctx: ctx, env: env, sep: sep, name: t.FileName(env, suffix)}
	if !t.Lazy {
		if err := w.open(); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// ConfSuffix is the compression suffix that the job's settings ask for, "" for none.
func ConfSuffix(conf *mapreduce.Conf) (string, error) {
	if !conf.Bool(false, "mapreduce.output.fileoutputformat.compress", "mapred.output.compress") {
		return "", nil
	}
	return OutputSuffix(conf.String("DefaultCodec", "mapreduce.output.fileoutputformat.compress.codec", "mapred.output.compression.codec"))
}

type textWriter struct {
	t    *TextOutput
	ctx  context.Context
	env  mapreduce.OutputEnv
	sep  string
	name string
	file *OutputFile
	line []byte
}

// OutputFile is a file of an attempt: counted, buffered and compressed by its suffix.
type OutputFile struct {
	*bufio.Writer
	packer io.WriteCloser
	count  *countingWriter
}

type countingWriter struct {
	w io.WriteCloser
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// CreateFile makes a file of an attempt; a file of the same name left by a crashed process of the same attempt is overwritten.
func CreateFile(ctx context.Context, fsys mapreduce.FS, name string) (*OutputFile, error) {
	f, err := fsys.Create(ctx, name, true)
	if err != nil {
		return nil, fmt.Errorf("create output: %w", err)
	}
	c := &countingWriter{w: f}
	packer, err := Compress(name, c)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &OutputFile{bufio.NewWriterSize(packer, 256<<10), packer, c}, nil
}

// Close flushes and closes; Bytes is final afterwards.
func (o *OutputFile) Close() error {
	err := o.Flush()
	if err2 := o.packer.Close(); err == nil {
		err = err2
	}
	if err2 := o.count.w.Close(); err == nil {
		err = err2
	}
	return err
}

// Bytes counts what reached the file system.
func (o *OutputFile) Bytes() int64 { return o.count.n }

func (w *textWriter) open() (err error) {
	w.file, err = CreateFile(w.ctx, w.env.FS, w.t.AttemptDir(w.env)+"/"+w.name)
	return err
}

func (w *textWriter) Write(key, value []byte) (err error) {
	if w.file == nil {
		if err := w.open(); err != nil {
			return err
		}
	}
	line := w.line[:0]
	if !w.t.ValueOnly {
		if w.t.KeyText != nil {
			if line, err = w.t.KeyText(line, key); err != nil {
				return err
			}
		} else {
			line = append(line, key...)
		}
		if !w.t.KeyOnly && !w.t.Raw {
			line = append(line, w.sep...)
		}
	}
	if !w.t.KeyOnly {
		if w.t.ValueText != nil {
			if line, err = w.t.ValueText(line, value); err != nil {
				return err
			}
		} else {
			line = append(line, value...)
		}
	}
	if !w.t.Raw {
		line = append(line, '\n')
	}
	w.line = line
	_, err = w.file.Write(line)
	return err
}

func (w *textWriter) Bytes() int64 {
	if w.file == nil {
		return 0
	}
	return w.file.Bytes()
}

func (w *textWriter) Close() ([]byte, error) {
	if w.file == nil {
		return nil, nil
	}
	if err := w.file.Close(); err != nil {
		return nil, fmt.Errorf("close output %s: %w", w.name, err)
	}
	return w.t.Payload(w.env, w.name)
}

func (w *textWriter) Abort() error {
	var err error
	if w.file != nil {
		err = w.file.count.w.Close()
	}
	return errors.Join(err, w.env.FS.Remove(w.ctx, w.t.AttemptDir(w.env), true))
}
