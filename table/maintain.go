package table

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/apache/iceberg-go"
	icetable "github.com/apache/iceberg-go/table"
	"github.com/apache/iceberg-go/table/compaction"

	"github.com/lodehq/lode/table/storage"
)

// OptimizeResult says what a compaction did.
type OptimizeResult struct {
	Table         string `json:"table"`
	Snapshot      int64  `json:"snapshot"` // of the compaction; 0 when there was nothing to do
	FilesBefore   int    `json:"files_before"`
	FilesRemoved  int    `json:"files_removed"`
	FilesAdded    int    `json:"files_added"`
	DeletesMerged int    `json:"deletes_merged"`
}

// OptimizeOptions of a compaction. Zero values are the defaults.
type OptimizeOptions struct {
	TargetBytes int64 // of a file: 128 MiB, one HDFS block
	MinFiles    int   // a partition with fewer small files is left alone: 2
}

// Optimize rewrites small files, and files with row-level deletes, into full ones. It runs beside writers: files that they
// add meanwhile stay, and if one took out a file that was being rewritten, the work is done again on the new state.
func (c *Catalog) Optimize(ctx context.Context, name string, opts OptimizeOptions) (OptimizeResult, error) {
	res := OptimizeResult{Table: name}
	ident, err := ParseIdent(name)
	if err != nil {
		return res, err
	}
	cfg := compaction.DefaultConfig()
	cfg.TargetFileSizeBytes = cmp.Or(opts.TargetBytes, 128<<20)
	cfg.MinFileSizeBytes = cfg.TargetFileSizeBytes * 3 / 4
	cfg.MaxFileSizeBytes = cfg.TargetFileSizeBytes * 9 / 5
	cfg.MinInputFiles = uint(cmp.Or(opts.MinFiles, 2))
	cfg.DeleteFileThreshold = 1
	for attempt := 1; ; attempt++ {
		err := c.optimize(ctx, ident, cfg, &res)
		conflict := errors.Is(err, icetable.ErrCommitFailed) || errors.Is(err, icetable.ErrCommitDiverged)
		if err == nil || !conflict || attempt == 5 {
			if err != nil {
				err = fmt.Errorf("optimize %s: %w", name, err)
			}
			return res, err
		}
		c.log.Info("compaction lost a race, trying again", "table", name, "error", err)
	}
}

func (c *Catalog) optimize(ctx context.Context, ident icetable.Identifier, cfg compaction.Config, res *OptimizeResult) error {
	t, err := c.LoadTable(ctx, ident)
	if err != nil {
		return err
	}
	if t.CurrentSnapshot() == nil {
		return nil
	}
	plan, err := compaction.Analyze(ctx, t, cfg)
	if err != nil {
		return err
	}
	res.FilesBefore = plan.TotalInputFiles
	if len(plan.Groups) == 0 {
		return nil
	}
	groups := make([]icetable.CompactionTaskGroup, len(plan.Groups))
	for i, g := range plan.Groups {
		groups[i] = icetable.CompactionTaskGroup{PartitionKey: g.PartitionKey, Tasks: g.Tasks, TotalSizeBytes: g.TotalSizeBytes}
	}
	txn := t.NewTransaction()
	done, err := txn.RewriteDataFiles(ctx, groups, icetable.RewriteDataFilesOptions{
		SnapshotProps: iceberg.Properties{"lode.operation": "optimize"},
		GroupOptions:  []icetable.CompactionGroupOption{icetable.WithCompactionTargetFileSize(cfg.TargetFileSizeBytes), icetable.WithCompactionParquetRowGroupLimit(122_880)},
	})
	if err != nil {
		return err
	}
	after, err := txn.Commit(ctx)
	if err != nil {
		return err
	}
	res.FilesAdded, res.FilesRemoved, res.DeletesMerged = done.AddedDataFiles, done.RemovedDataFiles, done.RemovedPositionDeleteFiles
	if s := after.CurrentSnapshot(); s != nil {
		res.Snapshot = s.SnapshotID
	}
	return nil
}

// ExpireResult says what an expiry did.
type ExpireResult struct {
	Table           string `json:"table"`
	Expired         int    `json:"expired"`
	Kept            int    `json:"kept"`
	MetadataRemoved int    `json:"metadata_removed"` // old metadata files
}

