package shell_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/client/hdfstest"
	"github.com/lodehq/lode/client/shell"
)

// script is lines as typed and what they answer: stdout, then "2>" and stderr, then "= code" unless it is 0. Times are T.
const script = `
$ dfs -mkdir /d/e
2> mkdir: ¤hdfs://FS/d': No such file or directory
= 1
$ dfs -mkdir -p /d/e
$ dfs -mkdir /d
2> mkdir: ¤/d': File exists
= 1
$ dfs -put a.txt /d/a.txt
$ dfs -put a.txt /d/a.txt
2> put: ¤/d/a.txt': File exists
= 1
$ dfs -put -f b.txt /d/b.txt
$ dfs -put a.txt /none/x
2> put: ¤/none/x': No such file or directory: ¤hdfs://FS/none/x'
= 1
$ dfs -put missing /d
2> put: ¤missing': No such file or directory
= 1
$ dfs -ls /d
Found 3 items
-rw-r--r--   1 hdfs supergroup          6 T /d/a.txt
-rw-r--r--   1 hdfs supergroup       1000 T /d/b.txt
drwxr-xr-x   - hdfs supergroup          0 T /d/e
$ dfs -ls -C /d/*.txt
/d/a.txt
/d/b.txt
$ dfs -ls /none /d/a.txt
-rw-r--r--   1 hdfs supergroup          6 T /d/a.txt
2> ls: ¤/none': No such file or directory
= 1
$ dfs -ls -z /
2> -ls: Illegal option -z
2> Usage: hadoop fs [generic options] -ls [-C] [-d] [-h] [-q] [-R] [-t] [-S] [-r] [-u] [-e] [<path> ...]
= 255
$ dfs -cat /d/a.txt
hello
$ dfs -cat /d
2> cat: ¤/d': Is a directory
= 1
$ dfs -cp /d/a.txt /d/e
$ dfs -cp /d /d/e/f
2> cp: ¤/d' to ¤/d/e/f': is a subdirectory of itself
= 1
$ dfs -mv /d/e/a.txt /d/c.txt
$ dfs -mv /d/c.txt /d/b.txt
2> mv: ¤/d/b.txt': File exists
= 1
$ dfs -du -s /d
1012  1012  /d
$ dfs -count /d
           2            3               1012 /d
$ dfs -chmod u-w,o+x /d/a.txt
$ dfs -chmod foo /d/a.txt
2> -chmod: chmod : mode 'foo' does not match the expected pattern.
2> Usage: hadoop fs [generic options] -chmod [-R] <MODE[,MODE]... | OCTALMODE> PATH...
= 255
$ dfs -chown bob:staff /d/a.txt
$ dfs -stat "%A %u %g %b %F %n" /d/a.txt
r--r--r-x bob staff 6 regular file a.txt
$ dfs -setfacl -m user:joe:rwx,group::r-x /d/a.txt
$ dfs -getfacl /d/a.txt
# file: /d/a.txt
# owner: bob
# group: staff
user::r--
user:joe:rwx
group::r-x
mask::rwx
other::r-x

$ dfs -setfattr -n user.x -v 0x41 /d/b.txt
$ dfs -getfattr -d /d/b.txt
# file: /d/b.txt
user.x="A"
$ dfs -setrep 2 /d/b.txt
Replication 2 set: /d/b.txt
$ dfs -touchz /d/b.txt
2> touchz: ¤/d/b.txt': Not a zero-length file
= 1
$ dfs -appendToFile a.txt /d/c.txt
$ dfs -cat /d/c.txt
hello
hello
$ dfs -test -d /d
$ dfs -test -f /d
= 1
$ dfs -find /d -name c*
/d/c.txt
$ dfs -get /d/b.txt got
$ dfs -get /d/b.txt got
2> get: ¤got': File exists
= 1
$ dfs -getmerge /d merged
$ dfs -cat file://DIR/got.none
2> cat: ¤file://DIR/got.none': No such file or directory
= 1
$ dfsadmin -allowSnapshot /d
Allowing snapshot on /d succeeded
$ dfs -createSnapshot /d s
Created snapshot /d/.snapshot/s
$ dfs -rm -r /d
2> rm: The directory /d cannot be deleted since /d is snapshottable and already has snapshots
= 1
$ dfs -deleteSnapshot /d s
Deleted snapshot s under hdfs://FS/d
$ dfsadmin -safemode get
Safe mode is OFF
$ dfsadmin -setQuota 5 /d/e
$ dfs -count -q -u /d/e
           5               4            none             inf /d/e
$ dfs -rmdir /d
2> rmdir: ¤/d': Directory is not empty
= 1
$ dfs -rm /d
2> rm: ¤/d': Is a directory
= 1
$ dfs -rm -r /d/*.txt
Deleted /d/a.txt
Deleted /d/b.txt
Deleted /d/c.txt
$ dfs -rm -f /d/none
$ dfs -foo
2> -foo: Unknown command
= 255
$ dfs ls /
2> ls: Unknown command
2> Did you mean -ls?  This command begins with a dash.
= 255
$ dfsadmin -setQuota x /d
2> setQuota: Invalid values for quota : x
= 255
`

