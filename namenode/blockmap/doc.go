// Package blockmap is the namenode's knowledge of blocks and datanodes: which replica of which block is where, and what has to
// be done about it. It is a pure state machine. Nothing in it does I/O, reads a clock, starts a goroutine or logs; time comes in
// as `now` (milliseconds) and randomness from a seed, so that the same calls in the same order give the same state and the same answers.
// It is not safe for concurrent use: the namenode guards it, together with the namespace, by one lock.
//
// # Words
//
// A *block* belongs to a file (the namespace tells us through hdfs.BlockSink). A *replica* is a copy of it on a *storage* (a
// volume of a datanode). A *datanode* registers, sends heartbeats, reports all replicas of a storage now and then (full report) and every
// change at once (incremental report), and takes *commands* back as the answer to a heartbeat. A block is *under construction* until the
// namespace says that it is complete; until then its *expected* storages (the writer's pipeline) are kept beside the table.
//
// A replica counts as *live* when its datanode is alive and in service and the replica is neither corrupt nor excess. A block with fewer live
// replicas than wanted is *low*: it waits in one of five queues (package queue), the most endangered first. A copy that was ordered is
// *pending* until it is reported or times out. A replica that is too many is *excess* until its datanode reports it gone.
//
// # Flow
//
//	namespace.Apply ─ BlockAdded/Changed/Replication/Removed ─┐
//	client: ChooseTargets, Locations, EnoughReplicas, Watch ──┤ Map ── table (package table): 40 bytes a block, no pointers
//	datanode: Register, Heartbeat, BlockReport, Incremental ──┤    ├── queue: low redundancy, pending, to delete
//	clock: Tick ──────────────────────────────────────────────┘    └── placement, topology, policy: where copies go
//
// Tick is Apache's RedundancyMonitor, HeartbeatManager, DatanodeAdminManager and safe mode monitor in one pass: it declares datanodes dead,
// orders copies and deletions (into the queues of the datanodes that must do them), and moves decommissions forward.
// Heartbeat hands those orders out.
//
// There is no list of blocks per storage. What must look at every block of a storage (a datanode died, a full report left some
// replicas out, a decommission) is a *sweep* over the table: 40 sequential bytes a block, in one go while the table is small,
// in slices of Config.SweepSlice per Tick when it is large. A full report finds out whether a sweep is needed at all by counting.
//
// # Promises
//
//   - A replica is never ordered deleted while fewer than the wanted number of good copies would remain, nor while a copy that
//     it is counted against is on a storage whose content is stale (not reported since the last failover).
//   - Decommission and maintenance end only when every block on the node, also those under construction, has its minimum elsewhere.
//   - A corrupt replica is deleted only when enough good ones exist.
//   - Numbers and rules are those of Apache Hadoop 3.4's blockmanagement package (class names are given where a rule comes from),
//     except that death is noticed on the pass after it is due (Apache: only every recheck interval), and that a freshly started
//     namenode can be told to wait before it heals what has merely not been reported yet (Config.HealDelay).
package blockmap
