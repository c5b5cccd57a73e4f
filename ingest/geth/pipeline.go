package geth

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

func sortNumbers(n []uint64) { slices.Sort(n) }

// order is a batch being fetched; its answer comes on done.
type order struct {
	numbers []uint64
	blocks  []raw
	err     error
	done    chan struct{}
}

func (r *run) lander() *lander {
	return &lander{fs: r.cfg.FS, dir: r.report.Dir, chain: r.cfg.Chain, chainID: r.report.ChainID, source: r.cfg.RPC, replication: r.cfg.Replication, fileBytes: r.cfg.FileBytes, now: r.cfg.Now}
}

// land fetches blocks in parallel and writes them in order. What is written in a file that is not finished when something
// fails is not landed.
func (r *run) land(ctx context.Context, numbers []uint64) (err error) {
	if len(numbers) == 0 {
		return nil
	}
	l := r.lander()
	fetching, cancel := context.WithCancel(ctx)
	orders := make(chan *order, r.cfg.Parallel-1)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		r.dispatch(fetching, numbers, orders)
	}()
	defer func() {
		cancel()
		for o := range orders { // whoever still fetches is waited for
			<-o.done
		}
		<-finished
		if err != nil {
			err = errors.Join(err, l.abandon())
		}
		r.report.Files += l.files
	}()
	done := 0
	for o := range orders {
		<-o.done
		if o.err != nil {
			// What came before it is good: it stays, and the next start goes on after it.
			return errors.Join(fmt.Errorf("blocks %d to %d: %w", o.numbers[0], o.numbers[len(o.numbers)-1], o.err), r.settle(context.WithoutCancel(ctx), l))
		}
		for i := range o.blocks {
			b := &o.blocks[i]
			if err := r.follows(ctx, b); err != nil {
				return errors.Join(err, r.settle(ctx, l))
			}
			if err := l.add(ctx, b); err != nil {
				return err
			}
			r.known[b.number] = entry{b.number, b.hash, b.parent}
			done++
			r.cfg.Progress(Progress{Block: b.number, Done: done, Total: len(numbers), Bytes: r.node.bytes.Load(), Head: r.head})
		}
	}
	if err := ctx.Err(); err != nil {
		return errors.Join(err, r.settle(context.WithoutCancel(ctx), l))
	}
	return r.settle(ctx, l)
}

// settle finishes the open file and counts it.
func (r *run) settle(ctx context.Context, l *lander) error {
	if err := l.finish(ctx); err != nil {
		return err
	}
	r.report.Landed = len(r.known)
	return nil
}

// dispatch hands out batches in order; at most as many as the channel holds and one more are under way.
func (r *run) dispatch(ctx context.Context, numbers []uint64, orders chan<- *order) {
	defer close(orders)
	for len(numbers) > 0 {
		n := min(r.cfg.Batch, len(numbers))
		o := &order{numbers: numbers[:n], done: make(chan struct{})}
		numbers = numbers[n:]
		select {
		case orders <- o:
		case <-ctx.Done():
			return
		}
		go func() {
			defer close(o.done)
			o.blocks, o.err = r.fetch.fetch(ctx, o.numbers)
		}()
	}
}

// follows makes sure that a block stands on the block before it, if that one is landed.
func (r *run) follows(ctx context.Context, b *raw) error {
	if b.number == 0 {
		return nil
	}
	for range 5 {
		parent, ok, err := r.landedAt(ctx, b.number-1)
		if err != nil {
			return fmt.Errorf("look for the parent of block %d: %w", b.number, err)
		}
		if !ok || parent.Hash == b.parent {
			return nil
		}
		// The node may have changed its mind since: ask once more for this block.
		again, err := r.fetch.fetch(ctx, []uint64{b.number})
		if err != nil {
			return err
		}
		if again[0].parent == b.parent {
			return &errReorganised{b.number, b.parent, parent.Hash}
		}
		*b = again[0]
	}
	return fmt.Errorf("block %d does not come to rest: the node gives another one each time", b.number)
}
