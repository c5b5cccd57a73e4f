// Package client reads and writes HDFS, ours or Apache's, over Hadoop's own protocols.
//
// # Words
//
// A Client talks to one namenode, or to a list of them of which one is active. A Reader reads one file, a Writer writes one.
// A file is a list of blocks; each block has replicas on datanodes; a replica that is written goes through a pipeline of
// datanodes, each of which forwards packets to the next and answers with acknowledgements.
//
// # How data moves
//
// Reading: Open asks the namenode where the blocks are (nearest replica first). Bytes come from a datanode in packets with a
// checksum for every 512 bytes (client/block), or from the replica's own file when the datanode is on this host and passes its
// descriptor over a UNIX socket. Every checksum is verified before a byte is handed out; a replica that fails is reported to
// the namenode and the next one continues at the same position, so a caller sees correct bytes or an error, never wrong ones.
// WriteTo fetches several blocks at once; ReadAt may be called from many goroutines.
//
// Writing: Create makes an entry in the namespace and takes a lease on it, which the client renews while it has files open.
// Write cuts the bytes into packets and streams them through the pipeline of the current block (client/pipeline), with many
// packets unacknowledged. When a datanode fails the pipeline is rebuilt from those that are left, or filled up with another,
// under a new generation stamp, and what was not acknowledged is sent again. Close returns when the namenode says that the
// file is complete: after that its bytes are on as many datanodes as asked for.
//
// # Promises
//
//   - Flush (hflush) returns when every datanode of the pipeline has the bytes and readers may see them; Sync (hsync) when
//     they are on their disks; Close when the file is complete.
//   - A failed Write, Flush, Sync or Close is final: the Writer reports the same error from then on, and Close still has to be
//     called to let go of the lease.
//   - Errors of the namenode are *hdfs.Exception with their Java class; errors.Is works with fs.ErrNotExist, fs.ErrExist,
//     fs.ErrPermission, fs.ErrInvalid, syscall.ENOTEMPTY and syscall.ENOTDIR. Errors of a path are *fs.PathError around them.
//   - Every call takes a context. The context of Open, Create and Append is only for that call, not for the life of
//     what it returns; Reader and Writer have a context of their own that Close ends.
//   - A Client is safe for concurrent use. A Reader's ReadAt is; its Read, Seek and WriteTo share a position and are not.
//     A Writer is safe for concurrent Flush and Sync beside one writing goroutine.
//
// # Rooms
//
// client/protocol: a Go method for each RPC. client/block: one replica, read by wire or by descriptor, and the data transfer
// frames. client/pipeline: one block, written. client/shell: the command lines `dfs`, `dfsadmin`, `fsck` and their kin.
// client/hdfstest: a cluster in a test.
package client
