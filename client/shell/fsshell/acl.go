package fsshell

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/client/shell/fsys"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

func acls() []*command {
	return []*command{
		{
			name: "getfacl", usage: "[-R] <path>", max: -1, options: []string{"R"},
			about: []string{"Prints access control lists, and the default ones of directories. -R: of all below as well."},
			setup: setupGetfacl,
		},
		{
			name: "setfacl", usage: "[-R] [{-b|-k} {-m|-x <acl_spec>} <path>]|[--set <acl_spec> <path>]", max: -1,
			options: []string{"b", "k", "R", "m", "x", "-set"},
			about: []string{
				"Changes access control lists. An entry is [default:]user|group|mask|other:[name]:[rwx]; commas between entries.",
				"  -b     remove all but user, group and others",
				"  -k     remove the default entries",
				"  -m     add and change entries",
				"  -x     remove entries",
				"  --set  replace the list; it has to have user, group and others",
				"  -R     of all below as well",
			},
			setup: setupSetfacl,
		},
	}
}

func onePath(r *run) error {
	switch {
	case len(r.args) == 0:
		return usagef("<path> is missing")
	case len(r.args) > 1:
		return usagef("Too many arguments")
	}
	return nil
}

// remote is the HDFS of a path, for what the local disk cannot do.
func (r *run) remote(i *fsys.Item, what string) (*fsys.HDFS, error) {
	h, ok := i.FS.(*fsys.HDFS)
	if !ok {
		return nil, fsys.Pathf(i.String(), "%s is not supported on the local file system", what)
	}
	return h, nil
}

func entry(scope hdfspb.AclEntryProto_AclEntryScopeProto, kind hdfspb.AclEntryProto_AclEntryTypeProto, perm uint32) *client.AclEntry {
	return &client.AclEntry{Scope: scope.Enum(), Type: kind.Enum(), Permissions: hdfspb.AclEntryProto_FsActionProto(perm & 7).Enum()}
}

const (
	access   = hdfspb.AclEntryProto_ACCESS
	defaults = hdfspb.AclEntryProto_DEFAULT
)

// fullAcl puts the permission bits and the other entries together: with an ACL the bits of the group are the mask
// (AclUtil.getAclFromPermAndEntries).
func fullAcl(perm uint32, entries []*client.AclEntry) []*client.AclEntry {
	acl := []*client.AclEntry{entry(access, hdfspb.AclEntryProto_USER, perm>>6)}
	i := slices.IndexFunc(entries, func(e *client.AclEntry) bool { return e.GetScope() == defaults })
	if i < 0 {
		i = len(entries)
	}
	if i > 0 {
		acl = append(acl, entries[:i]...)
		acl = append(acl, entry(access, hdfspb.AclEntryProto_MASK, perm>>3))
	} else {
		acl = append(acl, entry(access, hdfspb.AclEntryProto_GROUP, perm>>3))
	}
	acl = append(acl, entry(access, hdfspb.AclEntryProto_OTHER, perm))
	return append(acl, entries[i:]...)
}

func symbol(a hdfspb.AclEntryProto_FsActionProto) string {
	b := []byte("rwx")
	for i := range b {
		if a&(4>>i) == 0 {
			b[i] = '-'
		}
	}
	return string(b)
}

func aclString(e *client.AclEntry) string {
	s := ""
	if e.GetScope() == defaults {
		s = "default:"
	}
	return s + strings.ToLower(e.GetType().String()) + ":" + e.GetName() + ":" + symbol(e.GetPermissions())
}

func setupGetfacl(r *run) error {
	if err := onePath(r); err != nil {
		return err
	}
	r.recursive = r.opts["R"]
	r.do = func(i *fsys.Item) error {
		r.printf("# file: %s\n# owner: %s\n# group: %s\n", i, i.Stat.Owner, i.Stat.Group)
		if i.Stat.Perm&0o1000 != 0 {
			t := "T"
			if i.Stat.Perm&1 != 0 {
				t = "t"
			}
			r.printf("# flags: --%s\n", t)
		}
		var entries []*client.AclEntry
		if h, ok := i.FS.(*fsys.HDFS); ok && i.Stat.ACL {
			a, err := h.Acl(r.ctx, i.Path)
			if err != nil {
				return err
			}
			entries = a.GetEntries()
		}
		all := fullAcl(i.Stat.Perm, entries)
		for _, scope := range []hdfspb.AclEntryProto_AclEntryScopeProto{access, defaults} {
			r.printScope(slices.DeleteFunc(slices.Clone(all), func(e *client.AclEntry) bool { return e.GetScope() != scope }))
		}
		r.println()
		return nil
	}
	return nil
}

