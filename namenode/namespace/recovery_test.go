package namespace

import (
	datanodepb "github.com/lodehq/lode/proto/hadoop/datanode"
	"google.golang.org/protobuf/proto"
)

// commitSync is what the primary datanode of a recovery reports.
func commitSync(n *Namespace, r BlockRecovery, length int64) *datanodepb.CommitBlockSynchronizationRequestProto {
	b := r.Block
	return &datanodepb.CommitBlockSynchronizationRequestProto{Block: n.extended(b), NewGenStamp: proto.Uint64(uint64(r.RecoveryID)),
		NewLength: proto.Uint64(uint64(length)), CloseFile: proto.Bool(true), DeleteBlock: proto.Bool(false)}
}
