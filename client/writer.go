package client

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/client/block"
	"github.com/lodehq/lode/client/pipeline"
	"github.com/lodehq/lode/internal/hdfs"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// CreateOptions say how a new file is made. Zero values are the configuration's defaults.
type CreateOptions struct {
	Overwrite     bool        // replace a file that is there
	CreateParent  bool        // make missing directories above it
	Replication   int         // replicas of each block
	BlockSize     int64       // bytes
	Permission    fs.FileMode // 0 is 0666; the umask is taken off
	Unmasked      fs.FileMode // what default ACL entries of the directory mask; 0 is Permission before the umask
	StoragePolicy string      // "" follows the directory
	ECPolicy      string      // erasure coding policy, "" follows the directory
	Replicate     bool        // a replicated file even where the directory says erasure coding
	LazyPersist   bool        // memory first, disk later
	NoLocalWrite  bool        // no replica on the writer's own host
	Favored       []string    // host:port of datanodes to prefer
}

// AppendOptions say how a file is continued.
type AppendOptions struct {
	NewBlock bool // begin a new block instead of filling the last one
}

// Writer writes one file. Close ends it.
type Writer struct {
	c       *Client
	path    string
	fileID  uint64
	created bool // by this writer: Abort removes it
	stream  *pipeline.Stream
	size    atomic.Int64

	mu     sync.Mutex // guards what follows, and orders Close; I/O happens under it
	closed bool
	err    error
	blocks int64 // blocks that were made known by fsync
}

var (
	_ io.WriteCloser = (*Writer)(nil)
	_ io.ReaderFrom  = (*Writer)(nil)
)

// ErrErasureCoded is returned for files that are striped over datanodes: only replicated files can be written and read.
var ErrErasureCoded = errors.New("the file is erasure coded, which this client does not support")

// Create makes a file and answers its Writer. It fails when the file exists, unless o.Overwrite.
func (c *Client) Create(ctx context.Context, name string, o CreateOptions) (*Writer, error) {
	p := c.abs(name)
	if o.Replication == 0 {
		o.Replication = c.set.replication
	}
	if o.BlockSize == 0 {
		o.BlockSize = c.set.blockSize
	}
	if o.Permission == 0 {
		o.Permission = 0o666
	}
	if o.Unmasked == 0 {
		o.Unmasked = o.Permission
	}
	flag := uint32(hdfs.CreateFlagCreate)
	if o.Overwrite {
		flag |= hdfs.CreateFlagOverwrite
	}
	if o.LazyPersist {
		flag |= hdfs.CreateFlagLazyPersist
	}
	if o.Replicate {
		flag |= hdfs.CreateFlagShouldReplicate
	}
	req := &hdfspb.CreateRequestProto{
		Src: str(p), Masked: hadoopPerm(o.Permission &^ c.set.umask), Unmasked: hadoopPerm(o.Unmasked),
		ClientName: str(c.name), CreateFlag: proto.Uint32(flag), CreateParent: proto.Bool(o.CreateParent),
		Replication: proto.Uint32(uint32(o.Replication)), BlockSize: proto.Uint64(uint64(o.BlockSize)),
		CryptoProtocolVersion: []hdfspb.CryptoProtocolVersionProto{hdfspb.CryptoProtocolVersionProto_ENCRYPTION_ZONES},
	}
	if o.ECPolicy != "" {
		req.EcPolicyName = str(o.ECPolicy)
	}
	if o.StoragePolicy != "" {
		req.StoragePolicy = str(o.StoragePolicy)
	}
	resp, err := c.create(ctx, req)
	if err != nil {
		return nil, pathError("create", p, err)
	}
	cfg := pipeline.Config{
		Path: p, FileID: resp.GetFs().GetFileId(), Replication: o.Replication, BlockSize: o.BlockSize,
		Favored: o.Favored, LazyPersist: o.LazyPersist,
	}
	if o.NoLocalWrite {
		cfg.Flags = append(cfg.Flags, hdfspb.AddBlockFlagProto_NO_LOCAL_WRITE)
	}
	w, err := c.newWriter(resp.GetFs(), cfg, nil, nil)
	if err != nil {
		_ = c.forget(p)
		return nil, pathError("create", p, err)
	}
	w.created = true
	return w, nil
}

