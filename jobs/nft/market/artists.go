package market

import (
	"fmt"

	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
)

// Marketplaces of single artworks: Foundation, SuperRare, Zora, Manifold. Their events name the parties and the price, seldom who gets the fees: those come from the flow of money.

func foundation(r *Registry) {
	const at = "0xcda72070e455bb31c7690a170224ce43623d0b6f"
	r.on("foundation", "v1", "0x2edb0e99c6ac35be6731dab554c1d1fa1b7beb675090dbb09fb14e615aca1c4a", 4, foundationAuction, at)
	r.on("foundation", "v1", "0xd28c0a7dd63bc853a4e36306655da9f8c0b29ff9d0605bb976ae420e46a99930", 4, foundationBuy, at)
	r.on("foundation", "v1", "0x1cb8adb37d6d35e94cd0695ca39895b84371864713f5ca7eada52af9ff23744b", 4, foundationOffer, at)
	r.on("foundation", "v1", "0x6c623fa5e13aaaf28288f807e5b4f9ec6fb7ef812568e00317c552663bea918f", 4, foundationPrivate, at)
}

// foundationAuction(indexed auctionId, indexed seller, indexed bidder, protocolFee, creatorFee, sellerRev).
func foundationAuction(c *ctx) (*Sale, error) {
	s := c.sale(AuctionSettled)
	s.Seller, s.Buyer = c.log.Topics[2].Address(), c.log.Topics[3].Address()
	if at := c.nearest(func(t *ledger.Transfer) bool { return t.To == s.Buyer }); at >= 0 {
		s.Items = c.take([]int{at})
	}
	return foundationMoney(c, s, 0)
}

// foundationBuy(indexed nft, indexed tokenId, indexed seller, buyer, protocolFee, creatorFee, sellerRev).
func foundationBuy(c *ctx) (*Sale, error) {
	s := c.sale(Buy)
	s.Seller, s.Buyer = c.log.Topics[3].Address(), c.body.Address(0)
	s.Items = []Item{c.item(c.log.Topics[1].Address(), *c.log.Topics[2].Int(), nil, ledger.ERC721)}
	return foundationMoney(c, s, 32)
}

// foundationOffer(indexed nft, indexed tokenId, indexed buyer, seller, protocolFee, creatorFee, sellerRev).
func foundationOffer(c *ctx) (*Sale, error) {
	s := c.sale(OfferAccepted)
	s.Seller, s.Buyer = c.body.Address(0), c.log.Topics[3].Address()
	s.Items = []Item{c.item(c.log.Topics[1].Address(), *c.log.Topics[2].Int(), nil, ledger.ERC721)}
	return foundationMoney(c, s, 32)
}

// foundationPrivate(indexed nft, indexed tokenId, indexed seller, buyer, protocolFee, creatorFee, sellerRev, deadline).
func foundationPrivate(c *ctx) (*Sale, error) {
	s := c.sale(PrivateSale)
	s.Seller, s.Buyer = c.log.Topics[3].Address(), c.body.Address(0)
	s.Items = []Item{c.item(c.log.Topics[1].Address(), *c.log.Topics[2].Int(), nil, ledger.ERC721)}
	return foundationMoney(c, s, 32)
}

// foundationMoney reads the three parts of the price. In a primary sale the seller is the creator and is paid as such: then it is no fee.
func foundationMoney(c *ctx, s *Sale, at int) (*Sale, error) {
	protocol, creator, seller := c.body.Int(at), c.body.Int(at+32), c.body.Int(at+64)
	if c.body.Err() != nil {
		return nil, c.body.Err()
	}
	s.Price.Add(&protocol, &creator)
	s.Price.Add(&s.Price, &seller)
	if !protocol.IsZero() {
		s.addFee(c.payee(&protocol, evm.Address{}, s.Seller), &protocol, Platform)
	}
	if creator.IsZero() || seller.IsZero() {
		return s, nil
	}
	s.addFee(c.payee(&creator, evm.Address{}, s.Seller), &creator, Royalty)
	return s, nil
}

