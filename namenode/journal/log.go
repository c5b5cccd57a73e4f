package journal

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

var errNoImage = fmt.Errorf("no image has been written yet: %w", fs.ErrNotExist)

// newRaftLogger makes raft log through slog, one level down: its notices are details here.
// Alone, even its warnings are: they tell that nobody else answers.
func newRaftLogger(log *slog.Logger, alone bool) hclog.Logger {
	l := hclog.NewInterceptLogger(&hclog.LoggerOptions{Name: "raft", Level: hclog.Off, Output: io.Discard})
	l.RegisterSink(slogSink{log, alone})
	return l
}

type slogSink struct {
	log   *slog.Logger
	alone bool
}

func (s slogSink) Accept(name string, level hclog.Level, msg string, args ...any) {
	to := slog.LevelDebug
	switch level {
	case hclog.Warn:
		if !s.alone {
			to = slog.LevelInfo
		}
	case hclog.Error:
		to = slog.LevelWarn // mostly a peer that is down; what this node cannot do, the journal says itself
	}
	if !s.log.Enabled(context.Background(), to) {
		return
	}
	s.log.Log(context.Background(), to, name+": "+msg, args...)
}
