// Package topology holds what the namenode knows of the network: a rack is a path like "/rack1" or "/dc1/rack1", and the
// distance of two datanodes is the number of steps between them in that tree (NetworkTopology).
package topology

import "strings"

// DefaultRack is where everything is that nobody placed.
const DefaultRack = "/default-rack"

// Clean brings a location to the form "/a/b"; an empty one is DefaultRack.
func Clean(location string) string {
	location = "/" + strings.Trim(strings.TrimSpace(location), "/")
	if location == "/" {
		return DefaultRack
	}
	return location
}

// Distance is the number of steps from a node at location a to a node at location b: 0 on the same node (the caller knows), 2 in one rack,
// 4 between racks of one data centre.
func Distance(a, b string) int {
	if a == b {
		return 2
	}
	da, db := strings.Count(a, "/"), strings.Count(b, "/")
	common := 0
	for i := 0; i < len(a) && i < len(b) && a[i] == b[i]; i++ {
		next := i + 1
		endA := next == len(a) || a[next] == '/'
		endB := next == len(b) || b[next] == '/'
		if endA && endB {
			common = strings.Count(a[:next], "/")
		}
	}
	return da + db + 2 - 2*common
}

// Table is a fixed assignment of hosts or addresses to racks (TableMapping's file).
type Table map[string]string

// ParseTable reads lines of "host rack"; empty lines and lines that begin with # are skipped, and so are lines without exactly two words.
func ParseTable(text string) Table {
	t := Table{}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 2 && !strings.HasPrefix(f[0], "#") {
			t[f[0]] = Clean(f[1])
		}
	}
	return t
}

// Resolve finds the rack of a datanode by address, then by host name; "" if it is in neither form there.
func (t Table) Resolve(ip, host string) string {
	if r, ok := t[ip]; ok {
		return r
	}
	return t[host]
}
