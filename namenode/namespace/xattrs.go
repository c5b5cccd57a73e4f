package namespace

import (
	"slices"

	"github.com/lodehq/lode/internal/hdfs"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// xattr is an extended attribute; ns has the wire's numbers.
type xattr struct {
	ns    hdfspb.XAttrProto_XAttrNamespaceProto
	name  string
	value []byte
}

const unreadableName = "hdfs.unreadable.by.superuser" // in the security namespace

func prefixed(ns hdfspb.XAttrProto_XAttrNamespaceProto, name string) string {
	p := [...]string{"user", "trusted", "security", "system", "raw"}
	return p[min(int(ns), len(p)-1)] + "." + name
}

func (n *Namespace) checkXAttrs() error {
	if n.opt.DisableXAttrs {
		return ioFail("The XAttr operation has been rejected.  Support for XAttrs has been disabled by setting dfs.namenode.xattrs.enabled to false.")
	}
	return nil
}

// xattrAllowed is XAttrPermissionFilter.checkPermissionForApi.
func (n *Namespace) xattrAllowed(c *Caller, x *hdfspb.XAttrProto, raw bool) error {
	super := c.Superuser || n.opt.DisablePermissions
	ns := x.GetNamespace()
	switch {
	case ns == hdfspb.XAttrProto_USER, ns == hdfspb.XAttrProto_TRUSTED && super, ns == hdfspb.XAttrProto_RAW && raw:
		return nil
	case ns == hdfspb.XAttrProto_SECURITY && x.GetName() == unreadableName:
		if len(x.GetValue()) > 0 {
			return fail(hdfs.AccessControl, "Attempt to set a value for 'security.%s'. Values are not allowed for this xattr.", unreadableName)
		}
		return nil
	}
	return fail(hdfs.AccessControl, "User doesn't have permission for xattr: %s", prefixed(ns, x.GetName()))
}

// visible tells which attributes a caller is shown.
func (n *Namespace) visible(c *Caller, x *xattr, raw bool) bool {
	switch x.ns {
	case hdfspb.XAttrProto_USER:
		return true
	case hdfspb.XAttrProto_TRUSTED:
		return c.Superuser || n.opt.DisablePermissions
	case hdfspb.XAttrProto_RAW:
		return raw
	case hdfspb.XAttrProto_SECURITY:
		return x.name == unreadableName
	}
	return false
}

// checkUnreadable keeps the superuser from files that are marked so.
func (n *Namespace) checkUnreadable(c *Caller, slot uint32, snap int64) error {
	if !c.Superuser {
		return nil
	}
	for _, x := range n.xattrsAt(slot, snap) {
		if x.ns == hdfspb.XAttrProto_SECURITY && x.name == unreadableName {
			return fail(hdfs.AccessControl, "Access is denied for %s since the superuser is not allowed to perform this operation.", c.User)
		}
	}
	return nil
}

// mayChangeXAttr is FSDirXAttrOp.checkXAttrChangeAccess.
func (n *Namespace) mayChangeXAttr(c *Caller, p *inodePath, ns hdfspb.XAttrProto_XAttrNamespaceProto) error {
	if ns != hdfspb.XAttrProto_USER {
		return nil
	}
	if s := p.last(); s != 0 && n.tree.Inode(s).IsDir() && n.tree.Inode(s).Perm()&0o1000 != 0 {
		return n.check(c, p, checks{owner: true})
	}
	return n.check(c, p, checks{access: actWrite})
}

func (n *Namespace) setXAttr(c *Caller, req *hdfspb.SetXAttrRequestProto) (*hdfspb.SetXAttrResponseProto, error) {
	if err := n.checkXAttrs(); err != nil {
		return nil, err
	}
	x := req.GetXAttr()
	if x == nil {
		return nil, fail(hdfs.IllegalArgument, "No XAttr is given.")
	}
	if size := len(x.GetName()) + len(x.GetValue()); size > n.opt.MaxXAttrSize {
		return nil, fail(hdfs.IllegalArgument, "The XAttr is too big. The maximum combined size of the name and value is %d, but the total size is %d",
			n.opt.MaxXAttrSize, size)
	}
	p, err := n.resolve(c, req.GetSrc(), opWrite)
	if err != nil {
		return nil, err
	}
	if err := n.xattrAllowed(c, x, p.raw); err != nil {
		return nil, err
	}
	if err := n.mayChangeXAttr(c, p, x.GetNamespace()); err != nil {
		return nil, err
	}
	slot, err := n.mustFind(p)
	if err != nil {
		return nil, err
	}
	if x.GetNamespace() == hdfspb.XAttrProto_SECURITY && n.tree.Inode(slot).IsDir() {
		return nil, ioFail("Can only set 'security.%s' on a file.", unreadableName)
	}
	var list []xattr
	if f := n.feat(slot); f != nil {
		list = f.xattrs
	}
	at := slices.IndexFunc(list, func(o xattr) bool { return o.ns == x.GetNamespace() && o.name == x.GetName() })
	flag := req.GetFlag()
	switch {
	case flag&3 == 0:
		return nil, fail(hdfs.IllegalArgument, "A flag must be specified.")
	case at >= 0 && flag&uint32(hdfspb.XAttrSetFlagProto_XATTR_REPLACE) == 0:
		return nil, ioFail("XAttr: %s already exists. The REPLACE flag must be specified.", x.GetName())
	case at < 0 && flag&uint32(hdfspb.XAttrSetFlagProto_XATTR_CREATE) == 0:
		return nil, ioFail("XAttr: %s does not exist. The CREATE flag must be specified.", x.GetName())
	case at < 0 && n.userVisible(list) >= n.opt.MaxXAttrsPerInode:
		return nil, ioFail("Cannot add additional XAttr to inode, would exceed limit of %d", n.opt.MaxXAttrsPerInode)
	}
	n.touch(slot)
	list = slices.Clone(list)
	val := xattr{x.GetNamespace(), x.GetName(), slices.Clone(x.GetValue())}
	if at >= 0 {
		list[at] = val
	} else {
		list = append(list, val)
	}
	n.mutMore(slot).xattrs = list
	n.eventMetadata(slot, p.path, hdfspb.MetadataUpdateType_META_TYPE_XATTRS)
	return &hdfspb.SetXAttrResponseProto{}, nil
}

func (n *Namespace) userVisible(list []xattr) (count int) {
	for _, x := range list {
		if x.ns == hdfspb.XAttrProto_USER || x.ns == hdfspb.XAttrProto_TRUSTED {
			count++
		}
	}
	return count
}

func (n *Namespace) removeXAttr(c *Caller, req *hdfspb.RemoveXAttrRequestProto) (*hdfspb.RemoveXAttrResponseProto, error) {
	if err := n.checkXAttrs(); err != nil {
		return nil, err
	}
	x := req.GetXAttr()
	if x == nil {
		return nil, fail(hdfs.IllegalArgument, "No XAttr is given.")
	}
	p, err := n.resolve(c, req.GetSrc(), opWrite)
	if err != nil {
		return nil, err
	}
	if err := n.xattrAllowed(c, x, p.raw); err != nil {
		return nil, err
	}
	if err := n.mayChangeXAttr(c, p, x.GetNamespace()); err != nil {
		return nil, err
	}
	slot, err := n.mustFind(p)
	if err != nil {
		return nil, err
	}
	if x.GetNamespace() == hdfspb.XAttrProto_SECURITY {
		return nil, fail(hdfs.AccessControl, "The xattr 'security.%s' can not be deleted.", unreadableName)
	}
	var list []xattr
	if f := n.feat(slot); f != nil {
		list = f.xattrs
	}
	at := slices.IndexFunc(list, func(o xattr) bool { return o.ns == x.GetNamespace() && o.name == x.GetName() })
	if at < 0 {
		return nil, ioFail("No matching attributes found for remove operation")
	}
	n.touch(slot)
	n.mutMore(slot).xattrs = slices.Delete(slices.Clone(list), at, at+1)
	n.dropIfEmpty(slot)
	n.eventMetadata(slot, p.path, hdfspb.MetadataUpdateType_META_TYPE_XATTRS)
	return &hdfspb.RemoveXAttrResponseProto{}, nil
}

func xattrOut(x *xattr, value bool) *hdfspb.XAttrProto {
	ns, name := x.ns, x.name
	o := &hdfspb.XAttrProto{Namespace: &ns, Name: &name}
	if value && x.value != nil {
		o.Value = slices.Clone(x.value)
	}
	return o
}

// GetXAttrs answers the named attributes, or all that the caller may see if none is named.
func (n *Namespace) GetXAttrs(c Caller, req *hdfspb.GetXAttrsRequestProto) (*hdfspb.GetXAttrsResponseProto, error) {
	if err := n.checkXAttrs(); err != nil {
		return nil, err
	}
	p, err := n.resolve(&c, req.GetSrc(), opRead)
	if err != nil {
		return nil, err
	}
	for _, x := range req.XAttrs {
		if err := n.xattrAllowed(&c, x, p.raw); err != nil {
			return nil, err
		}
	}
	if err := n.check(&c, p, checks{access: actRead}); err != nil {
		return nil, err
	}
	slot, err := n.mustFind(p)
	if err != nil {
		return nil, err
	}
	out := &hdfspb.GetXAttrsResponseProto{}
	list := n.xattrsAt(slot, p.snap)
	if len(req.XAttrs) == 0 {
		for i := range list {
			if n.visible(&c, &list[i], p.raw) {
				out.XAttrs = append(out.XAttrs, xattrOut(&list[i], true))
			}
		}
		return out, nil
	}
	for _, want := range req.XAttrs {
		at := slices.IndexFunc(list, func(o xattr) bool {
			return o.ns == want.GetNamespace() && o.name == want.GetName() && n.visible(&c, &o, p.raw)
		})
		if at < 0 {
			return nil, fail(hdfs.XAttrNotFound, "At least one of the attributes provided was not found.")
		}
		out.XAttrs = append(out.XAttrs, xattrOut(&list[at], true))
	}
	return out, nil
}

// ListXAttrs answers the names of the attributes that the caller may see.
func (n *Namespace) ListXAttrs(c Caller, req *hdfspb.ListXAttrsRequestProto) (*hdfspb.ListXAttrsResponseProto, error) {
	if err := n.checkXAttrs(); err != nil {
		return nil, err
	}
	p, err := n.resolve(&c, req.GetSrc(), opRead)
	if err != nil {
		return nil, err
	}
	if err := n.check(&c, p, checks{parent: actExec}); err != nil {
		return nil, err
	}
	slot, err := n.mustFind(p)
	if err != nil {
		return nil, err
	}
	out := &hdfspb.ListXAttrsResponseProto{}
	list := n.xattrsAt(slot, p.snap)
	for i := range list {
		if n.visible(&c, &list[i], p.raw) {
			out.XAttrs = append(out.XAttrs, xattrOut(&list[i], true))
		}
	}
	return out, nil
}
