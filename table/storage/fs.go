package storage

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"
)

// File is an open file for reading.
type File interface {
	io.Reader
	io.ReaderAt
	io.Seeker
	io.Closer
	Stat() (fs.FileInfo, error)
}

// FileWriter is a file being written. Close publishes the last byte; a writer that is given up is Aborted, and what it wrote is removed
// (or, in HDFS, at least never counts as complete).
type FileWriter interface {
	io.WriteCloser
	Abort() error
}

// Block is a part of a file and the hosts that hold it.
type Block struct {
	Offset int64    `json:"offset"`
	Length int64    `json:"length"`
	Hosts  []string `json:"hosts"`
}

// FS is a file system as tables need it. Every call may block on the network; every call is safe for concurrent use.
// Missing files are fs.ErrNotExist, existing ones in the way fs.ErrExist, as errors.Is sees them.
type FS interface {
	// Prefix is what turns a name into a URI, without a trailing slash: "hdfs://127.0.0.1:8020".
	Prefix() string
	Open(ctx context.Context, name string) (File, error)
	// Create makes the parents too. Without overwrite an existing file is fs.ErrExist.
	Create(ctx context.Context, name string, opts CreateOptions) (FileWriter, error)
	// Rename replaces newName if it exists.
	Rename(ctx context.Context, oldName, newName string) error
	// RenameNoReplace is atomic and answers fs.ErrExist when newName exists: it is how everything here is committed.
	RenameNoReplace(ctx context.Context, oldName, newName string) error
	// Remove removes one file or empty directory.
	Remove(ctx context.Context, name string) error
	RemoveAll(ctx context.Context, name string) error
	MkdirAll(ctx context.Context, name string) error
	Stat(ctx context.Context, name string) (fs.FileInfo, error)
	// ReadDir lists a directory in order of names.
	ReadDir(ctx context.Context, name string) ([]fs.FileInfo, error)
	// Blocks says where the bytes of a file are; one block without hosts when the file system does not know.
	Blocks(ctx context.Context, name string) ([]Block, error)
}

// CreateOptions are of one file.
type CreateOptions struct {
	Overwrite   bool
	Replication int // 0 is the file system's default; a local directory has none
}

// Name is the name inside fsys of a URI or name.
func Name(fsys FS, uri string) (string, error) {
	if strings.HasPrefix(uri, "/") {
		return clean(uri), nil
	}
	if rest, ok := strings.CutPrefix(uri, fsys.Prefix()); ok && strings.HasPrefix(rest, "/") {
		return clean(rest), nil
	}
	scheme, rest, ok := strings.Cut(uri, "://")
	if ok && scheme == "hdfs" && strings.HasPrefix(fsys.Prefix(), "hdfs://") {
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			return clean(rest[i:]), nil
		}
		return "/", nil
	}
	// Java writes file:/x for file:///x.
	if rest, ok := strings.CutPrefix(uri, "file:/"); ok {
		if name, ok := strings.CutPrefix("file:///"+strings.TrimLeft(rest, "/"), fsys.Prefix()); ok && strings.HasPrefix(name, "/") {
			return clean(name), nil
		}
	}
	return "", fmt.Errorf("%s is not in %s: this process serves one file system", uri, fsys.Prefix())
}

// URI is the full form of a name or URI.
func URI(fsys FS, name string) string {
	if strings.HasPrefix(name, "/") {
		return fsys.Prefix() + name
	}
	return name
}

func clean(name string) string {
	for strings.Contains(name, "//") {
		name = strings.ReplaceAll(name, "//", "/")
	}
	if len(name) > 1 {
		name = strings.TrimSuffix(name, "/")
	}
	return name
}

// ReadFile reads a whole file.
func ReadFile(ctx context.Context, fsys FS, name string) ([]byte, error) {
	f, err := fsys.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// WriteFile writes a whole file; an incomplete one is removed.
func WriteFile(ctx context.Context, fsys FS, name string, data []byte, opts CreateOptions) error {
	w, err := fsys.Create(ctx, name, opts)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		_ = w.Abort()
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("close %s: %w", name, err)
	}
	return nil
}

// Walk calls fn for every file (not directory) under dir, in no promised order between directories.
func Walk(ctx context.Context, fsys FS, dir string, fn func(name string, info fs.FileInfo) error) error {
	infos, err := fsys.ReadDir(ctx, dir)
	if err != nil {
		return err
	}
	for _, info := range infos {
		name := strings.TrimSuffix(dir, "/") + "/" + info.Name()
		if info.IsDir() {
			err = Walk(ctx, fsys, name, fn)
		} else {
			err = fn(name, info)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Info is a plain fs.FileInfo.
type Info struct {
	FileName string
	Bytes    int64
	Dir      bool
	Modified time.Time
}

func (i Info) Name() string       { return i.FileName }
func (i Info) Size() int64        { return i.Bytes }
func (i Info) IsDir() bool        { return i.Dir }
func (i Info) ModTime() time.Time { return i.Modified }
func (i Info) Sys() any           { return nil }
func (i Info) Mode() fs.FileMode {
	if i.Dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}
