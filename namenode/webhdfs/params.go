package webhdfs

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lodehq/lode/internal/hdfs"
)

func badParam(name, format string, args ...any) error {
	return hdfs.Errorf(hdfs.IllegalArgumentJava, `Invalid value for webhdfs parameter "%s": %s`, name, fmt.Sprintf(format, args...))
}

// get is the value of a parameter; Apache reads the word null as absence.
func (r *request) get(name string) string {
	v := r.args.Get(strings.ToLower(name))
	if v == "null" {
		return ""
	}
	return v
}

func (r *request) required(name string) (string, error) {
	if v := r.get(name); v != "" {
		return v, nil
	}
	return "", hdfs.Errorf(hdfs.IllegalArgumentJava, "Required param %s for op: %s is null or empty", name, r.op)
}

func (r *request) boolean(name string, def bool) (bool, error) {
	switch v := r.get(name); strings.ToLower(v) {
	case "":
		return def, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, badParam(name, `Failed to parse "%s" to Boolean.`, v)
	}
}

// long reads a number of at least least.
func (r *request) long(name string, def, least int64) (int64, error) {
	v := r.get(name)
	if v == "" {
		return def, nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return 0, badParam(name, `Failed to parse "%s" as a radix-10 long integer.`, v)
	}
	if n < least {
		return 0, badParam(name, "Invalid parameter range: %s = %d < %d", name, n, least)
	}
	return n, nil
}

func (r *request) integer(name string, def, least, most int64, kind string) (int64, error) {
	v := r.get(name)
	if v == "" {
		return def, nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n > 1<<31-1 {
		return 0, badParam(name, `Failed to parse "%s" as a radix-10 %s integer.`, v, kind)
	}
	if n < least {
		return 0, badParam(name, "Invalid parameter range: %s = %d < %d", name, n, least)
	}
	if n > most {
		return 0, badParam(name, "Invalid parameter range: %s = %d > %d", name, n, most)
	}
	return n, nil
}

// permission reads an octal mode of at most 1777; ok is false when there is none.
func (r *request) permission(name string) (mode uint32, ok bool, err error) {
	v := r.get(name)
	if v == "" {
		return 0, false, nil
	}
	n, err := strconv.ParseUint(v, 8, 16)
	if err != nil {
		return 0, false, badParam(name, `Failed to parse "%s" as a radix-8 short integer.`, v)
	}
	if n > 0o1777 {
		return 0, false, badParam(name, "Invalid parameter range: %s = %o > 1777", name, n)
	}
	return uint32(n), true, nil
}

// absolute reads a path.
func (r *request) absolute(name string) (string, error) {
	v, err := r.required(name)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(v, "/") {
		return "", badParam(name, `Invalid parameter value: %s = "%s" is not an absolute path.`, name, v)
	}
	return v, nil
}
