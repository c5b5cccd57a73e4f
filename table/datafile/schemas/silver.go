package schemas

import "github.com/lodehq/lode/table/datafile"

func transferColumns() []column {
	return join(chainColumns(), blockColumns(), []column{
		key("tx_hash", ""), long("log_index", "of the event that moved the token"), long("batch_index", "position in a TransferBatch or ConsecutiveTransfer, else 0"),
		word("token_standard", "erc721, erc1155, cryptopunks, legacy (unindexed or pre-standard)"), word("transfer_type", "single or batch"), who("contract_address", "collection"),
		text("token_id", "uint256"), text("amount_raw", "uint256; 1 unless ERC-1155"), who("from_address", ""), who("to_address", ""), word("operator", "who was allowed to move it (ERC-1155), else null"),
		word("executed_by", "sender of the transaction"), flag("is_mint", "from the zero address"), flag("is_burn", "to the zero address or 0x…dead"),
	})
}

// NFTTransfer is silver.nft_transfer.
func NFTTransfer() *datafile.Table {
	return table("silver.nft_transfer", "One row for each token moved. Key: blockchain, block_hash, log_index, batch_index.", transferColumns(), byMonth, []string{"block_number", "log_index", "batch_index"}, 0)
}

// NFTMints is silver.nft_mints.
func NFTMints() *datafile.Table {
	return table("silver.nft_mints", "Tokens that came into being, with what the recipient paid for one of them in that transaction.", join(transferColumns(), []column{
		text("price_raw", "what the recipient paid for one token; null when it cannot be known"), word("currency_contract", ""), real("price_eth", ""), real("price_usd", ""),
	}), byChain, []string{"block_number", "log_index", "batch_index"}, 0)
}

// NFTBurns is silver.nft_burns.
func NFTBurns() *datafile.Table {
	return table("silver.nft_burns", "Tokens sent to the zero address or to 0x…dead.", transferColumns(), byChain, []string{"block_number", "log_index", "batch_index"}, 0)
}

// NFTTrades is silver.nft_trades.
func NFTTrades() *datafile.Table {
	return table("silver.nft_trades", "One row for each NFT item sold. Key: blockchain, tx_hash, log_index, sub_tx_trade_id. A sale in every KPI is a row with price_raw > 0, buyer <> seller and price_check not mirror.",
		join(chainColumns(), []column{word("project", "marketplace"), word("version", "of the marketplace's contracts")}, blockColumns(), []column{
			key("tx_hash", ""), long("log_index", "of the marketplace's own event"), long("sub_tx_trade_id", "item number in the sale, from 0"), text("order_hash", "of the order that was filled, null when the event has none"),
			word("trade_category", "Buy, Offer Accepted, Auction Settled, Private Sale, Swap"), word("trade_type", "Single Item Trade or Bundle Trade"), who("nft_contract_address", "collection"), text("token_id", "uint256"),
			word("token_standard", "erc721, erc1155, cryptopunks, legacy"), count("number_of_items", "quantity of this token"), who("seller", "who gives the NFT, as the event names them"), who("buyer", "who gets it, as the event names them"),
			text("price_raw", "this item's share of the price; the shares of a bundle sum to the sale"), word("currency_contract", "0x0 is the native currency"), word("currency_symbol", ""), long("currency_decimals", ""),
			real("price", "in units of the currency"), real("price_eth", ""), real("price_usd", ""), text("platform_fee_raw", "this item's share"), text("royalty_fee_raw", "this item's share"),
			word("aggregator_name", ""), word("aggregator_address", ""), word("project_contract_address", "the marketplace's contract"), who("tx_from", ""), who("tx_to", ""),
			word("price_check", "flow_ok: the seller's net inflow agrees; unchecked: no traces; mismatch; mirror: second half of a matched pair; zero: price 0"),
			flag("flash_loan", "Aave, Balancer or Uniswap v3 lent in the transaction"),
		}), byMonth, []string{"block_number", "log_index", "sub_tx_trade_id"}, 0)
}

