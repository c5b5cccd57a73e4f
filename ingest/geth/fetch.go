package geth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
)

// raw is a block as the node sent it, whole and checked.
type raw struct {
	number       uint64
	hash, parent string
	block        json.RawMessage
	receipts     json.RawMessage
	traces       json.RawMessage // nil when traces were not asked for
}

// pending is a block of which parts may be missing still.
type pending struct {
	raw
	txs    []string // transaction hashes, known with the block
	absent bool     // the node said that it has no such block
	reason string   // why it is not whole
}

func (p *pending) whole(traces bool) bool {
	return p.block != nil && p.receipts != nil && (!traces || p.traces != nil)
}

// restart forgets the parts: they do not belong together.
func (p *pending) restart(reason string) {
	*p = pending{raw: raw{number: p.number}, reason: reason}
}

// tracer is how the node is asked for traces; it is found by asking.
type tracer int32

const (
	traceBlock     tracer = iota // parity's trace_block
	flatCallTracer               // geth, flat like parity's
	callTracer                   // geth, nested
	noTracer
)

// fetcher gets blocks from a node with patience.
type fetcher struct {
	node     *node
	log      *slog.Logger
	traces   bool
	patience time.Duration // without any progress, for one batch
	verify   func(block, receipts json.RawMessage) error

	mu     sync.Mutex // guards the rest
	tracer tracer
	limit  int // calls in one batch: halved when the node refuses, grown slowly
	calm   int // round trips since the last trouble
}

// errGone says that the node does not have a block; patience did not help.
var errGone = errors.New("the node does not have the block")

// fetch gets blocks whole. It asks again only for what is missing, and waits longer each time that nothing new came.
func (f *fetcher) fetch(ctx context.Context, numbers []uint64) ([]raw, error) {
	todo := make([]*pending, len(numbers))
	for i, n := range numbers {
		todo[i] = &pending{raw: raw{number: n}}
	}
	last := time.Now()
	for attempt := 0; ; {
		progress, err := f.round(ctx, todo)
		if err != nil && !isTransient(err) {
			return nil, err
		}
		missing := missingOf(todo, f.traces)
		if missing == nil {
			out := make([]raw, len(todo))
			for i, p := range todo {
				out[i] = p.raw
			}
			return out, nil
		}
		if progress {
			attempt, last = 0, time.Now()
			if err == nil {
				continue
			}
		}
		attempt++
		if err == nil {
			err = fmt.Errorf("block %d: %s", missing.number, missing.reason)
		}
		if time.Since(last) > f.patience {
			if missing.absent {
				return nil, fmt.Errorf("%w: %d", errGone, missing.number)
			}
			return nil, fmt.Errorf("no progress for %s: %w", f.patience, err)
		}
		wait := backoff(attempt)
		var t *errTransport
		if errors.As(err, &t) && t.after > wait {
			wait = t.after
		}
		f.log.Debug("asking the node again", "block", missing.number, "wait", wait, "reason", err)
		if err := sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

func isTransient(err error) bool {
	var t *errTransport
	return errors.As(err, &t) || errors.Is(err, errTooLarge)
}

func missingOf(todo []*pending, traces bool) *pending {
	for _, p := range todo {
		if !p.whole(traces) {
			return p
		}
	}
	return nil
}

// question is a call and what its answer completes.
type question struct {
	call
	about *pending
	take  func(p *pending, result json.RawMessage) error
}

// round asks for everything that is missing, in batches. progress tells whether anything was completed.
func (f *fetcher) round(ctx context.Context, todo []*pending) (progress bool, err error) {
	var questions []*question
	tr := f.tracerNow()
	if f.traces && tr == noTracer {
		return false, fmt.Errorf("node %s has neither trace_block nor debug_traceBlockByNumber: start it with the trace or debug API, or leave --traces out", f.node.url)
	}
	for _, p := range todo {
		at := "0x" + strconv.FormatUint(p.number, 16)
		if p.block == nil {
			questions = append(questions, &question{call{method: "eth_getBlockByNumber", params: []any{at, true}}, p, takeBlock})
		}
		if p.receipts == nil {
			questions = append(questions, &question{call{method: "eth_getBlockReceipts", params: []any{at}}, p, takeReceipts})
		}
		if f.traces && p.traces == nil {
			questions = append(questions, &question{traceCall(tr, at), p, takeTraces(tr)})
		}
	}
	for len(questions) > 0 {
		batch := questions[:min(len(questions), f.limitNow())]
		calls := make([]*call, len(batch))
		for i, q := range batch {
			calls[i] = &q.call
		}
		if err := f.node.roundTrip(ctx, calls); err != nil {
			if ctx.Err() != nil {
				return progress, ctx.Err()
			}
			f.trouble(err)
			return progress, err
		}
		f.quiet()
		questions = questions[len(batch):]
		for _, q := range batch {
			ok, err := f.judge(q, tr)
			if err != nil {
				return progress, err
			}
			progress = progress || ok
		}
	}
	for _, p := range todo {
		if p.whole(f.traces) {
			f.check(p)
		}
	}
	return progress, nil
}

// judge takes an answer. An answer that does not fit is as good as none.
func (f *fetcher) judge(q *question, tr tracer) (bool, error) {
	switch {
	case q.err != nil && strings.HasPrefix(q.method, "trace_") || q.err != nil && strings.HasPrefix(q.method, "debug_trace"):
		if q.err.unsupported() || strings.Contains(strings.ToLower(q.err.Message), "tracer") {
			f.nextTracer(tr)
			return true, nil
		}
		q.about.reason = q.err.Error()
	case q.err != nil && q.err.unsupported():
		return false, fmt.Errorf("node %s: %w (%s is needed)", f.node.url, q.err, q.method)
	case q.err != nil:
		q.about.reason = q.err.Error()
	case q.result == nil:
		q.about.reason = "no answer to " + q.method
	case bytes.Equal(bytes.TrimSpace(q.result), []byte("null")):
		q.about.reason = "no answer yet to " + q.method
		q.about.absent = q.about.absent || q.method == "eth_getBlockByNumber"
	default:
		if err := q.take(q.about, q.result); err != nil {
			q.about.reason = err.Error()
			return false, nil
		}
		return true, nil
	}
	return false, nil
}

// check makes sure that the parts of a whole block belong together; if not, all are asked for again.
func (f *fetcher) check(p *pending) {
	err := checkParts(p, f.traces)
	if err == nil && f.verify != nil {
		err = f.verify(p.block, p.receipts)
	}
	if err != nil {
		f.log.Debug("parts of a block do not belong together", "block", p.number, "error", err)
		p.restart(err.Error())
	}
}

func (f *fetcher) tracerNow() tracer {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tracer
}

func (f *fetcher) nextTracer(old tracer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tracer == old {
		f.tracer++
	}
}

func (f *fetcher) limitNow() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.limit
}

const (
	firstLimit = 32
	maxLimit   = 100 // beyond it Erigon and several providers refuse
)

func (f *fetcher) trouble(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calm = 0
	if errors.Is(err, errTooLarge) || errors.Is(err, context.DeadlineExceeded) {
		f.limit = max(1, f.limit/2)
	}
}

func (f *fetcher) quiet() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calm++; f.calm%8 == 0 {
		f.limit = min(f.limit+1, maxLimit)
	}
}
