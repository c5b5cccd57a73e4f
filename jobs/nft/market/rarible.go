package market

import (
	"fmt"

	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
)

func rarible(r *Registry) {
	const v2, v1 = "0x9757f2d2b135150bbeb65308d4a91804107cd8d6", "0xcd4ec7b66fbc029c116ba9ffb3e59351c20b5b06"
	r.on("rarible", "v2", "0x268820db288a211986b26a8fda86b1e0046281b21206936bb0e61c67b5c79ef4", 1, raribleMatch, v2)
	r.on("rarible", "v2", "0x956cd63ee4cdcd81fda5f0ec7c6c36dceda99e1b412f4a650a5d26055dc3c450", 1, raribleShort, v2)
	r.on("rarible", "v1", "0xdddcdb07e460849cf04a4445b7af9faf01b7f5c7ba75deaf969ac5ed830312c3", 3, raribleBuy, v1)
}

// Classes of assets are the first four bytes of the Keccak hash of their names.
var (
	classETH         = [4]byte{0xaa, 0xae, 0xbe, 0xba}
	classERC20       = [4]byte{0x8a, 0xe8, 0x5d, 0x84}
	classERC721      = [4]byte{0x73, 0xad, 0x21, 0x46}
	classERC1155     = [4]byte{0x97, 0x3b, 0xb6, 0x40}
	classERC721Lazy  = [4]byte{0xd8, 0xf9, 0x60, 0xc1}
	classERC1155Lazy = [4]byte{0x1c, 0xdf, 0xaa, 0x40}
)

// raribleAsset is one side: money of a currency, or a token.
type raribleAsset struct {
	money    bool
	currency evm.Address
	item     Item
}

// raribleAssetAt reads (bytes4 class, bytes data). Lazy tokens name their contract and id in the tuple that the data points to.
func raribleAssetAt(c *ctx, at int) (a raribleAsset, err error) {
	w := c.body.Word(at)
	data := c.body.Bytes(c.body.Offset(at, at+32))
	if c.body.Err() != nil {
		return a, c.body.Err()
	}
	b := ledger.NewBody(data)
	switch class := [4]byte(w[:4]); class {
	case classETH:
		a.money = true
	case classERC20:
		a.money, a.currency = true, currency(b.Address(0))
	case classERC721, classERC1155:
		a.item = c.item(b.Address(0), b.Int(32), nil, ledger.ERC721)
		if class == classERC1155 {
			a.item.Standard = ledger.ERC1155
		}
	case classERC721Lazy, classERC1155Lazy:
		a.item = c.item(b.Address(0), b.Int(b.Offset(0, 32)), nil, ledger.ERC721)
		if class == classERC1155Lazy {
			a.item.Standard = ledger.ERC1155
		}
	default:
		return a, fmt.Errorf("%w: asset class %x is not known", ledger.ErrBody, class)
	}
	return a, b.Err()
}

// raribleMatch(leftHash, rightHash, leftMaker, rightMaker, newLeftFill, newRightFill, leftAsset, rightAsset). A fill is what the side takes: the left one takes the right asset.
func raribleMatch(c *ctx) (*Sale, error) {
	b := c.body
	leftHash, rightHash, leftMaker, rightMaker := b.Word(0), b.Word(32), b.Address(64), b.Address(96)
	leftFill, rightFill := b.Int(128), b.Int(160)
	left, err := raribleAssetAt(c, b.Offset(0, 192))
	if err != nil {
		return nil, err
	}
	right, err := raribleAssetAt(c, b.Offset(0, 224))
	if err != nil {
		return nil, err
	}
	s := c.sale(Buy)
	s.HasOrderHash, s.feesUnknown = true, true
	switch {
	case !left.money && right.money:
		s.Seller, s.Buyer, s.Price, s.Currency, s.OrderHash = leftMaker, rightMaker, leftFill, right.currency, leftHash
		left.item.Amount = rightFill
		s.Items = []Item{left.item}
	case left.money && !right.money:
		s.Category = OfferAccepted
		s.Seller, s.Buyer, s.Price, s.Currency, s.OrderHash = rightMaker, leftMaker, rightFill, left.currency, rightHash
		right.item.Amount = leftFill
		s.Items = []Item{right.item}
	case !left.money:
		s.Category = Swap
		s.Seller, s.Buyer, s.OrderHash = leftMaker, rightMaker, leftHash
		left.item.Amount = rightFill
		s.Items = []Item{left.item}
	default:
		return nil, nil
	}
	return s, nil
}

// raribleShort(leftHash, rightHash, newLeftFill, newRightFill) names nobody and nothing: the tokens that moved do. One of the fills is their number, the other the price.
func raribleShort(c *ctx) (*Sale, error) {
	b := c.body
	leftHash, rightHash, leftFill, rightFill := b.Word(0), b.Word(32), b.Int(64), b.Int(96)
	if b.Err() != nil {
		return nil, b.Err()
	}
	at := c.window(func(t *ledger.Transfer) bool { return true })
	if len(at) == 0 {
		return nil, fmt.Errorf("%w: no token moved before the match", ledger.ErrBody)
	}
	first := c.tx.Transfers[at[0]]
	var same []int
	var n uint256.Int
	for _, i := range at {
		if t := &c.tx.Transfers[i]; t.From == first.From && t.To == first.To {
			same = append(same, i)
			n.Add(&n, &t.Amount)
		}
	}
	s := c.sale(Buy)
	s.Seller, s.Buyer, s.OrderHash, s.HasOrderHash, s.feesUnknown = first.From, first.To, leftHash, true, true
	switch {
	case rightFill.Eq(&n) || len(same) > 1 && rightFill.LtUint64(1e6):
		s.Price = leftFill
	case leftFill.Eq(&n):
		s.Category, s.Price, s.OrderHash = OfferAccepted, rightFill, rightHash
	default:
		return nil, fmt.Errorf("%w: neither fill is the number of tokens that moved", ledger.ErrBody)
	}
	s.Items = c.take(same)
	s.Currency = c.paidIn(s.Buyer, s.Seller)
	if first.From.IsZero() { // minted when it is sold: the money says who sells
		s.Seller = c.tx.Transfers[same[len(same)-1]].From
	}
	return s, nil
}

// raribleBuy(indexed sellToken, indexed sellTokenId, sellValue, owner, buyToken, buyTokenId, buyValue, buyer, amount, salt). The order sells sellValue tokens for buyValue.
func raribleBuy(c *ctx) (*Sale, error) {
	b := c.body
	offered, owner, money, price, buyer, n := b.Int(0), b.Address(32), currency(b.Address(64)), b.Int(128), b.Address(160), b.Int(192)
	if b.Err() != nil {
		return nil, b.Err()
	}
	if offered.IsZero() {
		return nil, fmt.Errorf("%w: an order of nothing", ledger.ErrBody)
	}
	s := c.sale(Buy)
	s.Seller, s.Buyer, s.Currency, s.feesUnknown = owner, buyer, money, true
	s.Items = []Item{c.item(c.log.Topics[1].Address(), *c.log.Topics[2].Int(), &n, ledger.ERC721)}
	total, over := new(uint256.Int).MulDivOverflow(&price, &n, &offered)
	if over {
		return nil, fmt.Errorf("%w: the price is above 2^256", ledger.ErrBody)
	}
	s.Price = *total
	return s, nil
}
