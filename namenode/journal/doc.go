// Package journal is the namenode's ordered, durable log: every change of the namespace goes through it before anybody is told
// that it happened. It is a Raft log (hashicorp/raft over raft-wal), with one voter when the namenode is alone and the same code
// for three.
//
// Words. A Proposal is one command as bytes, with a value of the proposer's that stays in this process. The journal gathers the
// proposals that wait into a batch: one Raft entry, one write, one fsync. When the entry is committed, the StateMachine gets the
// batch in order, with the proposers' values where the batch came from this process (not after a restart, not on a follower).
// An image is the state machine's own form of its state; raft keeps the last two and drops the log before them.
//
// Promises. What the state machine was given on one node it is given on every node, in the same order, and again after kill -9.
// A proposal whose entry may or may not be in the log fails with ErrNotLeader: the client repeats it elsewhere under the same
// call id, and the retry cache, which is part of the replicated state, recognises it. An unfinished write at the log's tail is
// dropped: nobody was told about it. The identity of the cluster (VERSION) is written once and never changes.
package journal
