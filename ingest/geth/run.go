package geth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lodehq/lode/table/storage"
)

// Chains are the chain ids that a name promises; another name may have any id.
func Chains() map[string]uint64 {
	return map[string]uint64{"ethereum": 1, "palm": 11297108109, "palm-testnet": 11297108099, "sepolia": 11155111, "holesky": 17000}
}

// Config of one ingestion. Zero values are the defaults of the comments.
type Config struct {
	RPC    string // address of the node; required
	Chain  string // "ethereum"
	Blocks []Range
	Latest bool // the last range ends at the node's newest block
	Traces bool
	Once   bool // end at the head instead of following it
	// Confirmations is how far behind the newest block a follower stays: what is younger may still be replaced by another block.
	Confirmations uint64
	// MaxReorg is how many landed blocks may turn out to have left the chain: 1024. More is a node of another chain.
	MaxReorg uint64

	FS          storage.FS
	Dir         string        // "/data/chain"
	Replication int           // 3
	FileBytes   int64         // of unpacked lines in a file: 64 MiB
	Parallel    int           // requests at once: 4
	Batch       int           // blocks fetched together: 8
	Patience    time.Duration // how long a node may give nothing new: 10 minutes
	Timeout     time.Duration // of one request: 30 s
	Poll        time.Duration // between looks at the head: 2 s
	Lease       time.Duration // of silence after which another ingester may take over: 30 s

	// Verify checks a block against its own hashes; nil takes the node's word.
	Verify   func(block, receipts json.RawMessage) error
	HTTP     *http.Client
	Logger   *slog.Logger
	Progress func(Progress)
	Now      func() time.Time
}

// Progress is told after every block.
type Progress struct {
	Block       uint64
	Done, Total int
	Bytes       int64 // received from the node
	Head        uint64
}

// Report says what was done.
type Report struct {
	Chain   string `json:"chain"`
	ChainID uint64 `json:"chain_id"`
	Wanted  int    `json:"wanted"`
	Already int    `json:"already"` // landed before
	Landed  int    `json:"landed"`
	Files   int    `json:"files"`
	Calls   int64  `json:"calls"`
	Bytes   int64  `json:"bytes"`
	Dir     string `json:"dir"`

	Head uint64 `json:"head,omitempty"`
	Lag  uint64 `json:"lag"` // blocks between the node's newest and the newest wanted

	Reorganisations int `json:"reorganisations"`
	Orphaned        int `json:"orphaned"` // landed blocks that left the chain and were taken out
}

// Range of block numbers, both ends included.
type Range struct{ First, Last uint64 }

// ParseBlocks reads "14000000-14000012,15000000".
func ParseBlocks(text string) ([]Range, error) {
	var out []Range
	for _, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		a, b, isRange := strings.Cut(part, "-")
		first, err := strconv.ParseUint(strings.TrimSpace(a), 10, 64)
		last := first
		if err == nil && isRange {
			last, err = strconv.ParseUint(strings.TrimSpace(b), 10, 64)
		}
		if err != nil || last < first {
			return nil, fmt.Errorf("%q is neither a block number nor a range FIRST-LAST", part)
		}
		if last-first > 100*million {
			return nil, fmt.Errorf("range %s has more than 100 million blocks", part)
		}
		out = append(out, Range{first, last})
	}
	if len(out) == 0 {
		return nil, errors.New("no block is named")
	}
	return out, nil
}

