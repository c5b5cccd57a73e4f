package fsshell

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// table has every command, sorted by name.
func table() []*command {
	all := slices.Concat(listing(), making(), removing(), moving(), showing(), changing(), measuring(), acls(), xattrs(), snapshots(), finding())
	slices.SortFunc(all, func(a, b *command) int { return strings.Compare(a.name, b.name) })
	return all
}

func find(name string) *command {
	for _, c := range table() {
		if "-"+c.name == name {
			return c
		}
	}
	return nil
}

var genericHelp = []string{
	"",
	"Generic options supported are:",
	"-conf <configuration file>        specify an application configuration file",
	"-D <property=value>               define a value for a given property",
	"-fs <file:///|hdfs://namenode:port> specify default filesystem URL to use, overrides 'fs.defaultFS' property from configurations.",
	"",
	"The general command line syntax is:",
	"command [genericOptions] [commandOptions]",
	"",
}

// usage prints the usage of one command, or of all.
func (s *Shell) usage(w io.Writer, name string) {
	if name == "" {
		fmt.Fprintln(w, "Usage: hadoop fs [generic options]")
	}
	for _, c := range usageTable() {
		switch {
		case name == "" && c.deprecated == "":
			fmt.Fprintf(w, "\t[-%s%s]\n", c.name, spaced(c.usage))
		case c.name == name:
			fmt.Fprintf(w, "Usage: hadoop fs [generic options] -%s%s\n", c.name, spaced(c.usage))
		}
	}
	if name == "" {
		for _, l := range genericHelp {
			fmt.Fprintln(w, l)
		}
	}
}

// usageTable is table with help and usage themselves.
func usageTable() []*command {
	all := append(table(),
		&command{name: "help", usage: "[cmd ...]", about: []string{"Explains the commands that are named, or all of them."}},
		&command{name: "usage", usage: "[cmd ...]", about: []string{"Shows how the commands that are named are typed, or all of them."}})
	slices.SortFunc(all, func(a, b *command) int { return strings.Compare(a.name, b.name) })
	return all
}

// help answers -help (long) and -usage.
func (s *Shell) help(w io.Writer, long bool, names []string) int {
	if len(names) == 0 {
		s.usage(w, "")
		if long {
			for _, c := range usageTable() {
				if c.deprecated == "" {
					explain(w, c)
				}
			}
		}
		return 0
	}
	code := 0
	for _, n := range names {
		n = strings.TrimPrefix(n, "-")
		i := slices.IndexFunc(usageTable(), func(c *command) bool { return c.name == n })
		if i < 0 {
			kind := "-usage"
			if long {
				kind = "-help"
			}
			fmt.Fprintf(s.Stderr, "%s: `%s': Unknown command\n", kind, n)
			code = 255
			continue
		}
		c := usageTable()[i]
		if long {
			explain(w, c)
		} else {
			s.usage(w, n)
		}
	}
	return code
}

func explain(w io.Writer, c *command) {
	fmt.Fprintf(w, "-%s%s :\n", c.name, spaced(c.usage))
	if c.deprecated != "" {
		fmt.Fprintf(w, "  (DEPRECATED) Same as '%s'\n", c.deprecated)
	}
	for _, l := range c.about {
		fmt.Fprintf(w, "  %s\n", l)
	}
	fmt.Fprintln(w)
}
