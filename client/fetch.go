package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lodehq/lode/client/block"
	"github.com/lodehq/lode/internal/hdfs"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// attempt counts what reading one position has cost so far.
type attempt struct {
	rounds int // how often the locations were asked for again
	tokens int // how often a block token was refused
	last   error
}

// retryWindow is the base of the pause before locations are asked for a second time (dfs.client.retry.window.base).
const retryWindow = 3 * time.Second

// fetch fills p with the bytes at off, which must all be in the block lb, from whichever replica has them right.
func (r *Reader) fetch(ctx context.Context, lb *hdfspb.LocatedBlockProto, p []byte, off int64) error {
	var a attempt
	for len(p) > 0 {
		d, fresh, err := r.choose(ctx, lb, off, &a)
		if err != nil {
			return err
		}
		lb = fresh
		n, err := r.fetchHedged(ctx, lb, d, p, off)
		p, off = p[n:], off+int64(n)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r.failed(ctx, lb, d, err, &a)
		}
	}
	return nil
}

// choose picks a replica to read from; when all have failed it asks the namenode again, and gives up after a few rounds.
func (r *Reader) choose(ctx context.Context, lb *hdfspb.LocatedBlockProto, off int64, a *attempt) (*hdfspb.DatanodeInfoProto, *hdfspb.LocatedBlockProto, error) {
	for {
		if a.tokens > 0 && a.last != nil {
			fresh, err := r.loc.refresh(ctx, off)
			if err != nil {
				return nil, nil, err
			}
			lb, a.last = fresh, nil
		}
		if d := r.loc.pick(lb, nil); d != nil {
			return d, lb, nil
		}
		if a.rounds >= r.c.set.acquireFailures {
			return nil, nil, r.missing(lb, a)
		}
		if a.rounds > 0 {
			wait := retryWindow * time.Duration(a.rounds-1)
			if a.rounds == 1 {
				wait = retryWindow / 6
			}
			if err := pause(ctx, wait); err != nil {
				return nil, nil, err
			}
		}
		a.rounds++
		r.loc.forgive()
		fresh, err := r.loc.refresh(ctx, off)
		if err != nil {
			return nil, nil, err
		}
		lb = fresh
		if len(lb.GetLocs()) == 0 && a.last == nil {
			a.last = errors.New("no datanode has reported it")
		}
		if lb.GetCorrupt() && a.last != nil { // the namenode knows no good replica either
			return nil, nil, r.missing(lb, a)
		}
	}
}

func isCorrupt(err error) bool {
	var sum *block.ChecksumError
	return errors.As(err, &sum)
}

func (r *Reader) missing(lb *hdfspb.LocatedBlockProto, a *attempt) error {
	msg := hdfs.Errorf(hdfs.BlockMissing, "Could not obtain block: %s file=%s", block.Name(lb.GetB()), r.path)
	if a.last == nil {
		return msg
	}
	return fmt.Errorf("%w: %w", msg, a.last)
}

// failed remembers what a replica's failure means: the datanode is not asked again, a corrupt replica is reported, and a
// refused token is fetched anew.
func (r *Reader) failed(ctx context.Context, lb *hdfspb.LocatedBlockProto, d *hdfspb.DatanodeInfoProto, err error, a *attempt) {
	a.last = err
	var status *block.StatusError
	if errors.As(err, &status) && status.AccessToken() && a.tokens < 2 {
		a.tokens++
		return
	}
	if isCorrupt(err) {
		r.loc.reportBad(ctx, lb, d)
	}
	r.c.log.Warn("a replica could not be read, trying another", "path", r.path, "block", block.Name(lb.GetB()),
		"datanode", r.c.datanode.Address(d.GetId()), "error", err)
	r.loc.fail(d)
}

// fetchFrom reads from one replica, by descriptor if possible. It answers how many bytes of p are right.
func (r *Reader) fetchFrom(ctx context.Context, lb *hdfspb.LocatedBlockProto, d *hdfspb.DatanodeInfoProto, p []byte, off int64) (int, error) {
	req := block.Request{
		Block: lb.GetB(), Token: lb.GetBlockToken(), Node: d, Offset: off - int64(lb.GetOffset()), Length: int64(len(p)),
	}
	if l := r.local(ctx, lb, req); l != nil {
		n, err := l.ReadAt(p, req.Offset)
		if n == len(p) {
			l.Close()
			return n, nil
		}
		if isCorrupt(err) {
			l.Discard()
			return n, err
		}
		l.Discard() // shorter than the namenode says: ask by wire, where the datanode explains
		p = p[n:]
		req.Offset, req.Length = req.Offset+int64(n), int64(len(p))
		m, err := r.fetchRemote(ctx, req, p)
		return n + m, err
	}
	return r.fetchRemote(ctx, req, p)
}

func (r *Reader) fetchRemote(ctx context.Context, req block.Request, p []byte) (int, error) {
	rem, err := r.c.datanode.OpenRemote(ctx, req)
	if err != nil {
		return 0, err
	}
	defer rem.Close()
	defer context.AfterFunc(ctx, rem.Interrupt)()
	return io.ReadFull(rem, p)
}

// local opens a replica by descriptor, or answers nil. A block that is being written is read by wire: its last chunk's
// checksum changes under a reader.
func (r *Reader) local(ctx context.Context, lb *hdfspb.LocatedBlockProto, req block.Request) *block.Local {
	if !r.c.set.shortCircuit || r.loc.isOpen(lb) {
		return nil
	}
	l, err := r.c.datanode.OpenLocal(ctx, req)
	if err != nil {
		return nil
	}
	return l
}

func (l *locator) isOpen(lb *hdfspb.LocatedBlockProto) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open != nil && l.open.GetB().GetBlockId() == lb.GetB().GetBlockId()
}

// fetchHedged asks a second replica when the first takes longer than the threshold; who is first wins. Without hedged reads
// (dfs.client.hedged.read.threadpool.size is 0) it is fetchFrom.
func (r *Reader) fetchHedged(ctx context.Context, lb *hdfspb.LocatedBlockProto, d *hdfspb.DatanodeInfoProto, p []byte, off int64) (int, error) {
	second := r.loc.pick(lb, d)
	if r.c.hedge == nil || second == nil {
		return r.fetchFrom(ctx, lb, d, p, off)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		buf []byte
		n   int
		err error
	}
	results := make(chan result, 2)
	start := func(d *hdfspb.DatanodeInfoProto) {
		buf := make([]byte, len(p))
		n, err := r.fetchFrom(ctx, lb, d, buf, off)
		results <- result{buf, n, err}
	}
	running := 1
	go start(d)
	timer := time.NewTimer(r.c.set.hedgedThreshold)
	defer timer.Stop()
	var first *result
	for running > 0 {
		select {
		case res := <-results:
			running--
			if res.err == nil {
				cancel()
				for ; running > 0; running-- {
					<-results
				}
				return copy(p, res.buf), nil
			}
			if first == nil {
				first = &res
			}
		case <-timer.C:
			select {
			case r.c.hedge <- struct{}{}:
				running++
				go func() {
					defer func() { <-r.c.hedge }()
					start(second)
				}()
			default: // the pool is busy: the first replica has to do
			}
		}
	}
	return copy(p, first.buf[:first.n]), first.err
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
