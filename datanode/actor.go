package datanode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/datanode/blockstore"
	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/hrpc"
	dnpb "github.com/lodehq/lode/proto/hadoop/datanode"
	pb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// actor serves one namenode (BPServiceActor).
type actor struct {
	s           *Server
	addr        string
	log         *slog.Logger
	client      *hrpc.Client
	incremental *incremental
	commands    *queue[*dnpb.DatanodeCommandProto]
	calls       *queue[deferred]
	wake        chan struct{} // asks for a heartbeat now
	fullNow     chan struct{} // asks for a full block report

	mu       sync.Mutex // guards what follows
	active   bool       // the namenode said that it is the active one
	lastBeat time.Time
}

// deferred is a call that is made in the background.
type deferred struct {
	method    string
	req, resp proto.Message
}

func newActor(s *Server, addr string) *actor {
	return &actor{
		s: s, addr: addr, log: s.log.With("namenode", addr),
		client: hrpc.NewClient(hrpc.ClientOptions{
			Addresses: []string{addr}, Protocol: hrpc.DatanodeProtocol, User: s.cfg.User, Dialer: s.cfg.Dial,
			Timeout: time.Minute, ConnectTimeout: 10 * time.Second, Attempts: 1, Logger: s.log,
		}),
		incremental: newIncremental(), commands: newQueue[*dnpb.DatanodeCommandProto](), calls: newQueue[deferred](),
		wake: make(chan struct{}, 1), fullNow: make(chan struct{}, 1),
	}
}

// hurry asks for a heartbeat at once.
func (a *actor) hurry() { poke(a.wake) }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// later makes a call in the background; it is tried again until it succeeds or is refused.
func (a *actor) later(method string, req, resp proto.Message) {
	a.calls.put(deferred{method, req, resp})
}

// run lives as long as the datanode: handshake, then service until the namenode wants to be greeted again.
func (a *actor) run() {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(a.runCommands)
	wg.Go(a.runCalls)
	wg.Go(a.runIncremental)
	if len(a.s.cfg.Lifelines) > 0 {
		wg.Go(a.runLifeline)
	}
	backoff := 50 * time.Millisecond
	for a.s.ctx.Err() == nil {
		err := a.greet()
		if err == nil {
			backoff = 50 * time.Millisecond
			err = a.serve()
		}
		if a.s.ctx.Err() != nil {
			return
		}
		if fatal(err) {
			a.log.Error("the namenode refuses this datanode", "error", err)
			a.s.stop(fmt.Errorf("namenode %s: %w", a.addr, err))
			return
		}
		if err != nil {
			a.log.Info("namenode not served, trying again", "error", err, "after", backoff)
			a.pause(backoff)
			backoff = min(2*backoff, a.s.cfg.Retry)
		}
	}
}

func (a *actor) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-a.s.ctx.Done():
	}
}

// fatal tells whether trying again is no use.
func fatal(err error) bool {
	var mine *bindError
	if errors.As(err, &mine) {
		return true
	}
	switch hdfs.ClassOf(err) {
	case hdfs.DisallowedDatanode, hdfs.IncorrectVersion:
		return true
	}
	return false
}

// bindError is a namespace that these data directories do not belong to.
type bindError struct{ err error }

func (e *bindError) Error() string { return e.err.Error() }
func (e *bindError) Unwrap() error { return e.err }

// greet asks who the namenode is and registers.
func (a *actor) greet() error {
	s := a.s
	var version pb.VersionResponseProto
	if err := a.client.Call(s.ctx, "versionRequest", &pb.VersionRequestProto{}, &version); err != nil {
		return fmt.Errorf("versionRequest: %w", err)
	}
	if err := s.bind(version.GetInfo()); err != nil {
		return &bindError{err}
	}
	var resp dnpb.RegisterDatanodeResponseProto
	if err := a.client.Call(s.ctx, "registerDatanode", &dnpb.RegisterDatanodeRequestProto{Registration: s.registration()}, &resp); err != nil {
		return fmt.Errorf("registerDatanode: %w", err)
	}
	if id := resp.GetRegistration().GetDatanodeID(); id.GetIpAddr() != "" && net.ParseIP(id.GetIpAddr()) != nil {
		// The namenode knows from where it was called; under that address others reach this datanode.
		s.mu.Lock()
		fixed := proto.Clone(s.self).(*pb.DatanodeIDProto)
		fixed.IpAddr = id.IpAddr
		s.self = fixed
		s.mu.Unlock()
	}
	a.log.Info("registered", "pool", s.Pool(), "uuid", s.store.UUID(), "address", s.Self().GetId().GetIpAddr())
	a.incremental.clear()
	return nil
}

