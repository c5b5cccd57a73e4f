package block

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Local is a replica on this host, read through descriptors that its datanode has passed. It is safe for concurrent use.
type Local struct {
	name string
	node string
	data *os.File
	meta *os.File
	sum  Checksum

	cache *localCache
	key   localKey
	refs  int  // guarded by cache.mu
	gone  bool // guarded by cache.mu: no longer in the cache
	used  time.Time
}

// ErrNotLocal says that a replica is to be read by wire.
var ErrNotLocal = errors.New("not on this host, or short-circuit reads are off")

type localKey struct {
	pool  string
	id    uint64
	stamp uint64
	port  uint32
}

// localCache keeps replicas open between reads, and remembers where asking was in vain.
type localCache struct {
	net *Network

	mu     sync.Mutex // guards what follows; no I/O under it
	open   map[localKey]*Local
	never  map[string]time.Time // UNIX sockets that do not answer, and when they may be asked again
	local  map[string]bool      // addresses of this host, found at the first question
	closed bool
}

const (
	localMax   = 256
	localRetry = 10 * time.Minute // Java: dfs.domain.socket.disable.interval.seconds, 600
)

func newLocalCache(n *Network) *localCache {
	return &localCache{net: n, open: map[localKey]*Local{}, never: map[string]time.Time{}}
}

// OpenLocal opens a replica by descriptor when it is on this host and its datanode agrees; else the error is ErrNotLocal.
// Close gives it back.
func (n *Network) OpenLocal(ctx context.Context, req Request) (*Local, error) {
	if !n.o.ShortCircuit || n.o.DomainSocket == "" || !canPassDescriptors {
		return nil, ErrNotLocal
	}
	return n.local.get(ctx, req)
}

func (c *localCache) get(ctx context.Context, req Request) (*Local, error) {
	id := req.Node.GetId()
	key := localKey{req.Block.GetPoolId(), req.Block.GetBlockId(), req.Block.GetGenerationStamp(), id.GetXferPort()}
	path := strings.ReplaceAll(c.net.o.DomainSocket, "_PORT", strconv.Itoa(int(id.GetXferPort())))

	c.mu.Lock()
	if l, ok := c.open[key]; ok {
		l.refs++
		l.used = time.Now()
		c.mu.Unlock()
		return l, nil
	}
	if c.local == nil {
		c.local = hostAddresses()
	}
	refused := c.closed || !c.local[id.GetIpAddr()] || time.Now().Before(c.never[path])
	c.mu.Unlock()
	if refused {
		return nil, ErrNotLocal
	}

	l, err := c.net.openLocal(ctx, path, req)
	if err != nil {
		var status *StatusError
		if !errors.As(err, &status) && ctx.Err() == nil {
			c.mu.Lock()
			c.never[path] = time.Now().Add(localRetry)
			c.mu.Unlock()
		}
		c.net.o.Logger.Debug("short-circuit read is not possible", "block", Name(req.Block), "socket", path, "error", err)
		return nil, fmt.Errorf("%w: %w", ErrNotLocal, err)
	}
	l.cache, l.key, l.refs, l.used = c, key, 1, time.Now()
	return c.add(l), nil
}

// add puts l in the cache, and out of it the one that was not used for the longest time.
func (c *localCache) add(l *Local) *Local {
	var drop *Local
	c.mu.Lock()
	if other, ok := c.open[l.key]; ok { // somebody else was faster
		other.refs++
		c.mu.Unlock()
		l.closeFiles()
		return other
	}
	if len(c.open) >= localMax || c.closed {
		for _, o := range c.open {
			if drop == nil || o.used.Before(drop.used) {
				drop = o
			}
		}
		drop = c.removeLocked(drop)
	}
	c.open[l.key] = l
	c.mu.Unlock()
	if drop != nil {
		drop.closeFiles()
	}
	return l
}

// removeLocked takes l out of the cache and answers it when its files can be closed now.
func (c *localCache) removeLocked(l *Local) *Local {
	if l == nil || l.gone {
		return nil
	}
	l.gone = true
	delete(c.open, l.key)
	if l.refs == 0 {
		return l
	}
	return nil
}

func (c *localCache) close() {
	var drop []*Local
	c.mu.Lock()
	c.closed = true
	for _, l := range c.open {
		if l = c.removeLocked(l); l != nil {
			drop = append(drop, l)
		}
	}
	c.mu.Unlock()
	for _, l := range drop {
		l.closeFiles()
	}
}

// Close gives the replica back.
func (l *Local) Close() error {
	l.cache.mu.Lock()
	l.refs--
	last := l.refs == 0 && (l.gone || l.cache.closed)
	l.cache.mu.Unlock()
	if last {
		l.closeFiles()
	}
	return nil
}

// Discard gives the replica back and forgets it, since it turned out bad.
func (l *Local) Discard() {
	l.cache.mu.Lock()
	if !l.gone {
		l.gone = true
		delete(l.cache.open, l.key)
	}
	l.cache.mu.Unlock()
	l.Close()
}

func (l *Local) closeFiles() {
	l.data.Close()
	l.meta.Close()
}

// metaHeader is the length of a meta file's header: version, checksum type, bytes per checksum (BlockMetadataHeader).
const metaHeader = 7

