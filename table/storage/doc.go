// Package storage is what tables, the query service and ingestion need of a file system, and nothing more: HDFS through our
// own client, or a directory of this machine (for tests and for trying things out). It is pure Go and light.
//
// Names are absolute slash-separated paths inside the file system ("/lode/warehouse/gold/…"). A URI is the file system's
// prefix followed by a name ("hdfs://127.0.0.1:8020" + name, "file:///tmp/x" + name). Name accepts either, and accepts an
// hdfs URI with another authority: the same cluster has several addresses, and its port may change between two starts.
package storage
