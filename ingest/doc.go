// Package ingest holds the sources of raw data, one package each. Every source is restartable and lands each thing exactly
// once: what it has landed is recorded in the file system next to the data, by a rename that either happened or did not.
//
//   - geth: blocks of an Ethereum node over JSON-RPC
//   - replaynode: a small node that replays recorded blocks, for the demo and for tests
package ingest
