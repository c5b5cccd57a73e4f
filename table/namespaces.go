package table

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/apache/iceberg-go"
	icecat "github.com/apache/iceberg-go/catalog"
	icetable "github.com/apache/iceberg-go/table"
	"github.com/google/uuid"

	"github.com/lodehq/lode/table/storage"
)

const namespaceFile = ".namespace.json"

// StandardNamespaces always exist in a warehouse that a catalog serves.
func StandardNamespaces() []string { return []string{"bronze", "silver", "gold"} }

// EnsureNamespaces creates what is missing.
func (c *Catalog) EnsureNamespaces(ctx context.Context, names ...string) error {
	for _, n := range names {
		if err := c.fs.MkdirAll(ctx, c.nsDir(n)); err != nil {
			return fmt.Errorf("create namespace %s: %w", n, err)
		}
	}
	return nil
}

// Namespaces lists the namespaces by name. A warehouse that nobody has written to has none.
func (c *Catalog) Namespaces(ctx context.Context) ([]string, error) {
	infos, err := c.fs.ReadDir(ctx, c.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list namespaces: %w", err)
	}
	var out []string
	for _, info := range infos {
		if info.IsDir() && checkPart(info.Name()) == nil {
			out = append(out, info.Name())
		}
	}
	sort.Strings(out)
	return out, nil
}

func (c *Catalog) needNamespace(ctx context.Context, ns string) error {
	if err := checkPart(ns); err != nil {
		return err
	}
	info, err := c.fs.Stat(ctx, c.nsDir(ns))
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return fmt.Errorf("%w: %s", icecat.ErrNoSuchNamespace, ns)
	}
	return err
}

// CreateNamespace fails with icecat.ErrNamespaceAlreadyExists when it is there.
func (c *Catalog) CreateNamespace(ctx context.Context, ns string, props iceberg.Properties) error {
	err := c.needNamespace(ctx, ns)
	if err == nil {
		return fmt.Errorf("%w: %s", icecat.ErrNamespaceAlreadyExists, ns)
	}
	if !errors.Is(err, icecat.ErrNoSuchNamespace) {
		return err
	}
	if err := c.fs.MkdirAll(ctx, c.nsDir(ns)); err != nil {
		return fmt.Errorf("create namespace %s: %w", ns, err)
	}
	if len(props) > 0 {
		return c.SetNamespaceProperties(ctx, ns, props)
	}
	return nil
}

// NamespaceProperties answers what was set, and the location.
func (c *Catalog) NamespaceProperties(ctx context.Context, ns string) (iceberg.Properties, error) {
	if err := c.needNamespace(ctx, ns); err != nil {
		return nil, err
	}
	props := iceberg.Properties{}
	data, err := storage.ReadFile(ctx, c.fs, c.nsDir(ns)+"/"+namespaceFile)
	if err == nil {
		err = json.Unmarshal(data, &props)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("properties of namespace %s: %w", ns, err)
	}
	if props["location"] == "" {
		props["location"] = storage.URI(c.fs, c.nsDir(ns))
	}
	return props, nil
}

// SetNamespaceProperties replaces all properties.
func (c *Catalog) SetNamespaceProperties(ctx context.Context, ns string, props iceberg.Properties) error {
	if err := c.needNamespace(ctx, ns); err != nil {
		return err
	}
	data, err := json.Marshal(props)
	if err != nil {
		return err
	}
	return c.replaceFile(ctx, c.nsDir(ns)+"/"+namespaceFile, data)
}

// DropNamespace removes an empty namespace.
func (c *Catalog) DropNamespace(ctx context.Context, ns string) error {
	if err := c.needNamespace(ctx, ns); err != nil {
		return err
	}
	tables, err := c.Tables(ctx, ns)
	if err != nil {
		return err
	}
	if len(tables) > 0 {
		return fmt.Errorf("%w: %s holds %s", icecat.ErrNamespaceNotEmpty, ns, strings.Join(tables, ", "))
	}
	// Directories of dropped tables, whose files are kept, may be left: they move out of the way with the namespace.
	return c.toDropped(ctx, c.nsDir(ns))
}

// toDropped moves a directory aside, from where it can be moved back by hand: what is dropped without purge is not deleted.
func (c *Catalog) toDropped(ctx context.Context, dir string) error {
	rel := strings.ReplaceAll(strings.TrimPrefix(dir, c.dir+"/"), "/", ".")
	c.forget(dir)
	return c.fs.Rename(ctx, dir, fmt.Sprintf("%s/.dropped/%s-%s-%s", c.dir, rel, time.Now().UTC().Format("20060102T150405"), uuid.NewString()[:8]))
}

