package datanode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/datanode/blockstore"
	"github.com/lodehq/lode/datanode/transfer"
	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/hrpc"
	pb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// softwareVersion is the release whose protocols are spoken; Apache's namenode refuses datanodes older than its minimum.
const softwareVersion = "3.4.3"

// Server is a running datanode.
type Server struct {
	cfg     Config
	log     *slog.Logger
	store   *blockstore.Store
	xfer    *transfer.Server
	ipc     *hrpc.Server
	web     *http.Server
	webH    atomic.Pointer[http.Handler]
	dataL   net.Listener
	ipcL    net.Listener
	webL    net.Listener
	unixL   net.Listener
	started time.Time

	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup

	actors   []*actor
	asks     *hrpc.Client  // asks namenodes where other datanodes are
	attached chan struct{} // closed when the block pool is known and the replicas are loaded
	reported chan struct{} // closed after the first full block report to any namenode
	once     sync.Once     // closes reported
	attach   sync.Mutex    // guards the attaching
	isReady  bool          // attached has been closed; under attach

	mu   sync.Mutex // guards self and ns
	self *pb.DatanodeIDProto
	ns   *pb.NamespaceInfoProto

	checks chan struct{} // asks for a check of the volumes
	done   chan struct{}
	err    error // after done
}

// Start opens the data directories and the ports, and begins to call the namenodes. It answers before a namenode has been reached:
// Ready tells when the datanode serves. ctx ends the datanode.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	cfg.fill()
	if len(cfg.Namenodes) == 0 {
		return nil, errors.New("start datanode: no namenode address: set fs.defaultFS or dfs.namenode.rpc-address")
	}
	vols, err := cfg.volumes()
	if err != nil {
		return nil, fmt.Errorf("start datanode: %w", err)
	}
	s := &Server{cfg: cfg, log: cfg.Log, started: cfg.Now(), attached: make(chan struct{}), reported: make(chan struct{}), checks: make(chan struct{}, 1), done: make(chan struct{})}
	s.store, err = blockstore.Open(blockstore.Config{
		FS: cfg.FS, Volumes: vols, FailedTolerated: cfg.FailedTolerated, SyncOnClose: cfg.SyncOnClose, Now: cfg.Now, Log: cfg.Log,
		Deleted: func(b hdfs.Block, storageID string) { events{s}.deleted(b, storageID) },
	})
	if err != nil {
		return nil, fmt.Errorf("start datanode: %w", err)
	}
	if err := s.listen(); err != nil {
		s.closeListeners()
		s.store.Close()
		return nil, fmt.Errorf("start datanode: %w", err)
	}
	s.self = s.identity()
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	where, asks := newPeers(cfg)
	s.asks = asks
	s.xfer = transfer.NewServer(transfer.Config{
		Store: s.store, Events: events{s}, Log: cfg.Log, Self: s.Self, Where: where.where, Dial: cfg.Dial,
		SocketTimeout: cfg.SocketTimeout, WriteTimeout: cfg.WriteTimeout, KeepAlive: cfg.KeepAlive, MaxXceivers: cfg.MaxXceivers,
		UseHostname: cfg.UseHostname, BalanceBandwidth: cfg.BalanceRate, BalanceMoves: cfg.BalanceMoves, TransferBandwidth: cfg.TransferRate,
	})
	s.ipc = hrpc.NewServer(hrpc.Options{Logger: cfg.Log})
	s.handleIPC()
	if cfg.HTTP != nil {
		s.SetHTTP(cfg.HTTP)
	}
	s.web = &http.Server{Handler: http.HandlerFunc(s.serveHTTP), ReadHeaderTimeout: 30 * time.Second, MaxHeaderBytes: 64 << 10}
	if cfg.Metrics != nil {
		if err := s.registerMetrics(cfg.Metrics); err != nil {
			s.closeListeners()
			s.store.Close()
			return nil, fmt.Errorf("start datanode: %w", err)
		}
	}
	for _, addr := range cfg.Namenodes {
		s.actors = append(s.actors, newActor(s, addr))
	}
	s.run()
	return s, nil
}

