// Package pipeline writes the blocks of one file through pipelines of datanodes.
//
// # How bytes move
//
// Write cuts them into packets, each with the CRCs of its chunks, and puts the packets into a queue. One goroutine (run)
// takes them out, opens a pipeline for each block (addBlock at the namenode, WRITE_BLOCK at the first datanode, which
// connects to the second, and so on) and sends them, without waiting. A second goroutine for each pipeline (listen) reads the
// acknowledgements: one for each packet, with the status of every datanode. A packet is kept until it is acknowledged; the
// bytes that are kept at once are the window, which is what makes a writer wait.
//
// A block ends with an empty packet. It is sent when all others are acknowledged, since datanodes finalise their replicas
// when they see it and a half-finalised pipeline cannot be rebuilt. A small block, of which nothing was acknowledged yet,
// does not wait for that: all its packets are still here, and if anything fails it is abandoned and written again.
// For the same reason a new pipeline is not waited for: the first packets follow its request at once.
//
// # When a datanode fails
//
// What is not acknowledged goes back into the queue. If nothing of the block was acknowledged the block is abandoned and
// another one is asked for, without the bad datanode. Else the pipeline is rebuilt: from the datanodes that are left and,
// if the replacement policy asks for it, one more, to which one of them copies what it has; under a new generation stamp,
// so that the bad datanode's replica is known to be old should it come back. The packets are then sent again. Five rebuilds
// in a row without an acknowledgement end the stream.
//
// # Promises
//
// Flush returns when all bytes before it are acknowledged by every datanode of the pipeline; Close when the last block is. An
// error is final and the same for all later calls. Write, ReadFrom and Close are for one goroutine; Flush may be called
// beside them from others. Every goroutine has ended when Close or Abort returns.
//
// Sources: DataStreamer, DFSOutputStream, ReplaceDatanodeOnFailure, PipelineAck, BlockReceiver of Apache Hadoop 3.4.
package pipeline
