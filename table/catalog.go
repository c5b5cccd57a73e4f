package table

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/apache/iceberg-go"
	icecat "github.com/apache/iceberg-go/catalog"
	iceio "github.com/apache/iceberg-go/io"
	icetable "github.com/apache/iceberg-go/table"
	"github.com/google/uuid"

	"github.com/lodehq/lode/table/storage"
)

// DefaultWarehouse is the directory of the tables unless lode.warehouse.dir says otherwise.
const DefaultWarehouse = "/lode/warehouse"

// Properties that every table created here gets unless its creator says otherwise. Retries are on: without them iceberg-go gives
// up on the first lost race. Metadata is never compressed: two names for one version would break the commit by rename.
func defaultProperties() iceberg.Properties {
	return iceberg.Properties{
		"format-version":                   "2",
		"commit.retry.num-retries":         "50",
		"commit.retry.min-wait-ms":         "5",
		"commit.retry.max-wait-ms":         "200",
		"commit.manifest-merge.enabled":    "true",
		"write.parquet.compression-codec":  "zstd",
		"write.metadata.compression-codec": "none",
	}
}

// Catalog finds, creates and commits tables of one warehouse. It keeps no state but caches, so any number of processes may use one warehouse.
type Catalog struct {
	fs  storage.FS
	dir string
	log *slog.Logger

	mu    sync.Mutex // guards the maps; no I/O under it
	locks map[string]*sync.Mutex
	meta  map[string]icetable.Metadata // by metadata file name, which is immutable
	order []string                     // of meta, oldest first
}

const metaCacheSize = 256

var _ icetable.CatalogIO = (*Catalog)(nil)

// NewCatalog opens the warehouse in dir ("" is DefaultWarehouse). It does no I/O.
func NewCatalog(fsys storage.FS, dir string, log *slog.Logger) *Catalog {
	if dir == "" {
		dir = DefaultWarehouse
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Catalog{fs: fsys, dir: path.Clean(dir), log: log, locks: map[string]*sync.Mutex{}, meta: map[string]icetable.Metadata{}}
}

// FS is the file system of the warehouse; Dir its directory there; URI the same with the file system's prefix.
func (c *Catalog) FS() storage.FS { return c.fs }
func (c *Catalog) Dir() string    { return c.dir }
func (c *Catalog) URI() string    { return storage.URI(c.fs, c.dir) }

// ParseIdent splits "namespace.table".
func ParseIdent(s string) (icetable.Identifier, error) {
	ns, name, ok := strings.Cut(s, ".")
	ident := icetable.Identifier{ns, name}
	if !ok {
		return nil, fmt.Errorf("%w: %q is not namespace.table", icecat.ErrInvalidIdentifier, s)
	}
	return ident, checkIdent(ident)
}

func checkPart(s string) error {
	if s == "" || len(s) > 200 || strings.HasPrefix(s, ".") || strings.HasPrefix(s, "_") || strings.ContainsAny(s, "/\\:\x00\n\r\t\x1f") {
		return fmt.Errorf("%w: %q: names may not be empty, begin with . or _, or hold / \\ :", icecat.ErrInvalidIdentifier, s)
	}
	return nil
}

func checkIdent(ident icetable.Identifier) error {
	if len(ident) != 2 {
		return fmt.Errorf("%w: %q: a table is namespace.table, namespaces are not nested", icecat.ErrInvalidIdentifier, strings.Join(ident, "."))
	}
	return errors.Join(checkPart(ident[0]), checkPart(ident[1]))
}

func (c *Catalog) nsDir(ns string) string { return c.dir + "/" + ns }
func (c *Catalog) tableDir(ident icetable.Identifier) string {
	return c.dir + "/" + ident[0] + "/" + ident[1]
}
func (c *Catalog) pointerOf(ident icetable.Identifier) string {
	return c.tableDir(ident) + "/" + pointerFile
}

// lock serialises commits of one table in this process: a race inside one process is not worth a retry.
func (c *Catalog) lock(ident icetable.Identifier) *sync.Mutex {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := strings.Join(ident, "\x1f")
	l := c.locks[key]
	if l == nil {
		l = &sync.Mutex{}
		c.locks[key] = l
	}
	return l
}

const (
	pointerFile = "pointer.json"
	hintFile    = "version-hint.text"
)

// pointer stands in for a metadata directory when a table's metadata is elsewhere.
type pointer struct {
	Metadata string `json:"metadata"` // name of the metadata directory
}

// moved is what the hint of a table says that was renamed: its files stay where they are, its name is free.
const moved = "moved"

// find answers the metadata directory of a table and the version that its hint names (0 when it has none).
func (c *Catalog) find(ctx context.Context, ident icetable.Identifier) (dir string, hint int, err error) {
	own := c.tableDir(ident) + "/metadata"
	text, err := c.hint(ctx, own)
	if err == nil && text != moved {
		v, _ := strconv.Atoi(text)
		return own, max(v, 0), nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		// A lost hint, or a table whose first version is just being written (which is no table yet).
		if v, err := c.latest(ctx, own, 0); err == nil {
			return own, v, nil
		} else if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, icecat.ErrNoSuchTable) {
			return "", 0, err
		}
	} else if err != nil {
		return "", 0, fmt.Errorf("look for %s: %w", strings.Join(ident, "."), err)
	}
	data, err := storage.ReadFile(ctx, c.fs, c.pointerOf(ident))
	if errors.Is(err, fs.ErrNotExist) {
		return "", 0, fmt.Errorf("%w: %s", icecat.ErrNoSuchTable, strings.Join(ident, "."))
	}
	if err != nil {
		return "", 0, fmt.Errorf("read pointer of %s: %w", strings.Join(ident, "."), err)
	}
	var p pointer
	if err := json.Unmarshal(data, &p); err != nil || p.Metadata == "" {
		return "", 0, fmt.Errorf("%s does not say where the metadata of %s is", c.pointerOf(ident), strings.Join(ident, "."))
	}
	if dir, err = storage.Name(c.fs, p.Metadata); err != nil {
		return "", 0, err
	}
	text, _ = c.hint(ctx, dir)
	v, _ := strconv.Atoi(text)
	return dir, max(v, 0), nil
}

