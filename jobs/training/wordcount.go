package training

import (
	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/format"
)

// inOut reads `<in>… <out>`.
func inOut(inv *mapreduce.Invocation, usage string) (in []string, out string, err error) {
	n := len(inv.Args)
	if n < 2 {
		return nil, "", &mapreduce.UsageError{Program: inv.Program, Usage: usage, Message: "input and output are needed"}
	}
	for _, a := range inv.Args[:n-1] {
		in = append(in, format.SplitPaths(a)...)
	}
	return in, inv.Args[n-1], nil
}

func wordCount() mapreduce.Program {
	const usage = "<in>… <out>"
	return mapreduce.Program{Name: "wordcount", Usage: usage, Description: "counts the words in the input files", Build: func(inv *mapreduce.Invocation) (*mapreduce.Job, error) {
		in, out, err := inOut(inv, usage)
		if err != nil {
			return nil, err
		}
		output := format.NewTextOutput(out)
		output.ValueText = mapreduce.FormatInt64
		return mapreduce.SingleStage("word count", &mapreduce.Stage{
			Inputs:  []mapreduce.Input{{Format: format.Text{Paths: in}, Mapper: mapreduce.MapFunc(countWords)}},
			Op:      mapreduce.Sum(),
			Reduces: inv.Conf.Reduces(1),
			Output:  output,
		}), nil
	}}
}

// isSpace holds what java.util.StringTokenizer splits at.
var isSpace = [256]bool{' ': true, '\t': true, '\n': true, '\r': true, '\f': true}

func countWords(c *mapreduce.Context, _, line []byte) error {
	for i := 0; i < len(line); {
		for i < len(line) && isSpace[line[i]] {
			i++
		}
		start := i
		for i < len(line) && !isSpace[line[i]] {
			i++
		}
		if i > start {
			if err := c.EmitInt(line[start:i], 1); err != nil {
				return err
			}
		}
	}
	return nil
}
