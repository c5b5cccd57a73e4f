package vfs

import (
	"io"
	"io/fs"
	"os"
)

// Flags of FS.OpenFile, so that who opens data files need not import os.
const (
	ReadOnly  = os.O_RDONLY
	ReadWrite = os.O_RDWR
	Create    = os.O_CREATE
	Truncate  = os.O_TRUNC
)

// FS is a file system with slash-separated absolute or relative names. Errors are *fs.PathError or *os.LinkError around
// fs.ErrNotExist, fs.ErrExist or a syscall.Errno. All methods are safe for concurrent use.
type FS interface {
	// Open opens for reading.
	Open(name string) (File, error)
	// Create creates or truncates, for reading and writing.
	Create(name string) (File, error)
	// OpenFile is os.OpenFile: flags are O_RDONLY, O_WRONLY, O_RDWR with O_CREATE, O_EXCL, O_TRUNC, O_APPEND.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	// Rename replaces newName if it is a file.
	Rename(oldName, newName string) error
	Remove(name string) error
	RemoveAll(name string) error
	MkdirAll(name string, perm fs.FileMode) error
	// ReadDir lists by name, sorted.
	ReadDir(name string) ([]fs.DirEntry, error)
	Stat(name string) (fs.FileInfo, error)
	// Link makes a hard link.
	Link(oldName, newName string) error
	// SyncDir makes the names in a directory durable.
	SyncDir(name string) error
	// Statfs tells the size of the file system that holds name.
	Statfs(name string) (Space, error)
	// Lock creates name and takes it for this process until Close; a second Lock fails with an error that says so.
	Lock(name string) (io.Closer, error)
}

// File is an open file. ReadAt and WriteAt may be called concurrently.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.WriterAt
	io.Seeker
	io.Closer
	Name() string
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	// Sync makes the bytes and the length of the file durable, but not its name.
	Sync() error
}

// Space is the size of a file system in bytes. Free is what an ordinary user may still write.
type Space struct {
	Total, Free int64
}

// OSFile answers the operating system's file behind f, for handing a descriptor to another process or to sendfile.
func OSFile(f File) (*os.File, bool) {
	switch f := f.(type) {
	case osFile:
		return f.File, true
	case *errorFile:
		return OSFile(f.File)
	}
	return nil, false
}

// ReadFile reads a whole file of at most limit bytes.
func ReadFile(fsys FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrInvalid}
	}
	return b, nil
}

// WriteFileAtomic writes a small file so that after a crash the old or the new content is there, whole: temporary file, sync,
// rename, sync of the directory.
func WriteFileAtomic(fsys FS, name string, data []byte, perm fs.FileMode) error {
	tmp := name + ".tmp"
	f, err := fsys.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = fsys.Rename(tmp, name)
	}
	if err != nil {
		_ = fsys.Remove(tmp)
		return err
	}
	return fsys.SyncDir(dirOf(name))
}
