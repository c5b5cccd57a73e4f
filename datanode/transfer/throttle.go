package transfer

import (
	"context"
	"sync"
	"time"
)

// Throttle bounds bytes a second over all its users. A rate of 0 means no bound.
type Throttle struct {
	mu   sync.Mutex // guards what follows
	rate int64
	next time.Time // when the bytes granted so far will have been sent
}

// NewThrottle makes a Throttle.
func NewThrottle(rate int64) *Throttle { return &Throttle{rate: rate} }

// Rate is the bound.
func (t *Throttle) Rate() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rate
}

// SetRate changes the bound.
func (t *Throttle) SetRate(rate int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rate = rate
}

// burst is how far a user may run ahead of the rate.
const burst = 100 * time.Millisecond

// Wait waits until n more bytes are allowed.
func (t *Throttle) Wait(ctx context.Context, n int) error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	if t.rate <= 0 {
		t.mu.Unlock()
		return nil
	}
	now := time.Now()
	if t.next.Before(now) {
		t.next = now
	}
	t.next = t.next.Add(time.Duration(float64(n) / float64(t.rate) * float64(time.Second)))
	ahead := t.next.Sub(now) - burst
	t.mu.Unlock()
	if ahead <= 0 {
		return nil
	}
	timer := time.NewTimer(ahead)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
