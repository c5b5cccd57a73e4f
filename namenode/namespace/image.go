package namespace

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/namespace/slab"
	"github.com/lodehq/lode/namenode/namespace/tree"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
	"google.golang.org/protobuf/proto"
)

// An image is a magic word and frames. A frame is its kind (1 byte), its length (4, little-endian), that many bytes, and the CRC-32C
// of all that. The last frame counts the others, so a cut image is noticed. Pages of slabs are as in the memory of a little-endian
// machine; the version in the magic word changes when their layout does.
const (
	imageMagic   = "LODENS01"
	frameState   = 1 // ImageState, to be merged
	frameInodes  = 2
	frameBlocks  = 3
	frameNames   = 4
	frameRuns    = 5
	frameEnd     = 6
	maxFrame     = 64 << 20
	featureBatch = 4096
)

// View is the state at one moment, for writing it as an image. It stays as it is while Apply goes on.
type View struct {
	n       *Namespace
	im      *tree.Image
	base    *journalpb.ImageState
	slots   []uint32
	feats   []*features
	retries []retryEntry
	closed  bool
}

// View takes a view. It is quick: pages are shared and copied only when Apply writes to them. One view at a time; Close it, under the
// same lock as Apply.
func (n *Namespace) View() *View {
	n.epoch++
	n.viewing = true
	v := &View{n: n, im: n.tree.Freeze(), retries: n.retries.ordered()}
	v.slots = make([]uint32, 0, len(n.more))
	v.feats = make([]*features, 0, len(n.more))
	for s, f := range n.more {
		v.slots = append(v.slots, s)
		v.feats = append(v.feats, f)
	}
	v.base = n.imageState(v.im)
	return v
}

// Close lets go of the view.
func (v *View) Close() {
	if !v.closed {
		v.closed = true
		v.n.viewing = false
		v.n.tree.Thaw()
	}
}

// WriteImage writes the state as it is; the namespace must not change meanwhile (View does not ask that).
func (n *Namespace) WriteImage(w io.Writer) error {
	v := n.View()
	defer v.Close()
	_, err := v.WriteTo(w)
	return err
}

func (n *Namespace) imageState(im *tree.Image) *journalpb.ImageState {
	i64 := func(v int64) *int64 { return &v }
	s := &journalpb.ImageState{
		Format: n.format, Applied: &n.applied, LastInodeId: i64(int64(n.lastInode)), LastBlockId: i64(int64(n.lastBlock)),
		GenStamp: i64(int64(n.genStamp)), LastSnapshotId: i64(n.lastSnapshot),
		Users: append([]string(nil), n.users.list...), Groups: append([]string(nil), n.groups.list...),
		Owners: append([]uint64(nil), n.owners.list...), BlockSizes: append([]uint64(nil), n.sizes.list...),
		Root: &im.Root, Inodes: &im.NumIn, Blocks: &im.NumBl, Tokens: n.tokensOut(),
		TokenSequence: proto.Int32(n.tokens.sequence), LastKeyId: i64(int64(n.tokens.current)),
	}
	s.Applied = proto.Uint64(n.applied)
	if n.ecEnabled != 0 {
		s.EnabledEcPolicies = proto.Uint32(n.ecEnabled)
	}
	for _, k := range n.tokens.keys {
		s.Keys = append(s.Keys, k)
	}
	for slot, l := range im.Big {
		s.Directories = append(s.Directories, &journalpb.BigDirectory{Slot: proto.Uint32(slot), Leaves: l})
	}
	byHolder := map[string]*journalpb.Lease{}
	for slot, o := range n.open {
		l := byHolder[o.holder]
		if l == nil {
			l = &journalpb.Lease{Holder: proto.String(o.holder)}
			byHolder[o.holder] = l
			s.Leases = append(s.Leases, l)
		}
		id := uint64(n.tree.Inode(slot).ID)
		l.Files = append(l.Files, &journalpb.LeasedFile{FileId: &id, ClientMachine: proto.String(o.machine)})
		if r := o.rec; r != nil {
			x := &journalpb.Recovery{BlockId: i64(int64(n.tree.Block(n.tree.LastBlock(slot)).ID)), RecoveryId: i64(int64(r.id)), FileId: &id, StartedMs: i64(r.started)}
			if r.source != 0 {
				x.TruncateBlockId = i64(int64(r.source)) // the slot of the source block
			}
			if r.truncate {
				x.TruncateLength = i64(r.length)
			}
			s.Recoveries = append(s.Recoveries, x)
		}
	}
	for _, x := range n.snaps {
		s.Snapshots = append(s.Snapshots, &journalpb.Snapshot{Id: i64(x.id), Root: proto.Uint32(x.root), Name: proto.String(x.name), CtimeMs: i64(x.ctime), LastInodeId: i64(int64(x.top))})
	}
	for slot := range n.snapDirs {
		s.Snapshottables = append(s.Snapshottables, slot)
	}
	return s
}

