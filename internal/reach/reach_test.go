package reach

import (
	"net/netip"
	"strings"
	"testing"
)

const text = `10.9.0.0/16; 172.28.0.1,192.168.65.0/24  datanode1=127.0.0.1:9866:9864:9867 datanode2=127.0.0.1:19866
	172.28.0.13=[::1]:29866:29864 ;
	10.0.0.0/8 *=gateway.example.org datanode1:9866=other.example.org:1:2:3;`

func TestFor(t *testing.T) {
	rules, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	one := Datanode{"u1", "172.28.0.11", "datanode1", 9866, 9864, 9867}
	two := Datanode{"u2", "172.28.0.12", "datanode2", 9866, 9864, 9867}
	three := Datanode{"u3", "172.28.0.13", "datanode3", 9866, 9864, 9867}
	four := Datanode{"u4", "172.28.0.14", "datanode1", 9876, 9874, 9877}
	for _, c := range []struct {
		what, client string
		d            Datanode
		want         Address
	}{
		{"all ports", "172.28.0.1", one, Address{"127.0.0.1", 9866, 9864, 9867}},
		{"an IPv4 client on an IPv6 socket", "::ffff:172.28.0.1", one, Address{"127.0.0.1", 9866, 9864, 9867}},
		{"the second network of a rule", "192.168.65.3", one, Address{"127.0.0.1", 9866, 9864, 9867}},
		{"ports left out are the registered ones", "172.28.0.1", two, Address{"127.0.0.1", 19866, 9864, 9867}},
		{"by IP, to IPv6", "172.28.0.1", three, Address{"::1", 29866, 29864, 9867}},
		{"a peer", "172.28.0.12", one, Address{}},
		{"every other", "10.1.2.3", two, Address{"gateway.example.org", 9866, 9864, 9867}},
		{"excepted", "10.9.2.3", two, Address{}},
		{"by name and data port", "10.1.2.3", one, Address{"other.example.org", 1, 2, 3}},
		{"same name, another data port", "10.1.2.3", four, Address{"gateway.example.org", 9876, 9874, 9877}},
		{"not named, in a rule without *", "172.28.0.1", Datanode{UUID: "u5", IP: "172.28.0.15", Hostname: "datanode5", Xfer: 9866}, Address{}},
		{"a datanode without a name is not the empty name", "172.28.0.1", Datanode{}, Address{}},
	} {
		got, ok := rules.For(netip.MustParseAddr(c.client), c.d)
		if got != c.want || ok != (c.want != Address{}) {
			t.Errorf("%s: %+v, %v", c.what, got, ok)
		}
	}
	if _, ok := Rules(nil).For(netip.Addr{}, one); ok {
		t.Error("no rules give no address")
	}
}

func TestParseRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"nowhere dn=host":            "no network",
		"10.0.0.0/8 dn":              "no address",
		"10.0.0.0/8 =host":           "no address",
		"10.0.0.0/8 dn=":             "no host",
		"10.0.0.0/8 dn=:1":           "no host",
		"10.0.0.0/8 dn=h:1:2:3:4":    "at most three ports",
		"10.0.0.0/8 dn=h:70000":      "at most three ports",
		"10.0.0.0/8 dn=fe80::1:9866": "brackets",
		"10.0.0.0/8 dn=[h]:1":        "IPv6",
		"10.0.0.0/8 dn=a dn=b":       "two addresses",
	} {
		_, err := Parse(in)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "lode.namenode.client-addresses") {
			t.Errorf("%q: %v", in, err)
		}
	}
	if rules, err := Parse(" ; "); err != nil || len(rules) != 0 {
		t.Errorf("nothing: %v, %v", rules, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(text)
	f.Add("::1 *=[::1]")
	f.Fuzz(func(t *testing.T, in string) {
		rules, err := Parse(in)
		if err != nil {
			return
		}
		rules.For(netip.MustParseAddr("172.28.0.1"), Datanode{UUID: "u", IP: "172.28.0.11", Hostname: "datanode1", Xfer: 9866})
	})
}
