package blockstore

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/vfs"
)

// TestCrashAtEveryStep takes a replica through its whole life and, before every single operation on the file system, opens what a
// kill -9 and what power losses would leave: the length is never below what was promised, and every byte is the right one.
func TestCrashAtEveryStep(t *testing.T) {
	data := pattern(9000)
	m := vfs.Mem()
	var (
		id     = hdfs.BlockID(1<<30 + 77)
		killed int // bytes that a kill -9 must leave
		synced int // bytes that a power loss must leave
		upTo   int // bytes that may be there
		armed  bool
		steps  int
		phase  string
	)
	check := func(kind string, c *vfs.MemFS, want int) {
		t.Helper()
		s := openStore(t, c)
		defer s.Close()
		r, ok := s.Get(id)
		if !ok {
			if want > 0 {
				t.Fatalf("step %d (%s), %s: the replica is gone, %d bytes were promised", steps, phase, kind, want)
			}
			return
		}
		if r.NumBytes < int64(want) || r.NumBytes > int64(upTo) {
			t.Fatalf("step %d (%s), %s: %+v, promised %d to %d bytes", steps, phase, kind, r, want, upTo)
		}
		got, err := tryRead(s, hdfs.Block{ID: id})
		if err != nil && r.NumBytes > 0 && (r.State != hdfs.ReplicaFinalized || want == int(r.NumBytes)) {
			t.Fatalf("step %d (%s), %s: %+v: %v", steps, phase, kind, r, err)
		}
		if err == nil && !bytes.Equal(got, data[:len(got)]) {
			t.Fatalf("step %d (%s), %s: wrong bytes in %+v", steps, phase, kind, r)
		}
	}
	fsys := vfs.ErrorFS(m, func(op vfs.Op, name string) error {
		if !armed {
			return nil
		}
		switch op {
		case vfs.OpRead, vfs.OpStat, vfs.OpStatfs, vfs.OpReadDir, vfs.OpOpen:
			return nil
		}
		steps++
		check("kill", m.Clone(), killed)
		for seed := range uint64(12) {
			check(fmt.Sprintf("power loss %d", seed), m.CrashClone(rand.New(rand.NewPCG(seed, uint64(steps)))), synced)
		}
		return nil
	})
	s := openStore(t, fsys)
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", phase, err)
		}
	}
	armed = true
	b := hdfs.Block{ID: id, GenStamp: 1001}

	phase = "create"
	w, err := s.Create(ctx, b, CreateOptions{Checksum: DefaultChecksum})
	must(err)
	write := func(to int) {
		t.Helper()
		from := int(w.Block().NumBytes)
		upTo = to
		must(w.Write(int64(from), data[from:to], nil))
		killed = to
	}
	phase = "write"
	write(700)
	must(w.Sync())
	synced = 700
	write(800)
	write(1024)
	must(w.Sync())
	synced = 1024
	write(4096)
	must(w.Sync())
	synced = 4096

	phase = "finalize"
	_, err = w.Finalize()
	must(err)

	phase = "append"
	w, err = s.Append(ctx, b, 1002, 4096)
	must(err)
	write(5000)
	must(w.Sync())
	synced = 5000
	write(5120)
	must(w.Sync())
	synced = 5120
	phase = "close without finalize"
	w.SetAcked(5120)
	w.Close()

	phase = "pipeline recovery"
	w, err = s.RecoverRBW(ctx, hdfs.Block{ID: id, GenStamp: 1002}, 1003, 5120, 9000)
	must(err)
	write(6144)
	must(w.Sync())
	synced = 6144
	_, err = w.Finalize()
	must(err)

	phase = "block recovery with truncation"
	r, _, err := s.InitRecovery(ctx, hdfs.Block{ID: id, GenStamp: 1003}, 1010)
	must(err)
	killed, synced = 5000, 4608
	_, err = s.UpdateRecovery(ctx, r.Block, 1010, 0, 5000)
	must(err)
	synced, upTo = 5000, 6144
	check("kill", m.Clone(), 5000)

	phase = "delete"
	killed, synced = 0, 0
	must(s.Invalidate(ctx, []hdfs.Block{{ID: id, GenStamp: 1010}}))
	must(s.Close())
	if steps < 40 {
		t.Fatalf("only %d steps were tried", steps)
	}
}
