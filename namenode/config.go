package namenode

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/internal/reach"
	"github.com/lodehq/lode/internal/vfs"
	"github.com/lodehq/lode/namenode/blockmap"
	"github.com/lodehq/lode/namenode/journal"
	"github.com/lodehq/lode/namenode/namespace"
	"github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Config of a namenode. FromConf makes one of Hadoop's keys.
type Config struct {
	Dir         string // dfs.namenode.name.dir
	RPCAddress  string // dfs.namenode.rpc-address; port 0 is any
	HTTPAddress string // dfs.namenode.http-address; used when HTTP is set
	// PortPatience is how long Start waits for a port that is taken.
	PortPatience time.Duration
	ClusterID    string // of a new cluster; made up when empty
	User         string // the superuser: who runs the namenode
	SuperGroup   string

	ID          string         // of this namenode among several
	Peers       []journal.Peer // all of them; empty when it is alone
	RaftAddress string         // where the others reach it

	Namespace   namespace.Options
	BlockMap    blockmap.Config
	Defaults    *hdfspb.FsServerDefaultsProto
	ImageEvery  int64
	ImagePeriod time.Duration

	LeaseCheck      time.Duration // dfs.namenode.lease-recheck-interval-ms
	TrashInterval   time.Duration // fs.trash.interval, 0 is off
	TrashCheckpoint time.Duration // fs.trash.checkpoint.interval

	GroupMapping string        // hadoop.user.group.static.mapping.overrides
	GroupCache   time.Duration // hadoop.security.groups.cache.secs
	RackTable    string        // net.topology.table.file.name
	RackScript   string        // net.topology.script.file.name
	HostsFile    string        // dfs.hosts
	ExcludeFile  string        // dfs.hosts.exclude
	CheckNames   bool          // dfs.namenode.datanode.registration.ip-hostname-check, when somebody set it
	MaxFrame     int           // ipc.maximum.data.length
	Reach        reach.Rules   // lode.namenode.client-addresses

	// Conf is where proxy users and reconfigurable keys are read from, again when asked to; nil has none.
	Conf   func() (*conf.Conf, error)
	FS     vfs.FS
	Now    func() int64
	Logger *slog.Logger
	// Accept, if not nil, refuses connections by the peer's address.
	Accept func(net.Addr) error
	// HTTP makes the handler of the web port, which is then served.
	HTTP func(*Server) http.Handler
}

