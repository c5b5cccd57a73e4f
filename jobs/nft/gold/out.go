package gold

import (
	"github.com/lodehq/lode/table/datafile"
	"github.com/lodehq/lode/table/datafile/schemas"
)

// Names of the tables as keys of a job's outputs.
const (
	WashTrades       = "nft_wash_trades"
	Owners           = "nft_owners"
	Collections      = "nft_collections"
	CollectionDaily  = "collection_kpi_daily"
	CollectionHourly = "collection_kpi_hourly"
	TokenSales       = "token_sales_history"
	Holders          = "holder_balances"
	Mints            = "mint_performance"
	Portfolio        = "wallet_portfolio"
	Activity         = "wallet_activity"

	MarketDaily  = "market_kpi_daily"
	MarketHourly = "market_kpi_hourly"
	Share        = "platform_marketshare_daily"
	TopTable     = "top_collections"
)

// CollectionTables are those that a Collection fills.
func CollectionTables() map[string]*datafile.Table {
	return map[string]*datafile.Table{WashTrades: schemas.NFTWashTrades(), Owners: schemas.NFTOwners(), Collections: schemas.NFTCollections(), CollectionDaily: schemas.CollectionDaily(), CollectionHourly: schemas.CollectionHourly(),
		TokenSales: schemas.TokenSales(), Holders: schemas.HolderBalances(), Mints: schemas.MintPerformance(), Portfolio: schemas.WalletPortfolio(), Activity: schemas.WalletActivity()}
}

// MarketTables are those that a Market and a Top fill.
func MarketTables() map[string]*datafile.Table {
	return map[string]*datafile.Table{MarketDaily: schemas.MarketDaily(), MarketHourly: schemas.MarketHourly(), Share: schemas.MarketShare(), TopTable: schemas.TopCollections()}
}

// Rows holds a batch for each of some tables.
type Rows struct {
	order   []string
	batches map[string]*datafile.Batch
}

// NewRows makes empty batches of the tables.
func NewRows(tables map[string]*datafile.Table) *Rows {
	r := &Rows{batches: map[string]*datafile.Batch{}}
	for name, t := range tables {
		r.batches[name] = datafile.NewBatch(&t.Schema)
		r.order = append(r.order, name)
	}
	return r
}

// Batch gives the rows of one table.
func (r *Rows) Batch(name string) *datafile.Batch { return r.batches[name] }

// Drain calls f with each batch that has rows and empties it.
func (r *Rows) Drain(f func(name string, b *datafile.Batch) error) error {
	for _, name := range r.order {
		b := r.batches[name]
		if b.Len() == 0 {
			continue
		}
		if err := f(name, b); err != nil {
			return err
		}
		b.Reset()
	}
	return nil
}
