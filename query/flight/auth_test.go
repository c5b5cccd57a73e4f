//go:build cgo && duckdb_arrow

package flight

import (
	"net"
	"testing"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/lodehq/lode/internal/trust"
)

func TestAdmit(t *testing.T) {
	policy := trust.Policy{Token: "s3cret"}
	for _, c := range []struct {
		from, header string
		want         bool
	}{
		{"127.0.0.1", "", true}, {"192.0.2.7", "", false}, {"192.0.2.7", "Bearer s3cret", true}, {"192.0.2.7", "Bearer wrong", false}, {"192.0.2.7", "s3cret", false}, {"192.0.2.7", "Bearer ", false},
	} {
		ctx := peer.NewContext(t.Context(), &peer.Peer{Addr: &net.TCPAddr{IP: net.ParseIP(c.from), Port: 5}})
		if c.header != "" {
			ctx = metadata.NewIncomingContext(ctx, metadata.Pairs("authorization", c.header))
		}
		if err := admit(ctx, policy); (err == nil) != c.want {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if admit(t.Context(), trust.Policy{}) == nil {
		t.Error("nobody knows where this came from")
	}
}
