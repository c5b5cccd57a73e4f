package client

import (
	"context"
	"errors"
	"net"
	"sort"
	"strconv"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// locator knows where the blocks of one file are, as far as it has asked, and which datanodes have failed it.
type locator struct {
	c    *Client
	path string

	mu     sync.Mutex // guards what follows; no I/O under it
	length int64
	blocks []*hdfspb.LocatedBlockProto // by offset, no two the same
	open   *hdfspb.LocatedBlockProto   // the block that is being written, its visible length as NumBytes; nil when closed
	dead   map[string]bool             // by datanode UUID
}

func (c *Client) locate(ctx context.Context, p string) (*locator, error) {
	l := &locator{c: c, path: p, dead: map[string]bool{}}
	lbs, err := c.blockLocations(ctx, p, 0, l.prefetch())
	if err != nil {
		return nil, err
	}
	if ec := lbs.GetEcPolicy(); ec != nil && ec.GetName() != "REPLICATION" {
		return nil, ErrErasureCoded
	}
	if lbs.GetFileEncryptionInfo() != nil {
		return nil, ErrEncrypted
	}
	l.length = int64(lbs.GetFileLength())
	l.merge(lbs)
	if last := lbs.GetLastBlock(); lbs.GetUnderConstruction() && last != nil && !lbs.GetIsLastBlockComplete() {
		n, err := c.visibleLength(ctx, last)
		if err != nil {
			return nil, err
		}
		last = proto.CloneOf(last)
		last.Offset = proto.Uint64(uint64(l.length))
		last.B.NumBytes = proto.Uint64(uint64(n))
		l.open = last
		l.length += n
	}
	return l, nil
}

// prefetch is how many bytes' worth of locations are asked for at once (dfs.client.read.prefetch.size, ten blocks).
func (l *locator) prefetch() int64 {
	if l.c.set.prefetch > 0 {
		return l.c.set.prefetch
	}
	return 10 * l.c.set.blockSize
}

// visibleLength asks the datanodes of a block under construction how many bytes a reader may see.
func (c *Client) visibleLength(ctx context.Context, lb *hdfspb.LocatedBlockProto) (int64, error) {
	if len(lb.GetLocs()) == 0 {
		return 0, nil // nobody has reported it yet
	}
	var errs []error
	missing := 0
	for _, d := range lb.GetLocs() {
		host := d.GetId().GetIpAddr()
		if c.set.useHostname {
			host = d.GetId().GetHostName()
		}
		dn, err := c.Datanode(net.JoinHostPort(host, strconv.Itoa(int(d.GetId().GetIpcPort()))))
		if err != nil {
			return 0, err
		}
		dctx, cancel := context.WithTimeout(ctx, c.set.socketTimeout)
		resp, err := dn.GetReplicaVisibleLength(dctx, &hdfspb.GetReplicaVisibleLengthRequestProto{Block: lb.GetB()})
		cancel()
		if err == nil {
			return int64(resp.GetLength()), nil
		}
		var e *hdfs.Exception
		if errors.As(err, &e) && e.Class == hdfs.ReplicaNotFound {
			missing++
		}
		errs = append(errs, err)
	}
	if missing == len(lb.GetLocs()) {
		return 0, nil // the pipeline is being made
	}
	return 0, hdfs.Errorf(hdfs.IOException, "Cannot obtain block length for %v: %v", lb.GetB(), errors.Join(errs...))
}

// merge takes in what the namenode said.
func (l *locator) merge(lbs *hdfspb.LocatedBlocksProto) {
	for _, lb := range lbs.GetBlocks() {
		if !lbs.GetIsLastBlockComplete() && lb.GetOffset() >= lbs.GetFileLength() {
			continue // the block that is being written
		}
		off := lb.GetOffset()
		i := sort.Search(len(l.blocks), func(i int) bool { return l.blocks[i].GetOffset() >= off })
		if i < len(l.blocks) && l.blocks[i].GetOffset() == off {
			l.blocks[i] = lb
			continue
		}
		l.blocks = append(l.blocks, nil)
		copy(l.blocks[i+1:], l.blocks[i:])
		l.blocks[i] = lb
	}
}

// size is the file's length.
func (l *locator) size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.length
}

