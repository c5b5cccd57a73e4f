package block

import (
	"bytes"
	"fmt"

	"github.com/lodehq/lode/jobs/chain/evm"
)

// traceList reads an array of traces in any form. Elements may be parity traces (with "action"), or one object for each transaction
// ({"txHash","result"}) whose result is flat or nested, or a bare nested call.
func (p *parser) traceList(txHash []byte, txIndex Int) error {
	if p.peek() == 'n' {
		return p.skip()
	}
	if p.peek() == '{' { // {"block_number","transaction_traces":[…]} or {"result":[…]}
		return p.object(func(key []byte) error {
			switch string(key) {
			case "transaction_traces", "result":
				return p.traceList(txHash, txIndex)
			}
			return p.skip()
		})
	}
	p.out.HasTraces = true
	n := int64(0)
	return p.array(func() error {
		err := p.trace(txHash, txIndex, n)
		n++
		return err
	})
}

// rawTrace gathers the fields of any form before it is known which form it is.
type rawTrace struct {
	t                                    Trace
	typ, from, to, init, address, refund []byte
	author, resultAddress, code          []byte
	balance                              []byte
	hasAction                            bool
	calls                                int // position of the nested calls in the input, 0 when none
	path                                 []byte
}

// trace reads one element. position counts the elements, which are transactions in the forms of one object a transaction.
func (p *parser) trace(txHash []byte, txIndex Int, position int64) error {
	var r rawTrace
	r.t.TxHash, r.t.TxIndex = txHash, txIndex
	resultAt, replayAt := 0, 0
	err := p.object(func(key []byte) error {
		switch string(key) {
		case "action":
			r.hasAction = true
			return p.action(&r)
		case "result":
			if p.peek() == 'n' {
				return p.skip()
			}
			p.space()
			resultAt = p.i
			return p.skip()
		case "trace": // trace_replayBlockTransactions
			p.space()
			replayAt = p.i
			return p.skip()
		case "txHash", "transactionHash":
			return p.hex(key, &r.t.TxHash)
		case "transactionPosition":
			return p.int(key, &r.t.TxIndex)
		case "subtraces":
			var n Int
			err := p.int(key, &n)
			r.t.Subtraces = n.V
			return err
		case "traceAddress":
			r.path = nil
			if p.peek() == 'n' {
				return p.skip()
			}
			return p.array(func() error {
				var n Int
				err := p.int(key, &n)
				r.path = appendPath(r.path, n.V)
				return err
			})
		case "calls":
			p.space()
			r.calls = p.i
			return p.skip()
		}
		return p.callField(key, &r)
	})
	if err != nil {
		return err
	}
	if r.hasAction {
		if resultAt > 0 {
			if err := p.at(resultAt, func() error { return p.parityResult(&r) }); err != nil {
				return err
			}
		}
		p.addParity(&r)
		return nil
	}
	if replayAt > 0 {
		resultAt = replayAt
	}
	if resultAt > 0 { // one object a transaction
		index := r.t.TxIndex
		if !index.OK {
			index = Int{V: position, OK: true}
		}
		hash := r.t.TxHash
		return p.at(resultAt, func() error {
			if p.peek() == '[' {
				return p.array(func() error { return p.trace(hash, index, 0) })
			}
			return p.trace(hash, index, 0)
		})
	}
	if len(r.typ) == 0 {
		if r.t.Error != nil { // the node could not trace this transaction
			p.out.Notes = append(p.out.Notes, fmt.Sprintf("transaction %s has no traces: the node answered %.200q", r.t.TxHash, r.t.Error))
			return nil
		}
		return p.errorf("a trace has neither action, result nor type")
	}
	if !r.t.TxIndex.OK {
		r.t.TxIndex = Int{V: position, OK: true}
	}
	return p.addNested(&r, nil)
}

// at runs f with the scanner moved back to an earlier value.
func (p *parser) at(i int, f func() error) error {
	keep := p.i
	p.i = i
	err := f()
	if err == nil {
		p.i = keep
	}
	return err
}

// callField reads a field of a call in geth's form (also of the flat form's outer object: type and error).
func (p *parser) callField(key []byte, r *rawTrace) error {
	switch string(key) {
	case "type":
		v, err := p.plain(key)
		r.typ = bytes.ToLower(v)
		return err
	case "error":
		v, err := p.plain(key)
		if len(v) > 0 {
			r.t.Error = v
		}
		return err
	case "from":
		return p.hex(key, &r.from)
	case "to":
		return p.hex(key, &r.to)
	case "value":
		return p.quantity(key, &r.t.Value)
	case "gas":
		return p.gas(key, &r.t.Gas)
	case "gasUsed":
		return p.gas(key, &r.t.GasUsed)
	case "input":
		return p.hex(key, &r.t.Input)
	case "output":
		return p.hex(key, &r.t.Output)
	}
	return p.skip()
}

