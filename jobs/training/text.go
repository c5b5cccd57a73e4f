package training

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/format"
)

func grep() mapreduce.Program {
	const usage = "<in> <out> <regex> [<group>]"
	return mapreduce.Program{Name: "grep", Usage: usage, Description: "counts the matches of a regular expression, most frequent first", Build: func(inv *mapreduce.Invocation) (*mapreduce.Job, error) {
		if n := len(inv.Args); n != 3 && n != 4 {
			return nil, &mapreduce.UsageError{Program: inv.Program, Usage: usage, Message: "three or four arguments are needed"}
		}
		re, err := regexp.Compile(inv.Args[2])
		if err != nil {
			return nil, &mapreduce.UsageError{Program: inv.Program, Usage: usage, Message: err.Error()}
		}
		group := 0
		if len(inv.Args) == 4 {
			if group, err = strconv.Atoi(inv.Args[3]); err != nil || group < 0 || group > re.NumSubexp() {
				return nil, &mapreduce.UsageError{Program: inv.Program, Usage: usage, Message: "the expression has no group " + inv.Args[3]}
			}
		}
		out := inv.Args[1]
		between := out + "-grep-temp"
		found := format.NewTextOutput(between)
		found.ValueText = mapreduce.FormatInt64
		count := &mapreduce.Stage{Name: "search", Op: mapreduce.Sum(), Reduces: max(1, inv.Conf.Reduces(1)), Output: found,
			Inputs: []mapreduce.Input{{Format: format.Text{Paths: format.SplitPaths(inv.Args[0])}, Mapper: mapreduce.MapFunc(func(c *mapreduce.Context, _, line []byte) error {
				for _, m := range re.FindAllSubmatchIndex(line, -1) {
					if m[2*group] >= 0 {
						if err := c.EmitInt(line[m[2*group]:m[2*group+1]], 1); err != nil {
							return err
						}
					}
				}
				return nil
			})}}}
		final := format.NewTextOutput(out)
		rank := &mapreduce.Stage{Name: "sort", Reduces: 1, Output: final, Inputs: []mapreduce.Input{{Format: format.Text{Paths: []string{between}}, Mapper: mapreduce.MapFunc(byCount)}},
			Reducer: mapreduce.ReduceFunc(func(c *mapreduce.Context, _ []byte, vs *mapreduce.Values) error {
				for vs.Next() {
					n, err := mapreduce.DecodeInt64(invert(vs.Key()[:8]))
					if err != nil {
						return err
					}
					if err := c.Emit(strconv.AppendInt(nil, n, 10), vs.Value()); err != nil {
						return err
					}
				}
				return vs.Err()
			})}
		return &mapreduce.Job{Name: "grep", Stages: []*mapreduce.Stage{count, rank}, Cleanup: []string{between}}, nil
	}}
}

// byCount turns `word TAB count` into a key that sorts by falling count.
func byCount(c *mapreduce.Context, _, line []byte) error {
	i := bytes.LastIndexByte(line, '\t')
	if i < 0 {
		return fmt.Errorf("no count in %q", line)
	}
	n, err := strconv.ParseInt(string(line[i+1:]), 10, 64)
	if err != nil {
		return err
	}
	key := mapreduce.AppendInt64(nil, n)
	mapreduce.Descending(key, 0)
	return c.Emit(append(key, line[:i]...), line[:i])
}

func invert(b []byte) []byte {
	out := bytes.Clone(b)
	mapreduce.Descending(out, 0)
	return out
}

func sortText() mapreduce.Program {
	const usage = "<in> <out>"
	return mapreduce.Program{Name: "sort", Usage: usage, Description: "sorts lines `key TAB value` by key, over all output files", Build: func(inv *mapreduce.Invocation) (*mapreduce.Job, error) {
		in, dir, err := inOut(inv, usage)
		if err != nil {
			return nil, err
		}
		input := format.KeyValueText{Paths: in}
		reduces := max(1, inv.Conf.Reduces(2))
		return mapreduce.SingleStage("sorter", &mapreduce.Stage{Inputs: []mapreduce.Input{{Format: input}}, Reducer: mapreduce.IdentityReducer, Reduces: reduces,
			Output: format.NewTextOutput(dir), Prepare: mapreduce.SampleCuts(input, reduces, nil), PartitionWith: mapreduce.CutPartitioner(nil)}), nil
	}}
}

