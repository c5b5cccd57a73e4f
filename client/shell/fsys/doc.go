// Package fsys is what the shell sees of file systems: one interface over HDFS and the local disk, the paths that a user types
// (with or without scheme, relative, with wildcards), and how they are printed back.
//
// A path keeps the form in which it was typed: `-ls dir` prints dir/file, `-ls hdfs://host/dir` prints whole URIs
// (org.apache.hadoop.fs.shell.PathData).
package fsys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"time"
)

// Status describes a file or directory.
type Status struct {
	Path        string // absolute, on its file system
	Dir, Link   bool
	Len         int64
	Perm        uint32 // nine bits and the sticky bit
	ACL         bool
	Encrypted   bool
	EC          string // erasure coding policy
	Owner       string
	Group       string
	Replication int // 0 for a directory
	BlockSize   int64
	MTime       time.Time
	ATime       time.Time
}

// Create says how a file is made.
type Create struct {
	Overwrite   bool
	LazyPersist bool
	Replication int // 0 is the default
	BlockSize   int64
}

// File is an open file.
type File interface {
	io.ReadSeekCloser
	io.ReaderAt
	Size() int64
}

// Writer is a file that is being written. Abort gives it up.
type Writer interface {
	io.WriteCloser
	Abort() error
}

// FS is a file system. Paths are absolute. A missing file is an fs.ErrNotExist.
type FS interface {
	URI() string  // such as hdfs://host:8020 or file://
	Home() string // what relative paths are relative to
	Stat(ctx context.Context, p string) (*Status, error)
	List(ctx context.Context, p string) iter.Seq2[*Status, error]
	Open(ctx context.Context, p string) (File, error)
	Create(ctx context.Context, p string, o Create) (Writer, error)
	Append(ctx context.Context, p string, newBlock bool) (Writer, error)
	Mkdirs(ctx context.Context, p string) error
	Delete(ctx context.Context, p string, recursive bool) (bool, error)
	Rename(ctx context.Context, src, dst string) (bool, error)
	SetPerm(ctx context.Context, p string, perm uint32) error
	SetOwner(ctx context.Context, p, owner, group string) error
	SetTimes(ctx context.Context, p string, mtime, atime time.Time) error
}

// PathError is a complaint about a path in the shell's words: `path': what.
type PathError struct {
	Op     string
	Path   string
	Target string
	What   string
	Full   string // the whole URI, where the shell prints it too
	Kind   error  // an fs or syscall sentinel, for errors.Is
}

func (e *PathError) Error() string {
	s := ""
	if e.Op != "" {
		s = e.Op + " "
	}
	s += "`" + e.Path + "'"
	if e.Target != "" {
		s += " to `" + e.Target + "'"
	}
	what := e.What
	if what == "" {
		what = "Input/output error"
	}
	s += ": " + what
	if e.Full != "" {
		s += ": `" + e.Full + "'"
	}
	return s
}

func (e *PathError) Unwrap() error { return e.Kind }

// The shell's complaints about paths.
var (
	ErrIsDir    = errors.New("is a directory")
	ErrNotDir   = errors.New("is not a directory")
	ErrNotEmpty = errors.New("directory is not empty")
)

// NotFound says that nothing is there.
func NotFound(p string) error {
	return &PathError{Path: p, What: "No such file or directory", Kind: fs.ErrNotExist}
}

// NotFoundAt is NotFound with the path's whole URI behind it.
func NotFoundAt(i *Item) error {
	return &PathError{Path: i.String(), What: "No such file or directory", Full: i.URI(), Kind: fs.ErrNotExist}
}

// Exists says that something is there already.
func Exists(p string) error { return &PathError{Path: p, What: "File exists", Kind: fs.ErrExist} }

// IsDir says that a file is wanted.
func IsDir(p string) error { return &PathError{Path: p, What: "Is a directory", Kind: ErrIsDir} }

// IsNotDir says that a directory is wanted.
func IsNotDir(p string) error {
	return &PathError{Path: p, What: "Is not a directory", Kind: ErrNotDir}
}

// NotEmpty says that a directory has entries.
func NotEmpty(p string) error {
	return &PathError{Path: p, What: "Directory is not empty", Kind: ErrNotEmpty}
}

// Pathf is another complaint about a path.
func Pathf(p, format string, args ...any) error {
	return &PathError{Path: p, What: fmt.Sprintf(format, args...)}
}

// ReadAll lists a directory to its end.
func ReadAll(ctx context.Context, f FS, p string) ([]*Status, error) {
	var all []*Status
	for s, err := range f.List(ctx, p) {
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}
