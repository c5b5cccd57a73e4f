package vfs

import (
	"io"
	"io/fs"
	"os"
)

// Op names one kind of operation for an Injector.
type Op string

// The operations that can be made to fail.
const (
	OpOpen     Op = "open"
	OpCreate   Op = "create"
	OpRename   Op = "rename"
	OpRemove   Op = "remove"
	OpMkdir    Op = "mkdir"
	OpReadDir  Op = "readdir"
	OpStat     Op = "stat"
	OpLink     Op = "link"
	OpSyncDir  Op = "syncdir"
	OpStatfs   Op = "statfs"
	OpLock     Op = "lock"
	OpRead     Op = "read"
	OpWrite    Op = "write"
	OpTruncate Op = "truncate"
	OpSync     Op = "sync"
)

// Injector decides whether an operation fails: nil lets it pass. A write that fails has written the first half of its bytes.
// It is called concurrently.
type Injector func(op Op, name string) error

// ErrorFS is inner with the faults that inject asks for.
func ErrorFS(inner FS, inject Injector) FS { return &errorFS{inner, inject} }

type errorFS struct {
	inner  FS
	inject Injector
}

func (e *errorFS) file(f File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return &errorFile{f, e.inject}, nil
}

func (e *errorFS) Open(name string) (File, error) {
	if err := e.inject(OpOpen, name); err != nil {
		return nil, pathErr("open", name, err)
	}
	return e.file(e.inner.Open(name))
}

func (e *errorFS) Create(name string) (File, error) {
	if err := e.inject(OpCreate, name); err != nil {
		return nil, pathErr("create", name, err)
	}
	return e.file(e.inner.Create(name))
}

func (e *errorFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	op := OpOpen
	if flag&os.O_CREATE != 0 {
		op = OpCreate
	}
	if err := e.inject(op, name); err != nil {
		return nil, pathErr("open", name, err)
	}
	return e.file(e.inner.OpenFile(name, flag, perm))
}

func (e *errorFS) Rename(oldName, newName string) error {
	if err := e.inject(OpRename, oldName); err != nil {
		return pathErr("rename", oldName, err)
	}
	return e.inner.Rename(oldName, newName)
}

func (e *errorFS) Remove(name string) error {
	if err := e.inject(OpRemove, name); err != nil {
		return pathErr("remove", name, err)
	}
	return e.inner.Remove(name)
}

func (e *errorFS) RemoveAll(name string) error {
	if err := e.inject(OpRemove, name); err != nil {
		return pathErr("remove", name, err)
	}
	return e.inner.RemoveAll(name)
}

func (e *errorFS) MkdirAll(name string, perm fs.FileMode) error {
	if err := e.inject(OpMkdir, name); err != nil {
		return pathErr("mkdir", name, err)
	}
	return e.inner.MkdirAll(name, perm)
}

func (e *errorFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := e.inject(OpReadDir, name); err != nil {
		return nil, pathErr("readdir", name, err)
	}
	return e.inner.ReadDir(name)
}

func (e *errorFS) Stat(name string) (fs.FileInfo, error) {
	if err := e.inject(OpStat, name); err != nil {
		return nil, pathErr("stat", name, err)
	}
	return e.inner.Stat(name)
}

func (e *errorFS) Link(oldName, newName string) error {
	if err := e.inject(OpLink, oldName); err != nil {
		return pathErr("link", oldName, err)
	}
	return e.inner.Link(oldName, newName)
}

func (e *errorFS) SyncDir(name string) error {
	if err := e.inject(OpSyncDir, name); err != nil {
		return pathErr("sync", name, err)
	}
	return e.inner.SyncDir(name)
}

func (e *errorFS) Statfs(name string) (Space, error) {
	if err := e.inject(OpStatfs, name); err != nil {
		return Space{}, pathErr("statfs", name, err)
	}
	return e.inner.Statfs(name)
}

func (e *errorFS) Lock(name string) (io.Closer, error) {
	if err := e.inject(OpLock, name); err != nil {
		return nil, pathErr("lock", name, err)
	}
	return e.inner.Lock(name)
}

type errorFile struct {
	File
	inject Injector
}

func (f *errorFile) Read(p []byte) (int, error) {
	if err := f.inject(OpRead, f.Name()); err != nil {
		return 0, pathErr("read", f.Name(), err)
	}
	return f.File.Read(p)
}

func (f *errorFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.inject(OpRead, f.Name()); err != nil {
		return 0, pathErr("read", f.Name(), err)
	}
	return f.File.ReadAt(p, off)
}

func (f *errorFile) Write(p []byte) (int, error) {
	if err := f.inject(OpWrite, f.Name()); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, pathErr("write", f.Name(), err)
	}
	return f.File.Write(p)
}

func (f *errorFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.inject(OpWrite, f.Name()); err != nil {
		n, _ := f.File.WriteAt(p[:len(p)/2], off)
		return n, pathErr("write", f.Name(), err)
	}
	return f.File.WriteAt(p, off)
}

func (f *errorFile) Truncate(size int64) error {
	if err := f.inject(OpTruncate, f.Name()); err != nil {
		return pathErr("truncate", f.Name(), err)
	}
	return f.File.Truncate(size)
}

func (f *errorFile) Sync() error {
	if err := f.inject(OpSync, f.Name()); err != nil {
		return pathErr("sync", f.Name(), err)
	}
	return f.File.Sync()
}
