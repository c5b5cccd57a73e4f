package datafile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// Descriptor is what an Iceberg manifest entry wants to know of a data file. Maps are keyed by Iceberg field id.
type Descriptor struct {
	Path            string           `json:"path"`   // as written: full URI or path on the file system of the warehouse
	Format          string           `json:"format"` // "parquet"
	RecordCount     int64            `json:"record_count"`
	FileSizeBytes   int64            `json:"file_size_in_bytes"`
	SpecID          int              `json:"spec_id"`
	Partition       []PartitionValue `json:"partition,omitempty"`
	ColumnSizes     map[int]int64    `json:"column_sizes,omitempty"`
	ValueCounts     map[int]int64    `json:"value_counts,omitempty"`
	NullValueCounts map[int]int64    `json:"null_value_counts,omitempty"`
	NaNValueCounts  map[int]int64    `json:"nan_value_counts,omitempty"`
	LowerBounds     map[int][]byte   `json:"lower_bounds,omitempty"` // Iceberg single-value serialization; strings cut to 16 bytes
	UpperBounds     map[int][]byte   `json:"upper_bounds,omitempty"`
	SplitOffsets    []int64          `json:"split_offsets,omitempty"`
	SortOrderID     int              `json:"sort_order_id,omitempty"` // 0 = unsorted

	// Hosts are those that hold the file's blocks; filled by `lode-gold table plan`, empty in manifests.
	Hosts []string `json:"hosts,omitempty"`
}

// PartitionValue is the value of one partition field. Value is Iceberg's single-value JSON: text for string and date ("2022-01-01"), a number for long
// and int, nil for null.
type PartitionValue struct {
	Name    string `json:"name"`
	FieldID int    `json:"field_id"` // of the partition field
	Type    Type   `json:"type"`     // of the partition value
	Value   any    `json:"value"`
}

// Mode says how a Manifest changes its table.
type Mode string

const (
	Append              Mode = "append"               // add the files
	Overwrite           Mode = "overwrite"            // replace everything the table holds
	OverwritePartitions Mode = "overwrite-partitions" // replace the partitions that the files belong to
	OverwriteRange      Mode = "overwrite-range"      // replace the rows that Filter matches
)

// Filter is a conjunction of comparisons, enough for ranges of blocks and lists of partitions.
type Filter struct {
	And []Predicate `json:"and"`
}

// Predicate compares a column with a literal (or, for "in", with a list). Op is one of = != < <= > >= in is-null not-null.
type Predicate struct {
	Column string `json:"column"`
	Op     string `json:"op"`
	Value  any    `json:"value,omitempty"`
}

// Manifest is one change of one table: `lode-gold table commit` makes exactly one snapshot of it.
type Manifest struct {
	Table  string  `json:"table"`
	Mode   Mode    `json:"mode"`
	Filter *Filter `json:"filter,omitempty"` // with OverwriteRange

	// CommitID makes the commit idempotent: a snapshot whose summary has the same `lode.commit-id` is found and returned instead of made again.
	CommitID   string            `json:"commit_id"`
	Files      []Descriptor      `json:"files"`
	Properties map[string]string `json:"properties,omitempty"` // go into the snapshot summary: job id, lineage

	// Create is the definition to create the table from when it is absent.
	Create *Table `json:"create,omitempty"`
}

// Encode writes the manifest as JSON.
func (m *Manifest) Encode(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		return fmt.Errorf("write manifest of %s: %w", m.Table, err)
	}
	return nil
}

// DecodeManifest reads a manifest and checks that it can be committed.
func DecodeManifest(r io.Reader) (*Manifest, error) {
	var m Manifest
	d := json.NewDecoder(r)
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("read table manifest: %w", err)
	}
	switch m.Mode {
	case Append, Overwrite, OverwritePartitions:
	case OverwriteRange:
		if m.Filter == nil || len(m.Filter.And) == 0 {
			return nil, fmt.Errorf("manifest of %s: mode overwrite-range needs a filter", m.Table)
		}
	default:
		return nil, fmt.Errorf("manifest of %s: unknown mode %q; one of append, overwrite, overwrite-partitions, overwrite-range", m.Table, m.Mode)
	}
	if m.Table == "" || m.CommitID == "" {
		return nil, fmt.Errorf("table manifest: table and commit_id must be set (table %q, commit_id %q)", m.Table, m.CommitID)
	}
	return &m, nil
}

// EncodeDescriptors is the payload with which a task answers: its descriptors as JSON.
func EncodeDescriptors(ds []Descriptor) ([]byte, error) {
	b, err := json.Marshal(ds)
	if err != nil {
		return nil, fmt.Errorf("encode file descriptors: %w", err)
	}
	return b, nil
}

// DecodeDescriptors reads what EncodeDescriptors wrote.
func DecodeDescriptors(b []byte) ([]Descriptor, error) {
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, nil
	}
	var ds []Descriptor
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&ds); err != nil {
		return nil, fmt.Errorf("decode file descriptors: %w", err)
	}
	return ds, nil
}
