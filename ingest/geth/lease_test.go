package geth

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/lodehq/lode/table/storage"
)

func TestOneIngesterAtATime(t *testing.T) {
	fsys, dir := local(t), "/data/chain/ethereum/raw"
	const limit = 600 * time.Millisecond
	nobody := func(err error) { t.Error(err) }
	first, err := takeLease(t.Context(), fsys, dir, limit, slog.New(slog.DiscardHandler), nobody)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := takeLease(t.Context(), fsys, dir, limit, slog.New(slog.DiscardHandler), nobody); !errors.Is(err, errLeased) {
		t.Fatalf("two at once: %v", err)
	}
	if err := first.release(t.Context()); err != nil {
		t.Fatal(err)
	}
	second, err := takeLease(t.Context(), fsys, dir, limit, slog.New(slog.DiscardHandler), nobody)
	if err != nil {
		t.Fatal(err)
	}
	// It dies without giving the lease back.
	second.stop()
	second.wg.Wait()
	third, err := takeLease(t.Context(), fsys, dir, limit, slog.New(slog.DiscardHandler), nobody)
	if err != nil {
		t.Fatal(err)
	}
	// The dead one was only slow: what it finds is another's, and it leaves it alone.
	if err := second.release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text, err := third.read(t.Context()); err != nil || text == "" {
		t.Fatalf("%q %v", text, err)
	}
	if err := third.release(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestWhoLostTheLeaseIsTold(t *testing.T) {
	fsys, dir := local(t), "/data/chain/ethereum/raw"
	told := make(chan error, 1)
	l, err := takeLease(t.Context(), fsys, dir, 60*time.Millisecond, slog.New(slog.DiscardHandler), func(err error) { told <- err })
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(fsys.Remove(t.Context(), l.name), storage.WriteFile(t.Context(), fsys, l.name, []byte("somebody else\n"), storage.CreateOptions{Overwrite: true})); err != nil {
		t.Fatal(err)
	}
	if err := <-told; !errors.Is(err, errLeaseLost) {
		t.Error(err)
	}
	if err := l.release(context.Background()); err != nil {
		t.Error(err)
	}
}
