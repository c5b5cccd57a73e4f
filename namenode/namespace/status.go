package namespace

import (
	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/tree"
	commonpb "github.com/lodehq/lode/proto/hadoop/common"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// statusBox holds a file status and all that it points at, so that making one is one allocation.
type statusBox struct {
	st                                      hdfspb.HdfsFileStatusProto
	perm                                    hdfspb.FsPermissionProto
	kind                                    hdfspb.HdfsFileStatusProto_FileType
	length, mtime, atime, blockSize, fileID uint64
	mode, repl, policy, flags               uint32
	children                                int32
	owner, group                            string
}

// status is an inode's status as of a snapshot, under the given local name (nil in getFileInfo).
func (n *Namespace) status(slot uint32, snap int64, name []byte) *hdfspb.HdfsFileStatusProto {
	in := n.attrAt(slot, snap)
	x := &statusBox{
		mode: uint32(in.Perm()), mtime: uint64(in.MTime), atime: uint64(in.ATime), fileID: uint64(in.ID),
		owner: n.userOf(in), group: n.groupOf(in),
	}
	if in.IsDir() {
		x.kind = hdfspb.HdfsFileStatusProto_IS_DIR
		if snap == 0 {
			x.children = int32(n.tree.NumChildren(slot))
		} else {
			x.children = int32(len(n.childrenAt(slot, snap)))
		}
		if len(n.snapDirs) > 0 && snap == 0 && n.snapDirs[slot] != nil {
			x.flags |= uint32(hdfspb.HdfsFileStatusProto_SNAPSHOT_ENABLED)
		}
	} else {
		x.kind = hdfspb.HdfsFileStatusProto_IS_FILE
		x.length = uint64(n.lengthAt(slot, snap))
		x.repl = uint32(in.Replication())
		x.blockSize = uint64(n.blockSizeOf(n.tree.Inode(slot)))
	}
	if p := in.Policy(); p != 0 {
		x.policy = uint32(p)
	} else if in.Parent != 0 {
		x.policy = uint32(n.setPolicy(in.Parent))
	}
	if in.Mode&tree.FlagMore != 0 && len(n.aclAt(slot, snap)) > 0 {
		x.flags |= uint32(hdfspb.HdfsFileStatusProto_HAS_ACL)
	}
	if name == nil {
		name = []byte{}
	}
	x.perm.Perm = &x.mode
	st := &x.st
	st.FileType, st.Path, st.Length, st.Permission = &x.kind, name, &x.length, &x.perm
	st.Owner, st.Group, st.ModificationTime, st.AccessTime = &x.owner, &x.group, &x.mtime, &x.atime
	st.BlockReplication, st.Blocksize, st.FileId, st.ChildrenNum = &x.repl, &x.blockSize, &x.fileID, &x.children
	st.StoragePolicy, st.Flags = &x.policy, &x.flags
	return st
}

// bareDirStatus is the status of a directory that has no inode: .snapshot, /.reserved.
func bareDirStatus(name string, perm uint32, children int32) *hdfspb.HdfsFileStatusProto {
	x := &statusBox{kind: hdfspb.HdfsFileStatusProto_IS_DIR, mode: perm, children: children, fileID: 1<<64 - 1}
	x.perm.Perm = &x.mode
	st := &x.st
	st.FileType, st.Path, st.Length, st.Permission = &x.kind, []byte(name), &x.length, &x.perm
	st.Owner, st.Group, st.ModificationTime, st.AccessTime = &x.owner, &x.group, &x.mtime, &x.atime
	st.BlockReplication, st.Blocksize, st.FileId, st.ChildrenNum = &x.repl, &x.blockSize, &x.fileID, &x.children
	st.StoragePolicy, st.Flags = &x.policy, &x.flags
	return st
}

func (n *Namespace) extended(b hdfs.Block) *hdfspb.ExtendedBlockProto {
	id, gs, size := uint64(b.ID), uint64(b.GenStamp), uint64(b.NumBytes)
	pool := n.format.GetBlockPoolId()
	return &hdfspb.ExtendedBlockProto{PoolId: &pool, BlockId: &id, GenerationStamp: &gs, NumBytes: &size}
}

func emptyToken() *commonpb.TokenProto {
	var s string
	return &commonpb.TokenProto{Identifier: []byte{}, Password: []byte{}, Kind: &s, Service: &s}
}

// located is a block at an offset of its file, without datanodes.
func (n *Namespace) located(b hdfs.Block, offset int64) *hdfspb.LocatedBlockProto {
	off := uint64(offset)
	return &hdfspb.LocatedBlockProto{B: n.extended(b), Offset: &off, Corrupt: new(bool), BlockToken: emptyToken()}
}

// locatedBlocks is createLocatedBlocks of Apache's BlockManager for a range of a file.
func (n *Namespace) locatedBlocks(slot uint32, snap int64, offset, length int64) *hdfspb.LocatedBlocksProto {
	in := n.tree.Inode(slot)
	open := in.IsOpen() && snap == 0
	var size int64 // without the last block if it is being written
	blocks := n.blocksAt(slot, snap)
	for i, at := range blocks {
		if b := n.tree.Block(at); snap != 0 || i < len(blocks)-1 || b.State() == tree.Complete {
			size += b.Length()
		}
	}
	if snap != 0 {
		size = n.lengthAt(slot, snap)
		length = min(length, size-offset)
	}
	total := uint64(size)
	out := &hdfspb.LocatedBlocksProto{FileLength: &total, UnderConstruction: &open, IsLastBlockComplete: new(bool)}
	if len(blocks) == 0 {
		return out
	}
	var pos int64
	end := offset + length
	if end < offset {
		end = 1<<63 - 1
	}
	started := false
	for i, at := range blocks {
		b := n.tree.Block(at)
		if !started && pos+b.Length() > offset {
			started = true
		}
		if started && (pos < end || len(out.Blocks) == 0) {
			v := b.Value()
			if snap != 0 && pos+v.NumBytes > size {
				v.NumBytes = size - pos
			}
			out.Blocks = append(out.Blocks, n.located(v, pos))
		}
		if i == len(blocks)-1 {
			v := b.Value()
			if snap != 0 && pos+v.NumBytes > size {
				v.NumBytes = size - pos
			}
			out.LastBlock = n.located(v, pos)
			done := snap != 0 || b.State() == tree.Complete
			out.IsLastBlockComplete = &done
		}
		pos += b.Length()
	}
	return out
}
