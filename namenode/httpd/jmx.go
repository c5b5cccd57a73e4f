package httpd

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/lodehq/lode/internal/reach"
	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/namenode/namespace"
)

// jmx serves Hadoop's beans as its JMXJsonServlet does: ?qry=PATTERN picks beans, ?get=BEAN::ATTRIBUTE one attribute.
type jmx struct {
	cfg  Config
	from netip.Addr // who asks: datanodes are given under addresses that the caller reaches
}

type bean = map[string]any

func (j jmx) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, j.from = callerOf(j.cfg, r)
	w.Header().Set("Content-Type", "application/json; charset=utf8")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Allow-Methods", "GET")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	pattern := r.URL.Query().Get("qry")
	attribute := ""
	if get := r.URL.Query().Get("get"); get != "" {
		var ok bool
		if pattern, attribute, ok = strings.Cut(get, "::"); !ok {
			enc.Encode(bean{"result": "ERROR", "message": "query format is not as expected."}) //nolint:errcheck // the caller has gone
			return
		}
	}
	beans := []bean{}
	for _, b := range j.beans() {
		if !matches(pattern, b["name"].(string)) {
			continue
		}
		if attribute != "" {
			v, ok := b[attribute]
			if !ok {
				continue
			}
			b = bean{"name": b["name"], "modelerType": b["modelerType"], attribute: v}
		}
		beans = append(beans, b)
	}
	enc.Encode(bean{"beans": beans}) //nolint:errcheck // the caller has gone
}

// matches compares a bean's name with a JMX pattern: domain and values may have wildcards, and ",*" at the end allows more keys.
func matches(pattern, name string) bool {
	if pattern == "" || pattern == "*:*" {
		return true
	}
	domain, keys, _ := strings.Cut(name, ":")
	wantDomain, wantKeys, _ := strings.Cut(pattern, ":")
	if ok, err := path.Match(wantDomain, domain); err != nil || !ok {
		return false
	}
	have := map[string]string{}
	for _, kv := range strings.Split(keys, ",") {
		k, v, _ := strings.Cut(kv, "=")
		have[k] = v
	}
	more, n := false, 0
	for _, kv := range strings.Split(wantKeys, ",") {
		if kv == "*" {
			more = true
			continue
		}
		k, v, _ := strings.Cut(kv, "=")
		if ok, err := path.Match(v, have[k]); err != nil || !ok {
			return false
		}
		n++
	}
	return more || n == len(have)
}

func (j jmx) beans() []bean {
	var (
		ns        namespace.Stats
		st        blockmap.Stats
		safe      blockmap.SafeModeStatus
		nodes     []*blockmap.DatanodeInfo
		clusterID string
		reason    string
		poolID    string
		racks     int
	)
	j.cfg.View(func(n *namespace.Namespace, m *blockmap.Map) {
		ns, st, safe, nodes, racks = n.Stats(), m.Stats(), m.SafeMode(), m.Datanodes(blockmap.NodesAll), m.Racks()
		if safe.On {
			reason = m.SafeModeReason()
		}
		c := n.Cluster()
		clusterID, poolID = c.GetClusterId(), c.GetBlockPoolId()
	})
	return []bean{
		j.nameNodeInfo(ns, st, reason, nodes, clusterID, poolID),
		j.fsNamesystem(ns, st),
		j.fsNamesystemState(ns, st, safe, racks),
		j.nameNodeStatus(st),
		j.rpcActivity(), j.rpcDetailed(),
		j.startup(safe), runtimeBean(j.cfg.Started), memoryBean(), osBean(),
	}
}

func header(name, class string) bean { return bean{"name": name, "modelerType": class} }

