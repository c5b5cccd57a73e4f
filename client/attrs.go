package client

import (
	"context"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// ACL entries are Hadoop's messages: type, scope, name and permissions.
type (
	// AclEntry is one entry of an access control list.
	AclEntry = hdfspb.AclEntryProto
	// AclStatus is owner, group, sticky bit, permission and entries of a file.
	AclStatus = hdfspb.AclStatusProto
)

// Acl asks for the ACL of a path. Permission bits that have no entry are not repeated as entries.
func (c *Client) Acl(ctx context.Context, name string) (*AclStatus, error) {
	p := c.abs(name)
	resp, err := c.nn.GetAclStatus(ctx, &hdfspb.GetAclStatusRequestProto{Src: str(p)})
	if err != nil {
		return nil, pathError("getfacl", p, err)
	}
	return resp.GetResult(), nil
}

// SetAcl replaces the whole ACL.
func (c *Client) SetAcl(ctx context.Context, name string, spec []*AclEntry) error {
	p := c.abs(name)
	_, err := c.nn.SetAcl(ctx, &hdfspb.SetAclRequestProto{Src: str(p), AclSpec: spec})
	return pathError("setfacl", p, err)
}

// ModifyAcl adds and replaces entries.
func (c *Client) ModifyAcl(ctx context.Context, name string, spec []*AclEntry) error {
	p := c.abs(name)
	_, err := c.nn.ModifyAclEntries(ctx, &hdfspb.ModifyAclEntriesRequestProto{Src: str(p), AclSpec: spec})
	return pathError("setfacl", p, err)
}

// RemoveAclEntries removes the entries named by type, scope and name.
func (c *Client) RemoveAclEntries(ctx context.Context, name string, spec []*AclEntry) error {
	p := c.abs(name)
	_, err := c.nn.RemoveAclEntries(ctx, &hdfspb.RemoveAclEntriesRequestProto{Src: str(p), AclSpec: spec})
	return pathError("setfacl", p, err)
}

// RemoveDefaultAcl removes the default entries of a directory.
func (c *Client) RemoveDefaultAcl(ctx context.Context, name string) error {
	p := c.abs(name)
	_, err := c.nn.RemoveDefaultAcl(ctx, &hdfspb.RemoveDefaultAclRequestProto{Src: str(p)})
	return pathError("setfacl", p, err)
}

// RemoveAcl removes all entries but the permission bits.
func (c *Client) RemoveAcl(ctx context.Context, name string) error {
	p := c.abs(name)
	_, err := c.nn.RemoveAcl(ctx, &hdfspb.RemoveAclRequestProto{Src: str(p)})
	return pathError("setfacl", p, err)
}

// XAttr is an extended attribute with its full name, such as "user.origin".
type XAttr struct {
	Name  string
	Value []byte
}

// XAttrs reads extended attributes, all that the caller may see or those with the given names.
func (c *Client) XAttrs(ctx context.Context, name string, names ...string) ([]XAttr, error) {
	p := c.abs(name)
	req := &hdfspb.GetXAttrsRequestProto{Src: str(p)}
	for _, n := range names {
		x, err := xattrProto(n, nil)
		if err != nil {
			return nil, pathError("getfattr", p, err)
		}
		req.XAttrs = append(req.XAttrs, x)
	}
	resp, err := c.nn.GetXAttrs(ctx, req)
	if err != nil {
		return nil, pathError("getfattr", p, err)
	}
	out := make([]XAttr, 0, len(resp.GetXAttrs()))
	for _, x := range resp.GetXAttrs() {
		ns := strings.ToLower(x.GetNamespace().String())
		out = append(out, XAttr{Name: ns + "." + x.GetName(), Value: x.GetValue()})
	}
	return out, nil
}

// SetXAttr creates or replaces an extended attribute.
func (c *Client) SetXAttr(ctx context.Context, name, attr string, value []byte) error {
	p := c.abs(name)
	x, err := xattrProto(attr, value)
	if err == nil {
		flag := uint32(hdfspb.XAttrSetFlagProto_XATTR_CREATE) | uint32(hdfspb.XAttrSetFlagProto_XATTR_REPLACE)
		_, err = c.nn.SetXAttr(ctx, &hdfspb.SetXAttrRequestProto{Src: str(p), XAttr: x, Flag: proto.Uint32(flag)})
	}
	return pathError("setfattr", p, err)
}

// RemoveXAttr removes an extended attribute.
func (c *Client) RemoveXAttr(ctx context.Context, name, attr string) error {
	p := c.abs(name)
	x, err := xattrProto(attr, nil)
	if err == nil {
		_, err = c.nn.RemoveXAttr(ctx, &hdfspb.RemoveXAttrRequestProto{Src: str(p), XAttr: x})
	}
	return pathError("setfattr", p, err)
}

// xattrProto splits "user.name"; the messages are XAttrHelper's.
func xattrProto(full string, value []byte) (*hdfspb.XAttrProto, error) {
	prefix, name, ok := strings.Cut(full, ".")
	if !ok || prefix == "" {
		return nil, hdfs.Errorf(hdfs.IllegalArgument, "An XAttr name must be prefixed with user/trusted/security/system/raw, followed by a '.'")
	}
	ns, known := hdfspb.XAttrProto_XAttrNamespaceProto_value[strings.ToUpper(prefix)]
	if !known {
		return nil, hdfs.Errorf(hdfs.IllegalArgument, "An XAttr name must be prefixed with user/trusted/security/system/raw, followed by a '.'")
	}
	if name == "" {
		return nil, hdfs.Errorf(hdfs.IllegalArgument, "XAttr name cannot be empty.")
	}
	return &hdfspb.XAttrProto{
		Namespace: hdfspb.XAttrProto_XAttrNamespaceProto(ns).Enum(), Name: str(name), Value: value,
	}, nil
}

// CreateSnapshot makes a snapshot of a snapshottable directory and answers its path. With name "" the time names it.
func (c *Client) CreateSnapshot(ctx context.Context, dir, name string) (string, error) {
	p := c.abs(dir)
	req := &hdfspb.CreateSnapshotRequestProto{SnapshotRoot: str(p)}
	if name != "" {
		req.SnapshotName = str(name)
	}
	resp, err := c.nn.CreateSnapshot(ctx, req)
	if err != nil {
		return "", pathError("createSnapshot", p, err)
	}
	return resp.GetSnapshotPath(), nil
}

// DeleteSnapshot deletes a snapshot.
func (c *Client) DeleteSnapshot(ctx context.Context, dir, name string) error {
	p := c.abs(dir)
	_, err := c.nn.DeleteSnapshot(ctx, &hdfspb.DeleteSnapshotRequestProto{SnapshotRoot: str(p), SnapshotName: str(name)})
	return pathError("deleteSnapshot", p, err)
}

// RenameSnapshot renames a snapshot.
func (c *Client) RenameSnapshot(ctx context.Context, dir, from, to string) error {
	p := c.abs(dir)
	_, err := c.nn.RenameSnapshot(ctx, &hdfspb.RenameSnapshotRequestProto{
		SnapshotRoot: str(p), SnapshotOldName: str(from), SnapshotNewName: str(to),
	})
	return pathError("renameSnapshot", p, err)
}

// AllowSnapshot lets snapshots of a directory be made.
func (c *Client) AllowSnapshot(ctx context.Context, dir string) error {
	p := c.abs(dir)
	_, err := c.nn.AllowSnapshot(ctx, &hdfspb.AllowSnapshotRequestProto{SnapshotRoot: str(p)})
	return pathError("allowSnapshot", p, err)
}

// DisallowSnapshot forbids snapshots of a directory that has none.
func (c *Client) DisallowSnapshot(ctx context.Context, dir string) error {
	p := c.abs(dir)
	_, err := c.nn.DisallowSnapshot(ctx, &hdfspb.DisallowSnapshotRequestProto{SnapshotRoot: str(p)})
	return pathError("disallowSnapshot", p, err)
}

// SetStoragePolicy names the storage policy of a path, such as "COLD".
func (c *Client) SetStoragePolicy(ctx context.Context, name, policy string) error {
	p := c.abs(name)
	_, err := c.nn.SetStoragePolicy(ctx, &hdfspb.SetStoragePolicyRequestProto{Src: str(p), PolicyName: str(policy)})
	return pathError("setStoragePolicy", p, err)
}

// UnsetStoragePolicy lets the path follow its parent again.
func (c *Client) UnsetStoragePolicy(ctx context.Context, name string) error {
	p := c.abs(name)
	_, err := c.nn.UnsetStoragePolicy(ctx, &hdfspb.UnsetStoragePolicyRequestProto{Src: str(p)})
	return pathError("unsetStoragePolicy", p, err)
}
