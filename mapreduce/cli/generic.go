package cli

import (
	"encoding/xml"
	"fmt"
	"os"
	"strings"
)

// generic are Hadoop's generic options, which come before a program's own arguments.
type generic struct {
	defines  []string
	files    []string
	archives []string
	fs       string
}

// parseGeneric takes the generic options off the front of args.
func parseGeneric(args []string) (g generic, rest []string, err error) {
	for len(args) > 0 {
		a := args[0]
		need := func() (string, error) {
			if len(args) < 2 {
				return "", usagef("option %s needs an argument", a)
			}
			v := args[1]
			args = args[2:]
			return v, nil
		}
		var v string
		switch {
		case a == "-D":
			if v, err = need(); err == nil {
				err = g.define(v)
			}
		case strings.HasPrefix(a, "-D") && strings.Contains(a, "="):
			args = args[1:]
			err = g.define(a[2:])
		case a == "-fs" || a == "--fs":
			if g.fs, err = need(); err == nil {
				g.defines = append(g.defines, "fs.defaultFS="+g.fs)
			}
		case a == "-jt":
			_, err = need()
		case a == "-conf" || a == "--conf":
			if v, err = need(); err == nil {
				err = g.file(v)
			}
		case a == "-files" || a == "--files":
			if v, err = need(); err == nil {
				g.files = append(g.files, strings.Split(v, ",")...)
			}
		case a == "-archives" || a == "--archives":
			if v, err = need(); err == nil {
				g.archives = append(g.archives, strings.Split(v, ",")...)
			}
		case a == "-libjars":
			if _, err = need(); err == nil {
				err = usagef("-libjars: Lode runs no Java; ship executables and data with -files")
			}
		default:
			return g, args, nil
		}
		if err != nil {
			return g, nil, err
		}
	}
	return g, nil, nil
}

func (g *generic) define(kv string) error {
	if !strings.Contains(kv, "=") {
		return usagef("-D %s: the form is key=value", kv)
	}
	g.defines = append(g.defines, kv)
	return nil
}

// file reads a Hadoop configuration file given with -conf.
func (g *generic) file(name string) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("-conf: %w", err)
	}
	var doc struct {
		Properties []struct {
			Name  string `xml:"name"`
			Value string `xml:"value"`
		} `xml:"property"`
	}
	if err := xml.Unmarshal(b, &doc); err != nil {
		return fmt.Errorf("-conf %s: %w", name, err)
	}
	for _, p := range doc.Properties {
		g.defines = append(g.defines, p.Name+"="+p.Value)
	}
	return nil
}

func (g *generic) pairs() map[string]string {
	out := map[string]string{}
	for _, d := range g.defines {
		k, v, _ := strings.Cut(d, "=")
		out[strings.TrimSpace(k)] = v
	}
	return out
}

// ParseLocal reads the arguments of a run without a cluster: program, settings, the program's arguments.
func ParseLocal(args []string) (program string, pairs map[string]string, rest []string, err error) {
	sub, err := parseSubmit(args)
	if err != nil {
		return "", nil, nil, err
	}
	return sub.program, sub.generic.pairs(), sub.args, nil
}
