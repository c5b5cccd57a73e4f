package rpc

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/namenode/namespace"
	"github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Erasure coding is switched off; which policies are enabled is kept in the namespace.

func (s *Service) setErasureCodingPolicy(_ context.Context, c *hrpc.Call, req *hdfspb.SetErasureCodingPolicyRequestProto) (*hdfspb.SetErasureCodingPolicyResponseProto, error) {
	if err := s.exists(c, req.GetSrc()); err != nil {
		return nil, err
	}
	var err error
	s.state.View(func(ns *namespace.Namespace, _ *blockmap.Map) { err = ns.NoECPolicy(req.GetEcPolicyName()) })
	return nil, err
}

func (s *Service) unsetErasureCodingPolicy(_ context.Context, c *hrpc.Call, req *hdfspb.UnsetErasureCodingPolicyRequestProto) (*hdfspb.UnsetErasureCodingPolicyResponseProto, error) {
	if err := s.exists(c, req.GetSrc()); err != nil {
		return nil, err
	}
	return nil, hdfs.Errorf(hdfs.NoECPolicySet, "No erasure coding policy explicitly set on %s", req.GetSrc())
}

func (s *Service) getECTopologyResultForPolicies(context.Context, *hrpc.Call, *hdfspb.GetECTopologyResultForPoliciesRequestProto) (*hdfspb.GetECTopologyResultForPoliciesResponseProto, error) {
	return &hdfspb.GetECTopologyResultForPoliciesResponseProto{Response: &hdfspb.ECTopologyVerifierResultProto{
		IsSupported: proto.Bool(true), ResultMessage: proto.String("No erasure coding policy is given.")}}, s.readable()
}

func (s *Service) addErasureCodingPolicies(_ context.Context, c *hrpc.Call, req *hdfspb.AddErasureCodingPoliciesRequestProto) (*hdfspb.AddErasureCodingPoliciesResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	resp := &hdfspb.AddErasureCodingPoliciesResponseProto{}
	for _, p := range req.GetEcPolicies() {
		resp.Responses = append(resp.Responses, &hdfspb.AddErasureCodingPolicyResponseProto{Policy: p, Succeed: proto.Bool(false),
			ErrorMsg: proto.String("erasure coding is not available in this cluster")})
	}
	return resp, nil
}

func (s *Service) removeErasureCodingPolicy(_ context.Context, c *hrpc.Call, req *hdfspb.RemoveErasureCodingPolicyRequestProto) (*hdfspb.RemoveErasureCodingPolicyResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	return nil, hdfs.Errorf(hdfs.IllegalArgument, "The policy name %s does not exist", req.GetEcPolicyName())
}

// getErasureCodingPolicy says that a path has none: the answer's policy is absent.
func (s *Service) getErasureCodingPolicy(_ context.Context, c *hrpc.Call, req *hdfspb.GetErasureCodingPolicyRequestProto) (*hdfspb.GetErasureCodingPolicyResponseProto, error) {
	return &hdfspb.GetErasureCodingPolicyResponseProto{}, s.exists(c, req.GetSrc())
}

func (s *Service) getErasureCodingCodecs(context.Context, *hrpc.Call, *hdfspb.GetErasureCodingCodecsRequestProto) (*hdfspb.GetErasureCodingCodecsResponseProto, error) {
	return nil, s.readable()
}
