package rpc

import (
	"context"
	"log/slog"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/internal/reach"
	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/namenode/dnproto"
	"github.com/lodehq/lode/namenode/namespace"
	"github.com/lodehq/lode/namenode/state"
	"github.com/lodehq/lode/proto/hadoop/hdfs"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
)

// Users knows groups, superusers and who may speak for whom.
type Users interface {
	// Caller gives a user's groups and whether it is a superuser. It may read files, and answers from memory when it can.
	Caller(user string) namespace.Caller
	// Refresh forgets what it remembers of groups; RefreshProxies reads the rules for proxy users again.
	Refresh()
	RefreshProxies() error
}

// Admin is what operators may have the namenode do beyond its state.
type Admin interface {
	WriteImage() error                // saveNamespace
	RollLog() (txid int64, err error) // rollEdits
	RefreshNodes() error              // reads the host lists again
	MetaSave(name string) error       // writes a report of the block map to a file in the log directory
	Reconfigurable() []string         // keys that can be changed while running
	Reconfigure() (started bool)      // takes new values of them from the configuration
	Reconfiguration() (int64, int64, []Change)
	Role() (state string, ready bool, reason string) // "active", "standby"; ready to become active, and why not
}

// Change is one key that a reconfiguration changed or could not change.
type Change struct {
	Key, Old, New string
	HasNew        bool
	Err           error
}

// Config of a Service.
type Config struct {
	State          *state.State
	Users          Users
	Admin          Admin
	Defaults       *hdfspb.FsServerDefaultsProto
	Host           string // of this namenode, for messages
	HA             bool   // several namenodes: safe mode at start is told as "try again"
	PermissionsOff bool
	BlockPool      func() string
	Reach          reach.Rules // under which addresses clients reach datanodes
	Logger         *slog.Logger
}

// Service answers the namenode's protocols.
type Service struct {
	cfg   Config
	state *state.State
	wire  dnproto.Wire
	log   *slog.Logger
}

// New makes a Service.
func New(cfg Config) *Service {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Service{cfg: cfg, state: cfg.State, log: cfg.Logger}
}

// Handlers gives the handler of each protocol by its name.
func (s *Service) Handlers() map[string]hrpc.Handler {
	h := s.adminHandlers()
	h[hrpc.ClientProtocol] = s.clientProtocol()
	h[hrpc.NamenodeExtras] = hrpc.Methods(map[string]hrpc.Method{
		"commitJob": mutation[journalpb.CommitJob, journalpb.CommitJobResponse](s, journalpb.Method_COMMIT_JOB, "Cannot commit job"),
	})
	return h
}

func (s *Service) caller(c *hrpc.Call) namespace.Caller { return s.cfg.Users.Caller(c.User) }

// header is the header of a command that a client asked for.
func (s *Service) header(c *hrpc.Call) namespace.Header {
	who := s.caller(c)
	return namespace.Header{TimeMS: s.state.Now(), User: who.User, Groups: who.Groups, Superuser: who.Superuser,
		ClientID: c.ClientID, CallID: c.CallID, ClientMachine: machine(c)}
}

// machine names the client's machine, as leases and placement want it.
func machine(c *hrpc.Call) string {
	if c.RemoteHost != "" || !c.RemoteIP.IsValid() {
		return c.RemoteHost
	}
	return c.RemoteIP.String()
}

// readable refuses reads on a namenode that does not lead.
func (s *Service) readable() error {
	if !s.state.Active() {
		return hdfs.Errorf(hdfs.Standby, "Operation category READ is not supported in state standby. Visit https://s.apache.org/sbnn-error")
	}
	return nil
}

// writable refuses mutations in safe mode, and on a namenode that does not lead.
func (s *Service) writable(what, path string) error {
	if !s.state.Active() {
		return state.Standby()
	}
	if !s.state.InSafeMode() {
		return nil
	}
	return s.safeModeError(what + path)
}

func (s *Service) safeModeError(what string) error {
	var on, manual bool
	var reason string
	s.state.View(func(_ *namespace.Namespace, bm *blockmap.Map) {
		st := bm.SafeMode()
		on, manual, reason = st.On, st.Manual, bm.SafeModeReason()
	})
	if !on {
		return nil
	}
	text := what + ". Name node is in safe mode.\n" + reason + "NamenodeHostName:" + s.cfg.Host
	if s.cfg.HA && !manual {
		return hdfs.Errorf(hdfs.Retriable, "%s", hdfs.SafeMode+": "+text)
	}
	return &hdfs.Exception{Class: hdfs.SafeMode, Message: text}
}