// registration is this datanode as it introduces itself.
func (s *Server) registration() *dnpb.DatanodeRegistrationProto {
	s.mu.Lock()
	defer s.mu.Unlock()
	layout := int32(blockstore.LayoutVersion)
	si := s.ns.GetStorageInfo()
	return &dnpb.DatanodeRegistrationProto{
		DatanodeID: s.self,
		StorageInfo: &pb.StorageInfoProto{
			LayoutVersion: proto.Uint32(uint32(layout)), NamespceID: si.NamespceID, ClusterID: si.ClusterID, CTime: si.CTime,
		},
		Keys: &pb.ExportedBlockKeysProto{
			IsBlockTokenEnabled: proto.Bool(false), KeyUpdateInterval: proto.Uint64(0), TokenLifeTime: proto.Uint64(0),
			CurrentKey: &pb.BlockKeyProto{KeyId: proto.Uint32(0), ExpiryDate: proto.Uint64(0)},
		},
		SoftwareVersion: proto.String(softwareVersion),
	}
}

// errGreetAgain is the namenode's command to register again.
var errGreetAgain = errors.New("the namenode asks for registration")

// serve sends heartbeats and full block reports until one fails in a way that calls for a new handshake.
func (a *actor) serve() error {
	s := a.s
	beat := time.NewTimer(0)
	defer beat.Stop()
	full := time.NewTimer(s.cfg.ReportDelay)
	defer full.Stop()
	wantLease := s.cfg.ReportDelay == 0
	failures := 0
	for {
		select {
		case <-s.ctx.Done():
			return s.ctx.Err()
		case <-full.C:
			wantLease = true
		case <-a.fullNow:
			wantLease = true
		case <-a.wake:
		case <-beat.C:
		}
		resp, err := a.heartbeat(s.ctx, wantLease)
		switch {
		case err == nil:
			failures = 0
		case hdfs.ClassOf(err) == hdfs.UnregisteredNode, fatal(err):
			return err
		default:
			failures++
			a.log.Info("heartbeat", "error", err)
			beat.Reset(min(s.cfg.Heartbeat, time.Duration(failures)*100*time.Millisecond))
			continue
		}
		beat.Reset(s.cfg.Heartbeat)
		for _, c := range resp.GetCmds() {
			if c.GetCmdType() == dnpb.DatanodeCommandProto_RegisterCommand {
				return errGreetAgain
			}
			a.commands.put(c)
		}
		if lease := resp.GetFullBlockReportLeaseId(); wantLease && lease != 0 {
			switch err := a.fullReport(lease); {
			case err == nil:
				wantLease = false
				full.Reset(s.cfg.FullReport)
				s.once.Do(func() { close(s.reported) })
			case hdfs.ClassOf(err) == hdfs.UnregisteredNode, fatal(err), errors.Is(err, errGreetAgain):
				return err
			default:
				a.log.Info("full block report, trying again with the next heartbeat", "error", err)
			}
		}
	}
}

func (a *actor) isActive() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.active
}

func (a *actor) heartbeat(ctx context.Context, lease bool) (*dnpb.HeartbeatResponseProto, error) {
	resp := new(dnpb.HeartbeatResponseProto)
	if err := a.client.Call(ctx, "sendHeartbeat", a.s.beat(lease), resp); err != nil {
		return nil, err
	}
	a.mu.Lock()
	a.active = resp.GetHaStatus().GetState() == pb.NNHAStatusHeartbeatProto_ACTIVE
	a.lastBeat = a.s.cfg.Now()
	a.mu.Unlock()
	return resp, nil
}