func secondarySort() mapreduce.Program {
	const usage = "<in> <out>"
	return mapreduce.Program{Name: "secondarysort", Usage: usage, Description: "pairs of numbers, grouped by the first and sorted by the second", Build: func(inv *mapreduce.Invocation) (*mapreduce.Job, error) {
		in, dir, err := inOut(inv, usage)
		if err != nil {
			return nil, err
		}
		first := func(key []byte) []byte { return key[:8] }
		return mapreduce.SingleStage("secondary sort", &mapreduce.Stage{
			Inputs: []mapreduce.Input{{Format: format.Text{Paths: in}, Mapper: mapreduce.MapFunc(func(c *mapreduce.Context, _, line []byte) error {
				f := bytes.Fields(line)
				if len(f) < 2 {
					return nil
				}
				a, err1 := strconv.ParseInt(string(f[0]), 10, 64)
				b, err2 := strconv.ParseInt(string(f[1]), 10, 64)
				if err1 != nil || err2 != nil {
					return fmt.Errorf("not a pair of numbers: %q", line)
				}
				return c.Emit(mapreduce.AppendInt64(mapreduce.AppendInt64(nil, a), b), f[1])
			})}},
			Reducer: mapreduce.ReduceFunc(func(c *mapreduce.Context, key []byte, vs *mapreduce.Values) error {
				if err := c.Emit([]byte("------------------------------------------------"), nil); err != nil {
					return err
				}
				n, err := mapreduce.DecodeInt64(first(key))
				if err != nil {
					return err
				}
				for vs.Next() {
					if err := c.Emit(strconv.AppendInt(nil, n, 10), vs.Value()); err != nil {
						return err
					}
				}
				return vs.Err()
			}),
			Reduces:     max(1, inv.Conf.Reduces(1)),
			Group:       func(a, b []byte) int { return bytes.Compare(first(a), first(b)) },
			Partitioner: mapreduce.PartitionFunc(func(key, _ []byte, n int) int { return mapreduce.HashPartitioner{}.Partition(first(key), nil, n) }),
			Output:      format.NewTextOutput(dir),
		}), nil
	}}
}

func aggregateWordCount() mapreduce.Program {
	const usage = "<in> <out> [<reducers>]"
	return mapreduce.Program{Name: "aggregatewordcount", Usage: usage, Description: "word count with the aggregate package's output", Build: func(inv *mapreduce.Invocation) (*mapreduce.Job, error) {
		args := inv.Args
		if len(args) == 3 {
			inv.Conf.Set("mapreduce.job.reduces", args[2])
			args = args[:2]
		}
		return wordCount().Build(&mapreduce.Invocation{Program: inv.Program, Args: args, Conf: inv.Conf})
	}}
}

func multiFileWordCount() mapreduce.Program {
	p := wordCount()
	return mapreduce.Program{Name: "multifilewc", Usage: p.Usage, Description: "word count over many files", Build: p.Build}
}

