package fsshell

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/lodehq/lode/client/shell/fsys"
)

func moving() []*command {
	put := &command{
		name: "put", usage: "[-f] [-p] [-l] [-d] [-t <thread count>] [-q <thread pool queue size>] <localsrc> ... <dst>",
		min: 1, max: -1, options: []string{"f", "p", "l", "d"}, valued: []string{"t", "q"},
		about: []string{
			"Copies local files and directories to a file system; - is standard input. A file has its name only when it is whole.",
			"  -f  replace files that are there",
			"  -p  keep times, owner, group and permissions",
			"  -l  let datanodes keep the file in memory first, with one replica",
			"  -d  write to the final name at once",
			"  -t  files that are copied at the same time, 8",
			"  -q  is understood for compatibility",
		},
		setup: setupPut,
	}
	from := *put
	from.name, from.about = "copyFromLocal", []string{"Same as -put."}
	get := &command{
		name: "get", usage: "[-f] [-p] [-crc] [-ignoreCrc] [-t <thread count>] [-q <thread pool queue size>] <src> ... <localdst>",
		min: 1, max: -1, options: []string{"f", "p", "crc", "ignoreCrc"}, valued: []string{"t", "q"},
		about: []string{
			"Copies files and directories to the local disk.",
			"  -f  replace files that are there",
			"  -p  keep times, owner, group and permissions",
			"  -t  files that are copied at the same time, 8",
			"  -crc, -ignoreCrc, -q are understood for compatibility: checksums are always verified, and never stored beside a file",
		},
		setup: setupGet,
	}
	to := *get
	to.name, to.about = "copyToLocal", []string{"Same as -get."}
	return []*command{
		put, &from, get, &to,
		{
			name: "cp", usage: "[-f] [-p | -p[topax]] [-d] [-t <thread count>] [-q <thread pool queue size>] <src> ... <dst>",
			min: 2, max: -1, options: []string{"f", "d"}, valued: []string{"t", "q"}, pre: preservePre,
			about: []string{
				"Copies files and directories.",
				"  -f  replace files that are there",
				"  -p  keep times, owner, group and permissions; of -p[topax] what is named: times, owner, permissions, ACL, extended attributes",
				"  -d  write to the final name at once",
				"  -t  files that are copied at the same time, 8",
			},
			setup: setupCp,
		},
		{
			name: "moveFromLocal", usage: "[-f] [-p] [-l] [-d] <localsrc> ... <dst>", min: 1, max: -1,
			options: []string{"f", "p", "l", "d"},
			about:   []string{"Same as -put, and removes the local files."},
			setup:   setupMoveFromLocal,
		},
		{
			name: "moveToLocal", usage: "<src> <localdst>", max: -1,
			about: []string{"Does not exist: use -get, then -rm."},
			setup: func(*run) error { return &ioError{"Option '-moveToLocal' is not implemented yet."} },
		},
		{
			name: "mv", usage: "<src> ... <dst>", min: 2, max: -1,
			about: []string{"Moves files and directories within a file system; several only into a directory."},
			setup: setupMv,
		},
		{
			name: "appendToFile", usage: "[-n] <localsrc> ... <dst>", max: -1, options: []string{"n"},
			about: []string{
				"Writes local files to the end of a file, which is made if it is missing; - is standard input.",
				"  -n  begin a new block",
			},
			setup: setupAppend,
		},
	}
}

// localArgs makes arguments local paths, without patterns.
func (r *run) localArgs(a string) ([]*fsys.Item, error) {
	i, err := r.World.LocalItem(r.ctx, a)
	if err != nil {
		return nil, err
	}
	return []*fsys.Item{i}, nil
}

func setupPut(r *run) error {
	c := r.newCopying()
	r.expand = r.localArgs
	if err := c.remoteTarget(); err != nil {
		return err
	}
	if len(r.args) == 1 && r.args[0] == "-" {
		r.args = nil
		r.all = func([]*fsys.Item) error {
			if c.dst.IsDir() {
				return fsys.Exists(c.dst.String())
			}
			c.meter = startMeter(r)
			defer c.meter.stop()
			return c.copyStream(r.Stdin, c.dst)
		}
	}
	return nil
}

func setupGet(r *run) error { return r.newCopying().localTarget() }

