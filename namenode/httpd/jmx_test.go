package httpd

import (
	"net/netip"
	"testing"

	"github.com/lodehq/lode/internal/reach"
	"github.com/lodehq/lode/namenode/blockmap"
)

// The page links to datanodes: each caller gets links that it can follow.
func TestDatanodesAtTheCallersAddresses(t *testing.T) {
	rules, err := reach.Parse("172.28.0.1 dn1=127.0.0.1:19866:19864")
	if err != nil {
		t.Fatal(err)
	}
	d := &blockmap.DatanodeInfo{DatanodeID: blockmap.DatanodeID{UUID: "u", IP: "172.28.0.11", Hostname: "dn1", XferPort: 9866, InfoPort: 9864}}
	for from, want := range map[string][2]string{"172.28.0.1": {"127.0.0.1:19866", "127.0.0.1:19864"}, "172.28.0.12": {"172.28.0.11:9866", "172.28.0.11:9864"}} {
		xfer, page := jmx{Config{Reach: rules}, netip.MustParseAddr(from)}.at(d)
		if xfer != want[0] || page != want[1] {
			t.Errorf("from %s: %s, %s", from, xfer, page)
		}
	}
}
