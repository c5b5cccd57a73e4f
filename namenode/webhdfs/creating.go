package webhdfs

import (
	"net/netip"
	"sync"
	"time"

	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// A writer over HTTP goes from here to a datanode, which creates the file while the writer may already ask about it here: Apache's
// Java client does both within a millisecond. A journaled create takes as long as the disk's sync, so the question waits for it.

const (
	creatingWait = 500 * time.Millisecond // since the redirect
	creatingMost = 1024                   // redirects remembered
)

type creatingKey struct {
	from netip.Addr
	user string
	path string
}

// creating remembers who was just sent to a datanode with a new file.
type creating struct {
	mu sync.Mutex // guards at; no I/O under it
	at map[creatingKey]time.Time
}

func (r *request) creatingKey() creatingKey {
	return creatingKey{r.call.RemoteIP, r.call.User, r.path}
}

func (c *creating) sent(r *request) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at == nil {
		c.at = map[creatingKey]time.Time{}
	}
	if len(c.at) >= creatingMost {
		for k, t := range c.at {
			if now.Sub(t) > creatingWait {
				delete(c.at, k)
			}
		}
	}
	if len(c.at) < creatingMost {
		c.at[r.creatingKey()] = now
	}
}

// await asks again about a path that is not there while its creation may be under way; nil when it is not.
func (c *creating) await(r *request) (*hdfspb.HdfsFileStatusProto, error) {
	k := r.creatingKey()
	c.mu.Lock()
	t, ok := c.at[k]
	delete(c.at, k)
	c.mu.Unlock()
	if !ok {
		return nil, nil
	}
	end := time.NewTimer(time.Until(t.Add(creatingWait)))
	defer end.Stop()
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return nil, r.ctx.Err()
		case <-end.C:
			return r.status("getFileInfo")
		case <-again.C:
			if st, err := r.status("getFileInfo"); st != nil || err != nil {
				return st, err
			}
		}
	}
}
