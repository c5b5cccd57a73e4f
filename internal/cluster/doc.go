// Package cluster starts roles together on one machine: in one process (standalone), or one process each (cluster start,
// status, stop), and keeps lode-gold alive beside them.
//
// The words: a role is namenode, datanode, scheduler, worker or query; an instance is a role with a number (datanode1). A
// cluster's directory holds one folder an instance (its data, its log, its ready file) and cluster.json, which says how each
// instance is started, so that a second start brings back what is down, on the same ports with the same settings.
//
// The ready file is a contract: one JSON object, written atomically when everything serves (type Ready).
package cluster
