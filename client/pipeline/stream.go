package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodehq/lode/client/block"
	commonpb "github.com/lodehq/lode/proto/hadoop/common"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Namenode is what writing asks of the namenode; *protocol.Namenode is one.
type Namenode interface {
	AddBlock(context.Context, *hdfspb.AddBlockRequestProto) (*hdfspb.AddBlockResponseProto, error)
	AbandonBlock(context.Context, *hdfspb.AbandonBlockRequestProto) (*hdfspb.AbandonBlockResponseProto, error)
	GetAdditionalDatanode(context.Context, *hdfspb.GetAdditionalDatanodeRequestProto) (*hdfspb.GetAdditionalDatanodeResponseProto, error)
	UpdateBlockForPipeline(context.Context, *hdfspb.UpdateBlockForPipelineRequestProto) (*hdfspb.UpdateBlockForPipelineResponseProto, error)
	UpdatePipeline(context.Context, *hdfspb.UpdatePipelineRequestProto) (*hdfspb.UpdatePipelineResponseProto, error)
}

// Config says what is written and how.
type Config struct {
	Namenode   Namenode
	Network    *block.Network
	Path       string
	FileID     uint64
	ClientName string

	Replication int
	BlockSize   int64
	Checksum    block.Checksum
	PacketSize  int   // bytes of data in a packet, rounded down to whole chunks
	Window      int64 // bytes that are not acknowledged; Write waits beyond it

	Replace     Replace
	SetupTries  int           // blocks that are asked for before a new pipeline is given up; 4 if 0
	RestartWait time.Duration // for a datanode that says it restarts; 30 s if 0
	Favored     []string
	Flags       []hdfspb.AddBlockFlagProto
	LazyPersist bool
	Logger      *slog.Logger
}

// Replace says when a failed datanode of a pipeline is replaced (dfs.client.block.write.replace-datanode-on-failure.*).
type Replace struct {
	Enable     bool
	Policy     string // DEFAULT, ALWAYS, NEVER
	BestEffort bool   // go on with fewer when nobody can be had
	Min        int    // go on when at least so many are left, 0 for never
}

// ErrAborted is the error of a stream after Abort.
var ErrAborted = errors.New("the writer was aborted")

// Stream writes the blocks of one file.
type Stream struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{} // tells run that something changed
	ended  chan struct{} // closed when run has returned
	blocks atomic.Int64  // blocks that the namenode gave

	fill    sync.Mutex // guards the packet that is filled, and the order of the queue; held while a writer waits for room
	cur     *packet
	pos     int64 // in the block, where cur begins or the next packet will
	inBlock bool  // the block has bytes or is appended to: it needs a last packet
	nextSeq int64

	mu       sync.Mutex // guards what follows; no I/O under it
	changed  *sync.Cond
	pool     *pool
	queue    []*packet // to be sent
	sent     []*packet // sent, not acknowledged
	done     []*packet // acknowledged, but kept until the whole block is (retain)
	retain   bool
	held     int64 // bytes in the three
	queued   int64 // number of the last packet in the queue
	acked    int64 // number of the last acknowledged packet
	closing  bool
	err      error
	fault    *fault // of the pipeline in use
	finished bool   // the block's last packet was acknowledged

	// what follows belongs to run; listen reads nodes of its own pipeline only
	pipe      *pipe
	block     *hdfspb.ExtendedBlockProto // current block; NumBytes is what is acknowledged
	located   located
	before    *hdfspb.ExtendedBlockProto // the block before it, as the namenode has to commit it
	bad       []*hdfspb.DatanodeInfoProto
	flushed   bool // guarded by mu: bytes of the block were promised to a caller
	append    bool // the block existed before this stream
	anyAck    bool // guarded by mu: something of the block was acknowledged
	tries     int
	rebuiltAt int64 // what was acknowledged when the pipeline was rebuilt last
}

// located is a pipeline's datanodes with their storages and the token for the block.
type located struct {
	nodes []*hdfspb.DatanodeInfoProto
	types []hdfspb.StorageTypeProto
	ids   []string
	token *commonpb.TokenProto
}

