package ledger

import (
	"fmt"

	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/evm"
)

// Topics of the token standards.
var (
	TopicTransfer       = evm.MustWord("0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")
	TopicApproval       = evm.MustWord("0x8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925")
	TopicApprovalForAll = evm.MustWord("0x17307eab39ab6107e8899845ad3d59bd9653f200f220920489ca2b5937696c31")
	TopicSingle         = evm.MustWord("0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62")
	TopicBatch          = evm.MustWord("0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb")
	TopicConsecutive    = evm.MustWord("0xdeaa91b6123d068f5821d0fb0678463d1a8a6079fe8af5de3ce5e896dcf9133d")
	TopicDeposit        = evm.MustWord("0xe1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c")
	TopicWithdrawal     = evm.MustWord("0x7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65")
	TopicPunkAssign     = evm.MustWord("0x8a0e37b73a0d9c82e205d4d1a3ff3d0b57ce5f4d7bccf6bac03336dc101cb7ba")
	TopicPunkTransfer   = evm.MustWord("0x05af636b70da6819000c49f85b21fa82081c632069bb626f30932034099107d8")
	TopicPunkBought     = evm.MustWord("0x58e5d5a525e3b40bc15abaa38b5882678db1ee68befd2f60bafe3a7fd06db9e3")
)

// Contracts that decoders know by address.
var (
	WETH          = evm.MustAddress("0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2")
	BlurPool      = evm.MustAddress("0x0000000000a39bb272e79075ade125fd351887ac")
	CryptoPunks   = evm.MustAddress("0xb47e3cd837ddf8e4c57f05d70ab865de6e193bbb")
	CryptoPunksV1 = evm.MustAddress("0x6ba6f2207e343923ba692e5cae646fb0f566db8d")
	CryptoKitties = evm.MustAddress("0x06012c8cf97bead5deae237070f9587f8e7a266d")
)

// IsPunks tells whether the contract speaks CryptoPunks' events.
func IsPunks(a evm.Address) bool { return a == CryptoPunks || a == CryptoPunksV1 }

// legacy holds NFT contracts from before ERC-721: their Transfer events may look like ERC-20 (three topics and 32 bytes, where the number is the
// token id) or have nothing indexed.
var legacy = func() map[evm.Address]bool {
	m := map[evm.Address]bool{}
	for _, a := range []string{
		"0x06012c8cf97bead5deae237070f9587f8e7a266d", // CryptoKitties
		"0xdcaad9fd9a74144d226dbf94ce6162ca9f09ed7e", // CryptoStrikers
		"0x87d598064c736dd0c712d329afcfaa0ccc1921a1", // CryptoFighters
		"0xe897e5953ef250bd49875fe7a48254def92730b9", // FanBits
		"0x73b0ebea28f76be1368d578d13657354330472a9", // XART
		"0xf5b0a3efb8e8e4c201e2a935f110eaaf3ffecb8d", // Axie
		"0xf7a6e15dfd5cdd9ef12711bd757a9b6021abf643", // CryptoBots
		"0xdde2d979e8d39bb8416eafcfc1758f3cab2c9c72", // KnownOrigin
		"0x79986af15539de2db9a5086382daeda917a9cf0c", // CryptoVoxels
		"0x323a3e1693e7a0959f65972f3bf2dfcb93239dfe", // DigitalArtChain
		"0x552d72f86f04098a4eaeda6d7b665ac12f846ad2", // DarkWinds
		"0xe9fe4e530ebae235877289bd978f207ae0c8bb25",
		"0xda9f43015749056182352e9dc6d3ee0b6293d80a",
	} {
		m[evm.MustAddress(a)] = true
	}
	return m
}()

// Approval topics reach ERC-20 contracts too: with four topics it is one token's, with three it is an allowance and no row.

// maxRange bounds how many tokens one ConsecutiveTransfer may mint here.
const maxRange = 100_000

// Decode fills what moved from the transaction's logs and calls.
func (t *Tx) Decode() {
	t.Transfers, t.Tokens, t.Native, t.Approvals, t.Rejects = t.Transfers[:0], t.Tokens[:0], t.Native[:0], t.Approvals[:0], t.Rejects[:0]
	for i := range t.Logs {
		l := &t.Logs[i]
		if l.NTopics == 0 {
			continue
		}
		if err := t.decodeLog(i, l); err != nil {
			t.Rejects = append(t.Rejects, Reject{Log: l, Reason: err.Error()})
		}
	}
	for i := range t.Calls {
		c := &t.Calls[i]
		if c.OK && c.Kind != Code && c.Kind != OtherOne && !c.Value.IsZero() {
			t.Native = append(t.Native, Payment{LogIndex: -1, Path: c.Path, From: c.From, To: c.To, Amount: c.Value})
		}
	}
}

