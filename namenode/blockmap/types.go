package blockmap

import (
	"github.com/lodehq/lode/internal/hdfs"
)

// DatanodeID is how a datanode is reached.
type DatanodeID struct {
	UUID, IP, Hostname string
	XferPort           uint32 // data transfer
	InfoPort           uint32 // web
	InfoSecurePort     uint32
	IPCPort            uint32
}

// AdminState is what the operator wants of a datanode (DatanodeInfoProto.AdminState's numbers).
type AdminState uint8

// The admin states.
const (
	AdminNormal              AdminState = 0
	AdminDecommissioning     AdminState = 1
	AdminDecommissioned      AdminState = 2
	AdminEnteringMaintenance AdminState = 3
	AdminInMaintenance       AdminState = 4
)

func (s AdminState) String() string {
	switch s {
	case AdminDecommissioning:
		return "Decommission In Progress"
	case AdminDecommissioned:
		return "Decommissioned"
	case AdminEnteringMaintenance:
		return "Entering Maintenance"
	case AdminInMaintenance:
		return "In Maintenance"
	}
	return "In Service"
}

// StorageStats is what a heartbeat says about one storage (StorageReportProto). Sizes are bytes.
type StorageStats struct {
	UUID          string
	Type          hdfs.StorageType
	ReadOnly      bool // READ_ONLY_SHARED
	Failed        bool
	Capacity      int64
	DFSUsed       int64
	NonDFSUsed    int64
	Remaining     int64
	BlockPoolUsed int64
	Mount         string
}

// StorageInfo is a storage as the namenode knows it.
type StorageInfo struct {
	StorageStats
	Stale      bool // not fully reported since registration or failover: nothing is deleted on its account
	NumBlocks  int
	LastReport int64
}

// DatanodeInfo is a datanode as the namenode knows it. A value is immutable once handed out (the map makes a new one on change),
// so that it may be used after the lock is given back, and its address may serve as the key of a cache.
type DatanodeInfo struct {
	DatanodeID
	Location        string // network location, "/rack"
	Admin           AdminState
	Alive, Stale    bool
	Excluded        bool // by the exclude list
	SoftwareVersion string
	UpgradeDomain   string

	Capacity, DFSUsed, NonDFSUsed, Remaining, BlockPoolUsed int64
	CacheCapacity, CacheUsed                                int64
	Xceivers, Xmits                                         int
	FailedVolumes                                           int
	VolumeFailures                                          VolumeFailures

	LastUpdate      int64 // last heartbeat
	LastBlockReport int64 // last full report of any storage, 0 = none
	NumBlocks       int
	Storages        []StorageInfo

	// While decommissioning or entering maintenance, as of the last check (LeavingServiceStatus).
	LowBlocks, OnlyHereBlocks, LowOpenBlocks int
	AdminStarted                             int64
}

// VolumeFailures is the last summary of failed volumes of a datanode.
type VolumeFailures struct {
	Locations    []string
	LastFailure  int64
	CapacityLost int64
}

// Location is one replica of a block, or a place chosen for one.
type Location struct {
	Datanode    *DatanodeInfo
	StorageID   string
	StorageType hdfs.StorageType
	State       hdfs.ReplicaState
	Corrupt     bool
	Excess      bool
}

// Ref names the storage of the location.
func (l Location) Ref() StorageRef {
	return StorageRef{Datanode: l.Datanode.UUID, Storage: l.StorageID}
}

// StorageRef names a storage of a datanode by their ids. Storage may be empty where Apache allows it: then any storage of the node is meant.
type StorageRef struct{ Datanode, Storage string }

// LocatedBlock is what a reader is told about a block.
type LocatedBlock struct {
	Block     hdfs.Block
	Complete  bool
	Corrupt   bool // every replica is corrupt; Locations holds them
	Locations []Location
}

// Registration is what registerDatanode brings. The translator has checked versions and cluster ids.
type Registration struct {
	DatanodeID
	SoftwareVersion string
}

// Heartbeat is what sendHeartbeat brings.
type Heartbeat struct {
	UUID                     string
	Storages                 []StorageStats
	CacheCapacity, CacheUsed int64
	Xmits, Xceivers          int
	FailedVolumes            int
	VolumeFailures           VolumeFailures
	WantsReportLease         bool
	SlowPeers                []SlowPeer
	SlowDisks                []SlowDisk
}

// SlowPeer is one datanode's complaint about another. Latencies are milliseconds.
type SlowPeer struct {
	Peer                             string // uuid or ip:port, as the datanode sent it
	Latency, Median, MAD, UpperBound float64
}

// SlowDisk is one datanode's complaint about a disk of its own.
type SlowDisk struct {
	Path                                       string
	MetadataLatency, ReadLatency, WriteLatency float64
}

// HeartbeatReply is the answer to a heartbeat.
type HeartbeatReply struct {
	Commands []Command
	LeaseID  uint64 // for a full block report; 0 = not now
	Slow     bool
}

// Command is an order to a datanode: Transfer, Invalidate, Recover, RegisterAgain, SetBandwidth or Shutdown.
type Command interface{ command() }

// Transfer orders copies of blocks to other datanodes.
type Transfer struct{ Tasks []TransferTask }

// TransferTask is one block and where it goes.
type TransferTask struct {
	Block   hdfs.Block
	Targets []Location
}

// Invalidate orders replicas deleted.
type Invalidate struct{ Blocks []hdfs.Block }

// Recover orders block recovery: the datanode is the primary that brings the replicas to one length and generation stamp.
type Recover struct{ Tasks []RecoverTask }

