//go:build cgo && duckdb_arrow

package query

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	icecat "github.com/apache/iceberg-go/catalog"

	"github.com/lodehq/lode/table"
)

// freshness makes a statement see what was committed before it began: for every table that it names, the version behind the view is
// compared with the newest one, which is one look at the file system. Looks are shared: whoever arrives while one is under way waits for the next, which begins
// after all of them arrived. So a table is looked at once at a time, however many ask.
//
// When the file system does not answer within patience the statement is answered from what is known, and those after it do not wait until a look
// has succeeded again: old answers are better than none.
type freshness struct {
	tables   *refresher
	log      *slog.Logger
	patience time.Duration
	ctx      context.Context // of the looks; they outlive the statements that asked

	blind atomic.Bool // the last look failed
	wg    sync.WaitGroup
	mu    sync.Mutex // guards lanes and what is in them; no I/O under it
	lanes map[string]*lane
}

// lane is of one table. It exists while somebody looks.
type lane struct{ next *look }

type look struct {
	done chan struct{}
	err  error
}

func newFreshness(ctx context.Context, tables *refresher, log *slog.Logger) *freshness {
	return &freshness{tables: tables, log: log, patience: 5 * time.Second, ctx: ctx, lanes: map[string]*lane{}}
}

// await returns when the tables are shown as they were when it was called, or newer.
func (f *freshness) await(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	looks := make([]*look, len(names))
	f.mu.Lock()
	for i, name := range names {
		looks[i] = f.join(name)
	}
	f.mu.Unlock()
	if f.blind.Load() {
		return nil
	}
	limit := time.NewTimer(f.patience)
	defer limit.Stop()
	for i, l := range looks {
		select {
		case <-l.done:
			if l.err != nil {
				f.lost(names[i], l.err)
				return nil
			}
		case <-limit.C:
			f.lost(names[i], errors.New("the file system does not answer"))
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (f *freshness) lost(name string, err error) {
	if !f.blind.Swap(true) {
		f.log.Warn("the newest version of a table cannot be looked up; statements are answered from what is known", "table", name, "error", err)
	}
}

// join is called under mu.
func (f *freshness) join(name string) *look {
	l := f.lanes[name]
	if l == nil {
		l = &lane{}
		f.lanes[name] = l
		f.wg.Go(func() { f.drive(name, l) })
	}
	if l.next == nil {
		l.next = &look{done: make(chan struct{})}
	}
	return l.next
}

// drive looks until nobody asks.
func (f *freshness) drive(name string, l *lane) {
	for {
		f.mu.Lock()
		now := l.next
		l.next = nil
		if now == nil {
			delete(f.lanes, name)
		}
		f.mu.Unlock()
		if now == nil {
			return
		}
		if now.err = f.tables.catchUp(f.ctx, name); now.err == nil {
			f.blind.Store(false)
		}
		close(now.done)
	}
}

// catchUp shows the newest version of one table.
func (r *refresher) catchUp(ctx context.Context, name string) error {
	name, s := r.find(name)
	id, err := table.ParseIdent(name)
	if err != nil {
		return nil // no table of ours can have such a name
	}
	if s != nil && s.table != nil {
		if newer, err := r.catalog.Superseded(ctx, s.table); err != nil || !newer {
			return err
		}
	} else if ok, err := r.catalog.Exists(ctx, id); err != nil || !ok {
		if errors.Is(err, icecat.ErrInvalidIdentifier) {
			err = nil
		}
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c, err := r.look(ctx, name, true)
	if err != nil {
		return fmt.Errorf("table %s: %w", name, err)
	}
	if c == nil {
		return nil
	}
	return r.apply(ctx, []change{*c})
}
