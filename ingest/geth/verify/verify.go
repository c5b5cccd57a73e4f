// Package verify checks a block against its own hashes, so that a node has to be trusted for nothing but which block is canonical: the header's
// hash, the transactions' root, the receipts' root and the bloom filter are computed again with go-ethereum.
package verify

import (
	"encoding/json"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/trie"
)

// byzantium is the first mainnet block whose receipts carry a status instead of a state root. Nodes do not serve the root of older receipts any more, so
// their receipts' root cannot be computed.
const byzantium = 4_370_000

// Block checks the answers of eth_getBlockByNumber (with full transactions) and eth_getBlockReceipts.
func Block(block, receipts json.RawMessage) error {
	var head types.Header
	if err := json.Unmarshal(block, &head); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	var body struct {
		Hash         common.Hash          `json:"hash"`
		Transactions []*types.Transaction `json:"transactions"`
	}
	if err := json.Unmarshal(block, &body); err != nil {
		return fmt.Errorf("transactions: %w", err)
	}
	if got := head.Hash(); got != body.Hash {
		return fmt.Errorf("the header hashes to %s, the node says %s", got, body.Hash)
	}
	if got := types.DeriveSha(types.Transactions(body.Transactions), trie.NewStackTrie(nil)); got != head.TxHash {
		return fmt.Errorf("the transactions have root %s, the header says %s", got, head.TxHash)
	}
	var list types.Receipts
	if err := json.Unmarshal(receipts, &list); err != nil {
		return fmt.Errorf("receipts: %w", err)
	}
	if got := types.MergeBloom(list); got != head.Bloom {
		return fmt.Errorf("the bloom filter of the receipts is not the header's")
	}
	rooted := true
	for _, r := range list {
		rooted = rooted && (len(r.PostState) > 0 || head.Number.Uint64() >= byzantium)
	}
	if !rooted {
		return nil
	}
	if got := types.DeriveSha(list, trie.NewStackTrie(nil)); got != head.ReceiptHash {
		return fmt.Errorf("the receipts have root %s, the header says %s", got, head.ReceiptHash)
	}
	return nil
}