// Expire removes snapshots older than olderThan, but keeps the newest keep, and what branches and tags (clones) hold. Data files that no snapshot
// needs any more are deleted. A commit id is remembered as long as its snapshot.
func (c *Catalog) Expire(ctx context.Context, name string, olderThan time.Duration, keep int) (ExpireResult, error) {
	res := ExpireResult{Table: name}
	ident, err := ParseIdent(name)
	if err != nil {
		return res, err
	}
	t, err := c.LoadTable(ctx, ident)
	if err != nil {
		return res, err
	}
	before := len(t.Metadata().Snapshots())
	txn := t.NewTransaction()
	if err := txn.ExpireSnapshots(icetable.WithOlderThan(olderThan), icetable.WithRetainLast(max(keep, 1))); err != nil {
		return res, fmt.Errorf("expire snapshots of %s: %w", name, err)
	}
	after, err := txn.Commit(ctx)
	if err != nil {
		return res, fmt.Errorf("expire snapshots of %s: %w", name, err)
	}
	res.Kept = len(after.Metadata().Snapshots())
	res.Expired = before - res.Kept
	res.MetadataRemoved, err = c.trimMetadata(ctx, after)
	return res, err
}

// keepVersions metadata files always stay, and younger ones than keepMetadata: a version must not vanish while a slow writer
// may still try to make it.
const (
	keepVersions = 100
	keepMetadata = 24 * time.Hour
)

