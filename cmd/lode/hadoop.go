package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strings"

	"golang.org/x/term"

	"github.com/lodehq/lode/client/shell"
)

// shellCommands are the commands of `hdfs` that package shell answers; `lode dfs` is the same.
var shellCommands = map[string]bool{
	"dfs": true, "fs": true, "dfsadmin": true, "fsck": true, "haadmin": true, "getconf": true, "groups": true,
	"snapshotDiff": true, "lsSnapshottableDir": true, "lsSnapshot": true, "storagepolicies": true,
}

// shellMain runs a Hadoop-style command. Hadoop's generic options -conf and -D are its own to read; what is loaded here is
// what the environment says.
func shellMain(ctx context.Context, args []string) int {
	cfg, err := load("", nil, nil)
	if err != nil {
		return exitCode(err, os.Stderr)
	}
	if http := os.Getenv("LODE_HTTP"); http != "" && !cfg.Explicit("dfs.namenode.http-address") { // where fsck asks
		cfg = cfg.With("dfs.namenode.http-address", strings.TrimSuffix(strings.TrimPrefix(http, "http://"), "/"))
	}
	return shell.Main(ctx, shell.Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Conf: cfg,
		IsTerminal: term.IsTerminal(int(os.Stderr.Fd())), User: callerName(),
	}, args)
}

// callerName is who the caller is to HDFS: $HADOOP_USER_NAME, else the operating system's user.
func callerName() string {
	if u := os.Getenv("HADOOP_USER_NAME"); u != "" {
		return u
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return os.Getenv("USER")
}

// asHadoop acts as one of Hadoop's commands.
func asHadoop(ctx context.Context, name string, args []string) int {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, hadoopUsage[name])
		return exitFailed
	}
	switch args[0] {
	case "-h", "-help", "--help", "help":
		fmt.Print(hadoopUsage[name])
		return exitOK
	case "version", "-version", "--version":
		fmt.Printf("Hadoop 3.4.3 protocols, Lode %s\n", version)
		return exitOK
	}
	if args[0] == "--config" && len(args) > 2 { // as in Hadoop's scripts
		if err := os.Setenv("HADOOP_CONF_DIR", args[1]); err != nil {
			return exitCode(err, os.Stderr)
		}
		args = args[2:]
	}
	word := args[0]
	switch {
	case (name == "hdfs" || name == "hadoop") && shellCommands[word]:
		return shellMain(ctx, args)
	case name == "hdfs" && (word == "namenode" || word == "datanode"):
		return lode(ctx, args...)
	case name == "hadoop" && word == "jar", name == "yarn" && word == "jar":
		return jar(ctx, args[1:])
	case (name == "hadoop" || name == "mapred") && word == "distcp":
		return lode(ctx, append([]string{"job", "submit", "--wait", "distcp"}, args[1:]...)...)
	case name == "mapred" && word == "streaming":
		return lode(ctx, args...)
	case name == "mapred" && (word == "job" || word == "queue"):
		return mapredJob(ctx, args[1:])
	case name == "yarn" && (word == "application" || word == "app" || word == "node" || word == "logs"):
		return yarnApplication(ctx, word, args[1:])
	case name == "mapred" && word == "historyserver", name == "yarn" && (word == "resourcemanager" || word == "nodemanager"):
		fmt.Fprintf(os.Stderr, "%s %s: Lode has one scheduler and workers instead: lode scheduler, lode worker\n", name, word)
		return exitFailed
	}
	fmt.Fprintf(os.Stderr, "%s: no command %q here\n%s", name, word, hadoopUsage[name])
	return exitFailed
}

// lode runs one of our own commands.
func lode(ctx context.Context, args ...string) int {
	app := newApp()
	return exitCode(app.RunContext(ctx, flagsFirst(app, append([]string{"lode"}, args...))), os.Stderr)
}

