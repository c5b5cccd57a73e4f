package chain

import (
	"github.com/lodehq/lode/jobs/chain/block"
	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/table/datafile"
	"github.com/lodehq/lode/table/datafile/schemas"
)

// flushBytes is how much the mappers gather before they hand rows on.
const flushBytes = 8 << 20

// Programs gives the jobs of this package.
func Programs(t Tables) []mapreduce.Program {
	const usage = "[chain …]"
	return []mapreduce.Program{{
		Name: "chain-bronze", Usage: usage,
		Description: "raw blocks → bronze tables: blocks, transactions, logs, traces, token transfers",
		Build: func(inv *mapreduce.Invocation) (*mapreduce.Job, error) {
			s, err := Select(inv, usage)
			if err != nil {
				return nil, err
			}
			outputs := BronzeOutputs(t, s)
			outputs["decode_quarantine"] = t.Output(schemas.Quarantine(), datafile.Append, nil)
			return mapreduce.SingleStage("chain-bronze", &mapreduce.Stage{
				Inputs:  []mapreduce.Input{{Format: RawInput(inv, s.Chains), Mapper: func() mapreduce.Mapper { return &bronzeMapper{read: NewRawReader(s.Chains)} }}},
				Outputs: outputs,
			}), nil
		},
	}}
}

type bronzeMapper struct{ read *RawReader }

func (m *bronzeMapper) Map(c *mapreduce.Context, _, line []byte) error {
	b, err := m.read.Read(line, c.Split().Path)
	if err != nil {
		c.Counter("chain", "bad_line").Add(1)
		return quarantine(c, m.read.order[0], err.Error(), line)
	}
	m.read.Add(b, c.Split().Path)
	for _, note := range b.Notes {
		if err := quarantineNote(c, b, note); err != nil {
			return err
		}
	}
	c.Counter("chain", "blocks").Add(1)
	if m.read.Size() > flushBytes {
		return m.read.Flush(c)
	}
	return nil
}

func (m *bronzeMapper) Finish(c *mapreduce.Context) error { return m.read.Flush(c) }

// quarantineNote keeps what is not known of a block.
func quarantineNote(c *mapreduce.Context, b *block.Block, note string) error {
	t := schemas.Quarantine()
	o := datafile.NewBatch(&t.Schema)
	o.Str(b.Chain).Long(b.ChainID.V).Long(b.Number).Raw(b.Hash).Null().Null().Null().Null().Str(note).Time(b.Timestamp).Null()
	return c.EmitRow("decode_quarantine", o)
}

// quarantine keeps the beginning of a line that is no block.
func quarantine(c *mapreduce.Context, chain, reason string, line []byte) error {
	t := schemas.Quarantine()
	b := datafile.NewBatch(&t.Schema)
	b.Str(chain).Long(chainIDs[chain]).Null().Null().Null().Null().Null().Null().Str(reason).Null()
	b.Raw(line[:min(len(line), 4096)])
	return c.EmitRow("decode_quarantine", b)
}
