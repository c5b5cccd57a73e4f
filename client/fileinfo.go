package client

import (
	"io/fs"
	"path"
	"time"

	"github.com/lodehq/lode/internal/hdfs"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// FileInfo is the status of a file or directory. It implements fs.FileInfo and fs.DirEntry.
type FileInfo struct {
	path   string
	status *hdfspb.HdfsFileStatusProto
}

var (
	_ fs.FileInfo = (*FileInfo)(nil)
	_ fs.DirEntry = (*FileInfo)(nil)
)

// NewFileInfo wraps a status that the namenode sent for the file at that absolute path.
func NewFileInfo(fullPath string, status *hdfspb.HdfsFileStatusProto) *FileInfo {
	return &FileInfo{path: fullPath, status: status}
}

// Path is the absolute path that was asked for.
func (f *FileInfo) Path() string { return f.path }

// Name is the last element of Path, "/" for the root.
func (f *FileInfo) Name() string { return path.Base(f.path) }

// Size is the length in bytes, 0 for a directory.
func (f *FileInfo) Size() int64 { return int64(f.status.GetLength()) }

// Mode has the permission bits, fs.ModeDir, fs.ModeSymlink and fs.ModeSticky.
func (f *FileInfo) Mode() fs.FileMode {
	perm := f.status.GetPermission().GetPerm()
	mode := fs.FileMode(perm & 0o777)
	if perm&permSticky != 0 {
		mode |= fs.ModeSticky
	}
	switch f.status.GetFileType() {
	case hdfspb.HdfsFileStatusProto_IS_DIR:
		mode |= fs.ModeDir
	case hdfspb.HdfsFileStatusProto_IS_SYMLINK:
		mode |= fs.ModeSymlink
	}
	return mode
}

// Perm is the permission as Hadoop numbers it: nine bits and the sticky bit 01000.
func (f *FileInfo) Perm() uint32 { return f.status.GetPermission().GetPerm() & 0o1777 }

// Type is the type bits of Mode.
func (f *FileInfo) Type() fs.FileMode { return f.Mode().Type() }

// Info is the FileInfo itself.
func (f *FileInfo) Info() (fs.FileInfo, error) { return f, nil }

// IsDir says whether it is a directory.
func (f *FileInfo) IsDir() bool {
	return f.status.GetFileType() == hdfspb.HdfsFileStatusProto_IS_DIR
}

// ModTime is the modification time, to the millisecond.
func (f *FileInfo) ModTime() time.Time {
	return time.UnixMilli(int64(f.status.GetModificationTime()))
}

// AccessTime is the access time, as precise as the namenode keeps it (an hour by default); the epoch for a directory.
func (f *FileInfo) AccessTime() time.Time { return time.UnixMilli(int64(f.status.GetAccessTime())) }

// Owner is the owning user.
func (f *FileInfo) Owner() string { return f.status.GetOwner() }

// Group is the owning group.
func (f *FileInfo) Group() string { return f.status.GetGroup() }

// Replication is the number of replicas wanted, 0 for a directory.
func (f *FileInfo) Replication() int { return int(f.status.GetBlockReplication()) }

// BlockSize is the block size of the file in bytes, 0 for a directory.
func (f *FileInfo) BlockSize() int64 { return int64(f.status.GetBlocksize()) }

// FileID is the inode's id, which survives renames.
func (f *FileInfo) FileID() hdfs.INodeID { return hdfs.INodeID(f.status.GetFileId()) }

// ChildrenNum is the number of entries of a directory, -1 when the namenode did not say.
func (f *FileInfo) ChildrenNum() int { return int(f.status.GetChildrenNum()) }

// StoragePolicy is the id of the storage policy in force, 0 when unspecified.
func (f *FileInfo) StoragePolicy() uint8 { return uint8(f.status.GetStoragePolicy()) }

// ErasureCodingPolicy is the name of the erasure coding policy, "" for a replicated file.
func (f *FileInfo) ErasureCodingPolicy() string { return f.status.GetEcPolicy().GetName() }

// Symlink is the target of a symbolic link.
func (f *FileInfo) Symlink() string { return string(f.status.GetSymlink()) }

func (f *FileInfo) flag(bit hdfspb.HdfsFileStatusProto_Flags) bool {
	return f.status.GetFlags()&uint32(bit) != 0
}

// HasACL says whether there are ACL entries beyond the permission bits.
func (f *FileInfo) HasACL() bool { return f.flag(hdfspb.HdfsFileStatusProto_HAS_ACL) }

// Encrypted says whether it lies in an encryption zone.
func (f *FileInfo) Encrypted() bool { return f.flag(hdfspb.HdfsFileStatusProto_HAS_CRYPT) }

// Snapshottable says whether snapshots of the directory are allowed.
func (f *FileInfo) Snapshottable() bool {
	return f.flag(hdfspb.HdfsFileStatusProto_SNAPSHOT_ENABLED)
}

// Sys is the namenode's message, *hdfspb.HdfsFileStatusProto.
func (f *FileInfo) Sys() any { return f.status }

const permSticky = 0o1000

// hadoopPerm turns a mode into Hadoop's number. The sticky bit is taken as fs.ModeSticky or as octal 01000.
func hadoopPerm(mode fs.FileMode) *hdfspb.FsPermissionProto {
	p := uint32(mode.Perm())
	if mode&fs.ModeSticky != 0 || mode&permSticky != 0 {
		p |= permSticky
	}
	return &hdfspb.FsPermissionProto{Perm: &p}
}
