package schemas

// View is a named query that the catalogue offers beside the tables. The SQL is DuckDB's and names tables as namespace.table.
type View struct {
	Name string
	Doc  string
	SQL  string
}

// Views gives the views over the tables: ethereum-etl's names and forms of the mainnet bronze tables.
func Views() []View {
	return []View{
		{"etl.blocks", "Blocks as ethereum-etl exports them.", `select number, hash, parent_hash, nonce, sha3_uncles, logs_bloom, transactions_root, state_root, receipts_root, miner, difficulty, total_difficulty, size, extra_data, gas_limit, gas_used, "timestamp", transaction_count, base_fee_per_gas, withdrawals_root, withdrawals, blob_gas_used, excess_blob_gas from bronze.blocks where blockchain = 'ethereum'`},
		{"etl.transactions", "Transactions as ethereum-etl exports them.", `select hash, nonce, block_hash, block_number, transaction_index, from_address, to_address, value, gas, gas_price, input, block_timestamp, max_fee_per_gas, max_priority_fee_per_gas, transaction_type, max_fee_per_blob_gas, blob_versioned_hashes from bronze.ethereum_transactions`},
		{"etl.receipts", "Receipts as ethereum-etl exports them.", `select hash as transaction_hash, transaction_index, block_hash, block_number, receipt_cumulative_gas_used as cumulative_gas_used, receipt_gas_used as gas_used, receipt_contract_address as contract_address, receipt_root as root, receipt_status as status, receipt_effective_gas_price as effective_gas_price, receipt_blob_gas_price as blob_gas_price, receipt_blob_gas_used as blob_gas_used from bronze.ethereum_transactions`},
		{"etl.logs", "Logs as ethereum-etl exports them.", `select log_index, transaction_hash, transaction_index, block_hash, block_number, address, data, concat_ws(',', topic0, topic1, topic2, topic3) as topics from bronze.ethereum_logs`},
		{"etl.token_transfers", "Token transfers as ethereum-etl extracts them.", `select token_address, from_address, to_address, value, transaction_hash, log_index, block_number from bronze.ethereum_token_transfers`},
		{"etl.traces", "Traces as ethereum-etl exports them.", `select block_number, transaction_hash, transaction_index, from_address, to_address, value, input, output, trace_type, call_type, reward_type, gas, gas_used, subtraces, trace_address, error, status from bronze.ethereum_traces`},
	}
}
