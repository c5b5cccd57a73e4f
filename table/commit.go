package table

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/apache/iceberg-go"
	icecat "github.com/apache/iceberg-go/catalog"
	icetable "github.com/apache/iceberg-go/table"

	"github.com/lodehq/lode/table/datafile"
)

// CommitIDProperty is the key of the commit id in a snapshot's summary.
const CommitIDProperty = "lode.commit-id"

// CommitResult says what a commit did.
type CommitResult struct {
	Table    string `json:"table"`
	Snapshot int64  `json:"snapshot"` // 0: the table exists and has no snapshot (nothing was ever added)
	Files    int    `json:"files"`
	Records  int64  `json:"records"`
	Replaced int    `json:"replaced"` // files that left the table
	Already  bool   `json:"already"`  // the commit id was there before
	Created  bool   `json:"created"`
}

// maxCommitAttempts bounds the races that one commit may lose. Each attempt costs about one small file and a rename.
const maxCommitAttempts = 200

// Commit makes one snapshot of a manifest, creating the table when it is absent, and answers when it is visible to everybody.
// The same commit id again changes nothing. Until Commit has answered, the files of the manifest belong to nobody.
func (c *Catalog) Commit(ctx context.Context, m *datafile.Manifest) (CommitResult, error) {
	res := CommitResult{Table: m.Table, Files: len(m.Files)}
	for i := range m.Files {
		res.Records += m.Files[i].RecordCount
	}
	ident, err := ParseIdent(m.Table)
	if err != nil {
		return res, err
	}
	id, err := commitID(m)
	if err != nil {
		return res, err
	}
	for attempt := range maxCommitAttempts {
		t, created, err := c.loadOrCreate(ctx, ident, m)
		if err != nil {
			return res, err
		}
		res.Created = res.Created || created
		if s := findCommit(t.Metadata(), id); s != nil {
			res.Snapshot, res.Already = s.SnapshotID, true
			return res, nil
		}
		err = c.attempt(ctx, t, m, id, &res)
		if err == nil {
			return res, nil
		}
		if !errors.Is(err, icetable.ErrCommitFailed) {
			return res, fmt.Errorf("commit to %s: %w", m.Table, err)
		}
		c.log.Debug("commit lost a race, trying again", "table", m.Table, "attempt", attempt+1, "error", err)
		wait := time.Duration(5+rand.IntN(min(10<<min(attempt, 6), 400))) * time.Millisecond
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return res, fmt.Errorf("commit to %s: %w", m.Table, ctx.Err())
		}
	}
	return res, fmt.Errorf("commit to %s lost %d races in a row: too many writers on one table; commit less often", m.Table, maxCommitAttempts)
}

func commitID(m *datafile.Manifest) (string, error) {
	if m.CommitID != "" {
		return m.CommitID, nil
	}
	if id := m.Properties[CommitIDProperty]; id != "" {
		return id, nil
	}
	data, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

func findCommit(m icetable.Metadata, id string) *icetable.Snapshot {
	all := m.Snapshots()
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Summary != nil && all[i].Summary.Properties[CommitIDProperty] == id {
			return &all[i]
		}
	}
	return nil
}

func (c *Catalog) loadOrCreate(ctx context.Context, ident icetable.Identifier, m *datafile.Manifest) (*icetable.Table, bool, error) {
	t, err := c.LoadTable(ctx, ident)
	if err == nil {
		if m.Create != nil {
			t, err = c.evolve(ctx, t, m.Create)
		}
		return t, false, err
	}
	if !errors.Is(err, icecat.ErrNoSuchTable) {
		return nil, false, err
	}
	if m.Create == nil {
		return nil, false, fmt.Errorf("%w (the manifest has no definition to create it from)", err)
	}
	schema, opts, err := definition(m.Create)
	if err != nil {
		return nil, false, err
	}
	if err := c.EnsureNamespaces(ctx, ident[0]); err != nil {
		return nil, false, err
	}
	t, err = c.CreateTable(ctx, ident, schema, opts)
	if errors.Is(err, icecat.ErrTableAlreadyExists) { // another writer was quicker
		t, err = c.LoadTable(ctx, ident)
		return t, false, err
	}
	return t, err == nil, err
}

