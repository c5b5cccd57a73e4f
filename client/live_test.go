package client_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"testing"
	"testing/fstest"
	"time"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/internal/conf"
)

// live is a client of the cluster that LODE_TEST_FS names, any HDFS with a minimum block size of 1 KiB or less; without it
// these tests are skipped. Everything happens below a directory of the test's own.
func live(t testing.TB, pairs map[string]string) (*client.Client, string) {
	t.Helper()
	def := os.Getenv("LODE_TEST_FS")
	if def == "" {
		t.Skip("LODE_TEST_FS names no cluster")
	}
	u, err := url.Parse(def)
	if err != nil {
		t.Fatal(err)
	}
	var log *slog.Logger
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	c, err := client.New(client.Options{Addresses: []string{u.Host}, Conf: conf.New(pairs), Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	dir := fmt.Sprintf("/tmp/live-%d-%s", time.Now().UnixNano(), t.Name())
	if err := c.Mkdirs(context.Background(), dir, 0o755, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := c.Remove(context.Background(), dir, true); err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, dir
}

func random(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n)})
	r.Read(b)
	return b
}

func TestLiveSizes(t *testing.T) {
	c, dir := live(t, nil)
	ctx := t.Context()
	for _, n := range []int{0, 1, 511, 512, 513, 4096, 65535, 65536, 262143, 262144, 262145, 1 << 20, 1<<20 + 1, 3<<20 + 77, 9<<20 + 5} {
		for _, bs := range []int64{1 << 20, 1050000, 128 << 20} {
			name := fmt.Sprintf("%s/f%d-%d", dir, n, bs)
			data := random(n)
			w, err := c.Create(ctx, name, client.CreateOptions{BlockSize: bs})
			if err != nil {
				t.Fatal(err)
			}
			for rest := data; len(rest) > 0; {
				m := min(len(rest), 1+rand.IntN(100000))
				if _, err := w.Write(rest[:m]); err != nil {
					t.Fatal(err)
				}
				rest = rest[m:]
			}
			if err := w.Close(); err != nil {
				t.Fatal(name, err)
			}
			got, err := c.ReadFile(ctx, name)
			if err != nil || !bytes.Equal(got, data) {
				t.Fatal(name, err, len(got))
			}
			r, err := c.Open(ctx, name)
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

// iotestReader reads by small Reads, Seeks, ReadAts and WriteTo.
func iotestReader(r *client.Reader, data []byte) error {
	var got bytes.Buffer
	if _, err := io.Copy(&got, onlyReader{r}); err != nil {
		return err
	}
	if !bytes.Equal(got.Bytes(), data) {
		return errors.New("Read differs")
	}
	for range 20 {
		off := rand.IntN(len(data) + 1)
		n := rand.IntN(10000)
		if _, err := r.Seek(int64(off), io.SeekStart); err != nil {
			return err
		}
		b := make([]byte, n)
		m, err := io.ReadFull(r, b)
		want := data[off:min(off+n, len(data))]
		if !bytes.Equal(b[:m], want) {
			return fmt.Errorf("Seek %d Read %d differs: %v", off, n, err)
		}
		m, err = r.ReadAt(b, int64(off))
		if !bytes.Equal(b[:m], want) || (m < n) != (err == io.EOF) {
			return fmt.Errorf("ReadAt %d %d differs: %v", off, n, err)
		}
	}
	r.Seek(0, io.SeekStart)
	got.Reset()
	if n, err := r.WriteTo(&got); err != nil || n != int64(len(data)) || !bytes.Equal(got.Bytes(), data) {
		return fmt.Errorf("WriteTo differs: %d %v", n, err)
	}
	return nil
}

type onlyReader struct{ io.Reader }

func TestLiveFlushAppendTruncate(t *testing.T) {
	c, dir := live(t, nil)
	ctx := t.Context()
	name := dir + "/log"
	data := random(300_000)
	w, err := c.Create(ctx, name, client.CreateOptions{BlockSize: 1 << 17})
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for i := 0; at < 200_000; i++ {
		n := 1 + rand.IntN(9000)
		if _, err := w.Write(data[at : at+n]); err != nil {
			t.Fatal(err)
		}
		at += n
		if i%2 == 0 {
			err = w.Flush()
		} else {
			err = w.Sync()
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.ReadFile(ctx, name)
		if err != nil || !bytes.Equal(got, data[:at]) {
			t.Fatalf("after flush of %d: %d bytes, %v", at, len(got), err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for at < len(data)-9000 {
		w, err := c.Append(ctx, name, client.AppendOptions{NewBlock: rand.IntN(4) == 0})
		if err != nil {
			t.Fatal(at, err)
		}
		for range 3 {
			n := rand.IntN(2000)
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
		got, err := c.ReadFile(ctx, name)
		if err != nil || !bytes.Equal(got, data[:at]) {
			t.Fatalf("after append up to %d: %d bytes, %v", at, len(got), err)
		}
	}
	done, err := c.Truncate(ctx, name, 100_001)
	if err != nil {
		t.Fatal(err)
	}
	for !done {
		if done, err = c.IsClosed(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.ReadFile(ctx, name)
	if err != nil || !bytes.Equal(got, data[:100_001]) {
		t.Fatalf("after truncate: %d bytes, %v", len(got), err)
	}
}

func TestLiveMetadata(t *testing.T) {
	c, dir := live(t, nil)
	ctx := t.Context()
	if _, err := c.Stat(ctx, dir+"/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if _, err := c.Open(ctx, dir+"/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for i := range 30 {
		if err := c.WriteFile(ctx, fmt.Sprintf("%s/d%d/sub/f%d", dir, i%3, i), []byte("hello"), client.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Create(ctx, dir+"/d0/sub/f0", client.CreateOptions{}); !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	infos, err := c.Glob(ctx, dir+"/d[0-1]/*/f{1,2?}")
	if err != nil || len(infos) != 7 {
		t.Fatal(len(infos), err)
	}
	infos, err = c.Glob(ctx, dir+"/{d0/sub,d1/s?b}/f*")
	if err != nil || len(infos) != 20 {
		t.Fatal(len(infos), err)
	}
	var n int
	if err := c.Walk(ctx, dir, func(i *client.FileInfo, err error) error { n++; return err }); err != nil || n != 37 {
		t.Fatal(n, err)
	}
	sum, err := c.ContentSummary(ctx, dir)
	if err != nil || sum.FileCount != 30 || sum.DirectoryCount != 7 || sum.Length != 150 {
		t.Fatalf("%+v %v", sum, err)
	}
	if err := c.Rename(ctx, dir+"/d0/sub/f0", dir+"/x", client.RenameOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := c.Rename(ctx, dir+"/x", dir+"/d0/sub/f3", client.RenameOptions{}); err == nil {
		t.Fatal("rename over a file")
	}
	sub, err := fs.Sub(c.FS(ctx), dir[1:])
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(sub, "x", "d0/sub/f3", "d1/sub/f1"); err != nil {
		t.Fatal(err)
	}
	locs, err := c.Locations(ctx, dir+"/x", 0, -1)
	if err != nil || len(locs) != 1 || len(locs[0].Addresses) == 0 {
		t.Fatalf("%+v %v", locs, err)
	}
	if err := c.SetXAttr(ctx, dir+"/x", "user.a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if x, err := c.XAttrs(ctx, dir+"/x"); err != nil || len(x) != 1 || x[0].Name != "user.a" {
		t.Fatal(x, err)
	}
	if ok, err := c.Remove(ctx, dir+"/none", false); ok || err != nil {
		t.Fatal(ok, err)
	}
}

func TestLiveThroughput(t *testing.T) {
	c, dir := live(t, map[string]string{"dfs.replication": "1"})
	if testing.Short() {
		t.Skip()
	}
	ctx := t.Context()
	data := random(64 << 20)
	want := md5.New()
	start := time.Now()
	w, err := c.Create(ctx, dir+"/big", client.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 8 {
		want.Write(data)
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("write %.0f MB/s", 8*64*1.048576/time.Since(start).Seconds())
	for _, how := range []string{"Read", "WriteTo", "hash"} {
		r, err := c.Open(ctx, dir+"/big")
		if err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		got := md5.New()
		switch how {
		case "Read":
			_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, onlyReader{r}, make([]byte, 1<<20))
		case "WriteTo":
			_, err = r.WriteTo(io.Discard)
		default:
			_, err = r.WriteTo(got)
			if !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
				t.Error("bytes differ")
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s %.0f MB/s", how, 8*64*1.048576/time.Since(start).Seconds())
		r.Close()
	}
	start = time.Now()
	const small = 100
	for i := range small {
		if err := c.WriteFile(ctx, fmt.Sprintf("%s/small%d", dir, i), data[:4096], client.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%.0f files of 4 KiB a second", small/time.Since(start).Seconds())
}