// Tables lists the tables of a namespace by name.
func (c *Catalog) Tables(ctx context.Context, ns string) ([]string, error) {
	if err := c.needNamespace(ctx, ns); err != nil {
		return nil, err
	}
	infos, err := c.fs.ReadDir(ctx, c.nsDir(ns))
	if err != nil {
		return nil, fmt.Errorf("list tables of %s: %w", ns, err)
	}
	var out []string
	for _, info := range infos {
		if !info.IsDir() || checkPart(info.Name()) != nil {
			continue
		}
		ok, err := c.Exists(ctx, icetable.Identifier{ns, info.Name()})
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, info.Name())
		}
	}
	sort.Strings(out)
	return out, nil
}

// Exists tells whether a table is there. A directory that holds only data (a job that has not committed yet) is no table.
func (c *Catalog) Exists(ctx context.Context, ident icetable.Identifier) (bool, error) {
	if err := checkIdent(ident); err != nil {
		return false, err
	}
	_, _, err := c.find(ctx, ident)
	if errors.Is(err, icecat.ErrNoSuchTable) {
		return false, nil
	}
	return err == nil, err
}

// CreateOptions are of a new table.
type CreateOptions struct {
	Partition  *iceberg.PartitionSpec // nil is unpartitioned
	Sort       icetable.SortOrder
	Location   string // "" is <warehouse>/<namespace>/<table>
	Properties iceberg.Properties
	// KeepIDs takes the field ids of the schema as they are; otherwise fresh ids are assigned, as catalogs do for a client's schema.
	KeepIDs bool
}

// CreateTable makes a table without a snapshot; icecat.ErrTableAlreadyExists when another was quicker.
func (c *Catalog) CreateTable(ctx context.Context, ident icetable.Identifier, schema *iceberg.Schema, opts CreateOptions) (*icetable.Table, error) {
	m, err := c.StageTable(ctx, ident, schema, opts)
	if err != nil {
		return nil, err
	}
	name, err := c.create(ctx, ident, m)
	if err != nil {
		return nil, err
	}
	return c.table(ident, m, name), nil
}

// StageTable answers the metadata that CreateTable would publish, and publishes nothing.
func (c *Catalog) StageTable(ctx context.Context, ident icetable.Identifier, schema *iceberg.Schema, opts CreateOptions) (icetable.Metadata, error) {
	if err := checkIdent(ident); err != nil {
		return nil, err
	}
	if err := c.needNamespace(ctx, ident[0]); err != nil {
		return nil, err
	}
	if ok, err := c.Exists(ctx, ident); err != nil || ok {
		if ok {
			err = fmt.Errorf("%w: %s", icecat.ErrTableAlreadyExists, strings.Join(ident, "."))
		}
		return nil, err
	}
	location := strings.TrimSuffix(opts.Location, "/")
	if location == "" {
		location = storage.URI(c.fs, c.tableDir(ident))
		// A table that was renamed away keeps its files where they are; its old name gets a new place.
		if text, err := c.hint(ctx, c.tableDir(ident)+"/metadata"); err == nil && text == moved {
			location = storage.URI(c.fs, fmt.Sprintf("%s/.tables/%s.%s-%s", c.dir, ident[0], ident[1], uuid.NewString()[:8]))
		}
	}
	if err := c.checkLocation(ident, location); err != nil {
		return nil, err
	}
	props := defaultProperties()
	for k, v := range opts.Properties {
		props[k] = v
	}
	props["write.metadata.compression-codec"] = "none"
	if opts.KeepIDs {
		return stageWithIDs(schema, opts, location, props)
	}
	m, err := icetable.NewMetadata(schema, opts.Partition, opts.Sort, location, props)
	if err != nil {
		return nil, fmt.Errorf("define %s: %w", strings.Join(ident, "."), err)
	}
	return m, nil
}

// checkLocation refuses a place where the table would be found under another name.
func (c *Catalog) checkLocation(ident icetable.Identifier, location string) error {
	name, err := storage.Name(c.fs, location)
	if err != nil {
		return err
	}
	if rel, ok := strings.CutPrefix(name, c.dir+"/"); ok && !strings.HasPrefix(rel, ".tables/") && name != c.tableDir(ident) {
		return fmt.Errorf("%w: location %s of %s is the place of another name in the warehouse; leave the location out", icecat.ErrInvalidIdentifier, location, strings.Join(ident, "."))
	}
	return nil
}

