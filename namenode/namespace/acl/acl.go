// Package acl is the algebra of access control lists: how a list changes under a specification, and how a list divides into
// permission bits and the entries beyond them. Pure; the rules are those of org.apache.hadoop.hdfs.server.namenode.AclTransformation
// and org.apache.hadoop.fs.permission of Hadoop 3.4.
package acl

import (
	"sort"
	"strings"

	"github.com/lodehq/lode/internal/hdfs"
)

// Scope, Type and Perm have the wire's numbers (acl.proto).
type (
	Scope uint8
	Type  uint8
	Perm  uint8
)

// Access entries decide access; default entries are what new children inherit.
const (
	Access  Scope = 0
	Default Scope = 1
)

// The types of entries.
const (
	User  Type = 0
	Group Type = 1
	Mask  Type = 2
	Other Type = 3
)

// MaxEntries is the most entries a list may have in each scope.
const MaxEntries = 32

// Entry is one line of a list. An empty name means the owner, the owning group.
type Entry struct {
	Scope Scope
	Type  Type
	Perm  Perm
	Name  string
}

var permText = [8]string{"---", "--x", "-w-", "-wx", "r--", "r-x", "rw-", "rwx"}

// String is Hadoop's form, default:user:bob:rwx.
func (e Entry) String() string {
	var b strings.Builder
	if e.Scope == Default {
		b.WriteString("default:")
	}
	b.WriteString([4]string{"user", "group", "mask", "other"}[e.Type&3])
	b.WriteByte(':')
	b.WriteString(e.Name)
	b.WriteByte(':')
	b.WriteString(permText[e.Perm&7])
	return b.String()
}

func compare(a, b Entry) int {
	if a.Scope != b.Scope {
		return int(a.Scope) - int(b.Scope)
	}
	if a.Type != b.Type {
		return int(a.Type) - int(b.Type)
	}
	return strings.Compare(a.Name, b.Name)
}

func sortEntries(l []Entry) {
	sort.SliceStable(l, func(i, j int) bool { return compare(l[i], l[j]) < 0 })
}

func fail(format string, args ...any) error { return hdfs.Errorf(hdfs.AclException, format, args...) }

// validSpec sorts a specification and refuses doubles and over-long ones.
func validSpec(in []Entry) ([]Entry, error) {
	if err := checkCount(in); err != nil {
		return nil, err
	}
	spec := append([]Entry(nil), in...)
	sortEntries(spec)
	for i := range spec {
		if i > 0 && compare(spec[i-1], spec[i]) == 0 {
			return nil, fail("Invalid ACL: multiple entries with same scope, type and name.")
		}
	}
	return spec, nil
}

func checkCount(l []Entry) error {
	var n [2]int
	for _, e := range l {
		n[e.Scope&1]++
	}
	if n[Access] > MaxEntries {
		return fail("Invalid ACL: ACL has %d access entries, which exceeds maximum of %d.", n[Access], MaxEntries)
	}
	if n[Default] > MaxEntries {
		return fail("Invalid ACL: ACL has %d default entries, which exceeds maximum of %d.", n[Default], MaxEntries)
	}
	return nil
}

func find(l []Entry, key Entry) int {
	i := sort.Search(len(l), func(i int) bool { return compare(l[i], key) >= 0 })
	if i < len(l) && compare(l[i], key) == 0 {
		return i
	}
	return -1
}

// builder gathers the entries of a new list.
type builder struct {
	list       []Entry
	mask       [2]*Entry
	maskDirty  [2]bool
	scopeDirty [2]bool
}

func (b *builder) add(e Entry, changed bool) {
	if changed {
		b.scopeDirty[e.Scope&1] = true
	}
	if e.Type == Mask {
		b.mask[e.Scope&1] = &e
		if changed {
			b.maskDirty[e.Scope&1] = true
		}
		return
	}
	b.list = append(b.list, e)
}

// RemoveEntries drops what matches the specification by scope, type and name.
func RemoveEntries(existing, spec []Entry) ([]Entry, error) {
	spec, err := validSpec(spec)
	if err != nil {
		return nil, err
	}
	var b builder
	for _, e := range existing {
		if find(spec, e) < 0 {
			b.add(e, false)
			continue
		}
		b.scopeDirty[e.Scope&1] = true
		if e.Type == Mask {
			b.maskDirty[e.Scope&1] = true
		}
	}
	return b.build()
}

// RemoveDefault drops the default entries.
func RemoveDefault(existing []Entry) ([]Entry, error) {
	var b builder
	for _, e := range existing {
		if e.Scope == Access {
			b.list = append(b.list, e)
		}
	}
	return b.check()
}

// Merge changes the entries that the specification names and adds the others.
func Merge(existing, spec []Entry) ([]Entry, error) {
	spec, err := validSpec(spec)
	if err != nil {
		return nil, err
	}
	var b builder
	used := make([]bool, len(spec))
	for _, e := range existing {
		if i := find(spec, e); i >= 0 {
			used[i] = true
			b.add(spec[i], true)
		} else {
			b.add(e, false)
		}
	}
	for i, e := range spec {
		if !used[i] {
			b.add(e, true)
		}
	}
	return b.build()
}

// Replace puts the specification in place of each scope that it mentions.
func Replace(existing, spec []Entry) ([]Entry, error) {
	spec, err := validSpec(spec)
	if err != nil {
		return nil, err
	}
	var b builder
	for _, e := range spec {
		b.add(e, true)
	}
	dirty := b.scopeDirty
	for _, e := range existing {
		if !dirty[e.Scope&1] {
			b.add(e, false)
		}
	}
	return b.build()
}

func (b *builder) build() ([]Entry, error) {
	b.copyDefaults()
	if err := b.masks(); err != nil {
		return nil, err
	}
	return b.check()
}

