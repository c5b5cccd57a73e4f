package blockmap

import (
	"testing"

	"github.com/lodehq/lode/namenode/blockmap/queue"
	"github.com/lodehq/lode/namenode/blockmap/table"
)

// checkInvariants recomputes from scratch what the map keeps incrementally.
func (m *Map) checkInvariants(t *testing.T) {
	t.Helper()
	m.drainSweeps()
	counts := map[uint32]int{}
	files, open, excess, corrupt, safe := 0, 0, 0, 0, 0
	for at := table.Ref(0); ; {
		at = m.blocks.Walk(at, 1000, func(r table.Ref) {
			id := m.blocks.ID(r)
			if m.blocks.State(r) == table.Complete {
				files++
				if m.open[id] != nil {
					t.Fatalf("complete block %d is listed as open", id)
				}
			} else {
				open++
				if m.open[id] == nil {
					t.Fatalf("open block %d is not listed", id)
				}
			}
			nodes := map[*node]bool{}
			for _, x := range m.blocks.Replicas(r, nil) {
				s := m.storages[x.Storage]
				if s == nil {
					t.Fatalf("block %d is on a storage that does not exist", id)
				}
				if !m.current(x) {
					t.Fatalf("block %d keeps a replica that is gone, after the sweeps", id)
				}
				if nodes[s.node] {
					t.Fatalf("block %d is twice on one datanode", id)
				}
				nodes[s.node] = true
				counts[x.Storage]++
				if x.Flags&table.Excess != 0 {
					excess++
				}
				if x.Flags&table.Corrupt != 0 {
					corrupt++
				}
			}
			if m.safeCounted(r) {
				safe++
			}
			if m.safe.healing && m.blocks.State(r) == table.Complete {
				was, queued := m.low.Level(id)
				c := m.count(r)
				m.enqueue(r, c, m.wanted(r, c))
				if now, q := m.low.Level(id); q != queued || q && now != was {
					t.Fatalf("block %d (%+v, pending %d) is queued at %d %v, belongs to %d %v", id, c, len(m.pending.Targets(id)), was, queued, now, q)
				}
			}
		})
		if at == 0 {
			break
		}
	}
	if files != m.files || open != len(m.open) || excess != m.excess {
		t.Fatalf("files %d/%d, open %d/%d, excess %d/%d", files, m.files, open, len(m.open), excess, m.excess)
	}
	if m.safe.startup && safe != m.safe.blocks {
		t.Fatalf("safe blocks: counted %d, kept %d", safe, m.safe.blocks)
	}
	known := 0
	for _, c := range m.corrupt {
		known += len(c)
	}
	if known != corrupt {
		t.Fatalf("corrupt replicas: %d flagged, %d listed", corrupt, known)
	}
	for i, s := range m.storages {
		if s != nil && s.blocks != counts[uint32(i)] {
			t.Fatalf("storage %d: %d replicas counted, %d kept", i, counts[uint32(i)], s.blocks)
		}
	}
	one := 0
	for _, id := range m.low.List(queue.Corrupt, -1) {
		if m.blocks.Replication(m.blocks.Find(id)) == 1 {
			one++
		}
	}
	if one != m.missingOne {
		t.Fatalf("missing with replication 1: %d, kept %d", one, m.missingOne)
	}
}
