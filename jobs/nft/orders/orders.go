// Package orders reads what marketplaces log on chain of asks, bids and cancellations. Most orders are signed off chain and never seen here; what is here is exact.
//
// As in package market an event is recognised by (address, topic0, number of topics) together, and a body that does not fit is kept with its reason.
package orders

import (
	"fmt"

	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
)

// Kinds of orders.
const (
	Ask       = "ask"
	Bid       = "bid"
	CancelAsk = "cancel_ask"
	CancelBid = "cancel_bid"
	Cancel    = "cancel" // of an order that is known by its hash, or of all of a maker's
)

// Order is one event. What it does not say is not set.
type Order struct {
	Log              *ledger.Log
	Project, Version string
	Kind             string
	Hash             evm.Word
	HasHash          bool
	Contract         evm.Address
	TokenID          uint256.Int
	HasToken         bool
	Maker, Taker     evm.Address // zero: not said
	Price            uint256.Int
	HasPrice         bool
	Currency         evm.Address // zero: native
}

type event struct {
	project, version, kind string
	topics                 int
	at                     map[evm.Address]bool
	read                   func(*reader)
}

// reader fills an order from an event.
type reader struct {
	*Order
	tx   *ledger.Tx
	body *ledger.Body
}

func (r *reader) topic(i int) evm.Address { return r.Log.Topics[i].Address() }

func (r *reader) token(contract evm.Address, id *uint256.Int) {
	r.Contract, r.TokenID, r.HasToken = contract, *id, true
}

func (r *reader) price(v uint256.Int) { r.Price, r.HasPrice = v, true }

// sender is the maker of an order whose event does not name it, when the marketplace was called directly.
func (r *reader) sender() {
	if r.tx.To == r.Log.Address {
		r.Maker = r.tx.From
	}
}

// Registry holds the events. It is immutable and safe for concurrent use.
type Registry struct{ events map[evm.Word][]event }

func (r *Registry) on(project, version, kind, topic string, topics int, read func(*reader), contracts ...string) {
	e := event{project: project, version: version, kind: kind, topics: topics, read: read, at: map[evm.Address]bool{}}
	for _, c := range contracts {
		e.at[evm.MustAddress(c)] = true
	}
	t := evm.MustWord(topic)
	r.events[t] = append(r.events[t], e)
}

// Of reads the orders of a transaction; events that do not fit are added to its rejects.
func (r *Registry) Of(tx *ledger.Tx) (out []Order) {
	for i := range tx.Logs {
		l := &tx.Logs[i]
		if l.NTopics == 0 {
			continue
		}
		for _, e := range r.events[l.Topics[0]] {
			if e.topics != l.NTopics || !e.at[l.Address] {
				continue
			}
			o := reader{Order: &Order{Log: l, Project: e.project, Version: e.version, Kind: e.kind}, tx: tx, body: ledger.NewBody(l.Data)}
			e.read(&o)
			if err := o.body.Err(); err != nil {
				tx.Rejects = append(tx.Rejects, ledger.Reject{Log: l, Reason: fmt.Sprintf("%s %s: %v", e.project, e.version, err)})
			} else {
				out = append(out, *o.Order)
			}
			break
		}
	}
	return out
}
