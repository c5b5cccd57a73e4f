package blockstore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/vfs"
)

// Config of a Store. FS and Volumes are required.
type Config struct {
	FS      vfs.FS
	Volumes []VolumeConfig
	// FailedTolerated is how many volumes may be unusable at the start (dfs.datanode.failed.volumes.tolerated).
	FailedTolerated int
	// SyncOnClose makes Finalize sync data, meta and names (dfs.datanode.synconclose).
	SyncOnClose bool
	// Now is the clock, time.Now if nil.
	Now func() time.Time
	Log *slog.Logger
	// Deleted, if set, is told when the files of a replica are gone.
	Deleted func(b hdfs.Block, storageID string)
}

// VolumeConfig names a data directory.
type VolumeConfig struct {
	Dir      string
	Type     hdfs.StorageType // 0 means DISK
	Reserved int64            // bytes to leave to others (dfs.datanode.du.reserved)
}

// Namespace is what the namenode says about itself in the handshake.
type Namespace struct {
	BlockPoolID string
	ClusterID   string
	NamespaceID uint32
	CTime       uint64
}

// Store is the replicas of one datanode for one block pool. All methods are safe for concurrent use after Attach.
type Store struct {
	cfg Config
	fs  vfs.FS
	log *slog.Logger

	volumes    []*volume
	uuid       string
	ns         Namespace
	nextVolume atomic.Uint64

	stripes [256]sync.Mutex // transitions of one replica; taken before mu

	mu          sync.RWMutex // guards what follows; no disk work under it
	table       map[hdfs.BlockID]entry
	active      map[hdfs.BlockID]*active
	failures    []string
	lastFailure time.Time
	lostBytes   int64

	remover remover
}

// entry is a replica in the table: no pointers, 32 bytes.
type entry struct {
	gs        hdfs.GenStamp
	n         int64  // bytes of data
	metaBytes uint32 // size of the meta file
	vol       uint16
	state     hdfs.ReplicaState
	at        place
}

func (e entry) block(id hdfs.BlockID) hdfs.Block {
	return hdfs.Block{ID: id, GenStamp: e.gs, NumBytes: e.n}
}

// Replica describes a replica to the outside.
type Replica struct {
	hdfs.Block
	State     hdfs.ReplicaState
	StorageID string
	Visible   int64 // bytes that readers may count on
}

// Open locks the data directories and reads whose they are. A directory that is empty or missing will be formatted by Attach.
func Open(cfg Config) (*Store, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if len(cfg.Volumes) == 0 {
		return nil, errors.New("no data directories: set dfs.datanode.data.dir")
	}
	s := &Store{cfg: cfg, fs: cfg.FS, log: cfg.Log, table: map[hdfs.BlockID]entry{}, active: map[hdfs.BlockID]*active{}}
	var errs []error
	for _, vc := range cfg.Volumes {
		v, err := s.openVolume(vc)
		if err != nil {
			errs = append(errs, err)
			s.failures = append(s.failures, vc.Dir)
			s.lastFailure = cfg.Now()
			s.log.Error("data directory unusable", "dir", vc.Dir, "error", err)
			continue
		}
		v.index = len(s.volumes)
		s.volumes = append(s.volumes, v)
	}
	if len(s.volumes) == 0 || len(errs) > cfg.FailedTolerated {
		_ = s.unlock()
		return nil, fmt.Errorf("open data directories (%d of %d unusable, %d tolerated by dfs.datanode.failed.volumes.tolerated): %w",
			len(errs), len(cfg.Volumes), cfg.FailedTolerated, errors.Join(errs...))
	}
	if s.uuid == "" {
		s.uuid = newUUID()
	}
	return s, nil
}

func (s *Store) openVolume(vc VolumeConfig) (*volume, error) {
	if vc.Type == 0 {
		vc.Type = hdfs.StorageDisk
	}
	v := &volume{dir: vc.Dir, kind: vc.Type, reserved: vc.Reserved}
	if err := mkdirDurable(s.fs, filepath.Join(vc.Dir, "current")); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	l, err := s.fs.Lock(filepath.Join(vc.Dir, "in_use.lock"))
	if err != nil {
		return nil, err
	}
	v.lock = l
	name := filepath.Join(vc.Dir, "current", "VERSION")
	p, err := readProperties(s.fs, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return v, nil
	case err != nil:
		l.Close()
		return nil, err
	}
	if err := p.checkLayout(name); err != nil {
		l.Close()
		return nil, err
	}
	v.storageID = p["storageID"]
	if id := p["datanodeUuid"]; id != "" {
		if s.uuid != "" && s.uuid != id {
			l.Close()
			return nil, fmt.Errorf("%s: datanodeUuid %s, another data directory has %s: they belong to two datanodes", name, id, s.uuid)
		}
		s.uuid = id
	}
	return v, nil
}

// UUID identifies this datanode for ever.
func (s *Store) UUID() string { return s.uuid }

// Pool is the block pool id after Attach.
func (s *Store) Pool() string { return s.ns.BlockPoolID }