func TestScript(t *testing.T) {
	h := hdfstest.New(t, hdfstest.Options{})
	dir := t.TempDir()
	t.Chdir(dir)
	for name, data := range map[string]string{"a.txt": "hello\n", "b.txt": strings.Repeat("0123456789", 100)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	times := regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d`)
	fix := func(s string) string {
		s = strings.ReplaceAll(s, "¤", "`")
		return strings.ReplaceAll(strings.ReplaceAll(s, "DIR", dir), "hdfs://FS", h.FS())
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(script, "\n"), "$ ") {
		if part == "" {
			continue
		}
		line, want, _ := strings.Cut(part, "\n")
		code, out, errs := run(h, words(fix(line))...)
		got := times.ReplaceAllString(out, "T")
		lines := strings.SplitAfter(errs, "\n")
		for i, l := range lines {
			if strings.HasPrefix(l, "Usage: hadoop fs [generic options]\n") {
				break // the list of all commands
			}
			if l != "" {
				got += "2> " + lines[i]
			}
		}
		if code != 0 {
			got += "= " + map[int]string{1: "1", 2: "2", 255: "255"}[code] + "\n"
		}
		if got != fix(want) {
			t.Errorf("$ %s\n got:\n%s\nwant:\n%s", line, got, fix(want))
		}
	}
	got, err := os.ReadFile("got")
	if err != nil || len(got) != 1000 {
		t.Errorf("got has %d bytes, %v", len(got), err)
	}
	if merged, err := os.ReadFile("merged"); err != nil || len(merged) != 6+1000+12 {
		t.Errorf("merged has %d bytes, %v", len(merged), err)
	}
}

// words splits a line at spaces; double quotes keep them.
func words(line string) []string {
	var out []string
	for i, q := range strings.Split(line, `"`) {
		if i%2 == 1 {
			out = append(out, q)
			continue
		}
		out = append(out, strings.Fields(q)...)
	}
	return out
}

func run(h *hdfstest.Cluster, args ...string) (int, string, string) {
	var out, errs bytes.Buffer
	code := shell.Main(context.Background(), shell.Env{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Conf: h.Conf(), User: "hdfs",
	}, args)
	return code, out.String(), errs.String()
}

// TestTrees copies a tree of many files there and back.
func TestTrees(t *testing.T) {
	h := hdfstest.New(t, hdfstest.Options{Datanodes: 2})
	dir := t.TempDir()
	t.Chdir(dir)
	want := map[string]string{}
	for _, name := range []string{"a", "b/c", "b/d/e", "b/d/f"} {
		for i := range 20 {
			p := filepath.Join("src", name, string(rune('a'+i)))
			if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
				t.Fatal(err)
			}
			want[p] = strings.Repeat(p, i*i)
			if err := os.WriteFile(p, []byte(want[p]), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, args := range [][]string{{"dfs", "-put", "src", "/"}, {"dfs", "-cp", "/src", "/dst"}, {"dfs", "-get", "/dst", "back"}} {
		if code, _, errs := run(h, args...); code != 0 {
			t.Fatalf("%v: %d\n%s", args, code, errs)
		}
	}
	for p, data := range want {
		got, err := os.ReadFile(filepath.Join("back", strings.TrimPrefix(p, "src/")))
		if err != nil || string(got) != data {
			t.Fatalf("%s: %d bytes, %v", p, len(got), err)
		}
	}
	left, err := h.Client().Glob(t.Context(), "/{src,dst}/*/*._COPYING_")
	if err != nil || len(left) != 0 {
		t.Fatal(left, err)
	}
}

func TestTrash(t *testing.T) {
	h := hdfstest.New(t, hdfstest.Options{Conf: map[string]string{"fs.trash.interval": "60"}})
	if err := h.Client().WriteFile(t.Context(), "/x/y", []byte("z"), client.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := run(h, "dfs", "-rm", "/x/y"); code != 0 || !strings.Contains(errs, "to trash at: "+h.FS()+"/user/hdfs/.Trash/Current/x/y") {
		t.Fatal(code, errs)
	}
	if code, _, errs := run(h, "dfs", "-expunge", "-immediate"); code != 0 {
		t.Fatal(code, errs)
	}
	if left, err := h.Client().ReadDir(t.Context(), "/user/hdfs/.Trash"); err != nil || len(left) != 0 {
		t.Fatal(left, err)
	}
}
