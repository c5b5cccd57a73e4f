package rpc

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/proto/hadoop/common"
	"github.com/lodehq/lode/proto/hadoop/hdfs"
)

// adminHandlers serves the protocols of operators beside ClientProtocol.
func (s *Service) adminHandlers() map[string]hrpc.Handler {
	return map[string]hrpc.Handler{
		hrpc.HAServiceProtocol: hrpc.Methods(map[string]hrpc.Method{
			"monitorHealth":        hrpc.Inline(s.monitorHealth),
			"getServiceStatus":     hrpc.Inline(s.getServiceStatus),
			"transitionToActive":   hrpc.Inline(s.transitionToActive),
			"transitionToStandby":  hrpc.Inline(s.transitionToStandby),
			"transitionToObserver": hrpc.Inline(s.transitionToObserver),
		}),
		hrpc.RefreshUserMappings: hrpc.Methods(map[string]hrpc.Method{
			"refreshUserToGroupsMappings":         hrpc.Inline(s.refreshUserToGroupsMappings),
			"refreshSuperUserGroupsConfiguration": hrpc.Unary(s.refreshSuperUserGroupsConfiguration),
		}),
		hrpc.RefreshAuthorizationPolicy: hrpc.Methods(map[string]hrpc.Method{"refreshServiceAcl": hrpc.Inline(s.refreshServiceACL)}),
		hrpc.RefreshCallQueue:           hrpc.Methods(map[string]hrpc.Method{"refreshCallQueue": hrpc.Inline(s.refreshCallQueue)}),
		hrpc.GenericRefresh:             hrpc.Methods(map[string]hrpc.Method{"refresh": hrpc.Inline(s.genericRefresh)}),
		hrpc.GetUserMappings:            hrpc.Methods(map[string]hrpc.Method{"getGroupsForUser": hrpc.Unary(s.getGroupsForUser)}),
		hrpc.Reconfiguration: hrpc.Methods(map[string]hrpc.Method{
			"getReconfigurationStatus":     hrpc.Inline(s.getReconfigurationStatus),
			"startReconfiguration":         hrpc.Unary(s.startReconfiguration),
			"listReconfigurableProperties": hrpc.Inline(s.listReconfigurableProperties),
		}),
		hrpc.ProtocolMetaInfo: hrpc.Methods(map[string]hrpc.Method{
			"getProtocolVersions":  hrpc.Inline(s.getProtocolVersions),
			"getProtocolSignature": hrpc.Inline(s.getProtocolSignature),
		}),
	}
}

func (s *Service) monitorHealth(_ context.Context, c *hrpc.Call, _ *commonpb.MonitorHealthRequestProto) (*commonpb.MonitorHealthResponseProto, error) {
	return nil, s.superuser(c)
}

func (s *Service) getServiceStatus(_ context.Context, c *hrpc.Call, _ *commonpb.GetServiceStatusRequestProto) (*commonpb.GetServiceStatusResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	name, ready, reason := s.cfg.Admin.Role()
	st := commonpb.HAServiceStateProto_STANDBY
	if name == "active" {
		st = commonpb.HAServiceStateProto_ACTIVE
	}
	resp := &commonpb.GetServiceStatusResponseProto{State: st.Enum(), ReadyToBecomeActive: proto.Bool(ready)}
	if reason != "" {
		resp.NotReadyReason = proto.String(reason)
	}
	return resp, nil
}

// The namenodes elect their leader themselves: a transition to what a namenode is already is granted, another one is not.
func (s *Service) transition(c *hrpc.Call, wanted string) error {
	if err := s.superuser(c); err != nil {
		return err
	}
	if name, _, _ := s.cfg.Admin.Role(); name == wanted {
		return nil
	}
	return hdfs.Errorf(hdfs.ServiceFailed, "the namenodes elect their leader themselves; this one cannot be made %s by hand. To move the lead, stop the leader", wanted)
}

func (s *Service) transitionToActive(_ context.Context, c *hrpc.Call, _ *commonpb.TransitionToActiveRequestProto) (*commonpb.TransitionToActiveResponseProto, error) {
	return nil, s.transition(c, "active")
}

func (s *Service) transitionToStandby(_ context.Context, c *hrpc.Call, _ *commonpb.TransitionToStandbyRequestProto) (*commonpb.TransitionToStandbyResponseProto, error) {
	return nil, s.transition(c, "standby")
}

func (s *Service) transitionToObserver(_ context.Context, c *hrpc.Call, _ *commonpb.TransitionToObserverRequestProto) (*commonpb.TransitionToObserverResponseProto, error) {
	return nil, s.transition(c, "observer")
}

