// Package market reads sales of NFTs from the events of marketplaces, on top of what package ledger says moved in the transaction.
//
// Each marketplace is a small file: the contracts and topics it listens to and a function from one event to a Sale. Events are
// recognised by (address, topic0, number of topics) together, since hashes such as OrdersMatched or AuctionSettled are used by unrelated contracts. A body
// that does not fit becomes a Reject with its reason.
//
// A Sale says what the event says: the seller gives the NFT, the buyer gets it (not the user behind an aggregator), the price is what the event
// states. Fees are every part of the price that does not go to the seller, exact to the wei: listed by the event, or computed from its basis points with floor, or
// read from the order's calldata, or taken from the flow of money in the same transaction.
//
// Some events are half of a pair: a matched Seaport order shows once as the sale and once as the seller's own counter-order. The second
// half is kept as a sale with Check Mirror; what it pays to others is a fee of the first.
//
// Last, every sale is checked against the flow of assets (check.go): what the seller gained in that currency in the transaction must be the price minus
// the fees.
package market