// WriteTo writes the image. It may run beside Apply.
func (v *View) WriteTo(w io.Writer) (int64, error) {
	bw := bufio.NewWriterSize(w, 1<<20)
	f := frames{w: bw}
	f.raw([]byte(imageMagic))
	f.state(v.base)
	for at := 0; at < len(v.slots); at += featureBatch {
		s := &journalpb.ImageState{}
		for i := at; i < min(at+featureBatch, len(v.slots)); i++ {
			s.Features = append(s.Features, featuresOut(v.slots[i], v.feats[i]))
		}
		f.state(s)
	}
	for at := 0; at < len(v.retries); at += featureBatch {
		s := &journalpb.ImageState{}
		for i := at; i < min(at+featureBatch, len(v.retries)); i++ {
			s.Retries = append(s.Retries, retryOut(&v.retries[i]))
		}
		f.state(s)
	}
	for _, p := range v.im.Inodes {
		f.frame(frameInodes, slab.RecordBytes(p))
	}
	for _, p := range v.im.Blocks {
		f.frame(frameBlocks, slab.RecordBytes(p))
	}
	for _, p := range v.im.Names {
		f.frame(frameNames, p)
	}
	for _, p := range v.im.Runs {
		f.frame(frameRuns, slab.RecordBytes(p))
	}
	f.frame(frameEnd, binary.LittleEndian.AppendUint64(nil, f.count))
	if f.err == nil {
		f.err = bw.Flush()
	}
	if f.err != nil {
		return f.n, fmt.Errorf("write image: %w", f.err)
	}
	return f.n, nil
}

// frames writes frames until something fails.
type frames struct {
	w     io.Writer
	n     int64
	count uint64
	err   error
}

func (f *frames) raw(b []byte) {
	if f.err == nil {
		var n int
		n, f.err = f.w.Write(b)
		f.n += int64(n)
	}
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func (f *frames) frame(kind byte, body []byte) {
	head := [5]byte{kind}
	binary.LittleEndian.PutUint32(head[1:], uint32(len(body)))
	t := castagnoli()
	sum := crc32.Update(crc32.Update(0, t, head[:]), t, body)
	f.raw(head[:])
	f.raw(body)
	f.raw(binary.LittleEndian.AppendUint32(nil, sum))
	f.count++
}

func (f *frames) state(s *journalpb.ImageState) {
	b, err := proto.MarshalOptions{AllowPartial: true}.Marshal(s)
	if err == nil && len(b) > maxFrame {
		err = fmt.Errorf("%d bytes of state in one frame, the most is %d", len(b), maxFrame)
	}
	if err != nil && f.err == nil {
		f.err = err
	}
	f.frame(frameState, b)
}

func xattrsOut(l []xattr) (out []*journalpb.XAttr) {
	for i := range l {
		out = append(out, &journalpb.XAttr{Namespace: proto.Uint32(uint32(l[i].ns)), Name: &l[i].name, Value: l[i].value})
	}
	return out
}

func xattrsIn(l []*journalpb.XAttr) (out []xattr) {
	for _, x := range l {
		out = append(out, xattr{hdfspb.XAttrProto_XAttrNamespaceProto(x.GetNamespace()), x.GetName(), x.Value})
	}
	return out
}

func featuresOut(slot uint32, f *features) *journalpb.Features {
	o := &journalpb.Features{Slot: &slot, Acl: entriesOut(f.acl), Xattrs: xattrsOut(f.xattrs), Pin: &f.pin, Holds: &f.holds, Detached: &f.detached}
	if q := f.quota; q != nil {
		o.Quota = &journalpb.Quota{NamespaceQuota: &q.ns, SpaceQuota: &q.space, TypeQuotas: q.types[:], NamespaceUsed: &q.usedNS, SpaceUsed: &q.usedSpace, TypeUsed: q.usedTypes[:]}
	}
	for i := range f.history {
		h := &f.history[i]
		x := &journalpb.History{Snapshot: &h.snap, Record: append([]byte(nil), slab.RecordBytes([]tree.Inode{h.rec})...), Added: h.added, Removed: h.removed,
			Blocks: h.blocks, Length: &h.length, Acl: entriesOut(h.acl), Xattrs: xattrsOut(h.xattrs)}
		if h.name != "" {
			x.Name = &h.name
		}
		o.History = append(o.History, x)
	}
	return o
}

func retryOut(e *retryEntry) *journalpb.RetryEntry {
	m := journalpb.Method(e.method)
	o := &journalpb.RetryEntry{ClientId: e.key.client[:], CallId: &e.key.call, ExpiryMs: &e.expiry, Method: &m}
	if e.inode != 0 {
		o.Response = binary.LittleEndian.AppendUint64(nil, uint64(e.inode))
	}
	if e.more != nil {
		if x := e.more.failure; x != nil {
			o.ErrorClass, o.ErrorMessage = &x.Class, &x.Message
		} else {
			o.Response = e.more.response
		}
	}
	return o
}

var errCut = errors.New("the image ends before its end mark: it was not written whole")

// ReadImage makes a namespace of an image and tells sink of every block. A damaged image is an error.
func ReadImage(opt Options, sink hdfs.BlockSink, r io.Reader) (*Namespace, error) {
	n, err := readImage(opt, sink, bufio.NewReaderSize(r, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("read image: %w", err)
	}
	return n, nil
}

func readImage(opt Options, sink hdfs.BlockSink, r io.Reader) (*Namespace, error) {
	magic := make([]byte, len(imageMagic))
	if _, err := io.ReadFull(r, magic); err != nil {
		return nil, cut(err)
	}
	if string(magic) != imageMagic {
		return nil, fmt.Errorf("it begins with %q and not with %q: it is no image of this version", magic, imageMagic)
	}
	im := &tree.Image{Big: map[uint32][]uint64{}}
	state := &journalpb.ImageState{}
	if err := readFrames(r, im, state); err != nil {
		return nil, err
	}
	if err := proto.CheckInitialized(state); err != nil {
		return nil, err
	}
	return fromImage(opt, sink, im, state)
}

func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errCut
	}
	return err
}

