package journal

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"

	"github.com/lodehq/lode/internal/vfs"
)

// Seed makes the journal of a new node that begins with an image in place of a first entry: write gives the image. When there are
// several voters, every one is seeded with the same image.
func Seed(cfg Config, write func(io.Writer) error) (err error) {
	f, err := openFiles(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	if old, err := raft.HasExistingState(f.wal, f.wal, f.images); err != nil {
		return fmt.Errorf("read the journal in %s: %w", cfg.Dir, err)
	} else if old {
		return fmt.Errorf("%s holds a journal already; give an empty directory", cfg.Dir)
	}
	const term, index = 1, 1
	_, names := raft.NewInmemTransport("") // it only spells the voters' addresses
	sink, err := f.images.Create(raft.SnapshotVersionMax, index, term, cfg.voters(), index, names)
	if err != nil {
		return fmt.Errorf("create an image in %s: %w", cfg.Dir, err)
	}
	if err := write(sink); err != nil {
		return errors.Join(fmt.Errorf("write the image in %s: %w", cfg.Dir, err), sink.Cancel())
	}
	// The term before the image's name: a journal with an image must know its term.
	if err := f.wal.SetUint64([]byte("CurrentTerm"), term); err != nil {
		return errors.Join(fmt.Errorf("write the term in %s: %w", cfg.Dir, err), sink.Cancel())
	}
	if err := sink.Close(); err != nil {
		return fmt.Errorf("write the image in %s: %w", cfg.Dir, err)
	}
	return nil
}

// Read gives a machine what the journal of a stopped node holds, the newest image and then the entries after it, and changes nothing.
// Of several voters' journals the last entries may not be committed yet.
func Read(cfg Config) (err error) {
	if _, err := vfs.OS().Stat(filepath.Join(cfg.Dir, "log")); err != nil {
		return fmt.Errorf("%s holds no journal: %w", cfg.Dir, err)
	}
	f, err := openFiles(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	list, err := f.images.List()
	if err != nil {
		return fmt.Errorf("list the images in %s: %w", cfg.Dir, err)
	}
	m := &machine{j: &Journal{cfg: cfg, flying: map[uint64][]Proposal{}}}
	var done uint64
	if len(list) > 0 {
		_, r, err := f.images.Open(list[0].ID)
		if err != nil {
			return fmt.Errorf("open the image %s: %w", list[0].ID, err)
		}
		if err := m.Restore(r); err != nil {
			return err
		}
		done = list[0].Index
	}
	first, err1 := f.wal.FirstIndex()
	last, err2 := f.wal.LastIndex()
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("read the journal in %s: %w", cfg.Dir, err)
	}
	if last > done && first > done+1 {
		return fmt.Errorf("the journal in %s begins with entry %d, and its newest image ends with entry %d", cfg.Dir, first, done)
	}
	for i := max(first, done+1); i <= last && last > 0; i++ {
		var l raft.Log
		if err := f.wal.GetLog(i, &l); err != nil {
			return fmt.Errorf("read entry %d of the journal in %s: %w", i, cfg.Dir, err)
		}
		m.ApplyBatch([]*raft.Log{&l})
	}
	return nil
}

// files is a journal's files without a raft that runs.
type files struct {
	wal     *wal.WAL
	images  *raft.FileSnapshotStore
	closers []io.Closer
}

func openFiles(cfg Config) (_ *files, err error) {
	log := cfg.Logger
	if log == nil {
		log = slog.Default()
	}
	f := &files{}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	logDir := filepath.Join(cfg.Dir, "log")
	if err := vfs.OS().MkdirAll(logDir, 0o700); err != nil {
		return nil, fmt.Errorf("create the journal's directory: %w", err)
	}
	lock, err := vfs.OS().Lock(filepath.Join(cfg.Dir, "in_use.lock"))
	if err != nil {
		return nil, fmt.Errorf("another process uses %s; stop it first: %w", cfg.Dir, err)
	}
	f.closers = append(f.closers, lock)
	hlog := newRaftLogger(log, true)
	meta := &metadb.BoltMetaDB{}
	if f.wal, err = wal.Open(logDir, wal.WithLogger(hlog), wal.WithMetaStore(meta)); err != nil {
		return nil, fmt.Errorf("open the journal in %s: %w", logDir, err)
	}
	f.closers = append(f.closers, meta, f.wal)
	if f.images, err = raft.NewFileSnapshotStoreWithLogger(cfg.Dir, 2, hlog); err != nil {
		return nil, fmt.Errorf("open the images in %s: %w", cfg.Dir, err)
	}
	return f, nil
}

func (f *files) close() (err error) {
	for i := len(f.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, f.closers[i].Close())
	}
	return err
}

// voters is the configuration that a new journal begins with.
func (cfg Config) voters() (c raft.Configuration) {
	if cfg.ID == "" {
		cfg.ID = "0"
	}
	peers := cfg.Peers
	if len(peers) <= 1 {
		peers = []Peer{{cfg.ID, "alone-" + cfg.ID}}
	}
	for _, p := range peers {
		c.Servers = append(c.Servers, raft.Server{ID: raft.ServerID(p.ID), Address: raft.ServerAddress(p.Address)})
	}
	return c
}
