// Package bronze turns a parsed block into rows of the bronze tables: what the chain said, in ethereum-etl's columns, nothing
// interpreted. It is a pure function over batches; reading files and writing tables is the job's business.
package bronze

import (
	"strconv"
	"time"

	"github.com/lodehq/lode/jobs/chain/block"
	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/table/datafile"
	"github.com/lodehq/lode/table/datafile/schemas"
)

// Names of the bronze tables as keys of a job's outputs.
const (
	Blocks         = "blocks"
	Transactions   = "transactions"
	Logs           = "logs"
	Traces         = "traces"
	TokenTransfers = "token_transfers"
)

// Tables gives the definitions of a chain's bronze tables by those names.
func Tables(chain string) map[string]*datafile.Table {
	return map[string]*datafile.Table{Blocks: schemas.Blocks(), Transactions: schemas.Transactions(chain), Logs: schemas.Logs(chain), Traces: schemas.Traces(chain), TokenTransfers: schemas.TokenTransfers(chain)}
}

// Rows gathers the bronze rows of blocks.
type Rows struct {
	Chain   string // when the block does not say
	ChainID int64

	Blocks, Txs, Logs, Traces, Tokens *datafile.Batch
	num                               []byte
}

// NewRows makes empty batches. Chain and id are used for blocks that do not say which chain they are of.
func NewRows(chain string, chainID int64) *Rows {
	r := &Rows{Chain: chain, ChainID: chainID}
	t := Tables(chain)
	r.Blocks, r.Txs, r.Logs = datafile.NewBatch(&t[Blocks].Schema), datafile.NewBatch(&t[Transactions].Schema), datafile.NewBatch(&t[Logs].Schema)
	r.Traces, r.Tokens = datafile.NewBatch(&t[Traces].Schema), datafile.NewBatch(&t[TokenTransfers].Schema)
	return r
}

// Each calls f with each batch and the name of its table.
func (r *Rows) Each(f func(name string, b *datafile.Batch) error) error {
	for _, x := range []struct {
		name string
		b    *datafile.Batch
	}{{Blocks, r.Blocks}, {Transactions, r.Txs}, {Logs, r.Logs}, {Traces, r.Traces}, {TokenTransfers, r.Tokens}} {
		if err := f(x.name, x.b); err != nil {
			return err
		}
	}
	return nil
}

// Reset empties all batches.
func (r *Rows) Reset() {
	for _, b := range []*datafile.Batch{r.Blocks, r.Txs, r.Logs, r.Traces, r.Tokens} {
		b.Reset()
	}
}

// Size is about the memory of the rows in bytes.
func (r *Rows) Size() int {
	return r.Blocks.Size() + r.Txs.Size() + r.Logs.Size() + r.Traces.Size() + r.Tokens.Size()
}

func text(b *datafile.Batch, v []byte) {
	if v == nil {
		b.Null()
		return
	}
	b.Raw(v)
}

func integer(b *datafile.Batch, v block.Int) {
	if !v.OK {
		b.Null()
		return
	}
	b.Long(v.V)
}

