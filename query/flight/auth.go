//go:build cgo && duckdb_arrow

package flight

import (
	"context"
	"net/netip"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/lodehq/lode/internal/trust"
)

// admit lets a call through whose caller is in a trusted network or gives the cluster's token as "authorization: Bearer TOKEN".
func admit(ctx context.Context, policy trust.Policy) error {
	if p, ok := peer.FromContext(ctx); ok {
		if a, err := netip.ParseAddrPort(p.Addr.String()); err == nil && policy.Trusts(a.Addr()) {
			return nil
		}
	}
	for _, v := range metadata.ValueFromIncomingContext(ctx, "authorization") {
		if token, ok := strings.CutPrefix(v, "Bearer "); ok && policy.HasToken(token) {
			return nil
		}
	}
	return status.Error(codes.Unauthenticated, trust.ErrRefused.Error())
}

func guardUnary(policy trust.Policy) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		if err := admit(ctx, policy); err != nil {
			return nil, err
		}
		return handle(ctx, req)
	}
}

func guardStream(policy trust.Policy) grpc.StreamServerInterceptor {
	return func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
		if err := admit(stream.Context(), policy); err != nil {
			return err
		}
		return handle(srv, stream)
	}
}
