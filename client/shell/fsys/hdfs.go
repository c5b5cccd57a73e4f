package fsys

import (
	"context"
	"io/fs"
	"iter"
	"time"

	"github.com/lodehq/lode/client"
)

// HDFS is an HDFS as the shell sees it.
type HDFS struct {
	*client.Client
	uri string
}

// NewHDFS wraps a client for the file system that is called uri.
func NewHDFS(c *client.Client, uri string) *HDFS { return &HDFS{c, uri} }

// URI is scheme and authority.
func (h *HDFS) URI() string { return h.uri }

// FromInfo turns the client's FileInfo into a Status.
func FromInfo(i *client.FileInfo) *Status {
	s := &Status{
		Path: i.Path(), Dir: i.IsDir(), Link: i.Mode()&fs.ModeSymlink != 0, Len: i.Size(), Perm: i.Perm(), ACL: i.HasACL(),
		Encrypted: i.Encrypted(), EC: i.ErasureCodingPolicy(), Owner: i.Owner(), Group: i.Group(),
		Replication: i.Replication(), BlockSize: i.BlockSize(), MTime: i.ModTime(), ATime: i.AccessTime(),
	}
	return s
}

// Stat describes a path.
func (h *HDFS) Stat(ctx context.Context, p string) (*Status, error) {
	i, err := h.Client.Stat(ctx, p)
	if err != nil {
		return nil, err
	}
	return FromInfo(i), nil
}

// List goes through a directory.
func (h *HDFS) List(ctx context.Context, p string) iter.Seq2[*Status, error] {
	return func(yield func(*Status, error) bool) {
		for i, err := range h.Client.List(ctx, p) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(FromInfo(i), nil) {
				return
			}
		}
	}
}

// Open opens a file.
func (h *HDFS) Open(ctx context.Context, p string) (File, error) {
	r, err := h.Client.Open(ctx, p)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Create makes a file.
func (h *HDFS) Create(ctx context.Context, p string, o Create) (Writer, error) {
	co := client.CreateOptions{
		Overwrite: o.Overwrite, CreateParent: true, LazyPersist: o.LazyPersist, Replication: o.Replication, BlockSize: o.BlockSize,
	}
	if o.LazyPersist {
		co.Replication = 1
	}
	w, err := h.Client.Create(ctx, p, co)
	if err != nil {
		return nil, err
	}
	return w, nil
}

// Append continues a file.
func (h *HDFS) Append(ctx context.Context, p string, newBlock bool) (Writer, error) {
	w, err := h.Client.Append(ctx, p, client.AppendOptions{NewBlock: newBlock})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// Mkdirs makes a directory and those above it.
func (h *HDFS) Mkdirs(ctx context.Context, p string) error {
	return h.Client.Mkdirs(ctx, p, 0o777, true)
}

// Delete removes.
func (h *HDFS) Delete(ctx context.Context, p string, recursive bool) (bool, error) {
	return h.Client.Remove(ctx, p, recursive)
}

// Rename is the older rename, into directories.
func (h *HDFS) Rename(ctx context.Context, src, dst string) (bool, error) {
	return h.Client.Move(ctx, src, dst)
}

// SetPerm changes permissions.
func (h *HDFS) SetPerm(ctx context.Context, p string, perm uint32) error {
	return h.Client.SetPermission(ctx, p, fs.FileMode(perm))
}

// SetOwner changes owner and group.
func (h *HDFS) SetOwner(ctx context.Context, p, owner, group string) error {
	return h.Client.SetOwner(ctx, p, owner, group)
}

// SetTimes changes times.
func (h *HDFS) SetTimes(ctx context.Context, p string, mtime, atime time.Time) error {
	return h.Client.SetTimes(ctx, p, mtime, atime)
}
