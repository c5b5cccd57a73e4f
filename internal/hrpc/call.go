package hrpc

import (
	"context"
	"errors"
	"net/netip"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
)

// Call is what the wire says about one call beside its message.
type Call struct {
	Protocol, Method string
	ClientID         []byte // 16 bytes, or empty when the client sent none; with CallID it names the call for the retry cache
	CallID           int32
	RetryCount       int32 // -1 when the client did not say
	User             string
	RealUser         string // who speaks for User; empty when it is User itself
	RemoteIP         netip.Addr
	RemotePort       int
	RemoteHost       string     // RemoteIP as text, made once for a connection; may be empty in calls made by hand
	LocalIP          netip.Addr // the address of ours that the client reached
	CallerContext    string
	StateID          int64
	// Request is the method's message as it came. It is valid until an Inline method returns or an Async one has returned
	// from its start; whoever keeps it copies it. It is nil in a Unary method.
	Request []byte
}

// A Handler serves the calls of one protocol. request is valid until it returns. An error that is (or wraps) an
// *hdfs.Exception keeps its class and message on the wire; any other becomes a java.io.IOException.
type Handler interface {
	ServeRPC(ctx context.Context, call *Call, request []byte) (proto.Message, error)
}

// Reply answers an Async call, once, from any goroutine. It does not block on the network.
type Reply func(proto.Message, error)

// Method is one entry of a protocol's table, made by Unary, Inline or Async.
type Method struct {
	decode func([]byte) (proto.Message, error)
	serve  func(context.Context, *Call, proto.Message) (proto.Message, error)
	start  func(context.Context, *Call, proto.Message, Reply)
	inline bool
}

// message is a pointer to a generated protobuf struct.
type message[T any] interface {
	*T
	proto.Message
}

// Unary serves a method on a goroutine of its own: for calls that may wait.
func Unary[Req, Resp any, Q message[Req], P message[Resp]](f func(context.Context, *Call, Q) (P, error)) Method {
	return Method{decode: decoder[Req, Q](), serve: func(ctx context.Context, c *Call, req proto.Message) (proto.Message, error) {
		resp, err := f(ctx, c, req.(Q))
		if err != nil {
			return nil, err
		}
		if resp == nil {
			resp = new(Resp)
		}
		return resp, nil
	}}
}

// Inline serves a method on the connection's goroutine: for calls that never wait for anything but a short lock.
func Inline[Req, Resp any, Q message[Req], P message[Resp]](f func(context.Context, *Call, Q) (P, error)) Method {
	m := Unary[Req, Resp, Q, P](f)
	m.inline = true
	return m
}

// Async starts a method on the connection's goroutine; f must not wait, and answers through reply, now or later.
func Async[Req, Resp any, Q message[Req], P message[Resp]](f func(ctx context.Context, c *Call, req Q, reply func(P, error))) Method {
	return Method{decode: decoder[Req, Q](), start: func(ctx context.Context, c *Call, req proto.Message, reply Reply) {
		f(ctx, c, req.(Q), func(resp P, err error) {
			if err != nil {
				reply(nil, err)
				return
			}
			if resp == nil {
				resp = new(Resp)
			}
			reply(resp, nil)
		})
	}}
}

func decoder[Req any, Q message[Req]]() func([]byte) (proto.Message, error) {
	return func(b []byte) (proto.Message, error) {
		var m Q = new(Req)
		if err := proto.Unmarshal(b, m); err != nil {
			return nil, hdfs.Errorf(hdfs.RPCServerException, "cannot decode the request: %v", err)
		}
		return m, nil
	}
}

// Methods makes a Handler of a table from method name to Method. A name that is not there is answered with
// RpcNoSuchMethodException, as clients expect that probe an older server.
func Methods(table map[string]Method) Handler {
	return methodTable(table)
}

type methodTable map[string]Method

// ServeRPC serves one call and waits for its answer; the Server itself does not come this way.
func (t methodTable) ServeRPC(ctx context.Context, call *Call, request []byte) (proto.Message, error) {
	m, ok := t[call.Method]
	if !ok {
		return nil, noSuchMethod(call.Method, call.Protocol)
	}
	req, err := m.decode(request)
	if err != nil {
		return nil, err
	}
	if m.serve != nil {
		return m.serve(ctx, call, req)
	}
	type answer struct {
		msg proto.Message
		err error
	}
	done := make(chan answer, 1)
	m.start(ctx, call, req, func(msg proto.Message, err error) { done <- answer{msg, err} })
	select {
	case a := <-done:
		return a.msg, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func noSuchMethod(method, protocol string) error {
	return hdfs.Errorf(hdfs.RPCNoSuchMethod, "Unknown method %s called on %s protocol.", method, protocol)
}

// describe puts an error into an answer's header.
func (h *answerHeader) describe(err error) {
	h.status, h.detail, h.class, h.message = statusError, errApplication, hdfs.IOException, err.Error()
	var e *hdfs.Exception
	if errors.As(err, &e) {
		h.class, h.message = e.Class, e.Message
	}
	switch h.class {
	case hdfs.RPCNoSuchMethod:
		h.detail = errNoSuchMethod
	case hdfs.RPCNoSuchProtocol:
		h.detail = errNoSuchProtocol
	case hdfs.RPCServerException:
		h.detail = errRPCServer
	}
}
