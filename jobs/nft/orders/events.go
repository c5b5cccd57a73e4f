package orders

import (
	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
)

const (
	punks      = "0xb47e3cd837ddf8e4c57f05d70ab865de6e193bbb"
	foundation = "0xcda72070e455bb31c7690a170224ce43623d0b6f"
	bazaar     = "0x6d7c44773c52d396f43c2d511b81aa168e9a7a42"
	zoraAsks   = "0x6170b3c3a54c3d8c854934cbc314ed479b2b29a3"
	kitties    = "0xb1690c08e213a35ed9bab7b318de14420fb57d8c"
	looksV1    = "0x59728544b08ab483533076417fbbb2fd0b17ce3a"
)

// NewRegistry gives all events.
func NewRegistry() *Registry {
	r := &Registry{events: map[evm.Word][]event{}}
	r.on("cryptopunks", "v1", Ask, "0x3c7b682d5da98001a9b8cbda6c647d2c63d698a4184fd1d55e2ce7b66f5d21eb", 3, func(o *reader) { // indexed punk, minValue, indexed to
		o.token(o.Log.Address, o.Log.Topics[1].Int())
		o.Taker = o.topic(2)
		o.price(o.body.Int(0))
		o.sender()
	}, punks)
	r.on("cryptopunks", "v1", CancelAsk, "0xb0e0a660b4e50f26f0b7ce75c24655fc76cc66e3334a54ff410277229fa10bd4", 2, func(o *reader) { // indexed punk
		o.token(o.Log.Address, o.Log.Topics[1].Int())
	}, punks)
	bid := func(o *reader) { // indexed punk, value, indexed from
		o.token(o.Log.Address, o.Log.Topics[1].Int())
		o.Maker = o.topic(2)
		o.price(o.body.Int(0))
	}
	r.on("cryptopunks", "v1", Bid, "0x5b859394fabae0c1ba88baffe67e751ab5248d2e879028b8c8d6897b0519f56a", 3, bid, punks)
	r.on("cryptopunks", "v1", CancelBid, "0x6f30e1ee4d81dcc7a8a478577f65d2ed2edb120565960ac45fe7c50551c87932", 3, bid, punks)

	r.on("foundation", "v1", Ask, "0xfcc77ea8bdcce862f43b7fb00fe6b0eb90d6aeead27d3800d9257cf7a05f9d96", 4, func(o *reader) { // indexed contract, indexed id, indexed seller, price
		o.token(o.topic(1), o.Log.Topics[2].Int())
		o.Maker = o.topic(3)
		o.price(o.body.Int(0))
	}, foundation)
	tokenOnly := func(o *reader) { o.token(o.topic(1), o.Log.Topics[2].Int()) }
	r.on("foundation", "v1", CancelAsk, "0xaa6271d89a385571e237d3e7254ccc7c09f68055e6e9b410ed08233a8b9a05cf", 3, tokenOnly, foundation)
	r.on("foundation", "v1", CancelAsk, "0x70c7877531c04c7d9caa8a7eca127384f04e8a6ee58b63f778ce5401d8bcae41", 3, tokenOnly, foundation)
	r.on("foundation", "v1", Bid, "0x00ce0a712e4e277ac7b34942865f0de7a5629dffe0539b70423ad5ff1ed6ab42", 4, func(o *reader) { // indexed contract, indexed id, indexed buyer, amount, expiration
		o.token(o.topic(1), o.Log.Topics[2].Int())
		o.Maker = o.topic(3)
		o.price(o.body.Int(0))
	}, foundation)

	r.on("superrare", "bazaar", Ask, "0xb6039ff1edf80efca6bc48b89f5415ba07fecb2d321058dae9ce6369b2ff964b", 3, func(o *reader) { // indexed contract, indexed currency, target, amount, id, splits
		id := o.body.Int(64)
		o.token(o.topic(1), &id)
		o.Taker, o.Currency = o.body.Address(0), o.topic(2)
		o.price(o.body.Int(32))
		if o.Price.IsZero() {
			o.Kind = CancelAsk
		}
		o.sender()
	}, bazaar)

	zora := func(o *reader) { // indexed contract, indexed id, (seller, recipient, currency, bps, price)
		o.token(o.topic(1), o.Log.Topics[2].Int())
		o.Maker, o.Currency = o.body.Address(0), o.body.Address(64)
		o.price(o.body.Int(128))
	}
	r.on("zora", "v3", Ask, "0x5b65b398e1d736436510f4da442eaec71466d2abee0816567088c892c4bcee70", 3, zora, zoraAsks)
	r.on("zora", "v3", Ask, "0x1a24bcf5290feab70f35cfb4870c294ebf497e608d4262b0ec0debe045008140", 3, zora, zoraAsks)
	r.on("zora", "v3", CancelAsk, "0x871956abf85befb7c955eacd40fcabe7e01b1702d75764bf7f54bf481933fd35", 3, zora, zoraAsks)

	r.on("cryptokitties", "v1", Ask, "0xa9c8dfcda5664a5a124c713e386da27de87432d5b668e79458501eb296389ba7", 1, func(o *reader) { // id, starting price, ending price, duration
		id := o.body.Int(0)
		o.token(ledger.CryptoKitties, &id)
		o.price(o.body.Int(32))
		o.body.Word(96)
	}, kitties)
	r.on("cryptokitties", "v1", CancelAsk, "0x2809c7e17bf978fbc7194c0a694b638c4215e9140cacc6c38ca36010b45697df", 1, func(o *reader) {
		id := o.body.Int(0)
		o.token(ledger.CryptoKitties, &id)
	}, kitties)

	hashAndMaker := func(o *reader) { o.Hash, o.HasHash, o.Maker = o.body.Word(0), true, o.topic(1) }
	for version, at := range seaports {
		r.on("seaport", version, Cancel, "0x6bacc01dbe442496068f7d234edd811f1a5f833243e0aec824f86ab861f3c90d", 3, hashAndMaker, at)
		r.on("seaport", version, Cancel, "0x721c20121297512b72821b97f5326877ea8ecf4bb9948fea5bfcb6453074d37f", 2, func(o *reader) { o.Maker = o.topic(1) }, at)
		if version > "1.3" {
			r.on("seaport", version, Ask, "0xf280791efe782edcf06ce15c8f4dff17601db3b88eb3805a0db7d77faf757f04", 1, validated, at)
		}
	}
	hashTopic := func(o *reader) { o.Hash, o.HasHash = o.Log.Topics[1], true; o.sender() }
	hashBody := func(o *reader) { o.Hash, o.HasHash = o.body.Word(0), true; o.sender() }
	r.on("opensea_wyvern", "v2", Cancel, "0x5152abf959f6564662358c2e52b702259b78bac5ee7842a0f01937e670efcc7d", 2, hashTopic, "0x7be8076f4ea4a4ad08075c2508e481d6c946d12b")
	r.on("opensea_wyvern", "v2.3", Cancel, "0x5152abf959f6564662358c2e52b702259b78bac5ee7842a0f01937e670efcc7d", 2, hashTopic, "0x7f268357a8c2552623316e2562d90e642bb538e5")
	r.on("blur", "v1", Cancel, "0x5152abf959f6564662358c2e52b702259b78bac5ee7842a0f01937e670efcc7d", 1, hashBody, "0x000000000000ad05ccc4f10045630fb830b95127")
	r.on("x2y2", "v1", Cancel, "0x5b0b06d07e20243724d90e17a20034972f339eb28bd1c9437a71999bd15a1e7a", 2, hashTopic, "0x74312363e45dcaba76c59ec49a7aa8a65a67eed3")
	r.on("rarible", "v2", Cancel, "0xe8d9861dbc9c663ed3accd261bbe2fe01e0d3d9e5f51fa38523b265c7757a93a", 1, hashBody, "0x9757f2d2b135150bbeb65308d4a91804107cd8d6")
	maker := func(o *reader) { o.Maker = o.topic(1) }
	r.on("looksrare", "v1", Cancel, "0x1e7178d84f0b0825c65795cd62e7972809ad3aac6917843aaec596161b2c0a97", 2, maker, looksV1)
	r.on("looksrare", "v1", Cancel, "0xfa0ae5d80fe3763c880a3839fab0294171a6f730d1f82c4cd5392c6f67b41732", 2, maker, looksV1)
	return r
}

