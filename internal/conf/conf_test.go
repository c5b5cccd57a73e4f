package conf

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestEveryDefaultFitsItsKey(t *testing.T) {
	for name, k := range table {
		if allowed, ok := k.allows(k.def); !ok && k.def != "" {
			t.Errorf("%s: default %q, allowed %s", name, k.def, allowed)
		}
	}
}

func TestLaterSourcesWin(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("core-site.xml", `<configuration><property><name>fs.default.name</name><value>hdfs://old:1</value></property>
<property><name>dfs.replication</name><value>5</value></property><property><name>base</name><value>/b</value></property>
<property><name>dfs.namenode.name.dir</name><value>${base}/nn</value></property></configuration>`)
	write("lode.yaml", "dfs:\n  replication: 4\nlode:\n  worker:\n    slots: 7\n")
	c, err := Load(LoadOptions{Dir: dir, Environ: []string{"HDFS_CONF_dfs_blocksize=2m", "dfs.replication=2", "PATH=/bin"}, Defines: []string{"dfs.heartbeat.interval=500ms"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.String("fs.defaultFS"); got != "hdfs://old:1" {
		t.Errorf("deprecated key: %q", got)
	}
	if got := c.Int("dfs.replication"); got != 2 {
		t.Errorf("environment over yaml over xml: %d", got)
	}
	if got := c.Bytes("dfs.blocksize"); got != 2<<20 {
		t.Errorf("blocksize %d", got)
	}
	if got := c.Duration("dfs.heartbeat.interval"); got != 500*time.Millisecond {
		t.Errorf("heartbeat %v", got)
	}
	if got := c.String("dfs.namenode.name.dir"); got != "/b/nn" {
		t.Errorf("expansion: %q", got)
	}
	if got := c.Int("lode.worker.slots"); got != 7 {
		t.Errorf("yaml: %d", got)
	}
	if got := c.Duration("dfs.namenode.heartbeat.recheck-interval"); got != 5*time.Minute {
		t.Errorf("default in its unit: %v", got)
	}
}

func TestBadValuesAreRefusedWithTheirKey(t *testing.T) {
	for _, d := range []string{"dfs.replication=three", "dfs.replication=0", "dfs.blocksize=12q", "dfs.heartbeat.interval=soon", "dfs.permissions.enabled=maybe", "dfs.checksum.type=MD5", "novalue", "=x"} {
		_, err := Load(LoadOptions{Defines: []string{d}})
		var bad *InvalidError
		if !errors.As(err, &bad) {
			t.Errorf("%s: %v", d, err)
		}
	}
}

func TestUnknownKeysWarn(t *testing.T) {
	var said []string
	if _, err := Load(LoadOptions{Defines: []string{"dfs.namenode.replicaton=3", "hive.x=1"}, Warn: func(s string) { said = append(said, s) }}); err != nil {
		t.Fatal(err)
	}
	if len(said) != 1 {
		t.Errorf("warnings: %q", said)
	}
}