func (s *Server) listen() (err error) {
	for _, l := range []struct {
		into *net.Listener
		open func(network, addr string) (net.Listener, error)
		addr string
		key  string
	}{{&s.dataL, s.cfg.Listen, s.cfg.DataAddr, "dfs.datanode.address"}, {&s.ipcL, s.cfg.Listen, s.cfg.IPCAddr, "dfs.datanode.ipc.address"},
		{&s.webL, s.cfg.ListenHTTP, s.cfg.HTTPAddr, "dfs.datanode.http.address"}} {
		if *l.into, err = l.open("tcp", l.addr); err != nil {
			return fmt.Errorf("listen on %s (%s): %w", l.addr, l.key, err)
		}
	}
	if s.cfg.DomainSocket == "" {
		return nil
	}
	path := s.cfg.DomainSocket
	if before, after, ok := cutPort(path); ok {
		path = before + strconv.Itoa(s.dataL.Addr().(*net.TCPAddr).Port) + after
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make the directory of dfs.domain.socket.path: %w", err)
	}
	_ = os.Remove(path) // left by a datanode that was killed
	if s.unixL, err = net.Listen("unix", path); err != nil {
		return fmt.Errorf("listen on %s (dfs.domain.socket.path): %w", path, err)
	}
	return os.Chmod(path, 0o666)
}

// cutPort splits at _PORT, which stands for the data port.
func cutPort(path string) (before, after string, ok bool) {
	const mark = "_PORT"
	for i := 0; i+len(mark) <= len(path); i++ {
		if path[i:i+len(mark)] == mark {
			return path[:i], path[i+len(mark):], true
		}
	}
	return "", "", false
}

func (s *Server) closeListeners() {
	for _, l := range []net.Listener{s.dataL, s.ipcL, s.webL, s.unixL} {
		if l != nil {
			l.Close()
		}
	}
}

// identity is what this datanode says about itself before a namenode has corrected the address.
func (s *Server) identity() *pb.DatanodeIDProto {
	ip := s.cfg.AdvertiseAddr
	if ip == "" {
		ip = "127.0.0.1"
		if a := s.dataL.Addr().(*net.TCPAddr); !a.IP.IsUnspecified() {
			ip = a.IP.String()
		}
	}
	host := s.cfg.Hostname
	if host == "" {
		host = ip
		if s.dataL.Addr().(*net.TCPAddr).IP.IsUnspecified() {
			if h, err := os.Hostname(); err == nil {
				host = h
			}
		}
	}
	port := func(l net.Listener) *uint32 { return proto.Uint32(uint32(l.Addr().(*net.TCPAddr).Port)) }
	return &pb.DatanodeIDProto{
		IpAddr: &ip, HostName: &host, DatanodeUuid: proto.String(s.store.UUID()),
		XferPort: port(s.dataL), InfoPort: port(s.webL), IpcPort: port(s.ipcL), InfoSecurePort: proto.Uint32(0),
	}
}

