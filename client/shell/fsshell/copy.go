package fsshell

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/client/shell/fsys"
)

// copying is one command that copies to a destination. The tree is walked in order, directories being made on the way;
// files are copied by several workers, and their complaints are printed in the order of the walk when all is done. Then
// directories get the attributes that are to be preserved, since files changed their times.
type copying struct {
	r         *run
	dst       *fsys.Item
	overwrite bool
	direct    bool
	lazy      bool
	keep      string // of t o p a x

	jobs  chan *job
	wg    sync.WaitGroup
	mu    sync.Mutex // guards done
	done  []*job
	dirs  [][2]*fsys.Item // source and target, to get attributes at the end
	meter *meter
	moved func(src *fsys.Item) error // after a file was copied
}

// job is one file to be copied, and what came of it.
type job struct {
	src, dst *fsys.Item
	err      error
}

const workers = 8

func (r *run) newCopying() *copying {
	c := &copying{r: r, overwrite: r.opts["f"], direct: r.opts["d"], lazy: r.opts["l"]}
	if r.opts["p"] {
		c.keep = "top"
	}
	r.recursive = true
	r.all = c.all
	r.argDo = c.argument
	r.do = c.do
	r.enter = c.enter
	return c
}

// localTarget takes the last argument as a local path; without one it is the working directory.
func (c *copying) localTarget() error {
	text := "."
	if n := len(c.r.args); n > 1 {
		text, c.r.args = c.r.args[n-1], c.r.args[:n-1]
	}
	var err error
	c.dst, err = c.r.World.LocalItem(c.r.ctx, text)
	return err
}

// remoteTarget takes the last argument, which may be a pattern for one path; without one it is the home directory.
func (c *copying) remoteTarget() error {
	text := "."
	if n := len(c.r.args); n > 1 {
		text, c.r.args = c.r.args[n-1], c.r.args[:n-1]
	}
	items, err := c.r.World.Expand(c.r.ctx, text)
	switch {
	case err != nil:
		return err
	case len(items) == 0:
		return fsys.NotFound(text)
	case len(items) > 1:
		return fsys.Pathf(text, "Too many matches")
	}
	c.dst = items[0]
	if !c.dst.Exists() {
		c.dst, err = c.r.World.Item(c.r.ctx, text)
	}
	return err
}

// all checks the destination against the number of sources, then copies.
func (c *copying) all(items []*fsys.Item) error {
	switch {
	case len(items) > 1 && !c.dst.Exists():
		return fsys.NotFound(c.dst.String())
	case len(items) > 1 && !c.dst.IsDir():
		return fsys.IsNotDir(c.dst.String())
	case len(items) <= 1 && c.dst.Exists() && !c.dst.IsDir() && !c.overwrite:
		return fsys.Exists(c.dst.String())
	case len(items) <= 1 && !c.dst.Exists():
		ok, err := c.dst.ParentExists(c.r.ctx)
		if err != nil {
			return err
		}
		if !ok {
			return fsys.NotFoundAt(c.dst)
		}
	}
	c.start()
	err := c.r.each(items)
	c.finish()
	return err
}

func (c *copying) start() {
	n := workers
	if v, err := strconv.Atoi(c.r.vals["t"]); err == nil && v > 0 && c.r.opts["t"] {
		n = min(v, 64)
	}
	c.jobs = make(chan *job, 2*n)
	c.meter = startMeter(c.r)
	for range n {
		c.wg.Go(func() {
			for j := range c.jobs {
				j.err = c.copyFile(j.src, j.dst)
				if j.err == nil && c.moved != nil {
					j.err = c.moved(j.src)
				}
			}
		})
	}
}

// finish waits for the workers, prints complaints and sets what is preserved of directories.
func (c *copying) finish() {
	close(c.jobs)
	c.wg.Wait()
	c.meter.stop()
	for _, j := range c.done {
		if j.err != nil {
			c.r.complain(j.err)
		}
	}
	for _, d := range slices.Backward(c.dirs) {
		if err := c.preserve(d[0], d[1]); err != nil {
			c.r.complain(err)
		}
	}
}

// argument refuses to copy a directory onto or into itself.
func (c *copying) argument(src *fsys.Item) error {
	if src.IsDir() && src.FS.URI() == c.dst.FS.URI() {
		target, err := c.target(src)
		if err != nil {
			return err
		}
		if target.Path == src.Path {
			return &fsys.PathError{Path: src.String(), Target: target.URI(), What: "are identical"}
		}
		if strings.HasPrefix(target.Path, strings.TrimSuffix(src.Path, "/")+"/") {
			return &fsys.PathError{Path: src.String(), Target: target.String(), What: "is a subdirectory of itself"}
		}
	}
	return c.r.paths(nil, []*fsys.Item{src})
}

// target is where a source goes: into the destination when that is a directory.
func (c *copying) target(src *fsys.Item) (*fsys.Item, error) {
	if c.r.depth > 0 || c.dst.IsDir() || c.dst.LooksLikeDir() {
		return c.dst.Child(c.r.ctx, src.Name())
	}
	return c.dst, nil
}

