package market_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
	"github.com/lodehq/lode/jobs/nft/market"
)

// places are contracts that decoders listen to.
var places = []string{
	"0x00000000006c3852cbef3e08e8df289169ede581", "0x0000000000000068f116a894984e2db1123eb395", "0x7be8076f4ea4a4ad08075c2508e481d6c946d12b", "0x7f268357a8c2552623316e2562d90e642bb538e5",
	"0x59728544b08ab483533076417fbbb2fd0b17ce3a", "0x0000000000e655fae4d56241588680f86e3b2377", "0x74312363e45dcaba76c59ec49a7aa8a65a67eed3", "0x000000000000ad05ccc4f10045630fb830b95127",
	"0xb2ecfe4e4d61f8790bbb9de2d1259b9e2410cea5", "0xb47e3cd837ddf8e4c57f05d70ab865de6e193bbb", "0x20f780a973856b93f63670377900c1d2a50a77c4", "0xdef1c0ded9bec7f1a1670819833240f027b25eff",
	"0xcda72070e455bb31c7690a170224ce43623d0b6f", "0x65b49f7aee40347f5a90b714be4ef086f3fe5e2c", "0x6d7c44773c52d396f43c2d511b81aa168e9a7a42", "0x8c9f364bf7a56ed058fc63ef81c6cf09c833e656",
	"0x9757f2d2b135150bbeb65308d4a91804107cd8d6", "0xcd4ec7b66fbc029c116ba9ffb3e59351c20b5b06", "0x6170b3c3a54c3d8c854934cbc314ed479b2b29a3", "0xe468ce99444174bd3bbbed09209577d25d1ad673",
	"0xe5bfab544eca83849c53464f85b7164375bdaac1", "0x3a3548e060be10c2614d0a4cb0c03cc9093fd799", "0x830bd73e4184cef73443c15111a1df14e495c706", "0x8e5660b4ab70168b5a6feea0e0315cb49c8cd539",
	"0xb1690c08e213a35ed9bab7b318de14420fb57d8c", "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",
}

// FuzzEveryDecoder gives a body to every decoder of sales and transfers, at every contract, beside real transfers: none may panic, and an event
// that belongs to a decoder is a sale, no sale by its own words, or a reject.
func FuzzEveryDecoder(f *testing.F) {
	reg := market.NewRegistry()
	topics := append(reg.Topics(), ledger.TopicTransfer, ledger.TopicSingle, ledger.TopicBatch, ledger.TopicConsecutive, ledger.TopicApproval, ledger.TopicApprovalForAll, ledger.TopicDeposit, ledger.TopicPunkAssign, ledger.TopicPunkTransfer)
	var addresses []evm.Address
	for _, p := range places {
		addresses = append(addresses, evm.MustAddress(p))
	}
	f.Add([]byte{}, uint64(0))
	f.Add(make([]byte, 32*20), uint64(1))
	r := rand.New(rand.NewPCG(1, 1))
	for range 20 { // plausible bodies: small offsets, lengths and addresses
		body := make([]byte, 32*(1+r.IntN(24)))
		for i := 31; i < len(body); i += 32 {
			body[i] = byte(r.IntN(9) * 32 * r.IntN(2))
			if r.IntN(2) == 0 {
				body[i] = byte(r.IntN(4))
			}
		}
		f.Add(body, r.Uint64())
	}
	f.Fuzz(func(t *testing.T, body []byte, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 7))
		for _, a := range addresses {
			tx := &ledger.Tx{Block: ledger.Block{Chain: "ethereum", ChainID: 1}, HasTraces: r.IntN(2) == 0, To: a, Input: []byte("0x" + "23165b75" + fmt.Sprintf("%x", body))}
			for range 3 { // tokens and money for decoders that look around
				tr := ledger.Log{Index: int64(len(tx.Logs)), Address: addresses[r.IntN(len(addresses))], NTopics: 4, Topics: [4]evm.Word{ledger.TopicTransfer}}
				tr.Topics[1][31], tr.Topics[2][31], tr.Topics[3][31] = byte(r.IntN(3)), byte(r.IntN(3)), byte(r.IntN(3))
				tx.Logs = append(tx.Logs, tr)
				tx.Calls = append(tx.Calls, ledger.CallTrace{From: a, To: evm.Address{19: byte(r.IntN(3))}, Value: *uint256.NewInt(r.Uint64N(100)), Kind: ledger.Call, OK: true, Input: []byte("0xab834bab" + fmt.Sprintf("%x", body))})
				tx.Calls = append(tx.Calls, ledger.CallTrace{To: a, Kind: ledger.Call, OK: true, Input: []byte("0xab834bab" + fmt.Sprintf("%x", body))})
			}
			for _, topic := range topics {
				l := ledger.Log{Index: int64(len(tx.Logs)), Address: a, Data: body, NTopics: 1 + r.IntN(4)}
				l.Topics[0] = topic
				for i := 1; i < 4; i++ {
					l.Topics[i][31] = byte(r.IntN(3))
					if r.IntN(8) == 0 {
						l.Topics[i][r.IntN(32)] = byte(r.Uint32())
					}
				}
				tx.Logs = append(tx.Logs, l)
			}
			tx.Decode()
			for _, s := range reg.Sales(tx) {
				if s.Check == "" || s.Project == "" || s.Category == "" {
					t.Fatalf("half a sale: %+v", s)
				}
			}
		}
	})
}
