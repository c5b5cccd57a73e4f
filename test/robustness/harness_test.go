package robustness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/internal/conf"
)

// lodeBinary is bin/lode of this tree, built by TestMain.
var lodeBinary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "lode-robustness-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		lodeBinary = filepath.Join(dir, "lode")
		build := exec.Command("go", "build", "-trimpath", "-o", lodeBinary, "../../cmd/lode")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build lode: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// patience bounds every wait for something that has to happen.
const patience = 60 * time.Second

// lode runs one command line and returns its output and exit code.
func lode(t testing.TB, args ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, lodeBinary, args...)
	cmd.Env = append(os.Environ(), "HADOOP_CONF_DIR=", "LODE_FS=", "LODE_HTTP=")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("lode %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// cluster is a cluster of processes.
type cluster struct {
	t     testing.TB
	dir   string
	args  []string
	ready struct {
		FS   string         `json:"fs"`
		HTTP string         `json:"http"`
		PIDs map[string]int `json:"pids"`
	}
}

// quick makes a dead datanode be missed within some seconds, and takes small blocks.
func quick() []string {
	return []string{"-D", "dfs.namenode.fs-limits.min-block-size=1", "-D", "dfs.namenode.heartbeat.recheck-interval=500", "-D", "dfs.heartbeat.interval=1", "-D", "dfs.client.block.write.replace-datanode-on-failure.best-effort=true"}
}

func start(t testing.TB, datanodes int, args ...string) *cluster {
	t.Helper()
	return startIn(t, t.TempDir(), datanodes, args...)
}

// startIn starts a cluster in a directory that the test has prepared.
func startIn(t testing.TB, dir string, datanodes int, args ...string) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: dir, args: append([]string{"--any-ports", "--workers", "0", "--no-query", "--datanodes", fmt.Sprint(datanodes)}, args...)}
	t.Cleanup(func() {
		if out, code := lode(t, "cluster", "stop", "--dir", c.dir, "--kill"); code != 0 {
			t.Errorf("stop: %s", out)
		}
		if t.Failed() {
			c.printLogs()
		}
	})
	c.start()
	return c
}

// start brings back what is down.
func (c *cluster) start() {
	c.t.Helper()
	file := filepath.Join(c.dir, "ready.json")
	if out, code := lode(c.t, append([]string{"cluster", "start", "--dir", c.dir, "--ready-file", file}, c.args...)...); code != 0 {
		c.t.Fatalf("cluster start: exit %d\n%s", code, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := json.Unmarshal(b, &c.ready); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) kill(roles ...string) {
	c.t.Helper()
	if out, code := lode(c.t, append([]string{"cluster", "stop", "--dir", c.dir, "--kill"}, roles...)...); code != 0 {
		c.t.Fatalf("kill %v: %s", roles, out)
	}
}

func (c *cluster) printLogs() {
	logs, _ := filepath.Glob(filepath.Join(c.dir, "*", "log"))
	for _, l := range logs {
		b, _ := os.ReadFile(l)
		if n := len(b); n > 3000 {
			b = b[n-3000:]
		}
		c.t.Logf("the end of %s:\n%s", l, b)
	}
}

func (c *cluster) client(settings ...string) *client.Client {
	c.t.Helper()
	pairs := map[string]string{"fs.defaultFS": c.ready.FS, "dfs.client.block.write.replace-datanode-on-failure.best-effort": "true"}
	for i := 0; i+1 < len(settings); i += 2 {
		pairs[settings[i]] = settings[i+1]
	}
	cl, err := client.New(client.Options{Addresses: []string{strings.TrimPrefix(c.ready.FS, "hdfs://")}, Conf: conf.New(pairs)})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { cl.Close() })
	return cl
}

// eventually waits until a check passes.
func eventually(t testing.TB, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not after %v: %v", what, patience, err)
		}
		time.Sleep(20 * time.Millisecond) // between two looks
	}
}

// writer writes files one after the other until it is stopped, and keeps a record of those that were acknowledged.
type writer struct {
	c           *client.Client
	dir         string
	replication int
	stop        chan struct{}
	done        sync.WaitGroup

	mu     sync.Mutex // guards acked, failed
	acked  map[string]uint32
	failed []error
}

func (c *cluster) write(dir string, replication int) *writer {
	w := &writer{c: c.client(), dir: dir, replication: replication, stop: make(chan struct{}), acked: map[string]uint32{}}
	w.done.Go(w.run)
	return w
}

func (w *writer) run() {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := 0; ; i++ {
		select {
		case <-w.stop:
			return
		default:
		}
		data := make([]byte, rng.IntN(300<<10))
		for j := range data {
			data[j] = byte(rng.Uint32())
		}
		name := fmt.Sprintf("%s/f%d", w.dir, i)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err := w.c.WriteFile(ctx, name, data, client.CreateOptions{CreateParent: true, Replication: w.replication, BlockSize: 128 << 10})
		cancel()
		w.mu.Lock()
		if err == nil {
			w.acked[name] = crc32.ChecksumIEEE(data)
		} else {
			w.failed = append(w.failed, err)
		}
		w.mu.Unlock()
	}
}

func (w *writer) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acked)
}

// more waits for n further acknowledged files.
func (w *writer) more(t testing.TB, n int) {
	t.Helper()
	until := w.count() + n
	eventually(t, fmt.Sprintf("%d more files of %s", n, w.dir), func() error {
		if have := w.count(); have < until {
			w.mu.Lock()
			defer w.mu.Unlock()
			return fmt.Errorf("%d of %d; failures: %v", have, until, w.failed[max(0, len(w.failed)-2):])
		}
		return nil
	})
}

func (w *writer) end() {
	close(w.stop)
	w.done.Wait()
}

// verify reads every acknowledged file.
func (w *writer) verify(t testing.TB, c *client.Client) {
	t.Helper()
	for name, sum := range w.acked {
		var b []byte
		var err error
		eventually(t, "read "+name, func() error {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			b, err = c.ReadFile(ctx, name)
			return err
		})
		if got := crc32.ChecksumIEEE(b); got != sum {
			t.Errorf("%s was acknowledged with checksum %08x and has %08x now (%d bytes)", name, sum, got, len(b))
		}
	}
	t.Logf("%s: %d files acknowledged and whole, %d writes failed", w.dir, len(w.acked), len(w.failed))
}

// replicas waits until every block of a file has n replicas.
func replicas(t testing.TB, c *client.Client, name string, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d replicas of %s", n, name), func() error {
		blocks, err := c.Locations(context.Background(), name, 0, 1<<62)
		if err != nil {
			return err
		}
		for _, b := range blocks {
			if len(b.Hosts) != n || b.Corrupt {
				return fmt.Errorf("the block at %d is on %d datanodes, corrupt %v", b.Offset, len(b.Hosts), b.Corrupt)
			}
		}
		return nil
	})
}

func random(seed uint64, n int) []byte {
	rng := rand.New(rand.NewPCG(seed, 7))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func mustRead(t testing.TB, c *client.Client, name string, want []byte) {
	t.Helper()
	got, err := c.ReadFile(context.Background(), name)
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s: %d bytes that are not those written (%d)", name, len(got), len(want))
	}
}
