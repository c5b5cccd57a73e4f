package block

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Op is an operation of the data transfer protocol (Op.java).
type Op byte

// The operations that a client sends.
const (
	OpWriteBlock          Op = 80
	OpReadBlock           Op = 81
	OpBlockChecksum       Op = 85
	OpTransferBlock       Op = 86
	OpRequestShortCircuit Op = 87
	OpReplaceBlock        Op = 83
	OpCopyBlock           Op = 84
	transferVersion          = 28
	maxMessage               = 1 << 20
)

// AppendOp appends a request: version, operation, message.
func AppendOp(b []byte, op Op, msg proto.Message) ([]byte, error) {
	b = append(b, 0, transferVersion, byte(op))
	return AppendDelimited(b, msg)
}

// AppendDelimited appends a message behind its length as a varint.
func AppendDelimited(b []byte, msg proto.Message) ([]byte, error) {
	b = protowire.AppendVarint(b, uint64(proto.Size(msg)))
	return proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(b, msg)
}

// ByteReader is what messages are read from: a buffered connection.
type ByteReader interface {
	io.Reader
	io.ByteReader
}

// ReadDelimited reads a message behind its length. A length over a megabyte is refused.
func ReadDelimited(r ByteReader, msg proto.Message) error {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return err
	}
	if n > maxMessage {
		return fmt.Errorf("a message of %d bytes is announced: this is not the data transfer protocol", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	return proto.Unmarshal(b, msg)
}

// StatusError is a refusal by a datanode.
type StatusError struct {
	Op       string
	Node     string // host:port that answered
	Status   hdfspb.Status
	Message  string
	FirstBad string // host:port of the pipeline's first bad datanode, if it was named
}

func (e *StatusError) Error() string {
	s := fmt.Sprintf("%s: datanode %s answered %s", e.Op, e.Node, e.Status)
	if e.FirstBad != "" {
		s += ", first bad datanode is " + e.FirstBad
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// AccessToken says whether the datanode refused the block token: fresh locations bring a fresh one.
func (e *StatusError) AccessToken() bool { return e.Status == hdfspb.Status_ERROR_ACCESS_TOKEN }

// readResponse reads the answer to a request and turns a refusal into a *StatusError.
func readResponse(r ByteReader, op, node string) (*hdfspb.BlockOpResponseProto, error) {
	resp := new(hdfspb.BlockOpResponseProto)
	if err := ReadDelimited(r, resp); err != nil {
		return nil, fmt.Errorf("%s: answer of datanode %s: %w", op, node, err)
	}
	if resp.GetStatus() != hdfspb.Status_SUCCESS {
		return nil, &StatusError{Op: op, Node: node, Status: resp.GetStatus(), Message: resp.GetMessage(), FirstBad: resp.GetFirstBadLink()}
	}
	return resp, nil
}
