package distcp_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/client/hdfstest"
	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/distcp"
	"github.com/lodehq/lode/mapreduce/files"
	"github.com/lodehq/lode/mapreduce/task"
)

// pair is two clusters and a way to run distcp between them.
type pair struct {
	t        *testing.T
	from, to *hdfstest.Cluster
}

func newPair(t *testing.T) *pair {
	t.Setenv("HADOOP_USER_NAME", "hdfs")
	p := &pair{t, hdfstest.New(t, hdfstest.Options{}), hdfstest.New(t, hdfstest.Options{})}
	for i := range 5 {
		p.write(p.from, fmt.Sprintf("/src/d%d/f%d", i%2, i), strings.Repeat(fmt.Sprint(i), 1000*i))
	}
	if err := p.from.Client().Mkdirs(context.Background(), "/src/empty", 0o700, true); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *pair) write(c *hdfstest.Cluster, name, text string) {
	p.t.Helper()
	if err := c.Client().WriteFile(context.Background(), name, []byte(text), client.CreateOptions{CreateParent: true, Overwrite: true, Replication: 1}); err != nil {
		p.t.Fatal(err)
	}
}

// run runs distcp; FROM and TO in the arguments are the clusters' URIs.
func (p *pair) run(args ...string) (mapreduce.CounterValues, error) {
	p.t.Helper()
	for i, a := range args {
		args[i] = strings.NewReplacer("FROM", p.from.FS(), "TO", p.to.FS()).Replace(a)
	}
	job, err := distcp.Program().Build(&mapreduce.Invocation{Program: "distcp", Args: args, Conf: mapreduce.NewConf(nil)})
	if err != nil {
		return nil, err
	}
	fsys, err := files.Open(p.to.Conf())
	if err != nil {
		p.t.Fatal(err)
	}
	defer fsys.Close()
	res, err := task.Local(context.Background(), job, task.LocalOptions{FS: fsys, Dir: p.t.TempDir()})
	if err != nil {
		return nil, err
	}
	return res.Counters, nil
}

func (p *pair) must(want string, args ...string) {
	p.t.Helper()
	c, err := p.run(args...)
	if err != nil {
		p.t.Fatal(err)
	}
	at := func(name string) int64 {
		return c[mapreduce.CounterID{Group: "org.apache.hadoop.tools.mapred.CopyMapper$Counter", Name: name}]
	}
	if got := fmt.Sprintf("%d copied, %d skipped", at("COPY"), at("SKIP")); got != want {
		p.t.Errorf("%v: %s, expected %s", args, got, want)
	}
}

// tree lists a directory with sizes.
func (p *pair) tree(c *hdfstest.Cluster, dir string) string {
	p.t.Helper()
	var out []string
	var walk func(d string)
	walk = func(d string) {
		list, err := c.Client().ReadDir(context.Background(), d)
		if err != nil {
			p.t.Fatal(err)
		}
		for _, f := range list {
			out = append(out, fmt.Sprintf("%s:%d", strings.TrimPrefix(f.Path(), dir), f.Size()))
			if f.IsDir() {
				walk(f.Path())
			}
		}
	}
	walk(dir)
	return strings.Join(out, " ")
}

func TestCopyAndUpdate(t *testing.T) {
	p := newPair(t)
	p.must("5 copied, 0 skipped", "FROM/src", "TO/dst") // becomes the target
	if got, want := p.tree(p.to, "/dst"), p.tree(p.from, "/src"); got != want {
		t.Errorf("%s\nexpected %s", got, want)
	}
	p.must("5 copied, 0 skipped", "FROM/src", "TO/dst") // goes into it
	if got, want := p.tree(p.to, "/dst/src"), p.tree(p.from, "/src"); got != want {
		t.Errorf("%s\nexpected %s", got, want)
	}
	p.must("0 copied, 5 skipped", "-update", "FROM/src", "TO/dst")
	p.write(p.from, "/src/d0/f4", strings.Repeat("x", 4000)) // same size
	p.write(p.from, "/src/new", "new")
	p.must("2 copied, 4 skipped", "-update", "-m", "1", "FROM/src", "TO/dst")
	b, err := p.to.Client().ReadFile(context.Background(), "/dst/d0/f4")
	if err != nil || !bytes.Equal(b, bytes.Repeat([]byte("x"), 4000)) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	p.must("0 copied, 6 skipped", "-update", "-delete", "FROM/src", "TO/dst") // removes dst/src
	if got, want := p.tree(p.to, "/dst"), p.tree(p.from, "/src"); got != want {
		t.Errorf("%s\nexpected %s", got, want)
	}
	p.must("6 copied, 0 skipped", "-overwrite", "FROM/src", "TO/dst")
	p.must("1 copied, 0 skipped", "FROM/src/new", "TO/one")
	p.must("2 copied, 0 skipped", "FROM/src/new", "FROM/src/d0/f0", "TO/two")
	if got := p.tree(p.to, "/two"); got != "/f0:0 /new:3" {
		t.Error(got)
	}
}

func TestKeepsAttributes(t *testing.T) {
	p := newPair(t)
	ctx := context.Background()
	c := p.from.Client()
	if err := c.SetOwner(ctx, "/src/d1/f1", "alice", "staff"); err != nil {
		t.Fatal(err)
	}
	if err := c.SetPermission(ctx, "/src/d1/f1", 0o640); err != nil {
		t.Fatal(err)
	}
	if err := c.SetPermission(ctx, "/src/d1", 0o750|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	p.must("5 copied, 0 skipped", "-p", "FROM/src", "TO/dst")
	for _, name := range []string{"/d1", "/d1/f1", "/d0", "/empty"} {
		a, err := c.Stat(ctx, "/src"+name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.to.Client().Stat(ctx, "/dst"+name)
		if err != nil {
			t.Fatal(err)
		}
		if a.Owner() != b.Owner() || a.Group() != b.Group() || a.Perm() != b.Perm() || a.Replication() != b.Replication() || !a.ModTime().Equal(b.ModTime()) {
			t.Errorf("%s: %s %s %o %v became %s %s %o %v", name, a.Owner(), a.Group(), a.Perm(), a.ModTime(), b.Owner(), b.Group(), b.Perm(), b.ModTime())
		}
	}
}

func TestRefusals(t *testing.T) {
	p := newPair(t)
	p.write(p.to, "/file", "x")
	for _, c := range []struct{ args, want string }{
		{"FROM/src", "sources and a target are needed"},
		{"-update -overwrite a b", "exclude each other"},
		{"-delete a b", "-delete needs"},
		{"-pz a b", "is not kept"},
		{"-m 0 a b", "above 0"},
		{"FROM/nothing TO/x", "/nothing"},
		{"FROM/src TO/file", "onto the file"},
		{"FROM/src/d0/f0 FROM/src/d0/f0 TO/both", "would both become"},
	} {
		if _, err := p.run(strings.Fields(c.args)...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.args, err)
		}
	}
}