func (t *Tx) decodeLog(i int, l *Log) error {
	switch l.Topics[0] {
	case TopicTransfer:
		return t.decodeTransfer(l)
	case TopicSingle:
		return t.decodeSingle(l)
	case TopicBatch:
		return t.decodeBatch(l)
	case TopicConsecutive:
		return t.decodeConsecutive(l)
	case TopicApproval:
		return t.decodeApproval(l)
	case TopicApprovalForAll:
		return t.decodeApprovalForAll(l)
	case TopicDeposit, TopicWithdrawal:
		return t.decodeWrap(l)
	case TopicPunkAssign, TopicPunkTransfer, TopicPunkBought:
		if IsPunks(l.Address) {
			return t.decodePunk(i, l)
		}
	}
	return nil
}

func misfit(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBody, fmt.Sprintf(format, args...))
}

// addresses checks that topics hold addresses.
func addresses(ws ...*evm.Word) error {
	for _, w := range ws {
		if !w.IsAddress() {
			return misfit("a topic that must be an address is %s", w.Hex())
		}
	}
	return nil
}

func (t *Tx) decodeTransfer(l *Log) error {
	var v uint256.Int
	switch {
	case l.NTopics == 4 && len(l.Data) == 0:
		if err := addresses(&l.Topics[1], &l.Topics[2]); err != nil {
			return err
		}
		v.SetBytes32(l.Topics[3][:])
		t.move(l, ERC721, l.Topics[1].Address(), l.Topics[2].Address(), v)
	case l.NTopics == 4:
		return misfit("Transfer of four topics has %d bytes of data", len(l.Data))
	case l.NTopics == 3 && len(l.Data) == 32:
		if err := addresses(&l.Topics[1], &l.Topics[2]); err != nil {
			return err
		}
		v.SetBytes32(l.Data)
		from, to := l.Topics[1].Address(), l.Topics[2].Address()
		switch {
		case IsPunks(l.Address): // counts punks; the punk itself is in the event that follows
		case legacy[l.Address]:
			t.move(l, Legacy, from, to, v)
		default:
			t.Tokens = append(t.Tokens, Payment{LogIndex: l.Index, Currency: l.Address, From: from, To: to, Amount: v})
		}
	case l.NTopics == 1 && len(l.Data) == 96:
		b := NewBody(l.Data)
		from, to := b.Address(0), b.Address(32)
		v = b.Int(64)
		if b.Err() != nil {
			return b.Err()
		}
		// An ERC-20 without indexed fields moves amounts of many digits; ids of the old NFTs are small.
		if !legacy[l.Address] && (!v.IsUint64() || v.Uint64() >= 1e12) {
			t.Tokens = append(t.Tokens, Payment{LogIndex: l.Index, Currency: l.Address, From: from, To: to, Amount: v})
			return nil
		}
		t.move(l, Legacy, from, to, v)
	default:
		return misfit("Transfer of %d topics has %d bytes of data", l.NTopics, len(l.Data))
	}
	return nil
}

func (t *Tx) move(l *Log, s Standard, from, to evm.Address, id uint256.Int) {
	t.Transfers = append(t.Transfers, Transfer{LogIndex: l.Index, Standard: s, Contract: l.Address, TokenID: id, Amount: *uint256.NewInt(1), From: from, To: to})
}

func (t *Tx) decodeSingle(l *Log) error {
	if l.NTopics != 4 || len(l.Data) != 64 {
		return misfit("TransferSingle of %d topics has %d bytes of data", l.NTopics, len(l.Data))
	}
	if err := addresses(&l.Topics[1], &l.Topics[2], &l.Topics[3]); err != nil {
		return err
	}
	tr := Transfer{LogIndex: l.Index, Standard: ERC1155, Contract: l.Address, Operator: l.Topics[1].Address(), HasOperator: true, From: l.Topics[2].Address(), To: l.Topics[3].Address()}
	tr.TokenID.SetBytes32(l.Data[:32])
	tr.Amount.SetBytes32(l.Data[32:])
	t.Transfers = append(t.Transfers, tr)
	return nil
}

func (t *Tx) decodeBatch(l *Log) error {
	if l.NTopics != 4 {
		return misfit("TransferBatch has %d topics", l.NTopics)
	}
	if err := addresses(&l.Topics[1], &l.Topics[2], &l.Topics[3]); err != nil {
		return err
	}
	b := NewBody(l.Data)
	ids, n := b.Array(b.Offset(0, 0), 1)
	amounts, m := b.Array(b.Offset(0, 32), 1)
	if b.Err() != nil {
		return b.Err()
	}
	if n != m {
		return misfit("TransferBatch has %d ids and %d amounts", n, m)
	}
	tr := Transfer{LogIndex: l.Index, Standard: ERC1155, Batch: true, Contract: l.Address, Operator: l.Topics[1].Address(), HasOperator: true, From: l.Topics[2].Address(), To: l.Topics[3].Address()}
	for i := range n {
		tr.BatchIndex = int64(i)
		tr.TokenID, tr.Amount = b.Int(ids+32*i), b.Int(amounts+32*i)
		t.Transfers = append(t.Transfers, tr)
	}
	return nil
}