// gas reads an amount of gas; old nodes gave up to 2^64-1 in a few traces, which is kept at the largest int64.
func (p *parser) gas(key []byte, dst *Int) error {
	k, v, err := p.value()
	if err != nil || k == null {
		return err
	}
	n, err := evm.ParseUint(v)
	if err != nil {
		return p.errorf("field %s must be a number, not %.60q", key, v)
	}
	*dst = Int{V: int64(min(n, 1<<63-1)), OK: true}
	return nil
}

func (p *parser) action(r *rawTrace) error {
	if p.peek() == 'n' {
		return p.skip()
	}
	return p.object(func(key []byte) error {
		switch string(key) {
		case "callType":
			v, err := p.plain(key)
			r.t.CallType = v
			return err
		case "rewardType":
			v, err := p.plain(key)
			r.t.RewardType = v
			return err
		case "init":
			return p.hex(key, &r.init)
		case "address":
			return p.hex(key, &r.address)
		case "refundAddress":
			return p.hex(key, &r.refund)
		case "author":
			return p.hex(key, &r.author)
		case "balance":
			return p.quantity(key, &r.balance)
		case "type", "error":
			return p.skip()
		}
		return p.callField(key, r)
	})
}

func (p *parser) parityResult(r *rawTrace) error {
	if p.peek() != '{' {
		return p.skip()
	}
	return p.object(func(key []byte) error {
		switch string(key) {
		case "gasUsed":
			return p.gas(key, &r.t.GasUsed)
		case "output":
			return p.hex(key, &r.t.Output)
		case "address":
			return p.hex(key, &r.resultAddress)
		case "code":
			return p.hex(key, &r.code)
		}
		return p.skip()
	})
}

// addParity maps a parity trace as ethereum-etl's trace mapper does.
func (p *parser) addParity(r *rawTrace) {
	t := r.t
	t.Type, t.Address = r.typ, r.path
	switch string(r.typ) {
	case "call":
		t.From, t.To = r.from, r.to
	case "create":
		t.From, t.To, t.Input, t.Output, t.CallType = r.from, r.resultAddress, r.init, r.code, nil
	case "suicide":
		t.From, t.To, t.Value = r.address, r.refund, r.balance
		t.Input, t.Output, t.Gas, t.GasUsed, t.CallType = nil, nil, Int{}, Int{}, nil
	case "reward":
		t.From, t.To = nil, r.author
		t.Input, t.Output, t.Gas, t.GasUsed, t.CallType = nil, nil, Int{}, Int{}, nil
	default:
		t.From, t.To = r.from, r.to
	}
	p.out.Traces = append(p.out.Traces, t)
}

// addNested adds a call of geth's callTracer and, in order, the calls inside it.
func (p *parser) addNested(r *rawTrace, path []byte) error {
	t := r.t
	t.From, t.To, t.Address = r.from, r.to, bytes.Clone(path)
	switch typ := string(r.typ); typ {
	case "call", "callcode", "delegatecall", "staticcall":
		t.Type, t.CallType = []byte("call"), r.typ
	case "create2":
		t.Type = []byte("create")
	case "selfdestruct":
		t.Type = []byte("suicide")
	default:
		t.Type = r.typ
	}
	if string(t.Type) == "suicide" {
		t.Input, t.Output, t.Gas, t.GasUsed = nil, nil, Int{}, Int{}
	}
	at := len(p.out.Traces)
	p.out.Traces = append(p.out.Traces, t)
	if r.calls == 0 {
		return nil
	}
	n := int64(0)
	err := p.at(r.calls, func() error {
		if p.peek() == 'n' {
			return p.skip()
		}
		return p.array(func() error {
			c := rawTrace{t: Trace{TxHash: t.TxHash, TxIndex: t.TxIndex}}
			err := p.object(func(key []byte) error {
				if string(key) == "calls" {
					p.space()
					c.calls = p.i
					return p.skip()
				}
				return p.callField(key, &c)
			})
			if err != nil {
				return err
			}
			err = p.addNested(&c, appendPath(bytes.Clone(path), n))
			n++
			return err
		})
	})
	p.out.Traces[at].Subtraces = n
	return err
}

// setStatus gives every trace 0 when it or a call around it failed. Traces of a transaction come with parents before children.
func setStatus(ts []Trace) {
	var failed [][]byte // paths of failed calls in the current transaction
	last := Int{V: -1}
	for i := range ts {
		t := &ts[i]
		if t.TxIndex != last {
			failed, last = failed[:0], t.TxIndex
		}
		t.Status = 1
		if t.Error != nil {
			t.Status = 0
			failed = append(failed, t.Address)
			continue
		}
		for _, f := range failed {
			if len(f) == 0 || len(t.Address) > len(f) && t.Address[len(f)] == ',' && bytes.HasPrefix(t.Address, f) {
				t.Status = 0
				break
			}
		}
	}
}