// beat is a heartbeat message.
func (s *Server) beat(lease bool) *dnpb.HeartbeatRequestProto {
	req := &dnpb.HeartbeatRequestProto{
		Registration: s.registration(), XmitsInProgress: proto.Uint32(uint32(s.xfer.Transfers())), XceiverCount: proto.Uint32(uint32(s.xfer.Xceivers())),
		CacheCapacity: proto.Uint64(0), CacheUsed: proto.Uint64(0), RequestFullBlockReportLease: &lease,
	}
	for _, v := range s.store.Volumes() {
		if v.Failed {
			continue
		}
		req.Reports = append(req.Reports, &pb.StorageReportProto{
			StorageUuid: proto.String(v.StorageID), Failed: proto.Bool(false), Capacity: proto.Uint64(uint64(v.Capacity)),
			DfsUsed: proto.Uint64(uint64(v.Used)), Remaining: proto.Uint64(uint64(v.Remaining)), BlockPoolUsed: proto.Uint64(uint64(v.Used)),
			NonDfsUsed: proto.Uint64(uint64(v.NonDFSUsed)), Storage: storage(v),
		})
	}
	if dirs, last, lost := s.store.Failures(); len(dirs) > 0 {
		req.FailedVolumes = proto.Uint32(uint32(len(dirs)))
		req.VolumeFailureSummary = &dnpb.VolumeFailureSummaryProto{
			FailedStorageLocations: dirs, LastVolumeFailureDate: proto.Uint64(uint64(last.UnixMilli())), EstimatedCapacityLostTotal: proto.Uint64(uint64(lost)),
		}
	}
	return req
}

func storage(v blockstore.VolumeReport) *pb.DatanodeStorageProto {
	return &pb.DatanodeStorageProto{
		StorageUuid: proto.String(v.StorageID), State: pb.DatanodeStorageProto_NORMAL.Enum(), StorageType: pb.StorageTypeProto(v.Type).Enum(),
	}
}

// runLifeline tells the namenode's lifeline port that this datanode lives while heartbeats do not get through.
func (a *actor) runLifeline() {
	s := a.s
	c := hrpc.NewClient(hrpc.ClientOptions{
		Addresses: s.cfg.Lifelines, Protocol: hrpc.DatanodeLifelineProtocol, User: s.cfg.User, Dialer: s.cfg.Dial, Timeout: s.cfg.LifelineAfter, Attempts: 1, Logger: s.log,
	})
	defer c.Close()
	t := time.NewTicker(s.cfg.Heartbeat)
	defer t.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-t.C:
		}
		a.mu.Lock()
		last := a.lastBeat
		a.mu.Unlock()
		if last.IsZero() || s.cfg.Now().Sub(last) < s.cfg.LifelineAfter {
			continue
		}
		if err := c.Call(s.ctx, "sendLifeline", s.beat(false), &dnpb.LifelineResponseProto{}); err != nil {
			a.log.Info("lifeline", "error", err)
		}
	}
}

// runCalls makes the deferred calls, in order.
func (a *actor) runCalls() {
	for {
		c, ok := a.calls.get(a.s.ctx)
		if !ok {
			return
		}
		for try := 0; a.s.ctx.Err() == nil; try++ {
			err := a.client.Call(a.s.ctx, c.method, c.req, c.resp)
			var he *hdfs.Exception
			if err == nil || errors.As(err, &he) && he.Class != hdfs.Standby && he.Class != hdfs.Retriable {
				if err != nil {
					a.log.Warn("call refused", "method", c.method, "error", err)
				}
				break
			}
			if he != nil && he.Class == hdfs.Standby || try >= 30 {
				a.log.Warn("call given up", "method", c.method, "error", err)
				break
			}
			a.pause(a.s.cfg.Retry)
		}
	}
}
