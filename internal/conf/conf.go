package conf

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Conf is a set of configuration values over the built-in defaults. It is immutable but for Set; share it after setting.
type Conf struct {
	values map[string]value
}

type value struct{ text, origin string }

// New makes a Conf of the given pairs over the defaults. Values are not checked; use Load for what a person typed.
func New(pairs map[string]string) *Conf {
	c := &Conf{values: make(map[string]value, len(pairs))}
	for k, v := range pairs {
		c.Set(k, v)
	}
	return c
}

// Set gives a key a value.
func (c *Conf) Set(key, text string) { c.set(key, text, "program") }

func (c *Conf) set(key, text, origin string) {
	c.values[canonical(key)] = value{text, origin}
}

// With is a copy of c in which key has another value.
func (c *Conf) With(key, text string) *Conf {
	d := &Conf{values: maps.Clone(c.values)}
	d.Set(key, text)
	return d
}

// Explicit tells whether somebody has set the key, rather than left it at its default.
func (c *Conf) Explicit(key string) bool {
	_, ok := c.values[canonical(key)]
	return ok
}

// Pairs lists the keys that were set, sorted, with their values.
func (c *Conf) Pairs() [][2]string {
	out := make([][2]string, 0, len(c.values))
	for _, k := range slices.Sorted(maps.Keys(c.values)) {
		out = append(out, [2]string{k, c.values[k].text})
	}
	return out
}

// Entry is one key as the /conf page shows it.
type Entry struct{ Key, Value, Origin string }

// All lists every known or set key with its value in force and where it comes from, sorted by key.
func (c *Conf) All() []Entry {
	keys := make(map[string]bool, len(table)+len(c.values))
	for k := range table {
		keys[k] = true
	}
	for k := range c.values {
		keys[k] = true
	}
	out := make([]Entry, 0, len(keys))
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		e := Entry{Key: k, Value: c.String(k), Origin: "default"}
		if v, ok := c.values[k]; ok {
			e.Origin = v.origin
		}
		out = append(out, e)
	}
	return out
}

// String is the value of the key, its default, or "". ${other.key} inside a value is replaced, as in Hadoop.
func (c *Conf) String(key string) string { return c.expand(canonical(key), 0) }

func (c *Conf) expand(key string, depth int) string {
	text := table[key].def
	if v, ok := c.values[key]; ok {
		text = v.text
	}
	if depth > 20 || !strings.Contains(text, "${") {
		return text
	}
	var b strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			break
		}
		j := strings.IndexByte(text[i:], '}')
		if j < 0 {
			break
		}
		b.WriteString(text[:i])
		b.WriteString(c.expand(canonical(text[i+2:i+j]), depth+1))
		text = text[i+j+1:]
	}
	b.WriteString(text)
	return b.String()
}

// Strings splits a comma-separated value, trimmed, without empty parts.
func (c *Conf) Strings(key string) []string {
	var out []string
	for _, s := range strings.Split(c.String(key), ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// Int, Int64, Float, Bool, Duration and Bytes read a value in the form that its key has. A value that does not parse reads
// as the key's default: Load has refused it before, so it can only come from New or Set.
func (c *Conf) Int(key string) int { return int(c.Int64(key)) }

// Int64 reads a whole number.
func (c *Conf) Int64(key string) int64 { return read(c, key, parseInt) }

// Float reads a number.
func (c *Conf) Float(key string) float64 {
	return read(c, key, func(s string) (float64, error) {
		return strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(s), "f"), 64)
	})
}

// Bool reads true or false.
func (c *Conf) Bool(key string) bool {
	return read(c, key, func(s string) (bool, error) { return strconv.ParseBool(strings.ToLower(strings.TrimSpace(s))) })
}

// Duration reads a time: a bare number counts in the key's unit (Apache's), suffixes ns us ms s m h d are understood
// (Configuration.getTimeDuration).
func (c *Conf) Duration(key string) time.Duration {
	unit := table[canonical(key)].unit
	return read(c, key, func(s string) (time.Duration, error) { return parseDuration(s, unit) })
}

// Bytes reads a size: a bare number counts bytes, suffixes k m g t p e are binary (StringUtils.TraditionalBinaryPrefix).
func (c *Conf) Bytes(key string) int64 { return read(c, key, parseBytes) }

func read[T any](c *Conf, key string, parse func(string) (T, error)) T {
	v, err := parse(c.String(key))
	if err != nil {
		v, _ = parse(table[canonical(key)].def)
	}
	return v
}

func parseInt(s string) (int64, error) {
	s = strings.TrimSpace(s)
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		return strconv.ParseInt(hex, 16, 64)
	}
	return strconv.ParseInt(s, 10, 64)
}

func parseDuration(s string, unit time.Duration) (time.Duration, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	for _, u := range []struct {
		suffix string
		unit   time.Duration
	}{{"ns", time.Nanosecond}, {"us", time.Microsecond}, {"ms", time.Millisecond}, {"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour}} {
		if n, ok := strings.CutSuffix(s, u.suffix); ok {
			s, unit = strings.TrimSpace(n), u.unit
			break
		}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.Duration(n) * unit, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration", s)
	}
	return time.Duration(f * float64(unit)), nil
}

func parseBytes(s string) (int64, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	shift := 0
	if s != "" {
		if i := strings.IndexByte("kmgtpe", s[len(s)-1]); i >= 0 {
			s, shift = s[:len(s)-1], 10*(i+1)
		}
	}
	n, err := parseInt(s)
	if err != nil {
		return 0, fmt.Errorf("%q is no size", s)
	}
	if n<<shift>>shift != n {
		return 0, fmt.Errorf("%q is too large a size", s)
	}
	return n << shift, nil
}
