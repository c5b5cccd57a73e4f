package block

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/lodehq/lode/jobs/chain/evm"
)

// Parse reads a block. The input is changed in place and must live as long as the block is used. The block's slices are reused when it
// was filled before.
func (b *Block) Parse(input []byte) error {
	*b = Block{Txs: b.Txs[:0], Traces: b.Traces[:0], arena: b.arena[:0]}
	p := &parser{scanner: scanner{b: bytes.TrimSpace(input)}, out: b}
	if err := p.envelope(); err != nil {
		return err
	}
	if err := p.end(); err != nil {
		return err
	}
	return p.finish()
}

type parser struct {
	scanner
	out      *Block
	header   bool
	receipts []Tx // receipts that came apart from their transactions
	txTraces bool // traces came inside transactions
}

// envelope reads the outermost object: a landed line, a JSON-RPC answer, or the block itself.
func (p *parser) envelope() error {
	return p.object(func(key []byte) error {
		switch string(key) {
		case "chain":
			v, err := p.plain(key)
			p.out.Chain = string(v)
			return err
		case "chain_id":
			return p.int(key, &p.out.ChainID)
		case "source":
			v, err := p.plain(key)
			p.out.Source = string(v)
			return err
		case "fetched_at":
			v, err := p.plain(key)
			p.out.FetchedAt = string(v)
			return err
		case "block", "result":
			if p.peek() != '{' {
				return p.skip()
			}
			return p.object(p.headerField)
		case "receipts":
			return p.receiptList()
		case "traces":
			return p.traceList(nil, Int{})
		case "jsonrpc", "id":
			return p.skip()
		}
		return p.headerField(key)
	})
}

func (p *parser) headerField(key []byte) error {
	b := p.out
	switch string(key) {
	case "number":
		var n Int
		err := p.int(key, &n)
		b.Number = n.V
		p.header = p.header || n.OK
		return err
	case "timestamp":
		var n Int
		err := p.int(key, &n)
		b.Timestamp = n.V
		return err
	case "hash":
		return p.hex(key, &b.Hash)
	case "parentHash":
		return p.hex(key, &b.ParentHash)
	case "nonce":
		return p.hex(key, &b.Nonce)
	case "sha3Uncles":
		return p.hex(key, &b.Sha3Uncles)
	case "logsBloom":
		return p.hex(key, &b.LogsBloom)
	case "transactionsRoot":
		return p.hex(key, &b.TransactionsRoot)
	case "stateRoot":
		return p.hex(key, &b.StateRoot)
	case "receiptsRoot":
		return p.hex(key, &b.ReceiptsRoot)
	case "miner":
		return p.hex(key, &b.Miner)
	case "extraData":
		return p.hex(key, &b.ExtraData)
	case "withdrawalsRoot":
		return p.hex(key, &b.WithdrawalsRoot)
	case "difficulty":
		return p.quantity(key, &b.Difficulty)
	case "totalDifficulty":
		return p.quantity(key, &b.TotalDifficulty)
	case "size":
		return p.int(key, &b.Size)
	case "gasLimit":
		return p.int(key, &b.GasLimit)
	case "gasUsed":
		return p.int(key, &b.GasUsed)
	case "baseFeePerGas":
		return p.int(key, &b.BaseFee)
	case "blobGasUsed":
		return p.int(key, &b.BlobGasUsed)
	case "excessBlobGas":
		return p.int(key, &b.ExcessBlobGas)
	case "withdrawals":
		return p.withdrawals()
	case "transactions":
		if p.peek() == 'n' {
			return p.skip()
		}
		return p.array(p.transaction)
	}
	return p.skip()
}

func (p *parser) transaction() error {
	if p.peek() == '"' {
		return p.errorf("transactions are hashes only; the block must be fetched with full transactions")
	}
	p.out.Txs = append(p.out.Txs, Tx{})
	t := &p.out.Txs[len(p.out.Txs)-1]
	return p.object(func(key []byte) error {
		switch string(key) {
		case "hash":
			return p.hex(key, &t.Hash)
		case "blockHash":
			return p.hex(key, &t.BlockHash)
		case "from":
			return p.hex(key, &t.From)
		case "to":
			return p.hex(key, &t.To)
		case "input", "data":
			return p.hex(key, &t.Input)
		case "nonce":
			return p.int(key, &t.Nonce)
		case "blockNumber":
			return p.int(key, &t.BlockNumber)
		case "transactionIndex":
			return p.int(key, &t.Index)
		case "gas":
			return p.int(key, &t.Gas)
		case "type":
			return p.int(key, &t.Type)
		case "value":
			return p.quantity(key, &t.Value)
		case "gasPrice":
			return p.quantity(key, &t.GasPrice)
		case "maxFeePerGas":
			return p.quantity(key, &t.MaxFee)
		case "maxPriorityFeePerGas":
			return p.quantity(key, &t.MaxPriority)
		case "maxFeePerBlobGas":
			return p.quantity(key, &t.MaxBlobFee)
		case "blobVersionedHashes":
			return p.hexList(key, &t.BlobHashes)
		case "receipt":
			if p.peek() == 'n' {
				return p.skip()
			}
			p.out.HasReceipts = true
			return p.receipt(t)
		case "traces":
			p.txTraces = true
			return p.traceList(nil, Int{})
		}
		return p.skip()
	})
}

