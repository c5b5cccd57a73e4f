package namenode

import (
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/namenode/namespace"
	"github.com/lodehq/lode/namenode/state"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
)

// every calls f at the interval until the namenode stops.
func (s *Server) every(d time.Duration, f func()) {
	t := time.NewTicker(d)
	defer t.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-t.C:
			f()
		}
	}
}

// maxTick is how long the block map goes without a tick: safe mode ends, and datanodes die, no later than that.
const maxTick = 500 * time.Millisecond

// runTicks lets the block map look for work (Apache's RedundancyMonitor, HeartbeatManager, DatanodeAdminManager).
func (s *Server) runTicks() {
	d := min(maxTick, max(50*time.Millisecond, time.Duration(s.cfg.BlockMap.RedundancyInterval)*time.Millisecond))
	s.every(d, func() {
		for more := true; more && s.ctx.Err() == nil; {
			s.state.Update(func(_ *namespace.Namespace, bm *blockmap.Map) { more = bm.Tick(s.state.Now()) })
		}
		if err := s.adoptIdentity(); err != nil {
			s.cfg.Logger.Error("cannot keep the cluster's identity", "err", err)
		}
	})
}

// submit journals a command of the namenode's own, and logs if it fails.
func (s *Server) submit(m journalpb.Method, req proto.Message) {
	s.state.Submit(&state.Command{Header: s.state.Self(), Request: req, Method: m, Done: func(_ proto.Message, err error) {
		if err != nil && s.ctx.Err() == nil {
			s.cfg.Logger.Warn("the namenode's own command failed", "command", m, "err", err)
		}
	}})
}

// maxLeases is how many leases one pass takes back.
const maxLeases = 1000

// runLeases closes the files of writers that are gone, and repeats block recoveries that did not come back (LeaseManager.Monitor).
func (s *Server) runLeases() {
	s.every(s.cfg.LeaseCheck, func() {
		if !s.state.Active() || s.state.InSafeMode() {
			return
		}
		s.state.RetryRecoveries()
		var due []*journalpb.ReleaseLease
		s.state.View(func(ns *namespace.Namespace, _ *blockmap.Map) { due = ns.ExpiredLeases(s.state.Now(), maxLeases) })
		for _, r := range due {
			s.submit(journalpb.Method_RELEASE_LEASE, r)
		}
	})
}

// runExpiry drops what has run out of the replicated state: retry cache entries, tokens, keys. An idle namenode writes nothing.
func (s *Server) runExpiry() {
	var done uint64
	s.every(time.Minute, func() {
		if !s.state.Active() {
			return
		}
		var applied uint64
		s.state.View(func(ns *namespace.Namespace, _ *blockmap.Map) { applied = uint64(ns.Stats().Applied) })
		if applied <= done {
			return
		}
		done = applied + 1 // the command itself does not count as a change
		s.submit(journalpb.Method_EXPIRE, &journalpb.Expire{})
	})
}

// trashLayout is how checkpoints of the trash are named (TrashPolicyDefault), in local time.
const trashLayout = "060102150405"

// runTrash makes checkpoints of users' trash and deletes old ones (TrashPolicyDefault.Emptier).
func (s *Server) runTrash() {
	if s.cfg.TrashInterval <= 0 {
		return
	}
	step := s.cfg.TrashCheckpoint
	if step <= 0 || step > s.cfg.TrashInterval {
		step = s.cfg.TrashInterval
	}
	s.every(step, func() {
		if !s.state.Active() || s.state.InSafeMode() {
			return
		}
		now := time.UnixMilli(s.state.Now())
		var roots []namespace.TrashRoot
		s.state.View(func(ns *namespace.Namespace, _ *blockmap.Map) { roots = ns.TrashRoots() })
		for _, r := range roots {
			req := &journalpb.PurgeTrash{TrashRoot: proto.String(r.Path)}
			for _, name := range r.Checkpoints {
				if t, ok := checkpointTime(name); ok && now.Sub(t) >= s.cfg.TrashInterval {
					req.Expired = append(req.Expired, name)
				}
			}
			if r.HasCurrent {
				req.Checkpoint = proto.String(now.Format(trashLayout))
			}
			if r.HasCurrent || len(req.Expired) > 0 {
				s.submit(journalpb.Method_PURGE_TRASH, req)
			}
		}
	})
}

// checkpointTime reads the name of a checkpoint, in its present form or the old one without seconds.
func checkpointTime(name string) (time.Time, bool) {
	for _, layout := range []string{trashLayout, "0601021504"} {
		if len(name) >= len(layout) {
			if t, err := time.ParseInLocation(layout, name[:len(layout)], time.Local); err == nil {
				return t, true
			}
		}
	}
	return time.Time{}, false
}
