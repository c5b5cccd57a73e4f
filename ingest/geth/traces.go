package geth

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// frame is a call as geth's callTracer nests them.
type frame struct {
	Type    string   `json:"type"`
	From    string   `json:"from"`
	To      string   `json:"to"`
	Value   string   `json:"value"`
	Gas     string   `json:"gas"`
	GasUsed string   `json:"gasUsed"`
	Input   string   `json:"input"`
	Output  string   `json:"output"`
	Error   string   `json:"error"`
	Calls   []*frame `json:"calls"`
}

type flatAction struct {
	CallType      string `json:"callType,omitempty"`
	From          string `json:"from,omitempty"`
	To            string `json:"to,omitempty"`
	Gas           string `json:"gas,omitempty"`
	Input         string `json:"input,omitempty"`
	Init          string `json:"init,omitempty"`
	Value         string `json:"value,omitempty"`
	Address       string `json:"address,omitempty"`
	Balance       string `json:"balance,omitempty"`
	RefundAddress string `json:"refundAddress,omitempty"`
}

type flatResult struct {
	GasUsed string `json:"gasUsed,omitempty"`
	Output  string `json:"output,omitempty"`
	Address string `json:"address,omitempty"`
	Code    string `json:"code,omitempty"`
}

// flat is a trace as parity's trace_block lists them.
type flat struct {
	Action       flatAction  `json:"action"`
	Error        string      `json:"error,omitempty"`
	Result       *flatResult `json:"result"`
	Subtraces    int         `json:"subtraces"`
	TraceAddress []int       `json:"traceAddress"`
	Tx           string      `json:"transactionHash"`
	Position     int         `json:"transactionPosition"`
	Type         string      `json:"type"`
}

// flatten turns an answer of debug_traceBlockByNumber — one element a transaction — into one list as trace_block has.
func flatten(data json.RawMessage, nested bool) (json.RawMessage, error) {
	var txs []struct {
		Hash   string          `json:"txHash"`
		Result json.RawMessage `json:"result"`
		Error  string          `json:"error"`
	}
	if err := json.Unmarshal(data, &txs); err != nil {
		return nil, fmt.Errorf("the traces cannot be read: %w", err)
	}
	var out bytes.Buffer
	out.WriteByte('[')
	for i, tx := range txs {
		if tx.Error != "" {
			return nil, fmt.Errorf("transaction %d cannot be traced: %s", i, tx.Error)
		}
		list, err := listOf(tx.Result, tx.Hash, i, nested)
		if err != nil {
			return nil, fmt.Errorf("traces of transaction %d: %w", i, err)
		}
		for _, t := range list {
			if out.Len() > 1 {
				out.WriteByte(',')
			}
			if err := json.Compact(&out, t); err != nil {
				return nil, err
			}
		}
	}
	out.WriteByte(']')
	return out.Bytes(), nil
}

func listOf(result json.RawMessage, hash string, position int, nested bool) ([]json.RawMessage, error) {
	if !nested {
		var list []json.RawMessage
		err := json.Unmarshal(result, &list)
		return list, err
	}
	var top frame
	if err := json.Unmarshal(result, &top); err != nil {
		return nil, err
	}
	var out []json.RawMessage
	var walk func(f *frame, address []int) error
	walk = func(f *frame, address []int) error {
		t := f.flat()
		t.Subtraces, t.TraceAddress, t.Tx, t.Position = len(f.Calls), append([]int{}, address...), hash, position
		data, err := json.Marshal(t)
		if err != nil {
			return err
		}
		out = append(out, data)
		for i, c := range f.Calls {
			if err := walk(c, append(address, i)); err != nil {
				return err
			}
		}
		return nil
	}
	err := walk(&top, nil)
	return out, err
}

// flat says one frame in parity's words.
func (f *frame) flat() flat {
	var t flat
	zero := func(s string) string {
		if s == "" {
			return "0x0"
		}
		return s
	}
	data := func(s string) string {
		if s == "" {
			return "0x"
		}
		return s
	}
	switch f.Type {
	case "CREATE", "CREATE2":
		t.Type = "create"
		t.Action = flatAction{From: f.From, Gas: f.Gas, Init: data(f.Input), Value: zero(f.Value)}
		if f.Error == "" {
			t.Result = &flatResult{GasUsed: f.GasUsed, Address: f.To, Code: data(f.Output)}
		}
	case "SELFDESTRUCT":
		t.Type = "suicide"
		t.Action = flatAction{Address: f.From, RefundAddress: f.To, Balance: zero(f.Value)}
	default:
		t.Type = "call"
		t.Action = flatAction{CallType: callTypes[f.Type], From: f.From, To: f.To, Gas: f.Gas, Input: data(f.Input), Value: zero(f.Value)}
		if f.Error == "" || f.GasUsed != "" && f.Output != "" {
			t.Result = &flatResult{GasUsed: f.GasUsed, Output: data(f.Output)}
		}
	}
	t.Error = f.Error
	if f.Error == "execution reverted" {
		t.Error = "Reverted"
	}
	return t
}

var callTypes = map[string]string{"CALL": "call", "STATICCALL": "staticcall", "DELEGATECALL": "delegatecall", "CALLCODE": "callcode"}
