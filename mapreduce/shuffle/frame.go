package shuffle

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// HeaderSize is the length of a frame's header.
const HeaderSize = 24

const magic = 0x4c534831 // LSH1

// Status of a frame.
type Status uint32

// A frame is either a segment or the news that the server does not have it.
const (
	StatusOK      Status = 0
	StatusMissing Status = 1
)

// Frame is the header before a segment.
type Frame struct {
	Status    Status
	Length    int64 // bytes that follow
	RawLength int64 // after decompression
}

// ErrBadFrame says that the other side does not speak this protocol.
var ErrBadFrame = errors.New("not a map output frame")

// Append encodes f.
func (f Frame) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, magic)
	b = binary.BigEndian.AppendUint32(b, uint32(f.Status))
	b = binary.BigEndian.AppendUint64(b, uint64(f.Length))
	return binary.BigEndian.AppendUint64(b, uint64(f.RawLength))
}

// ParseFrame decodes a header.
func ParseFrame(b []byte) (Frame, error) {
	if len(b) < HeaderSize || binary.BigEndian.Uint32(b) != magic {
		return Frame{}, ErrBadFrame
	}
	f := Frame{Status(binary.BigEndian.Uint32(b[4:])), int64(binary.BigEndian.Uint64(b[8:])), int64(binary.BigEndian.Uint64(b[16:]))}
	if f.Status > StatusMissing || f.Length < 0 || f.RawLength < 0 || (f.Status == StatusMissing && f.Length != 0) {
		return Frame{}, fmt.Errorf("%w: status %d, length %d", ErrBadFrame, f.Status, f.Length)
	}
	return f, nil
}
