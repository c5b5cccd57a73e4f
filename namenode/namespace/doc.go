// Package namespace is the namenode's file system tree as a pure state machine: inodes, names, permissions, ACLs, extended
// attributes, quotas, storage policies, snapshots, leases and the blocks that files own. It has no clock, no disk, no network, no
// goroutine and no log.
//
// # Flow
//
// The leader turns a call into a command: Hadoop's own request message and a Header that says who asked and when. The command is
// written to the journal and then given to Apply, on every namenode in the same order. Apply either changes the state and answers
// Hadoop's own response message, or answers an *hdfs.Exception and changes nothing. Reads are methods that answer response messages
// without datanodes in them; the namenode fills those in from its block map, which learns what happens to blocks through hdfs.BlockSink.
//
// # Words
//
// An inode is a file or a directory and has a number for ever. A slot is where the tree keeps it now. A lease is a client's right to
// write a file; an open file has one. A block is being written, under recovery or complete. A snapshot is a read-only name for what a
// directory was; what changed since is kept as histories of the inodes that changed, so taking one costs nothing.
//
// # Promises
//
// The same commands in the same order give the same state and the same answers, if Options are the same. Numbers of inodes and blocks
// and generation stamps only grow. A command with the client id and call id of an earlier one, of a call that Hadoop marks AtMostOnce,
// is answered from the retry cache and not done again.
//
// A command that fails changes nothing, with one exception that Apache has too: create, append, truncate and recoverLease on a file
// whose writer is gone start the recovery of its last block, then answer RecoveryInProgressException.
//
// What depends on the moment is chosen by the leader before it proposes and travels in the command: Header.TimeMS, Header.SoftExpired,
// journal.ReleaseLease. Whether the replicas of a block have been reported is asked before (PrepareAddBlock, PrepareComplete).
//
// A Namespace is not safe for concurrent use: one Apply at a time, any number of reads while none runs. RenewLease and what a View
// writes are the exceptions.
package namespace
