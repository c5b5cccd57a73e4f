package datanode

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lodehq/lode/datanode/blockstore"
	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/vfs"
)

// Config of a datanode. Namenodes and DataDirs are required; everything else has Apache's defaults.
type Config struct {
	Namenodes []string // host:port of every namenode of the name service
	Lifelines []string // host:port of lifeline servers (dfs.namenode.lifeline.rpc-address), if any
	DataDirs  []string // directories, with the storage type before them if it is not DISK: [SSD]/path

	DataAddr, HTTPAddr, IPCAddr string // listen addresses, 127.0.0.1 and any port when empty
	Hostname                    string // the name that this datanode registers, its address when empty
	AdvertiseAddr               string // the IP address that it registers; the namenode replaces it by the one it sees
	DomainSocket                string // path of the UNIX socket for short-circuit reads, none when empty
	User                        string // who calls the namenode, "hdfs" when empty

	Reserved        int64 // bytes of each volume left to others
	FailedTolerated int   // volumes that may fail
	SyncOnClose     bool

	Heartbeat      time.Duration // 3 s
	FullReport     time.Duration // 6 h
	ReportDelay    time.Duration // before the first full report
	ReportSplit    int           // replicas in one report message, 1,000,000
	LifelineAfter  time.Duration // silence before a lifeline is sent, 3 heartbeats
	Retry          time.Duration // between attempts to reach a namenode, 1 s at most; attempts begin at 50 ms
	ScanPeriod     time.Duration // every replica is verified once in this time, 504 h; negative is never
	ScanBandwidth  int64         // bytes a second for that, 1 MiB
	DirectoryScan  time.Duration // between comparisons of disk and table, 6 h; negative is never
	SocketTimeout  time.Duration
	WriteTimeout   time.Duration
	KeepAlive      time.Duration
	MaxXceivers    int
	UseHostname    bool
	BalanceRate    int64
	BalanceMoves   int
	TransferRate   int64
	RecoveryWindow time.Duration // one call to another datanode in block recovery, 1 min

	FS     vfs.FS
	Dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	Listen func(network, addr string) (net.Listener, error) // net.Listen when nil
	// ListenHTTP opens the web port, whose protocol can prove who calls; Listen when nil.
	ListenHTTP func(network, addr string) (net.Listener, error)
	Now        func() time.Time
	Log        *slog.Logger
	Metrics    *prometheus.Registry
	// HTTP serves the web port; Server.SetHTTP can give it later.
	HTTP http.Handler
}

func or[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

func (c *Config) fill() {
	or(&c.DataAddr, "127.0.0.1:0")
	or(&c.HTTPAddr, "127.0.0.1:0")
	or(&c.IPCAddr, "127.0.0.1:0")
	or(&c.User, "hdfs")
	or(&c.Heartbeat, 3*time.Second)
	or(&c.FullReport, 6*time.Hour)
	or(&c.ReportSplit, 1_000_000)
	or(&c.LifelineAfter, 3*c.Heartbeat)
	or(&c.Retry, time.Second)
	or(&c.ScanPeriod, 504*time.Hour)
	or(&c.ScanBandwidth, 1<<20)
	or(&c.DirectoryScan, 6*time.Hour)
	or(&c.RecoveryWindow, time.Minute)
	if c.FS == nil {
		c.FS = vfs.OS()
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{}).DialContext
	}
	if c.Listen == nil {
		c.Listen = net.Listen
	}
	if c.ListenHTTP == nil {
		c.ListenHTTP = c.Listen
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// FromConf reads a Config from Hadoop's keys. Namenodes are those of fs.defaultFS unless given.
func FromConf(c *conf.Conf, namenodes []string) (Config, error) {
	if len(namenodes) == 0 {
		u, err := url.Parse(c.String("fs.defaultFS"))
		if err != nil || u.Host == "" {
			return Config{}, fmt.Errorf("fs.defaultFS is %q, expected hdfs://host:port of the namenode", c.String("fs.defaultFS"))
		}
		host := u.Host
		if u.Port() == "" {
			host = net.JoinHostPort(u.Hostname(), "8020")
		}
		namenodes = []string{host}
	}
	return Config{
		Namenodes: namenodes, DataDirs: c.Strings("dfs.datanode.data.dir"),
		DataAddr: c.String("dfs.datanode.address"), HTTPAddr: c.String("dfs.datanode.http.address"), IPCAddr: c.String("dfs.datanode.ipc.address"),
		Hostname: c.String("dfs.datanode.hostname"), DomainSocket: c.String("dfs.domain.socket.path"),
		Reserved: c.Bytes("dfs.datanode.du.reserved"), FailedTolerated: c.Int("dfs.datanode.failed.volumes.tolerated"),
		SyncOnClose: c.Bool("dfs.datanode.synconclose"), Heartbeat: c.Duration("dfs.heartbeat.interval"),
		FullReport: c.Duration("dfs.blockreport.intervalMsec"), ReportDelay: c.Duration("dfs.blockreport.initialDelay"),
		ReportSplit: c.Int("dfs.blockreport.split.threshold"), LifelineAfter: c.Duration("dfs.datanode.lifeline.interval.seconds"),
		ScanPeriod: time.Duration(c.Int("dfs.datanode.scan.period.hours")) * time.Hour, DirectoryScan: c.Duration("dfs.datanode.directoryscan.interval"),
		WriteTimeout: c.Duration("dfs.datanode.socket.write.timeout"), KeepAlive: c.Duration("dfs.datanode.socket.reuse.keepalive"),
		MaxXceivers: c.Int("dfs.datanode.max.transfer.threads"), BalanceRate: c.Bytes("dfs.datanode.balance.bandwidthPerSec"),
		BalanceMoves: c.Int("dfs.datanode.balance.max.concurrent.moves"), TransferRate: c.Bytes("dfs.datanode.data.transfer.bandwidthPerSec"),
	}, nil
}

// volumes parses data directories: "/path", "[SSD]/path", "file:///path", "[ARCHIVE]file:///path".
func (c *Config) volumes() ([]blockstore.VolumeConfig, error) {
	var out []blockstore.VolumeConfig
	for _, d := range c.DataDirs {
		v := blockstore.VolumeConfig{Dir: strings.TrimSpace(d), Reserved: c.Reserved, Type: hdfs.StorageDisk}
		if rest, ok := strings.CutPrefix(v.Dir, "["); ok {
			name, dir, ok := strings.Cut(rest, "]")
			kind, known := storageTypes[strings.ToUpper(name)]
			if !ok || !known {
				return nil, fmt.Errorf("dfs.datanode.data.dir: %q: the storage type is one of DISK, SSD, ARCHIVE, RAM_DISK, NVDIMM, as in [SSD]/data/1", d)
			}
			v.Type, v.Dir = kind, dir
		}
		v.Dir = strings.TrimPrefix(v.Dir, "file://")
		if v.Dir == "" {
			return nil, fmt.Errorf("dfs.datanode.data.dir: %q names no directory", d)
		}
		out = append(out, v)
	}
	return out, nil
}

var storageTypes = map[string]hdfs.StorageType{
	"DISK": hdfs.StorageDisk, "SSD": hdfs.StorageSSD, "ARCHIVE": hdfs.StorageArchive, "RAM_DISK": hdfs.StorageRAMDisk, "NVDIMM": hdfs.StorageNVDIMM,
}
