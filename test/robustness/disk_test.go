package robustness

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lodehq/lode/client"
)

// smallDisk makes dir a file system of its own of that many bytes; the test is skipped where this process may not mount.
func smallDisk(t *testing.T, dir string, size int) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Skipf("skipped: a small disk needs the right to mount one: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// fill takes what is left of a disk, and gives it back when the result is called.
func fill(t *testing.T, dir string) func() {
	t.Helper()
	name := filepath.Join(dir, "filler")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{1 << 20, 4096, 1} {
		for b := make([]byte, size); err == nil; {
			_, err = f.Write(b)
		}
		err = nil
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDatanodesDiskFull(t *testing.T) {
	dir := t.TempDir()
	smallDisk(t, filepath.Join(dir, "datanode0"), 24<<20)
	c := startIn(t, dir, 1, append(quick(), "-D", "dfs.replication=1")...)
	cl := c.client()
	small := random(3, 1<<20)
	if err := cl.WriteFile(context.Background(), "/small", small, client.CreateOptions{Replication: 1, BlockSize: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	err := cl.WriteFile(context.Background(), "/big", random(4, 40<<20), client.CreateOptions{Replication: 1, BlockSize: 8 << 20})
	if err == nil {
		t.Fatal("40 MiB were acknowledged by a disk of 24 MiB")
	}
	t.Logf("the writer is told: %v", err)
	mustRead(t, cl, "/small", small)
	if _, err := cl.Remove(context.Background(), "/big", false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "room again after the file is deleted", func() error {
		return cl.WriteFile(context.Background(), "/again", small, client.CreateOptions{Replication: 1, BlockSize: 1 << 20, Overwrite: true})
	})
	mustRead(t, cl, "/again", small)
}

func TestNamenodesDiskFull(t *testing.T) {
	dir := t.TempDir()
	disk := filepath.Join(dir, "namenode0", "data")
	smallDisk(t, disk, 160<<20)
	c := startIn(t, dir, 1, append(quick(), "-D", "dfs.replication=1")...)
	w := c.write("/n", 1)
	w.more(t, 5)
	release := fill(t, disk)
	cl := c.client()
	value := random(6, 16_000)
	var failure error
	last := -1
	for i := 0; failure == nil && i < 40_000; i++ {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		if failure = cl.SetXAttr(ctx, "/n", "user.count", append([]byte(fmt.Sprintf("%6d", i)), value...)); failure == nil {
			last = i
		}
		cancel()
	}
	if failure == nil {
		t.Fatal("640 MB of journal fit on a disk of 160 MiB")
	}
	t.Logf("after %d entries the caller is told: %v", last, failure)
	w.end()
	eventually(t, "the namenode that cannot write its journal ends", func() error {
		conn, err := net.Dial("tcp", strings.TrimPrefix(c.ready.FS, "hdfs://"))
		if err != nil {
			return nil
		}
		conn.Close()
		return errors.New("it answers")
	})
	if log, err := os.ReadFile(filepath.Join(dir, "namenode0", "log")); err != nil || !strings.Contains(string(log), "no space left on device; see to the disk") {
		t.Errorf("the log does not say why: %v\n%s", err, log[max(0, len(log)-1000):])
	}
	release()
	c.start()
	again := c.client()
	w.verify(t, again)
	attrs, err := again.XAttrs(context.Background(), "/n", "user.count")
	if err != nil || len(attrs) != 1 {
		t.Fatalf("the attribute: %v %v", attrs, err)
	}
	if got := string(attrs[0].Value[:6]); got != fmt.Sprintf("%6d", last) && got != fmt.Sprintf("%6d", last+1) {
		t.Errorf("entry %d was acknowledged, and %s is what the namenode remembers", last, got)
	}
	if err := again.Mkdirs(context.Background(), "/again", 0o755, true); err != nil {
		t.Fatalf("with room again: %v", err)
	}
}

func TestRottenReplicaIsNeverReadAndMadeAgain(t *testing.T) {
	c := start(t, 3, quick()...)
	cl := c.client()
	want := random(5, 700_000)
	if err := cl.WriteFile(context.Background(), "/rot", want, client.CreateOptions{Replication: 3, BlockSize: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	replicas(t, cl, "/rot", 3)
	rotten := rot(t, filepath.Join(c.dir, "datanode1"))
	rotten = append(rotten, rot(t, filepath.Join(c.dir, "datanode2"))...)
	for range 10 { // whichever replica is asked
		mustRead(t, cl, "/rot", want)
	}
	out, code := lode(t, "dfs", "-fs", c.ready.FS, "-cat", "/rot")
	if code != 0 || out != string(want) {
		t.Errorf("-cat: exit %d, %d bytes", code, len(out))
	}
	eventually(t, "good replicas in place of the rotten", func() error {
		mustRead(t, cl, "/rot", want)
		for _, r := range rotten {
			if b, err := os.ReadFile(r.name); err == nil && b[r.at] == r.is {
				return fmt.Errorf("%s is still rotten", r.name)
			}
		}
		return nil
	})
	replicas(t, cl, "/rot", 3)
}

type rottenByte struct {
	name string
	at   int
	is   byte
}

// rot turns one bit over in every replica below a directory.
func rot(t *testing.T, dir string) (done []rottenByte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), "blk_") || strings.HasSuffix(d.Name(), ".meta") {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		at := len(b) / 2
		b[at] ^= 4
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := f.WriteAt(b[at:at+1], int64(at)); err != nil {
			return err
		}
		done = append(done, rottenByte{name, at, b[at]})
		return nil
	})
	if err != nil || len(done) == 0 {
		t.Fatalf("no replica to spoil in %s: %v", dir, err)
	}
	return done
}
