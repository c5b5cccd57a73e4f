package namenode

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/lodehq/lode/internal/vfs"
	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/namenode/namespace"
)

// maxListFile is how large a list of hosts or racks may be.
const maxListFile = 16 << 20

// RefreshNodes reads the lists of hosts (dfs.hosts, dfs.hosts.exclude) and gives them to the block map.
func (s *Server) RefreshNodes() error {
	h, err := readHosts(s.cfg.FS, s.cfg.HostsFile, s.cfg.ExcludeFile)
	if err != nil {
		return err
	}
	s.state.Update(func(_ *namespace.Namespace, bm *blockmap.Map) { bm.SetHosts(s.state.Now(), h) })
	return nil
}

func readHosts(fsys vfs.FS, hosts, exclude string) (h blockmap.Hosts, err error) {
	if hosts != "" {
		b, err := vfs.ReadFile(fsys, hosts, maxListFile)
		if err != nil {
			return h, fmt.Errorf("read the list of hosts (dfs.hosts): %w", err)
		}
		if t := bytes.TrimSpace(b); len(t) > 0 && (t[0] == '[' || t[0] == '{') {
			return parseHostsJSON(t)
		}
		h.Include = words(b)
	}
	if exclude != "" {
		b, err := vfs.ReadFile(fsys, exclude, maxListFile)
		if err != nil {
			return h, fmt.Errorf("read the list of excluded hosts (dfs.hosts.exclude): %w", err)
		}
		h.Exclude = words(b)
	}
	return h, nil
}

// words are the words of a list; # begins a comment.
func words(b []byte) []string {
	var out []string
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(line, "#")
		out = append(out, strings.Fields(line)...)
	}
	return out
}

// parseHostsJSON reads Apache's combined file (CombinedHostsFileReader): an array of objects, or objects one after another.
func parseHostsJSON(b []byte) (h blockmap.Hosts, err error) {
	type entry struct {
		HostName                string `json:"hostName"`
		Port                    int    `json:"port"`
		UpgradeDomain           string `json:"upgradeDomain"`
		AdminState              string `json:"adminState"`
		MaintenanceExpireTimeMS int64  `json:"maintenanceExpireTimeInMS"`
	}
	var list []entry
	if b[0] == '[' {
		err = json.Unmarshal(b, &list)
	} else {
		for d := json.NewDecoder(bytes.NewReader(b)); err == nil; {
			var e entry
			if err = d.Decode(&e); err == nil {
				list = append(list, e)
			}
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if err != nil {
		return h, fmt.Errorf("read the list of hosts (dfs.hosts) as JSON: %w", err)
	}
	h.Maintenance, h.UpgradeDomain = map[string]int64{}, map[string]string{}
	for _, e := range list {
		name := e.HostName
		if e.Port != 0 {
			name = fmt.Sprintf("%s:%d", name, e.Port)
		}
		h.Include = append(h.Include, name)
		switch e.AdminState {
		case "DECOMMISSIONED":
			h.Exclude = append(h.Exclude, name)
		case "IN_MAINTENANCE":
			h.Maintenance[name] = e.MaintenanceExpireTimeMS
		}
		if e.UpgradeDomain != "" {
			h.UpgradeDomain[name] = e.UpgradeDomain
		}
	}
	return h, nil
}

// racks says where machines stand, from a table or from answers of the operator's script that are remembered.
type racks struct {
	script string
	table  map[string]string

	mu    sync.RWMutex // guards known; the script does not run under it
	known map[string]string
}

const defaultRack = "/default-rack"

func newRacks(c Config) (*racks, error) {
	r := &racks{script: c.RackScript, known: map[string]string{}}
	if c.RackTable == "" {
		return r, nil
	}
	b, err := vfs.ReadFile(c.FS, c.RackTable, maxListFile)
	if err != nil {
		return nil, fmt.Errorf("read the table of racks (net.topology.table.file.name): %w", err)
	}
	r.table = map[string]string{}
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(line, "#")
		if f := strings.Fields(line); len(f) == 2 {
			r.table[f[0]] = f[1]
		}
	}
	return r, nil
}

// resolve answers from memory; it is called under the namenode's lock.
func (r *racks) resolve(ip, host string) string {
	if r.table != nil {
		for _, name := range []string{ip, host} {
			if rack := r.table[name]; rack != "" {
				return rack
			}
		}
		return defaultRack
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, name := range []string{ip, host} {
		if rack := r.known[name]; rack != "" {
			return rack
		}
	}
	return defaultRack
}

// learn asks the script about a machine once.
func (r *racks) learn(ip string) {
	if r.script == "" {
		return
	}
	r.mu.RLock()
	_, ok := r.known[ip]
	r.mu.RUnlock()
	if ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	rack := defaultRack
	if out, err := exec.CommandContext(ctx, r.script, ip).Output(); err == nil {
		if f := strings.Fields(string(out)); len(f) > 0 {
			rack = f[0]
		}
	}
	r.mu.Lock()
	r.known[ip] = rack
	r.mu.Unlock()
}
