package blockmap

import (
	"math/rand/v2"

	"github.com/lodehq/lode/internal/hdfs"
)

// leases let only some datanodes send full reports at a time (BlockReportLeaseManager).
type leases struct {
	limit  int
	length int64
	held   []lease
}

type lease struct {
	n     *node
	id    uint64
	until int64
}

func (l *leases) init(c Config) { l.limit, l.length = c.MaxReportLeases, c.ReportLeaseLength }

func (l *leases) expire(now int64) {
	kept := l.held[:0]
	for _, x := range l.held {
		if now < x.until {
			kept = append(kept, x)
		}
	}
	l.held = kept
}

func (l *leases) forget(n *node) {
	kept := l.held[:0]
	for _, x := range l.held {
		if x.n != n {
			kept = append(kept, x)
		}
	}
	l.held = kept
}

// request gives a lease, 0 if too many are out.
func (l *leases) request(now int64, n *node, rng *rand.Rand) uint64 {
	l.expire(now)
	l.forget(n)
	if len(l.held) >= l.limit {
		return 0
	}
	id := rng.Uint64()>>1 | 1 // never 0, and positive for Java
	l.held = append(l.held, lease{n, id, now + l.length})
	return id
}

// CheckLease says whether a full report under this lease may be taken. Lease 0 is a report outside the plan (an operator's triggerBlockReport) and
// always good.
func (m *Map) CheckLease(now int64, uuid string, c ReportContext) error {
	m.advance(now)
	n, err := m.registered(uuid)
	if err != nil {
		return err
	}
	if c.LeaseID == 0 {
		return nil
	}
	m.leases.expire(m.now)
	for _, x := range m.leases.held {
		if x.n == n && x.id == c.LeaseID {
			return nil
		}
	}
	return hdfs.Errorf(hdfs.InvalidReportLease, "Block report 0x%x was rejected as lease 0x%x is invalid or has expired", uint64(c.ReportID), c.LeaseID)
}

// ReportDone gives the lease back after the last part of a full report.
func (m *Map) ReportDone(uuid string, c ReportContext) {
	if n := m.byUUID[uuid]; n != nil && c.CurrentRPC+1 >= c.TotalRPCs {
		m.leases.forget(n)
	}
}
