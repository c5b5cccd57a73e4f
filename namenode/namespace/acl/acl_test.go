package acl

import (
	"reflect"
	"strings"
	"testing"
)

// parse reads "user::7,user:bob:5,default:mask::7".
func parse(s string) (out []Entry) {
	if s == "" {
		return nil
	}
	for _, one := range strings.Split(s, ",") {
		p := strings.Split(one, ":")
		e := Entry{}
		if p[0] == "default" {
			e.Scope, p = Default, p[1:]
		}
		e.Type = map[string]Type{"user": User, "group": Group, "mask": Mask, "other": Other}[p[0]]
		e.Name, e.Perm = p[1], Perm(p[2][0]-'0')
		out = append(out, e)
	}
	return out
}

func TestChanges(t *testing.T) {
	for _, c := range []struct {
		name             string
		op               func(a, b []Entry) ([]Entry, error)
		have, spec, want string
		wrong            string
	}{
		{"a named user brings a mask", Merge, "user::7,group::5,other::0", "user:bob:6", "user::7,user:bob:6,group::5,mask::7,other::0", ""},
		{"a given mask stays", Merge, "user::7,group::5,other::0", "user:bob:6,mask::4", "user::7,user:bob:6,group::5,mask::4,other::0", ""},
		{"defaults are completed", Merge, "user::7,group::5,other::1", "default:user:bob:6", "user::7,group::5,other::1,default:user::7,default:user:bob:6,default:group::5,default:mask::7,default:other::1", ""},
		{"the mask shrinks with its entries", RemoveEntries, "user::7,user:bob:6,group::4,mask::6,other::0", "user:bob:0", "user::7,group::4,mask::4,other::0", ""},
		{"the mask may not go alone", RemoveEntries, "user::7,user:bob:6,group::4,mask::6,other::0", "mask::0", "", "mask is required"},
		{"the owner may not go", RemoveEntries, "user::7,group::4,other::0", "user::0", "", "the user, group and other entries are required"},
		{"access is replaced, defaults stay", Replace, "user::7,group::5,other::0,default:user::7,default:group::5,default:other::0", "user::6,group::4,other::4",
			"user::6,group::4,other::4,default:user::7,default:group::5,default:other::0", ""},
		{"doubles", Merge, "user::7,group::5,other::0", "user:bob:6,user:bob:5", "", "multiple entries"},
		{"others have no names", Merge, "user::7,group::5,other::0", "other:bob:6", "", "must not have a name: other:bob:rw-."},
	} {
		got, err := c.op(parse(c.have), parse(c.spec))
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%s: error %v, want %s", c.name, err, c.wrong)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, parse(c.want)) {
			t.Errorf("%s: got %v, %v, want %s", c.name, got, err, c.want)
		}
	}
	var many []Entry
	for i := range MaxEntries + 1 {
		many = append(many, Entry{Type: User, Name: string(rune('A' + i)), Perm: 7})
	}
	if _, err := Merge(parse("user::7,group::5,other::0"), many); err == nil {
		t.Error("more than the most entries are accepted")
	}
}

// TestDivideAndFull are the reverse of each other.
func TestDivideAndFull(t *testing.T) {
	for _, s := range []string{"user::7,group::5,other::0", "user::7,user:bob:6,group::5,mask::7,other::0",
		"user::7,group::5,other::0,default:user::7,default:group::5,default:other::0"} {
		perm, kept := Divide(0o1000, parse(s))
		if got := Full(perm, kept); !reflect.DeepEqual(got, parse(s)) {
			t.Errorf("%s became %v", s, got)
		}
		if perm&0o1000 == 0 {
			t.Errorf("%s lost the sticky bit", s)
		}
	}
}

func TestInherit(t *testing.T) {
	_, kept := Divide(0, parse("user::7,group::5,other::0,default:user::7,default:user:bob:7,default:group::5,default:mask::7,default:other::4"))
	perm, got, ok := Inherit(kept, 0o640, false)
	if !ok || perm != 0o640 || !reflect.DeepEqual(got, parse("user:bob:7,group::5")) {
		t.Errorf("a file gets %o %v %v", perm, got, ok)
	}
	if _, got, _ = Inherit(kept, 0o755, true); len(got) != 7 {
		t.Errorf("a directory gets %v", got)
	}
	if perm, _, ok := Inherit(nil, 0o640, false); ok || perm != 0o640 {
		t.Error("something is inherited from nothing")
	}
}