// copyDefaults completes a default list with the access entries of owner, group and other.
func (b *builder) copyDefaults() {
	sortEntries(b.list)
	has := b.mask[Default] != nil
	for _, e := range b.list {
		has = has || e.Scope == Default
	}
	if !has || !b.anyDefault() {
		return
	}
	for _, typ := range []Type{User, Group, Other} {
		if find(b.list, Entry{Scope: Default, Type: typ}) >= 0 {
			continue
		}
		if i := find(b.list, Entry{Scope: Access, Type: typ}); i >= 0 {
			b.list = append(b.list, Entry{Scope: Default, Type: typ, Perm: b.list[i].Perm})
			sortEntries(b.list)
		}
	}
}

func (b *builder) anyDefault() bool {
	for _, e := range b.list {
		if e.Scope == Default {
			return true
		}
	}
	return false
}

// masks adds the mask of each scope that needs one: the given one, or the union of the group class when something changed.
func (b *builder) masks() error {
	var found, needed [2]bool
	var union [2]Perm
	for _, e := range b.list {
		s := e.Scope & 1
		found[s] = true
		if e.Type == Group || e.Name != "" {
			union[s] |= e.Perm
		}
		if e.Name != "" {
			needed[s] = true
		}
	}
	for s := Access; s <= Default; s++ {
		if !found[s] {
			continue
		}
		switch {
		case b.mask[s] == nil && b.maskDirty[s] && needed[s]:
			return fail("Invalid ACL: mask is required and cannot be deleted.")
		case b.mask[s] != nil && (!b.scopeDirty[s] || b.maskDirty[s]):
			b.list = append(b.list, *b.mask[s])
		case needed[s] || b.mask[s] != nil:
			b.list = append(b.list, Entry{Scope: s, Type: Mask, Perm: union[s]})
		}
	}
	return nil
}

func (b *builder) check() ([]Entry, error) {
	if err := checkCount(b.list); err != nil {
		return nil, err
	}
	sortEntries(b.list)
	for i, e := range b.list {
		if i > 0 && compare(b.list[i-1], e) == 0 {
			return nil, fail("Invalid ACL: multiple entries with same scope, type and name.")
		}
		if e.Name != "" && (e.Type == Mask || e.Type == Other) {
			return nil, fail("Invalid ACL: this entry type must not have a name: %v.", e)
		}
	}
	def := b.anyDefault()
	for _, typ := range []Type{User, Group, Other} {
		if find(b.list, Entry{Scope: Access, Type: typ}) < 0 {
			return nil, fail("Invalid ACL: the user, group and other entries are required.")
		}
		if def && find(b.list, Entry{Scope: Default, Type: typ}) < 0 {
			return nil, fail("Invalid default ACL: the user, group and other entries are required.")
		}
	}
	return b.list, nil
}

// Full is the whole list of an inode: permission bits and the entries kept beside them. With access entries the group bits are
// the mask and the owning group's entry is among the kept ones.
func Full(perm uint16, kept []Entry) []Entry {
	list := make([]Entry, 0, len(kept)+3)
	list = append(list, Entry{Type: User, Perm: Perm(perm >> 6 & 7)})
	i := 0
	for i < len(kept) && kept[i].Scope == Access {
		i++
	}
	if i > 0 {
		list = append(list, kept[:i]...)
		list = append(list, Entry{Type: Mask, Perm: Perm(perm >> 3 & 7)})
	} else {
		list = append(list, Entry{Type: Group, Perm: Perm(perm >> 3 & 7)})
	}
	list = append(list, Entry{Type: Other, Perm: Perm(perm & 7)})
	return append(list, kept[i:]...)
}

// Divide is the reverse of Full: new permission bits (sticky kept) and the entries to keep. A list of owner, group and other
// alone keeps none.
func Divide(perm uint16, full []Entry) (uint16, []Entry) {
	split := 0
	for split < len(full) && full[split].Scope == Access {
		split++
	}
	access, def := full[:split], full[split:]
	var u, g, o Perm
	var kept []Entry
	extended := len(access) > 3
	for _, e := range access {
		switch {
		case e.Type == User && e.Name == "":
			u = e.Perm
		case e.Type == Other:
			o = e.Perm
		case e.Type == Mask:
			g = e.Perm
		case e.Type == Group && e.Name == "" && !extended:
			g = e.Perm
		default:
			kept = append(kept, e)
		}
	}
	return perm&^0o777 | uint16(u)<<6 | uint16(g)<<3 | uint16(o), append(kept, def...)
}

// Inherit is what a new inode gets from its parent's default entries: permission bits and entries to keep. mode is the requested
// one without umask; a directory inherits the default entries too.
func Inherit(parentKept []Entry, mode uint16, dir bool) (perm uint16, kept []Entry, ok bool) {
	i := 0
	for i < len(parentKept) && parentKept[i].Scope == Access {
		i++
	}
	def := parentKept[i:]
	if len(def) == 0 {
		return mode, nil, false
	}
	u, g, o := Perm(mode>>6&7), Perm(mode>>3&7), Perm(mode&7)
	hasMask := false
	for _, e := range def {
		hasMask = hasMask || e.Type == Mask
	}
	access := make([]Entry, 0, len(def))
	for _, e := range def {
		e.Scope = Access
		switch {
		case e.Type == User && e.Name == "":
			e.Perm &= u
		case e.Type == Mask:
			e.Perm &= g
		case e.Type == Group && e.Name == "" && !hasMask:
			e.Perm &= g
		case e.Type == Other:
			e.Perm &= o
		}
		access = append(access, e)
	}
	if dir {
		access = append(access, def...)
	}
	perm, kept = Divide(mode, access)
	return perm, kept, true
}