// at is the block that holds the byte at off, which has to be below the length.
func (l *locator) at(ctx context.Context, off int64) (*hdfspb.LocatedBlockProto, error) {
	if lb := l.cached(off); lb != nil {
		return lb, nil
	}
	return l.refresh(ctx, off)
}

func (l *locator) cached(off int64) *hdfspb.LocatedBlockProto {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open != nil && off >= int64(l.open.GetOffset()) {
		return l.open
	}
	i := sort.Search(len(l.blocks), func(i int) bool { return int64(l.blocks[i].GetOffset()) > off }) - 1
	if i >= 0 && off < int64(l.blocks[i].GetOffset()+l.blocks[i].GetB().GetNumBytes()) {
		return l.blocks[i]
	}
	return nil
}

// refresh asks the namenode again for the block at off.
func (l *locator) refresh(ctx context.Context, off int64) (*hdfspb.LocatedBlockProto, error) {
	lbs, err := l.c.blockLocations(ctx, l.path, off, l.prefetch())
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.merge(lbs)
	if l.open != nil && off >= int64(l.open.GetOffset()) {
		// The block may be closed by now, or in another pipeline; what was visible stays visible.
		for _, lb := range append(lbs.GetBlocks(), lbs.GetLastBlock()) {
			if lb.GetB().GetBlockId() == l.open.GetB().GetBlockId() {
				n := l.open.GetB().GetNumBytes()
				off := l.open.Offset
				l.open = proto.CloneOf(lb)
				l.open.Offset, l.open.B.NumBytes = off, &n
				break
			}
		}
	}
	l.mu.Unlock()
	if lb := l.cached(off); lb != nil {
		return lb, nil
	}
	return nil, hdfs.Errorf(hdfs.IOException, "the namenode knows no block at byte %d of %s: has the file changed?", off, l.path)
}

// pick is the nearest datanode of a block that has not failed, nil when all have.
func (l *locator) pick(lb *hdfspb.LocatedBlockProto, but *hdfspb.DatanodeInfoProto) *hdfspb.DatanodeInfoProto {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range lb.GetLocs() {
		if d != but && !l.dead[d.GetId().GetDatanodeUuid()] {
			return d
		}
	}
	return nil
}

func (l *locator) fail(d *hdfspb.DatanodeInfoProto) {
	l.mu.Lock()
	l.dead[d.GetId().GetDatanodeUuid()] = true
	l.mu.Unlock()
}

// forgive lets all datanodes be tried again.
func (l *locator) forgive() {
	l.mu.Lock()
	clear(l.dead)
	l.mu.Unlock()
}

// reportBad tells the namenode that a datanode's replica is corrupt.
func (l *locator) reportBad(ctx context.Context, lb *hdfspb.LocatedBlockProto, d *hdfspb.DatanodeInfoProto) {
	bad := &hdfspb.LocatedBlockProto{
		B: lb.GetB(), Offset: lb.Offset, Corrupt: proto.Bool(true), BlockToken: lb.GetBlockToken(),
		Locs: []*hdfspb.DatanodeInfoProto{d}, IsCached: []bool{false},
	}
	for i, o := range lb.GetLocs() {
		if o.GetId().GetDatanodeUuid() == d.GetId().GetDatanodeUuid() && i < len(lb.GetStorageIDs()) && i < len(lb.GetStorageTypes()) {
			bad.StorageIDs = []string{lb.GetStorageIDs()[i]}
			bad.StorageTypes = []hdfspb.StorageTypeProto{lb.GetStorageTypes()[i]}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, err := l.c.nn.ReportBadBlocks(ctx, &hdfspb.ReportBadBlocksRequestProto{Blocks: []*hdfspb.LocatedBlockProto{bad}}); err != nil {
		l.c.log.Warn("a corrupt replica could not be reported", "path", l.path, "error", err)
	}
}
