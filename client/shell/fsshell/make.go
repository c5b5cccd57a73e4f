package fsshell

import (
	"path"
	"strconv"
	"time"

	"github.com/lodehq/lode/client/shell/fsys"
)

func making() []*command {
	return []*command{
		{
			name: "mkdir", usage: "[-p] <path> ...", min: 1, max: -1, options: []string{"p"},
			about: []string{"Makes directories. -p: those above as well, and no complaint about one that is there."},
			setup: setupMkdir,
		},
		{
			name: "touchz", usage: "<path> ...", min: 1, max: -1,
			about: []string{"Makes empty files. A file that is there has to be empty."},
			setup: setupTouchz,
		},
		{
			name: "touch", usage: "[-a] [-m] [-t TIMESTAMP (yyyyMMdd:HHmmss) ] [-c] <path> ...", min: 1, max: -1,
			options: []string{"a", "m", "c"}, valued: []string{"t"},
			about: []string{
				"Sets access and modification time to now, and makes files that are missing.",
				"  -a  the access time only",
				"  -m  the modification time only",
				"  -t  to that time",
				"  -c  make no files",
			},
			setup: setupTouch,
		},
		{
			name: "truncate", usage: "[-w] <length> <path> ...", min: 2, max: -1, options: []string{"w"},
			about: []string{"Cuts files to a length in bytes. -w: waits until blocks are recovered where that takes time."},
			setup: setupTruncate,
		},
		{
			name: "concat", usage: "<target path> <src path> <src path> ...", max: -1,
			about: []string{"Moves the blocks of the sources to the end of the target and removes the sources."},
			setup: setupConcat,
		},
		{
			name: "setrep", usage: "[-R] [-w] <rep> <path> ...", min: 2, max: -1, options: []string{"R", "w"},
			about: []string{
				"Sets the number of replicas of files, and of all files below directories.",
				"  -w  waits until there are so many",
				"  -R  is understood for compatibility",
			},
			setup: setupSetrep,
		},
	}
}

func setupMkdir(r *run) error {
	r.do = func(i *fsys.Item) error {
		switch {
		case !i.IsDir():
			return fsys.IsNotDir(i.String())
		case !r.opts["p"]:
			return fsys.Exists(i.String())
		}
		return nil
	}
	r.absent = func(i *fsys.Item) error {
		if !r.opts["p"] {
			up := &fsys.Item{FS: i.FS, Path: path.Dir(i.Path)}
			if err := up.Refresh(r.ctx); err != nil {
				return err
			}
			if !up.Exists() {
				return fsys.NotFound(up.URI())
			}
			if !up.IsDir() {
				return fsys.IsNotDir(path.Dir(i.Path))
			}
		}
		return i.FS.Mkdirs(r.ctx, i.Path)
	}
	return nil
}

// parentOf complains when the directory above a path is missing.
func (r *run) parentOf(i *fsys.Item) error {
	ok, err := i.ParentExists(r.ctx)
	if err == nil && !ok {
		err = fsys.NotFoundAt(i)
	}
	return err
}

func (r *run) createEmpty(i *fsys.Item) error {
	w, err := i.FS.Create(r.ctx, i.Path, fsys.Create{Overwrite: true})
	if err != nil {
		return err
	}
	return w.Close()
}

func setupTouchz(r *run) error {
	r.do = func(i *fsys.Item) error {
		if i.IsDir() {
			return fsys.IsDir(i.String())
		}
		if i.Stat.Len != 0 {
			return fsys.Pathf(i.String(), "Not a zero-length file")
		}
		return r.createEmpty(i)
	}
	r.absent = func(i *fsys.Item) error {
		if err := r.parentOf(i); err != nil {
			return err
		}
		return r.createEmpty(i)
	}
	return nil
}

func setupTouch(r *run) error {
	at := time.Now()
	if r.opts["t"] {
		var err error
		if at, err = time.ParseInLocation("20060102:150405", r.vals["t"], time.Local); err != nil {
			return usagef("Unable to parse the specified timestamp %s. The expected format is yyyyMMdd:HHmmss", r.vals["t"])
		}
	}
	set := func(i *fsys.Item) error {
		mtime, atime := at, at
		if r.opts["m"] != r.opts["a"] {
			if r.opts["m"] {
				atime = time.Time{}
			} else {
				mtime = time.Time{}
			}
		}
		return i.FS.SetTimes(r.ctx, i.Path, mtime, atime)
	}
	r.do = func(i *fsys.Item) error {
		if i.IsDir() {
			return fsys.IsDir(i.String())
		}
		return set(i)
	}
	r.absent = func(i *fsys.Item) error {
		if err := r.parentOf(i); err != nil || r.opts["c"] {
			return err
		}
		if err := r.createEmpty(i); err != nil || !r.opts["t"] {
			return err
		}
		return set(i)
	}
	return nil
}

