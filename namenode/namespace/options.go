package namespace

import "time"

// Options are the settings that the rules depend on. They must be the same on every namenode of a cluster, since Apply's outcome
// depends on them. Zero means Apache's default.
type Options struct {
	FSOwner    string // owner of "/" in a fresh namespace: the user that the namenode runs as
	SuperGroup string // dfs.permissions.superusergroup, "supergroup"

	DisablePermissions bool // dfs.permissions.enabled=false
	DisableACLs        bool // dfs.namenode.acls.enabled=false
	DisableXAttrs      bool // dfs.namenode.xattrs.enabled=false
	NoPosixInheritance bool // dfs.namenode.posix.acl.inheritance.enabled=false
	AllowOwnerQuota    bool // dfs.permissions.allow.owner.set.quota

	MinReplication     int // dfs.namenode.replication.min, 1
	MaxReplication     int // dfs.replication.max, 512
	DefaultReplication int // dfs.replication, 3

	DefaultBlockSize int64 // dfs.blocksize, 128 MiB
	MinBlockSize     int64 // dfs.namenode.fs-limits.min-block-size, 1 MiB

	MaxBlocksPerFile   int // dfs.namenode.fs-limits.max-blocks-per-file, 10000
	MaxComponentLength int // dfs.namenode.fs-limits.max-component-length, 255 bytes
	MaxDirectoryItems  int // dfs.namenode.fs-limits.max-directory-items, 1048576
	MaxXAttrsPerInode  int // dfs.namenode.fs-limits.max-xattrs-per-inode, 32
	MaxXAttrSize       int // dfs.namenode.fs-limits.max-xattr-size, 16384 bytes of name and value
	ListLimit          int // dfs.ls.limit, 1000
	SnapshotLimit      int // dfs.namenode.snapshot.max.limit, 65536 for each directory

	AccessTimePrecision time.Duration // dfs.namenode.accesstime.precision, 1 h; negative: access times are not kept
	SoftLimit           time.Duration // of a lease, 60 s
	HardLimit           time.Duration // dfs.namenode.lease-hard-limit-sec, 20 min
	RecoveryTimeout     time.Duration // when a block recovery that has not come back is started again, 90 s
	RetryCacheExpiry    time.Duration // dfs.namenode.retrycache.expirytime.millis, 10 min
	RetryCacheSize      int           // entries kept at most, 262144; the oldest go first

	AlwaysUseTokens    bool          // dfs.namenode.delegation.token.always-use
	TokenRenewInterval time.Duration // dfs.namenode.delegation.token.renew-interval, 24 h
	TokenMaxLifetime   time.Duration // dfs.namenode.delegation.token.max-lifetime, 7 d

	EventBuffer int // transactions kept for inotify, 65536; negative: none
}

func (o Options) withDefaults() Options {
	def(&o.FSOwner, "hdfs")
	def(&o.SuperGroup, "supergroup")
	def(&o.MinReplication, 1)
	def(&o.MaxReplication, 512)
	def(&o.DefaultReplication, 3)
	def(&o.DefaultBlockSize, 128<<20)
	def(&o.MinBlockSize, 1<<20)
	def(&o.MaxBlocksPerFile, 10000)
	def(&o.MaxComponentLength, 255)
	def(&o.MaxDirectoryItems, 1<<20)
	def(&o.MaxXAttrsPerInode, 32)
	def(&o.MaxXAttrSize, 16384)
	def(&o.ListLimit, 1000)
	def(&o.SnapshotLimit, 65536)
	def(&o.AccessTimePrecision, time.Hour)
	def(&o.SoftLimit, time.Minute)
	def(&o.HardLimit, 20*time.Minute)
	def(&o.RecoveryTimeout, 90*time.Second)
	def(&o.RetryCacheExpiry, 10*time.Minute)
	def(&o.RetryCacheSize, 1<<18)
	def(&o.TokenRenewInterval, 24*time.Hour)
	def(&o.TokenMaxLifetime, 7*24*time.Hour)
	def(&o.EventBuffer, 1<<16)
	return o
}

func def[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}
