package admin

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/client/shell/fsshell"
	"github.com/lodehq/lode/internal/hrpc"
	commonpb "github.com/lodehq/lode/proto/hadoop/common"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"

	"github.com/lodehq/lode/client/protocol"
)

// command is one command of dfsadmin.
type command struct {
	name, usage string
	about       string
	min, max    int // arguments; max < 0 is any number
	run         func(s *session, args []string) error
}

func dfsadminCommands() []command {
	return slices.Concat([]command{
		{"report", "[-live] [-dead] [-decommissioning] [-enteringmaintenance] [-inmaintenance] [-slownodes]", "Prints the file system's totals and its datanodes, all or those of the named states.", 0, -1, report},
		{"safemode", "<enter | leave | get | wait | forceExit>", "Asks for safe mode, in which nothing can be changed, enters, leaves it or waits for its end.", 1, 1, safemode},
		{"saveNamespace", "[-beforeShutdown]", "Writes an image of the namespace. The namenode has to be in safe mode.", 0, 1, saveNamespace},
		{"rollEdits", "", "Begins a new segment of the journal.", 0, 0, rollEdits},
		{"restoreFailedStorage", "true|false|check", "Says whether storage that has failed is to be used again when it is back.", 1, 1, restoreFailedStorage},
		{"refreshNodes", "", "Reads again which datanodes may join and which are to go.", 0, 0, refreshNodes},
		{"setQuota", "<quota> <dirname>...<dirname>", "Limits the number of names below directories.", 2, -1, setQuota},
		{"clrQuota", "<dirname>...<dirname>", "Removes that limit.", 1, -1, clrQuota},
		{"setSpaceQuota", "<quota> [-storageType <storagetype>] <dirname>...<dirname>", "Limits the bytes, all replicas counted, below directories; k, m, g, t are units.", 2, -1, setSpaceQuota},
		{"clrSpaceQuota", "[-storageType <storagetype>] <dirname>...<dirname>", "Removes that limit.", 1, -1, clrSpaceQuota},
		{"finalizeUpgrade", "", "Ends an upgrade for good.", 0, 0, finalizeUpgrade},
		{"rollingUpgrade", "[<query|prepare|finalize>]", "Asks for, prepares or ends a rolling upgrade.", 0, 1, rollingUpgrade},
		{"upgrade", "<query | finalize>", "Asks for, or ends, an upgrade.", 1, 1, upgrade},
		{"refreshServiceAcl", "", "Reads the service access lists again.", 0, 0, refreshServiceAcl},
		{"refreshUserToGroupsMappings", "", "Forgets the groups of users.", 0, 0, refreshGroups},
		{"refreshSuperUserGroupsConfiguration", "", "Reads again who may speak for others.", 0, 0, refreshProxies},
		{"refreshCallQueue", "", "Reads the settings of the call queue again.", 0, 0, refreshCallQueue},
		{"refresh", "<host:ipc_port> <key> [arg1..argn]", "Has a server read something again by its key.", 2, -1, genericRefresh},
		{"reconfig", "<namenode|datanode> <host:ipc_port> <start|status|properties>", "Changes settings of a running server from its configuration files.", 3, 3, reconfig},
		{"printTopology", "", "Prints racks and the datanodes in them.", 0, 0, printTopology},
		{"setBalancerBandwidth", "<bandwidth in bytes per second>", "Limits what datanodes spend on balancing.", 1, 1, setBandwidth},
		{"allowSnapshot", "<snapshotDir>", "Lets snapshots of a directory be made.", 1, 1, allowSnapshot},
		{"disallowSnapshot", "<snapshotDir>", "Forbids snapshots of a directory that has none.", 1, 1, disallowSnapshot},
		{"metasave", "filename", "Has the namenode write its block queues to a file in its log directory.", 1, 1, metasave},
		{"listOpenFiles", "[-blockingDecommission] [-path <path>]", "Prints the files that are being written and who writes them.", 0, -1, listOpenFiles},
	}, datanodeCommands())
}

