package ledger

import (
	"fmt"

	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/block"
	"github.com/lodehq/lode/jobs/chain/evm"
)

// FromBlock makes the transactions of a parsed block. Chain and id are used when the block does not say. Texts are shared with the block.
func FromBlock(b *block.Block, chain string, chainID int64) ([]*Tx, error) {
	at := Block{Chain: chain, ChainID: chainID, Number: b.Number, Time: b.Timestamp, Hash: string(b.Hash)}
	if b.Chain != "" {
		at.Chain = b.Chain
	}
	if b.ChainID.OK {
		at.ChainID = b.ChainID.V
	}
	txs := make([]*Tx, 0, len(b.Txs))
	byHash := make(map[string]*Tx, len(b.Txs))
	for i := range b.Txs {
		t := &b.Txs[i]
		tx := &Tx{Block: at, Hash: string(t.Hash), Input: t.Input}
		if err := tx.setHead(t.From, t.To, t.Value); err != nil {
			return nil, fmt.Errorf("transaction %s of block %d: %w", t.Hash, b.Number, err)
		}
		for j := range t.Logs {
			l := &t.Logs[j]
			if err := tx.AddLog(l.Index.V, l.Address, l.Topics[:l.NTopics], l.Data); err != nil {
				return nil, fmt.Errorf("log %d of block %d: %w", l.Index.V, b.Number, err)
			}
		}
		txs = append(txs, tx)
		byHash[tx.Hash] = tx
	}
	for i := range b.Traces {
		t := &b.Traces[i]
		tx := byHash[string(t.TxHash)]
		if tx == nil {
			continue // a block reward
		}
		if err := tx.AddCall(string(t.Address), t.Type, t.CallType, t.From, t.To, t.Value, t.Input, t.Status == 1); err != nil {
			return nil, fmt.Errorf("trace of transaction %s: %w", t.TxHash, err)
		}
		tx.HasTraces = true
	}
	return txs, nil
}

func (t *Tx) setHead(from, to, value []byte) error {
	if err := address(&t.From, from); err != nil {
		return err
	}
	if err := address(&t.To, to); err != nil {
		return err
	}
	return amount(&t.Value, value)
}

// SetHead fills sender, recipient and value from text.
func (t *Tx) SetHead(from, to, value []byte) error { return t.setHead(from, to, value) }

// AddLog adds an event whose parts are hex text.
func (t *Tx) AddLog(index int64, addr []byte, topics [][]byte, data []byte) error {
	l := Log{Index: index, NTopics: len(topics)}
	if err := address(&l.Address, addr); err != nil {
		return err
	}
	for i, topic := range topics {
		if i > 3 || !evm.DecodeFixed(l.Topics[i][:], topic) {
			return fmt.Errorf("%w: topic %d is %.80q", evm.ErrHex, i, topic)
		}
	}
	var err error
	if len(data) > 2 {
		l.Data, err = evm.AppendDecoded(make([]byte, 0, len(data)/2), data)
	}
	t.Logs = append(t.Logs, l)
	return err
}

// AddCall adds a trace whose parts are text, in ethereum-etl's terms.
func (t *Tx) AddCall(path string, typ, callType, from, to, value, input []byte, ok bool) error {
	c := CallTrace{Path: path, Input: input, OK: ok}
	switch string(typ) {
	case "call":
		c.Kind = Call
		if len(callType) > 0 && string(callType) != "call" {
			c.Kind = Code
		}
	case "create":
		c.Kind = Create
	case "suicide":
		c.Kind = Suicide
	default:
		c.Kind = OtherOne
	}
	if err := address(&c.From, from); err != nil {
		return err
	}
	if err := address(&c.To, to); err != nil {
		return err
	}
	if err := amount(&c.Value, value); err != nil {
		return err
	}
	t.Calls = append(t.Calls, c)
	return nil
}

func address(dst *evm.Address, text []byte) error {
	if len(text) == 0 {
		return nil
	}
	if !evm.DecodeFixed(dst[:], text) {
		return fmt.Errorf("%w: address %.80q", evm.ErrHex, text)
	}
	return nil
}

func amount(dst *uint256.Int, digits []byte) error {
	if len(digits) == 0 {
		return nil
	}
	if err := dst.SetFromDecimal(string(digits)); err != nil {
		return fmt.Errorf("amount %.80q: %w", digits, err)
	}
	return nil
}
