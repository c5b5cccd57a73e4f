package tree

import "github.com/lodehq/lode/internal/hdfs"

// Inode is a file or a directory.
type Inode struct {
	ID     hdfs.INodeID // 0: the slot is free
	MTime  int64        // ms since 1970
	ATime  int64
	Parent uint32 // slot; 0 for the root
	Name   uint32
	Owner  uint32 // index of an interned pair of user and group
	Mode   uint16 // the permission's 12 bits with sticky, and the flags below
	Repl   uint16 // 12 bits of replication, 4 of storage policy
	A      uint32 // file: last block; directory: its run of children
	B      uint32 // file: index of an interned block size; directory: number of children
}

// Flags in Inode.Mode above the permission bits (sticky is 01000).
const (
	PermMask = 0o1777
	FlagDir  = 1 << 12
	FlagOpen = 1 << 13 // under construction
	FlagMore = 1 << 14 // features are kept beside the tree
	FlagBig  = 1 << 15 // the directory has more children than a run holds
)

// InodeBytes is the size of an Inode.
const InodeBytes = 48

// IsDir tells a directory from a file.
func (i *Inode) IsDir() bool { return i.Mode&FlagDir != 0 }

// IsOpen tells that a file is being written.
func (i *Inode) IsOpen() bool { return i.Mode&FlagOpen != 0 }

// Perm is the permission with its sticky bit.
func (i *Inode) Perm() uint16 { return i.Mode & PermMask }

// SetPerm changes the permission and leaves the flags.
func (i *Inode) SetPerm(p uint16) { i.Mode = i.Mode&^PermMask | p&PermMask }

// Replication is how many replicas are wanted.
func (i *Inode) Replication() uint16 { return i.Repl & 0xfff }

// SetReplication changes it.
func (i *Inode) SetReplication(n uint16) { i.Repl = i.Repl&0xf000 | n&0xfff }

// Policy is the storage policy set on this very inode, 0 none.
func (i *Inode) Policy() uint8 { return uint8(i.Repl >> 12) }

// SetPolicy changes it.
func (i *Inode) SetPolicy(p uint8) { i.Repl = i.Repl&0xfff | uint16(p)<<12 }

// Block is one block of a file. The blocks of a file form a ring: Next of the last is the first, and the inode holds the last.
type Block struct {
	ID   hdfs.BlockID // 0: free
	word uint64       // generation stamp 40 bits, length's upper 16, state 8
	Next uint32
	low  uint32 // length's lower 32
}

// BlockBytes is the size of a Block.
const BlockBytes = 24

// The states of a block.
const (
	Complete   = 0
	Writing    = 1
	Recovering = 2
)

// GenStamp is the block's generation stamp.
func (b *Block) GenStamp() hdfs.GenStamp { return hdfs.GenStamp(b.word >> 24) }

// Length is the block's length in bytes.
func (b *Block) Length() int64 { return int64(b.word>>8&0xffff)<<32 | int64(b.low) }

// State is Complete, Writing or Recovering.
func (b *Block) State() uint8 { return uint8(b.word) }

// Set changes generation stamp (under 2^40), length (under 2^48) and state.
func (b *Block) Set(gs hdfs.GenStamp, length int64, state uint8) {
	b.word = uint64(gs)<<24 | uint64(length>>32&0xffff)<<8 | uint64(state)
	b.low = uint32(length)
}

// Value is the block in the shared vocabulary.
func (b *Block) Value() hdfs.Block {
	return hdfs.Block{ID: b.ID, GenStamp: b.GenStamp(), NumBytes: b.Length()}
}
