package mapreduce

import (
	"context"
	"io"
	"time"
)

// FS is a file system as jobs see it. Paths are absolute and slash-separated, or URIs (hdfs://host:port/path, file:///path);
// a path without scheme belongs to the default file system. Errors satisfy errors.Is with fs.ErrNotExist, fs.ErrExist.
// Implementations are safe for concurrent use.
type FS interface {
	Open(ctx context.Context, path string) (File, error)
	// Create makes parent directories; it fails with fs.ErrExist when the file exists and overwrite is false.
	// The file is complete after Close returned nil.
	Create(ctx context.Context, path string, overwrite bool) (io.WriteCloser, error)
	Stat(ctx context.Context, path string) (FileInfo, error)
	// List returns the entries of a directory sorted by name, or the file itself.
	List(ctx context.Context, path string) ([]FileInfo, error)
	Mkdirs(ctx context.Context, path string) error
	Remove(ctx context.Context, path string, recursive bool) error // nil when there is nothing
	Rename(ctx context.Context, from, to string) error             // fails with fs.ErrExist when to exists; makes no parents
	Locations(ctx context.Context, path string, offset, length int64) ([]Location, error)
}

// File is an open file.
type File interface {
	io.Reader
	io.ReaderAt
	io.Seeker
	io.Closer
}

// FileInfo describes a file or directory.
type FileInfo struct {
	Path      string // as given to List or Stat, joined with the name
	Name      string
	Size      int64
	Dir       bool
	BlockSize int64
	ModTime   time.Time
}

// Location says where a range of a file lies.
type Location struct {
	Offset, Length int64
	Hosts          []string // empty on a local file system
}

// Committer is implemented by file systems that can publish many files in one operation (one entry in the namenode's journal):
// all renames happen and success is created (empty), or nothing does. Renames whose source is gone and whose target
// exists count as done.
type Committer interface {
	CommitJob(ctx context.Context, renames [][2]string, success string) error
}
