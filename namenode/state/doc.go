// Package state is the namenode's state behind one lock: the namespace, which is replicated and durable, and the block map, which
// datanodes' reports fill. Both are pure and not safe for concurrent use; this package is where they meet the lock, the clock and
// the journal.
//
// A change of the namespace is a Command. Submit puts it into the journal; when it is committed it is applied under the write
// lock, its Locked function finishes the answer while the lock is held, and its Done function gets the answer after the lock was
// given back. Many commands are applied under one hold of the lock, but not so many that readers wait long.
//
// Reads go through View with the read lock; changes of the block map alone through Update. No I/O happens under the lock.
package state
