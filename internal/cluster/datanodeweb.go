package cluster

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"runtime"
	"time"

	"github.com/lodehq/lode/datanode"
)

// datanodeJMX serves the beans of a datanode that dashboards read (FSDatasetMBean, DataNodeInfo).
type datanodeJMX struct {
	s       *datanode.Server
	version string
	started int64
}

func (j datanodeJMX) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	var capacity, used, remaining, blocks int64
	volumes := map[string]any{}
	for _, v := range j.s.Volumes() {
		capacity, used, remaining, blocks = capacity+v.Capacity, used+v.Used, remaining+v.Remaining, blocks+v.Blocks
		volumes[v.Dir] = map[string]any{"usedSpace": v.Used, "freeSpace": v.Remaining, "numBlocks": v.Blocks, "storageType": v.Type.String()}
	}
	info, err := json.Marshal(volumes)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf8")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.Encode(map[string]any{"beans": []map[string]any{ //nolint:errcheck // the caller has gone
		{"name": "Hadoop:service=DataNode,name=DataNodeInfo", "modelerType": "org.apache.hadoop.hdfs.server.datanode.DataNode", "Version": j.version, "SoftwareVersion": j.version,
			"DatanodeHostname": j.s.Self().GetId().GetHostName(), "ClusterId": j.s.Namespace().GetStorageInfo().GetClusterID(), "VolumeInfo": string(info), "DNStartedTimeInMillis": j.started},
		{"name": "Hadoop:service=DataNode,name=FSDatasetState", "modelerType": "org.apache.hadoop.hdfs.server.datanode.fsdataset.impl.FsDatasetImpl",
			"Capacity": capacity, "DfsUsed": used, "Remaining": remaining, "NumBlocks": blocks},
		{"name": "java.lang:type=Runtime", "modelerType": "sun.management.RuntimeImpl", "StartTime": j.started, "Uptime": time.Now().UnixMilli() - j.started, "VmName": "Go", "VmVersion": runtime.Version()},
	}})
}

var datanodeTemplate = template.Must(template.New("datanode").Parse(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Datanode {{.ID}}</title><style>body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:900px;padding:0 1rem}table{border-collapse:collapse}td,th{padding:.3rem .9rem;border-bottom:1px solid #ccc;text-align:left}td.n{text-align:right}</style>
<h1>Datanode {{.Address}}</h1><p>{{.ID}}, block pool {{.Pool}}, Lode {{.Version}}. <a href="/jmx">jmx</a> <a href="/prom">metrics</a></p>
<table><tr><th>Volume</th><th>Type</th><th>Blocks</th><th>Used</th><th>Free</th><th>Capacity</th></tr>
{{range .Volumes}}<tr><td>{{.Dir}}</td><td>{{.Type}}</td><td class="n">{{.Blocks}}</td><td class="n">{{.Used}}</td><td class="n">{{.Remaining}}</td><td class="n">{{.Capacity}}</td></tr>{{end}}</table></html>`))

func datanodePage(w http.ResponseWriter, s *datanode.Server, version string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	err := datanodeTemplate.Execute(w, map[string]any{"ID": s.UUID(), "Address": s.DataAddr(), "Pool": s.Pool(), "Version": version, "Volumes": s.Volumes()})
	if err != nil {
		fmt.Fprintln(w, err)
	}
}