func (s *Service) refreshUserToGroupsMappings(_ context.Context, c *hrpc.Call, _ *commonpb.RefreshUserToGroupsMappingsRequestProto) (*commonpb.RefreshUserToGroupsMappingsResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	s.cfg.Users.Refresh()
	return nil, nil
}

func (s *Service) refreshSuperUserGroupsConfiguration(_ context.Context, c *hrpc.Call, _ *commonpb.RefreshSuperUserGroupsConfigurationRequestProto) (*commonpb.RefreshSuperUserGroupsConfigurationResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	return nil, s.cfg.Users.RefreshProxies()
}

// refreshServiceACL is refused as by a cluster with hadoop.security.authorization=false.
func (s *Service) refreshServiceACL(_ context.Context, c *hrpc.Call, _ *commonpb.RefreshServiceAclRequestProto) (*commonpb.RefreshServiceAclResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	return nil, hdfs.Errorf(hdfs.AuthorizationException, "Service Level Authorization not enabled!")
}

// refreshCallQueue succeeds: there is no queue of calls.
func (s *Service) refreshCallQueue(_ context.Context, c *hrpc.Call, _ *commonpb.RefreshCallQueueRequestProto) (*commonpb.RefreshCallQueueResponseProto, error) {
	return nil, s.superuser(c)
}

func (s *Service) genericRefresh(_ context.Context, c *hrpc.Call, req *commonpb.GenericRefreshRequestProto) (*commonpb.GenericRefreshResponseCollectionProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	return nil, hdfs.Errorf(hdfs.IllegalArgumentJava, "There are no registered handlers for the identifier %q", req.GetIdentifier())
}

func (s *Service) getGroupsForUser(_ context.Context, _ *hrpc.Call, req *commonpb.GetGroupsForUserRequestProto) (*commonpb.GetGroupsForUserResponseProto, error) {
	return &commonpb.GetGroupsForUserResponseProto{Groups: s.cfg.Users.Caller(req.GetUser()).Groups}, nil
}

func (s *Service) getReconfigurationStatus(_ context.Context, c *hrpc.Call, _ *hdfspb.GetReconfigurationStatusRequestProto) (*hdfspb.GetReconfigurationStatusResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	start, end, changes := s.cfg.Admin.Reconfiguration()
	resp := &hdfspb.GetReconfigurationStatusResponseProto{StartTime: proto.Int64(start)}
	if start > 0 {
		resp.EndTime = proto.Int64(end)
	}
	for _, ch := range changes {
		p := &hdfspb.GetReconfigurationStatusConfigChangeProto{Name: proto.String(ch.Key), OldValue: proto.String(ch.Old)}
		if ch.HasNew {
			p.NewValue = proto.String(ch.New)
		}
		if ch.Err != nil {
			p.ErrorMessage = proto.String(ch.Err.Error())
		}
		resp.Changes = append(resp.Changes, p)
	}
	return resp, nil
}

func (s *Service) startReconfiguration(_ context.Context, c *hrpc.Call, _ *hdfspb.StartReconfigurationRequestProto) (*hdfspb.StartReconfigurationResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	if !s.cfg.Admin.Reconfigure() {
		return nil, hdfs.Errorf(hdfs.IOException, "Another reconfiguration task is running.")
	}
	return nil, nil
}

func (s *Service) listReconfigurableProperties(_ context.Context, c *hrpc.Call, _ *hdfspb.ListReconfigurablePropertiesRequestProto) (*hdfspb.ListReconfigurablePropertiesResponseProto, error) {
	return &hdfspb.ListReconfigurablePropertiesResponseProto{Name: s.cfg.Admin.Reconfigurable()}, s.superuser(c)
}

func (s *Service) getProtocolVersions(_ context.Context, _ *hrpc.Call, req *commonpb.GetProtocolVersionsRequestProto) (*commonpb.GetProtocolVersionsResponseProto, error) {
	return &commonpb.GetProtocolVersionsResponseProto{ProtocolVersions: []*commonpb.ProtocolVersionProto{
		{RpcKind: proto.String("RPC_PROTOCOL_BUFFER"), Versions: []uint64{1}}}}, nil
}

// getProtocolSignature names no methods: their fingerprints are hashes of Java declarations. Nothing but isMethodSupported asks.
func (s *Service) getProtocolSignature(context.Context, *hrpc.Call, *commonpb.GetProtocolSignatureRequestProto) (*commonpb.GetProtocolSignatureResponseProto, error) {
	return &commonpb.GetProtocolSignatureResponseProto{ProtocolSignature: []*commonpb.ProtocolSignatureProto{{Version: proto.Uint64(1)}}}, nil
}
