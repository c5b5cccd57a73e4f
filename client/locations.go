package client

import (
	"context"
	"net"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// BlockLocation says where the replicas of one block are, nearest to the caller first.
type BlockLocation struct {
	Offset, Length int64 // the part of the file, in bytes
	Block          hdfs.Block
	PoolID         string
	Hosts          []string // host names
	Addresses      []string // ip:port of data transfer, in the same order
	Topology       []string // rack/host paths, in the same order
	StorageTypes   []hdfs.StorageType
	StorageIDs     []string
	Corrupt        bool // no good replica is known
}

// Locations says where the bytes [offset, offset+length) of a file are; a negative length is up to its end.
func (c *Client) Locations(ctx context.Context, name string, offset, length int64) ([]BlockLocation, error) {
	p := c.abs(name)
	if length < 0 {
		length = 1<<63 - 1 - offset
	}
	lbs, err := c.blockLocations(ctx, p, offset, length)
	if err != nil {
		return nil, pathError("locations", p, err)
	}
	out := make([]BlockLocation, 0, len(lbs.GetBlocks()))
	for _, lb := range lbs.GetBlocks() {
		if int64(lb.GetOffset()) >= int64(lbs.GetFileLength()) && lb.GetB().GetNumBytes() == 0 {
			continue
		}
		out = append(out, blockLocation(lb))
	}
	return out, nil
}

func (c *Client) blockLocations(ctx context.Context, p string, offset, length int64) (*hdfspb.LocatedBlocksProto, error) {
	resp, err := c.nn.GetBlockLocations(ctx, &hdfspb.GetBlockLocationsRequestProto{
		Src: str(p), Offset: proto.Uint64(uint64(offset)), Length: proto.Uint64(uint64(length)),
	})
	if err != nil {
		return nil, err
	}
	if resp.GetLocations() == nil {
		return nil, notFound(p)
	}
	return resp.GetLocations(), nil
}

func blockLocation(lb *hdfspb.LocatedBlockProto) BlockLocation {
	b := BlockLocation{
		Offset: int64(lb.GetOffset()),
		Length: int64(lb.GetB().GetNumBytes()),
		Block: hdfs.Block{
			ID: hdfs.BlockID(lb.GetB().GetBlockId()), GenStamp: hdfs.GenStamp(lb.GetB().GetGenerationStamp()),
			NumBytes: int64(lb.GetB().GetNumBytes()),
		},
		PoolID:     lb.GetB().GetPoolId(),
		StorageIDs: lb.GetStorageIDs(),
		Corrupt:    lb.GetCorrupt(),
	}
	for _, d := range lb.GetLocs() {
		b.Hosts = append(b.Hosts, d.GetId().GetHostName())
		address := net.JoinHostPort(d.GetId().GetIpAddr(), strconv.Itoa(int(d.GetId().GetXferPort())))
		b.Addresses = append(b.Addresses, address)
		b.Topology = append(b.Topology, d.GetLocation()+"/"+address)
	}
	for _, t := range lb.GetStorageTypes() {
		b.StorageTypes = append(b.StorageTypes, hdfs.StorageType(t))
	}
	return b
}
