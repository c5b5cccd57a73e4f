package fsshell

import (
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/lodehq/lode/client/shell/fsys"
)

func xattrs() []*command {
	return []*command{
		{
			name: "getfattr", usage: "[-R] {-n name | -d} [-e en] <path>", max: -1, options: []string{"R", "d"}, valued: []string{"n", "e"},
			about: []string{
				"Prints extended attributes.",
				"  -n  the one of that name",
				"  -d  all",
				"  -e  values as text, hex or base64",
				"  -R  of all below as well",
			},
			setup: setupGetfattr,
		},
		{
			name: "setfattr", usage: "{-n name [-v value] | -x name} <path>", max: -1, valued: []string{"n", "v", "x"}, options: []string{},
			about: []string{
				"Sets the extended attribute -n to -v, or removes -x. A value is text, in double quotes or not, 0x and hexadecimal",
				"digits, or 0s and base64.",
			},
			setup: setupSetfattr,
		},
	}
}

func setupGetfattr(r *run) error {
	enc := strings.ToLower(r.vals["e"])
	switch enc {
	case "", "text", "hex", "base64":
	default:
		return usagef("No enum constant org.apache.hadoop.fs.shell.XAttrCommands.ENCODE.%s", strings.ToUpper(enc))
	}
	name := r.vals["n"]
	if !r.opts["d"] && name == "" {
		return usagef("Must specify '-n name' or '-d' option.")
	}
	if err := onePath(r); err != nil {
		return err
	}
	r.recursive = r.opts["R"]
	r.do = func(i *fsys.Item) error {
		h, err := r.remote(i, "getfattr")
		if err != nil {
			return err
		}
		r.printf("# file: %s\n", i)
		var names []string
		if !r.opts["d"] {
			names = []string{name}
		}
		attrs, err := h.XAttrs(r.ctx, i.Path, names...)
		if err != nil {
			return err
		}
		for _, x := range attrs {
			r.println(x.Name + attrValue(x.Value, enc))
		}
		return nil
	}
	return nil
}

// attrName checks an attribute's prefix before anything is sent, as a mistake of the command line.
func attrName(full string) error {
	prefix, name, ok := strings.Cut(full, ".")
	switch strings.ToLower(prefix) {
	case "user", "trusted", "security", "system", "raw":
		if ok && name == "" {
			return usagef("XAttr name cannot be empty.")
		}
		if ok {
			return nil
		}
	}
	return usagef("An XAttr name must be prefixed with user/trusted/security/system/raw, followed by a '.'")
}

func attrValue(v []byte, enc string) string {
	switch {
	case len(v) == 0:
		return ""
	case enc == "hex":
		return "=0x" + hex.EncodeToString(v)
	case enc == "base64":
		return "=0s" + base64.StdEncoding.EncodeToString(v)
	}
	return `="` + string(v) + `"`
}

func setupSetfattr(r *run) error {
	name, remove := r.vals["n"], r.vals["x"]
	switch {
	case name != "" && remove != "":
		return usagef("Can not specify both '-n name' and '-x name' option.")
	case name == "" && remove == "":
		return usagef("Must specify '-n name' or '-x name' option.")
	}
	if err := attrName(name + remove); err != nil {
		return err
	}
	value, err := parseAttr(r.vals["v"])
	if err != nil {
		return err
	}
	if err := onePath(r); err != nil {
		return err
	}
	r.do = func(i *fsys.Item) error {
		h, err := r.remote(i, "setfattr")
		if err != nil {
			return err
		}
		if remove != "" {
			return h.RemoveXAttr(r.ctx, i.Path, remove)
		}
		return h.SetXAttr(r.ctx, i.Path, name, value)
	}
	return nil
}

func parseAttr(v string) ([]byte, error) {
	low := strings.ToLower(v)
	switch {
	case len(v) >= 2 && v[0] == '"' && v[len(v)-1] == '"':
		return []byte(v[1 : len(v)-1]), nil
	case strings.HasPrefix(low, "0x"):
		b, err := hex.DecodeString(v[2:])
		if err != nil {
			return nil, usagef("%q is no hexadecimal value: %v", v, err)
		}
		return b, nil
	case strings.HasPrefix(low, "0s"):
		b, err := base64.StdEncoding.DecodeString(v[2:])
		if err != nil {
			return nil, usagef("%q is no base64 value: %v", v, err)
		}
		return b, nil
	}
	return []byte(v), nil
}

func snapshots() []*command {
	return []*command{
		{
			name: "createSnapshot", usage: "<snapshotDir> [<snapshotName>]", max: -1,
			about: []string{"Makes a snapshot of a directory; without a name the time names it."},
			setup: func(r *run) error {
				switch {
				case len(r.args) == 0:
					return usagef("<snapshotDir> is missing.")
				case len(r.args) > 2:
					return usagef("Too many arguments.")
				}
				return r.snapshot(func(h *fsys.HDFS, dir string, names []string) error {
					p, err := h.CreateSnapshot(r.ctx, dir, strings.Join(names, ""))
					if err == nil {
						r.println("Created snapshot " + p)
					}
					return err
				})
			},
		},
		{
			name: "deleteSnapshot", usage: "<snapshotDir> <snapshotName>", max: -1,
			about: []string{"Deletes a snapshot of a directory."},
			setup: func(r *run) error {
				if len(r.args) != 2 {
					return usagef("Incorrect number of arguments.")
				}
				return r.snapshot(func(h *fsys.HDFS, dir string, names []string) error {
					err := h.DeleteSnapshot(r.ctx, dir, names[0])
					if err == nil {
						r.printf("Deleted snapshot %s under %s%s\n", names[0], h.URI(), dir)
					}
					return err
				})
			},
		},
		{
			name: "renameSnapshot", usage: "<snapshotDir> <oldName> <newName>", max: -1,
			about: []string{"Renames a snapshot of a directory."},
			setup: func(r *run) error {
				if len(r.args) != 3 {
					return usagef("Incorrect number of arguments.")
				}
				return r.snapshot(func(h *fsys.HDFS, dir string, names []string) error {
					err := h.RenameSnapshot(r.ctx, dir, names[0], names[1])
					if err == nil {
						r.printf("Renamed snapshot %s to %s under %s%s\n", names[0], names[1], h.URI(), dir)
					}
					return err
				})
			},
		},
	}
}

// snapshot takes the directory and does something with it and the names behind it.
func (r *run) snapshot(f func(h *fsys.HDFS, dir string, names []string) error) error {
	names := r.args[1:]
	r.args = r.args[:1]
	r.do = func(i *fsys.Item) error {
		if !i.IsDir() {
			return fsys.IsNotDir(i.String())
		}
		h, err := r.remote(i, "a snapshot")
		if err != nil {
			return err
		}
		return f(h, i.Path, names)
	}
	return nil
}