func (c *Catalog) trimMetadata(ctx context.Context, t *icetable.Table) (int, error) {
	name, err := storage.Name(c.fs, t.MetadataLocation())
	if err != nil {
		return 0, err
	}
	newest, _ := version(name)
	infos, err := c.fs.ReadDir(ctx, path.Dir(name))
	if err != nil {
		return 0, err
	}
	removed := 0
	for _, info := range infos {
		v, ok := version(info.Name())
		if !ok || v > newest-keepVersions || time.Since(info.ModTime()) < keepMetadata {
			continue
		}
		if err := c.fs.Remove(ctx, path.Dir(name)+"/"+info.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// Orphan is a file in a table's directory that no snapshot names: left by a task that died, or by a commit that failed.
type Orphan struct {
	Path     string    `json:"path"`
	Bytes    int64     `json:"bytes"`
	Modified time.Time `json:"modified"`
}

// Orphans lists the orphans of a table that are older than olderThan (younger files may belong to a job that is about to
// commit), and removes them if asked to.
func (c *Catalog) Orphans(ctx context.Context, name string, olderThan time.Duration, remove bool) ([]Orphan, error) {
	ident, err := ParseIdent(name)
	if err != nil {
		return nil, err
	}
	t, err := c.LoadTable(ctx, ident)
	if err != nil {
		return nil, err
	}
	if remove && !t.Properties().GetBool("gc.enabled", true) {
		return nil, fmt.Errorf("%s shares files with another table (gc.enabled=false): its orphans are not removed", name)
	}
	// The listing comes before the reading of the newest state: what is committed in between is then known, or too young.
	location, err := storage.Name(c.fs, t.Location())
	if err != nil {
		return nil, err
	}
	var found []Orphan
	err = storage.Walk(ctx, c.fs, location, func(file string, info fs.FileInfo) error {
		base := path.Base(file)
		if time.Since(info.ModTime()) < olderThan || base == hintFile || base == pointerFile || strings.HasSuffix(base, ".metadata.json") {
			return nil
		}
		found = append(found, Orphan{Path: file, Bytes: info.Size(), Modified: info.ModTime().UTC()})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list files of %s: %w", name, err)
	}
	if t, err = c.LoadTable(ctx, ident); err != nil {
		return nil, err
	}
	used, err := c.referenced(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("list what %s uses: %w", name, err)
	}
	found = slices.DeleteFunc(found, func(o Orphan) bool { return used[o.Path] })
	for _, o := range found {
		if !remove {
			break
		}
		if err := c.fs.Remove(ctx, o.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return found, fmt.Errorf("remove orphan: %w", err)
		}
	}
	return found, nil
}

// referenced names every file that some snapshot of the table needs.
func (c *Catalog) referenced(ctx context.Context, t *icetable.Table) (map[string]bool, error) {
	used := map[string]bool{}
	note := func(uri string) error {
		name, err := storage.Name(c.fs, uri)
		used[name] = true
		return err
	}
	io, err := c.io(ctx)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, s := range t.Metadata().Snapshots() {
		if err := note(s.ManifestList); err != nil {
			return nil, err
		}
		manifests, err := s.Manifests(io)
		if err != nil {
			return nil, err
		}
		for _, m := range manifests {
			if seen[m.FilePath()] {
				continue
			}
			seen[m.FilePath()] = true
			if err := note(m.FilePath()); err != nil {
				return nil, err
			}
			for entry, err := range m.Entries(io, true) {
				if err != nil {
					return nil, err
				}
				if err := note(entry.DataFile().FilePath()); err != nil {
					return nil, err
				}
			}
		}
	}
	for s := range t.Metadata().Statistics() {
		if err := note(s.StatisticsPath); err != nil {
			return nil, err
		}
	}
	for s := range t.Metadata().PartitionStatistics() {
		if err := note(s.StatisticsPath); err != nil {
			return nil, err
		}
	}
	return used, nil
}

// Clone makes a table that shares the current files of another: a preview environment in milliseconds. Both live on by themselves; the source keeps a tag
// that holds the shared snapshot until the clone is dropped.
func (c *Catalog) Clone(ctx context.Context, source, target string) (*icetable.Table, error) {
	from, err := ParseIdent(source)
	if err != nil {
		return nil, err
	}
	to, err := ParseIdent(target)
	if err != nil {
		return nil, err
	}
	t, err := c.LoadTable(ctx, from)
	if err != nil {
		return nil, err
	}
	if err := c.EnsureNamespaces(ctx, to[0]); err != nil {
		return nil, err
	}
	// The tag comes first: a clone without a tag could lose its files, a tag without a clone only keeps some.
	s := t.CurrentSnapshot()
	if s != nil {
		tag := icetable.NewSetSnapshotRefUpdate(cloneTagPrefix+target, s.SnapshotID, icetable.TagRef, 0, 0, 0)
		if _, _, err := c.CommitTable(ctx, from, []icetable.Requirement{icetable.AssertTableUUID(t.Metadata().TableUUID())}, []icetable.Update{tag}); err != nil {
			return nil, fmt.Errorf("tag %s for its clone: %w", source, err)
		}
	}
	schema, spec := t.Schema(), t.Spec()
	props := iceberg.Properties{}
	for k, v := range t.Properties() {
		props[k] = v
	}
	props["gc.enabled"] = "false"
	props[cloneOfProperty] = source
	m, err := c.StageTable(ctx, to, schema, CreateOptions{Partition: &spec, Sort: t.SortOrder(), Properties: props, KeepIDs: true})
	if err != nil {
		return nil, err
	}
	if s != nil {
		if m, err = graft(m, t.Metadata(), s); err != nil {
			return nil, fmt.Errorf("clone %s: %w", source, err)
		}
	}
	name, err := c.create(ctx, to, m)
	if err != nil {
		return nil, err
	}
	return c.table(to, m, name), nil
}

// graft gives new metadata the snapshot of another table, with the specs and schemas that its files were written with.
func graft(m, source icetable.Metadata, s *icetable.Snapshot) (icetable.Metadata, error) {
	location, id := m.Location(), m.TableUUID()
	b, err := icetable.MetadataBuilderFromBase(source, "")
	if err != nil {
		return nil, err
	}
	for name := range source.Refs() {
		if name != icetable.MainBranch {
			if err := b.RemoveSnapshotRef(name); err != nil {
				return nil, err
			}
		}
	}
	var others []int64
	for _, o := range source.Snapshots() {
		if o.SnapshotID != s.SnapshotID {
			others = append(others, o.SnapshotID)
		}
	}
	if len(others) > 0 {
		if err := b.RemoveSnapshots(others, false); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(b.SetLoc(location), b.SetProperties(m.Properties())); err != nil {
		return nil, err
	}
	built, err := b.TrimMetadataLogs(0).Build()
	if err != nil {
		return nil, err
	}
	return withUUID(built, id.String())
}

// withUUID gives metadata another identity; the builder refuses to change one.
func withUUID(m icetable.Metadata, id string) (icetable.Metadata, error) {
	data, err := marshalExact(m, id)
	if err != nil {
		return nil, err
	}
	return icetable.ParseMetadataBytes(data)
}
