// Package block speaks the data transfer protocol of datanodes from the client's side: it reads one replica of one block,
// by wire (Remote) or by a passed file descriptor (Local), and it frames what client/pipeline writes.
//
// # The wire
//
// A request is a version (28), an operation and a varint-delimited message; the answer is a varint-delimited
// BlockOpResponseProto. Bytes travel in packets, in both directions of the same form:
//
//	PLEN int32 | HLEN int16 | PacketHeaderProto | one CRC (4 bytes, big-endian) per chunk | data
//
// where PLEN counts itself, the CRCs and the data, but neither HLEN nor the header. A chunk is bytesPerChecksum bytes (512),
// counted from the beginning of the block. The packets of a read begin at the chunk that holds the first byte asked for,
// are numbered from 0, and end with an empty one that says so.
//
// # Promises
//
// No byte leaves this package before its chunk's CRC was compared. A replica whose CRC does not match is a *ChecksumError,
// which names block, datanode and position. What a datanode refuses is a *StatusError. Sizes that a peer announces are
// checked before memory is taken for them.
//
// Sources: org.apache.hadoop.hdfs.protocol.datatransfer.{Sender,PacketHeader,PacketReceiver}, BlockReaderRemote,
// BlockSender, DomainSocketFactory, DataXceiver.requestShortCircuitFds of Apache Hadoop 3.4.
package block
