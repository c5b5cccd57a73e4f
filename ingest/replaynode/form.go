package replaynode

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
)

// object is a JSON object of a recording. Numbers are json.Number: nothing passes through a float.
type object = map[string]any

// The fields of a real node's answers, by what they hold. A recording's other fields (decodings, annotations) are not a node's and are left out.
var (
	blockQuantities       = words("number difficulty totalDifficulty gasLimit gasUsed size timestamp baseFeePerGas blobGasUsed excessBlobGas")
	blockData             = words("hash parentHash nonce sha3Uncles logsBloom transactionsRoot stateRoot receiptsRoot miner mixHash extraData withdrawalsRoot parentBeaconBlockRoot requestsHash")
	transactionQuantities = words("blockNumber gas gasPrice maxFeePerGas maxPriorityFeePerGas maxFeePerBlobGas nonce transactionIndex type value chainId v r s yParity")
	transactionData       = words("blockHash from hash input to")
	receiptQuantities     = words("blockNumber cumulativeGasUsed effectiveGasPrice gasUsed status transactionIndex type blobGasUsed blobGasPrice")
	receiptData           = words("blockHash contractAddress from logsBloom root to transactionHash")
	logQuantities         = words("blockNumber logIndex transactionIndex blockTimestamp")
	logData               = words("address blockHash data transactionHash")
	withdrawalQuantities  = words("index validatorIndex amount")
)

func words(s string) []string { return strings.Fields(s) }

// quantity gives a number in any form as a node writes it: 0x, no leading zeros.
func quantity(v any) (string, error) {
	switch v := v.(type) {
	case bool:
		if v {
			return "0x1", nil
		}
		return "0x0", nil
	case json.Number:
		return quantity(v.String())
	case string:
		n, ok := new(big.Int), false
		if digits, hex := strings.CutPrefix(strings.ToLower(v), "0x"); hex {
			if digits == "" {
				digits = "0"
			}
			_, ok = n.SetString(digits, 16)
		} else {
			_, ok = n.SetString(v, 10)
		}
		if !ok || n.Sign() < 0 {
			return "", fmt.Errorf("%q is not a number", v)
		}
		return "0x" + n.Text(16), nil
	}
	return "", fmt.Errorf("%v is not a number", v)
}

// lower gives hex data and addresses in lower case, recursively.
func lower(v any) any {
	switch v := v.(type) {
	case string:
		if strings.HasPrefix(v, "0x") || strings.HasPrefix(v, "0X") {
			return strings.ToLower(v)
		}
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = lower(v[i])
		}
		return out
	case map[string]any:
		out := make(object, len(v))
		for k := range v {
			out[k] = lower(v[k])
		}
		return out
	}
	return v
}

// pick takes the known fields over. A quantity that is null or absent stays absent; data that is null stays null.
func pick(from object, quantities, data []string) (object, error) {
	out := make(object, len(quantities)+len(data))
	for _, k := range quantities {
		v, ok := from[k]
		if !ok || v == nil {
			continue
		}
		q, err := quantity(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
		out[k] = q
	}
	for _, k := range data {
		if v, ok := from[k]; ok {
			out[k] = lower(v)
		}
	}
	return out, nil
}

func objects(v any) []object {
	list, _ := v.([]any)
	out := make([]object, 0, len(list))
	for _, e := range list {
		if o, ok := e.(object); ok {
			out = append(out, o)
		}
	}
	return out
}

// block is a recording in the forms of a node.
type block struct {
	number             string
	hash               string
	full, light        json.RawMessage
	receipts           json.RawMessage
	traces, flatTraces json.RawMessage // trace_block; debug_traceBlockByNumber with flatCallTracer
}

// form turns a recording into a node's answers.
func form(in object) (*block, error) {
	head, err := pick(in, blockQuantities, blockData)
	if err != nil {
		return nil, err
	}
	for _, k := range []string{"number", "hash", "parentHash"} {
		if head[k] == nil {
			return nil, fmt.Errorf("the recording has no %s", k)
		}
	}
	b := &block{number: head["number"].(string), hash: head["hash"].(string)}
	head["uncles"] = lower(orEmpty(in["uncles"]))
	if w, ok := in["withdrawals"]; ok {
		var list []object
		for _, o := range objects(w) {
			x, err := pick(o, withdrawalQuantities, []string{"address"})
			if err != nil {
				return nil, fmt.Errorf("withdrawal: %w", err)
			}
			list = append(list, x)
		}
		head["withdrawals"] = orNone(list)
	}
	var txs, receipts []object
	hashes, traces, flat := []any{}, []any{}, []any{}
	for i, t := range objects(in["transactions"]) {
		tx, receipt, list, err := transaction(t)
		if err != nil {
			return nil, fmt.Errorf("transaction %d: %w", i, err)
		}
		txs, receipts, hashes, traces = append(txs, tx), append(receipts, receipt), append(hashes, tx["hash"]), append(traces, list...)
		flat = append(flat, object{"txHash": tx["hash"], "result": list})
	}
	head["transactions"] = hashes
	light, err := json.Marshal(head)
	if err != nil {
		return nil, err
	}
	head["transactions"] = orNone(txs)
	b.light = light
	for _, part := range []struct {
		to *json.RawMessage
		v  any
	}{{&b.full, head}, {&b.receipts, orNone(receipts)}, {&b.traces, traces}, {&b.flatTraces, flat}} {
		if *part.to, err = json.Marshal(part.v); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func orEmpty(v any) any {
	if v == nil {
		return []any{}
	}
	return v
}

func orNone(list []object) []object {
	if list == nil {
		return []object{}
	}
	return list
}

// transaction gives a transaction, its receipt and its traces.
func transaction(in object) (tx, receipt object, traces []any, err error) {
	if tx, err = pick(in, transactionQuantities, transactionData); err != nil {
		return nil, nil, nil, err
	}
	if list, ok := in["accessList"]; ok {
		tx["accessList"] = lower(orEmpty(list))
	}
	if list, ok := in["blobVersionedHashes"]; ok {
		tx["blobVersionedHashes"] = lower(list)
	}
	if tx["type"] == nil {
		tx["type"] = typeOf(tx)
	}
	if _, ok := tx["to"]; !ok {
		tx["to"] = nil
	}
	r, _ := in["receipt"].(object)
	if r == nil {
		return nil, nil, nil, fmt.Errorf("no receipt is recorded")
	}
	if receipt, err = pick(r, receiptQuantities, receiptData); err != nil {
		return nil, nil, nil, fmt.Errorf("receipt: %w", err)
	}
	logs := []object{}
	for i, l := range objects(r["logs"]) {
		log, err := pick(l, logQuantities, logData)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("log %d: %w", i, err)
		}
		log["topics"] = lower(orEmpty(l["topics"]))
		log["removed"] = false
		logs = append(logs, log)
	}
	receipt["logs"] = logs
	traces = []any{}
	if list, ok := in["traces"].([]any); ok {
		for _, t := range list {
			traces = append(traces, lower(t))
		}
	}
	return tx, receipt, traces, nil
}

// typeOf is the type of a transaction (EIP-2718) by the fields that only it has.
func typeOf(tx object) string {
	switch {
	case tx["maxFeePerBlobGas"] != nil:
		return "0x3"
	case tx["maxFeePerGas"] != nil:
		return "0x2"
	case tx["accessList"] != nil:
		return "0x1"
	}
	return "0x0"
}
