package mapreduce

import (
	"fmt"
	"maps"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Conf is a job's settings under Hadoop's key names, as typed with -D. It is not safe for concurrent writing.
type Conf struct{ m map[string]string }

// NewConf makes a Conf of pairs (which are copied).
func NewConf(pairs map[string]string) *Conf {
	c := &Conf{m: map[string]string{}}
	maps.Copy(c.m, pairs)
	return c
}

// Map copies the pairs.
func (c *Conf) Map() map[string]string {
	if c == nil {
		return map[string]string{}
	}
	return maps.Clone(c.m)
}

// With returns a copy with other's pairs over c's. Either may be nil.
func (c *Conf) With(other *Conf) *Conf {
	out := NewConf(c.Map())
	if other != nil {
		maps.Copy(out.m, other.m)
	}
	return out
}

// Set sets a pair.
func (c *Conf) Set(key, value string) { c.m[key] = value }

// Has tells whether the key is set.
func (c *Conf) Has(key string) bool {
	if c == nil {
		return false
	}
	_, ok := c.m[key]
	return ok
}

// Keys lists the keys in order.
func (c *Conf) Keys() []string {
	if c == nil {
		return nil
	}
	keys := make([]string, 0, len(c.m))
	for k := range c.m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// String returns the first of keys that is set, else def.
func (c *Conf) String(def string, keys ...string) string {
	if c == nil {
		return def
	}
	for _, k := range keys {
		if v, ok := c.m[k]; ok {
			return v
		}
	}
	return def
}

// Int returns the first of keys that is set and a number, else def. Check finds the ones that are no numbers.
func (c *Conf) Int(def int64, keys ...string) int64 {
	s := c.String("", keys...)
	if n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64); err == nil {
		return n
	}
	return def
}

// Bool is true for "true", false for "false", else def.
func (c *Conf) Bool(def bool, keys ...string) bool {
	switch strings.ToLower(strings.TrimSpace(c.String("", keys...))) {
	case "true":
		return true
	case "false":
		return false
	}
	return def
}

// Millis reads a number of milliseconds.
func (c *Conf) Millis(def time.Duration, keys ...string) time.Duration {
	return time.Duration(c.Int(def.Milliseconds(), keys...)) * time.Millisecond
}

// Check refuses values of known keys that are not what the key needs.
func (c *Conf) Check() error {
	for _, k := range []string{"mapreduce.job.reduces", "mapred.reduce.tasks", "mapreduce.job.maps", "mapreduce.map.maxattempts", "mapreduce.reduce.maxattempts",
		"mapreduce.task.timeout", "mapreduce.task.io.sort.mb", "mapreduce.input.fileinputformat.split.minsize", "mapreduce.input.fileinputformat.split.maxsize",
		"mapreduce.map.memory.mb", "mapreduce.reduce.memory.mb", "mapreduce.input.lineinputformat.linespermap"} {
		if v, ok := c.m[k]; ok {
			if n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err != nil || n < 0 {
				return fmt.Errorf("setting %s=%s: a whole number of 0 or more is needed", k, v)
			}
		}
	}
	return nil
}

// Reduces is the number of reduce tasks asked for, or def.
func (c *Conf) Reduces(def int) int {
	return int(c.Int(int64(def), "mapreduce.job.reduces", "mapred.reduce.tasks"))
}
