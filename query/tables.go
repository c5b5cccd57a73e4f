//go:build cgo && duckdb_arrow

package query

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sort"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/iceberg-go"
	icecat "github.com/apache/iceberg-go/catalog"
	icetable "github.com/apache/iceberg-go/table"
	"golang.org/x/sync/errgroup"

	"github.com/lodehq/lode/table"
	"github.com/lodehq/lode/table/datafile"
	"github.com/lodehq/lode/table/datafile/schemas"
)

// refresher keeps the engine's views in step with the catalog. One refresh runs at a time.
type refresher struct {
	catalog *table.Catalog
	db      *sql.DB
	cache   *fileCache
	log     *slog.Logger
	// small tables are held in memory: of the namespaces in memNamespaces, up to memTable bytes of files each and memTotal together.
	memNamespaces      map[string]bool
	memTable, memTotal int64

	mu     sync.Mutex // held during a refresh; I/O happens under it
	rounds int

	state sync.RWMutex // guards the maps for those who do not hold mu; no I/O under it. Written with both held.
	shown map[string]*shown
	names map[string]string // lower case to the table's own
}

// find answers a table by its name in any case.
func (r *refresher) find(name string) (string, *shown) {
	r.state.RLock()
	defer r.state.RUnlock()
	if own, ok := r.names[strings.ToLower(name)]; ok {
		name = own
	}
	return name, r.shown[name]
}

// shown is what the engine shows of one table.
type shown struct {
	table    *icetable.Table // nil: a table of the contract that does not exist yet
	files    []string        // local copies behind the view
	inMemory bool
	bytes    int64
}

func (s *shown) location() string {
	if s == nil || s.table == nil {
		return ""
	}
	return s.table.MetadataLocation()
}

// change is one table whose state moved.
type change struct {
	name  string // namespace.table
	state *shown // nil: the table is gone
	sql   []string
}

// refresh shows the newest snapshot of every table. It reports whether anything changed. A table that cannot be read keeps the state
// that it had and is reported; the others go on.
func (r *refresher) refresh(ctx context.Context) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	found, err := r.list(ctx)
	if err != nil {
		return false, err
	}
	r.rounds++
	thorough := r.rounds%20 == 1
	var mu sync.Mutex
	var changes []change
	var failed []error
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for name := range found {
		g.Go(func() error {
			c, err := r.look(gctx, name, thorough)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = append(failed, fmt.Errorf("table %s: %w", name, err))
			} else if c != nil {
				changes = append(changes, *c)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return false, err
	}
	for name := range r.shown {
		if _, ok := found[name]; !ok {
			changes = append(changes, r.gone(name)...)
		}
	}
	changes = append(changes, r.promised(found)...)
	if len(changes) == 0 {
		return false, errors.Join(failed...)
	}
	sort.Slice(changes, func(i, j int) bool { return changes[i].name < changes[j].name })
	if err := r.apply(ctx, changes); err != nil {
		return false, errors.Join(append(failed, err)...)
	}
	return true, errors.Join(failed...)
}

func (r *refresher) list(ctx context.Context) (map[string]struct{}, error) {
	out := map[string]struct{}{}
	namespaces, err := r.catalog.Namespaces(ctx)
	if err != nil {
		return nil, err
	}
	for _, ns := range namespaces {
		names, err := r.catalog.Tables(ctx, ns)
		if errors.Is(err, icecat.ErrNoSuchNamespace) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			out[ns+"."+n] = struct{}{}
		}
	}
	return out, nil
}

// look loads a table if it moved and prepares the statements that show it.
func (r *refresher) look(ctx context.Context, name string, thorough bool) (*change, error) {
	old := r.shown[name]
	if old != nil && old.table != nil && !thorough {
		if current, err := r.catalog.IsCurrent(ctx, old.table); err == nil && current {
			return nil, nil
		}
	}
	id, err := table.ParseIdent(name)
	if err != nil {
		return nil, err
	}
	t, err := r.catalog.LoadTable(ctx, id)
	if errors.Is(err, icecat.ErrNoSuchTable) {
		return nil, nil // dropped in between; the next round sees it
	}
	if err != nil {
		return nil, err
	}
	if old.location() == t.MetadataLocation() {
		return nil, nil
	}
	return r.show(ctx, name, t)
}

