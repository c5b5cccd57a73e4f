package hrpc

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	commonpb "github.com/lodehq/lode/proto/hadoop/common"
)

// brokenError says that the connection ended before the answer came.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return "connection lost: " + e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }

// clientConn is one connection of a Client. Its reading side belongs to readAnswers.
type clientConn struct {
	nc       net.Conn
	address  string
	maxFrame int

	mu       sync.Mutex // guards what follows; no I/O under it
	pending  map[int32]chan answered
	out      []byte
	spare    []byte
	flushing bool
	draining bool  // closes when the last pending call is answered
	err      error // why the connection ended
}

// answered is a frame that belongs to a pending call, or why none will come.
type answered struct {
	frame []byte
	err   error
}

func newClientConn(nc net.Conn, address string, maxFrame int) *clientConn {
	return &clientConn{nc: nc, address: address, maxFrame: maxFrame, pending: map[int32]chan answered{}}
}

// greet puts the connection header and the connection context before the first call.
func (c *clientConn) greet(clientID []byte, user, realUser, protocol string) {
	c.out = append(c.out, 'h', 'r', 'p', 'c', ipcVersion, 0, authNone)
	info := &commonpb.UserInformationProto{EffectiveUser: &user}
	if realUser != "" && realUser != user {
		info.RealUser = &realUser
	}
	c.out = appendRequest(c.out, clientID, callConnectionContext, -1, "", "",
		&commonpb.IpcConnectionContextProto{UserInfo: info, Protocol: &protocol})
}

// appendRequest appends a whole frame; without a method it carries msg alone.
func appendRequest(b []byte, clientID []byte, id, retry int32, protocol, method string, msg proto.Message) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	size := 2 + 2 + 1 + protowire.SizeVarint(protowire.EncodeZigZag(int64(id))) + 1 + protowire.SizeBytes(len(clientID)) +
		1 + protowire.SizeVarint(protowire.EncodeZigZag(int64(retry)))
	b = protowire.AppendVarint(b, uint64(size))
	b = append(b, 0x08, rpcKindProtocolBuffer, 0x10, rpcFinalPacket, 0x18)
	b = protowire.AppendVarint(b, protowire.EncodeZigZag(int64(id)))
	b = append(b, 0x22)
	b = protowire.AppendBytes(b, clientID)
	b = append(b, 0x28)
	b = protowire.AppendVarint(b, protowire.EncodeZigZag(int64(retry)))
	if method != "" {
		b = protowire.AppendVarint(b, uint64(1+protowire.SizeBytes(len(method))+1+protowire.SizeBytes(len(protocol))+2))
		b = append(b, 0x0a)
		b = protowire.AppendString(b, method)
		b = append(b, 0x12)
		b = protowire.AppendString(b, protocol)
		b = append(b, 0x18, 1)
	}
	o := proto.MarshalOptions{AllowPartial: true}
	b = protowire.AppendVarint(b, uint64(o.Size(msg)))
	o.UseCachedSize = true
	b, _ = o.MarshalAppend(b, msg) // only a missing required field can fail, and AllowPartial lets the server say so
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

func (c *clientConn) broken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil || c.draining
}

// drain lets the pending calls finish and hangs up then.
func (c *clientConn) drain() {
	c.mu.Lock()
	c.draining = true
	empty := len(c.pending) == 0
	c.mu.Unlock()
	if empty {
		c.fail(io.EOF)
	}
}

// fail ends the connection and every pending call.
func (c *clientConn) fail(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	err = c.err
	pending := c.pending
	c.pending = map[int32]chan answered{}
	c.mu.Unlock()
	c.nc.Close()
	for _, ch := range pending {
		ch <- answered{err: &brokenError{err}}
	}
}

func (c *clientConn) call(ctx context.Context, clientID []byte, id, retry int32, protocol, method string, req, resp proto.Message) error {
	ch := make(chan answered, 1)
	c.mu.Lock()
	if c.err != nil {
		err := c.err
		c.mu.Unlock()
		return &brokenError{err}
	}
	c.pending[id] = ch
	if c.out == nil {
		c.out, c.spare = c.spare, nil
	}
	c.out = appendRequest(c.out, clientID, id, retry, protocol, method, req)
	if !c.flushing {
		c.flushing = true
		c.flush()
	}
	c.mu.Unlock()
	select {
	case a := <-ch:
		if a.err != nil {
			return a.err
		}
		return decodeAnswer(a.frame, resp)
	case <-ctx.Done():
		c.mu.Lock()
		delete(c.pending, id)
		c.mu.Unlock()
		return ctx.Err()
	}
}