func runDfsadmin(s *session, args []string) error {
	if len(args) == 0 {
		return dfsadminUsage("")
	}
	name := strings.TrimPrefix(args[0], "-")
	if args[0] == "-help" {
		return dfsadminHelp(s, args[1:])
	}
	i := slices.IndexFunc(dfsadminCommands(), func(c command) bool { return c.name == name })
	if i < 0 || !strings.HasPrefix(args[0], "-") {
		return dfsadminUsage(name + ": Unknown command\n")
	}
	c := dfsadminCommands()[i]
	rest := args[1:]
	if len(rest) < c.min || c.max >= 0 && len(rest) > c.max {
		return usage(fmt.Sprintf("Usage: hdfs dfsadmin [-%s%s]", c.name, space(c.usage)))
	}
	err := c.run(s, rest)
	var code exit
	var u usage
	if err == nil || errors.As(err, &code) || errors.As(err, &u) {
		return err
	}
	s.out.Flush()
	fmt.Fprintf(s.Stderr, "%s: %s\n", c.name, fsshell.Message(err))
	return exit(255)
}

func space(s string) string {
	if s == "" {
		return ""
	}
	return " " + s
}

func dfsadminUsage(before string) error {
	var b strings.Builder
	b.WriteString(before + "Usage: hdfs dfsadmin\nNote: Administrative commands can only be run as the HDFS superuser.\n")
	for _, c := range dfsadminCommands() {
		fmt.Fprintf(&b, "\t[-%s%s]\n", c.name, space(c.usage))
	}
	b.WriteString("\t[-help [cmd]]")
	return usage(b.String())
}

func dfsadminHelp(s *session, names []string) error {
	for _, c := range dfsadminCommands() {
		if len(names) == 0 || strings.TrimPrefix(names[0], "-") == c.name {
			s.printf("-%s%s:\n\t%s\n\n", c.name, space(c.usage), c.about)
		}
	}
	return nil
}

func safemode(s *session, args []string) error {
	c, err := s.nn()
	if err != nil {
		return err
	}
	actions := map[string]hdfspb.SafeModeActionProto{
		"enter": hdfspb.SafeModeActionProto_SAFEMODE_ENTER, "leave": hdfspb.SafeModeActionProto_SAFEMODE_LEAVE,
		"get": hdfspb.SafeModeActionProto_SAFEMODE_GET, "wait": hdfspb.SafeModeActionProto_SAFEMODE_GET,
		"forceexit": hdfspb.SafeModeActionProto_SAFEMODE_FORCE_EXIT,
	}
	a, ok := actions[strings.ToLower(args[0])]
	if !ok {
		return usage("Usage: hdfs dfsadmin [-safemode enter | leave | get | wait | forceExit]")
	}
	for {
		resp, err := c.Namenode().SetSafeMode(s.ctx, &hdfspb.SetSafeModeRequestProto{Action: a.Enum()})
		if err != nil {
			return err
		}
		if !resp.GetResult() {
			s.printf("Safe mode is OFF\n")
			return nil
		}
		if args[0] != "wait" {
			s.printf("Safe mode is ON\n")
			return nil
		}
		t := time.NewTimer(time.Second)
		select {
		case <-t.C:
		case <-s.ctx.Done():
			t.Stop()
			return s.ctx.Err()
		}
	}
}

func saveNamespace(s *session, args []string) error {
	c, err := s.nn()
	if err != nil {
		return err
	}
	req := &hdfspb.SaveNamespaceRequestProto{TimeWindow: proto.Uint64(0), TxGap: proto.Uint64(0)}
	if len(args) == 1 && args[0] == "-beforeShutdown" {
		req.TimeWindow, req.TxGap = proto.Uint64(3600*2), proto.Uint64(1_000_000*2)
	}
	resp, err := c.Namenode().SaveNamespace(s.ctx, req)
	if err != nil {
		return err
	}
	if resp.GetSaved() {
		s.printf("Save namespace successful\n")
	} else {
		s.printf("No extra checkpoint has been made (see the NN log for details)\n")
	}
	return nil
}

func rollEdits(s *session, _ []string) error {
	c, err := s.nn()
	if err != nil {
		return err
	}
	resp, err := c.Namenode().RollEdits(s.ctx, &hdfspb.RollEditsRequestProto{})
	if err == nil {
		s.printf("Successfully rolled edit logs.\nNew segment starts at txid %d\n", resp.GetNewSegmentTxId())
	}
	return err
}