// show brings the files of a table to the cache and writes the SQL over them.
func (r *refresher) show(ctx context.Context, name string, t *icetable.Table) (*change, error) {
	s := &shown{table: t}
	schema := t.Schema()
	c := &change{name: name, state: s}
	if t.CurrentSnapshot() == nil {
		c.sql = viewSQL(name, emptySelect(fieldsOf(schema)), false, comments(t))
		return c, nil
	}
	tasks, err := t.Scan().PlanFiles(ctx)
	if err != nil {
		return nil, err
	}
	deletes := false
	for _, task := range tasks {
		deletes = deletes || len(task.DeleteFiles)+len(task.EqualityDeleteFiles)+len(task.DeletionVectorFiles) > 0
		s.bytes += task.File.FileSizeBytes()
	}
	if deletes {
		path, err := r.applyDeletes(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("apply row-level deletes: %w", err)
		}
		s.files = []string{path}
	} else if s.files, err = r.fetch(ctx, tasks); err != nil {
		return nil, err
	}
	query := emptySelect(fieldsOf(schema))
	if len(s.files) > 0 {
		if query, err = parquetSelect(schema, s.files); err != nil {
			return nil, err
		}
	}
	ns, _, _ := strings.Cut(name, ".")
	s.inMemory = r.memNamespaces[ns] && s.bytes <= r.memTable && len(s.files) > 0
	c.sql = viewSQL(name, query, s.inMemory, comments(t))
	return c, nil
}

func (r *refresher) fetch(ctx context.Context, tasks []icetable.FileScanTask) ([]string, error) {
	files := make([]string, len(tasks))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, task := range tasks {
		g.Go(func() (err error) {
			if task.File.FileFormat() != iceberg.ParquetFile {
				return fmt.Errorf("%s is %s; only parquet is shown", task.File.FilePath(), task.File.FileFormat())
			}
			files[i], err = r.cache.get(ctx, task.File.FilePath(), task.File.FileSizeBytes())
			return err
		})
	}
	return files, g.Wait()
}

// applyDeletes writes the rows that are left to one local file. Row-level deletes are rare here (other engines make them) and go away with the next compaction.
func (r *refresher) applyDeletes(ctx context.Context, t *icetable.Table) (string, error) {
	key := fmt.Sprintf("deletes applied\x00%s\x00%d\x00%d", t.Metadata().TableUUID(), t.CurrentSnapshot().SnapshotID, t.Schema().ID)
	return r.cache.fill(ctx, key, func(w io.Writer) error {
		schema, batches, err := t.Scan().ToArrowRecords(ctx)
		if err != nil {
			return err
		}
		marked := withFieldIDs(schema, t.Schema())
		out, err := newParquetWriter(w, marked)
		if err != nil {
			return err
		}
		for batch, err := range batches {
			if err != nil {
				return err
			}
			err = out.Write(array.NewRecordBatch(marked, batch.Columns(), batch.NumRows()))
			batch.Release()
			if err != nil {
				return err
			}
		}
		return out.Close()
	})
}

// gone takes a table out; one of the contract becomes empty again.
func (r *refresher) gone(name string) []change {
	old := r.shown[name]
	if old.table == nil {
		return nil
	}
	if schemas.Lookup(name) != nil {
		return nil // promised shows it as empty
	}
	return []change{{name: name}}
}

