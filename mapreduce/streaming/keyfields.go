package streaming

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/lodehq/lode/mapreduce"
)

// keySpec is one -kPOS1[,POS2][n][r] of KeyFieldBasedComparator and KeyFieldBasedPartitioner: fields and characters count
// from 1; a missing POS2 is the end of the key; character 0 in POS2 is the end of the field.
type keySpec struct {
	fromField, fromChar int
	toField, toChar     int // toField 0: the end of the key
	numeric, reverse    bool
}

// parseKeySpecs reads the option string.
func parseKeySpecs(text string) ([]keySpec, error) {
	var specs []keySpec
	all := keySpec{fromField: 1, fromChar: 1}
	hasAll := false
	for _, word := range strings.Fields(text) {
		body, ok := strings.CutPrefix(word, "-")
		if !ok {
			return nil, usageError("key field option %q: it begins with -", word)
		}
		if !strings.HasPrefix(body, "k") {
			for _, c := range body {
				switch c {
				case 'n':
					all.numeric = true
				case 'r':
					all.reverse = true
				default:
					return nil, usageError("key field option %q: n, r and kPOS1,POS2 are known", word)
				}
			}
			hasAll = true
			continue
		}
		s, err := parseKeySpec(body[1:])
		if err != nil {
			return nil, err
		}
		specs = append(specs, s)
	}
	if len(specs) == 0 {
		return []keySpec{all}, nil
	}
	if hasAll { // global flags hold for keys without their own
		for i := range specs {
			if !specs[i].numeric && !specs[i].reverse {
				specs[i].numeric, specs[i].reverse = all.numeric, all.reverse
			}
		}
	}
	return specs, nil
}

func parseKeySpec(text string) (keySpec, error) {
	s := keySpec{fromChar: 1}
	rest := strings.TrimRight(text, "nr")
	s.numeric = strings.Contains(text[len(rest):], "n")
	s.reverse = strings.Contains(text[len(rest):], "r")
	from, to, has := strings.Cut(rest, ",")
	if trimmed := strings.TrimRight(from, "nr"); has && trimmed != from {
		s.numeric = s.numeric || strings.Contains(from[len(trimmed):], "n")
		s.reverse = s.reverse || strings.Contains(from[len(trimmed):], "r")
		from = trimmed
	}
	var err error
	if s.fromField, s.fromChar, err = parsePosition(from, 1); err != nil {
		return s, err
	}
	if has {
		if s.toField, s.toChar, err = parsePosition(to, 0); err != nil {
			return s, err
		}
	}
	return s, nil
}

func parsePosition(text string, char int) (int, int, error) {
	f, c, has := strings.Cut(text, ".")
	field, err := strconv.Atoi(f)
	if err != nil || field < 1 || field > 1<<20 {
		return 0, 0, usageError("key field position %q: fields count from 1", text)
	}
	if has {
		if char, err = strconv.Atoi(c); err != nil || char < 0 || char > 1<<20 {
			return 0, 0, usageError("key field position %q: characters count from 1", text)
		}
	}
	return field, char, nil
}

// cut returns the part of a key that a spec names.
func (s keySpec) cut(key, sep []byte) []byte {
	start, ok := fieldStart(key, sep, s.fromField)
	if !ok {
		return nil
	}
	start = min(start+max(s.fromChar-1, 0), len(key))
	end := len(key)
	if s.toField > 0 {
		if at, ok := fieldStart(key, sep, s.toField); ok {
			if s.toChar == 0 {
				if i := bytes.Index(key[at:], sep); i >= 0 {
					end = at + i
				}
			} else {
				end = min(at+s.toChar, len(key))
			}
		}
	}
	if end < start {
		return nil
	}
	return key[start:end]
}

func fieldStart(key, sep []byte, n int) (int, bool) {
	at := 0
	for ; n > 1; n-- {
		i := bytes.Index(key[at:], sep)
		if i < 0 {
			return 0, false
		}
		at += i + len(sep)
	}
	return at, true
}