func restoreFailedStorage(s *session, args []string) error {
	c, err := s.nn()
	if err != nil {
		return err
	}
	resp, err := c.Namenode().RestoreFailedStorage(s.ctx, &hdfspb.RestoreFailedStorageRequestProto{Arg: proto.String(args[0])})
	if err == nil {
		s.printf("restoreFailedStorage is set to %t\n", resp.GetResult())
	}
	return err
}

func refreshNodes(s *session, _ []string) error {
	c, err := s.nn()
	if err == nil {
		_, err = c.Namenode().RefreshNodes(s.ctx, &hdfspb.RefreshNodesRequestProto{})
	}
	if err == nil {
		s.printf("Refresh nodes successful\n")
	}
	return err
}

func finalizeUpgrade(s *session, _ []string) error {
	c, err := s.nn()
	if err == nil {
		_, err = c.Namenode().FinalizeUpgrade(s.ctx, &hdfspb.FinalizeUpgradeRequestProto{})
	}
	if err == nil {
		s.printf("Finalize upgrade successful\n")
	}
	return err
}

func upgrade(s *session, args []string) error {
	switch args[0] {
	case "finalize":
		return finalizeUpgrade(s, nil)
	case "query":
	default:
		return usage("Usage: hdfs dfsadmin [-upgrade query | finalize]")
	}
	c, err := s.nn()
	if err != nil {
		return err
	}
	resp, err := c.Namenode().UpgradeStatus(s.ctx, &hdfspb.UpgradeStatusRequestProto{})
	switch {
	case err != nil:
		return err
	case resp.GetUpgradeFinalized():
		s.printf("Upgrade finalized\n")
	default:
		s.printf("Upgrade not finalized\n")
	}
	return nil
}

func rollingUpgrade(s *session, args []string) error {
	action, word := hdfspb.RollingUpgradeActionProto_QUERY, "query"
	if len(args) > 0 {
		word = strings.ToLower(args[0])
		switch word {
		case "query":
		case "prepare":
			action = hdfspb.RollingUpgradeActionProto_START
		case "finalize":
			action = hdfspb.RollingUpgradeActionProto_FINALIZE
		default:
			return fmt.Errorf("Failed to convert %q to RollingUpgradeAction", args[0])
		}
	}
	c, err := s.nn()
	if err != nil {
		return err
	}
	s.printf("%s rolling upgrade ...\n", strings.ToUpper(word))
	resp, err := c.Namenode().RollingUpgrade(s.ctx, &hdfspb.RollingUpgradeRequestProto{Action: action.Enum()})
	if err != nil {
		return err
	}
	info := resp.GetRollingUpgradeInfo()
	if info == nil {
		s.printf("There is no rolling upgrade in progress or rolling upgrade has already been finalized.\n")
		return nil
	}
	at := func(ms uint64) string { return time.UnixMilli(int64(ms)).Format(javaTime) }
	state := "Proceed with rolling upgrade:"
	switch {
	case info.GetFinalizeTime() > 0:
		state = "Rolling upgrade is finalized."
	case !info.GetCreatedRollbackImages():
		state = "Preparing for upgrade. Data is being saved for rollback.\nRun \"dfsadmin -rollingUpgrade query\" to check the status\nfor proceeding with rolling upgrade"
	}
	s.printf("%s\n  Block Pool ID: %s\n     Start Time: %s (=%d)\n", state, info.GetStatus().GetBlockPoolId(), at(info.GetStartTime()), info.GetStartTime())
	if info.GetFinalizeTime() > 0 {
		s.printf("  Finalize Time: %s (=%d)\n", at(info.GetFinalizeTime()), info.GetFinalizeTime())
	}
	return nil
}

func refreshServiceAcl(s *session, _ []string) error {
	return s.namenodeProtocol(hrpc.RefreshAuthorizationPolicy, "Refresh service acl successful", func(r protocol.Caller) error {
		_, err := protocol.NewRefreshServiceAcl(r).RefreshServiceAcl(s.ctx, &commonpb.RefreshServiceAclRequestProto{})
		return err
	})
}

