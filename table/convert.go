package table

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/iceberg-go"
	icetable "github.com/apache/iceberg-go/table"

	"github.com/lodehq/lode/table/datafile"
	"github.com/lodehq/lode/table/storage"
)

// definition turns a datafile.Table into Iceberg's terms. Both sides speak Iceberg's JSON, so that is the bridge.
func definition(def *datafile.Table) (*iceberg.Schema, CreateOptions, error) {
	var opts CreateOptions
	var schema iceberg.Schema
	if err := through(def.Schema, &schema); err != nil {
		return nil, opts, fmt.Errorf("schema of %s: %w", def.Name, err)
	}
	spec := iceberg.UnpartitionedSpec
	if len(def.Partition.Fields) > 0 {
		spec = &iceberg.PartitionSpec{}
		if err := through(def.Partition, spec); err != nil {
			return nil, opts, fmt.Errorf("partition spec of %s: %w", def.Name, err)
		}
	}
	sortOrder := icetable.UnsortedSortOrder
	if len(def.Sort.Fields) > 0 {
		if err := through(def.Sort, &sortOrder); err != nil {
			return nil, opts, fmt.Errorf("sort order of %s: %w", def.Name, err)
		}
	}
	props := iceberg.Properties{}
	for k, v := range def.Properties {
		props[k] = v
	}
	if def.Doc != "" {
		props["comment"] = def.Doc
	}
	return &schema, CreateOptions{Partition: spec, Sort: sortOrder, Properties: props, KeepIDs: true}, nil
}

func through(from, to any) error {
	data, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, to)
}

// dataFile builds the manifest entry of a descriptor without opening the file.
func dataFile(fsys storage.FS, m icetable.Metadata, d *datafile.Descriptor) (iceberg.DataFile, error) {
	if d.Format != "" && !strings.EqualFold(d.Format, "parquet") {
		return nil, fmt.Errorf("file %s: format %q, tables hold parquet", d.Path, d.Format)
	}
	name, err := storage.Name(fsys, d.Path)
	if err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	spec := m.PartitionSpecByID(d.SpecID)
	if spec == nil {
		return nil, fmt.Errorf("file %s: the table has no partition spec %d", d.Path, d.SpecID)
	}
	values, logical, err := partitionData(spec, m.CurrentSchema(), d.Partition)
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", d.Path, err)
	}
	b, err := iceberg.NewDataFileBuilder(*spec, iceberg.EntryContentData, storage.URI(fsys, name), iceberg.ParquetFile, values, logical, nil, d.RecordCount, d.FileSizeBytes)
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", d.Path, err)
	}
	b.ColumnSizes(d.ColumnSizes).ValueCounts(d.ValueCounts).NullValueCounts(d.NullValueCounts).NaNValueCounts(d.NaNValueCounts).
		LowerBoundValues(d.LowerBounds).UpperBoundValues(d.UpperBounds)
	if len(d.SplitOffsets) > 0 {
		b.SplitOffsets(d.SplitOffsets)
	}
	if d.SortOrderID != 0 {
		b.SortOrderID(d.SortOrderID)
	}
	return b.Build(), nil
}

func partitionData(spec *iceberg.PartitionSpec, schema *iceberg.Schema, in []datafile.PartitionValue) (map[int]any, map[int]string, error) {
	if len(in) != spec.NumFields() {
		return nil, nil, fmt.Errorf("%d partition values for %d partition fields", len(in), spec.NumFields())
	}
	values, logical := map[int]any{}, map[int]string{}
	types := spec.PartitionType(schema)
	for i, f := range types.FieldList {
		pv := find(in, f.ID)
		if pv == nil {
			return nil, nil, fmt.Errorf("no value for partition field %s (id %d)", f.Name, f.ID)
		}
		v, err := value(f.Type, pv.Value)
		if err != nil {
			return nil, nil, fmt.Errorf("partition field %s: %w", f.Name, err)
		}
		values[types.FieldList[i].ID] = v
		switch f.Type.(type) {
		case iceberg.DateType:
			logical[f.ID] = "date"
		case iceberg.TimestampType, iceberg.TimestampTzType:
			logical[f.ID] = "timestamp-micros"
		}
	}
	return values, logical, nil
}

func find(in []datafile.PartitionValue, id int) *datafile.PartitionValue {
	for i := range in {
		if in[i].FieldID == id {
			return &in[i]
		}
	}
	return nil
}

