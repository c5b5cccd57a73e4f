package market

import (
	"fmt"

	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
)

// Element and 0x v4 share a design: orders for one token, fees on top of what the seller asks for.

func element(r *Registry) {
	const at = "0x20f780a973856b93f63670377900c1d2a50a77c4"
	r.on("element", "v1", "0x8a0f8e04e7a35efabdc150b7d106308198a4f965a5d11badf768c5b8b273ac94", 1, elementFill{sell: true}.v1, at)
	r.on("element", "v1", "0xa24193d56ccdf64ce1df60c80ca683da965a1da3363efa67c14abf62b2d7d493", 1, elementFill{}.v1, at)
	r.on("element", "v1", "0x3ae452568bed7ccafe4345f10048675bae78660c7ea37eb5112b572648d4f116", 1, elementFill{sell: true, many: true}.v1, at)
	r.on("element", "v1", "0x020486beb4ea38db8dc504078b03c4f758de372097584b434a8b8f53583eecac", 1, elementFill{many: true}.v1, at)
	r.on("element", "v2", "0x9c248aa1a265aa616f707b979d57f4529bb63a4fc34dc7fc61fdddc18410f74e", 1, elementFill{sell: true}.v2, at)
	r.on("element", "v2", "0xd90a5c60975c6ff8eafcf02088e7b50ae5d9e156a79206ba553df1c4fb4594c2", 1, elementFill{}.v2, at)
	r.on("element", "v2", "0xfcde121a3f6a9b14a3ce266d61fc00940de86c4d8c1d733fe62d503ae5d99ff9", 1, elementFill{sell: true, many: true}.v2, at)
	r.on("element", "v2", "0x105616901449a64554ca9246a5bbcaca973b40b3c0055e5070c6fa191618d9f3", 1, elementFill{many: true}.v2, at)
}

// elementFill says which of the four events it is.
type elementFill struct{ sell, many bool }

// parties sets who sells: the maker of a sell order, the taker of a buy order.
func (f elementFill) start(c *ctx, maker, taker evm.Address) *Sale {
	if f.sell {
		s := c.sale(Buy)
		s.Seller, s.Buyer = maker, taker
		return s
	}
	s := c.sale(OfferAccepted)
	s.Seller, s.Buyer = taker, maker
	return s
}

func (f elementFill) item(c *ctx, at int) Item {
	b := c.body
	if f.many {
		n := b.Int(at + 64)
		return c.item(b.Address(at), b.Int(at+32), &n, ledger.ERC1155)
	}
	return c.item(b.Address(at), b.Int(at+32), nil, ledger.ERC721)
}

// v1 reads (maker, taker, currency, price, token, id[, amount], orderHash).
func (f elementFill) v1(c *ctx) (*Sale, error) {
	b := c.body
	s := f.start(c, b.Address(0), b.Address(32))
	s.Currency, s.Price = currency(b.Address(64)), b.Int(96)
	s.Items = []Item{f.item(c, 128)}
	hash := 192
	if f.many {
		hash = 224
	}
	s.OrderHash, s.HasOrderHash = b.Word(hash), true
	return s, nil
}

// v2 reads (orderHash, maker, taker, nonce, currency, price, (recipient, amount)[] fees, token, id[, amount]). The fees come on top of the price unless the money says otherwise.
func (f elementFill) v2(c *ctx) (*Sale, error) {
	b := c.body
	s := f.start(c, b.Address(32), b.Address(64))
	s.OrderHash, s.HasOrderHash = b.Word(0), true
	s.Currency, s.Price = currency(b.Address(128)), b.Int(160)
	b.Array(b.Offset(0, 192), 2)
	s.Items = []Item{f.item(c, 224)}
	s.feesUnknown = true
	return s, nil
}

func zeroex(r *Registry) {
	const at = "0xdef1c0ded9bec7f1a1670819833240f027b25eff"
	r.on("zeroex_v4", "v4", "0x50273fa02273cceea9cf085b42de5c8af60624140168bd71357db833535877af", 1, zeroex721, at)
	r.on("zeroex_v4", "v4", "0x20cca81b0e269b265b3229d6b537da91ef475ca0ef55caed7dd30731700ba98d", 1, zeroex1155, at)
}