func versionFile(dir string, version int) string {
	return dir + "/v" + strconv.Itoa(version) + ".metadata.json"
}

// version parses "v12.metadata.json".
func version(name string) (int, bool) {
	base, ok := strings.CutSuffix(path.Base(name), ".metadata.json")
	if !ok {
		return 0, false
	}
	digits, ok := strings.CutPrefix(base, "v")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n > 0
}

// latest finds the newest version in dir. The hint may lag, never lead: from it on, versions are probed upwards.
func (c *Catalog) latest(ctx context.Context, dir string, hint int) (int, error) {
	v := hint
	if v > 0 {
		if _, err := c.fs.Stat(ctx, versionFile(dir, v)); errors.Is(err, fs.ErrNotExist) {
			v = 0
		} else if err != nil {
			return 0, err
		}
	}
	if v == 0 {
		infos, err := c.fs.ReadDir(ctx, dir)
		if err != nil {
			return 0, err
		}
		for _, info := range infos {
			if n, ok := version(info.Name()); ok && n > v {
				v = n
			}
		}
		if v == 0 {
			return 0, fmt.Errorf("%w: no metadata file in %s", icecat.ErrNoSuchTable, dir)
		}
	}
	for {
		if _, err := c.fs.Stat(ctx, versionFile(dir, v+1)); errors.Is(err, fs.ErrNotExist) {
			return v, nil
		} else if err != nil {
			return 0, err
		}
		v++
	}
}

func (c *Catalog) hint(ctx context.Context, dir string) (string, error) {
	data, err := storage.ReadFile(ctx, c.fs, dir+"/"+hintFile)
	return string(bytes.TrimSpace(data)), err
}

