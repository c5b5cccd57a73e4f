package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/lodehq/lode/internal/conf"
)

// Options says which namenode to talk to, as whom, and how. The zero value of a field is Hadoop's default.
type Options struct {
	// Addresses are host:port of the namenode's RPC port; several are an HA pair or more, of which the active one is found.
	Addresses []string
	// User is who the caller is; "" is $HADOOP_USER_NAME, then the operating system's user.
	User string
	// Conf gives Hadoop's client keys (dfs.replication, dfs.blocksize, dfs.client.*); nil is all defaults.
	Conf *conf.Conf
	// Logger hears of failovers, bad replicas and pipeline recoveries; nil is silence.
	Logger *slog.Logger
	// Dialer opens connections to namenodes and datanodes; nil is net.Dialer.
	Dialer func(ctx context.Context, network, address string) (net.Conn, error)
	// CallerContext is written into the namenode's audit log, "" is none.
	CallerContext string
}

// defaultPacket is larger than Hadoop's 64 KiB: every datanode takes packets up to 16 MiB, and fewer cost less.
const defaultPacket = 256 << 10

// settings are the client keys of Hadoop in Go's types.
type settings struct {
	blockSize        int64
	replication      int
	bytesPerChecksum int
	checksumType     string
	packetSize       int
	umask            fs.FileMode

	socketTimeout  time.Duration
	rpcTimeout     time.Duration
	connectTimeout time.Duration
	useHostname    bool

	shortCircuit    bool
	domainSocket    string
	hedgedPool      int
	hedgedThreshold time.Duration
	acquireFailures int
	prefetch        int64
	parallelBlocks  int
	replaceEnable   bool
	replacePolicy   string
	replaceBest     bool
	replaceMin      int
	blockWriteTries int
	checksumCombine string
	completeWait    time.Duration
	window          int64
}

// settingsFrom reads them. Two of Hadoop's defaults are others here: packets are larger, and when no datanode is left to replace a
// bad one with (a cluster of three that lost one) writing goes on with those that are left, unless the key says otherwise.
func settingsFrom(c *conf.Conf) settings {
	s := settings{
		blockSize:        c.Bytes("dfs.blocksize"),
		replication:      c.Int("dfs.replication"),
		bytesPerChecksum: int(c.Bytes("dfs.bytes-per-checksum")),
		checksumType:     c.String("dfs.checksum.type"),
		packetSize:       int(c.Bytes("dfs.client-write-packet-size")),
		umask:            parseUmask(c.String("fs.permissions.umask-mode")),
		socketTimeout:    c.Duration("dfs.client.socket-timeout"),
		rpcTimeout:       c.Duration("ipc.client.rpc-timeout.ms"),
		connectTimeout:   c.Duration("ipc.client.connect.timeout"),
		useHostname:      c.Bool("dfs.client.use.datanode.hostname"),
		shortCircuit:     c.Bool("dfs.client.read.shortcircuit"),
		domainSocket:     c.String("dfs.domain.socket.path"),
		hedgedPool:       c.Int("dfs.client.hedged.read.threadpool.size"),
		hedgedThreshold:  c.Duration("dfs.client.hedged.read.threshold.millis"),
		acquireFailures:  intOr(c, "dfs.client.max.block.acquire.failures", 3),
		prefetch:         int64(intOr(c, "dfs.client.read.prefetch.size", 0)),
		parallelBlocks:   intOr(c, "lode.client.read.parallel-blocks", 4),
		replaceEnable:    c.Bool("dfs.client.block.write.replace-datanode-on-failure.enable"),
		replacePolicy:    strings.ToUpper(c.String("dfs.client.block.write.replace-datanode-on-failure.policy")),
		replaceBest:      c.Bool("dfs.client.block.write.replace-datanode-on-failure.best-effort"),
		replaceMin:       intOr(c, "dfs.client.block.write.replace-datanode-on-failure.min-replication", 0),
		blockWriteTries:  c.Int("dfs.client.block.write.retries"),
		checksumCombine:  strings.ToUpper(c.String("dfs.checksum.combine.mode")),
		completeWait:     time.Minute,
		window:           16 << 20,
	}
	if !c.Explicit("dfs.client-write-packet-size") {
		s.packetSize = defaultPacket
	}
	if !c.Explicit("dfs.client.block.write.replace-datanode-on-failure.best-effort") {
		s.replaceBest = true
	}
	return s
}

