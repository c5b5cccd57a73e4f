package silver

import (
	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
)

// flashLoans are the events of lenders whose loans end in the transaction they begin in: Aave v2 and v3, Balancer's vault, Uniswap v3.
var flashLoans = map[evm.Word]bool{
	evm.MustWord("0x631042c832b07452973831137f2d73e395028b44b250dedc5abb0ee766e168ac"): true,
	evm.MustWord("0xefefaba5e921573100900a3ad9cf29f222d995fb3b6045797eaea7521bd8d6f0"): true,
	evm.MustWord("0x0d7d75e01ab95780d3cd1c8ec0dd6c2ce19e3a20427eec8bf53283b6fb8e95f0"): true,
	evm.MustWord("0xbdbdb71d7860376ba52b25a5028beea23581364a40522f6bcfb86bb1f2dca633"): true,
}

// flashLoan tells whether one of these lenders lent in the transaction.
func flashLoan(tx *ledger.Tx) bool {
	for i := range tx.Logs {
		if flashLoans[tx.Logs[i].Topic0()] {
			return true
		}
	}
	return false
}
