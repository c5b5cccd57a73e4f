package nft

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lodehq/lode/jobs/chain"
	"github.com/lodehq/lode/jobs/nft/ledger"
	"github.com/lodehq/lode/jobs/nft/market"
	"github.com/lodehq/lode/jobs/nft/silver"
	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/table/datafile"
	"github.com/lodehq/lode/table/datafile/schemas"
)

// The bronze columns that decoding needs.
var (
	txColumns    = []string{"blockchain", "chain_id", "block_number", "block_hash", "block_timestamp", "transaction_index", "hash", "from_address", "to_address", "value", "input", "ingest_time"}
	logColumns   = []string{"blockchain", "block_number", "transaction_index", "log_index", "address", "topic0", "topic1", "topic2", "topic3", "data", "block_hash"}
	traceColumns = []string{"blockchain", "block_number", "transaction_index", "trace_address", "trace_type", "call_type", "from_address", "to_address", "value", "input", "status", "block_hash"}
)

const (
	txRow    = 'A' // before the rest when values are sorted
	logRow   = 'L'
	traceRow = 'R'
)

// buildSilver brings the rows of a block together again: transactions, logs and traces meet by height.
func buildSilver(t chain.Tables, inv *mapreduce.Invocation) (*mapreduce.Job, error) {
	s, err := chain.Select(inv, usage)
	if err != nil {
		return nil, err
	}
	out := map[string]mapreduce.OutputFormat{}
	outputs(out, t, s, silver.Tables())
	stage := &mapreduce.Stage{Reducer: newBlockReducer, Reduces: 4, Outputs: out}
	for _, c := range s.Chains {
		for _, in := range []struct {
			table   string
			kind    byte
			columns []string
		}{{"transactions", txRow, txColumns}, {"logs", logRow, logColumns}, {"traces", traceRow, traceColumns}} {
			stage.Inputs = append(stage.Inputs, mapreduce.Input{Format: t.Input("bronze."+c+"_"+in.table, in.columns, nil), Mapper: func() mapreduce.Mapper { return &bronzeMapper{kind: in.kind} }})
		}
	}
	return mapreduce.SingleStage("nft-silver", stage), nil
}

// bronzeMapper sends rows to their block.
type bronzeMapper struct {
	kind       byte
	key, value []byte
}

func (m *bronzeMapper) Map(c *mapreduce.Context, _, _ []byte) error {
	b, err := batchOf(c)
	if err != nil {
		return err
	}
	name, number, index := b.Schema.Index("blockchain"), b.Schema.Index("block_number"), b.Schema.Index("transaction_index")
	for i := range b.Len() {
		if b.Columns[index].IsNull(i) {
			continue // rewards belong to no transaction
		}
		m.key = blockKey(m.key[:0], b.Columns[name].Bytes(i), b.Columns[number].Int(i))
		m.value = datafile.AppendRow(append(m.value[:0], m.kind), b, i)
		if err := c.Emit(m.key, m.value); err != nil {
			return err
		}
	}
	return nil
}

// blockReducer makes the transactions of a block and decodes them. Bronze tables that were appended to may hold a block twice, or two blocks of one height: the one that was
// ingested last counts, each row once.
type blockReducer struct {
	rows               *silver.Rows
	reg                *market.Registry
	tx, log, trace     *datafile.Batch
	txs                map[int64]*ledger.Tx
	seen               map[string]bool // logs and traces of the block
	hash               string
	ingested           int64
	pendingL, pendingR [][]byte
}

func newBlockReducer() mapreduce.Reducer {
	project := func(t *datafile.Table, columns []string) *datafile.Batch {
		s, err := t.Schema.Project(columns)
		if err != nil {
			panic(err) // the columns above are those of the tables: a mistake of the program
		}
		return datafile.NewBatch(s)
	}
	return &blockReducer{rows: silver.NewRows(), reg: market.NewRegistry(), tx: project(schemas.Transactions("ethereum"), txColumns), log: project(schemas.Logs("ethereum"), logColumns), trace: project(schemas.Traces("ethereum"), traceColumns)}
}

