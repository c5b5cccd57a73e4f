// Package block reads one block of a chain from JSON, with its transactions, receipts, logs and traces, in any of the forms that nodes and
// files use, and says it in one form.
//
// Forms of a block: a landed line {"chain","chain_id","number","block","receipts","traces",…}; a JSON-RPC block with full transactions; a
// file whose transactions carry "receipt" and "traces" themselves. Forms of a number: 0x hex, decimal string, JSON integer. Forms of traces:
// trace_block (parity), flatCallTracer a transaction, callTracer (nested calls) a transaction. All become rows of one shape, ethereum-etl's.
//
// One form: hashes, addresses and data are 0x + lower-case hex as bytes of text (they go to text columns unchanged), numbers of up to
// 256 bits are decimal digits, small numbers are int64 with a flag that says whether they were there. Texts are slices of the input, which
// is changed in place (letters are lowered); they live as long as it does.
//
// Promise: nothing is guessed and nothing is lost. A field that is absent stays absent; a field that does not fit is an error that names it.
package block
