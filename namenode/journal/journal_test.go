package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lodehq/lode/internal/vfs"
)

// list is a state machine that remembers every command.
type list struct {
	mu    sync.Mutex
	items []string
}

func (l *list) Apply(batch []Entry) {
	l.mu.Lock()
	for _, e := range batch {
		l.items = append(l.items, string(e.Data))
	}
	l.mu.Unlock()
	for _, e := range batch {
		if done, ok := e.Value.(func()); ok {
			done()
		}
	}
}

func (l *list) Image() (Image, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return listImage(append([]string(nil), l.items...)), nil
}

func (l *list) Restore(r io.Reader) error {
	var items []string
	sc := bufio.NewScanner(r)
	for sc.Scan() {
		items = append(items, sc.Text())
	}
	l.mu.Lock()
	l.items = items
	l.mu.Unlock()
	return sc.Err()
}

func (l *list) snapshot() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.items...)
}

type listImage []string

func (i listImage) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, strings.Join(i, "\n"))
	return int64(n), err
}
func (i listImage) Close() {}

// open opens a journal and waits until it leads.
func open(t testing.TB, dir string, m StateMachine) *Journal {
	t.Helper()
	lead := make(chan bool, 4)
	j, err := Open(Config{Dir: dir, Machine: m, OnLeader: func(b bool) { lead <- b }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	select {
	case b := <-lead:
		if !b {
			t.Fatal("not the leader")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("no leader within 10 s")
	}
	return j
}

// propose proposes a command and waits for it.
func propose(j *Journal, s string) error {
	done := make(chan error, 1)
	j.Propose(Proposal{Data: []byte(s), Value: func() { done <- nil }, Fail: func(err error) { done <- err }})
	return <-done
}

func TestReopenReplaysEverything(t *testing.T) {
	dir := t.TempDir()
	l := &list{}
	j := open(t, dir, l)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range 50 {
				if err := propose(j, fmt.Sprintf("%d-%d", g, i)); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
	if err := j.WriteImage(); err != nil {
		t.Fatal(err)
	}
	if r, n, err := j.OpenImage(); err != nil || n == 0 {
		t.Fatal(n, err)
	} else {
		r.Close()
	}
	for i := range 10 {
		if err := propose(j, fmt.Sprintf("after-%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	want := l.snapshot()
	if len(want) != 410 {
		t.Fatalf("%d commands applied", len(want))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := propose(j, "late"); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	again := &list{}
	j = open(t, dir, again)
	if got := again.snapshot(); strings.Join(got, ",") != strings.Join(want, ",") {
		t.Fatalf("after a restart %d commands, before %d", len(got), len(want))
	}
	if err := propose(j, "more"); err != nil {
		t.Fatal(err)
	}
}

func TestImageAfterEnoughCommands(t *testing.T) {
	lead := make(chan bool, 1)
	j, err := Open(Config{Dir: t.TempDir(), Machine: &list{}, ImageEvery: 10, OnLeader: func(b bool) { lead <- b }})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	<-lead
	for i := range 20 {
		if err := propose(j, strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		r, _, err := j.OpenImage()
		if err == nil {
			r.Close()
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

const childDir = "LODE_JOURNAL_TEST_DIR"

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir)
		return
	}
	os.Exit(m.Run())
}

// child proposes numbers from several goroutines and prints each when it is acknowledged, until it is killed.
func child(dir string) {
	lead := make(chan bool, 4)
	l := &list{}
	j, err := Open(Config{Dir: dir, Machine: l, ImageEvery: 500, OnLeader: func(b bool) { lead <- b }})
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	<-lead
	start := len(l.snapshot())
	var out sync.Mutex
	for g := range 16 {
		go func() {
			for i := 0; ; i++ {
				s := fmt.Sprintf("%d/%d/%d", start, g, i)
				if propose(j, s) == nil {
					out.Lock()
					fmt.Println(s)
					out.Unlock()
				}
			}
		}()
	}
	select {}
}

func TestKillLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	acked := map[string]bool{}
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	for round := range rounds {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		sc := bufio.NewScanner(out)
		for n := 0; n < 200*(round+1) && sc.Scan(); n++ {
			acked[sc.Text()] = true
		}
		cmd.Process.Kill()
		for sc.Scan() {
			acked[sc.Text()] = true
		}
		cmd.Wait()
		if round%2 == 1 {
			tearTail(t, dir)
		}
	}
	l := &list{}
	open(t, dir, l)
	have := map[string]bool{}
	for _, s := range l.snapshot() {
		if have[s] {
			t.Errorf("%s was applied twice", s)
		}
		have[s] = true
	}
	lost := 0
	for s := range acked {
		if !have[s] {
			lost++
		}
	}
	if lost > 0 || len(acked) < 200*rounds {
		t.Fatalf("%d of %d acknowledged commands are lost", lost, len(acked))
	}
}

// tearTail puts half a write behind the last whole one, as a power cut may leave it.
func tearTail(t *testing.T, dir string) {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(dir, "log", "*.wal"))
	if len(names) == 0 {
		t.Fatal("no log segment")
	}
	name := names[len(names)-1]
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	end := len(b)
	for end > 0 && b[end-1] == 0 {
		end--
	}
	end = (end + 7) / 8 * 8
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	torn := binary.LittleEndian.AppendUint32([]byte{1, 0, 0, 0}, 400) // an entry frame that announces 400 bytes and has 40
	if _, err := f.WriteAt(append(torn, make([]byte, 40)...), int64(end)); err != nil {
		t.Fatal(err)
	}
}

func TestIdentity(t *testing.T) {
	mem := vfs.Mem()
	if fresh, err := IsFresh(mem, "/nn"); err != nil || !fresh {
		t.Fatal(fresh, err)
	}
	id := NewIdentity("", "10.1.2.3", time.UnixMilli(1700000000000))
	if !strings.HasPrefix(id.ClusterID, "CID-") || !strings.HasPrefix(id.BlockPoolID, "BP-") || !strings.HasSuffix(id.BlockPoolID, "-10.1.2.3-1700000000000") || id.NamespaceID <= 0 {
		t.Errorf("%+v", id)
	}
	if err := StoreIdentity(mem, "/nn", id); err != nil {
		t.Fatal(err)
	}
	id.Begun = true
	if err := StoreIdentity(mem, "/nn", id); err != nil {
		t.Fatal(err)
	}
	if got, err := LoadIdentity(mem, "/nn"); err != nil || got != id {
		t.Errorf("%+v %v", got, err)
	}
	if fresh, err := IsFresh(mem, "/nn"); err != nil || fresh {
		t.Fatal(fresh, err)
	}
	if _, err := parseVersion([]byte("clusterID=x\n")); err == nil {
		t.Error("a VERSION without a block pool is taken")
	}
	if _, err := Open(Config{Dir: t.TempDir(), Machine: &list{}, MustExist: true}); err == nil || !strings.Contains(err.Error(), "is gone") {
		t.Error(err)
	}
}

func FuzzBatch(f *testing.F) {
	f.Add(encodeBatch(batchID{1, 2}, []Proposal{{Data: []byte("a")}, {Data: nil}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		id, entries, err := decodeBatch(b, nil)
		if err != nil {
			return
		}
		var p []Proposal
		for _, e := range entries {
			p = append(p, Proposal{Data: e.Data})
		}
		if id2, again, err := decodeBatch(encodeBatch(id, p), nil); err != nil || id2 != id || len(again) != len(entries) {
			t.Fatal(err)
		}
	})
}

// BenchmarkPropose is the cost of a small command from n callers, each waiting for its own.
func BenchmarkPropose(b *testing.B) {
	for _, callers := range []int{1, 64, 256} {
		b.Run(strconv.Itoa(callers), func(b *testing.B) {
			j := open(b, b.TempDir(), &list{})
			b.SetParallelism(callers / 2)
			if callers == 1 {
				b.ResetTimer()
				for range b.N {
					propose(j, "a command of some forty bytes, or nearly")
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					propose(j, "a command of some forty bytes, or nearly")
				}
			})
		})
	}
}
