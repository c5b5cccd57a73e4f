// Package silver turns decoded transactions into rows of the silver tables that one transaction alone decides: transfers, sales, fees, mints, burns, payments,
// approvals, rejects. It is a pure function over batches: the same transactions give the same rows, whether they come from a batch of years or from the head of the chain.
//
// What needs the history of many transactions (owners, wash trades, the gold tables) is made by package gold from these rows.
package silver

import (
	"math/big"

	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
	"github.com/lodehq/lode/jobs/nft/market"
	"github.com/lodehq/lode/jobs/nft/orders"
	"github.com/lodehq/lode/jobs/nft/price"
	"github.com/lodehq/lode/table/datafile"
	"github.com/lodehq/lode/table/datafile/schemas"
)

// Names of the tables as keys of a job's outputs.
const (
	Transfers  = "nft_transfer"
	Mints      = "nft_mints"
	Burns      = "nft_burns"
	Trades     = "nft_trades"
	Sales      = "nft_sales"
	Fees       = "nft_trade_fees"
	ERC20      = "erc20_transfers"
	Native     = "native_value_transfers"
	Approvals  = "nft_approvals"
	Orders     = "nft_orders"
	Quarantine = "decode_quarantine"
)

// Tables gives the definitions by those names.
func Tables() map[string]*datafile.Table {
	return map[string]*datafile.Table{
		Transfers: schemas.NFTTransfer(), Mints: schemas.NFTMints(), Burns: schemas.NFTBurns(), Trades: schemas.NFTTrades(), Sales: schemas.NFTSales(), Fees: schemas.NFTTradeFees(),
		ERC20: schemas.ERC20Transfers(), Native: schemas.NativeTransfers(), Approvals: schemas.NFTApprovals(), Orders: schemas.NFTOrders(), Quarantine: schemas.Quarantine(),
	}
}

// Order is the order in which batches are given out.
var order = []string{Transfers, Mints, Burns, Trades, Sales, Fees, ERC20, Native, Approvals, Orders, Quarantine}

// Rows gathers silver rows.
type Rows struct {
	batches map[string]*datafile.Batch
	num     []byte
	orders  *orders.Registry
}

// NewRows makes empty batches.
func NewRows() *Rows {
	r := &Rows{batches: map[string]*datafile.Batch{}, orders: orders.NewRegistry()}
	for name, t := range Tables() {
		r.batches[name] = datafile.NewBatch(&t.Schema)
	}
	return r
}

// Batch gives the rows of one table.
func (r *Rows) Batch(name string) *datafile.Batch { return r.batches[name] }

// Each calls f with each batch.
func (r *Rows) Each(f func(name string, b *datafile.Batch) error) error {
	for _, name := range order {
		if err := f(name, r.batches[name]); err != nil {
			return err
		}
	}
	return nil
}

// Reset empties all batches.
func (r *Rows) Reset() {
	for _, b := range r.batches {
		b.Reset()
	}
}

// Size is about the memory of the rows in bytes.
func (r *Rows) Size() int {
	n := 0
	for _, b := range r.batches {
		n += b.Size()
	}
	return n
}

// Block decodes the transactions of one block: what moved, the sales, the price of ether (which it also answers, when the block says it), the rows.
func (r *Rows) Block(reg *market.Registry, txs []*ledger.Tx) (usd float64, known bool) {
	var seen price.Observer
	for _, tx := range txs {
		for i := range tx.Logs {
			seen.See(&tx.Logs[i])
		}
	}
	usd, known = seen.USD()
	for _, tx := range txs {
		if len(tx.Logs) == 0 {
			continue
		}
		tx.Decode()
		r.Add(tx, reg.Sales(tx), usd, known)
	}
	return usd, known
}

// Add appends the rows of a decoded transaction. usd is the price of one ether at its block.
func (r *Rows) Add(tx *ledger.Tx, sales []*market.Sale, usd float64, known bool) {
	w := writer{Rows: r, tx: tx, usd: usd, usdKnown: known, day: datafile.DayOf(tx.Block.Time), month: datafile.MonthOf(tx.Block.Time)}
	for i := range tx.Transfers {
		t := &tx.Transfers[i]
		w.transfer(r.batches[Transfers], t)
		if t.IsBurn() {
			w.transfer(r.batches[Burns], t)
		}
	}
	w.mints(sales)
	w.flash = len(sales) > 0 && flashLoan(tx)
	for _, s := range sales {
		w.sale(s)
	}
	w.approvals()
	w.offers()
	w.rejects()
	if len(tx.Transfers) > 0 || len(sales) > 0 {
		w.payments()
	}
}