// RecoverTask is one block to recover. Truncate is set when the block is to be cut to Truncate.NumBytes.
type RecoverTask struct {
	Block       hdfs.Block
	NewGenStamp hdfs.GenStamp
	Locations   []Location
	Truncate    *hdfs.Block
}

// RegisterAgain tells a datanode that the namenode does not know it.
type RegisterAgain struct{}

// SetBandwidth tells a datanode how many bytes a second balancing may use.
type SetBandwidth struct{ BytesPerSecond int64 }

// Shutdown tells a datanode to stop.
type Shutdown struct{}

func (Transfer) command()      {}
func (Invalidate) command()    {}
func (Recover) command()       {}
func (RegisterAgain) command() {}
func (SetBandwidth) command()  {}
func (Shutdown) command()      {}

// ReceivedStatus is the kind of an incremental report's entry (ReceivedDeletedBlockInfoProto.BlockStatus).
type ReceivedStatus uint8

// The kinds.
const (
	Receiving ReceivedStatus = 1
	Received  ReceivedStatus = 2
	Deleted   ReceivedStatus = 3
)

// ReceivedDeleted is one entry of an incremental report.
type ReceivedDeleted struct {
	Block      hdfs.Block
	Status     ReceivedStatus
	DeleteHint string // uuid of the datanode whose replica the balancer wants gone
}

// ReportContext says which part of a full report an RPC is.
type ReportContext struct {
	TotalRPCs, CurrentRPC int
	ReportID              int64
	LeaseID               uint64
}

// BadBlock is a replica that a reader or scanner found corrupt.
type BadBlock struct {
	Block    hdfs.Block
	Datanode string // uuid
	Storage  string // may be empty
}

// TargetRequest asks where replicas of a block shall go.
type TargetRequest struct {
	Count        int          // how many more
	Writer       string       // IP or host of the client; "" = unknown
	Chosen       []StorageRef // where the block is already (getAdditionalDatanode)
	Excluded     []string     // uuids of datanodes that must not be chosen
	Favored      []string     // host or ip, with or without :port, best effort
	BlockSize    int64
	Policy       uint8
	NoLocalWrite bool // AddBlockFlag NO_LOCAL_WRITE: not the writer's own node unless there is no other
	IgnoreLocal  bool // AddBlockFlag IGNORE_CLIENT_LOCALITY: as if the client were unknown
}

// NodeKind selects datanodes of a report (DatanodeReportTypeProto's numbers).
type NodeKind uint8

// The kinds.
const (
	NodesAll                 NodeKind = 1
	NodesLive                NodeKind = 2
	NodesDead                NodeKind = 3
	NodesDecommissioning     NodeKind = 4
	NodesEnteringMaintenance NodeKind = 5
	NodesInMaintenance       NodeKind = 6
)

// Stats are the counters that getFsStats, getFsReplicatedBlockStats and JMX show.
type Stats struct {
	Capacity, Used, NonDFSUsed, Remaining, BlockPoolUsed      int64
	CacheCapacity, CacheUsed                                  int64
	Blocks, UnderConstruction                                 int
	LowRedundancy                                             int // blocks in the queues, corrupt ones left out
	HighestPriority                                           int
	Corrupt                                                   int // blocks with a corrupt replica, as Apache counts
	Missing, MissingOne                                       int // blocks without any good replica; those among them with replication 1
	CorruptReplicas                                           int
	PendingReconstruction, Scheduled                          int
	PendingDeletion, Excess, Postponed                        int
	BytesInFuture                                             int64
	Live, Dead, Stale                                         int
	Decommissioning, DecommissionedLive, DecommissionedDead   int
	EnteringMaintenance, InMaintenanceLive, InMaintenanceDead int
	InServiceXceivers, TotalXceivers                          int
	FailedVolumes                                             int
	CapacityLost                                              int64
	ReportLeases                                              int
	ByType                                                    []TypeStats
}

// TypeStats are the sums over the storages of one type.
type TypeStats struct {
	Type                                 hdfs.StorageType
	Nodes                                int
	Capacity, Used, Remaining, BlockPool int64
}

// Replicas counts the replicas of one block by what they are worth (NumberReplicas).
type Replicas struct {
	Live            int // good, on a live datanode in service
	Decommissioning int
	Decommissioned  int
	EnteringMaint   int
	InMaintenance   int // on a live or dead datanode in maintenance
	Corrupt         int
	Excess          int
	StaleStorage    int // among the live: on a storage whose content is stale
	StaleNodes      int // among the live: on a datanode that is stale
}

// BlockStatus is what fsck prints of a block.
type BlockStatus struct {
	Block         hdfs.Block
	Known         bool
	File          hdfs.INodeID
	Complete      bool
	Replication   int
	Policy        uint8
	Replicas      Replicas
	Pending       int
	Missing       bool // no good replica
	Corrupt       bool // replicas, all of them corrupt
	Misplaced     bool // fewer racks than the placement rules want
	RacksMissing  int
	Locations     []Location
	CorruptReason []string // parallel to Locations, "" for good ones
}

// BlockOnNode is one entry of the balancer's getBlocks.
type BlockOnNode struct {
	Block     hdfs.Block
	Locations []Location
}

// SafeModeStatus says where start-up stands.
type SafeModeStatus struct {
	On               bool
	Manual           bool // entered by the operator
	BlocksTotal      int
	BlocksSafe       int
	BlocksNeeded     int
	Datanodes        int
	DatanodesNeeded  int
	ThresholdReached bool
	LeavesAt         int64 // when the extension ends; 0 unless it runs
	BytesInFuture    int64
}

// SlowNode is a datanode that its peers find slow.
type SlowNode struct {
	Datanode *DatanodeInfo
	Reports  int
	Median   float64
	Latency  float64
}