// flush writes until nothing waits. The caller holds mu and has set flushing; calls that come meanwhile go with the next write.
func (c *clientConn) flush() {
	for len(c.out) > 0 && c.err == nil {
		b := c.out
		c.out, c.spare = c.spare, nil
		c.mu.Unlock()
		c.nc.SetWriteDeadline(time.Now().Add(time.Minute))
		_, err := c.nc.Write(b)
		if err != nil {
			c.fail(err)
		}
		c.mu.Lock()
		if cap(b) <= largeBuffer {
			c.spare = b[:0]
		}
	}
	c.flushing = false
}

// readAnswers hands frames to the calls they belong to until the connection ends.
func (c *clientConn) readAnswers() {
	r := bufio.NewReaderSize(c.nc, 32<<10)
	for {
		frame, err := readFrame(r, c.maxFrame)
		if err != nil {
			c.fail(err)
			return
		}
		id, err := answerID(frame)
		if err != nil {
			c.fail(err)
			return
		}
		if id < 0 {
			// A fatal answer to the connection itself.
			c.fail(decodeAnswer(frame, nil))
			return
		}
		c.mu.Lock()
		ch := c.pending[id]
		delete(c.pending, id)
		last := c.draining && len(c.pending) == 0
		c.mu.Unlock()
		if ch != nil {
			ch <- answered{frame: frame}
		}
		if last {
			c.fail(io.EOF)
			return
		}
	}
}

// readFrame reads one frame. Its memory grows with what arrives, not with what is announced.
func readFrame(r *bufio.Reader, limit int) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint32(head[:]))
	if size > limit {
		return nil, fmt.Errorf("answer of %d bytes exceeds the limit of %d", size, limit)
	}
	frame := make([]byte, min(size, 1<<20))
	for done := 0; ; {
		n, err := io.ReadFull(r, frame[done:])
		done += n
		if err != nil {
			return nil, io.ErrUnexpectedEOF
		}
		if done == size {
			return frame, nil
		}
		frame = append(frame, make([]byte, min(size-done, done))...)
	}
}

// answerID reads the call id of an answer, which is the first field of its header.
func answerID(frame []byte) (int32, error) {
	head, _, err := delimited(frame)
	if err != nil {
		return 0, fmt.Errorf("answer's header: %w", err)
	}
	for len(head) > 0 {
		num, typ, n := protowire.ConsumeTag(head)
		if n < 0 {
			break
		}
		if num == 1 && typ == protowire.VarintType {
			v, m := protowire.ConsumeVarint(head[n:])
			if m < 0 {
				break
			}
			return int32(uint32(v)), nil
		}
		m := protowire.ConsumeFieldValue(num, typ, head[n:])
		if m < 0 {
			break
		}
		head = head[n+m:]
	}
	return 0, fmt.Errorf("answer's header: %w", errTruncated)
}

// decodeAnswer decodes the message of an answer into resp, or the error that it carries.
func decodeAnswer(frame []byte, resp proto.Message) error {
	head, rest, err := delimited(frame)
	if err != nil {
		return fmt.Errorf("answer's header: %w", err)
	}
	var h commonpb.RpcResponseHeaderProto
	if err := proto.Unmarshal(head, &h); err != nil {
		return fmt.Errorf("answer's header: %w", err)
	}
	if h.GetStatus() != commonpb.RpcResponseHeaderProto_SUCCESS {
		class := h.GetExceptionClassName()
		if class == "" {
			class = hdfs.IOException
		}
		return &hdfs.Exception{Class: class, Message: h.GetErrorMsg()}
	}
	if resp == nil {
		return errors.New("the server answers a call that was not made")
	}
	body, _, err := delimited(rest)
	if err != nil && len(rest) > 0 {
		return fmt.Errorf("answer's message: %w", err)
	}
	if err := proto.Unmarshal(body, resp); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	return nil
}
