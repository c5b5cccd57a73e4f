package datanode

import (
	"context"
	"time"

	"github.com/lodehq/lode/datanode/blockstore"
)

// scan runs the volume scanner and the directory scanner.
func (s *Server) scan() {
	select {
	case <-s.attached:
	case <-s.ctx.Done():
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if s.cfg.DirectoryScan > 0 {
			s.scanDirectories()
		}
	}()
	if s.cfg.ScanPeriod > 0 {
		s.store.ScanBytes(s.ctx, blockstore.ScanOptions{
			Period: s.cfg.ScanPeriod, Bandwidth: s.cfg.ScanBandwidth, Corrupt: events{s}.Corrupt,
		})
	}
	<-done
}

func (s *Server) scanDirectories() {
	t := time.NewTicker(s.cfg.DirectoryScan)
	defer t.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-t.C:
		}
		s.CompareDirectories(s.ctx)
	}
}

// CompareDirectories compares disk and table once, and tells the namenode what has changed behind our back.
func (s *Server) CompareDirectories(ctx context.Context) {
	d, err := s.store.Reconcile(ctx)
	if err != nil {
		s.log.Warn("directory scan", "error", err)
	}
	e := events{s}
	for _, r := range d.Gone {
		e.deleted(r.Block, r.StorageID)
	}
	for _, r := range d.Found {
		e.Received(r.Block, r.StorageID, "")
	}
	for _, r := range d.Damaged {
		e.Corrupt(r.Block, r.StorageID)
	}
}