// create calls create again for as long as the namenode asks for it (RetryStartFile: an encryption zone changed).
func (c *Client) create(ctx context.Context, req *hdfspb.CreateRequestProto) (*hdfspb.CreateResponseProto, error) {
	for range 9 {
		resp, err := c.nn.Create(ctx, req)
		if err == nil || hdfs.ClassOf(err) != hdfs.RetryStartFile {
			return resp, err
		}
	}
	return c.nn.Create(ctx, req)
}

// Append opens a file for more bytes at its end.
func (c *Client) Append(ctx context.Context, name string, o AppendOptions) (*Writer, error) {
	p := c.abs(name)
	flag := uint32(hdfs.CreateFlagAppend)
	if o.NewBlock {
		flag |= hdfs.CreateFlagNewBlock
	}
	req := &hdfspb.AppendRequestProto{Src: str(p), ClientName: str(c.name), Flag: proto.Uint32(flag)}
	resp, err := c.nn.Append(ctx, req)
	if err != nil {
		return nil, pathError("append", p, err)
	}
	st, last := resp.GetStat(), resp.GetBlock()
	if st == nil {
		info, err := c.Stat(ctx, p)
		if err != nil {
			return nil, err
		}
		st = info.status
	}
	cfg := pipeline.Config{
		Path: p, FileID: st.GetFileId(), Replication: int(st.GetBlockReplication()), BlockSize: int64(st.GetBlocksize()),
	}
	var previous *hdfspb.ExtendedBlockProto
	if last != nil && (o.NewBlock || int64(last.GetB().GetNumBytes()) >= cfg.BlockSize) {
		previous, last = last.GetB(), nil
	}
	w, err := c.newWriter(st, cfg, last, previous)
	if err != nil {
		return nil, pathError("append", p, err)
	}
	w.size.Store(int64(st.GetLength()))
	return w, nil
}

func (c *Client) newWriter(st *hdfspb.HdfsFileStatusProto, cfg pipeline.Config, last *hdfspb.LocatedBlockProto, previous *hdfspb.ExtendedBlockProto) (*Writer, error) {
	if st.GetEcPolicy().GetId() != 0 || st.GetEcPolicy().GetName() != "" && st.GetEcPolicy().GetName() != "REPLICATION" {
		return nil, ErrErasureCoded
	}
	if st.GetFileEncryptionInfo() != nil {
		return nil, ErrEncrypted
	}
	t, err := block.ParseChecksumType(c.set.checksumType)
	if err != nil {
		return nil, err
	}
	if cfg.Checksum, err = block.NewChecksum(t, c.set.bytesPerChecksum); err != nil {
		return nil, err
	}
	cfg.Namenode, cfg.Network, cfg.ClientName, cfg.Logger = c.nn, c.datanode, c.name, c.log
	cfg.PacketSize, cfg.Window = c.set.packetSize, c.set.window
	cfg.Replace = pipeline.Replace{
		Enable: c.set.replaceEnable, Policy: c.set.replacePolicy, BestEffort: c.set.replaceBest, Min: c.set.replaceMin,
	}
	cfg.SetupTries = c.set.blockWriteTries + 1
	w := &Writer{c: c, path: cfg.Path, fileID: cfg.FileID, stream: pipeline.New(cfg, last, previous)}
	c.leases.add(w)
	return w, nil
}

// ErrEncrypted is returned for files in an encryption zone.
var ErrEncrypted = errors.New("the file is in an encryption zone, which this client does not support")

// Name is the file's path.
func (w *Writer) Name() string { return w.path }

// Size is the file's length with everything written so far, acknowledged or not.
func (w *Writer) Size() int64 { return w.size.Load() }

// Write takes bytes; they are sent in the background. It waits when too many are under way.
func (w *Writer) Write(p []byte) (int, error) {
	n, err := w.stream.Write(p)
	w.size.Add(int64(n))
	return n, pathError("write", w.path, err)
}

