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

// What follows answers as an Apache cluster without a key provider (encryption) and without cache pools.

var errNoKeyProvider = &hdfs.Exception{Class: hdfs.IOException, Message: "Can't create an encryption zone for a path since no key provider is available."}

func (s *Service) createEncryptionZone(_ context.Context, c *hrpc.Call, _ *hdfspb.CreateEncryptionZoneRequestProto) (*hdfspb.CreateEncryptionZoneResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	return nil, errNoKeyProvider
}

func (s *Service) listEncryptionZones(_ context.Context, c *hrpc.Call, _ *hdfspb.ListEncryptionZonesRequestProto) (*hdfspb.ListEncryptionZonesResponseProto, error) {
	return &hdfspb.ListEncryptionZonesResponseProto{HasMore: proto.Bool(false)}, s.superuser(c)
}

func (s *Service) reencryptEncryptionZone(_ context.Context, c *hrpc.Call, _ *hdfspb.ReencryptEncryptionZoneRequestProto) (*hdfspb.ReencryptEncryptionZoneResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	return nil, &hdfs.Exception{Class: hdfs.IOException, Message: "No key provider configured, re-encryption operation is rejected"}
}

func (s *Service) listReencryptionStatus(_ context.Context, c *hrpc.Call, _ *hdfspb.ListReencryptionStatusRequestProto) (*hdfspb.ListReencryptionStatusResponseProto, error) {
	return &hdfspb.ListReencryptionStatusResponseProto{HasMore: proto.Bool(false)}, s.superuser(c)
}

// getEZForPath says that a path is in no zone; a path that may not be looked at is refused.
func (s *Service) getEZForPath(_ context.Context, c *hrpc.Call, req *hdfspb.GetEZForPathRequestProto) (*hdfspb.GetEZForPathResponseProto, error) {
	return &hdfspb.GetEZForPathResponseProto{}, s.mayLook(c, req.GetSrc())
}

// mayLook refuses a caller that could not stat the path.
func (s *Service) mayLook(c *hrpc.Call, path string) (err error) {
	if err := s.readable(); err != nil {
		return err
	}
	who := s.caller(c)
	s.state.View(func(ns *namespace.Namespace, _ *blockmap.Map) {
		_, err = ns.GetFileInfo(who, &hdfspb.GetFileInfoRequestProto{Src: &path})
	})
	return err
}

// exists is mayLook, and refuses a path that is not there.
func (s *Service) exists(c *hrpc.Call, path string) (err error) {
	if err := s.readable(); err != nil {
		return err
	}
	who := s.caller(c)
	s.state.View(func(ns *namespace.Namespace, _ *blockmap.Map) {
		var resp *hdfspb.GetFileInfoResponseProto
		if resp, err = ns.GetFileInfo(who, &hdfspb.GetFileInfoRequestProto{Src: &path}); err == nil && resp.GetFs() == nil {
			err = hdfs.Errorf(hdfs.FileNotFound, "Path not found: %s", path)
		}
	})
	return err
}

func noSuchPool(name string) error {
	return hdfs.Errorf(hdfs.InvalidRequest, "Unknown cache pool %s: central caching is not available in this cluster", name)
}

func noSuchDirective(id int64) error {
	return hdfs.Errorf(hdfs.InvalidRequest, "No directive with ID %d found.", id)
}

func (s *Service) addCacheDirective(_ context.Context, _ *hrpc.Call, req *hdfspb.AddCacheDirectiveRequestProto) (*hdfspb.AddCacheDirectiveResponseProto, error) {
	return nil, noSuchPool(req.GetInfo().GetPool())
}

func (s *Service) modifyCacheDirective(_ context.Context, _ *hrpc.Call, req *hdfspb.ModifyCacheDirectiveRequestProto) (*hdfspb.ModifyCacheDirectiveResponseProto, error) {
	return nil, noSuchDirective(req.GetInfo().GetId())
}

func (s *Service) removeCacheDirective(_ context.Context, _ *hrpc.Call, req *hdfspb.RemoveCacheDirectiveRequestProto) (*hdfspb.RemoveCacheDirectiveResponseProto, error) {
	return nil, noSuchDirective(req.GetId())
}

func (s *Service) listCacheDirectives(context.Context, *hrpc.Call, *hdfspb.ListCacheDirectivesRequestProto) (*hdfspb.ListCacheDirectivesResponseProto, error) {
	return &hdfspb.ListCacheDirectivesResponseProto{HasMore: proto.Bool(false)}, s.readable()
}

func (s *Service) addCachePool(_ context.Context, c *hrpc.Call, req *hdfspb.AddCachePoolRequestProto) (*hdfspb.AddCachePoolResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	return nil, hdfs.Errorf(hdfs.UnsupportedOperation, "central caching is not available in this cluster: cache pool %s was not made", req.GetInfo().GetPoolName())
}

func (s *Service) modifyCachePool(_ context.Context, c *hrpc.Call, req *hdfspb.ModifyCachePoolRequestProto) (*hdfspb.ModifyCachePoolResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	return nil, noSuchPool(req.GetInfo().GetPoolName())
}

func (s *Service) removeCachePool(_ context.Context, c *hrpc.Call, req *hdfspb.RemoveCachePoolRequestProto) (*hdfspb.RemoveCachePoolResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	return nil, noSuchPool(req.GetPoolName())
}

func (s *Service) listCachePools(context.Context, *hrpc.Call, *hdfspb.ListCachePoolsRequestProto) (*hdfspb.ListCachePoolsResponseProto, error) {
	return &hdfspb.ListCachePoolsResponseProto{HasMore: proto.Bool(false)}, s.readable()
}
