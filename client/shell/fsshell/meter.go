package fsshell

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// meter shows on a terminal how many bytes a copy has moved. Elsewhere it only counts.
type meter struct {
	n     atomic.Int64
	w     io.Writer
	begun time.Time
	quit  chan struct{}
	wg    sync.WaitGroup
}

func startMeter(r *run) *meter {
	m := &meter{w: r.Stderr, begun: time.Now(), quit: make(chan struct{})}
	if r.Terminal {
		m.wg.Go(m.show)
	}
	return m
}

func (m *meter) add(n int64) { m.n.Add(n) }

func (m *meter) show() {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	shown := false
	for {
		select {
		case <-m.quit:
			if shown {
				fmt.Fprintf(m.w, "\r\033[K")
			}
			return
		case <-tick.C:
			n := m.n.Load()
			fmt.Fprintf(m.w, "\r\033[K%s copied, %s/s", human(n), human(int64(float64(n)/time.Since(m.begun).Seconds())))
			shown = true
		}
	}
}

func (m *meter) stop() {
	close(m.quit)
	m.wg.Wait()
}

// meteredReader counts what is read, and ends when the context does.
type meteredReader struct {
	in  io.Reader
	m   *meter
	ctx context.Context
}

func (r *meteredReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.in.Read(p)
	r.m.add(int64(n))
	return n, err
}
