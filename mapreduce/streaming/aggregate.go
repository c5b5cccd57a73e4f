package streaming

import (
	"bytes"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"

	"github.com/lodehq/lode/mapreduce"
)

// Hadoop's aggregate package: keys are `Kind:name`, and the kind says how the values of the key are put together.

func aggregateReducer() mapreduce.Reducer {
	return mapreduce.ReduceFunc(func(c *mapreduce.Context, key []byte, values *mapreduce.Values) error {
		kind, name, ok := bytes.Cut(key, []byte{':'})
		if !ok {
			return fmt.Errorf("aggregate: key %q has no kind: the form is LongValueSum:name", key)
		}
		a, err := newAggregator(string(kind))
		if err != nil {
			return err
		}
		for values.Next() {
			if err := a.add(string(values.Value())); err != nil {
				return fmt.Errorf("aggregate: key %q: %w", key, err)
			}
		}
		if err := values.Err(); err != nil {
			return err
		}
		return c.Emit(name, []byte(a.result()))
	})()
}

// aggregateCombiner folds on the map side.
func aggregateCombiner() mapreduce.Reducer {
	return mapreduce.ReduceFunc(func(c *mapreduce.Context, key []byte, values *mapreduce.Values) error {
		kind, _, _ := bytes.Cut(key, []byte{':'})
		a, err := newAggregator(string(kind))
		if err != nil { // the reducer will say so
			for values.Next() {
				if err := c.Emit(key, values.Value()); err != nil {
					return err
				}
			}
			return values.Err()
		}
		for values.Next() {
			if err := a.add(string(values.Value())); err != nil {
				return fmt.Errorf("aggregate: key %q: %w", key, err)
			}
		}
		if err := values.Err(); err != nil {
			return err
		}
		for _, v := range a.partial() {
			if err := c.Emit(key, []byte(v)); err != nil {
				return err
			}
		}
		return nil
	})()
}

type aggregator interface {
	add(v string) error
	partial() []string // values that stand for all added ones
	result() string
}

func newAggregator(kind string) (aggregator, error) {
	switch kind {
	case "LongValueSum":
		return &longAggregator{fold: func(a, b int64) int64 { return a + b }}, nil
	case "LongValueMax":
		return &longAggregator{acc: math.MinInt64, fold: func(a, b int64) int64 { return max(a, b) }}, nil
	case "LongValueMin":
		return &longAggregator{acc: math.MaxInt64, fold: func(a, b int64) int64 { return min(a, b) }}, nil
	case "DoubleValueSum":
		return &doubleAggregator{}, nil
	case "StringValueMax":
		return &stringAggregator{better: func(a, b string) bool { return a > b }}, nil
	case "StringValueMin":
		return &stringAggregator{better: func(a, b string) bool { return a < b }}, nil
	case "UniqValueCount":
		return &uniqueAggregator{seen: map[string]bool{}}, nil
	case "ValueHistogram":
		return &histogramAggregator{counts: map[string]int64{}}, nil
	}
	return nil, fmt.Errorf("aggregate: kind %q is not known", kind)
}

type longAggregator struct {
	acc  int64
	fold func(a, b int64) int64
}

func (l *longAggregator) add(v string) error {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return fmt.Errorf("%q is no whole number", v)
	}
	l.acc = l.fold(l.acc, n)
	return nil
}
func (l *longAggregator) partial() []string { return []string{l.result()} }
func (l *longAggregator) result() string    { return strconv.FormatInt(l.acc, 10) }

type doubleAggregator struct{ acc float64 }

func (d *doubleAggregator) add(v string) error {
	n, err := strconv.ParseFloat(v, 64)
	if err != nil {
		return fmt.Errorf("%q is no number", v)
	}
	d.acc += n
	return nil
}
func (d *doubleAggregator) partial() []string { return []string{d.result()} }
func (d *doubleAggregator) result() string    { return javaDouble(d.acc) }

// javaDouble prints as Double.toString does, for numbers of ordinary size.
func javaDouble(f float64) string {
	if a := math.Abs(f); a != 0 && (a < 1e-3 || a >= 1e7) && !math.IsInf(f, 0) {
		s := strconv.FormatFloat(f, 'E', -1, 64)
		mantissa, exp, _ := strings.Cut(s, "E")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		n, _ := strconv.Atoi(exp) // FormatFloat's exponent is a number
		return mantissa + "E" + strconv.Itoa(n)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

type stringAggregator struct {
	acc    string
	any    bool
	better func(a, b string) bool
}

func (s *stringAggregator) add(v string) error {
	if !s.any || s.better(v, s.acc) {
		s.acc, s.any = v, true
	}
	return nil
}
func (s *stringAggregator) partial() []string { return []string{s.acc} }
func (s *stringAggregator) result() string    { return s.acc }

type uniqueAggregator struct{ seen map[string]bool }

func (u *uniqueAggregator) add(v string) error {
	u.seen[v] = true
	return nil
}

func (u *uniqueAggregator) partial() []string {
	var out []string
	for v := range u.seen {
		out = append(out, v)
	}
	sort.Strings(out)
	return out
}
func (u *uniqueAggregator) result() string { return strconv.Itoa(len(u.seen)) }

// histogramAggregator counts values; a value may be `text TAB count`, which is how partial results look.
type histogramAggregator struct{ counts map[string]int64 }

func (h *histogramAggregator) add(v string) error {
	n := int64(1)
	if i := strings.LastIndexByte(v, '\t'); i >= 0 {
		if m, err := strconv.ParseInt(v[i+1:], 10, 64); err == nil {
			v, n = v[:i], m
		}
	}
	h.counts[v] += n
	return nil
}

func (h *histogramAggregator) partial() []string {
	var out []string
	for v, n := range h.counts {
		out = append(out, v+"\t"+strconv.FormatInt(n, 10))
	}
	sort.Strings(out)
	return out
}

// result is: unique values, min, median, max, mean and standard deviation of their counts.
func (h *histogramAggregator) result() string {
	var counts []int64
	var sum float64
	for _, n := range h.counts {
		counts = append(counts, n)
		sum += float64(n)
	}
	sort.Slice(counts, func(i, j int) bool { return counts[i] < counts[j] })
	n := len(counts)
	mean := sum / float64(n)
	var square float64
	for _, c := range counts {
		square += (float64(c) - mean) * (float64(c) - mean)
	}
	return strings.Join([]string{strconv.Itoa(n), strconv.FormatInt(counts[0], 10), strconv.FormatInt(counts[n/2], 10), strconv.FormatInt(counts[n-1], 10),
		javaDouble(mean), javaDouble(math.Sqrt(square / float64(n)))}, "\t")
}
