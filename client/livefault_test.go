package client_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lodehq/lode/client"
)

// sh runs a hook of the environment (LODE_TEST_KILL, LODE_TEST_START: shell commands, {role} is replaced).
func sh(t *testing.T, hook, role string) {
	t.Helper()
	cmd := os.Getenv(hook)
	if cmd == "" {
		t.Skip(hook + " is not set")
	}
	out, err := exec.Command("sh", "-c", strings.ReplaceAll(cmd, "{role}", role)).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

// TestLiveKillDatanode kills datanodes of a cluster of three in the middle of writing, with and without flushes, and compares.
func TestLiveKillDatanode(t *testing.T) {
	for _, how := range []string{"stream", "flush", "append", "small"} {
		t.Run(how, func(t *testing.T) {
			c, dir := live(t, map[string]string{"dfs.client.socket-timeout": "10000"})
			ctx := t.Context()
			name := dir + "/f"
			data := random(48 << 20)
			at := 0
			w, err := c.Create(ctx, name, client.CreateOptions{BlockSize: 32 << 20})
			if err != nil {
				t.Fatal(err)
			}
			if how == "append" {
				at = 1_000_001
				if _, err := w.Write(data[:at]); err != nil {
					t.Fatal(err)
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				if w, err = c.Append(ctx, name, client.AppendOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			victims := []string{"datanode0", "datanode1"}
			for i := 0; at < len(data); i++ {
				n := min(1<<20-3, len(data)-at)
				if _, err := w.Write(data[at : at+n]); err != nil {
					t.Fatal(err)
				}
				at += n
				if how == "flush" {
					if err := w.Flush(); err != nil {
						t.Fatal(err)
					}
				}
				if how == "small" && i == 1 {
					break
				}
				if i == 10 || i == 25 {
					sh(t, "LODE_TEST_KILL", victims[0])
					victims = victims[1:]
				}
			}
			if how == "small" {
				sh(t, "LODE_TEST_KILL", victims[0])
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			got, err := c.ReadFile(ctx, name)
			if err != nil || !bytes.Equal(got, data[:at]) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
			sh(t, "LODE_TEST_START", "")
		})
	}
}

// TestLiveKillReader kills datanodes in the middle of reading.
func TestLiveKillReader(t *testing.T) {
	c, dir := live(t, map[string]string{"dfs.client.socket-timeout": "10000"})
	data := random(64 << 20)
	if err := c.WriteFile(t.Context(), dir+"/f", data, client.CreateOptions{Replication: 3}); err != nil {
		t.Fatal(err)
	}
	r, err := c.Open(t.Context(), dir+"/f")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := make([]byte, len(data))
	for at, i := 0, 0; at < len(got); i++ {
		n, err := io.ReadFull(r, got[at:min(at+1<<20, len(got))])
		if err != nil {
			t.Fatal(err)
		}
		at += n
		if i == 10 || i == 30 {
			sh(t, "LODE_TEST_KILL", fmt.Sprintf("datanode%d", i%20/10))
		}
	}
	if !bytes.Equal(got, data) {
		t.Fatal("bytes differ")
	}
	sh(t, "LODE_TEST_START", "")
}

// TestLiveCorrupt spoils replicas on the disks of the cluster (LODE_TEST_DISKS, a directory above all of them).
func TestLiveCorrupt(t *testing.T) {
	disks := os.Getenv("LODE_TEST_DISKS")
	if disks == "" {
		t.Skip("LODE_TEST_DISKS is not set")
	}
	c, dir := live(t, nil)
	data := random(3<<20 + 100)
	for spoil := 1; spoil <= 3; spoil++ {
		name := fmt.Sprintf("%s/f%d", dir, spoil)
		if err := c.WriteFile(t.Context(), name, data, client.CreateOptions{Replication: 3}); err != nil {
			t.Fatal(err)
		}
		locs, err := c.Locations(t.Context(), name, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		done := 0
		filepath.WalkDir(disks, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Name() == locs[0].Block.Name() && done < spoil {
				f, err := os.OpenFile(path, os.O_RDWR, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				f.WriteAt([]byte("spoilt"), 2_000_000+int64(done)*77)
				done++
			}
			return nil
		})
		if done != spoil {
			t.Fatalf("spoilt %d replicas, not %d", done, spoil)
		}
		for range 4 {
			r, err := c.Open(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			r.Close()
			if !bytes.Equal(got, data[:len(got)]) {
				t.Fatal("corrupt bytes were handed out")
			}
			if (err == nil) != (spoil < 3) {
				t.Fatalf("%d spoilt: %d bytes, %v", spoil, len(got), err)
			}
		}
	}
}
