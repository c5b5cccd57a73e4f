package market_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
	"github.com/lodehq/lode/jobs/nft/market"
)

// Events that the bundled blocks do not have, built by hand from the events' signatures.

func n(v uint64) string { return fmt.Sprintf("%064x", v) }

// a is an address as a word: 0x00…00 followed by a byte.
func a(b byte) string { return fmt.Sprintf("%064x", uint64(0xa0)<<8|uint64(b)) }

func addr(b byte) evm.Address { return evm.Address{18: 0xa0, 19: b} }

func contract(s string) string { return strings.Repeat("0", 24) + strings.TrimPrefix(s, "0x") }

type builder struct{ tx ledger.Tx }

func (b *builder) log(at string, data string, topics ...string) *builder {
	l := ledger.Log{Index: int64(len(b.tx.Logs)), Address: evm.MustAddress(at), NTopics: len(topics)}
	for i, t := range topics {
		if !evm.DecodeFixed(l.Topics[i][:], []byte(t)) {
			panic("topic " + t)
		}
	}
	l.Data, _ = hex.DecodeString(data)
	b.tx.Logs = append(b.tx.Logs, l)
	return b
}

const (
	nft        = "0x00000000000000000000000000000000000000cc"
	transferT  = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
	fulfilledT = "0x9d9af8e38d66c62e2c12f0225249fd9d721c54b83f48d9352c97c6cacdcb6f31"
	seaport16  = "0x0000000000000068f116a894984e2db1123eb395"
)

func (b *builder) move(from, to byte, id uint64) *builder {
	return b.log(nft, "", transferT, a(from), a(to), n(id))
}

func (b *builder) pay(path string, from, to evm.Address, amount uint64) *builder {
	b.tx.Calls = append(b.tx.Calls, ledger.CallTrace{Path: path, From: from, To: to, Value: *uint256.NewInt(amount), Kind: ledger.Call, OK: true})
	b.tx.HasTraces = true
	return b
}

func (b *builder) sales() []*market.Sale {
	b.tx.Decode()
	return market.NewRegistry().Sales(&b.tx)
}

func say(s *market.Sale) string {
	return fmt.Sprintf("%s %s %s: %s to %s for %s of %s; %s; fees %s; %s", s.Project, s.Version, s.Category, short(s.Seller), short(s.Buyer), s.Price.Dec(), short(s.Currency), itemsText(s), feesText(s), s.Check)
}

func short(x evm.Address) string { return strings.TrimLeft(x.Hex()[2:], "0") }

func itemsText(s *market.Sale) string {
	var out []string
	for _, it := range s.Items {
		out = append(out, fmt.Sprintf("%s#%s×%s", short(it.Contract), it.TokenID.Dec(), it.Amount.Dec()))
	}
	return strings.Join(out, " ")
}

func feesText(s *market.Sale) string {
	var out []string
	for _, f := range s.Fees {
		out = append(out, fmt.Sprintf("%s:%s:%s", f.Kind, short(f.Recipient), f.Amount.Dec()))
	}
	return strings.Join(out, " ")
}

