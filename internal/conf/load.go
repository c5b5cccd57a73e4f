package conf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/colinmarc/hdfs/v2/hadoopconf"
	"gopkg.in/yaml.v3"
)

// LoadOptions says where Load looks.
type LoadOptions struct {
	Dir     string            // a Hadoop configuration directory; "" is $HADOOP_CONF_DIR, then $HADOOP_HOME/etc/hadoop and /conf
	File    string            // a lode.yaml; "" is lode.yaml in the directory, if there is one
	Environ []string          // as os.Environ
	Defines []string          // key=value of -D, the last wins
	Base    map[string]string // what the command itself sets, weaker than everything but the defaults
	Warn    func(string)      // told about keys that nobody knows; nil is silence
}

// An InvalidError says which value does not fit.
type InvalidError struct{ Key, Value, Origin, Allowed string }

func (e *InvalidError) Error() string {
	return fmt.Sprintf("configuration: %s = %q (from %s) is not allowed: it takes %s", e.Key, e.Value, e.Origin, e.Allowed)
}

// Load reads the configuration. Errors: *InvalidError for a value that does not fit, or what is wrong with a file.
func Load(o LoadOptions) (*Conf, error) {
	c := New(nil)
	for k, v := range o.Base {
		c.set(k, v, "command")
	}
	env := make(map[string]string, len(o.Environ))
	for _, kv := range o.Environ {
		k, v, _ := strings.Cut(kv, "=")
		env[k] = v
	}
	dir, err := c.loadXML(o.Dir, env)
	if err != nil {
		return nil, err
	}
	if err := c.loadYAML(o.File, dir); err != nil {
		return nil, err
	}
	for k, v := range env {
		if key, ok := environmentKey(k); ok {
			c.set(key, v, "environment "+k)
		}
	}
	for _, d := range o.Defines {
		k, v, ok := strings.Cut(d, "=")
		if k = strings.TrimSpace(k); !ok || k == "" || strings.ContainsAny(k, " \t") {
			return nil, &InvalidError{Key: "-D " + d, Value: d, Origin: "command line", Allowed: "key=value"}
		}
		c.set(k, v, "-D")
	}
	return c, c.check(o.Warn)
}

func (c *Conf) loadXML(dir string, env map[string]string) (string, error) {
	candidates := []string{dir}
	if dir == "" {
		candidates = candidates[:0]
		if d := env["HADOOP_CONF_DIR"]; d != "" {
			candidates = append(candidates, d)
		} else if h := env["HADOOP_HOME"]; h != "" {
			candidates = append(candidates, filepath.Join(h, "etc", "hadoop"), filepath.Join(h, "conf"))
		}
	} else if _, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("configuration directory: %w", err)
	}
	for _, d := range candidates {
		pairs, err := hadoopconf.Load(d)
		if err != nil {
			return "", fmt.Errorf("configuration: %w", err)
		}
		for k, v := range pairs {
			c.set(strings.TrimSpace(k), strings.TrimSpace(v), d)
		}
		if pairs != nil {
			return d, nil
		}
	}
	return dir, nil
}

func (c *Conf) loadYAML(file, dir string) error {
	given := file != ""
	if !given {
		if dir == "" {
			return nil
		}
		file = filepath.Join(dir, "lode.yaml")
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && !given {
		return nil
	}
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(data, &tree); err != nil {
		return fmt.Errorf("configuration %s: %w", file, err)
	}
	c.flatten("", tree, file)
	return nil
}

// flatten turns nested maps into dotted keys; keys that do not begin with a Hadoop family are ours.
func (c *Conf) flatten(prefix string, node any, origin string) {
	switch n := node.(type) {
	case map[string]any:
		for k, v := range n {
			if prefix != "" {
				k = prefix + "." + k
			}
			c.flatten(k, v, origin)
		}
	case []any:
		parts := make([]string, len(n))
		for i, v := range n {
			parts[i] = fmt.Sprint(v)
		}
		c.set(prefix, strings.Join(parts, ","), origin)
	case nil:
		c.set(prefix, "", origin)
	default:
		c.set(prefix, fmt.Sprint(n), origin)
	}
}

func environmentKey(name string) (string, bool) {
	if _, ok := table[canonical(name)]; ok && strings.Contains(name, ".") {
		return name, true
	}
	for _, p := range []string{"CORE_CONF_", "HDFS_CONF_", "MAPRED_CONF_", "YARN_CONF_", "LODE_CONF_"} {
		if rest, ok := strings.CutPrefix(name, p); ok && rest != "" {
			return strings.NewReplacer("___", "-", "__", "_", "_", ".").Replace(rest), true
		}
	}
	return "", false
}

func (c *Conf) check(warn func(string)) error {
	for key, v := range c.values {
		k, known := lookup(key)
		if !known {
			if warn != nil && (strings.HasPrefix(key, "lode.") || strings.HasPrefix(key, "dfs.")) {
				warn(fmt.Sprintf("configuration: nobody knows the key %s (from %s); it has no effect", key, v.origin))
			}
			continue
		}
		if allowed, ok := k.allows(c.String(key)); !ok {
			return &InvalidError{Key: key, Value: v.text, Origin: v.origin, Allowed: allowed}
		}
	}
	return nil
}

func (k key) allows(text string) (string, bool) {
	text = strings.TrimSpace(text)
	var err error
	var n int64
	var allowed string
	switch k.kind {
	case kindInt:
		allowed = "a whole number"
		n, err = parseInt(text)
	case kindBytes:
		allowed = "a size in bytes, or with k, m, g, t"
		n, err = parseBytes(text)
	case kindDuration:
		allowed = "a time such as 500ms, 3s, 10m or a number of " + unitName(k.unit)
		d, e := parseDuration(text, k.unit)
		n, err = int64(d), e
	case kindFloat:
		allowed = "a number"
		_, err = strconv.ParseFloat(strings.TrimSuffix(text, "f"), 64)
		return allowed, err == nil
	case kindBool:
		_, err = strconv.ParseBool(strings.ToLower(text))
		return "true or false", err == nil
	case kindEnum:
		for _, e := range strings.Split(k.enum, "|") {
			if strings.EqualFold(e, text) {
				return "", true
			}
		}
		return "one of " + strings.ReplaceAll(k.enum, "|", ", "), false
	default:
		return "", true
	}
	if k.min != nil {
		allowed += fmt.Sprintf(", at least %d", *k.min)
		if err == nil && n < *k.min {
			return allowed, false
		}
	}
	return allowed, err == nil
}
