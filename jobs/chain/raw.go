package chain

import (
	"fmt"
	"strings"

	"github.com/lodehq/lode/jobs/chain/block"
	"github.com/lodehq/lode/jobs/chain/bronze"
	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/format"
	"github.com/lodehq/lode/table/datafile"
	"github.com/lodehq/lode/table/datafile/schemas"
)

// Tables makes the inputs and outputs of tables. It is given by whoever wires the programs (package mapreduce/tableio), so that jobs stay free of the engine.
type Tables struct {
	// Output writes rows given as *datafile.Batch; the stage's commit makes one snapshot of the table in the given mode (with the filter for overwrite-range).
	Output func(t *datafile.Table, mode datafile.Mode, filter *datafile.Filter) mapreduce.OutputFormat
	// Input reads columns of a table; every record's row is a *datafile.Batch.
	Input func(table string, columns []string, filter *datafile.Filter) mapreduce.InputFormat
}

// Keys of the jobs' settings.
const (
	// KeyRawDir is the directory below which <chain>/raw holds the landed blocks.
	KeyRawDir = "lode.raw.dir"
	// KeyRawPaths names the files to read instead, comma-separated; globs allowed.
	KeyRawPaths = "lode.raw.paths"
	// KeyMode is "rebuild" (default: replace what the tables hold of these chains) or "append".
	KeyMode = "lode.tables.mode"
)

const defaultRawDir = "/data/chain"

// chainIDs are the chains that are known by name; blocks of others must say their id.
var chainIDs = map[string]int64{"ethereum": 1, "palm": 11297108109}

// Selection is which chains a job is about.
type Selection struct {
	Chains []string
	Mode   datafile.Mode
}

// Select reads chains from the arguments (none means ethereum) and the mode from the settings.
func Select(inv *mapreduce.Invocation, usage string) (Selection, error) {
	s := Selection{Chains: inv.Args, Mode: datafile.OverwriteRange}
	if len(s.Chains) == 0 {
		s.Chains = []string{"ethereum"}
	}
	for _, c := range s.Chains {
		if c == "" || strings.Trim(c, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return s, &mapreduce.UsageError{Program: inv.Program, Usage: usage, Message: fmt.Sprintf("%q is no chain's name (small letters and digits)", c)}
		}
	}
	switch m := setting(inv.Conf, KeyMode, "rebuild"); m {
	case "rebuild":
	case "append":
		s.Mode = datafile.Append
	default:
		return s, fmt.Errorf("%s is %q; allowed: rebuild, append", KeyMode, m)
	}
	return s, nil
}

// Filter matches the rows of the chains.
func (s Selection) Filter() *datafile.Filter {
	if s.Mode != datafile.OverwriteRange {
		return nil
	}
	if len(s.Chains) == 1 {
		return &datafile.Filter{And: []datafile.Predicate{{Column: "blockchain", Op: "=", Value: s.Chains[0]}}}
	}
	return &datafile.Filter{And: []datafile.Predicate{{Column: "blockchain", Op: "in", Value: s.Chains}}}
}

func setting(c *mapreduce.Conf, key, otherwise string) string {
	if c.Has(key) {
		return c.Map()[key]
	}
	return otherwise
}

// RawInput reads the landed blocks of the chains, a line a block, each height once (see landed).
func RawInput(inv *mapreduce.Invocation, chains []string) mapreduce.InputFormat {
	if p := setting(inv.Conf, KeyRawPaths, ""); p != "" {
		return landed{format.Text{Paths: strings.Split(p, ",")}, chains[0]}
	}
	var paths []string
	for _, c := range chains {
		paths = append(paths, fmt.Sprintf("%s/%s/raw/*/*.ndjson*", strings.TrimSuffix(setting(inv.Conf, KeyRawDir, defaultRawDir), "/"), c))
	}
	return landed{format.Text{Paths: paths}, chains[0]}
}

// BronzeOutputs gives the outputs of the bronze tables of the chains: "blocks", and "<chain>_logs" and so on for each chain.
func BronzeOutputs(t Tables, s Selection) map[string]mapreduce.OutputFormat {
	out := map[string]mapreduce.OutputFormat{bronze.Blocks: t.Output(schemas.Blocks(), s.Mode, s.Filter())}
	for _, c := range s.Chains {
		for name, table := range bronze.Tables(c) {
			if name != bronze.Blocks {
				out[c+"_"+name] = t.Output(table, s.Mode, s.Filter())
			}
		}
	}
	return out
}

// RawReader parses lines and gathers bronze rows by chain. It is the front of every job that reads raw blocks.
type RawReader struct {
	chains map[string]*bronze.Rows
	order  []string
	block  block.Block
}

// NewRawReader makes a reader for blocks of these chains.
func NewRawReader(chains []string) *RawReader {
	r := &RawReader{chains: map[string]*bronze.Rows{}, order: chains}
	for _, c := range chains {
		r.chains[c] = bronze.NewRows(c, chainIDs[c])
	}
	return r
}

// Read parses a line. The block is valid until the next call; its chain is one of the reader's, else the error says so.
func (r *RawReader) Read(line []byte, path string) (*block.Block, error) {
	if err := r.block.Parse(line); err != nil {
		return nil, err
	}
	b := &r.block
	if b.Chain == "" {
		b.Chain = r.order[0]
	}
	if r.chains[b.Chain] == nil {
		return nil, fmt.Errorf("a block of chain %q in %s; the job is about %s", b.Chain, path, strings.Join(r.order, ", "))
	}
	if !b.ChainID.OK {
		b.ChainID = block.Int{V: chainIDs[b.Chain], OK: chainIDs[b.Chain] != 0}
	}
	return b, nil
}

// Add gathers the bronze rows of a block that Read gave.
func (r *RawReader) Add(b *block.Block, path string) { r.chains[b.Chain].Add(b, path) }

// Size is about the memory of the gathered rows.
func (r *RawReader) Size() int {
	n := 0
	for _, rows := range r.chains {
		n += rows.Size()
	}
	return n
}

// Flush gives the gathered rows to the outputs that BronzeOutputs named.
func (r *RawReader) Flush(c *mapreduce.Context) error {
	for _, chain := range r.order {
		rows := r.chains[chain]
		err := rows.Each(func(name string, b *datafile.Batch) error {
			if b.Len() == 0 {
				return nil
			}
			if name != bronze.Blocks {
				name = chain + "_" + name
			}
			c.Counter("lode.rows", "bronze."+name).Add(int64(b.Len()))
			return c.EmitRow(name, b)
		})
		if err != nil {
			return err
		}
		rows.Reset()
	}
	return nil
}
