// Package hdfs holds the words that every room of the storage side shares: blocks, generation stamps, datanodes, storage
// types, and the errors that travel between them under their Java class names. It has types and no behaviour of its own, and
// imports nothing of ours, so that the pure cores (namenode/namespace, namenode/blockmap) may import it.
//
// Sources: org.apache.hadoop.hdfs.protocol.* and org.apache.hadoop.hdfs.server.protocol.* of Apache Hadoop 3.4.
package hdfs
