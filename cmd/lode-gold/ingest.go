//go:build cgo && duckdb_arrow

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/lodehq/lode/ingest/geth"
	"github.com/lodehq/lode/ingest/geth/verify"
)

func ingestCommand() *cli.Command {
	return &cli.Command{Name: "ingest", Usage: "take raw data from a source", Subcommands: []*cli.Command{
		{Name: "geth", Usage: "blocks of an Ethereum node, over JSON-RPC", Flags: commonFlags(
			&cli.StringFlag{Name: "rpc", Required: true, Usage: "`URL` of the node", EnvVars: []string{"LODE_RPC"}},
			&cli.StringFlag{Name: "chain", Value: "ethereum", Usage: "`NAME` of the chain: ethereum, palm, …"},
			&cli.StringFlag{Name: "blocks", Usage: "`LIST` of numbers and ranges: 14000000-14000012,15000000"},
			&cli.StringFlag{Name: "from", Usage: "first `BLOCK`"}, &cli.StringFlag{Name: "to", Usage: "last `BLOCK`, or latest"},
			&cli.BoolFlag{Name: "traces", Usage: "take traces too"}, &cli.BoolFlag{Name: "once", Usage: "end when the range is landed instead of following the head"},
			&cli.BoolFlag{Name: "verify", Usage: "compute every hash and root again"},
			&cli.Uint64Flag{Name: "confirmations", Value: 64, Usage: "when following, stay `N` blocks behind the head"},
			&cli.StringFlag{Name: "dir", Value: "/data/chain", Usage: "`DIR` in the file system"},
			&cli.IntFlag{Name: "replication", Value: 3}, &cli.IntFlag{Name: "parallel", Value: 4, Usage: "requests at once"},
			&cli.DurationFlag{Name: "patience", Value: 10 * time.Minute, Usage: "give up when the node gives nothing new for this long"},
			&cli.DurationFlag{Name: "timeout", Value: 30 * time.Second, Usage: "of one request"},
			&cli.BoolFlag{Name: "json", Usage: "answer as JSON"}), Action: with(runIngestGeth)},
	}}
}

func runIngestGeth(c *cli.Context, s *setup) error {
	cfg := geth.Config{
		RPC: c.String("rpc"), Chain: c.String("chain"), Traces: c.Bool("traces"), Once: c.Bool("once"), Confirmations: c.Uint64("confirmations"),
		FS: s.fs, Dir: c.String("dir"), Replication: c.Int("replication"), Parallel: c.Int("parallel"), Patience: c.Duration("patience"), Timeout: c.Duration("timeout"), Logger: s.log,
	}
	if c.Bool("verify") {
		cfg.Verify = verify.Block
	}
	if err := blocksOf(c, &cfg); err != nil {
		return usageError{err}
	}
	bar := &progress{w: c.App.ErrWriter, on: isTerminal(c.App.ErrWriter), started: time.Now()}
	cfg.Progress = bar.show
	report, err := geth.Run(c.Context, cfg)
	bar.end()
	if errors.Is(err, context.Canceled) {
		err = fmt.Errorf("stopped; %d blocks are landed, the same command goes on where it was", report.Landed)
	}
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, report)
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s: %d blocks landed in %d files under %s, %d were there before\n", report.Chain, report.Landed, report.Files, report.Dir, report.Already)
	return err
}

// blocksOf reads --blocks, or --from and --to.
func blocksOf(c *cli.Context, cfg *geth.Config) (err error) {
	list, from, to := c.String("blocks"), c.String("from"), c.String("to")
	if list != "" {
		if from != "" || to != "" {
			return errors.New("--blocks and --from/--to exclude each other")
		}
		cfg.Blocks, err = geth.ParseBlocks(list)
		return err
	}
	if from == "" {
		return errors.New("which blocks? --blocks LIST, or --from N --to N|latest")
	}
	var r geth.Range
	if r.First, err = strconv.ParseUint(from, 10, 64); err != nil {
		return fmt.Errorf("--from %s: not a block number", from)
	}
	if to == "" || to == "latest" {
		cfg.Latest = true
		r.Last = r.First
	} else if r.Last, err = strconv.ParseUint(to, 10, 64); err != nil || r.Last < r.First {
		return fmt.Errorf("--to %s: neither latest nor a block number from %s on", to, from)
	}
	cfg.Blocks = []geth.Range{r}
	return nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// progress is a line on the terminal that is written over, at most ten times a second; nothing in a pipe.
type progress struct {
	w             io.Writer
	on            bool
	started, last time.Time
}

func (p *progress) show(g geth.Progress) {
	now := time.Now()
	if !p.on || now.Sub(p.last) < 100*time.Millisecond && g.Done < g.Total {
		return
	}
	p.last = now
	seconds := now.Sub(p.started).Seconds()
	lag := ""
	if g.Head > g.Block {
		lag = fmt.Sprintf(", head %d", g.Head)
	}
	fmt.Fprintf(p.w, "\r\x1b[Kblock %d, %d of %d, %.1f blocks/s, %.1f MB/s%s", g.Block, g.Done, g.Total, float64(g.Done)/seconds, float64(g.Bytes)/seconds/1e6, lag)
}

func (p *progress) end() {
	if p.on && !p.last.IsZero() {
		fmt.Fprintln(p.w)
	}
}
