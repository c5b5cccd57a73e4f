// Package hdfs is HDFS as tables see it: storage.FS over our own client. It stands apart from package storage so that who
// needs only the interface does not link the client.
package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/table/storage"
)

// FS is storage.FS over a client.
type FS struct {
	c      *client.Client
	prefix string
}

var _ storage.FS = (*FS)(nil)

// Open connects to the file system of a URI (hdfs://host:port or hdfs://name-service); "" is fs.defaultFS. Close it.
func Open(uri string, cf *conf.Conf) (*FS, error) {
	if uri == "" {
		uri = cf.String("fs.defaultFS")
	}
	u, err := url.Parse(uri)
	if err != nil {
		return nil, fmt.Errorf("file system %s: %w", uri, err)
	}
	if u.Scheme != "hdfs" || u.Host == "" {
		return nil, fmt.Errorf("file system %s: want hdfs://host:port", uri)
	}
	c, err := client.FromConf(cf.With("fs.defaultFS", "hdfs://"+u.Host))
	if err != nil {
		return nil, err
	}
	return New(c, "hdfs://"+u.Host), nil
}

// New wraps a client; prefix is the URI of its file system, "hdfs://host:port".
func New(c *client.Client, prefix string) *FS { return &FS{c: c, prefix: prefix} }

// Close ends the client.
func (f *FS) Close() error { return f.c.Close() }

func (f *FS) Prefix() string { return f.prefix }

type file struct{ *client.Reader }

func (r file) Stat() (fs.FileInfo, error) {
	info, err := r.Reader.Stat()
	if err != nil {
		return nil, err
	}
	return info, nil
}

func (f *FS) Open(ctx context.Context, name string) (storage.File, error) {
	r, err := f.c.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	return file{r}, nil
}

func (f *FS) Create(ctx context.Context, name string, opts storage.CreateOptions) (storage.FileWriter, error) {
	w, err := f.c.Create(ctx, name, client.CreateOptions{Overwrite: opts.Overwrite, CreateParent: true, Replication: opts.Replication})
	if err != nil {
		return nil, err
	}
	return w, nil
}

func (f *FS) Rename(ctx context.Context, oldName, newName string) error {
	return f.c.Rename(ctx, oldName, newName, client.RenameOptions{Overwrite: true, MakeParents: true})
}

func (f *FS) RenameNoReplace(ctx context.Context, oldName, newName string) error {
	return f.c.Rename(ctx, oldName, newName, client.RenameOptions{MakeParents: true})
}

func (f *FS) Remove(ctx context.Context, name string) error {
	ok, err := f.c.Remove(ctx, name, false)
	if err == nil && !ok {
		err = &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	return err
}

func (f *FS) RemoveAll(ctx context.Context, name string) error {
	_, err := f.c.Remove(ctx, name, true)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (f *FS) MkdirAll(ctx context.Context, name string) error {
	return f.c.Mkdirs(ctx, name, 0o755, true)
}

func (f *FS) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	info, err := f.c.Stat(ctx, name)
	if err != nil {
		return nil, err
	}
	return info, nil
}

func (f *FS) ReadDir(ctx context.Context, name string) ([]fs.FileInfo, error) {
	infos, err := f.c.ReadDir(ctx, name)
	if err != nil {
		return nil, err
	}
	out := make([]fs.FileInfo, len(infos))
	for i, info := range infos {
		out[i] = info
	}
	return out, nil
}

func (f *FS) Blocks(ctx context.Context, name string) ([]storage.Block, error) {
	locations, err := f.c.Locations(ctx, name, 0, -1)
	if err != nil {
		return nil, err
	}
	out := make([]storage.Block, len(locations))
	for i, l := range locations {
		out[i] = storage.Block{Offset: l.Offset, Length: l.Length, Hosts: l.Hosts}
	}
	return out, nil
}