func (r *blockReducer) Reduce(c *mapreduce.Context, key []byte, values *mapreduce.Values) error {
	r.txs, r.seen, r.hash, r.ingested = map[int64]*ledger.Tx{}, map[string]bool{}, "", 0
	r.pendingL, r.pendingR = r.pendingL[:0], r.pendingR[:0]
	for values.Next() {
		v := values.Value()
		if len(v) == 0 {
			return fmt.Errorf("a row of block %x is empty", key)
		}
		row := append([]byte{}, v[1:]...)
		switch v[0] {
		case txRow:
			if err := r.addTx(row); err != nil {
				return err
			}
		case logRow:
			r.pendingL = append(r.pendingL, row)
		default:
			r.pendingR = append(r.pendingR, row)
		}
	}
	if err := values.Err(); err != nil {
		return err
	}
	for _, row := range r.pendingL {
		if err := r.addLog(row); err != nil {
			return err
		}
	}
	for _, row := range r.pendingR {
		if err := r.addTrace(row); err != nil {
			return err
		}
	}
	var order []int64
	for i := range r.txs {
		order = append(order, i)
	}
	slices.Sort(order)
	var txs []*ledger.Tx
	for _, i := range order {
		t := r.txs[i]
		t.HasTraces = len(t.Calls) > 0
		slices.SortFunc(t.Logs, func(a, b ledger.Log) int { return int(a.Index - b.Index) })
		slices.SortStableFunc(t.Calls, func(a, b ledger.CallTrace) int { return comparePaths(a.Path, b.Path) })
		txs = append(txs, t)
	}
	r.rows.Block(r.reg, txs)
	c.Counter("chain", "blocks").Add(1)
	if r.rows.Size() > flushBytes {
		return writeSilver(c, r.rows)
	}
	return nil
}

func (r *blockReducer) Finish(c *mapreduce.Context) error { return writeSilver(c, r.rows) }

// comparePaths orders calls as they were made: by the numbers of their path.
func comparePaths(a, b string) int {
	for a != "" && b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ",")
		y, b, _ = strings.Cut(b, ",")
		n, _ := strconv.Atoi(x)
		m, _ := strconv.Atoi(y)
		if n != m {
			return n - m
		}
	}
	return len(a) - len(b)
}

func (r *blockReducer) addTx(row []byte) error {
	b := r.tx
	b.Reset()
	if err := b.AppendEncoded(row); err != nil {
		return fmt.Errorf("a transaction's row: %w", err)
	}
	col := func(n int) *datafile.Column { return &b.Columns[n] }
	t := &ledger.Tx{Block: ledger.Block{Chain: col(0).Text(0), ChainID: col(1).Int(0), Number: col(2).Int(0), Hash: col(3).Text(0), Time: col(4).Int(0)}, Hash: col(6).Text(0), Input: append([]byte{}, col(10).Bytes(0)...)}
	if err := t.SetHead(col(7).Bytes(0), col(8).Bytes(0), col(9).Bytes(0)); err != nil {
		return fmt.Errorf("transaction %s: %w", t.Hash, err)
	}
	ingested := int64(0)
	if !col(11).IsNull(0) {
		ingested = col(11).Int(0)
	}
	if t.Block.Hash != r.hash {
		if r.hash != "" && (ingested < r.ingested || ingested == r.ingested && t.Block.Hash < r.hash) {
			return nil
		}
		r.hash, r.ingested = t.Block.Hash, ingested
		clear(r.txs)
	}
	r.ingested = max(r.ingested, ingested)
	r.txs[col(5).Int(0)] = t
	return nil
}

func (r *blockReducer) of(b *datafile.Batch, what string) (*ledger.Tx, error) {
	t := r.txs[b.Columns[2].Int(0)]
	if t == nil {
		return nil, fmt.Errorf("a %s of block %d belongs to transaction %d, which the transactions table does not have", what, b.Columns[1].Int(0), b.Columns[2].Int(0))
	}
	return t, nil
}

// again tells whether a row is of another block of this height, or was there before.
func (r *blockReducer) again(kind byte, hash, key []byte) bool {
	if string(hash) != r.hash {
		return true
	}
	k := string(append([]byte{kind}, key...))
	if r.seen[k] {
		return true
	}
	r.seen[k] = true
	return false
}

func (r *blockReducer) addLog(row []byte) error {
	b := r.log
	b.Reset()
	if err := b.AppendEncoded(row); err != nil {
		return fmt.Errorf("a log's row: %w", err)
	}
	if r.again('L', b.Columns[10].Bytes(0), strconv.AppendInt(nil, b.Columns[3].Int(0), 10)) {
		return nil
	}
	t, err := r.of(b, "log")
	if err != nil {
		return err
	}
	var topics [][]byte
	for n := 5; n < 9 && !b.Columns[n].IsNull(0); n++ {
		topics = append(topics, b.Columns[n].Bytes(0))
	}
	return t.AddLog(b.Columns[3].Int(0), b.Columns[4].Bytes(0), topics, b.Columns[9].Bytes(0))
}

func (r *blockReducer) addTrace(row []byte) error {
	b := r.trace
	b.Reset()
	if err := b.AppendEncoded(row); err != nil {
		return fmt.Errorf("a trace's row: %w", err)
	}
	if r.again('R', b.Columns[11].Bytes(0), fmt.Appendf(nil, "%d:%s", b.Columns[2].Int(0), b.Columns[3].Bytes(0))) {
		return nil
	}
	t, err := r.of(b, "trace")
	if err != nil {
		return err
	}
	col := func(n int) []byte { return b.Columns[n].Bytes(0) }
	return t.AddCall(string(col(3)), col(4), col(5), col(6), col(7), col(8), append([]byte{}, col(9)...), b.Columns[10].Int(0) == 1)
}
