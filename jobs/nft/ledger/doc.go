// Package ledger says what moved in one transaction: NFTs, payment tokens, native currency, approvals. It knows the token standards and
// nothing of marketplaces; package market reads sales on top of it.
//
// Words. A Tx is one transaction with its logs and, when the node gave traces, its calls. A Transfer is one token that changed hands. A Payment is an amount of
// a currency that went from one account to another: an ERC-20 Transfer, a WETH deposit or withdrawal, or native value of a successful call.
// A Reject is a log that belongs to a decoder by (topic0, topic count) but whose body does not fit; it is kept, never dropped.
//
// Rules. Events are recognised by topic0, number of topics and length of the body together: Transfer with four topics is ERC-721, with three topics and 32 bytes an
// ERC-20, with one topic and 96 bytes a token from before the standards. CryptoPunks speak their own events; an accepted bid names 0x0 as the buyer (a
// bug of the contract), the real one is in the Transfer just before.
package ledger
