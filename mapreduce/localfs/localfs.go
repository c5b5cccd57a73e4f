// Package localfs is mapreduce.FS on a directory of this machine: for tests, for `file://` paths and for jobs without a cluster.
package localfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"github.com/lodehq/lode/mapreduce"
)

// FS serves paths below Root. Root "" or "/" is the whole machine. BlockSize is what Stat answers; 0 means 128 MiB.
type FS struct {
	Root      string
	BlockSize int64
}

var _ mapreduce.FS = FS{}

func (f FS) real(p string) string {
	p = strings.TrimPrefix(p, "file://")
	return filepath.Join(f.Root, filepath.FromSlash(path.Clean("/"+p)))
}

// Open implements mapreduce.FS.
func (f FS) Open(_ context.Context, p string) (mapreduce.File, error) { return os.Open(f.real(p)) }

// Create implements mapreduce.FS.
func (f FS) Create(_ context.Context, p string, overwrite bool) (io.WriteCloser, error) {
	name := f.real(p)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, err
	}
	flags := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	if !overwrite {
		flags |= os.O_EXCL
	}
	return os.OpenFile(name, flags, 0o644)
}

// Stat implements mapreduce.FS.
func (f FS) Stat(_ context.Context, p string) (mapreduce.FileInfo, error) {
	st, err := os.Stat(f.real(p))
	if err != nil {
		return mapreduce.FileInfo{}, err
	}
	return f.info(p, st), nil
}

func (f FS) info(p string, st fs.FileInfo) mapreduce.FileInfo {
	size := f.BlockSize
	if size == 0 {
		size = 128 << 20
	}
	info := mapreduce.FileInfo{Path: p, Name: st.Name(), Dir: st.IsDir(), BlockSize: size, ModTime: st.ModTime()}
	if !st.IsDir() {
		info.Size = st.Size()
	}
	return info
}

// List implements mapreduce.FS.
func (f FS) List(ctx context.Context, p string) ([]mapreduce.FileInfo, error) {
	st, err := os.Stat(f.real(p))
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return []mapreduce.FileInfo{f.info(p, st)}, nil
	}
	entries, err := os.ReadDir(f.real(p))
	if err != nil {
		return nil, err
	}
	var out []mapreduce.FileInfo
	for _, e := range entries {
		st, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, f.info(strings.TrimSuffix(p, "/")+"/"+e.Name(), st))
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out, nil
}

// Mkdirs implements mapreduce.FS.
func (f FS) Mkdirs(_ context.Context, p string) error { return os.MkdirAll(f.real(p), 0o755) }

// Remove implements mapreduce.FS.
func (f FS) Remove(_ context.Context, p string, recursive bool) error {
	if recursive {
		return os.RemoveAll(f.real(p))
	}
	if err := os.Remove(f.real(p)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Rename implements mapreduce.FS.
func (f FS) Rename(_ context.Context, from, to string) error {
	if _, err := os.Lstat(f.real(to)); err == nil {
		return fmt.Errorf("rename %s to %s: %w", from, to, fs.ErrExist)
	}
	return os.Rename(f.real(from), f.real(to))
}

// Locations implements mapreduce.FS: one location without hosts.
func (f FS) Locations(ctx context.Context, p string, offset, length int64) ([]mapreduce.Location, error) {
	st, err := f.Stat(ctx, p)
	if err != nil {
		return nil, err
	}
	var out []mapreduce.Location
	end := min(st.Size, offset+length)
	for at := offset - offset%st.BlockSize; at < end; at += st.BlockSize {
		out = append(out, mapreduce.Location{Offset: at, Length: min(st.BlockSize, st.Size-at)})
	}
	return out, nil
}
