package market

import (
	"fmt"
	"slices"

	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
)

const topicOrderFulfilled = "0x9d9af8e38d66c62e2c12f0225249fd9d721c54b83f48d9352c97c6cacdcb6f31"

func seaport(r *Registry) {
	for version, contract := range map[string]string{
		"1.1": "0x00000000006c3852cbef3e08e8df289169ede581",
		"1.2": "0x00000000000006c7676171937c444f6bde3d6282",
		"1.3": "0x0000000000000ad24e80fd803c6ac37206a45f15",
		"1.4": "0x00000000000001ad428e4906ae43d8f9852d0dd6",
		"1.5": "0x00000000000000adc04c56bf30ac9d3c0aaf14dc",
		"1.6": "0x0000000000000068f116a894984e2db1123eb395",
	} {
		r.on("seaport", version, topicOrderFulfilled, 3, orderFulfilled, contract)
	}
}

// openSeaWallets get OpenSea's own fee; every other leg is a royalty.
var openSeaWallets = map[evm.Address]bool{
	evm.MustAddress("0x5b3256965e7c3cf26e11fcaf296dfc8807c01073"): true,
	evm.MustAddress("0x8de9c5a032463c561423387a9648c5c7bcc5bc90"): true,
	evm.MustAddress("0x34ba0f2379bf9b81d09f7259892e26a8b0885095"): true,
	evm.MustAddress("0x0000a26b00c1f0df003000390027140000faa719"): true,
}

func feeKind(to evm.Address) string {
	if openSeaWallets[to] {
		return Platform
	}
	return Royalty
}

// leg is a spent or received item of an order.
type leg struct {
	kind   uint64 // 0 native, 1 ERC-20, 2 ERC-721, 3 ERC-1155
	token  evm.Address
	id     uint256.Int
	amount uint256.Int
	to     evm.Address
}

func (l *leg) money() bool { return l.kind <= 1 }

func legs(b *ledger.Body, at, words int) []leg {
	first, n := b.Array(at, words)
	out := make([]leg, 0, n)
	for i := range n {
		p := first + 32*words*i
		l := leg{kind: b.Small(p, 3), token: b.Address(p + 32), id: b.Int(p + 64), amount: b.Int(p + 96)}
		if words == 5 {
			l.to = b.Address(p + 128)
		}
		out = append(out, l)
	}
	return out
}

// orderFulfilled(bytes32 orderHash, indexed offerer, indexed zone, address recipient, offer[], consideration[]).
func orderFulfilled(c *ctx) (*Sale, error) {
	b := c.body
	hash, recipient := b.Word(0), b.Address(32)
	offer, want := legs(b, b.Offset(0, 64), 4), legs(b, b.Offset(0, 96), 5)
	if b.Err() != nil {
		return nil, b.Err()
	}
	if !c.log.Topics[1].IsAddress() {
		return nil, fmt.Errorf("%w: offerer is no address", ledger.ErrBody)
	}
	offerer := c.log.Topics[1].Address()

	// A private listing names the NFT on both sides: offered, and received by the one buyer it is for.
	private := evm.Address{}
	var given, asked []Item
	var paid, got []*leg
	for i := range offer {
		l := &offer[i]
		if l.money() {
			got = append(got, l)
		} else {
			given = append(given, seaportItem(l))
		}
	}
	for i := range want {
		l := &want[i]
		switch {
		case l.money():
			paid = append(paid, l)
		case holds(given, l):
			private = l.to
		default:
			asked = append(asked, seaportItem(l))
		}
	}

	if len(given) == 0 && len(asked) == 0 {
		return nil, nil // currencies only
	}
	s := c.sale(Buy)
	s.OrderHash, s.HasOrderHash = hash, true
	switch {
	case len(given) > 0: // a listing, or a swap of NFT against NFT
		s.Items, s.Seller, s.Buyer = given, offerer, recipient
		if len(asked) > 0 {
			s.Category = Swap
		} else if !private.IsZero() {
			s.Category = PrivateSale
		}
		if len(paid) == 0 && len(asked) > 0 && len(got) > 0 {
			// The offerer adds money to an NFT: the price is paid for the NFTs that come back.
			s.Items, s.Seller, s.Buyer = asked, recipient, offerer
			return s, seaportPrice(s, got, nil)
		}
		if s.Buyer.IsZero() {
			s.Buyer = private
		}
		if s.Buyer.IsZero() {
			s.Buyer = c.counterpart(given, offerer, true)
		}
		return s, seaportPrice(s, paid, paid)
	default: // an offer that was accepted
		s.Category = OfferAccepted
		s.Items, s.Buyer, s.Seller = asked, offerer, recipient
		if s.Seller.IsZero() {
			s.Seller = c.counterpart(asked, offerer, false)
		}
		return s, seaportPrice(s, got, paid)
	}
}

func seaportItem(l *leg) Item {
	it := Item{Contract: l.token, TokenID: l.id, Amount: l.amount, Standard: ledger.ERC721}
	if l.kind == 3 {
		it.Standard = ledger.ERC1155
	}
	return it
}

