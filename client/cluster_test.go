package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/client/hdfstest"
)

func TestClusterStartsFast(t *testing.T) {
	begun := time.Now()
	c := hdfstest.New(t, hdfstest.Options{Datanodes: 3})
	t.Logf("3 datanodes in %v", time.Since(begun))
	if err := c.Client().WriteFile(t.Context(), "/a/b", []byte("hello"), client.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Logf("first file after %v", time.Since(begun))
	got, err := c.Client().ReadFile(t.Context(), "/a/b")
	if err != nil || string(got) != "hello" {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestClusterSizes(t *testing.T) {
	c := hdfstest.New(t, hdfstest.Options{Datanodes: 3}).Client()
	for _, n := range []int{0, 1, 511, 512, 513, 65536, 262144, 1 << 20, 3<<20 + 77} {
		for _, bs := range []int64{1 << 20, 1050000, 128 << 20} {
			name := fmt.Sprintf("/f%d-%d", n, bs)
			data := random(n)
			if err := c.WriteFile(t.Context(), name, data, client.CreateOptions{BlockSize: bs}); err != nil {
				t.Fatal(name, err)
			}
			r, err := c.Open(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			if err := iotestReader(r, data); err != nil {
				t.Fatal(name, err)
			}
			r.Close()
		}
	}
}

func TestClusterFlushAppend(t *testing.T) {
	c := hdfstest.New(t, hdfstest.Options{Datanodes: 3}).Client()
	data := random(200_000)
	w, err := c.Create(t.Context(), "/log", client.CreateOptions{BlockSize: 1 << 16})
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for i := 0; at < 100_000; i++ {
		n := 1 + i*311%5000
		if _, err := w.Write(data[at : at+n]); err != nil {
			t.Fatal(err)
		}
		at += n
		flush := w.Flush
		if i%2 == 1 {
			flush = w.Sync
		}
		if err := flush(); err != nil {
			t.Fatal(err)
		}
		got, err := c.ReadFile(t.Context(), "/log")
		if err != nil || !bytes.Equal(got, data[:at]) {
			t.Fatalf("after flush of %d: %d bytes, %v", at, len(got), err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		w, err := c.Append(t.Context(), "/log", client.AppendOptions{NewBlock: i%4 == 3})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			n := i * 131 % 2000
			if _, err := w.Write(data[at : at+n]); err != nil {
				t.Fatal(err)
			}
			at += n
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := c.ReadFile(t.Context(), "/log")
		if err != nil || !bytes.Equal(got, data[:at]) {
			t.Fatalf("after append up to %d: %d bytes, %v", at, len(got), err)
		}
	}
}

// TestClusterKillWriter kills two of three datanodes under a writer, with and without flushes.
func TestClusterKillWriter(t *testing.T) {
	for _, flush := range []bool{false, true} {
		t.Run(fmt.Sprint("flush=", flush), func(t *testing.T) {
			h := hdfstest.New(t, hdfstest.Options{Datanodes: 3})
			data := random(24 << 20)
			w, err := h.Client().Create(t.Context(), "/f", client.CreateOptions{BlockSize: 16 << 20})
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i < 24; i++ {
				if _, err := w.Write(data[i<<20 : (i+1)<<20]); err != nil {
					t.Fatal(err)
				}
				if flush {
					if err := w.Flush(); err != nil {
						t.Fatal(err)
					}
				}
				if i == 5 || i == 12 {
					h.KillDatanode(i / 6)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			got, err := h.Client().ReadFile(t.Context(), "/f")
			if err != nil || !bytes.Equal(got, data) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
		})
	}
}

// TestClusterCorrupt spoils replicas on disk: right bytes or an error, never wrong ones.
func TestClusterCorrupt(t *testing.T) {
	h := hdfstest.New(t, hdfstest.Options{Datanodes: 3})
	c := h.Client()
	data := random(2<<20 + 100)
	for spoil := 1; spoil <= 3; spoil++ {
		name := fmt.Sprint("/f", spoil)
		if err := c.WriteFile(t.Context(), name, data, client.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		locs, err := c.Locations(t.Context(), name, 0, -1)
		if err != nil || len(locs) != 1 {
			t.Fatal(locs, err)
		}
		for i := range spoil {
			spoilReplica(t, h.DataDir(i), locs[0].Block.Name(), 1_000_000)
		}
		for range 3 {
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
				t.Fatalf("%d of 3 spoilt: %d bytes, %v", spoil, len(got), err)
			}
		}
	}
}

func spoilReplica(t *testing.T, dir, name string, at int64) {
	t.Helper()
	found := false
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != name {
			return err
		}
		found = true
		f, err := os.OpenFile(p, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteAt([]byte("spoilt"), at)
		return errors.Join(err, f.Close())
	})
	if err != nil || !found {
		t.Fatalf("%s in %s: found %v, %v", name, dir, found, err)
	}
}

func TestClusterShortCircuit(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "dn._PORT")
	h := hdfstest.New(t, hdfstest.Options{Conf: map[string]string{
		"dfs.client.read.shortcircuit": "true", "dfs.domain.socket.path": socket,
	}})
	data := random(3<<20 + 5)
	if err := h.Client().WriteFile(t.Context(), "/f", data, client.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	r, err := h.Client().Open(t.Context(), "/f")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := iotestReader(r, data); err != nil {
		t.Fatal(err)
	}
	// The descriptors stay open: reading goes on when the datanode does not.
	h.KillDatanode(0)
	b := make([]byte, 100_000)
	if _, err := r.ReadAt(b, 1_000_003); err != nil || !bytes.Equal(b, data[1_000_003:1_100_003]) {
		t.Fatalf("after the datanode's end: %v", err)
	}
}

func TestClusterRestartNamenode(t *testing.T) {
	h := hdfstest.New(t, hdfstest.Options{Datanodes: 2})
	for i := range 20 {
		if err := h.Client().WriteFile(t.Context(), fmt.Sprint("/d/", i), random(i*1000), client.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	h.RestartNamenode()
	for i := range 20 {
		got, err := h.Client().ReadFile(t.Context(), fmt.Sprint("/d/", i))
		if err != nil || !bytes.Equal(got, random(i*1000)) {
			t.Fatal(i, len(got), err)
		}
	}
}

func TestClusterFS(t *testing.T) {
	c := hdfstest.New(t, hdfstest.Options{}).Client()
	for _, n := range []string{"/w/a", "/w/d/b", "/w/d/e/c"} {
		if err := c.WriteFile(t.Context(), n, []byte(n), client.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	sub, err := fs.Sub(c.FS(t.Context()), "w")
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(sub, "a", "d/b", "d/e/c"); err != nil {
		t.Fatal(err)
	}
}

func TestClusterAbort(t *testing.T) {
	c := hdfstest.New(t, hdfstest.Options{}).Client()
	w, err := c.Create(t.Context(), "/gone", client.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(random(1 << 20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	if ok, err := c.Exists(context.Background(), "/gone"); ok || err != nil {
		t.Fatal(ok, err)
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Fatal("a write after Abort")
	}
}
