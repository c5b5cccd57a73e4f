package verify

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"testing"

	"github.com/lodehq/lode/ingest/replaynode"
)

// Every recorded mainnet block hashes to what its header says: the recordings, the replaying node and this package agree with Ethereum.
func TestRecordedMainnetBlocks(t *testing.T) {
	chain, err := replaynode.Load(os.DirFS("../../../jobs/chain/testdata/mainnet_blocks"))
	if err != nil {
		t.Fatal(err)
	}
	node, err := replaynode.Start(t.Context(), chain, "127.0.0.1:0", replaynode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	ask := func(method string, params ...any) json.RawMessage {
		body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.Post(node.URL, "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var out struct {
			Result json.RawMessage
			Error  json.RawMessage
		}
		if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || out.Error != nil {
			t.Fatalf("%s: %v %s", method, err, out.Error)
		}
		return out.Result
	}
	numbers := chain.Numbers()
	if testing.Short() {
		numbers = numbers[:10]
	}
	for _, n := range numbers {
		at := "0x" + hex(n)
		block, receipts := ask("eth_getBlockByNumber", at, true), ask("eth_getBlockReceipts", at)
		if err := Block(block, receipts); err != nil {
			t.Errorf("block %d: %v", n, err)
		}
		if n == numbers[0] {
			broken := bytes.Replace(receipts, []byte(`"data":"0x`), []byte(`"data":"0xff`), 1)
			if err := Block(block, broken); err == nil && n >= byzantium {
				t.Errorf("block %d: receipts that are not the chain's were taken", n)
			}
			if err := Block(bytes.Replace(block, []byte(`"gasUsed":"0x`), []byte(`"gasUsed":"0x1`), 1), receipts); err == nil {
				t.Errorf("block %d: a header that is not the chain's was taken", n)
			}
		}
	}
}

func hex(n uint64) string {
	const digits = "0123456789abcdef"
	if n < 16 {
		return digits[n : n+1]
	}
	return hex(n/16) + digits[n%16:n%16+1]
}