func refreshGroups(s *session, _ []string) error {
	return s.namenodeProtocol(hrpc.RefreshUserMappings, "Refresh user to groups mapping successful", func(r protocol.Caller) error {
		_, err := protocol.NewRefreshUserMappings(r).RefreshUserToGroupsMappings(s.ctx, &commonpb.RefreshUserToGroupsMappingsRequestProto{})
		return err
	})
}

func refreshProxies(s *session, _ []string) error {
	return s.namenodeProtocol(hrpc.RefreshUserMappings, "Refresh super user groups configuration successful", func(r protocol.Caller) error {
		_, err := protocol.NewRefreshUserMappings(r).RefreshSuperUserGroupsConfiguration(s.ctx, &commonpb.RefreshSuperUserGroupsConfigurationRequestProto{})
		return err
	})
}

func refreshCallQueue(s *session, _ []string) error {
	return s.namenodeProtocol(hrpc.RefreshCallQueue, "Refresh call queue successful", func(r protocol.Caller) error {
		_, err := protocol.NewRefreshCallQueue(r).RefreshCallQueue(s.ctx, &commonpb.RefreshCallQueueRequestProto{})
		return err
	})
}

// namenodeProtocol makes a call of another of the namenode's protocols and says that it went well.
func (s *session) namenodeProtocol(name, done string, f func(protocol.Caller) error) error {
	c, err := s.nn()
	if err != nil {
		return err
	}
	r, err := c.RPC(name, "")
	if err != nil {
		return err
	}
	if err := f(r); err != nil {
		return err
	}
	s.printf("%s\n", done)
	return nil
}

func genericRefresh(s *session, args []string) error {
	c, err := s.nn()
	if err != nil {
		return err
	}
	r, err := c.RPC(hrpc.GenericRefresh, args[0])
	if err != nil {
		return err
	}
	resp, err := protocol.NewGenericRefresh(r).Refresh(s.ctx, &commonpb.GenericRefreshRequestProto{Identifier: proto.String(args[1]), Args: args[2:]})
	if err != nil {
		return err
	}
	s.printf("Refresh Responses:\n")
	failed := false
	for _, a := range resp.GetResponses() {
		s.printf("%s: %s (exit %d)\n", a.GetSenderName(), a.GetUserMessage(), a.GetExitStatus())
		failed = failed || a.GetExitStatus() != 0
	}
	if failed {
		return exit(255)
	}
	return nil
}

func reconfig(s *session, args []string) error {
	if args[0] != "namenode" && args[0] != "datanode" {
		return usage("Usage: hdfs dfsadmin [-reconfig <namenode|datanode> <host:ipc_port> <start|status|properties>]")
	}
	c, err := s.nn()
	if err != nil {
		return err
	}
	r, err := c.RPC(hrpc.Reconfiguration, args[1])
	if err != nil {
		return err
	}
	p := protocol.NewReconfiguration(r)
	switch args[2] {
	case "start":
		if _, err := p.StartReconfiguration(s.ctx, &hdfspb.StartReconfigurationRequestProto{}); err != nil {
			return err
		}
		s.printf("Started reconfiguration task on node [%s].\n", args[1])
	case "properties":
		resp, err := p.ListReconfigurableProperties(s.ctx, &hdfspb.ListReconfigurablePropertiesRequestProto{})
		if err != nil {
			return err
		}
		s.printf("Node [%s] Reconfigurable properties:\n", args[1])
		for _, n := range resp.GetName() {
			s.printf("%s\n", n)
		}
	case "status":
		resp, err := p.GetReconfigurationStatus(s.ctx, &hdfspb.GetReconfigurationStatusRequestProto{})
		if err != nil {
			return err
		}
		s.printf("Reconfiguring status for node [%s]: ", args[1])
		if resp.GetStartTime() == 0 {
			s.printf("no task was found.\n")
			return nil
		}
		s.printf("started at %s", time.UnixMilli(resp.GetStartTime()).Format(javaTime))
		if resp.GetEndTime() == 0 {
			s.printf(" and is still running.\n")
			return nil
		}
		s.printf(" and finished at %s.\n", time.UnixMilli(resp.GetEndTime()).Format(javaTime))
		for _, ch := range resp.GetChanges() {
			word := "SUCCESS: Changed property"
			if ch.GetErrorMessage() != "" {
				word = "FAILED: Change property"
			}
			s.printf("%s %s\n\tFrom: %q\n\tTo: %q\n", word, ch.GetName(), ch.GetOldValue(), ch.GetNewValue())
			if ch.GetErrorMessage() != "" {
				s.printf("\tError: %s.\n", ch.GetErrorMessage())
			}
		}
	default:
		return usage("Usage: hdfs dfsadmin [-reconfig <namenode|datanode> <host:ipc_port> <start|status|properties>]")
	}
	return nil
}

