package geth

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// A reorganisation is undone in the landed files: a file that holds an orphaned block gets the name _orphaned-…, which nobody reads, after its good blocks, if it has any, have
// been landed again as a file of their own. Whoever reads in between finds those twice, byte for byte the same, and whoever is cut off in between does it
// again at the next start. The heights are missing then, and fetched like any others.

const orphaned = "_orphaned-"

// errReorganised says that the chain changed under blocks that are landed.
type errReorganised struct {
	at             uint64 // a height whose block does not stand on the landed one
	parent, landed string
}

func (e *errReorganised) Error() string {
	return fmt.Sprintf("the chain was reorganised: block %d stands on %s, landed is %s", e.at, e.parent, e.landed)
}

// nodeHash asks for the hash of a block; "" when the node has none of that height.
func (r *run) nodeHash(ctx context.Context, number uint64) (string, error) {
	start := time.Now()
	for attempt := 1; ; attempt++ {
		c := &call{method: "eth_getBlockByNumber", params: []any{"0x" + strconv.FormatUint(number, 16), false}}
		err := r.node.roundTrip(ctx, []*call{c})
		if err == nil && c.err != nil {
			err = c.err
		}
		if err == nil && c.result != nil {
			var b *struct {
				Number string `json:"number"`
				Hash   string `json:"hash"`
			}
			if err = json.Unmarshal(c.result, &b); err == nil {
				if b == nil {
					return "", nil
				}
				if n, e := quantity(b.Number); e == nil && n == number && isHash(b.Hash) {
					return strings.ToLower(b.Hash), nil
				}
				err = errors.New("the node sent another block")
			}
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if time.Since(start) > r.cfg.Patience {
			return "", fmt.Errorf("node %s, hash of block %d: %w", r.cfg.RPC, number, err)
		}
		if err := sleep(ctx, backoff(attempt)); err != nil {
			return "", err
		}
	}
}

// landedAt is the landed block of a height.
func (r *run) landedAt(ctx context.Context, number uint64) (entry, bool, error) {
	if e, ok := r.known[number]; ok {
		return e, true, nil
	}
	return r.landed.find(ctx, number)
}

// unwind takes the landed blocks below a height out that the node does not have any more, and answers the first height that is gone.
func (r *run) unwind(ctx context.Context, below uint64) (first uint64, err error) {
	first = below
	for first > 0 {
		e, ok, err := r.landedAt(ctx, first-1)
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
		hash, err := r.nodeHash(ctx, first-1)
		if err != nil {
			return 0, err
		}
		if strings.EqualFold(hash, e.Hash) {
			break
		}
		first--
		if below-first > r.cfg.MaxReorg {
			return 0, fmt.Errorf("the node has other blocks than the landed ones for more than %d heights below %d: that is no reorganisation but another chain; look at --rpc and --chain", r.cfg.MaxReorg, below)
		}
	}
	if first == below {
		return first, nil
	}
	if r.landed, err = list(ctx, r.cfg.FS, r.report.Dir); err != nil {
		return 0, err
	}
	for _, f := range r.landed.files {
		if f.last < first || f.first >= below {
			continue
		}
		if err := r.orphan(ctx, f, first, below); err != nil {
			return 0, err
		}
	}
	for n := first; n < below; n++ {
		delete(r.known, n)
	}
	r.report.Reorganisations++
	r.report.Orphaned += int(below - first)
	r.cfg.Logger.Warn("the chain was reorganised; the landed blocks that left it are taken out", "first", first, "last", below-1, "chain", r.cfg.Chain)
	return first, nil
}

// orphan takes the blocks of [first, below) out of a landed file.
func (r *run) orphan(ctx context.Context, f landedFile, first, below uint64) error {
	entries, err := r.landed.entries(ctx, f)
	if err != nil {
		return err
	}
	keep, gone := 0, 0
	for _, e := range entries {
		if e.Number >= first && e.Number < below {
			gone++
		} else {
			keep++
		}
	}
	if gone == 0 {
		return nil
	}
	if keep > 0 {
		if err := r.rewrite(ctx, f, entries, func(n uint64) bool { return n < first || n >= below }); err != nil {
			return fmt.Errorf("keep the good blocks of %s: %w", path.Base(f.name), err)
		}
	}
	to := path.Dir(f.name) + "/" + orphaned + path.Base(f.name)
	err = r.cfg.FS.Rename(ctx, f.name, to)
	if errors.Is(err, fs.ErrNotExist) { // the answer was lost, or another did it
		err = nil
	}
	if err != nil {
		return fmt.Errorf("take out %s: %w", path.Base(f.name), err)
	}
	return nil
}

// rewrite lands some lines of a file once more.
func (r *run) rewrite(ctx context.Context, f landedFile, entries []entry, keep func(uint64) bool) (err error) {
	in, err := r.cfg.FS.Open(ctx, f.name)
	if err != nil {
		return err
	}
	defer in.Close()
	z, err := zstd.NewReader(in)
	if err != nil {
		return err
	}
	defer z.Close()
	l := r.lander()
	defer func() {
		if err != nil {
			err = errors.Join(err, l.abandon())
		}
	}()
	lines := bufio.NewReaderSize(z, 1<<20)
	for _, e := range entries {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		if !bytes.Contains(line[:min(len(line), 200)], fmt.Appendf(nil, `"number":%d,`, e.Number)) {
			return fmt.Errorf("the line of block %d is another block's", e.Number)
		}
		if keep(e.Number) {
			if err := l.addLine(ctx, e, line); err != nil {
				return err
			}
		}
	}
	return l.finish(ctx)
}

// stands makes sure that the newest landed block of the wanted ones is still the node's: a chain may change without becoming longer.
func (r *run) stands(ctx context.Context, wanted []uint64) error {
	for i := len(wanted) - 1; i >= 0; i-- {
		e, ok, err := r.landedAt(ctx, wanted[i])
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		hash, err := r.nodeHash(ctx, e.Number)
		if err != nil || hash == "" || strings.EqualFold(hash, e.Hash) {
			return err
		}
		return &errReorganised{e.Number + 1, hash, e.Hash}
	}
	return nil
}
