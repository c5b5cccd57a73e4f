package gold

import (
	"fmt"

	"github.com/holiman/uint256"

	"github.com/lodehq/lode/table/datafile"
	"github.com/lodehq/lode/table/datafile/schemas"
)

// Kinds of facts: the first byte of a fact's value.
const (
	tradeFact    = 'T'
	transferFact = 'X'
	mintFact     = 'N'
	orderFact    = 'O'
)

// Trade is an item sold, as silver.nft_trades says.
type Trade struct {
	Project                 string
	Block, Time             int64
	Tx                      string
	Log, Sub                int64
	Category                string
	Single                  bool
	HasToken                bool
	Token, Standard         string
	Items                   int64
	Seller, Buyer           string
	Raw                     uint256.Int
	EtherLike               bool
	Eth, USD                float64
	HasEth, HasUSD          bool
	PlatformRaw, RoyaltyRaw uint256.Int
	BlockHash               string
	Mirror                  bool
	ChainID                 int64

	Flash bool

	wash [3]bool
}

// Sale tells whether the trade counts in every figure.
func (t *Trade) Sale() bool { return !t.Mirror && !t.Raw.IsZero() && t.Buyer != t.Seller }

// Wash tells whether a filter marks the trade.
func (t *Trade) Wash() bool { return t.wash[0] || t.wash[1] || t.wash[2] || t.Flash }

// one tells whether the price is that of one token.
func (t *Trade) one() bool { return t.Single && t.Items == 1 && t.HasEth }

func (t *Trade) saleID() string { return fmt.Sprintf("%s#%d", t.Tx, t.Log) }

// Move is a token moved, as silver.nft_transfer (or nft_mints, then with a price) says.
type Move struct {
	Block, Time     int64
	Tx              string
	Log, Batch      int64
	Standard, Token string
	Amount          uint256.Int
	From, To        string
	Mint, Burn      bool
	ChainID         int64

	// Of mints.
	Eth    float64
	HasEth bool
}

// Zero is the zero address as text.
const Zero = "0x0000000000000000000000000000000000000000"

const dead = "0x000000000000000000000000000000000000dead"

func nobody(a string) bool { return a == Zero || a == dead }

// etherLike are the currencies that are worth one ether each.
func etherLike(currency string) bool {
	return currency == Zero || currency == "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2" || currency == "0x0000000000a39bb272e79075ade125fd351887ac"
}

// Emit sends a fact to the group of a collection.
type Emit func(key, value []byte) error

// Emitter turns silver rows into facts.
type Emitter struct {
	key, value []byte
}

// CollectionKey is the key under which the facts of a collection meet; the contract is empty for sales of unknown tokens.
func CollectionKey(dst []byte, chain, contract []byte) []byte {
	return append(append(append(dst, chain...), 0), contract...)
}

// SplitKey reads a collection's key.
func SplitKey(key []byte) (chain, contract string) {
	for i, c := range key {
		if c == 0 {
			return string(key[:i]), string(key[i+1:])
		}
	}
	return string(key), ""
}

// Trades emits the rows of a batch of silver.nft_trades.
func (e *Emitter) Trades(b *datafile.Batch, emit Emit) error {
	return e.rows(b, tradeFact, "nft_contract_address", emit)
}

// Transfers emits the rows of a batch of silver.nft_transfer.
func (e *Emitter) Transfers(b *datafile.Batch, emit Emit) error {
	return e.rows(b, transferFact, "contract_address", emit)
}

// Mints emits the rows of a batch of silver.nft_mints.
func (e *Emitter) Mints(b *datafile.Batch, emit Emit) error {
	return e.rows(b, mintFact, "contract_address", emit)
}

// Orders emits the rows of a batch of silver.nft_orders that are about a collection.
func (e *Emitter) Orders(b *datafile.Batch, emit Emit) error {
	return e.rows(b, orderFact, "contract_address", emit)
}

func (e *Emitter) rows(b *datafile.Batch, kind byte, contract string, emit Emit) error {
	at := b.Schema.Index(contract)
	for i := range b.Len() {
		if kind == orderFact && b.Columns[at].IsNull(i) {
			continue
		}
		e.key = CollectionKey(e.key[:0], b.Columns[0].Bytes(i), b.Columns[at].Bytes(i))
		e.value = datafile.AppendRow(append(e.value[:0], kind), b, i)
		if err := emit(e.key, e.value); err != nil {
			return err
		}
	}
	return nil
}

// reader decodes facts. Columns are found by name once.
type reader struct {
	trades, moves, mints *datafile.Batch
	orders               *datafile.Batch
	o                    orderColumns
	t                    tradeColumns
	m, n                 moveColumns
	texts                map[string]string // one copy of addresses and the like that repeat
}

type tradeColumns struct {
	chainID, project, block, time, hash, tx, log, sub, category, typ, contract, token, standard, items, seller, buyer, raw, currency, eth, usd, platform, royalty, check, flash int
}

type moveColumns struct{ chainID, block, time, tx, log, batch, standard, token, amount, from, to, mint, burn, eth int }

