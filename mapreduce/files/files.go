// Package files is mapreduce.FS over the schemes that jobs name: hdfs:// through client (one client a cluster), file:// on this
// machine, and paths without scheme in the default file system of the configuration.
package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"strings"
	"sync"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/localfs"
)

// FS opens clients as paths name them. Safe for concurrent use.
type FS struct {
	conf *conf.Conf
	def  string     // scheme://authority of paths without one
	mu   sync.Mutex // guards open; no I/O under it
	open map[string]mapreduce.FS
	done []io.Closer
}

var _ mapreduce.FS = (*FS)(nil)

// Open makes an FS. Nothing is connected before it is used.
func Open(c *conf.Conf) (*FS, error) {
	def := strings.TrimSuffix(c.String("fs.defaultFS"), "/")
	if def == "file:" || def == "" {
		def = "file://"
	}
	f := &FS{conf: c, def: def, open: map[string]mapreduce.FS{}}
	if _, _, err := f.at(def + "/"); err != nil {
		return nil, err
	}
	return f, nil
}

// Default is the URI of the default file system.
func (f *FS) Default() string { return f.def }

// Close ends the clients.
func (f *FS) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var err error
	for _, c := range f.done {
		err = errors.Join(err, c.Close())
	}
	f.done, f.open = nil, map[string]mapreduce.FS{}
	return err
}

