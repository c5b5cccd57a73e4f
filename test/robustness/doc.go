// Package robustness asks whether Lode keeps its promise, nothing acknowledged is lost, when its processes are killed with SIGKILL,
// disks fill up and replicas rot; and whether it says clearly what is wrong when a user gets something wrong.
//
// Every test has a cluster of its own, one process a role, started and stopped with the commands that a user types
// (lode cluster start, stop --kill). A writer notes a file as acknowledged when Close has returned, with a checksum of its bytes;
// afterwards every noted file has to be there, byte for byte.
//
//	harness_test.go    the binary, clusters, the writer that keeps a record
//	kill_test.go       SIGKILL of the namenode, of a datanode, of everything
//	disk_test.go       full disks, rotten replicas
//	mistakes_test.go   ports that are taken, settings that do not fit, paths that are not there: message and exit code
package robustness
