package cluster

// Training is what a cluster on one machine starts with where the user says nothing else: Apache's keys with short times,
// so that a killed datanode is noticed while one watches and a restart does not wait half a minute for nothing.
func Training() map[string]string {
	return map[string]string{
		"lode.profile":                                    "training",
		"dfs.namenode.safemode.extension":                 "0",
		"dfs.heartbeat.interval":                          "1s",
		"dfs.namenode.heartbeat.recheck-interval":         "1000",
		"dfs.namenode.stale.datanode.interval":            "5000",
		"dfs.namenode.redundancy.interval.seconds":        "1s",
		"dfs.namenode.decommission.interval":              "1s",
		"dfs.namenode.reconstruction.pending.timeout-sec": "15",
		"fs.trash.interval":                               "0",
	}
}

// AnyPorts are settings under which every server takes a free port.
func AnyPorts() map[string]string {
	any := map[string]string{}
	for _, key := range addressKeys {
		any[key] = "127.0.0.1:0"
	}
	return any
}

var addressKeys = []string{
	"dfs.namenode.rpc-address", "dfs.namenode.http-address",
	"dfs.datanode.address", "dfs.datanode.http.address", "dfs.datanode.ipc.address",
	"lode.scheduler.address", "lode.scheduler.history-address", "lode.scheduler.submission-address",
	"lode.worker.shuffle-address",
	"lode.query.http-address", "lode.query.pg-address", "lode.query.flight-address", "lode.catalog.address",
}