// receiptList reads eth_getBlockReceipts; receipts find their transaction when all is read.
func (p *parser) receiptList() error {
	if p.peek() == 'n' {
		return p.skip()
	}
	p.out.HasReceipts = true
	return p.array(func() error {
		p.receipts = append(p.receipts, Tx{})
		return p.receipt(&p.receipts[len(p.receipts)-1])
	})
}

// receipt fills the receipt part of t, and for receipts that come apart the hash and index too.
func (p *parser) receipt(t *Tx) error {
	t.HasReceipt = true
	return p.object(func(key []byte) error {
		switch string(key) {
		case "transactionHash":
			if t.Hash != nil {
				return p.skip()
			}
			return p.hex(key, &t.Hash)
		case "transactionIndex":
			if t.Index.OK {
				return p.skip()
			}
			return p.int(key, &t.Index)
		case "cumulativeGasUsed":
			return p.int(key, &t.CumulativeGas)
		case "gasUsed":
			return p.int(key, &t.ReceiptGas)
		case "contractAddress":
			return p.hex(key, &t.Contract)
		case "root":
			return p.hex(key, &t.Root)
		case "status":
			switch p.peek() {
			case 't', 'f':
				k, _, err := p.value()
				t.Status = Int{OK: true}
				if k == yes {
					t.Status.V = 1
				}
				return err
			}
			return p.int(key, &t.Status)
		case "effectiveGasPrice":
			return p.quantity(key, &t.EffectiveGasPrice)
		case "blobGasUsed":
			return p.int(key, &t.BlobGas)
		case "blobGasPrice":
			return p.quantity(key, &t.BlobGasPrice)
		case "logs":
			if p.peek() == 'n' {
				return p.skip()
			}
			return p.array(func() error { return p.log(t) })
		}
		return p.skip()
	})
}

func (p *parser) log(t *Tx) error {
	t.Logs = append(t.Logs, Log{})
	l := &t.Logs[len(t.Logs)-1]
	return p.object(func(key []byte) error {
		switch string(key) {
		case "logIndex":
			return p.int(key, &l.Index)
		case "transactionIndex":
			return p.int(key, &l.TxIndex)
		case "transactionHash":
			return p.hex(key, &l.TxHash)
		case "blockHash":
			return p.hex(key, &l.BlockHash)
		case "address":
			return p.hex(key, &l.Address)
		case "data":
			return p.hex(key, &l.Data)
		case "topics":
			if p.peek() == 'n' { // an anonymous event, as some nodes say it
				return p.skip()
			}
			return p.array(func() error {
				if l.NTopics == 4 {
					return p.errorf("a log has more than four topics")
				}
				l.NTopics++
				return p.hex(key, &l.Topics[l.NTopics-1])
			})
		}
		return p.skip()
	})
}

// withdrawals keeps ethereum-etl's names: numbers in decimal.
func (p *parser) withdrawals() error {
	if p.peek() == 'n' {
		return p.skip()
	}
	p.out.Withdrawals = []byte{'['}
	err := p.array(func() error {
		var index, validator Int
		var address, amount []byte
		err := p.object(func(key []byte) error {
			switch string(key) {
			case "index":
				return p.int(key, &index)
			case "validatorIndex":
				return p.int(key, &validator)
			case "address":
				return p.hex(key, &address)
			case "amount":
				return p.quantity(key, &amount)
			}
			return p.skip()
		})
		if len(p.out.Withdrawals) > 1 {
			p.out.Withdrawals = append(p.out.Withdrawals, ',')
		}
		p.out.Withdrawals = fmt.Appendf(p.out.Withdrawals, `{"index":%d,"validator_index":%d,"address":"%s","amount":%s}`, index.V, validator.V, address, amount)
		return err
	})
	p.out.Withdrawals = append(p.out.Withdrawals, ']')
	return err
}

// ---- fields

func (p *parser) plain(key []byte) ([]byte, error) {
	k, v, err := p.value()
	if err == nil && k == nested {
		err = p.errorf("field %s must be a text or number", key)
	}
	return v, err
}

// hex reads 0x text or null.
func (p *parser) hex(key []byte, dst *[]byte) error {
	k, v, err := p.value()
	switch {
	case err != nil:
		return err
	case k == null:
		*dst = nil
		return nil
	case k != text || !evm.Lower(v):
		return p.errorf("field %s must be 0x hexadecimal, not %.60q", key, v)
	}
	*dst = v
	return nil
}

