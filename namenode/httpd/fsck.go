package httpd

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/webrest"
	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/namenode/namespace"
)

// fsck checks files and blocks as Hadoop's NamenodeFsck does, in its words: `hdfs fsck` prints what comes and reads the last
// line. The tree is listed under one lock, then each file's blocks are looked up under short ones, so that writers go on.
type fsck struct{ cfg Config }

// javaDate is Date.toString.
const javaDate = "Mon Jan 02 15:04:05 MST 2006"

type fsckRun struct {
	fsck
	out  *bufio.Writer
	path string
	opts map[string]bool
	pool string

	dirs, files, open, size, openSize      int64
	blocks, minimal, over, under, misplace int64
	live, expected, missingReplicas        int64
	corruptFiles, corruptBlocks, missing   int64
	corruptSize                            int64
	low                                    int64
}

func (f fsck) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, from := callerOf(f.cfg, r)
	if !f.cfg.Superuser(user) {
		webrest.WriteError(w, hdfs.Errorf(hdfs.AccessControl, "Access denied for user %s. Superuser privilege is required", user))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	run := &fsckRun{fsck: f, out: bufio.NewWriterSize(w, 64<<10), path: r.URL.Query().Get("path"), opts: map[string]bool{}}
	for k := range r.URL.Query() {
		run.opts[strings.ToLower(k)] = true
	}
	if run.path == "" {
		run.path = "/"
	}
	defer run.out.Flush()
	began := time.Now()
	f.cfg.View(func(ns *namespace.Namespace, _ *blockmap.Map) { run.pool = ns.Cluster().GetBlockPoolId() })
	if id := r.URL.Query().Get("blockId"); id != "" {
		run.printf("FSCK started by %s (auth:SIMPLE) from /%s at %s\n\n", user, from, began.UTC().Format(javaDate))
		for _, one := range strings.Fields(id) {
			run.block(one)
		}
		return
	}
	run.printf("FSCK started by %s (auth:SIMPLE) from /%s for path %s at %s\n", user, from, run.path, began.UTC().Format(javaDate))
	if run.opts["listcorruptfileblocks"] {
		run.listCorrupt(r.URL.Query().Get("startblockafter"))
		return
	}
	run.check(began)
}

func (r *fsckRun) printf(format string, args ...any) { fmt.Fprintf(r.out, format, args...) }

func (r *fsckRun) check(began time.Time) {
	var entries []namespace.WalkEntry
	var err error
	r.cfg.View(func(ns *namespace.Namespace, _ *blockmap.Map) {
		err = ns.Walk(r.path, func(e namespace.WalkEntry) bool { entries = append(entries, e); return true })
	})
	if err != nil {
		r.printf("\n\nPath '%s' does not exist", r.path)
		return
	}
	r.printf("\n")
	for _, e := range entries {
		if e.IsDir {
			r.dirs++
			if r.opts["files"] {
				r.printf("%s <dir>\n", e.Path)
			}
			continue
		}
		r.file(e)
	}
	r.summary(began)
}

func (r *fsckRun) file(e namespace.WalkEntry) {
	if e.UnderConstruction {
		r.open++
		r.openSize += e.Length
		if !r.opts["openforwrite"] {
			return
		}
	}
	r.files++
	r.size += e.Length
	list := make([]blockmap.BlockStatus, len(e.Blocks))
	r.cfg.View(func(_ *namespace.Namespace, m *blockmap.Map) {
		for i, b := range e.Blocks {
			list[i] = m.BlockStatus(b.ID)
		}
	})
	if r.opts["files"] {
		open := ""
		if e.UnderConstruction {
			open = ", OPENFORWRITE: "
		}
		r.printf("%s %d bytes, replicated: replication=%d, %d block(s)%s: ", e.Path, e.Length, e.Replication, len(e.Blocks), open)
	}
	healthy, report := true, strings.Builder{}
	missing, corrupt, missingSize := 0, 0, int64(0)
	for i, st := range list {
		b := e.Blocks[i]
		name := fmt.Sprintf("%s:%s", r.pool, b)
		live := int64(st.Replicas.Live)
		r.blocks++
		r.live += live
		r.expected += int64(e.Replication)
		minimum := int64(1)
		if live >= minimum {
			r.minimal++
		}
		if live > int64(e.Replication) {
			r.over++
		}
		lost := false
		switch {
		case st.Corrupt:
			corrupt, lost = corrupt+1, true
			r.corruptBlocks++
			r.say(e, "CORRUPT blockpool %s block blk_%d\n", r.pool, b.ID)
		case live == 0 && st.Replicas.Decommissioned+st.Replicas.Decommissioning+st.Replicas.InMaintenance+st.Replicas.EnteringMaint == 0 && st.Complete:
			missing, lost = missing+1, true
			missingSize += b.NumBytes
			r.missing++
		case live > 0 && live < int64(e.Replication):
			healthy = false
			r.under++
			r.missingReplicas += int64(e.Replication) - live
			r.say(e, " Under replicated %s. Target Replicas is %d but found %d live replica(s), %d decommissioned replica(s), %d decommissioning replica(s).\n",
				name, e.Replication, live, st.Replicas.Decommissioned, st.Replicas.Decommissioning)
		}
		if lost {
			healthy = false
		}
		if st.Misplaced && !lost {
			healthy = false
			r.misplace++
			r.say(e, " Replica placement policy is violated for %s. Block should be additionally replicated on %d more rack(s).\n", name, max(st.RacksMissing, 1))
		}
		fmt.Fprintf(&report, "%d. %s len=%d", i, name, b.NumBytes)
		if lost && missing > 0 {
			report.WriteString(" MISSING!")
		} else {
			fmt.Fprintf(&report, " Live_repl=%d", live)
			r.locations(&report, st)
		}
		report.WriteString("\n")
	}
	if missing > 0 || corrupt > 0 {
		r.corruptFiles++
		r.corruptSize += missingSize
		if missing > 0 {
			r.say(e, " MISSING %d blocks of total size %d B.\n", missing, missingSize)
		}
	}
	if r.opts["files"] {
		if healthy {
			r.printf(" OK\n")
		}
		if r.opts["blocks"] {
			if len(e.Blocks) > 0 {
				r.printf("%s\n", report.String())
			}
		}
	}
}

