package robustness

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMistakes types what a new user gets wrong: each answer names the thing, and the exit code is the documented one.
func TestMistakes(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c := start(t, 1, "-D", "dfs.replication=1")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	fs := func(args ...string) []string { return append([]string{"dfs", "-fs", c.ready.FS}, args...) }
	for _, m := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"port taken", []string{"namenode", "-D", "dfs.namenode.name.dir=" + t.TempDir(), "-D", "dfs.namenode.rpc-address=" + taken.Addr().String()}, 1, []string{taken.Addr().String(), "dfs.namenode.rpc-address"}},
		{"web port taken", []string{"namenode", "-D", "dfs.namenode.name.dir=" + t.TempDir(), "-D", "dfs.namenode.rpc-address=127.0.0.1:0", "-D", "dfs.namenode.http-address=" + taken.Addr().String()}, 1, []string{taken.Addr().String(), "dfs.namenode.http-address"}},
		{"datanode's port taken", []string{"datanode", "-D", "fs.defaultFS=" + c.ready.FS, "-D", "dfs.datanode.data.dir=" + t.TempDir(), "-D", "dfs.datanode.address=" + taken.Addr().String()}, 1, []string{taken.Addr().String(), "dfs.datanode.address"}},
		{"malformed number", []string{"namenode", "-D", "dfs.replication=three"}, 2, []string{"dfs.replication", "three"}},
		{"malformed duration", []string{"datanode", "-D", "dfs.heartbeat.interval=soon"}, 2, []string{"dfs.heartbeat.interval", "soon"}},
		{"malformed size", []string{"standalone", "-D", "dfs.blocksize=-12q"}, 2, []string{"dfs.blocksize", "-12q"}},
		{"unknown flag", []string{"standalone", "--datanoses", "3"}, 2, []string{"datanoses"}},
		{"unknown role", []string{"namenod"}, 2, []string{"namenod"}},
		{"directory that is a file", []string{"namenode", "-D", "dfs.namenode.name.dir=" + file, "-D", "dfs.namenode.rpc-address=127.0.0.1:0", "-D", "dfs.namenode.http-address=127.0.0.1:0"}, 1, []string{file}},
		{"no such path", fs("-cat", "/nowhere"), 1, []string{"cat: `/nowhere': No such file or directory"}},
		{"no such directory", fs("-put", file, "/no/such/dir/x"), 1, []string{"/no/such/dir", "No such file or directory"}},
		{"local file missing", fs("-put", file+".missing", "/"), 1, []string{file + ".missing", "No such file or directory"}},
		{"directory read as a file", fs("-cat", "/"), 1, []string{"cat: `/': Is a directory"}},
		{"unknown command", fs("-lss", "/"), 255, []string{"lss"}},
		{"nobody at the address", []string{"dfs", "-fs", "hdfs://127.0.0.1:1", "-D", "ipc.client.connect.max.retries=0", "-ls", "/"}, 1, []string{"127.0.0.1:1", "refused"}},
		{"no cluster in the directory", []string{"cluster", "stop", "--dir", t.TempDir()}, 1, []string{"no cluster"}},
	} {
		t.Run(m.name, func(t *testing.T) {
			out, code := lode(t, m.args...)
			if code != m.code {
				t.Errorf("exit %d, want %d", code, m.code)
			}
			for _, s := range m.says {
				if !strings.Contains(out, s) {
					t.Errorf("the answer does not name %q", s)
				}
			}
			if strings.Contains(out, "panic:") || strings.Contains(out, "goroutine ") {
				t.Error("the program broke down")
			}
			if t.Failed() {
				t.Logf("lode %s\n%s", strings.Join(m.args, " "), out)
			}
		})
	}
}
