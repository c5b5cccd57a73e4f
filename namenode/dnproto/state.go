package dnproto

import (
	"context"
	"log/slog"
	"net/netip"

	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/proto/hadoop/datanode"
	"github.com/lodehq/lode/proto/hadoop/hdfs"
)

// LayoutVersion is the namenode layout of Apache 3.4 (NameNodeLayoutVersion), DatanodeLayoutVersion that of its datanodes.
const (
	LayoutVersion         = -67
	DatanodeLayoutVersion = -57
)

// Cluster identifies the namenode to its datanodes.
type Cluster struct {
	ClusterID, BlockPoolID string
	NamespaceID            uint32
	CTime                  uint64
	SoftwareVersion        string // what we pass for, "3.4.3": datanodes compare it
	BuildVersion           string
}

// State is the namenode as these protocols see it.
type State interface {
	// View and Update run f under the namenode's read and write lock.
	View(f func(m *blockmap.Map))
	Update(f func(m *blockmap.Map))
	// Now is the time in milliseconds.
	Now() int64
	// Cluster says who we are. It changes only when the namenode is formatted.
	Cluster() Cluster
	// HAState says whether this namenode leads, and the number of the last journal entry that it has applied.
	HAState() (active bool, txid int64)
	// CommitBlockSynchronization journals the end of a block recovery, and then calls Map.Synchronized.
	CommitBlockSynchronization(ctx context.Context, call *hrpc.Call, req *datanodepb.CommitBlockSynchronizationRequestProto) error
	// CheckpointTxID is the number of the last journal entry that an image holds.
	CheckpointTxID() int64
	// CheckSuperuser refuses callers that may not use NamenodeProtocol, with hdfs.AccessControl.
	CheckSuperuser(call *hrpc.Call) error
}

// Options are the settings of the handlers.
type Options struct {
	// MinDatanodeVersion is dfs.namenode.min.supported.datanode.version; "" means Apache's default.
	MinDatanodeVersion string
	// Named says whether an address has a host name (dfs.namenode.datanode.registration.ip-hostname-check). nil admits every address.
	Named func(netip.Addr) bool
	// Keys gives the block token keys; nil means that block tokens are off.
	Keys   func() *hdfspb.ExportedBlockKeysProto
	Logger *slog.Logger // nil discards
}

// Handlers gives the handler of each protocol by its name.
func Handlers(s State, o Options) map[string]hrpc.Handler {
	if o.MinDatanodeVersion == "" {
		o.MinDatanodeVersion = "2.1.0-beta"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	h := &handler{state: s, opts: o, log: o.Logger}
	return map[string]hrpc.Handler{
		hrpc.DatanodeProtocol: hrpc.Methods(map[string]hrpc.Method{
			"versionRequest":             hrpc.Unary(h.versionRequest),
			"registerDatanode":           hrpc.Unary(h.registerDatanode),
			"sendHeartbeat":              hrpc.Unary(h.sendHeartbeat),
			"blockReport":                hrpc.Unary(h.blockReport),
			"blockReceivedAndDeleted":    hrpc.Unary(h.blockReceivedAndDeleted),
			"cacheReport":                hrpc.Unary(h.cacheReport),
			"errorReport":                hrpc.Unary(h.errorReport),
			"reportBadBlocks":            hrpc.Unary(h.reportBadBlocks),
			"commitBlockSynchronization": hrpc.Unary(h.commitBlockSynchronization),
		}),
		hrpc.DatanodeLifelineProtocol: hrpc.Methods(map[string]hrpc.Method{
			"sendLifeline": hrpc.Unary(h.sendLifeline),
		}),
		hrpc.NamenodeProtocol: hrpc.Methods(map[string]hrpc.Method{
			"getBlocks":                   hrpc.Unary(h.getBlocks),
			"getBlockKeys":                hrpc.Unary(h.getBlockKeys),
			"getTransactionId":            hrpc.Unary(h.getTransactionID),
			"getMostRecentCheckpointTxId": hrpc.Unary(h.getMostRecentCheckpointTxID),
			"versionRequest":              hrpc.Unary(h.peerVersionRequest),
			"errorReport":                 hrpc.Unary(h.peerErrorReport),
			"isUpgradeFinalized":          hrpc.Unary(h.isUpgradeFinalized),
			"isRollingUpgrade":            hrpc.Unary(h.isRollingUpgrade),
			"getNextSPSPath":              hrpc.Unary(h.getNextSPSPath),
			"rollEditLog":                 hrpc.Unary(h.rollEditLog),
			"registerSubordinateNamenode": hrpc.Unary(h.registerSubordinate),
			"startCheckpoint":             hrpc.Unary(h.startCheckpoint),
			"endCheckpoint":               hrpc.Unary(h.endCheckpoint),
			"getEditLogManifest":          hrpc.Unary(h.getEditLogManifest),
		}),
	}
}

type handler struct {
	state State
	opts  Options
	log   *slog.Logger
}
