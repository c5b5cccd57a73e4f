package namespace

import (
	"fmt"
	"strings"

	"github.com/lodehq/lode/internal/hdfs"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
	"google.golang.org/protobuf/proto"
)

// Erasure coding is switched off: every file is replicated. Administrators can still enable and disable Hadoop's built-in policies
// (SystemErasureCodingPolicies), and tools list them with their state; a path is never given one.

type ecPolicy struct {
	id           uint32
	name, codec  string
	data, parity uint32
}

func ecPolicies() []ecPolicy {
	return []ecPolicy{{1, "RS-6-3-1024k", "rs", 6, 3}, {2, "RS-3-2-1024k", "rs", 3, 2}, {3, "RS-LEGACY-6-3-1024k", "rs-legacy", 6, 3},
		{4, "XOR-2-1-1024k", "xor", 2, 1}, {5, "RS-10-4-1024k", "rs", 10, 4}}
}

func ecBit(name string) (uint32, error) {
	for _, p := range ecPolicies() {
		if p.name == name {
			return 1 << (p.id - 1), nil
		}
	}
	return 0, fail(hdfs.IllegalArgument, "The policy name %s does not exist", name)
}

func (n *Namespace) enableECPolicy(c *Caller, req *hdfspb.EnableErasureCodingPolicyRequestProto) (*hdfspb.EnableErasureCodingPolicyResponseProto, error) {
	if err := n.checkSuperuser(c, ""); err != nil {
		return nil, err
	}
	bit, err := ecBit(req.GetEcPolicyName())
	if err != nil {
		return nil, err
	}
	n.ecEnabled |= bit
	return &hdfspb.EnableErasureCodingPolicyResponseProto{}, nil
}

func (n *Namespace) disableECPolicy(c *Caller, req *hdfspb.DisableErasureCodingPolicyRequestProto) (*hdfspb.DisableErasureCodingPolicyResponseProto, error) {
	if err := n.checkSuperuser(c, ""); err != nil {
		return nil, err
	}
	bit, err := ecBit(req.GetEcPolicyName())
	if err != nil {
		return nil, err
	}
	n.ecEnabled &^= bit
	return &hdfspb.DisableErasureCodingPolicyResponseProto{}, nil
}

// GetErasureCodingPolicies lists the built-in policies with their states.
func (n *Namespace) GetErasureCodingPolicies(Caller, *hdfspb.GetErasureCodingPoliciesRequestProto) (*hdfspb.GetErasureCodingPoliciesResponseProto, error) {
	resp := &hdfspb.GetErasureCodingPoliciesResponseProto{}
	for _, p := range ecPolicies() {
		state := hdfspb.ErasureCodingPolicyState_DISABLED
		if n.ecEnabled&(1<<(p.id-1)) != 0 {
			state = hdfspb.ErasureCodingPolicyState_ENABLED
		}
		resp.EcPolicies = append(resp.EcPolicies, &hdfspb.ErasureCodingPolicyProto{
			Id: &p.id, Name: &p.name, CellSize: proto.Uint32(1 << 20), State: &state,
			Schema: &hdfspb.ECSchemaProto{CodecName: &p.codec, DataUnits: &p.data, ParityUnits: &p.parity},
		})
	}
	return resp, nil
}

// NoECPolicy says why a path or a file cannot have a policy: it is not enabled, or erasure coding is switched off.
func (n *Namespace) NoECPolicy(name string) error {
	var enabled []string
	for _, p := range ecPolicies() {
		if n.ecEnabled&(1<<(p.id-1)) == 0 {
			continue
		}
		if p.name == name {
			return fail(hdfs.UnsupportedOperation, "Erasure coding is switched off on this cluster: policy %s is enabled, but every file is replicated.", name)
		}
		enabled = append(enabled, p.name)
	}
	return fail(hdfs.IllegalArgument, "Policy '%s' does not match any enabled erasure coding policies: %s. "+
		"An erasure coding policy can be enabled by enableErasureCodingPolicy API.", name, fmt.Sprintf("[%s]", strings.Join(enabled, ", ")))
}