// say prints a finding: beside the file when files are listed, else with its name before it.
func (r *fsckRun) say(e namespace.WalkEntry, format string, args ...any) {
	if !r.opts["files"] {
		r.printf("\n%s: ", e.Path)
	}
	r.printf(format, args...)
}

func (r *fsckRun) locations(out *strings.Builder, st blockmap.BlockStatus) {
	if !r.opts["locations"] && !r.opts["racks"] && !r.opts["replicadetails"] {
		return
	}
	parts := make([]string, 0, len(st.Locations))
	for _, l := range st.Locations {
		d := l.Datanode
		address := net.JoinHostPort(d.IP, strconv.Itoa(int(d.XferPort)))
		switch {
		case r.opts["replicadetails"]:
			state := "LIVE"
			switch {
			case l.Corrupt:
				state = "CORRUPT"
			case l.Excess:
				state = "EXCESS"
			case !d.Alive:
				state = "DEAD"
			case d.Stale:
				state = "STALE_NODE"
			case d.Admin != blockmap.AdminNormal:
				state = strings.ToUpper(strings.ReplaceAll(d.Admin.String(), " ", "_"))
			}
			parts = append(parts, fmt.Sprintf("DatanodeInfoWithStorage[%s,%s,%s](%s)", address, l.StorageID, l.StorageType, state))
		case r.opts["racks"]:
			parts = append(parts, d.Location+"/"+address)
		default:
			parts = append(parts, fmt.Sprintf("DatanodeInfoWithStorage[%s,%s,%s]", address, l.StorageID, l.StorageType))
		}
	}
	fmt.Fprintf(out, "  [%s]", strings.Join(parts, ", "))
}

func (r *fsckRun) summary(began time.Time) {
	var nodes, racks int
	r.cfg.View(func(_ *namespace.Namespace, m *blockmap.Map) { nodes, racks = m.Stats().Live, m.Racks() })
	status := "HEALTHY"
	if r.corruptFiles > 0 {
		status = "CORRUPT"
	}
	percentOf := func(n, of int64) string {
		if of == 0 {
			return ""
		}
		return " (" + javaFloat(100*float64(n)/float64(of)) + " %)"
	}
	r.printf("\n\nStatus: %s\n", status)
	r.printf(" Number of data-nodes:\t%d\n Number of racks:\t\t%d\n Total dirs:\t\t\t%d\n Total symlinks:\t\t0\n", nodes, racks, r.dirs)
	r.printf("\nReplicated Blocks:\n Total size:\t%d B", r.size)
	if r.openSize > 0 {
		r.printf(" (Total open files size: %d B)", r.openSize)
	}
	r.printf("\n Total files:\t%d", r.files)
	if r.open > 0 {
		r.printf(" (Files currently being written: %d)", r.open)
	}
	r.printf("\n Total blocks (validated):\t%d", r.blocks)
	if r.blocks > 0 {
		r.printf(" (avg. block size %d B)", r.size/r.blocks)
	}
	if r.corruptFiles > 0 {
		r.printf("\n  ********************************\n")
		if r.missing > 0 {
			r.printf("  UNDER MIN REPL'D BLOCKS:\t%d%s\n  dfs.namenode.replication.min:\t1\n", r.missing, percentOf(r.missing, r.blocks))
		}
		r.printf("  CORRUPT FILES:\t%d", r.corruptFiles)
		if r.missing > 0 {
			r.printf("\n  MISSING BLOCKS:\t%d\n  MISSING SIZE:\t\t%d B", r.missing, r.corruptSize)
		}
		if r.corruptBlocks > 0 {
			r.printf("\n  CORRUPT BLOCKS: \t%d", r.corruptBlocks)
		}
		r.printf("\n  ********************************")
	}
	r.printf("\n Minimally replicated blocks:\t%d%s", r.minimal, percentOf(r.minimal, r.blocks))
	r.printf("\n Over-replicated blocks:\t%d%s", r.over, percentOf(r.over, r.blocks))
	r.printf("\n Under-replicated blocks:\t%d%s", r.under, percentOf(r.under, r.blocks))
	r.printf("\n Mis-replicated blocks:\t\t%d%s", r.misplace, percentOf(r.misplace, r.blocks))
	average := 0.0
	if r.blocks > 0 {
		average = float64(r.live) / float64(r.blocks)
	}
	r.printf("\n Default replication factor:\t%d\n Average block replication:\t%s", r.cfg.Conf.Int("dfs.replication"), javaFloat(average))
	r.printf("\n Missing blocks:\t\t%d\n Corrupt blocks:\t\t%d\n Missing replicas:\t\t%d", r.missing, r.corruptBlocks, r.missingReplicas)
	if r.missingReplicas > 0 {
		r.printf("%s", percentOf(r.missingReplicas, r.expected))
	}
	r.printf("\n Blocks queued for replication:\t%d\n\nErasure Coded Block Groups:\n Total size:\t0 B\n Total files:\t0\n Total block groups (validated):\t0\n"+
		" Minimally erasure-coded block groups:\t0\n Over-erasure-coded block groups:\t0\n Under-erasure-coded block groups:\t0\n Unsatisfactory placement block groups:\t0\n"+
		" Average block group size:\t0.0\n Missing block groups:\t\t0\n Corrupt block groups:\t\t0\n Missing internal blocks:\t0\n Blocks queued for replication:\t0\n", r.low)
	now := time.Now()
	r.printf("FSCK ended at %s in %d milliseconds\n\n\n", now.UTC().Format(javaDate), now.Sub(began).Milliseconds())
	r.printf("The filesystem under path '%s' is %s", r.path, status)
}