// Add appends the rows of one block. The file is noted as their origin.
func (r *Rows) Add(b *block.Block, file string) {
	chain, id := r.Chain, r.ChainID
	if b.Chain != "" {
		chain = b.Chain
	}
	if b.ChainID.OK {
		id = b.ChainID.V
	}
	day, month := datafile.DayOf(b.Timestamp), datafile.MonthOf(b.Timestamp)
	ingested, known := ingestTime(b.FetchedAt)
	lineage := func(o *datafile.Batch) {
		o.StrOrNull(file)
		if known {
			o.Long(ingested)
		} else {
			o.Null()
		}
	}

	o := r.Blocks
	o.Str(chain).Long(id).Long(b.Number)
	for _, v := range [][]byte{b.Hash, b.ParentHash, b.Nonce, b.Sha3Uncles, b.LogsBloom, b.TransactionsRoot, b.StateRoot, b.ReceiptsRoot, b.Miner, b.Difficulty, b.TotalDifficulty} {
		text(o, v)
	}
	integer(o, b.Size)
	text(o, b.ExtraData)
	integer(o, b.GasLimit)
	integer(o, b.GasUsed)
	o.Long(b.Timestamp).Long(int64(len(b.Txs)))
	integer(o, b.BaseFee)
	text(o, b.WithdrawalsRoot)
	text(o, b.Withdrawals)
	integer(o, b.BlobGasUsed)
	integer(o, b.ExcessBlobGas)
	o.Time(b.Timestamp).Long(day).Long(month)
	lineage(o)

	for i := range b.Txs {
		t := &b.Txs[i]
		o := r.Txs
		o.Str(chain).Long(id).Raw(t.Hash)
		integer(o, t.Nonce)
		o.Raw(b.Hash).Long(b.Number)
		integer(o, t.Index)
		text(o, t.From)
		text(o, t.To)
		text(o, t.Value)
		integer(o, t.Gas)
		text(o, t.GasPrice)
		text(o, t.Input)
		o.Long(b.Timestamp)
		text(o, t.MaxFee)
		text(o, t.MaxPriority)
		integer(o, t.Type)
		text(o, t.MaxBlobFee)
		text(o, t.BlobHashes)
		integer(o, t.CumulativeGas)
		integer(o, t.ReceiptGas)
		text(o, t.Contract)
		text(o, t.Root)
		integer(o, t.Status)
		text(o, t.EffectiveGasPrice)
		text(o, t.BlobGasPrice)
		integer(o, t.BlobGas)
		o.Time(b.Timestamp).Long(day).Long(month)
		lineage(o)
		for j := range t.Logs {
			l := &t.Logs[j]
			o := r.Logs
			o.Str(chain).Long(id)
			integer(o, l.Index)
			o.Raw(t.Hash)
			integer(o, t.Index)
			o.Raw(b.Hash).Long(b.Number).Raw(l.Address).Raw(l.Data)
			for _, topic := range l.Topics {
				text(o, topic)
			}
			o.Long(b.Timestamp).Time(b.Timestamp).Long(day).Long(month)
			lineage(o)
			r.tokenTransfer(b, t, l, chain, id, day, month)
		}
	}

	for i := range b.Traces {
		t := &b.Traces[i]
		o := r.Traces
		o.Str(chain).Long(id).Long(b.Number)
		text(o, t.TxHash)
		integer(o, t.TxIndex)
		text(o, t.From)
		text(o, t.To)
		text(o, t.Value)
		text(o, t.Input)
		text(o, t.Output)
		text(o, t.Type)
		text(o, t.CallType)
		text(o, t.RewardType)
		integer(o, t.Gas)
		integer(o, t.GasUsed)
		o.Long(t.Subtraces).Raw(t.Address)
		text(o, t.Error)
		o.Long(t.Status).Raw(b.Hash).Long(b.Timestamp).Time(b.Timestamp).Long(day).Long(month)
		lineage(o)
	}
}

// TransferTopic is Transfer(address,address,uint256) as text.
const TransferTopic = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"

// tokenTransfer adds a row when topics and words of data make four, as ethereum-etl's extractor does. What does not fit is no row: the log
// itself is in the logs table.
func (r *Rows) tokenTransfer(b *block.Block, t *block.Tx, l *block.Log, chain string, id, day, month int64) {
	if l.NTopics == 0 || string(l.Topics[0]) != TransferTopic {
		return
	}
	digits := l.Data[2:]
	if l.NTopics+(len(digits)+63)/64 != 4 {
		return
	}
	var words [3][]byte
	n := 0
	for _, topic := range l.Topics[1:l.NTopics] {
		words[n] = topic[2:]
		n++
	}
	for ; len(digits) > 0; n++ {
		k := min(64, len(digits))
		words[n], digits = digits[:k], digits[k:]
	}
	var w evm.Word
	if !evm.DecodeFixed(w[:], words[0]) || !evm.DecodeFixed(w[:], words[1]) {
		return
	}
	r.num = append(append(r.num[:0], "0x"...), words[2]...)
	value, err := evm.AppendQuantity(nil, r.num)
	if err != nil {
		return
	}
	o := r.Tokens
	o.Str(chain).Long(id).Raw(l.Address)
	for _, v := range words[:2] {
		r.num = append(append(r.num[:0], "0x"...), v[24:]...)
		o.Raw(r.num)
	}
	o.Raw(value).Raw(t.Hash)
	integer(o, l.Index)
	o.Long(b.Number).Raw(b.Hash).Time(b.Timestamp).Long(day).Long(month)
}

// ingestTime reads RFC 3339 or seconds since 1970; microseconds.
func ingestTime(s string) (int64, bool) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.UnixMicro(), true
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && f > 0 && f < 1e12 {
		return int64(f * 1e6), true
	}
	return 0, false
}
