package client

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// ContentSummary counts what is below a path, itself included. Quotas are -1 when not set.
type ContentSummary struct {
	Length, FileCount, DirectoryCount                                                int64
	Quota, SpaceConsumed, SpaceQuota                                                 int64
	SnapshotLength, SnapshotFileCount, SnapshotDirectoryCount, SnapshotSpaceConsumed int64
	ErasureCodingPolicy                                                              string
	ByType                                                                           []TypeQuota
}

// TypeQuota is the quota and use of one storage type.
type TypeQuota struct {
	Type            hdfs.StorageType
	Quota, Consumed int64
}

// ContentSummary counts files, directories and bytes below a path.
func (c *Client) ContentSummary(ctx context.Context, name string) (*ContentSummary, error) {
	p := c.abs(name)
	resp, err := c.nn.GetContentSummary(ctx, &hdfspb.GetContentSummaryRequestProto{Path: str(p)})
	if err != nil {
		return nil, pathError("summary", p, err)
	}
	s := resp.GetSummary()
	return &ContentSummary{
		Length: int64(s.GetLength()), FileCount: int64(s.GetFileCount()), DirectoryCount: int64(s.GetDirectoryCount()),
		Quota: int64(s.GetQuota()), SpaceConsumed: int64(s.GetSpaceConsumed()), SpaceQuota: int64(s.GetSpaceQuota()),
		SnapshotLength: int64(s.GetSnapshotLength()), SnapshotFileCount: int64(s.GetSnapshotFileCount()),
		SnapshotDirectoryCount: int64(s.GetSnapshotDirectoryCount()), SnapshotSpaceConsumed: int64(s.GetSnapshotSpaceConsumed()),
		ErasureCodingPolicy: s.GetErasureCodingPolicy(),
		ByType:              typeQuotas(s.GetTypeQuotaInfos()),
	}, nil
}

// QuotaUsage is what counts against a directory's quotas. Quotas are -1 when not set.
type QuotaUsage struct {
	FileAndDirectoryCount, Quota, SpaceConsumed, SpaceQuota int64
	ByType                                                  []TypeQuota
}

// QuotaUsage asks for quotas and use of a path.
func (c *Client) QuotaUsage(ctx context.Context, name string) (*QuotaUsage, error) {
	p := c.abs(name)
	resp, err := c.nn.GetQuotaUsage(ctx, &hdfspb.GetQuotaUsageRequestProto{Path: str(p)})
	if err != nil {
		return nil, pathError("quota", p, err)
	}
	u := resp.GetUsage()
	return &QuotaUsage{
		FileAndDirectoryCount: int64(u.GetFileAndDirectoryCount()), Quota: int64(u.GetQuota()),
		SpaceConsumed: int64(u.GetSpaceConsumed()), SpaceQuota: int64(u.GetSpaceQuota()),
		ByType: typeQuotas(u.GetTypeQuotaInfos()),
	}, nil
}

func typeQuotas(infos *hdfspb.StorageTypeQuotaInfosProto) []TypeQuota {
	var out []TypeQuota
	for _, t := range infos.GetTypeQuotaInfo() {
		out = append(out, TypeQuota{
			Type: hdfs.StorageType(t.GetType()), Quota: int64(t.GetQuota()), Consumed: int64(t.GetConsumed()),
		})
	}
	return out
}

// Quota values with a meaning of their own (HdfsConstants).
const (
	QuotaDontSet int64 = 1<<63 - 1 // leave that quota as it is
	QuotaReset   int64 = -1        // remove that quota
)

// SetQuota sets the name and space quotas of a directory.
func (c *Client) SetQuota(ctx context.Context, name string, names, space int64) error {
	p := c.abs(name)
	_, err := c.nn.SetQuota(ctx, &hdfspb.SetQuotaRequestProto{
		Path: str(p), NamespaceQuota: proto.Uint64(uint64(names)), StoragespaceQuota: proto.Uint64(uint64(space)),
	})
	return pathError("setQuota", p, err)
}

// SetTypeQuota sets the space quota of one storage type of a directory.
func (c *Client) SetTypeQuota(ctx context.Context, name string, t hdfs.StorageType, space int64) error {
	p := c.abs(name)
	_, err := c.nn.SetQuota(ctx, &hdfspb.SetQuotaRequestProto{
		Path: str(p), NamespaceQuota: proto.Uint64(uint64(QuotaDontSet)), StoragespaceQuota: proto.Uint64(uint64(space)),
		StorageType: hdfspb.StorageTypeProto(t).Enum(),
	})
	return pathError("setQuota", p, err)
}

// Stats are the file system's totals in bytes and blocks.
type Stats struct {
	Capacity, Used, Remaining                                     int64
	UnderReplicated, CorruptBlocks, MissingBlocks, MissingReplOne int64
	BlocksInFuture, PendingDeletionBlocks                         int64
}

// Stats asks for the file system's totals.
func (c *Client) Stats(ctx context.Context) (*Stats, error) {
	r, err := c.nn.GetFsStats(ctx, &hdfspb.GetFsStatusRequestProto{})
	if err != nil {
		return nil, err
	}
	return &Stats{
		Capacity: int64(r.GetCapacity()), Used: int64(r.GetUsed()), Remaining: int64(r.GetRemaining()),
		UnderReplicated: int64(r.GetUnderReplicated()), CorruptBlocks: int64(r.GetCorruptBlocks()),
		MissingBlocks: int64(r.GetMissingBlocks()), MissingReplOne: int64(r.GetMissingReplOneBlocks()),
		BlocksInFuture: int64(r.GetBlocksInFuture()), PendingDeletionBlocks: int64(r.GetPendingDeletionBlocks()),
	}, nil
}