// writeHint is best effort: a missing or old hint costs a listing or some probes.
func (c *Catalog) writeHint(ctx context.Context, dir string, v int) {
	if err := c.replaceFile(ctx, dir+"/"+hintFile, []byte(strconv.Itoa(v))); err != nil {
		c.log.Warn("version hint not written", "dir", dir, "version", v, "error", err)
	}
}

// replaceFile gives a small file new content, atomically.
func (c *Catalog) replaceFile(ctx context.Context, name string, data []byte) error {
	tmp := path.Dir(name) + "/." + uuid.NewString() + ".tmp"
	err := storage.WriteFile(ctx, c.fs, tmp, data, storage.CreateOptions{Overwrite: true})
	if err == nil {
		err = c.fs.Rename(ctx, tmp, name)
	}
	if err != nil {
		_ = c.fs.Remove(ctx, tmp)
	}
	return err
}

func (c *Catalog) readMetadata(ctx context.Context, name string) (icetable.Metadata, error) {
	c.mu.Lock()
	m := c.meta[name]
	c.mu.Unlock()
	if m != nil {
		return m, nil
	}
	data, err := storage.ReadFile(ctx, c.fs, name)
	if err != nil {
		return nil, fmt.Errorf("read table metadata: %w", err)
	}
	m, err = icetable.ParseMetadataBytes(data)
	if err != nil {
		return nil, fmt.Errorf("table metadata %s: %w", name, err)
	}
	c.remember(name, m)
	return m, nil
}

func (c *Catalog) remember(name string, m icetable.Metadata) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.meta[name]; !ok {
		c.order = append(c.order, name)
	}
	c.meta[name] = m
	for len(c.order) > metaCacheSize {
		delete(c.meta, c.order[0])
		c.order = c.order[1:]
	}
}

// forget drops what is cached under a directory: a table may be dropped and made again with the same names.
func (c *Catalog) forget(dir string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := c.order[:0]
	for _, name := range c.order {
		if strings.HasPrefix(name, dir+"/") {
			delete(c.meta, name)
			continue
		}
		kept = append(kept, name)
	}
	c.order = kept
}

func (c *Catalog) io(ctx context.Context) (iceio.IO, error) {
	return &icebergIO{ctx: context.WithoutCancel(ctx), fs: c.fs}, nil
}

func (c *Catalog) table(ident icetable.Identifier, m icetable.Metadata, name string) *icetable.Table {
	return icetable.New(ident, m, storage.URI(c.fs, name), c.io, c)
}

// LoadTable loads the newest state of a table; icecat.ErrNoSuchTable when there is none.
func (c *Catalog) LoadTable(ctx context.Context, ident icetable.Identifier) (*icetable.Table, error) {
	t, _, _, err := c.load(ctx, ident)
	return t, err
}

