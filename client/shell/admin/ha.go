package admin

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/client/protocol"
	"github.com/lodehq/lode/client/shell/fsshell"
	"github.com/lodehq/lode/internal/hrpc"
	commonpb "github.com/lodehq/lode/proto/hadoop/common"
)

const haUsage = `Usage: haadmin [-ns <nameserviceId>]
    [-transitionToActive <serviceId> [--forceactive]]
    [-transitionToStandby <serviceId>]
    [-transitionToObserver <serviceId>]
    [-getServiceState <serviceId>]
    [-getAllServiceState]
    [-checkHealth <serviceId>]
    [-help <command>]`

// runHaadmin asks namenodes of a name service for their role, or changes it.
func runHaadmin(s *session, args []string) error {
	ns := ""
	if len(args) >= 2 && args[0] == "-ns" {
		ns, args = args[1], args[2:]
	}
	if len(args) == 0 {
		return usage(haUsage)
	}
	if ns == "" {
		ns = s.nameService()
	}
	switch args[0] {
	case "-help":
		s.printf("%s\n", haUsage)
		return nil
	case "-getAllServiceState":
		return s.allStates(ns)
	case "-getServiceState", "-checkHealth", "-transitionToActive", "-transitionToStandby", "-transitionToObserver":
	default:
		return usage(fmt.Sprintf("%s: Unknown command\n%s", strings.TrimPrefix(args[0], "-"), haUsage))
	}
	var ids []string
	for _, a := range args[1:] {
		if !strings.HasPrefix(a, "-") {
			ids = append(ids, a)
		}
	}
	if len(ids) != 1 {
		return usage(fmt.Sprintf("%s: incorrect number of arguments\n%s", strings.TrimPrefix(args[0], "-"), haUsage))
	}
	address, err := s.serviceAddress(ns, ids[0])
	if err != nil {
		return err
	}
	err = s.one(address, func(c *client.Client) error { return s.haCommand(c, args[0]) })
	if err == nil {
		return nil
	}
	var code exit
	if errors.As(err, &code) {
		return err
	}
	s.out.Flush()
	fmt.Fprintf(s.Stderr, "Operation failed: %s\n", fsshell.Message(err))
	return exit(255)
}

func (s *session) haCommand(c *client.Client, command string) error {
	r, err := c.RPC(hrpc.HAServiceProtocol, "")
	if err != nil {
		return err
	}
	ha := protocol.NewHAService(r)
	by := &commonpb.HAStateChangeRequestInfoProto{ReqSource: commonpb.HARequestSource_REQUEST_BY_USER.Enum()}
	switch command {
	case "-getServiceState":
		state, err := serviceState(s, ha)
		if err == nil {
			s.printf("%s\n", state)
		}
		return err
	case "-checkHealth":
		if _, err := ha.MonitorHealth(s.ctx, &commonpb.MonitorHealthRequestProto{}); err != nil {
			s.out.Flush()
			fmt.Fprintf(s.Stderr, "Health check failed: %s\n", fsshell.Message(err))
			return exit(255)
		}
		return nil
	case "-transitionToActive":
		_, err = ha.TransitionToActive(s.ctx, &commonpb.TransitionToActiveRequestProto{ReqInfo: by})
	case "-transitionToStandby":
		_, err = ha.TransitionToStandby(s.ctx, &commonpb.TransitionToStandbyRequestProto{ReqInfo: by})
	case "-transitionToObserver":
		_, err = ha.TransitionToObserver(s.ctx, &commonpb.TransitionToObserverRequestProto{ReqInfo: by})
	}
	return err
}

func serviceState(s *session, ha *protocol.HAService) (string, error) {
	resp, err := ha.GetServiceStatus(s.ctx, &commonpb.GetServiceStatusRequestProto{})
	if err != nil {
		return "", err
	}
	return strings.ToLower(resp.GetState().String()), nil
}

// nameService is the one that the configuration or the file system's URI names.
func (s *session) nameService() string {
	if ns := s.Conf.Strings("dfs.nameservices"); len(ns) == 1 {
		return ns[0]
	}
	if u, err := url.Parse(s.Conf.String("fs.defaultFS")); err == nil && s.Conf.String("dfs.ha.namenodes."+u.Host) != "" {
		return u.Host
	}
	return ""
}

// serviceAddress finds a namenode by its id in the configuration; host:port is taken as it is.
func (s *session) serviceAddress(ns, id string) (string, error) {
	if address := s.Conf.String("dfs.namenode.rpc-address." + ns + "." + id); ns != "" && address != "" {
		return address, nil
	}
	if strings.Contains(id, ":") {
		return id, nil
	}
	if ns == "" {
		return "", usage("Illegal argument: Unable to determine the name service ID.")
	}
	return "", usage(fmt.Sprintf("Illegal argument: Unable to determine service address for namenode '%s'", id))
}

func (s *session) allStates(ns string) error {
	ids := s.Conf.Strings("dfs.ha.namenodes." + ns)
	var addresses []string
	for _, id := range ids {
		a, err := s.serviceAddress(ns, id)
		if err != nil {
			return err
		}
		addresses = append(addresses, a)
	}
	if len(addresses) == 0 {
		c, err := s.nn()
		if err != nil {
			return err
		}
		addresses = c.Addresses()
	}
	slices.Sort(addresses)
	for _, a := range addresses {
		state := ""
		err := s.one(a, func(c *client.Client) error {
			r, err := c.RPC(hrpc.HAServiceProtocol, "")
			if err == nil {
				state, err = serviceState(s, protocol.NewHAService(r))
			}
			return err
		})
		if err != nil {
			state = "Failed to connect: " + fsshell.Message(err)
		}
		s.printf("%-50s %-10s \n", a, state)
	}
	return nil
}