// run starts the goroutines; the last of them closes everything.
func (s *Server) run() {
	serve := func(what string, f func() error) {
		s.wg.Go(func() {
			if err := f(); err != nil && s.ctx.Err() == nil {
				s.stop(fmt.Errorf("%s: %w", what, err))
			}
		})
	}
	serve("IPC port", func() error { return s.ipc.Serve(s.ipcL) })
	serve("web port", func() error {
		if err := s.web.Serve(s.webL); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	for _, l := range []net.Listener{s.dataL, s.unixL} {
		if l != nil {
			serve("data port", func() error {
				select {
				case <-s.attached:
				case <-s.ctx.Done():
					return nil
				}
				return s.xfer.Serve(l)
			})
		}
	}
	for _, a := range s.actors {
		s.wg.Go(a.run)
	}
	s.wg.Go(s.watchVolumes)
	s.wg.Go(s.scan)
	s.wg.Go(func() {
		<-s.ctx.Done()
		s.ipc.Close()
		s.web.Close()
		s.closeListeners()
	})
	go func() {
		<-s.ctx.Done()
		s.xfer.Close(errors.Is(context.Cause(s.ctx), errRestarting))
		s.wg.Wait()
		for _, a := range s.actors {
			a.client.Close()
		}
		s.asks.Close()
		err := s.store.Close()
		if cause := context.Cause(s.ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, errClosed) && !errors.Is(cause, errRestarting) {
			err = errors.Join(cause, err)
		}
		s.err = err
		close(s.done)
	}()
}

var (
	errClosed     = errors.New("datanode closed")
	errRestarting = errors.New("datanode restarts")
)

func (s *Server) stop(cause error) { s.cancel(cause) }

// Close ends the datanode and waits.
func (s *Server) Close() error {
	s.stop(errClosed)
	<-s.done
	return s.err
}

// Wait waits until the datanode has ended and tells why: nil after Close.
func (s *Server) Wait() error {
	<-s.done
	return s.err
}

// Done is closed when the datanode has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// Ready waits until a namenode has accepted this datanode and has its first full block report.
func (s *Server) Ready(ctx context.Context) error {
	select {
	case <-s.reported:
		return nil
	case <-s.done:
		return fmt.Errorf("datanode ended: %w", s.err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Self is this datanode as the namenode lists it.
func (s *Server) Self() *pb.DatanodeInfoProto {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &pb.DatanodeInfoProto{Id: s.self}
}

// DataAddr, HTTPAddr and IPCAddr are the addresses listened on.
func (s *Server) DataAddr() net.Addr { return s.dataL.Addr() }

// HTTPAddr is the web port.
func (s *Server) HTTPAddr() net.Addr { return s.webL.Addr() }

// IPCAddr is the Hadoop RPC port.
func (s *Server) IPCAddr() net.Addr { return s.ipcL.Addr() }

// UUID identifies the datanode for ever.
func (s *Server) UUID() string { return s.store.UUID() }

// Pool is the block pool, empty before a namenode was reached.
func (s *Server) Pool() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ns.GetBlockPoolID()
}

// Namespace is what the namenode said about itself, nil before it was reached.
func (s *Server) Namespace() *pb.NamespaceInfoProto {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ns
}

// Volumes reports the data directories.
func (s *Server) Volumes() []blockstore.VolumeReport { return s.store.Volumes() }

// Store gives access to the replicas.
func (s *Server) Store() *blockstore.Store { return s.store }

// Transfer gives access to the data transfer server's counters.
func (s *Server) Transfer() *transfer.Server { return s.xfer }

// SetHTTP gives the web port its pages.
func (s *Server) SetHTTP(h http.Handler) { s.webH.Store(&h) }

func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if h := s.webH.Load(); h != nil {
		(*h).ServeHTTP(w, r)
		return
	}
	http.Error(w, "this datanode has no web pages", http.StatusNotFound)
}

// bind learns the namespace from the first namenode that answers, and loads the replicas.
func (s *Server) bind(info *pb.NamespaceInfoProto) error {
	s.attach.Lock()
	defer s.attach.Unlock()
	si := info.GetStorageInfo()
	err := s.store.Attach(blockstore.Namespace{
		BlockPoolID: info.GetBlockPoolID(), ClusterID: si.GetClusterID(), NamespaceID: si.GetNamespceID(), CTime: si.GetCTime(),
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.ns = info
	s.mu.Unlock()
	if !s.isReady {
		s.isReady = true
		close(s.attached)
	}
	return nil
}

// watchVolumes probes the volumes when an operation had an I/O error.
func (s *Server) watchVolumes() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.checks:
		}
		failed := s.store.CheckVolumes()
		if len(failed) == 0 {
			continue
		}
		for _, a := range s.actors {
			a.hurry()
		}
		all, _, _ := s.store.Failures()
		if len(all) > s.cfg.FailedTolerated {
			s.stop(fmt.Errorf("%d data directories failed, %d are tolerated (dfs.datanode.failed.volumes.tolerated): %v", len(all), s.cfg.FailedTolerated, all))
			return
		}
	}
}
