package hrpc

import (
	"net"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
)

// answer puts one answer behind those that wait to be written, and sees to it that somebody writes them.
func (c *conn) answer(h *answerHeader, msg proto.Message) { c.land(h, msg, 0) }

// land is answer for calls that were counted as in flight.
func (c *conn) land(h *answerHeader, msg proto.Message, landed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inFlight -= landed; landed > 0 && c.waiting {
		c.space.Broadcast()
	}
	if c.dead {
		return
	}
	if c.out == nil {
		c.out, c.spare = c.spare, nil
	}
	out, err := appendAnswer(c.out, h, msg, c.srv.opts.MaxFrame)
	if err != nil {
		h.status, h.detail, h.class, h.message = statusError, errSerializing, hdfs.IOException, err.Error()
		out, _ = appendAnswer(out, h, nil, c.srv.opts.MaxFrame)
	}
	c.out = out
	if len(out) > burstBytes {
		c.heavy.Store(true)
	}
	c.kick()
}

// send writes bytes that are no answer to a call.
func (c *conn) send(b []byte) {
	c.mu.Lock()
	c.out = append(c.out, b...)
	c.kick()
	c.mu.Unlock()
}

// kick starts a writer when the reader is not going to write soon. The caller holds mu.
func (c *conn) kick() {
	if c.bursting || c.flushing || len(c.out) == 0 || c.dead {
		return
	}
	c.flushing = true
	c.srv.wg.Add(1)
	go func() {
		defer c.srv.wg.Done()
		c.mu.Lock()
		c.flush()
		c.mu.Unlock()
	}()
}

// flush writes until nothing waits. The caller holds mu and has set flushing.
func (c *conn) flush() {
	for len(c.out) > 0 && !c.dead {
		b := c.out
		c.out, c.spare = c.spare, nil
		c.mu.Unlock()
		err := c.write(b)
		c.mu.Lock()
		if cap(b) <= largeBuffer {
			c.spare = b[:0]
		}
		if err != nil {
			c.dead = true
			c.nc.Close()
		}
		c.space.Broadcast()
	}
	c.flushing = false
	c.space.Broadcast()
}

// write sends b. A peer that takes nothing for PeerTimeout is given up; one that is slow but takes some is not.
func (c *conn) write(b []byte) error {
	for len(b) > 0 {
		wait := c.srv.opts.PeerTimeout
		if now := time.Now(); c.sendBy.Sub(now) < wait*7/8 {
			c.sendBy = now.Add(wait)
			c.nc.SetWriteDeadline(c.sendBy)
		}
		n, err := c.nc.Write(b)
		c.srv.out.Add(int64(n))
		b = b[n:]
		if err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() && n > 0 {
				continue
			}
			return err
		}
	}
	return nil
}

// startBurst says that the reader is at work: answers wait for its flush. It waits while a slow client has too many unread.
func (c *conn) startBurst() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.out) > maxUnsent && !c.dead {
		c.waitForSpace()
	}
	if c.dead {
		return errHangUp
	}
	c.bursting = true
	return nil
}

// endBurst writes what was answered since startBurst.
func (c *conn) endBurst() {
	c.mu.Lock()
	c.bursting = false
	c.heavy.Store(false)
	if !c.flushing && len(c.out) > 0 && !c.dead {
		c.flushing = true
		c.flush()
	}
	c.mu.Unlock()
}

// waitForSpace lets answers go out and waits for one to have gone. The caller holds mu.
func (c *conn) waitForSpace() {
	was := c.bursting
	c.bursting, c.waiting = false, true
	c.kick()
	c.space.Wait()
	c.bursting, c.waiting = was, false
}

// fatal answers no particular call and ends the connection.
func (c *conn) fatal(detail int, class, text string) error {
	return c.fatalCall(&answerHeader{callID: callInvalid, retryCount: -1}, detail, class, text)
}

// fatalCall answers a call and ends the connection.
func (c *conn) fatalCall(id *answerHeader, detail int, class, text string) error {
	id.status, id.detail, id.class, id.message = statusFatal, detail, class, text
	c.answer(id, nil)
	return errHangUp
}

func itoa(n int) string { return strconv.Itoa(n) }
