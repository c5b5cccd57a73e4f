package admin

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/client"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

const policiesUsage = `Usage: bin/hdfs storagepolicies [COMMAND]
          -listPolicies
          -setStoragePolicy -path <path> -policy <policy>
          -getStoragePolicy -path <path>
          -unsetStoragePolicy -path <path>
          -satisfyStoragePolicy -path <path>
`

// option takes the value behind an option out of a line.
func option(args []string, name string) (string, []string) {
	i := slices.Index(args, name)
	if i < 0 || i+1 == len(args) {
		return "", args
	}
	return args[i+1], append(append([]string(nil), args[:i]...), args[i+2:]...)
}

func runStoragePolicies(s *session, args []string) error {
	if len(args) == 0 {
		return usage(policiesUsage)
	}
	name := args[0]
	dir, rest := option(args[1:], "-path")
	policy, rest := option(rest, "-policy")
	if name == "-help" {
		s.printf("%s", policiesUsage)
		return nil
	}
	if len(rest) > 0 {
		return usage(fmt.Sprintf("%s: Too many arguments\n%s", strings.TrimPrefix(name, "-"), policiesUsage))
	}
	if name != "-listPolicies" && dir == "" {
		return usage("Please specify the path with -path.\nUsage:[" + name + " -path <path>]")
	}
	c, err := s.nn()
	if err != nil {
		return err
	}
	switch name {
	case "-listPolicies":
		return s.listPolicies(c)
	case "-getStoragePolicy":
		return s.getPolicy(c, path(dir))
	case "-setStoragePolicy":
		if policy == "" {
			return usage("Please specify the policy name with -policy.\nUsage:[-setStoragePolicy -path <path> -policy <policy>]")
		}
		if err := c.SetStoragePolicy(s.ctx, path(dir), policy); err != nil {
			return err
		}
		s.printf("Set storage policy %s on %s\n", policy, dir)
	case "-unsetStoragePolicy":
		if err := c.UnsetStoragePolicy(s.ctx, path(dir)); err != nil {
			return err
		}
		s.printf("Unset storage policy from %s\n", dir)
	case "-satisfyStoragePolicy":
		_, err := c.Namenode().SatisfyStoragePolicy(s.ctx, &hdfspb.SatisfyStoragePolicyRequestProto{Src: proto.String(path(dir))})
		if err != nil {
			return err
		}
		s.printf("Scheduled blocks to move based on the current storage policy on %s\n", dir)
	default:
		return usage("Can't understand command '" + name + "'\n" + policiesUsage)
	}
	return nil
}

func (s *session) policies(c *client.Client) ([]*hdfspb.BlockStoragePolicyProto, error) {
	resp, err := c.Namenode().GetStoragePolicies(s.ctx, &hdfspb.GetStoragePoliciesRequestProto{})
	return resp.GetPolicies(), err
}

func policyString(p *hdfspb.BlockStoragePolicyProto) string {
	list := func(t *hdfspb.StorageTypesProto) string {
		var names []string
		for _, st := range t.GetStorageTypes() {
			names = append(names, st.String())
		}
		return "[" + strings.Join(names, ", ") + "]"
	}
	return fmt.Sprintf("BlockStoragePolicy{%s:%d, storageTypes=%s, creationFallbacks=%s, replicationFallbacks=%s}",
		p.GetName(), p.GetPolicyId(), list(p.GetCreationPolicy()), list(p.GetCreationFallbackPolicy()), list(p.GetReplicationFallbackPolicy()))
}

func (s *session) listPolicies(c *client.Client) error {
	all, err := s.policies(c)
	if err != nil {
		return err
	}
	s.printf("Block Storage Policies:\n")
	for _, p := range all {
		s.printf("\t%s\n", policyString(p))
	}
	return nil
}

func (s *session) getPolicy(c *client.Client, dir string) error {
	info, err := c.Stat(s.ctx, dir)
	if err != nil {
		return fmt.Errorf("File/Directory does not exist: %s", dir)
	}
	if info.StoragePolicy() == 0 {
		s.printf("The storage policy of %s is unspecified\n", dir)
		return nil
	}
	all, err := s.policies(c)
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.GetPolicyId() == uint32(info.StoragePolicy()) {
			s.printf("The storage policy of %s:\n%s\n", dir, policyString(p))
			return nil
		}
	}
	return fmt.Errorf("Cannot identify the storage policy for %s", dir)
}