func newLocal(name, node string, data, meta *os.File) (*Local, error) {
	var h [metaHeader]byte
	if _, err := meta.ReadAt(h[:], 0); err != nil {
		return nil, fmt.Errorf("checksums of %s: %w", name, unexpected(err))
	}
	if v := binary.BigEndian.Uint16(h[:]); v != 1 {
		return nil, fmt.Errorf("checksums of %s: version %d is unknown", name, v)
	}
	sum, err := NewChecksum(hdfspb.ChecksumTypeProto(h[2]), int(binary.BigEndian.Uint32(h[3:])))
	if err != nil {
		return nil, fmt.Errorf("checksums of %s: %w", name, err)
	}
	return &Local{name: name, node: node, data: data, meta: meta, sum: sum}, nil
}

// localStep bounds the checksums that are read at once: 8 KiB of them for 1 MiB of data.
const localStep = 1 << 20

// ReadAt reads verified bytes of the replica. At its end it answers io.EOF with what there was.
func (l *Local) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		m, err := l.step(p[n:], off+int64(n))
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// step reads up to localStep bytes: whole chunks straight into p, a chunk of which only a part is wanted through a buffer.
func (l *Local) step(p []byte, off int64) (int, error) {
	chunk := int64(l.sum.Chunk)
	if skip := off % chunk; skip != 0 || int64(len(p)) < chunk {
		buf := make([]byte, chunk)
		n, err := l.chunks(buf, off-skip)
		if int64(n) <= skip {
			if err == nil {
				err = io.EOF
			}
			return 0, err
		}
		return copy(p, buf[skip:n]), nil
	}
	want := int64(len(p)) / chunk * chunk
	if want > localStep && localStep >= chunk {
		want = localStep / chunk * chunk
	}
	n, err := l.chunks(p[:want], off)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

// chunks reads and verifies p, which begins at a chunk's boundary.
func (l *Local) chunks(p []byte, off int64) (int, error) {
	n, err := l.data.ReadAt(p, off)
	if err != nil && err != io.EOF {
		return 0, fmt.Errorf("read of %s: %w", l.name, err)
	}
	if n == 0 {
		return 0, io.EOF
	}
	if size := l.sum.Size(); size > 0 {
		sums := make([]byte, l.sum.Len(n))
		at := metaHeader + off/int64(l.sum.Chunk)*int64(size)
		if _, err := l.meta.ReadAt(sums, at); err != nil {
			return 0, fmt.Errorf("checksums of %s at %d: %w", l.name, at, unexpected(err))
		}
		if bad := l.sum.Verify(sums, p[:n]); bad >= 0 {
			return 0, &ChecksumError{Block: l.name, Node: l.node, Offset: off + int64(bad)}
		}
	}
	return n, err
}

// openLocal asks a datanode for the descriptors of a replica (REQUEST_SHORT_CIRCUIT_FDS), without shared memory: the replica
// stays readable when it is deleted meanwhile, as any open file does.
func (n *Network) openLocal(ctx context.Context, socket string, req Request) (*Local, error) {
	dctx, cancel := context.WithTimeout(ctx, n.o.Timeout)
	defer cancel()
	nc, err := n.o.Dialer(dctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	uc, ok := nc.(*net.UnixConn)
	if !ok {
		return nil, fmt.Errorf("the dialer gave a %T for a UNIX socket", nc)
	}
	defer context.AfterFunc(ctx, func() { nc.Close() })()
	if err := nc.SetDeadline(time.Now().Add(n.o.Timeout)); err != nil {
		return nil, err
	}
	b, err := AppendOp(make([]byte, 0, 256), OpRequestShortCircuit, &hdfspb.OpRequestShortCircuitAccessProto{
		Header:     &hdfspb.BaseHeaderProto{Block: req.Block, Token: req.Token},
		MaxVersion: proto.Uint32(1),
	})
	if err != nil {
		return nil, err
	}
	if _, err := nc.Write(b); err != nil {
		return nil, err
	}
	// The answer is read byte by byte: the byte after it carries the descriptors and may not be taken by a buffer.
	resp, err := readResponse(oneByteReader{nc}, "short-circuit read of "+Name(req.Block), n.Address(req.Node.GetId()))
	if err != nil {
		return nil, err
	}
	if v := resp.GetShortCircuitAccessVersion(); v > 1 {
		return nil, fmt.Errorf("short-circuit version %d is unknown", v)
	}
	files, err := receiveFiles(uc, 2)
	if err != nil {
		return nil, err
	}
	l, err := newLocal(Name(req.Block), n.Address(req.Node.GetId()), files[0], files[1])
	if err != nil {
		files[0].Close()
		files[1].Close()
	}
	return l, err
}

type oneByteReader struct{ io.Reader }

func (r oneByteReader) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(r.Reader, b[:])
	return b[0], err
}

// hostAddresses are the addresses of this host.
func hostAddresses() map[string]bool {
	m := map[string]bool{}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return m
	}
	for _, a := range addrs {
		if ipn, ok := a.(*net.IPNet); ok {
			m[ipn.IP.String()] = true
		}
	}
	return m
}