// evolve adds the columns that a newer definition has and the table lacks. Columns are matched by id; none is ever changed or dropped here.
func (c *Catalog) evolve(ctx context.Context, t *icetable.Table, def *datafile.Table) (*icetable.Table, error) {
	want, _, err := definition(def)
	if err != nil {
		return nil, err
	}
	have := t.Schema()
	fields := append([]iceberg.NestedField(nil), have.Fields()...)
	for _, f := range want.Fields() {
		old, ok := have.FindFieldByID(f.ID)
		switch {
		case !ok:
			if _, taken := have.FindFieldByName(f.Name); taken {
				return nil, fmt.Errorf("%s: column %s has another field id in the table than in the data files; was the table created by another program? drop it or give it another name", def.Name, f.Name)
			}
			f.Required = false // old rows have no value
			fields = append(fields, f)
		case old.Name != f.Name || !old.Type.Equals(f.Type):
			return nil, fmt.Errorf("%s: column %d is %s %s in the table and %s %s in the data files; drop the table or give it another name", def.Name, f.ID, old.Name, old.Type, f.Name, f.Type)
		}
	}
	if len(fields) == have.NumFields() {
		return t, nil
	}
	last := 0
	for _, f := range fields {
		last = max(last, f.ID)
	}
	schema := iceberg.NewSchema(-1, fields...)
	_, _, err = c.CommitTable(ctx, t.Identifier(), []icetable.Requirement{icetable.AssertTableUUID(t.Metadata().TableUUID()), icetable.AssertCurrentSchemaID(have.ID)},
		[]icetable.Update{icetable.NewAddSchemaUpdate(schema), icetable.NewSetCurrentSchemaUpdate(-1)})
	if err != nil && !errors.Is(err, icetable.ErrCommitFailed) {
		return nil, fmt.Errorf("add columns to %s: %w", def.Name, err)
	}
	if t, err = c.LoadTable(ctx, t.Identifier()); err != nil {
		return nil, err
	}
	if t.Schema().HighestFieldID() < last {
		return c.evolve(ctx, t, def)
	}
	return t, nil
}

// attempt stages the manifest on the loaded state and publishes it if that state is still the newest.
func (c *Catalog) attempt(ctx context.Context, t *icetable.Table, m *datafile.Manifest, id string, res *CommitResult) error {
	files := make([]iceberg.DataFile, len(m.Files))
	for i := range m.Files {
		f, err := dataFile(c.fs, t.Metadata(), &m.Files[i])
		if err != nil {
			return err
		}
		files[i] = f
	}
	props := iceberg.Properties{}
	maps.Copy(props, m.Properties)
	props[CommitIDProperty] = id
	txn := t.NewTransaction()
	// The snapshot must follow the state in which the commit id was looked for: otherwise two runs of one commit could both pass.
	if err := txn.AssertRefSnapshotID(icetable.MainBranch); err != nil {
		return err
	}
	changed, err := c.stage(ctx, t, txn, m, files, props, res)
	if err != nil {
		return err
	}
	if !changed {
		if s := t.CurrentSnapshot(); s != nil {
			res.Snapshot = s.SnapshotID
		}
		return nil
	}
	done, err := txn.Commit(ctx)
	if err != nil {
		return err
	}
	s := findCommit(done.Metadata(), id)
	if s == nil {
		return errors.New("the snapshot does not carry its commit id; this is a bug")
	}
	res.Snapshot = s.SnapshotID
	return nil
}

