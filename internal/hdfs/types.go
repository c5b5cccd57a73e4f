package hdfs

import "strconv"

// BlockID identifies a block for ever. Apache's first sequential id is 1<<30 + 1 (SequentialBlockIdGenerator).
type BlockID int64

// GenStamp is a generation stamp: it only grows, and a replica with an older one than its block is stale.
// Apache's first is 1001 (HdfsConstants).
type GenStamp int64

// INodeID identifies a file or directory for ever. The root is 16385 (INodeId.ROOT_INODE_ID).
type INodeID int64

const (
	// RootINodeID is the id of "/".
	RootINodeID INodeID = 16385
	// FirstBlockID is the last reserved id: the first block gets FirstBlockID+1.
	FirstBlockID BlockID = 1 << 30
	// FirstGenStamp is the last reserved generation stamp: the first block gets FirstGenStamp+1.
	FirstGenStamp GenStamp = 1000
)

// Block names one block, its generation stamp and its length in bytes.
type Block struct {
	ID       BlockID
	GenStamp GenStamp
	NumBytes int64
}

// Name is the file name of the block's data on a datanode, blk_<id>.
func (b Block) Name() string { return "blk_" + strconv.FormatInt(int64(b.ID), 10) }

// String is Apache's form, blk_<id>_<generation stamp>.
func (b Block) String() string { return b.Name() + "_" + strconv.FormatInt(int64(b.GenStamp), 10) }

// ReplicaState is the state of a replica on a datanode (HdfsServerConstants.ReplicaState; the numbers are the wire's).
type ReplicaState uint8

// The states of a replica.
const (
	ReplicaFinalized ReplicaState = 0 // complete, length and generation stamp fixed
	ReplicaRBW       ReplicaState = 1 // being written by a client
	ReplicaRWR       ReplicaState = 2 // was RBW when the datanode stopped; waits for recovery
	ReplicaRUR       ReplicaState = 3 // under block recovery
	ReplicaTemporary ReplicaState = 4 // being copied by another datanode; never reported
)

func (s ReplicaState) String() string {
	switch s {
	case ReplicaFinalized:
		return "FINALIZED"
	case ReplicaRBW:
		return "RBW"
	case ReplicaRWR:
		return "RWR"
	case ReplicaRUR:
		return "RUR"
	case ReplicaTemporary:
		return "TEMPORARY"
	}
	return "UNKNOWN"
}

// StorageType is the medium of a volume (StorageTypeProto's numbers).
type StorageType uint8

// The storage types of Apache 3.4.
const (
	StorageDisk     StorageType = 1
	StorageSSD      StorageType = 2
	StorageArchive  StorageType = 3
	StorageRAMDisk  StorageType = 4
	StorageProvided StorageType = 5
	StorageNVDIMM   StorageType = 6
)

func (t StorageType) String() string {
	switch t {
	case StorageDisk:
		return "DISK"
	case StorageSSD:
		return "SSD"
	case StorageArchive:
		return "ARCHIVE"
	case StorageRAMDisk:
		return "RAM_DISK"
	case StorageProvided:
		return "PROVIDED"
	case StorageNVDIMM:
		return "NVDIMM"
	}
	return "DISK"
}

// Block storage policy ids (HdfsConstants).
const (
	PolicyUnspecified = 0
	PolicyProvided    = 1
	PolicyCold        = 2
	PolicyWarm        = 5
	PolicyHot         = 7
	PolicyOneSSD      = 10
	PolicyAllSSD      = 12
	PolicyAllNVDIMM   = 14
	PolicyLazyPersist = 15
)

// CreateFlag bits (CreateFlag.java).
const (
	CreateFlagCreate          = 0x01
	CreateFlagOverwrite       = 0x02
	CreateFlagAppend          = 0x04
	CreateFlagSyncBlock       = 0x08
	CreateFlagLazyPersist     = 0x10
	CreateFlagNewBlock        = 0x20
	CreateFlagNoLocalWrite    = 0x40
	CreateFlagShouldReplicate = 0x80
)

// BlockSink is told by the namespace, inside Apply, what happens to the blocks of files. The block map implements it. Calls
// are made under the namenode's write lock and in journal order; they must not block, and cannot fail.
type BlockSink interface {
	// BlockAdded reports a block that a file owns from now on. complete is false while it is being written.
	BlockAdded(b Block, file INodeID, replication uint16, policy uint8, complete bool)
	// BlockChanged reports a new generation stamp, length or state of a block.
	BlockChanged(b Block, complete bool)
	// BlockReplication reports that the block is wanted n times from now on, under that storage policy.
	BlockReplication(id BlockID, n uint16, policy uint8)
	// BlockRemoved reports that no file owns the block any more: its replicas are to be deleted.
	BlockRemoved(id BlockID)
}
