package protocol

import (
	"context"

	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Reconfiguration is ReconfigurationProtocol, on the namenode's port and on a datanode's IPC port.
type Reconfiguration struct{ rpc Caller }

// NewReconfiguration speaks it over rpc.
func NewReconfiguration(rpc Caller) *Reconfiguration { return &Reconfiguration{rpc: rpc} }

// GetReconfigurationStatus calls getReconfigurationStatus.
func (p *Reconfiguration) GetReconfigurationStatus(ctx context.Context, req *hdfspb.GetReconfigurationStatusRequestProto) (*hdfspb.GetReconfigurationStatusResponseProto, error) {
	return call(ctx, p.rpc, "getReconfigurationStatus", req, new(hdfspb.GetReconfigurationStatusResponseProto))
}

// StartReconfiguration calls startReconfiguration.
func (p *Reconfiguration) StartReconfiguration(ctx context.Context, req *hdfspb.StartReconfigurationRequestProto) (*hdfspb.StartReconfigurationResponseProto, error) {
	return call(ctx, p.rpc, "startReconfiguration", req, new(hdfspb.StartReconfigurationResponseProto))
}

// ListReconfigurableProperties calls listReconfigurableProperties.
func (p *Reconfiguration) ListReconfigurableProperties(ctx context.Context, req *hdfspb.ListReconfigurablePropertiesRequestProto) (*hdfspb.ListReconfigurablePropertiesResponseProto, error) {
	return call(ctx, p.rpc, "listReconfigurableProperties", req, new(hdfspb.ListReconfigurablePropertiesResponseProto))
}
