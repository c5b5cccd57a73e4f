package hrpc

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	commonpb "github.com/lodehq/lode/proto/hadoop/common"
)

const (
	smallBuffer = 4 << 10  // what an idle connection holds
	largeBuffer = 64 << 10 // what a busy one holds without asking the budget
	// slowest is the bytes a second below which a large request is given up.
	slowest = 256 << 10
	// maxUnsent is how much may wait for a slow reader before its requests are no longer read.
	maxUnsent = 4 << 20
	// burstBytes is how much is answered before it is written though more requests are there.
	burstBytes = 256 << 10
)

// errHangUp ends a connection after its last answer, without a word in the log.
var errHangUp = errors.New("hang up")

// conn is one connection. Its reading side belongs to the goroutine in run.
type conn struct {
	srv    *Server
	nc     net.Conn
	ctx    context.Context
	cancel context.CancelFunc
	remote netip.AddrPort
	local  netip.Addr
	host   string // the remote address as text

	in             []byte // buf[r:w] is read and not yet taken
	r, w           int
	granted        int64     // of the server's budget, for a large frame
	frameBy        time.Time // when that frame must be here
	deadline       time.Time // of the next read, as set
	user, realUser string
	introduced     bool // the connection context came
	sasl           saslState
	clientID       []byte // of the last call: clients keep theirs
	callerContext  string
	heavy          atomic.Bool // so much waits to be written that the burst should end

	mu       sync.Mutex // guards what follows; no I/O under it
	space    sync.Cond  // an answer left
	out      []byte     // answers that are to be written
	spare    []byte
	inFlight int
	waiting  bool // the reader waits for inFlight or out to shrink
	bursting bool // the reader is at work and will flush
	flushing bool // somebody writes
	dead     bool
	sendBy   time.Time // write deadline, as set
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{srv: s, nc: nc, remote: addrPort(nc.RemoteAddr()), local: addrPort(nc.LocalAddr()).Addr(), bursting: true}
	c.space.L = &c.mu
	if c.remote.IsValid() {
		c.host = c.remote.Addr().String()
	}
	c.ctx, c.cancel = context.WithCancel(s.ctx)
	return c
}

func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		p := t.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	p, _ := netip.ParseAddrPort(a.String())
	return p
}

func (c *conn) run() {
	err := c.handshake()
	for err == nil {
		err = c.serveFrames()
	}
	c.endBurst()
	if err != errHangUp && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		c.srv.log.Debug("rpc connection ended", "from", c.remote, "err", err)
	}
	c.mu.Lock()
	c.dead = true
	for c.flushing {
		c.space.Wait()
	}
	c.mu.Unlock()
	c.cancel()
	if err == errHangUp {
		c.lingerClose()
	}
	c.nc.Close()
	c.srv.pending.give(c.granted)
	c.in, c.out, c.spare = nil, nil, nil
}

// lingerClose lets a peer that is still sending read the last answer: closing with unread bytes would reset the connection.
func (c *conn) lingerClose() {
	if t, ok := c.nc.(interface{ CloseWrite() error }); ok {
		_ = t.CloseWrite()
		c.nc.SetReadDeadline(time.Now().Add(time.Second))
		_, _ = io.CopyN(io.Discard, c.nc, 1<<20)
	}
}