func expect(t *testing.T, sales []*market.Sale, want ...string) {
	t.Helper()
	var got []string
	for _, s := range sales {
		got = append(got, say(s))
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// order is the body of OrderFulfilled; legs are strings of words.
func order(recipient string, offer, want []string) string {
	return n(77) + recipient + n(128) + n(uint64(128+32+len(strings.Join(offer, ""))/2)) + n(uint64(len(offer))) + strings.Join(offer, "") + n(uint64(len(want))) + strings.Join(want, "")
}

func TestSeaportCountsEveryRoyalty(t *testing.T) {
	// Two royalties and OpenSea's fee: the price is the sum of all legs (well-known datasets have missed the second royalty).
	b := &builder{}
	b.pay("0", addr(9), addr(1), 900).move(1, 2, 5).log(seaport16, order(a(2), []string{n(2) + contract(nft) + n(5) + n(1)},
		[]string{n(0) + n(0) + n(0) + n(900) + a(1), n(0) + n(0) + n(0) + n(25) + contract("0x0000a26b00c1f0df003000390027140000faa719"), n(0) + n(0) + n(0) + n(50) + a(7), n(0) + n(0) + n(0) + n(25) + a(8)}), fulfilledT, a(1), n(0))
	expect(t, b.sales(), "seaport 1.6 Buy: a001 to a002 for 1000 of ; cc#5×1; fees platform:a26b00c1f0df003000390027140000faa719:25 royalty:a007:50 royalty:a008:25; flow_ok")
}

func TestSeaportPrivateListingIsNoSwap(t *testing.T) {
	b := &builder{}
	b.pay("0", addr(9), addr(1), 900).move(1, 2, 5).log(seaport16, order(n(0), []string{n(2) + contract(nft) + n(5) + n(1)},
		[]string{n(0) + n(0) + n(0) + n(900) + a(1), n(2) + contract(nft) + n(5) + n(1) + a(2)}), fulfilledT, a(1), n(0))
	expect(t, b.sales(), "seaport 1.6 Private Sale: a001 to a002 for 900 of ; cc#5×1; fees ; flow_ok")
}

func TestSeaportMatchedPairIsOneSale(t *testing.T) {
	// matchOrders of the first version names no recipient: the buyer's offer of 1000 WETH and the seller's order that pays 25 to OpenSea.
	weth := "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
	const seaport11 = "0x00000000006c3852cbef3e08e8df289169ede581"
	b := &builder{}
	b.log(weth, n(975), transferT, a(2), a(1)).log(weth, n(25), transferT, a(2), contract("0x8de9c5a032463c561423387a9648c5c7bcc5bc90")).move(1, 2, 5)
	b.log(seaport11, order(n(0), []string{n(1) + contract(weth) + n(0) + n(1000)}, []string{n(2) + contract(nft) + n(5) + n(1) + a(2)}), fulfilledT, a(2), n(0))
	b.log(seaport11, order(n(0), []string{n(2) + contract(nft) + n(5) + n(1)}, []string{n(1) + contract(weth) + n(0) + n(975) + a(1), n(1) + contract(weth) + n(0) + n(25) + contract("0x8de9c5a032463c561423387a9648c5c7bcc5bc90")}), fulfilledT, a(1), n(0))
	b.tx.HasTraces = true
	expect(t, b.sales(),
		"seaport 1.1 Offer Accepted: a001 to a002 for 1000 of c02aaa39b223fe8d0a0e5c4f27ead9083c756cc2; cc#5×1; fees platform:8de9c5a032463c561423387a9648c5c7bcc5bc90:25; flow_ok",
		"seaport 1.1 Buy: a001 to a002 for 1000 of c02aaa39b223fe8d0a0e5c4f27ead9083c756cc2; cc#5×1; fees platform:8de9c5a032463c561423387a9648c5c7bcc5bc90:25; mirror")
}

const wethAt = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"

func TestSeaportOneSellerMeetsTwoOffers(t *testing.T) {
	// A third party (9) matches an order of two tokens with two offers: both events name the matcher. Royalties are in the seller's order.
	b := &builder{}
	b.log(wethAt, n(600), transferT, a(2), a(1)).log(wethAt, n(370), transferT, a(3), a(1)).log(wethAt, n(30), transferT, a(3), a(7)).move(1, 2, 5).move(1, 3, 6)
	b.log(seaport16, order(a(9), []string{n(2) + contract(nft) + n(5) + n(1), n(2) + contract(nft) + n(6) + n(1)}, []string{n(1) + contract(wethAt) + n(0) + n(970) + a(1), n(1) + contract(wethAt) + n(0) + n(30) + a(7)}), fulfilledT, a(1), n(0))
	b.log(seaport16, order(a(9), []string{n(1) + contract(wethAt) + n(0) + n(600)}, []string{n(2) + contract(nft) + n(5) + n(1) + a(2)}), fulfilledT, a(2), n(0))
	b.log(seaport16, order(a(9), []string{n(1) + contract(wethAt) + n(0) + n(400)}, []string{n(2) + contract(nft) + n(6) + n(1) + a(3)}), fulfilledT, a(3), n(0))
	b.tx.HasTraces = true
	w := wethAt[2:]
	expect(t, b.sales(),
		"seaport 1.6 Buy: a001 to a009 for 1000 of "+w+"; cc#5×1 cc#6×1; fees royalty:a007:30; mirror",
		"seaport 1.6 Offer Accepted: a001 to a002 for 600 of "+w+"; cc#5×1; fees royalty:a007:18; flow_ok",
		"seaport 1.6 Offer Accepted: a001 to a003 for 400 of "+w+"; cc#6×1; fees royalty:a007:12; flow_ok")
}

func TestSeaportBuyThenSellIsTwoSales(t *testing.T) {
	// A dealer (9) buys from 1 and sells to 2 in one transaction: the token goes through it, so neither is the mirror of the other.
	b := &builder{}
	b.log(wethAt, n(1000), transferT, a(9), a(1)).move(1, 9, 5)
	b.log(seaport16, order(a(9), []string{n(2) + contract(nft) + n(5) + n(1)}, []string{n(1) + contract(wethAt) + n(0) + n(1000) + a(1)}), fulfilledT, a(1), n(0))
	b.log(wethAt, n(1100), transferT, a(2), a(9)).move(9, 2, 5)
	b.log(seaport16, order(a(9), []string{n(1) + contract(wethAt) + n(0) + n(1100)}, []string{n(2) + contract(nft) + n(5) + n(1) + a(2)}), fulfilledT, a(2), n(0))
	b.tx.HasTraces = true
	w := wethAt[2:]
	expect(t, b.sales(), "seaport 1.6 Buy: a001 to a009 for 1000 of "+w+"; cc#5×1; fees ; flow_ok", "seaport 1.6 Offer Accepted: a009 to a002 for 1100 of "+w+"; cc#5×1; fees ; flow_ok")
}

func TestSeaportPartialFillAndTip(t *testing.T) {
	// 3 of an ERC-1155, in ether, with a tip in WETH on top: the tip is no part of the price.
	b := &builder{}
	b.pay("0", addr(9), addr(1), 900).log(nft, n(5)+n(3), "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62", a(9), a(1), a(2))
	b.log(seaport16, order(a(2), []string{n(3) + contract(nft) + n(5) + n(3)}, []string{n(0) + n(0) + n(0) + n(900) + a(1), n(1) + contract(wethAt) + n(0) + n(7) + a(8)}), fulfilledT, a(1), n(0))
	expect(t, b.sales(), "seaport 1.6 Buy: a001 to a002 for 900 of ; cc#5×3; fees ; flow_ok")
}

func TestLooksRareFeesAreOfThisSale(t *testing.T) {
	// The buyer's earlier payment of 700 to somebody is not a fee of the sale.
	const at, bid = "0x59728544b08ab483533076417fbbb2fd0b17ce3a", "0x95fb6205e23ff6bda16a2d1dba56b9ad7c783f67c96fa149785052f47696f2be"
	b := &builder{}
	b.log(wethAt, n(700), transferT, a(2), a(6)).log(wethAt, n(20), transferT, a(2), a(8)).log(wethAt, n(980), transferT, a(2), a(1)).move(1, 2, 5)
	b.log(at, n(77)+n(1)+contract(wethAt)+contract(nft)+n(5)+n(1)+n(1000), bid, a(2), a(1), a(50))
	b.tx.HasTraces = true
	expect(t, b.sales(), "looksrare v1 Buy: a001 to a002 for 1000 of "+wethAt[2:]+"; cc#5×1; fees platform:a008:20; flow_ok")
}

func TestX2Y2AuctionGoesToTheBidder(t *testing.T) {
	const at, inventory, profit = "0x74312363e45dcaba76c59ec49a7aa8a65a67eed3", "0x3cbb63f144840e5b1b0a38a7c19211d2e89de4d7c5faf8b2d3c1776c302d1d33", "0xe2c49856b032c255ae7e325d18109bc4e22a2804e2e49a017ec0f59f19cd447b"
	item := n(1) + n(64) + n(128) + n(32) + n(1) + contract(nft) + n(5)                                                          // price, data: one (token, id)
	detail := n(5) + n(0) + n(0) + n(1) + n(77) + n(0) + n(11*32) + n(0) + n(0) + n(0) + n(12*32) + n(0) + n(1) + n(5000) + a(8) // complete auction, 0.5 %
	body := a(1) + a(9) + n(1) + n(2) + n(2) + n(1) + n(3) + contract(wethAt) + n(11*32) + n(12*32) + n(uint64(12*32+len(item)/2)) + n(0) + item + detail
	b := &builder{}
	b.move(1, 4, 5).log(wethAt, n(5), transferT, contract(at), a(8)).log(wethAt, n(995), transferT, contract(at), a(1)).log(at, n(77)+contract(wethAt)+a(1)+n(995), profit).log(at, body, inventory, n(77))
	b.tx.HasTraces = true
	expect(t, b.sales(), "x2y2 v1 Auction Settled: a001 to a004 for 1000 of "+wethAt[2:]+"; cc#5×1; fees royalty:a008:5; flow_ok")
}

func TestBlurFeeOfTheBuyerIsOnTop(t *testing.T) {
	const at, takerFee, makerFee = "0xb2ecfe4e4d61f8790bbb9de2d1259b9e2410cea5", "0x0fcf17fac114131b10f37b183c6a60f905911e52802caeeb3e6ea210398b81ab", "0x7dc5c0699ac8dd5250cbe368a2fc3b4a2daadb120ad07f6cccea29f83482686e"
	packed := func(trader byte, side string) string {
		return n(77) + n(5)[42:64] + "00" + a(trader)[24:] + side + n(1000)[42:64] + contract(nft)[24:] + n(500)[40:64] + a(8)[24:]
	}
	for _, c := range []struct {
		side, topic string
		trader      byte
		fees        bool
	}{{"00", takerFee, 1, false}, {"00", makerFee, 1, true}, {"01", takerFee, 2, true}, {"01", makerFee, 2, false}} {
		b := &builder{}
		s := b.move(1, 2, 5).log(at, packed(c.trader, c.side), c.topic).sales()
		if len(s) != 1 || (len(s[0].Fees) == 1) != c.fees || s[0].Seller != addr(1) || s[0].Buyer != addr(2) || s[0].Price.Uint64() != 1000 {
			t.Errorf("side %s %.10s: %v %+v", c.side, c.topic, s, b.tx.Rejects)
		}
	}
}

func TestBlendSellsLockedTokens(t *testing.T) {
	const at, locked, repaid, pool = "0x29469395eaf6f95920e59f858042f0e28d98a20b", "0x7ffb5bd9cdc79a6f9bc6e00c82f43836e0afbb204d47972001f6e853764a8ef1", "0x2469cc9e12e74c63438d5b1117b318cd3a4cdaf9d659d9eac6d975d14d963254", "0x0000000000a39bb272e79075ade125fd351887ac"
	b := &builder{}
	one := func(id uint64, fee, debt, rest uint64, seller byte) {
		b.log(pool, n(fee), transferT, a(2), a(8)).log(at, n(1)+contract(nft), repaid).log(at, n(1)+contract(nft)+a(2)+a(seller)+n(id), locked)
		b.log(nft, "", transferT, contract(at), a(2), n(id)).log(pool, n(debt), transferT, a(2), a(7)).log(pool, n(rest), transferT, a(2), a(seller))
	}
	one(5, 10, 600, 390, 1)
	one(6, 20, 700, 280, 3)
	expect(t, b.sales(), "blend v1 Buy: a001 to a002 for 1000 of a39bb272e79075ade125fd351887ac; cc#5×1; fees royalty:a008:10; unchecked",
		"blend v1 Buy: a003 to a002 for 1000 of a39bb272e79075ade125fd351887ac; cc#6×1; fees royalty:a008:20; unchecked")
}

func TestSeaportTwoCurrenciesAreNoPrice(t *testing.T) {
	b := &builder{}
	b.move(1, 2, 5).log(seaport16, order(a(2), []string{n(2) + contract(nft) + n(5) + n(1)}, []string{n(0) + n(0) + n(0) + n(900) + a(1), n(1) + a(50) + n(0) + n(900) + a(1)}), fulfilledT, a(1), n(0))
	expect(t, b.sales())
	if len(b.tx.Rejects) != 1 || !strings.Contains(b.tx.Rejects[0].Reason, "more than one currency") {
		t.Errorf("rejects %+v", b.tx.Rejects)
	}
}

func TestLooksRareV2(t *testing.T) {
	const at, bid = "0x0000000000e655fae4d56241588680f86e3b2377", "0x3ee3de4684413690dee6fff1a0a4f92916a1b97d1c5a83cdf24671844306b2e3"
	body := n(9) + n(1) + n(1) + a(2) + a(3) + n(0) + n(0) + contract(nft) + n(480) + n(544) + a(1) + a(7) + n(950) + n(45) + n(5) + n(1) + n(5) + n(1) + n(1)
	b := &builder{}
	b.pay("0", evm.MustAddress(at), addr(1), 950).pay("1", evm.MustAddress(at), addr(7), 45).pay("2", evm.MustAddress(at), addr(8), 5).move(1, 3, 5).log(at, body, bid)
	expect(t, b.sales(), "looksrare v2 Buy: a001 to a003 for 1000 of ; cc#5×1; fees royalty:a007:45 platform:a008:5; flow_ok")
}

func TestAcceptedBidForAPunk(t *testing.T) {
	const punksAt, bought = "0xb47e3cd837ddf8e4c57f05d70ab865de6e193bbb", "0x58e5d5a525e3b40bc15abaa38b5882678db1ee68befd2f60bafe3a7fd06db9e3"
	b := &builder{}
	b.tx.To = evm.MustAddress(punksAt)
	b.tx.Input = []byte("0x23165b75" + n(4242) + n(700))
	b.log(punksAt, n(1), transferT, a(1), a(2)).log(punksAt, n(0), bought, n(4242), a(1), n(0))
	sales := b.sales()
	expect(t, sales, "cryptopunks v1 Offer Accepted: a001 to a002 for 700 of ; b47e3cd837ddf8e4c57f05d70ab865de6e193bbb#4242×1; fees ; unchecked")
	if !sales[0].NeedsBid {
		t.Error("the sale must say that the bid itself is not known")
	}
	if tr := b.tx.Transfers; len(tr) != 1 || tr[0].To != addr(2) || tr[0].Standard != ledger.Punks {
		t.Errorf("transfers %+v", tr)
	}
	// The first contract names the buyer on both sides.
	v1 := &builder{}
	v1.log(ledger.CryptoPunksV1.Hex(), n(1), transferT, a(1), a(2)).log(ledger.CryptoPunksV1.Hex(), n(500), bought, n(7), a(2), a(2))
	if s := v1.sales(); len(s) != 1 || s[0].Seller != addr(1) || s[0].Buyer != addr(2) || s[0].Price.Uint64() != 500 {
		t.Errorf("first contract: %v", say(s[0]))
	}
}

func TestWyvernWithoutCalldata(t *testing.T) {
	const at, matched, weth = "0x7f268357a8c2552623316e2562d90e642bb538e5", "0xc4109843e0b7d514e4c093114b863f8e7d8d9a458c372cd51bfe526b588006c9", "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
	b := &builder{}
	// The maker (2) bids WETH, the taker (1) gives the token and keeps 925 of 1000.
	b.log(weth, n(1000), transferT, a(2), a(1)).log(weth, n(75), transferT, a(1), contract("0x5b3256965e7c3cf26e11fcaf296dfc8807c01073")).move(1, 2, 5).log(at, n(1)+n(0)+n(1000), matched, a(2), a(1), n(0))
	b.tx.HasTraces = true
	expect(t, b.sales(), "opensea_wyvern v2.3 Offer Accepted: a001 to a002 for 1000 of c02aaa39b223fe8d0a0e5c4f27ead9083c756cc2; cc#5×1; fees platform:5b3256965e7c3cf26e11fcaf296dfc8807c01073:75; flow_ok")
}

func TestHashesThatOthersUseAreNotSales(t *testing.T) {
	b := &builder{}
	for _, topic := range []string{"0xc9f72b276a388619c6d185d146697036241880c36654b1a3ffdad07c24038d99", "0xc4109843e0b7d514e4c093114b863f8e7d8d9a458c372cd51bfe526b588006c9", fulfilledT} {
		for _, topics := range [][]string{{topic}, {topic, n(1)}, {topic, n(1), n(2)}, {topic, n(1), n(2), n(3)}} {
			b.log("0x00000000000000000000000000000000000000dd", n(1)+n(2)+n(3), topics...)
		}
	}
	if s := b.sales(); len(s) != 0 || len(b.tx.Rejects) != 0 {
		t.Errorf("%d sales, %d rejects of unrelated contracts", len(s), len(b.tx.Rejects))
	}
}

func TestEqualEntriesOfABatchAreTwoTransfers(t *testing.T) {
	b := &builder{}
	b.log(nft, n(64)+n(160)+n(2)+n(5)+n(5)+n(2)+n(3)+n(3), "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb", a(9), a(1), a(2))
	b.log(nft, n(64)+n(160)+n(3)+n(5)+n(5)+n(2)+n(3)+n(3), "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb", a(9), a(1), a(2))
	b.tx.Decode()
	if tr := b.tx.Transfers; len(tr) != 2 || tr[0].BatchIndex != 0 || tr[1].BatchIndex != 1 || tr[1].Amount.Uint64() != 3 {
		t.Errorf("transfers %+v", tr)
	}
	if len(b.tx.Rejects) != 1 {
		t.Errorf("%d rejects, want the one whose arrays differ in length", len(b.tx.Rejects))
	}
}

func TestStandardsBeforeTheStandard(t *testing.T) {
	b := &builder{}
	b.log(nft, "", transferT, a(1), a(2), n(5))                                                              // ERC-721
	b.log(nft, n(7), transferT, a(1), a(2))                                                                  // ERC-20
	b.log("0x06012c8cf97bead5deae237070f9587f8e7a266d", a(1)+a(2)+n(99), transferT)                          // CryptoKitties, nothing indexed
	b.log("0x87d598064c736dd0c712d329afcfaa0ccc1921a1", n(12), transferT, a(1), a(2))                        // CryptoFighters, shaped like an ERC-20
	b.log(nft, n(9), "0xdeaa91b6123d068f5821d0fb0678463d1a8a6079fe8af5de3ce5e896dcf9133d", n(7), n(0), a(2)) // a range of three
	b.log(nft, n(1), transferT, a(1), a(2), n(5))                                                            // misfit
	b.tx.Decode()
	var got []string
	for _, tr := range b.tx.Transfers {
		got = append(got, fmt.Sprintf("%s %s %d", tr.Standard, tr.TokenID.Dec(), tr.BatchIndex))
	}
	if want := "erc721 5 0,legacy 99 0,legacy 12 0,erc721 7 0,erc721 8 1,erc721 9 2"; strings.Join(got, ",") != want || len(b.tx.Tokens) != 1 || len(b.tx.Rejects) != 1 {
		t.Errorf("%v, %d payments, %d rejects; want %s", got, len(b.tx.Tokens), len(b.tx.Rejects), want)
	}
}
