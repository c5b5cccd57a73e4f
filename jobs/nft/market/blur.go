package market

import (
	"fmt"

	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
)

func blur(r *Registry) {
	const v1, v2 = "0x000000000000ad05ccc4f10045630fb830b95127", "0xb2ecfe4e4d61f8790bbb9de2d1259b9e2410cea5"
	r.on("blur", "v1", "0x61cbb2a3dee0b6064c2e681aadd61677fb4ef319f0b547508d495626f5a62f64", 3, blurMatched, v1)
	r.on("blur", "v2", "0x1d5e12b51dee5e4d34434576c3fb99714a85f57b0fd546ada4b0bddd736d12b2", 1, blurPacked, v2)
	r.on("blur", "v2", "0x0fcf17fac114131b10f37b183c6a60f905911e52802caeeb3e6ea210398b81ab", 1, blurPackedFee, v2)
	r.on("blur", "v2", "0x7dc5c0699ac8dd5250cbe368a2fc3b4a2daadb120ad07f6cccea29f83482686e", 1, blurPackedFee, v2)
	r.on("blur", "v2", "0xf2f66294df6fae7ac681cbe2f6d91c6904485929679dce263e8f6539b7d5c559", 1, blurExecution, v2)
}

// topicBlurTakerFee is the packed event whose fee the taker pays.
var topicBlurTakerFee = evm.MustWord("0x0fcf17fac114131b10f37b183c6a60f905911e52802caeeb3e6ea210398b81ab")

// blurOrder is (trader, side, matchingPolicy, collection, tokenId, amount, paymentToken, price, listingTime, expirationTime, (uint16 rate, address recipient)[] fees, salt,
// extraParams).
type blurOrder struct {
	trader, collection, currency evm.Address
	id, amount, price            uint256.Int
	fees, nfees                  int
}

func readBlurOrder(b *ledger.Body, at int) blurOrder {
	o := blurOrder{trader: b.Address(at), collection: b.Address(at + 96), id: b.Int(at + 128), amount: b.Int(at + 160), currency: b.Address(at + 192), price: b.Int(at + 224)}
	o.fees, o.nfees = b.Array(b.Offset(at, at+320), 2)
	return o
}

// blurMatched(indexed maker, indexed taker, sell order, sellHash, buy order, buyHash). All fees of the selling order count, not the first one alone.
func blurMatched(c *ctx) (*Sale, error) {
	b := c.body
	sell, buy := readBlurOrder(b, b.Offset(0, 0)), readBlurOrder(b, b.Offset(0, 64))
	sellHash, buyHash := b.Word(32), b.Word(96)
	if b.Err() != nil {
		return nil, b.Err()
	}
	if sell.collection != buy.collection {
		return nil, fmt.Errorf("%w: the orders are about different collections", ledger.ErrBody)
	}
	s := c.sale(Buy)
	s.OrderHash, s.HasOrderHash = sellHash, true
	if c.log.Topics[1].Address() != sell.trader {
		s.Category, s.OrderHash = OfferAccepted, buyHash
	}
	s.Seller, s.Buyer, s.Price, s.Currency = sell.trader, buy.trader, buy.price, currency(buy.currency)
	s.Items = []Item{c.item(sell.collection, sell.id, &sell.amount, ledger.ERC721)}
	for i := range sell.nfees {
		rate, to := b.Small(sell.fees+64*i, 1<<16), b.Address(sell.fees+64*i+32)
		s.addFee(to, bps(&s.Price, rate, 10000), Royalty)
	}
	return s, nil
}

func blurPacked(c *ctx) (*Sale, error) {
	if len(c.log.Data) != 96 {
		return nil, fmt.Errorf("%w: %d bytes", ledger.ErrBody, len(c.log.Data))
	}
	return blurUnpack(c)
}

func blurPackedFee(c *ctx) (*Sale, error) {
	if len(c.log.Data) != 128 {
		return nil, fmt.Errorf("%w: %d bytes", ledger.ErrBody, len(c.log.Data))
	}
	s, err := blurUnpack(c)
	if err != nil {
		return nil, err
	}
	w := c.body.Word(96) // 96 bits basis points, 160 bits recipient
	if (s.Category == Buy) == (c.log.Topics[0] == topicBlurTakerFee) {
		return s, nil // the buyer pays this one on top of the price: the taker of an ask, the maker of a bid
	}
	var rate uint256.Int
	rate.SetBytes(w[:12])
	if !rate.IsUint64() || rate.Uint64() > 10000 {
		return nil, fmt.Errorf("%w: a fee of %s basis points", ledger.ErrBody, rate.Dec())
	}
	s.addFee(w.Address(), bps(&s.Price, rate.Uint64(), 10000), Royalty)
	return s, nil
}

// blurUnpack reads orderHash, then token id (11 bytes), listing index (1), trader (20), then side (1), price (11), collection (20).
func blurUnpack(c *ctx) (*Sale, error) {
	b := c.body
	hash, who, what := b.Word(0), b.Word(32), b.Word(64)
	if b.Err() != nil {
		return nil, b.Err()
	}
	var id, price uint256.Int
	id.SetBytes(who[:11])
	price.SetBytes(what[1:12])
	return blurSale(c, hash, what[0], who.Address(), what.Address(), id, nil, price)
}

// blurSale finds the other side from the transfer of the token: the event names only the trader whose order it was.
func blurSale(c *ctx, hash evm.Word, side byte, trader, collection evm.Address, id uint256.Int, amount *uint256.Int, price uint256.Int) (*Sale, error) {
	if side > 1 {
		return nil, fmt.Errorf("%w: side %d", ledger.ErrBody, side)
	}
	s := c.sale(Buy)
	s.OrderHash, s.HasOrderHash, s.Price = hash, true, price
	s.Items = []Item{c.item(collection, id, amount, ledger.ERC721)}
	at := c.nearest(func(t *ledger.Transfer) bool {
		return t.Contract == collection && t.TokenID.Eq(&id) && (side == 0 && t.From == trader || side == 1 && t.To == trader)
	})
	if side == 0 {
		s.Seller = trader
	} else {
		s.Category, s.Buyer, s.Currency = OfferAccepted, trader, ledger.BlurPool
	}
	if at < 0 {
		return nil, fmt.Errorf("%w: no transfer of the token in the transaction", ledger.ErrBody)
	}
	c.used[at] = true
	if side == 0 {
		s.Buyer = c.tx.Transfers[at].To
	} else {
		s.Seller = c.tx.Transfers[at].From
	}
	return s, nil
}

// blurExecution reads ((trader, id, amount, collection, assetType), orderHash, listingIndex, price, (recipient, rate) makerFee, (recipient, rate) protocolFee,
// (recipient, rate) takerFee, orderType).
func blurExecution(c *ctx) (*Sale, error) {
	if len(c.log.Data) != 480 {
		return nil, fmt.Errorf("%w: %d bytes", ledger.ErrBody, len(c.log.Data))
	}
	b := c.body
	amount := b.Int(64)
	s, err := blurSale(c, b.Word(160), byte(b.Small(448, 1)), b.Address(0), b.Address(96), b.Int(32), &amount, b.Int(224))
	if err != nil {
		return nil, err
	}
	for i, kind := range []string{Royalty, Platform, Royalty} { // of the maker, the protocol, the taker
		if i == 2 && s.Category == Buy || i == 0 && s.Category == OfferAccepted {
			continue // the buyer pays its own fee on top of the price
		}
		to, rate := b.Address(256+64*i), b.Small(288+64*i, 10000)
		s.addFee(to, bps(&s.Price, rate, 10000), kind)
	}
	return s, nil
}
