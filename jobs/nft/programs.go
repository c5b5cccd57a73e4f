package nft

import (
	"github.com/lodehq/lode/jobs/chain"
	"github.com/lodehq/lode/jobs/nft/gold"
	"github.com/lodehq/lode/jobs/nft/market"
	"github.com/lodehq/lode/jobs/nft/silver"
	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/format"
	"github.com/lodehq/lode/table/datafile"
	"github.com/lodehq/lode/table/datafile/schemas"
)

// KeyWorkDir is where the stages of a job leave what the next one reads; it is removed when the job ends.
const KeyWorkDir = "lode.nft.work.dir"

const (
	usage       = "[chain …]"
	flushBytes  = 8 << 20
	defaultWork = "/tmp/lode/nft"
)

// Programs gives the jobs of this package.
//
//	nft-gold     raw blocks → bronze, silver and gold tables, from nothing
//	nft-silver   bronze tables → silver tables
//	nft-figures  silver tables → gold tables
func Programs(t chain.Tables) []mapreduce.Program {
	return []mapreduce.Program{
		{Name: "nft-gold", Usage: usage, Description: "raw blocks → bronze, silver and gold tables of NFT transfers, sales and markets", Build: func(inv *mapreduce.Invocation) (*mapreduce.Job, error) {
			return buildGold(t, inv)
		}},
		{Name: "nft-silver", Usage: usage, Description: "bronze tables → silver tables of NFT transfers, sales, mints, payments", Build: func(inv *mapreduce.Invocation) (*mapreduce.Job, error) {
			return buildSilver(t, inv)
		}},
		{Name: "nft-figures", Usage: usage, Description: "silver tables → gold tables of NFT markets, collections, tokens and wallets", Build: func(inv *mapreduce.Invocation) (*mapreduce.Job, error) {
			return buildFigures(t, inv)
		}},
	}
}

// outputs adds tables to the outputs of a stage.
func outputs(out map[string]mapreduce.OutputFormat, t chain.Tables, s chain.Selection, tables map[string]*datafile.Table) {
	for name, table := range tables {
		out[name] = t.Output(table, s.Mode, s.Filter())
	}
}

func workDir(inv *mapreduce.Invocation) string {
	if inv.Conf.Has(KeyWorkDir) {
		return inv.Conf.Map()[KeyWorkDir]
	}
	return defaultWork + "-" + inv.Program
}

// buildGold is two stages: every block is parsed once, its bronze and silver rows are written by the mapper, and the facts about a collection meet in a reducer; what concerns
// markets goes to the second stage.
func buildGold(t chain.Tables, inv *mapreduce.Invocation) (*mapreduce.Job, error) {
	s, err := chain.Select(inv, usage)
	if err != nil {
		return nil, err
	}
	work := workDir(inv)
	out := chain.BronzeOutputs(t, s)
	outputs(out, t, s, silver.Tables())
	outputs(out, t, s, gold.CollectionTables())
	outputs(out, t, s, gold.PriceTables())
	out["nft_metadata"] = t.Output(schemas.NFTMetadata(), datafile.Append, nil) // nothing on chain fills it; whoever asks for token URIs appends to it
	first := &mapreduce.Stage{
		Name:    "blocks and collections",
		Inputs:  []mapreduce.Input{{Format: chain.RawInput(inv, s.Chains), Mapper: func() mapreduce.Mapper { return newRawMapper(s.Chains) }}},
		Reducer: newCollectionReducer, Reduces: 4, Output: format.NewTextOutput(work), Outputs: out,
	}
	return &mapreduce.Job{Name: "nft-gold", Stages: []*mapreduce.Stage{first, marketStage(t, s, work)}, Cleanup: []string{work}}, nil
}

// buildFigures reads what silver holds.
func buildFigures(t chain.Tables, inv *mapreduce.Invocation) (*mapreduce.Job, error) {
	s, err := chain.Select(inv, usage)
	if err != nil {
		return nil, err
	}
	work := workDir(inv)
	out := map[string]mapreduce.OutputFormat{}
	outputs(out, t, s, gold.CollectionTables())
	stage := &mapreduce.Stage{Name: "collections", Reducer: newCollectionReducer, Reduces: 4, Output: format.NewTextOutput(work), Outputs: out}
	for _, name := range []string{silver.Trades, silver.Transfers, silver.Mints, silver.Orders} {
		stage.Inputs = append(stage.Inputs, mapreduce.Input{Format: t.Input("silver."+name, nil, chainFilter(s)), Mapper: func() mapreduce.Mapper { return &factMapper{table: name} }})
	}
	return &mapreduce.Job{Name: "nft-figures", Stages: []*mapreduce.Stage{stage, marketStage(t, s, work)}, Cleanup: []string{work}}, nil
}

func chainFilter(s chain.Selection) *datafile.Filter {
	s.Mode = datafile.OverwriteRange
	return s.Filter()
}

func marketStage(t chain.Tables, s chain.Selection, work string) *mapreduce.Stage {
	out := map[string]mapreduce.OutputFormat{}
	outputs(out, t, s, gold.MarketTables())
	return &mapreduce.Stage{
		Name:    "markets",
		Inputs:  []mapreduce.Input{{Format: format.Text{Paths: []string{work + "/part-*"}}, Mapper: mapreduce.MapFunc(marketMap)}},
		Reducer: func() mapreduce.Reducer { return &marketReducer{rows: gold.NewRows(gold.MarketTables())} }, Reduces: 1, Outputs: out,
	}
}

// rawMapper parses blocks and writes their rows; facts go to the shuffle.
type rawMapper struct {
	read   *chain.RawReader
	rows   *silver.Rows
	reg    *market.Registry
	emit   gold.Emitter
	chains []string
}

func newRawMapper(chains []string) *rawMapper {
	return &rawMapper{read: chain.NewRawReader(chains), rows: silver.NewRows(), reg: market.NewRegistry(), chains: chains}
}