func (c *Catalog) stage(ctx context.Context, t *icetable.Table, txn *icetable.Transaction, m *datafile.Manifest, files []iceberg.DataFile, props iceberg.Properties, res *CommitResult) (bool, error) {
	opts := []icetable.WriteOption{icetable.WithoutAutoNameMapping(), icetable.WithoutDuplicateCheck()}
	if m.Mode == datafile.Append || t.CurrentSnapshot() == nil {
		return len(files) > 0, txn.AddDataFiles(ctx, files, props, opts...)
	}
	out, partial, err := replaced(ctx, t, m, files)
	if err != nil {
		return false, err
	}
	if partial != nil {
		// Rows leave files that also hold others: those files are rewritten. Two snapshots, published as one version of the metadata.
		if err := txn.Delete(ctx, partial, props); err != nil {
			return false, err
		}
		return true, txn.AddDataFiles(ctx, files, props, opts...)
	}
	out.data, files = withoutCommon(out.data, files)
	res.Replaced = len(out.data)
	if len(out.data) == 0 && len(out.deletes) == 0 {
		return len(files) > 0, txn.AddDataFiles(ctx, files, props, opts...)
	}
	return true, txn.ReplaceFiles(ctx, out.data, files, out.deletes, props, opts...)
}

// withoutCommon leaves alone the files that an overwrite would take out and put in again.
func withoutCommon(out, in []iceberg.DataFile) (a, b []iceberg.DataFile) {
	common := map[string]int{}
	for _, f := range out {
		common[f.FilePath()] |= 1
	}
	for _, f := range in {
		common[f.FilePath()] |= 2
	}
	keep := func(f iceberg.DataFile) bool { return common[f.FilePath()] == 3 }
	return slices.DeleteFunc(slices.Clone(out), keep), slices.DeleteFunc(slices.Clone(in), keep)
}

type removal struct{ data, deletes []iceberg.DataFile }

// replaced finds the files that an overwrite takes out. When the filter of an overwrite-range cuts through a file, it is returned instead.
func replaced(ctx context.Context, t *icetable.Table, m *datafile.Manifest, files []iceberg.DataFile) (removal, iceberg.BooleanExpression, error) {
	var out removal
	var filter iceberg.BooleanExpression = iceberg.AlwaysTrue{}
	var err error
	if m.Mode == datafile.OverwriteRange {
		if filter, err = expression(t.Schema(), m.Filter); err != nil {
			return out, nil, err
		}
	}
	tasks, err := t.Scan(icetable.WithRowFilter(filter)).PlanFiles(ctx)
	if err != nil {
		return out, nil, fmt.Errorf("list the files of the table: %w", err)
	}
	switch m.Mode {
	case datafile.OverwriteRange:
		others, err := t.Scan(icetable.WithRowFilter(iceberg.NewNot(filter))).PlanFiles(ctx)
		if err != nil {
			return out, nil, err
		}
		keep := map[string]bool{}
		for _, o := range others {
			keep[o.File.FilePath()] = true
		}
		for _, task := range tasks {
			if keep[task.File.FilePath()] || len(task.DeleteFiles)+len(task.EqualityDeleteFiles)+len(task.DeletionVectorFiles) > 0 {
				return out, filter, nil
			}
		}
	case datafile.OverwritePartitions:
		wanted := map[string]bool{}
		for _, f := range files {
			wanted[partitionKey(f)] = true
		}
		kept := tasks[:0]
		for _, task := range tasks {
			if len(files) > 0 && task.File.SpecID() != files[0].SpecID() {
				return out, nil, fmt.Errorf("the table holds files of partition spec %d, the new files are of spec %d: use overwrite or overwrite-range", task.File.SpecID(), files[0].SpecID())
			}
			if wanted[partitionKey(task.File)] {
				kept = append(kept, task)
			}
		}
		tasks = kept
	}
	seen := map[string]bool{}
	add := func(list []iceberg.DataFile, files ...iceberg.DataFile) []iceberg.DataFile {
		for _, f := range files {
			if !seen[f.FilePath()] {
				seen[f.FilePath()] = true
				list = append(list, f)
			}
		}
		return list
	}
	for _, task := range tasks {
		out.data = add(out.data, task.File)
		if m.Mode == datafile.Overwrite {
			out.deletes = add(add(add(out.deletes, task.DeleteFiles...), task.EqualityDeleteFiles...), task.DeletionVectorFiles...)
		}
	}
	return out, nil, nil
}

func partitionKey(f iceberg.DataFile) string {
	var b strings.Builder
	p := f.Partition()
	for _, id := range sortedKeys(p) {
		fmt.Fprintf(&b, "%d=%v\x1f", id, jsonValue(p[id]))
	}
	return b.String()
}
