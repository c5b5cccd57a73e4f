package block_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lodehq/lode/jobs/chain/block"
)

const sample = `{"chain":"palm","chain_id":11297108109,"block":{"number":"0x10","hash":"0xAB","timestamp":1,"transactions":[{"hash":"0x01","value":"1000000000000000000000000000000"}]},
"receipts":[{"transactionHash":"0x01","status":true,"logs":[{"address":"0xA","topics":[],"data":"0x"}]}],
"traces":[{"txHash":"0x01","result":{"type":"CALL","from":"0x1","to":"0x2","value":"0x1","calls":[{"type":"DELEGATECALL","error":"execution reverted","calls":[{"type":"CREATE2","value":"0x2"}]},{"type":"SELFDESTRUCT"}]}}]}`

func TestFormsBecomeOne(t *testing.T) {
	var b block.Block
	if err := b.Parse([]byte(sample)); err != nil {
		t.Fatal(err)
	}
	if b.Chain != "palm" || b.ChainID.V != 11297108109 || b.Number != 16 || string(b.Hash) != "0xab" || string(b.Txs[0].Value) != "1000000000000000000000000000000" || b.Txs[0].Status.V != 1 || len(b.Txs[0].Logs) != 1 {
		t.Fatalf("%+v", b)
	}
	var got []string
	for _, tr := range b.Traces {
		got = append(got, fmt.Sprintf("%s %s [%s] %d children, status %d, tx %s %d", tr.Type, tr.CallType, tr.Address, tr.Subtraces, tr.Status, tr.TxHash, tr.TxIndex.V))
	}
	want := []string{"call call [] 2 children, status 1, tx 0x01 0", "call delegatecall [0] 1 children, status 0, tx 0x01 0", "create  [0,0] 0 children, status 0, tx 0x01 0", "suicide  [1] 0 children, status 1, tx 0x01 0"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWhatDoesNotFitIsSaid(t *testing.T) {
	for input, say := range map[string]string{
		``:                           "object is expected",
		`{}`:                         "no block",
		`{"number":1}`:               "no block",
		`{"number":1,"hash":"0xzz"}`: "hexadecimal",
		`{"number":-1,"hash":"0x1"}`: "number",
		`{"number":1,"hash":"0x1","transactions":["0x2"]}`:                                                              "full transactions",
		`{"block":{"number":1,"hash":"0x1","transactions":[{"hash":"0x2"}]},"receipts":[{"transactionHash":"0x3"}]}`:    "belongs to no transaction",
		`{"block":{"number":1,"hash":"0x1","transactions":[{"hash":"0x2"}]},"receipts":[{"transactionHash":"0x2"},{}]}`: "2 receipts",
		`{"number":1,"hash":"0x1"} x`: "after the end",
		`{"number":1,"hash":"0x1","difficulty":"0x1` + strings.Repeat("0", 64) + `"}`: "256 bits",
		`{"x":` + strings.Repeat("[", 100000):                                         "deeply",
	} {
		var b block.Block
		if err := b.Parse([]byte(input)); !errors.Is(err, block.ErrJSON) || !strings.Contains(err.Error(), say) {
			t.Errorf("%.60s: %v, want an error that says %q", input, err, say)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(`{"number":1,"hash":"0x1","timestamp":"1","withdrawals":[{"index":"0x1","amount":"0x2"}],"transactions":[{"hash":"0x1","receipt":{"logs":[]},"traces":[{"action":{"from":"0x1","callType":"call"},"result":null,"error":"x\n","traceAddress":[0,1],"type":"call"}]}]}`))
	f.Fuzz(func(t *testing.T, input []byte) {
		var b block.Block
		if err := b.Parse(input); err != nil && !errors.Is(err, block.ErrJSON) {
			t.Fatalf("error of another kind: %v", err)
		}
	})
}
