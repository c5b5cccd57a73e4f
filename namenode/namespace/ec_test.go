package namespace_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lodehq/lode/namenode/namespace"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
	"google.golang.org/protobuf/proto"
)

func enabledEC(t *testing.T, n *namespace.Namespace) (names []string) {
	t.Helper()
	resp, err := n.GetErasureCodingPolicies(namespace.Caller{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range resp.EcPolicies {
		if p.GetState() == hdfspb.ErasureCodingPolicyState_ENABLED {
			names = append(names, p.GetName())
		}
	}
	return names
}

func TestErasureCodingPoliciesAreEnabledByName(t *testing.T) {
	n := namespace.New(namespace.Options{}, nil)
	if _, err := n.Apply(root(t0), format()); err != nil {
		t.Fatal(err)
	}
	enable := func(h namespace.Header, name string) error {
		_, err := n.Apply(h, &hdfspb.EnableErasureCodingPolicyRequestProto{EcPolicyName: &name})
		return err
	}
	for _, name := range []string{"RS-6-3-1024k", "XOR-2-1-1024k", "RS-6-3-1024k"} {
		if err := enable(root(t0), name); err != nil {
			t.Fatal(err)
		}
	}
	if err := enable(root(t0), "RS-1-1"); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("a policy that nobody knows: %v", err)
	}
	if err := enable(namespace.Header{TimeMS: t0, User: "ann", CallID: -1}, "RS-3-2-1024k"); err == nil {
		t.Error("an ordinary user may not enable a policy")
	}
	if _, err := n.Apply(root(t0), &hdfspb.DisableErasureCodingPolicyRequestProto{EcPolicyName: proto.String("XOR-2-1-1024k")}); err != nil {
		t.Fatal(err)
	}
	var image bytes.Buffer
	if err := n.WriteImage(&image); err != nil {
		t.Fatal(err)
	}
	m, err := namespace.ReadImage(namespace.Options{}, nil, &image)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []*namespace.Namespace{n, m} {
		if got := strings.Join(enabledEC(t, n), " "); got != "RS-6-3-1024k" {
			t.Errorf("enabled: %s", got)
		}
		if err := n.NoECPolicy("RS-6-3-1024k"); !strings.Contains(err.Error(), "switched off") {
			t.Errorf("an enabled policy is refused with %v", err)
		}
		if err := n.NoECPolicy("RS-10-4-1024k"); !strings.Contains(err.Error(), "does not match any enabled erasure coding policies: [RS-6-3-1024k]") {
			t.Errorf("a disabled policy is refused with %v", err)
		}
	}
}
