package client

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/lodehq/lode/internal/hdfs"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// renewEvery is half of the soft limit after which another client may take a lease (LeaseRenewer).
const renewEvery = 30 * time.Second

// leaseRenewer renews the client's lease while it has files open for writing.
type leaseRenewer struct {
	c *Client

	mu     sync.Mutex // guards what follows; no I/O under it
	open   map[*Writer]struct{}
	stop   context.CancelFunc // of the goroutine, nil when there is none
	ended  chan struct{}
	closed bool
}

func newLeaseRenewer(c *Client) *leaseRenewer {
	return &leaseRenewer{c: c, open: map[*Writer]struct{}{}}
}

func (l *leaseRenewer) add(w *Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[w] = struct{}{}
	if l.stop == nil && !l.closed {
		ctx, cancel := context.WithCancel(context.Background())
		l.stop, l.ended = cancel, make(chan struct{})
		go l.run(ctx, l.ended)
	}
}

func (l *leaseRenewer) remove(w *Writer) {
	l.mu.Lock()
	delete(l.open, w)
	stop, ended := l.stop, l.ended
	if len(l.open) > 0 {
		stop = nil
	} else {
		l.stop = nil
	}
	l.mu.Unlock()
	if stop != nil {
		stop()
		<-ended
	}
}

func (l *leaseRenewer) close() {
	l.mu.Lock()
	l.closed = true
	stop, ended := l.stop, l.ended
	l.stop = nil
	l.mu.Unlock()
	if stop != nil {
		stop()
		<-ended
	}
}

func (l *leaseRenewer) run(ctx context.Context, ended chan struct{}) {
	defer close(ended)
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_, err := l.c.nn.RenewLease(ctx, &hdfspb.RenewLeaseRequestProto{ClientName: str(l.c.name)})
		var e *hdfs.Exception
		if errors.As(err, &e) || (err != nil && ctx.Err() == nil) {
			l.c.log.Warn("the lease could not be renewed", "client", l.c.name, "error", err)
		}
	}
}
