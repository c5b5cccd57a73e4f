package training

import (
	"testing"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/mrtest"
)

func build(t *testing.T, conf map[string]string, program string, args ...string) *mapreduce.Job {
	t.Helper()
	r, err := mapreduce.NewRegistry(Programs()...)
	if err != nil {
		t.Fatal(err)
	}
	j, err := r.BuildJob(&mapreduce.Invocation{Program: program, Args: args, Conf: mapreduce.NewConf(conf)})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestWordCount(t *testing.T) {
	job := build(t, nil, "wordcount", "/in", "/out")
	r := mrtest.Run(t, job, map[string]string{"/in/a": "the quick  brown fox\njumps over the\tlazy dog\n", "/in/b": "the end"})
	want := "brown\t1\ndog\t1\nend\t1\nfox\t1\njumps\t1\nlazy\t1\nover\t1\nquick\t1\nthe\t3\n"
	if got := r.Output("/out"); got != want {
		t.Errorf("%q", got)
	}
	if _, ok := r.Files["/out/_SUCCESS"]; !ok || len(r.Files) != 4 {
		t.Errorf("files: %v", r.Files)
	}
	for name, want := range map[string]int64{mapreduce.MapInputRecords: 3, mapreduce.MapOutputRecords: 11, mapreduce.ReduceInputGroups: 9,
		mapreduce.ReduceOutputRecords: 9, mapreduce.CombineOutputRecords: 10, mapreduce.ReduceInputRecords: 10} {
		if got := r.Counter(mapreduce.GroupFramework, name); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}
