package httpd

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/namenode/namespace"
)

// collector gives the namenode's state to Prometheus under the names of Hadoop's own /prom sink.
type collector struct {
	view  func(func(ns *namespace.Namespace, m *blockmap.Map))
	rpc   func() hrpc.Stats
	descs map[string]*prometheus.Desc
	calls *prometheus.Desc
	spent *prometheus.Desc
}

// NewCollector makes it.
func NewCollector(view func(func(ns *namespace.Namespace, m *blockmap.Map)), rpc func() hrpc.Stats) prometheus.Collector {
	c := &collector{view: view, rpc: rpc, descs: map[string]*prometheus.Desc{},
		calls: prometheus.NewDesc("rpc_calls_total", "Calls of the namenode's RPC server.", []string{"protocol", "method"}, nil),
		spent: prometheus.NewDesc("rpc_seconds_total", "Time from a call's arrival to its answer.", []string{"protocol", "method"}, nil)}
	for name, help := range map[string]string{
		"fs_namesystem_files_total": "Files and directories.", "fs_namesystem_blocks_total": "Blocks.", "fs_namesystem_capacity_total": "Bytes of all datanodes.",
		"fs_namesystem_capacity_used": "Bytes used by blocks.", "fs_namesystem_capacity_remaining": "Bytes free for blocks.", "fs_namesystem_missing_blocks": "Blocks without a good replica.",
		"fs_namesystem_corrupt_blocks": "Blocks whose replicas are all corrupt.", "fs_namesystem_under_replicated_blocks": "Blocks with too few replicas.",
		"fs_namesystem_pending_reconstruction_blocks": "Blocks that are being copied.", "fs_namesystem_num_live_data_nodes": "Datanodes that answer.",
		"fs_namesystem_num_dead_data_nodes": "Datanodes that have not been heard for too long.", "fs_namesystem_num_files_under_construction": "Files that are being written.",
		"fs_namesystem_safe_mode": "1 in safe mode.",
	} {
		c.descs[name] = prometheus.NewDesc(name, help, nil, nil)
	}
	return c
}

func (c *collector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

func (c *collector) Collect(ch chan<- prometheus.Metric) {
	var ns namespace.Stats
	var st blockmap.Stats
	safe := 0.0
	c.view(func(n *namespace.Namespace, m *blockmap.Map) {
		ns, st = n.Stats(), m.Stats()
		if m.SafeMode().On {
			safe = 1
		}
	})
	for name, v := range map[string]float64{
		"fs_namesystem_files_total": float64(ns.Files + ns.Directories), "fs_namesystem_blocks_total": float64(st.Blocks), "fs_namesystem_capacity_total": float64(st.Capacity),
		"fs_namesystem_capacity_used": float64(st.Used), "fs_namesystem_capacity_remaining": float64(st.Remaining), "fs_namesystem_missing_blocks": float64(st.Missing),
		"fs_namesystem_corrupt_blocks": float64(st.Corrupt), "fs_namesystem_under_replicated_blocks": float64(st.LowRedundancy),
		"fs_namesystem_pending_reconstruction_blocks": float64(st.PendingReconstruction), "fs_namesystem_num_live_data_nodes": float64(st.Live),
		"fs_namesystem_num_dead_data_nodes": float64(st.Dead), "fs_namesystem_num_files_under_construction": float64(ns.OpenFiles), "fs_namesystem_safe_mode": safe,
	} {
		ch <- prometheus.MustNewConstMetric(c.descs[name], prometheus.GaugeValue, v)
	}
	for _, m := range c.rpc().Methods {
		ch <- prometheus.MustNewConstMetric(c.calls, prometheus.CounterValue, float64(m.Calls), m.Protocol, m.Method)
		ch <- prometheus.MustNewConstMetric(c.spent, prometheus.CounterValue, float64(m.Nanos)/1e9, m.Protocol, m.Method)
	}
}
