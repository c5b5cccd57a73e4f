package gold

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/holiman/uint256"
)

// Order is an ask, a bid or a cancellation about a token, as silver.nft_orders says.
type Order struct {
	Block, Time, Log           int64
	Tx, Project, Version, Kind string
	Token                      string
	Open                       bool // anybody may fill it
	Eth                        float64
	HasEth                     bool
	ChainID                    int64
}

type orderColumns struct{ chainID, project, version, block, time, tx, log, kind, token, taker, price, currency int }

func newOrderColumns(ix func(string) int) orderColumns {
	return orderColumns{ix("chain_id"), ix("project"), ix("version"), ix("block_number"), ix("block_time"), ix("tx_hash"), ix("log_index"), ix("kind"), ix("token_id"), ix("taker"), ix("price_raw"), ix("currency_contract")}
}

func (r *reader) order(row []byte) (o Order, err error) {
	b, c := r.orders, r.o
	b.Reset()
	if err := b.AppendEncoded(row); err != nil {
		return o, fmt.Errorf("an order's fact: %w", err)
	}
	o = Order{
		Block: b.Columns[c.block].Int(0), Time: b.Columns[c.time].Int(0) / 1e6, Log: b.Columns[c.log].Int(0), Tx: r.text(b, c.tx), Project: r.text(b, c.project), Version: r.text(b, c.version), Kind: r.text(b, c.kind),
		Token: r.text(b, c.token), Open: b.Columns[c.taker].IsNull(0), ChainID: b.Columns[c.chainID].Int(0),
	}
	var raw uint256.Int
	if err := number(&raw, b, c.price); err != nil {
		return o, err
	}
	falling := o.Project == "cryptokitties" // the price stated is where a clock auction begins
	if !falling && !b.Columns[c.price].IsNull(0) && etherLike(b.Columns[c.currency].Text(0)) && !raw.IsZero() {
		o.Eth, o.HasEth = raw.Float64()/1e18, true
	}
	return o, nil
}

// asks follows which tokens are for sale. It is asked for later and later times.
//
// An ask stands until the same marketplace says another of the token or takes it back, or the token moves in a later transaction (a sale is one such move; a marketplace that keeps
// what it sells takes the token in the transaction of the ask).
type asks struct {
	c      *Collection
	orders int // next
	moves  int
	stand  map[string]map[string]ask // token, marketplace
}

type ask struct {
	eth float64
	tx  string
}

func (c *Collection) newAsks() *asks { return &asks{c: c, stand: map[string]map[string]ask{}} }

// known tells whether the history has any asks at all.
func (a *asks) known() bool {
	return slices.ContainsFunc(a.c.orders, func(o Order) bool { return o.Kind == "ask" })
}

// at gives the lowest ask before a time (seconds) and how many tokens are listed.
func (a *asks) at(before int64) (floor float64, ok bool, listed int64) {
	for {
		o, m := a.orders < len(a.c.orders) && a.c.orders[a.orders].Time < before, a.moves < len(a.c.moves) && a.c.moves[a.moves].Time < before
		switch {
		case !o && !m:
			for _, by := range a.stand {
				for _, x := range by {
					if !ok || x.eth < floor {
						floor, ok = x.eth, true
					}
				}
			}
			return floor, ok, int64(len(a.stand))
		case !m || o && a.orderFirst():
			a.order(&a.c.orders[a.orders])
			a.orders++
		default:
			a.move(&a.c.moves[a.moves])
			a.moves++
		}
	}
}

func (a *asks) orderFirst() bool {
	o, m := &a.c.orders[a.orders], &a.c.moves[a.moves]
	return cmp.Or(cmp.Compare(o.Block, m.Block), cmp.Compare(o.Log, m.Log)) < 0
}

func (a *asks) order(o *Order) {
	where := o.Project + " " + o.Version
	switch {
	case o.Kind == "ask" && o.Open && o.HasEth && o.Token != "":
		if a.stand[o.Token] == nil {
			a.stand[o.Token] = map[string]ask{}
		}
		a.stand[o.Token][where] = ask{o.Eth, o.Tx}
	case o.Kind == "ask" || o.Kind == "cancel_ask":
		a.drop(o.Token, where)
	}
}

func (a *asks) move(m *Move) {
	for where, x := range a.stand[m.Token] {
		if x.tx != m.Tx {
			a.drop(m.Token, where)
		}
	}
}

func (a *asks) drop(token, where string) {
	delete(a.stand[token], where)
	if len(a.stand[token]) == 0 {
		delete(a.stand, token)
	}
}