func (c *copying) do(src *fsys.Item) error {
	if src.Stat.Link {
		return &fsys.PathError{Path: src.String(), What: "Operation not permitted", Kind: fs.ErrPermission}
	}
	if src.IsDir() {
		return nil
	}
	target, err := c.target(src)
	if err != nil {
		return err
	}
	j := &job{src: src, dst: target}
	c.mu.Lock()
	c.done = append(c.done, j)
	c.mu.Unlock()
	c.jobs <- j
	return nil
}

// enter makes the directory that a directory is copied to, and goes on with what is in it.
func (c *copying) enter(src *fsys.Item) error {
	target, err := c.target(src)
	if err != nil {
		return err
	}
	if target.Exists() {
		if !target.IsDir() {
			return fsys.IsNotDir(target.String())
		}
	} else {
		if err := target.FS.Mkdirs(c.r.ctx, target.Path); err != nil {
			return err
		}
		if err := target.Refresh(c.r.ctx); err != nil {
			return err
		}
	}
	if c.keep != "" {
		c.dirs = append(c.dirs, [2]*fsys.Item{src, target})
	}
	was := c.dst
	c.dst = target
	defer func() { c.dst = was }()
	return c.r.entries(src)
}

// copyFile copies a file and what is preserved of it.
func (c *copying) copyFile(src, dst *fsys.Item) error {
	f, err := src.FS.Open(c.r.ctx, src.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := c.copyStream(f, dst); err != nil {
		return err
	}
	return c.preserve(src, dst)
}

// copyingSuffix marks a file that is not whole yet.
const copyingSuffix = "._COPYING_"

// copyStream writes a stream to a file, under another name until it is whole.
func (c *copying) copyStream(in io.Reader, dst *fsys.Item) error {
	if dst.Exists() && (dst.IsDir() || !c.overwrite) {
		return fsys.Exists(dst.String())
	}
	temp := dst
	if !c.direct {
		temp = dst.Suffix(copyingSuffix)
	}
	w, err := temp.FS.Create(c.r.ctx, temp.Path, fsys.Create{Overwrite: true, LazyPersist: c.lazy})
	if err != nil {
		return err
	}
	if err := c.pour(w, in); err != nil {
		return errors.Join(err, w.Abort())
	}
	if err := w.Close(); err != nil {
		_, derr := temp.FS.Delete(c.r.ctx, temp.Path, false)
		return errors.Join(err, derr)
	}
	if c.direct {
		return nil
	}
	return c.rename(temp, dst)
}

// rename gives a whole file its name.
func (c *copying) rename(temp, dst *fsys.Item) error {
	var err error
	if h, ok := dst.FS.(*fsys.HDFS); ok {
		err = h.Client.Rename(c.r.ctx, temp.Path, dst.Path, client.RenameOptions{Overwrite: c.overwrite})
	} else {
		_, err = dst.FS.Rename(c.r.ctx, temp.Path, dst.Path)
	}
	if err != nil {
		_, derr := temp.FS.Delete(c.r.ctx, temp.Path, false)
		return errors.Join(err, derr)
	}
	return nil
}

// pour moves the bytes: by several connections at once from HDFS to a local file, else in order.
func (c *copying) pour(w fsys.Writer, in io.Reader) error {
	if r, ok := in.(*client.Reader); ok {
		if at, ok := w.(io.WriterAt); ok {
			return r.CopyTo(c.r.ctx, at, c.meter.add)
		}
	}
	_, err := io.Copy(w, &meteredReader{in: in, m: c.meter, ctx: c.r.ctx})
	return err
}

// preserve sets what of the source is to be kept: times, owner and group, permission, ACL, extended attributes.
func (c *copying) preserve(src, dst *fsys.Item) error {
	if c.keep == "" {
		return nil
	}
	ctx, st := c.r.ctx, src.Stat
	if strings.Contains(c.keep, "o") {
		if err := dst.FS.SetOwner(ctx, dst.Path, st.Owner, st.Group); err != nil {
			return err
		}
	}
	if strings.ContainsAny(c.keep, "pa") {
		if err := dst.FS.SetPerm(ctx, dst.Path, st.Perm); err != nil {
			return err
		}
	}
	from, okFrom := src.FS.(*fsys.HDFS)
	to, okTo := dst.FS.(*fsys.HDFS)
	if okFrom && okTo {
		if strings.Contains(c.keep, "a") && st.ACL {
			a, err := from.Acl(ctx, src.Path)
			if err != nil {
				return err
			}
			if err := to.SetAcl(ctx, dst.Path, fullAcl(st.Perm, a.GetEntries())); err != nil {
				return err
			}
		}
		if strings.Contains(c.keep, "x") {
			attrs, err := from.XAttrs(ctx, src.Path)
			if err != nil {
				return err
			}
			for _, x := range attrs {
				if err := to.SetXAttr(ctx, dst.Path, x.Name, x.Value); err != nil {
					return err
				}
			}
		}
	}
	if strings.Contains(c.keep, "t") {
		return dst.FS.SetTimes(ctx, dst.Path, st.MTime, st.ATime)
	}
	return nil
}
