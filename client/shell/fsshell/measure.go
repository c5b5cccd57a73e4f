package fsshell

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/client/shell/fsys"
	"github.com/lodehq/lode/internal/hdfs"
)

func measuring() []*command {
	du := &command{
		name: "du", usage: "[-s] [-h] [-v] [-x] <path> ...", max: -1, options: []string{"s", "h", "v", "x"},
		about: []string{
			"Prints the size of files and directories, what that takes with all replicas, and the path: of the entries of a",
			"directory.",
			"  -s  of the directory itself",
			"  -h  print sizes with a unit",
			"  -v  print a header",
			"  -x  leave snapshots out",
		},
		setup: setupDu,
	}
	dus := *du
	dus.name, dus.deprecated, dus.about = "dus", "du -s", nil
	dus.setup = func(r *run) error {
		r.opts["s"] = true
		return setupDu(r)
	}
	return []*command{
		du, &dus,
		{
			name: "df", usage: "[-h] [<path> ...]", max: -1, options: []string{"h"},
			about: []string{"Prints capacity, use and free space of file systems. -h: sizes with a unit."},
			setup: setupDf,
		},
		{
			name: "count", usage: "[-q] [-h] [-v] [-t [<storage type>]] [-u] [-x] [-e] [-s] <path> ...", min: 1, max: -1,
			options: []string{"q", "h", "v", "u", "x", "e", "s"}, valued: []string{"t"},
			about: []string{
				"Counts directories, files and bytes below paths. Columns: DIR_COUNT FILE_COUNT CONTENT_SIZE PATHNAME;",
				"with -q before them QUOTA REM_QUOTA SPACE_QUOTA REM_SPACE_QUOTA.",
				"  -h  print sizes with a unit",
				"  -v  print a header",
				"  -t  quotas and use by storage type (with -q or -u); types with commas between, or all",
				"  -u  quotas and use only",
				"  -x  leave snapshots out",
				"  -e  the erasure coding policy as well",
				"  -s  snapshots as well",
			},
			setup: setupCount,
		},
	}
}

// columnsTable aligns columns, the last being left as it is.
type columnsTable struct {
	rows  [][]string
	right map[int]bool
}

func (t *columnsTable) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *columnsTable) print(r *run) {
	var widths []int
	for _, row := range t.rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len([]rune(c)))
		}
	}
	for _, row := range t.rows {
		for i, c := range row {
			if i > 0 {
				r.printf("  ")
			}
			pad := strings.Repeat(" ", widths[i]-len([]rune(c)))
			switch {
			case t.right[i]:
				r.printf("%s%s", pad, c)
			case i == len(row)-1:
				r.printf("%s", c)
			default:
				r.printf("%s%s", c, pad)
			}
		}
		r.println()
	}
}

// summary counts what is below a path, by the namenode or by walking the local disk.
func (r *run) summary(i *fsys.Item) (*client.ContentSummary, error) {
	if h, ok := i.FS.(*fsys.HDFS); ok {
		return h.ContentSummary(r.ctx, i.Path)
	}
	s := &client.ContentSummary{Quota: -1, SpaceQuota: -1}
	return s, r.countLocal(i.FS, i.Stat, s)
}

func (r *run) countLocal(f fsys.FS, st *fsys.Status, s *client.ContentSummary) error {
	if !st.Dir {
		s.FileCount++
		s.Length += st.Len
		s.SpaceConsumed += st.Len
		return nil
	}
	s.DirectoryCount++
	for e, err := range f.List(r.ctx, st.Path) {
		if err != nil {
			return err
		}
		if err := r.countLocal(f, e, s); err != nil {
			return err
		}
	}
	return nil
}

func setupDu(r *run) error {
	if len(r.args) == 0 {
		r.args = []string{"."}
	}
	t := &columnsTable{}
	if r.opts["v"] {
		t.add("SIZE", "DISK_SPACE_CONSUMED_WITH_ALL_REPLICAS", "FULL_PATH_NAME")
	}
	r.argDo = func(i *fsys.Item) error {
		if !r.opts["s"] && i.IsDir() {
			return r.descend(i)
		}
		return r.paths(nil, []*fsys.Item{i})
	}
	r.before = func(_ *fsys.Item, items []*fsys.Item) { r.sort(items) }
	r.do = func(i *fsys.Item) error {
		s, err := r.summary(i)
		if err != nil {
			return err
		}
		n, space := s.Length, s.SpaceConsumed
		if r.opts["x"] {
			n, space = n-s.SnapshotLength, space-s.SnapshotSpaceConsumed
		}
		t.add(r.size(n), r.size(space), i.String())
		return nil
	}
	r.all = func(items []*fsys.Item) error {
		err := r.each(items)
		if len(t.rows) > 1 || !r.opts["v"] {
			t.print(r)
		}
		return err
	}
	return nil
}

func setupDf(r *run) error {
	if len(r.args) == 0 {
		r.args = []string{"/"}
	}
	t := &columnsTable{right: map[int]bool{1: true, 2: true, 3: true, 4: true}}
	t.add("Filesystem", "Size", "Used", "Available", "Use%")
	r.do = func(i *fsys.Item) error {
		h, ok := i.FS.(*fsys.HDFS)
		if !ok {
			return fsys.Pathf(i.String(), "df is for hdfs; the local disk has its own")
		}
		s, err := h.Stats(r.ctx)
		if err != nil {
			return err
		}
		use := "NaN%"
		if s.Capacity > 0 {
			use = fmt.Sprintf("%.0f%%", 100*float64(s.Used)/float64(s.Capacity))
		}
		t.add(h.URI(), r.size(s.Capacity), r.size(s.Used), r.size(s.Remaining), use)
		return nil
	}
	r.all = func(items []*fsys.Item) error {
		err := r.each(items)
		if len(t.rows) > 1 {
			t.print(r)
		}
		return err
	}
	return nil
}

