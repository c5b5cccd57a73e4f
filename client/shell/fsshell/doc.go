// Package fsshell is Hadoop's file system shell, `hdfs dfs` and `hadoop fs`: its commands with their options, what they print
// and their exit codes, on HDFS and on the local disk.
//
// A command is a value (command) with its usage, its options and a function that sets up a run: which hooks to call for the
// paths of the command line and for those below them. run does what all commands share: it expands patterns, calls the hooks,
// prints a complaint for each path that fails and goes on with the next. Exit codes: 0 all well, 1 something failed, 255 the
// command line is wrong.
//
// Sources: org.apache.hadoop.fs.FsShell and org.apache.hadoop.fs.shell.* of Apache Hadoop 3.4 (messages and forms of output).
package fsshell