// NFTSales is silver.nft_sales, one row for each sale event.
func NFTSales() *datafile.Table {
	return table("silver.nft_sales", "One row for each sale event of a marketplace; mirror and zero-price events are present and flagged by price_check.", join([]column{
		long("block_number", ""), stamp("block_time", ""), key("tx_hash", ""), long("log_index", "of the marketplace's own event"), word("project", ""), word("version", ""), word("trade_category", ""),
		text("nft", "contract:token_id:quantity, joined by ; in event order"), long("n_items", "number of parts of nft"), who("seller", ""), who("buyer", ""), text("price_raw", "what the event states as the price"), word("currency_contract", ""),
		text("fees", "recipient:amount_raw joined by ;, every part of the price that does not go to the seller"), who("tx_from", ""), who("tx_to", ""), word("price_check", ""),
	}, chainColumns(), []column{word("block_hash", ""), day("block_date", ""), day("block_month", "")}), byChain, []string{"block_number", "log_index"}, 0)
}

// NFTTradeFees is silver.nft_trade_fees.
func NFTTradeFees() *datafile.Table {
	return table("silver.nft_trade_fees", "Who got a part of a price: one row for each sale, kind and recipient.", join(chainColumns(), []column{
		key("tx_hash", ""), long("log_index", ""), word("kind", "platform or royalty"), who("recipient", ""), text("amount_raw", ""), word("currency_contract", ""), real("amount_usd", ""),
		long("block_number", ""), word("block_hash", ""), stamp("block_time", ""), word("project", ""), word("nft_contract_address", "collection of the first item"),
	}), byChain, []string{"block_number", "log_index"}, 0)
}

// ERC20Transfers is silver.erc20_transfers.
func ERC20Transfers() *datafile.Table {
	return table("silver.erc20_transfers", "ERC-20 transfers in transactions that moved NFTs: the payment legs.", join(chainColumns(), []column{
		long("block_number", ""), stamp("block_time", ""), word("block_hash", ""), text("tx_hash", ""), long("log_index", ""), word("contract_address", "currency"), word("from_address", ""), word("to_address", ""), text("amount_raw", ""),
		day("block_month", ""),
	}), byChain, []string{"block_number", "log_index"}, 0)
}

// NativeTransfers is silver.native_value_transfers.
func NativeTransfers() *datafile.Table {
	return table("silver.native_value_transfers", "Native currency moved by successful calls, in transactions that moved NFTs.", join(chainColumns(), []column{
		long("block_number", ""), stamp("block_time", ""), word("block_hash", ""), text("tx_hash", ""), text("trace_address", ""), word("from_address", ""), word("to_address", ""), text("amount_raw", ""),
		day("block_month", ""),
	}), byChain, []string{"block_number", "tx_hash"}, 0)
}

// NFTApprovals is silver.nft_approvals.
func NFTApprovals() *datafile.Table {
	return table("silver.nft_approvals", "Approval of one token (ERC-721) and ApprovalForAll.", join(chainColumns(), blockColumns(), []column{
		text("tx_hash", ""), long("log_index", ""), word("contract_address", ""), word("owner", ""), word("operator", "who may move the tokens; the zero address takes an approval back"), text("token_id", "null for all tokens"), flag("approved", ""),
		flag("for_all", ""),
	}), byChain, []string{"block_number", "log_index"}, 0)
}

// NFTOrders is silver.nft_orders: what marketplaces say on chain of asks and bids.
func NFTOrders() *datafile.Table {
	return table("silver.nft_orders", "Listings, offers and cancellations that marketplaces log on chain.", join(chainColumns(), []column{word("project", ""), word("version", "")}, blockColumns(), []column{
		text("tx_hash", ""), long("log_index", ""), word("kind", "ask, bid, cancel_ask, cancel_bid, cancel"), text("order_hash", ""), word("contract_address", "collection"), text("token_id", ""), word("maker", ""),
		word("taker", "only this account may fill it"), text("price_raw", ""), word("currency_contract", ""),
	}), byChain, []string{"block_number", "log_index"}, 0)
}

