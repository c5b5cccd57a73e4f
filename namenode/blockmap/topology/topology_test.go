package topology

import "testing"

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"/r1", "/r1", 2},
		{"/r1", "/r2", 4},
		{"/r1", "/r10", 4},
		{"/d1/r1", "/d1/r1", 2},
		{"/d1/r1", "/d1/r2", 4},
		{"/d1/r1", "/d2/r1", 6},
		{"/d1/r1", "/d10/r1", 6},
		{"/d1/r1", "/d1/r11", 4},
	} {
		if got := Distance(c.a, c.b); got != c.want || Distance(c.b, c.a) != c.want {
			t.Errorf("%s to %s: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestTable(t *testing.T) {
	tab := ParseTable("# racks\n10.0.0.1 /r1\nhost2 r2/\n\nbad line here\n")
	for _, c := range [][3]string{{"10.0.0.1", "x", "/r1"}, {"10.0.0.2", "host2", "/r2"}, {"10.0.0.3", "host3", ""}} {
		if got := tab.Resolve(c[0], c[1]); got != c[2] {
			t.Errorf("%s/%s: %q, want %q", c[0], c[1], got, c[2])
		}
	}
	if Clean("") != DefaultRack || Clean("/a/b/") != "/a/b" {
		t.Error("Clean")
	}
}
