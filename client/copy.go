package client

import (
	"context"
	"errors"
	"io"
	"sync"
)

// segmentSize is the unit in which a file is fetched by several connections at once.
const segmentSize = 4 << 20

// WriteTo writes the rest of the file to w. Several segments are fetched at once and written in order.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	if r.isClosed() {
		return 0, pathError("read", r.path, ErrClosed)
	}
	if r.loc.size()-r.pos <= segmentSize || r.c.set.parallelBlocks < 2 {
		return r.writeSeries(w)
	}
	r.leave()
	return r.writeSegments(w)
}

// writeSeries copies through one connection.
func (r *Reader) writeSeries(w io.Writer) (int64, error) {
	buf := make([]byte, min(max(r.loc.size()-r.pos, 1), 1<<20))
	var total int64
	for {
		n, err := r.Read(buf)
		if n > 0 {
			m, werr := w.Write(buf[:n])
			total += int64(m)
			if werr != nil {
				return total, werr
			}
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// segment is a part of the file on its way.
type segment struct {
	buf []byte
	err error
	got chan struct{}
}

func (r *Reader) writeSegments(w io.Writer) (total int64, err error) {
	ctx, cancel := context.WithCancel(r.ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	size, next := r.loc.size(), r.pos
	var ahead []*segment
	var free [][]byte
	start := func() {
		s := &segment{got: make(chan struct{})}
		if n := len(free); n > 0 {
			s.buf, free = free[n-1], free[:n-1]
		} else {
			s.buf = make([]byte, segmentSize)
		}
		off := next
		end := min(off-off%segmentSize+segmentSize, size) // segments do not straddle blocks of the usual sizes
		s.buf = s.buf[:end-off]
		next = end
		ahead = append(ahead, s)
		wg.Go(func() {
			defer close(s.got)
			_, s.err = r.ReadAtContext(ctx, s.buf, off)
		})
	}
	for {
		for len(ahead) < r.c.set.parallelBlocks && next < size {
			start()
		}
		if len(ahead) == 0 {
			return total, nil
		}
		s := ahead[0]
		ahead = ahead[1:]
		<-s.got
		if s.err != nil && !errors.Is(s.err, io.EOF) {
			return total, s.err
		}
		n, err := w.Write(s.buf)
		total += int64(n)
		r.pos += int64(n)
		if err != nil {
			return total, err
		}
		free = append(free, s.buf[:cap(s.buf)])
	}
}

// CopyTo writes the whole file to the same places of w, segments in any order, several at once. done, if not nil, is told
// how many bytes have arrived, from several goroutines.
func (r *Reader) CopyTo(ctx context.Context, w io.WriterAt, done func(int64)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(r.ctx, func() { cancel(ErrClosed) })()
	size := r.loc.size()
	var mu sync.Mutex
	next := int64(0)
	take := func() (off, n int64) {
		mu.Lock()
		defer mu.Unlock()
		off = next
		n = min(segmentSize, size-off)
		next += n
		return off, n
	}
	var wg sync.WaitGroup
	for range max(1, min(int64(r.c.set.parallelBlocks), (size+segmentSize-1)/segmentSize)) {
		wg.Go(func() {
			buf := make([]byte, min(size, segmentSize))
			for ctx.Err() == nil {
				off, n := take()
				if n <= 0 {
					return
				}
				_, err := r.ReadAtContext(ctx, buf[:n], off)
				if err == nil || errors.Is(err, io.EOF) {
					_, err = w.WriteAt(buf[:n], off)
				}
				if err != nil {
					cancel(err)
					return
				}
				if done != nil {
					done(n)
				}
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// ReadFile reads a whole file.
func (c *Client) ReadFile(ctx context.Context, name string) ([]byte, error) {
	r, err := c.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data := make([]byte, r.Size())
	if len(data) <= segmentSize {
		_, err = r.ReadAtContext(ctx, data, 0)
		if errors.Is(err, io.EOF) {
			err = nil
		}
	} else {
		err = r.CopyTo(ctx, sliceWriter(data), nil)
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

type sliceWriter []byte

func (s sliceWriter) WriteAt(p []byte, off int64) (int, error) { return copy(s[off:], p), nil }
