// Package price knows the currencies that NFTs are sold in and what an ether is worth in dollars, as the chain itself says: the last trade of a block in
// the deepest Uniswap pools. What is not known stays unknown; nothing here makes up a price.
package price

import (
	"math"

	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/evm"
	"github.com/lodehq/lode/jobs/nft/ledger"
)

// Currency is a token that prices are given in.
type Currency struct {
	Symbol   string
	Decimals int
	Ether    bool // worth one ether
	Dollar   bool // worth one US dollar
}

var currencies = map[evm.Address]Currency{
	{}:              {"ETH", 18, true, false},
	ledger.WETH:     {"WETH", 18, true, false},
	ledger.BlurPool: {"BETH", 18, true, false},
	evm.MustAddress("0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"): {"USDC", 6, false, true},
	evm.MustAddress("0xdac17f958d2ee523a2206206994597c13d831ec7"): {"USDT", 6, false, true},
	evm.MustAddress("0x6b175474e89094c44da98b954eedeac495271d0f"): {"DAI", 18, false, true},
	evm.MustAddress("0x2260fac5e5542a773aa44fbcfedf7c193bc2c599"): {"WBTC", 8, false, false},
	evm.MustAddress("0x4d224452801aced8b2f0aebe155379bb5d594381"): {"APE", 18, false, false},
	evm.MustAddress("0x0f5d2fb29fb7d3cfee444a200298f468908cc942"): {"MANA", 18, false, false},
}

// Of finds a currency by its contract.
func Of(a evm.Address) (Currency, bool) {
	c, ok := currencies[a]
	return c, ok
}

// Amount gives a raw amount in units of the currency.
func (c Currency) Amount(raw *uint256.Int) float64 { return raw.Float64() / math.Pow10(c.Decimals) }

// pool is a Uniswap pair of WETH and a dollar.
type pool struct {
	v3         bool
	etherFirst bool
	decimals   int // of the dollar
	rank       int // lower is deeper
}

var pools = map[evm.Address]pool{
	evm.MustAddress("0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640"): {true, false, 6, 0},   // v3 USDC/WETH 0.05 %
	evm.MustAddress("0x11b815efb8f581194ae79006d24e0d814b7697f6"): {true, true, 6, 1},    // v3 WETH/USDT 0.05 %
	evm.MustAddress("0x8ad599c3a0ff1de082011efddc58f1908eb6e6d8"): {true, false, 6, 2},   // v3 USDC/WETH 0.3 %
	evm.MustAddress("0x4e68ccd3e89f51c3074ca5072bbac773960dfa36"): {true, true, 6, 3},    // v3 WETH/USDT 0.3 %
	evm.MustAddress("0xb4e16d0168e52d35cacd2c6185b44281ec28c9dc"): {false, false, 6, 4},  // v2 USDC/WETH
	evm.MustAddress("0x0d4a11d5eeaac28ec3f61d100daf4d40471f1852"): {false, true, 6, 5},   // v2 WETH/USDT
	evm.MustAddress("0xa478c2975ab1ea89e8196811f51a7b7ade33eb11"): {false, false, 18, 6}, // v2 DAI/WETH
}

var (
	topicSync   = evm.MustWord("0x1c411e9a96e071241c2f21f7726b17ae89e3cab4c78be50e062b03a9fffbbad1")
	topicSwapV3 = evm.MustWord("0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67")
)

// Observer finds the ether's price in the logs of one block.
type Observer struct {
	usd  float64
	rank int
}

// See looks at one log; the last one of the deepest pool wins.
func (o *Observer) See(l *ledger.Log) {
	p, ok := pools[l.Address]
	if !ok || o.usd > 0 && p.rank > o.rank {
		return
	}
	v := 0.0
	switch {
	case p.v3 && l.NTopics == 3 && l.Topics[0] == topicSwapV3 && len(l.Data) == 160:
		root := new(uint256.Int).SetBytes32(l.Data[64:96]).Float64() / math.Pow(2, 96)
		v = root * root // second token per first, raw
		if !p.etherFirst {
			v = 1 / v
		}
	case !p.v3 && l.NTopics == 1 && l.Topics[0] == topicSync && len(l.Data) == 64:
		first, second := new(uint256.Int).SetBytes32(l.Data[:32]).Float64(), new(uint256.Int).SetBytes32(l.Data[32:]).Float64()
		v = second / first
		if !p.etherFirst {
			v = first / second
		}
	default:
		return
	}
	v *= math.Pow10(18 - p.decimals)
	if v > 1 && v < 1e6 { // a pool that was emptied or just made says nothing
		o.usd, o.rank = v, p.rank
	}
}

// USD is the price of one ether; false when the block does not say.
func (o *Observer) USD() (float64, bool) { return o.usd, o.usd > 0 }
