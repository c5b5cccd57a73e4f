package conf

import (
	"strings"
	"time"
)

type kind uint8

const (
	kindString kind = iota
	kindInt
	kindBytes
	kindDuration
	kindFloat
	kindBool
	kindEnum
)

type key struct {
	def  string
	kind kind
	unit time.Duration
	min  *int64
	enum string
}

func str(def string) key   { return key{def: def} }
func num(def string) key   { return key{def: def, kind: kindInt} }
func size(def string) key  { return key{def: def, kind: kindBytes} }
func float(def string) key { return key{def: def, kind: kindFloat} }
func boolean(def string) key {
	return key{def: def, kind: kindBool}
}
func dur(def string, unit time.Duration) key { return key{def: def, kind: kindDuration, unit: unit} }
func enum(def, all string) key               { return key{def: def, kind: kindEnum, enum: all} }
func (k key) atLeast(n int64) key            { k.min = &n; return k }

func unitName(u time.Duration) string {
	switch u {
	case time.Millisecond:
		return "milliseconds"
	case time.Minute:
		return "minutes"
	case time.Hour:
		return "hours"
	}
	return "seconds"
}

const (
	ms   = time.Millisecond
	sec  = time.Second
	mins = time.Minute
)

// table has every key that Lode reads, with Apache's defaults (core-default.xml, hdfs-default.xml of 3.4) and ours.
var table = map[string]key{
	// core
	"fs.defaultFS":                               str("hdfs://127.0.0.1:8020"),
	"fs.trash.interval":                          dur("0", mins),
	"fs.trash.checkpoint.interval":               dur("0", mins),
	"fs.permissions.umask-mode":                  str("022"),
	"io.file.buffer.size":                        size("4096").atLeast(512),
	"hadoop.security.authentication":             enum("simple", "simple|kerberos"),
	"hadoop.security.authorization":              boolean("false"),
	"hadoop.user.group.static.mapping.overrides": str("dr.who=;"),
	"hadoop.security.groups.cache.secs":          dur("300", sec),
	"hadoop.http.staticuser.user":                str("dr.who"),
	"ipc.maximum.data.length":                    size("134217728").atLeast(1 << 10),
	"ipc.client.connect.timeout":                 dur("20000", ms),
	"ipc.client.connect.max.retries":             num("10").atLeast(0),
	"ipc.client.rpc-timeout.ms":                  dur("120000", ms),
	"ipc.client.connection.maxidletime":          dur("10000", ms),
	"net.topology.script.file.name":              str(""),
	"net.topology.table.file.name":               str(""),
	"hadoop.proxyuser.*.hosts":                   str(""),
	"hadoop.proxyuser.*.groups":                  str(""),
	// client
	"dfs.nameservices":                                               str(""),
	"dfs.replication":                                                num("3").atLeast(1),
	"dfs.replication.max":                                            num("512").atLeast(1),
	"dfs.namenode.replication.min":                                   num("1").atLeast(1),
	"dfs.blocksize":                                                  size("134217728").atLeast(1),
	"dfs.bytes-per-checksum":                                         size("512").atLeast(1),
	"dfs.checksum.type":                                              enum("CRC32C", "CRC32C|CRC32|NULL"),
	"dfs.client-write-packet-size":                                   size("65536").atLeast(512),
	"dfs.client.read.shortcircuit":                                   boolean("false"),
	"dfs.domain.socket.path":                                         str(""),
	"dfs.client.hedged.read.threadpool.size":                         num("0").atLeast(0),
	"dfs.client.hedged.read.threshold.millis":                        dur("500", ms),
	"dfs.client.socket-timeout":                                      dur("60000", ms),
	"dfs.client.use.datanode.hostname":                               boolean("false"),
	"dfs.client.block.write.replace-datanode-on-failure.enable":      boolean("true"),
	"dfs.client.block.write.replace-datanode-on-failure.policy":      enum("DEFAULT", "DEFAULT|ALWAYS|NEVER"),
	"dfs.client.block.write.replace-datanode-on-failure.best-effort": boolean("false"),
	"dfs.client.block.write.retries":                                 num("3").atLeast(0),
	// namenode
	"dfs.namenode.name.dir":                                  str("data/namenode"),
	"dfs.namenode.rpc-address":                               str("127.0.0.1:8020"),
	"dfs.namenode.rpc-bind-host":                             str(""),
	"dfs.namenode.http-address":                              str("127.0.0.1:9870"),
	"dfs.namenode.http-bind-host":                            str(""),
	"dfs.namenode.handler.count":                             num("10").atLeast(1),
	"dfs.permissions.enabled":                                boolean("true"),
	"dfs.permissions.superusergroup":                         str("supergroup"),
	"dfs.namenode.acls.enabled":                              boolean("true"),
	"dfs.namenode.posix.acl.inheritance.enabled":             boolean("true"),
	"dfs.namenode.xattrs.enabled":                            boolean("true"),
	"dfs.namenode.fs-limits.max-component-length":            num("255").atLeast(0),
	"dfs.namenode.fs-limits.max-directory-items":             num("1048576").atLeast(1),
	"dfs.namenode.fs-limits.min-block-size":                  size("1048576").atLeast(0),
	"dfs.namenode.fs-limits.max-blocks-per-file":             num("10000").atLeast(1),
	"dfs.namenode.fs-limits.max-xattrs-per-inode":            num("32").atLeast(0),
	"dfs.namenode.fs-limits.max-xattr-size":                  size("16384").atLeast(0),
	"dfs.ls.limit":                                           num("1000").atLeast(1),
	"dfs.content-summary.limit":                              num("5000").atLeast(0),
	"dfs.namenode.accesstime.precision":                      dur("3600000", ms),
	"dfs.namenode.snapshot.max.limit":                        num("65536").atLeast(1),
	"dfs.namenode.snapshot.filesystem.limit":                 num("65536").atLeast(1),
	"dfs.namenode.retrycache.expirytime.millis":              dur("600000", ms),
	"dfs.namenode.retrycache.heap.percent":                   float("0.03"),
	"dfs.namenode.enable.retrycache":                         boolean("true"),
	"dfs.namenode.lease-hard-limit-sec":                      dur("1200", sec),
	"dfs.namenode.lease-recheck-interval-ms":                 dur("2000", ms),
	"dfs.namenode.safemode.threshold-pct":                    float("0.999f"),
	"dfs.namenode.safemode.min.datanodes":                    num("0").atLeast(0),
	"dfs.namenode.safemode.extension":                        dur("30000", ms),
	"dfs.namenode.safemode.replication.min":                  num("1").atLeast(1),
	"dfs.namenode.heartbeat.recheck-interval":                dur("300000", ms),
	"dfs.namenode.stale.datanode.interval":                   dur("30000", ms),
	"dfs.namenode.avoid.read.stale.datanode":                 boolean("false"),
	"dfs.namenode.avoid.write.stale.datanode":                boolean("false"),
	"dfs.namenode.write.stale.datanode.ratio":                float("0.5f"),
	"dfs.namenode.redundancy.interval.seconds":               dur("3", sec),
	"dfs.namenode.replication.interval":                      dur("3", sec),
	"dfs.namenode.replication.work.multiplier.per.iteration": num("2").atLeast(1),
	"dfs.namenode.replication.max-streams":                   num("2").atLeast(1),
	"dfs.namenode.replication.max-streams-hard-limit":        num("4").atLeast(1),
	"dfs.namenode.reconstruction.pending.timeout-sec":        dur("300", sec),
	"dfs.namenode.redundancy.considerLoad":                   boolean("true"),
	"dfs.namenode.redundancy.considerLoad.factor":            float("2.0"),
	"dfs.namenode.decommission.interval":                     dur("30", sec),
	"dfs.namenode.decommission.blocks.per.interval":          num("500000").atLeast(1),
	"dfs.namenode.decommission.max.concurrent.tracked.nodes": num("100").atLeast(0),
	"dfs.namenode.maintenance.replication.min":               num("1").atLeast(0),
	"dfs.namenode.max.full.block.report.leases":              num("6").atLeast(1),
	"dfs.namenode.full.block.report.lease.length.ms":         dur("300000", ms),
	"dfs.namenode.startup.delay.block.deletion.sec":          dur("0", sec),
	"dfs.namenode.corrupt.block.delete.immediately.enabled":  boolean("true"),
	"dfs.namenode.datanode.registration.ip-hostname-check":   boolean("true"),
	"dfs.namenode.checkpoint.period":                         dur("3600", sec),
	"dfs.namenode.checkpoint.txns":                           num("1000000").atLeast(1),
	"dfs.namenode.delegation.token.max-lifetime":             dur("604800000", ms),
	"dfs.namenode.delegation.token.renew-interval":           dur("86400000", ms),
	"dfs.namenode.file.close.num-committed-allowed":          num("0").atLeast(0),
	"dfs.block.invalidate.limit":                             num("1000").atLeast(1),
	"dfs.namenode.invalidate.work.pct.per.iteration":         float("0.32f"),
	"dfs.block.replicator.classname":                         str(""),
	"dfs.block.access.token.enable":                          boolean("false"),
	"dfs.hosts":                                              str(""),
	"dfs.hosts.exclude":                                      str(""),
	"dfs.webhdfs.enabled":                                    boolean("true"),
	"dfs.namenode.inotify.max.events.per.rpc":                num("1000").atLeast(1),
	"dfs.storage.policy.enabled":                             boolean("true"),
	"dfs.quota.by.storage.type.enabled":                      boolean("true"),
	"dfs.namenode.list.openfiles.num.responses":              num("1000").atLeast(1),
	"dfs.cluster.administrators":                             str(""),
	"dfs.encrypt.data.transfer":                              boolean("false"),
	"dfs.data.transfer.protection":                           str(""),
	// datanode
	"dfs.datanode.data.dir":                         str("data/datanode"),
	"dfs.datanode.address":                          str("127.0.0.1:9866"),
	"dfs.datanode.http.address":                     str("127.0.0.1:9864"),
	"dfs.datanode.ipc.address":                      str("127.0.0.1:9867"),
	"dfs.datanode.hostname":                         str(""),
	"dfs.heartbeat.interval":                        dur("3", sec),
	"dfs.datanode.lifeline.interval.seconds":        dur("9", sec),
	"dfs.blockreport.intervalMsec":                  dur("21600000", ms),
	"dfs.blockreport.initialDelay":                  dur("0", sec),
	"dfs.blockreport.split.threshold":               num("1000000").atLeast(0),
	"dfs.blockreport.incremental.intervalMsec":      dur("0", ms),
	"dfs.datanode.du.reserved":                      size("0").atLeast(0),
	"dfs.datanode.failed.volumes.tolerated":         num("0").atLeast(-1),
	"dfs.datanode.max.transfer.threads":             num("4096").atLeast(1),
	"dfs.datanode.socket.reuse.keepalive":           dur("4000", ms),
	"dfs.datanode.socket.write.timeout":             dur("480000", ms),
	"dfs.datanode.balance.bandwidthPerSec":          size("100m").atLeast(1),
	"dfs.datanode.balance.max.concurrent.moves":     num("100").atLeast(1),
	"dfs.datanode.data.transfer.bandwidthPerSec":    size("0").atLeast(0),
	"dfs.datanode.scan.period.hours":                num("504"),
	"dfs.block.scanner.volume.bytes.per.second":     size("1048576").atLeast(0),
	"dfs.datanode.directoryscan.interval":           dur("21600", sec),
	"dfs.datanode.sync.behind.writes":               boolean("false"),
	"dfs.datanode.synconclose":                      boolean("false"),
	"dfs.datanode.fsdataset.volume.choosing.policy": str(""),
	// ours
	"lode.log.level":   enum("info", "debug|info|warn|error"),
	"lode.worker.host": str(""),
	"lode.profile":     enum("default", "default|training"),
	"lode.cluster.dir": str(""), // where lode cluster keeps its roles: the gateway finds their ports there
	// Where clients of other networks reach datanodes: NETWORK DATANODE=HOST:DATA:WEB:IPC …; … (package internal/reach has the form).
	"lode.namenode.client-addresses":    str(""),
	"lode.namenode.raft-address":        str(""),
	"lode.namenode.peers":               str(""),
	"lode.namenode.webhdfs.proxy":       boolean("false"),
	"lode.warehouse.dir":                str("/lode/warehouse"),
	"lode.staging.dir":                  str("/lode/staging"),
	"lode.history.dir":                  str("/lode/history"),
	"lode.scheduler.dir":                str("/lode/scheduler"),
	"lode.scheduler.address":            str("127.0.0.1:8088"),
	"lode.scheduler.history-address":    str("127.0.0.1:19888"),
	"lode.scheduler.submission-address": str("127.0.0.1:6066"),
	"lode.worker.dir":                   str("data/worker"),
	"lode.worker.shuffle-address":       str("127.0.0.1:0"),
	"lode.worker.slots":                 num("0").atLeast(0),
	"lode.worker.memory":                size("0").atLeast(0),
	"lode.query.http-address":           str("127.0.0.1:8765"),
	"lode.query.pg-address":             str("127.0.0.1:5433"),
	"lode.query.flight-address":         str("127.0.0.1:32010"),
	"lode.query.memory-limit":           size("2g").atLeast(64 << 20),
	"lode.catalog.address":              str("127.0.0.1:8181"),
	"lode.token":                        str(""),
	"lode.trusted.networks":             str(""),
	"lode.query.dir":                    str("data/query"),
}