// superuser refuses everybody else.
func (s *Service) superuser(c *hrpc.Call) error {
	if s.cfg.PermissionsOff || s.caller(c).Superuser {
		return nil
	}
	return hdfs.Errorf(hdfs.AccessControl, "Access denied for user %s. Superuser privilege is required", c.User)
}

// message is a pointer to a generated struct.
type message[T any] interface {
	*T
	proto.Message
}

// read serves a read of the namespace on the connection's goroutine.
func read[Req, Resp any, Q message[Req], P message[Resp]](s *Service, f func(*namespace.Namespace, namespace.Caller, Q) (P, error)) hrpc.Method {
	return hrpc.Inline(reader[Req, Resp, Q, P](s, f))
}

// slowRead serves a read that may take long on a goroutine of its own.
func slowRead[Req, Resp any, Q message[Req], P message[Resp]](s *Service, f func(*namespace.Namespace, namespace.Caller, Q) (P, error)) hrpc.Method {
	return hrpc.Unary(reader[Req, Resp, Q, P](s, f))
}

func reader[Req, Resp any, Q message[Req], P message[Resp]](s *Service, f func(*namespace.Namespace, namespace.Caller, Q) (P, error)) func(context.Context, *hrpc.Call, Q) (P, error) {
	return func(_ context.Context, c *hrpc.Call, req Q) (resp P, err error) {
		if err := s.readable(); err != nil {
			return nil, err
		}
		who := s.caller(c)
		s.state.View(func(ns *namespace.Namespace, _ *blockmap.Map) { resp, err = f(ns, who, req) })
		return resp, err
	}
}

// mutation serves a call that is journaled as it came. what begins the words of its refusal in safe mode.
func mutation[Req, Resp any, Q message[Req], P message[Resp]](s *Service, m journalpb.Method, what string) hrpc.Method {
	return hrpc.Async(func(_ context.Context, c *hrpc.Call, req Q, reply func(P, error)) {
		if err := s.writable(what, pathOf(req)); err != nil {
			reply(nil, err)
			return
		}
		s.submit(c, m, req, nil, answer[Resp, P](reply))
	})
}

// leasing is mutation for calls that may take over the lease of a lost writer.
func leasing[Req, Resp any, Q message[Req], P message[Resp]](s *Service, m journalpb.Method, what string, locked func(*hrpc.Call, *namespace.Namespace, *blockmap.Map, P)) hrpc.Method {
	return hrpc.Async(func(_ context.Context, c *hrpc.Call, req Q, reply func(P, error)) {
		if err := s.writable(what, pathOf(req)); err != nil {
			reply(nil, err)
			return
		}
		h := s.header(c)
		s.state.View(func(ns *namespace.Namespace, _ *blockmap.Map) { h.SoftExpired = ns.SoftExpired(req, h.TimeMS) })
		cmd := &state.Command{Header: h, Request: req, Method: m, Raw: c.Request, Done: answer[Resp, P](reply)}
		if locked != nil {
			cmd.Locked = func(ns *namespace.Namespace, bm *blockmap.Map, resp proto.Message) { locked(c, ns, bm, resp.(P)) }
		}
		s.state.Submit(cmd)
	})
}

func answer[Resp any, P message[Resp]](reply func(P, error)) func(proto.Message, error) {
	return func(resp proto.Message, err error) {
		if err != nil {
			reply(nil, err)
			return
		}
		p, _ := resp.(P)
		reply(p, nil)
	}
}

func (s *Service) submit(c *hrpc.Call, m journalpb.Method, req proto.Message, locked func(*namespace.Namespace, *blockmap.Map, proto.Message), done func(proto.Message, error)) {
	s.state.Submit(&state.Command{Header: s.header(c), Request: req, Method: m, Raw: c.Request, Locked: locked, Done: done})
}

// pathOf finds the path that a refusal names.
func pathOf(req any) string {
	switch r := req.(type) {
	case interface{ GetSrc() string }:
		return r.GetSrc()
	case interface{ GetPath() string }:
		return r.GetPath()
	case interface{ GetTrg() string }:
		return r.GetTrg()
	case interface{ GetSnapshotRoot() string }:
		return r.GetSnapshotRoot()
	case interface{ GetLink() string }:
		return r.GetLink()
	}
	return ""
}
