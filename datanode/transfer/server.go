package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/datanode/blockstore"
	"github.com/lodehq/lode/internal/hdfs"
	commonpb "github.com/lodehq/lode/proto/hadoop/common"
	pb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Events is what happens to replicas here; the datanode tells the namenode. Calls do not wait for the network.
type Events interface {
	Receiving(b hdfs.Block, storageID string)
	Received(b hdfs.Block, storageID, deleteHint string)
	// Corrupt reports a replica of this datanode that failed its checksum.
	Corrupt(b hdfs.Block, storageID string)
	// CorruptRemote reports the replica of the datanode that sent bytes with a bad checksum.
	CorruptRemote(b hdfs.Block, source *pb.DatanodeInfoProto)
	// DiskError asks for a check of the volumes.
	DiskError(err error)
}

// Config of a Server. Store and Events are required; zero durations and limits take Apache's defaults.
type Config struct {
	Store  *blockstore.Store
	Events Events
	Log    *slog.Logger
	// Self is this datanode as other datanodes see it.
	Self func() *pb.DatanodeInfoProto
	// Where is the address of a datanode that a client or the namenode named: clients may know it under another. nil is as named.
	Where func(context.Context, *pb.DatanodeIDProto) *pb.DatanodeIDProto
	Dial  func(ctx context.Context, network, addr string) (net.Conn, error)

	SocketTimeout time.Duration // silence allowed to a peer, 60 s (dfs.client.socket-timeout)
	WriteTimeout  time.Duration // a peer that does not read, 8 min (dfs.datanode.socket.write.timeout)
	KeepAlive     time.Duration // wait for the next operation on a connection, 4 s (dfs.datanode.socket.reuse.keepalive)
	MaxXceivers   int           // connections at a time, 4096 (dfs.datanode.max.transfer.threads)
	ReadPacket    int           // bytes of data in a packet sent, 256 KiB; the first of a read has at most 64 KiB
	UseHostname   bool          // connect to datanodes by name (dfs.datanode.use.datanode.hostname)

	BalanceBandwidth  int64 // bytes a second for the balancer, 100 MiB (dfs.datanode.balance.bandwidthPerSec)
	BalanceMoves      int   // balancer transfers at a time, 100 (dfs.datanode.balance.max.concurrent.moves)
	TransferBandwidth int64 // bytes a second for replication, 0 is unlimited (dfs.datanode.data.transfer.bandwidthPerSec)
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Server serves the data transfer protocol. Close ends it.
type Server struct {
	cfg   Config
	store *blockstore.Store
	log   *slog.Logger

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	xceivers atomic.Int64
	writers  atomic.Int64
	xmits    atomic.Int64
	moves    chan struct{}

	balance  *Throttle
	transfer *Throttle

	sendBufs sync.Pool
	recvBufs sync.Pool

	stats Stats

	mu        sync.Mutex // guards what follows
	conns     map[net.Conn]struct{}
	listeners []net.Listener
	pipelines map[*receiver]struct{}
	closed    bool
}

// Stats count what the server has moved.
type Stats struct {
	BytesRead, BytesWritten, BlocksRead, BlocksWritten, ChecksumErrors atomic.Int64
}

// NewServer makes a Server; it serves nothing yet.
func NewServer(cfg Config) *Server {
	def(&cfg.SocketTimeout, time.Minute)
	def(&cfg.WriteTimeout, 8*time.Minute)
	def(&cfg.KeepAlive, 4*time.Second)
	def(&cfg.MaxXceivers, 4096)
	def(&cfg.ReadPacket, 256<<10)
	def(&cfg.BalanceBandwidth, 100<<20)
	def(&cfg.BalanceMoves, 100)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{}).DialContext
	}
	s := &Server{
		cfg: cfg, store: cfg.Store, log: cfg.Log,
		moves:   make(chan struct{}, cfg.BalanceMoves),
		balance: NewThrottle(cfg.BalanceBandwidth), transfer: NewThrottle(cfg.TransferBandwidth),
		conns: map[net.Conn]struct{}{}, pipelines: map[*receiver]struct{}{},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Stats are the counters.
func (s *Server) Stats() *Stats { return &s.stats }

// Balance is the throttle of balancer traffic.
func (s *Server) Balance() *Throttle { return s.balance }

// Xceivers is the number of connections being served; it is the load that heartbeats report.
func (s *Server) Xceivers() int { return int(s.xceivers.Load()) }

// Transfers is the number of replicas being sent to other datanodes.
func (s *Server) Transfers() int { return int(s.xmits.Load()) }

// Serve accepts connections until Close, then answers nil.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	s.listeners = append(s.listeners, l)
	closed := s.closed
	s.mu.Unlock()
	if closed {
		l.Close()
	}
	for {
		c, err := l.Accept()
		if err != nil {
			if s.isClosed() {
				return nil
			}
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() || errors.Is(err, errTooManyFiles) {
				select {
				case <-time.After(50 * time.Millisecond):
					continue
				case <-s.ctx.Done():
					return nil
				}
			}
			return fmt.Errorf("accept on %s: %w", l.Addr(), err)
		}
		if !s.admit(c) {
			c.Close()
			continue
		}
		s.wg.Go(func() {
			defer s.dismiss(c)
			s.ServeConn(c)
		})
	}
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *Server) admit(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if len(s.conns) >= s.cfg.MaxXceivers {
		s.log.Warn("connection refused: too many at a time", "limit", s.cfg.MaxXceivers, "key", "dfs.datanode.max.transfer.threads", "peer", c.RemoteAddr())
		return false
	}
	s.conns[c] = struct{}{}
	s.xceivers.Add(1)
	return true
}