// fill reads once, after making room; idle says that no frame has begun.
func (c *conn) fill(idle bool) error {
	if c.r == c.w {
		c.r, c.w = 0, 0
	}
	if c.w == len(c.in) {
		if err := c.room(); err != nil {
			return err
		}
	}
	wait := c.srv.opts.PeerTimeout
	if idle {
		wait = c.srv.opts.IdleTimeout
	}
	// Deadlines are moved when they are off by an eighth, not on every read.
	if want := time.Now().Add(wait); want.Sub(c.deadline) > wait/8 || c.deadline.Sub(want) > wait/8 {
		c.deadline = want
		c.nc.SetReadDeadline(want)
	}
	if c.granted > 0 && time.Now().After(c.frameBy) {
		return errors.New("a large request arrives too slowly")
	}
	n, err := c.nc.Read(c.in[c.w:])
	c.w += n
	c.srv.in.Add(int64(n))
	if n > 0 {
		return nil
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// room makes place behind w: by moving what is there to the front, or by a buffer of twice the size.
func (c *conn) room() error {
	have := c.w - c.r
	if c.r > 0 && have <= len(c.in)/2 {
		copy(c.in, c.in[c.r:c.w])
		c.r, c.w = 0, have
		return nil
	}
	size := max(smallBuffer, 2*len(c.in))
	if size > largeBuffer {
		// The whole frame is asked for at once, so that no two connections wait for what the other holds; the memory itself
		// grows with what arrives, and not beyond the frame.
		frame := c.frameSize()
		if c.granted == 0 {
			if !c.srv.pending.take(int64(frame), c.srv.opts.PeerTimeout, c.ctx.Done()) {
				return errors.New("no memory for a large request: too many of them at once")
			}
			c.granted = int64(frame)
			c.frameBy = time.Now().Add(c.srv.opts.PeerTimeout + time.Duration(frame/slowest)*time.Second)
		}
		size = min(size, frame)
	}
	in := make([]byte, size)
	copy(in, c.in[c.r:c.w])
	c.in, c.r, c.w = in, 0, have
	return nil
}

// frameSize is the length of the frame that is being read, with its prefix; 0 while that is not known.
func (c *conn) frameSize() int {
	if c.w-c.r < 4 {
		return 0
	}
	return 4 + int(binary.BigEndian.Uint32(c.in[c.r:]))
}

// shrink gives back the memory of a large request.
func (c *conn) shrink() {
	if c.granted == 0 || c.w-c.r > largeBuffer/2 {
		return
	}
	in := make([]byte, largeBuffer)
	n := copy(in, c.in[c.r:c.w])
	c.in, c.r, c.w = in, 0, n
	c.srv.pending.give(c.granted)
	c.granted = 0
}

func (c *conn) handshake() error {
	for c.w-c.r < helloLen {
		if err := c.fill(false); err != nil {
			return err
		}
		if c.w-c.r >= 4 {
			switch [4]byte(c.in[c.r:]) {
			case magic:
			case httpGet:
				c.send([]byte(httpHint))
				return errHangUp
			default:
				return c.badVersion(int8(0), false)
			}
		}
		if c.w-c.r >= 5 && c.in[c.r+4] != ipcVersion {
			return c.badVersion(int8(c.in[c.r+4]), true)
		}
	}
	hello := c.in[c.r : c.r+helloLen]
	c.r += helloLen
	switch {
	case [4]byte(hello) != magic:
		return c.badVersion(0, false)
	case hello[4] != ipcVersion:
		return c.badVersion(int8(hello[4]), true)
	}
	switch hello[6] {
	case authNone:
	case authSASL:
		c.sasl = saslExpected
	default:
		return c.fatal(fatalUnauthorized, hdfs.IOException, "Unknown authentication protocol in the connection header; this server knows 0 (none) and -33 (SASL)")
	}
	return nil
}

// badVersion tells a client of another version so in the words of that version (Server.setupBadVersionResponse).
func (c *conn) badVersion(version int8, isHRPC bool) error {
	text := "Server IPC version 9 cannot communicate with this client"
	if isHRPC {
		text = "Server IPC version 9 cannot communicate with client version " + itoa(int(version))
	}
	switch {
	case !isHRPC || version >= ipcVersion:
		return c.fatal(fatalVersionMismatch, hdfs.RPCVersionMismatch, text)
	case version >= 3:
		b := binary.BigEndian.AppendUint32(nil, 0xFFFFFFFF) // call id -1
		b = binary.BigEndian.AppendUint32(b, 0xFFFFFFFF)    // status: fatal
		c.send(appendJavaString(appendJavaString(b, hdfs.RPCVersionMismatch), text))
	case version == 2:
		b := append(binary.BigEndian.AppendUint32(nil, 0), 1) // call id 0, an error
		c.send(appendJavaString(appendJavaString(b, hdfs.RPCVersionMismatch), text))
	}
	return errHangUp
}

func appendJavaString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// serveFrames takes every complete frame that is there, then flushes and reads once more.
func (c *conn) serveFrames() error {
	for {
		have := c.w - c.r
		if have < 4 {
			break
		}
		size := int(int32(binary.BigEndian.Uint32(c.in[c.r:])))
		if size <= 0 || size > c.srv.opts.MaxFrame {
			return c.fatal(fatalInvalidHeader, hdfs.IOException, "Request of "+itoa(size)+" bytes; the limit is "+itoa(c.srv.opts.MaxFrame)+" (ipc.maximum.data.length)")
		}
		if have < 4+size {
			break
		}
		frame := c.in[c.r+4 : c.r+4+size]
		if err := c.frame(frame); err != nil {
			return err
		}
		c.r += 4 + size
		c.shrink()
		if c.heavy.Load() {
			c.endBurst()
			if err := c.startBurst(); err != nil {
				return err
			}
		}
	}
	c.endBurst()
	if err := c.fill(c.w == c.r); err != nil {
		return err
	}
	return c.startBurst()
}

// frame handles one frame; an error ends the connection.
func (c *conn) frame(b []byte) error {
	head, rest, err := delimited(b)
	if err != nil {
		return c.fatal(fatalDeserializing, hdfs.RPCServerException, "Cannot read the request header: "+err.Error())
	}
	var h requestHeader
	if err := h.parse(head); err != nil {
		return c.fatal(fatalDeserializing, hdfs.RPCServerException, "Cannot read the request header: "+err.Error())
	}
	id := answerHeader{callID: h.callID, retryCount: h.retryCount, clientID: h.clientID}
	switch {
	case h.op != rpcFinalPacket:
		return c.fatalCall(&id, fatalInvalidHeader, hdfs.RPCServerException, "RPC operation in the header is missing or unknown")
	case h.kind == -1:
		return c.fatalCall(&id, fatalInvalidHeader, hdfs.RPCServerException, "RPC kind in the header is missing")
	case h.kind != rpcKindProtocolBuffer:
		return c.fatalCall(&id, fatalSerialization, hdfs.RPCServerException, "RPC kind in the header is not RPC_PROTOCOL_BUFFER")
	case h.callID < 0:
		return c.outOfBand(&id, rest)
	case !c.introduced:
		return c.fatalCall(&id, fatalInvalidHeader, hdfs.RPCServerException, "Connection context not found")
	}
	method, rest, err := delimited(rest)
	if err != nil {
		return c.fatalCall(&id, fatalDeserializing, hdfs.RPCServerException, "Cannot read the method's header: "+err.Error())
	}
	name, protocol, err := parseMethod(method)
	if err != nil {
		return c.fatalCall(&id, fatalDeserializing, hdfs.RPCServerException, "Cannot read the method's header: "+err.Error())
	}
	body, tail, err := delimited(rest)
	if err != nil || len(tail) > 0 {
		return c.fatalCall(&id, fatalDeserializing, hdfs.RPCServerException, "Cannot read the request: its length does not match the frame's")
	}
	c.srv.frames.Add(1)
	p, m, err := c.srv.find(protocol, name)
	if err != nil {
		id.describe(err)
		c.answer(&id, nil)
		return nil
	}
	return c.call(p, m, &h, body)
}

// call starts one call.
func (c *conn) call(p *protocolEntry, m *methodEntry, h *requestHeader, body []byte) error {
	call := &Call{Protocol: m.protocol, Method: m.name, ClientID: c.rememberClient(h.clientID), CallID: h.callID, RetryCount: h.retryCount,
		User: c.user, RealUser: c.realUser, RemoteIP: c.remote.Addr(), RemotePort: int(c.remote.Port()), RemoteHost: c.host, LocalIP: c.local,
		CallerContext: c.rememberContext(h.callerContext), StateID: h.stateID}
	begin := time.Now()
	if !m.table {
		raw := append([]byte(nil), body...)
		c.spawn(func() {
			msg, err := c.srv.serveOne(c.ctx, p, m, call, nil, raw)
			c.done(m, call, begin, msg, err)
		})
		return nil
	}
	req, err := m.method.decode(body)
	if err != nil {
		c.finish(m, call, begin, nil, err)
		return nil
	}
	switch {
	case m.method.inline:
		call.Request = body
		msg, err := c.srv.serveOne(c.ctx, p, m, call, req, nil)
		c.finish(m, call, begin, msg, err)
	case m.method.start != nil:
		call.Request = body
		c.begin()
		c.startAsync(m, call, req, begin)
		call.Request = nil
	default:
		c.spawn(func() {
			msg, err := c.srv.serveOne(c.ctx, p, m, call, req, nil)
			c.done(m, call, begin, msg, err)
		})
	}
	return nil
}

// startAsync starts an Async method. Its goroutines may outlive the connection: what they answer then is dropped.
func (c *conn) startAsync(m *methodEntry, call *Call, req proto.Message, begin time.Time) {
	defer func() {
		if r := recover(); r != nil {
			c.done(m, call, begin, nil, c.srv.panicked(m, r))
		}
	}()
	m.method.start(c.ctx, call, req, func(msg proto.Message, err error) { c.done(m, call, begin, msg, err) })
}

func (c *conn) spawn(f func()) {
	c.begin()
	c.srv.wg.Add(1)
	go func() {
		defer c.srv.wg.Done()
		f()
	}()
}

// begin counts a call that answers later, and waits while there are too many.
func (c *conn) begin() {
	c.mu.Lock()
	for c.inFlight >= c.srv.opts.MaxInFlight && !c.dead {
		c.waitForSpace()
	}
	c.inFlight++
	c.mu.Unlock()
}

// done answers a call that began.
func (c *conn) done(m *methodEntry, call *Call, begin time.Time, msg proto.Message, err error) {
	c.report(m, call, begin, msg, err, 1)
}

// finish answers a call on the reader's goroutine.
func (c *conn) finish(m *methodEntry, call *Call, begin time.Time, msg proto.Message, err error) {
	c.report(m, call, begin, msg, err, 0)
}

// report counts a call, answers it, and takes landed calls off those in flight.
func (c *conn) report(m *methodEntry, call *Call, begin time.Time, msg proto.Message, err error, landed int) {
	m.calls.Add(1)
	m.nanos.Add(int64(time.Since(begin)))
	h := answerHeader{callID: call.CallID, retryCount: call.RetryCount, clientID: call.ClientID}
	if f := c.srv.opts.StateID; f != nil {
		h.stateID = f()
	}
	if err != nil {
		m.errors.Add(1)
		h.describe(err)
		msg = nil
	}
	c.land(&h, msg, landed)
}

// rememberClient copies a client id, once for all calls that carry the same.
func (c *conn) rememberClient(id []byte) []byte {
	if string(id) != string(c.clientID) {
		c.clientID = append([]byte(nil), id...)
	}
	return c.clientID
}

func (c *conn) rememberContext(s []byte) string {
	if string(s) != c.callerContext {
		c.callerContext = string(s)
	}
	return c.callerContext
}

// outOfBand handles a frame whose call id is negative.
func (c *conn) outOfBand(id *answerHeader, rest []byte) error {
	switch id.callID {
	case callPing:
		return nil
	case callSASL:
		return c.saslMessage(id, rest)
	case callConnectionContext:
	default:
		return c.fatalCall(id, fatalInvalidHeader, hdfs.RPCServerException, "Unknown out of band call #"+itoa(int(id.callID)))
	}
	if c.introduced {
		return c.fatalCall(id, fatalInvalidHeader, hdfs.RPCServerException, "Connection context already processed")
	}
	if c.sasl == saslExpected {
		return c.fatalCall(id, fatalInvalidHeader, hdfs.RPCServerException, "Connection header sent during SASL negotiation")
	}
	body, _, err := delimited(rest)
	var ctx commonpb.IpcConnectionContextProto
	if err == nil {
		err = proto.Unmarshal(body, &ctx)
	}
	if err != nil {
		return c.fatalCall(id, fatalDeserializing, hdfs.RPCServerException, "Cannot read the connection context: "+err.Error())
	}
	c.user, c.realUser = shortName(ctx.GetUserInfo().GetEffectiveUser()), shortName(ctx.GetUserInfo().GetRealUser())
	if c.user == "" {
		c.user = c.realUser
	}
	if c.realUser == c.user {
		c.realUser = ""
	}
	if c.realUser != "" && c.srv.opts.Authorize != nil {
		if err := c.srv.opts.Authorize(c.user, c.realUser, c.remote.Addr()); err != nil {
			return c.fatalCall(id, fatalUnauthorized, hdfs.AuthorizationException, err.Error())
		}
	}
	c.introduced = true
	return nil
}

// shortName takes host and realm off a Kerberos principal.
func shortName(name string) string {
	for i := range len(name) {
		if name[i] == '/' || name[i] == '@' {
			return name[:i]
		}
	}
	return name
}
