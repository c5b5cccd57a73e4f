// Package blockstore keeps replicas of blocks on the disks of one datanode, in Apache's on-disk layout (layout version -57), so
// that a data directory written by Apache's DataNode is read here and the other way round.
//
// # Words
//
// A volume is one data directory with its storage id. A replica is this datanode's copy of a block: a data file blk_<id> and a
// meta file blk_<id>_<generation stamp>.meta with one checksum for each chunk (512 bytes, as a rule). Where the pair lies and
// which state it is in:
//
//	<volume>/current/VERSION                                     who owns the volume
//	<volume>/current/<block pool>/current/VERSION                which namespace
//	…/current/<block pool>/current/finalized/subdirA/subdirB/    FINALIZED (A, B from the bits of the id)
//	…/current/<block pool>/current/rbw/                          RBW being written, RWR found after a restart
//	…/current/<block pool>/tmp/                                  TEMPORARY, a copy in progress; deleted at start
//
// RUR (under block recovery) is a state of memory only: the files stay where they are.
//
// # How data moves
//
// Create or Append answer a Writer, which owns the replica until Finalize or Close. A second writer for the same block (pipeline
// recovery, block recovery) first interrupts the first and waits for it. Open answers a Reader over a stable prefix of the
// replica; every byte that it hands out has been checked against its checksum, also while the replica is being written.
//
// # Promises
//
//   - Bytes acknowledged as synced (Writer.Sync) and their names are on the disk.
//   - After a kill -9 every byte that was written is found again: an RBW replica comes back as RWR, as long as its checksums carry.
//     After a power loss it is cut at the first chunk that is not whole.
//   - A pair of files that a crash caught between two renames is put back together at the next start; the order of renames is
//     written in commit.go and load.go, and crash_test.go breaks it at every step.
//   - Old generation stamps never serve: a reader that asks for a newer stamp than the replica has is refused.
//   - The table of replicas holds no pointers: a million replicas cost the garbage collector nothing.
//
// Locks: a stripe of Store.stripes by block id covers every transition of one replica, disk work included; Store.mu covers the
// table and is never held during disk work.
package blockstore
