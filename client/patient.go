package client

import (
	"context"
	"errors"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/client/protocol"
	"github.com/lodehq/lode/internal/hdfs"
)

// patient calls a namenode that is still starting again until it has left safe mode, for half a minute at most. Safe mode that
// somebody turned on, or that waits for datanodes that do not come, is an error as with any client.
type patient struct{ rpc protocol.Caller }

const startupWait = 30 * time.Second

// Call makes one call.
func (p patient) Call(ctx context.Context, method string, req, resp proto.Message) error {
	wait, until := 20*time.Millisecond, time.Time{}
	for {
		err := p.rpc.Call(ctx, method, req, resp)
		if err == nil || !startingUp(err) {
			return err
		}
		now := time.Now()
		if until.IsZero() {
			until = now.Add(startupWait)
		}
		if now.After(until) {
			return err
		}
		if perr := pause(ctx, wait); perr != nil {
			return err
		}
		wait = min(2*wait, time.Second)
	}
}

// startingUp tells the safe mode of a start from others by its words (FSNamesystem.SafeModeInfo).
func startingUp(err error) bool {
	var e *hdfs.Exception
	return errors.As(err, &e) && e.Class == hdfs.SafeMode && strings.Contains(e.Message, "turned off automatically")
}
