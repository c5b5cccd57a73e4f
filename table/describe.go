package table

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	icetable "github.com/apache/iceberg-go/table"
)

// marshalExact writes metadata as JSON with another table-uuid. Numbers are kept as they are written: snapshot ids do not fit a float.
func marshalExact(m icetable.Metadata, id string) ([]byte, error) {
	data, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var raw map[string]any
	if err := d.Decode(&raw); err != nil {
		return nil, err
	}
	raw["table-uuid"] = id
	return json.Marshal(raw)
}

// Description is what `lode table describe` shows.
type Description struct {
	Table      string            `json:"table"`
	Location   string            `json:"location"`
	Comment    string            `json:"comment,omitempty"`
	Columns    []ColumnInfo      `json:"columns"`
	Partition  []string          `json:"partition"`
	Sort       []string          `json:"sort"`
	Snapshot   int64             `json:"snapshot"`
	Records    string            `json:"records"`
	Files      string            `json:"files"`
	Bytes      string            `json:"bytes"`
	Properties map[string]string `json:"properties"`
}

// ColumnInfo is one column.
type ColumnInfo struct {
	ID       int    `json:"id"`
	Name     string `json:"name"`
	Type     string `json:"type"`
	Required bool   `json:"required"`
	Doc      string `json:"doc,omitempty"`
}

// Describe answers the definition and size of a table.
func (c *Catalog) Describe(ctx context.Context, name string) (*Description, error) {
	t, err := c.loadNamed(ctx, name)
	if err != nil {
		return nil, err
	}
	d := &Description{Table: name, Location: t.Location(), Comment: t.Properties()["comment"], Properties: t.Properties(), Records: "0", Files: "0", Bytes: "0", Partition: []string{}, Sort: []string{}}
	schema := t.Schema()
	for _, f := range schema.Fields() {
		d.Columns = append(d.Columns, ColumnInfo{ID: f.ID, Name: f.Name, Type: f.Type.String(), Required: f.Required, Doc: f.Doc})
	}
	spec := t.Spec()
	for _, f := range spec.Fields() {
		source, _ := schema.FindColumnName(f.SourceID())
		d.Partition = append(d.Partition, withTransform(f.Transform.String(), source))
	}
	order := t.SortOrder()
	for _, f := range order.Fields() {
		source, _ := schema.FindColumnName(f.SourceID())
		d.Sort = append(d.Sort, withTransform(f.Transform.String(), source)+" "+string(f.Direction))
	}
	if s := t.CurrentSnapshot(); s != nil {
		d.Snapshot = s.SnapshotID
		if s.Summary != nil {
			p := s.Summary.Properties
			d.Records, d.Files, d.Bytes = p["total-records"], p["total-data-files"], p["total-files-size"]
		}
	}
	return d, nil
}

func withTransform(transform, column string) string {
	if transform == "identity" {
		return column
	}
	if name, args, ok := strings.Cut(transform, "["); ok {
		return name + "(" + strings.TrimSuffix(args, "]") + ", " + column + ")"
	}
	return transform + "(" + column + ")"
}

func (c *Catalog) loadNamed(ctx context.Context, name string) (*icetable.Table, error) {
	ident, err := ParseIdent(name)
	if err != nil {
		return nil, err
	}
	return c.LoadTable(ctx, ident)
}

// SnapshotInfo is one line of a table's history.
type SnapshotInfo struct {
	ID        int64             `json:"snapshot"`
	Parent    *int64            `json:"parent,omitempty"`
	Time      time.Time         `json:"time"`
	Operation string            `json:"operation"`
	Refs      []string          `json:"refs,omitempty"`
	Summary   map[string]string `json:"summary"`
}

// Snapshots lists the history of a table, oldest first.
func (c *Catalog) Snapshots(ctx context.Context, name string) ([]SnapshotInfo, error) {
	t, err := c.loadNamed(ctx, name)
	if err != nil {
		return nil, err
	}
	refs := map[int64][]string{}
	for ref, r := range t.Metadata().Refs() {
		refs[r.SnapshotID] = append(refs[r.SnapshotID], ref)
	}
	out := []SnapshotInfo{}
	for _, s := range t.Metadata().Snapshots() {
		info := SnapshotInfo{ID: s.SnapshotID, Parent: s.ParentSnapshotID, Time: time.UnixMilli(s.TimestampMs).UTC(), Refs: refs[s.SnapshotID]}
		if s.Summary != nil {
			info.Operation, info.Summary = string(s.Summary.Operation), s.Summary.Properties
		}
		out = append(out, info)
	}
	return out, nil
}

// List names the tables of a namespace, or of all when it is empty.
func (c *Catalog) List(ctx context.Context, namespace string) ([]string, error) {
	namespaces := []string{namespace}
	if namespace == "" {
		var err error
		if namespaces, err = c.Namespaces(ctx); err != nil {
			return nil, err
		}
	}
	out := []string{}
	for _, ns := range namespaces {
		names, err := c.Tables(ctx, ns)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", ns, err)
		}
		for _, n := range names {
			out = append(out, ns+"."+n)
		}
	}
	return out, nil
}
