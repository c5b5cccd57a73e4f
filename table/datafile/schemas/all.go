package schemas

import (
	"strings"

	"github.com/lodehq/lode/table/datafile"
)

// All gives every table, bronze tables for each of the chains.
func All(chains ...string) []*datafile.Table {
	out := []*datafile.Table{Blocks()}
	for _, c := range chains {
		out = append(out, Transactions(c), Logs(c), Traces(c), TokenTransfers(c))
	}
	out = append(out, NFTTransfer(), NFTMints(), NFTBurns(), NFTTrades(), NFTSales(), NFTTradeFees(), ERC20Transfers(), NativeTransfers(), NFTApprovals(), NFTOrders(), NFTOwners(),
		NFTCollections(), NFTMetadata(), NFTWashTrades(), PricesMinute(), Quarantine(), Interactions())
	return append(out, MarketDaily(), MarketHourly(), CollectionDaily(), CollectionHourly(), MarketShare(), TopCollections(), TokenSales(), WalletPortfolio(), HolderBalances(), WalletActivity(), MintPerformance(), InteractionCounts())
}

// Lookup finds the definition of a table by its full name ("bronze.ethereum_logs"); nil when there is none.
func Lookup(name string) *datafile.Table {
	chain := "ethereum"
	if rest, ok := strings.CutPrefix(name, "bronze."); ok {
		if i := strings.IndexByte(rest, '_'); i > 0 {
			chain = rest[:i]
		}
	}
	for _, t := range All(chain) {
		if t.Name == name {
			return t
		}
	}
	return nil
}