func (c *Catalog) load(ctx context.Context, ident icetable.Identifier) (t *icetable.Table, dir string, v int, err error) {
	if err := checkIdent(ident); err != nil {
		return nil, "", 0, err
	}
	dir, hint, err := c.find(ctx, ident)
	if err != nil {
		return nil, "", 0, err
	}
	// A version found may be removed by maintenance before it is read, when the hint was very old: look again.
	for range 3 {
		if v, err = c.latest(ctx, dir, hint); err != nil {
			break
		}
		var m icetable.Metadata
		if m, err = c.readMetadata(ctx, versionFile(dir, v)); err == nil {
			return c.table(ident, m, versionFile(dir, v)), dir, v, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		hint = 0
	}
	if errors.Is(err, icecat.ErrNoSuchTable) {
		return nil, dir, 0, err
	}
	return nil, dir, 0, fmt.Errorf("load %s: %w", strings.Join(ident, "."), err)
}

// Superseded tells with one call to the file system whether there is a newer state than a loaded one. It does not see that a table was dropped.
func (c *Catalog) Superseded(ctx context.Context, t *icetable.Table) (bool, error) {
	name, err := storage.Name(c.fs, t.MetadataLocation())
	if err != nil {
		return false, err
	}
	v, ok := version(name)
	if !ok {
		return true, nil
	}
	_, err = c.fs.Stat(ctx, versionFile(path.Dir(name), v+1))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// IsCurrent tells with two calls to the file system whether a loaded table is still the newest state.
func (c *Catalog) IsCurrent(ctx context.Context, t *icetable.Table) (bool, error) {
	if newer, err := c.Superseded(ctx, t); err != nil || newer {
		return false, err
	}
	name, err := storage.Name(c.fs, t.MetadataLocation())
	if err != nil {
		return false, err
	}
	_, err = c.fs.Stat(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// CommitTable validates the requirements against the newest state, applies the updates and publishes the result as the next
// version. A lost race is icetable.ErrCommitFailed. A table that does not exist is created when the requirements allow it.
func (c *Catalog) CommitTable(ctx context.Context, ident icetable.Identifier, reqs []icetable.Requirement, updates []icetable.Update) (icetable.Metadata, string, error) {
	if err := checkIdent(ident); err != nil {
		return nil, "", err
	}
	l := c.lock(ident)
	l.Lock()
	defer l.Unlock()
	current, dir, v, err := c.load(ctx, ident)
	if err != nil && !errors.Is(err, icecat.ErrNoSuchTable) {
		return nil, "", err
	}
	if current == nil {
		return c.createByCommit(ctx, ident, reqs, updates)
	}
	for _, r := range reqs {
		if err := r.Validate(current.Metadata()); err != nil {
			return nil, "", fmt.Errorf("%w: %s: %w", icetable.ErrCommitFailed, strings.Join(ident, "."), err)
		}
	}
	updated, err := icetable.UpdateTableMetadata(current.Metadata(), updates, current.MetadataLocation())
	if err != nil {
		return nil, "", fmt.Errorf("apply updates to %s: %w", strings.Join(ident, "."), err)
	}
	if updated.Equals(current.Metadata()) {
		return updated, current.MetadataLocation(), nil
	}
	name := versionFile(dir, v+1)
	if err := c.publish(ctx, name, updated, icetable.ErrCommitFailed); err != nil {
		return nil, "", fmt.Errorf("commit %s: %w", strings.Join(ident, "."), err)
	}
	c.writeHint(ctx, dir, v+1)
	return updated, storage.URI(c.fs, name), nil
}

// publish makes m the content of name if name does not exist yet. Whatever the network does to the answer of the rename, the result is known afterwards or the error says that it is not.
func (c *Catalog) publish(ctx context.Context, name string, m icetable.Metadata, taken error) error {
	data, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode table metadata: %w", err)
	}
	tmp := path.Dir(name) + "/." + uuid.NewString() + ".metadata.json.tmp"
	if err := storage.WriteFile(ctx, c.fs, tmp, data, storage.CreateOptions{Overwrite: true}); err != nil {
		return fmt.Errorf("write table metadata: %w", err)
	}
	err = c.fs.RenameNoReplace(ctx, tmp, name)
	if err != nil {
		// Did it happen after all? Only the file itself knows.
		check := context.WithoutCancel(ctx)
		if got, readErr := storage.ReadFile(check, c.fs, name); readErr == nil && bytes.Equal(got, data) {
			err = nil
		} else if readErr == nil {
			err = fmt.Errorf("%w: %s was written by another", taken, path.Base(name))
		} else if errors.Is(readErr, fs.ErrNotExist) && errors.Is(err, fs.ErrExist) {
			err = fmt.Errorf("%w: %s was written by another and removed again", taken, path.Base(name))
		}
		if rmErr := c.fs.Remove(check, tmp); rmErr != nil && !errors.Is(rmErr, fs.ErrNotExist) {
			c.log.Warn("temporary metadata file left behind", "file", tmp, "error", rmErr)
		}
		if err != nil {
			return err
		}
	}
	c.remember(name, m)
	return nil
}
