package orders_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
	"github.com/lodehq/lode/jobs/nft/orders"
)

func n(v uint64) string { return fmt.Sprintf("%064x", v) }

func log(tx *ledger.Tx, at, data string, topics ...string) {
	l := ledger.Log{Index: int64(len(tx.Logs)), Address: evm.MustAddress(at), NTopics: len(topics)}
	for i, t := range topics {
		if !evm.DecodeFixed(l.Topics[i][:], []byte(strings.TrimPrefix(t, "0x"))) && !evm.DecodeFixed(l.Topics[i][:], []byte(t)) {
			panic("topic " + t)
		}
	}
	l.Data, _ = hex.DecodeString(data)
	tx.Logs = append(tx.Logs, l)
}

func short(a evm.Address) string { return strings.TrimLeft(a.Hex()[2:], "0") }

func TestEventsBecomeOrders(t *testing.T) {
	const punks, foundation, bazaar, zora, seaport, wyvern = "0xb47e3cd837ddf8e4c57f05d70ab865de6e193bbb", "0xcda72070e455bb31c7690a170224ce43623d0b6f", "0x6d7c44773c52d396f43c2d511b81aa168e9a7a42",
		"0x6170b3c3a54c3d8c854934cbc314ed479b2b29a3", "0x00000000000000adc04c56bf30ac9d3c0aaf14dc", "0x7be8076f4ea4a4ad08075c2508e481d6c946d12b"
	tx := &ledger.Tx{From: evm.Address{19: 7}, To: evm.MustAddress(punks)}
	log(tx, punks, n(900), "0x3c7b682d5da98001a9b8cbda6c647d2c63d698a4184fd1d55e2ce7b66f5d21eb", "0x"+n(5), "0x"+n(0))
	log(tx, punks, n(800), "0x5b859394fabae0c1ba88baffe67e751ab5248d2e879028b8c8d6897b0519f56a", "0x"+n(5), "0x"+n(9))
	log(tx, punks, "", "0xb0e0a660b4e50f26f0b7ce75c24655fc76cc66e3334a54ff410277229fa10bd4", "0x"+n(5))
	log(tx, foundation, n(700), "0xfcc77ea8bdcce862f43b7fb00fe6b0eb90d6aeead27d3800d9257cf7a05f9d96", "0x"+n(0xcc), "0x"+n(6), "0x"+n(8))
	log(tx, foundation, "", "0x70c7877531c04c7d9caa8a7eca127384f04e8a6ee58b63f778ce5401d8bcae41", "0x"+n(0xcc), "0x"+n(6))
	log(tx, bazaar, n(0)+n(0)+n(3), "0xb6039ff1edf80efca6bc48b89f5415ba07fecb2d321058dae9ce6369b2ff964b", "0x"+n(0xcc), "0x"+n(0))
	log(tx, zora, n(8)+n(8)+n(0xee)+n(0)+n(600), "0x5b65b398e1d736436510f4da442eaec71466d2abee0816567088c892c4bcee70", "0x"+n(0xcc), "0x"+n(4))
	log(tx, seaport, n(77), "0x6bacc01dbe442496068f7d234edd811f1a5f833243e0aec824f86ab861f3c90d", "0x"+n(8), "0x"+n(0))
	log(tx, wyvern, "", "0x5152abf959f6564662358c2e52b702259b78bac5ee7842a0f01937e670efcc7d", "0x"+n(78))
	// A listing validated on chain: token 6 for 95 + 5 of the native currency; and a bid of 50 for any token of a collection.
	listing := n(8) + n(0) + n(11*32) + n(17*32) + n(0) + n(0) + n(0) + n(0) + n(0) + n(0) + n(2) + n(1) + n(2) + n(0xcc) + n(6) + n(1) + n(1) + n(2) + n(0) + n(0) + n(0) + n(95) + n(95) + n(8) + n(0) + n(0) + n(0) + n(5) + n(5) + n(9)
	bid := n(8) + n(0) + n(11*32) + n(17*32) + n(0) + n(0) + n(0) + n(0) + n(0) + n(0) + n(2) + n(1) + n(1) + n(0xee) + n(0) + n(50) + n(50) + n(2) + n(1) + n(0xee) + n(0) + n(2) + n(2) + n(9) + n(4) + n(0xcc) + n(0) + n(1) + n(1) + n(8)
	for _, body := range []string{listing, bid, n(8)} {
		log(tx, seaport, n(79)+n(64)+body, "0xf280791efe782edcf06ce15c8f4dff17601db3b88eb3805a0db7d77faf757f04")
	}
	log(tx, "0x00000000000000000000000000000000000000dd", n(900), "0x3c7b682d5da98001a9b8cbda6c647d2c63d698a4184fd1d55e2ce7b66f5d21eb", "0x"+n(5), "0x"+n(0)) // of somebody else
	var got []string
	for _, o := range orders.NewRegistry().Of(tx) {
		token := ""
		if o.HasToken {
			token = o.TokenID.Dec()
		}
		got = append(got, fmt.Sprintf("%s %s %s#%s by %s for %v %s of %s hash %v", o.Project, o.Kind, short(o.Contract), token, short(o.Maker), o.HasPrice, o.Price.Dec(), short(o.Currency), o.HasHash))
	}
	want := []string{
		"cryptopunks ask b47e3cd837ddf8e4c57f05d70ab865de6e193bbb#5 by 7 for true 900 of  hash false",
		"cryptopunks bid b47e3cd837ddf8e4c57f05d70ab865de6e193bbb#5 by 9 for true 800 of  hash false",
		"cryptopunks cancel_ask b47e3cd837ddf8e4c57f05d70ab865de6e193bbb#5 by  for false 0 of  hash false",
		"foundation ask cc#6 by 8 for true 700 of  hash false",
		"foundation cancel_ask cc#6 by  for false 0 of  hash false",
		"superrare cancel_ask cc#3 by  for true 0 of  hash false",
		"zora ask cc#4 by 8 for true 600 of ee hash false",
		"seaport cancel # by 8 for false 0 of  hash true",
		"opensea_wyvern cancel # by  for false 0 of  hash true",
		"seaport ask cc#6 by 8 for true 100 of  hash true",
		"seaport bid cc# by 8 for true 50 of ee hash true",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(tx.Rejects) != 1 {
		t.Errorf("%d rejects, want the order that ends early", len(tx.Rejects))
	}
}

func FuzzOrders(f *testing.F) {
	f.Add([]byte{1}, uint8(0))
	f.Fuzz(func(t *testing.T, data []byte, which uint8) {
		tx := &ledger.Tx{}
		log(tx, "0x00000000000000adc04c56bf30ac9d3c0aaf14dc", hex.EncodeToString(data), "0xf280791efe782edcf06ce15c8f4dff17601db3b88eb3805a0db7d77faf757f04")
		log(tx, "0x6d7c44773c52d396f43c2d511b81aa168e9a7a42", hex.EncodeToString(data), "0xb6039ff1edf80efca6bc48b89f5415ba07fecb2d321058dae9ce6369b2ff964b", "0x"+n(1), "0x"+n(uint64(which)))
		if got := len(orders.NewRegistry().Of(tx)) + len(tx.Rejects); got != 2 {
			t.Fatalf("%d orders and rejects of two events", got)
		}
	})
}
