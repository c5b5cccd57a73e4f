package datanode

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	commonpb "github.com/lodehq/lode/proto/hadoop/common"
	dnpb "github.com/lodehq/lode/proto/hadoop/datanode"
	pb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// events passes what happens to replicas on to every namenode.
type events struct{ s *Server }

func (e events) note(b hdfs.Block, storageID string, status dnpb.ReceivedDeletedBlockInfoProto_BlockStatus, hint string) {
	info := &dnpb.ReceivedDeletedBlockInfoProto{
		Block:  &pb.BlockProto{BlockId: proto.Uint64(uint64(b.ID)), GenStamp: proto.Uint64(uint64(b.GenStamp)), NumBytes: proto.Uint64(uint64(b.NumBytes))},
		Status: status.Enum(),
	}
	if hint != "" {
		info.DeleteHint = &hint
	}
	for _, a := range e.s.actors {
		a.incremental.add(storageID, b.ID, info)
	}
}

func (e events) Receiving(b hdfs.Block, storageID string) {
	e.note(b, storageID, dnpb.ReceivedDeletedBlockInfoProto_RECEIVING, "")
}

func (e events) Received(b hdfs.Block, storageID, hint string) {
	e.note(b, storageID, dnpb.ReceivedDeletedBlockInfoProto_RECEIVED, hint)
}

func (e events) deleted(b hdfs.Block, storageID string) {
	e.note(b, storageID, dnpb.ReceivedDeletedBlockInfoProto_DELETED, "")
}

func (e events) Corrupt(b hdfs.Block, storageID string) {
	e.s.log.Warn("replica is corrupt", "block", b.String())
	e.s.reportBad(b, e.s.Self(), storageID, e.storageType(storageID))
}

func (e events) storageType(storageID string) pb.StorageTypeProto {
	for _, v := range e.s.store.Volumes() {
		if v.StorageID == storageID {
			return pb.StorageTypeProto(v.Type)
		}
	}
	return pb.StorageTypeProto_DISK
}

func (e events) CorruptRemote(b hdfs.Block, source *pb.DatanodeInfoProto) {
	e.s.log.Warn("another datanode sent damaged bytes", "block", b.String(), "peer", source.GetId().GetHostName())
	e.s.reportBad(b, source, "", pb.StorageTypeProto_DISK)
}

func (s *Server) reportBad(b hdfs.Block, at *pb.DatanodeInfoProto, storageID string, kind pb.StorageTypeProto) {
	req := &dnpb.ReportBadBlocksRequestProto{Blocks: []*pb.LocatedBlockProto{{
		B: s.extended(b), Offset: proto.Uint64(0), Locs: []*pb.DatanodeInfoProto{at}, Corrupt: proto.Bool(false),
		BlockToken:   &commonpb.TokenProto{Identifier: []byte{}, Password: []byte{}, Kind: proto.String(""), Service: proto.String("")},
		StorageTypes: []pb.StorageTypeProto{kind}, StorageIDs: []string{storageID},
	}}}
	for _, a := range s.actors {
		a.later("reportBadBlocks", req, &dnpb.ReportBadBlocksResponseProto{})
	}
}

func (s *Server) extended(b hdfs.Block) *pb.ExtendedBlockProto {
	return &pb.ExtendedBlockProto{
		PoolId: proto.String(s.Pool()), BlockId: proto.Uint64(uint64(b.ID)),
		GenerationStamp: proto.Uint64(uint64(b.GenStamp)), NumBytes: proto.Uint64(uint64(b.NumBytes)),
	}
}

// DiskError asks for a probe of the volumes when err is one of the disk's, not of a peer's or of the protocol.
func (e events) DiskError(err error) {
	var op *net.OpError
	var path *os.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &op), errors.Is(err, io.EOF), errors.Is(err, syscall.ENOSPC), errors.Is(err, os.ErrNotExist):
		return
	case errors.As(err, &path), errors.As(err, &link), errors.Is(err, syscall.EIO), errors.Is(err, syscall.EROFS):
	default:
		return
	}
	select {
	case e.s.checks <- struct{}{}:
	default:
	}
}
