package blockmap

import "math"

// Config holds the block manager's settings. Times are milliseconds. The comment names Apache's key; DefaultConfig has Apache's defaults.
type Config struct {
	Replication    int // dfs.replication
	MinReplication int // dfs.namenode.replication.min
	MaxReplication int // dfs.replication.max

	HeartbeatInterval  int64   // dfs.heartbeat.interval
	RecheckInterval    int64   // dfs.namenode.heartbeat.recheck-interval
	StaleInterval      int64   // dfs.namenode.stale.datanode.interval; at least MinStaleHeartbeats heartbeats
	MinStaleHeartbeats int64   // dfs.namenode.stale.datanode.minimum.interval
	AvoidStaleRead     bool    // dfs.namenode.avoid.read.stale.datanode
	AvoidStaleWrite    bool    // dfs.namenode.avoid.write.stale.datanode
	StaleWriteRatio    float64 // dfs.namenode.write.stale.datanode.ratio

	MaxReportLeases   int   // dfs.namenode.max.full.block.report.leases
	ReportLeaseLength int64 // dfs.namenode.full.block.report.lease.length.ms

	SafeModeThreshold    float64 // dfs.namenode.safemode.threshold-pct
	SafeModeMinDatanodes int     // dfs.namenode.safemode.min.datanodes
	SafeModeExtension    int64   // dfs.namenode.safemode.extension
	SafeModeReplication  int     // dfs.namenode.safemode.replication.min; 0 = MinReplication
	HealDelay            int64   // lode.namenode.heal.delay: after safe mode, how long absent replicas may still turn up before they are copied

	WorkMultiplier     int     // dfs.namenode.replication.work.multiplier.per.iteration
	MaxStreams         int     // dfs.namenode.replication.max-streams
	MaxStreamsHard     int     // dfs.namenode.replication.max-streams-hard-limit
	PendingTimeout     int64   // dfs.namenode.reconstruction.pending.timeout-sec
	InvalidateLimit    int     // dfs.block.invalidate.limit; at least 20 a heartbeat second
	InvalidateRatio    float64 // dfs.namenode.invalidate.work.pct.per.iteration
	DeletionDelay      int64   // dfs.namenode.startup.delay.block.deletion.sec
	RedundancyInterval int64   // dfs.namenode.redundancy.interval.seconds: how often Tick computes work

	ConsiderLoad       bool    // dfs.namenode.redundancy.considerLoad
	LoadFactor         float64 // dfs.namenode.redundancy.considerLoad.factor
	HeartbeatTolerance int64   // dfs.namenode.tolerate.heartbeat.multiplier, for the choice of excess replicas

	AdminInterval             int64 // dfs.namenode.decommission.interval
	MaxTrackedNodes           int   // dfs.namenode.decommission.max.concurrent.tracked.nodes; 0 = no limit
	MaintenanceMinReplication int   // dfs.namenode.maintenance.replication.min

	MaxSlowNodes int // dfs.datanode.max.nodes.to.report
	SweepSlice   int // blocks looked at in one slice of a sweep; a table that is not larger is swept at once
}

// DefaultConfig is Apache Hadoop 3.4's defaults.
func DefaultConfig() Config {
	return Config{
		Replication: 3, MinReplication: 1, MaxReplication: 512,
		HeartbeatInterval: 3_000, RecheckInterval: 300_000,
		StaleInterval: 30_000, MinStaleHeartbeats: 3, StaleWriteRatio: 0.5,
		MaxReportLeases: 6, ReportLeaseLength: 300_000,
		SafeModeThreshold: 0.999, SafeModeExtension: 30_000,
		WorkMultiplier: 2, MaxStreams: 2, MaxStreamsHard: 4, PendingTimeout: 300_000,
		InvalidateLimit: 1000, InvalidateRatio: 0.32, RedundancyInterval: 3_000,
		ConsiderLoad: true, LoadFactor: 2, HeartbeatTolerance: 4,
		AdminInterval: 30_000, MaxTrackedNodes: 100, MaintenanceMinReplication: 1,
		MaxSlowNodes: 5, SweepSlice: 1 << 18,
	}
}

// TrainingConfig is for clusters on one machine, where a node that is killed should be healed while somebody watches: heartbeats
// every second, death after about 10 s, no fixed wait in safe mode.
func TrainingConfig() Config {
	c := DefaultConfig()
	c.HeartbeatInterval, c.RecheckInterval, c.StaleInterval = 1_000, 0, 5_000
	c.SafeModeExtension, c.HealDelay = 0, 5_000
	c.WorkMultiplier, c.MaxStreams, c.MaxStreamsHard = 10, 8, 16
	c.PendingTimeout, c.RedundancyInterval, c.AdminInterval = 30_000, 500, 1_000
	c.InvalidateRatio = 1
	return c
}

// expireInterval is the silence after which a datanode is dead (DatanodeManager.setHeartbeatExpireInterval).
func (c Config) expireInterval() int64 { return 2*c.RecheckInterval + 10*c.HeartbeatInterval }

// staleInterval is the silence after which a datanode is stale.
func (c Config) staleInterval() int64 {
	return max(c.StaleInterval, c.MinStaleHeartbeats*c.HeartbeatInterval)
}

// invalidateLimit is how many deletions one heartbeat carries.
func (c Config) invalidateLimit() int {
	return max(c.InvalidateLimit, int(min(20*c.HeartbeatInterval/1000, math.MaxInt32)))
}

func (c Config) safeReplication() int {
	if c.SafeModeReplication > 0 {
		return c.SafeModeReplication
	}
	return c.MinReplication
}
