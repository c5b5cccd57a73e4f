package streaming

import (
	"strings"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/format"
)

// Program is `streaming`, for a registry.
func Program() mapreduce.Program {
	return mapreduce.Program{Name: "streaming", Usage: Usage, Description: "executables as mapper and reducer (Hadoop Streaming)", Build: build}
}

// job is what one invocation says.
type job struct {
	opts    *options
	conf    *mapreduce.Conf
	reduces int
	keyIn   bool // the mapper reads key TAB value
}

func build(inv *mapreduce.Invocation) (*mapreduce.Job, error) {
	o, err := parse(inv.Args)
	if err != nil {
		return nil, err
	}
	j := &job{opts: o, conf: inv.Conf}
	j.reduces = o.reduces
	if j.reduces < 0 {
		j.reduces = inv.Conf.Reduces(1)
	}
	if o.reducer == "NONE" {
		j.reduces = 0
	}
	stage := &mapreduce.Stage{Reduces: j.reduces, TiesReversed: true}
	in, err := j.input()
	if err != nil {
		return nil, err
	}
	stage.Inputs = []mapreduce.Input{{Format: in, Mapper: j.mapper()}}
	if stage.Output, err = j.output(); err != nil {
		return nil, err
	}
	if j.reduces > 0 {
		stage.Reducer = j.reducer(o.reducer)
		if o.combiner != "" {
			stage.Combiner = j.reducer(o.combiner)
		}
		if err := j.order(stage); err != nil {
			return nil, err
		}
		if o.reducer == "aggregate" {
			stage.Combiner = aggregateCombiner
		}
	}
	name := inv.Conf.String("", "mapreduce.job.name")
	if name == "" {
		name = "streamjob"
	}
	return mapreduce.SingleStage(name, stage), nil
}

// simpleName takes the package off a Java class name.
func simpleName(class string) string { return class[strings.LastIndexByte(class, '.')+1:] }

func (j *job) input() (mapreduce.InputFormat, error) {
	var paths []string
	for _, p := range j.opts.inputs {
		paths = append(paths, format.SplitPaths(p)...)
	}
	j.keyIn = true
	switch name := simpleName(j.opts.inputFormat); name {
	case "", "TextInputFormat":
		j.keyIn = !j.conf.Bool(true, "stream.map.input.ignoreKey")
		return format.Text{Paths: paths, KeyText: true}, nil
	case "KeyValueTextInputFormat":
		sep := j.conf.String("\t", "mapreduce.input.keyvaluelinerecordreader.key.value.separator", "key.value.separator.in.input.line")
		return format.KeyValueText{Paths: paths, Separator: sep[0]}, nil
	case "NLineInputFormat":
		j.keyIn = !j.conf.Bool(false, "stream.map.input.ignoreKey")
		return format.NLine{Paths: paths, KeyText: true}, nil
	case "SequenceFileAsTextInputFormat":
		return format.SequenceText{Paths: paths}, nil
	default:
		return nil, usageError("-inputformat : class not found : %s", j.opts.inputFormat)
	}
}

func (j *job) output() (mapreduce.OutputFormat, error) {
	files := format.Files{Path: j.opts.output, OldNames: true}
	switch simpleName(j.opts.outputFormat) {
	case "", "TextOutputFormat":
		return &format.TextOutput{Files: files, Lazy: j.opts.lazy}, nil
	case "SequenceFileOutputFormat":
		return &format.SequenceOutput{Files: files}, nil
	}
	return nil, usageError("-outputformat : class not found : %s", j.opts.outputFormat)
}

func (j *job) splitter(kind string) splitter {
	n := int(j.conf.Int(1, "stream.num."+kind+".output.key.fields"))
	return splitter{[]byte(j.conf.String("\t", "stream."+kind+".output.field.separator")), max(n, 1)}
}

func (j *job) mapper() func() mapreduce.Mapper {
	switch simpleName(j.opts.mapper) {
	case "", "IdentityMapper":
		if j.keyIn || strings.Contains(j.opts.mapper, "IdentityMapper") {
			return nil
		}
	}
	if !j.opts.hasMapper {
		return nil
	}
	return func() mapreduce.Mapper { return &pipeMapper{j: j} }
}

// pipeMapper feeds a program with records.
type pipeMapper struct {
	j   *job
	ch  *child
	sep []byte
}

// Start starts the program, even for an empty input.
func (m *pipeMapper) Start(c *mapreduce.Context) (err error) {
	m.sep = []byte(m.j.conf.String("\t", "stream.map.input.field.separator"))
	m.ch, err = m.j.start(c, "mapper", m.j.opts.mapper, m.j.splitter("map"))
	return err
}

func (m *pipeMapper) Map(_ *mapreduce.Context, key, value []byte) error {
	return m.ch.write(key, m.sep, value, m.j.keyIn)
}

// Finish waits for the program's last line.
func (m *pipeMapper) Finish(*mapreduce.Context) error { return m.ch.finish() }

// Close ends a program whose attempt has failed.
func (m *pipeMapper) Close() error {
	if m.ch == nil {
		return nil
	}
	_ = m.ch.cmd.Process.Kill()
	_ = m.ch.end() // the attempt has failed already, for a better reason
	return nil
}

func (j *job) reducer(command string) func() mapreduce.Reducer {
	switch {
	case command == "aggregate":
		return aggregateReducer
	case command == "" || simpleName(command) == "IdentityReducer":
		return mapreduce.IdentityReducer
	}
	return func() mapreduce.Reducer { return &pipeReducer{j: j, command: command} }
}

// pipeReducer feeds a program with a line for every value. It starts the program with the first record, so that a reducer
// without input is not started.
type pipeReducer struct {
	j       *job
	command string
	ch      *child
	sep     []byte
}

func (r *pipeReducer) Reduce(c *mapreduce.Context, _ []byte, values *mapreduce.Values) error {
	if r.ch == nil {
		r.sep = []byte(r.j.conf.String("\t", "stream.reduce.input.field.separator"))
		var err error
		if r.ch, err = r.j.start(c, "reducer", r.command, r.j.splitter("reduce")); err != nil {
			return err
		}
	}
	for values.Next() {
		if err := r.ch.write(values.Key(), r.sep, values.Value(), true); err != nil {
			return err
		}
	}
	return values.Err()
}

// Finish waits for the program's last line.
func (r *pipeReducer) Finish(*mapreduce.Context) error {
	if r.ch == nil {
		return nil
	}
	return r.ch.finish()
}

// Close ends a program whose attempt has failed.
func (r *pipeReducer) Close() error {
	if r.ch == nil {
		return nil
	}
	_ = r.ch.cmd.Process.Kill()
	_ = r.ch.end() // the attempt has failed already, for a better reason
	return nil
}
