package fsshell

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/client/shell/fsys"
)

func removing() []*command {
	rm := &command{
		name: "rm", usage: "[-f] [-r|-R] [-skipTrash] [-safely] <src> ...", min: 1, max: -1,
		options: []string{"f", "r", "R", "skipTrash", "safely"},
		about: []string{
			"Removes files: into the trash if the file system has one, else for good.",
			"  -f          no complaint about a file that is missing",
			"  -r, -R      directories with all below them as well",
			"  -skipTrash  for good",
			"  -safely     ask before a directory with more files than hadoop.shell.delete.limit.num.files (100) is removed",
		},
		setup: setupRm,
	}
	rmr := *rm
	rmr.name, rmr.deprecated, rmr.about = "rmr", "-rm -r", nil
	rmr.setup = func(r *run) error {
		r.opts["r"] = true
		return setupRm(r)
	}
	return []*command{
		rm, &rmr,
		{
			name: "rmdir", usage: "[--ignore-fail-on-non-empty] <dir> ...", min: 1, max: -1,
			options: []string{"-ignore-fail-on-non-empty"},
			about:   []string{"Removes empty directories."},
			setup:   setupRmdir,
		},
		{
			name: "expunge", usage: "[-immediate] [-fs <path>]", max: 0,
			options: []string{"immediate"}, valued: []string{"fs"},
			about: []string{
				"Removes from the trash what is older than fs.trash.interval, and puts the rest behind a checkpoint.",
				"  -immediate  removes everything",
			},
			setup: setupExpunge,
		},
	}
}

func setupRm(r *run) error {
	deep := r.opts["r"] || r.opts["R"]
	r.expand = func(a string) ([]*fsys.Item, error) {
		items, err := r.glob(a)
		if r.opts["f"] && errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return items, err
	}
	r.absent = func(i *fsys.Item) error {
		if r.opts["f"] {
			return nil
		}
		return fsys.NotFound(i.String())
	}
	r.do = func(i *fsys.Item) error {
		if i.IsDir() && !deep {
			return fsys.IsDir(i.String())
		}
		if moved, err := r.toTrash(i); moved || err != nil {
			return err
		}
		if ok, err := r.confirmed(i); !ok || err != nil {
			return err
		}
		ok, err := i.FS.Delete(r.ctx, i.Path, deep)
		if err != nil {
			return err
		}
		if !ok {
			return fsys.Pathf(i.String(), "Input/output error")
		}
		r.printf("Deleted %s\n", i)
		return nil
	}
	return nil
}

// confirmed asks before a large directory is removed with -safely.
func (r *run) confirmed(i *fsys.Item) (bool, error) {
	h, ok := i.FS.(*fsys.HDFS)
	if !ok || !r.opts["safely"] || !i.IsDir() {
		return true, nil
	}
	limit := int64(100)
	if n, err := strconv.ParseInt(r.Conf.String("hadoop.shell.delete.limit.num.files"), 10, 64); err == nil {
		limit = n
	}
	sum, err := h.ContentSummary(r.ctx, i.Path)
	if err != nil {
		return false, err
	}
	if sum.FileCount <= limit {
		return true, nil
	}
	r.printf("Proceed deleting %d files? (Y or N) ", sum.FileCount)
	r.out.Flush()
	var answer string
	_, _ = fmt.Fscanln(r.Stdin, &answer)
	if strings.HasPrefix(strings.ToLower(answer), "y") {
		return true, nil
	}
	r.printf("Delete aborted at user request.\n\n")
	return false, nil
}

// The trash of a user is a directory of checkpoints; Current takes what is removed (TrashPolicyDefault).
const (
	trashCurrent = "Current"
	trashStamp   = "060102150405"
)

