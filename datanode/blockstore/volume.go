package blockstore

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/vfs"
)

// volume is one data directory.
type volume struct {
	index     int
	dir       string
	kind      hdfs.StorageType
	storageID string
	pool      string
	reserved  int64 // bytes kept free for others

	lock io.Closer

	used    atomic.Int64 // bytes of data and meta files of finalized and unfinished replicas
	pending atomic.Int64 // bytes promised to replicas being written and not yet used
	blocks  atomic.Int64
	failed  atomic.Bool

	made  sync.Map // finalized subdirectories known to exist
	space spaceCache
}

// spaceCache remembers statfs for a moment: it is asked for every new replica.
type spaceCache struct {
	mu   sync.Mutex
	at   time.Time
	sp   vfs.Space
	used int64 // volume.used when it was taken
}

// VolumeReport is what the namenode and the operator are told about a volume.
type VolumeReport struct {
	Dir              string
	StorageID        string
	Type             hdfs.StorageType
	Capacity         int64
	Used             int64
	Remaining        int64
	NonDFSUsed       int64
	Reserved         int64
	ReservedReplicas int64
	Blocks           int64
	Failed           bool
}

func (s *Store) statfs(v *volume) (vfs.Space, error) {
	v.space.mu.Lock()
	defer v.space.mu.Unlock()
	now := s.cfg.Now()
	if used := v.used.Load(); v.space.at.IsZero() || now.Sub(v.space.at) > time.Second || used-v.space.used > 64<<20 {
		sp, err := s.fs.Statfs(v.dir)
		if err != nil {
			return vfs.Space{}, err
		}
		v.space.at, v.space.sp, v.space.used = now, sp, used
	}
	return v.space.sp, nil
}

// available is what new replicas may still take.
func (s *Store) available(v *volume) int64 {
	sp, err := s.statfs(v)
	if err != nil {
		return 0
	}
	return max(0, sp.Free-v.reserved-v.pending.Load())
}

func (s *Store) report(v *volume) VolumeReport {
	r := VolumeReport{
		Dir: v.dir, StorageID: v.storageID, Type: v.kind, Used: v.used.Load(), Reserved: v.reserved,
		ReservedReplicas: v.pending.Load(), Blocks: v.blocks.Load(), Failed: v.failed.Load(),
	}
	if sp, err := s.statfs(v); err == nil {
		r.Capacity = max(0, sp.Total-v.reserved)
		r.Remaining = min(max(0, sp.Free-v.reserved-r.ReservedReplicas), max(0, r.Capacity-r.Used))
		r.NonDFSUsed = max(0, sp.Total-sp.Free-r.Used)
	}
	return r
}

// chooseVolume picks a volume of that storage type with room, the named one if it has; otherwise round robin, as Apache does.
func (s *Store) chooseVolume(kind hdfs.StorageType, storageID string, need int64) (*volume, error) {
	n := len(s.volumes)
	start := int(s.nextVolume.Add(1))
	var most int64
	var seen bool
	pick := func(v *volume) bool {
		if v.failed.Load() || kind != 0 && v.kind != kind {
			return false
		}
		seen = true
		a := s.available(v)
		most = max(most, a)
		return a >= need
	}
	if storageID != "" {
		for _, v := range s.volumes {
			if v.storageID == storageID && pick(v) {
				return v, nil
			}
		}
	}
	for i := range n {
		if v := s.volumes[(start+i)%n]; pick(v) {
			return v, nil
		}
	}
	if !seen && kind != 0 {
		// Apache's datanode answers the same class for a type that it has not got.
		return nil, hdfs.Errorf(hdfs.DiskOutOfSpace, "No storage of type %s on this datanode", kind)
	}
	return nil, hdfs.Errorf(hdfs.DiskOutOfSpace, "Out of space: The volume with the most available space (=%d B) is less than the block size (=%d B).", most, need)
}

// ensureDir makes a finalized subdirectory once.
func (s *Store) ensureDir(v *volume, dir string) error {
	if _, ok := v.made.Load(dir); ok {
		return nil
	}
	if err := mkdirDurable(s.fs, dir); err != nil {
		return err
	}
	v.made.Store(dir, true)
	return nil
}

// CheckVolumes probes every volume with a small write and read, marks those that fail, drops their replicas from the table and
// answers the storage directories that failed just now. Call it after an I/O error.
func (s *Store) CheckVolumes() []string {
	var failed []string
	for _, v := range s.volumes {
		if v.failed.Load() {
			continue
		}
		if err := s.probe(v); err != nil {
			s.log.Error("volume failed", "dir", v.dir, "error", err)
			s.failVolume(v)
			failed = append(failed, v.dir)
		}
	}
	return failed
}

func (s *Store) probe(v *volume) error {
	name := filepath.Join(v.dir, "current", ".probe")
	f, err := s.fs.Create(name)
	if err != nil {
		return err
	}
	defer func() { _ = s.fs.Remove(name) }()
	msg := []byte("probe " + strconv.FormatInt(s.cfg.Now().UnixNano(), 10))
	_, err = f.Write(msg)
	if isNoSpace(err) {
		f.Close()
		return nil
	}
	got := make([]byte, len(msg))
	if err == nil {
		_, err = f.ReadAt(got, 0)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil && string(got) != string(msg) {
		err = errors.New("read other bytes than were written")
	}
	if err != nil {
		return fmt.Errorf("probe %s: %w", name, err)
	}
	return nil
}

func (s *Store) failVolume(v *volume) {
	v.failed.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	var lost int64
	for id, e := range s.table {
		if int(e.vol) == v.index {
			delete(s.table, id)
			delete(s.active, id)
		}
	}
	lost = v.used.Load()
	s.failures = append(s.failures, v.dir)
	s.lostBytes += lost
	s.lastFailure = s.cfg.Now()
}

// Failures tells which volumes have failed since the start, when the last one did and how many bytes of capacity went with them.
func (s *Store) Failures() (dirs []string, last time.Time, lost int64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return append([]string(nil), s.failures...), s.lastFailure, s.lostBytes
}
