package protocol

import (
	"context"

	commonpb "github.com/lodehq/lode/proto/hadoop/common"
)

// HAService is HAServiceProtocol, one namenode's role among its peers. It must be called on one address, not on a list.
type HAService struct{ rpc Caller }

// NewHAService speaks it over rpc.
func NewHAService(rpc Caller) *HAService { return &HAService{rpc: rpc} }

// MonitorHealth calls monitorHealth.
func (p *HAService) MonitorHealth(ctx context.Context, req *commonpb.MonitorHealthRequestProto) (*commonpb.MonitorHealthResponseProto, error) {
	return call(ctx, p.rpc, "monitorHealth", req, new(commonpb.MonitorHealthResponseProto))
}

// TransitionToActive calls transitionToActive.
func (p *HAService) TransitionToActive(ctx context.Context, req *commonpb.TransitionToActiveRequestProto) (*commonpb.TransitionToActiveResponseProto, error) {
	return call(ctx, p.rpc, "transitionToActive", req, new(commonpb.TransitionToActiveResponseProto))
}

// TransitionToStandby calls transitionToStandby.
func (p *HAService) TransitionToStandby(ctx context.Context, req *commonpb.TransitionToStandbyRequestProto) (*commonpb.TransitionToStandbyResponseProto, error) {
	return call(ctx, p.rpc, "transitionToStandby", req, new(commonpb.TransitionToStandbyResponseProto))
}

// TransitionToObserver calls transitionToObserver.
func (p *HAService) TransitionToObserver(ctx context.Context, req *commonpb.TransitionToObserverRequestProto) (*commonpb.TransitionToObserverResponseProto, error) {
	return call(ctx, p.rpc, "transitionToObserver", req, new(commonpb.TransitionToObserverResponseProto))
}

// GetServiceStatus calls getServiceStatus.
func (p *HAService) GetServiceStatus(ctx context.Context, req *commonpb.GetServiceStatusRequestProto) (*commonpb.GetServiceStatusResponseProto, error) {
	return call(ctx, p.rpc, "getServiceStatus", req, new(commonpb.GetServiceStatusResponseProto))
}

// UserMappings is GetUserMappingsProtocol: the groups of a user as the namenode sees them.
type UserMappings struct{ rpc Caller }

// NewUserMappings speaks it over rpc.
func NewUserMappings(rpc Caller) *UserMappings { return &UserMappings{rpc: rpc} }

// GetGroupsForUser calls getGroupsForUser.
func (p *UserMappings) GetGroupsForUser(ctx context.Context, req *commonpb.GetGroupsForUserRequestProto) (*commonpb.GetGroupsForUserResponseProto, error) {
	return call(ctx, p.rpc, "getGroupsForUser", req, new(commonpb.GetGroupsForUserResponseProto))
}

// RefreshUserMappings is RefreshUserMappingsProtocol.
type RefreshUserMappings struct{ rpc Caller }

// NewRefreshUserMappings speaks it over rpc.
func NewRefreshUserMappings(rpc Caller) *RefreshUserMappings { return &RefreshUserMappings{rpc: rpc} }

// RefreshUserToGroupsMappings calls refreshUserToGroupsMappings.
func (p *RefreshUserMappings) RefreshUserToGroupsMappings(ctx context.Context, req *commonpb.RefreshUserToGroupsMappingsRequestProto) (*commonpb.RefreshUserToGroupsMappingsResponseProto, error) {
	return call(ctx, p.rpc, "refreshUserToGroupsMappings", req, new(commonpb.RefreshUserToGroupsMappingsResponseProto))
}

// RefreshSuperUserGroupsConfiguration calls refreshSuperUserGroupsConfiguration.
func (p *RefreshUserMappings) RefreshSuperUserGroupsConfiguration(ctx context.Context, req *commonpb.RefreshSuperUserGroupsConfigurationRequestProto) (*commonpb.RefreshSuperUserGroupsConfigurationResponseProto, error) {
	return call(ctx, p.rpc, "refreshSuperUserGroupsConfiguration", req, new(commonpb.RefreshSuperUserGroupsConfigurationResponseProto))
}

// RefreshServiceAcl is RefreshAuthorizationPolicyProtocol.
type RefreshServiceAcl struct{ rpc Caller }

// NewRefreshServiceAcl speaks it over rpc.
func NewRefreshServiceAcl(rpc Caller) *RefreshServiceAcl { return &RefreshServiceAcl{rpc: rpc} }

// RefreshServiceAcl calls refreshServiceAcl.
func (p *RefreshServiceAcl) RefreshServiceAcl(ctx context.Context, req *commonpb.RefreshServiceAclRequestProto) (*commonpb.RefreshServiceAclResponseProto, error) {
	return call(ctx, p.rpc, "refreshServiceAcl", req, new(commonpb.RefreshServiceAclResponseProto))
}

// RefreshCallQueue is RefreshCallQueueProtocol.
type RefreshCallQueue struct{ rpc Caller }

// NewRefreshCallQueue speaks it over rpc.
func NewRefreshCallQueue(rpc Caller) *RefreshCallQueue { return &RefreshCallQueue{rpc: rpc} }

// RefreshCallQueue calls refreshCallQueue.
func (p *RefreshCallQueue) RefreshCallQueue(ctx context.Context, req *commonpb.RefreshCallQueueRequestProto) (*commonpb.RefreshCallQueueResponseProto, error) {
	return call(ctx, p.rpc, "refreshCallQueue", req, new(commonpb.RefreshCallQueueResponseProto))
}

// GenericRefresh is GenericRefreshProtocol.
type GenericRefresh struct{ rpc Caller }

// NewGenericRefresh speaks it over rpc.
func NewGenericRefresh(rpc Caller) *GenericRefresh { return &GenericRefresh{rpc: rpc} }

// Refresh calls refresh.
func (p *GenericRefresh) Refresh(ctx context.Context, req *commonpb.GenericRefreshRequestProto) (*commonpb.GenericRefreshResponseCollectionProto, error) {
	return call(ctx, p.rpc, "refresh", req, new(commonpb.GenericRefreshResponseCollectionProto))
}
