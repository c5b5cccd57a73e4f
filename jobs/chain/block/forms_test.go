package block_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lodehq/lode/jobs/chain/block"
)

// say parses a block around the given parts and describes its transactions, traces and notes.
func say(t *testing.T, head, txs, receipts, traces string) string {
	t.Helper()
	var b block.Block
	if err := b.Parse([]byte(fmt.Sprintf(`{"block":{"number":"0x1","hash":"0xaa","timestamp":"0x5"%s,"transactions":%s},"receipts":%s,"traces":%s}`, head, txs, receipts, traces))); err != nil {
		return "refused: " + err.Error()
	}
	var out []string
	for i := range b.Txs {
		x := &b.Txs[i]
		out = append(out, fmt.Sprintf("tx %s type %v status %v root %s blob %s %s logs %d", x.Hash, x.Type, x.Status, x.Root, x.MaxBlobFee, x.BlobHashes, len(x.Logs)))
	}
	for i := range b.Traces {
		x := &b.Traces[i]
		out = append(out, fmt.Sprintf("trace %s [%s] %s %d", x.TxHash, x.Address, x.Type, x.Status))
	}
	if b.Withdrawals != nil {
		out = append(out, string(b.Withdrawals))
	}
	return strings.Join(append(out, b.Notes...), "\n")
}

func TestEveryAgeOfTheChain(t *testing.T) {
	for name, c := range map[string]struct{ head, txs, receipts, traces, want string }{
		"before Byzantium: a root and no status": {txs: `[{"hash":"0x01"}]`, receipts: `[{"transactionHash":"0x01","root":"0xbb","logs":[]}]`, traces: `null`, want: `tx 0x01 type {0 false} status {0 false} root 0xbb blob   logs 0`},
		"a receipt with neither":                 {txs: `[{"hash":"0x01"}]`, receipts: `[{"transactionHash":"0x01","logs":null}]`, traces: `null`, want: `tx 0x01 type {0 false} status {0 false} root  blob   logs 0`},
		"blobs": {head: `,"blobGasUsed":"0x20000","excessBlobGas":"0x0"`, txs: `[{"hash":"0x01","type":"0x3","maxFeePerBlobGas":"0x10","blobVersionedHashes":["0x01aa","0x01bb"],"accessList":[{"address":"0x1","storageKeys":[]}]}]`,
			receipts: `[{"transactionHash":"0x01","status":"0x1","blobGasUsed":"0x20000","blobGasPrice":"0x1","logs":[]}]`, traces: `null`, want: `tx 0x01 type {3 true} status {1 true} root  blob 16 0x01aa,0x01bb logs 0`},
		"code set by an account (type 4)": {txs: `[{"hash":"0x01","type":"0x4","authorizationList":[{"chainId":"0x1","address":"0x2","nonce":"0x0","yParity":"0x0","r":"0x1","s":"0x2"}]}]`, receipts: `[{"transactionHash":"0x01","status":"0x0","logs":[]}]`,
			traces: `null`, want: `tx 0x01 type {4 true} status {0 true} root  blob   logs 0`},
		"withdrawals":             {head: `,"withdrawalsRoot":"0xcc","withdrawals":[{"index":"0x1","validatorIndex":"0x2","address":"0x3","amount":"0x4"}],"requestsHash":"0xdd"`, txs: `[]`, receipts: `[]`, traces: `[]`, want: `[{"index":1,"validator_index":2,"address":"0x3","amount":4}]`},
		"topics null":             {txs: `[{"hash":"0x01"}]`, receipts: `[{"transactionHash":"0x01","status":"0x1","logs":[{"address":"0x5","topics":null,"data":null}]}]`, traces: `null`, want: `tx 0x01 type {0 false} status {1 true} root  blob   logs 1`},
		"no receipts":             {txs: `[{"hash":"0x01"}]`, receipts: `null`, traces: `null`, want: "tx 0x01 type {0 false} status {0 false} root  blob   logs 0\n1 of 1 transactions came without a receipt: their logs are not known; land the block again with receipts"},
		"a receipt that is null":  {txs: `[{"hash":"0x01"}]`, receipts: `[null]`, traces: `null`, want: "refused: block JSON: at byte 103: an object is expected"},
		"nested calls":            {txs: `[{"hash":"0x01"},{"hash":"0x02"}]`, receipts: `[{"transactionHash":"0x02","logs":[]},{"transactionHash":"0x01","logs":[]}]`, traces: `[{"result":{"type":"CALL","calls":[{"type":"STATICCALL"},{"type":"CREATE"}]}},{"txHash":"0x02","result":{"type":"CALL","error":"out of gas"}}]`, want: "tx 0x01 type {0 false} status {0 false} root  blob   logs 0\ntx 0x02 type {0 false} status {0 false} root  blob   logs 0\ntrace 0x01 [] call 1\ntrace 0x01 [0] call 1\ntrace 0x01 [1] create 1\ntrace 0x02 [] call 0"},
		"flat traces of geth":     {txs: `[{"hash":"0x01"}]`, receipts: `[{"transactionHash":"0x01","logs":[]}]`, traces: `[{"txHash":"0x01","result":[{"action":{"callType":"call","from":"0x1","to":"0x2","value":"0x0"},"result":{"output":"0x"},"subtraces":1,"traceAddress":[],"type":"call"},{"action":{"address":"0x2","refundAddress":"0x1","balance":"0x9"},"result":null,"subtraces":0,"traceAddress":[0],"type":"suicide"}]}]`, want: "tx 0x01 type {0 false} status {0 false} root  blob   logs 0\ntrace 0x01 [] call 1\ntrace 0x01 [0] suicide 1"},
		"replayed traces":         {txs: `[{"hash":"0x01"}]`, receipts: `[{"transactionHash":"0x01","logs":[]}]`, traces: `[{"output":"0x","stateDiff":null,"trace":[{"action":{"callType":"call","from":"0x1","to":"0x2","value":"0x1"},"result":{"output":"0x"},"subtraces":0,"traceAddress":[],"type":"call"}],"vmTrace":null,"transactionHash":"0x01"}]`, want: "tx 0x01 type {0 false} status {0 false} root  blob   logs 0\ntrace 0x01 [] call 1"},
		"an error for one of two": {txs: `[{"hash":"0x01"},{"hash":"0x02"}]`, receipts: `[{"transactionHash":"0x01","logs":[]},{"transactionHash":"0x02","logs":[]}]`, traces: `[{"txHash":"0x01","error":"execution timeout"},{"txHash":"0x02","result":{"type":"CALL"}}]`, want: "tx 0x01 type {0 false} status {0 false} root  blob   logs 0\ntx 0x02 type {0 false} status {0 false} root  blob   logs 0\ntrace 0x02 [] call 1\ntransaction 0x01 has no traces: the node answered \"execution timeout\""},
		"rewards":                 {txs: `[]`, receipts: `[]`, traces: `[{"action":{"author":"0x7","rewardType":"block","value":"0x1bc16d674ec80000"},"result":null,"subtraces":0,"traceAddress":[],"type":"reward"}]`, want: "trace  [] reward 1"},
	} {
		if got := say(t, c.head, c.txs, c.receipts, c.traces); got != c.want {
			t.Errorf("%s:\ngot\n%s\nwant\n%s", name, got, c.want)
		}
	}
}