func readFrames(r io.Reader, im *tree.Image, state *journalpb.ImageState) error {
	t := castagnoli()
	var buf []byte
	for count := uint64(0); ; count++ {
		var head [5]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return cut(err)
		}
		size := binary.LittleEndian.Uint32(head[1:])
		var body []byte
		switch head[0] {
		case frameInodes:
			p := make([]tree.Inode, slab.PageRecords)
			im.Inodes = append(im.Inodes, p)
			body = slab.RecordBytes(p)
		case frameBlocks:
			p := make([]tree.Block, slab.PageRecords)
			im.Blocks = append(im.Blocks, p)
			body = slab.RecordBytes(p)
		case frameNames:
			body = make([]byte, slab.PageBytes)
			im.Names = append(im.Names, body)
		case frameRuns:
			p := make([]uint32, slab.PageWords)
			im.Runs = append(im.Runs, p)
			body = slab.RecordBytes(p)
		case frameState, frameEnd:
			if size > maxFrame {
				return fmt.Errorf("frame %d has %d bytes, the most is %d", count, size, maxFrame)
			}
			for uint32(cap(buf)) < size && cap(buf) < 1<<20 {
				buf = make([]byte, min(size, 1<<20))
			}
			if size > 1<<20 && uint32(cap(buf)) < size {
				buf = make([]byte, size)
			}
			body = buf[:size]
		default:
			return fmt.Errorf("frame %d is of kind %d, which this version does not know", count, head[0])
		}
		if int(size) != len(body) {
			return fmt.Errorf("frame %d of kind %d has %d bytes and not %d", count, head[0], size, len(body))
		}
		if _, err := io.ReadFull(r, body); err != nil {
			return cut(err)
		}
		var sum [4]byte
		if _, err := io.ReadFull(r, sum[:]); err != nil {
			return cut(err)
		}
		if got := crc32.Update(crc32.Update(0, t, head[:]), t, body); got != binary.LittleEndian.Uint32(sum[:]) {
			return fmt.Errorf("%w: checksum of frame %d is wrong", tree.ErrImage, count)
		}
		switch head[0] {
		case frameState:
			if err := (proto.UnmarshalOptions{Merge: true, AllowPartial: true}).Unmarshal(body, state); err != nil {
				return fmt.Errorf("frame %d: %w", count, err)
			}
		case frameEnd:
			if len(body) != 8 || binary.LittleEndian.Uint64(body) != count {
				return errCut
			}
			return nil
		}
	}
}
