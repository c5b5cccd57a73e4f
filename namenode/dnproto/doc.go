// Package dnproto serves what datanodes, and tools that speak for the namenode's peers, ask of the namenode: DatanodeProtocol,
// DatanodeLifelineProtocol and NamenodeProtocol. It translates between the wire's messages and the block map and has no rules of its
// own but the ones of the front door: software versions, registration ids, the address that a datanode is seen under.
//
// An Apache 3.4 datanode may join: it finds layout version -67, the capability of packed block reports, Apache's commands and Apache's
// refusals. The state behind is reached through State, which the namenode implements: View and Update run a function under its read
// and write lock. A full block report takes the lock once for each storage.
//
// The translators of datanodes and located blocks (Wire) are exported: ClientProtocol needs the same ones.
package dnproto