// toTrash moves a file to its owner's trash. It answers false when there is no trash, or the file lies in it.
func (r *run) toTrash(i *fsys.Item) (bool, error) {
	h, ok := i.FS.(*fsys.HDFS)
	if !ok || r.opts["skipTrash"] {
		return false, nil
	}
	on, err := r.trashOn(h)
	if err != nil || !on {
		return false, err
	}
	root := path.Join(h.Home(), ".Trash")
	if i.Path == root || strings.HasPrefix(i.Path, root+"/") {
		return false, nil
	}
	if i.Path == "/" || strings.HasPrefix(root+"/", strings.TrimSuffix(i.Path, "/")+"/") {
		return false, &ioError{fmt.Sprintf("Cannot move %q to the trash, as it contains the trash. Consider using -skipTrash option", i.URI())}
	}
	target := path.Join(root, trashCurrent, i.Path)
	if err := h.Client.Mkdirs(r.ctx, path.Dir(target), 0o700, true); err != nil {
		return false, &ioError{Message(err) + ". Consider using -skipTrash option"}
	}
	base := target
	for n := 0; ; n++ {
		taken, err := h.Exists(r.ctx, target)
		if err != nil {
			return false, err
		}
		if !taken {
			break
		}
		target = base + strconv.FormatInt(time.Now().UnixMilli()+int64(n), 10)
	}
	if err := h.Client.Rename(r.ctx, i.Path, target, client.RenameOptions{ToTrash: true}); err != nil {
		return false, &ioError{Message(err) + ". Consider using -skipTrash option"}
	}
	r.out.Flush()
	fmt.Fprintf(r.Stderr, "Moved: '%s' to trash at: %s\n", i.URI(), h.URI()+target)
	return true, nil
}

// trashOn asks the namenode whether it keeps a trash; its own setting counts when it says no.
func (r *run) trashOn(h *fsys.HDFS) (bool, error) {
	d, err := h.ServerDefaults(r.ctx)
	if err != nil {
		return false, err
	}
	return d.GetTrashInterval() > 0 || r.Conf.Duration("fs.trash.interval") > 0, nil
}

func setupRmdir(r *run) error {
	r.do = func(i *fsys.Item) error {
		if !i.IsDir() {
			return fsys.IsNotDir(i.String())
		}
		for _, err := range i.FS.List(r.ctx, i.Path) {
			if err != nil {
				return err
			}
			if r.opts["-ignore-fail-on-non-empty"] {
				return nil
			}
			return fsys.NotEmpty(i.String())
		}
		ok, err := i.FS.Delete(r.ctx, i.Path, false)
		if err == nil && !ok {
			err = fsys.Pathf(i.String(), "Input/output error")
		}
		return err
	}
	return nil
}

func setupExpunge(r *run) error {
	where := r.vals["fs"]
	if where == "" {
		where = "/"
	}
	f, _, err := r.World.Find(where)
	if err != nil {
		return err
	}
	h, ok := f.(*fsys.HDFS)
	if !ok {
		return nil
	}
	root := path.Join(h.Home(), ".Trash")
	interval := r.Conf.Duration("fs.trash.interval")
	if d, err := h.ServerDefaults(r.ctx); err == nil && d.GetTrashInterval() > 0 {
		interval = time.Duration(d.GetTrashInterval()) * time.Minute
	}
	names, err := fsys.ReadAll(r.ctx, h, root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	now := time.Now()
	current := slices.ContainsFunc(names, func(s *fsys.Status) bool { return path.Base(s.Path) == trashCurrent })
	if r.opts["immediate"] {
		interval = 0
	}
	for _, s := range names {
		at, err := checkpointTime(path.Base(s.Path))
		if err != nil || now.Sub(at) <= interval && interval > 0 {
			continue
		}
		if _, err := h.Delete(r.ctx, s.Path, true); err != nil {
			return err
		}
		fmt.Fprintf(r.Stderr, "Deleted trash checkpoint: %s\n", s.Path)
	}
	if !current {
		return nil
	}
	if r.opts["immediate"] {
		_, err := h.Delete(r.ctx, path.Join(root, trashCurrent), true)
		return err
	}
	checkpoint := path.Join(root, now.Format(trashStamp))
	for n := 1; ; n++ {
		err := h.Client.Rename(r.ctx, path.Join(root, trashCurrent), checkpoint, client.RenameOptions{})
		if errors.Is(err, fs.ErrExist) && n < 1000 {
			checkpoint = path.Join(root, now.Format(trashStamp)+"-"+strconv.Itoa(n))
			continue
		}
		if err == nil {
			fmt.Fprintf(r.Stderr, "Created trash checkpoint: %s\n", checkpoint)
		}
		return err
	}
}

func checkpointTime(name string) (time.Time, error) {
	name, _, _ = strings.Cut(name, "-")
	return time.ParseInLocation(trashStamp, name, time.Local)
}
