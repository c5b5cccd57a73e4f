package rpc

import (
	"context"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Erasure coding answers as in an Apache cluster in which every policy is disabled.

func unknownECPolicy(name string) error {
	return hdfs.Errorf(hdfs.IllegalArgument, "Policy '%s' does not match any enabled erasure coding policies: []. An erasure coding policy can be enabled by enableErasureCodingPolicy API.", name)
}

func (s *Service) setErasureCodingPolicy(_ context.Context, c *hrpc.Call, req *hdfspb.SetErasureCodingPolicyRequestProto) (*hdfspb.SetErasureCodingPolicyResponseProto, error) {
	if err := s.exists(c, req.GetSrc()); err != nil {
		return nil, err
	}
	return nil, unknownECPolicy(req.GetEcPolicyName())
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

func (s *Service) getErasureCodingPolicies(context.Context, *hrpc.Call, *hdfspb.GetErasureCodingPoliciesRequestProto) (*hdfspb.GetErasureCodingPoliciesResponseProto, error) {
	return &hdfspb.GetErasureCodingPoliciesResponseProto{EcPolicies: ecPolicies()}, s.readable()
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

func noSuchECPolicy(name string) error {
	return hdfs.Errorf(hdfs.IllegalArgument, "The policy name %s does not exist", name)
}

func (s *Service) removeErasureCodingPolicy(_ context.Context, c *hrpc.Call, req *hdfspb.RemoveErasureCodingPolicyRequestProto) (*hdfspb.RemoveErasureCodingPolicyResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	return nil, noSuchECPolicy(req.GetEcPolicyName())
}

func (s *Service) enableErasureCodingPolicy(_ context.Context, c *hrpc.Call, req *hdfspb.EnableErasureCodingPolicyRequestProto) (*hdfspb.EnableErasureCodingPolicyResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	if !isECPolicy(req.GetEcPolicyName()) {
		return nil, noSuchECPolicy(req.GetEcPolicyName())
	}
	return nil, hdfs.Errorf(hdfs.UnsupportedOperation, "erasure coding is not available in this cluster: policy %s stays disabled", req.GetEcPolicyName())
}

// disableErasureCodingPolicy has nothing to do for a policy that is there: all are disabled.
func (s *Service) disableErasureCodingPolicy(_ context.Context, c *hrpc.Call, req *hdfspb.DisableErasureCodingPolicyRequestProto) (*hdfspb.DisableErasureCodingPolicyResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	if !isECPolicy(req.GetEcPolicyName()) {
		return nil, noSuchECPolicy(req.GetEcPolicyName())
	}
	return nil, nil
}

// ecPolicies are Hadoop's built-in policies (SystemErasureCodingPolicies), all of them disabled.
func ecPolicies() []*hdfspb.ErasureCodingPolicyProto {
	p := func(id uint32, name, codec string, data, parity uint32) *hdfspb.ErasureCodingPolicyProto {
		return &hdfspb.ErasureCodingPolicyProto{Id: &id, Name: &name, CellSize: proto.Uint32(1 << 20), State: hdfspb.ErasureCodingPolicyState_DISABLED.Enum(),
			Schema: &hdfspb.ECSchemaProto{CodecName: &codec, DataUnits: &data, ParityUnits: &parity}}
	}
	return []*hdfspb.ErasureCodingPolicyProto{p(1, "RS-6-3-1024k", "rs", 6, 3), p(2, "RS-3-2-1024k", "rs", 3, 2), p(3, "RS-LEGACY-6-3-1024k", "rs-legacy", 6, 3),
		p(4, "XOR-2-1-1024k", "xor", 2, 1), p(5, "RS-10-4-1024k", "rs", 10, 4)}
}

func isECPolicy(name string) bool {
	return slices.ContainsFunc(ecPolicies(), func(p *hdfspb.ErasureCodingPolicyProto) bool { return p.GetName() == name })
}

// getErasureCodingPolicy says that a path has none: the answer's policy is absent.
func (s *Service) getErasureCodingPolicy(_ context.Context, c *hrpc.Call, req *hdfspb.GetErasureCodingPolicyRequestProto) (*hdfspb.GetErasureCodingPolicyResponseProto, error) {
	return &hdfspb.GetErasureCodingPolicyResponseProto{}, s.exists(c, req.GetSrc())
}

func (s *Service) getErasureCodingCodecs(context.Context, *hrpc.Call, *hdfspb.GetErasureCodingCodecsRequestProto) (*hdfspb.GetErasureCodingCodecsResponseProto, error) {
	return nil, s.readable()
}
