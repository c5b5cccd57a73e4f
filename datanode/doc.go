// Package datanode is the storage role: it keeps replicas of blocks, serves them, and obeys the namenode.
//
// Rooms below: blockstore (replicas on disk), transfer (the data transfer protocol). This package joins them to a process:
//
//   - an actor for each namenode address shakes hands (versionRequest, registerDatanode), sends heartbeats, carries out the commands
//     that come back, reports blocks as they come and go (incremental, at once) and all of them now and then (full, by lease);
//   - the IPC port serves ClientDatanodeProtocol (replica lengths, administration) and InterDatanodeProtocol (block recovery);
//   - the recovery worker carries out block recovery that the namenode ordered;
//   - scanners compare the disk with the table and the bytes with their checksums.
//
// A datanode keeps trying for as long as it lives: a namenode that is away is called again, replicas that could not be reported are
// reported later. It ends by itself only when the namenode refuses it for good, or when more volumes fail than are tolerated; Wait
// answers why.
package datanode