func percent(part, whole int64) float64 {
	if whole <= 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

// at gives where the caller reaches a datanode's data and web ports.
func (j jmx) at(d *blockmap.DatanodeInfo) (xfer, page string) {
	host, data, web := d.IP, d.XferPort, d.InfoPort
	if a, ok := j.cfg.Reach.For(j.from, reach.Datanode{UUID: d.UUID, IP: d.IP, Hostname: d.Hostname, Xfer: d.XferPort, Info: d.InfoPort, IPC: d.IPCPort}); ok {
		host, data, web = a.Host, a.Xfer, a.Info
	}
	return net.JoinHostPort(host, strconv.Itoa(int(data))), net.JoinHostPort(host, strconv.Itoa(int(web)))
}

// nameNodeInfo is NameNodeMXBean.
func (j jmx) nameNodeInfo(ns namespace.Stats, st blockmap.Stats, safeText string, nodes []*blockmap.DatanodeInfo, clusterID, poolID string) bean {
	b := header("Hadoop:service=NameNode,name=NameNodeInfo", "org.apache.hadoop.hdfs.server.namenode.FSNamesystem")
	live, dead, decom, maintenance, versions := bean{}, bean{}, bean{}, bean{}, map[string]int{}
	now := j.cfg.Now()
	for _, d := range nodes {
		name := d.Hostname + ":" + strconv.Itoa(int(d.XferPort))
		contact := max(0, (now-d.LastUpdate)/1000)
		address, page := j.at(d)
		if !d.Alive {
			dead[name] = bean{"lastContact": contact, "decommissioned": d.Admin == blockmap.AdminDecommissioned, "adminState": d.Admin.String(), "xferaddr": address, "location": d.Location, "uuid": d.UUID}
			continue
		}
		versions[d.SoftwareVersion]++
		live[name] = bean{
			"infoAddr": page, "infoSecureAddr": d.IP + ":0", "xferaddr": address, "location": d.Location, "uuid": d.UUID,
			"lastContact": contact, "usedSpace": d.DFSUsed, "adminState": d.Admin.String(), "nonDfsUsedSpace": d.NonDFSUsed, "capacity": d.Capacity,
			"numBlocks": d.NumBlocks, "version": d.SoftwareVersion, "used": d.DFSUsed, "remaining": d.Remaining, "blockScheduled": d.Xmits,
			"blockPoolUsed": d.BlockPoolUsed, "blockPoolUsedPercent": percent(d.BlockPoolUsed, d.Capacity), "volfails": d.FailedVolumes,
			"lastBlockReport": max(0, (now-d.LastBlockReport)/60000),
		}
		switch d.Admin {
		case blockmap.AdminDecommissioning:
			decom[name] = bean{"xferaddr": address, "location": d.Location, "uuid": d.UUID, "underReplicatedBlocks": d.LowBlocks, "decommissionOnlyReplicas": d.OnlyHereBlocks, "underReplicateInOpenFiles": d.LowOpenBlocks}
		case blockmap.AdminEnteringMaintenance:
			maintenance[name] = bean{"xferaddr": address, "location": d.Location, "uuid": d.UUID, "underReplicatedBlocks": d.LowBlocks, "maintenanceOnlyReplicas": d.OnlyHereBlocks, "underReplicateInOpenFiles": d.LowOpenBlocks}
		}
	}
	distinct := []bean{}
	for v, n := range versions {
		distinct = append(distinct, bean{"key": v, "value": n})
	}
	dirs := bean{}
	for _, d := range j.cfg.NameDirs {
		dirs[d] = "IMAGE_AND_EDITS"
	}
	maps.Copy(b, bean{
		"Version": j.cfg.Version + ", Lode " + j.cfg.Build, "SoftwareVersion": j.cfg.Version, "CompileInfo": "Lode " + j.cfg.Build + ", " + runtime.Version(),
		"Total": st.Capacity, "Used": st.Used, "Free": st.Remaining, "NonDfsUsedSpace": st.NonDFSUsed, "ProvidedCapacity": 0,
		"PercentUsed": percent(st.Used, st.Capacity), "PercentRemaining": percent(st.Remaining, st.Capacity),
		"BlockPoolUsedSpace": st.BlockPoolUsed, "PercentBlockPoolUsed": percent(st.BlockPoolUsed, st.Capacity), "CacheCapacity": st.CacheCapacity, "CacheUsed": st.CacheUsed,
		"Safemode": safeText, "UpgradeFinalized": true, "RollingUpgradeStatus": nil,
		"TotalBlocks": st.Blocks, "TotalFiles": ns.Files + ns.Directories, "NumberOfMissingBlocks": st.Missing, "NumberOfMissingBlocksWithReplicationFactorOne": st.MissingOne,
		"LiveNodes": text(live), "DeadNodes": text(dead), "DecomNodes": text(decom), "EnteringMaintenanceNodes": text(maintenance),
		"BlockPoolId": poolID, "ClusterId": clusterID, "NameDirStatuses": text(bean{"active": dirs, "failed": bean{}}), "NodeUsage": text(nodeUsage(nodes)),
		"NameJournalStatus":      text([]bean{{"manager": "Raft log", "stream": "journal", "disabled": "false", "required": "true"}}),
		"JournalTransactionInfo": text(bean{"LastAppliedOrWrittenTxId": strconv.FormatInt(j.cfg.TxID(), 10), "MostRecentCheckpointTxId": "0"}),
		"NNStartedTimeInMillis":  j.cfg.Started, "NNStarted": time.UnixMilli(j.cfg.Started).UTC().Format("Mon Jan 02 15:04:05 UTC 2006"),
		"CorruptFiles": "[]", "NumberOfSnapshottableDirs": ns.SnapshottableDirs, "DistinctVersionCount": len(versions), "DistinctVersions": distinct,
		"Threads": runtime.NumGoroutine(), "SlowPeersReport": "[]", "SlowDisksReport": nil, "VerifyECWithTopologyResult": text(bean{"isSupported": true, "resultMessage": "No erasure coding policy is enabled."}),
	})
	return b
}

// text is a value as JSON inside a string: the form in which Hadoop's beans carry maps.
func text(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func nodeUsage(nodes []*blockmap.DatanodeInfo) bean {
	low, high, sum, n := 0.0, 0.0, 0.0, 0
	for _, d := range nodes {
		if !d.Alive || d.Capacity == 0 {
			continue
		}
		u := percent(d.DFSUsed, d.Capacity)
		if n == 0 || u < low {
			low = u
		}
		high, sum, n = max(high, u), sum+u, n+1
	}
	p := func(f float64) string { return fmt.Sprintf("%.2f%%", f) }
	return bean{"nodeUsage": bean{"min": p(low), "median": p(sum / float64(max(n, 1))), "max": p(high), "stdDev": p(0)}}
}

// fsNamesystem is the metrics source FSNamesystem.
func (j jmx) fsNamesystem(ns namespace.Stats, st blockmap.Stats) bean {
	b := header("Hadoop:service=NameNode,name=FSNamesystem", "FSNamesystem")
	state := "standby"
	if j.cfg.Active() {
		state = "active"
	}
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	maps.Copy(b, bean{
		"tag.Context": "dfs", "tag.HAState": state, "tag.TotalSyncTimes": "", "tag.Hostname": host,
		"MissingBlocks": st.Missing, "MissingReplOneBlocks": st.MissingOne, "CorruptBlocks": st.Corrupt, "UnderReplicatedBlocks": st.LowRedundancy, "LowRedundancyBlocks": st.LowRedundancy,
		"PendingReplicationBlocks": st.PendingReconstruction, "PendingReconstructionBlocks": st.PendingReconstruction, "ScheduledReplicationBlocks": st.Scheduled,
		"PendingDeletionBlocks": st.PendingDeletion, "ExcessBlocks": st.Excess, "PostponedMisreplicatedBlocks": st.Postponed, "PendingDataNodeMessageCount": 0,
		"BlocksTotal": st.Blocks, "FilesTotal": ns.Files + ns.Directories, "BlockCapacity": st.Blocks, "TotalFiles": ns.Files + ns.Directories,
		"CapacityTotal": st.Capacity, "CapacityUsed": st.Used, "CapacityRemaining": st.Remaining, "CapacityUsedNonDFS": st.NonDFSUsed,
		"CapacityTotalGB": float64(st.Capacity) / (1 << 30), "CapacityUsedGB": float64(st.Used) / (1 << 30), "CapacityRemainingGB": float64(st.Remaining) / (1 << 30),
		"TotalLoad": st.TotalXceivers, "SnapshottableDirectories": ns.SnapshottableDirs, "Snapshots": ns.Snapshots,
		"LastCheckpointTime": j.cfg.Started, "TransactionsSinceLastCheckpoint": 0, "TransactionsSinceLastLogRoll": 0, "LastWrittenTransactionId": j.cfg.TxID(),
		"ExpiredHeartbeats": 0, "StaleDataNodes": st.Stale, "NumLiveDataNodes": st.Live, "NumDeadDataNodes": st.Dead, "NumDecomLiveDataNodes": st.DecommissionedLive,
		"NumDecomDeadDataNodes": st.DecommissionedDead, "NumDecommissioningDataNodes": st.Decommissioning, "NumEnteringMaintenanceDataNodes": st.EnteringMaintenance,
		"NumInMaintenanceLiveDataNodes": st.InMaintenanceLive, "NumInMaintenanceDeadDataNodes": st.InMaintenanceDead, "VolumeFailuresTotal": st.FailedVolumes,
		"EstimatedCapacityLostTotal": st.CapacityLost, "NumActiveClients": ns.Leases, "NumFilesUnderConstruction": ns.OpenFiles, "FullQueueCount": 0,
		"TotalReplicatedBlocks": st.Blocks, "LowRedundancyReplicatedBlocks": st.LowRedundancy, "CorruptReplicatedBlocks": st.Corrupt, "MissingReplicatedBlocks": st.Missing,
		"MissingReplicationOneBlocks": st.MissingOne, "BytesInFutureReplicatedBlocks": st.BytesInFuture, "PendingDeletionReplicatedBlocks": st.PendingDeletion,
		"TotalECBlockGroups": 0, "LowRedundancyECBlockGroups": 0, "CorruptECBlockGroups": 0, "MissingECBlockGroups": 0, "PendingDeletionECBlocks": 0, "BytesInFutureECBlockGroups": 0,
		"HighestPriorityLowRedundancyReplicatedBlocks": st.HighestPriority, "HighestPriorityLowRedundancyECBlocks": 0,
		"NumInServiceLiveDataNodes": st.Live - st.DecommissionedLive - st.Decommissioning - st.EnteringMaintenance - st.InMaintenanceLive,
	})
	return b
}

// fsNamesystemState is FSNamesystemMBean.
func (j jmx) fsNamesystemState(ns namespace.Stats, st blockmap.Stats, safe blockmap.SafeModeStatus, racks int) bean {
	b := header("Hadoop:service=NameNode,name=FSNamesystemState", "org.apache.hadoop.hdfs.server.namenode.FSNamesystem")
	state := "Operational"
	if safe.On {
		state = "safeMode"
	}
	maps.Copy(b, bean{
		"FSState": state, "CapacityTotal": st.Capacity, "CapacityUsed": st.Used, "CapacityRemaining": st.Remaining, "BlocksTotal": st.Blocks,
		"FilesTotal": ns.Files + ns.Directories, "TotalLoad": st.TotalXceivers, "NumLiveDataNodes": st.Live, "NumDeadDataNodes": st.Dead, "NumStaleDataNodes": st.Stale,
		"NumDecomLiveDataNodes": st.DecommissionedLive, "NumDecomDeadDataNodes": st.DecommissionedDead, "NumDecommissioningDataNodes": st.Decommissioning,
		"VolumeFailuresTotal": st.FailedVolumes, "EstimatedCapacityLostTotal": st.CapacityLost, "UnderReplicatedBlocks": st.LowRedundancy,
		"PendingReplicationBlocks": st.PendingReconstruction, "ScheduledReplicationBlocks": st.Scheduled, "PendingReconstructionBlocks": st.PendingReconstruction,
		"PendingDeletionBlocks": st.PendingDeletion, "BlockDeletionStartTime": j.cfg.Started, "NumStaleStorages": 0, "TopUserOpCounts": text(bean{"windows": []any{}}),
		"TotalSyncCount": 0, "TotalSyncTimes": "", "SnapshotStats": text(bean{"SnapshottableDirectories": ns.SnapshottableDirs, "Snapshots": ns.Snapshots}),
		"NumEnteringMaintenanceDataNodes": st.EnteringMaintenance, "NumInMaintenanceLiveDataNodes": st.InMaintenanceLive, "NumInMaintenanceDeadDataNodes": st.InMaintenanceDead,
		"ProvidedCapacityTotal": 0, "MaxObjects": 0, "NumRacks": racks,
	})
	return b
}

func (j jmx) nameNodeStatus(st blockmap.Stats) bean {
	b := header("Hadoop:service=NameNode,name=NameNodeStatus", "org.apache.hadoop.hdfs.server.namenode.NameNode")
	b["NNRole"], b["State"], b["HostAndPort"], b["SecurityEnabled"] = "NameNode", "standby", j.cfg.Address, false
	if j.cfg.Active() {
		b["State"] = "active"
	}
	b["LastHATransitionTime"], b["BytesWithFutureGenerationStamps"], b["SlowPeersReport"], b["SlowDisksReport"] = j.cfg.Started, st.BytesInFuture, "[]", nil
	return b
}

func (j jmx) port() string {
	_, port, err := net.SplitHostPort(j.cfg.Address)
	if err != nil {
		return "0"
	}
	return port
}

func (j jmx) rpcActivity() bean {
	b, s := header("Hadoop:service=NameNode,name=RpcActivityForPort"+j.port(), "RpcActivityForPort"+j.port()), j.cfg.RPC()
	var nanos, calls int64
	for _, m := range s.Methods {
		nanos, calls = nanos+m.Nanos, calls+m.Calls
	}
	b["tag.port"], b["tag.Context"] = j.port(), "rpc"
	b["ReceivedBytes"], b["SentBytes"], b["NumOpenConnections"] = s.ReceivedBytes, s.SentBytes, s.OpenConnections
	b["RpcProcessingTimeNumOps"], b["RpcProcessingTimeAvgTime"] = calls, average(nanos, calls)
	b["RpcQueueTimeNumOps"], b["RpcQueueTimeAvgTime"], b["CallQueueLength"] = calls, 0.0, 0
	b["RpcAuthenticationFailures"], b["RpcAuthenticationSuccesses"], b["RpcAuthorizationFailures"], b["RpcAuthorizationSuccesses"] = 0, 0, 0, calls
	return b
}

func (j jmx) rpcDetailed() bean {
	name := "RpcDetailedActivityForPort" + j.port()
	b := header("Hadoop:service=NameNode,name="+name, name)
	b["tag.port"], b["tag.Context"] = j.port(), "rpcdetailed"
	for _, m := range j.cfg.RPC().Methods {
		k := strings.ToUpper(m.Method[:1]) + m.Method[1:]
		b[k+"NumOps"], b[k+"AvgTime"] = m.Calls, average(m.Nanos, m.Calls)
	}
	return b
}

// average is milliseconds a call.
func average(nanos, calls int64) float64 {
	if calls == 0 {
		return 0
	}
	return float64(nanos) / float64(calls) / 1e6
}

func (j jmx) startup(safe blockmap.SafeModeStatus) bean {
	b := header("Hadoop:service=NameNode,name=StartupProgress", "StartupProgress")
	done := 1.0
	if safe.On && safe.BlocksNeeded > 0 {
		done = min(1, float64(safe.BlocksSafe)/float64(safe.BlocksNeeded))
	}
	b["PercentComplete"], b["SafeModeCount"], b["SafeModeTotal"], b["SafeModePercentComplete"] = done, safe.BlocksSafe, safe.BlocksTotal, done
	return b
}

func runtimeBean(started int64) bean {
	b := header("java.lang:type=Runtime", "sun.management.RuntimeImpl")
	b["StartTime"], b["Uptime"], b["VmName"], b["VmVersion"] = started, time.Now().UnixMilli()-started, "Go", runtime.Version()
	return b
}

func memoryBean() bean {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b := header("java.lang:type=Memory", "sun.management.MemoryImpl")
	b["HeapMemoryUsage"] = bean{"committed": m.HeapSys, "init": 0, "max": -1, "used": m.HeapAlloc}
	b["NonHeapMemoryUsage"] = bean{"committed": m.Sys - m.HeapSys, "init": 0, "max": -1, "used": m.StackInuse}
	return b
}

func osBean() bean {
	b := header("java.lang:type=OperatingSystem", "sun.management.OperatingSystemImpl")
	b["Name"], b["Arch"], b["AvailableProcessors"] = runtime.GOOS, runtime.GOARCH, runtime.NumCPU()
	return b
}