type writer struct {
	*Rows
	tx       *ledger.Tx
	usd      float64
	usdKnown bool
	day      int64
	month    int64
	flash    bool
}

func (w *writer) chain(b *datafile.Batch) *datafile.Batch {
	return b.Str(w.tx.Block.Chain).Long(w.tx.Block.ChainID)
}

func (w *writer) block(b *datafile.Batch) *datafile.Batch {
	return b.Long(w.tx.Block.Number).Time(w.tx.Block.Time).Long(w.day).Long(w.month).Str(w.tx.Block.Hash)
}

func (w *writer) dec(b *datafile.Batch, v *uint256.Int) *datafile.Batch {
	be := v.Bytes32()
	w.num = evm.AppendDecimal(w.num[:0], be[:])
	return b.Raw(w.num)
}

func (w *writer) addr(b *datafile.Batch, a evm.Address) *datafile.Batch { return b.Hex(a[:]) }

func (w *writer) transfer(b *datafile.Batch, t *ledger.Transfer) {
	w.chain(b)
	w.block(b).Str(w.tx.Hash).Long(t.LogIndex).Long(t.BatchIndex).Str(string(t.Standard))
	if t.Batch {
		b.Str("batch")
	} else {
		b.Str("single")
	}
	w.addr(b, t.Contract)
	w.dec(b, &t.TokenID)
	w.dec(b, &t.Amount)
	w.addr(b, t.From)
	w.addr(b, t.To)
	if t.HasOperator {
		w.addr(b, t.Operator)
	} else {
		b.Null()
	}
	w.addr(b, w.tx.From)
	b.Bool(t.IsMint()).Bool(t.IsBurn())
}

// sale writes the sale's row, its items and its fees.
func (w *writer) sale(s *market.Sale) {
	b := w.batches[Sales]
	b.Long(w.tx.Block.Number).Time(w.tx.Block.Time).Str(w.tx.Hash).Long(s.Log.Index).Str(s.Project).Str(s.Version).Str(s.Category)
	w.num = w.num[:0]
	for i := range s.Items {
		it := &s.Items[i]
		if i > 0 {
			w.num = append(w.num, ';')
		}
		w.num = evm.AppendHex(w.num, it.Contract[:])
		w.num = appendColon(w.num, &it.TokenID)
		w.num = appendColon(w.num, &it.Amount)
	}
	if len(w.num) == 0 {
		b.Null()
	} else {
		b.Raw(w.num)
	}
	b.Long(int64(len(s.Items)))
	w.addr(b, s.Seller)
	w.addr(b, s.Buyer)
	w.dec(b, &s.Price)
	w.addr(b, s.Currency)
	fees := merged(s.Fees)
	w.num = w.num[:0]
	for i := range fees {
		if i > 0 {
			w.num = append(w.num, ';')
		}
		w.num = evm.AppendHex(w.num, fees[i].Recipient[:])
		w.num = appendColon(w.num, &fees[i].Amount)
	}
	if len(w.num) == 0 {
		b.Null()
	} else {
		b.Raw(w.num)
	}
	w.addr(b, w.tx.From)
	w.to(b)
	b.Str(string(s.Check))
	w.chain(b).Str(w.tx.Block.Hash).Long(w.day).Long(w.month)
	w.items(s)
	if s.Check != market.Mirror {
		w.fees(s)
	}
}

func (w *writer) to(b *datafile.Batch) {
	if w.tx.To.IsZero() {
		b.Null()
	} else {
		w.addr(b, w.tx.To)
	}
}

func appendColon(dst []byte, v *uint256.Int) []byte {
	be := v.Bytes32()
	return evm.AppendDecimal(append(dst, ':'), be[:])
}

// merged sums fees by recipient.
func merged(fees []market.Fee) []market.Fee {
	var out []market.Fee
next:
	for i := range fees {
		for j := range out {
			if out[j].Recipient == fees[i].Recipient {
				out[j].Amount.Add(&out[j].Amount, &fees[i].Amount)
				continue next
			}
		}
		out = append(out, fees[i])
	}
	return out
}