// FromConf reads a Config from Hadoop's keys.
func FromConf(c *conf.Conf, log *slog.Logger) (Config, error) {
	training := c.String("lode.profile") == "training"
	bm := blockmap.DefaultConfig()
	if training {
		bm = blockmap.TrainingConfig()
	}
	ms := func(key string, v *int64) {
		if !training || c.Explicit(key) {
			*v = c.Duration(key).Milliseconds()
		}
	}
	bm.Replication, bm.MinReplication, bm.MaxReplication = c.Int("dfs.replication"), c.Int("dfs.namenode.replication.min"), c.Int("dfs.replication.max")
	ms("dfs.heartbeat.interval", &bm.HeartbeatInterval)
	ms("dfs.namenode.heartbeat.recheck-interval", &bm.RecheckInterval)
	ms("dfs.namenode.stale.datanode.interval", &bm.StaleInterval)
	ms("dfs.namenode.safemode.extension", &bm.SafeModeExtension)
	ms("dfs.namenode.redundancy.interval.seconds", &bm.RedundancyInterval)
	ms("dfs.namenode.decommission.interval", &bm.AdminInterval)
	ms("dfs.namenode.reconstruction.pending.timeout-sec", &bm.PendingTimeout)
	ms("dfs.namenode.full.block.report.lease.length.ms", &bm.ReportLeaseLength)
	ms("dfs.namenode.startup.delay.block.deletion.sec", &bm.DeletionDelay)
	bm.AvoidStaleRead, bm.AvoidStaleWrite = c.Bool("dfs.namenode.avoid.read.stale.datanode"), c.Bool("dfs.namenode.avoid.write.stale.datanode")
	bm.StaleWriteRatio = c.Float("dfs.namenode.write.stale.datanode.ratio")
	bm.MaxReportLeases = c.Int("dfs.namenode.max.full.block.report.leases")
	bm.SafeModeThreshold, bm.SafeModeMinDatanodes = c.Float("dfs.namenode.safemode.threshold-pct"), c.Int("dfs.namenode.safemode.min.datanodes")
	bm.SafeModeReplication = c.Int("dfs.namenode.safemode.replication.min")
	bm.ConsiderLoad, bm.LoadFactor = c.Bool("dfs.namenode.redundancy.considerLoad"), c.Float("dfs.namenode.redundancy.considerLoad.factor")
	bm.MaxTrackedNodes, bm.MaintenanceMinReplication = c.Int("dfs.namenode.decommission.max.concurrent.tracked.nodes"), c.Int("dfs.namenode.maintenance.replication.min")
	for key, v := range map[string]*int{"dfs.namenode.replication.work.multiplier.per.iteration": &bm.WorkMultiplier,
		"dfs.namenode.replication.max-streams": &bm.MaxStreams, "dfs.namenode.replication.max-streams-hard-limit": &bm.MaxStreamsHard,
		"dfs.block.invalidate.limit": &bm.InvalidateLimit} {
		if c.Explicit(key) {
			*v = c.Int(key)
		}
	}
	dir, err := nameDir(c.Strings("dfs.namenode.name.dir"))
	if err != nil {
		return Config{}, err
	}
	me := os.Getenv("HADOOP_USER_NAME")
	if me == "" {
		u, err := user.Current()
		if err != nil {
			return Config{}, fmt.Errorf("who runs this namenode is unknown; set HADOOP_USER_NAME: %w", err)
		}
		me = u.Username
	}
	super := c.String("dfs.permissions.superusergroup")
	peers, err := parsePeers(c.Strings("lode.namenode.peers"))
	if err != nil {
		return Config{}, err
	}
	rules, err := reach.Parse(c.String("lode.namenode.client-addresses"))
	if err != nil {
		return Config{}, err
	}
	cfg := Config{
		Dir: dir, Reach: rules, RPCAddress: bind(c, "dfs.namenode.rpc-address", "dfs.namenode.rpc-bind-host"),
		PortPatience: 3 * time.Second, HTTPAddress: bind(c, "dfs.namenode.http-address", "dfs.namenode.http-bind-host"),
		User: me, SuperGroup: super, Peers: peers, RaftAddress: c.String("lode.namenode.raft-address"), BlockMap: bm,
		Namespace: namespace.Options{FSOwner: me, SuperGroup: super,
			DisablePermissions: !c.Bool("dfs.permissions.enabled"), DisableACLs: !c.Bool("dfs.namenode.acls.enabled"), DisableXAttrs: !c.Bool("dfs.namenode.xattrs.enabled"),
			NoPosixInheritance: !c.Bool("dfs.namenode.posix.acl.inheritance.enabled"),
			MinReplication:     bm.MinReplication, MaxReplication: bm.MaxReplication, DefaultReplication: bm.Replication,
			DefaultBlockSize: c.Bytes("dfs.blocksize"), MinBlockSize: c.Bytes("dfs.namenode.fs-limits.min-block-size"),
			MaxBlocksPerFile: c.Int("dfs.namenode.fs-limits.max-blocks-per-file"), MaxComponentLength: c.Int("dfs.namenode.fs-limits.max-component-length"),
			MaxDirectoryItems: c.Int("dfs.namenode.fs-limits.max-directory-items"), MaxXAttrsPerInode: c.Int("dfs.namenode.fs-limits.max-xattrs-per-inode"),
			MaxXAttrSize: int(c.Bytes("dfs.namenode.fs-limits.max-xattr-size")), ListLimit: c.Int("dfs.ls.limit"), SnapshotLimit: c.Int("dfs.namenode.snapshot.max.limit"),
			AccessTimePrecision: negativeIfZero(c.Duration("dfs.namenode.accesstime.precision")),
			HardLimit:           c.Duration("dfs.namenode.lease-hard-limit-sec"),
			RecoveryTimeout:     30 * c.Duration("dfs.heartbeat.interval"), // BlockManager.getBlockRecoveryTimeout
			RetryCacheExpiry:    c.Duration("dfs.namenode.retrycache.expirytime.millis"),
			TokenRenewInterval:  c.Duration("dfs.namenode.delegation.token.renew-interval"),
			TokenMaxLifetime:    c.Duration("dfs.namenode.delegation.token.max-lifetime")},
		ImageEvery: c.Int64("dfs.namenode.checkpoint.txns"), ImagePeriod: c.Duration("dfs.namenode.checkpoint.period"),
		LeaseCheck:    c.Duration("dfs.namenode.lease-recheck-interval-ms"),
		TrashInterval: c.Duration("fs.trash.interval"), TrashCheckpoint: c.Duration("fs.trash.checkpoint.interval"),
		GroupMapping: c.String("hadoop.user.group.static.mapping.overrides"), GroupCache: c.Duration("hadoop.security.groups.cache.secs"),
		RackTable: c.String("net.topology.table.file.name"), RackScript: c.String("net.topology.script.file.name"),
		HostsFile: c.String("dfs.hosts"), ExcludeFile: c.String("dfs.hosts.exclude"),
		CheckNames: c.Explicit("dfs.namenode.datanode.registration.ip-hostname-check") && c.Bool("dfs.namenode.datanode.registration.ip-hostname-check"),
		MaxFrame:   int(c.Bytes("ipc.maximum.data.length")),
		Conf:       func() (*conf.Conf, error) { return c, nil },
		Logger:     log,
	}
	cfg.Defaults = serverDefaults(c)
	for _, p := range peers {
		if p.Address == cfg.RaftAddress {
			cfg.ID = p.ID
		}
	}
	if len(peers) > 1 && cfg.ID == "" {
		return cfg, errors.New("lode.namenode.raft-address is none of the addresses in lode.namenode.peers (ID=HOST:PORT,…)")
	}
	return cfg, nil
}