func (s *Server) dismiss(c net.Conn) {
	c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.xceivers.Add(-1)
}

// Close stops accepting, breaks the connections and waits. With restart, writers are told first that the datanode comes back soon
// (OOB_RESTART), so that a client waits for it instead of dropping it.
func (s *Server) Close(restart bool) {
	s.mu.Lock()
	s.closed = true
	for _, l := range s.listeners {
		l.Close()
	}
	var ps []*receiver
	for p := range s.pipelines {
		ps = append(ps, p)
	}
	s.mu.Unlock()
	if restart {
		for _, p := range ps {
			p.sendOOB(pb.Status_OOB_RESTART)
		}
	}
	s.cancel()
	s.mu.Lock()
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// ServeConn serves the operations of one connection until it ends; it closes nothing.
func (s *Server) ServeConn(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		t.SetNoDelay(true)
	}
	in := &stream{conn: c, buf: make([]byte, 4096), timeout: s.cfg.SocketTimeout}
	for first := true; ; first = false {
		if !first {
			in.timeout = s.cfg.KeepAlive
		}
		again, err := s.serveOp(c, in)
		if err != nil {
			switch {
			case first && errors.Is(err, io.EOF), !first && (errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, io.EOF)), s.ctx.Err() != nil:
			default:
				s.log.Info("data transfer ended", "peer", c.RemoteAddr(), "error", err)
			}
		}
		if err != nil || !again {
			return
		}
	}
}

// serveOp serves one operation; again tells whether the connection can carry another.
func (s *Server) serveOp(c net.Conn, in *stream) (again bool, err error) {
	head, err := in.take(3)
	if err != nil {
		return false, err
	}
	in.timeout = s.cfg.SocketTimeout
	if v := int(head[0])<<8 | int(head[1]); v != Version {
		return false, fmt.Errorf("data transfer version %d, expected %d: %w", v, Version, errFraming)
	}
	switch op := opcode(head[2]); op {
	case opReadBlock:
		return with(in, func(m *pb.OpReadBlockProto) (bool, error) { return s.readBlock(c, in, m) })
	case opWriteBlock:
		return with(in, func(m *pb.OpWriteBlockProto) (bool, error) { return s.writeBlock(c, in, m) })
	case opTransferBlock:
		return with(in, func(m *pb.OpTransferBlockProto) (bool, error) { return s.transferBlock(c, m) })
	case opReplaceBlock:
		return with(in, func(m *pb.OpReplaceBlockProto) (bool, error) { return s.replaceBlock(c, m) })
	case opCopyBlock:
		return with(in, func(m *pb.OpCopyBlockProto) (bool, error) { return s.copyBlock(c, m) })
	case opBlockChecksum:
		return with(in, func(m *pb.OpBlockChecksumProto) (bool, error) { return s.blockChecksum(c, m) })
	case opRequestFDs:
		return with(in, func(m *pb.OpRequestShortCircuitAccessProto) (bool, error) { return s.requestFDs(c, in, m) })
	case opReleaseFDs:
		return with(in, func(m *pb.ReleaseShortCircuitAccessRequestProto) (bool, error) {
			return false, s.send(c, &pb.ReleaseShortCircuitAccessResponseProto{
				Status: pb.Status_ERROR_INVALID.Enum(), Error: proto.String("no shared memory slots are handed out here"),
			})
		})
	case opRequestShm:
		return with(in, func(m *pb.ShortCircuitShmRequestProto) (bool, error) {
			// Clients go on with plain descriptors when shared memory is not supported.
			return true, s.send(c, &pb.ShortCircuitShmResponseProto{
				Status: pb.Status_ERROR_UNSUPPORTED.Enum(), Error: proto.String("shared memory segments are not supported here"),
			})
		})
	case opBlockGroupChecksum:
		return with(in, func(m *pb.OpBlockGroupChecksumProto) (bool, error) {
			return false, s.send(c, response(pb.Status_ERROR_UNSUPPORTED, "", "erasure coding is switched off"))
		})
	default:
		return false, fmt.Errorf("unknown operation %d: %w", op, errFraming)
	}
}

