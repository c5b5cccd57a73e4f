package datanode

import (
	"strings"
	"testing"
	"time"

	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/internal/hdfs"
)

func TestConfigFromHadoopsKeys(t *testing.T) {
	c, err := FromConf(conf.New(map[string]string{"fs.defaultFS": "hdfs://nn", "dfs.datanode.data.dir": "[SSD]/a,file:///b", "dfs.heartbeat.interval": "1"}), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Namenodes[0] != "nn:8020" || c.Heartbeat != time.Second || c.FullReport != 6*time.Hour || c.MaxXceivers != 4096 || c.BalanceRate != 100<<20 || c.LifelineAfter != 9*time.Second {
		t.Fatalf("%+v", c)
	}
	v, err := c.volumes()
	if err != nil || len(v) != 2 || v[0].Type != hdfs.StorageSSD || v[0].Dir != "/a" || v[1].Dir != "/b" {
		t.Fatalf("%+v %v", v, err)
	}
	c.DataDirs = []string{"[TAPE]/a"}
	if _, err := c.volumes(); err == nil || !strings.Contains(err.Error(), "ARCHIVE") {
		t.Fatalf("%v", err)
	}
}
