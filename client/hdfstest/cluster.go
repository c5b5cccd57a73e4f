// Package hdfstest starts a small HDFS inside a Go test: one namenode and some datanodes, on loopback ports of their own, with
// data below the test's temporary directory. It is real in everything but the processes: any HDFS client can talk to it.
//
//	func TestMine(t *testing.T) {
//		c := hdfstest.New(t, hdfstest.Options{Datanodes: 3})
//		err := c.Client().WriteFile(t.Context(), "/a/b", []byte("hello"), client.CreateOptions{})
//		…
//		c.KillDatanode(0)
//	}
//
// Everything is stopped when the test ends. Times are short (lode.profile is training): a datanode that is killed is known to
// be dead in seconds, and safe mode ends when the blocks are reported.
package hdfstest

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"testing"
	"time"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/datanode"
	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/namenode"
)

// Options say what the cluster is like.
type Options struct {
	Datanodes int               // 1 if 0
	Conf      map[string]string // Hadoop's keys, for namenode, datanodes and clients
	Logger    *slog.Logger      // nil is silence
}

// Cluster is a running HDFS. Its methods fail the test when something goes wrong.
type Cluster struct {
	t    testing.TB
	o    Options
	dir  string
	conf *conf.Conf
	nn   *namenode.Server
	dns  []*datanode.Server // nil where killed
	addr string
	user string
	c    *client.Client
}

// startup bounds how long parts of the cluster may take to come up.
const startup = 30 * time.Second

// New starts a cluster and waits until its datanodes have registered and reported.
func New(t testing.TB, o Options) *Cluster {
	t.Helper()
	if o.Datanodes == 0 {
		o.Datanodes = 1
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Cluster{t: t, o: o, dir: t.TempDir(), addr: "127.0.0.1:0", user: "hdfs"}
	pairs := map[string]string{
		"lode.profile":                               "training",
		"dfs.replication":                            fmt.Sprint(min(o.Datanodes, 3)),
		"dfs.namenode.name.dir":                      filepath.Join(c.dir, "name"),
		"dfs.namenode.http-address":                  "127.0.0.1:0",
		"dfs.namenode.fs-limits.min-block-size":      "1",
		"dfs.client.socket-timeout":                  "10000",
		"hadoop.user.group.static.mapping.overrides": "hdfs=supergroup;",
	}
	maps.Copy(pairs, o.Conf)
	c.conf = conf.New(pairs)
	t.Cleanup(c.stop)
	c.startNamenode()
	c.dns = make([]*datanode.Server, o.Datanodes)
	for i := range c.dns {
		c.RestartDatanode(i)
	}
	var err error
	if c.c, err = c.ClientAs(c.user); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *Cluster) startNamenode() {
	c.t.Helper()
	cfg, err := namenode.FromConf(c.conf.With("dfs.namenode.rpc-address", c.addr), c.o.Logger)
	if err != nil {
		c.t.Fatal(err)
	}
	cfg.User, cfg.Namespace.FSOwner = c.user, c.user
	if c.nn, err = namenode.Start(context.Background(), cfg); err != nil {
		c.t.Fatalf("namenode: %v", err)
	}
	c.addr = c.nn.Addr()
	c.conf = c.conf.With("fs.defaultFS", c.FS())
}

// Addr is host:port of the namenode's RPC port.
func (c *Cluster) Addr() string { return c.addr }

// FS is the file system's URI, hdfs://host:port.
func (c *Cluster) FS() string { return "hdfs://" + c.addr }

// Conf is the cluster's configuration, with fs.defaultFS.
func (c *Cluster) Conf() *conf.Conf { return c.conf }

// Client is a client that is the superuser. It is closed with the cluster.
func (c *Cluster) Client() *client.Client { return c.c }

// ClientAs is another client, for the caller to close.
func (c *Cluster) ClientAs(user string) (*client.Client, error) {
	return client.New(client.Options{Addresses: []string{c.addr}, User: user, Conf: c.conf, Logger: c.o.Logger})
}

// Namenode is the namenode, for tests that look inside.
func (c *Cluster) Namenode() *namenode.Server { return c.nn }

// Datanode is a datanode, nil when it is killed.
func (c *Cluster) Datanode(i int) *datanode.Server { return c.dns[i] }

// DataDir is where a datanode keeps its blocks.
func (c *Cluster) DataDir(i int) string { return filepath.Join(c.dir, fmt.Sprintf("data%d", i)) }

// KillDatanode stops a datanode; its connections break.
func (c *Cluster) KillDatanode(i int) {
	c.t.Helper()
	if c.dns[i] == nil {
		return
	}
	if err := c.dns[i].Close(); err != nil {
		c.t.Errorf("datanode %d: %v", i, err)
	}
	c.dns[i] = nil
}

// RestartDatanode starts a datanode on its data, stopping it first if it runs, and waits until it has reported its blocks.
func (c *Cluster) RestartDatanode(i int) {
	c.t.Helper()
	c.KillDatanode(i)
	cfg, err := datanode.FromConf(c.conf, []string{c.addr})
	if err != nil {
		c.t.Fatal(err)
	}
	cfg.DataDirs = []string{c.DataDir(i)}
	cfg.DataAddr, cfg.HTTPAddr, cfg.IPCAddr = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	cfg.Heartbeat = 200 * time.Millisecond
	cfg.User, cfg.Log, cfg.DomainSocket = c.user, c.o.Logger, ""
	if c.conf.String("dfs.domain.socket.path") != "" {
		cfg.DomainSocket = c.conf.String("dfs.domain.socket.path")
	}
	ctx, cancel := context.WithTimeout(context.Background(), startup)
	defer cancel()
	if c.dns[i], err = datanode.Start(context.Background(), cfg); err != nil {
		c.t.Fatalf("datanode %d: %v", i, err)
	}
	if err := c.dns[i].Ready(ctx); err != nil {
		c.t.Fatalf("datanode %d: %v", i, err)
	}
}

// RestartNamenode stops the namenode and starts it on its data and its port.
func (c *Cluster) RestartNamenode() {
	c.t.Helper()
	if err := c.nn.Close(); err != nil {
		c.t.Errorf("namenode: %v", err)
	}
	c.startNamenode()
}

func (c *Cluster) stop() {
	if c.c != nil {
		if err := c.c.Close(); err != nil {
			c.t.Errorf("client: %v", err)
		}
	}
	for i := range c.dns {
		c.KillDatanode(i)
	}
	if c.nn != nil {
		if err := c.nn.Close(); err != nil {
			c.t.Errorf("namenode: %v", err)
		}
	}
}
