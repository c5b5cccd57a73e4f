package geth

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/lodehq/lode/table/storage"
)

// One ingester at a time writes to the directory of a chain: two would undo each other's reorganisations. Its lease is a file with its name, made by a rename
// without overwrite and renewed while it runs. One that was not renewed for leaseTime is of a dead ingester, and may be taken. Whoever finds another's name in its lease stops.

const (
	leaseFile = "_ingester"
	leaseTime = 30 * time.Second
)

// errLeased says that another ingester is at work.
var errLeased = errors.New("another ingester is at work on this chain")

// errLeaseLost says that another took over: this one was silent for too long.
var errLeaseLost = errors.New("another ingester took over this chain")

type lease struct {
	fs   storage.FS
	name string
	id   string
	time time.Duration
	wg   sync.WaitGroup
	stop context.CancelFunc
}

// takeLease waits for the lease of a dead ingester to run out, and gives up on one that is renewed. lost is called when another took it over.
func takeLease(ctx context.Context, fsys storage.FS, dir string, limit time.Duration, log *slog.Logger, lost func(error)) (*lease, error) {
	var random [8]byte
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	l := &lease{fs: fsys, name: dir + "/" + leaseFile, id: hex.EncodeToString(random[:]), time: limit}
	first, since := "", time.Now()
	for {
		err := l.claim(ctx)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("lease of %s: %w", dir, err)
		}
		seen, err := l.read(ctx)
		if err != nil {
			return nil, err
		}
		switch {
		case seen == "": // given back in between
			continue
		case seen != first && first != "":
			return nil, fmt.Errorf("%w (%s); one writes at a time, stop the other first", errLeased, l.name)
		case seen == first && time.Since(since) > limit: // by our own clock: nobody else's has to be right
			if err := l.evict(ctx, seen); err != nil {
				return nil, err
			}
			continue
		}
		if first == "" {
			log.Warn("another ingester holds the lease of this chain; waiting to see whether it lives", "lease", l.name, "at most", limit)
		}
		first = seen
		if err := sleep(ctx, limit/20); err != nil {
			return nil, err
		}
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	l.wg.Go(func() { l.renew(run, lost) })
	return l, nil
}

func (l *lease) text(n int) []byte { return fmt.Appendf(nil, "%s %d\n", l.id, n) }

// claim makes the lease file if there is none.
func (l *lease) claim(ctx context.Context) error {
	tmp := l.name + "-" + l.id
	if err := storage.WriteFile(ctx, l.fs, tmp, l.text(0), storage.CreateOptions{Overwrite: true}); err != nil {
		return err
	}
	err := l.fs.RenameNoReplace(ctx, tmp, l.name)
	if err != nil {
		_ = l.fs.Remove(context.WithoutCancel(ctx), tmp)
	}
	return err
}

// read answers the text of the lease; "" when there is none.
func (l *lease) read(ctx context.Context) (string, error) {
	data, err := storage.ReadFile(ctx, l.fs, l.name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(data), err
}

// evict takes a lease away that was not renewed. Only one of many who try moves it; who moved a fresh one by accident gives it back.
func (l *lease) evict(ctx context.Context, stale string) error {
	away := l.name + "-dead-" + l.id
	if err := l.fs.Rename(ctx, l.name, away); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	data, err := storage.ReadFile(ctx, l.fs, away)
	if err == nil && string(data) != stale {
		err = l.fs.RenameNoReplace(ctx, away, l.name)
		if err == nil || errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%w (%s)", errLeased, l.name)
		}
	}
	return errors.Join(err, l.fs.Remove(ctx, away))
}

// renew writes the lease anew until it is given back.
func (l *lease) renew(ctx context.Context, lost func(error)) {
	last := time.Now()
	for n := 1; ; n++ {
		if sleep(ctx, l.time/6) != nil {
			return
		}
		seen, err := l.read(ctx)
		if err == nil && (len(seen) < len(l.id) || seen[:len(l.id)] != l.id) {
			lost(errLeaseLost)
			return
		}
		if err == nil {
			tmp := l.name + "-" + l.id
			if err = storage.WriteFile(ctx, l.fs, tmp, l.text(n), storage.CreateOptions{Overwrite: true}); err == nil {
				err = l.fs.Rename(ctx, tmp, l.name)
			}
		}
		if err == nil {
			last = time.Now()
		} else if ctx.Err() == nil && time.Since(last) > l.time*2/3 {
			lost(fmt.Errorf("the lease cannot be renewed: %w", err))
			return
		}
	}
}

// release gives the lease back.
func (l *lease) release(ctx context.Context) error {
	l.stop()
	l.wg.Wait()
	seen, err := l.read(ctx)
	if err != nil || len(seen) < len(l.id) || seen[:len(l.id)] != l.id {
		return err
	}
	return l.fs.Remove(ctx, l.name)
}