func withDefaults(cfg Config) Config {
	if cfg.Chain == "" {
		cfg.Chain = "ethereum"
	}
	if cfg.Dir == "" {
		cfg.Dir = "/data/chain"
	}
	if cfg.Replication == 0 {
		cfg.Replication = 3
	}
	if cfg.FileBytes == 0 {
		cfg.FileBytes = 64 << 20
	}
	if cfg.Parallel == 0 {
		cfg.Parallel = 4
	}
	if cfg.Batch == 0 {
		cfg.Batch = 8
	}
	if cfg.Patience == 0 {
		cfg.Patience = 10 * time.Minute
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Lease == 0 {
		cfg.Lease = leaseTime
	}
	if cfg.MaxReorg == 0 {
		cfg.MaxReorg = 1024
	}
	if cfg.Poll == 0 {
		cfg.Poll = 2 * time.Second
	}
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{Timeout: cfg.Timeout, Transport: &http.Transport{MaxIdleConnsPerHost: 2 * cfg.Parallel, ResponseHeaderTimeout: cfg.Timeout}}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Progress == nil {
		cfg.Progress = func(Progress) {}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return cfg
}

// run is one ingestion under way.
type run struct {
	cfg    Config
	node   *node
	fetch  *fetcher
	landed *landed
	known  map[uint64]entry // landed in this run
	report Report
	head   uint64
}

// Run lands the wanted blocks that are not landed yet. It may be stopped and started at any time.
func Run(ctx context.Context, cfg Config) (Report, error) {
	cfg = withDefaults(cfg)
	if cfg.RPC == "" {
		return Report{}, errors.New("the address of a node is needed (--rpc http://127.0.0.1:8545)")
	}
	if strings.ContainsAny(cfg.Chain, "/ .") {
		return Report{}, fmt.Errorf("%q is not a name of a chain", cfg.Chain)
	}
	if strings.HasPrefix(cfg.RPC, "ws") {
		return Report{}, fmt.Errorf("%s: the node is asked over HTTP; give its http:// address", cfg.RPC)
	}
	n := &node{url: cfg.RPC, http: cfg.HTTP}
	r := &run{cfg: cfg, node: n, known: map[uint64]entry{},
		fetch:  &fetcher{node: n, log: cfg.Logger, traces: cfg.Traces, patience: cfg.Patience, verify: cfg.Verify, limit: firstLimit},
		report: Report{Chain: cfg.Chain, Dir: directory(cfg.Dir, cfg.Chain)}}
	err := r.alone(ctx)
	r.report.Calls, r.report.Bytes = n.calls.Load(), n.bytes.Load()
	return r.report, err
}

// alone does all under the lease of the chain's directory.
func (r *run) alone(ctx context.Context) error {
	if err := r.meet(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l, err := takeLease(ctx, r.cfg.FS, r.report.Dir, r.cfg.Lease, r.cfg.Logger, cancel)
	if err != nil {
		return err
	}
	err = r.all(ctx)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return errors.Join(err, l.release(context.WithoutCancel(ctx)))
}

func (r *run) all(ctx context.Context) error {
	var doubt time.Time // since when the node contradicts itself
	for first := true; ; first = false {
		wanted, err := r.wanted(ctx)
		if err != nil {
			return err
		}
		if r.landed, err = list(ctx, r.cfg.FS, r.report.Dir); err != nil {
			return err
		}
		missing, err := r.landed.missing(ctx, wanted)
		if err != nil {
			return err
		}
		if first {
			r.report.Already = len(wanted) - len(missing)
		}
		r.report.Wanted = max(r.report.Wanted, len(wanted))
		if r.cfg.Latest {
			err = r.stands(ctx, r.watched(wanted))
		}
		if err == nil {
			err = r.land(ctx, missing)
		}
		var change *errReorganised
		if errors.As(err, &change) {
			from, err := r.unwind(ctx, change.at)
			if err != nil {
				return errors.Join(change, err)
			}
			if from == change.at {
				// The node agrees with what is landed again: it was between two minds.
				if doubt.IsZero() {
					doubt = time.Now()
				} else if time.Since(doubt) > r.cfg.Patience {
					return fmt.Errorf("%w, yet the node says that the landed block is its own", change)
				}
				if err := sleep(ctx, r.cfg.Poll); err != nil {
					return err
				}
			}
			r.again(from, change.at)
			continue
		}
		if err != nil {
			return err
		}
		doubt = time.Time{}
		if r.cfg.Once || !r.cfg.Latest {
			return nil
		}
		r.report.Head, r.report.Lag = r.head, r.head-min(r.head, r.last())
		// A follower starts again where it is: what is landed does not have to be wanted any more.
		r.cfg.Blocks = []Range{{First: r.last() + 1}}
		if err := sleep(ctx, r.cfg.Poll); err != nil {
			return nil // told to stop
		}
	}
}

// watched are the heights whose landed block is compared with the node's: what is wanted, and the one before it.
func (r *run) watched(wanted []uint64) []uint64 {
	if first := r.cfg.Blocks[len(r.cfg.Blocks)-1].First; len(wanted) == 0 && first > 0 {
		return []uint64{first - 1}
	}
	return wanted
}

// again wants the heights [from, below) that were taken out.
func (r *run) again(from, below uint64) {
	if from >= below {
		return
	}
	last := &r.cfg.Blocks[len(r.cfg.Blocks)-1]
	if r.cfg.Latest && from < last.First {
		last.First = from
		return
	}
	r.cfg.Blocks = append([]Range{{from, below - 1}}, r.cfg.Blocks...)
}

func (r *run) last() uint64 { return r.cfg.Blocks[len(r.cfg.Blocks)-1].Last }

// ask makes one call with patience.
func (r *run) ask(ctx context.Context, method string) (string, error) {
	start := time.Now()
	for attempt := 1; ; attempt++ {
		c := &call{method: method, params: []any{}}
		err := r.node.roundTrip(ctx, []*call{c})
		if err == nil && c.err != nil {
			err = c.err
		}
		var text string
		if err == nil {
			if err = json.Unmarshal(c.result, &text); err == nil {
				return text, nil
			}
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		var re *rpcError
		if errors.As(err, &re) && re.unsupported() || !isTransient(err) && !errors.As(err, &re) || time.Since(start) > r.cfg.Patience {
			return "", fmt.Errorf("node %s, %s: %w", r.cfg.RPC, method, err)
		}
		r.cfg.Logger.Warn("node does not answer yet", "method", method, "attempt", attempt, "error", err)
		if err := sleep(ctx, backoff(attempt)); err != nil {
			return "", err
		}
	}
}

// meet makes sure that the node is of the chain that was asked for.
func (r *run) meet(ctx context.Context) error {
	text, err := r.ask(ctx, "eth_chainId")
	if err != nil {
		return err
	}
	if r.report.ChainID, err = quantity(text); err != nil {
		return fmt.Errorf("node %s, eth_chainId: %w", r.cfg.RPC, err)
	}
	if want, ok := Chains()[r.cfg.Chain]; ok && want != r.report.ChainID {
		return fmt.Errorf("node %s is of chain %d, but %s is chain %d: wrong node, or wrong --chain", r.cfg.RPC, r.report.ChainID, r.cfg.Chain, want)
	}
	return nil
}

// wanted are the numbers to have, sorted, each once.
func (r *run) wanted(ctx context.Context) ([]uint64, error) {
	if len(r.cfg.Blocks) == 0 {
		return nil, errors.New("which blocks? --blocks LIST, or --from and --to")
	}
	if r.cfg.Latest {
		text, err := r.ask(ctx, "eth_blockNumber")
		if err != nil {
			return nil, err
		}
		head, err := quantity(text)
		if err != nil {
			return nil, err
		}
		r.head = max(head, r.head) // a node behind a balancer may go back
		last := &r.cfg.Blocks[len(r.cfg.Blocks)-1]
		end := r.head
		if !r.cfg.Once {
			end -= min(end, r.cfg.Confirmations)
		}
		if end < last.First {
			last.Last = last.First - 1
			if last.First == 0 {
				return nil, nil
			}
		} else {
			last.Last = end
		}
	}
	seen := map[uint64]bool{}
	var out []uint64
	for _, b := range r.cfg.Blocks {
		for n := b.First; n <= b.Last && b.Last+1 != 0; n++ {
			if !seen[n] {
				seen[n] = true
				out = append(out, n)
			}
		}
	}
	sortNumbers(out)
	return out, nil
}