func superrare(r *Registry) {
	const v2, old, bazaar, house = "0x65b49f7aee40347f5a90b714be4ef086f3fe5e2c", "0x2947f98c42597966a0ec25e92843c09ac17fbaa7", "0x6d7c44773c52d396f43c2d511b81aa168e9a7a42", "0x8c9f364bf7a56ed058fc63ef81c6cf09c833e656"
	r.on("superrare", "v1", "0x5764dbcef91eb6f946584f4ea671217c686fa7e858ce4f9f42d08422b86556a9", 4, superSold, v2, old)
	r.on("superrare", "v1", "0x2a9d06eec42acd217a17785dbec90b8b4f01a93ecd8c127edd36bfccf239f8b6", 4, superBid, v2, old)
	r.on("superrare", "bazaar", "0x6f9e7bc841408072f4a49e469f90e1a634b85251803662bc8e5c220b28782472", 4, bazaarSold, bazaar)
	r.on("superrare", "bazaar", "0x97c3d2068ce177bc33d84acecc45eededcf298c4a9d4340ae03d4afbb3993f7b", 4, bazaarOffer, bazaar)
	r.on("superrare", "bazaar", "0xef4e2262a841641690bb931801dc0d1923e6b417cd217f91f8049d8aa9f5f086", 4, bazaarAuction, bazaar)
	r.on("superrare", "v1", "0xea6d16c6bfcad11577aef5cc6728231c9f069ac78393828f8ca96847405902a9", 4, houseAuction, house)
}

// superSold(indexed collection, indexed buyer, indexed seller, uint256 amount, uint256 tokenId).
func superSold(c *ctx) (*Sale, error) { return superSale(c, Buy, evm.Address{}, 0) }

// superBid(indexed collection, indexed bidder, indexed seller, uint256 amount, uint256 tokenId).
func superBid(c *ctx) (*Sale, error) { return superSale(c, OfferAccepted, evm.Address{}, 0) }

// bazaarSold(indexed collection, indexed buyer, indexed seller, address currency, uint256 amount, uint256 tokenId).
func bazaarSold(c *ctx) (*Sale, error) { return superSale(c, Buy, c.body.Address(0), 32) }

// bazaarOffer has the splits after that.
func bazaarOffer(c *ctx) (*Sale, error) { return superSale(c, OfferAccepted, c.body.Address(0), 32) }

func superSale(c *ctx, category string, cur evm.Address, at int) (*Sale, error) {
	s := c.sale(category)
	s.Seller, s.Buyer, s.Currency = c.log.Topics[3].Address(), c.log.Topics[2].Address(), currency(cur)
	s.Price = c.body.Int(at)
	s.Items = []Item{c.item(c.log.Topics[1].Address(), c.body.Int(at+32), nil, ledger.ERC721)}
	s.feesUnknown = true
	return s, nil
}

// bazaarAuction(indexed collection, indexed bidder, address seller, indexed tokenId, address currency, uint256 amount).
func bazaarAuction(c *ctx) (*Sale, error) {
	s := c.sale(AuctionSettled)
	s.Seller, s.Buyer, s.Currency, s.Price = c.body.Address(0), c.log.Topics[2].Address(), currency(c.body.Address(32)), c.body.Int(64)
	s.Items = []Item{c.item(c.log.Topics[1].Address(), *c.log.Topics[3].Int(), nil, ledger.ERC721)}
	s.feesUnknown = true
	return s, nil
}

// houseAuction(indexed collection, indexed bidder, indexed seller, uint256 tokenId, uint256 amount).
func houseAuction(c *ctx) (*Sale, error) {
	s := c.sale(AuctionSettled)
	s.Seller, s.Buyer, s.Price = c.log.Topics[3].Address(), c.log.Topics[2].Address(), c.body.Int(32)
	s.Items = []Item{c.item(c.log.Topics[1].Address(), c.body.Int(0), nil, ledger.ERC721)}
	s.feesUnknown = true
	return s, nil
}

func zora(r *Registry) {
	const asks, auctions, media, marketV1 = "0x6170b3c3a54c3d8c854934cbc314ed479b2b29a3", "0xe468ce99444174bd3bbbed09209577d25d1ad673", "0xabefbc9fd2f806065b4f3c237d4b59d9a97bcac7", "0xe5bfab544eca83849c53464f85b7164375bdaac1"
	r.on("zora", "v3", "0x21a9d8e221211780696258a05c6225b1a24f428e2fd4d51708f1ab2be4224d39", 4, zoraAsk, asks)
	r.on("zora", "v2", "0x4f35fb3ea0081b3ccbe8df613cab0f9e1694d50a025e0aa09b88a86a3d07c2de", 4, zoraAuction, auctions)
	r.on("zora", "v1", "0xb6ef177c7a6f32b283a49b5e0463a39240cdaa278028dfb219480d050e8ee54c", 2, zoraBid, marketV1, media)
}

var zoraAuctions, zoraMedia = evm.MustAddress("0xe468ce99444174bd3bbbed09209577d25d1ad673"), evm.MustAddress("0xabefbc9fd2f806065b4f3c237d4b59d9a97bcac7")

