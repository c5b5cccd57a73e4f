// Package gold makes the tables that need the history of a collection or of a market: wash-trade filters, owners, holders, daily and hourly figures, market shares,
// portfolios. Its functions are pure: facts in, rows out.
//
// Facts travel by collection first. A Fact is a trade, a transfer or a mint, as a silver row in bytes; all facts of one collection meet in one Collection, which is sorted by the
// chain's order and says everything about the collection. What concerns the market as a whole leaves it as MarketFacts, which meet by chain and day in a Market, and by chain in a Top.
//
// The definitions: a sale is a trade with price_raw > 0, buyer other than seller, not the mirror of another order. sales counts distinct (tx_hash, log_index), items sums
// number_of_items. Averages and medians are over sales, prices of tokens over single-item trades with a known price. A price that is not known is null and never 0. Days and
// hours are UTC, half open, by block time. A wash filter compares only what the history held here shows.
package gold
