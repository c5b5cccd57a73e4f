package vfs

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"
)

func write(t *testing.T, fsys FS, name, data string, sync bool) {
	t.Helper()
	f, err := fsys.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
	if sync {
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestSameOnBoth runs one script on the real and on the memory file system.
func TestSameOnBoth(t *testing.T) {
	for name, c := range map[string]struct {
		fsys FS
		dir  string
	}{"os": {OS(), t.TempDir()}, "mem": {Mem(), "/x"}} {
		t.Run(name, func(t *testing.T) {
			d, fsys := c.dir, c.fsys
			if err := fsys.MkdirAll(filepath.Join(d, "a/b"), 0o755); err != nil {
				t.Fatal(err)
			}
			p := filepath.Join(d, "a/b/f")
			write(t, fsys, p, "hello", true)
			if err := fsys.Link(p, p+"2"); err != nil {
				t.Fatal(err)
			}
			if err := fsys.Rename(p, filepath.Join(d, "a/g")); err != nil {
				t.Fatal(err)
			}
			if _, err := fsys.Open(p); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("open of a renamed file: %v", err)
			}
			b, err := ReadFile(fsys, p+"2", 100)
			if err != nil || string(b) != "hello" {
				t.Fatalf("%q %v", b, err)
			}
			if err := fsys.Remove(filepath.Join(d, "a")); !errors.Is(err, syscall.ENOTEMPTY) {
				t.Fatalf("remove of a full directory: %v", err)
			}
			ents, err := fsys.ReadDir(filepath.Join(d, "a"))
			if err != nil || len(ents) != 2 || ents[0].Name() != "b" || !ents[0].IsDir() || ents[1].Name() != "g" {
				t.Fatalf("%v %v", ents, err)
			}
			if err := WriteFileAtomic(fsys, filepath.Join(d, "v"), []byte("1"), 0o644); err != nil {
				t.Fatal(err)
			}
			if s, err := fsys.Statfs(d); err != nil || s.Total <= 0 || s.Free <= 0 {
				t.Fatalf("%+v %v", s, err)
			}
			l, err := fsys.Lock(filepath.Join(d, "lock"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fsys.Lock(filepath.Join(d, "lock")); err == nil {
				t.Fatal("two locks")
			}
			l.Close()
		})
	}
}

func TestCrashKeepsWhatWasSynced(t *testing.T) {
	lostName, lostData, kept := 0, 0, 0
	for seed := range uint64(200) {
		m := Mem()
		m.MkdirAll("/d", 0o755)
		m.SyncDir("/")
		write(t, m, "/d/safe", "safe", true)
		m.SyncDir("/d")
		write(t, m, "/d/unsafe", string(bytes.Repeat([]byte("x"), 2000)), false)
		write(t, m, "/d/tmp", "new", true)
		m.Rename("/d/tmp", "/d/safe")
		c := m.CrashClone(rand.New(rand.NewPCG(seed, 1)))
		b, err := ReadFile(c, "/d/safe", 10)
		if err != nil || string(b) != "safe" && string(b) != "new" {
			t.Fatalf("seed %d: synced file is %q, %v", seed, b, err)
		}
		if string(b) == "new" {
			kept++
			if _, err := c.Stat("/d/tmp"); err == nil {
				t.Fatalf("seed %d: half of a rename", seed)
			}
		}
		switch b, err := ReadFile(c, "/d/unsafe", 4000); {
		case err != nil:
			lostName++
		case len(b) < 2000 || bytes.IndexByte(b, 0) >= 0:
			lostData++
		}
	}
	if lostName == 0 || lostData == 0 || kept == 0 || kept == 200 {
		t.Fatalf("the crash is too kind or too cruel: %d names lost, %d data lost, %d renames kept", lostName, lostData, kept)
	}
}

func TestErrorFSAndFullDisk(t *testing.T) {
	m := Mem()
	m.SetCapacity(10)
	f, _ := m.Create("/f")
	if n, err := f.Write(make([]byte, 20)); n != 10 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(n, err)
	}
	e := ErrorFS(Mem(), func(op Op, name string) error {
		if op == OpSync {
			return syscall.EIO
		}
		return nil
	})
	f, err := e.Create("/f")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
}
