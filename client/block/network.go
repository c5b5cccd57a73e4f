package block

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// NetworkOptions say how datanodes are reached.
type NetworkOptions struct {
	Dialer       func(ctx context.Context, network, address string) (net.Conn, error)
	Timeout      time.Duration // without progress, for a connect, a read or a write; 60 s if 0
	UseHostname  bool          // connect to host names instead of addresses (dfs.client.use.datanode.hostname)
	ClientName   string
	ShortCircuit bool   // ask datanodes of this host for descriptors
	DomainSocket string // their UNIX socket; _PORT in it is the data transfer port
	Logger       *slog.Logger
}

// Network reaches datanodes and keeps idle connections and open replicas for the next read. It is safe for concurrent use.
type Network struct {
	o     NetworkOptions
	local *localCache

	mu     sync.Mutex // guards idle and closed; no I/O under it
	idle   map[string][]*Conn
	count  int
	closed bool
}

// How long and how many idle connections are kept. A datanode waits 4 s for the next request
// (dfs.datanode.socket.reuse.keepalive), so older ones are not tried.
const (
	idleFor = 3 * time.Second
	idleMax = 64
)

// NewNetwork makes one. Close ends it.
func NewNetwork(o NetworkOptions) *Network {
	if o.Dialer == nil {
		o.Dialer = (&net.Dialer{}).DialContext
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	n := &Network{o: o, idle: map[string][]*Conn{}}
	n.local = newLocalCache(n)
	return n
}

// Close ends idle connections and closes open replicas.
func (n *Network) Close() {
	n.mu.Lock()
	idle := n.idle
	n.idle, n.closed = nil, true
	n.mu.Unlock()
	for _, list := range idle {
		for _, c := range list {
			c.Close()
		}
	}
	n.local.close()
}

// ClientName is the name that requests carry.
func (n *Network) ClientName() string { return n.o.ClientName }

// Timeout is the time without progress after which a datanode is given up.
func (n *Network) Timeout() time.Duration { return n.o.Timeout }

// Address is the data transfer address of a datanode, as this network reaches it.
func (n *Network) Address(id *hdfspb.DatanodeIDProto) string {
	host := id.GetIpAddr()
	if n.o.UseHostname || host == "" {
		host = id.GetHostName()
	}
	return net.JoinHostPort(host, strconv.Itoa(int(id.GetXferPort())))
}

// Conn is a connection to a datanode. Reads and writes fail when nothing moves for the network's timeout.
type Conn struct {
	net.Conn
	R    *bufio.Reader
	Node string

	timeout         time.Duration
	readBy, writeBy time.Time
	idleSince       time.Time
	reused          bool
}

// readBuffer holds a packet's header and checksums; data goes past it into its destination.
const readBuffer = 2048

// Dial opens a new connection. With a longer timeout (0 is the network's) slow pipelines are waited for.
func (n *Network) Dial(ctx context.Context, id *hdfspb.DatanodeIDProto, timeout time.Duration) (*Conn, error) {
	if timeout <= 0 {
		timeout = n.o.Timeout
	}
	address := n.Address(id)
	dctx, cancel := context.WithTimeout(ctx, n.o.Timeout)
	defer cancel()
	nc, err := n.o.Dialer(dctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to datanode %s: %w", address, err)
	}
	return newConn(nc, address, timeout), nil
}

func newConn(nc net.Conn, node string, timeout time.Duration) *Conn {
	c := &Conn{Conn: nc, Node: node, timeout: timeout}
	c.R = bufio.NewReaderSize(readerOnly{c}, readBuffer)
	return c
}

type readerOnly struct{ c *Conn }

func (r readerOnly) Read(p []byte) (int, error) { return r.c.Read(p) }

func (c *Conn) Read(p []byte) (int, error) {
	if now := time.Now(); c.readBy.Sub(now) < c.timeout*7/8 {
		c.readBy = now.Add(c.timeout)
		if err := c.SetReadDeadline(c.readBy); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(p)
}

func (c *Conn) Write(p []byte) (int, error) {
	if now := time.Now(); c.writeBy.Sub(now) < c.timeout*7/8 {
		c.writeBy = now.Add(c.timeout)
		if err := c.SetWriteDeadline(c.writeBy); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}

// SetTimeout changes the time without progress from now on.
func (c *Conn) SetTimeout(d time.Duration) {
	c.timeout, c.readBy, c.writeBy = d, time.Time{}, time.Time{}
}

// Request sends an operation.
func (c *Conn) Request(op Op, msg proto.Message) error {
	b, err := AppendOp(make([]byte, 0, 512), op, msg)
	if err != nil {
		return err
	}
	_, err = c.Write(b)
	return err
}

// take gives an idle connection to a datanode, or nil.
func (n *Network) take(address string) *Conn {
	now := time.Now()
	var stale []*Conn
	var found *Conn
	n.mu.Lock()
	list := n.idle[address]
	for len(list) > 0 && found == nil {
		c := list[len(list)-1]
		list = list[:len(list)-1]
		n.count--
		if now.Sub(c.idleSince) < idleFor {
			found = c
		} else {
			stale = append(stale, c)
		}
	}
	if n.idle != nil {
		n.idle[address] = list
	}
	n.mu.Unlock()
	for _, c := range stale {
		c.Close()
	}
	return found
}

// give keeps a connection on which nothing is under way.
func (n *Network) give(c *Conn) {
	c.idleSince = time.Now()
	c.reused = true
	n.mu.Lock()
	keep := !n.closed && n.count < idleMax
	if keep {
		n.idle[c.Node] = append(n.idle[c.Node], c)
		n.count++
	}
	n.mu.Unlock()
	if !keep {
		c.Close()
	}
}

// exchange sends a request on an idle or a new connection and reads the answer. A kept connection that the datanode has let
// go of meanwhile is no reason to give up the datanode: a new one is tried.
func (n *Network) exchange(ctx context.Context, id *hdfspb.DatanodeIDProto, op Op, msg proto.Message, what string) (*Conn, *hdfspb.BlockOpResponseProto, error) {
	for {
		c := n.take(n.Address(id))
		if c == nil {
			var err error
			if c, err = n.Dial(ctx, id, 0); err != nil {
				return nil, nil, err
			}
		}
		stop := context.AfterFunc(ctx, func() { c.Close() })
		err := c.Request(op, msg)
		var resp *hdfspb.BlockOpResponseProto
		if err == nil {
			resp, err = readResponse(c.R, what, c.Node)
		}
		if !stop() {
			return nil, nil, ctx.Err()
		}
		if err == nil {
			return c, resp, nil
		}
		c.Close()
		if _, refused := err.(*StatusError); refused || !c.reused {
			return nil, nil, err
		}
	}
}