// intOr reads a key that the table of defaults may not have.
func intOr(c *conf.Conf, key string, def int) int {
	if n, err := strconv.Atoi(strings.TrimSpace(c.String(key))); err == nil {
		return n
	}
	return def
}

// parseUmask reads an octal umask; a symbolic one (u=rwx,g=rx,o=) is understood too. 022 when it is neither.
func parseUmask(s string) fs.FileMode {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseUint(s, 8, 16); err == nil {
		return fs.FileMode(n) & 0o777
	}
	allowed, ok := fs.FileMode(0), false
	for part := range strings.SplitSeq(s, ",") {
		who, what, found := strings.Cut(part, "=")
		if !found {
			return 0o022
		}
		var bits fs.FileMode
		for _, r := range what {
			switch r {
			case 'r':
				bits |= 4
			case 'w':
				bits |= 2
			case 'x':
				bits |= 1
			}
		}
		if who == "" || who == "a" {
			who = "ugo"
		}
		for _, r := range who {
			switch r {
			case 'u':
				allowed |= bits << 6
			case 'g':
				allowed |= bits << 3
			case 'o':
				allowed |= bits
			}
		}
		ok = true
	}
	if !ok {
		return 0o022
	}
	return 0o777 &^ allowed
}

// ErrNoNamenode says that the configuration does not name a namenode.
var ErrNoNamenode = errors.New("no namenode is configured: set fs.defaultFS to hdfs://HOST:PORT, or give -fs hdfs://HOST:PORT")

// ResolveURI turns the authority of an hdfs:// URI into the addresses behind it: those of a name service of the
// configuration (dfs.ha.namenodes.<name>), or the one address, with port 8020 when it has none.
func ResolveURI(c *conf.Conf, authority string) ([]string, error) {
	if authority == "" {
		return nil, ErrNoNamenode
	}
	if ids := c.String("dfs.ha.namenodes." + authority); ids != "" {
		var addresses []string
		for id := range strings.SplitSeq(ids, ",") {
			key := "dfs.namenode.rpc-address." + authority + "." + strings.TrimSpace(id)
			address := c.String(key)
			if address == "" {
				return nil, fmt.Errorf("name service %s lists namenode %s, but %s is not set", authority, id, key)
			}
			addresses = append(addresses, withPort(address))
		}
		return addresses, nil
	}
	if address := c.String("dfs.namenode.rpc-address." + authority); address != "" {
		return []string{withPort(address)}, nil
	}
	return []string{withPort(authority)}, nil
}

func withPort(address string) string {
	if _, _, err := net.SplitHostPort(address); err == nil {
		return address
	}
	return net.JoinHostPort(strings.Trim(address, "[]"), "8020")
}

// FromConf makes a client of the file system that fs.defaultFS names, as $HADOOP_USER_NAME or the operating system's user.
func FromConf(c *conf.Conf) (*Client, error) {
	def := c.String("fs.defaultFS")
	u, err := url.Parse(def)
	if err != nil {
		return nil, fmt.Errorf("fs.defaultFS = %q: %w", def, err)
	}
	if u.Scheme != "hdfs" && u.Scheme != "lode" {
		return nil, fmt.Errorf("fs.defaultFS = %q: %w", def, ErrNoNamenode)
	}
	addresses, err := ResolveURI(c, u.Host)
	if err != nil {
		return nil, err
	}
	who := ""
	if u.User != nil {
		who = u.User.Username()
	}
	return New(Options{Addresses: addresses, User: who, Conf: c})
}

// currentUser is who Hadoop takes the caller for without security (UserGroupInformation).
func currentUser() (string, error) {
	if name := os.Getenv("HADOOP_USER_NAME"); name != "" {
		return name, nil
	}
	u, err := user.Current()
	if err != nil {
		return "", fmt.Errorf("who is the caller? set HADOOP_USER_NAME: %w", err)
	}
	return u.Username, nil
}
