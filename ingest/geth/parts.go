package geth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// compact copies JSON without its white space: a landed block is one line.
func compact(data json.RawMessage) (json.RawMessage, error) {
	var b bytes.Buffer
	b.Grow(len(data))
	if err := json.Compact(&b, data); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func quantity(s string) (uint64, error) {
	digits, ok := strings.CutPrefix(s, "0x")
	if !ok {
		return 0, fmt.Errorf("%q is not a quantity (0x…)", s)
	}
	return strconv.ParseUint(digits, 16, 64)
}

func isHash(s string) bool {
	if len(s) != 66 || !strings.HasPrefix(s, "0x") {
		return false
	}
	return strings.Trim(s[2:], "0123456789abcdefABCDEF") == ""
}

func takeBlock(p *pending, data json.RawMessage) error {
	var b struct {
		Number       string `json:"number"`
		Hash         string `json:"hash"`
		Parent       string `json:"parentHash"`
		Transactions []struct {
			Hash string `json:"hash"`
		} `json:"transactions"`
	}
	if err := json.Unmarshal(data, &b); err != nil {
		return fmt.Errorf("the block cannot be read: %w", err)
	}
	n, err := quantity(b.Number)
	if err != nil {
		return fmt.Errorf("number of the block: %w", err)
	}
	if n != p.number {
		return fmt.Errorf("the node sent block %d", n)
	}
	if !isHash(b.Hash) || !isHash(b.Parent) {
		return fmt.Errorf("the block has no hash yet")
	}
	txs := make([]string, len(b.Transactions))
	for i, t := range b.Transactions {
		if !isHash(t.Hash) {
			return fmt.Errorf("transaction %d has no hash", i)
		}
		txs[i] = strings.ToLower(t.Hash)
	}
	if p.block, err = compact(data); err != nil {
		return err
	}
	p.absent = false
	p.hash, p.parent, p.txs = strings.ToLower(b.Hash), strings.ToLower(b.Parent), txs
	return nil
}

func takeReceipts(p *pending, data json.RawMessage) (err error) {
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return fmt.Errorf("the receipts cannot be read: %w", err)
	}
	p.receipts, err = compact(data)
	return err
}

func traceCall(t tracer, at string) call {
	switch t {
	case traceBlock:
		return call{method: "trace_block", params: []any{at}}
	case flatCallTracer:
		return call{method: "debug_traceBlockByNumber", params: []any{at, map[string]any{"tracer": "flatCallTracer", "tracerConfig": map[string]any{"convertParityErrors": true}}}}
	}
	return call{method: "debug_traceBlockByNumber", params: []any{at, map[string]any{"tracer": "callTracer"}}}
}

func takeTraces(t tracer) func(*pending, json.RawMessage) error {
	return func(p *pending, data json.RawMessage) (err error) {
		if t == traceBlock {
			var list []json.RawMessage
			if err := json.Unmarshal(data, &list); err != nil {
				return fmt.Errorf("the traces cannot be read: %w", err)
			}
			p.traces, err = compact(data)
			return err
		}
		p.traces, err = flatten(data, t == callTracer)
		return err
	}
}

// checkParts makes sure that receipts and traces are of this block, by hashes, all of them and in order.
func checkParts(p *pending, traces bool) error {
	var receipts []struct {
		Tx    string `json:"transactionHash"`
		Block string `json:"blockHash"`
		Logs  []struct {
			Block string `json:"blockHash"`
		} `json:"logs"`
	}
	if err := json.Unmarshal(p.receipts, &receipts); err != nil {
		return fmt.Errorf("the receipts cannot be read: %w", err)
	}
	if len(receipts) != len(p.txs) {
		return fmt.Errorf("%d receipts for %d transactions", len(receipts), len(p.txs))
	}
	for i, r := range receipts {
		if !strings.EqualFold(r.Tx, p.txs[i]) || !strings.EqualFold(r.Block, p.hash) {
			return fmt.Errorf("receipt %d is of another block", i)
		}
		for _, l := range r.Logs {
			if l.Block != "" && !strings.EqualFold(l.Block, p.hash) {
				return fmt.Errorf("a log of receipt %d is of another block", i)
			}
		}
	}
	if !traces {
		return nil
	}
	var list []struct {
		Tx    *string `json:"transactionHash"`
		Block string  `json:"blockHash"`
	}
	if err := json.Unmarshal(p.traces, &list); err != nil {
		return fmt.Errorf("the traces cannot be read: %w", err)
	}
	traced := map[string]bool{}
	for i, t := range list {
		if t.Block != "" && !strings.EqualFold(t.Block, p.hash) {
			return fmt.Errorf("trace %d is of another block", i)
		}
		if t.Tx != nil {
			traced[strings.ToLower(*t.Tx)] = true
		}
	}
	for i, tx := range p.txs {
		if !traced[tx] {
			return fmt.Errorf("transaction %d has no traces", i)
		}
	}
	if len(traced) > len(p.txs) {
		return fmt.Errorf("the traces name transactions of another block")
	}
	return nil
}
