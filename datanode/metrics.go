package datanode

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// registerMetrics adds the datanode's counters to a registry.
func (s *Server) registerMetrics(reg *prometheus.Registry) error {
	st := s.xfer.Stats()
	counter := func(name, help string, f func() int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "lode", Subsystem: "datanode", Name: name, Help: help}, func() float64 { return float64(f()) })
	}
	gauge := func(name, help string, f func() int64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "lode", Subsystem: "datanode", Name: name, Help: help}, func() float64 { return float64(f()) })
	}
	sum := func(pick func(used, remaining, blocks int64) int64) func() int64 {
		return func() (n int64) {
			for _, v := range s.store.Volumes() {
				n += pick(v.Used, v.Remaining, v.Blocks)
			}
			return n
		}
	}
	for _, c := range []prometheus.Collector{
		counter("read_bytes_total", "Bytes of replicas sent.", st.BytesRead.Load),
		counter("written_bytes_total", "Bytes of replicas received.", st.BytesWritten.Load),
		counter("blocks_read_total", "Reads of replicas that ended well.", st.BlocksRead.Load),
		counter("blocks_written_total", "Replicas received whole.", st.BlocksWritten.Load),
		counter("checksum_errors_total", "Chunks that failed their checksum.", st.ChecksumErrors.Load),
		gauge("xceivers", "Data connections open.", func() int64 { return int64(s.xfer.Xceivers()) }),
		gauge("transfers", "Replicas being sent to other datanodes.", func() int64 { return int64(s.xfer.Transfers()) }),
		gauge("used_bytes", "Bytes of replicas on all volumes.", sum(func(u, _, _ int64) int64 { return u })),
		gauge("remaining_bytes", "Bytes that new replicas may take.", sum(func(_, r, _ int64) int64 { return r })),
		gauge("blocks", "Replicas on all volumes.", sum(func(_, _, b int64) int64 { return b })),
	} {
		if err := reg.Register(c); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	return nil
}
