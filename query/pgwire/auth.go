//go:build cgo && duckdb_arrow

package pgwire

import (
	"context"
	"net"
	"net/netip"

	wire "github.com/jeroenrinzema/psql-wire"
	"github.com/jeroenrinzema/psql-wire/pkg/buffer"
	"github.com/jeroenrinzema/psql-wire/pkg/types"

	"github.com/lodehq/lode/internal/trust"
)

// authenticate asks those who come from a network that is not trusted for the cluster's token as their password.
func authenticate(policy trust.Policy) wire.AuthStrategy {
	password := wire.ClearTextPassword(func(ctx context.Context, _, _, given string) (context.Context, bool, error) {
		return ctx, policy.HasToken(given), nil
	})
	return func(ctx context.Context, w *buffer.Writer, r *buffer.Reader) (context.Context, error) {
		if !trusted(policy, wire.RemoteAddress(ctx)) {
			return password(ctx, w, r)
		}
		w.Start(types.ServerAuth)
		w.AddInt32(0) // AuthenticationOk
		return ctx, w.End()
	}
}

func trusted(policy trust.Policy, from net.Addr) bool {
	if from == nil {
		return false
	}
	a, err := netip.ParseAddrPort(from.String())
	return err == nil && policy.Trusts(a.Addr())
}
