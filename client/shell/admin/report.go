package admin

import (
	"cmp"
	"net"
	"slices"
	"strconv"
	"time"

	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

func pct(part, whole int64) float64 {
	if whole <= 0 {
		return 100
	}
	return 100 * float64(part) / float64(whole)
}

func report(s *session, args []string) error {
	kinds := []struct {
		flag, title string
		kind        hdfspb.DatanodeReportTypeProto
	}{
		{"-live", "Live datanodes", hdfspb.DatanodeReportTypeProto_LIVE},
		{"-dead", "Dead datanodes", hdfspb.DatanodeReportTypeProto_DEAD},
		{"-decommissioning", "Decommissioning datanodes", hdfspb.DatanodeReportTypeProto_DECOMMISSIONING},
		{"-enteringmaintenance", "Entering maintenance datanodes", hdfspb.DatanodeReportTypeProto_ENTERING_MAINTENANCE},
		{"-inmaintenance", "In maintenance datanodes", hdfspb.DatanodeReportTypeProto_IN_MAINTENANCE},
	}
	for _, a := range args {
		if a != "-slownodes" && !slices.ContainsFunc(kinds, func(k struct {
			flag, title string
			kind        hdfspb.DatanodeReportTypeProto
		}) bool {
			return k.flag == a
		}) {
			return usage("Usage: hdfs dfsadmin [-report [-live] [-dead] [-decommissioning] [-enteringmaintenance] [-inmaintenance] [-slownodes]]")
		}
	}
	if err := totals(s); err != nil {
		return err
	}
	c, err := s.nn()
	if err != nil {
		return err
	}
	for _, k := range kinds {
		if len(args) > 0 && !slices.Contains(args, k.flag) {
			continue
		}
		resp, err := c.Namenode().GetDatanodeReport(s.ctx, &hdfspb.GetDatanodeReportRequestProto{Type: k.kind.Enum()})
		if err != nil {
			return err
		}
		if len(resp.GetDi()) > 0 || slices.Contains(args, k.flag) {
			s.printf("%s (%d):\n\n", k.title, len(resp.GetDi()))
		}
		for _, d := range resp.GetDi() {
			s.datanode(d, k.kind == hdfspb.DatanodeReportTypeProto_DEAD)
		}
	}
	if slices.Contains(args, "-slownodes") {
		resp, err := c.Namenode().GetSlowDatanodeReport(s.ctx, &hdfspb.GetSlowDatanodeReportRequestProto{})
		if err != nil {
			return err
		}
		s.printf("Slow datanodes (%d):\n\n", len(resp.GetDatanodeInfoProto()))
		for _, d := range resp.GetDatanodeInfoProto() {
			s.datanode(d, false)
		}
	}
	return nil
}

// totals prints capacity and blocks of the whole file system.
func totals(s *session) error {
	c, err := s.nn()
	if err != nil {
		return err
	}
	st, err := c.Stats(s.ctx)
	if err != nil {
		return err
	}
	safe, err := c.Namenode().SetSafeMode(s.ctx, &hdfspb.SetSafeModeRequestProto{Action: hdfspb.SafeModeActionProto_SAFEMODE_GET.Enum()})
	if err != nil {
		return err
	}
	if safe.GetResult() {
		s.printf("Safe mode is ON\n")
	}
	present := st.Used + st.Remaining
	line := func(name string, n int64) { s.printf("%s: %d (%s)\n", name, n, bytesDesc(n)) }
	line("Configured Capacity", st.Capacity)
	line("Present Capacity", present)
	line("DFS Remaining", st.Remaining)
	line("DFS Used", st.Used)
	s.printf("DFS Used%%: %s\n", percent(pct(st.Used, present)))

	r, err := c.Namenode().GetFsReplicatedBlockStats(s.ctx, &hdfspb.GetFsReplicatedBlockStatsRequestProto{})
	if err != nil {
		return err
	}
	s.printf("Replicated Blocks:\n")
	s.printf("\tUnder replicated blocks: %d\n", r.GetLowRedundancy())
	s.printf("\tBlocks with corrupt replicas: %d\n", r.GetCorruptBlocks())
	s.printf("\tMissing blocks: %d\n", r.GetMissingBlocks())
	s.printf("\tMissing blocks (with replication factor 1): %d\n", r.GetMissingReplOneBlocks())
	s.printf("\tLow redundancy blocks with highest priority to recover: %d\n", r.GetHighestPrioLowRedundancyBlocks())
	s.printf("\tPending deletion blocks: %d\n", r.GetPendingDeletionBlocks())

	e, err := c.Namenode().GetFsECBlockGroupStats(s.ctx, &hdfspb.GetFsECBlockGroupStatsRequestProto{})
	if err != nil {
		return err
	}
	s.printf("Erasure Coded Block Groups: \n")
	s.printf("\tLow redundancy block groups: %d\n", e.GetLowRedundancy())
	s.printf("\tBlock groups with corrupt internal blocks: %d\n", e.GetCorruptBlocks())
	s.printf("\tMissing block groups: %d\n", e.GetMissingBlocks())
	s.printf("\tLow redundancy blocks with highest priority to recover: %d\n", e.GetHighestPrioLowRedundancyBlocks())
	s.printf("\tPending deletion blocks: %d\n", e.GetPendingDeletionBlocks())
	s.printf("\n-------------------------------------------------\n")
	return nil
}

func percent(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) + "%" }