// at finds the file system of a path, and the path inside it.
func (f *FS) at(p string) (mapreduce.FS, string, error) {
	if !strings.Contains(p, "://") {
		if rest, ok := strings.CutPrefix(p, "file:"); ok {
			return localfs.FS{}, rest, nil
		}
		if !strings.HasPrefix(p, "/") {
			p = "/user/" + User() + "/" + p
		}
		p = f.def + p
	}
	if rest, ok := strings.CutPrefix(p, "file://"); ok {
		return localfs.FS{}, rest, nil
	}
	u, err := url.Parse(escape(p))
	if err != nil {
		return nil, "", fmt.Errorf("path %q: %w", p, err)
	}
	authority := u.Scheme + "://" + u.Host
	_, inside, _ := strings.Cut(p[len(u.Scheme)+3:], "/")
	inside = "/" + inside
	if u.Host == "" { // hdfs:///path
		authority = f.def
	}
	if u.Scheme != "hdfs" && u.Scheme != "lode" {
		return nil, "", fmt.Errorf("path %q: file systems of jobs are hdfs:// and file://", p)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if one := f.open[authority]; one != nil {
		return one, inside, nil
	}
	c, err := client.FromConf(f.conf.With("fs.defaultFS", authority))
	if err != nil {
		return nil, "", err
	}
	one := hdfsFS{c}
	f.open[authority] = one
	f.done = append(f.done, c)
	return one, inside, nil
}

// escape keeps url.Parse from reading % and ? of file names as syntax: only scheme and host matter here.
func escape(p string) string {
	if i := strings.Index(p, "://"); i >= 0 {
		if j := strings.IndexByte(p[i+3:], '/'); j >= 0 {
			return p[:i+3+j]
		}
	}
	return p
}

// Open implements mapreduce.FS.
func (f *FS) Open(ctx context.Context, p string) (mapreduce.File, error) {
	one, in, err := f.at(p)
	if err != nil {
		return nil, err
	}
	return one.Open(ctx, in)
}

// Create implements mapreduce.FS.
func (f *FS) Create(ctx context.Context, p string, overwrite bool) (io.WriteCloser, error) {
	one, in, err := f.at(p)
	if err != nil {
		return nil, err
	}
	return one.Create(ctx, in, overwrite)
}

// Stat implements mapreduce.FS.
func (f *FS) Stat(ctx context.Context, p string) (mapreduce.FileInfo, error) {
	one, in, err := f.at(p)
	if err != nil {
		return mapreduce.FileInfo{}, err
	}
	i, err := one.Stat(ctx, in)
	i.Path = p
	return i, err
}

// List implements mapreduce.FS.
func (f *FS) List(ctx context.Context, p string) ([]mapreduce.FileInfo, error) {
	one, in, err := f.at(p)
	if err != nil {
		return nil, err
	}
	list, err := one.List(ctx, in)
	for i := range list {
		if list[i].Path == in { // p is a file
			list[i].Path = p
		} else {
			list[i].Path = strings.TrimSuffix(p, "/") + "/" + list[i].Name
		}
	}
	return list, err
}

// Mkdirs implements mapreduce.FS.
func (f *FS) Mkdirs(ctx context.Context, p string) error {
	one, in, err := f.at(p)
	if err != nil {
		return err
	}
	return one.Mkdirs(ctx, in)
}

// Remove implements mapreduce.FS.
func (f *FS) Remove(ctx context.Context, p string, recursive bool) error {
	one, in, err := f.at(p)
	if err != nil {
		return err
	}
	return one.Remove(ctx, in, recursive)
}

// Rename implements mapreduce.FS; both paths must be in one file system.
func (f *FS) Rename(ctx context.Context, from, to string) error {
	one, in, err := f.at(from)
	if err != nil {
		return err
	}
	other, out, err := f.at(to)
	if err != nil {
		return err
	}
	if one != other {
		return fmt.Errorf("rename %s to %s: not the same file system", from, to)
	}
	return one.Rename(ctx, in, out)
}

// Locations implements mapreduce.FS.
func (f *FS) Locations(ctx context.Context, p string, offset, length int64) ([]mapreduce.Location, error) {
	one, in, err := f.at(p)
	if err != nil {
		return nil, err
	}
	return one.Locations(ctx, in, offset, length)
}

// hdfsFS is one cluster.
type hdfsFS struct{ c *client.Client }

func (h hdfsFS) Open(ctx context.Context, p string) (mapreduce.File, error) { return h.c.Open(ctx, p) }

func (h hdfsFS) Create(ctx context.Context, p string, overwrite bool) (io.WriteCloser, error) {
	return h.c.Create(ctx, p, client.CreateOptions{Overwrite: overwrite, CreateParent: true})
}

func (h hdfsFS) Stat(ctx context.Context, p string) (mapreduce.FileInfo, error) {
	i, err := h.c.Stat(ctx, p)
	if err != nil {
		return mapreduce.FileInfo{}, err
	}
	return info(i), nil
}

func info(i *client.FileInfo) mapreduce.FileInfo {
	return mapreduce.FileInfo{Path: i.Path(), Name: i.Name(), Size: i.Size(), Dir: i.IsDir(), BlockSize: i.BlockSize(), ModTime: i.ModTime()}
}

func (h hdfsFS) List(ctx context.Context, p string) ([]mapreduce.FileInfo, error) {
	st, err := h.c.Stat(ctx, p)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		one := info(st)
		one.Path = p
		return []mapreduce.FileInfo{one}, nil
	}
	list, err := h.c.ReadDir(ctx, p)
	if err != nil {
		return nil, err
	}
	out := make([]mapreduce.FileInfo, len(list))
	for i, e := range list {
		out[i] = info(e)
	}
	return out, nil
}

func (h hdfsFS) Mkdirs(ctx context.Context, p string) error { return h.c.Mkdirs(ctx, p, 0o777, true) }

func (h hdfsFS) Remove(ctx context.Context, p string, recursive bool) error {
	_, err := h.c.Remove(ctx, p, recursive)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (h hdfsFS) Rename(ctx context.Context, from, to string) error {
	return h.c.Rename(ctx, from, to, client.RenameOptions{})
}

func (h hdfsFS) Locations(ctx context.Context, p string, offset, length int64) ([]mapreduce.Location, error) {
	list, err := h.c.Locations(ctx, p, offset, length)
	if err != nil {
		return nil, err
	}
	out := make([]mapreduce.Location, len(list))
	for i, l := range list {
		out[i] = mapreduce.Location{Offset: l.Offset, Length: l.Length, Hosts: l.Hosts}
	}
	return out, nil
}
