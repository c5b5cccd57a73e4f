package streaming

import (
	"fmt"
	"strings"

	"github.com/lodehq/lode/mapreduce"
)

// options are streaming's own options, after the generic ones.
type options struct {
	inputs       []string
	output       string
	mapper       string
	reducer      string
	hasMapper    bool
	hasReducer   bool
	combiner     string
	inputFormat  string
	outputFormat string
	partitioner  string
	reduces      int // -1: from the settings
	env          [][2]string
	lazy         bool
	io           string
	files        []string // -file, shipped by the submitter
	background   bool
}

// Usage are the arguments of Hadoop Streaming that are understood.
const Usage = `[-D key=value …] [-files …] [-archives …] -input PATH… -output DIR -mapper COMMAND [-reducer COMMAND|NONE|aggregate]
  -input PATH           repeatable; globs and comma lists
  -output DIR           must not exist
  -mapper COMMAND       or org.apache.hadoop.mapred.lib.IdentityMapper
  -combiner COMMAND
  -reducer COMMAND      NONE: no reduce phase; aggregate: Hadoop's aggregate package
  -numReduceTasks N
  -inputformat CLASS    TextInputFormat, KeyValueTextInputFormat, NLineInputFormat, SequenceFileAsTextInputFormat
  -outputformat CLASS   TextOutputFormat, SequenceFileOutputFormat
  -partitioner CLASS    HashPartitioner, KeyFieldBasedPartitioner
  -cmdenv NAME=VALUE    repeatable
  -file FILE            ship a file (generic option -files is better)
  -lazyOutput           no empty part files`

func usageError(format string, args ...any) error {
	return &mapreduce.UsageError{Program: "streaming", Usage: Usage, Message: fmt.Sprintf(format, args...)}
}

// parse reads streaming's options. It never panics, whatever the arguments are.
func parse(args []string) (*options, error) {
	o := &options{reduces: -1}
	for i := 0; i < len(args); i++ {
		name := args[i]
		need := func() (string, error) {
			if i+1 >= len(args) {
				return "", usageError("Missing argument for option: %s", strings.TrimLeft(name, "-"))
			}
			i++
			return args[i], nil
		}
		var v string
		var err error
		switch strings.TrimPrefix(name, "-") {
		case "input":
			if v, err = need(); err == nil {
				o.inputs = append(o.inputs, v)
			}
		case "output":
			o.output, err = need()
		case "mapper":
			o.mapper, err = need()
			o.hasMapper = true
		case "reducer":
			o.reducer, err = need()
			o.hasReducer = true
		case "combiner":
			o.combiner, err = need()
		case "inputformat":
			o.inputFormat, err = need()
		case "outputformat":
			o.outputFormat, err = need()
		case "partitioner":
			o.partitioner, err = need()
		case "numReduceTasks":
			if v, err = need(); err == nil {
				if n, scanErr := fmt.Sscan(v, &o.reduces); scanErr != nil || n != 1 || o.reduces < 0 {
					err = usageError("-numReduceTasks %s: a whole number of 0 or more is needed", v)
				}
			}
		case "cmdenv":
			if v, err = need(); err == nil {
				v, _, _ = strings.Cut(v, " ") // as Apache does: what follows a space is another pair, and lost
				if key, val, ok := strings.Cut(v, "="); ok {
					o.env = append(o.env, [2]string{key, val})
				} else {
					err = usageError("-cmdenv %s: the form is NAME=VALUE", v)
				}
			}
		case "io":
			if o.io, err = need(); err == nil && o.io != "text" {
				err = usageError("-io %s: only text is there", o.io)
			}
		case "file":
			if v, err = need(); err == nil {
				o.files = append(o.files, v)
			}
		case "lazyOutput":
			o.lazy = true
		case "background":
			o.background = true
		case "verbose", "debug":
		case "mapdebug", "reducedebug", "additionalconfspec", "inputreader", "dfs", "jobconf", "cacheFile", "cacheArchive":
			_, err = need()
			if err == nil {
				err = usageError("option %s is not supported: use the generic options -D, -fs, -files and -archives", name)
			}
		case "help", "info":
			err = usageError("help")
		default:
			err = usageError("Unrecognized option: %s", name)
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case len(o.inputs) == 0:
		return nil, usageError("Required argument: -input <name>")
	case o.output == "":
		return nil, usageError("Required argument: -output <name>")
	}
	return o, nil
}

// splitCommand cuts a command line at spaces, as Apache does: quotes of either kind keep spaces together and are taken off when they
// begin or end a word; no shell is involved.
func splitCommand(line string) []string {
	var words []string
	i := 0
	for i < len(line) {
		if line[i] == ' ' {
			i++
			continue
		}
		start := i
		var quote byte
		for i < len(line) && (quote != 0 || line[i] != ' ') {
			switch {
			case quote != 0 && line[i] == quote:
				quote = 0
			case quote == 0 && (line[i] == '"' || line[i] == '\''):
				quote = line[i]
			}
			i++
		}
		word := line[start:i]
		if len(word) >= 2 && (word[0] == '"' || word[0] == '\'') && word[len(word)-1] == word[0] {
			word = word[1 : len(word)-1]
		}
		words = append(words, word)
	}
	return words
}

// Client reads what the submitter must know of streaming's arguments: local files to ship (-file), and whether to wait.
func Client(args []string) (files []string, background bool, err error) {
	o, err := parse(args)
	if err != nil {
		return nil, false, err
	}
	return o.files, o.background, nil
}
