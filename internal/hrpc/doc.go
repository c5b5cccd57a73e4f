// Package hrpc speaks Hadoop IPC version 9, the remote procedure calls of HDFS: as a server (Server) for any Hadoop client,
// and as a client (Client) of such a server.
//
// A connection begins with seven bytes (magic, version, service class, authentication), carries one connection context that
// names the user, and then frames. A frame is a big-endian length and varint-delimited messages: a header, for a request the
// method's name, and the method's own message. Answers carry the request's call id and may overtake each other.
//
// How a call flows through the Server. The goroutine that owns the connection reads what the kernel has, and takes every
// complete frame out of its buffer. A Method made by Inline is answered on the spot: that is for reads that never wait. One
// made by Async is started on the spot and answers later through its Reply, from any goroutine: that is for mutations, so
// that one connection puts many calls into one group commit. One made by Unary has a goroutine of its own. When the buffer
// holds no further complete frame, everything answered so far leaves in one write.
//
// What it promises. An announced length costs nothing: buffers grow with the bytes that arrive, and what all connections
// together hold beyond their first 64 KiB is bounded (Options.MaxPending). A client that stops reading stops being read.
// A peer that falls silent within a frame or a handshake is hung up on. Bad bytes close the connection that sent them and
// nothing else.
//
// The server asks for no credentials (SIMPLE); a client that opens with SASL because it carries tokens is told to go on
// without (SaslRpcServer: SUCCESS in answer to NEGOTIATE).
//
// Sources: org.apache.hadoop.ipc.{Server,Client,RpcConstants}, org.apache.hadoop.security.SaslRpcServer of Apache Hadoop 3.4.
package hrpc
