package namenode

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/namenode/namespace"
	"github.com/lodehq/lode/namenode/rpc"
)

var _ rpc.Admin = (*Server)(nil)

// WriteImage writes an image now.
func (s *Server) WriteImage() error { return s.journal.WriteImage() }

// LatestImage writes an image of the namespace as it is and opens it.
func (s *Server) LatestImage() (io.ReadCloser, error) {
	if err := s.journal.WriteImage(); err != nil {
		return nil, err
	}
	r, _, err := s.journal.OpenImage()
	return r, err
}

// RollLog answers the next transaction id: the journal's segments roll by themselves.
func (s *Server) RollLog() (int64, error) { return s.txid() + 1, nil }

// Role says whether this namenode leads.
func (s *Server) Role() (string, bool, string) {
	if s.state.Active() {
		return "active", true, ""
	}
	return "standby", true, ""
}

// MetaSave writes a report of the block map into a file beside the journal (FSNamesystem.metaSave).
func (s *Server) MetaSave(name string) (err error) {
	if name == "" || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return hdfs.Errorf(hdfs.IOException, "metaSave takes a plain file name; %q is none", name)
	}
	file := path.Join(s.cfg.Dir, name)
	f, err := s.cfg.FS.Create(file)
	if err != nil {
		return fmt.Errorf("create %s: %w", file, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	s.state.View(func(ns *namespace.Namespace, bm *blockmap.Map) {
		nst, st := ns.Stats(), bm.Stats()
		fmt.Fprintf(w, "%d files and directories, %d blocks = %d total filesystem objects\n", nst.Files+nst.Directories, nst.Blocks, int64(nst.Files)+int64(nst.Directories)+int64(nst.Blocks))
		fmt.Fprintf(w, "Live Datanodes: %d\nDead Datanodes: %d\n", st.Live, st.Dead)
		fmt.Fprintf(w, "Metasave: Blocks waiting for reconstruction: %d\n", st.LowRedundancy)
		for level := range 5 {
			for _, id := range bm.LowRedundancyBlocks(level, 10_000) {
				b := bm.BlockStatus(id)
				fmt.Fprintf(w, "%s (replicas: live: %d decommissioning and decommissioned: %d corrupt: %d in excess: %d maintenance mode: %d)\n", b.Block,
					b.Replicas.Live, b.Replicas.Decommissioning+b.Replicas.Decommissioned, b.Replicas.Corrupt, b.Replicas.Excess, b.Replicas.InMaintenance)
			}
		}
		fmt.Fprintf(w, "Metasave: Blocks being reconstructed: %d\nMetasave: Blocks waiting deletion: %d\n", st.PendingReconstruction, st.PendingDeletion)
		fmt.Fprintf(w, "Corrupt Blocks: %d\nMetasave: Number of datanodes: %d\n", st.Corrupt, st.Live+st.Dead)
		for _, d := range bm.Datanodes(blockmap.NodesAll) {
			fmt.Fprintf(w, "%s:%d %s %d(%d) %d blocks, %s\n", d.IP, d.XferPort, d.Location, d.Capacity, d.Remaining, d.NumBlocks, d.Admin)
		}
	})
	return w.Flush()
}

// reconfiguration remembers the last `dfsadmin -reconfig namenode`.
type reconfiguration struct {
	mu         sync.Mutex // guards what follows
	start, end int64
	changes    []rpc.Change
}

// Reconfigurable lists the keys that a running namenode takes new values of.
func (s *Server) Reconfigurable() []string {
	return []string{"hadoop.proxyuser.*", "dfs.hosts", "dfs.hosts.exclude"}
}

// Reconfigure reads the configuration again.
func (s *Server) Reconfigure() bool {
	if !s.reconfig.mu.TryLock() {
		return false
	}
	defer s.reconfig.mu.Unlock()
	s.reconfig.start = s.state.Now()
	s.reconfig.changes = nil
	for key, f := range map[string]func() error{"hadoop.proxyuser.*": s.users.RefreshProxies, "dfs.hosts": s.RefreshNodes} {
		if err := f(); err != nil {
			s.reconfig.changes = append(s.reconfig.changes, rpc.Change{Key: key, Err: err})
		}
	}
	s.reconfig.end = s.state.Now()
	return true
}

// Reconfiguration is what the last one did; start is 0 when there was none.
func (s *Server) Reconfiguration() (start, end int64, changes []rpc.Change) {
	s.reconfig.mu.Lock()
	defer s.reconfig.mu.Unlock()
	return s.reconfig.start, s.reconfig.end, s.reconfig.changes
}