// javaFloat is Java's Float.toString for the range that percentages have: at least one digit after the point.
func javaFloat(f float64) string {
	s := strconv.FormatFloat(float64(float32(f)), 'f', -1, 32)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func (r *fsckRun) listCorrupt(after string) {
	start, err := strconv.ParseInt(after, 10, 64)
	if err != nil {
		start = 0
	}
	type bad struct {
		id   hdfs.BlockID
		path string
	}
	var list []bad
	cookie := start
	r.cfg.View(func(ns *namespace.Namespace, m *blockmap.Map) {
		for _, id := range m.CorruptBlocks(hdfs.BlockID(start), 100) {
			st := m.BlockStatus(id)
			if p, ok := ns.PathOf(st.File); ok && (r.path == "/" || p == r.path || strings.HasPrefix(p, strings.TrimSuffix(r.path, "/")+"/")) {
				list = append(list, bad{id, p})
			}
			cookie = int64(id)
		}
	})
	r.printf("Cookie:\t%d\n", cookie)
	for _, b := range list {
		r.printf("blk_%d\t%s\n", b.id, b.path)
	}
	if len(list) == 0 {
		r.printf("\n\nThe filesystem under path '%s' has %s CORRUPT files\n", r.path, map[bool]string{true: "no", false: "no more"}[start == 0])
		return
	}
	r.printf("\n\nThe filesystem under path '%s' has %d CORRUPT files\n", r.path, len(list))
}

// block describes one block by its id, blk_N.
func (r *fsckRun) block(text string) {
	digits, _, _ := strings.Cut(strings.TrimPrefix(text, "blk_"), "_")
	id, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		r.printf("Incorrect blockId format: %s\n", text)
		return
	}
	var st blockmap.BlockStatus
	var path string
	r.cfg.View(func(ns *namespace.Namespace, m *blockmap.Map) {
		st = m.BlockStatus(hdfs.BlockID(id))
		path, _ = ns.PathOf(st.File)
	})
	if !st.Known {
		r.printf("Block blk_%d does not exist. \n", id)
		return
	}
	r.printf("Block Id: blk_%d\nBlock belongs to: %s\nNo. of Expected Replica: %d\nNo. of live Replica: %d\nNo. of excess Replica: %d\nNo. of stale Replica: %d\n"+
		"No. of decommissioned Replica: %d\nNo. of decommissioning Replica: %d\n", id, path, st.Replication, st.Replicas.Live, st.Replicas.Excess, st.Replicas.StaleStorage,
		st.Replicas.Decommissioned, st.Replicas.Decommissioning)
	r.printf("No. of corrupted Replica: %d\n", st.Replicas.Corrupt)
	for i, l := range st.Locations {
		health := "HEALTHY"
		switch {
		case l.Corrupt && i < len(st.CorruptReason):
			health = "CORRUPT\t ReasonCode: " + st.CorruptReason[i]
		case l.Datanode.Admin == blockmap.AdminDecommissioned:
			health = "DECOMMISSIONED"
		case l.Datanode.Admin == blockmap.AdminDecommissioning:
			health = "DECOMMISSIONING"
		case l.Excess:
			health = "EXCESS"
		}
		r.printf("Block replica on datanode/rack: %s%s is %s\n", hostOf(l.Datanode), l.Datanode.Location, health)
	}
}

func hostOf(d *blockmap.DatanodeInfo) string {
	if a, err := netip.ParseAddr(d.Hostname); err == nil {
		return a.String()
	}
	return d.Hostname
}