// Attach binds the volumes to a namespace: formats the new ones, refuses those of another cluster, loads the replicas.
func (s *Store) Attach(ns Namespace) error {
	if s.ns.BlockPoolID != "" {
		if s.ns.BlockPoolID != ns.BlockPoolID || s.ns.ClusterID != ns.ClusterID {
			return fmt.Errorf("this datanode serves block pool %s of cluster %s, the namenode has %s of %s", s.ns.BlockPoolID, s.ns.ClusterID, ns.BlockPoolID, ns.ClusterID)
		}
		return nil
	}
	if ns.BlockPoolID == "" || ns.BlockPoolID != filepath.Base(ns.BlockPoolID) {
		return fmt.Errorf("the namenode's block pool id %q is no file name", ns.BlockPoolID)
	}
	for _, v := range s.volumes {
		v.pool = ns.BlockPoolID
		if err := s.attachVolume(v, ns); err != nil {
			return err
		}
	}
	var wg sync.WaitGroup
	errs := make([]error, len(s.volumes))
	for i, v := range s.volumes {
		wg.Go(func() { errs[i] = s.load(v) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	s.ns = ns
	s.remover.start(s)
	return nil
}

func (s *Store) attachVolume(v *volume, ns Namespace) error {
	name := filepath.Join(v.dir, "current", "VERSION")
	p, err := readProperties(s.fs, name)
	if errors.Is(err, fs.ErrNotExist) {
		v.storageID = "DS-" + newUUID()
		p = properties{
			"storageID": v.storageID, "clusterID": ns.ClusterID, "cTime": "0", "datanodeUuid": s.uuid,
			"storageType": "DATA_NODE", "layoutVersion": strconv.Itoa(LayoutVersion),
		}
		err = p.write(s.fs, name, s.cfg.Now())
	}
	if err != nil {
		return err
	}
	if p["clusterID"] != ns.ClusterID {
		return fmt.Errorf("Incompatible clusterIDs in %s: namenode clusterID = %s; datanode clusterID = %s: point dfs.datanode.data.dir to this cluster's directories or empty ones", v.dir, ns.ClusterID, p["clusterID"])
	}
	for _, d := range []string{v.dirFor(0, inRBW), v.dirFor(0, inTmp), filepath.Join(v.currentDir(), "finalized")} {
		if err := mkdirDurable(s.fs, d); err != nil {
			return err
		}
	}
	name = filepath.Join(v.currentDir(), "VERSION")
	p, err = readProperties(s.fs, name)
	if errors.Is(err, fs.ErrNotExist) {
		p = properties{
			"namespaceID": strconv.FormatUint(uint64(ns.NamespaceID), 10), "cTime": strconv.FormatUint(ns.CTime, 10),
			"blockpoolID": ns.BlockPoolID, "layoutVersion": strconv.Itoa(LayoutVersion),
		}
		err = p.write(s.fs, name, s.cfg.Now())
	}
	if err != nil {
		return err
	}
	if err := p.checkLayout(name); err != nil {
		return err
	}
	if id := p["namespaceID"]; id != strconv.FormatUint(uint64(ns.NamespaceID), 10) {
		return fmt.Errorf("Incompatible namespaceIDs in %s: namenode namespaceID = %d; datanode namespaceID = %s", v.dir, ns.NamespaceID, id)
	}
	return nil
}

// Close waits for deletions and gives the directories back. Writers must be gone.
func (s *Store) Close() error {
	s.remover.stop()
	var errs []error
	if s.ns.BlockPoolID != "" {
		for _, v := range s.volumes {
			if !v.failed.Load() {
				// Apache trusts this figure for ten minutes instead of measuring (BlockPoolSlice.saveDfsUsed).
				line := fmt.Sprintf("%d %d", v.used.Load(), s.cfg.Now().UnixMilli())
				errs = append(errs, vfs.WriteFileAtomic(s.fs, filepath.Join(v.currentDir(), "dfsUsed"), []byte(line), 0o644))
			}
		}
	}
	errs = append(errs, s.unlock())
	return errors.Join(errs...)
}

func (s *Store) unlock() error {
	var errs []error
	for _, v := range s.volumes {
		if v.lock != nil {
			errs = append(errs, closeOnce(&v.lock))
		}
	}
	return errors.Join(errs...)
}

func closeOnce(c *io.Closer) error {
	err := (*c).Close()
	*c = nil
	return err
}

// Volumes reports every volume, failed ones included.
func (s *Store) Volumes() []VolumeReport {
	out := make([]VolumeReport, len(s.volumes))
	for i, v := range s.volumes {
		out[i] = s.report(v)
	}
	return out
}

// Get describes one replica.
func (s *Store) Get(id hdfs.BlockID) (Replica, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, ok := s.table[id]
	if !ok {
		return Replica{}, false
	}
	return s.describe(id, e), true
}

// describe needs mu.
func (s *Store) describe(id hdfs.BlockID, e entry) Replica {
	r := Replica{Block: e.block(id), State: e.state, StorageID: s.volumes[e.vol].storageID, Visible: e.n}
	if a := s.active[id]; a != nil {
		r.NumBytes, r.Visible = a.lengths()
	}
	if e.state == hdfs.ReplicaRWR {
		r.Visible = -1
	}
	return r
}

// Report lists the replicas of a volume as block reports want them: TEMPORARY left out, RUR under the state it had.
func (s *Store) Report(storageID string) []Replica {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []Replica
	for id, e := range s.table {
		if s.volumes[e.vol].storageID != storageID || e.state == hdfs.ReplicaTemporary {
			continue
		}
		r := s.describe(id, e)
		if a := s.active[id]; a != nil && e.state == hdfs.ReplicaRUR {
			r.State = a.before
		}
		out = append(out, r)
	}
	return out
}

func (s *Store) stripe(id hdfs.BlockID) *sync.Mutex {
	return &s.stripes[uint64(id)%uint64(len(s.stripes))]
}

func (s *Store) lookup(id hdfs.BlockID) (entry, *active, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, ok := s.table[id]
	return e, s.active[id], ok
}

func (s *Store) put(id hdfs.BlockID, e entry, a *active) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table[id] = e
	if a == nil {
		delete(s.active, id)
	} else {
		s.active[id] = a
	}
}

func notFound(b hdfs.Block) error {
	return hdfs.Errorf(hdfs.ReplicaNotFound, "Cannot append to a non-existent replica %s", b)
}

func isNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