// share is the part of an amount that units from..to of a bundle of total units have: parts of equal units differ by at most 1, and all parts sum to the amount.
func share(amount, from, to, total *uint256.Int) *uint256.Int {
	a, _ := new(uint256.Int).MulDivOverflow(amount, from, total)
	b, _ := new(uint256.Int).MulDivOverflow(amount, to, total)
	return b.Sub(b, a)
}

// items writes one row an item; a sale whose items are not known has one row without a token.
func (w *writer) items(s *market.Sale) {
	var total, at uint256.Int
	for i := range s.Items {
		if _, over := total.AddOverflow(&total, &s.Items[i].Amount); over {
			total.Clear()
			break
		}
	}
	even := total.IsZero() // amounts of 0 or absurd sums: every item has the same part
	if even {
		total.SetUint64(uint64(max(1, len(s.Items))))
	}
	platform, royalty := s.FeesOf(market.Platform), s.FeesOf(market.Royalty)
	one := uint256.NewInt(1)
	for i := range max(1, len(s.Items)) {
		step := one
		if !even {
			step = &s.Items[i].Amount
		}
		from := at
		at.Add(&at, step)
		w.itemRow(s, i, share(&s.Price, &from, &at, &total), share(&platform, &from, &at, &total), share(&royalty, &from, &at, &total))
	}
}

func (w *writer) itemRow(s *market.Sale, i int, raw, platform, royalty *uint256.Int) {
	b := w.batches[Trades]
	w.chain(b).Str(s.Project).Str(s.Version)
	w.block(b).Str(w.tx.Hash).Long(s.Log.Index).Long(int64(i))
	if s.HasOrderHash {
		b.Hex(s.OrderHash[:])
	} else {
		b.Null()
	}
	b.Str(s.Category)
	if len(s.Items) > 1 {
		b.Str("Bundle Trade")
	} else {
		b.Str("Single Item Trade")
	}
	if i < len(s.Items) {
		it := &s.Items[i]
		w.addr(b, it.Contract)
		w.dec(b, &it.TokenID)
		b.Str(string(it.Standard))
		if it.Amount.LtUint64(1 << 62) {
			b.Decimal(it.Amount.Uint64())
		} else if it.Amount.Lt(tenTo38) {
			b.Decimal128(int64(it.Amount[1]), it.Amount[0])
		} else {
			b.Null()
		}
	} else {
		b.Null().Null().Null().Decimal(0)
	}
	w.addr(b, s.Seller)
	w.addr(b, s.Buyer)
	w.dec(b, raw)
	w.addr(b, s.Currency)
	w.money(b, s.Currency, raw)
	w.dec(b, platform)
	w.dec(b, royalty)
	if name, at, ok := aggregator(w.tx.To, s.Buyer, s.Seller); ok {
		b.Str(name)
		w.addr(b, at)
	} else {
		b.Null().Null()
	}
	w.addr(b, s.Log.Address)
	w.addr(b, w.tx.From)
	w.to(b)
	b.Str(string(s.Check))
	b.Bool(w.flash)
}

var tenTo38 = func() *uint256.Int {
	v, _ := uint256.FromBig(new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil))
	return v
}()

// value gives an amount in ether and in dollars, as far as known.
func (w *writer) value(cur evm.Address, raw *uint256.Int) (amount, eth, usd float64, hasAmount, hasEth, hasUSD bool) {
	c, ok := price.Of(cur)
	if !ok {
		return
	}
	amount, hasAmount = c.Amount(raw), true
	switch {
	case c.Ether:
		eth, hasEth, usd, hasUSD = amount, true, amount*w.usd, w.usdKnown
	case c.Dollar:
		usd, hasUSD, hasEth = amount, true, w.usdKnown
		if hasEth {
			eth = amount / w.usd
		}
	}
	return
}

// money writes symbol, decimals, price, price_eth and price_usd.
func (w *writer) money(b *datafile.Batch, cur evm.Address, raw *uint256.Int) {
	if c, ok := price.Of(cur); ok {
		b.Str(c.Symbol).Long(int64(c.Decimals))
	} else {
		b.Null().Null()
	}
	amount, eth, usd, a, e, u := w.value(cur, raw)
	b.FloatOrNull(amount, a).FloatOrNull(eth, e).FloatOrNull(usd, u)
}

