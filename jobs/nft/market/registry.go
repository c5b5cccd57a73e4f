package market

import (
	"fmt"

	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
)

// entry is one event of one marketplace.
type entry struct {
	project, version string
	topics           int
	at               map[evm.Address]bool // nil: any contract (pools that have their own address each)
	decode           func(*ctx) (*Sale, error)
}

// Registry holds every marketplace event that is decoded. It is immutable once made and safe for concurrent use.
type Registry struct {
	events map[evm.Word][]*entry
}

// NewRegistry gives all marketplaces.
func NewRegistry() *Registry {
	r := &Registry{events: map[evm.Word][]*entry{}}
	for _, add := range []func(*Registry){seaport, wyvern, looksrare, x2y2, blur, punks, blend, element, zeroex, foundation, superrare, rarible, zora, sudoswap, manifold, nouns, decentraland, kitties} {
		add(r)
	}
	return r
}

// on registers an event; no address means any contract.
func (r *Registry) on(project, version, topic0 string, topics int, decode func(*ctx) (*Sale, error), contracts ...string) {
	e := &entry{project: project, version: version, topics: topics, decode: decode}
	if len(contracts) > 0 {
		e.at = map[evm.Address]bool{}
		for _, c := range contracts {
			e.at[evm.MustAddress(c)] = true
		}
	}
	t := evm.MustWord(topic0)
	r.events[t] = append(r.events[t], e)
}

// find gives the entry that an event belongs to, nil when none.
func (r *Registry) find(l *ledger.Log) *entry {
	if l.NTopics == 0 {
		return nil
	}
	for _, e := range r.events[l.Topics[0]] {
		if e.topics == l.NTopics && (e.at == nil || e.at[l.Address]) {
			return e
		}
	}
	return nil
}

// Knows tells whether a marketplace event of these words is decoded.
func (r *Registry) Knows(topic0 evm.Word) bool { return len(r.events[topic0]) > 0 }

// Topics gives every topic0 that is decoded.
func (r *Registry) Topics() []evm.Word {
	var out []evm.Word
	for t := range r.events {
		out = append(out, t)
	}
	return out
}

// Sales reads the sales of a decoded transaction, checked against its flow of assets. Events that do not fit are added to tx.Rejects.
func (r *Registry) Sales(tx *ledger.Tx) []*Sale {
	var out []*Sale
	var used []bool
	since := map[evm.Address]int64{}
	count := map[evm.Address]int{}
	for i := range tx.Logs {
		l := &tx.Logs[i]
		e := r.find(l)
		if e == nil {
			continue
		}
		if used == nil {
			used = make([]bool, len(tx.Transfers))
		}
		c := &ctx{tx: tx, at: i, log: l, e: e, used: used, body: ledger.NewBody(l.Data), since: -1, nth: count[l.Address]}
		if s, ok := since[l.Address]; ok {
			c.since = s
		}
		s, err := e.decode(c)
		if err == nil {
			err = c.body.Err()
		}
		since[l.Address] = l.Index // one that cannot be read ends a window and counts as a call all the same
		count[l.Address]++
		if err != nil {
			tx.Rejects = append(tx.Rejects, ledger.Reject{Log: l, Reason: fmt.Sprintf("%s %s: %v", e.project, e.version, err)})
			continue
		}
		if s == nil {
			continue // an event of the marketplace that is no sale of an NFT
		}
		out = append(out, s)
	}
	pairSeaport(tx, out)
	check(tx, out)
	return out
}