// promised shows the tables of the contract that do not exist yet, empty: a query over a new cluster has no rows, and no error.
func (r *refresher) promised(found map[string]struct{}) []change {
	var out []change
	for _, def := range schemas.All("ethereum", "palm") {
		if _, ok := found[def.Name]; ok {
			continue
		}
		if old := r.shown[def.Name]; old != nil && old.table == nil {
			continue
		}
		var fields []field
		for _, f := range def.Schema.Fields {
			fields = append(fields, field{id: f.ID, name: f.Name, sqlType: contractType(f.Type), doc: f.Doc})
		}
		out = append(out, change{name: def.Name, state: &shown{}, sql: viewSQL(def.Name, emptySelect(fields), false, tableComment{doc: def.Doc, fields: fields})})
	}
	return out
}

// apply changes all views in one transaction.
func (r *refresher) apply(ctx context.Context, changes []change) error {
	r.bound(changes)
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("refresh views: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit this does nothing
	run := func(statement string) error {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			if len(statement) > 300 {
				statement = statement[:300] + "…"
			}
			return fmt.Errorf("refresh views: %s: %w", statement, err)
		}
		return nil
	}
	for _, c := range changes {
		ns, _, _ := strings.Cut(c.name, ".")
		statements := []string{"CREATE SCHEMA IF NOT EXISTS " + ident(ns)}
		if old := r.shown[c.name]; old != nil {
			statements = append(statements, "DROP "+kindOf(old)+" IF EXISTS "+dotted(c.name))
		}
		for _, s := range append(statements, c.sql...) {
			if err := run(s); err != nil {
				return err
			}
		}
	}
	for _, v := range schemas.Views() {
		ns, _, _ := strings.Cut(v.Name, ".")
		for _, s := range []string{"CREATE SCHEMA IF NOT EXISTS " + ident(ns), "CREATE OR REPLACE VIEW " + dotted(v.Name) + " AS " + v.SQL, "COMMENT ON VIEW " + dotted(v.Name) + " IS " + quote(v.Doc)} {
			if err := run(s); err != nil {
				return err
			}
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("refresh views: %w", err)
	}
	r.state.Lock()
	defer r.state.Unlock()
	for _, c := range changes {
		if c.state == nil {
			delete(r.shown, c.name)
			delete(r.names, strings.ToLower(c.name))
		} else {
			r.shown[c.name] = c.state
			r.names[strings.ToLower(c.name)] = c.name
		}
	}
	return nil
}

// bound keeps the tables in memory within their budget: those that do not fit stay views.
func (r *refresher) bound(changes []change) {
	total := int64(0)
	changed := map[string]bool{}
	for _, c := range changes {
		changed[c.name] = true
	}
	for name, s := range r.shown {
		if s.inMemory && !changed[name] {
			total += s.bytes
		}
	}
	for i := range changes {
		s := changes[i].state
		if s == nil || !s.inMemory {
			continue
		}
		if total+s.bytes > r.memTotal {
			s.inMemory = false
			for k, statement := range changes[i].sql {
				changes[i].sql[k] = strings.Replace(strings.Replace(statement, "CREATE TABLE ", "CREATE VIEW ", 1), "COMMENT ON TABLE ", "COMMENT ON VIEW ", 1)
			}
			continue
		}
		total += s.bytes
	}
}

// filesInUse are the local files behind the views.
func (r *refresher) filesInUse() map[string]bool {
	r.state.RLock()
	defer r.state.RUnlock()
	out := map[string]bool{}
	for _, s := range r.shown {
		for _, f := range s.files {
			out[f] = true
		}
	}
	return out
}

func kindOf(s *shown) string {
	if s.inMemory {
		return "TABLE"
	}
	return "VIEW"
}

func contractType(t datafile.Type) string {
	switch t {
	case datafile.Long:
		return "BIGINT"
	case datafile.Int:
		return "INTEGER"
	case datafile.Double:
		return "DOUBLE"
	case datafile.Boolean:
		return "BOOLEAN"
	case datafile.Timestamp:
		return "TIMESTAMP"
	case datafile.Date:
		return "DATE"
	case datafile.Decimal38:
		return "DECIMAL(38,0)"
	case datafile.Fixed32, datafile.Binary:
		return "BLOB"
	}
	return "VARCHAR"
}
