// Package transfer speaks the data transfer protocol, version 28: how clients and datanodes read and write replicas.
//
// A connection carries operations one after another (Server.ServeConn). READ_BLOCK answers packets of whole chunks, each checked
// against the meta file before a byte of it leaves. WRITE_BLOCK makes this datanode one link of a pipeline: it opens its replica,
// connects to the next datanode, answers the connect-ack of the whole rest, and then every packet is forwarded downstream as it
// came, checked by the last link, written, and acknowledged upstream when the downstream has acknowledged it. TRANSFER_BLOCK,
// REPLACE_BLOCK and COPY_BLOCK move whole replicas between datanodes, BLOCK_CHECKSUM answers the digest of a replica's checksums,
// and on a UNIX socket REQUEST_SHORT_CIRCUIT_FDS hands the open files to a client on the same host.
//
// # How a packet moves
//
// The receiver reads the socket into one large buffer and takes every complete packet out of it in place: the same bytes go
// downstream in one write and to the disk. A read packet is assembled in one buffer, header and checksums before the data that
// was read from the file, and leaves in one write; the answer to the operation travels with the first packet, the empty last
// packet with the last data.
//
// # What it promises
//
//   - No byte that fails its checksum leaves; the replica is reported (Events.Corrupt).
//   - A packet is acknowledged after it was written here and acknowledged downstream; with syncBlock after the disk has it.
//   - The last packet is acknowledged after the replica was finalized and reported to the namenode.
//   - Lengths that a peer announces are bounded before memory is taken for them.
//
// Facts of the wire: org.apache.hadoop.hdfs.server.datanode.{DataXceiver,BlockReceiver,BlockSender} and
// org.apache.hadoop.hdfs.protocol.datatransfer of Apache Hadoop 3.4.
package transfer
