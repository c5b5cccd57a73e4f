package robustness

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/lodehq/lode/client"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

func TestNamenodeKilledUnderWriters(t *testing.T) {
	c := start(t, 3, quick()...)
	writers := []*writer{c.write("/a", 3), c.write("/b", 1)}
	for range 5 {
		for _, w := range writers {
			w.more(t, 5)
		}
		c.kill("namenode0")
		c.start()
	}
	for _, w := range writers {
		w.more(t, 5)
		w.end()
	}
	reader := c.client()
	for _, w := range writers {
		w.verify(t, reader)
	}
}

func TestDatanodesKilledUnderWritersAndReaders(t *testing.T) {
	c := start(t, 4, quick()...)
	want := random(1, 3<<20)
	reader := c.client()
	if err := reader.WriteFile(context.Background(), "/steady", want, client.CreateOptions{Replication: 3, BlockSize: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var reading sync.WaitGroup
	reads := 0
	reading.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			got, err := reader.ReadFile(context.Background(), "/steady")
			if err != nil || string(got) != string(want) {
				t.Errorf("a read while datanodes die: %d bytes, %v", len(got), err)
				return
			}
			reads++
		}
	})
	w := c.write("/w", 3)
	for i := range 4 {
		w.more(t, 3)
		c.kill(fmt.Sprintf("datanode%d", i))
		w.more(t, 3)
		c.start()
		replicas(t, reader, "/steady", 3)
	}
	w.end()
	close(stop)
	reading.Wait()
	w.verify(t, reader)
	t.Logf("%d reads beside the kills, all right", reads)
	if reads == 0 {
		t.Error("the reader has read nothing")
	}
}

func TestReplicasAreMadeAgainWhereADatanodeDied(t *testing.T) {
	c := start(t, 4, quick()...)
	cl := c.client()
	want := random(2, 2<<20)
	for i := range 4 {
		if err := cl.WriteFile(context.Background(), fmt.Sprintf("/heal%d", i), want, client.CreateOptions{Replication: 3, BlockSize: 512 << 10}); err != nil {
			t.Fatal(err)
		}
	}
	c.kill("datanode1")
	eventually(t, "the dead datanode is missed", func() error {
		// Not "blocks are short of replicas": they may be whole again between two looks.
		dead, err := cl.Namenode().GetDatanodeReport(context.Background(), &hdfspb.GetDatanodeReportRequestProto{Type: hdfspb.DatanodeReportTypeProto_DEAD.Enum()})
		if err != nil {
			return err
		}
		if len(dead.GetDi()) != 1 {
			return fmt.Errorf("%d datanodes are dead", len(dead.GetDi()))
		}
		return nil
	})
	for i := range 4 {
		name := fmt.Sprintf("/heal%d", i)
		replicas(t, cl, name, 3)
		mustRead(t, cl, name, want)
	}
}

func TestEverythingKilledAtOnce(t *testing.T) {
	c := start(t, 3, quick()...)
	w := c.write("/all", 3)
	for range 2 {
		w.more(t, 5)
		c.kill()
		c.start()
	}
	w.more(t, 3)
	w.end()
	w.verify(t, c.client())
}