// deprecated maps Hadoop's older names to the present ones (DeprecatedKeys).
var deprecated = map[string]string{
	"fs.default.name":                     "fs.defaultFS",
	"dfs.block.size":                      "dfs.blocksize",
	"dfs.name.dir":                        "dfs.namenode.name.dir",
	"dfs.data.dir":                        "dfs.datanode.data.dir",
	"dfs.http.address":                    "dfs.namenode.http-address",
	"dfs.permissions":                     "dfs.permissions.enabled",
	"dfs.permissions.supergroup":          "dfs.permissions.superusergroup",
	"dfs.replication.min":                 "dfs.namenode.replication.min",
	"dfs.socket.timeout":                  "dfs.client.socket-timeout",
	"heartbeat.recheck.interval":          "dfs.namenode.heartbeat.recheck-interval",
	"dfs.safemode.threshold.pct":          "dfs.namenode.safemode.threshold-pct",
	"dfs.safemode.extension":              "dfs.namenode.safemode.extension",
	"dfs.datanode.max.xcievers":           "dfs.datanode.max.transfer.threads",
	"dfs.umaskmode":                       "fs.permissions.umask-mode",
	"io.bytes.per.checksum":               "dfs.bytes-per-checksum",
	"topology.script.file.name":           "net.topology.script.file.name",
	"dfs.access.time.precision":           "dfs.namenode.accesstime.precision",
	"dfs.max.objects":                     "dfs.namenode.max.objects",
	"dfs.balance.bandwidthPerSec":         "dfs.datanode.balance.bandwidthPerSec",
	"dfs.write.packet.size":               "dfs.client-write-packet-size",
	"dfs.replication.considerLoad":        "dfs.namenode.redundancy.considerLoad",
	"dfs.replication.interval":            "dfs.namenode.redundancy.interval.seconds",
	"dfs.replication.pending.timeout.sec": "dfs.namenode.reconstruction.pending.timeout-sec",
}

func canonical(name string) string {
	if now, ok := deprecated[name]; ok {
		return now
	}
	return name
}

// families are keys with a name inside, which the table cannot list.
var families = []string{"dfs.ha.", "dfs.namenode.rpc-address.", "dfs.namenode.http-address.", "hadoop.proxyuser.", "dfs.client.", "dfs.storage.", "lode.queue.", "dfs.namenode.", "dfs.datanode.", "dfs.image.", "dfs.block.", "dfs.domain."}

func lookup(name string) (key, bool) {
	if k, ok := table[name]; ok {
		return k, true
	}
	for _, f := range families {
		if strings.HasPrefix(name, f) && f != "dfs.namenode." && f != "dfs.datanode." {
			return key{}, true
		}
	}
	return key{}, false
}
