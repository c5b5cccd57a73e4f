package training

import (
	"slices"
	"strings"
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

func TestTera(t *testing.T) {
	made := mrtest.Run(t, build(t, map[string]string{"mapreduce.job.maps": "3"}, "teragen", "5000", "/in"), nil)
	rows := made.Output("/in")
	if len(rows) != 500_000 {
		t.Fatalf("%d bytes", len(rows))
	}
	files := map[string]string{"/in/a": rows[:250_000], "/in/b": rows[250_000:]}
	sorted := mrtest.Run(t, build(t, map[string]string{"mapreduce.job.reduces": "3"}, "terasort", "/in", "/out"), files)
	want := make([]string, 5000)
	for i := range want {
		want[i] = rows[100*i : 100*i+100]
	}
	slices.Sort(want)
	if sorted.Output("/out") != strings.Join(want, "") {
		t.Error("not the sorted rows")
	}
	for _, part := range []string{"/out/part-r-00000", "/out/part-r-00001", "/out/part-r-00002"} {
		if n := len(sorted.Files[part]); n < 100_000 || n > 230_000 {
			t.Errorf("%s holds %d bytes: the cuts are bad", part, n)
		}
		delete(files, part)
		files[part] = sorted.Files[part]
	}
	good := mrtest.Run(t, build(t, nil, "teravalidate", "/out", "/report"), files).Output("/report")
	if !strings.HasPrefix(good, "checksum\t") {
		t.Error(good)
	}
	files["/out/part-r-00000"], files["/out/part-r-00002"] = files["/out/part-r-00002"], files["/out/part-r-00000"]
	if bad := mrtest.Run(t, build(t, nil, "teravalidate", "/out", "/report"), files).Output("/report"); !strings.Contains(bad, "bad key partitioning") {
		t.Error(bad)
	}
}

func TestTextJobs(t *testing.T) {
	for _, c := range []struct {
		program string
		args    []string
		files   map[string]string
		want    string
	}{
		{"grep", []string{"/in", "/out", "[a-z]+x"}, map[string]string{"/in/a": "fox box fox\nax fox"}, "3\tfox\n1\tax\n1\tbox\n"},
		{"sort", []string{"/in", "/out"}, map[string]string{"/in/a": "c\t1\na\t2\nb\t3\n"}, "a\t2\nb\t3\nc\t1\n"},
		{"secondarysort", []string{"/in", "/out"}, map[string]string{"/in/a": "2 9\n1 7\n2 -3\n1 5\n"},
			"------------------------------------------------\t\n1\t5\n1\t7\n------------------------------------------------\t\n2\t-3\n2\t9\n"},
		{"join", []string{"/l", "/r", "/out"}, map[string]string{"/l/a": "1\ta\n2\tb\n2\tc\n", "/r/a": "2\tx\n3\ty\n2\tz\n"},
			"2\t(b,x)\n2\t(b,z)\n2\t(c,x)\n2\t(c,z)\n"},
		{"aggregatewordcount", []string{"/in", "/out"}, map[string]string{"/in/a": "b a b"}, "a\t1\nb\t2\n"},
		{"pi", []string{"4", "2500", "/out"}, nil, "Estimated value of Pi is 3.14080000000000003624\n"},
	} {
		if got := mrtest.Run(t, build(t, nil, c.program, c.args...), c.files).Output("/out"); got != c.want {
			t.Errorf("%s: %q", c.program, got)
		}
	}
}
