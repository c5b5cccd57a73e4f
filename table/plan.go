package table

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/apache/iceberg-go"
	icecat "github.com/apache/iceberg-go/catalog"
	icetable "github.com/apache/iceberg-go/table"
	"golang.org/x/sync/errgroup"

	"github.com/lodehq/lode/table/datafile"
	"github.com/lodehq/lode/table/storage"
)

// PlanRequest names what a job wants to read.
type PlanRequest struct {
	Table    string
	Columns  []string // empty: all
	Filter   *datafile.Filter
	Snapshot int64 // 0: the newest
	// NoBlocks leaves out where the bytes are, which costs one call a file.
	NoBlocks bool
}

// PlannedFile is a data file to read, with the places of its blocks.
type PlannedFile struct {
	datafile.Descriptor
	Blocks []storage.Block `json:"blocks,omitempty"`
	// Deletes are the delete files that apply: row-level deletes made by other engines. A reader that cannot apply them must not read the file.
	Deletes []string `json:"deletes,omitempty"`
}

// Plan is the answer: the state of the table at one snapshot.
type Plan struct {
	Table     string                  `json:"table"`
	Exists    bool                    `json:"exists"`
	Snapshot  int64                   `json:"snapshot"`
	Schema    *datafile.Schema        `json:"schema,omitempty"`
	Partition *datafile.PartitionSpec `json:"partition-spec,omitempty"`
	Files     []PlannedFile           `json:"files"`
	// Deletes tells that some file has deletes: run `lode table optimize` first, or read with an engine that applies them.
	Deletes bool `json:"deletes"`
}

// PlanFiles lists the data files that may hold rows of interest. A table that does not exist is an empty plan with Exists false.
func (c *Catalog) PlanFiles(ctx context.Context, req PlanRequest) (*Plan, error) {
	plan := &Plan{Table: req.Table, Files: []PlannedFile{}}
	ident, err := ParseIdent(req.Table)
	if err != nil {
		return nil, err
	}
	t, err := c.LoadTable(ctx, ident)
	if errors.Is(err, icecat.ErrNoSuchTable) {
		return plan, nil
	}
	if err != nil {
		return nil, err
	}
	plan.Exists = true
	schema := t.Schema()
	var opts []icetable.ScanOption
	if req.Snapshot != 0 {
		s := t.SnapshotByID(req.Snapshot)
		if s == nil {
			return nil, fmt.Errorf("%s has no snapshot %d (expired?); `lode table snapshots %s` lists them", req.Table, req.Snapshot, req.Table)
		}
		plan.Snapshot = s.SnapshotID
		opts = append(opts, icetable.WithSnapshotID(req.Snapshot))
	} else if s := t.CurrentSnapshot(); s != nil {
		plan.Snapshot = s.SnapshotID
	}
	if len(req.Columns) > 0 {
		if schema, err = schema.Select(true, req.Columns...); err != nil {
			return nil, fmt.Errorf("columns of %s: %w", req.Table, err)
		}
	}
	plan.Schema = &datafile.Schema{}
	if err := through(schema, plan.Schema); err != nil {
		return nil, fmt.Errorf("schema of %s: %w", req.Table, err)
	}
	spec := t.Spec()
	plan.Partition = &datafile.PartitionSpec{}
	if err := through(spec, plan.Partition); err != nil {
		return nil, err
	}
	if plan.Snapshot == 0 {
		return plan, nil
	}
	filter, err := expression(t.Schema(), req.Filter)
	if err != nil {
		return nil, err
	}
	tasks, err := t.Scan(append(opts, icetable.WithRowFilter(filter))...).PlanFiles(ctx)
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", req.Table, err)
	}
	plan.Files = make([]PlannedFile, len(tasks))
	for i, task := range tasks {
		plan.Files[i].Descriptor = descriptor(t.Metadata(), task.File)
		for _, d := range slices.Concat(task.DeleteFiles, task.EqualityDeleteFiles, task.DeletionVectorFiles) {
			plan.Files[i].Deletes = append(plan.Files[i].Deletes, d.FilePath())
			plan.Deletes = true
		}
	}
	slices.SortFunc(plan.Files, func(a, b PlannedFile) int { return cmp.Compare(a.Path, b.Path) })
	if req.NoBlocks {
		return plan, nil
	}
	return plan, c.locate(ctx, plan.Files)
}

// locate asks where the blocks are; a file that cannot be located is still planned (the reader will say what is wrong with it).
func (c *Catalog) locate(ctx context.Context, files []PlannedFile) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i := range files {
		g.Go(func() error {
			name, err := storage.Name(c.fs, files[i].Path)
			if err != nil {
				return err
			}
			blocks, err := c.fs.Blocks(ctx, name)
			if err != nil {
				c.log.Warn("file of a table cannot be located", "file", name, "error", err)
				return nil
			}
			files[i].Blocks = blocks
			files[i].Hosts = hosts(blocks)
			return nil
		})
	}
	return g.Wait()
}

// hosts lists hosts by the bytes they hold, most first.
func hosts(blocks []storage.Block) []string {
	bytes := map[string]int64{}
	for _, b := range blocks {
		for _, h := range b.Hosts {
			bytes[h] += b.Length
		}
	}
	out := slices.Sorted(maps.Keys(bytes))
	slices.SortStableFunc(out, func(a, b string) int { return cmp.Compare(bytes[b], bytes[a]) })
	return out
}

// descriptor is the reverse of dataFile.
func descriptor(m icetable.Metadata, f iceberg.DataFile) datafile.Descriptor {
	d := datafile.Descriptor{
		Path: f.FilePath(), Format: "parquet", RecordCount: f.Count(), FileSizeBytes: f.FileSizeBytes(), SpecID: int(f.SpecID()),
		ColumnSizes: f.ColumnSizes(), ValueCounts: f.ValueCounts(), NullValueCounts: f.NullValueCounts(), NaNValueCounts: f.NaNValueCounts(),
		LowerBounds: f.LowerBoundValues(), UpperBounds: f.UpperBoundValues(), SplitOffsets: f.SplitOffsets(),
	}
	if id := f.SortOrderID(); id != nil {
		d.SortOrderID = *id
	}
	spec := m.PartitionSpecByID(int(f.SpecID()))
	if spec == nil {
		return d
	}
	values := f.Partition()
	for _, field := range spec.PartitionType(m.CurrentSchema()).FieldList {
		var t datafile.Type
		_ = t.UnmarshalText([]byte(field.Type.String())) // an exotic partition type of another engine has no name here; the value stays readable
		d.Partition = append(d.Partition, datafile.PartitionValue{Name: field.Name, FieldID: field.ID, Type: t, Value: jsonValue(values[field.ID])})
	}
	return d
}

func sortedKeys(m map[int]any) []int { return slices.Sorted(maps.Keys(m)) }