func newReader() *reader {
	r := &reader{trades: datafile.NewBatch(&schemas.NFTTrades().Schema), moves: datafile.NewBatch(&schemas.NFTTransfer().Schema), mints: datafile.NewBatch(&schemas.NFTMints().Schema), texts: map[string]string{}, orders: datafile.NewBatch(&schemas.NFTOrders().Schema)}
	r.o = newOrderColumns(r.orders.Schema.Index)
	ix := r.trades.Schema.Index
	r.t = tradeColumns{ix("chain_id"), ix("project"), ix("block_number"), ix("block_time"), ix("block_hash"), ix("tx_hash"), ix("log_index"), ix("sub_tx_trade_id"), ix("trade_category"), ix("trade_type"), ix("nft_contract_address"),
		ix("token_id"), ix("token_standard"), ix("number_of_items"), ix("seller"), ix("buyer"), ix("price_raw"), ix("currency_contract"), ix("price_eth"), ix("price_usd"), ix("platform_fee_raw"), ix("royalty_fee_raw"), ix("price_check"), ix("flash_loan")}
	moves := func(b *datafile.Batch) moveColumns {
		ix := b.Schema.Index
		return moveColumns{ix("chain_id"), ix("block_number"), ix("block_time"), ix("tx_hash"), ix("log_index"), ix("batch_index"), ix("token_standard"), ix("token_id"), ix("amount_raw"), ix("from_address"), ix("to_address"), ix("is_mint"), ix("is_burn"), ix("price_eth")}
	}
	r.m, r.n = moves(r.moves), moves(r.mints)
	return r
}

// text gives one string for equal bytes.
func (r *reader) text(b *datafile.Batch, c int) string {
	v := b.Columns[c].Bytes(0)
	if s, ok := r.texts[string(v)]; ok {
		return s
	}
	s := string(v)
	r.texts[s] = s
	return s
}

func number(dst *uint256.Int, b *datafile.Batch, c int) error {
	if b.Columns[c].IsNull(0) {
		return nil
	}
	if err := dst.SetFromDecimal(string(b.Columns[c].Bytes(0))); err != nil {
		return fmt.Errorf("column %s: %w", b.Schema.Fields[c].Name, err)
	}
	return nil
}

func (r *reader) trade(row []byte) (t Trade, err error) {
	b, c := r.trades, r.t
	b.Reset()
	if err := b.AppendEncoded(row); err != nil {
		return t, fmt.Errorf("a trade's fact: %w", err)
	}
	t = Trade{
		Project: r.text(b, c.project), Block: b.Columns[c.block].Int(0), Time: b.Columns[c.time].Int(0) / 1e6, Tx: r.text(b, c.tx), Log: b.Columns[c.log].Int(0), Sub: b.Columns[c.sub].Int(0), Category: r.text(b, c.category),
		Single: b.Columns[c.typ].Text(0) == "Single Item Trade", HasToken: !b.Columns[c.contract].IsNull(0), Token: r.text(b, c.token), Standard: r.text(b, c.standard), Seller: r.text(b, c.seller), Buyer: r.text(b, c.buyer),
		EtherLike: etherLike(b.Columns[c.currency].Text(0)), Eth: b.Columns[c.eth].Float(0), HasEth: !b.Columns[c.eth].IsNull(0), USD: b.Columns[c.usd].Float(0), HasUSD: !b.Columns[c.usd].IsNull(0),
		BlockHash: r.text(b, c.hash), Mirror: b.Columns[c.check].Text(0) == "mirror", ChainID: b.Columns[c.chainID].Int(0), Flash: b.Columns[c.flash].Bool(0),
	}
	if hi, lo := b.Columns[c.items].Decimal(0); !b.Columns[c.items].IsNull(0) {
		t.Items = int64(lo)
		if hi != 0 || t.Items < 0 {
			t.Items = 1<<63 - 1
		}
	}
	for _, x := range []struct {
		dst *uint256.Int
		c   int
	}{{&t.Raw, c.raw}, {&t.PlatformRaw, c.platform}, {&t.RoyaltyRaw, c.royalty}} {
		if err := number(x.dst, b, x.c); err != nil {
			return t, err
		}
	}
	return t, nil
}

func (r *reader) move(row []byte, mint bool) (m Move, err error) {
	b, c := r.moves, r.m
	if mint {
		b, c = r.mints, r.n
	}
	b.Reset()
	if err := b.AppendEncoded(row); err != nil {
		return m, fmt.Errorf("a transfer's fact: %w", err)
	}
	m = Move{
		Block: b.Columns[c.block].Int(0), Time: b.Columns[c.time].Int(0) / 1e6, Tx: r.text(b, c.tx), Log: b.Columns[c.log].Int(0), Batch: b.Columns[c.batch].Int(0), Standard: r.text(b, c.standard), Token: r.text(b, c.token),
		From: r.text(b, c.from), To: r.text(b, c.to), Mint: b.Columns[c.mint].Bool(0), Burn: b.Columns[c.burn].Bool(0), ChainID: b.Columns[c.chainID].Int(0),
	}
	if mint {
		m.Eth, m.HasEth = b.Columns[c.eth].Float(0), !b.Columns[c.eth].IsNull(0)
	}
	return m, number(&m.Amount, b, c.amount)
}
