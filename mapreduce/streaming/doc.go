// Package streaming runs executables as mappers, reducers and combiners: the contract of Hadoop Streaming, as its users know it.
//
// # How a record travels
//
// The mapper reads the values of TextInputFormat as lines (with other input formats, key TAB value); every line it prints is cut
// into key and value at the nth separator; the shuffle sorts by key bytes; the reducer reads `key TAB value` lines, a line for
// every value; what it prints is cut and written in the same way. A reducer that gets no record is not started.
//
// On stderr, lines reporter:counter:group,name,amount and reporter:status:text are commands; others go to the attempt's log.
//
// Facts come from Apache's documentation and from answers that Apache 3.4 gave to the conformance cases; where a case is known to
// depend on Apache's sort (the order of values within a key on small inputs), we follow it (Stage.TiesReversed).
package streaming