func with[M any, P interface {
	*M
	proto.Message
}](in *stream, f func(P) (bool, error)) (bool, error) {
	var m P = new(M)
	if err := in.message(m); err != nil {
		return false, fmt.Errorf("read operation: %w", err)
	}
	return f(m)
}

// send writes a delimited message.
func (s *Server) send(c net.Conn, m proto.Message) error { return s.write(c, appendMessage(nil, m)) }

func (s *Server) write(c net.Conn, b []byte) error {
	if err := c.SetWriteDeadline(time.Now().Add(s.cfg.WriteTimeout)); err != nil {
		return err
	}
	_, err := c.Write(b)
	return err
}

// refuse answers an operation that failed before it began and hands the error back.
func (s *Server) refuse(c net.Conn, status pb.Status, err error) error {
	if werr := s.send(c, response(status, "", err.Error())); werr != nil {
		return errors.Join(err, werr)
	}
	return err
}

// local checks the pool of a block from the wire.
func (s *Server) local(b *pb.ExtendedBlockProto) (hdfs.Block, error) {
	if pool := s.store.Pool(); b.GetPoolId() != pool {
		return hdfs.Block{}, fmt.Errorf("block pool %s is not served here, %s is", b.GetPoolId(), pool)
	}
	return hdfs.Block{ID: hdfs.BlockID(b.GetBlockId()), GenStamp: hdfs.GenStamp(b.GetGenerationStamp()), NumBytes: int64(b.GetNumBytes())}, nil
}

func (s *Server) extended(b hdfs.Block) *pb.ExtendedBlockProto {
	return &pb.ExtendedBlockProto{
		PoolId: proto.String(s.store.Pool()), BlockId: proto.Uint64(uint64(b.ID)),
		GenerationStamp: proto.Uint64(uint64(b.GenStamp)), NumBytes: proto.Uint64(uint64(b.NumBytes)),
	}
}

// dial connects to another datanode.
func (s *Server) dial(ctx context.Context, d *pb.DatanodeInfoProto) (net.Conn, error) {
	id := d.GetId()
	if s.cfg.Where != nil {
		id = s.cfg.Where(ctx, id)
	}
	host := id.GetIpAddr()
	if s.cfg.UseHostname || host == "" {
		host = id.GetHostName()
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.SocketTimeout)
	defer cancel()
	c, err := s.cfg.Dial(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(id.GetXferPort()))))
	if err != nil {
		return nil, err
	}
	if t, ok := c.(*net.TCPConn); ok {
		t.SetNoDelay(true)
	}
	return c, nil
}

func xferAddr(d *pb.DatanodeInfoProto) string {
	return net.JoinHostPort(d.GetId().GetIpAddr(), strconv.Itoa(int(d.GetId().GetXferPort())))
}

func header(b *pb.ExtendedBlockProto, token *commonpb.TokenProto) *pb.BaseHeaderProto {
	if token == nil {
		token = &commonpb.TokenProto{Identifier: []byte{}, Password: []byte{}, Kind: proto.String(""), Service: proto.String("")}
	}
	return &pb.BaseHeaderProto{Block: b, Token: token}
}

func checksumProto(c blockstore.Checksum) *pb.ChecksumProto {
	return &pb.ChecksumProto{Type: pb.ChecksumTypeProto(c.Type).Enum(), BytesPerChecksum: proto.Uint32(uint32(c.BytesPerChecksum))}
}

func checksumOf(m *pb.ChecksumProto) blockstore.Checksum {
	return blockstore.Checksum{Type: blockstore.ChecksumType(m.GetType()), BytesPerChecksum: int(min(m.GetBytesPerChecksum(), blockstore.MaxBytesPerChecksum+1))}
}
