package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Local is a file system in a directory of this machine. Names are relative to the directory, URIs are file:// with the directory in front.
type Local struct{ root string }

// NewLocal takes the directory, which must exist.
func NewLocal(root string) (*Local, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(abs)
	if err != nil {
		return nil, fmt.Errorf("local file system: %w (make the directory first)", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("local file system: %s is not a directory", abs)
	}
	return &Local{root: strings.TrimSuffix(abs, "/")}, nil
}

func (l *Local) Prefix() string { return "file://" + l.root }

func (l *Local) path(name string) string { return l.root + filepath.Clean("/"+name) }

func (l *Local) Open(_ context.Context, name string) (File, error) { return os.Open(l.path(name)) }

type localWriter struct {
	*os.File
	closed bool
}

func (w *localWriter) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	return w.File.Close()
}

func (w *localWriter) Abort() error {
	return errors.Join(w.Close(), os.Remove(w.Name()))
}

func (l *Local) Create(_ context.Context, name string, opts CreateOptions) (FileWriter, error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if !opts.Overwrite {
		flags |= os.O_EXCL
	}
	path := l.path(name)
	f, err := os.OpenFile(path, flags, 0o644)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		f, err = os.OpenFile(path, flags, 0o644)
	}
	if err != nil {
		return nil, err
	}
	return &localWriter{File: f}, nil
}

func (l *Local) Rename(_ context.Context, oldName, newName string) error {
	if err := os.MkdirAll(filepath.Dir(l.path(newName)), 0o755); err != nil {
		return err
	}
	return os.Rename(l.path(oldName), l.path(newName))
}

func (l *Local) RenameNoReplace(_ context.Context, oldName, newName string) error {
	if err := os.MkdirAll(filepath.Dir(l.path(newName)), 0o755); err != nil {
		return err
	}
	err := unix.Renameat2(unix.AT_FDCWD, l.path(oldName), unix.AT_FDCWD, l.path(newName), unix.RENAME_NOREPLACE)
	if err != nil {
		return &fs.PathError{Op: "rename", Path: newName, Err: err}
	}
	return nil
}

func (l *Local) Remove(_ context.Context, name string) error    { return os.Remove(l.path(name)) }
func (l *Local) RemoveAll(_ context.Context, name string) error { return os.RemoveAll(l.path(name)) }
func (l *Local) MkdirAll(_ context.Context, name string) error {
	return os.MkdirAll(l.path(name), 0o755)
}
func (l *Local) Stat(_ context.Context, name string) (fs.FileInfo, error) {
	return os.Stat(l.path(name))
}

func (l *Local) ReadDir(_ context.Context, name string) ([]fs.FileInfo, error) {
	entries, err := os.ReadDir(l.path(name))
	if err != nil {
		return nil, err
	}
	out := make([]fs.FileInfo, 0, len(entries))
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed while we were listing
		}
		if err != nil {
			return nil, err
		}
		out = append(out, info)
	}
	return out, nil
}

func (l *Local) Blocks(ctx context.Context, name string) ([]Block, error) {
	info, err := l.Stat(ctx, name)
	if err != nil {
		return nil, err
	}
	return []Block{{Length: info.Size()}}, nil
}
