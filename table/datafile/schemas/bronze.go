package schemas

import "github.com/lodehq/lode/table/datafile"

func lineage() []column {
	return []column{word("ingest_file", "raw file that the row was read from"), stamp("ingest_time", "when the node was asked")}
}

// Blocks is bronze.blocks: the headers of all chains.
func Blocks() *datafile.Table {
	return table("bronze.blocks", "Block headers of all chains, as the node gave them (columns of ethereum-etl).", join(chainColumns(), []column{
		long("number", "height"), key("hash", "block hash"), text("parent_hash", "hash of the block before"), text("nonce", "8 bytes, proof of work"),
		word("sha3_uncles", ""), text("logs_bloom", "2048-bit bloom filter of addresses and topics"), text("transactions_root", ""), text("state_root", ""), text("receipts_root", ""),
		word("miner", "fee recipient"), text("difficulty", "uint256"), text("total_difficulty", "uint256; null where the node no longer serves it"), long("size", "bytes"),
		text("extra_data", ""), long("gas_limit", ""), long("gas_used", ""), long("timestamp", "seconds since 1970"), long("transaction_count", ""),
		long("base_fee_per_gas", "wei; null before London"), text("withdrawals_root", ""), text("withdrawals", "JSON array; null before Shanghai"),
		long("blob_gas_used", ""), long("excess_blob_gas", ""),
		stamp("block_time", "timestamp as a time, UTC"), day("block_date", ""), day("block_month", ""),
	}, lineage()), byChain, []string{"number"}, 0)
}

// Transactions is bronze.<chain>_transactions, receipt fields included.
func Transactions(chain string) *datafile.Table {
	return table("bronze."+chain+"_transactions", "Transactions with the fields of their receipts (columns of ethereum-etl).", join(chainColumns(), []column{
		key("hash", "transaction hash"), long("nonce", ""), word("block_hash", ""), long("block_number", ""), long("transaction_index", ""),
		who("from_address", "sender"), who("to_address", "null when a contract is created"), text("value", "wei, uint256"), long("gas", "limit"), text("gas_price", "wei, uint256"),
		text("input", "calldata"), long("block_timestamp", "seconds since 1970"), text("max_fee_per_gas", "wei, uint256"), text("max_priority_fee_per_gas", "wei, uint256"),
		long("transaction_type", "EIP-2718"), text("max_fee_per_blob_gas", "wei, uint256"), text("blob_versioned_hashes", "comma-joined"),
		long("receipt_cumulative_gas_used", ""), long("receipt_gas_used", ""), text("receipt_contract_address", "contract that was created"), text("receipt_root", "state root, before Byzantium"),
		long("receipt_status", "1 success, 0 failure; null before Byzantium"), text("receipt_effective_gas_price", "wei, uint256"),
		text("receipt_blob_gas_price", "wei, uint256; EIP-4844"), long("receipt_blob_gas_used", "EIP-4844"),
		stamp("block_time", ""), day("block_date", ""), day("block_month", ""),
	}, lineage()), byChain, []string{"block_number", "transaction_index"}, 0)
}

// Logs is bronze.<chain>_logs.
func Logs(chain string) *datafile.Table {
	return table("bronze."+chain+"_logs", "Event logs (columns of ethereum-etl, topics split).", join(chainColumns(), []column{
		long("log_index", "position in the block"), text("transaction_hash", ""), long("transaction_index", ""), word("block_hash", ""), long("block_number", ""),
		who("address", "contract that logged"), text("data", "what is not indexed"),
		who("topic0", "usually the event's signature hash"), text("topic1", ""), text("topic2", ""), text("topic3", ""), long("block_timestamp", "seconds since 1970"),
		stamp("block_time", ""), day("block_date", ""), day("block_month", ""),
	}, lineage()), byChain, []string{"block_number", "log_index"}, 0)
}

// Traces is bronze.<chain>_traces.
func Traces(chain string) *datafile.Table {
	return table("bronze."+chain+"_traces", "Internal calls, creations, self-destructs and rewards (columns of ethereum-etl), whatever tracer the node has.", join(chainColumns(), []column{
		long("block_number", ""), text("transaction_hash", "null for rewards"), long("transaction_index", "null for rewards"), word("from_address", ""), word("to_address", ""),
		text("value", "wei, uint256"), text("input", "calldata or creation code"), text("output", "returned data or deployed code"), word("trace_type", "call, create, suicide, reward, genesis, daofork"),
		word("call_type", "call, callcode, delegatecall, staticcall"), word("reward_type", "block, uncle"), long("gas", ""), long("gas_used", ""), long("subtraces", "number of children"),
		text("trace_address", "path in the tree of calls, comma-joined; empty for the outermost"), word("error", ""), long("status", "1 when this call and all around it succeeded"),
		word("block_hash", ""), long("block_timestamp", "seconds since 1970"),
		stamp("block_time", ""), day("block_date", ""), day("block_month", ""),
	}, lineage()), byChain, []string{"block_number", "transaction_index"}, 0)
}

// TokenTransfers is bronze.<chain>_token_transfers: every Transfer event of four words, as ethereum-etl lists them.
func TokenTransfers(chain string) *datafile.Table {
	return table("bronze."+chain+"_token_transfers", "Transfer(address,address,uint256) events whose topics and data make four words: ERC-20, ERC-721 and unindexed old tokens (ethereum-etl's token_transfers).", join(chainColumns(), []column{
		who("token_address", ""), word("from_address", ""), word("to_address", ""), text("value", "amount, or token id of an NFT; uint256"), text("transaction_hash", ""), long("log_index", ""),
		long("block_number", ""), word("block_hash", ""), stamp("block_time", ""), day("block_date", ""), day("block_month", ""),
	}), byChain, []string{"block_number", "log_index"}, 0)
}