// printScope prints the entries of one scope, with what the mask leaves of them.
func (r *run) printScope(entries []*client.AclEntry) {
	mask := hdfspb.AclEntryProto_PERM_ALL
	for _, e := range entries {
		if e.GetType() == hdfspb.AclEntryProto_MASK {
			mask = e.GetPermissions()
		}
	}
	for _, e := range entries {
		s := aclString(e)
		masked := e.GetName() != "" || e.GetType() == hdfspb.AclEntryProto_GROUP
		if left := e.GetPermissions() & mask; masked && left != e.GetPermissions() {
			s += "\t#effective:" + symbol(left)
		}
		r.println(s)
	}
}

func setupSetfacl(r *run) error {
	b, k, m, x, set := r.opts["b"], r.opts["k"], r.opts["m"], r.opts["x"], r.opts["-set"]
	if b && k || m && x || (b || k) && (m || x) || set && (b || k || m || x) {
		return usagef("Specified flags contains both remove and modify flags")
	}
	var spec []*client.AclEntry
	if m || x || set {
		if len(r.args) < 2 {
			return usagef("Missing either <acl_spec> or <path>")
		}
		var err error
		if spec, err = parseAcl(r.args[0], !x); err != nil {
			return err
		}
		r.args = r.args[1:]
	}
	if err := onePath(r); err != nil {
		return err
	}
	r.recursive = r.opts["R"]
	r.do = func(i *fsys.Item) error {
		h, err := r.remote(i, "setfacl")
		if err != nil {
			return err
		}
		use := spec
		if r.recursive && !i.IsDir() {
			use = slices.DeleteFunc(slices.Clone(spec), func(e *client.AclEntry) bool { return e.GetScope() == defaults })
		}
		switch {
		case b:
			return h.RemoveAcl(r.ctx, i.Path)
		case k:
			return h.RemoveDefaultAcl(r.ctx, i.Path)
		case len(use) == 0:
			return nil
		case m:
			return h.ModifyAcl(r.ctx, i.Path, use)
		case x:
			return h.RemoveAclEntries(r.ctx, i.Path, use)
		}
		return h.SetAcl(r.ctx, i.Path, use)
	}
	return nil
}

// parseAcl reads entries with commas between them, each with its permissions or without (AclEntry.parseAclSpec).
func parseAcl(spec string, perms bool) ([]*client.AclEntry, error) {
	var out []*client.AclEntry
	for text := range strings.SplitSeq(spec, ",") {
		parts := strings.Split(text, ":")
		scope := access
		if len(parts) > 0 && strings.EqualFold(parts[0], "default") {
			scope, parts = defaults, parts[1:]
		}
		// user::rwx has three parts; without permissions user: or user:name.
		if len(parts) == 0 || parts[0] == "" || !perms && len(parts) > 2 && parts[2] != "" || perms && len(parts) != 3 {
			return nil, usagef("Invalid <aclSpec> : %s", text)
		}
		kind, ok := hdfspb.AclEntryProto_AclEntryTypeProto_value[strings.ToUpper(parts[0])]
		if !ok {
			return nil, usagef("Invalid type of acl in <aclSpec> :%s", text)
		}
		e := entry(scope, hdfspb.AclEntryProto_AclEntryTypeProto(kind), 0)
		if len(parts) > 1 && parts[1] != "" {
			e.Name = proto.String(parts[1])
		}
		if perms {
			bits, ok := action(parts[2])
			if !ok {
				return nil, usagef("Invalid permission in <aclSpec> : %s", text)
			}
			e.Permissions = hdfspb.AclEntryProto_FsActionProto(bits).Enum()
		}
		out = append(out, e)
	}
	if len(out) == 0 {
		return nil, usagef("Invalid <aclSpec> : %s", spec)
	}
	return out, nil
}

func action(s string) (uint32, bool) {
	if len(s) != 3 {
		return 0, false
	}
	var bits uint32
	for i, want := range []byte("rwx") {
		switch s[i] {
		case want:
			bits |= 4 >> i
		case '-':
		default:
			return 0, false
		}
	}
	return bits, true
}