func setupCp(r *run) error {
	c := r.newCopying()
	if r.opts["p"] {
		c.keep = r.vals["p"]
	}
	return c.remoteTarget()
}

// preservePre finds -p and -p[topax].
func preservePre(args []string) ([]string, map[string]string, error) {
	for n, a := range args {
		if a == "--" {
			break
		}
		if !strings.HasPrefix(a, "-p") {
			continue
		}
		keep := strings.ToLower(a[2:])
		if keep == "" {
			keep = "top"
		}
		if i := strings.IndexFunc(keep, func(c rune) bool { return !strings.ContainsRune("topax", c) }); i >= 0 {
			return nil, nil, usagef("No attribute for %c", a[2+i])
		}
		return append(append([]string(nil), args[:n]...), args[n+1:]...), map[string]string{"p": keep}, nil
	}
	return args, nil, nil
}

func setupMoveFromLocal(r *run) error {
	c := r.newCopying()
	r.expand = r.localArgs
	c.moved = func(src *fsys.Item) error {
		_, err := src.FS.Delete(r.ctx, src.Path, false)
		return err
	}
	if err := c.remoteTarget(); err != nil {
		return err
	}
	all := r.all
	r.all = func(items []*fsys.Item) error {
		for _, i := range items {
			target, err := c.target(i)
			if err == nil && target.IsDir() && i.IsDir() {
				return fsys.Exists(target.String())
			}
		}
		if err := all(items); err != nil || r.failures > 0 {
			return err
		}
		for _, i := range items {
			if i.IsDir() {
				if _, err := i.FS.Delete(r.ctx, i.Path, true); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return nil
}

func setupMv(r *run) error {
	c := r.newCopying()
	r.recursive = false
	if err := c.remoteTarget(); err != nil {
		return err
	}
	r.all = func(items []*fsys.Item) error {
		c.overwrite = true // a file as destination is found out below
		switch {
		case len(items) > 1 && !c.dst.Exists():
			return fsys.NotFound(c.dst.String())
		case len(items) > 1 && !c.dst.IsDir():
			return fsys.IsNotDir(c.dst.String())
		case len(items) == 1 && c.dst.Exists() && !c.dst.IsDir():
			return fsys.Exists(c.dst.String())
		}
		return r.each(items)
	}
	r.do = func(src *fsys.Item) error {
		target, err := c.target(src)
		if err != nil {
			return err
		}
		if src.FS.URI() != target.FS.URI() {
			return fsys.Pathf(src.String(), "Does not match target filesystem")
		}
		if target.Exists() {
			return fsys.Exists(target.String())
		}
		if ok, err := target.ParentExists(r.ctx); err != nil || !ok {
			if err == nil {
				err = fsys.NotFoundAt(target)
			}
			return err
		}
		ok, err := src.FS.Rename(r.ctx, src.Path, target.Path)
		if err == nil && !ok {
			err = &fsys.PathError{Op: "rename", Path: src.String(), Target: target.String()}
		}
		return err
	}
	return nil
}

func setupAppend(r *run) error {
	if len(r.args) < 2 {
		return &ioError{"missing destination argument"}
	}
	last := len(r.args) - 1
	dst, err := r.World.Item(r.ctx, r.args[last])
	if err != nil {
		return err
	}
	sources := r.args[:last]
	r.args = nil
	r.all = func([]*fsys.Item) error {
		stdin := false
		for _, s := range sources {
			stdin = stdin || s == "-"
		}
		if stdin && len(sources) > 1 {
			return &ioError{"stdin (-) must be the sole input argument when present"}
		}
		var in []io.Reader
		for _, s := range sources {
			if s == "-" {
				in = append(in, r.Stdin)
				continue
			}
			i, err := r.World.LocalItem(r.ctx, s)
			if err != nil {
				return err
			}
			if !i.Exists() {
				return &ioError{i.Path}
			}
			f, err := os.Open(i.Path)
			if err != nil {
				return err
			}
			defer f.Close()
			in = append(in, f)
		}
		if !dst.Exists() {
			if err := r.createEmpty(dst); err != nil {
				return err
			}
		}
		w, err := dst.FS.Append(r.ctx, dst.Path, r.opts["n"])
		if err != nil {
			return err
		}
		_, err = io.Copy(w, io.MultiReader(in...))
		return errors.Join(err, w.Close())
	}
	return nil
}
