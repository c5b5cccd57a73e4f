package client

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// FS is a read-only io/fs view of the file system. Names have no leading slash: "." is the root. It implements ReadDirFS,
// StatFS, ReadFileFS and GlobFS (with Hadoop's patterns). The context is for all calls on it.
func (c *Client) FS(ctx context.Context) fs.FS { return &fsView{c: c, ctx: ctx} }

type fsView struct {
	c   *Client
	ctx context.Context
}

var (
	_ fs.ReadDirFS  = (*fsView)(nil)
	_ fs.StatFS     = (*fsView)(nil)
	_ fs.ReadFileFS = (*fsView)(nil)
	_ fs.GlobFS     = (*fsView)(nil)
)

func (v *fsView) path(op, name string) (string, error) {
	if !fs.ValidPath(name) {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return path.Join("/", name), nil
}

func (v *fsView) Open(name string) (fs.File, error) {
	p, err := v.path("open", name)
	if err != nil {
		return nil, err
	}
	info, err := v.c.Stat(v.ctx, p)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return &fsDir{v: v, info: info}, nil
	}
	r, err := v.c.Open(v.ctx, p)
	if err != nil {
		return nil, err
	}
	r.info = info
	return fsFile{r}, nil
}

func (v *fsView) Stat(name string) (fs.FileInfo, error) {
	p, err := v.path("stat", name)
	if err != nil {
		return nil, err
	}
	return asInfo(v.c.Stat(v.ctx, p))
}

func (v *fsView) ReadFile(name string) ([]byte, error) {
	p, err := v.path("open", name)
	if err != nil {
		return nil, err
	}
	return v.c.ReadFile(v.ctx, p)
}

func (v *fsView) ReadDir(name string) ([]fs.DirEntry, error) {
	p, err := v.path("readdir", name)
	if err != nil {
		return nil, err
	}
	infos, err := v.c.ReadDir(v.ctx, p)
	if err != nil {
		return nil, err
	}
	if len(infos) == 1 && infos[0].path == p && !infos[0].IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("not a directory")}
	}
	return entries(infos), nil
}

func (v *fsView) Glob(pattern string) ([]string, error) {
	infos, err := v.c.Glob(v.ctx, "/"+pattern)
	if err != nil {
		return nil, path.ErrBadPattern
	}
	var names []string
	for _, i := range infos {
		names = append(names, strings.TrimPrefix(i.path, "/"))
	}
	return names, nil
}

// entries sorts by name, as io/fs wants it; the namenode's order is another one for names that are not ASCII.
func entries(infos []*FileInfo) []fs.DirEntry {
	out := make([]fs.DirEntry, len(infos))
	for i, e := range infos {
		out[i] = e
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out
}

func asInfo(i *FileInfo, err error) (fs.FileInfo, error) {
	if err != nil {
		return nil, err
	}
	return i, nil
}

// fsFile is a Reader as an fs.File.
type fsFile struct{ *Reader }

func (f fsFile) Stat() (fs.FileInfo, error) { return asInfo(f.Reader.Stat()) }

// fsDir is an open directory.
type fsDir struct {
	v     *fsView
	info  *FileInfo
	rest  []fs.DirEntry
	begun bool
}

func (d *fsDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *fsDir) Close() error               { return nil }
func (d *fsDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.path, Err: errors.New("is a directory")}
}

func (d *fsDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if !d.begun {
		infos, err := d.v.c.ReadDir(d.v.ctx, d.info.path)
		if err != nil {
			return nil, err
		}
		d.rest, d.begun = entries(infos), true
	}
	if n <= 0 {
		all := d.rest
		d.rest = nil
		return all, nil
	}
	if len(d.rest) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.rest))
	part := d.rest[:n]
	d.rest = d.rest[n:]
	return part, nil
}
