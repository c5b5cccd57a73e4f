// Package taskproc is the task process: the job's own binary, started by a worker with a cookie in its environment and one end of a
// socketpair as file descriptor 3. Both sides send length-prefixed protobuf messages (batchpb.ToTask, batchpb.FromTask). A process
// says hello, then runs one attempt after another until the worker closes its end; it never outlives its worker.
package taskproc

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"
)

// Cookie is the environment variable that makes a binary a task process; Version is its value.
const (
	Cookie  = "LODE_TASK_PROCESS"
	Version = "lode-task-1"
	// FD is the inherited end of the socketpair.
	FD = 3
)

const maxMessage = 256 << 20

// WriteMessage sends one message.
func WriteMessage(w io.Writer, m proto.Message) error {
	b, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	if len(b) > maxMessage {
		return fmt.Errorf("message of %d bytes to or from a task process", len(b))
	}
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(b)), uint32(len(b)))
	_, err = w.Write(append(frame, b...))
	return err
}

// ReadMessage receives one message.
func ReadMessage(r *bufio.Reader, m proto.Message) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxMessage {
		return fmt.Errorf("message of %d bytes to or from a task process", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return err
	}
	return proto.Unmarshal(b, m)
}
