// Package namenode starts and stops a namenode. The rooms below it do the work:
//
//	namespace  the tree and its rules, a pure state machine
//	blockmap   replicas and datanodes, a pure state machine
//	state      both behind one lock, changed through the journal
//	journal    the replicated, durable log
//	rpc        what clients and operators call; dnproto: what datanodes call; webhdfs: REST
//
// This package adds what needs a clock and an owner: the lease monitor, the block map's ticks, the trash emptier, the lists of hosts
// and racks, users, groups and proxy users.
//
// Start returns when the namenode serves. Alone it leads within a moment of having read its image and journal; among several it
// serves at once and answers StandbyException until it is elected.
package namenode