var seaports = map[string]string{
	"1.1": "0x00000000006c3852cbef3e08e8df289169ede581", "1.2": "0x00000000000006c7676171937c444f6bde3d6282", "1.3": "0x0000000000000ad24e80fd803c6ac37206a45f15",
	"1.4": "0x00000000000001ad428e4906ae43d8f9852d0dd6", "1.5": "0x00000000000000adc04c56bf30ac9d3c0aaf14dc", "1.6": "0x0000000000000068f116a894984e2db1123eb395",
}

// validated(bytes32 hash, (offerer, zone, (type, token, id, start, end)[] offer, (type, token, id, start, end, recipient)[] consideration, …)): an order that was listed on chain. It is an
// ask when it offers one token for one currency, a bid when it is the other way round; else what it is about stays unsaid.
func validated(o *reader) {
	b := o.body
	o.Hash, o.HasHash = b.Word(0), true
	p := b.Offset(0, 32)
	o.Maker = b.Address(p)
	offer, n := b.Array(b.Offset(p, p+64), 5)
	want, m := b.Array(b.Offset(p, p+96), 6)
	if b.Err() != nil {
		return
	}
	if n > 0 && b.Small(offer, 5) <= 1 {
		o.Kind = Bid
	}
	tokens, money, same := 0, false, true
	side := func(at, words, n int, price bool) {
		for i := range n {
			q := at + 32*words*i
			kind, token := b.Small(q, 5), b.Address(q+32)
			if kind > 1 {
				tokens++
				o.Contract, o.TokenID, o.HasToken = token, b.Int(q+64), kind < 4 // above: any token of a list
				continue
			}
			if !price {
				continue // the fees of a bid are part of it
			}
			if kind == 0 {
				token = evm.Address{}
			}
			amount := b.Int(q + 96)
			same = same && (!money || token == o.Currency)
			money, o.Currency = true, token
			o.Price.Add(&o.Price, &amount)
		}
	}
	side(offer, 5, n, o.Kind == Bid)
	side(want, 6, m, o.Kind == Ask)
	if o.HasPrice = money; tokens != 1 || !same {
		o.Contract, o.TokenID, o.HasToken, o.HasPrice, o.Currency = evm.Address{}, uint256.Int{}, false, false, evm.Address{}
		o.Price.Clear()
	}
}