// value reads a JSON value (as json.Number, string, bool, nil, or the Go types that datafile uses) as a value of an Iceberg type.
func value(t iceberg.Type, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	text := fmt.Sprint(v)
	switch x := v.(type) {
	case float64:
		text = strconv.FormatFloat(x, 'f', -1, 64)
	case time.Time:
		text = x.UTC().Format("2006-01-02T15:04:05.999999")
	}
	switch t := t.(type) {
	case iceberg.StringType:
		return text, nil
	case iceberg.Int32Type:
		n, err := strconv.ParseInt(text, 10, 32)
		return int32(n), err
	case iceberg.Int64Type:
		n, err := strconv.ParseInt(text, 10, 64)
		return n, err
	case iceberg.Float64Type:
		return strconv.ParseFloat(text, 64)
	case iceberg.Float32Type:
		f, err := strconv.ParseFloat(text, 32)
		return float32(f), err
	case iceberg.BooleanType:
		return strconv.ParseBool(text)
	case iceberg.DateType:
		if n, err := strconv.ParseInt(text, 10, 32); err == nil {
			return iceberg.Date(n), nil
		}
		d, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return nil, fmt.Errorf("%q is not a date (2006-01-02)", text)
		}
		return iceberg.Date(d.Unix() / 86400), nil
	case iceberg.TimestampType, iceberg.TimestampTzType:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return iceberg.Timestamp(n), nil
		}
		for _, layout := range []string{"2006-01-02T15:04:05.999999999", time.RFC3339Nano, "2006-01-02 15:04:05.999999999", time.DateOnly} {
			if ts, err := time.Parse(layout, text); err == nil {
				return iceberg.Timestamp(ts.UnixMicro()), nil
			}
		}
		return nil, fmt.Errorf("%q is not a time (2006-01-02T15:04:05)", text)
	case iceberg.DecimalType:
		r, ok := new(big.Rat).SetString(text)
		if !ok {
			return nil, fmt.Errorf("%q is not a number", text)
		}
		r.Mul(r, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(t.Scale())), nil)))
		if !r.IsInt() {
			return nil, fmt.Errorf("%q has more than %d decimals", text, t.Scale())
		}
		return iceberg.Decimal{Val: decimal128.FromBigInt(r.Num()), Scale: t.Scale()}, nil
	}
	return nil, fmt.Errorf("values of type %s are not supported here", t)
}

// jsonValue is the reverse of value: Iceberg's single-value JSON.
func jsonValue(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case iceberg.Date:
		return time.Unix(int64(v)*86400, 0).UTC().Format(time.DateOnly)
	case iceberg.Timestamp:
		return time.UnixMicro(int64(v)).UTC().Format("2006-01-02T15:04:05.999999")
	case iceberg.Decimal:
		return v.String()
	case iceberg.DecimalLiteral:
		return v.String()
	case []byte:
		return fmt.Sprintf("%x", v)
	}
	return v
}

// expression turns a filter into Iceberg's; nil and an empty filter are true.
func expression(schema *iceberg.Schema, f *datafile.Filter) (iceberg.BooleanExpression, error) {
	var out iceberg.BooleanExpression = iceberg.AlwaysTrue{}
	if f == nil {
		return out, nil
	}
	for _, p := range f.And {
		e, err := predicate(schema, p)
		if err != nil {
			return nil, fmt.Errorf("filter on %s: %w", p.Column, err)
		}
		out = iceberg.NewAnd(out, e)
	}
	return out, nil
}

func predicate(schema *iceberg.Schema, p datafile.Predicate) (iceberg.BooleanExpression, error) {
	field, ok := schema.FindFieldByName(p.Column)
	if !ok {
		return nil, fmt.Errorf("the table has no such column")
	}
	ref := iceberg.Reference(p.Column)
	switch p.Op {
	case "is-null":
		return iceberg.IsNull(ref), nil
	case "not-null":
		return iceberg.NotNull(ref), nil
	case "in":
		list, ok := p.Value.([]any)
		if !ok {
			return nil, fmt.Errorf("in needs a list")
		}
		var lits []iceberg.Literal
		for _, v := range list {
			l, err := literal(field.Type, v)
			if err != nil {
				return nil, err
			}
			lits = append(lits, l)
		}
		if len(lits) == 0 {
			return iceberg.AlwaysFalse{}, nil
		}
		return iceberg.SetPredicate(iceberg.OpIn, ref, lits), nil
	}
	op, ok := map[string]iceberg.Operation{"=": iceberg.OpEQ, "!=": iceberg.OpNEQ, "<": iceberg.OpLT, "<=": iceberg.OpLTEQ, ">": iceberg.OpGT, ">=": iceberg.OpGTEQ}[p.Op]
	if !ok {
		return nil, fmt.Errorf("unknown operator %q; one of = != < <= > >= in is-null not-null", p.Op)
	}
	l, err := literal(field.Type, p.Value)
	if err != nil {
		return nil, err
	}
	return iceberg.LiteralPredicate(op, ref, l), nil
}

func literal(t iceberg.Type, v any) (iceberg.Literal, error) {
	x, err := value(t, v)
	if err != nil {
		return nil, err
	}
	switch x := x.(type) {
	case string:
		return iceberg.NewLiteral(x), nil
	case int32:
		return iceberg.NewLiteral(x), nil
	case int64:
		return iceberg.NewLiteral(x), nil
	case float32:
		return iceberg.NewLiteral(x), nil
	case float64:
		return iceberg.NewLiteral(x), nil
	case bool:
		return iceberg.NewLiteral(x), nil
	case iceberg.Date:
		return iceberg.NewLiteral(x), nil
	case iceberg.Timestamp:
		return iceberg.NewLiteral(x), nil
	case iceberg.Decimal:
		return iceberg.NewLiteral(x), nil
	case nil:
		return nil, fmt.Errorf("null is compared with is-null or not-null")
	}
	return nil, fmt.Errorf("type %s cannot be compared here", t)
}
