// Package geth takes blocks from an Ethereum node over JSON-RPC and lands them raw in the file system.
//
// # How data moves
//
// The wanted blocks (a list, a range, or up to the head) minus the landed ones become batches of consecutive work. A batch is fetched
// with batched calls — eth_getBlockByNumber, eth_getBlockReceipts and, if wanted, traces — checked, and written as one line of JSON a block into
// a zstd file under a temporary name. When the file is closed it is renamed to
//
//	<dir>/<chain>/raw/block=<first million>/part-<first>-<last>-<blocks>-<hash>.ndjson.zst
//
// and that rename is the commit: a block is landed when a file with a final name holds it. The file name says which blocks are inside, so a
// restart only lists names. A file of a batch that was cut off is never renamed and is removed at the next start.
//
// # Lines
//
//	{"chain":"ethereum","chain_id":1,"number":N,"block":{…},"receipts":[…],"traces":[…]|null,"source":"URL","fetched_at":"RFC 3339"}
//
// block, receipts and traces are the node's own answers, byte for byte (traces in the shape of trace_block; nested callTracer answers are flattened).
//
// # What it promises
//
//   - Each wanted block is in exactly one landed file, whatever the node or this process did in between.
//   - A block whose receipts do not belong to it, whose number is not the one asked for, is not landed; one whose parent is not the block landed before it shows a reorganisation.
//   - One ingester at a time writes a chain's directory: it holds a lease, a file there, and stops when another took it over.
//   - A reorganisation, of any depth up to Config.MaxReorg, is undone: landed blocks that the node does not have any more are taken out (their files get names
//     that nobody reads) and the heights are landed again, before anything on top of them. Batch jobs read the landed files, so at their next run the rows leave every table.
//   - 429, 5xx, timeouts, resets, cut bodies, missing receipts and answers in another order cost time, never data.
package geth
