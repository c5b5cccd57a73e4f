// Package scan decodes token transfers straight from Parquet files of logs to Parquet files of transfers, for histories that are only wanted as transfers. It reads the
// signature column first and touches the rest of the matching rows only; addresses, ids and amounts stay hex text and are cut out of their words in place.
//
// Any layout with the columns block_number, transaction_hash, log_index, address, topic0…topic3 and data will do: the bronze tables and what other tools write.
package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/lodehq/lode/table/datafile"
)

// Topics of the transfers, as text.
const (
	transfer = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
	single   = "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62"
	batch    = "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb"
)

// File is a Parquet file of logs.
type File struct {
	Name string
	io.ReaderAt
	Size int64
}

// Table is what comes out: one row a token moved. Ids and amounts are 64 hex digits; kind is erc20, erc721 or erc1155.
func Table() *datafile.Table {
	t := &datafile.Table{Name: "transfers"}
	for i, f := range []datafile.Field{{Name: "block_number", Type: datafile.Long}, {Name: "transaction_hash", Type: datafile.String}, {Name: "log_index", Type: datafile.Long}, {Name: "contract_address", Type: datafile.String, Dict: true},
		{Name: "kind", Type: datafile.String, Dict: true}, {Name: "from_address", Type: datafile.String, Dict: true}, {Name: "to_address", Type: datafile.String, Dict: true}, {Name: "token_id", Type: datafile.String}, {Name: "amount", Type: datafile.String}} {
		f.ID, f.Required = i+1, f.Name != "token_id" // of an ERC-20 there is none
		t.Schema.Fields = append(t.Schema.Fields, f)
	}
	return t
}

func input() *datafile.Schema {
	s := &datafile.Schema{}
	for _, n := range []string{"block_number", "transaction_hash", "log_index", "address", "topic0", "topic1", "topic2", "topic3", "data"} {
		typ := datafile.String
		if n == "block_number" || n == "log_index" {
			typ = datafile.Long
		}
		s.Fields = append(s.Fields, datafile.Field{Name: n, Type: typ}) // no ids: found by name
	}
	return s
}

// Counts says what was done.
type Counts struct{ Logs, Transfers, Misfits int64 }

// Run decodes files with some workers; create opens the n-th output. The codec is one of datafile.KeyCodec's values, "" for the default.
func Run(ctx context.Context, files []File, workers int, codec string, create func(n int) (io.WriteCloser, error)) (Counts, error) {
	next := make(chan File)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(next)
		for _, f := range files {
			select {
			case next <- f:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	per := make([]Counts, workers)
	for n := range workers {
		g.Go(func() error {
			out, err := create(n)
			if err != nil {
				return err
			}
			table := Table()
			table.Properties = map[string]string{datafile.KeyCodec: codec}
			w, err := datafile.NewWriter(out, table, strconv.Itoa(n))
			if err != nil {
				return errors.Join(err, out.Close())
			}
			for f := range next {
				if err := one(ctx, f, w, &per[n]); err != nil {
					return errors.Join(fmt.Errorf("decode %s: %w", f.Name, err), out.Close())
				}
			}
			_, err = w.Close()
			return errors.Join(err, out.Close())
		})
	}
	err := g.Wait()
	var all Counts
	for _, c := range per {
		all.Logs += c.Logs
		all.Transfers += c.Transfers
		all.Misfits += c.Misfits
	}
	return all, err
}

func one(ctx context.Context, f File, w *datafile.Writer, n *Counts) error {
	r, err := datafile.OpenReader(f, f.Size, input(), datafile.ReadOptions{Only: &datafile.In{Column: "topic0", Values: []string{transfer, single, batch}}})
	if err != nil {
		return err
	}
	defer r.Close()
	n.Logs += r.Rows()
	out := datafile.NewBatch(&Table().Schema)
	for ctx.Err() == nil {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		out.Reset()
		n.Misfits += Decode(b, out)
		n.Transfers += int64(out.Len())
		if err := w.Write(out); err != nil {
			return err
		}
	}
	return ctx.Err()
}

const oneWord = "0000000000000000000000000000000000000000000000000000000000000001"

// Decode appends the transfers of a batch of matching logs and counts those whose body does not fit. It allocates nothing once out has grown.
func Decode(in, out *datafile.Batch) (misfits int64) {
	c := in.Columns
	for i := range in.Len() {
		t0, data := c[4].Bytes(i), c[8].Bytes(i)
		has2, has3 := !c[6].IsNull(i), !c[7].IsNull(i)
		row := func(kind string, from, to []byte) {
			out.Long(c[0].Int(i)).Raw(c[1].Bytes(i)).Long(c[2].Int(i)).Raw(c[3].Bytes(i)).Str(kind)
			address(out, 5, from)
			address(out, 6, to)
			out.Skip(2)
		}
		switch {
		case string(t0) == transfer && has3 && word(c[5].Bytes(i)) && word(c[6].Bytes(i)) && word(c[7].Bytes(i)):
			row("erc721", c[5].Bytes(i), c[6].Bytes(i))
			out.Raw(c[7].Bytes(i)[2:]).Str(oneWord)
		case string(t0) == transfer && has2 && !has3 && len(data) == 66 && word(c[5].Bytes(i)) && word(c[6].Bytes(i)):
			row("erc20", c[5].Bytes(i), c[6].Bytes(i))
			out.Null().Raw(data[2:])
		case string(t0) == single && has3 && len(data) == 130 && word(c[6].Bytes(i)) && word(c[7].Bytes(i)):
			row("erc1155", c[6].Bytes(i), c[7].Bytes(i))
			out.Raw(data[2:66]).Raw(data[66:130])
		case string(t0) == batch && has3 && word(c[6].Bytes(i)) && word(c[7].Bytes(i)):
			ids, amounts, ok := arrays(data)
			if !ok {
				misfits++
				continue
			}
			for ; len(ids) > 0; ids, amounts = ids[64:], amounts[64:] {
				row("erc1155", c[6].Bytes(i), c[7].Bytes(i))
				out.Raw(ids[:64]).Raw(amounts[:64])
			}
		default:
			misfits++
		}
	}
	return misfits
}

func word(v []byte) bool { return len(v) == 66 }

// address appends 0x + the last 40 digits of a word to a column.
func address(out *datafile.Batch, column int, word []byte) {
	c := &out.Columns[column]
	c.Data = append(append(c.Data, '0', 'x'), word[26:]...)
	c.EndBytes()
}

// arrays finds two arrays of equal length in hex text: their digits without the lengths.
func arrays(data []byte) (ids, amounts []byte, ok bool) {
	if len(data) < 2 {
		return nil, nil, false
	}
	d := data[2:]
	number := func(at int) (int, bool) {
		if at < 0 || at+64 > len(d) {
			return 0, false
		}
		for _, c := range d[at : at+56] {
			if c != '0' {
				return 0, false
			}
		}
		v, err := strconv.ParseUint(string(d[at+56:at+64]), 16, 32)
		return int(v), err == nil
	}
	array := func(head int) ([]byte, bool) {
		off, ok := number(head)
		if !ok {
			return nil, false
		}
		n, ok := number(2 * off)
		if !ok || n > len(d)/64 || 2*off+64+64*n > len(d) {
			return nil, false
		}
		return d[2*off+64 : 2*off+64+64*n], true
	}
	ids, ok1 := array(0)
	amounts, ok2 := array(64)
	return ids, amounts, ok1 && ok2 && len(ids) == len(amounts)
}
