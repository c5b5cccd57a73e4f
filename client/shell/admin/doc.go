// Package admin is HDFS's administrative command lines: dfsadmin, fsck, haadmin, getconf, groups, storagepolicies,
// snapshotDiff, lsSnapshottableDir, lsSnapshot, debug and version, with Hadoop's options, output and exit codes.
//
// A tool has a table of commands with their usage; a command is a function that gets what was typed after its name. It talks to
// the active namenode through package client, to one namenode or datanode when its command names one, and to the namenode's
// web port for fsck.
//
// Sources: org.apache.hadoop.hdfs.tools.* and org.apache.hadoop.ha.HAAdmin of Apache Hadoop 3.4 (forms of output).
package admin