func (w *writer) fees(s *market.Sale) {
	b := w.batches[Fees]
	for i := range s.Fees {
		f := &s.Fees[i]
		w.chain(b).Str(w.tx.Hash).Long(s.Log.Index).Str(f.Kind)
		w.addr(b, f.Recipient)
		w.dec(b, &f.Amount)
		w.addr(b, s.Currency)
		_, _, usd, _, _, known := w.value(s.Currency, &f.Amount)
		b.FloatOrNull(usd, known)
		b.Long(w.tx.Block.Number).Str(w.tx.Block.Hash).Time(w.tx.Block.Time).Str(s.Project)
		if len(s.Items) > 0 {
			w.addr(b, s.Items[0].Contract)
		} else {
			b.Null()
		}
	}
}

func (w *writer) payments() {
	for i := range w.tx.Tokens {
		p := &w.tx.Tokens[i]
		if p.Wrap {
			continue
		}
		b := w.batches[ERC20]
		w.chain(b).Long(w.tx.Block.Number).Time(w.tx.Block.Time).Str(w.tx.Block.Hash).Str(w.tx.Hash).Long(p.LogIndex)
		w.addr(b, p.Currency)
		w.addr(b, p.From)
		w.addr(b, p.To)
		w.dec(b, &p.Amount).Long(w.month)
	}
	for i := range w.tx.Native {
		p := &w.tx.Native[i]
		b := w.batches[Native]
		w.chain(b).Long(w.tx.Block.Number).Time(w.tx.Block.Time).Str(w.tx.Block.Hash).Str(w.tx.Hash).Str(p.Path)
		w.addr(b, p.From)
		w.addr(b, p.To)
		w.dec(b, &p.Amount).Long(w.month)
	}
}

func (w *writer) approvals() {
	b := w.batches[Approvals]
	for i := range w.tx.Approvals {
		a := &w.tx.Approvals[i]
		w.chain(b)
		w.block(b).Str(w.tx.Hash).Long(a.LogIndex)
		w.addr(b, a.Contract)
		w.addr(b, a.Owner)
		w.addr(b, a.Operator)
		if a.All {
			b.Null()
		} else {
			w.dec(b, &a.TokenID)
		}
		b.Bool(a.Approved).Bool(a.All)
	}
}

// offers writes what marketplaces log of asks, bids and cancellations.
func (w *writer) offers() {
	b := w.batches[Orders]
	word := func(a evm.Address, known bool) {
		if known {
			w.addr(b, a)
		} else {
			b.Null()
		}
	}
	for _, o := range w.orders.Of(w.tx) {
		w.chain(b).Str(o.Project).Str(o.Version)
		w.block(b).Str(w.tx.Hash).Long(o.Log.Index).Str(o.Kind)
		if o.HasHash {
			b.Hex(o.Hash[:])
		} else {
			b.Null()
		}
		word(o.Contract, !o.Contract.IsZero())
		if o.HasToken {
			w.dec(b, &o.TokenID)
		} else {
			b.Null()
		}
		word(o.Maker, !o.Maker.IsZero())
		word(o.Taker, !o.Taker.IsZero())
		if o.HasPrice {
			w.dec(b, &o.Price)
		} else {
			b.Null()
		}
		word(o.Currency, o.HasPrice)
	}
}

func (w *writer) rejects() {
	b := w.batches[Quarantine]
	for i := range w.tx.Rejects {
		j := &w.tx.Rejects[i]
		w.chain(b).Long(w.tx.Block.Number).Str(w.tx.Block.Hash).Str(w.tx.Hash).Long(j.Log.Index)
		t := j.Log.Topic0()
		b.Hex(t[:])
		w.addr(b, j.Log.Address)
		b.Str(j.Reason).Time(w.tx.Block.Time).Hex(j.Log.Data)
	}
}

// BadLine keeps a raw line that is no block.
func (r *Rows) BadLine(chain string, chainID int64, reason string, line []byte) {
	b := r.batches[Quarantine]
	b.Str(chain).Long(chainID).Null().Null().Null().Null().Null().Null().Str(reason).Null()
	b.Raw(line[:min(len(line), 4096)])
}

// Note keeps what is not known of a block.
func (r *Rows) Note(chain string, chainID, number int64, hash []byte, seconds int64, note string) {
	b := r.batches[Quarantine]
	b.Str(chain).Long(chainID).Long(number).Raw(hash).Null().Null().Null().Null().Str(note).Time(seconds).Null()
}