// fault says why a pipeline ended before its time.
type fault struct {
	index      int // of the bad datanode, -1 when nobody was named
	restarting bool
	setup      bool // the pipeline was never there
	err        error
}

// New makes a stream that begins with the file's next block, after previous if the file has blocks already. With last it
// continues in that block, which is the one that the namenode gave for an append.
func New(cfg Config, last *hdfspb.LocatedBlockProto, previous *hdfspb.ExtendedBlockProto) *Stream {
	cfg.PacketSize = max(cfg.PacketSize/cfg.Checksum.Chunk, 1) * cfg.Checksum.Chunk
	if cfg.Window < int64(2*cfg.PacketSize) {
		cfg.Window = int64(2 * cfg.PacketSize)
	}
	if cfg.SetupTries <= 0 {
		cfg.SetupTries = 4
	}
	if cfg.RestartWait <= 0 {
		cfg.RestartWait = 30 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Stream{
		cfg: cfg, wake: make(chan struct{}, 1), ended: make(chan struct{}),
		pool: newPool(cfg.PacketSize, cfg.Checksum), queued: -1, acked: -1, before: previous,
	}
	s.changed = sync.NewCond(&s.mu)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if last != nil {
		s.block = last.GetB()
		s.located = located{last.GetLocs(), last.GetStorageTypes(), last.GetStorageIDs(), last.GetBlockToken()}
		s.pos = int64(last.GetB().GetNumBytes())
		s.inBlock, s.append, s.anyAck = true, true, true
	}
	go s.run()
	return s
}

// Blocks is how many blocks the namenode gave so far.
func (s *Stream) Blocks() int64 { return s.blocks.Load() }

// Context is the stream's own; it ends with Close and Abort.
func (s *Stream) Context() context.Context { return s.ctx }

// Write takes bytes. It waits when the window is full.
func (s *Stream) Write(b []byte) (int, error) {
	s.fill.Lock()
	defer s.fill.Unlock()
	n := 0
	for n < len(b) {
		p, err := s.current()
		if err != nil {
			return n, err
		}
		m := copy(p.room(), b[n:])
		n += m
		if err := s.filled(p, m); err != nil {
			return n, err
		}
	}
	return n, nil
}

// ReadFrom takes all bytes of r, straight into packets.
func (s *Stream) ReadFrom(r io.Reader) (int64, error) {
	s.fill.Lock()
	defer s.fill.Unlock()
	var total int64
	for idle := 0; idle < 100; {
		p, err := s.current()
		if err != nil {
			return total, err
		}
		n, rerr := r.Read(p.room())
		total += int64(n)
		if err := s.filled(p, n); err != nil {
			return total, err
		}
		if rerr == io.EOF {
			return total, nil
		}
		if rerr != nil {
			return total, rerr
		}
		if idle++; n > 0 {
			idle = 0
		}
	}
	return total, io.ErrNoProgress
}

// current is the packet that is filled. The caller holds fill.
func (s *Stream) current() (*packet, error) {
	if s.cur == nil {
		s.mu.Lock()
		err, buf := s.err, []byte(nil)
		if err == nil {
			buf = s.pool.get()
		}
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
		s.cur = s.packetAt(s.pos, buf)
	}
	return s.cur, nil
}

func (s *Stream) packetAt(pos int64, buf []byte) *packet {
	chunk := s.cfg.Checksum.Chunk
	p := &packet{buf: buf, base: s.pool.base, offset: pos, max: s.cfg.PacketSize, first: chunk}
	if skip := int(pos % int64(chunk)); skip != 0 {
		// A packet that begins within a chunk ends with it at the latest (BlockReceiver).
		p.first = chunk - skip
		p.max = p.first
	}
	if left := s.cfg.BlockSize - pos; int64(p.max) > left {
		p.max = int(left)
	}
	return p
}

// filled counts n new bytes of the current packet, sends it when it is full and ends the block when that is full.
func (s *Stream) filled(p *packet, n int) error {
	p.n += n
	if n > 0 {
		s.inBlock = true
	}
	if p.n < p.max {
		return nil
	}
	s.cur = nil
	s.pos = p.end()
	if err := s.enqueue(p); err != nil {
		return err
	}
	if s.pos >= s.cfg.BlockSize {
		return s.endBlock()
	}
	return nil
}

// endBlock sends the block's last packet. The caller holds fill.
func (s *Stream) endBlock() error {
	s.inBlock = false
	p := s.small(s.pos)
	p.last = true
	s.pos = 0
	return s.enqueue(p)
}

// small is a packet without data.
func (s *Stream) small(pos int64) *packet {
	return &packet{buf: make([]byte, block.HeaderReserve), base: block.HeaderReserve, offset: pos, first: s.cfg.Checksum.Chunk}
}

// enqueue puts a packet into the queue when there is room in the window. The caller holds fill.
func (s *Stream) enqueue(p *packet) error {
	p.seqno = s.nextSeq
	s.nextSeq++
	p.encode(s.cfg.Checksum)
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.held > 0 && s.held+int64(p.n) > s.cfg.Window && s.err == nil {
		s.changed.Wait()
	}
	if s.err != nil {
		return s.err
	}
	s.held += int64(p.n)
	s.queue = append(s.queue, p)
	s.queued = p.seqno
	s.signal()
	return nil
}

// signal wakes run.
func (s *Stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Pos is the position in the current block after the last byte written.
func (s *Stream) Pos() int64 {
	s.fill.Lock()
	defer s.fill.Unlock()
	if s.cur != nil {
		return s.cur.end()
	}
	return s.pos
}

// Flush returns when everything written so far is acknowledged by the whole pipeline, with sync from its disks.
func (s *Stream) Flush(sync bool) error {
	s.fill.Lock()
	err := s.push(sync)
	s.fill.Unlock()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushed = true
	seq := s.queued
	for s.acked < seq && s.err == nil {
		s.changed.Wait()
	}
	return s.err
}

// push sends what the current packet has. A partial chunk at its end stays in the next packet, which sends it again with more
// bytes and a new CRC. The caller holds fill.
func (s *Stream) push(sync bool) error {
	p := s.cur
	if p == nil || p.n == p.kept {
		if !sync || !s.inBlock {
			return nil
		}
		e := s.small(s.pos)
		if p != nil {
			e.offset = p.end()
		}
		e.sync = true
		return s.enqueue(e)
	}
	p.sync = sync
	s.cur = nil
	at := p.tail(s.cfg.Checksum.Chunk)
	s.pos = p.offset + int64(at)
	if at < p.n {
		s.mu.Lock()
		buf := s.pool.get()
		s.mu.Unlock()
		next := s.packetAt(s.pos, buf)
		next.n = copy(next.room(), p.data()[at:])
		next.kept = next.n
		s.cur = next
	}
	return s.enqueue(p)
}

// Close ends the last block and answers it as the namenode has to complete it, nil for a file without one.
func (s *Stream) Close() (*hdfspb.ExtendedBlockProto, error) {
	s.fill.Lock()
	err := s.push(false)
	if s.cur != nil {
		s.pos = s.cur.end()
		s.cur = nil
	}
	if err == nil && s.inBlock {
		err = s.endBlock()
	}
	s.fill.Unlock()

	s.mu.Lock()
	s.closing = true
	s.signal()
	s.mu.Unlock()
	<-s.ended
	s.cancel()
	if err == nil {
		err = s.failure()
	}
	return s.before, err
}

// Abort ends the stream without waiting for anything.
func (s *Stream) Abort() {
	s.fail(ErrAborted)
	s.cancel()
	<-s.ended
}

func (s *Stream) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// fail ends the stream with an error, the first of which counts.
func (s *Stream) fail(err error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = err
	}
	s.changed.Broadcast()
	s.signal()
	s.mu.Unlock()
}

func (s *Stream) wrap(what string, err error) error {
	return fmt.Errorf("write %s: %s: %w", s.cfg.Path, what, err)
}
