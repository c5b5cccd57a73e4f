package distcp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/lodehq/lode/mapreduce"
)

// counters has Hadoop's names.
const counters = "org.apache.hadoop.tools.mapred.CopyMapper$Counter"

// copier copies one item a record.
type copier struct {
	o      *options
	buffer []byte
}

// Map implements mapreduce.Mapper.
func (m *copier) Map(c *mapreduce.Context, _, value []byte) error {
	var i item
	if err := json.Unmarshal(value, &i); err != nil {
		return err
	}
	if i.Dir {
		c.Counter(counters, "DIR_COPY").Add(1)
		if err := c.FS().Mkdirs(c.Context(), i.To); err != nil {
			return fmt.Errorf("make directory %s: %w", i.To, err)
		}
		return c.Emit([]byte(i.From), []byte(i.To)) // its attributes come last
	}
	err := m.file(c, i)
	if err != nil && m.o.ignore && c.Context().Err() == nil {
		c.Counter(counters, "FAIL").Add(1)
		c.Counter(counters, "BYTESFAILED").Add(i.Size)
		c.Logger().Error("not copied", "from", i.From, "to", i.To, "err", err)
		return nil
	}
	return err
}

func (m *copier) file(c *mapreduce.Context, i item) error {
	ctx, fsys := c.Context(), c.FS()
	there, err := fsys.Stat(ctx, i.To)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("look at %s: %w", i.To, err)
	case there.Dir:
		return fmt.Errorf("%s is a directory, %s a file: remove one of them", i.To, i.From)
	case !m.o.overwrite:
		same := !m.o.update // without options what is there stays
		if m.o.update && there.Size == i.Size {
			same = m.o.skipCRC || sameSum(ctx, fsys, i.From, i.To) == nil
		}
		if same {
			c.Counter(counters, "SKIP").Add(1)
			c.Counter(counters, "BYTESSKIPPED").Add(i.Size)
			return m.keep(ctx, fsys, i)
		}
	}
	c.SetStatus("copying " + i.From)
	temporary := path.Dir(i.To) + "/.distcp.tmp." + c.Info().Attempt
	if at := strings.LastIndexByte(i.To, '/'); at >= 0 { // path.Dir would spoil the // of a URI
		temporary = i.To[:at] + "/.distcp.tmp." + c.Info().Attempt
	}
	n, err := m.bytes(c, i, temporary)
	if err == nil && n != i.Size {
		err = fmt.Errorf("%d bytes were read where %d were listed: the file changes while it is copied", n, i.Size)
	}
	if err == nil && !m.o.skipCRC {
		err = sameSum(ctx, fsys, i.From, temporary)
	}
	if err == nil {
		err = fsys.Remove(ctx, i.To, false)
	}
	if err == nil {
		err = fsys.Rename(ctx, temporary, i.To)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("copy %s to %s: %w", i.From, i.To, err), fsys.Remove(context.WithoutCancel(ctx), temporary, false))
	}
	c.Counter(counters, "COPY").Add(1)
	c.Counter(counters, "BYTESCOPIED").Add(n)
	return m.keep(ctx, fsys, i)
}

// bytes copies the content.
func (m *copier) bytes(c *mapreduce.Context, i item, to string) (n int64, err error) {
	ctx, fsys := c.Context(), c.FS()
	in, err := fsys.Open(ctx, i.From)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	var a mapreduce.Attributes
	af, _ := fsys.(mapreduce.AttributeFS)
	if af != nil && strings.ContainsAny(m.o.keep, "rb") {
		if a, err = af.Attributes(ctx, i.From); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return 0, err
		}
		if !strings.Contains(m.o.keep, "r") {
			a.Replication = 0
		}
		if !strings.Contains(m.o.keep, "b") {
			a.BlockSize = 0
		}
	}
	var out io.WriteCloser
	err = errors.ErrUnsupported
	if af != nil {
		out, err = af.CreateWith(ctx, to, a.Replication, a.BlockSize)
	}
	if errors.Is(err, errors.ErrUnsupported) {
		out, err = fsys.Create(ctx, to, true)
	}
	if err != nil {
		return 0, err
	}
	if m.buffer == nil {
		m.buffer = make([]byte, 1<<20)
	}
	for {
		if ctx.Err() != nil {
			return n, errors.Join(context.Cause(ctx), out.Close())
		}
		k, err := in.Read(m.buffer)
		if k > 0 {
			if _, err := out.Write(m.buffer[:k]); err != nil {
				return n, errors.Join(err, out.Close())
			}
			n += int64(k)
			c.Progress()
		}
		if err == io.EOF {
			return n, out.Close()
		}
		if err != nil {
			return n, errors.Join(err, out.Close())
		}
	}
}

func (m *copier) keep(ctx context.Context, fsys mapreduce.FS, i item) error {
	return keep(ctx, fsys, i, m.o.keep)
}

// keep gives the target the source's attributes.
func keep(ctx context.Context, fsys mapreduce.FS, i item, letters string) error {
	af, ok := fsys.(mapreduce.AttributeFS)
	if letters == "" || !ok {
		return nil
	}
	a, err := af.Attributes(ctx, i.From)
	if err == nil {
		err = af.SetAttributes(ctx, i.To, a, letters)
	}
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("keep the attributes of %s: %w", i.From, err)
	}
	return nil
}

// sameSum compares checksums. Sums of different algorithms (other block sizes) say nothing, nor does a file system without any.
func sameSum(ctx context.Context, fsys mapreduce.FS, a, b string) error {
	af, ok := fsys.(mapreduce.AttributeFS)
	if !ok {
		return nil
	}
	nameA, sumA, errA := af.Checksum(ctx, a)
	nameB, sumB, errB := af.Checksum(ctx, b)
	for _, err := range []error{errA, errB} {
		if errors.Is(err, errors.ErrUnsupported) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("checksum: %w", err)
		}
	}
	if nameA == nameB && !bytes.Equal(sumA, sumB) {
		xa, errA := af.Attributes(ctx, a)
		xb, errB := af.Attributes(ctx, b)
		if errA == nil && errB == nil && xa.BlockSize != xb.BlockSize { // the sum is over sums of blocks
			return nil
		}
		return fmt.Errorf("the checksums of %s and %s differ", a, b)
	}
	return nil
}