func serverDefaults(c *conf.Conf) *hdfspb.FsServerDefaultsProto {
	checksum := hdfspb.ChecksumTypeProto_CHECKSUM_CRC32C
	switch strings.ToUpper(c.String("dfs.checksum.type")) {
	case "CRC32":
		checksum = hdfspb.ChecksumTypeProto_CHECKSUM_CRC32
	case "NULL":
		checksum = hdfspb.ChecksumTypeProto_CHECKSUM_NULL
	}
	or := func(n, d int64) int64 {
		if n <= 0 {
			return d
		}
		return n
	}
	return &hdfspb.FsServerDefaultsProto{
		BlockSize: proto.Uint64(uint64(c.Bytes("dfs.blocksize"))), BytesPerChecksum: proto.Uint32(uint32(or(c.Int64("dfs.bytes-per-checksum"), 512))),
		WritePacketSize: proto.Uint32(uint32(or(c.Int64("dfs.client-write-packet-size"), 65536))), Replication: proto.Uint32(uint32(c.Int("dfs.replication"))),
		FileBufferSize: proto.Uint32(uint32(or(c.Bytes("io.file.buffer.size"), 4096))), EncryptDataTransfer: proto.Bool(false),
		TrashInterval: proto.Uint64(uint64(c.Duration("fs.trash.interval") / time.Minute)), ChecksumType: checksum.Enum(),
		KeyProviderUri: proto.String(""), PolicyId: proto.Uint32(0), SnapshotTrashRootEnabled: proto.Bool(false),
	}
}

func negativeIfZero(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// nameDir takes the directory out of dfs.namenode.name.dir. One is enough: copies are other namenodes.
func nameDir(dirs []string) (string, error) {
	if len(dirs) != 1 {
		return "", fmt.Errorf("dfs.namenode.name.dir must be one directory, and is %q; a second copy of the namespace is another namenode's (lode.namenode.peers)", strings.Join(dirs, ","))
	}
	if u, err := url.Parse(dirs[0]); err == nil && u.Scheme == "file" {
		return u.Path, nil
	}
	return dirs[0], nil
}

func bind(c *conf.Conf, address, host string) string {
	a := c.String(address)
	if h := c.String(host); h != "" {
		if _, port, err := net.SplitHostPort(a); err == nil {
			return net.JoinHostPort(h, port)
		}
	}
	return a
}

func parsePeers(list []string) ([]journal.Peer, error) {
	var peers []journal.Peer
	for _, s := range list {
		id, address, ok := strings.Cut(s, "=")
		if !ok || id == "" || address == "" {
			return nil, fmt.Errorf("lode.namenode.peers: %q is not ID=HOST:PORT", s)
		}
		peers = append(peers, journal.Peer{ID: id, Address: address})
	}
	return peers, nil
}

func (c *Config) withDefaults() {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.FS == nil {
		c.FS = vfs.OS()
	}
	if c.Now == nil {
		c.Now = func() int64 { return time.Now().UnixMilli() }
	}
	if c.User == "" {
		c.User = "hdfs"
	}
	if c.SuperGroup == "" {
		c.SuperGroup = "supergroup"
	}
	if c.RPCAddress == "" {
		c.RPCAddress = "127.0.0.1:0"
	}
	if c.BlockMap.Replication == 0 {
		c.BlockMap = blockmap.DefaultConfig()
	}
	if c.Namespace.FSOwner == "" {
		c.Namespace.FSOwner, c.Namespace.SuperGroup = c.User, c.SuperGroup
	}
	if c.Defaults == nil {
		c.Defaults = serverDefaults(conf.New(nil))
	}
	if c.LeaseCheck <= 0 {
		c.LeaseCheck = 2 * time.Second
	}
	if c.GroupCache <= 0 {
		c.GroupCache = 5 * time.Minute
	}
	if c.Conf == nil {
		c.Conf = func() (*conf.Conf, error) { return conf.New(nil), nil }
	}
	if c.ID == "" {
		c.ID = "0"
	}
}

// rpcOptions are the options of the RPC server.
func (c *Config) rpcOptions() hrpc.Options {
	return hrpc.Options{Logger: c.Logger, MaxFrame: c.MaxFrame}
}