func (s keySpec) compare(a, b, sep []byte) int {
	x, y := s.cut(a, sep), s.cut(b, sep)
	var c int
	if s.numeric {
		c = compareNumbers(x, y)
	} else {
		c = bytes.Compare(x, y)
	}
	if s.reverse {
		return -c
	}
	return c
}

// compareNumbers compares decimal numbers of any length: sign, whole part, fraction. What is no number counts as 0.
func compareNumbers(a, b []byte) int {
	na, wa, fa := numberParts(a)
	nb, wb, fb := numberParts(b)
	za, zb := len(wa) == 0 && len(fa) == 0, len(wb) == 0 && len(fb) == 0
	sign := func(neg, zero bool) int {
		switch {
		case zero:
			return 0
		case neg:
			return -1
		}
		return 1
	}
	if sa, sb := sign(na, za), sign(nb, zb); sa != sb {
		if sa < sb {
			return -1
		}
		return 1
	}
	c := len(wa) - len(wb)
	if c == 0 {
		c = bytes.Compare(wa, wb)
	}
	if c == 0 {
		c = bytes.Compare(fa, fb)
	}
	if na {
		return -c
	}
	return c
}

func numberParts(b []byte) (negative bool, whole, fraction []byte) {
	b = bytes.TrimLeft(b, " ")
	if len(b) > 0 && b[0] == '-' {
		negative, b = true, b[1:]
	}
	digits := func() []byte {
		n := 0
		for n < len(b) && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		d := b[:n]
		b = b[n:]
		return d
	}
	whole = bytes.TrimLeft(digits(), "0")
	if len(b) > 0 && b[0] == '.' {
		b = b[1:]
		fraction = bytes.TrimRight(digits(), "0")
	}
	return negative, whole, fraction
}

// order sets the stage's comparator and partitioner.
func (j *job) order(stage *mapreduce.Stage) error {
	sep := []byte(j.conf.String("\t", "mapreduce.map.output.key.field.separator", "map.output.key.field.separator"))
	if class := j.conf.String("", "mapreduce.job.output.key.comparator.class", "mapred.output.key.comparator.class"); class != "" {
		if simpleName(class) != "KeyFieldBasedComparator" {
			return usageError("comparator class %s is not known: KeyFieldBasedComparator is", class)
		}
		specs, err := parseKeySpecs(j.conf.String("", "mapreduce.partition.keycomparator.options", "mapred.text.key.comparator.options"))
		if err != nil {
			return err
		}
		stage.Sort = func(a, b []byte) int {
			for _, s := range specs {
				if c := s.compare(a, b, sep); c != 0 {
					return c
				}
			}
			return 0
		}
		stage.Group = bytes.Compare // Apache's comparator compares objects, not serialized keys, when it groups: whole keys
	}
	switch simpleName(j.opts.partitioner) {
	case "", "HashPartitioner":
		stage.Partitioner = mapreduce.JavaHashPartitioner{}
	case "KeyFieldBasedPartitioner":
		text := j.conf.String("", "mapreduce.partition.keypartitioner.options", "mapred.text.key.partitioner.options")
		var specs []keySpec
		if text != "" {
			var err error
			if specs, err = parseKeySpecs(text); err != nil {
				return err
			}
		}
		stage.Partitioner = keyFieldPartitioner(specs, sep)
	default:
		return usageError("-partitioner : class not found : %s", j.opts.partitioner)
	}
	return nil
}

// keyFieldPartitioner hashes the named fields one after the other, as Apache's does; without fields, the key's Java hash.
func keyFieldPartitioner(specs []keySpec, sep []byte) mapreduce.Partitioner {
	if len(specs) == 0 {
		return mapreduce.JavaHashPartitioner{}
	}
	return mapreduce.PartitionFunc(func(key, _ []byte, n int) int {
		var h int32
		for _, s := range specs {
			for _, c := range s.cut(key, sep) {
				h = 31*h + int32(int8(c))
			}
		}
		return int(h&0x7fffffff) % n
	})
}
