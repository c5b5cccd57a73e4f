// Package replaynode is a small Ethereum node that replays recorded mainnet blocks over JSON-RPC on a loopback address:
// eth_blockNumber, eth_chainId, eth_getBlockByNumber, eth_getBlockByHash, eth_getBlockReceipts, trace_block,
// debug_traceBlockByNumber, net_version, web3_clientVersion, eth_syncing, single and in batches. The demo and the tests of ingestion use it.
//
// The recordings come in mixed forms — numbers as JSON integers, decimal strings or 0x strings, addresses in mixed case, `type` and `status`
// sometimes missing — and are served in the one form that a real node has. Nothing is lost: what a node would not send is left out, what it would is there.
package replaynode
