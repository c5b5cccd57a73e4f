package fsys

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Local is the disk of this host.
type Local struct{ users names }

// NewLocal makes one.
func NewLocal() *Local { return &Local{} }

// localBlock is the block size that Hadoop shows for local files (fs.local.block.size, 32 MiB).
const localBlock = 32 << 20

// URI is file://.
func (l *Local) URI() string { return "file://" }

// Home is the working directory.
func (l *Local) Home() string {
	d, err := os.Getwd()
	if err != nil {
		return "/"
	}
	return d
}

// File is the open file of the operating system.
type localFile struct {
	*os.File
	size int64
}

func (f localFile) Size() int64 { return f.size }

// Stat describes a path, through symbolic links.
func (l *Local) Stat(_ context.Context, p string) (*Status, error) {
	i, err := os.Stat(p)
	if err != nil {
		return nil, err
	}
	return l.status(p, i), nil
}

func (l *Local) status(p string, i fs.FileInfo) *Status {
	s := &Status{
		Path: p, Dir: i.IsDir(), Len: i.Size(), Perm: uint32(i.Mode().Perm()), MTime: i.ModTime(), ATime: i.ModTime(),
		Replication: 1, BlockSize: localBlock,
	}
	if i.Mode()&fs.ModeSticky != 0 {
		s.Perm |= 0o1000
	}
	if s.Dir {
		s.Replication = 1
	}
	l.users.fill(s, i)
	return s
}

// List goes through a directory, by name.
func (l *Local) List(_ context.Context, p string) iter.Seq2[*Status, error] {
	return func(yield func(*Status, error) bool) {
		entries, err := os.ReadDir(p)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, e := range entries {
			full := filepath.Join(p, e.Name())
			i, err := os.Stat(full)
			if errors.Is(err, fs.ErrNotExist) {
				if i, err = os.Lstat(full); err != nil {
					continue // gone meanwhile
				}
			}
			if strings.HasPrefix(e.Name(), ".") && strings.HasSuffix(e.Name(), ".crc") {
				continue // Hadoop's own checksum files
			}
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			if !yield(l.status(full, i), nil) {
				return
			}
		}
	}
}

// Open opens a file.
func (l *Local) Open(_ context.Context, p string) (File, error) {
	f, err := os.Open(p)
	if err != nil {
		return nil, err
	}
	i, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	return localFile{f, i.Size()}, nil
}

type localWriter struct {
	*os.File
	created bool
}

// Abort closes and removes a file that was made.
func (w localWriter) Abort() error {
	w.File.Close()
	if w.created {
		return os.Remove(w.Name())
	}
	return nil
}

// Create makes a file and the directories above it.
func (l *Local) Create(_ context.Context, p string, o Create) (Writer, error) {
	if err := os.MkdirAll(filepath.Dir(p), 0o777); err != nil {
		return nil, err
	}
	flag := os.O_CREATE | os.O_RDWR | os.O_TRUNC
	if !o.Overwrite {
		flag |= os.O_EXCL
	}
	f, err := os.OpenFile(p, flag, 0o666)
	if err != nil {
		return nil, err
	}
	return localWriter{f, true}, nil
}

// Append continues a file.
func (l *Local) Append(_ context.Context, p string, _ bool) (Writer, error) {
	f, err := os.OpenFile(p, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	return localWriter{f, false}, nil
}

// Mkdirs makes a directory and those above it.
func (l *Local) Mkdirs(_ context.Context, p string) error { return os.MkdirAll(p, 0o777) }

// Delete removes.
func (l *Local) Delete(_ context.Context, p string, recursive bool) (bool, error) {
	if _, err := os.Lstat(p); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if recursive {
		return true, os.RemoveAll(p)
	}
	return true, os.Remove(p)
}

// Rename moves, into dst when it is a directory.
func (l *Local) Rename(_ context.Context, src, dst string) (bool, error) {
	if i, err := os.Stat(dst); err == nil && i.IsDir() {
		dst = filepath.Join(dst, filepath.Base(src))
	}
	return true, os.Rename(src, dst)
}

// SetPerm changes permissions.
func (l *Local) SetPerm(_ context.Context, p string, perm uint32) error {
	m := fs.FileMode(perm & 0o777)
	if perm&0o1000 != 0 {
		m |= fs.ModeSticky
	}
	return os.Chmod(p, m)
}

// SetOwner changes owner and group, by name or number.
func (l *Local) SetOwner(_ context.Context, p, owner, group string) error {
	uid, err := l.users.uid(owner)
	if err != nil {
		return err
	}
	gid, err := l.users.gid(group)
	if err != nil {
		return err
	}
	return os.Chown(p, uid, gid)
}

// SetTimes changes times.
func (l *Local) SetTimes(_ context.Context, p string, mtime, atime time.Time) error {
	return os.Chtimes(p, atime, mtime)
}

func number(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil
}
