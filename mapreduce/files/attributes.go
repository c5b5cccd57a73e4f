package files

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/mapreduce"
)

var _ mapreduce.AttributeFS = (*FS)(nil)

// hdfs finds the client of a path; errors.ErrUnsupported on other file systems.
func (f *FS) hdfs(p string) (*client.Client, string, error) {
	one, in, err := f.at(p)
	if err != nil {
		return nil, "", err
	}
	h, ok := one.(hdfsFS)
	if !ok {
		return nil, "", errors.ErrUnsupported
	}
	return h.c, in, nil
}

// Attributes implements mapreduce.AttributeFS.
func (f *FS) Attributes(ctx context.Context, p string) (mapreduce.Attributes, error) {
	c, in, err := f.hdfs(p)
	if err != nil {
		return mapreduce.Attributes{}, err
	}
	i, err := c.Stat(ctx, in)
	if err != nil {
		return mapreduce.Attributes{}, err
	}
	return mapreduce.Attributes{Owner: i.Owner(), Group: i.Group(), Permission: i.Perm(), Replication: i.Replication(), BlockSize: i.BlockSize(), ModTime: i.ModTime(),
		AccessTime: i.AccessTime()}, nil
}

// SetAttributes implements mapreduce.AttributeFS.
func (f *FS) SetAttributes(ctx context.Context, p string, a mapreduce.Attributes, letters string) error {
	c, in, err := f.hdfs(p)
	if err != nil {
		return err
	}
	if strings.Contains(letters, "r") && a.Replication > 0 {
		if _, err := c.SetReplication(ctx, in, a.Replication); err != nil {
			return err
		}
	}
	var owner, group string
	if strings.Contains(letters, "u") {
		owner = a.Owner
	}
	if strings.Contains(letters, "g") {
		group = a.Group
	}
	if owner != "" || group != "" {
		if err := c.SetOwner(ctx, in, owner, group); err != nil {
			return err
		}
	}
	if strings.Contains(letters, "p") {
		mode := fs.FileMode(a.Permission & 0o777)
		if a.Permission&0o1000 != 0 {
			mode |= fs.ModeSticky
		}
		if err := c.SetPermission(ctx, in, mode); err != nil {
			return err
		}
	}
	if strings.Contains(letters, "t") { // last: the others touch the file
		atime := a.AccessTime
		if atime.UnixMilli() == 0 {
			atime = time.Time{}
		}
		return c.SetTimes(ctx, in, a.ModTime, atime)
	}
	return nil
}

// CreateWith implements mapreduce.AttributeFS.
func (f *FS) CreateWith(ctx context.Context, p string, replication int, blockSize int64) (io.WriteCloser, error) {
	c, in, err := f.hdfs(p)
	if err != nil {
		return nil, err
	}
	return c.Create(ctx, in, client.CreateOptions{Overwrite: true, CreateParent: true, Replication: replication, BlockSize: blockSize})
}

// Checksum implements mapreduce.AttributeFS.
func (f *FS) Checksum(ctx context.Context, p string) (string, []byte, error) {
	c, in, err := f.hdfs(p)
	if err != nil {
		return "", nil, err
	}
	sum, err := c.Checksum(ctx, in, 0)
	return sum.Algorithm, sum.Bytes, err
}
