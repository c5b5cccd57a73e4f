package datafile

import (
	"bytes"

	"github.com/parquet-go/parquet-go/format"
)

// boundLength is where bounds of texts are cut.
const boundLength = 16

// describe fills the counts, sizes and bounds of a descriptor from the footer of the file.
func describe(d *Descriptor, s *Schema, meta *format.FileMetaData) {
	d.ColumnSizes, d.ValueCounts, d.NullValueCounts = map[int]int64{}, map[int]int64{}, map[int]int64{}
	d.LowerBounds, d.UpperBounds = map[int][]byte{}, map[int][]byte{}
	for n, f := range s.Fields {
		var low, high []byte
		have, known := false, true
		for g := range meta.RowGroups {
			cm := &meta.RowGroups[g].Columns[n].MetaData
			d.ColumnSizes[f.ID] += cm.TotalCompressedSize
			d.ValueCounts[f.ID] += cm.NumValues
			d.NullValueCounts[f.ID] += cm.Statistics.NullCount
			if cm.Statistics.NullCount == cm.NumValues {
				continue
			}
			lo, hi := cm.Statistics.MinValue, cm.Statistics.MaxValue
			if lo == nil || hi == nil {
				known = false
				continue
			}
			if !have || compareBound(f.Type, lo, low) < 0 {
				low = lo
			}
			if !have || compareBound(f.Type, hi, high) > 0 {
				high = hi
			}
			have = true
		}
		if have && known {
			if b, ok := lowerBound(f.Type, low); ok {
				d.LowerBounds[f.ID] = b
			}
			if b, ok := upperBound(f.Type, high); ok {
				d.UpperBounds[f.ID] = b
			}
		}
	}
	for g := range meta.RowGroups {
		cm := &meta.RowGroups[g].Columns[0].MetaData
		at := cm.DataPageOffset
		if cm.DictionaryPageOffset > 0 && cm.DictionaryPageOffset < at {
			at = cm.DictionaryPageOffset
		}
		d.SplitOffsets = append(d.SplitOffsets, at)
	}
}

// compareBound compares two values in Parquet's plain form.
func compareBound(t Type, a, b []byte) int {
	switch {
	case t.isBytes() && t != Decimal38:
		return bytes.Compare(a, b)
	case t == Decimal38:
		if len(a) > 0 && len(b) > 0 && a[0]>>7 != b[0]>>7 {
			return less(a[0]>>7 == 1)
		}
		return bytes.Compare(a, b)
	case t == Double:
		x, y := floatLE(a), floatLE(b)
		if x == y {
			return 0
		}
		return less(x < y)
	}
	x, y := intLE(a), intLE(b)
	if x == y {
		return 0
	}
	return less(x < y)
}

// lowerBound turns a plain minimum into Iceberg's single-value form (they agree but for decimals and long texts).
func lowerBound(t Type, v []byte) ([]byte, bool) {
	switch t {
	case String, Binary:
		if len(v) <= boundLength {
			return clone(v), true
		}
		cut := v[:boundLength]
		if t == String && !ascii(cut) {
			return nil, false
		}
		return clone(cut), true
	case Decimal38:
		return trimDecimal(v), true
	}
	return clone(v), true
}

// upperBound is the same for the maximum: a cut text is rounded up so that it stays above every value.
func upperBound(t Type, v []byte) ([]byte, bool) {
	switch t {
	case String, Binary:
		if len(v) <= boundLength {
			return clone(v), true
		}
		cut := clone(v[:boundLength])
		for i := len(cut) - 1; i >= 0; i-- {
			if t == String && !ascii(cut) {
				return nil, false
			}
			if top := byte(0x7e); t == String && cut[i] < top || t == Binary && cut[i] < 0xff {
				cut[i]++
				return cut[:i+1], true
			}
		}
		return nil, false
	case Decimal38:
		return trimDecimal(v), true
	}
	return clone(v), true
}

func clone(v []byte) []byte { return append([]byte{}, v...) }

func ascii(v []byte) bool {
	for _, c := range v {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// trimDecimal gives the shortest big-endian two's complement, as Iceberg stores decimals.
func trimDecimal(v []byte) []byte {
	i := 0
	for i < len(v)-1 && (v[i] == 0 && v[i+1]&0x80 == 0 || v[i] == 0xff && v[i+1]&0x80 != 0) {
		i++
	}
	return clone(v[i:])
}
