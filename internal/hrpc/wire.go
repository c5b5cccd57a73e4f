package hrpc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Status of an answer (RpcStatusProto).
const (
	statusSuccess = 0
	statusError   = 1
	statusFatal   = 2
)

// Detail of an error answer (RpcErrorCodeProto).
const (
	errApplication        = 1
	errNoSuchMethod       = 2
	errNoSuchProtocol     = 3
	errRPCServer          = 4
	errSerializing        = 5
	fatalUnknown          = 10
	fatalSerialization    = 11
	fatalInvalidHeader    = 12
	fatalDeserializing    = 13
	fatalVersionMismatch  = 14
	fatalUnauthorized     = 15
	rpcKindProtocolBuffer = 2
	rpcFinalPacket        = 0
)

// requestHeader is RpcRequestHeaderProto, decoded by hand: it comes with every call. Its slices point into the frame.
type requestHeader struct {
	kind, op         int64 // -1 when absent
	callID           int32
	retryCount       int32
	clientID         []byte
	callerContext    []byte
	stateID          int64
	hasID, hasClient bool
}

// errTruncated is the answer to any message that ends before it should.
var errTruncated = errors.New("message is cut short or malformed")

func (h *requestHeader) parse(b []byte) error {
	*h = requestHeader{kind: -1, op: -1, retryCount: -1}
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errTruncated
		}
		b = b[n:]
		switch {
		case typ == protowire.VarintType && (num == 1 || num == 2 || num == 3 || num == 5 || num == 8):
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				return errTruncated
			}
			b = b[n:]
			switch num {
			case 1:
				h.kind = int64(v)
			case 2:
				h.op = int64(v)
			case 3:
				h.callID, h.hasID = int32(protowire.DecodeZigZag(v&math.MaxUint32)), true
			case 5:
				h.retryCount = int32(protowire.DecodeZigZag(v & math.MaxUint32))
			case 8:
				h.stateID = int64(v)
			}
		case typ == protowire.BytesType && (num == 4 || num == 7):
			v, n := protowire.ConsumeBytes(b)
			if n < 0 {
				return errTruncated
			}
			b = b[n:]
			if num == 4 {
				h.clientID, h.hasClient = v, true
			} else {
				h.callerContext = callerContext(v)
			}
		default:
			n := protowire.ConsumeFieldValue(num, typ, b)
			if n < 0 {
				return errTruncated
			}
			b = b[n:]
		}
	}
	if !h.hasID || !h.hasClient {
		return errors.New("request header lacks its call id or client id")
	}
	return nil
}

// callerContext takes the text out of RPCCallerContextProto.
func callerContext(b []byte) []byte {
	num, typ, n := protowire.ConsumeTag(b)
	if n < 0 || num != 1 || typ != protowire.BytesType {
		return nil
	}
	v, n := protowire.ConsumeBytes(b[n:])
	if n < 0 {
		return nil
	}
	return v
}

// parseMethod decodes RequestHeaderProto. The slices point into b.
func parseMethod(b []byte) (method, protocol []byte, err error) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, nil, errTruncated
		}
		b = b[n:]
		if typ == protowire.BytesType && (num == 1 || num == 2) {
			v, n := protowire.ConsumeBytes(b)
			if n < 0 {
				return nil, nil, errTruncated
			}
			b = b[n:]
			if num == 1 {
				method = v
			} else {
				protocol = v
			}
			continue
		}
		if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
			return nil, nil, errTruncated
		}
		b = b[n:]
	}
	if method == nil || protocol == nil {
		return nil, nil, errors.New("request names no method or no protocol")
	}
	return method, protocol, nil
}

// delimited takes one varint-delimited message from the front of b.
func delimited(b []byte) (msg, rest []byte, err error) {
	size, n := protowire.ConsumeVarint(b)
	if n < 0 || n > 5 || size > uint64(len(b)-n) {
		return nil, nil, errTruncated
	}
	return b[n : n+int(size)], b[n+int(size):], nil
}

// answerHeader is what an RpcResponseHeaderProto says.
type answerHeader struct {
	callID     int32
	retryCount int32
	clientID   []byte
	status     int
	detail     int
	class      string
	message    string
	stateID    int64 // sent when not 0
}

func (h *answerHeader) append(b []byte) []byte {
	b = append(b, 0x08)
	b = protowire.AppendVarint(b, uint64(uint32(h.callID)))
	b = append(b, 0x10, byte(h.status), 0x18, ipcVersion)
	if h.status != statusSuccess {
		b = append(b, 0x22)
		b = protowire.AppendString(b, h.class)
		b = append(b, 0x2a)
		b = protowire.AppendString(b, h.message)
		b = append(b, 0x30, byte(h.detail))
	}
	b = append(b, 0x3a)
	b = protowire.AppendBytes(b, h.clientID)
	b = append(b, 0x40)
	b = protowire.AppendVarint(b, protowire.EncodeZigZag(int64(h.retryCount)))
	if h.stateID != 0 {
		b = append(b, 0x48)
		b = protowire.AppendVarint(b, uint64(h.stateID))
	}
	return b
}

// appendAnswer appends a whole frame: header, and the message when the call succeeded. On an error b comes back unchanged.
func appendAnswer(b []byte, h *answerHeader, msg proto.Message, limit int) ([]byte, error) {
	start := len(b)
	b = append(b, 0, 0, 0, 0, 0) // frame length, and one byte for the header's length
	b = h.append(b)
	if n := len(b) - start - 5; n < 0x80 {
		b[start+4] = byte(n)
	} else {
		// A long error text: make room for the longer varint.
		head := append([]byte(nil), b[start+5:]...)
		b = protowire.AppendBytes(b[:start+4], head)
	}
	if msg != nil {
		o := proto.MarshalOptions{}
		size := o.Size(msg)
		if size > limit {
			return b[:start], fmt.Errorf("answer of %d bytes exceeds the limit of %d", size, limit)
		}
		b = protowire.AppendVarint(b, uint64(size))
		var err error
		o.UseCachedSize = true
		if b, err = o.MarshalAppend(b, msg); err != nil {
			return b[:start], fmt.Errorf("encode answer: %w", err)
		}
	}
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b, nil
}
