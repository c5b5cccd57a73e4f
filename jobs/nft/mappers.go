package nft

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/lodehq/lode/jobs/nft/gold"
	"github.com/lodehq/lode/jobs/nft/ledger"
	"github.com/lodehq/lode/jobs/nft/silver"
	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/table/datafile"
)

func (m *rawMapper) Map(c *mapreduce.Context, _, line []byte) error {
	path := c.Split().Path
	b, err := m.read.Read(line, path)
	if err != nil {
		return m.reject(c, err, line)
	}
	txs, err := ledger.FromBlock(b, b.Chain, b.ChainID.V)
	if err != nil {
		return m.reject(c, err, line)
	}
	m.read.Add(b, path)
	for _, note := range b.Notes {
		m.rows.Note(b.Chain, b.ChainID.V, b.Number, b.Hash, b.Timestamp, note)
	}
	c.Counter("chain", "blocks").Add(1)
	if usd, known := m.rows.Block(m.reg, txs); known {
		if err := gold.EmitPrice(b.Chain, b.Timestamp, usd, c.Emit); err != nil {
			return err
		}
	}
	if m.read.Size()+m.rows.Size() > flushBytes {
		return m.flush(c)
	}
	return nil
}

// reject keeps a line that is no block, and goes on.
func (m *rawMapper) reject(c *mapreduce.Context, err error, line []byte) error {
	c.Counter("chain", "bad_line").Add(1)
	m.rows.BadLine(m.chains[0], 0, err.Error(), line)
	return nil
}

func (m *rawMapper) flush(c *mapreduce.Context) error {
	if err := m.read.Flush(c); err != nil {
		return err
	}
	if err := m.emit.Trades(m.rows.Batch(silver.Trades), c.Emit); err != nil {
		return err
	}
	if err := m.emit.Transfers(m.rows.Batch(silver.Transfers), c.Emit); err != nil {
		return err
	}
	if err := m.emit.Orders(m.rows.Batch(silver.Orders), c.Emit); err != nil {
		return err
	}
	if err := m.emit.Mints(m.rows.Batch(silver.Mints), c.Emit); err != nil {
		return err
	}
	return writeSilver(c, m.rows)
}

func (m *rawMapper) Finish(c *mapreduce.Context) error { return m.flush(c) }

// writeSilver gives the rows to the outputs of their names.
func writeSilver(c *mapreduce.Context, rows *silver.Rows) error {
	err := rows.Each(func(name string, b *datafile.Batch) error {
		if b.Len() == 0 {
			return nil
		}
		c.Counter("lode.rows", "silver."+name).Add(int64(b.Len()))
		return c.EmitRow(name, b)
	})
	rows.Reset()
	return err
}

// batchOf is the table record that a mapper is called for.
func batchOf(c *mapreduce.Context) (*datafile.Batch, error) {
	b, ok := c.Row().(*datafile.Batch)
	if !ok {
		return nil, fmt.Errorf("the input gives rows as %T; *datafile.Batch is needed", c.Row())
	}
	return b, nil
}

// factMapper turns silver rows into facts.
type factMapper struct {
	table string
	emit  gold.Emitter
}

func (m *factMapper) Map(c *mapreduce.Context, _, _ []byte) error {
	b, err := batchOf(c)
	if err != nil {
		return err
	}
	switch m.table {
	case silver.Trades:
		return m.emit.Trades(b, c.Emit)
	case silver.Mints:
		return m.emit.Mints(b, c.Emit)
	case silver.Orders:
		return m.emit.Orders(b, c.Emit)
	}
	return m.emit.Transfers(b, c.Emit)
}

// collectionReducer gets all facts of one collection, or all prices of a chain.
type collectionReducer struct {
	c      *gold.Collection
	rows   *gold.Rows
	prices gold.Prices
	quotes *gold.Rows
}

func newCollectionReducer() mapreduce.Reducer {
	return &collectionReducer{c: gold.NewCollection(), rows: gold.NewRows(gold.CollectionTables()), quotes: gold.NewRows(gold.PriceTables())}
}

func (r *collectionReducer) Reduce(c *mapreduce.Context, key []byte, values *mapreduce.Values) error {
	if gold.IsPriceKey(key) {
		return r.reducePrices(c, key, values)
	}
	r.c.Begin(key)
	for values.Next() {
		if err := r.c.Add(values.Value()); err != nil {
			return err
		}
	}
	if err := values.Err(); err != nil {
		return err
	}
	err := r.c.Finish(r.rows, func(f *gold.MarketFact) error {
		line, err := f.Encode()
		if err != nil {
			return err
		}
		return c.Emit(nil, line)
	})
	if err != nil {
		return err
	}
	return drain(c, r.rows)
}

func (r *collectionReducer) reducePrices(c *mapreduce.Context, key []byte, values *mapreduce.Values) error {
	r.prices.Begin(key)
	for values.Next() {
		if err := r.prices.Add(values.Value()); err != nil {
			return err
		}
	}
	if err := values.Err(); err != nil {
		return err
	}
	r.prices.Finish(r.quotes)
	return drain(c, r.quotes)
}

func drain(c *mapreduce.Context, rows *gold.Rows) error {
	return rows.Drain(func(name string, b *datafile.Batch) error {
		c.Counter("lode.rows", "gold."+name).Add(int64(b.Len()))
		return c.EmitRow(name, b)
	})
}

// Facts of the market meet by day, and once more by chain for the ranks.
const (
	dayKey = 'D'
	topKey = 'T'
)

func marketMap(c *mapreduce.Context, _, line []byte) error {
	at := bytes.IndexByte(line, '{') // the text output puts a tab after the empty key
	if at < 0 {
		return fmt.Errorf("a line between the stages holds no fact: %.80q", line)
	}
	f, err := gold.DecodeMarketFact(line[at:])
	if err != nil {
		return err
	}
	if err := c.Emit(append([]byte{dayKey}, f.Day()...), line[at:]); err != nil {
		return err
	}
	return c.Emit(append([]byte{topKey}, f.Chain...), line[at:])
}

type marketReducer struct {
	market gold.Market
	top    gold.Top
	rows   *gold.Rows
}

func (r *marketReducer) Reduce(c *mapreduce.Context, key []byte, values *mapreduce.Values) error {
	if len(key) == 0 {
		return io.ErrUnexpectedEOF
	}
	top := key[0] == topKey
	r.market.Begin()
	if top {
		r.top.Begin(string(key[1:]))
	}
	for values.Next() {
		f, err := gold.DecodeMarketFact(values.Value())
		if err != nil {
			return err
		}
		switch {
		case !top:
			r.market.Add(f)
		case f.Eth != nil:
			r.top.Add(f.Contract, f.Time, *f.Eth)
		}
	}
	if err := values.Err(); err != nil {
		return err
	}
	if top {
		r.top.Finish(r.rows)
	} else if err := r.market.Finish(r.rows); err != nil {
		return err
	}
	return drain(c, r.rows)
}

// blockKey is the chain and the height, in the order of heights.
func blockKey(dst, chain []byte, number int64) []byte {
	return binary.BigEndian.AppendUint64(append(append(dst, chain...), 0), uint64(number))
}
