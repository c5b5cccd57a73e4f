package schemas

import "github.com/lodehq/lode/table/datafile"

const goldRowGroup = 20_000

func marketColumns(period column) []column {
	return join(chainColumns(), []column{
		word("project", "marketplace"), period, long("sales", "distinct sale events"), long("items", "sum of number_of_items"), text("volume_raw_eth", "exact wei over ETH, WETH, BETH"), real("volume_eth", ""), real("volume_usd", "null when no sale has a price"),
		long("unpriced_sales", "sales without a USD price"), long("unique_buyers", ""), long("unique_sellers", ""), long("active_wallets", "distinct buyers and sellers together"), real("avg_price_eth", "over sales"), real("median_price_eth", "over sales"),
		real("platform_fees_usd", ""), real("royalties_usd", ""), real("wash_volume_eth", "of trades that a wash filter marks; they stay in volume_eth"), real("wash_share", "wash_volume_eth / volume_eth"),
	})
}

func collectionColumns(period column) []column {
	return join(chainColumns(), []column{
		who("contract_address", "collection"), period, long("sales", ""), long("items", ""), text("volume_raw_eth", "exact wei over ETH, WETH, BETH"), real("volume_eth", ""), real("volume_usd", ""), long("unique_buyers", ""), long("unique_sellers", ""),
		real("floor_eth", "lowest ask, else the 5th percentile of single-item sales"), word("floor_source", "ask or sale_p5"), real("p5_eth", ""), real("min_eth", "single-item trades"), real("max_eth", ""), real("open_eth", "first price"), real("close_eth", "last price"),
		long("holders", "accounts with a token at the end of the period, in the history held here"), long("supply", "mints minus burns"), real("market_cap_eth", "floor × supply"), long("listed_count", "tokens with an open on-chain ask; null when unknown"),
	})
}

// MarketDaily is gold.market_kpi_daily.
func MarketDaily() *datafile.Table {
	return table("gold.market_kpi_daily", "Marketplaces by day (UTC).", marketColumns(day("block_date", "")), byChain, []string{"project", "block_date"}, goldRowGroup)
}

// MarketHourly is gold.market_kpi_hourly.
func MarketHourly() *datafile.Table {
	return table("gold.market_kpi_hourly", "Marketplaces by hour (UTC).", marketColumns(stamp("hour_time", "")), byChain, []string{"project", "hour_time"}, goldRowGroup)
}

// CollectionDaily is gold.collection_kpi_daily.
func CollectionDaily() *datafile.Table {
	return table("gold.collection_kpi_daily", "Collections by day (UTC).", collectionColumns(day("block_date", "")), byChain, []string{"contract_address", "block_date"}, goldRowGroup)
}

// CollectionHourly is gold.collection_kpi_hourly.
func CollectionHourly() *datafile.Table {
	return table("gold.collection_kpi_hourly", "Collections by hour (UTC).", collectionColumns(stamp("hour_time", "")), byChain, []string{"contract_address", "hour_time"}, goldRowGroup)
}

// MarketShare is gold.platform_marketshare_daily.
func MarketShare() *datafile.Table {
	return table("gold.platform_marketshare_daily", "Each marketplace's share of the day's volume.", join(chainColumns(), []column{
		day("block_date", ""), word("project", ""), real("volume_eth", ""), real("share", "0…1 of the day's volume_eth"), long("sales", ""),
	}), byChain, []string{"block_date", "project"}, goldRowGroup)
}

// TopCollections is gold.top_collections.
func TopCollections() *datafile.Table {
	return table("gold.top_collections", "Collections by volume over windows that end at the newest block.", []column{
		word("blockchain", ""), word("window_name", "1h, 24h, 7d, 30d, all"), long("rank", "1 = most volume"), who("contract_address", ""), real("volume_eth", ""), real("change_pct", "against the window before; null when that was empty"),
	}, byChain, []string{"window_name", "rank"}, goldRowGroup)
}

// TokenSales is gold.token_sales_history.
func TokenSales() *datafile.Table {
	return table("gold.token_sales_history", "Sales of each token.", []column{
		word("blockchain", ""), who("contract_address", ""), text("token_id", ""), long("n_sales", ""), real("last_price_eth", ""), stamp("last_sale_time", ""), real("max_price_eth", ""), word("holder", "who holds it now; null for ERC-1155"),
	}, byChain, []string{"contract_address", "token_id"}, goldRowGroup)
}

// WalletPortfolio is gold.wallet_portfolio.
func WalletPortfolio() *datafile.Table {
	return table("gold.wallet_portfolio", "What a wallet holds of a collection, first in first out cost.", []column{
		word("blockchain", ""), who("wallet", ""), who("contract_address", ""), long("token_count", ""), real("cost_eth", "of the tokens held; null when a part of it is unknown"), real("floor_value_eth", ""), real("floor_value_usd", ""), real("realised_eth", "proceeds minus fees minus cost"), real("unrealised_eth", "floor minus cost"),
	}, byChain, []string{"wallet", "contract_address"}, goldRowGroup)
}

// HolderBalances is gold.holder_balances.
func HolderBalances() *datafile.Table {
	return table("gold.holder_balances", "Holders of a collection.", []column{
		word("blockchain", ""), who("contract_address", ""), who("wallet", ""), long("token_count", ""), real("share", "of the supply"), long("rank", ""), flag("is_whale", "share of at least 1 %, or rank up to 10 with more than one token"),
	}, byChain, []string{"contract_address", "rank"}, goldRowGroup)
}

// WalletActivity is gold.wallet_activity.
func WalletActivity() *datafile.Table {
	return table("gold.wallet_activity", "What a wallet did, one row for each event.", []column{
		word("blockchain", ""), who("wallet", ""), stamp("event_time", ""), word("kind", "buy, sell, mint, burn, transfer_in, transfer_out"), word("contract_address", ""), text("token_id", ""), real("price_eth", ""), text("tx_hash", ""),
	}, byChain, []string{"wallet", "event_time"}, goldRowGroup)
}

// MintPerformance is gold.mint_performance.
func MintPerformance() *datafile.Table {
	return table("gold.mint_performance", "How a collection's mint went and what its tokens were sold for after.", []column{
		word("blockchain", ""), who("contract_address", ""), long("mints", ""), long("minters", ""), stamp("first_mint_time", ""), real("mint_cost_eth", "sum of what minters paid, where known"), real("resale_volume_eth", ""), real("resale_avg_eth", ""), real("resale_multiple", "average resale price / average mint price"),
	}, byChain, []string{"contract_address"}, goldRowGroup)
}

// InteractionCounts is gold.interaction_counts.
func InteractionCounts() *datafile.Table {
	return table("gold.interaction_counts", "Interactions of each customer.", []column{
		who("customer_id", ""), word("kind", ""), long("interactions", ""), stamp("first_time", ""), stamp("last_time", ""),
	}, nil, []string{"customer_id"}, goldRowGroup)
}
