// Package chain holds the jobs that turn raw blocks into bronze tables. The work is in pure packages below: evm (addresses, numbers, hex), block
// (JSON of any form → one Block), bronze (Block → rows).
//
// Raw blocks are lines of JSON in compressed files below <raw dir>/<chain>/raw, one block a line. A line that is no block is kept in the quarantine
// with the reason; the job goes on.
package chain
