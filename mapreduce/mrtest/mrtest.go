// Package mrtest runs jobs inside a unit test, without a cluster.
//
//	out := mrtest.Run(t, job, map[string]string{"/in/a.txt": "one two\n"})
//	out.Files["/out/part-r-00000"]
package mrtest

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/localfs"
	"github.com/lodehq/lode/mapreduce/task"
)

// Result is what a job left.
type Result struct {
	Files    map[string]string // every file in the file system afterwards, inputs included
	Counters mapreduce.CounterValues
	Root     string
}

// Counter is the value of a counter.
func (r *Result) Counter(group, name string) int64 {
	return r.Counters[mapreduce.CounterID{Group: group, Name: name}]
}

// Output joins the part files below a directory in the order of their names.
func (r *Result) Output(dir string) string {
	var names []string
	for name := range r.Files {
		if rest, ok := strings.CutPrefix(name, strings.TrimSuffix(dir, "/")+"/"); ok && !strings.HasPrefix(rest, "_") && !strings.HasPrefix(rest, ".") {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	var b strings.Builder
	for _, n := range names {
		b.WriteString(r.Files[n])
	}
	return b.String()
}

// Run runs a job on files of a temporary directory and fails the test if the job fails.
func Run(t testing.TB, job *mapreduce.Job, files map[string]string) *Result {
	t.Helper()
	r, err := TryRun(t, job, files, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TryRun is Run for jobs that may fail, with settings (may be nil).
func TryRun(t testing.TB, job *mapreduce.Job, files map[string]string, conf map[string]string) (*Result, error) {
	t.Helper()
	root := t.TempDir()
	for name, data := range files {
		full := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	res, err := task.Local(context.Background(), job, task.LocalOptions{FS: localfs.FS{Root: root}, Conf: mapreduce.NewConf(conf), Dir: t.TempDir()})
	out := &Result{Files: map[string]string{}, Root: root}
	if res != nil {
		out.Counters = res.Counters
	}
	walk := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out.Files["/"+strings.TrimPrefix(filepath.ToSlash(strings.TrimPrefix(path, root)), "/")] = string(b)
		return err
	})
	if walk != nil {
		t.Fatal(walk)
	}
	return out, err
}