func (p *parser) hexList(key []byte, dst *[]byte) error {
	if p.peek() == 'n' {
		return p.skip()
	}
	var out []byte
	err := p.array(func() error {
		var v []byte
		if err := p.hex(key, &v); err != nil {
			return err
		}
		if len(out) > 0 {
			out = append(out, ',')
		}
		out = append(out, v...)
		return nil
	})
	*dst = out
	return err
}

// int reads a number of up to 63 bits or null.
func (p *parser) int(key []byte, dst *Int) error {
	k, v, err := p.value()
	switch {
	case err != nil:
		return err
	case k == null:
		*dst = Int{}
		return nil
	case k != text && k != number:
		return p.errorf("field %s must be a number", key)
	case k == text && string(v) == "0x":
		*dst = Int{OK: true}
		return nil
	}
	n, err := evm.ParseUint(v)
	if err != nil || n > 1<<63-1 {
		return p.errorf("field %s must be a number below 2^63, not %.60q", key, v)
	}
	*dst = Int{V: int64(n), OK: true}
	return nil
}

// quantity reads a number of up to 256 bits or null, as decimal digits.
func (p *parser) quantity(key []byte, dst *[]byte) error {
	k, v, err := p.value()
	switch {
	case err != nil:
		return err
	case k == null:
		*dst = nil
		return nil
	case k != text && k != number:
		return p.errorf("field %s must be a number", key)
	}
	at := len(p.out.arena)
	a, err := evm.AppendQuantity(p.out.arena, v)
	if err != nil {
		return p.errorf("field %s must be a number of up to 256 bits, not %.80q", key, v)
	}
	p.out.arena = a
	*dst = a[at:len(a):len(a)]
	return nil
}

// finish joins receipts with transactions and fills what the block knows.
func (p *parser) finish() error {
	b := p.out
	if !p.header || b.Hash == nil {
		return fmt.Errorf("%w: no block in it (number and hash are needed)", ErrJSON)
	}
	byHash := map[string]int{}
	for i := range b.Txs {
		t := &b.Txs[i]
		if t.Hash == nil {
			return fmt.Errorf("%w: transaction %d of block %d has no hash", ErrJSON, i, b.Number)
		}
		if !t.Index.OK {
			t.Index = Int{V: int64(i), OK: true}
		}
		byHash[string(t.Hash)] = i
	}
	if len(p.receipts) > 0 && len(p.receipts) != len(b.Txs) {
		return fmt.Errorf("%w: block %d has %d transactions and %d receipts", ErrJSON, b.Number, len(b.Txs), len(p.receipts))
	}
	for i := range p.receipts {
		r := &p.receipts[i]
		at, ok := byHash[string(r.Hash)]
		if !ok {
			return fmt.Errorf("%w: receipt %d of block %d belongs to no transaction of it (%s)", ErrJSON, i, b.Number, r.Hash)
		}
		t := &b.Txs[at]
		t.HasReceipt, t.CumulativeGas, t.ReceiptGas, t.Status = true, r.CumulativeGas, r.ReceiptGas, r.Status
		t.Contract, t.Root, t.EffectiveGasPrice, t.Logs = r.Contract, r.Root, r.EffectiveGasPrice, r.Logs
		t.BlobGas, t.BlobGasPrice = r.BlobGas, r.BlobGasPrice
	}
	b.noteReceipts()
	next := int64(0)
	for i := range b.Txs {
		t := &b.Txs[i]
		for j := range t.Logs {
			l := &t.Logs[j]
			if l.Address == nil {
				return fmt.Errorf("%w: a log of transaction %s has no address", ErrJSON, t.Hash)
			}
			if !l.Index.OK {
				l.Index = Int{V: next, OK: true}
			}
			next = l.Index.V + 1
			l.TxHash, l.TxIndex = t.Hash, t.Index
			if l.Data == nil {
				l.Data = []byte("0x")
			}
		}
	}
	for i := range b.Traces {
		t := &b.Traces[i]
		if t.TxHash == nil && t.TxIndex.OK && t.TxIndex.V < int64(len(b.Txs)) {
			t.TxHash = b.Txs[t.TxIndex.V].Hash
		}
		if t.TxHash != nil && !t.TxIndex.OK {
			if at, ok := byHash[string(t.TxHash)]; ok {
				t.TxIndex = b.Txs[at].Index
			}
		}
	}
	setStatus(b.Traces)
	return nil
}

// noteReceipts says when logs are not known.
func (b *Block) noteReceipts() {
	missing := 0
	for i := range b.Txs {
		if !b.Txs[i].HasReceipt {
			missing++
		}
	}
	if missing > 0 {
		b.Notes = append(b.Notes, fmt.Sprintf("%d of %d transactions came without a receipt: their logs are not known; land the block again with receipts", missing, len(b.Txs)))
	}
}

func appendPath(dst []byte, n int64) []byte {
	if len(dst) > 0 {
		dst = append(dst, ',')
	}
	return strconv.AppendInt(dst, n, 10)
}
