package rpc

import (
	"context"
	"crypto/rand"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/namenode/namespace"
	"github.com/lodehq/lode/namenode/state"
	"github.com/lodehq/lode/proto/hadoop/common"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
)

// keyLife is how long a master key signs (dfs.namenode.delegation.key.update-interval) and then still verifies.
const keyLife = 8 * 24 * time.Hour

// getDelegationToken issues a token; the first one of a day needs a key, which is journaled before it.
func (s *Service) getDelegationToken(ctx context.Context, c *hrpc.Call, req *commonpb.GetDelegationTokenRequestProto) (*commonpb.GetDelegationTokenResponseProto, error) {
	if err := s.writable("Cannot issue delegation token", ""); err != nil {
		return nil, err
	}
	var have bool
	s.state.View(func(ns *namespace.Namespace, _ *blockmap.Map) { _, have = ns.CurrentMasterKey(s.state.Now()) })
	if !have {
		h := s.state.Self()
		key := make([]byte, 20)
		rand.Read(key)
		var id [4]byte
		rand.Read(id[:])
		next := int32(h.TimeMS/1000) & 0x7FFFFFFF
		if _, err := s.state.Do(ctx, h, &journalpb.AddMasterKey{KeyId: &next, ExpiryMs: proto.Int64(h.TimeMS + keyLife.Milliseconds()), Key: key}); err != nil {
			return nil, err
		}
	}
	type answered struct {
		resp *commonpb.GetDelegationTokenResponseProto
		err  error
	}
	done := make(chan answered, 1)
	s.state.Submit(&state.Command{Header: s.header(c), Request: req, Method: journalpb.Method_GET_DELEGATION_TOKEN,
		Done: func(resp proto.Message, err error) {
			r, _ := resp.(*commonpb.GetDelegationTokenResponseProto)
			done <- answered{r, err}
		}})
	select {
	case a := <-done:
		return a.resp, a.err
	case <-ctx.Done():
		return nil, hdfs.Errorf(hdfs.IOException, "interrupted: %v", ctx.Err())
	}
}
