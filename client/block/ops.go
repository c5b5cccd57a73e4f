package block

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	commonpb "github.com/lodehq/lode/proto/hadoop/common"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Sum is the checksum of one replica, made by its datanode from the stored CRCs.
type Sum struct {
	BytesPerCRC  int
	CRCsPerBlock int64
	Bytes        []byte // MD5 of the block's CRCs (16 bytes), or their composite CRC (4 bytes)
	Type         hdfspb.ChecksumTypeProto
}

// BlockChecksum asks a datanode for the checksum of its replica.
func (n *Network) BlockChecksum(ctx context.Context, req Request, kind hdfspb.BlockChecksumTypeProto) (Sum, error) {
	op := &hdfspb.OpBlockChecksumProto{
		Header:               &hdfspb.BaseHeaderProto{Block: req.Block, Token: req.Token},
		BlockChecksumOptions: &hdfspb.BlockChecksumOptionsProto{BlockChecksumType: kind.Enum()},
	}
	conn, resp, err := n.exchange(ctx, req.Node.GetId(), OpBlockChecksum, op, "checksum of "+Name(req.Block))
	if err != nil {
		return Sum{}, err
	}
	conn.Close() // a datanode ends the connection after this operation
	c := resp.GetChecksumResponse()
	if c == nil {
		return Sum{}, fmt.Errorf("checksum of %s: datanode %s answered without one", Name(req.Block), conn.Node)
	}
	want := 16
	if kind == hdfspb.BlockChecksumTypeProto_COMPOSITE_CRC {
		want = 4
	}
	if len(c.GetBlockChecksum()) != want {
		return Sum{}, fmt.Errorf("checksum of %s: datanode %s answered %d bytes, not %d", Name(req.Block), conn.Node, len(c.GetBlockChecksum()), want)
	}
	return Sum{
		BytesPerCRC: int(c.GetBytesPerCrc()), CRCsPerBlock: int64(c.GetCrcPerBlock()),
		Bytes: c.GetBlockChecksum(), Type: c.GetCrcType(),
	}, nil
}

// TransferBlock asks a datanode of a pipeline to copy what it has of a block to another, which is to join the pipeline.
func (n *Network) TransferBlock(ctx context.Context, b *hdfspb.ExtendedBlockProto, token *commonpb.TokenProto, from, to *hdfspb.DatanodeInfoProto, toType hdfspb.StorageTypeProto, toStorage string) error {
	op := &hdfspb.OpTransferBlockProto{
		Header:             Request{Block: b, Token: token}.header(n.o.ClientName),
		Targets:            []*hdfspb.DatanodeInfoProto{to},
		TargetStorageTypes: []hdfspb.StorageTypeProto{toType},
		TargetStorageIds:   []string{toStorage},
	}
	conn, err := n.Dial(ctx, from.GetId(), 5*n.o.Timeout)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := conn.Request(OpTransferBlock, op); err != nil {
		return err
	}
	_, err = readResponse(conn.R, "transfer of "+Name(b), conn.Node)
	return err
}

// Pipeline describes a pipeline that is to be opened for writing.
type Pipeline struct {
	Block        *hdfspb.ExtendedBlockProto // generation stamp as the datanodes know it, NumBytes as space to reserve
	Token        *commonpb.TokenProto
	Nodes        []*hdfspb.DatanodeInfoProto
	StorageTypes []hdfspb.StorageTypeProto
	StorageIDs   []string
	Stage        hdfspb.OpWriteBlockProto_BlockConstructionStage
	NewGenStamp  uint64 // 0 for a new block
	MinBytes     int64  // acknowledged
	MaxBytes     int64  // sent
	Checksum     Checksum
	LazyPersist  bool
}

// Request is the message that opens the pipeline at its first node.
func (p Pipeline) Request(clientName string) *hdfspb.OpWriteBlockProto {
	op := &hdfspb.OpWriteBlockProto{
		Header:                Request{Block: p.Block, Token: p.Token}.header(clientName),
		Targets:               p.Nodes[1:],
		Stage:                 p.Stage.Enum(),
		PipelineSize:          proto.Uint32(uint32(len(p.Nodes))),
		MinBytesRcvd:          proto.Uint64(uint64(p.MinBytes)),
		MaxBytesRcvd:          proto.Uint64(uint64(p.MaxBytes)),
		LatestGenerationStamp: proto.Uint64(p.NewGenStamp),
		RequestedChecksum: &hdfspb.ChecksumProto{
			Type: p.Checksum.Type.Enum(), BytesPerChecksum: proto.Uint32(uint32(p.Checksum.Chunk)),
		},
		CachingStrategy:  &hdfspb.CachingStrategyProto{},
		AllowLazyPersist: proto.Bool(p.LazyPersist),
		Pinning:          proto.Bool(false),
		TargetPinnings:   make([]bool, len(p.Nodes)),
	}
	if len(p.StorageTypes) == len(p.Nodes) {
		op.StorageType = p.StorageTypes[0].Enum()
		op.TargetStorageTypes = p.StorageTypes[1:]
	}
	if len(p.StorageIDs) == len(p.Nodes) {
		op.StorageId = proto.String(p.StorageIDs[0])
		op.TargetStorageIds = p.StorageIDs[1:]
	}
	return op
}

// ReadPipelineAnswer reads what the first node says about the pipeline; a refusal is a *StatusError that may name the bad
// node.
func ReadPipelineAnswer(c *Conn, b *hdfspb.ExtendedBlockProto) error {
	_, err := readResponse(c.R, "pipeline of "+Name(b), c.Node)
	return err
}
