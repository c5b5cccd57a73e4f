package webhdfs

import (
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

func enableECPolicy(r *request) (any, error) {
	name, err := r.required("ecpolicy")
	if err != nil {
		return nil, err
	}
	_, err = call[*hdfspb.EnableErasureCodingPolicyResponseProto](r, "enableErasureCodingPolicy", &hdfspb.EnableErasureCodingPolicyRequestProto{EcPolicyName: &name})
	return empty{}, err
}

func disableECPolicy(r *request) (any, error) {
	name, err := r.required("ecpolicy")
	if err != nil {
		return nil, err
	}
	_, err = call[*hdfspb.DisableErasureCodingPolicyResponseProto](r, "disableErasureCodingPolicy", &hdfspb.DisableErasureCodingPolicyRequestProto{EcPolicyName: &name})
	return empty{}, err
}

func setECPolicy(r *request) (any, error) {
	name, err := r.required("ecpolicy")
	if err != nil {
		return nil, err
	}
	_, err = call[*hdfspb.SetErasureCodingPolicyResponseProto](r, "setErasureCodingPolicy", &hdfspb.SetErasureCodingPolicyRequestProto{Src: &r.path, EcPolicyName: &name})
	return empty{}, err
}

func unsetECPolicy(r *request) (any, error) {
	_, err := call[*hdfspb.UnsetErasureCodingPolicyResponseProto](r, "unsetErasureCodingPolicy", &hdfspb.UnsetErasureCodingPolicyRequestProto{Src: &r.path})
	return empty{}, err
}

func getECPolicies(r *request) (any, error) {
	resp, err := call[*hdfspb.GetErasureCodingPoliciesResponseProto](r, "getErasureCodingPolicies", &hdfspb.GetErasureCodingPoliciesRequestProto{})
	if err != nil {
		return nil, err
	}
	all := []any{}
	for _, p := range resp.GetEcPolicies() {
		schema := p.GetSchema()
		all = append(all, map[string]any{"state": p.GetState().String(), "policy": map[string]any{
			"name": p.GetName(), "cellSize": p.GetCellSize(), "id": p.GetId(), "codecName": schema.GetCodecName(),
			"numDataUnits": schema.GetDataUnits(), "numParityUnits": schema.GetParityUnits(), "replicationPolicy": false, "systemPolicy": true,
			"schema": map[string]any{"codecName": schema.GetCodecName(), "numDataUnits": schema.GetDataUnits(), "numParityUnits": schema.GetParityUnits(), "extraOptions": map[string]any{}},
		}})
	}
	return map[string]any{"ErasureCodingPolicies": map[string]any{"ErasureCodingPolicy": all}}, nil
}
