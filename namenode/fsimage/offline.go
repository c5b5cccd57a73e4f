package fsimage

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"

	"github.com/lodehq/lode/internal/vfs"
	"github.com/lodehq/lode/namenode/journal"
	"github.com/lodehq/lode/namenode/namespace"
)

// Load reads the namespace of a stopped namenode from its directory.
func Load(dir string, opt namespace.Options, log *slog.Logger) (*namespace.Namespace, error) {
	m := &replay{opt: opt, n: namespace.New(opt, nil)}
	err := journal.Read(journal.Config{Dir: dir, Machine: m, Logger: log})
	if err = errors.Join(err, m.err); err != nil {
		return nil, err
	}
	if m.n.Cluster().GetClusterId() == "" {
		return nil, fmt.Errorf("%s holds no namespace", dir)
	}
	return m.n, nil
}

// replay is a journal.StateMachine that only remembers.
type replay struct {
	opt namespace.Options
	n   *namespace.Namespace
	err error
}

// Apply applies commands.
func (m *replay) Apply(batch []journal.Entry) {
	for _, e := range batch {
		h, req, err := namespace.DecodeCommand(e.Data)
		if err != nil {
			m.err = errors.Join(m.err, fmt.Errorf("read a command of the journal: %w", err))
			return
		}
		_, _ = m.n.Apply(h, req) // what was refused then is refused again
	}
}

// Image is not asked for.
func (m *replay) Image() (journal.Image, error) { return m.n.View(), nil }

// Restore reads an image.
func (m *replay) Restore(r io.Reader) (err error) {
	n, err := namespace.ReadImage(m.opt, nil, r)
	if err == nil {
		m.n = n
	}
	return err
}

// Export writes a namespace to a file, and the file's MD5 beside it, both whole or not at all.
func Export(ctx context.Context, fsys vfs.FS, n *namespace.Namespace, name string) (size int64, sum [md5.Size]byte, err error) {
	tmp := name + ".tmp"
	f, err := fsys.Create(tmp)
	if err != nil {
		return 0, sum, err
	}
	h := md5.New()
	err = Write(io.MultiWriter(f, h), n)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = f.Sync()
	}
	info, serr := f.Stat()
	if err = errors.Join(err, serr, f.Close()); err != nil {
		return 0, sum, errors.Join(fmt.Errorf("export to %s: %w", name, err), fsys.Remove(tmp))
	}
	copy(sum[:], h.Sum(nil))
	if err := fsys.Rename(tmp, name); err != nil {
		return 0, sum, err
	}
	text := fmt.Sprintf("%x *%s\n", sum, path.Base(name))
	return info.Size(), sum, vfs.WriteFileAtomic(fsys, name+".md5", []byte(text), 0o644)
}