// zeroex721 reads (uint8 direction, maker, taker, nonce, currency, price, token, id, matcher); direction 0 sells the maker's token. The matcher stands between both sides of matched orders.
func zeroex721(c *ctx) (*Sale, error) { return zeroexFill(c, false) }

// zeroex1155 has the amount before the matcher.
func zeroex1155(c *ctx) (*Sale, error) { return zeroexFill(c, true) }

func zeroexFill(c *ctx, many bool) (*Sale, error) {
	b := c.body
	f := elementFill{sell: b.Small(0, 1) == 0, many: many}
	s := f.start(c, b.Address(32), b.Address(64))
	s.Currency, s.Price = currency(b.Address(128)), b.Int(160)
	s.Items = []Item{f.item(c, 192)}
	s.feesUnknown = true
	return s, nil
}

func decentraland(r *Registry) {
	r.on("decentraland", "v1", "0x695ec315e8a642a74d450a4505eeea53df699b47a7378c7d752e97d5b16eb9bb", 4, landSold, "0x8e5660b4ab70168b5a6feea0e0315cb49c8cd539")
}

// mana is what Decentraland's marketplace takes.
var mana = evm.MustAddress("0x0f5d2fb29fb7d3cfee444a200298f468908cc942")

// landSold(bytes32 id, indexed assetId, indexed seller, address nft, uint256 price, indexed buyer).
func landSold(c *ctx) (*Sale, error) {
	b := c.body
	s := c.sale(Buy)
	s.OrderHash, s.HasOrderHash = b.Word(0), true
	s.Seller, s.Buyer = c.log.Topics[2].Address(), c.log.Topics[3].Address()
	s.Price, s.Currency = b.Int(64), mana
	s.Items = []Item{c.item(b.Address(32), *c.log.Topics[1].Int(), nil, ledger.ERC721)}
	s.feesUnknown = true
	return s, nil
}

func kitties(r *Registry) {
	r.on("cryptokitties", "v1", "0x4fcc30d90a842164dd58501ab874a101a3749c3d4747139cefe7c876f4ccebd2", 1, kittySold, "0xb1690c08e213a35ed9bab7b318de14420fb57d8c")
}

// kittySold(uint256 tokenId, uint256 totalPrice, address winner). The seller is whom the auction paid; the auction keeps 3.75 %.
func kittySold(c *ctx) (*Sale, error) {
	b := c.body
	s := c.sale(Buy)
	s.Price, s.Buyer = b.Int(32), b.Address(64)
	s.Items = []Item{c.item(ledger.CryptoKitties, b.Int(0), nil, ledger.Legacy)}
	if b.Err() != nil {
		return nil, b.Err()
	}
	cut := bps(&s.Price, 375, 10000)
	var least uint256.Int
	least.Sub(&s.Price, cut)
	for i := range c.tx.Native {
		if p := &c.tx.Native[i]; p.From == c.log.Address && p.Amount.Eq(&least) && p.To != s.Buyer {
			s.Seller = p.To
			s.addFee(c.log.Address, cut, Platform)
			return s, nil
		}
	}
	if s.Price.IsZero() {
		return s, nil
	}
	return nil, fmt.Errorf("%w: who sold the kitty is in the traces only, and they do not say", ledger.ErrBody)
}

func nouns(r *Registry) {
	r.on("nouns", "v1", "0xc9f72b276a388619c6d185d146697036241880c36654b1a3ffdad07c24038d99", 2, nounSettled, "0x830bd73e4184cef73443c15111a1df14e495c706")
}

var nounsToken = evm.MustAddress("0x9c8ff314c9bc7f6e59a9d9225fb22946427edc03")

// nounSettled(indexed nounId, address winner, uint256 amount). Nobody bid when the amount is 0.
func nounSettled(c *ctx) (*Sale, error) {
	s := c.sale(AuctionSettled)
	s.Buyer, s.Price = c.body.Address(0), c.body.Int(32)
	s.Items = []Item{{Contract: nounsToken, TokenID: *c.log.Topics[1].Int(), Amount: *uint256.NewInt(1), Standard: ledger.ERC721}}
	s.Seller = c.log.Address // the house holds the token and passes the money on to the treasury
	return s, nil
}
