package rpc

import (
	"context"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/namenode/dnproto"
	"github.com/lodehq/lode/namenode/namespace"
	"github.com/lodehq/lode/namenode/state"
	"github.com/lodehq/lode/proto/hadoop/hdfs"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
)

// place writes locations into a located block, under the addresses that the client can reach.
func (s *Service) place(c *hrpc.Call, lb *hdfspb.LocatedBlockProto, locs []blockmap.Location) {
	n := len(locs)
	lb.Locs, lb.StorageTypes = make([]*hdfspb.DatanodeInfoProto, n), make([]hdfspb.StorageTypeProto, n)
	lb.StorageIDs, lb.IsCached = make([]string, n), make([]bool, n)
	for i, l := range locs {
		d := s.reach(c, s.wire.Datanode(l.Datanode))
		lb.Locs[i], lb.StorageTypes[i], lb.StorageIDs[i] = d, hdfspb.StorageTypeProto(l.StorageType), l.StorageID
	}
}

// fillFrom writes a block's locations, nearest first, into lb. The caller holds the lock.
func (s *Service) fillFrom(bm *blockmap.Map, c *hrpc.Call, lb *hdfspb.LocatedBlockProto) {
	l, ok := bm.Located(dnproto.ExtendedBlock(lb.GetB()).ID)
	if !ok {
		return
	}
	lb.Corrupt = proto.Bool(l.Corrupt)
	if len(l.Locations) > 1 {
		bm.SortByDistance(machine(c), l.Locations)
	}
	s.place(c, lb, l.Locations)
}

// fill is fillFrom for a caller that does not hold the lock.
func (s *Service) fill(c *hrpc.Call, lb *hdfspb.LocatedBlockProto) {
	s.state.View(func(_ *namespace.Namespace, bm *blockmap.Map) { s.fillFrom(bm, c, lb) })
}

// fillAll writes the locations of all blocks of a file.
func (s *Service) fillAll(bm *blockmap.Map, c *hrpc.Call, l *hdfspb.LocatedBlocksProto) {
	if l == nil {
		return
	}
	for _, lb := range l.Blocks {
		s.fillFrom(bm, c, lb)
	}
	if l.LastBlock != nil {
		s.fillFrom(bm, c, l.LastBlock)
	}
}

func (s *Service) getBlockLocations(_ context.Context, c *hrpc.Call, req *hdfspb.GetBlockLocationsRequestProto) (resp *hdfspb.GetBlockLocationsResponseProto, err error) {
	if err := s.readable(); err != nil {
		return nil, err
	}
	who, now := s.caller(c), s.state.Now()
	var touch *journalpb.TouchAccessTime
	s.state.View(func(ns *namespace.Namespace, bm *blockmap.Map) {
		if resp, touch, err = ns.GetBlockLocations(who, req, now); err == nil {
			s.fillAll(bm, c, resp.GetLocations())
		}
	})
	if err != nil {
		return nil, err
	}
	if s.state.InSafeMode() {
		for _, lb := range resp.GetLocations().GetBlocks() {
			if len(lb.Locs) == 0 && lb.GetB().GetNumBytes() > 0 {
				return nil, s.safeModeError("Zero blocklocations for " + req.GetSrc())
			}
		}
	} else if touch != nil {
		s.state.Submit(&state.Command{Header: s.state.Self(), Request: touch, Method: journalpb.Method_TOUCH_ACCESS_TIME,
			Done: func(_ proto.Message, err error) {
				if err != nil {
					s.log.Debug("access time not kept", "path", req.GetSrc(), "err", err)
				}
			}})
	}
	return resp, nil
}

func (s *Service) getLocatedFileInfo(_ context.Context, c *hrpc.Call, req *hdfspb.GetLocatedFileInfoRequestProto) (resp *hdfspb.GetLocatedFileInfoResponseProto, err error) {
	if err := s.readable(); err != nil {
		return nil, err
	}
	who := s.caller(c)
	s.state.View(func(ns *namespace.Namespace, bm *blockmap.Map) {
		if resp, err = ns.GetLocatedFileInfo(who, req); err == nil {
			s.fillAll(bm, c, resp.GetFs().GetLocations())
		}
	})
	return resp, err
}

func (s *Service) getListing(_ context.Context, c *hrpc.Call, req *hdfspb.GetListingRequestProto) (resp *hdfspb.GetListingResponseProto, err error) {
	if err := s.readable(); err != nil {
		return nil, err
	}
	who := s.caller(c)
	s.state.View(func(ns *namespace.Namespace, bm *blockmap.Map) {
		if resp, err = ns.GetListing(who, req); err == nil && req.GetNeedLocation() {
			for _, f := range resp.GetDirList().GetPartialListing() {
				s.fillAll(bm, c, f.GetLocations())
			}
		}
	})
	return resp, err
}

func (s *Service) getBatchedListing(_ context.Context, c *hrpc.Call, req *hdfspb.GetBatchedListingRequestProto) (resp *hdfspb.GetBatchedListingResponseProto, err error) {
	if err := s.readable(); err != nil {
		return nil, err
	}
	who := s.caller(c)
	s.state.View(func(ns *namespace.Namespace, bm *blockmap.Map) {
		if resp, err = ns.GetBatchedListing(who, req); err != nil || !req.GetNeedLocation() {
			return
		}
		for _, l := range resp.GetListings() {
			for _, f := range l.GetPartialListing() {
				s.fillAll(bm, c, f.GetLocations())
			}
		}
	})
	return resp, err
}

// maxCorrupt is how many corrupt files one answer lists (dfs.namenode.max-corrupt-file-blocks-returned).
const maxCorrupt = 100

// listCorruptFileBlocks lists files with a block that has no good replica. The cookie is the last block id seen.
func (s *Service) listCorruptFileBlocks(_ context.Context, c *hrpc.Call, req *hdfspb.ListCorruptFileBlocksRequestProto) (*hdfspb.ListCorruptFileBlocksResponseProto, error) {
	if err := s.superuser(c); err != nil {
		return nil, err
	}
	if err := s.readable(); err != nil {
		return nil, err
	}
	after, err := parseCookie(req.GetCookie())
	if err != nil {
		return nil, err
	}
	out := &hdfspb.CorruptFileBlocksProto{Cookie: proto.String(req.GetCookie())}
	s.state.View(func(ns *namespace.Namespace, bm *blockmap.Map) {
		for {
			ids := bm.CorruptBlocks(after, maxCorrupt)
			if len(ids) == 0 {
				return
			}
			for _, id := range ids {
				if len(out.Files) == maxCorrupt {
					return
				}
				after = id
				if path, ok := ns.PathOf(bm.BlockStatus(id).File); ok && under(path, req.GetPath()) {
					out.Files = append(out.Files, path)
				}
			}
		}
	})
	out.Cookie = proto.String(formatCookie(after))
	return &hdfspb.ListCorruptFileBlocksResponseProto{Corrupt: out}, nil
}

func parseCookie(s string) (hdfs.BlockID, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, hdfs.Errorf(hdfs.IOException, "cookie %q is none that this namenode gave out", s)
	}
	return hdfs.BlockID(n), nil
}

func formatCookie(id hdfs.BlockID) string { return strconv.FormatInt(int64(id), 10) }

// under says whether path is dir or below it.
func under(path, dir string) bool {
	dir = strings.TrimSuffix(dir, "/")
	return path == dir || strings.HasPrefix(path, dir+"/")
}