// NFTOwners is silver.nft_owners.
func NFTOwners() *datafile.Table {
	return table("silver.nft_owners", "Who held how much of a token from which block to which (valid_to null = now).", join(chainColumns(), []column{
		who("contract_address", ""), text("token_id", ""), who("owner", ""), text("balance_raw", ""), long("valid_from", "block number"), long("valid_to", "block number of the change that ended it; null = now"),
	}), byChain, []string{"contract_address", "token_id", "valid_from"}, 0)
}

// NFTCollections is silver.nft_collections.
func NFTCollections() *datafile.Table {
	return table("silver.nft_collections", "Collections seen on chain, with what is known of them elsewhere.", join(chainColumns(), []column{
		who("contract_address", ""), text("name", ""), word("symbol", ""), word("token_standard", ""), word("creator", "deployer, null when not seen"), long("supply", "tokens minted minus burned in the history held here"), long("first_block", ""),
		word("source", "chain, static, api"),
	}), byChain, []string{"contract_address"}, 0)
}

// NFTMetadata is silver.nft_metadata.
func NFTMetadata() *datafile.Table {
	return table("silver.nft_metadata", "Off-chain metadata of tokens.", join(chainColumns(), []column{
		who("contract_address", ""), text("token_id", ""), text("token_uri", ""), text("name", ""), text("image", ""), text("traits", "JSON"), stamp("refreshed_time", ""), word("status", ""),
	}), byChain, []string{"contract_address", "token_id"}, 0)
}

// NFTWashTrades is silver.nft_wash_trades.
func NFTWashTrades() *datafile.Table {
	return table("silver.nft_wash_trades", "Wash-trade filters for each traded item. A null filter cannot be computed from the history held here; it is never false for that reason.", join(chainColumns(), []column{
		key("tx_hash", ""), long("log_index", ""), long("sub_tx_trade_id", ""), flag("filter_1", "buyer is seller"), flag("filter_2", "the same token also went back between the two"),
		flag("filter_3", "buyer or seller bought or sold the same ERC-721 token three times or more"), flag("filter_4", "funded by the same wallet; needs full history"), flag("filter_5", "flash loan of Aave, Balancer or Uniswap v3 in the transaction"), flag("is_wash", "any filter is true"),
		long("block_number", ""), word("block_hash", ""),
	}), byChain, []string{"block_number", "log_index", "sub_tx_trade_id"}, 0)
}

// PricesMinute is silver.prices_usd_minute.
func PricesMinute() *datafile.Table {
	return table("silver.prices_usd_minute", "USD price of a currency for each minute, filled forward at most 60 minutes.", []column{
		word("blockchain", ""), word("contract_address", "0x0 is the native currency"), word("symbol", ""), long("decimals", ""), stamp("minute_time", ""), real("price_usd", ""), stamp("filled_from", "minute that the value comes from"),
	}, nil, []string{"contract_address", "minute_time"}, 0)
}

// Quarantine is silver.decode_quarantine.
func Quarantine() *datafile.Table {
	return table("silver.decode_quarantine", "Logs whose address, topic0 and topic count belong to a decoder but whose body does not fit, with the reason.", join(chainColumns(), []column{
		long("block_number", ""), word("block_hash", ""), text("tx_hash", ""), long("log_index", ""), word("topic0", ""), word("address", ""), word("reason", ""), stamp("block_time", ""), text("data", "body of the log"),
	}), byChain, []string{"block_number", "log_index"}, 0)
}

// Interactions is silver.interactions.
func Interactions() *datafile.Table {
	return table("silver.interactions", "Customer interactions with their customer found.", []column{
		key("event_id", ""), who("customer_id", ""), word("kind", ""), stamp("event_time", ""), word("source", ""), word("customer_source", "event: the id came with the message; api: found by name; null: unresolved"),
	}, nil, []string{"event_time"}, 0)
}
