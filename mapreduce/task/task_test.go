package task_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/format"
	"github.com/lodehq/lode/mapreduce/mrtest"
)

// concatenating joins the values of every key: its answer shows records lost, doubled or out of order.
func concatenating(combine bool, reduces int) *mapreduce.Job {
	sum := mapreduce.ReduceFunc(func(c *mapreduce.Context, key []byte, vs *mapreduce.Values) error {
		n := 0
		for vs.Next() {
			v, err := strconv.Atoi(string(vs.Value()))
			if err != nil {
				return err
			}
			n += v
		}
		if err := vs.Err(); err != nil {
			return err
		}
		return c.Emit(key, strconv.AppendInt(nil, int64(n), 10))
	})
	s := &mapreduce.Stage{Inputs: []mapreduce.Input{{Format: format.Text{Paths: []string{"/in"}}, Mapper: mapreduce.MapFunc(func(c *mapreduce.Context, _, line []byte) error {
		return c.Emit(line, []byte("1"))
	})}}, Reducer: sum, Reduces: reduces, Output: format.NewTextOutput("/out")}
	if combine {
		s.Combiner = sum
	}
	return mapreduce.SingleStage("concat", s)
}

// With a memory of a fiftieth of the data, half of which is one key, the answer is that of a plain map.
func TestBiggerThanMemoryAndSkewed(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	want := map[string]int{}
	var in bytes.Buffer
	for in.Len() < 8<<20 {
		k := "the-one-key-that-half-of-the-records-have"
		if r.IntN(2) == 0 {
			k = fmt.Sprintf("key-%06d-%s", r.IntN(50_000), strings.Repeat("x", r.IntN(30)))
		}
		want[k]++
		in.WriteString(k)
		in.WriteByte('\n')
	}
	for _, combine := range []bool{false, true} {
		res, err := mrtest.TryRun(t, concatenating(combine, 3), map[string]string{"/in/a": in.String()}, map[string]string{"mapreduce.task.io.sort.mb": "1", "mapreduce.job.maps": "3"})
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		for line := range strings.Lines(res.Output("/out")) {
			k, n, _ := strings.Cut(strings.TrimSpace(line), "\t")
			if strconv.Itoa(want[k]) != n {
				t.Fatalf("%s: %s, want %d", k, n, want[k])
			}
			got++
		}
		if got != len(want) {
			t.Errorf("%d keys, want %d", got, len(want))
		}
		if spilled, out := res.Counter(mapreduce.GroupFramework, mapreduce.SpilledRecords), res.Counter(mapreduce.GroupFramework, mapreduce.MapOutputRecords); !combine && spilled < 2*out {
			t.Errorf("%d records spilled of %d: it did not run out of memory", spilled, out)
		}
	}
}

func TestSideOutputsAndStages(t *testing.T) {
	first := &mapreduce.Stage{Inputs: []mapreduce.Input{{Format: format.Text{Paths: []string{"/in"}}, Mapper: mapreduce.MapFunc(func(c *mapreduce.Context, _, line []byte) error {
		c.Counter("test", "lines").Add(1)
		if len(line)%2 == 0 {
			return c.EmitTo("even", line, nil)
		}
		return c.EmitTo("odd", line, nil)
	})}}, Outputs: map[string]mapreduce.OutputFormat{"even": format.NewTextOutput("/even"), "odd": format.NewTextOutput("/odd")}}
	second := &mapreduce.Stage{Inputs: []mapreduce.Input{{Format: format.Text{Paths: []string{"/even"}}}, {Format: format.Text{Paths: []string{"/odd"}}}},
		Output: &format.TextOutput{Files: format.Files{Path: "/all"}, ValueOnly: true}}
	r := mrtest.Run(t, &mapreduce.Job{Name: "two stages", Stages: []*mapreduce.Stage{first, second}, Cleanup: []string{"/odd"}}, map[string]string{"/in/a": "a\nbb\nccc\ndddd\n"})
	if got := r.Output("/all"); got != "bb\t\ndddd\t\na\t\nccc\t\n" || r.Counter("test", "lines") != 4 {
		t.Errorf("%q", got)
	}
	if r.Output("/odd") != "" || r.Output("/even") == "" {
		t.Error("cleanup took the wrong directory")
	}
}

func TestFailureLeavesNothing(t *testing.T) {
	job := concatenating(false, 1)
	job.Stages[0].Reducer = mapreduce.ReduceFunc(func(c *mapreduce.Context, key []byte, _ *mapreduce.Values) error {
		if err := c.Emit(key, nil); err != nil {
			return err
		}
		return errors.New("in the middle")
	})
	r, err := mrtest.TryRun(t, job, map[string]string{"/in/a": "x\ny\n"}, nil)
	if err == nil || !strings.Contains(err.Error(), "in the middle") || len(r.Files) != 1 {
		t.Errorf("%v, files %v", err, r.Files)
	}
	job.Stages[0].Reducer = mapreduce.ReduceFunc(func(*mapreduce.Context, []byte, *mapreduce.Values) error { panic("oh") })
	if _, err = mrtest.TryRun(t, job, map[string]string{"/in/a": "x\n"}, nil); err == nil || !strings.Contains(err.Error(), "panic in the job's code: oh") {
		t.Errorf("%v", err)
	}
}