func (t *Tx) decodeConsecutive(l *Log) error {
	if l.NTopics != 4 || len(l.Data) != 32 {
		return misfit("ConsecutiveTransfer of %d topics has %d bytes of data", l.NTopics, len(l.Data))
	}
	if err := addresses(&l.Topics[2], &l.Topics[3]); err != nil {
		return err
	}
	var first, last, n uint256.Int
	first.SetBytes32(l.Topics[1][:])
	last.SetBytes32(l.Data)
	if last.Lt(&first) {
		return misfit("ConsecutiveTransfer ends before it begins")
	}
	n.Sub(&last, &first)
	if !n.IsUint64() || n.Uint64() >= maxRange {
		return misfit("ConsecutiveTransfer of more than %d tokens", maxRange)
	}
	tr := Transfer{LogIndex: l.Index, Standard: ERC721, Batch: true, Contract: l.Address, Amount: *uint256.NewInt(1), From: l.Topics[2].Address(), To: l.Topics[3].Address(), TokenID: first}
	for i := range n.Uint64() + 1 {
		tr.BatchIndex = int64(i)
		t.Transfers = append(t.Transfers, tr)
		tr.TokenID.AddUint64(&tr.TokenID, 1)
	}
	return nil
}

func (t *Tx) decodeApproval(l *Log) error {
	if l.NTopics != 4 {
		return nil // an ERC-20 allowance, or one of the old forms: not about one token
	}
	if len(l.Data) != 0 {
		return misfit("Approval of four topics has %d bytes of data", len(l.Data))
	}
	if err := addresses(&l.Topics[1], &l.Topics[2]); err != nil {
		return err
	}
	a := Approval{LogIndex: l.Index, Contract: l.Address, Owner: l.Topics[1].Address(), Operator: l.Topics[2].Address()}
	a.Approved = !a.Operator.IsZero()
	a.TokenID.SetBytes32(l.Topics[3][:])
	t.Approvals = append(t.Approvals, a)
	return nil
}

func (t *Tx) decodeApprovalForAll(l *Log) error {
	if l.NTopics != 3 || len(l.Data) != 32 {
		return misfit("ApprovalForAll of %d topics has %d bytes of data", l.NTopics, len(l.Data))
	}
	if err := addresses(&l.Topics[1], &l.Topics[2]); err != nil {
		return err
	}
	yes := NewBody(l.Data).Int(0)
	t.Approvals = append(t.Approvals, Approval{LogIndex: l.Index, Contract: l.Address, Owner: l.Topics[1].Address(), Operator: l.Topics[2].Address(), All: true, Approved: !yes.IsZero()})
	return nil
}

// decodeWrap reads WETH's Deposit and Withdrawal: native currency that became a token, and back.
func (t *Tx) decodeWrap(l *Log) error {
	if l.Address != WETH {
		return nil
	}
	if l.NTopics != 2 || len(l.Data) != 32 {
		return misfit("WETH event of %d topics has %d bytes of data", l.NTopics, len(l.Data))
	}
	p := Payment{LogIndex: l.Index, Currency: WETH, Wrap: true}
	p.Amount.SetBytes32(l.Data)
	if l.Topics[0] == TopicDeposit {
		p.To = l.Topics[1].Address()
	} else {
		p.From = l.Topics[1].Address()
	}
	t.Tokens = append(t.Tokens, p)
	return nil
}

func (t *Tx) decodePunk(i int, l *Log) error {
	tr := Transfer{LogIndex: l.Index, Standard: Punks, Contract: l.Address, Amount: *uint256.NewInt(1)}
	switch {
	case l.Topics[0] == TopicPunkAssign && l.NTopics == 2 && len(l.Data) == 32:
		tr.To = l.Topics[1].Address()
		tr.TokenID.SetBytes32(l.Data)
	case l.Topics[0] == TopicPunkTransfer && l.NTopics == 3 && len(l.Data) == 32:
		tr.From, tr.To = l.Topics[1].Address(), l.Topics[2].Address()
		tr.TokenID.SetBytes32(l.Data)
	case l.Topics[0] == TopicPunkBought && l.NTopics == 4 && len(l.Data) == 32:
		tr.TokenID.SetBytes32(l.Topics[1][:])
		tr.From, tr.To, _ = t.PunkParties(i)
	default:
		return misfit("CryptoPunks event of %d topics has %d bytes of data", l.NTopics, len(l.Data))
	}
	t.Transfers = append(t.Transfers, tr)
	return nil
}

// PunkParties gives the real seller and buyer of a PunkBought log (its position in Logs). An accepted bid names 0x0 as the buyer, and the first
// version of the contract names the buyer as the seller; the Transfer just before knows better. accepted tells the bid's case.
func (t *Tx) PunkParties(i int) (seller, buyer evm.Address, accepted bool) {
	l := &t.Logs[i]
	seller, buyer = l.Topics[2].Address(), l.Topics[3].Address()
	if !buyer.IsZero() && seller != buyer {
		return seller, buyer, false
	}
	accepted = buyer.IsZero()
	for j := i - 1; j >= 0; j-- {
		p := &t.Logs[j]
		if p.Address == l.Address && p.NTopics == 3 && p.Topics[0] == TopicTransfer {
			return p.Topics[1].Address(), p.Topics[2].Address(), accepted
		}
	}
	return seller, buyer, accepted
}