// datanode prints what the namenode knows of a datanode (DatanodeInfo.getDatanodeReport).
func (s *session) datanode(d *hdfspb.DatanodeInfoProto, dead bool) {
	id := d.GetId()
	s.printf("Name: %s", net.JoinHostPort(id.GetIpAddr(), strconv.Itoa(int(id.GetXferPort()))))
	if name := lookup(id.GetIpAddr()); name != "" {
		s.printf(" (%s)", name)
	}
	s.printf("\nHostname: %s\n", id.GetHostName())
	if l := d.GetLocation(); l != "" && l != "/default-rack" {
		s.printf("Rack: %s\n", l)
	}
	s.printf("Decommission Status : %s\n", adminState(d.GetAdminState()))
	c, u, r := int64(d.GetCapacity()), int64(d.GetDfsUsed()), int64(d.GetRemaining())
	non := max(c-u-r, 0)
	if d.NonDfsUsed != nil {
		non = int64(d.GetNonDfsUsed())
	}
	line := func(name string, n int64) { s.printf("%s: %d (%s)\n", name, n, bytesDesc(n)) }
	line("Configured Capacity", c)
	line("DFS Used", u)
	line("Non DFS Used", non)
	line("DFS Remaining", r)
	s.printf("DFS Used%%: %s\nDFS Remaining%%: %s\n", percent(pct(u, c)), percent(pct(r, max(c, 1))))
	cc, cu := int64(d.GetCacheCapacity()), int64(d.GetCacheUsed())
	line("Configured Cache Capacity", cc)
	line("Cache Used", cu)
	line("Cache Remaining", cc-cu)
	left := 0.0
	if cc > 0 {
		left = pct(cc-cu, cc)
	}
	s.printf("Cache Used%%: %s\nCache Remaining%%: %s\n", percent(pct(cu, cc)), percent(left))
	s.printf("Xceivers: %d\n", d.GetXceiverCount())
	s.printf("Last contact: %s\n", time.UnixMilli(int64(d.GetLastUpdate())).Format(javaTime))
	last := "Never"
	if d.GetLastBlockReportTime() != 0 {
		last = time.UnixMilli(int64(d.GetLastBlockReportTime())).Format(javaTime)
	}
	s.printf("Last Block Report: %s\n", last)
	if !dead {
		s.printf("Num of Blocks: %d\n", d.GetNumBlocks())
	}
	s.printf("\n\n")
}

// lookup is the name of an address, "" when it has none.
func lookup(ip string) string {
	if p := net.ParseIP(ip); p != nil && p.IsLoopback() {
		return "localhost"
	}
	names, err := net.LookupAddr(ip)
	if err != nil || len(names) == 0 {
		return ""
	}
	n := names[0]
	if n[len(n)-1] == '.' {
		n = n[:len(n)-1]
	}
	return n
}

func adminState(a hdfspb.DatanodeInfoProto_AdminState) string {
	switch a {
	case hdfspb.DatanodeInfoProto_DECOMMISSIONED:
		return "Decommissioned"
	case hdfspb.DatanodeInfoProto_DECOMMISSION_INPROGRESS:
		return "Decommission in progress"
	case hdfspb.DatanodeInfoProto_ENTERING_MAINTENANCE:
		return "Entering Maintenance"
	case hdfspb.DatanodeInfoProto_IN_MAINTENANCE:
		return "In Maintenance"
	}
	return "Normal"
}

func printTopology(s *session, _ []string) error {
	c, err := s.nn()
	if err != nil {
		return err
	}
	resp, err := c.Namenode().GetDatanodeReport(s.ctx, &hdfspb.GetDatanodeReportRequestProto{Type: hdfspb.DatanodeReportTypeProto_ALL.Enum()})
	if err != nil {
		return err
	}
	racks := map[string][]*hdfspb.DatanodeInfoProto{}
	var names []string
	for _, d := range resp.GetDi() {
		if racks[d.GetLocation()] == nil {
			names = append(names, d.GetLocation())
		}
		racks[d.GetLocation()] = append(racks[d.GetLocation()], d)
	}
	slices.Sort(names)
	for _, rack := range names {
		s.printf("Rack: %s\n", rack)
		slices.SortFunc(racks[rack], func(a, b *hdfspb.DatanodeInfoProto) int {
			return cmp.Compare(a.GetId().GetXferPort(), b.GetId().GetXferPort())
		})
		for _, d := range racks[rack] {
			s.printf("   %s", net.JoinHostPort(d.GetId().GetIpAddr(), strconv.Itoa(int(d.GetId().GetXferPort()))))
			if name := lookup(d.GetId().GetIpAddr()); name != "" {
				s.printf(" (%s)", name)
			}
			state := adminState(d.GetAdminState())
			if state == "Normal" {
				state = "In Service"
			}
			s.printf(" %s\n", state)
		}
		s.printf("\n")
	}
	return nil
}