// stageWithIDs builds metadata whose field ids are the schema's own: data files that exist already carry them.
func stageWithIDs(schema *iceberg.Schema, opts CreateOptions, location string, props iceberg.Properties) (icetable.Metadata, error) {
	b, err := icetable.NewMetadataBuilder(2)
	if err != nil {
		return nil, err
	}
	spec := opts.Partition
	if spec == nil {
		spec = iceberg.UnpartitionedSpec
	}
	sortOrder := opts.Sort
	if sortOrder.IsUnsorted() {
		sortOrder = icetable.UnsortedSortOrder
	}
	delete(props, "format-version")
	err = errors.Join(b.SetUUID(uuid.New()), b.AddSchema(schema), b.SetCurrentSchemaID(-1))
	if err == nil {
		err = errors.Join(b.AddPartitionSpec(spec, true), b.SetDefaultSpecID(-1), b.AddSortOrder(&sortOrder), b.SetDefaultSortOrderID(-1), b.SetLoc(location), b.SetProperties(props))
	}
	if err != nil {
		return nil, fmt.Errorf("define table at %s: %w", location, err)
	}
	return b.Build()
}

// create publishes version 1 of a new table.
func (c *Catalog) create(ctx context.Context, ident icetable.Identifier, m icetable.Metadata) (string, error) {
	loc, err := storage.Name(c.fs, m.Location())
	if err != nil {
		return "", err
	}
	dir := loc + "/metadata"
	name := versionFile(dir, 1)
	if err := c.publish(ctx, name, m, icecat.ErrTableAlreadyExists); err != nil {
		return "", fmt.Errorf("create %s: %w", strings.Join(ident, "."), err)
	}
	c.writeHint(ctx, dir, 1)
	if dir != c.tableDir(ident)+"/metadata" {
		if err := c.point(ctx, ident, dir); err != nil {
			return "", err
		}
	}
	return name, nil
}

// point publishes a pointer to a metadata directory.
func (c *Catalog) point(ctx context.Context, ident icetable.Identifier, dir string) error {
	data, err := json.Marshal(pointer{Metadata: storage.URI(c.fs, dir)})
	if err != nil {
		return err
	}
	tmp := c.tableDir(ident) + "/." + uuid.NewString() + ".tmp"
	if err := storage.WriteFile(ctx, c.fs, tmp, data, storage.CreateOptions{}); err != nil {
		return fmt.Errorf("publish %s: %w", strings.Join(ident, "."), err)
	}
	if err := c.fs.RenameNoReplace(ctx, tmp, c.pointerOf(ident)); err != nil {
		_ = c.fs.Remove(ctx, tmp)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%w: %s", icecat.ErrTableAlreadyExists, strings.Join(ident, "."))
		}
		return fmt.Errorf("publish %s: %w", strings.Join(ident, "."), err)
	}
	return nil
}

// createByCommit is a commit to a table that is not there: the last step of a staged create.
func (c *Catalog) createByCommit(ctx context.Context, ident icetable.Identifier, reqs []icetable.Requirement, updates []icetable.Update) (icetable.Metadata, string, error) {
	if err := c.needNamespace(ctx, ident[0]); err != nil {
		return nil, "", err
	}
	mayCreate := false
	for _, r := range reqs {
		mayCreate = mayCreate || r.GetType() == "assert-create"
		if err := r.Validate(nil); err != nil {
			return nil, "", fmt.Errorf("%w: %s", icecat.ErrNoSuchTable, strings.Join(ident, "."))
		}
	}
	if !mayCreate {
		return nil, "", fmt.Errorf("%w: %s", icecat.ErrNoSuchTable, strings.Join(ident, "."))
	}
	b, err := icetable.NewMetadataBuilder(2)
	if err != nil {
		return nil, "", err
	}
	if err := b.SetProperties(defaultProperties()); err != nil {
		return nil, "", err
	}
	for _, u := range updates {
		if err := u.Apply(b); err != nil {
			return nil, "", fmt.Errorf("apply updates to %s: %w", strings.Join(ident, "."), err)
		}
	}
	if err := b.SetProperties(iceberg.Properties{"write.metadata.compression-codec": "none"}); err != nil {
		return nil, "", err
	}
	m, err := b.Build()
	if err != nil {
		return nil, "", fmt.Errorf("create %s: %w", strings.Join(ident, "."), err)
	}
	name, err := c.create(ctx, ident, m)
	if err != nil {
		return nil, "", err
	}
	return m, storage.URI(c.fs, name), nil
}