func holds(items []Item, l *leg) bool {
	for i := range items {
		if items[i].Contract == l.token && items[i].TokenID.Eq(&l.id) {
			return true
		}
	}
	return false
}

// counterpart finds the other side of matched orders, whose events name no recipient, from the transfer of the first item.
func (c *ctx) counterpart(items []Item, offerer evm.Address, isSeller bool) evm.Address {
	for i := range c.tx.Transfers {
		t := &c.tx.Transfers[i]
		if t.Contract != items[0].Contract || !t.TokenID.Eq(&items[0].TokenID) {
			continue
		}
		if isSeller && t.From == offerer {
			return t.To
		}
		if !isSeller && t.To == offerer {
			return t.From
		}
	}
	return evm.Address{}
}

func (l *leg) currency() evm.Address {
	if l.kind == 0 {
		return evm.Address{}
	}
	return currency(l.token)
}

// seaportPrice sums the legs that make the price and lists what goes to others than the seller. The price is in the currency that the seller asks for; a tip or fee in
// another currency is no part of it. Two currencies to the seller are no price.
func seaportPrice(s *Sale, price, fees []*leg) error {
	first := true
	for _, l := range price {
		if own := l.to == s.Seller || l.to.IsZero(); own {
			if cur := l.currency(); first {
				first, s.Currency = false, cur
			} else if cur != s.Currency {
				return fmt.Errorf("%w: the price is in more than one currency (%s and %s)", ledger.ErrBody, s.Currency.Hex(), cur.Hex())
			}
		}
	}
	for _, l := range price {
		if first { // nothing for the seller: the first leg says the currency
			first, s.Currency = false, l.currency()
		}
		if l.currency() != s.Currency {
			continue
		}
		if _, over := s.Price.AddOverflow(&s.Price, &l.amount); over {
			return fmt.Errorf("%w: the price is above 2^256", ledger.ErrBody)
		}
	}
	for _, l := range fees {
		if l.to != s.Seller && l.currency() == s.Currency {
			s.addFee(l.to, &l.amount, feeKind(l.to))
		}
	}
	if s.Seller == s.Buyer {
		s.Check = Mirror
	}
	return nil
}

// pairSeaport finds the second halves of matched orders and gives each accepted offer what the seller's own counter-order of the same transaction pays to others.
//
// A counter-order whose event names the seller on both sides is a mirror by itself. Where matched orders name nobody, or whoever matched them, the parties come from the
// transfers: the seller's order offers tokens that accepted offers of the same transaction ask for, and the tokens went straight from that seller to those buyers. One order
// may sell to several offers, and several orders to one.
func pairSeaport(tx *ledger.Tx, sales []*Sale) {
	var offers, orders []*Sale
	for _, s := range sales {
		if s.Project != "seaport" {
			continue
		}
		if s.Category == OfferAccepted && s.Check != Mirror {
			offers = append(offers, s)
		} else if s.Category != OfferAccepted {
			orders = append(orders, s)
		}
	}
	if len(offers) == 0 {
		return
	}
	for _, m := range orders {
		met := m.met(tx, offers)
		if len(met) == 0 {
			continue
		}
		m.Check = Mirror
		var volume, done uint256.Int
		for _, s := range met {
			volume.Add(&volume, &s.Price)
		}
		for _, s := range met {
			s.Seller = m.Seller
			from := done
			done.Add(&done, &s.Price)
			for i := range m.Fees {
				f := &m.Fees[i]
				if volume.IsZero() {
					continue
				}
				a, _ := new(uint256.Int).MulDivOverflow(&f.Amount, &from, &volume)
				b, _ := new(uint256.Int).MulDivOverflow(&f.Amount, &done, &volume)
				s.addFee(f.Recipient, b.Sub(b, a), f.Kind)
			}
		}
	}
}

// met gives the accepted offers that this order of a seller was matched with: every token it offers is asked for by one of them.
func (m *Sale) met(tx *ledger.Tx, offers []*Sale) (out []*Sale) {
	for i := range m.Items {
		found := false
		for _, s := range offers {
			if s.Log.Address != m.Log.Address || s.Buyer == m.Seller || !s.asksFor(&m.Items[i]) {
				continue
			}
			if m.Check == Mirror && s.Seller == m.Seller || m.Check != Mirror && m.gave(tx, &m.Items[i], s.Buyer) {
				found = true
				if !slices.Contains(out, s) {
					out = append(out, s)
				}
			}
		}
		if !found {
			return nil
		}
	}
	return out
}

func (s *Sale) asksFor(it *Item) bool {
	for i := range s.Items {
		if s.Items[i].Contract == it.Contract && s.Items[i].TokenID.Eq(&it.TokenID) {
			return true
		}
	}
	return false
}

// gave tells whether a token went straight from the seller of this order to a buyer.
func (m *Sale) gave(tx *ledger.Tx, it *Item, buyer evm.Address) bool {
	for i := range tx.Transfers {
		t := &tx.Transfers[i]
		if t.Contract == it.Contract && t.TokenID.Eq(&it.TokenID) && t.From == m.Seller && t.To == buyer {
			return true
		}
	}
	return false
}
