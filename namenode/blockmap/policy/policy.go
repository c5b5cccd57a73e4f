// Package policy holds the block storage policies of Apache Hadoop (BlockStoragePolicySuite): which storage types the replicas
// of a file shall lie on, and what to take instead when there is no room.
package policy

import (
	"slices"

	"github.com/lodehq/lode/internal/hdfs"
)

// Policy is one storage policy.
type Policy struct {
	ID                  uint8
	Name                string
	Types               []hdfs.StorageType // the last one stands for all further replicas
	CreationFallback    []hdfs.StorageType // while a block is written
	ReplicationFallback []hdfs.StorageType // when a lost replica is replaced
	CopyOnCreate        bool               // fixed at create, not inherited later
}

// All lists the policies in the order in which Apache lists them (by id, downward).
func All() []Policy {
	type T = []hdfs.StorageType
	const d, s, a, r, p, n = hdfs.StorageDisk, hdfs.StorageSSD, hdfs.StorageArchive, hdfs.StorageRAMDisk, hdfs.StorageProvided, hdfs.StorageNVDIMM
	return []Policy{
		{ID: hdfs.PolicyProvided, Name: "PROVIDED", Types: T{p, d}, CreationFallback: T{p, d}, ReplicationFallback: T{p, d}},
		{ID: hdfs.PolicyCold, Name: "COLD", Types: T{a}},
		{ID: hdfs.PolicyWarm, Name: "WARM", Types: T{d, a}, CreationFallback: T{d, a}, ReplicationFallback: T{d, a}},
		{ID: hdfs.PolicyHot, Name: "HOT", Types: T{d}, ReplicationFallback: T{a}},
		{ID: hdfs.PolicyOneSSD, Name: "ONE_SSD", Types: T{s, d}, CreationFallback: T{s, d}, ReplicationFallback: T{s, d}},
		{ID: hdfs.PolicyAllSSD, Name: "ALL_SSD", Types: T{s}, CreationFallback: T{d}, ReplicationFallback: T{d}},
		{ID: hdfs.PolicyAllNVDIMM, Name: "ALL_NVDIMM", Types: T{n}, CreationFallback: T{d}, ReplicationFallback: T{d}},
		{ID: hdfs.PolicyLazyPersist, Name: "LAZY_PERSIST", Types: T{r, d}, CreationFallback: T{d}, ReplicationFallback: T{d}, CopyOnCreate: true},
	}
}

// Suite finds policies by id.
type Suite [16]Policy

// NewSuite has all policies; an id that has none means HOT.
func NewSuite() *Suite {
	s := new(Suite)
	all := All()
	hot := all[slices.IndexFunc(all, func(p Policy) bool { return p.ID == hdfs.PolicyHot })]
	for i := range s {
		s[i] = hot
	}
	for _, p := range all {
		s[p.ID] = p
	}
	return s
}

// Get is the policy with that id, HOT if there is none.
func (s *Suite) Get(id uint8) Policy { return s[id&15] }

// Choose lists the storage types for `replication` replicas of which some lie on `chosen` already: what is still to be placed.
// Types in `unavailable` are replaced by the policy's fallback, or left out if it has none (BlockStoragePolicy.chooseStorageTypes).
func (p Policy) Choose(replication int, chosen, unavailable []hdfs.StorageType, newBlock bool) []hdfs.StorageType {
	types := p.want(replication)
	for _, c := range chosen {
		if i := slices.Index(types, c); i >= 0 {
			types = slices.Delete(types, i, i+1)
		}
	}
	if len(unavailable) > 0 {
		fallback := p.ReplicationFallback
		if newBlock {
			fallback = p.CreationFallback
		}
		kept := types[:0]
		for _, t := range types {
			if slices.Contains(unavailable, t) {
				i := slices.IndexFunc(fallback, func(f hdfs.StorageType) bool { return !slices.Contains(unavailable, f) })
				if i < 0 {
					continue
				}
				t = fallback[i]
			}
			kept = append(kept, t)
		}
		types = kept
	}
	// Replicas on types that the policy did not ask for count too: never more than `replication` in all.
	return types[:min(len(types), max(0, replication-len(chosen)))]
}

// Excess lists the storage types of which `chosen` has more than the policy wants for `replication` replicas.
func (p Policy) Excess(replication int, chosen []hdfs.StorageType) []hdfs.StorageType {
	types := p.want(replication)
	var excess []hdfs.StorageType
	for _, c := range chosen {
		if i := slices.Index(types, c); i >= 0 {
			types = slices.Delete(types, i, i+1)
		} else {
			excess = append(excess, c)
		}
	}
	return excess
}

func (p Policy) want(replication int) []hdfs.StorageType {
	types := make([]hdfs.StorageType, 0, max(replication, 0))
	for i := range replication {
		types = append(types, p.Types[min(i, len(p.Types)-1)])
	}
	return types
}
