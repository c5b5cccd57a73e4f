package client

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"

	"github.com/lodehq/lode/client/block"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Reader reads one file. Close ends it. ReadAt may be called from many goroutines at once; Read, Seek and WriteTo share a
// position and may not.
type Reader struct {
	c      *Client
	path   string
	loc    *locator
	ctx    context.Context
	cancel context.CancelFunc

	pos int64   // of the next Read
	seq *series // where Read is at, nil before the first and after a jump

	mu     sync.Mutex // guards what follows; no I/O under it
	info   *FileInfo
	closed bool
}

var (
	_ io.ReadSeekCloser = (*Reader)(nil)
	_ io.ReaderAt       = (*Reader)(nil)
	_ io.WriterTo       = (*Reader)(nil)
)

// series is one replica that is read in order.
type series struct {
	lb     *hdfspb.LocatedBlockProto
	node   *hdfspb.DatanodeInfoProto
	remote *block.Remote
	local  *block.Local
}

// Open makes a Reader for a file, at its beginning. A file that is being written is read up to what its writer had flushed
// when it was opened.
func (c *Client) Open(ctx context.Context, name string) (*Reader, error) {
	p := c.abs(name)
	loc, err := c.locate(ctx, p)
	if err != nil {
		return nil, pathError("open", p, err)
	}
	r := &Reader{c: c, path: p, loc: loc}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r, nil
}

// Name is the file's path.
func (r *Reader) Name() string { return r.path }

// Size is the file's length, when it was opened.
func (r *Reader) Size() int64 { return r.loc.size() }

// Stat describes the file.
func (r *Reader) Stat() (*FileInfo, error) {
	r.mu.Lock()
	info := r.info
	r.mu.Unlock()
	if info != nil {
		return info, nil
	}
	info, err := r.c.Stat(r.ctx, r.path)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.info = info
	r.mu.Unlock()
	return info, nil
}

// Close lets go of the file's connections. Reads that are under way fail.
func (r *Reader) Close() error {
	r.mu.Lock()
	was := r.closed
	r.closed = true
	r.mu.Unlock()
	if was {
		return pathError("close", r.path, ErrClosed)
	}
	r.leave()
	r.cancel()
	return nil
}

func (r *Reader) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// Read reads the next bytes.
func (r *Reader) Read(p []byte) (int, error) {
	if r.isClosed() {
		return 0, pathError("read", r.path, ErrClosed)
	}
	if len(p) == 0 {
		return 0, nil
	}
	var a attempt
	for {
		if r.pos >= r.loc.size() {
			return 0, io.EOF
		}
		if r.seq == nil {
			if err := r.enter(&a); err != nil {
				return 0, pathError("read", r.path, err)
			}
			continue
		}
		n, err := r.seq.read(p, r.pos)
		r.pos += int64(n)
		if n > 0 {
			return n, nil
		}
		s := r.seq
		r.leave()
		if errors.Is(err, io.EOF) && r.pos >= s.end() {
			continue
		}
		if r.ctx.Err() != nil {
			return 0, pathError("read", r.path, ErrClosed)
		}
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		r.failed(r.ctx, s.lb, s.node, err, &a)
	}
}

// enter begins to read the block at the position, from there to its end. A replica that fails is noted, and seq stays nil.
func (r *Reader) enter(a *attempt) error {
	lb, err := r.loc.at(r.ctx, r.pos)
	if err != nil {
		return err
	}
	d, lb, err := r.choose(r.ctx, lb, r.pos, a)
	if err != nil {
		return err
	}
	s := &series{lb: lb, node: d}
	req := block.Request{
		Block: lb.GetB(), Token: lb.GetBlockToken(), Node: d, Offset: r.pos - int64(lb.GetOffset()), Length: s.end() - r.pos,
	}
	if s.local = r.local(r.ctx, lb, req); s.local == nil {
		if s.remote, err = r.c.datanode.OpenRemote(r.ctx, req); err != nil {
			if r.ctx.Err() != nil {
				return ErrClosed
			}
			r.failed(r.ctx, lb, d, err, a)
			return nil
		}
	}
	r.seq = s
	return nil
}

func (r *Reader) leave() {
	if r.seq != nil {
		r.seq.close()
		r.seq = nil
	}
}

// end is the position in the file after the block.
func (s *series) end() int64 { return int64(s.lb.GetOffset() + s.lb.GetB().GetNumBytes()) }

func (s *series) read(p []byte, pos int64) (int, error) {
	if s.remote != nil {
		return s.remote.Read(p)
	}
	if left := s.end() - pos; int64(len(p)) > left {
		p = p[:left]
	}
	if len(p) == 0 {
		return 0, io.EOF
	}
	return s.local.ReadAt(p, pos-int64(s.lb.GetOffset()))
}

func (s *series) close() {
	if s.remote != nil {
		s.remote.Close()
	} else {
		s.local.Close()
	}
}

// skipMax is how far ahead a Seek reads on instead of asking anew.
const skipMax = 128 << 10

// Seek moves the position of the next Read. Beyond the end is an error.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	if r.isClosed() {
		return 0, pathError("seek", r.path, ErrClosed)
	}
	size := r.loc.size()
	switch whence {
	case io.SeekCurrent:
		offset += r.pos
	case io.SeekEnd:
		offset += size
	}
	if offset < 0 || offset > size || whence < io.SeekStart || whence > io.SeekEnd {
		return r.pos, pathError("seek", r.path, fs.ErrInvalid)
	}
	if s := r.seq; s != nil && s.remote != nil && offset != r.pos {
		ahead := offset - r.pos
		if ahead < 0 || ahead > max(skipMax, int64(s.remote.Buffered())) || offset >= s.end() || s.remote.Skip(ahead) != nil {
			r.leave()
		}
	} else if s != nil && (offset < int64(s.lb.GetOffset()) || offset >= s.end()) {
		r.leave()
	}
	r.pos = offset
	return offset, nil
}

// ReadAt fills p with the bytes at off. It answers io.EOF when the file ends before.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) { return r.ReadAtContext(r.ctx, p, off) }

// ReadAtContext is ReadAt with a context for this call.
func (r *Reader) ReadAtContext(ctx context.Context, p []byte, off int64) (int, error) {
	if r.isClosed() {
		return 0, pathError("read", r.path, ErrClosed)
	}
	if off < 0 {
		return 0, pathError("read", r.path, fs.ErrInvalid)
	}
	var eof error
	if left := max(r.loc.size()-off, 0); int64(len(p)) > left {
		p, eof = p[:left], io.EOF
	}
	n := 0
	for n < len(p) {
		at := off + int64(n)
		lb, err := r.loc.at(ctx, at)
		if err != nil {
			return n, pathError("read", r.path, err)
		}
		m := min(int64(len(p)-n), int64(lb.GetOffset()+lb.GetB().GetNumBytes())-at)
		if err := r.fetch(ctx, lb, p[n:n+int(m)], at); err != nil {
			return n, pathError("read", r.path, err)
		}
		n += int(m)
	}
	return n, eof
}
