package hrpc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
)

// ClientOptions say whom a Client calls, as whom, and how patiently.
type ClientOptions struct {
	Addresses []string // host:port; the next one is tried when one is unreachable or on standby
	Protocol  string
	User      string
	RealUser  string // who speaks for User, when it is another
	Dialer    func(ctx context.Context, network, address string) (net.Conn, error)
	Timeout   time.Duration // of one attempt of a call, 2 min (ipc.client.rpc-timeout.ms)
	// ConnectTimeout bounds one connection attempt, 20 s (ipc.client.connect.timeout).
	ConnectTimeout time.Duration
	// Attempts is how often all addresses are tried before a call fails, 6: with waits of 50 ms, doubling up to 2 s,
	// about 1.5 s in all. The context may end it earlier.
	Attempts int
	// MaxFrame is the longest answer in bytes, 128 MiB.
	MaxFrame int
	Logger   *slog.Logger
}

// Client calls one Hadoop RPC service. It is safe for concurrent use: calls share one connection and overtake each other. It
// connects when it has to, and again when the connection broke; a call that was under way then is sent again with the same
// call id, so that the server's retry cache recognises it.
type Client struct {
	*transport
	protocol string
}

// transport is what the clients of one service share.
type transport struct {
	opts     ClientOptions
	clientID []byte
	callID   atomic.Int32
	connect  chan struct{} // a token: who holds it may dial

	mu      sync.Mutex // guards what follows; no I/O under it
	current *clientConn
	at      int // index of the address to use
	closed  bool
	wg      sync.WaitGroup
}

// ErrClosed is the error of calls on a closed Client.
var ErrClosed = errors.New("rpc client is closed")

// NewClient makes a Client. It does not connect yet.
func NewClient(o ClientOptions) *Client {
	setDefault(&o.Timeout, 2*time.Minute)
	setDefault(&o.ConnectTimeout, 20*time.Second)
	setDefault(&o.Attempts, 6)
	setDefault(&o.MaxFrame, 128<<20)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Dialer == nil {
		o.Dialer = (&net.Dialer{}).DialContext
	}
	t := &transport{opts: o, clientID: make([]byte, clientIDLen), connect: make(chan struct{}, 1)}
	rand.Read(t.clientID)
	t.connect <- struct{}{}
	return &Client{t, o.Protocol}
}

// For calls another protocol of the same service over the same connection.
func (c *Client) For(protocol string) *Client { return &Client{c.transport, protocol} }

// ClientID is the 16 bytes by which the server knows this client.
func (c *Client) ClientID() []byte { return c.clientID }

// Close hangs up; calls under way fail with ErrClosed.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	cc := c.current
	c.mu.Unlock()
	if cc != nil {
		cc.fail(ErrClosed)
	}
	c.wg.Wait()
	return nil
}

// Call sends req to method and decodes the answer into resp. What the server refuses comes back as *hdfs.Exception.
func (c *Client) Call(ctx context.Context, method string, req, resp proto.Message) error {
	id := c.callID.Add(1) & 0x7FFFFFFF
	wait := 50 * time.Millisecond
	var last error
	for attempt := range c.opts.Attempts {
		if attempt > 0 {
			if err := sleep(ctx, wait); err != nil {
				return fmt.Errorf("%s: %w (last: %w)", method, err, last)
			}
			wait = min(2*wait, 2*time.Second)
		}
		for range max(1, len(c.opts.Addresses)) {
			again, err := c.try(ctx, method, id, int32(attempt), req, resp)
			if err == nil || !again {
				return err
			}
			last = err
		}
	}
	return last
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try makes one attempt; again says that another one, perhaps elsewhere, may help.
func (c *Client) try(ctx context.Context, method string, id, retry int32, req, resp proto.Message) (again bool, err error) {
	cc, err := c.connection(ctx)
	if err != nil {
		return ctx.Err() == nil && !errors.Is(err, ErrClosed), err
	}
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	err = cc.call(ctx, c.clientID, id, retry, c.protocol, method, req, resp)
	var e *hdfs.Exception
	switch {
	case err == nil:
		return false, nil
	case errors.As(err, &e):
		if e.Class == hdfs.Standby {
			c.failover(cc)
			return true, err
		}
		return e.Class == hdfs.Retriable, err
	case errors.Is(err, ErrClosed):
		return false, err
	case ctx.Err() != nil:
		return false, fmt.Errorf("%s at %s: %w", method, cc.address, err)
	}
	var broken *brokenError
	return errors.As(err, &broken), fmt.Errorf("%s at %s: %w", method, cc.address, err)
}

// failover moves to the next address, unless somebody did already.
func (t *transport) failover(from *clientConn) {
	t.mu.Lock()
	if t.current == from && len(t.opts.Addresses) > 1 {
		t.current = nil
		t.at = (t.at + 1) % len(t.opts.Addresses)
	} else {
		from = nil
	}
	t.mu.Unlock()
	if from != nil {
		from.drain()
	}
}

// connection is the live connection, or a new one.
func (t *transport) connection(ctx context.Context) (*clientConn, error) {
	for {
		t.mu.Lock()
		cc, closed := t.current, t.closed
		t.mu.Unlock()
		if closed {
			return nil, ErrClosed
		}
		if cc != nil && !cc.broken() {
			return cc, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-t.connect:
		}
		t.mu.Lock()
		again := t.current != nil && t.current != cc
		t.mu.Unlock()
		if again {
			t.connect <- struct{}{}
			continue
		}
		cc, err := t.dial(ctx)
		t.connect <- struct{}{}
		return cc, err
	}
}

// unreachable says what was tried and what to look at; the cause stays inside for errors.Is.
func unreachable(address string, err error) error {
	cause := err
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		cause = op.Err
	}
	var call *os.SyscallError
	if errors.As(cause, &call) {
		cause = call.Err
	}
	return &unreachableError{text: fmt.Sprintf("nobody answers at %s (%v): is the server running, and is that its address (fs.defaultFS, LODE_FS)?", address, cause), err: err}
}

type unreachableError struct {
	text string
	err  error
}

func (e *unreachableError) Error() string { return e.text }
func (e *unreachableError) Unwrap() error { return e.err }

// dial connects to the current address; when that fails the next one is current.
func (t *transport) dial(ctx context.Context) (*clientConn, error) {
	if len(t.opts.Addresses) == 0 {
		return nil, errors.New("no address to call is configured")
	}
	t.mu.Lock()
	address := t.opts.Addresses[t.at]
	t.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, t.opts.ConnectTimeout)
	defer cancel()
	nc, err := t.opts.Dialer(ctx, "tcp", address)
	if err != nil {
		t.mu.Lock()
		t.at = (t.at + 1) % len(t.opts.Addresses)
		t.mu.Unlock()
		return nil, unreachable(address, err)
	}
	if nc.LocalAddr().String() == nc.RemoteAddr().String() {
		// The kernel gave the socket the very port that it calls: nobody listens there.
		nc.Close()
		return nil, unreachable(address, syscall.ECONNREFUSED)
	}
	cc := newClientConn(nc, address, t.opts.MaxFrame)
	cc.greet(t.clientID, t.opts.User, t.opts.RealUser, t.opts.Protocol)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		nc.Close()
		return nil, ErrClosed
	}
	t.current = cc
	t.wg.Add(1)
	go func() {
		defer t.wg.Done()
		cc.readAnswers()
	}()
	return cc, nil
}
