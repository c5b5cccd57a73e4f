// Package shell is the command lines of HDFS: `dfs` (the file system shell, in fsshell), and in admin `dfsadmin`, `fsck`,
// `haadmin`, `getconf`, `groups`, `snapshotDiff`, `lsSnapshottableDir`, `lsSnapshot`, `storagepolicies`, `debug` and `version`,
// with Hadoop's options, output and exit codes.
//
// Main runs one of them:
//
//	code := shell.Main(ctx, shell.Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Conf: c}, []string{"dfs", "-ls", "/"})
//
// Hadoop's generic options come first, in any of these: -D key=value, -conf file, -fs uri. Nothing is read or connected before
// a command needs it, so that a shell command takes milliseconds.
package shell
