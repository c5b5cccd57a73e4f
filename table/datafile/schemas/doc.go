// Package schemas defines every table of Lode: names, columns, types, descriptions, partitions and sort orders. It is the one place
// where a column is spelled; writers fill batches of these schemas and the catalogue creates its tables from them.
//
// Three layers. Bronze is the chain as the node said it: one row for each block, transaction, log and trace, in the columns of
// ethereum-etl, every number exact. Silver is what happened: tokens moved, sold, minted, approved. Gold is what it means: one row
// for each market, collection, token or wallet. Views offers the bronze rows under ethereum-etl's own names.
//
// Rules of the columns. uint256 is decimal digits in a string (`*_raw`, token_id, value); addresses, hashes and data are 0x + lower-case hex; times are UTC;
// amounts for people are double and null when the price is unknown. A definition only grows at its end: field ids follow the order.
//
// Partitions. Transfers and trades are split by chain and month; all other tables by chain only: a file covers the range of heights of one task, and the bounds of
// its block_number let a reader skip it. Days would cut a backfill of scattered blocks into thousands of small files.
package schemas