// ReadFrom writes all that r has.
func (w *Writer) ReadFrom(r io.Reader) (int64, error) {
	n, err := w.stream.ReadFrom(r)
	w.size.Add(n)
	return n, err
}

// Flush (Hadoop's hflush) returns when every datanode of the pipeline has what was written so far; new readers see it.
func (w *Writer) Flush() error { return w.flush(false) }

// Sync (Hadoop's hsync) returns when every datanode of the pipeline has what was written so far on its disk, and the
// namenode knows the new length.
func (w *Writer) Sync() error { return w.flush(true) }

func (w *Writer) flush(sync bool) error {
	if err := w.stream.Flush(sync); err != nil {
		return pathError("flush", w.path, err)
	}
	length := int64(-1)
	if sync {
		length = w.stream.Pos()
	}
	blocks := w.stream.Blocks()
	w.mu.Lock()
	known := blocks == w.blocks && !sync
	w.mu.Unlock()
	if known || blocks == 0 && length <= 0 {
		return nil
	}
	// The namenode has to know that the block is in use, lest a crash of this client loses it (DFSOutputStream.flushOrSync).
	_, err := w.c.nn.Fsync(w.stream.Context(), &hdfspb.FsyncRequestProto{
		Src: str(w.path), Client: str(w.c.name), LastBlockLength: proto.Int64(length), FileId: proto.Uint64(w.fileID),
	})
	if err == nil {
		w.mu.Lock()
		w.blocks = max(w.blocks, blocks)
		w.mu.Unlock()
	}
	return pathError("flush", w.path, err)
}

// Close ends the file: it returns when all bytes are acknowledged and the namenode has completed the file.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return w.err
	}
	w.closed = true
	defer w.c.leases.remove(w)
	last, err := w.stream.Close()
	if err == nil {
		err = w.complete(last)
	}
	w.err = pathError("close", w.path, err)
	return w.err
}

// complete asks until the namenode has seen enough replicas of the last block.
func (w *Writer) complete(last *hdfspb.ExtendedBlockProto) error {
	ctx := context.Background()
	req := &hdfspb.CompleteRequestProto{
		Src: str(w.path), ClientName: str(w.c.name), Last: last, FileId: proto.Uint64(w.fileID),
	}
	pause, until := time.Millisecond, time.Now().Add(w.c.set.completeWait)
	for {
		resp, err := w.c.nn.Complete(ctx, req)
		if err != nil {
			return err
		}
		if resp.GetResult() {
			return nil
		}
		if time.Now().After(until) {
			return hdfs.Errorf(hdfs.IOException, "Unable to close file because the last block %s does not have enough number of replicas.", block.Name(last))
		}
		time.Sleep(pause)
		pause = min(2*pause, 400*time.Millisecond)
	}
}

// Abort gives the file up without waiting: what this writer created is removed, what it appended to is left to the
// namenode's recovery, which keeps what is acknowledged.
func (w *Writer) Abort() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return w.err
	}
	w.closed, w.err = true, pathError("write", w.path, pipeline.ErrAborted)
	defer w.c.leases.remove(w)
	w.stream.Abort()
	if w.created {
		return w.c.forget(w.path)
	}
	ctx, cancel := context.WithTimeout(context.Background(), w.c.set.socketTimeout)
	defer cancel()
	_, err := w.c.RecoverLease(ctx, w.path)
	return err
}

// forget removes a file that could not be written.
func (c *Client) forget(p string) error {
	ctx, cancel := context.WithTimeout(context.Background(), c.set.socketTimeout)
	defer cancel()
	_, err := c.Remove(ctx, p, false)
	return err
}

// WriteFile makes a file, and the directories above it, with these bytes; an existing file is replaced if o.Overwrite.
func (c *Client) WriteFile(ctx context.Context, name string, data []byte, o CreateOptions) error {
	o.CreateParent = true
	w, err := c.Create(ctx, name, o)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return errors.Join(err, w.Abort())
	}
	return w.Close()
}
