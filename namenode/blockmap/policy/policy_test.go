package policy

import (
	"slices"
	"testing"

	"github.com/lodehq/lode/internal/hdfs"
)

func TestChoose(t *testing.T) {
	type T = []hdfs.StorageType
	const d, s, a, r = hdfs.StorageDisk, hdfs.StorageSSD, hdfs.StorageArchive, hdfs.StorageRAMDisk
	suite := NewSuite()
	for _, c := range []struct {
		name                string
		policy              uint8
		n                   int
		chosen, unavailable T
		newBlock            bool
		want                T
	}{
		{"hot", hdfs.PolicyHot, 3, nil, nil, true, T{d, d, d}},
		{"unspecified is hot", 0, 2, nil, nil, true, T{d, d}},
		{"hot, no disk, new", hdfs.PolicyHot, 3, nil, T{d}, true, T{}},
		{"hot, no disk, again", hdfs.PolicyHot, 3, T{d}, T{d}, false, T{a, a}},
		{"warm", hdfs.PolicyWarm, 3, nil, nil, true, T{d, a, a}},
		{"warm, disk there", hdfs.PolicyWarm, 3, T{d}, nil, true, T{a, a}},
		{"one ssd", hdfs.PolicyOneSSD, 3, nil, nil, true, T{s, d, d}},
		{"one ssd, none", hdfs.PolicyOneSSD, 3, nil, T{s}, true, T{d, d, d}},
		{"lazy", hdfs.PolicyLazyPersist, 2, nil, T{r}, true, T{d, d}},
		{"archive stands in for disk", hdfs.PolicyHot, 2, T{a}, nil, false, T{d}},
	} {
		got := suite.Get(c.policy).Choose(c.n, c.chosen, c.unavailable, c.newBlock)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if got := suite.Get(hdfs.PolicyHot).Excess(2, T{d, a, d}); !slices.Equal(got, T{a}) {
		t.Errorf("excess of hot: %v", got)
	}
}