// join is the inner join of Apache's example over sorted `key TAB value` files: lines `key TAB (value,value…)` for every combination.
func join() mapreduce.Program {
	const usage = "[-r <reduces>] <in>… <out>"
	return mapreduce.Program{Name: "join", Usage: usage, Description: "joins files `key TAB value` by key (inner join)", Build: func(inv *mapreduce.Invocation) (*mapreduce.Job, error) {
		args := inv.Args
		if len(args) > 2 && args[0] == "-r" {
			inv.Conf.Set("mapreduce.job.reduces", args[1])
			args = args[2:]
		}
		if len(args) < 3 {
			return nil, &mapreduce.UsageError{Program: inv.Program, Usage: usage, Message: "two inputs and an output are needed at least"}
		}
		sources := len(args) - 1
		s := &mapreduce.Stage{Reduces: max(1, inv.Conf.Reduces(1)), Output: format.NewTextOutput(args[sources]), Reducer: func() mapreduce.Reducer { return &joiner{sources: make([][][]byte, sources)} },
			Group:       func(a, b []byte) int { return bytes.Compare(a[:len(a)-1], b[:len(b)-1]) },
			Sort:        compareTagged,
			Partitioner: mapreduce.PartitionFunc(func(key, _ []byte, n int) int { return mapreduce.HashPartitioner{}.Partition(key[:len(key)-1], nil, n) })}
		for i, p := range args[:sources] {
			s.Inputs = append(s.Inputs, mapreduce.Input{Format: format.KeyValueText{Paths: format.SplitPaths(p)}, Mapper: mapreduce.MapFunc(func(c *mapreduce.Context, key, value []byte) error {
				return c.Emit(append(bytes.Clone(key), byte(i)), value)
			})})
		}
		return mapreduce.SingleStage("join", s), nil
	}}
}

// compareTagged orders by key, then by the source's number behind it.
func compareTagged(a, b []byte) int {
	if c := bytes.Compare(a[:len(a)-1], b[:len(b)-1]); c != 0 {
		return c
	}
	return int(a[len(a)-1]) - int(b[len(b)-1])
}

type joiner struct{ sources [][][]byte }

func (j *joiner) Reduce(c *mapreduce.Context, key []byte, vs *mapreduce.Values) error {
	for i := range j.sources {
		j.sources[i] = j.sources[i][:0]
	}
	for vs.Next() {
		k := vs.Key()
		i := int(k[len(k)-1])
		j.sources[i] = append(j.sources[i], bytes.Clone(vs.Value()))
	}
	if err := vs.Err(); err != nil {
		return err
	}
	return j.combine(c, key[:len(key)-1], 0, []byte{'('})
}

func (j *joiner) combine(c *mapreduce.Context, key []byte, i int, row []byte) error {
	if i == len(j.sources) {
		return c.Emit(key, append(bytes.Clone(row), ')'))
	}
	for _, v := range j.sources[i] {
		next := bytes.Clone(row)
		if i > 0 {
			next = append(next, ',')
		}
		if err := j.combine(c, key, i+1, append(next, v...)); err != nil {
			return err
		}
	}
	return nil
}

func randomTextWriter() mapreduce.Program {
	const usage = "<out>"
	return mapreduce.Program{Name: "randomtextwriter", Usage: usage, Description: "writes random words (mapreduce.randomtextwriter.totalbytes)", Build: func(inv *mapreduce.Invocation) (*mapreduce.Job, error) {
		args, err := inv.NArgs(1, usage)
		if err != nil {
			return nil, err
		}
		total := inv.Conf.Int(10<<20, "mapreduce.randomtextwriter.totalbytes")
		maps := int(inv.Conf.Int(2, "mapreduce.job.maps"))
		const perLine = 64
		return mapreduce.SingleStage("random-text-writer", &mapreduce.Stage{Output: format.NewTextOutput(args[0]),
			Inputs: []mapreduce.Input{{Format: format.Range{Total: (total + perLine - 1) / perLine, Tasks: maps}, Mapper: mapreduce.MapFunc(randomLine)}}}), nil
	}}
}

// randomLine makes a line of its number, so that the output does not depend on how it was cut or repeated.
func randomLine(c *mapreduce.Context, key, _ []byte) error {
	n, err := mapreduce.DecodeInt64(key)
	if err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(uint64(n), 42))
	var line []byte
	for len(line) < 56 {
		if len(line) > 0 {
			line = append(line, ' ')
		}
		for range 1 + r.IntN(3) {
			line = append(line, syllables[r.IntN(len(syllables))]...)
		}
	}
	i := bytes.IndexByte(line, ' ')
	return c.Emit(line[:i], line[i+1:])
}

var syllables = [...]string{"ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "zu", "an", "er", "is", "on", "us"}
