package admin

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/client/protocol"
	"github.com/lodehq/lode/internal/hrpc"
	commonpb "github.com/lodehq/lode/proto/hadoop/common"
)

const getconfUsage = `hdfs getconf is utility for getting configuration information from the config file.

hdfs getconf 
	[-namenodes]			gets list of namenodes in the cluster.
	[-secondaryNameNodes]			gets list of secondary namenodes in the cluster.
	[-backupNodes]			gets list of backup nodes in the cluster.
	[-journalNodes]			gets list of journal nodes in the cluster.
	[-includeFile]			gets the include file path that defines the datanodes that can join the cluster.
	[-excludeFile]			gets the exclude file path that defines the datanodes that need to decommissioned.
	[-nnRpcAddresses]			gets the namenode rpc addresses
	[-confKey [key]]			gets a specific key from the configuration
`

func runGetconf(s *session, args []string) error {
	if len(args) == 0 {
		return usage(getconfUsage)
	}
	switch strings.ToLower(args[0]) {
	case "-namenodes", "-nnrpcaddresses":
		addresses, err := s.configured()
		if err != nil {
			return err
		}
		if strings.EqualFold(args[0], "-nnrpcaddresses") {
			for _, a := range addresses {
				s.printf("%s\n", a)
			}
			return nil
		}
		for i, a := range addresses {
			host, _, _ := net.SplitHostPort(a)
			if i > 0 {
				host = " " + host
			}
			s.printf("%s", host)
		}
		s.printf("\n")
	case "-secondarynamenodes", "-backupnodes", "-journalnodes":
		s.printf("\n") // there are none: namenodes are equal
	case "-includefile":
		return s.key("dfs.hosts")
	case "-excludefile":
		return s.key("dfs.hosts.exclude")
	case "-confkey":
		if len(args) != 2 {
			return usage("Key is missing: hdfs getconf -confKey KEY")
		}
		return s.key(args[1])
	default:
		return usage(getconfUsage)
	}
	return nil
}

func (s *session) key(key string) error {
	v := s.Conf.String(key)
	if v == "" && !s.Conf.Explicit(key) {
		s.out.Flush()
		fmt.Fprintf(s.Stderr, "Configuration %s is missing.\n", key)
		return exit(255)
	}
	s.printf("%s\n", v)
	return nil
}

// configured are the namenodes' addresses as the configuration has them.
func (s *session) configured() ([]string, error) {
	u, err := url.Parse(s.Conf.String("fs.defaultFS"))
	if err != nil {
		return nil, err
	}
	return client.ResolveURI(s.Conf, u.Host)
}

func runGroups(s *session, args []string) error {
	c, err := s.nn()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{c.User()}
	}
	r, err := c.RPC(hrpc.GetUserMappings, "")
	if err != nil {
		return err
	}
	for _, who := range args {
		resp, err := protocol.NewUserMappings(r).GetGroupsForUser(s.ctx, &commonpb.GetGroupsForUserRequestProto{User: proto.String(who)})
		if err != nil {
			return err
		}
		s.printf("%s :", who)
		for _, g := range resp.GetGroups() {
			s.printf(" %s", g)
		}
		s.printf("\n")
	}
	return nil
}

func runVersion(s *session, _ []string) error {
	version := "(unreleased)"
	if b, ok := debug.ReadBuildInfo(); ok {
		if b.Main.Version != "" {
			version = b.Main.Version
		}
		for _, v := range b.Settings {
			if v.Key == "vcs.revision" {
				version += " " + v.Value
			}
		}
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	s.printf("Lode %s\nSpeaks the protocols of Apache Hadoop 3.4\nCompiled with %s for %s/%s\nThis command was run using %s\n",
		version, runtime.Version(), runtime.GOOS, runtime.GOARCH, exe)
	return nil
}
