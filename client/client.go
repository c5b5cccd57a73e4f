package client

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"path"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/client/block"
	"github.com/lodehq/lode/client/protocol"
	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/hrpc"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Namenode has a method for each call of ClientProtocol, for what the Client has no method for.
type Namenode = protocol.Namenode

// Client is a connection to one HDFS. It is safe for concurrent use; Close ends it.
type Client struct {
	opts     Options
	set      settings
	name     string // the lease holder's name, as DFSClient_NONMAPREDUCE_… is Java's
	user     string
	log      *slog.Logger
	rpc      *hrpc.Client
	nn       *Namenode
	datanode *block.Network
	leases   *leaseRenewer
	hedge    chan struct{} // a place for each hedged read that may be under way; nil without them

	mu       sync.Mutex              // guards the fields below; no I/O under it
	ipc      map[string]*hrpc.Client // by address
	defaults *hdfspb.FsServerDefaultsProto
	defTime  time.Time
	closed   bool
}

// ErrClosed is returned by calls on a Client, Reader or Writer after its Close.
var ErrClosed = fs.ErrClosed

// New makes a client. It does not connect: the first call does.
func New(o Options) (*Client, error) {
	if len(o.Addresses) == 0 {
		return nil, ErrNoNamenode
	}
	if o.Conf == nil {
		o.Conf = conf.New(nil)
	}
	if o.User == "" {
		who, err := currentUser()
		if err != nil {
			return nil, err
		}
		o.User = who
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Dialer == nil {
		o.Dialer = (&net.Dialer{}).DialContext
	}
	set := settingsFrom(o.Conf)
	id := make([]byte, 8)
	if _, err := rand.Read(id); err != nil {
		return nil, err
	}
	c := &Client{
		opts: o,
		set:  set,
		name: "DFSClient_lode_" + hex.EncodeToString(id),
		user: o.User,
		log:  o.Logger,
		ipc:  map[string]*hrpc.Client{},
	}
	c.rpc = c.dialRPC(hrpc.ClientProtocol, o.Addresses...)
	c.nn = protocol.NewNamenode(patient{c.rpc})
	c.datanode = block.NewNetwork(block.NetworkOptions{
		Dialer:       o.Dialer,
		Timeout:      set.socketTimeout,
		UseHostname:  set.useHostname,
		ClientName:   c.name,
		ShortCircuit: set.shortCircuit,
		DomainSocket: set.domainSocket,
		Logger:       o.Logger,
	})
	c.leases = newLeaseRenewer(c)
	if set.hedgedPool > 0 {
		c.hedge = make(chan struct{}, set.hedgedPool)
	}
	return c, nil
}

func (c *Client) dialRPC(protocolName string, addresses ...string) *hrpc.Client {
	return hrpc.NewClient(hrpc.ClientOptions{
		Addresses:      addresses,
		Protocol:       protocolName,
		User:           c.user,
		Dialer:         c.opts.Dialer,
		Timeout:        c.set.rpcTimeout,
		ConnectTimeout: c.set.connectTimeout,
		Logger:         c.log,
	})
}

// Close ends the client's connections. Writers that are still open lose their lease sooner or later: close them first.
func (c *Client) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	ipc := c.ipc
	c.ipc = nil
	c.mu.Unlock()

	c.leases.close()
	c.datanode.Close()
	errs := []error{c.rpc.Close()}
	for _, r := range ipc {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}

// Namenode is the raw protocol.
func (c *Client) Namenode() *Namenode { return c.nn }

// User is who the client calls as.
func (c *Client) User() string { return c.user }

// Name is the lease holder's name under which the namenode knows this client's open files.
func (c *Client) Name() string { return c.name }

// Addresses are the namenodes that the client was made for.
func (c *Client) Addresses() []string { return append([]string(nil), c.opts.Addresses...) }

// Conf is the configuration that the client was made with.
func (c *Client) Conf() *conf.Conf { return c.opts.Conf }

// Home is the caller's home directory, /user/<name>: what a path without a leading slash is relative to.
func (c *Client) Home() string { return "/user/" + c.user }

// RPC calls another protocol (a name of internal/hrpc) of the namenodes, over the client's connection, or of another service
// at the given address, over a connection that is kept until Close.
func (c *Client) RPC(protocolName string, address string) (protocol.Caller, error) {
	if address == "" {
		return c.rpc.For(protocolName), nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	r, ok := c.ipc[address]
	if !ok {
		r = c.dialRPC(protocolName, address)
		c.ipc[address] = r
	}
	return r.For(protocolName), nil
}

// Datanode is ClientDatanodeProtocol of the datanode whose IPC port is at that address.
func (c *Client) Datanode(address string) (*protocol.Datanode, error) {
	r, err := c.RPC(hrpc.ClientDatanodeProtocol, address)
	if err != nil {
		return nil, err
	}
	return protocol.NewDatanode(r), nil
}

// ServerDefaults are the namenode's own defaults (block size, replication, trash interval …), asked for once an hour.
func (c *Client) ServerDefaults(ctx context.Context) (*hdfspb.FsServerDefaultsProto, error) {
	c.mu.Lock()
	d, at := c.defaults, c.defTime
	c.mu.Unlock()
	if d != nil && time.Since(at) < time.Hour {
		return d, nil
	}
	resp, err := c.nn.GetServerDefaults(ctx, &hdfspb.GetServerDefaultsRequestProto{})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.defaults, c.defTime = resp.GetServerDefaults(), time.Now()
	c.mu.Unlock()
	return resp.GetServerDefaults(), nil
}

// abs makes a path absolute and clean.
func (c *Client) abs(p string) string {
	if !strings.HasPrefix(p, "/") {
		p = c.Home() + "/" + p
	}
	return path.Clean(p)
}

func pathError(op, p string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: p, Err: err}
}

func notFound(p string) error {
	return hdfs.Errorf(hdfs.FileNotFound, "File does not exist: %s", p)
}

func str(s string) *string { return proto.String(s) }