func setupTruncate(r *run) error {
	n, err := strconv.ParseInt(r.args[0], 10, 64)
	if err != nil {
		return &usageError{text: "Illegal length, a non-negative integer expected", bare: true}
	}
	if n < 0 {
		return usagef("length must be >= 0")
	}
	r.args = r.args[1:]
	var waiting []*fsys.Item
	r.do = func(i *fsys.Item) error {
		if i.IsDir() {
			return fsys.IsDir(i.String())
		}
		if i.Stat.Len < n {
			return usagef("Cannot truncate to a larger file size. Current size: %d, truncate size: %d.", i.Stat.Len, n)
		}
		h, ok := i.FS.(*fsys.HDFS)
		if !ok {
			return fsys.Pathf(i.String(), "truncate is not supported on %s", i.FS.URI())
		}
		done, err := h.Truncate(r.ctx, i.Path, n)
		switch {
		case err != nil:
			return err
		case done:
			r.printf("Truncated %s to length: %d\n", i, n)
		case r.opts["w"]:
			waiting = append(waiting, i)
		default:
			r.printf("Truncating %s to length: %d. Wait for block recovery to complete before further updating this file.\n", i, n)
		}
		return nil
	}
	r.all = func(items []*fsys.Item) error {
		if err := r.each(items); err != nil {
			return err
		}
		for _, i := range waiting {
			r.printf("Waiting for %s ...", i)
			for i.Stat.Len != n || !r.closed(i) {
				r.printf(".")
				r.out.Flush()
				if err := r.pause(time.Second); err != nil {
					return err
				}
				if err := i.Refresh(r.ctx); err != nil {
					return err
				}
			}
			r.printf("\nTruncated %s to length: %d\n", i, n)
		}
		return nil
	}
	return nil
}

func (r *run) closed(i *fsys.Item) bool {
	ok, err := i.FS.(*fsys.HDFS).IsClosed(r.ctx, i.Path)
	return ok || err != nil
}

func (r *run) pause(d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

func setupConcat(r *run) error {
	if len(r.args) < 1 {
		return &ioError{"Target path not specified. " + r.cmd.usage}
	}
	if len(r.args) < 3 {
		return &ioError{"The number of source paths is less than 2. " + r.cmd.usage}
	}
	target, err := r.World.Item(r.ctx, r.args[0])
	if err != nil {
		return err
	}
	r.args = r.args[1:]
	r.all = func(items []*fsys.Item) error {
		if r.failures > 0 {
			return nil
		}
		for _, i := range append([]*fsys.Item{target}, items...) {
			if !i.Exists() || i.IsDir() {
				return &ioError{i.URI() + " does not exist or is not file."}
			}
		}
		h, ok := target.FS.(*fsys.HDFS)
		if !ok {
			return &ioError{"Dest filesystem '" + target.FS.URI() + "' doesn't support concat."}
		}
		srcs := make([]string, len(items))
		for n, i := range items {
			srcs[n] = i.Path
		}
		return h.Concat(r.ctx, target.Path, srcs)
	}
	return nil
}

func setupSetrep(r *run) error {
	n, err := strconv.ParseInt(r.args[0], 10, 16)
	if err != nil {
		return &usageError{text: "Illegal replication, a positive integer expected", bare: true}
	}
	if n < 1 {
		return usagef("replication must be >= 1")
	}
	r.args = r.args[1:]
	r.recursive = true
	var waiting []*fsys.Item
	r.do = func(i *fsys.Item) error {
		switch {
		case i.IsDir():
			return nil
		case i.Stat.Link:
			return fsys.Pathf(i.String(), "Symlinks unsupported")
		case i.Stat.EC != "":
			r.printf("Did not set replication for: %s, because it's an erasure coded file.\n", i)
			return nil
		}
		if h, ok := i.FS.(*fsys.HDFS); ok {
			if ok, err := h.SetReplication(r.ctx, i.Path, int(n)); err != nil || !ok {
				if err == nil {
					err = fsys.Pathf(i.String(), "Could not set replication for: %s", i)
				}
				return err
			}
		}
		r.printf("Replication %d set: %s\n", n, i)
		if r.opts["w"] {
			waiting = append(waiting, i)
		}
		return nil
	}
	r.all = func(items []*fsys.Item) error {
		if err := r.each(items); err != nil {
			return err
		}
		for _, i := range waiting {
			if err := r.awaitReplicas(i, int(n)); err != nil {
				return err
			}
		}
		return nil
	}
	return nil
}

func (r *run) awaitReplicas(i *fsys.Item, n int) error {
	h, ok := i.FS.(*fsys.HDFS)
	if !ok {
		return nil
	}
	r.printf("Waiting for %s ...", i)
	r.out.Flush()
	warned := false
	for {
		locs, err := h.Locations(r.ctx, i.Path, 0, -1)
		if err != nil {
			return err
		}
		done, over := true, false
		for _, l := range locs {
			done = done && len(l.Addresses) == n
			over = over || len(l.Addresses) > n
		}
		if done {
			r.println(" done")
			return nil
		}
		if over && !warned {
			warned = true
			r.printf("\nWARNING: the waiting time may be long for DECREASING the number of replications.\n")
		}
		r.printf(".")
		r.out.Flush()
		if err := r.pause(2 * time.Second); err != nil {
			return err
		}
	}
}
