package silver

import "github.com/lodehq/lode/jobs/chain/evm"

// aggregators sweep several marketplaces for their user in one transaction.
var aggregators = func() map[evm.Address]string {
	m := map[evm.Address]string{}
	for a, name := range map[string]string{
		"0xf24629fbb477e10f2cf331c2b7452d8596b5c7a5": "Gem",
		"0x00000000a50bb64b4bbeceb18715748dface08af": "Gem",
		"0x83c8f28c26bf6aaca652df1dbbe0e1b56f8baba2": "Gem",
		"0x0000000031f7382a812c64b604da4fc520afef4b": "Gem",
		"0x0000000035634b55f3d99b071b5a354f48e10bef": "Gem",
		"0x0a267cf51ef038fc00e71801f5a524aec06e4f07": "Genie",
		"0x2af4b707e1dce8fc345f38cfeeaa2421e54976d5": "Genie",
		"0xcdface5643b90ca4b3160dd2b5de80c1bf1cb088": "Genie",
		"0x39da41747a83aee658334415666f3ef92dd0d541": "Blur",
		"0x56dd5bbede9bfdb10a2845c4d70d4a2950163044": "X2Y2",
		"0x69cf8871f61fb03f540bc519dd1f1d4682ea0bf6": "Element",
		"0x2a7251d1e7d708c507b1b0d3ff328007beecce5d": "Rarible",
		"0x7f19564c35c681099c0c857a7141836cf7edaa53": "Rarible",
		"0xef1c6e67703c7bd7107eed8303fbe6ec2554bf6b": "Uniswap",
		"0x9ebfb53fa8526906738856848a27cb11b0285c3f": "Reservoir",
		"0xc2c862322e9c97d6244a3506655da95f05246fd8": "Reservoir",
	} {
		m[evm.MustAddress(a)] = name
	}
	return m
}()

// aggregator finds the one that a sale went through: a party of the sale first, else the contract that was called. Parties of the sale stay as the event names them.
func aggregator(to, buyer, seller evm.Address) (string, evm.Address, bool) {
	for _, a := range []evm.Address{buyer, seller, to} {
		if name, ok := aggregators[a]; ok {
			return name, a, true
		}
	}
	return "", evm.Address{}, false
}