// Types that can have a quota, in Hadoop's order (StorageType.getTypesSupportingQuota).
func quotaTypes() []hdfs.StorageType {
	return []hdfs.StorageType{hdfs.StorageSSD, hdfs.StorageDisk, hdfs.StorageArchive, hdfs.StorageProvided, hdfs.StorageNVDIMM}
}

func parseTypes(s string) ([]hdfs.StorageType, error) {
	if s == "" || strings.EqualFold(s, "all") {
		return quotaTypes(), nil
	}
	var out []hdfs.StorageType
next:
	for name := range strings.SplitSeq(s, ",") {
		for _, t := range append(quotaTypes(), hdfs.StorageRAMDisk) {
			if strings.EqualFold(t.String(), strings.TrimSpace(name)) {
				out = append(out, t)
				continue next
			}
		}
		return nil, usagef("No enum constant org.apache.hadoop.fs.StorageType.%s", strings.ToUpper(name))
	}
	return out, nil
}

func setupCount(r *run) error {
	quotas, usage := r.opts["q"], r.opts["u"]
	var types []hdfs.StorageType
	if r.opts["t"] && (quotas || usage) {
		var err error
		if types, err = parseTypes(r.vals["t"]); err != nil {
			return err
		}
	}
	if r.opts["v"] {
		switch {
		case types != nil:
			for _, t := range types {
				r.printf("%14s %18s ", t.String()+"_QUOTA", "REM_"+t.String()+"_QUOTA")
			}
		case usage:
			r.printf("%12s %15s %15s %15s ", "QUOTA", "REM_QUOTA", "SPACE_QUOTA", "REM_SPACE_QUOTA")
		default:
			if quotas {
				r.printf("%12s %15s %15s %15s ", "QUOTA", "REM_QUOTA", "SPACE_QUOTA", "REM_SPACE_QUOTA")
			}
			r.printf("%12s %12s %18s ", "DIR_COUNT", "FILE_COUNT", "CONTENT_SIZE")
			if r.opts["e"] {
				r.printf("ERASURECODING_POLICY ")
			}
			if r.opts["s"] {
				r.printf("%18s %24s %24s %28s ", "SNAPSHOT_LENGTH", "SNAPSHOT_FILE_COUNT", "SNAPSHOT_DIR_COUNT", "SNAPSHOT_SPACE_CONSUMED")
			}
		}
		r.println("PATHNAME")
	}
	r.do = func(i *fsys.Item) error {
		if types != nil || usage {
			return r.countUsage(i, types)
		}
		return r.countContent(i, quotas)
	}
	return nil
}

// quota prints a quota and what is left of it.
func (r *run) quota(limit, used int64, set bool) (string, string) {
	if !set {
		return "none", "inf"
	}
	return r.size(limit), r.size(limit - used)
}

func (r *run) countUsage(i *fsys.Item, types []hdfs.StorageType) error {
	u := &client.QuotaUsage{Quota: -1, SpaceQuota: -1}
	if h, ok := i.FS.(*fsys.HDFS); ok {
		var err error
		if u, err = h.QuotaUsage(r.ctx, i.Path); err != nil {
			return err
		}
	}
	if types == nil {
		q, rq := r.quota(u.Quota, u.FileAndDirectoryCount, u.Quota > 0)
		s, rs := r.quota(u.SpaceQuota, u.SpaceConsumed, u.SpaceQuota >= 0)
		r.printf("%12s %15s %15s %15s ", q, rq, s, rs)
	}
	for _, t := range types {
		limit, used := int64(-1), int64(0)
		for _, b := range u.ByType {
			if b.Type == t {
				limit, used = b.Quota, b.Consumed
			}
		}
		q, rq := r.quota(limit, used, limit >= 0)
		r.printf("%14s %18s ", q, rq)
	}
	r.println(i)
	return nil
}

func (r *run) countContent(i *fsys.Item, quotas bool) error {
	s, err := r.summary(i)
	if err != nil {
		return err
	}
	dirs, files, length, space := s.DirectoryCount, s.FileCount, s.Length, s.SpaceConsumed
	if r.opts["x"] {
		dirs, files = dirs-s.SnapshotDirectoryCount, files-s.SnapshotFileCount
		length, space = length-s.SnapshotLength, space-s.SnapshotSpaceConsumed
	}
	if quotas {
		q, rq := r.quota(s.Quota, s.DirectoryCount+s.FileCount, s.Quota > 0)
		sq, rs := r.quota(s.SpaceQuota, space, s.SpaceQuota >= 0)
		r.printf("%12s %15s %15s %15s ", q, rq, sq, rs)
	}
	r.printf("%12s %12s %18s ", r.size(dirs), r.size(files), r.size(length))
	if r.opts["e"] {
		ec := s.ErasureCodingPolicy
		if ec != "Replicated" {
			ec = "EC:" + ec
		}
		r.printf("%20s ", ec)
	}
	if r.opts["s"] {
		n := func(v int64) string { return strconv.FormatInt(v, 10) }
		r.printf("%18s %24s %24s %28s ", n(s.SnapshotLength), n(s.SnapshotFileCount), n(s.SnapshotDirectoryCount), n(s.SnapshotSpaceConsumed))
	}
	r.println(i)
	return nil
}
