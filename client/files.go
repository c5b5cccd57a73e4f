package client

import (
	"context"
	"io/fs"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Stat describes a file or directory. A missing path is an fs.ErrNotExist.
func (c *Client) Stat(ctx context.Context, name string) (*FileInfo, error) {
	p := c.abs(name)
	resp, err := c.nn.GetFileInfo(ctx, &hdfspb.GetFileInfoRequestProto{Src: str(p)})
	if err != nil {
		return nil, pathError("stat", p, err)
	}
	if resp.GetFs() == nil {
		return nil, pathError("stat", p, notFound(p))
	}
	return NewFileInfo(p, resp.GetFs()), nil
}

// Exists says whether there is something at the path.
func (c *Client) Exists(ctx context.Context, name string) (bool, error) {
	p := c.abs(name)
	resp, err := c.nn.GetFileInfo(ctx, &hdfspb.GetFileInfoRequestProto{Src: str(p)})
	if err != nil {
		return false, pathError("stat", p, err)
	}
	return resp.GetFs() != nil, nil
}

// Mkdirs makes a directory; with createParent also those above it. A directory that is there already is no error. The
// configured umask is taken off perm.
func (c *Client) Mkdirs(ctx context.Context, name string, perm fs.FileMode, createParent bool) error {
	p := c.abs(name)
	resp, err := c.nn.Mkdirs(ctx, &hdfspb.MkdirsRequestProto{
		Src:          str(p),
		Masked:       hadoopPerm(perm &^ c.set.umask),
		CreateParent: proto.Bool(createParent),
		Unmasked:     hadoopPerm(perm),
	})
	if err == nil && !resp.GetResult() {
		err = hdfs.Errorf(hdfs.IOException, "mkdirs of %s returned false", p)
	}
	return pathError("mkdir", p, err)
}

// Remove deletes a file or directory; a directory with entries only when recursive. It answers whether there was something
// to delete: a missing path is false and no error.
func (c *Client) Remove(ctx context.Context, name string, recursive bool) (bool, error) {
	p := c.abs(name)
	resp, err := c.nn.Delete(ctx, &hdfspb.DeleteRequestProto{Src: str(p), Recursive: proto.Bool(recursive)})
	if err != nil {
		return false, pathError("remove", p, err)
	}
	return resp.GetResult(), nil
}

// RenameOptions say what Rename may do.
type RenameOptions struct {
	Overwrite   bool // replace a file or an empty directory at dst
	ToTrash     bool // tell the namenode that this is a move to the trash
	IntoDir     bool // Hadoop's older rename: when dst is a directory move src into it
	MakeParents bool // make the directories above dst first
}

// Rename moves a file or directory, atomically.
func (c *Client) Rename(ctx context.Context, src, dst string, o RenameOptions) error {
	s, d := c.abs(src), c.abs(dst)
	if o.MakeParents {
		if err := c.Mkdirs(ctx, parent(d), 0o777, true); err != nil {
			return err
		}
	}
	if o.IntoDir {
		ok, err := c.Move(ctx, s, d)
		if err == nil && !ok {
			err = pathError("rename", s, hdfs.Errorf(hdfs.IOException, "rename from %s to %s was refused", s, d))
		}
		return err
	}
	_, err := c.nn.Rename2(ctx, &hdfspb.Rename2RequestProto{
		Src: str(s), Dst: str(d), OverwriteDest: proto.Bool(o.Overwrite), MoveToTrash: proto.Bool(o.ToTrash),
	})
	return pathError("rename", s, err)
}

// Move is Hadoop's older rename, the one of `hdfs dfs -mv`: into dst when dst is a directory, and false without an error for
// most refusals.
func (c *Client) Move(ctx context.Context, src, dst string) (bool, error) {
	s, d := c.abs(src), c.abs(dst)
	resp, err := c.nn.Rename(ctx, &hdfspb.RenameRequestProto{Src: str(s), Dst: str(d)})
	if err != nil {
		return false, pathError("rename", s, err)
	}
	return resp.GetResult(), nil
}

// SetPermission sets the nine permission bits and the sticky bit; no umask is taken off.
func (c *Client) SetPermission(ctx context.Context, name string, perm fs.FileMode) error {
	p := c.abs(name)
	_, err := c.nn.SetPermission(ctx, &hdfspb.SetPermissionRequestProto{Src: str(p), Permission: hadoopPerm(perm)})
	return pathError("chmod", p, err)
}

// SetOwner changes owner and group; "" leaves one as it is.
func (c *Client) SetOwner(ctx context.Context, name, owner, group string) error {
	p := c.abs(name)
	req := &hdfspb.SetOwnerRequestProto{Src: str(p)}
	if owner != "" {
		req.Username = str(owner)
	}
	if group != "" {
		req.Groupname = str(group)
	}
	_, err := c.nn.SetOwner(ctx, req)
	return pathError("chown", p, err)
}

// SetTimes sets modification and access time, to the millisecond. A zero time leaves one as it is.
func (c *Client) SetTimes(ctx context.Context, name string, mtime, atime time.Time) error {
	p := c.abs(name)
	_, err := c.nn.SetTimes(ctx, &hdfspb.SetTimesRequestProto{Src: str(p), Mtime: wireTime(mtime), Atime: wireTime(atime)})
	return pathError("touch", p, err)
}

// wireTime is milliseconds, -1 (as Java's long) for "leave it".
func wireTime(t time.Time) *uint64 {
	ms := int64(-1)
	if !t.IsZero() {
		ms = t.UnixMilli()
	}
	return proto.Uint64(uint64(ms))
}

// SetReplication asks for n replicas of a file. It answers false for a directory.
func (c *Client) SetReplication(ctx context.Context, name string, n int) (bool, error) {
	p := c.abs(name)
	resp, err := c.nn.SetReplication(ctx, &hdfspb.SetReplicationRequestProto{Src: str(p), Replication: proto.Uint32(uint32(n))})
	if err != nil {
		return false, pathError("setrep", p, err)
	}
	return resp.GetResult(), nil
}

// Truncate cuts a file to length bytes. It answers true when that is done, false when the last block is still being
// shortened: the file is closed again when that has ended.
func (c *Client) Truncate(ctx context.Context, name string, length int64) (bool, error) {
	p := c.abs(name)
	resp, err := c.nn.Truncate(ctx, &hdfspb.TruncateRequestProto{
		Src: str(p), NewLength: proto.Uint64(uint64(length)), ClientName: str(c.name),
	})
	if err != nil {
		return false, pathError("truncate", p, err)
	}
	return resp.GetResult(), nil
}

// Concat moves the blocks of srcs, in order, to the end of dst and deletes srcs.
func (c *Client) Concat(ctx context.Context, dst string, srcs []string) error {
	d := c.abs(dst)
	all := make([]string, len(srcs))
	for i, s := range srcs {
		all[i] = c.abs(s)
	}
	_, err := c.nn.Concat(ctx, &hdfspb.ConcatRequestProto{Trg: str(d), Srcs: all})
	return pathError("concat", d, err)
}

// Access checks that the caller may read (4), write (2) or execute (1) the path; nil means yes.
func (c *Client) Access(ctx context.Context, name string, mode uint8) error {
	p := c.abs(name)
	_, err := c.nn.CheckAccess(ctx, &hdfspb.CheckAccessRequestProto{
		Path: str(p), Mode: hdfspb.AclEntryProto_FsActionProto(mode & 7).Enum(),
	})
	return pathError("access", p, err)
}

// RecoverLease takes the lease of a file whose writer is gone, and answers whether the file is closed already.
func (c *Client) RecoverLease(ctx context.Context, name string) (bool, error) {
	p := c.abs(name)
	resp, err := c.nn.RecoverLease(ctx, &hdfspb.RecoverLeaseRequestProto{Src: str(p), ClientName: str(c.name)})
	if err != nil {
		return false, pathError("recoverLease", p, err)
	}
	return resp.GetResult(), nil
}

// IsClosed says whether nobody writes the file.
func (c *Client) IsClosed(ctx context.Context, name string) (bool, error) {
	p := c.abs(name)
	resp, err := c.nn.IsFileClosed(ctx, &hdfspb.IsFileClosedRequestProto{Src: str(p)})
	if err != nil {
		return false, pathError("isFileClosed", p, err)
	}
	return resp.GetResult(), nil
}

func parent(p string) string {
	for i := len(p) - 1; i > 0; i-- {
		if p[i] == '/' {
			return p[:i]
		}
	}
	return "/"
}
