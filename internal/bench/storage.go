package bench

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/lodehq/lode/client"
)

// zipf-free noise: incompressible bytes, so that nothing below can cheat by compressing.
func noise(n int) []byte {
	b, x := make([]byte, n), uint64(0x9E3779B97F4A7C15)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x >> 32)
	}
	return b
}

// storage measures one client writing and reading size bytes.
func (b *bench) storage(ctx context.Context, size int64) error {
	buf := noise(4 << 20)
	disk, loop := b.limitNamed("disk write, 1 GiB and a sync"), b.limitNamed("loopback TCP, one connection")
	for _, replication := range []int{1, 3} {
		path := fmt.Sprintf("%s/write-r%d", b.dir, replication)
		r, err := b.meter.measure(fmt.Sprintf("write %d MiB, replication %d", size>>20, replication), "MB/s", func() (float64, error) {
			return float64(size) / mega, writeFile(ctx, b.client, path, buf, size, replication)
		})
		if err != nil {
			return err
		}
		r.Limit, r.LimitRate = "disk", disk/float64(replication)
		if replication > 1 {
			r.Limit = "disk of one machine, three times"
		}
		b.add(r)
	}
	for _, round := range []string{"first", "again"} {
		r, err := b.meter.measure(fmt.Sprintf("read %d MiB from page cache (%s)", size>>20, round), "MB/s", func() (float64, error) {
			f, err := b.client.Open(ctx, b.dir+"/write-r1")
			if err != nil {
				return 0, err
			}
			defer f.Close()
			n, err := f.WriteTo(io.Discard)
			if err == nil && n != size {
				err = fmt.Errorf("read %d bytes of %d", n, size)
			}
			return float64(n) / mega, err
		})
		if err != nil {
			return err
		}
		r.Limit, r.LimitRate = "loopback", loop
		b.add(r)
	}
	return b.smallReads(ctx, size)
}

func writeFile(ctx context.Context, c *client.Client, path string, buf []byte, size int64, replication int) error {
	w, err := c.Create(ctx, path, client.CreateOptions{Overwrite: true, CreateParent: true, Replication: replication})
	if err != nil {
		return err
	}
	for n := int64(0); n < size; {
		p := buf[:min(int64(len(buf)), size-n)]
		k, err := w.Write(p)
		if n += int64(k); err != nil {
			return err
		}
	}
	return w.Close()
}

// smallReads reads 4 KiB at random places, one at a time.
func (b *bench) smallReads(ctx context.Context, size int64) error {
	const reads = 5000
	r, err := b.meter.measure("random reads of 4 KiB, one at a time", "ops/s", func() (float64, error) {
		f, err := b.client.Open(ctx, b.dir+"/write-r1")
		if err != nil {
			return 0, err
		}
		defer f.Close()
		buf, x := make([]byte, 4096), uint64(88172645463325252)
		for range reads {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			if _, err := f.ReadAt(buf, int64(x%uint64(size-4096))); err != nil {
				return 0, err
			}
		}
		return reads, nil
	})
	if err != nil {
		return err
	}
	b.add(r)
	return nil
}

// metadata measures operations a second; every change is durable before its answer.
func (b *bench) metadata(ctx context.Context, perCaller int) error {
	syncs := b.limitNamed("appends of 4 KiB, each synced")
	for _, callers := range []int{1, 16, 64} {
		n := perCaller
		if callers > 1 {
			n = perCaller / 4
		}
		base := fmt.Sprintf("%s/meta-%d", b.dir, callers)
		if err := b.client.Mkdirs(ctx, base, 0o755, true); err != nil {
			return err
		}
		name := func(kind string, caller, i int) string { return fmt.Sprintf("%s/%s-%d-%d", base, kind, caller, i) }
		steps := []struct {
			op    string
			write bool
			do    func(caller, i int) error
		}{
			{"create an empty file", true, func(c, i int) error {
				w, err := b.client.Create(ctx, name("f", c, i), client.CreateOptions{})
				if err != nil {
					return err
				}
				return w.Close()
			}},
			{"mkdirs", true, func(c, i int) error { return b.client.Mkdirs(ctx, name("d", c, i), 0o755, false) }},
			{"stat", false, func(c, i int) error { _, err := b.client.Stat(ctx, name("f", c, i)); return err }},
			{"block locations", false, func(c, i int) error { _, err := b.client.Locations(ctx, name("f", c, i), 0, -1); return err }},
			{"rename", true, func(c, i int) error {
				return b.client.Rename(ctx, name("f", c, i), name("g", c, i), client.RenameOptions{})
			}},
			{"delete", true, func(c, i int) error { _, err := b.client.Remove(ctx, name("g", c, i), false); return err }},
		}
		for _, s := range steps {
			r, err := b.meter.measure(fmt.Sprintf("%s, %d caller%s", s.op, callers, plural(callers)), "ops/s", func() (float64, error) {
				return float64(callers * n), each(ctx, callers, n, s.do)
			})
			if err != nil {
				return err
			}
			if s.write && callers == 1 {
				r.Limit, r.LimitRate = "one synced append after the other", syncs
			}
			if s.op == "create an empty file" {
				r.Note = "two calls: create and complete"
			}
			b.add(r)
		}
	}
	return nil
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

func each(ctx context.Context, callers, n int, do func(caller, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for c := range callers {
		g.Go(func() error {
			for i := range n {
				if err := do(c, i); err != nil {
					return err
				}
				if ctx.Err() != nil {
					return ctx.Err()
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// smallFiles writes files of 1 KiB, callers at a time.
func (b *bench) smallFiles(ctx context.Context, files int) error {
	data := noise(1 << 10)
	for _, callers := range []int{1, 16} {
		var next atomic.Int64
		r, err := b.meter.measure(fmt.Sprintf("files of 1 KiB written, %d at a time, replication 3", callers), "ops/s", func() (float64, error) {
			var wg sync.WaitGroup
			errs := make(chan error, callers)
			for range callers {
				wg.Go(func() {
					for {
						i := int(next.Add(1)) - 1
						if i >= files {
							return
						}
						if err := writeFile(ctx, b.client, fmt.Sprintf("%s/small-%d/%d", b.dir, callers, i), data, int64(len(data)), 3); err != nil {
							errs <- err
							return
						}
					}
				})
			}
			wg.Wait()
			select {
			case err := <-errs:
				return 0, err
			default:
				return float64(files), nil
			}
		})
		if err != nil {
			return err
		}
		b.add(r)
	}
	return nil
}