func setBandwidth(s *session, args []string) error {
	n, err := size(args[0])
	if err != nil || n < 0 {
		s.out.Flush()
		fmt.Fprintf(s.Stderr, "%q is no bandwidth: a number of bytes per second, or with k, m, g\n", args[0])
		return exit(255)
	}
	c, err := s.nn()
	if err == nil {
		_, err = c.Namenode().SetBalancerBandwidth(s.ctx, &hdfspb.SetBalancerBandwidthRequestProto{Bandwidth: proto.Int64(n)})
	}
	if err == nil {
		s.printf("Balancer bandwidth is set to %d\n", n)
	}
	return err
}

// size reads bytes with an optional unit.
func size(text string) (int64, error) {
	shift := 0
	t := strings.ToLower(strings.TrimSpace(text))
	if t != "" {
		if i := strings.IndexByte("kmgtpe", t[len(t)-1]); i >= 0 {
			t, shift = t[:len(t)-1], 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(t, 10, 64)
	if err != nil || n<<shift>>shift != n {
		return 0, fmt.Errorf("%q is no size", text)
	}
	return n << shift, nil
}

func allowSnapshot(s *session, args []string) error {
	c, err := s.nn()
	if err == nil {
		err = c.AllowSnapshot(s.ctx, path(args[0]))
	}
	if err == nil {
		s.printf("Allowing snapshot on %s succeeded\n", args[0])
	}
	return err
}

func disallowSnapshot(s *session, args []string) error {
	c, err := s.nn()
	if err == nil {
		err = c.DisallowSnapshot(s.ctx, path(args[0]))
	}
	if err == nil {
		s.printf("Disallowing snapshot on %s succeeded\n", args[0])
	}
	return err
}

func metasave(s *session, args []string) error {
	c, err := s.nn()
	if err == nil {
		_, err = c.Namenode().MetaSave(s.ctx, &hdfspb.MetaSaveRequestProto{Filename: proto.String(args[0])})
	}
	if err == nil {
		s.printf("Created metasave file %s in the log directory of namenode %s\n", args[0], s.uri)
	}
	return err
}

func listOpenFiles(s *session, args []string) error {
	req := &hdfspb.ListOpenFilesRequestProto{Id: proto.Int64(0), Path: proto.String("/")}
	kind := hdfspb.OpenFilesTypeProto_ALL_OPEN_FILES
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "-blockingDecommission":
			kind = hdfspb.OpenFilesTypeProto_BLOCKING_DECOMMISSION
		case args[i] == "-path" && i+1 < len(args):
			i++
			req.Path = proto.String(path(args[i]))
		default:
			return usage("Usage: hdfs dfsadmin [-listOpenFiles [-blockingDecommission] [-path <path>]]")
		}
	}
	req.Types = []hdfspb.OpenFilesTypeProto{kind}
	c, err := s.nn()
	if err != nil {
		return err
	}
	s.printf("%-20s\t%-20s\t%s\n", "Client Host", "Client Name", "Open File Path")
	for {
		resp, err := c.Namenode().ListOpenFiles(s.ctx, req)
		if err != nil {
			return err
		}
		for _, e := range resp.GetEntries() {
			s.printf("%-20s\t%-20s\t%20s\n", e.GetClientMachine(), e.GetClientName(), e.GetPath())
			req.Id = e.Id
		}
		if !resp.GetHasMore() || len(resp.GetEntries()) == 0 {
			return nil
		}
	}
}
