package streaming

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/mrtest"
)

func run(t *testing.T, conf map[string]string, files map[string]string, args ...string) (*mrtest.Result, error) {
	t.Helper()
	job, err := Program().Build(&mapreduce.Invocation{Program: "streaming", Args: args, Conf: mapreduce.NewConf(conf)})
	if err != nil {
		t.Fatal(err)
	}
	return mrtest.TryRun(t, job, files, conf)
}

func TestPipes(t *testing.T) {
	files := map[string]string{"/in/a": "b x\na y\nb z\n"}
	r, err := run(t, nil, files, "-input", "/in", "-output", "/out", "-mapper", "cut -c1", "-reducer", "uniq -c")
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Output("/out"); got != "      1 a\t\t\n      2 b\t\t\n" && got != "      1 a\t\n      2 b\t\n" {
		t.Errorf("%q", got)
	}
}

func TestReporterAndFailure(t *testing.T) {
	files := map[string]string{"/in/a": "1\n2\n3\n"}
	r, err := run(t, nil, files, "-input", "/in", "-output", "/out", "-mapper", `awk '{ print "reporter:counter:G,n,2" > "/dev/stderr"; print }'`, "-reducer", "NONE")
	if err != nil || r.Counter("G", "n") != 6 {
		t.Errorf("counter %d, %v", r.Counter("G", "n"), err)
	}
	if _, err = run(t, nil, files, "-input", "/in", "-output", "/out", "-mapper", "false", "-reducer", "NONE"); err == nil || !strings.Contains(err.Error(), "failed with code 1") {
		t.Errorf("%v", err)
	}
	if _, err = run(t, map[string]string{"stream.non.zero.exit.is.failure": "false"}, files, "-input", "/in", "-output", "/out", "-mapper", "false", "-reducer", "NONE"); err != nil {
		t.Errorf("%v", err)
	}
}

func TestSplitCommand(t *testing.T) {
	for line, want := range map[string]string{
		`a b  c`:             `["a" "b" "c"]`,
		`awk '{ print $1 }'`: `["awk" "{ print $1 }"]`,
		`x "a 'b' c" d`:      `["x" "a 'b' c" "d"]`,
		`a"b c"d`:            `["a\"b c\"d"]`,
	} {
		if got := fmt.Sprintf("%q", splitCommand(line)); got != want {
			t.Errorf("%s: %s", line, got)
		}
	}
}

func TestKeyFields(t *testing.T) {
	sep := []byte{'.'}
	for _, c := range []struct {
		spec, a, b string
		want       int
	}{
		{"-k2,2n", "x.9", "x.10", -1}, {"-k2,2nr", "x.9", "x.10", 1}, {"-k1.2,1.2", "ab", "bb", 0}, {"-n", "-3", "2", -1}, {"-r", "a", "b", 1},
		{"-k2n", "x.-1.5", "x.-1.25", -1}, {"-k3", "a.b", "c.d", 0},
	} {
		specs, err := parseKeySpecs(c.spec)
		if err != nil {
			t.Fatal(err)
		}
		if got := specs[0].compare([]byte(c.a), []byte(c.b), sep); got != c.want {
			t.Errorf("%s of %s and %s: %d", c.spec, c.a, c.b, got)
		}
	}
}

func FuzzOptions(f *testing.F) {
	f.Add("-input a -output b -mapper cat -reducer NONE", "-k1,2nr -n")
	f.Add("-cmdenv a=b -numReduceTasks 3 -x", "-k1.2,3.0")
	f.Fuzz(func(_ *testing.T, args, keys string) {
		_, _ = parse(strings.Fields(args))
		_ = splitCommand(args)
		specs, err := parseKeySpecs(keys)
		if err != nil {
			return
		}
		for _, s := range specs {
			_ = s.compare([]byte(args), []byte(keys), []byte("."))
		}
		compareNumbers([]byte(args), []byte(keys))
	})
}

func TestCompareNumbersIsAnOrder(t *testing.T) {
	numbers := []string{"-10", "-2.5", "-2", "0", "0.5", "2", "10", "10.01", "123456789012345678901234567890"}
	for i, a := range numbers {
		for j, b := range numbers {
			want := bytes.Compare([]byte{byte(i)}, []byte{byte(j)})
			if got := compareNumbers([]byte(a), []byte(b)); (got < 0) != (want < 0) || (got > 0) != (want > 0) {
				t.Errorf("%s and %s: %d", a, b, got)
			}
		}
	}
}