// zoraAsk(indexed collection, indexed tokenId, indexed buyer, address finder, (seller, sellerFundsRecipient, currency, uint16 findersFeeBps, price)).
func zoraAsk(c *ctx) (*Sale, error) {
	b := c.body
	s := c.sale(Buy)
	s.Seller, s.Buyer, s.Currency, s.Price = b.Address(32), c.log.Topics[3].Address(), currency(b.Address(96)), b.Int(160)
	s.Items = []Item{c.item(c.log.Topics[1].Address(), *c.log.Topics[2].Int(), nil, ledger.ERC721)}
	s.feesUnknown = true
	return s, nil
}

// zoraAuction(indexed auctionId, indexed tokenId, indexed collection, owner, curator, winner, uint256 amount, uint256 curatorFee, address currency). The amount is the owner's part.
func zoraAuction(c *ctx) (*Sale, error) {
	b := c.body
	s := c.sale(AuctionSettled)
	amount, curated := b.Int(96), b.Int(128)
	s.Seller, s.Buyer, s.Currency = b.Address(0), b.Address(64), currency(b.Address(160))
	s.Price.Add(&amount, &curated)
	if !curated.IsZero() {
		s.addFee(b.Address(32), &curated, Platform)
	}
	s.Items = []Item{c.item(c.log.Topics[3].Address(), *c.log.Topics[2].Int(), nil, ledger.ERC721)}
	if s.Currency == ledger.WETH { // ether bids are paid out as ether
		s.Currency = evm.Address{}
	}
	return s, nil
}

// zoraBid(indexed tokenId, (uint256 amount, address currency, address bidder, address recipient, (uint256 sellOnShare))). The auction house reports its own.
func zoraBid(c *ctx) (*Sale, error) {
	b := c.body
	s := c.sale(OfferAccepted)
	s.Price, s.Currency, s.Buyer = b.Int(0), currency(b.Address(32)), b.Address(96)
	if b.Address(64) == zoraAuctions {
		return nil, nil
	}
	id := *c.log.Topics[1].Int()
	s.Items = []Item{c.item(zoraMedia, id, nil, ledger.ERC721)}
	at := c.nearest(func(t *ledger.Transfer) bool { return t.Contract == zoraMedia && t.TokenID.Eq(&id) })
	if b.Err() == nil && at < 0 {
		return nil, fmt.Errorf("%w: no transfer of the token in the transaction", ledger.ErrBody)
	}
	if at >= 0 {
		s.Seller = c.tx.Transfers[at].From
	}
	s.feesUnknown = true
	return s, nil
}

func manifold(r *Registry) {
	const at = "0x3a3548e060be10c2614d0a4cb0c03cc9093fd799"
	r.on("manifold", "v1", "0x0e0d473f43a9d8727e62653cce4cd80d0c870ffb83dc4c93c9db4cb8ffe7053e", 2, manifoldPurchase, at)
	r.on("manifold", "v1", "0xd6df7c9a0f20ac7b678de872504d1dc938cd654638a43d5312d295e51c23e470", 2, manifoldOffer, at)
}

// manifoldPurchase(indexed listingId, address referrer, address buyer, uint24 count, uint256 amount). What is bought comes from the escrow or is minted.
func manifoldPurchase(c *ctx) (*Sale, error) {
	b := c.body
	s := c.sale(Buy)
	s.Buyer, s.Price = b.Address(32), b.Int(96)
	return manifoldSale(c, s)
}

// manifoldOffer(indexed listingId, address offerer, uint256 amount).
func manifoldOffer(c *ctx) (*Sale, error) {
	b := c.body
	s := c.sale(OfferAccepted)
	s.Buyer, s.Price = b.Address(0), b.Int(32)
	return manifoldSale(c, s)
}

// manifoldSale takes the tokens nearest to the event and, as the seller, who was paid most; a marketplace that sold nothing and minted is the creator's own shop.
func manifoldSale(c *ctx, s *Sale) (*Sale, error) {
	if c.body.Err() != nil {
		return nil, c.body.Err()
	}
	at := c.nearest(func(t *ledger.Transfer) bool { return t.To == s.Buyer })
	if at < 0 {
		return nil, fmt.Errorf("%w: no token went to the buyer", ledger.ErrBody)
	}
	s.Items = c.take([]int{at})
	var most uint256.Int
	s.Seller = c.log.Address
	for i := range c.tx.Native {
		if p := &c.tx.Native[i]; p.From == c.log.Address && p.To != s.Buyer && p.Amount.Gt(&most) {
			most, s.Seller = p.Amount, p.To
		}
	}
	for i := range c.tx.Tokens {
		if p := &c.tx.Tokens[i]; most.IsZero() && !p.Wrap && (p.From == c.log.Address || p.From == s.Buyer) && p.To != c.log.Address {
			most, s.Seller, s.Currency = p.Amount, p.To, p.Currency
		}
	}
	s.feesUnknown = true
	return s, nil
}