// RenameTable gives a table another name; its files stay where they are.
func (c *Catalog) RenameTable(ctx context.Context, from, to icetable.Identifier) error {
	if err := errors.Join(checkIdent(from), checkIdent(to)); err != nil {
		return err
	}
	dir, _, err := c.find(ctx, from)
	if err != nil {
		return err
	}
	if err := c.needNamespace(ctx, to[0]); err != nil {
		return err
	}
	if ok, err := c.Exists(ctx, to); err != nil || ok {
		if ok {
			err = fmt.Errorf("%w: %s", icecat.ErrTableAlreadyExists, strings.Join(to, "."))
		}
		return err
	}
	l := c.lock(from)
	l.Lock()
	defer l.Unlock()
	switch own := c.tableDir(to) + "/metadata"; {
	case dir == own: // back to its first name
		v, err := c.latest(ctx, dir, 0)
		if err != nil {
			return err
		}
		if err := c.replaceFile(ctx, dir+"/"+hintFile, []byte(strconv.Itoa(v))); err != nil {
			return err
		}
	default:
		if err := c.point(ctx, to, dir); err != nil {
			return err
		}
	}
	if dir == c.tableDir(from)+"/metadata" {
		return c.replaceFile(ctx, dir+"/"+hintFile, []byte(moved))
	}
	return c.fs.Remove(ctx, c.pointerOf(from))
}

// DropTable takes a table out of the catalog. With purge its files are deleted, unless they are shared with clones (gc.enabled=false); without, the
// whole directory moves to <warehouse>/.dropped, from where it can be moved back.
func (c *Catalog) DropTable(ctx context.Context, ident icetable.Identifier, purge bool) error {
	t, dir, _, err := c.load(ctx, ident)
	if err != nil {
		return err
	}
	if pinned := cloneTags(t.Metadata()); purge && len(pinned) > 0 {
		return fmt.Errorf("%s has clones that share its files (%s): drop the clones first, or drop without purge", strings.Join(ident, "."), strings.Join(pinned, ", "))
	}
	if err := c.untag(ctx, t); err != nil {
		return err
	}
	l := c.lock(ident)
	l.Lock()
	defer l.Unlock()
	if dir == c.tableDir(ident)+"/metadata" {
		if purge {
			c.forget(dir)
			return c.fs.RemoveAll(ctx, c.tableDir(ident))
		}
		return c.toDropped(ctx, c.tableDir(ident))
	}
	c.forget(dir)
	if err := c.fs.Remove(ctx, c.pointerOf(ident)); err != nil {
		return err
	}
	if purge {
		return c.fs.RemoveAll(ctx, path.Dir(dir))
	}
	return nil
}

// untag lets the source of a clone go: the tag that held its shared snapshot is removed.
func (c *Catalog) untag(ctx context.Context, clone *icetable.Table) error {
	source := clone.Properties()[cloneOfProperty]
	if source == "" {
		return nil
	}
	t, err := c.loadNamed(ctx, source)
	if errors.Is(err, icecat.ErrNoSuchTable) {
		return nil
	}
	if err != nil {
		return err
	}
	tag := cloneTagPrefix + strings.Join(clone.Identifier(), ".")
	for name := range t.Metadata().Refs() {
		if name == tag {
			_, _, err := c.CommitTable(ctx, t.Identifier(), nil, []icetable.Update{icetable.NewRemoveSnapshotRefUpdate(tag)})
			return err
		}
	}
	return nil
}

// cloneTags names the tags that keep snapshots alive for clones.
func cloneTags(m icetable.Metadata) []string {
	var out []string
	for name, ref := range m.Refs() {
		if ref.SnapshotRefType == icetable.TagRef && strings.HasPrefix(name, cloneTagPrefix) {
			out = append(out, name)
		}
	}
	sort.Strings(out)
	return out
}

const (
	cloneTagPrefix  = "clone-"
	cloneOfProperty = "lode.clone-of"
)

// RegisterTable gives a name to a table whose metadata file exists already. The catalog keeps its own versions from there on, beside the data of the table.
func (c *Catalog) RegisterTable(ctx context.Context, ident icetable.Identifier, metadataLocation string) (*icetable.Table, error) {
	if err := checkIdent(ident); err != nil {
		return nil, err
	}
	if err := c.needNamespace(ctx, ident[0]); err != nil {
		return nil, err
	}
	if ok, err := c.Exists(ctx, ident); err != nil || ok {
		if ok {
			err = fmt.Errorf("%w: %s", icecat.ErrTableAlreadyExists, strings.Join(ident, "."))
		}
		return nil, err
	}
	name, err := storage.Name(c.fs, metadataLocation)
	if err != nil {
		return nil, err
	}
	m, err := c.readMetadata(ctx, name)
	if err != nil {
		return nil, err
	}
	dir := fmt.Sprintf("%s/.tables/%s.%s-%s/metadata", c.dir, ident[0], ident[1], uuid.NewString()[:8])
	if err := c.publish(ctx, versionFile(dir, 1), m, icecat.ErrTableAlreadyExists); err != nil {
		return nil, err
	}
	c.writeHint(ctx, dir, 1)
	if err := c.point(ctx, ident, dir); err != nil {
		return nil, err
	}
	return c.table(ident, m, versionFile(dir, 1)), nil
}