// jar runs what people run as jars and Lode has itself: the streaming jar, and the examples by name.
func jar(ctx context.Context, args []string) int {
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: hadoop jar JAR PROGRAM ARGUMENTS; known are hadoop-streaming*.jar and hadoop-mapreduce-examples*.jar")
		return exitFailed
	}
	file := args[0][strings.LastIndexByte(args[0], '/')+1:]
	switch {
	case strings.HasPrefix(file, "hadoop-streaming"):
		return lode(ctx, append([]string{"streaming"}, args[1:]...)...)
	case strings.HasPrefix(file, "hadoop-mapreduce-examples") && len(args) > 1:
		return lode(ctx, append([]string{"job", "submit", "--wait"}, args[1:]...)...)
	case strings.HasPrefix(file, "hadoop-mapreduce-examples"):
		return lode(ctx, "job", "programs")
	}
	fmt.Fprintf(os.Stderr, "hadoop jar: %s is Java bytecode and Lode runs no JVM. Write the job in Go (docs/engineer.md), run it through streaming, "+
		"or keep it on Hadoop's own YARN with this cluster as its file system.\n", file)
	return exitFailed
}

// mapredJob is `mapred job -list|-status|-kill|-logs|-counter`.
func mapredJob(ctx context.Context, args []string) int {
	translate := map[string][]string{"-list": {"job", "list"}, "-status": {"job", "status"}, "-kill": {"job", "kill"}, "-logs": {"job", "logs"}, "-counter": {"job", "counters"}, "-history": {"job", "history"}}
	if len(args) > 0 {
		if to, ok := translate[args[0]]; ok {
			rest := args[1:]
			if args[0] == "-list" {
				rest = nil
			}
			return lode(ctx, append(to, rest...)...)
		}
	}
	fmt.Fprintln(os.Stderr, "usage: mapred job -list | -status ID | -kill ID | -logs ID [ATTEMPT] | -counter ID [GROUP NAME] | -history ID")
	return exitFailed
}

// yarnApplication is `yarn application -list|-status|-kill`, `yarn logs -applicationId ID`, `yarn node -list`.
func yarnApplication(ctx context.Context, word string, args []string) int {
	jobID := func(id string) string { return strings.Replace(id, "application_", "job_", 1) }
	for i, a := range args {
		last := ""
		if i+1 < len(args) {
			last = args[i+1]
		}
		switch {
		case word == "node" && a == "-list":
			return lode(ctx, "job", "workers")
		case a == "-list":
			return lode(ctx, "job", "list")
		case a == "-status" && last != "":
			return lode(ctx, "job", "status", jobID(last))
		case a == "-kill" && last != "":
			return lode(ctx, "job", "kill", jobID(last))
		case a == "-applicationId" && last != "":
			return lode(ctx, "job", "logs", jobID(last))
		}
	}
	fmt.Fprintln(os.Stderr, "usage: yarn application -list | -status ID | -kill ID; yarn logs -applicationId ID; yarn node -list")
	return exitFailed
}

var hadoopUsage = map[string]string{
	"hdfs": `Usage: hdfs [--config DIR] COMMAND [ARGUMENTS]
  dfs                  file system commands: hdfs dfs -help
  dfsadmin             the operator's commands: hdfs dfsadmin -help
  fsck                 check files and blocks
  haadmin              state of the namenodes
  getconf              configuration values
  groups               the groups of a user
  snapshotDiff, lsSnapshottableDir, lsSnapshot, storagepolicies
  namenode, datanode   run a role in the foreground
  version
`,
	"hadoop": `Usage: hadoop [--config DIR] COMMAND [ARGUMENTS]
  fs                   file system commands: hadoop fs -help
  jar                  hadoop-streaming*.jar and hadoop-mapreduce-examples*.jar, run by Lode
  distcp               copy between clusters
  version
`,
	"mapred": `Usage: mapred [--config DIR] COMMAND [ARGUMENTS]
  streaming            a job of executables: mapred streaming -help
  job                  -list, -status, -kill, -logs, -counter, -history
  distcp               copy between clusters
  version
`,
	"yarn": `Usage: yarn [--config DIR] COMMAND [ARGUMENTS]
  application          -list, -status ID, -kill ID
  logs                 -applicationId ID
  node                 -list
  jar                  as hadoop jar
  version
`,
}
